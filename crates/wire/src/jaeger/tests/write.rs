//! Batches to send, and how each form writes them.

use crate::protobuf;
use crate::thrift::Protocol;
use crate::thrift_writer::Writer;

#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    Text(&'static str),
    Bool(bool),
    Int(i64),
    Double(f64),
    Bytes(&'static [u8]),
}

pub(super) type Tag = (&'static str, Value);

#[derive(Debug, Clone, Default)]
pub(super) struct Batch {
    pub(super) service: &'static str,
    pub(super) process: Vec<Tag>,
    pub(super) spans: Vec<Span>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Span {
    /// Low and high half.
    pub(super) trace: (i64, i64),
    pub(super) id: i64,
    /// Only as a field of its own in Thrift; protobuf has references alone.
    pub(super) parent: i64,
    pub(super) name: &'static str,
    pub(super) references: Vec<Reference>,
    pub(super) flags: i32,
    pub(super) start: i64,
    pub(super) duration: i64,
    pub(super) tags: Vec<Tag>,
    pub(super) logs: Vec<Log>,
}

#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub(super) is_parent: bool,
    pub(super) trace: (i64, i64),
    pub(super) span: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Log {
    pub(super) time: i64,
    pub(super) fields: Vec<Tag>,
}

/// A `Batch` as Thrift.
pub(super) fn thrift(batch: &Batch, protocol: Protocol) -> Vec<u8> {
    let mut writer = Writer::new(protocol);
    fields(&mut writer, batch);
    writer.end();
    writer.bytes
}

/// A call of `emitBatch`.
pub(super) fn call(batch: &Batch, protocol: Protocol) -> Vec<u8> {
    let mut writer = Writer::new(protocol);
    writer.call("emitBatch");
    writer.message(1, |writer| fields(writer, batch));
    writer.end();
    writer.bytes
}

fn fields(writer: &mut Writer, batch: &Batch) {
    writer.message(1, |writer| {
        writer.binary(1, batch.service.as_bytes());
        writer.structs(2, &batch.process, thrift_tag);
    });
    writer.structs(2, &batch.spans, |writer, span| {
        writer.i64(1, span.trace.0);
        writer.i64(2, span.trace.1);
        writer.i64(3, span.id);
        writer.i64(4, span.parent);
        writer.binary(5, span.name.as_bytes());
        writer.structs(6, &span.references, |writer, reference| {
            writer.i32(1, i32::from(!reference.is_parent));
            writer.i64(2, reference.trace.0);
            writer.i64(3, reference.trace.1);
            writer.i64(4, reference.span);
        });
        writer.i32(7, span.flags);
        writer.i64(8, span.start);
        writer.i64(9, span.duration);
        writer.structs(10, &span.tags, thrift_tag);
        writer.structs(11, &span.logs, |writer, log| {
            writer.i64(1, log.time);
            writer.structs(2, &log.fields, thrift_tag);
        });
    });
    writer.i64(3, 1);
}

fn thrift_tag(writer: &mut Writer, (key, value): &Tag) {
    writer.binary(1, key.as_bytes());
    match value {
        Value::Text(text) => {
            writer.i32(2, 0);
            writer.binary(3, text.as_bytes());
        }
        Value::Double(double) => {
            writer.i32(2, 1);
            writer.double(4, *double);
        }
        Value::Bool(truth) => {
            writer.i32(2, 2);
            writer.bool(5, *truth);
        }
        Value::Int(int) => {
            writer.i32(2, 3);
            writer.i64(6, *int);
        }
        Value::Bytes(bytes) => {
            writer.i32(2, 4);
            writer.binary(7, bytes);
        }
    }
}

/// A `PostSpansRequest`.
pub(super) fn proto(batch: &Batch) -> Vec<u8> {
    let mut writer = protobuf::Writer::default();
    let request = writer.begin_message(1);
    for span in &batch.spans {
        proto_span(&mut writer, span);
    }
    let process = writer.begin_message(2);
    writer.bytes(1, batch.service.as_bytes());
    for tag in &batch.process {
        proto_tag(&mut writer, 2, tag);
    }
    writer.end_message(process);
    writer.end_message(request);
    writer.into_bytes()
}

fn trace_id((low, high): (i64, i64)) -> [u8; 16] {
    (u128::from(high as u64) << 64 | u128::from(low as u64)).to_be_bytes()
}

fn proto_span(writer: &mut protobuf::Writer, span: &Span) {
    let message = writer.begin_message(1);
    writer.bytes(1, &trace_id(span.trace));
    writer.bytes(2, &span.id.to_be_bytes());
    writer.bytes(3, span.name.as_bytes());
    for reference in &span.references {
        let message = writer.begin_message(4);
        writer.bytes(1, &trace_id(reference.trace));
        writer.bytes(2, &reference.span.to_be_bytes());
        writer.varint(3, u64::from(!reference.is_parent));
        writer.end_message(message);
    }
    writer.varint(5, span.flags as u64);
    micros(writer, 6, span.start);
    micros(writer, 7, span.duration);
    for tag in &span.tags {
        proto_tag(writer, 8, tag);
    }
    for log in &span.logs {
        let message = writer.begin_message(9);
        micros(writer, 1, log.time);
        for field in &log.fields {
            proto_tag(writer, 2, field);
        }
        writer.end_message(message);
    }
    writer.end_message(message);
}

fn micros(writer: &mut protobuf::Writer, number: u32, micros: i64) {
    let message = writer.begin_message(number);
    writer.varint(1, (micros / 1_000_000) as u64);
    writer.varint(2, (micros % 1_000_000 * 1000) as u64);
    writer.end_message(message);
}

fn proto_tag(writer: &mut protobuf::Writer, number: u32, (key, value): &Tag) {
    let message = writer.begin_message(number);
    writer.bytes(1, key.as_bytes());
    match value {
        Value::Text(text) => writer.bytes(3, text.as_bytes()),
        Value::Bool(truth) => {
            writer.varint(2, 1);
            writer.varint(4, u64::from(*truth));
        }
        Value::Int(int) => {
            writer.varint(2, 2);
            writer.varint(5, *int as u64);
        }
        Value::Double(double) => {
            writer.varint(2, 3);
            writer.fixed64(6, double.to_bits());
        }
        Value::Bytes(bytes) => {
            writer.varint(2, 4);
            writer.bytes(7, bytes);
        }
    }
    writer.end_message(message);
}
