//! Pieces of JSON text. Positions are byte offsets into the line; an object inside another is
//! looked at as if the line ended with it.

/// Why a line is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Something is missing.
    #[error("Malformed JSON error")]
    Malformed,
    /// A string has no end.
    #[error("Value is string, but can't find closing '\"' symbol")]
    String,
    /// An array has no end.
    #[error("Value is array, but can't find closing ']' symbol")]
    Array,
    /// There is no object, or it has no end.
    #[error("Value looks like object, but can't find closing '}}' symbol")]
    Object,
    /// What begins here is no value.
    #[error("Unknown value type")]
    UnknownValue,
    /// A key or string has an escape that means nothing.
    #[error("Encountered an invalid escape sequence in a string")]
    Escape,
    /// `unpack` found something else.
    #[error("expecting json object(6), but it is not")]
    NoObject,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// Content is between the quotes; `escaped` if it has a backslash.
    String {
        /// Whether it has a backslash.
        escaped: bool,
    },
    /// A number, or what begins like one.
    Number,
    /// `true` or `false`.
    Bool,
    /// `null`.
    Null,
    /// Content has the braces.
    Object,
    /// Content has the brackets.
    Array,
}

/// A value in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) kind: ValueKind,
    /// Where its content begins.
    pub(crate) start: usize,
    /// Where its content ends.
    pub(crate) end: usize,
    /// Where the text goes on.
    pub(super) next: usize,
}

/// Skips blanks; `None` at the end of the text.
#[inline]
pub(super) fn skip_blanks(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let blank = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    rest.iter().position(|byte| !blank(byte)).map(|more| at + more)
}

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// The highest bit of each byte of the word that equals the given one (and perhaps of bytes above
/// the first such).
#[inline]
fn equal_bytes(word: u64, byte: u8) -> u64 {
    let other = word ^ (LOW_BITS * u64::from(byte));
    other.wrapping_sub(LOW_BITS) & !other & HIGH_BITS
}

/// Finds the first quote or backslash. Strings in lines are short, so eight bytes at a time do
/// better than a search that takes long to set up.
#[inline]
fn find_quote_or_backslash(bytes: &[u8], mut at: usize) -> Option<usize> {
    while let Some(chunk) = bytes.get(at..at + 8).and_then(|chunk| chunk.try_into().ok()) {
        let word = u64::from_le_bytes(chunk);
        let found = equal_bytes(word, b'"') | equal_bytes(word, b'\\');
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    let rest = bytes.get(at..)?;
    rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).map(|more| at + more)
}

/// Where the closing quote of a string stands whose content begins here, and whether there is a
/// backslash before.
#[inline]
pub(super) fn string_end(bytes: &[u8], start: usize) -> Option<(usize, bool)> {
    let (mut at, mut escaped) = (start, false);
    loop {
        at = find_quote_or_backslash(bytes, at)?;
        if bytes[at] == b'"' {
            return Some((at, escaped));
        }
        escaped = true;
        at += 2;
    }
}

/// One past the end of an object or array that begins here. Only its own kind of bracket counts.
pub(super) fn block_end(bytes: &[u8], start: usize, open: u8, close: u8) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, start);
    loop {
        let rest = bytes.get(at..)?;
        at += memchr::memchr3(open, close, b'"', rest)?;
        match bytes[at] {
            b'"' => at = string_end(bytes, at + 1)?.0,
            byte if byte == open => depth += 1,
            _ => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
        }
        at += 1;
    }
}

/// Reads a value, skipping what is inside of objects and arrays.
#[inline]
pub(super) fn value(bytes: &[u8], at: usize) -> Result<Value, JsonError> {
    let start = skip_blanks(bytes, at).ok_or(JsonError::Malformed)?;
    let whole = |kind, end| Value { kind, start, end, next: end };
    match bytes[start] {
        b'"' => {
            let (end, escaped) = string_end(bytes, start + 1).ok_or(JsonError::String)?;
            let kind = ValueKind::String { escaped };
            Ok(Value { kind, start: start + 1, end, next: end + 1 })
        }
        b'[' => {
            let end = block_end(bytes, start, b'[', b']').ok_or(JsonError::Array)?;
            Ok(whole(ValueKind::Array, end))
        }
        b'{' => {
            let end = block_end(bytes, start, b'{', b'}').ok_or(JsonError::Object)?;
            Ok(whole(ValueKind::Object, end))
        }
        first => {
            let delimiter =
                |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b',' | b'}' | b']');
            let rest = &bytes[start..];
            let end = start + rest.iter().position(delimiter).unwrap_or(rest.len());
            let kind = match (first, &bytes[start..end]) {
                (b'0'..=b'9' | b'-', _) => ValueKind::Number,
                (_, b"true" | b"false") => ValueKind::Bool,
                (_, b"null") => ValueKind::Null,
                _ => return Err(JsonError::UnknownValue),
            };
            Ok(whole(kind, end))
        }
    }
}

/// A key and its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub(super) key_start: usize,
    pub(super) key_end: usize,
    /// Whether the key has a backslash.
    pub(super) key_escaped: bool,
    pub(super) value: Value,
}

/// The members of an object, in the order in which they stand.
#[derive(Debug)]
pub(super) struct Members<'t> {
    bytes: &'t [u8],
    at: usize,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Start,
    Inside,
    Done,
}

impl<'t> Members<'t> {
    /// Of the object that begins here, after blanks.
    pub(super) fn new(bytes: &'t [u8], at: usize) -> Self {
        Self { bytes, at, state: State::Start }
    }

    /// The next member; `None` behind the last one.
    #[inline]
    pub(super) fn next_member(&mut self) -> Result<Option<Member>, JsonError> {
        let bytes = self.bytes;
        match self.state {
            State::Done => return Ok(None),
            State::Start => {
                let open = skip_blanks(bytes, self.at).filter(|at| bytes[*at] == b'{');
                let open = open.ok_or(JsonError::Object)?;
                self.at = skip_blanks(bytes, open + 1).ok_or(JsonError::Malformed)?;
                self.state = State::Inside;
            }
            State::Inside => {
                let at = skip_blanks(bytes, self.at).ok_or(JsonError::Array)?;
                match bytes[at] {
                    b'}' => {
                        self.state = State::Done;
                        return Ok(None);
                    }
                    b',' => self.at = skip_blanks(bytes, at + 1).ok_or(JsonError::Array)?,
                    _ => return Err(JsonError::Object),
                }
            }
        }
        match bytes[self.at] {
            b'"' => {}
            // Also behind a comma.
            b'}' => {
                self.state = State::Done;
                return Ok(None);
            }
            _ => return Err(JsonError::Object),
        }
        let key_start = self.at + 1;
        let (key_end, key_escaped) = string_end(bytes, key_start).ok_or(JsonError::Malformed)?;
        let colon = skip_blanks(bytes, key_end + 1).filter(|at| bytes[*at] == b':');
        let colon = colon.ok_or(JsonError::Malformed)?;
        let value = value(bytes, colon + 1)?;
        self.at = value.next;
        Ok(Some(Member { key_start, key_end, key_escaped, value }))
    }
}
