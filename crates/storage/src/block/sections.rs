//! The frame of a block: a head that says what there is, and sections that are read when needed.
//! Every section has a checksum, so that what is read is checked and nothing else is read.

use std::fmt::Debug;
use std::ops::Range;

use bytes::Bytes;
use watchkeep_model::labels::{read_varint, write_varint};
use watchkeep_model::{Error, Result};

use crate::metrics::column::{unzigzag, zigzag};
use crate::unpack::decompress;

/// What a block begins with: kind and version.
pub(crate) type Magic = [u8; 8];
/// Magic, length and checksum of the head.
const PREFIX: usize = 16;
/// Sections up to so many bytes stand in the head.
const INLINE_MAX: usize = 64;
/// Measured: level 3 makes a block 0.1 % smaller.
const LEVEL: i32 = 1;

/// Where the bytes of a block come from.
pub(crate) trait BlockSource: Send + Sync + Debug {
    /// Bytes of the block, `range` counted from its start.
    fn read(&self, range: Range<usize>) -> Result<Bytes>;

    /// So many bytes of what was read are kept in memory, about.
    fn note(&self, _bytes: usize) {}
}

impl BlockSource for Bytes {
    fn read(&self, range: Range<usize>) -> Result<Bytes> {
        if range.start > range.end || range.end > self.len() {
            return Err(Error::corrupt("a section lies outside of its block"));
        }
        Ok(self.slice(range))
    }
}

/// What stands in a head in place of a section.
#[derive(Debug, Clone)]
pub(crate) enum Section {
    Inline(Vec<u8>),
    At { range: Range<usize>, checksum: u32 },
}

impl Section {
    /// The contents.
    pub(crate) fn read(&self, source: &dyn BlockSource) -> Result<Bytes> {
        match self {
            Self::Inline(bytes) => Ok(Bytes::copy_from_slice(bytes)),
            Self::At { range, checksum } => {
                let bytes = source.read(range.clone())?;
                if bytes.len() != range.len() || !is_sum(crc32c::crc32c(&bytes), *checksum) {
                    return Err(corrupt("the checksum of a section is wrong"));
                }
                source.note(bytes.len());
                Ok(bytes)
            }
        }
    }
}

#[cfg(test)]
thread_local! {
    /// Takes every checksum for right: so tests reach what lies behind them with damaged bytes.
    pub(crate) static UNCHECKED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

fn is_sum(found: u32, stored: u32) -> bool {
    #[cfg(test)]
    if UNCHECKED.get() {
        return true;
    }
    found == stored
}

pub(crate) fn corrupt(what: &str) -> Error {
    Error::corrupt(format!("a block is damaged: {what}"))
}

/// Writes a block.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Writer {
    pub(crate) fn byte(&mut self, byte: u8) {
        self.head.push(byte);
    }

    pub(crate) fn varint(&mut self, value: u64) {
        write_varint(&mut self.head, value);
    }

    pub(crate) fn size(&mut self, value: usize) {
        self.varint(value as u64);
    }

    pub(crate) fn signed(&mut self, value: i64) {
        self.varint(zigzag(value));
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.size(text.len());
        self.head.extend_from_slice(text.as_bytes());
    }

    /// Writes a section and, in the head, where it is.
    pub(crate) fn section(&mut self, bytes: &[u8]) {
        let inline = bytes.len() <= INLINE_MAX;
        self.varint((bytes.len() as u64) << 1 | u64::from(inline));
        if inline {
            self.head.extend_from_slice(bytes);
        } else {
            self.head.extend_from_slice(&crc32c::crc32c(bytes).to_le_bytes());
            self.body.extend_from_slice(bytes);
        }
    }

    /// Writes bytes as a section, compressed where that helps.
    pub(crate) fn compressed(&mut self, bytes: &[u8]) -> Result<()> {
        self.size(bytes.len());
        let packed = if bytes.len() <= INLINE_MAX { None } else { Some(compress(bytes)?) };
        if let Some(packed) = packed.filter(|packed| packed.len() < bytes.len()) {
            self.byte(1);
            self.section(&packed);
        } else {
            self.byte(0);
            self.section(bytes);
        }
        Ok(())
    }

    /// The block, and how many bytes of it are the head.
    pub(crate) fn finish(self, magic: Magic) -> (Vec<u8>, usize) {
        let head_bytes = PREFIX + self.head.len();
        let mut bytes = Vec::with_capacity(head_bytes + self.body.len());
        bytes.extend_from_slice(&magic);
        bytes.extend_from_slice(&(self.head.len() as u32).to_le_bytes());
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes), &self.head);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes.extend_from_slice(&self.head);
        bytes.extend_from_slice(&self.body);
        (bytes, head_bytes)
    }
}

/// Packs bytes, with a context that each thread keeps.
pub(crate) fn compress(bytes: &[u8]) -> Result<Vec<u8>> {
    thread_local! {
        static CONTEXT: std::cell::RefCell<Option<zstd::bulk::Compressor<'static>>> =
            const { std::cell::RefCell::new(None) };
    }
    let failed = |error| Error::internal("cannot compress a section").with_source(error);
    CONTEXT.with_borrow_mut(|context| {
        let compressor = match context {
            Some(compressor) => compressor,
            None => context.insert(zstd::bulk::Compressor::new(LEVEL).map_err(failed)?),
        };
        compressor.compress(bytes).map_err(failed)
    })
}

/// Contents that may be compressed.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    len: usize,
    compressed: bool,
    section: Section,
}

impl Packed {
    /// Bytes of the contents.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn read(&self, source: &dyn BlockSource) -> Result<Vec<u8>> {
        let bytes = self.section.read(source)?;
        if self.compressed {
            source.note(self.len);
            decompress(&bytes, self.len)
                .map_err(|error| corrupt("a section does not decompress").with_source(error))
        } else if bytes.len() == self.len {
            Ok(bytes.into())
        } else {
            Err(corrupt("a section has another length than it should"))
        }
    }

    pub(crate) fn read_text(&self, source: &dyn BlockSource) -> Result<String> {
        String::from_utf8(self.read(source)?).map_err(|_| corrupt("a text is not UTF-8"))
    }
}

/// Reads a head.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    rest: &'a [u8],
    /// Where the next section begins in the block.
    at: usize,
}

/// The head of a block, checked.
pub(crate) fn read_head(
    source: &dyn BlockSource,
    head_bytes: usize,
    magic: Magic,
) -> Result<Bytes> {
    let bytes = source.read(0..head_bytes)?;
    let (Some(prefix), Some(head)) = (bytes.first_chunk::<PREFIX>(), bytes.get(PREFIX..)) else {
        return Err(corrupt("it is too short"));
    };
    let (found, rest) = prefix.split_at(magic.len());
    let (len, checksum) = rest.split_at(4);
    if found != magic {
        return Err(corrupt("it is none, or of a version that is not known"));
    }
    if len != (head.len() as u32).to_le_bytes() {
        return Err(corrupt("its head has another length than it should"));
    }
    let sum = crc32c::crc32c_append(crc32c::crc32c(&prefix[..12]), head);
    if !is_sum(sum, checksum.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))) {
        return Err(corrupt("the checksum of its head is wrong"));
    }
    Ok(bytes.slice(PREFIX..))
}

impl<'a> Head<'a> {
    pub(crate) fn new(head: &'a [u8]) -> Self {
        Self { rest: head, at: PREFIX + head.len() }
    }

    fn cut() -> Error {
        corrupt("its head ends early")
    }

    pub(crate) fn byte(&mut self) -> Result<u8> {
        let (byte, rest) = self.rest.split_first().ok_or_else(Self::cut)?;
        self.rest = rest;
        Ok(*byte)
    }

    pub(crate) fn varint(&mut self) -> Result<u64> {
        read_varint(&mut self.rest).ok_or_else(Self::cut)
    }

    pub(crate) fn signed(&mut self) -> Result<i64> {
        self.varint().map(unzigzag)
    }

    pub(crate) fn size(&mut self) -> Result<usize> {
        usize::try_from(self.varint()?).map_err(|_| corrupt("a size is out of range"))
    }

    /// How many things follow, each at least a byte of the head.
    pub(crate) fn count(&mut self) -> Result<usize> {
        let count = self.size()?;
        if count > self.rest.len() {
            return Err(Self::cut());
        }
        Ok(count)
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or_else(Self::cut)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str> {
        let len = self.size()?;
        let bytes = self.bytes(len)?;
        std::str::from_utf8(bytes).map_err(|_| corrupt("a text is not UTF-8"))
    }

    pub(crate) fn section(&mut self) -> Result<Section> {
        let tag = self.varint()?;
        let len = usize::try_from(tag >> 1).map_err(|_| Self::cut())?;
        if tag & 1 == 1 {
            return Ok(Section::Inline(self.bytes(len)?.to_vec()));
        }
        let checksum = self.bytes(4)?.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let end = self.at.checked_add(len).ok_or_else(Self::cut)?;
        let range = self.at..end;
        self.at = end;
        Ok(Section::At { range, checksum })
    }

    pub(crate) fn packed(&mut self) -> Result<Packed> {
        let len = self.size()?;
        let compressed = self.byte()? == 1;
        Ok(Packed { len, compressed, section: self.section()? })
    }
}
