//! Columns of an answer: built value by value, and put together from those of several pieces.

use watchkeep_model::span_query::ABSENT;
use watchkeep_model::{DictColumn, FieldColumn, Utf8Column, Value};

/// Builds a column of whatever type its values have.
#[derive(Debug, Default)]
pub(crate) struct ColumnBuilder {
    held: Held,
    /// Whether each row has a value; not kept while all have.
    present: Option<Vec<bool>>,
    rows: usize,
}

#[derive(Debug, Default)]
enum Held {
    /// No row has a value yet.
    #[default]
    Nothing,
    Int(Vec<i64>),
    Double(Vec<f64>),
    Bool(Vec<bool>),
    Text(TextBuilder),
    /// Rows of several types, or of one without a column of its own.
    Values(Vec<Value>),
}

/// Texts, each distinct one once.
#[derive(Debug, Default)]
struct TextBuilder {
    /// Keeps the values; has no rows.
    values: DictColumn,
    keys: Vec<u32>,
}

macro_rules! push_plain {
    ($name:ident, $variant:ident, $type:ty, $absent:expr, $doc:literal) => {
        #[doc = $doc]
        pub(crate) fn $name(&mut self, value: $type) {
            if matches!(self.held, Held::Nothing) {
                self.held = Held::$variant(vec![$absent; self.rows]);
            }
            match &mut self.held {
                Held::$variant(values) => values.push(value),
                _ => self.push_other(Value::$variant(value)),
            }
            self.has_value();
        }
    };
}

impl ColumnBuilder {
    push_plain!(push_int, Int, i64, 0, "Appends a whole number.");
    push_plain!(push_double, Double, f64, 0.0, "Appends a float.");
    push_plain!(push_bool, Bool, bool, false, "Appends a truth value.");

    /// Appends a row without a value.
    pub(crate) fn push_absent(&mut self) {
        match &mut self.held {
            Held::Nothing => {}
            Held::Int(values) => values.push(0),
            Held::Double(values) => values.push(0.0),
            Held::Bool(values) => values.push(false),
            Held::Text(texts) => texts.keys.push(ABSENT),
            Held::Values(values) => values.push(Value::Empty),
        }
        self.present.get_or_insert_with(|| vec![true; self.rows]).push(false);
        self.rows += 1;
    }

    /// Appends a text.
    pub(crate) fn push_text(&mut self, text: &str) {
        if matches!(self.held, Held::Nothing) {
            let keys = vec![ABSENT; self.rows];
            self.held = Held::Text(TextBuilder { keys, ..TextBuilder::default() });
        }
        match &mut self.held {
            Held::Text(texts) => {
                let key = texts.values.intern(text);
                texts.keys.push(key);
            }
            _ => self.push_other(Value::String(text.to_owned())),
        }
        self.has_value();
    }

    /// Appends a value; [`Value::Empty`] is none.
    pub(crate) fn push(&mut self, value: &Value) {
        match value {
            Value::Empty => self.push_absent(),
            Value::String(text) => self.push_text(text),
            Value::Bool(value) => self.push_bool(*value),
            Value::Int(value) => self.push_int(*value),
            Value::Double(value) => self.push_double(*value),
            Value::Bytes(_) | Value::Array(_) | Value::Map(_) => {
                self.push_other(value.clone());
                self.has_value();
            }
        }
    }

    fn has_value(&mut self) {
        if let Some(present) = &mut self.present {
            present.push(true);
        }
        self.rows += 1;
    }

    fn push_other(&mut self, value: Value) {
        let column = std::mem::take(&mut self.held);
        let mut values = match column {
            Held::Values(values) => values,
            held => {
                let column = finish(held, self.present.clone());
                (0..self.rows).map(|row| value_at(&column, row)).collect()
            }
        };
        values.push(value);
        self.held = Held::Values(values);
    }

    /// The column.
    pub(crate) fn finish(self) -> FieldColumn {
        finish(self.held, self.present)
    }
}

fn finish(held: Held, present: Option<Vec<bool>>) -> FieldColumn {
    match held {
        Held::Nothing => FieldColumn::Absent,
        Held::Int(values) => FieldColumn::Int { values, present },
        Held::Double(values) => FieldColumn::Double { values, present },
        Held::Bool(values) => FieldColumn::Bool { values, present },
        Held::Text(texts) => {
            FieldColumn::Text { keys: texts.keys, values: texts.values.into_parts().0 }
        }
        Held::Values(values) => FieldColumn::Values(values),
    }
}

/// The value of a row; [`Value::Empty`] where there is none. Not for repeated fields.
pub(crate) fn value_at(column: &FieldColumn, row: usize) -> Value {
    let is_there = |present: &Option<Vec<bool>>| present.as_ref().is_none_or(|there| there[row]);
    match column {
        FieldColumn::Int { values, present } if is_there(present) => Value::Int(values[row]),
        FieldColumn::Double { values, present } if is_there(present) => Value::Double(values[row]),
        FieldColumn::Bool { values, present } if is_there(present) => Value::Bool(values[row]),
        FieldColumn::Text { keys, values } if keys[row] != ABSENT => {
            Value::String(values.get(keys[row] as usize).to_owned())
        }
        FieldColumn::Values(values) => values[row].clone(),
        _ => Value::Empty,
    }
}

/// Builds a column of a repeated field.
#[derive(Debug, Default)]
pub(crate) struct RepeatedBuilder {
    pub(crate) values: ColumnBuilder,
    ends: Vec<u32>,
}

impl RepeatedBuilder {
    /// Ends the values of a row.
    pub(crate) fn end_row(&mut self) {
        self.ends.push(self.values.rows as u32);
    }

    /// The column.
    pub(crate) fn finish(self) -> FieldColumn {
        if self.values.rows == 0 {
            return FieldColumn::Absent;
        }
        FieldColumn::Repeated { ends: self.ends, values: Box::new(self.values.finish()) }
    }
}

/// A row's place: which of the columns, and which of its rows.
pub(crate) type Pick = (u32, u32);

/// The rows at `picks` of columns of one field.
pub(crate) fn interleave(columns: &[FieldColumn], picks: &[Pick]) -> FieldColumn {
    let mut kinds = columns.iter().filter(|column| !matches!(column, FieldColumn::Absent));
    let Some(first) = kinds.next() else { return FieldColumn::Absent };
    let same = |other: &FieldColumn| std::mem::discriminant(other) == std::mem::discriminant(first);
    match first {
        FieldColumn::Repeated { .. } => interleave_repeated(columns, picks),
        _ if !kinds.all(same) => interleave_values(columns, picks),
        FieldColumn::Int { .. } => {
            let (values, present) = interleave_plain(columns, picks, |column| match column {
                FieldColumn::Int { values, present } => Some((values, present.as_deref())),
                _ => None,
            });
            FieldColumn::Int { values, present }
        }
        FieldColumn::Double { .. } => {
            let (values, present) = interleave_plain(columns, picks, |column| match column {
                FieldColumn::Double { values, present } => Some((values, present.as_deref())),
                _ => None,
            });
            FieldColumn::Double { values, present }
        }
        FieldColumn::Bool { .. } => {
            let (values, present) = interleave_plain(columns, picks, |column| match column {
                FieldColumn::Bool { values, present } => Some((values, present.as_deref())),
                _ => None,
            });
            FieldColumn::Bool { values, present }
        }
        FieldColumn::Text { .. } => interleave_texts(columns, picks),
        FieldColumn::Values(_) | FieldColumn::Absent => interleave_values(columns, picks),
    }
}

type Plain<'a, T> = (&'a Vec<T>, Option<&'a [bool]>);

fn interleave_plain<T: Copy + Default>(
    columns: &[FieldColumn],
    picks: &[Pick],
    of: impl Fn(&FieldColumn) -> Option<Plain<'_, T>>,
) -> (Vec<T>, Option<Vec<bool>>) {
    let columns: Vec<Option<Plain<'_, T>>> = columns.iter().map(of).collect();
    let column = |pick: &Pick| columns[pick.0 as usize];
    let value =
        |pick: &Pick| column(pick).map_or(T::default(), |(values, _)| values[pick.1 as usize]);
    let all_there = columns.iter().all(|column| column.is_some_and(|(_, there)| there.is_none()));
    let is_there = |pick: &Pick| match column(pick) {
        None => false,
        Some((_, there)) => there.is_none_or(|there| there[pick.1 as usize]),
    };
    let present = (!all_there).then(|| picks.iter().map(is_there).collect::<Vec<bool>>());
    let present = present.filter(|present| present.contains(&false));
    (picks.iter().map(value).collect(), present)
}

fn interleave_texts(columns: &[FieldColumn], picks: &[Pick]) -> FieldColumn {
    let mut texts = Utf8Column::default();
    // Where each text that is used went.
    let mut moved: Vec<Vec<u32>> = vec![Vec::new(); columns.len()];
    let keys = picks
        .iter()
        .map(|(column, row)| {
            let FieldColumn::Text { keys, values } = &columns[*column as usize] else {
                return ABSENT;
            };
            let key = keys[*row as usize];
            if key == ABSENT {
                return ABSENT;
            }
            let moved = &mut moved[*column as usize];
            if moved.is_empty() {
                moved.resize(values.len(), ABSENT);
            }
            let to = &mut moved[key as usize];
            if *to == ABSENT {
                *to = texts.len() as u32;
                texts.push(values.get(key as usize));
            }
            *to
        })
        .collect();
    FieldColumn::Text { keys, values: texts }
}

fn interleave_values(columns: &[FieldColumn], picks: &[Pick]) -> FieldColumn {
    let value = |(column, row): &Pick| value_at(&columns[*column as usize], *row as usize);
    FieldColumn::Values(picks.iter().map(value).collect())
}

fn interleave_repeated(columns: &[FieldColumn], picks: &[Pick]) -> FieldColumn {
    let (mut inner, mut bounds) = (Vec::with_capacity(columns.len()), Vec::new());
    for column in columns {
        if let FieldColumn::Repeated { ends, values } = column {
            inner.push((**values).clone());
            bounds.push(ends.as_slice());
        } else {
            inner.push(FieldColumn::Absent);
            bounds.push(&[]);
        }
    }
    let (mut places, mut ends) = (Vec::new(), Vec::with_capacity(picks.len()));
    for (column, row) in picks {
        let (of_column, row) = (bounds[*column as usize], *row as usize);
        if let Some(end) = of_column.get(row) {
            let from = if row == 0 { 0 } else { of_column[row - 1] };
            places.extend((from..*end).map(|at| (*column, at)));
        }
        ends.push(places.len() as u32);
    }
    FieldColumn::Repeated { ends, values: Box::new(interleave(&inner, &places)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Vec<Value>> {
        let same = prop_oneof![
            Just(Value::Int(7)),
            Just(Value::Double(0.5)),
            Just(Value::Bool(true)),
            Just(Value::String("text".into())),
            Just(Value::Array(vec![Value::Int(1)])),
        ];
        let of_one = same.clone().prop_flat_map(|value| {
            prop::collection::vec(prop_oneof![Just(value), Just(Value::Empty)], 0..12)
        });
        let several = prop::collection::vec(prop_oneof![same, Just(Value::Empty)], 0..12);
        prop_oneof![of_one, several]
    }

    fn build(values: &[Value]) -> FieldColumn {
        let mut builder = ColumnBuilder::default();
        for value in values {
            builder.push(value);
        }
        builder.finish()
    }

    proptest! {
        #[test]
        fn rows_keep_their_values(sources in prop::collection::vec(values(), 1..4), picks in
            prop::collection::vec((0_usize..4, 0_usize..12), 0..20))
        {
            let columns: Vec<FieldColumn> = sources.iter().map(|values| build(values)).collect();
            for (column, values) in columns.iter().zip(&sources) {
                for (row, value) in values.iter().enumerate() {
                    prop_assert!(value_at(column, row) == *value);
                }
            }
            let picks: Vec<Pick> = picks
                .into_iter()
                .filter(|(source, row)| sources.get(*source).is_some_and(|of| *row < of.len()))
                .map(|(source, row)| (source as u32, row as u32))
                .collect();
            let picked = interleave(&columns, &picks);
            for (at, (source, row)) in picks.iter().enumerate() {
                let expected = &sources[*source as usize][*row as usize];
                prop_assert!(value_at(&picked, at) == *expected);
            }
        }
    }

    #[test]
    fn repeated_values_follow_their_rows() {
        let repeated = |rows: &[&[i64]]| {
            let mut builder = RepeatedBuilder::default();
            for row in rows {
                row.iter().for_each(|value| builder.values.push_int(*value));
                builder.end_row();
            }
            builder.finish()
        };
        let columns =
            [repeated(&[&[1, 2], &[], &[3]]), repeated(&[&[], &[4]]), FieldColumn::Absent];
        let picked = interleave(&columns, &[(1, 1), (2, 0), (0, 0), (0, 1), (0, 2)]);
        assert!(picked == repeated(&[&[4], &[], &[1, 2], &[], &[3]]));
        assert!(repeated(&[&[], &[]]) == FieldColumn::Absent);
    }
}
