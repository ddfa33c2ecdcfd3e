//! What a range aggregation keeps of one series while rows come in any order: few rows as they are,
//! many as a running value for each step. Only `quantile_over_time` and `rate_counter` need all.

use watchkeep_promql::algebra::{ABSENT, is_absent};

use crate::ast::RangeOp;
use crate::eval::error::Result;
use crate::eval::windows::Windows;

/// What is computed of the rows of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Operation {
    pub(crate) op: RangeOp,
    /// Whether a value is taken of each row, rather than the row counted.
    pub(crate) unwraps: bool,
    /// The parameter of `quantile_over_time`.
    pub(crate) parameter: f64,
    pub(crate) windows: Windows,
}

/// How the value of a window is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Count,
    Bytes,
    Sum,
    Avg,
    Min,
    Max,
    Spread,
    First,
    Last,
    /// Needs all rows.
    All,
}

impl Operation {
    fn method(&self) -> Method {
        match self.op {
            RangeOp::Rate | RangeOp::SumOverTime if self.unwraps => Method::Sum,
            RangeOp::Rate | RangeOp::CountOverTime | RangeOp::AbsentOverTime => Method::Count,
            RangeOp::BytesRate | RangeOp::BytesOverTime => Method::Bytes,
            RangeOp::SumOverTime => Method::Sum,
            RangeOp::AvgOverTime => Method::Avg,
            RangeOp::MinOverTime => Method::Min,
            RangeOp::MaxOverTime => Method::Max,
            RangeOp::StddevOverTime | RangeOp::StdvarOverTime => Method::Spread,
            RangeOp::FirstOverTime => Method::First,
            RangeOp::LastOverTime => Method::Last,
            RangeOp::QuantileOverTime | RangeOp::RateCounter => Method::All,
        }
    }

    /// What the value of a window becomes in the end.
    fn finish(&self, value: f64) -> f64 {
        match self.op {
            _ if is_absent(value) => ABSENT,
            RangeOp::Rate | RangeOp::BytesRate => value / seconds(self.windows.range_ns),
            RangeOp::StddevOverTime => value.sqrt(),
            _ => value,
        }
    }
}

fn seconds(duration_ns: i64) -> f64 {
    (duration_ns / 1_000_000_000) as f64 + (duration_ns % 1_000_000_000) as f64 / 1e9
}

/// A row: when, and the value taken of it.
type Row = (i64, f64);

/// The rows of one series so far.
#[derive(Debug)]
pub(crate) enum Accumulator {
    /// As they came.
    Rows(Vec<Row>),
    Running(Running),
}

/// Running values by step.
#[derive(Debug)]
pub(crate) enum Running {
    /// Differences from step to step of the number of rows.
    Count(Vec<f64>),
    /// The same, and of their bytes.
    Bytes(Vec<(f64, f64)>),
    Sum(Vec<f64>),
    /// Mean and number.
    Avg(Vec<(f64, f64)>),
    Min(Vec<f64>),
    Max(Vec<f64>),
    /// Number, mean and sum of squared distances.
    Spread(Vec<(f64, f64, f64)>),
    First(Vec<Row>),
    Last(Vec<Row>),
}

impl Accumulator {
    /// For a series that may grow; see [`Accumulator::held`].
    pub(crate) fn new(operation: &Operation) -> Self {
        let mut new = Self::Rows(Vec::new());
        new.grow(operation, 0);
        new
    }

    /// How many samples it stands for against the limit.
    pub(crate) fn held(&self) -> u64 {
        match self {
            Self::Rows(rows) => rows.len() as u64,
            Self::Running(running) => running.held(),
        }
    }

    /// Takes a row whose time is in the windows of the steps `first..=last`.
    #[inline]
    pub(crate) fn add(
        &mut self,
        operation: &Operation,
        (first, last): (usize, usize),
        row: (i64, f64),
    ) {
        match self {
            Self::Running(running) => running.add(first, last, row),
            Self::Rows(rows) => {
                rows.push(row);
                let rows = rows.len();
                self.grow(operation, rows);
            }
        }
    }

    /// Takes records that were counted only, in the windows of the steps `first..=last`.
    pub(crate) fn add_counted(
        &mut self,
        operation: &Operation,
        (first, last): (usize, usize),
        records: u64,
        bytes: u64,
    ) {
        self.make_running(operation);
        if let Self::Running(running) = self {
            running.add_counted(first, last, records as f64, bytes as f64);
        }
    }

    /// Turns to running values once rows would take more room.
    fn grow(&mut self, operation: &Operation, rows: usize) {
        let width = match operation.method() {
            Method::All => return,
            Method::Count | Method::Sum | Method::Min | Method::Max => 1,
            Method::Bytes | Method::Avg | Method::First | Method::Last => 2,
            Method::Spread => 3,
        };
        if (rows + 2) * 2 > operation.windows.count.saturating_mul(width) {
            self.make_running(operation);
        }
    }

    fn make_running(&mut self, operation: &Operation) {
        let Self::Rows(rows) = self else { return };
        let Some(mut running) = Running::new(operation) else { return };
        for row in rows {
            if let Some((first, last)) = operation.windows.steps_of(row.0) {
                running.add(first, last, *row);
            }
        }
        *self = Self::Running(running);
    }

    /// The value at each step, [`ABSENT`] where the window has no row. `check` is asked now and then
    /// whether to go on.
    pub(crate) fn finish(
        mut self,
        operation: &Operation,
        check: &dyn Fn() -> Result<()>,
    ) -> Result<Vec<f64>> {
        self.make_running(operation);
        let mut values = match self {
            Self::Running(running) => running.finish(),
            Self::Rows(mut rows) => {
                rows.sort_by_key(|(time_ns, _)| *time_ns);
                of_all(operation, &rows, check)?
            }
        };
        for value in &mut values {
            *value = operation.finish(*value);
        }
        Ok(values)
    }
}

impl Running {
    fn new(operation: &Operation) -> Option<Self> {
        let steps = operation.windows.count;
        Some(match operation.method() {
            Method::Count => Self::Count(vec![0.0; steps]),
            Method::Bytes => Self::Bytes(vec![(0.0, 0.0); steps]),
            Method::Sum => Self::Sum(vec![ABSENT; steps]),
            Method::Avg => Self::Avg(vec![(0.0, 0.0); steps]),
            Method::Min => Self::Min(vec![ABSENT; steps]),
            Method::Max => Self::Max(vec![ABSENT; steps]),
            Method::Spread => Self::Spread(vec![(0.0, 0.0, 0.0); steps]),
            Method::First => Self::First(vec![(i64::MAX, ABSENT); steps]),
            Method::Last => Self::Last(vec![(i64::MIN, ABSENT); steps]),
            Method::All => return None,
        })
    }

    fn held(&self) -> u64 {
        let samples = match self {
            Self::Count(all) | Self::Sum(all) | Self::Min(all) | Self::Max(all) => all.len(),
            Self::Bytes(all) | Self::Avg(all) => all.len() * 2,
            Self::Spread(all) => all.len() * 3,
            Self::First(all) | Self::Last(all) => all.len() * 2,
        };
        samples as u64
    }

    #[inline]
    fn add(&mut self, first: usize, last: usize, (time_ns, value): Row) {
        match self {
            Self::Count(_) | Self::Bytes(_) => self.add_counted(first, last, 1.0, value),
            Self::Sum(sums) => {
                for sum in &mut sums[first..=last] {
                    *sum = if is_absent(*sum) { value } else { *sum + value };
                }
            }
            Self::Avg(means) => means[first..=last].iter_mut().for_each(|mean| add_to(mean, value)),
            // NaN, which stands for absence too, gives way to any value.
            Self::Min(least) => {
                for least in &mut least[first..=last] {
                    if value < *least || least.is_nan() {
                        *least = value;
                    }
                }
            }
            Self::Max(most) => {
                for most in &mut most[first..=last] {
                    if value > *most || most.is_nan() {
                        *most = value;
                    }
                }
            }
            Self::Spread(all) => {
                for (count, mean, squares) in &mut all[first..=last] {
                    *count += 1.0;
                    let delta = value - *mean;
                    *mean += delta / *count;
                    *squares += delta * (value - *mean);
                }
            }
            Self::First(all) => {
                for earliest in &mut all[first..=last] {
                    if time_ns < earliest.0 || is_absent(earliest.1) {
                        *earliest = (time_ns, value);
                    }
                }
            }
            Self::Last(all) => {
                for latest in &mut all[first..=last] {
                    if time_ns >= latest.0 {
                        *latest = (time_ns, value);
                    }
                }
            }
        }
    }

    /// Adds to the steps from `first` to `last` by the difference that they make to their neighbours.
    /// Whole numbers below 2^53 come out exact.
    fn add_counted(&mut self, first: usize, last: usize, records: f64, bytes: f64) {
        match self {
            Self::Count(all) => {
                all[first] += records;
                if let Some(after) = all.get_mut(last + 1) {
                    *after -= records;
                }
            }
            Self::Bytes(all) => {
                all[first].0 += records;
                all[first].1 += bytes;
                if let Some(after) = all.get_mut(last + 1) {
                    after.0 -= records;
                    after.1 -= bytes;
                }
            }
            _ => {}
        }
    }

    fn finish(self) -> Vec<f64> {
        match self {
            Self::Count(mut all) => {
                let mut count = 0.0;
                for value in &mut all {
                    count += *value;
                    *value = if count == 0.0 { ABSENT } else { count };
                }
                all
            }
            Self::Bytes(all) => {
                let (mut count, mut bytes) = (0.0, 0.0);
                all.into_iter()
                    .map(|(more, more_bytes)| {
                        count += more;
                        bytes += more_bytes;
                        if count == 0.0 { ABSENT } else { bytes }
                    })
                    .collect()
            }
            Self::Sum(all) | Self::Min(all) | Self::Max(all) => all,
            Self::Avg(all) => all
                .into_iter()
                .map(|(mean, count)| if count == 0.0 { ABSENT } else { mean })
                .collect(),
            Self::Spread(all) => all
                .into_iter()
                .map(|(count, _, squares)| if count == 0.0 { ABSENT } else { squares / count })
                .collect(),
            Self::First(all) | Self::Last(all) => all.into_iter().map(|(_, value)| value).collect(),
        }
    }
}

/// Adds to a mean and its count. A mean that is infinite stays so whatever finite value comes.
fn add_to((mean, count): &mut (f64, f64), value: f64) {
    *count += 1.0;
    if mean.is_infinite() {
        let same = value.is_infinite() && (*mean > 0.0) == (value > 0.0);
        if same || value.is_finite() {
            return;
        }
    }
    *mean += value / *count - *mean / *count;
}

/// The value at each step of an operation that needs all rows, which are by rising time.
fn of_all(operation: &Operation, rows: &[Row], check: &dyn Fn() -> Result<()>) -> Result<Vec<f64>> {
    let windows = operation.windows;
    let (mut from, mut to) = (0, 0);
    let mut values = Vec::new();
    (0..windows.count)
        .map(|step| {
            let (start_ns, end_ns) = windows.of_step(step);
            while to < rows.len() && rows[to].0 < end_ns {
                to += 1;
            }
            while from < to && rows[from].0 < start_ns {
                from += 1;
            }
            let rows = &rows[from..to];
            if rows.is_empty() {
                return Ok(ABSENT);
            }
            check()?;
            if operation.op == RangeOp::RateCounter {
                return Ok(counter_rate(rows, start_ns - 1, end_ns - 1));
            }
            values.clear();
            values.extend(rows.iter().map(|(_, value)| *value));
            Ok(quantile(operation.parameter, &mut values))
        })
        .collect()
}

/// A quantile, between two values in proportion. NaN is less than any number.
fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let rank = q * (values.len() - 1) as f64;
    let lower = rank.floor();
    let weight = rank - lower;
    let order = |a: &f64, b: &f64| match (a.is_nan(), b.is_nan()) {
        (false, false) => a.total_cmp(b),
        (a, b) => b.cmp(&a),
    };
    let (_, value, above) = values.select_nth_unstable_by(lower as usize, order);
    let lower_value = *value;
    let upper_value = above.iter().copied().min_by(order).unwrap_or(lower_value);
    lower_value * (1.0 - weight) + upper_value * weight
}

/// The rate of a counter over `(start_ns, end_ns]`, continued towards the ends of the window where
/// the first and last rows are near them, as Prometheus' `rate` does.
fn counter_rate(rows: &[Row], start_ns: i64, end_ns: i64) -> f64 {
    let (Some(first), Some(last), true) = (rows.first(), rows.last(), rows.len() > 1) else {
        return 0.0;
    };
    let mut increase = last.1 - first.1;
    let mut before = 0.0;
    for (_, value) in rows {
        if *value < before {
            increase += before;
        }
        before = *value;
    }
    let seconds_between = |from_ns: i64, to_ns: i64| (to_ns - from_ns) as f64 / 1e9;
    let covered = seconds_between(first.0, last.0);
    let gap = covered / (rows.len() - 1) as f64;
    let near = |distance: f64| if distance >= gap * 1.1 { gap / 2.0 } else { distance };
    let mut to_start = near(seconds_between(start_ns, first.0));
    let to_end = near(seconds_between(last.0, end_ns));
    // A counter was not below zero.
    if increase > 0.0 && first.1 >= 0.0 {
        to_start = to_start.min(covered * (first.1 / increase));
    }
    increase * ((covered + to_start + to_end) / covered) / seconds(end_ns - start_ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::windows::Steps;
    use proptest::prelude::*;

    fn operation(op: RangeOp, steps: Steps, range_ns: i64) -> Operation {
        let unwraps = !matches!(op, RangeOp::CountOverTime | RangeOp::BytesOverTime);
        let windows = Windows::new(steps, range_ns, 0).unwrap();
        Operation { op, unwraps, parameter: 0.9, windows }
    }

    const ALL: [RangeOp; 12] = [
        RangeOp::Rate,
        RangeOp::RateCounter,
        RangeOp::CountOverTime,
        RangeOp::BytesOverTime,
        RangeOp::AvgOverTime,
        RangeOp::SumOverTime,
        RangeOp::MinOverTime,
        RangeOp::MaxOverTime,
        RangeOp::StdvarOverTime,
        RangeOp::QuantileOverTime,
        RangeOp::FirstOverTime,
        RangeOp::LastOverTime,
    ];

    /// Worked out from the rows of a window alone.
    fn directly(op: RangeOp, rows: &[Row], range_ns: i64, end_ns: i64) -> f64 {
        let values: Vec<f64> = rows.iter().map(|(_, value)| *value).collect();
        let count = values.len() as f64;
        let sum: f64 = values.iter().sum();
        match op {
            _ if rows.is_empty() => ABSENT,
            RangeOp::Rate => sum / (range_ns as f64 / 1e9),
            RangeOp::RateCounter => counter_rate(rows, end_ns - range_ns, end_ns),
            RangeOp::CountOverTime => count,
            RangeOp::BytesOverTime | RangeOp::SumOverTime => sum,
            RangeOp::AvgOverTime => sum / count,
            RangeOp::MinOverTime => values.iter().copied().fold(f64::INFINITY, f64::min),
            RangeOp::MaxOverTime => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            RangeOp::StdvarOverTime => {
                values.iter().map(|value| (value - sum / count).powi(2)).sum::<f64>() / count
            }
            RangeOp::QuantileOverTime => {
                let mut sorted = values.clone();
                sorted.sort_by(f64::total_cmp);
                let rank = 0.9 * (count - 1.0);
                let upper = (rank.floor() as usize + 1).min(sorted.len() - 1);
                let weight = rank - rank.floor();
                sorted[rank as usize] * (1.0 - weight) + sorted[upper] * weight
            }
            RangeOp::FirstOverTime => values[0],
            RangeOp::LastOverTime => values[values.len() - 1],
            _ => ABSENT,
        }
    }

    proptest! {
        #[test]
        fn windows_are_what_their_rows_give_in_whatever_order_they_come(
            times in prop::collection::btree_set(-40_i64..140, 0..40),
            values in prop::collection::vec(0_u32..1000, 40),
            seed in any::<u64>(), length in 0_i64..100, step in 1_i64..30, range in 1_i64..50,
        ) {
            let steps = Steps::new(0, length, step).unwrap();
            let rows: Vec<Row> =
                times.iter().zip(&values).map(|(time, value)| (*time, f64::from(*value))).collect();
            let mut shuffled = rows.clone();
            shuffled.sort_by_key(|(time, _)| (*time as u64).wrapping_mul(seed | 1));
            for op in ALL {
                let operation = operation(op, steps, range);
                let mut accumulator = Accumulator::new(&operation);
                for row in &shuffled {
                    if let Some(within) = operation.windows.steps_of(row.0) {
                        accumulator.add(&operation, within, *row);
                    }
                }
                let found = accumulator.finish(&operation, &|| Ok(())).unwrap();
                for (at, found) in found.iter().enumerate() {
                    let end = step * at as i64;
                    let rows: Vec<Row> = rows
                        .iter()
                        .copied()
                        .filter(|(time, _)| end - range < *time && *time <= end)
                        .collect();
                    let expect = directly(op, &rows, range, end);
                    prop_assert!(
                        is_absent(*found) == is_absent(expect)
                            && (is_absent(expect) || (found - expect).abs() <= 1e-6 * expect.abs()),
                        "{:?} at {}: {} instead of {}", op, end, found, expect
                    );
                }
            }
        }
    }

    #[test]
    fn values_that_are_no_numbers_count_as_in_loki() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        for (op, values, expect) in [
            (RangeOp::MinOverTime, &[nan, 2.0, 1.0][..], 1.0),
            (RangeOp::MaxOverTime, &[2.0, nan, 1.0], 2.0),
            (RangeOp::MaxOverTime, &[nan], nan),
            (RangeOp::AvgOverTime, &[inf, 1.0], inf),
            (RangeOp::AvgOverTime, &[inf, -inf], nan),
            (RangeOp::SumOverTime, &[1.0, nan], nan),
            (RangeOp::QuantileOverTime, &[nan, 1.0, 2.0], 1.8),
            (RangeOp::StddevOverTime, &[inf], nan),
        ] {
            let operation = operation(op, Steps::at(100), 50);
            let mut accumulator = Accumulator::new(&operation);
            for (at, value) in values.iter().enumerate() {
                accumulator.add(&operation, (0, 0), (60 + at as i64, *value));
            }
            let found = accumulator.finish(&operation, &|| Ok(())).unwrap()[0];
            assert!(!is_absent(found));
            assert!(
                found == expect || found.is_nan() && expect.is_nan(),
                "{op:?} {values:?} {found}"
            );
        }
    }

    #[test]
    fn quantiles_out_of_range_are_infinite() {
        assert_eq!(quantile(-0.1, &mut [1.0]), f64::NEG_INFINITY);
        assert_eq!(quantile(1.1, &mut [1.0]), f64::INFINITY);
        assert!(quantile(f64::NAN, &mut [1.0]).is_nan());
        assert_eq!(quantile(1.0, &mut [1.0, 3.0]), 3.0);
    }

    #[test]
    fn records_that_were_only_counted_add_to_those_that_were_seen() {
        let steps = Steps::new(0, 20, 10).unwrap();
        for (op, expect) in
            [(RangeOp::CountOverTime, [1.0, 6.0, 5.0]), (RangeOp::BytesOverTime, [7.0, 57.0, 50.0])]
        {
            let operation = operation(op, steps, 15);
            let mut accumulator = Accumulator::new(&operation);
            accumulator.add(&operation, (0, 1), (0, 7.0));
            accumulator.add_counted(&operation, (1, 2), 5, 50);
            assert_eq!(accumulator.finish(&operation, &|| Ok(())).unwrap(), expect, "{op:?}");
        }
    }
}
