//! `| logfmt`: pairs `key=value` and `key="quoted value"`, with blanks between them.

use super::keys::{Keys, ROOT};
use super::labels::{LabelsBuilder, Piece};
use super::names::Symbol;

/// The error of a line that is not logfmt, where the query asks for strictness.
const LOGFMT_PARSER_ERROR: &str = "LogfmtParserErr";

/// Why a line is not logfmt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("logfmt syntax error at pos {} : {reason}", self.at + 1)]
pub struct LogfmtError {
    at: usize,
    reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Reason {
    #[error("unexpected '{}'", char::from(*.0))]
    Unexpected(u8),
    #[error("invalid key")]
    Key,
    #[error("unterminated quoted value")]
    Unterminated,
    #[error("invalid quoted value")]
    Quoted,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pair {
    key: Piece,
    /// Without quotes.
    value: Piece,
    /// Whether the value has a backslash.
    escaped: bool,
}

/// Pairs of a line, and what is broken between them. Positions are those of the whole text, errors
/// count from the beginning of the line.
#[derive(Debug)]
struct Pairs<'t> {
    bytes: &'t [u8],
    text: &'t str,
    start: usize,
    at: usize,
}

const REPLACEMENT: &str = "\u{fffd}";

impl<'t> Pairs<'t> {
    fn new(text: &'t str, line: &Piece) -> Self {
        let text = &text[..line.end];
        Self { bytes: text.as_bytes(), text, start: line.start, at: line.start }
    }

    fn error(&self, reason: Reason) -> LogfmtError {
        LogfmtError { at: self.at - self.start, reason }
    }

    /// Goes to the first byte for which the test holds.
    #[inline]
    fn seek(&mut self, found: impl Fn(u8) -> bool) -> Option<u8> {
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().position(|byte| found(*byte)).unwrap_or(rest.len());
        self.bytes.get(self.at).copied()
    }

    /// Passes over a broken pair.
    fn skip(&mut self, error: LogfmtError) -> Result<Pair, LogfmtError> {
        self.seek(|byte| byte <= b' ');
        Err(error)
    }

    /// The pair that begins here.
    fn pair(&mut self) -> Result<Pair, LogfmtError> {
        let start = self.at;
        let stopped = self.seek(|byte| byte <= b' ' || matches!(byte, b'=' | b'"'));
        let key = start..self.at;
        match stopped {
            Some(b'"') => return self.skip(self.error(Reason::Unexpected(b'"'))),
            Some(b'=') if key.is_empty() => return self.skip(self.error(Reason::Unexpected(b'='))),
            Some(b'=') if self.text[key.clone()].contains(REPLACEMENT) => {
                return self.skip(self.error(Reason::Key));
            }
            Some(b'=') => self.at += 1,
            _ if self.text[key.clone()].contains(REPLACEMENT) => {
                return Err(self.error(Reason::Key));
            }
            _ => return Ok(Pair { key, value: 0..0, escaped: false }),
        }
        if self.bytes.get(self.at) == Some(&b'"') {
            return self.quoted(key);
        }
        let start = self.at;
        let stopped = self.seek(|byte| byte <= b' ' || matches!(byte, b'=' | b'"'));
        match stopped {
            Some(byte @ (b'=' | b'"')) => self.skip(self.error(Reason::Unexpected(byte))),
            _ => Ok(Pair { key, value: start..self.at, escaped: false }),
        }
    }

    fn quoted(&mut self, key: Piece) -> Result<Pair, LogfmtError> {
        let start = self.at + 1;
        let (mut at, mut escaped) = (start, false);
        loop {
            let rest = self.bytes.get(at..).unwrap_or_default();
            let Some(more) = memchr::memchr2(b'"', b'\\', rest) else {
                self.at = self.bytes.len();
                return Err(self.error(Reason::Unterminated));
            };
            at += more;
            if self.bytes[at] == b'"' {
                break;
            }
            escaped = true;
            at += 2;
        }
        self.at = at + 1;
        Ok(Pair { key, value: start..at, escaped })
    }
}

impl Iterator for Pairs<'_> {
    type Item = Result<Pair, LogfmtError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.seek(|byte| byte > b' ')?;
        Some(self.pair())
    }
}

/// What `| logfmt` keeps from line to line.
#[derive(Debug, Default)]
pub(super) struct LogfmtState {
    keys: Keys,
    unescaped: String,
}

impl LogfmtState {
    /// The value of a pair: a piece of the text, or behind it where escapes were undone. `None`
    /// where they can not be.
    fn value(&mut self, text: &str, pair: &Pair) -> Option<Piece> {
        let raw = &text[pair.value.clone()];
        if !pair.escaped {
            return Some(pair.value.clone());
        }
        let start = self.unescaped.len();
        if push_unquoted(raw, &mut self.unescaped).is_none() {
            self.unescaped.truncate(start);
            return None;
        }
        Some(text.len() + start..text.len() + self.unescaped.len())
    }

    /// The text of a piece that [`Self::value`] made.
    fn text_of<'s>(&'s self, text: &'s str, piece: &Piece) -> &'s str {
        match piece.start.checked_sub(text.len()) {
            Some(start) => &self.unescaped[start..piece.end - text.len()],
            None => &text[piece.clone()],
        }
    }
}

/// `| logfmt`, and `| logfmt a="b"` with `fields`.
#[derive(Debug)]
pub(super) struct Logfmt {
    pub(super) strict: bool,
    pub(super) keep_empty: bool,
    /// Labels and the names of the keys that they are made of; all keys when empty.
    pub(super) fields: Vec<LogfmtField>,
}

/// A label that is made of one key.
#[derive(Debug)]
pub(super) struct LogfmtField {
    pub(super) label: Symbol,
    /// The key as a name of a label.
    pub(super) key: Symbol,
}

/// Whether to go on with the line.
#[derive(PartialEq, Eq)]
enum Flow {
    GoOn,
    Stop,
}

impl Logfmt {
    /// Sets the labels that a line holds.
    pub(super) fn parse(&self, line: Piece, labels: &mut LabelsBuilder, state: &mut LogfmtState) {
        if labels.wants_nothing() {
            return;
        }
        for field in &self.fields {
            if !labels.is_taken(field.label) {
                labels.set_parsed_piece(field.label, 0..0);
            }
        }
        state.keys.begin(labels);
        state.unescaped.clear();
        let text = std::mem::take(&mut labels.text);
        let mut error = None;
        let mut pairs = Pairs::new(&text, &line);
        while let Some(pair) = pairs.next() {
            let flow = match pair.and_then(|pair| {
                let value = state.value(&text, &pair);
                Ok((pair, value.ok_or_else(|| pairs.error(Reason::Quoted))?))
            }) {
                Ok((pair, value)) => self.pair(&text, &pair, value, labels, state),
                Err(reason) => {
                    error = Some(reason);
                    if self.strict { Flow::Stop } else { Flow::GoOn }
                }
            };
            if flow == Flow::Stop {
                break;
            }
        }
        labels.text = text;
        labels.text.push_str(&state.unescaped);
        if let Some(error) = error.filter(|_| self.strict) {
            labels.set_parser_error(LOGFMT_PARSER_ERROR, Some(&error.to_string()));
        }
    }

    fn pair(
        &self,
        text: &str,
        pair: &Pair,
        value: Piece,
        labels: &mut LabelsBuilder,
        state: &mut LogfmtState,
    ) -> Flow {
        let key = state.keys.find(ROOT, &text[pair.key.clone()], labels);
        if self.fields.is_empty() {
            let Some(name) = state.keys.wanted_name(key) else { return Flow::GoOn };
            let name = labels.name_for_parsed(name);
            if !labels.is_open(name) {
                return Flow::GoOn;
            }
            let value = without_replacements(value, text, state);
            if value.is_empty() && !self.keep_empty {
                return Flow::GoOn;
            }
            labels.set_parsed_piece(name, value);
            return if labels.has_all() { Flow::Stop } else { Flow::GoOn };
        }
        match state.keys.name(key) {
            Some(name) => self.field(name, value, text, labels, state),
            None => Flow::GoOn,
        }
    }

    fn field(
        &self,
        key: Symbol,
        value: Piece,
        text: &str,
        labels: &mut LabelsBuilder,
        state: &LogfmtState,
    ) -> Flow {
        // A key that is called like one of the labels counts as that label's, too.
        let named = self.fields.iter().any(|field| field.label == key);
        if !named && !labels.is_open(key) {
            return Flow::GoOn;
        }
        let of_key = self.fields.iter().find(|field| field.key == key);
        let label = match of_key {
            Some(field) => field.label,
            None if named => key,
            None => return Flow::GoOn,
        };
        let broken = state.text_of(text, &value).contains(REPLACEMENT);
        let value = if broken { 0..0 } else { value };
        let name = labels.name_for_parsed(label);
        if name != label && !labels.is_open(name) {
            return Flow::Stop;
        }
        labels.set_parsed_piece(name, value);
        if labels.has_all() { Flow::Stop } else { Flow::GoOn }
    }
}

/// The value with blanks for replacement characters.
fn without_replacements(value: Piece, text: &str, state: &mut LogfmtState) -> Piece {
    let found = state.text_of(text, &value);
    if memchr::memchr(REPLACEMENT.as_bytes()[0], found.as_bytes()).is_none()
        || !found.contains(REPLACEMENT)
    {
        return value;
    }
    let clean = found.replace(REPLACEMENT, " ");
    let start = state.unescaped.len();
    state.unescaped.push_str(&clean);
    text.len() + start..text.len() + state.unescaped.len()
}

/// Appends the content of a quoted value with its escapes undone.
fn push_unquoted(mut rest: &str, out: &mut String) -> Option<()> {
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (c, length) = match rest.as_bytes().get(1)? {
            quoted @ (b'"' | b'\\' | b'/' | b'\'') => (char::from(*quoted), 2),
            b'b' => ('\u{8}', 2),
            b'f' => ('\u{c}', 2),
            b'n' => ('\n', 2),
            b'r' => ('\r', 2),
            b't' => ('\t', 2),
            b'u' => unicode_escape(rest.as_bytes())?,
            _ => return None,
        };
        out.push(c);
        rest = &rest[length..];
    }
    out.push_str(rest);
    Some(())
}

/// `\u….` or a pair of surrogates; a surrogate alone is the replacement character.
fn unicode_escape(bytes: &[u8]) -> Option<(char, usize)> {
    let high = hexadecimal(bytes)?;
    if let Some(c) = char::from_u32(high) {
        return Some((c, 6));
    }
    let low = bytes.get(6..).filter(|rest| rest.starts_with(b"\\u")).and_then(hexadecimal);
    let pair = low.filter(|low| high < 0xdc00 && (0xdc00..0xe000).contains(low));
    Some(match pair {
        Some(low) => {
            let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
        }
        None => (char::REPLACEMENT_CHARACTER, 6),
    })
}

fn hexadecimal(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.get(2..6)?.iter();
    digits.copied().try_fold(0, |number, digit| Some(number * 16 + char::from(digit).to_digit(16)?))
}

/// Visits the pairs that `| logfmt` would make labels of, as key and value in the line's order;
/// returns the last thing that is broken.
pub fn logfmt_fields(line: &str, mut visit: impl FnMut(&str, &str)) -> Result<(), LogfmtError> {
    let mut pairs = Pairs::new(line, &(0..line.len()));
    let mut unescaped = String::new();
    let mut outcome = Ok(());
    while let Some(pair) = pairs.next() {
        let pair = match pair {
            Ok(pair) => pair,
            Err(error) => {
                outcome = Err(error);
                continue;
            }
        };
        let mut value = &line[pair.value.clone()];
        if pair.escaped {
            unescaped.clear();
            if push_unquoted(value, &mut unescaped).is_none() {
                outcome = Err(pairs.error(Reason::Quoted));
                continue;
            }
            value = &unescaped;
        }
        visit(&line[pair.key], &value.replace(REPLACEMENT, " "));
    }
    outcome
}

/// The key that an operand of `| logfmt a="…"` asks for, as the name of a label: a word, or a text in
/// quotes.
pub(super) fn field_key(expression: &str) -> Result<String, String> {
    let failed = |reason: String| Err(format!("cannot parse expression [{expression}]: {reason}"));
    let text = expression.trim_matches([' ', '\t', '\n']);
    if let Some(quoted) = text.strip_prefix('"') {
        let end = quoted.find(['"', ']']).unwrap_or(quoted.len());
        return Ok(quoted[..end].to_owned());
    }
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match text.chars().next() {
        None => failed("syntax error: unexpected $end, expecting STRING or KEY".to_owned()),
        Some(first) if first.is_ascii_digit() || !word(first) => {
            failed(format!("unexpected char {first}"))
        }
        Some(_) => match text.find(|c| !word(c)) {
            None => Ok(text.to_owned()),
            Some(at) => match text[at..].trim_start_matches([' ', '\t', '\n']).chars().next() {
                Some(next) if word(next) && !next.is_ascii_digit() => {
                    failed("syntax error: unexpected KEY".to_owned())
                }
                Some(next) => failed(format!("unexpected char {next}")),
                None => Ok(text[..at].to_owned()),
            },
        },
    }
}
