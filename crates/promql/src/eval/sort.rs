//! Functions that order or rename series: `sort*`, `label_replace`, `label_join`.

use std::cmp::Ordering;

use watchkeep_model::{METRIC_NAME, Pattern};

use crate::ast::Span;
use crate::eval::call::{argument, text};
use crate::eval::error::{EvalError, Result};
use crate::eval::plan::Call;
use crate::eval::series::{Merged, Series, is_absent};
use crate::eval::{Evaluator, Frame, Sink};

impl Evaluator<'_> {
    /// Orders the series of an instant query; those of a range query are ordered by labels anyway.
    pub(crate) fn sorted(
        &self,
        call: &Call,
        span: Span,
        frame: Frame,
        sink: Sink<'_>,
    ) -> Result<()> {
        let is_range = frame.steps > 1;
        if is_range {
            self.warn(
                "sort is ineffective for range queries since results are always ordered by labels",
                span,
            );
        }
        let by_label = call.name.starts_with("sort_by_label");
        let descending = call.name.ends_with("_desc");
        let mut series = self.vector(argument(call, 0)?, frame)?;
        if !by_label {
            for series in &mut series {
                series.column.histograms = None;
            }
            series.retain(|series| series.column.floats.iter().any(|value| !is_absent(*value)));
        }
        if !is_range {
            if by_label {
                let labels: Vec<&str> =
                    (1..call.args.len()).map(|at| text(call, at)).collect::<Result<_>>()?;
                let order = |a: &Series, b: &Series| compare_by_labels(a, b, &labels);
                series.sort_by(|a, b| if descending { order(b, a) } else { order(a, b) });
            } else {
                series.sort_by(|a, b| {
                    compare_values(a.column.floats[0], b.column.floats[0], descending)
                });
            }
        }
        self.let_go(&series);
        series.into_iter().try_for_each(sink)
    }

    pub(crate) fn label_replace(&self, call: &Call, frame: Frame, sink: Sink<'_>) -> Result<()> {
        let [target, template, source, pattern] =
            [text(call, 1)?, text(call, 2)?, text(call, 3)?, text(call, 4)?];
        let pattern = Pattern::anchored(pattern).map_err(|_| {
            EvalError::execution(format!(
                "invalid regular expression in label_replace(): {pattern}"
            ))
        })?;
        if target.is_empty() {
            return Err(EvalError::execution(format!(
                "invalid destination label name in label_replace(): {target}"
            )));
        }
        self.renamed(call, frame, sink, &|series| {
            if let Some(value) = pattern.replace_template(series.labels.get(source), template) {
                set(series, target, &value);
            }
        })
    }

    pub(crate) fn label_join(&self, call: &Call, frame: Frame, sink: Sink<'_>) -> Result<()> {
        let (target, separator) = (text(call, 1)?, text(call, 2)?);
        let sources: Vec<&str> =
            (3..call.args.len()).map(|at| text(call, at)).collect::<Result<_>>()?;
        let invalid = |which: &str, name: &str| {
            EvalError::execution(format!("invalid {which} label name in label_join(): {name}"))
        };
        if sources.iter().any(|source| source.is_empty()) {
            return Err(invalid("source", ""));
        }
        if target.is_empty() {
            return Err(invalid("destination", target));
        }
        self.renamed(call, frame, sink, &|series| {
            let values: Vec<&str> = sources.iter().map(|name| series.labels.get(name)).collect();
            let value = values.join(separator);
            set(series, target, &value);
        })
    }

    fn renamed(
        &self,
        call: &Call,
        frame: Frame,
        sink: Sink<'_>,
        rename: &dyn Fn(&mut Series),
    ) -> Result<()> {
        let mut merged = Merged::new(self.dialect);
        self.each(argument(call, 0)?, frame, &mut |mut series| {
            rename(&mut series);
            merged.add(series)
        })?;
        merged.finish().into_iter().try_for_each(sink)
    }
}

/// Sets a label. A name that is set on purpose stays.
fn set(series: &mut Series, name: &str, value: &str) {
    series.labels = series.labels.with(name, value);
    if name == METRIC_NAME {
        series.drop_name = false;
    }
}

/// NaN comes last either way.
fn compare_values(a: f64, b: f64, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
            if descending { order.reverse() } else { order }
        }
    }
}

fn compare_by_labels(a: &Series, b: &Series, labels: &[&str]) -> Ordering {
    for label in labels {
        let (a, b) = (a.labels.get(label), b.labels.get(label));
        if a != b {
            return if natural_less(a, b) { Ordering::Less } else { Ordering::Greater };
        }
    }
    a.labels.compare(&b.labels)
}

/// A run of digits or of other characters.
fn chunk(text: &str) -> (&str, &str) {
    let is_digit = |c: char| c.is_ascii_digit();
    let first = text.chars().next().is_some_and(is_digit);
    text.split_at(text.find(|c| is_digit(c) != first).unwrap_or(text.len()))
}

/// Whether `a` comes first, numbers inside the texts compared by their value.
fn natural_less(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a, b);
    loop {
        if b.is_empty() {
            return false;
        }
        if a.is_empty() {
            return true;
        }
        let ((mine, a_rest), (theirs, b_rest)) = (chunk(a), chunk(b));
        if mine != theirs {
            let number = |text: &str| {
                let digits = text.trim_start_matches('0');
                text.starts_with(|c: char| c.is_ascii_digit())
                    .then(|| (digits.len(), digits.to_owned()))
            };
            return match (number(mine), number(theirs)) {
                (Some(a), Some(b)) if a != b => a < b,
                // The same number with more zeros in front comes first.
                (Some(_), Some(_)) => mine.len() > theirs.len(),
                _ => mine < theirs,
            };
        }
        (a, b) = (a_rest, b_rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_texts_are_compared_by_value() {
        for (a, b) in
            [("a2", "a10"), ("1", "a"), ("a", "b"), ("a1b2", "a1b10"), ("", "x"), ("9", "10")]
        {
            assert!(natural_less(a, b), "{a} {b}");
            assert!(!natural_less(b, a), "{b} {a}");
        }
    }
}
