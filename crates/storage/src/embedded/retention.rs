//! Background work: flushes that are due, and the removal of parts that need not be kept.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use watchkeep_model::{Result, TenantId};

use super::Inner;
use super::catalog::TableKind;
use super::manifest::PartEntry;

/// How often it is looked whether something is due.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

impl Inner {
    /// Starts the work, which ends when the engine is dropped.
    pub(super) fn start_background_work(inner: &Arc<Self>) {
        tokio::spawn(background_work(Arc::downgrade(inner), Arc::clone(&inner.flush_wanted)));
    }

    /// Tables that are due to be flushed: full, old, or keeping the log long.
    async fn due(&self) -> Vec<TableKind> {
        let memory_is_full = self.tables.bytes.total() > self.config.memory_bytes_max;
        if memory_is_full || self.wal().bytes() >= self.config.wal_bytes_max {
            return TableKind::ALL.to_vec();
        }
        let mut state = self.flush.lock().await;
        let now_ns = self.clock.now_ns();
        let oldest_ns = now_ns.saturating_sub(nanoseconds(self.config.flush_interval));
        TableKind::ALL
            .into_iter()
            .filter(|kind| {
                let since_ns = *state.since_ns.entry(*kind).or_insert(now_ns);
                let held = self.tables.bytes.of(*kind);
                held >= self.config.bytes_max(*kind) || held > 0 && since_ns < oldest_ns
            })
            .collect()
    }

    /// Removes parts past their age, then the oldest while all together are too large.
    pub(super) fn enforce_retention(&self) -> Result<()> {
        let retention = self.config.retention;
        let metrics_age_max = self.metrics_age_max();
        let logs_age_max = self.logs_age_max();
        let mut catalog = self.catalog.lock();
        let mut manifest = catalog.manifest.clone();
        let mut removed: Vec<PartEntry> = Vec::new();
        let now_ns = self.clock.now_ns();
        let is_past = |part: &mut PartEntry| {
            let age_max = match part.table {
                TableKind::Spans => retention.age_max,
                TableKind::Logs => logs_age_max,
                TableKind::Metrics => metrics_age_max,
            };
            let limit_ns = age_max.map(|age| now_ns.saturating_sub(nanoseconds(age)));
            limit_ns.is_some_and(|limit_ns| part.figures.max_ns < limit_ns)
        };
        removed.extend(manifest.parts.extract_if(.., is_past));
        if let Some(bytes_max) = retention.bytes_max {
            let mut bytes: u64 = manifest.parts.iter().map(|part| part.figures.bytes).sum();
            while bytes > bytes_max
                && let Some(oldest) = (0..manifest.parts.len())
                    .min_by_key(|at| (manifest.parts[*at].figures.max_ns, manifest.parts[*at].id))
            {
                let part = manifest.parts.remove(oldest);
                bytes -= part.figures.bytes;
                removed.push(part);
            }
        }
        if removed.is_empty() {
            return Ok(());
        }
        manifest.drop_idle_tombstones();
        self.manifest.write(&manifest)?;
        catalog.manifest = manifest;
        for part in &removed {
            self.hide(part)?;
            if part.table == TableKind::Metrics {
                // An open part of metrics holds its files open.
                let directory = catalog.directory(part.table, &part.tenant, part.id);
                if let Err(error) = std::fs::remove_dir_all(&directory) {
                    tracing::warn!(%error, part = %directory.display(), "cannot remove a part");
                }
            }
            self.counters.parts_removed.inc();
        }
        tracing::info!(parts = removed.len(), "retention removed parts");
        Ok(())
    }

    /// The age at which no series of a part of metrics is kept any more; `None` for never.
    fn metrics_age_max(&self) -> Option<Duration> {
        let rules = self.config.metric_retention.iter().map(|rule| rule.age_max);
        rules
            .chain([self.config.retention.age_max])
            .try_fold(Duration::ZERO, |most, age| age.map(|age| most.max(age)))
    }

    /// The age at which no stream of a part of logs is kept any more; `None` for never.
    fn logs_age_max(&self) -> Option<Duration> {
        let rules = self.config.log_retention.iter().map(|rule| rule.age_max);
        rules
            .chain([self.config.retention.age_max])
            .try_fold(Duration::ZERO, |most, age| age.map(|age| most.max(age)))
    }

    /// Takes a part out of the sight of queries that begin now.
    fn hide(&self, part: &PartEntry) -> Result<()> {
        let Some(tables) = self.tables.tenant(&TenantId::new(&part.tenant)?) else { return Ok(()) };
        match part.table {
            TableKind::Spans => {
                let mut spans = tables.spans.lock();
                for hidden in spans.parts.extract_if(.., |other| other.id == part.id) {
                    hidden.make_obsolete();
                }
            }
            TableKind::Logs => {
                let mut logs = tables.logs.lock();
                for hidden in logs.parts.extract_if(.., |other| other.id == part.id) {
                    hidden.make_obsolete();
                }
            }
            TableKind::Metrics => tables.metrics.write().parts.retain(|(id, _)| *id != part.id),
        }
        Ok(())
    }
}

async fn background_work(engine: Weak<Inner>, flush_wanted: Arc<Notify>) {
    loop {
        // Nothing is held while waiting, so that the engine closes when its last user lets go.
        let _due_or_asked = tokio::time::timeout(LOOK_INTERVAL, flush_wanted.notified()).await;
        let Some(inner) = engine.upgrade() else { return };
        let due = inner.due().await;
        let failed = !due.is_empty() && inner.flush(&due).await.is_err();
        let kept = tokio::task::spawn_blocking(move || inner.enforce_retention()).await;
        if let Ok(Err(error)) = kept {
            tracing::error!(error = %error.report(), "cannot enforce retention");
        }
        if failed {
            // Said in the log already. A full disk is not mended by trying at once.
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
