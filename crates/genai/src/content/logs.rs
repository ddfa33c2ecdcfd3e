//! What log records say of a conversation, and how it joins what the span says.

use serde_json::{Map, Value};
use watchkeep_model::ValueKind;

use super::json::{Budget, Fields, opened, structure, take};
use super::message::{Direction, read_messages};
use super::sources::{Reader, read_content};
use super::{Content, MESSAGES_MAX, Message, events, numbered};
use crate::record::{Attribute, Record};

/// Agents that run in a terminal name their events alike.
const TERMINAL_AGENTS: [&str; 3] = ["claude_code.", "codex.", "gemini_cli."];
/// Arguments of a tool that such an agent used.
const TOOL_ARGUMENTS: [&str; 5] =
    ["tool_input", "tool_parameters", "arguments", "function_args", "full_command"];
/// What the tool gave.
const TOOL_RESULTS: [&str; 4] = ["tool_output", "output", "tool_result", "error"];

/// Whether log records of this event name may say something of a conversation.
pub fn is_content_event(name: &str) -> bool {
    name.starts_with("gen_ai.") || TERMINAL_AGENTS.iter().any(|agent| name.starts_with(agent))
}

/// Reads what a log record says of a conversation; empty where it says nothing. To be joined to
/// what the step of the same span says with [`Content::merge`].
pub fn content_of_log(record: &Record<'_>) -> Content {
    let name = event_name(record);
    if let Some((_, event)) =
        TERMINAL_AGENTS.iter().find_map(|agent| Some((agent, name.strip_prefix(agent)?)))
    {
        return of_terminal_agent(event, record);
    }
    if !is_content_event(&name) {
        return Content::default();
    }
    let mut reader = Reader::new(record);
    let is_message = !matches!(
        name.as_str(),
        "gen_ai.client.inference.operation.details" | "gen_ai.operation.details"
    );
    if is_message {
        let (input, output) = events::read_event(&name, fields_of(record), &mut reader.budget);
        reader.content.input = input;
        reader.content.output = output;
        return reader.finished();
    }
    with_body(record, read_content)
}

/// The event's name, wherever the emitter put it.
fn event_name(record: &Record<'_>) -> String {
    let told = [Some(record.name), record.text("event.name"), Some(record.body)];
    let known = told.into_iter().flatten().find(|name| is_content_event(name));
    if let Some(name) = known {
        return name.to_owned();
    }
    // Claude Code's older versions name the event without the program.
    let short = record.text("event.name").unwrap_or(record.name);
    let is_claude = record.scope.contains("claude_code") || record.service == "claude-code";
    if is_claude { format!("claude_code.{short}") } else { short.to_owned() }
}

/// The members of the body, and the attributes where the body does not say them.
fn fields_of(record: &Record<'_>) -> Fields {
    let mut fields = match structure(record.body) {
        Some(Value::Object(mut fields)) => match fields.remove("$map") {
            Some(Value::Object(inner)) => inner,
            _ => fields,
        },
        Some(list) => one_member("content", list),
        None if record.body.is_empty() || is_content_event(record.body) => Map::new(),
        None => one_member("content", record.body.into()),
    };
    for attribute in record.attributes {
        if !fields.contains_key(attribute.key) {
            fields.insert(attribute.key.to_owned(), numbered::value(attribute));
        }
    }
    fields
}

fn one_member(name: &str, value: Value) -> Fields {
    Map::from_iter([(name.to_owned(), value)])
}

/// Reads a record with the members of its body as attributes before its own.
fn with_body(record: &Record<'_>, read: impl Fn(&Record<'_>) -> Content) -> Content {
    let members: Vec<(String, ValueKind, String)> = match structure(record.body) {
        Some(Value::Object(fields)) => fields.into_iter().map(attribute_of).collect(),
        _ => Vec::new(),
    };
    let mut attributes: Vec<Attribute<'_>> =
        members.iter().map(|(key, kind, text)| Attribute::new(key, *kind, text)).collect();
    attributes.extend_from_slice(record.attributes);
    let record = Record { attributes: &attributes, events: "", ..*record };
    read(&record)
}

fn attribute_of((key, value): (String, Value)) -> (String, ValueKind, String) {
    match value {
        Value::Null => (key, ValueKind::Empty, String::new()),
        Value::String(text) => (key, ValueKind::String, text),
        Value::Bool(_) => (key, ValueKind::Bool, value.to_string()),
        Value::Number(ref number) if number.is_f64() => (key, ValueKind::Double, value.to_string()),
        Value::Number(_) => (key, ValueKind::Int, value.to_string()),
        Value::Array(_) | Value::Object(_) => (key, ValueKind::Json, value.to_string()),
    }
}

/// Events of Claude Code, Codex and Gemini's command line.
fn of_terminal_agent(event: &str, record: &Record<'_>) -> Content {
    let mut fields = fields_of(record);
    let mut budget = Budget::default();
    let mut content = Content::default();
    let mut note = |key: &str| content.read.push(key.to_owned());
    match event {
        "user_prompt" => {
            note("prompt");
            let prompt = take(&mut fields, &["prompt"]).unwrap_or_default();
            let prompt = super::message::raw(prompt, "user", &mut budget);
            content.input.extend(prompt);
        }
        "api_request_body" | "api_request" => {
            note("body");
            let body = take(&mut fields, &["body", "request_text"]);
            let body = body.map(opened).unwrap_or_default();
            if let Some(offered) = body.get("tools") {
                super::tools::definitions_in(offered.clone(), &mut content.tools);
            }
            content.input = read_messages(body, Direction::In, &mut budget);
        }
        "api_response_body" | "api_response" | "assistant_response" => {
            note("body");
            let body = take(&mut fields, &["body", "response_text", "response"]);
            content.output = read_messages(body.unwrap_or_default(), Direction::Out, &mut budget);
        }
        "tool_result" | "tool_call" | "tool_decision" => {
            for (keys, into) in [
                (&TOOL_ARGUMENTS[..], &mut content.arguments),
                (&TOOL_RESULTS[..], &mut content.result),
            ] {
                *into = take(&mut fields, keys).map(opened);
            }
            let told = TOOL_ARGUMENTS.iter().chain(&TOOL_RESULTS);
            content.read.extend(told.map(|key| (*key).to_owned()));
        }
        _ => {}
    }
    content.read.retain(|key| record.text(key).is_some());
    content.truncated = budget.truncated;
    content
}

impl Content {
    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.input.is_empty()
            && self.output.is_empty()
            && self.tools.is_empty()
            && self.parameters.is_empty()
            && self.arguments.is_none()
            && self.result.is_none()
            && self.documents.is_empty()
    }

    /// Adds what log records of the same span say, in their order. What is told in several ways is
    /// taken once: records of single messages make one conversation, which is then joined to the
    /// span's and to those of records that tell all of it.
    pub fn merge(&mut self, logs: impl IntoIterator<Item = Content>) {
        let mut pieces = Content::default();
        let mut wholes = Vec::new();
        for mut log in logs {
            if log.input.len() + log.output.len() > 1 {
                wholes.push(log);
                continue;
            }
            pieces.input.append(&mut log.input);
            pieces.output.append(&mut log.output);
            pieces.add_rest(log);
        }
        for whole in wholes.into_iter().chain([pieces]) {
            self.join(whole);
        }
        for messages in [&mut self.input, &mut self.output] {
            self.truncated |= messages.len() > MESSAGES_MAX;
            messages.truncate(MESSAGES_MAX);
        }
    }

    fn join(&mut self, mut other: Content) {
        join_messages(&mut self.input, std::mem::take(&mut other.input));
        join_messages(&mut self.output, std::mem::take(&mut other.output));
        self.add_rest(other);
    }

    /// Takes over what is no message, where there is nothing yet.
    fn add_rest(&mut self, other: Content) {
        if self.tools.is_empty() {
            self.tools = other.tools;
        }
        if self.parameters.is_empty() {
            self.parameters = other.parameters;
        }
        if self.documents.is_empty() {
            self.documents = other.documents;
        }
        self.arguments = self.arguments.take().or(other.arguments);
        self.result = self.result.take().or(other.result);
        self.truncated |= other.truncated;
        self.read.extend(other.read);
        self.read.sort_unstable();
        self.read.dedup();
    }
}

/// Adds messages that are not there yet; one that was said twice stays twice.
fn join_messages(into: &mut Vec<Message>, other: Vec<Message>) {
    let mut free = vec![true; into.len()];
    let mut more = Vec::new();
    for message in other {
        let known = into
            .iter()
            .zip(&mut free)
            .find(|(one, free)| **free && one.role == message.role && one.parts == message.parts);
        match known {
            Some((_, free)) => *free = false,
            None => more.push(message),
        }
    }
    into.extend(more);
}
