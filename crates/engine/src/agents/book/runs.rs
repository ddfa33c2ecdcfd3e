//! Runs: what the steps below an agent make up, and loops in them.

use hashbrown::HashMap;
use twox_hash::XxHash64;
use watchkeep_genai::Kind;
use watchkeep_genai::loops::{self, Turn};
use watchkeep_genai::price::CostSource;
use watchkeep_model::{SpanId, TraceId};

use super::decide::{Owners, View};
use super::held::Held;
use super::{Decisions, RunDecision, Trace};
use crate::agents::facts::{Counted, Entry, EventFact, Fact as _, RunFact};

/// Steps of a run that are looked at for loops: the last so many.
const LOOP_TURNS_MAX: usize = 2_000;

/// Kinds of loops by the position of the step that they were found with.
pub(super) fn loops(
    view: &View<'_>,
    owners: &Owners,
    repeats: usize,
) -> HashMap<usize, &'static str> {
    let inner = view.by_time.iter().filter(|at| !view.is_outer[**at]);
    let mut by_run: Vec<(usize, usize)> =
        inner.filter_map(|at| Some((view.runs[*at]?, *at))).collect();
    // Within a run they stay in the order of time.
    by_run.sort_by_key(|(run, _)| *run);
    let mut found = HashMap::new();
    for places in by_run.chunk_by(|(run, _), (next, _)| run == next) {
        let places = &places[places.len().saturating_sub(LOOP_TURNS_MAX)..];
        let steps = places.iter().filter_map(|(_, at)| Some((view.steps[*at]?, *at)));
        let turns = steps.map(|(step, at)| turn(step, owners.agent_of(view, at)));
        let turns: Vec<Turn<'_>> = turns.collect();
        for one in loops::find(&turns, repeats) {
            found.entry(places[one.at].1).or_insert(one.kind.name());
        }
    }
    found
}

fn turn<'a>(step: &'a Held, agent: &'a str) -> Turn<'a> {
    let fact = step.fact();
    Turn {
        kind: fact.kind,
        name: if fact.kind == Kind::Tool { &fact.tool } else { &fact.model },
        agent,
        arguments: fact.tool_arguments_hash,
        result: fact.tool_result_hash,
        error: &fact.error,
        input_tokens: fact.tokens.0.input(),
    }
}

impl Trace {
    /// Tells of runs that are new or not what they were.
    pub(super) fn tell_runs(&mut self, id: TraceId, now_ns: i64, out: &mut Decisions) {
        let steps = self.nodes.values().filter_map(|node| node.step.as_deref());
        let mut steps: Vec<&Held> = steps.filter(|step| step.fact().run.is_some()).collect();
        steps.sort_unstable_by_key(|step| (step.fact().run, step.time_ns(), step.entry.span_id));
        for steps in steps.chunk_by(|one, next| one.fact().run == next.fact().run) {
            let run = steps[0].fact().run;
            let Some(top) = self.nodes.get(&run).and_then(|node| node.step.as_deref()) else {
                continue;
            };
            let (time_ns, fact) = run_fact(top, steps);
            let told = self.runs.get(&run);
            let hash = hash(&fact);
            if told == Some(&hash) {
                continue;
            }
            let is_first = told.is_none() && !self.told_before.contains(&run);
            self.runs.insert(run, hash);
            let entry = Entry { time_ns, written_ns: now_ns, trace_id: id, span_id: run, fact };
            out.runs.push(RunDecision { entry, is_first });
        }
    }

    /// Tells of loops once for each run and kind.
    pub(super) fn tell_loops(
        &mut self,
        id: TraceId,
        found: Vec<(SpanId, SpanId, &'static str)>,
        now_ns: i64,
        out: &mut Decisions,
    ) {
        for (run, span, kind) in found {
            let known = [(run, kind), (span, kind)];
            let is_told = known.iter().any(|one| self.loops.contains(one));
            self.loops.extend(known);
            if is_told {
                continue;
            }
            let Some(step) = self.nodes.get(&span).and_then(|node| node.step.as_deref()) else {
                continue;
            };
            let fact = loop_event(id, run, step, kind);
            out.events.push(Entry {
                time_ns: step.time_ns(),
                written_ns: now_ns,
                trace_id: id,
                span_id: span,
                fact,
            });
        }
    }
}

fn hash(fact: &RunFact) -> u64 {
    let mut line = Vec::new();
    // What is no JSON is told by the ledger.
    let _told_there = fact.write(&mut line);
    XxHash64::oneshot(0, &line)
}

/// What a run's steps make up, and when it began.
fn run_fact(top: &Held, steps: &[&Held]) -> (i64, RunFact) {
    let own = top.fact();
    let is_agent = own.kind == Kind::Agent;
    let start_ns = if is_agent {
        top.time_ns()
    } else {
        steps.first().map_or(top.time_ns(), |step| step.time_ns())
    };
    let end = |step: &&Held| step.time_ns().saturating_add(step.fact().duration_ns);
    let end_ns = steps.iter().map(end).max().unwrap_or(start_ns);
    let last = steps.iter().max_by_key(|step| end(step));
    let agent = [&own.agent, &own.workflow, &own.service].into_iter().find(|name| !name.is_empty());
    let mut fact = RunFact {
        service: own.service.to_string(),
        name: own.name.to_string(),
        agent: agent.map(ToString::to_string).unwrap_or_default(),
        agent_version: own.agent_version.to_string(),
        session: first(steps, &own.session, |step| &step.fact().session),
        user: first(steps, &own.user, |step| &step.fact().user),
        interaction: first(steps, &own.interaction, |step| &step.fact().interaction),
        release: first(steps, &own.release, |step| &step.fact().release),
        environment: first(steps, &own.environment, |step| &step.fact().environment),
        duration_ns: if is_agent { own.duration_ns } else { end_ns.saturating_sub(start_ns) },
        first_token_ns: None,
        error: if is_agent {
            own.error.to_string()
        } else {
            last.map(|step| step.fact().error.to_string()).unwrap_or_default()
        },
        steps: steps.len() as u64,
        llm_calls: 0,
        llm_errors: 0,
        tool_calls: 0,
        tool_errors: 0,
        retries: 0,
        tokens: crate::agents::facts::Tokens::default(),
        cost_usd: 0.0,
        unpriced_tokens: 0,
        loops: Vec::new(),
        models: Vec::new(),
        tools: Vec::new(),
        agents: Vec::new(),
        tags: own.tags.iter().map(ToString::to_string).collect(),
    };
    add_steps(&mut fact, start_ns, steps);
    (start_ns, fact)
}

/// The run's own text, or else the first that a step of it tells.
fn first<'a>(steps: &[&'a Held], own: &str, of: impl Fn(&'a Held) -> &'a str) -> String {
    if !own.is_empty() {
        return own.to_owned();
    }
    steps.iter().map(|step| of(step)).find(|text| !text.is_empty()).unwrap_or_default().to_owned()
}

fn add_steps(run: &mut RunFact, start_ns: i64, steps: &[&Held]) {
    let (mut loops, mut models) = (Names::default(), Names::default());
    let (mut tools, mut agents) = (Names::default(), Names::default());
    for step in steps {
        let fact = step.fact();
        let failed = u64::from(!fact.error.is_empty());
        match fact.kind {
            Kind::Llm if !step.is_outer => {
                run.llm_calls += 1;
                run.llm_errors += failed;
            }
            Kind::Tool if !step.is_outer => {
                run.tool_calls += 1;
                run.tool_errors += failed;
            }
            _ => {}
        }
        run.retries += u64::from(fact.retry);
        if fact.counted == Counted::Yes {
            run.tokens.0.add_all(&fact.tokens.0);
            run.cost_usd += fact.cost_usd;
            if fact.cost_source == CostSource::Unpriced {
                run.unpriced_tokens += fact.tokens.0.total();
            }
        }
        if run.first_token_ns.is_none()
            && fact.kind == Kind::Llm
            && let Some(first_ns) = fact.first_token_ns
        {
            run.first_token_ns = Some(step.time_ns().saturating_sub(start_ns) + first_ns);
        }
        loops.add(&fact.loop_kind);
        if fact.kind.calls_model() {
            models.add(&fact.model);
        }
        tools.add(&fact.tool);
        agents.add(&fact.agent);
    }
    run.loops = loops.sorted();
    run.models = models.sorted();
    run.tools = tools.sorted();
    run.agents = agents.sorted();
}

/// Names that steps tell, often the same again.
#[derive(Default)]
struct Names<'a>(Vec<&'a str>);

impl<'a> Names<'a> {
    fn add(&mut self, name: &'a str) {
        if !name.is_empty() && self.0.last() != Some(&name) {
            self.0.push(name);
        }
    }

    /// Each once.
    fn sorted(mut self) -> Vec<String> {
        self.0.sort_unstable();
        self.0.dedup();
        self.0.into_iter().map(ToOwned::to_owned).collect()
    }
}

fn loop_event(trace: TraceId, run: SpanId, step: &Held, kind: &'static str) -> EventFact {
    let fact = step.fact();
    let what = if fact.tool.is_empty() { &fact.model } else { &fact.tool };
    let who = if fact.agent.is_empty() { &fact.service } else { &fact.agent };
    let title = match kind {
        "same_call" => format!("{who} calls {what} again and again with the same arguments"),
        "cycle" => format!("{who} goes in a circle, lately over {what}"),
        "same_error" => format!("{who} gets the same error again and again from {what}"),
        _ => format!("{who} asks {what} with ever more input and no new result"),
    };
    let details = [
        ("loop", kind.into()),
        ("trace_id", trace.to_string().into()),
        ("run", run.to_string().into()),
        ("tool", fact.tool.as_str().into()),
        ("model", fact.model.as_str().into()),
    ];
    EventFact {
        id: format!("loop:{trace}:{run}:{kind}"),
        kind: "loop".into(),
        severity: "warning".into(),
        service: fact.service.to_string(),
        agent: fact.agent.to_string(),
        session: fact.session.to_string(),
        user: fact.user.to_string(),
        title,
        text: fact.error.to_string(),
        details: details.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
    }
}
