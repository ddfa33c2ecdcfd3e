//! Numbers as Go writes them with `%g`, which is what labels and remarks hold.

/// As Go's `%g`: the shortest digits that give the number back, with an exponent where it is large.
pub(crate) fn general(value: f64) -> String {
    if let Some(text) = special(value) {
        return text.to_owned();
    }
    let (digits, exponent) = split(&format!("{value:e}"));
    layout(value.is_sign_negative(), &digits, exponent, 6)
}

/// As Go's `%.Ng` for N digits.
pub(crate) fn general_digits(value: f64, precision: usize) -> String {
    if let Some(text) = special(value) {
        return text.to_owned();
    }
    let (digits, exponent) = split(&format!("{value:.*e}", precision.max(1) - 1));
    let digits = match digits.trim_end_matches('0') {
        "" => "0",
        digits => digits,
    };
    let whole = usize::try_from(exponent + 1).unwrap_or(0);
    let limit =
        if precision > digits.len() && digits.len() >= whole { digits.len() } else { precision };
    layout(value.is_sign_negative(), digits, exponent, limit)
}

/// As a label's value in the OpenMetrics format: with `.0` after a whole number.
pub(crate) fn open_metrics(value: f64) -> String {
    let mut text = general(value);
    if value.is_finite() && !text.contains(['.', 'e']) {
        text.push_str(".0");
    }
    text
}

fn special(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value == f64::INFINITY {
        Some("+Inf")
    } else if value == f64::NEG_INFINITY {
        Some("-Inf")
    } else {
        None
    }
}

/// Digits without the point, and the exponent of the first, of Rust's scientific notation.
fn split(scientific: &str) -> (String, i32) {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let digits = mantissa.chars().filter(char::is_ascii_digit).collect();
    (digits, exponent.parse().unwrap_or(0))
}

/// Writes an exponent where it is under -4 or at least `limit`.
fn layout(negative: bool, digits: &str, exponent: i32, limit: usize) -> String {
    let sign = if negative { "-" } else { "" };
    if exponent < -4 || usize::try_from(exponent).is_ok_and(|exponent| exponent >= limit) {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{first}{point}{rest}e{exponent_sign}{:02}", exponent.abs());
    }
    match usize::try_from(exponent + 1) {
        Ok(whole) if whole >= digits.len() => {
            format!("{sign}{digits}{}", "0".repeat(whole - digits.len()))
        }
        Ok(whole) if whole > 0 => format!("{sign}{}.{}", &digits[..whole], &digits[whole..]),
        _ => format!("{sign}0.{}{digits}", "0".repeat((-exponent - 1).unsigned_abs() as usize)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (value, expect) in [
            (0.0, "0"),
            (-0.5, "-0.5"),
            (123_456.0, "123456"),
            (1_234_567.0, "1.234567e+06"),
            (1e6, "1e+06"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
            (1.1, "1.1"),
            (10.25, "10.25"),
        ] {
            assert_eq!(general(value), expect);
        }
        for (value, expect) in [(1.234, "1.2"), (0.5, "0.5"), (123.0, "1.2e+02"), (10.0, "10")] {
            assert_eq!(general_digits(value, 2), expect);
        }
        assert_eq!(open_metrics(5.0), "5.0");
        assert_eq!(open_metrics(0.95), "0.95");
    }
}
