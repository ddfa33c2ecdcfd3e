//! The parser: recursive descent, with precedence climbing for operators. It stops at the first
//! error, the only one that is ever shown; texts and places of errors are those of Prometheus,
//! since people search for them and tests compare them.
//!
//! In reading order: this file holds what all parts share, [`expression`] expressions,
//! [`aggregate`] aggregations and what stands in parentheses behind a name, [`selector`] selectors
//! with what shifts them, [`duration`] durations, [`literal`] numbers and strings, [`check`] types.

mod aggregate;
mod check;
mod duration;
mod expression;
mod literal;
mod selector;

pub use literal::parse_duration;
use watchkeep_model::Matcher;

use crate::ast::{Expr, ExprKind, Span};
use crate::lexer::Lexer;
use crate::token::{Token, TokenKind};

/// How deep the tree of a query may be, so that whoever walks one can recurse. Every operator of a
/// chain such as `a or b or c` is a level.
pub const DEPTH_MAX: u32 = 250;

/// How deep parentheses, calls and signs may nest: what the parser itself recurses into, with up to
/// 12 KB of stack a level in a build without optimisation.
pub const NESTING_MAX: u32 = 100;

/// The longest query in bytes.
pub const QUERY_BYTES_MAX: usize = 1 << 20;

/// Why a text is no query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// Where, or [`ParseError::NOWHERE`].
    pub span: Span,
    /// What is wrong, without the place.
    pub message: String,
}

impl ParseError {
    /// The place of an error that Prometheus finds during evaluation and so gives no place.
    pub const NOWHERE: Span = Span { start: u32::MAX, end: u32::MAX };

    /// The message with the place in front, as Prometheus shows it.
    pub fn display(&self, query: &str) -> String {
        if query.is_empty() {
            return format!("unknown position: parse error: {}", self.message);
        }
        if self.span == Self::NOWHERE {
            return self.message.clone();
        }
        let (line, column) = position(query, self.span.start);
        format!("{line}:{column}: parse error: {}", self.message)
    }
}

/// Line and column of a byte of the query, both from 1, the column in bytes.
pub fn position(query: &str, offset: u32) -> (u32, u32) {
    let before = query.as_bytes().get(..offset as usize).unwrap_or(query.as_bytes());
    let lines = before.split(|byte| *byte == b'\n');
    let (line, last) = lines.enumerate().last().unwrap_or_default();
    (line as u32 + 1, last.len() as u32 + 1)
}

/// Reads a query.
pub fn parse(query: &str) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(query)?;
    if parser.peek()?.kind == TokenKind::Eof {
        return error(Span::default(), "no expression found in input");
    }
    let Node { mut expr, .. } = parser.expression()?;
    parser.expect(TokenKind::Eof)?;
    check::check(&mut expr, query)?;
    literal::check_text(&expr, parser.not_text)?;
    Ok(expr)
}

/// Reads a selector without a shift, as series are asked for with. Conditions that the empty value
/// satisfies may be all there are; whether that is allowed is for the caller to say.
pub fn parse_selector(query: &str) -> Result<Vec<Matcher>, ParseError> {
    let mut parser = Parser::new(query)?;
    let token = parser.peek()?;
    if token.kind != TokenKind::LeftBrace && !token.kind.names_a_metric() {
        return parser.unexpected();
    }
    let selector = parser.vector_selector()?;
    parser.expect(TokenKind::Eof)?;
    Ok(selector.matchers)
}

type Parse<T> = Result<T, ParseError>;

fn error<T>(span: Span, message: impl Into<String>) -> Parse<T> {
    Err(ParseError { span, message: message.into() })
}

/// An expression and how deep its tree is.
#[derive(Debug)]
struct Node {
    expr: Expr,
    depth: u32,
}

/// What a syntax error is said to be in, and what is said to have been expected there.
type Context = (&'static str, &'static str);

#[derive(Debug)]
struct Parser<'q> {
    query: &'q str,
    lexer: Lexer<'q>,
    peeked: Option<Token>,
    /// Where the last token that was taken ends.
    last_end: u32,
    /// Constructs being read that name themselves in syntax errors, the innermost last.
    contexts: Vec<Context>,
    /// How deep the parser itself has recursed.
    depth: u32,
    /// The first string that is no UTF-8.
    not_text: Option<(Span, Vec<u8>)>,
}

impl<'q> Parser<'q> {
    fn new(query: &'q str) -> Parse<Self> {
        if query.len() > QUERY_BYTES_MAX {
            let message = format!("query is longer than {QUERY_BYTES_MAX} bytes");
            return error(Span::default(), message);
        }
        Ok(Self {
            query,
            lexer: Lexer::new(query),
            peeked: None,
            last_end: 0,
            contexts: Vec::new(),
            depth: 0,
            not_text: None,
        })
    }

    fn peek(&mut self) -> Parse<Token> {
        if let Some(token) = self.peeked {
            return Ok(token);
        }
        let token = self.lexer.next_token()?;
        self.peeked = Some(token);
        Ok(token)
    }

    fn take(&mut self) -> Parse<Token> {
        let token = self.peek()?;
        self.peeked = None;
        self.last_end = token.span.end;
        Ok(token)
    }

    /// Takes the next token if it is of a kind.
    fn take_if(&mut self, kind: TokenKind) -> Parse<Option<Token>> {
        if self.peek()?.kind == kind { self.take().map(Some) } else { Ok(None) }
    }

    fn expect(&mut self, kind: TokenKind) -> Parse<Token> {
        match self.take_if(kind)? {
            Some(token) => Ok(token),
            None => self.unexpected(),
        }
    }

    /// Fails at the next token, which is not what the construct being read goes on with.
    fn unexpected<T>(&mut self) -> Parse<T> {
        let context = self.contexts.last().copied().unwrap_or_default();
        self.unexpected_in(context)
    }

    fn unexpected_in<T>(&mut self, (context, expected): Context) -> Parse<T> {
        let token = self.peek()?;
        let mut message = format!("unexpected {}", token.describe(self.query));
        if !context.is_empty() {
            message.push_str(" in ");
            message.push_str(context);
        }
        if !expected.is_empty() {
            message.push_str(", expected ");
            message.push_str(expected);
        }
        error(token.span, message)
    }

    /// Runs a part of the parser inside a construct that names itself in errors.
    fn within<T>(
        &mut self,
        context: Context,
        part: impl FnOnce(&mut Self) -> Parse<T>,
    ) -> Parse<T> {
        self.contexts.push(context);
        let result = part(self)?;
        self.contexts.pop();
        Ok(result)
    }

    /// Runs a part of the parser one level deeper.
    fn deeper<T>(&mut self, part: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            let span = self.peek()?.span;
            return error(span, format!("expression nests deeper than {NESTING_MAX} levels"));
        }
        let result = part(self)?;
        self.depth -= 1;
        Ok(result)
    }
}

/// A node around others.
fn node(kind: ExprKind, span: Span, children_depth: u32) -> Parse<Node> {
    let depth = children_depth + 1;
    if depth > DEPTH_MAX {
        return too_deep(span);
    }
    Ok(Node { expr: Expr { kind, span }, depth })
}

fn too_deep<T>(span: Span) -> Parse<T> {
    error(
        span,
        format!("expression has more than {DEPTH_MAX} operators in a row or inside another"),
    )
}

#[cfg(test)]
mod tests;
