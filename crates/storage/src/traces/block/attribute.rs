//! One attribute of rows, as a column of its type.

use watchkeep_model::attributes::ValueKind;
use watchkeep_model::span_query::ABSENT;
use watchkeep_model::{AttributesColumn, FieldColumn, Result};

use crate::block::attributes::Attributes;
use crate::block::shred::WHOLE;
use crate::block::texts_read::Reader;
use crate::traces::column::ColumnBuilder;
use crate::traces::value::of_text;

/// The values of a key in some of `count` rows, or all.
pub(super) fn column(
    reader: Reader<'_>,
    attributes: &Attributes,
    count: usize,
    key: &str,
    which: Option<&[u32]>,
) -> Result<FieldColumn> {
    let found = attributes.find(key);
    if found.columns.is_empty() && !attributes.has_whole() {
        return Ok(FieldColumn::Absent);
    }
    if let Some(column) = attributes.only(&found)
        && let Some(column) = of_one_column(reader, attributes, column, count, which)?
    {
        return Ok(column);
    }
    let mut out = ColumnBuilder::default();
    let (mut text, mut entries) = (String::new(), AttributesColumn::default());
    for at in 0..which.map_or(count, <[u32]>::len) {
        let row = which.map_or(at, |which| which[at] as usize);
        let shape = attributes.shredded().shape_of(reader, row)?;
        if shape == WHOLE {
            entries.truncate(0);
            attributes.append(reader, row, &mut entries)?;
            let entry = entries.row(0).find(|(name, ..)| *name == key);
            out.push(&entry.map_or(watchkeep_model::Value::Empty, |(_, k, t)| of_text(k, t)));
        } else if let Some(column) = found.of_shape[shape as usize] {
            text.clear();
            attributes.shredded().append(reader, column, row, &mut text)?;
            out.push(&of_text(attributes.kind(column), &text));
        } else {
            out.push_absent();
        }
    }
    Ok(out.finish())
}

/// As [`column()`], of a key whose values all lie in one column; `None` where that has no type of
/// its own.
fn of_one_column(
    reader: Reader<'_>,
    attributes: &Attributes,
    column: u32,
    count: usize,
    which: Option<&[u32]>,
) -> Result<Option<FieldColumn>> {
    let texts = attributes.shredded().texts(column);
    let row_of = attributes.shredded().rows_of(reader, column)?;
    let len = which.map_or(count, <[u32]>::len);
    let places = Places::of(row_of, count, which);
    let which = places.positions(which);
    if which.is_some_and(<[u32]>::is_empty) {
        return Ok(Some(FieldColumn::Absent));
    }
    let spread = places.rows(row_of);
    Ok(match attributes.kind(column) {
        ValueKind::String => {
            let (keys, values) = texts.column(reader, which, row_of)?;
            let keys = match spread {
                None => keys,
                Some(rows) => {
                    let mut spread = vec![ABSENT; len];
                    rows.iter().zip(keys).for_each(|(row, key)| spread[*row as usize] = key);
                    spread
                }
            };
            Some(FieldColumn::Text { keys, values })
        }
        ValueKind::Int => texts.ints(reader, which, row_of)?.map(|values| {
            let (values, present) = spread_out(values, spread, len);
            FieldColumn::Int { values, present }
        }),
        ValueKind::Double => texts.doubles(reader, which, row_of)?.map(|values| {
            let (values, present) = spread_out(values, spread, len);
            FieldColumn::Double { values, present }
        }),
        ValueKind::Bool => {
            let values = texts.parsed(reader, which, row_of, &|text| text.parse().ok())?;
            values.map(|values| {
                let (values, present) = spread_out(values, spread, len);
                FieldColumn::Bool { values, present }
            })
        }
        ValueKind::Empty | ValueKind::Bytes | ValueKind::Json => None,
    })
}

/// Where the values of some rows are in a column, and where they go.
enum Places {
    /// Each row that is asked for has one, at the position that is its own.
    Dense,
    /// All values go to the rows that have them.
    Sparse,
    /// Positions, and where each goes.
    Picked(Vec<u32>, Vec<u32>),
}

impl Places {
    fn of(row_of: Option<&[u32]>, count: usize, which: Option<&[u32]>) -> Self {
        let Some(row_of) = row_of else { return Self::Dense };
        let Some(which) = which else { return Self::Sparse };
        let mut position = vec![ABSENT; count];
        for (at, row) in row_of.iter().enumerate() {
            position[*row as usize] = at as u32;
        }
        let (mut positions, mut rows) = (Vec::new(), Vec::new());
        for (at, row) in which.iter().enumerate() {
            if position[*row as usize] != ABSENT {
                positions.push(position[*row as usize]);
                rows.push(at as u32);
            }
        }
        Self::Picked(positions, rows)
    }

    fn positions<'a>(&'a self, which: Option<&'a [u32]>) -> Option<&'a [u32]> {
        match self {
            Self::Dense => which,
            Self::Sparse => None,
            Self::Picked(positions, _) => Some(positions),
        }
    }

    fn rows<'a>(&'a self, row_of: Option<&'a [u32]>) -> Option<&'a [u32]> {
        match self {
            Self::Dense => None,
            Self::Sparse => row_of,
            Self::Picked(_, rows) => Some(rows),
        }
    }
}

fn spread_out<T: Copy + Default>(
    values: Vec<T>,
    rows: Option<&[u32]>,
    len: usize,
) -> (Vec<T>, Option<Vec<bool>>) {
    let Some(rows) = rows.filter(|rows| rows.len() != len) else { return (values, None) };
    let (mut spread, mut present) = (vec![T::default(); len], vec![false; len]);
    for (row, value) in rows.iter().zip(values) {
        spread[*row as usize] = value;
        present[*row as usize] = true;
    }
    (spread, Some(present))
}
