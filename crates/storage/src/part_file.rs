//! The files of parts that are made of blocks: blocks and Bloom filters end to end, and an index that
//! says where they are. What logs and spans keep in an index is their own.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use watchkeep_model::error::IoContext;
use watchkeep_model::labels::{read_varint, write_varint};
use watchkeep_model::{Error, Result};

use crate::block::{BlockSource, Meter};
use crate::metrics::column::unzigzag;
use crate::unpack::decompress;

/// Blocks end to end.
pub(crate) const BLOCKS_FILE: &str = "blocks";
/// Their Bloom filters.
pub(crate) const BLOOMS_FILE: &str = "blooms";
/// Where they are, and what they hold.
pub(crate) const INDEX_FILE: &str = "index";
/// Measured on parts of 24 streams of logs and of 20,000: more saves nothing.
const LEVEL: i32 = 1;
/// The most bytes that an index may take uncompressed.
const INDEX_BYTES_MAX: usize = 1 << 30;
/// The most that is set aside for a list before it is seen.
const AHEAD_MAX: usize = 1 << 16;

/// What the manifest keeps of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartFigures {
    /// Earliest instant of a row.
    pub(crate) min_ns: i64,
    /// Latest instant of a row.
    pub(crate) max_ns: i64,
    /// Number of rows.
    pub(crate) rows: u64,
    /// Bytes of all files.
    pub(crate) bytes: u64,
}

/// A file of a part. What is in it is checked by those who read it.
#[derive(Debug)]
pub(crate) struct PartFile {
    file: File,
    path: PathBuf,
}

impl PartFile {
    /// Opens it.
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        let file = File::open(&path).context(|| format!("cannot open {}", path.display()))?;
        Ok(Self { file, path })
    }

    /// Reads bytes, wherever they are.
    pub(crate) fn read(&self, at: u64, bytes: usize) -> Result<Vec<u8>> {
        let mut buffer = vec![0; bytes];
        match self.file.read_exact_at(&mut buffer, at) {
            Ok(()) => Ok(buffer),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Err(Error::corrupt(format!(
                    "{} ends before the {bytes} bytes at offset {at} that its index names",
                    self.path.display()
                )))
            }
            Err(error) => {
                Err(error).context(|| format!("cannot read {} at offset {at}", self.path.display()))
            }
        }
    }

    /// Reads what has a checksum in the index.
    pub(crate) fn read_checked(&self, at: u64, bytes: usize, checksum: u32) -> Result<Vec<u8>> {
        let read = self.read(at, bytes)?;
        if crc32c::crc32c(&read) != checksum {
            return Err(Error::corrupt(format!(
                "{} is damaged: the checksum of the {bytes} bytes at offset {at} differs",
                self.path.display()
            )));
        }
        Ok(read)
    }

    /// A block of the file; what is kept of it in memory is counted where it is asked to.
    pub(crate) fn block(
        self: &Arc<Self>,
        at: u64,
        bytes: usize,
        meter: Option<&Meter>,
    ) -> Arc<dyn BlockSource> {
        let meter = meter.map(|meter| (meter.clone(), AtomicUsize::new(0)));
        Arc::new(BlockPlace { file: Arc::clone(self), at, bytes, meter })
    }
}

/// A block's place in its file.
#[derive(Debug)]
struct BlockPlace {
    file: Arc<PartFile>,
    at: u64,
    bytes: usize,
    /// What counts, and what was counted.
    meter: Option<(Meter, AtomicUsize)>,
}

impl BlockSource for BlockPlace {
    fn read(&self, range: Range<usize>) -> Result<Bytes> {
        if range.start > range.end || range.end > self.bytes {
            return Err(Error::corrupt(format!(
                "a block of {} refers to bytes past its end",
                self.file.path.display()
            )));
        }
        self.file.read(self.at + range.start as u64, range.len()).map(Bytes::from)
    }

    fn note(&self, bytes: usize) {
        if let Some((meter, noted)) = &self.meter {
            noted.fetch_add(bytes, Ordering::Relaxed);
            meter.add(bytes);
        }
    }
}

impl Drop for BlockPlace {
    fn drop(&mut self) {
        if let Some((meter, noted)) = &mut self.meter {
            meter.take_back(*noted.get_mut());
        }
    }
}

/// A file of a part that is being written.
#[derive(Debug)]
pub(crate) struct Output {
    file: BufWriter<File>,
    path: PathBuf,
    bytes: u64,
}

impl Output {
    /// Begins it; there must be none.
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        let file =
            File::create_new(&path).context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { file: BufWriter::with_capacity(1 << 16, file), path, bytes: 0 })
    }

    /// Appends bytes and says where they are.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<u64> {
        let at = self.bytes;
        self.file.write_all(bytes).context(|| format!("cannot write {}", self.path.display()))?;
        self.bytes += bytes.len() as u64;
        Ok(at)
    }

    /// Syncs it, and says how long it is.
    pub(crate) fn finish(mut self) -> Result<u64> {
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .context(|| format!("cannot write {}", self.path.display()))?;
        Ok(self.bytes)
    }
}

fn damaged(why: &str) -> Error {
    Error::corrupt(format!("an index of a part is damaged: {why}"))
}

/// The bytes of an index file: kind and version, length, compressed body, checksum.
pub(crate) fn pack_index(magic: [u8; 8], body: &[u8]) -> Result<Vec<u8>> {
    let packed = zstd::bulk::compress(body, LEVEL)
        .map_err(|error| Error::internal("cannot compress an index").with_source(error))?;
    let mut out = Vec::with_capacity(magic.len() + 8 + packed.len() + 4);
    out.extend_from_slice(&magic);
    out.extend_from_slice(&(body.len() as u64).to_le_bytes());
    out.extend_from_slice(&packed);
    let checksum = crc32c::crc32c(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    Ok(out)
}

/// Reads what [`pack_index`] wrote; `read` takes the body, all of it.
pub(crate) fn unpack_index<T>(
    magic: [u8; 8],
    bytes: &[u8],
    read: impl FnOnce(&mut IndexReader<'_>) -> Option<T>,
) -> Result<T> {
    let (rest, stated) = bytes.split_last_chunk::<4>().ok_or_else(|| damaged("it is cut"))?;
    if crc32c::crc32c(rest) != u32::from_le_bytes(*stated) {
        return Err(damaged("its checksum differs"));
    }
    let rest =
        rest.strip_prefix(&magic).ok_or_else(|| damaged("it is of another version, or none"))?;
    let (len, packed) = rest.split_first_chunk::<8>().ok_or_else(|| damaged("it is cut"))?;
    let len = usize::try_from(u64::from_le_bytes(*len)).unwrap_or(usize::MAX);
    if len > INDEX_BYTES_MAX {
        return Err(damaged("it is too long"));
    }
    let body = decompress(packed, len)
        .map_err(|error| damaged("it cannot be unpacked").with_source(error))?;
    let mut reader = IndexReader { rest: &body };
    let index = read(&mut reader).ok_or_else(|| damaged("what it lists makes no sense"))?;
    if reader.rest.is_empty() { Ok(index) } else { Err(damaged("it has bytes left over")) }
}

/// Writes a text of an index.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    write_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Reads the body of an index; `None` where it makes no sense.
#[derive(Debug)]
pub(crate) struct IndexReader<'a> {
    rest: &'a [u8],
}

impl<'a> IndexReader<'a> {
    /// A number.
    pub(crate) fn number(&mut self) -> Option<u64> {
        read_varint(&mut self.rest)
    }

    /// A number of 32 bits.
    pub(crate) fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    /// A number that may be negative.
    pub(crate) fn signed(&mut self) -> Option<i64> {
        Some(unzigzag(self.number()?))
    }

    /// Elements of a list, of which each takes at least a byte.
    pub(crate) fn list<T>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
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

    /// A byte.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    /// What [`write_text`] wrote.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let len = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        std::str::from_utf8(text).ok()
    }
}
