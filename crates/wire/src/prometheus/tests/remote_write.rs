//! Remote write: what is kept, what is rejected and why.

use prost::Message as _;
use watchkeep_model::histogram::{BucketSpan, ResetHint};
use watchkeep_model::metrics::{MetricKind, STALE_NAN_BITS};
use watchkeep_model::{Labels, MetricColumns, NativeHistogram};

use super::messages::{
    Count, Exemplar, ExemplarV2, Histogram, Label, Metadata, MetadataV2, RequestV2, Sample, Span,
    TimeSeries, TimeSeriesV2, WriteRequest, ZeroCount,
};
use super::write;
use crate::prometheus::remote_write::{Version, Written, encode_v1, encode_v2};

fn labels(pairs: &[(&str, &str)]) -> Vec<Label> {
    let label =
        |(name, value): &(&str, &str)| Label { name: (*name).into(), value: (*value).into() };
    pairs.iter().map(label).collect()
}

fn sample(timestamp: i64, value: f64) -> Sample {
    Sample { value, timestamp, start_timestamp: 0 }
}

fn v1(timeseries: Vec<TimeSeries>) -> Vec<u8> {
    WriteRequest { timeseries, metadata: Vec::new() }.encode_to_vec()
}

fn series(pairs: &[(&str, &str)], samples: Vec<Sample>) -> TimeSeries {
    TimeSeries { labels: labels(pairs), samples, ..TimeSeries::default() }
}

fn shown(columns: &MetricColumns) -> Vec<String> {
    let labels =
        |row: u32| Labels::from_canonical(columns.series.labels.get(row as usize)).unwrap();
    let floats = &columns.floats;
    (0..floats.value.len())
        .map(|at| {
            let labels = labels(floats.series[at]);
            format!("{labels:?} {}@{}", floats.value[at], floats.time_ms[at])
        })
        .collect()
}

#[test]
fn labels_are_sorted_and_empty_ones_left_out() {
    let body = v1(vec![
        series(&[("__name__", "up"), ("job", "a"), ("zone", "é")], vec![sample(5, 1.5)]),
        series(
            &[("zone", "b"), ("__name__", "up"), ("job", "")],
            vec![sample(6, 2.0), sample(7, 0.0)],
        ),
        series(&[("__name__", "unused")], vec![]),
    ]);
    let decoded = write(Version::V1, &body).unwrap();
    assert_eq!(
        shown(&decoded.columns),
        [
            r#"{"__name__": "up", "job": "a", "zone": "é"} 1.5@5"#,
            r#"{"__name__": "up", "zone": "b"} 2@6"#,
            r#"{"__name__": "up", "zone": "b"} 0@7"#,
        ]
    );
    assert_eq!(decoded.columns.series.labels.len(), 2);
    assert_eq!((decoded.rejected, &*decoded.message), (0, ""));
}

#[test]
fn a_series_with_bad_labels_is_rejected_alone() {
    let many: Vec<(String, String)> =
        (0..65).map(|number| (format!("l{number:02}"), "v".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (&**name, &**value)).collect();
    let cases: [(&[(&str, &str)], &str); 6] = [
        (&[("job", "a")], "the series has no metric name"),
        (&[("__name__", ""), ("job", "a")], "the series has no metric name"),
        (&[("", "x"), ("__name__", "up")], "a label has no name"),
        (&[("__name__", "up"), ("job", "a"), ("job", "b")], "a label name occurs twice"),
        (&[("job", "a"), ("__name__", "up"), ("job", "")], "a label name occurs twice"),
        (&many, "limits.labels_per_series_max"),
    ];
    for (bad, reason) in cases {
        let mut rejected = series(bad, vec![sample(1, 1.0), sample(2, 2.0)]);
        rejected.exemplars = vec![Exemplar { value: 1.0, ..Exemplar::default() }];
        rejected.histograms = vec![int_histogram()];
        let good = |name| series(&[("__name__", name)], vec![sample(3, 3.0)]);
        let body = v1(vec![good("before"), rejected, good("after")]);
        let decoded = write(Version::V1, &body).unwrap();
        assert_eq!(
            shown(&decoded.columns),
            [r#"{"__name__": "before"} 3@3"#, r#"{"__name__": "after"} 3@3"#]
        );
        assert_eq!(
            Written::of(&decoded.columns),
            Written { samples: 2, histograms: 0, exemplars: 0 }
        );
        assert_eq!(decoded.rejected, 3, "{reason}");
        assert!(decoded.message.contains(reason), "{}", decoded.message);
    }
}

#[test]
fn labels_that_are_not_utf8_are_rejected() {
    let mut body = v1(vec![series(&[("__name__", "up"), ("job", "JOB")], vec![sample(1, 1.0)])]);
    let at = body.windows(3).position(|bytes| bytes == b"JOB").unwrap();
    body[at] = 0xff;
    let decoded = write(Version::V1, &body).unwrap();
    assert_eq!(decoded.rejected, 1);
    assert!(decoded.message.contains("a label is not UTF-8"), "{}", decoded.message);
}

#[test]
fn values_keep_their_bits() {
    let bits = [STALE_NAN_BITS, 0x7ff8_0000_0000_0001, f64::NEG_INFINITY.to_bits(), 1];
    let samples = bits.iter().map(|bits| sample(-5, f64::from_bits(*bits))).collect();
    let decoded = write(Version::V1, &v1(vec![series(&[("__name__", "x")], samples)])).unwrap();
    let got: Vec<u64> = decoded.columns.floats.value.iter().map(|value| value.to_bits()).collect();
    assert_eq!(got, bits);
    assert_eq!(decoded.columns.floats.time_ms, [-5; 4]);
}

fn int_histogram() -> Histogram {
    Histogram {
        count: Some(Count::Int(12)),
        sum: 18.4,
        schema: 1,
        zero_threshold: 0.001,
        zero_count: Some(ZeroCount::Int(2)),
        positive_spans: vec![Span { offset: 0, length: 2 }, Span { offset: 1, length: 2 }],
        positive_deltas: vec![1, 1, -1, 0],
        negative_spans: vec![Span { offset: -3, length: 2 }],
        negative_deltas: vec![2, 1],
        reset_hint: 2,
        timestamp: 100,
        start_timestamp: 50,
        ..Histogram::default()
    }
}

fn float_histogram() -> Histogram {
    Histogram {
        count: Some(Count::Float(2.5)),
        zero_count: Some(ZeroCount::Float(0.5)),
        positive_deltas: vec![],
        positive_counts: vec![0.5, 0.5, 0.5, 0.5],
        negative_deltas: vec![],
        negative_counts: vec![0.25, 0.25],
        reset_hint: 3,
        ..int_histogram()
    }
}

fn custom_histogram() -> Histogram {
    Histogram {
        count: Some(Count::Int(6)),
        sum: 9.0,
        schema: -53,
        custom_values: vec![-1.0, 1.0, 2.5],
        positive_spans: vec![Span { offset: 1, length: 1 }, Span { offset: 1, length: 1 }],
        positive_deltas: vec![4, -2],
        timestamp: 100,
        ..Histogram::default()
    }
}

fn decode_histograms(histograms: Vec<Histogram>) -> (Vec<NativeHistogram>, String) {
    let mut one = series(&[("__name__", "h")], vec![]);
    one.histograms = histograms;
    let decoded = write(Version::V1, &v1(vec![one])).unwrap();
    let column = &decoded.columns.histograms.histogram;
    (column.iter().map(|bytes| NativeHistogram::decode(bytes).unwrap()).collect(), decoded.message)
}

#[test]
fn native_histograms_of_all_kinds_are_read() {
    let stale = Histogram { sum: f64::from_bits(STALE_NAN_BITS), ..Histogram::default() };
    let all = vec![int_histogram(), float_histogram(), custom_histogram(), stale];
    let (got, message) = decode_histograms(all);
    assert_eq!(message, "");
    let span = |offset, length| BucketSpan { offset, length };
    let expect = NativeHistogram {
        schema: 1,
        zero_threshold: 0.001,
        zero_count: 2.0,
        count: 12.0,
        sum: 18.4,
        is_float: false,
        reset_hint: ResetHint::NotReset,
        positive_spans: vec![span(0, 2), span(1, 2)],
        positive_counts: vec![1.0, 2.0, 1.0, 1.0],
        negative_spans: vec![span(-3, 2)],
        negative_counts: vec![2.0, 3.0],
        custom_values: vec![],
    };
    assert_eq!(got[0], expect);
    assert!(got[1].is_float && got[1].reset_hint == ResetHint::Gauge);
    assert_eq!((got[1].count, got[1].zero_count), (2.5, 0.5));
    assert_eq!(got[1].positive_counts, [0.5; 4]);
    assert_eq!(
        (&*got[2].custom_values, &*got[2].positive_counts),
        (&[-1.0, 1.0, 2.5][..], &[4.0, 2.0][..])
    );
    assert_eq!(got[3].sum.to_bits(), STALE_NAN_BITS);
}

#[test]
fn a_finer_schema_is_reduced_to_the_finest_that_is_kept() {
    let fine = Histogram {
        schema: 10,
        count: Some(Count::Int(10)),
        zero_count: None,
        positive_spans: vec![Span { offset: -3, length: 3 }, Span { offset: 9, length: 1 }],
        positive_deltas: vec![1, 1, 1, 1],
        negative_spans: vec![],
        negative_deltas: vec![],
        ..int_histogram()
    };
    let (got, message) = decode_histograms(vec![fine]);
    assert_eq!(message, "");
    assert_eq!(got[0].schema, 8);
    // Indexes -3, -2, -1 and 9 become 0, 0, 0 and 3.
    let spans: Vec<(i32, u32)> =
        got[0].positive_spans.iter().map(|span| (span.offset, span.length)).collect();
    assert_eq!((spans, &*got[0].positive_counts), (vec![(0, 1), (2, 1)], &[6.0, 4.0][..]));
}

#[test]
fn a_histogram_that_contradicts_itself_is_rejected_alone() {
    let int = int_histogram;
    let custom = custom_histogram;
    let nan = f64::NAN;
    let span = |offset, length| vec![Span { offset, length }];
    let cases = [
        (Histogram { count: Some(Count::Int(13)), ..int() }, "should equal the number"),
        (Histogram { count: Some(Count::Int(11)), sum: nan, ..int() }, "should be at least"),
        (Histogram { positive_deltas: vec![1, -2, 2, 2], ..int() }, "count is negative"),
        (Histogram { positive_deltas: vec![1, 1], ..int() }, "different number of buckets"),
        (
            Histogram {
                positive_spans: vec![Span { offset: 0, length: 2 }, Span { offset: -1, length: 2 }],
                ..int()
            },
            "offset is negative",
        ),
        (Histogram { schema: -5, ..int() }, "invalid schema"),
        (Histogram { schema: 53, ..int() }, "invalid schema"),
        (Histogram { custom_values: vec![1.0], ..int() }, "must not have custom bounds"),
        (Histogram { count: Some(Count::Float(-1.0)), ..float_histogram() }, "count is negative"),
        (
            Histogram { zero_count: Some(ZeroCount::Float(-1.0)), ..float_histogram() },
            "count is negative",
        ),
        (Histogram { custom_values: vec![1.0, 1.0, 2.0], ..custom() }, "strictly increasing"),
        (Histogram { custom_values: vec![0.0, nan, 2.0], ..custom() }, "NaN"),
        (Histogram { custom_values: vec![0.0, 1.0, f64::INFINITY], ..custom() }, "finite"),
        (Histogram { custom_values: vec![0.0, 1.0], ..custom() }, "too few"),
        (Histogram { positive_spans: span(-1, 2), ..custom() }, "offset is negative"),
        (Histogram { count: Some(Count::Int(7)), ..custom() }, "6 observations found in buckets"),
        (Histogram { zero_threshold: 0.1, ..custom() }, "zero threshold of 0"),
        (Histogram { zero_count: Some(ZeroCount::Int(1)), ..custom() }, "zero count of 0"),
        (Histogram { negative_spans: span(0, 0), ..custom() }, "must not have negative spans"),
        (
            Histogram { positive_spans: span(i32::MAX, 4), ..int() },
            "a bucket of the histogram is out of range",
        ),
    ];
    for (bad, reason) in cases {
        let (got, message) = decode_histograms(vec![int(), bad, custom()]);
        assert_eq!(got.len(), 2, "{reason}");
        assert!(message.contains(reason), "{reason}: {message}");
    }
}

#[test]
fn exemplars_and_metadata_are_read() {
    let mut one = series(&[("__name__", "x_total")], vec![sample(1, 1.0)]);
    let exemplar = |text: &str| Exemplar {
        labels: labels(&[("trace_id", text), ("a", "b")]),
        value: 0.5,
        timestamp: 9,
    };
    one.exemplars = vec![exemplar("0102"), exemplar(&"é".repeat(119)), exemplar(&"x".repeat(118))];
    let metadata = |kind, family: &str| Metadata {
        kind,
        family: family.into(),
        help: "Help.".into(),
        unit: "s".into(),
    };
    let metadata =
        vec![metadata(1, "x_total"), metadata(7, "s"), metadata(99, "u"), metadata(1, "")];
    let body = WriteRequest { timeseries: vec![one], metadata }.encode_to_vec();
    let decoded = write(Version::V1, &body).unwrap();
    let exemplars = &decoded.columns.exemplars;
    assert_eq!((exemplars.value.len(), decoded.warnings.dropped_exemplars), (2, 1));
    let first = Labels::from_canonical(exemplars.labels.get(0)).unwrap();
    assert_eq!(first.iter().collect::<Vec<_>>(), [("a", "b"), ("trace_id", "0102")]);
    assert_eq!((exemplars.time_ms[0], exemplars.value[0], exemplars.series[0]), (9, 0.5, 0));
    let metadata = &decoded.columns.metadata;
    assert_eq!(metadata.family.iter().collect::<Vec<_>>(), ["x_total", "s", "u"]);
    let kinds = [MetricKind::Counter, MetricKind::StateSet, MetricKind::Unknown];
    assert_eq!(metadata.kind, kinds.map(|kind| kind as u8));
    assert_eq!((metadata.help.get(0), metadata.unit.get(0)), ("Help.", "s"));
}

const SYMBOLS: [&str; 12] = [
    "",
    "__name__",
    "rpc_seconds_count",
    "job",
    "api",
    "Latency.",
    "seconds",
    "trace_id",
    "0102",
    "rpc_seconds_bucket",
    "le",
    "1",
];

fn v2(timeseries: Vec<TimeSeriesV2>) -> Vec<u8> {
    let symbols = SYMBOLS.iter().map(|text| (*text).to_owned()).collect();
    RequestV2 { symbols, timeseries }.encode_to_vec()
}

fn good_v2() -> TimeSeriesV2 {
    TimeSeriesV2 {
        labels_refs: vec![1, 2, 3, 4],
        samples: vec![Sample { value: 4.0, timestamp: 1000, start_timestamp: 700 }],
        exemplars: vec![ExemplarV2 { labels_refs: vec![7, 8], value: 1.0, timestamp: 999 }],
        metadata: Some(MetadataV2 { kind: 3, help_ref: 5, unit_ref: 6 }),
        ..TimeSeriesV2::default()
    }
}

#[test]
fn symbols_start_times_and_metadata_of_version_2_are_read() {
    let bucket = TimeSeriesV2 { labels_refs: vec![10, 11, 1, 9], exemplars: vec![], ..good_v2() };
    let native = TimeSeriesV2 {
        samples: vec![],
        exemplars: vec![],
        histograms: vec![int_histogram(), custom_histogram()],
        ..good_v2()
    };
    let decoded = write(Version::V2, &v2(vec![good_v2(), bucket, native])).unwrap();
    let columns = &decoded.columns;
    assert_eq!(decoded.message, "");
    assert_eq!(
        shown(columns),
        [
            r#"{"__name__": "rpc_seconds_count", "job": "api"} 4@1000"#,
            r#"{"__name__": "rpc_seconds_bucket", "le": "1"} 4@1000"#,
        ]
    );
    assert_eq!(columns.floats.start_ms, [700, 700]);
    assert_eq!(columns.histograms.start_ms, [50, 0]);
    assert_eq!(Written::of(columns), Written { samples: 2, histograms: 2, exemplars: 1 });
    let exemplar = Labels::from_canonical(columns.exemplars.labels.get(0)).unwrap();
    assert_eq!(exemplar.get("trace_id"), "0102");
    let families: Vec<&str> = columns.metadata.family.iter().collect();
    assert_eq!(families, ["rpc_seconds", "rpc_seconds"]);
    assert_eq!(columns.metadata.kind, [MetricKind::Histogram as u8; 2]);
    assert_eq!(
        (columns.metadata.help.get(0), columns.metadata.unit.get(0)),
        ("Latency.", "seconds")
    );
}

#[test]
fn version_2_keeps_the_good_and_tells_of_the_bad() {
    let good = good_v2;
    let exemplar = |labels_refs| ExemplarV2 { labels_refs, value: 1.0, timestamp: 1 };
    let mut broken = int_histogram();
    broken.count = Some(Count::Int(1));
    let metadata = |help_ref, unit_ref| Some(MetadataV2 { kind: 1, help_ref, unit_ref });
    // A bad series, how many are rejected for it, how many samples of it are kept, and why.
    let cases = [
        (TimeSeriesV2 { labels_refs: vec![1, 2, 3], ..good() }, 1, 0, "label references is odd"),
        (TimeSeriesV2 { labels_refs: vec![1, 12], ..good() }, 1, 0, "outside of the symbols"),
        (TimeSeriesV2 { labels_refs: vec![3, 4], ..good() }, 1, 0, "no metric name"),
        (TimeSeriesV2 { labels_refs: vec![1, 2, 0, 4], ..good() }, 1, 0, "a label has no name"),
        (TimeSeriesV2 { labels_refs: vec![1, 2, 1, 4], ..good() }, 1, 0, "occurs twice"),
        (TimeSeriesV2 { metadata: metadata(99, 0), ..good() }, 1, 0, "outside of the symbols"),
        (TimeSeriesV2 { metadata: metadata(0, 99), ..good() }, 1, 0, "outside of the symbols"),
        (TimeSeriesV2 { samples: vec![], ..good() }, 1, 0, "at least one sample or histogram"),
        (TimeSeriesV2 { histograms: vec![broken], ..good() }, 1, 1, "should equal the number"),
        (TimeSeriesV2 { exemplars: vec![exemplar(vec![7])], ..good() }, 1, 1, "is odd"),
        (TimeSeriesV2 { exemplars: vec![exemplar(vec![7, 99])], ..good() }, 1, 1, "outside"),
    ];
    for (bad, rejected, kept, reason) in cases {
        let decoded = write(Version::V2, &v2(vec![good(), bad, good()])).unwrap();
        assert_eq!(decoded.rejected, rejected, "{reason}");
        assert_eq!(Written::of(&decoded.columns).samples, 2 + kept, "{reason}");
        assert!(decoded.message.contains(reason), "{reason}: {}", decoded.message);
    }
}

#[test]
fn symbols_after_the_series_are_found() {
    let symbols = SYMBOLS.iter().map(|text| (*text).to_owned()).collect();
    let head = RequestV2 { symbols: vec![], timeseries: vec![good_v2()] }.encode_to_vec();
    let tail = RequestV2 { symbols, timeseries: vec![] }.encode_to_vec();
    let decoded = write(Version::V2, &[head, tail].concat()).unwrap();
    assert_eq!(Written::of(&decoded.columns), Written { samples: 1, histograms: 0, exemplars: 1 });
}

#[test]
fn the_content_type_names_the_message() {
    let cases = [
        (None, Some(Version::V1)),
        (Some("application/x-protobuf"), Some(Version::V1)),
        (Some("application/x-protobuf; proto=prometheus.WriteRequest"), Some(Version::V1)),
        (Some("application/x-protobuf;proto=io.prometheus.write.v2.Request"), Some(Version::V2)),
        (Some("application/x-protobuf;proto=io.prometheus.write.v3.Request"), None),
        (Some("application/json"), None),
    ];
    for (text, expect) in cases {
        assert_eq!(Version::from_content_type(text).ok(), expect, "{text:?}");
    }
}

/// A batch with everything, each table not in the order of its series.
fn batch() -> MetricColumns {
    let mut symbols_used = good_v2();
    symbols_used.exemplars.push(ExemplarV2 { labels_refs: vec![], value: 2.0, timestamp: 1 });
    let native = TimeSeriesV2 {
        labels_refs: vec![1, 4],
        samples: vec![],
        histograms: vec![int_histogram(), float_histogram(), custom_histogram()],
        metadata: None,
        ..symbols_used.clone()
    };
    let mut columns = write(Version::V2, &v2(vec![symbols_used, native])).unwrap().columns;
    let floats = &mut columns.floats;
    for (series, time_ms, value) in [(1, 5, f64::NAN), (0, 4, 0.0), (1, 2, f64::NEG_INFINITY)] {
        floats.series.push(series);
        floats.time_ms.push(time_ms);
        floats.start_ms.push(time_ms - 1);
        floats.value.push(value);
    }
    columns
}

#[test]
fn what_was_encoded_is_decoded_by_us_and_by_others() {
    let columns = batch();
    let sorted = |columns: &MetricColumns, with_start: bool| {
        let floats = &columns.floats;
        let mut rows: Vec<_> = (0..floats.value.len())
            .map(|at| {
                let start_ms = if with_start { floats.start_ms[at] } else { 0 };
                (floats.series[at], floats.time_ms[at], start_ms, floats.value[at].to_bits())
            })
            .collect();
        rows.sort_unstable();
        rows
    };
    for (version, body) in
        [(Version::V1, encode_v1(&columns).unwrap()), (Version::V2, encode_v2(&columns).unwrap())]
    {
        let with_start = version == Version::V2;
        let decoded = write(version, &body).unwrap();
        assert_eq!(decoded.message, "");
        assert_eq!(sorted(&decoded.columns, with_start), sorted(&columns, with_start));
        assert!(decoded.columns.series == columns.series);
        assert!(decoded.columns.exemplars == columns.exemplars);
        assert!(decoded.columns.metadata == columns.metadata);
        assert!(decoded.columns.histograms.histogram == columns.histograms.histogram);
        let starts = if with_start { vec![50, 50, 0] } else { vec![0; 3] };
        assert_eq!(decoded.columns.histograms.start_ms, starts);
    }
    let others = WriteRequest::decode(&*encode_v1(&columns).unwrap()).unwrap();
    assert_eq!(
        others.timeseries[1].histograms[0],
        Histogram { start_timestamp: 0, ..int_histogram() }
    );
    assert_eq!(
        others.timeseries[0].labels,
        labels(&[("__name__", "rpc_seconds_count"), ("job", "api")])
    );
    let others = RequestV2::decode(&*encode_v2(&columns).unwrap()).unwrap();
    assert_eq!(others.symbols[0], "");
    let metadata = others.timeseries[0].metadata.unwrap();
    assert_eq!(others.symbols[metadata.help_ref as usize], "Latency.");
    assert_eq!(others.timeseries[1].histograms[1].count, Some(Count::Float(2.5)));
}
