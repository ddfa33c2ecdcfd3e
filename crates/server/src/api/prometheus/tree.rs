//! The tree of a query as JSON, for query builders. (Prometheus documentation, "HTTP API", section
//! "Parsing a PromQL expressions into an abstract syntax tree".)

use serde_json::{Value, json};
use watchkeep_model::Matcher;
use watchkeep_promql::ast::{
    At, Cardinality, Duration, DurationExpr, DurationExprKind, Expr, ExprKind, Extension,
    SubqueryExpr, TimeShift, VectorMatching, VectorSelector,
};
use watchkeep_promql::number::Decimal;

/// The tree of an expression.
pub(super) fn of(expr: &Expr) -> Value {
    match &expr.kind {
        ExprKind::Number { value, .. } => number(*value),
        ExprKind::String(text) => json!({ "type": "stringLiteral", "val": text }),
        ExprKind::Paren(inner) => json!({ "type": "parenExpr", "expr": of(inner) }),
        ExprKind::Unary { negative, operand } => {
            json!({ "type": "unaryExpr", "op": sign(*negative), "expr": of(operand) })
        }
        ExprKind::Binary(binary) => json!({
            "type": "binaryExpr",
            "op": binary.op.symbol(),
            "lhs": of(&binary.lhs),
            "rhs": of(&binary.rhs),
            "matching": binary.matching.as_ref().map(matching),
            "bool": binary.return_bool,
        }),
        ExprKind::Aggregate(aggregate) => json!({
            "type": "aggregation",
            "op": aggregate.op.name(),
            "expr": of(&aggregate.operand),
            "param": aggregate.param.as_ref().map(of),
            "grouping": aggregate.grouping,
            "without": aggregate.without,
        }),
        ExprKind::Call { function, args } => {
            let types: Vec<&str> = function.args.iter().map(|one| one.name()).collect();
            json!({
                "type": "call",
                "func": {
                    "name": function.name,
                    "argTypes": types,
                    "variadic": function.variadic,
                    "returnType": function.returns.name(),
                },
                "args": args.iter().map(of).collect::<Vec<_>>(),
            })
        }
        ExprKind::VectorSelector(selector) => vector_selector("vectorSelector", selector),
        ExprKind::MatrixSelector(matrix) => {
            let mut tree = vector_selector("matrixSelector", &matrix.selector);
            put_duration(&mut tree, "range", Some(&matrix.range));
            tree
        }
        ExprKind::Subquery(subquery) => tree_of_subquery(subquery),
    }
}

fn number(value: f64) -> Value {
    json!({ "type": "numberLiteral", "val": Decimal(value).to_string() })
}

fn sign(negative: bool) -> &'static str {
    if negative { "-" } else { "+" }
}

fn matching(matching: &VectorMatching) -> Value {
    let cardinality = match matching.cardinality {
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
        Cardinality::ManyToMany => "many-to-many",
    };
    json!({
        "card": cardinality,
        "labels": matching.labels,
        "on": matching.is_on,
        "include": matching.include,
        "fillValues": { "lhs": matching.fill_left, "rhs": matching.fill_right },
    })
}

fn vector_selector(kind: &str, selector: &VectorSelector) -> Value {
    let mut tree = json!({
        "type": kind,
        "name": selector.name.as_deref().unwrap_or_default(),
        "matchers": selector.matchers.iter().map(matcher).collect::<Vec<_>>(),
        "anchored": selector.extension == Extension::Anchored,
        "smoothed": selector.extension == Extension::Smoothed,
    });
    put_shift(&mut tree, &selector.shift);
    tree
}

fn matcher(matcher: &Matcher) -> Value {
    json!({ "name": matcher.label(), "value": matcher.value(), "type": matcher.op().symbol() })
}

fn tree_of_subquery(subquery: &SubqueryExpr) -> Value {
    let mut tree = json!({ "type": "subquery", "expr": of(&subquery.inner) });
    put_duration(&mut tree, "range", Some(&subquery.range));
    put_duration(&mut tree, "step", subquery.step.as_ref());
    put_shift(&mut tree, &subquery.shift);
    tree
}

fn put_shift(tree: &mut Value, shift: &TimeShift) {
    put_duration(tree, "offset", shift.offset.as_ref());
    let (timestamp, bound) = match shift.at {
        None => (None, None),
        Some(At::Millis(time_ms)) => (Some(time_ms), None),
        Some(At::Start) => (None, Some("start")),
        Some(At::End) => (None, Some("end")),
    };
    tree["timestamp"] = json!(timestamp);
    tree["startOrEnd"] = json!(bound);
}

/// A duration is milliseconds, or 0 beside the expression that it is.
fn put_duration(tree: &mut Value, name: &str, duration: Option<&Duration>) {
    let (millis, expr) = match duration {
        None => (0, None),
        Some(Duration::Millis(millis)) => (*millis, None),
        Some(Duration::Expr(expr)) => (0, Some(duration_expr(expr))),
    };
    tree[name] = json!(millis);
    tree[format!("{name}Expr")] = json!(expr);
}

fn duration_expr(expr: &DurationExpr) -> Value {
    let node = |op: &str, operands: &[&DurationExpr]| {
        let operand = |at: usize| operands.get(at).map(|one| duration_expr(one));
        // One operand stands on the right.
        let (lhs, rhs) = match operands.len() {
            1 => (None, operand(0)),
            _ => (operand(0), operand(1)),
        };
        json!({ "type": "durationExpr", "op": op, "lhs": lhs, "rhs": rhs, "wrapped": false })
    };
    match &expr.kind {
        DurationExprKind::Number { value, is_duration } => {
            let mut tree = number(*value);
            tree["duration"] = json!(is_duration);
            tree
        }
        DurationExprKind::Step => node("step", &[]),
        DurationExprKind::Range => node("range", &[]),
        DurationExprKind::MinOf(both) => node("min_of", &[&both[0], &both[1]]),
        DurationExprKind::MaxOf(both) => node("max_of", &[&both[0], &both[1]]),
        DurationExprKind::Unary { negative, operand } => node(sign(*negative), &[operand]),
        DurationExprKind::Paren(inner) => {
            let mut tree = duration_expr(inner);
            if tree["type"] == "durationExpr" {
                tree["wrapped"] = json!(true);
            }
            tree
        }
        DurationExprKind::Binary { op, operands } => {
            node(op.symbol(), &[&operands[0], &operands[1]])
        }
    }
}
