//! Rows of the tables of records as structs, for the edge. Attributes become JSON text here (see
//! `watchkeep_model::attributes` for the form); nothing is parsed.

use arrow_array::types::{TimestampNanosecondType, UInt32Type};
use arrow_array::{
    Array, DictionaryArray, FixedSizeBinaryArray, Int64Array, MapArray, PrimitiveArray,
    RecordBatch, StringArray, UInt8Array, UInt32Array,
};
use watchkeep_model::attributes::write_json_string;
use watchkeep_model::{Error, Level, Result, SpanId, TraceId, ValueKind};
use watchkeep_storage::schema::{ATTRIBUTE_KINDS, column, dictionary_strings};

/// The instrumentation scope of a span or record.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its attributes as a JSON object.
    pub attributes: String,
}

/// One span.
#[derive(Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are the columns of SpanColumns, which documents them")]
pub struct SpanRow {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub parent_span_id: SpanId,
    pub start_ns: i64,
    pub duration_ns: i64,
    pub name: String,
    pub kind: u8,
    pub status_code: u8,
    pub status_message: String,
    pub service: String,
    pub resource: String,
    pub scope: Scope,
    pub schema_url: String,
    pub trace_state: String,
    pub flags: u32,
    pub attributes: String,
    pub dropped_attributes: u32,
    pub events: String,
    pub dropped_events: u32,
    pub links: String,
    pub dropped_links: u32,
}

/// One log record.
#[derive(Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are the columns of LogColumns, which documents them")]
pub struct LogRow {
    pub time_ns: i64,
    pub observed_ns: i64,
    pub severity_number: u8,
    pub severity_text: String,
    pub level: Level,
    pub service: String,
    pub resource: String,
    pub scope: Scope,
    /// The body as JSON.
    pub body: String,
    pub attributes: String,
    pub dropped_attributes: u32,
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub flags: u32,
    pub event_name: String,
}

impl SpanRow {
    /// Bytes of what can be long, about.
    pub(super) fn byte_len(&self) -> usize {
        let texts = [&self.resource, &self.attributes, &self.events, &self.links, &self.name];
        size_of::<Self>() + texts.iter().map(|text| text.len()).sum::<usize>()
    }
}

impl LogRow {
    /// Bytes of what can be long, about.
    pub(super) fn byte_len(&self) -> usize {
        let texts = [&self.resource, &self.attributes, &self.body];
        size_of::<Self>() + texts.iter().map(|text| text.len()).sum::<usize>()
    }
}

macro_rules! debug_shows_no_content {
    ($($row:ty),*) => {$(
        impl std::fmt::Debug for $row {
            /// Rows may hold prompts and secrets, so their contents are never printed.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($row)).finish_non_exhaustive()
            }
        }
    )*};
}
debug_shows_no_content!(Scope, SpanRow, LogRow);

struct Texts<'a> {
    keys: &'a UInt32Array,
    values: &'a StringArray,
}

impl<'a> Texts<'a> {
    fn of(batch: &'a RecordBatch, name: &str) -> Result<Self> {
        let array: &DictionaryArray<UInt32Type> = column(batch, name)?;
        Ok(Self { keys: array.keys(), values: dictionary_strings(array)? })
    }

    fn get(&self, row: usize) -> String {
        self.values.value(self.keys.value(row) as usize).to_owned()
    }
}

struct Ids<'a>(&'a FixedSizeBinaryArray);

impl<'a> Ids<'a> {
    fn of(batch: &'a RecordBatch, name: &str) -> Result<Self> {
        column(batch, name).map(Self)
    }

    fn get<const N: usize>(&self, row: usize) -> Result<[u8; N]> {
        self.0
            .value(row)
            .try_into()
            .map_err(|error| Error::internal("an id has an unexpected width").with_source(error))
    }
}

struct Attributes<'a> {
    map: &'a MapArray,
    keys: &'a StringArray,
    values: &'a StringArray,
    kinds: &'a StringArray,
}

impl<'a> Attributes<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self> {
        let map: &MapArray = column(batch, "attributes")?;
        let strings = |array: &'a dyn Array| {
            array
                .as_any()
                .downcast_ref::<StringArray>()
                .ok_or_else(|| Error::internal("attributes do not hold strings"))
        };
        Ok(Self {
            keys: strings(map.keys())?,
            values: strings(map.values())?,
            kinds: column(batch, ATTRIBUTE_KINDS)?,
            map,
        })
    }

    fn json(&self, row: usize) -> String {
        let offsets = self.map.value_offsets();
        let entries = offsets[row] as usize..offsets[row + 1] as usize;
        let mut out = String::from("{");
        for (entry, letter) in entries.zip(self.kinds.value(row).bytes()) {
            if out.len() > 1 {
                out.push(',');
            }
            write_json_string(&mut out, self.keys.value(entry));
            out.push(':');
            write_value(&mut out, letter, self.values.value(entry));
        }
        out.push('}');
        out
    }
}

/// Appends the JSON of a value that is kept as text and a letter.
fn write_value(out: &mut String, letter: u8, text: &str) {
    match ValueKind::from_letter(letter) {
        Some(ValueKind::Empty) => out.push_str("null"),
        Some(ValueKind::Bool | ValueKind::Int) => out.push_str(text),
        Some(ValueKind::Double) if text.ends_with(|c: char| c.is_ascii_digit()) => {
            out.push_str(text);
        }
        Some(ValueKind::Double) => wrap(out, "$double", text),
        Some(ValueKind::Bytes) => wrap(out, "$bytes", text),
        Some(ValueKind::Json) => out.push_str(text),
        Some(ValueKind::String) | None => write_json_string(out, text),
    }
}

fn wrap(out: &mut String, name: &str, text: &str) {
    out.push('{');
    write_json_string(out, name);
    out.push(':');
    write_json_string(out, text);
    out.push('}');
}

/// A column of JSON objects has the empty string for "none".
fn object(text: String) -> String {
    if text.is_empty() { "{}".into() } else { text }
}

struct Scopes<'a> {
    name: Texts<'a>,
    version: Texts<'a>,
    attributes: Texts<'a>,
}

impl<'a> Scopes<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self> {
        Ok(Self {
            name: Texts::of(batch, "scope_name")?,
            version: Texts::of(batch, "scope_version")?,
            attributes: Texts::of(batch, "scope_attributes")?,
        })
    }

    fn get(&self, row: usize) -> Scope {
        Scope {
            name: self.name.get(row),
            version: self.version.get(row),
            attributes: object(self.attributes.get(row)),
        }
    }
}

type Instants = PrimitiveArray<TimestampNanosecondType>;

/// Reads spans from a batch with all columns.
pub(super) fn spans(batch: &RecordBatch, out: &mut Vec<SpanRow>) -> Result<()> {
    let trace_id = Ids::of(batch, "trace_id")?;
    let span_id = Ids::of(batch, "span_id")?;
    let parent_span_id = Ids::of(batch, "parent_span_id")?;
    let start_ns: &Instants = column(batch, "start_ns")?;
    let duration_ns: &Int64Array = column(batch, "duration_ns")?;
    let name: &StringArray = column(batch, "name")?;
    let kind: &UInt8Array = column(batch, "kind")?;
    let status_code: &UInt8Array = column(batch, "status_code")?;
    let status_message: &StringArray = column(batch, "status_message")?;
    let service = Texts::of(batch, "service")?;
    let resource = Texts::of(batch, "resource")?;
    let scopes = Scopes::of(batch)?;
    let schema_url = Texts::of(batch, "schema_url")?;
    let trace_state: &StringArray = column(batch, "trace_state")?;
    let flags: &UInt32Array = column(batch, "flags")?;
    let attributes = Attributes::of(batch)?;
    let dropped_attributes: &UInt32Array = column(batch, "dropped_attributes")?;
    let events: &StringArray = column(batch, "events")?;
    let dropped_events: &UInt32Array = column(batch, "dropped_events")?;
    let links: &StringArray = column(batch, "links")?;
    let dropped_links: &UInt32Array = column(batch, "dropped_links")?;
    for row in 0..batch.num_rows() {
        out.push(SpanRow {
            trace_id: TraceId(trace_id.get(row)?),
            span_id: SpanId(span_id.get(row)?),
            parent_span_id: SpanId(parent_span_id.get(row)?),
            start_ns: start_ns.value(row),
            duration_ns: duration_ns.value(row),
            name: name.value(row).to_owned(),
            kind: kind.value(row),
            status_code: status_code.value(row),
            status_message: status_message.value(row).to_owned(),
            service: service.get(row),
            resource: object(resource.get(row)),
            scope: scopes.get(row),
            schema_url: schema_url.get(row),
            trace_state: trace_state.value(row).to_owned(),
            flags: flags.value(row),
            attributes: attributes.json(row),
            dropped_attributes: dropped_attributes.value(row),
            events: events.value(row).to_owned(),
            dropped_events: dropped_events.value(row),
            links: links.value(row).to_owned(),
            dropped_links: dropped_links.value(row),
        });
    }
    Ok(())
}

/// Reads log records from a batch with all columns.
pub(super) fn logs(batch: &RecordBatch, out: &mut Vec<LogRow>) -> Result<()> {
    let time_ns: &Instants = column(batch, "time_ns")?;
    let observed_ns: &Instants = column(batch, "observed_ns")?;
    let severity_number: &UInt8Array = column(batch, "severity_number")?;
    let severity_text = Texts::of(batch, "severity_text")?;
    let level: &UInt8Array = column(batch, "level")?;
    let service = Texts::of(batch, "service")?;
    let resource = Texts::of(batch, "resource")?;
    let scopes = Scopes::of(batch)?;
    let body: &StringArray = column(batch, "body")?;
    let body_kind: &UInt8Array = column(batch, "body_kind")?;
    let attributes = Attributes::of(batch)?;
    let dropped_attributes: &UInt32Array = column(batch, "dropped_attributes")?;
    let trace_id = Ids::of(batch, "trace_id")?;
    let span_id = Ids::of(batch, "span_id")?;
    let flags: &UInt32Array = column(batch, "flags")?;
    let event_name = Texts::of(batch, "event_name")?;
    for row in 0..batch.num_rows() {
        let mut body_json = String::new();
        write_value(&mut body_json, body_kind.value(row), body.value(row));
        out.push(LogRow {
            time_ns: time_ns.value(row),
            observed_ns: observed_ns.value(row),
            severity_number: severity_number.value(row),
            severity_text: severity_text.get(row),
            level: Level::from_code(level.value(row)),
            service: service.get(row),
            resource: object(resource.get(row)),
            scope: scopes.get(row),
            body: body_json,
            attributes: attributes.json(row),
            dropped_attributes: dropped_attributes.value(row),
            trace_id: TraceId(trace_id.get(row)?),
            span_id: SpanId(span_id.get(row)?),
            flags: flags.value(row),
            event_name: event_name.get(row),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_kept_as_text_become_json() {
        let cases = [
            (b's', "a\"b", r#""a\"b""#),
            (b'i', "-7", "-7"),
            (b'd', "1.5", "1.5"),
            (b'd', "1e300", "1e300"),
            (b'd', "-Inf", r#"{"$double":"-Inf"}"#),
            (b'x', "AP8=", r#"{"$bytes":"AP8="}"#),
            (b'j', r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (b'n', "", "null"),
        ];
        for (letter, text, expect) in cases {
            let mut out = String::new();
            write_value(&mut out, letter, text);
            assert_eq!(out, expect);
        }
    }
}
