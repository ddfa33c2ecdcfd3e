//! Rows of spans and log records as the readers of dialects take them ([`Record`]).

use std::cell::OnceCell;

use serde_json::Value;
use watchkeep_genai::dialect::Meaning;
use watchkeep_genai::{Attribute, Record};
use watchkeep_model::column::{DictColumn, Table as _};
use watchkeep_model::{AttributesColumn, LogColumns, SpanColumns, ValueKind};

/// OTLP's number of a status that is an error.
const STATUS_ERROR: u8 = 2;
/// Severity numbers of errors begin here.
const SEVERITY_ERROR: u8 = 17;

/// A span with its attributes and those of its resource.
pub(super) fn of_span<'a>(
    columns: &'a SpanColumns,
    row: usize,
    attributes: &'a [Attribute<'a>],
    resource: &'a [Attribute<'a>],
) -> Record<'a> {
    Record {
        name: columns.name.get(row),
        scope: columns.scope_name.get(row),
        service: columns.service.get(row),
        attributes,
        resource,
        events: columns.events.get(row),
        body: "",
        time_ns: columns.start_ns[row],
        duration_ns: columns.duration_ns[row],
        is_error: columns.status_code[row] == STATUS_ERROR,
        status_message: columns.status_message.get(row),
    }
}

/// A log record with its attributes and those of its resource.
pub(super) fn of_log<'a>(
    columns: &'a LogColumns,
    row: usize,
    attributes: &'a [Attribute<'a>],
    resource: &'a [Attribute<'a>],
) -> Record<'a> {
    Record {
        name: columns.event_name.get(row),
        scope: columns.scope_name.get(row),
        service: columns.service.get(row),
        attributes,
        resource,
        events: "",
        body: columns.body.get(row),
        time_ns: columns.time_ns[row],
        duration_ns: 0,
        is_error: columns.severity_number[row] >= SEVERITY_ERROR,
        status_message: "",
    }
}

/// Shows each span of a batch, with its row.
pub(super) fn each_span(columns: &SpanColumns, mut see: impl FnMut(usize, &Record<'_>)) {
    let (resources, own) = (Resources::new(&columns.resource), Own::new(&columns.attributes));
    let mut attributes = Vec::new();
    for row in 0..columns.len() {
        own.read(row, &mut attributes);
        see(row, &of_span(columns, row, &attributes, &resources.of(row)));
    }
}

/// Shows each log record of a batch, with its row.
pub(super) fn each_log(columns: &LogColumns, mut see: impl FnMut(usize, &Record<'_>)) {
    let (resources, own) = (Resources::new(&columns.resource), Own::new(&columns.attributes));
    let mut attributes = Vec::new();
    for row in 0..columns.len() {
        own.read(row, &mut attributes);
        see(row, &of_log(columns, row, &attributes, &resources.of(row)));
    }
}

/// The rows' own attributes of a batch, of which each key is looked up once.
pub(super) struct Own<'a> {
    column: &'a AttributesColumn,
    meanings: Vec<Meaning>,
}

impl<'a> Own<'a> {
    pub(super) fn new(column: &'a AttributesColumn) -> Self {
        let keys = column.parts().1.parts().0;
        Self { column, meanings: keys.iter().map(Meaning::of).collect() }
    }

    /// Whether a row may speak a dialect.
    pub(super) fn any_speaks(&self) -> bool {
        self.meanings.iter().any(|meaning| meaning.speaks())
    }

    /// Fills `attributes` with those of a row.
    pub(super) fn read(&self, row: usize, attributes: &mut Vec<Attribute<'a>>) {
        let (offsets, keys, values, kinds) = self.column.parts();
        let (names, keys) = keys.parts();
        let entries = offsets[row] as usize..offsets[row + 1] as usize;
        attributes.clear();
        attributes.extend(entries.map(|entry| {
            let key = keys[entry] as usize;
            Attribute {
                key: names.get(key),
                meaning: self.meanings[key],
                kind: ValueKind::from_letter(kinds[entry]).unwrap_or(ValueKind::String),
                text: values.get(entry),
            }
        }));
    }
}

/// Attributes of the resources of a batch, each read once, when first asked for.
pub(super) struct Resources<'a> {
    column: &'a DictColumn,
    read: Vec<OnceCell<Vec<Owned>>>,
}

/// An attribute that was read out of JSON.
struct Owned {
    key: String,
    meaning: Meaning,
    kind: ValueKind,
    text: String,
}

impl<'a> Resources<'a> {
    pub(super) fn new(column: &'a DictColumn) -> Self {
        let mut read = Vec::new();
        read.resize_with(column.parts().0.len(), OnceCell::new);
        Self { column, read }
    }

    /// Those of a row.
    pub(super) fn of(&self, row: usize) -> Vec<Attribute<'_>> {
        let (values, keys) = self.column.parts();
        let at = keys[row] as usize;
        let read = self.read[at].get_or_init(|| read_object(values.get(at)));
        read.iter().map(Owned::attribute).collect()
    }
}

impl Owned {
    fn attribute(&self) -> Attribute<'_> {
        let Self { key, meaning, kind, text } = self;
        Attribute { key, meaning: *meaning, kind: *kind, text }
    }
}

/// The members of a JSON object of attributes, with their texts.
fn read_object(json: &str) -> Vec<Owned> {
    let Ok(Value::Object(members)) = serde_json::from_str(json) else { return Vec::new() };
    let typed = |(key, value): (String, Value)| match value {
        Value::Null => (key, ValueKind::Empty, String::new()),
        Value::String(text) => (key, ValueKind::String, text),
        Value::Bool(value) => (key, ValueKind::Bool, value.to_string()),
        Value::Number(number) if number.is_f64() => (key, ValueKind::Double, number.to_string()),
        Value::Number(number) => (key, ValueKind::Int, number.to_string()),
        other => (key, ValueKind::Json, other.to_string()),
    };
    let owned = |(key, kind, text): (String, ValueKind, String)| Owned {
        meaning: Meaning::of(&key),
        key,
        kind,
        text,
    };
    members.into_iter().map(typed).map(owned).collect()
}
