//! Members of JSON objects by any of their names, and how much of a conversation is read.

use serde_json::{Map, Value};

/// An object.
pub(super) type Fields = Map<String, Value>;

/// Messages that are read in each direction.
pub const MESSAGES_MAX: usize = 500;
/// Parts of messages that are read in all.
pub const PARTS_MAX: usize = 5_000;
/// Documents that are read.
pub const DOCUMENTS_MAX: usize = 1_000;
/// Definitions of tools that are read.
pub const TOOLS_MAX: usize = 500;
/// Parameters of a request that are read.
pub const PARAMETERS_MAX: usize = 200;
/// How deep messages, parts and envelopes may be wrapped in one another.
pub const DEPTH_MAX: usize = 8;

/// What may still be read.
#[derive(Debug)]
pub(super) struct Budget {
    parts: usize,
    /// Whether a limit left something out.
    pub(super) truncated: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self { parts: PARTS_MAX, truncated: false }
    }
}

impl Budget {
    /// Room for one more part, or the note that there was none.
    pub(super) fn part(&mut self) -> bool {
        self.truncated |= self.parts == 0;
        let has_room = self.parts > 0;
        self.parts = self.parts.saturating_sub(1);
        has_room
    }

    /// Cuts a list to what is read of it.
    pub(super) fn cut<T>(&mut self, list: &mut Vec<T>, max: usize) {
        self.truncated |= list.len() > max;
        list.truncate(max);
    }
}

/// Takes the first of some members that is there and not null.
pub(super) fn take(fields: &mut Fields, names: &[&str]) -> Option<Value> {
    names.iter().find_map(|name| fields.remove(*name).filter(|value| !value.is_null()))
}

/// As [`take`], as text; what is not text stays where it is.
pub(super) fn take_text(fields: &mut Fields, names: &[&str]) -> Option<String> {
    let name = names.iter().find(|name| fields.get(**name).is_some_and(Value::is_string))?;
    match fields.remove(*name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// As [`take`], as an object; what is none stays where it is.
pub(super) fn take_fields(fields: &mut Fields, names: &[&str]) -> Option<Fields> {
    let name = names.iter().find(|name| fields.get(**name).is_some_and(Value::is_object))?;
    match fields.remove(*name) {
        Some(Value::Object(inner)) => Some(inner),
        _ => None,
    }
}

/// The first of some members that is text.
pub(super) fn text_in<'a>(fields: &'a Fields, names: &[&str]) -> &'a str {
    names.iter().find_map(|name| fields.get(*name)?.as_str()).unwrap_or_default()
}

/// A text that is a JSON object or list becomes that; all else stays.
pub(super) fn opened(value: Value) -> Value {
    match value {
        Value::String(text) => match structure(&text) {
            Some(inner) => inner,
            None => Value::String(text),
        },
        other => other,
    }
}

/// A text that is a JSON string becomes what it says; all else is [`opened`].
pub(super) fn unquoted(value: Value) -> Value {
    match value {
        Value::String(text) if text.starts_with('"') => {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        }
        other => opened(other),
    }
}

/// The JSON object or list that a text is.
pub(super) fn structure(text: &str) -> Option<Value> {
    let begins = text.trim_start().as_bytes().first()?;
    matches!(begins, b'{' | b'[').then(|| serde_json::from_str(text).ok()).flatten()
}

/// A value as people read it: text as it is, all else as JSON.
pub(super) fn shown(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
