//! Large records, written past the kernel's page cache: nobody reads the log again while the process
//! lives, and copying it into the cache costs more than all else that a write does.
//!
//! Such a write wants whole blocks, in memory as in the file. So a record is encoded where its group
//! fits around it, and is moved nowhere. Where anything is not as it must be, the ordinary way is
//! taken: this is about speed alone, and the files can be read either way.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::segment::{GROUP_HEADER_BYTES, GroupHeader};

/// What addresses, offsets and lengths of a direct write are multiples of: no smaller than the block
/// of any disk that is in use.
pub(super) const BLOCK_BYTES: usize = 4096;
/// The least bytes of a record that is worth a group and a sync of its own.
pub(super) const DIRECT_BYTES_MIN: usize = 128 << 10;
/// What stands before the only record of a group: the header and the record's length.
const FRONT_BYTES: usize = GROUP_HEADER_BYTES + 4;

/// A record on its way into the log.
#[derive(Debug)]
pub(crate) struct Payload {
    bytes: Vec<u8>,
    /// Where the record stands in them.
    record: Range<usize>,
}

impl Payload {
    /// Takes what `put` appends. A large record can be written directly if it has no more than
    /// `bytes_about` bytes; one that has more is good as well.
    pub(crate) fn encode(bytes_about: usize, put: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut bytes = if bytes_about < DIRECT_BYTES_MIN {
            Vec::with_capacity(bytes_about)
        } else {
            // The first block begins somewhere in the first, the last is filled up.
            let mut bytes = Vec::<u8>::with_capacity(bytes_about + FRONT_BYTES + 2 * BLOCK_BYTES);
            let address = bytes.as_ptr().addr();
            let start = address.next_multiple_of(BLOCK_BYTES) - address;
            bytes.resize(start + FRONT_BYTES, 0);
            bytes
        };
        let start = bytes.len();
        put(&mut bytes);
        let record = start..bytes.len();
        Self { bytes, record }
    }

    /// The record.
    pub(super) fn record(&self) -> &[u8] {
        &self.bytes[self.record.clone()]
    }

    /// Bytes of the record.
    pub(crate) fn len(&self) -> usize {
        self.record.len()
    }

    /// Where a group of this record alone stands in the bytes, in whole blocks, if it can. It can not
    /// if the record is small, or has outgrown its place and was moved.
    pub(super) fn blocks(&self) -> Option<Range<usize>> {
        let start = self.record.start.checked_sub(FRONT_BYTES)?;
        let end = start + (self.record.end - start).next_multiple_of(BLOCK_BYTES);
        let is_placed = (self.bytes.as_ptr().addr() + start).is_multiple_of(BLOCK_BYTES)
            && end <= self.bytes.capacity();
        (is_placed && self.len() >= DIRECT_BYTES_MIN).then_some(start..end)
    }

    /// A group of this record alone in its blocks. Its body ends in zeros, up to the end of the last.
    pub(super) fn group(&mut self, blocks: Range<usize>, first_sequence: u64) -> &[u8] {
        let length = (self.len() as u32).to_le_bytes();
        self.bytes.resize(blocks.end, 0);
        let group = &mut self.bytes[blocks];
        group[GROUP_HEADER_BYTES..FRONT_BYTES].copy_from_slice(&length);
        let (header, body) = group.split_at_mut(GROUP_HEADER_BYTES);
        header.copy_from_slice(&header_of(first_sequence, 1, body));
        group
    }
}

fn header_of(first_sequence: u64, records: u32, body: &[u8]) -> [u8; GROUP_HEADER_BYTES] {
    let body_crc = crc32c::crc32c(body);
    GroupHeader { first_sequence, records, body_bytes: body.len() as u64, body_crc }.encode()
}

/// The first offset from `offset` on where a direct write may begin: either this one, or one up to
/// which there is room for a filler.
pub(super) fn block_from(offset: u64) -> u64 {
    let block = BLOCK_BYTES as u64;
    if offset.is_multiple_of(block) {
        offset
    } else {
        (offset + GROUP_HEADER_BYTES as u64).next_multiple_of(block)
    }
}

/// A group without records that leads from the end of a group to where a direct write begins.
pub(super) fn filler(next_sequence: u64, bytes: u64) -> Vec<u8> {
    let mut group = vec![0; bytes as usize];
    let (header, body) = group.split_at_mut(GROUP_HEADER_BYTES);
    header.copy_from_slice(&header_of(next_sequence, 0, body));
    group
}

/// The way past the page cache into a segment.
#[derive(Debug, Default)]
pub(super) struct Direct {
    way: Way,
    /// Groups that went this way.
    pub(super) groups: u64,
}

#[derive(Debug, Default)]
enum Way {
    #[default]
    Untried,
    Open(File),
    /// The file system has none.
    Closed,
}

impl Direct {
    /// Whether there may be a way.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.way, Way::Closed)
    }

    /// The next write goes into another segment.
    pub(super) fn change_segment(&mut self) {
        if self.is_open() {
            self.way = Way::Untried;
        }
    }

    /// Writes whole blocks into the segment at `path`, and through `file` (the same segment) if the
    /// file system takes none directly; then so for as long as this lives.
    pub(super) fn write(
        &mut self,
        file: &File,
        path: &Path,
        blocks: &[u8],
        offset: u64,
    ) -> std::io::Result<()> {
        if let Way::Untried = self.way {
            self.way = open(path).map_or_else(|error| close(path, &error), Way::Open);
        }
        if let Way::Open(direct) = &self.way {
            match direct.write_all_at(blocks, offset) {
                // Some open the file like this and refuse only the write.
                Err(error)
                    if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) =>
                {
                    self.way = close(path, &error);
                }
                outcome => {
                    self.groups += u64::from(outcome.is_ok());
                    return outcome;
                }
            }
        }
        file.write_all_at(blocks, offset)
    }
}

fn close(path: &Path, error: &std::io::Error) -> Way {
    tracing::info!(
        file = %path.display(),
        %error,
        "the file system takes no direct writes; the write-ahead log goes through the page cache"
    );
    Way::Closed
}

#[cfg(target_os = "linux")]
fn open(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let direct = rustix::fs::OFlags::DIRECT.bits() as i32;
    OpenOptions::new().write(true).custom_flags(direct).open(path)
}

#[cfg(not(target_os = "linux"))]
fn open(_path: &Path) -> std::io::Result<File> {
    Err(ErrorKind::Unsupported.into())
}
