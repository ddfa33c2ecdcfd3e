//! Expressions on a span: operators, names and constants.

use watchkeep_model::SpanScope;

use super::{Parse, Parser};
use crate::ast::{
    Attribute, BinaryOp, FieldExpr, Intrinsic, Kind, Name, Place, Static, Status, UnaryOp,
};
use crate::fold;
use crate::token::{TokenKind, TokenValue};

/// Strength of `*` and its like, which bind stronger than signs and `!`.
const PRODUCT: u8 = 4;
/// Strength of `^`, the only operator that binds its right side first.
pub(super) const POWER: u8 = 5;

/// How strong a binary operator binds; `&&` and `||` bind alike.
pub(super) fn strength(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::And | BinaryOp::Or => 1,
        BinaryOp::Eq
        | BinaryOp::Ne
        | BinaryOp::Lt
        | BinaryOp::Le
        | BinaryOp::Gt
        | BinaryOp::Ge
        | BinaryOp::Regex
        | BinaryOp::NotRegex => 2,
        BinaryOp::Add | BinaryOp::Sub => 3,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod => PRODUCT,
        BinaryOp::Pow => POWER,
    }
}

/// The operator on spans that a token is.
pub(super) fn binary_op(kind: TokenKind) -> Option<BinaryOp> {
    Some(match kind {
        TokenKind::Add => BinaryOp::Add,
        TokenKind::Sub => BinaryOp::Sub,
        TokenKind::Mul => BinaryOp::Mul,
        TokenKind::Div => BinaryOp::Div,
        TokenKind::Mod => BinaryOp::Mod,
        TokenKind::Pow => BinaryOp::Pow,
        TokenKind::Eq => BinaryOp::Eq,
        TokenKind::Ne => BinaryOp::Ne,
        TokenKind::Lt => BinaryOp::Lt,
        TokenKind::Le => BinaryOp::Le,
        TokenKind::Gt => BinaryOp::Gt,
        TokenKind::Ge => BinaryOp::Ge,
        TokenKind::Regex => BinaryOp::Regex,
        TokenKind::NotRegex => BinaryOp::NotRegex,
        TokenKind::And => BinaryOp::And,
        TokenKind::Or => BinaryOp::Or,
        _ => return None,
    })
}

/// The constant that a token is; names of constants aside.
pub(super) fn constant(kind: TokenKind, value: &TokenValue) -> Option<Static> {
    Some(match (kind, value) {
        (TokenKind::String, TokenValue::Text(text)) => Static::Text(text.clone()),
        (_, TokenValue::Int(value)) => Static::Int(*value),
        (_, TokenValue::Float(value)) => Static::Float(*value),
        (_, TokenValue::Duration(nanos)) => Static::Duration(*nanos),
        (TokenKind::True, _) => Static::Bool(true),
        (TokenKind::False, _) => Static::Bool(false),
        (TokenKind::StatusOk, _) => Static::Status(Status::Ok),
        (TokenKind::StatusError, _) => Static::Status(Status::Error),
        (TokenKind::StatusUnset, _) => Static::Status(Status::Unset),
        (TokenKind::KindUnspecified, _) => Static::Kind(Kind::Unspecified),
        (TokenKind::KindInternal, _) => Static::Kind(Kind::Internal),
        (TokenKind::KindServer, _) => Static::Kind(Kind::Server),
        (TokenKind::KindClient, _) => Static::Kind(Kind::Client),
        (TokenKind::KindProducer, _) => Static::Kind(Kind::Producer),
        (TokenKind::KindConsumer, _) => Static::Kind(Kind::Consumer),
        _ => return None,
    })
}

/// The intrinsic that a word names without a scope.
fn plain_intrinsic(kind: TokenKind) -> Option<Intrinsic> {
    Some(match kind {
        TokenKind::IntrinsicDuration => Intrinsic::Duration,
        TokenKind::Name => Intrinsic::Name,
        TokenKind::Status => Intrinsic::Status,
        TokenKind::StatusMessage => Intrinsic::StatusMessage,
        TokenKind::Kind => Intrinsic::Kind,
        TokenKind::Parent => Intrinsic::Parent,
        TokenKind::RootName => Intrinsic::RootName,
        TokenKind::RootServiceName => Intrinsic::RootService,
        TokenKind::TraceDuration => Intrinsic::TraceDuration,
        TokenKind::NestedSetLeft => Intrinsic::NestedSetLeft,
        TokenKind::NestedSetRight => Intrinsic::NestedSetRight,
        TokenKind::NestedSetParent => Intrinsic::NestedSetParent,
        _ => return None,
    })
}

/// What stands behind `trace:` and its like, and what it then names.
fn scoped_intrinsics(scope: TokenKind) -> &'static [(TokenKind, Intrinsic)] {
    match scope {
        TokenKind::TraceColon => &[
            (TokenKind::IntrinsicDuration, Intrinsic::TraceDuration),
            (TokenKind::RootName, Intrinsic::RootName),
            (TokenKind::RootService, Intrinsic::RootService),
            (TokenKind::Id, Intrinsic::TraceId),
        ],
        TokenKind::SpanColon => &[
            (TokenKind::IntrinsicDuration, Intrinsic::Duration),
            (TokenKind::Name, Intrinsic::Name),
            (TokenKind::Kind, Intrinsic::Kind),
            (TokenKind::Status, Intrinsic::Status),
            (TokenKind::StatusMessage, Intrinsic::StatusMessage),
            (TokenKind::Id, Intrinsic::SpanId),
            (TokenKind::ParentId, Intrinsic::ParentId),
            (TokenKind::ChildCount, Intrinsic::ChildCount),
        ],
        TokenKind::EventColon => &[
            (TokenKind::Name, Intrinsic::EventName),
            (TokenKind::TimeSinceStart, Intrinsic::EventTimeSinceStart),
        ],
        TokenKind::LinkColon => &[
            (TokenKind::TraceId, Intrinsic::LinkTraceId),
            (TokenKind::SpanId, Intrinsic::LinkSpanId),
        ],
        TokenKind::InstrumentationColon => &[
            (TokenKind::Name, Intrinsic::InstrumentationName),
            (TokenKind::Version, Intrinsic::InstrumentationVersion),
        ],
        _ => &[],
    }
}

/// Tempo lists what it expected up to that many.
const EXPECTED_MAX: usize = 4;

impl Parser {
    /// An expression of operators that bind at least so strong, and how deep its tree is.
    pub(super) fn field(&mut self, weakest: u8) -> Parse<(FieldExpr, u32)> {
        let start = self.start();
        let (mut left, mut depth) = self.field_operand()?;
        while let Some(op) = binary_op(self.peek()).filter(|op| strength(*op) >= weakest) {
            self.advance();
            let equality = matches!(op, BinaryOp::Eq | BinaryOp::Ne);
            if equality && self.take_if(TokenKind::Nil) {
                (left, depth) = (existence(op == BinaryOp::Ne, left), self.over(depth)?);
                continue;
            }
            let (right, of_right) = if op == BinaryOp::Pow {
                self.deeper(|parser| parser.field(POWER))?
            } else {
                self.field(strength(op) + 1)?
            };
            depth = self.over(depth.max(of_right))?;
            left = combined(op, left, right, self.place_from(start));
        }
        Ok((left, depth))
    }

    fn field_operand(&mut self) -> Parse<(FieldExpr, u32)> {
        match self.peek() {
            TokenKind::OpenParen => {
                self.advance();
                let inner = self.deeper(|parser| parser.field(0))?;
                if !self.take_if(TokenKind::CloseParen) {
                    return self.unexpected(&[]);
                }
                Ok(inner)
            }
            TokenKind::Sub => self.signed(UnaryOp::Minus),
            TokenKind::Not => self.signed(UnaryOp::Not),
            TokenKind::Nil => self.nil_first(),
            _ => {
                if let Some(attribute) = self.attribute_if_any()? {
                    return Ok((FieldExpr::Attribute(attribute), 1));
                }
                match self.constant()? {
                    Some(value) => Ok((FieldExpr::Static(value), 1)),
                    None => self.unexpected(&[]),
                }
            }
        }
    }

    /// `-x`, `!x`.
    fn signed(&mut self, op: UnaryOp) -> Parse<(FieldExpr, u32)> {
        self.advance();
        let (of, depth) = self.deeper(|parser| parser.field(PRODUCT))?;
        if let FieldExpr::Static(value) = &of
            && let Some(folded) = fold::unary(op, value)
        {
            return Ok((FieldExpr::Static(folded), depth));
        }
        Ok((FieldExpr::Unary { op, of: Box::new(of) }, self.over(depth)?))
    }

    /// `nil = x`, `nil != x`.
    fn nil_first(&mut self) -> Parse<(FieldExpr, u32)> {
        self.advance();
        let exists = match self.peek() {
            TokenKind::Eq => false,
            TokenKind::Ne => true,
            _ => return self.unexpected(&[TokenKind::Eq, TokenKind::Ne]),
        };
        self.advance();
        if self.take_if(TokenKind::Nil) {
            return Ok((FieldExpr::Static(Static::Bool(false)), 1));
        }
        let (of, depth) = self.deeper(|parser| parser.field(strength(BinaryOp::Eq) + 1))?;
        Ok((existence(exists, of), self.over(depth)?))
    }

    /// The name of an attribute or intrinsic.
    pub(super) fn attribute(&mut self) -> Parse<Attribute> {
        match self.attribute_if_any()? {
            Some(attribute) => Ok(attribute),
            None => self.unexpected(&[]),
        }
    }

    /// Names with commas between, in parentheses, at least one.
    pub(super) fn attributes_in_parens(&mut self) -> Parse<Vec<Attribute>> {
        self.expect(TokenKind::OpenParen)?;
        let mut attributes = vec![self.attribute()?];
        while self.take_if(TokenKind::Comma) {
            attributes.push(self.attribute()?);
        }
        if !self.take_if(TokenKind::CloseParen) {
            return self.unexpected(&[TokenKind::CloseParen, TokenKind::Comma]);
        }
        Ok(attributes)
    }

    fn attribute_if_any(&mut self) -> Parse<Option<Attribute>> {
        let start = self.start();
        let first = self.peek();
        if let Some(intrinsic) = plain_intrinsic(first) {
            self.advance();
            return Ok(Some(self.named(Name::Intrinsic(intrinsic), false, start)));
        }
        let scoped = scoped_intrinsics(first);
        if !scoped.is_empty() {
            self.advance();
            let Some((_, intrinsic)) = scoped.iter().find(|(kind, _)| *kind == self.peek()) else {
                let expected: Vec<TokenKind> = scoped.iter().map(|(kind, _)| *kind).collect();
                let listed = expected.len() <= EXPECTED_MAX;
                return self.unexpected(if listed { &expected } else { &[] });
            };
            self.advance();
            return Ok(Some(self.named(Name::Intrinsic(*intrinsic), false, start)));
        }
        if !first.starts_attribute() {
            return Ok(None);
        }
        self.advance();
        let of_parent = first == TokenKind::ParentDot;
        let mut expected = vec![TokenKind::Identifier];
        let mut scope = first;
        if of_parent {
            expected.extend([TokenKind::ResourceDot, TokenKind::SpanDot]);
            if matches!(self.peek(), TokenKind::ResourceDot | TokenKind::SpanDot) {
                scope = self.peek();
                self.advance();
            }
        }
        if self.peek() != TokenKind::Identifier {
            return self.unexpected(&expected);
        }
        let TokenValue::Text(key) = self.expect_value(TokenKind::Identifier)? else {
            return self.unexpected(&expected);
        };
        let attribute = self.named(Name::Key(span_scope(scope), key), of_parent, start);
        self.expect(TokenKind::EndAttribute)?;
        Ok(Some(attribute))
    }

    fn named(&self, name: Name, of_parent: bool, start: usize) -> Attribute {
        Attribute { name, of_parent, place: self.place_from(start) }
    }
}

fn span_scope(kind: TokenKind) -> SpanScope {
    match kind {
        TokenKind::ResourceDot => SpanScope::Resource,
        TokenKind::SpanDot => SpanScope::Span,
        TokenKind::EventDot => SpanScope::Event,
        TokenKind::LinkDot => SpanScope::Link,
        TokenKind::InstrumentationDot => SpanScope::Instrumentation,
        _ => SpanScope::Any,
    }
}

/// Whether something is there; constants are.
fn existence(exists: bool, of: FieldExpr) -> FieldExpr {
    match of {
        FieldExpr::Static(_) => FieldExpr::Static(Static::Bool(exists)),
        of => FieldExpr::Exists { exists, of: Box::new(of) },
    }
}

/// An operator on two expressions; constants are folded.
fn combined(op: BinaryOp, left: FieldExpr, right: FieldExpr, place: Place) -> FieldExpr {
    if let (FieldExpr::Static(left), FieldExpr::Static(right)) = (&left, &right)
        && let Some(folded) = fold::binary(op, left, right)
    {
        return FieldExpr::Static(folded);
    }
    let (left, right) = match (&left, right) {
        (FieldExpr::Attribute(named), FieldExpr::Static(value)) if is_trace_id(named) => {
            (left, FieldExpr::Static(whole_trace_id(op, value)))
        }
        (FieldExpr::Static(value), FieldExpr::Attribute(named)) if is_trace_id(&named) => {
            let value = whole_trace_id(op, value.clone());
            (FieldExpr::Static(value), FieldExpr::Attribute(named))
        }
        (_, right) => (left, right),
    };
    FieldExpr::Binary { op, left: Box::new(left), right: Box::new(right), place }
}

fn is_trace_id(attribute: &Attribute) -> bool {
    attribute.name == Name::Intrinsic(Intrinsic::TraceId)
}

/// Digits of a trace's id in hexadecimal.
const TRACE_ID_DIGITS: usize = 32;

/// The id with the zeros in front that Tempo's clients leave out.
fn whole_trace_id(op: BinaryOp, value: Static) -> Static {
    match value {
        Static::Text(id)
            if matches!(op, BinaryOp::Eq | BinaryOp::Ne)
                && id.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
        {
            let digits = id.trim_start_matches('0');
            Static::Text(format!("{digits:0>TRACE_ID_DIGITS$}"))
        }
        value => value,
    }
}
