//! The store against a naive model: random appends, freezes, parts and merges, seen through views.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use watchkeep_model::histogram::{BucketSpan, ResetHint};
use watchkeep_model::metrics::STALE_NAN_BITS;
use watchkeep_model::{ErrorKind, Labels, MetricColumns, NativeHistogram, SeriesSamples};

use super::{FrameCache, Frozen, Head, Horizon, Part, View, merge_parts};
use crate::seam::{LabelValuesRequest, MatchOp, Matcher, SamplesRequest, SeriesRequest};

pub(super) fn labels_of(series: u8) -> Labels {
    let (job, zone) = (format!("job-{}", series % 3), format!("zone-{}", series % 2));
    let mut pairs = vec![("__name__", format!("metric_{series}")), ("job", job)];
    if !series.is_multiple_of(4) {
        pairs.push(("zone", zone));
    }
    Labels::from_pairs(pairs)
}

pub(super) fn histogram_of(seed: u32) -> NativeHistogram {
    NativeHistogram {
        schema: 3,
        zero_threshold: 1e-128,
        zero_count: f64::from(seed % 7),
        count: f64::from(seed),
        sum: f64::from(seed) * 0.37,
        is_float: seed.is_multiple_of(2),
        reset_hint: ResetHint::Unknown,
        positive_spans: vec![BucketSpan { offset: -2, length: 3 }],
        positive_counts: (0..3).map(|i| f64::from(seed % (i + 5))).collect(),
        negative_spans: Vec::new(),
        negative_counts: Vec::new(),
        custom_values: Vec::new(),
    }
}

pub(super) fn push_float(batch: &mut MetricColumns, series: u8, time_ms: i64, value: f64) {
    let row = row_of(batch, series);
    batch.floats.series.push(row);
    batch.floats.time_ms.push(time_ms);
    batch.floats.start_ms.push(0);
    batch.floats.value.push(value);
}

pub(super) fn push_histogram(batch: &mut MetricColumns, series: u8, time_ms: i64, seed: u32) {
    let row = row_of(batch, series);
    batch.histograms.series.push(row);
    batch.histograms.time_ms.push(time_ms);
    batch.histograms.start_ms.push(0);
    batch.histograms.histogram.push_with(|out| histogram_of(seed).encode(out));
}

pub(super) fn push_exemplar(batch: &mut MetricColumns, series: u8, time_ms: i64, value: f64) {
    let row = row_of(batch, series);
    batch.exemplars.series.push(row);
    batch.exemplars.time_ms.push(time_ms);
    batch.exemplars.value.push(value);
    let labels = Labels::from_pairs([("trace_id", format!("{time_ms:032x}"))]);
    batch.exemplars.labels.push(labels.as_bytes());
}

pub(super) fn push_metadata(batch: &mut MetricColumns, family: &str, help: &str) {
    batch.metadata.family.push(family);
    batch.metadata.kind.push(1);
    batch.metadata.unit.push("seconds");
    batch.metadata.help.push(help);
}

fn row_of(batch: &mut MetricColumns, series: u8) -> u32 {
    let labels = labels_of(series);
    let known = batch.series.labels.iter().position(|other| other == labels.as_bytes());
    known.unwrap_or_else(|| {
        batch.series.labels.push(labels.as_bytes());
        batch.series.delta.push(0);
        batch.series.labels.len() - 1
    }) as u32
}

pub(super) fn everything() -> SeriesRequest {
    SeriesRequest { matchers: Vec::new(), start_ms: i64::MIN, end_ms: i64::MAX, limit: None }
}

pub(super) fn read(view: &View, series: SeriesRequest) -> Vec<SeriesSamples> {
    let request = SamplesRequest { series, samples_max: usize::MAX };
    view.samples(request).collect::<Result<_, _>>().unwrap()
}

/// Floats with their times.
pub(super) fn pairs(series: &SeriesSamples) -> Vec<(i64, f64)> {
    assert_eq!(series.floats.times_ms.len(), series.floats.values.len());
    series.floats.times_ms.iter().copied().zip(series.floats.values.iter().copied()).collect()
}

/// The engine's part of the game, in miniature.
#[derive(Debug)]
struct Store {
    root: tempfile::TempDir,
    made: usize,
    parts: Vec<Part>,
    frozen: Vec<Frozen>,
    head: Head,
}

impl Store {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        Self { root, made: 0, parts: Vec::new(), frozen: Vec::new(), head: Head::new() }
    }

    fn view(&self) -> View {
        let parts = self.parts.iter().map(|part| (part.clone(), None)).collect();
        View::new(parts, &self.frozen, &self.head, &Horizon::default())
    }

    fn directory(&mut self) -> PathBuf {
        self.made += 1;
        let path = self.root.path().join(self.made.to_string());
        std::fs::create_dir(&path).unwrap();
        path
    }

    fn write_oldest_frozen(&mut self) {
        if !self.frozen.is_empty() {
            let directory = self.directory();
            let figures =
                self.frozen.remove(0).write_part(&directory, (i64::MIN, i64::MAX), true).unwrap();
            self.parts.push(open(&directory));
            assert_eq!(self.parts.last().unwrap().figures(), figures);
        }
    }

    fn merge_all(&mut self) {
        let directory = self.directory();
        let figures = {
            let parts: Vec<_> = self.parts.iter().map(|part| (part.clone(), None)).collect();
            merge_parts(&parts, &directory, &|| false)
        }
        .unwrap()
        .unwrap();
        self.parts = vec![open(&directory)];
        assert_eq!(self.parts[0].figures(), figures);
    }
}

/// A view of parts and a head, of which nothing is hidden.
pub(super) fn view_of(parts: &[Part], head: &Head) -> View {
    let parts = parts.iter().map(|part| (part.clone(), None)).collect();
    View::new(parts, &[], head, &Horizon::default())
}

fn open(directory: &Path) -> Part {
    let part = Part::open(directory, &FrameCache::new("metrics", 1 << 20)).unwrap();
    part.verify().unwrap();
    part
}

#[derive(Debug, Default)]
struct ModelSeries {
    floats: BTreeMap<i64, u64>,
    histograms: BTreeMap<i64, u32>,
}

type Model = BTreeMap<Labels, ModelSeries>;

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<(u8, i64, u64)>, Vec<(u8, i64, u32)>),
    Run { series: u8, start: i64, step: i64, count: u16, scale: u8 },
    Freeze,
    Write,
    Merge,
}

fn value_bits() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => (-1_000_000_i64..1_000_000).prop_map(|n| (n as f64 / 100.0).to_bits()),
        1 => any::<u64>(),
        1 => Just(STALE_NAN_BITS),
        1 => Just((-0.0_f64).to_bits()),
        1 => Just(f64::INFINITY.to_bits()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let floats = prop::collection::vec((0_u8..6, -50_i64..400, value_bits()), 0..60);
    let histograms = prop::collection::vec((0_u8..6, -50_i64..400, any::<u32>()), 0..4);
    prop_oneof![
        6 => (floats, histograms).prop_map(|(floats, histograms)| Step::Append(floats, histograms)),
        3 => (0_u8..6, -50_i64..300, 1_i64..9, 1_u16..400, 0_u8..4).prop_map(
            |(series, start, step, count, scale)| Step::Run { series, start, step, count, scale }
        ),
        2 => Just(Step::Freeze),
        2 => Just(Step::Write),
        1 => Just(Step::Merge),
    ]
}

fn apply(step: &Step, store: &mut Store, model: &mut Model) {
    let mut batch = MetricColumns::default();
    let mut see = |series: u8, time_ms: i64, value: f64| {
        push_float(&mut batch, series, time_ms, value);
        let of = model.entry(labels_of(series)).or_default();
        of.floats.insert(time_ms, value.to_bits());
    };
    match step {
        Step::Append(floats, histograms) => {
            for (series, time_ms, bits) in floats {
                see(*series, *time_ms, f64::from_bits(*bits));
            }
            for (series, time_ms, seed) in histograms {
                push_histogram(&mut batch, *series, *time_ms, *seed);
                let of = model.entry(labels_of(*series)).or_default();
                of.histograms.insert(*time_ms, *seed);
            }
        }
        Step::Run { series, start, step, count, scale } => {
            for i in 0..i64::from(*count) {
                see(*series, start + i * step, (i * i) as f64 / 10_f64.powi(i32::from(*scale)));
            }
        }
        Step::Freeze => store.frozen.push(store.head.freeze()),
        Step::Write => store.write_oldest_frozen(),
        Step::Merge => store.merge_all(),
    }
    store.head.append(&batch);
}

type Flat = Vec<(Labels, Vec<(i64, u64)>, Vec<(i64, NativeHistogram)>)>;

fn expected(model: &Model, request: &SeriesRequest) -> Flat {
    let inside = |at: &i64| request.start_ms <= *at && *at <= request.end_ms;
    let mut all: Flat = model
        .iter()
        .filter(|(labels, _)| request.matchers.iter().all(|matcher| matcher.matches(labels)))
        .map(|(labels, of)| {
            let floats = of.floats.iter().filter(|(at, _)| inside(at)).map(|(at, b)| (*at, *b));
            let histograms = of.histograms.iter().filter(|(at, _)| inside(at));
            let histograms = histograms.map(|(at, seed)| (*at, histogram_of(*seed)));
            (labels.clone(), floats.collect(), histograms.collect())
        })
        .filter(|(_, floats, histograms): &(_, Vec<_>, Vec<_>)| floats.len() + histograms.len() > 0)
        .collect();
    all.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    all
}

fn flat(series: &[SeriesSamples]) -> Flat {
    let mut flat: Flat = series
        .iter()
        .map(|one| {
            let floats = pairs(one).iter().map(|(at, value)| (*at, value.to_bits())).collect();
            let histograms = one.histograms.iter();
            let histograms = histograms.map(|one| (one.time_ms, (*one.histogram).clone()));
            (one.labels.clone(), floats, histograms.collect())
        })
        .collect();
    flat.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    flat
}

fn compare(view: &View, model: &Model, request: &SeriesRequest) {
    let want = expected(model, request);
    assert_eq!(flat(&read(view, request.clone())), want);
    let labels: Vec<Labels> = want.iter().map(|(labels, ..)| labels.clone()).collect();
    assert_eq!(view.series(request).unwrap(), labels);
    let mut names: Vec<String> =
        labels.iter().flat_map(|labels| labels.iter().map(|(name, _)| name.to_owned())).collect();
    names.sort();
    names.dedup();
    assert_eq!(view.label_names(request).unwrap(), names);
    for label in ["__name__", "zone", "none"] {
        let mut values: Vec<String> =
            labels.iter().map(|l| l.get(label).to_owned()).filter(|v| !v.is_empty()).collect();
        values.sort();
        values.dedup();
        let asked = LabelValuesRequest { label: label.to_owned(), series: request.clone() };
        assert_eq!(view.label_values(&asked).unwrap(), values);
    }
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let names = prop::sample::select(vec!["__name__", "job", "zone", "none"]);
    let values = prop::sample::select(vec![
        "",
        "metric_1",
        "job-1",
        "zone-0",
        "zone-1",
        "job-1|job-2",
        "zone-0|",
        ".+",
        ".*",
        "job-[12]",
    ]);
    let ops = prop::sample::select(vec![
        MatchOp::Equal,
        MatchOp::NotEqual,
        MatchOp::Regex,
        MatchOp::NotRegex,
    ]);
    (names, ops, values).prop_map(|(label, op, value)| Matcher::new(label, op, value).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn views_agree_with_a_naive_model(
        steps in prop::collection::vec(step(), 1..24),
        requests in prop::collection::vec(
            (prop::collection::vec(matcher(), 0..3), -60_i64..500, -5_i64..300), 1..6,
        ),
    ) {
        let (mut store, mut model) = (Store::new(), Model::default());
        for step in &steps {
            apply(step, &mut store, &mut model);
        }
        let view = store.view();
        compare(&view, &model, &everything());
        for (matchers, start_ms, len) in requests {
            let end_ms = start_ms + len;
            compare(&view, &model, &SeriesRequest { matchers, start_ms, end_ms, limit: None });
        }
        // The same, from one part.
        store.frozen.push(store.head.freeze());
        while !store.frozen.is_empty() {
            store.write_oldest_frozen();
        }
        compare(&store.view(), &model, &everything());
        store.merge_all();
        compare(&store.view(), &model, &everything());
        // A view outlives what it was taken of.
        compare(&view, &model, &everything());
    }
}

#[test]
fn a_query_beyond_its_samples_is_refused_and_ends() {
    let head = Head::new();
    let mut batch = MetricColumns::default();
    (0..100).for_each(|at| push_float(&mut batch, (at % 2) as u8, at, 1.0));
    head.append(&batch);
    let view = view_of(&[], &head);
    let series = everything();
    let mut answer = view.samples(SamplesRequest { series, samples_max: 70 });
    assert_eq!(answer.next().unwrap().unwrap().floats.len(), 50);
    let error = answer.next().unwrap().unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::LimitExceeded { key: "limits.query_samples_max" });
    assert!(answer.next().is_none());
}

#[test]
fn limits_keep_the_first() {
    let mut store = Store::new();
    let mut batch = MetricColumns::default();
    for series in 0..5 {
        push_float(&mut batch, series, i64::from(series), 1.0);
        push_exemplar(&mut batch, series, 100 - i64::from(series), 2.0);
    }
    store.head.append(&batch);
    store.frozen.push(store.head.freeze());
    store.write_oldest_frozen();
    let request = SeriesRequest { limit: Some(2), ..everything() };
    let view = store.view();
    assert_eq!(view.series(&request).unwrap(), [labels_of(0), labels_of(1)]);
    assert_eq!(read(&view, request.clone()).len(), 2);
    assert_eq!(view.label_names(&request).unwrap(), ["__name__", "job"]);
    let times: Vec<i64> =
        view.exemplars(&request).unwrap().iter().map(|exemplar| exemplar.time_ms).collect();
    assert_eq!(times, [96, 97]);
}

#[test]
fn exemplars_and_metadata_survive_parts_and_merges() {
    let mut store = Store::new();
    for round in 0..3_i64 {
        let mut batch = MetricColumns::default();
        push_exemplar(&mut batch, 1, round, 0.5);
        // Sent twice, it is one exemplar.
        push_exemplar(&mut batch, 2, 7, 0.25);
        push_metadata(&mut batch, "metric_1", &format!("help {round}"));
        push_metadata(&mut batch, &format!("family_{round}"), "");
        store.head.append(&batch);
        store.frozen.push(store.head.freeze());
    }
    let before = (store.view().exemplars(&everything()), store.view().metadata());
    let (exemplars, metadata) = (before.0.unwrap(), before.1.unwrap());
    assert_eq!(exemplars.iter().map(|row| row.time_ms).collect::<Vec<_>>(), [0, 1, 2, 7]);
    assert_eq!(metadata.len(), 4);
    assert_eq!(metadata[3].help, "help 2");
    (0..3).for_each(|_| store.write_oldest_frozen());
    for _ in 0..2 {
        assert_eq!(store.view().exemplars(&everything()).unwrap(), exemplars);
        assert_eq!(store.view().metadata().unwrap(), metadata);
        assert!(store.view().series(&everything()).unwrap().is_empty());
        store.merge_all();
    }
    assert_eq!((store.parts[0].figures().min_ms, store.parts[0].figures().max_ms), (0, 7));
}

#[test]
fn figures_follow_appends_and_freezing() {
    let head = Head::new();
    assert_eq!((head.samples(), head.series(), head.time_range_ms()), (0, 0, None));
    let mut batch = MetricColumns::default();
    (0..1000).for_each(|at| push_float(&mut batch, (at % 4) as u8, 5000 - at, 0.5));
    head.append(&batch);
    assert_eq!((head.samples(), head.series()), (1000, 4));
    assert_eq!(head.time_range_ms(), Some((4001, 5000)));
    let bytes = head.byte_len();
    assert!(bytes > 1600 && bytes < 16_000, "{bytes}");
    let frozen = head.freeze();
    assert_eq!((frozen.samples(), frozen.memory.byte_len()), (1000, bytes));
    assert_eq!((head.samples(), head.byte_len()), (0, 0));
}

#[test]
fn long_series_are_cut_into_segments_and_read_in_part() {
    let mut store = Store::new();
    let mut batch = MetricColumns::default();
    (0..20_000).for_each(|at| push_float(&mut batch, 1, at * 1000, (at % 977) as f64 * 0.5));
    (0..9000).for_each(|at| push_histogram(&mut batch, 1, at * 1000, at as u32));
    store.head.append(&batch);
    let before = flat(&read(&store.view(), everything()));
    store.frozen.push(store.head.freeze());
    store.write_oldest_frozen();
    assert_eq!(flat(&read(&store.view(), everything())), before);
    let request = SeriesRequest { start_ms: 8_190_000, end_ms: 8_194_500, ..everything() };
    let some = read(&store.view(), request);
    assert_eq!((some[0].floats.len(), some[0].histograms.len()), (5, 5));
}

#[test]
fn queries_run_beside_appends_and_see_whole_prefixes() {
    const ROUNDS: i64 = 400;
    let head = Head::new();
    std::thread::scope(|scope| {
        let appending = scope.spawn(|| {
            for at in 0..ROUNDS {
                let mut batch = MetricColumns::default();
                (0..6).for_each(|series| push_float(&mut batch, series, at, at as f64));
                head.append(&batch);
            }
        });
        let mut seen = 0;
        while seen < ROUNDS as usize {
            let done = appending.is_finished();
            for series in read(&view_of(&[], &head), everything()) {
                let times = series.floats.times_ms.to_vec();
                assert_eq!(times, (0..times.len() as i64).collect::<Vec<_>>());
                seen = if series.labels == labels_of(5) { times.len() } else { seen };
            }
            assert!(!done || seen == ROUNDS as usize, "everything appended is seen");
        }
    });
}
