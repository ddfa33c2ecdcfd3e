//! Escapes in JSON strings.

use super::token::JsonError;

/// Appends the text of a string; on an error part of it may have been appended.
pub(super) fn push_unescaped(mut rest: &str, out: &mut String) -> Result<(), JsonError> {
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let (c, length) = escape(&rest.as_bytes()[at..]).ok_or(JsonError::Escape)?;
        out.push(c);
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    Ok(())
}

/// Appends the text of a string as it becomes the value of a label: the replacement character
/// becomes a blank, and nothing is left of a string with an escape that means nothing.
pub(super) fn push_value(raw: &str, out: &mut String) {
    let start = out.len();
    if push_unescaped(raw, out).is_err() {
        out.truncate(start);
    }
    if out[start..].contains(char::REPLACEMENT_CHARACTER) {
        let clean = out[start..].replace(char::REPLACEMENT_CHARACTER, " ");
        out.replace_range(start.., &clean);
    }
}

/// The character of an escape at the beginning of the text, and how long it is.
fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    let c = match bytes.get(1)? {
        quoted @ (b'"' | b'\\' | b'/') => char::from(*quoted),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(bytes),
        _ => return None,
    };
    Some((c, 2))
}

/// `\u….`, or two of them that are a pair of surrogates. A lone surrogate is an error; two that are
/// no pair give the replacement character.
fn unicode_escape(bytes: &[u8]) -> Option<(char, usize)> {
    let high = hexadecimal(bytes)?;
    if !(0xd800..=0xdfff).contains(&high) {
        return Some((char::from_u32(high)?, 6));
    }
    let low = hexadecimal(bytes.get(6..)?)?;
    if low < 0xdc00 {
        return None;
    }
    // Loki does not look at the byte that would have to be the second backslash, nor at the range
    // of either half, so the sum may be no character.
    let code = 0x1_0000_i64 + (i64::from(high) - 0xd800) * 0x400 + i64::from(low) - 0xdc00;
    let c = u32::try_from(code).ok().and_then(char::from_u32);
    Some((c.unwrap_or(char::REPLACEMENT_CHARACTER), 12))
}

/// The number in bytes 2 to 6.
fn hexadecimal(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.get(2..6)?;
    digits.iter().try_fold(0, |number, digit| Some(number * 16 + char::from(*digit).to_digit(16)?))
}
