//! The compact byte form of a native histogram.

use super::{BucketSpan, NativeHistogram, ResetHint};
use crate::error::{Error, Result};
use crate::labels::{read_varint, write_varint};

impl NativeHistogram {
    const VERSION: u8 = 1;
    const FLOAT: u8 = 1;
    /// Two bits of the flags hold the hint.
    const HINT_SHIFT: u8 = 1;
    const HINTS: [ResetHint; 4] =
        [ResetHint::Unknown, ResetHint::Gauge, ResetHint::Reset, ResetHint::NotReset];
    /// More buckets or runs than this in one stored histogram means damage.
    const BUCKETS_MAX: u64 = 1 << 20;

    /// Appends the byte form: version, flags, then varints (zigzag where signed) and doubles in
    /// little-endian order. Whole counts are varints, fractional ones doubles.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let hint = Self::HINTS.iter().position(|hint| *hint == self.reset_hint).unwrap_or(0) as u8;
        let flags = u8::from(self.is_float) * Self::FLOAT + (hint << Self::HINT_SHIFT);
        out.extend_from_slice(&[Self::VERSION, flags]);
        write_varint(out, zigzag(i64::from(self.schema)));
        for value in [self.zero_threshold, self.sum] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        self.encode_counts(out, &[self.zero_count, self.count]);
        for (spans, counts) in [
            (&self.positive_spans, &self.positive_counts),
            (&self.negative_spans, &self.negative_counts),
        ] {
            write_varint(out, spans.len() as u64);
            for span in spans {
                write_varint(out, zigzag(i64::from(span.offset)));
                write_varint(out, u64::from(span.length));
            }
            write_varint(out, counts.len() as u64);
            self.encode_counts(out, counts);
        }
        write_varint(out, self.custom_values.len() as u64);
        for value in &self.custom_values {
            out.extend_from_slice(&value.to_le_bytes());
        }
    }

    fn encode_counts(&self, out: &mut Vec<u8>, counts: &[f64]) {
        for count in counts {
            if self.is_float {
                out.extend_from_slice(&count.to_le_bytes());
            } else {
                write_varint(out, *count as u64);
            }
        }
    }

    /// Reads the byte form.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        Decoder { rest: bytes }
            .histogram()
            .ok_or_else(|| Error::corrupt("a stored native histogram is cut or malformed"))
    }
}

struct Decoder<'a> {
    rest: &'a [u8],
}

impl Decoder<'_> {
    fn histogram(&mut self) -> Option<NativeHistogram> {
        let (head, rest) = self.rest.split_at_checked(2)?;
        self.rest = rest;
        if head[0] != NativeHistogram::VERSION {
            return None;
        }
        let is_float = head[1] & NativeHistogram::FLOAT != 0;
        let schema = i32::try_from(unzigzag(read_varint(&mut self.rest)?)).ok()?;
        let (zero_threshold, sum) = (self.double()?, self.double()?);
        let (zero_count, count) = (self.count(is_float)?, self.count(is_float)?);
        let (positive_spans, positive_counts) = self.side(is_float)?;
        let (negative_spans, negative_counts) = self.side(is_float)?;
        let custom_values =
            (0..self.number()?).map(|_| self.double()).collect::<Option<Vec<f64>>>()?;
        self.rest.is_empty().then_some(NativeHistogram {
            schema,
            zero_threshold,
            zero_count,
            count,
            sum,
            is_float,
            reset_hint: NativeHistogram::HINTS
                [usize::from(head[1] >> NativeHistogram::HINT_SHIFT & 3)],
            positive_spans,
            positive_counts,
            negative_spans,
            negative_counts,
            custom_values,
        })
    }

    fn side(&mut self, is_float: bool) -> Option<(Vec<BucketSpan>, Vec<f64>)> {
        let spans = (0..self.number()?)
            .map(|_| {
                let offset = i32::try_from(unzigzag(read_varint(&mut self.rest)?)).ok()?;
                let length = u32::try_from(read_varint(&mut self.rest)?).ok()?;
                Some(BucketSpan { offset, length })
            })
            .collect::<Option<Vec<_>>>()?;
        let counts =
            (0..self.number()?).map(|_| self.count(is_float)).collect::<Option<Vec<_>>>()?;
        Some((spans, counts))
    }

    /// How many items follow; more than could be there is refused before anything is allocated.
    fn number(&mut self) -> Option<u64> {
        read_varint(&mut self.rest)
            .filter(|n| *n <= NativeHistogram::BUCKETS_MAX && *n <= self.rest.len() as u64)
    }

    fn count(&mut self, is_float: bool) -> Option<f64> {
        if is_float { self.double() } else { read_varint(&mut self.rest).map(|n| n as f64) }
    }

    fn double(&mut self) -> Option<f64> {
        let (bytes, rest) = self.rest.split_first_chunk::<8>()?;
        self.rest = rest;
        Some(f64::from_le_bytes(*bytes))
    }
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn side()(runs in prop::collection::vec((-40_i32..40, 0_u32..5), 0..4), seed: u32)
            -> (Vec<BucketSpan>, Vec<f64>) {
            let spans: Vec<_> =
                runs.into_iter().map(|(offset, length)| BucketSpan { offset, length }).collect();
            let buckets: u32 = spans.iter().map(|span| span.length).sum();
            (spans, (0..buckets).map(|i| f64::from(seed.rotate_left(i) >> 8)).collect())
        }
    }

    proptest! {
        #[test]
        fn byte_form_round_trips(
            schema in -53_i32..9, positive in side(), negative in side(), is_float: bool,
            hint in 0_usize..4, counts: (u32, u32), sum in -1e9..1e9_f64, custom: Vec<i32>,
        ) {
            let histogram = NativeHistogram {
                schema, is_float, reset_hint: NativeHistogram::HINTS[hint], sum, zero_threshold: 1e-128,
                zero_count: f64::from(counts.0), count: f64::from(counts.1),
                positive_spans: positive.0, positive_counts: positive.1,
                negative_spans: negative.0, negative_counts: negative.1,
                custom_values: custom.into_iter().map(f64::from).collect(),
            };
            let mut bytes = Vec::new();
            histogram.encode(&mut bytes);
            prop_assert_eq!(NativeHistogram::decode(&bytes).unwrap(), histogram);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _any_outcome = NativeHistogram::decode(&bytes);
        }
    }
}
