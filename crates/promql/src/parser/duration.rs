//! Durations of ranges, steps and offsets, which may be expressions of their own.

use super::expression::{POWER, precedence, right_minimum};
use super::{DEPTH_MAX, Parse, Parser, error, too_deep};
use crate::ast::{BinaryOp, Duration, DurationExpr, DurationExprKind, Span};
use crate::token::{Builtin, TokenKind};

/// From here on seconds do not fit into nanoseconds of 64 bits, which is what Prometheus counts in.
const SECONDS_MAX: f64 = 9_223_372_036.854_775;

impl Parser<'_> {
    /// The duration of a range or step.
    pub(super) fn positive_duration(&mut self) -> Parse<Duration> {
        let duration = self.duration(0)?;
        if let DurationExprKind::Number { value, .. } = duration.kind
            && value <= 0.0
        {
            return error(duration.span, "duration must be greater than 0");
        }
        Ok(finish(duration))
    }

    /// The duration of an offset. Unless it begins with a parenthesis it ends before the next
    /// operator, so that `a offset 5m * 2` is a product.
    pub(super) fn offset_duration(&mut self) -> Parse<Duration> {
        let first = self.peek()?;
        let sign = match first.kind {
            TokenKind::Operator(BinaryOp::Add) => Some(false),
            TokenKind::Operator(BinaryOp::Sub) => Some(true),
            TokenKind::LeftParen => return Ok(finish(self.duration(0)?)),
            _ => return Ok(finish(self.duration_operand()?)),
        };
        self.take()?;
        if let TokenKind::Operator(BinaryOp::Add | BinaryOp::Sub) = self.peek()?.kind {
            let operand = self.duration(POWER)?;
            let lhs = signed(operand, sign == Some(true), first.span)?;
            let all = self.duration_after(lhs, 0)?;
            return Ok(finish(closed(all)));
        }
        let operand = self.duration_operand()?;
        if sign == Some(false) && matches!(operand.kind, DurationExprKind::Paren(_)) {
            // Without its plus it would be a beginning that operators may follow.
            let span = operand.span;
            let kind = DurationExprKind::Unary { negative: false, operand: Box::new(operand) };
            return Ok(finish(DurationExpr { kind, span }));
        }
        Ok(finish(signed(operand, sign == Some(true), first.span)?))
    }

    /// A duration expression whose operators bind at least so tight.
    fn duration(&mut self, minimum: u8) -> Parse<DurationExpr> {
        self.deeper(|parser| {
            let first = parser.peek()?;
            let negative = match first.kind {
                TokenKind::Operator(BinaryOp::Add) => false,
                TokenKind::Operator(BinaryOp::Sub) => true,
                _ => {
                    let lhs = parser.duration_operand()?;
                    return parser.duration_after(lhs, minimum);
                }
            };
            parser.take()?;
            let operand = parser.duration(POWER)?;
            let lhs = signed(operand, negative, first.span)?;
            parser.duration_after(lhs, minimum)
        })
    }

    /// The operators behind a duration.
    fn duration_after(&mut self, mut lhs: DurationExpr, minimum: u8) -> Parse<DurationExpr> {
        let mut length = 0;
        while let TokenKind::Operator(op) = self.peek()?.kind
            && is_arithmetic(op)
            && precedence(op) >= minimum
        {
            let operator = self.take()?;
            length += 1;
            if length + self.depth > DEPTH_MAX {
                return too_deep(operator.span);
            }
            let rhs = self.duration(right_minimum(op))?;
            let is_zero =
                matches!(rhs.kind, DurationExprKind::Number { value, .. } if value == 0.0);
            match op {
                BinaryOp::Div if is_zero => return error(operator.span, "division by zero"),
                BinaryOp::Mod if is_zero => return error(operator.span, "modulo by zero"),
                _ => {}
            }
            let span = Span { start: lhs.span.start, end: rhs.span.end };
            let operands = Box::new([lhs, rhs]);
            lhs = DurationExpr { kind: DurationExprKind::Binary { op, operands }, span };
        }
        Ok(lhs)
    }

    fn duration_operand(&mut self) -> Parse<DurationExpr> {
        let token = self.peek()?;
        match token.kind {
            TokenKind::Number | TokenKind::Duration => {
                let (value, is_duration) = self.number()?;
                in_range(value, token.span)?;
                let kind = DurationExprKind::Number { value, is_duration };
                Ok(DurationExpr { kind, span: token.span })
            }
            TokenKind::Builtin(builtin @ (Builtin::Step | Builtin::Range)) => {
                self.take()?;
                self.expect(TokenKind::LeftParen)?;
                let end = self.expect(TokenKind::RightParen)?.span.end;
                let kind = if builtin == Builtin::Step {
                    DurationExprKind::Step
                } else {
                    DurationExprKind::Range
                };
                Ok(DurationExpr { kind, span: Span { start: token.span.start, end } })
            }
            TokenKind::Builtin(builtin @ (Builtin::MaxOf | Builtin::MinOf)) => {
                self.take()?;
                self.expect(TokenKind::LeftParen)?;
                let first = self.duration(0)?;
                self.expect(TokenKind::Comma)?;
                let second = self.duration(0)?;
                self.expect(TokenKind::RightParen)?;
                // Errors of evaluation are reported at the operands, without the name.
                let span = Span { start: first.span.start, end: second.span.end };
                let operands = Box::new([first, second]);
                let kind = if builtin == Builtin::MaxOf {
                    DurationExprKind::MaxOf(operands)
                } else {
                    DurationExprKind::MinOf(operands)
                };
                Ok(DurationExpr { kind, span })
            }
            TokenKind::LeftParen => {
                self.take()?;
                let inner = self.duration(0)?;
                let end = self.expect(TokenKind::RightParen)?.span.end;
                Ok(parenthesised(inner, Span { start: token.span.start, end }))
            }
            _ => self.unexpected(),
        }
    }
}

fn is_arithmetic(op: BinaryOp) -> bool {
    matches!(
        op,
        BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Mod
            | BinaryOp::Pow
    )
}

/// One pair of parentheses says as much as two. As in Prometheus, the place of what is calculated
/// does not take in the parentheses, that of a plain number does.
fn parenthesised(inner: DurationExpr, outer: Span) -> DurationExpr {
    match inner.kind {
        DurationExprKind::Paren(_) => inner,
        DurationExprKind::Number { .. } => {
            DurationExpr { kind: DurationExprKind::Paren(Box::new(inner)), span: outer }
        }
        _ => {
            let span = inner.span;
            DurationExpr { kind: DurationExprKind::Paren(Box::new(inner)), span }
        }
    }
}

/// Two signs at the start of an offset let operators follow. Where fewer are left, only parentheses
/// can say so in print.
fn closed(offset: DurationExpr) -> DurationExpr {
    let span = offset.span;
    match offset.kind {
        DurationExprKind::Binary { .. } => parenthesised(offset, span),
        DurationExprKind::Unary { negative, operand }
            if matches!(operand.kind, DurationExprKind::Binary { .. }) =>
        {
            let operand = Box::new(closed(*operand));
            DurationExpr { kind: DurationExprKind::Unary { negative, operand }, span }
        }
        _ => offset,
    }
}

/// A sign goes into a number, and otherwise a plus changes nothing.
fn signed(operand: DurationExpr, negative: bool, sign: Span) -> Parse<DurationExpr> {
    let span = Span { start: sign.start, end: operand.span.end };
    match operand.kind {
        DurationExprKind::Number { value, is_duration } => {
            let value = if negative { -value } else { value };
            in_range(value, sign)?;
            Ok(DurationExpr { kind: DurationExprKind::Number { value, is_duration }, span })
        }
        _ if negative => {
            let kind = DurationExprKind::Unary { negative, operand: Box::new(operand) };
            Ok(DurationExpr { kind, span })
        }
        _ => Ok(operand),
    }
}

fn in_range(seconds: f64, span: Span) -> Parse<()> {
    // Also false of what is not a number.
    if seconds.abs() <= SECONDS_MAX { Ok(()) } else { error(span, "duration out of range") }
}

/// A plain number is known at once.
fn finish(duration: DurationExpr) -> Duration {
    let DurationExprKind::Number { value, .. } = duration.kind else {
        return Duration::Expr(Box::new(duration));
    };
    let nanos = (value * 1e9).round() as i64;
    Duration::Millis(nanos / 1_000_000)
}
