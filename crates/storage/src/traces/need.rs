//! What tests on spans need of the words of a block.

use watchkeep_model::{CompareOp, SpanField, SpanLiteral, SpanTest};

use crate::block::Need;
use crate::seam::words;

/// Whole numbers up to this are written in digits whatever their type, see
/// [`watchkeep_model::attributes::write_double`].
const PLAIN_MAX: u64 = 1_000_000_000_000_000;

impl Need {
    /// What must hold where a test is true of a span, or may be once values are put in other types.
    /// It is not asked for where all that is known is that a value is of another type.
    pub(crate) fn of_span(test: &SpanTest) -> Self {
        match test {
            SpanTest::And(all) => Self::all(all.iter().map(Self::of_span)),
            SpanTest::Or(any) => Self::any(any.iter().map(Self::of_span)),
            SpanTest::Compare { field, op: CompareOp::Eq, value } if has_words(field) => {
                match value {
                    SpanLiteral::Text(text) => Self::of_whole(text),
                    SpanLiteral::Int(number) if number.unsigned_abs() < PLAIN_MAX => {
                        Self::word(&number.unsigned_abs().to_string())
                    }
                    SpanLiteral::Int(_) | SpanLiteral::Double(_) | SpanLiteral::Bool(_) => {
                        Self::NOTHING
                    }
                }
            }
            SpanTest::Matches { field, pattern } if has_words(field) => {
                if let Some(literals) = pattern.literals().filter(|_| pattern.is_anchored()) {
                    return Self::any(literals.into_iter().map(Self::of_whole));
                }
                pattern.part().map_or(Self::NOTHING, Self::of_needle)
            }
            SpanTest::Compare { .. }
            | SpanTest::Matches { .. }
            | SpanTest::Not(_)
            | SpanTest::Exists(_)
            | SpanTest::Unknown => Self::NOTHING,
        }
    }

    /// What a text has that is equal.
    fn of_whole(text: &str) -> Self {
        Self::all(words(text).map(Self::word))
    }
}

/// Whether the words of a field are in the filters.
fn has_words(field: &SpanField) -> bool {
    matches!(
        field,
        SpanField::Attribute(..)
            | SpanField::Name
            | SpanField::StatusMessage
            | SpanField::Service
            | SpanField::ScopeName
            | SpanField::ScopeVersion
            | SpanField::EventName
            | SpanField::LinkTraceId
            | SpanField::LinkSpanId
    )
}

#[cfg(test)]
mod tests {
    use watchkeep_model::{Pattern, SpanScope};

    use super::*;

    fn equal(text: &str) -> SpanTest {
        let field = SpanField::Attribute(SpanScope::Any, "k".into());
        SpanTest::Compare { field, op: CompareOp::Eq, value: SpanLiteral::Text(text.into()) }
    }

    fn matches(pattern: &str) -> SpanTest {
        SpanTest::Matches { field: SpanField::Name, pattern: Pattern::anchored(pattern).unwrap() }
    }

    #[test]
    fn a_test_needs_what_all_ways_to_pass_it_need() {
        let word = |word: &str| Need::Word(word.to_owned());
        let both = Need::All(vec![word("GET"), word("items")]);
        assert_eq!(Need::of_span(&equal("GET /items")), both);
        assert_eq!(Need::of_span(&matches("a|b")), Need::Any(vec![word("a"), word("b")]));
        assert_eq!(Need::of_span(&matches(".* rare .*")), word("rare"));
        assert!(Need::of_span(&matches(".*are.*")).is_nothing(), "a word may go on");
        assert!(Need::of_span(&SpanTest::Or(vec![equal("a"), SpanTest::Unknown])).is_nothing());
        assert!(Need::of_span(&SpanTest::Not(Box::new(equal("a")))).is_nothing());
    }
}
