//! Columns of spans back to Zipkin's second form, as JSON, for the answers of its query API.
//!
//! What came from a client of Zipkin comes out as it went in, but for the case of names, which Zipkin
//! writes small. What Zipkin has no place for becomes tags, by OpenTelemetry's mapping (OpenTelemetry
//! specification, "Zipkin"); links are left out.

use std::fmt::Write as _;
use std::net::IpAddr;

use watchkeep_model::attributes::write_json_string;
use watchkeep_model::{Result, SpanColumns, SpanId, TraceId};

use super::{ABSENT_START, DEBUG, SHARED};
use crate::spans::stored::{self, Entries, Event, Plain};
use crate::spans::{STATUS_ERROR, STATUS_OK};

/// A node of the network, as attributes tell it.
#[derive(Debug, Default)]
struct Endpoint {
    service: String,
    address: String,
    port: i64,
}

/// What attributes say of a span beside its tags.
#[derive(Debug, Default)]
struct Fields {
    local: Endpoint,
    remote: Endpoint,
    shared: bool,
    debug: bool,
    no_start: bool,
}

impl Fields {
    /// Takes an attribute that stands for a field.
    fn take(&mut self, key: &str, value: &Plain) -> bool {
        match (key, value) {
            ("peer.service", Plain::Text(text)) => self.remote.service.clone_from(text),
            ("net.host.ip", Plain::Text(text)) => self.local.address.clone_from(text),
            ("net.peer.ip", Plain::Text(text)) => self.remote.address.clone_from(text),
            ("net.host.port", Plain::Int(port)) => self.local.port = *port,
            ("net.peer.port", Plain::Int(port)) => self.remote.port = *port,
            (SHARED, Plain::Bool(true)) => self.shared = true,
            (DEBUG, Plain::Bool(true)) => self.debug = true,
            (ABSENT_START, Plain::Bool(true)) => self.no_start = true,
            _ => return false,
        }
        true
    }
}

/// Appends rows as a list of spans.
pub fn encode_json(spans: &SpanColumns, rows: &[u32], out: &mut String) -> Result<()> {
    out.push('[');
    for (position, row) in rows.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        write_span(spans, *row as usize, out)?;
    }
    out.push(']');
    Ok(())
}

/// A trace's id as Zipkin writes it: 16 digits where it has 64 bits.
pub fn trace_id_text(id: TraceId) -> String {
    let text = id.to_string();
    match text.strip_prefix("0000000000000000") {
        Some(low) => low.to_owned(),
        None => text,
    }
}

#[expect(clippy::indexing_slicing, reason = "the caller's rows are those of the table")]
fn write_span(spans: &SpanColumns, row: usize, out: &mut String) -> Result<()> {
    let mut fields = Fields::default();
    let mut tags = stored::attributes(spans, row)?;
    tags.retain(|(key, value)| !fields.take(key, value));
    let mut resource = stored::object(spans.resource.get(row))?;
    resource.retain(|(key, value)| match (key.as_str(), value) {
        ("service.name", Plain::Text(name)) => {
            fields.local.service.clone_from(name);
            false
        }
        _ => true,
    });
    add_tags(spans, row, resource, &mut tags);
    let (trace_id, id) = (TraceId(spans.trace_id[row]), SpanId(spans.span_id[row]));
    let _infallible = write!(out, "{{\"traceId\":\"{}\"", trace_id_text(trace_id));
    let parent = SpanId(spans.parent_span_id[row]);
    if parent.is_some() {
        let _infallible = write!(out, ",\"parentId\":\"{parent}\"");
    }
    let _infallible = write!(out, ",\"id\":\"{id}\"");
    let kind = ["", "", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"].get(spans.kind[row] as usize);
    if let Some(kind) = kind.filter(|kind| !kind.is_empty()) {
        let _infallible = write!(out, ",\"kind\":\"{kind}\"");
    }
    if !spans.name.get(row).is_empty() {
        out.push_str(",\"name\":");
        write_json_string(out, &spans.name.get(row).to_lowercase());
    }
    if !fields.no_start {
        let _infallible = write!(out, ",\"timestamp\":{}", spans.start_ns[row].max(0) / 1000);
    }
    // Zipkin has no span of no time: what is shorter than a microsecond takes one.
    if spans.duration_ns[row] > 0 {
        let _infallible = write!(out, ",\"duration\":{}", (spans.duration_ns[row] / 1000).max(1));
    }
    write_endpoint(out, "localEndpoint", &fields.local);
    write_endpoint(out, "remoteEndpoint", &fields.remote);
    write_annotations(out, stored::events(spans, row)?);
    write_tags(out, tags);
    for (name, is_so) in [("debug", fields.debug), ("shared", fields.shared)] {
        if is_so {
            let _infallible = write!(out, ",\"{name}\":true");
        }
    }
    out.push('}');
    Ok(())
}

/// Adds what a span has beside its attributes; what it has as attributes stays.
#[expect(clippy::indexing_slicing, reason = "the caller's rows are those of the table")]
fn add_tags(spans: &SpanColumns, row: usize, resource: Entries, tags: &mut Entries) {
    let mut added: Entries = resource;
    let mut add = |key: &str, value: &str| {
        if !value.is_empty() {
            added.push((key.to_owned(), Plain::Text(value.to_owned())));
        }
    };
    add("otel.scope.name", spans.scope_name.get(row));
    add("otel.scope.version", spans.scope_version.get(row));
    add("w3c.tracestate", spans.trace_state.get(row));
    for (key, count) in [
        ("otel.dropped_attributes_count", spans.dropped_attributes[row]),
        ("otel.dropped_events_count", spans.dropped_events[row]),
        ("otel.dropped_links_count", spans.dropped_links[row]),
    ] {
        if count > 0 {
            add(key, &count.to_string());
        }
    }
    let says_error = tags.iter().any(|(key, _)| key == "error");
    match spans.status_code[row] {
        // It was the tag that made the status.
        STATUS_ERROR if says_error => {}
        STATUS_ERROR => {
            add("otel.status_code", "ERROR");
            let message = spans.status_message.get(row);
            added.push(("error".to_owned(), Plain::Text(message.to_owned())));
        }
        STATUS_OK => add("otel.status_code", "OK"),
        _ => {}
    }
    for (key, value) in added {
        if !tags.iter().any(|(own, _)| *own == key) {
            tags.push((key, value));
        }
    }
}

fn write_endpoint(out: &mut String, name: &str, endpoint: &Endpoint) {
    let Endpoint { service, address, port } = endpoint;
    let mut members = Vec::new();
    if !service.is_empty() {
        let mut text = String::new();
        write_json_string(&mut text, &service.to_lowercase());
        members.push(format!("\"serviceName\":{text}"));
    }
    match address.parse() {
        Ok(IpAddr::V4(address)) => members.push(format!("\"ipv4\":\"{address}\"")),
        Ok(IpAddr::V6(address)) => members.push(format!("\"ipv6\":\"{address}\"")),
        Err(_) => {}
    }
    if *port > 0 {
        members.push(format!("\"port\":{port}"));
    }
    if !members.is_empty() {
        let _infallible = write!(out, ",\"{name}\":{{{}}}", members.join(","));
    }
}

/// An event with attributes becomes `{"name":{"key":value}}`.
fn write_annotations(out: &mut String, events: Vec<Event>) {
    let mut is_first = true;
    for Event { time_ns, name, attributes, .. } in events {
        out.push_str(if is_first { ",\"annotations\":[" } else { "," });
        is_first = false;
        let _infallible = write!(out, "{{\"timestamp\":{},\"value\":", time_ns.max(0) / 1000);
        if attributes.is_empty() {
            write_json_string(out, &name);
        } else {
            let members = attributes.into_iter().map(|(key, value)| (key, json_of(value)));
            let all = serde_json::Value::Object(members.collect());
            let mut whole = serde_json::Map::new();
            whole.insert(name, all);
            write_json_string(out, &serde_json::Value::Object(whole).to_string());
        }
        out.push('}');
    }
    if !is_first {
        out.push(']');
    }
}

fn json_of(value: Plain) -> serde_json::Value {
    match value {
        Plain::Bool(value) => value.into(),
        Plain::Int(value) => value.into(),
        Plain::Double(value) if value.is_finite() => value.into(),
        other => other.into_text().into(),
    }
}

fn write_tags(out: &mut String, tags: Entries) {
    let mut is_first = true;
    for (key, value) in tags {
        out.push_str(if is_first { ",\"tags\":{" } else { "," });
        is_first = false;
        write_json_string(out, &key);
        out.push(':');
        write_json_string(out, &value.into_text());
    }
    if !is_first {
        out.push('}');
    }
}
