//! The book alone: steps in any order, in any batches, at any time come out as the same money.

#![expect(clippy::indexing_slicing, reason = "a test that is out of range has failed")]

use std::collections::BTreeMap;

use ecow::EcoString;
use proptest::prelude::*;
use watchkeep_genai::step::{Dialect, Part};
use watchkeep_genai::{Bucket, Kind, Step, Usage};

use super::*;
use crate::agents::facts::Tokens;
use crate::agents::seen;

const SECOND: i64 = 1_000_000_000;
const TRACE: TraceId = TraceId([7; 16]);

fn rules() -> Rules {
    Rules::of(&AgentsConfig::default())
}

fn id(number: u8) -> SpanId {
    SpanId([0, 0, 0, 0, 0, 0, 0, number])
}

fn told(kind: Kind, name: &str, tokens: u64) -> Box<Told> {
    let mut step = Step::new(kind, Dialect::OpenTelemetry);
    if kind == Kind::Agent {
        name.clone_into(&mut step.agent);
    } else {
        name.clone_into(&mut step.request_model);
    }
    let mut usage = Usage::default();
    usage.set(Bucket::Input, tokens);
    step.usage = usage;
    step.reported_cost = (tokens > 0).then_some(tokens as f64 / 1_000.0);
    let mut told = seen::told(
        step,
        0,
        &watchkeep_genai::price::PriceBook::default(),
        &mut seen::Shared::default(),
    );
    told.fact.cost_usd = tokens as f64 / 1_000.0;
    Box::new(told)
}

fn step(number: u8, parent: u8, kind: Kind, tokens: u64) -> Seen {
    let name = if kind == Kind::Agent { format!("agent{number}") } else { "m".to_owned() };
    let mut told = told(kind, &name, tokens);
    told.time_ns = i64::from(number);
    Seen { trace_id: TRACE, span_id: id(number), parent: id(parent), told: Some(told) }
}

fn plain(number: u8, parent: u8) -> Seen {
    Seen { trace_id: TRACE, span_id: id(number), parent: id(parent), told: None }
}

/// A book with the store, the ledger and an observer around it.
#[derive(Default)]
struct Game {
    book: Book,
    now_ns: i64,
    /// What is durable.
    stored: Vec<Seen>,
    /// The last fact of each step.
    ledger: BTreeMap<(TraceId, SpanId), Entry<StepFact>>,
    runs: BTreeMap<SpanId, RunFact>,
    events: Vec<EventFact>,
    /// What an observer thinks was spent, by what it was told.
    spent: f64,
    first_runs: usize,
    calls: usize,
    lookups: usize,
}

impl Game {
    fn show(&mut self, spans: impl IntoIterator<Item = Seen>) {
        for seen in spans {
            self.stored.push(seen.clone());
            let must_look = self.book.must_look(seen.trace_id);
            let arrived = seen.told.as_deref().filter(|told| {
                !must_look && told.fact.kind.calls_model() && !told.is_aggregate && !told.is_free
            });
            let arrival = arrived.map(|_| Arrival { counts_now: true });
            if let (Taken::NewStep, Some(entry)) = self.book.take(seen, self.now_ns, arrival) {
                self.spent += entry.fact.cost_usd;
            }
        }
    }

    fn note(&mut self, decisions: Decisions) {
        for decision in decisions.steps {
            let before = match &decision.before {
                Earlier::Arrived(entry) => entry.fact.cost_usd,
                Earlier::Decided(old) if old.fact.counted == Counted::Yes => old.fact.cost_usd,
                _ => 0.0,
            };
            let fact = &decision.entry.fact;
            self.spent -= before;
            self.spent += if fact.counted == Counted::Yes { fact.cost_usd } else { 0.0 };
            self.calls += usize::from(decision.is_call && fact.kind == Kind::Llm);
            if !decision.is_known {
                let key = (decision.entry.trace_id, decision.entry.span_id);
                self.ledger.insert(key, Entry::clone(&decision.entry));
            }
        }
        for run in decisions.runs {
            self.first_runs += usize::from(run.is_first);
            self.runs.insert(run.entry.span_id, run.entry.fact);
        }
        self.events.extend(decisions.events.into_iter().map(|event| event.fact));
        for (id, was_here) in decisions.lookups {
            self.look_up(id, was_here);
        }
    }

    fn look_up(&mut self, id: TraceId, was_here: bool) {
        self.lookups += 1;
        let spans = self.stored.iter().filter(|seen| seen.trace_id == id).cloned().collect();
        let facts = self.ledger.values().filter(|entry| was_here && entry.trace_id == id);
        let facts = facts.cloned().collect();
        let runs = self.runs.keys().copied().collect();
        self.book.learn(id, spans, facts, runs, self.now_ns);
    }

    fn wait(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.now_ns += SECOND;
            let decisions = self.book.due(&rules(), self.now_ns);
            self.note(decisions);
        }
    }

    /// A crash: only the store and the ledger are left.
    fn crash(&mut self) {
        self.book = Book::default();
        for (trace, _) in self.ledger.keys() {
            self.book.was_here(*trace, &rules());
        }
        let missing: Vec<Seen> = self
            .stored
            .iter()
            .filter(|seen| {
                seen.told.is_some() && !self.ledger.contains_key(&(seen.trace_id, seen.span_id))
            })
            .cloned()
            .collect();
        self.spent = self.cost();
        let counts_a_sum = self.counted().any(|fact| !fact.kind.calls_model());
        if missing.is_empty() && !counts_a_sum {
            return;
        }
        self.look_up(TRACE, true);
        let stored = self.stored.len();
        self.show(missing);
        self.stored.truncate(stored);
    }

    fn counted(&self) -> impl Iterator<Item = &StepFact> {
        let facts = self.ledger.values().map(|entry| &entry.fact);
        facts.filter(|fact| fact.counted == Counted::Yes)
    }

    fn tokens(&self) -> u64 {
        self.counted().map(|fact| fact.tokens.0.total()).sum()
    }

    fn cost(&self) -> f64 {
        self.counted().map(|fact| fact.cost_usd).sum()
    }

    fn fact(&self, number: u8) -> &StepFact {
        &self.ledger[&(TRACE, id(number))].fact
    }
}

/// An agent with two calls of models below a plain span, and the sum on the agent.
fn trace() -> [Seen; 4] {
    [
        step(1, 0, Kind::Agent, 300),
        plain(2, 1),
        step(3, 2, Kind::Llm, 100),
        step(4, 2, Kind::Llm, 200),
    ]
}

#[test]
fn a_roll_up_that_comes_before_or_after_its_children_never_counts() {
    // phoenix#12768, openinference#3164 and others: totals are two to three times too high.
    let mut orders = vec![trace().to_vec(), trace().into_iter().rev().collect()];
    orders.push(vec![trace()[2].clone(), trace()[0].clone(), trace()[3].clone(), plain(2, 1)]);
    for gap in [0, 1, 11, 400] {
        for order in &orders {
            let mut game = Game::default();
            for seen in order {
                game.show([seen.clone()]);
                game.wait(gap);
            }
            game.wait(15);
            assert_eq!(game.tokens(), 300, "gap {gap}, order {order:?}");
        }
    }
}

#[test]
fn tokens_and_cost_are_taken_over_the_same_steps() {
    // mlflow#25007: the totals of tokens and of cost are over different sets of spans.
    let mut spans = trace();
    // The agent says what it cost and not how many tokens it took.
    let agent = spans[0].told.as_mut().unwrap();
    agent.fact.tokens = Tokens::default();
    let mut game = Game::default();
    game.show(spans);
    game.wait(15);
    let is_of_calls = |usd: f64| (usd - 0.3).abs() < 1e-9;
    assert!(game.tokens() == 300 && is_of_calls(game.cost()));
    let run = &game.runs[&id(1)];
    assert!(run.tokens.0.total() == 300 && is_of_calls(run.cost_usd));
    assert_eq!(game.fact(1).counted, Counted::RolledUp);
}

#[test]
fn an_agent_that_alone_tells_tokens_counts_once_it_settled() {
    let mut game = Game::default();
    game.show([step(1, 0, Kind::Agent, 300)]);
    game.wait(9);
    assert!(game.ledger.is_empty(), "a step below may still come");
    game.wait(2);
    assert_eq!((game.tokens(), game.fact(1).counted), (300, Counted::Yes));
    // What comes too late is covered, so that no counter must fall.
    game.show([step(3, 1, Kind::Llm, 100)]);
    game.wait(1);
    assert_eq!((game.tokens(), game.fact(3).counted), (300, Counted::Covered));
    assert_eq!(game.fact(3).agent, "agent1");
}

#[test]
fn a_call_counts_at_once_when_all_above_it_is_known() {
    let mut game = Game::default();
    game.show([step(1, 0, Kind::Agent, 0), step(3, 1, Kind::Llm, 100)]);
    game.wait(1);
    let fact = game.fact(3);
    assert_eq!((fact.counted, fact.agent.as_str(), fact.run), (Counted::Yes, "agent1", id(1)));
}

#[test]
fn a_call_that_is_told_of_by_framework_and_client_counts_once() {
    let mut game = Game::default();
    game.show([step(2, 0, Kind::Llm, 100), step(3, 2, Kind::Llm, 100)]);
    game.wait(15);
    assert_eq!((game.tokens(), game.calls), (100, 1));
    assert_eq!(game.fact(2).counted, Counted::RolledUp);
    assert_eq!(game.runs[&id(2)].llm_calls, 1);
    // The outer one first, and decided before the inner one came.
    let mut game = Game::default();
    game.show([step(2, 0, Kind::Llm, 100)]);
    game.wait(1);
    game.show([step(3, 2, Kind::Llm, 100)]);
    game.wait(15);
    assert_eq!((game.tokens(), game.calls), (100, 1));
    assert_eq!(game.fact(3).counted, Counted::Covered);
}

/// Two instrumentations that know nothing of each other tell of one call, as Anthropic's client and
/// OpenLLMetry do: as siblings, or in traces of their own.
#[test]
fn a_response_that_is_told_of_twice_side_by_side_counts_once() {
    let answering = |number: u8, parent: u8, response: &str| {
        let mut seen = step(number, parent, Kind::Llm, 100);
        seen.told.as_mut().unwrap().fact.response_id = response.into();
        seen
    };
    let mut game = Game::default();
    game.show([step(1, 0, Kind::Agent, 0), answering(2, 1, "msg_1"), answering(3, 1, "msg_1")]);
    game.show([answering(4, 1, "msg_2")]);
    game.wait(15);
    assert_eq!(game.tokens(), 200);
    assert!((game.spent - 0.2).abs() < 1e-9, "{}", game.spent);
    assert_eq!(game.fact(3).counted, Counted::Covered);
    assert_eq!(game.runs[&id(1)].llm_calls, 2);
    let elsewhere = Seen { trace_id: TraceId([9; 16]), ..answering(7, 0, "msg_2") };
    game.show([elsewhere]);
    game.wait(15);
    assert_eq!(game.tokens(), 200);
    // One above the other is a matter of depth, not of order.
    let mut game = Game::default();
    game.show([answering(3, 2, "msg_1"), answering(2, 0, "msg_1"), answering(4, 2, "msg_1")]);
    game.wait(15);
    assert_eq!(game.tokens(), 100);
}

/// Logfire tells of a stream by a span of the request and a record at its end, and the client below by
/// a span of its own: as parts of one trace, or of two.
#[test]
fn a_stream_that_the_client_and_a_record_at_its_end_tell_of_counts_once() {
    let part = |number: u8, parent: u8, tokens: u64, part: Part, extent: (i64, i64)| {
        let mut seen = step(number, parent, Kind::Llm, tokens);
        let told = seen.told.as_mut().unwrap();
        (told.part, told.time_ns, told.fact.duration_ns) = (part, extent.0, extent.1);
        if part == Part::Whole {
            told.fact.response_id = format!("msg_{number}").into();
        }
        seen
    };
    let request = |number, parent| part(number, parent, 0, Part::Request, (10, 5));
    let client = |number, parent, extent| part(number, parent, 100, Part::Whole, extent);
    let stream =
        |number, parent, at| part(number, parent, 100, Part::Stream { read_ns: 20 }, (at, 20));
    let apart = |seen: Seen| Seen { trace_id: TraceId([9; 16]), ..seen };
    // The record is made some time after.
    let of_one = [request(2, 1), client(3, 2, (11, 25)), stream(4, 1, SECOND)];
    for order in [[0, 1, 2], [0, 2, 1], [2, 1, 0]] {
        for is_apart in [false, true] {
            let mut game = Game::default();
            game.show([step(1, 0, Kind::Agent, 0)]);
            let mut shown = order.map(|at| of_one[at].clone());
            if is_apart {
                shown = shown.map(|seen| if seen.span_id == id(4) { apart(seen) } else { seen });
            }
            game.show(shown);
            game.wait(15);
            assert_eq!((game.tokens(), game.calls), (100, 1), "{order:?} {is_apart}");
            assert!((game.spent - 0.1).abs() < 1e-9, "{}", game.spent);
            assert_eq!(game.runs[&id(1)].llm_calls, 1);
        }
    }
    // A client that tells of another call, which was long over or begins later; a request that was
    // answered at once; and a framework above.
    let others = [
        (client(3, 1, (11, 25)), stream(4, 1, 20 * SECOND), 200),
        (client(3, 1, (11, 25)), stream(4, 1, 9), 200),
        (part(3, 1, 100, Part::Request, (11, 25)), stream(4, 1, 16), 200),
        (client(3, 1, (11, 25)), stream(4, 3, 16), 100),
    ];
    for (other, stream, tokens) in others {
        let mut game = Game::default();
        game.show([step(1, 0, Kind::Agent, 0), stream, other]);
        game.wait(15);
        assert_eq!((game.tokens(), game.calls), (tokens, 1));
    }
    // Calls at the same time that are equal in everything, sent twice.
    let both = [request(2, 1), client(3, 2, (11, 25)), stream(4, 1, 16)];
    let both = both.into_iter().chain([request(5, 1), stream(7, 1, 17), client(6, 5, (11, 25))]);
    let mut game = Game::default();
    game.show([step(1, 0, Kind::Agent, 0)]);
    game.show(both.clone());
    game.wait(15);
    game.show(both);
    game.wait(15);
    assert_eq!((game.tokens(), game.calls), (200, 2));
}

#[test]
fn an_embedding_below_a_call_of_a_model_does_not_hide_it() {
    let mut game = Game::default();
    game.show([step(2, 0, Kind::Llm, 100), step(3, 2, Kind::Embedding, 5)]);
    game.wait(15);
    assert_eq!(game.tokens(), 105);
}

#[test]
fn a_later_copy_of_a_span_replaces_it() {
    let mut game = Game::default();
    game.show([step(3, 0, Kind::Llm, 10)]);
    game.wait(1);
    assert_eq!(game.tokens(), 10);
    game.show([step(3, 0, Kind::Llm, 40)]);
    game.wait(1);
    assert_eq!((game.tokens(), game.calls), (40, 1));
    game.show([step(3, 0, Kind::Llm, 30)]);
    game.wait(1);
    assert_eq!(game.tokens(), 30);
    assert!((game.spent - 0.03).abs() < 1e-9);
}

#[test]
fn free_steps_and_declared_sums_never_count() {
    let mut game = Game::default();
    let (mut free, mut sum) = (step(2, 0, Kind::Llm, 100), step(3, 0, Kind::Llm, 100));
    free.told.as_mut().unwrap().is_free = true;
    sum.told.as_mut().unwrap().is_aggregate = true;
    game.show([free, sum]);
    game.wait(15);
    assert_eq!(game.tokens(), 0);
    assert_eq!(game.fact(2).counted, Counted::Free);
    assert_eq!(game.fact(3).counted, Counted::RolledUp);
}

#[test]
fn session_user_and_agent_come_from_the_nearest_step_above_that_tells() {
    let mut agent = step(1, 0, Kind::Agent, 0);
    agent.told.as_mut().unwrap().fact.user = "kim".into();
    let mut inner = step(2, 1, Kind::Agent, 0);
    inner.told.as_mut().unwrap().fact.session = "s1".into();
    let mut game = Game::default();
    game.show([step(4, 3, Kind::Llm, 1), plain(3, 2), inner, agent]);
    game.wait(1);
    let fact = game.fact(4);
    assert_eq!((&*fact.user, &*fact.session, &*fact.agent), ("kim", "s1", "agent2"));
    assert_eq!(fact.run, id(1));
    // The one above changes its mind.
    let mut agent = step(1, 0, Kind::Agent, 0);
    agent.told.as_mut().unwrap().fact.user = "lee".into();
    game.show([agent]);
    game.wait(1);
    assert_eq!(game.fact(4).user, "lee");
}

#[test]
fn a_trace_whose_plain_parents_came_first_is_read_from_the_store() {
    let mut game = Game::default();
    game.show([plain(1, 0), plain(2, 1)]);
    assert!(game.book.traces.is_empty(), "plain traces are not held");
    game.show([step(3, 2, Kind::Llm, 100)]);
    game.wait(15);
    assert_eq!((game.tokens(), game.lookups), (100, 1));
}

#[test]
fn what_is_sent_again_after_the_trace_was_let_go_counts_once() {
    let mut game = Game::default();
    game.show(trace());
    game.wait(400);
    assert!(game.book.traces.is_empty(), "it is forgotten");
    assert_eq!(game.first_runs, 1);
    game.show(trace());
    game.wait(15);
    game.show([step(5, 2, Kind::Llm, 50)]);
    game.wait(15);
    assert_eq!(game.tokens(), 350);
    assert_eq!((game.first_runs, game.calls), (1, 3));
    assert!((game.spent - 0.35).abs() < 1e-9);
}

#[test]
fn circles_and_steps_of_themselves_end() {
    let mut game = Game::default();
    game.show([step(1, 2, Kind::Agent, 9), step(2, 1, Kind::Llm, 5), step(3, 3, Kind::Llm, 7)]);
    game.wait(130);
    assert_eq!(game.ledger.len(), 3);
}

#[test]
fn a_retry_is_a_step_after_one_of_its_kind_that_failed() {
    let mut failed = step(2, 1, Kind::Llm, 0);
    failed.told.as_mut().unwrap().fact.error = "timeout".into();
    let mut game = Game::default();
    game.show([
        step(1, 0, Kind::Agent, 0),
        failed,
        step(3, 1, Kind::Llm, 5),
        step(4, 1, Kind::Llm, 5),
    ]);
    game.wait(15);
    assert_eq!([2, 3, 4].map(|number| game.fact(number).retry), [false, true, false]);
    let run = &game.runs[&id(1)];
    assert_eq!((run.retries, run.llm_calls, run.llm_errors), (1, 3, 1));
}

#[test]
fn a_loop_is_told_of_while_the_run_goes_on_and_once() {
    let mut game = Game::default();
    game.show([step(1, 0, Kind::Agent, 0)]);
    for number in 2..12 {
        let mut tool = step(number, 1, Kind::Tool, 0);
        let fact = &mut tool.told.as_mut().unwrap().fact;
        fact.tool = "search".into();
        fact.tool_arguments_hash = 5;
        game.show([tool]);
        game.wait(1);
        assert_eq!(game.events.len(), usize::from(number >= 4), "{number}");
    }
    assert_eq!(game.fact(4).loop_kind, "same_call");
    game.wait(15);
    assert_eq!(game.runs[&id(1)].loops, ["same_call"]);
    assert_eq!(game.events[0].agent, "agent1");
}

/// Clients send a span when it ends, so the agents above a loop arrive one after the other.
#[test]
fn a_loop_is_told_of_once_though_its_run_turns_out_to_be_another() {
    let mut game = Game::default();
    for number in 4..9 {
        let mut tool = step(number, 3, Kind::Tool, 0);
        let fact = &mut tool.told.as_mut().unwrap().fact;
        fact.tool = "search".into();
        fact.tool_arguments_hash = 5;
        game.show([tool]);
    }
    for (agent, parent) in [(3, 2), (2, 1), (1, 0)] {
        game.show([step(agent, parent, Kind::Agent, 0)]);
        game.wait(130);
    }
    assert_eq!(game.events.len(), 1, "{:?}", game.events);
    assert_eq!(game.runs[&id(1)].loops, ["same_call"]);
}

#[test]
fn beyond_the_bound_the_oldest_traces_are_decided_early() {
    let mut book = Book::default();
    for number in 1..=20_u8 {
        let mut seen = step(3, 2, Kind::Llm, 10);
        seen.trace_id = TraceId([number; 16]);
        book.take(seen, i64::from(number), None);
    }
    let mut out = Decisions::default();
    book.make_room(5, &rules(), 100, &mut out);
    assert_eq!((book.spans(), out.steps.len(), out.early), (5, 15, 15));
    assert!(book.traces.contains_key(&TraceId([20; 16])));
    assert!(!book.traces.contains_key(&TraceId([1; 16])));
}

/// A trace: for each span after the root its parent, and what it is.
#[derive(Debug, Clone)]
struct Shape {
    spans: Vec<(u8, u8)>,
}

impl Shape {
    fn spans(&self) -> Vec<Seen> {
        let parents = |at: usize| usize::from(self.spans[at].0) % (at + 1);
        let is_leaf = |at: usize| !(at..self.spans.len()).any(|later| parents(later) == at + 1);
        let mut sums = vec![0_u64; self.spans.len() + 1];
        let own = |at: usize| if is_leaf(at) { 10 + at as u64 } else { 0 };
        for at in (0..self.spans.len()).rev() {
            sums[at + 1] += own(at);
            let sum = sums[at + 1];
            sums[parents(at)] += sum;
        }
        let mut spans = vec![step(1, 0, Kind::Agent, sums[0])];
        for (at, (_, what)) in self.spans.iter().enumerate() {
            let (number, parent) = (at as u8 + 2, parents(at) as u8 + 1);
            spans.push(match what % 5 {
                _ if is_leaf(at) => step(number, parent, Kind::Llm, own(at)),
                0 | 1 => plain(number, parent),
                2 => step(number, parent, Kind::Workflow, sums[at + 1]),
                3 => step(number, parent, Kind::Agent, 0),
                _ => step(number, parent, Kind::Agent, sums[at + 1]),
            });
        }
        spans
    }

    fn tokens(&self) -> u64 {
        let spans = self.spans();
        let calls = spans.iter().filter_map(|seen| seen.told.as_ref());
        calls
            .filter(|told| told.fact.kind == Kind::Llm)
            .map(|told| told.fact.tokens.0.total())
            .sum()
    }
}

/// Texts that a step has from those above it where it tells none.
fn inherited(fact: &mut StepFact) -> [&mut EcoString; 7] {
    let StepFact { agent, session, user, interaction, workflow, release, environment, .. } = fact;
    [agent, session, user, interaction, workflow, release, environment]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn each_field_comes_from_the_nearest_step_above_that_tells_it(
        // The step above each, and which of its fields it tells.
        tells in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let above: Vec<usize> =
            tells.iter().enumerate().map(|(at, (above, _))| above.index(at + 1)).collect();
        let mut game = Game::default();
        game.show(tells.iter().enumerate().map(|(at, (_, bits))| {
            let mut seen = step(at as u8 + 1, above[at] as u8, Kind::Tool, 0);
            let fact = &mut seen.told.as_mut().unwrap().fact;
            for (field, value) in inherited(fact).into_iter().enumerate() {
                *value = if bits & 1 << field != 0 { format!("{at}") } else { String::new() }.into();
            }
            if bits & 1 << 7 != 0 {
                fact.tags = [EcoString::from(format!("{at}"))].into();
            }
            seen
        }));
        game.wait(60);
        for at in 0..tells.len() {
            let mut fact = game.fact(at as u8 + 1).clone();
            let teller = |field: usize| {
                let mut line = std::iter::successors(Some(at), |at| above[*at].checked_sub(1));
                let found = line.find(|at| tells[*at].1 & 1 << field != 0);
                found.map(|at| format!("{at}")).unwrap_or_default()
            };
            prop_assert_eq!(fact.tags.first().map_or("", |tag| tag), teller(7));
            for (field, value) in inherited(&mut fact).into_iter().enumerate() {
                prop_assert_eq!(&**value, teller(field), "field {} of {}", field, at);
            }
        }
    }

    /// Any order, any batches, any duplicates, any pauses and a crash: the ledger holds what the
    /// calls of models told, and so does who was told of every step.
    #[test]
    fn splitting_and_ordering_keep_tokens_and_cost(
        spans in prop::collection::vec((any::<u8>(), any::<u8>()), 1..12),
        order in prop::collection::vec(any::<u16>(), 13),
        again in prop::collection::vec(any::<bool>(), 13),
        pauses in prop::collection::vec(prop_oneof![4 => Just(0_i64), 2 => Just(1), 1 => Just(12), 1 => Just(320)], 13),
        crash in prop::option::of(0_usize..13),
    ) {
        let shape = Shape { spans };
        let mut shown: Vec<(u16, Seen)> = order.into_iter().zip(shape.spans()).collect();
        shown.sort_by_key(|(key, _)| *key);
        let mut game = Game::default();
        for (at, (_, seen)) in shown.iter().enumerate() {
            game.show([seen.clone()]);
            game.wait(pauses[at]);
            if again[at] {
                game.show([shown[at / 2].1.clone()]);
            }
            if crash == Some(at) {
                game.crash();
            }
        }
        game.wait(150);
        prop_assert_eq!(game.tokens(), shape.tokens());
        prop_assert!((game.spent - game.cost()).abs() < 1e-9, "spent {} cost {}", game.spent, game.cost());
    }
}
