//! Selectors, and what stands behind them: ranges, subqueries, `offset`, `@`, `anchored` and
//! `smoothed`.

use watchkeep_model::{MatchOp, Matcher};

use super::{Node, Parse, Parser, error, node};
use crate::ast::{
    At, BinaryOp, Duration, Expr, ExprKind, Extension, MatrixSelector, Span, SubqueryExpr,
    TimeShift, VectorSelector,
};
use crate::number::Decimal;
use crate::token::{Builtin, Keyword, Token, TokenKind};

const NAME: &str = "__name__";

impl Parser<'_> {
    pub(super) fn vector_selector(&mut self) -> Parse<VectorSelector> {
        if self.peek()?.kind == TokenKind::LeftBrace {
            let (matchers, span) = self.label_matchers()?;
            return Ok(selector(None, matchers, span));
        }
        let name = self.take()?;
        self.vector_selector_named(name)
    }

    /// A selector whose name was taken.
    pub(super) fn vector_selector_named(&mut self, token: Token) -> Parse<VectorSelector> {
        let name = token.text(self.query).to_owned();
        let (mut matchers, mut span) = (Vec::new(), token.span);
        if self.peek()?.kind == TokenKind::LeftBrace {
            let braces;
            (matchers, braces) = self.label_matchers()?;
            span.end = braces.end;
        }
        matchers.push(Matcher::equal(NAME, name.as_str()));
        Ok(selector(Some(name), matchers, span))
    }

    /// `{l="v"}`
    fn label_matchers(&mut self) -> Parse<(Vec<Matcher>, Span)> {
        let start = self.expect(TokenKind::LeftBrace)?.span.start;
        let mut matchers = Vec::new();
        if self.take_if(TokenKind::RightBrace)?.is_none() {
            loop {
                matchers.push(self.label_matcher()?);
                let comma = self.take_if(TokenKind::Comma)?.is_some();
                if self.take_if(TokenKind::RightBrace)?.is_some() {
                    break;
                }
                if !comma {
                    return self.unexpected_in(("label matching", "\",\" or \"}\""));
                }
            }
        }
        Ok((matchers, Span { start, end: self.last_end }))
    }

    fn label_matcher(&mut self) -> Parse<Matcher> {
        const CONTEXT: &str = "label matching";
        let token = self.peek()?;
        let label = match token.kind {
            TokenKind::Identifier => self.take()?.text(self.query).to_owned(),
            TokenKind::String => {
                self.take()?;
                self.unquote(token)?
            }
            _ => return self.unexpected_in((CONTEXT, "identifier or \"}\"")),
        };
        let op = match self.peek()?.kind {
            TokenKind::Equal => MatchOp::Equal,
            TokenKind::Operator(BinaryOp::Ne) => MatchOp::NotEqual,
            TokenKind::RegexMatch => MatchOp::Regex,
            TokenKind::RegexNoMatch => MatchOp::NotRegex,
            _ if token.kind == TokenKind::String => return Ok(Matcher::equal(NAME, label)),
            _ => return self.unexpected_in((CONTEXT, "label matching operator")),
        };
        self.take()?;
        let value = self.peek()?;
        if value.kind != TokenKind::String {
            return self.unexpected_in((CONTEXT, "string"));
        }
        self.take()?;
        let text = self.unquote(value)?;
        let span = Span { start: token.span.start, end: value.span.end };
        Matcher::new(label, op, text).or_else(|failure| error(span, failure.message()))
    }

    /// `[5m]` or `[1h:5m]`
    pub(super) fn brackets(&mut self, operand: Node) -> Parse<Node> {
        const DURATION: &str = "number, duration, step(), or range()";
        let open = self.take()?;
        let range = self.within(("subquery or range selector", DURATION), |parser| {
            parser.positive_duration()
        })?;
        let start = operand.expr.span.start;
        if self.take_if(TokenKind::Colon)?.is_none() {
            if self.take_if(TokenKind::RightBracket)?.is_none() {
                return self.unexpected_in(("subquery or range", "\":\" or \"]\""));
            }
            let span = Span { start, end: self.last_end };
            let brackets = Span { start: open.span.start, end: self.last_end };
            return matrix(operand, range, span, brackets);
        }
        let mut step = None;
        if self.take_if(TokenKind::RightBracket)?.is_none() {
            let expected = "number, duration, step(), range(), or \"]\"";
            step =
                Some(self.within(("subquery selector", expected), |parser| {
                    parser.positive_duration()
                })?);
            if self.take_if(TokenKind::RightBracket)?.is_none() {
                return self.unexpected_in(("subquery selector", "\"]\""));
            }
        }
        let span = Span { start, end: self.last_end };
        let depth = operand.depth;
        let shift = TimeShift::default();
        let subquery = SubqueryExpr { inner: operand.expr, range, step, shift };
        node(ExprKind::Subquery(Box::new(subquery)), span, depth)
    }

    pub(super) fn offset(&mut self, operand: &mut Expr) -> Parse<()> {
        self.take()?;
        let context = ("offset", "number, duration, step(), or range()");
        let offset = self.within(context, Self::offset_duration)?;
        let message = "offset modifier must be preceded by an instant vector selector or range \
                       vector selector or a subquery";
        let span = operand.span;
        let Some(shift) = shift_of(operand) else { return error(span, message) };
        if shift.offset.is_some() {
            return error(span, "offset may not be set multiple times");
        }
        shift.offset = (offset != Duration::Millis(0)).then_some(offset);
        operand.span.end = self.last_end;
        Ok(())
    }

    pub(super) fn at(&mut self, operand: &mut Expr) -> Parse<()> {
        self.take()?;
        let at = self.within(("@", "timestamp"), |parser| {
            let at = match parser.peek()?.kind {
                TokenKind::Builtin(Builtin::Start) => At::Start,
                TokenKind::Builtin(Builtin::End) => At::End,
                _ => return parser.timestamp(operand.span),
            };
            parser.take()?;
            parser.expect(TokenKind::LeftParen)?;
            parser.expect(TokenKind::RightParen)?;
            Ok(at)
        })?;
        let message = "@ modifier must be preceded by an instant vector selector or range vector \
                       selector or a subquery";
        let span = operand.span;
        let Some(shift) = shift_of(operand) else { return error(span, message) };
        if shift.at.is_some() {
            return error(span, "@ <timestamp> may not be set multiple times");
        }
        shift.at = Some(at);
        operand.span.end = self.last_end;
        Ok(())
    }

    fn timestamp(&mut self, operand: Span) -> Parse<At> {
        let seconds = self.signed_number()?;
        if seconds.is_nan() || seconds.abs() >= i64::MAX as f64 {
            let shown = if seconds.is_finite() {
                format!("{seconds:.6}")
            } else {
                Decimal(seconds).to_string()
            };
            let message = format!("timestamp out of bounds for @ modifier: {shown}");
            return error(operand, message);
        }
        Ok(At::Millis((seconds * 1000.0).round() as i64))
    }

    pub(super) fn extend(operand: &mut Expr, keyword: Keyword) -> Parse<()> {
        let (extension, word) = match keyword {
            Keyword::Smoothed => (Extension::Smoothed, "smoothed"),
            _ => (Extension::Anchored, "anchored"),
        };
        let span = operand.span;
        let selector = match &mut operand.kind {
            ExprKind::VectorSelector(selector) => selector,
            ExprKind::MatrixSelector(matrix) => &mut matrix.selector,
            ExprKind::Subquery(_) => {
                return error(span, format!("{word} modifier is not supported for subqueries"));
            }
            _ => return error(span, format!("{word} modifier not implemented")),
        };
        if selector.extension != Extension::None && selector.extension != extension {
            let message = "anchored and smoothed modifiers cannot be used together";
            return error(span, message);
        }
        selector.extension = extension;
        Ok(())
    }
}

fn selector(name: Option<String>, matchers: Vec<Matcher>, span: Span) -> VectorSelector {
    let (shift, extension) = (TimeShift::default(), Extension::None);
    VectorSelector { name, matchers, shift, extension, span }
}

fn matrix(operand: Node, range: Duration, span: Span, brackets: Span) -> Parse<Node> {
    let ExprKind::VectorSelector(selector) = operand.expr.kind else {
        return error(brackets, "ranges only allowed for vector selectors");
    };
    if selector.shift.offset.is_some() {
        return error(brackets, "no offset modifiers allowed before range");
    }
    if selector.shift.at.is_some() {
        return error(brackets, "no @ modifiers allowed before range");
    }
    let matrix = MatrixSelector { selector: *selector, range };
    node(ExprKind::MatrixSelector(Box::new(matrix)), span, operand.depth)
}

fn shift_of(operand: &mut Expr) -> Option<&mut TimeShift> {
    match &mut operand.kind {
        ExprKind::VectorSelector(selector) => Some(&mut selector.shift),
        ExprKind::MatrixSelector(matrix) => Some(&mut matrix.selector.shift),
        ExprKind::Subquery(subquery) => Some(&mut subquery.shift),
        _ => None,
    }
}
