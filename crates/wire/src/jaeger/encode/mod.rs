//! Columns of spans back to Jaeger's model, for the answers of its query service: as the JSON of its
//! UI, and as protobuf (`model.proto`).
//!
//! Fields that Jaeger has no place for become tags, by OpenTelemetry's mapping (OpenTelemetry
//! specification, "Jaeger"; the Collector's translator), so that what came from a client of Jaeger
//! comes out as it went in. Arrays and maps become their JSON.

mod json;
mod proto;
mod shared;

use std::collections::HashSet;

use hashbrown::HashMap;
use watchkeep_model::{Result, SpanColumns};

use super::span::Reference;
use crate::spans::stored::{self, Entries, Plain};
use crate::spans::{STATUS_ERROR, STATUS_OK};

pub use json::encode_trace_json;
pub use proto::encode_spans_proto;
pub use shared::separate_shared_ids;

/// Names of the kinds of spans, in the order of their numbers in OTLP; the first is none.
pub const KIND_NAMES: [&str; 6] = ["", "internal", "server", "client", "producer", "consumer"];

/// A span as Jaeger has it.
#[derive(Debug)]
struct Span<'a> {
    trace_id: [u8; 16],
    id: [u8; 8],
    name: &'a str,
    references: Vec<Reference>,
    /// The sampled bit and its like.
    flags: u32,
    start_ns: i64,
    duration_ns: i64,
    tags: Entries,
    logs: Vec<Log>,
    /// Place among the processes.
    process: usize,
}

#[derive(Debug)]
struct Log {
    time_ns: i64,
    fields: Entries,
}

/// Who made spans.
#[derive(Debug)]
struct Process {
    service: String,
    tags: Entries,
}

/// Processes by their resources, in the order in which they come.
#[derive(Debug, Default)]
struct Processes {
    list: Vec<Process>,
    places: HashMap<u32, usize>,
}

impl Processes {
    fn place(&mut self, spans: &SpanColumns, row: usize) -> Result<usize> {
        let (texts, keys) = spans.resource.parts();
        let key = keys.get(row).copied().unwrap_or(0);
        if let Some(place) = self.places.get(&key) {
            return Ok(*place);
        }
        let mut tags = stored::object(texts.get(key as usize))?;
        tags.retain(|(name, _)| name != "service.name");
        let place = self.list.len();
        self.list.push(Process { service: spans.service.get(row).to_owned(), tags: sorted(tags) });
        self.places.insert(key, place);
        Ok(place)
    }
}

fn text(text: &str) -> Plain {
    Plain::Text(text.to_owned())
}

/// Jaeger shows tags by their keys.
fn sorted(mut tags: Entries) -> Entries {
    tags.sort_by(|(a, _), (b, _)| a.cmp(b));
    tags
}

#[expect(clippy::indexing_slicing, reason = "the caller's rows are those of the table")]
fn span<'a>(spans: &'a SpanColumns, row: usize, processes: &mut Processes) -> Result<Span<'a>> {
    Ok(Span {
        trace_id: spans.trace_id[row],
        id: spans.span_id[row],
        name: spans.name.get(row),
        references: references(spans, row)?,
        flags: spans.flags[row] & super::span::FLAGS,
        start_ns: spans.start_ns[row].max(0),
        duration_ns: spans.duration_ns[row].max(0),
        tags: tags(spans, row)?,
        logs: logs(spans, row)?,
        process: processes.place(spans, row)?,
    })
}

/// The parent, then the links.
#[expect(clippy::indexing_slicing, reason = "the caller's rows are those of the table")]
fn references(spans: &SpanColumns, row: usize) -> Result<Vec<Reference>> {
    let (trace_id, parent) = (spans.trace_id[row], spans.parent_span_id[row]);
    let mut all = Vec::new();
    if parent != [0; 8] {
        all.push(Reference { is_parent: true, trace_id, span_id: parent });
    }
    for link in stored::links(spans, row)? {
        let is_parent = link.attributes.iter().any(|(key, value)| {
            key == "opentracing.ref_type"
                && matches!(value, Plain::Text(kind) if kind == "child_of")
        });
        let reference = Reference { is_parent, trace_id: link.trace_id.0, span_id: link.span_id.0 };
        // Who came before in the same trace may be the parent already.
        if !(reference.trace_id == trace_id && reference.span_id == parent && is_parent) {
            all.push(reference);
        }
    }
    Ok(all)
}

#[expect(clippy::indexing_slicing, reason = "the caller's rows are those of the table")]
fn tags(spans: &SpanColumns, row: usize) -> Result<Entries> {
    let mut tags = stored::attributes(spans, row)?;
    let own: HashSet<String> = tags.iter().map(|(key, _)| key.clone()).collect();
    let mut add = |key: &str, value: Plain| {
        if !own.contains(key) {
            tags.push((key.to_owned(), value));
        }
    };
    for (key, value) in [
        ("otel.scope.name", spans.scope_name.get(row)),
        ("otel.scope.version", spans.scope_version.get(row)),
        ("w3c.tracestate", spans.trace_state.get(row)),
        ("otel.status_description", spans.status_message.get(row)),
        ("span.kind", KIND_NAMES.get(usize::from(spans.kind[row])).copied().unwrap_or_default()),
    ] {
        if !value.is_empty() {
            add(key, text(value));
        }
    }
    match spans.status_code[row] {
        STATUS_OK => add("otel.status_code", text("OK")),
        STATUS_ERROR => {
            add("otel.status_code", text("ERROR"));
            add("error", Plain::Bool(true));
        }
        _ => {}
    }
    for (key, count) in [
        ("otel.dropped_attributes_count", spans.dropped_attributes[row]),
        ("otel.dropped_events_count", spans.dropped_events[row]),
        ("otel.dropped_links_count", spans.dropped_links[row]),
    ] {
        if count > 0 {
            add(key, Plain::Int(i64::from(count)));
        }
    }
    Ok(sorted(tags))
}

fn logs(spans: &SpanColumns, row: usize) -> Result<Vec<Log>> {
    let log = |event: stored::Event| {
        let mut fields = Entries::new();
        if !event.name.is_empty() {
            fields.push(("event".to_owned(), Plain::Text(event.name)));
        }
        fields.extend(sorted(event.attributes));
        if event.dropped > 0 {
            let count = Plain::Int(i64::from(event.dropped));
            fields.push(("otel.dropped_attributes_count".to_owned(), count));
        }
        Log { time_ns: event.time_ns.max(0), fields }
    };
    Ok(stored::events(spans, row)?.into_iter().map(log).collect())
}
