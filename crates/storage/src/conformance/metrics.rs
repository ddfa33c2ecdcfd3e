//! Cases about metrics.

use watchkeep_model::metrics::{MetricKind, STALE_NAN_BITS};
use watchkeep_model::{MetricColumns, SeriesSamples};

use super::Fixture;
use super::rows::{add_exemplar, add_histogram, add_metadata, histogram, labels, samples};
use crate::seam::{Batch, LabelValuesRequest, MatchOp, Matcher, SamplesRequest, SeriesRequest};

fn named(name: &str) -> SeriesRequest {
    SeriesRequest {
        matchers: vec![Matcher::equal("__name__", name)],
        start_ms: i64::MIN,
        end_ms: i64::MAX,
        limit: None,
    }
}

async fn read(fixture: &Fixture, series: SeriesRequest) -> Vec<SeriesSamples> {
    let request = SamplesRequest { series, samples_max: 1000 };
    let cursor = fixture.store.samples(&fixture.tenant, request).await.unwrap();
    let mut found: Vec<SeriesSamples> =
        tokio::task::spawn_blocking(|| cursor.map(|series| series.unwrap()).collect())
            .await
            .unwrap();
    found.sort_by(|a, b| a.labels.cmp(&b.labels));
    found
}

fn pairs(series: &SeriesSamples) -> Vec<(i64, f64)> {
    let floats = &series.floats;
    assert_eq!(floats.times_ms.len(), floats.values.len());
    floats.times_ms.iter().copied().zip(floats.values.iter().copied()).collect()
}

/// Samples come by time, once per millisecond with the later value, bit for bit.
pub(super) async fn samples_come_back(mut fixture: Fixture) {
    let stale = f64::from_bits(STALE_NAN_BITS);
    fixture.append(Batch::Metrics(samples(&[("up", "a", 30, 3.0), ("up", "b", 10, 1.0)]))).await;
    fixture
        .append(Batch::Metrics(samples(&[
            ("up", "a", 10, -0.0),
            ("up", "a", 40, stale),
            ("up", "a", 30, 7.5),
            ("down", "a", 10, f64::INFINITY),
        ])))
        .await;
    let mut with_histogram = samples_of("mix", 20, 2.0);
    add_histogram(&mut with_histogram, "mix", 10, 4.0);
    fixture.append(Batch::Metrics(with_histogram)).await;
    let bits = |found: &SeriesSamples| -> Vec<(i64, u64)> {
        pairs(found).into_iter().map(|(time, value)| (time, value.to_bits())).collect()
    };
    let found = read(&fixture, named("up")).await;
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].labels, labels("up", "a"));
    let expected = [(10, (-0.0_f64).to_bits()), (30, 7.5_f64.to_bits()), (40, STALE_NAN_BITS)];
    assert_eq!(bits(&found[0]), expected);
    let part = SeriesRequest { start_ms: 11, end_ms: 30, ..named("up") };
    let found = read(&fixture, part).await;
    assert_eq!(found.iter().map(bits).collect::<Vec<_>>(), [[(30, 7.5_f64.to_bits())]]);
    let found = read(&fixture, named("mix")).await;
    assert_eq!(pairs(&found[0]), [(20, 2.0)]);
    let [only] = &found[0].histograms[..] else { panic!("{found:?}") };
    assert_eq!((only.time_ms, &*only.histogram), (10, &histogram(4.0)));
    let request = SamplesRequest { series: named("up"), samples_max: 3 };
    let refused = match fixture.store.samples(&fixture.tenant, request).await {
        Err(_) => true,
        Ok(mut cursor) => {
            let any = tokio::task::spawn_blocking(move || cursor.any(|series| series.is_err()));
            any.await.unwrap()
        }
    };
    assert!(refused, "four samples are more than three");
}

fn samples_of(name: &'static str, time_ms: i64, value: f64) -> MetricColumns {
    samples(&[(name, "a", time_ms, value)])
}

/// Series, names and values of labels obey matchers, range and limit.
pub(super) async fn labels_are_listed(mut fixture: Fixture) {
    for (name, host, time_ms) in [("up", "a", 10), ("up", "b", 20), ("load", "a", 30)] {
        fixture.append(Batch::Metrics(samples(&[(name, host, time_ms, 1.0)]))).await;
    }
    let everything = SeriesRequest { matchers: Vec::new(), ..named("") };
    let store = &fixture.store;
    let tenant = &fixture.tenant;
    let series = async |request| store.series(tenant, request).await.unwrap();
    let mut expected = [labels("load", "a"), labels("up", "a"), labels("up", "b")];
    expected.sort();
    assert_eq!(series(everything.clone()).await, expected);
    assert_eq!(series(SeriesRequest { limit: Some(2), ..everything.clone() }).await, expected[..2]);
    let not_a = Matcher::not_equal("host", "a");
    let request = SeriesRequest { matchers: vec![not_a], ..everything.clone() };
    assert_eq!(series(request).await, [labels("up", "b")]);
    let absent = SeriesRequest { matchers: vec![Matcher::equal("zone", "")], ..everything.clone() };
    assert_eq!(series(absent).await.len(), 3, "an absent label has the empty value");
    let patterns = [
        ("host", MatchOp::Regex, "a|c", 2),
        ("host", MatchOp::Regex, "b?", 1),
        ("host", MatchOp::NotRegex, "a.*", 1),
        ("zone", MatchOp::Regex, "x|", 3),
        ("zone", MatchOp::NotRegex, ".+", 3),
        ("__name__", MatchOp::Regex, "u.", 2),
    ];
    for (label, op, pattern, count) in patterns {
        let matchers = vec![Matcher::new(label, op, pattern).unwrap()];
        let found = series(SeriesRequest { matchers, ..everything.clone() }).await;
        assert_eq!(found.len(), count, "{label}{}{pattern}", op.symbol());
    }
    let range = SeriesRequest { start_ms: 15, end_ms: 20, ..everything.clone() };
    assert_eq!(series(range.clone()).await, [labels("up", "b")]);
    assert_eq!(store.label_names(tenant, everything.clone()).await.unwrap(), ["__name__", "host"]);
    let values = async |label: &str, series| {
        let request = LabelValuesRequest { label: label.to_owned(), series };
        store.label_values(tenant, request).await.unwrap()
    };
    assert_eq!(values("host", everything.clone()).await, ["a", "b"]);
    assert_eq!(values("host", range).await, ["b"]);
    assert_eq!(values("host", named("load")).await, ["a"]);
    assert_eq!(values("zone", everything).await, [""; 0]);
}

/// Exemplars come by time; of metadata the newest holds.
pub(super) async fn exemplars_and_metadata(mut fixture: Fixture) {
    let mut first = samples_of("calls", 10, 1.0);
    add_exemplar(&mut first, "calls", 12, "aa");
    add_metadata(&mut first, "calls", "old words");
    fixture.append(Batch::Metrics(first)).await;
    let mut second = samples_of("calls", 20, 2.0);
    add_exemplar(&mut second, "calls", 11, "bb");
    add_metadata(&mut second, "calls", "new words");
    add_metadata(&mut second, "alone", "");
    fixture.append(Batch::Metrics(second)).await;
    let store = &fixture.store;
    let found = store.exemplars(&fixture.tenant, named("calls")).await.unwrap();
    let traces: Vec<&str> = found.iter().map(|exemplar| exemplar.labels.get("trace_id")).collect();
    assert_eq!(traces, ["bb", "aa"]);
    assert_eq!((found[0].time_ms, found[0].value), (11, 0.25));
    let found = store.metadata(&fixture.tenant).await.unwrap();
    let words: Vec<_> = found.iter().map(|row| (row.family.as_str(), row.help.as_str())).collect();
    assert_eq!(words, [("alone", ""), ("calls", "new words")]);
    assert_eq!((found[1].kind, found[1].unit.as_str()), (MetricKind::Counter, "s"));
}
