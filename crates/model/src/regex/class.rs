//! Sets of characters: in brackets, behind a backslash, by name. And escapes of single characters.

use regex::Regex;

use super::PatternError;
use super::syntax::up_to;

const INVALID_ESCAPE: &str = "invalid escape sequence";
const INVALID_RANGE: &str = "invalid character class range";

/// A set of characters.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) items: Vec<Item>,
    pub(super) negated: bool,
    /// Whether case does not matter.
    pub(super) fold: bool,
}

/// A part of a set.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// From one character to another, both in it.
    Range(char, char),
    /// A set in the words of the `regex` crate.
    Set(String),
}

/// Sets in brackets and what they are among ASCII.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// `[a-z]` at the start of the text, and what is behind it.
pub(super) fn bracketed(text: &str, fold: bool) -> Result<(Class, &str), PatternError> {
    let mut rest = text.strip_prefix('[').unwrap_or(text);
    let negated = rest.starts_with('^');
    if negated {
        rest = &rest[1..];
    }
    let mut items = Vec::new();
    loop {
        if !items.is_empty()
            && let Some(behind) = rest.strip_prefix(']')
        {
            return Ok((Class { items, negated, fold }, behind));
        }
        let item;
        (item, rest) = item_of(rest, text)?;
        items.push(item);
    }
}

fn item_of<'p>(text: &'p str, class: &str) -> Result<(Item, &'p str), PatternError> {
    if let Some(named) = text.strip_prefix("[:")
        && let Some((name, rest)) = named.split_once(":]")
    {
        if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return Err(PatternError::new(INVALID_RANGE, up_to(text, rest)));
        }
        return Ok((Item::Set(up_to(text, rest).to_owned()), rest));
    }
    if let Some((set, rest)) = escaped_set(text)? {
        return Ok((Item::Set(set), rest));
    }
    let (low, rest) = char_of(text, class)?;
    // A hyphen before the closing bracket is itself.
    if let Some(behind) = rest.strip_prefix('-')
        && !behind.is_empty()
        && !behind.starts_with(']')
    {
        let (high, rest) = char_of(behind, class)?;
        if high < low {
            return Err(PatternError::new(INVALID_RANGE, up_to(text, rest)));
        }
        return Ok((Item::Range(low, high), rest));
    }
    Ok((Item::Range(low, low), rest))
}

fn char_of<'p>(text: &'p str, class: &str) -> Result<(char, &'p str), PatternError> {
    let mut chars = text.chars();
    match chars.next() {
        None => Err(PatternError::new("missing closing ]", class)),
        Some('\\') => escaped_char(text),
        Some(c) => Ok((c, chars.as_str())),
    }
}

/// `\d` or `\pL` at the start of the text, and what is behind it.
pub(super) fn escaped(text: &str, fold: bool) -> Result<Option<(Class, &str)>, PatternError> {
    let set = escaped_set(text)?;
    Ok(set.map(|(set, rest)| (Class { items: vec![Item::Set(set)], negated: false, fold }, rest)))
}

fn escaped_set(text: &str) -> Result<Option<(String, &str)>, PatternError> {
    let mut chars = text.chars();
    if chars.next() != Some('\\') {
        return Ok(None);
    }
    let Some(letter) = chars.next() else { return Ok(None) };
    let set = match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => r"[\t\n\f\r ]",
        'S' => r"[^\t\n\f\r ]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        'p' | 'P' => return unicode(text, chars.as_str(), letter == 'P').map(Some),
        _ => return Ok(None),
    };
    Ok(Some((set.to_owned(), chars.as_str())))
}

/// `\pL`, `\p{Greek}` or `\p{^Greek}`: a general category or a script.
fn unicode<'p>(
    text: &'p str,
    behind: &'p str,
    mut negated: bool,
) -> Result<(String, &'p str), PatternError> {
    let (name, rest) = if let Some(braced) = behind.strip_prefix('{') {
        braced.split_once('}').ok_or_else(|| PatternError::new(INVALID_RANGE, text))?
    } else {
        behind.split_at(behind.chars().next().map_or(0, char::len_utf8))
    };
    let name = name.strip_prefix('^').map_or(name, |name| {
        negated = !negated;
        name
    });
    let is_word = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' '));
    if is_word && !name.is_empty() {
        for property in ["gc", "sc"] {
            let letter = if negated { 'P' } else { 'p' };
            let set = format!("\\{letter}{{{property}={name}}}");
            if Regex::new(&set).is_ok() {
                return Ok((set, rest));
            }
        }
    }
    Err(PatternError::new(INVALID_RANGE, up_to(text, rest)))
}

/// An escape that stands for one character, at the start of the text, and what is behind it.
pub(super) fn escaped_char(text: &str) -> Result<(char, &str), PatternError> {
    let mut chars = text.chars();
    chars.next();
    let Some(c) = chars.next() else {
        return Err(PatternError::new("trailing backslash at end of expression", ""));
    };
    let invalid = |rest: &str| Err(PatternError::new(INVALID_ESCAPE, up_to(text, rest)));
    let rest = chars.as_str();
    let c = match c {
        'a' => '\x07',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        'x' => return hexadecimal(text, rest),
        '0'..='7' => {
            let further = rest.chars().take(2).take_while(|c| c.is_digit(8)).count();
            // One digit alone would refer back to a group.
            if c != '0' && further == 0 {
                return invalid(rest);
            }
            let (digits, behind) = text[1..].split_at(1 + further);
            let code = u32::from_str_radix(digits, 8).ok().and_then(char::from_u32);
            return code.map_or_else(|| invalid(behind), |c| Ok((c, behind)));
        }
        _ if c.is_ascii() && !c.is_ascii_alphanumeric() => c,
        _ => return invalid(rest),
    };
    Ok((c, rest))
}

/// `\x41` or `\x{1F600}`, of which `rest` is what is behind the `x`.
fn hexadecimal<'p>(text: &'p str, rest: &'p str) -> Result<(char, &'p str), PatternError> {
    let mut chars = rest.chars();
    let mut code = 0_u32;
    let mut digits = 0;
    let is_braced = chars.as_str().starts_with('{');
    if is_braced {
        chars.next();
    }
    let found = loop {
        match chars.next() {
            Some('}') if is_braced => break digits > 0,
            Some(c) if let Some(digit) = c.to_digit(16) => {
                code = code * 16 + digit;
                digits += 1;
            }
            // Both digits are read before either is judged.
            Some(_) if !is_braced && digits == 0 => {
                chars.next();
                break false;
            }
            _ => break false,
        }
        if code > u32::from(char::MAX) {
            break false;
        }
        if !is_braced && digits == 2 {
            break true;
        }
    };
    match char::from_u32(code) {
        Some(c) if found => Ok((c, chars.as_str())),
        _ => Err(PatternError::new(INVALID_ESCAPE, up_to(text, chars.as_str()))),
    }
}
