//! Functions over the samples of a window other than rates: `*_over_time`, `changes`, `resets` and
//! trends. (Prometheus documentation, "Functions".)

use std::sync::Arc;

use crate::ast::Extension;
use crate::eval::error::{EvalError, Result};
use crate::eval::hist::{Operation, ResetsSeen, detect_reset};
use crate::eval::range_call::{At, Window};
use crate::eval::rate::{Moment, is_start_reset};
use crate::eval::series::{Cell, Hist};
use crate::histogram::kahan;
use crate::histogram::{HistogramMean, HistogramSum};
use crate::quantile::quantile;

/// Without loss to rounding.
pub(crate) fn sum(values: &[f64]) -> f64 {
    let (mut sum, mut lost) = (0.0, 0.0);
    for value in values {
        kahan::add(*value, &mut sum, &mut lost);
    }
    if sum.is_infinite() { sum } else { sum + lost }
}

/// The arithmetic mean of at least one number, also where their sum is infinite.
pub(crate) fn mean(values: &[f64]) -> f64 {
    let mut mean = Mean::new(values[0]);
    for value in &values[1..] {
        mean.add(*value);
    }
    mean.finish()
}

/// A mean that sums up as long as the sum is finite, and from then on keeps the mean so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mean {
    /// The sum, or the mean if `is_incremental`.
    value: f64,
    lost: f64,
    count: f64,
    is_incremental: bool,
}

impl Mean {
    pub(crate) fn new(first: f64) -> Self {
        Self { value: first, lost: 0.0, count: 1.0, is_incremental: false }
    }

    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.is_incremental {
            let (mut sum, mut lost) = (self.value, self.lost);
            kahan::add(value, &mut sum, &mut lost);
            if !sum.is_infinite() {
                (self.value, self.lost) = (sum, lost);
                return;
            }
            self.is_incremental = true;
            self.value /= self.count - 1.0;
            self.lost /= self.count - 1.0;
        }
        let part = (self.count - 1.0) / self.count;
        self.value *= part;
        self.lost *= part;
        kahan::add(value / self.count, &mut self.value, &mut self.lost);
    }

    pub(crate) fn finish(self) -> f64 {
        if self.is_incremental {
            self.value + self.lost
        } else {
            self.value / self.count + self.lost / self.count
        }
    }
}

/// The largest number, if `largest`, else the smallest, NaN only where all are; and its position,
/// the last of equal ones if `last`.
pub(crate) fn extreme(values: &[f64], largest: bool, last: bool) -> (usize, f64) {
    let (mut at, mut best) = (0, values[0]);
    for (i, value) in values.iter().enumerate() {
        let better = if largest { *value > best } else { *value < best };
        if better || best.is_nan() || last && *value == best {
            (at, best) = (i, *value);
        }
    }
    (at, best)
}

pub(crate) fn variance(values: &[f64]) -> f64 {
    let (mut mean, mut mean_lost, mut sum, mut sum_lost) = (0.0, 0.0, 0.0, 0.0);
    let mut count = 0.0;
    for value in values {
        count += 1.0;
        let delta = value - (mean + mean_lost);
        kahan::add(delta / count, &mut mean, &mut mean_lost);
        kahan::add(delta * (value - (mean + mean_lost)), &mut sum, &mut sum_lost);
    }
    (sum + sum_lost) / count
}

/// The median of the distances to the median.
pub(crate) fn median_deviation(values: &[f64]) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let mut values = values.to_vec();
    let median = quantile(0.5, &mut values);
    for value in &mut values {
        *value = (*value - median).abs();
    }
    quantile(0.5, &mut values)
}

/// `sum_over_time` and `avg_over_time` of histograms.
fn combined(at: &At<'_>, window: &Window<'_>, is_mean: bool) -> Option<Hist> {
    let mut resets = ResetsSeen::default();
    let mut reconciled = false;
    let (first, rest) = window.histograms.split_first()?;
    resets.see(&first.histogram);
    let first = (*first.histogram).clone();
    let (mut sum, mut mean) = if is_mean {
        (None, Some(HistogramMean::new(first)))
    } else {
        (Some(HistogramSum::new(first)), None)
    };
    for sample in rest {
        resets.see(&sample.histogram);
        let added = match (&mut sum, &mut mean) {
            (Some(sum), _) => sum.add(&sample.histogram),
            (None, Some(mean)) => mean.add(&sample.histogram),
            (None, None) => return None,
        };
        match added {
            Ok(combined) => reconciled |= combined.bounds_reconciled,
            Err(_) => {
                at.warn_mixed_schemas();
                return None;
            }
        }
    }
    if resets.collide() {
        at.evaluator.warn_reset_collision(Operation::Aggregation, at.span);
    }
    if reconciled {
        at.evaluator.info_reconciled(Operation::Aggregation, at.span);
    }
    Some(Arc::new(match (sum, mean) {
        (Some(sum), _) => sum.finish(),
        (None, mean) => mean?.finish(),
    }))
}

/// `sum_over_time` and `avg_over_time`.
pub(crate) fn sum_or_mean(at: &At<'_>, window: &Window<'_>, is_mean: bool) -> Option<Cell> {
    match (window.values.is_empty(), window.histograms.is_empty()) {
        (true, true) => None,
        (false, false) => {
            at.warn_mixed_samples();
            None
        }
        (false, true) if is_mean => Some(Cell::Float(mean(window.values))),
        (false, true) => Some(Cell::Float(sum(window.values))),
        (true, false) => combined(at, window, is_mean).map(Cell::Histogram),
    }
}

/// A function of the numbers alone; histograms beside them are remarked upon.
pub(crate) fn of_floats(
    at: &At<'_>,
    window: &Window<'_>,
    f: impl FnOnce(&Window<'_>) -> f64,
) -> Option<Cell> {
    if window.values.is_empty() {
        return None;
    }
    if !window.histograms.is_empty() {
        at.info_histograms_ignored();
    }
    Some(Cell::Float(f(window)))
}

/// The first or last sample of the window.
pub(crate) fn end_sample(window: &Window<'_>, last: bool) -> Option<Cell> {
    let (float, histogram) = if last {
        (window.times.len().checked_sub(1), window.histograms.last())
    } else {
        ((!window.times.is_empty()).then_some(0), window.histograms.first())
    };
    match (float, histogram) {
        (Some(float), Some(histogram)) => {
            let time_ms = window.times[float];
            let float_wins =
                if last { histogram.time_ms < time_ms } else { time_ms < histogram.time_ms };
            Some(if float_wins {
                Cell::Float(window.values[float])
            } else {
                Cell::Histogram(histogram.histogram.clone())
            })
        }
        (Some(float), None) => Some(Cell::Float(window.values[float])),
        (None, Some(histogram)) => Some(Cell::Histogram(histogram.histogram.clone())),
        (None, None) => None,
    }
}

/// `quantile_over_time`.
pub(crate) fn quantile_over_time(at: &At<'_>, window: &Window<'_>, q: f64) -> Option<Cell> {
    if window.values.is_empty() {
        return None;
    }
    at.evaluator.check_quantile(q, at.span);
    of_floats(at, window, |window| quantile(q, &mut window.values.to_vec()))
}

enum Seen<'w> {
    Float(f64),
    Histogram(&'w Hist),
}

/// Calls `f` with each two samples that follow each other, numbers and histograms together.
fn each_pair(
    at: &At<'_>,
    window: &Window<'_>,
    mut f: impl FnMut((&Seen<'_>, Moment), (&Seen<'_>, Moment)),
) -> Option<()> {
    if window.values.is_empty() && window.histograms.is_empty() {
        return None;
    }
    let (mut float, mut histogram) = match at.extension {
        Extension::Anchored => super::extended::anchored_first(at, window)?,
        Extension::None | Extension::Smoothed => (0, 0),
    };
    let mut before: Option<(Seen<'_>, Moment)> = None;
    loop {
        let float_ms = window.times.get(float);
        let next = window.histograms.get(histogram);
        let now = match (float_ms, next) {
            (None, None) => return Some(()),
            (Some(time), next) if next.is_none_or(|next| *time < next.time_ms) => {
                float += 1;
                (Seen::Float(window.values[float - 1]), window.moment(float - 1))
            }
            (_, Some(sample)) => {
                histogram += 1;
                // A number at the same time gives way.
                if float_ms == Some(&sample.time_ms) {
                    float += 1;
                }
                let moment = Moment { time_ms: sample.time_ms, start_ms: sample.start_ms };
                (Seen::Histogram(&sample.histogram), moment)
            }
            (Some(_), None) => return Some(()),
        };
        if let Some((seen, moment)) = &before {
            f((seen, *moment), (&now.0, now.1));
        }
        before = Some(now);
    }
}

pub(crate) fn resets(at: &At<'_>, window: &Window<'_>) -> Option<Cell> {
    let mut count = 0.0;
    each_pair(at, window, |(before, was), (now, is)| {
        let fell = match (before, now) {
            (Seen::Float(before), Seen::Float(now)) => now < before || is_start_reset(was, is),
            (Seen::Histogram(before), Seen::Histogram(now)) => {
                is_start_reset(was, is) || detect_reset(now, before)
            }
            _ => true,
        };
        count += f64::from(u8::from(fell));
    })?;
    Some(Cell::Float(count))
}

pub(crate) fn changes(at: &At<'_>, window: &Window<'_>) -> Option<Cell> {
    let mut count = 0.0;
    each_pair(at, window, |(before, _), (now, _)| {
        let changed = match (before, now) {
            (Seen::Float(before), Seen::Float(now)) => {
                now != before && !(now.is_nan() && before.is_nan())
            }
            (Seen::Histogram(before), Seen::Histogram(now)) => !now.same_data(before),
            _ => true,
        };
        count += f64::from(u8::from(changed));
    })?;
    Some(Cell::Float(count))
}

/// Slope per second and value at `origin_ms` of the line through at least one point.
fn regression(times: &[i64], values: &[f64], origin_ms: i64) -> (f64, f64) {
    let first = values[0];
    if values.iter().all(|value| *value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let mut sums = [(0.0, 0.0); 4];
    for (time, value) in times.iter().zip(values) {
        let x = (time - origin_ms) as f64 / 1e3;
        for ((sum, lost), term) in sums.iter_mut().zip([x, *value, x * value, x * x]) {
            kahan::add(term, sum, lost);
        }
    }
    let count = values.len() as f64;
    let [x, y, xy, xx] = sums.map(|(sum, lost)| sum + lost);
    let slope = (xy - x * y / count) / (xx - x * x / count);
    (slope, y / count - slope * x / count)
}

/// Whether a trend can be told from the numbers of a window, with the remark about histograms.
fn has_trend(at: &At<'_>, window: &Window<'_>) -> bool {
    if !window.histograms.is_empty() && !window.values.is_empty() {
        at.info_histograms_ignored();
    }
    window.values.len() >= 2
}

pub(crate) fn deriv(at: &At<'_>, window: &Window<'_>) -> Option<Cell> {
    has_trend(at, window)
        .then(|| Cell::Float(regression(window.times, window.values, window.times[0]).0))
}

pub(crate) fn predict_linear(at: &At<'_>, window: &Window<'_>, seconds: f64) -> Option<Cell> {
    has_trend(at, window).then(|| {
        let (slope, intercept) = regression(window.times, window.values, at.time_ms);
        Cell::Float(slope * seconds + intercept)
    })
}

/// `double_exponential_smoothing` (Holt-Winters without seasons).
pub(crate) fn smoothing(
    at: &At<'_>,
    window: &Window<'_>,
    smoothing: f64,
    trend: f64,
) -> Result<Option<Cell>> {
    let check = |name: &str, short: &str, factor: f64| {
        if factor <= 0.0 || factor >= 1.0 {
            return Err(EvalError::execution(format!(
                "invalid {name} factor. Expected: 0 < {short} < 1, got: {factor:.6}"
            )));
        }
        Ok(())
    };
    check("smoothing", "sf", smoothing)?;
    check("trend", "tf", trend)?;
    if !has_trend(at, window) {
        return Ok(None);
    }
    let values = window.values;
    let (mut before, mut level, mut slope) = (0.0, values[0], values[1] - values[0]);
    for (i, value) in values.iter().enumerate().skip(1) {
        if i > 1 {
            slope = trend * (level - before) + (1.0 - trend) * slope;
        }
        let next = smoothing * value + (1.0 - smoothing) * (level + slope);
        (before, level) = (level, next);
    }
    Ok(Some(Cell::Float(level)))
}
