//! Random numbers that a seed repeats, and the few distributions that latencies and arrivals have.
//! Not for secrets.

/// A generator (SplitMix64: one word of state, and any seed is a good one).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// At least 0, below 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of `0..count`; 0 where that is empty.
    pub(super) fn below(&mut self, count: usize) -> usize {
        (self.unit() * count as f64) as usize
    }

    /// One of `low..=high`.
    pub(super) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high + 1 - low)
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of the items, of which there must be some.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Half of the values are below `median`; `sigma` tells how long the tail is.
    pub(super) fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        // Box and Muller's way to a normal value; 1 - unit() is never 0.
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.unit()).cos();
        median * (sigma * normal).exp()
    }

    /// Time to the next of events that come on average every `mean`.
    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Nanoseconds, about so many milliseconds.
    pub(super) fn millis(&mut self, median: f64, sigma: f64) -> i64 {
        (self.lognormal(median, sigma) * 1e6) as i64
    }

    pub(super) fn trace_id(&mut self) -> [u8; 16] {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.next().to_be_bytes());
        id[8..].copy_from_slice(&(self.next() | 1).to_be_bytes());
        id
    }

    pub(super) fn span_id(&mut self) -> [u8; 8] {
        (self.next() | 1).to_be_bytes()
    }

    /// Lower-case hexadecimal digits, at most 16.
    pub(super) fn hex(&mut self, digits: usize) -> String {
        format!("{:016x}", self.next()).split_off(16 - digits.min(16))
    }
}
