//! The evaluator. A node of the plan is evaluated for all steps at once, into columns; leaves hand
//! one series after the other to whoever wants it, so that an aggregation never holds its input.

pub(crate) mod aggregate;
pub(crate) mod binary;
pub(crate) mod calendar;
pub(crate) mod call;
pub(crate) mod distribution;
pub(crate) mod durations;
pub(crate) mod error;
pub(crate) mod extended;
pub(crate) mod hints;
pub(crate) mod hist;
pub(crate) mod info;
pub(crate) mod join;
pub(crate) mod number;
pub(crate) mod over_time;
pub(crate) mod plan;
pub(crate) mod range_call;
pub(crate) mod rank;
pub(crate) mod rate;
pub(crate) mod selector;
pub(crate) mod series;
pub(crate) mod sets;
pub(crate) mod sliding;
pub(crate) mod sort;
pub(crate) mod window;

use std::cell::{Cell, RefCell};

pub use error::EvalError;
pub use hints::reset_hint_after;

use crate::algebra::{Dialect, Given};
use crate::annotations::Notes;
use crate::ast::{Expr, ValueType};
use crate::eval::durations::Times;
use crate::eval::error::Result;
use crate::eval::plan::{Kind, Node, documented, plan};
use crate::eval::series::{Merged, Series, is_metadata, same_labels};
use crate::source::SeriesSource;
use crate::value::{MatrixSeries, Output, Sample, Stats, Value, VectorSample};

/// How to evaluate, and how far to go.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// How old the last sample of a series may be, in milliseconds.
    pub lookback_ms: i64,
    /// How many samples may be held at one time.
    pub samples_max: u64,
    /// The step of a subquery that names none, in milliseconds.
    pub subquery_step_ms: i64,
    /// Asked now and then: an error ends the evaluation with it.
    pub interrupt: &'a dyn Fn() -> Option<EvalError>,
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("lookback_ms", &self.lookback_ms)
            .field("samples_max", &self.samples_max)
            .field("subquery_step_ms", &self.subquery_step_ms)
            .finish_non_exhaustive()
    }
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            lookback_ms: 300_000,
            samples_max: 50_000_000,
            subquery_step_ms: 60_000,
            interrupt: &|| None,
        }
    }
}

/// Evaluates at one point in time, in milliseconds. `query` is the text that `expr` was parsed from:
/// remarks name places in it.
///
/// # Errors
/// See [`EvalError`].
pub fn instant(
    source: &dyn SeriesSource,
    query: &str,
    expr: &Expr,
    time_ms: i64,
    options: &Options<'_>,
) -> std::result::Result<Output, EvalError> {
    let times = Times { start_ms: time_ms, end_ms: time_ms, step_ms: 0 };
    let node = plan(expr, &times)?;
    let evaluator = Evaluator::new(source, options);
    let frame = Frame { start_ms: time_ms, interval_ms: 1, steps: 1 };
    let value = match node.value_type() {
        ValueType::String => match inner_text(&node) {
            Some(value) => Value::String { time_ms, value: value.to_owned() },
            None => return Err(EvalError::execution("a string is not written out")),
        },
        ValueType::Scalar => {
            let value = evaluator.scalar(&node, frame)?[0];
            Value::Scalar { time_ms, value }
        }
        ValueType::Vector => {
            let series = Evaluator::finish(evaluator.vector(&node, frame)?)?;
            Value::Vector(
                series
                    .into_iter()
                    .filter_map(|series| {
                        let sample = match series.column.get(0)? {
                            series::Cell::Float(value) => Sample::Float(value),
                            series::Cell::Histogram(histogram) => Sample::Histogram(histogram),
                        };
                        Some(VectorSample { labels: series.labels, time_ms, sample })
                    })
                    .collect(),
            )
        }
        ValueType::Matrix => Value::Matrix(evaluator.matrix(&node, frame)?),
    };
    Ok(evaluator.output(query, value))
}

/// Evaluates at every step from `start_ms` up to at most `end_ms`.
///
/// # Errors
/// See [`EvalError`].
pub fn range(
    source: &dyn SeriesSource,
    query: &str,
    expr: &Expr,
    start_ms: i64,
    end_ms: i64,
    step_ms: i64,
    options: &Options<'_>,
) -> std::result::Result<Output, EvalError> {
    if step_ms <= 0 {
        return Err(EvalError::Invalid(
            "zero or negative query resolution step widths are not \
             accepted. Try a positive integer"
                .to_owned(),
        ));
    }
    let node = plan(expr, &Times { start_ms, end_ms, step_ms })?;
    let value_type = node.value_type();
    if !matches!(value_type, ValueType::Vector | ValueType::Scalar) {
        return Err(EvalError::Invalid(format!(
            "invalid expression type {} for range query, must be Scalar or instant Vector",
            documented(value_type)
        )));
    }
    let evaluator = Evaluator::new(source, options);
    let Some(frame) = Frame::new(start_ms, end_ms, step_ms) else {
        return Ok(evaluator.output(query, Value::Matrix(Vec::new())));
    };
    let series = if value_type == ValueType::Scalar {
        let column = series::Column::from_floats(evaluator.scalar(&node, frame)?);
        vec![Series { labels: watchkeep_model::Labels::default(), drop_name: false, column }]
    } else {
        Evaluator::finish(evaluator.vector(&node, frame)?)?
    };
    let mut matrix: Vec<MatrixSeries> =
        series.into_iter().filter_map(|series| points(series, frame)).collect();
    matrix.sort_by(|a, b| a.labels.compare(&b.labels));
    Ok(evaluator.output(query, Value::Matrix(matrix)))
}

/// The points of a series; `None` where there is none.
fn points(series: Series, frame: Frame) -> Option<MatrixSeries> {
    let mut out = MatrixSeries { labels: series.labels, ..MatrixSeries::default() };
    out.floats.reserve_exact(frame.steps);
    for (step, value) in series.column.floats.iter().enumerate() {
        if !series::is_absent(*value) {
            out.floats.push((frame.time_ms(step), *value));
        }
    }
    for (step, histogram) in series.column.histograms.into_iter().flatten().enumerate() {
        if let Some(histogram) = histogram {
            out.histograms.push((frame.time_ms(step), histogram));
        }
    }
    (!out.floats.is_empty() || !out.histograms.is_empty()).then_some(out)
}

fn inner_text(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Text(text) => Some(text),
        Kind::Invariant(inner) => inner_text(inner),
        _ => None,
    }
}

/// The steps that are evaluated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) start_ms: i64,
    pub(crate) interval_ms: i64,
    /// At least one.
    pub(crate) steps: usize,
}

impl Frame {
    /// Steps from `start_ms` up to at most `end_ms`; `None` where there is none.
    fn new(start_ms: i64, end_ms: i64, interval_ms: i64) -> Option<Self> {
        let last = end_ms.checked_sub(start_ms).filter(|span| *span >= 0)? / interval_ms;
        Some(Self { start_ms, interval_ms, steps: usize::try_from(last).ok()? + 1 })
    }

    pub(crate) fn time_ms(self, step: usize) -> i64 {
        self.start_ms + self.interval_ms * step as i64
    }

    pub(crate) fn end_ms(self) -> i64 {
        self.time_ms(self.steps - 1)
    }

    fn first(self) -> Self {
        Self { steps: 1, ..self }
    }
}

/// Takes one series after the other.
pub(crate) type Sink<'s> = &'s mut dyn FnMut(Series) -> Result<()>;

/// What an evaluation needs and counts.
pub(crate) struct Evaluator<'a> {
    pub(crate) source: &'a dyn SeriesSource,
    pub(crate) options: &'a Options<'a>,
    pub(crate) dialect: Dialect,
    /// What [`Kind::Given`] stands for.
    given: Option<&'a dyn Given>,
    pub(crate) notes: RefCell<Notes>,
    held: Cell<u64>,
    peak: Cell<u64>,
    read: Cell<u64>,
}

impl<'a> Evaluator<'a> {
    fn new(source: &'a dyn SeriesSource, options: &'a Options<'a>) -> Self {
        Self {
            source,
            options,
            dialect: Dialect::default(),
            given: None,
            notes: RefCell::default(),
            held: Cell::new(0),
            peak: Cell::new(0),
            read: Cell::new(0),
        }
    }

    /// Evaluates expressions over series that are given.
    pub(crate) fn over_given(
        source: &'a dyn SeriesSource,
        options: &'a Options<'a>,
        dialect: Dialect,
        given: &'a dyn Given,
    ) -> Self {
        Self { dialect, given: Some(given), ..Self::new(source, options) }
    }

    fn output(self, query: &str, value: Value) -> Output {
        let stats = Stats { samples_total: self.read.get(), samples_peak: self.peak.get() };
        Output { value, annotations: self.notes.into_inner().finish(query), stats }
    }

    /// Fails where the evaluation is to end.
    pub(crate) fn check(&self) -> Result<()> {
        (self.options.interrupt)().map_or(Ok(()), Err)
    }

    /// Counts samples that are held from now on.
    pub(crate) fn hold(&self, samples: u64) -> Result<()> {
        let held = self.held.get() + samples;
        self.held.set(held);
        self.peak.set(self.peak.get().max(held));
        if held > self.options.samples_max { Err(EvalError::TooManySamples) } else { Ok(()) }
    }

    /// Counts samples that are let go.
    pub(crate) fn release(&self, samples: u64) {
        self.held.set(self.held.get().saturating_sub(samples));
    }

    /// Counts samples that a step looked at.
    pub(crate) fn count_read(&self, samples: u64) {
        self.read.set(self.read.get() + samples);
    }

    pub(crate) fn warn(&self, text: impl Into<String>, span: crate::ast::Span) {
        self.notes.borrow_mut().warn(text.into(), span);
    }

    pub(crate) fn info(&self, text: impl Into<String>, span: crate::ast::Span) {
        self.notes.borrow_mut().info(text.into(), span);
    }

    /// A frame for a subquery. Each of its steps counts as a sample, whether there is one or not.
    pub(crate) fn frame(
        &self,
        start_ms: i64,
        end_ms: i64,
        interval_ms: i64,
    ) -> Result<Option<Frame>> {
        let frame = Frame::new(start_ms, end_ms, interval_ms);
        if frame.is_some_and(|frame| frame.steps as u64 > self.options.samples_max) {
            return Err(EvalError::TooManySamples);
        }
        Ok(frame)
    }

    /// The value of a scalar at each step.
    pub(crate) fn scalar(&self, node: &Node, frame: Frame) -> Result<Vec<f64>> {
        Ok(match &node.kind {
            Kind::Number(value) => vec![*value; frame.steps],
            Kind::Negate(inner) => {
                let mut values = self.scalar(inner, frame)?;
                for value in &mut values {
                    *value = -*value;
                }
                values
            }
            Kind::Invariant(inner) => vec![self.scalar(inner, frame.first())?[0]; frame.steps],
            Kind::Binary(node) => {
                let (mut lhs, rhs) =
                    (self.scalar(&node.lhs, frame)?, self.scalar(&node.rhs, frame)?);
                for (a, b) in lhs.iter_mut().zip(rhs) {
                    *a = binary::scalars(node.op, *a, b);
                }
                lhs
            }
            Kind::Call(call) => self.scalar_call(call, frame)?,
            _ => return Err(EvalError::execution("expected a scalar")),
        })
    }

    /// The series of a vector, held. The caller counts them as let go: see [`Self::let_go`].
    pub(crate) fn vector(&self, node: &Node, frame: Frame) -> Result<Vec<Series>> {
        let mut all = Vec::new();
        self.each(node, frame, &mut |series| {
            self.hold(series.column.samples())?;
            all.push(series);
            Ok(())
        })?;
        Ok(all)
    }

    /// Counts series of [`Self::vector`] as let go once what is made of them is held.
    pub(crate) fn let_go(&self, series: &[Series]) {
        self.release(series.iter().map(|series| series.column.samples()).sum());
    }

    /// Hands the series of a vector to `sink`. One without any value may be among them.
    pub(crate) fn each(&self, node: &Node, frame: Frame, sink: Sink<'_>) -> Result<()> {
        self.check()?;
        match &node.kind {
            Kind::Selector(selector) => self.each_selected(selector, node.span, frame, sink),
            Kind::Given(number) => self.given.map_or(Ok(()), |given| given.feed(*number, sink)),
            Kind::Negate(inner) => self.each(inner, frame, &mut |mut series| {
                series.drop_name = true;
                for value in &mut series.column.floats {
                    if !series::is_absent(*value) {
                        *value = -*value;
                    }
                }
                for histogram in series.column.histograms.iter_mut().flatten().flatten() {
                    *histogram = hist::scaled(histogram, -1.0);
                }
                sink(series)
            }),
            Kind::Invariant(inner) => self.each(inner, frame.first(), &mut |mut series| {
                series.column = series.column.repeated(frame.steps);
                sink(series)
            }),
            Kind::Binary(binary) => self.each_binary(binary, node.span, frame, sink),
            Kind::Aggregate(aggregate) => self.each_aggregated(aggregate, node.span, frame, sink),
            Kind::Call(call) => self.each_called(call, node, frame, sink),
            Kind::Number(_) | Kind::Text(_) | Kind::Range(_) | Kind::Subquery(_) => {
                Err(EvalError::execution("expected an instant vector"))
            }
        }
    }

    /// Drops the names that are to go, and joins series that then are the same.
    fn finish(series: Vec<Series>) -> Result<Vec<Series>> {
        let mut merged = Merged::default();
        for mut series in series {
            if series.column.is_empty() {
                continue;
            }
            if series.drop_name {
                series.labels = series.labels.kept(|name| !is_metadata(name));
            }
            merged.add(series)?;
        }
        Ok(merged.finish())
    }

    /// A range vector as the answer to an instant query.
    fn matrix(&self, node: &Node, frame: Frame) -> Result<Vec<MatrixSeries>> {
        let mut matrix = match &node.kind {
            Kind::Invariant(inner) => return self.matrix(inner, frame),
            Kind::Range(range) => self.range_vector(range, frame)?,
            Kind::Subquery(subquery) => match self.subquery_frame(subquery, frame)? {
                Some(inner) => {
                    let series = Self::finish(self.vector(&subquery.inner, inner)?)?;
                    series.into_iter().filter_map(|series| points(series, inner)).collect()
                }
                None => Vec::new(),
            },
            _ => return Err(EvalError::execution("expected a range vector")),
        };
        matrix.sort_by(|a, b| a.labels.compare(&b.labels));
        if matrix.windows(2).any(|pair| pair[0].labels == pair[1].labels) {
            return Err(same_labels());
        }
        Ok(matrix)
    }
}
