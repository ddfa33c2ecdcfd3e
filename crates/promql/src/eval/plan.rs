//! What is to be evaluated: the syntax tree with its durations, `@` and query functions worked out
//! for one range of time, and the parts marked that are the same at every step.

use std::cell::Cell;

use watchkeep_model::Matcher;

use crate::ast::{
    AggregateOp, At, BinaryOp, Expr, ExprKind, Extension, Span, SubqueryExpr, TimeShift, ValueType,
    VectorMatching, VectorSelector,
};
use crate::eval::durations::{Times, resolve};
use crate::eval::error::EvalError;
use crate::quote::quote;

/// A part of a plan. Parentheses are gone.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Number(f64),
    Text(String),
    Negate(Box<Node>),
    Binary(Box<Binary>),
    Aggregate(Box<Aggregate>),
    Call(Box<Call>),
    Selector(Selector),
    Range(Range),
    Subquery(Box<Subquery>),
    /// Series that the caller of [`crate::algebra::evaluate`] gives, by their number.
    Given(usize),
    /// The same at every step: evaluated once.
    Invariant(Box<Node>),
}

#[derive(Debug)]
pub(crate) struct Binary {
    pub(crate) op: BinaryOp,
    pub(crate) lhs: Node,
    pub(crate) rhs: Node,
    pub(crate) return_bool: bool,
    pub(crate) matching: Option<VectorMatching>,
}

#[derive(Debug)]
pub(crate) struct Aggregate {
    pub(crate) op: AggregateOp,
    pub(crate) operand: Node,
    pub(crate) param: Option<Node>,
    /// Sorted.
    pub(crate) grouping: Vec<String>,
    pub(crate) without: bool,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: &'static str,
    pub(crate) returns: ValueType,
    pub(crate) args: Vec<Node>,
}

/// `offset` and `@` of a selector or subquery.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shift {
    pub(crate) offset_ms: i64,
    pub(crate) at_ms: Option<i64>,
}

impl Shift {
    /// The time that is looked at instead of `time_ms`.
    pub(crate) fn apply(self, time_ms: i64) -> i64 {
        self.at_ms.unwrap_or(time_ms).saturating_sub(self.offset_ms)
    }
}

#[derive(Debug)]
pub(crate) struct Selector {
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) shift: Shift,
    pub(crate) extension: Extension,
    /// Of histograms only count and sum are asked for.
    pub(crate) stats_only: bool,
}

#[derive(Debug)]
pub(crate) struct Range {
    pub(crate) selector: Selector,
    pub(crate) range_ms: i64,
}

#[derive(Debug)]
pub(crate) struct Subquery {
    pub(crate) inner: Node,
    pub(crate) range_ms: i64,
    /// `None` for the default.
    pub(crate) step_ms: Option<i64>,
    pub(crate) shift: Shift,
}

impl Node {
    /// What it evaluates to.
    pub(crate) fn value_type(&self) -> ValueType {
        match &self.kind {
            Kind::Number(_) => ValueType::Scalar,
            Kind::Text(_) => ValueType::String,
            Kind::Negate(inner) | Kind::Invariant(inner) => inner.value_type(),
            Kind::Binary(binary) => match (binary.lhs.value_type(), binary.rhs.value_type()) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
            Kind::Aggregate(_) | Kind::Selector(_) | Kind::Given(_) => ValueType::Vector,
            Kind::Call(call) => call.returns,
            Kind::Range(_) | Kind::Subquery(_) => ValueType::Matrix,
        }
    }

    fn invariant(self) -> Self {
        let span = self.span;
        Self { kind: Kind::Invariant(Box::new(self)), span }
    }

    fn invariant_if(self, wrap: bool) -> Self {
        if wrap { self.invariant() } else { self }
    }
}

/// Functions that depend on the step even where their arguments do not.
const STEP_DEPENDENT: [&str; 15] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "end",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
    "range",
    "start",
    "step",
    "time",
    "timestamp",
];

/// Functions that an anchored range can be given to.
const ANCHORED: [&str; 5] = ["changes", "delta", "increase", "rate", "resets"];
/// Functions that a smoothed range can be given to.
const SMOOTHED: [&str; 3] = ["delta", "increase", "rate"];

/// Works a tree out for the times of a query.
pub(crate) fn plan(expr: &Expr, times: &Times) -> Result<Node, EvalError> {
    let planned = Planner { times, buckets: Buckets::Unknown.into() }.node(expr)?;
    Ok(planned.node.invariant_if(planned.wrap))
}

struct Planner<'a> {
    times: &'a Times,
    /// What the functions around the node in hand need of histograms.
    buckets: Cell<Buckets>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Buckets {
    Unknown,
    Needed,
    /// Count and sum are enough.
    NotNeeded,
}

struct Planned {
    node: Node,
    /// Whether it is the same at every step.
    invariant: bool,
    /// Whether that is worth a mark: a number is cheap anyway, and ranges are looked at by step.
    wrap: bool,
}

impl Buckets {
    /// What is needed inside of an expression.
    fn inside(self, kind: &ExprKind) -> Self {
        match kind {
            _ if self == Self::Needed => self,
            ExprKind::Subquery(_) => Self::Needed,
            ExprKind::Binary(binary)
                if matches!(binary.op, BinaryOp::TrimUpper | BinaryOp::TrimLower) =>
            {
                Self::Needed
            }
            ExprKind::Call { function, .. } => match function.name {
                "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => Self::Needed,
                "histogram_count" | "histogram_sum" | "histogram_avg" => Self::NotNeeded,
                _ => self,
            },
            _ => self,
        }
    }
}

impl Planner<'_> {
    fn node(&self, expr: &Expr) -> Result<Planned, EvalError> {
        let span = expr.span;
        let done = |kind, invariant, wrap| Planned { node: Node { kind, span }, invariant, wrap };
        let around = self.buckets.get();
        self.buckets.set(around.inside(&expr.kind));
        let planned = self.kind(expr, done);
        self.buckets.set(around);
        planned
    }

    fn kind(
        &self,
        expr: &Expr,
        done: impl Fn(Kind, bool, bool) -> Planned,
    ) -> Result<Planned, EvalError> {
        Ok(match &expr.kind {
            ExprKind::Number { value, .. } => done(Kind::Number(*value), true, false),
            ExprKind::String(text) => done(Kind::Text(text.clone()), true, false),
            ExprKind::Paren(inner) => self.node(inner)?,
            ExprKind::Unary { negative, operand } => {
                let inner = self.node(operand)?;
                if *negative {
                    let kind = Kind::Negate(Box::new(inner.node));
                    done(kind, inner.invariant, inner.wrap)
                } else {
                    inner
                }
            }
            ExprKind::Binary(binary) => {
                let (lhs, rhs) = (self.node(&binary.lhs)?, self.node(&binary.rhs)?);
                let whole = lhs.invariant && rhs.invariant;
                let kind = Kind::Binary(Box::new(Binary {
                    op: binary.op,
                    lhs: lhs.node.invariant_if(!whole && lhs.wrap),
                    rhs: rhs.node.invariant_if(!whole && rhs.wrap),
                    return_bool: binary.return_bool,
                    matching: binary.matching.clone(),
                }));
                done(kind, whole, whole)
            }
            ExprKind::Aggregate(aggregate) => {
                let operand = self.node(&aggregate.operand)?;
                let param = match &aggregate.param {
                    Some(param) => Some(self.node(param)?.node),
                    None => None,
                };
                let mut grouping = aggregate.grouping.clone();
                grouping.sort();
                let kind = Kind::Aggregate(Box::new(Aggregate {
                    op: aggregate.op,
                    operand: operand.node,
                    param,
                    grouping,
                    without: aggregate.without,
                }));
                done(kind, operand.invariant, operand.wrap)
            }
            ExprKind::Call { function, args } => {
                self.call(expr.span, function.name, function.returns, args)?
            }
            ExprKind::VectorSelector(selector) => {
                let selector = self.selector(selector)?;
                let fixed = selector.shift.at_ms.is_some();
                done(Kind::Selector(selector), fixed, fixed)
            }
            ExprKind::MatrixSelector(matrix) => {
                let selector = self.selector(&matrix.selector)?;
                let range_ms = resolve(&matrix.range, false, self.times)?;
                let fixed = selector.shift.at_ms.is_some();
                done(Kind::Range(Range { selector, range_ms }), fixed, false)
            }
            ExprKind::Subquery(subquery) => {
                let subquery = self.subquery(subquery)?;
                let fixed = subquery.shift.at_ms.is_some();
                done(Kind::Subquery(Box::new(subquery)), fixed, false)
            }
        })
    }

    fn call(
        &self,
        span: Span,
        name: &'static str,
        returns: ValueType,
        args: &[Expr],
    ) -> Result<Planned, EvalError> {
        let done = |kind, invariant, wrap| Planned { node: Node { kind, span }, invariant, wrap };
        if let Some(value) = self.times.function(name) {
            // Known before the first step, but upstream does not treat it as the same at each.
            return Ok(done(Kind::Number(value), true, false));
        }
        let args = args.iter().map(|arg| self.node(arg)).collect::<Result<Vec<_>, _>>()?;
        for arg in &args {
            check_extension(name, &arg.node)?;
        }
        let all_invariant = args.iter().all(|arg| arg.invariant);
        let safe = !STEP_DEPENDENT.contains(&name)
            || name == "timestamp"
                && args.iter().all(|arg| matches!(arg.node.kind, Kind::Selector(_)));
        let whole = all_invariant && safe;
        let args = args.into_iter().map(|arg| arg.node.invariant_if(!whole && arg.wrap)).collect();
        Ok(done(Kind::Call(Box::new(Call { name, returns, args })), whole, whole))
    }

    fn subquery(&self, subquery: &SubqueryExpr) -> Result<Subquery, EvalError> {
        let shift = self.shift(&subquery.shift)?;
        let step_ms = match &subquery.step {
            Some(step) => Some(resolve(step, false, self.times)?).filter(|step| *step > 0),
            None => None,
        };
        let range_ms = resolve(&subquery.range, false, self.times)?;
        let inner = self.node(&subquery.inner)?;
        Ok(Subquery { inner: inner.node.invariant_if(inner.invariant), range_ms, step_ms, shift })
    }

    fn selector(&self, selector: &VectorSelector) -> Result<Selector, EvalError> {
        Ok(Selector {
            matchers: selector.matchers.clone(),
            shift: self.shift(&selector.shift)?,
            extension: selector.extension,
            stats_only: self.buckets.get() == Buckets::NotNeeded,
        })
    }

    fn shift(&self, shift: &TimeShift) -> Result<Shift, EvalError> {
        let offset_ms = match &shift.offset {
            Some(offset) => resolve(offset, true, self.times)?,
            None => 0,
        };
        let at_ms = shift.at.map(|at| match at {
            At::Millis(time_ms) => time_ms,
            At::Start => self.times.start_ms,
            At::End => self.times.end_ms,
        });
        Ok(Shift { offset_ms, at_ms })
    }
}

fn check_extension(name: &str, arg: &Node) -> Result<(), EvalError> {
    let Kind::Range(range) = &arg.kind else { return Ok(()) };
    let (word, allowed): (_, &[&str]) = match range.selector.extension {
        Extension::None => return Ok(()),
        Extension::Anchored => ("anchored", &ANCHORED),
        Extension::Smoothed => ("smoothed", &SMOOTHED),
    };
    if allowed.contains(&name) {
        return Ok(());
    }
    Err(EvalError::execution(format!(
        "{word} modifier can only be used with: {} - not with {name}",
        allowed.join(", ")
    )))
}

/// The type as users know it.
pub(crate) fn documented(value_type: ValueType) -> String {
    quote(match value_type {
        ValueType::Scalar => "scalar",
        ValueType::String => "string",
        ValueType::Vector => "instant vector",
        ValueType::Matrix => "range vector",
    })
}
