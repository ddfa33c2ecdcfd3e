//! What holds for the stages of a pipeline whatever the line.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use watchkeep_logql::parse_log;
use watchkeep_logql::pipeline::{
    Category, ERROR_LABEL, PatternExpression, Pipeline, PipelineOptions, ValueKind, json_fields,
    logfmt_fields,
};
use watchkeep_model::Labels;

fn pipeline(stages: &str, needed: Option<&[&str]>) -> Pipeline {
    let log = parse_log(&format!("{{app=\"a\"}} {stages}")).unwrap();
    let needed = needed.map(|needed| needed.iter().map(|&name| name.to_owned()).collect());
    Pipeline::new(&log.stages, PipelineOptions { needed, ..PipelineOptions::default() }).unwrap()
}

/// Labels that a stage makes of a line.
fn parsed(pipeline: &Pipeline, line: &str) -> BTreeMap<String, String> {
    let stream = Labels::from_pairs([("app", "a")]);
    let mut runner = pipeline.runner();
    let mut labels = BTreeMap::new();
    if let Some(done) = runner.process(&stream, std::iter::empty(), 0, line) {
        done.labels.for_each(|category, name, value| {
            if category == Category::Parsed {
                labels.insert(name.to_owned(), value.to_owned());
            }
        });
    }
    labels
}

fn document() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "\\PC{0,8}|[\\\\\"\n\t\u{e9}\u{1f600}]{0,4}".prop_map(Into::into),
    ];
    let value = leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-d_ .9\"é]{0,3}", inner, 0..4)
                .prop_map(serde_json::Value::from_iter),
        ]
    });
    prop::collection::btree_map("[a-d_ .9\"é]{0,3}", value, 0..6)
        .prop_map(serde_json::Value::from_iter)
}

fn flatten(value: &serde_json::Value, name: &str, out: &mut BTreeMap<String, String>) {
    let text = match value {
        serde_json::Value::Object(members) => {
            for (key, value) in members {
                let key: String = key
                    .trim()
                    .chars()
                    .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
                    .collect();
                let digit = name.is_empty() && key.starts_with(|c: char| c.is_ascii_digit());
                let between = if digit || (!name.is_empty() && !key.is_empty()) { "_" } else { "" };
                flatten(value, &format!("{name}{between}{key}"), out);
            }
            return;
        }
        serde_json::Value::Null | serde_json::Value::Array(_) => return,
        serde_json::Value::String(text) => text.replace('\u{fffd}', " "),
        other => other.to_string(),
    };
    if !name.is_empty() {
        out.entry(name.to_owned()).or_insert(text);
    }
}

/// A path for each step into the document, by name and place.
fn at_path<'d>(value: &'d serde_json::Value, path: &[String]) -> Option<&'d serde_json::Value> {
    match path {
        [] => Some(value),
        [first, rest @ ..] => at_path(value.get(first)?, rest),
    }
}

proptest! {
    #[test]
    fn json_agrees_with_a_parser_that_builds_a_tree(document in document(), pretty: bool) {
        let line = if pretty {
            serde_json::to_string_pretty(&document).unwrap()
        } else {
            document.to_string()
        };
        // Read again for the order that the text has.
        let document: serde_json::Value = serde_json::from_str(&line).unwrap();
        let mut expect = BTreeMap::new();
        flatten(&document, "", &mut expect);
        let got = parsed(&pipeline("| json", None), &line);
        prop_assert_eq!(got, expect, "{}", line);
        let visited = json_fields(&line, &mut |_, _: ValueKind, _| {});
        prop_assert_eq!(visited, Ok(()));
    }

    #[test]
    fn paths_agree_with_a_parser_that_builds_a_tree(
        document in document(), path in prop::collection::vec("[a-d]", 1..3),
    ) {
        let line = document.to_string();
        let expect = match at_path(&document, &path) {
            None | Some(serde_json::Value::Null) => String::new(),
            Some(serde_json::Value::String(text)) => text.replace('\u{fffd}', " "),
            // Escapes in an array are undone, which leaves no JSON.
            Some(serde_json::Value::Array(list)) if !line.contains('\\') => {
                serde_json::Value::from(list.clone()).to_string()
            }
            Some(serde_json::Value::Array(_)) => return Ok(()),
            Some(other) => other.to_string(),
        };
        let got = parsed(&pipeline(&format!("| json found=\"{}\"", path.join(".")), None), &line);
        prop_assert_eq!(got.get("found"), Some(&expect), "{}", line);
    }

    #[test]
    fn what_is_not_needed_changes_no_label_that_is(document in document()) {
        let line = document.to_string();
        let all = parsed(&pipeline("| json", None), &line);
        let some = parsed(&pipeline("| json", Some(&["a", "b_c"])), &line);
        let expect: BTreeMap<_, _> =
            all.into_iter().filter(|(name, _)| name == "a" || name == "b_c").collect();
        prop_assert_eq!(some, expect, "{}", line);
        prop_assert!(parsed(&pipeline("| json", Some(&[])), &line).is_empty());
    }

    #[test]
    fn logfmt_reads_what_is_written(
        pairs in prop::collection::btree_map("[a-z]{1,4}", "[a-z =\"\\\\\n]{1,6}", 0..6)
    ) {
        let pair = |(name, value): (&String, &String)| {
            format!("{name}={}", serde_json::Value::from(value.as_str()))
        };
        let line = pairs.iter().map(pair).collect::<Vec<_>>().join(" ");
        let mut expect = pairs.clone();
        if let Some(app) = expect.remove("app") {
            expect.insert("app_extracted".into(), app);
        }
        prop_assert_eq!(parsed(&pipeline("| logfmt --strict", None), &line), expect);
        let mut visited = BTreeMap::new();
        logfmt_fields(&line, |key, value| {
            visited.insert(key.to_owned(), value.to_owned());
        })
        .unwrap();
        prop_assert_eq!(visited, pairs);
    }

    #[test]
    fn no_line_makes_a_stage_panic(
        line in "[{}\\[\\]\",:=\\\\ua0d8. <>\u{fffd}é-]{0,40}|\\PC{0,20}", cut in 0..40_usize,
    ) {
        let stages = [
            "| json", "| json a=\"a.b[0]\", b=\"[1]\", c=\"a\"", "| logfmt", "| logfmt --strict a=\"b\"",
            "| unpack", "| pattern `<a> <b>=<_>`", "| regexp `(?P<a>.)(?P<b>=.*)?`", "| decolorize",
            "|= ip(\"10.0.0.0/8\")", "|> \"<_>a<_>\"", "| json | a > 5 | line_format \"{{.a}}\"",
        ];
        let lines = [line.clone(), format!("{{\"a\":{{\"b\":[{line}"), line.chars().take(cut).collect()];
        for stages in stages {
            let pipeline = pipeline(stages, None);
            for line in &lines {
                parsed(&pipeline, line);
            }
        }
        let _ = (json_fields(&line, &mut |_, _, _| {}), logfmt_fields(&line, |_, _| {}));
    }

    #[test]
    fn a_capture_is_what_stands_between_the_texts(
        texts in prop::collection::vec("[a-c]{1,3}", 1..4), values in prop::collection::vec("[x-z]{1,4}", 4),
    ) {
        let pairs = || texts.iter().zip(&values);
        let line: String = pairs().flat_map(|(text, value)| [text.as_str(), value]).collect();
        let names = pairs().enumerate().map(|(at, (text, _))| format!("{text}<n{at}>"));
        let pattern: String = names.collect();
        let got = parsed(&pipeline(&format!("| pattern `{pattern}`"), None), &line);
        let expect: BTreeMap<_, _> =
            pairs().enumerate().map(|(at, (_, value))| (format!("n{at}"), value.clone())).collect();
        prop_assert_eq!(got, expect);
        let unnamed: String = texts.iter().flat_map(|text| [text.as_str(), "<_>"]).collect();
        prop_assert!(PatternExpression::parse_filter(&unnamed).unwrap().matches(&line));
    }
}

#[test]
fn a_parser_stops_once_it_has_what_is_needed() {
    let cases = [
        // Everything needed stands before the place where the line is broken.
        ("| json", r#"{"level":"info","msg":"cut"#, vec!["level"], ""),
        ("| json", r#"{"level":"info","msg":"cut"#, vec!["level", "msg"], "JSONParserErr"),
        ("| json", r#"{"a":{"level":1},"msg":"cut"#, vec!["a_level"], ""),
        ("| json", r#"{"a":{"level":1,"msg":"cut"#, vec!["a_level"], "JSONParserErr"),
        // Nothing is needed, so nothing is read.
        ("| json", "no json", vec![], ""),
        ("| json | x=\"\"", "no json", vec![], "JSONParserErr"),
        ("| logfmt --strict", "level=info a=b=c", vec!["level"], ""),
        ("| logfmt --strict", "level=info a=b=c", vec!["a"], "LogfmtParserErr"),
    ];
    for (stages, line, needed, expect) in cases {
        let labels = parsed(&pipeline(stages, Some(&needed)), line);
        let error = labels.get(ERROR_LABEL).map_or("", String::as_str);
        assert_eq!(error, expect, "{stages} {line} {needed:?}");
    }
}

#[test]
fn an_error_that_the_query_speaks_of_is_kept() {
    let labels = parsed(&pipeline("| json", Some(&[ERROR_LABEL])), "no json");
    assert_eq!(labels.get("__preserve_error__").map(String::as_str), Some("true"));
    assert!(labels.contains_key(ERROR_LABEL));
}

#[test]
fn rows_of_many_streams_and_names_do_not_mix() {
    let pipeline = pipeline("| json", None);
    let mut runner = pipeline.runner();
    for row in 0..100_000_u32 {
        let stream = Labels::from_pairs([("app", "a"), ("pod", &(row % 7).to_string())]);
        let line = format!(r#"{{"key{row}":{row},"pod":"p{row}"}}"#);
        let metadata = [("trace", "t"), ("pod", "m")].into_iter().take(row as usize % 3);
        let done = runner.process(&stream, metadata, 0, &line).unwrap();
        assert_eq!(done.labels.get(&format!("key{row}")), Some(row.to_string().as_str()));
        assert_eq!(done.labels.get("pod"), Some((row % 7).to_string().as_str()));
        assert_eq!(done.labels.get("trace").is_some(), row % 3 > 0);
        assert_eq!(done.labels.get("pod_extracted"), Some(format!("p{row}").as_str()));
        assert_eq!(done.labels.get(&format!("key{}", row.wrapping_sub(1))), None);
    }
}
