//! Merging parts of log records, and rewriting those of which something was deleted or is past its
//! retention. Which parts are merged is planned as for metrics.

use std::sync::Arc;

use watchkeep_model::{Result, TenantId};

use super::Inner;
use super::catalog::TableKind;
use super::compaction::remove;
use super::manifest::PartEntry;
use super::tables::LogTombstone;
use crate::logs::{self, LogPart, MergeInput};

impl Inner {
    /// Rewrites parts that have records past their retention.
    pub(super) fn drop_expired_streams(&self) -> Result<()> {
        if self.config.log_retention.is_empty() {
            return Ok(());
        }
        let horizon = self.log_horizon();
        for (tenant, tables) in self.tables.all() {
            let parts = tables.logs.lock().parts.clone();
            for part in parts {
                if self.must_yield() {
                    return Ok(());
                }
                if horizon.has_expired(&part)? {
                    self.merge_logs(&tenant, &[part.id])?;
                }
            }
        }
        Ok(())
    }

    /// Rewrites every part from which log records were deleted.
    pub(super) fn rewrite_erased_logs(&self) -> Result<()> {
        for (tenant, tables) in self.tables.all() {
            let ids: Vec<u64> = {
                let logs = tables.logs.lock();
                let is_erased = |part: &&Arc<LogPart>| {
                    logs.tombstones.iter().any(|tombstone| tombstone.applies(part))
                };
                logs.parts.iter().filter(is_erased).map(|part| part.id).collect()
            };
            for id in ids {
                self.merge_logs(&tenant, &[id])?;
            }
        }
        Ok(())
    }

    /// Writes one part in the place of some. Where one of them has gone meanwhile, nothing changes.
    pub(super) fn merge_logs(&self, tenant: &TenantId, ids: &[u64]) -> Result<()> {
        let _one_at_a_time = self.merging.lock();
        let Some(tables) = self.tables.tenant(tenant) else { return Ok(()) };
        // The id is given out before the deletions are looked at: those that come later apply to
        // it then.
        let (id, directory) = self.catalog.lock().new_part(TableKind::Logs, tenant);
        let inputs: Vec<MergeInput> = {
            let logs = tables.logs.lock();
            let inputs = logs.parts.iter().filter(|part| ids.contains(&part.id));
            inputs.map(|part| logs.with_erased(part)).collect()
        };
        if inputs.len() < ids.len() {
            return Ok(());
        }
        let timer = self.counters.compaction_seconds.start_timer();
        let must_stop = || self.is_closing();
        let outcome = crate::directory::create(&self.config.data_dir, &directory)
            .and_then(|()| logs::merge(&inputs, &self.log_horizon(), (id, &directory), &must_stop))
            .and_then(|figures| crate::directory::sync(&directory).map(|()| figures))
            .and_then(|figures| {
                let Some(figures) = figures else { return Ok(false) };
                let tenant_name = tenant.as_str().to_owned();
                let entry = PartEntry { id, table: TableKind::Logs, tenant: tenant_name, figures };
                if figures.rows == 0 {
                    remove(&directory);
                }
                self.replace_logs(tenant, ids, (figures.rows > 0).then_some(&entry))
            });
        match outcome {
            Ok(true) => {
                timer.observe_duration();
                self.counters.compactions.inc();
                self.counters.parts_compacted.inc_by(ids.len() as u64);
                Ok(())
            }
            other => {
                timer.stop_and_discard();
                remove(&directory);
                other.map(drop).inspect_err(|_| self.counters.compaction_failures.inc())
            }
        }
    }

    /// Puts a merged part in the place of the last of its inputs, on disk and for queries; false
    /// where one of them is gone. `None` takes them away.
    fn replace_logs(
        &self,
        tenant: &TenantId,
        ids: &[u64],
        merged: Option<&PartEntry>,
    ) -> Result<bool> {
        let mut catalog = self.catalog.lock();
        let mut manifest = catalog.manifest.clone();
        let is_input = |entry: &PartEntry| {
            entry.table == TableKind::Logs
                && entry.tenant == tenant.as_str()
                && ids.contains(&entry.id)
        };
        if manifest.parts.iter().filter(|entry| is_input(entry)).count() < ids.len() {
            return Ok(false);
        }
        let Some(tables) = self.tables.tenant(tenant) else { return Ok(false) };
        if let (Some(last), Some(entry)) = (manifest.parts.iter().rposition(is_input), merged) {
            manifest.parts.insert(last + 1, entry.clone());
        }
        manifest.parts.retain(|entry| !is_input(entry));
        manifest.drop_idle_tombstones();
        self.manifest.write(&manifest)?;
        catalog.manifest = manifest;
        let mut logs = tables.logs.lock();
        let last = logs.parts.iter().rposition(|part| ids.contains(&part.id));
        if let (Some(last), Some(entry)) = (last, merged) {
            let directory = catalog.directory(TableKind::Logs, &entry.tenant, entry.id);
            let part = LogPart::new(entry.id, directory, entry.figures);
            logs.parts.insert(last + 1, Arc::new(part));
        }
        for input in logs.parts.extract_if(.., |part| ids.contains(&part.id)) {
            input.make_obsolete();
        }
        logs.tombstones = LogTombstone::of_tenant(&catalog.manifest, tenant)?;
        Ok(true)
    }
}
