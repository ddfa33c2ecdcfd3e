//! Parts of metrics while they are merged, cleaned, expired and copied: the engine beside the one
//! in memory, which has none of that.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use watchkeep_model::{
    Clock, ErrorKind, MatchOp, Matcher, MetricColumns, Result, SeriesSamples, TenantId,
};

use super::tests::crashed;
use super::{EmbeddedStore, MetricRetention, Retention, StorageConfig};
use crate::conformance::samples;
use crate::memory::MemoryStore;
use crate::seam::{Batch, SamplesRequest, SeriesRequest, Store};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

#[derive(Debug, Default)]
pub(super) struct SetClock(AtomicI64);

impl SetClock {
    pub(super) fn set_ms(&self, now_ms: i64) {
        self.0.store(now_ms * 1_000_000, Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now_ns(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub(super) async fn open(config: StorageConfig, clock: &Arc<SetClock>) -> EmbeddedStore {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let open =
        move || EmbeddedStore::open(config, clock, &prometheus::Registry::new(), &mut |_| {});
    tokio::task::spawn_blocking(open).await.unwrap().unwrap()
}

fn everything() -> SeriesRequest {
    SeriesRequest { matchers: Vec::new(), start_ms: i64::MIN, end_ms: i64::MAX, limit: None }
}

fn tenant() -> TenantId {
    TenantId::default()
}

/// Everything there is, as text: labels, then times, bits of values and starts.
async fn contents(store: &dyn Store) -> Vec<String> {
    let request = SamplesRequest { series: everything(), samples_max: usize::MAX };
    let cursor = store.samples(&tenant(), request).await.unwrap();
    let all: Vec<SeriesSamples> =
        tokio::task::spawn_blocking(move || cursor.collect::<Result<_>>()).await.unwrap().unwrap();
    let series = store.series(&tenant(), everything()).await.unwrap();
    assert_eq!(series.len(), all.len());
    let mut lines: Vec<String> = all
        .iter()
        .map(|one| {
            let floats = &one.floats;
            let samples = (0..floats.len()).map(|at| {
                let start = floats.starts_ms.as_ref().map_or(0, |starts| starts[at]);
                format!("{}={:x}/{start}", floats.times_ms[at], floats.values[at].to_bits())
            });
            format!("{:?} {}", one.labels, samples.collect::<Vec<_>>().join(" "))
        })
        .collect();
    lines.sort();
    lines
}

/// Series, hour, minute, value, and whether there is a start timestamp.
type Row = (u8, u8, u8, i16, bool);

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Row>),
    Flush,
    /// At this hour.
    Compact(u8),
    Delete(u8, u8, u8),
    Clean,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let row = (0_u8..5, 0_u8..72, 0_u8..60, any::<i16>(), any::<bool>());
    prop_oneof![
        6 => prop::collection::vec(row, 1..40).prop_map(Step::Append),
        4 => Just(Step::Flush),
        3 => (0_u8..110).prop_map(Step::Compact),
        2 => (0_u8..5, 0_u8..72, 0_u8..72).prop_map(|(s, a, b)| Step::Delete(s, a, b)),
        1 => Just(Step::Clean),
        1 => Just(Step::Crash),
    ]
}

struct Game {
    folder: tempfile::TempDir,
    clock: Arc<SetClock>,
    store: EmbeddedStore,
    model: MemoryStore,
}

impl Game {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SetClock::default());
        let store = open(StorageConfig::new(folder.path()), &clock).await;
        Self { folder, clock, store, model: MemoryStore::default() }
    }

    async fn play(&mut self, step: &Step) {
        match step {
            Step::Append(rows) => {
                for store in [&self.store as &dyn Store, &self.model] {
                    store.append(&tenant(), Batch::Metrics(batch_of(rows)).into()).await.unwrap();
                }
            }
            Step::Flush => self.store.flush().await.unwrap(),
            Step::Compact(hour) => {
                self.clock.set_ms(i64::from(*hour) * HOUR_MS);
                let inner = Arc::clone(&self.store.inner);
                tokio::task::spawn_blocking(move || inner.compact()).await.unwrap().unwrap();
            }
            Step::Delete(series, a, b) => {
                let matchers = || vec![Matcher::equal("host", HOSTS[*series as usize])];
                let (start_ms, end_ms) = (i64::from(*a) * HOUR_MS, i64::from(*b) * HOUR_MS);
                for store in [&self.store as &dyn Store, &self.model] {
                    let done = store.delete_series(&tenant(), matchers(), start_ms, end_ms).await;
                    done.unwrap();
                }
            }
            Step::Clean => self.store.clean_tombstones().await.unwrap(),
            Step::Crash => self.crash().await,
        }
    }

    /// Goes on with a copy of what is on disk.
    async fn crash(&mut self) {
        let folder = crashed(&self.store).await;
        self.store = open(StorageConfig::new(folder.path()), &self.clock).await;
        self.folder = folder;
    }

    async fn compare(&self) {
        assert_eq!(contents(&self.store).await, contents(&self.model).await);
    }
}

const HOSTS: [&str; 5] = ["a", "b", "c", "d", "e"];

fn batch_of(rows: &[Row]) -> MetricColumns {
    let floats = rows.iter().map(|(series, hour, minute, value, _)| {
        let time_ms = i64::from(*hour) * HOUR_MS + i64::from(*minute) * 60_000;
        ("up", HOSTS[*series as usize], time_ms, f64::from(*value) / 4.0)
    });
    let mut batch = samples(&floats.collect::<Vec<_>>());
    for (start_ms, (.., started)) in batch.floats.start_ms.iter_mut().zip(rows) {
        *start_ms = i64::from(*started) * 7;
    }
    batch
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn upkeep_changes_no_answer(steps in prop::collection::vec(step(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut game = Game::new().await;
            for step in &steps {
                game.play(step).await;
                game.compare().await;
            }
            game.play(&Step::Flush).await;
            game.play(&Step::Compact(200)).await;
            game.play(&Step::Clean).await;
            game.compare().await;
            let parts = game.store.inner.tables.tenant(&tenant()).map_or(0, |tables| {
                let metrics = tables.metrics.read();
                assert!(metrics.tombstones.is_empty(), "nothing is left to be hidden");
                metrics.parts.len()
            });
            assert!(parts <= 3, "one part a day, not {parts}");
        });
    }
}

async fn append(store: &EmbeddedStore, rows: &[(&str, &str, i64, f64)]) {
    store.append(&tenant(), Batch::Metrics(samples(rows)).into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_does_not_come_back_from_the_log() {
    let mut game = Game::new().await;
    append(&game.store, &[("up", "a", 1, 1.0), ("up", "b", 1, 2.0)]).await;
    let matchers = vec![Matcher::equal("host", "a")];
    game.store.delete_series(&tenant(), matchers, i64::MIN, i64::MAX).await.unwrap();
    let left = contents(&game.store).await;
    assert_eq!(left.len(), 1, "{left:?}");
    game.crash().await;
    assert_eq!(contents(&game.store).await, left);
    // The same series may begin anew.
    append(&game.store, &[("up", "a", 1, 3.0)]).await;
    assert_eq!(contents(&game.store).await.len(), 2);
    game.store.flush().await.unwrap();
    game.crash().await;
    assert_eq!(contents(&game.store).await.len(), 2);
    game.store.clean_tombstones().await.unwrap();
    assert_eq!(contents(&game.store).await.len(), 2);
    let error = game.store.delete_series(&tenant(), vec![], 0, 1).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Invalid);
}

fn rule(host: &str, age_max: Option<Duration>) -> MetricRetention {
    let matchers = vec![Matcher::new("host", MatchOp::Regex, host).unwrap()];
    MetricRetention { matchers, age_max }
}

#[tokio::test(flavor = "multi_thread")]
async fn series_are_kept_as_long_as_their_rule_says() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SetClock::default());
    let retention = Retention { age_max: Some(Duration::from_hours(48)), bytes_max: None };
    let hours = |hours| Some(Duration::from_hours(hours));
    let metric_retention = vec![rule("a", hours(1)), rule("a|b", None), rule("c.*", hours(96))];
    let config = StorageConfig { retention, metric_retention, ..StorageConfig::new(folder.path()) };
    let store = open(config, &clock).await;
    for day in 0..8 {
        for host in ["a", "b", "c1", "d"] {
            append(&store, &[("up", host, day * DAY_MS + 1, day as f64)]).await;
        }
        if day % 2 == 0 {
            store.flush().await.unwrap();
        }
    }
    clock.set_ms(8 * DAY_MS);
    let expected = async |store: &EmbeddedStore| {
        let lines = contents(store).await;
        let counts: Vec<usize> = lines.iter().map(|line| line.matches('=').count()).collect();
        // Nothing of `a`, all days of `b`, four of `c1`, two of `d`.
        assert_eq!(counts, [8, 4, 2], "{lines:?}");
    };
    expected(&store).await;
    store.flush().await.unwrap();
    expected(&store).await;
    store.inner.enforce_retention().unwrap();
    expected(&store).await;
    let inner = Arc::clone(&store.inner);
    tokio::task::spawn_blocking(move || inner.drop_expired_series()).await.unwrap().unwrap();
    expected(&store).await;
    // What is past its retention has left the disk too: 8 + 4 + 2 samples are in parts.
    assert_eq!(store.stats().metrics.rows_on_disk, 14);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_a_data_directory_that_stays_as_it_was() {
    let game = Game::new().await;
    append(&game.store, &[("up", "a", 1, 1.0), ("up", "b", DAY_MS, 2.0)]).await;
    let before = contents(&game.store).await;
    let path = game.store.snapshot().await.unwrap();
    assert!(path.starts_with(game.folder.path().join("snapshots")));
    append(&game.store, &[("up", "c", 1, 1.0)]).await;
    let matchers = vec![Matcher::equal("host", "a")];
    game.store.delete_series(&tenant(), matchers, i64::MIN, i64::MAX).await.unwrap();
    game.store.clean_tombstones().await.unwrap();
    let copied = open(StorageConfig::new(&path), &game.clock).await;
    assert_eq!(contents(&copied).await, before);
    append(&copied, &[("up", "z", 5, 1.0)]).await;
    assert_eq!(contents(&copied).await.len(), 3);
    assert_eq!(contents(&game.store).await.len(), 2);
    assert_ne!(game.store.snapshot().await.unwrap(), path);
}
