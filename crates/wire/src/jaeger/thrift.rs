//! Batches as Thrift (`jaeger.thrift`, `Batch`), in either protocol.

use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::{Result, SpanColumns};

use super::WHAT;
use super::span::{Draft, Reference, event, resource};
use crate::decoded::Decoded;
use crate::otlp::common::AnyValue;
use crate::protobuf::Malformed;
use crate::spans::{Fault, ResourceKeys, SpanRows, Tags, check_body, nanoseconds};
use crate::thrift::{Kind, Protocol, Reader};

/// Decodes a `Batch` in the binary protocol, as it is sent over HTTP.
pub fn decode(body: &[u8], limits: &DecodeLimits) -> Result<Decoded<SpanColumns>> {
    let mut rows = SpanRows::new(limits);
    check_body(body)
        .and_then(|()| batch(&mut Reader::new(body, Protocol::Binary), &mut rows))
        .map_err(|fault| fault.into_error(WHAT))?;
    Ok(rows.finish())
}

/// Reads a `Batch`.
pub(super) fn batch(reader: &mut Reader<'_>, rows: &mut SpanRows) -> Result<(), Fault> {
    let mut scratch = Scratch::default();
    let mut process = None;
    // Spans that came before the process that they belong to.
    let mut waiting = None;
    let mut last = 0;
    while let Some(field) = reader.field(&mut last)? {
        match (field.id, field.kind) {
            (1, Kind::Struct) => process = Some(scratch.process(reader, rows)?),
            (2, Kind::List) => {
                if let Some(process) = process {
                    scratch.spans(reader, rows, process)?;
                } else {
                    waiting = Some(*reader);
                    reader.skip(&field)?;
                }
            }
            _ => reader.skip(&field)?,
        }
    }
    if let Some(mut spans) = waiting {
        let process = match process {
            Some(process) => process,
            None => resource(b"", &mut Tags::default(), rows)?,
        };
        scratch.spans(&mut spans, rows, process)?;
    }
    Ok(())
}

/// What reading leaves for the next span to use.
#[derive(Default)]
struct Scratch<'a> {
    draft: Draft<'a>,
    fields: Tags<'a>,
}

impl<'a> Scratch<'a> {
    fn process(
        &mut self,
        reader: &mut Reader<'a>,
        rows: &mut SpanRows,
    ) -> Result<ResourceKeys, Malformed> {
        let mut service: &[u8] = &[];
        let tags = &mut self.fields;
        tags.clear();
        let mut last = 0;
        while let Some(field) = reader.field(&mut last)? {
            match (field.id, field.kind) {
                (1, Kind::Binary) => service = reader.binary()?,
                (2, Kind::List) => each_tag(reader, |key, value| tags.push(key, value, rows))?,
                _ => reader.skip(&field)?,
            }
        }
        resource(service, tags, rows)
    }

    fn spans(
        &mut self,
        reader: &mut Reader<'a>,
        rows: &mut SpanRows,
        process: ResourceKeys,
    ) -> Result<(), Fault> {
        let (kind, len) = reader.list()?;
        if kind != Kind::Struct {
            return Ok(reader.skip_items(kind, len)?);
        }
        for _ in 0..len {
            self.draft = std::mem::take(&mut self.draft).renewed();
            self.span(reader, rows)?;
            self.draft.push(rows, process)?;
        }
        Ok(())
    }

    fn span(&mut self, reader: &mut Reader<'a>, rows: &mut SpanRows) -> Result<(), Malformed> {
        let draft = &mut self.draft;
        let (mut low, mut high) = (0, 0);
        let mut last = 0;
        while let Some(field) = reader.field(&mut last)? {
            match (field.id, field.kind) {
                (1, Kind::I64) => low = reader.i64()?,
                (2, Kind::I64) => high = reader.i64()?,
                (3, Kind::I64) => draft.span.span_id = reader.i64()?.to_be_bytes(),
                (4, Kind::I64) => draft.span.parent_span_id = reader.i64()?.to_be_bytes(),
                (5, Kind::Binary) => draft.span.name = reader.binary()?,
                (6, Kind::List) => references(reader, draft, rows)?,
                (7, Kind::I32) => draft.flags(reader.i32()? as u32),
                (8, Kind::I64) => draft.span.start_ns = nanoseconds(reader.i64()?),
                (9, Kind::I64) => draft.span.duration_ns = nanoseconds(reader.i64()?),
                (10, Kind::List) => each_tag(reader, |key, value| draft.tag(key, value, rows))?,
                (11, Kind::List) => logs(reader, &mut self.fields, rows)?,
                _ => reader.skip(&field)?,
            }
        }
        draft.span.trace_id = trace_id(low, high);
        Ok(())
    }
}

/// A trace's id of its two halves.
pub(crate) fn trace_id(low: i64, high: i64) -> [u8; 16] {
    (u128::from(high as u64) << 64 | u128::from(low as u64)).to_be_bytes()
}

fn references<'a>(
    reader: &mut Reader<'a>,
    draft: &mut Draft<'a>,
    rows: &SpanRows,
) -> Result<(), Malformed> {
    let (kind, len) = reader.list()?;
    if kind != Kind::Struct {
        return reader.skip_items(kind, len);
    }
    for _ in 0..len {
        let (mut is_parent, mut low, mut high, mut span_id) = (true, 0, 0, [0; 8]);
        let mut last = 0;
        while let Some(field) = reader.field(&mut last)? {
            match (field.id, field.kind) {
                (1, Kind::I32) => is_parent = reader.i32()? == 0,
                (2, Kind::I64) => low = reader.i64()?,
                (3, Kind::I64) => high = reader.i64()?,
                (4, Kind::I64) => span_id = reader.i64()?.to_be_bytes(),
                _ => reader.skip(&field)?,
            }
        }
        draft.reference(Reference { is_parent, trace_id: trace_id(low, high), span_id }, rows);
    }
    Ok(())
}

fn logs<'a>(
    reader: &mut Reader<'a>,
    fields: &mut Tags<'a>,
    rows: &mut SpanRows,
) -> Result<(), Malformed> {
    let (kind, len) = reader.list()?;
    if kind != Kind::Struct {
        return reader.skip_items(kind, len);
    }
    for _ in 0..len {
        let mut time = 0;
        fields.clear();
        let mut last = 0;
        while let Some(field) = reader.field(&mut last)? {
            match (field.id, field.kind) {
                (1, Kind::I64) => time = reader.i64()?,
                (2, Kind::List) => each_tag(reader, |key, value| fields.push(key, value, rows))?,
                _ => reader.skip(&field)?,
            }
        }
        event(nanoseconds(time), fields, rows)?;
    }
    Ok(())
}

/// Reads a list of `Tag`. A tag without the value of its type has the zero of that type, as Jaeger
/// reads it.
fn each_tag<'a>(
    reader: &mut Reader<'a>,
    mut see: impl FnMut(&'a [u8], AnyValue<'a>),
) -> Result<(), Malformed> {
    let (kind, len) = reader.list()?;
    if kind != Kind::Struct {
        return reader.skip_items(kind, len);
    }
    for _ in 0..len {
        let (mut key, mut value_type): (&[u8], _) = (&[], 0);
        let (mut text, mut double, mut truth, mut int): (&[u8], _, _, _) = (&[], 0.0, false, 0);
        let mut bytes: &[u8] = &[];
        let mut last = 0;
        while let Some(field) = reader.field(&mut last)? {
            match (field.id, field.kind) {
                (1, Kind::Binary) => key = reader.binary()?,
                (2, Kind::I32) => value_type = reader.i32()?,
                (3, Kind::Binary) => text = reader.binary()?,
                (4, Kind::Double) => double = reader.double()?,
                (5, Kind::Bool) => truth = reader.bool(&field)?,
                (6, Kind::I64) => int = reader.i64()?,
                (7, Kind::Binary) => bytes = reader.binary()?,
                _ => reader.skip(&field)?,
            }
        }
        let value = match value_type {
            0 => AnyValue::String(text),
            1 => AnyValue::Double(double),
            2 => AnyValue::Bool(truth),
            3 => AnyValue::Int(int),
            4 => AnyValue::Bytes(bytes),
            _ => AnyValue::Empty,
        };
        see(key, value);
    }
    Ok(())
}
