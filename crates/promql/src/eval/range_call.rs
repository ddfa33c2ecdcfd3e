//! Functions of range vectors, one series at a time: whole columns at once where that is simple
//! (numbers alone), else window by window.

use watchkeep_model::{HistogramSample, Labels, NativeHistogram};

use crate::ast::{Extension, Span};
use crate::eval::error::{EvalError, Result};
use crate::eval::hist::Operation;
use crate::eval::plan::{Call, Kind, Node};
use crate::eval::rate::{self, Moment, RateKind};
use crate::eval::selector::{RangeSeries, range_of, reach_of};
use crate::eval::series::{ABSENT, Cell, Column, Series, is_absent, weight};
use crate::eval::window::{Reach, WindowCache, Windows};
use crate::eval::{Evaluator, Frame, Sink, extended, over_time};
use crate::quote::quote;

/// A function of a range vector.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Function {
    Rate(RateKind),
    /// `irate`, or `idelta`.
    Instant {
        is_rate: bool,
    },
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Present,
    Absent,
    First,
    Last,
    TimeOfFirst,
    TimeOfLast,
    TimeOfMin,
    TimeOfMax,
    Stddev,
    Stdvar,
    Mad,
    Quantile,
    Changes,
    Resets,
    Deriv,
    PredictLinear,
    Smoothing,
}

impl Function {
    fn of(name: &str) -> Option<Self> {
        let rate = |is_counter, is_rate| Self::Rate(RateKind { is_counter, is_rate });
        Some(match name {
            "rate" => rate(true, true),
            "increase" => rate(true, false),
            "delta" => rate(false, false),
            "irate" => Self::Instant { is_rate: true },
            "idelta" => Self::Instant { is_rate: false },
            "sum_over_time" => Self::Sum,
            "avg_over_time" => Self::Avg,
            "min_over_time" => Self::Min,
            "max_over_time" => Self::Max,
            "count_over_time" => Self::Count,
            "present_over_time" => Self::Present,
            "absent_over_time" => Self::Absent,
            "first_over_time" => Self::First,
            "last_over_time" => Self::Last,
            "ts_of_first_over_time" => Self::TimeOfFirst,
            "ts_of_last_over_time" => Self::TimeOfLast,
            "ts_of_min_over_time" => Self::TimeOfMin,
            "ts_of_max_over_time" => Self::TimeOfMax,
            "stddev_over_time" => Self::Stddev,
            "stdvar_over_time" => Self::Stdvar,
            "mad_over_time" => Self::Mad,
            "quantile_over_time" => Self::Quantile,
            "changes" => Self::Changes,
            "resets" => Self::Resets,
            "deriv" => Self::Deriv,
            "predict_linear" => Self::PredictLinear,
            "double_exponential_smoothing" => Self::Smoothing,
            _ => return None,
        })
    }

    /// Whether start times make a difference.
    fn reads_starts(self) -> bool {
        match self {
            Self::Rate(kind) => kind.is_counter,
            Self::Instant { is_rate } => is_rate,
            Self::Resets => true,
            _ => false,
        }
    }
}

/// The samples that a step looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'w> {
    pub(crate) times: &'w [i64],
    pub(crate) values: &'w [f64],
    pub(crate) starts: Option<&'w [i64]>,
    pub(crate) histograms: &'w [HistogramSample],
}

impl Window<'_> {
    /// Time and start time of a number.
    pub(crate) fn moment(&self, at: usize) -> Moment {
        Moment { time_ms: self.times[at], start_ms: self.starts.map_or(0, |starts| starts[at]) }
    }

    /// The start time of a number, or of a histogram where there are only those.
    pub(crate) fn start_ms(&self, at: usize) -> i64 {
        if self.values.is_empty() {
            self.histograms.get(at).map_or(0, |sample| sample.start_ms)
        } else {
            self.starts.map_or(0, |starts| starts[at])
        }
    }

    /// Of numbers and histograms together.
    pub(crate) fn first_and_last_ms(&self) -> Option<(i64, i64)> {
        let floats = self.times.first().zip(self.times.last());
        let histograms = self.histograms.first().zip(self.histograms.last());
        let histograms = histograms.map(|(first, last)| (first.time_ms, last.time_ms));
        match (floats, histograms) {
            (Some((first, last)), Some(other)) => {
                Some(((*first).min(other.0), (*last).max(other.1)))
            }
            (Some((first, last)), None) => Some((*first, *last)),
            (None, other) => other,
        }
    }
}

/// Where a function is evaluated: series, step, and whom to tell.
#[derive(Clone, Copy)]
pub(crate) struct At<'c> {
    pub(crate) evaluator: &'c Evaluator<'c>,
    labels: &'c Labels,
    /// The argument, for remarks.
    pub(crate) span: Span,
    pub(crate) extension: Extension,
    /// The step.
    pub(crate) time_ms: i64,
    /// The range's ends, shifted, without what `anchored` and `smoothed` add.
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) range_ms: i64,
}

impl At<'_> {
    pub(crate) fn metric(&self) -> &str {
        self.labels.metric_name()
    }

    pub(crate) fn name_and_span(&self) -> (&str, Span) {
        (self.metric(), self.span)
    }

    pub(crate) fn warn_mixed_samples(&self) {
        self.evaluator.warn_mixed_samples(self.metric(), self.span);
    }

    pub(crate) fn warn_mixed_schemas(&self) {
        self.evaluator.warn_mixed_schemas(self.metric(), self.span);
    }

    pub(crate) fn warn_not_counter(&self) {
        self.evaluator.warn_not_counter(self.metric(), self.span);
    }

    pub(crate) fn warn_not_gauge(&self) {
        self.evaluator.warn_not_gauge(self.metric(), self.span);
    }

    pub(crate) fn info_histograms_ignored(&self) {
        self.evaluator.info_histograms_ignored(self.metric(), self.span);
    }

    pub(crate) fn combine(
        &self,
        total: &mut NativeHistogram,
        other: &NativeHistogram,
        operation: Operation,
    ) -> bool {
        self.evaluator.combine(total, other, operation, self.metric(), self.span)
    }
}

/// A call for all its series.
struct RangeCall<'c> {
    evaluator: &'c Evaluator<'c>,
    function: Function,
    /// Scalar arguments by step.
    scalars: Vec<Vec<f64>>,
    span: Span,
    extension: Extension,
    range_ms: i64,
    reach: Reach,
}

impl Evaluator<'_> {
    /// Functions of a range vector; `None` for other functions.
    pub(crate) fn each_range_call(
        &self,
        call: &Call,
        frame: Frame,
        sink: Sink<'_>,
    ) -> Option<Result<()>> {
        let function = Function::of(call.name)?;
        let matrix = call.args.iter().find(|arg| range_of(arg).is_some())?;
        Some(self.range_call(call, function, matrix, frame, sink))
    }

    fn range_call(
        &self,
        call: &Call,
        function: Function,
        matrix: &Node,
        frame: Frame,
        sink: Sink<'_>,
    ) -> Result<()> {
        let (Some((_, range_ms, extension)), Some(reach)) =
            (range_of(matrix), reach_of(self, matrix, frame))
        else {
            return Err(EvalError::execution("expected a range vector"));
        };
        let scalars = call
            .args
            .iter()
            .filter(|arg| range_of(arg).is_none())
            .map(|arg| self.scalar(arg, frame))
            .collect::<Result<Vec<_>>>()?;
        let call = RangeCall {
            evaluator: self,
            function,
            scalars,
            // Remarks name the first argument, whichever it is.
            span: call.args[0].span,
            extension,
            range_ms,
            reach,
        };
        if function == Function::Absent {
            return call.absent_over_time(matrix, sink);
        }
        let mut cache = WindowCache::new(reach);
        let mut named: Option<String> = None;
        self.each_range_series(matrix, frame, &mut |series| {
            let column = call.column(&series, &cache.get(&series.times))?;
            if matches!(function, Function::Rate(kind) if kind.is_counter) {
                self.remark_on_name(&series, &column, call.span, &mut named);
            }
            let keeps_name = matches!(function, Function::First | Function::Last);
            let drop_name = series.drop_name || !keeps_name;
            sink(Series { labels: series.labels, drop_name, column })
        })
    }

    /// A counter's name says so. `named` is the last name remarked upon: many series have the same.
    fn remark_on_name(
        &self,
        series: &RangeSeries,
        column: &Column,
        span: Span,
        named: &mut Option<String>,
    ) {
        let name = series.labels.metric_name();
        let is_counter =
            ["_total", "_sum", "_count", "_bucket"].iter().any(|suffix| name.ends_with(suffix));
        if name.is_empty()
            || is_counter
            || named.as_deref() == Some(name)
            || column.floats.iter().all(|value| is_absent(*value))
        {
            return;
        }
        self.info(
            format!(
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
                quote(name)
            ),
            span,
        );
        *named = Some(name.to_owned());
    }
}

impl RangeCall<'_> {
    fn column(&self, series: &RangeSeries, windows: &Windows) -> Result<Column> {
        let (read, most) = windows.totals();
        self.evaluator.count_read(read);
        self.evaluator.hold(most)?;
        self.evaluator.release(most);
        let plain = series.histograms.is_empty()
            && self.extension == Extension::None
            && (!self.function.reads_starts()
                || series.starts.as_ref().is_none_or(|starts| starts.iter().all(|at| *at == 0)));
        if plain && let Some(floats) = self.floats(series, windows) {
            return Ok(Column::from_floats(floats));
        }
        self.windows(series, windows)
    }

    /// All steps of a series of numbers.
    fn floats(&self, series: &RangeSeries, windows: &Windows) -> Option<Vec<f64>> {
        let RangeSeries { values, times, .. } = series;
        let by_window = |f: &dyn Fn(usize, usize) -> f64| {
            windows
                .low
                .iter()
                .zip(&windows.high)
                .map(
                    |(low, high)| {
                        if low < high { f(*low as usize, *high as usize) } else { ABSENT }
                    },
                )
                .collect()
        };
        Some(match self.function {
            Function::Rate(kind) => rate::floats(values, times, windows, &self.reach, kind),
            Function::Sum => by_window(&|low, high| over_time::sum(&values[low..high])),
            Function::Avg => by_window(&|low, high| over_time::mean(&values[low..high])),
            Function::Min => {
                by_window(&|low, high| over_time::extreme(&values[low..high], false, false).1)
            }
            Function::Max => {
                by_window(&|low, high| over_time::extreme(&values[low..high], true, false).1)
            }
            Function::Count => by_window(&|low, high| (high - low) as f64),
            Function::Present => by_window(&|_, _| 1.0),
            Function::First => by_window(&|low, _| values[low]),
            Function::Last => by_window(&|_, high| values[high - 1]),
            _ => return None,
        })
    }

    /// Step by step.
    fn windows(&self, series: &RangeSeries, windows: &Windows) -> Result<Column> {
        let steps = self.reach.frame.steps;
        let mut column = Column::absent(steps);
        let (mut from, mut to) = (0, 0);
        let histograms = &series.histograms;
        for step in 0..steps {
            let (low, high) = windows.window(step);
            let (after, last) = self.reach.ends_ms(step);
            while from < histograms.len() && histograms[from].time_ms <= after {
                from += 1;
            }
            to = to.max(from);
            while to < histograms.len() && histograms[to].time_ms <= last {
                to += 1;
            }
            if low == high && from == to {
                continue;
            }
            let window = Window {
                times: &series.times[low..high],
                values: &series.values[low..high],
                starts: series.starts.as_ref().map(|starts| &starts[low..high]),
                histograms: &histograms[from..to],
            };
            if from < to {
                let held: u64 = window.histograms.iter().map(|h| weight(&h.histogram)).sum();
                self.evaluator.count_read(held);
                self.evaluator.hold(held)?;
                self.evaluator.release(held);
            }
            if let Some(cell) = self.at_step(series, step, &window)? {
                column.set(step, cell);
            }
        }
        Ok(column)
    }

    fn at_step(
        &self,
        series: &RangeSeries,
        step: usize,
        window: &Window<'_>,
    ) -> Result<Option<Cell>> {
        let time_ms = self.reach.frame.time_ms(step);
        let end_ms = self.reach.shift.apply(time_ms);
        let at = At {
            evaluator: self.evaluator,
            labels: &series.labels,
            span: self.span,
            extension: self.extension,
            time_ms,
            start_ms: end_ms.saturating_sub(self.range_ms),
            end_ms,
            range_ms: self.range_ms,
        };
        let scalar = |position: usize| self.scalars.get(position).map_or(f64::NAN, |all| all[step]);
        let samples = window.values.len() + window.histograms.len();
        let seconds = |time_ms: i64| Cell::Float(time_ms as f64 / 1000.0);
        Ok(match self.function {
            Function::Rate(kind) if self.extension == Extension::None => {
                rate::at(&at, window, kind)
            }
            Function::Rate(kind) => extended::rate(&at, window, kind, self.extension),
            Function::Instant { is_rate } => rate::instant(&at, window, is_rate),
            Function::Sum => over_time::sum_or_mean(&at, window, false),
            Function::Avg => over_time::sum_or_mean(&at, window, true),
            Function::Count => Some(Cell::Float(samples as f64)),
            Function::Present | Function::Absent => Some(Cell::Float(1.0)),
            Function::First => over_time::end_sample(window, false),
            Function::Last => over_time::end_sample(window, true),
            Function::TimeOfFirst => window.first_and_last_ms().map(|(first, _)| seconds(first)),
            Function::TimeOfLast => window.first_and_last_ms().map(|(_, last)| seconds(last)),
            Function::Quantile => over_time::quantile_over_time(&at, window, scalar(0)),
            Function::Changes => over_time::changes(&at, window),
            Function::Resets => over_time::resets(&at, window),
            Function::Deriv => over_time::deriv(&at, window),
            Function::PredictLinear => over_time::predict_linear(&at, window, scalar(0)),
            Function::Smoothing => over_time::smoothing(&at, window, scalar(0), scalar(1))?,
            of_floats => over_time::of_floats(&at, window, |window| {
                let values = window.values;
                let time = |at: usize| window.times[at] as f64 / 1000.0;
                match of_floats {
                    Function::Min => over_time::extreme(values, false, false).1,
                    Function::Max => over_time::extreme(values, true, false).1,
                    Function::TimeOfMin => time(over_time::extreme(values, false, true).0),
                    Function::TimeOfMax => time(over_time::extreme(values, true, true).0),
                    Function::Stddev => over_time::variance(values).sqrt(),
                    Function::Stdvar => over_time::variance(values),
                    _ => over_time::median_deviation(values),
                }
            }),
        })
    }

    /// 1 where no series has a sample.
    fn absent_over_time(&self, matrix: &Node, sink: Sink<'_>) -> Result<()> {
        let frame = self.reach.frame;
        let mut cache = WindowCache::new(self.reach);
        let mut column = Column::from_floats(vec![1.0; frame.steps]);
        self.evaluator.each_range_series(matrix, frame, &mut |series| {
            let present = self.column_of_presence(&series, &cache.get(&series.times))?;
            for (step, value) in present.floats.iter().enumerate() {
                if !is_absent(*value) {
                    column.clear(step);
                }
            }
            Ok(())
        })?;
        let labels = match &matrix.kind {
            Kind::Range(range) => super::call::absent_labels(&range.selector.matchers),
            _ => Labels::default(),
        };
        sink(Series { labels, drop_name: true, column })
    }

    fn column_of_presence(&self, series: &RangeSeries, windows: &Windows) -> Result<Column> {
        if series.histograms.is_empty() {
            let ends = windows.low.iter().zip(&windows.high);
            let floats = ends.map(|(low, high)| if low < high { 1.0 } else { ABSENT }).collect();
            return Ok(Column::from_floats(floats));
        }
        self.windows(series, windows)
    }
}
