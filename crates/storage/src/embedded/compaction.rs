//! Merging parts. Flushes leave small ones; parts of one day are merged as they gather, tier by tier, and once more when the day is over. What was deleted or is past its retention is
//! left out for good. One merge runs at a time, series by series, and gives way to flushes.
//!
//! Of two samples at one millisecond that of the later part holds, so the order of parts matters: a
//! merge takes the place of its last input, and skips no part that could contradict one of them. Of
//! spans it does not matter.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use watchkeep_model::{Result, TenantId};

use super::Inner;
use super::catalog::{DAY_NS, TableKind};
use super::flush::metric_figures;
use super::manifest::PartEntry;
use super::tables::Tombstone;
use crate::metrics::{self, MaskedPart};

/// How often it is looked whether something is to be merged, beside after each flush.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// How often it is looked for series past their retention in parts of days that are over.
const RETENTION_INTERVAL_NS: i64 = 3600 * 1_000_000_000;
/// Parts of like size that are merged while their day goes on.
const TIER: usize = 4;
/// Parts that are merged at once.
const INPUTS_MAX: usize = 8;
/// Samples of a merged part: what its index takes in memory while it is written is bounded by this.
const SAMPLES_MAX: u64 = 256 << 20;
/// Likewise spans: the ids of their traces are in memory while a part is written.
const SPANS_MAX: u64 = 16 << 20;
/// Parts smaller than this are of one size.
const SAMPLES_SMALL: u64 = 1 << 16;
/// After this a day is over: late samples have come.
const LATE_NS: i64 = 2 * 3600 * 1_000_000_000;

impl Inner {
    /// Starts the work, which ends when the engine is dropped.
    pub(super) fn start_compaction(inner: &Arc<Self>) {
        tokio::spawn(compaction_work(Arc::downgrade(inner), Arc::clone(&inner.compaction_wanted)));
    }

    /// Merges what is to be merged, and gives up where memory fills or the engine closes.
    pub(super) fn compact(&self) -> Result<()> {
        while !self.must_yield()
            && let Some((tenant, ids)) = self.next_merge(TableKind::Metrics)
        {
            self.merge(&tenant, &ids)?;
        }
        while !self.must_yield()
            && let Some((tenant, ids)) = self.next_merge(TableKind::Logs)
        {
            self.merge_logs(&tenant, &ids)?;
        }
        while !self.must_yield()
            && let Some((tenant, ids)) = self.next_merge(TableKind::Spans)
        {
            self.merge_spans(&tenant, &ids)?;
        }
        if self.is_time_to_expire(self.clock.now_ns()) {
            self.drop_expired_series()?;
            self.drop_expired_streams()
        } else {
            Ok(())
        }
    }

    pub(super) fn must_yield(&self) -> bool {
        self.is_closing() || self.tables.bytes.total() > self.config.memory_bytes_max / 2
    }

    fn next_merge(&self, table: TableKind) -> Option<(TenantId, Vec<u64>)> {
        let now_ns = self.clock.now_ns();
        self.tables.all().into_iter().find_map(|(tenant, _)| {
            let catalog = self.catalog.lock();
            let parts: Vec<&PartEntry> = catalog.manifest.parts_of(table, &tenant).collect();
            let ids = if table == TableKind::Spans {
                plan_spans(&parts, now_ns)?
            } else {
                plan(&parts, now_ns)?
            };
            Some((tenant, ids))
        })
    }

    /// Rewrites parts that have series whose every sample is past its retention.
    pub(super) fn drop_expired_series(&self) -> Result<()> {
        if self.config.metric_retention.is_empty() {
            return Ok(());
        }
        let horizon = self.horizon();
        for (tenant, tables) in self.tables.all() {
            let parts = tables.metrics.read().parts.clone();
            for (id, part) in parts {
                if self.must_yield() {
                    return Ok(());
                }
                if part.has_expired(&horizon)? {
                    self.merge(&tenant, &[id])?;
                }
            }
        }
        Ok(())
    }

    fn is_time_to_expire(&self, now_ns: i64) -> bool {
        let mut last_ns = self.expired_ns.lock();
        let due = now_ns.saturating_sub(*last_ns) >= RETENTION_INTERVAL_NS;
        if due {
            *last_ns = now_ns;
        }
        due
    }

    /// Rewrites every part from which something was deleted.
    pub(super) fn rewrite_erased(&self) -> Result<()> {
        for (tenant, tables) in self.tables.all() {
            let ids: Vec<u64> = {
                let metrics = tables.metrics.read();
                let erased = metrics.parts.iter().filter(|(id, part)| {
                    metrics.tombstones.iter().any(|tombstone| tombstone.applies(*id, part))
                });
                erased.map(|(id, _)| *id).collect()
            };
            for id in ids {
                self.merge(&tenant, &[id])?;
            }
        }
        Ok(())
    }

    /// Writes one part in the place of some. Where one of them has gone meanwhile, nothing changes.
    fn merge(&self, tenant: &TenantId, ids: &[u64]) -> Result<()> {
        let _one_at_a_time = self.merging.lock();
        let Some(tables) = self.tables.tenant(tenant) else { return Ok(()) };
        // The id is given out before the deletions are looked at: those that come later apply to
        // it then.
        let (id, directory) = self.catalog.lock().new_part(TableKind::Metrics, tenant);
        let inputs: Vec<MaskedPart> = {
            let metrics = tables.metrics.read();
            let mut masked = metrics.masked_parts(&self.horizon());
            masked.retain(|(id, _)| ids.contains(id));
            masked.into_iter().map(|(_, part)| part).collect()
        };
        if inputs.len() < ids.len() {
            return Ok(());
        }
        let timer = self.counters.compaction_seconds.start_timer();
        let outcome = crate::directory::create(&self.config.data_dir, &directory)
            .and_then(|()| metrics::merge_parts(&inputs, &directory, &|| self.is_closing()))
            .and_then(|figures| crate::directory::sync(&directory).map(|()| figures))
            .and_then(|figures| {
                let Some(figures) = figures else { return Ok(false) };
                let entry = PartEntry {
                    id,
                    table: TableKind::Metrics,
                    tenant: tenant.as_str().to_owned(),
                    figures: metric_figures(&figures),
                };
                self.replace(tenant, ids, (figures.series > 0).then_some(&entry))
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
    fn replace(&self, tenant: &TenantId, ids: &[u64], merged: Option<&PartEntry>) -> Result<bool> {
        let mut catalog = self.catalog.lock();
        let mut manifest = catalog.manifest.clone();
        let is_input = |entry: &PartEntry| {
            entry.table == TableKind::Metrics
                && entry.tenant == tenant.as_str()
                && ids.contains(&entry.id)
        };
        if manifest.parts.iter().filter(|entry| is_input(entry)).count() < ids.len() {
            return Ok(false);
        }
        let Some(tables) = self.tables.tenant(tenant) else { return Ok(false) };
        let opened = merged
            .map(|entry| {
                let directory = catalog.directory(TableKind::Metrics, &entry.tenant, entry.id);
                metrics::Part::open(&directory, &catalog.metrics_cache)
            })
            .transpose()?;
        if let (Some(last), Some(entry)) = (manifest.parts.iter().rposition(is_input), merged) {
            manifest.parts.insert(last + 1, entry.clone());
        }
        manifest.parts.retain(|entry| !is_input(entry));
        manifest.drop_idle_tombstones();
        self.manifest.write(&manifest)?;
        catalog.manifest = manifest;
        {
            let mut metrics = tables.metrics.write();
            let last = metrics.parts.iter().rposition(|(id, _)| ids.contains(id));
            if let (Some(last), Some(entry), Some(part)) = (last, merged, opened) {
                metrics.parts.insert(last + 1, (entry.id, part));
            }
            metrics.parts.retain(|(id, _)| !ids.contains(id));
            metrics.tombstones = Tombstone::of_tenant(&catalog.manifest, tenant)?;
        }
        for id in ids {
            // Queries under way have the file open.
            remove(&catalog.directory(TableKind::Metrics, tenant.as_str(), *id));
        }
        Ok(true)
    }
}

pub(super) fn remove(directory: &Path) {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(%error, part = %directory.display(), "cannot remove a part");
        }
        _ => {}
    }
}

async fn compaction_work(engine: Weak<Inner>, wanted: Arc<Notify>) {
    loop {
        // Nothing is held while waiting, so that the engine closes when its last user lets go.
        let _due_or_asked = tokio::time::timeout(LOOK_INTERVAL, wanted.notified()).await;
        let Some(inner) = engine.upgrade() else { return };
        let outcome = tokio::task::spawn_blocking(move || inner.compact()).await;
        if let Ok(Err(error)) = outcome {
            tracing::error!(error = %error.report(), "cannot merge parts; will try again");
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

/// The parts of one tenant, in order, that are to be merged next.
fn plan(parts: &[&PartEntry], now_ns: i64) -> Option<Vec<u64>> {
    let mut days: Vec<Option<i64>> = parts.iter().map(|part| day_of(part)).collect();
    days.sort_unstable();
    days.dedup();
    days.into_iter().find_map(|day| {
        let over = day.is_none_or(|day| is_over(day, now_ns));
        let chosen =
            runs(parts, day).into_iter().find_map(|run| choose(&run, over, SAMPLES_MAX))?;
        Some(chosen.iter().map(|part| part.id).collect())
    })
}

/// As [`plan`], of spans: the first trace of a part says on which day all of its traces start, and
/// no part contradicts another.
fn plan_spans(parts: &[&PartEntry], now_ns: i64) -> Option<Vec<u64>> {
    let mut days: BTreeMap<i64, Vec<&PartEntry>> = BTreeMap::new();
    for part in parts {
        days.entry(part.figures.min_ns.div_euclid(DAY_NS)).or_default().push(part);
    }
    days.into_iter().find_map(|(day, run)| {
        let chosen = choose(&run, is_over(day, now_ns), SPANS_MAX)?;
        Some(chosen.iter().map(|part| part.id).collect())
    })
}

fn is_over(day: i64, now_ns: i64) -> bool {
    (day + 1).saturating_mul(DAY_NS).saturating_add(LATE_NS) < now_ns
}

/// The UTC day that a part falls into; `None` for one that falls into several.
fn day_of(part: &PartEntry) -> Option<i64> {
    let day = part.figures.min_ns.div_euclid(DAY_NS);
    (part.figures.max_ns.div_euclid(DAY_NS) == day).then_some(day)
}

/// Parts of a day, cut where another part lies between them that has times of theirs.
fn runs<'a>(parts: &[&'a PartEntry], day: Option<i64>) -> Vec<Vec<&'a PartEntry>> {
    let mut runs: Vec<Vec<&PartEntry>> = vec![Vec::new()];
    for part in parts {
        if day_of(part) == day {
            if let Some(run) = runs.last_mut() {
                run.push(part);
            }
        } else {
            let between = day.is_none_or(|day| {
                let start_ns = day.saturating_mul(DAY_NS);
                part.figures.min_ns < start_ns.saturating_add(DAY_NS)
                    && start_ns <= part.figures.max_ns
            });
            if between {
                runs.push(Vec::new());
            }
        }
    }
    runs
}

/// What is to be merged of a run. While a day goes on, the newest parts wait until several are
/// there of about one size; so each sample is merged a few times only.
fn choose<'a>(run: &[&'a PartEntry], over: bool, rows_max: u64) -> Option<Vec<&'a PartEntry>> {
    if over {
        let mut chosen: Vec<&PartEntry> = Vec::new();
        for part in run {
            let rows: u64 = chosen.iter().map(|part| part.figures.rows).sum();
            if rows + part.figures.rows > rows_max {
                if chosen.len() > 1 {
                    break;
                }
                chosen.clear();
            }
            chosen.push(part);
            if chosen.len() == INPUTS_MAX {
                break;
            }
        }
        return (chosen.len() > 1).then_some(chosen);
    }
    let size = |part: &PartEntry| part.figures.rows.max(SAMPLES_SMALL);
    (0..run.len().saturating_sub(TIER - 1)).rev().find_map(|start| {
        let tier = &run[start..start + TIER];
        let largest = tier.iter().map(|part| size(part)).max()?;
        let all: u64 = tier.iter().map(|part| part.figures.rows).sum();
        // None is larger than the others together: merging is worth its cost.
        let balanced = largest <= tier.iter().map(|part| size(part)).sum::<u64>() - largest;
        (balanced && all <= rows_max).then(|| tier.to_vec())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::part_file::PartFigures;

    fn part(id: u64, days: (i64, i64), rows: u64) -> PartEntry {
        let (min_ns, max_ns) = (days.0 * DAY_NS + 5, days.1 * DAY_NS + 10);
        let figures = PartFigures { min_ns, max_ns, rows, bytes: rows };
        PartEntry { id, table: TableKind::Metrics, tenant: "t".to_owned(), figures }
    }

    fn planned(parts: &[PartEntry], now_ns: i64) -> Option<Vec<u64>> {
        plan(&parts.iter().collect::<Vec<_>>(), now_ns)
    }

    #[test]
    fn like_parts_of_a_day_are_merged_when_enough_have_gathered() {
        let now_ns = DAY_NS / 2;
        let small: Vec<_> = (0..4).map(|id| part(id, (0, 0), 1000)).collect();
        assert_eq!(planned(&small[..3], now_ns), None);
        assert_eq!(planned(&small, now_ns), Some(vec![0, 1, 2, 3]));
        let mut uneven = vec![part(9, (0, 0), 4_000_000)];
        uneven.extend(small[..3].iter().cloned());
        assert_eq!(planned(&uneven, now_ns), None, "a large part is not rewritten for small ones");
    }

    #[test]
    fn a_day_that_is_over_becomes_one_part() {
        let parts = [part(1, (0, 0), 5_000_000), part(2, (1, 1), 10), part(3, (0, 0), 10)];
        assert_eq!(planned(&parts, DAY_NS), None, "late samples may come");
        assert_eq!(planned(&parts, DAY_NS + LATE_NS + 1), Some(vec![1, 3]));
        let between = [parts[0].clone(), part(2, (0, 1), 10), parts[2].clone()];
        assert_eq!(planned(&between, DAY_NS * 3), None, "its samples hold against part 1");
    }

    proptest! {
        #[test]
        fn merging_ends_and_leaves_few_parts(
            sizes in prop::collection::vec((0_i64..3, 1_u64..3_000_000), 0..120),
        ) {
            let mut parts: Vec<PartEntry> = Vec::new();
            let mut merged = 0;
            let mut next = 0;
            for (day, rows) in sizes.iter().copied().chain([(9, 1)]) {
                parts.push(part(next, (day, day), rows));
                next += 1;
                let now_ns = if day == 9 { 9 * DAY_NS } else { 0 };
                while let Some(ids) = planned(&parts, now_ns) {
                    prop_assert!(ids.len() > 1);
                    let of = |part: &PartEntry| ids.contains(&part.id);
                    let rows = parts.iter().filter(|p| of(p)).map(|p| p.figures.rows).sum();
                    let last = parts.iter().rposition(of).unwrap();
                    let day = day_of(&parts[last]).unwrap();
                    merged += rows;
                    parts.insert(last + 1, part(next, (day, day), rows));
                    next += 1;
                    parts.retain(|part| !of(part));
                }
            }
            prop_assert!(parts.len() <= 4, "{} parts are left", parts.len());
            let all: u64 = sizes.iter().map(|(_, rows)| rows.max(&SAMPLES_SMALL)).sum();
            prop_assert!(merged <= all * 12, "{merged} samples merged of {all}");
        }
    }
}
