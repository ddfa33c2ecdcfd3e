//! The evaluator on columns against one that looks at a span at a time and knows no columns.

use proptest::prelude::*;
use watchkeep_model::attributes::Value;
use watchkeep_model::regex::Pattern;
use watchkeep_model::{SpanField, SpanScope};

use super::random::{expression, spans};
use crate::ast::{Attribute, BinaryOp, FieldExpr, Intrinsic, Name, Static, UnaryOp};
use crate::eval::expr::rows::Rows;
use crate::eval::expr::scalar::Scalar;
use crate::eval::expr::{Elements, Expr};
use crate::plan::Fields;
use crate::testing::{Memory, TestSpan};

/// A value of the naive evaluator.
#[derive(Debug, Clone, PartialEq)]
enum Plain {
    Nil,
    Int(i64),
    Float(f64),
    Text(String),
    Bool(bool),
    Duration(i64),
    Status(i64),
    Kind(i64),
    List(Vec<Plain>),
}

impl Plain {
    fn of_value(value: &Value) -> Self {
        match value {
            Value::Int(value) => Self::Int(*value),
            Value::Double(value) => Self::Float(*value),
            Value::String(text) => Self::Text(text.clone()),
            Value::Bool(value) => Self::Bool(*value),
            Value::Array(items) => {
                let all: Vec<Self> = items.iter().map(Self::of_value).collect();
                let kind = std::mem::discriminant(&all.first().cloned().unwrap_or(Self::Nil));
                match all.len() {
                    0 => Self::Nil,
                    1 => all[0].clone(),
                    _ if all.iter().all(|item| std::mem::discriminant(item) == kind) => {
                        Self::List(all)
                    }
                    _ => Self::Nil,
                }
            }
            _ => Self::Nil,
        }
    }

    fn of_static(constant: &Static) -> Self {
        use crate::eval::expr::scalar::{kind_code, status_code};
        match constant {
            Static::Nil => Self::Nil,
            Static::Int(value) => Self::Int(*value),
            Static::Float(value) => Self::Float(*value),
            Static::Text(text) => Self::Text(text.clone()),
            Static::Bool(value) => Self::Bool(*value),
            Static::Duration(value) => Self::Duration(*value),
            Static::Status(status) => Self::Status(status_code(*status)),
            Static::Kind(kind) => Self::Kind(kind_code(*kind)),
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) | Self::Duration(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }
}

/// A span and what is around it.
#[derive(Clone, Copy)]
struct Around<'t> {
    span: &'t TestSpan,
    trace: &'t [TestSpan],
}

impl Around<'_> {
    fn parent(self) -> Option<Self> {
        let parent = self.trace.iter().find(|span| Some(span.id) == self.span.parent)?;
        Some(Self { span: parent, ..self })
    }

    /// What a name has on the span: one value, or of events and links as many as there are. Whether
    /// it is there is told apart from what it is: maps are there and can not be compared.
    fn values(self, name: &Name) -> Vec<(bool, Plain)> {
        let known = |value: Plain| vec![(true, value)];
        let of_field = |field: SpanField, read: fn(&Value) -> Plain| -> Vec<(bool, Plain)> {
            let values = self.span.values(&field);
            values.iter().map(|value| (*value != Value::Empty, read(value))).collect()
        };
        let int = |value: &Value| match value {
            Value::Int(value) => *value,
            _ => unreachable!("an integer"),
        };
        let starts = self.trace.iter().map(|span| span.start_ns);
        match name {
            Name::Key(scope, key) => {
                of_field(SpanField::Attribute(*scope, key.clone()), Plain::of_value)
            }
            Name::Intrinsic(intrinsic) => match intrinsic {
                Intrinsic::Duration => known(Plain::Duration(self.span.duration_ns)),
                Intrinsic::Name => known(Plain::Text(self.span.name.clone())),
                Intrinsic::Status => known(Plain::Status(self.span.status)),
                Intrinsic::StatusMessage => known(Plain::Text(self.span.message.clone())),
                Intrinsic::Kind => known(Plain::Kind(self.span.kind)),
                Intrinsic::InstrumentationName => known(Plain::Text(self.span.scope_name.clone())),
                Intrinsic::ParentId => known(Plain::Text(
                    self.span.parent.map_or("0".repeat(16), |parent| parent.to_string()),
                )),
                Intrinsic::ChildCount => {
                    let children =
                        self.trace.iter().filter(|span| span.parent == Some(self.span.id));
                    known(Plain::Int(children.count() as i64))
                }
                Intrinsic::RootName => {
                    let root = self.trace.iter().find(|span| span.parent.is_none());
                    known(Plain::Text(root.map_or(String::new(), |root| root.name.clone())))
                }
                Intrinsic::TraceDuration => {
                    let ends = self.trace.iter().map(|span| span.start_ns + span.duration_ns);
                    known(Plain::Duration(ends.max().unwrap_or(0) - starts.min().unwrap_or(0)))
                }
                Intrinsic::NestedSetParent => {
                    // Numbers are checked elsewhere; here it is enough whether it is a root.
                    known(if self.span.parent.is_none() { Plain::Int(-1) } else { Plain::Nil })
                }
                Intrinsic::EventName => of_field(SpanField::EventName, Plain::of_value),
                Intrinsic::EventTimeSinceStart => {
                    let events = self.span.values(&SpanField::EventTimeSinceStart);
                    events.iter().map(|at| (true, Plain::Duration(int(at)))).collect()
                }
                other => unreachable!("{other:?} is not among the random names"),
            },
        }
    }

    fn of_attribute(self, attribute: &Attribute) -> Vec<(bool, Plain)> {
        if !attribute.of_parent {
            return self.values(&attribute.name);
        }
        self.parent().map_or_else(Vec::new, |parent| parent.values(&attribute.name))
    }
}

fn scope_of(name: &Name) -> Option<SpanScope> {
    match name {
        Name::Key(scope @ (SpanScope::Event | SpanScope::Link), _) => Some(*scope),
        Name::Intrinsic(Intrinsic::EventName | Intrinsic::EventTimeSinceStart) => {
            Some(SpanScope::Event)
        }
        _ => None,
    }
}

fn holds(op: BinaryOp, left: &Plain, right: &Plain) -> bool {
    match (left, right) {
        (Plain::List(_), Plain::List(_)) => false,
        (Plain::List(items), one) => {
            let mut verdicts = items.iter().map(|item| holds(op, item, one));
            if matches!(op, BinaryOp::Ne | BinaryOp::NotRegex) {
                verdicts.all(|verdict| verdict)
            } else {
                verdicts.any(|verdict| verdict)
            }
        }
        (one, Plain::List(items)) => {
            let mut verdicts = items.iter().map(|item| holds(op, one, item));
            if op == BinaryOp::Ne {
                verdicts.all(|verdict| verdict)
            } else {
                verdicts.any(|verdict| verdict)
            }
        }
        (Plain::Text(left), Plain::Text(right)) => match op {
            BinaryOp::Regex => Pattern::anchored(right).unwrap().is_match(left),
            BinaryOp::NotRegex => !Pattern::anchored(right).unwrap().is_match(left),
            _ => ordered(op, left.as_bytes().partial_cmp(right.as_bytes())),
        },
        (Plain::Bool(left), Plain::Bool(right)) => equal(op, left == right),
        (Plain::Status(left), Plain::Status(right)) | (Plain::Kind(left), Plain::Kind(right)) => {
            equal(op, left == right)
        }
        _ => match (left.number(), right.number()) {
            (Some(left), Some(right)) => ordered(op, left.partial_cmp(&right)),
            _ => false,
        },
    }
}

fn equal(op: BinaryOp, same: bool) -> bool {
    match op {
        BinaryOp::Eq => same,
        BinaryOp::Ne => !same,
        _ => false,
    }
}

fn ordered(op: BinaryOp, order: Option<std::cmp::Ordering>) -> bool {
    let Some(order) = order else { return op == BinaryOp::Ne };
    match op {
        BinaryOp::Eq => order.is_eq(),
        BinaryOp::Ne => order.is_ne(),
        BinaryOp::Lt => order.is_lt(),
        BinaryOp::Le => order.is_le(),
        BinaryOp::Gt => order.is_gt(),
        BinaryOp::Ge => order.is_ge(),
        _ => false,
    }
}

/// A comparison of a name with a constant, the name on the left.
fn condition(expression: &FieldExpr) -> Option<(&Attribute, BinaryOp, &Static)> {
    use BinaryOp::{Eq, Ge, Gt, Le, Lt, Ne, NotRegex, Regex};
    let FieldExpr::Binary { op, left, right, .. } = expression else { return None };
    match (op, left.as_ref(), right.as_ref()) {
        (
            Eq | Ne | Lt | Le | Gt | Ge | Regex | NotRegex,
            FieldExpr::Attribute(name),
            FieldExpr::Static(constant),
        ) => Some((name, *op, constant)),
        (op @ (Eq | Ne), FieldExpr::Static(constant), FieldExpr::Attribute(name)) => {
            Some((name, *op, constant))
        }
        (op @ (Lt | Le | Gt | Ge), FieldExpr::Static(constant), FieldExpr::Attribute(name)) => {
            let turned = match op {
                Lt => Gt,
                Le => Ge,
                Gt => Lt,
                _ => Le,
            };
            Some((name, turned, constant))
        }
        _ => None,
    }
}

fn constant_of(name: &Name, constant: &Static) -> Plain {
    match (name, Plain::of_static(constant)) {
        (Name::Intrinsic(Intrinsic::ParentId), Plain::Text(text)) => {
            Plain::Text(format!("{text:0>16}"))
        }
        (_, constant) => constant,
    }
}

fn evaluate(expression: &FieldExpr, around: Around<'_>, elements: Elements) -> Plain {
    if let Some((name, op, constant)) = condition(expression) {
        let constant = if matches!(op, BinaryOp::Eq | BinaryOp::Ne) {
            constant_of(&name.name, constant)
        } else {
            Plain::of_static(constant)
        };
        let values = around.of_attribute(name);
        return Plain::Bool(values.iter().any(|(_, value)| holds(op, value, &constant)));
    }
    match expression {
        FieldExpr::Static(constant) => Plain::of_static(constant),
        FieldExpr::Attribute(name) => {
            let values = around.of_attribute(name).into_iter().map(|(_, value)| value);
            values.into_iter().find(|value| *value != Plain::Nil).unwrap_or(Plain::Nil)
        }
        FieldExpr::Exists { exists, of } => {
            let FieldExpr::Attribute(name) = of.as_ref() else { unreachable!("only of names") };
            Plain::Bool(around.of_attribute(name).iter().any(|(there, _)| *there) == *exists)
        }
        FieldExpr::Unary { op: UnaryOp::Not, of } => match evaluate(of, around, elements) {
            Plain::Bool(value) => Plain::Bool(!value),
            _ => Plain::Nil,
        },
        FieldExpr::Unary { op: UnaryOp::Minus, of } => match evaluate(of, around, elements) {
            Plain::Int(value) => Plain::Int(-value),
            Plain::Float(value) => Plain::Float(-value),
            Plain::Duration(value) => Plain::Duration(-value),
            _ => Plain::Nil,
        },
        FieldExpr::Binary { op: BinaryOp::And, .. } => {
            Plain::Bool(conjunction(expression, around, elements))
        }
        FieldExpr::Binary { op: BinaryOp::Or, left, right, .. } => {
            let truth = |side| evaluate(side, around, elements) == Plain::Bool(true);
            Plain::Bool(truth(left) || truth(right))
        }
        FieldExpr::Binary { op, left, right, .. } => {
            let (left, right) =
                (evaluate(left, around, elements), evaluate(right, around, elements));
            calculate(*op, &left, &right)
        }
    }
}

fn calculate(op: BinaryOp, left: &Plain, right: &Plain) -> Plain {
    use BinaryOp::{Add, Div, Mod, Mul, Pow, Sub};
    if !matches!(op, Add | Sub | Mul | Div | Mod | Pow) {
        return Plain::Bool(holds(op, left, right));
    }
    if let (Plain::Int(left), Plain::Int(right)) = (left, right) {
        let whole = match op {
            Add => left.wrapping_add(*right),
            Sub => left.wrapping_sub(*right),
            Mul => left.wrapping_mul(*right),
            Div if *right == 0 => return Plain::Nil,
            Div => left.wrapping_div(*right),
            Mod if *right == 0 => return Plain::Nil,
            Mod => left.wrapping_rem(*right),
            _ => (*left as f64).powf(*right as f64) as i64,
        };
        return Plain::Int(whole);
    }
    let (Some(left), Some(right)) = (left.number(), right.number()) else { return Plain::Nil };
    Plain::Float(match op {
        Add => left + right,
        Sub => left - right,
        Mul => left * right,
        Div => left / right,
        Mod => left % right,
        _ => left.powf(right),
    })
}

/// `a && b && …`: with [`Elements::Same`] one event has to fulfil all conditions on events.
fn conjunction(expression: &FieldExpr, around: Around<'_>, elements: Elements) -> bool {
    let mut parts = vec![expression];
    let (mut rest, mut on_elements) = (Vec::new(), Vec::new());
    while let Some(part) = parts.pop() {
        match (part, condition(part)) {
            (FieldExpr::Binary { op: BinaryOp::And, left, right, .. }, _) => {
                parts.extend([left.as_ref(), right.as_ref()]);
            }
            (_, Some((name, op, constant)))
                if elements == Elements::Same
                    && !name.of_parent
                    && scope_of(&name.name).is_some() =>
            {
                on_elements.push((name, op, Plain::of_static(constant)));
            }
            _ => rest.push(part),
        }
    }
    let one_has_all = |scope: SpanScope| {
        let of_scope: Vec<_> =
            on_elements.iter().filter(|(name, ..)| scope_of(&name.name) == Some(scope)).collect();
        let count = match scope {
            SpanScope::Event => around.span.events.len(),
            _ => around.span.links.len(),
        };
        of_scope.is_empty()
            || (0..count).any(|element| {
                of_scope.iter().all(|(name, op, constant)| {
                    holds(*op, &around.values(&name.name)[element].1, constant)
                })
            })
    };
    rest.iter().all(|part| evaluate(part, around, elements) == Plain::Bool(true))
        && one_has_all(SpanScope::Event)
        && one_has_all(SpanScope::Link)
}

/// Whether an expression asks for a number of nested sets in a way that the naive evaluator, which
/// knows roots only, does not answer.
fn is_beyond(expression: &FieldExpr) -> bool {
    match expression {
        FieldExpr::Static(_) => false,
        FieldExpr::Attribute(attribute) => {
            attribute.name == Name::Intrinsic(Intrinsic::NestedSetParent)
        }
        FieldExpr::Unary { of, .. } | FieldExpr::Exists { of, .. } => is_beyond(of),
        FieldExpr::Binary { left, right, .. } => is_beyond(left) || is_beyond(right),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn columns_and_single_spans_agree(
        spans in spans(),
        expression in expression().prop_filter("roots only", |expression| !is_beyond(expression)),
        same in any::<bool>(),
        untyped in any::<bool>(),
    ) {
        let elements = if same { Elements::Same } else { Elements::Any };
        let mut fields = Fields::new();
        let compiled = Expr::new(&expression, elements, &mut fields).unwrap();
        let mut store = Memory::new(spans);
        store.untyped = untyped;
        let traces: Vec<&[TestSpan]> = store.traces_of().iter().map(Vec::as_slice).collect();
        let batch = store.trace_batch(&traces, fields.as_slice());
        let rows = Rows::new(&batch, &fields);
        let mask = compiled.mask(&rows);
        let mut row = 0;
        for trace in traces {
            for span in trace {
                let expected = evaluate(&expression, Around { span, trace }, elements);
                let expected = expected == Plain::Bool(true);
                prop_assert_eq!(mask[row], expected, "{} on {:?}", &expression, span);
                let value = compiled.value(&rows, row) == Scalar::Bool(true);
                prop_assert_eq!(value, expected, "value of {} on {:?}", &expression, span);
                row += 1;
            }
        }
    }
}
