//! `| unpack`: a line that an agent packed, with its labels, into an object.

use super::JSON_PARSER_ERROR;
use super::token::{JsonError, Members, ValueKind};
use super::unescape::{push_unescaped, push_value};
use crate::pipeline::keys::{Keys, ROOT};
use crate::pipeline::labels::{LabelsBuilder, Piece};
use crate::pipeline::names::Symbol;

/// The key under which the line itself was packed.
const ENTRY_KEY: &str = "_entry";

/// What `| unpack` keeps from line to line.
#[derive(Debug, Default)]
pub(in super::super) struct UnpackState {
    keys: Keys,
    unescaped: String,
    key: String,
    found: Vec<(Symbol, Piece)>,
}

/// Sets the labels that were packed, and returns the line that was; the line itself where none was.
pub(in super::super) fn unpack(
    line: Piece,
    labels: &mut LabelsBuilder,
    state: &mut UnpackState,
) -> Piece {
    if line.is_empty() || labels.wants_nothing() {
        return line;
    }
    state.keys.begin(labels);
    state.unescaped.clear();
    state.found.clear();
    let mut text = std::mem::take(&mut labels.text);
    let outcome = find(&text, line.clone(), labels, state);
    text.push_str(&state.unescaped);
    labels.text = text;
    match outcome {
        Err(error) => {
            labels.set_parser_error(JSON_PARSER_ERROR, Some(&error.to_string()));
            line
        }
        Ok(None) => line,
        Ok(Some(entry)) => {
            for (name, value) in state.found.drain(..) {
                labels.set_parsed_piece(name, value);
            }
            entry
        }
    }
}

/// Collects labels, and finds the packed line.
fn find(
    text: &str,
    line: Piece,
    labels: &mut LabelsBuilder,
    state: &mut UnpackState,
) -> Result<Option<Piece>, JsonError> {
    let bytes = &text.as_bytes()[..line.end];
    if bytes[line.start] != b'{' {
        return Err(JsonError::NoObject);
    }
    let mut entry = None;
    let mut members = Members::new(bytes, line.start);
    while let Some(member) = members.next_member()? {
        let mut key = &text[member.key_start..member.key_end];
        if member.key_escaped {
            state.key.clear();
            push_unescaped(key, &mut state.key)?;
            key = &state.key;
        }
        let ValueKind::String { .. } = member.value.kind else { continue };
        let raw = &text[member.value.start..member.value.end];
        let start = text.len() + state.unescaped.len();
        if key == ENTRY_KEY {
            push_unescaped(raw, &mut state.unescaped)?;
            entry = Some(start..text.len() + state.unescaped.len());
            continue;
        }
        let found = state.keys.find(ROOT, key, labels);
        let Some(name) = state.keys.wanted_name(found) else { continue };
        let name = labels.name_for_parsed(name);
        if labels.is_open(name) {
            push_value(raw, &mut state.unescaped);
            state.found.push((name, start..text.len() + state.unescaped.len()));
        }
    }
    Ok(entry)
}
