//! A comparison of a column with a constant: the verdict on every row in one pass.

use watchkeep_model::attributes::Value;
use watchkeep_model::column::Utf8Column;
use watchkeep_model::regex::Pattern;
use watchkeep_model::span_query::{ABSENT, FieldColumn};

use super::rows::{elements, read_value};
use super::scalar::{Scalar, compare, holds, matches};
use crate::ast::{BinaryOp, Static};
use crate::plan::Reading;

/// `column op constant`.
#[derive(Debug, Clone)]
pub(crate) struct Test {
    op: BinaryOp,
    constant: Static,
    /// The compiled constant of `=~` and `!~`.
    pattern: Option<Pattern>,
}

impl Test {
    pub(crate) fn new(op: BinaryOp, constant: Static, pattern: Option<Pattern>) -> Self {
        Self { op, constant, pattern }
    }

    /// The verdict on a value.
    pub(crate) fn holds(&self, value: Scalar<'_>) -> bool {
        match &self.pattern {
            Some(pattern) => matches(value, pattern, self.op == BinaryOp::NotRegex),
            None => compare(self.op, value, Scalar::of_static(&self.constant)),
        }
    }

    fn text_holds(&self, text: &str) -> bool {
        self.holds(Scalar::Text(text))
    }

    /// The verdict on each row; of a repeated column whether it holds of one of the row's values.
    pub(crate) fn rows(&self, column: &FieldColumn, reading: Reading, rows: usize) -> Vec<bool> {
        let FieldColumn::Repeated { ends, values } = column else {
            return self.single(column, reading, rows);
        };
        let verdicts = self.single(values, reading, ends.last().map_or(0, |end| *end as usize));
        any_element(ends, &verdicts)
    }

    /// The verdict on each value of a column that is not repeated.
    pub(crate) fn single(&self, column: &FieldColumn, reading: Reading, rows: usize) -> Vec<bool> {
        let absent = reading.absent_text().is_some_and(|text| self.text_holds(text));
        let mut verdicts = match column {
            FieldColumn::Absent | FieldColumn::Repeated { .. } => vec![absent; rows],
            FieldColumn::Int { values, .. } => self.ints(values, reading),
            FieldColumn::Double { values, .. } => self.doubles(values),
            FieldColumn::Bool { values, .. } => {
                let (of_true, of_false) =
                    (self.holds(Scalar::Bool(true)), self.holds(Scalar::Bool(false)));
                values.iter().map(|value| if *value { of_true } else { of_false }).collect()
            }
            FieldColumn::Text { keys, values } => self.texts(keys, values, absent),
            FieldColumn::Values(values) => {
                let verdict = |value: &Value| match (value, reading.absent_text()) {
                    (Value::Empty, Some(_)) => absent,
                    _ => self.holds(read_value(value, reading)),
                };
                values.iter().map(verdict).collect()
            }
        };
        if let FieldColumn::Int { present: Some(present), .. }
        | FieldColumn::Double { present: Some(present), .. }
        | FieldColumn::Bool { present: Some(present), .. } = column
        {
            verdicts.iter_mut().zip(present).for_each(|(verdict, there)| *verdict &= *there);
        }
        verdicts
    }

    fn ints(&self, values: &[i64], reading: Reading) -> Vec<bool> {
        match (reading, &self.constant) {
            (Reading::Status, _) => self.codes(values, Scalar::Status),
            (Reading::Kind, _) => self.codes(values, Scalar::Kind),
            _ if self.pattern.is_some() => vec![false; values.len()],
            (_, Static::Int(constant) | Static::Duration(constant)) => {
                numbers(self.op, values, *constant, |value| *value)
            }
            (_, Static::Float(constant)) => {
                numbers(self.op, values, *constant, |value| *value as f64)
            }
            _ => vec![false; values.len()],
        }
    }

    /// Statuses and kinds: few are known.
    fn codes(&self, values: &[i64], scalar: impl Fn(i64) -> Scalar<'static>) -> Vec<bool> {
        let known: [bool; 8] = std::array::from_fn(|code| self.holds(scalar(code as i64)));
        let verdict = |code: &i64| {
            let known = usize::try_from(*code).ok().and_then(|code| known.get(code).copied());
            known.unwrap_or_else(|| self.holds(scalar(*code)))
        };
        values.iter().map(verdict).collect()
    }

    fn doubles(&self, values: &[f64]) -> Vec<bool> {
        match Scalar::of_static(&self.constant).number() {
            Some(constant) if self.pattern.is_none() => {
                numbers(self.op, values, constant, |value| *value)
            }
            _ => vec![false; values.len()],
        }
    }

    /// Texts are looked at once each, unless there are more of them than rows.
    fn texts(&self, keys: &[u32], values: &Utf8Column, absent: bool) -> Vec<bool> {
        if values.len() > keys.len() {
            let verdict = |key: &u32| match *key {
                ABSENT => absent,
                key => self.text_holds(values.get(key as usize)),
            };
            return keys.iter().map(verdict).collect();
        }
        let of_text: Vec<bool> = values.iter().map(|text| self.text_holds(text)).collect();
        keys.iter()
            .map(|key| if *key == ABSENT { absent } else { of_text[*key as usize] })
            .collect()
    }
}

/// Compares each value with a constant; the loop knows the operator.
fn numbers<V, N: PartialOrd + Copy>(
    op: BinaryOp,
    values: &[V],
    constant: N,
    number: impl Fn(&V) -> N + Copy,
) -> Vec<bool> {
    fn each<V>(values: &[V], test: impl Fn(&V) -> bool) -> Vec<bool> {
        values.iter().map(test).collect()
    }
    match op {
        BinaryOp::Eq => each(values, |value| number(value) == constant),
        BinaryOp::Ne => each(values, |value| number(value) != constant),
        BinaryOp::Lt => each(values, |value| number(value) < constant),
        BinaryOp::Le => each(values, |value| number(value) <= constant),
        BinaryOp::Gt => each(values, |value| number(value) > constant),
        BinaryOp::Ge => each(values, |value| number(value) >= constant),
        other => each(values, |value| holds(other, number(value).partial_cmp(&constant))),
    }
}

/// Whether the verdict on one of a row's values is yes.
pub(crate) fn any_element(ends: &[u32], verdicts: &[bool]) -> Vec<bool> {
    (0..ends.len()).map(|row| verdicts[elements(ends, row)].contains(&true)).collect()
}
