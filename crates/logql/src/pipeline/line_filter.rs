//! Line filters: `|=`, `!=`, `|~`, `!~`, `|>` and `!>`.

use memchr::memmem::Finder;
use watchkeep_model::Pattern;

use super::ip::IpPattern;
use super::pattern::PatternExpression;
use crate::ast::{LineFilter, LineOp, LineOperand};

/// A line filter made ready.
#[derive(Debug, Clone)]
pub(super) struct LineTest {
    tests: Vec<Test>,
    negated: bool,
}

#[derive(Debug, Clone)]
enum Test {
    Contains(Finder<'static>),
    Matches(Pattern),
    Fits(PatternExpression),
    Ip(IpPattern),
}

impl LineTest {
    /// Fails with the reason why an operand can not be read.
    pub(super) fn new(filter: &LineFilter) -> Result<Self, String> {
        let negated = matches!(
            filter.op,
            LineOp::NotContains | LineOp::NotMatches | LineOp::PatternNotMatches
        );
        let tests = filter.operands.iter().map(|operand| Test::new(filter.op, operand));
        Ok(Self { tests: tests.collect::<Result<_, _>>()?, negated })
    }

    /// Whether the line stays.
    pub(super) fn keeps(&self, line: &str) -> bool {
        self.tests.iter().any(|test| test.holds(line)) != self.negated
    }
}

impl Test {
    fn new(op: LineOp, operand: &LineOperand) -> Result<Self, String> {
        match (op, operand) {
            (LineOp::Contains | LineOp::NotContains, LineOperand::Text(text)) => {
                Ok(Self::Contains(Finder::new(text.as_bytes()).into_owned()))
            }
            (LineOp::Matches | LineOp::NotMatches, LineOperand::Text(text)) => {
                Pattern::unanchored(text).map(Self::Matches).map_err(|error| error.to_string())
            }
            (LineOp::PatternMatches | LineOp::PatternNotMatches, LineOperand::Text(text)) => {
                let expression = PatternExpression::parse_filter(text);
                expression.map(Self::Fits).map_err(|error| error.to_string())
            }
            (LineOp::Contains | LineOp::NotContains, LineOperand::Ip(text)) => {
                IpPattern::parse(text).map(Self::Ip).map_err(|error| error.to_string())
            }
            (_, LineOperand::Ip(_)) => Err("ip: invalid operation".to_owned()),
        }
    }

    fn holds(&self, line: &str) -> bool {
        match self {
            Self::Contains(finder) => finder.find(line.as_bytes()).is_some(),
            Self::Matches(pattern) => pattern.is_match(line),
            Self::Fits(expression) => expression.matches(line),
            Self::Ip(pattern) => pattern.found_in(line),
        }
    }
}
