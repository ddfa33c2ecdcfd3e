//! `info()`: adds the labels of info metrics, such as `target_info`, to series of the same job and
//! instance. (Prometheus documentation, "Functions", "info()".)

use hashbrown::{HashMap, HashSet};
use watchkeep_model::{Labels, METRIC_NAME, MatchOp, Matcher};

use crate::ast::Extension;
use crate::eval::call::argument;
use crate::eval::error::{EvalError, Result};
use crate::eval::plan::{Call, Kind, Node, Selector, Shift};
use crate::eval::selector::Take;
use crate::eval::series::{Column, Merged, Series, is_absent, written};
use crate::eval::{Evaluator, Frame, Sink};

/// The labels by which an info metric belongs to a series.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// Info series of one metric and target.
#[derive(Default)]
struct Candidates {
    series: Vec<Series>,
}

/// The second argument.
struct DataLabels {
    /// Conditions on the info metric's name.
    names: Vec<Matcher>,
    /// Conditions on its other labels: only these are taken, if there are any.
    labels: Vec<Matcher>,
}

impl DataLabels {
    fn of(call: &Call) -> Result<Self> {
        let Some(arg) = call.args.get(1) else {
            let names = vec![Matcher::equal(METRIC_NAME, "target_info")];
            return Ok(Self { names, labels: Vec::new() });
        };
        let selector = selector_of(arg)
            .ok_or_else(|| EvalError::execution("the second argument of info is no selector"))?;
        let (names, labels): (Vec<Matcher>, Vec<Matcher>) =
            selector.matchers.iter().cloned().partition(|matcher| matcher.label() == METRIC_NAME);
        let positive = |matcher: &Matcher| matches!(matcher.op(), MatchOp::Equal | MatchOp::Regex);
        let names = if names.is_empty() {
            vec![Matcher::equal(METRIC_NAME, "target_info")]
        } else if names.iter().any(positive) {
            names
        } else {
            // Conditions that only exclude leave out metrics that are no info metrics.
            let some = Matcher::new(METRIC_NAME, MatchOp::Regex, ".+_info")?;
            [some].into_iter().chain(names).collect()
        };
        Ok(Self { names, labels })
    }

    fn takes(&self, name: &str) -> bool {
        self.labels.is_empty() || self.labels.iter().any(|matcher| matcher.label() == name)
    }

    /// Whether a series without info series stays.
    fn may_be_missing(&self) -> bool {
        self.labels.iter().all(|matcher| matcher.accepts(""))
    }
}

impl Evaluator<'_> {
    pub(crate) fn each_with_info(&self, call: &Call, frame: Frame, sink: Sink<'_>) -> Result<()> {
        let operand = argument(call, 0)?;
        let data = DataLabels::of(call)?;
        let base = self.vector(operand, frame)?;
        let is_info = |labels: &Labels| {
            data.names.iter().all(|matcher| matcher.accepts(labels.metric_name()))
        };
        let shift = first_shift(operand, None).unwrap_or_default();
        let enriched: Vec<&Series> =
            base.iter().filter(|series| !is_info(&series.labels)).collect();
        let info = self.info_series(&data, &enriched, shift, frame)?;
        let mut merged = Merged::default();
        for series in &base {
            if is_info(&series.labels) {
                merged.add(series.clone())?;
            } else {
                enrich(series, &info, &data, frame, &mut merged)?;
            }
        }
        self.let_go(&base);
        merged.finish().into_iter().try_for_each(sink)
    }

    /// The info series that can belong to the given ones, by metric and target. Their values are the
    /// times of the samples.
    fn info_series(
        &self,
        data: &DataLabels,
        base: &[&Series],
        shift: Shift,
        frame: Frame,
    ) -> Result<HashMap<Labels, HashMap<String, Candidates>>> {
        let mut matchers = Vec::new();
        for name in IDENTIFYING {
            let values: HashSet<&str> = base
                .iter()
                .map(|series| series.labels.get(name))
                .filter(|value| !value.is_empty())
                .collect();
            if !values.is_empty() {
                let mut values: Vec<String> = values.into_iter().map(literal).collect();
                values.sort();
                matchers.push(Matcher::new(name, MatchOp::Regex, values.join("|"))?);
            }
        }
        let mut found: HashMap<Labels, HashMap<String, Candidates>> = HashMap::new();
        if matchers.is_empty() {
            return Ok(found);
        }
        matchers.extend(data.labels.iter().chain(&data.names).cloned());
        let selector = Selector { matchers, shift, extension: Extension::None, stats_only: false };
        self.each_taken(&selector, frame, Take::FloatTime, &mut |series| {
            let name = series.labels.metric_name().to_owned();
            let by_name = found.entry(target(&series.labels)).or_default();
            by_name.entry(name).or_default().series.push(series);
            Ok(())
        })?;
        Ok(found)
    }
}

/// The identifying labels of a series.
fn target(labels: &Labels) -> Labels {
    labels.kept(|name| IDENTIFYING.iter().any(|label| label.as_bytes() == name))
}

/// Adds a series with the labels of its info series, which may change from step to step.
fn enrich(
    series: &Series,
    info: &HashMap<Labels, HashMap<String, Candidates>>,
    data: &DataLabels,
    frame: Frame,
    merged: &mut Merged,
) -> Result<()> {
    let by_name = info.get(&target(&series.labels));
    let mut results: Vec<Series> = Vec::new();
    // Which info series are in force, and the result that they led to: they seldom change.
    let mut last: Option<(Vec<*const Series>, Option<usize>)> = None;
    for step in 0..frame.steps {
        let Some(cell) = series.column.get(step) else { continue };
        let mut chosen: Vec<&Series> = Vec::new();
        for candidates in by_name.iter().flat_map(|by_name| by_name.values()) {
            chosen.extend(newest(&candidates.series, step)?);
        }
        let key: Vec<*const Series> =
            chosen.iter().map(|series| std::ptr::from_ref(*series)).collect();
        let at = match &last {
            Some((same, at)) if *same == key => *at,
            _ => match with_labels(&series.labels, &chosen, data)? {
                None => None,
                Some(labels) => {
                    let known = results.iter().position(|result| result.labels == labels);
                    Some(known.unwrap_or_else(|| {
                        let column = Column::absent(frame.steps);
                        results.push(Series { labels, drop_name: series.drop_name, column });
                        results.len() - 1
                    }))
                }
            },
        };
        last = Some((key, at));
        if let Some(at) = at {
            results[at].column.set(step, cell);
        }
    }
    results.into_iter().try_for_each(|result| merged.add(result))
}

/// The info series with the newest sample at a step.
fn newest(candidates: &[Series], step: usize) -> Result<Option<&Series>> {
    let mut best: Option<(&Series, f64)> = None;
    for series in candidates {
        let time = series.column.floats[step];
        if is_absent(time) {
            continue;
        }
        match best {
            Some((_, newest)) if newest > time => {}
            Some((other, newest)) if newest == time => {
                return Err(EvalError::execution(format!(
                    "found duplicate series for info metric: existing {} @ {time}, new {} @ {time}",
                    written(&other.labels),
                    written(&series.labels),
                )));
            }
            _ => best = Some((series, time)),
        }
    }
    Ok(best.map(|(series, _)| series))
}

/// The labels with those of the info series; `None` where the series does not stay.
fn with_labels(base: &Labels, info: &[&Series], data: &DataLabels) -> Result<Option<Labels>> {
    if info.is_empty() && !data.may_be_missing() {
        return Ok(None);
    }
    let mut added = Labels::default();
    for series in info {
        for (name, value) in series.labels.iter() {
            if name == METRIC_NAME || !data.takes(name) {
                continue;
            }
            let known = added.get(name);
            if !known.is_empty() && known != value {
                return Err(EvalError::execution(format!("conflicting label: {name}")));
            }
            if base.get(name).is_empty() {
                added = added.with(name, value);
            }
        }
    }
    let mut labels = base.clone();
    for (name, value) in added.iter() {
        labels = labels.with(name, value);
    }
    Ok(Some(labels))
}

/// A text as a regular expression for itself.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn selector_of(node: &Node) -> Option<&Selector> {
    match &node.kind {
        Kind::Selector(selector) => Some(selector),
        Kind::Invariant(inner) => selector_of(inner),
        _ => None,
    }
}

/// The shift of the first selector, with those of the subqueries around it: an `@` makes what is
/// further out irrelevant, offsets add up until then.
fn first_shift(node: &Node, around: Option<Shift>) -> Option<Shift> {
    let joined = |shift: Shift| match around {
        Some(around) if shift.at_ms.is_none() => Shift {
            offset_ms: shift.offset_ms.saturating_add(around.offset_ms),
            at_ms: around.at_ms,
        },
        _ => shift,
    };
    match &node.kind {
        Kind::Number(_) | Kind::Text(_) | Kind::Given(_) => None,
        Kind::Negate(inner) | Kind::Invariant(inner) => first_shift(inner, around),
        Kind::Binary(binary) => {
            first_shift(&binary.lhs, around).or_else(|| first_shift(&binary.rhs, around))
        }
        Kind::Aggregate(aggregate) => first_shift(&aggregate.operand, around)
            .or_else(|| first_shift(aggregate.param.as_ref()?, around)),
        Kind::Call(call) => call.args.iter().find_map(|arg| first_shift(arg, around)),
        Kind::Selector(selector) => Some(joined(selector.shift)),
        Kind::Range(range) => Some(joined(range.selector.shift)),
        Kind::Subquery(subquery) => first_shift(&subquery.inner, Some(joined(subquery.shift))),
    }
}
