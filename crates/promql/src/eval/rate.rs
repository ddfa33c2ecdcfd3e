//! `rate`, `increase` and `delta`: the change over a window, extrapolated to its ends; `irate` and
//! `idelta`: the change between its last two samples. (Prometheus documentation, "Functions".)

use std::sync::Arc;

use watchkeep_model::histogram::ResetHint;
use watchkeep_model::{HistogramSample, NativeHistogram};

use crate::eval::hist::{self, Operation, detect_reset};
use crate::eval::range_call::{At, Window};
use crate::eval::series::{ABSENT, Cell};
use crate::eval::window::{Reach, Windows};
use crate::histogram;
use crate::quote::quote;

/// A function of the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateKind {
    /// Falling values are resets, and the extrapolation does not go below zero.
    pub(crate) is_counter: bool,
    /// Per second.
    pub(crate) is_rate: bool,
}

/// How far the samples of a window are extrapolated. Seconds, by step; meaningless where a window
/// has less than two samples.
#[derive(Debug)]
pub(crate) struct RateFactors {
    /// From first to last sample.
    sampled: Vec<f64>,
    /// Before the first sample, if the counter was not zero in between.
    to_start: Vec<f64>,
    /// After the last sample.
    to_end: Vec<f64>,
    /// What the change is multiplied with.
    factor: Vec<f64>,
    seconds: f64,
}

impl RateFactors {
    fn new(windows: &Windows, times: &[i64], reach: &Reach, kind: RateKind) -> Self {
        let steps = reach.frame.steps;
        let seconds = if kind.is_rate { reach.before_ms as f64 / 1000.0 } else { 1.0 };
        let mut factors = Self {
            sampled: vec![0.0; steps],
            to_start: vec![0.0; steps],
            to_end: vec![0.0; steps],
            factor: vec![0.0; steps],
            seconds,
        };
        for step in 0..steps {
            let (low, high) = windows.window(step);
            if high - low < 2 {
                continue;
            }
            let (start_ms, end_ms) = reach.ends_ms(step);
            let sampled = (times[high - 1] - times[low]) as f64 / 1000.0;
            let average = sampled / (high - low - 1) as f64;
            let limited = |gap_ms: i64| {
                let gap = gap_ms as f64 / 1000.0;
                if gap >= average * 1.1 { average / 2.0 } else { gap }
            };
            let (to_start, to_end) =
                (limited(times[low] - start_ms), limited(end_ms - times[high - 1]));
            factors.sampled[step] = sampled;
            factors.to_start[step] = to_start;
            factors.to_end[step] = to_end;
            factors.factor[step] = (sampled + to_start + to_end) / sampled / seconds;
        }
        factors
    }

    #[inline]
    fn apply(&self, step: usize, first: f64, change: f64, kind: RateKind) -> f64 {
        // A counter that would have been zero after the start of the window began there.
        if kind.is_counter
            && change > 0.0
            && first >= 0.0
            && self.sampled[step] * first < self.to_start[step] * change
        {
            return self.apply_from_zero(step, first, change);
        }
        change * self.factor[step]
    }

    #[cold]
    fn apply_from_zero(&self, step: usize, first: f64, change: f64) -> f64 {
        let sampled = self.sampled[step];
        let to_start = (sampled * (first / change)).min(self.to_start[step]);
        change * ((sampled + to_start + self.to_end[step]) / sampled / self.seconds)
    }
}

/// The function at every step, of a series of numbers without start times.
pub(crate) fn floats(
    values: &[f64],
    times: &[i64],
    windows: &Windows,
    reach: &Reach,
    kind: RateKind,
) -> Vec<f64> {
    let factors = windows.rate.get_or_init(|| RateFactors::new(windows, times, reach, kind));
    let falls =
        kind.is_counter && values.windows(2).fold(false, |falls, pair| falls | (pair[1] < pair[0]));
    let mut out = Vec::with_capacity(reach.frame.steps);
    if falls {
        let resets: Vec<usize> =
            (1..values.len()).filter(|at| values[*at] < values[at - 1]).collect();
        let mut next = 0;
        for step in 0..reach.frame.steps {
            let (low, high) = windows.window(step);
            if high - low < 2 {
                out.push(ABSENT);
                continue;
            }
            while next < resets.len() && resets[next] <= low {
                next += 1;
            }
            let mut change = values[high - 1] - values[low];
            for reset in resets[next..].iter().take_while(|reset| **reset < high) {
                change += values[reset - 1];
            }
            out.push(factors.apply(step, values[low], change, kind));
        }
        return out;
    }
    for step in 0..reach.frame.steps {
        let (low, high) = windows.window(step);
        if high - low < 2 {
            out.push(ABSENT);
            continue;
        }
        let (first, last) = (values[low], values[high - 1]);
        out.push(factors.apply(step, first, last - first, kind));
    }
    out
}

/// The function at one step, of anything.
pub(crate) fn at(at: &At<'_>, window: &Window<'_>, kind: RateKind) -> Option<Cell> {
    if !window.values.is_empty() && !window.histograms.is_empty() {
        at.warn_mixed_samples();
        return None;
    }
    let samples = window.values.len() + window.histograms.len();
    let (first_ms, last_ms) = window.first_and_last_ms()?;
    let mut change = if window.values.is_empty() {
        Change::Histogram(match samples {
            1 => None,
            _ => Some(histogram_change(at, window.histograms, kind.is_counter)?),
        })
    } else {
        Change::Float(float_change(at, window, kind.is_counter))
    };
    let (start_ms, end_ms) = (at.start_ms, at.end_ms);
    let mut sampled = (last_ms - first_ms) as f64 / 1000.0;
    let average = if samples > 1 { sampled / (samples - 1) as f64 } else { 0.0 };
    let threshold = average * 1.1;
    let mut to_start = (first_ms - start_ms) as f64 / 1000.0;
    let mut to_end = (end_ms - last_ms) as f64 / 1000.0;
    let began_ms = window.start_ms(0);
    if kind.is_counter && began_ms != 0 && began_ms > start_ms && began_ms < first_ms {
        // The counter is known to have been zero then.
        to_start = 0.0;
        sampled = (last_ms - began_ms) as f64 / 1000.0;
        change.add_first(at, window)?;
    } else if samples == 1 {
        return None;
    } else {
        if to_start >= threshold {
            to_start = average / 2.0;
        }
        if kind.is_counter {
            to_start = to_start.min(change.to_zero(window, sampled).unwrap_or(to_start));
        }
    }
    if to_end >= threshold {
        to_end = average / 2.0;
    }
    let mut factor = if sampled == 0.0 { 1.0 } else { (sampled + to_start + to_end) / sampled };
    if kind.is_rate {
        factor /= at.range_ms as f64 / 1000.0;
    }
    Some(match change {
        Change::Float(change) => Cell::Float(change * factor),
        Change::Histogram(change) => {
            let mut change = change?;
            histogram::multiply(&mut change, factor);
            Cell::Histogram(Arc::new(change))
        }
    })
}

enum Change {
    Float(f64),
    Histogram(Option<NativeHistogram>),
}

impl Change {
    /// Adds the first sample, which rose from zero.
    fn add_first(&mut self, at: &At<'_>, window: &Window<'_>) -> Option<()> {
        match self {
            Self::Float(change) => *change += window.values[0],
            Self::Histogram(None) => {
                *self =
                    Self::Histogram(Some(NativeHistogram::clone(&window.histograms[0].histogram)));
            }
            Self::Histogram(Some(change)) => {
                let first = &window.histograms[0].histogram;
                if !at.combine(change, first, Operation::Addition) {
                    return None;
                }
            }
        }
        Some(())
    }

    /// How long before the first sample the counter would have been zero.
    fn to_zero(&self, window: &Window<'_>, sampled: f64) -> Option<f64> {
        let (first, change) = match self {
            Self::Float(change) => (window.values[0], *change),
            Self::Histogram(change) => {
                (window.histograms[0].histogram.count, change.as_ref()?.count)
            }
        };
        (change > 0.0 && first >= 0.0).then(|| sampled * (first / change))
    }
}

fn float_change(at: &At<'_>, window: &Window<'_>, is_counter: bool) -> f64 {
    let values = window.values;
    let mut change = values[values.len() - 1] - values[0];
    if !is_counter {
        return change;
    }
    let mut overlap = false;
    for i in 1..values.len() {
        let (before, now) = (window.moment(i - 1), window.moment(i));
        if !overlap && starts_overlap(before, now) {
            at.warn_overlap();
            overlap = true;
        }
        if values[i] < values[i - 1] || is_start_reset(before, now) {
            change += values[i - 1];
        }
    }
    change
}

/// Time and start time of a sample, milliseconds; the latter 0 where not known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) time_ms: i64,
    pub(crate) start_ms: i64,
}

/// Whether the start times say that the counter began anew between two samples.
pub(crate) fn is_start_reset(before: Moment, now: Moment) -> bool {
    if now.start_ms == 0 || now.start_ms >= now.time_ms || now.start_ms < before.time_ms {
        return false;
    }
    if now.start_ms > before.time_ms {
        return true;
    }
    // A start at the very time of the sample before is a reset if that one began earlier.
    before.start_ms <= before.time_ms && before.start_ms != 0 && before.start_ms != before.time_ms
}

fn starts_overlap(before: Moment, now: Moment) -> bool {
    now.start_ms != 0 && now.start_ms < before.time_ms && now.start_ms != before.start_ms
}

fn moment(sample: &HistogramSample) -> Moment {
    Moment { time_ms: sample.time_ms, start_ms: sample.start_ms }
}

/// The change of at least two histograms.
fn histogram_change(
    at: &At<'_>,
    samples: &[HistogramSample],
    is_counter: bool,
) -> Option<NativeHistogram> {
    let (first, last) = (&samples[0].histogram, &samples[samples.len() - 1].histogram);
    let is_gauge = |histogram: &NativeHistogram| histogram.reset_hint == ResetHint::Gauge;
    if is_counter && (is_gauge(first) || is_gauge(last)) {
        at.warn_not_counter();
    }
    let mut base = Arc::clone(first);
    let mut custom = first.uses_custom_buckets();
    if is_counter {
        let second = &samples[1].histogram;
        if is_start_reset(moment(&samples[0]), moment(&samples[1])) || detect_reset(second, first) {
            // The first one counts for nothing, not even for the schema.
            base = Arc::new(NativeHistogram {
                schema: second.schema,
                custom_values: second.custom_values.clone(),
                ..hist::empty()
            });
            custom = second.uses_custom_buckets();
        }
    }
    if last.uses_custom_buckets() != custom {
        at.warn_mixed_schemas();
        return None;
    }
    let mut schema = last.schema.min(base.schema);
    if is_counter {
        for sample in &samples[1..samples.len() - 1] {
            if is_gauge(&sample.histogram) {
                at.warn_not_counter();
            }
            schema = schema.min(sample.histogram.schema);
            if sample.histogram.uses_custom_buckets() != custom {
                at.warn_mixed_schemas();
                return None;
            }
        }
    }
    let mut change = NativeHistogram::clone(last);
    if !custom && change.reduce_resolution(schema).is_err() {
        return None;
    }
    if !at.combine(&mut change, &base, Operation::Subtraction) {
        return None;
    }
    if is_counter {
        add_resets(at, &mut change, base, samples)?;
    } else if !is_gauge(first) || !is_gauge(last) {
        at.warn_not_gauge();
    }
    change.reset_hint = ResetHint::Gauge;
    change.compact(0);
    Some(change)
}

fn add_resets(
    at: &At<'_>,
    change: &mut NativeHistogram,
    base: Arc<NativeHistogram>,
    samples: &[HistogramSample],
) -> Option<()> {
    let mut overlap = false;
    let mut before = base;
    for pair in samples.windows(2) {
        let moments = (moment(&pair[0]), moment(&pair[1]));
        if !overlap && starts_overlap(moments.0, moments.1) {
            at.warn_overlap();
            overlap = true;
        }
        let now = &pair[1].histogram;
        if (is_start_reset(moments.0, moments.1) || detect_reset(now, &before))
            && !at.combine(change, &before, Operation::Addition)
        {
            return None;
        }
        before = Arc::clone(now);
    }
    Some(())
}

/// One of the last two samples of a window.
struct Last<'w> {
    moment: Moment,
    value: f64,
    histogram: Option<&'w NativeHistogram>,
}

/// `irate` and `idelta` at one step.
pub(crate) fn instant(at: &At<'_>, window: &Window<'_>, is_rate: bool) -> Option<Cell> {
    if window.values.len() + window.histograms.len() < 2 {
        return None;
    }
    let floats = (window.values.len().saturating_sub(2)..window.values.len()).map(|i| Last {
        moment: window.moment(i),
        value: window.values[i],
        histogram: None,
    });
    let from = window.histograms.len().saturating_sub(2);
    let histograms = window.histograms[from..].iter().map(|sample| Last {
        moment: moment(sample),
        value: 0.0,
        histogram: Some(&*sample.histogram),
    });
    let mut last: Vec<Last<'_>> = floats.chain(histograms).collect();
    last.sort_by_key(|sample| sample.moment.time_ms);
    let now = last.pop()?;
    let before = last.pop()?;
    let interval_ms = now.moment.time_ms - before.moment.time_ms;
    if interval_ms == 0 {
        return None;
    }
    let divisor = if is_rate { interval_ms as f64 / 1000.0 } else { 1.0 };
    let restarted = is_rate && is_start_reset(before.moment, now.moment);
    match (before.histogram, now.histogram) {
        (None, None) => {
            let fell = is_rate && (now.value < before.value || restarted);
            let change = if fell { now.value } else { now.value - before.value };
            Some(Cell::Float(change / divisor))
        }
        (Some(old), Some(new)) => {
            let gauges = [old, new].map(|histogram| histogram.reset_hint == ResetHint::Gauge);
            if is_rate && gauges.contains(&true) {
                at.warn_not_counter();
            }
            if !is_rate && gauges.contains(&false) {
                at.warn_not_gauge();
            }
            let mut change = new.clone();
            if (!is_rate || (!restarted && !detect_reset(new, old)))
                && !at.combine(&mut change, old, Operation::Subtraction)
            {
                return None;
            }
            change.reset_hint = ResetHint::Gauge;
            change.compact(0);
            if is_rate {
                histogram::divide(&mut change, divisor);
            }
            Some(Cell::Histogram(Arc::new(change)))
        }
        _ => {
            at.warn_mixed_samples();
            None
        }
    }
}

impl At<'_> {
    fn warn_overlap(&self) {
        self.evaluator.notes.borrow_mut().warn_counted(
            format!(
                "sample has start time that overlaps with previous sample timestamp for metric {}",
                quote(self.metric())
            ),
            self.span,
        );
    }
}
