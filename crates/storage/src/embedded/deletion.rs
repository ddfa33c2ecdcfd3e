//! Deleting series and log records, and snapshots. A deletion first moves what is in memory to parts, so that the
//! log can not bring it back; then a tombstone in the manifest hides it from every query, until the
//! parts are rewritten.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use watchkeep_model::error::IoContext;
use watchkeep_model::{Error, ErrorKind, Matcher, Result, TenantId};

use super::Inner;
use super::catalog::TableKind;
use super::log_tombstone::LogTombstoneEntry;
use super::manifest::{Flushed, Manifest, ManifestFile, TombstoneEntry};
use super::tables::{LogTombstone, Tombstone};
use crate::logs::Erasure;
use crate::seam::LogDeletion;

/// Deletions that may wait for their parts to be rewritten; beyond it they are rewritten at once.
const TOMBSTONES_MAX: usize = 256;

impl Inner {
    pub(super) async fn delete_series(
        self: &Arc<Self>,
        tenant: &TenantId,
        matchers: Vec<Matcher>,
        (start_ms, end_ms): (i64, i64),
    ) -> Result<()> {
        if matchers.is_empty() {
            return Err(Error::invalid("a deletion needs a matcher"));
        }
        self.flush(&[TableKind::Metrics]).await?;
        // While this is held no part of metrics is being written: every part that comes later
        // holds what was appended later.
        let flushing = self.flush.lock().await;
        let (inner, tenant) = (Arc::clone(self), tenant.clone());
        let waiting = on_a_thread(move || {
            let mut catalog = inner.catalog.lock();
            let mut manifest = catalog.manifest.clone();
            let below = manifest.next_part;
            manifest.tombstones.push(TombstoneEntry::new(
                &tenant,
                &matchers,
                (start_ms, end_ms),
                below,
            ));
            manifest.drop_idle_tombstones();
            inner.manifest.write(&manifest)?;
            catalog.manifest = manifest;
            if let Some(tables) = inner.tables.tenant(&tenant) {
                let mut metrics = tables.metrics.write();
                metrics.tombstones = Tombstone::of_tenant(&catalog.manifest, &tenant)?;
            }
            inner.counters.deletions.inc();
            Ok(catalog.manifest.tombstones.len())
        })
        .await?;
        drop(flushing);
        if waiting > TOMBSTONES_MAX { self.clean_tombstones().await } else { Ok(()) }
    }

    pub(super) async fn delete_logs(
        self: &Arc<Self>,
        tenant: &TenantId,
        deletion: LogDeletion,
    ) -> Result<()> {
        let erasure = Erasure::new(deletion)?;
        self.flush(&[TableKind::Logs]).await?;
        // As above: every part of logs that comes later holds what was appended later.
        let flushing = self.flush.lock().await;
        let (inner, tenant) = (Arc::clone(self), tenant.clone());
        let waiting = on_a_thread(move || {
            let mut catalog = inner.catalog.lock();
            let mut manifest = catalog.manifest.clone();
            let below = manifest.next_part;
            manifest.log_tombstones.push(LogTombstoneEntry::new(&tenant, &erasure, below)?);
            manifest.drop_idle_tombstones();
            inner.manifest.write(&manifest)?;
            catalog.manifest = manifest;
            if let Some(tables) = inner.tables.tenant(&tenant) {
                let mut logs = tables.logs.lock();
                logs.tombstones = LogTombstone::of_tenant(&catalog.manifest, &tenant)?;
            }
            inner.counters.deletions.inc();
            Ok(catalog.manifest.log_tombstones.len())
        })
        .await?;
        drop(flushing);
        if waiting > TOMBSTONES_MAX { self.clean_tombstones().await } else { Ok(()) }
    }

    pub(super) async fn clean_tombstones(self: &Arc<Self>) -> Result<()> {
        let inner = Arc::clone(self);
        on_a_thread(move || {
            inner.rewrite_erased()?;
            inner.rewrite_erased_logs()
        })
        .await
    }

    /// Links everything on disk into a directory that an engine can open as its own.
    pub(super) async fn snapshot(self: &Arc<Self>) -> Result<PathBuf> {
        self.flush(&TableKind::ALL).await?;
        let inner = Arc::clone(self);
        on_a_thread(move || inner.link_parts()).await
    }

    fn link_parts(&self) -> Result<PathBuf> {
        // Held so that no part is removed while it is linked.
        let mut catalog = self.catalog.lock();
        let name = format!("{:020}-{:x}", self.clock.now_ns(), catalog.manifest.next_part);
        catalog.manifest.next_part += 1;
        let root = self.config.data_dir.join("snapshots").join(name);
        let link = || -> Result<()> {
            crate::directory::create(&self.config.data_dir, &root)?;
            for entry in &catalog.manifest.parts {
                let part = catalog.directory(entry.table, &entry.tenant, entry.id);
                let below = part.strip_prefix(&self.config.data_dir).map_err(|error| {
                    Error::internal("a part lies outside of the data directory").with_source(error)
                })?;
                link_directory(&part, &root.join(below), &root)?;
            }
            // The copy has a log of its own, which is empty.
            let manifest = Manifest { flushed: Flushed::default(), ..catalog.manifest.clone() };
            ManifestFile::new(&root).write(&manifest)
        };
        if let Err(error) = link() {
            if let Err(error) = std::fs::remove_dir_all(&root) {
                tracing::warn!(%error, snapshot = %root.display(), "cannot remove a snapshot");
            }
            return Err(error);
        }
        Ok(root)
    }
}

fn link_directory(from: &Path, to: &Path, root: &Path) -> Result<()> {
    let failed = || format!("cannot link {} into a snapshot", from.display());
    std::fs::create_dir_all(to).context(failed)?;
    for file in std::fs::read_dir(from).context(failed)? {
        let file = file.context(failed)?;
        std::fs::hard_link(file.path(), to.join(file.file_name())).context(failed)?;
    }
    to.ancestors().take_while(|at| at.starts_with(root)).try_for_each(crate::directory::sync)
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        Error::new(ErrorKind::Internal, "work on the store broke off").with_source(error)
    })?
}
