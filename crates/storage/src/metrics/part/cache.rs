//! What was lately read of parts, checked and unpacked, so that the next question does not read it
//! again. One cache serves all parts of a store; it holds at most so many bytes, and when they are
//! reached, what has not been asked for since it was last looked at goes.

use std::sync::Arc;

use parking_lot::Mutex;

use super::group::Group;
use super::reader::Block;
use crate::cache_figures::CacheFigures;
use crate::recent::Recent;

/// Frames of parts, within a bound.
#[derive(Debug)]
pub(crate) struct FrameCache {
    bytes_max: usize,
    figures: CacheFigures,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Each with its bytes.
    frames: Recent<Key, (Cached, usize)>,
    bytes: usize,
}

/// Number of the part as it was opened, and offset of the frame.
type Key = (u64, u64);

/// A frame as readers want it.
#[derive(Debug, Clone)]
pub(super) enum Cached {
    /// A column of timestamps or start timestamps.
    Column(Arc<[i64]>),
    Group(Arc<Group>),
    Block(Arc<Block>),
    /// Postings, unpacked.
    Postings(Arc<Vec<u8>>),
}

impl FrameCache {
    /// An empty cache of at most so many bytes; with 0 nothing is kept. Its metrics have the name.
    pub(crate) fn new(name: &str, bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { bytes_max, figures: CacheFigures::new(name), held: Mutex::default() })
    }

    /// What it tells of itself.
    pub(crate) fn figures(&self) -> &CacheFigures {
        &self.figures
    }

    pub(super) fn get(&self, key: Key) -> Option<Cached> {
        let frame = self.held.lock().frames.get(key).map(|(frame, _)| frame.clone());
        self.figures.asked(frame.is_some());
        frame
    }

    pub(super) fn put(&self, key: Key, frame: &Cached) {
        const SLOT: usize = 160;
        let bytes = frame.byte_len() + SLOT;
        if bytes > self.bytes_max / 4 {
            return;
        }
        let mut held = self.held.lock();
        if held.frames.get(key).is_some() {
            return;
        }
        while held.bytes + bytes > self.bytes_max
            && let Some((_, gone)) = held.frames.pop(|_| true)
        {
            held.bytes -= gone;
        }
        held.bytes += bytes;
        held.frames.get_or_insert(key, (frame.clone(), bytes));
        self.figures.bytes.set(held.bytes as i64);
    }

    /// Bytes held, about.
    #[cfg(test)]
    fn byte_len(&self) -> usize {
        self.held.lock().bytes
    }
}

impl Cached {
    fn byte_len(&self) -> usize {
        match self {
            Self::Column(column) => size_of_val(&**column),
            Self::Group(group) => group.byte_len(),
            Self::Block(block) => block.byte_len(),
            Self::Postings(raw) => raw.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(len: usize) -> Cached {
        Cached::Column(vec![0; len].into())
    }

    #[test]
    fn what_is_asked_for_stays_and_the_bound_holds() {
        let cache = FrameCache::new("metrics", 100_000);
        for at in 0..100 {
            cache.put((1, at), &column(500));
            assert!(cache.get((1, 0)).is_some(), "asked for all the time");
            assert!(cache.byte_len() <= 100_000);
        }
        assert!(cache.get((1, 99)).is_some());
        assert!(cache.get((1, 50)).is_none());
        cache.put((2, 0), &column(5000));
        assert!(cache.get((2, 0)).is_none(), "too large a share");
    }
}
