//! Cases about metrics.

use watchkeep_model::metrics::{MetricKind, STALE_NAN_BITS};
use watchkeep_model::{MetricColumns, SeriesSamples};

use super::Fixture;
use super::rows::{add_exemplar, add_histogram, add_metadata, histogram, labels, samples};
use crate::seam::{
    AppendAck, Batch, CardinalityRequest, Count, LabelValuesRequest, MatchOp, Matcher,
    RejectReason, Rejected, SamplesRequest, SeriesRequest,
};

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

/// Start timestamps come back with their samples; 0 stands for one that is not known.
pub(super) async fn starts_come_back(mut fixture: Fixture) {
    let mut rows = samples(&[("up", "a", 10, 1.0), ("up", "a", 20, 2.0), ("up", "b", 10, 1.0)]);
    rows.floats.start_ms[1] = 15;
    fixture.append(Batch::Metrics(rows)).await;
    fixture.append(Batch::Metrics(samples_of("up", 30, 3.0))).await;
    let mut with_histogram = samples_of("mix", 20, 2.0);
    add_histogram(&mut with_histogram, "mix", 10, 4.0);
    with_histogram.histograms.start_ms[0] = 3;
    fixture.append(Batch::Metrics(with_histogram)).await;
    let found = read(&fixture, named("up")).await;
    assert_eq!(found[0].floats.starts_ms.as_deref(), Some(&[0, 15, 0][..]));
    assert_eq!(found[1].floats.starts_ms, None);
    let found = read(&fixture, named("mix")).await;
    assert_eq!((found[0].histograms[0].start_ms, &found[0].floats.starts_ms), (3, &None));
}

/// A deletion takes the samples of its series in its range, and nothing that comes later.
pub(super) async fn deleted_series_are_gone(mut fixture: Fixture) {
    let mut rows = samples(&[("up", "a", 10, 1.0), ("up", "a", 20, 2.0), ("up", "b", 10, 1.0)]);
    add_exemplar(&mut rows, "up", 10, "aa");
    fixture.append(Batch::Metrics(rows)).await;
    fixture.append(Batch::Metrics(samples(&[("load", "b", 10, 1.0)]))).await;
    let (store, tenant) = (std::sync::Arc::clone(&fixture.store), fixture.tenant.clone());
    let delete = async |matcher: Matcher, start_ms, end_ms| {
        store.delete_series(&tenant, vec![matcher], start_ms, end_ms).await.unwrap();
    };
    delete(Matcher::equal("host", "b"), i64::MIN, i64::MAX).await;
    delete(Matcher::equal("__name__", "up"), 5, 10).await;
    let all = SeriesRequest { matchers: Vec::new(), ..named("") };
    for round in 0..3 {
        let found = read(&fixture, all.clone()).await;
        assert_eq!(found.len(), 1, "round {round}");
        assert_eq!((&found[0].labels, pairs(&found[0])), (&labels("up", "a"), vec![(20, 2.0)]));
        assert_eq!(store.series(&tenant, all.clone()).await.unwrap(), [labels("up", "a")]);
        assert_eq!(store.label_names(&tenant, all.clone()).await.unwrap(), ["__name__", "host"]);
        let request = LabelValuesRequest { label: "host".to_owned(), series: all.clone() };
        assert_eq!(store.label_values(&tenant, request).await.unwrap(), ["a"]);
        assert!(store.exemplars(&tenant, all.clone()).await.unwrap().is_empty());
        match round {
            0 => store.flush().await.unwrap(),
            _ => store.clean_tombstones().await.unwrap(),
        }
    }
    fixture.append(Batch::Metrics(samples(&[("load", "b", 10, 7.0)]))).await;
    let found = read(&fixture, named("load")).await;
    assert_eq!(found.iter().map(pairs).collect::<Vec<_>>(), [[(10, 7.0)]]);
    assert!(store.delete_series(&tenant, vec![], 0, 1).await.is_err(), "of all series");
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

/// Start timestamps are a sample's own, and none is as good as any.
pub(super) async fn start_timestamps_come_back(mut fixture: Fixture) {
    let mut batch = samples(&[("up", "a", 10, 1.0), ("up", "a", 20, 2.0), ("down", "a", 10, 1.0)]);
    batch.floats.start_ms = vec![5, 0, 0];
    add_histogram(&mut batch, "mix", 10, 4.0);
    batch.histograms.start_ms = vec![-7];
    fixture.append(Batch::Metrics(batch)).await;
    let mut later = samples(&[("up", "a", 30, 3.0), ("up", "a", 20, 4.0)]);
    later.floats.start_ms = vec![25, 15];
    fixture.append(Batch::Metrics(later)).await;
    let found = read(&fixture, named("up")).await;
    assert_eq!(pairs(&found[0]), [(10, 1.0), (20, 4.0), (30, 3.0)]);
    assert_eq!(found[0].floats.starts_ms.as_deref(), Some(&[5, 15, 25][..]));
    let found = read(&fixture, named("down")).await;
    let starts = found[0].floats.starts_ms.as_deref().unwrap_or(&[0]);
    assert_eq!(starts, [0]);
    let found = read(&fixture, named("mix")).await;
    assert_eq!(found[0].histograms[0].start_ms, -7);
}

/// Series are counted once, and by what they are made of.
pub(super) async fn series_are_counted(mut fixture: Fixture) {
    for (name, host, time_ms) in
        [("up", "a", 10), ("up", "b", 20), ("up", "a", 30), ("load", "a", 30), ("load", "c", 40)]
    {
        fixture.append(Batch::Metrics(samples(&[(name, host, time_ms, 1.0)]))).await;
    }
    let all =
        CardinalityRequest { matchers: Vec::new(), start_ms: i64::MIN, end_ms: i64::MAX, limit: 2 };
    let ask = async |request| fixture.store.cardinality(&fixture.tenant, request).await.unwrap();
    let count = |name: &str, count| Count { name: name.to_owned(), count };
    let stats = ask(all.clone()).await;
    assert_eq!((stats.series, stats.label_pairs, stats.label_names), (4, 5, 2));
    assert_eq!(stats.series_by_metric, [count("load", 2), count("up", 2)]);
    assert_eq!(stats.values_by_label, [count("host", 3), count("__name__", 2)]);
    // A label takes its name, its value and a length of one byte for each.
    assert_eq!(stats.bytes_by_label, [count("__name__", 4 * 10 + 12), count("host", 4 * 7)]);
    let pairs = [count("__name__=load", 2), count("__name__=up", 2)];
    assert_eq!(stats.series_by_pair, pairs, "equal counts stand by name");
    let range = CardinalityRequest { start_ms: 15, end_ms: 30, limit: 9, ..all.clone() };
    let stats = ask(range).await;
    assert_eq!(stats.series, 3);
    assert_eq!(stats.series_by_metric, [count("up", 2), count("load", 1)]);
    let matchers = vec![Matcher::equal("__name__", "load")];
    let stats = ask(CardinalityRequest { matchers, limit: 1, ..all.clone() }).await;
    assert_eq!((stats.series, stats.series_by_pair), (2, vec![count("__name__=load", 2)]));
    assert_eq!(ask(CardinalityRequest { limit: 0, ..all }).await.series_by_pair, []);
}

/// New series beyond the limit are refused, known ones go on, and the rest of a batch is stored.
pub(super) async fn new_series_are_refused(mut fixture: Fixture) {
    fixture.append(Batch::Metrics(samples(&[("up", "a", 1, 1.0), ("up", "b", 1, 1.0)]))).await;
    let mut batch = samples(&[("up", "a", 2, 2.0), ("up", "c", 2, 2.0), ("up", "d", 2, 2.0)]);
    add_exemplar(&mut batch, "up", 2, "aa");
    add_histogram(&mut batch, "new", 2, 4.0);
    add_exemplar(&mut batch, "new", 2, "bb");
    let ack = fixture.append_with(Batch::Metrics(batch), None).await;
    let reason = RejectReason::SeriesMax { series_max: super::SERIES_MAX };
    let rejected = Some(Rejected { series: 2, floats: 1, histograms: 1, exemplars: 1, reason });
    assert_eq!(ack, AppendAck { rows: 2, duplicate: false, rejected });
    assert!(reason.to_string().contains("limits.series_max"));
    let hosts: Vec<_> = read(&fixture, named("up"))
        .await
        .iter()
        .map(|series| (series.labels.get("host").to_owned(), series.floats.len()))
        .collect();
    assert_eq!(hosts, [("a".to_owned(), 2), ("b".to_owned(), 1), ("c".to_owned(), 1)]);
    let exemplars = fixture.store.exemplars(&fixture.tenant, named("up")).await.unwrap();
    assert_eq!(exemplars.len(), 1, "an exemplar of a known series is stored");
    let ack = fixture.append_with(Batch::Metrics(samples(&[("up", "e", 3, 1.0)])), None).await;
    assert_eq!((ack.rows, ack.rejected.map(|rejected| rejected.samples())), (0, Some(1)));
}
