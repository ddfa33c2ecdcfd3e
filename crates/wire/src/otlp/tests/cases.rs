//! Written cases: `testdata/otlp/metrics/*.json` holds requests, and the `.txt` beside each what
//! they become. `UPDATE_TESTDATA=1` rewrites the expectations for a human to compare.

use std::fmt::Write as _;
use std::path::Path;

use watchkeep_model::metrics::{MetricKind, STALE_NAN_BITS};
use watchkeep_model::{DecodeLimits, Labels, MetricColumns, NativeHistogram};

use super::{ARRIVAL_NS, check_metrics};
use crate::otlp::{Decoded, MetricsOptions, TranslationStrategy, decode_metrics_json};

fn labels(bytes: &[u8]) -> String {
    let labels = Labels::from_canonical(bytes).unwrap();
    let mut pairs = Vec::new();
    for (name, value) in labels.iter().filter(|(name, _)| *name != "__name__") {
        pairs.push(format!("{name}={value:?}"));
    }
    format!("{}{{{}}}", labels.metric_name(), pairs.join(","))
}

fn series(columns: &MetricColumns, row: u32) -> String {
    let row = row as usize;
    let delta = if columns.series.delta[row] == 1 { "delta " } else { "" };
    format!("{delta}{}", labels(columns.series.labels.get(row)))
}

fn value(value: f64) -> String {
    if value.to_bits() == STALE_NAN_BITS { "stale".to_owned() } else { value.to_string() }
}

/// The start timestamp, where there is one.
fn start(start_ms: i64) -> String {
    if start_ms == 0 { String::new() } else { format!(" from {start_ms}") }
}

fn histogram(bytes: &[u8]) -> String {
    let histogram = NativeHistogram::decode(bytes).unwrap();
    let side = |spans: &[watchkeep_model::histogram::BucketSpan], counts: &[f64]| {
        let spans: Vec<String> =
            spans.iter().map(|span| format!("{}+{}", span.offset, span.length)).collect();
        format!("[{}] {counts:?}", spans.join(" "))
    };
    format!(
        "schema={} count={} sum={} zero={}@{:e} positive={} negative={}",
        histogram.schema,
        histogram.count,
        value(histogram.sum),
        histogram.zero_count,
        histogram.zero_threshold,
        side(&histogram.positive_spans, &histogram.positive_counts),
        side(&histogram.negative_spans, &histogram.negative_counts),
    )
}

fn render(decoded: &Decoded<MetricColumns>) -> String {
    let columns = &decoded.columns;
    let mut out = String::new();
    for row in 0..columns.metadata.kind.len() {
        let metadata = &columns.metadata;
        let kind = MetricKind::from_code(metadata.kind[row]).name();
        let (unit, help) = (metadata.unit.get(row), metadata.help.get(row));
        writeln!(out, "# {} {kind} {unit:?} {help:?}", metadata.family.get(row)).unwrap();
    }
    for row in 0..columns.floats.series.len() {
        let floats = &columns.floats;
        let name = series(columns, floats.series[row]);
        let start = start(floats.start_ms[row]);
        writeln!(out, "{name} {} @{}{start}", value(floats.value[row]), floats.time_ms[row])
            .unwrap();
    }
    for row in 0..columns.histograms.series.len() {
        let rows = &columns.histograms;
        let name = series(columns, rows.series[row]);
        let text = histogram(rows.histogram.get(row));
        let start = start(rows.start_ms[row]);
        writeln!(out, "{name} {text} @{}{start}", rows.time_ms[row]).unwrap();
    }
    for row in 0..columns.exemplars.series.len() {
        let rows = &columns.exemplars;
        let (name, labels) = (series(columns, rows.series[row]), labels(rows.labels.get(row)));
        let (value, time) = (rows.value[row], rows.time_ms[row]);
        writeln!(out, "exemplar of {name}: {labels} {value} @{time}").unwrap();
    }
    writeln!(out, "rejected {} {:?}", decoded.rejected, decoded.message).unwrap();
    writeln!(out, "dropped attributes {}", decoded.warnings.dropped_attributes).unwrap();
    out
}

fn check_all(options: &MetricsOptions, expect_extension: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/otlp/metrics");
    let mut cases = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let body = std::fs::read(&path).unwrap();
        let limits = DecodeLimits::default();
        let decoded = decode_metrics_json(&body, &limits, options, ARRIVAL_NS).unwrap();
        check_metrics(&decoded.columns);
        let got = render(&decoded);
        let expect_path = path.with_extension(expect_extension);
        if std::env::var_os("UPDATE_TESTDATA").is_some() {
            std::fs::write(&expect_path, &got).unwrap();
        }
        let expect = std::fs::read_to_string(&expect_path).unwrap();
        assert_eq!(got, expect, "{}", path.display());
        cases += 1;
    }
    assert!(cases >= 5, "only {cases} cases found");
}

#[test]
fn metrics_become_the_expected_series() {
    check_all(&MetricsOptions::default(), "txt");
}

#[test]
fn metrics_become_the_expected_series_with_options() {
    let options = MetricsOptions {
        promote_resource_attributes: vec!["deployment.environment.name".to_owned()],
        promote_scope_metadata: true,
        ..MetricsOptions::default()
    };
    check_all(&options, "options.txt");
}

#[test]
fn metrics_become_the_expected_series_with_names_as_they_are() {
    let options = MetricsOptions {
        translation_strategy: TranslationStrategy::NoUtf8EscapingWithSuffixes,
        promote_all_resource_attributes: true,
        ignore_resource_attributes: vec!["service.name".to_owned()],
        keep_identifying_resource_attributes: true,
        convert_histograms_to_nhcb: true,
        ..MetricsOptions::default()
    };
    check_all(&options, "utf8.txt");
}
