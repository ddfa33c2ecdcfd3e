//! Queries as text on one line, in the form that Loki prints them.

use std::fmt::{self, Display, Formatter, Write};

use watchkeep_model::{MatchOp, Matcher};
use watchkeep_promql::go;
use watchkeep_promql::number::Decimal;
use watchkeep_promql::quote::quote;

use crate::ast::{
    Cardinality, Compare, Conversion, Expr, Extraction, Grouping, LabelFilter, LabelFormat,
    LabelFormatValue, LineFilter, LineOperand, LogExpr, LogRange, Matching, MetricExpr, MetricKind,
    NameOrMatcher, Stage, Unwrap,
};
use crate::units::{format_bytes, format_prometheus_duration};

/// Writes items with a text between.
fn join<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    between: &str,
    write: impl Fn(&T, &mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        write(item, f)?;
    }
    Ok(())
}

fn write_matcher(matcher: &Matcher, f: &mut Formatter<'_>) -> fmt::Result {
    let (label, op) = (matcher.label(), matcher.op().symbol());
    write!(f, "{label}{op}{}", quote(matcher.value()))
}

/// Whether Loki replaces a regular expression by a search for texts: alternatives of a text each,
/// with anything in front or behind. Where alternatives are in parentheses inside, it may be wrong.
fn searches_for_texts(pattern: &str) -> bool {
    let pattern = pattern.strip_prefix("(?i)").unwrap_or(pattern);
    let inner = pattern.strip_prefix("(?:").or_else(|| pattern.strip_prefix('('));
    let inner = inner.and_then(|inner| inner.strip_suffix(')')).unwrap_or(pattern);
    inner.split('|').all(|part| {
        let text = part.strip_prefix(".*").unwrap_or(part);
        let text = text.strip_suffix(".*").unwrap_or(text);
        let mut chars = text.chars();
        let mut plain = true;
        while let Some(c) = chars.next() {
            plain &= match c {
                '\\' => chars.next().is_some_and(|c| !c.is_ascii_alphanumeric()),
                _ => !".+*?()[]{}^$".contains(c),
            };
        }
        plain || part == ".+"
    })
}

/// A number as Go's `%v` writes it: with an exponent where it is below 1e-4 or from 1e21 on. Zero
/// has no sign, for `-0` reads as a duration.
#[derive(Debug)]
pub(crate) struct Literal(pub(crate) f64);

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.abs();
        if magnitude == 0.0 {
            return f.write_char('0');
        }
        if !self.0.is_finite() || (1e-4..1e21).contains(&magnitude) {
            return Decimal(self.0).fmt(f);
        }
        let text = format!("{:e}", self.0);
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) =
            exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
        write!(f, "{digits}e{sign}{exponent:0>2}")
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(log) => log.fmt(f),
            Self::Metric(metric) => metric.fmt(f),
        }
    }
}

impl Display for LogExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('{')?;
        join(f, &self.matchers, ", ", write_matcher)?;
        f.write_char('}')?;
        for stage in &self.stages {
            write!(f, " {}", stage.stage)?;
        }
        Ok(())
    }
}

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineFilter(filter) => filter.fmt(f),
            Self::Json(fields) => {
                f.write_str("| json")?;
                write_extractions(fields, f)
            }
            Self::Logfmt { strict, keep_empty, fields } => {
                f.write_str("| logfmt")?;
                f.write_str(if *strict { " --strict" } else { "" })?;
                f.write_str(if *keep_empty { " --keep-empty" } else { "" })?;
                write_extractions(fields, f)
            }
            Self::Regexp(text) => write!(f, "| regexp {}", quote(text)),
            Self::Pattern(text) => write!(f, "| pattern {}", quote(text)),
            Self::Unpack => f.write_str("| unpack"),
            Self::LabelFilter(filter) => write!(f, "| {filter}"),
            Self::LineFormat(template) => write!(f, "| line_format {}", quote(template)),
            Self::LabelFormat(formats) => {
                f.write_str("| label_format ")?;
                join(f, formats, ",", LabelFormat::fmt)
            }
            Self::Decolorize => f.write_str("| decolorize"),
            Self::Drop(names) => {
                f.write_str("| drop ")?;
                join(f, names, ",", NameOrMatcher::fmt)
            }
            Self::Keep(names) => {
                f.write_str("| keep ")?;
                join(f, names, ",", NameOrMatcher::fmt)
            }
        }
    }
}

fn write_extractions(fields: &[Extraction], f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str(if fields.is_empty() { "" } else { " " })?;
    join(f, fields, ",", |Extraction { label, expression }, f| {
        write!(f, "{label}={}", quote(expression))
    })
}

impl Display for LabelFormat {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.value {
            LabelFormatValue::Rename(label) => write!(f, "{}={label}", self.label),
            LabelFormatValue::Template(text) => write!(f, "{}={}", self.label, quote(text)),
        }
    }
}

impl Display for NameOrMatcher {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Matcher(matcher) => write_matcher(matcher, f),
        }
    }
}

impl Display for LineFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.op.symbol())?;
        join(f, &self.operands, " or ", |operand, f| match operand {
            LineOperand::Text(text) => f.write_str(&quote(text)),
            LineOperand::Ip(text) => write!(f, "ip({})", quote(text)),
        })
    }
}

impl Display for LabelFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            // Loki quotes so where it has a regular expression, not a search for texts.
            Self::Text(matcher)
                if matcher.op() == MatchOp::Regex
                    && !matcher.value().contains('`')
                    && !searches_for_texts(matcher.value()) =>
            {
                write!(f, "{}=~`{}`", matcher.label(), matcher.value())
            }
            Self::Text(matcher) => write_matcher(matcher, f),
            Self::Number(label, compare, value) => {
                // Zero without a sign, for `-0` reads as a duration.
                write!(f, "{label}{}{}", compare.symbol(), Decimal(*value + 0.0))
            }
            Self::Duration(label, compare, nanos) => {
                write!(f, "{label}{}{}", compare.symbol(), go::format_duration(*nanos))
            }
            Self::Bytes(label, compare, bytes) => {
                write!(f, "{label}{}{}", compare.symbol(), format_bytes(*bytes))
            }
            Self::Ip(label, compare, text) => {
                let op = if *compare == Compare::Ne { "!=" } else { "=" };
                write!(f, "{label}{op}ip({})", quote(text))
            }
            Self::And(left, right) => write!(f, "( {left} , {right} )"),
            Self::Or(left, right) => write!(f, "( {left} or {right} )"),
        }
    }
}

impl Display for Unwrap {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.conversion {
            Conversion::Float => write!(f, "| unwrap {}", self.label)?,
            conversion => write!(f, "| unwrap {}({})", conversion.name(), self.label)?,
        }
        self.filters.iter().try_for_each(|filter| write!(f, " | {filter}"))
    }
}

impl Display for LogRange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.log.fmt(f)?;
        if let Some(unwrap) = &self.unwrap {
            write!(f, " {unwrap}")?;
        }
        write!(f, "[{}]", format_prometheus_duration(self.range_ns))?;
        if self.offset_ns != 0 {
            write!(f, " offset {}", go::format_duration(self.offset_ns))?;
        }
        Ok(())
    }
}

impl Display for Grouping {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let word = if self.without { "without" } else { "by" };
        write!(f, "{word} ({})", self.labels.join(","))
    }
}

/// What stands between an operator and its right side, with a blank in front.
fn write_matching(matching: &Matching, right: &MetricExpr, f: &mut Formatter<'_>) -> fmt::Result {
    let Matching { return_bool, on, labels, cardinality, include } = matching;
    f.write_str(if *return_bool { " bool" } else { "" })?;
    let group = match cardinality {
        Cardinality::OneToOne => "",
        Cardinality::ManyToOne => "group_left",
        Cardinality::OneToMany => "group_right",
    };
    // Loki leaves `ignoring ()` out, and with it what can not stand alone.
    if !*on && labels.is_empty() && group.is_empty() {
        return Ok(());
    }
    let word = if *on { "on" } else { "ignoring" };
    write!(f, " {word} ({}) {group}", labels.join(","))?;
    if !include.is_empty() {
        write!(f, " ({})", include.join(","))?;
    } else if !group.is_empty() && matches!(right.kind, MetricKind::Binary { .. }) {
        // Or else the parenthesis of the right side would be read as that of a list.
        f.write_str(" ()")?;
    }
    Ok(())
}

impl Display for MetricExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            MetricKind::Range { op, parameter, range, grouping } => {
                write!(f, "{}(", op.name())?;
                if let Some(parameter) = parameter {
                    write!(f, "{},", Decimal(*parameter))?;
                }
                write!(f, "{range})")?;
                grouping.iter().try_for_each(|grouping| write!(f, " {grouping}"))
            }
            MetricKind::Aggregation { op, parameter, inner, grouping } => {
                f.write_str(op.name())?;
                if let Some(grouping) = grouping {
                    write!(f, " {grouping}")?;
                }
                f.write_char('(')?;
                if let Some(parameter) = parameter {
                    write!(f, "{parameter},")?;
                }
                write!(f, "{inner})")
            }
            MetricKind::Binary { op, left, right, matching } => {
                write!(f, "({left} {}", op.symbol())?;
                write_matching(matching, right, f)?;
                write!(f, " {right})")
            }
            MetricKind::LabelReplace { inner, destination, replacement, source, pattern } => {
                write!(f, "label_replace({inner}")?;
                for text in [destination, replacement, source, pattern] {
                    write!(f, ",{}", quote(text))?;
                }
                f.write_char(')')
            }
            MetricKind::Number(value) => Literal(*value).fmt(f),
            MetricKind::Vector(value) => write!(f, "vector({value:.6})"),
        }
    }
}
