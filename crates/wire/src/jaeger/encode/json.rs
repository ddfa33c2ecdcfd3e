//! A trace as the JSON of Jaeger's UI (`data` of its HTTP API).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use watchkeep_model::attributes::{write_double, write_json_string};
use watchkeep_model::{Result, SpanColumns, SpanId, TraceId};

use super::{Processes, Span, span};
use crate::jaeger::span::Reference;
use crate::spans::stored::Plain;

/// The greatest whole number that JavaScript tells from its neighbours.
const SAFE_MAX: u64 = (1 << 53) - 1;

/// Appends rows of one trace, as an object. `warnings` are about the whole trace.
pub fn encode_trace_json(
    spans: &SpanColumns,
    rows: &[u32],
    warnings: &[&str],
    out: &mut String,
) -> Result<()> {
    let mut processes = Processes::default();
    out.push_str("{\"traceID\":\"");
    if let Some(id) = rows.first().and_then(|row| spans.trace_id.get(*row as usize)) {
        write_trace_id(out, *id);
    }
    out.push_str("\",\"spans\":[");
    for (position, row) in rows.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        write_span(out, &span(spans, *row as usize, &mut processes)?);
    }
    out.push_str("],\"processes\":{");
    for (place, process) in processes.list.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        let _infallible = write!(out, "\"p{}\":{{\"serviceName\":", place + 1);
        write_json_string(out, &process.service);
        out.push_str(",\"tags\":");
        write_tags(out, &process.tags);
        out.push('}');
    }
    out.push_str("},\"warnings\":");
    if warnings.is_empty() {
        out.push_str("null");
    } else {
        list(out, warnings, |out, warning| write_json_string(out, warning));
    }
    out.push('}');
    Ok(())
}

fn list<T>(out: &mut String, items: &[T], mut write: impl FnMut(&mut String, &T)) {
    out.push('[');
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

/// An id of 64 bits has 16 digits, as Jaeger writes it.
fn write_trace_id(out: &mut String, id: [u8; 16]) {
    let text = TraceId(id).to_string();
    out.push_str(text.strip_prefix("0000000000000000").unwrap_or(&text));
}

fn write_span(out: &mut String, span: &Span<'_>) {
    out.push_str("{\"traceID\":\"");
    write_trace_id(out, span.trace_id);
    let _infallible = write!(out, "\",\"spanID\":\"{}\"", SpanId(span.id));
    if span.flags != 0 {
        let _infallible = write!(out, ",\"flags\":{}", span.flags);
    }
    out.push_str(",\"operationName\":");
    write_json_string(out, span.name);
    out.push_str(",\"references\":");
    list(out, &span.references, |out, reference| {
        let Reference { is_parent, trace_id, span_id } = *reference;
        let kind = if is_parent { "CHILD_OF" } else { "FOLLOWS_FROM" };
        let _infallible = write!(out, "{{\"refType\":\"{kind}\",\"traceID\":\"");
        write_trace_id(out, trace_id);
        let _infallible = write!(out, "\",\"spanID\":\"{}\"}}", SpanId(span_id));
    });
    let (start, duration) = (span.start_ns / 1000, span.duration_ns / 1000);
    let _infallible = write!(out, ",\"startTime\":{start},\"duration\":{duration},\"tags\":");
    write_tags(out, &span.tags);
    out.push_str(",\"logs\":");
    list(out, &span.logs, |out, log| {
        let _infallible = write!(out, "{{\"timestamp\":{},\"fields\":", log.time_ns / 1000);
        write_tags(out, &log.fields);
        out.push('}');
    });
    let _infallible = write!(out, ",\"processID\":\"p{}\",\"warnings\":null}}", span.process + 1);
}

fn write_tags(out: &mut String, tags: &[(String, Plain)]) {
    list(out, tags, |out, (key, value)| {
        out.push_str("{\"key\":");
        write_json_string(out, key);
        write_value(out, value);
        out.push('}');
    });
}

fn write_value(out: &mut String, value: &Plain) {
    let kind = match value {
        Plain::Text(_) => "string",
        Plain::Bool(_) => "bool",
        Plain::Int(_) => "int64",
        Plain::Double(_) => "float64",
        Plain::Bytes(_) => "binary",
    };
    let _infallible = write!(out, ",\"type\":\"{kind}\",\"value\":");
    let _infallible = match value {
        Plain::Text(text) => {
            write_json_string(out, text);
            Ok(())
        }
        Plain::Bool(value) => write!(out, "{value}"),
        Plain::Int(value) if value.unsigned_abs() > SAFE_MAX => write!(out, "\"{value}\""),
        Plain::Int(value) => write!(out, "{value}"),
        Plain::Double(value) if value.is_finite() => {
            write_double(out, *value);
            Ok(())
        }
        Plain::Double(value) => {
            out.push('"');
            write_double(out, *value);
            out.push('"');
            Ok(())
        }
        Plain::Bytes(bytes) => write!(out, "\"{}\"", BASE64.encode(bytes)),
    };
}
