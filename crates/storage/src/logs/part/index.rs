//! The index of a part: its streams, and of each block where it is and what it holds.

use std::sync::Arc;

use watchkeep_model::labels::write_varint;
use watchkeep_model::{Result, stream};

use crate::logs::select::StreamName;
use crate::metrics::column::zigzag;
use crate::part_file::{IndexReader, pack_index, unpack_index, write_text};

const MAGIC: [u8; 8] = *b"WKLOGIX\x01";

/// What the file `index` says.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Sorted by their texts.
    pub(super) streams: Vec<StreamName>,
    pub(super) blocks: Vec<BlockEntry>,
}

/// A block as the index knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockEntry {
    pub(super) at: u64,
    pub(super) bytes: u32,
    pub(super) head_bytes: u32,
    pub(super) checksum: u32,
    pub(super) bloom_at: u64,
    pub(super) bloom_bytes: u32,
    pub(super) bloom_checksum: u32,
    pub(super) salt: u64,
    /// Rows of all its streams.
    pub(crate) rows: u32,
    /// Earliest instant of a row.
    pub(crate) min_ns: i64,
    /// Latest instant of a row.
    pub(crate) max_ns: i64,
    /// Its streams in the order of their rows.
    pub(crate) streams: Vec<BlockStream>,
}

/// The rows of a stream in a block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BlockStream {
    /// Its number in the part.
    pub(crate) stream: u32,
    pub(crate) rows: u32,
    /// Bytes of bodies.
    pub(crate) body_bytes: u64,
    /// Bytes of bodies and of the keys and values of attributes.
    pub(crate) bytes: u64,
    pub(crate) min_ns: i64,
    pub(crate) max_ns: i64,
}

impl Index {
    /// The file's bytes.
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        write_varint(&mut body, self.streams.len() as u64);
        for stream in &self.streams {
            write_text(&mut body, &stream.text);
        }
        write_varint(&mut body, self.blocks.len() as u64);
        for block in &self.blocks {
            block.encode(&mut body);
        }
        pack_index(MAGIC, &body)
    }

    /// Reads what [`Index::encode`] wrote.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        unpack_index(MAGIC, bytes, index)
    }
}

impl BlockEntry {
    fn encode(&self, out: &mut Vec<u8>) {
        for number in [
            self.at,
            u64::from(self.bytes),
            u64::from(self.head_bytes),
            u64::from(self.checksum),
            self.bloom_at,
            u64::from(self.bloom_bytes),
            u64::from(self.bloom_checksum),
            self.salt,
            u64::from(self.rows),
            zigzag(self.min_ns),
            zigzag(self.max_ns.wrapping_sub(self.min_ns)),
            self.streams.len() as u64,
        ] {
            write_varint(out, number);
        }
        for stream in &self.streams {
            for number in [
                u64::from(stream.stream),
                u64::from(stream.rows),
                stream.body_bytes,
                stream.bytes.wrapping_sub(stream.body_bytes),
                zigzag(stream.min_ns.wrapping_sub(self.min_ns)),
                zigzag(self.max_ns.wrapping_sub(stream.max_ns)),
            ] {
                write_varint(out, number);
            }
        }
    }
}

fn index(reader: &mut IndexReader<'_>) -> Option<Index> {
    let streams = reader.list(read_stream)?;
    let blocks = reader.list(read_block)?;
    let known = |block: &BlockEntry| {
        block.streams.iter().all(|stream| (stream.stream as usize) < streams.len())
    };
    blocks.iter().all(known).then_some(Index { streams, blocks })
}

fn read_stream(reader: &mut IndexReader<'_>) -> Option<StreamName> {
    let text = reader.text()?;
    let labels = stream::from_text(text).unwrap_or_default();
    Some(StreamName { text: text.into(), labels: Arc::new(labels) })
}

fn read_block(reader: &mut IndexReader<'_>) -> Option<BlockEntry> {
    let (at, bytes, head_bytes, checksum) =
        (reader.number()?, reader.small()?, reader.small()?, reader.small()?);
    let (bloom_at, bloom_bytes, bloom_checksum) =
        (reader.number()?, reader.small()?, reader.small()?);
    let (salt, rows) = (reader.number()?, reader.small()?);
    let min_ns = reader.signed()?;
    let max_ns = min_ns.wrapping_add(reader.signed()?);
    let streams = reader.list(|reader| {
        let (stream, rows) = (reader.small()?, reader.small()?);
        let body_bytes = reader.number()?;
        let bytes = body_bytes.wrapping_add(reader.number()?);
        let from_ns = min_ns.wrapping_add(reader.signed()?);
        let to_ns = max_ns.wrapping_sub(reader.signed()?);
        Some(BlockStream { stream, rows, body_bytes, bytes, min_ns: from_ns, max_ns: to_ns })
    })?;
    Some(BlockEntry {
        at,
        bytes,
        head_bytes,
        checksum,
        bloom_at,
        bloom_bytes,
        bloom_checksum,
        salt,
        rows,
        min_ns,
        max_ns,
        streams,
    })
}
