//! The lexer: text to tokens. It stops at the first text that is no token; the parser reports that
//! only if nothing before it is wrong.

use watchkeep_promql::go;

use crate::ast::{BinaryOp, LineOp, Span};
use crate::parser::ParseError;
use crate::pipeline::number;
use crate::token::{Token, TokenKind, Value};
use crate::units;

/// Reads all tokens of a query, the last of which is `Eof`, or those before an error with it.
pub(crate) fn tokens(query: &str) -> (Vec<Token>, Option<ParseError>) {
    let mut lexer = Lexer { query, pos: 0, start: 0, place: Place::start(query), place_pos: 0 };
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
                tokens.push(lexer.token(TokenKind::Eof, Value::None));
                return (tokens, Some(error));
            }
        }
    }
}

/// Line and column of a character.
#[derive(Debug, Clone, Copy)]
struct Place {
    line: u32,
    column: u32,
}

impl Place {
    /// Of the first character. An empty query has no place.
    fn start(query: &str) -> Self {
        if query.is_empty() { Self { line: 0, column: 0 } } else { Self { line: 1, column: 1 } }
    }
}

#[derive(Debug)]
struct Lexer<'q> {
    query: &'q str,
    pos: usize,
    /// Where the token being read began.
    start: usize,
    /// Line and column of the byte `place_pos`.
    place: Place,
    place_pos: usize,
}

fn is_name_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
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

    /// Line and column of where the token began.
    fn start_place(&mut self) -> Place {
        for c in self.query.get(self.place_pos..self.start).unwrap_or_default().chars() {
            if c == '\n' {
                self.place = Place { line: self.place.line + 1, column: 1 };
            } else {
                self.place.column += 1;
            }
        }
        self.place_pos = self.start;
        self.place
    }

    fn token(&mut self, kind: TokenKind, value: Value) -> Token {
        let Place { line, column } = self.start_place();
        let span = Span { start: self.start, end: self.pos };
        Token { kind, value, span, line, column }
    }

    /// A token behind whose first character Loki forgets the line.
    fn lineless(&mut self, kind: TokenKind, value: Value) -> Token {
        Token { line: 0, ..self.token(kind, value) }
    }

    fn error<T>(&mut self, message: impl Into<String>) -> Result<T, ParseError> {
        let Place { line, column } = self.start_place();
        Err(ParseError::at(message, line, column))
    }

    /// Passes over blanks and comments: of LogQL (`#`), and of Go, whose scanner Loki uses.
    fn skip_blanks(&mut self) -> Result<(), ParseError> {
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
            let rest = self.rest();
            self.start = self.pos;
            if rest.starts_with('#') || rest.starts_with("//") {
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
        self.skip_blanks()?;
        let Some(c) = self.peek() else {
            return Ok(self.token(TokenKind::Eof, Value::None));
        };
        match c {
            _ if is_name_start(c) => return Ok(self.word()),
            '"' => return self.string(),
            '`' => return self.raw_string(),
            '[' => return self.range(),
            '0'..='9' => return self.number(),
            '.' if self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                return self.number();
            }
            '-' => {
                if let Some(token) = self.flag_or_negative_duration() {
                    return Ok(token);
                }
            }
            '\0' => return self.error("invalid character NUL"),
            _ => {}
        }
        Ok(self.symbol(c))
    }

    fn symbol(&mut self, c: char) -> Token {
        let pairs = [
            ("==", TokenKind::Operator(BinaryOp::Eq)),
            ("!=", TokenKind::Operator(BinaryOp::Ne)),
            (">=", TokenKind::Operator(BinaryOp::Ge)),
            ("<=", TokenKind::Operator(BinaryOp::Le)),
            ("=~", TokenKind::RegexMatch),
            ("|=", TokenKind::Line(LineOp::Contains)),
            ("|~", TokenKind::Line(LineOp::Matches)),
            ("!~", TokenKind::Line(LineOp::NotMatches)),
            ("|>", TokenKind::Line(LineOp::PatternMatches)),
            ("!>", TokenKind::Line(LineOp::PatternNotMatches)),
        ];
        if let Some((_, kind)) = pairs.iter().find(|(text, _)| self.rest().starts_with(text)) {
            self.pos += 2;
            return self.lineless(*kind, Value::None);
        }
        self.pos += c.len_utf8();
        let kind = match c {
            ',' => TokenKind::Comma,
            '.' => TokenKind::Dot,
            '{' => TokenKind::OpenBrace,
            '}' => TokenKind::CloseBrace,
            '(' => TokenKind::OpenParen,
            ')' => TokenKind::CloseParen,
            ']' => TokenKind::CloseBracket,
            '=' => TokenKind::Equal,
            '|' => TokenKind::Pipe,
            '+' => TokenKind::Operator(BinaryOp::Add),
            '-' => TokenKind::Operator(BinaryOp::Sub),
            '*' => TokenKind::Operator(BinaryOp::Mul),
            '/' => TokenKind::Operator(BinaryOp::Div),
            '%' => TokenKind::Operator(BinaryOp::Mod),
            '^' => TokenKind::Operator(BinaryOp::Pow),
            '>' => TokenKind::Operator(BinaryOp::Gt),
            '<' => TokenKind::Operator(BinaryOp::Lt),
            _ => TokenKind::Stray,
        };
        self.token(kind, Value::None)
    }

    /// A name or keyword, in capitals too. Functions are names unless arguments or a grouping
    /// follow.
    fn word(&mut self) -> Token {
        self.take_while(|c| is_name_start(c) || c.is_numeric());
        let text = self.text();
        let lower = text.to_lowercase();
        let name = |lexer: &mut Self| lexer.token(TokenKind::Identifier, Value::Text(text.into()));
        if let Some(kind) = TokenKind::of_function(&lower) {
            return if self.arguments_follow() {
                self.token(kind, Value::None)
            } else {
                name(self)
            };
        }
        match TokenKind::of_word(&lower) {
            Some(kind) => self.token(kind, Value::None),
            None => name(self),
        }
    }

    fn arguments_follow(&self) -> bool {
        let rest = self.rest().trim_start();
        if rest.starts_with('(') {
            return true;
        }
        ["by", "without"].iter().any(|word| {
            rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
                && rest[word.len()..].trim_start().starts_with('(')
        })
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
                        Ok(text) => Ok(self.token(TokenKind::String, Value::Text(text))),
                        Err(message) => self.error(message),
                    };
                }
                _ => {}
            }
        }
        self.error("literal not terminated")
    }

    fn raw_string(&mut self) -> Result<Token, ParseError> {
        let Some(length) = self.rest()[1..].find('`') else {
            return self.error("literal not terminated");
        };
        let text = self.rest()[1..=length].to_owned();
        self.pos += length + 2;
        Ok(self.token(TokenKind::String, Value::Text(text)))
    }

    /// `[5m]`.
    fn range(&mut self) -> Result<Token, ParseError> {
        let Some(length) = self.rest().find(']') else {
            return self.lineless_error("missing closing ']' in duration");
        };
        let text = &self.rest()[1..length];
        self.pos += length + 1;
        match units::prometheus_duration(text) {
            Ok(nanos) => Ok(self.lineless(TokenKind::Range, Value::Duration(nanos))),
            Err(message) => self.lineless_error(message),
        }
    }

    fn lineless_error<T>(&mut self, message: impl Into<String>) -> Result<T, ParseError> {
        let Place { column, .. } = self.start_place();
        Err(ParseError::at(message, 0, column))
    }

    /// A number, or one with a unit.
    fn number(&mut self) -> Result<Token, ParseError> {
        self.digits()?;
        let number_end = self.pos;
        let is_unit = |c: char| {
            c.is_numeric() || matches!(c, 'n' | 'u' | 'µ' | 'm' | 's' | 'h' | 'd' | 'w' | 'y' | '.')
        };
        self.take_while(is_unit);
        if self.pos > number_end
            && let Ok(nanos) = units::duration(self.text())
        {
            return Ok(self.lineless(TokenKind::Duration, Value::Duration(nanos)));
        }
        self.pos = number_end;
        let is_unit = |c: char| {
            c.is_numeric() || matches!(c, 'B' | 'i' | 'k' | 'K' | 'M' | 'G' | 'T' | 'P' | '.')
        };
        self.take_while(is_unit);
        if self.pos > number_end
            && let Ok(bytes) = number::parse_bytes(self.text())
        {
            return Ok(self.lineless(TokenKind::Bytes, Value::Bytes(bytes)));
        }
        self.pos = number_end;
        Ok(self.token(TokenKind::Number, Value::Text(self.text().to_owned())))
    }

    /// Passes over a number as Go writes them.
    fn digits(&mut self) -> Result<(), ParseError> {
        let rest = self.rest();
        let lower = rest.get(..2).unwrap_or_default().to_ascii_lowercase();
        let binary = lower == "0b" && rest[2..].starts_with(['0', '1']);
        if lower == "0x" || lower == "0o" || binary {
            self.pos += 2;
            self.take_while(|c| {
                c == '_' || c.is_ascii_hexdigit() && (lower == "0x" || c.is_ascii_digit())
            });
            return Ok(());
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
        Ok(())
    }

    /// `--strict`, `--keep-empty`, `-5m`.
    fn flag_or_negative_duration(&mut self) -> Option<Token> {
        self.pos += 1;
        if self.peek() == Some('-') {
            self.take_while(|c| c == '-' || c.is_alphabetic());
            let text = self.text();
            if matches!(text, "--strict" | "--keep-empty") {
                return Some(self.lineless(TokenKind::Flag, Value::Text(text.to_owned())));
            }
            self.pos = self.start + 1;
        }
        self.take_while(|c| {
            c.is_numeric() || matches!(c, 'n' | 'u' | 'µ' | 'm' | 's' | 'h' | 'd' | 'w' | 'y' | '.')
        });
        if let Ok(nanos) = units::duration(self.text()) {
            return Some(self.lineless(TokenKind::Duration, Value::Duration(nanos)));
        }
        self.pos = self.start;
        None
    }
}
