//! What questions about agents and money cost: a million steps and 200,000 runs of 24 hours in the
//! embedded store, asked for the first time and again. Says CPU time (user and system) and memory;
//! `STEPS` in the environment says how many steps.
//!
//! `cargo bench -p watchkeep-engine --bench agents`

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench may panic and says figures")]

use std::sync::Arc;

use prometheus::Registry;
use serde_json::json;
use watchkeep_engine::agents::query::costs::CostQuery;
use watchkeep_engine::agents::query::{By, Filter};
use watchkeep_engine::{Engine, LimitsConfig};
use watchkeep_model::{
    Clock as _, Labels, Level, LogColumns, SystemClock, TenantId, TimeRange, ValueKind, stream,
};
use watchkeep_storage::embedded::{EmbeddedStore, StorageConfig};
use watchkeep_storage::{Batch, Store as _};

const DAY_NS: i64 = 24 * 3_600 * 1_000_000_000;
const STEPS_OF_RUN: usize = 5;
const BATCH: usize = 5_000;

fn push(
    out: &mut LogColumns,
    record: &str,
    service: &str,
    time_ns: i64,
    ids: [u64; 2],
    body: &str,
) {
    out.time_ns.push(time_ns);
    out.observed_ns.push(time_ns + 10_000_000_000);
    out.severity_number.push(0);
    out.severity_text.push("");
    out.level.push(Level::Info as u8);
    let labels = [("record", record), ("service", service)];
    out.stream.push(&stream::to_text(&Labels::from_pairs(labels)));
    out.service.push(service);
    out.resource.push("{}");
    for column in [
        &mut out.scope_name,
        &mut out.scope_version,
        &mut out.scope_attributes,
        &mut out.schema_url,
    ] {
        column.push("");
    }
    out.body.push(body);
    out.body_kind.push(ValueKind::String as u8);
    out.attributes.end_row();
    out.dropped_attributes.push(0);
    let spread = ids[0].wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut trace = [0; 16];
    trace[..8].copy_from_slice(&spread.to_be_bytes());
    trace[8..].copy_from_slice(&ids[0].to_be_bytes());
    out.trace_id.push(trace);
    out.span_id.push((spread ^ ids[1]).to_be_bytes());
    out.flags.push(0);
    out.event_name.push("");
}

/// A run of an agent: itself, two calls of a model, two tools.
fn add_run(out: &mut LogColumns, number: u64, start_ns: i64) {
    let services = ["assistant", "planner", "support", "coder"];
    let models = ["gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "gemini-2.5-pro", "o3"];
    let pick = |of: usize, salt: u64| (number.wrapping_mul(31 + salt) >> 3) as usize % of;
    let (service, agent) = (services[pick(4, 1)], format!("agent-{}", pick(12, 2)));
    let (session, user) = (format!("session-{}", number / 4), format!("user-{}", pick(500, 3)));
    let root = format!("{number:016x}");
    for step in 0..STEPS_OF_RUN as u64 {
        let model = models[pick(5, 4)];
        let usd = (number % 97) as f64 * 1e-4 + step as f64 * 1e-5;
        let body = match step {
            0 => {
                json!({"kind": "agent", "dialect": "opentelemetry", "service": service, "name": "invoke_agent",
                "run": root, "operation": "invoke_agent", "agent": agent, "session": session, "user": user,
                "duration_ns": 4_000_000_000_u64 + number % 1_000_000})
            }
            1 | 3 => {
                json!({"kind": "llm", "dialect": "opentelemetry", "service": service, "name": format!("chat {model}"),
                "parent": root, "run": root, "operation": "chat", "agent": agent, "session": session, "user": user,
                "provider": "openai", "request_model": model, "model": model, "response_id": format!("chatcmpl-{number}-{step}"),
                "tokens": {"input": 900 + number % 1000, "input_cached": 1024, "output": 100 + number % 300},
                "counted": "yes", "cost_usd": usd, "cost_source": "computed", "price": model,
                "duration_ns": 900_000_000 + number % 700_000_000, "first_token_ns": 200_000_000 + number % 9_000_000,
                "finish": ["stop"]})
            }
            _ => {
                json!({"kind": "tool", "dialect": "opentelemetry", "service": service, "name": "execute_tool search",
                "parent": root, "run": root, "operation": "execute_tool", "agent": agent, "session": session, "user": user,
                "tool": format!("tool-{}", pick(20, step)), "tool_arguments_hash": number.wrapping_mul(77),
                "tool_result_hash": number.wrapping_mul(99), "duration_ns": 50_000_000 + number % 30_000_000})
            }
        };
        push(
            out,
            "step",
            service,
            start_ns + step as i64 * 700_000_000,
            [number, step],
            &body.to_string(),
        );
    }
    let run = json!({"service": service, "name": "invoke_agent", "agent": agent, "session": session, "user": user,
        "duration_ns": 4_000_000_000_u64, "steps": 5, "llm_calls": 2, "tool_calls": 2, "cost_usd": (number % 97) as f64 * 2e-4,
        "tokens": {"input": 1800, "input_cached": 2048, "output": 400}, "agents": [agent]});
    push(out, "run", service, start_ns, [number, 0], &run.to_string());
}

/// User and system time of this process, seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 / 100.0
}

fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

async fn timed<T>(name: &str, work: impl Future<Output = T>) -> T {
    let before = cpu();
    let done = work.await;
    println!("{name:<28} {:6.2} s of CPU, {} MiB", cpu() - before, memory_mib());
    done
}

#[tokio::main]
async fn main() {
    let steps: usize =
        std::env::var("STEPS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let config = StorageConfig::new(folder.path());
    let registry = Registry::new();
    let store = EmbeddedStore::open(config, Arc::new(SystemClock), &registry, &mut |_| {}).unwrap();
    let (tenant, now_ns) = (TenantId::default(), SystemClock.now_ns());
    let start_ns = now_ns - DAY_NS;
    let runs = steps / STEPS_OF_RUN;
    let mut columns = LogColumns::default();
    for run in 0..runs {
        let at = start_ns + (DAY_NS as f64 * (run as f64 / runs as f64)) as i64;
        add_run(&mut columns, run as u64, at);
        if (run + 1) % BATCH == 0 || run + 1 == runs {
            let batch = std::mem::take(&mut columns);
            store.append(&tenant.ledger(), Batch::Logs(batch).into()).await.unwrap();
        }
    }
    store.flush().await.unwrap();
    println!("{steps} steps and {runs} runs written, {} MiB", memory_mib());
    let engine =
        Engine::new(LimitsConfig::default(), Arc::new(SystemClock), &Registry::new()).unwrap();
    engine.attach(Arc::new(store));
    let range = TimeRange { start_ns, end_ns: now_ns };
    let costs =
        |by: By| CostQuery { by, range, step_ns: None, filter: Filter::default(), limit: 50 };
    timed("agents, first", engine.agent_table(&tenant, range, None, 200)).await.unwrap();
    timed("agents, again", engine.agent_table(&tenant, range, None, 200)).await.unwrap();
    let first =
        timed("costs by model, first", engine.costs(&tenant, costs(By::Model))).await.unwrap();
    timed("costs by model, again", engine.costs(&tenant, costs(By::Model))).await.unwrap();
    for time in ["first", "again"] {
        let name = format!("costs by user, {time}");
        timed(&name, engine.costs(&tenant, costs(By::User))).await.unwrap();
    }
    for time in ["first", "again"] {
        let name = format!("report, {time}");
        timed(&name, engine.agent_report(&tenant, range, None, None)).await.unwrap();
    }
    println!("{} steps, {:.2} USD", first.totals.sums.steps, first.totals.sums.cost_usd);
}
