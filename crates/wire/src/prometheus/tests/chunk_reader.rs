//! A reader of Prometheus' chunks, written from the description of their format alone, to hold the
//! writer against.

use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::{BucketSpan, ResetHint};
use watchkeep_model::metrics::STALE_NAN_BITS;

/// A sample that was read: time and value or histogram.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Read {
    Float(i64, u64),
    Histogram(i64, Box<NativeHistogram>),
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn bit(&mut self) -> bool {
        let bit = self.bytes[self.at / 8] >> (7 - self.at % 8) & 1 == 1;
        self.at += 1;
        bit
    }

    fn bits(&mut self, count: u32) -> u64 {
        (0..count).fold(0, |value, _| value << 1 | u64::from(self.bit()))
    }

    fn double(&mut self) -> f64 {
        f64::from_bits(self.bits(64))
    }

    fn leb128(&mut self) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = self.bits(8);
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }

    /// Ones before the first zero, at most so many.
    fn ones(&mut self, max: usize) -> usize {
        (0..max).take_while(|_| self.bit()).count()
    }

    fn signed(&mut self, count: u32) -> i64 {
        let value = self.bits(count);
        if (1..64).contains(&count) && value > 1 << (count - 1) {
            value as i64 - (1 << count)
        } else {
            value as i64
        }
    }

    fn varbit_size(&mut self) -> u32 {
        [0, 3, 6, 9, 12, 18, 25, 56, 64][self.ones(8)]
    }

    fn varbit_int(&mut self) -> i64 {
        let size = self.varbit_size();
        self.signed(size)
    }

    fn varbit_uint(&mut self) -> u64 {
        let size = self.varbit_size();
        self.bits(size)
    }
}

#[derive(Clone, Default)]
struct Xor {
    bits: u64,
    leading: u32,
    trailing: u32,
}

impl Xor {
    fn new(bits: u64) -> Self {
        Self { bits, ..Self::default() }
    }

    fn next(&mut self, from: &mut Bits<'_>) -> u64 {
        if from.bit() {
            if from.bit() {
                self.leading = from.bits(5) as u32;
                let count = match from.bits(6) as u32 {
                    0 => 64,
                    count => count,
                };
                self.trailing = 64 - self.leading - count;
            }
            let changed = from.bits(64 - self.leading - self.trailing);
            self.bits ^= changed << self.trailing;
        }
        self.bits
    }
}

fn xor(data: &[u8]) -> Vec<Read> {
    let count = u16::from_be_bytes([data[0], data[1]]);
    let mut from = Bits { bytes: &data[2..], at: 0 };
    let (mut time, mut delta, mut value) = (0_i64, 0_i64, Xor::default());
    let mut samples = Vec::new();
    for position in 0..count {
        if position == 0 {
            let zigzag = from.leb128();
            time = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
            value = Xor::new(from.bits(64));
        } else {
            if position == 1 {
                delta = from.leb128() as i64;
            } else {
                let size = [0, 14, 17, 20, 64][from.ones(4)];
                delta = delta.wrapping_add(from.signed(size));
            }
            time = time.wrapping_add(delta);
            value.next(&mut from);
        }
        samples.push(Read::Float(time, value.bits));
    }
    samples
}

fn spans(from: &mut Bits<'_>) -> Vec<BucketSpan> {
    (0..from.varbit_uint())
        .map(|_| {
            let length = from.varbit_uint() as u32;
            BucketSpan { length, offset: from.varbit_int() as i32 }
        })
        .collect()
}

fn layout(from: &mut Bits<'_>, is_float: bool) -> NativeHistogram {
    let zero_threshold = match from.bits(8) {
        0 => 0.0,
        255 => from.double(),
        exponent => 0.5 * 2_f64.powi(exponent as i32 - 243),
    };
    let schema = from.varbit_int() as i32;
    let (positive_spans, negative_spans) = (spans(from), spans(from));
    let bounds = if schema == NativeHistogram::CUSTOM_BUCKETS { from.varbit_uint() } else { 0 };
    let custom_values = (0..bounds)
        .map(|_| match from.varbit_uint() {
            0 => from.double(),
            thousandths => (thousandths - 1) as f64 / 1000.0,
        })
        .collect();
    let room =
        |spans: &[BucketSpan]| vec![0.0; spans.iter().map(|span| span.length as usize).sum()];
    NativeHistogram {
        schema,
        zero_threshold,
        zero_count: 0.0,
        count: 0.0,
        sum: 0.0,
        is_float,
        reset_hint: ResetHint::Unknown,
        positive_counts: room(&positive_spans),
        negative_counts: room(&negative_spans),
        positive_spans,
        negative_spans,
        custom_values,
    }
}

fn float_histograms(data: &[u8]) -> Vec<Read> {
    let mut from = Bits { bytes: &data[3..], at: 0 };
    let mut histogram = layout(&mut from, true);
    let positive = histogram.positive_counts.len();
    let numbers = 3 + positive + histogram.negative_counts.len();
    let (mut time, mut delta) = (0_i64, 0_i64);
    let mut values: Vec<Xor> = Vec::new();
    let mut samples = Vec::new();
    for position in 0..u16::from_be_bytes([data[0], data[1]]) {
        if position == 0 {
            time = from.varbit_int();
            values = (0..numbers).map(|_| Xor::new(from.bits(64))).collect();
        } else {
            delta = delta.wrapping_add(from.varbit_int());
            time = time.wrapping_add(delta);
            for value in &mut values {
                value.next(&mut from);
            }
        }
        let numbers: Vec<f64> = values.iter().map(|value| f64::from_bits(value.bits)).collect();
        (histogram.count, histogram.zero_count, histogram.sum) =
            (numbers[0], numbers[1], numbers[2]);
        histogram.positive_counts = numbers[3..3 + positive].to_vec();
        histogram.negative_counts = numbers[3 + positive..].to_vec();
        histogram.reset_hint = hint(data[2], position);
        samples.push(Read::Histogram(time, Box::new(histogram.clone())));
    }
    samples
}

#[derive(Clone, Default)]
struct Trend(i64, i64);

impl Trend {
    fn next(&mut self, change: i64) -> i64 {
        self.1 = self.1.wrapping_add(change);
        self.0 = self.0.wrapping_add(self.1);
        self.0
    }
}

fn int_histograms(data: &[u8]) -> Vec<Read> {
    let mut from = Bits { bytes: &data[3..], at: 0 };
    let mut histogram = layout(&mut from, false);
    let (mut time, mut count, mut zero_count) = (Trend(0, 0), Trend(0, 0), Trend(0, 0));
    let mut sum = Xor::default();
    let sides = [histogram.positive_counts.len(), histogram.negative_counts.len()];
    let mut buckets: Vec<Trend> = vec![Trend(0, 0); sides[0] + sides[1]];
    let mut samples = Vec::new();
    for position in 0..u16::from_be_bytes([data[0], data[1]]) {
        if position == 0 {
            time.0 = from.varbit_int();
            count.0 = from.varbit_uint() as i64;
            zero_count.0 = from.varbit_uint() as i64;
            sum = Xor::new(from.bits(64));
            for bucket in &mut buckets {
                bucket.0 = from.varbit_int();
            }
        } else {
            time.next(from.varbit_int());
            count.next(from.varbit_int());
            zero_count.next(from.varbit_int());
            sum.next(&mut from);
            for bucket in &mut buckets {
                bucket.next(from.varbit_int());
            }
        }
        let absolute = |deltas: &[Trend]| {
            let counts = deltas.iter().scan(0, |last, delta| {
                *last += delta.0;
                Some(*last as f64)
            });
            counts.collect::<Vec<f64>>()
        };
        (histogram.count, histogram.zero_count) = (count.0 as u64 as f64, zero_count.0 as f64);
        histogram.sum = f64::from_bits(sum.bits);
        histogram.positive_counts = absolute(&buckets[..sides[0]]);
        histogram.negative_counts = absolute(&buckets[sides[0]..]);
        histogram.reset_hint = hint(data[2], position);
        samples.push(Read::Histogram(time.0, Box::new(histogram.clone())));
    }
    samples
}

/// What a reader believes about a sample of a chunk.
fn hint(header: u8, position: u16) -> ResetHint {
    match (header, position) {
        (0b1100_0000, _) => ResetHint::Gauge,
        (_, 1..) => ResetHint::NotReset,
        (0b1000_0000, 0) => ResetHint::Reset,
        (0b0100_0000, 0) => ResetHint::NotReset,
        _ => ResetHint::Unknown,
    }
}

/// The samples of a chunk of an encoding by its number.
pub(super) fn read_chunk(encoding: i32, data: &[u8]) -> Vec<Read> {
    match encoding {
        1 => xor(data),
        2 => int_histograms(data),
        3 => float_histograms(data),
        other => panic!("unknown encoding {other}"),
    }
}

/// Whether a histogram only marks the end of its series.
pub(super) fn is_stale(histogram: &NativeHistogram) -> bool {
    histogram.sum.to_bits() == STALE_NAN_BITS
}
