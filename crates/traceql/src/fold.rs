//! Arithmetic, comparison and logic on constants.

use std::cmp::Ordering;

use watchkeep_model::regex::Pattern;

use crate::ast::{BinaryOp, Static, UnaryOp};
use crate::types;

/// What an operator makes of two constants; none where it does not take their types or has no
/// result, such as for a division of integers by zero.
pub(crate) fn binary(op: BinaryOp, left: &Static, right: &Static) -> Option<Static> {
    let (of_left, of_right) = (types::of_static(left), types::of_static(right));
    if !of_left.matches(of_right) || !of_left.takes(op) || !of_right.takes(op) {
        return None;
    }
    match (left, right) {
        (Static::Int(left), Static::Int(right)) => integers(op, *left, *right),
        (Static::Text(left), Static::Text(right)) => texts(op, left, right).map(Static::Bool),
        (Static::Bool(left), Static::Bool(right)) => Some(Static::Bool(match op {
            BinaryOp::And => *left && *right,
            BinaryOp::Or => *left || *right,
            BinaryOp::Eq => left == right,
            _ => left != right,
        })),
        _ => match (number(left), number(right)) {
            (Some(left), Some(right)) => floats(op, left, right),
            _ => match op {
                BinaryOp::Eq => Some(Static::Bool(left == right)),
                BinaryOp::Ne => Some(Static::Bool(left != right)),
                _ => None,
            },
        },
    }
}

/// What an operator makes of a constant; none where it does not take its type.
pub(crate) fn unary(op: UnaryOp, of: &Static) -> Option<Static> {
    Some(match (op, of) {
        (UnaryOp::Not, Static::Bool(value)) => Static::Bool(!value),
        (UnaryOp::Minus, Static::Int(value)) => Static::Int(value.wrapping_neg()),
        (UnaryOp::Minus, Static::Float(value)) => Static::Float(-value),
        (UnaryOp::Minus, Static::Duration(value)) => Static::Duration(value.wrapping_neg()),
        _ => return None,
    })
}

/// The constant as a float; durations in nanoseconds.
pub(crate) fn number(of: &Static) -> Option<f64> {
    match of {
        Static::Int(value) | Static::Duration(value) => Some(*value as f64),
        Static::Float(value) => Some(*value),
        _ => None,
    }
}

fn ordered(op: BinaryOp, order: Option<Ordering>) -> Option<bool> {
    Some(match op {
        BinaryOp::Eq => order == Some(Ordering::Equal),
        BinaryOp::Ne => order != Some(Ordering::Equal),
        BinaryOp::Lt => order == Some(Ordering::Less),
        BinaryOp::Le => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        BinaryOp::Gt => order == Some(Ordering::Greater),
        BinaryOp::Ge => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        _ => return None,
    })
}

fn integers(op: BinaryOp, left: i64, right: i64) -> Option<Static> {
    Some(Static::Int(match op {
        BinaryOp::Add => left.wrapping_add(right),
        BinaryOp::Sub => left.wrapping_sub(right),
        BinaryOp::Mul => left.wrapping_mul(right),
        BinaryOp::Div if right != 0 => left.wrapping_div(right),
        BinaryOp::Mod if right != 0 => left.wrapping_rem(right),
        BinaryOp::Pow => (left as f64).powf(right as f64) as i64,
        _ => return ordered(op, Some(left.cmp(&right))).map(Static::Bool),
    }))
}

fn floats(op: BinaryOp, left: f64, right: f64) -> Option<Static> {
    Some(Static::Float(match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div => left / right,
        BinaryOp::Mod => left % right,
        BinaryOp::Pow => left.powf(right),
        _ => return ordered(op, left.partial_cmp(&right)).map(Static::Bool),
    }))
}

fn texts(op: BinaryOp, left: &str, right: &str) -> Option<bool> {
    match op {
        BinaryOp::Regex => Some(Pattern::anchored(right).ok()?.is_match(left)),
        BinaryOp::NotRegex => Some(!Pattern::anchored(right).ok()?.is_match(left)),
        _ => ordered(op, Some(left.cmp(right))),
    }
}
