//! A part of log records on disk: a directory that never changes. `blocks` holds blocks end to end,
//! `blooms` their Bloom filters, `index` says where they are and which streams they hold. Drawn in
//! `docs/formats/logs.md`.

mod cut;
mod index;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use watchkeep_model::error::IoContext;
use watchkeep_model::{Error, Result};

pub(crate) use cut::{ROWS_OWN, cut};
pub(crate) use index::{BlockEntry, BlockStream};
pub(crate) use writer::PartWriter;

use super::block::Block;
use super::select::StreamName;
use crate::block::BlockWords;
use crate::part_file::{BLOCKS_FILE, BLOOMS_FILE, INDEX_FILE, PartFigures, PartFile};
use index::Index;

/// A part on disk. Its index is read when first needed and kept.
#[derive(Debug)]
pub(crate) struct LogPart {
    pub(crate) id: u64,
    pub(crate) figures: PartFigures,
    directory: PathBuf,
    opened: OnceLock<Opened>,
    obsolete: AtomicBool,
}

#[derive(Debug)]
struct Opened {
    index: Index,
    blocks: Arc<PartFile>,
    blooms: PartFile,
}

impl LogPart {
    /// A part of which the manifest tells.
    pub(crate) fn new(id: u64, directory: PathBuf, figures: PartFigures) -> Self {
        let (opened, obsolete) = (OnceLock::new(), AtomicBool::new(false));
        Self { id, figures, directory, opened, obsolete }
    }

    fn opened(&self) -> Result<&Opened> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = Opened::read(&self.directory)?;
        Ok(self.opened.get_or_init(|| opened))
    }

    /// What its blocks are.
    pub(crate) fn blocks(&self) -> Result<&[BlockEntry]> {
        Ok(&self.opened()?.index.blocks)
    }

    /// Its streams, by their numbers in the entries of blocks.
    pub(crate) fn streams(&self) -> Result<&[StreamName]> {
        Ok(&self.opened()?.index.streams)
    }

    /// Begins to read a block.
    pub(crate) fn block(&self, entry: &BlockEntry) -> Result<Block> {
        let source = self.opened()?.blocks.block(entry.at, entry.bytes as usize, None);
        Block::open(source, entry.head_bytes as usize)
    }

    /// The words that may stand in a block.
    pub(crate) fn words(&self, entry: &BlockEntry) -> Result<BlockWords> {
        Ok(BlockWords { bloom: self.bloom(entry)?, salt: entry.salt })
    }

    fn bloom(&self, entry: &BlockEntry) -> Result<Vec<u8>> {
        let opened = self.opened()?;
        opened.blooms.read_checked(entry.bloom_at, entry.bloom_bytes as usize, entry.bloom_checksum)
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

impl Drop for LogPart {
    fn drop(&mut self) {
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
        })
    }
}
