//! Metric queries on traces: a table of answers, and properties against a naive reckoning.

use std::cell::Cell;
use std::fmt::Write as _;

use hashbrown::HashSet;
use proptest::prelude::*;
use watchkeep_model::{SpanKey, SpanScope, Value};

use super::*;
use crate::parse;
use crate::source::SpanSource as _;
use crate::testing::{EPOCH_NS, Memory, TestSpan, traces};

const TABLE: &str = include_str!("../../../testdata/metrics.txt");
const SECOND: i64 = 1_000_000_000;

/// A value as the table has it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Int(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(shown).collect();
            format!("[{}]", items.join(","))
        }
        _ => panic!("no label"),
    }
}

fn shown_labels(labels: &[(String, Value)]) -> String {
    let labels: Vec<_> =
        labels.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect();
    format!("{{{}}}", labels.join(", "))
}

fn shown_series(series: &MetricSeries, steps: &Steps) -> String {
    let mut line = shown_labels(&series.labels);
    for step in 0..steps.count() {
        let sample = series.samples.iter().find(|(at, _)| *at == steps.timestamp_ms(step));
        match sample {
            Some((_, value)) => write!(line, " {value}").unwrap(),
            None => line += " -",
        }
    }
    line
}

fn seconds(text: &str) -> i64 {
    EPOCH_NS + text.trim_end_matches('s').parse::<i64>().unwrap() * SECOND
}

fn ask(source: &Memory, query: &str, steps: Steps) -> Vec<MetricSeries> {
    let query = parse(query).unwrap_or_else(|error| panic!("{query}: {error:?}"));
    let request = MetricRequest { query: &query, steps, exemplars: 0, series_max: 1_000 };
    let answer = metric(&request, source, &Budget::default()).unwrap();
    assert!(!answer.is_partial);
    answer.series
}

fn range(start: i64, end: i64, step: i64) -> Steps {
    let at = |seconds: i64| EPOCH_NS + seconds * SECOND;
    Steps::range(at(start), at(end), step * SECOND, i64::MAX).unwrap()
}

/// A query of the table with its answer.
#[derive(Debug, Clone)]
struct Case {
    query: String,
    steps: Steps,
    /// Of `compare()`: a side, and the attributes that are looked at.
    compared: Option<(String, Vec<String>)>,
    wanted: Vec<String>,
}

fn cases() -> (Vec<TestSpan>, Vec<Case>) {
    let (_, rest) = TABLE.split_once("\ntraces\n").unwrap();
    let (script, rest) = rest.split_once("\nend\n").unwrap();
    let mut steps = range(0, 30, 10);
    let mut cases: Vec<Case> = Vec::new();
    for line in rest.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(times) = line.strip_prefix("at instant ") {
            let (start, end) = times.split_once(' ').unwrap();
            steps = Steps::instant(seconds(start), seconds(end), i64::MAX).unwrap();
        } else if let Some(query) = line.strip_prefix("query ") {
            let query = query.to_owned();
            cases.push(Case { query, steps, compared: None, wanted: Vec::new() });
        } else if let Some(compared) = line.strip_prefix("counts ") {
            let (side, names) = compared.split_once(": ").unwrap();
            let names = names.split(' ').map(str::to_owned).collect();
            cases.last_mut().unwrap().compared = Some((side.to_owned(), names));
        } else {
            cases.last_mut().unwrap().wanted.push(line.to_owned());
        }
    }
    (traces(script), cases)
}

/// Whether a series of `compare()` is of a side and of one of some attributes.
fn is_looked_at(series: &MetricSeries, side: &str, names: &[String]) -> bool {
    let is_side = matches!(&series.labels[0].1, Value::String(kind) if kind.starts_with(side));
    is_side && names.contains(&series.labels[1].0)
}

#[test]
fn answers_are_as_the_table_says() {
    let (spans, cases) = cases();
    let mut failed = String::new();
    for (batch, untyped, keep_all) in [(1, false, false), (2, true, true), (100, false, true)] {
        let mut source = Memory::new(spans.clone());
        (source.batch, source.untyped, source.keep_all) = (batch, untyped, keep_all);
        for Case { query, steps, compared, mut wanted } in cases.clone() {
            let mut series = ask(&source, &query, steps);
            if let Some((side, names)) = &compared {
                series.retain(|one| is_looked_at(one, side, names));
            }
            let mut found: Vec<_> = series.iter().map(|one| shown_series(one, &steps)).collect();
            found.sort();
            wanted.sort();
            if found != wanted {
                write!(
                    failed,
                    "\n{query} (batch {batch})\n  found {found:#?}\n  wanted {wanted:#?}"
                )
                .unwrap();
            }
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

/// Spans that differ in what queries look at.
fn some_spans() -> impl Strategy<Value = Vec<TestSpan>> {
    let span = (0..6_u8, 0..40_000_i64, 1..20_000_i64, 0..4_u8, prop::option::of(-5..500_i64));
    prop::collection::vec(span, 0..40).prop_map(|spans| {
        let mut script = String::new();
        for (at, (trace, start, duration, service, n)) in spans.into_iter().enumerate() {
            let n = n.map_or(String::new(), |n| format!(" span.n={n}"));
            writeln!(
                script,
                "trace t{trace}\ns{at}: service=s{service} start={start}ms duration={duration}ms{n}"
            )
            .unwrap();
        }
        traces(&script)
    })
}

/// What a function makes of the values at a step; NaN for no sample.
fn naive(function: &str, spans: &[(i64, Option<i64>)]) -> f64 {
    let values: Vec<f64> = spans.iter().filter_map(|(_, n)| n.map(|n| n as f64)).collect();
    match function {
        "count_over_time()" => spans.len() as f64,
        "rate()" => spans.len() as f64 / 10.0,
        _ if values.is_empty() => f64::NAN,
        "min_over_time(span.n)" => values.iter().copied().fold(f64::INFINITY, f64::min),
        "max_over_time(span.n)" => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "sum_over_time(span.n)" => values.iter().sum(),
        "avg_over_time(span.n)" => values.iter().sum::<f64>() / values.len() as f64,
        other => panic!("{other}"),
    }
}

proptest! {
    #[test]
    fn functions_give_what_a_naive_reckoning_gives(
        spans in some_spans(),
        batch in 1_usize..20,
        untyped: bool,
    ) {
        let mut source = Memory::new(spans.clone());
        (source.batch, source.untyped) = (batch, untyped);
        let steps = range(0, 30, 10);
        for function in [
            "rate()",
            "count_over_time()",
            "min_over_time(span.n)",
            "max_over_time(span.n)",
            "sum_over_time(span.n)",
            "avg_over_time(span.n)",
        ] {
            let query = format!("{{ }} | {function} by (resource.service.name)");
            let found = ask(&source, &query, steps);
            for service in 0..4 {
                let name = format!("s{service}");
                let of_service: Vec<_> =
                    spans.iter().filter(|span| span.service() == name).collect();
                let label = Value::String(name.clone());
                let series = found.iter().find(|one| one.labels[0].1 == label);
                let starts_late = |span: &&&TestSpan| span.start_ns > EPOCH_NS + 30 * SECOND;
                prop_assert!(series.is_some() || !function.contains("count")
                    || of_service.iter().all(|span| starts_late(&span)));
                let Some(series) = series else { continue };
                for step in 0..steps.count() {
                    let end_ns = EPOCH_NS + step as i64 * 10 * SECOND;
                    let at_step: Vec<_> = of_service
                        .iter()
                        .filter(|span| span.start_ns > end_ns - 10 * SECOND && span.start_ns <= end_ns)
                        .map(|span| {
                            let n = span.span.iter().find(|(key, _)| key == "n");
                            let n = n.map(|(_, n)| if let Value::Int(n) = n { *n } else { 0 });
                            (span.start_ns, n)
                        })
                        .collect();
                    let wanted = naive(function, &at_step);
                    let stamp = end_ns / 1_000_000;
                    let sample = series.samples.iter().find(|(at, _)| *at == stamp);
                    let sample = sample.map_or(f64::NAN, |(_, value)| *value);
                    prop_assert!(
                        (sample - wanted).abs() <= 1e-9 * wanted.abs()
                            || (sample.is_nan() && wanted.is_nan()),
                        "{function} {name} {step}: {sample} for {wanted}"
                    );
                }
            }
        }
    }

    #[test]
    fn answers_do_not_depend_on_batches_and_columns(
        spans in some_spans(),
        batches in (1_usize..20, 1_usize..20),
    ) {
        let mut one = Memory::new(spans.clone());
        let mut other = Memory::new(spans);
        (one.batch, other.batch, other.untyped) = (batches.0, batches.1, true);
        for query in [
            "{ } | quantile_over_time(span.n, .5, .9) by (resource.service.name)",
            "{ } | histogram_over_time(duration) by (resource.service.name, span.n)",
            "{ span.n > 20 } | count_over_time() by (rootName, span.n) | topk(2)",
            "{ } | compare({ span.n > 20 }, 3)",
        ] {
            let steps = range(0, 40, 20);
            prop_assert_eq!(ask(&one, query, steps), ask(&other, query, steps));
        }
    }
}

fn ask_for_exemplars(source: &Memory, query: &str, exemplars: usize) -> Vec<MetricSeries> {
    let query = parse(query).unwrap();
    let request =
        MetricRequest { query: &query, steps: range(0, 30, 10), exemplars, series_max: 1_000 };
    metric(&request, source, &Budget::default()).unwrap().series
}

#[test]
fn exemplars_are_of_different_traces_and_stand_for_samples() {
    let (spans, _) = cases();
    let source = Memory::new(spans);
    let series = ask_for_exemplars(&source, "{ } | rate() by (resource.service.name)", 100);
    let mut traces = HashSet::new();
    let mut count = 0;
    for one in &series {
        for exemplar in &one.exemplars {
            let (name, Value::String(trace)) = &exemplar.labels[0] else { panic!("no text") };
            assert_eq!((name.as_str(), trace.len()), ("trace:id", 32));
            assert!(traces.insert(trace.clone()), "a trace twice");
            assert!(exemplar.labels.contains(&one.labels[0]), "{exemplar:?}");
            assert!(one.samples.iter().any(|(_, value)| *value == exemplar.value));
            count += 1;
        }
    }
    assert_eq!(count, 3);
    let series = ask_for_exemplars(&source, "{ } | max_over_time(duration)", 1);
    assert_eq!(series[0].exemplars.len(), 1);
    assert!([1.0, 2.0, 3.0, 4.0, 6.0, 8.0].contains(&series[0].exemplars[0].value));
    assert!(ask_for_exemplars(&source, "{ } | rate()", 0)[0].exemplars.is_empty());
}

#[test]
fn an_exemplar_of_quantiles_goes_to_the_nearest() {
    let (spans, _) = cases();
    let source = Memory::new(spans);
    let query = "{ name = \"tool\" || name = \"chat\" } | quantile_over_time(duration, 0, 1)";
    let series = ask_for_exemplars(&source, query, 100);
    assert_eq!(series.len(), 2);
    for exemplar in &series[0].exemplars {
        assert!(exemplar.value < 6.5, "{exemplar:?}");
    }
    let count: usize = series.iter().map(|one| one.exemplars.len()).sum();
    assert_eq!(count, 2, "one a trace");
}

#[test]
fn exemplars_of_a_comparison_go_to_the_totals_of_their_side() {
    let (spans, _) = cases();
    let source = Memory::new(spans);
    let series = ask_for_exemplars(&source, "{ } | compare({ name = \"chat\" })", 100);
    let of = |side: &str, name: &str| {
        let labels = |one: &&MetricSeries| {
            one.labels[0].1 == Value::String(side.to_owned()) && one.labels[1].0 == name
        };
        series.iter().find(labels).unwrap().exemplars.len()
    };
    // One of each trace: two have spans of both sides, the third of the selection alone.
    assert_eq!(of("baseline_total", "name") + of("selection_total", "name"), 3);
    assert!(of("selection_total", "name") >= 1);
    assert_eq!(of("baseline", "name"), 0);
}

#[test]
fn what_is_too_much_is_left_out_and_said() {
    let (spans, _) = cases();
    let source = Memory::new(spans);
    let query = parse("{ } | rate() by (name)").unwrap();
    let request =
        MetricRequest { query: &query, steps: range(0, 30, 10), exemplars: 0, series_max: 2 };
    let answer = metric(&request, &source, &Budget::default()).unwrap();
    assert_eq!((answer.series.len(), answer.is_partial, answer.spans), (2, true, 8));
    let budget = Budget { spans_max: 3, ..Budget::default() };
    let error = metric(&request, &source, &budget).unwrap_err();
    assert!(matches!(error, EvalError::TooManySpans(3)), "{error:?}");
    let asked = Cell::new(0);
    let interrupt = || {
        asked.set(asked.get() + 1);
        (asked.get() == 2).then_some(EvalError::Cancelled)
    };
    let budget = Budget { interrupt: &interrupt, ..Budget::default() };
    let error = metric(&request, &source, &budget).unwrap_err();
    assert!(matches!(error, EvalError::Cancelled), "{error:?}");
    let search = parse("{ }").unwrap();
    let request = MetricRequest { query: &search, ..request };
    let error = metric(&request, &source, &Budget::default()).unwrap_err();
    assert_eq!(error.to_string(), "not a metrics query");
}

#[test]
fn a_hint_says_how_many_exemplars() {
    for (hint, asked, wanted) in [
        ("", 0, 100),
        ("", 7, 7),
        ("", 700, 100),
        ("with (exemplars=3)", 7, 3),
        ("with (exemplars=false)", 7, 0),
        ("with (exemplars=true)", 7, 7),
    ] {
        let query = parse(&format!("{{ }} | rate() {hint}")).unwrap();
        assert_eq!(exemplars_wanted(&query, asked, EXEMPLARS_MAX), wanted, "{hint}");
    }
}

#[test]
fn keys_that_compare_looks_at_are_those_of_the_store() {
    let (spans, _) = cases();
    let keys = Memory::new(spans).keys(watchkeep_model::TimeRange::ALL).unwrap();
    let index = SpanKey { scope: SpanScope::Event, key: "index".to_owned() };
    assert!(keys.contains(&index));
}
