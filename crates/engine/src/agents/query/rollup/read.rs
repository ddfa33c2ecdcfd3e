//! Reading the ledger into chunks.

use std::sync::Arc;

use hashbrown::HashMap;
use watchkeep_model::{Error, ErrorKind, Result, TenantId, TimeRange};
use watchkeep_storage::Store;

use super::build::{MainAgents, RunBuilder, RunLine, StepBuilder};
use super::cache::{Chunk, Record, Rollups};
use super::{Detail, RunChunk, StepChunk};
use crate::agents::facts::{Entry, Fact, RunFact, StepFact};
use crate::agents::ledger::{LedgerQuery, Row, parse, rows, stopped};
use crate::agents::query::grid::HOUR_NS;
use crate::blocking::Watch;

/// Chunks that are read in one go, where none is in the cache.
const CHUNKS_AT_ONCE: usize = 6;
/// The most steps or runs that are looked at in one go.
const FACTS_MAX: usize = 2_000_000;
/// Reads the ledger of a tenant on this thread.
pub(in crate::agents::query) struct Reader<'a> {
    pub(in crate::agents::query) runtime: &'a tokio::runtime::Handle,
    pub(in crate::agents::query) store: &'a dyn Store,
    pub(in crate::agents::query) tenant: &'a TenantId,
    pub(in crate::agents::query) watch: &'a Watch,
    pub(in crate::agents::query) rollups: &'a Rollups,
    /// Only chunks that end by then are kept.
    pub(in crate::agents::query) now_ns: i64,
    /// Lines that were read, not found in the cache.
    pub(in crate::agents::query) read: std::cell::Cell<usize>,
}

impl Reader<'_> {
    /// Shows lines of a kind until it is enough or the time is over.
    pub(in crate::agents::query) fn rows(
        &self,
        record: &str,
        query: &LedgerQuery,
        mut see: impl FnMut(Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        let mut seen = 0_u32;
        rows(self.runtime, self.store, self.tenant, record, query, |row| {
            seen = seen.wrapping_add(1);
            self.read.set(self.read.get() + 1);
            if seen.is_multiple_of(1024)
                && let Some(stop) = self.watch.stop()
            {
                return Err(stopped(stop));
            }
            see(row)
        })
    }

    /// Facts of a kind, the last one written of each name, in no order.
    pub(in crate::agents::query) fn facts<F: Fact, K: std::hash::Hash + Eq>(
        &self,
        query: &LedgerQuery,
        most: usize,
        name: impl Fn(&Entry<F>) -> K,
    ) -> Result<Vec<Entry<F>>> {
        let mut newest: HashMap<K, Entry<F>> = HashMap::new();
        self.rows(F::RECORD, query, |row| {
            let entry = Entry {
                time_ns: row.time_ns,
                written_ns: row.written_ns,
                trace_id: row.trace_id,
                span_id: row.span_id,
                fact: parse(F::RECORD, row.body)?,
            };
            match newest.entry(name(&entry)) {
                hashbrown::hash_map::Entry::Occupied(mut held) => {
                    if held.get().written_ns <= entry.written_ns {
                        held.insert(entry);
                    }
                }
                hashbrown::hash_map::Entry::Vacant(free) => {
                    free.insert(entry);
                }
            }
            if newest.len() > most { Err(too_many(F::RECORD, most)) } else { Ok(true) }
        })?;
        Ok(newest.into_values().collect())
    }

    /// Hands on the steps of each chunk, in order.
    pub(in crate::agents::query) fn steps(
        &self,
        detail: Detail,
        chunks: &[TimeRange],
        mut see: impl FnMut(TimeRange, &StepChunk) -> Result<()>,
    ) -> Result<()> {
        self.each(Record::Steps(detail), chunks, |range, chunk| match chunk {
            Chunk::Steps(steps) => see(range, steps),
            Chunk::Runs(_) => Ok(()),
        })
    }

    /// Hands on the runs of each chunk, in order.
    pub(in crate::agents::query) fn runs(
        &self,
        chunks: &[TimeRange],
        mut see: impl FnMut(TimeRange, &RunChunk) -> Result<()>,
    ) -> Result<()> {
        self.each(Record::Runs, chunks, |range, chunk| match chunk {
            Chunk::Runs(runs) => see(range, runs),
            Chunk::Steps(_) => Ok(()),
        })
    }

    fn each(
        &self,
        record: Record,
        chunks: &[TimeRange],
        mut see: impl FnMut(TimeRange, &Chunk) -> Result<()>,
    ) -> Result<()> {
        let mut at = 0;
        while at < chunks.len() {
            if let Some(chunk) = self.rollups.get(self.tenant, record, chunks[at]) {
                see(chunks[at], &chunk)?;
                at += 1;
                continue;
            }
            let missing = chunks[at..]
                .iter()
                .take(CHUNKS_AT_ONCE)
                .take_while(|range| self.rollups.get(self.tenant, record, **range).is_none());
            let group = &chunks[at..at + missing.count().max(1)];
            let whole =
                TimeRange { start_ns: group[0].start_ns, end_ns: group[group.len() - 1].end_ns };
            let reading = self.rollups.reading(self.tenant, whole);
            let read = match record {
                Record::Steps(detail) => self.read_steps(detail, whole, group)?,
                Record::Runs => self.read_runs(whole, group)?,
            };
            for (range, chunk) in group.iter().zip(read) {
                if range.end_ns <= self.now_ns {
                    let of = (self.tenant, record, *range);
                    self.rollups.keep(&reading, of, chunk.clone());
                }
                see(*range, &chunk)?;
            }
            at += group.len();
        }
        Ok(())
    }

    fn read_steps(
        &self,
        detail: Detail,
        whole: TimeRange,
        group: &[TimeRange],
    ) -> Result<Vec<Chunk>> {
        let mains = self.main_agents(whole)?;
        let mut builders: Vec<StepBuilder> =
            group.iter().map(|_| StepBuilder::new(detail)).collect();
        let mut seen = 0_usize;
        self.rows(StepFact::RECORD, &LedgerQuery::all(whole), |row| {
            let at = group.partition_point(|range| range.end_ns <= row.time_ns);
            seen += 1;
            if seen > FACTS_MAX {
                return Err(too_many("step", FACTS_MAX));
            }
            if let Some(builder) = builders.get_mut(at) {
                builder.add(&row)?;
            }
            Ok(true)
        })?;
        Ok(builders.into_iter().map(|one| Chunk::Steps(Arc::new(one.finish(&mains)))).collect())
    }

    /// The main agents of runs that steps of a range may belong to.
    fn main_agents(&self, steps: TimeRange) -> Result<MainAgents> {
        let start_ns = steps.start_ns.saturating_sub(HOUR_NS);
        let query = LedgerQuery::all(TimeRange { start_ns, ..steps });
        let mut mains: MainAgents = HashMap::new();
        self.rows(RunFact::RECORD, &query, |row| {
            let line: RunLine<'_> = parse(RunFact::RECORD, row.body)?;
            if mains.len() >= FACTS_MAX {
                return Err(too_many("run", FACTS_MAX));
            }
            let main = mains.entry((row.trace_id, row.span_id)).or_default();
            if main.0 <= row.written_ns {
                *main = (row.written_ns, (line.steps > 0).then(|| line.agent.into()));
            }
            Ok(true)
        })?;
        Ok(mains)
    }

    fn read_runs(&self, whole: TimeRange, group: &[TimeRange]) -> Result<Vec<Chunk>> {
        let mut builders: Vec<RunBuilder> = group.iter().map(|_| RunBuilder::default()).collect();
        let mut seen = 0_usize;
        self.rows(RunFact::RECORD, &LedgerQuery::all(whole), |row| {
            let at = group.partition_point(|range| range.end_ns <= row.time_ns);
            seen += 1;
            if seen > FACTS_MAX {
                return Err(too_many("run", FACTS_MAX));
            }
            if let Some(builder) = builders.get_mut(at) {
                builder.add(&row)?;
            }
            Ok(true)
        })?;
        Ok(builders.into_iter().map(|one| Chunk::Runs(Arc::new(one.finish()))).collect())
    }
}

fn too_many(what: &str, most: usize) -> Error {
    Error::new(
        ErrorKind::LimitExceeded { key: "agents.query" },
        format!("more than {most} {what} entries would have to be read; ask for a shorter range"),
    )
}
