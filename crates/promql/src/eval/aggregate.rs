//! Aggregations. Those that need no more than a running value for each group fold each series into
//! it as it comes; the others (`topk`, `quantile`, …, in [`super::rank`]) look at all of them.

use std::sync::Arc;

use watchkeep_model::Labels;

use crate::algebra::Dialect;
use crate::ast::{AggregateOp, Span};
use crate::eval::error::Result;
use crate::eval::hist::{Operation, ResetsSeen};
use crate::eval::over_time::Mean;
use crate::eval::plan::Aggregate;
use crate::eval::series::{ABSENT, Cell, Column, Hist, Keys, Series, is_absent};
use crate::eval::{Evaluator, Frame, Sink};
use crate::histogram::{HistogramMean, HistogramSum};

/// Which labels tell groups apart.
#[derive(Debug)]
pub(crate) struct Grouping<'a> {
    labels: &'a [String],
    without: bool,
}

impl<'a> Grouping<'a> {
    pub(crate) fn new(labels: &'a [String], without: bool) -> Self {
        Self { labels, without }
    }

    fn keeps(&self, name: &[u8]) -> bool {
        let listed = self.labels.iter().any(|label| label.as_bytes() == name);
        if self.without { !listed && name != b"__name__" } else { listed }
    }

    /// The canonical bytes of a group's labels.
    pub(crate) fn key(&self, labels: &Labels, out: &mut Vec<u8>) {
        out.clear();
        if self.without || !self.labels.is_empty() {
            labels.write_kept(|name| self.keeps(name), out);
        }
    }

    pub(crate) fn labels(&self, labels: &Labels) -> Labels {
        if self.without || !self.labels.is_empty() {
            labels.kept(|name| self.keeps(name))
        } else {
            Labels::default()
        }
    }
}

impl Evaluator<'_> {
    pub(crate) fn each_aggregated(
        &self,
        node: &Aggregate,
        span: Span,
        frame: Frame,
        sink: Sink<'_>,
    ) -> Result<()> {
        let grouping = Grouping::new(&node.grouping, node.without);
        match node.op {
            AggregateOp::Topk
            | AggregateOp::Bottomk
            | AggregateOp::Limitk
            | AggregateOp::LimitRatio => self.ranked(node, &grouping, span, frame, sink),
            AggregateOp::Quantile => self.quantiles(node, &grouping, frame, sink),
            AggregateOp::CountValues => self.values_counted(node, frame, sink),
            op => self.folded(node, op, &grouping, frame, sink),
        }
    }

    fn folded(
        &self,
        node: &Aggregate,
        op: AggregateOp,
        grouping: &Grouping<'_>,
        frame: Frame,
        sink: Sink<'_>,
    ) -> Result<()> {
        let span = node.operand.span;
        let mut keys = Keys::default();
        let mut groups: Vec<Group> = Vec::new();
        let mut key = Vec::new();
        let mut ignored = false;
        self.each(&node.operand, frame, &mut |series| {
            grouping.key(&series.labels, &mut key);
            let (number, is_new) = keys.number(&key);
            if is_new {
                self.hold(frame.steps as u64)?;
                let labels = grouping.labels(&series.labels);
                groups.push(Group::new(op, labels, frame.steps, self.dialect));
            }
            let group = &mut groups[number];
            group.drop_name |= series.drop_name;
            group.state.add_floats(&series.column.floats);
            if let Some(histograms) = &series.column.histograms {
                ignored |= op.ignores_histograms();
                for (step, histogram) in histograms.iter().enumerate() {
                    if let Some(histogram) = histogram {
                        group.add_histogram(self, op, step, histogram, &series, span);
                    }
                }
            }
            Ok(())
        })?;
        if ignored {
            self.info(format!("ignored histogram in {} aggregation", op.name()), span);
        }
        self.release((groups.len() * frame.steps) as u64);
        for group in groups {
            sink(group.finish(self, span))?;
        }
        Ok(())
    }
}

impl AggregateOp {
    fn ignores_histograms(self) -> bool {
        matches!(self, Self::Min | Self::Max | Self::Stddev | Self::Stdvar)
    }
}

struct Group {
    labels: Labels,
    drop_name: bool,
    state: State,
    /// Sums and means of histograms by step, where there are any.
    histograms: Option<Box<[HistogramState]>>,
}

/// The running values of a group, by step.
enum State {
    /// The sum, what rounding lost, and whether there is any value.
    Sum {
        sum: Vec<f64>,
        lost: Vec<f64>,
        seen: Vec<bool>,
        all_seen: bool,
    },
    Avg(Vec<Option<Mean>>),
    /// Absent, or the number of samples.
    Count(Vec<f64>),
    Min(Vec<f64>),
    Max(Vec<f64>),
    Group(Vec<f64>),
    /// Count, mean and sum of squared distances.
    Spread {
        moments: Vec<(f64, f64, f64)>,
        is_deviation: bool,
        /// The spread of a single value that is not finite.
        of_infinite: f64,
    },
}

#[derive(Default)]
struct HistogramState {
    sum: Option<HistogramSum>,
    mean: Option<HistogramMean>,
    failed: bool,
    resets: ResetsSeen,
}

impl Group {
    fn new(op: AggregateOp, labels: Labels, steps: usize, dialect: Dialect) -> Self {
        let state = match op {
            AggregateOp::Sum => State::Sum {
                // Minus zero is what a sum of nothing but minus zeros starts from.
                sum: vec![-0.0; steps],
                lost: vec![0.0; steps],
                seen: vec![false; steps],
                all_seen: false,
            },
            AggregateOp::Avg => State::Avg(vec![None; steps]),
            AggregateOp::Min => State::Min(vec![ABSENT; steps]),
            AggregateOp::Max => State::Max(vec![ABSENT; steps]),
            AggregateOp::Group => State::Group(vec![ABSENT; steps]),
            AggregateOp::Stddev | AggregateOp::Stdvar => State::Spread {
                moments: vec![(0.0, 0.0, 0.0); steps],
                is_deviation: op == AggregateOp::Stddev,
                of_infinite: if dialect == Dialect::LogQl { 0.0 } else { f64::NAN },
            },
            _ => State::Count(vec![ABSENT; steps]),
        };
        Self { labels, drop_name: false, state, histograms: None }
    }

    fn add_histogram(
        &mut self,
        evaluator: &Evaluator<'_>,
        op: AggregateOp,
        step: usize,
        histogram: &Hist,
        series: &Series,
        span: Span,
    ) {
        match (&mut self.state, op) {
            (State::Count(counts), _) => add_one(&mut counts[step]),
            (State::Group(values), _) => values[step] = 1.0,
            (State::Sum { .. } | State::Avg(_), _) => {
                let steps = series.column.floats.len();
                let states = self
                    .histograms
                    .get_or_insert_with(|| (0..steps).map(|_| HistogramState::default()).collect());
                let metric = series.labels.metric_name();
                states[step].add(evaluator, op, histogram, metric, span);
            }
            _ => {}
        }
    }

    fn finish(self, evaluator: &Evaluator<'_>, span: Span) -> Series {
        let mut column = Column::from_floats(self.state.finish());
        let mut mixed = false;
        for (step, state) in self.histograms.into_iter().flatten().enumerate() {
            if state.sum.is_none() && state.mean.is_none() && !state.failed {
                continue;
            }
            if !is_absent(column.floats[step]) {
                mixed = true;
                column.floats[step] = ABSENT;
                continue;
            }
            if state.failed {
                continue;
            }
            if state.resets.collide() {
                evaluator.warn_reset_collision(Operation::Aggregation, span);
            }
            let histogram = match (state.sum, state.mean) {
                (Some(sum), _) => Some(sum.finish()),
                (None, mean) => mean.map(HistogramMean::finish),
            };
            if let Some(mut histogram) = histogram {
                histogram.compact(0);
                column.set(step, Cell::Histogram(Arc::new(histogram)));
            }
        }
        if mixed {
            evaluator.warn("encountered a mix of histograms and floats for aggregation", span);
        }
        Series { labels: self.labels, drop_name: self.drop_name, column }
    }
}

impl HistogramState {
    fn add(
        &mut self,
        evaluator: &Evaluator<'_>,
        op: AggregateOp,
        histogram: &Hist,
        metric: &str,
        span: Span,
    ) {
        if self.failed {
            return;
        }
        self.resets.see(histogram);
        let is_mean = op == AggregateOp::Avg;
        let added = match (&mut self.sum, &mut self.mean) {
            (Some(sum), _) => sum.add(histogram),
            (None, Some(mean)) => mean.add(histogram),
            (None, None) if is_mean => {
                self.mean = Some(HistogramMean::new((**histogram).clone()));
                return;
            }
            (None, None) => {
                self.sum = Some(HistogramSum::new((**histogram).clone()));
                return;
            }
        };
        if !evaluator.remark(added, Operation::Aggregation, metric, span) {
            self.failed = true;
        }
    }
}

#[inline]
fn add_one(count: &mut f64) {
    *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
}

impl State {
    fn add_floats(&mut self, values: &[f64]) {
        match self {
            Self::Sum { sum, lost, seen, all_seen } => {
                add_to_sums(values, sum, lost, seen, all_seen);
            }
            Self::Avg(means) => {
                for (mean, value) in means.iter_mut().zip(values) {
                    if is_absent(*value) {
                        continue;
                    }
                    match mean {
                        Some(mean) => mean.add(*value),
                        None => *mean = Some(Mean::new(*value)),
                    }
                }
            }
            Self::Count(counts) => {
                for (count, value) in counts.iter_mut().zip(values) {
                    if !is_absent(*value) {
                        add_one(count);
                    }
                }
            }
            Self::Group(groups) => {
                for (group, value) in groups.iter_mut().zip(values) {
                    if !is_absent(*value) {
                        *group = 1.0;
                    }
                }
            }
            // NaN, which stands for absence too, gives way to any value.
            Self::Min(least) => {
                for (least, value) in least.iter_mut().zip(values) {
                    if !is_absent(*value) && (*least > *value || least.is_nan()) {
                        *least = *value;
                    }
                }
            }
            Self::Max(most) => {
                for (most, value) in most.iter_mut().zip(values) {
                    if !is_absent(*value) && (*most < *value || most.is_nan()) {
                        *most = *value;
                    }
                }
            }
            Self::Spread { moments, of_infinite, .. } => {
                for ((count, mean, squares), value) in moments.iter_mut().zip(values) {
                    if is_absent(*value) {
                        continue;
                    }
                    *count += 1.0;
                    if *count == 1.0 {
                        *mean = *value;
                        *squares = if value.is_finite() { 0.0 } else { *of_infinite };
                        continue;
                    }
                    let delta = *value - *mean;
                    *mean += delta / *count;
                    *squares += delta * (*value - *mean);
                }
            }
        }
    }

    fn finish(self) -> Vec<f64> {
        match self {
            Self::Sum { mut sum, lost, seen, .. } => {
                for ((sum, lost), seen) in sum.iter_mut().zip(lost).zip(seen) {
                    *sum = match seen {
                        false => ABSENT,
                        true if sum.is_infinite() => *sum,
                        true => *sum + lost,
                    };
                }
                sum
            }
            Self::Avg(means) => {
                means.into_iter().map(|mean| mean.map_or(ABSENT, Mean::finish)).collect()
            }
            Self::Count(values) | Self::Min(values) | Self::Max(values) | Self::Group(values) => {
                values
            }
            Self::Spread { moments, is_deviation, .. } => moments
                .into_iter()
                .map(|(count, _, squares)| {
                    if count == 0.0 {
                        ABSENT
                    } else if is_deviation {
                        (squares / count).sqrt()
                    } else {
                        squares / count
                    }
                })
                .collect(),
        }
    }
}

/// Adds a column to sums, with what rounding takes from each. Without branches where every value is
/// there, so that several steps are done at once.
fn add_to_sums(
    values: &[f64],
    sums: &mut [f64],
    lost: &mut [f64],
    seen: &mut [bool],
    all_seen: &mut bool,
) {
    let absent = values.iter().fold(false, |absent, value| absent | is_absent(*value));
    if absent {
        for (((sum, lost), seen), value) in
            sums.iter_mut().zip(lost).zip(seen.iter_mut()).zip(values)
        {
            if !is_absent(*value) {
                add_exactly(*value, sum, lost);
                *seen = true;
            }
        }
        return;
    }
    if !*all_seen {
        seen.fill(true);
        *all_seen = true;
    }
    for ((sum, lost), value) in sums.iter_mut().zip(lost).zip(values) {
        add_exactly(*value, sum, lost);
    }
}

/// The error of a sum in six operations and no comparison of magnitudes (Knuth's two-sum); as exact
/// as Neumaier's. Once the sum is infinite what is lost means nothing.
#[inline]
fn add_exactly(value: f64, sum: &mut f64, lost: &mut f64) {
    let total = *sum + value;
    let part = total - *sum;
    let error = (*sum - (total - part)) + (value - part);
    *lost += error;
    *sum = total;
}
