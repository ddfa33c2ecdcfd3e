//! What is known of a test on rows, in Kleene's logic.

use watchkeep_model::Result;

use super::row_set::RowSet;

/// What a test says of rows; it is false of those in neither set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Rows of which it is true.
    pub(crate) yes: RowSet,
    /// Rows of which it is not known.
    pub(crate) unknown: RowSet,
}

impl Decision {
    /// Unknown of these.
    pub(crate) fn unknown(rows: &RowSet) -> Self {
        Self { yes: RowSet::none(rows.rows()), unknown: rows.clone() }
    }

    /// The opposite, on the same candidates.
    pub(crate) fn not(self, candidates: &RowSet) -> Self {
        let mut no = candidates.clone();
        no.remove(&self.yes);
        no.remove(&self.unknown);
        Self { yes: no, unknown: self.unknown }
    }

    /// Whether all tests hold; each is asked of the rows of which none before is false.
    pub(crate) fn all<T>(
        tests: &[T],
        candidates: &RowSet,
        mut decide: impl FnMut(&T, &RowSet) -> Result<Self>,
    ) -> Result<Self> {
        let (mut yes, mut live) = (candidates.clone(), candidates.clone());
        for test in tests {
            if live.is_empty() {
                break;
            }
            let decision = decide(test, &live)?;
            yes.keep(&decision.yes);
            live = decision.yes;
            live.add(&decision.unknown);
        }
        yes.keep(&live);
        live.remove(&yes);
        Ok(Self { yes, unknown: live })
    }

    /// Whether one of the tests holds; each is asked of the rows of which none before is true.
    pub(crate) fn any<T>(
        tests: &[T],
        candidates: &RowSet,
        mut decide: impl FnMut(&T, &RowSet) -> Result<Self>,
    ) -> Result<Self> {
        let none = || RowSet::none(candidates.rows());
        let (mut yes, mut unknown) = (none(), none());
        let mut left = candidates.clone();
        for test in tests {
            if left.is_empty() {
                break;
            }
            let decision = decide(test, &left)?;
            yes.add(&decision.yes);
            unknown.add(&decision.unknown);
            left.remove(&decision.yes);
        }
        unknown.remove(&yes);
        Ok(Self { yes, unknown })
    }
}
