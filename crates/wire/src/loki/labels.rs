//! The text of a stream's labels, as clients send it: `{app="gateway", env="prod"}`. The grammar is
//! that of a metric in PromQL: a name before the braces stands for `__name__`, texts are quoted with
//! `"`, `'` or backticks, names may be quoted too. Names that need their quotes are refused.

use watchkeep_model::Labels;
use watchkeep_model::labels::METRIC_NAME;

/// Reads a label set; the error says what is wrong, and at which byte.
pub fn parse(text: &str) -> Result<Labels, String> {
    let mut reader = Reader { text, at: 0 };
    let mut pairs: Vec<(String, String)> = Vec::new();
    reader.blank();
    if let Some(name) = reader.name(true) {
        pairs.push((METRIC_NAME.to_owned(), name.to_owned()));
        reader.blank();
    }
    if reader.take(b'{') {
        reader.pairs(&mut pairs)?;
    } else if pairs.is_empty() {
        return Err(reader.expected("\"{\""));
    }
    reader.blank();
    if reader.at < text.len() {
        return Err(reader.expected("the end"));
    }
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if let Some((name, _)) = pairs.iter().find(|(name, _)| !is_name(name)) {
        return Err(format!("{name:?} is not the name of a label"));
    }
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    let twice = pairs.iter().zip(pairs.iter().skip(1)).find(|(one, next)| one.0 == next.0);
    if let Some(((name, _), _)) = twice {
        return Err(format!("label {name:?} occurs twice"));
    }
    Ok(Labels::from_pairs(pairs))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn blank(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn expected(&self, what: &str) -> String {
        match self.rest().chars().next() {
            Some(found) => {
                format!("1:{}: parse error: unexpected {found:?}, expected {what}", self.at + 1)
            }
            None => format!("1:{}: parse error: unexpected end, expected {what}", self.at + 1),
        }
    }

    /// A name as such; one of a metric may have colons.
    fn name(&mut self, of_metric: bool) -> Option<&'a str> {
        let rest = self.rest();
        let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || (of_metric && c == ':');
        let name = rest.get(..rest.find(|c| !inside(c)).unwrap_or(rest.len()))?;
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.at += name.len();
        Some(name)
    }

    fn pairs(&mut self, pairs: &mut Vec<(String, String)>) -> Result<(), String> {
        loop {
            self.blank();
            if self.take(b'}') {
                return Ok(());
            }
            let quoted = matches!(self.peek(), Some(b'"' | b'\'' | b'`'));
            let name = if quoted {
                self.quoted()?
            } else {
                self.name(false)
                    .map(str::to_owned)
                    .ok_or_else(|| self.expected("a label or \"}\""))?
            };
            self.blank();
            if quoted && matches!(self.peek(), Some(b',' | b'}')) {
                pairs.push((METRIC_NAME.to_owned(), name));
            } else {
                if !self.take(b'=') {
                    return Err(self.expected("\"=\""));
                }
                self.blank();
                pairs.push((name, self.quoted()?));
                self.blank();
            }
            if !self.take(b',') && self.peek() != Some(b'}') {
                return Err(self.expected("\",\" or \"}\""));
            }
        }
    }

    /// A quoted text, with the escapes of Go.
    fn quoted(&mut self) -> Result<String, String> {
        let Some(quote @ (b'"' | b'\'' | b'`')) = self.peek() else {
            return Err(self.expected("a quoted text"));
        };
        let start = self.at;
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let rest = self.rest().as_bytes();
            let plain = rest
                .iter()
                .position(|byte| *byte == quote || (*byte == b'\\' && quote != b'`'))
                .ok_or_else(|| format!("1:{}: parse error: unterminated quoted text", start + 1))?;
            bytes.extend_from_slice(rest.get(..plain).unwrap_or_default());
            self.at += plain + 1;
            if rest.get(plain) == Some(&quote) {
                break;
            }
            self.escape(&mut bytes)
                .ok_or_else(|| format!("1:{}: parse error: unknown escape sequence", self.at))?;
        }
        // Escapes may make bytes that are no text.
        Ok(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }

    /// What follows a backslash.
    fn escape(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let byte = self.peek()?;
        self.at += 1;
        let digits = match byte {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            b'0'..=b'7' => {
                self.at -= 1;
                let code = u8::from_str_radix(self.rest().get(..3)?, 8).ok()?;
                self.at += 3;
                out.push(code);
                return Some(());
            }
            _ => {
                let escapes = b"\\\\\"\"''n\nr\rt\ta\x07b\x08f\x0cv\x0b";
                let meant = escapes.chunks(2).find(|pair| pair.first() == Some(&byte))?;
                out.push(*meant.get(1)?);
                return Some(());
            }
        };
        let text = self.rest().get(..digits)?;
        let code = u32::from_str_radix(text, 16).ok()?;
        self.at += digits;
        if byte == b'x' {
            out.push(code as u8);
        } else {
            let character = char::from_u32(code)?;
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Some(())
    }
}
