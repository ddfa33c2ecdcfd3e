//! What tests on log records need of the words of a block.

use crate::block::Need;
use crate::block::table::hex;
use crate::seam::{CompareOp, Field, Literal, LogTest, Predicate};

impl Need {
    /// What must hold where a test is true or unknown.
    pub(crate) fn of(test: &LogTest) -> Self {
        match test {
            LogTest::And(all) => Self::all(all.iter().map(Self::of)),
            LogTest::Or(any) => Self::any(any.iter().map(Self::of)),
            LogTest::Contains(needle) => Self::of_needle(needle),
            LogTest::Words(words) => Self::all(words.iter().map(|word| Self::word(word))),
            LogTest::Not(_) | LogTest::Matches(_) | LogTest::Field { .. } | LogTest::Unknown => {
                Self::NOTHING
            }
        }
    }

    /// What must hold where a predicate on the table is true.
    pub(crate) fn of_predicate(predicate: &Predicate) -> Self {
        match predicate {
            Predicate::And(all) => Self::all(all.iter().map(Self::of_predicate)),
            Predicate::Or(any) => Self::any(any.iter().map(Self::of_predicate)),
            Predicate::Contains { field: Field::Column("body"), needle, ignore_case: false } => {
                Self::of_needle(needle)
            }
            Predicate::Compare {
                field: Field::Column("trace_id" | "span_id"),
                op: CompareOp::Eq,
                value: Literal::Bytes(id),
            } if id.iter().any(|byte| *byte != 0) => Self::word(&hex(id)),
            _ => Self::NOTHING,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_needs_what_all_ways_to_pass_it_need() {
        use LogTest::{And, Contains, Not, Or, Unknown, Words};
        let contains = |needle: &str| Contains(needle.to_owned());
        let either = Or(vec![contains(" a "), Words(vec!["b".to_owned(), "c".to_owned()])]);
        let word = |word: &str| Need::Word(word.to_owned());
        let both = Need::All(vec![word("b"), word("c")]);
        let need = Need::of(&And(vec![either.clone(), Unknown]));
        assert_eq!(need, Need::Any(vec![word("a"), both]));
        assert!(Need::of(&Not(Box::new(either.clone()))).is_nothing());
        assert!(Need::of(&Or(vec![either, Unknown])).is_nothing());
        assert_eq!(Need::of(&Or(Vec::new())), Need::Any(Vec::new()), "nothing passes");
        let id = contains("req-550e8400e29b41d4");
        assert!(matches!(Need::of(&id), Need::Fragment(_)), "a long word may go on");
    }
}
