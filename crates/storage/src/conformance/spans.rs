//! Cases about spans as columns: one by one and as whole traces.

use watchkeep_model::span_query::ABSENT;
use watchkeep_model::{
    CompareOp, FieldColumn, Operation, Pattern, ServiceCalls, SpanBatch, SpanField, SpanKey,
    SpanLiteral, SpanRows, SpanScope, SpanTest, SpansRequest, TimeRange, TraceTest, Value,
};

use super::Fixture;
use super::rows::{SECOND_NS, Span, add_events, spans, trace_id};
use crate::seam::Batch;

/// A value of a field, to compare with.
#[derive(Debug, Clone, PartialEq)]
enum Got {
    None,
    Text(String),
    Int(i64),
    Double(f64),
    Bool(bool),
    Other,
    Several(Vec<Got>),
}

impl From<&str> for Got {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

fn got_value(value: &Value) -> Got {
    match value {
        Value::Empty => Got::None,
        Value::String(text) => Got::Text(text.clone()),
        Value::Int(value) => Got::Int(*value),
        Value::Double(value) => Got::Double(*value),
        Value::Bool(value) => Got::Bool(*value),
        _ => Got::Other,
    }
}

fn got(column: &FieldColumn, row: usize) -> Got {
    let there = |present: &Option<Vec<bool>>| present.as_ref().is_none_or(|there| there[row]);
    match column {
        FieldColumn::Int { values, present } if there(present) => Got::Int(values[row]),
        FieldColumn::Double { values, present } if there(present) => Got::Double(values[row]),
        FieldColumn::Bool { values, present } if there(present) => Got::Bool(values[row]),
        FieldColumn::Text { keys, values } if keys[row] != ABSENT => {
            Got::Text(values.get(keys[row] as usize).to_owned())
        }
        FieldColumn::Values(values) => got_value(&values[row]),
        FieldColumn::Repeated { ends, values } => {
            let from = if row == 0 { 0 } else { ends[row - 1] };
            Got::Several((from..ends[row]).map(|at| got(values, at as usize)).collect())
        }
        _ => Got::None,
    }
}

async fn batches(fixture: &Fixture, request: SpansRequest) -> Vec<SpanBatch> {
    let cursor = fixture.store.spans(&fixture.tenant, request).await.unwrap();
    let batches: Vec<SpanBatch> = cursor.map(Result::unwrap).collect();
    assert!(batches.iter().all(|batch| batch.rows > 0), "an empty batch is not handed out");
    batches
}

fn whole(range: TimeRange, test: TraceTest, fields: Vec<SpanField>) -> SpansRequest {
    SpansRequest { range, rows: SpanRows::Traces(test), fields, wanted: None }
}

fn any_span(test: SpanTest) -> TraceTest {
    TraceTest::AnySpan(test)
}

fn name_is(name: &str) -> SpanTest {
    SpanTest::Compare {
        field: SpanField::Name,
        op: CompareOp::Eq,
        value: SpanLiteral::Text(name.to_owned()),
    }
}

fn attribute(scope: SpanScope, key: &str) -> SpanField {
    SpanField::Attribute(scope, key.to_owned())
}

/// The traces of an answer: first byte of the id, start and end in seconds, and rows' values.
type Whole = (u8, i64, i64, Vec<Vec<Got>>);

async fn traces(fixture: &Fixture, request: SpansRequest) -> Vec<Whole> {
    let mut found = Vec::new();
    for batch in batches(fixture, request).await {
        let mut from = 0;
        for trace in &batch.traces {
            let rows = (from..trace.rows_end as usize)
                .map(|row| batch.columns.iter().map(|column| got(column, row)).collect());
            let (start, end) = (trace.start_ns / SECOND_NS, trace.end_ns / SECOND_NS);
            found.push((trace.id.0[0], start, end, rows.collect()));
            from = trace.rows_end as usize;
        }
        assert_eq!(from, batch.rows, "every row is of a trace");
    }
    found
}

async fn numbers(fixture: &Fixture, request: SpansRequest) -> Vec<u8> {
    traces(fixture, request).await.into_iter().map(|(number, ..)| number).collect()
}

/// A trace whose spans arrive in several appends, children first, is one trace.
pub(super) async fn whole_traces_are_put_together(mut fixture: Fixture) {
    let span = |id, parent, at: i64, name, service| Span {
        id,
        parent,
        start_ns: at * SECOND_NS,
        name,
        service,
        ..Span::default()
    };
    let leaf = span(3, 2, 12, "leaf", "store");
    let middle = span(2, 1, 11, "middle", "worker");
    let orphan = span(4, 9, 13, "orphan", "worker");
    let root = Span { duration_ns: 9 * SECOND_NS, ..span(1, 0, 10, "root", "gateway") };
    let other = Span { trace: 2, ..span(1, 0, 11, "other", "gateway") };
    fixture.append(Batch::Spans(spans(std::slice::from_ref(&leaf)))).await;
    fixture.append(Batch::Spans(spans(&[orphan, other]))).await;
    fixture.append(Batch::Spans(spans(std::slice::from_ref(&middle)))).await;
    let fields = vec![SpanField::Name, SpanField::ParentRow, SpanField::RootName];
    let found = traces(&fixture, whole(TimeRange::ALL, TraceTest::ALL, fields.clone())).await;
    assert_eq!(found.iter().map(|trace| trace.0).collect::<Vec<_>>(), [2, 1]);
    assert!(found[1].3.iter().all(|row| row[2] == Got::None), "no root has arrived");
    // The root comes late, and two spans come again.
    fixture.append(Batch::Spans(spans(&[root, leaf, middle]))).await;
    let fields = [fields, vec![SpanField::RootService, SpanField::Service]].concat();
    let found = traces(&fixture, whole(TimeRange::ALL, TraceTest::ALL, fields)).await;
    assert_eq!((found[0].0, found[0].1, found[0].2), (2, 11, 12));
    let (number, start, end, rows) = &found[1];
    assert_eq!((*number, *start, *end, rows.len()), (1, 10, 19, 4));
    let expected = [
        ("root", None, "gateway"),
        ("middle", Some("root"), "worker"),
        ("leaf", Some("middle"), "store"),
        ("orphan", None, "worker"),
    ];
    // The row of a parent counts from the first of the batch.
    let first = found[0].3.len() as i64 * i64::from(found.len() == 2);
    for (row, (name, parent, service)) in rows.iter().zip(expected) {
        assert_eq!(row[0], name.into());
        let position = parent.map(|parent| expected.iter().position(|(name, ..)| *name == parent));
        match position.flatten() {
            None => assert_eq!(row[1], Got::None, "{name}"),
            Some(at) => {
                let Got::Int(parent) = row[1] else { panic!("{name} has a parent") };
                assert!(parent == at as i64 + first || parent == at as i64, "{name}");
            }
        }
        assert_eq!((&row[2], &row[3]), (&"root".into(), &"gateway".into()));
        assert_eq!(row[4], service.into());
    }
}

/// Traces come newest start first, of one start the greatest id first, however they are cut.
pub(super) async fn whole_traces_come_newest_first(mut fixture: Fixture) {
    for chunk in 0..4_u8 {
        let rows: Vec<Span> = (0..20)
            .map(|at| Span {
                trace: at + 1,
                id: chunk + 1,
                parent: chunk,
                start_ns: i64::from(at % 7 + chunk * (at % 3)) * SECOND_NS,
                ..Span::default()
            })
            .collect();
        fixture.append(Batch::Spans(spans(&rows))).await;
    }
    let mut expected: Vec<(i64, u8)> = (0..20).map(|at| (i64::from(at % 7), at + 1)).collect();
    expected.sort_unstable_by(|a, b| b.cmp(a));
    for wanted in [None, Some(1), Some(3), Some(1000)] {
        let request = SpansRequest { wanted, ..whole(TimeRange::ALL, TraceTest::ALL, Vec::new()) };
        let found = batches(&fixture, request.clone()).await;
        if let Some(wanted) = wanted.filter(|wanted| *wanted < 20) {
            assert_eq!(found[0].traces.len(), wanted, "no more is read than is wanted");
        }
        let places: Vec<(i64, u8)> = found
            .iter()
            .flat_map(|batch| &batch.traces)
            .map(|trace| (trace.start_ns / SECOND_NS, trace.id.0[0]))
            .collect();
        assert_eq!(places, expected, "{wanted:?}");
        assert_eq!(found.iter().map(|batch| batch.rows).sum::<usize>(), 80);
        // Who stops advancing has the first ones.
        let cursor = fixture.store.spans(&fixture.tenant, request).await.unwrap();
        let first = cursor.take(1).map(Result::unwrap).next().unwrap();
        assert_eq!(first.traces[0].id.0, trace_id(expected[0].1));
    }
}

/// A range asks for spans that start in it, or for traces that overlap with it.
pub(super) async fn ranges_of_spans_and_traces(mut fixture: Fixture) {
    let span = |trace, id, from: i64, to: i64| Span {
        trace,
        id,
        parent: id - 1,
        start_ns: from * SECOND_NS,
        duration_ns: (to - from) * SECOND_NS,
        ..Span::default()
    };
    fixture.append(Batch::Spans(spans(&[span(1, 1, 10, 20), span(2, 1, 15, 16)]))).await;
    fixture.append(Batch::Spans(spans(&[span(1, 2, 12, 40), span(3, 1, 30, 31)]))).await;
    fixture.append(Batch::Spans(spans(&[span(2, 2, 18, 19), span(4, 1, 50, 45)]))).await;
    let range =
        |from: i64, to: i64| TimeRange { start_ns: from * SECOND_NS, end_ns: to * SECOND_NS };
    let cases: [(TimeRange, &[u8], usize); 7] = [
        (range(0, 10), &[], 0),
        (range(0, 11), &[1], 1),
        (range(20, 30), &[1], 0),
        (range(19, 31), &[3, 2, 1], 1),
        (range(40, 50), &[1], 0),
        (range(41, 51), &[4], 1),
        (range(20, 20), &[], 0),
    ];
    for (range, expected, starting) in cases {
        let request = whole(range, TraceTest::ALL, vec![SpanField::Start]);
        assert_eq!(numbers(&fixture, request).await, expected, "{range:?}");
        let rows = SpanRows::Spans(SpanTest::ALL);
        let request = SpansRequest { range, rows, fields: Vec::new(), wanted: None };
        let found: usize = batches(&fixture, request).await.iter().map(|batch| batch.rows).sum();
        assert_eq!(found, starting, "{range:?}");
    }
    // The span that a test is about may lie beside the range.
    let named = Span { name: "late", ..span(2, 3, 300, 301) };
    fixture.append(Batch::Spans(spans(&[named]))).await;
    let request = whole(range(14, 17), any_span(name_is("late")), Vec::new());
    assert_eq!(numbers(&fixture, request).await, [2]);
    let request = whole(range(400, 500), any_span(name_is("late")), Vec::new());
    assert_eq!(numbers(&fixture, request).await, [0_u8; 0]);
}

/// A span that was sent again is one span of its trace.
pub(super) async fn resent_spans_count_once(mut fixture: Fixture) {
    let span = |id, name| Span { id, parent: id - 1, name, ..Span::default() };
    fixture.append(Batch::Spans(spans(&[span(1, "a"), span(2, "b")]))).await;
    fixture.append(Batch::Spans(spans(&[span(2, "b"), span(3, "c"), span(3, "c")]))).await;
    // A client and a server may share an id.
    let mut server = spans(&[span(2, "b")]);
    server.kind[0] = 3;
    fixture.append(Batch::Spans(server)).await;
    let request = whole(TimeRange::ALL, TraceTest::ALL, vec![SpanField::Name, SpanField::Kind]);
    let found = traces(&fixture, request).await;
    let mut rows: Vec<String> = found[0].3.iter().map(|row| format!("{row:?}")).collect();
    rows.sort_unstable();
    let expected = [("a", 2), ("b", 2), ("b", 3), ("c", 2)]
        .map(|(name, kind)| format!("{:?}", [Got::from(name), Got::Int(kind)]));
    assert_eq!(rows, expected);
}

/// What the fields of the three spans of [`fields_of_spans`] are.
fn expected_fields() -> Vec<(SpanField, [Got; 3])> {
    let none = || Got::None;
    let several = |values: Vec<Got>| Got::Several(values);
    let events = |of_first: Vec<Got>| [several(of_first), several(vec![]), several(vec![])];
    let hex = |id: u8, bytes: usize| Got::Text(format!("{id:02x}").repeat(bytes));
    let ints = |values: [i64; 3]| values.map(Got::Int);
    let any = |key| attribute(SpanScope::Any, key);
    vec![
        (SpanField::TraceId, [hex(1, 16), hex(1, 16), hex(1, 16)]),
        (SpanField::SpanId, [hex(1, 8), hex(2, 8), hex(3, 8)]),
        (SpanField::ParentSpanId, [none(), hex(1, 8), hex(2, 8)]),
        (SpanField::Start, ints([SECOND_NS, 2 * SECOND_NS, 3 * SECOND_NS])),
        (SpanField::Duration, ints([SECOND_NS, 0, SECOND_NS])),
        (SpanField::Name, ["op".into(), "op".into(), "op".into()]),
        (SpanField::Kind, ints([2, 2, 2])),
        (SpanField::StatusCode, ints([2, 0, 0])),
        (SpanField::StatusMessage, ["it broke: Überlauf".into(), none(), none()]),
        (SpanField::Service, ["gateway".into(), "gateway".into(), "gateway".into()]),
        (SpanField::ScopeName, ["scope".into(), "scope".into(), "scope".into()]),
        (SpanField::ScopeVersion, ["1".into(), "1".into(), "1".into()]),
        (any("mixed"), [Got::Int(1), "one".into(), none()]),
        (any("replica"), ints([8, 8, 3])),
        (any("spot"), [Got::Bool(true), Got::Bool(true), Got::Bool(true)]),
        (attribute(SpanScope::Span, "replica"), [Got::Int(8), Got::Int(8), none()]),
        (attribute(SpanScope::Resource, "replica"), ints([3, 3, 3])),
        (attribute(SpanScope::Resource, "load"), [0.5, 0.5, 0.5].map(Got::Double)),
        (attribute(SpanScope::Span, "spot"), [none(), none(), none()]),
        (any("list"), [none(), none(), Got::Other]),
        (any("empty"), [none(), none(), none()]),
        (any("ratio"), [none(), none(), Got::Double(0.25)]),
        (any("on"), [none(), none(), Got::Bool(true)]),
        (any("nowhere"), [none(), none(), none()]),
        (attribute(SpanScope::Instrumentation, "spot"), [none(), none(), none()]),
        (SpanField::EventName, events(vec!["first".into(), "second".into()])),
        (SpanField::EventTimeSinceStart, events(vec![Got::Int(5), Got::Int(7)])),
        (attribute(SpanScope::Event, "size"), events(vec![Got::Int(3), none()])),
        (SpanField::LinkTraceId, events(vec![hex(9, 16)])),
        (SpanField::LinkSpanId, events(vec![hex(8, 8)])),
        (attribute(SpanScope::Link, "why"), events(vec!["follows".into()])),
    ]
}

/// Every field comes back as what it is.
pub(super) async fn fields_of_spans(mut fixture: Fixture) {
    let text = |text: &str| Value::String(text.to_owned());
    let mixed = |value| vec![("mixed", value), ("replica", Value::Int(8))];
    let first = Span { attributes: mixed(Value::Int(1)), status: 2, ..Span::default() };
    let second = Span {
        id: 2,
        parent: 1,
        start_ns: 2 * SECOND_NS,
        duration_ns: -5,
        attributes: mixed(text("one")),
        ..Span::default()
    };
    let third = Span {
        id: 3,
        parent: 2,
        start_ns: 3 * SECOND_NS,
        attributes: vec![
            ("list", Value::Array(vec![Value::Int(1)])),
            ("empty", Value::Empty),
            ("ratio", Value::Double(0.25)),
            ("on", Value::Bool(true)),
        ],
        ..Span::default()
    };
    let mut rows = spans(&[first, second]);
    add_events(&mut rows, 0);
    fixture.append(Batch::Spans(rows)).await;
    fixture.append(Batch::Spans(spans(&[third]))).await;
    let cases = expected_fields();
    let fields: Vec<SpanField> = cases.iter().map(|(field, _)| field.clone()).collect();
    let found = traces(&fixture, whole(TimeRange::ALL, TraceTest::ALL, fields.clone())).await;
    let rows = SpanRows::Spans(SpanTest::ALL);
    let request = SpansRequest { range: TimeRange::ALL, rows, fields, wanted: None };
    let mut one_by_one: Vec<Vec<Got>> = Vec::new();
    for batch in batches(&fixture, request).await {
        let row = |row| batch.columns.iter().map(|column| got(column, row)).collect();
        one_by_one.extend((0..batch.rows).map(row));
    }
    one_by_one.sort_by_key(|row| format!("{:?}", row[3]));
    // Without any event or link there may be no column of them.
    let alike = |got: &Got, expected: &Got| {
        got == expected || *got == Got::None && *expected == Got::Several(Vec::new())
    };
    for (at, (field, expected)) in cases.iter().enumerate() {
        for row in 0..3 {
            let expected = &expected[row];
            let (whole, single) = (&found[0].3[row][at], &one_by_one[row][at]);
            assert!(alike(whole, expected), "{field:?} of row {row}: {whole:?} {expected:?}");
            assert!(alike(single, expected), "{field:?} of row {row}: {single:?} {expected:?}");
        }
    }
}

/// Tests of the five spans of [`span_tests_are_joined`]: the spans that must come back, and those that
/// may, since a store need not know that a value is of another type.
fn joined_tests() -> Vec<(SpanTest, &'static [i64], &'static [i64])> {
    let a = || attribute(SpanScope::Any, "a");
    let compare = |field, op, value| SpanTest::Compare { field, op, value };
    let is = |number| compare(a(), CompareOp::Eq, SpanLiteral::Int(number));
    let not = |test| SpanTest::Not(Box::new(test));
    let matches = |pattern: &str| SpanTest::Matches {
        field: a(),
        pattern: Pattern::anchored(pattern).unwrap(),
    };
    let event = |name: &str| {
        compare(SpanField::EventName, CompareOp::Eq, SpanLiteral::Text(name.to_owned()))
    };
    let root = |name: &str| {
        compare(SpanField::RootName, CompareOp::Eq, SpanLiteral::Text(name.to_owned()))
    };
    vec![
        (SpanTest::ALL, &[1, 2, 3, 4, 5], &[]),
        (SpanTest::Or(Vec::new()), &[], &[]),
        (SpanTest::Unknown, &[1, 2, 3, 4, 5], &[]),
        (not(SpanTest::Unknown), &[1, 2, 3, 4, 5], &[]),
        (is(5), &[2], &[4, 5]),
        (not(is(5)), &[1, 3, 4, 5], &[]),
        (compare(a(), CompareOp::Ne, SpanLiteral::Int(5)), &[1, 4, 5], &[]),
        (compare(a(), CompareOp::Gt, SpanLiteral::Double(0.5)), &[1, 2, 4, 5], &[]),
        (compare(a(), CompareOp::Lt, SpanLiteral::Double(0.5)), &[4, 5], &[]),
        (compare(a(), CompareOp::Eq, SpanLiteral::Text("five".into())), &[4], &[1, 2]),
        (compare(a(), CompareOp::Ge, SpanLiteral::Text("g".into())), &[1, 2, 5], &[]),
        (matches("s.*"), &[5], &[1, 2]),
        (not(matches("s.*|five")), &[1, 2, 3], &[]),
        (SpanTest::Exists(a()), &[1, 2, 4, 5], &[]),
        (not(SpanTest::Exists(a())), &[3], &[]),
        (SpanTest::And(vec![is(1), SpanTest::Exists(a())]), &[1], &[4, 5]),
        (SpanTest::Or(vec![is(1), not(SpanTest::Exists(a()))]), &[1, 3], &[4, 5]),
        (SpanTest::And(vec![SpanTest::Unknown, not(SpanTest::Exists(a()))]), &[3], &[]),
        (event("second"), &[1], &[]),
        (not(event("second")), &[1, 2, 3, 4, 5], &[]),
        (event("third"), &[], &[]),
        (not(event("third")), &[1, 2, 3, 4, 5], &[]),
        (root("no such"), &[1, 2, 3, 4, 5], &[]),
        (compare(SpanField::SpanId, CompareOp::Eq, SpanLiteral::Text("03".repeat(8))), &[3], &[]),
        (compare(SpanField::Start, CompareOp::Ge, SpanLiteral::Int(4)), &[4, 5], &[]),
        (
            compare(attribute(SpanScope::Resource, "load"), CompareOp::Eq, SpanLiteral::Int(1)),
            &[],
            &[],
        ),
        (compare(SpanField::ParentSpanId, CompareOp::Ne, SpanLiteral::Text("00".into())), &[], &[]),
    ]
}

/// Tests are joined as Kleene does: what is unknown comes back.
pub(super) async fn span_tests_are_joined(mut fixture: Fixture) {
    let span =
        |id: u8, attributes| Span { id, start_ns: i64::from(id), attributes, ..Span::default() };
    let int = |value| vec![("a", Value::Int(value))];
    let mut rows = spans(&[span(1, int(1)), span(2, int(5)), span(3, vec![])]);
    add_events(&mut rows, 0);
    fixture.append(Batch::Spans(rows)).await;
    let text = |text: &str| vec![("a", Value::String(text.to_owned()))];
    fixture.append(Batch::Spans(spans(&[span(4, text("five")), span(5, text("six"))]))).await;
    for (test, expected, tolerated) in joined_tests() {
        let rows = SpanRows::Spans(test.clone());
        let fields = vec![SpanField::Start];
        let request = SpansRequest { range: TimeRange::ALL, rows, fields, wanted: None };
        let mut found = Vec::new();
        for batch in batches(&fixture, request).await {
            found.extend((0..batch.rows).map(|row| got(&batch.columns[0], row)));
        }
        let mut starts: Vec<i64> = found
            .into_iter()
            .filter_map(|got| if let Got::Int(at) = got { Some(at) } else { None })
            .collect();
        starts.retain(|start| expected.contains(start) || !tolerated.contains(start));
        starts.sort_unstable();
        assert_eq!(starts, expected, "{test:?}");
    }
}

/// Tests of traces look at all their spans, wherever they lie.
pub(super) async fn trace_tests_look_at_all_spans(mut fixture: Fixture) {
    let span = |trace: u8, id, name| Span {
        trace,
        id,
        start_ns: i64::from(trace) * SECOND_NS,
        name,
        ..Span::default()
    };
    fixture.append(Batch::Spans(spans(&[span(1, 1, "a"), span(2, 1, "a"), span(3, 1, "b")]))).await;
    fixture.append(Batch::Spans(spans(&[span(1, 2, "b"), span(3, 2, "c"), span(4, 1, "c")]))).await;
    fixture.append(Batch::Spans(spans(&[span(4, 2, "a"), span(5, 1, "d")]))).await;
    let has = |name| any_span(name_is(name));
    let (and, or) = (TraceTest::And, TraceTest::Or);
    let cases: Vec<(TraceTest, &[u8])> = vec![
        (TraceTest::ALL, &[5, 4, 3, 2, 1]),
        (or(Vec::new()), &[]),
        (has("a"), &[4, 2, 1]),
        (and(vec![has("a"), has("b")]), &[1]),
        (and(vec![has("b"), has("a")]), &[1]),
        (or(vec![has("b"), has("d")]), &[5, 3, 1]),
        (and(vec![or(vec![has("a"), has("d")]), or(vec![has("b"), has("c")])]), &[4, 1]),
        (or(vec![and(vec![has("b"), has("c")]), has("d")]), &[5, 3]),
        (any_span(SpanTest::Not(Box::new(name_is("a")))), &[5, 4, 3, 1]),
        (any_span(SpanTest::And(vec![name_is("a"), name_is("b")])), &[]),
        (or(vec![has("a"), TraceTest::ALL]), &[5, 4, 3, 2, 1]),
        (any_span(SpanTest::Unknown), &[5, 4, 3, 2, 1]),
    ];
    for (test, expected) in cases {
        let request = whole(TimeRange::ALL, test.clone(), Vec::new());
        assert_eq!(numbers(&fixture, request).await, expected, "{test:?}");
    }
}

/// Names are listed for a tenant, and its spans are its own.
pub(super) async fn names_of_spans_are_listed(mut fixture: Fixture) {
    let root = Span { attributes: vec![("http.method", Value::Int(1))], ..Span::default() };
    let child = Span {
        id: 2,
        parent: 1,
        start_ns: 100 * SECOND_NS,
        service: "worker",
        name: "child",
        status: 2,
        ..Span::default()
    };
    let inner = Span { id: 3, parent: 2, status: 0, name: "inner", ..child.clone() };
    let mut rows = spans(&[child, root.clone()]);
    add_events(&mut rows, 0);
    fixture.append(Batch::Spans(rows)).await;
    fixture.append(Batch::Spans(spans(&[inner]))).await;
    let operations = fixture.store.operations(&fixture.tenant).await.unwrap();
    let operation = |service: &str, name: &str| Operation {
        service: service.to_owned(),
        name: name.to_owned(),
        kind: 2,
    };
    let expected =
        [operation("gateway", "op"), operation("worker", "child"), operation("worker", "inner")];
    assert_eq!(operations, expected);
    let keys = fixture.store.span_keys(&fixture.tenant, TimeRange::ALL).await.unwrap();
    assert!(keys.is_sorted());
    let mut keys: Vec<(SpanScope, &str)> =
        keys.iter().map(|key| (key.scope, key.key.as_str())).collect();
    keys.sort_unstable();
    let expected = [
        (SpanScope::Span, "http.method"),
        (SpanScope::Resource, "load"),
        (SpanScope::Resource, "replica"),
        (SpanScope::Resource, "service.name"),
        (SpanScope::Resource, "spot"),
        (SpanScope::Event, "size"),
        (SpanScope::Link, "why"),
    ];
    assert_eq!(keys, expected);
    let before = TimeRange { start_ns: 0, end_ns: SECOND_NS };
    let keys = fixture.store.span_keys(&fixture.tenant, before).await.unwrap();
    assert_eq!(keys, [] as [SpanKey; 0]);
    let calls = |range| fixture.store.service_calls(&fixture.tenant, range);
    let called = ServiceCalls {
        parent: "gateway".to_owned(),
        child: "worker".to_owned(),
        calls: 1,
        errors: 1,
    };
    assert_eq!(calls(TimeRange::ALL).await.unwrap(), [called]);
    assert_eq!(calls(before).await.unwrap(), []);
    let stranger = watchkeep_model::TenantId::new("stranger-of-names").unwrap();
    assert_eq!(fixture.store.operations(&stranger).await.unwrap(), []);
    assert_eq!(fixture.store.span_keys(&stranger, TimeRange::ALL).await.unwrap(), []);
    assert_eq!(fixture.store.service_calls(&stranger, TimeRange::ALL).await.unwrap(), []);
    let request = whole(TimeRange::ALL, TraceTest::ALL, Vec::new());
    let cursor = fixture.store.spans(&stranger, request).await.unwrap();
    assert_eq!(cursor.count(), 0);
}

/// Zipkin's way: both sides of a call under one id, the server without a parent of its own.
pub(super) async fn a_server_is_called_by_the_client_that_shares_its_id(mut fixture: Fixture) {
    let client = Span { name: "call", ..Span::default() };
    let server =
        Span { start_ns: client.start_ns + 1, service: "worker", name: "served", ..client.clone() };
    let mut rows = spans(&[client, server]);
    rows.kind[0] = 3;
    fixture.append(Batch::Spans(rows)).await;
    let called = ServiceCalls {
        parent: "gateway".to_owned(),
        child: "worker".to_owned(),
        calls: 1,
        errors: 0,
    };
    let early = TimeRange { start_ns: SECOND_NS, end_ns: SECOND_NS + 1 };
    let calls = |range| fixture.store.service_calls(&fixture.tenant, range);
    assert_eq!(calls(TimeRange::ALL).await.unwrap(), [called]);
    assert_eq!(calls(early).await.unwrap(), [], "the server's span starts after it");
    let request =
        whole(TimeRange::ALL, TraceTest::ALL, vec![SpanField::Name, SpanField::ParentRow]);
    let found = traces(&fixture, request).await;
    assert_eq!(found[0].3, [vec!["call".into(), Got::None], vec!["served".into(), Got::Int(0)]]);
}
