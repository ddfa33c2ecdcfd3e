//! A part of spans on disk: a directory that never changes. `blocks` holds blocks end to end,
//! `blooms` their Bloom filters, `traces` says which blocks hold a trace, `index` where all of them
//! are and which names their spans have. Drawn in `docs/formats/spans.md`.

mod cut;
mod index;
mod places;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use watchkeep_model::error::IoContext;
use watchkeep_model::{Error, Result, TraceId};

pub(crate) use cut::cut;
pub(crate) use index::{BlockCalls, BlockEntry, PartNames};
pub(crate) use places::{TracePlaces, trace_hash};
pub(crate) use writer::PartWriter;

use super::block::SpanBlock;
use super::calls::Calls;
use crate::block::{BlockCache, BlockWords, CachedBlock, Meter, Need};
use crate::part_file::{BLOCKS_FILE, BLOOMS_FILE, INDEX_FILE, PartFigures, PartFile};
use index::Index;

const TRACES_FILE: &str = "traces";

/// Blocks of spans that were lately read.
pub(crate) type SpanCache = BlockCache<SpanBlock>;

/// A part on disk. Its index is read when first needed and kept.
#[derive(Debug)]
pub(crate) struct SpanPart {
    pub(crate) id: u64,
    pub(crate) figures: PartFigures,
    directory: PathBuf,
    opened: OnceLock<Opened>,
    cache: Arc<SpanCache>,
    obsolete: AtomicBool,
}

#[derive(Debug)]
struct Opened {
    index: Index,
    blocks: Arc<PartFile>,
    blooms: PartFile,
    traces: PartFile,
}

impl SpanPart {
    /// A part of which the manifest tells.
    pub(crate) fn new(
        id: u64,
        directory: PathBuf,
        figures: PartFigures,
        cache: &Arc<SpanCache>,
    ) -> Self {
        let (opened, obsolete) = (OnceLock::new(), AtomicBool::new(false));
        Self { id, figures, directory, opened, cache: Arc::clone(cache), obsolete }
    }

    fn opened(&self) -> Result<&Opened> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = Opened::read(&self.directory)?;
        Ok(self.opened.get_or_init(|| opened))
    }

    /// What its blocks are, in the order of the traces in them: by their starts.
    pub(crate) fn blocks(&self) -> Result<&[BlockEntry]> {
        Ok(&self.opened()?.index.blocks)
    }

    /// Names that its spans have.
    pub(crate) fn names(&self) -> Result<&PartNames> {
        Ok(&self.opened()?.index.names)
    }

    /// Adds the calls that a block was counted to hold.
    pub(crate) fn add_calls(&self, entry: &BlockEntry, to: &mut Calls) -> Result<()> {
        let services = &self.opened()?.index.services;
        for BlockCalls { caller, callee, calls, errors } in &entry.calls {
            to.add(&services[*caller as usize], &services[*callee as usize], *calls, *errors);
        }
        Ok(())
    }

    /// A block to ask, of which something may be read already.
    pub(crate) fn cached_block(&self, number: usize) -> Result<CachedBlock<SpanBlock>> {
        let entry = &self.blocks()?[number];
        let meter = Some(self.cache.meter());
        self.cache.block((self.id, number as u32), || self.open_block(entry, meter))
    }

    /// Begins to read a block, once and as a whole.
    pub(crate) fn block(&self, entry: &BlockEntry) -> Result<SpanBlock> {
        self.open_block(entry, None)
    }

    fn open_block(&self, entry: &BlockEntry, meter: Option<&Meter>) -> Result<SpanBlock> {
        let source = self.opened()?.blocks.block(entry.at, entry.bytes as usize, meter);
        SpanBlock::open(source, entry.head_bytes as usize)
    }

    /// Whether some span of a block may be what is needed.
    pub(crate) fn may_hold(&self, entry: &BlockEntry, need: &Need) -> Result<bool> {
        if need.is_nothing() {
            return Ok(true);
        }
        let words = BlockWords { bloom: self.bloom(entry)?, salt: entry.salt };
        Ok(need.may_hold(&words))
    }

    /// The numbers of the blocks that may hold spans of a trace; seldom one more than do.
    pub(crate) fn blocks_with_trace(&self, id: TraceId) -> Result<Vec<u32>> {
        let Opened { index, traces, .. } = self.opened()?;
        let Some(bucket) = places::find(id, &index.buckets) else { return Ok(Vec::new()) };
        let bytes = traces.read_checked(bucket.at, bucket.bytes as usize, bucket.checksum)?;
        places::blocks(id, &bytes, index.blocks.len())
    }

    /// Which blocks hold which traces, to look for many.
    pub(crate) fn trace_places(&self) -> Result<TracePlaces> {
        let Opened { index, traces, .. } = self.opened()?;
        let bytes = index.buckets.iter().map(|bucket| bucket.bytes as usize).sum();
        TracePlaces::decode(&traces.read(0, bytes)?, &index.buckets, index.blocks.len())
    }

    fn bloom(&self, entry: &BlockEntry) -> Result<Vec<u8>> {
        let blooms = &self.opened()?.blooms;
        blooms.read_checked(entry.bloom_at, entry.bloom_bytes as usize, entry.bloom_checksum)
    }

    /// A block and its Bloom filter as they are, checked as a whole.
    fn whole(&self, entry: &BlockEntry) -> Result<(Vec<u8>, Vec<u8>)> {
        let blocks = &self.opened()?.blocks;
        let block = blocks.read_checked(entry.at, entry.bytes as usize, entry.checksum)?;
        Ok((block, self.bloom(entry)?))
    }

    /// Has the files removed as soon as no query reads them any more. The manifest no longer names
    /// the part.
    pub(crate) fn make_obsolete(&self) {
        self.obsolete.store(true, Ordering::Relaxed);
    }
}

impl Drop for SpanPart {
    fn drop(&mut self) {
        self.cache.forget(self.id);
        if *self.obsolete.get_mut()
            && let Err(error) = std::fs::remove_dir_all(&self.directory)
        {
            // The next start removes what the manifest does not name.
            tracing::warn!(%error, part = %self.directory.display(), "cannot remove a part");
        }
    }
}

impl Opened {
    fn read(directory: &Path) -> Result<Self> {
        let path = directory.join(INDEX_FILE);
        let bytes = std::fs::read(&path).context(|| format!("cannot read {}", path.display()))?;
        let index = Index::decode(&bytes).map_err(|error| {
            Error::corrupt(format!("cannot use {}", path.display())).with_source(error)
        })?;
        Ok(Self {
            index,
            blocks: Arc::new(PartFile::open(directory.join(BLOCKS_FILE))?),
            blooms: PartFile::open(directory.join(BLOOMS_FILE))?,
            traces: PartFile::open(directory.join(TRACES_FILE))?,
        })
    }
}
