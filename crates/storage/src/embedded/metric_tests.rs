//! The log of metrics: series that are defined once and named by number afterwards, over flushes,
//! crashes, replays that flush, and appends side by side.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::Path;

use proptest::prelude::*;
use watchkeep_model::metrics::STALE_NAN_BITS;
use watchkeep_model::{Labels, MetricColumns, SystemClock};

use super::tests::crashed;
use super::*;
use crate::seam::{SamplesRequest, SeriesRequest, Store};

const SEGMENT_BYTES: u64 = 16 << 10;

/// Series -> millisecond -> bits of the value, and start.
type Model = BTreeMap<Labels, BTreeMap<i64, (u64, i64)>>;
/// Series, millisecond, bits, start.
type Row = (u8, i64, u64, i64);

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Row>),
    /// Batches of other times at once, so that it does not matter which comes first.
    Together(Vec<Vec<(u8, u64)>>),
    Flush,
    /// Dies and starts again; with little memory the replay flushes on its way.
    Crash {
        little_memory: bool,
    },
}

fn labels(series: u8) -> Labels {
    Labels::from_pairs([("__name__", "metric".to_owned()), ("n", format!("{series:064}"))])
}

fn batch(rows: &[Row]) -> MetricColumns {
    let mut columns = MetricColumns::default();
    for (series, time_ms, bits, start_ms) in rows {
        let labels = labels(*series);
        let known = columns.series.labels.iter().position(|known| known == labels.as_bytes());
        let row = known.unwrap_or_else(|| {
            columns.series.labels.push(labels.as_bytes());
            columns.series.delta.push(0);
            columns.series.labels.len() - 1
        });
        columns.floats.series.push(row as u32);
        columns.floats.time_ms.push(*time_ms);
        columns.floats.start_ms.push(*start_ms);
        columns.floats.value.push(f64::from_bits(*bits));
    }
    columns
}

fn apply(rows: &[Row], model: &mut Model) {
    for (series, time_ms, bits, start_ms) in rows {
        model.entry(labels(*series)).or_default().insert(*time_ms, (*bits, *start_ms));
    }
}

fn config(folder: &Path) -> StorageConfig {
    StorageConfig {
        wal_segment_bytes: SEGMENT_BYTES,
        room_wait_max: Duration::from_mins(1),
        ..StorageConfig::new(folder)
    }
}

async fn open(config: StorageConfig) -> EmbeddedStore {
    let open = move || {
        let registry = prometheus::Registry::new();
        EmbeddedStore::open(config, Arc::new(SystemClock), &registry, &mut |_| {})
    };
    tokio::task::spawn_blocking(open).await.unwrap().unwrap()
}

async fn append(store: &EmbeddedStore, rows: &[Row]) -> AppendAck {
    let batch = Batch::Metrics(batch(rows));
    store.append(&TenantId::default(), batch.into()).await.unwrap()
}

async fn everything(store: &EmbeddedStore) -> Model {
    let series =
        SeriesRequest { matchers: Vec::new(), start_ms: i64::MIN, end_ms: i64::MAX, limit: None };
    let request = SamplesRequest { series, samples_max: usize::MAX };
    let cursor = store.samples(&TenantId::default(), request).await.unwrap();
    let read = move || {
        let mut found = Model::new();
        for series in cursor {
            let series = series.unwrap();
            let floats = &series.floats;
            let rows = (0..floats.len()).map(|at| {
                let start_ms = floats.starts_ms.as_ref().map_or(0, |starts| starts[at]);
                (floats.times_ms[at], (floats.values[at].to_bits(), start_ms))
            });
            let before = found.insert(series.labels.clone(), rows.collect());
            assert!(before.is_none(), "a series comes once");
        }
        found
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

/// Fails with the first difference; all would be a page.
async fn assert_same(store: &EmbeddedStore, model: &Model, when: &str) {
    let found = everything(store).await;
    for (labels, want) in model {
        let have = found.get(labels);
        assert!(have == Some(want), "{when}, {labels:?}: {have:?} where {want:?} belongs");
    }
    assert_eq!(found.len(), model.len(), "{when}: series");
}

fn row() -> impl Strategy<Value = Row> {
    let bits = prop_oneof![
        3 => (0_i32..1000).prop_map(|number| f64::from(number).to_bits()),
        1 => any::<u64>(),
        1 => Just(STALE_NAN_BITS),
    ];
    let start = prop_oneof![3 => Just(0), 1 => Just(1000), 1 => -5_i64..5];
    (0_u8..24, 0_i64..50, bits, start)
}

fn step() -> impl Strategy<Value = Step> {
    let rows = prop::collection::vec(row(), 1..30);
    let together =
        prop::collection::vec(prop::collection::vec((0_u8..24, any::<u64>()), 1..20), 2..6);
    prop_oneof![
        8 => rows.prop_map(Step::Append),
        3 => together.prop_map(Step::Together),
        2 => Just(Step::Flush),
        3 => any::<bool>().prop_map(|little_memory| Step::Crash { little_memory }),
    ]
}

async fn crash(
    store: EmbeddedStore,
    folder: &mut tempfile::TempDir,
    little: bool,
) -> EmbeddedStore {
    let after = crashed(&store).await;
    drop(store);
    *folder = after;
    let memory_bytes_max = if little { 20 << 10 } else { 64 << 20 };
    open(StorageConfig { memory_bytes_max, ..config(folder.path()) }).await
}

async fn play(steps: &[Step]) {
    let mut folder = tempfile::tempdir().unwrap();
    let mut store = open(config(folder.path())).await;
    let mut model = Model::new();
    let mut later_ms = 1000;
    for step in steps {
        match step {
            Step::Append(rows) => {
                let ack = append(&store, rows).await;
                assert_eq!(ack, AppendAck { rows: rows.len() as u64, ..AppendAck::default() });
                apply(rows, &mut model);
            }
            Step::Together(batches) => {
                let mut running = tokio::task::JoinSet::new();
                for batch in batches {
                    later_ms += 1;
                    let rows: Vec<Row> =
                        batch.iter().map(|(series, bits)| (*series, later_ms, *bits, 0)).collect();
                    apply(&rows, &mut model);
                    let store = store.clone();
                    running.spawn(async move { append(&store, &rows).await });
                }
                running.join_all().await;
            }
            Step::Flush => store.flush().await.unwrap(),
            Step::Crash { little_memory } => {
                store = crash(store, &mut folder, *little_memory).await;
            }
        }
        assert_same(&store, &model, &format!("after {step:?}")).await;
    }
    store = crash(store, &mut folder, false).await;
    assert_same(&store, &model, "at the end").await;
}

/// Cuts the log after some of its bytes, as a crash in the midst of a write may.
fn cut_log(folder: &Path, after: u64) {
    let mut left = after;
    let mut segments: Vec<_> = std::fs::read_dir(folder.join("wal"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "wal"))
        .collect();
    segments.sort();
    for path in segments {
        let bytes = std::fs::metadata(&path).unwrap().len();
        if left == 0 {
            std::fs::remove_file(&path).unwrap();
        } else if left < bytes {
            let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.write_all_at(&vec![0; (bytes - left) as usize], left).unwrap();
        }
        left = left.saturating_sub(bytes);
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn nothing_is_lost_or_doubled(steps in prop::collection::vec(step(), 1..16)) {
        runtime().block_on(play(&steps));
    }

    #[test]
    fn a_log_cut_anywhere_leaves_whole_batches_from_its_start(
        batches in prop::collection::vec(prop::collection::vec(row(), 1..30), 1..12),
        cut in 64_u64..12_000,
    ) {
        runtime().block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let store = open(config(folder.path())).await;
            let mut models = vec![Model::new()];
            for rows in &batches {
                append(&store, rows).await;
                let mut model = models.last().unwrap().clone();
                apply(rows, &mut model);
                models.push(model);
            }
            let crashed = crashed(&store).await;
            cut_log(crashed.path(), cut);
            let found = everything(&open(config(crashed.path())).await).await;
            assert!(models.contains(&found), "{} series", found.len());
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_flushes_leaves_later_replays_their_definitions() {
    let mut folder = tempfile::tempdir().unwrap();
    let mut store = open(config(folder.path())).await;
    let mut model = Model::new();
    for time_ms in 0..200 {
        let rows: Vec<Row> = (0..20).map(|series| (series, time_ms, time_ms as u64, 0)).collect();
        append(&store, &rows).await;
        apply(&rows, &mut model);
    }
    for _ in 0..3 {
        store = crash(store, &mut folder, true).await;
        assert!(store.stats().metrics.parts > 0, "the replay flushed");
        assert_same(&store, &model, "at the end").await;
        // Numbers from before the flush are used on.
        let time_ms = 1000 + model[&labels(0)].len() as i64;
        append(&store, &[(0, time_ms, 1, 7), (99, time_ms, 1, 0)]).await;
        apply(&[(0, time_ms, 1, 7), (99, time_ms, 1, 0)], &mut model);
    }
    store.flush().await.unwrap();
    let store = crash(store, &mut folder, false).await;
    assert_same(&store, &model, "at the end").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_stand_in_the_log_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path())).await;
    let rows = |time_ms| -> Vec<Row> { (0..24).map(|n| (n, time_ms, n.into(), 0)).collect() };
    append(&store, &rows(1)).await;
    let first = store.inner.counters.appended_bytes.get();
    append(&store, &rows(2)).await;
    let second = store.inner.counters.appended_bytes.get() - first;
    assert!(second < 16 * 24 && first > 64 * 24, "{first} and {second} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_series_beyond_the_limit_are_refused_and_the_rest_is_stored() {
    let mut folder = tempfile::tempdir().unwrap();
    let limited = |folder: &Path| StorageConfig { series_max: 3, ..config(folder) };
    let store = open(limited(folder.path())).await;
    append(&store, &[(0, 1, 1, 0), (1, 1, 1, 0)]).await;
    let ack = append(&store, &[(0, 2, 2, 0), (5, 2, 2, 0), (6, 2, 2, 0), (6, 3, 2, 0)]).await;
    let reason = RejectReason::SeriesMax { series_max: 3 };
    let rejected = Some(Rejected { series: 1, floats: 2, histograms: 0, exemplars: 0, reason });
    assert_eq!(ack, AppendAck { rows: 2, duplicate: false, rejected });
    assert_eq!(store.inner.counters.samples_refused.get(), 2);
    let whole = append(&store, &[(8, 9, 1, 0)]).await;
    assert_eq!((whole.rows, whole.rejected.unwrap().series), (0, 1));
    let mut model = Model::new();
    apply(&[(0, 1, 1, 0), (1, 1, 1, 0), (0, 2, 2, 0), (5, 2, 2, 0)], &mut model);
    assert_same(&store, &model, "at the end").await;
    let after = crashed(&store).await;
    drop(store);
    folder = after;
    let store = open(limited(folder.path())).await;
    assert_same(&store, &model, "a replay lets in what was let in").await;
    let ack = append(&store, &[(1, 3, 3, 0), (7, 3, 3, 0)]).await;
    assert_eq!((ack.rows, ack.rejected.map(|rejected| rejected.series)), (1, Some(1)));
    store.flush().await.unwrap();
    assert_eq!(append(&store, &[(7, 3, 3, 0)]).await.rejected, None, "memory is empty again");
}

#[tokio::test(flavor = "multi_thread")]
async fn start_timestamps_and_odd_values_survive_a_crash() {
    let mut folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path())).await;
    let payload = 0x7ff8_dead_beef_0001;
    let mut model = Model::new();
    for rows in [
        vec![(0, 5, 1, 3), (0, 9, STALE_NAN_BITS, 0), (1, 5, payload, 4)],
        vec![(0, 7, 2, -3), (1, 5, 8, 4), (1, 6, payload, 0), (2, 1, 1, 0)],
    ] {
        append(&store, &rows).await;
        apply(&rows, &mut model);
    }
    let long: Vec<Row> = (10..200).map(|at| (3, at, at as u64, at / 50 * 50)).collect();
    append(&store, &long).await;
    apply(&long, &mut model);
    assert_same(&store, &model, "in memory").await;
    let store = crash(store, &mut folder, false).await;
    assert_same(&store, &model, "after a crash").await;
    store.flush().await.unwrap();
    assert_same(&store, &model, "in a part").await;
}
