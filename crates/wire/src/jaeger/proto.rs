//! Batches as protobuf (`model.proto`, `Batch`; `collector.proto`, `PostSpansRequest`).

use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::{Result, SpanColumns};

use super::WHAT;
use super::span::{Draft, Reference, event, resource};
use crate::decoded::Decoded;
use crate::otlp::common::AnyValue;
use crate::protobuf::{Malformed, Reader};
use crate::spans::{Fault, ResourceKeys, SpanRows, Tags, check_body};

/// Decodes a `PostSpansRequest`.
pub fn decode(body: &[u8], limits: &DecodeLimits) -> Result<Decoded<SpanColumns>> {
    let mut rows = SpanRows::new(limits);
    check_body(body)
        .and_then(|()| request(Reader::new(body), &mut rows))
        .map_err(|fault| fault.into_error(WHAT))?;
    Ok(rows.finish())
}

fn request(mut reader: Reader<'_>, rows: &mut SpanRows) -> Result<(), Fault> {
    while let Some(field) = reader.field()? {
        if field.number == 1 {
            batch(field.message()?, rows)?;
        }
    }
    Ok(())
}

fn batch(reader: Reader<'_>, rows: &mut SpanRows) -> Result<(), Fault> {
    let mut shared = None;
    let mut rest = reader;
    while let Some(field) = rest.field()? {
        if field.number == 2 {
            shared = Some(field.message()?);
        }
    }
    let mut fields = Tags::default();
    let shared = process(shared, &mut fields, rows)?;
    let mut draft = Draft::default();
    let mut rest = reader;
    while let Some(field) = rest.field()? {
        if field.number != 1 {
            continue;
        }
        draft = draft.renewed();
        let own = span(field.message()?, &mut draft, &mut fields, rows)?;
        let keys = match own {
            Some(own) => process(Some(own), &mut fields, rows)?,
            None => shared,
        };
        draft.push(rows, keys)?;
    }
    Ok(())
}

/// The keys of a process; absent is the same as empty.
fn process<'a>(
    reader: Option<Reader<'a>>,
    tags: &mut Tags<'a>,
    rows: &mut SpanRows,
) -> Result<ResourceKeys, Malformed> {
    tags.clear();
    let mut service: &[u8] = &[];
    let mut rest = reader.unwrap_or(Reader::new(&[]));
    while let Some(field) = rest.field()? {
        match field.number {
            1 => service = field.bytes()?,
            2 => {
                let (key, value) = key_value(field.message()?)?;
                tags.push(key, value, rows);
            }
            _ => {}
        }
    }
    resource(service, tags, rows)
}

/// Reads a span into the draft; gives the process that it has of its own.
fn span<'a>(
    mut reader: Reader<'a>,
    draft: &mut Draft<'a>,
    fields: &mut Tags<'a>,
    rows: &mut SpanRows,
) -> Result<Option<Reader<'a>>, Malformed> {
    let mut process = None;
    while let Some(field) = reader.field()? {
        match field.number {
            1 => draft.span.trace_id = trace_id(field.bytes()?),
            2 => draft.span.span_id = field.bytes()?.try_into().unwrap_or_default(),
            3 => draft.span.name = field.bytes()?,
            4 => draft.reference(reference(field.message()?)?, rows),
            5 => draft.flags(field.uint32()?),
            6 => draft.span.start_ns = seconds_and_nanos(field.message()?)?,
            7 => draft.span.duration_ns = seconds_and_nanos(field.message()?)?,
            8 => {
                let (key, value) = key_value(field.message()?)?;
                draft.tag(key, value, rows);
            }
            9 => log(field.message()?, fields, rows)?,
            10 => process = Some(field.message()?),
            _ => {}
        }
    }
    Ok(process)
}

/// An id of 16 bytes, or of 8 for an old client; none where it is of another length.
fn trace_id(bytes: &[u8]) -> [u8; 16] {
    if let Ok(low) = <[u8; 8]>::try_from(bytes) {
        return u128::from(u64::from_be_bytes(low)).to_be_bytes();
    }
    bytes.try_into().unwrap_or_default()
}

fn reference(mut reader: Reader<'_>) -> Result<Reference, Malformed> {
    let mut reference = Reference { is_parent: true, trace_id: [0; 16], span_id: [0; 8] };
    while let Some(field) = reader.field()? {
        match field.number {
            1 => reference.trace_id = trace_id(field.bytes()?),
            2 => reference.span_id = field.bytes()?.try_into().unwrap_or_default(),
            3 => reference.is_parent = field.int32()? == 0,
            _ => {}
        }
    }
    Ok(reference)
}

/// A `Timestamp` or `Duration` in nanoseconds.
fn seconds_and_nanos(mut reader: Reader<'_>) -> Result<i64, Malformed> {
    let (mut seconds, mut nanos) = (0, 0);
    while let Some(field) = reader.field()? {
        match field.number {
            1 => seconds = field.varint()? as i64,
            2 => nanos = field.int32()?,
            _ => {}
        }
    }
    Ok(seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(nanos)))
}

fn log<'a>(
    mut reader: Reader<'a>,
    fields: &mut Tags<'a>,
    rows: &mut SpanRows,
) -> Result<(), Malformed> {
    fields.clear();
    let mut time_ns = 0;
    while let Some(field) = reader.field()? {
        match field.number {
            1 => time_ns = seconds_and_nanos(field.message()?)?,
            2 => {
                let (key, value) = key_value(field.message()?)?;
                fields.push(key, value, rows);
            }
            _ => {}
        }
    }
    event(time_ns, fields, rows)
}

/// Reads a `KeyValue`. One without the value of its type has the zero of that type.
fn key_value(mut reader: Reader<'_>) -> Result<(&[u8], AnyValue<'_>), Malformed> {
    let (mut key, mut value_type): (&[u8], _) = (&[], 0);
    let (mut text, mut truth, mut int, mut double): (&[u8], _, _, _) = (&[], false, 0, 0.0);
    let mut bytes: &[u8] = &[];
    while let Some(field) = reader.field()? {
        match field.number {
            1 => key = field.bytes()?,
            2 => value_type = field.int32()?,
            3 => text = field.bytes()?,
            4 => truth = field.bool()?,
            5 => int = field.varint()? as i64,
            6 => double = field.double()?,
            7 => bytes = field.bytes()?,
            _ => {}
        }
    }
    let value = match value_type {
        0 => AnyValue::String(text),
        1 => AnyValue::Bool(truth),
        2 => AnyValue::Int(int),
        3 => AnyValue::Double(double),
        4 => AnyValue::Bytes(bytes),
        _ => AnyValue::Empty,
    };
    Ok((key, value))
}
