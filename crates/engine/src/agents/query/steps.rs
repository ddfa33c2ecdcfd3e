//! The steps of one trace: what was said, what it cost and why, and what counts.

use hashbrown::HashMap;
use watchkeep_genai::content::{Content, content_of_log, is_content_event, read_content};
use watchkeep_genai::dialect::{read_span, unread};
use watchkeep_genai::price::{Cost, CostSource};
use watchkeep_genai::step::Step;
use watchkeep_genai::{Kind, Record, Usage};
use watchkeep_model::{
    Error, ErrorKind, Result, SpanColumns, SpanId, TenantId, TimeRange, TraceId,
};
use watchkeep_storage::seam::LogTest;

use super::Asked;
use super::grid::{DAY_NS, HOUR_NS};
use crate::agents::facts::{Counted, Entry, FeedbackFact, StepFact};
use crate::agents::ledger::LedgerQuery;
use crate::agents::records::each_span;
use crate::engine::Engine;

/// The most steps of a trace that are told.
const STEPS_MAX: usize = 20_000;
/// Costs that differ by less are the same.
const SAME_USD: f64 = 1e-9;

/// A piece of feedback.
pub type Feedback = Entry<FeedbackFact>;

/// What became of a step's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// What the ledger says.
    Decided(Counted),
    /// It is not decided yet.
    Undecided,
}

impl Decision {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Decided(Counted::Yes) => "yes",
            Self::Decided(Counted::RolledUp) => "rolled_up",
            Self::Decided(Counted::Covered) => "covered",
            Self::Decided(Counted::Free) => "free",
            Self::Decided(Counted::Nothing) => "nothing",
            Self::Undecided => "undecided",
        }
    }

    /// Why, for people.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Decided(Counted::Yes) => "its tokens count",
            Self::Decided(Counted::RolledUp) => {
                "its tokens are the sum over steps below, which count themselves"
            }
            Self::Decided(Counted::Covered) => "a step above told the same tokens first and counts",
            Self::Decided(Counted::Free) => "a step of this kind is never charged",
            Self::Decided(Counted::Nothing) => "it has no tokens and no cost",
            Self::Undecided => "the trace is not quiet yet, or came before agents were watched",
        }
    }
}

/// A step of a trace.
#[derive(Debug, Clone)]
pub struct TraceStep {
    /// Its id.
    pub span_id: SpanId,
    /// Number of the nearest step above among the steps.
    pub parent: Option<usize>,
    /// Steps above it.
    pub depth: usize,
    /// Its name.
    pub name: String,
    /// `service.name`.
    pub service: String,
    /// Start, nanoseconds since the epoch.
    pub start_ns: i64,
    /// How long it took.
    pub duration_ns: i64,
    /// The agent that did it.
    pub agent: String,
    /// The normal form.
    pub step: Step,
    /// Whether it repeats a step that failed.
    pub retry: bool,
    /// The kind of loop that was found with it, or empty.
    pub loop_kind: String,
    /// What became of its tokens.
    pub decision: Decision,
    /// What it costs, whether it counts or not.
    pub cost: Cost,
    /// Whether it was counted at other prices than those of now.
    pub repriced: bool,
    /// What was said.
    pub content: Content,
    /// Keys of attributes that nobody reads.
    pub unread: Vec<String>,
}

impl TraceStep {
    /// What of it counts, USD.
    pub fn counted_usd(&self) -> f64 {
        if self.counts() { self.cost.usd } else { 0.0 }
    }

    /// Tokens of it that count.
    pub fn counted_usage(&self) -> Usage {
        if self.counts() { self.step.usage } else { Usage::default() }
    }

    /// Whether its tokens count. What is not decided counts as it probably will.
    pub fn counts(&self) -> bool {
        match self.decision {
            Decision::Decided(counted) => counted == Counted::Yes,
            Decision::Undecided => self.step.kind.calls_model() && !self.step.is_free,
        }
    }
}

/// The steps of a trace.
#[derive(Debug)]
pub struct TraceSteps {
    /// Which trace.
    pub trace_id: TraceId,
    /// As in a tree that is read from the top; siblings by start.
    pub steps: Vec<TraceStep>,
    /// Spans that are kept.
    pub spans: usize,
    /// Of those, the ones that speak no dialect.
    pub plain_spans: usize,
    /// What was thought of it, newest first.
    pub feedback: Vec<Feedback>,
    /// Whether steps were left out.
    pub truncated: bool,
}

impl TraceSteps {
    /// A step and all below it; all steps where it is none.
    pub fn below(&self, span_id: SpanId) -> Vec<&TraceStep> {
        let Some(at) = self.steps.iter().position(|step| step.span_id == span_id) else {
            return self.steps.iter().collect();
        };
        let depth = self.steps[at].depth;
        let below = self.steps[at + 1..].iter().take_while(|step| step.depth > depth);
        std::iter::once(&self.steps[at]).chain(below).collect()
    }

    /// Of each step what counts in it and below, USD and tokens.
    pub fn subtrees(&self) -> Vec<(f64, Usage)> {
        let mut sums: Vec<(f64, Usage)> =
            self.steps.iter().map(|step| (step.counted_usd(), step.counted_usage())).collect();
        // A parent stands before its children.
        for at in (0..self.steps.len()).rev() {
            if let Some(parent) = self.steps[at].parent {
                let (usd, usage) = sums[at];
                sums[parent].0 += usd;
                sums[parent].1.add_all(&usage);
            }
        }
        sums
    }
}

impl Engine {
    /// The steps of a trace, with what was said.
    ///
    /// Errors: `NotFound` where neither spans nor the ledger know the trace.
    pub async fn trace_steps(&self, tenant: &TenantId, id: TraceId) -> Result<TraceSteps> {
        self.ask(tenant, move |asked| {
            let found = asked.steps_of_trace(id, None)?;
            if found.spans == 0 && found.steps.is_empty() {
                return Err(Error::new(ErrorKind::NotFound, format!("no trace {id}")));
            }
            Ok(found)
        })
        .await
    }
}

/// A step before it has its place.
struct Loose {
    parent: SpanId,
    step: TraceStep,
}

impl Asked<'_> {
    /// `around_ns`: when it was, where that is known and its spans may be gone.
    pub(super) fn steps_of_trace(&self, id: TraceId, around_ns: Option<i64>) -> Result<TraceSteps> {
        let batches = self.spans(id)?;
        let mut spans = Spans::default();
        for columns in &batches {
            spans.read(columns);
        }
        let known = spans.range();
        let range = known.or_else(|| {
            let ns = around_ns?;
            Some(TimeRange {
                start_ns: ns.saturating_sub(DAY_NS),
                end_ns: ns.saturating_add(DAY_NS),
            })
        });
        let range = range.unwrap_or(TimeRange { start_ns: 0, end_ns: i64::MAX });
        if !spans.steps.is_empty() {
            let read =
                |record: &Record<'_>| is_content_event(record.name).then(|| content_of_log(record));
            for (span, logs) in self.logs_of(id, range, read)? {
                if let Some(loose) = spans.steps.get_mut(&span) {
                    loose.step.content.merge(logs);
                }
            }
        }
        let query =
            LedgerQuery { test: LogTest::Words(vec![id.to_string()]), ..LedgerQuery::all(range) };
        let by_span = |entry: &Entry<StepFact>| (entry.trace_id, entry.span_id);
        let facts = self.reader.facts::<StepFact, _>(&query, STEPS_MAX * 10, by_span)?;
        for fact in facts.into_iter().filter(|fact| fact.trace_id == id) {
            spans.add_fact(fact);
        }
        let later = TimeRange { end_ns: i64::MAX, ..range };
        let query = LedgerQuery { range: later, ..query };
        let mut feedback = self.feedback(&query)?;
        feedback.retain(|entry| entry.trace_id == id);
        feedback.sort_by_key(|entry| std::cmp::Reverse(entry.time_ns));
        let (total, plain) = (spans.total, spans.plain);
        let (mut steps, truncated) = spans.in_order();
        self.explain(&mut steps);
        Ok(TraceSteps {
            trace_id: id,
            steps,
            spans: total,
            plain_spans: plain,
            feedback,
            truncated,
        })
    }

    /// Prices steps again, so that each number can be explained. What the ledger says stands.
    fn explain(&self, steps: &mut [TraceStep]) {
        for step in steps {
            let counted = (step.cost.usd, step.cost.source);
            step.cost = self.prices.cost(&step.step, step.start_ns);
            if step.decision != Decision::Undecided {
                step.repriced = (step.cost.usd - counted.0).abs() > SAME_USD;
                (step.cost.usd, step.cost.source) = counted;
            }
        }
    }
}

/// What is read of a trace.
#[derive(Default)]
struct Spans {
    total: usize,
    plain: usize,
    parents: HashMap<SpanId, SpanId>,
    steps: HashMap<SpanId, Loose>,
    first_ns: Option<i64>,
    last_ns: i64,
}

impl Spans {
    fn range(&self) -> Option<TimeRange> {
        Some(TimeRange {
            start_ns: self.first_ns?.saturating_sub(HOUR_NS),
            end_ns: self.last_ns.saturating_add(HOUR_NS),
        })
    }

    fn read(&mut self, columns: &SpanColumns) {
        each_span(columns, |row, record| {
            let span_id = SpanId(columns.span_id[row]);
            let parent = SpanId(columns.parent_span_id[row]);
            self.total += 1;
            self.first_ns = Some(self.first_ns.map_or(record.time_ns, |ns| ns.min(record.time_ns)));
            let end_ns = record.time_ns.saturating_add(record.duration_ns.max(0));
            self.last_ns = self.last_ns.max(end_ns);
            self.parents.insert(span_id, parent);
            let Some(step) = read_span(record) else {
                self.plain += 1;
                return;
            };
            // A span that was sent twice counts once: as it ended.
            let held = self.steps.get(&span_id);
            if held.is_some_and(|held| held.step.duration_ns > record.duration_ns) {
                return;
            }
            let step = TraceStep {
                span_id,
                parent: None,
                depth: 0,
                name: record.name.to_owned(),
                service: record.service.to_owned(),
                start_ns: record.time_ns,
                duration_ns: record.duration_ns.max(0),
                agent: step.agent.clone(),
                step,
                retry: false,
                loop_kind: String::new(),
                decision: Decision::Undecided,
                cost: Cost::default(),
                repriced: false,
                content: read_content(record),
                unread: unread(record).into_iter().map(str::to_owned).collect(),
            };
            self.steps.insert(span_id, Loose { parent, step });
        });
    }

    /// Adds what the ledger says of a step, or the step where only the ledger knows it.
    fn add_fact(&mut self, entry: Entry<StepFact>) {
        let Entry { span_id, time_ns, fact, .. } = entry;
        let parent = fact.parent;
        self.parents.entry(span_id).or_insert(parent);
        let loose = self.steps.entry(span_id).or_insert_with(|| Loose {
            parent,
            step: TraceStep {
                span_id,
                parent: None,
                depth: 0,
                name: fact.name.to_string(),
                service: fact.service.to_string(),
                start_ns: time_ns,
                duration_ns: fact.duration_ns,
                agent: String::new(),
                step: step_of(&fact),
                retry: false,
                loop_kind: String::new(),
                decision: Decision::Undecided,
                cost: Cost::default(),
                repriced: false,
                content: Content::default(),
                unread: Vec::new(),
            },
        });
        let step = &mut loose.step;
        let inherit = |told: &mut String, from: &str| {
            if told.is_empty() {
                from.clone_into(told);
            }
        };
        inherit(&mut step.agent, &fact.agent);
        inherit(&mut step.step.session, &fact.session);
        inherit(&mut step.step.user, &fact.user);
        inherit(&mut step.step.agent_version, &fact.agent_version);
        inherit(&mut step.step.release, &fact.release);
        inherit(&mut step.step.environment, &fact.environment);
        step.retry = fact.retry;
        step.loop_kind = fact.loop_kind.into();
        step.decision = Decision::Decided(fact.counted);
        step.cost.usd = fact.cost_usd;
        step.cost.source = fact.cost_source;
    }

    /// The nearest step above a span; none for the topmost, and where clients sent a circle.
    fn step_above(&self, mut span: SpanId) -> Option<SpanId> {
        let start = span;
        for _ in 0..self.parents.len() {
            if !span.is_some() {
                return None;
            }
            if self.steps.contains_key(&span) {
                return Some(span);
            }
            span = *self.parents.get(&span)?;
            if span == start {
                return None;
            }
        }
        None
    }

    /// All steps as in a tree that is read from the top, and whether some were left out.
    fn in_order(mut self) -> (Vec<TraceStep>, bool) {
        let above: HashMap<SpanId, Option<SpanId>> = self
            .steps
            .iter()
            .map(|(id, loose)| (*id, self.step_above(loose.parent).filter(|above| above != id)))
            .collect();
        let mut ids: Vec<SpanId> = self.steps.keys().copied().collect();
        ids.sort_by_key(|id| (self.steps[id].step.start_ns, *id));
        let mut children: HashMap<Option<SpanId>, Vec<SpanId>> = HashMap::new();
        for id in &ids {
            children.entry(above[id]).or_default().push(*id);
        }
        let mut steps: Vec<TraceStep> = Vec::with_capacity(ids.len().min(STEPS_MAX));
        // What hangs on itself has no top; it comes behind all others, each circle from its first.
        let roots = children.remove(&None).unwrap_or_default();
        for root in roots.into_iter().chain(ids.iter().copied()) {
            let mut open = vec![(root, None::<usize>, 0)];
            while let Some((id, parent, depth)) = open.pop() {
                if steps.len() >= STEPS_MAX {
                    return (steps, true);
                }
                let Some(loose) = self.steps.remove(&id) else { continue };
                let mut step = TraceStep { parent, depth, ..loose.step };
                if let (true, Some(parent)) = (step.agent.is_empty(), parent) {
                    step.agent.clone_from(&steps[parent].agent);
                }
                let at = steps.len();
                steps.push(step);
                for child in children.remove(&Some(id)).unwrap_or_default().into_iter().rev() {
                    open.push((child, Some(at), depth + 1));
                }
            }
        }
        (steps, false)
    }
}

/// A step as the ledger remembers it.
fn step_of(fact: &StepFact) -> Step {
    let mut step = Step::new(fact.kind, fact.dialect);
    step.operation = fact.operation.to_string();
    step.provider = fact.provider.to_string();
    step.request_model = fact.request_model.to_string();
    step.response_model = fact.model.to_string();
    step.response_id = fact.response_id.to_string();
    step.agent = fact.agent.to_string();
    step.agent_version = fact.agent_version.to_string();
    step.session = fact.session.to_string();
    step.user = fact.user.to_string();
    step.interaction = fact.interaction.to_string();
    step.workflow = fact.workflow.to_string();
    step.prompt = fact.prompt.to_string();
    step.prompt_version = fact.prompt_version.to_string();
    step.tool = fact.tool.to_string();
    step.tool_arguments_hash = fact.tool_arguments_hash;
    step.tool_result_hash = fact.tool_result_hash;
    step.usage = fact.tokens.0;
    step.is_free = fact.counted == Counted::Free;
    step.reported_cost = (fact.cost_source == CostSource::Reported).then_some(fact.cost_usd);
    step.service_tier = fact.service_tier.to_string();
    step.first_token_ns = fact.first_token_ns;
    step.finish_reasons = fact.finish.iter().map(ToString::to_string).collect();
    step.error = fact.error.to_string();
    step.tags = fact.tags.iter().map(ToString::to_string).collect();
    step.release = fact.release.to_string();
    step.environment = fact.environment.to_string();
    step
}

/// Whether steps of a kind stand for something that works, in a graph of who uses what.
pub(super) fn is_actor(kind: Kind) -> bool {
    !matches!(kind, Kind::Workflow | Kind::Prompt | Kind::Other)
}
