//! Values at ranks, in bounded memory: exact up to [`EXACT_MAX`] values a query, and within 0.4 % of
//! the exact value beyond.
//!
//! Tempo counts values in buckets that end at powers of two and guesses within a bucket, which may be
//! off by a factor of two; the rank that is looked for is the same: the value below or at which
//! `ceil(quantile × count)` values lie, at least the first.
//!
//! Beyond the bound values are counted in buckets of their leading bits: sign, exponent and 7 bits of
//! the mantissa (as in HdrHistogram), so a bucket is 1/128 of its octave wide. When there are more
//! than [`BUCKETS_MAX`] of these in all cells together every two of them become one, again and again.

use hashbrown::HashMap;

/// How many values are kept as they are.
const EXACT_MAX: usize = 1 << 20;
/// How many buckets are kept.
const BUCKETS_MAX: usize = 1 << 20;
/// Bits of a float that do not tell its bucket.
const DROPPED_BITS: u32 = 45;

/// Values of cells.
#[derive(Debug, Default)]
pub(crate) struct Quantiles {
    cells: Vec<u32>,
    /// In their [`order`].
    values: Vec<u64>,
    buckets: Buckets,
}

/// How many values each bucket of each cell has, by cell and bucket.
#[derive(Debug, Default)]
struct Buckets {
    counts: HashMap<u64, u64>,
    /// How often buckets were put together.
    coarsened: u32,
}

impl Quantiles {
    /// Adds a value to a cell.
    pub(crate) fn add(&mut self, cell: u32, value: f64) {
        if self.values.len() == EXACT_MAX {
            self.count_all(BUCKETS_MAX);
        }
        self.cells.push(cell);
        self.values.push(order(value));
    }

    fn count_all(&mut self, buckets_max: usize) {
        for (cell, order) in self.cells.drain(..).zip(self.values.drain(..)) {
            self.buckets.add(cell, order);
        }
        while self.buckets.counts.len() > buckets_max && self.buckets.can_coarsen() {
            self.buckets.coarsen();
        }
    }

    /// For each of the quantiles its value in every cell; NaN where a cell has no value.
    pub(crate) fn finish(mut self, cells: usize, quantiles: &[f64]) -> Vec<Vec<f64>> {
        let mut found = vec![vec![f64::NAN; cells]; quantiles.len()];
        if self.buckets.counts.is_empty() {
            self.finish_exact(cells, quantiles, &mut found);
        } else {
            self.count_all(BUCKETS_MAX);
            self.buckets.finish(quantiles, &mut found);
        }
        found
    }

    fn finish_exact(&self, cells: usize, quantiles: &[f64], found: &mut [Vec<f64>]) {
        let mut ends = vec![0_usize; cells + 1];
        for cell in &self.cells {
            ends[*cell as usize + 1] += 1;
        }
        for cell in 0..cells {
            ends[cell + 1] += ends[cell];
        }
        // Each cell's values together: `ends` tells where a cell begins until it is filled.
        let mut sorted = vec![0; self.values.len()];
        for (cell, value) in self.cells.iter().zip(&self.values) {
            let at = &mut ends[*cell as usize];
            sorted[*at] = *value;
            *at += 1;
        }
        let mut begin = 0;
        for cell in 0..cells {
            let values = &mut sorted[begin..ends[cell]];
            begin = ends[cell];
            if values.is_empty() {
                continue;
            }
            for (quantile, found) in quantiles.iter().zip(found.iter_mut()) {
                let rank = rank(*quantile, values.len() as u64) as usize;
                let (_, found_value, _) = values.select_nth_unstable(rank - 1);
                found[cell] = value(*found_value);
            }
        }
    }
}

/// Which value is looked for, counted from 1.
fn rank(quantile: f64, count: u64) -> u64 {
    ((quantile * count as f64).ceil() as u64).clamp(1, count)
}

impl Buckets {
    fn add(&mut self, cell: u32, order: u64) {
        let bucket = order >> (DROPPED_BITS + self.coarsened);
        *self.counts.entry(u64::from(cell) << 32 | bucket).or_default() += 1;
    }

    fn can_coarsen(&self) -> bool {
        // Down to a bucket an octave.
        DROPPED_BITS + self.coarsened < 52
    }

    fn coarsen(&mut self) {
        self.coarsened += 1;
        let mut counts: HashMap<u64, u64> = HashMap::with_capacity(self.counts.len() / 2);
        for (key, count) in self.counts.drain() {
            let (cell, bucket) = (key >> 32, key & u64::from(u32::MAX));
            *counts.entry(cell << 32 | bucket >> 1).or_default() += count;
        }
        self.counts = counts;
    }

    fn finish(&self, quantiles: &[f64], found: &mut [Vec<f64>]) {
        let mut counts: Vec<_> = self.counts.iter().map(|(key, count)| (*key, *count)).collect();
        counts.sort_unstable();
        for of_cell in counts.chunk_by(|left, right| left.0 >> 32 == right.0 >> 32) {
            let cell = (of_cell[0].0 >> 32) as usize;
            let all = of_cell.iter().map(|(_, count)| count).sum();
            for (quantile, found) in quantiles.iter().zip(found.iter_mut()) {
                let rank = rank(*quantile, all);
                let mut seen = 0;
                let bucket = of_cell.iter().find(|(_, count)| {
                    seen += count;
                    seen >= rank
                });
                if let Some((key, _)) = bucket {
                    found[cell] = self.middle(key & u64::from(u32::MAX));
                }
            }
        }
    }

    /// The value in the middle of a bucket.
    fn middle(&self, bucket: u64) -> f64 {
        let dropped = DROPPED_BITS + self.coarsened;
        let first = value(bucket << dropped);
        let last = value(bucket << dropped | ((1 << dropped) - 1));
        if first.is_finite() && last.is_finite() { first + (last - first) / 2.0 } else { first }
    }
}

/// Bits of a float that sort as the float does.
fn order(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The float whose [`order`] this is.
fn value(order: u64) -> f64 {
    f64::from_bits(if order >> 63 == 1 { order & !(1 << 63) } else { !order })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(values: &[f64], quantile: f64) -> f64 {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let rank = (quantile * values.len() as f64).ceil() as usize;
        values.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
    }

    const ASKED: [f64; 5] = [0.0, 0.5, 0.9, 0.99, 1.0];

    proptest! {
        #[test]
        fn few_values_give_exact_quantiles(
            values in prop::collection::vec((0_u32..3, -1e9_f64..1e9), 0..300),
        ) {
            let mut quantiles = Quantiles::default();
            for (cell, value) in &values {
                quantiles.add(*cell, *value);
            }
            let found = quantiles.finish(3, &ASKED);
            for cell in 0..3 {
                let of_cell: Vec<_> =
                    values.iter().filter(|(own, _)| *own == cell).map(|(_, value)| *value).collect();
                for (quantile, found) in ASKED.iter().zip(&found) {
                    let (found, wanted) = (found[cell as usize], naive(&of_cell, *quantile));
                    prop_assert!(found == wanted || (found.is_nan() && wanted.is_nan()));
                }
            }
        }

        #[test]
        fn many_values_give_quantiles_within_a_bucket(
            values in prop::collection::vec(prop_oneof![-1e6_f64..1e12, 1e-6_f64..1.0], 1..500),
            buckets_max in prop_oneof![Just(BUCKETS_MAX), 1_usize..50],
        ) {
            let mut quantiles = Quantiles::default();
            for value in &values {
                quantiles.add(0, *value);
            }
            quantiles.count_all(buckets_max);
            let error = 0.5 / f64::from(128_u32 >> quantiles.buckets.coarsened);
            prop_assert!(buckets_max < 50 || error <= 0.004);
            let found = quantiles.finish(1, &ASKED);
            for (quantile, found) in ASKED.iter().zip(&found) {
                let wanted = naive(&values, *quantile);
                let off = (found[0] - wanted).abs() / wanted.abs();
                prop_assert!(off <= error, "{quantile}: {} for {wanted}", found[0]);
            }
        }
    }

    #[test]
    fn values_beyond_the_bound_are_counted() {
        let mut quantiles = Quantiles::default();
        let count = EXACT_MAX as u32 + 1_000;
        for value in 1..=count {
            quantiles.add(1, f64::from(value));
        }
        assert!(quantiles.values.len() <= 1_000);
        let found = quantiles.finish(2, &[0.5]);
        assert!(found[0][0].is_nan());
        assert!((found[0][1] / (f64::from(count) / 2.0) - 1.0).abs() < 0.004);
    }
}
