//! `eq`, `ne`, `lt`, `le`, `gt` and `ge`: as in Go, only values of one kind compare.

use std::cmp::Ordering;

use crate::Value;
use crate::print::write_default;

const INCOMPATIBLE: &str = "incompatible types for comparison";

/// Whether the first value equals any of the others.
pub(crate) fn equals_any(values: &[Value]) -> Result<bool, String> {
    let [first, others @ ..] = values else {
        return Err("missing argument for comparison".to_owned());
    };
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in others {
        if equals(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether two values are equal.
pub(crate) fn equals(left: &Value, right: &Value) -> Result<bool, String> {
    match (left, right) {
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        (Value::Float(left), Value::Float(right)) => Ok(left == right),
        (Value::String(left), Value::String(right)) => Ok(left == right),
        _ => match (left.as_int(), right.as_int()) {
            (Some(left), Some(right)) => Ok(left == right),
            (None, None) if !is_basic(left) && !is_basic(right) => {
                Err(format!("non-comparable type {}: {}", shown(right), right.type_name()))
            }
            _ => Err(INCOMPATIBLE.to_owned()),
        },
    }
}

fn is_basic(value: &Value) -> bool {
    matches!(
        value,
        Value::Bool(_) | Value::Int(_) | Value::Int64(_) | Value::Float(_) | Value::String(_)
    )
}

fn shown(value: &Value) -> String {
    let mut out = String::new();
    write_default(&mut out, value);
    out
}

/// The order of two values; `None` where a NaN has none.
pub(crate) fn order(left: &Value, right: &Value) -> Result<Option<Ordering>, String> {
    const NO_ORDER: &str = "invalid type for comparison";
    if !is_basic(left) || !is_basic(right) {
        return Err(NO_ORDER.to_owned());
    }
    match (left, right) {
        (Value::Bool(_), Value::Bool(_)) => Err(NO_ORDER.to_owned()),
        (Value::Float(left), Value::Float(right)) => Ok(left.partial_cmp(right)),
        (Value::String(left), Value::String(right)) => Ok(Some(left.cmp(right))),
        _ => match (left.as_int(), right.as_int()) {
            (Some(left), Some(right)) => Ok(Some(left.cmp(&right))),
            _ => Err(INCOMPATIBLE.to_owned()),
        },
    }
}
