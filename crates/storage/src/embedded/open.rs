//! Opening the engine: the manifest, the parts, and the replay of the log.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use parking_lot::Mutex;
use prometheus::Registry;
use watchkeep_model::error::IoContext;
use watchkeep_model::{Clock, Error, ErrorKind, Labels, Result, TenantId};

use super::catalog::{Catalog, TableKind};
use super::counters::Counters;
use super::flush::{FlushState, OpenedPart, show};
use super::manifest::ManifestFile;
use super::metric_record::MetricRecord;
use super::record::{Rows, WalRecord};
use super::tables::{LogTombstone, Tables, Tombstone};
use super::tokens::Tokens;
use super::{EmbeddedStore, Inner, StorageConfig, User};
use crate::wal::{Recovered, Wal, WalConfig, replay};

/// How far a start has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoveryProgress {
    /// Bytes of the log that were read.
    pub bytes_read: u64,
    /// Bytes of the log in all.
    pub bytes_total: u64,
}

/// So long after a segment of the log was begun its spares go: longer than one takes to fill while
/// much is written.
const WAL_REST: Duration = Duration::from_secs(2);

impl EmbeddedStore {
    /// Opens the directory, making it if need be, and brings back what the log holds. Blocks for
    /// as long as that takes, telling `progress` now and then. Must be called inside a tokio
    /// runtime, on a thread where blocking is allowed: the engine's background work runs there.
    ///
    /// Errors: `Unavailable` when another process uses the directory; `Corrupt` naming file and
    /// offset when what was acknowledged can not be brought back whole.
    pub fn open(
        config: StorageConfig,
        clock: Arc<dyn Clock>,
        registry: &Registry,
        progress: &mut dyn FnMut(RecoveryProgress),
    ) -> Result<Self> {
        let data_dir = config.data_dir.clone();
        std::fs::create_dir_all(&data_dir)
            .context(|| format!("cannot create the data directory {}", data_dir.display()))?;
        let lock = lock_directory(&data_dir)?;
        let counters = Counters::register(registry)?;
        let manifest = ManifestFile::new(&data_dir);
        let catalog = Catalog::new(&config, manifest.read()?);
        catalog.metrics_cache.figures().register(registry)?;
        catalog.spans_cache.figures().register(registry)?;
        catalog.remove_strays()?;
        let tables = Tables::new(config.resent_spans_max);
        show_parts(&catalog, &tables)?;
        let wal_dir = data_dir.join("wal");
        let wal_config = WalConfig {
            segment_bytes: config.wal_segment_bytes,
            queue_bytes_max: config.wal_queue_bytes_max,
            rest: WAL_REST,
        };
        let replaying = Replaying { config, clock, counters, tables, catalog, manifest, lock };
        let inner = replaying.run(&wal_dir, wal_config, progress)?;
        let inner = Arc::new(inner);
        Inner::start_background_work(&inner);
        Inner::start_compaction(&inner);
        let user = Arc::new(User(Arc::clone(&inner.closing)));
        Ok(Self { inner, _user: user })
    }
}

fn lock_directory(data_dir: &Path) -> Result<std::fs::File> {
    let path = data_dir.join("LOCK");
    let lock =
        std::fs::File::create(&path).context(|| format!("cannot create {}", path.display()))?;
    lock.try_lock().map_err(|error| {
        Error::new(
            ErrorKind::Unavailable { retry_after: Duration::from_secs(1) },
            format!("the data directory {} is in use by another process", data_dir.display()),
        )
        .with_source(error)
    })?;
    Ok(lock)
}

fn show_parts(catalog: &Catalog, tables: &Tables) -> Result<()> {
    for entry in &catalog.manifest.parts {
        let directory = catalog.directory(entry.table, &entry.tenant, entry.id);
        let found =
            directory.try_exists().context(|| format!("cannot inspect {}", directory.display()))?;
        if !found {
            return Err(Error::corrupt(format!(
                "the part {} is missing, which the manifest names",
                directory.display()
            )));
        }
        let part = OpenedPart::open(catalog, entry)?;
        let tenant = tables.tenant_or_new(&TenantId::new(&entry.tenant)?);
        show(entry.table, &tenant, vec![part]);
    }
    for (tenant, tables) in tables.all() {
        tables.metrics.write().tombstones = Tombstone::of_tenant(&catalog.manifest, &tenant)?;
        tables.logs.lock().tombstones = LogTombstone::of_tenant(&catalog.manifest, &tenant)?;
    }
    Ok(())
}

/// The engine before its log is open for writing.
struct Replaying {
    config: StorageConfig,
    clock: Arc<dyn Clock>,
    counters: Counters,
    tables: Tables,
    catalog: Catalog,
    manifest: ManifestFile,
    lock: std::fs::File,
}

impl Replaying {
    fn run(
        self,
        wal_dir: &Path,
        wal_config: WalConfig,
        progress: &mut dyn FnMut(RecoveryProgress),
    ) -> Result<Inner> {
        let flushed = self.catalog.manifest.flushed;
        let tokens = Tokens::default();
        let mut inner = Inner {
            config: self.config,
            clock: self.clock,
            counters: self.counters,
            gate: tokio::sync::RwLock::new(()),
            wal: None,
            tokens,
            tables: self.tables,
            catalog: Mutex::new(self.catalog),
            manifest: self.manifest,
            flush: tokio::sync::Mutex::new(FlushState::default()),
            flush_wanted: Arc::default(),
            compaction_wanted: Arc::default(),
            merging: Mutex::default(),
            expired_ns: Mutex::default(),
            closing: Arc::default(),
            room: tokio::sync::Notify::new(),
            _lock: self.lock,
        };
        let mut definitions = Definitions::default();
        let found = replay(
            wal_dir,
            flushed.least() + 1,
            &mut |sequence, payload| {
                inner.replay_record(sequence, payload, flushed, &mut definitions)
            },
            &mut |bytes_read, bytes_total| progress(RecoveryProgress { bytes_read, bytes_total }),
        )?;
        check_log_goes_on(&found, flushed.greatest(), wal_dir)?;
        inner.counters.replayed_records.inc_by(found.records);
        if let Some((path, offset)) = &found.torn {
            tracing::warn!(
                file = %path.display(),
                offset,
                "cut a torn record off the end of the write-ahead log; it was not acknowledged"
            );
        }
        // Only now: a record that the log still holds is not a repetition of itself.
        let kept = std::mem::take(&mut inner.catalog.lock().manifest.tokens);
        inner.tokens.recall(&kept)?;
        inner.catalog.lock().manifest.tokens = kept;
        inner.wal = Some(Wal::start(wal_dir, wal_config, found)?);
        Ok(inner)
    }
}

/// The log must reach at least as far as the parts: a log that lost its end would give out the
/// same sequence numbers again, and the next replay would skip the records that got them.
fn check_log_goes_on(found: &Recovered, flushed: u64, wal_dir: &Path) -> Result<()> {
    if found.next_sequence <= flushed {
        return Err(Error::corrupt(format!(
            "the log in {} ends with record {} although parts hold records up to {flushed}: its \
             files are missing or from another time",
            wal_dir.display(),
            found.next_sequence - 1
        )));
    }
    Ok(())
}

/// The series that records have numbered so far.
#[derive(Debug, Default)]
struct Definitions {
    tenants: HashMap<TenantId, HashMap<u64, Labels>>,
}

impl Definitions {
    /// Notes what a record defines. A number that is given out again has a new meaning from here
    /// on: the head was frozen in between.
    fn note(&mut self, tenant: &TenantId, record: &mut MetricRecord) {
        if record.defined.is_empty() {
            return;
        }
        let known = self.tenants.entry(tenant.clone()).or_default();
        for (row, labels) in std::mem::take(&mut record.defined) {
            known.insert(record.numbers[row as usize], labels);
        }
    }

    /// Puts the series into a record's batch.
    fn fill(&self, tenant: &TenantId, record: &mut MetricRecord) -> Result<()> {
        if record.numbers.is_empty() {
            return Ok(());
        }
        let known = self.tenants.get(tenant);
        for number in &record.numbers {
            let labels = known.and_then(|known| known.get(number)).ok_or_else(|| {
                Error::corrupt(format!("a record uses number {number}, which is no series"))
            })?;
            record.batch.series.labels.push(labels.as_bytes());
            record.batch.series.delta.push(0);
        }
        Ok(())
    }
}

impl Inner {
    fn replay_record(
        &self,
        sequence: u64,
        payload: &[u8],
        flushed: super::manifest::Flushed,
        definitions: &mut Definitions,
    ) -> Result<()> {
        let mut record = WalRecord::decode(payload)?;
        if let Rows::Metrics(metrics) = &mut record.rows {
            definitions.note(&record.tenant, metrics);
        }
        if let Some(token) = record.token {
            if self.tokens.contains(&record.tenant, token) {
                return Ok(());
            }
            self.tokens.remember(&record.tenant, token);
        }
        let kind = match &record.rows {
            Rows::Spans(_) => TableKind::Spans,
            Rows::Logs(_) => TableKind::Logs,
            Rows::Metrics(_) => TableKind::Metrics,
        };
        if sequence <= flushed.of(kind) {
            return Ok(());
        }
        match record.rows {
            Rows::Spans(rows) => self.append_spans(&record.tenant, rows)?,
            Rows::Logs(rows) => self.tables.append_logs(&record.tenant, rows),
            Rows::Metrics(mut metrics) => {
                definitions.fill(&record.tenant, &mut metrics)?;
                let MetricRecord { numbers, batch, .. } = metrics;
                let placed = self.tables.place_again(&record.tenant, &batch, numbers)?;
                self.tables.append_metrics(&record.tenant, &batch, placed);
            }
        }
        // Replay needs no more memory than serving did.
        if self.tables.bytes.total() > self.config.memory_bytes_max / 2 {
            self.flush_replayed(sequence)?;
        }
        Ok(())
    }
}
