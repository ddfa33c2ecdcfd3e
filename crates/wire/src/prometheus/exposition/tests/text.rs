//! The Prometheus text format.

use super::super::{Format, Options};
use super::{check, shown};

#[test]
fn every_form_of_a_sample_is_read() {
    check(
        Format::Text,
        Options::default(),
        &[
            ("", &[]),
            ("\n \n\t\n", &[]),
            ("a 1", &["a{} 1"]),
            ("a 1\nb 2\n", &["a{} 1", "b{} 2"]),
            ("  a 1  \n", &["a{} 1"]),
            ("a:b_0 -1.5e3", &["a:b_0{} -1500"]),
            ("a 1 1700000000000\n", &["a{} 1 @1700000000000"]),
            ("a\t1  \t0\n", &["a{} 1 @0"]),
            ("a +Inf\nb -Inf\nc NaN\n", &["a{} inf", "b{} -inf", "c{} NaN"]),
            ("a{} 1", &["a{} 1"]),
            ("a{b=\"c\"}1", &["a{b=\"c\"} 1"]),
            ("a-1", &["a{} -1"]),
            ("a {  b = \"c\" , d=\"e\",\t} 1", &["a{b=\"c\",d=\"e\"} 1"]),
            ("a{b=\"c\" d=\"e\"} 1", &["a{b=\"c\",d=\"e\"} 1"]),
            ("a{b=\"}{,=#\"} 1", &["a{b=\"}{,=#\"} 1"]),
            ("a{b=\"\\\"c\\\\d\\ne\\t\"} 1", &["a{b=\"\\\"c\\\\d\\ne\\\\t\"} 1"]),
            ("a{b=\"line\nline\"} 1", &["a{b=\"line\\nline\"} 1"]),
            ("a{b=\"\0\"} 1", &["a{b=\"\\0\"} 1"]),
            ("a{b=\"\"} 1", &["a{b=\"\"} 1"]),
        ],
    );
}

#[test]
fn names_of_any_characters_stand_in_quotes() {
    check(
        Format::Text,
        Options::default(),
        &[
            ("{\"a.b\"} 1", &["a.b{} 1"]),
            ("{\"a.b\",} 1", &["a.b{} 1"]),
            ("{\"a.b\",\"l.m\"=\"v\"} 1 5", &["a.b{l.m=\"v\"} 1 @5"]),
            ("{l=\"v\",\"a.b\"} 1", &["a.b{l=\"v\"} 1"]),
            ("{ \"a\\\"b\\n\" , l=\"v\"} 1", &["a\"b\n{l=\"v\"} 1"]),
            ("a{\"l=m\"=\"v\"} 1", &["a{l=m=\"v\"} 1"]),
            ("# TYPE \"a.b\" counter\n{\"a.b\"} 1", &["TYPE a.b counter", "a.b{} 1"]),
            ("{\"a\",\"b\"} 1", &["error: line 1: a second metric name in one line"]),
            ("a{\"b\"} 1", &["error: line 1: a second metric name in one line"]),
            (
                "{l=\"v\"} 1",
                &["error: line 1: the labels have no metric name beside or among them"],
            ),
        ],
    );
}

#[test]
fn metadata_is_told_from_comments() {
    check(
        Format::Text,
        Options::default(),
        &[
            ("# HELP a about a\n", &["HELP a \"about a\""]),
            ("# HELP a  two blanks ", &["HELP a \" two blanks \""]),
            ("# HELP a", &["HELP a \"\""]),
            ("# HELP a \t\n", &["HELP a \"\""]),
            ("# HELP a \\\\ \\n \\\"", &["HELP a \"\\\\ \\n \\\\\\\"\""]),
            ("#\t HELP\ta\ttabs\n", &["HELP a \"tabs\""]),
            ("# TYPE a counter\n", &["TYPE a counter"]),
            ("# TYPE a gauge", &["TYPE a gauge"]),
            ("# TYPE a histogram", &["TYPE a histogram"]),
            ("# TYPE a summary", &["TYPE a summary"]),
            ("# TYPE a untyped", &["TYPE a unknown"]),
            ("# a comment\n#\n#HELP a b\n# HELPa\n# UNIT a s\n# EOF\na 1", &["a{} 1"]),
            (
                "# TYPE a info",
                &[
                    "error: line 1: expected counter, gauge, histogram, summary or untyped, got \"info\"",
                ],
            ),
            (
                "\n# TYPE #",
                &["error: line 2: expected a metric name after HELP or TYPE, got \"#\""],
            ),
            (
                "# HELP \n",
                &[
                    "error: line 1: expected a metric name after HELP or TYPE, got the end of the line",
                ],
            ),
        ],
    );
    let invalid = shown(b"a 1\n# HELP a \xff\n", Format::Text, Options::default());
    assert_eq!(invalid[1], "error: line 2: the text of a comment \"\u{fffd}\" is not UTF-8");
}

#[test]
fn bounds_and_quantiles_get_one_form() {
    check(
        Format::Text,
        Options::default(),
        &[
            (
                "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"1e6\"} 1\nh_bucket{le=\"x\"} 1",
                &[
                    "TYPE h histogram",
                    "h_bucket{le=\"1.0\"} 1",
                    "h_bucket{le=\"1e+06\"} 1",
                    "h_bucket{le=\"x\"} 1",
                ],
            ),
            (
                "# TYPE s summary\ns{quantile=\"0\",le=\"1\"} 1",
                &["TYPE s summary", "s{quantile=\"0.0\",le=\"1\"} 1"],
            ),
            ("# TYPE g gauge\ng{le=\"1\"} 1", &["TYPE g gauge", "g{le=\"1\"} 1"]),
        ],
    );
}

#[test]
fn type_becomes_a_label_where_asked() {
    let options = Options { type_and_unit_labels: true, ..Options::default() };
    check(
        Format::Text,
        options,
        &[(
            "# TYPE a gauge\na{__type__=\"x\"} 1\n# TYPE b untyped\nb 1",
            &["TYPE a gauge", "a{__type__=\"gauge\"} 1", "TYPE b unknown", "b{} 1"],
        )],
    );
}

#[test]
fn errors_name_the_line_and_what_is_expected() {
    let cases: &[(&str, &str)] = &[
        ("a", "line 1: expected a value after the metric, got the end of the exposition"),
        ("a 1\nb\n", "line 2: expected a value after the metric, got the end of the line"),
        ("a{b='c'} 1", "line 1: expected a label value in double quotes, got \"'c'} 1\""),
        ("a{b=\n", "line 1: expected a label value in double quotes, got the end of the line"),
        ("a{b=\"c", "line 1: expected a label value in double quotes, got \"\\\"c\""),
        ("a{b=\"c\\\n\"} 1", "line 1: expected a label value in double quotes, got \"\\\"c\\\\\""),
        ("a{,} 1", "line 1: expected a label name or \"}\", got \",} 1\""),
        ("a{b=\"c\",,} 1", "line 1: expected a label name or \"}\", got \",} 1\""),
        ("a{=\"\"} 0", "line 1: expected a label name or \"}\", got \"=\\\"\\\"} 0\""),
        ("a{b:c=\"\"} 0", "line 1: expected \"=\" after a label name, got \":c=\\\"\\\"} 0\""),
        ("{A}0", "line 1: expected \"=\" after a label name, got \"}0\""),
        ("{\"a\", \"b = \"c\"}", "line 1: expected \"=\" after a label name, got \"c\\\"}\""),
        ("a true", "line 1: value \"true\" is not a number"),
        ("a 1_2", "line 1: value \"1_2\" is not a number"),
        ("a 0x1p-3", "line 1: value \"0x1p-3\" is not a number"),
        ("a 1e999", "line 1: value \"1e999\" is not a number"),
        ("a 1\r\n", "line 1: value \"1\\r\" is not a number"),
        ("a{b=\"c\"} {", "line 1: expected a value after the metric, got \"{\""),
        (
            "a 1 -5",
            "line 1: expected a timestamp in whole milliseconds or the end of the line, got \"-5\"",
        ),
        ("a 1 1.5", "line 1: expected the end of the line after the timestamp, got \".5\""),
        ("a 1 9223372036854775808", "line 1: the timestamp is out of the range of 64 bits"),
        ("a 0 1 x", "line 1: expected the end of the line after the timestamp, got \"x\""),
        ("a\0{b=\"c\"} 1", "line 1: value \"\\0\" is not a number"),
        ("1a 1", "line 1: expected a metric name, a comment or the end, got \"1a 1\""),
        ("a 1\n\u{e9} 1", "line 2: expected a metric name, a comment or the end, got \"\u{e9} 1\""),
    ];
    for (input, expect) in cases {
        let shown = shown(input.as_bytes(), Format::Text, Options::default());
        assert_eq!(shown.last(), Some(&format!("error: {expect}")), "{input:?}");
    }
    for (input, expect) in [
        (&b"a{b=\"\xff\"} 1\n"[..], "line 1: label value \"\u{fffd}\" is not UTF-8"),
        (b"a 1\na{\"\xff\"=\"\"} 1\n", "line 2: label name \"\u{fffd}\" is not UTF-8"),
        (b"{\"\xff\"} 1\n", "line 1: metric name \"\u{fffd}\" is not UTF-8"),
    ] {
        let shown = shown(input, Format::Text, Options::default());
        assert_eq!(shown.last(), Some(&format!("error: {expect}")), "{input:?}");
    }
}
