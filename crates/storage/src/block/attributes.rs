//! The attributes of the rows of a block: a column for each key and type.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use hashbrown::HashMap;
use watchkeep_model::Result;
use watchkeep_model::attributes::{AttributesColumn, ValueKind};

use super::bloom::BloomBuilder;
use super::sections::{Head, Writer, corrupt};
use super::shred::{COLUMNS_MAX, SHAPES_MAX, Shredded, Shredder, WHOLE};
use super::texts_read::Reader;
use crate::gather::Place as RowPlace;

/// A row is compared with so many shapes, those seen last, before its own is looked up.
const RECENT: usize = 8;

/// Number of the key, letter of the type, and how often that pair stands before in the row.
type Place = (u32, u8, u32);

/// The keys of some columns of attributes, numbered.
#[derive(Debug)]
struct Keys<'a> {
    names: Vec<&'a str>,
    numbers: HashMap<&'a str, u32>,
    /// By column and its own number of the key; [`Keys::UNKNOWN`] where it was not asked for yet.
    of_columns: Vec<Vec<u32>>,
}

impl<'a> Keys<'a> {
    const UNKNOWN: u32 = u32::MAX;

    fn new(columns: &[&AttributesColumn]) -> Self {
        let of_column = |column: &&AttributesColumn| {
            let names = column.parts().1.parts().0;
            vec![Self::UNKNOWN; names.len()]
        };
        // That of rows that are kept whole is the first.
        Self {
            names: vec![""],
            numbers: HashMap::from_iter([("", 0)]),
            of_columns: columns.iter().map(of_column).collect(),
        }
    }

    /// The number of an entry's key.
    fn number(&mut self, column: usize, attributes: &'a AttributesColumn, entry: usize) -> u32 {
        let (names, keys) = attributes.parts().1.parts();
        let known = &mut self.of_columns[column][keys[entry] as usize];
        if *known == Self::UNKNOWN {
            let name = names.get(keys[entry] as usize);
            *known = *self.numbers.entry(name).or_insert_with(|| {
                self.names.push(name);
                self.names.len() as u32 - 1
            });
        }
        *known
    }
}

/// Attributes, taken apart.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    shredder: Shredder<'a>,
    names: Keys<'a>,
    /// By column.
    places: Vec<Place>,
    /// Rows that are kept whole, and their values.
    whole: Vec<String>,
    whole_values: Vec<&'a str>,
    /// Distinct keys.
    pub(crate) keys: BTreeSet<String>,
}

impl<'a> Parts<'a> {
    /// Takes rows apart that lie in some columns.
    pub(crate) fn of(columns: &[&'a AttributesColumn], rows: &[RowPlace]) -> Self {
        let mut parts = Self {
            shredder: Shredder::new(),
            names: Keys::new(columns),
            places: vec![(0, 0, 0)],
            whole: Vec::new(),
            whole_values: Vec::new(),
            keys: BTreeSet::new(),
        };
        let mut column_of: HashMap<Place, u32> = HashMap::new();
        let mut shapes: HashMap<Vec<u32>, u32> = HashMap::new();
        let (mut pairs, mut shape) = (Vec::new(), Vec::new());
        let mut recent: Vec<u32> = Vec::with_capacity(RECENT);
        for (column, row) in rows {
            let (attributes, row) = (columns[*column as usize], *row as usize);
            parts.pairs(*column as usize, attributes, row, &mut pairs);
            if let Some(at) = recent.iter().position(|shape| parts.has_shape(&pairs, *shape)) {
                recent[..=at].rotate_right(1);
                parts.push(attributes, row, recent[0]);
                continue;
            }
            shape.clear();
            let fits = parts.find_shape(&pairs, &mut column_of, &mut shape);
            let id = match shapes.get(&shape) {
                Some(id) if fits => *id,
                None if fits && parts.shredder.shapes.len() < SHAPES_MAX => {
                    let id = parts.shredder.shapes.len() as u32;
                    parts.shredder.shapes.push(shape.clone());
                    shapes.insert(shape.clone(), id);
                    id
                }
                _ => WHOLE,
            };
            parts.push(attributes, row, id);
            if id != WHOLE {
                recent.truncate(RECENT - 1);
                recent.insert(0, id);
            }
        }
        let keys = parts.places.iter().skip(1);
        parts.keys.extend(keys.map(|(key, _, _)| parts.names.names[*key as usize].to_owned()));
        parts
    }

    /// Numbers of keys and letters of types of a row's entries.
    fn pairs(
        &mut self,
        column: usize,
        attributes: &'a AttributesColumn,
        row: usize,
        pairs: &mut Vec<(u32, u8)>,
    ) {
        let (offsets, _, _, kinds) = attributes.parts();
        let entries = offsets[row] as usize..offsets[row + 1] as usize;
        pairs.clear();
        let number = |entry| (self.names.number(column, attributes, entry), kinds[entry]);
        pairs.extend(entries.map(number));
    }

    /// Whether a row has keys and types of a shape, in its order. Then the pairs that it has more
    /// than once are the same too.
    fn has_shape(&self, pairs: &[(u32, u8)], shape: u32) -> bool {
        let columns = &self.shredder.shapes[shape as usize];
        pairs.len() == columns.len()
            && pairs.iter().zip(columns).all(|(pair, column)| {
                let (key, kind, _) = self.places[*column as usize];
                *pair == (key, kind)
            })
    }

    /// The columns of a row's entries; false if there would be too many.
    fn find_shape(
        &mut self,
        pairs: &[(u32, u8)],
        columns: &mut HashMap<Place, u32>,
        shape: &mut Vec<u32>,
    ) -> bool {
        if pairs.len() >= COLUMNS_MAX {
            return false;
        }
        for (position, (key, kind)) in pairs.iter().copied().enumerate() {
            let again = pairs[..position].iter().filter(|earlier| **earlier == (key, kind)).count();
            let place = (key, kind, again as u32);
            let column = match columns.get(&place) {
                Some(column) => *column,
                None if self.places.len() < COLUMNS_MAX => {
                    self.places.push(place);
                    self.shredder.columns.push(Vec::new());
                    let column = self.places.len() as u32 - 1;
                    columns.insert(place, column);
                    column
                }
                None => return false,
            };
            shape.push(column);
        }
        true
    }

    fn push(&mut self, attributes: &'a AttributesColumn, row: usize, id: u32) {
        let (offsets, keys, values, kinds) = attributes.parts();
        let entries = offsets[row] as usize..offsets[row + 1] as usize;
        if id != WHOLE {
            return self.shredder.push(id, entries.map(|entry| values.get(entry)));
        }
        self.shredder.shape_of_row.push(WHOLE);
        let mut text = String::new();
        for entry in entries {
            let (key, value) = (keys.get(entry), values.get(entry));
            let letter = char::from(kinds[entry]);
            let _infallible = write!(text, "{letter}{}:{}:{key}{value}", key.len(), value.len());
            self.keys.insert(key.to_owned());
            self.whole_values.push(value);
        }
        self.whole.push(text);
    }

    pub(crate) fn write(
        self,
        times: Option<&[i64]>,
        bloom: &mut BloomBuilder,
        out: &mut Writer,
    ) -> Result<()> {
        let Self { shredder, names, places, whole, whole_values, .. } = self;
        for value in whole_values {
            bloom.add_text(value);
        }
        out.size(places.len());
        for (key, kind, again) in &places {
            out.text(names.names[*key as usize]);
            out.byte(*kind);
            out.varint(u64::from(*again));
        }
        let whole: Vec<&str> = whole.iter().map(String::as_str).collect();
        shredder.write(&whole, times, bloom, out)
    }
}

/// Where the values of a key are.
#[derive(Debug)]
pub(crate) struct Found {
    /// By shape.
    pub(crate) of_shape: Vec<Option<u32>>,
    /// Those of all shapes, each once.
    pub(crate) columns: Vec<u32>,
}

/// The attributes of a block at rest.
#[derive(Debug)]
pub(crate) struct Attributes {
    /// Key and type by column.
    places: Vec<(String, ValueKind)>,
    shredded: Shredded,
}

impl Attributes {
    pub(crate) fn parse(head: &mut Head<'_>, rows: usize) -> Result<Self> {
        let places = head.count()?;
        let places = (0..places)
            .map(|column| {
                let key = head.text()?.to_owned();
                let (letter, _again) = (head.byte()?, head.varint()?);
                let kind = ValueKind::from_letter(letter);
                let kind = kind.or((column == 0).then_some(ValueKind::String));
                Ok((key, kind.ok_or_else(|| corrupt("an attribute has no known type"))?))
            })
            .collect::<Result<Vec<_>>>()?;
        let shredded = Shredded::parse(head, rows)?;
        if shredded.columns() != places.len() {
            return Err(corrupt("attributes and their columns differ in number"));
        }
        Ok(Self { places, shredded })
    }

    /// Appends the attributes of a row.
    pub(crate) fn append(
        &self,
        reader: Reader<'_>,
        row: usize,
        out: &mut AttributesColumn,
    ) -> Result<()> {
        let shape = self.shredded.shape_of(reader, row)?;
        if shape == WHOLE {
            let mut text = String::new();
            self.shredded.append(reader, WHOLE, row, &mut text)?;
            for entry in WholeRow(&text) {
                let (key, kind, value) = entry?;
                out.push_entry(key, kind, value);
            }
        } else {
            for column in &self.shredded.shapes[shape as usize] {
                let (key, kind) = &self.places[*column as usize];
                let mut read = Ok(());
                out.push_entry_with(key, *kind, |text| {
                    read = self.shredded.append(reader, *column, row, text);
                });
                read?;
            }
        }
        out.end_row();
        Ok(())
    }

    /// For each shape whether a row of it has a key for which it holds; rows that are kept whole
    /// count as having it.
    pub(crate) fn shapes_with(&self, holds: impl Fn(&str) -> bool) -> Vec<bool> {
        let columns: Vec<bool> = self.places.iter().map(|(key, _)| holds(key)).collect();
        let with = |shape: &Vec<u32>| shape.iter().any(|column| columns[*column as usize]);
        let mut shapes: Vec<bool> = self.shredded.shapes.iter().map(with).collect();
        shapes[WHOLE as usize] = true;
        shapes
    }

    /// Which column has the value of a key in the rows of each shape: that of the first entry with
    /// the key, unless it is empty. Rows that are kept whole are not told of.
    pub(crate) fn find(&self, key: &str) -> Found {
        let is_key = |column: &&u32| self.places[**column as usize].0 == key;
        let filled = |column: &u32| self.places[*column as usize].1 != ValueKind::Empty;
        let shapes = self.shredded.shapes.iter().enumerate();
        let of_shape: Vec<Option<u32>> = shapes
            .map(|(shape, columns)| {
                let found = columns.iter().find(is_key).copied().filter(filled);
                found.filter(|_| shape != WHOLE as usize)
            })
            .collect();
        let mut columns: Vec<u32> = of_shape.iter().flatten().copied().collect();
        columns.sort_unstable();
        columns.dedup();
        Found { of_shape, columns }
    }

    /// The column that has the value of a key in all rows that have one, if there is one such.
    pub(crate) fn only(&self, found: &Found) -> Option<u32> {
        let [column] = found.columns[..] else { return None };
        let everywhere = self
            .shredded
            .shapes
            .iter()
            .zip(&found.of_shape)
            .all(|(shape, of_shape)| of_shape.is_some() || !shape.contains(&column));
        (everywhere && !self.has_whole()).then_some(column)
    }

    /// Whether rows are kept whole.
    pub(crate) fn has_whole(&self) -> bool {
        self.shredded.texts(WHOLE).count > 0
    }

    /// The type of the values of a column.
    pub(crate) fn kind(&self, column: u32) -> ValueKind {
        self.places[column as usize].1
    }

    pub(crate) fn shredded(&self) -> &Shredded {
        &self.shredded
    }
}

/// The entries of a row that is kept whole.
struct WholeRow<'a>(&'a str);

impl<'a> WholeRow<'a> {
    fn entry(&mut self) -> Option<(&'a str, ValueKind, &'a str)> {
        let kind = ValueKind::from_letter(*self.0.as_bytes().first()?)?;
        let (key_len, rest) = self.0.get(1..)?.split_once(':')?;
        let (value_len, rest) = rest.split_once(':')?;
        let (key, rest) = rest.split_at_checked(key_len.parse().ok()?)?;
        let (value, rest) = rest.split_at_checked(value_len.parse().ok()?)?;
        self.0 = rest;
        Some((key, kind, value))
    }
}

impl<'a> Iterator for WholeRow<'a> {
    type Item = Result<(&'a str, ValueKind, &'a str)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let entry = self.entry();
        if entry.is_none() {
            self.0 = "";
        }
        Some(entry.ok_or_else(|| corrupt("attributes that are kept whole do not parse")))
    }
}
