//! RFC 5424: version, a head of six fields, structured data, and the message.

use std::borrow::Cow;

use super::{Message, PARAMETERS_MAX};

/// Reads what follows the priority; `None` where it is no message of version 1.
pub(super) fn parse(text: &str) -> Option<Message<'_>> {
    let rest = text.strip_prefix("1 ")?;
    let (time, rest) = rest.split_once(' ')?;
    let time_ns = match time {
        "-" => None,
        time => {
            let time: jiff::Timestamp = time.parse().ok()?;
            Some(i64::try_from(time.as_nanosecond()).ok()?)
        }
    };
    let (hostname, rest) = field(rest)?;
    let (app_name, rest) = field(rest)?;
    let (proc_id, rest) = field(rest)?;
    let (msg_id, rest) = field(rest)?;
    let (structured_data, rest) = structured_data(rest)?;
    let text = rest.strip_prefix(' ').unwrap_or(rest);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Some(Message {
        severity: None,
        facility: None,
        time_ns,
        hostname,
        app_name,
        proc_id,
        msg_id,
        structured_data,
        text,
    })
}

/// A field of the head; `-` is none.
fn field(text: &str) -> Option<(&str, &str)> {
    let (field, rest) = text.split_once(' ')?;
    Some((if field == "-" { "" } else { field }, rest))
}

type Parameters<'m> = Vec<(&'m str, &'m str, Cow<'m, str>)>;

fn structured_data(text: &str) -> Option<(Parameters<'_>, &str)> {
    let mut parameters = Vec::new();
    if let Some(rest) = text.strip_prefix('-') {
        return Some((parameters, rest));
    }
    let mut rest = text;
    while let Some(inside) = rest.strip_prefix('[') {
        let end = inside.find([' ', ']'])?;
        let (id, mut inside) = inside.split_at_checked(end)?;
        while let Some(parameter) = inside.strip_prefix(' ') {
            let (name, after) = parameter.split_once("=\"")?;
            let (value, after) = value(after)?;
            if parameters.len() < PARAMETERS_MAX {
                parameters.push((id, name, value));
            }
            inside = after;
        }
        rest = inside.strip_prefix(']')?;
    }
    // At least one element, and then the message or nothing.
    let is_whole = rest.len() < text.len() && (rest.is_empty() || rest.starts_with(' '));
    is_whole.then_some((parameters, rest))
}

/// A value up to its closing quote, in which `"`, `\` and `]` are escaped.
fn value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut unescaped: Option<String> = None;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                let (raw, rest) = text.split_at_checked(at)?;
                let value = unescaped.map_or(Cow::Borrowed(raw), Cow::Owned);
                return Some((value, rest.strip_prefix('"')?));
            }
            '\\' => {
                let so_far = unescaped.get_or_insert_with(|| text.get(..at).unwrap_or("").into());
                match characters.next()?.1 {
                    escaped @ ('"' | '\\' | ']') => so_far.push(escaped),
                    other => so_far.extend(['\\', other]),
                }
            }
            other => {
                if let Some(so_far) = &mut unescaped {
                    so_far.push(other);
                }
            }
        }
    }
    None
}
