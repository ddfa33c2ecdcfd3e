//! Whole blocks: what is written comes back, fields are those of the rows, and tests are decided as
//! rows would be.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use watchkeep_model::column::Table;
use watchkeep_model::{
    CompareOp, FieldColumn, Pattern, Result, SpanColumns, SpanField, SpanLiteral, SpanScope,
    SpanTest, Value,
};

use super::json::{ChildWriter, Kind};
use super::*;
use crate::block::bloom::may_have;
use crate::block::{BlockWords, Need, RowSet, sections};
use crate::traces::column::value_at;
use crate::traces::test::decide;
use crate::traces::{fields, specimen};

const KEYS: [&str; 5] = ["a", "b.c", "gen_ai.input.messages", "n", "only-resource"];
const TEXTS: [&str; 6] = [
    "",
    "x",
    "GET /v1/items",
    "a rare-word in a text",
    "say \"hi\"\n\\",
    "req-0a1b2c3d4e5f60718293",
];

fn value() -> impl Strategy<Value = Value> {
    let text = prop::sample::select(TEXTS.to_vec()).prop_map(|text| Value::String(text.to_owned()));
    prop_oneof![
        6 => text,
        3 => (-3_i64..600).prop_map(Value::Int),
        1 => any::<i64>().prop_map(Value::Int),
        2 => (-40_i32..40).prop_map(|quarters| Value::Double(f64::from(quarters) / 4.0)),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, 1e300, -0.0]).prop_map(Value::Double),
        2 => any::<bool>().prop_map(Value::Bool),
        1 => Just(Value::Empty),
        1 => Just(Value::Bytes(vec![0, 255, 7])),
        1 => Just(Value::Array(vec![Value::Int(1), Value::String("in \"it\"".into())])),
        1 => Just(Value::Map(vec![("$k".into(), Value::Empty), ("m".into(), Value::Bool(true))])),
    ]
}

type Entries = Vec<(&'static str, Value)>;

fn entries() -> impl Strategy<Value = Entries> {
    prop::collection::vec((prop::sample::select(KEYS[..4].to_vec()), value()), 0..5)
}

#[derive(Debug, Clone)]
struct Span {
    parent: u8,
    kind: u8,
    start: i64,
    duration: i64,
    name: &'static str,
    service: &'static str,
    resource: Option<Value>,
    entries: Entries,
    events: Vec<Entries>,
    links: Vec<Entries>,
    /// How events and links are written: as decoders do, or otherwise.
    written: u8,
}

fn span() -> impl Strategy<Value = Span> {
    let times = (0_i64..5_000, prop_oneof![9 => 0_i64..1_000_000, 1 => any::<i64>()]);
    let names = (prop::sample::select(TEXTS.to_vec()), prop::sample::select(vec!["web", "db"]));
    let children = || {
        prop_oneof![
            3 => Just(Vec::new()),
            1 => prop::collection::vec(entries(), 0..4)
        ]
    };
    (
        0_u8..6,
        0_u8..6,
        times,
        names,
        prop::option::of(value()),
        entries(),
        children(),
        children(),
        0_u8..12,
    )
        .prop_map(
            |(
                parent,
                kind,
                (start, duration),
                (name, service),
                resource,
                entries,
                events,
                links,
                written,
            )| Span {
                parent,
                kind,
                start,
                duration,
                name,
                service,
                resource,
                entries,
                events,
                links,
                written,
            },
        )
}

fn children(kind: Kind, span: &Span, start_ns: i64) -> String {
    let (mut text, lists) =
        (String::new(), if kind == Kind::Events { &span.events } else { &span.links });
    let mut writer = ChildWriter::new(kind, &mut text);
    for (at, entries) in lists.iter().enumerate() {
        match kind {
            Kind::Events => writer.begin_event(start_ns + at as i64 * 7, span.name),
            Kind::Links => writer.begin_link(&[at as u8 + 1; 24], span.name),
        }
        for (key, value) in entries {
            let mut text = String::new();
            value.write_text(&mut text);
            writer.attribute(key, value.kind(), &text);
        }
        writer.end(at as u32, Some(u32::from(span.kind)));
    }
    writer.finish();
    match span.written {
        0 => text.replace(",\"name\"", ", \"name\""),
        1 => text.replace(",\"trace_state\"", " ,\"trace_state\""),
        _ => text,
    }
}

fn columns(traces: &[Vec<Span>]) -> SpanColumns {
    let mut columns = SpanColumns::default();
    for (trace, spans) in traces.iter().enumerate() {
        for (at, span) in spans.iter().enumerate() {
            let start_ns = 1_790_000_000_000_000_000 + trace as i64 * 1_000 + span.start;
            columns.trace_id.push([trace as u8 + 1; 16]);
            columns.span_id.push([at as u8 + 1, trace as u8, 0, 0, 0, 0, 0, 9]);
            columns.parent_span_id.push(match span.parent {
                0 => [0; 8],
                parent => [parent, trace as u8, 0, 0, 0, 0, 0, 9],
            });
            columns.start_ns.push(start_ns);
            columns.duration_ns.push(span.duration);
            columns.name.push(span.name);
            columns.kind.push(span.kind);
            columns.status_code.push(span.kind % 3);
            columns.status_message.push(if span.kind == 2 { span.name } else { "" });
            columns.service.push(span.service);
            let mut object = String::new();
            if let Some(value) = &span.resource {
                Value::Map(vec![
                    ("only-resource".into(), value.clone()),
                    ("a".into(), value.clone()),
                ])
                .write_json(&mut object);
            }
            columns.resource.push(&object);
            columns.scope_name.push(if at % 2 == 0 { "lib" } else { "" });
            columns.scope_version.push("");
            columns.scope_attributes.push(if at % 3 == 0 { "{\"n\":7}" } else { "" });
            columns.schema_url.push("");
            columns.trace_state.push(if at % 4 == 0 { "k=v" } else { "" });
            columns.flags.push(u32::from(span.written));
            columns.attributes.push_row(span.entries.iter().map(|(key, value)| (*key, value)));
            columns.dropped_attributes.push(at as u32);
            columns.events.push(&children(Kind::Events, span, start_ns));
            columns.dropped_events.push(0);
            columns.links.push(&children(Kind::Links, span, start_ns));
            columns.dropped_links.push(0);
        }
    }
    columns.check().unwrap();
    columns
}

fn traces() -> impl Strategy<Value = Vec<Vec<Span>>> {
    prop::collection::vec(prop::collection::vec(span(), 1..12), 1..12)
}

fn all(columns: &SpanColumns) -> Vec<u32> {
    (0..columns.len() as u32).collect()
}

fn encoded(columns: &SpanColumns) -> EncodedBlock {
    let rows: Vec<_> = all(columns).into_iter().map(|row| (0, row)).collect();
    encode(&[columns], &rows, 7).unwrap()
}

fn open(block: &EncodedBlock) -> Result<SpanBlock> {
    SpanBlock::open(Arc::new(Bytes::copy_from_slice(&block.bytes)), block.head_bytes)
}

fn written(columns: &SpanColumns) -> SpanBlock {
    open(&encoded(columns)).unwrap()
}

fn asked() -> Vec<SpanField> {
    use SpanField as F;
    let mut fields = vec![
        F::TraceId,
        F::SpanId,
        F::ParentSpanId,
        F::Start,
        F::Duration,
        F::Name,
        F::Kind,
        F::StatusCode,
        F::StatusMessage,
        F::Service,
        F::ScopeName,
        F::ScopeVersion,
        F::EventName,
        F::EventTimeSinceStart,
        F::LinkTraceId,
        F::LinkSpanId,
        F::ParentRow,
        F::RootName,
    ];
    for scope in [
        SpanScope::Any,
        SpanScope::Span,
        SpanScope::Resource,
        SpanScope::Event,
        SpanScope::Link,
        SpanScope::Instrumentation,
    ] {
        fields.extend(KEYS.map(|key| F::Attribute(scope, key.to_owned())));
    }
    fields
}

/// The values of each row, in a form that equals itself.
fn values(column: &FieldColumn, rows: usize) -> Vec<Vec<String>> {
    fn told(value: &Value) -> String {
        let mut text = format!("{:?} ", value.kind());
        value.write_json(&mut text);
        text
    }
    let FieldColumn::Repeated { ends, values } = column else {
        return (0..rows).map(|row| vec![told(&value_at(column, row))]).collect();
    };
    let mut from = 0;
    ends.iter()
        .map(|end| {
            let of_row = (from..*end as usize).map(|at| told(&value_at(values, at))).collect();
            from = *end as usize;
            of_row
        })
        .collect()
}

/// A column of no row with a value is as good as one of none.
fn is_empty(values: &[Vec<String>]) -> bool {
    values.iter().flatten().all(|value| value == "Empty null")
}

fn check_fields(columns: &SpanColumns, which: &[u32]) {
    let block = written(columns);
    for field in asked() {
        let expected = values(&fields::column(columns, &field, which).unwrap(), which.len());
        let found = values(&block.column(&field, Some(which)).unwrap(), which.len());
        assert!(
            found == expected || is_empty(&found) && is_empty(&expected),
            "{field:?}: {found:?} for {expected:?}"
        );
        let whole = values(&block.column(&field, None).unwrap(), columns.len());
        let expected =
            values(&fields::column(columns, &field, &all(columns)).unwrap(), columns.len());
        assert!(whole == expected || is_empty(&whole) && is_empty(&expected), "{field:?} of all");
    }
}

fn leaf() -> impl Strategy<Value = SpanTest> {
    let field = || prop::sample::select(asked());
    let op = prop::sample::select(vec![
        CompareOp::Eq,
        CompareOp::Ne,
        CompareOp::Lt,
        CompareOp::Le,
        CompareOp::Gt,
        CompareOp::Ge,
    ]);
    let literal = prop_oneof![
        prop::sample::select(TEXTS.to_vec()).prop_map(|text| SpanLiteral::Text(text.to_owned())),
        (-3_i64..600).prop_map(SpanLiteral::Int),
        (-40_i32..40).prop_map(|quarters| SpanLiteral::Double(f64::from(quarters) / 4.0)),
        any::<bool>().prop_map(SpanLiteral::Bool),
    ];
    let pattern =
        prop::sample::select(vec!["x", ".*rare-word.*", "GET .*", "req-.*", "a|x", "[a-g ]+"]);
    prop_oneof![
        4 => (field(), op, literal)
            .prop_map(|(field, op, value)| SpanTest::Compare { field, op, value }),
        2 => (field(), pattern).prop_map(|(field, pattern)| {
            SpanTest::Matches { field, pattern: Pattern::anchored(pattern).unwrap() }
        }),
        1 => field().prop_map(SpanTest::Exists),
    ]
}

fn test() -> impl Strategy<Value = SpanTest> {
    leaf().prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(SpanTest::And),
            prop::collection::vec(inner.clone(), 0..3).prop_map(SpanTest::Or),
            inner.prop_map(|test| SpanTest::Not(Box::new(test))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rows_come_back(traces in traces(), picks in prop::collection::vec(any::<Index>(), 0..9)) {
        let columns = columns(&traces);
        let block = written(&columns);
        prop_assert_eq!(block.len(), columns.len());
        prop_assert!(block.take(&all(&columns)).unwrap() == columns);
        let picks: Vec<u32> = picks.iter().map(|pick| pick.index(columns.len()) as u32).collect();
        let places: Vec<(u32, u32)> = picks.iter().map(|row| (0, *row)).collect();
        let expected = crate::gather::gather(&[&columns], &places, &crate::gather::every).unwrap();
        prop_assert!(block.take(&picks).unwrap() == expected);
    }

    #[test]
    fn fields_are_those_of_the_rows(traces in traces(), every in 1_usize..4) {
        let columns = columns(&traces);
        let which: Vec<u32> = all(&columns).into_iter().step_by(every).collect();
        check_fields(&columns, &which);
    }

    #[test]
    fn tests_are_decided_as_rows_would_be(
        traces in traces(), tests in prop::collection::vec(test(), 1..12), every in 1_usize..4,
    ) {
        let columns = columns(&traces);
        let block = written(&columns);
        let candidates = RowSet::of(columns.len(), |row| row % every == 0);
        for test in tests {
            let expected = decide(&test, &candidates, &|field, rows| {
                fields::column(&columns, field, rows)
            });
            prop_assert_eq!(block.test(&test, &candidates).unwrap(), expected.unwrap(), "{:?}", test);
        }
    }

    #[test]
    fn damaged_bytes_never_panic(
        traces in traces(),
        in_head: bool,
        flips in prop::collection::vec((any::<Index>(), 1_u8..), 1..4),
    ) {
        let columns = columns(&traces);
        let mut block = encoded(&columns);
        let end = if in_head { block.head_bytes } else { block.bytes.len() };
        for (at, with) in flips {
            let at = at.index(end);
            block.bytes[at] ^= with;
        }
        sections::UNCHECKED.set(true);
        let _any_outcome = open(&block).map(|block| {
            let rows = RowSet::all(block.len());
            let all: Vec<u32> = (0..block.len() as u32).collect();
            let _any_outcome = block.take(&all);
            let _any_outcome = block.traces();
            for field in asked() {
                let _any_outcome = block.column(&field, None);
                let _any_outcome = block.column(&field, Some(&all[all.len() / 2..]));
                let value = SpanLiteral::Text("x".into());
                let test = SpanTest::Compare { field, op: CompareOp::Eq, value };
                let _any_outcome = block.test(&test, &rows);
            }
        });
        sections::UNCHECKED.set(false);
    }

    #[test]
    fn blocks_are_passed_over_only_where_no_row_passes(
        traces in traces(), tests in prop::collection::vec(test(), 1..12),
    ) {
        let columns = columns(&traces);
        let encoded = encoded(&columns);
        let words = BlockWords { bloom: encoded.bloom.clone(), salt: 7 };
        let block = open(&encoded).unwrap();
        for test in tests {
            let yes = block.test(&test, &RowSet::all(block.len())).unwrap().yes;
            prop_assert!(Need::of_span(&test).may_hold(&words) || yes.is_empty(), "{:?}", test);
        }
    }

    #[test]
    fn words_of_values_are_in_the_filter(traces in traces()) {
        let columns = columns(&traces);
        let block = encoded(&columns);
        for field in asked() {
            let column = fields::column(&columns, &field, &all(&columns)).unwrap();
            let is_id = matches!(field, SpanField::TraceId | SpanField::SpanId | SpanField::ParentSpanId);
            let inner = match &column {
                FieldColumn::Repeated { values, .. } => values,
                other => other,
            };
            let texts: Vec<String> = match inner {
                _ if is_id => Vec::new(),
                FieldColumn::Text { values, .. } => values.iter().map(str::to_owned).collect(),
                FieldColumn::Values(values) => values.iter().filter_map(|value| match value {
                    Value::String(text) => Some(text.clone()),
                    _ => None,
                }).collect(),
                _ => Vec::new(),
            };
            for word in texts.iter().flat_map(|text| crate::seam::words(text)) {
                prop_assert!(may_have(&block.bloom, 7, word), "{} of {:?}", word, field);
            }
        }
    }
}

#[test]
fn many_shapes_of_attributes_are_kept_whole() {
    let names: Vec<String> = (0..1500).map(|n| format!("key-{n}")).collect();
    let mut columns = specimen(1500);
    columns.attributes = watchkeep_model::AttributesColumn::default();
    for name in &names {
        columns.attributes.push_row([(name.as_str(), &Value::Int(5)), ("n", &Value::Int(6))]);
    }
    let block = written(&columns);
    assert!(block.take(&all(&columns)).unwrap() == columns);
    for key in ["key-3", "key-1400", "n"] {
        let field = SpanField::Attribute(SpanScope::Span, key.to_owned());
        let expected = values(&fields::column(&columns, &field, &all(&columns)).unwrap(), 1500);
        assert_eq!(values(&block.column(&field, None).unwrap(), 1500), expected, "{key}");
    }
}

#[test]
fn figures_tell_what_a_block_holds() {
    let columns = specimen(50);
    let figures = encoded(&columns).figures;
    assert_eq!((figures.rows, figures.traces.len(), figures.has_strays), (50, 10, false));
    assert_eq!(figures.min_ns, columns.start_ns.iter().copied().min().unwrap());
    assert_eq!(figures.max_ns, columns.start_ns.iter().copied().max().unwrap());
    assert_eq!(figures.operations.len(), 5);
    let calls = &figures.calls.0[&("gateway".to_owned(), "model".to_owned())];
    assert_eq!(*calls, (10, 2), "each trace calls once, every fifth fails");
    let keys: Vec<(SpanScope, &str)> =
        figures.keys.iter().map(|key| (key.scope, key.key.as_str())).collect();
    assert!(keys.contains(&(SpanScope::Resource, "host.name")), "{keys:?}");
    assert!(keys.contains(&(SpanScope::Event, "exception.type")), "{keys:?}");
    assert!(keys.contains(&(SpanScope::Span, "gen_ai.input.messages")), "{keys:?}");
}

#[test]
fn parents_lead_to_their_rows() {
    let columns = specimen(100);
    let block = written(&columns);
    let rows = block.parent_rows().unwrap();
    for (row, parent) in rows.iter().enumerate() {
        match *parent {
            NO_ROW => assert_eq!(columns.parent_span_id[row], [0; 8]),
            parent => assert_eq!(columns.span_id[parent as usize], columns.parent_span_id[row]),
        }
    }
    let traces = block.traces().unwrap();
    assert_eq!(traces.len(), 20);
    assert_eq!(traces.rows(3), 15..20);
}
