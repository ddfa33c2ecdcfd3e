//! Where each dialect keeps what was said, and in which order the places are looked at: the first
//! that says something counts, so that what is told twice is shown once.

use serde_json::Value;

use super::json::{Budget, Fields, opened, structure, take, unquoted};
use super::message::{Direction, raw, read_messages, read_of_role};
use super::part::plain_result;
use super::{Content, Message, events, numbered, parameters, tools};
use crate::record::{Attribute, Record};

/// A place where something may be.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// An attribute with JSON or text.
    Key(&'static str),
    /// A list spread over attributes, by the prefix of their keys.
    List(&'static str),
    /// The span's events.
    Events,
    /// An attribute with a conversation that the answer is part of.
    Whole(&'static str),
    /// What Vercel's SDK tells of an answer, one attribute a piece.
    Vercel,
}
use Place::{Events, Key, List, Vercel, Whole};

/// Instructions to the model that are told apart from the messages.
const INSTRUCTIONS: [&str; 3] =
    ["gen_ai.system_instructions", "gen_ai.system_instruction", "lk.instructions"];

/// What went in, most exact first.
const INPUTS: [Place; 32] = [
    Key("gen_ai.input.messages"),
    List("gen_ai.input.messages."),
    List("llm.input_messages."),
    Key("llm.input_messages"),
    List("gen_ai.prompt."),
    Key("ai.prompt.messages"),
    Key("langfuse.observation.input"),
    Whole("pydantic_ai.all_messages"),
    Whole("events"),
    Whole("all_messages_events"),
    Events,
    List("llm.prompts."),
    Key("llm.prompts"),
    Key("gen_ai.prompt"),
    Key("gcp.vertex.agent.llm_request"),
    Key("genkit:input"),
    Key("lk.chat_ctx"),
    Key("lk.user_transcript"),
    Key("lk.input_text"),
    Key("ai.prompt"),
    Key("ai.values"),
    Key("ai.value"),
    List("embedding.embeddings."),
    Key("embedding.text"),
    Key("mlflow.spanInputs"),
    Key("traceloop.entity.input"),
    Key("input.value"),
    Key("prompt"),
    Key("gen_ai.content.prompt"),
    Key("request_data"),
    Key("langfuse.trace.input"),
    Key("input"),
];

/// What came out, most exact first.
const OUTPUTS: [Place; 26] = [
    Key("gen_ai.output.messages"),
    List("gen_ai.output.messages."),
    List("llm.output_messages."),
    Key("llm.output_messages"),
    List("gen_ai.completion."),
    Vercel,
    Key("langfuse.observation.output"),
    Events,
    List("llm.choices."),
    Key("llm.choices"),
    List("llm.completions."),
    Key("llm.completions"),
    Key("gen_ai.completion"),
    Key("gcp.vertex.agent.llm_response"),
    Key("genkit:output"),
    Key("lk.response.text"),
    Key("lk.response.function_calls"),
    Key("final_result"),
    Key("mlflow.spanOutputs"),
    Key("traceloop.entity.output"),
    Key("output.value"),
    Key("gen_ai.content.completion"),
    Key("response_data"),
    Key("langfuse.trace.output"),
    Key("gen_ai.output"),
    Key("output"),
];

/// What kind of step decides how the places are read that serve every kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Messages in and out.
    Talk,
    /// Arguments and a result.
    Tool,
    /// A query and documents.
    Lookup,
    /// Texts in; what comes out are numbers.
    Embedding,
}

/// Reads what was said in a step.
pub fn read_content(record: &Record<'_>) -> Content {
    let mut reader = Reader::new(record);
    reader.read();
    reader.finished()
}

/// A record while it is read.
pub(super) struct Reader<'a> {
    pub(super) record: &'a Record<'a>,
    pub(super) content: Content,
    pub(super) budget: Budget,
}

impl<'a> Reader<'a> {
    pub(super) fn new(record: &'a Record<'a>) -> Self {
        Self { record, content: Content::default(), budget: Budget::default() }
    }

    fn read(&mut self) {
        let shape = shape(self.record);
        tools::read(self, shape);
        if shape == Shape::Talk || shape == Shape::Embedding {
            self.read_input();
        }
        if shape == Shape::Talk {
            self.read_output();
        }
        parameters::read(self);
    }

    pub(super) fn finished(mut self) -> Content {
        self.content.truncated = self.budget.truncated;
        self.content.read.sort_unstable();
        self.content.read.dedup();
        self.content
    }

    /// An attribute that is there, as JSON.
    pub(super) fn value(&self, key: &str) -> Option<Value> {
        let found = self.record.attributes.iter().rfind(|attribute| attribute.key == key)?;
        Some(value_of(found)).filter(|value| !is_blank(value))
    }

    /// The first of some attributes, as JSON; noted as read.
    pub(super) fn take(&mut self, keys: &[&str]) -> Option<Value> {
        let (key, value) = keys.iter().find_map(|key| Some((*key, self.value(key)?)))?;
        self.note(key);
        Some(value)
    }

    pub(super) fn note(&mut self, key: &str) {
        self.content.read.push(key.to_owned());
    }

    fn read_input(&mut self) {
        for place in INPUTS {
            let found = self.messages_at(place, Direction::In);
            if !found.is_empty() {
                self.content.input = found;
                break;
            }
        }
        let Some(system) = self.take(&INSTRUCTIONS) else { return };
        let mut messages = read_of_role(system, "system", &mut self.budget);
        // Some tell the instructions once more as the first message.
        let told = &self.content.input;
        messages.retain(|one| !told.iter().any(|other| other.parts == one.parts));
        messages.append(&mut self.content.input);
        self.budget.cut(&mut messages, super::MESSAGES_MAX);
        self.content.input = messages;
    }

    fn read_output(&mut self) {
        if !self.content.output.is_empty() {
            return;
        }
        for place in OUTPUTS {
            let found = self.messages_at(place, Direction::Out);
            if !found.is_empty() {
                self.content.output = found;
                break;
            }
        }
        self.leave_out_repeated_input();
    }

    /// Graphs give back their whole state: what went in is not told again as what came out.
    fn leave_out_repeated_input(&mut self) {
        let (input, output) = (&self.content.input, &mut self.content.output);
        let same =
            |(one, other): (&Message, &Message)| one.role == other.role && one.parts == other.parts;
        let is_repeated = input.len() < output.len() && input.iter().zip(output.iter()).all(same);
        if is_repeated {
            output.drain(..input.len());
        }
    }

    fn messages_at(&mut self, place: Place, direction: Direction) -> Vec<Message> {
        match place {
            Key(key) => {
                let Some(value) = self.value(key) else { return Vec::new() };
                let found = self.messages_in(key, value, direction);
                if !found.is_empty() {
                    self.note(key);
                }
                found
            }
            List(prefix) => self.messages_of_list(prefix, direction),
            Whole(key) => self.messages_of_whole(key),
            Events => {
                let (input, output) = events::read(self.record.events, &mut self.budget);
                if direction == Direction::In { input } else { output }
            }
            Vercel => self.messages_of_vercel(),
        }
    }

    fn messages_in(&mut self, key: &str, value: Value, direction: Direction) -> Vec<Message> {
        let value = match value {
            // These are always JSON, so a JSON string is a text in quotes.
            Value::String(text) if self.is_json(key) => {
                serde_json::from_str(&text).unwrap_or(Value::String(text))
            }
            other => other,
        };
        match key {
            "ai.values" => return texts_as_messages(value, &mut self.budget),
            "gen_ai.input.messages" | "gen_ai.output.messages" if !is_structured(&value) => {
                return Vec::new();
            }
            "final_result" => {
                return raw(opened(value), direction.role(), &mut self.budget)
                    .into_iter()
                    .collect();
            }
            _ => {}
        }
        read_messages(value, direction, &mut self.budget)
    }

    /// Whether a text attribute is told to be JSON.
    fn is_json(&self, key: &str) -> bool {
        let mime_type = match key {
            "input.value" => self.record.text("input.mime_type"),
            "output.value" => self.record.text("output.mime_type"),
            "traceloop.entity.input" | "traceloop.entity.output" => Some("application/json"),
            _ => None,
        };
        mime_type.is_some_and(|mime_type| mime_type.contains("json"))
    }

    fn messages_of_list(&mut self, prefix: &str, direction: Direction) -> Vec<Message> {
        let Some((mut list, keys)) = numbered::read_list(self.record, prefix) else {
            return Vec::new();
        };
        for one in list.as_array_mut().into_iter().flatten() {
            unwrap_member(one, &["prompt", "completion", "embedding"]);
        }
        let found = if prefix == "embedding.embeddings." {
            texts_as_messages(list, &mut self.budget)
        } else {
            read_numbered(list, direction, &mut self.budget)
        };
        if !found.is_empty() {
            self.content.read.extend(keys);
        }
        found
    }

    /// A conversation with its answer at the end.
    fn messages_of_whole(&mut self, key: &str) -> Vec<Message> {
        let Some(list @ Value::Array(_)) = self.value(key).map(opened) else { return Vec::new() };
        let is_event = |one: &Value| one.get("event.name").is_some_and(Value::is_string);
        if key == "events" && !list.as_array().is_some_and(|list| list.iter().all(is_event)) {
            return Vec::new();
        }
        let mut found = read_messages(list, Direction::In, &mut self.budget);
        if !found.is_empty() {
            self.note(key);
        }
        let answered = found.last().is_some_and(|last| last.role == "assistant");
        // Where the answer is told apart, it is told there in full.
        if answered && self.record.text("gen_ai.output.messages").is_none() {
            self.content.output.extend(found.pop());
        }
        found
    }

    fn messages_of_vercel(&mut self) -> Vec<Message> {
        let mut fields = Fields::new();
        for (member, name) in [
            ("reasoning", "reasoning"),
            ("content", "text"),
            ("object", "object"),
            ("tool_calls", "toolCalls"),
            ("files", "files"),
        ] {
            let keys = [format!("ai.response.{name}"), format!("ai.result.{name}")];
            if let Some(value) = self.take(&[&keys[0], &keys[1]]) {
                fields.insert(member.to_owned(), value);
            }
        }
        if fields.is_empty() {
            return Vec::new();
        }
        if !fields.contains_key("content") {
            // An object that was asked for is the answer.
            let object = take(&mut fields, &["object"]).map(|object| match opened(object) {
                Value::String(text) => text,
                object => object.to_string(),
            });
            fields.insert("content".to_owned(), object.into());
        }
        let files = take(&mut fields, &["files"]).map(opened);
        if let Some(Value::String(finish)) = self.value("ai.response.finishReason") {
            fields.insert("finish_reason".to_owned(), finish.into());
        }
        fields.insert("role".to_owned(), "assistant".into());
        let mut found = read_messages(Value::Object(fields), Direction::Out, &mut self.budget);
        let files = read_messages(files.unwrap_or_default(), Direction::Out, &mut self.budget);
        if found.is_empty() {
            return files;
        }
        for (message, file) in found.iter_mut().zip(files) {
            message.parts.extend(file.parts);
        }
        found
    }
}

/// Messages by number: what has no text, call or other content is none.
fn read_numbered(list: Value, direction: Direction, budget: &mut Budget) -> Vec<Message> {
    let Value::Array(list) = list else { return Vec::new() };
    let mut out = Vec::new();
    for one in list {
        if out.len() > super::MESSAGES_MAX {
            break;
        }
        let found = match one {
            Value::Object(fields) => {
                let message = super::message::message(fields, direction.role(), 0, budget);
                if message.parts.is_empty() { Vec::new() } else { vec![message] }
            }
            other => read_messages(other, direction, budget),
        };
        out.extend(found);
    }
    budget.cut(&mut out, super::MESSAGES_MAX);
    out
}

/// A message for each text of a list.
fn texts_as_messages(list: Value, budget: &mut Budget) -> Vec<Message> {
    let Value::Array(list) = opened(list) else { return Vec::new() };
    let mut out = Vec::new();
    for one in list.into_iter().take(super::MESSAGES_MAX + 1) {
        let text = match unquoted(one) {
            Value::Object(mut fields) => take(&mut fields, &["text", "embedding.text"]),
            other => Some(other),
        };
        out.extend(raw(text.unwrap_or_default(), "user", budget));
    }
    budget.cut(&mut out, super::MESSAGES_MAX);
    out
}

/// Replaces an object by the member that it wraps.
pub(super) fn unwrap_member(value: &mut Value, names: &[&str]) {
    let Some(fields) = value.as_object_mut() else { return };
    let found = names.iter().find(|name| fields.get(**name).is_some_and(Value::is_object));
    if let Some(inner) = found.and_then(|name| fields.remove(*name)) {
        *value = inner;
    }
}

fn is_structured(value: &Value) -> bool {
    match value {
        Value::String(text) => structure(text).is_some(),
        other => other.is_array() || other.is_object(),
    }
}

fn is_blank(value: &Value) -> bool {
    value.is_null() || value == ""
}

fn value_of(attribute: &Attribute<'_>) -> Value {
    numbered::value(attribute)
}

/// The kind of step, as far as reading depends on it.
fn shape(record: &Record<'_>) -> Shape {
    const KINDS: [&str; 5] = [
        "langfuse.observation.type",
        "openinference.span.kind",
        "traceloop.span.kind",
        "gen_ai.operation.name",
        "ai.operationId",
    ];
    let told = KINDS.iter().filter_map(|key| record.text(key)).find_map(|kind| {
        Some(match kind.to_ascii_lowercase().as_str() {
            "tool" | "execute_tool" | "ai.toolcall" => Shape::Tool,
            "retriever" | "retrieval" | "reranker" | "rerank" => Shape::Lookup,
            "search_memory" | "ai.rerank" | "ai.rerank.dorerank" => Shape::Lookup,
            "embedding" | "embeddings" => Shape::Embedding,
            kind if kind.starts_with("ai.embed") => Shape::Embedding,
            "generation" | "llm" | "chat" | "text_completion" | "generate_content" => Shape::Talk,
            "agent" | "invoke_agent" | "create_agent" => Shape::Talk,
            _ => return None,
        })
    });
    let by_type = match record.text("llm.request.type") {
        Some("rerank") => Some(Shape::Lookup),
        Some("embedding") => Some(Shape::Embedding),
        _ => None,
    };
    let has = |key: &str| record.text(key).is_some();
    let is_tool = has("ai.toolCall.name")
        || has("mcp.method.name")
        || (has("gen_ai.tool.name") && !has("gen_ai.request.model"));
    let fallback = if is_tool { Shape::Tool } else { Shape::Talk };
    told.or(by_type).unwrap_or(fallback)
}

/// A result or arguments without what is put around them.
pub(super) fn plain(value: Value) -> Value {
    plain_result(value)
}
