//! Deciding tests on a block.

use watchkeep_model::Result;

use super::read::Block;
use crate::block::{Decision, RowSet};
use crate::seam::LogTest;

impl Block {
    /// Tests those rows that are candidates.
    pub(crate) fn test(&self, test: &LogTest, candidates: &RowSet) -> Result<Decision> {
        let none = || RowSet::none(self.rows);
        match test {
            LogTest::And(tests) => {
                Decision::all(tests, candidates, |test, among| self.test(test, among))
            }
            LogTest::Or(tests) => {
                Decision::any(tests, candidates, |test, among| self.test(test, among))
            }
            LogTest::Not(test) => Ok(self.test(test, candidates)?.not(candidates)),
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
            LogTest::Words(_) | LogTest::Unknown => Ok(Decision::unknown(candidates)),
        }
    }
}
