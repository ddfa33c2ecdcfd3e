//! Functions of numbers.

use watchkeep_gotemplate::Value;
use watchkeep_gotemplate::number::format_float;

use super::cast::to_float;
use super::decimal::Decimal;

/// An operation on decimals.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// Applies an operation from left to right, on decimals, so that 0.1 and 0.2 make 0.3.
pub(super) fn decimal(operation: Operation, args: &[Value]) -> Result<f64, String> {
    let Some((first, others)) = args.split_first() else { return Ok(0.0) };
    let mut result = to_decimal(first)?;
    for other in others {
        let other = to_decimal(other)?;
        result = match operation {
            Operation::Add => result.add(&other),
            Operation::Subtract => result.subtract(&other),
            Operation::Multiply => result.multiply(&other),
            Operation::Divide => result.divide(&other),
        }?;
    }
    Ok(result.to_float())
}

/// The sum of any number of numbers.
pub(super) fn sum(args: &[Value]) -> Result<f64, String> {
    decimal(Operation::Add, args)
}

fn to_decimal(value: &Value) -> Result<Decimal, String> {
    let number = to_float(value);
    Decimal::new(number)
        .ok_or_else(|| format!("Cannot create a Decimal from {}", format_float(number)))
}

/// Integer division.
pub(super) fn divide(left: i64, right: i64) -> Result<i64, String> {
    match right {
        0 => Err("runtime error: integer divide by zero".to_owned()),
        right => Ok(left.wrapping_div(right)),
    }
}

/// The remainder of integer division, with the sign of the dividend.
pub(super) fn remainder(left: i64, right: i64) -> Result<i64, String> {
    match right {
        0 => Err("runtime error: integer divide by zero".to_owned()),
        right => Ok(left.wrapping_rem(right)),
    }
}

/// Go's `math.Max`: NaN unless the other is +Inf.
pub(super) fn maximum(left: f64, right: f64) -> f64 {
    if left == f64::INFINITY || right == f64::INFINITY {
        return f64::INFINITY;
    }
    if left.is_nan() || right.is_nan() { f64::NAN } else { left.max(right) }
}

/// Go's `math.Min`: NaN unless the other is -Inf.
pub(super) fn minimum(left: f64, right: f64) -> f64 {
    if left == f64::NEG_INFINITY || right == f64::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    if left.is_nan() || right.is_nan() { f64::NAN } else { left.min(right) }
}

/// Rounds to `places` decimals: up where the rest is at least `round_on`.
pub(super) fn round(number: f64, places: i64, round_on: f64) -> f64 {
    let places = i32::try_from(places).unwrap_or(if places > 0 { i32::MAX } else { i32::MIN });
    let power = 10.0_f64.powi(places);
    let digits = power * number;
    let rounded = if digits.fract() >= round_on { digits.ceil() } else { digits.floor() };
    rounded / power
}
