//! Duration expressions, worked out once the times of the query are known. (Prometheus
//! documentation, "Querying basics", "Duration expressions".)

use crate::ast::{BinaryOp, Duration, DurationExpr, DurationExprKind};
use crate::eval::error::{EvalError, Result};

/// First and last step of a query, and the distance of steps; 0 for an instant query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) step_ms: i64,
}

/// Seconds that a duration of nanoseconds in 64 bits can hold.
const SECONDS_MAX: f64 = 9_223_372_036.854_775;

impl Times {
    /// The value of `start()`, `end()`, `range()` and `step()`, in seconds.
    pub(crate) fn function(&self, name: &str) -> Option<f64> {
        let millis = match name {
            "start" => self.start_ms,
            "end" => self.end_ms,
            "range" => self.end_ms - self.start_ms,
            "step" if self.start_ms == self.end_ms => 0,
            "step" => self.step_ms,
            _ => return None,
        };
        Some(millis as f64 / 1000.0)
    }
}

/// A duration in milliseconds. One that is not positive is an error unless `may_be_negative`.
pub(crate) fn resolve(duration: &Duration, may_be_negative: bool, times: &Times) -> Result<i64> {
    let expr = match duration {
        Duration::Millis(millis) => return Ok(*millis),
        Duration::Expr(expr) => expr,
    };
    let seconds = evaluate(expr, times)?;
    if !seconds.is_finite() {
        return Err(at(expr, "duration is NaN or infinite"));
    }
    if seconds <= 0.0 && !may_be_negative {
        return Err(at(expr, "duration must be greater than 0"));
    }
    if seconds.abs() > SECONDS_MAX {
        return Err(at(expr, "duration is out of range"));
    }
    Ok((seconds * 1000.0) as i64)
}

fn evaluate(expr: &DurationExpr, times: &Times) -> Result<f64> {
    let both = |operands: &[DurationExpr; 2]| -> Result<(f64, f64)> {
        Ok((evaluate(&operands[0], times)?, evaluate(&operands[1], times)?))
    };
    Ok(match &expr.kind {
        DurationExprKind::Number { value, .. } => *value,
        DurationExprKind::Step => times.step_ms as f64 / 1000.0,
        DurationExprKind::Range => (times.end_ms - times.start_ms) as f64 / 1000.0,
        DurationExprKind::MinOf(operands) => {
            let (a, b) = both(operands)?;
            min_of(a, b)
        }
        DurationExprKind::MaxOf(operands) => {
            let (a, b) = both(operands)?;
            max_of(a, b)
        }
        DurationExprKind::Unary { negative, operand } => {
            let value = evaluate(operand, times)?;
            if *negative { -value } else { value }
        }
        DurationExprKind::Paren(inner) => evaluate(inner, times)?,
        DurationExprKind::Binary { op, operands } => {
            let (a, b) = both(operands)?;
            match op {
                BinaryOp::Add => a + b,
                BinaryOp::Sub => a - b,
                BinaryOp::Mul => a * b,
                BinaryOp::Div if b == 0.0 => return Err(at(expr, "division by zero")),
                BinaryOp::Div => a / b,
                BinaryOp::Mod if b == 0.0 => return Err(at(expr, "modulo by zero")),
                BinaryOp::Mod => a % b,
                BinaryOp::Pow => a.powf(b),
                _ => return Err(at(expr, "unexpected duration expression operator")),
            }
        }
    })
}

fn at(expr: &DurationExpr, message: &str) -> EvalError {
    EvalError::Invalid(format!("{}:{}: {message}", expr.span.start, expr.span.end))
}

/// The smaller of two numbers; NaN where one is, unlike [`f64::min`].
pub(crate) fn min_of(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY {
        f64::NEG_INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.min(b)
    }
}

/// The larger of two numbers; NaN where one is, unlike [`f64::max`].
pub(crate) fn max_of(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}
