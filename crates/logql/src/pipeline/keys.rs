//! Keys of fields in lines, and the names of labels that they become. Lines of one kind have the
//! same keys in the same order, so a key is mostly found by looking at what followed the last one.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use super::labels::LabelsBuilder;
use super::names::Symbol;

/// The most keys that are remembered; when there are more, all are forgotten.
const KEYS_MAX: usize = 1 << 14;

/// A key with the objects that it stands in, by its number in [`Keys`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key(u32);

/// Where the keys of a line begin: what stands in no object.
pub(super) const ROOT: Key = Key(0);

#[derive(Debug, Clone)]
struct Entry {
    parent: Key,
    /// Where the key as it stands in the line is in the text.
    start: usize,
    end: usize,
    /// `None` where nothing of the key can stand in a name.
    name: Option<Symbol>,
    /// Whether the query needs a label of this name, perhaps with a suffix.
    wanted: bool,
    /// Whether the query needs a label whose name begins with this one.
    prefix_wanted: bool,
    /// What followed the last time.
    next: Key,
}

/// Keys that were seen.
#[derive(Debug)]
pub(super) struct Keys {
    entries: Vec<Entry>,
    text: String,
    table: HashTable<Key>,
    hasher: foldhash::fast::RandomState,
    epoch: u32,
    last: Key,
    name: String,
}

impl Default for Keys {
    fn default() -> Self {
        let root = Entry {
            parent: ROOT,
            start: 0,
            end: 0,
            name: None,
            wanted: false,
            prefix_wanted: true,
            next: ROOT,
        };
        Self {
            entries: vec![root],
            text: String::new(),
            table: HashTable::new(),
            hasher: foldhash::fast::RandomState::default(),
            epoch: 0,
            last: ROOT,
            name: String::new(),
        }
    }
}

impl Keys {
    /// Begins a line.
    pub(super) fn begin(&mut self, labels: &LabelsBuilder) {
        if self.epoch != labels.epoch() || self.entries.len() > KEYS_MAX {
            *self = Self { epoch: labels.epoch(), ..Self::default() };
        }
        self.last = ROOT;
    }

    /// Finds a key of an object (or of [`ROOT`]).
    pub(super) fn find(&mut self, parent: Key, raw: &str, labels: &mut LabelsBuilder) -> Key {
        let guess = self.entries[self.last.0 as usize].next;
        if guess != ROOT && self.is(guess, parent, raw) {
            self.last = guess;
            return guess;
        }
        let hash = self.hasher.hash_one((parent.0, raw));
        let known = self.table.find(hash, |key| self.is(*key, parent, raw)).copied();
        let key = known.unwrap_or_else(|| self.insert(parent, raw, hash, labels));
        self.entries[self.last.0 as usize].next = key;
        self.last = key;
        key
    }

    fn is(&self, key: Key, parent: Key, raw: &str) -> bool {
        let entry = &self.entries[key.0 as usize];
        entry.parent == parent && self.text[entry.start..entry.end] == *raw
    }

    fn insert(&mut self, parent: Key, raw: &str, hash: u64, labels: &mut LabelsBuilder) -> Key {
        self.name.clear();
        if let Some(prefix) = self.entries[parent.0 as usize].name {
            self.name.push_str(labels.names.get(prefix));
        }
        push_sanitized(&mut self.name, raw);
        let name = (!self.name.is_empty()).then(|| labels.intern(&self.name));
        let key = Key(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        let start = self.text.len();
        self.text.push_str(raw);
        self.entries.push(Entry {
            parent,
            start,
            end: self.text.len(),
            name,
            wanted: name.is_some_and(|name| labels.wants_either(name)),
            prefix_wanted: labels.wants_prefix(&self.name),
            next: ROOT,
        });
        let Self { entries, text, table, hasher, .. } = self;
        table.insert_unique(hash, key, |other| {
            let entry = &entries[other.0 as usize];
            hasher.hash_one((entry.parent.0, &text[entry.start..entry.end]))
        });
        key
    }

    /// The name of a key's label.
    pub(super) fn name(&self, key: Key) -> Option<Symbol> {
        self.entries[key.0 as usize].name
    }

    /// The name of a key's label, where the query may need it.
    pub(super) fn wanted_name(&self, key: Key) -> Option<Symbol> {
        let entry = &self.entries[key.0 as usize];
        entry.name.filter(|_| entry.wanted)
    }

    /// Whether the query may need something inside the object of this key.
    pub(super) fn wants_inside(&self, key: Key) -> bool {
        self.entries[key.0 as usize].prefix_wanted
    }
}

/// Appends a key to a name: without blanks around it, with `_` for whatever a label can not hold,
/// and with `_` before it unless the name begins here with a letter.
pub(crate) fn push_sanitized(name: &mut String, key: &str) {
    let key = key.trim();
    let begins_with_digit = key.bytes().next().is_some_and(|first| first.is_ascii_digit());
    if !key.is_empty() && (!name.is_empty() || begins_with_digit) {
        name.push('_');
    }
    name.extend(key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn keys_become_names_of_labels() {
        let cases = [
            ("", "level", "level"),
            ("", " a-b.c ", "a_b_c"),
            ("", "9lives", "_9lives"),
            ("a", "9lives", "a_9lives"),
            ("a", "b", "a_b"),
            ("a", " ", "a"),
            ("", "größe", "gr__e"),
            ("", "", ""),
        ];
        for (prefix, key, expect) in cases {
            let mut name = prefix.to_owned();
            push_sanitized(&mut name, key);
            assert_eq!(name, expect, "{prefix:?} {key:?}");
        }
    }

    #[test]
    fn a_key_is_found_wherever_it_stands() {
        let mut labels = LabelsBuilder::new(std::iter::empty(), Arc::default());
        let mut keys = Keys::default();
        for _ in 0..3 {
            keys.begin(&labels);
            let a = keys.find(ROOT, "a", &mut labels);
            let inner = keys.find(a, "b", &mut labels);
            let outer = keys.find(ROOT, "b", &mut labels);
            assert_eq!(keys.wanted_name(inner).map(|name| labels.names.get(name)), Some("a_b"));
            assert_eq!(keys.wanted_name(outer).map(|name| labels.names.get(name)), Some("b"));
        }
    }
}
