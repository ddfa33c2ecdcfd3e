//! Stages, on one line each.

use serde_json::{Value, json};

use super::Pipeline;
use crate::sources::record::Draft;

/// 2024-11-18T10:00:00Z.
const AT: i64 = 1_731_924_000_000_000_000;
const LINE: &str =
    r#"{"timestamp":"2024-11-18T10:00:00Z","level":"INFO","agent":"a","data":{"ms":7}}"#;

fn run(stages: &[Value], line: &str) -> Option<Draft> {
    let (pipeline, warnings) = Pipeline::read(stages).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    let labels = [("job".to_owned(), "j".to_owned())].into();
    pipeline.run(Draft { labels, line: line.to_owned(), ..Draft::default() }, AT)
}

#[test]
fn fields_of_json_become_labels_metadata_and_time() {
    let stages = [
        json!({"json": {"expressions": {"level": "", "agent": "agent", "ms": "data.ms", "t": "timestamp"}}}),
        json!({"timestamp": {"source": "t", "format": "RFC3339"}}),
        json!({"labels": {"level": null, "who": "agent"}}),
        json!({"structured_metadata": {"ms": null}}),
        json!({"static_labels": {"env": "x"}}),
        json!({"labeldrop": ["job"]}),
        json!({"output": {"source": "agent"}}),
    ];
    let draft = run(&stages, LINE).unwrap();
    assert_eq!(draft.time_ns, AT);
    assert_eq!(draft.stream(), r#"{env="x", level="INFO", who="a"}"#);
    assert_eq!(draft.metadata["ms"], "7");
    assert_eq!(draft.line, "a");
    assert_eq!(run(&stages, "no json").unwrap().stream(), r#"{env="x"}"#);
}

#[test]
fn other_parsers_find_fields_too() {
    let stages = [
        json!({"regex": {"expression": r"^(?P<level>\w+) (?P<rest>.*)$"}}),
        json!({"logfmt": {"mapping": {"user": "u"}, "source": "rest"}}),
        json!({"labels": {"level": null, "user": null}}),
        json!({"labelallow": ["level", "user"]}),
    ];
    let draft = run(&stages, "warn u=7 x=y").unwrap();
    assert_eq!(draft.stream(), r#"{level="warn", user="7"}"#);
}

#[test]
fn lines_are_dropped_where_all_that_is_set_is_true() {
    let cases = [
        (json!({"expression": "debug"}), "a debug line", true),
        (json!({"expression": "debug"}), "another", false),
        (json!({"longer_than": 3}), "long", true),
        (json!({"longer_than": 4}), "long", false),
        (json!({"source": "job", "value": "j"}), "x", true),
        (json!({"source": "job", "value": "k"}), "x", false),
        (json!({"older_than": "1h"}), "x", true),
        (json!({"source": "nothing"}), "x", false),
    ];
    for (options, line, is_dropped) in cases {
        let stages = [json!({ "drop": options })];
        assert_eq!(run(&stages, line).is_none(), is_dropped, "{options} {line}");
    }
}

#[test]
fn times_are_read_in_many_formats() {
    let cases = [
        ("RFC3339Nano", "2024-11-18T10:00:00.000000000Z"),
        ("Unix", "1731924000"),
        ("UnixMs", "1731924000000"),
        ("UnixNs", "1731924000000000000"),
        ("2006-01-02 15:04:05.000", "2024-11-18 10:00:00.000"),
        ("02/Jan/2006:15:04:05 -0700", "18/Nov/2024:12:00:00 +0200"),
        ("ANSIC", "Mon Nov 18 10:00:00 2024"),
    ];
    for (format, text) in cases {
        let stages = [
            json!({"regex": {"expression": "(?P<t>.*)"}}),
            json!({"timestamp": {"source": "t", "format": format}}),
        ];
        assert_eq!(run(&stages, text).unwrap().time_ns, AT, "{format}");
        assert_eq!(run(&stages, "no time").unwrap().time_ns, 0, "{format}");
    }
}

#[test]
fn unknown_stages_are_named_and_wrong_ones_refused() {
    let (_, warnings) = Pipeline::read(&[json!({"template": {}}), json!({"tenant": {}})]).unwrap();
    assert!(warnings[0].contains("template") && warnings[1].contains("tenant"));
    let wrong = [
        json!("json"),
        json!({"json": {}, "labels": {}}),
        json!({"json": {"expressions": {"a": "b[0]"}}}),
        json!({"regex": {"expression": "("}}),
        json!({"timestamp": {"source": "t"}}),
        json!({"timestamp": {"source": "t", "format": "MST"}}),
        json!({"drop": {}}),
    ];
    for stage in wrong {
        let error = Pipeline::read(std::slice::from_ref(&stage)).unwrap_err();
        assert!(error.message().contains("pipeline_stages[0]"), "{stage}: {error:?}");
    }
}
