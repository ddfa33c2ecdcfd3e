//! The second form as protobuf (`zipkin.proto`, `ListOfSpans`).

use std::net::{Ipv4Addr, Ipv6Addr};

use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::{Result, SpanColumns};

use super::WHAT;
use super::span::{Endpoint, Span};
use crate::decoded::Decoded;
use crate::otlp::common::AnyValue;
use crate::protobuf::{Malformed, Reader};
use crate::spans::{Fault, SpanRows, check_body};

/// Decodes a list of spans; one without a time of its own began at `arrival_ns`.
pub fn decode(body: &[u8], limits: &DecodeLimits, arrival_ns: i64) -> Result<Decoded<SpanColumns>> {
    let mut rows = SpanRows::new(limits);
    check_body(body)
        .and_then(|()| list(Reader::new(body), &mut rows, arrival_ns))
        .map_err(|fault| fault.into_error(WHAT))?;
    Ok(rows.finish())
}

fn list(mut reader: Reader<'_>, rows: &mut SpanRows, arrival_ns: i64) -> Result<(), Fault> {
    // The tag of `spans`, without which nothing is such a list.
    if !matches!(reader.bytes().first(), None | Some(0x0a)) {
        return Err(Fault::Unreadable("Expected a PROTO3 encoded list".to_owned()));
    }
    while let Some(field) = reader.field()? {
        if field.number == 1 {
            span(field.message()?, rows)?.push(rows, arrival_ns)?;
        }
    }
    Ok(())
}

fn span<'a>(mut reader: Reader<'a>, rows: &SpanRows) -> Result<Span<'a>, Malformed> {
    let mut span = Span::default();
    while let Some(field) = reader.field()? {
        match field.number {
            1 => span.trace_id = trace_id(field.bytes()?),
            2 => span.parent_id = field.bytes()?.try_into().unwrap_or_default(),
            3 => span.id = field.bytes()?.try_into().unwrap_or_default(),
            4 => span.kind = kind(field.int32()?),
            5 => span.name = field.bytes()?,
            6 => span.timestamp = i64::try_from(field.fixed64()?).unwrap_or(i64::MAX),
            7 => span.duration = i64::try_from(field.varint()?).unwrap_or(i64::MAX),
            8 => span.local = endpoint(field.message()?)?,
            9 => span.remote = endpoint(field.message()?)?,
            10 => {
                let (time, value) = annotation(field.message()?)?;
                span.annotate(time, value, rows);
            }
            11 => {
                let (key, value) = tag(field.message()?)?;
                span.tag(key, AnyValue::String(value), rows);
            }
            12 => span.debug = field.bool()?,
            13 => span.shared = field.bool()?,
            _ => {}
        }
    }
    Ok(span)
}

/// An id of 16 or 8 bytes; none where it is of another length.
fn trace_id(bytes: &[u8]) -> [u8; 16] {
    if let Ok(low) = <[u8; 8]>::try_from(bytes) {
        return u128::from(u64::from_be_bytes(low)).to_be_bytes();
    }
    bytes.try_into().unwrap_or_default()
}

/// Zipkin numbers CLIENT, SERVER, PRODUCER, CONSUMER from 1.
fn kind(number: i32) -> u8 {
    match number {
        1 => 3,
        2 => 2,
        3 => 4,
        4 => 5,
        _ => 0,
    }
}

fn endpoint(mut reader: Reader<'_>) -> Result<Endpoint<'_>, Malformed> {
    let mut endpoint = Endpoint::default();
    while let Some(field) = reader.field()? {
        match field.number {
            1 => endpoint.service = field.bytes()?,
            2 => endpoint.ipv4 = <[u8; 4]>::try_from(field.bytes()?).ok().map(Ipv4Addr::from),
            3 => endpoint.ipv6 = <[u8; 16]>::try_from(field.bytes()?).ok().map(Ipv6Addr::from),
            4 => endpoint.port = u16::try_from(field.int32()?).unwrap_or(0),
            _ => {}
        }
    }
    Ok(endpoint)
}

fn annotation(mut reader: Reader<'_>) -> Result<(i64, &[u8]), Malformed> {
    let (mut time, mut value): (_, &[u8]) = (0, &[]);
    while let Some(field) = reader.field()? {
        match field.number {
            1 => time = i64::try_from(field.fixed64()?).unwrap_or(i64::MAX),
            2 => value = field.bytes()?,
            _ => {}
        }
    }
    Ok((time, value))
}

fn tag(mut reader: Reader<'_>) -> Result<(&[u8], &[u8]), Malformed> {
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    while let Some(field) = reader.field()? {
        match field.number {
            1 => key = field.bytes()?,
            2 => value = field.bytes()?,
            _ => {}
        }
    }
    Ok((key, value))
}
