//! Phrases: symbols that follow each other more often than chance has it become one symbol, two at
//! a time.

use hashbrown::HashMap;

use super::words::END;

/// Phrases are looked for in so many symbols at the start of a column.
const SAMPLE: usize = 1 << 14;
/// Pairs that are worth a symbol occur so often in the sample, and save so many bits there.
const PAIR_MIN: u32 = 4;
const PAIR_BITS_MIN: f32 = 18.0;
/// A phrase has up to 2 to this power of symbols.
pub(crate) const ROUNDS_MAX: usize = 5;
/// Counters for pairs, before those that may be frequent are counted exactly.
const COUNTERS: usize = 1 << 13;
/// The most phrases; the table of pairs has room for twice as many.
const PHRASES_MAX: usize = 1024;
const SLOTS: usize = PHRASES_MAX * 2;

const LEADS: u8 = 1;
const FOLLOWS: u8 = 2;

/// Pairs that spare less than one symbol in so many do so by chance, and are not worth the time to look
/// for more and to put them in.
const SYMBOLS_PER_SPARED: usize = 8;

/// Pairs of symbols that became a symbol, the first of which is `first`.
#[derive(Debug)]
pub(crate) struct Phrases {
    first: u32,
    pub(crate) pairs: Vec<(u32, u32)>,
    table: Table,
    /// By symbol: whether it is the first ([`LEADS`]) or the second ([`FOLLOWS`]) of a pair.
    roles: Vec<u8>,
}

/// Pairs, their symbols, and what each saves at one place; open addressing.
#[derive(Debug)]
struct Table(Vec<Slot>);

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Both are 0, which is [`END`], where the slot is free.
    left: u32,
    right: u32,
    symbol: u32,
    gain: f32,
}

fn hash(left: u32, right: u32) -> u64 {
    (u64::from(left) << 32 | u64::from(right)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn counter_of(left: u32, right: u32) -> usize {
    (hash(left, right) >> (64 - COUNTERS.trailing_zeros())) as usize
}

impl Table {
    fn get(&self, left: u32, right: u32) -> Option<Slot> {
        let mut at = (hash(left, right) >> (64 - SLOTS.trailing_zeros())) as usize;
        loop {
            let slot = self.0[at];
            if slot.left == left && slot.right == right {
                return (left != END).then_some(slot);
            }
            if slot.left == END {
                return None;
            }
            at = (at + 1) % SLOTS;
        }
    }

    /// There must be a free slot.
    fn insert(&mut self, new: Slot) {
        let mut at = (hash(new.left, new.right) >> (64 - SLOTS.trailing_zeros())) as usize;
        while self.0[at].left != END {
            at = (at + 1) % SLOTS;
        }
        self.0[at] = new;
    }
}

impl Phrases {
    /// Finds phrases of symbols below `first`.
    pub(crate) fn find(sequence: &[u32], first: u32) -> Self {
        let mut phrases = Self::none(first);
        let mut sample = sequence[..sequence.len().min(SAMPLE)].to_vec();
        for round in 0..ROUNDS_MAX {
            let before = phrases.pairs.len();
            phrases.add_frequent(&sample);
            if phrases.pairs.len() == before {
                break;
            }
            let len = sample.len();
            sample = phrases.apply(sample, &mut []);
            if round == 0 && (len - sample.len()) * SYMBOLS_PER_SPARED < len {
                return Self::none(first);
            }
        }
        phrases
    }

    fn none(first: u32) -> Self {
        let table = Table(vec![Slot::default(); SLOTS]);
        let roles = vec![0; first as usize + PHRASES_MAX];
        Self { first, pairs: Vec::new(), table, roles }
    }

    /// Adds the pairs that are worth a symbol.
    fn add_frequent(&mut self, sequence: &[u32]) {
        let mut counts = vec![0_u32; self.first as usize + self.pairs.len()];
        let mut counters = vec![0_u16; COUNTERS];
        for symbol in sequence {
            counts[*symbol as usize] += 1;
        }
        let pairs = || {
            let all = sequence.iter().zip(sequence.get(1..).unwrap_or_default());
            all.filter(|(left, right)| **left != END && **right != END)
        };
        for (left, right) in pairs() {
            let counter = &mut counters[counter_of(*left, *right)];
            *counter = counter.saturating_add(1);
        }
        let mut exact: HashMap<(u32, u32), u32> = HashMap::new();
        for (left, right) in pairs() {
            if u32::from(counters[counter_of(*left, *right)]) >= PAIR_MIN {
                *exact.entry((*left, *right)).or_default() += 1;
            }
        }
        let all = sequence.len() as f32;
        let mut found: Vec<(f32, u32, u32)> = Vec::new();
        for ((left, right), count) in exact {
            let by_chance = counts[left as usize] as f32 * counts[right as usize] as f32 / all;
            let gain = (count as f32 / by_chance).log2();
            let known = self.table.get(left, right).is_some();
            if count >= PAIR_MIN && gain * count as f32 >= PAIR_BITS_MIN && !known {
                found.push((gain, left, right));
            }
        }
        // What is written must not depend on the order in which a map is walked.
        found.sort_unstable_by_key(|(_, left, right)| (*left, *right));
        found.truncate(PHRASES_MAX - self.pairs.len());
        for (gain, left, right) in found {
            let symbol = self.first + self.pairs.len() as u32;
            self.pairs.push((left, right));
            self.roles[left as usize] |= LEADS;
            self.roles[right as usize] |= FOLLOWS;
            self.table.insert(Slot { left, right, symbol, gain });
        }
    }

    /// The pair that these two are, if they are one.
    fn pair(&self, left: u32, right: u32) -> Option<Slot> {
        let may_be = self.roles[left as usize] & LEADS & self.roles[right as usize] >> 1;
        if may_be == 0 { None } else { self.table.get(left, right) }
    }

    /// Puts phrases into a sequence; adjusts where pages begin, which is after an end.
    pub(crate) fn apply(&self, mut sequence: Vec<u32>, pages: &mut [[usize; 3]]) -> Vec<u32> {
        if self.pairs.is_empty() {
            return sequence;
        }
        // So many at the front are done; it is never more than were looked at.
        let mut done = 0;
        let mut pages = pages.iter_mut().peekable();
        for at in 0..sequence.len() {
            while let Some(page) = pages.next_if(|page| page[0] <= at) {
                page[0] = done;
            }
            let mut symbol = sequence[at];
            while let Some(left) = sequence[..done].last()
                && let Some(slot) = self.pair(*left, symbol)
            {
                let next = sequence.get(at + 1).and_then(|next| self.pair(symbol, *next));
                if next.is_some_and(|next| next.gain > slot.gain) {
                    break;
                }
                done -= 1;
                symbol = slot.symbol;
            }
            sequence[done] = symbol;
            done += 1;
        }
        sequence.truncate(done);
        sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expand(symbol: u32, phrases: &Phrases, into: &mut Vec<u32>) {
        match symbol.checked_sub(phrases.first) {
            None => into.push(symbol),
            Some(at) => {
                let (left, right) = phrases.pairs[at as usize];
                expand(left, phrases, into);
                expand(right, phrases, into);
            }
        }
    }

    #[test]
    fn what_is_said_often_becomes_one_symbol() {
        let sentence = [1, 2, 3, 4, 5, 6, 7, END];
        let sequence: Vec<u32> = sentence.iter().copied().cycle().take(8000).collect();
        let phrases = Phrases::find(&sequence, 8);
        assert!(phrases.apply(sequence, &mut []).len() <= 3000);
    }

    proptest! {
        #[test]
        fn phrases_stand_for_the_symbols_they_replace(
            sequence in prop::collection::vec(0_u32..6, 0..400), again in 1_usize..8,
        ) {
            let sequence: Vec<u32> = sequence.repeat(again);
            let phrases = Phrases::find(&sequence, 6);
            let mut back = Vec::new();
            for symbol in phrases.apply(sequence.clone(), &mut []) {
                expand(symbol, &phrases, &mut back);
            }
            prop_assert_eq!(back, sequence);
        }
    }
}
