//! Steps of time that people can read: lengths that a clock has, beginning at multiples of them.

use watchkeep_model::{Error, ErrorKind, Result, TimeRange};

use super::STEPS_MAX;

const SECOND_NS: i64 = 1_000_000_000;
/// An hour.
pub(super) const HOUR_NS: i64 = 3_600 * SECOND_NS;
/// A day.
pub(super) const DAY_NS: i64 = 24 * HOUR_NS;

/// Lengths of steps in seconds. Those up to an hour divide it, the others are multiples of it.
const STEPS_S: [i64; 19] = [
    1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
    604_800, 2_592_000,
];

/// About how many steps a range has where nobody says.
const STEPS_WANTED: i64 = 36;

/// Steps of time that cover a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Where the first step begins: a multiple of the length, at or before the range's start.
    pub start_ns: i64,
    /// Length of a step.
    pub step_ns: i64,
    /// How many.
    pub steps: usize,
}

impl Grid {
    /// Steps for a range; `step_ns` is rounded up to a length that a clock has.
    pub fn new(range: TimeRange, step_ns: Option<i64>) -> Result<Self> {
        let length = range.end_ns.saturating_sub(range.start_ns).max(1);
        let least = step_ns.unwrap_or(length / STEPS_WANTED).max(1);
        let known = STEPS_S.into_iter().map(|s| s * SECOND_NS).find(|step| *step >= least);
        let month = STEPS_S[STEPS_S.len() - 1] * SECOND_NS;
        let step_ns = known.unwrap_or_else(|| (least / month + 1).saturating_mul(month));
        let start_ns = floor(range.start_ns, step_ns);
        let steps = range.end_ns.saturating_sub(start_ns).saturating_sub(1) / step_ns + 1;
        let steps = usize::try_from(steps).unwrap_or(usize::MAX);
        if steps > STEPS_MAX {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("{steps} steps are more than {STEPS_MAX}; ask for longer ones"),
            ));
        }
        Ok(Self { start_ns, step_ns, steps })
    }

    /// Number of the step that an instant is in; the last one for what lies behind.
    pub fn step_of(&self, time_ns: i64) -> usize {
        let step = time_ns.saturating_sub(self.start_ns).max(0) / self.step_ns;
        usize::try_from(step).unwrap_or(usize::MAX).min(self.steps - 1)
    }

    /// Pieces of the range that lie within one step each and are at most an hour long.
    pub(super) fn chunks(&self, range: TimeRange) -> Vec<TimeRange> {
        chunks(range, self.step_ns.min(HOUR_NS))
    }
}

/// Cuts a range at multiples of a length.
pub(super) fn chunks(range: TimeRange, length_ns: i64) -> Vec<TimeRange> {
    let mut out = Vec::new();
    let mut start_ns = range.start_ns;
    while start_ns < range.end_ns {
        let end_ns = floor(start_ns, length_ns).saturating_add(length_ns).min(range.end_ns);
        out.push(TimeRange { start_ns, end_ns });
        start_ns = end_ns;
    }
    out
}

/// Lengths that pieces can have.
pub(super) fn chunk_lengths() -> impl Iterator<Item = i64> {
    STEPS_S.into_iter().map(|s| s * SECOND_NS).filter(|length| *length <= HOUR_NS)
}

/// The multiple of a length at or before an instant.
pub(super) fn floor(time_ns: i64, length_ns: i64) -> i64 {
    time_ns.div_euclid(length_ns).saturating_mul(length_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start_s: i64, end_s: i64) -> TimeRange {
        TimeRange { start_ns: start_s * SECOND_NS, end_ns: end_s * SECOND_NS }
    }

    #[test]
    fn steps_are_lengths_that_a_clock_has() {
        let cases = [
            (range(0, 86_400), None, (0, 3_600, 24)),
            (range(1_800, 88_200), None, (0, 3_600, 25)),
            (range(0, 3_600), None, (0, 120, 30)),
            (range(0, 3_600), Some(61), (0, 120, 30)),
            (range(0, 30 * 86_400), None, (0, 86_400, 30)),
            (range(7, 8), None, (7, 1, 1)),
        ];
        for (range, step_s, expect) in cases {
            let grid = Grid::new(range, step_s.map(|s: i64| s * SECOND_NS)).unwrap();
            let told = (grid.start_ns / SECOND_NS, grid.step_ns / SECOND_NS, grid.steps);
            assert_eq!(told, expect, "{range:?} {step_s:?}");
        }
        let error = Grid::new(range(0, 86_400), Some(SECOND_NS)).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Invalid);
    }

    #[test]
    fn chunks_cover_the_range_and_cross_no_step() {
        let range = range(100, 20_000);
        let grid = Grid::new(range, None).unwrap();
        let chunks = grid.chunks(range);
        assert_eq!(chunks[0].start_ns, range.start_ns);
        assert_eq!(chunks[chunks.len() - 1].end_ns, range.end_ns);
        for (at, chunk) in chunks.iter().enumerate() {
            assert_eq!(grid.step_of(chunk.start_ns), grid.step_of(chunk.end_ns - 1));
            assert!(at == 0 || chunks[at - 1].end_ns == chunk.start_ns);
        }
    }

    #[test]
    fn ranges_without_bounds_do_not_overflow() {
        for range in [TimeRange::ALL, TimeRange { start_ns: 0, end_ns: i64::MAX }] {
            let grid = Grid::new(range, None).unwrap();
            assert!(grid.step_of(i64::MAX - 1) < grid.steps);
        }
    }
}
