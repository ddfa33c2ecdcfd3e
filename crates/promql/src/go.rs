//! Durations and escapes as Go reads and writes them, since the query languages promise Go's forms,
//! with Go's words for what is wrong.

use crate::quote::quote;

/// Reads a duration like `1h30m` or `-1.5s`, in nanoseconds.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    // The smallest duration has no positive counterpart.
    let limit = i64::MAX as u64 + 1;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (whole, after) = take_digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => take_digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let unit_end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quote(text)));
        }
        let unit_ns = unit_nanoseconds(unit).ok_or_else(|| {
            format!("time: unknown unit {} in duration {}", quote(unit), quote(text))
        })?;
        let part = nanoseconds(whole, fraction, unit_ns).ok_or_else(invalid)?;
        total = total.checked_add(part).filter(|sum| *sum <= limit).ok_or_else(invalid)?;
        rest = after;
    }
    if negative {
        return Ok((total as i64).wrapping_neg());
    }
    i64::try_from(total).map_err(|_| invalid())
}

fn take_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn unit_nanoseconds(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

fn nanoseconds(whole: &str, fraction: &str, unit_ns: u64) -> Option<u64> {
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut scale = 1.0;
    let mut part = 0_u64;
    for digit in fraction.bytes() {
        // Digits beyond what fits do not count.
        let Some(longer) =
            part.checked_mul(10).and_then(|part| part.checked_add(u64::from(digit - b'0')))
        else {
            break;
        };
        if longer > i64::MAX as u64 {
            break;
        }
        part = longer;
        scale *= 10.0;
    }
    let part = (part as f64 * (unit_ns as f64 / scale)) as u64;
    whole.checked_mul(unit_ns)?.checked_add(part)
}

/// A duration as Go prints it: `1h0m0s`, `1.5s`, `100ms`.
pub fn format_duration(nanos: i64) -> String {
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

/// What the inside of a string in double quotes means, with the escapes of Go.
pub fn unescape(text: &str) -> Result<String, String> {
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
    fn durations_are_read_as_go_reads_them() {
        let cases = [
            ("0", Ok(0)),
            ("1h30m", Ok(5_400_000_000_000)),
            ("-1.5s", Ok(-1_500_000_000)),
            (".5ms", Ok(500_000)),
            ("1.s", Ok(1_000_000_000)),
            ("3\u{b5}s", Ok(3_000)),
            ("-9223372036854775808ns", Ok(i64::MIN)),
            ("9223372036854775808ns", Err("time: invalid duration \"9223372036854775808ns\"")),
            ("", Err("time: invalid duration \"\"")),
            ("5", Err("time: missing unit in duration \"5\"")),
            ("5d", Err("time: unknown unit \"d\" in duration \"5d\"")),
            (".s", Err("time: invalid duration \".s\"")),
            ("3000000h", Err("time: invalid duration \"3000000h\"")),
        ];
        for (text, expect) in cases {
            assert_eq!(parse_duration(text), expect.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (nanos, expect) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5\u{b5}s"),
            (2_000_000, "2ms"),
            (1_500_000_000, "1.5s"),
            (3_660_000_000_000, "1h1m0s"),
            (-3_600_000_000_000, "-1h0m0s"),
        ] {
            assert_eq!(format_duration(nanos), expect);
        }
    }

    #[test]
    fn escapes_are_read_as_go_reads_them() {
        for (text, expect) in [
            ("plain", Some("plain")),
            (r#"\n\t\"\\"#, Some("\n\t\"\\")),
            (r"\x41\101\u00e4\U0001f600", Some("AA\u{e4}\u{1f600}")),
            (r"\q", None),
            (r"\x4", None),
            (r"\xff", None),
            (r"\ud800", None),
            (r"\", None),
        ] {
            assert_eq!(unescape(text).ok().as_deref(), expect, "{text}");
        }
    }

    proptest! {
        #[test]
        fn durations_are_read_as_they_were_written(nanos: i64) {
            prop_assert_eq!(parse_duration(&format_duration(nanos)), Ok(nanos));
        }

        #[test]
        fn no_text_panics(text in "[-+_.,0-9a-zA-Z\u{b5}\\\\ ]{0,12}") {
            let _ = (parse_duration(&text), unescape(&text));
        }
    }
}
