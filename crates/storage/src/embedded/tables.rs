//! The tables of every tenant: rows in memory, rows being flushed, and parts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use watchkeep_model::column::Table;
use watchkeep_model::{LogColumns, MetricColumns, Result, SpanColumns, TenantId};

use super::catalog::TableKind;
use super::manifest::{Manifest, TombstoneEntry};
use crate::gather::{every, gather};
use crate::live::Live;
use crate::logs::{self, Erasure, LogBatch, LogPart};
use crate::metrics::{self, Frozen, Head, Horizon, Mask, MaskedPart, Placed, Refused, View};
use crate::seam::{StoreStats, TableStats};
use crate::traces::{self, ResentSpans, SpanMemory, SpanPart};

/// All tables.
#[derive(Debug)]
pub(super) struct Tables {
    tenants: RwLock<BTreeMap<TenantId, Arc<TenantTables>>>,
    resent: ResentSpans,
    pub(super) bytes: HeldBytes,
}

/// Bytes in memory by table, rows being flushed included.
#[derive(Debug, Default)]
pub(super) struct HeldBytes {
    held: [AtomicU64; 3],
    /// Those of them that are set aside to be flushed.
    frozen: [AtomicU64; 3],
}

impl HeldBytes {
    pub(super) fn of(&self, table: TableKind) -> u64 {
        self.held[table as usize].load(Ordering::Relaxed)
    }

    pub(super) fn total(&self) -> u64 {
        TableKind::ALL.into_iter().map(|table| self.of(table)).sum()
    }

    /// Adds a difference, which is negative where samples were packed.
    fn add(&self, table: TableKind, bytes: i64) {
        self.held[table as usize].fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// All that a table holds is being set aside; nothing is appended meanwhile.
    pub(super) fn freeze(&self, table: TableKind) {
        self.frozen[table as usize].store(self.of(table), Ordering::Relaxed);
    }

    /// What was set aside is in parts now.
    pub(super) fn release_frozen(&self, table: TableKind) {
        let frozen = self.frozen[table as usize].swap(0, Ordering::Relaxed);
        self.held[table as usize].fetch_sub(frozen, Ordering::Relaxed);
    }
}

/// The tables of one tenant.
#[derive(Debug, Default)]
pub(super) struct TenantTables {
    pub(super) spans: Mutex<SpanTable>,
    pub(super) logs: Mutex<LogTable>,
    pub(super) metrics: RwLock<MetricTable>,
}

/// The spans of one tenant. Behind one lock, so that a query sees each row once however a flush
/// stands.
#[derive(Debug, Default)]
pub(super) struct SpanTable {
    live: Live<SpanMemory>,
    /// Rows on their way into a part.
    pub(super) frozen: Vec<Arc<SpanMemory>>,
    /// In the order in which their rows were appended.
    pub(super) parts: Vec<Arc<SpanPart>>,
}

impl SpanTable {
    /// Sets everything in memory aside to be flushed. Nothing may be aside already.
    pub(super) fn freeze(&mut self) {
        assert!(self.frozen.is_empty(), "a table is frozen once until it is flushed");
        self.frozen = self.live.take();
    }

    /// Everything, to be queried.
    pub(super) fn snapshot(&mut self) -> traces::Snapshot {
        let mut memory = self.frozen.clone();
        memory.extend(self.live.batches());
        traces::Snapshot { parts: self.parts.clone(), memory }
    }

    /// Whether no row is in memory.
    fn is_empty(&self) -> bool {
        self.frozen.is_empty() && self.live.rows() == 0
    }

    fn add_figures(&mut self, stats: &mut TableStats) {
        let live = self.live.batches();
        for batch in self.frozen.iter().chain(&live) {
            stats.rows_in_memory += batch.rows.len() as u64;
            stats.widen(batch.min_ns, batch.max_ns);
        }
    }
}

/// The log records of one tenant. Behind one lock, as [`SpanTable`] is.
#[derive(Debug, Default)]
pub(super) struct LogTable {
    live: Live<LogBatch>,
    /// Rows on their way into a part.
    pub(super) frozen: Vec<Arc<LogBatch>>,
    /// In the order in which their rows were appended.
    pub(super) parts: Vec<Arc<LogPart>>,
    pub(super) tombstones: Vec<LogTombstone>,
}

/// A deletion that still hides something of parts.
#[derive(Debug, Clone)]
pub(super) struct LogTombstone {
    erasure: Erasure,
    /// Parts with smaller ids are meant.
    below: u64,
}

impl LogTombstone {
    /// The deletions of a tenant that the manifest names.
    pub(super) fn of_tenant(manifest: &Manifest, tenant: &TenantId) -> Result<Vec<Self>> {
        let entries = manifest.log_tombstones.iter();
        let of_tenant = entries.filter(|entry| entry.tenant == tenant.as_str());
        of_tenant.map(|entry| Ok(Self { erasure: entry.erasure()?, below: entry.below })).collect()
    }

    /// Whether it may hide something of a part.
    pub(super) fn applies(&self, part: &LogPart) -> bool {
        let figures = &part.figures;
        part.id < self.below && self.erasure.range.overlaps_closed(figures.min_ns, figures.max_ns)
    }
}

impl LogTable {
    /// Sets everything in memory aside to be flushed. Nothing may be aside already.
    pub(super) fn freeze(&mut self) {
        assert!(self.frozen.is_empty(), "a table is frozen once until it is flushed");
        self.frozen = self.live.take();
    }

    /// Everything, to be queried.
    pub(super) fn snapshot(&mut self) -> logs::Snapshot {
        let mut memory = self.frozen.clone();
        memory.extend(self.live.batches());
        logs::Snapshot {
            parts: self.parts.iter().map(|part| self.with_erased(part)).collect(),
            memory,
        }
    }

    /// A part, and what was deleted of it.
    pub(super) fn with_erased(&self, part: &Arc<LogPart>) -> (Arc<LogPart>, Arc<[Erasure]>) {
        let erased = self.tombstones.iter().filter(|tombstone| tombstone.applies(part));
        (Arc::clone(part), erased.map(|tombstone| tombstone.erasure.clone()).collect())
    }

    fn is_empty(&self) -> bool {
        self.frozen.is_empty() && self.live.rows() == 0
    }

    fn add_figures(&mut self, stats: &mut TableStats) {
        let live = self.live.batches();
        for batch in self.frozen.iter().chain(&live) {
            stats.rows_in_memory += batch.rows.len() as u64;
            stats.widen(batch.min_ns, batch.max_ns);
        }
    }
}

/// The metrics of one tenant.
#[derive(Debug, Default)]
pub(super) struct MetricTable {
    pub(super) head: Head,
    pub(super) frozen: Option<Frozen>,
    /// Id and part; what a later one says of a millisecond holds.
    pub(super) parts: Vec<(u64, metrics::Part)>,
    pub(super) tombstones: Vec<Tombstone>,
}

/// A deletion that still hides something of parts.
#[derive(Debug, Clone)]
pub(super) struct Tombstone {
    erasure: metrics::Erasure,
    /// Parts with smaller ids are meant.
    below: u64,
}

impl Tombstone {
    /// The deletions of a tenant that the manifest names.
    pub(super) fn of_tenant(manifest: &Manifest, tenant: &TenantId) -> Result<Vec<Self>> {
        let of_tenant = manifest.tombstones.iter().filter(|entry| entry.tenant == tenant.as_str());
        of_tenant
            .map(|entry| {
                let TombstoneEntry { start_ms, end_ms, below, .. } = *entry;
                let erasure = metrics::Erasure { matchers: entry.matchers()?, start_ms, end_ms };
                Ok(Self { erasure, below })
            })
            .collect()
    }

    /// Whether it may hide something of a part.
    pub(super) fn applies(&self, id: u64, part: &metrics::Part) -> bool {
        let figures = part.figures();
        id < self.below
            && self.erasure.start_ms <= figures.max_ms
            && figures.min_ms <= self.erasure.end_ms
    }
}

impl MetricTable {
    /// Everything, to be queried.
    pub(super) fn view(&self, horizon: &Horizon) -> View {
        let parts = self.masked_parts(horizon).into_iter().map(|(_, part)| part).collect();
        View::new(parts, self.frozen.as_slice(), &self.head, horizon)
    }

    /// The parts, and what is hidden of them.
    pub(super) fn masked_parts(&self, horizon: &Horizon) -> Vec<(u64, MaskedPart)> {
        let masked = |(id, part): &(u64, metrics::Part)| {
            let figures = part.figures();
            let erased = self.tombstones.iter().filter(|tombstone| tombstone.applies(*id, part));
            let erased = erased.map(|tombstone| tombstone.erasure.clone());
            (*id, (part.clone(), Mask::of(erased, horizon, (figures.min_ms, figures.max_ms))))
        };
        self.parts.iter().map(masked).collect()
    }

    fn is_empty(&self) -> bool {
        self.frozen.is_none() && self.head.is_empty()
    }
}

impl Tables {
    /// No tables; spans are known again while they are among the last so many.
    pub(super) fn new(resent_spans_max: usize) -> Self {
        Self {
            tenants: RwLock::default(),
            resent: ResentSpans::new(resent_spans_max),
            bytes: HeldBytes::default(),
        }
    }

    /// The tables of a tenant, if it has any.
    pub(super) fn tenant(&self, tenant: &TenantId) -> Option<Arc<TenantTables>> {
        self.tenants.read().get(tenant).cloned()
    }

    /// The tables of a tenant, made if need be.
    pub(super) fn tenant_or_new(&self, tenant: &TenantId) -> Arc<TenantTables> {
        if let Some(tables) = self.tenant(tenant) {
            return tables;
        }
        let mut tenants = self.tenants.write();
        Arc::clone(tenants.entry(tenant.clone()).or_default())
    }

    /// All tenants with their tables.
    pub(super) fn all(&self) -> Vec<(TenantId, Arc<TenantTables>)> {
        self.tenants.read().iter().map(|(id, tables)| (id.clone(), Arc::clone(tables))).collect()
    }

    /// Takes in spans that are durable, save those that are there already; says how many are.
    pub(super) fn append_spans(&self, tenant: &TenantId, rows: SpanColumns) -> Result<usize> {
        let all = rows.len();
        let kept = match self.resent.new_rows(tenant, &rows) {
            None => rows,
            Some(kept) => {
                let places: Vec<_> = kept.into_iter().map(|row| (0, row)).collect();
                gather(&[&rows], &places, &every)?
            }
        };
        let resent = all - kept.len();
        if !kept.is_empty() {
            let bytes = kept.byte_len();
            self.tenant_or_new(tenant).spans.lock().live.append(kept);
            self.bytes.add(TableKind::Spans, bytes as i64);
        }
        Ok(resent)
    }

    /// Takes in log records that are durable.
    pub(super) fn append_logs(&self, tenant: &TenantId, rows: LogColumns) {
        let bytes = rows.byte_len();
        self.tenant_or_new(tenant).logs.lock().live.append(rows);
        self.bytes.add(TableKind::Logs, bytes as i64);
    }

    /// Finds the series of a batch that is about to be logged. See [`Head::place`].
    pub(super) fn place(
        &self,
        tenant: &TenantId,
        batch: &mut MetricColumns,
        series_max: u64,
    ) -> Result<(Placed, Refused)> {
        self.tenant_or_new(tenant).metrics.read().head.place(batch, series_max)
    }

    /// Finds the series of a batch from the log. See [`Head::place_again`].
    pub(super) fn place_again(
        &self,
        tenant: &TenantId,
        batch: &MetricColumns,
        numbers: Vec<u64>,
    ) -> Result<Placed> {
        self.tenant_or_new(tenant).metrics.read().head.place_again(batch, numbers)
    }

    /// Takes in metrics that are durable.
    pub(super) fn append_metrics(&self, tenant: &TenantId, rows: &MetricColumns, placed: Placed) {
        let grown = self.tenant_or_new(tenant).metrics.read().head.append_placed(rows, placed);
        self.bytes.add(TableKind::Metrics, grown);
    }

    /// Whether a table holds no rows in memory, for any tenant.
    pub(super) fn is_empty(&self, kind: TableKind) -> bool {
        self.tenants.read().values().all(|tables| match kind {
            TableKind::Spans => tables.spans.lock().is_empty(),
            TableKind::Logs => tables.logs.lock().is_empty(),
            TableKind::Metrics => tables.metrics.read().is_empty(),
        })
    }

    pub(super) fn add_memory_figures(&self, stats: &mut StoreStats) {
        for kind in TableKind::ALL {
            kind.of(stats).bytes_in_memory = self.bytes.of(kind);
        }
        for tables in self.tenants.read().values() {
            tables.spans.lock().add_figures(&mut stats.spans);
            tables.logs.lock().add_figures(&mut stats.logs);
            let metrics = tables.metrics.read();
            let frozen = metrics.frozen.as_ref();
            stats.metrics.rows_in_memory +=
                metrics.head.samples() + frozen.map_or(0, Frozen::samples);
            stats.series_in_memory += metrics.head.series() + frozen.map_or(0, Frozen::series);
            let ranges = [metrics.head.time_range_ms(), frozen.and_then(Frozen::time_range_ms)];
            for (min_ms, max_ms) in ranges.into_iter().flatten() {
                let to_ns = |ms: i64| ms.saturating_mul(1_000_000);
                stats.metrics.widen(to_ns(min_ms), to_ns(max_ms));
            }
        }
    }
}
