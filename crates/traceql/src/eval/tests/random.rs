//! Random spans and random expressions about them.

use proptest::prelude::*;
use watchkeep_model::SpanScope;
use watchkeep_model::attributes::Value;

use crate::ast::{
    Attribute, BinaryOp, FieldExpr, Intrinsic, Kind, Name, Place, Static, Status, UnaryOp,
};
use crate::testing::{EPOCH_NS, TestEvent, TestLink, TestSpan, span_id, trace_id};

fn value() -> impl Strategy<Value = Value> {
    let text = || prop::sample::select(vec!["x", "xy", "z", ""]);
    prop_oneof![
        4 => Just(Value::Empty),
        3 => (0_i64..4).prop_map(Value::Int),
        2 => prop::sample::select(vec![0.0, 1.5, 2.0]).prop_map(Value::Double),
        3 => text().prop_map(|text| Value::String(text.to_owned())),
        2 => any::<bool>().prop_map(Value::Bool),
        1 => prop::collection::vec(0_i64..3, 0..3)
            .prop_map(|items| Value::Array(items.into_iter().map(Value::Int).collect())),
        1 => prop::collection::vec(text(), 0..3).prop_map(|items| {
            Value::Array(items.into_iter().map(|item| Value::String(item.to_owned())).collect())
        }),
        1 => Just(Value::Map(Vec::new())),
        1 => Just(Value::Array(vec![Value::Int(1), Value::String("x".to_owned())])),
    ]
}

fn attributes(keys: &'static [&'static str]) -> impl Strategy<Value = Vec<(String, Value)>> {
    prop::collection::vec(value(), keys.len()).prop_map(move |values| {
        let pairs = keys.iter().map(|key| (*key).to_owned()).zip(values);
        pairs.filter(|(_, value)| *value != Value::Empty).collect()
    })
}

fn events() -> impl Strategy<Value = Vec<TestEvent>> {
    let event = (prop::sample::select(vec!["x", "z"]), 0_i64..3, attributes(&["a", "b"]));
    let event = event.prop_map(|(name, at_ns, attributes)| TestEvent {
        name: name.to_owned(),
        at_ns,
        attributes,
    });
    prop::collection::vec(event, 0..3)
}

fn links() -> impl Strategy<Value = Vec<TestLink>> {
    let link = attributes(&["a"]).prop_map(|attributes| TestLink {
        trace: trace_id("t0"),
        span: span_id("t0", "0"),
        attributes,
    });
    prop::collection::vec(link, 0..2)
}

/// What makes one span different from another, but for where it stands.
fn content() -> impl Strategy<Value = TestSpan> {
    let text = || prop::sample::select(vec!["", "x", "xy"]);
    let own = (text(), text(), text(), 0_i64..4, 0_i64..3, 0_i64..4);
    (own, attributes(&["a", "b"]), attributes(&["a", "c"]), attributes(&["a"]), events(), links())
        .prop_map(|(own, span, resource, scope, events, links)| {
            let (name, message, scope_name, kind, status, duration_ns) = own;
            TestSpan {
                trace: trace_id(""),
                trace_label: String::new(),
                label: String::new(),
                id: span_id("", ""),
                parent: None,
                start_ns: EPOCH_NS,
                duration_ns,
                name: name.to_owned(),
                kind,
                status,
                message: message.to_owned(),
                scope_name: scope_name.to_owned(),
                scope_version: String::new(),
                span,
                resource,
                scope,
                events,
                links,
            }
        })
}

/// Spans of some traces; a span's parent is any other of its trace, missing, or none.
pub(super) fn spans() -> impl Strategy<Value = Vec<TestSpan>> {
    let placed = (content(), 0_usize..4, 0_usize..8, 0_i64..3);
    prop::collection::vec(placed, 1..14).prop_map(|placed| {
        let places: Vec<(usize, usize)> =
            placed.iter().enumerate().map(|(row, (_, trace, ..))| (*trace, row)).collect();
        let place =
            |(row, (mut span, trace, parent, start)): (usize, (TestSpan, usize, usize, i64))| {
                let label = format!("t{trace}");
                span.trace = trace_id(&label);
                span.label = row.to_string();
                span.id = span_id(&label, &span.label);
                let of_trace: Vec<usize> =
                    places.iter().filter(|(of, _)| *of == trace).map(|(_, row)| *row).collect();
                span.parent = match parent {
                    0 => None,
                    1 => Some(span_id("gone", "gone")),
                    other => match of_trace[other % of_trace.len()] {
                        same if same == row => None,
                        other => Some(span_id(&label, &other.to_string())),
                    },
                };
                span.trace_label = label;
                span.start_ns = EPOCH_NS + start;
                span
            };
        placed.into_iter().enumerate().map(place).collect()
    })
}

fn name() -> impl Strategy<Value = Attribute> {
    let keys = prop::sample::select(vec![
        (SpanScope::Span, "a"),
        (SpanScope::Span, "b"),
        (SpanScope::Any, "a"),
        (SpanScope::Any, "c"),
        (SpanScope::Resource, "a"),
        (SpanScope::Instrumentation, "a"),
        (SpanScope::Event, "a"),
        (SpanScope::Event, "b"),
        (SpanScope::Link, "a"),
    ]);
    let intrinsics = prop::sample::select(vec![
        Intrinsic::Duration,
        Intrinsic::Name,
        Intrinsic::Status,
        Intrinsic::StatusMessage,
        Intrinsic::Kind,
        Intrinsic::ChildCount,
        Intrinsic::ParentId,
        Intrinsic::RootName,
        Intrinsic::TraceDuration,
        Intrinsic::NestedSetParent,
        Intrinsic::EventName,
        Intrinsic::EventTimeSinceStart,
        Intrinsic::InstrumentationName,
    ]);
    let name = prop_oneof![
        3 => keys.prop_map(|(scope, key)| Name::Key(scope, key.to_owned())),
        2 => intrinsics.prop_map(Name::Intrinsic),
    ];
    (name, prop::bool::weighted(0.1)).prop_map(|(name, of_parent)| Attribute {
        name,
        of_parent,
        place: Place::default(),
    })
}

fn constant() -> impl Strategy<Value = Static> {
    prop_oneof![
        3 => (-1_i64..4).prop_map(Static::Int),
        1 => prop::sample::select(vec![0.0, 1.5, 2.0]).prop_map(Static::Float),
        3 => prop::sample::select(vec!["x", "xy", "", "z"])
            .prop_map(|text| Static::Text(text.to_owned())),
        1 => any::<bool>().prop_map(Static::Bool),
        1 => (0_i64..3).prop_map(Static::Duration),
        1 => prop::sample::select(vec![Status::Ok, Status::Error, Status::Unset])
            .prop_map(Static::Status),
        1 => prop::sample::select(vec![Kind::Server, Kind::Internal]).prop_map(Static::Kind),
    ]
}

fn comparison() -> impl Strategy<Value = FieldExpr> {
    use BinaryOp::{Eq, Ge, Gt, Le, Lt, Ne, NotRegex, Regex};
    let op = prop::sample::select(vec![Eq, Ne, Lt, Le, Gt, Ge]);
    let plain = (name(), op, constant(), any::<bool>()).prop_map(|(name, op, constant, turned)| {
        let (name, constant) = (FieldExpr::Attribute(name), FieldExpr::Static(constant));
        if turned { binary(op, constant, name) } else { binary(op, name, constant) }
    });
    let pattern = prop::sample::select(vec!["x.*", "x", "z|xy", ""]);
    let pattern = (name(), prop::sample::select(vec![Regex, NotRegex]), pattern);
    let pattern = pattern.prop_map(|(name, op, pattern)| {
        let pattern = FieldExpr::Static(Static::Text(pattern.to_owned()));
        binary(op, FieldExpr::Attribute(name), pattern)
    });
    let exists = (name(), any::<bool>()).prop_map(|(name, exists)| FieldExpr::Exists {
        exists,
        of: Box::new(FieldExpr::Attribute(name)),
    });
    prop_oneof![4 => plain, 2 => pattern, 1 => exists]
}

fn binary(op: BinaryOp, left: FieldExpr, right: FieldExpr) -> FieldExpr {
    let (left, right) = (Box::new(left), Box::new(right));
    FieldExpr::Binary { op, left, right, place: Place::default() }
}

/// An expression of any shape.
pub(super) fn expression() -> impl Strategy<Value = FieldExpr> {
    use BinaryOp::{Add, And, Div, Eq, Gt, Mod, Mul, Ne, Or, Pow, Sub};
    let leaf = prop_oneof![
        6 => comparison(),
        1 => name().prop_map(FieldExpr::Attribute),
        1 => constant().prop_map(FieldExpr::Static),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        let op = prop::sample::select(vec![
            And, And, And, And, Or, Or, Or, Eq, Ne, Gt, Add, Sub, Mul, Div, Mod, Pow,
        ]);
        let unary = (prop::sample::select(vec![UnaryOp::Not, UnaryOp::Minus]), inner.clone());
        prop_oneof![
            6 => (inner.clone(), op, inner).prop_map(|(left, op, right)| binary(op, left, right)),
            2 => unary.prop_map(|(op, of)| FieldExpr::Unary { op, of: Box::new(of) }),
        ]
    })
}
