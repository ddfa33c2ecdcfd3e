//! The way from columns to durable rows: appends through the write-ahead log by one and by eight
//! writers, and the flush of what they wrote to parts.
//!
//! `cargo bench -p watchkeep-storage --bench ingest`

#![expect(clippy::unwrap_used, reason = "a bench may panic")]

use std::sync::Arc;

use divan::Bencher;
use divan::counter::BytesCount;
use tokio::runtime::Runtime;
use watchkeep_model::column::Table;
use watchkeep_model::{SpanColumns, SystemClock, TenantId, Value};
use watchkeep_storage::embedded::{EmbeddedStore, StorageConfig};
use watchkeep_storage::{Batch, Store};

fn main() {
    divan::main();
}

/// Spans of about 1.2 kB each: an LLM call with a prompt, or a tool call.
fn spans(count: usize) -> SpanColumns {
    let mut columns = SpanColumns::default();
    let text = |seed: usize, length: usize| -> String {
        let words = ["order", "refund", "customer", "please", "the", "ticket", "is", "open", "of"];
        let mut text = String::with_capacity(length + 16);
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        while text.len() < length {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text.push_str(words[(state >> 33) % words.len()]);
            text.push(' ');
        }
        text
    };
    for row in 0..count {
        let trace = (row / 20) as u64;
        let mut trace_id = [0; 16];
        trace_id[..8].copy_from_slice(&trace.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
        trace_id[15] = 1;
        columns.trace_id.push(trace_id);
        columns.span_id.push((row as u64 + 1).to_be_bytes());
        columns.parent_span_id.push([0; 8]);
        columns.start_ns.push(1_760_000_000_000_000_000 + row as i64 * 1_000_000);
        columns.duration_ns.push(1_000_000 + row as i64 % 1000);
        columns.name.push("chat gpt-5-mini");
        columns.kind.push(3);
        columns.status_code.push(0);
        columns.status_message.push("");
        columns.service.push("agent-runtime");
        columns.resource.push("{\"service.name\":\"agent-runtime\"}");
        columns.scope_name.push("bench");
        columns.scope_version.push("1");
        columns.scope_attributes.push("");
        columns.schema_url.push("");
        columns.trace_state.push("");
        columns.flags.push(1);
        let attributes = [
            ("gen_ai.operation.name", Value::String("chat".into())),
            ("gen_ai.request.model", Value::String("gpt-5-mini".into())),
            ("gen_ai.usage.input_tokens", Value::Int(row as i64 % 9000)),
            ("gen_ai.usage.output_tokens", Value::Int(row as i64 % 700)),
            ("gen_ai.input.messages", Value::String(text(row, 500))),
            ("gen_ai.output.messages", Value::String(text(row + 7, 400))),
        ];
        columns.attributes.push_row(attributes.iter().map(|(key, value)| (*key, value)));
        columns.dropped_attributes.push(0);
        columns.events.push("");
        columns.dropped_events.push(0);
        columns.links.push("");
        columns.dropped_links.push(0);
    }
    columns
}

fn open(runtime: &Runtime, folder: &std::path::Path) -> EmbeddedStore {
    let config = StorageConfig {
        // The bench flushes by itself.
        table_bytes_max: u64::MAX,
        memory_bytes_max: u64::MAX,
        wal_bytes_max: u64::MAX,
        ..StorageConfig::new(folder)
    };
    let _inside = runtime.enter();
    let registry = prometheus::Registry::new();
    EmbeddedStore::open(config, Arc::new(SystemClock), &registry, &mut |_| {}).unwrap()
}

/// Writers at once, and spans in a batch.
const APPENDS: [(usize, usize); 6] = [(1, 1), (1, 50), (1, 800), (8, 1), (8, 50), (8, 800)];

#[divan::bench(args = APPENDS, sample_count = 20)]
fn append(bencher: Bencher<'_, '_>, (writers, rows): (usize, usize)) {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = open(&runtime, folder.path());
    let batch = spans(rows);
    let bytes = batch.byte_len() * writers;
    bencher
        .counter(BytesCount::new(bytes))
        .with_inputs(|| vec![batch.clone(); writers])
        .bench_local_values(|batches| {
            runtime.block_on(async {
                let appends = batches.into_iter().map(|batch| {
                    let store = store.clone();
                    tokio::spawn(async move {
                        let tenant = TenantId::default();
                        store.append(&tenant, Batch::Spans(batch).into()).await.unwrap()
                    })
                });
                futures::future::join_all(appends).await
            })
        });
}

/// Rows in memory when the flush begins: about 36 MB of spans.
#[divan::bench(args = [30_000], sample_count = 5)]
fn flush(bencher: Bencher<'_, '_>, rows: usize) {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = open(&runtime, folder.path());
    let batch = spans(rows);
    bencher
        .counter(BytesCount::new(batch.byte_len()))
        .with_inputs(|| {
            let (tenant, batch) = (TenantId::default(), Batch::Spans(batch.clone()));
            runtime.block_on(store.append(&tenant, batch.into())).unwrap();
        })
        .bench_local_values(|()| runtime.block_on(store.flush()).unwrap());
}
