//! The lexer: text to tokens, one at a time, since what comes after an error is of no interest.
//! What a character means depends on whether braces or brackets are open.

use crate::ast::{BinaryOp, Span};
use crate::parser::ParseError;
use crate::quote::{code_point, quote, quote_char};
use crate::token::{Builtin, Keyword, Token, TokenKind};

/// Reads tokens off a query.
#[derive(Debug)]
pub(crate) struct Lexer<'q> {
    query: &'q str,
    /// Where the token being read began.
    start: usize,
    pos: usize,
    paren_depth: usize,
    brace_open: bool,
    bracket_open: bool,
    /// Between `[` and the first number, where the characters allowed are fewer.
    before_duration: bool,
    /// Whether the brackets had their colon.
    got_colon: bool,
    /// Whether any brackets had a number. It stays set from one pair of brackets to the next, as
    /// in Prometheus, which refuses `[step():1m]` unless a number came before it in the query.
    got_duration: bool,
}

type Lexed = Result<Token, ParseError>;

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_alpha(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

fn is_alphanumeric(c: char) -> bool {
    is_alpha(c) || c.is_ascii_digit()
}

impl<'q> Lexer<'q> {
    pub(crate) fn new(query: &'q str) -> Self {
        Self {
            query,
            start: 0,
            pos: 0,
            paren_depth: 0,
            brace_open: false,
            bracket_open: false,
            before_duration: false,
            got_colon: false,
            got_duration: false,
        }
    }

    /// The next token; at the end `Eof` again and again.
    pub(crate) fn next_token(&mut self) -> Lexed {
        self.skip_blanks();
        if self.brace_open {
            self.inside_braces()
        } else if self.before_duration {
            self.inside_brackets()
        } else {
            self.statement()
        }
    }

    /// Passes over spaces and, except before a duration, comments.
    fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(c) if is_space(c) => self.pos += 1,
                Some('#') if !self.before_duration => {
                    let rest = self.rest();
                    self.pos += rest.find(['\n', '\r']).unwrap_or(rest.len());
                }
                _ => break,
            }
        }
        self.start = self.pos;
    }

    fn rest(&self) -> &'q str {
        self.query.get(self.pos..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, allowed: impl Fn(char) -> bool) -> bool {
        let accepted = self.peek().is_some_and(allowed);
        if accepted {
            self.next();
        }
        accepted
    }

    fn accept_run(&mut self, allowed: impl Fn(char) -> bool) {
        while self.accept(&allowed) {}
    }

    fn text(&self) -> &'q str {
        self.query.get(self.start..self.pos).unwrap_or_default()
    }

    #[expect(clippy::unnecessary_wraps, reason = "every way to read a token ends here or in error")]
    fn emit(&mut self, kind: TokenKind) -> Lexed {
        let span = Span { start: self.start as u32, end: self.pos as u32 };
        self.start = self.pos;
        Ok(Token { kind, span })
    }

    /// Fails at the start of the token being read.
    fn error<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        let span = Span { start: self.start as u32, end: self.query.len() as u32 };
        Err(ParseError { span, message: message.into() })
    }

    /// Fails behind the character just read.
    fn error_behind(&mut self, message: impl Into<String>) -> Lexed {
        self.start = self.pos;
        self.error(message)
    }

    fn statement(&mut self) -> Lexed {
        let Some(c) = self.next() else {
            return if self.paren_depth > 0 {
                self.error("unclosed left parenthesis")
            } else if self.bracket_open {
                self.error("unclosed left bracket")
            } else {
                self.emit(TokenKind::Eof)
            };
        };
        match c {
            ',' => self.emit(TokenKind::Comma),
            '*' => self.operator(BinaryOp::Mul),
            '/' => self.operator(BinaryOp::Div),
            '%' => self.operator(BinaryOp::Mod),
            '+' => self.operator(BinaryOp::Add),
            '-' => self.operator(BinaryOp::Sub),
            '^' => self.operator(BinaryOp::Pow),
            '=' | '!' | '<' | '>' => self.comparison(c),
            '0'..='9' => self.number_or_duration(),
            '.' if self.peek().is_some_and(|c| c.is_ascii_digit()) => self.number_or_duration(),
            '"' | '\'' => self.string(c),
            '`' => self.raw_string(),
            _ if (is_alpha(c) || c == ':') && self.bracket_open => self.word_in_brackets(c),
            _ if is_alpha(c) || c == ':' => self.word(),
            '(' | ')' => self.parenthesis(c),
            '{' => {
                self.brace_open = true;
                self.emit(TokenKind::LeftBrace)
            }
            '[' => {
                if self.bracket_open {
                    return self.error("unexpected left bracket '['");
                }
                self.got_colon = false;
                self.bracket_open = true;
                self.before_duration = true;
                self.emit(TokenKind::LeftBracket)
            }
            ']' => {
                if !self.bracket_open {
                    return self.error("unexpected right bracket ']'");
                }
                self.bracket_open = false;
                self.emit(TokenKind::RightBracket)
            }
            '@' => self.emit(TokenKind::At),
            _ => self.error(format!("unexpected character: {}", quote_char(c))),
        }
    }

    fn operator(&mut self, op: BinaryOp) -> Lexed {
        self.emit(TokenKind::Operator(op))
    }

    fn parenthesis(&mut self, c: char) -> Lexed {
        if c == '(' {
            self.paren_depth += 1;
            return self.emit(TokenKind::LeftParen);
        }
        if self.paren_depth == 0 {
            return self.error_behind("unexpected right parenthesis ')'");
        }
        self.paren_depth -= 1;
        self.emit(TokenKind::RightParen)
    }

    fn comparison(&mut self, first: char) -> Lexed {
        let second = self.peek();
        let op = match (first, second) {
            ('=', Some('=')) => BinaryOp::Eq,
            ('=', Some('~')) => return self.error("unexpected character after '=': '~'"),
            ('=', _) => return self.emit(TokenKind::Equal),
            ('!', Some('=')) => BinaryOp::Ne,
            ('!', other) => {
                let other = quote_char(other.unwrap_or(char::REPLACEMENT_CHARACTER));
                return self.error(format!("unexpected character after '!': {other}"));
            }
            ('<', Some('=')) => BinaryOp::Le,
            ('<', Some('/')) => BinaryOp::TrimUpper,
            ('<', _) => return self.operator(BinaryOp::Lt),
            (_, Some('=')) => BinaryOp::Ge,
            (_, Some('/')) => BinaryOp::TrimLower,
            _ => return self.operator(BinaryOp::Gt),
        };
        self.next();
        self.operator(op)
    }

    fn inside_braces(&mut self) -> Lexed {
        let Some(c) = self.next() else {
            return self.error("unexpected end of input inside braces");
        };
        match c {
            _ if is_alpha(c) => {
                self.accept_run(is_alphanumeric);
                self.emit(TokenKind::Identifier)
            }
            ',' => self.emit(TokenKind::Comma),
            '"' | '\'' => self.string(c),
            '`' => self.raw_string(),
            '=' if self.accept(|c| c == '~') => self.emit(TokenKind::RegexMatch),
            '=' => self.emit(TokenKind::Equal),
            '!' => match self.next() {
                Some('~') => self.emit(TokenKind::RegexNoMatch),
                Some('=') => self.operator(BinaryOp::Ne),
                other => {
                    let other = quote_char(other.unwrap_or(char::REPLACEMENT_CHARACTER));
                    self.error(format!("unexpected character after '!' inside braces: {other}"))
                }
            },
            '{' => self.error("unexpected left brace '{'"),
            '}' => {
                self.brace_open = false;
                self.emit(TokenKind::RightBrace)
            }
            _ => self.error(format!("unexpected character inside braces: {}", quote_char(c))),
        }
    }

    /// Behind `[`, up to the first number.
    fn inside_brackets(&mut self) -> Lexed {
        let Some(c) = self.next() else {
            return self.error("unexpected end of input in duration expression");
        };
        match c {
            ']' => {
                self.bracket_open = false;
                self.before_duration = false;
                self.emit(TokenKind::RightBracket)
            }
            ':' => {
                if !self.got_duration {
                    return self
                        .error_behind("unexpected colon before duration in duration expression");
                }
                if self.got_colon {
                    return self.error_behind("unexpected repeated colon in duration expression");
                }
                self.got_colon = true;
                self.emit(TokenKind::Colon)
            }
            '(' | ')' => self.parenthesis(c),
            '+' => self.operator(BinaryOp::Add),
            '-' => self.operator(BinaryOp::Sub),
            '*' => self.operator(BinaryOp::Mul),
            '/' => self.operator(BinaryOp::Div),
            '%' => self.operator(BinaryOp::Mod),
            '^' => self.operator(BinaryOp::Pow),
            ',' => self.emit(TokenKind::Comma),
            '0'..='9' => self.first_number(),
            '.' if self.peek().is_some_and(|c| c.is_ascii_digit()) => self.first_number(),
            _ => {
                if let Some(kind) = self.duration_word(c) {
                    return self.emit(kind);
                }
                let c = quote_char(c);
                self.error(format!("unexpected character in duration expression: {c}"))
            }
        }
    }

    fn first_number(&mut self) -> Lexed {
        self.before_duration = false;
        self.got_duration = true;
        self.number_or_duration()
    }

    /// `step`, `range`, `max_of` or `min_of`.
    fn duration_word(&mut self, first: char) -> Option<TokenKind> {
        if !matches!(first.to_ascii_lowercase(), 's' | 'r' | 'm') {
            return None;
        }
        self.accept_run(is_alpha);
        TokenKind::of_word(self.text()).filter(|kind| {
            use Builtin::{MaxOf, MinOf, Range, Step};
            matches!(kind, TokenKind::Builtin(Step | Range | MaxOf | MinOf))
        })
    }

    fn word_in_brackets(&mut self, first: char) -> Lexed {
        if first == ':' {
            if self.got_colon {
                return self.error("unexpected colon ':'");
            }
            self.got_colon = true;
            return self.emit(TokenKind::Colon);
        }
        if let Some(kind) = self.duration_word(first) {
            return self.emit(kind);
        }
        self.error(format!("unexpected character: {}, expected ':'", quote_char(first)))
    }

    fn word(&mut self) -> Lexed {
        self.accept_run(|c| is_alphanumeric(c) || c == ':');
        let word = self.text();
        let kind = TokenKind::of_word(word).unwrap_or(if word.contains(':') {
            TokenKind::MetricIdentifier
        } else {
            TokenKind::Identifier
        });
        // The modifiers came late, so a metric may be called so unless a parenthesis follows.
        if let TokenKind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight) = kind
            && !self.rest().trim_start_matches(is_space).starts_with('(')
        {
            return self.emit(TokenKind::Identifier);
        }
        self.emit(kind)
    }

    /// A quoted string whose first quote was read. Escapes are checked here and resolved later.
    fn string(&mut self, delimiter: char) -> Lexed {
        loop {
            match self.next() {
                Some('\\') => self.escape(delimiter)?,
                // What stands for broken UTF-8 in the text of a request.
                Some(char::REPLACEMENT_CHARACTER) => return self.error("invalid UTF-8 rune"),
                None | Some('\n') => return self.error("unterminated quoted string"),
                Some(c) if c == delimiter => return self.emit(TokenKind::String),
                Some(_) => {}
            }
        }
    }

    fn raw_string(&mut self) -> Lexed {
        loop {
            match self.next() {
                Some(char::REPLACEMENT_CHARACTER) => return self.error("invalid UTF-8 rune"),
                None => return self.error("unterminated raw string"),
                Some('`') => return self.emit(TokenKind::String),
                Some(_) => {}
            }
        }
    }

    fn escape(&mut self, delimiter: char) -> Result<(), ParseError> {
        const NOT_TERMINATED: &str = "escape sequence not terminated";
        let Some(c) = self.peek() else { return self.error(NOT_TERMINATED) };
        let (digits, radix, value_max) = match c {
            '0'..='7' => (3, 8, 255),
            'x' => (2, 16, 255),
            'u' => (4, 16, u32::from(char::MAX)),
            'U' => (8, 16, u32::from(char::MAX)),
            _ if c == delimiter || "abfnrtv\\".contains(c) => {
                self.next();
                return Ok(());
            }
            _ => return self.error(format!("unknown escape sequence {}", code_point(c))),
        };
        if radix == 16 {
            self.next();
        }
        let mut value: u32 = 0;
        for _ in 0..digits {
            let Some(c) = self.next() else { return self.error(NOT_TERMINATED) };
            let Some(digit) = c.to_digit(radix) else {
                let c = code_point(c);
                return self.error(format!("illegal character {c} in escape sequence"));
            };
            value = value.wrapping_mul(radix).wrapping_add(digit);
        }
        if value > value_max || (0xD800..0xE000).contains(&value) {
            return self.error("escape sequence is an invalid Unicode code point");
        }
        Ok(())
    }

    fn number_or_duration(&mut self) -> Lexed {
        self.pos = self.start;
        if self.scan_number() {
            return self.emit(TokenKind::Number);
        }
        if self.scan_rest_of_duration() {
            return self.emit(TokenKind::Duration);
        }
        self.error(format!("bad number or duration syntax: {}", quote(self.text())))
    }

    /// Reads what looks like a number. The parser finds out whether it is one.
    fn scan_number(&mut self) -> bool {
        let is_hex = self.accept(|c| c == '0') && self.accept(|c| matches!(c, 'x' | 'X'));
        if is_hex {
            self.accept(|c| c == '_');
        }
        let is_digit = |c: char| if is_hex { c.is_ascii_hexdigit() } else { c.is_ascii_digit() };
        let is_exponent = |c: char| matches!(c, 'e' | 'E');
        self.accept(|c| c == '.');
        self.accept(is_digit);
        let (mut had_dot, mut had_exponent) = (false, false);
        while let Some(c) = self.peek() {
            if c == '.' {
                self.next();
                if had_dot || self.accept(|c| matches!(c, '_' | '.')) || is_hex {
                    return false;
                }
                had_dot = true;
            } else if is_exponent(c) {
                self.next();
                if had_exponent {
                    return false;
                }
                had_exponent = true;
                self.accept(|c| matches!(c, '+' | '-'));
                if self.accept(|c| is_exponent(c) || matches!(c, '.' | '_')) || self.at_end() {
                    return false;
                }
            } else if c == '_' {
                self.next();
                if self.accept(|c| is_exponent(c) || matches!(c, '.' | '_')) || self.at_end() {
                    return false;
                }
            } else if is_digit(c) {
                self.accept_run(is_digit);
            } else {
                break;
            }
        }
        !self.peek().is_some_and(is_alphanumeric)
    }

    fn at_end(&self) -> bool {
        self.pos >= self.query.len()
    }

    /// Behind the first number of a duration: its unit, and more numbers with units.
    fn scan_rest_of_duration(&mut self) -> bool {
        if !self.accept(|c| "smhdwy".contains(c)) {
            return false;
        }
        self.accept(|c| c == 's');
        while self.accept(|c| c.is_ascii_digit()) {
            self.accept_run(|c| c.is_ascii_digit());
            if !self.accept(|c| "smhdw".contains(c)) {
                return false;
            }
            self.accept(|c| c == 's');
        }
        !self.accept(is_alphanumeric)
    }
}
