//! Writing a part, block by block.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use watchkeep_model::{Result, SpanColumns, TraceId};

use super::index::{
    BlockCalls, BlockEntry, Index, KEYS_MAX, OPERATIONS_MAX, PAIRS_PER_BLOCK_MAX, PartNames,
};
use super::{SpanPart, TRACES_FILE, places};
use crate::gather::Place;
use crate::part_file::{BLOCKS_FILE, BLOOMS_FILE, INDEX_FILE, Output, PartFigures};
use crate::traces::block::{BlockFigures, EncodedBlock, encode};
use crate::traces::calls::Calls;

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
    traces: Vec<(TraceId, u32)>,
    names: PartNames,
    /// Numbers of services in the order in which they came.
    services: BTreeMap<String, u32>,
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
            traces: Vec::new(),
            names: PartNames::default(),
            services: BTreeMap::new(),
        })
    }

    /// Writes rows of some tables as a block. They are ordered by trace and start, and are 1 to
    /// [`crate::traces::block::ROWS_MAX`].
    pub(crate) fn write(&mut self, tables: &[&SpanColumns], rows: &[Place]) -> Result<()> {
        let salt = self.id << SALT_BLOCK_BITS | self.entries.len() as u64;
        let EncodedBlock { bytes, head_bytes, bloom, figures } = encode(tables, rows, salt)?;
        let entry = BlockEntry {
            bytes: bytes.len() as u32,
            head_bytes: head_bytes as u32,
            checksum: crc32c::crc32c(&bytes),
            bloom_bytes: bloom.len() as u32,
            bloom_checksum: crc32c::crc32c(&bloom),
            salt,
            rows: figures.rows,
            min_ns: figures.min_ns,
            max_ns: figures.max_ns,
            end_ns: figures.end_ns,
            last_trace_ns: figures.last_trace_ns,
            has_strays: figures.has_strays,
            calls: self.number_calls(&figures.calls),
            ..BlockEntry::default()
        };
        let BlockFigures { traces, keys, operations, .. } = figures;
        self.add_names(PartNames { operations, keys, left_out: 0 });
        self.append(entry, traces, &bytes, &bloom)
    }

    /// Writes a block of another part as it is. The names of its spans are added as those of all
    /// spans of the part, by [`PartWriter::add_names_of`].
    pub(crate) fn copy(&mut self, part: &SpanPart, entry: &BlockEntry) -> Result<()> {
        let (bytes, bloom) = part.whole(entry)?;
        let traces = part.block(entry)?.traces()?.ids.clone();
        let mut calls = Calls::default();
        part.add_calls(entry, &mut calls)?;
        let entry = BlockEntry { calls: self.number_calls(&calls), ..entry.clone() };
        self.append(entry, traces, &bytes, &bloom)
    }

    /// Adds the names of all spans of a part.
    pub(crate) fn add_names_of(&mut self, part: &SpanPart) -> Result<()> {
        self.add_names(part.names()?.clone());
        Ok(())
    }

    fn add_names(&mut self, more: PartNames) {
        self.names.left_out += more.left_out;
        for operation in more.operations {
            let fits = self.names.operations.len() < OPERATIONS_MAX;
            if fits || self.names.operations.contains(&operation) {
                self.names.operations.insert(operation);
            } else {
                self.names.left_out += 1;
            }
        }
        for key in more.keys {
            let fits = self.names.keys.len() < KEYS_MAX;
            if fits || self.names.keys.contains(&key) {
                self.names.keys.insert(key);
            } else {
                self.names.left_out += 1;
            }
        }
    }

    /// Calls with the numbers of their services; those that come most where there are too many.
    fn number_calls(&mut self, calls: &Calls) -> Vec<BlockCalls> {
        let mut pairs: Vec<_> = calls.0.iter().collect();
        if pairs.len() > PAIRS_PER_BLOCK_MAX {
            pairs.sort_by_key(|(_, (calls, _))| std::cmp::Reverse(*calls));
            self.names.left_out += (pairs.len() - PAIRS_PER_BLOCK_MAX) as u64;
            pairs.truncate(PAIRS_PER_BLOCK_MAX);
        }
        let number = |((caller, callee), (calls, errors)): (&(String, String), &(u64, u64))| {
            let (caller, callee) = (self.service(caller), self.service(callee));
            BlockCalls { caller, callee, calls: *calls, errors: *errors }
        };
        pairs.into_iter().map(number).collect()
    }

    fn service(&mut self, service: &str) -> u32 {
        if let Some(number) = self.services.get(service) {
            return *number;
        }
        let number = self.services.len() as u32;
        self.services.insert(service.to_owned(), number);
        number
    }

    fn append(
        &mut self,
        mut entry: BlockEntry,
        traces: Vec<TraceId>,
        bytes: &[u8],
        bloom: &[u8],
    ) -> Result<()> {
        entry.at = self.blocks.append(bytes)?;
        entry.bloom_at = self.blooms.append(bloom)?;
        let number = self.entries.len() as u32;
        self.traces.extend(traces.into_iter().map(|id| (id, number)));
        self.entries.push(entry);
        Ok(())
    }

    /// Writes the index and syncs all files. The directory is the caller's to sync.
    pub(crate) fn finish(self) -> Result<PartFigures> {
        let Self { directory, blocks, blooms, entries, traces, names, services, .. } = self;
        let (places, buckets) = places::encode(traces.into_iter());
        let mut bytes = blocks.finish()? + blooms.finish()?;
        let mut in_order = vec![String::new(); services.len()];
        for (service, number) in services {
            in_order[number as usize] = service;
        }
        let index = Index { blocks: entries, services: in_order, names, buckets };
        for (name, contents) in [(TRACES_FILE, places), (INDEX_FILE, index.encode()?)] {
            let mut file = Output::create(directory.join(name))?;
            file.append(&contents)?;
            bytes += file.finish()?;
        }
        let blocks = &index.blocks;
        Ok(PartFigures {
            min_ns: blocks.iter().map(|block| block.min_ns).min().unwrap_or_default(),
            max_ns: blocks.iter().map(|block| block.max_ns).max().unwrap_or_default(),
            rows: blocks.iter().map(|block| u64::from(block.rows)).sum(),
            bytes,
        })
    }
}
