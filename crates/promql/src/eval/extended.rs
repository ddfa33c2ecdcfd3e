//! Selectors with `anchored` and `smoothed`, which look at samples beside their window: the value at
//! an end is that of the sample before it, or interpolated between its neighbours. (Prometheus
//! documentation, "Feature flags", "Extended range selectors".)

use std::sync::Arc;

use watchkeep_model::histogram::ResetHint;
use watchkeep_model::{HistogramSample, NativeHistogram};

use crate::ast::{Extension, Span};
use crate::eval::Evaluator;
use crate::eval::hist::{Operation, detect_reset};
use crate::eval::range_call::{At, Window};
use crate::eval::rate::RateKind;
use crate::eval::selector::RangeSeries;
use crate::eval::series::{Cell, Column};
use crate::eval::window::{Reach, Windows};
use crate::histogram;

/// Positions of the first and last sample that count for a window.
#[derive(Debug, Clone, Copy)]
struct Ends {
    first: usize,
    last: usize,
}

/// Of samples by rising time, at least one: the last one at or before the start (or the first of
/// all), and the last one, or if `smoothed` the first one at or after the end. `None` where the
/// window is empty.
fn ends(
    count: usize,
    time_ms: impl Fn(usize) -> i64,
    start_ms: i64,
    end_ms: i64,
    smoothed: bool,
) -> Option<Ends> {
    let mut last = count - 1;
    let search = |below: &dyn Fn(i64) -> bool| {
        let (mut low, mut high) = (0, count - 1);
        while low < high {
            let middle = usize::midpoint(low, high);
            if below(time_ms(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    };
    let first = search(&|time| time <= start_ms).saturating_sub(1);
    if smoothed {
        last = search(&|time| time < end_ms);
    }
    let is_empty = time_ms(last) <= start_ms || smoothed && time_ms(first) > end_ms;
    (!is_empty).then_some(Ends { first, last })
}

fn interpolate(before: (i64, f64), after: (i64, f64), time_ms: i64, is_counter: bool) -> f64 {
    let (mut from, to) = (before.1, after.1);
    if is_counter && to < from {
        from = 0.0;
    }
    from + (to - from) * (time_ms - before.0) as f64 / (after.0 - before.0) as f64
}

/// The values at both ends of a window.
fn end_values(
    times: &[i64],
    values: &[f64],
    ends: Ends,
    window_ms: (i64, i64),
    smoothed: bool,
    is_counter: bool,
) -> (f64, f64) {
    let point = |at: usize| (times[at], values[at]);
    let Ends { first, last } = ends;
    let left = if smoothed && times[first] < window_ms.0 && first + 1 < times.len() {
        interpolate(point(first), point(first + 1), window_ms.0, is_counter)
    } else {
        values[first]
    };
    let right = if smoothed && last > 0 && times[last] > window_ms.1 {
        interpolate(point(last - 1), point(last), window_ms.1, is_counter)
    } else {
        values[last]
    };
    (left, right)
}

/// The points of a window with one at each of its ends.
pub(crate) fn points(
    times: &[i64],
    values: &[f64],
    start_ms: i64,
    end_ms: i64,
    smoothed: bool,
) -> Vec<(i64, f64)> {
    if times.is_empty() {
        return Vec::new();
    }
    let found = ends(times.len(), |at| times[at], start_ms, end_ms, smoothed);
    let Some(found) = found else { return Vec::new() };
    let (left, right) = end_values(times, values, found, (start_ms, end_ms), smoothed, false);
    let inside = (found.first..=found.last)
        .filter(|at| times[*at] > start_ms && times[*at] < end_ms)
        .map(|at| (times[at], values[at]));
    [(start_ms, left)].into_iter().chain(inside).chain([(end_ms, right)]).collect()
}

/// `rate`, `increase` and `delta` at one step.
pub(crate) fn rate(
    at: &At<'_>,
    window: &Window<'_>,
    kind: RateKind,
    extension: Extension,
) -> Option<Cell> {
    let smoothed = extension == Extension::Smoothed;
    match (window.values.is_empty(), window.histograms.is_empty()) {
        (false, false) => {
            at.warn_mixed_samples();
            None
        }
        (true, true) => None,
        (false, true) => float_rate(at, window, kind, smoothed).map(Cell::Float),
        (true, false) => histogram_rate(at, window.histograms, kind, smoothed)
            .map(|histogram| Cell::Histogram(Arc::new(histogram))),
    }
}

fn float_rate(at: &At<'_>, window: &Window<'_>, kind: RateKind, smoothed: bool) -> Option<f64> {
    let (times, values) = (window.times, window.values);
    let bounds = (at.start_ms, at.end_ms);
    let found = ends(times.len(), |i| times[i], bounds.0, bounds.1, smoothed)?;
    let (left, right) = end_values(times, values, found, bounds, smoothed, kind.is_counter);
    let mut change = right - left;
    if kind.is_counter {
        let inside = (found.first..=found.last).filter(|i| {
            // Only the outermost samples can be at or beyond an end.
            !(*i == found.first && times[*i] <= bounds.0)
                && !(*i == found.last && times[*i] >= bounds.1)
        });
        let mut before = left;
        for value in inside.map(|i| values[i]).chain([right]) {
            if value < before {
                change += before;
            }
            before = value;
        }
    }
    Some(if kind.is_rate { change / (at.range_ms as f64 / 1000.0) } else { change })
}

fn histogram_rate(
    at: &At<'_>,
    samples: &[HistogramSample],
    kind: RateKind,
    smoothed: bool,
) -> Option<NativeHistogram> {
    let found = ends(samples.len(), |i| samples[i].time_ms, at.start_ms, at.end_ms, smoothed)?;
    let used = &samples[found.first..=found.last];
    let custom = used[0].histogram.uses_custom_buckets();
    for sample in used {
        if sample.histogram.uses_custom_buckets() != custom {
            at.warn_mixed_schemas();
            return None;
        }
        if kind.is_counter && sample.histogram.reset_hint == ResetHint::Gauge {
            at.warn_not_counter();
        }
    }
    let Ends { first, last } = found;
    let left = if smoothed && samples[first].time_ms < at.start_ms && first + 1 < samples.len() {
        let pair = (&samples[first], &samples[first + 1]);
        interpolate_histograms(
            at.evaluator,
            pair,
            at.start_ms,
            kind.is_counter,
            at.name_and_span(),
        )?
    } else {
        NativeHistogram::clone(&samples[first].histogram)
    };
    let right = if smoothed && last > 0 && samples[last].time_ms > at.end_ms {
        let pair = (&samples[last - 1], &samples[last]);
        interpolate_histograms(at.evaluator, pair, at.end_ms, kind.is_counter, at.name_and_span())?
    } else {
        NativeHistogram::clone(&samples[last].histogram)
    };
    let is_gauge = |histogram: &NativeHistogram| histogram.reset_hint == ResetHint::Gauge;
    if !kind.is_counter && !(is_gauge(&left) && is_gauge(&right)) {
        at.warn_not_gauge();
    }
    let mut change = right.clone();
    if !at.combine(&mut change, &left, Operation::Subtraction) {
        return None;
    }
    if kind.is_counter
        && let Some(correction) = correction(at, samples, found, &left, &right, smoothed)?
        && !at.combine(&mut change, &correction, Operation::Addition)
    {
        return None;
    }
    if kind.is_rate {
        histogram::divide(&mut change, at.range_ms as f64 / 1000.0);
    }
    change.reset_hint = ResetHint::Gauge;
    change.compact(0);
    Some(change)
}

/// The sum of the histograms before each reset inside the window; `None` where they can not be
/// added up.
fn correction(
    at: &At<'_>,
    samples: &[HistogramSample],
    found: Ends,
    left: &NativeHistogram,
    right: &NativeHistogram,
    smoothed: bool,
) -> Option<Option<NativeHistogram>> {
    let Ends { first, last } = found;
    let mut before = left;
    let mut next = first + 1;
    if smoothed
        && samples[first].time_ms < at.start_ms
        && samples.get(next).is_some_and(|s| detect_reset(&s.histogram, &samples[first].histogram))
    {
        // The value at the start was interpolated from zero; its reset is taken into account.
        before = &samples[next].histogram;
        next += 1;
    }
    if next > last {
        return Some(None);
    }
    let mut total: Option<NativeHistogram> = None;
    for now in samples[next..last].iter().map(|sample| &*sample.histogram).chain([right]) {
        if detect_reset(now, before) {
            match &mut total {
                None => total = Some(before.clone()),
                Some(total) => {
                    if !at.combine(total, before, Operation::Addition) {
                        return None;
                    }
                }
            }
        }
        before = now;
    }
    Some(total)
}

/// The histogram at a time between two samples; `None` where they do not go together.
fn interpolate_histograms(
    evaluator: &Evaluator<'_>,
    (before, after): (&HistogramSample, &HistogramSample),
    time_ms: i64,
    is_counter: bool,
    (metric, span): (&str, Span),
) -> Option<NativeHistogram> {
    if time_ms == before.time_ms {
        return Some(NativeHistogram::clone(&before.histogram));
    }
    let mut between = NativeHistogram::clone(&after.histogram);
    if time_ms == after.time_ms {
        return Some(between);
    }
    let fraction = (time_ms - before.time_ms) as f64 / (after.time_ms - before.time_ms) as f64;
    if is_counter && detect_reset(&after.histogram, &before.histogram) {
        histogram::multiply(&mut between, fraction);
        return Some(between);
    }
    let old = &before.histogram;
    if !evaluator.combine(&mut between, old, Operation::Subtraction, metric, span) {
        return None;
    }
    histogram::multiply(&mut between, fraction);
    evaluator.combine(&mut between, old, Operation::Addition, metric, span).then_some(between)
}

/// A smoothed instant vector: interpolated between the samples around each step.
pub(crate) fn smoothed_instant(
    evaluator: &Evaluator<'_>,
    series: &RangeSeries,
    windows: &Windows,
    reach: &Reach,
    span: Span,
) -> Column {
    let mut column = Column::absent(reach.frame.steps);
    let metric = series.labels.metric_name();
    for step in 0..reach.frame.steps {
        let time_ms = reach.shift.apply(reach.frame.time_ms(step));
        let (low, high) = windows.window(step);
        let (after, last) = reach.ends_ms(step);
        let inside = series.histograms.partition_point(|h| h.time_ms <= after)
            ..series.histograms.partition_point(|h| h.time_ms <= last);
        let histograms = &series.histograms[inside];
        if high > low && !histograms.is_empty() {
            evaluator.warn_mixed_samples(metric, span);
            continue;
        }
        let cell = if histograms.is_empty() {
            smoothed_float(&series.times[low..high], &series.values[low..high], time_ms)
                .map(Cell::Float)
        } else {
            smoothed_histogram(evaluator, histograms, time_ms, (metric, span))
                .map(|histogram| Cell::Histogram(Arc::new(histogram)))
        };
        if let Some(cell) = cell {
            column.set(step, cell);
        }
    }
    evaluator.count_read(column.samples());
    column
}

fn smoothed_float(times: &[i64], values: &[f64], time_ms: i64) -> Option<f64> {
    let next = times.partition_point(|time| *time < time_ms);
    if times.get(next) == Some(&time_ms) {
        return Some(values[next]);
    }
    let before = next.checked_sub(1)?;
    if next == times.len() {
        return Some(values[before]);
    }
    let (from, to) = ((times[before], values[before]), (times[next], values[next]));
    Some(interpolate(from, to, time_ms, false))
}

fn smoothed_histogram(
    evaluator: &Evaluator<'_>,
    samples: &[HistogramSample],
    time_ms: i64,
    (metric, span): (&str, Span),
) -> Option<NativeHistogram> {
    let next = samples.partition_point(|sample| sample.time_ms < time_ms);
    if let Some(exact) = samples.get(next).filter(|sample| sample.time_ms == time_ms) {
        return Some(NativeHistogram::clone(&exact.histogram));
    }
    let before = &samples[next.checked_sub(1)?];
    let Some(after) = samples.get(next) else {
        let mut last = NativeHistogram::clone(&before.histogram);
        last.reset_hint = ResetHint::Unknown;
        return Some(last);
    };
    if before.histogram.uses_custom_buckets() != after.histogram.uses_custom_buckets() {
        evaluator.warn_mixed_schemas(metric, span);
        return None;
    }
    let is_gauge = |sample: &HistogramSample| sample.histogram.reset_hint == ResetHint::Gauge;
    let is_counter = !(is_gauge(before) && is_gauge(after));
    interpolate_histograms(evaluator, (before, after), time_ms, is_counter, (metric, span))
}

/// Where `changes` and `resets` begin to look in an anchored window: at the last sample at or before
/// its start, the first positions being those of numbers and of histograms. `None` where the window
/// is empty.
pub(crate) fn anchored_first(at: &At<'_>, window: &Window<'_>) -> Option<(usize, usize)> {
    let floats = window.times.partition_point(|time| *time <= at.start_ms);
    let histograms = window.histograms.partition_point(|h| h.time_ms <= at.start_ms);
    if floats >= window.times.len() && histograms >= window.histograms.len() {
        return None;
    }
    let float_ms = floats.checked_sub(1).map(|last| window.times[last]);
    let histogram_ms = histograms.checked_sub(1).map(|last| window.histograms[last].time_ms);
    Some(match (float_ms, histogram_ms) {
        (None, None) => (0, 0),
        (Some(float), Some(histogram)) if float < histogram => (floats, histograms - 1),
        (None, Some(_)) => (floats, histograms - 1),
        (Some(_), _) => (floats - 1, histograms),
    })
}
