//! Texts with units: sizes, durations, and times counted from 1970.

use std::fmt::Write;

use watchkeep_gotemplate::number::{parse_float, quote};

use super::time::Time;

/// Factors by unit of size, lower case.
const SIZES: [(&str, f64); 7] =
    [("", 1.0), ("k", 1e3), ("m", 1e6), ("g", 1e9), ("t", 1e12), ("p", 1e15), ("e", 1e18)];

fn size_of_unit(unit: &str) -> Option<f64> {
    if unit == "b" {
        return Some(1.0);
    }
    let stem = unit.strip_suffix('b').unwrap_or(unit);
    if let Some(binary) = stem.strip_suffix('i') {
        let power = SIZES.iter().position(|(name, _)| *name == binary && !binary.is_empty())?;
        return Some(1024.0_f64.powi(power as i32));
    }
    SIZES.iter().find(|(name, _)| *name == stem).map(|(_, factor)| *factor)
}

/// A size such as `1.5 MiB` or `1,024kb` in bytes, without fractions of one.
pub(super) fn bytes(text: &str) -> Result<f64, String> {
    let unit_at = text.find(|c: char| !(c.is_numeric() || matches!(c, '.' | ',')));
    let (number, unit) = text.split_at(unit_at.unwrap_or(text.len()));
    let number = number.replace(',', "");
    let value = parse_float(&number)
        .ok_or_else(|| format!("strconv.ParseFloat: parsing {}: invalid syntax", quote(&number)))?;
    let unit = unit.trim().to_lowercase();
    let factor = size_of_unit(&unit).ok_or_else(|| format!("unhandled size name: {unit}"))?;
    let size = value * factor;
    if size >= u64::MAX as f64 {
        return Err(format!("too large: {text}"));
    }
    Ok(size as u64 as f64)
}

/// A duration of Go such as `1h2m3.5s` in seconds.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    let nanos = nanoseconds(text)?;
    let whole = nanos / 1_000_000_000;
    let rest = nanos % 1_000_000_000;
    Ok(whole as f64 + rest as f64 / 1e9)
}

/// Go's `time.ParseDuration`.
fn nanoseconds(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", time_quote(text));
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (whole, after) = split_digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => split_digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let unit_end = after.find(|c: char| c == '.' || c.is_ascii_digit());
        let (unit, after) = after.split_at(unit_end.unwrap_or(after.len()));
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", time_quote(text)));
        }
        let scale = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000_u64,
            _ => {
                let unit = time_quote(unit);
                return Err(format!("time: unknown unit {unit} in duration {}", time_quote(text)));
            }
        };
        let whole = if whole.is_empty() { Ok(0) } else { whole.parse::<u64>() };
        let part = whole.ok().and_then(|whole| whole.checked_mul(scale)).ok_or_else(invalid)?;
        total = total
            .checked_add(part)
            .and_then(|total| total.checked_add(fraction_of(fraction, scale)))
            .filter(|total| *total <= 1 << 63)
            .ok_or_else(invalid)?;
        rest = after;
    }
    if negative {
        return Ok((total as i64).wrapping_neg());
    }
    i64::try_from(total).map_err(|_| invalid())
}

/// A text as the errors of Go's `time` quote it: what is not printable ASCII byte by byte.
fn time_quote(text: &str) -> String {
    let mut out = String::from('"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', byte as char]),
            b' '..=b'~' | 0x7f => out.push(byte as char),
            byte => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push('"');
    out
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// The fraction with these decimals of a unit, as Go computes it: digits beyond what an integer
/// holds are dropped, and the product is a float.
fn fraction_of(decimals: &str, scale: u64) -> u64 {
    let mut digits = 0_u64;
    let mut divisor = 1.0_f64;
    for digit in decimals.bytes() {
        let Some(more) = digits
            .checked_mul(10)
            .and_then(|digits| digits.checked_add(u64::from(digit - b'0')))
            .filter(|digits| *digits < 1 << 63)
        else {
            break;
        };
        digits = more;
        divisor *= 10.0;
    }
    (digits as f64 * (scale as f64 / divisor)) as u64
}

/// A time counted from 1970: in days, seconds, milli-, micro- or nanoseconds, by the number of
/// digits.
pub(super) fn unix_to_time(text: &str) -> Result<Time, String> {
    let is_decimal =
        text.strip_prefix(['-', '+']).unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit());
    let Some(number) = text.parse::<i64>().ok().filter(|_| is_decimal) else {
        let is_large = is_decimal && text.len() > 18;
        let reason = if is_large { "value out of range" } else { "invalid syntax" };
        let quoted = quote(text);
        return Err(format!(
            "unable to parse time '{text}': strconv.ParseInt: parsing {quoted}: {reason}"
        ));
    };
    match text.len() {
        5 => Ok(Time::from_seconds(number * 86_400)),
        10 => Ok(Time::from_seconds(number)),
        13 => Ok(Time::from_ns(number.wrapping_mul(1_000_000))),
        16 => Ok(Time::from_ns(number.wrapping_mul(1_000))),
        19 => Ok(Time::from_ns(number)),
        _ => Err(format!("unable to parse time '{text}': %!w(<nil>)")),
    }
}
