//! Questions over facts that are written down; those over spans that are stored are in [`of_traces`].

mod of_traces;

use std::sync::Arc;

use ecow::EcoString;
use prometheus::Registry;
use proptest::prelude::*;
use watchkeep_genai::price::CostSource;
use watchkeep_genai::step::{Dialect, Kind};
use watchkeep_genai::{Bucket, Usage};
use watchkeep_model::{Clock, ErrorKind, SpanId, TenantId, TimeRange, TraceId};
use watchkeep_storage::memory::MemoryStore;

use super::costs::CostQuery;
use super::events::EventsQuery;
use super::runs::RunsQuery;
use super::{By, Filter, report};
use crate::agents::facts::{Counted, Entry, EventFact, FeedbackFact, RunFact, StepFact, Tokens};
use crate::config::LimitsConfig;
use crate::engine::Engine;

/// 2026-11-20T12:00:00Z.
const NOW_NS: i64 = 1_795_176_000 * 1_000_000_000;
const SECOND_NS: i64 = 1_000_000_000;
const HOUR_NS: i64 = 3_600 * SECOND_NS;

#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now_ns(&self) -> i64 {
        NOW_NS
    }
}

fn engine() -> Engine {
    let limits = LimitsConfig::default();
    let engine = Engine::new(limits, Arc::new(Noon), &Registry::new()).unwrap();
    engine.attach(Arc::new(MemoryStore::default()));
    engine
}

fn tenant() -> TenantId {
    TenantId::default()
}

fn day() -> TimeRange {
    TimeRange { start_ns: NOW_NS - 24 * HOUR_NS, end_ns: NOW_NS + 1 }
}

fn trace(n: u32) -> TraceId {
    let mut id = [7; 16];
    id[12..].copy_from_slice(&n.to_be_bytes());
    TraceId(id)
}

fn span(n: u32) -> SpanId {
    let mut id = [9; 8];
    id[4..].copy_from_slice(&n.to_be_bytes());
    SpanId(id)
}

/// A fact of its members that need not be told.
fn fact<F: serde::de::DeserializeOwned>(json: serde_json::Value) -> F {
    serde_json::from_value(json).unwrap()
}

fn entry<F>(time_ns: i64, trace_id: TraceId, span_id: SpanId, fact: F) -> Entry<F> {
    Entry { time_ns, written_ns: time_ns + SECOND_NS, trace_id, span_id, fact }
}

fn llm(model: &str, input: u64, output: u64, usd: f64) -> StepFact {
    let mut usage = Usage::default();
    usage.set(Bucket::Input, input);
    usage.set(Bucket::Output, output);
    StepFact {
        service: "assistant".into(),
        name: format!("chat {model}").into(),
        agent: "weather".into(),
        provider: "openai".into(),
        model: model.into(),
        tokens: Tokens(usage),
        counted: Counted::Yes,
        cost_usd: usd,
        cost_source: CostSource::Computed,
        duration_ns: SECOND_NS,
        ..fact(serde_json::json!({"kind": "llm", "dialect": "opentelemetry"}))
    }
}

fn step(kind: Kind, name: &str) -> StepFact {
    StepFact {
        kind,
        dialect: Dialect::OpenTelemetry,
        name: name.into(),
        tokens: Tokens::default(),
        counted: Counted::Nothing,
        cost_usd: 0.0,
        cost_source: CostSource::Nothing,
        model: EcoString::new(),
        provider: EcoString::new(),
        ..llm("", 0, 0, 0.0)
    }
}

fn run(agent: &str, usd: f64) -> RunFact {
    RunFact {
        service: "assistant".into(),
        name: format!("invoke_agent {agent}"),
        agent: agent.into(),
        duration_ns: 2 * SECOND_NS,
        steps: 3,
        llm_calls: 1,
        cost_usd: usd,
        agents: vec![agent.into()],
        ..fact(serde_json::json!({}))
    }
}

fn rating(id: &str, stars: f64) -> FeedbackFact {
    FeedbackFact {
        rating: Some(stars),
        kind: "rating".into(),
        ..fact(serde_json::json!({"id": id}))
    }
}

async fn write<F: crate::agents::facts::Fact>(engine: &Engine, entries: &[Entry<F>]) {
    engine.write_facts(&tenant(), entries, None).await.unwrap();
}

fn costs_by(by: By) -> CostQuery {
    CostQuery { by, range: day(), step_ns: None, filter: Filter::default(), limit: 100 }
}

fn near(left: f64, right: f64) -> bool {
    (left - right).abs() < 1e-9
}

#[tokio::test]
async fn agents_are_told_by_the_last_line_about_each_run() {
    let engine = engine();
    let at = NOW_NS - HOUR_NS;
    let mut runs: Vec<Entry<RunFact>> =
        (0..10).map(|n| entry(at + i64::from(n), trace(n), span(n), run("weather", 0.1))).collect();
    runs[0].fact.error = "Timeout".into();
    runs[1].fact.agents = vec!["researcher".into(), "weather".into()];
    runs[2].fact.loops = vec!["same_call".into()];
    write(&engine, &runs).await;
    // More came of one, and another turned out to be no run of its own.
    let again = Entry { written_ns: NOW_NS, fact: run("weather", 0.3), ..runs[3].clone() };
    let mut gone = Entry { written_ns: NOW_NS, ..runs[4].clone() };
    gone.fact.steps = 0;
    write(&engine, &[again, gone]).await;
    let mut helper = step(Kind::Agent, "invoke_agent researcher");
    (helper.agent, helper.run) = ("researcher".into(), span(1));
    let mut call = llm("gpt-4o", 100, 10, 0.02);
    (call.agent, call.run) = ("researcher".into(), span(1));
    write(&engine, &[entry(at, trace(1), span(100), helper), entry(at, trace(1), span(101), call)])
        .await;
    write(&engine, &[entry(at + HOUR_NS / 2, trace(5), span(5), rating("a", 2.0))]).await;

    let table = engine.agent_table(&tenant(), day(), None, 10).await.unwrap();
    let names: Vec<&str> = table.agents.iter().map(|row| &*row.agent).collect();
    assert_eq!(names, ["weather", "researcher"]);
    let (weather, helper) = (&table.agents[0], &table.agents[1]);
    assert_eq!((weather.figures.runs, weather.figures.failed, weather.figures.loops), (9, 1, 1));
    assert!(near(weather.figures.cost_usd, 8.0 * 0.1 + 0.3), "{}", weather.figures.cost_usd);
    assert_eq!(weather.health.status.name(), "unhealthy", "8 of 9 succeeded");
    assert_eq!(weather.health.issues[0].kind, "success_rate");
    assert_eq!(weather.figures.rating.average(), Some(2.0));
    assert_eq!(weather.series.runs.iter().sum::<u64>(), 9);
    assert!(helper.is_subagent && !weather.is_subagent);
    assert_eq!((helper.figures.runs, helper.figures.llm_calls), (1, 1));
    assert!(near(helper.figures.cost_usd, 0.02));
    assert_eq!(table.overall.figures.runs, 9);

    let page = engine.agent_page(&tenant(), day(), Some("weather".into()), None).await.unwrap();
    assert_eq!(page.subagents, ["researcher"]);
    assert_eq!(page.recent.len(), 9);
    let missing = engine.agent_page(&tenant(), day(), Some("nobody".into()), None).await;
    assert_eq!(missing.unwrap_err().kind(), &ErrorKind::NotFound);
}

#[tokio::test]
async fn what_is_written_into_an_hour_that_was_asked_for_is_seen() {
    let engine = engine();
    let at = NOW_NS - 3 * HOUR_NS;
    let total = async || {
        let costs = engine.costs(&tenant(), costs_by(By::Model)).await.unwrap();
        costs.totals.sums.cost_usd
    };
    let first = entry(at, trace(1), span(1), llm("gpt-4o", 10, 10, 0.25));
    write(&engine, std::slice::from_ref(&first)).await;
    assert!(near(total().await, 0.25));
    assert!(near(total().await, 0.25), "out of the cache");
    write(&engine, &[entry(at + 1, trace(2), span(2), llm("gpt-4o", 10, 10, 0.5))]).await;
    assert!(near(total().await, 0.75));
    let mut rolled_up = Entry { written_ns: NOW_NS, ..first };
    rolled_up.fact.counted = Counted::RolledUp;
    write(&engine, &[rolled_up]).await;
    assert!(near(total().await, 0.5), "decided otherwise later");
}

#[tokio::test]
async fn costs_are_grouped_filtered_and_told_by_time() {
    let engine = engine();
    let at = NOW_NS - 2 * HOUR_NS;
    let mut tagged = llm("gpt-4o", 100, 10, 1.0);
    tagged.tags = ["a".into(), "b".into()].into();
    tagged.user = "u1".into();
    let mut other = llm("my-llama", 50, 5, 0.0);
    other.cost_source = CostSource::Unpriced;
    other.provider = "ollama".into();
    let mut sum = llm("gpt-4o", 100, 10, 1.0);
    sum.kind = Kind::Agent;
    sum.counted = Counted::RolledUp;
    let steps = [
        entry(at, trace(1), span(1), tagged),
        entry(at + HOUR_NS, trace(1), span(2), llm("gpt-4o-mini", 100, 10, 0.5)),
        entry(at, trace(2), span(3), other),
        entry(at, trace(1), span(4), sum),
        entry(at, trace(1), span(5), step(Kind::Tool, "search")),
    ];
    write(&engine, &steps).await;
    let costs = engine.costs(&tenant(), costs_by(By::Model)).await.unwrap();
    let groups: Vec<(&str, f64)> =
        costs.groups.iter().map(|group| (&*group.key, group.costs.sums.cost_usd)).collect();
    assert_eq!(groups, [("gpt-4o", 1.0), ("gpt-4o-mini", 0.5), ("my-llama", 0.0)]);
    assert_eq!(costs.totals.sums.usage.total(), 110 + 110 + 55, "a sum over others never counts");
    assert_eq!((costs.unpriced.len(), costs.unpriced[0].tokens), (1, 55));
    assert!(near(costs.series.cost_usd.iter().sum(), 1.5));
    assert!(near(costs.groups[0].series.iter().sum(), 1.0));

    let tags = engine.costs(&tenant(), costs_by(By::Tag)).await.unwrap();
    let keys: Vec<&str> = tags.groups.iter().map(|group| &*group.key).collect();
    assert_eq!(keys, ["a", "b", ""]);
    let filter = Filter { user: Some("u1".into()), ..Filter::default() };
    let of_user = CostQuery { filter, limit: 1, ..costs_by(By::Model) };
    let of_user = engine.costs(&tenant(), of_user).await.unwrap();
    assert!(near(of_user.totals.sums.cost_usd, 1.0) && of_user.others.is_none());
    let one = CostQuery { limit: 1, ..costs_by(By::Model) };
    let (others, sums) = engine.costs(&tenant(), one).await.unwrap().others.unwrap();
    assert!(others == 2 && near(sums.sums.cost_usd, 0.5));
    let filter = Filter { model: Some("unheard".into()), ..Filter::default() };
    let none = engine.costs(&tenant(), CostQuery { filter, ..costs_by(By::Model) }).await.unwrap();
    assert!(none.groups.is_empty() && none.waste.failed_runs.is_none());
}

#[tokio::test]
async fn what_an_agent_had_done_is_in_all_its_figures() {
    let engine = engine();
    let at = NOW_NS - HOUR_NS;
    let run_of = |agent: &str, top: u32| StepFact {
        agent: agent.into(),
        run: span(top),
        ..llm("gpt-4o", 10, 10, 0.5)
    };
    write(&engine, &[entry(at, trace(1), span(1), run("planner", 1.0))]).await;
    let steps = [
        entry(at, trace(1), span(2), run_of("planner", 1)),
        entry(at, trace(1), span(3), run_of("coder", 1)),
    ];
    write(&engine, &steps).await;
    let made = engine.agent_report(&tenant(), day(), Some("planner".into()), None).await.unwrap();
    assert!(near(made.page.row.figures.cost_usd, 1.0));
    assert!(near(made.page.own.cost_usd, 1.0) && near(made.costs.totals.sums.cost_usd, 1.0));
    assert!(near(made.costs.projection.day.spent_usd, 1.0));
    let coder = engine.agent_page(&tenant(), day(), Some("coder".into()), None).await.unwrap();
    assert!(coder.row.is_subagent && near(coder.row.figures.cost_usd, 0.5));
    let keys = async |by: By| -> Vec<String> {
        let costs = engine.costs(&tenant(), costs_by(by)).await.unwrap();
        costs.groups.iter().map(|group| group.key.to_string()).collect()
    };
    assert_eq!(keys(By::MainAgent).await, ["planner"]);
    assert_eq!(keys(By::Agent).await, ["coder", "planner"]);
}

#[tokio::test]
async fn what_an_agent_did_for_others_is_added_to_its_own_runs() {
    let engine = engine();
    let at = NOW_NS - HOUR_NS;
    let mut planner = run("planner", 1.0);
    planner.agents = vec!["coder".into(), "planner".into()];
    write(&engine, &[entry(at, trace(1), span(1), planner)]).await;
    write(&engine, &[entry(at, trace(2), span(1), run("coder", 2.0))]).await;
    let called = |fact: StepFact| StepFact { agent: "coder".into(), run: span(1), ..fact };
    let steps = [
        entry(at, trace(1), span(2), called(step(Kind::Agent, "invoke_agent coder"))),
        entry(at, trace(1), span(3), called(llm("gpt-4o", 10, 10, 0.5))),
        entry(at, trace(2), span(3), called(llm("gpt-4o", 10, 10, 2.0))),
    ];
    write(&engine, &steps).await;
    let table = engine.agent_table(&tenant(), day(), None, 10).await.unwrap();
    let coder = table.agents.iter().find(|row| &*row.agent == "coder").unwrap();
    let page = engine.agent_page(&tenant(), day(), Some("coder".into()), None).await.unwrap();
    for row in [coder, &page.row] {
        assert_eq!((row.figures.runs, row.is_subagent), (2, false));
        assert!(near(row.figures.cost_usd, 2.5), "{}", row.figures.cost_usd);
        assert_eq!(row.series.runs.iter().sum::<u64>(), 2);
    }
    assert_eq!(table.overall.figures.runs, 2, "runs of all are told once");
    assert!(near(table.overall.figures.cost_usd, 3.0));
}

#[tokio::test]
async fn a_projection_goes_on_at_the_trailing_rate() {
    let engine = engine();
    // A dollar in each of the 6 hours before noon.
    let steps: Vec<Entry<StepFact>> = (1..=6)
        .map(|hour| {
            let n = u32::try_from(hour).unwrap();
            entry(NOW_NS - hour * HOUR_NS, trace(n), span(n), llm("gpt-4o", 10, 10, 1.0))
        })
        .collect();
    write(&engine, &steps).await;
    let projection = engine.costs(&tenant(), costs_by(By::Model)).await.unwrap().projection;
    assert!(near(projection.usd_per_hour, 1.0), "{projection:?}");
    assert_eq!(projection.rate_window_ns, 6 * HOUR_NS, "there is no more");
    assert!(near(projection.day.spent_usd, 6.0) && near(projection.day.projected_usd, 18.0));
    let left_hours = 12.0 + 10.0 * 24.0;
    assert!(near(projection.month.projected_usd, 6.0 + left_hours), "{projection:?}");
    assert!(projection.month.complete);
}

#[tokio::test]
async fn waste_counts_each_step_once() {
    let engine = engine();
    let at = NOW_NS - HOUR_NS;
    let retry = |usd: f64| StepFact { retry: true, ..llm("gpt-4o", 10, 10, usd) };
    let mut failed = run("weather", 1.0);
    failed.error = "Timeout".into();
    write(
        &engine,
        &[
            entry(at, trace(1), span(1), failed),
            entry(at, trace(2), span(2), run("weather", 2.0)),
            entry(at, trace(3), span(3), run("weather", 4.0)),
        ],
    )
    .await;
    write(&engine, &[entry(at, trace(2), SpanId::NONE, rating("a", 1.0))]).await;
    write(
        &engine,
        &[
            entry(at, trace(1), span(11), retry(0.5)),
            entry(at, trace(3), span(12), retry(0.25)),
            // A conversation that grows, sent whole each time.
            entry(at + 1, trace(3), span(13), llm("gpt-4o", 10_000, 10, 0.1)),
            entry(at + 2, trace(3), span(14), llm("gpt-4o", 12_000, 10, 0.1)),
        ],
    )
    .await;
    let waste = engine.costs(&tenant(), costs_by(By::Model)).await.unwrap().waste;
    assert!(near(waste.failed_runs.as_ref().unwrap().usd, 1.0));
    assert!(near(waste.low_rated_runs.as_ref().unwrap().usd, 2.0));
    assert!(near(waste.retries.usd, 0.75) && waste.retries.count == 2);
    assert_eq!(waste.retries.traces, [trace(1), trace(3)]);
    let repeats = &waste.uncached_repeats;
    assert_eq!((repeats.count, repeats.tokens), (1, 10_000));
    assert!(repeats.usd > 0.0, "gpt-4o has a price for cached tokens");
    let once = 1.0 + 2.0 + 0.25 + repeats.usd;
    assert!(near(waste.total_usd, once), "{} is not {once}", waste.total_usd);
}

#[tokio::test]
async fn pages_of_runs_show_each_once_newest_first() {
    let engine = engine();
    let at = NOW_NS - HOUR_NS;
    let mut runs: Vec<Entry<RunFact>> = Vec::new();
    for n in 0..23_u32 {
        // Several begin at once, and each is told of twice.
        let time_ns = at + i64::from(n / 4);
        let mut one = entry(time_ns, trace(n), span(n), run("weather", f64::from(n)));
        one.fact.error = "not yet over".into();
        runs.push(one.clone());
        one.written_ns += 1;
        one.fact.error.clear();
        one.fact.models = vec![if n % 2 == 0 { "even".into() } else { "odd".into() }];
        runs.push(one);
    }
    write(&engine, &runs).await;
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let query = RunsQuery { limit: 5, after, ..RunsQuery::all(day()) };
        let page = engine.runs(&tenant(), query).await.unwrap();
        seen.extend(page.runs.iter().map(|run| (run.entry.time_ns, run.entry.trace_id)));
        assert!(page.runs.iter().all(|run| run.entry.fact.error.is_empty()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 23);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]));
    let count = async |query: RunsQuery| engine.runs(&tenant(), query).await.unwrap().runs.len();
    let all = || RunsQuery::all(day());
    let model = Filter { model: Some("even".into()), ..Filter::default() };
    assert_eq!(count(RunsQuery { filter: model, ..all() }).await, 12);
    assert_eq!(count(RunsQuery { failed: Some(true), ..all() }).await, 0);
    assert_eq!(count(RunsQuery { cost_usd_min: Some(20.0), ..all() }).await, 3);
    assert_eq!(count(RunsQuery { duration_ns_min: Some(3 * SECOND_NS), ..all() }).await, 0);
    assert_eq!(count(RunsQuery { rating_max: Some(5.0), ..all() }).await, 0);
}

#[tokio::test]
async fn events_are_paged_over_equal_instants() {
    let engine = engine();
    let at = NOW_NS - HOUR_NS;
    let event = |n: u32, kind: &str| EventFact {
        agent: "weather".into(),
        title: format!("event {n}"),
        ..fact(serde_json::json!({"id": format!("{n:02}"), "kind": kind, "severity": "warning"}))
    };
    let events: Vec<Entry<EventFact>> = (0..9)
        .map(|n| {
            let kind = if n % 3 == 0 { "loop" } else { "low_rating" };
            entry(at + i64::from(n / 5), TraceId::NONE, SpanId::NONE, event(n, kind))
        })
        .collect();
    write(&engine, &events).await;
    let all = EventsQuery {
        range: day(),
        kind: None,
        severity: None,
        agent: None,
        service: None,
        limit: 2,
        after: None,
    };
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let query = EventsQuery { after, ..all.clone() };
        let page = engine.events(&tenant(), query).await.unwrap();
        seen.extend(page.events.into_iter().map(|event| event.fact.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["05", "06", "07", "08", "00", "01", "02", "03", "04"]);
    let loops = EventsQuery { kind: Some("loop".into()), limit: 50, ..all };
    assert_eq!(engine.events(&tenant(), loops).await.unwrap().events.len(), 3);
}

#[tokio::test]
async fn a_report_tells_all_and_lets_nothing_break_out_of_it() {
    let engine = engine();
    let at = NOW_NS - HOUR_NS;
    let name = "<script>alert(1)</script>";
    let mut failed = run(name, 0.5);
    failed.error = "Timeout".into();
    write(
        &engine,
        &[entry(at, trace(1), span(1), failed), entry(at, trace(2), span(2), run(name, 0.5))],
    )
    .await;
    let own = |fact: StepFact| StepFact { agent: name.into(), ..fact };
    let mut search = step(Kind::Tool, "execute_tool search");
    search.tool = "search".into();
    search.error = "Refused".into();
    let mut steps = vec![entry(at, trace(1), span(10), own(search))];
    for n in 0..20 {
        // Short calls of a dear model beside a cheap one that is in use.
        let call = own(llm("gpt-4o", 1_000, 50, 0.01));
        steps.push(entry(at + i64::from(n), trace(100 + n), span(100 + n), call));
    }
    steps.push(entry(at, trace(2), span(20), own(llm("gpt-4o-mini", 1_000, 50, 0.0002))));
    write(&engine, &steps).await;
    let low =
        FeedbackFact { agent: name.into(), comment: "bad | *bad*".into(), ..rating("a", 1.0) };
    write(&engine, &[entry(at, trace(2), span(2), low)]).await;

    let made = engine.agent_report(&tenant(), day(), Some(name.into()), None).await.unwrap();
    assert_eq!(made.page.tools[0].sums.tool_errors, 1);
    assert_eq!((&*made.page.errors[0].error, made.page.errors[0].kind), ("Refused", "tool"));
    assert_eq!(made.feedback.distribution()["1_star"], 1);
    let cheaper = made
        .recommendations
        .iter()
        .find(|one| one.kind == "cheaper_model")
        .expect("a cheaper model");
    assert!(cheaper.saving_usd > 0.0 && cheaper.saving_usd < 0.2, "{cheaper:?}");
    assert!(!cheaper.traces.is_empty());
    assert!(made.recommendations.iter().any(|one| one.kind == "batch"), "nobody waits for them");
    let page = report::html(&made);
    assert!(!page.contains("<script>") && page.contains("&lt;script&gt;"));
    assert!(page.contains("prefers-color-scheme:dark") && !page.contains("http"));
    let text = report::text(&made);
    for part in ["Health", "Response time", "Cost", "Tools", "Feedback", "Errors", "Waste"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(report::markdown(&made).contains("bad \\| \\*bad\\*"));
    let all = engine.agent_report(&tenant(), day(), None, None).await.unwrap();
    assert_eq!(all.page.row.figures.runs, 2);
}

/// What a step is told by in the test of sums.
fn any_step() -> impl Strategy<Value = (u8, u8, u8, u32, u32, bool)> {
    (0..3_u8, 0..3_u8, 0..3_u8, 0..5_000_u32, 0..100_u32, any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn groups_add_up_to_the_total_whatever_they_are(
        steps in prop::collection::vec(any_step(), 1..40),
        again in prop::collection::vec(any_step(), 0..10),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let engine = engine();
            let made = |n: usize, (agent, model, user, minutes, usd, counts): (u8, u8, u8, u32, u32, bool), written: i64| {
                let n = u32::try_from(n).unwrap();
                let mut call = llm(&format!("m{model}"), u64::from(usd) * 10, 1, f64::from(usd));
                call.agent = format!("a{agent}").into();
                call.user = format!("u{user}").into();
                call.counted = if counts { Counted::Yes } else { Counted::RolledUp };
                // The same step stays at its time.
                let minutes = if written == 0 { minutes } else { 0 };
                let time_ns = NOW_NS - 2 * HOUR_NS - i64::from(minutes % 1_000) * 60 * SECOND_NS;
                Entry { time_ns, written_ns: written, trace_id: trace(n), span_id: span(n), fact: call }
            };
            let first: Vec<Entry<StepFact>> =
                steps.iter().enumerate().map(|(n, step)| made(n, *step, 0)).collect();
            write(&engine, &first).await;
            let mut expect: Vec<Entry<StepFact>> = first.clone();
            engine.costs(&tenant(), costs_by(By::Agent)).await.unwrap();
            for (n, step) in again.iter().enumerate().filter(|(n, _)| *n < steps.len()) {
                let time_ns = first[n].time_ns;
                let other = Entry { time_ns, ..made(n, *step, 1) };
                write(&engine, std::slice::from_ref(&other)).await;
                expect[n] = other;
            }
            let counted = expect.iter().filter(|step| step.fact.counted == Counted::Yes);
            let total: f64 = counted.map(|step| step.fact.cost_usd).sum();
            for by in By::ALL {
                let costs = engine.costs(&tenant(), costs_by(by)).await.unwrap();
                let of_groups: f64 = costs.groups.iter().map(|group| group.costs.sums.cost_usd).sum();
                assert!(near(costs.totals.sums.cost_usd, total), "{by:?}");
                assert!(near(of_groups, total), "{by:?}");
                assert!(near(costs.series.cost_usd.iter().sum(), total), "{by:?}");
            }
        });
    }
}
