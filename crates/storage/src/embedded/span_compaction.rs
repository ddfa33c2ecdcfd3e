//! Merging parts of spans, which puts traces together that several flushes cut.

use std::sync::Arc;

use watchkeep_model::{Result, TenantId};

use super::Inner;
use super::catalog::TableKind;
use super::compaction::remove;
use super::manifest::PartEntry;
use crate::traces::{self, SpanPart};

impl Inner {
    /// Writes one part in the place of some. Where one of them has gone meanwhile, nothing changes.
    pub(super) fn merge_spans(&self, tenant: &TenantId, ids: &[u64]) -> Result<()> {
        let _one_at_a_time = self.merging.lock();
        let Some(tables) = self.tables.tenant(tenant) else { return Ok(()) };
        let (id, directory) = self.catalog.lock().new_part(TableKind::Spans, tenant);
        let mut inputs: Vec<Arc<SpanPart>> = tables.spans.lock().parts.clone();
        inputs.retain(|part| ids.contains(&part.id));
        if inputs.len() < ids.len() {
            return Ok(());
        }
        let timer = self.counters.compaction_seconds.start_timer();
        let must_stop = || self.is_closing();
        let outcome = crate::directory::create(&self.config.data_dir, &directory)
            .and_then(|()| traces::merge(&inputs, (id, &directory), &must_stop))
            .and_then(|figures| crate::directory::sync(&directory).map(|()| figures))
            .and_then(|figures| {
                let Some(figures) = figures else { return Ok(false) };
                let tenant_name = tenant.as_str().to_owned();
                let entry = PartEntry { id, table: TableKind::Spans, tenant: tenant_name, figures };
                self.replace_spans(tenant, ids, &entry)
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
    /// where one of them is gone.
    fn replace_spans(&self, tenant: &TenantId, ids: &[u64], merged: &PartEntry) -> Result<bool> {
        let mut catalog = self.catalog.lock();
        let mut manifest = catalog.manifest.clone();
        let is_input = |entry: &PartEntry| {
            entry.table == TableKind::Spans
                && entry.tenant == tenant.as_str()
                && ids.contains(&entry.id)
        };
        if manifest.parts.iter().filter(|entry| is_input(entry)).count() < ids.len() {
            return Ok(false);
        }
        let Some(tables) = self.tables.tenant(tenant) else { return Ok(false) };
        let Some(last) = manifest.parts.iter().rposition(is_input) else { return Ok(false) };
        manifest.parts.insert(last + 1, merged.clone());
        manifest.parts.retain(|entry| !is_input(entry));
        self.manifest.write(&manifest)?;
        catalog.manifest = manifest;
        let mut spans = tables.spans.lock();
        if let Some(last) = spans.parts.iter().rposition(|part| ids.contains(&part.id)) {
            let directory = catalog.directory(TableKind::Spans, &merged.tenant, merged.id);
            let part = SpanPart::new(merged.id, directory, merged.figures, &catalog.spans_cache);
            spans.parts.insert(last + 1, Arc::new(part));
        }
        for input in spans.parts.extract_if(.., |part| ids.contains(&part.id)) {
            input.make_obsolete();
        }
        Ok(true)
    }
}
