//! A set of rows of a block, one bit each.

/// Rows from 0 to a number that is fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowSet {
    words: Vec<u64>,
    rows: usize,
}

impl RowSet {
    /// No row of so many.
    pub(crate) fn none(rows: usize) -> Self {
        Self { words: vec![0; rows.div_ceil(64)], rows }
    }

    /// All of so many rows.
    pub(crate) fn all(rows: usize) -> Self {
        let mut set = Self { words: vec![u64::MAX; rows.div_ceil(64)], rows };
        set.clear_beyond();
        set
    }

    /// The rows of a range.
    #[cfg(test)]
    pub(crate) fn range(rows: usize, range: std::ops::Range<usize>) -> Self {
        let mut set = Self::none(rows);
        set.add_range(range);
        set
    }

    /// Adds the rows of a range. Panics when out of range, like a slice.
    pub(crate) fn add_range(&mut self, range: std::ops::Range<usize>) {
        assert!(range.end <= self.rows, "rows up to {} of {}", range.end, self.rows);
        for_each_word_of(range, |word, mask| self.words[word] |= mask);
    }

    /// How many rows of a range are in the set. Panics when out of range, like a slice.
    pub(crate) fn count_in(&self, range: std::ops::Range<usize>) -> usize {
        assert!(range.end <= self.rows, "rows up to {} of {}", range.end, self.rows);
        let mut count = 0;
        for_each_word_of(range, |word, mask| {
            count += (self.words[word] & mask).count_ones() as usize;
        });
        count
    }

    /// The rows for which it holds, asked in order.
    pub(crate) fn of(rows: usize, mut holds: impl FnMut(usize) -> bool) -> Self {
        let mut set = Self::none(rows);
        for (position, word) in set.words.iter_mut().enumerate() {
            let first = position * 64;
            for bit in 0..64.min(rows - first) {
                *word |= u64::from(holds(first + bit)) << bit;
            }
        }
        set
    }

    /// The rows of a list.
    pub(crate) fn of_positions(rows: usize, positions: &[u32]) -> Self {
        let mut set = Self::none(rows);
        for row in positions {
            set.insert(*row as usize);
        }
        set
    }

    fn clear_beyond(&mut self) {
        if let Some(last) = self.words.last_mut()
            && !self.rows.is_multiple_of(64)
        {
            *last &= (1 << (self.rows % 64)) - 1;
        }
    }

    /// Rows there are, in the set or not.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Rows in the set.
    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Adds a row. Panics when out of range, like a slice.
    pub(crate) fn insert(&mut self, row: usize) {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        self.words[row / 64] |= 1 << (row % 64);
    }

    pub(crate) fn contains(&self, row: usize) -> bool {
        self.words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Whether a row of the range is in the set.
    pub(crate) fn any_in(&self, range: std::ops::Range<usize>) -> bool {
        let (first, last) = (range.start / 64, range.end.div_ceil(64).min(self.words.len()));
        let words = self.words.get(first..last).unwrap_or_default();
        words.iter().any(|word| *word != 0) && range.into_iter().any(|row| self.contains(row))
    }

    /// The rows in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(position, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                (left != 0).then(|| {
                    let bit = left.trailing_zeros() as usize;
                    left &= left - 1;
                    position * 64 + bit
                })
            })
        })
    }

    /// Takes away what is not in the other.
    pub(crate) fn keep(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    /// Adds what is in the other.
    pub(crate) fn add(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
    }

    /// Takes away what is in the other.
    pub(crate) fn remove(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= !other);
    }
}

/// Shows the words that hold a range of rows, each with the bits of the range.
fn for_each_word_of(range: std::ops::Range<usize>, mut see: impl FnMut(usize, u64)) {
    let mut row = range.start;
    while row < range.end {
        let (word, bit) = (row / 64, row % 64);
        let bits = (range.end - row).min(64 - bit);
        see(word, (u64::MAX >> (64 - bits)) << bit);
        row += bits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set(rows: usize, of: &BTreeSet<usize>) -> RowSet {
        RowSet::of(rows, |row| of.contains(&row))
    }

    proptest! {
        #[test]
        fn sets_are_sets(
            rows in 1_usize..200,
            a in prop::collection::btree_set(0_usize..200, 0..50),
            b in prop::collection::btree_set(0_usize..200, 0..50),
        ) {
            let a: BTreeSet<usize> = a.into_iter().filter(|row| *row < rows).collect();
            let b: BTreeSet<usize> = b.into_iter().filter(|row| *row < rows).collect();
            let with = |change: fn(&mut RowSet, &RowSet)| {
                let mut changed = set(rows, &a);
                change(&mut changed, &set(rows, &b));
                prop_assert_eq!(changed.count(), changed.iter().count());
                Ok(changed.iter().collect::<BTreeSet<_>>())
            };
            prop_assert_eq!(with(RowSet::keep)?, &a & &b);
            prop_assert_eq!(with(RowSet::add)?, &a | &b);
            prop_assert_eq!(with(RowSet::remove)?, &a - &b);
            let mut rest = RowSet::all(rows);
            rest.remove(&set(rows, &a));
            prop_assert_eq!(rest.count(), rows - a.len());
            prop_assert_eq!(RowSet::range(rows, 0..rows), RowSet::all(rows));
            for (from, to) in a.iter().zip(&b).map(|(a, b)| (*a.min(b), *a.max(b))) {
                let within = (from..to).collect();
                prop_assert_eq!(RowSet::range(rows, from..to), set(rows, &within));
                prop_assert_eq!(set(rows, &a).count_in(from..to), (&a & &within).len());
            }
            prop_assert!(a.iter().all(|row| set(rows, &a).contains(*row)));
        }
    }
}
