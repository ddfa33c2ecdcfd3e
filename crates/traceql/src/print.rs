//! Queries as text on one line, close to how Tempo prints them. What is printed can be read again,
//! unless it takes more parentheses in each other than are read.

use std::fmt::{self, Display, Formatter, Write};

use watchkeep_model::SpanScope;
use watchkeep_promql::go;
use watchkeep_promql::quote::quote;

use crate::ast::{
    AggregateFunction, Attribute, BinaryOp, FieldExpr, Form, Hint, Intrinsic, Kind, MetricExpr,
    MetricFunction, Name, Pipeline, Query, Relation, Root, ScalarExpr, ScalarFilter, SeriesStage,
    SpansetExpr, SpansetOp, Stage, Static, Status, UnaryOp,
};
use crate::lexer::is_attribute_char;

/// Writes items with a text between.
fn join<T: Display>(f: &mut Formatter<'_>, items: &[T], between: &str) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

/// A float as Go writes it, told from an integer. What is not finite as what makes it.
fn write_float(f: &mut Formatter<'_>, value: f64) -> fmt::Result {
    if value.is_nan() {
        return f.write_str("(0.0 / 0.0)");
    }
    if value.is_infinite() {
        return f.write_str(if value > 0.0 { "(1.0 / 0.0)" } else { "(-1.0 / 0.0)" });
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&power) || value == 0.0 {
        return write!(f, "{value:?}");
    }
    let sign = if power < 0 { '-' } else { '+' };
    write!(f, "{digits}e{sign}{:02}", power.unsigned_abs())
}

/// A number of series: whole ones without a point.
fn write_number(f: &mut Formatter<'_>, value: f64) -> fmt::Result {
    let whole = value as i64;
    if value.is_finite() && whole as f64 == value && whole != i64::MAX && whole != i64::MIN {
        return write!(f, "{whole}");
    }
    write_float(f, value)
}

/// Text between backquotes if that is possible.
fn write_text(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    if text.contains(|c: char| c == '`' || c == '\u{feff}' || (c.is_control() && c != '\n')) {
        return f.write_str(&quote(text));
    }
    write!(f, "`{text}`")
}

impl Display for Static {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("nil"),
            // Its digits alone are out of range.
            Self::Int(i64::MIN) => write!(f, "(-{} - 1)", i64::MAX),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write_float(f, *value),
            Self::Text(text) => write_text(f, text),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Duration(nanos) => f.write_str(&go::format_duration(*nanos)),
            Self::Status(status) => f.write_str(status.name()),
            Self::Kind(kind) => f.write_str(kind.name()),
        }
    }
}

impl Status {
    /// How queries write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Ok => "ok",
            Self::Unset => "unset",
        }
    }
}

impl Kind {
    /// How queries write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

impl Intrinsic {
    /// How Tempo writes it, without a scope where there is such a form.
    pub fn name(self) -> &'static str {
        match self {
            Self::Duration => "duration",
            Self::Name => "name",
            Self::Status => "status",
            Self::StatusMessage => "statusMessage",
            Self::Kind => "kind",
            Self::ChildCount => "span:childCount",
            Self::Parent => "parent",
            Self::SpanId => "span:id",
            Self::ParentId => "span:parentID",
            Self::TraceId => "trace:id",
            Self::RootName => "rootName",
            Self::RootService => "rootServiceName",
            Self::TraceDuration => "traceDuration",
            Self::NestedSetLeft => "nestedSetLeft",
            Self::NestedSetRight => "nestedSetRight",
            Self::NestedSetParent => "nestedSetParent",
            Self::EventName => "event:name",
            Self::EventTimeSinceStart => "event:timeSinceStart",
            Self::LinkTraceId => "link:traceID",
            Self::LinkSpanId => "link:spanID",
            Self::InstrumentationName => "instrumentation:name",
            Self::InstrumentationVersion => "instrumentation:version",
        }
    }
}

/// Whether a key reads back as itself behind a scope without quotes.
fn is_plain_key(scope: SpanScope, of_parent: bool, key: &str) -> bool {
    let reads_as_more = scope == SpanScope::Any
        && (key.starts_with(|c: char| c.is_ascii_digit())
            || (of_parent && (key.starts_with("span.") || key.starts_with("resource."))));
    !key.is_empty() && !reads_as_more && key.chars().all(|c| c != '"' && is_attribute_char(c))
}

impl Display for Attribute {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (scope, key) = match &self.name {
            Name::Intrinsic(intrinsic) => return f.write_str(intrinsic.name()),
            Name::Key(scope, key) => (*scope, key),
        };
        if self.of_parent {
            f.write_str("parent")?;
            if scope != SpanScope::Any {
                f.write_char('.')?;
            }
        }
        f.write_str(match scope {
            SpanScope::Any => "",
            SpanScope::Span => "span",
            SpanScope::Resource => "resource",
            SpanScope::Event => "event",
            SpanScope::Link => "link",
            SpanScope::Instrumentation => "instrumentation",
        })?;
        f.write_char('.')?;
        if is_plain_key(scope, self.of_parent, key) {
            return f.write_str(key);
        }
        write!(f, "\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

impl BinaryOp {
    /// How queries write it.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
            Self::And => "&&",
            Self::Or => "||",
        }
    }
}

/// Whether a constant begins with a sign.
fn is_signed(value: &Static) -> bool {
    match value {
        Static::Int(value) => *value < 0 && *value != i64::MIN,
        Static::Duration(nanos) => *nanos < 0,
        Static::Float(value) => value.is_sign_negative() && value.is_finite(),
        _ => false,
    }
}

/// An expression as the right side of an operator.
struct Right<'e>(&'e FieldExpr);

impl Display for Right<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            FieldExpr::Static(_) | FieldExpr::Attribute(_) => self.0.fmt(f),
            _ => write!(f, "({})", self.0),
        }
    }
}

/// An expression as the left side of an operator. A sign would be that of all that a product makes.
struct Left<'e>(&'e FieldExpr);

impl Display for Left<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            FieldExpr::Static(value) if is_signed(value) => write!(f, "({value})"),
            _ => Right(self.0).fmt(f),
        }
    }
}

impl Display for FieldExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static(value) => value.fmt(f),
            Self::Attribute(attribute) => attribute.fmt(f),
            Self::Unary { op: UnaryOp::Minus, of } => write!(f, "-{}", Left(of)),
            Self::Unary { op: UnaryOp::Not, of } => write!(f, "!{}", Left(of)),
            Self::Exists { exists, of } => {
                write!(f, "{} {} nil", Left(of), if *exists { "!=" } else { "=" })
            }
            Self::Binary { op, left, right, .. } => {
                match left.as_ref() {
                    Self::Binary { op: of_left, .. } if chains(*op, *of_left) => left.fmt(f)?,
                    _ => Left(left).fmt(f)?,
                }
                write!(f, " {} ", op.symbol())?;
                let takes_sign = matches!(op, BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod);
                if takes_sign { Left(right).fmt(f) } else { Right(right).fmt(f) }
            }
        }
    }
}

/// Whether an operator and that of its left side are written as a chain, without parentheses, which
/// could nest deeper than can be read.
fn chains(op: BinaryOp, of_left: BinaryOp) -> bool {
    use BinaryOp::{Add, And, Div, Mod, Mul, Or, Sub};
    op == of_left && matches!(op, And | Or | Add | Sub | Mul | Div | Mod)
}

impl SpansetOp {
    /// How queries write it.
    pub fn symbol(self) -> &'static str {
        let Self::Structural { relation, form } = self else {
            return if self == Self::And { "&&" } else { "||" };
        };
        match (form, relation) {
            (Form::Plain, Relation::Child) => ">",
            (Form::Plain, Relation::Descendant) => ">>",
            (Form::Plain, Relation::Parent) => "<",
            (Form::Plain, Relation::Ancestor) => "<<",
            (Form::Plain, Relation::Sibling) => "~",
            (Form::Negated, Relation::Child) => "!>",
            (Form::Negated, Relation::Descendant) => "!>>",
            (Form::Negated, Relation::Parent) => "!<",
            (Form::Negated, Relation::Ancestor) => "!<<",
            (Form::Negated, Relation::Sibling) => "!~",
            (Form::Union, Relation::Child) => "&>",
            (Form::Union, Relation::Descendant) => "&>>",
            (Form::Union, Relation::Parent) => "&<",
            (Form::Union, Relation::Ancestor) => "&<<",
            (Form::Union, Relation::Sibling) => "&~",
        }
    }
}

impl Display for SpansetExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let side = |f: &mut Formatter<'_>, of: &Self| match of {
            Self::Binary { .. } => write!(f, "({of})"),
            _ => of.fmt(f),
        };
        match self {
            Self::Filter(filter) => write!(f, "{{ {filter} }}"),
            Self::Binary { op, left, right } => {
                match left.as_ref() {
                    Self::Binary { op: of_left, .. } if of_left == op => left.fmt(f)?,
                    _ => side(f, left)?,
                }
                write!(f, " {} ", op.symbol())?;
                side(f, right)
            }
            Self::Pipeline(pipeline) => write!(f, "({pipeline})"),
        }
    }
}

impl AggregateFunction {
    /// How queries write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Sum => "sum",
            Self::Avg => "avg",
        }
    }
}

impl Display for ScalarExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let side = |f: &mut Formatter<'_>, of: &Self| match of {
            Self::Binary { .. } => write!(f, "({of})"),
            _ => of.fmt(f),
        };
        match self {
            Self::Static(value) => value.fmt(f),
            Self::Aggregate { function, of: None } => write!(f, "{}()", function.name()),
            Self::Aggregate { function, of: Some(of) } => write!(f, "{}({of})", function.name()),
            Self::Binary { op, left, right } => {
                match left.as_ref() {
                    Self::Binary { op: of_left, .. } if chains(*op, *of_left) => left.fmt(f)?,
                    _ => side(f, left)?,
                }
                write!(f, " {} ", op.symbol())?;
                side(f, right)
            }
            Self::Pipeline { pipeline, aggregate } => write!(f, "({pipeline} | {aggregate})"),
        }
    }
}

impl Display for ScalarFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { op, left, right } = self;
        write!(f, "{left} {} {right}", op.symbol())
    }
}

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spans(spans) => spans.fmt(f),
            Self::Scalar(filter) => filter.fmt(f),
            Self::By(by) => write!(f, "by({by})"),
            Self::Coalesce => f.write_str("coalesce()"),
            Self::Select(attributes) => {
                f.write_str("select(")?;
                join(f, attributes, ", ")?;
                f.write_char(')')
            }
        }
    }
}

impl Display for Pipeline {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        join(f, &self.stages, " | ")
    }
}

impl Display for MetricFunction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate => f.write_str("rate()"),
            Self::CountOverTime => f.write_str("count_over_time()"),
            Self::MinOverTime(of) => write!(f, "min_over_time({of})"),
            Self::MaxOverTime(of) => write!(f, "max_over_time({of})"),
            Self::SumOverTime(of) => write!(f, "sum_over_time({of})"),
            Self::AvgOverTime(of) => write!(f, "avg_over_time({of})"),
            Self::HistogramOverTime(of) => write!(f, "histogram_over_time({of})"),
            Self::QuantileOverTime(of, quantiles) => {
                write!(f, "quantile_over_time({of}")?;
                for quantile in quantiles {
                    f.write_str(", ")?;
                    write_number(f, *quantile)?;
                }
                f.write_char(')')
            }
            Self::Compare { selection, top, start_ns, end_ns } => {
                write!(f, "compare({{ {selection} }}, {top}")?;
                if (*start_ns, *end_ns) != (0, 0) {
                    write!(f, ", {start_ns}, {end_ns}")?;
                }
                f.write_char(')')
            }
        }
    }
}

impl Display for SeriesStage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::TopK(limit) => write!(f, " | topk({limit})"),
            Self::BottomK(limit) => write!(f, " | bottomk({limit})"),
            Self::Filter { op, value } => {
                write!(f, " {} ", op.symbol())?;
                write_number(f, *value)
            }
        }
    }
}

impl Display for MetricExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let side = |f: &mut Formatter<'_>, of: &Self| match of {
            Self::Scalar(_) => of.fmt(f),
            _ => write!(f, "({of})"),
        };
        match self {
            Self::Aggregate { pipeline, function, by, then, .. } => {
                write!(f, "{pipeline} | {function}")?;
                if !by.is_empty() {
                    f.write_str(" by (")?;
                    join(f, by, ", ")?;
                    f.write_char(')')?;
                }
                join(f, then, "")
            }
            Self::Binary { op, left, right, then } => {
                match left.as_ref() {
                    Self::Binary { op: of_left, then, .. }
                        if then.is_empty() && chains(*op, *of_left) =>
                    {
                        left.fmt(f)?;
                    }
                    _ => side(f, left)?,
                }
                write!(f, " {} ", op.symbol())?;
                side(f, right)?;
                join(f, then, "")
            }
            Self::Scalar(value) => write_number(f, *value),
        }
    }
}

impl Display for Hint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { name, value, .. } = self;
        match value {
            Static::Int(i64::MIN) => write!(f, "{name}=minInt"),
            value => write!(f, "{name}={value}"),
        }
    }
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.root {
            Root::Search(pipeline) => pipeline.fmt(f)?,
            Root::Metric(metric) => metric.fmt(f)?,
        }
        if self.hints.is_empty() {
            return Ok(());
        }
        f.write_str(" with (")?;
        join(f, &self.hints, ", ")?;
        f.write_char(')')
    }
}
