//! Deciding tests on a block.

use watchkeep_model::Result;

use super::read::Block;
use super::row_set::RowSet;
use crate::seam::LogTest;

/// What a test says of rows; it is false of those in neither set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Rows of which it is true.
    pub(crate) yes: RowSet,
    /// Rows of which it is not known.
    pub(crate) unknown: RowSet,
}

impl Block {
    /// Tests those rows that are candidates.
    pub(crate) fn test(&self, test: &LogTest, candidates: &RowSet) -> Result<Decision> {
        let none = || RowSet::none(self.rows);
        match test {
            LogTest::And(tests) => self.all_hold(tests, candidates),
            LogTest::Or(tests) => self.one_holds(tests, candidates),
            LogTest::Not(test) => {
                let Decision { yes, unknown } = self.test(test, candidates)?;
                let mut no = candidates.clone();
                no.remove(&yes);
                no.remove(&unknown);
                Ok(Decision { yes: no, unknown })
            }
            LogTest::Contains(needle) => {
                let yes = self.bodies.containing(self.reader(), candidates, needle)?;
                Ok(Decision { yes, unknown: none() })
            }
            LogTest::Matches(pattern) => {
                let mut holds = |body: &str| pattern.is_match(body);
                let yes = self.bodies.holding(self.reader(), candidates, &mut holds)?;
                Ok(Decision { yes, unknown: none() })
            }
            LogTest::Field { field, test } => self.test_field(field, test, candidates),
            LogTest::Words(_) | LogTest::Unknown => {
                Ok(Decision { yes: none(), unknown: candidates.clone() })
            }
        }
    }

    fn all_hold(&self, tests: &[LogTest], candidates: &RowSet) -> Result<Decision> {
        let (mut yes, mut live) = (candidates.clone(), candidates.clone());
        for test in tests {
            if live.is_empty() {
                break;
            }
            let decision = self.test(test, &live)?;
            yes.keep(&decision.yes);
            live = decision.yes;
            live.add(&decision.unknown);
        }
        yes.keep(&live);
        live.remove(&yes);
        Ok(Decision { yes, unknown: live })
    }

    fn one_holds(&self, tests: &[LogTest], candidates: &RowSet) -> Result<Decision> {
        let (mut yes, mut unknown) = (RowSet::none(self.rows), RowSet::none(self.rows));
        let mut left = candidates.clone();
        for test in tests {
            if left.is_empty() {
                break;
            }
            let decision = self.test(test, &left)?;
            yes.add(&decision.yes);
            unknown.add(&decision.unknown);
            left.remove(&decision.yes);
        }
        unknown.remove(&yes);
        Ok(Decision { yes, unknown })
    }
}
