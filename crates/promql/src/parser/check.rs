//! Types, and what else can be said only about a whole expression. Goes through a tree in the
//! order in which Prometheus does, so that of several errors the same one is reported.

use super::expression::operator_span;
use super::{Parse, error};
use crate::ast::{
    AggregateExpr, BinaryExpr, Cardinality, Expr, ExprKind, Span, ValueType, VectorSelector,
};
use crate::functions::Function;
use crate::quote::quote;

/// Checks an expression, and settles how series of its operators match.
pub(super) fn check(expr: &mut Expr, query: &str) -> Parse<ValueType> {
    let span = expr.span;
    match &mut expr.kind {
        ExprKind::Number { .. } | ExprKind::String(_) => {}
        ExprKind::Paren(inner) => {
            check(inner, query)?;
        }
        ExprKind::Unary { operand, .. } => {
            let given = check(operand, query)?;
            if !matches!(given, ValueType::Scalar | ValueType::Vector) {
                let message = format!(
                    "unary expression only allowed on expressions of type scalar or instant \
                     vector, got {}",
                    quote(given.documented())
                );
                return error(span, message);
            }
        }
        ExprKind::Binary(binary) => check_binary(binary, span, query)?,
        ExprKind::Aggregate(aggregate) => check_aggregate(aggregate, query)?,
        ExprKind::Call { function, args } => check_call(function, args, span, query)?,
        ExprKind::Subquery(subquery) => {
            let given = check(&mut subquery.inner, query)?;
            if given != ValueType::Vector {
                let given = given.name();
                let message =
                    format!("subquery is only allowed on instant vector, got {given} instead");
                return error(span, message);
            }
        }
        ExprKind::VectorSelector(selector) => check_selector(selector, span, false)?,
        ExprKind::MatrixSelector(matrix) => {
            let span = matrix.selector.span;
            check_selector(&matrix.selector, span, false)?;
        }
    }
    Ok(expr.value_type())
}

fn expect_type(given: ValueType, wanted: ValueType, context: &str, span: Span) -> Parse<()> {
    if given == wanted {
        return Ok(());
    }
    let (wanted, given) = (wanted.documented(), given.documented());
    error(span, format!("expected type {wanted} in {context}, got {given}"))
}

fn check_aggregate(aggregate: &mut AggregateExpr, query: &str) -> Parse<()> {
    let given = check(&mut aggregate.operand, query)?;
    let span = aggregate.operand.span;
    expect_type(given, ValueType::Vector, "aggregation expression", span)?;
    if let (Some(param), Some(wanted)) = (&mut aggregate.param, aggregate.op.param_type()) {
        let given = check(param, query)?;
        expect_type(given, wanted, "aggregation parameter", param.span)?;
    }
    Ok(())
}

fn check_binary(binary: &mut BinaryExpr, span: Span, query: &str) -> Parse<()> {
    let lhs = check(&mut binary.lhs, query)?;
    let rhs = check(&mut binary.rhs, query)?;
    let op = binary.op;
    if binary.return_bool && !op.is_comparison() {
        let message = "bool modifier can only be used on comparison operators";
        return error(operator_span(binary, query), message);
    }
    let both_scalar = (lhs, rhs) == (ValueType::Scalar, ValueType::Scalar);
    if op.is_comparison() && !binary.return_bool && both_scalar {
        let message = "comparisons between scalars must use BOOL modifier";
        return error(operator_span(binary, query), message);
    }
    if let Some(matching) = &binary.matching
        && matching.is_on
        && let Some(label) = matching.labels.iter().find(|label| matching.include.contains(label))
    {
        let label = quote(label);
        let message = format!("label {label} must not occur in ON and GROUP clause at once");
        return error(operator_span(binary, query), message);
    }
    for (given, side) in [(lhs, &binary.lhs), (rhs, &binary.rhs)] {
        if !matches!(given, ValueType::Scalar | ValueType::Vector) {
            let message = "binary expression must contain only scalar and instant vector types";
            return error(side.span, message);
        }
    }
    let both_vectors = (lhs, rhs) == (ValueType::Vector, ValueType::Vector);
    check_matching(binary, both_vectors, span)
}

fn check_matching(binary: &mut BinaryExpr, both_vectors: bool, span: Span) -> Parse<()> {
    let op = binary.op;
    let Some(matching) = &mut binary.matching else { return Ok(()) };
    let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
    if !both_vectors {
        if !matching.labels.is_empty() {
            return error(span, "vector matching only allowed between instant vectors");
        }
        if fills {
            let message = "filling in missing series only allowed between instant vectors";
            return error(span, message);
        }
        binary.matching = None;
        if op.is_set() {
            let op = quote(op.symbol());
            let message = format!("set operator {op} not allowed in binary scalar expression");
            return error(span, message);
        }
    } else if op.is_set() {
        if matching.cardinality != Cardinality::OneToOne {
            let op = quote(op.symbol());
            return error(span, format!("no grouping allowed for {op} operation"));
        }
        if fills {
            let message = "filling in missing series not allowed for set operators";
            return error(span, message);
        }
        matching.cardinality = Cardinality::ManyToMany;
    }
    Ok(())
}

fn check_call(function: &Function, args: &mut [Expr], span: Span, query: &str) -> Parse<()> {
    check_arity(function, args.len(), span)?;
    let context = format!("call to function {}", quote(function.name));
    let is_info = function.name == "info";
    if is_info && let Some(labels) = args.get(1) {
        expect_type(labels.value_type(), ValueType::Vector, &context, span)?;
        match &labels.kind {
            ExprKind::VectorSelector(selector) if selector.name.is_none() => {}
            ExprKind::VectorSelector(_) => {
                let message = "expected label selectors only, got vector selector instead";
                return error(labels.span, message);
            }
            _ => return error(labels.span, "expected label selectors only"),
        }
    }
    for (index, arg) in args.iter_mut().enumerate() {
        let Some(wanted) = function.args.get(index).or(function.args.last()) else { break };
        let span = arg.span;
        let given = match &arg.kind {
            // What the info metrics are restricted by may match anything.
            ExprKind::VectorSelector(selector) if is_info && index == 1 => {
                check_selector(selector, span, true)?;
                ValueType::Vector
            }
            _ => check(arg, query)?,
        };
        expect_type(given, *wanted, &context, span)?;
    }
    Ok(())
}

fn check_arity(function: &Function, given: usize, span: Span) -> Parse<()> {
    let (known, name) = (function.args.len(), quote(function.name));
    let needed = known.saturating_sub(1);
    if function.variadic == 0 {
        if given != known {
            let message = format!("expected {known} argument(s) in call to {name}, got {given}");
            return error(span, message);
        }
    } else if given < needed {
        let message =
            format!("expected at least {needed} argument(s) in call to {name}, got {given}");
        return error(span, message);
    } else if let Ok(more) = usize::try_from(function.variadic)
        && given > needed + more
    {
        let most = needed + more;
        let message = format!("expected at most {most} argument(s) in call to {name}, got {given}");
        return error(span, message);
    }
    Ok(())
}

fn check_selector(selector: &VectorSelector, span: Span, may_match_all: bool) -> Parse<()> {
    if let Some(name) = &selector.name {
        // The last condition is the one that the name itself has become.
        let own = selector.matchers.len().saturating_sub(1);
        let twice = selector.matchers.iter().take(own).find(|m| m.label() == "__name__");
        if let Some(other) = twice {
            let (name, other) = (quote(name), quote(other.value()));
            let message = format!("metric name must not be set twice: {name} or {other}");
            return error(span, message);
        }
    } else if !may_match_all && selector.matchers.iter().all(|matcher| matcher.accepts("")) {
        let message = "vector selector must contain at least one non-empty matcher";
        return error(span, message);
    }
    Ok(())
}
