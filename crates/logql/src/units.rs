//! Texts that stand for values: escapes of strings, durations and sizes, as Go, Prometheus and
//! Loki read and write them.

use std::fmt::Write;

use crate::pipeline::number;

/// Nanoseconds of a duration as Prometheus writes them, such as `1h30m` or `1d`.
pub(crate) fn prometheus_duration(text: &str) -> Result<i64, String> {
    if text == "0" {
        return Ok(0);
    }
    watchkeep_promql::parse_duration(text).map(|millis| millis * 1_000_000)
}

/// Nanoseconds of a duration: Prometheus's (`1d`, `1h30m`) or else Go's (`-1.5h`, `10µs`).
pub fn duration(text: &str) -> Result<i64, String> {
    prometheus_duration(text).or_else(|_| number::parse_duration(text))
}

/// A size with a decimal unit and, below ten of it, one digit behind the point. The units are those
/// that queries have.
pub(crate) fn format_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    if bytes < 10 {
        return format!("{bytes}B");
    }
    let mut power = 0;
    while power < UNITS.len() - 1 && bytes >= 1000_u64.pow(power as u32 + 1) {
        power += 1;
    }
    let value = (bytes as f64 / 1000_f64.powi(power as i32) * 10.0 + 0.5).floor() / 10.0;
    let unit = UNITS[power];
    if value < 10.0 { format!("{value:.1}{unit}") } else { format!("{value:.0}{unit}") }
}

/// A duration as Go prints it: `1h0m0s`, `1.5s`, `100ms`.
pub(crate) fn format_go_duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let total = nanos.unsigned_abs();
    if total == 0 {
        return "0s".to_owned();
    }
    let (unit, name) = match total {
        0..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    if name != "s" {
        return format!("{sign}{}{name}", decimal(total, unit));
    }
    let (hours, minutes) = (total / 3_600_000_000_000, total / 60_000_000_000 % 60);
    let seconds = decimal(total % 60_000_000_000, unit);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// A fraction with as many digits as it needs; the unit is a power of ten.
fn decimal(value: u64, unit: u64) -> String {
    let (whole, rest) = (value / unit, value % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    let digits = format!("{rest:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

/// A duration as Prometheus prints it: `1h30m`, `1d`; below milliseconds is cut off.
pub(crate) fn format_prometheus_duration(nanos: i64) -> String {
    const UNITS: [(&str, u64, bool); 7] = [
        ("y", 365 * 24 * 3_600_000, true),
        ("w", 7 * 24 * 3_600_000, true),
        ("d", 24 * 3_600_000, false),
        ("h", 3_600_000, false),
        ("m", 60_000, false),
        ("s", 1_000, false),
        ("ms", 1, false),
    ];
    let mut rest = nanos.unsigned_abs() / 1_000_000;
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut out = if nanos < 0 { "-".to_owned() } else { String::new() };
    for (name, unit, only_whole) in UNITS {
        if rest >= unit && (!only_whole || rest.is_multiple_of(unit)) {
            let _infallible = write!(out, "{}{name}", rest / unit);
            rest %= unit;
        }
    }
    out
}

/// What the inside of a string in double quotes means, with the escapes of Go.
pub(crate) fn unescape(text: &str) -> Result<String, String> {
    const INVALID: &str = "invalid char escape";
    if !text.contains('\\') {
        return Ok(text.to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let c = chars.next().ok_or(INVALID)?;
        let mut number = |first: u32, digits: usize, radix: u32| {
            (0..digits).try_fold(first, |value, _| {
                let digit = chars.next()?.to_digit(radix)?;
                value.checked_mul(radix)?.checked_add(digit)
            })
        };
        match c {
            'a' => out.push(0x07),
            'b' => out.push(0x08),
            'f' => out.push(0x0c),
            'n' => out.push(b'\n'),
            'r' => out.push(b'\r'),
            't' => out.push(b'\t'),
            'v' => out.push(0x0b),
            '\\' | '"' => out.push(c as u8),
            'x' => out.push(number(0, 2, 16).ok_or(INVALID)? as u8),
            '0'..='7' => {
                let code = number(c.to_digit(8).unwrap_or_default(), 2, 8).ok_or(INVALID)?;
                out.push(u8::try_from(code).map_err(|_| "invalid syntax")?);
            }
            'u' | 'U' => {
                let code = number(0, if c == 'u' { 4 } else { 8 }, 16).ok_or(INVALID)?;
                let c = char::from_u32(code).ok_or("invalid syntax")?;
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return Err(INVALID.to_owned()),
        }
    }
    String::from_utf8(out).map_err(|_| format!("string \"{text}\" is not valid UTF-8"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_of_both_kinds_are_read() {
        let cases = [
            ("5m", Ok(300)),
            ("1h30m", Ok(5_400)),
            ("1d", Ok(86_400)),
            ("1w2d", Ok(9 * 86_400)),
            ("1y", Ok(365 * 86_400)),
            ("0", Ok(0)),
            ("-1h", Ok(-3_600)),
            ("2.5m", Ok(150)),
            ("30m1h", Ok(5_400)),
            ("-1d", Err(())),
            ("5", Err(())),
            ("", Err(())),
            ("1x", Err(())),
            ("999999999y", Err(())),
        ];
        for (text, expect) in cases {
            let expect = expect.map(|seconds: i64| seconds * 1_000_000_000);
            assert_eq!(duration(text).map_err(|_| ()), expect, "{text}");
        }
    }

    #[test]
    fn values_are_written_as_go_and_prometheus_write_them() {
        let hour = 3_600_000_000_000;
        for (nanos, go, prometheus) in [
            (0, "0s", "0s"),
            (1, "1ns", "0s"),
            (1_500, "1.5µs", "0s"),
            (2_000_000, "2ms", "2ms"),
            (1_500_000_000, "1.5s", "1s500ms"),
            (hour + 60_000_000_000, "1h1m0s", "1h1m"),
            (36 * hour, "36h0m0s", "1d12h"),
            (14 * 24 * hour, "336h0m0s", "2w"),
            (365 * 24 * hour, "8760h0m0s", "1y"),
            (-hour, "-1h0m0s", "-1h"),
        ] {
            assert_eq!(format_go_duration(nanos), go);
            assert_eq!(format_prometheus_duration(nanos), prometheus);
        }
        for (bytes, expect) in [
            (0, "0B"),
            (9, "9B"),
            (999, "999B"),
            (1_000, "1.0kB"),
            (5_120, "5.1kB"),
            (12_345_678, "12MB"),
            (2_000_000_000_000_000_000, "2000PB"),
        ] {
            assert_eq!(format_bytes(bytes), expect);
        }
    }

    proptest! {
        #[test]
        fn durations_are_read_as_they_were_written(nanos: i64, millis in 0..i64::MAX / 1_000_000) {
            prop_assert_eq!(duration(&format_go_duration(nanos)), Ok(nanos));
            let nanos = millis * 1_000_000;
            prop_assert_eq!(prometheus_duration(&format_prometheus_duration(nanos)), Ok(nanos));
        }
    }
}
