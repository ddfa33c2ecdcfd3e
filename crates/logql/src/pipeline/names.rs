//! Names of labels as small numbers, so that setting and finding a label is an index instead of a
//! comparison of texts.

use hashbrown::HashTable;
use std::hash::BuildHasher;

/// What a parser appends to the name of a label that the record already has.
pub(crate) const DUPLICATE_SUFFIX: &str = "_extracted";

/// A name, by its number in [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Symbol(pub(super) u32);

impl Symbol {
    /// Place in a table with a row for each name.
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Every name seen, numbered from 0 on. The first ones are those that the stages speak of.
#[derive(Debug, Default)]
pub(super) struct Names {
    text: String,
    /// Where each name ends in `text`.
    ends: Vec<usize>,
    /// For each name the one with [`DUPLICATE_SUFFIX`], where it was asked for.
    suffixed: Vec<Option<Symbol>>,
    table: HashTable<Symbol>,
    hasher: foldhash::fast::RandomState,
    fixed: usize,
}

impl Names {
    /// Numbers the names in the order given; each is there once.
    pub(super) fn new<'n>(fixed: impl Iterator<Item = &'n str>) -> Self {
        let mut names = Self::default();
        for name in fixed {
            names.intern(name);
        }
        names.fixed = names.len();
        names
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Forgets all names but the fixed ones.
    pub(super) fn reset(&mut self) {
        let fixed: Vec<String> =
            (0..self.fixed).map(|at| self.get(Symbol(at as u32)).to_owned()).collect();
        *self = Self::new(fixed.iter().map(String::as_str));
    }

    /// The text of a name.
    pub(super) fn get(&self, symbol: Symbol) -> &str {
        let start = match symbol.index() {
            0 => 0,
            index => self.ends[index - 1],
        };
        &self.text[start..self.ends[symbol.index()]]
    }

    /// The number of a name, if it was seen.
    pub(super) fn find(&self, name: &str) -> Option<Symbol> {
        let hash = self.hasher.hash_one(name);
        self.table.find(hash, |other| self.get(*other) == name).copied()
    }

    /// The number of a name, which is new if it was never seen.
    pub(super) fn intern(&mut self, name: &str) -> Symbol {
        if let Some(symbol) = self.find(name) {
            return symbol;
        }
        let symbol = Symbol(u32::try_from(self.ends.len()).unwrap_or(u32::MAX));
        self.text.push_str(name);
        self.ends.push(self.text.len());
        self.suffixed.push(None);
        let Self { text, ends, table, hasher, .. } = self;
        let name_of = |symbol: &Symbol| {
            let start = symbol.index().checked_sub(1).map_or(0, |before| ends[before]);
            &text[start..ends[symbol.index()]]
        };
        table.insert_unique(hasher.hash_one(name), symbol, |other| hasher.hash_one(name_of(other)));
        symbol
    }

    /// The number of the name with [`DUPLICATE_SUFFIX`] behind.
    pub(super) fn suffixed(&mut self, symbol: Symbol) -> Symbol {
        if let Some(known) = self.suffixed[symbol.index()] {
            return known;
        }
        let name = format!("{}{DUPLICATE_SUFFIX}", self.get(symbol));
        let suffixed = self.intern(&name);
        self.suffixed[symbol.index()] = Some(suffixed);
        suffixed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_numbers_until_they_are_forgotten() {
        let mut names = Names::new(["level", "msg"].into_iter());
        let other = names.intern("other");
        assert_eq!(names.intern("other"), other);
        assert_eq!(names.get(other), "other");
        let suffixed = names.suffixed(other);
        assert_eq!(names.get(suffixed), "other_extracted");
        assert_eq!(names.suffixed(other), suffixed);
        names.reset();
        assert_eq!(names.len(), 2);
        assert_eq!(names.find("msg"), Some(Symbol(1)));
        assert_eq!(names.find("other"), None);
    }
}
