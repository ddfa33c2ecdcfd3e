//! The parser: recursive descent, with precedence climbing for operators. It accepts what Loki's
//! grammar accepts and shows the first error in Loki's words, since people search for them.
//!
//! In reading order: this file holds what all parts share, [`selector`] selectors and stages,
//! [`filter`] line and label filters, [`metric`] everything that makes numbers, [`fold`] arithmetic
//! on literals.

mod filter;
mod fold;
mod metric;
mod selector;

use std::fmt;

use watchkeep_model::Matcher;

use crate::ast::{BinaryOp, Expr, LogExpr, Span};
use crate::lexer;
use crate::pipeline::number;
use crate::token::{Token, TokenKind, Value, Word};
pub use crate::units::duration as parse_duration;
pub(crate) use metric::precedence;

/// The longest query in bytes, as in Loki.
pub const QUERY_BYTES_MAX: usize = 131_072;

/// How deep a query may nest: parentheses, arguments and operators, so that whoever walks one can
/// recurse.
pub const DEPTH_MAX: u32 = 200;

/// Why a text is no query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong, without the place.
    pub message: String,
    /// Line from 1; 0 where Loki does not know it.
    pub line: u32,
    /// Column from 1, in characters; 0 where Loki does not know it.
    pub column: u32,
    /// Whether the text is a query, but not of the kind asked for.
    pub is_of_other_kind: bool,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, line, column, is_of_other_kind } = self;
        if *is_of_other_kind {
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
    pub(crate) fn at(message: impl Into<String>, line: u32, column: u32) -> Self {
        Self { message: message.into(), line, column, is_of_other_kind: false }
    }

    fn nowhere(message: impl Into<String>) -> Self {
        Self::at(message, 0, 0)
    }

    fn other_kind(message: impl Into<String>) -> Self {
        Self { is_of_other_kind: true, ..Self::nowhere(message) }
    }
}

/// Reads a query.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    read(text, true)
}

/// Reads a query, whose selectors may select everything unless `selective`.
fn read(text: &str, selective: bool) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(text)?;
    let node = parser.expression(0)?;
    parser.end()?;
    match parser.errors.first(selective) {
        Some(message) => Err(ParseError::nowhere(message)),
        None => Ok(node.expr),
    }
}

/// Reads a query for lines.
pub fn parse_log(text: &str) -> Result<LogExpr, ParseError> {
    match parse(text)? {
        Expr::Log(log) => Ok(log),
        Expr::Metric(_) => Err(ParseError::other_kind("only log selector is supported")),
    }
}

/// Reads matchers of labels and nothing else, as labels and volumes are asked for with. At least one
/// does not match the empty text.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    matchers(read(text, true)?)
}

/// Reads matchers of labels and nothing else, as series are asked for with. There may be none, and
/// they may match the empty text.
pub fn parse_any_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    matchers(read(text, false)?)
}

fn matchers(expr: Expr) -> Result<Vec<Matcher>, ParseError> {
    match expr {
        Expr::Log(log) if log.stages.is_empty() => Ok(log.matchers),
        _ => Err(ParseError::other_kind("only label matchers are supported")),
    }
}

type Parse<T> = Result<T, ParseError>;

/// An expression and how deep its tree is.
#[derive(Debug)]
struct Node {
    expr: Expr,
    depth: u32,
}

#[derive(Debug)]
struct Parser {
    tokens: Vec<Token>,
    /// Why the text ends earlier for the lexer than for its writer.
    cut_short: Option<ParseError>,
    next: usize,
    /// How deep the parser itself has recursed.
    depth: u32,
    errors: Deferred,
}

/// Errors that Loki shows only where the grammar finds none, the first of each kind.
#[derive(Debug, Default)]
struct Deferred {
    /// In what expressions are made of.
    expression: Option<String>,
    /// Of a selector that selects everything.
    selector: Option<&'static str>,
    /// In what stages are made of.
    stage: Option<String>,
}

impl Deferred {
    /// The one that Loki shows; that of selectors only if it is asked for.
    fn first(self, selective: bool) -> Option<String> {
        let selector = self.selector.filter(|_| selective).map(str::to_owned);
        self.expression.or(selector).or(self.stage)
    }
}

impl Parser {
    fn new(text: &str) -> Parse<Self> {
        if text.len() >= QUERY_BYTES_MAX {
            let length = text.len();
            let message = format!("input size too long ({length} > {QUERY_BYTES_MAX})");
            return Err(ParseError::nowhere(message));
        }
        let (tokens, cut_short) = lexer::tokens(text);
        Ok(Self { tokens, cut_short, next: 0, depth: 0, errors: Deferred::default() })
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

    /// Fails at the next token. What would have been right is listed where it is at most four
    /// kinds, as Loki does.
    fn unexpected<T>(&mut self, expected: &[TokenKind]) -> Parse<T> {
        if self.peek() == TokenKind::Eof
            && let Some(error) = self.cut_short.take()
        {
            return Err(error);
        }
        let token = self.peek_at(0);
        let mut message = format!("syntax error: unexpected {}", token.kind.name());
        for (at, kind) in expected.iter().enumerate() {
            message.push_str(if at == 0 { ", expecting " } else { " or " });
            message.push_str(&kind.name());
        }
        Err(ParseError::at(message, token.line, token.column))
    }

    fn end(&mut self) -> Parse<()> {
        if self.peek() == TokenKind::Eof && self.cut_short.is_none() {
            return Ok(());
        }
        self.unexpected(&[])
    }

    /// Keeps an error that is shown if nothing else is wrong.
    fn defer(&mut self, message: impl Into<String>) {
        self.errors.expression.get_or_insert_with(|| message.into());
    }

    /// The text of the next token, which is of a kind that has one.
    fn text(&mut self, kind: TokenKind) -> Parse<String> {
        if self.peek() == kind
            && let Value::Text(text) = &mut self.tokens[self.next].value
        {
            let text = text.clone();
            self.advance();
            return Ok(text);
        }
        self.unexpected(&[kind])
    }

    fn name(&mut self) -> Parse<String> {
        self.text(TokenKind::Identifier)
    }

    fn string(&mut self) -> Parse<String> {
        self.text(TokenKind::String)
    }

    /// The nanoseconds of the next token, a duration or range.
    fn nanos(&mut self, kind: TokenKind) -> Parse<i64> {
        if self.peek() == kind
            && let Value::Duration(nanos) = self.peek_at(0).value
        {
            self.advance();
            return Ok(nanos);
        }
        self.unexpected(&[kind])
    }

    /// `("…")` behind `ip`.
    fn ip_argument(&mut self) -> Parse<String> {
        self.expect(TokenKind::Word(Word::Ip))?;
        self.expect(TokenKind::OpenParen)?;
        let text = self.string()?;
        self.expect(TokenKind::CloseParen)?;
        Ok(text)
    }

    /// Names with commas between, in parentheses, at least none.
    fn names_in_parens(&mut self) -> Parse<Vec<String>> {
        self.expect(TokenKind::OpenParen)?;
        if self.take_if(TokenKind::CloseParen) {
            return Ok(Vec::new());
        }
        if self.peek() != TokenKind::Identifier {
            return self.unexpected(&[TokenKind::Identifier, TokenKind::CloseParen]);
        }
        let mut names = vec![self.name()?];
        while self.take_if(TokenKind::Comma) {
            names.push(self.name()?);
        }
        if !self.take_if(TokenKind::CloseParen) {
            return self.unexpected(&[TokenKind::Comma, TokenKind::CloseParen]);
        }
        Ok(names)
    }

    /// A number as it is written, with its sign.
    fn literal(&mut self) -> Parse<f64> {
        let negative = match self.peek() {
            TokenKind::Operator(BinaryOp::Add) => Some(false),
            TokenKind::Operator(BinaryOp::Sub) => Some(true),
            _ => None,
        };
        if negative.is_some() {
            self.advance();
        }
        let text = self.text(TokenKind::Number)?;
        let value = number::parse_float(&text).unwrap_or_else(|why| {
            self.defer(format!("unable to parse literal as a float: {why}"));
            0.0
        });
        Ok(if negative == Some(true) { -value } else { value })
    }

    /// Runs a part of the parser one level deeper.
    fn deeper<T>(&mut self, part: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(too_deep());
        }
        let result = part(self)?;
        self.depth -= 1;
        Ok(result)
    }

    /// Where the next token begins.
    fn start(&self) -> usize {
        self.peek_at(0).span.start
    }

    /// From there to the end of what was taken last.
    fn span_from(&self, start: usize) -> Span {
        let last = self.next.checked_sub(1).and_then(|last| self.tokens.get(last));
        Span { start, end: last.map_or(start, |token| token.span.end) }
    }
}

fn too_deep() -> ParseError {
    ParseError::nowhere(format!("expression nests deeper than {DEPTH_MAX} levels"))
}
