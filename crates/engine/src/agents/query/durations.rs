//! Durations counted in buckets that grow by a fixed ratio, so that quantiles of any number of them
//! are known within one percent and two sets add up.

/// Ratio of neighbouring bounds; the middle of a bucket is within 1 % of all that is in it.
const RATIO: f64 = 1.02;

/// Durations, nanoseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Durations {
    count: u64,
    sum_ns: f64,
    min_ns: i64,
    max_ns: i64,
    /// Number of the bucket and how many are in it, sorted.
    buckets: Vec<(i16, u32)>,
}

impl Durations {
    /// Adds one. Less than nothing, where clocks jumped, counts as nothing.
    pub fn add(&mut self, duration_ns: i64) {
        let ns = duration_ns.max(0);
        self.widen(ns, ns);
        self.count += 1;
        self.sum_ns += ns as f64;
        self.put(bucket(ns), 1);
    }

    /// Adds all of another set.
    pub fn add_all(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.widen(other.min_ns, other.max_ns);
        self.count += other.count;
        self.sum_ns += other.sum_ns;
        for (bucket, count) in &other.buckets {
            self.put(*bucket, *count);
        }
    }

    fn widen(&mut self, min_ns: i64, max_ns: i64) {
        let first = self.count == 0;
        self.min_ns = if first { min_ns } else { self.min_ns.min(min_ns) };
        self.max_ns = if first { max_ns } else { self.max_ns.max(max_ns) };
    }

    fn put(&mut self, bucket: i16, count: u32) {
        match self.buckets.binary_search_by_key(&bucket, |(held, _)| *held) {
            Ok(at) => self.buckets[at].1 = self.buckets[at].1.saturating_add(count),
            Err(at) => self.buckets.insert(at, (bucket, count)),
        }
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The shortest; 0 without any.
    pub fn min_ns(&self) -> i64 {
        self.min_ns
    }

    /// The longest; 0 without any.
    pub fn max_ns(&self) -> i64 {
        self.max_ns
    }

    /// The average; none without any.
    pub fn average_ns(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum_ns / self.count as f64)
    }

    /// The sum of all.
    pub fn sum_ns(&self) -> f64 {
        self.sum_ns
    }

    /// What a share of them (0 to 1) does not exceed, within 1 %; none without any.
    pub fn quantile_ns(&self, share: f64) -> Option<i64> {
        if self.count == 0 {
            return None;
        }
        let rank = ((share * self.count as f64).ceil() as u64).clamp(1, self.count);
        let mut seen = 0_u64;
        for (bucket, count) in &self.buckets {
            seen += u64::from(*count);
            if seen >= rank {
                return Some(middle_ns(*bucket).clamp(self.min_ns, self.max_ns));
            }
        }
        Some(self.max_ns)
    }

    /// Bytes held, about.
    pub(super) fn byte_len(&self) -> usize {
        self.buckets.capacity() * size_of::<(i16, u32)>()
    }
}

fn bucket(ns: i64) -> i16 {
    // The greatest is 2206, of the longest duration that there is.
    if ns <= 0 { -1 } else { ((ns as f64).ln() / RATIO.ln()).ceil() as i16 }
}

fn middle_ns(bucket: i16) -> i64 {
    if bucket < 0 {
        return 0;
    }
    (2.0 * RATIO.powi(i32::from(bucket)) / (1.0 + RATIO)).round() as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(all: &[i64]) -> Durations {
        let mut durations = Durations::default();
        for ns in all {
            durations.add(*ns);
        }
        durations
    }

    #[test]
    fn equal_durations_have_exact_quantiles() {
        let durations = of(&[2_000_000_000; 7]);
        assert_eq!(durations.quantile_ns(0.5), Some(2_000_000_000));
        assert_eq!(durations.average_ns(), Some(2e9));
        assert_eq!(of(&[]).quantile_ns(0.5), None);
        assert_eq!(of(&[-5]).max_ns(), 0);
    }

    proptest! {
        #[test]
        fn quantiles_are_within_a_percent_of_the_sorted_ones(
            mut all in prop::collection::vec(1_i64..i64::MAX / 2, 1..200),
            share in 0.0_f64..=1.0,
        ) {
            let durations = of(&all);
            all.sort_unstable();
            let rank = ((share * all.len() as f64).ceil() as usize).clamp(1, all.len());
            let exact = all[rank - 1] as f64;
            let told = durations.quantile_ns(share).unwrap() as f64;
            prop_assert!((told - exact).abs() <= exact * 0.0101 + 1.0, "{told} for {exact}");
        }

        #[test]
        fn two_sets_add_up(
            left in prop::collection::vec(0_i64..1_000_000_000_000, 0..50),
            right in prop::collection::vec(0_i64..1_000_000_000_000, 0..50),
        ) {
            let mut sum = of(&left);
            sum.add_all(&of(&right));
            let all = of(&[left, right].concat());
            prop_assert_eq!(sum.quantile_ns(0.9), all.quantile_ns(0.9));
            prop_assert_eq!((sum.count(), sum.min_ns(), sum.max_ns()), (all.count(), all.min_ns(), all.max_ns()));
        }
    }
}
