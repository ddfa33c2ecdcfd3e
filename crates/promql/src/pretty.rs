//! Expressions as text over several lines, the way Prometheus formats queries: what does not fit
//! into a line is split, and what it is made of indented.

use crate::ast::{Expr, ExprKind};
use crate::print::{AggregateHead, Operator, SubquerySuffix};

/// From how many bytes on an expression is split.
const LINE_BYTES_MAX: usize = 100;

/// The expression as text over as many lines as it needs.
pub fn pretty(expr: &Expr) -> String {
    lines(expr, 0)
}

fn indent(level: usize) -> String {
    "  ".repeat(level)
}

fn lines(expr: &Expr, level: usize) -> String {
    let text = expr.to_string();
    let before = indent(level);
    let fits = text.len() <= LINE_BYTES_MAX;
    match &expr.kind {
        // Is not indented: a quirk of the form that everybody's tools have come to expect.
        ExprKind::Subquery(_) if fits => text,
        ExprKind::Subquery(subquery) => {
            format!("{}{}", lines(&subquery.inner, level), SubquerySuffix(subquery))
        }
        ExprKind::Unary { negative, operand } => {
            let sign = if *negative { '-' } else { '+' };
            format!("{before}{sign}{}", lines(operand, level).trim())
        }
        _ if fits => before + &text,
        ExprKind::Aggregate(aggregate) => {
            let param = aggregate.param.as_ref().map(|param| lines(param, level + 1) + ",\n");
            let head = AggregateHead(aggregate);
            let operand = lines(&aggregate.operand, level + 1);
            format!("{before}{head}(\n{}{operand}\n{before})", param.unwrap_or_default())
        }
        ExprKind::Binary(binary) => {
            let (lhs, rhs) = (lines(&binary.lhs, level + 1), lines(&binary.rhs, level + 1));
            format!("{lhs}\n{before}{}\n{rhs}", Operator(binary))
        }
        ExprKind::Call { function, args } => {
            let args: Vec<String> = args.iter().map(|arg| lines(arg, level + 1)).collect();
            format!("{before}{}(\n{}\n{before})", function.name, args.join(",\n"))
        }
        ExprKind::Paren(inner) => {
            format!("{before}(\n{}\n{before})", lines(inner, level + 1))
        }
        ExprKind::Number { .. }
        | ExprKind::String(_)
        | ExprKind::VectorSelector(_)
        | ExprKind::MatrixSelector(_) => before + &text,
    }
}
