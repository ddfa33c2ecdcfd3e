//! Series of samples, and what is done to them after they were reckoned from spans: arithmetic,
//! comparison, `topk` and `bottomk`. A sample that is not there is NaN in here.

use std::cmp::Ordering;

use hashbrown::HashMap;
use watchkeep_model::Value;

use super::key::{encode_text, encode_value};
use super::steps::Steps;
use crate::ast::{BinaryOp, SeriesStage};

/// Names what was reckoned, of a series that has no other label.
pub(crate) const NAME: &str = "__name__";

/// Labels in the order of the query's `by`.
pub(crate) type SeriesLabels = Vec<(String, Value)>;

/// A span that a sample was reckoned from.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// What is known of the span: `trace:id`, `span:id` and what the query asks for.
    pub labels: Vec<(String, Value)>,
    /// The span's value, where the function reckons with one, else its step's sample.
    pub value: f64,
    /// When the span starts, milliseconds since the epoch.
    pub timestamp_ms: i64,
}

/// Samples by step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub(crate) labels: SeriesLabels,
    pub(crate) values: Vec<f64>,
    pub(crate) exemplars: Vec<Exemplar>,
}

impl Series {
    /// Labels by which series of two sides belong together.
    fn key(&self) -> impl Iterator<Item = &(String, Value)> + Clone {
        self.labels.iter().filter(|(name, _)| name != NAME)
    }

    fn name(&self) -> Option<&str> {
        self.labels.iter().find_map(|(name, value)| match value {
            Value::String(text) if name == NAME => Some(text.as_str()),
            _ => None,
        })
    }
}

/// Does to the series what a stage says.
pub(crate) fn apply(stage: &SeriesStage, series: Vec<Series>, steps: &Steps) -> Vec<Series> {
    match stage {
        SeriesStage::TopK(limit) => pick(series, *limit, steps.count(), Picks::Greatest),
        SeriesStage::BottomK(limit) => pick(series, *limit, steps.count(), Picks::Least),
        SeriesStage::Filter { op, value } => filter(series, *op, *value, steps),
    }
}

/// Drops samples that do not compare, and series without any.
fn filter(mut series: Vec<Series>, op: BinaryOp, bound: f64, steps: &Steps) -> Vec<Series> {
    let holds = |value: f64| match op {
        BinaryOp::Eq => value == bound,
        BinaryOp::Ne => value != bound && !value.is_nan(),
        BinaryOp::Lt => value < bound,
        BinaryOp::Le => value <= bound,
        BinaryOp::Gt => value > bound,
        BinaryOp::Ge => value >= bound,
        _ => false,
    };
    for one in &mut series {
        for value in &mut one.values {
            if !holds(*value) {
                *value = f64::NAN;
            }
        }
        let values = &one.values;
        one.exemplars.retain(|exemplar| {
            if exemplar.value.is_nan() {
                let step = steps.step_of_ms(exemplar.timestamp_ms);
                return step.is_some_and(|step| !values[step].is_nan());
            }
            holds(exemplar.value)
        });
    }
    series.retain(|one| one.values.iter().any(|value| !value.is_nan()));
    series
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Picks {
    Greatest,
    Least,
}

/// Keeps at each step the `limit` greatest or least samples. Of equal samples `topk` takes the series
/// whose labels come first, `bottomk` that whose labels come last.
fn pick(series: Vec<Series>, limit: i64, steps: usize, picks: Picks) -> Vec<Series> {
    let limit = usize::try_from(limit).unwrap_or(0);
    if series.len() <= limit {
        return series;
    }
    let mut ranks: Vec<usize> = (0..series.len()).collect();
    ranks.sort_by(|left, right| compare_ties(&series[*left], &series[*right]));
    if picks == Picks::Least {
        ranks.reverse();
    }
    let picked_at = |step: usize| {
        let sample = |at: &usize| series[*at].values[step];
        let mut order: Vec<usize> =
            ranks.iter().copied().filter(|at| !sample(at).is_nan()).collect();
        // The sort is stable: what is equal stays in the order of the ranks.
        order.sort_by(|left, right| {
            let by_value = sample(left).total_cmp(&sample(right));
            if picks == Picks::Greatest { by_value.reverse() } else { by_value }
        });
        order.truncate(limit);
        order
    };
    let mut kept = vec![vec![f64::NAN; steps]; series.len()];
    for (step, picked) in (0..steps).map(picked_at).enumerate() {
        for at in picked {
            kept[at][step] = series[at].values[step];
        }
    }
    series
        .into_iter()
        .zip(kept)
        .filter(|(_, values)| values.iter().any(|value| !value.is_nan()))
        .map(|(one, values)| Series { values, ..one })
        .collect()
}

/// Who comes first among equal samples of `topk`: texts in order, numbers from the greatest.
fn compare_ties(left: &Series, right: &Series) -> Ordering {
    let mut others = right.key();
    for (name, value) in left.key() {
        let Some((other_name, other)) = others.next() else {
            return Ordering::Greater;
        };
        let by_label = text_of(value)
            .cmp(text_of(other))
            .then_with(|| name.cmp(other_name))
            .then_with(|| compare_values(other, value));
        if by_label != Ordering::Equal {
            return by_label;
        }
    }
    if others.next().is_some() { Ordering::Less } else { Ordering::Equal }
}

fn text_of(value: &Value) -> &str {
    if let Value::String(text) = value { text } else { "" }
}

/// An order of all values: by type, then by value.
pub(crate) fn compare_values(left: &Value, right: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Empty => 0,
        Value::Int(_) => 1,
        Value::Double(_) => 2,
        Value::String(_) => 3,
        Value::Bool(_) => 4,
        Value::Bytes(_) => 5,
        Value::Array(_) => 6,
        Value::Map(_) => 7,
    };
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        (Value::Double(left), Value::Double(right)) => left.total_cmp(right),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Bytes(left), Value::Bytes(right)) => left.cmp(right),
        (Value::Array(left), Value::Array(right)) => left
            .iter()
            .zip(right)
            .map(|(left, right)| compare_values(left, right))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| left.len().cmp(&right.len())),
        _ => rank(left).cmp(&rank(right)),
    }
}

/// The order in which series are answered: few labels first, then by name and value.
pub(crate) fn compare_labels(left: &[(String, Value)], right: &[(String, Value)]) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| {
        left.iter()
            .zip(right)
            .map(|((name, value), (other_name, other))| {
                name.cmp(other_name).then_with(|| compare_values(value, other))
            })
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    })
}

/// `left op right`. A division by zero gives no sample.
fn reckon(op: BinaryOp, left: f64, right: f64) -> f64 {
    match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div if right != 0.0 => left / right,
        _ => f64::NAN,
    }
}

/// Arithmetic with a constant, on either side.
pub(crate) fn with_scalar(
    op: BinaryOp,
    mut series: Vec<Series>,
    scalar: f64,
    scalar_is_left: bool,
) -> Vec<Series> {
    let change = |value: &mut f64| {
        *value =
            if scalar_is_left { reckon(op, scalar, *value) } else { reckon(op, *value, scalar) };
    };
    for one in &mut series {
        let of_exemplars = one.exemplars.iter_mut().map(|exemplar| &mut exemplar.value);
        one.values.iter_mut().chain(of_exemplars).for_each(change);
    }
    series
}

/// Arithmetic between the series of two sides that have the same labels. A side that has a series
/// without labels goes with every series of the other.
pub(crate) fn between(op: BinaryOp, left: &[Series], right: &[Series]) -> Vec<Series> {
    let (left_by_key, right_by_key) = (by_key(left), by_key(right));
    let targets = if right_by_key.contains_key(NO_LABELS) { left } else { right };
    let mut found = Vec::with_capacity(targets.len());
    for target in targets {
        let key = key_of(target);
        let (Some((one, fans_out)), Some((other, other_fans_out))) =
            (partner(&left_by_key, &key), partner(&right_by_key, &key))
        else {
            continue;
        };
        let exemplars = match (fans_out, other_fans_out) {
            (true, false) => other.exemplars.clone(),
            (false, true) => one.exemplars.clone(),
            _ => one.exemplars.iter().chain(&other.exemplars).cloned().collect(),
        };
        let values =
            one.values.iter().zip(&other.values).map(|(one, other)| reckon(op, *one, *other));
        found.push(Series { labels: join(op, one, other), values: values.collect(), exemplars });
    }
    found
}

/// The key of a series without labels.
const NO_LABELS: &[u8] = &[];

/// The series of a side that goes with a key, and whether it goes with every key.
fn partner<'s>(side: &HashMap<Vec<u8>, &'s Series>, key: &[u8]) -> Option<(&'s Series, bool)> {
    let own = side.get(key).map(|one| (*one, false));
    own.or_else(|| side.get(NO_LABELS).map(|one| (*one, true)))
}

fn key_of(series: &Series) -> Vec<u8> {
    let mut key = Vec::new();
    for (name, value) in series.key() {
        encode_text(name, &mut key);
        encode_value(value, &mut key);
    }
    key
}

fn by_key(side: &[Series]) -> HashMap<Vec<u8>, &Series> {
    side.iter().map(|one| (key_of(one), one)).collect()
}

/// Labels of both sides. The name stays where both have one, and tells what was reckoned.
fn join(op: BinaryOp, left: &Series, right: &Series) -> SeriesLabels {
    let name = match (left.name(), right.name()) {
        (Some(left), Some(right)) => Some(format!("({left} {} {right})", op.symbol())),
        _ => None,
    };
    let mut labels: SeriesLabels = Vec::with_capacity(left.labels.len() + right.labels.len());
    labels.extend(name.map(|name| (NAME.to_owned(), Value::String(name))));
    labels.extend(left.key().cloned());
    for (name, value) in right.key() {
        if !left.key().any(|(other, _)| other == name) {
            labels.push((name.clone(), value.clone()));
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(label: &str, values: &[f64]) -> Series {
        let labels = if label.is_empty() {
            vec![(NAME.to_owned(), Value::String("rate".to_owned()))]
        } else {
            vec![("x".to_owned(), Value::String(label.to_owned()))]
        };
        Series { labels, values: values.to_vec(), exemplars: Vec::new() }
    }

    /// `label: values` with gaps as `-`.
    fn shown(series: &[Series]) -> Vec<String> {
        let value = |value: &f64| if value.is_nan() { "-".to_owned() } else { value.to_string() };
        let mut lines: Vec<_> = series
            .iter()
            .map(|one| {
                let values: Vec<_> = one.values.iter().map(value).collect();
                format!("{}: {}", text_of(&one.labels[0].1), values.join(" "))
            })
            .collect();
        lines.sort();
        lines
    }

    fn steps(count: i64) -> Steps {
        Steps::range(1, count * 10 + 1, 10, i64::MAX).unwrap()
    }

    #[test]
    fn the_greatest_are_picked_at_each_step_and_ties_go_by_label() {
        let all = || {
            vec![
                series("a", &[1.0, 5.0, 2.0, f64::NAN]),
                series("b", &[1.0, 4.0, 3.0, f64::NAN]),
                series("c", &[1.0, 3.0, 4.0, 7.0]),
            ]
        };
        let steps = steps(3);
        assert_eq!(steps.count(), 4);
        assert_eq!(
            shown(&apply(&SeriesStage::TopK(1), all(), &steps)),
            ["a: 1 5 - -", "c: - - 4 7"]
        );
        assert_eq!(
            shown(&apply(&SeriesStage::BottomK(2), all(), &steps)),
            ["a: - - 2 -", "b: 1 4 3 -", "c: 1 3 - 7"]
        );
        assert_eq!(shown(&apply(&SeriesStage::TopK(3), all(), &steps)), shown(&all()));
    }

    #[test]
    fn samples_that_do_not_compare_are_dropped_and_series_without_any() {
        let all = vec![series("a", &[1.0, 5.0]), series("b", &[0.0, f64::NAN])];
        let filter = |op, value| apply(&SeriesStage::Filter { op, value }, all.clone(), &steps(1));
        assert_eq!(shown(&filter(BinaryOp::Gt, 1.0)), ["a: - 5"]);
        assert_eq!(shown(&filter(BinaryOp::Ge, 1.0)), ["a: 1 5"]);
        assert_eq!(shown(&filter(BinaryOp::Lt, 1.0)), ["b: 0 -"]);
        assert_eq!(shown(&filter(BinaryOp::Ne, 1.0)), ["a: - 5", "b: 0 -"]);
        assert_eq!(shown(&filter(BinaryOp::Eq, 9.0)), Vec::<String>::new());
    }

    #[test]
    fn sides_match_by_labels_and_one_without_labels_goes_with_all() {
        let left = [series("a", &[6.0, 1.0]), series("b", &[8.0, f64::NAN])];
        let right = [series("b", &[2.0, 2.0]), series("c", &[2.0, 2.0])];
        assert_eq!(shown(&between(BinaryOp::Div, &left, &right)), ["b: 4 -"]);
        let bare = [series("", &[2.0, 0.0])];
        assert_eq!(shown(&between(BinaryOp::Div, &left, &bare)), ["a: 3 -", "b: 4 -"]);
        assert_eq!(shown(&between(BinaryOp::Sub, &bare, &left)), ["a: -4 -1", "b: -6 -"]);
        assert_eq!(shown(&between(BinaryOp::Mul, &bare, &bare)), ["(rate * rate): 4 0"]);
        assert!(between(BinaryOp::Add, &left, &[]).is_empty());
    }

    #[test]
    fn a_constant_may_stand_on_either_side() {
        let one = || vec![series("", &[4.0, 0.0, f64::NAN])];
        assert_eq!(shown(&with_scalar(BinaryOp::Div, one(), 8.0, true)), ["rate: 2 - -"]);
        assert_eq!(shown(&with_scalar(BinaryOp::Div, one(), 8.0, false)), ["rate: 0.5 0 -"]);
        assert_eq!(shown(&with_scalar(BinaryOp::Sub, one(), 1.0, false)), ["rate: 3 -1 -"]);
        assert_eq!(shown(&with_scalar(BinaryOp::Add, one(), 1.0, true)), ["rate: 5 1 -"]);
    }
}
