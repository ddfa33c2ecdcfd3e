//! The lexer: text to tokens, split as Tempo splits it. It stops at the first text that is no token;
//! the parser reports that only if nothing before it is wrong.

use watchkeep_promql::go;
use watchkeep_promql::quote::quote;

use crate::ast::Place;
use crate::parser::ParseError;
use crate::token::{Token, TokenKind, TokenValue};

/// Reads all tokens of a query, the last of which is `Eof`, or those before an error with it.
pub(crate) fn tokens(query: &str) -> (Vec<Token>, Option<ParseError>) {
    let mut lexer = Lexer {
        query,
        pos: 0,
        start: 0,
        // An empty query has no place.
        line: u32::from(!query.is_empty()),
        column: u32::from(!query.is_empty()),
        place_pos: 0,
        lineless: false,
        attribute: None,
    };
    let mut tokens = Vec::new();
    loop {
        match lexer.next_token() {
            Ok(token) => {
                let is_last = token.kind == TokenKind::Eof;
                tokens.push(token);
                if is_last {
                    return (tokens, None);
                }
            }
            Err(error) => {
                lexer.start = lexer.pos;
                tokens.push(lexer.token(TokenKind::Eof));
                return (tokens, Some(error));
            }
        }
    }
}

/// Whether a character can be part of an attribute's name that is not in quotes.
pub(crate) fn is_attribute_char(c: char) -> bool {
    !c.is_whitespace()
        && !matches!(c, '{' | '}' | '(' | ')' | '=' | '~' | '!' | '<' | '>' | '&' | '|' | '^' | ',')
}

fn is_word_char(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

#[derive(Debug)]
struct Lexer<'q> {
    query: &'q str,
    pos: usize,
    /// Where the token being read began.
    start: usize,
    /// Of the byte `place_pos`.
    line: u32,
    column: u32,
    place_pos: usize,
    /// Tempo forgets the line of a token behind whose first part it looked for more, until the next.
    lineless: bool,
    /// The scope of the attribute whose name is being read.
    attribute: Option<TokenKind>,
}

impl<'q> Lexer<'q> {
    fn rest(&self) -> &'q str {
        self.query.get(self.pos..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take_while(&mut self, allowed: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.pos += rest.find(|c| !allowed(c)).unwrap_or(rest.len());
    }

    fn text(&self) -> &'q str {
        self.query.get(self.start..self.pos).unwrap_or_default()
    }

    /// Line and column of the byte `start`.
    fn find_place(&mut self) {
        for c in self.query.get(self.place_pos..self.start).unwrap_or_default().chars() {
            if c == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.place_pos = self.start;
    }

    fn value(&self, kind: TokenKind, value: TokenValue) -> Token {
        let line = if self.lineless { 0 } else { self.line };
        let place = Place { start: self.start, end: self.pos };
        Token { kind, value, place, line, column: self.column }
    }

    fn token(&self, kind: TokenKind) -> Token {
        self.value(kind, TokenValue::None)
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        let line = if self.lineless { 0 } else { self.line };
        let place = Place { start: self.start, end: self.pos.max(self.start) };
        Err(ParseError::syntax(message, line, self.column, place))
    }

    /// Passes over blanks and over comments of Go, whose scanner Tempo uses.
    fn skip_blanks(&mut self) -> Result<(), ParseError> {
        self.lineless = false;
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
            let rest = self.rest();
            self.start = self.pos;
            self.find_place();
            if rest.starts_with("//") {
                self.take_while(|c| c != '\n');
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let Some(end) = comment.find("*/") else {
                    return self.error("comment not terminated");
                };
                self.pos += end + 4;
            } else {
                return Ok(());
            }
        }
    }

    fn next_token(&mut self) -> Result<Token, ParseError> {
        if let Some(scope) = self.attribute {
            return self.attribute_part(scope);
        }
        self.skip_blanks()?;
        let Some(c) = self.peek() else {
            return Ok(self.token(TokenKind::Eof));
        };
        match c {
            '"' => return self.string(),
            '`' => return self.raw_string(),
            '0'..='9' => return self.number(),
            '.' if self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                return self.number();
            }
            '\'' => return self.character(),
            '\0' => return self.error("invalid character NUL"),
            _ if is_word_char(c) => self.take_while(|c| is_word_char(c) || c.is_numeric()),
            _ => self.pos += c.len_utf8(),
        }
        self.longest();
        let text = self.text();
        let Some(kind) = TokenKind::of(text) else {
            return Ok(self.value(TokenKind::Identifier, TokenValue::Text(text.to_owned())));
        };
        if kind.starts_attribute() {
            self.attribute = Some(kind);
        }
        Ok(self.token(kind))
    }

    /// Takes further characters while they make a token with what there is.
    fn longest(&mut self) {
        while let Some(c) = self.peek() {
            let end = self.pos + c.len_utf8();
            if self.query.get(self.start..end).and_then(TokenKind::of).is_none() {
                return;
            }
            self.pos = end;
            self.lineless = true;
        }
    }

    /// What follows the scope of an attribute: a scope behind `parent.`, a name, and its end.
    fn attribute_part(&mut self, scope: TokenKind) -> Result<Token, ParseError> {
        let scope_start = self.start;
        self.start = self.pos;
        let token = if !self.peek().is_some_and(is_attribute_char) {
            self.attribute = None;
            self.token(TokenKind::EndAttribute)
        } else if let Some(inner) = self.inner_scope(scope) {
            self.lineless = true;
            self.attribute = Some(inner);
            self.pos += inner.name().len();
            self.token(inner)
        } else {
            self.lineless = true;
            let mut name = String::new();
            while let Some(c) = self.peek().filter(|c| is_attribute_char(*c)) {
                self.pos += c.len_utf8();
                if c == '"' {
                    self.quoted_part(&mut name)?;
                } else {
                    name.push(c);
                }
            }
            self.value(TokenKind::Identifier, TokenValue::Text(name))
        };
        // Tempo tells the place of the scope for all of them.
        self.start = scope_start;
        Ok(token)
    }

    fn inner_scope(&self, scope: TokenKind) -> Option<TokenKind> {
        if scope != TokenKind::ParentDot {
            return None;
        }
        [TokenKind::SpanDot, TokenKind::ResourceDot]
            .into_iter()
            .find(|inner| self.rest().starts_with(inner.name()))
    }

    /// The rest of a part in quotes, behind the first.
    fn quoted_part(&mut self, name: &mut String) -> Result<(), ParseError> {
        while let Some(c) = self.peek() {
            self.pos += c.len_utf8();
            match c {
                '"' => return Ok(()),
                '\\' => match self.peek() {
                    Some(c @ ('"' | '\\')) => {
                        self.pos += 1;
                        name.push(c);
                    }
                    _ => return self.error("invalid escape sequence"),
                },
                _ => name.push(c),
            }
        }
        self.error("unexpected EOF, expecting \"")
    }

    fn string(&mut self) -> Result<Token, ParseError> {
        let rest = self.rest();
        let mut escaped = false;
        for (at, c) in rest.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '\n' => break,
                '"' => {
                    self.pos += at + 1;
                    return match go::unescape(&rest[1..at]) {
                        Ok(text) => Ok(self.value(TokenKind::String, TokenValue::Text(text))),
                        Err(message) => self.error(message),
                    };
                }
                _ => {}
            }
        }
        self.error("literal not terminated")
    }

    /// Text between backquotes; returns in it do not count.
    fn raw_string(&mut self) -> Result<Token, ParseError> {
        let Some(length) = self.rest()[1..].find('`') else {
            return self.error("literal not terminated");
        };
        let text = self.rest()[1..=length].replace('\r', "");
        self.pos += length + 2;
        Ok(self.value(TokenKind::String, TokenValue::Text(text)))
    }

    /// `'x'` of Go, which TraceQL has no use for and takes for a name.
    fn character(&mut self) -> Result<Token, ParseError> {
        let rest = self.rest();
        let mut escaped = false;
        for (at, c) in rest.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '\n' => break,
                '\'' => {
                    self.pos += at + 1;
                    let text = self.text().to_owned();
                    return Ok(self.value(TokenKind::Identifier, TokenValue::Text(text)));
                }
                _ => {}
            }
        }
        self.error("literal not terminated")
    }

    /// A number, or with a unit behind it a duration.
    fn number(&mut self) -> Result<Token, ParseError> {
        let is_integer = self.digits()?;
        let number_end = self.pos;
        self.take_while(|c| {
            c.is_numeric() || matches!(c, 'n' | 's' | 'u' | 'm' | 'h' | 'µ' | 'd' | 'w' | 'y' | '.')
        });
        if self.pos > number_end
            && let Some(nanos) = duration(self.text())
        {
            self.lineless = true;
            return Ok(self.value(TokenKind::Duration, TokenValue::Duration(nanos)));
        }
        self.pos = number_end;
        let text = self.text();
        let failed = |of: &str, why: &str| format!("strconv.{of}: parsing {}: {why}", quote(text));
        if is_integer {
            if !text.bytes().all(|byte| byte.is_ascii_digit()) {
                return self.error(failed("Atoi", "invalid syntax"));
            }
            return match text.parse() {
                Ok(int) => Ok(self.value(TokenKind::Integer, TokenValue::Int(int))),
                Err(_) => self.error(failed("Atoi", "value out of range")),
            };
        }
        match text.parse::<f64>() {
            Ok(float) if float.is_finite() => {
                Ok(self.value(TokenKind::Float, TokenValue::Float(float)))
            }
            Ok(_) => self.error(failed("ParseFloat", "value out of range")),
            Err(_) => self.error(failed("ParseFloat", "invalid syntax")),
        }
    }

    /// Passes over a number as Go writes them; whether it is an integer.
    fn digits(&mut self) -> Result<bool, ParseError> {
        let rest = self.rest();
        let prefix = rest.get(..2).unwrap_or_default().to_ascii_lowercase();
        if matches!(prefix.as_str(), "0x" | "0o" | "0b") {
            self.pos += 2;
            self.take_while(|c| c == '_' || c.is_ascii_hexdigit());
            return Ok(true);
        }
        self.take_while(|c| c == '_' || c.is_ascii_digit());
        let mut is_integer = true;
        if self.peek() == Some('.') {
            is_integer = false;
            self.pos += 1;
            self.take_while(|c| c == '_' || c.is_ascii_digit());
        }
        if self.rest().starts_with(['e', 'E']) {
            is_integer = false;
            self.pos += 1;
            if self.rest().starts_with(['+', '-']) {
                self.pos += 1;
            }
            if !self.rest().starts_with(|c: char| c.is_ascii_digit()) {
                return self.error("exponent has no digits");
            }
            self.take_while(|c| c == '_' || c.is_ascii_digit());
        }
        let text = self.text();
        if is_integer
            && text.starts_with('0')
            && let Some(digit) = text.chars().find(|c| matches!(c, '8' | '9'))
        {
            return self.error(format!("invalid digit '{digit}' in octal literal"));
        }
        Ok(is_integer)
    }
}

/// Nanoseconds of a duration: Prometheus's (`1d`, `1h30m`) or else Go's (`1.5h`, `10µs`).
fn duration(text: &str) -> Option<i64> {
    let prometheus = watchkeep_promql::parse_duration(text).ok();
    let nanos = prometheus.and_then(|millis| millis.checked_mul(1_000_000));
    nanos.or_else(|| go::parse_duration(text).ok())
}
