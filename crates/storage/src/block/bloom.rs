//! A Bloom filter over the words of a block (see [`crate::seam::words`]). The salt differs from
//! block to block: else a word that is taken for another would be so in every block.

use hashbrown::HashSet;

use super::fragments::{Fragment, LONG_BYTES, for_each_fragment};

/// Measured: at 10 bits a word that is in no block is found in about 1 % of them.
const BITS_PER_WORD: usize = 10;
const PROBES: u32 = 6;
/// Sets fragments apart from words of their length.
const FRAGMENTS: u64 = 0x5bd1_e995_2f0a_91c3;

/// Gathers words.
#[derive(Debug)]
pub(crate) struct BloomBuilder {
    salt: u64,
    hashes: HashSet<u64, BuildIdentity>,
}

/// Hashes are hashed enough.
type BuildIdentity = std::hash::BuildHasherDefault<Identity>;

#[derive(Debug, Default)]
pub(crate) struct Identity(u64);

impl std::hash::Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

impl BloomBuilder {
    /// For about so many words.
    pub(crate) fn new(salt: u64, words: usize) -> Self {
        Self { salt, hashes: HashSet::with_capacity_and_hasher(words, BuildIdentity::default()) }
    }

    /// Adds a word; of a long one the fragments, by which the whole is found too.
    pub(crate) fn add(&mut self, word: &[u8]) {
        if word.len() < LONG_BYTES {
            self.hashes.insert(hash(self.salt, word));
        }
        for_each_fragment(word, |fragment| {
            self.hashes.insert(hash(self.salt ^ FRAGMENTS, &fragment));
        });
    }

    /// Adds a word that nobody looks for by a part of it.
    pub(crate) fn add_whole(&mut self, word: &[u8]) {
        self.hashes.insert(hash(self.salt, word));
    }

    /// Adds the words of a text.
    pub(crate) fn add_text(&mut self, text: &str) {
        for_each_word(text.as_bytes(), |word| self.add(word));
    }

    /// The bits; nothing for no words.
    pub(crate) fn finish(self) -> Vec<u8> {
        if self.hashes.is_empty() {
            return Vec::new();
        }
        let mut bits = vec![0_u8; (self.hashes.len() * BITS_PER_WORD).div_ceil(64) * 8];
        let len = bits.len() as u64 * 8;
        for hash in self.hashes {
            for bit in probes(hash, len) {
                bits[bit / 8] |= 1 << (bit % 8);
            }
        }
        bits
    }
}

/// Whether a word may be among those of a block.
pub(crate) fn may_have(bloom: &[u8], salt: u64, word: &str) -> bool {
    if may_have_hash(bloom, hash(salt, word.as_bytes())) {
        return true;
    }
    let mut has_all = word.len() >= LONG_BYTES;
    for_each_fragment(word.as_bytes(), |fragment| {
        has_all = has_all && may_have_fragment(bloom, salt, fragment);
    });
    has_all
}

/// Whether a fragment may be among those of the words of a block.
pub(crate) fn may_have_fragment(bloom: &[u8], salt: u64, fragment: Fragment) -> bool {
    may_have_hash(bloom, hash(salt ^ FRAGMENTS, &fragment))
}

fn may_have_hash(bloom: &[u8], hash: u64) -> bool {
    let len = bloom.len() as u64 * 8;
    len != 0 && probes(hash, len).all(|bit| bloom[bit / 8] >> (bit % 8) & 1 == 1)
}

fn probes(hash: u64, len: u64) -> impl Iterator<Item = usize> {
    let step = hash.rotate_left(32) | 1;
    let at = move |probe: u32| hash.wrapping_add(step.wrapping_mul(u64::from(probe)));
    (0..PROBES).map(move |probe| ((u128::from(at(probe)) * u128::from(len)) >> 64) as usize)
}

const FACTORS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93];

/// Part of the format: it must not change.
fn hash(salt: u64, word: &[u8]) -> u64 {
    let mut state = salt ^ (word.len() as u64).wrapping_mul(FACTORS[0]);
    let mut chunks = word.chunks_exact(8);
    for chunk in &mut chunks {
        state = mix(state ^ u64::from_le_bytes(chunk.try_into().unwrap_or_default()));
    }
    let mut last = [0; 8];
    last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    mix(mix(state ^ u64::from_le_bytes(last)))
}

fn mix(value: u64) -> u64 {
    let product = u128::from(value ^ FACTORS[0]) * u128::from(FACTORS[1]);
    (product as u64) ^ (product >> 64) as u64
}

/// Shows each word; as [`crate::seam::words`] finds them.
pub(crate) fn for_each_word(text: &[u8], mut see: impl FnMut(&[u8])) {
    let mut start = None;
    for (at, byte) in text.iter().enumerate() {
        match (WORD_BYTES[*byte as usize], start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                see(&text[from..at]);
                start = None;
            }
            _ => {}
        }
    }
    if let Some(from) = start {
        see(&text[from..]);
    }
}

/// Which bytes belong to words.
pub(crate) const WORD_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_' || byte > 127;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_added_is_found(words in prop::collection::vec("\\PC{0,40}", 0..60), salt: u64) {
            let mut builder = BloomBuilder::new(salt, 0);
            for text in &words {
                builder.add_text(text);
            }
            let bloom = builder.finish();
            for word in words.iter().flat_map(|text| crate::seam::words(text)) {
                prop_assert!(may_have(&bloom, salt, word), "{word}");
            }
        }
    }

    #[test]
    fn few_other_words_are_found_and_not_the_same_ones_in_every_block() {
        let mut found = Vec::new();
        for salt in 0..20 {
            let mut builder = BloomBuilder::new(salt, 0);
            (0..5000).for_each(|n| builder.add_text(&format!("word{n}")));
            let bloom = builder.finish();
            assert_eq!(bloom.len(), 6256);
            let others = (0..5000).filter(|n| may_have(&bloom, salt, &format!("other{n}")));
            found.extend(others);
        }
        let all = found.len();
        assert!((500..1500).contains(&all), "{all} of 100000");
        found.sort_unstable();
        found.dedup();
        assert!(found.len() * 10 > all * 7, "{} of {all} distinct", found.len());
    }
}
