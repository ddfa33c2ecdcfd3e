//! Messages, and what they come wrapped in: requests and responses of providers' APIs, states of
//! graphs, lists of lists.

use serde_json::Value;

use super::json::{
    Budget, DEPTH_MAX, Fields, MESSAGES_MAX, opened, shown, take, take_fields, take_text, text_in,
};
use super::part::{
    call, is_call, is_result, plain_result, push_reasoning, push_text, read_parts, type_of,
};
use super::{Message, Part};

/// Which way messages went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// To the model.
    In,
    /// From the model.
    Out,
}

impl Direction {
    /// The role of a message that names none.
    pub(super) fn role(self) -> &'static str {
        match self {
            Self::In => "user",
            Self::Out => "assistant",
        }
    }
}

/// Members that may hold the messages of a request or of a graph's state, in this order.
const INPUTS: [&str; 12] = [
    "messages",
    "contents",
    "input_messages",
    "chat_history",
    "prompt",
    "prompts",
    "input",
    "inputs",
    "question",
    "query",
    "body",
    "request",
];
/// Members that may hold the messages of a response.
const OUTPUTS: [&str; 17] = [
    "choices",
    "candidates",
    "generations",
    "output",
    "outputs",
    "message",
    "messages",
    "response",
    "completion",
    "result",
    "answer",
    "content",
    "text",
    "results",
    "final_output",
    "object",
    "update",
];
/// Members that hold instructions to the model.
const INSTRUCTIONS: [&str; 5] =
    ["system", "systemInstruction", "system_instruction", "instructions", "system_instructions"];
const FINISH_REASONS: [&str; 5] =
    ["finish_reason", "finishReason", "stop_reason", "stopReason", "done_reason"];

/// Reads messages out of whatever they come in, at most [`MESSAGES_MAX`].
pub(super) fn read_messages(
    value: Value,
    direction: Direction,
    budget: &mut Budget,
) -> Vec<Message> {
    let mut out = Vec::new();
    push_messages(value, direction.role(), direction, 0, budget, &mut out);
    budget.cut(&mut out, MESSAGES_MAX);
    out
}

/// As [`read_messages`], of a role that is known: a text, a list of parts, or messages.
pub(super) fn read_of_role(value: Value, role: &str, budget: &mut Budget) -> Vec<Message> {
    let mut out = Vec::new();
    push_messages(value, role, Direction::In, 0, budget, &mut out);
    budget.cut(&mut out, MESSAGES_MAX);
    out
}

fn push_messages(
    value: Value,
    role: &str,
    direction: Direction,
    depth: usize,
    budget: &mut Budget,
    out: &mut Vec<Message>,
) {
    if depth >= DEPTH_MAX || out.len() > MESSAGES_MAX {
        budget.truncated = true;
        return;
    }
    match opened(value) {
        Value::Array(list) if list.iter().any(is_message) => {
            for one in list {
                push_messages(one, role, direction, depth + 1, budget, out);
            }
        }
        // A batch: one list of messages for each of several calls, or alternatives of an answer.
        Value::Array(list) if list.iter().any(holds_messages) => {
            for one in list {
                push_messages(one, role, direction, depth + 1, budget, out);
            }
        }
        Value::Object(fields) if is_message_fields(&fields) => {
            push_message(message(fields, role, depth, budget), out);
        }
        Value::Object(fields) => envelope(fields, role, direction, depth, budget, out),
        Value::Array(list) => {
            let list = list.into_iter().filter(|one| one.is_string() || one.is_object());
            push_message(of_parts(Value::Array(list.collect()), role, budget), out);
        }
        text @ Value::String(_) => push_message(of_parts(text, role, budget), out),
        _ => {}
    }
}

fn push_message(message: Message, out: &mut Vec<Message>) {
    if !message.parts.is_empty() {
        out.push(message);
    }
}

/// A message of a role made of parts alone. Calls are the model's, results the tools'.
fn of_parts(content: Value, role: &str, budget: &mut Budget) -> Message {
    let mut parts = Vec::new();
    read_parts(content, 0, budget, &mut parts);
    let role = match parts.first() {
        Some(Part::ToolResult { .. }) => "tool",
        Some(Part::ToolCall { .. } | Part::Reasoning { .. }) => "assistant",
        _ => role,
    };
    Message { role: role.to_owned(), name: String::new(), parts, finish_reason: String::new() }
}

fn is_message(value: &Value) -> bool {
    value.as_object().is_some_and(is_message_fields)
}

/// Whether a list holds a list of messages or a response that does.
fn holds_messages(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(|one| is_message(one) || holds_generation(one)),
        other => holds_generation(other),
    }
}

fn holds_generation(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| {
        let has_content = fields.get("content").is_some_and(Value::is_object);
        (has_content && !fields.contains_key("type"))
            || fields.contains_key("generation_info")
            || fields.get("messages").is_some_and(Value::is_array)
            || fields.get("update").is_some_and(Value::is_object)
            || (fields.contains_key("text")
                && FINISH_REASONS.iter().any(|n| fields.contains_key(*n)))
    })
}

fn is_message_fields(fields: &Fields) -> bool {
    let has = |name: &str| fields.contains_key(name);
    let has_content =
        ["content", "parts", "contents", "data", "text", "tool_calls"].iter().any(|name| has(name));
    let speaks = fields.get("role").is_some_and(Value::is_string);
    let is_constructor = has("lc") && fields.get("kwargs").is_some_and(Value::is_object);
    let is_wrapped = fields.get("message").is_some_and(Value::is_object) && !has("messages");
    let kind = text_in(fields, &["type", "kind"]);
    speaks
        || is_constructor
        || is_wrapped
        || has("event.name")
        || (has_content && role_of_type(kind).is_some())
        || (has("parts") && fields.get("parts").is_some_and(Value::is_array))
        || (has_content && has("source") && kind.ends_with("Message"))
}

/// The role that LangChain, LlamaIndex, AutoGen and Pydantic AI tell by the type of a message.
fn role_of_type(kind: &str) -> Option<&'static str> {
    let kind = kind.rsplit(['.', '/']).next().unwrap_or(kind);
    let plain = kind.trim_end_matches("Chunk").trim_end_matches("Message").to_ascii_lowercase();
    match plain.as_str() {
        "human" | "user" => Some("user"),
        "ai" | "assistant" | "model" => Some("assistant"),
        "system" => Some("system"),
        "tool" | "function" if kind != "function" => Some("tool"),
        "chat" | "message" => Some(""),
        _ => None,
    }
}

/// Names that mean one of the four roles become it; others stay.
pub(super) fn role_named(role: &str) -> String {
    let last = role.rsplit('.').next().unwrap_or(role).to_ascii_lowercase();
    match last.as_str() {
        "human" => "user".to_owned(),
        "ai" | "model" | "chatbot" | "bot" => "assistant".to_owned(),
        "function" | "ipython" | "tool_result" => "tool".to_owned(),
        _ => last,
    }
}

/// A message in any of the shapes.
pub(super) fn message(
    mut fields: Fields,
    role: &str,
    depth: usize,
    budget: &mut Budget,
) -> Message {
    let mut finish_reason = finish_reason(&mut fields);
    let mut told = take_text(&mut fields, &["role"]).map(|role| role_named(&role));
    fields = unwrapped(fields, &mut told);
    let told = told
        .or_else(|| take_text(&mut fields, &["role"]).map(|role| role_named(&role)))
        .or_else(|| role_of_event(text_in(&fields, &["event.name"])).map(str::to_owned))
        .or_else(|| role_of_type(text_in(&fields, &["type"])).map(str::to_owned));
    let role = told.filter(|role| !role.is_empty()).unwrap_or_else(|| role.to_owned());
    finish_reason = finish_reason.or_else(|| self::finish_reason(&mut fields));
    let ids = ["tool_call_id", "toolCallId", "id"];
    let call_id = take_text(&mut fields, &ids).unwrap_or_default();
    let name = take_text(&mut fields, &["name", "tool_name", "source"]).unwrap_or_default();
    let mut parts = Vec::new();
    for key in ["reasoning_content", "reasoning", "thinking"] {
        if let Some(text) = take_text(&mut fields, &[key]) {
            push_reasoning(text, budget, &mut parts);
        }
    }
    let contents = take(&mut fields, &["parts", "contents"]).filter(|parts| parts != "");
    let content = contents.or_else(|| take(&mut fields, &["content", "text"]));
    if role == "tool" {
        push_results(content, call_id, budget, &mut parts);
    } else {
        read_parts(content.unwrap_or_default(), depth.min(1), budget, &mut parts);
    }
    push_calls(&mut fields, budget, &mut parts);
    if let Some(text) = take_text(&mut fields, &["refusal"]) {
        push_text(text, budget, &mut parts);
    }
    Message { role, name, parts, finish_reason: finish_reason.unwrap_or_default() }
}

/// Why the model ended, which LangChain tells one level deeper.
fn finish_reason(fields: &mut Fields) -> Option<String> {
    take_text(fields, &FINISH_REASONS).or_else(|| {
        let mut inner = take_fields(fields, &["generation_info", "response_metadata"])?;
        take_text(&mut inner, &FINISH_REASONS)
    })
}

/// The message inside of what LangChain, OpenInference and choices of providers put around it.
fn unwrapped(mut fields: Fields, told: &mut Option<String>) -> Fields {
    if fields.contains_key("lc")
        && let Some(inner) = take_fields(&mut fields, &["kwargs"])
    {
        let last = fields.get("id").and_then(Value::as_array).and_then(|id| id.last());
        *told = last.and_then(Value::as_str).and_then(role_of_type).map(str::to_owned);
        fields = inner;
    } else if fields.contains_key("type")
        && let Some(inner) = take_fields(&mut fields, &["data"])
    {
        *told = role_of_type(text_in(&fields, &["type"])).map(str::to_owned);
        fields = inner;
    }
    if let Some(inner) = take_fields(&mut fields, &["message"]) {
        let event = fields.remove("event.name");
        fields = inner;
        if fields.contains_key("kwargs") || fields.contains_key("data") {
            let mut inner_told = None;
            fields = unwrapped_once(fields, &mut inner_told);
            *told = told.take().or(inner_told);
        }
        if let Some(event) = event {
            fields.insert("event.name".to_owned(), event);
        }
    }
    fields
}

fn unwrapped_once(mut fields: Fields, told: &mut Option<String>) -> Fields {
    let last = fields.get("id").and_then(Value::as_array).and_then(|id| id.last());
    let by_id = last.and_then(Value::as_str).and_then(role_of_type);
    *told = by_id.or_else(|| role_of_type(text_in(&fields, &["type"]))).map(str::to_owned);
    take_fields(&mut fields, &["kwargs", "data"]).unwrap_or(fields)
}

/// The role that an event of older conventions tells by its name.
pub(super) fn role_of_event(name: &str) -> Option<&'static str> {
    match name {
        "gen_ai.system.message" => Some("system"),
        "gen_ai.user.message" | "gen_ai.content.prompt" => Some("user"),
        "gen_ai.assistant.message" | "gen_ai.choice" | "gen_ai.content.completion" => {
            Some("assistant")
        }
        "gen_ai.tool.message" => Some("tool"),
        _ => None,
    }
}

/// What a tool's message says is a result, unless its parts say so themselves.
fn push_results(content: Option<Value>, id: String, budget: &mut Budget, out: &mut Vec<Part>) {
    let Some(content) = content else { return };
    let says_itself = content.as_array().is_some_and(|list| {
        list.iter().filter_map(Value::as_object).any(|part| {
            is_result(&type_of(part))
                || ["functionResponse", "function_response", "toolResult", "message_content"]
                    .iter()
                    .any(|name| part.contains_key(*name))
        })
    });
    if says_itself {
        let from = out.len();
        read_parts(content, 1, budget, out);
        for part in out.iter_mut().skip(from) {
            if let Part::Text { text } = part {
                let result = Value::String(std::mem::take(text));
                *part = Part::ToolResult { id: id.clone(), result };
            }
        }
    } else if budget.part() {
        out.push(Part::ToolResult { id, result: plain_result(content) });
    }
}

fn push_calls(fields: &mut Fields, budget: &mut Budget, out: &mut Vec<Part>) {
    let calls = take(fields, &["tool_calls", "toolCalls"]).map(opened);
    // LangChain keeps the provider's own calls beside its own: they are the same.
    let calls = calls.filter(|calls| calls.as_array().is_some_and(|list| !list.is_empty()));
    let calls = calls.or_else(|| {
        let mut more = take_fields(fields, &["additional_kwargs"])?;
        take(&mut more, &["tool_calls", "function_call"])
    });
    let list = match calls.or_else(|| take(fields, &["function_call"]).map(opened)) {
        Some(Value::Array(list)) => list,
        Some(one @ Value::Object(_)) => vec![one],
        _ => return,
    };
    for one in list {
        let Value::Object(one) = one else { continue };
        let part = call(one);
        // Anthropic's and LangChain's contents may tell of the same call again.
        let is_known = matches!(&part, Part::ToolCall { id, .. } if !id.is_empty() && out.iter()
            .any(|known| matches!(known, Part::ToolCall { id: known, .. } if known == id)));
        if !is_known && budget.part() {
            out.push(part);
        }
    }
}

/// What lies around messages: a request, a response, a graph's state. What is none of them is
/// shown as it is.
fn envelope(
    mut fields: Fields,
    role: &str,
    direction: Direction,
    depth: usize,
    budget: &mut Budget,
    out: &mut Vec<Message>,
) {
    // Items of OpenAI's Responses API are messages or parts.
    let kind = type_of(&fields);
    if !kind.is_empty() && (is_call(&kind) || is_result(&kind) || kind == "reasoning") {
        return push_message(of_parts(Value::Object(fields), role, budget), out);
    }
    let before = out.len();
    if direction == Direction::In
        && let Some(system) = take(&mut fields, &INSTRUCTIONS)
    {
        push_system(system, depth, budget, out);
    }
    if direction == Direction::Out && push_answer(&mut fields, role, depth, budget, out) {
        return;
    }
    let names: &[&str] = if direction == Direction::In { &INPUTS } else { &OUTPUTS };
    let found = names.iter().find(|name| fields.get(**name).is_some_and(is_filled));
    if let Some(inner) = found.and_then(|name| fields.remove(*name)) {
        let finish = take_text(&mut fields, &FINISH_REASONS);
        push_messages(inner, role, direction, depth + 1, budget, out);
        if let (Some(finish), Some(last)) =
            (finish, out.get_mut(before..).and_then(<[_]>::last_mut))
            && last.finish_reason.is_empty()
        {
            last.finish_reason = finish;
        }
    }
    if out.len() == before && !fields.is_empty() {
        push_message(of_parts(Value::Object(fields), role, budget), out);
    }
}

fn is_filled(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => false,
    }
}

fn push_system(system: Value, depth: usize, budget: &mut Budget, out: &mut Vec<Message>) {
    // Gemini wraps instructions as a content with parts.
    let inner = match opened(system) {
        Value::Object(mut fields) => take(&mut fields, &["parts", "content", "text"]),
        other => Some(other),
    };
    let from = out.len();
    push_messages(inner.unwrap_or_default(), "system", Direction::In, depth + 1, budget, out);
    for message in out.iter_mut().skip(from) {
        "system".clone_into(&mut message.role);
    }
}

/// An answer whose text and calls are told side by side, as Vercel's SDK and `LlamaIndex` do;
/// whether it was one.
fn push_answer(
    fields: &mut Fields,
    role: &str,
    depth: usize,
    budget: &mut Budget,
    out: &mut Vec<Message>,
) -> bool {
    let is_answer = fields.contains_key("toolCalls")
        || (fields.contains_key("tool_calls"))
        || (fields.get("content").is_some_and(Value::is_array)
            && FINISH_REASONS.iter().any(|name| fields.contains_key(*name)));
    if is_answer {
        push_message(message(std::mem::take(fields), role, depth, budget), out);
    } else if fields.get("content").is_some_and(Value::is_object)
        && let Some(inner) = take_fields(fields, &["content"])
    {
        // A candidate of Gemini.
        let mut one = message(inner, role, depth, budget);
        if one.finish_reason.is_empty() {
            one.finish_reason = take_text(fields, &FINISH_REASONS).unwrap_or_default();
        }
        push_message(one, out);
    } else {
        return false;
    }
    true
}

/// What can not be read as messages, in a message of its own.
pub(super) fn raw(value: Value, role: &str, budget: &mut Budget) -> Option<Message> {
    let mut parts = Vec::new();
    match value {
        Value::Null => {}
        structure @ (Value::Object(_) | Value::Array(_)) if budget.part() => {
            parts.push(Part::Other { value: structure });
        }
        other => push_text(shown(other), budget, &mut parts),
    }
    let role = role.to_owned();
    let message = Message { role, name: String::new(), parts, finish_reason: String::new() };
    (!message.parts.is_empty()).then_some(message)
}
