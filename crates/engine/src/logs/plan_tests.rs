//! Plans against the pipeline: what a plan is sure of is what the pipeline does.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;
use watchkeep_logql::parse_log;
use watchkeep_logql::pipeline::{Pipeline, PipelineOptions};
use watchkeep_model::Labels;
use watchkeep_storage::seam::words;

use super::*;

/// What is known of a test.
type Truth = Option<bool>;

/// A record: metadata and line.
#[derive(Debug, Clone)]
struct Record {
    metadata: Vec<(String, String)>,
    line: String,
}

fn evaluate(test: &LogTest, record: &Record) -> Truth {
    match test {
        LogTest::And(all) => {
            let truths: Vec<Truth> = all.iter().map(|test| evaluate(test, record)).collect();
            if truths.contains(&Some(false)) {
                return Some(false);
            }
            truths.into_iter().all(|truth| truth == Some(true)).then_some(true)
        }
        LogTest::Or(any) => {
            let truths: Vec<Truth> = any.iter().map(|test| evaluate(test, record)).collect();
            if truths.contains(&Some(true)) {
                return Some(true);
            }
            truths.into_iter().all(|truth| truth == Some(false)).then_some(false)
        }
        LogTest::Not(inner) => evaluate(inner, record).map(|truth| !truth),
        LogTest::Contains(text) => Some(record.line.contains(text)),
        LogTest::Matches(pattern) => Some(pattern.is_match(&record.line)),
        LogTest::Words(wanted) => {
            let texts: Vec<&str> = std::iter::once(&*record.line)
                .chain(record.metadata.iter().map(|(_, value)| &**value))
                .collect();
            let has = |word: &str| texts.iter().any(|text| words(text).any(|other| other == word));
            wanted.iter().any(|word| !has(word)).then_some(false)
        }
        LogTest::Field { field, test } => of_field(field, test, record),
        LogTest::Unknown => None,
    }
}

/// Letters and digits of a path.
fn told(path: &[String]) -> String {
    let name = path.join("_");
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("_")
}

fn paths(value: &Value, path: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                path.push(key.clone());
                paths(value, path, out);
                path.pop();
            }
        }
        _ => out.push(path.clone()),
    }
}

fn of_field(field: &LogField, test: &FieldTest, record: &Record) -> Truth {
    let line: Value = serde_json::from_str(&record.line).ok().filter(Value::is_object)?;
    if record.metadata.iter().any(|(name, _)| *name == field.shadowed_by) {
        return None;
    }
    let mut all = Vec::new();
    paths(&line, &mut Vec::new(), &mut all);
    if field.flattened
        && all.iter().any(|path| *path != field.path && told(path) == told(&field.path))
    {
        return None;
    }
    let mut at = &line;
    let mut absent = false;
    for key in &field.path {
        match at {
            Value::Object(members) => {
                let Some(next) = members.get(key) else {
                    absent = true;
                    break;
                };
                at = next;
            }
            _ => return None,
        }
    }
    let text = match at {
        _ if absent => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        _ => return None,
    };
    match test {
        FieldTest::Equal(wanted) => Some(text == *wanted),
        FieldTest::Matches(pattern) => Some(pattern.is_match(&text)),
        FieldTest::Number(compare, than) => match at {
            _ if absent => Some(false),
            Value::Number(_) => {
                let number: f64 = text.parse().unwrap();
                Some(match compare {
                    CompareOp::Eq => number == *than,
                    CompareOp::Ne => number != *than,
                    CompareOp::Lt => number < *than,
                    CompareOp::Le => number <= *than,
                    CompareOp::Gt => number > *than,
                    CompareOp::Ge => number >= *than,
                })
            }
            _ => None,
        },
    }
}

/// Whether the real stages keep a record, and whether they leave it without an error.
fn really(log: &LogExpr, stream: &Labels, record: &Record) -> (bool, bool) {
    let pipeline = Pipeline::new(&log.stages, PipelineOptions::default()).unwrap();
    let mut runner = pipeline.runner();
    let metadata = record.metadata.iter().map(|(name, value)| (&**name, &**value));
    match runner.process(stream, metadata, 0, &record.line) {
        Some(processed) => (true, processed.labels.error().is_empty()),
        None => (false, true),
    }
}

fn record() -> impl Strategy<Value = Record> {
    let name = prop::sample::select(vec!["a", "b", "a_b", "level", "env", "n", "trace_id"]);
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..8).prop_map(Value::from),
        prop::sample::select(vec!["", "error", "warn", "5", "5s", "x y", "req_77"])
            .prop_map(Value::from),
    ];
    let inner = prop::collection::btree_map("[ab._]{1,3}", scalar.clone(), 0..3)
        .prop_map(|members| Value::Object(members.into_iter().collect()));
    let value = prop_oneof![4 => scalar, 1 => inner, 1 => Just(serde_json::json!([1]))];
    let object = prop::collection::btree_map(name.clone(), value, 0..5).prop_map(|members| {
        let members = members.into_iter().map(|(name, value)| (name.to_owned(), value));
        Value::Object(members.collect()).to_string()
    });
    let line = prop_oneof![
        6 => object,
        1 => prop::sample::select(vec![
            "level=error n=5 a=\"x y\"", "{broken", "error", "[1]", "{\"a\":1}}", "\"a\"", "level=",
        ]).prop_map(str::to_owned),
    ];
    let metadata = prop::collection::btree_map(
        name,
        prop::sample::select(vec!["error", "5", "req_77", "x"]),
        0..2,
    );
    (metadata, line).prop_map(|(metadata, line)| Record {
        metadata: metadata
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        line,
    })
}

fn query() -> impl Strategy<Value = String> {
    let stage = prop::sample::select(vec![
        "|= `error`",
        "!= `5`",
        "|~ `r+`",
        "!~ `x y`",
        "|= `a` or `b`",
        "|> `<_>error<_>`",
        "| json",
        "| json",
        "| json a, c=`a.b`",
        "| json a=`a[0]`",
        "| logfmt",
        "| unpack",
        "| level=`error`",
        "| level!=`error`",
        "| level=~`error|warn`",
        "| level=~`err.*`",
        "| n > 3",
        "| n > 3 or level=`error`",
        "| n > 3 and a >= 5",
        "| n < 1",
        "| a=``",
        "| a_b=`5`",
        "| a_b != 5",
        "| n > 5s",
        "| n > 1KB",
        "| env=`prod`",
        "| env!=`prod`",
        "| trace_id=`req_77`",
        "| a=`req_77`",
        "| a_extracted=`error`",
        "| __error__=``",
        "| __error__!=``",
        "| line_format `{{.a}}`",
        "| label_format a=b",
        "| drop a",
        "| keep a",
        "| decolorize",
        "| regexp `(?P<a>e+)`",
        "| a=ip(`1.2.3.4`)",
        "| c=`5`",
    ]);
    prop::collection::vec(stage, 0..5)
        .prop_map(|stages| format!("{{env=`prod`}} {}", stages.join(" ")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn what_a_plan_is_sure_of_is_what_the_stages_do(
        query in query(), records in prop::collection::vec(record(), 1..6),
    ) {
        let log = parse_log(&query).unwrap();
        let stream = Labels::from_pairs([("env", "prod")]);
        let names = BTreeSet::from(["env".to_owned()]);
        let test = test(&log, Some(&names));
        let by = vec!["env".to_owned()];
        let count = count(&log, Some(&by), &names, &names);
        for record in records {
            let (kept, clean) = really(&log, &stream, &record);
            if let Some(sure) = evaluate(&test, &record) {
                prop_assert_eq!(sure, kept, "{} {:?} {:?}", &query, &record, &test);
            }
            if let Some(plan) = &count
                && let Some(sure) = evaluate(&plan.test, &record)
            {
                prop_assert_eq!(sure, kept, "count: {} {:?} {:?}", &query, &record, &plan.test);
                prop_assert!(!sure || clean, "count: {} {:?} {:?}", &query, &record, &plan.test);
            }
        }
    }
}

/// What a plan says of a record, for queries that are worth deciding.
#[test]
fn the_usual_filters_are_decided() {
    let line = r#"{"level":"error","duration_ms":7000,"msg":"a needle","user":{"id":"u1"}}"#;
    let record = Record { metadata: Vec::new(), line: line.to_owned() };
    let cases = [
        ("|= `needle`", Some(true)),
        ("!= `needle`", Some(false)),
        ("| json | duration_ms > 5000", Some(true)),
        ("| json | duration_ms > 9000", Some(false)),
        ("| json | level=`error` | duration_ms > 5000 | __error__=``", None),
        ("| json | level=`nowhere` | duration_ms > 5000", Some(false)),
        ("| json | level!=`warn` | duration_ms > 5000 | __error__=``", Some(true)),
        ("| json | level=~`warn|error`", Some(true)),
        ("| json | level=~`err.*`", None),
        ("| json id=`user.id` | id=`u2`", Some(false)),
        ("| json id=`user.id` | id!=`u2`", Some(true)),
        ("| json | user_id=`u1`", None),
        ("| json | level=`warn` | line_format `x` |= `y`", Some(false)),
        ("| request_id=`absent_1`", Some(false)),
        ("| logfmt | level=`nowhere`", Some(false)),
    ];
    let names = BTreeSet::from(["app".to_owned()]);
    let empty = Record { metadata: Vec::new(), line: r#"{"a":""}"#.to_owned() };
    let log = parse_log("{app=`x`} | json | a != 5").unwrap();
    // It is no number, which is an error that keeps the line.
    assert_eq!(evaluate(&test(&log, Some(&names)), &empty), None);
    assert_eq!(really(&log, &Labels::from_pairs([("app", "x")]), &empty), (true, false));
    for (stages, expect) in cases {
        let log = parse_log(&format!("{{app=`x`}} {stages}")).unwrap();
        assert_eq!(evaluate(&test(&log, Some(&names)), &record), expect, "{stages}");
    }
}

#[test]
fn groups_are_labels_of_all_streams_and_fields() {
    let all = BTreeSet::from(["app".to_owned()]);
    let some = BTreeSet::from(["app".to_owned(), "pod".to_owned()]);
    let counts = |query: &str, by: &[&str]| {
        let by: Vec<String> = by.iter().map(|name| (*name).to_owned()).collect();
        let log = parse_log(query).unwrap();
        count(&log, Some(&by), &all, &some).map(|plan| {
            let fields: Vec<String> = plan.by_fields.into_iter().map(|(name, _)| name).collect();
            (plan.by_labels.join(","), fields.join(","))
        })
    };
    let found = |labels: &str, fields: &str| Some((labels.to_owned(), fields.to_owned()));
    assert_eq!(counts("{app=`x`} |= `e`", &["app"]), found("app", ""));
    assert_eq!(counts("{app=`x`} | json", &["app", "level"]), found("app", "level"));
    assert_eq!(counts("{app=`x`}", &[]), found("", ""));
    assert_eq!(counts("{app=`x`}", &["level"]), None);
    assert_eq!(counts("{app=`x`} | json", &["pod"]), None);
    assert_eq!(counts("{app=`x`} | json", &["detected_level"]), None);
    assert_eq!(counts("{app=`x`} | logfmt", &["app"]), None);
    assert_eq!(counts("{app=`x`} | line_format `y`", &["app"]), None);
    assert_eq!(counts("{app=`x`} | label_format app=b", &["app"]), None);
}
