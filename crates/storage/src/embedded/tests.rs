//! Behaviour of the engine over flushes, restarts, damage and retention.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use watchkeep_model::{Level, SystemClock, TimeRange, Value};

use super::*;
use crate::conformance::{self, AfterAppend, Span, logs, samples, spans};
use crate::seam::{
    Batch, Frame, IngestToken, Order, Predicate, Projection, ScanRequest, Store, TableName,
};

const DAY_NS: i64 = 24 * 3600 * 1_000_000_000;

async fn open(config: StorageConfig) -> Result<EmbeddedStore> {
    open_with(config, Arc::new(SystemClock)).await
}

async fn open_with(config: StorageConfig, clock: Arc<dyn Clock>) -> Result<EmbeddedStore> {
    let open =
        move || EmbeddedStore::open(config, clock, &prometheus::Registry::new(), &mut |_| {});
    tokio::task::spawn_blocking(open).await.unwrap()
}

async fn bodies(store: &EmbeddedStore) -> Vec<String> {
    let request = ScanRequest {
        table: TableName::Logs,
        range: TimeRange::ALL,
        predicate: Predicate::ALL,
        projection: Projection::All,
        order: Order::OldestFirst,
        limit: None,
    };
    let mut stream = store.scan(&TenantId::default(), request).await.unwrap();
    let mut found = Vec::new();
    while let Some(frame) = stream.next().await {
        if let Frame::Rows(rows) = frame.unwrap() {
            let bodies: &arrow_array::StringArray = crate::schema::column(&rows, "body").unwrap();
            found.extend(bodies.iter().flatten().map(str::to_owned));
        }
    }
    found
}

async fn write(store: &EmbeddedStore, time_ns: i64, body: &str) {
    let batch = Batch::Logs(logs(&[(time_ns, Level::Info, "gateway", body)]));
    store.append(&TenantId::default(), batch.into()).await.unwrap();
}

/// Drops a store and waits until nothing in the background uses its directory any more.
pub(super) async fn close(store: EmbeddedStore) {
    let lock = store.data_dir().join("LOCK");
    drop(store);
    while std::fs::File::open(&lock).unwrap().try_lock().is_err() {
        tokio::task::yield_now().await;
    }
}

/// The data directory as a crash would leave it. Nothing writes while it is copied, since a copy
/// takes time and would mix what was before with what was after.
pub(super) async fn crashed(store: &EmbeddedStore) -> tempfile::TempDir {
    let _no_flush = store.inner.flush.lock().await;
    let _no_merge = store.inner.merging.lock();
    let folder = tempfile::tempdir().unwrap();
    copy(store.data_dir(), folder.path());
    folder
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
            continue;
        }
        // The log alone is not still: its own thread puts away segments that nothing needs any more.
        let is_put_away = |error: &std::io::Error| {
            error.kind() == std::io::ErrorKind::NotFound
                && entry.path().extension().is_some_and(|kind| kind == "wal")
        };
        match std::fs::copy(entry.path(), target) {
            Err(error) if is_put_away(&error) => {}
            copied => _ = copied.unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_engine_conforms() {
    for after_append in [AfterAppend::Nothing, AfterAppend::Flush, AfterAppend::FlushSometimes] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(StorageConfig::new(folder.path())).await.unwrap();
        conformance::run(Arc::new(store), after_append).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_memory_engine_conforms() {
    let store = Arc::new(crate::memory::MemoryStore::default());
    conformance::run(store, AfterAppend::Nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_engines_refuse_new_series_beyond_the_limit() {
    let series_max = conformance::SERIES_MAX;
    let store = crate::memory::MemoryStore::with_series_max(series_max);
    conformance::new_series_are_refused(Arc::new(store)).await;
    let folder = tempfile::tempdir().unwrap();
    let config = StorageConfig { series_max, ..StorageConfig::new(folder.path()) };
    conformance::new_series_are_refused(Arc::new(open(config).await.unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_row_is_there_once_after_a_crash_at_any_step() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(StorageConfig::new(folder.path())).await.unwrap();
    let mut expected = Vec::new();
    for step in 0..12 {
        let body = format!("row {step}");
        write(&store, step, &body).await;
        expected.push(body);
        if step % 4 == 2 {
            store.flush().await.unwrap();
        }
        let crashed = crashed(&store).await;
        let found = open(StorageConfig::new(crashed.path())).await.unwrap();
        assert_eq!(bodies(&found).await, expected, "after step {step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_finds_every_kind_of_row_and_the_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let tenant = TenantId::default();
    let token = Some(IngestToken(42));
    let batch = || Batch::Metrics(samples(&[("up", "a", 5, 1.0)]));
    {
        let store = open(StorageConfig::new(folder.path())).await.unwrap();
        write(&store, 1, "one").await;
        store.append(&tenant, Append { batch: batch(), token }).await.unwrap();
        close(store).await;
    }
    let store = open(StorageConfig::new(folder.path())).await.unwrap();
    assert_eq!(store.stats().metrics.rows_in_memory, 1);
    assert!(store.append(&tenant, Append { batch: batch(), token }).await.unwrap().duplicate);
    store.flush().await.unwrap();
    let stats = store.stats();
    assert_eq!((stats.metrics.rows_in_memory, stats.metrics.rows_on_disk), (0, 1));
    assert_eq!((stats.logs.rows_in_memory, stats.logs.rows_on_disk), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_outlive_the_records_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let tenant = TenantId::default();
    let token = Some(IngestToken(7));
    let batch = || Batch::Metrics(samples(&[("up", "a", 5, 1.0)]));
    {
        let store = open(StorageConfig::new(folder.path())).await.unwrap();
        store.append(&tenant, Append { batch: batch(), token }).await.unwrap();
        store.flush().await.unwrap();
        close(store).await;
    }
    for _restart in 0..2 {
        let store = open(StorageConfig::new(folder.path())).await.unwrap();
        let again = store.append(&tenant, Append { batch: batch(), token }).await.unwrap();
        assert!(again.duplicate);
        write(&store, 1, "another table is flushed").await;
        store.flush().await.unwrap();
        close(store).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_batches_of_every_kind_are_encoded_where_they_can_be_written_directly() {
    const ROWS: u8 = 250;
    let folder = tempfile::tempdir().unwrap();
    let is_direct = crate::wal::tests::takes_direct_writes(folder.path());
    let store = open(StorageConfig::new(folder.path())).await.unwrap();
    let text = "x".repeat(1000);
    let attributes = vec![("input", Value::String(text.clone()))];
    let span = |id| Span { id, attributes: attributes.clone(), ..Span::default() };
    let hosts: Vec<String> = (0..ROWS).map(|row| format!("{row}{text}")).collect();
    let batches = [
        Batch::Spans(spans(&(0..ROWS).map(span).collect::<Vec<_>>())),
        Batch::Logs(logs(&vec![(1, Level::Info, "gateway", text.as_str()); usize::from(ROWS)])),
        Batch::Metrics(samples(
            &hosts.iter().map(|host| ("up", host.as_str(), 5, 1.0)).collect::<Vec<_>>(),
        )),
    ];
    for (number, batch) in (1..).zip(batches) {
        store.append(&TenantId::default(), batch.into()).await.unwrap();
        let direct_records = store.stats().wal.unwrap().direct_records;
        assert_eq!(direct_records, if is_direct { number } else { 0 });
    }
    close(store).await;
    let stats = open(StorageConfig::new(folder.path())).await.unwrap().stats();
    for table in [stats.spans, stats.logs, stats.metrics] {
        assert_eq!(table.rows_in_memory, u64::from(ROWS));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_takes_nothing_and_leaves_no_empty_log_behind() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        || StorageConfig { wal_segment_bytes: 64 << 10, ..StorageConfig::new(folder.path()) };
    let store = open(config()).await.unwrap();
    let body = "x".repeat(1000);
    for time in 0..200 {
        write(&store, time, &body).await;
    }
    store.close().await.unwrap();
    let log_bytes: u64 = std::fs::read_dir(folder.path().join("wal"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert!(log_bytes < 1000, "{log_bytes} bytes of log are left");
    assert_eq!(bodies(&store).await.len(), 200);
    let batch = Batch::Logs(logs(&[(1, Level::Info, "gateway", "late")]));
    let error = store.append(&TenantId::default(), batch.into()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable { .. }), "{error}");
    close(store).await;
    let store = open(config()).await.unwrap();
    assert_eq!(bodies(&store).await.len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_larger_than_memory_may_be_flushes_on_its_way() {
    let folder = tempfile::tempdir().unwrap();
    let body = "x".repeat(1000);
    {
        let store = open(StorageConfig::new(folder.path())).await.unwrap();
        for time in 0..200 {
            write(&store, time, &body).await;
        }
        close(store).await;
    }
    let config = StorageConfig { memory_bytes_max: 64 << 10, ..StorageConfig::new(folder.path()) };
    let store = open(config).await.unwrap();
    assert!(store.stats().logs.parts > 2, "{:?}", store.stats());
    assert_eq!(bodies(&store).await.len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_turned_away() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(StorageConfig::new(folder.path())).await.unwrap();
    let error = open(StorageConfig::new(folder.path())).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn full_memory_refuses_until_a_flush_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let config = StorageConfig {
        memory_bytes_max: 100,
        room_wait_max: Duration::ZERO,
        ..StorageConfig::new(folder.path())
    };
    let store = open(config).await.unwrap();
    let batch = || Batch::Logs(logs(&[(1, Level::Info, "gateway", "a body")]));
    let tenant = TenantId::default();
    let flushing = store.inner.flush.lock().await;
    store.append(&tenant, batch().into()).await.unwrap();
    let error = store.append(&tenant, batch().into()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Overloaded { .. }), "{error}");
    drop(flushing);
    store.flush().await.unwrap();
    store.append(&tenant, batch().into()).await.unwrap();
    assert_eq!(bodies(&store).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_outruns_the_disk_is_slowed_and_not_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = StorageConfig {
        memory_bytes_max: 10_000,
        room_wait_max: Duration::from_mins(1),
        ..StorageConfig::new(folder.path())
    };
    let store = open(config).await.unwrap();
    for time in 0..100 {
        write(&store, time, "a body").await;
    }
    assert_eq!(bodies(&store).await.len(), 100);
    assert!(store.stats().logs.parts > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_on_disk_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = open(StorageConfig::new(folder.path())).await.unwrap();
        write(&store, 1, "one").await;
        store.flush().await.unwrap();
        close(store).await;
    }
    let manifest = folder.path().join("MANIFEST");
    let sound = std::fs::read(&manifest).unwrap();
    let mut damaged = sound.clone();
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(&manifest, damaged).unwrap();
    let error = open(StorageConfig::new(folder.path())).await.unwrap_err();
    assert!(error.message().contains("MANIFEST"), "{error}");
    std::fs::write(&manifest, sound).unwrap();
    std::fs::remove_dir_all(folder.path().join("parts/logs")).unwrap();
    let error = open(StorageConfig::new(folder.path())).await.unwrap_err();
    assert!(error.message().contains("parts/logs"), "{error}");
    let parts = folder.path().join("parts");
    std::fs::remove_dir_all(&parts).unwrap();
    std::fs::remove_file(&manifest).unwrap();
    std::fs::remove_dir_all(folder.path().join("wal")).unwrap();
    assert!(open(StorageConfig::new(folder.path())).await.is_ok(), "an emptied directory is new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_ends_before_the_parts_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = open(StorageConfig::new(folder.path())).await.unwrap();
        write(&store, 1, "one").await;
        store.flush().await.unwrap();
        close(store).await;
    }
    std::fs::remove_dir_all(folder.path().join("wal")).unwrap();
    let error = open(StorageConfig::new(folder.path())).await.unwrap_err();
    assert!(error.message().contains("parts hold records up to"), "{error}");
}

#[derive(Debug, Default)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now_ns(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_by_age_removes_days_that_are_over() {
    let folder = tempfile::tempdir().unwrap();
    let age_max = Some(Duration::from_hours(48));
    let retention = Retention { age_max, bytes_max: None };
    let config = StorageConfig { retention, ..StorageConfig::new(folder.path()) };
    let clock = Arc::new(SetClock::default());
    let store = open_with(config, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
    for day in 0..5 {
        write(&store, day * DAY_NS + 1, &format!("day {day}")).await;
    }
    store.flush().await.unwrap();
    assert_eq!(store.stats().logs.parts, 5, "a flush cuts at days");
    clock.0.store(5 * DAY_NS, Ordering::Relaxed);
    store.inner.enforce_retention().unwrap();
    assert_eq!(bodies(&store).await, ["day 3", "day 4"]);
    let left = std::fs::read_dir(folder.path().join("parts/logs/default")).unwrap().count();
    assert_eq!(left, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_by_size_removes_the_oldest_of_any_table() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(StorageConfig::new(folder.path())).await.unwrap();
    let tenant = TenantId::default();
    store.append(&tenant, Batch::Metrics(samples(&[("up", "a", 0, 1.0)])).into()).await.unwrap();
    for day in 1..4 {
        write(&store, day * DAY_NS, &format!("day {day}")).await;
    }
    store.flush().await.unwrap();
    let stats = store.stats();
    let bytes = stats.logs.bytes_on_disk;
    close(store).await;
    let retention = Retention { age_max: None, bytes_max: Some(bytes * 2 / 3 + 16) };
    let config = StorageConfig { retention, ..StorageConfig::new(folder.path()) };
    let store = open(config).await.unwrap();
    store.inner.enforce_retention().unwrap();
    assert_eq!(bodies(&store).await, ["day 2", "day 3"]);
    assert_eq!(store.stats().metrics.parts, 0);
}
