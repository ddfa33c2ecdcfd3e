//! Chunks of samples as Prometheus keeps and sends them: Gorilla's compression of times and values
//! by bits, and its likes for native histograms. Format: Prometheus' `tsdb/docs/format/chunks.md`.

use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::{BucketSpan, ResetHint};
use watchkeep_model::labels::write_varint;
use watchkeep_model::metrics::STALE_NAN_BITS;

/// Most samples of a chunk, as in Prometheus.
pub(super) const CHUNK_SAMPLES_MAX: usize = 120;

/// What a chunk holds, by its number in `prometheus.Chunk`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Xor = 1,
    Histogram = 2,
    FloatHistogram = 3,
}

/// A chunk as it travels.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) min_ms: i64,
    pub(super) max_ms: i64,
    pub(super) encoding: Encoding,
    pub(super) data: Vec<u8>,
}

/// Writes bits, high ones first.
#[derive(Debug)]
struct BitWriter {
    bytes: Vec<u8>,
    /// Bits of the last byte that are free.
    free: u32,
}

impl BitWriter {
    /// Begins after a header of whole bytes.
    fn new(header: Vec<u8>) -> Self {
        Self { bytes: header, free: 0 }
    }

    fn bit(&mut self, bit: bool) {
        self.bits(u64::from(bit), 1);
    }

    /// Appends the low `count` bits, which are 64 at most.
    fn bits(&mut self, value: u64, count: u32) {
        let mut left = count;
        while left > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let taken = left.min(self.free);
            let part = value >> (left - taken) & ((1 << taken) - 1);
            if let Some(last) = self.bytes.last_mut() {
                *last |= (part as u8) << (self.free - taken);
            }
            self.free -= taken;
            left -= taken;
        }
    }

    fn byte(&mut self, byte: u8) {
        self.bits(u64::from(byte), 8);
    }

    fn double(&mut self, value: f64) {
        self.bits(value.to_bits(), 64);
    }

    /// LEB128, byte by byte.
    fn leb128(&mut self, value: u64) {
        let mut bytes = Vec::with_capacity(10);
        write_varint(&mut bytes, value);
        for byte in bytes {
            self.byte(byte);
        }
    }

    /// A signed number in one of nine lengths: a prefix of ones tells which.
    fn varbit_int(&mut self, value: i64) {
        let size = SIZES.iter().position(|size| fits(value, *size));
        self.varbit(value as u64, value == 0, size);
    }

    /// As [`BitWriter::varbit_int`], not signed.
    fn varbit_uint(&mut self, value: u64) {
        let size = SIZES.iter().position(|size| value < 1 << size);
        self.varbit(value, value == 0, size);
    }

    fn varbit(&mut self, value: u64, is_zero: bool, size: Option<usize>) {
        match size {
            _ if is_zero => self.bit(false),
            Some(at) => {
                // As many ones as sizes up to this one, then a zero.
                self.bits(u64::MAX << 1, at as u32 + 2);
                self.bits(value, SIZES.get(at).copied().unwrap_or(64));
            }
            None => {
                self.byte(0xff);
                self.bits(value, 64);
            }
        }
    }
}

/// Lengths in bits of a number of variable length, but for 0 and 64.
const SIZES: [u32; 7] = [3, 6, 9, 12, 18, 25, 56];

/// Whether a signed number fits so many bits. The range is moved up by one against that of two's
/// complement.
fn fits(value: i64, bits: u32) -> bool {
    let half = 1_i64 << (bits - 1);
    (1 - half..=half).contains(&value)
}

/// A double that is written as what changed in its bits.
#[derive(Debug, Clone, Copy)]
struct XorValue {
    value: f64,
    /// Zeros before and after the bits that were written last; none were yet where `None`.
    window: Option<(u32, u32)>,
}

impl XorValue {
    fn new(value: f64) -> Self {
        Self { value, window: None }
    }

    fn write(&mut self, out: &mut BitWriter, value: f64) {
        let changed = value.to_bits() ^ self.value.to_bits();
        self.value = value;
        if changed == 0 {
            out.bit(false);
            return;
        }
        out.bit(true);
        // Five bits tell the number of leading zeros.
        let (leading, trailing) = (changed.leading_zeros().min(31), changed.trailing_zeros());
        match self.window {
            Some((before, after)) if leading >= before && trailing >= after => {
                out.bit(false);
                out.bits(changed >> after, 64 - before - after);
            }
            _ => {
                self.window = Some((leading, trailing));
                let count = 64 - leading - trailing;
                out.bit(true);
                out.bits(u64::from(leading), 5);
                // 64 is told by 0: six bits.
                out.bits(u64::from(count), 6);
                out.bits(changed >> trailing, count);
            }
        }
    }
}

/// A chunk of plain samples.
pub(super) fn xor_chunk(samples: &[(i64, f64)]) -> Chunk {
    let mut out = BitWriter::new((samples.len() as u16).to_be_bytes().to_vec());
    let (mut last_ms, mut last_delta) = (0_i64, 0_i64);
    let mut xor = XorValue::new(0.0);
    for (position, (time_ms, value)) in samples.iter().enumerate() {
        let delta = time_ms.wrapping_sub(last_ms);
        match position {
            0 => {
                out.leb128((time_ms << 1 ^ time_ms >> 63) as u64);
                out.double(*value);
                xor.value = *value;
            }
            1 => {
                out.leb128(delta as u64);
                xor.write(&mut out, *value);
            }
            _ => {
                write_time_change(&mut out, delta.wrapping_sub(last_delta));
                xor.write(&mut out, *value);
            }
        }
        (last_ms, last_delta) = (*time_ms, delta);
    }
    Chunk {
        min_ms: samples.first().map_or(0, |(time_ms, _)| *time_ms),
        max_ms: samples.last().map_or(0, |(time_ms, _)| *time_ms),
        encoding: Encoding::Xor,
        data: out.bytes,
    }
}

/// How much longer the last interval was than the one before.
fn write_time_change(out: &mut BitWriter, change: i64) {
    match change {
        0 => out.bit(false),
        _ if fits(change, 14) => {
            out.bits(0b10, 2);
            out.bits(change as u64, 14);
        }
        _ if fits(change, 17) => {
            out.bits(0b110, 3);
            out.bits(change as u64, 17);
        }
        _ if fits(change, 20) => {
            out.bits(0b1110, 4);
            out.bits(change as u64, 20);
        }
        _ => {
            out.bits(0b1111, 4);
            out.bits(change as u64, 64);
        }
    }
}

fn is_stale(histogram: &NativeHistogram) -> bool {
    histogram.sum.to_bits() == STALE_NAN_BITS
}

/// Whether counts fell: any of those that can only rise between two histograms of one layout.
fn counts_fell(before: &NativeHistogram, after: &NativeHistogram) -> bool {
    let pairs = |a: &[f64], b: &[f64]| a.iter().zip(b).any(|(a, b)| b < a);
    after.count < before.count
        || after.zero_count < before.zero_count
        || pairs(&before.positive_counts, &after.positive_counts)
        || pairs(&before.negative_counts, &after.negative_counts)
}

/// What the histogram after another means for the chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Continuation {
    /// It goes into the same chunk.
    Same,
    /// It needs another, about whose relation to the one before nothing is known.
    New,
    /// It needs another, since the counts began anew.
    AfterReset,
}

/// Whether a histogram can share a chunk with the one before it: same buckets, and a relation that
/// a reader of the chunk will take for granted.
pub(super) fn continuation(before: &NativeHistogram, after: &NativeHistogram) -> Continuation {
    let gauge = |histogram: &NativeHistogram| histogram.reset_hint == ResetHint::Gauge;
    if after.reset_hint == ResetHint::Reset {
        return Continuation::AfterReset;
    }
    let same_layout = before.is_float == after.is_float
        && !is_stale(before)
        && !is_stale(after)
        && gauge(before) == gauge(after)
        && before.schema == after.schema
        && before.zero_threshold.to_bits() == after.zero_threshold.to_bits()
        && before.positive_spans == after.positive_spans
        && before.negative_spans == after.negative_spans
        && before.custom_values == after.custom_values;
    if !same_layout {
        Continuation::New
    } else if !gauge(after) && counts_fell(before, after) {
        Continuation::AfterReset
    } else {
        Continuation::Same
    }
}

/// A chunk of histograms, each of which continues the one before; `after_reset` where the first
/// began anew.
pub(super) fn histogram_chunk(samples: &[(i64, &NativeHistogram)], after_reset: bool) -> Chunk {
    let first = samples.first().map(|(_, histogram)| *histogram);
    let is_float = first.is_some_and(|histogram| histogram.is_float);
    let mut header = (samples.len() as u16).to_be_bytes().to_vec();
    header.push(match first.map(|histogram| histogram.reset_hint) {
        Some(ResetHint::Gauge) => 0b1100_0000,
        Some(ResetHint::Reset) => 0b1000_0000,
        _ if after_reset => 0b1000_0000,
        _ => 0,
    });
    let mut out = BitWriter::new(header);
    let times: Vec<i64> = samples.iter().map(|(time_ms, _)| *time_ms).collect();
    if let Some(first) = first {
        write_layout(&mut out, first);
        let rows: Vec<Row> = samples.iter().map(|(_, histogram)| Row::new(histogram)).collect();
        if is_float {
            write_float_rows(&mut out, &times, &rows);
        } else {
            write_int_rows(&mut out, &times, &rows);
        }
    }
    Chunk {
        min_ms: times.first().copied().unwrap_or_default(),
        max_ms: times.last().copied().unwrap_or_default(),
        encoding: if is_float { Encoding::FloatHistogram } else { Encoding::Histogram },
        data: out.bytes,
    }
}

/// The numbers of a histogram that change from one to the next. Of a stale one only the sum.
struct Row {
    count: f64,
    zero_count: f64,
    sum: f64,
    /// Positive buckets, then negative ones.
    buckets: Vec<f64>,
    /// How many are positive: differences begin anew after them.
    positive: usize,
}

impl Row {
    fn new(histogram: &NativeHistogram) -> Self {
        if is_stale(histogram) {
            let sum = histogram.sum;
            return Self { count: 0.0, zero_count: 0.0, sum, buckets: Vec::new(), positive: 0 };
        }
        let buckets = [&*histogram.positive_counts, &*histogram.negative_counts].concat();
        Self {
            count: histogram.count,
            zero_count: histogram.zero_count,
            sum: histogram.sum,
            buckets,
            positive: histogram.positive_counts.len(),
        }
    }

    /// Whole counts as differences from bucket to bucket.
    fn deltas(&self) -> Vec<i64> {
        let (positive, negative) =
            self.buckets.split_at_checked(self.positive).unwrap_or((&self.buckets, &[]));
        let mut deltas = Vec::with_capacity(self.buckets.len());
        for side in [positive, negative] {
            let mut last = 0_i64;
            for count in side {
                deltas.push((*count as i64).wrapping_sub(last));
                last = *count as i64;
            }
        }
        deltas
    }
}

/// A number that is written as the change of its change.
#[derive(Clone, Copy, Default)]
struct Trend {
    last: i64,
    delta: i64,
}

impl Trend {
    fn new(first: i64) -> Self {
        Self { last: first, delta: 0 }
    }

    fn write(&mut self, out: &mut BitWriter, value: i64) {
        let delta = value.wrapping_sub(self.last);
        out.varbit_int(delta.wrapping_sub(self.delta));
        *self = Self { last: value, delta };
    }
}

fn write_int_rows(out: &mut BitWriter, times: &[i64], rows: &[Row]) {
    let (Some(first_ms), Some(first)) = (times.first(), rows.first()) else { return };
    let deltas = first.deltas();
    out.varbit_int(*first_ms);
    out.varbit_uint(first.count as u64);
    out.varbit_uint(first.zero_count as u64);
    out.double(first.sum);
    for delta in &deltas {
        out.varbit_int(*delta);
    }
    let mut time = Trend::new(*first_ms);
    let mut count = Trend::new(first.count as u64 as i64);
    let mut zero_count = Trend::new(first.zero_count as u64 as i64);
    let mut sum = XorValue::new(first.sum);
    let mut buckets: Vec<Trend> = deltas.into_iter().map(Trend::new).collect();
    for (time_ms, row) in times.iter().zip(rows).skip(1) {
        time.write(out, *time_ms);
        count.write(out, row.count as u64 as i64);
        zero_count.write(out, row.zero_count as u64 as i64);
        sum.write(out, row.sum);
        for (trend, delta) in buckets.iter_mut().zip(row.deltas()) {
            trend.write(out, delta);
        }
    }
}

fn write_float_rows(out: &mut BitWriter, times: &[i64], rows: &[Row]) {
    let (Some(first_ms), Some(first)) = (times.first(), rows.first()) else { return };
    let numbers = |row: &Row| [&[row.count, row.zero_count, row.sum], &*row.buckets].concat();
    out.varbit_int(*first_ms);
    let first = numbers(first);
    for number in &first {
        out.double(*number);
    }
    let mut time = Trend::new(*first_ms);
    let mut values: Vec<XorValue> = first.into_iter().map(XorValue::new).collect();
    for (time_ms, row) in times.iter().zip(rows).skip(1) {
        time.write(out, *time_ms);
        for (value, number) in values.iter_mut().zip(numbers(row)) {
            value.write(out, number);
        }
    }
}

/// What the histograms of a chunk share. A stale one has no buckets.
fn write_layout(out: &mut BitWriter, histogram: &NativeHistogram) {
    if is_stale(histogram) {
        write_zero_threshold(out, 0.0);
        out.varbit_int(0);
        write_spans(out, &[]);
        write_spans(out, &[]);
        return;
    }
    write_zero_threshold(out, histogram.zero_threshold);
    out.varbit_int(i64::from(histogram.schema));
    write_spans(out, &histogram.positive_spans);
    write_spans(out, &histogram.negative_spans);
    if histogram.schema == NativeHistogram::CUSTOM_BUCKETS {
        out.varbit_uint(histogram.custom_values.len() as u64);
        for bound in &histogram.custom_values {
            write_custom_bound(out, *bound);
        }
    }
}

/// A power of two between 2^-243 and 2^10 takes a byte, as does zero.
fn write_zero_threshold(out: &mut BitWriter, threshold: f64) {
    if threshold == 0.0 {
        out.byte(0);
        return;
    }
    let bits = threshold.to_bits();
    let (sign_and_exponent, fraction) = ((bits >> 52) as i64, bits & ((1 << 52) - 1));
    // 1 for 2^-243; the exponent of IEEE 754 is biased by 1023.
    let byte = sign_and_exponent - 1023 + 244;
    match u8::try_from(byte) {
        Ok(byte @ 1..=254) if fraction == 0 => out.byte(byte),
        _ => {
            out.byte(255);
            out.double(threshold);
        }
    }
}

fn write_spans(out: &mut BitWriter, spans: &[BucketSpan]) {
    out.varbit_uint(spans.len() as u64);
    for span in spans {
        out.varbit_uint(u64::from(span.length));
        out.varbit_int(i64::from(span.offset));
    }
}

/// Thousandths from 0 to 33554.430 are short; other bounds are a zero bit and the double.
fn write_custom_bound(out: &mut BitWriter, bound: f64) {
    const THOUSANDTHS_MAX: f64 = 33_554_430.0;
    let thousandths = (bound * 1000.0).round();
    let whole =
        (0.0..=THOUSANDTHS_MAX).contains(&(bound * 1000.0)) && thousandths / 1000.0 == bound;
    if whole {
        out.varbit_uint(thousandths as u64 + 1);
    } else {
        out.bit(false);
        out.double(bound);
    }
}
