//! Operators on sets of spans, on numbers of sets, and on series. What an operator may stand between
//! depends on what its left side turned out to be, so one climb reads all of them.

use super::field::{POWER, strength};
use super::{Parse, Parser};
use crate::ast::{
    AggregateFunction, BinaryOp, FieldExpr, Form, MetricExpr, Pipeline, Relation, ScalarExpr,
    ScalarFilter, SpansetExpr, SpansetOp, Stage, Static,
};
use crate::fold;
use crate::token::TokenKind;
use crate::types;

/// What an operand or the result of an operator is.
#[derive(Debug)]
pub(super) enum Operand {
    /// `{ … }`, and pipelines in parentheses.
    Spans(SpansetExpr),
    /// `count() > 2`.
    Filter(ScalarFilter),
    /// A number of the sets at hand, not a constant.
    Aggregate(ScalarExpr),
    /// A constant number.
    Constant(Static),
    /// A number of the sets of a pipeline in parentheses.
    Number(ScalarExpr),
    /// Series.
    Metric(MetricExpr),
}

impl Operand {
    fn kind(&self) -> Kinds {
        match self {
            Self::Spans(_) => Kinds::SPANS,
            Self::Filter(_) => Kinds::FILTER,
            Self::Aggregate(_) => Kinds::AGGREGATE,
            Self::Constant(_) => Kinds::CONSTANT,
            Self::Number(_) => Kinds::NUMBER,
            Self::Metric(_) => Kinds::METRIC,
        }
    }
}

/// A set of kinds of operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kinds(u8);

impl Kinds {
    pub(super) const NONE: Self = Self(0);
    pub(super) const SPANS: Self = Self(1);
    pub(super) const FILTER: Self = Self(2);
    pub(super) const AGGREGATE: Self = Self(4);
    pub(super) const CONSTANT: Self = Self(8);
    pub(super) const NUMBER: Self = Self(16);
    pub(super) const METRIC: Self = Self(32);

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn has(self, any_of: Self) -> bool {
        self.0 & any_of.0 != 0
    }

    fn only(self, these: Self) -> Self {
        Self(self.0 & these.0)
    }

    /// What may stand in parentheses for one of these to come out around them, or at the end of a
    /// pipeline in them.
    pub(super) fn in_parens(self) -> Self {
        let mut inside = self;
        if self.has(Self::SPANS.and(Self::NUMBER).and(Self::METRIC)) {
            inside = inside.and(Self::SPANS).and(Self::FILTER);
        }
        if inside.has(Self::FILTER) {
            inside = inside.and(Self::AGGREGATE).and(Self::NUMBER);
        }
        if inside.has(Self::AGGREGATE.and(Self::METRIC)) {
            inside = inside.and(Self::CONSTANT);
        }
        inside
    }
}

/// An operator between operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Spans(SpansetOp),
    Number(BinaryOp),
}

/// What a token means between sets of spans.
fn spanset_op(kind: TokenKind) -> Option<SpansetOp> {
    let (relation, form) = match kind {
        TokenKind::And => return Some(SpansetOp::And),
        TokenKind::Or => return Some(SpansetOp::Or),
        TokenKind::Gt => (Relation::Child, Form::Plain),
        TokenKind::Lt => (Relation::Parent, Form::Plain),
        TokenKind::Descendant => (Relation::Descendant, Form::Plain),
        TokenKind::Ancestor => (Relation::Ancestor, Form::Plain),
        TokenKind::Sibling => (Relation::Sibling, Form::Plain),
        TokenKind::NotChild => (Relation::Child, Form::Negated),
        TokenKind::NotParent => (Relation::Parent, Form::Negated),
        TokenKind::NotDescendant => (Relation::Descendant, Form::Negated),
        TokenKind::NotAncestor => (Relation::Ancestor, Form::Negated),
        TokenKind::NotRegex => (Relation::Sibling, Form::Negated),
        TokenKind::UnionChild => (Relation::Child, Form::Union),
        TokenKind::UnionParent => (Relation::Parent, Form::Union),
        TokenKind::UnionDescendant => (Relation::Descendant, Form::Union),
        TokenKind::UnionAncestor => (Relation::Ancestor, Form::Union),
        TokenKind::UnionSibling => (Relation::Sibling, Form::Union),
        _ => return None,
    };
    Some(SpansetOp::Structural { relation, form })
}

/// What a token means between numbers.
pub(super) fn number_op(kind: TokenKind) -> Option<BinaryOp> {
    super::field::binary_op(kind).filter(|op| op.is_arithmetic() || op.is_comparison())
}

/// What may stand at the right of an operator, after a left side of that kind, where one of the
/// `wanted` is to come out.
fn right_side(left: Kinds, op: BinaryOp, wanted: Kinds) -> Kinds {
    let on_series = matches!(op, BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div);
    let filter = wanted.has(Kinds::FILTER);
    let numbers = Kinds::AGGREGATE.and(Kinds::CONSTANT);
    match left {
        Kinds::AGGREGATE if op.is_arithmetic() || filter => numbers,
        Kinds::NUMBER if op.is_arithmetic() => Kinds::NUMBER,
        Kinds::NUMBER if filter => Kinds::NUMBER.and(Kinds::CONSTANT),
        Kinds::CONSTANT if op.is_comparison() && filter => Kinds::AGGREGATE,
        Kinds::CONSTANT if op.is_arithmetic() => {
            let mut right = if on_series { Kinds::CONSTANT } else { Kinds::NONE };
            if wanted.has(Kinds::AGGREGATE.and(Kinds::FILTER)) {
                right = right.and(Kinds::AGGREGATE);
            }
            if on_series { right.and(wanted.only(Kinds::METRIC)) } else { right }
        }
        Kinds::METRIC if on_series => Kinds::METRIC.and(Kinds::CONSTANT),
        _ => Kinds::NONE,
    }
}

impl Parser {
    /// An operand or several with operators that bind at least so strong between, from which one of
    /// the kinds comes out, and how deep its tree is.
    pub(super) fn operation(&mut self, wanted: Kinds, weakest: u8) -> Parse<(Operand, u32)> {
        let (mut left, mut depth) = self.operand(wanted)?;
        while let Some((op, right_wanted)) = self.operator_after(left.kind(), wanted, weakest) {
            self.advance();
            let (right, of_right) = match op {
                Op::Spans(op) => self.operation(right_wanted, spanset_strength(op) + 1)?,
                Op::Number(BinaryOp::Pow) => {
                    self.deeper(|parser| parser.operation(right_wanted, POWER))?
                }
                Op::Number(op) => self.operation(right_wanted, strength(op) + 1)?,
            };
            depth = self.over(depth.max(of_right))?;
            left = self.combined(op, left, right)?;
        }
        // An operand of another kind could have become one that is wanted.
        if wanted.has(left.kind()) {
            return Ok((left, depth));
        }
        self.unexpected(&[])
    }

    fn operator_after(&self, left: Kinds, wanted: Kinds, weakest: u8) -> Option<(Op, Kinds)> {
        let token = self.peek();
        let (op, strength, right) = if left == Kinds::SPANS {
            let op = spanset_op(token)?;
            (Op::Spans(op), spanset_strength(op), Kinds::SPANS)
        } else {
            let op = number_op(token)?;
            (Op::Number(op), strength(op), right_side(left, op, wanted))
        };
        (strength >= weakest && right != Kinds::NONE).then_some((op, right))
    }

    fn combined(&self, op: Op, left: Operand, right: Operand) -> Parse<Operand> {
        use Operand::{Aggregate, Constant, Filter, Metric, Number, Spans};
        let scalars = |op: BinaryOp, left, right, made: fn(ScalarExpr) -> Operand| {
            if op.is_comparison() {
                return Filter(ScalarFilter { op, left, right });
            }
            made(ScalarExpr::Binary { op, left: Box::new(left), right: Box::new(right) })
        };
        let series = |op, left, right| {
            let (left, right) = (Box::new(left), Box::new(right));
            Metric(MetricExpr::Binary { op, left, right, then: Vec::new() })
        };
        Ok(match (op, left, right) {
            (Op::Spans(op), Spans(left), Spans(right)) => {
                Spans(SpansetExpr::Binary { op, left: Box::new(left), right: Box::new(right) })
            }
            (Op::Number(op), Constant(left), Constant(right)) => {
                Constant(self.folded(op, &left, &right)?)
            }
            (Op::Number(op), Metric(left), Metric(right)) => series(op, left, right),
            (Op::Number(op), Metric(left), Constant(right)) => {
                series(op, left, self.metric_scalar(&right)?)
            }
            (Op::Number(op), Constant(left), Metric(right)) => {
                series(op, self.metric_scalar(&left)?, right)
            }
            (Op::Number(op), Number(left), Number(right)) => scalars(op, left, right, Number),
            (Op::Number(op), Number(left), Constant(right)) => {
                scalars(op, left, ScalarExpr::Static(right), Number)
            }
            (Op::Number(op), Aggregate(left), Aggregate(right)) => {
                scalars(op, left, right, Aggregate)
            }
            (Op::Number(op), Aggregate(left), Constant(right)) => {
                scalars(op, left, ScalarExpr::Static(right), Aggregate)
            }
            (Op::Number(op), Constant(left), Aggregate(right)) => {
                scalars(op, ScalarExpr::Static(left), right, Aggregate)
            }
            // `right_side` lets nothing else through.
            _ => return self.fail("syntax error: unexpected operand"),
        })
    }

    /// Arithmetic on constants outside of `{ }`.
    fn folded(&self, op: BinaryOp, left: &Static, right: &Static) -> Parse<Static> {
        let is_duration = |of: &Static| matches!(of, Static::Duration(_));
        if is_duration(left) || is_duration(right) {
            return self.fail("duration cannot be used in scalar arithmetic");
        }
        match fold::binary(op, left, right) {
            Some(value) => Ok(value),
            None => self.fail("division by zero"),
        }
    }

    fn metric_scalar(&self, value: &Static) -> Parse<MetricExpr> {
        match (types::of_static(value), fold::number(value)) {
            (types::Type::Int | types::Type::Float, Some(value)) => Ok(MetricExpr::Scalar(value)),
            _ => self.fail("duration cannot be used as a scalar operand in metric arithmetic"),
        }
    }

    fn operand(&mut self, wanted: Kinds) -> Parse<(Operand, u32)> {
        let numbers = Kinds::AGGREGATE.and(Kinds::FILTER);
        match self.peek() {
            TokenKind::OpenParen => {
                self.advance();
                let inner = self.deeper(|parser| parser.in_parens(wanted))?;
                if self.take_if(TokenKind::CloseParen) {
                    return Ok(inner);
                }
                match inner {
                    (Operand::Spans(SpansetExpr::Pipeline(_)), _) => {
                        self.unexpected(&[TokenKind::CloseParen, TokenKind::Pipe])
                    }
                    _ => self.unexpected(&[]),
                }
            }
            TokenKind::OpenBrace if wanted.has(Kinds::SPANS) => {
                let (filter, depth) = self.braces()?;
                Ok((Operand::Spans(SpansetExpr::Filter(filter)), self.over(depth)?))
            }
            kind if wanted.has(numbers) && aggregate_function(kind).is_some() => {
                let (aggregate, depth) = self.aggregate()?;
                Ok((Operand::Aggregate(aggregate), depth))
            }
            _ if wanted.has(numbers.and(Kinds::CONSTANT).and(Kinds::METRIC)) => {
                Ok((Operand::Constant(self.signed_number()?), 1))
            }
            _ => self.unexpected(&[TokenKind::OpenBrace, TokenKind::OpenParen]),
        }
    }

    /// `{ expr }`.
    pub(super) fn braces(&mut self) -> Parse<(FieldExpr, u32)> {
        self.expect(TokenKind::OpenBrace)?;
        if self.take_if(TokenKind::CloseBrace) {
            return Ok((FieldExpr::Static(Static::Bool(true)), 1));
        }
        let filter = self.field(0)?;
        if !self.take_if(TokenKind::CloseBrace) {
            return self.unexpected(&[]);
        }
        Ok(filter)
    }

    /// `count()`, `avg(expr)`.
    pub(super) fn aggregate(&mut self) -> Parse<(ScalarExpr, u32)> {
        let Some(function) = aggregate_function(self.peek()) else {
            return self.unexpected(&[]);
        };
        self.advance();
        self.expect(TokenKind::OpenParen)?;
        let (of, depth) = if function == AggregateFunction::Count {
            (None, 0)
        } else {
            let (of, depth) = self.field(0)?;
            (Some(of), depth)
        };
        self.expect(TokenKind::CloseParen)?;
        Ok((ScalarExpr::Aggregate { function, of }, self.over(depth)?))
    }

    /// A number with its signs.
    fn signed_number(&mut self) -> Parse<Static> {
        if self.peek() == TokenKind::Sub {
            self.advance();
            let value = self.deeper(|parser| match parser.peek() {
                TokenKind::OpenParen => {
                    parser.advance();
                    let value = parser.constant_number()?;
                    parser.expect(TokenKind::CloseParen)?;
                    Ok(value)
                }
                _ => parser.signed_number(),
            })?;
            return match fold::unary(crate::ast::UnaryOp::Minus, &value) {
                Some(value) => Ok(value),
                None => self.unexpected(&[]),
            };
        }
        match self.peek() {
            TokenKind::Integer | TokenKind::Float | TokenKind::Duration => {}
            _ => return self.unexpected(&[]),
        }
        match self.constant()? {
            Some(value) => Ok(value),
            None => self.unexpected(&[]),
        }
    }

    /// A constant, reckoned.
    pub(super) fn constant_number(&mut self) -> Parse<Static> {
        match self.operation(Kinds::CONSTANT, 0)?.0 {
            Operand::Constant(value) => Ok(value),
            _ => self.unexpected(&[]),
        }
    }
}

fn spanset_strength(op: SpansetOp) -> u8 {
    match op {
        SpansetOp::And | SpansetOp::Or => strength(BinaryOp::And),
        SpansetOp::Structural { .. } => strength(BinaryOp::Eq),
    }
}

fn aggregate_function(kind: TokenKind) -> Option<AggregateFunction> {
    Some(match kind {
        TokenKind::Count => AggregateFunction::Count,
        TokenKind::Min => AggregateFunction::Min,
        TokenKind::Max => AggregateFunction::Max,
        TokenKind::Sum => AggregateFunction::Sum,
        TokenKind::Avg => AggregateFunction::Avg,
        _ => return None,
    })
}

/// What stands in parentheses, as an operand.
pub(super) fn pipeline_operand(mut stages: Vec<Stage>) -> Operand {
    if let [Stage::Spans(_)] = stages.as_slice()
        && let Some(Stage::Spans(spans)) = stages.pop()
    {
        return Operand::Spans(spans);
    }
    Operand::Spans(SpansetExpr::Pipeline(Pipeline { stages }))
}
