//! Numbers that sets of spans have: `count()`, `avg(duration)`, and arithmetic on them.

use watchkeep_model::attributes::Value;

use super::error::{EvalError, Result};
use super::expr::rows::Rows;
use super::expr::scalar::{Scalar, arithmetic, compare};
use super::expr::{Elements, Expr};
use super::label;
use super::spanset::{Compiler, Set, Steps, Trace};
use crate::ast::{AggregateFunction, BinaryOp, ScalarExpr, ScalarFilter, Static};

/// `avg(duration) > 2s`.
#[derive(Debug)]
pub(crate) struct Filter {
    op: BinaryOp,
    left: Number,
    right: Number,
}

#[derive(Debug)]
enum Number {
    Constant(Static),
    Aggregate(Aggregate),
    Binary(BinaryOp, Box<Number>, Box<Number>),
    /// The aggregate of what a pipeline of its own makes of the set.
    Pipeline(Box<Steps>, Aggregate),
}

#[derive(Debug)]
struct Aggregate {
    function: AggregateFunction,
    /// None for `count()`.
    of: Option<Expr>,
    label: String,
}

impl Filter {
    pub(crate) fn new(filter: &ScalarFilter, compiler: &mut Compiler<'_>) -> Result<Self> {
        Ok(Self {
            op: filter.op,
            left: Number::new(&filter.left, compiler)?,
            right: Number::new(&filter.right, compiler)?,
        })
    }

    /// The set with the numbers that were reckoned, where the comparison holds.
    pub(crate) fn keep(&self, trace: &Trace<'_>, mut set: Set) -> Result<Option<Set>> {
        let mut told = Vec::new();
        let Some(left) = self.left.of_set(trace, &set, &mut told)? else { return Ok(None) };
        let Some(right) = self.right.of_set(trace, &set, &mut told)? else { return Ok(None) };
        if !compare(self.op, left, right) {
            return Ok(None);
        }
        set.attributes.extend(told);
        Ok(Some(set))
    }
}

impl Number {
    fn new(number: &ScalarExpr, compiler: &mut Compiler<'_>) -> Result<Self> {
        Ok(match number {
            ScalarExpr::Static(constant) => Self::Constant(constant.clone()),
            ScalarExpr::Aggregate { .. } => Self::Aggregate(Aggregate::new(number, compiler)?),
            ScalarExpr::Binary { op, left, right } => Self::Binary(
                *op,
                Box::new(Self::new(left, compiler)?),
                Box::new(Self::new(right, compiler)?),
            ),
            ScalarExpr::Pipeline { pipeline, aggregate } => {
                let steps = Steps::new(pipeline, compiler)?;
                Self::Pipeline(Box::new(steps), Aggregate::new(aggregate, compiler)?)
            }
        })
    }

    /// `None` where no span of the set has a number.
    fn of_set(
        &self,
        trace: &Trace<'_>,
        set: &Set,
        told: &mut Vec<(String, Value)>,
    ) -> Result<Option<Scalar<'_>>> {
        Ok(match self {
            Self::Constant(constant) => Some(Scalar::of_static(constant)),
            Self::Aggregate(aggregate) => {
                let number = aggregate.of_rows(trace.rows, &set.spans);
                if let Some(number) = number {
                    told.push((aggregate.label.clone(), label::value(number)));
                }
                number
            }
            Self::Binary(op, left, right) => {
                let (Some(left), Some(right)) =
                    (left.of_set(trace, set, told)?, right.of_set(trace, set, told)?)
                else {
                    return Ok(None);
                };
                Some(arithmetic(*op, left, right))
            }
            Self::Pipeline(steps, aggregate) => {
                let sets = steps.run(trace, vec![set.clone()])?;
                let spans: Vec<u32> = sets.into_iter().flat_map(|set| set.spans).collect();
                aggregate.of_rows(trace.rows, &spans)
            }
        })
    }
}

impl Aggregate {
    fn new(number: &ScalarExpr, compiler: &mut Compiler<'_>) -> Result<Self> {
        let ScalarExpr::Aggregate { function, of } = number else {
            return Err(EvalError::Invalid(format!("{number} is no aggregate")));
        };
        let of = of.as_ref().map(|of| Expr::new(of, Elements::Any, compiler.fields)).transpose()?;
        Ok(Self { function: *function, of, label: number.to_string() })
    }

    /// Spans without a number are passed over.
    fn of_rows(&self, rows: &Rows<'_>, spans: &[u32]) -> Option<Scalar<'static>> {
        let Some(of) = &self.of else {
            return Some(Scalar::Int(spans.len() as i64));
        };
        let numbers = spans.iter().filter_map(|row| owned(of.value(rows, *row as usize)));
        match self.function {
            AggregateFunction::Count => Some(Scalar::Int(spans.len() as i64)),
            AggregateFunction::Min => {
                numbers.reduce(
                    |least, next| {
                        if compare(BinaryOp::Lt, next, least) { next } else { least }
                    },
                )
            }
            AggregateFunction::Max => {
                numbers.reduce(
                    |greatest, next| {
                        if compare(BinaryOp::Gt, next, greatest) { next } else { greatest }
                    },
                )
            }
            AggregateFunction::Sum => numbers.reduce(add),
            AggregateFunction::Avg => {
                let mut count = 0_i64;
                let sum = numbers.inspect(|_| count += 1).reduce(add)?;
                Some(match sum {
                    Scalar::Duration(sum) => Scalar::Duration(sum / count),
                    other => Scalar::Float(other.number()? / count as f64),
                })
            }
        }
    }
}

/// The value where it is a number.
fn owned(value: Scalar<'_>) -> Option<Scalar<'static>> {
    match value {
        Scalar::Int(value) => Some(Scalar::Int(value)),
        Scalar::Float(value) => Some(Scalar::Float(value)),
        Scalar::Duration(value) => Some(Scalar::Duration(value)),
        _ => None,
    }
}

/// Whole numbers and durations stay what they are; different types become a float.
fn add(left: Scalar<'static>, right: Scalar<'static>) -> Scalar<'static> {
    match (left, right) {
        (Scalar::Duration(left), Scalar::Duration(right)) => {
            Scalar::Duration(left.saturating_add(right))
        }
        (left, right) => arithmetic(BinaryOp::Add, left, right),
    }
}
