//! What is on disk: the manifest's contents, where a part's directory is, and figures about parts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use watchkeep_model::error::IoContext;
use watchkeep_model::{Result, TenantId};

use super::config::StorageConfig;
use super::manifest::{Manifest, PartEntry};
use crate::metrics::FrameCache;
use crate::seam::{StoreStats, TableStats};
use crate::traces::SpanCache;

/// A UTC day, into which parts are cut.
pub(super) const DAY_NS: i64 = 24 * 3600 * 1_000_000_000;

/// A table of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TableKind {
    Spans,
    Logs,
    Metrics,
}

impl TableKind {
    pub(super) const ALL: [Self; 3] = [Self::Spans, Self::Logs, Self::Metrics];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Spans => "spans",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
        }
    }

    /// The figures of this table among those of all.
    pub(super) fn of(self, stats: &mut StoreStats) -> &mut TableStats {
        match self {
            Self::Spans => &mut stats.spans,
            Self::Logs => &mut stats.logs,
            Self::Metrics => &mut stats.metrics,
        }
    }
}

/// The manifest in memory, and the directory that it is about.
#[derive(Debug)]
pub(super) struct Catalog {
    pub(super) manifest: Manifest,
    /// What was read of parts of metrics lately.
    pub(super) metrics_cache: Arc<FrameCache>,
    /// What was read of parts of spans lately.
    pub(super) spans_cache: Arc<SpanCache>,
    root: PathBuf,
}

impl Catalog {
    pub(super) fn new(config: &StorageConfig, manifest: Manifest) -> Self {
        let metrics_cache = FrameCache::new("metrics", config.metrics_cache_bytes_max);
        let spans_cache = SpanCache::new("spans", config.spans_cache_bytes_max);
        Self { manifest, metrics_cache, spans_cache, root: parts_root(&config.data_dir) }
    }

    /// The directory of a part: `parts/TABLE/TENANT/ID`.
    pub(super) fn directory(&self, table: TableKind, tenant: &str, id: u64) -> PathBuf {
        self.root.join(table.as_str()).join(tenant).join(format!("{id:016x}"))
    }

    /// Gives out the directory of a new part, with its id.
    pub(super) fn new_part(&mut self, table: TableKind, tenant: &TenantId) -> (u64, PathBuf) {
        let id = self.manifest.next_part;
        self.manifest.next_part += 1;
        (id, self.directory(table, tenant.as_str(), id))
    }

    pub(super) fn add_part_figures(&self, stats: &mut StoreStats) {
        for PartEntry { table, figures, .. } in &self.manifest.parts {
            let table = table.of(stats);
            table.parts += 1;
            table.rows_on_disk += figures.rows;
            table.bytes_on_disk += figures.bytes;
            table.widen(figures.min_ns, figures.max_ns);
        }
    }

    /// Removes directories of parts that the manifest does not know: the remains of a flush or a
    /// removal that a stop interrupted.
    pub(super) fn remove_strays(&self) -> Result<()> {
        let known: std::collections::HashSet<PathBuf> = self
            .manifest
            .parts
            .iter()
            .map(|part| self.directory(part.table, &part.tenant, part.id))
            .collect();
        for table in TableKind::ALL {
            for tenant in children(&self.root.join(table.as_str()))? {
                for part in children(&tenant)? {
                    if !known.contains(&part) {
                        tracing::info!(part = %part.display(), "removing an unfinished part");
                        std::fs::remove_dir_all(&part)
                            .context(|| format!("cannot remove {}", part.display()))?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// The directory that holds all parts.
pub(super) fn parts_root(data_dir: &Path) -> PathBuf {
    data_dir.join("parts")
}

fn children(directory: &Path) -> Result<Vec<PathBuf>> {
    let failed = || format!("cannot list {}", directory.display());
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).context(failed),
    };
    entries.map(|entry| Ok(entry.context(failed)?.path())).collect()
}

impl TableStats {
    /// Widens the range of instants held.
    pub(super) fn widen(&mut self, min_ns: i64, max_ns: i64) {
        self.oldest_ns = Some(self.oldest_ns.map_or(min_ns, |oldest| oldest.min(min_ns)));
        self.newest_ns = Some(self.newest_ns.map_or(max_ns, |newest| newest.max(max_ns)));
    }
}
