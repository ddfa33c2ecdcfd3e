//! Prices in force, overrides that outlive a restart, and history priced again.

#![expect(clippy::float_cmp, reason = "prices are copied, not computed, where they are compared")]

use std::sync::Arc;

use prometheus::Registry;
use serde_json::json;
use watchkeep_genai::price::{CostSource, Matched};
use watchkeep_genai::step::Dialect;
use watchkeep_genai::{Bucket, Kind, Step};
use watchkeep_model::{ErrorKind, SpanId, SystemClock, TimeRange, TraceId};
use watchkeep_storage::memory::MemoryStore;

use super::reprice::Reprice;
use super::*;
use crate::agents::facts::{Counted, Entry, RunFact, StepFact, Tokens};
use crate::agents::ledger::LedgerQuery;
use crate::{Documents, LimitsConfig};

fn engine(documents: Documents, config: PricesConfig) -> Result<Engine> {
    let clock = Arc::new(SystemClock);
    let engine = Engine::new(LimitsConfig::default(), clock, &Registry::new()).unwrap();
    let engine = engine.with_documents(documents).with_prices(config)?;
    engine.attach(Arc::new(MemoryStore::default()));
    Ok(engine)
}

fn step(model: &str) -> Step {
    let mut step =
        Step { response_model: model.to_owned(), ..Step::new(Kind::Llm, Dialect::OpenTelemetry) };
    step.usage.set(Bucket::Input, 1_000_000);
    step
}

fn usd(engine: &Engine, tenant: &TenantId, model: &str) -> f64 {
    engine.prices().book(tenant).cost(&step(model), 0).usd
}

#[test]
fn overrides_of_the_api_go_before_the_configuration_the_file_and_the_built_in_table() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("litellm.json");
    std::fs::write(
        &file,
        r#"{"sample_spec": {}, "gpt-4o": {"input_cost_per_token": 3e-6},
            "gpt-4.1": {"input_cost_per_token": 3e-6}, "m": {"input_cost_per_token": 3e-6}}"#,
    )
    .unwrap();
    let config = PricesConfig {
        file: Some(file.clone()),
        overrides: vec![
            json!({"model": "gpt-4o", "input_cost_per_token": 5e-6}),
            json!({"model": "gpt-4.1", "input_cost_per_token": 5e-6}),
        ],
        ..PricesConfig::default()
    };
    let tenant = TenantId::default();
    let open = || engine(Documents::new(folder.path()), config.clone()).unwrap();
    let engine = open();
    let row = json!({"input_cost_per_token": 7e-6});
    engine.set_price_override(&tenant, "gpt-4o", row.clone()).unwrap();
    let all = |engine: &Engine| {
        ["gpt-4o", "gpt-4.1", "m", "gpt-4o-mini"].map(|model| usd(engine, &tenant, model))
    };
    assert_eq!(all(&engine), [7.0, 5.0, 3.0, 0.15]);
    let cost = engine.prices().book(&tenant).cost(&step("gpt-4o"), 0);
    assert_eq!(cost.row.unwrap().table, "override:gpt-4o");
    let other = TenantId::new("other").unwrap();
    assert_eq!(usd(&engine, &other, "gpt-4o"), 5.0, "overrides are a tenant's own");

    let again = open();
    assert_eq!(all(&again), [7.0, 5.0, 3.0, 0.15], "they outlive a restart");
    assert_eq!(again.price_overrides(&tenant)[0].rows, [row]);
    again.remove_price_override(&tenant, "gpt-4o").unwrap();
    assert_eq!(usd(&again, &tenant, "gpt-4o"), 5.0);
    let error = again.remove_price_override(&tenant, "gpt-4o").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound));
    assert_eq!(usd(&open(), &tenant, "gpt-4o"), 5.0);
}

#[test]
fn wrong_overrides_are_refused_and_change_nothing() {
    let engine = engine(Documents::nowhere(), PricesConfig::default()).unwrap();
    let tenant = TenantId::default();
    for (key, row, part) in [
        ("", json!({"input_cost_per_token": 1e-6}), "key"),
        ("m", json!({"input_cost_per_tokens": 1e-6}), "input_cost_per_tokens"),
        ("m", json!({"input_cost_per_token": 2.5}), "USD"),
        ("m", json!([]), "rows"),
        ("m", json!({"input_cost_per_token": 1e-6, "pattern": "("}), "pattern"),
    ] {
        let error = engine.set_price_override(&tenant, key, row).unwrap_err();
        assert!(error.message().contains(part), "{error}");
    }
    assert_eq!(engine.price_overrides(&tenant), []);
    for overrides in [vec![json!({"input_cost_per_token": 1e-6})], vec![json!({"model": "m"})]] {
        let config = PricesConfig { overrides, ..PricesConfig::default() };
        assert!(config.check().unwrap_err().message().contains("prices.overrides"));
    }
}

#[test]
fn a_file_that_changed_is_read_again_and_one_that_broke_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("litellm.json");
    let config = PricesConfig { file: Some(file.clone()), ..PricesConfig::default() };
    let error = engine(Documents::nowhere(), config.clone()).unwrap_err();
    assert!(error.message().contains("litellm.json"), "{error}");

    let tenant = TenantId::default();
    std::fs::write(&file, r#"{"m": {"input_cost_per_token": 3e-6}}"#).unwrap();
    let engine = engine(Documents::nowhere(), config).unwrap();
    assert!(!engine.prices.reload_if_changed().unwrap());
    std::fs::write(&file, "{\"m\": {\"input_cost_per_token\": 4e-6},\n \"x\": 7}").unwrap();
    assert!(engine.prices.reload_if_changed().unwrap());
    assert_eq!(usd(&engine, &tenant, "m"), 4.0);
    let told = engine.prices().reload().unwrap().file.unwrap();
    assert_eq!(told.problems[0].to_string(), "line 2: x: a row is an object of prices");
    std::fs::write(&file, "{").unwrap();
    assert!(engine.prices.reload_if_changed().unwrap_err().message().contains("line 1"));
    std::fs::remove_file(&file).unwrap();
    engine.prices().reload().unwrap_err();
    assert_eq!(usd(&engine, &tenant, "m"), 4.0);
}

#[test]
fn models_are_unpriced_until_they_have_a_price() {
    let engine = engine(Documents::nowhere(), PricesConfig::default()).unwrap();
    let tenant = TenantId::default();
    let used = UnpricedUse { provider: "acme", model: "m", service: "s", tokens: 5, at_ns: 1 };
    engine.prices().note_unpriced(&tenant, &used);
    assert_eq!(engine.prices().unpriced(&tenant, 1).0.len(), 1);
    let row = json!({"input_cost_per_token": 1e-6});
    engine.set_price_override(&tenant, "acme/m", row).unwrap();
    let book = engine.prices().book(&tenant);
    assert_eq!(book.find("acme", "m", 1).unwrap().matched, Matched::Provider);
    assert_eq!(engine.prices().unpriced(&tenant, 1).0, []);
}

/// A fact of a step of the run `aa…` at an instant.
fn fact(span: u8, time_ns: i64, model: &str, cost_usd: f64, source: CostSource) -> Entry<StepFact> {
    let mut fact: StepFact =
        serde_json::from_value(json!({"kind": "llm", "dialect": "opentelemetry"})).unwrap();
    fact.service = "shop".into();
    fact.model = model.into();
    fact.run = SpanId([0xaa; 8]);
    let mut tokens = Tokens::default();
    tokens.0.set(Bucket::Input, 1_000_000);
    fact.tokens = tokens;
    fact.counted = Counted::Yes;
    fact.cost_usd = cost_usd;
    fact.cost_source = source;
    let (trace_id, span_id) = (TraceId([1; 16]), SpanId([span; 8]));
    Entry { time_ns, written_ns: 10, trace_id, span_id, fact }
}

fn asked(dry_run: bool) -> Reprice {
    Reprice {
        range: TimeRange { start_ns: 0, end_ns: 1_000 },
        model: None,
        service: None,
        as_model: None,
        as_provider: String::new(),
        dry_run,
    }
}

async fn history() -> (Engine, TenantId) {
    let engine = engine(Documents::nowhere(), PricesConfig::default()).unwrap();
    let tenant = TenantId::default();
    let rows = json!([{"input_cost_per_token": 2e-6, "effective_to": "1970-01-01T00:00:00.0000005Z"},
                      {"input_cost_per_token": 3e-6, "effective_from": "1970-01-01T00:00:00.0000005Z"}]);
    engine.set_price_override(&tenant, "m", rows).unwrap();
    let mut rolled_up = fact(5, 100, "m", 9.0, CostSource::Computed);
    rolled_up.fact.counted = Counted::RolledUp;
    let mut stale = fact(1, 100, "m", 100.0, CostSource::Computed);
    stale.written_ns = 5;
    let steps = [
        stale,
        fact(1, 100, "m", 1.0, CostSource::Computed),
        fact(2, 600, "m", 0.0, CostSource::Unpriced),
        fact(3, 100, "unknown", 4.0, CostSource::Reported),
        fact(4, 100, "gpt-4o-mini", 0.15, CostSource::Computed),
        rolled_up,
    ];
    engine.write_facts(&tenant, &steps, None).await.unwrap();
    let mut run: RunFact = serde_json::from_value(json!({})).unwrap();
    (run.cost_usd, run.unpriced_tokens) = (5.15, 1_000_000);
    run.service = "shop".to_owned();
    let run = Entry {
        time_ns: 50,
        written_ns: 10,
        trace_id: TraceId([1; 16]),
        span_id: SpanId([0xaa; 8]),
        fact: run,
    };
    engine.write_facts(&tenant, &[run], None).await.unwrap();
    (engine, tenant)
}

async fn latest<F: crate::agents::facts::Fact>(
    engine: &Engine,
    tenant: &TenantId,
) -> Vec<Entry<F>> {
    let query = LedgerQuery::all(TimeRange { start_ns: 0, end_ns: 1_000 });
    let see = |all: &mut Vec<Entry<F>>, entry: Entry<F>| {
        let place = all.iter().position(|held| held.span_id == entry.span_id);
        match place {
            Some(at) if all[at].written_ns < entry.written_ns => all[at] = entry,
            Some(_) => {}
            None => all.push(entry),
        }
        Ok(true)
    };
    let mut all = engine.read_facts(tenant, query, Vec::new(), see).await.unwrap();
    all.sort_by_key(|entry| entry.span_id.0);
    all
}

#[tokio::test]
async fn pricing_again_takes_each_step_once_at_its_instant_and_tells_before_and_after() {
    let (engine, tenant) = history().await;
    let answer = engine.reprice(&tenant, asked(true)).await.unwrap();
    assert_eq!((answer.steps, answer.changed, answer.runs_changed), (5, 3, 0));
    assert_eq!((answer.total.usd_before, answer.total.usd_after), (5.15, 9.15));
    assert_eq!((answer.total.unpriced_before, answer.total.unpriced_after), (1_000_000, 0));
    let models: Vec<_> = answer.models.iter().map(|m| (&*m.model, m.sums.usd_after)).collect();
    assert_eq!(models, [("unknown", 4.0), ("m", 5.0), ("gpt-4o-mini", 0.15)]);
    let before: f64 =
        latest::<StepFact>(&engine, &tenant).await.iter().map(|e| e.fact.cost_usd).sum();
    assert_eq!(before, 14.15, "a question changes nothing");
}

#[tokio::test]
async fn what_another_model_would_have_cost_is_a_question_only() {
    let (engine, tenant) = history().await;
    let other = Reprice {
        as_model: Some("gpt-4o".to_owned()),
        model: Some("gpt-4o-mini".to_owned()),
        ..asked(true)
    };
    let answer = engine.reprice(&tenant, other.clone()).await.unwrap();
    assert_eq!((answer.total.usd_before, answer.total.usd_after), (0.15, 2.5));
    let error = engine.reprice(&tenant, Reprice { dry_run: false, ..other }).await.unwrap_err();
    assert!(error.message().contains("dry_run"), "{error}");
}

#[tokio::test]
async fn corrected_steps_and_runs_replace_what_the_ledger_said() {
    let (engine, tenant) = history().await;
    let answer = engine.reprice(&tenant, asked(false)).await.unwrap();
    assert_eq!((answer.changed, answer.runs_changed), (3, 1));
    let steps = latest::<StepFact>(&engine, &tenant).await;
    let costs: Vec<_> = steps.iter().map(|e| (e.fact.cost_usd, e.fact.cost_source)).collect();
    let computed = CostSource::Computed;
    assert_eq!(
        costs,
        [
            (2.0, computed),
            (3.0, computed),
            (4.0, CostSource::Reported),
            (0.15, computed),
            (2.0, computed)
        ]
    );
    assert_eq!(steps[0].fact.price, "m");
    let run = &latest::<RunFact>(&engine, &tenant).await[0].fact;
    assert!((run.cost_usd - 9.15).abs() < 1e-9, "{}", run.cost_usd);
    assert_eq!(run.unpriced_tokens, 0);
    let again = engine.reprice(&tenant, asked(false)).await.unwrap();
    assert_eq!((again.changed, again.runs_changed), (0, 0));
    let none = Reprice { service: Some("other".to_owned()), ..asked(true) };
    assert_eq!(engine.reprice(&tenant, none).await.unwrap().steps, 0);
}
