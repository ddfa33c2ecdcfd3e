//! Writing a part, block by block.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use watchkeep_model::{LogColumns, Result, stream};

use super::LogPart;
use super::index::{BlockEntry, BlockStream, Index};
use crate::gather::Place;
use crate::logs::block::{EncodedBlock, encode};
use crate::logs::select::StreamName;
use crate::part_file::{BLOCKS_FILE, BLOOMS_FILE, INDEX_FILE, Output, PartFigures};

/// Bits of a salt that number the block; those above are the part's id.
const SALT_BLOCK_BITS: u32 = 20;

/// A part that is being written.
#[derive(Debug)]
pub(crate) struct PartWriter {
    id: u64,
    directory: PathBuf,
    blocks: Output,
    blooms: Output,
    entries: Vec<BlockEntry>,
    /// Numbers of streams in the order in which they came.
    streams: BTreeMap<Arc<str>, u32>,
}

impl PartWriter {
    /// Begins a part in an existing, empty directory.
    pub(crate) fn create(id: u64, directory: &Path) -> Result<Self> {
        Ok(Self {
            id,
            directory: directory.to_owned(),
            blocks: Output::create(directory.join(BLOCKS_FILE))?,
            blooms: Output::create(directory.join(BLOOMS_FILE))?,
            entries: Vec::new(),
            streams: BTreeMap::new(),
        })
    }

    /// Writes rows of some tables as a block. They are ordered by stream and time, and are 1 to
    /// [`crate::logs::block::ROWS_MAX`].
    pub(crate) fn write(&mut self, tables: &[&LogColumns], rows: &[Place]) -> Result<()> {
        let salt = self.id << SALT_BLOCK_BITS | self.entries.len() as u64;
        let EncodedBlock { bytes, head_bytes, bloom, figures } = encode(tables, rows, salt)?;
        let streams = figures.streams.iter().map(|stream| BlockStream {
            stream: self.number(&stream.labels),
            rows: stream.rows,
            body_bytes: stream.body_bytes,
            bytes: stream.bytes,
            min_ns: stream.min_ns,
            max_ns: stream.max_ns,
        });
        let entry = BlockEntry {
            at: 0,
            bytes: bytes.len() as u32,
            head_bytes: head_bytes as u32,
            checksum: crc32c::crc32c(&bytes),
            bloom_at: 0,
            bloom_bytes: bloom.len() as u32,
            bloom_checksum: crc32c::crc32c(&bloom),
            salt,
            rows: figures.rows,
            min_ns: figures.min_ns,
            max_ns: figures.max_ns,
            streams: streams.collect(),
        };
        self.append(entry, &bytes, &bloom)
    }

    /// Writes a block of another part as it is.
    pub(crate) fn copy(&mut self, part: &LogPart, entry: &BlockEntry) -> Result<()> {
        let (bytes, bloom) = part.whole(entry)?;
        let names = part.streams()?;
        let mut entry = entry.clone();
        for stream in &mut entry.streams {
            stream.stream = self.number(&names[stream.stream as usize].text);
        }
        self.append(entry, &bytes, &bloom)
    }

    fn append(&mut self, mut entry: BlockEntry, bytes: &[u8], bloom: &[u8]) -> Result<()> {
        entry.at = self.blocks.append(bytes)?;
        entry.bloom_at = self.blooms.append(bloom)?;
        self.entries.push(entry);
        Ok(())
    }

    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.streams.get(text) {
            return *number;
        }
        let number = self.streams.len() as u32;
        self.streams.insert(text.into(), number);
        number
    }

    /// Writes the index and syncs all files. The directory is the caller's to sync.
    pub(crate) fn finish(self) -> Result<PartFigures> {
        let Self { directory, blocks, blooms, mut entries, streams, .. } = self;
        let mut renumbered = vec![0; streams.len()];
        let mut names = Vec::with_capacity(streams.len());
        for (position, (text, number)) in streams.into_iter().enumerate() {
            renumbered[number as usize] = position as u32;
            let labels = Arc::new(stream::from_text(&text).unwrap_or_default());
            names.push(StreamName { text, labels });
        }
        for stream in entries.iter_mut().flat_map(|entry| &mut entry.streams) {
            stream.stream = renumbered[stream.stream as usize];
        }
        let index = Index { streams: names, blocks: entries };
        let mut bytes = blocks.finish()? + blooms.finish()?;
        let mut file = Output::create(directory.join(INDEX_FILE))?;
        file.append(&index.encode()?)?;
        bytes += file.finish()?;
        let blocks = &index.blocks;
        Ok(PartFigures {
            min_ns: blocks.iter().map(|block| block.min_ns).min().unwrap_or_default(),
            max_ns: blocks.iter().map(|block| block.max_ns).max().unwrap_or_default(),
            rows: blocks.iter().map(|block| u64::from(block.rows)).sum(),
            bytes,
        })
    }
}
