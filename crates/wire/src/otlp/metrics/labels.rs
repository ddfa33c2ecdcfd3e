//! Label sets of points and the table of series: attributes become sorted Prometheus labels in
//! reused buffers, and each set of a batch is stored once.

use std::hash::BuildHasher;
use std::ops::Range;

use hashbrown::{DefaultHashBuilder, HashTable};
use watchkeep_model::labels::write_varint;
use watchkeep_model::metrics::SeriesColumns;

use super::names::{LabelNames, write_label_double};
use crate::otlp::common::{AnyValue, Context};
use crate::protobuf::Malformed;

/// Labels under construction: text in one buffer, and places in it.
#[derive(Debug, Default)]
pub(super) struct LabelSet {
    text: String,
    pairs: Vec<Pair>,
}

#[derive(Debug, Clone)]
struct Pair {
    /// The attribute's key as it came.
    raw: Range<usize>,
    name: Range<usize>,
    value: Range<usize>,
}

fn slice(text: &str, range: Range<usize>) -> &str {
    text.get(range).unwrap_or_default()
}

impl LabelSet {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.pairs.clear();
    }

    /// Labels of the set so far.
    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    fn append(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }

    /// Adds an attribute; one whose key makes no name is counted as dropped.
    pub(super) fn push_attribute(
        &mut self,
        context: &mut Context,
        names: LabelNames,
        key: &[u8],
        value: AnyValue<'_>,
    ) -> Result<(), Malformed> {
        let key = context.text(key);
        let raw = self.append(&key);
        let name = if names.keeps(&key) {
            raw.clone()
        } else {
            let start = self.text.len();
            if !names.write(&key, &mut self.text) {
                context.warnings.dropped_attributes += 1;
                return Ok(());
            }
            start..self.text.len()
        };
        let start = self.text.len();
        write_label_value(context, value, &mut self.text)?;
        self.pairs.push(Pair { raw, name, value: start..self.text.len() });
        Ok(())
    }

    /// Sorts the attributes by name. Values of attributes that came to have one name are joined
    /// by `;` in the order of their keys.
    pub(super) fn sort(&mut self) {
        let text = &self.text;
        let key = |pair: &Pair| (slice(text, pair.name.clone()), slice(text, pair.raw.clone()));
        self.pairs.sort_by(|a, b| key(a).cmp(&key(b)));
        let same = |text: &str, a: &Pair, b: &Pair| {
            slice(text, a.name.clone()) == slice(text, b.name.clone())
        };
        if !self.pairs.windows(2).any(|pair| matches!(pair, [a, b] if same(text, a, b))) {
            return;
        }
        let groups: Vec<usize> =
            self.pairs.chunk_by(|a, b| same(&self.text, a, b)).map(<[Pair]>::len).collect();
        let mut pairs = std::mem::take(&mut self.pairs).into_iter();
        for others in groups.into_iter().map(|len| len - 1) {
            let Some(mut first) = pairs.next() else { break };
            if others > 0 {
                let start = self.text.len();
                self.text.extend_from_within(first.value.clone());
                for other in pairs.by_ref().take(others) {
                    self.text.push(';');
                    self.text.extend_from_within(other.value);
                }
                first.value = start..self.text.len();
            }
            self.pairs.push(first);
        }
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.pairs.binary_search_by(|pair| slice(&self.text, pair.name.clone()).cmp(name))
    }

    /// Sets a label of a sorted set, whatever it was.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        let place = self.find(name);
        self.set_at(place, name, value);
    }

    /// Sets a label of a sorted set that does not have it.
    pub(super) fn set_if_absent(&mut self, name: &str, value: &str) {
        let place = self.find(name);
        if place.is_err() {
            self.set_at(place, name, value);
        }
    }

    fn set_at(&mut self, place: Result<usize, usize>, name: &str, value: &str) {
        let value = self.append(value);
        match place {
            Ok(at) => {
                if let Some(pair) = self.pairs.get_mut(at) {
                    pair.value = value;
                }
            }
            Err(at) => {
                let name = self.append(name);
                self.pairs.insert(at, Pair { raw: name.clone(), name, value });
            }
        }
    }

    /// Writes the canonical bytes (see [`watchkeep_model::Labels`]) of the sorted set with `extra`
    /// labels, sorted too, put over it.
    pub(super) fn write(&self, extra: &[(&str, &str)], out: &mut Vec<u8>) {
        out.clear();
        let mut extra = extra.iter().peekable();
        for pair in &self.pairs {
            let name = slice(&self.text, pair.name.clone());
            while let Some((other, value)) = extra.next_if(|(other, _)| *other < name) {
                write_label(other, value, out);
            }
            if extra.peek().is_none_or(|(other, _)| *other != name) {
                write_label(name, slice(&self.text, pair.value.clone()), out);
            }
        }
        for (name, value) in extra {
            write_label(name, value, out);
        }
    }
}

fn write_label(name: &str, value: &str, out: &mut Vec<u8>) {
    if value.is_empty() {
        return;
    }
    for text in [name, value] {
        write_varint(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    }
}

/// Appends an attribute's value as a label shows it: as its text form, but doubles as in Go.
pub(super) fn write_label_value(
    context: &mut Context,
    value: AnyValue<'_>,
    out: &mut String,
) -> Result<(), Malformed> {
    if let AnyValue::Double(value) = value {
        write_label_double(value, out);
        return Ok(());
    }
    context.write_text(value, out)
}

/// Finds the rows of the series table by their labels.
#[derive(Debug, Default)]
pub(super) struct SeriesTable {
    /// Hashes of labels and rows; kept together so that growing the table hashes nothing again.
    rows: HashTable<(u64, u32)>,
    hasher: DefaultHashBuilder,
}

impl SeriesTable {
    /// The row of a series, added if it is new.
    pub(super) fn intern(&mut self, series: &mut SeriesColumns, labels: &[u8], delta: u8) -> u32 {
        let hash = self.hasher.hash_one(labels);
        let same = |(other, row): &(u64, u32)| {
            *other == hash
                && series.labels.get(*row as usize) == labels
                && series.delta.get(*row as usize) == Some(&delta)
        };
        if let Some((_, row)) = self.rows.find(hash, same) {
            return *row;
        }
        let row = series.labels.len() as u32;
        series.labels.push(labels);
        series.delta.push(delta);
        self.rows.insert_unique(hash, (hash, row), |(hash, _)| *hash);
        row
    }
}
