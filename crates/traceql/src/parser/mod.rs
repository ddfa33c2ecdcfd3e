//! The parser: recursive descent, with precedence climbing for operators. It accepts what Tempo's
//! grammar accepts, and pipelines in parentheses beside plain sets of spans too, and shows the first
//! error in Tempo's words, since people search for them.
//!
//! In reading order: this file holds what all parts share, [`pipeline`] stages and what stands
//! between pipes, [`operation`] operators on sets of spans, scalars and metrics, [`metric`] functions
//! that make series, [`field`] expressions on a span.

mod field;
mod metric;
mod operation;
mod pipeline;

use std::fmt;

use crate::ast::{Attribute, Hint, Place, Query, Static};
use crate::lexer;
use crate::token::{Token, TokenKind, TokenValue};
use crate::validate;

/// The longest query in bytes, as in Tempo.
pub const QUERY_BYTES_MAX: usize = 128 * 1024;

/// How deep parentheses, signs and powers may nest.
pub const NESTING_MAX: u32 = 100;

/// How deep the tree of a query may be, so that whoever walks one can recurse. A chain of operators
/// is as deep as it is long.
pub const DEPTH_MAX: u32 = 500;

/// Why a text is no query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong, without the place.
    pub message: String,
    /// Line from 1; 0 where Tempo does not know it.
    pub line: u32,
    /// Column from 1, in characters; 0 where Tempo does not know it.
    pub column: u32,
    /// What of the text is wrong; where that is not known, nothing of its beginning.
    pub place: Place,
    /// Whether the grammar refuses the text, rather than what the query means.
    pub is_syntax: bool,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, line, column, .. } = self;
        if !self.is_syntax {
            return f.write_str(message);
        }
        if *line == 0 && *column == 0 {
            return write!(f, "parse error : {message}");
        }
        write!(f, "parse error at line {line}, col {column}: {message}")
    }
}

impl std::error::Error for ParseError {}

impl ParseError {
    pub(crate) fn syntax(message: impl Into<String>, line: u32, column: u32, place: Place) -> Self {
        Self { message: message.into(), line, column, place, is_syntax: true }
    }

    pub(crate) fn meaning(message: impl Into<String>, place: Place) -> Self {
        Self { message: message.into(), line: 0, column: 0, place, is_syntax: false }
    }
}

/// Reads a query, and refuses what Tempo refuses because of what it means.
pub fn parse(text: &str) -> Result<Query, ParseError> {
    let query = parse_unchecked(text)?;
    validate::query(&query)?;
    Ok(query)
}

/// Reads a query, whatever it means.
pub(crate) fn parse_unchecked(text: &str) -> Result<Query, ParseError> {
    let mut parser = Parser::new(text)?;
    let root = parser.root()?;
    let mut hints = Vec::new();
    while parser.peek() == TokenKind::With {
        // The last ones count.
        hints = parser.hints()?;
    }
    if parser.peek() != TokenKind::Eof || parser.cut_short.is_some() {
        return parser.unexpected(&[TokenKind::With]);
    }
    Ok(Query { root, hints })
}

/// Reads the name of an attribute or intrinsic, such as `span.http.method`, `duration` or
/// `resource."a b"`, as the paths of the API have them.
pub fn parse_attribute(text: &str) -> Result<Attribute, ParseError> {
    let mut parser = Parser::new(text)?;
    let attribute = parser.attribute()?;
    match parser.peek() {
        TokenKind::Eof if parser.cut_short.is_none() => Ok(attribute),
        _ => parser.unexpected(&[]),
    }
}

pub(crate) type Parse<T> = Result<T, ParseError>;

#[derive(Debug)]
struct Parser {
    tokens: Vec<Token>,
    /// Why the text ends earlier for the lexer than for its writer.
    cut_short: Option<ParseError>,
    next: usize,
    /// How deep the parser itself has recursed.
    nesting: u32,
}

impl Parser {
    fn new(text: &str) -> Parse<Self> {
        if text.len() > QUERY_BYTES_MAX {
            let message = format!(
                "TraceQL expression exceeds the maximum size of {QUERY_BYTES_MAX} bytes, reduce \
                 the query expression size"
            );
            return Err(ParseError::meaning(message, Place::default()));
        }
        let (tokens, cut_short) = lexer::tokens(text);
        Ok(Self { tokens, cut_short, next: 0, nesting: 0 })
    }

    /// The next token but `ahead`. The last token is `Eof`, which is never taken.
    fn peek_at(&self, ahead: usize) -> &Token {
        let at = (self.next + ahead).min(self.tokens.len().saturating_sub(1));
        &self.tokens[at]
    }

    fn peek(&self) -> TokenKind {
        self.peek_at(0).kind
    }

    fn advance(&mut self) {
        self.next = (self.next + 1).min(self.tokens.len() - 1);
    }

    fn take_if(&mut self, kind: TokenKind) -> bool {
        let is_it = self.peek() == kind;
        if is_it {
            self.advance();
        }
        is_it
    }

    fn expect(&mut self, kind: TokenKind) -> Parse<()> {
        if self.take_if(kind) { Ok(()) } else { self.unexpected(&[kind]) }
    }

    /// Takes the next token if it is of the kind, with what it holds.
    fn expect_value(&mut self, kind: TokenKind) -> Parse<TokenValue> {
        if self.peek() != kind {
            return self.unexpected(&[kind]);
        }
        let value = self.peek_at(0).value.clone();
        self.advance();
        Ok(value)
    }

    /// Fails at the next token. What would have been right is listed where it is at most four
    /// kinds, as Tempo does.
    fn unexpected<T>(&mut self, expected: &[TokenKind]) -> Parse<T> {
        if self.peek() == TokenKind::Eof
            && let Some(error) = self.cut_short.take()
        {
            return Err(error);
        }
        let mut message = format!("syntax error: unexpected {}", self.peek().name());
        for (at, kind) in expected.iter().enumerate() {
            message.push_str(if at == 0 { ", expecting " } else { " or " });
            message.push_str(kind.name());
        }
        self.fail(message)
    }

    /// Fails at the next token.
    fn fail<T>(&self, message: impl Into<String>) -> Parse<T> {
        let token = self.peek_at(0);
        Err(ParseError::syntax(message, token.line, token.column, token.place))
    }

    /// Runs a part of the parser one level deeper.
    fn deeper<T>(&mut self, part: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return self.fail(format!("query nests deeper than {NESTING_MAX} levels"));
        }
        let result = part(self)?;
        self.nesting -= 1;
        Ok(result)
    }

    /// The depth of a tree over trees of that depth.
    fn over(&self, depth: u32) -> Parse<u32> {
        if depth >= DEPTH_MAX {
            return self.fail(format!("query has more than {DEPTH_MAX} operators in a row"));
        }
        Ok(depth + 1)
    }

    /// Where the next token begins.
    fn start(&self) -> usize {
        self.peek_at(0).place.start
    }

    /// From there to the end of what was taken last.
    fn place_from(&self, start: usize) -> Place {
        let last = self.next.checked_sub(1).and_then(|last| self.tokens.get(last));
        Place { start, end: last.map_or(start, |token| token.place.end) }
    }

    /// `with (name=value, …)`.
    fn hints(&mut self) -> Parse<Vec<Hint>> {
        self.expect(TokenKind::With)?;
        self.expect(TokenKind::OpenParen)?;
        let mut hints = Vec::new();
        loop {
            let start = self.start();
            let TokenValue::Text(name) = self.expect_value(TokenKind::Identifier)? else {
                return self.unexpected(&[TokenKind::Identifier]);
            };
            self.expect(TokenKind::Eq)?;
            let Some(value) = self.constant()? else {
                return self.unexpected(&[]);
            };
            hints.push(Hint { name, value, place: self.place_from(start) });
            if !self.take_if(TokenKind::Comma) {
                break;
            }
        }
        if !self.take_if(TokenKind::CloseParen) {
            return self.unexpected(&[TokenKind::CloseParen, TokenKind::Comma]);
        }
        Ok(hints)
    }

    /// An integer as it is written, without a sign.
    fn integer(&mut self) -> Parse<i64> {
        match self.expect_value(TokenKind::Integer)? {
            TokenValue::Int(value) => Ok(value),
            _ => self.unexpected(&[TokenKind::Integer]),
        }
    }

    /// The next token's constant, if it is one.
    fn constant(&mut self) -> Parse<Option<Static>> {
        let token = self.peek_at(0);
        let value = match (token.kind, &token.value) {
            (TokenKind::Identifier, TokenValue::Text(name)) => match name.as_str() {
                "minInt" => Static::Int(i64::MIN),
                "maxInt" => Static::Int(i64::MAX),
                name => return self.fail(format!("unknown identifier: {name}")),
            },
            (kind, value) => match field::constant(kind, value) {
                Some(value) => value,
                None => return Ok(None),
            },
        };
        self.advance();
        Ok(Some(value))
    }
}
