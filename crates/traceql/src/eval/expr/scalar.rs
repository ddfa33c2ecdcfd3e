//! A value that an expression has on one span, and what operators make of two.
//!
//! Operators are total: what Tempo refuses while it evaluates (the negation of a text, a division by
//! zero, two arrays) has the value nil here, and no comparison with nil holds.

use std::cmp::Ordering;

use watchkeep_model::attributes::Value;
use watchkeep_model::regex::Pattern;

use crate::ast::{BinaryOp, Kind, Static, Status};

/// A value, borrowed from a batch or a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// There is none.
    Nil,
    /// A whole number.
    Int(i64),
    /// A float.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// A truth value.
    Bool(bool),
    /// Nanoseconds.
    Duration(i64),
    /// OTLP's number of a status.
    Status(i64),
    /// OTLP's number of a kind.
    Kind(i64),
    /// Two or more values of one type.
    List(&'a [Value]),
}

/// OTLP's number of a status (`Status.StatusCode`).
pub fn status_code(status: Status) -> i64 {
    match status {
        Status::Unset => 0,
        Status::Ok => 1,
        Status::Error => 2,
    }
}

/// OTLP's number of a kind (`Span.SpanKind`).
pub fn kind_code(kind: Kind) -> i64 {
    match kind {
        Kind::Unspecified => 0,
        Kind::Internal => 1,
        Kind::Server => 2,
        Kind::Client => 3,
        Kind::Producer => 4,
        Kind::Consumer => 5,
    }
}

impl<'a> Scalar<'a> {
    /// A constant of a query.
    pub fn of_static(constant: &'a Static) -> Self {
        match constant {
            Static::Nil => Self::Nil,
            Static::Int(value) => Self::Int(*value),
            Static::Float(value) => Self::Float(*value),
            Static::Text(text) => Self::Text(text),
            Static::Bool(value) => Self::Bool(*value),
            Static::Duration(value) => Self::Duration(*value),
            Static::Status(status) => Self::Status(status_code(*status)),
            Static::Kind(kind) => Self::Kind(kind_code(*kind)),
        }
    }

    /// An attribute. An array of one value is that value; an array of several types, an empty one,
    /// bytes and maps are nothing that a query can say something about.
    pub fn of_value(value: &'a Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text),
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Double(value) => Self::Float(*value),
            Value::Empty | Value::Bytes(_) | Value::Map(_) => Self::Nil,
            Value::Array(items) => match items.as_slice() {
                [] => Self::Nil,
                [only] => Self::of_item(only),
                [first, rest @ ..] => {
                    let comparable = Self::of_item(first) != Self::Nil;
                    let same = rest.iter().all(|item| item.kind() == first.kind());
                    if comparable && same { Self::List(items) } else { Self::Nil }
                }
            },
        }
    }

    /// A value of an array; arrays in arrays are nothing.
    fn of_item(item: &'a Value) -> Self {
        match item {
            Value::Array(_) => Self::Nil,
            other => Self::of_value(other),
        }
    }

    /// Whether there is no value.
    pub fn is_nil(self) -> bool {
        self == Self::Nil
    }

    /// A number as a float, a duration in nanoseconds.
    pub fn number(self) -> Option<f64> {
        match self {
            Self::Int(value) | Self::Duration(value) => Some(value as f64),
            Self::Float(value) => Some(value),
            _ => None,
        }
    }

    fn whole(self) -> Option<i64> {
        match self {
            Self::Int(value) | Self::Duration(value) => Some(value),
            _ => None,
        }
    }
}

/// Whether an order is what a comparison asks for. `None` for what can not be ordered (NaN).
pub(crate) fn holds(op: BinaryOp, order: Option<Ordering>) -> bool {
    match op {
        BinaryOp::Eq => order == Some(Ordering::Equal),
        BinaryOp::Ne => order != Some(Ordering::Equal),
        BinaryOp::Lt => order == Some(Ordering::Less),
        BinaryOp::Le => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        BinaryOp::Gt => order == Some(Ordering::Greater),
        BinaryOp::Ge => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        _ => false,
    }
}

/// The comparison that holds of `(b, a)` where `op` holds of `(a, b)`.
pub(crate) fn flipped(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Lt => BinaryOp::Gt,
        BinaryOp::Le => BinaryOp::Ge,
        BinaryOp::Gt => BinaryOp::Lt,
        BinaryOp::Ge => BinaryOp::Le,
        other => other,
    }
}

/// Whether a comparison holds. Of values that can not be compared none does, `!=` neither.
///
/// Of an array some value has to fulfil it; for `!=` every value.
pub fn compare(op: BinaryOp, left: Scalar<'_>, right: Scalar<'_>) -> bool {
    match (left, right) {
        (Scalar::List(_), Scalar::List(_)) => false,
        (Scalar::List(items), one) => {
            some_or_every(items, op == BinaryOp::Ne, |item| compare_single(op, item, one))
        }
        (one, Scalar::List(items)) => {
            some_or_every(items, op == BinaryOp::Ne, |item| compare_single(op, one, item))
        }
        (left, right) => compare_single(op, left, right),
    }
}

fn some_or_every(items: &[Value], every: bool, test: impl Fn(Scalar<'_>) -> bool) -> bool {
    let mut scalars = items.iter().map(Scalar::of_item);
    if every { scalars.all(test) } else { scalars.any(test) }
}

fn compare_single(op: BinaryOp, left: Scalar<'_>, right: Scalar<'_>) -> bool {
    if let (Some(left), Some(right)) = (left.whole(), right.whole()) {
        return holds(op, Some(left.cmp(&right)));
    }
    if let (Some(left), Some(right)) = (left.number(), right.number()) {
        return holds(op, left.partial_cmp(&right));
    }
    let only_equal = matches!(op, BinaryOp::Eq | BinaryOp::Ne);
    match (left, right) {
        (Scalar::Text(left), Scalar::Text(right)) => holds(op, Some(left.cmp(right))),
        (Scalar::Bool(left), Scalar::Bool(right)) => {
            only_equal && holds(op, Some(left.cmp(&right)))
        }
        (Scalar::Status(left), Scalar::Status(right))
        | (Scalar::Kind(left), Scalar::Kind(right)) => {
            only_equal && holds(op, Some(left.cmp(&right)))
        }
        _ => false,
    }
}

/// Whether a text matches, or with `negated` does not. Of an array some text has to match; with
/// `negated` none may. What is no text neither matches nor does not.
pub fn matches(value: Scalar<'_>, pattern: &Pattern, negated: bool) -> bool {
    match value {
        Scalar::Text(text) => pattern.is_match(text) != negated,
        Scalar::List(items) => some_or_every(items, negated, |item| match item {
            Scalar::Text(text) => pattern.is_match(text) != negated,
            _ => false,
        }),
        _ => false,
    }
}

/// What arithmetic makes of two values: whole numbers stay whole, everything else becomes a float
/// (of durations: nanoseconds).
pub fn arithmetic(op: BinaryOp, left: Scalar<'_>, right: Scalar<'_>) -> Scalar<'static> {
    if let (Scalar::Int(left), Scalar::Int(right)) = (left, right) {
        return whole_arithmetic(op, left, right);
    }
    let (Some(left), Some(right)) = (left.number(), right.number()) else {
        return Scalar::Nil;
    };
    Scalar::Float(match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div => left / right,
        BinaryOp::Mod => left % right,
        BinaryOp::Pow => left.powf(right),
        _ => return Scalar::Nil,
    })
}

fn whole_arithmetic(op: BinaryOp, left: i64, right: i64) -> Scalar<'static> {
    let value = match op {
        BinaryOp::Add => Some(left.wrapping_add(right)),
        BinaryOp::Sub => Some(left.wrapping_sub(right)),
        BinaryOp::Mul => Some(left.wrapping_mul(right)),
        BinaryOp::Div => (right != 0).then(|| left.wrapping_div(right)),
        BinaryOp::Mod => (right != 0).then(|| left.wrapping_rem(right)),
        BinaryOp::Pow => Some((left as f64).powf(right as f64) as i64),
        _ => None,
    };
    value.map_or(Scalar::Nil, Scalar::Int)
}

/// The negated number.
pub fn negated(value: Scalar<'_>) -> Scalar<'static> {
    match value {
        Scalar::Int(value) => Scalar::Int(value.wrapping_neg()),
        Scalar::Duration(value) => Scalar::Duration(value.wrapping_neg()),
        Scalar::Float(value) => Scalar::Float(-value),
        _ => Scalar::Nil,
    }
}
