//! Native histograms of remote write and remote read: the message, which all share, to the model's,
//! held to the rules by which Prometheus accepts one; and back.

use std::borrow::Cow;

use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::{BucketSpan, ResetHint, validate};
use watchkeep_model::labels::write_varint;

use crate::protobuf::{Field, Malformed, Reader, Writer};

/// Buckets, and likewise runs and bounds, of one side of a histogram; clients use 160. One with
/// more is rejected.
pub(super) const BUCKETS_MAX: usize = 1 << 16;

/// One side: its runs, and its buckets as differences of whole counts or as counts.
#[derive(Debug, Default)]
struct Side {
    spans: Vec<BucketSpan>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
    too_many: bool,
}

/// A histogram message as it came. Reused.
#[derive(Debug, Default)]
pub(super) struct HistogramMessage {
    count: u64,
    count_float: f64,
    is_float: bool,
    sum: f64,
    schema: i32,
    zero_threshold: f64,
    /// Zero count of the kind that was sent; the other kind is zero.
    zero_count: u64,
    zero_count_float: f64,
    reset_hint: i32,
    positive: Side,
    negative: Side,
    custom_values: Vec<f64>,
    pub(super) time_ms: i64,
    /// Only version 2 of remote write sends it.
    pub(super) start_ms: i64,
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

impl Side {
    fn clear(&mut self) {
        self.spans.clear();
        self.deltas.clear();
        self.counts.clear();
        self.too_many = false;
    }

    fn span(&mut self, mut reader: Reader<'_>) -> Result<(), Malformed> {
        let mut span = BucketSpan { offset: 0, length: 0 };
        while let Some(field) = reader.field()? {
            match field.number {
                1 => span.offset = field.sint32()?,
                2 => span.length = field.uint32()?,
                _ => {}
            }
        }
        push_capped(&mut self.spans, span, &mut self.too_many);
        Ok(())
    }

    fn deltas(&mut self, field: &Field<'_>) -> Result<(), Malformed> {
        field.each_varint(|delta| {
            push_capped(&mut self.deltas, unzigzag(delta), &mut self.too_many);
        })
    }

    fn counts(&mut self, field: &Field<'_>) -> Result<(), Malformed> {
        field.each_fixed64(|count| {
            push_capped(&mut self.counts, f64::from_bits(count), &mut self.too_many);
        })
    }

    /// Turns differences into counts. Sums wrap as they do in Prometheus.
    fn sum_deltas(&mut self) {
        let mut count = 0_i64;
        self.counts.clear();
        for delta in &self.deltas {
            count = count.wrapping_add(*delta);
            self.counts.push(count as f64);
        }
    }

    /// Whether the index of every bucket fits 32 bits.
    fn is_in_range(&self) -> bool {
        let mut end = 0_i64;
        self.spans.iter().all(|span| {
            end += i64::from(span.offset) + i64::from(span.length);
            i32::try_from(end).is_ok()
        })
    }
}

fn push_capped<T>(into: &mut Vec<T>, value: T, too_many: &mut bool) {
    if into.len() < BUCKETS_MAX {
        into.push(value);
    } else {
        *too_many = true;
    }
}

impl HistogramMessage {
    fn clear(&mut self) {
        let (mut positive, mut negative) =
            (std::mem::take(&mut self.positive), std::mem::take(&mut self.negative));
        let mut custom_values = std::mem::take(&mut self.custom_values);
        positive.clear();
        negative.clear();
        custom_values.clear();
        *self = Self { positive, negative, custom_values, ..Self::default() };
    }

    /// Reads a `Histogram` message of remote write 1 or 2, or of remote read.
    pub(super) fn read(&mut self, mut reader: Reader<'_>) -> Result<(), Malformed> {
        self.clear();
        while let Some(field) = reader.field()? {
            match field.number {
                1 => (self.count, self.is_float) = (field.varint()?, false),
                2 => (self.count_float, self.is_float) = (field.double()?, true),
                3 => self.sum = field.double()?,
                4 => self.schema = field.sint32()?,
                5 => self.zero_threshold = field.double()?,
                6 => (self.zero_count, self.zero_count_float) = (field.varint()?, 0.0),
                7 => (self.zero_count, self.zero_count_float) = (0, field.double()?),
                8 => self.negative.span(field.message()?)?,
                9 => self.negative.deltas(&field)?,
                10 => self.negative.counts(&field)?,
                11 => self.positive.span(field.message()?)?,
                12 => self.positive.deltas(&field)?,
                13 => self.positive.counts(&field)?,
                14 => self.reset_hint = field.int32()?,
                15 => self.time_ms = field.varint()? as i64,
                16 => field.each_fixed64(|bound| {
                    let bound = f64::from_bits(bound);
                    push_capped(&mut self.custom_values, bound, &mut self.positive.too_many);
                })?,
                17 => self.start_ms = field.varint()? as i64,
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives away what was read as a histogram that is valid and of a schema that is kept, or tells
    /// why it can not be one.
    pub(super) fn take_native(&mut self) -> Result<NativeHistogram, Cow<'static, str>> {
        if self.positive.too_many || self.negative.too_many {
            return Err("the histogram has more than 65536 buckets, spans or bounds".into());
        }
        if !self.positive.is_in_range() || !self.negative.is_in_range() {
            return Err("a bucket of the histogram is out of range".into());
        }
        if !self.is_float {
            self.positive.sum_deltas();
            self.negative.sum_deltas();
        }
        let (zero_count, count) = if self.is_float {
            (self.zero_count_float, self.count_float)
        } else {
            (self.zero_count as f64, self.count as f64)
        };
        let mut histogram = NativeHistogram {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count,
            count,
            sum: self.sum,
            is_float: self.is_float,
            reset_hint: match self.reset_hint {
                1 => ResetHint::Reset,
                2 => ResetHint::NotReset,
                3 => ResetHint::Gauge,
                _ => ResetHint::Unknown,
            },
            positive_spans: std::mem::take(&mut self.positive.spans),
            positive_counts: std::mem::take(&mut self.positive.counts),
            negative_spans: std::mem::take(&mut self.negative.spans),
            negative_counts: std::mem::take(&mut self.negative.counts),
            custom_values: std::mem::take(&mut self.custom_values),
        };
        histogram.reduce_to_supported()?;
        validate(&histogram)?;
        Ok(histogram)
    }
}

/// Appends a `Histogram` message as field `number`. A start time of 0 is left out, as remote write
/// 1 and remote read, which have none, need it.
pub(super) fn write_histogram(
    writer: &mut Writer,
    number: u32,
    (time_ms, start_ms): (i64, i64),
    histogram: &NativeHistogram,
) {
    let message = writer.begin_message(number);
    // Which kind it is shows by the field, so that it is there even where it is 0.
    if histogram.is_float {
        writer.fixed64(2, histogram.count.to_bits());
    } else {
        writer.varint(1, histogram.count as u64);
    }
    write_double(writer, 3, histogram.sum);
    if histogram.schema != 0 {
        writer.sint32(4, histogram.schema);
    }
    write_double(writer, 5, histogram.zero_threshold);
    if histogram.is_float {
        writer.fixed64(7, histogram.zero_count.to_bits());
    } else {
        writer.varint(6, histogram.zero_count as u64);
    }
    for (number, spans, counts) in [
        (8, &histogram.negative_spans, &histogram.negative_counts),
        (11, &histogram.positive_spans, &histogram.positive_counts),
    ] {
        write_side(writer, number, spans, counts, histogram.is_float);
    }
    let hint = match histogram.reset_hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    };
    if hint != 0 {
        writer.varint(14, hint);
    }
    writer.varint(15, time_ms as u64);
    if !histogram.custom_values.is_empty() {
        writer.bytes(16, &packed_doubles(&histogram.custom_values));
    }
    if start_ms != 0 {
        writer.varint(17, start_ms as u64);
    }
    writer.end_message(message);
}

/// Writes runs as field `number` and their buckets as one of the two fields after it.
fn write_side(
    writer: &mut Writer,
    number: u32,
    spans: &[BucketSpan],
    counts: &[f64],
    is_float: bool,
) {
    for span in spans {
        let message = writer.begin_message(number);
        if span.offset != 0 {
            writer.sint32(1, span.offset);
        }
        writer.varint(2, u64::from(span.length));
        writer.end_message(message);
    }
    if counts.is_empty() {
        return;
    }
    if is_float {
        writer.bytes(number + 2, &packed_doubles(counts));
        return;
    }
    let (mut packed, mut last) = (Vec::new(), 0_i64);
    for count in counts {
        let delta = (*count as i64).wrapping_sub(last);
        last = *count as i64;
        write_varint(&mut packed, (delta << 1 ^ delta >> 63) as u64);
    }
    writer.bytes(number + 1, &packed);
}

fn write_double(writer: &mut Writer, number: u32, value: f64) {
    if value.to_bits() != 0 {
        writer.fixed64(number, value.to_bits());
    }
}

fn packed_doubles(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
