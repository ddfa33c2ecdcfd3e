//! Aggregations that look at all samples of a group at once: `topk`, `bottomk`, `limitk`,
//! `limit_ratio`, `quantile`, `count_values`.

use twox_hash::XxHash64;
use watchkeep_model::Labels;

use crate::ast::{AggregateOp, Span};
use crate::eval::aggregate::Grouping;
use crate::eval::error::{EvalError, Result};
use crate::eval::number::general;
use crate::eval::plan::{Aggregate, Kind, Node};
use crate::eval::series::{ABSENT, Cell, Column, Keys, Merged, Series, is_absent};
use crate::eval::{Evaluator, Frame, Sink};
use crate::number::Decimal;
use crate::quantile::quantile;

/// The numbers that a 64-bit integer holds.
const INTEGER_MAX: f64 = 9_223_372_036_854_774_784.0;
const INTEGER_MIN: f64 = -9_223_372_036_854_775_808.0;

/// Series, and which group each is in.
struct Grouped {
    series: Vec<Series>,
    group: Vec<usize>,
    /// Labels of each group.
    labels: Vec<Labels>,
}

impl Evaluator<'_> {
    fn grouped(&self, operand: &Node, grouping: &Grouping<'_>, frame: Frame) -> Result<Grouped> {
        let mut keys = Keys::default();
        let mut key = Vec::new();
        let mut all =
            Grouped { series: self.vector(operand, frame)?, group: vec![], labels: vec![] };
        for series in &all.series {
            grouping.key(&series.labels, &mut key);
            let (number, is_new) = keys.number(&key);
            if is_new {
                all.labels.push(grouping.labels(&series.labels));
            }
            all.group.push(number);
        }
        Ok(all)
    }

    fn param(&self, node: &Aggregate, frame: Frame) -> Result<(Vec<f64>, Span)> {
        let param = node
            .param
            .as_ref()
            .ok_or_else(|| EvalError::execution("the aggregation lacks its parameter"))?;
        Ok((self.scalar(param, frame)?, param.span))
    }

    pub(crate) fn ranked(
        &self,
        node: &Aggregate,
        grouping: &Grouping<'_>,
        span: Span,
        frame: Frame,
        sink: Sink<'_>,
    ) -> Result<()> {
        let (params, param_span) = self.param(node, frame)?;
        let grouped = self.grouped(&node.operand, grouping, frame)?;
        let idle = match node.op {
            AggregateOp::LimitRatio => self.check_ratios(&params, param_span)?,
            _ => check_sizes(&params)?,
        };
        let mut out: Vec<Column> =
            grouped.series.iter().map(|_| Column::absent(frame.steps)).collect();
        let mut order = Vec::new();
        if !idle {
            for (step, param) in params.iter().enumerate() {
                order = self.rank_step(node.op, &grouped, step, *param, span);
                for at in &order {
                    if let Some(cell) = grouped.series[*at].column.get(step) {
                        out[*at].set(step, cell);
                    }
                }
            }
        }
        self.let_go(&grouped.series);
        let mut series: Vec<Option<Series>> = grouped
            .series
            .into_iter()
            .zip(out)
            .map(|(series, column)| Some(Series { column, ..series }))
            .collect();
        // An instant query shows them in the order of their rank.
        if frame.steps > 1 {
            order = (0..series.len()).collect();
        }
        order.into_iter().filter_map(|at| series[at].take()).try_for_each(sink)
    }

    /// Which series stay at a step, group by group, in the order of their rank.
    fn rank_step(
        &self,
        op: AggregateOp,
        grouped: &Grouped,
        step: usize,
        param: f64,
        span: Span,
    ) -> Vec<usize> {
        let mut chosen: Vec<Ranking> = grouped.labels.iter().map(|_| Ranking::default()).collect();
        let k = param.clamp(0.0, grouped.series.len() as f64) as usize;
        if op != AggregateOp::LimitRatio && k == 0 {
            return Vec::new();
        }
        for (at, (series, group)) in grouped.series.iter().zip(&grouped.group).enumerate() {
            let Some(cell) = series.column.get(step) else { continue };
            let ranking = &mut chosen[*group];
            match (op, cell) {
                (AggregateOp::LimitRatio, _) => {
                    if is_sampled(&series.labels, param.clamp(-1.0, 1.0)) {
                        ranking.items.push((0.0, at));
                    }
                }
                (AggregateOp::Limitk, _) => {
                    if ranking.items.len() < k {
                        ranking.items.push((0.0, at));
                    }
                }
                (op, Cell::Histogram(_)) => {
                    self.info(format!("ignored histogram in {} aggregation", op.name()), span);
                }
                (op, Cell::Float(value)) => ranking.offer(value, at, k, op == AggregateOp::Topk),
            }
        }
        let is_top = op == AggregateOp::Topk;
        if matches!(op, AggregateOp::Topk | AggregateOp::Bottomk) {
            for ranking in &mut chosen {
                ranking.items.sort_by(|a, b| compare(b.0, a.0, is_top));
            }
        }
        chosen.into_iter().flat_map(|ranking| ranking.items).map(|(_, at)| at).collect()
    }

    /// Remarks on ratios; true where none is chosen at any step.
    fn check_ratios(&self, ratios: &[f64], span: Span) -> Result<bool> {
        let (least, most) = bounds(ratios);
        if least == 0.0 && most == 0.0 {
            return Ok(true);
        }
        if ratios.iter().any(|ratio| ratio.is_nan()) {
            return Err(EvalError::execution("Ratio value is NaN"));
        }
        let warn = |value: f64, limit: &str| {
            let value = general(value);
            let text =
                format!("ratio value should be between -1 and 1, got {value}, capping to {limit}");
            self.warn(text, span);
        };
        if most > 1.0 {
            warn(most, "1");
        }
        if least < -1.0 {
            warn(least, "-1");
        }
        Ok(false)
    }

    pub(crate) fn quantiles(
        &self,
        node: &Aggregate,
        grouping: &Grouping<'_>,
        frame: Frame,
        sink: Sink<'_>,
    ) -> Result<()> {
        let (params, param_span) = self.param(node, frame)?;
        let grouped = self.grouped(&node.operand, grouping, frame)?;
        let (least, most) = bounds(&params);
        if params.iter().any(|param| param.is_nan()) {
            self.check_quantile(f64::NAN, param_span);
        }
        for bound in [most, least] {
            if !bound.is_nan() {
                self.check_quantile(bound, param_span);
            }
        }
        if grouped.series.iter().any(|series| series.column.histograms.is_some()) {
            self.info("ignored histogram in quantile aggregation", node.operand.span);
        }
        let mut columns: Vec<Column> =
            grouped.labels.iter().map(|_| Column::absent(frame.steps)).collect();
        let mut drop_name = vec![false; columns.len()];
        let mut values: Vec<Vec<f64>> = vec![Vec::new(); columns.len()];
        for (step, q) in params.iter().enumerate() {
            for (series, group) in grouped.series.iter().zip(&grouped.group) {
                let value = series.column.floats[step];
                if !is_absent(value) {
                    values[*group].push(value);
                    drop_name[*group] |= series.drop_name;
                }
            }
            for (values, column) in values.iter_mut().zip(&mut columns) {
                if !values.is_empty() {
                    column.floats[step] = quantile(*q, values);
                    values.clear();
                }
            }
        }
        self.let_go(&grouped.series);
        for ((labels, column), drop_name) in grouped.labels.into_iter().zip(columns).zip(drop_name)
        {
            sink(Series { labels, drop_name, column })?;
        }
        Ok(())
    }

    pub(crate) fn values_counted(
        &self,
        node: &Aggregate,
        frame: Frame,
        sink: Sink<'_>,
    ) -> Result<()> {
        let Some(Node { kind: Kind::Text(label), .. }) = &node.param else {
            return Err(EvalError::execution("the aggregation lacks its parameter"));
        };
        if label.is_empty() {
            return Err(EvalError::execution(format!(
                "invalid label name {}",
                crate::quote::quote(label)
            )));
        }
        let mut names = node.grouping.clone();
        if !node.without {
            names.push(label.clone());
        }
        let grouping = Grouping::new(&names, node.without);
        let mut merged: Counted = Counted::default();
        self.each(&node.operand, frame, &mut |series| {
            let mut last: Option<(u64, usize)> = None;
            for step in 0..frame.steps {
                let Some(cell) = series.column.get(step) else { continue };
                let bits = match &cell {
                    Cell::Float(value) => value.to_bits(),
                    Cell::Histogram(_) => ABSENT.to_bits(),
                };
                let at = match last {
                    Some((same, at)) if same == bits && bits != ABSENT.to_bits() => at,
                    _ => {
                        let value = match cell {
                            Cell::Float(value) => Decimal(value).to_string(),
                            Cell::Histogram(histogram) => histogram.to_string(),
                        };
                        let labels = grouping.labels(&series.labels.with(label, &value));
                        merged.number(labels, frame.steps, self)?
                    }
                };
                last = Some((bits, at));
                let count = &mut merged.series[at].column.floats[step];
                *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
            }
            Ok(())
        })?;
        self.release((merged.series.len() * frame.steps) as u64);
        let mut out = Merged::default();
        for series in merged.series {
            out.add(series)?;
        }
        out.finish().into_iter().try_for_each(sink)
    }
}

#[derive(Default)]
struct Counted {
    keys: Keys,
    series: Vec<Series>,
}

impl Counted {
    fn number(&mut self, labels: Labels, steps: usize, evaluator: &Evaluator<'_>) -> Result<usize> {
        let (number, is_new) = self.keys.number(labels.as_bytes());
        if is_new {
            evaluator.hold(steps as u64)?;
            self.series.push(Series { labels, drop_name: false, column: Column::absent(steps) });
        }
        Ok(number)
    }
}

/// Least and most, NaN left out unless there is nothing else.
fn bounds(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::NAN, f64::NAN), |(least, most), value| (least.min(*value), most.max(*value)))
}

/// True where no step asks for any.
fn check_sizes(sizes: &[f64]) -> Result<bool> {
    let (least, most) = bounds(sizes);
    if most < 1.0 {
        return Ok(true);
    }
    if sizes.iter().any(|size| size.is_nan()) {
        return Err(EvalError::execution("Parameter value is NaN"));
    }
    if least <= INTEGER_MIN {
        return Err(EvalError::execution(format!(
            "Scalar value {} underflows int64",
            general(least)
        )));
    }
    if most >= INTEGER_MAX {
        return Err(EvalError::execution(format!(
            "Scalar value {} overflows int64",
            general(most)
        )));
    }
    Ok(false)
}

/// Orders by value, or the other way round; NaN is the least either way.
fn compare(a: f64, b: f64, is_top: bool) -> std::cmp::Ordering {
    use std::cmp::Ordering;
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => {
            let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
            if is_top { order } else { order.reverse() }
        }
    }
}

/// The best so far: a heap whose root is the worst of them.
#[derive(Default)]
struct Ranking {
    items: Vec<(f64, usize)>,
}

impl Ranking {
    fn offer(&mut self, value: f64, at: usize, k: usize, is_top: bool) {
        let is_less = |a: f64, b: f64| compare(a, b, is_top).is_lt();
        if self.items.len() < k {
            self.items.push((value, at));
            let mut child = self.items.len() - 1;
            while child > 0 {
                let parent = (child - 1) / 2;
                if !is_less(self.items[child].0, self.items[parent].0) {
                    break;
                }
                self.items.swap(child, parent);
                child = parent;
            }
            return;
        }
        if !is_less(self.items[0].0, value) {
            return;
        }
        self.items[0] = (value, at);
        let mut parent = 0;
        loop {
            let mut child = 2 * parent + 1;
            if child >= self.items.len() {
                return;
            }
            if child + 1 < self.items.len() && is_less(self.items[child + 1].0, self.items[child].0)
            {
                child += 1;
            }
            if !is_less(self.items[child].0, self.items[parent].0) {
                return;
            }
            self.items.swap(child, parent);
            parent = child;
        }
    }
}

/// Whether a series is among the part that a ratio asks for; a negative ratio asks for the others.
/// The place of a series is a hash of its labels, the same as in Prometheus.
fn is_sampled(labels: &Labels, ratio: f64) -> bool {
    let mut bytes = Vec::with_capacity(labels.as_bytes().len());
    for label in labels.raw() {
        for text in [label.name, label.value] {
            // Sizes from 255 on take three bytes after a marker.
            match u8::try_from(text.len()) {
                Ok(len) if len < 255 => bytes.push(len),
                _ => {
                    bytes.push(255);
                    bytes.extend_from_slice(&(text.len() as u32).to_le_bytes()[..3]);
                }
            }
            bytes.extend_from_slice(text);
        }
    }
    let place = XxHash64::oneshot(0, &bytes) as f64 / u64::MAX as f64;
    if ratio >= 0.0 { place < ratio } else { place >= 1.0 + ratio }
}
