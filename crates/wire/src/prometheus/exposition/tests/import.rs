//! Pushed expositions to columns.

use watchkeep_model::{DecodeLimits, ErrorKind, Labels, MetricColumns};

use super::super::decode_exposition;

fn decode(body: &str, content_type: Option<&str>, extra: &[(&str, &str)]) -> Vec<String> {
    let limits = DecodeLimits::default();
    let decoded = decode_exposition(body.as_bytes(), content_type, 77, extra, &limits).unwrap();
    assert_eq!(decoded.rejected, 0, "{}", decoded.message);
    lines(&decoded.columns)
}

fn lines(columns: &MetricColumns) -> Vec<String> {
    let floats = &columns.floats;
    let labels =
        |row: u32| Labels::from_canonical(columns.series.labels.get(row as usize)).unwrap();
    let sample = |at: usize| {
        let labels = labels(floats.series[at]);
        format!("{labels:?} {} @{}", floats.value[at], floats.time_ms[at])
    };
    (0..floats.series.len()).map(sample).collect()
}

#[test]
fn samples_get_times_and_extra_labels() {
    let body = "# TYPE a counter\n# HELP a about\na{l=\"v\"} 1\na{l=\"v\"} 2 5\n";
    let expect = [r#"{"__name__": "a", "l": "v"} 1 @77"#, r#"{"__name__": "a", "l": "v"} 2 @5"#];
    assert_eq!(decode(body, None, &[]), expect);
    assert_eq!(decode(body, Some("application/x-www-form-urlencoded"), &[]), expect);
    let extra = decode("a{l=\"v\"} 1\n", None, &[("l", "other"), ("job", "j")]);
    assert_eq!(extra, [r#"{"__name__": "a", "job": "j", "l": "other"} 1 @77"#]);
    let openmetrics = Some("application/openmetrics-text");
    assert_eq!(decode("a 1 5\n# EOF\n", openmetrics, &[]), [r#"{"__name__": "a"} 1 @5000"#]);
}

#[test]
fn metadata_exemplars_and_starts_are_kept() {
    let body = "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds about\n\
                a_seconds_total 1 # {trace_id=\"x\"} 0.5\na_seconds_created 0.25\n# EOF\n";
    let limits = DecodeLimits::default();
    let openmetrics = Some("application/openmetrics-text");
    let columns =
        decode_exposition(body.as_bytes(), openmetrics, 77, &[], &limits).unwrap().columns;
    let metadata = &columns.metadata;
    let said =
        (metadata.family.get(0), metadata.kind[0], metadata.unit.get(0), metadata.help.get(0));
    assert_eq!(said, ("a_seconds", 1, "seconds", "about"));
    assert_eq!(columns.floats.start_ms, [250, 0]);
    assert_eq!((columns.exemplars.time_ms[0], columns.exemplars.value[0]), (77, 0.5));
}

#[test]
fn an_error_refuses_all_and_names_the_line() {
    let limits = DecodeLimits::default();
    let error = decode_exposition(b"a 1\nb\n", None, 0, &[], &limits).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Invalid);
    assert_eq!(
        error.message(),
        "malformed exposition: line 2: expected a value after the metric, got the end of the line"
    );
}

#[test]
fn series_whose_labels_can_not_be_kept_are_left_out() {
    let limits = DecodeLimits {
        labels_per_series_max: 2,
        attribute_value_bytes_max: 10,
        ..DecodeLimits::default()
    };
    let body = "a{b=\"1\",c=\"2\"} 1\na{b=\"1\",c=\"2\"} 2\na{b=\"12345678901\"} 1\n\
                a{b=\"1\",b=\"2\"} 1\na 1\n";
    let decoded = decode_exposition(body.as_bytes(), None, 0, &[], &limits).unwrap();
    assert_eq!((decoded.rejected, decoded.columns.floats.value.len()), (4, 1));
    assert!(decoded.message.contains("limits.labels_per_series_max"), "{}", decoded.message);
}
