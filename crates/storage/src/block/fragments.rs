//! Fragments of long words, by which a Bloom filter also passes over blocks that lack a *part* of a
//! word, as needles of searches often are: `req-550e8400e29b41d4` may go on at its end.
//!
//! Of each [`WINDOW`] neighbouring runs of [`FRAGMENT_BYTES`] bytes in a word the one with the least
//! hash is taken. Whatever stands in a word has windows that are windows of the word, so its
//! fragments are among those of the word, and a part of [`LONG_BYTES`] has at least one.

/// Bytes of a fragment.
pub(crate) const FRAGMENT_BYTES: usize = 8;
/// Neighbouring runs of which one is taken.
const WINDOW: usize = 9;
/// Bytes of the shortest words that have fragments.
pub(crate) const LONG_BYTES: usize = FRAGMENT_BYTES + WINDOW - 1;

/// A fragment.
pub(crate) type Fragment = [u8; FRAGMENT_BYTES];

/// Shows the fragments of a word; one may come several times.
pub(crate) fn for_each_fragment(word: &[u8], mut see: impl FnMut(Fragment)) {
    if word.len() < LONG_BYTES {
        return;
    }
    let fragment = |at: usize| -> Fragment {
        let mut bytes = [0; FRAGMENT_BYTES];
        bytes.copy_from_slice(&word[at..at + FRAGMENT_BYTES]);
        bytes
    };
    let rank = |at: usize| rank(u64::from_le_bytes(fragment(at)));
    let runs = word.len() - FRAGMENT_BYTES + 1;
    let mut least = (u64::MAX, 0);
    for last in WINDOW - 1..runs {
        let first = last + 1 - WINDOW;
        let before = least.1;
        if last == WINDOW - 1 || least.1 < first {
            least = (first..=last).map(|at| (rank(at), at)).min().unwrap_or(least);
        } else {
            least = least.min((rank(last), last));
        }
        if last == WINDOW - 1 || least.1 != before {
            see(fragment(least.1));
        }
    }
}

/// The order in which runs are preferred. Part of the format: it must not change.
fn rank(bytes: u64) -> u64 {
    let mixed = (bytes ^ bytes >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ mixed >> 32).wrapping_mul(0x94d0_49bb_1331_11eb)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn fragments(word: &[u8]) -> BTreeSet<Fragment> {
        let mut found = BTreeSet::new();
        for_each_fragment(word, |fragment| {
            found.insert(fragment);
        });
        found
    }

    proptest! {
        #[test]
        fn a_part_of_a_word_has_only_fragments_of_the_word(
            word in "[a-c0-9]{0,80}", from in 0_usize..80, len in 0_usize..80,
        ) {
            let from = from.min(word.len());
            let part = &word.as_bytes()[from..word.len().min(from + len)];
            let (of_word, of_part) = (fragments(word.as_bytes()), fragments(part));
            prop_assert!(of_part.is_subset(&of_word));
            prop_assert_eq!(of_part.is_empty(), part.len() < LONG_BYTES);
        }
    }

    #[test]
    fn long_words_have_few_fragments() {
        let word: Vec<u8> =
            (0..1000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let count = fragments(&word).len();
        assert!((600..1000).contains(&count), "{count} of {}", word.len());
    }
}
