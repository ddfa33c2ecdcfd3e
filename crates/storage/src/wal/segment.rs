//! The byte form of segments and groups. Drawn in `docs/formats/wal.md`.

use std::path::{Path, PathBuf};

use watchkeep_model::error::IoContext;
use watchkeep_model::{Error, Result};

/// Length of the header at the start of a segment.
pub(super) const SEGMENT_HEADER_BYTES: usize = 64;
/// Length of the header of a group.
pub(super) const GROUP_HEADER_BYTES: usize = 32;
/// Groups start at multiples of this.
pub(super) const GROUP_ALIGNMENT: u64 = 8;

const SEGMENT_MAGIC: &[u8; 8] = b"WKWAL\0\0\x01";
const GROUP_MAGIC: u32 = u32::from_le_bytes(*b"WKGR");

/// What a segment's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// Number of the segment, rising.
    pub(super) number: u64,
    /// Sequence number of the first record that the segment holds or will hold.
    pub(super) first_sequence: u64,
}

impl SegmentHeader {
    pub(super) fn encode(self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..8].copy_from_slice(SEGMENT_MAGIC);
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first_sequence.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..SEGMENT_HEADER_BYTES - 4]);
        bytes[SEGMENT_HEADER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` where the bytes are no sound header: the segment was never begun.
    pub(super) fn decode(bytes: &[u8; SEGMENT_HEADER_BYTES]) -> Option<Self> {
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        let sound =
            body.starts_with(SEGMENT_MAGIC) && crc32c::crc32c(body) == u32::from_le_bytes(*crc);
        let number = |at: usize| bytes[at..at + 8].try_into().map(u64::from_le_bytes).ok();
        sound.then_some(Self { number: number(8)?, first_sequence: number(16)? })
    }
}

/// What a group's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GroupHeader {
    /// Sequence number of the first record.
    pub(super) first_sequence: u64,
    /// Number of records.
    pub(super) records: u32,
    /// Bytes of the records with their lengths, without padding.
    pub(super) body_bytes: u64,
    /// crc32c of the body.
    pub(super) body_crc: u32,
}

impl GroupHeader {
    pub(super) fn encode(self) -> [u8; GROUP_HEADER_BYTES] {
        let mut bytes = [0; GROUP_HEADER_BYTES];
        bytes[..4].copy_from_slice(&GROUP_MAGIC.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.records.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.first_sequence.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.body_crc.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..28]);
        bytes[28..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` where the bytes are no sound header.
    pub(super) fn decode(bytes: &[u8; GROUP_HEADER_BYTES]) -> Option<Self> {
        let word = |at: usize| bytes[at..at + 4].try_into().map(u32::from_le_bytes).ok();
        let long = |at: usize| bytes[at..at + 8].try_into().map(u64::from_le_bytes).ok();
        let sound = word(0)? == GROUP_MAGIC && crc32c::crc32c(&bytes[..28]) == word(28)?;
        sound.then_some(Self {
            records: word(4)?,
            first_sequence: long(8)?,
            body_bytes: long(16)?,
            body_crc: word(24)?,
        })
    }
}

/// Where the group after one that starts at `offset` would start.
pub(super) fn next_group(offset: u64, body_bytes: u64) -> u64 {
    (offset + GROUP_HEADER_BYTES as u64 + body_bytes).next_multiple_of(GROUP_ALIGNMENT)
}

/// The file of a segment.
pub(super) fn path_of(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:016x}.wal"))
}

/// The files in a directory of segments.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Segments by rising number.
    pub(super) segments: Vec<(u64, PathBuf)>,
    /// Files that hold nothing.
    pub(super) spares: Vec<PathBuf>,
}

/// Looks what is there.
pub(super) fn list(directory: &Path) -> Result<Files> {
    let failed = || format!("cannot list {}", directory.display());
    let mut files = Files::default();
    for entry in std::fs::read_dir(directory).context(failed)? {
        let path = entry.context(failed)?.path();
        let part = |of: Option<&std::ffi::OsStr>| {
            of.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let (digits, kind) = (part(path.file_stem()), part(path.extension()));
        if kind == "wal" {
            let number = u64::from_str_radix(&digits, 16).map_err(|error| {
                Error::corrupt(format!("{} is not a segment's name", path.display()))
                    .with_source(error)
            })?;
            files.segments.push((number, path));
        } else if kind == "spare" || kind == "filling" {
            files.spares.push(path);
        }
    }
    files.segments.sort_unstable();
    Ok(files)
}
