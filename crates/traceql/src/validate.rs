//! What is refused of queries that the grammar accepts: what Tempo refuses, with its words.

use watchkeep_model::SpanScope;
use watchkeep_model::regex::Pattern;

use crate::ast::{
    Attribute, BinaryOp, FieldExpr, Intrinsic, MetricExpr, MetricFunction, Name, Pipeline, Place,
    Query, Root, ScalarExpr, ScalarFilter, SeriesStage, SpansetExpr, Stage, Static, UnaryOp,
};
use crate::parser::{Parse, ParseError};
use crate::types::{self, Type};

/// How many attributes a metric may be grouped by.
pub const GROUP_BY_MAX: usize = 5;

/// How many values `compare()` tells of each attribute at most.
pub const COMPARE_TOP_MAX: i64 = 1_000;

fn refuse(message: impl Into<String>, place: Place) -> Parse<()> {
    Err(ParseError::meaning(message, place))
}

fn unsupported(what: &str, place: Place) -> Parse<()> {
    refuse(format!("{what} not yet supported"), place)
}

/// Checks a query.
pub(crate) fn query(query: &Query) -> Parse<()> {
    match &query.root {
        Root::Search(stages) => pipeline(stages),
        Root::Metric(expr) => metric(expr, true),
    }
}

fn pipeline(pipeline: &Pipeline) -> Parse<()> {
    pipeline.stages.iter().try_for_each(|stage| match stage {
        Stage::Spans(spans) => spanset(spans),
        Stage::Scalar(filter) => scalar_filter(filter),
        Stage::By(by) => {
            if !types::looks_at_span(by) {
                let what = "grouping field expressions must reference the span";
                return refuse(format!("{what}: {stage}"), Place::default());
            }
            field(by)
        }
        Stage::Coalesce => Ok(()),
        Stage::Select(attributes) => attributes.iter().try_for_each(attribute),
    })
}

fn spanset(expr: &SpansetExpr) -> Parse<()> {
    match expr {
        SpansetExpr::Filter(filter) => span_filter(filter),
        SpansetExpr::Binary { left, right, .. } => {
            spanset(left)?;
            spanset(right)
        }
        SpansetExpr::Pipeline(stages) => pipeline(stages),
    }
}

fn span_filter(filter: &FieldExpr) -> Parse<()> {
    field(filter)?;
    if matches!(types::of_field(filter), Type::Attribute | Type::Bool) {
        return Ok(());
    }
    let what = "span filter field expressions must resolve to a boolean";
    refuse(format!("{what}: {{ {filter} }}"), place_of(filter))
}

fn place_of(expr: &FieldExpr) -> Place {
    match expr {
        FieldExpr::Static(_) => Place::default(),
        FieldExpr::Attribute(attribute) => attribute.place,
        FieldExpr::Unary { of, .. } | FieldExpr::Exists { of, .. } => place_of(of),
        FieldExpr::Binary { place, .. } => *place,
    }
}

fn scalar_filter(filter: &ScalarFilter) -> Parse<()> {
    scalar(&filter.left)?;
    scalar(&filter.right)?;
    let types = (types::of_scalar(&filter.left), types::of_scalar(&filter.right));
    operands(filter.op, types, filter, Place::default())?;
    let (left, right) = (&filter.left, &filter.right);
    if !matches!(left, ScalarExpr::Aggregate { .. }) {
        return unsupported(&format!("scalar filter lhs of type ({left})"), Place::default());
    }
    if !matches!(right, ScalarExpr::Static(_)) {
        return unsupported(&format!("scalar filter rhs of type ({right})"), Place::default());
    }
    Ok(())
}

/// Whether an operator takes its sides.
fn operands(
    op: BinaryOp,
    (left, right): (Type, Type),
    all: &impl std::fmt::Display,
    place: Place,
) -> Parse<()> {
    if !left.matches(right) {
        return refuse(format!("binary operations must operate on the same type: {all}"), place);
    }
    if !left.takes(op) || !right.takes(op) {
        return refuse(format!("illegal operation for the given types: {all}"), place);
    }
    Ok(())
}

fn scalar(expr: &ScalarExpr) -> Parse<()> {
    match expr {
        ScalarExpr::Static(_) | ScalarExpr::Aggregate { of: None, .. } => Ok(()),
        ScalarExpr::Aggregate { of: Some(of), .. } => {
            field(of)?;
            let of_type = types::of_field(of);
            if of_type != Type::Attribute && !of_type.is_number() {
                let what = "aggregate field expressions must resolve to a number type";
                return refuse(format!("{what}: {expr}"), place_of(of));
            }
            if !types::looks_at_span(of) {
                let what = "aggregate field expressions must reference the span";
                return refuse(format!("{what}: {expr}"), place_of(of));
            }
            Ok(())
        }
        ScalarExpr::Binary { op, left, right } => {
            scalar(left)?;
            scalar(right)?;
            let types = (types::of_scalar(left), types::of_scalar(right));
            operands(*op, types, expr, Place::default())
        }
        ScalarExpr::Pipeline { pipeline: stages, aggregate } => {
            pipeline(stages)?;
            scalar(aggregate)
        }
    }
}

fn field(expr: &FieldExpr) -> Parse<()> {
    match expr {
        FieldExpr::Static(_) => Ok(()),
        FieldExpr::Attribute(named) => attribute(named),
        FieldExpr::Unary { op, of } => {
            field(of)?;
            let fits = match (types::of_field(of), op) {
                (Type::Attribute, _) => true,
                (of_type, UnaryOp::Minus) => of_type.is_number(),
                (of_type, UnaryOp::Not) => of_type == Type::Bool,
            };
            if fits {
                return Ok(());
            }
            refuse(format!("illegal operation for the given type: {expr}"), place_of(of))
        }
        FieldExpr::Exists { exists, of } => {
            field(of)?;
            if *exists { Ok(()) } else { absent(of) }
        }
        FieldExpr::Binary { op, left, right, place } => {
            field(left)?;
            field(right)?;
            let types = (types::of_field(left), types::of_field(right));
            operands(*op, types, expr, *place)?;
            if matches!(op, BinaryOp::Regex | BinaryOp::NotRegex) {
                return regex(right, *place);
            }
            Ok(())
        }
    }
}

/// What may be absent.
fn absent(of: &FieldExpr) -> Parse<()> {
    let FieldExpr::Attribute(named) = of else {
        return Ok(());
    };
    let cannot = match &named.name {
        Name::Intrinsic(_) => "intrinsics",
        Name::Key(SpanScope::Resource, key) if key == "service.name" => "resource.service.name",
        Name::Key(..) => return Ok(()),
    };
    refuse(format!("{named}=nil is not valid because {cannot} cannot be nil"), named.place)
}

fn regex(pattern: &FieldExpr, place: Place) -> Parse<()> {
    let FieldExpr::Static(Static::Text(text)) = pattern else {
        return refuse(format!("invalid type for =~ or !~: {pattern}"), place);
    };
    match Pattern::anchored(text) {
        Ok(_) => Ok(()),
        Err(_) => refuse(format!("invalid regex: {pattern}"), place),
    }
}

fn attribute(named: &Attribute) -> Parse<()> {
    if named.of_parent {
        return unsupported("parent", named.place);
    }
    if named.name == Name::Intrinsic(Intrinsic::Parent) {
        return unsupported("intrinsic (parent)", named.place);
    }
    Ok(())
}

impl MetricFunction {
    /// The attribute whose values it looks at, if it does.
    pub fn attribute(&self) -> Option<&Attribute> {
        match self {
            Self::MinOverTime(of)
            | Self::MaxOverTime(of)
            | Self::SumOverTime(of)
            | Self::AvgOverTime(of)
            | Self::QuantileOverTime(of, _)
            | Self::HistogramOverTime(of) => Some(of),
            Self::Rate | Self::CountOverTime | Self::Compare { .. } => None,
        }
    }
}

/// Checks series; `alone` where nothing is reckoned with them.
fn metric(expr: &MetricExpr, alone: bool) -> Parse<()> {
    match expr {
        MetricExpr::Aggregate { pipeline: stages, function, by, then, place } => {
            pipeline(stages)?;
            metric_function(function, by, *place)?;
            series_stages(then, *place)?;
            let compares = matches!(function, MetricFunction::Compare { .. });
            if compares && !(alone && then.is_empty()) {
                let what = "`compare()` cannot be used with second stage functions";
                return refuse(what, *place);
            }
            Ok(())
        }
        MetricExpr::Binary { left, right, then, .. } => {
            metric(left, false)?;
            metric(right, false)?;
            series_stages(then, Place::default())
        }
        MetricExpr::Scalar(_) => Ok(()),
    }
}

fn metric_function(function: &MetricFunction, by: &[Attribute], place: Place) -> Parse<()> {
    // Tempo needs one place for buckets, or for sums beside counts.
    let groups = match function {
        MetricFunction::HistogramOverTime(_)
        | MetricFunction::QuantileOverTime(..)
        | MetricFunction::AvgOverTime(_) => GROUP_BY_MAX - 1,
        _ => GROUP_BY_MAX,
    };
    if by.len() > groups {
        return unsupported(&format!("metrics group by {} values", by.len()), place);
    }
    // Tempo takes these and finds nothing.
    by.iter().chain(function.attribute()).try_for_each(attribute)?;
    match function {
        MetricFunction::QuantileOverTime(_, quantiles) => {
            match quantiles.iter().find(|quantile| !(0.0..=1.0).contains(*quantile)) {
                Some(wrong) => refuse(format!("quantile must be between 0 and 1: {wrong}"), place),
                None => Ok(()),
            }
        }
        MetricFunction::Compare { selection, top, start_ns, end_ns } => {
            span_filter(selection)?;
            if !(1..=COMPARE_TOP_MAX).contains(top) {
                let what = "compare() top number of values must be an integer between 1 and";
                return refuse(format!("{what} {COMPARE_TOP_MAX}"), place);
            }
            if (*start_ns, *end_ns) == (0, 0) {
                return Ok(());
            }
            if *start_ns <= 0 || *end_ns <= 0 {
                let what = "compare() timestamps must be positive integer unix nanoseconds";
                return refuse(what, place);
            }
            if end_ns <= start_ns {
                let what = "compare() end timestamp must be greater than start timestamp";
                return refuse(what, place);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn series_stages(stages: &[SeriesStage], place: Place) -> Parse<()> {
    stages.iter().try_for_each(|stage| match stage {
        SeriesStage::TopK(limit) | SeriesStage::BottomK(limit) if *limit <= 0 => {
            refuse("limit must be greater than 0", place)
        }
        _ => Ok(()),
    })
}
