//! A batch as expressions see it: its columns, and those that are reckoned from them once they are
//! asked for.

use std::cell::OnceCell;

use watchkeep_model::attributes::Value;
use watchkeep_model::span_query::{ABSENT, FieldColumn};
use watchkeep_model::{SpanBatch, SpanField};

use super::scalar::Scalar;
use crate::eval::structure::{NONE, Tree};
use crate::plan::{FieldRef, Fields, Reading, Source};

/// A batch, read as [`Fields`] say.
#[derive(Debug)]
pub struct Rows<'b> {
    /// The spans.
    pub batch: &'b SpanBatch,
    parent_row: Option<usize>,
    parent_id: Option<usize>,
    trace_duration: OnceCell<FieldColumn>,
    child_count: OnceCell<FieldColumn>,
    parents: OnceCell<Vec<u32>>,
    tree: OnceCell<Tree>,
    nested: [OnceCell<FieldColumn>; 3],
}

static ABSENT_COLUMN: FieldColumn = FieldColumn::Absent;

impl<'b> Rows<'b> {
    /// The batch has to have a column for each of the fields.
    pub fn new(batch: &'b SpanBatch, fields: &Fields) -> Self {
        Self {
            batch,
            parent_row: fields.position(&SpanField::ParentRow),
            parent_id: fields.position(&SpanField::ParentSpanId),
            trace_duration: OnceCell::new(),
            child_count: OnceCell::new(),
            parents: OnceCell::new(),
            tree: OnceCell::new(),
            nested: [const { OnceCell::new() }; 3],
        }
    }

    /// How many spans.
    pub fn len(&self) -> usize {
        self.batch.rows
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.batch.rows == 0
    }

    /// For each row the row of its parent, or [`NONE`].
    pub(crate) fn parents(&self) -> &[u32] {
        self.parents.get_or_init(|| {
            let column = self.parent_row.and_then(|place| self.batch.columns.get(place));
            match column {
                Some(FieldColumn::Int { values, present }) => {
                    let rows = self.batch.rows as i64;
                    let parent = |row: usize, value: &i64| match present {
                        Some(present) if !present[row] => NONE,
                        _ if (0..rows).contains(value) => *value as u32,
                        _ => NONE,
                    };
                    values.iter().enumerate().map(|(row, value)| parent(row, value)).collect()
                }
                Some(FieldColumn::Values(values)) => values
                    .iter()
                    .map(|value| match value {
                        Value::Int(row) => u32::try_from(*row).unwrap_or(NONE),
                        _ => NONE,
                    })
                    .collect(),
                _ => vec![NONE; self.batch.rows],
            }
        })
    }

    /// How the spans of each trace stand to each other.
    pub(crate) fn tree(&self) -> &Tree {
        self.tree.get_or_init(|| {
            let column = self.parent_id.and_then(|place| self.batch.columns.get(place));
            let has_parent = present_mask(column.unwrap_or(&ABSENT_COLUMN), self.batch.rows);
            let ends = self.batch.traces.iter().map(|trace| trace.rows_end as usize);
            Tree::new(self.parents(), &has_parent, ends)
        })
    }

    pub(crate) fn column(&self, source: Source) -> &FieldColumn {
        let nested = |place: usize, numbers: fn(&Tree) -> &[i32]| {
            self.nested[place].get_or_init(|| {
                let values = numbers(self.tree()).iter().map(|number| i64::from(*number));
                FieldColumn::Int { values: values.collect(), present: None }
            })
        };
        match source {
            Source::Column(place) => self.batch.columns.get(place).unwrap_or(&ABSENT_COLUMN),
            Source::TraceDuration => self.trace_duration.get_or_init(|| {
                let mut values = vec![0; self.batch.rows];
                let mut from = 0;
                for trace in &self.batch.traces {
                    let to = (trace.rows_end as usize).min(values.len());
                    values[from..to].fill(trace.end_ns.saturating_sub(trace.start_ns));
                    from = to;
                }
                FieldColumn::Int { values, present: None }
            }),
            Source::ChildCount => self.child_count.get_or_init(|| {
                let mut values = vec![0; self.batch.rows];
                for parent in self.parents() {
                    if *parent != NONE {
                        values[*parent as usize] += 1;
                    }
                }
                FieldColumn::Int { values, present: None }
            }),
            Source::NestedSetLeft => nested(0, |tree| &tree.left),
            Source::NestedSetRight => nested(1, |tree| &tree.right),
            Source::NestedSetParent => nested(2, |tree| &tree.parent),
        }
    }

    /// The value of a field on a row; of a repeated field the first that is there.
    pub(crate) fn value(&self, field: FieldRef, row: usize) -> Scalar<'_> {
        let row = match field.of_parent.then(|| self.parents()[row]) {
            None => row,
            Some(NONE) => return Scalar::Nil,
            Some(parent) => parent as usize,
        };
        read(self.column(field.source), field.reading, row)
    }
}

/// The value of a column on a row; of a repeated one the first that is there.
pub(crate) fn read(column: &FieldColumn, reading: Reading, row: usize) -> Scalar<'_> {
    let is_there = |present: &Option<Vec<bool>>| present.as_ref().is_none_or(|all| all[row]);
    let value = match column {
        FieldColumn::Absent => Scalar::Nil,
        FieldColumn::Int { values, present } if is_there(present) => read_int(values[row], reading),
        FieldColumn::Double { values, present } if is_there(present) => Scalar::Float(values[row]),
        FieldColumn::Bool { values, present } if is_there(present) => Scalar::Bool(values[row]),
        FieldColumn::Int { .. } | FieldColumn::Double { .. } | FieldColumn::Bool { .. } => {
            Scalar::Nil
        }
        FieldColumn::Text { keys, values } => match keys[row] {
            ABSENT => Scalar::Nil,
            key => Scalar::Text(values.get(key as usize)),
        },
        FieldColumn::Values(values) => read_value(&values[row], reading),
        FieldColumn::Repeated { ends, values } => elements(ends, row)
            .map(|element| read(values, reading, element))
            .find(|value| !value.is_nil())
            .unwrap_or(Scalar::Nil),
    };
    match (value, reading.absent_text()) {
        (Scalar::Nil, Some(text)) => Scalar::Text(text),
        (value, _) => value,
    }
}

fn read_int(value: i64, reading: Reading) -> Scalar<'static> {
    match reading {
        Reading::Duration => Scalar::Duration(value),
        Reading::Status => Scalar::Status(value),
        Reading::Kind => Scalar::Kind(value),
        Reading::Plain | Reading::EmptyText | Reading::NoSpanId => Scalar::Int(value),
    }
}

/// A value of a column that has several types.
pub(crate) fn read_value(value: &Value, reading: Reading) -> Scalar<'_> {
    match value {
        Value::Int(value) => read_int(*value, reading),
        other => Scalar::of_value(other),
    }
}

/// The text of a column that is not repeated on a row.
pub(crate) fn text(column: &FieldColumn, row: usize) -> Option<&str> {
    match column {
        FieldColumn::Text { keys, values } if keys[row] != ABSENT => {
            Some(values.get(keys[row] as usize))
        }
        FieldColumn::Values(values) => match &values[row] {
            Value::String(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// Places of a row's values in a repeated column.
pub(crate) fn elements(ends: &[u32], row: usize) -> std::ops::Range<usize> {
    let from = if row == 0 { 0 } else { ends[row - 1] as usize };
    from..ends[row] as usize
}

/// Whether a row has a value.
pub(crate) fn is_present(column: &FieldColumn, row: usize) -> bool {
    match column {
        FieldColumn::Absent => false,
        FieldColumn::Int { present, .. }
        | FieldColumn::Double { present, .. }
        | FieldColumn::Bool { present, .. } => present.as_ref().is_none_or(|all| all[row]),
        FieldColumn::Text { keys, .. } => keys[row] != ABSENT,
        FieldColumn::Values(values) => !matches!(values[row], Value::Empty),
        FieldColumn::Repeated { ends, values } => {
            elements(ends, row).any(|element| is_present(values, element))
        }
    }
}

/// Whether each row has a value.
pub(crate) fn present_mask(column: &FieldColumn, rows: usize) -> Vec<bool> {
    match column {
        FieldColumn::Absent => vec![false; rows],
        FieldColumn::Int { present, .. }
        | FieldColumn::Double { present, .. }
        | FieldColumn::Bool { present, .. } => present.clone().unwrap_or_else(|| vec![true; rows]),
        FieldColumn::Text { keys, .. } => keys.iter().map(|key| *key != ABSENT).collect(),
        FieldColumn::Values(_) | FieldColumn::Repeated { .. } => {
            (0..rows).map(|row| is_present(column, row)).collect()
        }
    }
}
