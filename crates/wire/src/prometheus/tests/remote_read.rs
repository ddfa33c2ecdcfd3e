//! Remote read: requests, and both forms of response, read back by other means.

use std::sync::Arc;

use proptest::prelude::*;
use prost::Message as _;
use watchkeep_model::histogram::{BucketSpan, ResetHint};
use watchkeep_model::metrics::STALE_NAN_BITS;
use watchkeep_model::{
    ErrorKind, FloatSamples, HistogramSample, Labels, MatchOp, Matcher, NativeHistogram,
    SeriesSamples,
};

use super::chunk_reader::{Read, is_stale, read_chunk};
use super::messages::{
    ChunkedReadResponse, LabelMatcher, Query, ReadHints, ReadRequest, ReadResponse,
};
use crate::compression::compress_snappy_block;
use crate::prometheus::remote_read::{
    FRAME_BYTES_MAX, QUERIES_MAX, ResponseType, SamplesResponse, chunked_frames, decode_request,
};

fn decode(
    request: &ReadRequest,
) -> watchkeep_model::Result<crate::prometheus::remote_read::ReadRequest> {
    decode_request(&compress_snappy_block(&request.encode_to_vec()).unwrap())
}

fn matcher(kind: i32, name: &str, value: &str) -> LabelMatcher {
    LabelMatcher { kind, name: name.into(), value: value.into() }
}

#[test]
fn a_request_is_read() {
    let hints = ReadHints {
        step_ms: 15_000,
        func: "rate".into(),
        start_ms: 5,
        end_ms: 6,
        grouping: vec!["job".into()],
        by: true,
        range_ms: 300_000,
    };
    let matchers = vec![
        matcher(0, "__name__", "up"),
        matcher(1, "job", ""),
        matcher(2, "a", "x|y"),
        matcher(3, "b", "z.*"),
    ];
    let query =
        Query { start_timestamp_ms: -3, end_timestamp_ms: 1000, matchers, hints: Some(hints) };
    let request = ReadRequest { queries: vec![query], accepted_response_types: vec![7, 1, 0] };
    let got = decode(&request).unwrap();
    assert_eq!(got.response_type, ResponseType::StreamedXorChunks);
    let query = &got.queries[0];
    assert_eq!((query.start_ms, query.end_ms), (-3, 1000));
    let expect = [
        Matcher::equal("__name__", "up"),
        Matcher::not_equal("job", ""),
        Matcher::new("a", MatchOp::Regex, "x|y").unwrap(),
        Matcher::new("b", MatchOp::NotRegex, "z.*").unwrap(),
    ];
    assert_eq!(query.matchers, expect);
    let hints = query.hints.as_ref().unwrap();
    assert_eq!((&*hints.function, hints.step_ms, hints.range_ms), ("rate", 15_000, 300_000));
    assert_eq!(
        (hints.start_ms, hints.end_ms, hints.by, &*hints.grouping),
        (5, 6, true, &["job".to_owned()][..])
    );
}

#[test]
fn a_request_that_can_not_be_answered_is_refused() {
    let with = |matcher| ReadRequest {
        queries: vec![Query { matchers: vec![matcher], ..Query::default() }],
        accepted_response_types: vec![],
    };
    let cases = [
        (with(matcher(4, "a", "b")), "unknown type 4"),
        (with(matcher(2, "a", "(")), ""),
        (ReadRequest { queries: vec![], accepted_response_types: vec![2] }, "none of the accepted"),
        (
            ReadRequest {
                queries: vec![Query::default(); QUERIES_MAX + 1],
                accepted_response_types: vec![],
            },
            "at most 1000 queries",
        ),
    ];
    for (request, reason) in cases {
        let error = decode(&request).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Invalid, "{reason}");
        assert!(error.message().contains(reason), "{error}");
    }
    assert_eq!(decode(&ReadRequest::default()).unwrap().response_type, ResponseType::Samples);
    let error = decode_request(&compress_snappy_block(&[0x0a]).unwrap()).unwrap_err();
    assert!(error.message().starts_with("malformed remote read request"), "{error}");
}

fn floats(samples: &[(i64, f64)]) -> FloatSamples {
    FloatSamples {
        times_ms: samples.iter().map(|(time_ms, _)| *time_ms).collect(),
        values: samples.iter().map(|(_, value)| *value).collect(),
        starts_ms: None,
    }
}

fn series(
    pairs: &[(&str, &str)],
    samples: &[(i64, f64)],
    histograms: &[(i64, NativeHistogram)],
) -> SeriesSamples {
    let sample = |(time_ms, histogram): &(i64, NativeHistogram)| HistogramSample {
        time_ms: *time_ms,
        start_ms: 0,
        histogram: Arc::new(histogram.clone()),
    };
    SeriesSamples {
        labels: Labels::from_pairs(pairs.iter().copied()),
        floats: floats(samples),
        histograms: histograms.iter().map(sample).collect(),
    }
}

fn histogram(is_float: bool, counts: &[f64]) -> NativeHistogram {
    let total: f64 = counts.iter().sum();
    NativeHistogram {
        schema: 2,
        zero_threshold: 2_f64.powi(-128),
        zero_count: 1.0,
        count: 1.0 + total * 2.0,
        sum: total * 3.5,
        is_float,
        reset_hint: ResetHint::Unknown,
        positive_spans: vec![BucketSpan { offset: -2, length: counts.len() as u32 }],
        positive_counts: counts.to_vec(),
        negative_spans: vec![BucketSpan { offset: 3, length: counts.len() as u32 }],
        negative_counts: counts.to_vec(),
        custom_values: vec![],
    }
}

#[test]
fn samples_are_sorted_by_label_and_read_by_others() {
    let mut response = SamplesResponse::default();
    // "a" sorts before "ab", though the canonical bytes of "ab" might not.
    let long = series(&[("__name__", "up"), ("job", "ab")], &[(1, 1.0), (2, f64::NAN)], &[]);
    let short = series(
        &[("__name__", "up"), ("job", "b")],
        &[(1, 0.0)],
        &[(3, histogram(false, &[1.0, 2.0]))],
    );
    let named = series(&[("__name__", "longer_name"), ("job", "x")], &[(-1, 2.0)], &[]);
    response.push_query(vec![short, long, named]);
    response.push_query(vec![]);
    assert_eq!(response.samples(), 5);
    let got = ReadResponse::decode(&*response.into_bytes()).unwrap();
    assert_eq!(got.results.len(), 2);
    let shown: Vec<(&str, &str)> = got.results[0]
        .timeseries
        .iter()
        .map(|series| (&*series.labels[0].value, &*series.labels[1].value))
        .collect();
    assert_eq!(shown, [("longer_name", "x"), ("up", "ab"), ("up", "b")]);
    assert_eq!(got.results[0].timeseries[0].samples[0].timestamp, -1);
    assert!(got.results[0].timeseries[1].samples[1].value.is_nan());
    let histogram = &got.results[0].timeseries[2].histograms[0];
    assert_eq!((&*histogram.positive_deltas, histogram.timestamp), (&[1, 1][..], 3));
}

/// Takes frames apart, checking lengths and checksums.
fn messages(frames: impl Iterator<Item = Vec<u8>>) -> Vec<ChunkedReadResponse> {
    let mut messages = Vec::new();
    for frame in frames {
        let mut rest = &*frame;
        let len = watchkeep_model::labels::read_varint(&mut rest).unwrap() as usize;
        let (checksum, message) = rest.split_first_chunk::<4>().unwrap();
        assert_eq!(message.len(), len);
        assert_eq!(u32::from_be_bytes(*checksum), crc32c::crc32c(message));
        messages.push(ChunkedReadResponse::decode(message).unwrap());
    }
    messages
}

/// All samples of frames of one series, with the number of each chunk's.
fn read(messages: &[ChunkedReadResponse]) -> (Vec<Read>, Vec<usize>) {
    let (mut samples, mut sizes) = (Vec::new(), Vec::new());
    for chunk in messages.iter().flat_map(|message| &message.chunked_series[0].chunks) {
        let chunk_samples = read_chunk(chunk.encoding, &chunk.data);
        let time = |sample: &Read| match sample {
            Read::Float(time, _) | Read::Histogram(time, _) => *time,
        };
        assert_eq!(chunk_samples.first().map(time), Some(chunk.min_time_ms));
        assert_eq!(chunk_samples.last().map(time), Some(chunk.max_time_ms));
        sizes.push(chunk_samples.len());
        samples.extend(chunk_samples);
    }
    (samples, sizes)
}

fn expected(series: &SeriesSamples) -> Vec<Read> {
    let mut all: Vec<(i64, Read)> = Vec::new();
    for (time_ms, value) in series.floats.times_ms.iter().zip(&series.floats.values) {
        all.push((*time_ms, Read::Float(*time_ms, value.to_bits())));
    }
    for sample in &series.histograms {
        let histogram = Box::new((*sample.histogram).clone());
        all.push((sample.time_ms, Read::Histogram(sample.time_ms, histogram)));
    }
    all.sort_by_key(|(time_ms, _)| *time_ms);
    all.into_iter().map(|(_, sample)| sample).collect()
}

/// Compares what was read with what was written, but for hints, which chunks tell their own way,
/// and bit for bit.
fn assert_same(got: &[Read], expect: &[Read]) {
    assert_eq!(got.len(), expect.len());
    for (got, expect) in got.iter().zip(expect) {
        match (got, expect) {
            (Read::Float(..), Read::Float(..)) => assert_eq!(got, expect),
            (Read::Histogram(time, histogram), Read::Histogram(expect_time, expect)) => {
                assert_eq!(time, expect_time);
                if is_stale(expect) {
                    assert!(is_stale(histogram));
                } else {
                    assert!(histogram.same_data(expect), "{histogram:?} {expect:?}");
                }
                assert_eq!(histogram.is_float, expect.is_float);
            }
            _ => panic!("a sample changed its kind"),
        }
    }
}

#[test]
fn plain_samples_travel_in_chunks_of_120() {
    let samples: Vec<(i64, f64)> =
        (0..300).map(|number| (number * 15_000, (number * number) as f64 / 7.0)).collect();
    let one = series(&[("__name__", "up")], &samples, &[]);
    let messages = messages(chunked_frames(3, [one.clone()]));
    assert_eq!((messages.len(), messages[0].query_index), (1, 3));
    assert_eq!(messages[0].chunked_series[0].labels[0].value, "up");
    let (got, sizes) = read(&messages);
    assert_eq!(sizes, [120, 120, 60]);
    assert_same(&got, &expected(&one));
}

#[test]
fn a_long_series_is_cut_into_frames_of_bounded_size() {
    let mut value = 0x9e37_79b9_7f4a_7c15_u64;
    let samples: Vec<(i64, f64)> = (0..300_000)
        .map(|number| {
            value ^= value << 13;
            value ^= value >> 7;
            value ^= value << 17;
            (number * 1000, f64::from_bits(value))
        })
        .collect();
    let one = series(&[("__name__", "noise")], &samples, &[]);
    let frames: Vec<Vec<u8>> = chunked_frames(0, [one.clone()]).collect();
    assert!(frames.len() > 1);
    assert!(frames.iter().all(|frame| frame.len() < FRAME_BYTES_MAX + 2048));
    let messages = messages(frames.into_iter());
    assert!(messages.iter().all(|message| message.chunked_series[0].labels.len() == 1));
    assert_same(&read(&messages).0, &expected(&one));
}

#[test]
fn histograms_share_a_chunk_until_layout_kind_or_counts_change() {
    use ResetHint::{Gauge, NotReset, Reset, Unknown};
    let stale = NativeHistogram { sum: f64::from_bits(STALE_NAN_BITS), ..histogram(false, &[]) };
    let gauge = |counts| NativeHistogram { reset_hint: Gauge, ..histogram(true, counts) };
    let hinted = NativeHistogram { reset_hint: Reset, ..histogram(false, &[9.0, 9.0]) };
    let custom = NativeHistogram {
        schema: NativeHistogram::CUSTOM_BUCKETS,
        zero_threshold: 0.0,
        zero_count: 0.0,
        custom_values: vec![-1.0, 0.001, 33_554.43, 1e9],
        negative_spans: vec![],
        negative_counts: vec![],
        ..histogram(false, &[1.0, 2.0])
    };
    let histograms: Vec<(i64, NativeHistogram)> = [
        histogram(false, &[1.0, 2.0]),
        histogram(false, &[1.0, 5.0]),
        // A reset that shows, and one that is told.
        histogram(false, &[0.0, 3.0]),
        hinted,
        histogram(false, &[9.0, 9.0]),
        // Another layout, the end, the beginning of a gauge, which may fall, custom bounds.
        histogram(false, &[9.0, 9.0, 9.0]),
        stale,
        gauge(&[2.5, 1.5]),
        gauge(&[0.25, 1e300]),
        custom.clone(),
        custom,
    ]
    .into_iter()
    .enumerate()
    .map(|(number, histogram)| (number as i64 * 10, histogram))
    .collect();
    let one = series(&[("__name__", "h")], &[(5, 1.0), (101, 2.0)], &histograms);
    let messages = messages(chunked_frames(0, [one.clone()]));
    let (got, sizes) = read(&messages);
    // The plain sample at 5 parts the first two histograms.
    assert_eq!(sizes, [1, 1, 1, 1, 2, 1, 1, 2, 2, 1]);
    assert_same(&got, &expected(&one));
    let hints: Vec<ResetHint> = got
        .iter()
        .filter_map(|sample| match sample {
            Read::Histogram(_, histogram) => Some(histogram.reset_hint),
            Read::Float(..) => None,
        })
        .collect();
    assert_eq!(
        hints,
        [
            Unknown, Unknown, Reset, Reset, NotReset, Unknown, Unknown, Gauge, Gauge, Unknown,
            NotReset
        ]
    );
}

prop_compose! {
    fn times()(start in -1_i64 << 50..1 << 50, steps in prop::collection::vec(
        prop_oneof![Just(15_000_i64), 1_i64..100_000, 1_i64..1 << 40], 0..300)) -> Vec<i64> {
        let mut time = start;
        steps.into_iter().map(|step| { time += step; time }).collect()
    }
}

prop_compose! {
    fn any_histogram()(
        spans in prop::collection::vec((0_i32..2000, 0_u32..4), 0..4), is_float: bool,
        seed: [u32; 3], gauge: bool, threshold in prop_oneof![Just(0.0), Just(1e-128), Just(0.5), Just(1024.0), Just(2048.0)],
    ) -> NativeHistogram {
        let spans: Vec<BucketSpan> =
            spans.into_iter().map(|(offset, length)| BucketSpan { offset, length }).collect();
        let buckets: u32 = spans.iter().map(|span| span.length).sum();
        let counts: Vec<f64> = (0..buckets)
            .map(|at| f64::from(seed[0].rotate_left(at)) / if is_float { 7.0 } else { 1.0 })
            .collect();
        NativeHistogram {
            schema: (seed[1] % 13) as i32 - 4, zero_threshold: threshold, is_float,
            zero_count: f64::from(seed[1]), count: f64::from(seed[2]) * 1e6, sum: f64::from(seed[0]).ln(),
            reset_hint: if gauge { ResetHint::Gauge } else { ResetHint::Unknown },
            positive_spans: spans.clone(), positive_counts: counts.clone(),
            negative_spans: spans, negative_counts: counts, custom_values: vec![],
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn chunks_give_back_what_went_in(
        times in times(), values in prop::collection::vec(any::<u64>(), 300), repeat: bool,
    ) {
        let value = |at: usize| f64::from_bits(if repeat { values[at / 10] } else { values[at] });
        let samples: Vec<(i64, f64)> =
            times.iter().enumerate().map(|(at, time_ms)| (*time_ms, value(at))).collect();
        let one = series(&[("__name__", "x")], &samples, &[]);
        assert_same(&read(&messages(chunked_frames(0, [one.clone()]))).0, &expected(&one));
    }

    #[test]
    fn histogram_chunks_give_back_what_went_in(
        times in times(), histograms in prop::collection::vec(any_histogram(), 1..6),
        floats in prop::collection::btree_set(0_usize..300, 0..4),
    ) {
        let at = |position: usize| histograms[position / 30 % histograms.len()].clone();
        let (mut plain, mut native) = (Vec::new(), Vec::new());
        for (position, time_ms) in times.iter().enumerate() {
            if floats.contains(&position) {
                plain.push((*time_ms, 1.5));
            } else {
                let mut histogram = at(position);
                histogram.count += position as f64;
                native.push((*time_ms, histogram));
            }
        }
        let one = series(&[("__name__", "x")], &plain, &native);
        assert_same(&read(&messages(chunked_frames(0, [one.clone()]))).0, &expected(&one));
    }

    #[test]
    fn no_request_panics(bytes: Vec<u8>) {
        let _any_outcome = decode_request(&bytes);
        let _any_outcome = decode_request(&compress_snappy_block(&bytes).unwrap());
    }
}
