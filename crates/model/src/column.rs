//! Plain column buffers, the macro that makes tables of them, and the view that lets storage walk
//! any table without knowing its fields. Offsets are `i32`, laid out as Arrow lays them out, so
//! that a column becomes an Arrow array without copying.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;
use std::ops::Range;

use crate::attributes::AttributesColumn;
use crate::error::{Error, Result};

/// Strings end to end in one buffer. An absent string is the empty string, as in protobuf.
#[derive(Clone, PartialEq, Eq)]
pub struct Utf8Column {
    offsets: Vec<i32>,
    text: String,
}

impl Default for Utf8Column {
    fn default() -> Self {
        Self { offsets: vec![0], text: String::new() }
    }
}

impl Utf8Column {
    /// Number of strings.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a string.
    pub fn push(&mut self, value: &str) {
        self.text.push_str(value);
        self.end_row();
    }

    /// Appends the string that `write` appends to the buffer it is given.
    pub fn push_with(&mut self, write: impl FnOnce(&mut String)) {
        write(&mut self.text);
        self.end_row();
    }

    fn end_row(&mut self) {
        self.offsets.push(offset(self.text.len()));
    }

    /// Makes room for more strings, of so many bytes together.
    pub fn reserve(&mut self, rows: usize, bytes: usize) {
        self.offsets.reserve(rows);
        self.text.reserve(bytes);
    }

    /// Appends the strings of some rows, which stand side by side, of another column. Panics when out of
    /// range, like a slice.
    #[expect(clippy::string_slice, reason = "offsets were taken at the ends of whole strings")]
    pub fn extend_range(&mut self, other: &Self, rows: Range<usize>) {
        let (from, to) = (other.offsets[rows.start], other.offsets[rows.end]);
        let base = offset(self.text.len());
        self.text.push_str(&other.text[from as usize..to as usize]);
        offset(self.text.len());
        let ends = &other.offsets[rows.start + 1..=rows.end];
        self.offsets.extend(ends.iter().map(|end| end - from + base));
    }

    /// Bytes of the strings of some rows. Panics when out of range, like a slice.
    pub fn bytes_of(&self, rows: Range<usize>) -> usize {
        (self.offsets[rows.end] - self.offsets[rows.start]) as usize
    }

    fn reserve_for(&mut self, other: &Self) {
        self.reserve(and_some_more(other.len()), and_some_more(other.text.len()));
    }

    fn shrink_to_fit(&mut self) {
        self.offsets.shrink_to_fit();
        self.text.shrink_to_fit();
    }

    /// Takes back all strings from `rows` on.
    pub fn truncate(&mut self, rows: usize) {
        self.offsets.truncate(rows + 1);
        self.text.truncate(self.offsets.last().map_or(0, |at| *at as usize));
    }

    /// The string at `row`. Panics when out of range, like a slice.
    #[expect(clippy::string_slice, reason = "offsets were taken at the ends of whole strings")]
    pub fn get(&self, row: usize) -> &str {
        &self.text[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    /// All strings in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// The offsets (one more than strings, from 0) and the text they cut.
    pub fn parts(&self) -> (&[i32], &str) {
        (&self.offsets, &self.text)
    }

    /// As [`Utf8Column::parts`], giving the buffers away.
    pub fn into_parts(self) -> (Vec<i32>, String) {
        (self.offsets, self.text)
    }

    /// Builds a column from stored buffers; checks that the offsets rise from 0 to the end of the
    /// text and cut it at character boundaries.
    pub fn from_parts(offsets: Vec<i32>, text: String) -> Result<Self> {
        check_offsets(&offsets, text.len())?;
        if offsets.iter().any(|at| !text.is_char_boundary(*at as usize)) {
            return Err(Error::corrupt("an offset cuts a character"));
        }
        Ok(Self { offsets, text })
    }

    fn extend_from(&mut self, other: &Self) {
        extend_offsets(&mut self.offsets, &other.offsets);
        self.text.push_str(&other.text);
    }
}

/// Byte strings end to end in one buffer.
#[derive(Clone, PartialEq, Eq)]
pub struct BinaryColumn {
    offsets: Vec<i32>,
    bytes: Vec<u8>,
}

impl Default for BinaryColumn {
    fn default() -> Self {
        Self { offsets: vec![0], bytes: Vec::new() }
    }
}

impl BinaryColumn {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a value.
    pub fn push(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.offsets.push(offset(self.bytes.len()));
    }

    /// Appends the value that `write` appends to the buffer it is given.
    pub fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.offsets.push(offset(self.bytes.len()));
    }

    /// Makes room for more values, of so many bytes together.
    pub fn reserve(&mut self, rows: usize, bytes: usize) {
        self.offsets.reserve(rows);
        self.bytes.reserve(bytes);
    }

    /// Takes back all values from `rows` on.
    pub fn truncate(&mut self, rows: usize) {
        self.offsets.truncate(rows + 1);
        self.bytes.truncate(self.offsets.last().map_or(0, |at| *at as usize));
    }

    /// The value at `row`. Panics when out of range, like a slice.
    pub fn get(&self, row: usize) -> &[u8] {
        &self.bytes[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    /// All values in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// The offsets (one more than values, from 0) and the bytes they cut.
    pub fn parts(&self) -> (&[i32], &[u8]) {
        (&self.offsets, &self.bytes)
    }

    /// Builds a column from stored buffers; checks that the offsets rise from 0 to the end.
    pub fn from_parts(offsets: Vec<i32>, bytes: Vec<u8>) -> Result<Self> {
        check_offsets(&offsets, bytes.len())?;
        Ok(Self { offsets, bytes })
    }

    fn extend_from(&mut self, other: &Self) {
        extend_offsets(&mut self.offsets, &other.offsets);
        self.bytes.extend_from_slice(&other.bytes);
    }

    fn reserve_for(&mut self, other: &Self) {
        self.reserve(and_some_more(other.len()), and_some_more(other.bytes.len()));
    }

    fn shrink_to_fit(&mut self) {
        self.offsets.shrink_to_fit();
        self.bytes.shrink_to_fit();
    }
}

/// Strings of which few are distinct: each distinct one once, and a key per row.
#[derive(Clone, Default)]
pub struct DictColumn {
    values: Utf8Column,
    keys: Vec<u32>,
    lookup: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// By key the one that came after it last: rows repeat themselves in order, so the next value
    /// is mostly known without looking for it.
    after: Vec<u32>,
}

impl DictColumn {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key of a value, added if it is new. Use with [`DictColumn::push_key`] where many rows
    /// in a row share a value.
    pub fn intern(&mut self, value: &str) -> u32 {
        let hash = self.hasher.hash_one(value);
        let values = &self.values;
        if let Some(key) = self.lookup.find(hash, |key| values.get(*key as usize) == value) {
            return *key;
        }
        let key = self.values.len() as u32;
        self.values.push(value);
        let (values, hasher) = (&self.values, &self.hasher);
        self.lookup.insert_unique(hash, key, |key| hasher.hash_one(values.get(*key as usize)));
        key
    }

    /// Appends a row that holds the value of a key from [`DictColumn::intern`] of this column.
    pub fn push_key(&mut self, key: u32) {
        debug_assert!((key as usize) < self.values.len());
        self.keys.push(key);
    }

    /// Makes room for more rows.
    pub fn reserve(&mut self, rows: usize) {
        self.keys.reserve(rows);
    }

    /// Takes back all rows; keys that were given stay good.
    pub fn clear_rows(&mut self) {
        self.keys.clear();
    }

    /// Takes back all rows from `rows` on; keys that were given stay good.
    pub fn truncate(&mut self, rows: usize) {
        self.keys.truncate(rows);
    }

    /// Appends so many rows that all hold the value of a key from [`DictColumn::intern`].
    pub fn push_key_times(&mut self, key: u32, rows: usize) {
        debug_assert!((key as usize) < self.values.len());
        self.keys.resize(self.keys.len() + rows, key);
    }

    /// Appends a row.
    pub fn push(&mut self, value: &str) {
        let last = self.keys.last().map(|last| *last as usize);
        let after = last.and_then(|last| self.after.get(last).copied());
        if let Some(key) = after.filter(|key| self.values.get(*key as usize) == value) {
            self.keys.push(key);
            return;
        }
        let key = self.intern(value);
        if let Some(last) = last {
            self.after.resize(self.values.len(), 0);
            self.after[last] = key;
        }
        self.keys.push(key);
    }

    /// Appends a row of another column. `known` is empty at first, and for that other column alone:
    /// it keeps which of this column's keys stand for its keys.
    pub fn push_row_of(&mut self, other: &Self, row: usize, known: &mut Vec<Option<u32>>) {
        known.resize(other.values.len(), None);
        let key = other.keys[row] as usize;
        let key = *known[key].get_or_insert_with(|| self.intern(other.values.get(key)));
        self.keys.push(key);
    }

    /// The string at `row`. Panics when out of range, like a slice.
    pub fn get(&self, row: usize) -> &str {
        self.values.get(self.keys[row] as usize)
    }

    /// The strings of all rows in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// The distinct values, and each row's index into them.
    pub fn parts(&self) -> (&Utf8Column, &[u32]) {
        (&self.values, &self.keys)
    }

    /// As [`DictColumn::parts`], giving the buffers away.
    pub fn into_parts(self) -> (Utf8Column, Vec<u32>) {
        (self.values, self.keys)
    }

    /// Builds a column from stored buffers; checks that every key has a value.
    pub fn from_parts(values: &Utf8Column, mut keys: Vec<u32>) -> Result<Self> {
        if keys.iter().any(|key| *key as usize >= values.len()) {
            return Err(Error::corrupt("a dictionary key has no value"));
        }
        // Interning again (not trusting the stored values to be distinct) rebuilds the lookup.
        let mut column = Self::default();
        let translated: Vec<u32> = values.iter().map(|value| column.intern(value)).collect();
        for key in &mut keys {
            *key = translated[*key as usize];
        }
        column.keys = keys;
        Ok(column)
    }

    fn extend_from(&mut self, other: &Self) {
        let translated: Vec<u32> = other.values.iter().map(|value| self.intern(value)).collect();
        self.keys.extend(other.keys.iter().map(|key| translated[*key as usize]));
    }

    fn reserve_for(&mut self, other: &Self) {
        self.keys.reserve(and_some_more(other.len()));
    }

    fn shrink_to_fit(&mut self) {
        self.keys.shrink_to_fit();
    }
}

impl PartialEq for DictColumn {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

macro_rules! debug_shows_only_size {
    ($($column:ty),*) => {$(
        impl std::fmt::Debug for $column {
            /// Columns may hold prompts and secrets, so their contents are never printed.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({} rows)", stringify!($column), self.len())
            }
        }
    )*};
}
debug_shows_only_size!(Utf8Column, BinaryColumn, DictColumn, AttributesColumn);

/// Room for so much, with an eighth on top: what comes is rarely just as long, and a buffer that lacks a
/// little is copied whole. Memory that nothing is written to takes none.
pub(crate) fn and_some_more(len: usize) -> usize {
    len + len / 8
}

/// What every column buffer can do.
pub trait ColumnBuffer: Default {
    /// Number of rows.
    fn rows(&self) -> usize;
    /// Appends all rows of another column.
    fn extend_from(&mut self, other: &Self);
    /// Makes room for what another column holds, and some more.
    fn reserve_for(&mut self, other: &Self);
    /// Gives room back that nothing is in.
    fn shrink_to_fit(&mut self);
    /// Bytes held, about.
    fn byte_len(&self) -> usize;
    /// The column as storage sees it.
    fn as_ref(&self) -> ColumnRef<'_>;
    /// The column as storage fills it.
    fn as_mut(&mut self) -> ColumnMut<'_>;
}

macro_rules! column_kinds {
    ($($variant:ident($type:ty): $doc:literal, |$column:ident| $bytes:expr;)*) => {
        /// A column of any kind, to read.
        #[derive(Debug, Clone, Copy)]
        #[non_exhaustive]
        pub enum ColumnRef<'a> {
            $(#[doc = $doc] $variant(&'a $type),)*
        }

        /// A column of any kind, to fill or take.
        #[derive(Debug)]
        #[non_exhaustive]
        pub enum ColumnMut<'a> {
            $(#[doc = $doc] $variant(&'a mut $type),)*
        }

        $(impl ColumnBuffer for $type {
            fn rows(&self) -> usize {
                self.len()
            }
            fn extend_from(&mut self, other: &Self) {
                Extend::extend_column(self, other);
            }
            fn reserve_for(&mut self, other: &Self) {
                Extend::reserve_for_column(self, other);
            }
            fn shrink_to_fit(&mut self) {
                Self::shrink_to_fit(self);
            }
            fn byte_len(&self) -> usize {
                let $column = self;
                $bytes
            }
            fn as_ref(&self) -> ColumnRef<'_> {
                ColumnRef::$variant(self)
            }
            fn as_mut(&mut self) -> ColumnMut<'_> {
                ColumnMut::$variant(self)
            }
        })*
    };
}

trait Extend {
    fn extend_column(&mut self, other: &Self);
    fn reserve_for_column(&mut self, other: &Self);
}

impl<T: Copy> Extend for Vec<T> {
    fn extend_column(&mut self, other: &Self) {
        self.extend_from_slice(other);
    }

    fn reserve_for_column(&mut self, other: &Self) {
        self.reserve(and_some_more(other.len()));
    }
}
macro_rules! extend_by_own_method {
    ($($column:ty),*) => {$(
        impl Extend for $column {
            fn extend_column(&mut self, other: &Self) {
                self.extend_from(other);
            }
            fn reserve_for_column(&mut self, other: &Self) {
                self.reserve_for(other);
            }
        }
    )*};
}
extend_by_own_method!(Utf8Column, BinaryColumn, DictColumn, AttributesColumn);

column_kinds! {
    U8(Vec<u8>): "Small codes.", |column| column.len();
    U32(Vec<u32>): "Counts, flags and references.", |column| column.len() * 4;
    I64(Vec<i64>): "Instants and durations.", |column| column.len() * 8;
    F64(Vec<f64>): "Values of samples.", |column| column.len() * 8;
    Id8(Vec<[u8; 8]>): "Span ids.", |column| column.len() * 8;
    Id16(Vec<[u8; 16]>): "Trace ids.", |column| column.len() * 16;
    Utf8(Utf8Column): "Strings.", |column| column.text.len() + column.offsets.len() * 4;
    Binary(BinaryColumn): "Byte strings.", |column| column.bytes.len() + column.offsets.len() * 4;
    Dict(DictColumn): "Strings of which few are distinct.",
        |column| column.values.byte_len() + column.keys.len() * 4;
    Attributes(AttributesColumn): "Lists of key and value.", |column| column.byte_len();
}

/// A table: columns of one length, that storage walks by name.
pub trait Table: Default + std::fmt::Debug + Send + Sync + 'static {
    /// Number of rows.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Bytes held, about.
    fn byte_len(&self) -> usize;
    /// Appends all rows of another table.
    fn extend_from(&mut self, other: &Self);
    /// Makes room for what another table holds, and some more.
    fn reserve_for(&mut self, other: &Self);
    /// Gives room back that nothing is in.
    fn shrink_to_fit(&mut self);
    /// Shows every column, in the order in which they are declared.
    fn visit<'a>(&'a self, see: &mut dyn FnMut(&'static str, ColumnRef<'a>));
    /// Lends every column, in the same order, stopping at the first error.
    fn visit_mut(
        &mut self,
        see: &mut dyn FnMut(&'static str, ColumnMut<'_>) -> Result<()>,
    ) -> Result<()>;
    /// Fails unless all columns have the same length.
    fn check(&self) -> Result<()>;
}

/// Declares a table: a struct of public columns, and its [`Table`] implementation.
macro_rules! table {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Default, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                use $crate::column::Table;
                write!(f, "{}({} rows)", stringify!($name), self.len())
            }
        }

        impl $crate::column::Table for $name {
            fn len(&self) -> usize {
                let lengths = [$($crate::column::ColumnBuffer::rows(&self.$field)),*];
                lengths[0]
            }
            fn byte_len(&self) -> usize {
                0 $(+ $crate::column::ColumnBuffer::byte_len(&self.$field))*
            }
            fn extend_from(&mut self, other: &Self) {
                $($crate::column::ColumnBuffer::extend_from(&mut self.$field, &other.$field);)*
            }
            fn reserve_for(&mut self, other: &Self) {
                $($crate::column::ColumnBuffer::reserve_for(&mut self.$field, &other.$field);)*
            }
            fn shrink_to_fit(&mut self) {
                $($crate::column::ColumnBuffer::shrink_to_fit(&mut self.$field);)*
            }
            fn visit<'a>(
                &'a self,
                see: &mut dyn FnMut(&'static str, $crate::column::ColumnRef<'a>),
            ) {
                $(see(stringify!($field), $crate::column::ColumnBuffer::as_ref(&self.$field));)*
            }
            fn visit_mut(
                &mut self,
                see: &mut dyn FnMut(
                    &'static str,
                    $crate::column::ColumnMut<'_>,
                ) -> $crate::error::Result<()>,
            ) -> $crate::error::Result<()> {
                $(see(stringify!($field), $crate::column::ColumnBuffer::as_mut(&mut self.$field))?;)*
                Ok(())
            }
            fn check(&self) -> $crate::error::Result<()> {
                let rows = self.len();
                let mut uneven = None;
                self.visit(&mut |name, column| {
                    if column.rows() != rows {
                        uneven = Some((name, column.rows()));
                    }
                });
                match uneven {
                    None => Ok(()),
                    Some((name, got)) => Err($crate::error::Error::corrupt(format!(
                        "column {name} has {got} rows where the table has {rows}"
                    ))),
                }
            }
        }
    };
}
pub(crate) use table;

impl ColumnRef<'_> {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::U8(column) => column.len(),
            Self::U32(column) => column.len(),
            Self::I64(column) => column.len(),
            Self::F64(column) => column.len(),
            Self::Id8(column) => column.len(),
            Self::Id16(column) => column.len(),
            Self::Utf8(column) => column.len(),
            Self::Binary(column) => column.len(),
            Self::Dict(column) => column.len(),
            Self::Attributes(column) => column.len(),
        }
    }
}

/// An offset into a buffer. Bodies are limited far below 2 GiB, and a table in memory is flushed
/// long before, so a failure here is a bug.
pub(crate) fn offset(bytes: usize) -> i32 {
    i32::try_from(bytes).expect("a column buffer stays below 2 GiB")
}

pub(crate) fn extend_offsets(into: &mut Vec<i32>, from: &[i32]) {
    let base = *into.last().expect("offsets start with 0");
    into.extend(
        from.iter()
            .skip(1)
            .map(|at| base.checked_add(*at).expect("a column buffer stays below 2 GiB")),
    );
}

pub(crate) fn check_offsets(offsets: &[i32], end: usize) -> Result<()> {
    let rising = offsets.windows(2).all(|pair| pair[0] <= pair[1]);
    if offsets.first() != Some(&0) || !rising || offsets.last().map(|at| *at as usize) != Some(end)
    {
        return Err(Error::corrupt("offsets do not rise from 0 to the end of their buffer"));
    }
    Ok(())
}
