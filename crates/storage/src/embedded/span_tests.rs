//! Spans while they arrive late and twice, are flushed, merged and brought back: answers beside those
//! of a model that keeps rows in a list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use watchkeep_model::{
    CompareOp, FieldColumn, SpanField, SpanLiteral, SpanRows, SpanScope, SpanTest, SpansRequest,
    TenantId, TimeRange, TraceId, TraceTest, Value,
};

use super::tests::crashed;
use super::upkeep_tests::{SetClock, open};
use super::{EmbeddedStore, StorageConfig};
use crate::conformance::{Span, spans};
use crate::memory::MemoryStore;
use crate::seam::{Batch, Store};

const MINUTE_NS: i64 = 60_000_000_000;
const HOUR_NS: i64 = 60 * MINUTE_NS;
const NAMES: [&str; 4] = ["get", "put", "scan", "pay"];
const SERVICES: [&str; 3] = ["gateway", "worker", "store"];
const SERVER: u8 = 2;
const CLIENT: u8 = 3;

fn tenant() -> TenantId {
    TenantId::default()
}

/// Which trace, which span, and whether it is the client's side: all else follows from it, so that
/// what is sent again is the same.
type Row = (u8, u8, bool);

#[derive(Debug, Clone)]
struct Model {
    trace: u8,
    id: u8,
    parent: u8,
    kind: u8,
    start_ns: i64,
    duration_ns: i64,
    name: &'static str,
    service: &'static str,
    number: Option<i64>,
}

fn model_of((trace, id, is_client): Row) -> Model {
    let mixed = usize::from(trace) * 7 + usize::from(id) * 5 + usize::from(is_client);
    // Some traces begin before midnight and end after it.
    let base_ns = i64::from(trace) * 5 * HOUR_NS + 23 * HOUR_NS;
    let start_ns = base_ns + i64::from(id.wrapping_mul(37) % 16) * 10 * MINUTE_NS;
    Model {
        trace,
        id,
        // Span 1 is a root, of some traces span 2 too; the parent of 9 and up never comes.
        parent: match id {
            1 => 0,
            2 if trace.is_multiple_of(3) => 0,
            9.. => 200,
            _ => id / 2,
        },
        kind: if is_client { CLIENT } else { SERVER },
        start_ns,
        duration_ns: (mixed % 9) as i64 * 7 * MINUTE_NS - MINUTE_NS,
        name: NAMES[mixed % 4],
        service: SERVICES[mixed % 3],
        number: (mixed % 3 > 0).then_some((mixed % 11) as i64),
    }
}

impl Model {
    fn end_ns(&self) -> i64 {
        self.start_ns + self.duration_ns.max(0)
    }

    fn key(&self) -> (i64, u8, u8) {
        (self.start_ns, self.id, self.kind)
    }

    fn passes(&self, test: &SpanTest) -> bool {
        match test {
            SpanTest::And(all) => all.iter().all(|test| self.passes(test)),
            SpanTest::Or(any) => any.iter().any(|test| self.passes(test)),
            SpanTest::Not(test) => !self.passes(test),
            SpanTest::Compare { field: SpanField::Name, op, value: SpanLiteral::Text(text) } => {
                op.holds(self.name, text.as_str())
            }
            SpanTest::Compare { op, value: SpanLiteral::Int(value), .. } => {
                self.number.is_some_and(|number| op.holds(&number, value))
            }
            _ => unreachable!("no such test is made"),
        }
    }
}

fn columns_of(rows: &[Row]) -> watchkeep_model::SpanColumns {
    let models: Vec<Model> = rows.iter().copied().map(model_of).collect();
    let rows: Vec<Span> = models
        .iter()
        .map(|model| Span {
            trace: model.trace,
            id: model.id,
            parent: model.parent,
            start_ns: model.start_ns,
            duration_ns: model.duration_ns,
            name: model.name,
            service: model.service,
            status: model.id % 3,
            attributes: model.number.map(|number| ("n", Value::Int(number))).into_iter().collect(),
        })
        .collect();
    let mut columns = spans(&rows);
    columns.kind = models.iter().map(|model| model.kind).collect();
    columns
}

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Row>),
    Flush,
    /// At this hour.
    Compact(u8),
    Crash,
}

fn row() -> impl Strategy<Value = Row> {
    (1_u8..8, 1_u8..12, prop::bool::weighted(0.2))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(row(), 1..40).prop_map(Step::Append),
        4 => Just(Step::Flush),
        3 => (0_u8..150).prop_map(Step::Compact),
        1 => Just(Step::Crash),
    ]
}

#[derive(Debug, Clone)]
struct Question {
    range: TimeRange,
    of_spans: SpanTest,
    of_traces: TraceTest,
    wanted: Option<usize>,
}

fn span_test() -> impl Strategy<Value = SpanTest> {
    let number = SpanField::Attribute(SpanScope::Any, "n".to_owned());
    let op = prop::sample::select(vec![CompareOp::Eq, CompareOp::Lt, CompareOp::Ne]);
    let of_number = (0_i64..11, op.clone()).prop_map(move |(value, op)| SpanTest::Compare {
        field: number.clone(),
        op,
        value: SpanLiteral::Int(value),
    });
    let of_name = (prop::sample::select(NAMES.to_vec()), op).prop_map(|(name, op)| {
        let value = SpanLiteral::Text(name.to_owned());
        SpanTest::Compare { field: SpanField::Name, op, value }
    });
    prop_oneof![of_number, of_name].prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(SpanTest::And),
            prop::collection::vec(inner.clone(), 1..3).prop_map(SpanTest::Or),
            inner.prop_map(|test| SpanTest::Not(Box::new(test))),
        ]
    })
}

fn question() -> impl Strategy<Value = Question> {
    let range = prop_oneof![
        Just(TimeRange::ALL),
        (0_i64..700, 0_i64..700).prop_map(|(from, to)| TimeRange {
            start_ns: 22 * HOUR_NS + from.min(to) * 4 * MINUTE_NS,
            end_ns: 22 * HOUR_NS + from.max(to) * 4 * MINUTE_NS + 1,
        }),
    ];
    let of_traces = span_test().prop_map(TraceTest::AnySpan).prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(TraceTest::And),
            prop::collection::vec(inner, 1..3).prop_map(TraceTest::Or),
        ]
    });
    let wanted = prop_oneof![Just(None), Just(Some(2))];
    (range, span_test(), of_traces, wanted).prop_map(|(range, of_spans, of_traces, wanted)| {
        Question { range, of_spans, of_traces, wanted }
    })
}

/// The spans of each trace by start, each once.
fn whole_traces(rows: &[Row]) -> BTreeMap<u8, Vec<Model>> {
    let mut traces: BTreeMap<u8, Vec<Model>> = BTreeMap::new();
    for row in rows.iter().collect::<BTreeSet<_>>() {
        traces.entry(row.0).or_default().push(model_of(*row));
    }
    for spans in traces.values_mut() {
        spans.sort_by_key(Model::key);
    }
    traces
}

fn matches(spans: &[Model], test: &TraceTest) -> bool {
    match test {
        TraceTest::And(all) => all.iter().all(|test| matches(spans, test)),
        TraceTest::Or(any) => any.iter().any(|test| matches(spans, test)),
        TraceTest::AnySpan(test) => spans.iter().any(|span| span.passes(test)),
    }
}

/// A trace as text: when, and of each span its id, kind, name and its parent's place.
fn text_of(spans: &[Model]) -> String {
    let start_ns = spans.iter().map(|span| span.start_ns).min();
    let end_ns = spans.iter().map(Model::end_ns).max();
    let root = spans.iter().find(|span| span.parent == 0);
    let mut lines = vec![format!("{start_ns:?} {end_ns:?}")];
    for span in spans {
        let named: Vec<usize> =
            (0..spans.len()).filter(|at| spans[*at].id == span.parent).collect();
        let wanted = if span.kind == SERVER { CLIENT } else { SERVER };
        let its_client = spans.iter().position(|of| of.id == span.id && of.kind == CLIENT);
        let parent = match named.as_slice() {
            _ if span.kind == SERVER && its_client.is_some() => its_client,
            [only] => Some(*only),
            several => several.iter().copied().find(|at| spans[*at].kind == wanted),
        };
        let Model { id, kind, name, number, .. } = span;
        let root = root.map(|root| (root.name, root.service));
        lines.push(format!("{id} {kind} {name} {number:?} {parent:?} {root:?}"));
    }
    lines.join("\n")
}

fn text(column: &FieldColumn, row: usize) -> Option<String> {
    match crate::traces::value_at(column, row) {
        Value::Empty => None,
        Value::String(text) => Some(text),
        Value::Int(number) => Some(number.to_string()),
        _ => unreachable!("no other field is asked for"),
    }
}

/// What the model says of an answer's traces, newest first: number, text, and whether a store may
/// leave it out because none of its spans overlaps with the range, or those that the test is about
/// lie far from it.
fn expected_traces(rows: &[Row], question: &Question) -> Vec<(u8, String, bool)> {
    let range = question.range;
    let mut found: Vec<(i64, u8, String, bool)> = Vec::new();
    for (trace, spans) in whole_traces(rows) {
        let start_ns = spans.iter().map(|span| span.start_ns).min().unwrap();
        let end_ns = spans.iter().map(Model::end_ns).max().unwrap();
        if range.overlaps_closed(start_ns, end_ns) && matches(&spans, &question.of_traces) {
            let reach = TimeRange {
                start_ns: range.start_ns.saturating_sub(10 * MINUTE_NS),
                end_ns: range.end_ns.saturating_add(10 * MINUTE_NS),
            };
            let near = |range: TimeRange| -> Vec<Model> {
                let near = |span: &&Model| range.overlaps_closed(span.start_ns, span.end_ns());
                spans.iter().filter(near).cloned().collect()
            };
            let surely = !near(range).is_empty() && matches(&near(reach), &question.of_traces);
            found.push((start_ns, trace, text_of(&spans), !surely));
        }
    }
    found.sort_by_key(|(start_ns, trace, ..)| std::cmp::Reverse((*start_ns, *trace)));
    found.into_iter().map(|(_, trace, text, may_miss)| (trace, text, may_miss)).collect()
}

async fn found_traces(store: &dyn Store, question: &Question) -> Vec<(u8, String)> {
    let fields = vec![
        SpanField::SpanId,
        SpanField::Kind,
        SpanField::Name,
        SpanField::Attribute(SpanScope::Any, "n".to_owned()),
        SpanField::ParentRow,
        SpanField::RootName,
        SpanField::RootService,
    ];
    let rows = SpanRows::Traces(question.of_traces.clone());
    let request = SpansRequest { range: question.range, rows, fields, wanted: question.wanted };
    let cursor = store.spans(&tenant(), request).await.unwrap();
    let mut found = Vec::new();
    for batch in cursor {
        let batch = batch.unwrap();
        let mut from = 0;
        for trace in &batch.traces {
            let (start_ns, end_ns) = (Some(trace.start_ns), Some(trace.end_ns));
            let mut lines = vec![format!("{start_ns:?} {end_ns:?}")];
            for row in from..trace.rows_end as usize {
                let of = |at: usize| text(&batch.columns[at], row);
                let id = u8::from_str_radix(&of(0).unwrap()[..2], 16).unwrap();
                let parent = of(4).map(|row| row.parse::<usize>().unwrap() - from);
                let number = of(3).map(|number| number.parse::<i64>().unwrap());
                let (kind, name) = (of(1).unwrap(), of(2).unwrap());
                let root = of(5).zip(of(6));
                lines.push(format!("{id} {kind} {name} {number:?} {parent:?} {root:?}"));
            }
            from = trace.rows_end as usize;
            found.push((trace.id.0[0], lines.join("\n")));
        }
    }
    found
}

/// The spans of an answer; one that came twice counts once.
async fn found_spans(store: &dyn Store, question: &Question) -> BTreeSet<(String, String, String)> {
    let fields = vec![SpanField::TraceId, SpanField::SpanId, SpanField::Kind];
    let rows = SpanRows::Spans(question.of_spans.clone());
    let request = SpansRequest { range: question.range, rows, fields, wanted: question.wanted };
    let mut found = BTreeSet::new();
    for batch in store.spans(&tenant(), request).await.unwrap() {
        let batch = batch.unwrap();
        let of = |at: usize, row| text(&batch.columns[at], row).unwrap();
        found.extend((0..batch.rows).map(|row| (of(0, row), of(1, row), of(2, row))));
    }
    found
}

struct Game {
    folder: tempfile::TempDir,
    clock: Arc<SetClock>,
    store: EmbeddedStore,
    memory: MemoryStore,
    rows: Vec<Row>,
}

impl Game {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SetClock::default());
        let store = open(StorageConfig::new(folder.path()), &clock).await;
        Self { folder, clock, store, memory: MemoryStore::default(), rows: Vec::new() }
    }

    async fn play(&mut self, step: &Step) {
        match step {
            Step::Append(rows) => {
                self.rows.extend_from_slice(rows);
                for store in [&self.store as &dyn Store, &self.memory] {
                    let batch = Batch::Spans(columns_of(rows));
                    store.append(&tenant(), batch.into()).await.unwrap();
                }
            }
            Step::Flush => self.store.flush().await.unwrap(),
            Step::Compact(hour) => {
                self.clock.set_ms(i64::from(*hour) * HOUR_NS / 1_000_000);
                let inner = Arc::clone(&self.store.inner);
                tokio::task::spawn_blocking(move || inner.compact()).await.unwrap().unwrap();
            }
            Step::Crash => {
                let folder = crashed(&self.store).await;
                self.store = open(StorageConfig::new(folder.path()), &self.clock).await;
                self.folder = folder;
            }
        }
    }

    async fn compare(&self, question: &Question) {
        let expected = expected_traces(&self.rows, question);
        let mut spans = BTreeSet::new();
        for row in &self.rows {
            let model = model_of(*row);
            if question.range.contains(model.start_ns) && model.passes(&question.of_spans) {
                let hex = |byte: u8, times| format!("{byte:02x}").repeat(times);
                spans.insert((hex(model.trace, 16), hex(model.id, 8), model.kind.to_string()));
            }
        }
        for store in [&self.store as &dyn Store, &self.memory] {
            let found = found_traces(store, question).await;
            let mut must = expected.clone();
            must.retain(|(trace, _, may_miss)| {
                !may_miss || found.iter().any(|(found, _)| found == trace)
            });
            let must: Vec<(u8, String)> =
                must.into_iter().map(|(trace, text, _)| (trace, text)).collect();
            assert_eq!(found, must, "{question:?} of {store:?}");
            assert_eq!(found_spans(store, question).await, spans, "{question:?} of {store:?}");
        }
        self.compare_single_traces().await;
    }

    /// Traces by their ids.
    async fn compare_single_traces(&self) {
        for (trace, spans) in whole_traces(&self.rows) {
            let id = TraceId([trace; 16]);
            let mut stream = self.store.trace(&tenant(), id).await.unwrap();
            let mut ids = BTreeSet::new();
            while let Some(frame) = futures::StreamExt::next(&mut stream).await {
                if let crate::seam::Frame::Rows(rows) = frame.unwrap() {
                    let column: &arrow_array::FixedSizeBinaryArray =
                        crate::schema::column(&rows, "span_id").unwrap();
                    ids.extend((0..rows.num_rows()).map(|row| column.value(row)[0]));
                }
            }
            assert_eq!(ids, spans.iter().map(|span| span.id).collect());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn answers_do_not_depend_on_where_spans_lie(
        steps in prop::collection::vec(step(), 1..20),
        questions in prop::collection::vec(question(), 1..6),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut game = Game::new().await;
            for step in &steps {
                game.play(step).await;
            }
            for question in &questions {
                game.compare(question).await;
            }
        });
    }
}
