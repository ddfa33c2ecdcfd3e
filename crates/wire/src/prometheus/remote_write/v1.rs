//! Remote write 1.0: `prometheus.WriteRequest`.

use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::{MetricColumns, Result};

use super::{Builder, Fault, check_body, kind_of};
use crate::decoded::Decoded;
use crate::prometheus::labels::LabelList;
use crate::protobuf::{Malformed, Reader};

/// Decodes a request that is no longer compressed. Prometheus answers a request with series that
/// it can not keep as if all were well, where the specification asks for status 400: the caller
/// chooses.
pub fn decode(body: &[u8], limits: &DecodeLimits) -> Result<Decoded<MetricColumns>> {
    check_body(body)?;
    let mut builder = Builder::new(limits);
    builder.reserve(body.len() / SERIES_BYTES, body.len() / 4 * 3);
    let outcome = request(&mut builder, Reader::new(body));
    builder.finish(outcome)
}

/// Bytes of a usual series with one sample: a guess that saves growing.
const SERIES_BYTES: usize = 128;

/// Tags of the delimited fields of a series that most of a request is made of.
const LABEL_TAG: u8 = 0x0a;
const SAMPLE_TAG: u8 = 0x12;

fn request<'a>(builder: &mut Builder<'a>, mut reader: Reader<'a>) -> Result<(), Fault> {
    while let Some(field) = reader.field()? {
        match field.number {
            1 => time_series(builder, field.message()?)?,
            3 => metadata(builder, field.message()?)?,
            _ => {}
        }
    }
    Ok(())
}

fn time_series<'a>(builder: &mut Builder<'a>, mut reader: Reader<'a>) -> Result<(), Malformed> {
    let marks = builder.begin_series();
    while let Some(message) = reader.short_delimited(LABEL_TAG) {
        label(&mut builder.labels, message)?;
    }
    while let Some(message) = reader.short_delimited(SAMPLE_TAG) {
        let (time_ms, value) = sample(message)?;
        builder.push_float(marks.series, (time_ms, 0, value));
    }
    while let Some(field) = reader.field()? {
        match field.number {
            1 => label(&mut builder.labels, field.message()?)?,
            2 => {
                let (time_ms, value) = sample(field.message()?)?;
                builder.push_float(marks.series, (time_ms, 0, value));
            }
            3 => exemplar(builder, marks.series, field.message()?)?,
            4 => builder.push_histogram(marks.series, field.message()?)?,
            _ => {}
        }
    }
    if builder.end_series(marks) && builder.brought_nothing(marks) {
        builder.take_back(marks);
    }
    Ok(())
}

#[inline]
fn label<'a>(labels: &mut LabelList<'a>, mut reader: Reader<'a>) -> Result<(), Malformed> {
    // As every encoder writes it: a short name, then a short value.
    if let [0x0a, name_len @ 0..0x80, rest @ ..] = reader.bytes()
        && let Some((name, [0x12, value_len @ 0..0x80, value @ ..])) =
            rest.split_at_checked(usize::from(*name_len))
        && value.len() == usize::from(*value_len)
    {
        labels.push(name, value);
        return Ok(());
    }
    let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
    while let Some(field) = reader.field()? {
        match field.number {
            1 => name = field.bytes()?,
            2 => value = field.bytes()?,
            _ => {}
        }
    }
    labels.push(name, value);
    Ok(())
}

#[inline]
fn sample(mut reader: Reader<'_>) -> Result<(i64, f64), Malformed> {
    let (mut time_ms, mut value) = (0, 0.0);
    // As every encoder writes it: value, then time.
    if let [0x09, rest @ ..] = reader.bytes()
        && let Some((bits, [0x10, rest @ ..])) = rest.split_first_chunk()
        && let Some(time_ms) = whole_varint(rest)
    {
        return Ok((time_ms as i64, f64::from_le_bytes(*bits)));
    }
    while let Some(field) = reader.field()? {
        match field.number {
            1 => value = field.double()?,
            2 => time_ms = field.varint()? as i64,
            _ => {}
        }
    }
    Ok((time_ms, value))
}

/// A varint of at most nine bytes that is all there is.
#[inline]
fn whole_varint(bytes: &[u8]) -> Option<u64> {
    let (last, groups) = bytes.split_last()?;
    if groups.len() > 8 || *last >= 0x80 {
        return None;
    }
    let mut value = u64::from(*last);
    for byte in groups.iter().rev() {
        if *byte < 0x80 {
            return None;
        }
        value = value << 7 | u64::from(byte & 0x7f);
    }
    Some(value)
}

fn exemplar<'a>(
    builder: &mut Builder<'a>,
    row: usize,
    mut reader: Reader<'a>,
) -> Result<(), Malformed> {
    let (mut time_ms, mut value) = (0, 0.0);
    builder.exemplar_labels.clear();
    while let Some(field) = reader.field()? {
        match field.number {
            1 => label(&mut builder.exemplar_labels, field.message()?)?,
            2 => value = field.double()?,
            3 => time_ms = field.varint()? as i64,
            _ => {}
        }
    }
    builder.push_exemplar(row, time_ms, value);
    Ok(())
}

fn metadata(builder: &mut Builder<'_>, mut reader: Reader<'_>) -> Result<(), Malformed> {
    let (mut kind, mut family, mut help, mut unit) = (0, &[][..], &[][..], &[][..]);
    while let Some(field) = reader.field()? {
        match field.number {
            1 => kind = field.int32()?,
            2 => family = field.bytes()?,
            4 => help = field.bytes()?,
            5 => unit = field.bytes()?,
            _ => {}
        }
    }
    builder.push_metadata(kind_of(kind), family, unit, help);
    Ok(())
}
