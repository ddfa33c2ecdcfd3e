//! From any value to a number, as the functions on numbers read their arguments: what cannot be
//! read is zero.

use watchkeep_gotemplate::Value;
use watchkeep_gotemplate::number::{parse_float, parse_int};

/// An integer: of texts those that Go's `strconv.ParseInt` takes with any base, or a decimal
/// number, whose fraction is dropped.
pub(super) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(number) | Value::Int64(number) => *number,
        Value::Float(number) => float_to_int(*number),
        Value::Bool(truth) => i64::from(*truth),
        Value::String(text) => parse_int(without_fraction(text)).unwrap_or(0),
        _ => 0,
    }
}

/// As amd64 converts: what does not fit becomes the least integer.
fn float_to_int(number: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&number) { number as i64 } else { i64::MIN }
}

/// The part before the decimal point of a plain decimal number.
fn without_fraction(text: &str) -> &str {
    let Some((whole, fraction)) = text.split_once('.') else { return text };
    let digits = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match is_plain(digits) && is_plain(fraction) {
        true if digits.is_empty() => "0",
        true => whole,
        false => text,
    }
}

/// A float.
pub(super) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Int(number) | Value::Int64(number) => *number as f64,
        Value::Float(number) => *number,
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        Value::String(text) => parse_float(text).unwrap_or(0.0),
        _ => 0.0,
    }
}
