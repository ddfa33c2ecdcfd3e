//! Walks the buckets of a histogram.

use std::iter;

use super::bounds::upper_bound;
use super::{BucketSpan, NativeHistogram};

/// A bucket with its bounds, as answers show it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bucket {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Whether an observation at the lower bound is in this bucket.
    pub lower_inclusive: bool,
    /// Whether an observation at the upper bound is in this bucket.
    pub upper_inclusive: bool,
    /// Number of observations.
    pub count: f64,
}

impl Bucket {
    /// How the HTTP API of Prometheus writes which bounds belong to the bucket: 0 the upper one,
    /// 1 the lower one, 2 none, 3 both.
    pub fn boundary_rule(&self) -> u8 {
        match (self.lower_inclusive, self.upper_inclusive) {
            (false, true) => 0,
            (true, false) => 1,
            (false, false) => 2,
            (true, true) => 3,
        }
    }

    /// Which part of the bucket lies at or below a value between its finite bounds: of its width
    /// if `linear`, else of its width on a logarithmic scale.
    pub fn fraction_below(&self, value: f64, linear: bool) -> f64 {
        if linear {
            return (value - self.lower) / (self.upper - self.lower);
        }
        let [lower, upper, at] = [self.lower, self.upper, value].map(|bound| bound.abs().log2());
        if value > 0.0 {
            (at - lower) / (upper - lower)
        } else {
            1.0 - (at - upper) / (lower - upper)
        }
    }
}

/// Which bucket of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The negative bucket with this index.
    Negative(i64),
    /// The zero bucket.
    Zero,
    /// The positive (or custom) bucket with this index.
    Positive(i64),
}

impl NativeHistogram {
    /// The bucket at a place, within its own bounds even where it overlaps the zero bucket.
    pub fn plain_bucket(&self, place: Place, count: f64) -> Bucket {
        let (lower, upper) = match place {
            Place::Zero => {
                return Bucket {
                    lower: -self.zero_threshold,
                    upper: self.zero_threshold,
                    lower_inclusive: true,
                    upper_inclusive: true,
                    count,
                };
            }
            Place::Positive(index) => (
                upper_bound(index - 1, self.schema, &self.custom_values),
                upper_bound(index, self.schema, &self.custom_values),
            ),
            Place::Negative(index) => {
                (-upper_bound(index, self.schema, &[]), -upper_bound(index - 1, self.schema, &[]))
            }
        };
        let (lower_inclusive, upper_inclusive) = if self.uses_custom_buckets() {
            (place == Place::Positive(0), true)
        } else {
            (lower < 0.0, upper > 0.0)
        };
        Bucket { lower, upper, lower_inclusive, upper_inclusive, count }
    }

    /// The bucket at a place, cut where it overlaps the zero bucket.
    pub fn bucket(&self, place: Place, count: f64) -> Bucket {
        let mut bucket = self.plain_bucket(place, count);
        if place == Place::Zero {
            return bucket;
        }
        if bucket.upper < 0.0 && bucket.upper > -self.zero_threshold {
            bucket.upper = -self.zero_threshold;
        } else if bucket.lower > 0.0 && bucket.lower < self.zero_threshold {
            bucket.lower = self.zero_threshold;
        }
        bucket
    }

    /// The zero bucket.
    pub fn zero_bucket(&self) -> Bucket {
        self.plain_bucket(Place::Zero, self.zero_count)
    }

    /// Index and count of the positive buckets, empty ones too, by rising index.
    pub fn positive(&self) -> Indexed<'_> {
        Indexed::new(&self.positive_spans, &self.positive_counts)
    }

    /// Index and count of the negative buckets, empty ones too, by rising index (falling value).
    pub fn negative(&self) -> Indexed<'_> {
        Indexed::new(&self.negative_spans, &self.negative_counts)
    }

    /// Places and counts of all buckets, empty ones too (but for an empty zero bucket), by rising
    /// value. Their bounds cost something: [`NativeHistogram::bucket`] works them out.
    pub fn places(&self) -> impl Iterator<Item = (Place, f64)> {
        IndexedBack::new(&self.negative_spans, &self.negative_counts)
            .map(|(index, count)| (Place::Negative(index), count))
            .chain(self.zero_place())
            .chain(self.positive().map(|(index, count)| (Place::Positive(index), count)))
    }

    /// As [`NativeHistogram::places`] by falling value.
    pub fn places_back(&self) -> impl Iterator<Item = (Place, f64)> {
        IndexedBack::new(&self.positive_spans, &self.positive_counts)
            .map(|(index, count)| (Place::Positive(index), count))
            .chain(self.zero_place())
            .chain(self.negative().map(|(index, count)| (Place::Negative(index), count)))
    }

    fn zero_place(&self) -> Option<(Place, f64)> {
        (self.zero_count > 0.0 && !self.uses_custom_buckets())
            .then_some((Place::Zero, self.zero_count))
    }

    /// All buckets, empty ones too (but for an empty zero bucket), by rising value.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> {
        self.places().map(|(place, count)| self.bucket(place, count))
    }
}

/// Index and count of the buckets of one side by rising index. Spans that promise more buckets than
/// there are counts end early.
#[derive(Debug, Clone)]
pub struct Indexed<'a> {
    spans: &'a [BucketSpan],
    counts: &'a [f64],
    /// Buckets left in the span before `spans`.
    left: u32,
    /// Index of the bucket to come.
    index: i64,
}

impl<'a> Indexed<'a> {
    /// Of these runs and counts.
    pub fn new(spans: &'a [BucketSpan], counts: &'a [f64]) -> Self {
        Self { spans, counts, left: 0, index: 0 }
    }
}

impl Iterator for Indexed<'_> {
    type Item = (i64, f64);

    fn next(&mut self) -> Option<Self::Item> {
        while self.left == 0 {
            let (span, rest) = self.spans.split_first()?;
            self.index += i64::from(span.offset);
            self.left = span.length;
            self.spans = rest;
        }
        let (count, rest) = self.counts.split_first()?;
        self.counts = rest;
        self.left -= 1;
        self.index += 1;
        Some((self.index - 1, *count))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.counts.len()))
    }
}

/// As [`Indexed`] by falling index.
#[derive(Debug, Clone)]
struct IndexedBack<'a> {
    /// The last one is the one we are in.
    spans: &'a [BucketSpan],
    counts: &'a [f64],
    left: u32,
    index: i64,
}

impl<'a> IndexedBack<'a> {
    fn new(spans: &'a [BucketSpan], counts: &'a [f64]) -> Self {
        let end: i64 =
            spans.iter().map(|span| i64::from(span.offset) + i64::from(span.length)).sum();
        let left = spans.last().map_or(0, |span| span.length);
        Self { spans, counts, left, index: end - 1 }
    }
}

impl Iterator for IndexedBack<'_> {
    type Item = (i64, f64);

    fn next(&mut self) -> Option<Self::Item> {
        while self.left == 0 {
            let (span, rest) = self.spans.split_last()?;
            self.index -= i64::from(span.offset);
            self.left = rest.last()?.length;
            self.spans = rest;
        }
        let (count, rest) = self.counts.split_last()?;
        self.counts = rest;
        self.left -= 1;
        self.index -= 1;
        Some((self.index + 1, *count))
    }
}

/// The buckets of one side merged into ones that are coarser by this many bits.
pub fn merged(
    buckets: impl Iterator<Item = (i64, f64)>,
    bits: u32,
) -> impl Iterator<Item = (i64, f64)> {
    let mut buckets = buckets.map(move |(index, count)| (coarser_index(index, bits), count));
    let mut ahead = buckets.next();
    iter::from_fn(move || {
        let (index, mut total) = ahead?;
        ahead = buckets.next();
        while bits > 0
            && let Some((_, count)) = ahead.filter(|(next, _)| *next == index)
        {
            total += count;
            ahead = buckets.next();
        }
        Some((index, total))
    })
}

/// By how many bits an index shrinks between two exponential schemas.
pub fn coarsening(from_schema: i32, to_schema: i32) -> u32 {
    u32::try_from(from_schema.saturating_sub(to_schema)).unwrap_or(0).min(63)
}

/// The index, in a schema that is coarser by this many bits, of the bucket that holds a bucket.
pub fn coarser_index(index: i64, bits: u32) -> i64 {
    ((index - 1) >> bits) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::ResetHint;

    fn bucket(lower: f64, upper: f64, rule: u8, count: f64) -> Bucket {
        let (lower_inclusive, upper_inclusive) = (rule == 1 || rule == 3, rule == 0 || rule == 3);
        Bucket { lower, upper, lower_inclusive, upper_inclusive, count }
    }

    fn histogram() -> NativeHistogram {
        NativeHistogram {
            schema: 0,
            zero_threshold: 0.7,
            zero_count: 2.0,
            count: 15.0,
            sum: 1.0,
            is_float: false,
            reset_hint: ResetHint::Unknown,
            positive_spans: vec![
                BucketSpan { offset: 0, length: 1 },
                BucketSpan { offset: 1, length: 0 },
                BucketSpan { offset: 1, length: 2 },
            ],
            positive_counts: vec![1.0, 0.0, 3.0],
            negative_spans: vec![BucketSpan { offset: 0, length: 2 }],
            negative_counts: vec![4.0, 5.0],
            custom_values: Vec::new(),
        }
    }

    #[test]
    fn all_buckets_come_by_rising_value_and_end_at_the_zero_bucket() {
        let expected = [
            bucket(-2.0, -1.0, 1, 5.0),
            bucket(-1.0, -0.7, 1, 4.0),
            bucket(-0.7, 0.7, 3, 2.0),
            bucket(0.7, 1.0, 0, 1.0),
            bucket(8.0, 16.0, 0, 3.0),
        ];
        let h = histogram();
        let populated: Vec<_> = h.buckets().filter(|bucket| bucket.count != 0.0).collect();
        assert_eq!(populated, expected);
        let rules: Vec<u8> = populated.iter().map(Bucket::boundary_rule).collect();
        assert_eq!(rules, [1, 1, 3, 0, 0]);
        let mut back: Vec<_> =
            h.places_back().map(|(place, count)| h.bucket(place, count)).collect();
        back.reverse();
        assert_eq!(back, h.buckets().collect::<Vec<_>>());
        let mut empty_zero = histogram();
        empty_zero.zero_count = 0.0;
        assert_eq!(empty_zero.buckets().count(), 5);
    }

    #[test]
    fn runs_that_promise_too_much_end_with_the_counts() {
        let mut h = histogram();
        h.positive_spans[2].length = u32::MAX;
        h.negative_spans.push(BucketSpan { offset: i32::MAX, length: u32::MAX });
        assert_eq!(h.positive().count(), 3);
        assert_eq!(h.places().count(), 6);
        assert_eq!(h.places_back().count(), 6);
    }

    #[test]
    fn merged_buckets_are_those_of_the_coarser_schema() {
        let fine = [(-3, 1.0), (-2, 2.0), (0, 4.0), (1, 8.0), (4, 16.0), (5, 32.0)];
        let coarse = |bits| merged(fine.into_iter(), bits).collect::<Vec<_>>();
        assert_eq!(coarse(0), fine);
        assert_eq!(coarse(1), [(-1, 3.0), (0, 4.0), (1, 8.0), (2, 16.0), (3, 32.0)]);
        assert_eq!(coarse(2), [(0, 7.0), (1, 24.0), (2, 32.0)]);
    }

    #[test]
    fn fractions_of_buckets_are_linear_or_logarithmic() {
        let cases = [
            (1.0, 4.0, 2.0, true, 1.0 / 3.0),
            (1.0, 4.0, 2.0, false, 0.5),
            (-4.0, -1.0, -2.0, false, 0.5),
            (-8.0, -1.0, -4.0, false, 1.0 / 3.0),
        ];
        for (lower, upper, value, linear, expected) in cases {
            let fraction = bucket(lower, upper, 2, 1.0).fraction_below(value, linear);
            assert!((fraction - expected).abs() < 1e-15, "{lower} {upper} {value}");
        }
    }
}
