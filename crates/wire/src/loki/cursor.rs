//! A reader that walks JSON in place: strings are borrowed where nothing is escaped, what is not
//! asked for is passed over without recursion, and every error names its byte.

use std::borrow::Cow;

use super::Fault;

/// Arrays and objects inside each other in what is passed over; deeper is refused.
const DEPTH_MAX: usize = 512;

/// A place in a JSON text.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// A string of JSON, as it stands between its quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'a> {
    text: &'a str,
    escaped: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// An error at this place.
    pub(super) fn fault(&self, what: impl std::fmt::Display) -> Fault {
        Fault::Malformed(format!("malformed push request: {what}, at byte {}", self.at))
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is not blank.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.byte() {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Takes a byte if it is the next that is not blank.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.take(byte) {
            return Ok(());
        }
        Err(self.fault(format_args!("expected {:?}", byte as char)))
    }

    /// Takes `null`.
    pub(super) fn take_null(&mut self) -> bool {
        let there = self.peek() == Some(b'n')
            && self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(b"null"));
        self.at += if there { 4 } else { 0 };
        there
    }

    /// Goes through the members of an object; `see` takes each value.
    #[inline]
    pub(super) fn object(
        &mut self,
        mut see: impl FnMut(&mut Self, Raw<'a>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.expect(b'{')?;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.expect(b':')?;
            see(self, key)?;
            if !self.take(b',') {
                return self.expect(b'}');
            }
        }
    }

    /// Goes through the elements of an array; `see` takes each, and is told its number.
    #[inline]
    pub(super) fn array(
        &mut self,
        mut see: impl FnMut(&mut Self, usize) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.expect(b'[')?;
        if self.take(b']') {
            return Ok(());
        }
        for number in 0.. {
            see(self, number)?;
            if !self.take(b',') {
                break;
            }
        }
        self.expect(b']')
    }

    #[inline]
    pub(super) fn string(&mut self) -> Result<Raw<'a>, Fault> {
        if !self.take(b'"') {
            return Err(self.fault("expected a string"));
        }
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            match memchr::memchr2(b'"', b'\\', rest) {
                None => return Err(self.fault("a string has no end")),
                Some(found) if rest.get(found) == Some(&b'"') => {
                    let text = self.text.get(start..self.at + found).unwrap_or_default();
                    self.at += found + 1;
                    return Ok(Raw { text, escaped });
                }
                Some(found) => {
                    escaped = true;
                    self.at += found + 2;
                }
            }
        }
    }

    /// A number, `true` or `false`, as it is written.
    pub(super) fn scalar(&mut self) -> Result<&'a str, Fault> {
        self.peek();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let text = rest.get(..rest.find(|c| !inside(c)).unwrap_or(rest.len())).unwrap_or_default();
        if text.is_empty() {
            return Err(self.fault("expected a value"));
        }
        self.at += text.len();
        Ok(text)
    }

    /// Passes over a value, whatever it is.
    pub(super) fn skip(&mut self) -> Result<(), Fault> {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(b'{' | b'[') => {
                    depth += 1;
                    if depth > DEPTH_MAX {
                        return Err(self.fault("nested too deep"));
                    }
                    self.at += 1;
                    continue;
                }
                Some(b'}' | b']') if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                Some(b',' | b':') if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                Some(_) => {
                    self.scalar()?;
                }
                None => return Err(self.fault("the text ends in the middle of a value")),
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Fails unless only blanks are left.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fault("something follows the request")),
        }
    }
}

impl<'a> Raw<'a> {
    /// Bytes between the quotes: no fewer than what they mean.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// What it means, where that is as it stands.
    #[inline]
    pub(super) fn plain(&self) -> Option<&'a str> {
        (!self.escaped).then_some(self.text)
    }

    pub(super) fn text(&self) -> Cow<'a, str> {
        if let Some(text) = self.plain() {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(self.text.len());
        self.write(&mut out);
        Cow::Owned(out)
    }

    /// Appends what it means. An escape that means nothing becomes the replacement character.
    pub(super) fn write(&self, out: &mut String) {
        let mut rest = self.text;
        while let Some((plain, after)) = rest.split_once('\\') {
            out.push_str(plain);
            let mut characters = after.chars();
            out.push(match characters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('u') => unicode(&mut characters),
                Some(itself @ ('"' | '\\' | '/')) => itself,
                _ => char::REPLACEMENT_CHARACTER,
            });
            rest = characters.as_str();
        }
        out.push_str(rest);
    }
}

/// The character of four hexadecimal digits, or of two such escapes that are one character.
fn unicode(characters: &mut std::str::Chars<'_>) -> char {
    fn unit(characters: &mut std::str::Chars<'_>) -> Option<u32> {
        let code = u32::from_str_radix(characters.as_str().get(..4)?, 16).ok()?;
        *characters = characters.as_str().get(4..)?.chars();
        Some(code)
    }
    let Some(high) = unit(characters) else { return char::REPLACEMENT_CHARACTER };
    if let Some(character) = char::from_u32(high) {
        return character;
    }
    let mut ahead = characters.clone();
    if (0xD800..0xDC00).contains(&high)
        && ahead.next() == Some('\\')
        && ahead.next() == Some('u')
        && let Some(low @ 0xDC00..0xE000) = unit(&mut ahead)
        && let Some(character) = char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    {
        *characters = ahead;
        return character;
    }
    char::REPLACEMENT_CHARACTER
}
