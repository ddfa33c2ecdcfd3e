//! What the evaluator asks of a store.

use watchkeep_model::{Matcher, Result, SeriesSamples};

/// Asks for the samples of series in the closed range `[start_ms, end_ms]`.
#[derive(Debug, Clone)]
pub struct Select {
    /// Every one must hold.
    pub matchers: Vec<Matcher>,
    /// First millisecond.
    pub start_ms: i64,
    /// Last millisecond.
    pub end_ms: i64,
}

/// Series in any order, each once. Advancing may block.
pub type SeriesIter<'a> = Box<dyn Iterator<Item = Result<SeriesSamples>> + 'a>;

/// A store of series.
pub trait SeriesSource {
    /// The series that match and have a sample in the range, read as they are asked for.
    ///
    /// The hint of a series' first histogram should be [`crate::reset_hint_after`] of the sample
    /// before it, which is outside the range; hints of the others do not matter but for gauges.
    fn select(&self, select: &Select) -> Result<SeriesIter<'_>>;
}
