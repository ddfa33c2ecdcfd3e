//! What is not to be seen of a source although it is there: what was deleted, and what is past its
//! retention. It is taken away when a question is answered, and for good when parts are merged.

use std::sync::Arc;

use watchkeep_model::{Labels, Matcher};

use super::data::Range;

/// A deletion: samples and exemplars in a closed range of the series that match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Erasure {
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
}

/// How far back series are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Horizon {
    /// The first rule that a series matches decides: what is older than the millisecond is gone.
    pub(crate) rules: Vec<(Vec<Matcher>, i64)>,
    /// The same for series that match no rule.
    pub(crate) otherwise: Option<i64>,
}

impl Horizon {
    /// The first millisecond that is kept of a series.
    pub(super) fn of(&self, labels: &Labels) -> Option<i64> {
        let rule = self.rules.iter().find(|(matchers, _)| all_match(matchers, labels));
        rule.map(|(_, first_ms)| *first_ms).or(self.otherwise)
    }

    /// Whether something at the millisecond, or later, may be gone.
    pub(super) fn reaches(&self, min_ms: i64) -> bool {
        let firsts = self.rules.iter().map(|(_, first_ms)| *first_ms).chain(self.otherwise);
        firsts.max().is_some_and(|first_ms| min_ms < first_ms)
    }
}

/// What is hidden of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mask {
    erasures: Vec<Erasure>,
    horizon: Horizon,
}

impl Mask {
    /// The mask of a source whose times lie in a range; `None` where nothing there is hidden.
    pub(crate) fn of(
        erasures: impl Iterator<Item = Erasure>,
        horizon: &Horizon,
        (min_ms, max_ms): (i64, i64),
    ) -> Option<Arc<Self>> {
        let touching = |erasure: &Erasure| erasure.range().overlaps(min_ms, max_ms);
        let erasures: Vec<Erasure> = erasures.filter(touching).collect();
        let reaches = horizon.reaches(min_ms);
        (reaches || !erasures.is_empty()).then(|| {
            let horizon = if reaches { horizon.clone() } else { Horizon::default() };
            Arc::new(Self { erasures, horizon })
        })
    }

    /// The ranges that are hidden of a series.
    pub(super) fn hidden(&self, labels: &Labels) -> Hidden {
        let of_series = self.erasures.iter().filter(|one| all_match(&one.matchers, labels));
        let mut ranges: Vec<Range> = of_series.map(Erasure::range).collect();
        if let Some(first_ms) = self.horizon.of(labels)
            && let Some(end_ms) = first_ms.checked_sub(1)
        {
            ranges.push(Range { start_ms: i64::MIN, end_ms });
        }
        Hidden(ranges)
    }
}

impl Erasure {
    fn range(&self) -> Range {
        Range { start_ms: self.start_ms, end_ms: self.end_ms }
    }
}

fn all_match(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels))
}

/// Ranges of time that are hidden of one series.
#[derive(Debug, Clone, Default)]
pub(super) struct Hidden(Vec<Range>);

impl Hidden {
    /// Whether something in the range may be hidden.
    pub(super) fn touches(&self, range: Range) -> bool {
        self.0.iter().any(|hidden| hidden.overlaps(range.start_ms, range.end_ms))
    }

    pub(super) fn contains(&self, time_ms: i64) -> bool {
        self.0.iter().any(|hidden| hidden.contains(time_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_matches_decides_how_long_a_series_is_kept() {
        let equal = |value| vec![Matcher::equal("job", value)];
        let horizon =
            Horizon { rules: vec![(equal("a"), 100), (equal("b"), 10)], otherwise: Some(50) };
        let mask = Mask::of(std::iter::empty(), &horizon, (0, 1000)).unwrap();
        for (job, first_ms) in [("a", 100), ("b", 10), ("c", 50)] {
            let hidden = mask.hidden(&Labels::from_pairs([("job", job)]));
            assert!(hidden.contains(first_ms - 1) && !hidden.contains(first_ms), "{job}");
        }
        assert_eq!(Mask::of(std::iter::empty(), &horizon, (100, 1000)), None);
    }

    #[test]
    fn a_deletion_hides_its_series_in_its_range_alone() {
        let erasure =
            Erasure { matchers: vec![Matcher::equal("job", "a")], start_ms: 5, end_ms: 9 };
        let mask = Mask::of([erasure.clone()].into_iter(), &Horizon::default(), (9, 20)).unwrap();
        let hidden = mask.hidden(&Labels::from_pairs([("job", "a")]));
        assert!(hidden.contains(9) && !hidden.contains(10));
        let other = mask.hidden(&Labels::from_pairs([("job", "b")]));
        assert!(!other.touches(Range::ALL));
        assert_eq!(Mask::of([erasure].into_iter(), &Horizon::default(), (10, 20)), None);
    }
}
