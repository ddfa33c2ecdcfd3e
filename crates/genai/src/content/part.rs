//! Parts of messages, in the shapes of OpenTelemetry, OpenAI, Anthropic, Gemini, Bedrock, Vercel,
//! LangChain, Pydantic AI and OpenInference.

use serde_json::Value;

use super::Part;
use super::json::{
    Budget, DEPTH_MAX, Fields, opened, shown, structure, take, take_fields, take_text, text_in,
};
use super::media::media;

/// Members that hold the text of a part.
const TEXTS: [&str; 8] =
    ["content", "text", "thinking", "reasoning", "summary", "refusal", "value", "data"];
/// Members that hold the result of a tool.
const RESULTS: [&str; 7] =
    ["response", "result", "content", "output", "server_tool_call_response", "results", "error"];
/// Members that hold the id of a call.
const IDS: [&str; 9] = [
    "tool_call_id",
    "tool_use_id",
    "toolCallId",
    "toolUseId",
    "call_id",
    "id",
    "tool_call.id",
    "item_id",
    "tool_id",
];

/// Appends the parts that a message's content is made of.
pub(super) fn read_parts(content: Value, depth: usize, budget: &mut Budget, out: &mut Vec<Part>) {
    if depth >= DEPTH_MAX {
        budget.truncated |= !content.is_null();
        return;
    }
    match content {
        Value::Null => {}
        Value::String(text) => match parts_in_text(&text) {
            Some(list) if depth == 0 => read_parts(list, depth + 1, budget, out),
            _ => push_text(text, budget, out),
        },
        Value::Array(list) => {
            for one in list {
                read_parts(one, depth + 1, budget, out);
            }
        }
        Value::Object(fields) => read_part(fields, depth, budget, out),
        other => push_text(other.to_string(), budget, out),
    }
}

/// Some emitters write the parts of a content as JSON into one text.
fn parts_in_text(text: &str) -> Option<Value> {
    let list = structure(text).filter(Value::is_array)?;
    let is_part = |one: &Value| one.as_object().is_some_and(|one| one.contains_key("type"));
    let items = list.as_array()?;
    (!items.is_empty() && items.iter().all(is_part)).then_some(list)
}

pub(super) fn push_text(text: String, budget: &mut Budget, out: &mut Vec<Part>) {
    if !text.is_empty() && budget.part() {
        out.push(Part::Text { text });
    }
}

pub(super) fn push_reasoning(text: String, budget: &mut Budget, out: &mut Vec<Part>) {
    if !text.is_empty() && budget.part() {
        out.push(Part::Reasoning { text });
    }
}

/// What a part says it is: lower case, with underscores.
pub(super) fn type_of(fields: &Fields) -> String {
    text_in(fields, &["type", "part_kind", "kind"]).to_ascii_lowercase().replace(['-', '.'], "_")
}

fn read_part(mut fields: Fields, depth: usize, budget: &mut Budget, out: &mut Vec<Part>) {
    if let Some(inner) = take_fields(&mut fields, &["message_content"]) {
        return read_parts(Value::Object(inner), depth + 1, budget, out);
    }
    let kind = type_of(&fields);
    // OpenInference tells calls apart from the contents and leaves their type here.
    if fields.len() == 1 && !kind.is_empty() {
        return;
    }
    let found = match kind.as_str() {
        "" => untyped(&mut fields),
        "text" | "input_text" | "output_text" | "user_prompt" | "system_prompt" | "refusal" => {
            return text_part(fields, depth, budget, out);
        }
        "reasoning" | "thinking" | "thought" | "redacted_thinking" | "reasoning_text" => {
            Some(Part::Reasoning { text: text_of(&mut fields, depth) })
        }
        kind if is_result(kind) => Some(result(&mut fields)),
        kind if is_call(kind) => Some(call(fields.clone())),
        kind => media(&fields, kind),
    };
    match found {
        Some(Part::Text { text }) => push_text(text, budget, out),
        Some(Part::Reasoning { text }) => push_reasoning(text, budget, out),
        Some(part) if budget.part() => out.push(part),
        Some(_) => {}
        None => unknown(fields, depth, budget, out),
    }
}

fn text_part(mut fields: Fields, depth: usize, budget: &mut Budget, out: &mut Vec<Part>) {
    // Gemini marks thoughts on parts that are text else.
    if fields.get("thought").and_then(Value::as_bool) == Some(true) {
        return push_reasoning(text_of(&mut fields, depth), budget, out);
    }
    match take(&mut fields, &TEXTS) {
        Some(Value::String(text)) => push_text(text, budget, out),
        Some(inner) => read_parts(inner, depth + 1, budget, out),
        None => {}
    }
}

/// A part that has no name here: its text where it is little else, or all of it.
fn unknown(mut fields: Fields, depth: usize, budget: &mut Budget, out: &mut Vec<Part>) {
    let is_wrapper = fields.len() <= 2 && fields.get("content").is_some_and(Value::is_array);
    if is_wrapper {
        let inner = fields.remove("content").unwrap_or_default();
        return read_parts(inner, depth + 1, budget, out);
    }
    if fields.len() <= 2
        && let Some(text) = take_text(&mut fields, &["content", "text"])
    {
        return push_text(text, budget, out);
    }
    if !fields.is_empty() && budget.part() {
        out.push(Part::Other { value: Value::Object(fields) });
    }
}

/// Whether a part of this type is the result of a tool.
pub(super) fn is_result(kind: &str) -> bool {
    matches!(kind, "tool_call_response" | "tool_return" | "server_tool_call_response")
        || matches!(kind, "builtin_tool_return" | "function_response" | "tool_response")
        || kind.ends_with("tool_result")
        || kind.ends_with("_call_output")
}

/// Whether a part of this type asks for a tool.
pub(super) fn is_call(kind: &str) -> bool {
    matches!(kind, "tool_call" | "tool_use" | "function" | "builtin_tool_call")
        || kind.ends_with("_tool_use")
        || kind.ends_with("_call")
        || kind == "server_tool_call"
}

/// Gemini and Bedrock name a part by its only member.
fn untyped(fields: &mut Fields) -> Option<Part> {
    if let Some(inner) = take_fields(fields, &["functionCall", "function_call", "toolUse"]) {
        return Some(call(inner));
    }
    if let Some(mut inner) =
        take_fields(fields, &["functionResponse", "function_response", "toolResult"])
    {
        return Some(result(&mut inner));
    }
    if let Some(mut inner) = take_fields(fields, &["reasoningContent", "reasoning_content"]) {
        let text = match take_fields(&mut inner, &["reasoningText"]) {
            Some(mut inner) => text_of(&mut inner, 0),
            None => text_of(&mut inner, 0),
        };
        return Some(Part::Reasoning { text });
    }
    let is_thought = fields.get("thought").and_then(Value::as_bool) == Some(true);
    if fields.get("text").is_some_and(Value::is_string) {
        let text = take_text(fields, &["text"])?;
        return Some(if is_thought { Part::Reasoning { text } } else { Part::Text { text } });
    }
    if fields.contains_key("name") && fields.contains_key("arguments") {
        return Some(call(std::mem::take(fields)));
    }
    media(fields, "")
}

/// The text of a part; of lists of texts and of objects with one, all of them.
fn text_of(fields: &mut Fields, depth: usize) -> String {
    take(fields, &TEXTS).map(|value| joined(value, depth)).unwrap_or_default()
}

fn joined(value: Value, depth: usize) -> String {
    match value {
        _ if depth >= DEPTH_MAX => String::new(),
        Value::Array(list) => {
            let texts = list.into_iter().map(|one| joined(one, depth + 1));
            texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
        }
        Value::Object(mut fields) => text_of(&mut fields, depth + 1),
        other => shown(other),
    }
}

/// A call of a tool, however it is wrapped.
pub(super) fn call(mut fields: Fields) -> Part {
    if let Some(inner) = take_fields(&mut fields, &["tool_call"]) {
        fields = inner;
    }
    let mut id = take_text(&mut fields, &IDS).unwrap_or_default();
    if let Some(inner) = take_fields(&mut fields, &["function"]) {
        fields = inner;
        if id.is_empty() {
            id = take_text(&mut fields, &IDS).unwrap_or_default();
        }
    }
    let kind = type_of(&fields);
    let name = take_text(&mut fields, &["name", "toolName", "tool_name", "function_name"]);
    let names =
        ["arguments", "args", "input", "parameters", "server_tool_call", "action", "queries"];
    let arguments = take(&mut fields, &names).map_or(Value::Null, opened);
    Part::ToolCall { id, name: name.unwrap_or(kind), arguments }
}

/// What a tool gave, as a part.
fn result(fields: &mut Fields) -> Part {
    let id = take_text(fields, &IDS).or_else(|| take_text(fields, &["name"])).unwrap_or_default();
    let result = take(fields, &RESULTS).map_or(Value::Null, plain_result);
    Part::ToolResult { id, result }
}

/// A result without the wrapping that says how it is written.
pub(super) fn plain_result(value: Value) -> Value {
    match opened(value) {
        Value::Array(list) if !list.is_empty() && list.iter().all(is_plain_text) => {
            let texts = list.into_iter().map(|one| joined(one, 0)).collect::<Vec<_>>();
            opened(Value::String(texts.join("\n")))
        }
        // Bedrock: [{ json }].
        Value::Array(mut list) if list.len() == 1 && is_bedrock_json(list.first()) => {
            let only = list.pop().unwrap_or_default();
            only.as_object().and_then(|only| only.get("json")).cloned().unwrap_or_default()
        }
        // Vercel: { type: "json", value }.
        Value::Object(mut fields)
            if fields.len() == 2 && fields.contains_key("type") && fields.contains_key("value") =>
        {
            fields.remove("value").unwrap_or_default()
        }
        other => other,
    }
}

fn is_bedrock_json(part: Option<&Value>) -> bool {
    let fields = part.and_then(Value::as_object);
    fields.is_some_and(|fields| fields.len() == 1 && fields.contains_key("json"))
}

/// Whether this is a part that is nothing but text.
fn is_plain_text(part: &Value) -> bool {
    let Some(fields) = part.as_object() else { return false };
    let has_text = fields.get("text").or(fields.get("content")).is_some_and(Value::is_string);
    has_text && matches!(type_of(fields).as_str(), "" | "text" | "input_text" | "output_text")
}
