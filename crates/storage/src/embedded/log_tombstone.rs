//! Deletions of log records, as the manifest keeps them.

use serde::{Deserialize, Serialize};
use watchkeep_model::{Error, Pattern, Result, TenantId, TimeRange};

use super::manifest::{matcher_of, matcher_parts};
use crate::logs::Erasure;
use crate::seam::LogTest;

/// A deletion of log records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogTombstoneEntry {
    pub(super) tenant: String,
    /// Label, operator as in a query, value.
    matchers: Vec<(String, String, String)>,
    start_ns: i64,
    /// The first instant after.
    end_ns: i64,
    test: TestEntry,
    /// Parts with smaller ids are meant: those that were there.
    pub(super) below: u64,
}

/// What is true of the records that are deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum TestEntry {
    And(Vec<TestEntry>),
    Or(Vec<TestEntry>),
    Not(Box<TestEntry>),
    Contains(String),
    /// Somewhere in the body.
    Matches(String),
    /// The body as a whole.
    Whole(String),
}

impl LogTombstoneEntry {
    pub(super) fn new(tenant: &TenantId, erasure: &Erasure, below: u64) -> Result<Self> {
        Ok(Self {
            tenant: tenant.as_str().to_owned(),
            matchers: erasure.matchers.iter().map(matcher_parts).collect(),
            start_ns: erasure.range.start_ns,
            end_ns: erasure.range.end_ns,
            test: TestEntry::of(&erasure.test)?,
            below,
        })
    }

    pub(super) fn range(&self) -> TimeRange {
        TimeRange { start_ns: self.start_ns, end_ns: self.end_ns }
    }

    /// What it takes away.
    pub(super) fn erasure(&self) -> Result<Erasure> {
        let matchers = self.matchers.iter().map(matcher_of).collect::<Result<_>>()?;
        Ok(Erasure { matchers, range: self.range(), test: self.test.test()? })
    }
}

impl TestEntry {
    fn of(test: &LogTest) -> Result<Self> {
        let all = |tests: &[LogTest]| tests.iter().map(Self::of).collect::<Result<Vec<_>>>();
        Ok(match test {
            LogTest::And(tests) => Self::And(all(tests)?),
            LogTest::Or(tests) => Self::Or(all(tests)?),
            LogTest::Not(test) => Self::Not(Box::new(Self::of(test)?)),
            LogTest::Contains(needle) => Self::Contains(needle.clone()),
            LogTest::Matches(pattern) if pattern.is_anchored() => {
                Self::Whole(pattern.text().to_owned())
            }
            LogTest::Matches(pattern) => Self::Matches(pattern.text().to_owned()),
            LogTest::Field { .. } | LogTest::Words(_) | LogTest::Unknown => {
                return Err(Error::invalid("a deletion looks at labels and lines only"));
            }
        })
    }

    fn test(&self) -> Result<LogTest> {
        let all = |tests: &[Self]| tests.iter().map(Self::test).collect::<Result<Vec<_>>>();
        let broken = |error| {
            Error::corrupt("a regular expression in the manifest is none").with_source(error)
        };
        Ok(match self {
            Self::And(tests) => LogTest::And(all(tests)?),
            Self::Or(tests) => LogTest::Or(all(tests)?),
            Self::Not(test) => LogTest::Not(Box::new(test.test()?)),
            Self::Contains(needle) => LogTest::Contains(needle.clone()),
            Self::Matches(text) => LogTest::Matches(Pattern::unanchored(text).map_err(broken)?),
            Self::Whole(text) => LogTest::Matches(Pattern::anchored(text).map_err(broken)?),
        })
    }
}
