//! Conditions that a query implies, in the terms of a store.
//!
//! [`span_test`] is sound both ways: where it is true the expression holds, where it is false the
//! expression does not. What the terms can not say is unknown. So `!` turns a test round.

use watchkeep_model::SpanField;
use watchkeep_model::regex::Pattern;
use watchkeep_model::span_query::{CompareOp, SpanLiteral, SpanRows, SpanTest, TraceTest};

use super::fields::{Fields, Reading, repeated_scope, stored};
use crate::ast::{
    Attribute, BinaryOp, FieldExpr, Form, Name, Pipeline, SpansetExpr, SpansetOp, Stage, Static,
    UnaryOp,
};
use crate::eval::expr::compile::{collect_chain, comparison, id_text};
use crate::eval::expr::scalar::{Scalar, kind_code, status_code};
use crate::eval::expr::test::Test;

/// What an expression being true of a span implies.
pub fn span_test(expression: &FieldExpr) -> SpanTest {
    match expression {
        FieldExpr::Static(Static::Bool(true)) => SpanTest::ALL,
        FieldExpr::Static(_) => SpanTest::Or(Vec::new()),
        FieldExpr::Attribute(attribute) => compare(attribute, BinaryOp::Eq, &Static::Bool(true)),
        FieldExpr::Exists { exists, of } => exists_test(*exists, of),
        FieldExpr::Unary { op: UnaryOp::Not, of } => {
            if !is_truth(of) {
                return present(of);
            }
            // Of several events each may decide otherwise.
            if mentions_repeated(of) {
                return SpanTest::Unknown;
            }
            SpanTest::Not(Box::new(span_test(of)))
        }
        FieldExpr::Unary { op: UnaryOp::Minus, .. } => SpanTest::Or(Vec::new()),
        FieldExpr::Binary { op: op @ (BinaryOp::And | BinaryOp::Or), .. } => {
            let mut parts = Vec::new();
            collect_chain(expression, *op, &mut parts);
            let tests = parts.into_iter().map(span_test).collect();
            if *op == BinaryOp::And { SpanTest::And(tests) } else { SpanTest::Or(tests) }
        }
        FieldExpr::Binary { op, left, right, .. } => match comparison(*op, left, right) {
            Some((attribute, op, constant)) => compare(attribute, op, constant),
            None => present(expression),
        },
    }
}

/// Which spans a pipeline wants of a store. Spans one by one where nothing asks for whole traces.
pub fn rows(pipeline: &Pipeline, fields: &Fields) -> SpanRows {
    if !fields.need_traces()
        && let Some(tests) = filters_only(pipeline)
    {
        return SpanRows::Spans(SpanTest::And(tests));
    }
    SpanRows::Traces(trace_test(pipeline))
}

/// The tests of a pipeline that only filters spans; `None` where it looks at several together.
fn filters_only(pipeline: &Pipeline) -> Option<Vec<SpanTest>> {
    let mut tests = Vec::new();
    for stage in &pipeline.stages {
        match stage {
            Stage::Spans(SpansetExpr::Filter(expression)) => tests.push(span_test(expression)),
            Stage::Spans(SpansetExpr::Pipeline(inner)) => tests.extend(filters_only(inner)?),
            Stage::By(_) | Stage::Coalesce | Stage::Select(_) => {}
            Stage::Spans(SpansetExpr::Binary { .. }) | Stage::Scalar(_) => return None,
        }
    }
    Some(tests)
}

/// Which traces a pipeline may find something in.
pub fn trace_test(pipeline: &Pipeline) -> TraceTest {
    let (mut filters, mut others) = (Vec::new(), Vec::new());
    for stage in &pipeline.stages {
        match stage {
            Stage::Spans(SpansetExpr::Filter(expression)) => filters.push(span_test(expression)),
            Stage::Spans(spans) => others.push(spanset_test(spans)),
            Stage::Scalar(_) | Stage::By(_) | Stage::Coalesce | Stage::Select(_) => {}
        }
    }
    // A span that is left has passed every filter.
    if !filters.is_empty() {
        let all = if filters.len() == 1 { filters.remove(0) } else { SpanTest::And(filters) };
        others.insert(0, TraceTest::AnySpan(all));
    }
    if others.len() == 1 { others.remove(0) } else { TraceTest::And(others) }
}

fn spanset_test(spans: &SpansetExpr) -> TraceTest {
    match spans {
        SpansetExpr::Filter(expression) => TraceTest::AnySpan(span_test(expression)),
        SpansetExpr::Pipeline(pipeline) => trace_test(pipeline),
        SpansetExpr::Binary { op, left, right } => {
            let right = spanset_test(right);
            match op {
                SpansetOp::Structural { form: Form::Negated, .. } => right,
                SpansetOp::Or => TraceTest::Or(vec![spanset_test(left), right]),
                SpansetOp::And | SpansetOp::Structural { .. } => {
                    TraceTest::And(vec![spanset_test(left), right])
                }
            }
        }
    }
}

/// Whether an expression is true or false of every span.
fn is_truth(expression: &FieldExpr) -> bool {
    match expression {
        FieldExpr::Static(constant) => matches!(constant, Static::Bool(_)),
        FieldExpr::Attribute(_) => false,
        FieldExpr::Unary { op, of } => *op == UnaryOp::Not && is_truth(of),
        FieldExpr::Exists { .. } => true,
        FieldExpr::Binary { op, .. } => !is_arithmetic(*op),
    }
}

fn is_arithmetic(op: BinaryOp) -> bool {
    use BinaryOp::{Add, Div, Mod, Mul, Pow, Sub};
    matches!(op, Add | Sub | Mul | Div | Mod | Pow)
}

fn mentions_repeated(expression: &FieldExpr) -> bool {
    match expression {
        FieldExpr::Static(_) => false,
        FieldExpr::Attribute(attribute) => repeated_scope(&attribute.name).is_some(),
        FieldExpr::Unary { of, .. } | FieldExpr::Exists { of, .. } => mentions_repeated(of),
        FieldExpr::Binary { left, right, .. } => {
            mentions_repeated(left) || mentions_repeated(right)
        }
    }
}

/// The names that have to be there for an expression to be anything but false or nil, and for the
/// rest: unknown.
fn present(expression: &FieldExpr) -> SpanTest {
    let mut tests = Vec::new();
    collect_present(expression, &mut tests);
    tests.push(SpanTest::Unknown);
    SpanTest::And(tests)
}

fn collect_present(expression: &FieldExpr, tests: &mut Vec<SpanTest>) {
    match expression {
        FieldExpr::Attribute(attribute) => {
            if let (Name::Key(scope, key), false) = (&attribute.name, attribute.of_parent) {
                tests.push(SpanTest::Exists(SpanField::Attribute(*scope, key.clone())));
            }
        }
        FieldExpr::Unary { of, .. } if !is_truth(of) => collect_present(of, tests),
        FieldExpr::Binary { op, left, right, .. }
            if !matches!(op, BinaryOp::And | BinaryOp::Or) =>
        {
            collect_present_operand(left, tests);
            collect_present_operand(right, tests);
        }
        _ => {}
    }
}

/// A truth value as an operand is never nil, whatever it is made of.
fn collect_present_operand(operand: &FieldExpr, tests: &mut Vec<SpanTest>) {
    if !is_truth(operand) {
        collect_present(operand, tests);
    }
}

fn exists_test(exists: bool, of: &FieldExpr) -> SpanTest {
    let test = match of {
        FieldExpr::Attribute(Attribute { of_parent: true, .. }) => return SpanTest::Unknown,
        FieldExpr::Attribute(attribute) => match &attribute.name {
            Name::Key(scope, key) => SpanTest::Exists(SpanField::Attribute(*scope, key.clone())),
            Name::Intrinsic(intrinsic) => match stored(*intrinsic) {
                Some((_, reading)) if reading.absent_text().is_some() => SpanTest::ALL,
                Some((field, _)) => SpanTest::Exists(field),
                None => return SpanTest::Unknown,
            },
        },
        _ => return SpanTest::Unknown,
    };
    if exists { test } else { SpanTest::Not(Box::new(test)) }
}

/// `name op constant`.
fn compare(attribute: &Attribute, op: BinaryOp, constant: &Static) -> SpanTest {
    if attribute.of_parent {
        return SpanTest::Unknown;
    }
    let (field, reading) = match &attribute.name {
        Name::Key(scope, key) => (SpanField::Attribute(*scope, key.clone()), Reading::Plain),
        Name::Intrinsic(intrinsic) => match stored(*intrinsic) {
            Some(stored) => stored,
            None => return SpanTest::Unknown,
        },
    };
    let constant = id_text(&attribute.name, op, constant);
    let (test, pattern) = match op {
        BinaryOp::Regex | BinaryOp::NotRegex => {
            let Static::Text(text) = &constant else { return SpanTest::Unknown };
            let Ok(pattern) = Pattern::anchored(text) else { return SpanTest::Unknown };
            let test = SpanTest::Matches { field: field.clone(), pattern: pattern.clone() };
            let test = if op == BinaryOp::NotRegex {
                SpanTest::And(vec![SpanTest::Exists(field.clone()), SpanTest::Not(Box::new(test))])
            } else {
                test
            };
            (test, Some(pattern))
        }
        _ => {
            let (Some(op), Some(value)) = (compare_op(op), literal(op, reading, &constant)) else {
                return SpanTest::Unknown;
            };
            (SpanTest::Compare { field: field.clone(), op, value }, None)
        }
    };
    let Some(absent) = reading.absent_text() else { return test };
    if Test::new(op, constant, pattern).holds(Scalar::Text(absent)) {
        SpanTest::Or(vec![SpanTest::Not(Box::new(SpanTest::Exists(field))), test])
    } else {
        test
    }
}

/// The constant as a store compares it; `None` where it is of a type that the field never has, or
/// compares otherwise.
fn literal(op: BinaryOp, reading: Reading, constant: &Static) -> Option<SpanLiteral> {
    let only_equal = matches!(op, BinaryOp::Eq | BinaryOp::Ne);
    Some(match (reading, constant) {
        (Reading::Status, Static::Status(status)) if only_equal => {
            SpanLiteral::Int(status_code(*status))
        }
        (Reading::Kind, Static::Kind(kind)) if only_equal => SpanLiteral::Int(kind_code(*kind)),
        (Reading::Status | Reading::Kind, _) => return None,
        (Reading::Duration | Reading::Plain, Static::Int(value) | Static::Duration(value)) => {
            SpanLiteral::Int(*value)
        }
        (Reading::Duration | Reading::Plain, Static::Float(value)) => SpanLiteral::Double(*value),
        (Reading::Plain, Static::Bool(value)) if only_equal => SpanLiteral::Bool(*value),
        (Reading::Plain | Reading::EmptyText | Reading::NoSpanId, Static::Text(text)) => {
            SpanLiteral::Text(text.clone())
        }
        _ => return None,
    })
}

fn compare_op(op: BinaryOp) -> Option<CompareOp> {
    Some(match op {
        BinaryOp::Eq => CompareOp::Eq,
        BinaryOp::Ne => CompareOp::Ne,
        BinaryOp::Lt => CompareOp::Lt,
        BinaryOp::Le => CompareOp::Le,
        BinaryOp::Gt => CompareOp::Gt,
        BinaryOp::Ge => CompareOp::Ge,
        _ => return None,
    })
}
