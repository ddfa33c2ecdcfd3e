//! How far each file has been read, in `sources/positions.json` of the data directory. What is about
//! to be sent is written down before it is sent: after a crash the same ranges are sent again under
//! the same token, and the store takes them once. A new version replaces the old one atomically.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use twox_hash::XxHash64;
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Error, Result};
use watchkeep_storage::seam::IngestToken;

/// Bytes before a position by which a file is known again.
pub(super) const ANCHOR_BYTES: usize = 1024;

const VERSION: u32 = 1;
const HASH_SEED: u64 = 0;

/// What stands right before a position: its hash tells whether a file is still the one that was
/// read up to there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Anchor {
    /// Bytes, [`ANCHOR_BYTES`] or all that there are.
    pub(super) bytes: usize,
    pub(super) hash: u64,
}

impl Anchor {
    /// The anchor of the bytes before a position.
    pub(super) fn of(before: &[u8]) -> Self {
        let before = &before[before.len().saturating_sub(ANCHOR_BYTES)..];
        Self { bytes: before.len(), hash: XxHash64::oneshot(HASH_SEED, before) }
    }
}

/// How far a file has been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Position {
    /// Names the file in `pending`.
    pub(super) number: u64,
    /// Where it was found first.
    pub(super) path: PathBuf,
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) offset: u64,
    /// What stands before the position.
    pub(super) anchor: Anchor,
    /// What stands at the start of the file, as far as it was read.
    pub(super) head: Anchor,
    /// Whether the rest of the line at the position is left out: its beginning was too long.
    #[serde(default)]
    pub(super) discarding: bool,
}

/// A range of a file that is being sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PendingRange {
    pub(super) number: u64,
    pub(super) from: u64,
    pub(super) to: u64,
    /// What stands before `to`.
    pub(super) anchor: Anchor,
    /// [`Position::discarding`] once it is stored.
    #[serde(default)]
    pub(super) discarding: bool,
}

/// The content of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Positions {
    version: u32,
    /// Drawn when the file was made; with `round` it makes the token.
    id: u64,
    /// Rounds that were begun.
    pub(super) round: u64,
    /// The number that the next file gets.
    pub(super) next_number: u64,
    /// Sources that have looked for files before, by their patterns.
    pub(super) sources: Vec<String>,
    pub(super) files: Vec<Position>,
    /// Files that are read no more, the oldest first: they must not be taken for new ones.
    pub(super) retired: Vec<Position>,
    /// What was sent in round `round`, where it is not known whether it was stored.
    pub(super) pending: Vec<PendingRange>,
}

impl Positions {
    /// Nothing read yet.
    pub(super) fn new(id: u64) -> Self {
        Self { version: VERSION, id, next_number: 1, ..Self::default() }
    }

    /// The token of the round.
    pub(super) fn token(&self) -> IngestToken {
        IngestToken(u128::from(self.id) << 64 | u128::from(self.round))
    }
}

/// The file that holds positions.
#[derive(Debug)]
pub(super) struct PositionsFile {
    directory: PathBuf,
}

impl PositionsFile {
    pub(super) fn new(data_dir: &Path) -> Self {
        Self { directory: data_dir.join("sources") }
    }

    fn path(&self) -> PathBuf {
        self.directory.join("positions.json")
    }

    /// Reads it; `None` where there is none yet.
    pub(super) fn read(&self) -> Result<Option<Positions>> {
        let path = self.path();
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(
                    Error::internal(format!("cannot read {}", path.display())).with_source(error)
                );
            }
        };
        let damaged = |why: String| Error::corrupt(format!("{}: {why}", path.display()));
        let positions: Positions =
            serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if positions.version != VERSION {
            return Err(damaged(format!("version {} is not known", positions.version)));
        }
        Ok(Some(positions))
    }

    /// Replaces it; once that returns, a crash of the machine does not undo it.
    pub(super) fn write(&self, positions: &Positions) -> Result<()> {
        let text = serde_json::to_vec(positions)
            .map_err(|error| Error::internal("cannot write positions").with_source(error))?;
        let (path, new) = (self.path(), self.directory.join("positions.json.new"));
        let write = || {
            std::fs::create_dir_all(&self.directory)?;
            let mut file = File::create(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&new, &path)?;
            File::open(&self.directory)?.sync_all()
        };
        write().context(|| format!("cannot write {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_back_and_damage_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = PositionsFile::new(folder.path());
        assert_eq!(file.read().unwrap(), None);
        let mut positions = Positions::new(u64::MAX);
        positions.round = 3;
        positions.files.push(Position {
            number: 1,
            path: "/var/log/a b.log".into(),
            device: 7,
            inode: u64::MAX,
            offset: 5,
            anchor: Anchor::of(b"abcd\n"),
            head: Anchor::of(b"abcd\n"),
            discarding: true,
        });
        file.write(&positions).unwrap();
        assert_eq!(file.read().unwrap(), Some(positions.clone()));
        assert_eq!(positions.token().0, u128::from(u64::MAX) << 64 | 3);
        std::fs::write(file.path(), b"{").unwrap();
        assert!(file.read().unwrap_err().message().contains("positions.json"));
    }

    #[test]
    fn an_anchor_is_made_of_the_last_bytes() {
        let long = vec![b'x'; ANCHOR_BYTES + 5];
        assert_eq!(Anchor::of(&long), Anchor::of(&long[5..]));
        assert_ne!(Anchor::of(b"a"), Anchor::of(b"b"));
        assert_eq!(Anchor::of(b"").bytes, 0);
    }
}
