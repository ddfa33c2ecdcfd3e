//! Types of expressions, and which operators take which.

use crate::ast::{
    AggregateFunction, Attribute, BinaryOp, FieldExpr, Intrinsic, Name, ScalarExpr, Static, UnaryOp,
};

/// The type of an expression, as far as the query tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Nil,
    /// Of each span another: that of the attribute.
    Attribute,
    Int,
    Float,
    Text,
    Bool,
    Duration,
    Status,
    Kind,
}

impl Type {
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Duration)
    }

    /// Whether values of both types can be operated on together.
    pub(crate) fn matches(self, other: Self) -> bool {
        let any = |of: Self| matches!(of, Self::Attribute | Self::Nil);
        any(self) || any(other) || self == other || (self.is_number() && other.is_number())
    }

    /// Whether the operator takes values of the type.
    pub(crate) fn takes(self, op: BinaryOp) -> bool {
        use BinaryOp::{
            Add, And, Div, Eq, Ge, Gt, Le, Lt, Mod, Mul, Ne, NotRegex, Or, Pow, Regex, Sub,
        };
        match self {
            Self::Attribute => true,
            Self::Bool => matches!(op, And | Or | Eq | Ne),
            Self::Int | Self::Float | Self::Duration => {
                matches!(op, Add | Sub | Mul | Div | Mod | Pow | Eq | Ne | Gt | Ge | Lt | Le)
            }
            Self::Text => matches!(op, Eq | Ne | Regex | NotRegex | Gt | Ge | Lt | Le),
            Self::Nil | Self::Status | Self::Kind => matches!(op, Eq | Ne),
        }
    }
}

impl BinaryOp {
    /// Whether it gives a truth value.
    pub(crate) fn is_boolean(self) -> bool {
        !self.is_arithmetic()
    }

    /// Whether it reckons with numbers.
    pub(crate) fn is_arithmetic(self) -> bool {
        matches!(self, Self::Add | Self::Sub | Self::Mul | Self::Div | Self::Mod | Self::Pow)
    }

    /// Whether it compares: `=`, `!=`, `<`, `<=`, `>`, `>=`.
    pub(crate) fn is_comparison(self) -> bool {
        matches!(self, Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge)
    }

    fn type_of(self, left: Type, right: Type) -> Type {
        match (self.is_boolean(), left) {
            (true, _) => Type::Bool,
            (false, Type::Attribute) => right,
            (false, left) => left,
        }
    }
}

/// The type of a constant.
pub(crate) fn of_static(value: &Static) -> Type {
    match value {
        Static::Nil => Type::Nil,
        Static::Int(_) => Type::Int,
        Static::Float(_) => Type::Float,
        Static::Text(_) => Type::Text,
        Static::Bool(_) => Type::Bool,
        Static::Duration(_) => Type::Duration,
        Static::Status(_) => Type::Status,
        Static::Kind(_) => Type::Kind,
    }
}

fn of_attribute(attribute: &Attribute) -> Type {
    let Name::Intrinsic(intrinsic) = &attribute.name else {
        return Type::Attribute;
    };
    match intrinsic {
        Intrinsic::Duration | Intrinsic::TraceDuration | Intrinsic::EventTimeSinceStart => {
            Type::Duration
        }
        Intrinsic::ChildCount
        | Intrinsic::NestedSetLeft
        | Intrinsic::NestedSetRight
        | Intrinsic::NestedSetParent => Type::Int,
        Intrinsic::Status => Type::Status,
        Intrinsic::Kind => Type::Kind,
        Intrinsic::Parent => Type::Nil,
        Intrinsic::Name
        | Intrinsic::StatusMessage
        | Intrinsic::SpanId
        | Intrinsic::ParentId
        | Intrinsic::TraceId
        | Intrinsic::RootName
        | Intrinsic::RootService
        | Intrinsic::EventName
        | Intrinsic::LinkTraceId
        | Intrinsic::LinkSpanId => Type::Text,
        // Tempo looks at these only when it evaluates.
        Intrinsic::InstrumentationName | Intrinsic::InstrumentationVersion => Type::Attribute,
    }
}

/// The type of an expression on a span.
pub(crate) fn of_field(expr: &FieldExpr) -> Type {
    match expr {
        FieldExpr::Static(value) => of_static(value),
        FieldExpr::Attribute(attribute) => of_attribute(attribute),
        FieldExpr::Unary { op: UnaryOp::Minus | UnaryOp::Not, of } => of_field(of),
        FieldExpr::Exists { .. } => Type::Bool,
        FieldExpr::Binary { op, left, right, .. } => op.type_of(of_field(left), of_field(right)),
    }
}

/// The type of a number of a set of spans.
pub(crate) fn of_scalar(expr: &ScalarExpr) -> Type {
    match expr {
        ScalarExpr::Static(value) => of_static(value),
        ScalarExpr::Aggregate { function: AggregateFunction::Count, .. }
        | ScalarExpr::Aggregate { of: None, .. } => Type::Int,
        ScalarExpr::Aggregate { of: Some(of), .. } => of_field(of),
        ScalarExpr::Binary { op, left, right } => op.type_of(of_scalar(left), of_scalar(right)),
        ScalarExpr::Pipeline { aggregate, .. } => of_scalar(aggregate),
    }
}

/// Whether the expression looks at the span at all.
pub(crate) fn looks_at_span(expr: &FieldExpr) -> bool {
    match expr {
        FieldExpr::Static(_) => false,
        FieldExpr::Attribute(_) => true,
        FieldExpr::Unary { of, .. } | FieldExpr::Exists { of, .. } => looks_at_span(of),
        FieldExpr::Binary { left, right, .. } => looks_at_span(left) || looks_at_span(right),
    }
}
