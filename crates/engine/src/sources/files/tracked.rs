//! A file that is being read: which one it is whatever its name, how far it was read, and whether
//! what stands there is still what was read.
//!
//! A file is known by device and inode together with the bytes before the position. A rename changes
//! neither; a truncation, content that was replaced, or an inode that was given to another file
//! changes the bytes; and a copy of the file has other numbers but the same bytes.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use super::positions::{ANCHOR_BYTES, Anchor, Position};

/// Bytes before the end that are searched for the start of the last line.
const LAST_LINE_BYTES: u64 = 64 << 10;

/// Which file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FileId {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl FileId {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// What there is to read at a position.
#[derive(Debug)]
pub(super) enum Content {
    /// What follows, at most as much as was asked for.
    Bytes(Vec<u8>),
    /// The file holds something else than what was read up to there.
    Replaced,
}

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) number: u64,
    /// The source that it belongs to.
    pub(super) source: usize,
    /// Where it was found first; also what its lines say where they are from.
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    pub(super) offset: u64,
    pub(super) discarding: bool,
    /// No pattern finds it any more since then.
    pub(super) left: Option<Instant>,
    /// When its size was last seen to change.
    pub(super) changed: Instant,
    /// Size and time of change when it was last read to its end.
    pub(super) seen: Option<(u64, SystemTime)>,
    file: File,
    /// The bytes before the position, at most [`ANCHOR_BYTES`].
    before: Vec<u8>,
    /// The first bytes, at most as many, and none behind the position.
    head: Vec<u8>,
}

impl Tracked {
    /// A file that is read from its start.
    pub(super) fn new(number: u64, source: usize, path: PathBuf, file: File) -> io::Result<Self> {
        let id = FileId::of(&file.metadata()?);
        Ok(Self {
            number,
            source,
            path,
            id,
            offset: 0,
            discarding: false,
            left: None,
            changed: Instant::now(),
            seen: None,
            file,
            before: Vec::new(),
            head: Vec::new(),
        })
    }

    /// Goes on where another reading ended, if the file is the one that was read, or a copy of it
    /// that goes as far.
    pub(super) fn resume(&mut self, position: &Position) -> io::Result<bool> {
        let start = position.offset.saturating_sub(position.anchor.bytes as u64);
        let before = read_at(&self.file, start, position.anchor.bytes)?;
        let head = read_at(&self.file, 0, position.head.bytes)?;
        if Anchor::of(&before) != position.anchor || Anchor::of(&head) != position.head {
            return Ok(false);
        }
        self.offset = position.offset;
        self.discarding = position.discarding;
        self.before = before;
        self.head = head;
        Ok(true)
    }

    /// Whether the file begins as the file of a position began, and if so, passes over what was
    /// read of that one: a copy that was made before the original was read further holds less. (One
    /// of less than [`ANCHOR_BYTES`] is not known then.)
    pub(super) fn resume_copy(&mut self, position: &Position) -> io::Result<bool> {
        if position.head.bytes == 0 {
            return Ok(false);
        }
        if self.resume(position)? {
            return Ok(true);
        }
        let head = read_at(&self.file, 0, position.head.bytes)?;
        let size = self.file.metadata()?.len();
        if Anchor::of(&head) != position.head || size >= position.offset {
            return Ok(false);
        }
        let start = size.saturating_sub(ANCHOR_BYTES as u64);
        self.before = read_at(&self.file, start, ANCHOR_BYTES)?;
        self.offset = start + self.before.len() as u64;
        self.head = head;
        Ok(true)
    }

    /// Goes to the start of the last line that is not whole, or to the end.
    pub(super) fn skip_to_end(&mut self) -> io::Result<()> {
        let size = self.file.metadata()?.len();
        let start = size.saturating_sub(LAST_LINE_BYTES);
        let mut last = read_at(&self.file, start, LAST_LINE_BYTES as usize)?;
        match memchr::memrchr(b'\n', &last) {
            Some(feed) => last.truncate(feed + 1),
            None if start == 0 => last.clear(),
            None => self.discarding = true,
        }
        self.offset = start + last.len() as u64;
        self.head = read_at(&self.file, 0, ANCHOR_BYTES)?;
        self.head.truncate(usize::try_from(self.offset).unwrap_or(usize::MAX));
        self.before = last.split_off(last.len().saturating_sub(ANCHOR_BYTES));
        Ok(())
    }

    /// Size and time of change as of now.
    pub(super) fn state(&self) -> io::Result<(u64, SystemTime)> {
        let metadata = self.file.metadata()?;
        Ok((metadata.len(), metadata.modified()?))
    }

    /// Reads what follows the position. What stands before it is read along and compared, so that
    /// there is no moment between checking and reading.
    pub(super) fn read(&self, bytes_max: usize) -> io::Result<Content> {
        let anchor = self.before.len();
        let mut bytes = read_at(&self.file, self.offset - anchor as u64, anchor + bytes_max)?;
        if bytes.get(..anchor) != Some(&self.before) {
            return Ok(Content::Replaced);
        }
        Ok(Content::Bytes(bytes.split_off(anchor)))
    }

    /// What stands before the position once `taken` was taken.
    pub(super) fn anchor_after(&self, taken: &[u8]) -> Anchor {
        Anchor::of(&self.before_after(taken))
    }

    fn before_after(&self, taken: &[u8]) -> Vec<u8> {
        let mut before = taken[taken.len().saturating_sub(ANCHOR_BYTES)..].to_vec();
        let room = ANCHOR_BYTES - before.len();
        let older = &self.before[self.before.len().saturating_sub(room)..];
        before.splice(0..0, older.iter().copied());
        before
    }

    /// Goes on behind bytes that are stored.
    pub(super) fn advance(&mut self, taken: &[u8], discarding: bool) {
        self.before = self.before_after(taken);
        let room = ANCHOR_BYTES - self.head.len();
        if self.offset == self.head.len() as u64 {
            self.head.extend_from_slice(&taken[..taken.len().min(room)]);
        }
        self.offset += taken.len() as u64;
        self.discarding = discarding;
    }

    /// What was read is no more: reads the file from its start, under another number.
    pub(super) fn restart(&mut self, number: u64) {
        self.number = number;
        self.offset = 0;
        self.discarding = false;
        self.before.clear();
        self.head.clear();
        self.seen = None;
    }

    /// How far it was read.
    pub(super) fn position(&self) -> Position {
        Position {
            number: self.number,
            path: self.path.clone(),
            device: self.id.device,
            inode: self.id.inode,
            offset: self.offset,
            anchor: Anchor::of(&self.before),
            head: Anchor::of(&self.head),
            discarding: self.discarding,
        }
    }
}

/// Reads until the end or `bytes_max`, without making room for more than there is.
fn read_at(file: &File, start: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
    let there = file.metadata()?.len().saturating_sub(start);
    let mut bytes = vec![0; bytes_max.min(usize::try_from(there).unwrap_or(usize::MAX))];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], start + filled as u64) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Whether a name is what a rotation makes of another: the name, `.` or `-`, and a number or date.
pub(super) fn is_rotation_of(name: &str, of: &str) -> bool {
    let Some(suffix) = name.strip_prefix(of) else { return false };
    let Some(suffix) = suffix.strip_prefix(['.', '-']) else { return false };
    suffix.bytes().any(|byte| byte.is_ascii_digit())
        && suffix.bytes().all(|byte| byte.is_ascii_digit() || b"-_.:TZ".contains(&byte))
}

/// Whether a name says that the file is compressed: such files were read before they were.
pub(super) fn is_compressed(path: &Path) -> bool {
    const ENDINGS: [&str; 7] = ["gz", "bz2", "xz", "zst", "lz4", "zip", "Z"];
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rotated_files_are_known() {
        for name in ["a.log.1", "a.log-20261123", "a.log.2026-11-23T10:00:00Z", "a.log-2.1"] {
            assert!(is_rotation_of(name, "a.log"), "{name}");
        }
        for name in ["a.log", "b.log.1", "a.log.bak", "a.log1", "a.log.", "a.log.1.gz"] {
            assert!(!is_rotation_of(name, "a.log"), "{name}");
        }
        assert!(is_compressed(Path::new("a.log.2.gz")) && !is_compressed(Path::new("a.log.2")));
    }

    fn tracked(path: &Path) -> Tracked {
        Tracked::new(1, 0, path.to_owned(), File::open(path).unwrap()).unwrap()
    }

    fn take(tracked: &mut Tracked, bytes_max: usize) -> String {
        let Content::Bytes(bytes) = tracked.read(bytes_max).unwrap() else { panic!("replaced") };
        tracked.advance(&bytes, false);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_file_is_known_by_what_was_read_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
        let mut file = tracked(&path);
        assert_eq!(take(&mut file, 4), "one\n");
        assert_eq!(take(&mut file, 4), "two\n");
        std::fs::copy(&path, &copy).unwrap();
        let mut other = tracked(&copy);
        assert!(other.resume(&file.position()).unwrap());
        assert_eq!(take(&mut other, 100), "three\n");
        // Longer than before, but something else.
        std::fs::write(&path, "another file, longer than the position\n").unwrap();
        assert!(matches!(file.read(100).unwrap(), Content::Replaced));
        assert!(!tracked(&path).resume(&file.position()).unwrap());
        std::fs::write(&path, "").unwrap();
        assert!(matches!(file.read(100).unwrap(), Content::Replaced));
        file.restart(2);
        std::fs::write(&path, "new\n").unwrap();
        assert_eq!(take(&mut file, 100), "new\n");
    }

    #[test]
    fn a_copy_that_was_made_before_the_original_was_read_further_holds_nothing_new() {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("a"), folder.path().join("b"));
        let text: String =
            (0..1000).fold(String::new(), |text, number| text + &number.to_string() + "\n");
        std::fs::write(&path, &text).unwrap();
        let mut file = tracked(&path);
        take(&mut file, text.len());
        std::fs::write(&copy, &text[..2000]).unwrap();
        let mut shorter = tracked(&copy);
        assert!(shorter.resume_copy(&file.position()).unwrap());
        assert_eq!(take(&mut shorter, 100), "");
        std::fs::write(&copy, &text[1..2000]).unwrap();
        assert!(!tracked(&copy).resume_copy(&file.position()).unwrap());
    }

    #[test]
    fn reading_from_the_end_begins_with_the_line_that_is_not_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for (text, rest) in [("one\ntwo", "two"), ("one\n", ""), ("one", "one"), ("", "")] {
            std::fs::write(&path, text).unwrap();
            let mut file = tracked(&path);
            file.skip_to_end().unwrap();
            assert_eq!(take(&mut file, 100), rest, "{text:?}");
        }
    }
}
