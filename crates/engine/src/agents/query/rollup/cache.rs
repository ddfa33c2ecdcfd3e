//! Chunks of time that are over, kept for the next question. A fact that is written into one later
//! throws it away, so an answer never differs from one that reads the ledger.

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;
use watchkeep_model::{TenantId, TimeRange};

use super::super::grid::{chunk_lengths, floor};
use super::{Detail, RunChunk, StepChunk};

/// What is kept of a chunk.
#[derive(Debug, Clone)]
pub(in crate::agents::query) enum Chunk {
    Steps(Arc<StepChunk>),
    Runs(Arc<RunChunk>),
}

impl Chunk {
    fn byte_len(&self) -> usize {
        match self {
            Self::Steps(steps) => steps.byte_len(),
            Self::Runs(runs) => runs.byte_len(),
        }
    }
}

/// Whether a chunk is of steps or of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::agents::query) enum Record {
    Steps(Detail),
    Runs,
}

impl Record {
    /// What facts of a kind are part of: runs tell the main agent of their steps.
    fn touched_by(name: &str) -> &'static [Self] {
        match name {
            "step" => &[Self::Steps(Detail::Plain), Self::Steps(Detail::People)],
            "run" => &[Self::Runs, Self::Steps(Detail::Plain), Self::Steps(Detail::People)],
            _ => &[],
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    record: Record,
    start_ns: i64,
    length_ns: i64,
}

#[derive(Debug)]
struct Held {
    chunk: Chunk,
    bytes: usize,
    used: u64,
}

#[derive(Debug, Default)]
struct Inner {
    held: HashMap<Key, Held>,
    bytes: usize,
    turn: u64,
    /// Ranges that are being read, and whether something was written into them since.
    reading: HashMap<u64, (TenantId, TimeRange, bool)>,
}

impl Inner {
    /// Throws chunks of a sort away, those first that were not asked for the longest.
    fn shrink(&mut self, bytes_max: usize, is_meant: impl Fn(&Key) -> bool) {
        let meant = || self.held.iter().filter(|(key, _)| is_meant(key));
        let mut bytes: usize = meant().map(|(_, held)| held.bytes).sum();
        if bytes <= bytes_max {
            return;
        }
        let mut by_use: Vec<(u64, Key)> =
            meant().map(|(key, held)| (held.used, key.clone())).collect();
        by_use.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in by_use {
            if bytes <= bytes_max {
                break;
            }
            let gone = self.held.remove(&key).map_or(0, |held| held.bytes);
            bytes -= gone;
            self.bytes -= gone;
        }
    }
}

/// Chunks of all tenants, within a number of bytes.
#[derive(Debug)]
pub(crate) struct Rollups {
    inner: Mutex<Inner>,
    bytes_max: usize,
}

/// A range that is being read.
#[derive(Debug)]
pub(in crate::agents::query) struct Reading<'a> {
    of: &'a Rollups,
    number: u64,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.of.inner.lock().reading.remove(&self.number);
    }
}

impl Rollups {
    /// An empty cache.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { inner: Mutex::default(), bytes_max }
    }

    /// Takes note that facts of a kind were written for these instants.
    pub(crate) fn forget(
        &self,
        tenant: &TenantId,
        record: &str,
        times_ns: impl Iterator<Item = i64>,
    ) {
        let records = Record::touched_by(record);
        let mut inner = self.inner.lock();
        if records.is_empty() || (inner.held.is_empty() && inner.reading.is_empty()) {
            return;
        }
        for time_ns in times_ns {
            for (of, range, written) in inner.reading.values_mut() {
                *written |= of == tenant && range.contains(time_ns);
            }
            for length_ns in chunk_lengths() {
                let start_ns = floor(time_ns, length_ns);
                for record in records {
                    let (tenant, record) = (tenant.clone(), *record);
                    let held = inner.held.remove(&Key { tenant, record, start_ns, length_ns });
                    inner.bytes -= held.map_or(0, |held| held.bytes);
                }
            }
        }
    }

    /// A chunk that is held.
    pub(in crate::agents::query) fn get(
        &self,
        tenant: &TenantId,
        record: Record,
        range: TimeRange,
    ) -> Option<Chunk> {
        let mut inner = self.inner.lock();
        inner.turn += 1;
        let turn = inner.turn;
        let held = inner.held.get_mut(&key(tenant, record, range)?)?;
        held.used = turn;
        Some(held.chunk.clone())
    }

    /// To be called before a range is read whose chunks shall be kept.
    pub(in crate::agents::query) fn reading(
        &self,
        tenant: &TenantId,
        range: TimeRange,
    ) -> Reading<'_> {
        let mut inner = self.inner.lock();
        inner.turn += 1;
        let number = inner.turn;
        inner.reading.insert(number, (tenant.clone(), range, false));
        Reading { of: self, number }
    }

    /// Keeps a chunk that was read, if nothing was written into the range meanwhile.
    pub(in crate::agents::query) fn keep(
        &self,
        reading: &Reading<'_>,
        (tenant, record, range): (&TenantId, Record, TimeRange),
        chunk: Chunk,
    ) {
        let bytes = chunk.byte_len();
        let Some(key) = key(tenant, record, range) else { return };
        let mut inner = self.inner.lock();
        let is_clean = inner.reading.get(&reading.number).is_some_and(|(.., written)| !written);
        if !is_clean || bytes > self.bytes_max / 4 {
            return;
        }
        inner.turn += 1;
        let used = inner.turn;
        if let Some(before) = inner.held.insert(key, Held { chunk, bytes, used }) {
            inner.bytes -= before.bytes;
        }
        inner.bytes += bytes;
        // Sums by user and session are large; they must not push out all others.
        inner.shrink(self.bytes_max / 2, |key| key.record == Record::Steps(Detail::People));
        inner.shrink(self.bytes_max, |_| true);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.inner.lock().held.len()
    }
}

/// The name of a chunk, where it is one that a clock has: others are asked for once.
fn key(tenant: &TenantId, record: Record, range: TimeRange) -> Option<Key> {
    let length_ns = range.end_ns.checked_sub(range.start_ns)?;
    let is_whole = chunk_lengths().any(|known| known == length_ns)
        && floor(range.start_ns, length_ns) == range.start_ns;
    let is_kept = is_whole && record != Record::Steps(Detail::All);
    is_kept.then(|| Key { tenant: tenant.clone(), record, start_ns: range.start_ns, length_ns })
}
