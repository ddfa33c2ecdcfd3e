//! Histograms to native ones: exponential scales beyond those of Prometheus are merged down, explicit
//! bounds become custom buckets, and dense buckets become sparse runs.

use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::{BucketSpan, ResetHint, validate};
use watchkeep_model::metrics::STALE_NAN_BITS;

use crate::protobuf::{Malformed, Reader};

/// Scales that a native histogram can have.
const SCALE_MIN: i32 = -4;
const SCALE_MAX: i32 = 8;

/// The width of the zero bucket where the client states none, as in Prometheus.
const ZERO_THRESHOLD: f64 = 1e-128;

/// Runs of empty buckets up to this long are kept as buckets: cheaper than another run.
const GAP_KEPT_MAX: i32 = 2;

/// Buckets of one side of a point; clients use 160. A point with more is rejected.
pub(super) const BUCKETS_MAX: usize = 1 << 16;

/// One side of a point.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    offset: i32,
    counts: Vec<u64>,
}

impl Buckets {
    pub(super) fn clear(&mut self) {
        self.offset = 0;
        self.counts.clear();
    }

    /// Reads a `Buckets` message, taking no more counts than are needed to know that they are too
    /// many.
    pub(super) fn read(&mut self, mut reader: Reader<'_>) -> Result<(), Malformed> {
        self.clear();
        while let Some(field) = reader.field()? {
            match field.number {
                1 => self.offset = field.sint32()?,
                2 => field.each_varint(|count| {
                    if self.counts.len() <= BUCKETS_MAX {
                        self.counts.push(count);
                    }
                })?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Merges `2^scale_down` buckets into each, and finds the runs. `None` where an index does not
    /// fit 32 bits.
    fn runs(&self, scale_down: u32) -> Option<(Vec<BucketSpan>, Vec<f64>)> {
        let (mut spans, mut counts): (Vec<BucketSpan>, Vec<f64>) = (Vec::new(), Vec::new());
        // Index after the last bucket pushed.
        let mut next = 0;
        for (position, count) in (0_i64..).zip(&self.counts) {
            if *count == 0 {
                continue;
            }
            // A bucket of OTLP is named by its lower bound, a native one by its upper bound.
            let merged = ((i64::from(self.offset) + position) >> scale_down.min(63)) + 1;
            let index = i32::try_from(merged).ok().filter(|index| *index < i32::MAX)?;
            let gap = if spans.is_empty() { index } else { index - next };
            match spans.last_mut() {
                Some(_) if gap < 0 => {
                    // Merged into the bucket before.
                    *counts.last_mut()? += *count as f64;
                    continue;
                }
                Some(span) if gap <= GAP_KEPT_MAX => {
                    span.length += gap as u32 + 1;
                    counts.extend((0..gap).map(|_| 0.0));
                }
                _ => spans.push(BucketSpan { offset: gap, length: 1 }),
            }
            counts.push(*count as f64);
            next = index + 1;
        }
        Some((spans, counts))
    }
}

/// The fields of a point that make the histogram.
#[derive(Debug, Default)]
pub(super) struct Exponential {
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) scale: i32,
    pub(super) zero_count: u64,
    pub(super) zero_threshold: f64,
    pub(super) positive: Buckets,
    pub(super) negative: Buckets,
}

impl Exponential {
    /// The point as a native histogram, or why it can not be one.
    pub(super) fn to_native(&self) -> Result<NativeHistogram, &'static str> {
        if self.scale < SCALE_MIN {
            return Err("the scale of an exponential histogram is below -4");
        }
        if self.positive.counts.len().max(self.negative.counts.len()) > BUCKETS_MAX {
            return Err("an exponential histogram has more than 65536 buckets");
        }
        let scale_down = self.scale.saturating_sub(SCALE_MAX).max(0) as u32;
        let out_of_range = "a bucket of an exponential histogram is out of range";
        let (positive_spans, positive_counts) =
            self.positive.runs(scale_down).ok_or(out_of_range)?;
        let (negative_spans, negative_counts) =
            self.negative.runs(scale_down).ok_or(out_of_range)?;
        let stated = self.zero_threshold > 0.0 && self.zero_threshold.is_finite();
        Ok(NativeHistogram {
            schema: self.scale.min(SCALE_MAX),
            zero_threshold: if stated { self.zero_threshold } else { ZERO_THRESHOLD },
            zero_count: self.zero_count as f64,
            count: self.count as f64,
            sum: self.sum,
            is_float: false,
            reset_hint: ResetHint::Unknown,
            positive_spans,
            positive_counts,
            negative_spans,
            negative_counts,
            custom_values: Vec::new(),
        })
    }
}

/// A histogram with explicit bounds, whose last bucket has none, as a native one with custom
/// buckets.
pub(super) fn custom(
    count: u64,
    sum: f64,
    counts: &[u64],
    bounds: &[f64],
) -> Result<NativeHistogram, &'static str> {
    if counts.len().max(bounds.len()) > BUCKETS_MAX {
        return Err("a histogram has more than 65536 buckets");
    }
    let used = |count: &u64| *count > 0;
    let first = counts.iter().position(used).unwrap_or(counts.len());
    let end = counts.iter().rposition(used).map_or(first, |last| last + 1);
    let buckets = counts.get(first..end).unwrap_or_default();
    let mut spans = Vec::new();
    if !buckets.is_empty() {
        spans.push(BucketSpan { offset: first as i32, length: buckets.len() as u32 });
    }
    let mut histogram = NativeHistogram {
        schema: NativeHistogram::CUSTOM_BUCKETS,
        zero_threshold: 0.0,
        count: count as f64,
        sum,
        positive_spans: spans,
        positive_counts: buckets.iter().map(|count| *count as f64).collect(),
        custom_values: bounds.to_vec(),
        ..stale()
    };
    validate(&histogram)
        .map_err(|_| "the buckets of a histogram agree neither with its bounds nor its count")?;
    histogram.compact(GAP_KEPT_MAX as usize);
    Ok(histogram)
}

/// The histogram that marks the end of a series: only its sum matters.
pub(super) fn stale() -> NativeHistogram {
    NativeHistogram {
        schema: 0,
        zero_threshold: ZERO_THRESHOLD,
        zero_count: 0.0,
        count: 0.0,
        sum: f64::from_bits(STALE_NAN_BITS),
        is_float: false,
        reset_hint: ResetHint::Unknown,
        positive_spans: Vec::new(),
        positive_counts: Vec::new(),
        negative_spans: Vec::new(),
        negative_counts: Vec::new(),
        custom_values: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explicit_bounds_become_custom_buckets() {
        let histogram = custom(9, 4.5, &[0, 2, 0, 0, 0, 3, 4], &[0., 1., 2., 3., 4., 5.]).unwrap();
        let spans: Vec<(i32, u32)> =
            histogram.positive_spans.iter().map(|span| (span.offset, span.length)).collect();
        assert_eq!((spans, &*histogram.positive_counts), (vec![(1, 1), (3, 2)], &[2., 3., 4.][..]));
        assert_eq!((histogram.schema, histogram.custom_values.len()), (-53, 6));
        assert_eq!(custom(0, 0.0, &[], &[]).unwrap().positive_spans, []);
        // The count, the number of bounds, their order.
        assert!(custom(8, 4.5, &[4, 5], &[1.0]).is_err());
        assert!(custom(9, 4.5, &[4, 2, 3], &[1.0]).is_err());
        assert!(custom(9, 4.5, &[4, 2, 3], &[1.0, 1.0]).is_err());
    }

    type Runs = (Vec<(i32, u32)>, Vec<f64>);

    fn runs(offset: i32, counts: &[u64], scale_down: u32) -> Option<Runs> {
        let buckets = Buckets { offset, counts: counts.to_vec() };
        let (spans, counts) = buckets.runs(scale_down)?;
        Some((spans.iter().map(|span| (span.offset, span.length)).collect(), counts))
    }

    #[test]
    fn dense_buckets_become_runs() {
        let cases = [
            (0, vec![], 0, vec![], vec![]),
            (0, vec![0, 0], 0, vec![], vec![]),
            (0, vec![1, 2, 3], 0, vec![(1, 3)], vec![1., 2., 3.]),
            (-2, vec![4, 0, 0, 5], 0, vec![(-1, 4)], vec![4., 0., 0., 5.]),
            (0, vec![4, 0, 0, 0, 5], 0, vec![(1, 1), (3, 1)], vec![4., 5.]),
            (0, vec![0, 0, 0, 7, 0], 0, vec![(4, 1)], vec![7.]),
            // Merged two by two: (0,1) (2,3) (4,..).
            (0, vec![1, 2, 3, 4, 5], 1, vec![(1, 3)], vec![3., 7., 5.]),
            // Negative indexes round down: -3 is with -4, -2 with -1.
            (-3, vec![1, 2, 3], 1, vec![(-1, 2)], vec![1., 5.]),
            (1000, vec![1, 1], 40, vec![(1, 1)], vec![2.]),
        ];
        for (offset, counts, scale_down, spans, expect) in cases {
            assert_eq!(runs(offset, &counts, scale_down), Some((spans, expect)), "{counts:?}");
        }
        assert_eq!(runs(i32::MAX, &[1], 0), None);
        assert_eq!(runs(i32::MAX, &[1], 1), Some((vec![(1 << 30, 1)], vec![1.])));
    }
}
