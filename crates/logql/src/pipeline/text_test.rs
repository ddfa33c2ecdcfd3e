//! How a label filter compares texts. Like Loki's, a regular expression is not always matched
//! against the whole value; see [`LoosePattern`].

use watchkeep_model::{LoosePattern, MatchOp, Matcher};

/// The condition of a label filter on a text. Whoever answers such a filter by other means must
/// answer as this does, which for regular expressions is not as the matchers of streams do.
#[derive(Debug, Clone)]
pub struct TextTest {
    kind: Kind,
    negated: bool,
}

#[derive(Debug, Clone)]
enum Kind {
    Equals(String),
    Matches(LoosePattern),
    /// A pattern that only matchers can read.
    Matcher(Matcher),
}

impl TextTest {
    /// Of a filter written like a matcher.
    pub fn new(matcher: &Matcher) -> Self {
        let negated = matches!(matcher.op(), MatchOp::NotEqual | MatchOp::NotRegex);
        let kind = match matcher.op() {
            MatchOp::Equal | MatchOp::NotEqual => Kind::Equals(matcher.value().to_owned()),
            MatchOp::Regex | MatchOp::NotRegex => match LoosePattern::new(matcher.value()) {
                Ok(pattern) => Kind::Matches(pattern),
                Err(_) => return Self { kind: Kind::Matcher(matcher.clone()), negated: false },
            },
        };
        Self { kind, negated }
    }

    /// Whether every text satisfies it.
    pub fn is_anything(&self) -> bool {
        !self.negated && matches!(&self.kind, Kind::Matches(pattern) if pattern.is_anything())
    }

    /// Whether the text satisfies it; the empty one stands for a label that is not there.
    pub fn accepts(&self, text: &str) -> bool {
        let found = match &self.kind {
            Kind::Equals(value) => value == text,
            Kind::Matches(pattern) => pattern.is_match(text),
            Kind::Matcher(matcher) => matcher.accepts(text),
        };
        found != self.negated
    }
}
