//! Tests of spans, decided on columns.

use watchkeep_model::span_query::ABSENT;
use watchkeep_model::{
    CompareOp, FieldColumn, Pattern, Result, SpanField, SpanLiteral, SpanTest, Value,
};

use crate::block::{Decision, RowSet};

/// What is asked of one field.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FieldTest<'a> {
    /// A comparison with a constant.
    Compare(CompareOp, &'a SpanLiteral),
    /// A text that matches.
    Matches(&'a Pattern),
    /// A value.
    Exists,
}

/// What is known of a condition on a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    No,
    Perhaps,
    Yes,
}

impl From<bool> for Known {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl FieldTest<'_> {
    /// Of a text.
    pub(crate) fn text(&self, text: &str) -> Known {
        match self {
            Self::Compare(op, SpanLiteral::Text(value)) => op.holds(text, value.as_str()).into(),
            Self::Matches(pattern) => pattern.is_match(text).into(),
            Self::Compare(..) => Known::Perhaps,
            Self::Exists => Known::Yes,
        }
    }

    /// Of a whole number.
    pub(crate) fn int(&self, number: i64) -> Known {
        match self {
            Self::Compare(op, SpanLiteral::Int(value)) => op.holds(&number, value).into(),
            #[expect(clippy::cast_precision_loss, reason = "as comparisons of mixed types are")]
            Self::Compare(op, SpanLiteral::Double(value)) => {
                op.holds(&(number as f64), value).into()
            }
            Self::Exists => Known::Yes,
            Self::Compare(..) | Self::Matches(_) => Known::Perhaps,
        }
    }

    /// Of a float.
    pub(crate) fn double(&self, number: f64) -> Known {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "as comparisons of mixed types are")]
            Self::Compare(op, SpanLiteral::Int(value)) => {
                op.holds(&number, &(*value as f64)).into()
            }
            Self::Compare(op, SpanLiteral::Double(value)) => op.holds(&number, value).into(),
            Self::Exists => Known::Yes,
            Self::Compare(..) | Self::Matches(_) => Known::Perhaps,
        }
    }

    /// Of a truth value.
    pub(crate) fn bool(&self, truth: bool) -> Known {
        match self {
            Self::Compare(op, SpanLiteral::Bool(value)) => op.holds(&truth, value).into(),
            Self::Exists => Known::Yes,
            Self::Compare(..) | Self::Matches(_) => Known::Perhaps,
        }
    }

    fn value(&self, value: &Value) -> Known {
        match value {
            Value::Empty => Known::No,
            Value::String(text) => self.text(text),
            Value::Bool(value) => self.bool(*value),
            Value::Int(value) => self.int(*value),
            Value::Double(value) => self.double(*value),
            Value::Bytes(_) | Value::Array(_) | Value::Map(_) => match self {
                Self::Exists => Known::Yes,
                Self::Compare(..) | Self::Matches(_) => Known::Perhaps,
            },
        }
    }

    /// Of each row of a column.
    fn of_column(&self, column: &FieldColumn, see: &mut dyn FnMut(usize, Known)) {
        fn is_there(present: Option<&Vec<bool>>, row: usize) -> bool {
            present.is_none_or(|there| there[row])
        }
        match column {
            FieldColumn::Absent => {}
            FieldColumn::Int { values, present } => {
                for (row, value) in values.iter().enumerate() {
                    if is_there(present.as_ref(), row) {
                        see(row, self.int(*value));
                    }
                }
            }
            FieldColumn::Double { values, present } => {
                for (row, value) in values.iter().enumerate() {
                    if is_there(present.as_ref(), row) {
                        see(row, self.double(*value));
                    }
                }
            }
            FieldColumn::Bool { values, present } => {
                for (row, value) in values.iter().enumerate() {
                    if is_there(present.as_ref(), row) {
                        see(row, self.bool(*value));
                    }
                }
            }
            FieldColumn::Text { keys, values } => {
                let mut known: Vec<Option<Known>> = vec![None; values.len()];
                for (row, key) in keys.iter().enumerate().filter(|(_, key)| **key != ABSENT) {
                    let key = *key as usize;
                    see(row, *known[key].get_or_insert_with(|| self.text(values.get(key))));
                }
            }
            FieldColumn::Values(values) => {
                values.iter().enumerate().for_each(|(row, value)| see(row, self.value(value)));
            }
            FieldColumn::Repeated { ends, values } => {
                let mut row = 0;
                self.of_column(values, &mut |at, known| {
                    while ends.get(row).is_some_and(|end| *end as usize <= at) {
                        row += 1;
                    }
                    // That one of several values is as asked does not say which one is meant.
                    let is_certain = matches!(self, Self::Exists) || known == Known::No;
                    see(row, if is_certain { known } else { Known::Perhaps });
                });
            }
        }
    }

    /// Of the candidates, of which the column tells in their order.
    fn decide(&self, column: &FieldColumn, candidates: &RowSet, rows: &[u32]) -> Decision {
        let none = || RowSet::none(candidates.rows());
        let mut decision = Decision { yes: none(), unknown: none() };
        self.of_column(column, &mut |at, known| match known {
            Known::No => {}
            Known::Perhaps => decision.unknown.insert(rows[at] as usize),
            Known::Yes => decision.yes.insert(rows[at] as usize),
        });
        decision
    }
}

/// Decides a test on candidates, of which `column` gives a field.
pub(crate) fn decide(
    test: &SpanTest,
    candidates: &RowSet,
    column: &dyn Fn(&SpanField, &[u32]) -> Result<FieldColumn>,
) -> Result<Decision> {
    let on_field = |field: &SpanField, test: FieldTest<'_>| {
        if field.needs_trace() {
            return Ok(Decision::unknown(candidates));
        }
        let rows: Vec<u32> = candidates.iter().map(|row| row as u32).collect();
        Ok(test.decide(&column(field, &rows)?, candidates, &rows))
    };
    match test {
        SpanTest::And(tests) => {
            Decision::all(tests, candidates, |test, rows| decide(test, rows, column))
        }
        SpanTest::Or(tests) => {
            Decision::any(tests, candidates, |test, rows| decide(test, rows, column))
        }
        SpanTest::Not(test) => Ok(decide(test, candidates, column)?.not(candidates)),
        SpanTest::Compare { field, op, value } => on_field(field, FieldTest::Compare(*op, value)),
        SpanTest::Matches { field, pattern } => on_field(field, FieldTest::Matches(pattern)),
        SpanTest::Exists(field) => on_field(field, FieldTest::Exists),
        SpanTest::Unknown => Ok(Decision::unknown(candidates)),
    }
}
