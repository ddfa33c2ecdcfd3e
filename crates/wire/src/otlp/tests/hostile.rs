//! Bytes that mean harm, or that no encoder we know sends but protobuf allows.

use proptest::prelude::*;
use prost::Message as _;
use watchkeep_model::{DecodeLimits, ErrorKind};

use super::{ARRIVAL_NS, generate, logs, metrics, strings, traces};
use crate::otlp::{MetricsOptions, decode_logs_json, decode_metrics_json, decode_traces_json};
use crate::protobuf::Writer;

/// A length-delimited field.
fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.bytes(number, bytes);
    writer.into_bytes()
}

fn span(extra: &[u8]) -> Vec<u8> {
    [field(1, &[1; 16]), field(2, &[2; 8]), field(5, b"chat"), extra.to_vec()].concat()
}

fn request(span: &[u8]) -> Vec<u8> {
    field(1, &field(2, &field(2, span)))
}

/// A `KeyValue` with the given `AnyValue`.
fn attribute(key: &str, value: &[u8]) -> Vec<u8> {
    [field(1, key.as_bytes()), field(2, value)].concat()
}

#[test]
fn a_resource_after_its_spans_is_theirs() {
    let resource = field(1, &attribute("service.name", &field(1, b"planner")));
    let scope_spans =
        [field(2, &span(&[])), field(3, b"schema"), field(1, &field(1, b"tracer"))].concat();
    let body = field(1, &[field(2, &scope_spans), field(1, &resource)].concat());
    let columns = traces(&body).unwrap().columns;
    assert_eq!(columns.service.get(0), "planner");
    assert_eq!(columns.scope_name.get(0), "tracer");
    assert_eq!(columns.schema_url.get(0), "schema");
    assert_eq!(columns.resource.get(0), r#"{"service.name":"planner"}"#);
}

#[test]
fn attributes_between_other_fields_and_unknown_fields_are_found() {
    let mut extra = field(9, &attribute("a", &field(1, b"1")));
    // An unknown fixed32, varint, group (with a field in it) and string.
    extra.extend([0x9d, 0x3e, 1, 2, 3, 4, 0xa0, 0x3e, 7, 0xab, 0x3e, 0x08, 1, 0xac, 0x3e]);
    extra.extend(field(900, b"?"));
    extra.extend(field(9, &attribute("b", &field(1, b"2"))));
    extra.extend(field(5, b"renamed"));
    let columns = traces(&request(&span(&extra))).unwrap().columns;
    let keys: Vec<&str> = columns.attributes.row(0).map(|(key, ..)| key).collect();
    assert_eq!(keys, ["a", "b"]);
    assert_eq!(strings(&columns.name), ["renamed"]);
}

#[test]
fn repeated_scalars_may_be_packed_or_not() {
    let counts = [3_u64, 4, 5];
    let bounds = [0.5_f64, 1.0];
    let point = |packed: bool| {
        let mut writer = Writer::default();
        writer.fixed64(3, 1_000_000);
        writer.fixed64(4, 12);
        if packed {
            let bytes: Vec<u8> = counts.iter().flat_map(|count| count.to_le_bytes()).collect();
            writer.bytes(6, &bytes);
            let bytes: Vec<u8> = bounds.iter().flat_map(|bound| bound.to_le_bytes()).collect();
            writer.bytes(7, &bytes);
        } else {
            for count in counts {
                writer.fixed64(6, count);
            }
            for bound in bounds {
                writer.fixed64(7, bound.to_bits());
            }
        }
        writer.into_bytes()
    };
    let body = |packed| {
        let histogram = [field(1, &point(packed)), vec![0x10, 2]].concat();
        let metric = [field(1, b"latency"), field(9, &histogram)].concat();
        request(&metric)
    };
    let packed = metrics(&body(true)).unwrap();
    assert_eq!(packed.columns.floats.value, [12.0, 3.0, 7.0, 12.0]);
    assert!(packed == metrics(&body(false)).unwrap());
}

#[test]
fn packed_varints_of_exponential_buckets_may_be_packed_or_not() {
    let body = |packed: bool| {
        let mut buckets = Writer::default();
        buckets.sint32(1, -1);
        if packed {
            buckets.bytes(2, &[1, 0xac, 0x02]);
        } else {
            buckets.varint(2, 1);
            buckets.varint(2, 300);
        }
        let point = field(8, &buckets.into_bytes());
        let metric =
            [field(1, b"x"), field(10, &[field(1, &point), vec![0x10, 1]].concat())].concat();
        request(&metric)
    };
    let decoded = metrics(&body(true)).unwrap();
    assert_eq!(decoded.columns.series.delta, [1]);
    let histogram = decoded.columns.histograms.histogram.get(0);
    let histogram = watchkeep_model::NativeHistogram::decode(histogram).unwrap();
    assert_eq!(histogram.positive_counts, [1.0, 300.0]);
    assert_eq!(
        histogram.positive_spans.first().map(|span| (span.offset, span.length)),
        Some((0, 2))
    );
    assert!(decoded == metrics(&body(false)).unwrap());
}

#[test]
fn text_that_is_not_utf8_is_replaced_and_counted() {
    let decoded = traces(&request(&span(&field(5, b"ch\xffat")))).unwrap();
    assert_eq!(strings(&decoded.columns.name), ["ch\u{fffd}at"]);
    assert_eq!(decoded.warnings.invalid_utf8, 1);
}

#[test]
fn a_value_nested_deeply_becomes_empty_below_the_limit() {
    let mut value = field(1, b"core");
    for _ in 0..10_000 {
        value = field(5, &field(1, &value));
    }
    let body = request(&span(&field(9, &attribute("deep", &value))));
    let decoded = traces(&body).unwrap();
    let (_, _, text) = decoded.columns.attributes.row(0).next().unwrap();
    assert_eq!(text, format!("{}null{}", "[".repeat(32), "]".repeat(32)));
    assert_eq!(decoded.warnings.values_too_deep, 1);
    // Even where the limit allows any depth.
    let limits = DecodeLimits { nesting_depth_max: usize::MAX, ..DecodeLimits::default() };
    let decoded = super::super::decode_traces(&body, &limits).unwrap();
    let (_, _, text) = decoded.columns.attributes.row(0).next().unwrap();
    assert_eq!(text.len(), 64 + 4 + 64);
}

#[test]
fn json_nested_deeply_gives_the_same_as_protobuf() {
    let (mut value, mut text) = (field(1, b"core"), r#"{"stringValue":"core"}"#.to_owned());
    for _ in 0..10_000 {
        value = field(6, &field(1, &attribute("k", &value)));
        text = format!(r#"{{"kvlistValue":{{"values":[{{"key":"k","value":{text}}}]}}}}"#);
    }
    let text = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{}","spanId":"{}",
        "name":"chat","unknown":{}{},"attributes":[{{"key":"deep","value":{text}}}]}}]}}]}}]}}"#,
        "01".repeat(16),
        "02".repeat(8),
        "[".repeat(100_000),
        "]".repeat(100_000),
    );
    for nesting_depth_max in [0, 1, 32, 63, 64, 65] {
        let limits = DecodeLimits { nesting_depth_max, ..DecodeLimits::default() };
        let decoded = decode_traces_json(text.as_bytes(), &limits).unwrap();
        let body = request(&span(&field(9, &attribute("deep", &value))));
        assert!(decoded == super::super::decode_traces(&body, &limits).unwrap());
        assert_eq!(decoded.warnings.values_too_deep, 1);
    }
}

#[test]
fn a_malformed_request_is_refused_with_signal_and_offset() {
    let body = [field(2, b"unknown"), vec![0x0a]].concat();
    let at = body.len();
    for (outcome, signal) in [
        (traces(&body).map(|_| ()), "traces"),
        (logs(&body).map(|_| ()), "logs"),
        (metrics(&body).map(|_| ()), "metrics"),
    ] {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Invalid);
        let message = error.message();
        assert!(message.contains(&format!("OTLP {signal}")), "{message}");
        assert!(message.ends_with(&format!("at byte {at}")), "{message}");
    }
    let error = traces(&request(&[0x28, 1])).unwrap_err();
    assert!(error.message().contains("wire type that does not fit the field at byte 6"), "{error}");
}

#[test]
fn a_resource_repeated_for_very_many_points_is_refused() {
    let limits = DecodeLimits::default();
    let resource = field(1, &attribute("service.name", &field(1, &vec![b'x'; 1 << 20])));
    let mut points = Vec::new();
    for number in 0..2000_u32 {
        let name = format!("n{number}");
        let mut point = Writer::default();
        point.fixed64(4, 0);
        point.bytes(7, &attribute(&name, &field(1, b"v")));
        points.extend(field(1, &point.into_bytes()));
    }
    let metric = [field(1, b"m"), field(5, &points)].concat();
    let body = field(1, &[field(1, &resource), field(2, &field(2, &metric))].concat());
    let options = MetricsOptions::default();
    let error = super::super::decode_metrics(&body, &limits, &options, 0).unwrap_err();
    let expect = ErrorKind::TooLarge { key: "limits.decompressed_bytes_max" };
    assert_eq!(error.kind(), &expect);
}

#[test]
fn json_errors_name_the_place_and_not_the_value() {
    let limits = DecodeLimits::default();
    for (text, expect) in [
        ("{\"resourceSpans\":\n[{]", "line 2 column 3"),
        (r#"{"resourceSpans":"secret"}"#, "expected an array in resourceSpans, found a string"),
        (r#"{"resourceSpans":["secret"]}"#, "expected an object, found a string"),
        (
            r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"secret"}]}]}]}"#,
            "expected a 64-bit integer that is not negative in startTimeUnixNano",
        ),
        (r#"{"resourceSpans":[{"schemaUrl":{}}]}"#, "a scalar in schemaUrl"),
        ("{} {}", "trailing characters"),
        ("", "EOF"),
    ] {
        let error = decode_traces_json(text.as_bytes(), &limits).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Invalid);
        let message = error.message();
        assert!(message.starts_with("malformed OTLP/JSON traces: "), "{message}");
        assert!(message.contains(expect), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}

fn try_all(bytes: &[u8]) {
    let (limits, options) = (DecodeLimits::default(), MetricsOptions::default());
    let _any_outcome = traces(bytes);
    let _any_outcome = logs(bytes);
    let _any_outcome = metrics(bytes);
    let _any_outcome = decode_traces_json(bytes, &limits);
    let _any_outcome = decode_logs_json(bytes, &limits, ARRIVAL_NS);
    let _any_outcome = decode_metrics_json(bytes, &limits, &options, ARRIVAL_NS);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        try_all(&bytes);
    }

    #[test]
    fn no_cut_panics(
        traces in generate::traces(), logs in generate::logs(), metrics in generate::metrics(),
    ) {
        let texts = [
            serde_json::to_vec(&traces).unwrap(),
            serde_json::to_vec(&logs).unwrap(),
            serde_json::to_vec(&metrics).unwrap(),
        ];
        let bodies = [traces.encode_to_vec(), logs.encode_to_vec(), metrics.encode_to_vec()];
        for body in bodies {
            (0..body.len()).step_by(1 + body.len() / 300).for_each(|end| try_all(&body[..end]));
        }
        for text in texts {
            (0..text.len()).step_by(1 + text.len() / 50).for_each(|end| try_all(&text[..end]));
        }
    }

    #[test]
    fn no_damage_panics(
        data in generate::metrics(), spans in generate::traces(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        for mut body in [data.encode_to_vec(), spans.encode_to_vec()] {
            for (at, byte) in &damage {
                if !body.is_empty() {
                    let at = at.index(body.len());
                    body[at] = *byte;
                    try_all(&body);
                }
            }
        }
    }
}
