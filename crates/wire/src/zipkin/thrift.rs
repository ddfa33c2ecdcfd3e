//! The first form as Thrift (`zipkinCore.thrift`): a list of spans, alone over HTTP in the binary
//! protocol, or as the argument of a call.

use std::net::{Ipv4Addr, Ipv6Addr};

use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::{Error, Result, SpanColumns};

use super::WHAT;
use super::span::Endpoint;
use super::v1::{Annotation, BinaryAnnotation, SpanV1};
use crate::decoded::Decoded;
use crate::otlp::common::AnyValue;
use crate::protobuf::Malformed;
use crate::spans::{Fault, SpanRows, check_body};
use crate::thrift::{Kind, Protocol, Reader};

/// Decodes a list of spans; one without a time of its own began at `arrival_ns`.
pub fn decode(body: &[u8], limits: &DecodeLimits, arrival_ns: i64) -> Result<Decoded<SpanColumns>> {
    let mut rows = SpanRows::new(limits);
    // The type of the items.
    if body.first() != Some(&12) {
        return Err(Error::invalid("Expected a THRIFT encoded list"));
    }
    check_body(body)
        .and_then(|()| read(&mut Reader::new(body, Protocol::Binary), &mut rows, arrival_ns))
        .map_err(|fault| fault.into_error(WHAT))?;
    Ok(rows.finish())
}

/// Reads a list of spans.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    rows: &mut SpanRows,
    arrival_ns: i64,
) -> Result<(), Fault> {
    let (kind, len) = reader.list()?;
    if kind != Kind::Struct {
        return Err(Malformed { at: 0, what: "a list of something else than spans" }.into());
    }
    for _ in 0..len {
        span(reader, rows)?.push(rows, arrival_ns)?;
    }
    Ok(())
}

fn span<'a>(reader: &mut Reader<'a>, rows: &SpanRows) -> Result<SpanV1<'a>, Malformed> {
    let mut span = SpanV1::default();
    let (mut low, mut high) = (0, 0);
    let mut last = 0;
    while let Some(field) = reader.field(&mut last)? {
        match (field.id, field.kind) {
            (1, Kind::I64) => low = reader.i64()?,
            (3, Kind::Binary) => span.name = reader.binary()?,
            (4, Kind::I64) => span.id = reader.i64()?.to_be_bytes(),
            (5, Kind::I64) => span.parent_id = reader.i64()?.to_be_bytes(),
            (6, Kind::List) => each(reader, |reader| {
                let annotation = annotation(reader)?;
                span.annotate(annotation, rows);
                Ok(())
            })?,
            (8, Kind::List) => each(reader, |reader| {
                let tag = binary_annotation(reader)?;
                span.tag(tag, rows);
                Ok(())
            })?,
            (9, Kind::Bool) => span.debug = reader.bool(&field)?,
            (10, Kind::I64) => span.timestamp = reader.i64()?,
            (11, Kind::I64) => span.duration = reader.i64()?,
            (12, Kind::I64) => high = reader.i64()?,
            _ => reader.skip(&field)?,
        }
    }
    span.trace_id = crate::jaeger::trace_id(low, high);
    Ok(span)
}

fn each<'a>(
    reader: &mut Reader<'a>,
    mut item: impl FnMut(&mut Reader<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let (kind, len) = reader.list()?;
    if kind != Kind::Struct {
        return reader.skip_items(kind, len);
    }
    (0..len).try_for_each(|_| item(reader))
}

fn annotation<'a>(reader: &mut Reader<'a>) -> Result<Annotation<'a>, Malformed> {
    let mut annotation = Annotation { time: 0, value: &[], endpoint: None };
    let mut last = 0;
    while let Some(field) = reader.field(&mut last)? {
        match (field.id, field.kind) {
            (1, Kind::I64) => annotation.time = reader.i64()?,
            (2, Kind::Binary) => annotation.value = reader.binary()?,
            (3, Kind::Struct) => annotation.endpoint = Some(endpoint(reader)?),
            _ => reader.skip(&field)?,
        }
    }
    Ok(annotation)
}

fn binary_annotation<'a>(reader: &mut Reader<'a>) -> Result<BinaryAnnotation<'a>, Malformed> {
    let (mut key, mut value, mut kind, mut host): (&[u8], &[u8], _, _) = (&[], &[], 6, None);
    let mut last = 0;
    while let Some(field) = reader.field(&mut last)? {
        match (field.id, field.kind) {
            (1, Kind::Binary) => key = reader.binary()?,
            (2, Kind::Binary) => value = reader.binary()?,
            (3, Kind::I32) => kind = reader.i32()?,
            (4, Kind::Struct) => host = Some(endpoint(reader)?),
            _ => reader.skip(&field)?,
        }
    }
    Ok(BinaryAnnotation { key, value: typed(kind, value), endpoint: host })
}

/// A value of an `AnnotationType`; bytes where it has not the width of its type.
fn typed(kind: i32, bytes: &[u8]) -> AnyValue<'_> {
    let value = match kind {
        0 => <[u8; 1]>::try_from(bytes).ok().map(|[byte]| AnyValue::Bool(byte != 0)),
        2 => bytes.try_into().ok().map(|bytes| AnyValue::Int(i16::from_be_bytes(bytes).into())),
        3 => bytes.try_into().ok().map(|bytes| AnyValue::Int(i32::from_be_bytes(bytes).into())),
        4 => bytes.try_into().ok().map(|bytes| AnyValue::Int(i64::from_be_bytes(bytes))),
        5 => bytes.try_into().ok().map(|bytes| AnyValue::Double(f64::from_be_bytes(bytes))),
        6 => Some(AnyValue::String(bytes)),
        _ => None,
    };
    value.unwrap_or(AnyValue::Bytes(bytes))
}

fn endpoint<'a>(reader: &mut Reader<'a>) -> Result<Endpoint<'a>, Malformed> {
    let mut endpoint = Endpoint::default();
    let mut last = 0;
    while let Some(field) = reader.field(&mut last)? {
        match (field.id, field.kind) {
            (1, Kind::I32) => {
                let address = reader.i32()? as u32;
                endpoint.ipv4 = (address != 0).then(|| Ipv4Addr::from(address));
            }
            // Thrift has no unsigned numbers.
            (2, Kind::I16) => endpoint.port = reader.i16()? as u16,
            (3, Kind::Binary) => endpoint.service = reader.binary()?,
            (4, Kind::Binary) => {
                let bytes = <[u8; 16]>::try_from(reader.binary()?);
                endpoint.ipv6 = bytes.ok().map(Ipv6Addr::from);
            }
            _ => reader.skip(&field)?,
        }
    }
    Ok(endpoint)
}
