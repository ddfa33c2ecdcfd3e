//! Rows of several tables, one after the other, as a table of their own.

use watchkeep_model::column::{ColumnMut, ColumnRef, Table};
use watchkeep_model::{AttributesColumn, DictColumn, Result, Utf8Column};

/// A row's place: which of the tables, and which of its rows.
pub(crate) type Place = (u32, u32);

/// All columns.
pub(crate) fn every(_: &str) -> bool {
    true
}

/// The rows at `places` of some tables: the columns that are wanted, the others being empty. A
/// column that is empty in a table has no rows to give; it must be so in all of them, and stays
/// empty.
pub(crate) fn gather<T: Table>(
    tables: &[&T],
    places: &[Place],
    wanted: &dyn Fn(&str) -> bool,
) -> Result<T> {
    let mut sources: Vec<Vec<ColumnRef<'_>>> = Vec::with_capacity(tables.len());
    for table in tables {
        let mut columns = Vec::new();
        table.visit(&mut |_, column| columns.push(column));
        sources.push(columns);
    }
    let mut gathered = T::default();
    let mut at = 0;
    gathered.visit_mut(&mut |name, column| {
        let of_column: Vec<ColumnRef<'_>> = sources.iter().map(|columns| columns[at]).collect();
        at += 1;
        if wanted(name) && of_column.iter().any(|column| column.rows() > 0) {
            gather_column(column, &of_column, places);
        }
        Ok(())
    })?;
    Ok(gathered)
}

macro_rules! plain {
    ($kind:ident, $into:ident, $from:ident, $places:ident) => {{
        let columns: Vec<&[_]> = $from
            .iter()
            .map(|column| match column {
                ColumnRef::$kind(values) => values.as_slice(),
                _ => &[],
            })
            .collect();
        $into.extend($places.iter().map(|(table, row)| columns[*table as usize][*row as usize]));
    }};
}

fn gather_column(into: ColumnMut<'_>, from: &[ColumnRef<'_>], places: &[Place]) {
    match into {
        ColumnMut::U8(into) => plain!(U8, into, from, places),
        ColumnMut::U32(into) => plain!(U32, into, from, places),
        ColumnMut::I64(into) => plain!(I64, into, from, places),
        ColumnMut::F64(into) => plain!(F64, into, from, places),
        ColumnMut::Id8(into) => plain!(Id8, into, from, places),
        ColumnMut::Id16(into) => plain!(Id16, into, from, places),
        ColumnMut::Utf8(into) => gather_texts(into, from, places),
        ColumnMut::Binary(into) => {
            for (table, row) in places {
                if let ColumnRef::Binary(column) = from[*table as usize] {
                    into.push(column.get(*row as usize));
                }
            }
        }
        ColumnMut::Dict(into) => gather_dictionary(into, from, places),
        ColumnMut::Attributes(into) => gather_attributes(into, from, places),
        _ => unreachable!("every kind of column can be gathered"),
    }
}

fn gather_texts(into: &mut Utf8Column, from: &[ColumnRef<'_>], places: &[Place]) {
    let rows = || {
        places.iter().filter_map(|(table, row)| match from[*table as usize] {
            ColumnRef::Utf8(column) => Some((column, *row as usize)),
            _ => None,
        })
    };
    let bytes = rows().map(|(column, row)| column.bytes_of(row..row + 1)).sum();
    into.reserve(places.len(), bytes);
    rows().for_each(|(column, row)| into.push(column.get(row)));
}

fn gather_dictionary(into: &mut DictColumn, from: &[ColumnRef<'_>], places: &[Place]) {
    let mut known = vec![Vec::new(); from.len()];
    into.reserve(places.len());
    for (table, row) in places {
        if let ColumnRef::Dict(column) = from[*table as usize] {
            into.push_row_of(column, *row as usize, &mut known[*table as usize]);
        }
    }
}

fn gather_attributes(into: &mut AttributesColumn, from: &[ColumnRef<'_>], places: &[Place]) {
    let rows = || {
        places.iter().filter_map(|(table, row)| match from[*table as usize] {
            ColumnRef::Attributes(column) => Some((*table as usize, column, *row as usize)),
            _ => None,
        })
    };
    into.reserve_rows(rows().map(|(_, column, row)| (column, row)));
    let mut known = vec![Vec::new(); from.len()];
    rows().for_each(|(table, column, row)| into.push_row_of(column, row, &mut known[table]));
}

#[cfg(test)]
mod tests {
    use watchkeep_model::Level;
    use watchkeep_model::column::Table as _;

    use super::*;
    use crate::conformance::logs;

    #[test]
    fn rows_are_taken_in_the_order_given() {
        let rows = [
            (1, Level::Info, "a", "first"),
            (2, Level::Warn, "b", "second"),
            (3, Level::Info, "a", "third"),
        ];
        let tables = [logs(&rows[..2]), logs(&rows[2..])];
        let gathered = gather(&[&tables[0], &tables[1]], &[(1, 0), (0, 1), (0, 1), (0, 0)], &every);
        let expected = logs(&[rows[2], rows[1], rows[1], rows[0]]);
        assert_eq!(gathered.unwrap(), expected);
        let lines = watchkeep_model::LogColumns {
            time_ns: vec![5],
            ..watchkeep_model::LogColumns::default()
        };
        let gathered = gather(&[&lines], &[(0, 0)], &every).unwrap();
        assert_eq!((gathered.len(), gathered.body.len()), (1, 0), "what is empty stays so");
    }
}
