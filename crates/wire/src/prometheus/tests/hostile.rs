//! Bytes that mean harm, or that no encoder we know sends but protobuf allows.

use proptest::prelude::*;
use prost::Message as _;
use watchkeep_model::{DecodeLimits, ErrorKind};

use super::messages::{
    ExemplarV2, Histogram, Label, RequestV2, Sample, Span, TimeSeries, TimeSeriesV2, WriteRequest,
};
use super::write;
use crate::compression::DECOMPRESSED_BYTES_MAX_KEY;
use crate::prometheus::remote_write::{BODY_BYTES_MAX, Version};
use crate::protobuf::Writer;

const TOO_LARGE: ErrorKind = ErrorKind::TooLarge { key: DECOMPRESSED_BYTES_MAX_KEY };

/// A length-delimited field.
fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.bytes(number, bytes);
    writer.into_bytes()
}

#[test]
fn a_malformed_request_is_refused_with_its_offset() {
    let body = [field(2, b"unknown"), vec![0x0a]].concat();
    for version in [Version::V1, Version::V2] {
        let error = write(version, &body).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Invalid);
        let expect = format!(
            "malformed remote write request: message cut in the middle of a \
                              varint at byte {}",
            body.len()
        );
        assert_eq!(error.message(), expect);
    }
}

#[test]
fn a_request_beyond_the_size_is_refused() {
    for version in [Version::V1, Version::V2] {
        let error = version.decode(&vec![0; BODY_BYTES_MAX + 1], &DecodeLimits::default());
        assert_eq!(error.unwrap_err().kind(), &TOO_LARGE);
    }
}

/// A request whose second symbol is long, and as many series as given that refer to it often.
fn bomb(series: usize, refs: &[u32], exemplars: usize) -> Vec<u8> {
    let symbols = vec![String::new(), "x".repeat(1 << 20), "__name__".into(), "up".into()];
    let exemplar = ExemplarV2 { labels_refs: vec![1, 1], ..ExemplarV2::default() };
    let one = TimeSeriesV2 {
        labels_refs: refs.to_vec(),
        samples: vec![Sample { value: 1.0, timestamp: 1, start_timestamp: 0 }],
        exemplars: vec![exemplar; exemplars],
        ..TimeSeriesV2::default()
    };
    RequestV2 { symbols, timeseries: vec![one; series] }.encode_to_vec()
}

#[test]
fn a_few_bytes_that_refer_to_very_many_are_refused() {
    let kept: Vec<u32> = vec![2, 1];
    let rejected: Vec<u32> = [[1, 1]; 60].concat();
    for body in [bomb(2000, &kept, 0), bomb(2000, &rejected, 0), bomb(10, &[2, 3], 1000)] {
        let error = write(Version::V2, &body).unwrap_err();
        assert_eq!(error.kind(), &TOO_LARGE);
        assert!(error.message().contains("grows beyond bounds"), "{error}");
    }
}

#[test]
fn symbols_beyond_the_limit_are_refused() {
    let body = [0x22, 0].repeat((1 << 20) + 1);
    let error = write(Version::V2, &body).unwrap_err();
    assert!(error.message().contains("at most 1048576 symbols"), "{error}");
}

#[test]
fn very_many_labels_references_and_buckets_are_rejected_in_bounded_memory() {
    let name = field(1, &[field(1, b"__name__"), field(2, b"up")].concat());
    let labels = [0x0a, 0].repeat(1_000_000);
    let exemplar = field(3, &labels);
    let histogram = field(4, &field(12, &vec![0; 1_000_000]));
    let spans = field(4, &[0x5a, 0].repeat(100_000));
    let cases = [
        (labels, 1, "more labels than limits.labels_per_series_max"),
        ([name.clone(), histogram].concat(), 1, "more than 65536 buckets"),
        ([name.clone(), spans].concat(), 1, "more than 65536 buckets"),
        ([name, exemplar].concat(), 0, ""),
    ];
    for (series, rejected, reason) in cases {
        let decoded = write(Version::V1, &field(1, &series)).unwrap();
        assert_eq!(decoded.rejected, rejected, "{reason}");
        assert!(decoded.message.contains(reason), "{}", decoded.message);
    }
    let refs = field(1, &vec![1; 1_000_000]);
    let body = [field(4, b""), field(4, b"a"), field(5, &refs)].concat();
    let decoded = write(Version::V2, &body).unwrap();
    assert!(decoded.message.contains("more labels than"), "{}", decoded.message);
}

#[test]
fn fields_in_any_order_and_unknown_ones_are_read() {
    let label = |name: &[u8], value: &[u8]| field(1, &[field(2, value), field(1, name)].concat());
    let sample = field(2, &[vec![0x10, 5, 0x09], 2.5_f64.to_le_bytes().to_vec()].concat());
    let series =
        [sample, field(90, b"?"), label(b"zone", b"a"), label(b"__name__", b"up")].concat();
    let decoded = write(Version::V1, &[field(2, b"?"), field(1, &series)].concat()).unwrap();
    assert_eq!(decoded.message, "");
    assert_eq!(
        (&*decoded.columns.floats.time_ms, &*decoded.columns.floats.value),
        (&[5][..], &[2.5][..])
    );
}

fn try_all(bytes: &[u8]) {
    let _any_outcome = write(Version::V1, bytes);
    let _any_outcome = write(Version::V2, bytes);
}

prop_compose! {
    fn histogram()(
        schema in -60_i32..60, spans in prop::collection::vec((-3_i32..9, 0_u32..4), 0..4),
        deltas in prop::collection::vec(-3_i64..9, 0..8), custom_values: Vec<f64>,
    ) -> Histogram {
        let spans = spans.into_iter().map(|(offset, length)| Span { offset, length }).collect();
        Histogram {
            sum: f64::NAN, schema, positive_spans: spans, positive_deltas: deltas, custom_values,
            ..Histogram::default()
        }
    }
}

prop_compose! {
    fn samples()(samples in prop::collection::vec((any::<f64>(), any::<i64>()), 0..4))
        -> Vec<Sample> {
        let sample = |(value, timestamp)| Sample { value, timestamp, start_timestamp: 7 };
        samples.into_iter().map(sample).collect()
    }
}

prop_compose! {
    fn v1_series()(
        labels in prop::collection::vec(("(__name__|[a-c]?)", "[xé]{0,3}"), 0..5),
        samples in samples(), histograms in prop::collection::vec(histogram(), 0..3),
    ) -> TimeSeries {
        let labels = labels.into_iter().map(|(name, value)| Label { name, value }).collect();
        TimeSeries { labels, samples, histograms, exemplars: vec![] }
    }
}

prop_compose! {
    fn v2_request()(
        symbols: Vec<String>,
        timeseries in prop::collection::vec(
            (prop::collection::vec(0_u32..6, 0..6), samples(), histogram()), 0..4),
    ) -> RequestV2 {
        let series = |(labels_refs, samples, histogram)| TimeSeriesV2 {
            labels_refs, samples, histograms: vec![histogram], ..TimeSeriesV2::default()
        };
        let mut all = vec![String::new(), "__name__".to_owned(), "up".to_owned()];
        all.extend(symbols);
        RequestV2 { symbols: all, timeseries: timeseries.into_iter().map(series).collect() }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        try_all(&bytes);
    }

    #[test]
    fn every_sample_is_kept_or_counted(
        timeseries in prop::collection::vec(v1_series(), 0..5), v2 in v2_request(),
    ) {
        let sent: usize =
            timeseries.iter().map(|series| series.samples.len() + series.histograms.len()).sum();
        let body = WriteRequest { timeseries, metadata: vec![] }.encode_to_vec();
        let decoded = write(Version::V1, &body).unwrap();
        prop_assert!(decoded.columns.samples() as u64 + decoded.rejected >= sent as u64);
        let sent: usize =
            v2.timeseries.iter().map(|series| series.samples.len() + series.histograms.len()).sum();
        let decoded = write(Version::V2, &v2.encode_to_vec()).unwrap();
        prop_assert_eq!(decoded.columns.samples() as u64 + decoded.rejected, sent as u64);
    }

    #[test]
    fn no_cut_and_no_damage_panics(
        timeseries in prop::collection::vec(v1_series(), 0..5), v2 in v2_request(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let v1 = WriteRequest { timeseries, metadata: vec![] };
        for mut body in [v1.encode_to_vec(), v2.encode_to_vec()] {
            (0..body.len()).step_by(1 + body.len() / 100).for_each(|end| try_all(&body[..end]));
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
