//! Words that must stand in a block for a test to be true of one of its rows: what Bloom filters are
//! asked.

use super::bloom::{may_have, may_have_fragment};
use super::fragments::{Fragment, for_each_fragment};
use crate::seam::words;

/// The words that may stand in a block.
#[derive(Debug)]
pub(crate) struct BlockWords {
    pub(crate) bloom: Vec<u8>,
    pub(crate) salt: u64,
}

impl BlockWords {
    /// Whether a word may be among them.
    pub(crate) fn may_have(&self, word: &str) -> bool {
        may_have(&self.bloom, self.salt, word)
    }

    /// Whether a word with this fragment may be among them.
    pub(crate) fn may_have_fragment(&self, fragment: Fragment) -> bool {
        may_have_fragment(&self.bloom, self.salt, fragment)
    }
}

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
    /// What holds whatever the words are.
    pub(crate) const NOTHING: Self = Self::All(Vec::new());

    /// What a text has that contains the needle.
    pub(crate) fn of_needle(needle: &str) -> Self {
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

    /// The word.
    pub(crate) fn word(word: &str) -> Self {
        Self::Word(word.to_owned())
    }

    /// All of them.
    pub(crate) fn all(needs: impl Iterator<Item = Self>) -> Self {
        let mut needs: Vec<Self> = needs.filter(|need| *need != Self::NOTHING).collect();
        if needs.len() == 1 { needs.swap_remove(0) } else { Self::All(needs) }
    }

    /// One of them.
    pub(crate) fn any(needs: impl Iterator<Item = Self>) -> Self {
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
}
