//! Moving tables from memory to parts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use watchkeep_model::error::IoContext;
use watchkeep_model::{Result, TenantId};

use super::Inner;
use super::catalog::{Catalog, DAY_NS, TableKind};
use super::manifest::PartEntry;
use super::tables::TenantTables;
use crate::logs::{self, LogBatch, LogPart};
use crate::metrics;
use crate::part_file::PartFigures;
use crate::traces::{self, SpanMemory, SpanPart};

const DAY_MS: i64 = DAY_NS / 1_000_000;
/// Days into which one flush cuts metrics; what is older goes to one part.
const DAYS_MAX: i64 = 62;

/// What flushes need to remember between them. Whoever holds the lock on it flushes.
#[derive(Debug, Default)]
pub(super) struct FlushState {
    /// For tables that are frozen: the last record of the log that they hold.
    frozen_at: BTreeMap<TableKind, u64>,
    /// When each table that is not empty was last found empty or flushed.
    pub(super) since_ns: BTreeMap<TableKind, i64>,
}

/// Parts that were written and are not in the manifest yet.
#[derive(Debug, Default)]
struct Written {
    entries: Vec<PartEntry>,
}

impl Inner {
    /// Flushes tables. If writing fails, the rows stay in memory and in the log, queries go on
    /// seeing them, and the next flush tries again. It goes on to its end even if the caller goes
    /// away: the thread that writes would, and without the lock a second flush beside it would
    /// write the same frozen rows into parts again.
    pub(super) async fn flush(self: &Arc<Self>, tables: &[TableKind]) -> Result<()> {
        let (inner, tables) = (Arc::clone(self), tables.to_vec());
        tokio::spawn(async move { inner.flush_to_the_end(&tables).await })
            .await
            .context(|| "a flush broke off".to_owned())?
    }

    async fn flush_to_the_end(self: &Arc<Self>, tables: &[TableKind]) -> Result<()> {
        let mut state = self.flush.lock().await;
        let inner = Arc::clone(self);
        let gate = self.gate.write().await;
        let sequence = self.wal().durable_sequence();
        let now_ns = self.clock.now_ns();
        for kind in TableKind::ALL {
            if self.tables.is_empty(kind) {
                state.since_ns.insert(kind, now_ns);
                let flushed = &mut self.catalog.lock().manifest.flushed;
                flushed.set_with_definitions(kind, sequence);
            } else if tables.contains(&kind) && !state.frozen_at.contains_key(&kind) {
                self.freeze(kind);
                state.frozen_at.insert(kind, sequence);
            }
        }
        drop(gate);
        let frozen = state.frozen_at.clone();
        let outcome = tokio::task::spawn_blocking(move || inner.write_frozen(&frozen))
            .await
            .context(|| "a flush broke off".to_owned())?;
        if let Err(error) = &outcome {
            self.counters.flush_failures.inc();
            tracing::error!(error = %error.report(), "cannot flush; will try again");
        } else {
            for kind in std::mem::take(&mut state.frozen_at).into_keys() {
                state.since_ns.insert(kind, now_ns);
            }
        }
        outcome
    }

    /// Flushes in the course of a replay, where nothing else runs.
    pub(super) fn flush_replayed(&self, sequence: u64) -> Result<()> {
        let mut frozen = BTreeMap::new();
        for kind in TableKind::ALL {
            if self.tables.is_empty(kind) {
                self.catalog.lock().manifest.flushed.set(kind, sequence);
            } else {
                self.freeze(kind);
                frozen.insert(kind, sequence);
            }
        }
        self.write_frozen(&frozen)
    }

    fn freeze(&self, kind: TableKind) {
        self.tables.bytes.freeze(kind);
        for (_, tables) in self.tables.all() {
            match kind {
                TableKind::Spans => tables.spans.lock().freeze(),
                TableKind::Logs => tables.logs.lock().freeze(),
                TableKind::Metrics => {
                    let mut metrics = tables.metrics.write();
                    if !metrics.head.is_empty() {
                        metrics.frozen = Some(metrics.head.freeze());
                    }
                }
            }
        }
    }

    fn write_frozen(&self, frozen: &BTreeMap<TableKind, u64>) -> Result<()> {
        for (kind, sequence) in frozen {
            let timer = self.counters.flush_seconds.start_timer();
            let mut written = Written::default();
            let outcome = self
                .write_parts(*kind, &mut written)
                .and_then(|()| self.publish(*kind, *sequence, &written.entries));
            if let Err(error) = outcome {
                timer.stop_and_discard();
                self.discard(&written);
                return Err(error);
            }
            timer.observe_duration();
            self.counters.flushes.inc();
        }
        // The manifest may say more than before about tables that were empty.
        let least = self.catalog.lock().manifest.flushed.least();
        self.release_log(least);
        Ok(())
    }

    fn write_parts(&self, kind: TableKind, written: &mut Written) -> Result<()> {
        for (tenant, tables) in self.tables.all() {
            match kind {
                TableKind::Spans => {
                    let frozen = tables.spans.lock().frozen.clone();
                    self.write_spans(&tenant, &frozen, written)?;
                }
                TableKind::Logs => {
                    let frozen = tables.logs.lock().frozen.clone();
                    self.write_logs(&tenant, &frozen, written)?;
                }
                TableKind::Metrics => self.write_metrics(&tenant, &tables, written)?,
            }
        }
        Ok(())
    }

    fn write_spans(
        &self,
        tenant: &TenantId,
        frozen: &[Arc<SpanMemory>],
        written: &mut Written,
    ) -> Result<()> {
        for rows in traces::order_by_day(frozen, DAY_NS) {
            let (id, directory) = self.begin_part(TableKind::Spans, tenant)?;
            let tenant = tenant.as_str().to_owned();
            // Named from the start, so that what is begun is removed where writing fails.
            let figures = PartFigures { min_ns: 0, max_ns: 0, rows: 0, bytes: 0 };
            written.entries.push(PartEntry { id, table: TableKind::Spans, tenant, figures });
            let figures = traces::write_part(id, &directory, frozen, &rows)?;
            crate::directory::sync(&directory)?;
            if let Some(entry) = written.entries.last_mut() {
                entry.figures = figures;
            }
        }
        Ok(())
    }

    fn write_logs(
        &self,
        tenant: &TenantId,
        frozen: &[Arc<LogBatch>],
        written: &mut Written,
    ) -> Result<()> {
        for rows in logs::order_by_day(frozen, DAY_NS) {
            let (id, directory) = self.begin_part(TableKind::Logs, tenant)?;
            let tenant = tenant.as_str().to_owned();
            // Named from the start, so that what is begun is removed where writing fails.
            let figures = PartFigures { min_ns: 0, max_ns: 0, rows: 0, bytes: 0 };
            written.entries.push(PartEntry { id, table: TableKind::Logs, tenant, figures });
            let figures = logs::write_part(id, &directory, frozen, &rows)?;
            crate::directory::sync(&directory)?;
            if let Some(entry) = written.entries.last_mut() {
                entry.figures = figures;
            }
        }
        Ok(())
    }

    fn write_metrics(
        &self,
        tenant: &TenantId,
        tables: &TenantTables,
        written: &mut Written,
    ) -> Result<()> {
        let Some(frozen) = tables.metrics.read().frozen.clone() else { return Ok(()) };
        let ranges = days(frozen.time_range_ms());
        for (at, range) in ranges.iter().enumerate() {
            let (id, directory) = self.begin_part(TableKind::Metrics, tenant)?;
            let tenant = tenant.as_str().to_owned();
            // Named from the start, so that what is begun is removed where writing fails.
            let figures = PartFigures { min_ns: 0, max_ns: 0, rows: 0, bytes: 0 };
            written.entries.push(PartEntry { id, table: TableKind::Metrics, tenant, figures });
            let last = at + 1 == ranges.len();
            let part = frozen.write_part(&directory, *range, last)?;
            if part.series == 0 && !last {
                written.entries.pop();
                std::fs::remove_dir_all(&directory)
                    .context(|| format!("cannot remove {}", directory.display()))?;
                continue;
            }
            crate::directory::sync(&directory)?;
            if let Some(entry) = written.entries.last_mut() {
                entry.figures = metric_figures(&part);
            }
        }
        Ok(())
    }

    /// Makes the directory of a new part, durably.
    fn begin_part(&self, kind: TableKind, tenant: &TenantId) -> Result<(u64, PathBuf)> {
        let (id, directory) = self.catalog.lock().new_part(kind, tenant);
        crate::directory::create(&self.config.data_dir, &directory)?;
        Ok((id, directory))
    }

    /// Writes the manifest with the new parts, then shows queries the parts instead of the rows in
    /// memory.
    fn publish(&self, kind: TableKind, sequence: u64, entries: &[PartEntry]) -> Result<()> {
        let mut opened: BTreeMap<&str, Vec<OpenedPart>> = BTreeMap::new();
        let mut catalog = self.catalog.lock();
        for entry in entries {
            let part = OpenedPart::open(&catalog, entry)?;
            opened.entry(&entry.tenant).or_default().push(part);
        }
        let mut manifest = catalog.manifest.clone();
        manifest.parts.extend_from_slice(entries);
        manifest.tokens = self.tokens.newest(&manifest.tokens);
        if self.wal.is_some() {
            manifest.flushed.set_with_definitions(kind, sequence);
        } else {
            manifest.flushed.set(kind, sequence);
        }
        self.manifest.write(&manifest)?;
        catalog.manifest = manifest;
        for (tenant, tables) in self.tables.all() {
            show(kind, &tables, opened.remove(tenant.as_str()).unwrap_or_default());
        }
        drop(catalog);
        self.compaction_wanted.notify_one();
        self.tables.bytes.release_frozen(kind);
        self.room.notify_waiters();
        Ok(())
    }

    fn discard(&self, written: &Written) {
        let catalog = self.catalog.lock();
        for entry in &written.entries {
            let directory = catalog.directory(entry.table, &entry.tenant, entry.id);
            if let Err(error) = std::fs::remove_dir_all(&directory) {
                tracing::warn!(%error, part = %directory.display(), "cannot remove");
            }
        }
    }

    /// Gives up the log up to a record, which the manifest on disk must say is not needed.
    pub(super) fn release_log(&self, sequence: u64) {
        // The lock is held while writing, as in every other place that writes the manifest:
        // retention may run beside this, and an older manifest must not replace a newer one.
        let catalog = self.catalog.lock();
        match self.manifest.write(&catalog.manifest) {
            // In a replay the log is not open yet; the next flush gives up what this one could.
            Ok(()) => self.wal.iter().for_each(|wal| wal.release(sequence)),
            Err(error) => {
                tracing::warn!(error = %error.report(), "cannot write the manifest; keeping the log");
            }
        }
    }
}

/// The ranges of time, oldest first, for each of which a flush of metrics writes a part: UTC days,
/// so that retention by age lets go of whole parts and merges stay within a day.
fn days(range_ms: Option<(i64, i64)>) -> Vec<(i64, i64)> {
    let Some((min_ms, max_ms)) = range_ms else { return vec![(i64::MIN, i64::MAX)] };
    let (first, last) = (min_ms.div_euclid(DAY_MS), max_ms.div_euclid(DAY_MS));
    let cut = first.max(last - (DAYS_MAX - 1));
    let start_of = |day: i64| day.saturating_mul(DAY_MS);
    let mut ranges: Vec<(i64, i64)> =
        (cut..=last).map(|day| (start_of(day), start_of(day).saturating_add(DAY_MS - 1))).collect();
    if first < cut {
        ranges.insert(0, (i64::MIN, start_of(cut) - 1));
    }
    ranges
}

/// Figures of a part of metrics, as the manifest has them.
pub(super) fn metric_figures(part: &metrics::PartFigures) -> PartFigures {
    PartFigures {
        min_ns: part.min_ms.saturating_mul(1_000_000),
        max_ns: part.max_ms.saturating_mul(1_000_000),
        rows: part.samples,
        bytes: part.bytes,
    }
}

/// A part as queries use it.
pub(super) enum OpenedPart {
    Spans(Arc<SpanPart>),
    Logs(Arc<LogPart>),
    Metrics(u64, metrics::Part),
}

impl OpenedPart {
    pub(super) fn open(catalog: &Catalog, entry: &PartEntry) -> Result<Self> {
        let directory = catalog.directory(entry.table, &entry.tenant, entry.id);
        Ok(match entry.table {
            TableKind::Spans => {
                let cache = &catalog.spans_cache;
                Self::Spans(Arc::new(SpanPart::new(entry.id, directory, entry.figures, cache)))
            }
            TableKind::Logs => {
                Self::Logs(Arc::new(LogPart::new(entry.id, directory, entry.figures)))
            }
            TableKind::Metrics => {
                let part = metrics::Part::open(&directory, &catalog.metrics_cache)?;
                Self::Metrics(entry.id, part)
            }
        })
    }
}

/// Puts parts in the place of what was frozen.
pub(super) fn show(kind: TableKind, tables: &TenantTables, parts: Vec<OpenedPart>) {
    match kind {
        TableKind::Spans => {
            let mut spans = tables.spans.lock();
            spans.frozen.clear();
            for part in parts {
                if let OpenedPart::Spans(part) = part {
                    spans.parts.push(part);
                }
            }
        }
        TableKind::Logs => {
            let mut logs = tables.logs.lock();
            logs.frozen.clear();
            for part in parts {
                if let OpenedPart::Logs(part) = part {
                    logs.parts.push(part);
                }
            }
        }
        TableKind::Metrics => {
            let mut metrics = tables.metrics.write();
            metrics.frozen = None;
            for part in parts {
                if let OpenedPart::Metrics(id, part) = part {
                    metrics.parts.push((id, part));
                }
            }
        }
    }
}
