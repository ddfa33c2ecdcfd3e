//! Numbers of the exposition formats: read as Go's `strconv.ParseFloat` reads them (without the
//! hexadecimal and underscored forms, which the formats exclude), written in Go's shortest form.

use std::fmt::Write as _;

/// The NaN that every NaN of an exposition becomes, so that none is mistaken for a stale marker
/// (Prometheus `value.NormalNaN`).
const NORMAL_NAN: u64 = 0x7ff8_0000_0000_0001;

/// Reads a number; `None` where the text is none or lies out of the range of a double.
pub(super) fn parse_float(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let value: f64 = text.parse().ok()?;
    if value.is_finite() {
        return Some(value);
    }
    if value.is_nan() {
        // Go knows no signed NaN.
        let signed = text.starts_with(['+', '-']);
        return (!signed).then(|| f64::from_bits(NORMAL_NAN));
    }
    // An infinity that was not asked for by name is a number out of range.
    text.contains(['i', 'I']).then_some(value)
}

/// Reads a timestamp in seconds as milliseconds, cut towards zero; `None` where it is no finite
/// number.
pub(super) fn parse_seconds(text: &[u8]) -> Option<i64> {
    parse_float(text).filter(|seconds| seconds.is_finite()).map(seconds_to_ms)
}

/// Seconds to milliseconds, cut towards zero and held to what fits. What differs from a whole
/// millisecond only by the precision of a double is that millisecond.
pub(super) fn seconds_to_ms(seconds: f64) -> i64 {
    const PRECISION_MS: f64 = 0.001;
    let ms = seconds * 1000.0;
    let whole = ms.round();
    (if (ms - whole).abs() < PRECISION_MS { whole } else { ms }) as i64
}

/// Appends a number in its shortest form as Go's `strconv.FormatFloat(value, 'g', -1, 64)` does:
/// with an exponent below 1e-4 and from 1e+06.
pub(super) fn write_float(value: f64, out: &mut String) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        write_finite(value, out);
    }
}

/// Appends a number as OpenMetrics writes bounds and quantiles: whole ones with `.0`.
pub(super) fn write_openmetrics_float(value: f64, out: &mut String) {
    let start = out.len();
    write_float(value, out);
    let whole = out.get(start..).is_some_and(|text| !text.contains(['.', 'e', 'N', 'I']));
    if whole {
        out.push_str(".0");
    }
}

fn write_finite(value: f64, out: &mut String) {
    const INFALLIBLE: &str = "writing to a string does not fail";
    if value == 0.0 {
        out.push_str(if value.is_sign_negative() { "-0" } else { "0" });
        return;
    }
    let magnitude = value.abs();
    // Shortest digits with an exponent; the exponent decides which form is used.
    if (1e-4..1e6).contains(&magnitude) {
        write!(out, "{value}").expect(INFALLIBLE);
        return;
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    write!(out, "{digits}e{sign}{:02}", exponent.unsigned_abs()).expect(INFALLIBLE);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        let good: [(&str, f64); 14] = [
            ("1", 1.0),
            ("+1", 1.0),
            ("-1.5", -1.5),
            ("1.", 1.0),
            (".5", 0.5),
            ("1e3", 1000.0),
            ("1E-3", 0.001),
            ("Inf", f64::INFINITY),
            ("+inf", f64::INFINITY),
            ("-Inf", f64::NEG_INFINITY),
            ("INFINITY", f64::INFINITY),
            ("4.9351e-05", 4.9351e-05),
            ("1e-400", 0.0),
            ("18446744073709551616", 18_446_744_073_709_551_616.0),
        ];
        for (text, expect) in good {
            assert_eq!(parse_float(text.as_bytes()), Some(expect), "{text}");
        }
        for text in ["NaN", "nan", "NAN"] {
            let value = parse_float(text.as_bytes()).unwrap();
            assert_eq!(value.to_bits(), NORMAL_NAN, "{text}");
        }
        let bad = [
            "", "true", "1_2", "0x1p-3", "0x10", "1e400", "+NaN", "-nan", "1 ", ".", "e", "\u{fc}",
        ];
        for text in bad {
            assert_eq!(parse_float(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_float(b"\xff"), None);
    }

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        let cases = [
            (0.0, "0", "0.0"),
            (-0.0, "-0", "-0.0"),
            (1.0, "1", "1.0"),
            (-1.0, "-1", "-1.0"),
            (0.25, "0.25", "0.25"),
            (123_456.0, "123456", "123456.0"),
            (999_999.0, "999999", "999999.0"),
            (1e6, "1e+06", "1e+06"),
            (1_234_567.0, "1.234567e+06", "1.234567e+06"),
            (0.0001, "0.0001", "0.0001"),
            (0.00001, "1e-05", "1e-05"),
            (4.9351e-05, "4.9351e-05", "4.9351e-05"),
            (1e100, "1e+100", "1e+100"),
            (f64::INFINITY, "+Inf", "+Inf"),
            (f64::NEG_INFINITY, "-Inf", "-Inf"),
            (f64::NAN, "NaN", "NaN"),
        ];
        for (value, plain, openmetrics) in cases {
            let (mut a, mut b) = (String::new(), String::new());
            write_float(value, &mut a);
            write_openmetrics_float(value, &mut b);
            assert_eq!((&*a, &*b), (plain, openmetrics));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value: f64) {
            let mut text = String::new();
            write_float(value, &mut text);
            let back = parse_float(text.as_bytes()).unwrap();
            prop_assert!(back == value || back.is_nan() && value.is_nan(), "{} {}", text, back);
        }
    }
}
