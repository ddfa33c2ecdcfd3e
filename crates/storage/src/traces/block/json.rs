//! The JSON of events and links as our decoders write it (see [`watchkeep_model::spans`]): read
//! strictly, and written again. What is read is compared with what is written again, so a reader that
//! takes too much for good costs nothing but time.

use std::borrow::Cow;
use std::fmt::Write as _;

use memchr::memchr2;
use watchkeep_model::attributes::{ValueKind, write_json_string};
use watchkeep_model::{AttributesColumn, SpanId, TraceId};

use crate::block::table::push_hex;

/// Of which column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Events,
    Links,
}

/// An event or a link without its attributes.
#[derive(Debug)]
pub(super) enum Child<'a> {
    Event { time_ns: i64, name: Cow<'a, str>, dropped: u32 },
    Link { ids: [u8; 24], trace_state: Cow<'a, str>, dropped: u32, flags: u32 },
}

/// Shows the children of an array, each after its attributes went into a row of their own; `None`
/// where the text is something else or `see` had enough.
pub(super) fn children<'a>(
    kind: Kind,
    text: &'a str,
    attributes: &mut AttributesColumn,
    mut see: impl FnMut(Child<'a>) -> bool,
) -> Option<()> {
    let mut reader = Reader { text, at: 0 };
    reader.eat("[")?;
    loop {
        let child = match kind {
            Kind::Events => reader.event(attributes)?,
            Kind::Links => reader.link(attributes)?,
        };
        if !see(child) {
            return None;
        }
        if reader.eat(",").is_none() {
            reader.eat("]")?;
            return (reader.at == text.len()).then_some(());
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> Option<&'a str> {
        self.text.get(self.at..)
    }

    fn eat(&mut self, literal: &str) -> Option<()> {
        self.rest()?.starts_with(literal).then(|| self.at += literal.len())
    }

    fn event(&mut self, attributes: &mut AttributesColumn) -> Option<Child<'a>> {
        self.eat("{\"time_unix_nano\":")?;
        let time_ns = self.plain()?.parse().ok()?;
        self.eat(",\"name\":")?;
        let name = self.string()?;
        self.eat(",\"attributes\":")?;
        self.attributes(attributes)?;
        self.eat(",\"dropped_attributes_count\":")?;
        let dropped = self.plain()?.parse().ok()?;
        self.eat("}")?;
        Some(Child::Event { time_ns, name, dropped })
    }

    fn link(&mut self, attributes: &mut AttributesColumn) -> Option<Child<'a>> {
        self.eat("{\"trace_id\":")?;
        let trace_id = TraceId::parse_hex(&self.string()?).ok()?;
        self.eat(",\"span_id\":")?;
        let span_id = SpanId::parse_hex(&self.string()?).ok()?;
        self.eat(",\"trace_state\":")?;
        let trace_state = self.string()?;
        self.eat(",\"attributes\":")?;
        self.attributes(attributes)?;
        self.eat(",\"dropped_attributes_count\":")?;
        let dropped = self.plain()?.parse().ok()?;
        self.eat(",\"flags\":")?;
        let flags = self.plain()?.parse().ok()?;
        self.eat("}")?;
        let mut ids = [0; 24];
        ids[..16].copy_from_slice(&trace_id.0);
        ids[16..].copy_from_slice(&span_id.0);
        Some(Child::Link { ids, trace_state, dropped, flags })
    }

    fn attributes(&mut self, out: &mut AttributesColumn) -> Option<()> {
        self.eat("{")?;
        let mut more = self.eat("}").is_none();
        while more {
            let key = self.string()?;
            self.eat(":")?;
            self.entry(&key, out)?;
            more = self.eat(",").is_some();
            if !more {
                self.eat("}")?;
            }
        }
        out.end_row();
        Some(())
    }

    fn entry(&mut self, key: &str, out: &mut AttributesColumn) -> Option<()> {
        let first = *self.text.as_bytes().get(self.at)?;
        if first == b'"' {
            let text = self.string()?;
            out.push_entry(key, ValueKind::String, &text);
            return Some(());
        }
        if matches!(first, b'{' | b'[') {
            let value = self.nested()?;
            let wrapped = |start| value.strip_prefix(start).and_then(|v| v.strip_suffix("\"}"));
            let (kind, text) = match (wrapped("{\"$double\":\""), wrapped("{\"$bytes\":\"")) {
                (Some(text @ ("NaN" | "Inf" | "-Inf")), _) => (ValueKind::Double, text),
                (_, Some(text)) if memchr2(b'"', b'\\', text.as_bytes()).is_none() => {
                    (ValueKind::Bytes, text)
                }
                _ => (ValueKind::Json, value),
            };
            out.push_entry(key, kind, text);
            return Some(());
        }
        let text = self.plain()?;
        match text {
            "true" | "false" => out.push_entry(key, ValueKind::Bool, text),
            "null" => out.push_entry(key, ValueKind::Empty, ""),
            _ if text.parse::<i64>().is_ok() => out.push_entry(key, ValueKind::Int, text),
            _ => {
                text.parse::<f64>().ok().filter(|number| number.is_finite())?;
                out.push_entry(key, ValueKind::Double, text);
            }
        }
        Some(())
    }

    /// A number, a truth value or `null`.
    fn plain(&mut self) -> Option<&'a str> {
        let rest = self.rest()?;
        let end = rest.bytes().position(|byte| matches!(byte, b',' | b'}' | b']'))?;
        self.at += end;
        rest.get(..end)
    }

    /// A string, from its quote on.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        self.eat("\"")?;
        let rest = self.rest()?;
        let end = memchr2(b'"', b'\\', rest.as_bytes())?;
        if rest.as_bytes()[end] == b'"' {
            self.at += end + 1;
            return rest.get(..end).map(Cow::Borrowed);
        }
        let (mut text, mut at) = (rest.get(..end)?.to_owned(), end);
        loop {
            let from = rest.get(at..)?;
            let end = memchr2(b'"', b'\\', from.as_bytes())?;
            text.push_str(from.get(..end)?);
            at += end;
            if from.as_bytes()[end] == b'"' {
                self.at += at + 1;
                return Some(Cow::Owned(text));
            }
            let (escaped, len) = match rest.as_bytes().get(at + 1)? {
                b'"' => ('"', 2),
                b'\\' => ('\\', 2),
                b'n' => ('\n', 2),
                b'r' => ('\r', 2),
                b't' => ('\t', 2),
                b'u' => {
                    let code = u32::from_str_radix(rest.get(at + 2..at + 6)?, 16).ok()?;
                    (char::from_u32(code)?, 6)
                }
                _ => return None,
            };
            text.push(escaped);
            at += len;
        }
    }

    /// An array or an object, up to where it ends.
    fn nested(&mut self) -> Option<&'a str> {
        let bytes = self.rest()?.as_bytes();
        let (mut depth, mut at) = (0_usize, 0);
        loop {
            match *bytes.get(at)? {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                b'"' => {
                    at += 1;
                    while *bytes.get(at)? != b'"' {
                        at += if bytes[at] == b'\\' { 2 } else { 1 };
                    }
                }
                _ => {}
            }
            at += 1;
            if depth == 0 {
                let value = self.rest()?.get(..at);
                self.at += at;
                return value;
            }
        }
    }
}

/// Writes events or links.
#[derive(Debug)]
pub(super) struct ChildWriter<'a> {
    kind: Kind,
    out: &'a mut String,
    separator: char,
    /// Before the next attribute.
    comma: bool,
}

impl<'a> ChildWriter<'a> {
    pub(super) fn new(kind: Kind, out: &'a mut String) -> Self {
        Self { kind, out, separator: '[', comma: false }
    }

    pub(super) fn begin_event(&mut self, time_ns: i64, name: &str) {
        let separator = self.separator;
        let _infallible = write!(self.out, "{separator}{{\"time_unix_nano\":{time_ns},\"name\":");
        self.begin_attributes(name);
    }

    /// `ids` are those of the trace and of the span.
    pub(super) fn begin_link(&mut self, ids: &[u8], trace_state: &str) {
        let (trace_id, span_id) = ids.split_at(16);
        self.out.push(self.separator);
        self.out.push_str("{\"trace_id\":\"");
        push_hex(trace_id, self.out);
        self.out.push_str("\",\"span_id\":\"");
        push_hex(span_id, self.out);
        self.out.push_str("\",\"trace_state\":");
        self.begin_attributes(trace_state);
    }

    fn begin_attributes(&mut self, text: &str) {
        write_json_string(self.out, text);
        self.out.push_str(",\"attributes\":{");
        (self.separator, self.comma) = (',', false);
    }

    pub(super) fn attribute(&mut self, key: &str, kind: ValueKind, text: &str) {
        if self.comma {
            self.out.push(',');
        }
        self.comma = true;
        write_json_string(self.out, key);
        self.out.push(':');
        let wrapped = match (kind, text) {
            (ValueKind::Double, "NaN" | "Inf" | "-Inf") => "$double",
            (ValueKind::Bytes, _) => "$bytes",
            (ValueKind::String, _) => return write_json_string(self.out, text),
            (ValueKind::Empty, _) => return self.out.push_str("null"),
            _ => return self.out.push_str(text),
        };
        let _infallible = write!(self.out, "{{\"{wrapped}\":\"{text}\"}}");
    }

    /// Ends a child.
    pub(super) fn end(&mut self, dropped: u32, flags: Option<u32>) {
        let _infallible = write!(self.out, "}},\"dropped_attributes_count\":{dropped}");
        if self.kind == Kind::Links {
            let _infallible = write!(self.out, ",\"flags\":{}", flags.unwrap_or(0));
        }
        self.out.push('}');
    }

    /// Ends the array, if it has begun.
    pub(super) fn finish(self) {
        if self.separator == ',' {
            self.out.push(']');
        }
    }
}

/// Shows the texts within JSON, keys of objects among them; nothing where it is none.
pub(super) fn for_each_text(json: &str, see: &mut dyn FnMut(&str)) {
    // The parser bounds how deep it nests.
    fn of_value(value: &serde_json::Value, see: &mut dyn FnMut(&str)) {
        match value {
            serde_json::Value::String(text) => see(text),
            serde_json::Value::Array(items) => items.iter().for_each(|item| of_value(item, see)),
            serde_json::Value::Object(members) => {
                for (key, member) in members {
                    see(key);
                    of_value(member, see);
                }
            }
            _ => {}
        }
    }
    if let Ok(value) = serde_json::from_str(json) {
        of_value(&value, see);
    }
}
