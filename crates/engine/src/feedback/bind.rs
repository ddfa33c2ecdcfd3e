//! Finding what feedback is about, in the ledger: the step or the run with an id that it names.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use watchkeep_genai::step::Kind;
use watchkeep_model::{Result, SpanId, TenantId, TimeRange, TraceId};
use watchkeep_storage::seam::LogTest;

use super::Feedback;
use super::keep::either;
use super::waiting::{Key, keys_of, keys_of_run, keys_of_step};
use crate::agents::facts::{Entry, FeedbackFact, RunFact, StepFact};
use crate::agents::ledger::LedgerQuery;
use crate::agents::observers::DecidedStep;
use crate::engine::Engine;

/// Runs and steps that have an id which feedback names.
#[derive(Debug, Default)]
struct Found {
    runs: HashMap<Key, Entry<RunFact>>,
    steps: HashMap<Key, Entry<StepFact>>,
    /// The last call of a model that writes, by trace.
    calls: HashMap<TraceId, Entry<StepFact>>,
}

impl Feedback {
    /// Runs settled, or grew after they had; they are in the ledger.
    pub(crate) fn saw_runs(&self, tenant: &TenantId, runs: &[Entry<RunFact>]) {
        self.saw(tenant, runs.iter().flat_map(keys_of_run));
    }

    /// Steps were decided; they are in the ledger.
    pub(crate) fn decided(&self, tenant: &TenantId, steps: &[DecidedStep<'_>]) {
        self.saw(tenant, steps.iter().flat_map(|decided| keys_of_step(decided.step)));
    }

    fn saw(&self, tenant: &TenantId, keys: impl Iterator<Item = Key>) {
        let mut state = self.state.lock();
        if !state.known.contains(tenant) {
            if state.jobs.know.insert(tenant.clone()) {
                self.wake.notify_one();
            }
        } else if !state.waiting.is_empty() {
            let mut ids = BTreeSet::new();
            state.waiting.named(tenant, keys, &mut ids);
            if !ids.is_empty() {
                state.jobs.bind.extend(ids.into_iter().map(|id| (tenant.clone(), id)));
                self.wake.notify_one();
            }
        }
    }
}

impl Engine {
    /// Fills in what is known of what entries are about, and marks those that are bound.
    pub(super) async fn bind(
        &self,
        tenant: &TenantId,
        entries: &mut [Entry<FeedbackFact>],
    ) -> Result<()> {
        let keys: BTreeSet<Key> = entries.iter().flat_map(keys_of).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let found = self.find_runs(tenant, &keys).await?;
        let found = self.find_steps(tenant, &keys, found).await?;
        for entry in entries {
            bind_one(entry, &found);
        }
        Ok(())
    }

    async fn find_runs(&self, tenant: &TenantId, keys: &BTreeSet<Key>) -> Result<Found> {
        let tests: Vec<LogTest> = keys
            .iter()
            .filter_map(|key| match key {
                Key::Trace(id) => Some(LogTest::Words(vec![id.to_string()])),
                Key::Session(text) | Key::Interaction(text) => Some(mentions(text)),
                Key::Span(_) | Key::Response(_) => None,
            })
            .collect();
        if tests.is_empty() {
            return Ok(Found::default());
        }
        let query = LedgerQuery { test: either(tests), ..LedgerQuery::all(TimeRange::ALL) };
        let keys = keys.clone();
        self.read_facts(tenant, query, Found::default(), move |found, run: Entry<RunFact>| {
            for key in keys_of_run(&run).filter(|key| keys.contains(key)) {
                let known = found.runs.get(&key);
                let is_better = known.is_none_or(|known| is_better_run(&key, &run, known));
                if is_better {
                    found.runs.insert(key, run.clone());
                }
            }
            Ok(true)
        })
        .await
    }

    async fn find_steps(
        &self,
        tenant: &TenantId,
        keys: &BTreeSet<Key>,
        found: Found,
    ) -> Result<Found> {
        let several = found.runs.values().filter(|run| run.fact.models.len() > 1);
        let traces: BTreeSet<TraceId> = several.map(|run| run.trace_id).collect();
        let mut tests: Vec<LogTest> = keys
            .iter()
            .filter_map(|key| match key {
                Key::Span(id) => Some(LogTest::Words(vec![id.to_string()])),
                Key::Response(text) | Key::Interaction(text) => Some(mentions(text)),
                Key::Trace(_) | Key::Session(_) => None,
            })
            .collect();
        tests.extend(traces.iter().map(|id| LogTest::Words(vec![id.to_string()])));
        if tests.is_empty() {
            return Ok(found);
        }
        let query = LedgerQuery { test: either(tests), ..LedgerQuery::all(TimeRange::ALL) };
        let keys = keys.clone();
        self.read_facts(tenant, query, found, move |found, step: Entry<StepFact>| {
            for key in keys_of_step(&step).filter(|key| keys.contains(key)) {
                let known = found.steps.get(&key);
                if known.is_none_or(|known| is_better_step(&step, known)) {
                    found.steps.insert(key, step.clone());
                }
            }
            if step.fact.kind == Kind::Llm && traces.contains(&step.trace_id) {
                let known = found.calls.get(&step.trace_id);
                let order = |step: &Entry<StepFact>| (step.time_ns, step.written_ns);
                if known.is_none_or(|known| order(&step) >= order(known)) {
                    found.calls.insert(step.trace_id, step);
                }
            }
            Ok(true)
        })
        .await
    }
}

fn mentions(text: &str) -> LogTest {
    LogTest::Contains(serde_json::Value::from(text).to_string())
}

/// Of one run the last one written; of a trace the run that began first; of a session or interaction
/// the latest.
fn is_better_run(key: &Key, run: &Entry<RunFact>, known: &Entry<RunFact>) -> bool {
    if (run.trace_id, run.span_id) == (known.trace_id, known.span_id) {
        run.written_ns >= known.written_ns
    } else if matches!(key, Key::Trace(_)) {
        run.time_ns < known.time_ns
    } else {
        run.time_ns > known.time_ns
    }
}

/// Of one step the last one written; else one that names an agent, then the latest.
fn is_better_step(step: &Entry<StepFact>, known: &Entry<StepFact>) -> bool {
    if (step.trace_id, step.span_id) == (known.trace_id, known.span_id) {
        return step.written_ns >= known.written_ns;
    }
    let order = |step: &Entry<StepFact>| (!step.fact.agent.is_empty(), step.time_ns);
    order(step) > order(known)
}

fn fill(member: &mut String, known: &str) {
    if member.is_empty() {
        known.clone_into(member);
    }
}

fn bind_one(entry: &mut Entry<FeedbackFact>, found: &Found) {
    let keys = keys_of(entry);
    let fact = &entry.fact;
    let response = || found.steps.get(&Key::Response(fact.response_id.clone()));
    let span = || {
        found
            .steps
            .get(&Key::Span(entry.span_id))
            .filter(|step| entry.trace_id == TraceId::default() || step.trace_id == entry.trace_id)
    };
    let of_interaction = || Key::Interaction(fact.interaction.clone());
    let run = found.runs.get(&Key::Trace(entry.trace_id));
    if let Some(step) = response().or_else(span) {
        bind_to_step(entry, step);
        // A step may name no agent while its run does; the run is waited for where it will be found.
        if let Some(run) = run {
            bind_to_run(entry, run, None, false);
        } else if entry.fact.agent.is_empty() {
            entry.fact.bound = !keys.contains(&Key::Trace(entry.trace_id));
        }
        return;
    }
    if let Some(run) = run.or_else(|| found.runs.get(&of_interaction())) {
        let call = found.calls.get(&run.trace_id);
        return bind_to_run(entry, run, call, true);
    }
    if let Some(step) = found.steps.get(&of_interaction()) {
        return bind_to_step(entry, step);
    }
    // About a session as a whole: which of its traces is not known. A trace that is named and was not
    // found is waited for.
    if entry.trace_id == TraceId::default()
        && fact.interaction.is_empty()
        && fact.response_id.is_empty()
        && let Some(run) = found.runs.get(&Key::Session(fact.session.clone()))
    {
        bind_to_run(entry, run, found.calls.get(&run.trace_id), false);
    }
}

fn bind_to_step(entry: &mut Entry<FeedbackFact>, step: &Entry<StepFact>) {
    let (fact, known) = (&mut entry.fact, &step.fact);
    fill(&mut fact.service, &known.service);
    fill(&mut fact.agent, &known.agent);
    fill(&mut fact.agent_version, &known.agent_version);
    fill(&mut fact.model, &known.model);
    fill(&mut fact.session, &known.session);
    fill(&mut fact.user, &known.user);
    fill(&mut fact.interaction, &known.interaction);
    fill(&mut fact.environment, &known.environment);
    fact.bound = true;
    if entry.trace_id == TraceId::default() {
        entry.trace_id = step.trace_id;
    }
    if entry.span_id == SpanId::default() {
        entry.span_id = step.span_id;
    }
}

fn bind_to_run(
    entry: &mut Entry<FeedbackFact>,
    run: &Entry<RunFact>,
    last_call: Option<&Entry<StepFact>>,
    is_its_trace: bool,
) {
    let (fact, known) = (&mut entry.fact, &run.fact);
    fill(&mut fact.service, &known.service);
    fill(&mut fact.agent, &known.agent);
    fill(&mut fact.agent_version, &known.agent_version);
    let answered = last_call.map(|call| call.fact.model.as_str());
    let model = answered.or_else(|| known.models.first().map(String::as_str));
    fill(&mut fact.model, model.unwrap_or_default());
    fill(&mut fact.session, &known.session);
    fill(&mut fact.user, &known.user);
    fill(&mut fact.interaction, &known.interaction);
    fill(&mut fact.environment, &known.environment);
    fact.bound = true;
    if is_its_trace && entry.trace_id == TraceId::default() {
        entry.trace_id = run.trace_id;
    }
}
