//! The syntax tree. Every node knows where in the query it was written.

use watchkeep_model::Matcher;

use crate::functions::Function;

/// Bytes of the query's text from `start` up to, not including, `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it was written.
    pub span: Span,
}

/// The kinds of expression.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A number, or a duration used as a number (`is_duration`, for printing).
    Number {
        /// The value; of a duration the seconds.
        value: f64,
        /// Whether it was written as a duration.
        is_duration: bool,
    },
    /// A string.
    String(String),
    /// An expression in parentheses.
    Paren(Box<Expr>),
    /// `-x` or `+x`.
    Unary {
        /// Whether the sign is a minus.
        negative: bool,
        /// The operand.
        operand: Box<Expr>,
    },
    /// `a op b`.
    Binary(Box<BinaryExpr>),
    /// `sum by (l) (x)`.
    Aggregate(Box<AggregateExpr>),
    /// `rate(x[5m])`.
    Call {
        /// The function.
        function: &'static Function,
        /// Its arguments.
        args: Vec<Expr>,
    },
    /// `name{label="value"}`.
    VectorSelector(Box<VectorSelector>),
    /// `name{label="value"}[5m]`.
    MatrixSelector(Box<MatrixSelector>),
    /// `expr[1h:5m]`.
    Subquery(Box<SubqueryExpr>),
}

/// What an expression evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// One number at each step.
    Scalar,
    /// A text.
    String,
    /// Series with one sample at each step.
    Vector,
    /// Series with the samples of a range at each step.
    Matrix,
}

/// A binary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `^`
    Pow,
    /// `atan2`
    Atan2,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `</`: keeps the observations of a histogram below a bound.
    TrimUpper,
    /// `>/`: keeps the observations of a histogram above a bound.
    TrimLower,
    /// `and`
    And,
    /// `or`
    Or,
    /// `unless`
    Unless,
}

/// `a op b`, with how the two sides find each other.
#[derive(Debug, Clone, PartialEq)]
pub struct BinaryExpr {
    /// The operator.
    pub op: BinaryOp,
    /// Left side.
    pub lhs: Expr,
    /// Right side.
    pub rhs: Expr,
    /// Whether a comparison gives 0 or 1 instead of filtering.
    pub return_bool: bool,
    /// How series match; there whenever both sides are vectors.
    pub matching: Option<VectorMatching>,
}

/// How many series of each side form a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cardinality {
    /// One and one.
    OneToOne,
    /// `group_left`.
    ManyToOne,
    /// `group_right`.
    OneToMany,
    /// Set operators.
    ManyToMany,
}

/// How series of the two sides of an operator match.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorMatching {
    /// How many form a pair.
    pub cardinality: Cardinality,
    /// Whether only `labels` count (`on`) rather than all others (`ignoring`).
    pub is_on: bool,
    /// Labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// Labels that the "many" side takes over from the "one" side.
    pub include: Vec<String>,
    /// `fill` or `fill_left`: the value of a missing left side.
    pub fill_left: Option<f64>,
    /// `fill` or `fill_right`: the value of a missing right side.
    pub fill_right: Option<f64>,
}

/// An aggregation operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateOp {
    /// `sum`
    Sum,
    /// `avg`
    Avg,
    /// `count`
    Count,
    /// `min`
    Min,
    /// `max`
    Max,
    /// `group`
    Group,
    /// `stddev`
    Stddev,
    /// `stdvar`
    Stdvar,
    /// `topk`
    Topk,
    /// `bottomk`
    Bottomk,
    /// `count_values`
    CountValues,
    /// `quantile`
    Quantile,
    /// `limitk`
    Limitk,
    /// `limit_ratio`
    LimitRatio,
}

/// `sum by (l) (x)`.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateExpr {
    /// The operator.
    pub op: AggregateOp,
    /// What is aggregated.
    pub operand: Expr,
    /// The parameter of those that take one.
    pub param: Option<Expr>,
    /// Labels of `by` or `without`.
    pub grouping: Vec<String>,
    /// Whether `grouping` names the labels that are dropped.
    pub without: bool,
}

/// A duration: known, or to be worked out once the range and step of the query are.
#[derive(Debug, Clone, PartialEq)]
pub enum Duration {
    /// Milliseconds.
    Millis(i64),
    /// An expression.
    Expr(Box<DurationExpr>),
}

/// A duration expression; its result is in seconds. (Prometheus documentation, "Querying basics",
/// section "Duration expressions".)
#[derive(Debug, Clone, PartialEq)]
pub struct DurationExpr {
    /// What it is.
    pub kind: DurationExprKind,
    /// Where it was written.
    pub span: Span,
}

/// The kinds of duration expression.
#[derive(Debug, Clone, PartialEq)]
pub enum DurationExprKind {
    /// A number or duration.
    Number {
        /// Seconds.
        value: f64,
        /// Whether it was written as a duration.
        is_duration: bool,
    },
    /// `step()`
    Step,
    /// `range()`
    Range,
    /// `min_of(a, b)`
    MinOf(Box<[DurationExpr; 2]>),
    /// `max_of(a, b)`
    MaxOf(Box<[DurationExpr; 2]>),
    /// `-a` or `+a`
    Unary {
        /// Whether the sign is a minus.
        negative: bool,
        /// The operand.
        operand: Box<DurationExpr>,
    },
    /// `(a)`
    Paren(Box<DurationExpr>),
    /// `a op b` with `+ - * / % ^`
    Binary {
        /// The operator.
        op: BinaryOp,
        /// The operands.
        operands: Box<[DurationExpr; 2]>,
    },
}

/// What follows `@`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// A time in milliseconds.
    Millis(i64),
    /// `start()`: the first step of the query.
    Start,
    /// `end()`: the last step of the query.
    End,
}

/// `offset` and `@`, which selectors and subqueries take.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TimeShift {
    /// `offset`, as written; `None` where absent.
    pub offset: Option<Duration>,
    /// `@`.
    pub at: Option<At>,
}

/// Whether a selector takes in samples beside its window. (Prometheus documentation, "Feature
/// flags", "Extended range selectors".)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Extension {
    /// No.
    #[default]
    None,
    /// `anchored`
    Anchored,
    /// `smoothed`
    Smoothed,
}

/// `name{label="value"}`.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSelector {
    /// The metric's name where it was written before or instead of braces, for printing; the
    /// condition on `__name__` is among `matchers` too.
    pub name: Option<String>,
    /// All conditions.
    pub matchers: Vec<Matcher>,
    /// When.
    pub shift: TimeShift,
    /// `anchored` or `smoothed`, for the instant vector or the range around it.
    pub extension: Extension,
    /// Where the selector itself was written, without `offset` and `@`.
    pub span: Span,
}

/// `name[5m]`.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixSelector {
    /// Of which series, and its shift.
    pub selector: VectorSelector,
    /// How far back.
    pub range: Duration,
}

/// `expr[1h:5m]`.
#[derive(Debug, Clone, PartialEq)]
pub struct SubqueryExpr {
    /// What is evaluated at each step.
    pub inner: Expr,
    /// How far back.
    pub range: Duration,
    /// The step; `None` for the default.
    pub step: Option<Duration>,
    /// When.
    pub shift: TimeShift,
}

impl ValueType {
    /// As the HTTP API names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "vector",
            Self::Matrix => "matrix",
        }
    }

    /// As the documentation names it.
    pub fn documented(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        }
    }
}

impl BinaryOp {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// Whether it compares, and so may take `bool`.
    pub fn is_comparison(self) -> bool {
        matches!(self, Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge)
    }

    /// Whether it works on sets of series.
    pub fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

impl AggregateOp {
    const NAMES: [(&'static str, Self); 14] = [
        ("sum", Self::Sum),
        ("avg", Self::Avg),
        ("count", Self::Count),
        ("min", Self::Min),
        ("max", Self::Max),
        ("group", Self::Group),
        ("stddev", Self::Stddev),
        ("stdvar", Self::Stdvar),
        ("topk", Self::Topk),
        ("bottomk", Self::Bottomk),
        ("count_values", Self::CountValues),
        ("quantile", Self::Quantile),
        ("limitk", Self::Limitk),
        ("limit_ratio", Self::LimitRatio),
    ];

    /// The operator of a name in lower case.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, op)| *op)
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, op)| *op == self).map_or("", |(name, _)| name)
    }

    /// The type of the parameter, of those that take one.
    pub fn param_type(self) -> Option<ValueType> {
        match self {
            Self::Topk | Self::Bottomk | Self::Quantile | Self::Limitk | Self::LimitRatio => {
                Some(ValueType::Scalar)
            }
            Self::CountValues => Some(ValueType::String),
            _ => None,
        }
    }
}

impl Expr {
    /// What it evaluates to.
    pub fn value_type(&self) -> ValueType {
        match &self.kind {
            ExprKind::Number { .. } => ValueType::Scalar,
            ExprKind::String(_) => ValueType::String,
            ExprKind::Paren(inner) => inner.value_type(),
            ExprKind::Unary { operand, .. } => operand.value_type(),
            ExprKind::Binary(binary) => {
                let sides = (binary.lhs.value_type(), binary.rhs.value_type());
                if sides == (ValueType::Scalar, ValueType::Scalar) {
                    ValueType::Scalar
                } else {
                    ValueType::Vector
                }
            }
            ExprKind::Call { function, .. } => function.returns,
            ExprKind::Aggregate(_) | ExprKind::VectorSelector(_) => ValueType::Vector,
            ExprKind::MatrixSelector(_) | ExprKind::Subquery(_) => ValueType::Matrix,
        }
    }

    /// The expressions directly inside, those of an aggregation before its parameter.
    pub fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Number { .. }
            | ExprKind::String(_)
            | ExprKind::VectorSelector(_)
            | ExprKind::MatrixSelector(_) => Vec::new(),
            ExprKind::Paren(inner) => vec![inner],
            ExprKind::Unary { operand, .. } => vec![operand],
            ExprKind::Binary(binary) => vec![&binary.lhs, &binary.rhs],
            ExprKind::Aggregate(aggregate) => {
                std::iter::once(&aggregate.operand).chain(&aggregate.param).collect()
            }
            ExprKind::Call { args, .. } => args.iter().collect(),
            ExprKind::Subquery(subquery) => vec![&subquery.inner],
        }
    }

    /// Shows the expression and all inside it, outer ones first.
    pub fn walk<'e>(&'e self, visit: &mut impl FnMut(&'e Expr)) {
        visit(self);
        for child in self.children() {
            child.walk(visit);
        }
    }

    /// Every selector inside, those of ranges too.
    pub fn selectors(&self) -> Vec<&VectorSelector> {
        let mut selectors = Vec::new();
        self.walk(&mut |expr| match &expr.kind {
            ExprKind::VectorSelector(selector) => selectors.push(&**selector),
            ExprKind::MatrixSelector(matrix) => selectors.push(&matrix.selector),
            _ => {}
        });
        selectors
    }
}
