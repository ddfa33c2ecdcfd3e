//! OpenMetrics text.

use super::super::{Format, Options};
use super::{check, shown};

fn with_end(input: &str) -> Vec<String> {
    shown(format!("{input}\n# EOF\n").as_bytes(), Format::OpenMetrics, Options::default())
}

fn check_lines(cases: &[(&str, &[&str])]) {
    for (input, expect) in cases {
        assert_eq!(&with_end(input), expect, "{input:?}");
    }
}

#[test]
fn every_form_of_a_sample_is_read() {
    check_lines(&[
        ("a 1", &["a{} 1"]),
        ("a 1 1700000000.5", &["a{} 1 @1700000000500"]),
        ("a 1 -1.0005", &["a{} 1 @-1000"]),
        ("a{} 1", &["a{} 1"]),
        ("a{b=\"c\",d=\"e\",} 1", &["a{b=\"c\",d=\"e\"} 1"]),
        ("a{b=\"\\\"\\\\\\n\"} +Inf", &["a{b=\"\\\"\\\\\\n\"} inf"]),
        ("{\"a.b\",\"l.m\"=\"v\"} 1 5", &["a.b{l.m=\"v\"} 1 @5000"]),
        ("{l=\"v\",\"a.b\"} 1", &["a.b{l=\"v\"} 1"]),
    ]);
    check(Format::OpenMetrics, Options::default(), &[("# EOF", &[]), ("a 1\n# EOF", &["a{} 1"])]);
}

#[test]
fn exemplars_are_read() {
    check_lines(&[
        ("a_total 1 # {t=\"x\"} 0.5", &["a_total{} 1 # {t=\"x\"} 0.5"]),
        ("a_total 1 2 # {t=\"x\"} 0.5 3.25", &["a_total{} 1 @2000 # {t=\"x\"} 0.5 @3250"]),
        ("a_total 1 # {} 1", &["a_total{} 1 # {} 1"]),
        (
            "a_total 1 # {a=\"b\",\"c.d\"=\"}\\\"\",} 1",
            &["a_total{} 1 # {a=\"b\",c.d=\"}\\\"\"} 1"],
        ),
        (
            "a_total 1 # {\"a\"} 1",
            &["error: line 1: expected \"=\" after a label name, got \"} 1\""],
        ),
        (
            "a_total 1 # {a=\"b\"}",
            &[
                "error: line 1: expected a blank and a value after the exemplar's labels, got the end \
             of the line",
            ],
        ),
        ("a_total 1 # {a=\"b\"} x", &["error: line 1: value \"x\" is not a number"]),
        (
            "a_total 1 # {a=\"b\"} 1 Inf",
            &["error: line 1: timestamp \"Inf\" is not a finite number of seconds"],
        ),
        ("a_total 1 #", &["error: line 1: timestamp \"#\" is not a finite number of seconds"]),
    ]);
}

#[test]
fn metadata_is_strict() {
    check_lines(&[
        ("# HELP a about \\\"a\\\"", &["HELP a \"about \\\"a\\\"\""]),
        ("# TYPE a counter", &["TYPE a counter"]),
        ("# TYPE a gaugehistogram", &["TYPE a gaugehistogram"]),
        ("# TYPE a info", &["TYPE a info"]),
        ("# TYPE a stateset", &["TYPE a stateset"]),
        ("# TYPE a unknown", &["TYPE a unknown"]),
        ("# TYPE \"a.b\" gauge", &["TYPE a.b gauge"]),
        ("# UNIT a_seconds seconds", &["UNIT a_seconds seconds"]),
        ("# UNIT a ", &["UNIT a "]),
        ("# UNIT a seconds", &["error: line 1: unit \"seconds\" is not the end of metric \"a\""]),
        (
            "# UNIT aseconds seconds",
            &["error: line 1: unit \"seconds\" is not the end of metric \"aseconds\""],
        ),
        (
            "# UNIT seconds seconds",
            &["error: line 1: unit \"seconds\" is not the end of metric \"seconds\""],
        ),
        (
            "# TYPE a untyped",
            &["error: line 1: expected counter, gauge, histogram, gaugehistogram, summary, info, \
             stateset or unknown, got \"untyped\""],
        ),
        (
            "# HELP a",
            &[
                "error: line 1: expected a blank, a text and the end of the line, got the end of the \
             line",
            ],
        ),
        (
            "# a comment",
            &["error: line 1: expected \"# HELP \", \"# TYPE \", \"# UNIT \" or \"# EOF\", got \
             \"# a comment\""],
        ),
        (
            "#HELP a b",
            &["error: line 1: expected \"# HELP \", \"# TYPE \", \"# UNIT \" or \"# EOF\", got \
             \"#HELP a b\""],
        ),
    ]);
}

#[test]
fn the_end_is_required_and_nothing_comes_after() {
    let missing = "the exposition does not end with \"# EOF\"";
    check(
        Format::OpenMetrics,
        Options::default(),
        &[
            ("", &[&format!("error: line 1: {missing}")]),
            ("a 1\n", &["a{} 1", &format!("error: line 2: {missing}")]),
            ("a 1", &[&format!("error: line 1: {missing}")]),
            ("# EOF\n\n", &["error: line 2: there is data after \"# EOF\""]),
            ("# EOFx", &["error: line 1: there is data after \"# EOF\""]),
            ("# EOF\na 1\n", &["error: line 2: there is data after \"# EOF\""]),
        ],
    );
}

#[test]
fn blanks_are_errors_where_there_should_be_none() {
    let name = "expected a metric name, a comment or the end";
    let value = "expected a blank and a value after the metric";
    check_lines(&[
        (" a 1", &[&format!("error: line 1: {name}, got \" a 1\"")]),
        ("a 1\n\nb 1", &["a{} 1", &format!("error: line 2: {name}, got the end of the line")]),
        ("a  1", &[&format!("error: line 1: {value}, got \"  1\"")]),
        ("a\t1", &[&format!("error: line 1: {value}, got \"\\t1\"")]),
        ("a{b=\"c\"}1", &[&format!("error: line 1: {value}, got \"1\"")]),
        ("a {b=\"c\"} 1", &["error: line 1: value \"{b=\\\"c\\\"}\" is not a number"]),
        (
            "a{b= \"c\"} 1",
            &["error: line 1: expected a label value in double quotes, got \" \\\"c\\\"} 1\""],
        ),
        (
            "a{b=\"c\", d=\"e\"} 1",
            &["error: line 1: expected a label name or \"}\", got \" d=\\\"e\\\"} 1\""],
        ),
        (
            "a{b=\"c\"d=\"e\"} 1",
            &["error: line 1: expected \",\" or \"}\" after a label value, got \"d=\\\"e\\\"} 1\""],
        ),
        (
            "a{b=\"c\nd\"} 1",
            &["error: line 1: expected a label value in double quotes, got \"\\\"c\""],
        ),
        ("a 1 ", &["error: line 1: expected a timestamp, got \" \""]),
        (
            "a 1 2 3",
            &[
                "error: line 1: expected a timestamp, an exemplar or the end of the line, got \" 3\"",
            ],
        ),
        ("a 1 NaN", &["error: line 1: timestamp \"NaN\" is not a finite number of seconds"]),
    ]);
}

#[test]
fn created_series_give_their_samples_a_start() {
    let body = "# TYPE c counter\n\
                c_total{a=\"1\"} 1 # {created=\"x_created\"} 1\n\
                c_total{a=\"2\"} 2\n\
                c_created{a=\"2\"} 2.5\n\
                c_created{a=\"1\"} 1.5\n\
                # TYPE h histogram\n\
                h_bucket{a=\"1\",le=\"1\"} 1\n\
                h_bucket{a=\"1\",le=\"+Inf\"} 1\n\
                h_count{a=\"1\"} 1\n\
                h_sum{a=\"1\"} 1\n\
                h_created{a=\"1\"} 7\n\
                # TYPE s summary\n\
                s{quantile=\"0.5\"} 1\n\
                s_count 1\n\
                s_created 9\n\
                # TYPE g gauge\n\
                g 1\n\
                g_created 3\n\
                # TYPE d counter\n\
                d_total 1\n\
                # EOF\n";
    let samples = |skip_created_series| {
        let options = Options { skip_created_series, ..Options::default() };
        let mut lines = shown(body.as_bytes(), Format::OpenMetrics, options);
        lines.retain(|line| !line.starts_with("TYPE"));
        lines
    };
    let expect = [
        "c_total{a=\"1\"} 1 start=1500 # {created=\"x_created\"} 1",
        "c_total{a=\"2\"} 2 start=2500",
        "c_created{a=\"2\"} 2.5",
        "c_created{a=\"1\"} 1.5",
        "h_bucket{a=\"1\",le=\"1.0\"} 1 start=7000",
        "h_bucket{a=\"1\",le=\"+Inf\"} 1 start=7000",
        "h_count{a=\"1\"} 1 start=7000",
        "h_sum{a=\"1\"} 1 start=7000",
        "h_created{a=\"1\"} 7",
        "s{quantile=\"0.5\"} 1 start=9000",
        "s_count{} 1 start=9000",
        "s_created{} 9",
        "g{} 1",
        "g_created{} 3",
        "d_total{} 1",
    ];
    assert_eq!(samples(false), expect);
    let created = |line: &&str| line.contains("_created{") && !line.starts_with('g');
    let kept: Vec<&str> = expect.into_iter().filter(|line| !created(line)).collect();
    assert_eq!(samples(true), kept);
}

#[test]
fn many_created_lines_are_read_once() {
    // One lookup a sample: reading ahead from every sample would take minutes.
    use std::fmt::Write as _;
    let mut body = "# TYPE c counter\n".to_owned();
    for number in 0..100_000 {
        writeln!(body, "c_total{{a=\"{number}_created\"}} 1").unwrap();
    }
    body.push_str("# EOF\n");
    assert_eq!(shown(body.as_bytes(), Format::OpenMetrics, Options::default()).len(), 100_001);
}

#[test]
fn type_and_unit_become_labels_where_asked() {
    let options = Options { type_and_unit_labels: true, ..Options::default() };
    let body = "# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds 1\n\
                # TYPE b gauge\nb{__unit__=\"x\"} 1\n# EOF\n";
    let lines = shown(body.as_bytes(), Format::OpenMetrics, options);
    assert_eq!(lines[2], "a_seconds{__type__=\"gauge\",__unit__=\"seconds\"} 1");
    assert_eq!(lines[4], "b{__unit__=\"x\",__type__=\"gauge\"} 1");
}
