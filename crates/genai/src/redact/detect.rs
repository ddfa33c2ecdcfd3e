//! Finds what has a known shape, in one pass each over the places where it could begin: an `@`, a
//! digit, the prefix of a key. Letters after a backslash that are an escape of JSON (`\n`, `\u0040`)
//! are no part of a word, since texts are often JSON inside of JSON.

use memchr::memchr_iter;

use super::{Action, Source, numbers, secrets};

/// Built-in detectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Detector {
    /// Addresses of e-mail.
    Email,
    /// Telephone numbers, international and in common national forms.
    Phone,
    /// Numbers of payment cards, by prefix and Luhn's check digit (ISO/IEC 7812).
    Card,
    /// International bank account numbers, by country's length and check digits (ISO 13616).
    Iban,
    /// Keys and tokens of known shapes, private keys, bearer tokens, passwords in URLs.
    Secret,
}

impl Detector {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Email, Self::Phone, Self::Card, Self::Iban, Self::Secret];

    /// The name in the configuration, in counters and (in capitals) in place of what was found.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::Secret => "secret",
        }
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// A piece of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finding {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) source: Source,
}

/// Appends what detectors that are on find in a text.
pub(super) fn find(
    actions: [Option<Action>; Detector::ALL.len()],
    text: &str,
    found: &mut Vec<Finding>,
) {
    let is_on = |detector: Detector| actions[detector.index()].is_some();
    let mut add = |detector, (start, end)| {
        found.push(Finding { start, end, source: Source::Detector(detector) });
    };
    if is_on(Detector::Secret) {
        secrets::find(text, |range| add(Detector::Secret, range));
    }
    if is_on(Detector::Email) {
        emails(text, |range| add(Detector::Email, range));
    }
    if is_on(Detector::Phone) || is_on(Detector::Card) || is_on(Detector::Iban) {
        numbers::find(text, |detector, range| {
            if is_on(detector) {
                add(detector, range);
            }
        });
    }
}

/// Bytes of the part before the `@` (RFC 5321 allows 64).
const LOCAL_BYTES_MAX: usize = 64;
/// Bytes of a domain's name.
const DOMAIN_BYTES_MAX: usize = 253;

fn emails(text: &str, mut add: impl FnMut((usize, usize))) {
    let bytes = text.as_bytes();
    let mut after = 0;
    for at in memchr_iter(b'@', bytes) {
        let before = text.get(after..at).unwrap_or_default();
        let local = before.chars().rev().take_while(|letter| is_local(*letter));
        let length: usize = local.take(LOCAL_BYTES_MAX).map(char::len_utf8).sum();
        let start = word_start(bytes, at - length, at);
        let start = start + trim(bytes, start, at, b".'-");
        let behind = bytes.get(at + 1..).unwrap_or_default();
        let behind = behind.get(..behind.len().min(DOMAIN_BYTES_MAX)).unwrap_or_default();
        if let Some(length) = domain_length(behind).filter(|_| start < at) {
            after = at + 1 + length;
            add((start, after));
        }
    }
}

/// Whether an address may have this before its `@`. Of letters beyond ASCII (RFC 6531) only those of
/// Latin scripts, since others are written without spaces between words.
fn is_local(letter: char) -> bool {
    letter.is_ascii_alphanumeric()
        || "._%+-'".contains(letter)
        || ('\u{c0}'..='\u{24f}').contains(&letter)
}

/// Bytes of the domain's name that text begins with: labels of letters, digits and hyphens, at least
/// two, of which the last is of letters.
fn domain_length(text: &[u8]) -> Option<usize> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
    let name = text.get(..text.iter().take_while(|byte| is_part(byte)).count())?;
    let dots = name.iter().enumerate().rev().filter(|(_, byte)| **byte == b'.');
    for (dot, _) in dots {
        let last = name.get(dot + 1..).unwrap_or_default();
        let letters = last.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let is_over = !last.get(letters).is_some_and(u8::is_ascii_alphanumeric);
        let head = name.get(..dot).unwrap_or_default();
        let is_name = head.split(|byte| *byte == b'.').all(|label| !label.is_empty());
        if last.starts_with(b"xn--") && is_name {
            let label = last.iter().take_while(|byte| **byte != b'.').count();
            return Some(dot + 1 + label);
        }
        if is_name && is_over && (2..=24).contains(&letters) {
            return Some(dot + 1 + letters);
        }
    }
    None
}

/// Where a word that was found to begin at `start` does begin, if that is an escape of JSON.
pub(super) fn word_start(bytes: &[u8], start: usize, end: usize) -> usize {
    if !is_escape(bytes, start) {
        return start;
    }
    let skipped = match bytes.get(start) {
        Some(b'u') if bytes.get(start + 1..start + 5).is_some_and(is_hex) => 5,
        Some(b'n' | b't' | b'r' | b'b' | b'f') => 1,
        _ => 0,
    };
    (start + skipped).min(end)
}

fn is_hex(digits: &[u8]) -> bool {
    digits.iter().all(u8::is_ascii_hexdigit)
}

/// Whether the byte before is a backslash.
fn is_escape(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'\\')
}

/// Whether a word may begin here: before it is no letter, digit or underscore, or they are an escape.
pub(super) fn begins_word(bytes: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1) else { return true };
    match bytes.get(before) {
        Some(byte) if byte.is_ascii_alphanumeric() => {
            let single =
                matches!(byte, b'n' | b't' | b'r' | b'b' | b'f') && is_escape(bytes, before);
            let unicode = at >= 6
                && bytes.get(at - 6..at - 4) == Some(b"\\u")
                && bytes.get(at - 4..at).is_some_and(is_hex);
            single || unicode
        }
        Some(b'_') => false,
        Some(byte) => byte.is_ascii() || !is_letter_before(bytes, at),
        None => true,
    }
}

/// Whether the character that ends before `at` is a letter beyond ASCII.
fn is_letter_before(bytes: &[u8], at: usize) -> bool {
    let from = at.saturating_sub(4);
    let behind = bytes.get(from..at).unwrap_or_default();
    let letter = (0..behind.len())
        .find_map(|skip| std::str::from_utf8(behind.get(skip..)?).ok())
        .and_then(|text| text.chars().next_back());
    letter.is_some_and(char::is_alphanumeric)
}

/// Whether a word may end here.
pub(super) fn ends_word(bytes: &[u8], at: usize) -> bool {
    !bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

fn trim(bytes: &[u8], start: usize, end: usize, trimmed: &[u8]) -> usize {
    bytes.get(start..end).unwrap_or_default().iter().take_while(|b| trimmed.contains(b)).count()
}
