//! Conditions on labels, as the query languages write them and the stores answer them.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::regex::Pattern;

/// How a label is matched. An absent label has the empty value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`: the value is equal.
    Equal,
    /// `!=`: the value is not equal.
    NotEqual,
    /// `=~`: the whole value matches a regular expression.
    Regex,
    /// `!~`: the whole value does not match a regular expression.
    NotRegex,
}

impl MatchOp {
    /// As it is written in a query.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

/// A condition on a label.
#[derive(Clone)]
pub struct Matcher {
    label: String,
    op: MatchOp,
    value: String,
    /// There for [`MatchOp::Regex`] and [`MatchOp::NotRegex`].
    pattern: Option<Pattern>,
}

impl Matcher {
    /// A condition; fails with `Invalid` where the regular expression is none.
    pub fn new(label: impl Into<String>, op: MatchOp, value: impl Into<String>) -> Result<Self> {
        let (label, value) = (label.into(), value.into());
        let pattern = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => {
                Some(Pattern::anchored(&value).map_err(|error| Error::invalid(error.to_string()))?)
            }
        };
        Ok(Self { label, op, value, pattern })
    }

    /// `label = value`.
    pub fn equal(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), op: MatchOp::Equal, value: value.into(), pattern: None }
    }

    /// `label != value`.
    pub fn not_equal(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), op: MatchOp::NotEqual, value: value.into(), pattern: None }
    }

    /// Which label; `__name__` is the metric's name.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// How.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// With what: the value, or the text of the regular expression.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a value of the label satisfies the condition. The empty value stands for absence.
    pub fn accepts(&self, value: &str) -> bool {
        match self.op {
            MatchOp::Equal => self.value == value,
            MatchOp::NotEqual => self.value != value,
            MatchOp::Regex => self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(value)),
            MatchOp::NotRegex => {
                self.pattern.as_ref().is_none_or(|pattern| !pattern.is_match(value))
            }
        }
    }

    /// The few values that a positive condition accepts, where it names them: `=` its value, `=~`
    /// an alternation of literals. `None` where they can not be listed.
    pub fn listed_values(&self) -> Option<Vec<&str>> {
        match self.op {
            MatchOp::Equal => Some(vec![&self.value]),
            MatchOp::Regex => self.pattern.as_ref()?.literals(),
            MatchOp::NotEqual | MatchOp::NotRegex => None,
        }
    }

    /// Whether a set of labels matches.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.accepts(labels.get(&self.label))
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.label, self.op, &self.value) == (&other.label, other.op, &other.value)
    }
}

impl Eq for Matcher {}

impl Hash for Matcher {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.label, self.op, &self.value).hash(state);
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:?}", self.label, self.op.symbol(), self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_accepts_what_it_should() {
        let cases = [
            (MatchOp::Equal, "a", "a", true),
            (MatchOp::Equal, "a", "ab", false),
            (MatchOp::NotEqual, "a", "", true),
            (MatchOp::Regex, "a|b.*", "bcd", true),
            (MatchOp::Regex, "a|b.*", "ab", false),
            (MatchOp::Regex, "a?", "", true),
            (MatchOp::NotRegex, "a.*", "ba", true),
            (MatchOp::NotRegex, "a.*", "a\nb", false),
        ];
        for (op, pattern, value, expect) in cases {
            let matcher = Matcher::new("l", op, pattern).unwrap();
            assert_eq!(matcher.accepts(value), expect, "{matcher:?} {value:?}");
        }
        assert!(Matcher::new("l", MatchOp::Regex, "(").is_err());
    }

    #[test]
    fn alternations_of_literals_are_listed() {
        let matcher = Matcher::new("l", MatchOp::Regex, "a|b-c|d").unwrap();
        assert_eq!(matcher.listed_values(), Some(vec!["a", "b-c", "d"]));
        assert_eq!(Matcher::new("l", MatchOp::Regex, "a.*").unwrap().listed_values(), None);
    }
}
