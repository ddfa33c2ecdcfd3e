//! Expressions: operators, and what they work on.

use super::{Node, Parse, Parser, node};
use crate::ast::{BinaryExpr, BinaryOp, Cardinality, ExprKind, Span, VectorMatching};
use crate::token::{Keyword, TokenKind};

/// How tight a binary operator binds; higher is tighter.
pub(super) fn precedence(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And | BinaryOp::Unless => 2,
        BinaryOp::Eq
        | BinaryOp::Ne
        | BinaryOp::Lt
        | BinaryOp::Le
        | BinaryOp::Gt
        | BinaryOp::Ge
        | BinaryOp::TrimUpper
        | BinaryOp::TrimLower => 3,
        BinaryOp::Add | BinaryOp::Sub => 4,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Atan2 => 5,
        BinaryOp::Pow => POWER,
    }
}

/// The precedence of `^`, the only operator that binds tighter than a sign, and the only one that
/// groups to the right.
pub(super) const POWER: u8 = 6;

/// The lowest precedence that the right side of an operator may have.
pub(super) fn right_minimum(op: BinaryOp) -> u8 {
    if op == BinaryOp::Pow { POWER } else { precedence(op) + 1 }
}

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Parse<Node> {
        self.binary(0)
    }

    /// An expression whose operators bind at least so tight.
    fn binary(&mut self, minimum: u8) -> Parse<Node> {
        self.deeper(|parser| {
            let mut lhs = parser.unary()?;
            while let TokenKind::Operator(op) = parser.peek()?.kind
                && precedence(op) >= minimum
            {
                parser.take()?;
                let return_bool = parser.take_if(TokenKind::Keyword(Keyword::Bool))?.is_some();
                let matching = parser.matching()?;
                let rhs = parser.binary(right_minimum(op))?;
                let span = Span { start: lhs.expr.span.start, end: rhs.expr.span.end };
                let depth = lhs.depth.max(rhs.depth);
                let (lhs_expr, rhs) = (lhs.expr, rhs.expr);
                let matching = Some(matching);
                let binary = BinaryExpr { op, lhs: lhs_expr, rhs, return_bool, matching };
                lhs = node(ExprKind::Binary(Box::new(binary)), span, depth)?;
            }
            Ok(lhs)
        })
    }

    fn matching(&mut self) -> Parse<VectorMatching> {
        let mut matching = VectorMatching {
            cardinality: Cardinality::OneToOne,
            is_on: false,
            labels: Vec::new(),
            include: Vec::new(),
            fill_left: None,
            fill_right: None,
        };
        if let TokenKind::Keyword(keyword @ (Keyword::On | Keyword::Ignoring)) = self.peek()?.kind {
            self.take()?;
            matching.is_on = keyword == Keyword::On;
            matching.labels = self.grouping_labels()?;
            if let TokenKind::Keyword(side @ (Keyword::GroupLeft | Keyword::GroupRight)) =
                self.peek()?.kind
            {
                self.take()?;
                matching.cardinality = if side == Keyword::GroupLeft {
                    Cardinality::ManyToOne
                } else {
                    Cardinality::OneToMany
                };
                if self.peek()?.kind == TokenKind::LeftParen {
                    matching.include = self.grouping_labels()?;
                }
            }
        }
        self.fill(&mut matching)?;
        Ok(matching)
    }

    /// `fill (0)`, or either or both of `fill_left (0)` and `fill_right (0)`.
    fn fill(&mut self, matching: &mut VectorMatching) -> Parse<()> {
        if self.take_if(TokenKind::Keyword(Keyword::Fill))?.is_some() {
            let value = self.fill_value()?;
            matching.fill_left = Some(value);
            matching.fill_right = Some(value);
            return Ok(());
        }
        for _ in 0..2 {
            let side = match self.peek()?.kind {
                TokenKind::Keyword(Keyword::FillLeft) => &mut matching.fill_left,
                TokenKind::Keyword(Keyword::FillRight) => &mut matching.fill_right,
                _ => return Ok(()),
            };
            if side.is_some() {
                // The name of a metric, then.
                return Ok(());
            }
            self.take()?;
            *side = Some(self.fill_value()?);
        }
        Ok(())
    }

    fn fill_value(&mut self) -> Parse<f64> {
        self.expect(TokenKind::LeftParen)?;
        let value = self.signed_number()?;
        self.expect(TokenKind::RightParen)?;
        Ok(value)
    }

    /// A number or duration, perhaps with a sign.
    pub(super) fn signed_number(&mut self) -> Parse<f64> {
        let sign = match self.peek()?.kind {
            TokenKind::Operator(BinaryOp::Add) => Some(1.0),
            TokenKind::Operator(BinaryOp::Sub) => Some(-1.0),
            _ => None,
        };
        if sign.is_some() {
            self.take()?;
        }
        let (value, _) = self.number()?;
        Ok(value * sign.unwrap_or(1.0))
    }

    fn unary(&mut self) -> Parse<Node> {
        let token = self.peek()?;
        let negative = match token.kind {
            TokenKind::Operator(BinaryOp::Add) => false,
            TokenKind::Operator(BinaryOp::Sub) => true,
            _ => return self.postfix(),
        };
        self.take()?;
        let mut operand = self.binary(POWER)?;
        let span = Span { start: token.span.start, end: operand.expr.span.end };
        if let ExprKind::Number { value, .. } = &mut operand.expr.kind {
            if negative {
                *value = -*value;
            }
            operand.expr.span = span;
            return Ok(operand);
        }
        let operand_depth = operand.depth;
        node(ExprKind::Unary { negative, operand: Box::new(operand.expr) }, span, operand_depth)
    }

    fn primary(&mut self) -> Parse<Node> {
        let token = self.peek()?;
        match token.kind {
            TokenKind::LeftParen => {
                self.take()?;
                let inner = self.expression()?;
                let end = self.expect(TokenKind::RightParen)?.span.end;
                let span = Span { start: token.span.start, end };
                node(ExprKind::Paren(Box::new(inner.expr)), span, inner.depth)
            }
            TokenKind::Number | TokenKind::Duration => {
                let (value, is_duration) = self.number()?;
                node(ExprKind::Number { value, is_duration }, token.span, 0)
            }
            TokenKind::String => {
                self.take()?;
                let text = self.unquote_expression(token);
                node(ExprKind::String(text), token.span, 0)
            }
            TokenKind::LeftBrace => self.selector_expression(),
            kind if kind.names_a_metric() => self.named(),
            _ => self.unexpected(),
        }
    }

    fn selector_expression(&mut self) -> Parse<Node> {
        let selector = self.vector_selector()?;
        let span = selector.span;
        node(ExprKind::VectorSelector(Box::new(selector)), span, 0)
    }

    /// An aggregation, a call, or a selector, all of which begin with a word.
    fn named(&mut self) -> Parse<Node> {
        let name = self.take()?;
        let next = self.peek()?.kind;
        match (name.kind, next) {
            (
                TokenKind::Aggregate(op),
                TokenKind::LeftParen | TokenKind::Keyword(Keyword::By | Keyword::Without),
            ) => self.aggregate(op, name),
            (TokenKind::Identifier | TokenKind::Builtin(_), TokenKind::LeftParen) => {
                self.call(name)
            }
            _ => {
                let selector = self.vector_selector_named(name)?;
                let span = selector.span;
                node(ExprKind::VectorSelector(Box::new(selector)), span, 0)
            }
        }
    }

    fn postfix(&mut self) -> Parse<Node> {
        let mut operand = self.primary()?;
        loop {
            let kind = self.peek()?.kind;
            match kind {
                TokenKind::LeftBracket => operand = self.brackets(operand)?,
                TokenKind::Keyword(Keyword::Offset) => self.offset(&mut operand.expr)?,
                TokenKind::At => self.at(&mut operand.expr)?,
                TokenKind::Keyword(keyword @ (Keyword::Anchored | Keyword::Smoothed)) => {
                    self.take()?;
                    Self::extend(&mut operand.expr, keyword)?;
                }
                _ => return Ok(operand),
            }
        }
    }
}

/// Where the operator of `a op b` stands, without the spaces around it.
pub(super) fn operator_span(binary: &BinaryExpr, query: &str) -> Span {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let (start, end) = (binary.lhs.span.end, binary.rhs.span.start);
    let between = query.as_bytes().get(start as usize..end as usize).unwrap_or_default();
    let before = between.iter().take_while(|byte| is_space(byte)).count();
    let after = between.iter().skip(before).rev().take_while(|byte| is_space(byte)).count();
    Span { start: start + before as u32, end: end - after as u32 }
}
