//! The index of a part: its streams, and of each block where it is and what it holds.

use std::sync::Arc;

use watchkeep_model::labels::{read_varint, write_varint};
use watchkeep_model::{Error, Result, stream};

use crate::logs::select::StreamName;
use crate::metrics::column::{unzigzag, zigzag};

const MAGIC: &[u8; 8] = b"WKLOGIX\x01";
/// Measured on parts of 24 streams and of 20,000: more saves nothing.
const LEVEL: i32 = 1;
/// The most bytes that an index may take uncompressed.
const BYTES_MAX: usize = 1 << 30;
/// The most that is set aside for a list before it is seen.
const AHEAD_MAX: usize = 1 << 16;

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

fn damaged(why: &str) -> Error {
    Error::corrupt(format!("an index of log records is damaged: {why}"))
}

impl Index {
    /// The file's bytes.
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        write_varint(&mut body, self.streams.len() as u64);
        for stream in &self.streams {
            write_varint(&mut body, stream.text.len() as u64);
            body.extend_from_slice(stream.text.as_bytes());
        }
        write_varint(&mut body, self.blocks.len() as u64);
        for block in &self.blocks {
            block.encode(&mut body);
        }
        let packed = zstd::bulk::compress(&body, LEVEL)
            .map_err(|error| Error::internal("cannot compress an index").with_source(error))?;
        let mut out = Vec::with_capacity(MAGIC.len() + 8 + packed.len() + 4);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&(body.len() as u64).to_le_bytes());
        out.extend_from_slice(&packed);
        let checksum = crc32c::crc32c(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        Ok(out)
    }

    /// Reads what [`Index::encode`] wrote.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        let (rest, stated) = bytes.split_last_chunk::<4>().ok_or_else(|| damaged("it is cut"))?;
        if crc32c::crc32c(rest) != u32::from_le_bytes(*stated) {
            return Err(damaged("its checksum differs"));
        }
        let rest =
            rest.strip_prefix(MAGIC).ok_or_else(|| damaged("it is of another version, or none"))?;
        let (len, packed) = rest.split_first_chunk::<8>().ok_or_else(|| damaged("it is cut"))?;
        let len = usize::try_from(u64::from_le_bytes(*len)).unwrap_or(usize::MAX);
        if len > BYTES_MAX {
            return Err(damaged("it is too long"));
        }
        let body = zstd::bulk::decompress(packed, len)
            .map_err(|error| damaged("it cannot be unpacked").with_source(error))?;
        let mut reader = Reader { rest: &body };
        let index = reader.index().ok_or_else(|| damaged("what it lists makes no sense"))?;
        if reader.rest.is_empty() { Ok(index) } else { Err(damaged("it has bytes left over")) }
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

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn number(&mut self) -> Option<u64> {
        read_varint(&mut self.rest)
    }

    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    fn signed(&mut self) -> Option<i64> {
        Some(unzigzag(self.number()?))
    }

    /// Elements of a list, of which each takes at least a byte.
    fn list<T>(&mut self, mut element: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let len = usize::try_from(self.number()?).ok()?;
        if len > self.rest.len() {
            return None;
        }
        let mut list = Vec::with_capacity(len.min(AHEAD_MAX));
        for _ in 0..len {
            list.push(element(self)?);
        }
        Some(list)
    }

    fn index(&mut self) -> Option<Index> {
        let streams = self.list(Self::stream)?;
        let blocks = self.list(Self::block)?;
        let known = |block: &BlockEntry| {
            block.streams.iter().all(|stream| (stream.stream as usize) < streams.len())
        };
        blocks.iter().all(known).then_some(Index { streams, blocks })
    }

    fn stream(&mut self) -> Option<StreamName> {
        let len = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        let text = std::str::from_utf8(text).ok()?;
        let labels = stream::from_text(text).unwrap_or_default();
        Some(StreamName { text: text.into(), labels: Arc::new(labels) })
    }

    fn block(&mut self) -> Option<BlockEntry> {
        let (at, bytes, head_bytes, checksum) =
            (self.number()?, self.small()?, self.small()?, self.small()?);
        let (bloom_at, bloom_bytes, bloom_checksum) =
            (self.number()?, self.small()?, self.small()?);
        let (salt, rows) = (self.number()?, self.small()?);
        let min_ns = self.signed()?;
        let max_ns = min_ns.wrapping_add(self.signed()?);
        let streams = self.list(|reader| {
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
}
