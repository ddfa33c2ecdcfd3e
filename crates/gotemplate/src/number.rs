//! Numbers and quotes as Go reads and writes them (`strconv`).

use std::borrow::Cow;
use std::fmt::Write;

/// A float with the shortest digits that give it back: as `%v` of Go's `fmt`, which writes an
/// exponent below 1e-04 and from 1e+06 on.
pub fn format_float(number: f64) -> String {
    format_float_as(number, 'g', None)
}

/// Go's `strconv.FormatFloat`: `verb` is one of `e`, `E`, `f`, `F`, `g`, `G`; without a precision
/// the shortest digits that give the number back.
pub fn format_float_as(number: f64, verb: char, precision: Option<usize>) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    match verb {
        'e' | 'E' => exponential(number, verb, precision),
        'f' | 'F' => match precision {
            Some(precision) => format!("{number:.precision$}"),
            None => format!("{number}"),
        },
        _ => {
            let exponent_mark = if verb == 'G' { 'E' } else { 'e' };
            general(number, exponent_mark, precision)
        }
    }
}

fn exponential(number: f64, mark: char, precision: Option<usize>) -> String {
    let text = match precision {
        Some(precision) => format!("{number:.precision$e}"),
        None => format!("{number:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}{mark}{sign}{digits:0>2}")
}

fn general(number: f64, mark: char, precision: Option<usize>) -> String {
    let precision = precision.map(|precision| precision.max(1));
    let scientific = match precision {
        Some(precision) => format!("{number:.*e}", precision - 1),
        None => format!("{number:e}"),
    };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    // Zeros at the end are no digits here.
    let mantissa = if mantissa.contains('.') {
        mantissa.trim_end_matches('0').trim_end_matches('.')
    } else {
        mantissa
    };
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count() as i32;
    let limit = match precision {
        Some(precision) => {
            let precision = i32::try_from(precision).unwrap_or(i32::MAX);
            if precision > digits && digits > exponent { digits } else { precision }
        }
        None => 6,
    };
    if exponent < -4 || exponent >= limit {
        let (sign, exponent) = if exponent < 0 { ('-', -exponent) } else { ('+', exponent) };
        return format!("{mantissa}{mark}{sign}{exponent:02}");
    }
    let decimals = usize::try_from(digits - 1 - exponent).unwrap_or(0);
    format!("{number:.decimals$}")
}

/// A text as Go's `strconv.Quote` writes it.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        push_escaped(&mut out, c, '"', false);
    }
    out.push('"');
    out
}

/// Appends a character as it stands between quotes of Go.
pub(crate) fn push_escaped(out: &mut String, c: char, quote: char, ascii: bool) {
    match c {
        '\\' => out.push_str("\\\\"),
        c if c == quote => {
            out.push('\\');
            out.push(c);
        }
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        c if is_printable(c) && (c.is_ascii() || !ascii) => out.push(c),
        c => {
            // Writing to a String cannot fail.
            let _ = match c as u32 {
                code if code < 0x80 => write!(out, "\\x{code:02x}"),
                code if code < 0x10000 => write!(out, "\\u{code:04x}"),
                code => write!(out, "\\U{code:08x}"),
            };
        }
    }
}

/// Nearly Go's `unicode.IsPrint`: Rust's own escaping knows what cannot be shown, and spaces other
/// than the ASCII one are not printable in Go.
pub(crate) fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    !c.is_whitespace() && !c.is_control() && c.escape_debug().count() == 1
}

/// What a string or character literal of Go means, quotes included; `None` where it is none.
pub fn unquote(text: &str) -> Option<String> {
    let mut chars = text.chars();
    let quote = chars.next()?;
    if chars.next_back()? != quote {
        return None;
    }
    let inner = chars.as_str();
    match quote {
        '`' => (!inner.contains('`')).then(|| inner.replace('\r', "")),
        '"' | '\'' => unescape(inner, quote),
        _ => None,
    }
}

fn unescape(inner: &str, quote: char) -> Option<String> {
    // Bytes, since escapes may spell a character byte by byte.
    let mut out = Vec::with_capacity(inner.len());
    let mut chars = inner.chars();
    let mut buffer = [0; 4];
    while let Some(c) = chars.next() {
        if c == quote || c == '\n' {
            return None;
        }
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            continue;
        }
        let escape = chars.next()?;
        let digits = |chars: &mut std::str::Chars<'_>, count: usize| {
            (0..count).try_fold(0, |code, _| Some(code * 16 + chars.next()?.to_digit(16)?))
        };
        match escape {
            'a' => out.push(7),
            'b' => out.push(8),
            'f' => out.push(12),
            'n' => out.push(b'\n'),
            'r' => out.push(b'\r'),
            't' => out.push(b'\t'),
            'v' => out.push(11),
            '\\' => out.push(b'\\'),
            '\'' | '"' if escape == quote => out.push(escape as u8),
            'x' => {
                let code = digits(&mut chars, 2)?;
                if quote == '\'' {
                    let c = char::from_u32(code)?;
                    out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
                } else {
                    out.push(code as u8);
                }
            }
            'u' | 'U' => {
                let c = char::from_u32(digits(&mut chars, if escape == 'u' { 4 } else { 8 })?)?;
                out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            }
            '0'..='7' => {
                let code = (0..2).try_fold(escape.to_digit(8)?, |code, _| {
                    Some(code * 8 + chars.next()?.to_digit(8)?)
                })?;
                out.push(u8::try_from(code).ok()?);
            }
            _ => return None,
        }
    }
    Some(lossy(&out))
}

/// Bytes as text, each byte that is not UTF-8 as U+FFFD, as Go reads them.
pub fn lossy(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        for _ in chunk.invalid() {
            out.push('\u{fffd}');
        }
    }
    out
}

/// Digits of a number without its underscores; `None` where one is not between digits, of which the
/// prefix of a base counts as one.
fn without_underscores<'t>(text: &str, digits: &'t str) -> Option<Cow<'t, str>> {
    if !text.contains('_') {
        return Some(Cow::Borrowed(digits));
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let number = unsigned.to_ascii_lowercase();
    let number = ["0x", "0o", "0b"]
        .iter()
        .find_map(|prefix| number.strip_prefix(prefix))
        .map_or_else(|| number.clone(), |rest| format!("0{rest}"));
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let bytes = number.as_bytes();
    let between = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'_')
        .all(|(at, _)| at > 0 && is_digit(bytes.get(at - 1)) && is_digit(bytes.get(at + 1)));
    between.then(|| Cow::Owned(digits.replace('_', "")))
}

/// Go's `strconv.ParseInt` with base 0: a sign, a prefix for the base (a plain `0` is octal), and
/// underscores between digits.
pub fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        _ if lower.len() > 1 && lower.starts_with('0') => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    let digits = without_underscores(text, digits)?;
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let magnitude = i128::from_str_radix(&digits, radix).ok()?;
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// Go's `strconv.ParseFloat`: decimal and hexadecimal, infinities and NaN by name; `None` where it
/// is no number or too large for one.
pub fn parse_float(text: &str) -> Option<f64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    let lower = digits.to_ascii_lowercase();
    match lower.as_str() {
        "inf" | "infinity" => return Some(sign * f64::INFINITY),
        // A NaN has no sign.
        "nan" => return (digits.len() == text.len()).then_some(f64::NAN),
        _ => {}
    }
    let lower = without_underscores(digits, &lower)?;
    if let Some(hex) = lower.strip_prefix("0x") {
        return parse_hex_float(hex).map(|number| sign * number);
    }
    if !lower.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'+' | b'-')) {
        return None;
    }
    lower.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| sign * number)
}

/// `1.8p3` after its `0x`; the exponent is needed.
fn parse_hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0_f64;
    for c in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(c.to_digit(16)?);
    }
    let exponent: i32 = exponent.parse().ok()?;
    let fraction = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    let scaled = value * 2.0_f64.powi(exponent.checked_sub(fraction)?);
    scaled.is_finite().then_some(scaled)
}
