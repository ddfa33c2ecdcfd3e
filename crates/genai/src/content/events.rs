//! Messages that are events of a span, or log records of its time.

use serde_json::Value;

use super::Message;
use super::json::{Budget, Fields, MESSAGES_MAX, opened, take};
use super::message::{Direction, message, read_messages, role_of_event};

/// Events that are read.
const EVENTS_MAX: usize = 2_000;

/// Messages in and out of a span's events (see [`watchkeep_model::spans::EventRow`]).
pub(super) fn read(events: &str, budget: &mut Budget) -> (Vec<Message>, Vec<Message>) {
    let (mut input, mut output) = (Vec::new(), Vec::new());
    for (name, fields) in rows(events) {
        let (inward, outward) = read_event(&name, fields, budget);
        input.extend(inward);
        output.extend(outward);
    }
    budget.cut(&mut input, MESSAGES_MAX);
    budget.cut(&mut output, MESSAGES_MAX);
    (input, output)
}

/// Events by name with their attributes.
pub(super) fn rows(events: &str) -> Vec<(String, Fields)> {
    if events.is_empty() {
        return Vec::new();
    }
    let Ok(Value::Array(list)) = serde_json::from_str(events) else { return Vec::new() };
    let rows = list.into_iter().take(EVENTS_MAX).filter_map(|event| {
        let Value::Object(mut event) = event else { return None };
        let Some(Value::String(name)) = event.remove("name") else { return None };
        let Some(Value::Object(fields)) = event.remove("attributes") else { return None };
        Some((name, fields))
    });
    rows.collect()
}

/// Messages in and out that one event tells.
pub(super) fn read_event(
    name: &str,
    mut fields: Fields,
    budget: &mut Budget,
) -> (Vec<Message>, Vec<Message>) {
    if let Some(Value::Object(wrapped)) = fields.remove("$map") {
        fields = wrapped;
    }
    match name {
        "gen_ai.content.prompt" => {
            let told = take(&mut fields, &["gen_ai.prompt", "gen_ai.content.prompt", "content"]);
            let told = told.unwrap_or_default();
            (read_messages(told, Direction::In, budget), Vec::new())
        }
        "gen_ai.content.completion" => {
            let names = ["gen_ai.completion", "gen_ai.content.completion", "content"];
            let told = take(&mut fields, &names).unwrap_or_default();
            (Vec::new(), read_messages(told, Direction::Out, budget))
        }
        "gen_ai.client.inference.operation.details" | "gen_ai.operation.details" => {
            details(&mut fields, budget)
        }
        _ => {
            let Some(role) = role_of_event(name) else { return (Vec::new(), Vec::new()) };
            let found: Vec<Message> = read_role(fields, role, budget).into_iter().collect();
            if name == "gen_ai.choice" { (Vec::new(), found) } else { (found, Vec::new()) }
        }
    }
}

fn details(fields: &mut Fields, budget: &mut Budget) -> (Vec<Message>, Vec<Message>) {
    let mut read = |fields: &mut Fields, key: &str, direction| {
        take(fields, &[key])
            .map(|value| read_messages(value, direction, budget))
            .unwrap_or_default()
    };
    let mut input = read(fields, "gen_ai.input.messages", Direction::In);
    let output = read(fields, "gen_ai.output.messages", Direction::Out);
    if let Some(system) = take(fields, &["gen_ai.system_instructions"]) {
        let mut system = super::message::read_of_role(system, "system", budget);
        system.append(&mut input);
        input = system;
    }
    (input, output)
}

/// The message of an event that tells its role by its name.
fn read_role(mut fields: Fields, role: &str, budget: &mut Budget) -> Option<Message> {
    for key in ["message", "tool_calls", "gen_ai.event.content"] {
        if let Some(value) = fields.remove(key) {
            fields.insert(key.to_owned(), opened(value));
        }
    }
    // Early emitters wrote the whole body as JSON into one attribute.
    if let Some(Value::Object(body)) = fields.remove("gen_ai.event.content") {
        fields = body;
    }
    if let Some(Value::String(text)) = fields.get("message") {
        let text = Value::String(text.clone());
        fields.insert("content".to_owned(), text);
        fields.remove("message");
    }
    let found = message(fields, role, 0, budget);
    (!found.parts.is_empty()).then_some(found)
}
