//! Runs the queries of a script and compares the answers.

use std::collections::BTreeMap;

use watchkeep_model::{Labels, NativeHistogram, Pattern};
use watchkeep_promql::value::{MatrixSeries, Sample};
use watchkeep_promql::{EvalError, Options, Output, Value, eval, parse};

use super::memory::Memory;
use super::values::{Point, STALE};
use super::{Eval, Expect, Line, Text};

/// How an answer differs.
pub(crate) type Check = Result<(), String>;

enum Failure {
    Query(String),
}

fn run(
    memory: &Memory,
    query: &str,
    range: Option<(i64, i64, i64)>,
    at_ms: i64,
) -> Result<Output, Failure> {
    let expr = parse(query).map_err(|error| Failure::Query(error.display(query)))?;
    let options = Options::default();
    let answer = match range {
        Some((start, end, step)) => eval::range(memory, query, &expr, start, end, step, &options),
        None => eval::instant(memory, query, &expr, at_ms, &options),
    };
    answer.map_err(|error: EvalError| Failure::Query(error.to_string()))
}

/// Runs a query, and an instant one also as the middle step of a range.
pub(crate) fn check(memory: &Memory, eval: &Eval, at_ms: i64) -> Check {
    let range = eval.is_range.then_some((eval.start_ms, eval.end_ms, eval.step_ms));
    let output = match run(memory, &eval.query, range, at_ms) {
        Ok(_) if eval.expects(Expect::Fail) => return Err("want an error".to_owned()),
        Ok(output) => output,
        Err(Failure::Query(error)) if eval.expects(Expect::Fail) => {
            return check_error(eval, &error);
        }
        Err(Failure::Query(error)) => return Err(format!("query failed: {error}")),
    };
    check_remarks(eval, &output)?;
    check_value(eval, &output.value)?;
    let depends_on_range =
        ["start()", "end()", "range()", "step()"].iter().any(|call| eval.query.contains(call));
    if eval.is_range || eval.is_range_vector || eval.string.is_some() || depends_on_range {
        return Ok(());
    }
    check_as_range(memory, eval, at_ms).map_err(|error| format!("[as range query] {error}"))
}

fn check_as_range(memory: &Memory, eval: &Eval, at_ms: i64) -> Check {
    const STEP_MS: i64 = 60_000;
    let range = Some((at_ms - STEP_MS, at_ms + STEP_MS, STEP_MS));
    let output = run(memory, &eval.query, range, at_ms)
        .map_err(|Failure::Query(error)| format!("failed: {error}"))?;
    let Value::Matrix(matrix) = output.value else { return Err("want a matrix".to_owned()) };
    if eval.expects(Expect::Ordered) {
        return Ok(());
    }
    let middle: Vec<(Labels, Sample)> = matrix
        .into_iter()
        .filter_map(|series| {
            let float = series.floats.iter().find(|(time, _)| *time == at_ms);
            let histogram = series.histograms.iter().find(|(time, _)| *time == at_ms);
            let sample = match (float, histogram) {
                (Some((_, value)), _) => Sample::Float(*value),
                (None, Some((_, histogram))) => Sample::Histogram(histogram.clone()),
                (None, None) => return None,
            };
            Some((series.labels, sample))
        })
        .collect();
    match eval.scalar {
        Some(want) => match &middle[..] {
            [(_, got)] => same(&Point::Float(want), got, "scalar"),
            all => Err(format!("want one series, got {}", all.len())),
        },
        None => check_vector(eval, &middle, false),
    }
}

fn matches(text: &Text, actual: &str) -> bool {
    match text {
        Text::Any => true,
        Text::Exactly(want) => want.trim_matches('"') == actual.trim() || want == actual,
        Text::Regex(pattern) => Pattern::anchored(&format!(".*(?:{pattern}).*"))
            .is_ok_and(|pattern| pattern.is_match(actual)),
    }
}

fn check_error(eval: &Eval, error: &str) -> Check {
    for (_, text) in eval.expects.iter().filter(|(kind, _)| *kind == Expect::Fail) {
        if !matches(text, error) {
            return Err(format!("want error {text:?}, got {error:?}"));
        }
    }
    Ok(())
}

fn check_remarks(eval: &Eval, output: &Output) -> Check {
    for (some, none, actual) in [
        (Expect::Warn, Expect::NoWarn, &output.annotations.warnings),
        (Expect::Info, Expect::NoInfo, &output.annotations.infos),
    ] {
        let wanted: Vec<&Text> =
            eval.expects.iter().filter(|(kind, _)| *kind == some).map(|(_, text)| text).collect();
        if eval.expects(none) && !actual.is_empty() {
            return Err(format!("unexpected remarks {actual:?}"));
        }
        if wanted.is_empty() {
            continue;
        }
        if actual.is_empty() {
            return Err(format!("want {some:?}, got none"));
        }
        for text in &wanted {
            if !actual.iter().any(|actual| matches(text, actual)) {
                return Err(format!("nothing matches {text:?}: {actual:?}"));
            }
        }
        for actual in actual {
            if !wanted.iter().any(|text| matches(text, actual)) {
                return Err(format!("unexpected remark {actual:?}"));
            }
        }
    }
    Ok(())
}

fn check_value(eval: &Eval, value: &Value) -> Check {
    match (value, eval.scalar, &eval.string) {
        (Value::Scalar { value, .. }, Some(want), _) => {
            same(&Point::Float(want), &Sample::Float(*value), "scalar")
        }
        (Value::String { value, .. }, _, Some(want)) if value == want => Ok(()),
        (Value::Vector(vector), None, None) => {
            let got: Vec<_> = vector.iter().map(|s| (s.labels.clone(), s.sample.clone())).collect();
            check_vector(eval, &got, true)
        }
        (Value::Matrix(matrix), None, None) => check_matrix(eval, matrix),
        (value, ..) => Err(format!("wrong type: {value:?}")),
    }
}

fn wanted(eval: &Eval) -> BTreeMap<Vec<(String, String)>, (usize, &Line)> {
    let key = |line: &Line| {
        let mut labels: Vec<_> =
            line.labels.iter().filter(|(_, value)| !value.is_empty()).cloned().collect();
        labels.sort();
        labels
    };
    eval.series.iter().enumerate().map(|(at, line)| (key(line), (at, line))).collect()
}

fn key(labels: &Labels) -> Vec<(String, String)> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn check_vector(eval: &Eval, got: &[(Labels, Sample)], check_order: bool) -> Check {
    let mut wanted = wanted(eval);
    for (position, (labels, sample)) in got.iter().enumerate() {
        let Some((at, line)) = wanted.remove(&key(labels)) else {
            return Err(format!("unexpected series {labels:?} {sample:?}"));
        };
        if check_order && eval.expects(Expect::Ordered) && at != position {
            return Err(format!("{labels:?} is at {position}, want {at}"));
        }
        let Some(want) = line.points.first() else { return Err("no value to compare".to_owned()) };
        same(want, sample, &format!("{labels:?}"))?;
    }
    wanted.keys().next().map_or(Ok(()), |missing| Err(format!("missing series {missing:?}")))
}

fn check_matrix(eval: &Eval, got: &[MatrixSeries]) -> Check {
    let mut wanted = wanted(eval);
    for series in got {
        let labels = &series.labels;
        let Some((_, line)) = wanted.remove(&key(labels)) else {
            return Err(format!("unexpected series {labels:?}"));
        };
        let mut points: BTreeMap<i64, Sample> =
            series.floats.iter().map(|(time, value)| (*time, Sample::Float(*value))).collect();
        for (time, histogram) in &series.histograms {
            points.insert(*time, Sample::Histogram(histogram.clone()));
        }
        for (step, want) in line.points.iter().enumerate() {
            let time_ms = eval.start_ms + eval.step_ms * step as i64;
            match (want, points.remove(&time_ms)) {
                (Point::Nothing, None) => {}
                (Point::Nothing, Some(got)) => {
                    return Err(format!("{labels:?} @{time_ms}: unexpected {got:?}"));
                }
                (_, None) => return Err(format!("{labels:?} @{time_ms}: no point")),
                (want, Some(got)) => same(want, &got, &format!("{labels:?} @{time_ms}"))?,
            }
        }
        if let Some((time, value)) = points.pop_first() {
            return Err(format!("{labels:?}: a point too many at {time}: {value:?}"));
        }
    }
    wanted.keys().next().map_or(Ok(()), |missing| Err(format!("missing series {missing:?}")))
}

fn almost(a: f64, b: f64) -> bool {
    let b = if b.to_bits() == STALE.to_bits() { f64::NAN } else { b };
    watchkeep_promql::quantile::almost_equal(if a.is_nan() { f64::NAN } else { a }, b, 1e-6)
}

fn same(want: &Point, got: &Sample, place: &str) -> Check {
    match (want, got) {
        (Point::Float(want), Sample::Float(got)) => {
            if almost(*want, *got) {
                Ok(())
            } else {
                Err(format!("{place}: want {want}, got {got}"))
            }
        }
        (Point::Histogram { histogram, has_hint }, Sample::Histogram(got)) => {
            same_histogram(histogram, got, *has_hint).map_err(|error| format!("{place}: {error}"))
        }
        (want, got) => Err(format!("{place}: want {want:?}, got {got:?}")),
    }
}

fn same_histogram(want: &NativeHistogram, got: &NativeHistogram, with_hint: bool) -> Check {
    let buckets = |histogram: &NativeHistogram| -> Vec<_> {
        histogram.buckets().filter(|bucket| bucket.count != 0.0).collect()
    };
    let (wanted, found) = (buckets(want), buckets(got));
    let equal = almost(want.count, got.count)
        && almost(want.sum, got.sum)
        && want.schema == got.schema
        && wanted.len() == found.len()
        && wanted.iter().zip(&found).all(|(a, b)| {
            a.boundary_rule() == b.boundary_rule()
                && almost(a.lower, b.lower)
                && almost(a.upper, b.upper)
                && almost(a.count, b.count)
        })
        && (!with_hint || want.reset_hint == got.reset_hint);
    if equal { Ok(()) } else { Err(format!("want {want:?}, got {got:?}")) }
}
