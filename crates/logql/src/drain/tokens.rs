//! From a line to tokens and back. A line is taken as JSON, of which one field is looked at, as
//! logfmt, of which keys and values are tokens, or as text, which is cut at blanks and punctuation.

use super::PLACEHOLDER;

/// Fields of a JSON object that hold a message, the likeliest first.
const MESSAGE_FIELDS: [&str; 6] = ["log", "message", "msg", "msg_", "_msg", "content"];

/// Fields of logfmt whose values are different in each line.
const VARIABLE_FIELDS: [&str; 4] = ["ts", "traceid", "time", "timestamp"];

/// How a line was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Format {
    /// The message of a JSON object, as text.
    Json,
    /// Keys and values in turn.
    Logfmt,
    /// Words and punctuation.
    Text,
}

/// The parts of a line.
#[derive(Debug)]
pub(super) struct Tokens<'l> {
    pub(super) format: Format,
    pub(super) texts: Vec<&'l str>,
    /// Of text how many blanks stand before each token, and at last behind all.
    pub(super) blanks: Vec<usize>,
}

/// Cuts a line, unless it has more tokens than that. `None` too for JSON without a message.
pub(super) fn cut(line: &str, tokens_max: usize) -> Option<Tokens<'_>> {
    if line.starts_with('{') && line.ends_with('}') {
        return words(json_message(line)?, Format::Json, tokens_max);
    }
    match pairs(line, tokens_max) {
        Some(texts) => Some(Tokens { format: Format::Logfmt, texts, blanks: Vec::new() }),
        None => words(line, Format::Text, tokens_max),
    }
}

/// Words and punctuation. What often stands inside of names, numbers and addresses does not cut.
fn words(line: &str, format: Format, tokens_max: usize) -> Option<Tokens<'_>> {
    let (mut tokens, mut blanks) = (Vec::new(), vec![0]);
    let mut start = 0;
    for (at, c) in line.char_indices() {
        let cuts = c == ' ' || c == '=' || c.is_ascii_punctuation() && !"_-.:/$+<>^`|~".contains(c);
        if !cuts {
            continue;
        }
        if at > start {
            tokens.push(&line[start..at]);
            blanks.push(0);
        }
        start = at + 1;
        if c == ' ' {
            *blanks.last_mut()? += 1;
        } else {
            tokens.push(&line[at..start]);
            blanks.push(0);
        }
        if tokens.len() > tokens_max {
            return None;
        }
    }
    if start < line.len() {
        tokens.push(&line[start..]);
        blanks.push(0);
    }
    (tokens.len() <= tokens_max).then_some(Tokens { format, texts: tokens, blanks })
}

/// Keys and values of a line that is nothing but `key=value key="value"`.
fn pairs(line: &str, tokens_max: usize) -> Option<Vec<&str>> {
    let mut tokens = Vec::new();
    let mut rest = line.trim_end_matches(' ');
    while !rest.is_empty() {
        let (key, behind) = rest.split_once('=')?;
        let is_key = |c: char| c == '_' || c == '.' || c == '-' || c.is_alphanumeric();
        if key.is_empty() || !key.chars().all(is_key) || tokens.len() + 2 > tokens_max {
            return None;
        }
        let (value, behind) = match behind.strip_prefix('"') {
            Some(quoted) => {
                let end = closing_quote(quoted)?;
                (&quoted[..end], &quoted[end + 1..])
            }
            None => behind.split_at(behind.find(' ').unwrap_or(behind.len())),
        };
        let is_variable =
            key == "t" || VARIABLE_FIELDS.iter().any(|name| key.eq_ignore_ascii_case(name));
        tokens.push(key);
        tokens.push(if is_variable { PLACEHOLDER } else { value });
        if !behind.is_empty() && !behind.starts_with(' ') {
            return None;
        }
        rest = behind.trim_start_matches(' ');
    }
    (!tokens.is_empty()).then_some(tokens)
}

/// Where the string ends whose inside the text begins with.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// The message of an object, as it is written between its quotes.
fn json_message(line: &str) -> Option<&str> {
    let mut best: Option<(usize, &str)> = None;
    let (mut depth, mut rest) = (0_usize, line);
    while let Some(at) = rest.find(['"', '{', '}', '[', ']']) {
        let (c, behind) = (rest.as_bytes()[at], &rest[at + 1..]);
        rest = behind;
        match c {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {
                let end = closing_quote(behind)?;
                let key = &behind[..end];
                rest = &behind[end + 1..];
                let Some(value) = rest.trim_start().strip_prefix(':') else { continue };
                let rank = MESSAGE_FIELDS.iter().position(|name| *name == key);
                let (Some(rank), Some(value)) = (rank, value.trim_start().strip_prefix('"')) else {
                    continue;
                };
                if depth == 1 && best.is_none_or(|(other, _)| rank < other) {
                    best = Some((rank, &value[..closing_quote(value)?]));
                }
            }
        }
    }
    best.map(|(_, message)| message)
}

/// Puts the tokens of a template together, as lines of its format look.
pub(super) fn join(format: Format, tokens: &[Box<str>], blanks: &[usize]) -> String {
    let mut out = String::new();
    if format == Format::Logfmt {
        for (at, pair) in tokens.chunks(2).enumerate() {
            let [key, value] = pair else { continue };
            let quoted = value.contains(|c: char| c <= ' ' || c == '=' || c == '"');
            let quote = if quoted { "\"" } else { "" };
            let blank = if at == 0 { "" } else { " " };
            out.extend([blank, key, "=", quote, value, quote]);
        }
        return out;
    }
    let around = if format == Format::Json { PLACEHOLDER } else { "" };
    out.push_str(around);
    let push = |out: &mut String, token: &str| {
        // Two that follow each other say no more than one.
        if token != PLACEHOLDER || !out.ends_with(PLACEHOLDER) {
            out.push_str(token);
        }
    };
    for (at, token) in tokens.iter().enumerate() {
        out.extend(std::iter::repeat_n(' ', blanks.get(at).copied().unwrap_or_default()));
        push(&mut out, token);
    }
    out.extend(std::iter::repeat_n(' ', blanks.get(tokens.len()).copied().unwrap_or_default()));
    push(&mut out, around);
    out
}
