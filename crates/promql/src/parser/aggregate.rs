//! Aggregations, calls, and lists of labels and arguments.

use super::{Node, Parse, Parser, error, node};
use crate::ast::{AggregateExpr, AggregateOp, Expr, ExprKind, Span};
use crate::functions::function;
use crate::quote::quote;
use crate::token::{Keyword, Token, TokenKind};

impl Parser<'_> {
    /// An aggregation whose operator was taken.
    pub(super) fn aggregate(&mut self, op: AggregateOp, name: Token) -> Parse<Node> {
        self.within(("aggregation", ""), |parser| {
            let mut modifier = parser.grouping()?;
            let (arguments, depth) = parser.arguments()?;
            let arguments_end = parser.last_end;
            let modifier_end = if modifier.is_none() {
                modifier = parser.grouping()?;
                modifier.as_ref().map(|_| parser.last_end)
            } else {
                None
            };
            let end = modifier_end.unwrap_or(arguments_end);
            let span = Span { start: name.span.start, end };
            let (without, grouping) = modifier.unwrap_or_default();
            let (param, operand) = split_arguments(op, arguments, span)?;
            let aggregate = AggregateExpr { op, operand, param, grouping, without };
            node(ExprKind::Aggregate(Box::new(aggregate)), span, depth)
        })
    }

    /// `by (l)` or `without (l)`, if it comes: whether without, and the labels.
    fn grouping(&mut self) -> Parse<Option<(bool, Vec<String>)>> {
        let without = match self.peek()?.kind {
            TokenKind::Keyword(Keyword::By) => false,
            TokenKind::Keyword(Keyword::Without) => true,
            _ => return Ok(None),
        };
        self.take()?;
        Ok(Some((without, self.grouping_labels()?)))
    }

    /// `(l, "m")`
    pub(super) fn grouping_labels(&mut self) -> Parse<Vec<String>> {
        const CONTEXT: &str = "grouping opts";
        if self.take_if(TokenKind::LeftParen)?.is_none() {
            return self.unexpected_in((CONTEXT, "\"(\""));
        }
        let mut labels = Vec::new();
        if self.take_if(TokenKind::RightParen)?.is_some() {
            return Ok(labels);
        }
        loop {
            let token = self.peek()?;
            let label = match token.kind {
                TokenKind::String => {
                    self.take()?;
                    self.unquote(token)?
                }
                kind if kind.names_a_label() => self.take()?.text(self.query).to_owned(),
                _ => return self.unexpected_in((CONTEXT, "label")),
            };
            if label.is_empty() {
                let message = format!("invalid label name for grouping: {}", quote(&label));
                return error(token.span, message);
            }
            labels.push(label);
            let comma = self.take_if(TokenKind::Comma)?.is_some();
            if self.take_if(TokenKind::RightParen)?.is_some() {
                return Ok(labels);
            }
            if !comma {
                return self.unexpected_in((CONTEXT, "\",\" or \")\""));
            }
        }
    }

    /// A call of a function whose name was taken.
    pub(super) fn call(&mut self, name: Token) -> Parse<Node> {
        let (args, depth) = self.arguments()?;
        let text = name.text(self.query);
        let Some(function) = function(text) else {
            return error(name.span, format!("unknown function with name {}", quote(text)));
        };
        let span = Span { start: name.span.start, end: self.last_end };
        node(ExprKind::Call { function, args }, span, depth)
    }

    /// `(a, b)`, and how deep the deepest is.
    fn arguments(&mut self) -> Parse<(Vec<Expr>, u32)> {
        self.expect(TokenKind::LeftParen)?;
        let (mut arguments, mut depth) = (Vec::new(), 0);
        if self.take_if(TokenKind::RightParen)?.is_some() {
            return Ok((arguments, depth));
        }
        loop {
            let argument = self.expression()?;
            depth = depth.max(argument.depth);
            arguments.push(argument.expr);
            if let Some(comma) = self.take_if(TokenKind::Comma)? {
                if !self.peek()?.kind.begins_an_expression() {
                    let message = "trailing commas not allowed in function call args";
                    return error(comma.span, message);
                }
            } else {
                self.expect(TokenKind::RightParen)?;
                return Ok((arguments, depth));
            }
        }
    }
}

/// The parameter, where the operator takes one, and the operand.
fn split_arguments(
    op: AggregateOp,
    arguments: Vec<Expr>,
    span: Span,
) -> Parse<(Option<Expr>, Expr)> {
    let given = arguments.len();
    if given == 0 {
        return error(span, "no arguments for aggregate expression provided");
    }
    let wanted = if op.param_type().is_some() { 2 } else { 1 };
    let mut arguments = arguments.into_iter();
    let param = if wanted == 2 { arguments.next() } else { None };
    match (arguments.next(), arguments.next()) {
        (Some(operand), None) => Ok((param, operand)),
        _ => error(
            span,
            format!(
                "wrong number of arguments for aggregate expression provided, \
                 expected {wanted}, got {given}"
            ),
        ),
    }
}
