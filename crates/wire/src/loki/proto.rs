//! `logproto.PushRequest` as protobuf, walked in place.

use std::borrow::Cow;

use watchkeep_model::{LogColumns, Result};

use super::rows::{EntryHead, Rows};
use super::{Fault, PushOptions, check_body};
use crate::decoded::{Decoded, Warnings};
use crate::protobuf::{Malformed, Reader};

/// Bytes of a usual entry: a guess that saves growing.
const ENTRY_BYTES: usize = 128;

/// Decodes a push request that is no longer compressed.
pub fn decode(body: &[u8], options: PushOptions<'_>) -> Result<Decoded<LogColumns>> {
    let mut rows = Rows::new(options);
    request(&mut rows, body).map_err(Fault::into_error)?;
    rows.finish().map_err(Fault::into_error)
}

fn request(rows: &mut Rows<'_>, body: &[u8]) -> Result<(), Fault> {
    check_body(body)?;
    rows.reserve(body.len() / ENTRY_BYTES, body.len());
    let mut reader = Reader::new(body);
    while let Some(field) = reader.field()? {
        if field.number == 1 {
            stream(rows, field.message()?)?;
        }
    }
    Ok(())
}

/// `StreamAdapter`: labels, entries.
fn stream(rows: &mut Rows<'_>, mut reader: Reader<'_>) -> Result<(), Fault> {
    let from = rows.len();
    let mut labels: &[u8] = &[];
    while let Some(field) = reader.field()? {
        match field.number {
            1 => labels = field.bytes()?,
            2 => entry(rows, field.message()?, labels)?,
            _ => {}
        }
    }
    let labels = text(labels, &mut rows.warnings);
    rows.end_stream(&labels, from)
}

/// `EntryAdapter`: timestamp, line, structured metadata.
fn entry(rows: &mut Rows<'_>, reader: Reader<'_>, labels: &[u8]) -> Result<(), Fault> {
    let mut time_ns = None;
    let mut line: &[u8] = &[];
    let (mut metadata_count, mut metadata_bytes) = (0, 0);
    let mut rest = reader;
    while let Some(field) = rest.field()? {
        match field.number {
            1 => time_ns = Some(instant(field.message()?)?),
            2 => line = field.bytes()?,
            3 => {
                metadata_count += 1;
                metadata_bytes += field.bytes()?.len();
            }
            _ => {}
        }
    }
    let Some(time_ns) = time_ns.flatten() else {
        return Err(Fault::Malformed(
            "malformed push request: an entry has no timestamp between the years 1677 and 2262"
                .to_owned(),
        ));
    };
    let line = text(line, &mut rows.warnings);
    let head = EntryHead { line: &line, metadata_count, metadata_bytes };
    if !rows.admits(&head, || String::from_utf8_lossy(labels).into_owned())? {
        return Ok(());
    }
    rows.begin_entry(time_ns, &line);
    if metadata_count > 0 {
        let mut rest = reader;
        while let Some(field) = rest.field()? {
            if field.number == 3 {
                let (name, value) = pair(field.message()?)?;
                let name = text(name, &mut rows.warnings);
                let value = text(value, &mut rows.warnings);
                rows.metadata(&name, &value);
            }
        }
    }
    rows.end_entry();
    Ok(())
}

/// `google.protobuf.Timestamp`; `None` where it does not fit into 64 bits of nanoseconds.
#[inline]
fn instant(mut reader: Reader<'_>) -> Result<Option<i64>, Malformed> {
    let (mut seconds, mut nanos) = (0_i64, 0_i32);
    while let Some(field) = reader.field()? {
        match field.number {
            1 => seconds = field.varint()? as i64,
            2 => nanos = field.int32()?,
            _ => {}
        }
    }
    Ok(seconds.checked_mul(1_000_000_000).and_then(|ns| ns.checked_add(i64::from(nanos))))
}

/// `LabelPairAdapter`.
fn pair(mut reader: Reader<'_>) -> Result<(&[u8], &[u8]), Malformed> {
    let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
    while let Some(field) = reader.field()? {
        match field.number {
            1 => name = field.bytes()?,
            2 => value = field.bytes()?,
            _ => {}
        }
    }
    Ok((name, value))
}

/// Bytes as text; what is not UTF-8 is replaced and counted.
#[inline]
fn text<'t>(bytes: &'t [u8], warnings: &mut Warnings) -> Cow<'t, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    warnings.invalid_utf8 += 1;
    String::from_utf8_lossy(bytes)
}
