//! The embedded engine: one write-ahead log, three stores, parts and a manifest.
//!
//! The way of a batch: it is encoded and appended to the log; once that is durable it is applied
//! to the tables in memory and acknowledged; later a flush moves it to a part, the manifest says
//! so, and the log gives its segment up. Queries see parts, what is being flushed, and what is in
//! memory, each row exactly once.

mod catalog;
mod compaction;
mod config;
mod counters;
mod deletion;
mod flush;
mod log_compaction;
#[cfg(test)]
mod log_tests;
mod log_tombstone;
mod manifest;
mod metric_record;
#[cfg(test)]
mod metric_tests;
mod open;
mod queries;
mod record;
mod retention;
mod span_compaction;
#[cfg(test)]
mod span_tests;
mod tables;
#[cfg(test)]
mod tests;
mod tokens;
#[cfg(test)]
mod upkeep_tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use watchkeep_model::column::Table;
use watchkeep_model::{Clock, Error, ErrorKind, MetricColumns, Result, SpanColumns, TenantId};

pub use config::{LogRetention, MetricRetention, Retention, StorageConfig};
pub use open::RecoveryProgress;

use crate::logs::LogHorizon;
use crate::metrics::Horizon;
use crate::seam::{Append, AppendAck, Batch, IngestToken, RejectReason, Rejected, StoreStats};
use crate::wal::Wal;
use catalog::{Catalog, TableKind};
use counters::Counters;
use flush::FlushState;
use manifest::ManifestFile;
use record::{ToLog, WalRecord};
use tables::Tables;
use tokens::Tokens;

/// An engine that keeps everything in one directory. Cheap to clone; the directory is locked until
/// the last clone is gone.
#[derive(Debug, Clone)]
pub struct EmbeddedStore {
    inner: Arc<Inner>,
    /// Dropped with the last clone: long work in the background stops then.
    _user: Arc<User>,
}

#[derive(Debug)]
struct User(Arc<AtomicBool>);

impl Drop for User {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Inner {
    config: StorageConfig,
    clock: Arc<dyn Clock>,
    counters: Counters,
    /// Held by every append from before its record gets a number until its rows are in memory;
    /// taken alone when a table is frozen, so that a part holds exactly the records up to a
    /// number.
    gate: tokio::sync::RwLock<()>,
    /// Open from the end of the replay on.
    wal: Option<Wal>,
    tokens: Tokens,
    tables: Tables,
    catalog: Mutex<Catalog>,
    manifest: ManifestFile,
    flush: tokio::sync::Mutex<FlushState>,
    flush_wanted: Arc<tokio::sync::Notify>,
    /// Told when parts of metrics or logs have come.
    compaction_wanted: Arc<tokio::sync::Notify>,
    /// Held while parts are merged.
    merging: Mutex<()>,
    /// When it was last looked for series and streams past their retention.
    expired_ns: Mutex<i64>,
    /// Whether nobody uses the engine any more.
    closing: Arc<AtomicBool>,
    /// Told when a flush has made room in memory.
    room: tokio::sync::Notify,
    /// Holds the lock on the directory.
    _lock: std::fs::File,
}

impl EmbeddedStore {
    /// Where the engine keeps its files.
    pub fn data_dir(&self) -> &PathBuf {
        &self.inner.config.data_dir
    }

    async fn append_batch(&self, tenant: &TenantId, append: Append) -> Result<AppendAck> {
        let inner = &*self.inner;
        inner.wait_for_room().await?;
        let _one_at_a_time = match append.token {
            Some(token) => Some(inner.tokens.turn(tenant, token).await),
            None => None,
        };
        if append.token.is_some_and(|token| inner.tokens.contains(tenant, token)) {
            return Ok(AppendAck { duplicate: true, ..AppendAck::default() });
        }
        // From here on nothing is frozen: what a batch was numbered by stays true.
        let gate = inner.gate.read().await;
        let ack = match append.batch {
            Batch::Spans(rows) => {
                inner.log(tenant, append.token, &ToLog::Spans(&rows)).await?;
                let ack = AppendAck { rows: rows.len() as u64, ..AppendAck::default() };
                inner.append_spans(tenant, rows)?;
                ack
            }
            Batch::Logs(rows) => {
                inner.log(tenant, append.token, &ToLog::Logs(&rows)).await?;
                let ack = AppendAck { rows: rows.len() as u64, ..AppendAck::default() };
                inner.tables.append_logs(tenant, rows);
                ack
            }
            Batch::Metrics(rows) => inner.append_metrics(tenant, append.token, rows).await?,
        };
        let refused_whole = ack.rejected.is_some() && ack.rows == 0;
        if let Some(token) = append.token.filter(|_| !refused_whole) {
            inner.tokens.remember(tenant, token);
        }
        drop(gate);
        inner.counters.appends.inc();
        if inner.flush_is_due() {
            inner.flush_wanted.notify_one();
        }
        Ok(ack)
    }

    fn figures(&self) -> StoreStats {
        let mut stats = StoreStats { wal: Some(self.inner.wal().stats()), ..StoreStats::default() };
        self.inner.tables.add_memory_figures(&mut stats);
        self.inner.catalog.lock().add_part_figures(&mut stats);
        stats
    }
}

impl Inner {
    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// How far back streams of logs are kept as of now.
    fn log_horizon(&self) -> LogHorizon {
        let now_ns = self.clock.now_ns();
        let first_ns = |age: Option<Duration>| {
            age.map_or(i64::MIN, |age| {
                now_ns.saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX))
            })
        };
        let rules = &self.config.log_retention;
        // Without rules retention takes whole parts.
        let otherwise =
            if rules.is_empty() { i64::MIN } else { first_ns(self.config.retention.age_max) };
        let rules = rules.iter().map(|rule| (rule.matchers.clone(), first_ns(rule.age_max)));
        LogHorizon { rules: rules.collect(), otherwise }
    }

    /// How far back series of metrics are kept as of now.
    fn horizon(&self) -> Horizon {
        let now_ms = self.clock.now_ns().div_euclid(1_000_000);
        let first_ms = |age: Option<Duration>| {
            age.map_or(i64::MIN, |age| {
                now_ms.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
            })
        };
        let rules = &self.config.metric_retention;
        // Without rules retention takes whole parts, and nothing is looked at sample by sample.
        let otherwise = (!rules.is_empty()).then(|| first_ms(self.config.retention.age_max));
        let rules = rules.iter().map(|rule| (rule.matchers.clone(), first_ms(rule.age_max)));
        Horizon { rules: rules.collect(), otherwise }
    }

    fn wal(&self) -> &Wal {
        self.wal.as_ref().expect("the engine is handed out only after the replay")
    }

    /// Makes a batch durable.
    async fn log(
        &self,
        tenant: &TenantId,
        token: Option<IngestToken>,
        rows: &ToLog<'_>,
    ) -> Result<()> {
        let payload = WalRecord::encode(tenant, token, rows);
        self.counters.appended_bytes.inc_by(payload.len() as u64);
        self.wal().append(payload).await.map(drop)
    }

    /// Takes in spans that are durable.
    fn append_spans(&self, tenant: &TenantId, rows: SpanColumns) -> Result<()> {
        let resent = self.tables.append_spans(tenant, rows)?;
        self.counters.spans_resent.inc_by(resent as u64);
        Ok(())
    }

    async fn append_metrics(
        &self,
        tenant: &TenantId,
        token: Option<IngestToken>,
        mut rows: MetricColumns,
    ) -> Result<AppendAck> {
        let series_max = match self.config.series_max {
            0 => u64::MAX,
            series_max => series_max,
        };
        let (placed, refused) = self.tables.place(tenant, &mut rows, series_max)?;
        if refused.series > 0 {
            self.counters.series_refused.inc_by(refused.series);
            self.counters.samples_refused.inc_by(refused.floats + refused.histograms);
        }
        if !rows.is_empty() {
            self.log(tenant, token, &ToLog::Metrics(&rows, &placed)).await?;
            self.tables.append_metrics(tenant, &rows, placed);
        }
        let rejected = (refused.series > 0).then_some(Rejected {
            series: refused.series,
            floats: refused.floats,
            histograms: refused.histograms,
            exemplars: refused.exemplars,
            reason: RejectReason::SeriesMax { series_max },
        });
        Ok(AppendAck { rows: rows.samples() as u64, duplicate: false, rejected })
    }

    /// Waits a little while memory is full: slowing senders down is better than refusing them.
    async fn wait_for_room(&self) -> Result<()> {
        let room = async {
            loop {
                let told = self.room.notified();
                if self.tables.bytes.total() <= self.config.memory_bytes_max {
                    return;
                }
                self.flush_wanted.notify_one();
                told.await;
            }
        };
        tokio::time::timeout(self.config.room_wait_max, room).await.map_err(|_| {
            self.counters.refused.inc();
            Error::new(
                ErrorKind::Overloaded { retry_after: Duration::from_secs(1) },
                format!(
                    "{} bytes wait in memory to be flushed, more than storage.memory_bytes_max",
                    self.tables.bytes.total()
                ),
            )
        })
    }

    fn flush_is_due(&self) -> bool {
        let full = |table| self.tables.bytes.of(table) >= self.config.bytes_max(table);
        TableKind::ALL.into_iter().any(full) || self.wal().bytes() >= self.config.wal_bytes_max
    }
}
