//! Redacts JSON without changing what stays: white space, the order of members and the spelling of
//! numbers are kept.

use watchkeep_model::attributes::write_json_string;

use super::{Counts, KeyAction, Redacted, Redactor};

/// How deep JSON may be nested; deeper is treated as text.
const DEPTH_MAX: usize = 128;
/// How often JSON may lie as text in a string of JSON.
const NESTED_MAX: usize = 3;

/// See [`Redactor::json`].
pub(super) fn redact(
    redactor: &Redactor,
    text: &str,
    envelope: usize,
    counts: &mut Counts,
) -> Option<Redacted> {
    // Counted only if this turns out to be JSON.
    let mut found = counts.clone();
    let redacted = walk(redactor, text, envelope, 0, &mut found)?;
    *counts = found;
    Some(redacted)
}

fn walk(
    redactor: &Redactor,
    text: &str,
    envelope: usize,
    nested: usize,
    counts: &mut Counts,
) -> Option<Redacted> {
    let out = String::with_capacity(text.len());
    let mut walk = Walk { redactor, text, at: 0, out, counts, quiet: 0, changed: false, nested };
    walk.space();
    let is_dropped = walk.value(0, envelope)?;
    walk.space();
    if walk.at < text.len() {
        return None;
    }
    Some(match (is_dropped, walk.changed) {
        (true, _) => Redacted::Dropped,
        (false, true) => Redacted::Changed(walk.out),
        (false, false) => Redacted::Kept,
    })
}

struct Walk<'a> {
    redactor: &'a Redactor,
    text: &'a str,
    at: usize,
    out: String,
    counts: &'a mut Counts,
    /// While above 0 nothing is looked for.
    quiet: usize,
    changed: bool,
    nested: usize,
}

/// Every step gives `None` where this is no JSON, or whether the value has to go.
impl<'a> Walk<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    fn space(&mut self) {
        let start = self.at;
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        let space = self.slice(start, self.at);
        self.out.push_str(space);
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| {
            self.at += 1;
            self.out.push(char::from(byte));
        })
    }

    fn value(&mut self, depth: usize, envelope: usize) -> Option<bool> {
        if depth > DEPTH_MAX {
            return None;
        }
        match self.peek()? {
            b'{' => self.object(depth, envelope),
            b'[' => self.array(depth, envelope),
            b'"' => self.string(),
            _ => self.scalar(),
        }
    }

    fn array(&mut self, depth: usize, envelope: usize) -> Option<bool> {
        self.take(b'[')?;
        self.space();
        let mut is_first = true;
        while self.peek()? != b']' {
            let mark = self.out.len();
            if !is_first {
                self.out.push(',');
            }
            self.space();
            if self.value(depth + 1, envelope)? {
                self.out.truncate(mark);
                self.changed = true;
            } else {
                is_first = false;
            }
            self.space();
            self.separator(b']')?;
        }
        self.take(b']')?;
        Some(false)
    }

    /// Passes a comma, which is written before the next that stays; or sees the end.
    fn separator(&mut self, end: u8) -> Option<()> {
        match self.peek()? {
            b',' => {
                self.at += 1;
                // No comma before the end.
                let rest = self.slice(self.at, self.text.len()).trim_start();
                (rest.as_bytes().first() != Some(&end)).then_some(())
            }
            byte if byte == end => Some(()),
            _ => None,
        }
    }

    fn object(&mut self, depth: usize, envelope: usize) -> Option<bool> {
        self.take(b'{')?;
        self.space();
        let mut is_first = true;
        while self.peek()? != b'}' {
            let mark = self.out.len();
            if !is_first {
                self.out.push(',');
            }
            self.space();
            if self.member(depth, envelope)? {
                self.out.truncate(mark);
                self.changed = true;
            } else {
                is_first = false;
            }
            self.space();
            self.separator(b'}')?;
        }
        self.take(b'}')?;
        Some(false)
    }

    fn member(&mut self, depth: usize, envelope: usize) -> Option<bool> {
        let start = self.at;
        let is_envelope = envelope > 0;
        let is_dropped = if is_envelope { self.quietly(Self::string)? } else { self.string()? };
        let key = self.slice(start + 1, self.at.saturating_sub(1));
        self.space();
        self.take(b':')?;
        self.space();
        if is_dropped {
            self.quietly(|walk| walk.value(depth + 1, 0))?;
            return Some(true);
        }
        if is_envelope {
            return match key {
                "attributes" => self.value(depth + 1, envelope - 1),
                "name" => self.name(),
                _ => self.quietly(|walk| walk.value(depth + 1, 0)),
            };
        }
        // Bytes in base64 say nothing.
        if key == "$bytes" {
            return self.quietly(|walk| walk.value(depth + 1, 0));
        }
        match self.redactor.key(key).filter(|_| self.quiet == 0) {
            None => self.value(depth + 1, 0),
            Some(KeyAction::Keep) => self.quietly(|walk| walk.value(depth + 1, 0)),
            Some(rule) => self.by_key(rule, depth),
        }
    }

    /// The name of an event, which may be free text: Zipkin's annotations are. It never goes itself.
    fn name(&mut self) -> Option<bool> {
        if self.peek() != Some(b'"') {
            return self.quietly(|walk| walk.value(0, 0));
        }
        if self.string()? {
            self.out.push_str("\"\"");
            self.changed = true;
        }
        Some(false)
    }

    fn by_key(&mut self, rule: KeyAction, depth: usize) -> Option<bool> {
        let (start, mark) = (self.at, self.out.len());
        self.quietly(|walk| walk.value(depth + 1, 0))?;
        let raw = self.slice(start, self.at);
        let inner = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or(raw);
        match self.redactor.by_key(rule, inner, self.counts) {
            Redacted::Kept => Some(false),
            Redacted::Dropped => Some(true),
            Redacted::Changed(changed) => {
                self.out.truncate(mark);
                write_json_string(&mut self.out, &changed);
                self.changed = true;
                Some(false)
            }
        }
    }

    fn quietly<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.quiet += 1;
        let read = read(self);
        self.quiet -= 1;
        read
    }

    /// A number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Option<bool> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        {
            self.at += 1;
        }
        let raw = self.slice(start, self.at);
        if !matches!(raw, "true" | "false" | "null") && raw.parse::<f64>().is_err() {
            return None;
        }
        let redacted = match self.quiet {
            0 => self.redactor.number(raw, self.counts),
            _ => Redacted::Kept,
        };
        Some(self.put(raw, redacted))
    }

    /// Writes a scalar, or what stands in its place; true where what holds it goes.
    fn put(&mut self, raw: &str, redacted: Redacted) -> bool {
        match redacted {
            Redacted::Kept => self.out.push_str(raw),
            Redacted::Dropped => return true,
            Redacted::Changed(changed) => {
                write_json_string(&mut self.out, &changed);
                self.changed = true;
            }
        }
        false
    }

    fn string(&mut self) -> Option<bool> {
        let start = self.at;
        self.at += 1;
        let mut has_escapes = false;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            self.at += memchr::memchr2(b'"', b'\\', rest)?;
            if self.peek() == Some(b'"') {
                break;
            }
            has_escapes = true;
            self.at += 2;
        }
        self.at += 1;
        if self.text.as_bytes().get(start) != Some(&b'"') {
            return None;
        }
        let token = self.slice(start, self.at);
        if self.quiet > 0 {
            self.out.push_str(token);
            return Some(false);
        }
        let inner = self.slice(start + 1, self.at - 1);
        let redacted = if has_escapes {
            let plain: String = serde_json::from_str(token).ok()?;
            self.inner(&plain)
        } else {
            self.inner(inner)
        };
        Some(self.put(token, redacted))
    }

    /// What a string says: text, or JSON once more.
    fn inner(&mut self, plain: &str) -> Redacted {
        let may_be_json = matches!(plain.trim_start().as_bytes().first(), Some(b'{' | b'['));
        if may_be_json && self.nested < NESTED_MAX {
            let mut found = self.counts.clone();
            let nested = walk(self.redactor, plain, 0, self.nested + 1, &mut found);
            if let Some(redacted) = nested {
                *self.counts = found;
                return redacted;
            }
        }
        self.redactor.plain(plain, self.counts)
    }
}
