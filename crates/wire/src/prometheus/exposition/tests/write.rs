//! What is written, and that it is read as what it was.

use proptest::prelude::*;
use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::{ClassicHistogram, ResetHint};
use watchkeep_model::metrics::MetricKind;

use super::super::escape::EscapingScheme;
use super::super::write::{
    ExpositionWriter, FamilyMetadata, ResponseFormat, WrittenSample, WrittenValue,
};
use super::super::{Entry, Format, Options, Parser, SampleValue};
use super::shown;

fn format(format: Format) -> ResponseFormat {
    ResponseFormat { format, openmetrics_1_0: true, escaping: EscapingScheme::AllowUtf8 }
}

fn float<'a>(name: &'a str, labels: &'a [(&'a str, &'a str)], value: f64) -> WrittenSample<'a> {
    WrittenSample {
        name,
        labels,
        time_ms: Some(1_700_000_000_123),
        value: WrittenValue::Float(value),
        metadata: FamilyMetadata::default(),
    }
}

fn text(response: ResponseFormat, samples: &[WrittenSample<'_>]) -> String {
    let mut writer = ExpositionWriter::new(&response);
    for sample in samples {
        assert!(writer.push(sample));
    }
    String::from_utf8(writer.finish()).unwrap()
}

fn nhcb() -> NativeHistogram {
    let mut classic = ClassicHistogram::default();
    classic.set_bucket(0.5, 2.0).unwrap();
    classic.set_bucket(1.0, 2.0).unwrap();
    classic.set_bucket(4.0, 5.0).unwrap();
    classic.set_count(6.0).unwrap();
    classic.set_sum(9.5).unwrap();
    classic.convert().unwrap()
}

#[test]
fn text_groups_families_and_quotes_what_needs_it() {
    let counter = FamilyMetadata { kind: Some(MetricKind::Counter), help: "a\\b\n\"", unit: "s" };
    let samples = [
        WrittenSample { metadata: counter, ..float("a_total", &[], 1.0) },
        WrittenSample {
            time_ms: None,
            ..float("a_total", &[("l", "\\\"\n"), ("instance", "")], 2.5)
        },
        float("b.c", &[("x.y", "v")], f64::INFINITY),
    ];
    let expect = "# HELP a_total a\\\\b\\n\"\n# TYPE a_total counter\na_total 1 1700000000123\n\
                  a_total{l=\"\\\\\\\"\\n\",instance=\"\"} 2.5\n\
                  # TYPE \"b.c\" untyped\n{\"b.c\",\"x.y\"=\"v\"} +Inf 1700000000123\n";
    // The counter is known only from its first sample.
    let same = [samples[0], WrittenSample { metadata: counter, ..samples[1] }, samples[2]];
    assert_eq!(text(format(Format::Text), &same), expect);
    let openmetrics = "# HELP a a\\\\b\\n\\\"\n# TYPE a counter\na_total 1.0 1700000000.123\n\
                       a_total{l=\"\\\\\\\"\\n\",instance=\"\"} 2.5\n\
                       # TYPE \"b.c\" unknown\n{\"b.c\",\"x.y\"=\"v\"} +Inf 1700000000.123\n# EOF\n";
    assert_eq!(text(format(Format::OpenMetrics), &same), openmetrics);
}

#[test]
fn names_are_escaped_as_asked() {
    let escaped = ResponseFormat { escaping: EscapingScheme::Values, ..format(Format::Text) };
    let expect = "# TYPE U__b_2e_c untyped\nU__b_2e_c{U__x_2e_y=\"v.w\"} 1 1700000000123\n";
    assert_eq!(text(escaped, &[float("b.c", &[("x.y", "v.w")], 1.0)]), expect);
}

#[test]
fn custom_buckets_are_written_as_classic_ones() {
    let histogram = nhcb();
    let sample = WrittenSample {
        value: WrittenValue::Histogram(&histogram),
        time_ms: None,
        ..float("h", &[("l", "v")], 0.0)
    };
    let expect = "# TYPE h histogram\nh_bucket{l=\"v\",le=\"0.5\"} 2\nh_bucket{l=\"v\",le=\"1\"} 2\n\
                  h_bucket{l=\"v\",le=\"4\"} 5\nh_bucket{l=\"v\",le=\"+Inf\"} 6\nh_sum{l=\"v\"} 9.5\n\
                  h_count{l=\"v\"} 6\n";
    assert_eq!(text(format(Format::Text), &[sample]), expect);
    let options = Options { convert_classic_histograms: true, ..Options::default() };
    for kind in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
        let mut writer = ExpositionWriter::new(&format(kind));
        assert!(writer.push(&sample));
        let mut again = first_histogram(&writer.finish(), kind, options);
        again.is_float = false;
        assert_eq!(again, histogram, "{kind:?}");
    }
}

fn first_histogram(body: &[u8], format: Format, options: Options) -> NativeHistogram {
    let mut parser = Parser::new(body, format, options);
    while let Some(entry) = parser.next().unwrap() {
        if let Entry::Sample(sample) = entry
            && let SampleValue::Histogram(histogram) = sample.value
        {
            return histogram.clone();
        }
    }
    panic!("there is no histogram");
}

#[test]
fn exponential_buckets_need_protobuf() {
    let mut histogram = nhcb();
    histogram.schema = 3;
    histogram.custom_values.clear();
    histogram.zero_threshold = 0.001;
    histogram.zero_count = 2.0;
    histogram.count += 2.0;
    histogram.negative_spans = histogram.positive_spans.clone();
    histogram.negative_counts = histogram.positive_counts.clone();
    histogram.count *= 2.0;
    histogram.count -= 2.0;
    let mut empty = histogram.clone();
    for spans in [&mut empty.positive_spans, &mut empty.negative_spans] {
        spans.clear();
    }
    empty.positive_counts.clear();
    empty.negative_counts.clear();
    (empty.zero_threshold, empty.zero_count, empty.count) = (0.0, 0.0, 0.0);
    let mut float_counts = histogram.clone();
    float_counts.is_float = true;
    float_counts.positive_counts[0] = 1.5;
    float_counts.reset_hint = ResetHint::Gauge;
    for histogram in [histogram, empty, float_counts] {
        let sample =
            WrittenSample { value: WrittenValue::Histogram(&histogram), ..float("h", &[], 0.0) };
        for kind in [Format::Text, Format::OpenMetrics] {
            assert!(!ExpositionWriter::new(&format(kind)).push(&sample));
        }
        let mut writer = ExpositionWriter::new(&format(Format::Protobuf));
        assert!(writer.push(&sample));
        let again = first_histogram(&writer.finish(), Format::Protobuf, Options::default());
        let mut compact = histogram.clone();
        compact.compact(0);
        assert_eq!(again, compact);
    }
}

#[test]
fn an_exposition_can_be_taken_in_pieces() {
    for kind in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
        let samples = [float("a", &[], 1.0), float("a", &[("l", "v")], 2.0), float("b", &[], 3.0)];
        let (mut whole, mut pieces) =
            (ExpositionWriter::new(&format(kind)), ExpositionWriter::new(&format(kind)));
        let mut out = Vec::new();
        for sample in &samples {
            whole.push(sample);
            pieces.push(sample);
            out.extend(pieces.take());
        }
        out.extend(pieces.finish());
        assert_eq!(out, whole.finish(), "{kind:?}");
    }
}

type Row = (String, Vec<(String, String)>, f64, Option<i64>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let name = || "[a-z_:][a-z0-9_]{0,5}|\\PC{1,6}|[\"\\\\\n.]{1,3}";
    let labels = proptest::collection::btree_map(name(), "\\PC{0,6}|[\"\\\\\n]{0,3}", 0..4);
    let labels = labels.prop_map(|labels| labels.into_iter().collect());
    let time = proptest::option::of(1..2_000_000_000_000_i64);
    proptest::collection::vec((name().prop_map(String::from), labels, any::<f64>(), time), 0..8)
}

proptest! {
    #[test]
    fn what_is_written_is_read(rows in rows()) {
        for kind in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
            let mut writer = ExpositionWriter::new(&format(kind));
            let mut expect = Vec::new();
            for (name, labels, value, time_ms) in &rows {
                let labels: Vec<(&str, &str)> =
                    labels.iter().map(|(name, value)| (&**name, &**value)).collect();
                let sample =
                    WrittenSample { time_ms: *time_ms, ..float(name, &labels, *value) };
                prop_assert!(writer.push(&sample));
                let shown: Vec<String> =
                    labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
                let time = time_ms.map_or_else(String::new, |time| format!(" @{time}"));
                expect.push(format!("{name}{{{}}} {value}{time}", shown.join(",")));
            }
            let mut lines = shown(&writer.finish(), kind, Options::default());
            lines.retain(|line| !line.starts_with("TYPE ") && !line.starts_with("HELP "));
            expect.retain(|line| !line.starts_with("TYPE ") && !line.starts_with("HELP "));
            prop_assert_eq!(lines, expect, "{:?}", kind);
        }
    }
}
