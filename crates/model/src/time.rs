//! Instants, ranges and the clock. An instant is nanoseconds since the Unix epoch in an `i64`
//! (good until 2262); samples of metrics use milliseconds, as Prometheus does.

use std::fmt::Debug;

/// A half-open range of instants: `start_ns <= t < end_ns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// First instant inside, nanoseconds since the epoch.
    pub start_ns: i64,
    /// First instant after, nanoseconds since the epoch.
    pub end_ns: i64,
}

impl TimeRange {
    /// Everything that can be expressed.
    pub const ALL: Self = Self { start_ns: i64::MIN, end_ns: i64::MAX };

    /// Whether the instant lies inside.
    pub fn contains(self, instant_ns: i64) -> bool {
        self.start_ns <= instant_ns && instant_ns < self.end_ns
    }

    /// Whether any instant of the closed range `[min_ns, max_ns]` lies inside.
    pub fn overlaps_closed(self, min_ns: i64, max_ns: i64) -> bool {
        self.start_ns <= max_ns && min_ns < self.end_ns
    }

    /// Whether nothing lies inside.
    pub fn is_empty(self) -> bool {
        self.start_ns >= self.end_ns
    }
}

/// Tells the time. Everything that needs it is handed one, so tests can set it.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Now, in nanoseconds since the Unix epoch.
    fn now_ns(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now_ns(&self) -> i64 {
        let since_epoch =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX)
    }
}
