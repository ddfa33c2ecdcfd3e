//! Random choices that a seed repeats (SplitMix64).

use std::time::Duration;

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// One of `low..=high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high + 1 - low)
    }

    pub(crate) fn millis(&mut self, (low, high): (u64, u64)) -> Duration {
        Duration::from_micros(self.between(low * 1000, high * 1000))
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.between(0, 999_999) < (probability * 1e6) as u64
    }

    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }
}
