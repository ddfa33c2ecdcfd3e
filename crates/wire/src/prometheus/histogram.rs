//! Native histograms of remote write and remote read: the message, which all share, to the model's,
//! held to the rules by which Prometheus accepts one; and back.

use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::{BucketSpan, ResetHint};
use watchkeep_model::labels::write_varint;

use crate::protobuf::{Field, Malformed, Reader, Writer};

/// Buckets, and likewise runs and bounds, of one side of a histogram; clients use 160. One with
/// more is rejected.
pub(super) const BUCKETS_MAX: usize = 1 << 16;

/// The finest resolution that is kept, and those that are understood (Prometheus specification
/// "Native histograms", section "Schema").
const SCHEMA_MIN: i32 = -4;
const SCHEMA_MAX: i32 = 8;
const SCHEMA_RESERVED_MAX: i32 = 52;

/// Why a histogram is rejected.
type Reason = &'static str;

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

    /// Turns differences into counts, and adds them up. Sums wrap as they do in Prometheus.
    fn whole_counts(&mut self) -> Result<u64, Reason> {
        let (mut count, mut total) = (0_i64, 0_u64);
        self.counts.clear();
        for delta in &self.deltas {
            count = count.wrapping_add(*delta);
            if count < 0 {
                return Err(NEGATIVE_BUCKET);
            }
            total = total.wrapping_add(count as u64);
            self.counts.push(count as f64);
        }
        Ok(total)
    }

    /// Checks that the runs rise and hold as many buckets as there are counts; gives the index
    /// after the last bucket, counted from the first possible one.
    fn check_spans(&self) -> Result<u64, Reason> {
        let (mut buckets, mut end) = (0_u64, 0_i64);
        for (position, span) in self.spans.iter().enumerate() {
            if position > 0 && span.offset < 0 {
                return Err("histogram has a span whose offset is negative");
            }
            buckets += u64::from(span.length);
            end += i64::from(span.offset) + i64::from(span.length);
        }
        if buckets != self.counts.len() as u64 {
            return Err("histogram spans specify different number of buckets than provided");
        }
        if i32::try_from(end).is_err() {
            return Err("a bucket of the histogram is out of range");
        }
        Ok(end.max(0) as u64)
    }

    /// Merges `2^scale_down` buckets into each.
    fn reduce(&mut self, scale_down: u32) {
        let (mut spans, mut counts): (Vec<BucketSpan>, Vec<f64>) = (Vec::new(), Vec::new());
        let (mut index, mut next) = (0_i64, 0_i64);
        let mut old_counts = self.counts.iter();
        for span in &self.spans {
            index += i64::from(span.offset);
            for count in old_counts.by_ref().take(span.length as usize) {
                // A bucket is named by its upper bound.
                let merged = ((index - 1) >> scale_down) + 1;
                index += 1;
                match (spans.last_mut(), counts.last_mut()) {
                    (Some(_), Some(last)) if merged < next => *last += count,
                    (Some(span), Some(_)) if merged == next => {
                        span.length += 1;
                        counts.push(*count);
                    }
                    _ => {
                        // Between two indexes of 32 bits that were halved at least once.
                        spans.push(BucketSpan { offset: (merged - next) as i32, length: 1 });
                        counts.push(*count);
                    }
                }
                next = merged + 1;
            }
        }
        (self.spans, self.counts) = (spans, counts);
    }
}

const NEGATIVE_BUCKET: Reason = "histogram has a bucket whose observation count is negative";

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

    /// Gives away what was read as a histogram, or tells why it can not be one.
    pub(super) fn take_native(&mut self) -> Result<NativeHistogram, Reason> {
        if self.positive.too_many || self.negative.too_many {
            return Err("the histogram has more than 65536 buckets, spans or bounds");
        }
        let buckets = if self.is_float {
            if self.count_float < 0.0 {
                return Err("histogram's observation count is negative");
            }
            None
        } else {
            Some(self.positive.whole_counts()?.wrapping_add(self.negative.whole_counts()?))
        };
        let negative_counts =
            self.positive.counts.iter().chain(&self.negative.counts).any(|count| *count < 0.0);
        if negative_counts || self.zero_count_float < 0.0 && self.is_float {
            return Err(NEGATIVE_BUCKET);
        }
        let is_custom = self.schema == NativeHistogram::CUSTOM_BUCKETS;
        if is_custom {
            self.check_custom()?;
        } else {
            self.check_exponential()?;
        }
        if let Some(buckets) = buckets {
            self.check_count(buckets)?;
        }
        let (zero_count, count) = if self.is_float {
            (self.zero_count_float, self.count_float)
        } else {
            (self.zero_count as f64, self.count as f64)
        };
        Ok(NativeHistogram {
            schema: if is_custom { self.schema } else { self.schema.min(SCHEMA_MAX) },
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
        })
    }

    fn check_exponential(&mut self) -> Result<(), Reason> {
        if !(SCHEMA_MIN..=SCHEMA_RESERVED_MAX).contains(&self.schema) {
            return Err("histogram has an invalid schema, which must be between -4 and 8 for \
                        exponential buckets, or -53 for custom buckets");
        }
        if !self.custom_values.is_empty() {
            return Err("histogram with exponential schema must not have custom bounds");
        }
        let scale_down = (self.schema - SCHEMA_MAX).max(0) as u32;
        for side in [&mut self.positive, &mut self.negative] {
            side.check_spans()?;
            if scale_down > 0 {
                side.reduce(scale_down);
            }
        }
        Ok(())
    }

    fn check_custom(&self) -> Result<(), Reason> {
        if self.custom_values.iter().any(|bound| bound.is_nan()) {
            return Err("histogram custom bounds must not be NaN");
        }
        if self.custom_values.windows(2).any(|pair| matches!(pair, [a, b] if a >= b)) {
            return Err("histogram custom bounds must be in strictly increasing order");
        }
        if self.custom_values.last() == Some(&f64::INFINITY) {
            return Err("histogram custom bounds must be finite");
        }
        if self.positive.spans.first().is_some_and(|span| span.offset < 0) {
            return Err("histogram has a span whose offset is negative");
        }
        if self.positive.check_spans()? > self.custom_values.len() as u64 + 1 {
            return Err("histogram custom bounds are too few");
        }
        let zero_count = if self.is_float { self.zero_count_float } else { self.zero_count as f64 };
        if zero_count != 0.0 {
            return Err("custom buckets: must have zero count of 0");
        }
        if self.zero_threshold != 0.0 {
            return Err("custom buckets: must have zero threshold of 0");
        }
        if !self.negative.spans.is_empty() {
            return Err("custom buckets: must not have negative spans");
        }
        if !self.negative.counts.is_empty() {
            return Err("custom buckets: must not have negative buckets");
        }
        Ok(())
    }

    /// Whether the count agrees with that of the buckets. A sum that is not a number comes from
    /// observations that are not, which are in no bucket.
    fn check_count(&self, buckets: u64) -> Result<(), Reason> {
        let buckets = buckets.wrapping_add(self.zero_count);
        if self.sum.is_nan() {
            if buckets > self.count {
                return Err("histogram's observation count should be at least the number of \
                            observations found in the buckets");
            }
        } else if buckets != self.count {
            return Err("histogram's observation count should equal the number of observations \
                        found in the buckets (in absence of NaN)");
        }
        Ok(())
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
