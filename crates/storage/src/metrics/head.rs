//! The head: what was appended since the last freeze, in memory. The engine has made a batch
//! durable before it comes here; nothing here touches a disk, save that a frozen head writes
//! itself as a part.

use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;
use watchkeep_model::{MetricColumns, Result};

use super::data::{Range, SeriesData};
use super::memory::Memory;
use super::part::{PartFigures, Writer};

/// Series, samples, exemplars and metadata of one tenant in memory. Appends and queries run side
/// by side.
#[derive(Debug)]
pub(crate) struct Head {
    memory: RwLock<Arc<Memory>>,
}

impl Head {
    pub(crate) fn new() -> Self {
        Self { memory: RwLock::new(Arc::new(Memory::new())) }
    }

    /// Takes in a batch that is durable already. Samples may come in any order, and of two at one
    /// millisecond the later appended wins.
    pub(crate) fn append(&self, batch: &MetricColumns) {
        self.memory().append(batch);
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

    /// Writes a part into an existing empty directory and syncs its files; syncing the directory
    /// is left to the caller.
    pub(crate) fn write_part(&self, directory: &Path) -> Result<PartFigures> {
        let mut writer = Writer::create(directory)?;
        let all = self.memory.with_index(|index| index.all());
        for series in self.memory.sorted(&all) {
            let mut data = SeriesData::default();
            series.read_samples(Range::ALL, &mut data);
            series.read_exemplars(Range::ALL, &mut data);
            data.settle();
            if !data.is_empty() {
                writer.add(&series.labels, &data)?;
            }
        }
        writer.finish(&self.memory.metadata())
    }
}
