//! Numbers as label values have them: floating-point numbers and sizes, read as Go's
//! `strconv.ParseFloat` and the go-humanize library read them, with their words for what is wrong.

use watchkeep_promql::quote::quote;

/// Reads a floating-point number; hexadecimal ones, `Inf`, `NaN` and `_` between digits too.
pub fn parse_float(text: &str) -> Result<f64, String> {
    let failed = |why| format!("strconv.ParseFloat: parsing {}: {why}", quote(text));
    let value = read_float(text).ok_or_else(|| failed("invalid syntax"))?;
    let unsigned = text.trim_start_matches(['+', '-']);
    if value.is_infinite() && !unsigned.starts_with(['i', 'I']) {
        return Err(failed("value out of range"));
    }
    Ok(value)
}

fn read_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let first = *unsigned.as_bytes().first()?;
    match first {
        b'0'..=b'9' | b'.' => {}
        b'i' | b'I' => return text.parse().ok(),
        b'n' | b'N' => return (text.len() == unsigned.len()).then(|| text.parse().ok())?,
        _ => return None,
    }
    if let [b'0', b'x' | b'X', digits @ ..] = unsigned.as_bytes() {
        let value = read_hexadecimal(digits)?;
        return Some(if text.starts_with('-') { -value } else { value });
    }
    if !text.contains('_') {
        return text.parse().ok();
    }
    underscores_fit(unsigned.as_bytes()).then(|| text.replace('_', "").parse().ok())?
}

/// Whether each `_` stands between two digits.
fn underscores_fit(bytes: &[u8]) -> bool {
    let digit = |at: Option<&u8>| at.is_some_and(u8::is_ascii_hexdigit);
    bytes.iter().enumerate().all(|(at, byte)| {
        *byte != b'_' || (at > 0 && digit(bytes.get(at - 1)) && digit(bytes.get(at + 1)))
    })
}

/// What follows `0x`: digits with at most one point, and an exponent of two, which must be there.
fn read_hexadecimal(bytes: &[u8]) -> Option<f64> {
    let bytes = bytes.strip_prefix(b"_").unwrap_or(bytes);
    let split = bytes.iter().position(|byte| matches!(byte, b'p' | b'P'))?;
    let (digits, exponent) = (&bytes[..split], &bytes[split + 1..]);
    if !underscores_fit(digits) {
        return None;
    }
    let exponent: i32 = std::str::from_utf8(exponent).ok()?.parse().ok()?;
    let (mut mantissa, mut scale, mut seen, mut point) = (0.0_f64, 0_i32, false, false);
    for byte in digits.iter().filter(|byte| **byte != b'_') {
        if *byte == b'.' {
            if std::mem::replace(&mut point, true) {
                return None;
            }
            continue;
        }
        mantissa = mantissa * 16.0 + f64::from(char::from(*byte).to_digit(16)?);
        scale -= if point { 4 } else { 0 };
        seen = true;
    }
    seen.then(|| mantissa * 2.0_f64.powi(exponent.saturating_add(scale)))
}

/// Seconds of a duration in nanoseconds.
pub fn duration_seconds(duration_ns: i64) -> f64 {
    let second = 1_000_000_000;
    (duration_ns / second) as f64 + (duration_ns % second) as f64 / 1e9
}

/// Reads a size like `42 MB`, `1.5KiB` or `1,024`, in bytes.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',');
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let number = if number.contains(',') {
        parse_float(&number.replace(',', ""))?
    } else {
        parse_float(number)?
    };
    let unit = unit.trim().to_lowercase();
    let bytes = number * unit_bytes(&unit).ok_or_else(|| format!("unhandled size name: {unit}"))?;
    if bytes >= u64::MAX as f64 {
        return Err(format!("too large: {text}"));
    }
    Ok(bytes as u64)
}

fn unit_bytes(unit: &str) -> Option<f64> {
    let prefix = unit.strip_suffix('b').unwrap_or(unit);
    let (prefix, base) = match prefix.strip_suffix('i') {
        Some("") => return None,
        Some(prefix) => (prefix, 1024.0_f64),
        None => (prefix, 1000.0),
    };
    let power = match prefix {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        "e" => 6,
        _ => return None,
    };
    Some(base.powi(power))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn floats_are_read_as_go_reads_them() {
        let cases = [
            ("1", 1.0),
            ("-1.5e3", -1500.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("+Inf", f64::INFINITY),
            ("-infinity", f64::NEG_INFINITY),
            ("0x1p-2", 0.25),
            ("-0x1.8p1", -3.0),
            ("1_000.5", 1000.5),
        ];
        for (text, expect) in cases {
            assert_eq!(parse_float(text), Ok(expect), "{text}");
        }
        assert!(parse_float("NaN").unwrap().is_nan());
        for text in ["", "a", " 1", "1 ", "1e", "+NaN", "0x1", "_1", "1__0", "1_", "--1", "."] {
            let expect = format!("strconv.ParseFloat: parsing {text:?}: invalid syntax");
            assert_eq!(parse_float(text), Err(expect));
        }
        let expect = "strconv.ParseFloat: parsing \"1e999\": value out of range";
        assert_eq!(parse_float("1e999"), Err(expect.into()));
    }

    #[test]
    fn durations_are_told_in_seconds() {
        assert_eq!(duration_seconds(1_500_000_000), 1.5);
    }

    #[test]
    fn sizes_are_read_as_humanised() {
        let cases = [
            ("42 MB", Ok(42_000_000)),
            ("42mib", Ok(44_040_192)),
            ("1.5KiB", Ok(1536)),
            ("1,024", Ok(1024)),
            ("374KB", Ok(374_000)),
            ("7B", Ok(7)),
            ("2k", Ok(2000)),
            ("1gi", Ok(1 << 30)),
            ("1 fortnight", Err("unhandled size name: fortnight")),
            ("-1MB", Err("strconv.ParseFloat: parsing \"\": invalid syntax")),
            ("20EB", Err("too large: 20EB")),
            ("5ib", Err("unhandled size name: ib")),
        ];
        for (text, expect) in cases {
            assert_eq!(parse_bytes(text), expect.map_err(str::to_owned), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[-+_.,0-9a-zA-Z\u{b5} ]{0,12}") {
            let _ = (parse_float(&text), parse_bytes(&text));
        }

        #[test]
        fn what_is_written_is_read(number: f64) {
            prop_assume!(number.is_finite());
            prop_assert_eq!(parse_float(&number.to_string()), Ok(number));
        }
    }
}
