//! What is reckoned of the spans of each group and step, whatever the order in which they come.

use super::quantile::Quantiles;

/// What is reckoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reckons {
    /// How many spans there are.
    Count,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The sum of the values.
    Sum,
    /// Their mean.
    Avg,
    /// Values at ranks.
    Quantiles,
}

/// Spans of a batch that count, with the group and the step of each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted<'b> {
    /// Which group.
    pub(crate) groups: &'b [u32],
    /// Which step.
    pub(crate) steps: &'b [u32],
    /// The value of each; none for counts.
    pub(crate) values: &'b [f64],
}

/// A cell for each group and step.
#[derive(Debug)]
pub(crate) struct Cells {
    steps: usize,
    groups: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    Count(Vec<u64>),
    /// NaN where there was no value.
    Least(Vec<f64>),
    Greatest(Vec<f64>),
    Sums(Vec<Sum>),
    Quantiles(Quantiles),
}

/// A sum with what rounding took from it (Neumaier), so that its order does not matter.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    total: f64,
    rest: f64,
    count: u64,
}

impl Sum {
    fn add(&mut self, value: f64) {
        let new = self.total + value;
        self.rest += if self.total.abs() >= value.abs() {
            (self.total - new) + value
        } else {
            (value - new) + self.total
        };
        self.total = new;
        self.count += 1;
    }

    fn value(&self) -> f64 {
        if self.count == 0 {
            f64::NAN
        } else if self.total.is_finite() {
            self.total + self.rest
        } else {
            self.total
        }
    }
}

impl Cells {
    pub(crate) fn new(reckons: Reckons, steps: usize) -> Self {
        let state = match reckons {
            Reckons::Count => State::Count(Vec::new()),
            Reckons::Min => State::Least(Vec::new()),
            Reckons::Max => State::Greatest(Vec::new()),
            Reckons::Sum | Reckons::Avg => State::Sums(Vec::new()),
            Reckons::Quantiles => State::Quantiles(Quantiles::default()),
        };
        Self { steps, groups: 0, state }
    }

    /// Makes room for so many groups.
    pub(crate) fn grow(&mut self, groups: usize) {
        if groups <= self.groups {
            return;
        }
        self.groups = groups;
        let cells = groups * self.steps;
        match &mut self.state {
            State::Count(counts) => counts.resize(cells, 0),
            State::Least(values) | State::Greatest(values) => values.resize(cells, f64::NAN),
            State::Sums(sums) => sums.resize(cells, Sum::default()),
            State::Quantiles(_) => {}
        }
    }

    /// Adds spans, of groups that there is room for.
    pub(crate) fn add(&mut self, counted: Counted<'_>) {
        let steps = self.steps;
        let Counted { groups, steps: at, values } = counted;
        let cells =
            groups.iter().zip(at).map(|(group, step)| *group as usize * steps + *step as usize);
        match &mut self.state {
            State::Count(counts) => cells.for_each(|cell| counts[cell] += 1),
            State::Least(least) => cells.zip(values).for_each(|(cell, value)| {
                // `min` gives the other where one is NaN.
                least[cell] = least[cell].min(*value);
            }),
            State::Greatest(greatest) => cells.zip(values).for_each(|(cell, value)| {
                greatest[cell] = greatest[cell].max(*value);
            }),
            State::Sums(sums) => cells.zip(values).for_each(|(cell, value)| sums[cell].add(*value)),
            State::Quantiles(quantiles) => {
                cells.zip(values).for_each(|(cell, value)| quantiles.add(cell as u32, *value));
            }
        }
    }

    /// The values of a group, by step; NaN where it has none. Quantiles have [`Cells::quantiles`].
    pub(crate) fn values(&self, group: usize, reckons: Reckons) -> Vec<f64> {
        let range = group * self.steps..(group + 1) * self.steps;
        match &self.state {
            State::Count(counts) => counts[range].iter().map(|count| *count as f64).collect(),
            State::Least(values) | State::Greatest(values) => values[range].to_vec(),
            State::Sums(sums) if reckons == Reckons::Avg => {
                sums[range].iter().map(|sum| sum.value() / sum.count as f64).collect()
            }
            State::Sums(sums) => sums[range].iter().map(Sum::value).collect(),
            State::Quantiles(_) => Vec::new(),
        }
    }

    /// For each of the quantiles the values of every cell; NaN where it has none.
    pub(crate) fn quantiles(self, quantiles: &[f64]) -> Vec<Vec<f64>> {
        let cells = self.groups * self.steps;
        match self.state {
            State::Quantiles(state) => state.finish(cells, quantiles),
            _ => vec![vec![f64::NAN; cells]; quantiles.len()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The value of a cell, reckoned from all its values at once.
    fn naive(reckons: Reckons, values: &[f64]) -> f64 {
        let sum = || values.iter().sum::<f64>();
        match (reckons, values) {
            (Reckons::Count, _) => values.len() as f64,
            (_, []) => f64::NAN,
            (Reckons::Min, _) => values.iter().copied().fold(f64::INFINITY, f64::min),
            (Reckons::Max, _) => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            (Reckons::Sum, _) => sum(),
            (Reckons::Avg | Reckons::Quantiles, _) => sum() / values.len() as f64,
        }
    }

    fn same(left: f64, right: f64) -> bool {
        (left.is_nan() && right.is_nan()) || left == right
    }

    const ALL: [Reckons; 5] =
        [Reckons::Count, Reckons::Min, Reckons::Max, Reckons::Sum, Reckons::Avg];

    proptest! {
        #[test]
        fn cells_hold_what_a_naive_reckoning_gives(
            spans in prop::collection::vec((0_u32..4, 0_u32..3, -1_000_i32..1_000), 0..200),
            cut in 0_usize..200,
        ) {
            for reckons in ALL {
                let mut cells = Cells::new(reckons, 3);
                let (first, second) = spans.split_at(cut.min(spans.len()));
                // The later batch first: order must not matter.
                for batch in [second, first] {
                    cells.grow(batch.iter().map(|span| span.0 as usize + 1).max().unwrap_or(0));
                    let groups: Vec<_> = batch.iter().map(|span| span.0).collect();
                    let steps: Vec<_> = batch.iter().map(|span| span.1).collect();
                    let values: Vec<_> = batch.iter().map(|span| f64::from(span.2)).collect();
                    cells.add(Counted { groups: &groups, steps: &steps, values: &values });
                }
                cells.grow(4);
                for group in 0..4 {
                    let found = cells.values(group, reckons);
                    for (step, found) in found.into_iter().enumerate() {
                        let values: Vec<_> = spans
                            .iter()
                            .filter(|span| span.0 as usize == group && span.1 as usize == step)
                            .map(|span| f64::from(span.2))
                            .collect();
                        prop_assert!(same(found, naive(reckons, &values)));
                    }
                }
            }
        }
    }

    #[test]
    fn a_sum_does_not_lose_what_is_small() {
        for values in [[1e17, 1.0, -1e17], [1.0, 1e17, -1e17], [1e17, -1e17, 1.0]] {
            let mut cells = Cells::new(Reckons::Sum, 1);
            cells.grow(1);
            cells.add(Counted { groups: &[0; 3], steps: &[0; 3], values: &values });
            assert_eq!(cells.values(0, Reckons::Sum), [1.0]);
        }
        let mut cells = Cells::new(Reckons::Sum, 1);
        cells.grow(1);
        cells.add(Counted { groups: &[0; 2], steps: &[0; 2], values: &[f64::INFINITY, 1.0] });
        assert_eq!(cells.values(0, Reckons::Sum), [f64::INFINITY]);
    }
}
