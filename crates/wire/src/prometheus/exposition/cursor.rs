//! A place in a text exposition, the tokens that both text formats share, and errors that name
//! the line.

use std::borrow::Cow;

/// Why an exposition could not be read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The line, from 1; 0 for a format without lines.
    pub line: usize,
    /// What was expected and what was found.
    pub message: String,
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => f.write_str(&self.message),
            line => write!(f, "line {line}: {}", self.message),
        }
    }
}

impl std::error::Error for ParseError {}

pub(super) type Result<T> = std::result::Result<T, ParseError>;

/// The bytes still to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    body: &'a [u8],
    rest: &'a [u8],
}

/// What a quoted text may hold beside escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoted {
    /// Anything.
    AnyBytes,
    /// Anything but the end of a line.
    OneLine,
}

impl<'a> Cursor<'a> {
    /// Most characters of the offending text that an error shows.
    const SHOWN_BYTES_MAX: usize = 40;

    pub(super) fn new(body: &'a [u8]) -> Self {
        Self { body, rest: body }
    }

    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    #[inline]
    pub(super) fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes so many bytes, or all that are left.
    #[inline]
    pub(super) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }

    /// Takes a byte if it is the next.
    #[inline]
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes a text if it is next.
    #[inline]
    pub(super) fn eat_text(&mut self, text: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    #[inline]
    pub(super) fn take_while(&mut self, accept: impl Fn(u8) -> bool) -> &'a [u8] {
        let len = self.rest.iter().position(|b| !accept(*b)).unwrap_or(self.rest.len());
        self.take(len)
    }

    /// Skips spaces and tabs; says whether there were any.
    #[inline]
    pub(super) fn skip_blanks(&mut self) -> bool {
        match self.rest {
            [b' ' | b'\t', ..] => {
                self.take_while(is_blank);
                true
            }
            _ => false,
        }
    }

    /// Takes the rest of the line, and its end, which is not returned.
    pub(super) fn take_line(&mut self) -> &'a [u8] {
        let line = self.take(memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len()));
        self.eat(b'\n');
        line
    }

    /// Takes a metric's name, without colons a label's; `None` when none begins here.
    #[inline]
    pub(super) fn name(&mut self, colons: bool) -> Option<&'a [u8]> {
        let starts = |b: u8| b.is_ascii_alphabetic() || b == b'_' || colons && b == b':';
        self.peek().filter(|b| starts(*b))?;
        Some(self.take_while(|b| starts(b) || b.is_ascii_digit()))
    }

    /// Takes a text in double quotes; returns what is between them, escapes as they are, or
    /// `None` when none begins here or it has no end.
    #[inline]
    pub(super) fn quoted(&mut self, holds: Quoted) -> Option<&'a [u8]> {
        let [b'"', inner @ ..] = self.rest else { return None };
        let mut at = 0;
        loop {
            let tail = inner.get(at..)?;
            at += tail.iter().position(|b| matches!(b, b'"' | b'\\' | b'\n'))?;
            match inner.get(at)? {
                b'"' => break,
                b'\\' => {
                    inner.get(at + 1).filter(|b| **b != b'\n')?;
                    at += 2;
                }
                _ if holds == Quoted::OneLine => return None,
                _ => at += 1,
            }
        }
        let (text, after) = inner.split_at_checked(at)?;
        self.rest = after.get(1..)?;
        Some(text)
    }

    /// The bytes from an earlier place to this one.
    #[inline]
    pub(super) fn since(&self, earlier: &Self) -> &'a [u8] {
        let len = earlier.rest.len() - self.rest.len();
        earlier.rest.get(..len).unwrap_or_default()
    }

    /// An error at this place.
    #[cold]
    pub(super) fn error(&self, message: impl Into<String>) -> ParseError {
        let passed = self.body.len() - self.rest.len();
        let before = self.body.get(..passed).unwrap_or_default();
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        ParseError { line, message: message.into() }
    }

    /// An error that says what was expected here and shows what is.
    #[cold]
    pub(super) fn expected(&self, what: &str) -> ParseError {
        let line_end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let shown = self.rest.get(..line_end.min(Self::SHOWN_BYTES_MAX)).unwrap_or_default();
        let found = match (shown, self.rest) {
            ([], []) => "the end of the exposition".to_owned(),
            ([], _) => "the end of the line".to_owned(),
            _ => format!("{:?}", String::from_utf8_lossy(shown)),
        };
        self.error(format!("expected {what}, got {found}"))
    }
}

#[inline]
pub(super) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Undoes the escapes `\\`, `\n` and, where asked, `\"`; other backslashes stay as they are.
pub(super) fn unescape(text: &str, quotes: bool) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let replacement = match (c, chars.peek()) {
            ('\\', Some('\\')) => '\\',
            ('\\', Some('n')) => '\n',
            ('\\', Some('"')) if quotes => '"',
            _ => {
                out.push(c);
                continue;
            }
        };
        out.push(replacement);
        chars.next();
    }
    Cow::Owned(out)
}
