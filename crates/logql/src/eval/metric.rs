//! Metric queries: range aggregations are worked out from records, and all above them by the algebra
//! of vectors.

use watchkeep_model::Labels;
use watchkeep_promql::algebra::{
    AggregateOp, BinaryOp as Operator, Cardinality as Match, Dialect, Term, VectorMatching,
    evaluate, is_absent, number,
};

use crate::ast::{
    BinaryOp, Cardinality, Grouping, Matching, MetricExpr, MetricKind, RangeOp, VectorOp,
};
use crate::eval::Options;
use crate::eval::error::{EvalError, Result};
use crate::eval::leaf::{Context, Leaf};
use crate::eval::output::{Output, Sample, Series, Stats, Value};
use crate::eval::series_labels::from_algebra;
use crate::eval::windows::Steps;
use crate::source::LogSource;

/// A series and its value at each step.
type Column = (Labels, Vec<f64>);

/// The answer at one time.
pub(crate) fn instant(
    query: &MetricExpr,
    source: &dyn LogSource,
    time_ns: i64,
    options: &Options<'_>,
) -> Result<Output> {
    let steps = Steps::at(time_ns);
    let time_ms = steps.time_ms(0);
    if let Some(value) = constant(query) {
        return Ok(Output::of(Value::Scalar { time_ms, value }));
    }
    let context = Context::new(source, options, steps)?;
    let mut columns = columns(query, &context)?;
    columns.retain(|(_, values)| !is_absent(values[0]));
    // Where anything is sorted, the order of the answer is that of the values.
    let sorts = |op| matches!(op, VectorOp::Sort | VectorOp::SortDesc);
    if !any_aggregation(query, &sorts) {
        columns.sort_by(|a, b| a.0.compare(&b.0));
    }
    let mut warnings = Vec::new();
    if columns.len() > options.series_max {
        warnings.push(too_many(options)?);
        columns.truncate(options.series_max);
    }
    let samples = columns
        .into_iter()
        .map(|(labels, values)| Sample { labels: from_algebra(&labels), time_ms, value: values[0] })
        .collect();
    Ok(Output { value: Value::Vector(samples), warnings, stats: context.stats.into_inner() })
}

/// The answer at all steps.
pub(crate) fn range(
    query: &MetricExpr,
    source: &dyn LogSource,
    steps: Steps,
    options: &Options<'_>,
) -> Result<Output> {
    let is_approximate = |op| op == VectorOp::ApproxTopK;
    if any_aggregation(query, &is_approximate) {
        return Err(EvalError::Execution(
            "count min sketches are only supported on instant queries".to_owned(),
        ));
    }
    let context = Context::new(source, options, steps)?;
    let mut columns = match constant(query) {
        Some(value) => vec![(Labels::default(), vec![value; steps.count])],
        None => columns(query, &context)?,
    };
    columns.retain(|(_, values)| values.iter().any(|value| !is_absent(*value)));
    columns.sort_by(|a, b| a.0.compare(&b.0));
    let mut warnings = Vec::new();
    let mut series: Vec<Series> = Vec::new();
    // Where several have the same labels, their values stand side by side in one series.
    for same in columns.chunk_by(|a, b| a.0 == b.0) {
        if series.len() == options.series_max {
            warnings.push(too_many(options)?);
            break;
        }
        let points = (0..steps.count)
            .flat_map(|step| same.iter().map(move |(_, values)| (step, values[step])))
            .filter(|(_, value)| !is_absent(*value))
            .map(|(step, value)| (steps.time_ms(step), value))
            .collect();
        series.push(Series { labels: from_algebra(&same[0].0), points });
    }
    Ok(Output { value: Value::Matrix(series), warnings, stats: context.stats.into_inner() })
}

/// What is said about an answer that is cut; an error where it is not to be.
fn too_many(options: &Options<'_>) -> Result<String> {
    let series_max = options.series_max;
    if !options.cut_series {
        return Err(EvalError::TooManySeries(series_max));
    }
    Ok(format!(
        "maximum number of series ({series_max}) reached for a single query; returning partial \
         results"
    ))
}

impl Output {
    fn of(value: Value) -> Self {
        Self { value, warnings: Vec::new(), stats: Stats::default() }
    }
}

/// The number that an expression stands for, where it has no series.
fn constant(expr: &MetricExpr) -> Option<f64> {
    match &expr.kind {
        MetricKind::Number(value) => Some(*value),
        MetricKind::Binary { op, left, right, .. } if !is_set(*op) => {
            Some(number(operator(*op), constant(left)?, constant(right)?, Dialect::LogQl))
        }
        _ => None,
    }
}

/// Whether an aggregation anywhere in an expression is of a kind.
fn any_aggregation(expr: &MetricExpr, is: &dyn Fn(VectorOp) -> bool) -> bool {
    match &expr.kind {
        MetricKind::Aggregation { op, inner, .. } => is(*op) || any_aggregation(inner, is),
        MetricKind::Binary { left, right, .. } => {
            any_aggregation(left, is) || any_aggregation(right, is)
        }
        MetricKind::LabelReplace { inner, .. } => any_aggregation(inner, is),
        MetricKind::Range { .. } | MetricKind::Number(_) | MetricKind::Vector(_) => false,
    }
}

fn columns(query: &MetricExpr, context: &Context<'_>) -> Result<Vec<Column>> {
    let options = context.options;
    let mut term = term(query, context, true)?;
    if !options.cut_series
        && let MetricKind::Range { .. } = &query.kind
    {
        // No series vanishes on the way to the answer.
        term = leaf(query, context, None, true, Some(options.series_max));
    }
    let stop = || {
        let failure = (options.interrupt)()?;
        context.failure.replace(Some(failure));
        Some(watchkeep_promql::EvalError::Cancelled)
    };
    let algebra = watchkeep_promql::Options {
        samples_max: options.samples_max,
        interrupt: &stop,
        ..watchkeep_promql::Options::default()
    };
    evaluate(term, context.steps.count, Dialect::LogQl, &algebra).map_err(|error| {
        let failure = context.failure.take();
        failure.unwrap_or_else(|| EvalError::from_algebra(error, options.samples_max))
    })
}

/// What the algebra is to work out. `keep_empty` tells whether labels with an empty value make a
/// difference: some operations drop them.
fn term<'t>(expr: &'t MetricExpr, context: &'t Context<'t>, keep_empty: bool) -> Result<Term<'t>> {
    if let Some(value) = constant(expr) {
        return Ok(Term::Number(value));
    }
    Ok(match &expr.kind {
        MetricKind::Range { .. } => leaf(expr, context, None, keep_empty, None),
        MetricKind::Aggregation { op, parameter, inner, grouping } => {
            aggregation(*op, *parameter, inner, grouping.as_ref(), context, keep_empty)?
        }
        MetricKind::Binary { op, left, right, matching } => {
            let is_scalar = constant(left).is_some() || constant(right).is_some();
            if is_scalar && is_set(*op) {
                return Err(EvalError::Invalid(
                    "unexpected literal for a leg of logical/set binary operation".to_owned(),
                ));
            }
            let keep_empty = keep_empty && is_scalar;
            Term::Binary {
                op: operator(*op),
                left: Box::new(term(left, context, keep_empty)?),
                right: Box::new(term(right, context, keep_empty)?),
                return_bool: matching.return_bool,
                matching: vector_matching(matching),
            }
        }
        MetricKind::LabelReplace { inner, destination, replacement, source, pattern } => {
            Term::LabelReplace {
                operand: Box::new(term(inner, context, false)?),
                destination: destination.clone(),
                replacement: replacement.clone(),
                source: source.clone(),
                pattern: pattern.clone(),
            }
        }
        MetricKind::Number(value) => Term::Number(*value),
        MetricKind::Vector(value) => {
            let values = vec![*value; context.steps.count];
            Term::Series(Box::new(move |sink| sink(Labels::default(), values)))
        }
    })
}

fn aggregation<'t>(
    op: VectorOp,
    parameter: Option<i64>,
    inner: &'t MetricExpr,
    grouping: Option<&'t Grouping>,
    context: &'t Context<'t>,
    keep_empty: bool,
) -> Result<Term<'t>> {
    let without = grouping.is_some_and(|grouping| grouping.without);
    let operand = match &inner.kind {
        // The sum's labels do for the range aggregation as well, which then has less to tell apart,
        // and less to find in lines.
        MetricKind::Range { op: range_op, grouping: None, .. }
            if op == VectorOp::Sum && adds_up(*range_op) =>
        {
            let all = Grouping { without: false, labels: Vec::new() };
            leaf(inner, context, Some(grouping.cloned().unwrap_or(all)), keep_empty, None)
        }
        _ => term(inner, context, keep_empty && !without)?,
    };
    let operand = Box::new(operand);
    let op = match op {
        VectorOp::Sum => AggregateOp::Sum,
        VectorOp::Avg => AggregateOp::Avg,
        VectorOp::Min => AggregateOp::Min,
        VectorOp::Max => AggregateOp::Max,
        VectorOp::Count => AggregateOp::Count,
        VectorOp::Stddev => AggregateOp::Stddev,
        VectorOp::Stdvar => AggregateOp::Stdvar,
        // Exact here, which is a good approximation.
        VectorOp::TopK | VectorOp::ApproxTopK => AggregateOp::Topk,
        VectorOp::BottomK => AggregateOp::Bottomk,
        // Groups only change which of two orders comes out that are both sorted.
        VectorOp::Sort => return Ok(Term::Sort { operand, descending: false }),
        VectorOp::SortDesc => return Ok(Term::Sort { operand, descending: true }),
    };
    Ok(Term::Aggregate {
        op,
        parameter: parameter.map(|parameter| parameter as f64),
        grouping: grouping.map(|grouping| grouping.labels.clone()).unwrap_or_default(),
        without,
        operand,
    })
}

/// Whether the sum of a range aggregation over groups is that over all of their records.
fn adds_up(op: RangeOp) -> bool {
    matches!(
        op,
        RangeOp::CountOverTime
            | RangeOp::Rate
            | RangeOp::BytesOverTime
            | RangeOp::BytesRate
            | RangeOp::SumOverTime
    )
}

/// The series of a range aggregation, which are read once the algebra asks for them. `outer` is the
/// grouping where it has none itself.
fn leaf<'t>(
    expr: &'t MetricExpr,
    context: &'t Context<'t>,
    outer: Option<Grouping>,
    keep_empty: bool,
    series_max: Option<usize>,
) -> Term<'t> {
    let MetricKind::Range { op, parameter, range, grouping } = &expr.kind else {
        return Term::Number(f64::NAN);
    };
    let grouping = grouping.clone().or(outer);
    let leaf = Leaf { op: *op, parameter: *parameter, range, grouping, keep_empty, series_max };
    Term::Series(Box::new(move |sink| {
        let fed = leaf.feed(context, &mut |labels, values| {
            sink(labels, values)
                .map_err(|error| EvalError::from_algebra(error, context.options.samples_max))
        });
        fed.map_err(|error| {
            context.failure.replace(Some(error));
            watchkeep_promql::EvalError::Cancelled
        })
    }))
}

fn is_set(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Or | BinaryOp::And | BinaryOp::Unless)
}

fn operator(op: BinaryOp) -> Operator {
    match op {
        BinaryOp::Or => Operator::Or,
        BinaryOp::And => Operator::And,
        BinaryOp::Unless => Operator::Unless,
        BinaryOp::Add => Operator::Add,
        BinaryOp::Sub => Operator::Sub,
        BinaryOp::Mul => Operator::Mul,
        BinaryOp::Div => Operator::Div,
        BinaryOp::Mod => Operator::Mod,
        BinaryOp::Pow => Operator::Pow,
        BinaryOp::Eq => Operator::Eq,
        BinaryOp::Ne => Operator::Ne,
        BinaryOp::Gt => Operator::Gt,
        BinaryOp::Ge => Operator::Ge,
        BinaryOp::Lt => Operator::Lt,
        BinaryOp::Le => Operator::Le,
    }
}

fn vector_matching(matching: &Matching) -> VectorMatching {
    VectorMatching {
        cardinality: match matching.cardinality {
            Cardinality::OneToOne => Match::OneToOne,
            Cardinality::ManyToOne => Match::ManyToOne,
            Cardinality::OneToMany => Match::OneToMany,
        },
        is_on: matching.on,
        labels: matching.labels.clone(),
        include: matching.include.clone(),
        fill_left: None,
        fill_right: None,
    }
}
