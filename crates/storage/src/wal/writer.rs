//! The thread that writes, and the queue in front of it.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::IoSlice;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;
use watchkeep_model::error::IoContext;
use watchkeep_model::{Error, ErrorKind, Result};

use super::direct::{Direct, Payload, block_from, filler};
use super::file::{Segment, begin_segment, clear_after, fill, write_all_at};
use super::replay::Recovered;
use super::segment::{
    GROUP_ALIGNMENT, GROUP_HEADER_BYTES, GroupHeader, SEGMENT_HEADER_BYTES, next_group,
};
use crate::seam::WalStats;

/// Settings of the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WalConfig {
    /// Size of a segment file.
    pub(crate) segment_bytes: u64,
    /// The most bytes that may wait to be written; beyond it appends are refused.
    pub(crate) queue_bytes_max: usize,
    /// How long after a segment was begun most empty ones go.
    pub(crate) rest: Duration,
}

/// Bytes after which a group is closed even though more is waiting.
const GROUP_BYTES_MAX: usize = 16 << 20;
/// How long a refused sender should wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How many empty segments are kept for reuse, and how many at rest. Filling one costs many times what
/// writing to it does, so while much is written as many are kept as become free at once.
const SPARES_MAX: usize = 12;
const SPARES_AT_REST: usize = 2;

/// The log. Closing or dropping it writes what is queued and stops the thread.
#[derive(Debug)]
pub(crate) struct Wal {
    shared: Arc<Shared>,
    /// None once it is closed.
    thread: Mutex<Option<JoinHandle<()>>>,
    queue_bytes_max: usize,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Pending>,
    queue_bytes: usize,
    closing: bool,
    /// Why nothing can be written any more.
    failed: Option<String>,
    durable_sequence: u64,
    /// Records up to here are in parts; segments before may be reused.
    released: u64,
    segments: u64,
    bytes: u64,
    direct_records: u64,
}

#[derive(Debug)]
struct Pending {
    payload: Payload,
    done: oneshot::Sender<Result<u64>>,
}

impl Wal {
    /// Goes on where the log was found to end.
    pub(crate) fn start(directory: &Path, config: WalConfig, found: Recovered) -> Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                durable_sequence: found.next_sequence - 1,
                ..State::default()
            }),
            work: Condvar::new(),
        });
        let writer = Writer::new(directory, config, found, Arc::clone(&shared))?;
        let thread = std::thread::Builder::new()
            .name("wal".to_owned())
            .spawn(move || writer.run())
            .context(|| "cannot start the log's thread".to_owned())?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
            queue_bytes_max: config.queue_bytes_max,
        })
    }

    /// Appends a record and waits until it is durable. Returns its sequence number.
    pub(crate) async fn append(&self, payload: Payload) -> Result<u64> {
        let (done, outcome) = oneshot::channel();
        {
            let mut state = self.shared.state.lock();
            if let Some(why) = &state.failed {
                return Err(refused(why));
            }
            if state.closing {
                return Err(refused("the server is stopping"));
            }
            if state.queue_bytes > 0 && state.queue_bytes + payload.len() > self.queue_bytes_max {
                return Err(Error::new(
                    ErrorKind::Overloaded { retry_after: RETRY_AFTER },
                    format!("{} bytes wait for the write-ahead log already", state.queue_bytes),
                ));
            }
            state.queue_bytes += payload.len();
            state.queue.push_back(Pending { payload, done });
        }
        self.shared.work.notify_one();
        outcome.await.unwrap_or_else(|_| Err(refused("its thread ended")))
    }

    /// The sequence number of the newest durable record; 0 before the first.
    pub(crate) fn durable_sequence(&self) -> u64 {
        self.shared.state.lock().durable_sequence
    }

    /// Bytes of the segments that hold records.
    pub(crate) fn bytes(&self) -> u64 {
        self.shared.state.lock().bytes
    }

    /// Says that records up to this one need not be replayed any more.
    pub(crate) fn release(&self, sequence: u64) {
        let mut state = self.shared.state.lock();
        state.released = state.released.max(sequence);
        drop(state);
        self.shared.work.notify_one();
    }

    /// Writes what is queued, takes nothing any more, and leaves on disk only what the next start needs.
    /// Blocks until that is done.
    pub(crate) fn close(&self) {
        self.shared.state.lock().closing = true;
        self.shared.work.notify_one();
        if let Some(thread) = self.thread.lock().take() {
            // A panic of the thread has failed its appends already; there is nobody to tell.
            let _panicked = thread.join();
        }
    }

    /// Figures.
    pub(crate) fn stats(&self) -> WalStats {
        let state = self.shared.state.lock();
        WalStats {
            segments: state.segments,
            bytes: state.bytes,
            last_sequence: state.durable_sequence,
            direct_records: state.direct_records,
            queue_bytes: state.queue_bytes as u64,
            queue_bytes_max: self.queue_bytes_max as u64,
        }
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        self.close();
    }
}

fn refused(why: &str) -> Error {
    Error::new(
        ErrorKind::Unavailable { retry_after: Duration::from_secs(30) },
        format!("the write-ahead log failed and takes nothing until a restart: {why}"),
    )
}

fn failed() -> String {
    "cannot write to the write-ahead log".to_owned()
}

#[derive(Debug)]
struct Writer {
    directory: PathBuf,
    config: WalConfig,
    shared: Arc<Shared>,
    segments: VecDeque<Segment>,
    spares: Vec<PathBuf>,
    /// When the current segment was begun.
    begun: Instant,
    file: File,
    direct: Direct,
    offset: u64,
    next_sequence: u64,
}

impl Writer {
    fn new(
        directory: &Path,
        config: WalConfig,
        found: Recovered,
        shared: Arc<Shared>,
    ) -> Result<Self> {
        let mut segments: VecDeque<Segment> = VecDeque::new();
        let mut end = 0;
        for segment in found.segments {
            end = segment.end;
            segments.push_back(Segment {
                number: segment.number,
                path: segment.path,
                first_sequence: segment.first_sequence,
                bytes: segment.file_bytes,
            });
        }
        let mut spares = Vec::new();
        for path in found.spares {
            if path.extension().is_some_and(|kind| kind == "spare") {
                spares.push(path);
            } else {
                std::fs::remove_file(&path)
                    .context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        let next_sequence = found.next_sequence;
        let (file, offset) = if let Some(last) = segments.back() {
            let file = OpenOptions::new()
                .write(true)
                .read(true)
                .open(&last.path)
                .context(|| format!("cannot open {}", last.path.display()))?;
            if found.torn.is_some() {
                clear_after(&file, end, last.bytes, &last.path)?;
            }
            (file, end)
        } else {
            let (segment, file) = begin_segment(directory, 1, next_sequence, None)?;
            segments.push_back(segment);
            (file, SEGMENT_HEADER_BYTES as u64)
        };
        let directory = directory.to_owned();
        let begun = Instant::now();
        let writer = Self {
            directory,
            config,
            shared,
            segments,
            spares,
            begun,
            file,
            direct: Direct::default(),
            offset,
            next_sequence,
        };
        writer.publish();
        Ok(writer)
    }

    fn publish(&self) {
        let mut state = self.shared.state.lock();
        state.segments = self.segments.len() as u64;
        state.bytes = self.bytes();
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    fn run(mut self) {
        while let Some((mut group, released)) = self.next_group() {
            if !group.is_empty() {
                let outcome = self.write(&mut group);
                self.answer(group, outcome);
            }
            if let Err(error) = self.recycle(released) {
                tracing::warn!(error = %error.report(), "cannot recycle log segments");
            }
        }
        if let Err(error) = self.shrink() {
            tracing::warn!(error = %error.report(), "cannot shrink the log");
        }
    }

    /// Leaves no more on disk than the next start needs: the segments are there for speed, and
    /// nobody writes now.
    fn shrink(&mut self) -> Result<()> {
        for spare in std::mem::take(&mut self.spares) {
            std::fs::remove_file(&spare)
                .context(|| format!("cannot remove {}", spare.display()))?;
        }
        let state = self.shared.state.lock();
        let is_needed = state.failed.is_some() || state.released + 1 < self.next_sequence;
        drop(state);
        if is_needed || self.offset == SEGMENT_HEADER_BYTES as u64 {
            return Ok(());
        }
        // The empty segment carries on the numbering of records.
        let number = self.segments.back().map_or(1, |last| last.number + 1);
        let (segment, file) = begin_segment(&self.directory, number, self.next_sequence, None)?;
        self.go_on_in(file);
        for done in std::mem::replace(&mut self.segments, VecDeque::from([segment])) {
            std::fs::remove_file(&done.path)
                .context(|| format!("cannot remove {}", done.path.display()))?;
        }
        Ok(())
    }

    /// Waits for work, or until spares can go; `None` when the log is closing and nothing is queued.
    fn next_group(&self) -> Option<(Vec<Pending>, u64)> {
        let mut state = self.shared.state.lock();
        while state.queue.is_empty() {
            if state.closing {
                return None;
            }
            if self.can_recycle(state.released) {
                return Some((Vec::new(), state.released));
            }
            if self.spares.len() <= SPARES_AT_REST {
                self.shared.work.wait(&mut state);
            } else if self
                .shared
                .work
                .wait_until(&mut state, self.begun + self.config.rest)
                .timed_out()
            {
                return Some((Vec::new(), state.released));
            }
        }
        let mut group = Vec::new();
        let mut bytes = 0;
        while let Some(next) = state.queue.front() {
            let is_alone = self.direct_blocks(&next.payload).is_some();
            let is_full = bytes + next.payload.len() > GROUP_BYTES_MAX;
            if !group.is_empty() && (is_alone || is_full) {
                break;
            }
            bytes += next.payload.len();
            group.extend(state.queue.pop_front());
            if is_alone {
                break;
            }
        }
        Some((group, state.released))
    }

    fn answer(&self, group: Vec<Pending>, outcome: Result<u64>) {
        let mut state = self.shared.state.lock();
        state.queue_bytes -= group.iter().map(|pending| pending.payload.len()).sum::<usize>();
        match outcome {
            Ok(first) => {
                state.durable_sequence = first + group.len() as u64 - 1;
                state.bytes = self.bytes();
                state.direct_records = self.direct.groups;
                drop(state);
                for (position, pending) in group.into_iter().enumerate() {
                    // A sender that gave up has no use for its number.
                    let _gone = pending.done.send(Ok(first + position as u64));
                }
            }
            Err(error) => {
                let why = error.report();
                tracing::error!(error = why, "the write-ahead log failed; refusing all writes");
                let waiting = std::mem::take(&mut state.queue);
                state.queue_bytes = 0;
                state.failed = Some(why.clone());
                drop(state);
                for pending in group.into_iter().chain(waiting) {
                    let _gone = pending.done.send(Err(refused(&why)));
                }
            }
        }
    }

    /// Writes a group and syncs it. Returns the sequence number of its first record.
    fn write(&mut self, group: &mut [Pending]) -> Result<u64> {
        if let Some(why) = self.shared.state.lock().failed.clone() {
            return Err(refused(&why));
        }
        let blocks = match &*group {
            [one] => self.direct_blocks(&one.payload),
            _ => None,
        };
        let end = match blocks {
            Some(blocks) => self.write_directly(&mut group[0].payload, blocks)?,
            None => self.write_together(group)?,
        };
        self.file.sync_data().context(failed)?;
        self.offset = end;
        let first_sequence = self.next_sequence;
        self.next_sequence += group.len() as u64;
        if let Some(last) = self.segments.back_mut() {
            last.bytes = last.bytes.max(end);
        }
        Ok(first_sequence)
    }

    /// Writes records as a group through the page cache. Returns where it ends.
    fn write_together(&mut self, group: &[Pending]) -> Result<u64> {
        let lengths: Vec<[u8; 4]> =
            group.iter().map(|pending| (pending.payload.len() as u32).to_le_bytes()).collect();
        let (mut crc, mut body_bytes) = (0, 0);
        for (length, pending) in lengths.iter().zip(group) {
            crc = crc32c::crc32c_append(crc, length);
            crc = crc32c::crc32c_append(crc, pending.payload.record());
            body_bytes += (4 + pending.payload.len()) as u64;
        }
        self.make_room(next_group(0, body_bytes))?;
        let header = GroupHeader {
            first_sequence: self.next_sequence,
            records: group.len() as u32,
            body_bytes,
            body_crc: crc,
        }
        .encode();
        let padding = [0; GROUP_ALIGNMENT as usize];
        let end = next_group(self.offset, body_bytes);
        let unpadded = self.offset + GROUP_HEADER_BYTES as u64 + body_bytes;
        let mut slices = vec![IoSlice::new(&header)];
        for (length, pending) in lengths.iter().zip(group) {
            slices.extend([IoSlice::new(length), IoSlice::new(pending.payload.record())]);
        }
        slices.push(IoSlice::new(&padding[..(end - unpadded) as usize]));
        write_all_at(&mut self.file, self.offset, &mut slices).context(failed)?;
        Ok(end)
    }

    /// Where a record that is to be written directly has the blocks of its group.
    fn direct_blocks(&self, payload: &Payload) -> Option<Range<usize>> {
        payload.blocks().filter(|_| self.direct.is_open())
    }

    /// Writes a large record as a group of its own past the page cache, with what leads to its first
    /// block. Returns where it ends.
    fn write_directly(&mut self, payload: &mut Payload, blocks: Range<usize>) -> Result<u64> {
        let bytes = blocks.len() as u64;
        self.make_room(block_from(self.offset) - self.offset + bytes)?;
        let start = block_from(self.offset);
        if start > self.offset {
            let filler = filler(self.next_sequence, start - self.offset);
            self.file.write_all_at(&filler, self.offset).context(failed)?;
        }
        let path = &self.segments.back().expect("there is always a segment to write to").path;
        let group = payload.group(blocks, self.next_sequence);
        self.direct.write(&self.file, path, group, start).context(failed)?;
        Ok(start + bytes)
    }

    /// Begins a new segment unless the group fits into the current one.
    fn make_room(&mut self, bytes: u64) -> Result<()> {
        let is_empty = self.offset == SEGMENT_HEADER_BYTES as u64;
        if self.offset + bytes <= self.config.segment_bytes || is_empty {
            return Ok(());
        }
        let number = self.segments.back().map_or(1, |last| last.number + 1);
        let spare = match self.spares.pop() {
            Some(spare) => spare,
            None => fill(&self.directory, number, self.config.segment_bytes)?,
        };
        let (segment, file) =
            begin_segment(&self.directory, number, self.next_sequence, Some(&spare))?;
        self.segments.push_back(segment);
        self.go_on_in(file);
        self.begun = Instant::now();
        self.publish();
        Ok(())
    }

    fn go_on_in(&mut self, file: File) {
        self.file = file;
        self.direct.change_segment();
        self.offset = SEGMENT_HEADER_BYTES as u64;
    }

    fn can_recycle(&self, released: u64) -> bool {
        // A segment is done with when the next one starts with a record that is needed or later.
        self.segments.get(1).is_some_and(|next| next.first_sequence <= released + 1)
    }

    /// Keeps the segments that are done with as spares, as many as are wanted.
    fn recycle(&mut self, released: u64) -> Result<()> {
        let at_rest = self.begun.elapsed() >= self.config.rest;
        let spares_max = if at_rest { SPARES_AT_REST } else { SPARES_MAX };
        for spare in self.spares.drain(self.spares.len().min(spares_max)..) {
            std::fs::remove_file(&spare)
                .context(|| format!("cannot remove {}", spare.display()))?;
        }
        while self.can_recycle(released) {
            let Some(done) = self.segments.pop_front() else { break };
            let ordinary = done.bytes <= self.config.segment_bytes;
            if ordinary && self.spares.len() < spares_max {
                let spare = done.path.with_extension("spare");
                std::fs::rename(&done.path, &spare)
                    .context(|| format!("cannot rename {}", done.path.display()))?;
                self.spares.push(spare);
            } else {
                std::fs::remove_file(&done.path)
                    .context(|| format!("cannot remove {}", done.path.display()))?;
            }
            self.publish();
        }
        Ok(())
    }
}
