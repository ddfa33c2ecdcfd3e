//! The files of segments: made, begun, written to and cleared. What goes into them others decide.

use std::fs::{File, OpenOptions};
use std::io::{IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use watchkeep_model::Result;
use watchkeep_model::error::IoContext;

use super::segment::{SegmentHeader, path_of};

/// A segment that may still hold records that are needed.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) first_sequence: u64,
    pub(super) bytes: u64,
}

/// Makes a zero-filled file to become a segment, so that writing to it later changes no metadata.
pub(super) fn fill(directory: &Path, number: u64, bytes: u64) -> Result<PathBuf> {
    const CHUNK: usize = 1 << 20;
    let path = directory.join(format!("{number:016x}.filling"));
    let failed = || format!("cannot create {}", path.display());
    let mut file = File::create(&path).context(failed)?;
    let zeros = vec![0; CHUNK];
    let mut left = bytes as usize;
    while left > 0 {
        let now = left.min(CHUNK);
        file.write_all(&zeros[..now]).context(failed)?;
        left -= now;
    }
    file.sync_all().context(failed)?;
    Ok(path)
}

/// Names a file (a spare, or a new empty one) as a segment and writes its header, durably.
pub(super) fn begin_segment(
    directory: &Path,
    number: u64,
    first_sequence: u64,
    spare: Option<&Path>,
) -> Result<(Segment, File)> {
    let path = path_of(directory, number);
    let failed = || format!("cannot begin {}", path.display());
    // The header goes in first: under its final name a file must never show an old header.
    let from = spare.map_or_else(|| directory.join("first.filling"), Path::to_owned);
    let file = OpenOptions::new()
        .write(true)
        .read(true)
        .create(spare.is_none())
        .truncate(false)
        .open(&from)
        .context(failed)?;
    file.write_all_at(&SegmentHeader { number, first_sequence }.encode(), 0).context(failed)?;
    file.sync_all().context(failed)?;
    std::fs::rename(&from, &path).context(failed)?;
    crate::directory::sync(directory)?;
    let bytes = file.metadata().context(failed)?.len();
    Ok((Segment { number, path, first_sequence, bytes }, file))
}

/// Zeroes a torn group at the end of the log, so that the next start does not find its remains.
pub(super) fn clear_after(file: &File, end: u64, bytes: u64, path: &Path) -> Result<()> {
    const CHUNK: usize = 1 << 20;
    let zeros = vec![0; CHUNK];
    let mut at = end;
    while at < bytes {
        let now = (bytes - at).min(CHUNK as u64);
        file.write_all_at(&zeros[..now as usize], at)
            .context(|| format!("cannot clear the end of {}", path.display()))?;
        at += now;
    }
    file.sync_all().context(|| format!("cannot sync {}", path.display()))
}

pub(super) fn write_all_at(
    file: &mut File,
    offset: u64,
    mut slices: &mut [IoSlice<'_>],
) -> std::io::Result<()> {
    use std::io::{Error, ErrorKind, Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) => return Err(Error::from(ErrorKind::WriteZero)),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
