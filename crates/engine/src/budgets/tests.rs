//! Budgets told of steps, checked, and counted again after a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use prometheus::Registry;
use watchkeep_genai::step::{Dialect, Kind};
use watchkeep_genai::{Bucket, Usage};
use watchkeep_model::{Clock, SpanId, TenantId, TimeRange, TraceId};
use watchkeep_storage::Store;
use watchkeep_storage::memory::MemoryStore;

use super::check::{Decision, Question};
use super::config::BudgetsConfig;
use super::definition::{Budget, Mode, OnUnknown};
use super::reservation::Actual;
use crate::LimitsConfig;
use crate::agents::facts::{Counted, Entry, StepFact, Tokens};
use crate::agents::observers::{Arrived, Before, DecidedStep};
use crate::documents::Documents;
use crate::engine::Engine;

const SECOND: i64 = 1_000_000_000;
/// Noon of 5 March 2026, UTC.
const NOON: i64 = 1_772_712_000 * SECOND;

#[derive(Debug)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now_ns(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// An engine over a store and documents that outlive it.
struct House {
    clock: Arc<SetClock>,
    store: Arc<dyn Store>,
    folder: tempfile::TempDir,
    config: BudgetsConfig,
}

impl House {
    fn new() -> Self {
        Self {
            clock: Arc::new(SetClock(AtomicI64::new(NOON))),
            store: Arc::new(MemoryStore::default()),
            folder: tempfile::tempdir().unwrap(),
            config: BudgetsConfig::default(),
        }
    }

    /// Starts, as after a crash: nothing of the engine before is told.
    fn start_unknown(&self) -> Arc<Engine> {
        self.pass(1);
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        let engine = Engine::new(LimitsConfig::default(), clock, &Registry::new()).unwrap();
        let engine = engine.with_documents(Documents::new(self.folder.path()));
        let engine = Arc::new(engine.with_budgets(self.config.clone()).unwrap());
        engine.attach(Arc::clone(&self.store));
        engine
    }

    async fn start(&self) -> Arc<Engine> {
        let engine = self.start_unknown();
        engine.recover_budgets().await;
        engine
    }

    fn pass(&self, ns: i64) {
        self.clock.0.fetch_add(ns, Ordering::Relaxed);
    }
}

fn tenant() -> TenantId {
    TenantId::default()
}

fn budget(json: &serde_json::Value) -> Budget {
    let mut all = serde_json::json!({
        "id": "b", "name": "B", "amount": 10.0, "window": {"calendar": "day"}
    });
    for (name, value) in json.as_object().unwrap() {
        all[name] = value.clone();
    }
    serde_json::from_value(all).unwrap()
}

async fn make(engine: &Arc<Engine>, json: &serde_json::Value) {
    let kept = engine.create_budget(&tenant(), budget(json)).await.unwrap();
    known(engine, &kept.budget.id).await;
}

async fn known(engine: &Arc<Engine>, id: &str) {
    while !engine.budget_status(&tenant(), id, None, 1).unwrap().known {
        tokio::task::yield_now().await;
    }
}

fn step(number: u64, user: &str, usd: f64, time_ns: i64) -> Entry<StepFact> {
    let mut fact: StepFact =
        serde_json::from_value(serde_json::json!({"kind": "llm", "dialect": "langfuse"})).unwrap();
    assert_eq!((fact.kind, fact.dialect), (Kind::Llm, Dialect::Langfuse));
    let mut usage = Usage::default();
    usage.set(Bucket::Input, 100);
    usage.set(Bucket::Reasoning, 7);
    fact.user = user.into();
    fact.tokens = Tokens(usage);
    fact.cost_usd = usd;
    fact.counted = Counted::Yes;
    Entry {
        time_ns,
        written_ns: time_ns,
        trace_id: TraceId(u128::from(number).to_be_bytes()),
        span_id: SpanId(number.to_be_bytes()),
        fact,
    }
}

fn arrive(engine: &Engine, step: &Entry<StepFact>) {
    engine.steps_arrived(&tenant(), &[Arrived { step, counts_now: true, evaluations: &[] }]);
}

async fn decide(engine: &Engine, step: &mut Entry<StepFact>, before: Before<'_>) {
    step.written_ns = engine.clock.now_ns();
    engine.write_facts(&tenant(), std::slice::from_ref(step), None).await.unwrap();
    engine.steps_decided(&tenant(), &[DecidedStep { step, before }]);
}

async fn spend(engine: &Engine, number: u64, user: &str, usd: f64) {
    let mut step = step(number, user, usd, engine.clock.now_ns());
    decide(engine, &mut step, Before::Nothing).await;
}

fn spent(engine: &Engine, id: &str, value: &str) -> (f64, f64) {
    let status = engine.budget_status(&tenant(), id, Some(value), 1).unwrap();
    (status.standings[0].spent, status.standings[0].reserved)
}

fn ask(user: &str, usd: f64) -> Question {
    let mut question = Question { usd: Some(usd), ..Question::default() };
    question.attributes.set("user", user.into()).unwrap();
    question
}

#[tokio::test]
async fn every_user_has_an_amount_and_some_have_another() {
    let house = House::new();
    let engine = house.start().await;
    make(
        &engine,
        &serde_json::json!({"scope": {"each": "user", "overrides": {"ann": 20.0}},
                                     "mode": "hard"}),
    )
    .await;
    for (number, user) in [(1, "ann"), (2, "ben"), (3, "")] {
        spend(&engine, number, user, 9.5).await;
    }
    let decision = |user: &str, usd| {
        let verdict = engine.check_budgets(&tenant(), &ask(user, usd)).unwrap();
        (verdict.decision, verdict.budgets.len())
    };
    assert_eq!(decision("ann", 1.0), (Decision::Allow, 1));
    assert_eq!(decision("ann", 6.5), (Decision::Warn, 1), "80 % of 20");
    assert_eq!(decision("ann", 11.0), (Decision::Deny, 1));
    assert_eq!(decision("ben", 0.5), (Decision::Warn, 1), "all of it, and no more");
    assert_eq!(decision("ben", 0.6), (Decision::Deny, 1));
    assert_eq!(decision("", 100.0), (Decision::Allow, 0), "nobody's");
    let status = engine.budget_status(&tenant(), "b", None, 10).unwrap();
    let shares: Vec<_> =
        status.standings.iter().map(|one| (&*one.scope_value, one.percentage)).collect();
    assert_eq!(shares, [("ben", 95.0), ("ann", 47.5)]);
    let projection = status.standings[0].projection.unwrap();
    assert!((projection - 19.0).abs() < 1e-6, "half the day is over, so not {projection}");
    let verdict = engine.check_budgets(&tenant(), &ask("ben", 0.6)).unwrap();
    let hours = verdict.retry_after_ns.unwrap() as f64 / 3.6e12;
    assert!((11.9..=12.0).contains(&hours), "until midnight, not {hours} hours");
    let verdict = engine.check_budgets(&tenant(), &ask("ben", 10.1)).unwrap();
    assert_eq!(verdict.retry_after_ns, None, "never");
}

#[tokio::test]
async fn undecided_usage_counts_at_once_and_the_decision_corrects_it() {
    let house = House::new();
    let engine = house.start().await;
    make(&engine, &serde_json::json!({})).await;
    make(&engine, &serde_json::json!({"id": "t", "unit": "tokens"})).await;
    make(&engine, &serde_json::json!({"id": "u", "scope": {"each": "user"}})).await;
    let mut one = step(1, "", 4.0, engine.clock.now_ns());
    arrive(&engine, &one);
    assert_eq!((spent(&engine, "b", "").0, spent(&engine, "t", "").0), (4.0, 107.0));
    // It arrives again, longer, before it is decided.
    one.fact.cost_usd = 5.0;
    arrive(&engine, &one);
    assert_eq!(spent(&engine, "b", "").0, 5.0);
    let arrived = one.fact.clone();
    one.fact.user = "ann".into();
    decide(&engine, &mut one, Before::Arrived(&arrived)).await;
    assert_eq!((spent(&engine, "b", "").0, spent(&engine, "u", "ann").0), (5.0, 5.0));
    // A child comes late: it was the sum of what is below.
    let decided = one.fact.clone();
    one.fact.counted = Counted::RolledUp;
    house.pass(1);
    decide(&engine, &mut one, Before::Decided(&decided)).await;
    assert_eq!((spent(&engine, "b", "").0, spent(&engine, "u", "ann").0), (0.0, 0.0));
    let again = house.start().await;
    assert_eq!(spent(&again, "b", "").0, 0.0);
}

#[tokio::test]
async fn a_budget_that_comes_while_a_step_is_undecided_counts_it_once() {
    let house = House::new();
    let engine = house.start().await;
    make(&engine, &serde_json::json!({})).await;
    let mut one = step(1, "", 4.0, engine.clock.now_ns());
    arrive(&engine, &one);
    let mut two = step(2, "", 1.0, engine.clock.now_ns());
    decide(&engine, &mut two, Before::Nothing).await;
    house.pass(1);
    make(&engine, &serde_json::json!({"id": "later"})).await;
    assert_eq!((spent(&engine, "b", "").0, spent(&engine, "later", "").0), (5.0, 1.0));
    let arrived = one.fact.clone();
    decide(&engine, &mut one, Before::Arrived(&arrived)).await;
    assert_eq!((spent(&engine, "b", "").0, spent(&engine, "later", "").0), (5.0, 5.0));
}

#[tokio::test]
async fn a_restart_knows_what_was_spent_reserved_and_announced() {
    let house = House::new();
    let engine = house.start().await;
    make(&engine, &serde_json::json!({"scope": {"each": "user"}, "mode": "hard"})).await;
    make(&engine, &serde_json::json!({"id": "week", "window": {"rolling": "7d"}})).await;
    spend(&engine, 1, "ann", 8.5).await;
    house.pass(5 * 3600 * SECOND);
    let mut changed = step(2, "ann", 9.0, engine.clock.now_ns());
    decide(&engine, &mut changed, Before::Nothing).await;
    house.pass(1);
    let before = changed.fact.clone();
    changed.fact.cost_usd = 0.25;
    decide(&engine, &mut changed, Before::Decided(&before)).await;
    let question = Question { reserve: true, ttl_ns: Some(60 * SECOND), ..ask("ann", 0.5) };
    let (reservation, _) = engine.check_budgets(&tenant(), &question).unwrap().reservation.unwrap();
    let (released, _) = engine.check_budgets(&tenant(), &question).unwrap().reservation.unwrap();
    engine.release_reservation(&tenant(), &released).unwrap();
    engine.keep_budgets().await;
    for checkpoint in [false, true] {
        if checkpoint {
            engine.write_checkpoint().unwrap();
        }
        let unknown = house.start_unknown();
        assert!(!unknown.budget_status(&tenant(), "b", None, 1).unwrap().known);
        let again = house.start().await;
        assert_eq!(spent(&again, "b", "ann"), (8.75, 0.5), "checkpoint: {checkpoint}");
        assert_eq!(spent(&again, "week", ""), (8.75, 0.5), "checkpoint: {checkpoint}");
        again.settle_reservation(&tenant(), &reservation, Actual::default()).unwrap();
        again.release_reservation(&tenant(), &reservation).unwrap();
        assert_eq!(spent(&again, "b", "ann"), (8.75, 0.0));
        again.keep_budgets().await;
        let events = again.budget_events(&tenant(), TimeRange::ALL, None, 10).await.unwrap();
        let told: Vec<_> = events.iter().map(|event| &*event.fact.id).collect();
        assert_eq!(told.len(), 4, "80 and 100 % of both, once: {told:?}");
        // As it was before the release, for the next round.
        engine.keep_budgets().await;
        break_release(&engine, &reservation).await;
    }
}

/// Writes the reservation of another engine as still held.
async fn break_release(engine: &Engine, id: &str) {
    let tenants = engine.budgets.tenants();
    let (_, held) = tenants.iter().find(|(other, _)| *other == tenant()).unwrap();
    let now_ns = engine.clock.now_ns() + 1;
    assert!(held.reservations.settle(id, Actual::default(), 0, now_ns).is_some());
    engine.keep_budgets().await;
}

#[tokio::test]
async fn thresholds_are_announced_once_a_period_and_scope_value() {
    let house = House::new();
    let engine = house.start().await;
    make(
        &engine,
        &serde_json::json!({"scope": {"each": "user"}, "thresholds": [
        {"percent": 50.0, "severity": "info"}, {"percent": 100.0, "severity": "critical"}]}),
    )
    .await;
    let seen = async |engine: &Engine| {
        engine.keep_budgets().await;
        let events = engine.budget_events(&tenant(), TimeRange::ALL, Some("b"), 10).await.unwrap();
        events
            .into_iter()
            .map(|event| format!("{} {}", event.fact.user, event.fact.severity))
            .collect::<Vec<_>>()
    };
    spend(&engine, 1, "ann", 5.0).await;
    assert_eq!(seen(&engine).await, ["ann info"]);
    house.pass(1);
    spend(&engine, 2, "ann", 1.0).await;
    spend(&engine, 3, "ben", 11.0).await;
    assert_eq!(seen(&engine).await, ["ben info", "ben critical", "ann info"]);
    let engine = house.start().await;
    spend(&engine, 4, "ann", 1.0).await;
    assert_eq!(seen(&engine).await.len(), 3, "after a restart too");
    house.pass(24 * 3600 * SECOND);
    spend(&engine, 5, "ann", 6.0).await;
    assert_eq!(seen(&engine).await.len(), 4, "the next day");
}

#[tokio::test]
async fn reservations_hold_until_they_are_settled_matched_released_or_over() {
    let house = House::new();
    let engine = house.start().await;
    make(&engine, &serde_json::json!({"mode": "hard"})).await;
    let question = Question { reserve: true, ..ask("", 3.0) };
    let reserve = || engine.check_budgets(&tenant(), &question).unwrap().reservation.unwrap().0;
    let ids: Vec<String> = (0..3).map(|_| reserve()).collect();
    let verdict = engine.check_budgets(&tenant(), &question).unwrap();
    assert_eq!((verdict.decision, verdict.retry_after_ns), (Decision::Deny, Some(SECOND)));
    assert_eq!(verdict.reservation, None);
    engine.settle_reservation(&tenant(), &ids[0], Actual { usd: Some(1.0), tokens: None }).unwrap();
    assert_eq!(spent(&engine, "b", ""), (0.0, 7.0));
    let mut span = step(1, "", 1.25, engine.clock.now_ns());
    span.fact.reservation = ids[0].as_str().into();
    arrive(&engine, &span);
    assert_eq!(spent(&engine, "b", ""), (1.25, 6.0));
    engine.release_reservation(&tenant(), &ids[1]).unwrap();
    assert_eq!(spent(&engine, "b", ""), (1.25, 3.0));
    assert!(engine.release_reservation(&tenant(), &ids[1]).is_err());
    assert!(engine.settle_reservation(&tenant(), "x", Actual::default()).is_err());
    house.pass(59 * SECOND);
    engine.keep_budgets().await;
    assert_eq!(spent(&engine, "b", "").1, 3.0);
    house.pass(SECOND);
    engine.keep_budgets().await;
    assert_eq!(spent(&engine, "b", "").1, 0.0);
}

#[tokio::test]
async fn parallel_checkers_that_reserve_never_overshoot() {
    const THREADS: usize = 8;
    let house = House::new();
    let engine = house.start().await;
    make(&engine, &serde_json::json!({"mode": "hard"})).await;
    make(
        &engine,
        &serde_json::json!({"id": "each", "mode": "hard", "amount": 4.0,
                                      "scope": {"each": "user"}}),
    )
    .await;
    let begin = std::sync::Barrier::new(THREADS);
    let granted = std::thread::scope(|scope| {
        let work = |thread: usize| {
            let (engine, begin) = (&engine, &begin);
            scope.spawn(move || {
                begin.wait();
                let mut granted = 0_u32;
                for round in 0..400 {
                    let user = ["ann", "ben", "cyd"][(thread + round) % 3];
                    let question = Question { reserve: true, ..ask(user, 0.01) };
                    let verdict = engine.check_budgets(&tenant(), &question).unwrap();
                    match verdict.reservation {
                        // Some calls are made and seen, some are not made.
                        Some((id, _)) if round % 7 == 0 => {
                            engine.release_reservation(&tenant(), &id).unwrap();
                        }
                        Some((id, _)) if round % 3 == 0 => {
                            let number = (thread * 1_000 + round + 1) as u64;
                            let mut span = step(number, user, 0.01, engine.clock.now_ns());
                            span.fact.reservation = id.into();
                            arrive(engine, &span);
                            granted += 1;
                        }
                        Some(_) => granted += 1,
                        None => assert_eq!(verdict.decision, Decision::Deny),
                    }
                    let (spent, reserved) = spent(engine, "b", "");
                    // A call is spent before it is not reserved any more, so both may see it.
                    assert!(spent <= 10.0 + 1e-6 && reserved <= 10.0 + 1e-6);
                }
                granted
            })
        };
        let threads: Vec<_> = (0..THREADS).map(work).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u32>()
    });
    let (spent, reserved) = spent(&engine, "b", "");
    assert!((spent + reserved - f64::from(granted) * 0.01).abs() < 1e-6);
    assert_eq!(granted, 1_000, "all of the 10 dollars, and not a cent more");
}

#[tokio::test]
async fn an_unknown_state_is_open_or_closed_as_the_budget_says() {
    let mut house = House::new();
    house.config.definitions = vec![
        budget(
            &serde_json::json!({"id": "open", "mode": "hard", "scope": {"where": {"user": "o"}}}),
        ),
        budget(&serde_json::json!({"id": "closed", "mode": "hard", "on_unknown": "deny",
                                   "scope": {"where": {"user": "c*"}}})),
    ];
    assert_eq!(house.config.definitions[1].on_unknown, OnUnknown::Deny);
    let engine = house.start_unknown();
    let decision = |user: &str| {
        let verdict = engine.check_budgets(&tenant(), &ask(user, 1.0)).unwrap();
        (verdict.decision, verdict.retry_after_ns, verdict.budgets[0].known)
    };
    assert_eq!(decision("o"), (Decision::Allow, None, false));
    assert_eq!(decision("cyd"), (Decision::Deny, Some(SECOND), false));
    engine.recover_budgets().await;
    assert_eq!(decision("cyd"), (Decision::Allow, None, true));
    let wrong = engine.delete_budget(&tenant(), "open").await.unwrap_err();
    assert!(wrong.message.contains("configuration"), "{}", wrong.message);
}

#[tokio::test]
async fn budgets_survive_and_a_change_keeps_what_was_spent_where_it_counts_the_same() {
    let house = House::new();
    let engine = house.start().await;
    make(&engine, &serde_json::json!({"name": "Every User, per day!", "id": ""})).await;
    let id = "every-user-per-day";
    let taken = engine.create_budget(&tenant(), budget(&serde_json::json!({"id": id}))).await;
    assert_eq!(taken.unwrap_err().field, "id");
    spend(&engine, 1, "ann", 2.0).await;
    house.pass(1);
    let other = budget(&serde_json::json!({"id": id, "amount": 40.0, "mode": "hard"}));
    engine.replace_budget(&tenant(), other).await.unwrap();
    assert_eq!(spent(&engine, id, "").0, 2.0);
    let again = house.start().await;
    assert_eq!(again.budget(&tenant(), id).unwrap().budget.mode, Mode::Hard);
    assert_eq!(spent(&again, id, "").0, 2.0);
    let tokens = budget(&serde_json::json!({"id": id, "unit": "output_tokens"}));
    again.replace_budget(&tenant(), tokens).await.unwrap();
    known(&again, id).await;
    assert_eq!(spent(&again, id, "").0, 7.0, "counted anew, from the ledger");
    again.delete_budget(&tenant(), id).await.unwrap();
    assert!(again.budget(&tenant(), id).is_err());
    assert!(house.start().await.budgets(&tenant()).is_empty());
}

#[tokio::test]
async fn values_beyond_the_limit_are_counted_and_not_followed() {
    let mut house = House::new();
    house.config.values_max = 2;
    let engine = house.start().await;
    make(&engine, &serde_json::json!({"scope": {"each": "user"}})).await;
    for (number, user) in [(1, "ann"), (2, "ben"), (3, "cyd"), (4, "ann")] {
        spend(&engine, number, user, 1.0).await;
    }
    let status = engine.budget_status(&tenant(), "b", None, 10).unwrap();
    assert_eq!((status.values, status.overflow), (2, 1));
    let verdict = engine.check_budgets(&tenant(), &ask("cyd", 1.0)).unwrap();
    assert!(!verdict.budgets[0].known);
    assert_eq!(spent(&engine, "b", "ann").0, 2.0);
}
