//! Selectors: series from the source, as instant vectors or with the samples of a range.

use std::sync::Arc;

use watchkeep_model::histogram::ResetHint;
use watchkeep_model::{FloatSamples, HistogramSample, Labels, NativeHistogram, SeriesSamples};

use crate::ast::{Extension, Span};
use crate::eval::error::{EvalError, Result};
use crate::eval::plan::{Kind, Node, Range, Selector, Shift, Subquery};
use crate::eval::series::{ABSENT, Cell, Column, Series, is_absent, weight, written};
use crate::eval::window::{Reach, WindowCache, Windows};
use crate::eval::{Evaluator, Frame, Sink, extended, hints};
use crate::source::Select;
use crate::value::MatrixSeries;

/// A series with its samples, stale markers removed.
#[derive(Debug)]
pub(crate) struct RangeSeries {
    pub(crate) labels: Labels,
    pub(crate) drop_name: bool,
    pub(crate) times: Arc<[i64]>,
    pub(crate) values: Vec<f64>,
    /// Start times of the numbers, 0 where not known.
    pub(crate) starts: Option<Arc<[i64]>>,
    pub(crate) histograms: Vec<HistogramSample>,
}

/// What of a sample an instant vector takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    /// The value.
    Value,
    /// The time, in seconds.
    Time,
    /// The start time, in seconds.
    StartTime,
    /// The time in milliseconds, of numbers only.
    FloatTime,
}

impl Evaluator<'_> {
    /// Hands over each series that the source has for the reach.
    fn each_from_source(
        &self,
        selector: &Selector,
        reach: &Reach,
        take: &mut dyn FnMut(SeriesSamples) -> Result<()>,
    ) -> Result<()> {
        const CHECK_EVERY: usize = 16;
        let (start_ms, end_ms) = reach.span_ms();
        if end_ms < start_ms {
            return Ok(());
        }
        let select = Select { matchers: selector.matchers.clone(), start_ms, end_ms };
        for (position, series) in self.source.select(&select)?.enumerate() {
            if position % CHECK_EVERY == 0 {
                self.check()?;
            }
            let mut series = series?;
            if !series.histograms.is_empty() {
                hints::resolve(&mut series);
                if selector.stats_only {
                    hints::without_buckets(&mut series.histograms);
                }
            }
            take(series)?;
        }
        Ok(())
    }

    /// The instant vector of a selector.
    pub(crate) fn each_selected(
        &self,
        selector: &Selector,
        span: Span,
        frame: Frame,
        sink: Sink<'_>,
    ) -> Result<()> {
        if selector.extension == Extension::Smoothed {
            return self.each_smoothed(selector, span, frame, sink);
        }
        self.each_taken(selector, frame, Take::Value, sink)
    }

    /// The instant vector of a selector, or the times of its samples.
    pub(crate) fn each_taken(
        &self,
        selector: &Selector,
        frame: Frame,
        take: Take,
        sink: Sink<'_>,
    ) -> Result<()> {
        let reach = Reach {
            frame,
            shift: selector.shift,
            before_ms: self.options.lookback_ms,
            after_ms: 0,
        };
        let mut cache = WindowCache::new(reach);
        self.each_from_source(selector, &reach, &mut |series| {
            let windows = cache.get(&series.floats.times_ms);
            let column = if series.histograms.is_empty() {
                floats_only(&series.floats, &windows, take)
            } else {
                let column = mixed(&series, &windows, &reach, take);
                if take == Take::FloatTime && column.histograms.is_some() {
                    return Err(EvalError::execution(format!(
                        "this should be an info metric, with float samples: {}",
                        written(&series.labels)
                    )));
                }
                column
            };
            self.count_read(column.samples());
            sink(Series { labels: series.labels, drop_name: false, column })
        })
    }

    fn each_smoothed(
        &self,
        selector: &Selector,
        span: Span,
        frame: Frame,
        sink: Sink<'_>,
    ) -> Result<()> {
        let lookback_ms = self.options.lookback_ms;
        let reach =
            Reach { frame, shift: selector.shift, before_ms: lookback_ms, after_ms: lookback_ms };
        let mut cache = WindowCache::new(reach);
        self.each_from_source(selector, &reach, &mut |series| {
            let series = range_series(series);
            let windows = cache.get(&series.times);
            let column = extended::smoothed_instant(self, &series, &windows, &reach, span);
            sink(Series { labels: series.labels, drop_name: false, column })
        })
    }

    /// How far the steps of a range selector look.
    pub(crate) fn reach(&self, range: &Range, frame: Frame) -> Reach {
        let lookback_ms = self.options.lookback_ms;
        let (more_before, after_ms) = match range.selector.extension {
            Extension::None => (0, 0),
            Extension::Anchored => (lookback_ms, 0),
            Extension::Smoothed => (lookback_ms, lookback_ms),
        };
        Reach {
            frame,
            shift: range.selector.shift,
            before_ms: range.range_ms.saturating_add(more_before),
            after_ms,
        }
    }

    /// Hands over the series of a range selector.
    pub(crate) fn each_ranged(
        &self,
        range: &Range,
        frame: Frame,
        take: &mut dyn FnMut(RangeSeries) -> Result<()>,
    ) -> Result<()> {
        let reach = self.reach(range, frame);
        self.each_from_source(&range.selector, &reach, &mut |series| take(range_series(series)))
    }

    /// The steps of a subquery; `None` where there is none.
    pub(crate) fn subquery_frame(
        &self,
        subquery: &Subquery,
        frame: Frame,
    ) -> Result<Option<Frame>> {
        let interval_ms = subquery.step_ms.unwrap_or(self.options.subquery_step_ms).max(1);
        let before = subquery.shift.apply(frame.start_ms).saturating_sub(subquery.range_ms);
        let mut start_ms = interval_ms * (before / interval_ms);
        if start_ms <= before {
            start_ms += interval_ms;
        }
        Self::frame(start_ms, subquery.shift.apply(frame.end_ms()), interval_ms)
    }

    /// Hands over the series of a subquery.
    pub(crate) fn each_of_subquery(
        &self,
        subquery: &Subquery,
        frame: Frame,
        take: &mut dyn FnMut(RangeSeries) -> Result<()>,
    ) -> Result<()> {
        let Some(inner) = self.subquery_frame(subquery, frame)? else { return Ok(()) };
        let times: Arc<[i64]> = (0..inner.steps).map(|step| inner.time_ms(step)).collect();
        self.each(&subquery.inner, inner, &mut |series| take(from_column(series, &times)))
    }

    /// Hands over the series of a range selector or subquery, and says how far its steps look.
    pub(crate) fn each_range_series(
        &self,
        node: &Node,
        frame: Frame,
        take: &mut dyn FnMut(RangeSeries) -> Result<()>,
    ) -> Result<()> {
        match &node.kind {
            Kind::Range(range) => self.each_ranged(range, frame, take),
            Kind::Subquery(subquery) => self.each_of_subquery(subquery, frame, take),
            Kind::Invariant(inner) => self.each_range_series(inner, frame, take),
            _ => Err(EvalError::execution("expected a range vector")),
        }
    }

    /// The samples of a range selector at the only step, as an answer.
    pub(crate) fn range_vector(&self, range: &Range, frame: Frame) -> Result<Vec<MatrixSeries>> {
        let reach = self.reach(range, frame);
        let mut matrix = Vec::new();
        self.each_ranged(range, frame, &mut |mut series| {
            let windows = Windows::new(&series.times, &reach);
            let (low, high) = windows.window(0);
            let (after, last) = reach.ends_ms(0);
            series.histograms.retain(|h| h.time_ms > after && h.time_ms <= last);
            let (times, values) = (&series.times[low..high], &series.values[low..high]);
            let floats = match range.selector.extension {
                Extension::None => times.iter().copied().zip(values.iter().copied()).collect(),
                extension => {
                    let smoothed = extension == Extension::Smoothed;
                    if !series.histograms.is_empty() {
                        let word = if smoothed { "smoothed" } else { "anchored" };
                        return Err(EvalError::execution(format!(
                            "{word} modifier is not supported with histograms"
                        )));
                    }
                    let end_ms = range.selector.shift.apply(frame.start_ms);
                    extended::points(times, values, end_ms - range.range_ms, end_ms, smoothed)
                }
            };
            let histograms: Vec<_> =
                series.histograms.into_iter().map(|h| (h.time_ms, h.histogram)).collect();
            let weights = histograms.iter().map(|(_, histogram)| weight(histogram)).sum::<u64>();
            self.count_read(floats.len() as u64 + weights);
            self.hold(floats.len() as u64 + weights)?;
            if !floats.is_empty() || !histograms.is_empty() {
                matrix.push(MatrixSeries { labels: series.labels, floats, histograms });
            }
            Ok(())
        })?;
        Ok(matrix)
    }
}

/// How the steps of a range look, of a selector or subquery.
pub(crate) fn reach_of(evaluator: &Evaluator<'_>, node: &Node, frame: Frame) -> Option<Reach> {
    match &node.kind {
        Kind::Range(range) => Some(evaluator.reach(range, frame)),
        Kind::Subquery(subquery) => {
            Some(Reach { frame, shift: subquery.shift, before_ms: subquery.range_ms, after_ms: 0 })
        }
        Kind::Invariant(inner) => reach_of(evaluator, inner, frame),
        _ => None,
    }
}

/// The shift and length of a range.
pub(crate) fn range_of(node: &Node) -> Option<(Shift, i64, Extension)> {
    match &node.kind {
        Kind::Range(range) => {
            Some((range.selector.shift, range.range_ms, range.selector.extension))
        }
        Kind::Subquery(subquery) => Some((subquery.shift, subquery.range_ms, Extension::None)),
        Kind::Invariant(inner) => range_of(inner),
        _ => None,
    }
}

fn floats_only(floats: &FloatSamples, windows: &Windows, take: Take) -> Column {
    let values = &floats.values[..];
    let mut out = Vec::with_capacity(windows.low.len());
    let ends = windows.low.iter().zip(&windows.high);
    if take == Take::Value {
        // A stale marker has the bits that stand for absence.
        out.extend(ends.map(|(low, high)| match values.get((*high as usize).wrapping_sub(1)) {
            Some(value) if low < high => *value,
            _ => ABSENT,
        }));
    } else {
        out.extend(ends.map(|(low, high)| {
            let last = (*high as usize).wrapping_sub(1);
            if low >= high || is_absent(values[last]) {
                return ABSENT;
            }
            let start = floats.starts_ms.as_ref().map_or(0, |starts| starts[last]);
            taken_time(take, floats.times_ms[last], start)
        }));
    }
    Column::from_floats(out)
}

fn taken_time(take: Take, time_ms: i64, start_ms: i64) -> f64 {
    match take {
        Take::Value | Take::FloatTime => time_ms as f64,
        Take::Time => time_ms as f64 / 1000.0,
        Take::StartTime => start_ms as f64 / 1000.0,
    }
}

/// Of numbers and histograms the later sample counts.
fn mixed(series: &SeriesSamples, windows: &Windows, reach: &Reach, take: Take) -> Column {
    let mut column = Column::absent(reach.frame.steps);
    let mut next = 0;
    for step in 0..reach.frame.steps {
        let (after, last) = reach.ends_ms(step);
        while next < series.histograms.len() && series.histograms[next].time_ms <= last {
            next += 1;
        }
        let histogram =
            next.checked_sub(1).map(|at| &series.histograms[at]).filter(|h| h.time_ms > after);
        let (low, high) = windows.window(step);
        let float = (low < high).then(|| high - 1);
        let float_ms = float.map(|at| series.floats.times_ms[at]);
        match (float, histogram) {
            (_, Some(histogram)) if float_ms.is_none_or(|time| time <= histogram.time_ms) => {
                if is_absent(histogram.histogram.sum) {
                    continue;
                }
                column.set(
                    step,
                    match take {
                        Take::Value | Take::FloatTime => {
                            Cell::Histogram(histogram.histogram.clone())
                        }
                        take => {
                            Cell::Float(taken_time(take, histogram.time_ms, histogram.start_ms))
                        }
                    },
                );
            }
            (Some(at), _) if !is_absent(series.floats.values[at]) => {
                let start = series.floats.starts_ms.as_ref().map_or(0, |starts| starts[at]);
                column.floats[step] = match take {
                    Take::Value => series.floats.values[at],
                    take => taken_time(take, series.floats.times_ms[at], start),
                };
            }
            _ => {}
        }
    }
    column
}

fn range_series(series: SeriesSamples) -> RangeSeries {
    let SeriesSamples { labels, floats, mut histograms } = series;
    let FloatSamples { times_ms: mut times, mut values, starts_ms: mut starts } = floats;
    histograms.retain(|sample| !is_absent(sample.histogram.sum));
    let stale = values.iter().fold(0_usize, |count, value| count + usize::from(is_absent(*value)));
    if stale > 0 {
        let live = |position: &usize| !is_absent(values[*position]);
        times = (0..values.len()).filter(live).map(|position| times[position]).collect();
        starts = starts.map(|starts| {
            (0..values.len()).filter(live).map(|position| starts[position]).collect()
        });
        values.retain(|value| !is_absent(*value));
    }
    RangeSeries { labels, drop_name: false, times, values, starts, histograms }
}

/// The values of a subquery as samples. What histograms say about resets holds between samples of
/// the series that was selected, not between these.
fn from_column(series: Series, times: &Arc<[i64]>) -> RangeSeries {
    let Series { labels, drop_name, column } = series;
    let histograms = column
        .histograms
        .into_iter()
        .flatten()
        .enumerate()
        .filter_map(|(step, histogram)| {
            let mut histogram = histogram?;
            if matches!(histogram.reset_hint, ResetHint::Reset | ResetHint::NotReset) {
                let mut changed = NativeHistogram::clone(&histogram);
                changed.reset_hint = ResetHint::Unknown;
                histogram = Arc::new(changed);
            }
            Some(HistogramSample { time_ms: times[step], start_ms: 0, histogram })
        })
        .collect();
    let mut values = column.floats;
    let times = if values.iter().any(|value| is_absent(*value)) {
        let live = (0..values.len()).filter(|step| !is_absent(values[*step]));
        let times = live.map(|step| times[step]).collect();
        values.retain(|value| !is_absent(*value));
        times
    } else {
        Arc::clone(times)
    };
    RangeSeries { labels, drop_name, times, values, starts: None, histograms }
}
