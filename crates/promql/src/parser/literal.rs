//! Numbers, durations and strings: from text to value.

use super::{Parse, ParseError, Parser, error};
use crate::ast::{Expr, ExprKind, Span};
use crate::quote::{quote, quote_bytes};
use crate::token::{Token, TokenKind};

impl Parser<'_> {
    /// A number or duration: its value, of a duration the seconds, and whether it is a duration.
    pub(super) fn number(&mut self) -> Parse<(f64, bool)> {
        let token = self.peek()?;
        let is_duration = match token.kind {
            TokenKind::Number => false,
            TokenKind::Duration => true,
            _ => return self.unexpected(),
        };
        self.take()?;
        let text = token.text(self.query);
        let value = if is_duration {
            // In two parts, as Go's clock does, for the same last digit.
            parse_duration(text).map(|ms| (ms / 1000) as f64 + (ms % 1000) as f64 / 1e3)
        } else {
            parse_number(text)
        };
        match value {
            Ok(value) => Ok((value, is_duration)),
            Err(message) => error(token.span, message),
        }
    }

    /// The text of a string, which must be UTF-8.
    pub(super) fn unquote(&mut self, token: Token) -> Parse<String> {
        let bytes = unquote(token.text(self.query));
        String::from_utf8(bytes)
            .or_else(|failure| error(token.span, not_text_message(failure.as_bytes())))
    }

    /// The text of a string used as an expression. That one is no UTF-8 is reported only when the
    /// whole is known, since the message depends on what it would have been used for.
    pub(super) fn unquote_expression(&mut self, token: Token) -> String {
        let bytes = unquote(token.text(self.query));
        String::from_utf8(bytes).unwrap_or_else(|failure| {
            let bytes = failure.into_bytes();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            self.not_text.get_or_insert((token.span, bytes));
            text
        })
    }
}

/// Fails if a string of the expression is no UTF-8: no name or value of a label may be such.
pub(super) fn check_text(expr: &Expr, not_text: Option<(Span, Vec<u8>)>) -> Parse<()> {
    let Some((span, bytes)) = not_text else { return Ok(()) };
    let mut names_a_label = false;
    expr.walk(&mut |expr| {
        if let ExprKind::Aggregate(aggregate) = &expr.kind {
            let param = aggregate.param.as_ref();
            names_a_label |= param.is_some_and(|param| param.span == span);
        }
    });
    if names_a_label {
        let message = format!("invalid label name {}", quote_bytes(&bytes));
        return error(ParseError::NOWHERE, message);
    }
    error(span, not_text_message(&bytes))
}

fn not_text_message(bytes: &[u8]) -> String {
    format!("string {} is not valid UTF-8", quote_bytes(bytes))
}

/// A number as the lexer lets it through: decimal, or with `0x` hexadecimal, or with another
/// leading zero octal.
fn parse_number(text: &str) -> Result<f64, String> {
    let failed = |why| {
        Err(format!("error parsing number: strconv.ParseFloat: parsing {}: {why}", quote(text)))
    };
    let digits = text.replace('_', "");
    let integer = if let Some(hex) = digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        // More than 64 bits are no error of the language, but nobody writes them.
        return match i64::from_str_radix(hex, 16) {
            Ok(value) => Ok(value as f64),
            Err(_) => failed("invalid syntax"),
        };
    } else if digits.len() > 1 && digits.starts_with('0') {
        i64::from_str_radix(&digits, 8)
    } else {
        digits.parse::<i64>()
    };
    if let Ok(value) = integer {
        return Ok(value as f64);
    }
    match digits.parse::<f64>() {
        Ok(value) if value.is_infinite() && !text.eq_ignore_ascii_case("inf") => {
            failed("value out of range")
        }
        Ok(value) => Ok(value),
        Err(_) => failed("invalid syntax"),
    }
}

/// Milliseconds of a duration such as `1h30m`, whose units come from large to small.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    const UNITS: [(&str, u64); 7] = [
        ("y", 365 * 24 * 3_600_000),
        ("w", 7 * 24 * 3_600_000),
        ("d", 24 * 3_600_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    // What Prometheus holds in nanoseconds of 64 bits.
    const MILLIS_MAX: u64 = i64::MAX as u64 / 1_000_000;
    if text.is_empty() {
        return Err("empty duration string".to_owned());
    }
    let invalid = || format!("not a valid duration string: {}", quote(text));
    let (mut rest, mut units_left, mut millis) = (text, 0, 0_u64);
    while !rest.is_empty() {
        let unit_start = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, behind) = rest.split_at(unit_start);
        let unit_end = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit_end);
        let count: u64 = digits.parse().map_err(|_| invalid())?;
        if unit.is_empty() {
            return Err(invalid());
        }
        let index = UNITS
            .iter()
            .position(|(name, _)| *name == unit)
            .ok_or_else(|| format!("unknown unit {} in duration {}", quote(unit), quote(text)))?;
        if index < units_left {
            return Err(invalid());
        }
        units_left = index + 1;
        millis = count
            .checked_mul(UNITS[index].1)
            .and_then(|part| part.checked_add(millis))
            .filter(|millis| *millis <= MILLIS_MAX)
            .ok_or("duration out of range")?;
        rest = behind;
    }
    Ok(millis as i64)
}

/// Resolves the escapes of a string that the lexer has checked.
fn unquote(text: &str) -> Vec<u8> {
    let mut chars = text.chars();
    let delimiter = chars.next();
    chars.next_back();
    if delimiter == Some('`') || !chars.as_str().contains('\\') {
        return chars.as_str().as_bytes().to_vec();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let push = |bytes: &mut Vec<u8>, c: char| {
        bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    };
    while let Some(c) = chars.next() {
        if c != '\\' {
            push(&mut bytes, c);
            continue;
        }
        let Some(c) = chars.next() else { break };
        let mut number = |first: u32, digits: usize, radix: u32| {
            let digits = chars.by_ref().take(digits).filter_map(|c| c.to_digit(radix));
            digits.fold(first, |value, digit| value.wrapping_mul(radix).wrapping_add(digit))
        };
        match c {
            'a' => bytes.push(0x07),
            'b' => bytes.push(0x08),
            'f' => bytes.push(0x0c),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(0x0b),
            'x' => bytes.push(number(0, 2, 16) as u8),
            '0'..='7' => bytes.push(number(c.to_digit(8).unwrap_or_default(), 2, 8) as u8),
            'u' | 'U' => {
                let code = number(0, if c == 'u' { 4 } else { 8 }, 16);
                push(&mut bytes, char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            other => push(&mut bytes, other),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        let cases = [
            ("0", 0.0),
            ("0755", 493.0),
            ("08", 8.0),
            ("0x1F", 31.0),
            ("0X_1f", 31.0),
            ("1_000", 1000.0),
            ("1_000.5", 1000.5),
            ("5.", 5.0),
            (".5", 0.5),
            ("1e-3", 0.001),
            ("9223372036854775807", 9.223_372_036_854_776e18),
            ("9223372036854775808", 9.223_372_036_854_776e18),
            ("iNf", f64::INFINITY),
        ];
        for (text, expect) in cases {
            assert_eq!(parse_number(text), Ok(expect), "{text}");
        }
        assert!(parse_number("NaN").unwrap().is_nan());
        let message = "error parsing number: strconv.ParseFloat: parsing \"1e999\": \
                       value out of range";
        assert_eq!(parse_number("1e999"), Err(message.to_owned()));
        assert!(parse_number("0x1e+5").unwrap_err().ends_with("\"0x1e+5\": invalid syntax"));
    }

    #[test]
    fn durations_name_their_units_from_large_to_small() {
        assert_eq!(parse_duration("1y2w3d4h5m6s7ms"), Ok(33_019_506_007));
        assert_eq!(parse_duration("0s"), Ok(0));
        let errors = [
            ("5m1h", "not a valid duration string: \"5m1h\""),
            ("5m1m", "not a valid duration string: \"5m1m\""),
            ("5", "not a valid duration string: \"5\""),
            ("5y1hs", "unknown unit \"hs\" in duration \"5y1hs\""),
            ("300y", "duration out of range"),
        ];
        for (text, expect) in errors {
            assert_eq!(parse_duration(text), Err(expect.to_owned()));
        }
    }

    #[test]
    fn escapes_are_resolved() {
        let cases = [
            (r#""a\"b\n""#, "a\"b\n".as_bytes()),
            (r"'a\'b'", b"a'b"),
            ("`a\\n`", b"a\\n"),
            (r#""\x41\101\u00e9\U0001f30d""#, "AAé🌍".as_bytes()),
            (r#""\xc3\xa9""#, "é".as_bytes()),
            (r#""\xff\377""#, b"\xff\xff"),
        ];
        for (text, expect) in cases {
            assert_eq!(unquote(text), expect, "{text}");
        }
    }
}
