//! What reading steps of agents costs: spans that are none, with and without, in turns; and how many
//! calls of models a second of processor time takes through ingest, decision, ledger and metrics.
//! `CALLS` in the environment says how many calls a run makes, `ROUNDS` how often it is done.
//!
//! `cargo bench -p watchkeep-engine --bench book`

#![expect(clippy::unwrap_used, reason = "a bench may panic")]
#![expect(clippy::print_stdout, reason = "it tells what it measured")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use prometheus::Registry;
use tokio::runtime::Runtime;
use watchkeep_engine::{AgentsConfig, Engine, LimitsConfig};
use watchkeep_model::{Clock, SpanColumns, TenantId, Value};
use watchkeep_storage::Store;
use watchkeep_storage::embedded::{EmbeddedStore, StorageConfig};

const BATCHES: u64 = 20;
const BATCH: u64 = 500;
const START: i64 = 1_760_000_000_000_000_000;

#[derive(Debug)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now_ns(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// An engine over a store of its own.
struct Subject {
    engine: Arc<Engine>,
    clock: Arc<SetClock>,
    _folder: tempfile::TempDir,
}

fn subject(runtime: &Runtime, enabled: bool) -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SetClock(AtomicI64::new(START)));
    let shared: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
    let registry = Registry::new();
    let config = AgentsConfig { enabled, ..AgentsConfig::default() };
    let engine = Engine::new(LimitsConfig::default(), Arc::clone(&shared), &registry).unwrap();
    let engine = engine.with_agents(config).unwrap();
    let settings = StorageConfig::new(folder.path());
    // The store starts tasks of its own.
    let _entered = runtime.enter();
    let opened = EmbeddedStore::open(settings, shared, &Registry::new(), &mut |_| {});
    let store: Arc<dyn Store> = Arc::new(opened.unwrap());
    runtime.block_on(engine.recover_agents(&store)).unwrap();
    engine.attach(store);
    Subject { engine: Arc::new(engine), clock, _folder: folder }
}

/// Nanoseconds of processor time of this process, all threads.
fn cpu_ns() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let of_thread = |path: std::path::PathBuf| -> u64 {
        let text = std::fs::read_to_string(path.join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0)
    };
    threads.map(|thread| of_thread(thread.unwrap().path())).sum()
}

fn push(columns: &mut SpanColumns, id: (u64, u64, u64), name: &str, attributes: &[(&str, Value)]) {
    let (trace, span, parent) = id;
    let mut trace_id = [0; 16];
    trace_id[..8].copy_from_slice(&(trace + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    trace_id[15] = 1;
    columns.trace_id.push(trace_id);
    columns.span_id.push((trace * 100 + span).to_be_bytes());
    columns.parent_span_id.push(if parent == 0 {
        [0; 8]
    } else {
        (trace * 100 + parent).to_be_bytes()
    });
    columns.start_ns.push(START + trace as i64 * 1_000);
    columns.duration_ns.push(1_000_000);
    columns.name.push(name);
    columns.kind.push(1);
    columns.status_code.push(0);
    columns.status_message.push("");
    columns.service.push("shop");
    columns.resource.push("{\"service.name\":\"shop\",\"host.name\":\"web-1\"}");
    columns.scope_name.push("bench");
    columns.scope_version.push("1");
    columns.scope_attributes.push("");
    columns.schema_url.push("");
    columns.trace_state.push("");
    columns.flags.push(1);
    columns.attributes.push_row(attributes.iter().map(|(key, value)| (*key, value)));
    columns.dropped_attributes.push(0);
    columns.events.push("");
    columns.dropped_events.push(0);
    columns.links.push("");
    columns.dropped_links.push(0);
}

fn text(value: &str) -> Value {
    Value::String(value.to_owned())
}

/// A number of the environment.
fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

/// Requests over HTTP, as their conventions name the attributes.
fn plain(first_trace: u64) -> SpanColumns {
    let mut columns = SpanColumns::default();
    for at in 0..BATCH {
        let attributes = [
            ("http.request.method", text("GET")),
            ("url.path", text("/orders/1234")),
            ("http.route", text("/orders/{id}")),
            ("http.response.status_code", Value::Int(200)),
            ("server.address", text("shop.example")),
            ("server.port", Value::Int(443)),
            ("network.protocol.version", text("1.1")),
            ("user_agent.original", text("Mozilla/5.0 (X11; Linux x86_64)")),
        ];
        let id = (first_trace + at / 10, at % 10 + 1, at % 10);
        push(&mut columns, id, "GET /orders/{id}", &attributes);
    }
    columns
}

/// Runs of an agent, a plain span, and calls of a model.
fn calls(first_trace: u64, calls: u64) -> SpanColumns {
    let mut columns = SpanColumns::default();
    for run in 0..BATCH / (calls + 2) {
        let trace = first_trace + run;
        let agent = [
            ("gen_ai.operation.name", text("invoke_agent")),
            ("gen_ai.agent.name", text("planner")),
            ("gen_ai.usage.input_tokens", Value::Int(3_600)),
        ];
        push(&mut columns, (trace, 1, 0), "invoke_agent planner", &agent);
        push(&mut columns, (trace, 2, 1), "step", &[("step", Value::Int(1))]);
        for call in 0..calls {
            let attributes = [
                ("gen_ai.operation.name", text("chat")),
                ("gen_ai.provider.name", text("openai")),
                ("gen_ai.request.model", text("gpt-4o-mini")),
                ("gen_ai.response.model", text("gpt-4o-mini-2024-07-18")),
                ("gen_ai.response.id", text("chatcmpl-1")),
                ("gen_ai.usage.input_tokens", Value::Int(1_200)),
                ("gen_ai.usage.cache_read.input_tokens", Value::Int(800)),
                ("gen_ai.usage.output_tokens", Value::Int(150)),
                ("gen_ai.request.temperature", Value::Double(0.2)),
            ];
            push(&mut columns, (trace, 3 + call, 2), "chat gpt-4o-mini", &attributes);
        }
    }
    columns
}

/// Processor nanoseconds of ingesting batches.
fn ingest(runtime: &Runtime, subject: &Subject, batches: Vec<SpanColumns>) -> u64 {
    let tenant = TenantId::default();
    let before = cpu_ns();
    runtime.block_on(async {
        for columns in batches {
            subject.engine.ingest_spans(&tenant, columns, 0).await.unwrap();
        }
    });
    cpu_ns() - before
}

fn keep(runtime: &Runtime, subject: &Subject) -> u64 {
    let before = cpu_ns();
    subject.clock.0.fetch_add(1_000_000_000, Ordering::Relaxed);
    runtime.block_on(subject.engine.keep_book());
    cpu_ns() - before
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let (rounds, calls_of_run) = (setting("ROUNDS", 40), setting("CALLS", 3));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (with, without) = (subject(&runtime, true), subject(&runtime, false));
    // As in a server that sees agents too.
    ingest(&runtime, &with, vec![calls(1 << 40, calls_of_run)]);
    keep(&runtime, &with);
    let (mut ratios, mut nanos) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let batches = || (0..BATCHES).map(|at| plain((round * BATCHES + at) * BATCH)).collect();
        let (first, second) = (batches(), batches());
        let (on, off) = if round % 2 == 0 {
            let on = ingest(&runtime, &with, first);
            (on, ingest(&runtime, &without, second))
        } else {
            let off = ingest(&runtime, &without, second);
            (ingest(&runtime, &with, first), off)
        };
        let spans = (BATCHES * BATCH) as f64;
        ratios.push(on as f64 / off as f64);
        nanos.push(off as f64 / spans);
    }
    println!(
        "plain spans: {:.0} ns each without, {:.3} times that with steps read (medians of {rounds})",
        median(nanos),
        median(ratios)
    );
    let fresh = subject(&runtime, true);
    let bare = subject(&runtime, false);
    let (mut ingested, mut kept, mut plain) = (0, 0, 0);
    for round in 0..rounds {
        let batch = |at| calls((round * BATCHES + at) * BATCH, calls_of_run);
        let batches = || (0..BATCHES).map(batch).collect();
        ingested += ingest(&runtime, &fresh, batches());
        kept += keep(&runtime, &fresh);
        plain += ingest(&runtime, &bare, batches());
    }
    for _ in 0..20 {
        kept += keep(&runtime, &fresh);
    }
    let calls = (rounds * BATCHES * (BATCH / (calls_of_run + 2)) * calls_of_run) as f64;
    let seconds = (ingested + kept - plain) as f64 / 1e9;
    println!(
        "calls of models in runs: {:.0} a second of processor time for all that is on top of storing \
         spans ({:.2} s at ingest, {:.2} s to decide, write and count)",
        calls / seconds,
        (ingested as f64 - plain as f64) / 1e9,
        kept as f64 / 1e9
    );
}
