//! From the text of a template to tokens, with Go's delimiters, trim markers and error texts.

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The text of an error; nothing follows it.
    Error,
    Eof,
    Text,
    LeftDelim,
    RightDelim,
    LeftParen,
    RightParen,
    Space,
    Pipe,
    Assign,
    Declare,
    /// A printable character that is none of the others, such as a comma.
    Char,
    CharConstant,
    Number,
    Quoted,
    RawQuoted,
    Bool,
    Identifier,
    Field,
    Variable,
    /// A keyword, `.` and `nil` included.
    Keyword,
}

/// A token with its place.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// Bytes from the start of the text.
    pub(crate) pos: usize,
    /// Counted from 1.
    pub(crate) line: usize,
    /// As it is written, or the message of an error.
    pub(crate) text: String,
}

impl Token {
    /// Whether it is this keyword.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Keyword && self.text == keyword
    }
}

const KEYWORDS: [&str; 12] = [
    ".", "block", "break", "continue", "define", "else", "end", "if", "range", "nil", "template",
    "with",
];

/// All tokens of the text. The last one is [`Kind::Eof`] or [`Kind::Error`].
pub(crate) fn lex(text: &str, left: &str, right: &str) -> Vec<Token> {
    let mut lexer =
        Lexer { text, left, right, pos: 0, start: 0, line: 1, paren_depth: 0, tokens: Vec::new() };
    if let Err(message) = lexer.run() {
        lexer.push_text(Kind::Error, message);
    } else {
        lexer.push_text(Kind::Eof, String::new());
    }
    lexer.tokens
}

struct Lexer<'t> {
    text: &'t str,
    left: &'t str,
    right: &'t str,
    pos: usize,
    /// Where the token being read begins.
    start: usize,
    /// Of `start`.
    line: usize,
    paren_depth: usize,
    tokens: Vec<Token>,
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// How Go's `%#U` writes a character.
fn code_point(c: char) -> String {
    format!("U+{:04X} '{c}'", c as u32)
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.pos..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, valid: impl Fn(char) -> bool) -> bool {
        match self.peek() {
            Some(c) if valid(c) => {
                self.pos += c.len_utf8();
                true
            }
            _ => false,
        }
    }

    fn word(&self) -> &'t str {
        self.text.get(self.start..self.pos).unwrap_or_default()
    }

    /// Forgets what was read since the last token.
    fn ignore(&mut self) {
        self.line += self.word().matches('\n').count();
        self.start = self.pos;
    }

    fn push(&mut self, kind: Kind) {
        let text = self.word().to_owned();
        self.push_text(kind, text);
        self.ignore();
    }

    fn push_text(&mut self, kind: Kind, text: String) {
        // Go counts the lines of a text before it makes the token.
        let line = match kind {
            Kind::Text => self.line + text.matches('\n').count(),
            _ => self.line,
        };
        self.tokens.push(Token { kind, pos: self.start, line, text });
    }

    fn run(&mut self) -> Result<(), String> {
        while self.pos < self.text.len() {
            let Some(found) = self.rest().find(self.left) else {
                self.pos = self.text.len();
                self.push(Kind::Text);
                return Ok(());
            };
            let delim = self.pos + found;
            let after = delim + self.left.len();
            let trims = self.trims_after(after);
            let before = self.text.get(self.pos..delim).unwrap_or_default();
            let kept = if trims { before.trim_end_matches(is_space) } else { before };
            self.pos += kept.len();
            if !kept.is_empty() {
                self.push(Kind::Text);
            }
            self.pos = delim;
            self.ignore();
            self.pos = after;
            let marker = if trims { 2 } else { 0 };
            if self.text.get(after + marker..).unwrap_or_default().starts_with("/*") {
                self.pos += marker;
                self.comment()?;
            } else {
                self.push(Kind::LeftDelim);
                self.pos += marker;
                self.ignore();
                self.action()?;
            }
        }
        Ok(())
    }

    /// Whether `- ` follows, which trims the text before.
    fn trims_after(&self, at: usize) -> bool {
        let mut chars = self.text.get(at..).unwrap_or_default().chars();
        chars.next() == Some('-') && chars.next().is_some_and(is_space)
    }

    /// Whether a right delimiter is here, and whether it trims the text after it.
    fn right_delim(&self) -> Option<bool> {
        let rest = self.rest();
        if rest.starts_with(self.right) {
            return Some(false);
        }
        let mut chars = rest.chars();
        let trims = chars.next().is_some_and(is_space)
            && chars.next() == Some('-')
            && chars.as_str().starts_with(self.right);
        trims.then_some(true)
    }

    /// After a right delimiter that trims: skips the space.
    fn skip_space(&mut self) {
        let rest = self.rest();
        self.pos += rest.len() - rest.trim_start_matches(is_space).len();
    }

    fn comment(&mut self) -> Result<(), String> {
        self.ignore();
        self.pos += 2;
        let end = self.rest().find("*/").ok_or("unclosed comment")?;
        self.pos += end + 2;
        let trims = self.right_delim().ok_or("comment ends before closing delimiter")?;
        self.pos += self.right.len() + if trims { 2 } else { 0 };
        if trims {
            self.skip_space();
        }
        self.ignore();
        Ok(())
    }

    fn action(&mut self) -> Result<(), String> {
        self.paren_depth = 0;
        loop {
            if let Some(trims) = self.right_delim() {
                if self.paren_depth > 0 {
                    return Err("unclosed left paren".to_owned());
                }
                if trims {
                    self.pos += 2;
                    self.ignore();
                }
                self.pos += self.right.len();
                self.push(Kind::RightDelim);
                if trims {
                    self.skip_space();
                    self.ignore();
                }
                return Ok(());
            }
            self.inside()?;
        }
    }

    fn inside(&mut self) -> Result<(), String> {
        let Some(c) = self.next() else { return Err("unclosed action".to_owned()) };
        match c {
            c if is_space(c) => {
                while self.right_delim().is_none() && self.accept(is_space) {}
                self.push(Kind::Space);
            }
            '=' => self.push(Kind::Assign),
            ':' => {
                if !self.accept(|c| c == '=') {
                    return Err("expected :=".to_owned());
                }
                self.push(Kind::Declare);
            }
            '|' => self.push(Kind::Pipe),
            '"' => self.quoted('"', Kind::Quoted, "unterminated quoted string")?,
            '\'' => self.quoted('\'', Kind::CharConstant, "unterminated character constant")?,
            '`' => {
                let end = self.rest().find('`').ok_or("unterminated raw quoted string")?;
                self.pos += end + 1;
                self.push(Kind::RawQuoted);
            }
            '$' => self.name(Kind::Variable)?,
            '.' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => self.name(Kind::Field)?,
            '.' | '+' | '-' | '0'..='9' => {
                self.pos -= 1;
                self.number()?;
            }
            '(' => {
                self.paren_depth += 1;
                self.push(Kind::LeftParen);
            }
            ')' => {
                self.paren_depth =
                    self.paren_depth.checked_sub(1).ok_or("unexpected right paren")?;
                self.push(Kind::RightParen);
            }
            c if is_alphanumeric(c) => self.identifier()?,
            c if c.is_ascii_graphic() => self.push(Kind::Char),
            c => return Err(format!("unrecognized character in action: {}", code_point(c))),
        }
        Ok(())
    }

    fn quoted(&mut self, quote: char, kind: Kind, unterminated: &str) -> Result<(), String> {
        loop {
            match self.next() {
                Some('\\') if self.accept(|c| c != '\n') => {}
                Some(c) if c == quote => break,
                Some('\n' | '\\') | None => return Err(unterminated.to_owned()),
                Some(_) => {}
            }
        }
        self.push(kind);
        Ok(())
    }

    /// Whether what follows may end a name.
    fn at_terminator(&self) -> Result<(), String> {
        match self.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => Ok(()),
            Some(_) if self.rest().starts_with(self.right) => Ok(()),
            Some(c) => Err(format!("bad character {}", code_point(c))),
        }
    }

    /// A field or variable, whose first character has been read.
    fn name(&mut self, kind: Kind) -> Result<(), String> {
        while self.accept(is_alphanumeric) {}
        self.at_terminator()?;
        if kind == Kind::Field && self.word() == "." {
            self.push(Kind::Keyword);
        } else {
            self.push(kind);
        }
        Ok(())
    }

    fn identifier(&mut self) -> Result<(), String> {
        while self.accept(is_alphanumeric) {}
        self.at_terminator()?;
        let kind = match self.word() {
            "true" | "false" => Kind::Bool,
            word if KEYWORDS.contains(&word) => Kind::Keyword,
            _ => Kind::Identifier,
        };
        self.push(kind);
        Ok(())
    }

    fn number(&mut self) -> Result<(), String> {
        self.accept(|c| matches!(c, '+' | '-'));
        let mut radix = 10;
        if self.accept(|c| c == '0') {
            if self.accept(|c| matches!(c, 'x' | 'X')) {
                radix = 16;
            } else if self.accept(|c| matches!(c, 'o' | 'O')) {
                radix = 8;
            } else if self.accept(|c| matches!(c, 'b' | 'B')) {
                radix = 2;
            }
        }
        let is_digit = |c: char| c == '_' || c.is_digit(radix);
        while self.accept(is_digit) {}
        if self.accept(|c| c == '.') {
            while self.accept(is_digit) {}
        }
        let exponent = match radix {
            10 => self.accept(|c| matches!(c, 'e' | 'E')),
            16 => self.accept(|c| matches!(c, 'p' | 'P')),
            _ => false,
        };
        if exponent {
            self.accept(|c| matches!(c, '+' | '-'));
            while self.accept(|c| c == '_' || c.is_ascii_digit()) {}
        }
        if self.accept(|c| is_alphanumeric(c) || matches!(c, '+' | '-')) {
            return Err(format!("bad number syntax: {}", crate::number::quote(self.word())));
        }
        self.push(Kind::Number);
        Ok(())
    }
}
