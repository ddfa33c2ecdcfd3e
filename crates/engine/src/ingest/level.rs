//! The level that a record tells about itself, found as Loki finds it: labels of its stream, its
//! metadata, fields of a JSON or logfmt line, and at last words of the line.
//! (Loki documentation, "Automatic log level detection".)

use watchkeep_model::Level;

/// Names of labels, metadata and fields that hold a level, the strongest first.
pub const NAMES: [&str; 14] = [
    "level",
    "LEVEL",
    "Level",
    "log.level",
    "severity",
    "SEVERITY",
    "Severity",
    "SeverityText",
    "lvl",
    "LVL",
    "Lvl",
    "severity_text",
    "Severity_Text",
    "SEVERITY_TEXT",
];

/// The metadata that holds the level itself.
pub(crate) const DETECTED: &str = "detected_level";

/// Objects of a JSON line inside each other that are looked into, as in Loki.
const JSON_DEPTH_MAX: usize = 2;

/// How strong a name is: the place in [`NAMES`].
#[inline]
pub(crate) fn rank(name: &str) -> Option<usize> {
    // Most names are none of these; the first letter and the length tell.
    if name.len() > 13 || !matches!(name.as_bytes().first(), Some(b'l' | b'L' | b's' | b'S')) {
        return None;
    }
    NAMES.iter().position(|known| *known == name)
}

/// The level that a text stands for, and nothing else does.
pub(crate) fn known(text: &[u8]) -> Option<Level> {
    const KNOWN: [(&[u8], Level); 14] = [
        (b"trace", Level::Trace),
        (b"trc", Level::Trace),
        (b"debug", Level::Debug),
        (b"dbg", Level::Debug),
        (b"info", Level::Info),
        (b"inf", Level::Info),
        (b"information", Level::Info),
        (b"warn", Level::Warn),
        (b"wrn", Level::Warn),
        (b"warning", Level::Warn),
        (b"error", Level::Error),
        (b"err", Level::Error),
        (b"critical", Level::Critical),
        (b"fatal", Level::Fatal),
    ];
    let found = KNOWN.iter().find(|(name, _)| text.eq_ignore_ascii_case(name));
    found.map(|(_, level)| *level)
}

/// What is shown as the level of a label or of metadata: a level's name, or the text as it is.
pub(crate) fn shown(text: &str) -> &str {
    match known(text.as_bytes()) {
        Some(level) => level.name(),
        None => text,
    }
}

/// The level that a line tells.
pub(crate) fn of_line(line: &str) -> Level {
    let trimmed = line.trim();
    let field = if trimmed.starts_with('{') && trimmed.ends_with('}') {
        json_field(trimmed.as_bytes())
    } else if line.contains('=') {
        logfmt_field(line.as_bytes())
    } else {
        None
    };
    field.and_then(known).unwrap_or_else(|| of_words(line.as_bytes()))
}

/// The first text under one of the names, in the order of the line.
fn json_field(line: &[u8]) -> Option<&[u8]> {
    Json { line, at: 0 }.object(0).ok()?
}

struct Json<'a> {
    line: &'a [u8],
    at: usize,
}

/// Not JSON: looked for no further.
struct Broken;

impl<'a> Json<'a> {
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.line.get(self.at) {
            if !byte.is_ascii_whitespace() {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    fn take(&mut self, byte: u8) -> Result<(), Broken> {
        if self.peek() != Some(byte) {
            return Err(Broken);
        }
        self.at += 1;
        Ok(())
    }

    /// What stands between quotes, escapes and all.
    fn string(&mut self) -> Result<&'a [u8], Broken> {
        self.take(b'"')?;
        let start = self.at;
        loop {
            let rest = self.line.get(self.at..).unwrap_or_default();
            let found = memchr::memchr2(b'"', b'\\', rest).ok_or(Broken)?;
            if rest[found] == b'"' {
                let text = &self.line[start..self.at + found];
                self.at += found + 1;
                return Ok(text);
            }
            self.at += found + 2;
        }
    }

    fn object(&mut self, depth: usize) -> Result<Option<&'a [u8]>, Broken> {
        self.take(b'{')?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(None);
        }
        loop {
            let key = self.string()?;
            self.take(b':')?;
            match self.peek() {
                Some(b'"') => {
                    let value = self.string()?;
                    if std::str::from_utf8(key).is_ok_and(|key| rank(key).is_some()) {
                        return Ok(Some(value));
                    }
                }
                Some(b'{') if depth + 1 < JSON_DEPTH_MAX => {
                    if let Some(found) = self.object(depth + 1)? {
                        return Ok(Some(found));
                    }
                }
                Some(b'{' | b'[') => self.skip()?,
                _ => {
                    let rest = self.line.get(self.at..).unwrap_or_default();
                    self.at += memchr::memchr2(b',', b'}', rest).ok_or(Broken)?;
                }
            }
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(None);
                }
                _ => return Err(Broken),
            }
        }
    }

    /// Passes over an array or object.
    fn skip(&mut self) -> Result<(), Broken> {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                    continue;
                }
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']') => depth -= 1,
                Some(_) => {}
                None => return Err(Broken),
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

/// The value under the strongest of the names, in any case.
fn logfmt_field(line: &[u8]) -> Option<&[u8]> {
    let mut best: Option<(usize, &[u8])> = None;
    let mut rest = line;
    loop {
        let start = rest.iter().position(|byte| *byte > b' ')?;
        rest = &rest[start..];
        let key_end = rest.iter().position(|byte| *byte <= b' ' || *byte == b'=' || *byte == b'"');
        let key_end = key_end.unwrap_or(rest.len());
        let (key, after) = rest.split_at(key_end);
        rest = after;
        let mut value: &[u8] = &[];
        match rest.first() {
            Some(b'=') if !key.is_empty() => {
                rest = &rest[1..];
                let Some(found) = logfmt_value(rest) else { break };
                (value, rest) = found;
            }
            // A key without a value.
            Some(byte) if *byte <= b' ' => {}
            None => {}
            _ => break,
        }
        if let Some(rank) = NAMES.iter().position(|name| key.eq_ignore_ascii_case(name.as_bytes()))
            && best.is_none_or(|(strongest, _)| rank < strongest)
        {
            best = Some((rank, value));
            if rank == 0 {
                break;
            }
        }
        if rest.is_empty() {
            break;
        }
    }
    best.map(|(_, value)| value)
}

/// A value and what follows it; `None` where it is broken.
fn logfmt_value(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    if rest.first() != Some(&b'"') {
        let end = rest.iter().position(|byte| *byte <= b' ').unwrap_or(rest.len());
        let (value, after) = rest.split_at(end);
        return (!value.iter().any(|byte| matches!(byte, b'=' | b'"'))).then_some((value, after));
    }
    let mut at = 1;
    loop {
        match rest.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some((&rest[1..at], &rest[at + 1..])),
            _ => at += 1,
        }
    }
}

/// The first word of a line that is a level.
fn of_words(line: &[u8]) -> Level {
    const WORDS: [(&[u8], Level); 9] = [
        (b"trace", Level::Trace),
        (b"debug", Level::Debug),
        (b"fatal", Level::Fatal),
        (b"critical", Level::Critical),
        (b"error", Level::Error),
        (b"err", Level::Error),
        (b"warning", Level::Warn),
        (b"warn", Level::Warn),
        (b"info", Level::Info),
    ];
    let opens = |byte: u8| b" \t\n[({\"'=|".contains(&byte);
    let closes = |byte: u8| b" \t\n[](){}:,!\"'=|".contains(&byte);
    let mut before = true;
    for (at, byte) in line.iter().enumerate() {
        let begins = std::mem::replace(&mut before, opens(*byte));
        if !begins || !matches!(byte | 0x20, b't' | b'd' | b'f' | b'c' | b'e' | b'w' | b'i') {
            continue;
        }
        let rest = &line[at..];
        let is = |word: &[u8]| {
            rest.get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word))
                && rest.get(word.len()).is_none_or(|next| closes(*next))
        };
        if let Some((_, level)) = WORDS.iter().find(|(word, _)| is(word)) {
            return *level;
        }
    }
    Level::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_tells_its_level() {
        let cases = [
            (r#"{"msg":"x","level":"WARN"}"#, Level::Warn),
            (r#" {"a":[{"level":"error"}],"log":{"lvl":"dbg"}} "#, Level::Debug),
            // Two objects deep is not looked into any more, then words count.
            (r#"{"a":{"b":{"level":"debug"}},"msg":"an error here"}"#, Level::Debug),
            (r#"{"a":{"b":{"c":"x"}},"msg":"fatal: no"}"#, Level::Fatal),
            (r#"{"level":5,"severity":"critical"}"#, Level::Critical),
            (r#"{"level":"NOTICE","msg":"x"}"#, Level::Unknown),
            (r#"{"level":"info" broken}"#, Level::Info),
            (r#"{"Log.Level":"info"}"#, Level::Info),
            ("level=warning msg=x", Level::Warn),
            ("severity=debug LVL=error Level=\"info\"", Level::Info),
            ("msg=\"a \\\" b\" lvl=trc", Level::Trace),
            ("a=b ERROR: no", Level::Error),
            ("2025-06-02 [INFO] error: x", Level::Info),
            ("misc:error x", Level::Unknown),
            ("an errand for warnings", Level::Unknown),
            ("x|warn|y", Level::Warn),
            ("", Level::Unknown),
        ];
        for (line, level) in cases {
            assert_eq!(of_line(line), level, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(line in r#"[{}\[\]",:=a-z\\ ]{0,40}"#) {
            of_line(&line);
        }
    }
}
