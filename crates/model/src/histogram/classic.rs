//! Makes native histograms with custom buckets from classic ones.

use super::text::ShortFloat;
use super::{BucketSpan, NativeHistogram, ResetHint};

/// Gathers the series of one classic histogram (`_bucket`, `_count`, `_sum`) in any order and makes
/// a native one of them. The first contradiction found is what every later call tells.
#[derive(Debug, Clone, Default)]
pub struct ClassicHistogram {
    /// Upper bounds, rising, and cumulative counts.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
    fault: Option<String>,
}

impl ClassicHistogram {
    /// Up to this many empty buckets in a row are written out between populated ones, so that
    /// successive samples of whole counts are likely to have the same layout.
    const EMPTY_MAX: usize = 2;

    /// Forgets what was gathered and keeps the memory.
    pub fn clear(&mut self) {
        self.buckets.clear();
        (self.count, self.sum, self.fault) = (None, 0.0, None);
    }

    /// Adds a bucket with its cumulative count. A bound that is there already is ignored.
    pub fn set_bucket(&mut self, upper_bound: f64, count: f64) -> Result<(), String> {
        self.check()?;
        if upper_bound.is_nan() {
            return self.fail("bucket boundary must not be NaN".into());
        }
        if count < 0.0 {
            return self.fail(format!(
                "bucket count must be non-negative: le={}, count={}",
                ShortFloat(upper_bound),
                ShortFloat(count)
            ));
        }
        let at = self.buckets.partition_point(|(bound, _)| *bound < upper_bound);
        if self.buckets.get(at).is_some_and(|(bound, _)| *bound == upper_bound) {
            return Ok(());
        }
        let (below, above) = self.buckets.split_at(at);
        let fault = match (below.last(), above.first()) {
            (Some((_, below)), _) if count < *below => Some(('<', *below)),
            (_, Some((_, above))) if count > *above => Some(('>', *above)),
            _ => None,
        };
        if let Some((relation, other)) = fault {
            let (count, other) = (ShortFloat(count), ShortFloat(other));
            return self.fail(format!("count is not cumulative: {count} {relation} {other}"));
        }
        self.buckets.insert(at, (upper_bound, count));
        Ok(())
    }

    /// Sets the number of observations.
    pub fn set_count(&mut self, count: f64) -> Result<(), String> {
        self.check()?;
        if count < 0.0 {
            return self.fail(format!("count must be non-negative: count={}", ShortFloat(count)));
        }
        self.count = Some(count);
        Ok(())
    }

    /// Sets the sum of the observations.
    pub fn set_sum(&mut self, sum: f64) -> Result<(), String> {
        self.check()?;
        self.sum = sum;
        Ok(())
    }

    /// The native histogram: with whole counts if all are. Without a count it is that of the highest
    /// bucket, without an infinite bucket that one has the count.
    pub fn convert(&self) -> Result<NativeHistogram, String> {
        self.check()?;
        let highest = self.buckets.last().copied();
        let count = self.count.or(highest.map(|(_, count)| count)).unwrap_or(0.0);
        let has_infinite = highest.is_some_and(|(bound, _)| bound == f64::INFINITY);
        let added = (!has_infinite).then_some((f64::INFINITY, count));
        let total = if has_infinite { highest.map_or(count, |(_, total)| total) } else { count };
        let is_float = !is_whole(count) || self.buckets.iter().any(|(_, count)| !is_whole(*count));
        if count != total {
            return Err(format!(
                "count mismatch: count={} != le=+Inf count={}",
                if is_float { ShortFloat(count).to_string() } else { format!("{count:.0}") },
                ShortFloat(total)
            ));
        }
        let mut before = 0.0;
        let counts: Vec<f64> = self
            .buckets
            .iter()
            .chain(&added)
            .map(|(_, cumulative)| cumulative - std::mem::replace(&mut before, *cumulative))
            .collect();
        let bounds = self.buckets.iter().map(|(bound, _)| *bound);
        let mut histogram = NativeHistogram {
            schema: NativeHistogram::CUSTOM_BUCKETS,
            zero_threshold: 0.0,
            zero_count: 0.0,
            count,
            sum: self.sum,
            is_float,
            reset_hint: ResetHint::Unknown,
            positive_spans: vec![BucketSpan { offset: 0, length: counts.len() as u32 }],
            positive_counts: counts,
            negative_spans: Vec::new(),
            negative_counts: Vec::new(),
            custom_values: bounds.filter(|bound| *bound != f64::INFINITY).collect(),
        };
        histogram.compact(if is_float { 0 } else { Self::EMPTY_MAX });
        Ok(histogram)
    }

    fn check(&self) -> Result<(), String> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    fn fail(&mut self, fault: String) -> Result<(), String> {
        self.fault = Some(fault.clone());
        Err(fault)
    }
}

/// Whether a count is a whole number that counters of 64 bits can hold.
fn is_whole(count: f64) -> bool {
    (count.round() as i64) as f64 == count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Custom bounds, buckets, count, and whether counts may be fractional.
    type Converted = (Vec<f64>, Vec<(i64, f64)>, f64, bool);

    fn convert(buckets: &[(f64, f64)], count: Option<f64>) -> Result<Converted, String> {
        let mut classic = ClassicHistogram::default();
        for (bound, count) in buckets {
            classic.set_bucket(*bound, *count)?;
        }
        if let Some(count) = count {
            classic.set_count(count)?;
        }
        classic.set_sum(7.5)?;
        let h = classic.convert()?;
        assert_eq!(h.sum, 7.5);
        assert_eq!(crate::histogram::validate(&h), Ok(()));
        Ok((h.custom_values.clone(), h.positive().collect(), h.count, h.is_float))
    }

    #[test]
    fn buckets_in_any_order_become_custom_buckets() {
        let inf = f64::INFINITY;
        let expected =
            Ok((vec![0.5, 1.0, 2.0], vec![(0, 1.0), (1, 2.0), (2, 3.0), (3, 4.0)], 10.0, false));
        let rows = [
            vec![(0.5, 1.0), (1.0, 3.0), (2.0, 6.0), (inf, 10.0)],
            vec![(inf, 10.0), (1.0, 3.0), (1.0, 3.0), (2.0, 6.0), (0.5, 1.0)],
        ];
        for row in rows {
            assert_eq!(convert(&row, Some(10.0)), expected);
            assert_eq!(convert(&row, None), expected);
        }
        let without_infinite = [(0.5, 1.0), (1.0, 3.0), (2.0, 6.0)];
        assert_eq!(convert(&without_infinite, Some(10.0)), expected);
    }

    #[test]
    fn counts_alone_become_one_bucket() {
        assert_eq!(convert(&[], Some(3.0)), Ok((vec![], vec![(0, 3.0)], 3.0, false)));
        assert_eq!(convert(&[], None), Ok((vec![], vec![], 0.0, false)));
    }

    #[test]
    fn fractional_counts_give_a_histogram_of_floats_without_empty_buckets() {
        let row = [(1.0, 0.5), (2.0, 0.5), (f64::INFINITY, 2.0)];
        assert_eq!(convert(&row, None), Ok((vec![1.0, 2.0], vec![(0, 0.5), (2, 1.5)], 2.0, true)));
        let whole = [(1.0, 1.0), (2.0, 1.0), (f64::INFINITY, 2.0)];
        assert_eq!(
            convert(&whole, None),
            Ok((vec![1.0, 2.0], vec![(0, 1.0), (1, 0.0), (2, 1.0)], 2.0, false))
        );
    }

    #[test]
    fn contradictions_are_told() {
        let inf = f64::INFINITY;
        let cases = [
            (vec![(f64::NAN, 1.0)], None, "bucket boundary must not be NaN"),
            (vec![(1.0, -1.0)], None, "bucket count must be non-negative: le=1, count=-1"),
            (vec![(1.0, 3.0), (2.0, 2.0)], None, "count is not cumulative: 2 < 3"),
            (vec![(2.0, 2.0), (1.0, 3.0)], None, "count is not cumulative: 3 > 2"),
            (vec![], Some(-2.0), "count must be non-negative: count=-2"),
            (vec![(inf, 3.0)], Some(4.0), "count mismatch: count=4 != le=+Inf count=3"),
        ];
        for (buckets, count, expected) in cases {
            assert_eq!(convert(&buckets, count).unwrap_err(), expected);
        }
        let mut classic = ClassicHistogram::default();
        classic.set_bucket(1.0, -1.0).unwrap_err();
        assert!(classic.convert().is_err());
        classic.clear();
        assert!(classic.convert().is_ok());
    }
}
