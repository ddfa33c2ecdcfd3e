//! Rows of unlike make as columns: each row has a shape, a shape is a list of columns, and a column
//! holds the values of all rows whose shape names it, in the order of the rows.

use std::borrow::Cow;
use std::sync::OnceLock;

use watchkeep_model::Result;

use super::bloom::BloomBuilder;
use super::numbers::{self, Numbers};
use super::row_set::RowSet;
use super::sections::{Head, Writer, corrupt};
use super::texts;
use super::texts::once;
use super::texts_read::{Reader, Texts};

/// Shapes of a block, and columns of all its shapes. Rows that would need more are kept whole.
pub(crate) const SHAPES_MAX: usize = 512;
pub(crate) const COLUMNS_MAX: usize = 1024;

/// Rows that are being taken apart. The first shape has the first column alone: rows that are kept
/// whole.
#[derive(Debug)]
pub(crate) struct Shredder<'a> {
    pub(crate) shape_of_row: Vec<u32>,
    pub(crate) shapes: Vec<Vec<u32>>,
    pub(crate) columns: Vec<Vec<&'a str>>,
}

/// The shape of rows that are kept whole, and its column.
pub(crate) const WHOLE: u32 = 0;

impl<'a> Shredder<'a> {
    pub(crate) fn new() -> Self {
        let (shapes, columns) = (vec![vec![WHOLE]], vec![Vec::new()]);
        Self { shape_of_row: Vec::new(), shapes, columns }
    }

    /// Takes in a row that has a shape.
    pub(crate) fn push(&mut self, shape: u32, values: impl Iterator<Item = &'a str>) {
        self.shape_of_row.push(shape);
        for (column, value) in self.shapes[shape as usize].iter().zip(values) {
            self.columns[*column as usize].push(value);
        }
    }

    /// Writes shapes and columns; the first column holds the given texts. Texts may be times where
    /// the rows have any.
    pub(crate) fn write(
        &self,
        first: &[&str],
        times: Option<&[i64]>,
        bloom: &mut BloomBuilder,
        out: &mut Writer,
    ) -> Result<()> {
        out.size(self.columns.len());
        out.size(self.shapes.len());
        for shape in &self.shapes {
            out.size(shape.len());
            for column in shape {
                out.varint(u64::from(*column));
            }
        }
        numbers::write_u32(&self.shape_of_row, out)?;
        for (column, texts) in self.columns.iter().enumerate() {
            let texts = if column == WHOLE as usize { first } else { texts };
            out.size(texts.len());
            let times = times.map(|times| self.times_of(column as u32, texts.len(), times));
            let bloom = Some(&mut *bloom);
            texts::Column { texts, times: times.as_deref(), bloom }.write(out)?;
        }
        Ok(())
    }

    /// The times of the rows of a column of so many values.
    fn times_of<'t>(&self, column: u32, count: usize, times: &'t [i64]) -> Cow<'t, [i64]> {
        if count == times.len() {
            return Cow::Borrowed(times);
        }
        let having: Vec<bool> = self.shapes.iter().map(|shape| shape.contains(&column)).collect();
        let rows = self.shape_of_row.iter().zip(times);
        Cow::Owned(rows.filter(|(s, _)| having[**s as usize]).map(|(_, time)| *time).collect())
    }
}

/// Rows at rest.
#[derive(Debug)]
pub(crate) struct Shredded {
    rows: usize,
    pub(crate) shapes: Vec<Vec<u32>>,
    numbers: Numbers,
    shape_of_row: OnceLock<Vec<u32>>,
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    texts: Texts,
    /// The row of each value.
    rows: OnceLock<Vec<u32>>,
}

impl Shredded {
    pub(crate) fn parse(head: &mut Head<'_>, rows: usize) -> Result<Self> {
        let columns = head.count()?;
        let shapes = head.count()?;
        if columns > COLUMNS_MAX || !(1..=SHAPES_MAX).contains(&shapes) {
            return Err(corrupt("its number of shapes is out of range"));
        }
        let shapes = (0..shapes)
            .map(|_| {
                let len = head.count()?;
                let mut shape = Vec::with_capacity(len.min(columns));
                for _ in 0..len {
                    let column = head.size()?;
                    if column >= columns || shape.contains(&(column as u32)) {
                        return Err(corrupt("a shape names a column wrongly"));
                    }
                    shape.push(column as u32);
                }
                Ok(shape)
            })
            .collect::<Result<Vec<_>>>()?;
        if shapes[WHOLE as usize] != [WHOLE] {
            return Err(corrupt("its first shape is not that of whole rows"));
        }
        let numbers = Numbers::parse(head, rows)?;
        let columns = (0..columns)
            .map(|_| {
                let count = head.size()?;
                if count > rows {
                    return Err(corrupt("a column has more values than there are rows"));
                }
                Ok(Column { texts: Texts::parse(head, count)?, rows: OnceLock::new() })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { rows, shapes, numbers, shape_of_row: OnceLock::new(), columns })
    }

    /// The shape that all rows have, if they have one.
    pub(crate) fn only_shape(&self) -> Option<u32> {
        let shape = u32::try_from(self.numbers.constant()?).ok()?;
        ((shape as usize) < self.shapes.len()).then_some(shape)
    }

    /// The shape of each row.
    fn shape_of_row(&self, reader: Reader<'_>) -> Result<&[u32]> {
        let below = self.shapes.len();
        once(&self.shape_of_row, || self.numbers.read_u32(reader.source, below)).map(Vec::as_slice)
    }

    /// The shape of a row.
    pub(crate) fn shape_of(&self, reader: Reader<'_>, row: usize) -> Result<u32> {
        match self.only_shape() {
            Some(shape) => Ok(shape),
            None => Ok(self.shape_of_row(reader)?[row]),
        }
    }

    /// The rows of `among` in classes: those of which the class of the shape is the position.
    pub(crate) fn classes(
        &self,
        reader: Reader<'_>,
        among: &RowSet,
        class_of_shape: &[usize],
        classes: usize,
    ) -> Result<Vec<RowSet>> {
        let mut sets = vec![RowSet::none(self.rows); classes];
        if let Some(shape) = self.only_shape() {
            sets[class_of_shape[shape as usize]] = among.clone();
        } else {
            let shapes = self.shape_of_row(reader)?;
            among.iter().for_each(|row| sets[class_of_shape[shapes[row] as usize]].insert(row));
        }
        Ok(sets)
    }

    /// How many columns there are.
    pub(crate) fn columns(&self) -> usize {
        self.columns.len()
    }

    /// The row of each value of a column; `None` where every row has one.
    pub(crate) fn rows_of(&self, reader: Reader<'_>, column: u32) -> Result<Option<&[u32]>> {
        let of_column = &self.columns[column as usize];
        if of_column.texts.count == self.rows {
            return Ok(None);
        }
        let rows = once(&of_column.rows, || {
            let having: Vec<bool> =
                self.shapes.iter().map(|shape| shape.contains(&column)).collect();
            // Each row is written, and stays if the column has it: branches would be guessed wrongly.
            let count = of_column.texts.count;
            reader.source.note(count * size_of::<u32>());
            let (mut rows, mut found) = (vec![0; count + 1], 0);
            for (shape, row) in self.shape_of_row(reader)?.iter().zip(0_u32..) {
                rows[found.min(count)] = row;
                found += usize::from(having[*shape as usize]);
            }
            if found != count {
                return Err(corrupt("a column has another number of values than rows"));
            }
            rows.truncate(count);
            Ok(rows)
        })?;
        Ok(Some(rows))
    }

    /// The values of a column.
    pub(crate) fn texts(&self, column: u32) -> &Texts {
        &self.columns[column as usize].texts
    }

    /// Appends the value of a row in a column that its shape names.
    pub(crate) fn append(
        &self,
        reader: Reader<'_>,
        column: u32,
        row: usize,
        out: &mut String,
    ) -> Result<()> {
        let index = match self.rows_of(reader, column)? {
            None => row,
            Some(rows) => rows
                .binary_search(&(row as u32))
                .map_err(|_| corrupt("a row has no value in a column of its shape"))?,
        };
        self.columns[column as usize].texts.append(reader, index, row, out)
    }

    /// The rows of `among` that have a value in a column for which a test of columns holds: the test
    /// is given the column, positions in it, and the row of each position.
    pub(crate) fn where_values(
        &self,
        reader: Reader<'_>,
        column: u32,
        among: &RowSet,
        test: impl FnOnce(&Texts, &RowSet, Option<&[u32]>) -> Result<RowSet>,
    ) -> Result<RowSet> {
        let texts = &self.columns[column as usize].texts;
        let Some(rows) = self.rows_of(reader, column)? else { return test(texts, among, None) };
        let positions = if among.count() == self.rows {
            RowSet::all(rows.len())
        } else {
            RowSet::of(rows.len(), |index| among.contains(rows[index] as usize))
        };
        let mut held = RowSet::none(self.rows);
        let found = test(texts, &positions, Some(rows))?;
        found.iter().for_each(|index| held.insert(rows[index] as usize));
        Ok(held)
    }
}
