//! Reading the log again after a stop. Memory is bounded by the largest group.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use watchkeep_model::error::IoContext;
use watchkeep_model::{Error, Result};

use super::direct::block_from;
use super::segment::{
    GROUP_ALIGNMENT, GROUP_HEADER_BYTES, GroupHeader, SEGMENT_HEADER_BYTES, SegmentHeader, list,
    next_group,
};

/// What the log was found to hold.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// Segments in order: number, file, first sequence number, end of the last whole group.
    pub(super) segments: Vec<RecoveredSegment>,
    /// Files that hold nothing.
    pub(super) spares: Vec<PathBuf>,
    /// The sequence number that the next record gets.
    pub(crate) next_sequence: u64,
    /// Records that were given to the callback.
    pub(crate) records: u64,
    /// Where a group was torn by the stop, if one was: file and offset.
    pub(crate) torn: Option<(PathBuf, u64)>,
}

#[derive(Debug)]
pub(super) struct RecoveredSegment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) first_sequence: u64,
    pub(super) end: u64,
    pub(super) file_bytes: u64,
}

/// Reads every record whose sequence number is at least `from`, in order. `progress` is told the
/// bytes read and the bytes in all, now and then.
///
/// A torn group at the very end is cut: it was never acknowledged. Damage before that is an error
/// that names file and offset, since acknowledged records would be lost.
pub(crate) fn replay(
    directory: &Path,
    from: u64,
    each: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Recovered> {
    std::fs::create_dir_all(directory)
        .context(|| format!("cannot create {}", directory.display()))?;
    let files = list(directory)?;
    let mut recovered =
        Recovered { spares: files.spares, next_sequence: 1, ..Recovered::default() };
    let mut opened = Vec::new();
    for (number, path) in files.segments {
        match open_segment(&path)? {
            Some((file, header, bytes)) if header.number == number => {
                opened.push((path, file, header, bytes));
            }
            Some((_, header, _)) => {
                return Err(Error::corrupt(format!(
                    "{} says at offset 8 that it is segment {:016x}",
                    path.display(),
                    header.number
                )));
            }
            // Begun and never used: the stop came before its header was synced.
            None => recovered.spares.push(path),
        }
    }
    let total: u64 = opened.iter().map(|(.., bytes)| *bytes).sum();
    let (mut done, count) = (0, opened.len());
    let mut buffer = Vec::new();
    for (position, (path, file, header, bytes)) in opened.into_iter().enumerate() {
        if position > 0 && header.first_sequence != recovered.next_sequence {
            return Err(Error::corrupt(format!(
                "{} starts with record {} where {} was expected: records before it are missing or \
                 damaged",
                path.display(),
                header.first_sequence,
                recovered.next_sequence
            )));
        }
        recovered.next_sequence = header.first_sequence;
        let mut segment = SegmentReader { path: &path, file: &file, bytes, buffer: &mut buffer };
        let end = segment.read_groups(&mut recovered, from, each)?;
        if segment.find_group_after(end, recovered.next_sequence)? {
            return Err(Error::corrupt(format!(
                "{} is damaged at offset {end}: whole records follow a broken one",
                path.display()
            )));
        }
        if position + 1 == count && segment.has_torn_group(end)? {
            recovered.torn = Some((path.clone(), end));
        }
        done += bytes;
        progress(done, total);
        recovered.segments.push(RecoveredSegment {
            number: header.number,
            path,
            first_sequence: header.first_sequence,
            end,
            file_bytes: bytes,
        });
    }
    Ok(recovered)
}

fn open_segment(path: &Path) -> Result<Option<(File, SegmentHeader, u64)>> {
    let failed = || format!("cannot open {}", path.display());
    let file = File::open(path).context(failed)?;
    let bytes = file.metadata().context(failed)?.len();
    if bytes < SEGMENT_HEADER_BYTES as u64 {
        return Ok(None);
    }
    let mut header = [0; SEGMENT_HEADER_BYTES];
    file.read_exact_at(&mut header, 0).context(failed)?;
    if header.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    match SegmentHeader::decode(&header) {
        Some(header) => Ok(Some((file, header, bytes))),
        None => Err(Error::corrupt(format!(
            "{} has a damaged header, or one of another version, at offset 0",
            path.display()
        ))),
    }
}

struct SegmentReader<'a> {
    path: &'a Path,
    file: &'a File,
    bytes: u64,
    buffer: &'a mut Vec<u8>,
}

impl SegmentReader<'_> {
    /// Reads groups until one is not whole. Returns where that is.
    fn read_groups(
        &mut self,
        recovered: &mut Recovered,
        from: u64,
        each: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<u64> {
        let mut offset = SEGMENT_HEADER_BYTES as u64;
        while let Some(header) = self.group_at(offset, recovered.next_sequence)? {
            let mut rest = &self.buffer[..];
            for record in 0..u64::from(header.records) {
                let Some(payload) = take_record(&mut rest) else {
                    return Err(Error::corrupt(format!(
                        "{} holds a group with a sound checksum and broken records at offset \
                         {offset}",
                        self.path.display()
                    )));
                };
                let sequence = header.first_sequence + record;
                if sequence >= from {
                    each(sequence, payload)?;
                    recovered.records += 1;
                }
            }
            recovered.next_sequence += u64::from(header.records);
            offset = next_group(offset, header.body_bytes);
        }
        Ok(offset)
    }

    /// The group at an offset if it is whole and starts with the expected record; its body is
    /// left in the buffer.
    fn group_at(&mut self, offset: u64, expected: u64) -> Result<Option<GroupHeader>> {
        let Some(header) = self.header_at(offset)? else { return Ok(None) };
        let body_at = offset + GROUP_HEADER_BYTES as u64;
        if header.first_sequence != expected || header.body_bytes > self.bytes - body_at {
            return Ok(None);
        }
        self.buffer.resize(header.body_bytes as usize, 0);
        self.read(body_at)?;
        Ok((crc32c::crc32c(self.buffer) == header.body_crc).then_some(header))
    }

    fn header_at(&mut self, offset: u64) -> Result<Option<GroupHeader>> {
        if offset + GROUP_HEADER_BYTES as u64 > self.bytes {
            return Ok(None);
        }
        let mut header = [0; GROUP_HEADER_BYTES];
        self.file
            .read_exact_at(&mut header, offset)
            .context(|| format!("cannot read {} at offset {offset}", self.path.display()))?;
        Ok(GroupHeader::decode(&header))
    }

    fn read(&mut self, offset: u64) -> Result<()> {
        self.file
            .read_exact_at(self.buffer, offset)
            .context(|| format!("cannot read {} at offset {offset}", self.path.display()))
    }

    /// Whether a whole group of a later record than `expected` lies behind a place where none
    /// could be read. The writer begins a group only after the one before is synced, so then the
    /// one at `from` was acknowledged and is damaged. A filler is begun like this too, but is synced
    /// only with the group behind it, which has the same number. Groups left from an earlier use of
    /// the file have lower numbers.
    fn find_group_after(&mut self, from: u64, expected: u64) -> Result<bool> {
        const WINDOW: usize = 1 << 20;
        let mut window = Vec::new();
        let mut at = from;
        while at + (GROUP_HEADER_BYTES as u64) <= self.bytes {
            window.resize((self.bytes - at).min((WINDOW + GROUP_HEADER_BYTES) as u64) as usize, 0);
            self.file
                .read_exact_at(&mut window, at)
                .context(|| format!("cannot read {} at offset {at}", self.path.display()))?;
            let starts = window.windows(GROUP_HEADER_BYTES).step_by(GROUP_ALIGNMENT as usize);
            for (position, bytes) in starts.enumerate() {
                let Some(header) = bytes.first_chunk().and_then(GroupHeader::decode) else {
                    continue;
                };
                let offset = at + position as u64 * GROUP_ALIGNMENT;
                if header.first_sequence > expected
                    && self.group_at(offset, header.first_sequence)?.is_some()
                {
                    return Ok(true);
                }
            }
            at += WINDOW as u64;
        }
        Ok(false)
    }

    /// Whether something was begun where the log ends: there, or where a filler would lead to, since
    /// what lies behind a filler may have reached the disk without it.
    fn has_torn_group(&mut self, end: u64) -> Result<bool> {
        let until = self.bytes.min(block_from(end) + GROUP_HEADER_BYTES as u64);
        self.buffer.resize(until.saturating_sub(end) as usize, 0);
        self.read(end)?;
        Ok(self.buffer.iter().any(|byte| *byte != 0))
    }
}

fn take_record<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (payload, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = after;
    Some(payload)
}
