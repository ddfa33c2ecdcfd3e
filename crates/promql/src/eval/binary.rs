//! Binary operators. Two vectors are joined once by the labels that have to match; what each pair of
//! series gives is then worked out for all steps.

use std::sync::Arc;

use watchkeep_model::Labels;
use watchkeep_model::histogram::ResetHint;

use crate::algebra::Dialect;
use crate::ast::{BinaryOp, Cardinality, Span, ValueType, VectorMatching};
use crate::eval::error::{EvalError, Result};
use crate::eval::hist::Operation;
use crate::eval::plan::Binary;
use crate::eval::series::{ABSENT, Cell, Column, Hist, Series, is_absent};
use crate::eval::{Evaluator, Frame, Sink};
use crate::histogram::{self, Keep};

impl BinaryOp {
    /// Whether the result is of another kind than the operands, so that the name goes.
    pub(crate) fn changes_meaning(self) -> bool {
        matches!(
            self,
            Self::Add | Self::Sub | Self::Mul | Self::Div | Self::Mod | Self::Pow | Self::Atan2
        )
    }
}

/// An operator between two scalars.
pub(crate) fn scalars(op: BinaryOp, a: f64, b: f64) -> f64 {
    match compared(op, a, b) {
        Some(holds) => f64::from(u8::from(holds)),
        None => arithmetic(op, a, b).unwrap_or(f64::NAN),
    }
}

fn compared(op: BinaryOp, a: f64, b: f64) -> Option<bool> {
    Some(match op {
        BinaryOp::Eq => a == b,
        BinaryOp::Ne => a != b,
        BinaryOp::Lt => a < b,
        BinaryOp::Le => a <= b,
        BinaryOp::Gt => a > b,
        BinaryOp::Ge => a >= b,
        _ => return None,
    })
}

fn arithmetic(op: BinaryOp, a: f64, b: f64) -> Option<f64> {
    Some(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Atan2 => a.atan2(b),
        _ => return None,
    })
}

/// One side of an operator at one step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operand<'a> {
    Float(f64),
    Histogram(&'a Hist),
}

/// An operator, and where it was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operator {
    pub(crate) op: BinaryOp,
    pub(crate) return_bool: bool,
    pub(crate) span: Span,
    pub(crate) dialect: Dialect,
}

impl Operator {
    #[inline]
    fn arithmetic(&self, a: f64, b: f64) -> Option<f64> {
        if b == 0.0 && self.op == BinaryOp::Div && self.dialect == Dialect::LogQl {
            return Some(f64::NAN);
        }
        arithmetic(self.op, a, b)
    }

    /// The value of a pair; `None` where there is none. The flag tells whether a comparison holds;
    /// the value then is that of the left side.
    pub(crate) fn apply(
        &self,
        evaluator: &Evaluator<'_>,
        a: Operand<'_>,
        b: Operand<'_>,
    ) -> Option<(Cell, bool)> {
        let op = self.op;
        match (a, b) {
            (Operand::Float(a), Operand::Float(b)) => {
                if let Some(holds) = compared(op, a, b) {
                    return Some((Cell::Float(a), holds));
                }
                match self.arithmetic(a, b) {
                    Some(value) => Some((Cell::Float(value), true)),
                    None => self.incompatible(evaluator, "float", "float"),
                }
            }
            (Operand::Float(factor), Operand::Histogram(histogram)) => match op {
                BinaryOp::Mul => Some((product(histogram, factor), true)),
                _ => self.incompatible(evaluator, "float", "histogram"),
            },
            (Operand::Histogram(histogram), Operand::Float(number)) => {
                let mut changed = (**histogram).clone();
                match op {
                    BinaryOp::Mul => return Some((product(histogram, number), true)),
                    BinaryOp::Div => {
                        histogram::divide(&mut changed, number);
                        changed.compact(0);
                    }
                    BinaryOp::TrimUpper => histogram::trim(&mut changed, number, Keep::Below),
                    BinaryOp::TrimLower => histogram::trim(&mut changed, number, Keep::Above),
                    _ => return self.incompatible(evaluator, "histogram", "float"),
                }
                Some((Cell::Histogram(Arc::new(changed)), true))
            }
            (Operand::Histogram(a), Operand::Histogram(b)) => match op {
                BinaryOp::Add | BinaryOp::Sub => self.combined(evaluator, a, b),
                BinaryOp::Eq => Some((Cell::Histogram(Arc::clone(a)), a.same_data(b))),
                BinaryOp::Ne => Some((Cell::Histogram(Arc::clone(a)), !a.same_data(b))),
                _ => self.incompatible(evaluator, "histogram", "histogram"),
            },
        }
    }

    fn combined(&self, evaluator: &Evaluator<'_>, a: &Hist, b: &Hist) -> Option<(Cell, bool)> {
        let mut result = (**a).clone();
        let (operation, combined) = if self.op == BinaryOp::Add {
            (Operation::Addition, histogram::add(&mut result, b))
        } else {
            (Operation::Subtraction, histogram::subtract(&mut result, b))
        };
        let Ok(remarks) = combined else {
            let op = self.op.symbol();
            evaluator.warn(
                format!("incompatible bucket layout encountered for binary operator {op}"),
                self.span,
            );
            return None;
        };
        if operation == Operation::Subtraction {
            result.reset_hint = ResetHint::Gauge;
        }
        if remarks.bounds_reconciled {
            evaluator.info_reconciled(operation, self.span);
        }
        if remarks.reset_collision {
            evaluator.warn_reset_collision(operation, self.span);
            // Upstream takes the remark for a failure and gives no value.
            return None;
        }
        result.compact(0);
        Some((Cell::Histogram(Arc::new(result)), true))
    }

    fn incompatible(
        &self,
        evaluator: &Evaluator<'_>,
        left: &str,
        right: &str,
    ) -> Option<(Cell, bool)> {
        let op = self.op.symbol();
        evaluator.info(
            format!(
                "incompatible sample types encountered for binary operator \"{op}\": {left} {op} \
                 {right}"
            ),
            self.span,
        );
        None
    }

    /// What stays of a value: with `bool` whether the comparison holds, else the value if it does.
    pub(crate) fn keep(&self, found: Option<(Cell, bool)>) -> Option<Cell> {
        let (cell, holds) = found?;
        if self.return_bool {
            Some(Cell::Float(f64::from(u8::from(holds))))
        } else {
            holds.then_some(cell)
        }
    }
}

fn product(histogram: &Hist, factor: f64) -> Cell {
    let mut product = (**histogram).clone();
    histogram::multiply(&mut product, factor);
    product.compact(0);
    Cell::Histogram(Arc::new(product))
}

/// The value of a column at a step.
pub(crate) fn operand(column: &Column, step: usize) -> Option<Operand<'_>> {
    let value = column.floats[step];
    if is_absent(value) {
        column.histogram(step).map(Operand::Histogram)
    } else {
        Some(Operand::Float(value))
    }
}

impl Evaluator<'_> {
    pub(crate) fn each_binary(
        &self,
        node: &Binary,
        span: Span,
        frame: Frame,
        sink: Sink<'_>,
    ) -> Result<()> {
        let dialect = self.dialect;
        let operation = Operator { op: node.op, return_bool: node.return_bool, span, dialect };
        match (node.lhs.value_type(), node.rhs.value_type()) {
            (ValueType::Vector, ValueType::Scalar) => {
                let scalar = self.scalar(&node.rhs, frame)?;
                self.each(&node.lhs, frame, &mut |series| {
                    sink(self.with_scalar(operation, series, &scalar, false))
                })
            }
            (ValueType::Scalar, ValueType::Vector) => {
                let scalar = self.scalar(&node.lhs, frame)?;
                self.each(&node.rhs, frame, &mut |series| {
                    sink(self.with_scalar(operation, series, &scalar, true))
                })
            }
            (ValueType::Vector, ValueType::Vector) => {
                let default = VectorMatching {
                    cardinality: Cardinality::OneToOne,
                    is_on: false,
                    labels: Vec::new(),
                    include: Vec::new(),
                    fill_left: None,
                    fill_right: None,
                };
                let matching = node.matching.as_ref().unwrap_or(&default);
                let lhs = self.vector(&node.lhs, frame)?;
                let rhs = self.vector(&node.rhs, frame)?;
                let held: u64 = lhs.iter().chain(&rhs).map(|series| series.column.samples()).sum();
                let series = match node.op {
                    BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => {
                        super::sets::combine(node.op, matching, lhs, rhs, frame, dialect)?
                    }
                    _ => self.joined(operation, matching, lhs, rhs, frame)?,
                };
                self.release(held);
                series.into_iter().try_for_each(sink)
            }
            _ => Err(EvalError::execution("the operands have the wrong types")),
        }
    }

    fn with_scalar(
        &self,
        operation: Operator,
        mut series: Series,
        scalar: &[f64],
        scalar_first: bool,
    ) -> Series {
        let op = operation.op;
        series.drop_name |= op.changes_meaning() || operation.return_bool;
        if series.column.histograms.is_none()
            && !matches!(op, BinaryOp::TrimLower | BinaryOp::TrimUpper)
        {
            let column = &mut series.column.floats;
            for (value, scalar) in column.iter_mut().zip(scalar) {
                if !is_absent(*value) {
                    *value = number_with_scalar(operation, *value, *scalar, scalar_first);
                }
            }
            return series;
        }
        for (step, scalar) in scalar.iter().enumerate() {
            let Some(vector) = operand(&series.column, step) else { continue };
            let scalar = Operand::Float(*scalar);
            let (a, b) = if scalar_first { (scalar, vector) } else { (vector, scalar) };
            let mut found = operation.apply(self, a, b);
            // A comparison gives the vector's value, on whichever side it is.
            if let (true, Some((cell, _)), Operand::Float(value)) =
                (scalar_first && op.is_comparison(), &mut found, vector)
            {
                *cell = Cell::Float(value);
            }
            let kept = operation.keep(found);
            series.column.clear(step);
            if let Some(cell) = kept {
                series.column.set(step, cell);
            }
        }
        series
    }
}

#[inline]
fn number_with_scalar(operation: Operator, value: f64, scalar: f64, scalar_first: bool) -> f64 {
    let (a, b) = if scalar_first { (scalar, value) } else { (value, scalar) };
    match compared(operation.op, a, b) {
        Some(holds) if operation.return_bool => f64::from(u8::from(holds)),
        Some(holds) => {
            if holds {
                value
            } else {
                ABSENT
            }
        }
        None => operation.arithmetic(a, b).unwrap_or(ABSENT),
    }
}

/// The bytes that two series must have in common to match.
pub(crate) fn signature(labels: &Labels, matching: &VectorMatching, out: &mut Vec<u8>) {
    out.clear();
    let listed = |name: &[u8]| matching.labels.iter().any(|label| label.as_bytes() == name);
    if matching.is_on {
        labels.write_kept(listed, out);
    } else {
        labels.write_kept(|name| name != b"__name__" && !listed(name), out);
    }
}

/// The labels of a signature.
pub(crate) fn matched_labels(labels: &Labels, matching: &VectorMatching) -> Labels {
    let listed = |name: &[u8]| matching.labels.iter().any(|label| label.as_bytes() == name);
    if matching.is_on {
        labels.kept(listed)
    } else {
        labels.kept(|name| name != b"__name__" && !listed(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_compare_to_one_or_zero() {
        for (op, expect) in [
            (BinaryOp::Lt, 1.0),
            (BinaryOp::Ge, 0.0),
            (BinaryOp::Pow, 8.0),
            (BinaryOp::Mod, 2.0),
            (BinaryOp::Ne, 1.0),
        ] {
            assert_eq!(scalars(op, 2.0, 3.0), expect, "{}", op.symbol());
        }
    }
}
