//! Spans as protobuf (`model.proto`, `Span`), each with its process.

use watchkeep_model::{Result, SpanColumns};

use super::{Process, Processes, span};
use crate::protobuf::Writer;
use crate::spans::stored::Plain;

const SECOND_NS: i64 = 1_000_000_000;

/// Encodes each of the rows as a `Span`.
pub fn encode_spans_proto(spans: &SpanColumns, rows: &[u32]) -> Result<Vec<Vec<u8>>> {
    let mut processes = Processes::default();
    rows.iter()
        .map(|row| {
            let span = span(spans, *row as usize, &mut processes)?;
            let mut out = Writer::default();
            out.bytes(1, &span.trace_id);
            out.bytes(2, &span.id);
            out.bytes(3, span.name.as_bytes());
            for reference in &span.references {
                let message = out.begin_message(4);
                out.bytes(1, &reference.trace_id);
                out.bytes(2, &reference.span_id);
                if !reference.is_parent {
                    out.varint(3, 1);
                }
                out.end_message(message);
            }
            if span.flags != 0 {
                out.varint(5, u64::from(span.flags));
            }
            write_time(&mut out, 6, span.start_ns);
            write_time(&mut out, 7, span.duration_ns);
            write_tags(&mut out, 8, &span.tags);
            for log in &span.logs {
                let message = out.begin_message(9);
                write_time(&mut out, 1, log.time_ns);
                write_tags(&mut out, 2, &log.fields);
                out.end_message(message);
            }
            if let Some(Process { service, tags }) = processes.list.get(span.process) {
                let message = out.begin_message(10);
                out.bytes(1, service.as_bytes());
                write_tags(&mut out, 2, tags);
                out.end_message(message);
            }
            Ok(out.into_bytes())
        })
        .collect()
}

/// A `Timestamp` or `Duration`.
fn write_time(out: &mut Writer, number: u32, nanoseconds: i64) {
    let message = out.begin_message(number);
    for (field, part) in [(1, nanoseconds / SECOND_NS), (2, nanoseconds % SECOND_NS)] {
        if part != 0 {
            out.varint(field, part as u64);
        }
    }
    out.end_message(message);
}

fn write_tags(out: &mut Writer, number: u32, tags: &[(String, Plain)]) {
    for (key, value) in tags {
        let message = out.begin_message(number);
        out.bytes(1, key.as_bytes());
        match value {
            Plain::Text(text) => out.bytes(3, text.as_bytes()),
            Plain::Bool(value) => {
                out.varint(2, 1);
                out.varint(4, u64::from(*value));
            }
            Plain::Int(value) => {
                out.varint(2, 2);
                out.varint(5, *value as u64);
            }
            Plain::Double(value) => {
                out.varint(2, 3);
                out.fixed64(6, value.to_bits());
            }
            Plain::Bytes(bytes) => {
                out.varint(2, 4);
                out.bytes(7, bytes);
            }
        }
        out.end_message(message);
    }
}
