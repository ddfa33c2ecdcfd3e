//! `| json`: every field of an object and of the objects in it becomes a label.

use super::JSON_PARSER_ERROR;
use super::token::{JsonError, Member, Members, Value, ValueKind};
use super::unescape::{push_unescaped, push_value};
use crate::pipeline::keys::{Key, Keys, ROOT};
use crate::pipeline::labels::{LabelsBuilder, Piece};

/// How deep the objects of a line may nest; deeper ones are not looked into.
const OBJECT_DEPTH_MAX: usize = 128;

/// What `| json` keeps from line to line.
#[derive(Debug, Default)]
pub(in super::super) struct JsonState {
    keys: Keys,
    /// Texts of strings with escapes in them.
    unescaped: String,
    key: String,
}

/// Whether to go on with the line.
enum Flow {
    GoOn,
    /// Everything needed was found.
    Stop,
}

/// Sets the labels that a line holds.
pub(in super::super) fn parse_json(line: Piece, labels: &mut LabelsBuilder, state: &mut JsonState) {
    if labels.wants_nothing() {
        return;
    }
    state.keys.begin(labels);
    state.unescaped.clear();
    // The text stays away from the labels while it is read; nothing looks at values meanwhile.
    let mut text = std::mem::take(&mut labels.text);
    let mut walk = Walk {
        text: &text,
        // Checked once for the line instead of for each of its strings.
        has_replacement: text[line.clone()].contains(char::REPLACEMENT_CHARACTER),
        labels,
        state,
    };
    let outcome = walk.object(line.start, line.end, ROOT, 0);
    text.push_str(&state.unescaped);
    labels.text = text;
    if let Err(error) = outcome {
        labels.set_parser_error(JSON_PARSER_ERROR, Some(&error.to_string()));
    }
}

struct Walk<'w> {
    text: &'w str,
    has_replacement: bool,
    labels: &'w mut LabelsBuilder,
    state: &'w mut JsonState,
}

impl Walk<'_> {
    fn object(
        &mut self,
        start: usize,
        end: usize,
        parent: Key,
        depth: usize,
    ) -> Result<Flow, JsonError> {
        let mut members = Members::new(&self.text.as_bytes()[..end], start);
        while let Some(member) = members.next_member()? {
            let value = member.value;
            let flow = match value.kind {
                ValueKind::Object => self.inner_object(&member, parent, depth)?,
                ValueKind::Array | ValueKind::Null => {
                    // The key is checked even so.
                    if member.key_escaped {
                        self.key(&member, parent)?;
                    }
                    Flow::GoOn
                }
                ValueKind::String { .. } | ValueKind::Number | ValueKind::Bool => {
                    let key = self.key(&member, parent)?;
                    self.field(key, value)
                }
            };
            if let Flow::Stop = flow {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::GoOn)
    }

    fn inner_object(
        &mut self,
        member: &Member,
        parent: Key,
        depth: usize,
    ) -> Result<Flow, JsonError> {
        let key = self.key(member, parent)?;
        if depth + 1 >= OBJECT_DEPTH_MAX || !self.state.keys.wants_inside(key) {
            return Ok(Flow::GoOn);
        }
        self.object(member.value.start, member.value.end, key, depth + 1)
    }

    #[inline]
    fn key(&mut self, member: &Member, parent: Key) -> Result<Key, JsonError> {
        let raw = &self.text[member.key_start..member.key_end];
        if !member.key_escaped {
            return Ok(self.state.keys.find(parent, raw, self.labels));
        }
        self.state.key.clear();
        push_unescaped(raw, &mut self.state.key)?;
        Ok(self.state.keys.find(parent, &self.state.key, self.labels))
    }

    #[inline]
    fn field(&mut self, key: Key, value: Value) -> Flow {
        let Some(name) = self.state.keys.wanted_name(key) else { return Flow::GoOn };
        let name = self.labels.name_for_parsed(name);
        if !self.labels.is_open(name) {
            return Flow::GoOn;
        }
        let piece = match value.kind {
            ValueKind::String { escaped } if escaped || self.has_replacement => {
                let start = self.state.unescaped.len();
                push_value(&self.text[value.start..value.end], &mut self.state.unescaped);
                // It will stand behind the text.
                self.text.len() + start..self.text.len() + self.state.unescaped.len()
            }
            _ => value.start..value.end,
        };
        self.labels.set_parsed_piece(name, piece);
        if self.labels.has_all() { Flow::Stop } else { Flow::GoOn }
    }
}

/// A field of a line: the keys that lead to it (as they stand in the line, without escapes undone),
/// what it is, and its text as a label would have it.
pub type FieldVisitor<'v> = dyn FnMut(&[&str], ValueKind, &str) + 'v;

/// Visits the fields that `| json` would make labels of, in the order of the line.
pub fn json_fields(line: &str, visit: &mut FieldVisitor<'_>) -> Result<(), JsonError> {
    fields_of(line, 0, line.len(), &mut Vec::new(), visit)
}

fn fields_of<'l>(
    line: &'l str,
    start: usize,
    end: usize,
    path: &mut Vec<&'l str>,
    visit: &mut FieldVisitor<'_>,
) -> Result<(), JsonError> {
    let mut members = Members::new(&line.as_bytes()[..end], start);
    let mut unescaped = String::new();
    while let Some(member) = members.next_member()? {
        let Value { kind, start, end, .. } = member.value;
        path.push(&line[member.key_start..member.key_end]);
        match kind {
            ValueKind::Object if path.len() < OBJECT_DEPTH_MAX => {
                fields_of(line, start, end, path, visit)?;
            }
            ValueKind::Object | ValueKind::Array | ValueKind::Null => {}
            ValueKind::String { .. } => {
                unescaped.clear();
                push_value(&line[start..end], &mut unescaped);
                visit(path, kind, &unescaped);
            }
            ValueKind::Number | ValueKind::Bool => visit(path, kind, &line[start..end]),
        }
        path.pop();
    }
    Ok(())
}
