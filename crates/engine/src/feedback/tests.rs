//! Feedback over the store in memory: kept once, bound whenever its run comes, found and summed up.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use prometheus::Registry;
use watchkeep_genai::step::{Dialect, Evaluation, Kind as StepKind};
use watchkeep_model::{Clock, ErrorKind, SpanId, TenantId, TimeRange, TraceId};
use watchkeep_storage::Store;
use watchkeep_storage::memory::MemoryStore;

use super::given::Given;
use super::query::{FeedbackFilter, GroupBy};
use super::themes::With;
use crate::LimitsConfig;
use crate::agents::facts::{Entry, EventFact, FeedbackFact, RunFact, StepFact};
use crate::agents::ledger::LedgerQuery;
use crate::agents::observers::{Arrived, Before, DecidedStep};
use crate::engine::Engine;

/// A clock that tests set.
#[derive(Debug, Default)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now_ns(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Bench {
    engine: Engine,
    store: Arc<dyn Store>,
    clock: Arc<Hand>,
    tenant: TenantId,
}

impl Bench {
    fn new() -> Self {
        Self::over(Arc::new(MemoryStore::default()))
    }

    fn over(store: Arc<dyn Store>) -> Self {
        let clock = Arc::new(Hand(AtomicI64::new(1_000_000)));
        let hand = Arc::clone(&clock) as Arc<dyn Clock>;
        let engine = Engine::new(LimitsConfig::default(), hand, &Registry::new()).unwrap();
        engine.attach(Arc::clone(&store));
        Self { engine, store, clock, tenant: TenantId::default() }
    }

    /// The same data after a restart.
    fn again(&self) -> Self {
        Self::over(Arc::clone(&self.store))
    }

    async fn keep(&self, given: Given) -> Entry<FeedbackFact> {
        let now_ns = self.clock.now_ns();
        let entry = given.settle(self.engine.feedback_config(), now_ns).unwrap();
        self.engine.keep_feedback(&self.tenant, vec![entry]).await.unwrap().remove(0)
    }

    async fn run_comes(&self, run: Entry<RunFact>) {
        let runs = [run];
        self.engine.write_facts(&self.tenant, &runs, None).await.unwrap();
        self.engine.feedback.saw_runs(&self.tenant, &runs);
        self.engine.work_on_feedback().await.unwrap();
        // What was not known of the tenant is bound in a second round.
        self.engine.work_on_feedback().await.unwrap();
    }

    async fn step_comes(&self, step: Entry<StepFact>) {
        self.engine.write_facts(&self.tenant, std::slice::from_ref(&step), None).await.unwrap();
        let decided = [DecidedStep { step: &step, before: Before::Nothing }];
        self.engine.feedback.decided(&self.tenant, &decided);
        self.engine.work_on_feedback().await.unwrap();
    }

    async fn all(&self) -> Vec<Entry<FeedbackFact>> {
        self.list(FeedbackFilter::all(TimeRange::ALL)).await
    }

    async fn list(&self, filter: FeedbackFilter) -> Vec<Entry<FeedbackFact>> {
        self.engine.list_feedback(&self.tenant, &filter, 100, None).await.unwrap().0
    }

    async fn events(&self) -> Vec<Entry<EventFact>> {
        let query = LedgerQuery::all(TimeRange::ALL);
        let reading = self.engine.read_facts(&self.tenant, query, Vec::new(), |all, entry| {
            all.push(entry);
            Ok(true)
        });
        reading.await.unwrap()
    }
}

fn trace(byte: u8) -> TraceId {
    TraceId([byte; 16])
}

fn rated(rating: f64) -> Given {
    Given { rating: Some(rating), origin: "api", ..Given::default() }
}

fn run(byte: u8, time_ns: i64, models: &[&str]) -> Entry<RunFact> {
    let fact = serde_json::json!({
        "service": "shop-api", "agent": "shop", "agent_version": "2", "session": "s-1",
        "user": "alice", "interaction": format!("i-{byte}"), "models": models,
    });
    Entry {
        time_ns,
        written_ns: time_ns,
        trace_id: trace(byte),
        span_id: SpanId([byte; 8]),
        fact: serde_json::from_value(fact).unwrap(),
    }
}

fn step(byte: u8, time_ns: i64, model: &str, response: &str) -> Entry<StepFact> {
    let fact = serde_json::json!({
        "kind": StepKind::Llm, "dialect": Dialect::OpenInference, "service": "shop-api",
        "agent": "shop", "model": model, "response_id": response, "user": "alice",
    });
    Entry {
        time_ns,
        written_ns: time_ns,
        trace_id: trace(byte),
        span_id: SpanId([byte + 100; 8]),
        fact: serde_json::from_value(fact).unwrap(),
    }
}

fn is_bound_to_shop(entry: &Entry<FeedbackFact>) -> bool {
    let fact = &entry.fact;
    fact.bound && fact.agent == "shop" && fact.service == "shop-api" && fact.user == "alice"
}

#[tokio::test]
async fn feedback_is_bound_at_once_to_a_run_that_came_before() {
    let bench = Bench::new();
    bench.run_comes(run(1, 500, &["gpt-4o"])).await;
    let ways = [
        Given { trace_id: trace(1), ..rated(4.0) },
        Given { interaction: "i-1".into(), ..rated(4.0) },
        Given { session: "s-1".into(), ..rated(4.0) },
    ];
    for given in ways {
        let entry = bench.keep(given).await;
        assert!(is_bound_to_shop(&entry), "{:?}", serde_json::to_string(&entry.fact));
        assert_eq!((&*entry.fact.model, &*entry.fact.agent_version), ("gpt-4o", "2"));
    }
}

#[tokio::test]
async fn feedback_is_bound_when_its_run_comes_later_by_whatever_it_names() {
    let bench = Bench::new();
    let ways = [
        Given { trace_id: trace(1), ..rated(1.0) },
        Given { interaction: "i-1".into(), ..rated(1.0) },
        Given { session: "s-1".into(), ..rated(1.0) },
    ];
    for given in ways {
        assert!(!bench.keep(given).await.fact.bound);
    }
    bench.keep(Given { trace_id: trace(2), ..rated(1.0) }).await;
    bench.run_comes(run(1, 500, &["gpt-4o"])).await;
    let all = bench.all().await;
    assert_eq!(all.iter().filter(|entry| is_bound_to_shop(entry)).count(), 3);
    assert_eq!(all.len(), 4);
    // What names an interaction learns its trace; what is about a session as a whole does not.
    let traces = |id: TraceId| all.iter().filter(|entry| entry.trace_id == id).count();
    assert_eq!((traces(trace(1)), traces(trace(2)), traces(TraceId::default())), (2, 1, 1));
}

#[tokio::test]
async fn feedback_on_a_response_or_a_span_is_bound_to_the_step() {
    let bench = Bench::new();
    bench.keep(Given { response_id: "resp-1".into(), ..rated(5.0) }).await;
    let of_span = Given { trace_id: trace(1), span_id: SpanId([101; 8]), ..rated(5.0) };
    bench.keep(of_span).await;
    bench.run_comes(run(9, 1, &[])).await;
    bench.step_comes(step(1, 600, "claude", "resp-1")).await;
    for entry in bench.all().await {
        assert!(is_bound_to_shop(&entry));
        assert_eq!(entry.fact.model, "claude");
        assert_eq!((entry.trace_id, entry.span_id), (trace(1), SpanId([101; 8])));
    }
}

#[tokio::test]
async fn the_run_names_the_agent_of_a_step_that_names_none() {
    let bench = Bench::new();
    bench.run_comes(run(9, 1, &[])).await;
    bench.keep(Given { trace_id: trace(1), span_id: SpanId([101; 8]), ..rated(5.0) }).await;
    let mut nameless = step(1, 600, "claude", "resp-1");
    nameless.fact.agent.clear();
    bench.step_comes(nameless).await;
    assert!(!bench.all().await[0].fact.bound);
    bench.run_comes(run(1, 500, &["router"])).await;
    let entry = bench.all().await.remove(0);
    assert!(is_bound_to_shop(&entry));
    assert_eq!(entry.fact.model, "claude");
}

#[tokio::test]
async fn of_a_run_with_several_models_the_one_of_the_last_call_answered() {
    let bench = Bench::new();
    bench.step_comes(step(1, 700, "writer", "")).await;
    bench.step_comes(step(1, 600, "router", "")).await;
    let mut early = step(1, 600, "router", "");
    early.span_id = SpanId([7; 8]);
    bench.step_comes(early).await;
    bench.step_comes(step(1, 700, "writer", "")).await;
    bench.run_comes(run(1, 500, &["router", "writer"])).await;
    let entry = bench.keep(Given { trace_id: trace(1), ..rated(3.0) }).await;
    assert_eq!(entry.fact.model, "writer");
}

#[tokio::test]
async fn what_the_sender_said_stays_when_the_run_says_otherwise() {
    let bench = Bench::new();
    let given =
        Given { trace_id: trace(1), user: "bob".into(), model: "mine".into(), ..rated(2.0) };
    bench.keep(given).await;
    bench.run_comes(run(1, 500, &["gpt-4o"])).await;
    let entry = bench.all().await.remove(0);
    assert_eq!(
        (&*entry.fact.user, &*entry.fact.model, &*entry.fact.agent),
        ("bob", "mine", "shop")
    );
}

#[tokio::test]
async fn what_waits_is_known_again_after_a_restart_and_bound() {
    let bench = Bench::new();
    bench.keep(Given { trace_id: trace(1), ..rated(2.0) }).await;
    bench.keep(Given { trace_id: trace(2), ..rated(2.0) }).await;
    // One run came and was not told of before the process ended.
    let lost = [run(2, 400, &[])];
    bench.engine.write_facts(&bench.tenant, &lost, None).await.unwrap();
    let after = bench.again();
    after.run_comes(run(1, 500, &[])).await;
    assert!(after.all().await.iter().all(is_bound_to_shop));
}

#[tokio::test]
async fn the_same_id_again_replaces_and_keeps_its_place_in_time() {
    let bench = Bench::new();
    let given = |rating| Given { id: "x".into(), interaction: "i".into(), ..rated(rating) };
    bench.keep(given(1.0)).await;
    bench.clock.0.store(9_000_000, Ordering::Relaxed);
    bench.keep(given(5.0)).await;
    bench.keep(given(5.0)).await;
    let all = bench.all().await;
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].fact.rating, all[0].time_ns), (Some(5.0), 1_000_000));
}

#[tokio::test]
async fn what_is_taken_back_is_gone_and_its_run_does_not_bring_it_back() {
    let bench = Bench::new();
    bench
        .keep(Given { id: "x".into(), trace_id: trace(1), comment: "secret".into(), ..rated(1.0) })
        .await;
    bench.engine.delete_feedback(&bench.tenant, "x").await.unwrap();
    bench.run_comes(run(1, 500, &[])).await;
    bench.again().run_comes(run(1, 500, &[])).await;
    assert!(bench.all().await.is_empty());
    let error = bench.engine.delete_feedback(&bench.tenant, "x").await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound));
    assert!(bench.engine.feedback_of(&bench.tenant, "x").await.is_err());
}

#[tokio::test]
async fn low_ratings_are_events_that_learn_their_agent() {
    let bench = Bench::new();
    bench.keep(Given { id: "low".into(), trace_id: trace(1), ..rated(2.0) }).await;
    bench.keep(Given { id: "fine".into(), trace_id: trace(1), ..rated(3.0) }).await;
    bench.run_comes(run(1, 500, &[])).await;
    let events = bench.events().await;
    assert!(events.iter().all(|event| event.fact.id == "low_rating:low"), "{events:?}");
    let last = events.iter().max_by_key(|event| event.written_ns).unwrap();
    assert_eq!((&*last.fact.kind, &*last.fact.agent), ("low_rating", "shop"));
    assert_eq!(last.fact.title, "rating of 2 out of 5 for shop");
    assert_eq!(last.fact.details["feedback_id"], "low");
    assert_eq!(last.trace_id, trace(1));
}

#[tokio::test]
async fn judgements_of_telemetry_are_kept_once_however_often_they_are_sent() {
    let bench = Bench::new();
    let step = step(1, 600, "claude", "resp-1");
    let evaluations = [
        Evaluation {
            name: "relevance".into(),
            score: Some(0.4),
            label: "poor".into(),
            explanation: "beside the point".into(),
            source: "llm".into(),
        },
        Evaluation {
            name: "empty".into(),
            score: None,
            label: String::new(),
            explanation: String::new(),
            source: String::new(),
        },
    ];
    for _ in 0..2 {
        let arrived = [Arrived { step: &step, counts_now: true, evaluations: &evaluations }];
        bench.engine.feedback.arrived(&bench.tenant, &arrived);
        bench.engine.work_on_feedback().await.unwrap();
    }
    bench.step_comes(step.clone()).await;
    let all = bench.all().await;
    assert_eq!(all.len(), 1);
    let fact = &all[0].fact;
    assert_eq!((&*fact.name, fact.score, &*fact.label), ("relevance", Some(0.4), "poor"));
    assert_eq!((&*fact.origin, &*fact.source, fact.rating), ("openinference", "llm", None));
    assert!(is_bound_to_shop(&all[0]));
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_also_where_times_are_equal() {
    let bench = Bench::new();
    for number in 0..7 {
        let time_ns = Some(1_000 + i64::from(number / 3));
        let id = format!("f{number}");
        bench.keep(Given { id, time_ns, user: "u".into(), ..rated(3.0) }).await;
    }
    let (filter, mut after, mut seen) = (FeedbackFilter::all(TimeRange::ALL), None, Vec::new());
    loop {
        let page = bench.engine.list_feedback(&bench.tenant, &filter, 2, after).await.unwrap();
        seen.extend(page.0.into_iter().map(|entry| entry.fact.id));
        after = page.1;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["f6", "f5", "f4", "f3", "f2", "f1", "f0"]);
}

#[tokio::test]
async fn filters_and_figures_take_each_piece_once_and_as_it_stands() {
    let bench = Bench::new();
    let give = async |id: &str, user: &str, given: Given| {
        bench.keep(Given { id: id.into(), user: user.into(), ..given }).await;
    };
    give("a", "alice", Given { comment: "Wrong price".into(), ..rated(1.0) }).await;
    give("b", "alice", rated(2.0)).await;
    give("c", "bob", rated(5.0)).await;
    give("d", "bob", Given { thumbs: Some(true), ..Given::default() }).await;
    give("e", "bob", Given { name: "f1".into(), score: Some(0.5), ..Given::default() }).await;
    give("c", "bob", rated(4.0)).await;
    let ids = async |filter: FeedbackFilter| {
        let mut ids: Vec<String> =
            bench.list(filter).await.into_iter().map(|entry| entry.fact.id).collect();
        ids.sort();
        ids.join("")
    };
    let all = FeedbackFilter::all(TimeRange::ALL);
    let cases = [
        (FeedbackFilter { user: Some("alice".into()), ..all.clone() }, "ab"),
        (FeedbackFilter { rating_max: Some(2.0), ..all.clone() }, "ab"),
        (FeedbackFilter { rating_min: Some(5.0), ..all.clone() }, "d"),
        (FeedbackFilter { has_comment: Some(true), ..all.clone() }, "a"),
        (FeedbackFilter { has_comment: Some(false), ..all.clone() }, "bcde"),
        (FeedbackFilter { text: Some("PRICE".into()), ..all.clone() }, "a"),
        (FeedbackFilter { name: Some("f1".into()), ..all.clone() }, "e"),
    ];
    for (filter, expected) in cases {
        assert_eq!(ids(filter).await, expected);
    }
    let by = Some(GroupBy::User);
    let summary = bench.engine.summarize_feedback(&bench.tenant, &all, by, 10).await.unwrap();
    assert_eq!((summary.all.total, summary.all.rated, summary.all.low), (5, 4, 2));
    assert_eq!(summary.all.stars, [1, 1, 0, 1, 1]);
    assert_eq!(summary.all.average(), Some(3.0));
    let groups: Vec<_> =
        summary.groups.iter().map(|(user, tally)| (&**user, tally.average())).collect();
    assert_eq!(groups, [("bob", Some(4.5)), ("alice", Some(1.5))]);
    assert_eq!(summary.scores[0].0, "f1");
    assert_eq!(summary.trend.iter().map(|(_, tally)| tally.total).sum::<u64>(), 5);
}

#[tokio::test]
async fn themes_are_of_low_ratings_and_say_that_no_model_is_configured() {
    let bench = Bench::new();
    let comments = [
        (1.0, "wrong price"),
        (2.0, "The price was wrong"),
        (1.0, "so slow"),
        (2.0, "far too slow!"),
        (5.0, "wrong price, but nice"),
    ];
    for (number, (rating, comment)) in comments.into_iter().enumerate() {
        let id = format!("f{number}");
        let given = Given { id, user: "u".into(), comment: comment.into(), ..rated(rating) };
        bench.keep(given).await;
    }
    let filter = FeedbackFilter::all(TimeRange::ALL);
    let engine = &bench.engine;
    let found =
        engine.feedback_themes(&bench.tenant, filter.clone(), With::Auto, 10).await.unwrap();
    assert_eq!((found.comments, found.themes.len(), found.unassigned), (4, 2, 0));
    assert_eq!(found.issues, ["Price wrong (2 comments)", "Slow (2 comments)"]);
    assert_eq!(found.themes[0].average_rating, Some(1.5));
    assert!(found.model.is_none() && found.fallback.is_none());
    let error = engine.feedback_themes(&bench.tenant, filter, With::Llm, 10).await.unwrap_err();
    assert!(error.message().contains("feedback.llm.url"));
}
