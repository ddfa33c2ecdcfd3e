//! The whole way: spans in, ledger and metrics out, over the store in memory and over the embedded one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use prometheus::Registry;
use watchkeep_model::{Clock, DecodeLimits, Labels, MetricColumns, TenantId, TimeRange};
use watchkeep_promql::Value;
use watchkeep_promql::value::Sample;
use watchkeep_storage::Store;
use watchkeep_storage::embedded::{EmbeddedStore, StorageConfig};
use watchkeep_storage::memory::MemoryStore;

use super::config::{AgentsConfig, CompatMetrics};
use super::facts::{Counted, Entry, Fact, RunFact, StepFact};
use super::ledger::LedgerQuery;
use crate::LimitsConfig;
use crate::engine::Engine;
use crate::promql::{QueryOptions, Steps as PromSteps};

const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_760_000_000 * SECOND;

#[derive(Debug)]
struct SetClock(AtomicI64);

impl SetClock {
    fn forward(&self, seconds: i64) {
        self.0.fetch_add(seconds * SECOND, Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now_ns(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A process: an engine over a store, with a clock that the test sets.
struct Process {
    engine: Engine,
    clock: Arc<SetClock>,
}

fn tenant() -> TenantId {
    TenantId::default()
}

impl Process {
    async fn over(store: Arc<dyn Store>, clock: Arc<SetClock>, config: AgentsConfig) -> Self {
        let shared: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
        let engine = Engine::new(LimitsConfig::default(), shared, &Registry::new()).unwrap();
        let engine = engine.with_agents(config).unwrap();
        engine.recover_agents(&store).await.unwrap();
        engine.attach(store);
        Self { engine, clock }
    }

    async fn in_memory(config: AgentsConfig) -> Self {
        let clock = Arc::new(SetClock(AtomicI64::new(START)));
        Self::over(Arc::new(MemoryStore::default()), clock, config).await
    }

    async fn send(&self, spans: &[String]) {
        self.send_as("shop", spans).await;
    }

    async fn send_as(&self, service: &str, spans: &[String]) {
        let body = format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[
            {{"key":"service.name","value":{{"stringValue":"{service}"}}}}]}},
            "scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
            spans.join(",")
        );
        let decoded =
            watchkeep_wire::otlp::decode_traces_json(body.as_bytes(), &DecodeLimits::default());
        self.engine.ingest_spans(&tenant(), decoded.unwrap().columns, 0).await.unwrap();
    }

    /// Lets so many seconds go by.
    async fn wait(&self, seconds: i64) {
        for _ in 0..seconds {
            self.clock.forward(1);
            self.engine.keep_book().await;
        }
    }

    async fn facts<F: Fact + Clone>(&self) -> Vec<Entry<F>> {
        let (tenant, query) = (tenant(), LedgerQuery::all(TimeRange::ALL));
        let read = self.engine.read_facts(&tenant, query, Vec::new(), |found, entry: Entry<F>| {
            found.push(entry);
            Ok(true)
        });
        read.await.unwrap()
    }

    /// Cost of the ledger: of each step what was written last.
    async fn cost(&self) -> f64 {
        let mut entries = self.facts::<StepFact>().await;
        entries.sort_by_key(|entry| (entry.trace_id, entry.span_id, entry.written_ns));
        entries.reverse();
        entries.dedup_by_key(|entry| (entry.trace_id, entry.span_id));
        let counted = entries.iter().filter(|entry| entry.fact.counted == Counted::Yes);
        counted.map(|entry| entry.fact.cost_usd).sum()
    }

    async fn query(&self, query: &str) -> Vec<(String, f64)> {
        let time_ms = self.clock.now_ns() / 1_000_000;
        let steps = PromSteps::Instant { time_ms };
        let output =
            self.engine.promql(&tenant(), query, steps, QueryOptions::default()).await.unwrap();
        let Value::Vector(samples) = output.value else { panic!("{query} is no vector") };
        let mut found: Vec<(String, f64)> = samples
            .iter()
            .map(|sample| {
                let labels: Vec<String> =
                    sample.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let Sample::Float(value) = sample.sample else { panic!("a histogram") };
                (labels.join(","), value)
            })
            .collect();
        found.sort_by(|one, other| one.0.cmp(&other.0));
        found
    }

    async fn number(&self, query: &str) -> f64 {
        self.query(query).await.first().map_or(0.0, |(_, value)| *value)
    }
}

fn attribute(key: &str, value: &serde_json::Value) -> String {
    let typed = match value {
        serde_json::Value::String(_) => "stringValue",
        serde_json::Value::Number(number) if number.is_f64() => "doubleValue",
        _ => "intValue",
    };
    format!(r#"{{"key":"{key}","value":{{"{typed}":{value}}}}}"#)
}

/// A span of a trace, a second long.
fn span(trace: u64, id: u64, parent: u64, attributes: &[(&str, serde_json::Value)]) -> String {
    let attributes: Vec<String> =
        attributes.iter().map(|(key, value)| attribute(key, value)).collect();
    let parent = if parent == 0 { String::new() } else { format!("{parent:016x}") };
    let start = START + id as i64 * 1_000;
    format!(
        r#"{{"traceId":"{trace:032x}","spanId":"{id:016x}","parentSpanId":"{parent}","name":"op",
        "kind":3,"startTimeUnixNano":"{start}","endTimeUnixNano":"{}","attributes":[{}]}}"#,
        start + SECOND,
        attributes.join(",")
    )
}

fn agent(trace: u64, id: u64, tokens: u64) -> String {
    let attributes = [
        ("gen_ai.operation.name", "invoke_agent".into()),
        ("gen_ai.agent.name", "planner".into()),
        ("gen_ai.usage.input_tokens", tokens.into()),
    ];
    span(trace, id, 0, &attributes)
}

/// A call that cost so many dollars, as its emitter says.
fn call(trace: u64, id: u64, parent: u64, usd: f64) -> String {
    let attributes = [
        ("gen_ai.operation.name", "chat".into()),
        ("gen_ai.provider.name", "acme".into()),
        ("gen_ai.request.model", "m-1".into()),
        ("gen_ai.usage.input_tokens", 100.into()),
        ("gen_ai.usage.output_tokens", 20.into()),
        ("gen_ai.usage.cost", usd.into()),
    ];
    span(trace, id, parent, &attributes)
}

fn tool(trace: u64, id: u64, parent: u64) -> String {
    let attributes =
        [("gen_ai.operation.name", "execute_tool".into()), ("gen_ai.tool.name", "search".into())];
    span(trace, id, parent, &attributes)
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_become_steps_runs_and_counters() {
    let process = Process::in_memory(AgentsConfig::default()).await;
    process.send(&[call(1, 3, 2, 0.25), call(1, 4, 2, 0.5), tool(1, 5, 1)]).await;
    process.send(&[agent(1, 1, 200), span(1, 2, 1, &[])]).await;
    process.wait(20).await;
    assert_eq!(process.cost().await, 0.75);
    let runs = process.facts::<RunFact>().await;
    assert_eq!(runs.len(), 1);
    let run = &runs[0].fact;
    assert_eq!((&*run.agent, run.steps, run.llm_calls, run.tool_calls), ("planner", 4, 2, 1));
    assert_eq!((run.tokens.0.total(), run.cost_usd), (240, 0.75));
    let labels = "agent=planner,model=m-1,provider=acme,service=shop";
    let cost =
        process.query("sum by (agent, model, provider, service) (watchkeep_llm_cost_usd_total)");
    assert_eq!(cost.await, [(labels.to_owned(), 0.75)]);
    let tokens = process.query("sum by (bucket) (watchkeep_llm_tokens_total)").await;
    assert_eq!(tokens, [("bucket=input".to_owned(), 200.0), ("bucket=output".to_owned(), 40.0)]);
    for (query, expected) in [
        ("sum(watchkeep_llm_calls_total{outcome=\"success\"})", 2.0),
        ("sum(watchkeep_llm_duration_seconds_count)", 2.0),
        ("sum(watchkeep_tool_calls_total{tool=\"search\"})", 1.0),
        ("sum(watchkeep_agent_runs_total{agent=\"planner\",outcome=\"success\"})", 1.0),
        ("sum(watchkeep_rollups_ignored_total)", 1.0),
        ("sum(increase(watchkeep_llm_cost_usd_total[1h])) > bool 0.7", 1.0),
    ] {
        assert_eq!(process.number(query).await, expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_sent_again_counts_once() {
    let process = Process::in_memory(AgentsConfig::default()).await;
    let batch = [agent(1, 1, 0), call(1, 3, 1, 0.25)];
    for pause in [0, 1, 20, 400] {
        process.send(&batch).await;
        process.wait(pause).await;
    }
    process.wait(30).await;
    assert_eq!(process.cost().await, 0.25);
    assert_eq!(process.number("sum(watchkeep_llm_cost_usd_total)").await, 0.25);
    assert_eq!(process.number("sum(watchkeep_agent_runs_total)").await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn extra_labels_are_capped_and_other_names_switched_on() {
    let config = AgentsConfig {
        extra_labels: vec!["user".into()],
        extra_label_values_max: 1,
        compat_metrics: vec![CompatMetrics::Osmen, CompatMetrics::Aet],
        ..AgentsConfig::default()
    };
    let process = Process::in_memory(config).await;
    for (trace, user) in [(1, "ann"), (2, "bob"), (3, "cyd")] {
        let attributes = [
            ("gen_ai.operation.name", "chat".into()),
            ("gen_ai.request.model", "m-1".into()),
            ("gen_ai.usage.input_tokens", 10.into()),
            ("gen_ai.usage.cost", 0.5.into()),
            ("user.id", user.into()),
        ];
        process.send(&[span(trace, 1, 0, &attributes)]).await;
        process.wait(1).await;
    }
    process.wait(20).await;
    let by_user = process.query("sum by (user) (watchkeep_llm_cost_usd_total)").await;
    assert_eq!(by_user, [("user=ann".to_owned(), 0.5), ("user=other".to_owned(), 1.0)]);
    for (query, expected) in [
        ("sum(osmen_llm_cost_dollars)", 1.5),
        ("sum(osmen_tokens_used_total)", 30.0),
        ("sum(osmen_agent_executions_total)", 3.0),
        ("osmen_active_users", 3.0),
        ("osmen_requests_per_second * 100", 1.0),
        ("aet_active_tasks", 0.0),
        ("sum(aet_tasks_total)", 3.0),
        ("sum(aet_agent_requests_total)", 3.0),
    ] {
        assert_eq!(process.number(query).await, expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_broke_off_after_it_was_stored_is_found() {
    let process = Process::in_memory(AgentsConfig::default()).await;
    let body =
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, call(9, 1, 0, 0.5));
    let decoded =
        watchkeep_wire::otlp::decode_traces_json(body.as_bytes(), &DecodeLimits::default());
    let columns = decoded.unwrap().columns;
    let steps = process.engine.read_steps(&tenant(), &columns);
    let store = process.engine.store().unwrap();
    store.append(&tenant(), watchkeep_storage::Batch::Spans(columns).into()).await.unwrap();
    // Nobody waits for the answer any more.
    drop(steps);
    process.wait(20).await;
    assert_eq!(process.cost().await, 0.5);
}

/// A sample of a running total of tokens of service `cli`.
fn tokens_sample(clock: &SetClock, value: f64) -> MetricColumns {
    let mut columns = MetricColumns::default();
    let labels = Labels::from_pairs([
        ("__name__", "claude_code_token_usage_tokens_total"),
        ("job", "cli"),
        ("type", "input"),
        ("model", "m-1"),
        ("session.id", "s"),
    ]);
    columns.series.labels.push(labels.as_bytes());
    columns.series.delta.push(0);
    columns.floats.series.push(0);
    columns.floats.time_ms.push(clock.now_ns() / 1_000_000);
    columns.floats.start_ms.push(0);
    columns.floats.value.push(value);
    columns
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_metrics_count_only_where_nothing_else_tells_them() {
    let clock = Arc::new(SetClock(AtomicI64::new(START)));
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let config = AgentsConfig::default;
    let process = Process::over(Arc::clone(&store), Arc::clone(&clock), config()).await;
    for value in [100.0, 250.0] {
        let columns = tokens_sample(&clock, value);
        process.engine.ingest_metrics(&tenant(), columns, 0).await.unwrap();
        process.wait(15).await;
    }
    let query = "sum(watchkeep_llm_tokens_total{service=\"cli\"})";
    assert_eq!(process.number(query).await, 250.0);
    // A start goes on where the series stood.
    let process = Process::over(store, Arc::clone(&clock), config()).await;
    let columns = tokens_sample(&clock, 300.0);
    process.engine.ingest_metrics(&tenant(), columns, 0).await.unwrap();
    process.wait(15).await;
    let steps = process.facts::<StepFact>().await;
    let total: u64 = steps.iter().map(|entry| entry.fact.tokens.0.total()).sum();
    assert_eq!(total, 300);
    // Once the service sends spans with tokens, its metrics are them again.
    process.send_as("cli", &[call(1, 1, 0, 0.5)]).await;
    let columns = tokens_sample(&clock, 420.0);
    process.engine.ingest_metrics(&tenant(), columns, 0).await.unwrap();
    process.wait(15).await;
    let steps = process.facts::<StepFact>().await;
    let total: u64 = steps.iter().map(|entry| entry.fact.tokens.0.total()).sum();
    assert_eq!(total, 420, "120 of the span, none of the metric");
}

async fn open(folder: &Path, clock: &Arc<SetClock>) -> Arc<dyn Store> {
    let config = StorageConfig::new(folder);
    let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    let open = move || EmbeddedStore::open(config, clock, &Registry::new(), &mut |_| {});
    Arc::new(tokio::task::spawn_blocking(open).await.unwrap().unwrap())
}

/// A copy of what a crash would leave.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_at_any_second_nothing_is_lost_or_counted_twice() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SetClock(AtomicI64::new(START)));
    let store = open(folder.path(), &clock).await;
    let process = Process::over(store, Arc::clone(&clock), AgentsConfig::default()).await;
    let mut crashes = Vec::new();
    let mut sent = 0.0;
    for second in 0..24_u64 {
        if second < 8 {
            let trace = second + 1;
            process.send(&[call(trace, 3, 2, 0.25), span(trace, 2, 1, &[])]).await;
            process.send(&[call(trace, 4, 2, 0.5)]).await;
            if second % 2 == 0 {
                process.send(&[agent(trace, 1, 999)]).await;
            }
            sent += 0.75;
        }
        let crashed = tempfile::tempdir().unwrap();
        copy(folder.path(), crashed.path());
        crashes.push((crashed, clock.now_ns(), sent));
        process.wait(1).await;
    }
    for (second, (folder, now_ns, sent)) in crashes.into_iter().enumerate() {
        let clock = Arc::new(SetClock(AtomicI64::new(now_ns + SECOND)));
        let store = open(folder.path(), &clock).await;
        let process = Process::over(store, Arc::clone(&clock), AgentsConfig::default()).await;
        process.wait(30).await;
        assert_eq!(process.cost().await, sent, "second {second}");
        let total = total_of_counter(&process, "watchkeep_llm_cost_usd_total").await;
        assert!((total - sent).abs() < 1e-9, "second {second}: counters {total}, sent {sent}");
        let runs = total_of_counter(&process, "watchkeep_agent_runs_total").await;
        let traces = (second as f64 + 1.0).min(8.0);
        assert!((runs - traces).abs() < 1e-9, "second {second}: runs {runs} of {traces}");
    }
}

/// What a counter has counted over restarts, by its raw samples.
async fn total_of_counter(process: &Process, name: &str) -> f64 {
    use watchkeep_model::{MatchOp, Matcher};
    use watchkeep_storage::seam::{SamplesRequest, SeriesRequest};
    let series = SeriesRequest {
        matchers: vec![Matcher::new("__name__", MatchOp::Equal, name).unwrap()],
        start_ms: i64::MIN / 2,
        end_ms: i64::MAX / 2,
        limit: None,
    };
    let request = SamplesRequest { series, samples_max: 1_000_000 };
    let cursor = process.engine.store().unwrap().samples(&tenant(), request).await.unwrap();
    tokio::task::spawn_blocking(move || {
        let mut total = 0.0;
        for series in cursor {
            let mut last = 0.0;
            for value in series.unwrap().floats.values {
                if value.is_nan() {
                    last = 0.0;
                    continue;
                }
                total += if value >= last { value - last } else { value };
                last = value;
            }
        }
        total
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn models_without_a_price_are_told_once_a_step_also_after_a_start() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let clock = Arc::new(SetClock(AtomicI64::new(START)));
    let open = || Process::over(Arc::clone(&store), Arc::clone(&clock), AgentsConfig::default());
    let shown = |process: &Process| {
        let (models, _) = process.engine.prices().unpriced(&tenant(), START);
        let one = |model: &crate::prices::unpriced::UnpricedModel| {
            (model.model.clone(), model.calls, model.tokens)
        };
        models.iter().map(one).collect::<Vec<_>>()
    };
    let process = open().await;
    let attributes = [
        ("gen_ai.operation.name", "chat".into()),
        ("gen_ai.provider.name", "acme".into()),
        ("gen_ai.request.model", "m-1".into()),
        ("gen_ai.usage.input_tokens", 100.into()),
    ];
    let unpriced = |id| span(1, id, 0, &attributes);
    process.send(&[unpriced(1), call(2, 2, 0, 0.25)]).await;
    process.wait(20).await;
    process.send(&[unpriced(1), unpriced(3)]).await;
    process.wait(20).await;
    let expected = [("m-1".to_owned(), 2, 200)];
    assert_eq!(shown(&process), expected);
    drop(process);
    assert_eq!(shown(&open().await), expected);
}
