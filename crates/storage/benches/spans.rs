//! Spans: what they take at rest, writing a part, and questions on one. `SPANS` in the environment
//! names a directory of OTLP requests (protobuf, one a file); without it spans are made up.
//!
//! `cargo bench -p watchkeep-storage --bench spans`

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench may panic and says figures")]

use std::sync::LazyLock;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use watchkeep_model::column::Table;
use watchkeep_model::{
    CompareOp, DecodeLimits, Pattern, SpanColumns, SpanField, SpanLiteral, SpanRows, SpanScope,
    SpanTest, SpansRequest, TimeRange, TraceId, TraceTest, Value,
};
use watchkeep_storage::traces::bench::{Batches, Part};
use watchkeep_wire::otlp::decode_traces;

const BATCH_BYTES: usize = 4 << 20;

fn main() {
    let part = &PART.0;
    let (spans, bytes) = part.sizes();
    println!("{spans} spans, {:.1} bytes each at rest", bytes as f64 / spans as f64);
    divan::main();
}

/// Spans in tables as memory holds them.
static SPANS: LazyLock<Batches> = LazyLock::new(|| {
    let (mut tables, mut open) = (Vec::new(), SpanColumns::default());
    let mut add = |spans: &SpanColumns| {
        open.extend_from(spans);
        if open.byte_len() > BATCH_BYTES {
            tables.push(std::mem::take(&mut open));
        }
    };
    if let Some(directory) = std::env::var_os("SPANS") {
        let mut files: Vec<_> =
            std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort_unstable();
        for file in files {
            let body = std::fs::read(file).unwrap();
            add(&decode_traces(&body, &DecodeLimits::default()).unwrap().columns);
        }
    } else {
        (0..100).for_each(|batch| add(&made_up(batch * 400)));
    }
    if !open.is_empty() {
        tables.push(open);
    }
    Batches::new(tables)
});

static PART: LazyLock<(Part, tempfile::TempDir)> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    (SPANS.write(directory.path()).unwrap(), directory)
});

/// 400 traces of five spans of an agent.
fn made_up(first: u64) -> SpanColumns {
    let mut columns = SpanColumns::default();
    for (trace, at) in (first..first + 400).flat_map(|trace| (0..5).map(move |at| (trace, at))) {
        let mixed = |n: u64| (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let id = |at: u64| mixed(trace * 5 + at).to_le_bytes();
        let start_ns = 1_790_000_000_000_000_000 + trace as i64 * 40_000_000;
        let mut trace_id = [7; 16];
        trace_id[..8].copy_from_slice(&id(0));
        columns.trace_id.push(trace_id);
        columns.span_id.push(id(at));
        columns.parent_span_id.push(if at == 0 { [0; 8] } else { id(at / 2) });
        columns.start_ns.push(start_ns + (mixed(at + trace) >> 42) as i64);
        columns.duration_ns.push((mixed(trace ^ at) >> 36) as i64);
        let name = ["invoke", "chat", "tool", "GET", "POST"][at as usize];
        columns.name.push(name);
        columns.kind.push(at as u8 + 1);
        columns.status_code.push(u8::from(trace % 50 == 7) * 2);
        columns.service.push(if at == 1 { "model" } else { "gateway" });
        columns.resource.push("{\"service.name\":\"gateway\",\"host.name\":\"h1\"}");
        columns.flags.push(257);
        let model = Value::String("small-model".into());
        let tokens = Value::Int((mixed(trace) >> 52) as i64);
        let words = (0..40).map(|n| format!("word{}", mixed(trace * 64 + n) >> 54));
        let prompt = Value::String(words.collect::<Vec<_>>().join(" "));
        let entries = [
            ("gen_ai.request.model", &model),
            ("gen_ai.usage.output_tokens", &tokens),
            ("gen_ai.input.messages", &prompt),
        ];
        columns.attributes.push_row(entries.into_iter().take(if at == 1 { 3 } else { 1 }));
        for dict in [
            &mut columns.scope_name,
            &mut columns.scope_version,
            &mut columns.scope_attributes,
            &mut columns.schema_url,
        ] {
            dict.push("");
        }
        for text in [
            &mut columns.status_message,
            &mut columns.trace_state,
            &mut columns.events,
            &mut columns.links,
        ] {
            text.push("");
        }
        for count in [
            &mut columns.dropped_attributes,
            &mut columns.dropped_events,
            &mut columns.dropped_links,
        ] {
            count.push(0);
        }
    }
    columns
}

fn spans() -> ItemsCount {
    ItemsCount::new(PART.0.sizes().0)
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn write(bencher: Bencher<'_, '_>) {
    bencher
        .counter(spans())
        .with_inputs(|| tempfile::tempdir().unwrap())
        .bench_values(|directory| SPANS.write(directory.path()).unwrap().sizes());
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn take_a_block(bencher: Bencher<'_, '_>) {
    let rows = PART.0.last_block().unwrap().len();
    bencher.counter(ItemsCount::new(rows)).bench(|| PART.0.last_block().unwrap());
}

fn attribute(key: &str) -> SpanField {
    SpanField::Attribute(SpanScope::Any, key.to_owned())
}

fn compare(field: SpanField, op: CompareOp, value: SpanLiteral) -> SpanTest {
    SpanTest::Compare { field, op, value }
}

fn text(text: &str) -> SpanLiteral {
    SpanLiteral::Text(text.to_owned())
}

fn tests() -> Vec<(&'static str, SpanTest)> {
    let messages = || attribute("gen_ai.input.messages");
    let with = |pattern: &str| SpanTest::Matches {
        field: messages(),
        pattern: Pattern::anchored(pattern).unwrap(),
    };
    vec![
        ("all", SpanTest::ALL),
        ("service", compare(SpanField::Service, CompareOp::Eq, text("gateway"))),
        ("duration", compare(SpanField::Duration, CompareOp::Gt, SpanLiteral::Int(2_000_000_000))),
        ("status", compare(SpanField::StatusCode, CompareOp::Eq, SpanLiteral::Int(2))),
        ("model", compare(attribute("gen_ai.request.model"), CompareOp::Eq, text("small-model"))),
        ("conversation", compare(attribute("gen_ai.conversation.id"), CompareOp::Eq, text("c"))),
        ("rare_word", with(".* kumquat\".*")),
        ("part_of_word", with(".*umqua.*")),
        ("exists", SpanTest::Exists(attribute("gen_ai.usage.output_tokens"))),
    ]
}

#[divan::bench(args = tests().into_iter().map(|(name, _)| name), sample_count = 5, sample_size = 1)]
fn test(bencher: Bencher<'_, '_>, name: &str) {
    let (_, test) = tests().into_iter().find(|(other, _)| *other == name).unwrap();
    println!("{name}: {:?} blocks and spans", PART.0.count(&test).unwrap());
    bencher.counter(spans()).bench(|| black_box(PART.0.count(&test).unwrap()));
}

fn fields() -> Vec<(&'static str, SpanField)> {
    vec![
        ("start", SpanField::Start),
        ("duration", SpanField::Duration),
        ("name", SpanField::Name),
        ("service", SpanField::Service),
        ("trace_id", SpanField::TraceId),
        ("model", attribute("gen_ai.request.model")),
        ("tokens", attribute("gen_ai.usage.output_tokens")),
        ("resource", attribute("service.name")),
        ("messages", attribute("gen_ai.input.messages")),
        ("event_name", SpanField::EventName),
    ]
}

#[divan::bench(args = fields().into_iter().map(|(name, _)| name), sample_count = 5, sample_size = 1)]
fn column(bencher: Bencher<'_, '_>, name: &str) {
    let (_, field) = fields().into_iter().find(|(other, _)| *other == name).unwrap();
    bencher.counter(spans()).bench(|| PART.0.columns(&SpanTest::ALL, &field).unwrap());
}

fn requests() -> Vec<(&'static str, SpansRequest)> {
    let request = |rows, fields: &[SpanField], wanted| SpansRequest {
        range: TimeRange::ALL,
        rows,
        fields: fields.to_vec(),
        wanted,
    };
    let any = |test| SpanRows::Traces(TraceTest::AnySpan(test));
    let model = || compare(attribute("gen_ai.request.model"), CompareOp::Eq, text("small-model"));
    let rare = || compare(attribute("gen_ai.conversation.id"), CompareOp::Eq, text("c"));
    let numbers = [SpanField::Start, SpanField::Duration, SpanField::Service];
    let shown = [SpanField::SpanId, SpanField::Name, SpanField::RootName, SpanField::RootService];
    let tree = [SpanField::Name, SpanField::ParentRow];
    let all = || SpanRows::Traces(TraceTest::ALL);
    vec![
        ("newest_20_traces", request(all(), &shown, Some(20))),
        ("newest_20_traces_of_model", request(any(model()), &shown, Some(20))),
        ("all_traces_of_rare", request(any(rare()), &shown, Some(20))),
        ("all_traces", request(all(), &tree, None)),
        ("all_spans", request(SpanRows::Spans(SpanTest::ALL), &numbers, None)),
        ("spans_of_model", request(SpanRows::Spans(model()), &numbers, None)),
    ]
}

/// What the store answers; where few are wanted the first batch is taken.
#[divan::bench(args = requests().into_iter().map(|(name, _)| name), sample_count = 10, sample_size = 1)]
fn cursor(bencher: Bencher<'_, '_>, name: &str) {
    let (_, request) = requests().into_iter().find(|(other, _)| *other == name).unwrap();
    bencher.counter(spans()).bench(|| {
        let batches = PART.0.spans(request.clone()).unwrap();
        let first = if request.wanted.is_some() { 1 } else { usize::MAX };
        batches.take(first).map(|batch| batch.unwrap().rows).sum::<usize>()
    });
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn trace_by_id(bencher: Bencher<'_, '_>) {
    let ids = PART.0.last_block().unwrap().trace_id;
    bencher.bench(|| PART.0.trace(TraceId(ids[ids.len() / 2])).unwrap());
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn list_of_20(bencher: Bencher<'_, '_>) {
    bencher.bench(|| PART.0.list(20).unwrap().len());
}
