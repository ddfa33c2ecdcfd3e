//! Which files are followed, and what is read of them next. Blocks; knows no store.
//!
//! The life of a range: it is read into a [`Round`], the round is written down as pending, it is
//! stored, and only then the positions move ([`Tailer::commit`]).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::patterns::Patterns;
use super::positions::{PendingRange, Position, Positions};
use super::split::{End, Split, Splitting};
use super::tracked::{Content, FileId, Tracked, is_compressed, is_rotation_of};
use crate::sources::config::StartAt;
use crate::sources::metrics::SourceMetrics;
use crate::sources::record::Maker;

/// Files remembered that are read no more.
const RETIRED_MAX: usize = 256;
/// Records of one round.
const RECORDS_MAX: usize = 1 << 16;

/// A source made ready.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) patterns: Patterns,
    pub(crate) start_at: StartAt,
    pub(crate) splitting: Splitting,
    /// How long the last record waits for more of it.
    pub(crate) wait_max: Duration,
    pub(crate) maker: Maker,
}

/// Bounds of the tailer.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    pub(crate) files_max: usize,
    pub(crate) round_bytes_max: usize,
    /// Bytes of one file in a round; a record that is longer is cut.
    pub(crate) file_bytes_max: usize,
    pub(crate) rotated_wait: Duration,
}

/// Bytes of one file that are sent.
#[derive(Debug)]
pub(super) struct ReadRange {
    pending: PendingRange,
    /// Records stand behind this many bytes that are left out.
    skipped: usize,
    bytes: Vec<u8>,
    split: Split,
    pub(super) source: usize,
    pub(super) path: PathBuf,
}

impl ReadRange {
    pub(super) fn records(&self) -> impl Iterator<Item = &[u8]> {
        self.split.records(&self.bytes[self.skipped..])
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// What is sent at one time.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) ranges: Vec<ReadRange>,
}

/// The files that are followed.
#[derive(Debug)]
pub(super) struct Tailer {
    pub(super) sources: Vec<Source>,
    bounds: Bounds,
    metrics: SourceMetrics,
    tracked: Vec<Tracked>,
    positions: Positions,
    /// The file that the next round begins with, so that a busy one does not starve others.
    turn: usize,
}

impl Tailer {
    /// Goes on from positions; what is pending in them is to be sent first: [`Tailer::pending`].
    pub(super) fn new(
        sources: Vec<Source>,
        bounds: Bounds,
        metrics: SourceMetrics,
        mut positions: Positions,
    ) -> Self {
        let files = std::mem::take(&mut positions.files);
        let mut tailer = Self { sources, bounds, metrics, tracked: Vec::new(), positions, turn: 0 };
        for position in files {
            match tailer.find_again(&position) {
                Some(tracked) => tailer.tracked.push(tracked),
                None => tailer.retire(position),
            }
        }
        tailer
    }

    /// Opens the file of a position: at its path, under another name beside it, or as a copy of it.
    fn find_again(&self, position: &Position) -> Option<Tracked> {
        let source = self.sources.iter().position(|s| s.patterns.matches(&position.path))?;
        let id = FileId { device: position.device, inode: position.inode };
        let open = |path: &Path, must_be: Option<FileId>| {
            let file = File::open(path).ok()?;
            let mut tracked =
                Tracked::new(position.number, source, position.path.clone(), file).ok()?;
            let is_it = must_be.is_none_or(|id| id == tracked.id);
            (is_it && tracked.resume(position).ok()?).then_some(tracked)
        };
        let others = siblings(&position.path);
        open(&position.path, Some(id))
            .or_else(|| others.iter().find_map(|(path, _)| open(path, Some(id))))
            .or_else(|| {
                let copies = others.iter().filter(|(_, is_rotation)| *is_rotation);
                (position.offset > 0)
                    .then(|| copies.clone().find_map(|(path, _)| open(path, None)))?
                    .filter(|copy| self.tracked.iter().all(|tracked| tracked.id != copy.id))
            })
    }

    fn retire(&mut self, position: Position) {
        self.positions.retired.push(position);
        if self.positions.retired.len() > RETIRED_MAX {
            self.positions.retired.remove(0);
        }
    }

    /// The ranges that may have been stored before a crash, read again; those that are gone are
    /// left out. `None` where there are none.
    pub(super) fn pending(&mut self) -> Option<Round> {
        if self.positions.pending.is_empty() {
            return None;
        }
        let mut round = Round::default();
        for pending in self.positions.pending.clone() {
            if let Some(range) = self.read_again(&pending) {
                round.ranges.push(range);
                continue;
            }
            self.metrics.errors.with_label_values(&["resume"]).inc();
            let bytes = pending.to.saturating_sub(pending.from);
            tracing::warn!(bytes, "a range of a file is gone that was about to be stored");
        }
        self.positions.pending.clear();
        Some(round)
    }

    fn read_again(&self, pending: &PendingRange) -> Option<ReadRange> {
        let tracked = self
            .tracked
            .iter()
            .find(|tracked| tracked.number == pending.number && tracked.offset == pending.from)?;
        let length = usize::try_from(pending.to.checked_sub(pending.from)?).ok()?;
        let Ok(Content::Bytes(bytes)) = tracked.read(length) else {
            return None;
        };
        if bytes.len() != length || tracked.anchor_after(&bytes) != pending.anchor {
            return None;
        }
        let source = &self.sources[tracked.source];
        let skipped = skipped(&bytes, tracked.discarding);
        let records = &bytes[skipped..];
        let split = if pending.discarding && !records.is_empty() {
            Split { ends: vec![records.len()] }
        } else {
            source.splitting.split(records, End::Final)
        };
        let (source, path) = (tracked.source, tracked.path.clone());
        Some(ReadRange { pending: pending.clone(), skipped, bytes, split, source, path })
    }

    /// Looks which files there are.
    pub(super) fn scan(&mut self, now: Instant) {
        let mut seen = HashSet::new();
        let mut refused = 0;
        for at in 0..self.sources.len() {
            let first_time = self.first_time(at);
            let paths = self.sources[at].patterns.paths(&self.metrics);
            for path in paths.iter().filter(|path| !is_compressed(path)) {
                let Ok(metadata) = std::fs::metadata(path) else { continue };
                let id = FileId::of(&metadata);
                if !metadata.is_file() || !seen.insert(id) {
                    continue;
                }
                if self.tracked.iter().any(|tracked| tracked.id == id) {
                    continue;
                }
                if self.tracked.len() >= self.bounds.files_max {
                    refused += 1;
                    continue;
                }
                let from_end = first_time && self.sources[at].start_at == StartAt::End;
                self.track(at, path, path, from_end);
            }
        }
        self.metrics.files_refused.set(refused);
        let mut left = Vec::new();
        for tracked in &mut self.tracked {
            let is_new = tracked.left.is_none() && !seen.contains(&tracked.id);
            if is_new {
                left.push((tracked.source, tracked.path.clone(), tracked.state().ok()));
            }
            tracked.left =
                if seen.contains(&tracked.id) { None } else { Some(tracked.left.unwrap_or(now)) };
        }
        for (source, path, state) in left {
            if let Some((_, modified)) = state {
                self.track_missed(source, &path, modified, now);
            }
        }
        self.metrics.files.set(self.tracked.len() as i64);
    }

    fn first_time(&mut self, source: usize) -> bool {
        let key = self.sources[source].patterns.key();
        let is_first = !self.positions.sources.contains(&key);
        if is_first {
            self.positions.sources.push(key);
        }
        is_first
    }

    /// A file was rotated away: what was written after it and rotated away before anyone looked is
    /// read too.
    fn track_missed(
        &mut self,
        source: usize,
        path: &Path,
        modified: std::time::SystemTime,
        now: Instant,
    ) {
        for (sibling, is_rotation) in siblings(path) {
            let Ok(metadata) = std::fs::metadata(&sibling) else { continue };
            let id = FileId::of(&metadata);
            let is_known = self.tracked.iter().any(|tracked| tracked.id == id);
            let is_newer = metadata.modified().is_ok_and(|other| other >= modified);
            if is_rotation && !is_known && is_newer && !is_compressed(&sibling) {
                self.track(source, &sibling, path, false);
                if let Some(tracked) = self.tracked.iter_mut().find(|tracked| tracked.id == id) {
                    tracked.left = Some(now);
                }
            }
        }
    }

    /// Begins to follow a file; `named` is the path that its lines tell.
    fn track(&mut self, source: usize, path: &Path, named: &Path, from_end: bool) {
        let number = self.next_number();
        let opened =
            File::open(path).and_then(|file| Tracked::new(number, source, named.to_owned(), file));
        match opened.and_then(|tracked| self.place(path, tracked, from_end)) {
            Ok(Some(tracked)) => self.tracked.push(tracked),
            Ok(None) => {}
            Err(error) => {
                self.metrics.errors.with_label_values(&["open"]).inc();
                tracing::debug!(%error, path = %path.display(), "cannot follow");
            }
        }
    }

    /// Finds where reading of a file begins; `None` where it is not to be read yet.
    fn place(
        &mut self,
        path: &Path,
        mut tracked: Tracked,
        from_end: bool,
    ) -> std::io::Result<Option<Tracked>> {
        let is_same = |p: &Position| p.device == tracked.id.device && p.inode == tracked.id.inode;
        let same = self.positions.retired.iter().rposition(is_same);
        if let Some(at) = same
            && tracked.resume(&self.positions.retired[at])?
        {
            self.positions.retired.remove(at);
            return Ok(Some(tracked));
        }
        // A rotation may copy a file and truncate it then. As long as the original stands, it is
        // what is read; afterwards the copy goes on where reading of the original ended.
        let was_made_of = |of: &Path| names(path, of).is_some_and(|(n, of)| is_rotation_of(n, of));
        for original in self.tracked.iter().filter(|tracked| was_made_of(&tracked.path)) {
            if tracked.resume_copy(&original.position())? {
                return Ok(None);
            }
        }
        for original in self.positions.retired.iter().rev().filter(|p| was_made_of(&p.path)) {
            if tracked.resume_copy(original)? {
                return Ok(Some(tracked));
            }
        }
        if from_end {
            tracked.skip_to_end()?;
        }
        Ok(Some(tracked))
    }

    fn next_number(&mut self) -> u64 {
        let number = self.positions.next_number;
        self.positions.next_number += 1;
        number
    }

    /// Reads what is to be sent next; empty where nothing is.
    pub(super) fn read(&mut self, now: Instant) -> Round {
        let mut round = Round::default();
        let (mut bytes, mut records, mut lag) = (0, 0, 0);
        let count = self.tracked.len();
        let mut finished = HashSet::new();
        for step in 0..count {
            let at = (self.turn + step) % count;
            let Ok((size, modified)) = self.tracked[at].state() else { continue };
            lag += size.saturating_sub(self.tracked[at].offset);
            if bytes >= self.bounds.round_bytes_max || records >= RECORDS_MAX {
                continue;
            }
            let is_left = self.note_state(at, size, modified, now);
            match self.read_file(at, is_left, now, RECORDS_MAX - records) {
                Ok(Some(range)) => {
                    bytes += range.bytes();
                    records += range.split.ends.len();
                    round.ranges.push(range);
                }
                Ok(None) if is_left => {
                    finished.insert(self.tracked[at].number);
                }
                Ok(None) => {}
                Err(error) => {
                    self.metrics.errors.with_label_values(&["read"]).inc();
                    let path = self.tracked[at].path.display();
                    tracing::warn!(%error, %path, "cannot read");
                }
            }
        }
        self.turn = if count > 0 { (self.turn + 1) % count } else { 0 };
        self.metrics.lag_bytes.set(lag as i64);
        self.let_go(&finished);
        round
    }

    /// Notes growth; says whether the file was left alone long enough to be let go.
    fn note_state(
        &mut self,
        at: usize,
        size: u64,
        modified: std::time::SystemTime,
        now: Instant,
    ) -> bool {
        let tracked = &mut self.tracked[at];
        if tracked.seen.is_none_or(|seen| seen != (size, modified)) {
            tracked.seen = Some((size, modified));
            tracked.changed = now;
        }
        tracked.left.is_some_and(|left| {
            now.duration_since(left.max(tracked.changed)) >= self.bounds.rotated_wait
        })
    }

    fn read_file(
        &mut self,
        at: usize,
        is_left: bool,
        now: Instant,
        records_max: usize,
    ) -> std::io::Result<Option<ReadRange>> {
        let tracked = &self.tracked[at];
        let bytes = match tracked.read(self.bounds.file_bytes_max)? {
            Content::Bytes(bytes) if bytes.is_empty() => return Ok(None),
            Content::Bytes(bytes) => bytes,
            Content::Replaced => {
                self.replaced(at, now);
                return Ok(None);
            }
        };
        let source = &self.sources[tracked.source];
        let end = match () {
            () if is_left => End::Final,
            () if now.duration_since(tracked.changed) >= source.wait_max => End::Quiet,
            () => End::Open,
        };
        let is_full = bytes.len() >= self.bounds.file_bytes_max;
        Ok(self.range(at, bytes, end, is_full, records_max))
    }

    fn range(
        &self,
        at: usize,
        mut bytes: Vec<u8>,
        end: End,
        is_full: bool,
        records_max: usize,
    ) -> Option<ReadRange> {
        let tracked = &self.tracked[at];
        let splitting = &self.sources[tracked.source].splitting;
        let skipped = skipped(&bytes, tracked.discarding);
        let records = &bytes[skipped..];
        // The end of a full buffer is not the end of the file.
        let end = if is_full { End::Open } else { end };
        let mut split = splitting.split(records, end);
        let mut discarding = tracked.discarding && !bytes[..skipped].ends_with(b"\n");
        if split.ends.is_empty() && is_full && !records.is_empty() {
            split = splitting.split(records, End::Quiet);
            if split.ends.is_empty() {
                split.ends.push(records.len());
                discarding = true;
            }
        }
        split.ends.truncate(records_max);
        bytes.truncate(skipped + split.taken());
        if bytes.is_empty() {
            return None;
        }
        let pending = PendingRange {
            number: tracked.number,
            from: tracked.offset,
            to: tracked.offset + bytes.len() as u64,
            anchor: tracked.anchor_after(&bytes),
            discarding,
        };
        let (source, path) = (tracked.source, tracked.path.clone());
        Some(ReadRange { pending, skipped, bytes, split, source, path })
    }

    /// A file was truncated, or holds something else: it is read from its start. What a rotation
    /// copied of it before that, and nobody read yet, is read from the copy.
    fn replaced(&mut self, at: usize, now: Instant) {
        let number = self.next_number();
        let position = self.tracked[at].position();
        let source = self.tracked[at].source;
        self.tracked[at].restart(number);
        let copies = siblings(&position.path);
        for (path, _) in copies.iter().filter(|(_, is_rotation)| *is_rotation) {
            let number = self.next_number();
            let Ok(file) = File::open(path) else { continue };
            let Ok(mut copy) = Tracked::new(number, source, position.path.clone(), file) else {
                continue;
            };
            let is_known = self.tracked.iter().any(|tracked| tracked.id == copy.id);
            if !is_known && copy.resume(&position).unwrap_or(false) {
                // Whether it is left is for the next look to say, which then also finds what was
                // rotated away between the copy and that look.
                copy.changed = now;
                self.tracked.push(copy);
                break;
            }
        }
        self.retire(position);
    }

    fn let_go(&mut self, finished: &HashSet<u64>) {
        let (gone, kept) = std::mem::take(&mut self.tracked)
            .into_iter()
            .partition::<Vec<_>, _>(|tracked| finished.contains(&tracked.number));
        self.tracked = kept;
        for tracked in gone {
            self.retire(tracked.position());
        }
    }

    /// Writes a round down: gives the positions as they are to be saved before it is sent.
    pub(super) fn begin(&mut self, round: &Round) -> Positions {
        if !round.ranges.is_empty() {
            self.positions.round += 1;
        }
        let mut positions = self.positions();
        positions.pending = round.ranges.iter().map(|range| range.pending.clone()).collect();
        positions
    }

    /// The positions of what is stored.
    pub(super) fn positions(&self) -> Positions {
        let mut positions = self.positions.clone();
        positions.files = self.tracked.iter().map(Tracked::position).collect();
        positions
    }

    /// A round is stored, or will never be.
    pub(super) fn commit(&mut self, round: &Round) {
        let mut by_number: HashMap<u64, &mut Tracked> =
            self.tracked.iter_mut().map(|tracked| (tracked.number, tracked)).collect();
        for range in &round.ranges {
            if let Some(tracked) = by_number.get_mut(&range.pending.number) {
                tracked.advance(&range.bytes, range.pending.discarding);
            }
        }
    }

    /// The labels of the records of a range.
    pub(super) fn labels_of(&self, range: &ReadRange) -> BTreeMap<String, String> {
        self.sources[range.source].maker.labels_of(&range.path.to_string_lossy())
    }
}

/// Bytes at the start that belong to a line of which too much was read.
fn skipped(bytes: &[u8], discarding: bool) -> usize {
    if !discarding {
        return 0;
    }
    memchr::memchr(b'\n', bytes).map_or(bytes.len(), |feed| feed + 1)
}

/// Names of a file and of another in the same folder.
fn names<'p>(path: &'p Path, of: &'p Path) -> Option<(&'p str, &'p str)> {
    let in_one_folder = path.parent() == of.parent();
    in_one_folder.then(|| Some((path.file_name()?.to_str()?, of.file_name()?.to_str()?)))?
}

/// The other files of the folder, by name, and whether a rotation may have made them of this one.
fn siblings(path: &Path) -> Vec<(PathBuf, bool)> {
    let Some(Ok(entries)) = path.parent().map(std::fs::read_dir) else { return Vec::new() };
    let mut others: Vec<(PathBuf, bool)> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|other| other != path && other.is_file())
        .map(|other| {
            let is_rotation =
                names(&other, path).is_some_and(|(name, of)| is_rotation_of(name, of));
            (other, is_rotation)
        })
        .collect();
    others.sort();
    others
}
