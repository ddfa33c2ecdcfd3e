//! Blocks that were lately read, with what was unpacked of them, so that the next question does not
//! read it again. One cache serves all parts of a store that hold the same kind of rows.

use std::ops::Deref;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus::IntGauge;

use crate::cache_figures::CacheFigures;
use crate::recent::Recent;

/// Number of a part, and of a block in it.
type Key = (u64, u32);

/// Bytes that blocks take in memory, about: every block counts what it unpacks, and takes it back
/// when it goes.
#[derive(Debug, Clone)]
pub(crate) struct Meter(IntGauge);

impl Meter {
    pub(crate) fn add(&self, bytes: usize) {
        self.0.add(bytes as i64);
    }

    pub(crate) fn take_back(&self, bytes: usize) {
        self.0.sub(bytes as i64);
    }

    fn bytes(&self) -> usize {
        usize::try_from(self.0.get()).unwrap_or(0)
    }
}

/// Blocks, within a bound.
#[derive(Debug)]
pub(crate) struct BlockCache<T> {
    bytes_max: usize,
    meter: Meter,
    figures: CacheFigures,
    held: Mutex<Recent<Key, Arc<T>>>,
}

impl<T> BlockCache<T> {
    /// An empty cache of at most so many bytes; with 0 nothing is kept. Its metrics have the name.
    pub(crate) fn new(name: &str, bytes_max: usize) -> Arc<Self> {
        let figures = CacheFigures::new(name);
        let meter = Meter(figures.bytes.clone());
        Arc::new(Self { bytes_max, meter, figures, held: Mutex::default() })
    }

    /// What it tells of itself.
    pub(crate) fn figures(&self) -> &CacheFigures {
        &self.figures
    }

    /// Where its blocks count their bytes.
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The block, opened if it is not held.
    pub(crate) fn block<E>(
        self: &Arc<Self>,
        key: Key,
        open: impl FnOnce() -> Result<T, E>,
    ) -> Result<CachedBlock<T>, E> {
        let known = self.held.lock().get(key).map(Arc::clone);
        self.figures.asked(known.is_some());
        let block = match known {
            Some(block) => block,
            None => self.put(key, Arc::new(open()?)),
        };
        Ok(CachedBlock { block, _trim: Trim(Arc::clone(self)) })
    }

    /// Holds a block, or gives the one that somebody else put there meanwhile.
    fn put(&self, key: Key, block: Arc<T>) -> Arc<T> {
        if self.bytes_max == 0 {
            return block;
        }
        Arc::clone(self.held.lock().get_or_insert(key, block))
    }

    /// Lets blocks go until the rest takes no more than it may. One that is in use stays: to let it
    /// go would free nothing.
    fn trim(&self) {
        while self.meter.bytes() > self.bytes_max {
            // A block is large: it is dropped without the lock.
            let gone = self.held.lock().pop(|block| Arc::strong_count(block) == 1);
            if gone.is_none() {
                break;
            }
        }
    }

    /// Lets go of a part's blocks.
    pub(crate) fn forget(&self, part: u64) {
        let gone = self.held.lock().retain(|(of, _)| *of != part);
        drop(gone);
    }
}

/// A block in use.
#[derive(Debug)]
pub(crate) struct CachedBlock<T> {
    block: Arc<T>,
    /// Dropped after the block.
    _trim: Trim<T>,
}

/// What a block unpacked counts, so that there may be too much when it is let go of.
#[derive(Debug)]
struct Trim<T>(Arc<BlockCache<T>>);

impl<T> Deref for CachedBlock<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.block
    }
}

impl<T> Drop for Trim<T> {
    fn drop(&mut self) {
        self.0.trim();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something that counts its bytes as a block does.
    #[derive(Debug)]
    struct Sized(usize, Meter);

    impl Drop for Sized {
        fn drop(&mut self) {
            self.1.take_back(self.0);
        }
    }

    fn ask(cache: &Arc<BlockCache<Sized>>, key: Key, bytes: usize) -> bool {
        let mut opened = false;
        let meter = cache.meter();
        let open = || -> Result<Sized, ()> {
            opened = true;
            meter.add(bytes);
            Ok(Sized(bytes, meter.clone()))
        };
        drop(cache.block(key, open).unwrap());
        !opened
    }

    #[test]
    fn what_is_asked_for_stays_and_the_bound_holds() {
        let cache = BlockCache::new("blocks", 1000);
        for at in 1..100 {
            ask(&cache, (1, 0), 90);
            assert!(ask(&cache, (1, 0), 90), "asked for all the time");
            ask(&cache, (1, at), 90);
            assert!(cache.meter.bytes() <= 1000);
        }
        assert!(ask(&cache, (1, 99), 90));
        assert!(!ask(&cache, (1, 50), 90));
        ask(&cache, (2, 0), 5000);
        assert!(!ask(&cache, (2, 0), 5000), "larger than everything may be");
    }

    #[test]
    fn what_is_in_use_does_not_make_others_go() {
        let cache = BlockCache::new("blocks", 100);
        let open = |bytes| -> Result<Sized, ()> {
            cache.meter().add(bytes);
            Ok(Sized(bytes, cache.meter().clone()))
        };
        let used = cache.block((1, 0), || open(80)).unwrap();
        ask(&cache, (1, 1), 15);
        ask(&cache, (1, 2), 15);
        assert!(ask(&cache, (1, 0), 80) && ask(&cache, (1, 2), 15));
        assert!(!ask(&cache, (1, 1), 15), "the eldest that is not in use went");
        drop(used);
        assert!(cache.meter.bytes() <= 100);
    }

    #[test]
    fn nothing_is_kept_of_parts_that_are_gone_nor_without_room() {
        let cache = BlockCache::new("blocks", 1000);
        ask(&cache, (1, 0), 10);
        ask(&cache, (2, 0), 10);
        cache.forget(1);
        assert_eq!(cache.meter.bytes(), 10);
        assert!(ask(&cache, (2, 0), 10) && !ask(&cache, (1, 0), 10));
        let none = BlockCache::new("blocks", 0);
        assert!(!ask(&none, (1, 0), 10) && !ask(&none, (1, 0), 10));
        assert_eq!(none.meter.bytes(), 0);
    }
}
