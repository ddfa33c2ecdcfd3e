//! Expressions as text, in the form in which Prometheus prints them. Reading it back gives the same
//! tree.

use std::fmt::{self, Display, Formatter, Write};

use watchkeep_model::{MatchOp, Matcher};

use crate::ast::{
    AggregateExpr, At, BinaryExpr, Cardinality, Duration, DurationExpr, DurationExprKind, Expr,
    ExprKind, Extension, MatrixSelector, SubqueryExpr, TimeShift, VectorSelector,
};
use crate::number::{Decimal, Shortest};
use crate::quote::quote;

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number { value, is_duration } => number(f, *value, *is_duration),
            ExprKind::String(text) => f.write_str(&quote(text)),
            ExprKind::Paren(inner) => write!(f, "({inner})"),
            ExprKind::Unary { negative, operand } => {
                write!(f, "{}{operand}", if *negative { '-' } else { '+' })
            }
            ExprKind::Binary(binary) => {
                write!(f, "{} {} {}", binary.lhs, Operator(binary), binary.rhs)
            }
            ExprKind::Aggregate(aggregate) => {
                write!(f, "{}(", AggregateHead(aggregate))?;
                if let Some(param) = &aggregate.param {
                    write!(f, "{param}, ")?;
                }
                write!(f, "{})", aggregate.operand)
            }
            ExprKind::Call { function, args } => {
                write!(f, "{}(", function.name)?;
                separated(f, args, |f, arg| arg.fmt(f))?;
                f.write_char(')')
            }
            ExprKind::VectorSelector(selector) => selector.fmt(f),
            ExprKind::MatrixSelector(matrix) => matrix.fmt(f),
            ExprKind::Subquery(subquery) => {
                write!(f, "{}{}", subquery.inner, SubquerySuffix(subquery))
            }
        }
    }
}

fn separated<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    mut write: impl FnMut(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write(f, item)?;
    }
    Ok(())
}

fn number(f: &mut Formatter<'_>, value: f64, is_duration: bool) -> fmt::Result {
    if !is_duration {
        return Decimal(value).fmt(f);
    }
    if value < 0.0 {
        f.write_char('-')?;
    }
    Span((value.abs() * 1e3).round() as i64).fmt(f)
}

/// An operator with how the series of its sides match.
pub(crate) struct Operator<'e>(pub(crate) &'e BinaryExpr);

impl Display for Operator<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.op.symbol())?;
        if self.0.return_bool {
            f.write_str(" bool")?;
        }
        let Some(matching) = &self.0.matching else { return Ok(()) };
        let group = match matching.cardinality {
            Cardinality::ManyToOne => Some("group_left"),
            Cardinality::OneToMany => Some("group_right"),
            Cardinality::OneToOne | Cardinality::ManyToMany => None,
        };
        if matching.is_on || !matching.labels.is_empty() || group.is_some() {
            f.write_str(if matching.is_on { " on " } else { " ignoring " })?;
            label_list(f, &matching.labels)?;
        }
        if let Some(group) = group {
            write!(f, " {group} ")?;
            label_list(f, &matching.include)?;
        }
        match (matching.fill_left, matching.fill_right) {
            (Some(left), Some(right)) if left == right => write!(f, " fill ({})", General(left)),
            (left, right) => {
                if let Some(left) = left {
                    write!(f, " fill_left ({})", General(left))?;
                }
                if let Some(right) = right {
                    write!(f, " fill_right ({})", General(right))?;
                }
                Ok(())
            }
        }
    }
}

/// A number with an exponent from below 1e-4 already.
struct General(f64);

impl Display for General {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 == 0.0 || !(1e-6..1e-4).contains(&self.0.abs()) {
            return Shortest(self.0).fmt(f);
        }
        let text = format!("{:e}", self.0);
        f.write_str(&text.replace("e-", "e-0"))
    }
}

/// An aggregation up to its parenthesis.
pub(crate) struct AggregateHead<'e>(pub(crate) &'e AggregateExpr);

impl Display for AggregateHead<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(aggregate) = self;
        f.write_str(aggregate.op.name())?;
        if aggregate.without || !aggregate.grouping.is_empty() {
            f.write_str(if aggregate.without { " without " } else { " by " })?;
            label_list(f, &aggregate.grouping)?;
            f.write_char(' ')?;
        }
        Ok(())
    }
}

fn label_list(f: &mut Formatter<'_>, labels: &[String]) -> fmt::Result {
    f.write_char('(')?;
    separated(f, labels, |f, label| label_name(f, label))?;
    f.write_char(')')
}

/// A name, in quotes unless it is one that always could be written without.
fn label_name(f: &mut impl Write, name: &str) -> fmt::Result {
    let is_plain = name
        .chars()
        .enumerate()
        .all(|(index, c)| c == '_' || c.is_ascii_alphabetic() || (index > 0 && c.is_ascii_digit()));
    if is_plain && !name.is_empty() { f.write_str(name) } else { f.write_str(&quote(name)) }
}

fn matcher(matcher: &Matcher) -> Result<String, fmt::Error> {
    let mut text = String::new();
    label_name(&mut text, matcher.label())?;
    write!(text, "{}{}", matcher.op().symbol(), quote(matcher.value()))?;
    Ok(text)
}

/// The name and the conditions, without what shifts the selector.
fn series(f: &mut Formatter<'_>, selector: &VectorSelector) -> fmt::Result {
    let name = selector.name.as_deref().unwrap_or_default();
    f.write_str(name)?;
    let is_name = |matcher: &&Matcher| {
        !name.is_empty()
            && (matcher.label(), matcher.op(), matcher.value())
                == ("__name__", MatchOp::Equal, name)
    };
    let matchers = selector.matchers.iter().filter(|matcher| !is_name(matcher)).map(matcher);
    let mut matchers = matchers.collect::<Result<Vec<_>, _>>()?;
    if matchers.is_empty() {
        return Ok(());
    }
    matchers.sort_unstable();
    write!(f, "{{{}}}", matchers.join(","))
}

fn extension(extension: Extension) -> &'static str {
    match extension {
        Extension::None => "",
        Extension::Anchored => " anchored",
        Extension::Smoothed => " smoothed",
    }
}

impl Display for At {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Millis(millis) => write!(f, " @ {:.3}", *millis as f64 / 1e3),
            Self::Start => f.write_str(" @ start()"),
            Self::End => f.write_str(" @ end()"),
        }
    }
}

fn at(f: &mut Formatter<'_>, shift: &TimeShift) -> fmt::Result {
    shift.at.map_or(Ok(()), |at| at.fmt(f))
}

fn offset(f: &mut Formatter<'_>, shift: &TimeShift) -> fmt::Result {
    match &shift.offset {
        None | Some(Duration::Millis(0)) => Ok(()),
        Some(offset) => write!(f, " offset {offset}"),
    }
}

impl Display for VectorSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        series(f, self)?;
        at(f, &self.shift)?;
        f.write_str(extension(self.extension))?;
        offset(f, &self.shift)
    }
}

impl Display for MatrixSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        series(f, &self.selector)?;
        write!(f, "[{}]{}", self.range, extension(self.selector.extension))?;
        at(f, &self.selector.shift)?;
        offset(f, &self.selector.shift)
    }
}

/// What stands behind the inner expression of a subquery.
pub(crate) struct SubquerySuffix<'e>(pub(crate) &'e SubqueryExpr);

impl Display for SubquerySuffix<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(subquery) = self;
        write!(f, "[{}:", subquery.range)?;
        if let Some(step) = &subquery.step {
            step.fmt(f)?;
        }
        f.write_char(']')?;
        at(f, &subquery.shift)?;
        offset(f, &subquery.shift)
    }
}

impl Display for Duration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Millis(millis) => {
                if *millis < 0 {
                    f.write_char('-')?;
                }
                Span(millis.saturating_abs()).fmt(f)
            }
            Self::Expr(expr) => expr.fmt(f),
        }
    }
}

impl Display for DurationExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            DurationExprKind::Number { value, is_duration } => number(f, *value, *is_duration),
            DurationExprKind::Step => f.write_str("step()"),
            DurationExprKind::Range => f.write_str("range()"),
            DurationExprKind::MinOf(operands) => {
                write!(f, "min_of({}, {})", operands[0], operands[1])
            }
            DurationExprKind::MaxOf(operands) => {
                write!(f, "max_of({}, {})", operands[0], operands[1])
            }
            DurationExprKind::Unary { negative, operand } => {
                write!(f, "{}{operand}", if *negative { '-' } else { '+' })
            }
            DurationExprKind::Paren(inner) => write!(f, "({inner})"),
            DurationExprKind::Binary { op, operands } => {
                write!(f, "{} {} {}", operands[0], op.symbol(), operands[1])
            }
        }
    }
}

/// A span of time in milliseconds that is not negative. Years and weeks are written only where
/// nothing remains.
struct Span(i64);

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const DAY: i64 = 86_400_000;
        const UNITS: [(&str, i64, bool); 7] = [
            ("y", 365 * DAY, true),
            ("w", 7 * DAY, true),
            ("d", DAY, false),
            ("h", 3_600_000, false),
            ("m", 60_000, false),
            ("s", 1_000, false),
            ("ms", 1, false),
        ];
        let mut rest = self.0;
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, size, only_exact) in UNITS {
            let count = rest / size;
            if count > 0 && !(only_exact && rest % size != 0) {
                write!(f, "{count}{unit}")?;
                rest %= size;
            }
        }
        Ok(())
    }
}
