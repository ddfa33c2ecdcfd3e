//! The file of a part as bytes: a header, frames end to end, a footer. Every byte belongs to
//! something with a checksum, and a length is believed only after it was compared with the size of
//! the file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use watchkeep_model::error::IoContext;
use watchkeep_model::labels::read_varint;
use watchkeep_model::{Error, Result};

use super::super::column::unzigzag;

/// The one file of a part.
pub(super) const FILE_NAME: &str = "metrics.wkm";
const VERSION: u32 = 2;
const HEADER_MAGIC: &[u8; 8] = b"WKMETRIC";
const FOOTER_MAGIC: &[u8; 8] = b"WKMETEND";
const HEADER_LEN: u64 = 16;
const FOOTER_LEN: u64 = 32;
/// Kind, length, checksum.
const FRAME_HEAD: usize = 9;
/// What a first read takes in, in the hope that it is the whole frame.
const READ_AHEAD: usize = 1024;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// One column of timestamps.
    Times = 1,
    /// Values of segments that are much alike.
    Group = 2,
    /// One column of start timestamps.
    Starts = 3,
    /// Encoded histograms.
    Histograms = 4,
    /// Exemplars of one series.
    Exemplars = 5,
    /// Labels of a block of series, and where their data is.
    Series = 6,
    /// Values of one label, and the series that have them.
    Postings = 7,
    /// Metric families.
    Metadata = 8,
    /// Where the frames of kinds 2 and 6 to 8 are, and figures.
    Directory = 9,
}

/// A part file that is being written.
#[derive(Debug)]
pub(super) struct Output {
    out: BufWriter<File>,
    path: PathBuf,
    offset: u64,
}

impl Output {
    pub(super) fn create(directory: &Path) -> Result<Self> {
        let path = directory.join(FILE_NAME);
        let file = File::create_new(&path)
            .context(|| format!("cannot create the part file {}", path.display()))?;
        let mut output = Self { out: BufWriter::with_capacity(1 << 18, file), path, offset: 0 };
        let mut header = HEADER_MAGIC.to_vec();
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&crc32c::crc32c(&header).to_le_bytes());
        output.write(&header)?;
        Ok(output)
    }

    /// Appends a frame; gives its offset.
    pub(super) fn frame(&mut self, kind: Kind, payload: &[u8]) -> Result<u64> {
        let at = self.offset;
        let len = u32::try_from(payload.len()).map_err(|_| {
            Error::internal(format!("a frame of {} bytes is too long for a part", payload.len()))
        })?;
        let mut head = [0; FRAME_HEAD];
        head[0] = kind as u8;
        head[1..5].copy_from_slice(&len.to_le_bytes());
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&head[..5]), payload);
        head[5..].copy_from_slice(&checksum.to_le_bytes());
        self.write(&head)?;
        self.write(payload)?;
        Ok(at)
    }

    /// Writes the footer and syncs; gives the size of the file.
    pub(super) fn finish(mut self, directory_at: u64) -> Result<u64> {
        let size = self.offset + FOOTER_LEN;
        let mut footer = Vec::with_capacity(FOOTER_LEN as usize);
        footer.extend_from_slice(&directory_at.to_le_bytes());
        footer.extend_from_slice(&size.to_le_bytes());
        footer.extend_from_slice(&VERSION.to_le_bytes());
        footer.extend_from_slice(&crc32c::crc32c(&footer).to_le_bytes());
        footer.extend_from_slice(FOOTER_MAGIC);
        self.write(&footer)?;
        let path = self.path;
        let synced = self.out.into_inner().map_err(std::io::IntoInnerError::into_error);
        synced
            .and_then(|file| file.sync_all())
            .context(|| format!("cannot sync the part file {}", path.display()))?;
        Ok(size)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out
            .write_all(bytes)
            .context(|| format!("cannot write the part file {}", self.path.display()))?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}

/// A part file to read.
#[derive(Debug)]
pub(super) struct Input {
    file: File,
    path: PathBuf,
    size: u64,
}

/// A checked frame.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) offset: u64,
    pub(super) payload: Vec<u8>,
}

impl Input {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file and checks both ends; gives it and the offset of the directory.
    pub(super) fn open(directory: &Path) -> Result<(Self, u64)> {
        let path = directory.join(FILE_NAME);
        let shown = || format!("cannot open the part file {}", path.display());
        let file = File::open(&path).context(shown)?;
        let size = file.metadata().context(shown)?.len();
        let input = Self { file, path, size };
        if size < HEADER_LEN + FOOTER_LEN {
            return Err(input.corrupt(0, "the file is too short to be a part"));
        }
        let header: [u8; HEADER_LEN as usize] = input.read_array(0)?;
        input.check_end(
            0,
            &header[..8],
            HEADER_MAGIC,
            &header[8..12],
            &header[..12],
            &header[12..],
        )?;
        let at = size - FOOTER_LEN;
        let footer: [u8; FOOTER_LEN as usize] = input.read_array(at)?;
        let (fields, checksum) = (&footer[..20], &footer[20..24]);
        input.check_end(at, &footer[24..], FOOTER_MAGIC, &footer[16..20], fields, checksum)?;
        if u64_at(&footer, 8) != size {
            return Err(
                input.corrupt(at + 8, "the file does not have the size it was written with")
            );
        }
        let directory_at = u64_at(&footer, 0);
        Ok((input, directory_at))
    }

    fn check_end(
        &self,
        at: u64,
        magic: &[u8],
        want: &[u8],
        version: &[u8],
        summed: &[u8],
        checksum: &[u8],
    ) -> Result<()> {
        if magic != want {
            return Err(self.corrupt(at, "the file is no part of metrics"));
        }
        if checksum != crc32c::crc32c(summed).to_le_bytes() {
            return Err(self.corrupt(at, "a checksum is wrong"));
        }
        if version != VERSION.to_le_bytes() {
            return Err(self.corrupt(at, "the version is not known to this program"));
        }
        Ok(())
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Has the system read a range before it is asked for. A hint, that may come to nothing, and on
    /// systems other than Linux does.
    #[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "there is no hint"))]
    pub(super) fn will_need(&self, from: u64, to: u64) {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{Advice, fadvise};
            let len = std::num::NonZeroU64::new(to.saturating_sub(from));
            let _hint = fadvise(&self.file, from, len, Advice::WillNeed);
        }
    }

    /// Reads the frame at an offset and checks its kind, length and checksum.
    pub(super) fn frame(&self, offset: u64, kind: Kind) -> Result<Frame> {
        let (found, frame) = self.any_frame(offset)?;
        if found != kind as u8 {
            return Err(self.corrupt(offset, "a frame is of another kind than expected"));
        }
        Ok(frame)
    }

    /// Checks every frame; gives how many bytes they are.
    #[cfg(test)]
    pub(super) fn check_frames(&self) -> Result<()> {
        let mut offset = HEADER_LEN;
        while offset < self.size - FOOTER_LEN {
            let (_, frame) = self.any_frame(offset)?;
            offset += (FRAME_HEAD + frame.payload.len()) as u64;
        }
        Ok(())
    }

    fn any_frame(&self, offset: u64) -> Result<(u8, Frame)> {
        let end = self.size - FOOTER_LEN;
        let left = end.checked_sub(offset).filter(|_| offset >= HEADER_LEN).unwrap_or(0);
        if left < FRAME_HEAD as u64 {
            return Err(self.corrupt(offset, "a frame lies outside of the file"));
        }
        let mut ahead = [0; READ_AHEAD];
        let taken = left.min(READ_AHEAD as u64) as usize;
        let ahead = &mut ahead[..taken];
        self.read(offset, ahead)?;
        let (head, body) = ahead.split_at(FRAME_HEAD);
        let len = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
        let checksum = u32::from_le_bytes([head[5], head[6], head[7], head[8]]);
        if u64::from(len) > left - FRAME_HEAD as u64 {
            return Err(self.corrupt(offset, "a frame is longer than the file"));
        }
        let len = len as usize;
        let mut payload = vec![0; len];
        let at_hand = body.len().min(len);
        payload[..at_hand].copy_from_slice(&body[..at_hand]);
        if at_hand < len {
            self.read(offset + (FRAME_HEAD + at_hand) as u64, &mut payload[at_hand..])?;
        }
        if crc32c::crc32c_append(crc32c::crc32c(&head[..5]), &payload) != checksum {
            return Err(self.corrupt(offset, "the checksum of a frame is wrong"));
        }
        Ok((head[0], Frame { offset, payload }))
    }

    fn read_array<const N: usize>(&self, offset: u64) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.read(offset, &mut bytes)?;
        Ok(bytes)
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        self.file.read_exact_at(into, offset).context(|| {
            format!("cannot read {} bytes at {offset} of {}", into.len(), self.path.display())
        })
    }

    pub(super) fn corrupt(&self, offset: u64, what: &str) -> Error {
        Error::corrupt(format!("{} at offset {offset}: {what}", self.path.display()))
    }

    /// Turns a failed parse of the payload of the frame at an offset into an error.
    pub(super) fn parsed<T>(&self, offset: u64, parsed: Option<T>) -> Result<T> {
        parsed.ok_or_else(|| self.corrupt(offset, "the contents of a frame are malformed"))
    }
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Takes fields off the front of a payload; `None` where it is cut or a field is out of bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn varint(&mut self) -> Option<u64> {
        read_varint(&mut self.rest)
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        self.varint().map(unzigzag)
    }

    pub(super) fn size(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok()
    }

    /// How many items follow, each of at least one byte.
    pub(super) fn count(&mut self) -> Option<usize> {
        self.size().filter(|count| *count <= self.rest.len())
    }

    /// A list of rising offsets, each told by its distance from the one before.
    pub(super) fn offsets(&mut self) -> Option<Vec<u64>> {
        let mut last = 0_u64;
        let count = self.count()?;
        (0..count)
            .map(|_| {
                last = last.checked_add(self.varint()?)?;
                Some(last)
            })
            .collect()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    pub(super) fn word(&mut self) -> Option<u64> {
        let (bytes, rest) = self.rest.split_first_chunk::<8>()?;
        self.rest = rest;
        Some(u64::from_le_bytes(*bytes))
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.size()?;
        let (bytes, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}
