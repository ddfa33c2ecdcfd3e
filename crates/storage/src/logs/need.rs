//! Words that must stand in a record for a test to be true of it: what Bloom filters are asked.

use super::block::{Fragment, for_each_fragment};
use super::part::BlockWords;
use crate::seam::{CompareOp, Field, Literal, LogTest, Predicate, words};

/// A condition on the words of a block, implied by one on its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Need {
    /// Every one holds; true when there are none.
    All(Vec<Need>),
    /// At least one holds.
    Any(Vec<Need>),
    /// The block has the word.
    Word(String),
    /// The block has a word with this fragment.
    Fragment(Fragment),
}

impl Need {
    const NOTHING: Self = Self::All(Vec::new());

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
            } if id.iter().any(|byte| *byte != 0) => Self::word(&hexadecimal(id)),
            _ => Self::NOTHING,
        }
    }

    /// What a text has that contains the needle.
    fn of_needle(needle: &str) -> Self {
        let needs = needle_words(needle).flat_map(|(word, is_whole)| {
            let mut needs = Vec::new();
            if is_whole {
                needs.push(Self::word(word));
            } else {
                for_each_fragment(word.as_bytes(), |part| needs.push(Self::Fragment(part)));
            }
            needs
        });
        Self::all(needs)
    }

    fn word(word: &str) -> Self {
        Self::Word(word.to_owned())
    }

    fn all(needs: impl Iterator<Item = Self>) -> Self {
        let mut needs: Vec<Self> = needs.filter(|need| *need != Self::NOTHING).collect();
        if needs.len() == 1 { needs.swap_remove(0) } else { Self::All(needs) }
    }

    fn any(needs: impl Iterator<Item = Self>) -> Self {
        let needs: Vec<Self> = needs.collect();
        if needs.contains(&Self::NOTHING) { Self::NOTHING } else { Self::Any(needs) }
    }

    /// Whether it holds whatever the words are.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::NOTHING
    }

    /// Whether it may hold of a block.
    pub(crate) fn may_hold(&self, words: &BlockWords) -> bool {
        match self {
            Self::All(all) => all.iter().all(|need| need.may_hold(words)),
            Self::Any(any) => any.iter().any(|need| need.may_hold(words)),
            Self::Word(word) => words.may_have(word),
            Self::Fragment(fragment) => words.may_have_fragment(*fragment),
        }
    }
}

fn hexadecimal(id: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16);
    id.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).flatten().collect()
}

/// The words of a needle. Those at its ends are whole only where it does not begin or end in them.
fn needle_words(needle: &str) -> impl Iterator<Item = (&str, bool)> {
    let is_inside =
        |c: Option<char>| c.is_some_and(|c| words(c.encode_utf8(&mut [0; 4])).count() > 0);
    let cut_first = is_inside(needle.chars().next());
    let cut_last = is_inside(needle.chars().next_back());
    let count = words(needle).count();
    words(needle)
        .enumerate()
        .map(move |(at, word)| (word, !(cut_first && at == 0 || cut_last && at + 1 == count)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_at_the_ends_of_a_needle_may_be_parts_of_others() {
        let cases: [(&str, &[&str]); 7] = [
            ("abc", &[]),
            (" abc", &[]),
            (" abc ", &["abc"]),
            ("a b c", &["b"]),
            (r#""request_id":"r-17""#, &["request_id", "r", "17"]),
            ("", &[]),
            ("é.ü.", &["ü"]),
        ];
        for (needle, expected) in cases {
            let whole = needle_words(needle).filter(|(_, is_whole)| *is_whole);
            assert_eq!(whole.map(|(word, _)| word).collect::<Vec<_>>(), expected, "{needle:?}");
        }
    }

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
