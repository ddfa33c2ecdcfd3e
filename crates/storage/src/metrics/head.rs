//! The head: what was appended since the last freeze, in memory. The engine has made a batch
//! durable before it comes here; nothing here touches a disk, save that a frozen head writes
//! itself as a part.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::RwLock;
use watchkeep_model::column::Table;
use watchkeep_model::{Error, Labels, MetricColumns, Result};

use super::data::{Range, SeriesData};
use super::memory::{Known, Memory};
use super::part::{PartFigures, Writer};

/// Series, samples, exemplars and metadata of one tenant in memory. Appends and queries run side
/// by side.
///
/// The log names series by numbers, which are given out here. A number is used again only after
/// the batch that came with it was appended, and that is after its record was durable, so in the
/// log a number never stands before its definition. Freezing forgets all numbers.
#[derive(Debug)]
pub(crate) struct Head {
    memory: RwLock<Arc<Memory>>,
    next_number: AtomicU64,
}

/// What the series of a batch are, here and in the log. Between [`Head::place`] and
/// [`Head::append_placed`] the head must not be frozen.
#[derive(Debug)]
pub(crate) struct Placed {
    memory: Arc<Memory>,
    /// The id of each row of the batch's series; of a new one it is not known yet.
    ids: Vec<u32>,
    numbers: Vec<u64>,
    /// The rows that the log has no number for yet, rising.
    new: Vec<(u32, Labels)>,
    /// Places in memory that were made for them and not taken yet.
    admitted: u64,
}

impl Placed {
    /// What the log calls the series, by row.
    pub(crate) fn numbers(&self) -> &[u64] {
        &self.numbers
    }

    /// Rows whose numbers are to be defined, rising, with their labels.
    pub(crate) fn new_series(&self) -> &[(u32, Labels)] {
        &self.new
    }
}

impl Placed {
    fn new(
        memory: Arc<Memory>,
        batch: &MetricColumns,
        found: &[Option<Known>],
        numbers: Vec<u64>,
        admitted: u64,
    ) -> Result<Self> {
        let ids = found.iter().map(|known| known.map_or(u32::MAX, |known| known.id)).collect();
        let mut placed = Self { memory, ids, numbers, new: Vec::new(), admitted };
        for row in (0..found.len()).filter(|row| found[*row].is_none()) {
            let labels = Labels::from_canonical(batch.series.labels.get(row))?;
            placed.new.push((row as u32, labels));
        }
        Ok(placed)
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        self.memory.dismiss(self.admitted);
    }
}

impl Head {
    pub(crate) fn new() -> Self {
        Self { memory: RwLock::new(Arc::new(Memory::new())), next_number: AtomicU64::new(0) }
    }

    /// Finds the series of a batch. Of new ones no more are let in than make `series_max`; the rest
    /// is taken out of the batch and counted.
    ///
    /// Errors: `Corrupt` where the batch is malformed, which decoders rule out.
    pub(crate) fn place(
        &self,
        batch: &mut MetricColumns,
        series_max: u64,
    ) -> Result<(Placed, Refused)> {
        batch.check_rows()?;
        let memory = self.memory();
        let mut found = memory.find(batch);
        let unknown = found.iter().filter(|known| known.is_none()).count() as u64;
        let admitted = memory.admit(unknown, series_max);
        let mut refused = Refused::default();
        if admitted < unknown {
            let mut left = admitted;
            let mut keep = |known: &Option<Known>| {
                let kept = known.is_some() || left > 0;
                left -= u64::from(known.is_none() && kept);
                kept
            };
            let kept: Vec<bool> = found.iter().map(&mut keep).collect();
            refused = take_out(batch, &kept);
            let mut rows = kept.into_iter();
            found.retain(|_| rows.next().unwrap_or_default());
        }
        let mut number = self.next_number.fetch_add(admitted, Relaxed);
        let numbers = found.iter().map(|known| {
            known.map_or_else(
                || {
                    number += 1;
                    number - 1
                },
                |known| known.number,
            )
        });
        let numbers = numbers.collect();
        Ok((Placed::new(memory, batch, &found, numbers, admitted)?, refused))
    }

    /// As [`Head::place`], for a batch from the log, which numbered its series and let them in.
    pub(crate) fn place_again(&self, batch: &MetricColumns, numbers: Vec<u64>) -> Result<Placed> {
        batch.check_rows()?;
        if numbers.len() != batch.series.labels.len() {
            return Err(Error::corrupt("a record numbers more or fewer series than it has"));
        }
        if let Some(greatest) = numbers.iter().max() {
            self.next_number.fetch_max(greatest.saturating_add(1), Relaxed);
        }
        let memory = self.memory();
        let found = memory.find(batch);
        let unknown = found.iter().filter(|known| known.is_none()).count() as u64;
        let admitted = memory.admit(unknown, u64::MAX);
        Placed::new(memory, batch, &found, numbers, admitted)
    }

    /// Places and appends, with nothing in between.
    #[cfg(test)]
    pub(crate) fn append(&self, batch: &MetricColumns) {
        let mut batch = batch.clone();
        let (placed, _) = self.place(&mut batch, u64::MAX).expect("a test's batch is sound");
        self.append_placed(&batch, placed);
    }

    /// Takes in a batch that is durable already. Samples may come in any order, and of two at one
    /// millisecond the later appended wins. Gives by how many bytes that grew.
    pub(crate) fn append_placed(&self, batch: &MetricColumns, mut placed: Placed) -> i64 {
        let memory = Arc::clone(&placed.memory);
        debug_assert!(Arc::ptr_eq(&memory, &self.memory()), "frozen between placing and appending");
        let new = std::mem::take(&mut placed.new);
        let (added, grown) = memory.add(new, &placed.numbers, &mut placed.ids);
        // What another append brought meanwhile took a place of its own.
        placed.admitted -= added;
        grown + memory.append(batch, &placed.ids)
    }

    /// Bytes held, about.
    pub(crate) fn byte_len(&self) -> u64 {
        self.memory().byte_len()
    }

    /// Samples appended, superseded ones included.
    pub(crate) fn samples(&self) -> u64 {
        self.memory().samples()
    }

    pub(crate) fn series(&self) -> u64 {
        self.memory().series_count()
    }

    /// The first and last millisecond of a sample or exemplar.
    pub(crate) fn time_range_ms(&self) -> Option<(i64, i64)> {
        self.memory().time_range_ms()
    }

    /// Whether there is nothing at all to write.
    pub(crate) fn is_empty(&self) -> bool {
        let memory = self.memory();
        memory.series_count() == 0 && memory.metadata().is_empty()
    }

    /// Takes everything out; the head starts empty. No append may run at the same time: the caller
    /// sees to that. Views taken before still see what is frozen.
    pub(crate) fn freeze(&self) -> Frozen {
        let taken = std::mem::replace(&mut *self.memory.write(), Arc::new(Memory::new()));
        Frozen { memory: taken }
    }

    pub(super) fn memory(&self) -> Arc<Memory> {
        Arc::clone(&self.memory.read())
    }
}

/// What a limit kept out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) series: u64,
    pub(crate) floats: u64,
    pub(crate) histograms: u64,
    pub(crate) exemplars: u64,
}

/// Takes the series that are not kept out of a batch, and their samples and exemplars.
fn take_out(batch: &mut MetricColumns, kept: &[bool]) -> Refused {
    let count =
        |batch: &MetricColumns| [batch.floats.len(), batch.histograms.len(), batch.exemplars.len()];
    let before = count(batch);
    batch.retain_series(|row| kept[row]);
    let after = count(batch);
    let [floats, histograms, exemplars] =
        std::array::from_fn(|kind| (before[kind] - after[kind]) as u64);
    let series = kept.iter().filter(|kept| !**kept).count() as u64;
    Refused { series, floats, histograms, exemplars }
}

impl Default for Head {
    fn default() -> Self {
        Self::new()
    }
}

/// A head that takes no more appends, queryable until its part is on disk.
#[derive(Debug, Clone)]
pub(crate) struct Frozen {
    pub(super) memory: Arc<Memory>,
}

impl Frozen {
    /// Samples appended, superseded ones included.
    pub(crate) fn samples(&self) -> u64 {
        self.memory.samples()
    }

    pub(crate) fn series(&self) -> u64 {
        self.memory.series_count()
    }

    /// The first and last millisecond of a sample or exemplar.
    pub(crate) fn time_range_ms(&self) -> Option<(i64, i64)> {
        self.memory.time_range_ms()
    }

    /// Writes what lies in a closed range of milliseconds, and the metadata where asked to, as a
    /// part into an existing empty directory and syncs its files; syncing the directory
    /// is left to the caller.
    pub(crate) fn write_part(
        &self,
        directory: &Path,
        (start_ms, end_ms): (i64, i64),
        with_metadata: bool,
    ) -> Result<PartFigures> {
        let range = Range { start_ms, end_ms };
        let mut writer = Writer::create(directory)?;
        let all = self.memory.with_index(|index| index.all());
        for series in self.memory.sorted(&all) {
            let mut data = SeriesData::default();
            series.read_samples(range, &mut data);
            series.read_exemplars(range, &mut data);
            data.settle();
            if !data.is_empty() {
                writer.add(&series.labels, &data)?;
            }
        }
        let metadata = if with_metadata { self.memory.metadata() } else { Vec::new() };
        writer.finish(&metadata)
    }
}
