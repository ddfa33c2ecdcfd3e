//! Metrics that decided steps and runs add to. They live in memory and are written as samples of the
//! tenant at one instant for all series that changed, so that a start knows by the newest sample
//! which facts of the ledger are in them.

use hashbrown::{HashMap, HashSet};
use watchkeep_genai::Kind;
use watchkeep_genai::price::CostSource;
use watchkeep_model::{Labels, MetricColumns};

use super::config::{AgentsConfig, EXTRA_LABELS};
use super::facts::{Counted, Entry, EventFact, FeedbackFact, RunFact, StepFact};
use crate::totals::{Counts, Exemplar, Family, Histogram, Times, Totals};

macro_rules! families {
    ($($name:ident [$($counter:literal: $counter_help:literal),*] [$($histogram:literal: $histogram_help:literal),*];)*) => {
        $(static $name: Family = Family {
            counters: &[$(($counter, $counter_help)),*],
            histograms: &[$(($histogram, $histogram_help)),*],
        };)*
        const FAMILIES: &[&Family] = &[$(&$name),*];
    };
}

families! {
    COST ["watchkeep_llm_cost_usd_total": "What calls of models cost, US dollars."] [
        "watchkeep_llm_duration_seconds": "Durations of calls of models.",
        "watchkeep_llm_first_token_seconds": "Times to the first token of calls of models that told."
    ];
    TOKENS ["watchkeep_llm_tokens_total": "Tokens that models read and wrote, by bucket."] [];
    CALLS ["watchkeep_llm_calls_total": "Calls of models."] [];
    UNPRICED ["watchkeep_llm_unpriced_tokens_total": "Tokens of models that have no price."] [];
    TOOL_CALLS ["watchkeep_tool_calls_total": "Tools that were used."] [];
    TOOL_TIMES [] ["watchkeep_tool_duration_seconds": "Durations of tools."];
    RUNS ["watchkeep_agent_runs_total": "Runs of agents."] [];
    RUN_TIMES [] ["watchkeep_agent_run_duration_seconds": "Durations of runs of agents."];
    RETRIES ["watchkeep_retries_total": "Steps that repeat one that failed."] [];
    LOOPS ["watchkeep_loops_total": "Runs in which an agent turned in circles."] [];
    ROLLUPS ["watchkeep_rollups_ignored_total": "Sums over other steps that were not counted."] [];
    FEEDBACK ["watchkeep_feedback_total": "Pieces of feedback."] [];
    SCORES ["watchkeep_feedback_sum": "Sum of the scores of feedback."] [];
}

/// Names of the metrics, as a pattern.
pub(super) const NAMES: &str =
    "watchkeep_(llm_.*|tool_.*|agent_run.*|retries_total|loops_total|rollups_.*|feedback_.*)";

/// Metrics of one tenant.
#[derive(Debug)]
pub(super) struct Derived {
    totals: Vec<Totals>,
    compat: super::compat::Compat,
    buckets: Vec<f64>,
    extra: Vec<Extra>,
    /// Additions that were counted as overflow since it was asked last.
    overflows: u64,
    written_ms: i64,
}

/// A label that was asked for.
#[derive(Debug)]
struct Extra {
    name: &'static str,
    values: HashSet<String>,
    values_max: usize,
}

impl Extra {
    /// The value, or `other` where there are too many.
    fn value<'a>(&mut self, value: &'a str) -> &'a str {
        if value.is_empty() || self.values.contains(value) {
            return value;
        }
        if self.values.len() >= self.values_max {
            return "other";
        }
        self.values.insert(value.to_owned());
        value
    }
}

/// Labels under which something is counted.
type Pairs<'a> = Vec<(&'a str, &'a str)>;

impl Derived {
    pub(super) fn new(config: &AgentsConfig) -> Self {
        let totals =
            |family: &&'static Family| Totals::new(family, &config.buckets, config.label_sets_max);
        let extra = EXTRA_LABELS
            .into_iter()
            .filter(|name| config.extra_labels.iter().any(|asked| asked == name));
        let extra = extra.map(|name| Extra {
            name,
            values: HashSet::new(),
            values_max: config.extra_label_values_max,
        });
        Self {
            totals: FAMILIES.iter().map(totals).collect(),
            compat: super::compat::Compat::new(config),
            buckets: config.buckets.clone(),
            extra: extra.collect(),
            overflows: 0,
            written_ms: 0,
        }
    }

    /// Additions that were counted as overflow since this was asked last.
    pub(super) fn take_overflows(&mut self) -> u64 {
        std::mem::take(&mut self.overflows) + self.compat.take_overflows()
    }

    /// Counts a step. `before` is what counted of it before; the difference is added.
    pub(super) fn add_step(
        &mut self,
        entry: &Entry<StepFact>,
        before: Option<&StepFact>,
        is_call: bool,
        now_ms: i64,
    ) {
        let fact = &entry.fact;
        let old = before.filter(|fact| fact.counted == Counted::Yes);
        let counts = fact.counted == Counted::Yes;
        let extra = self.extra_of_step(fact);
        let mut pairs: Pairs<'_> = vec![("service", &fact.service), ("agent", &fact.agent)];
        pairs.extend(extra.iter().map(|(name, value)| (*name, value.as_str())));
        if before.is_none() {
            if fact.retry {
                self.count(&RETRIES, &with(&pairs, &[("kind", fact.kind.name())]), 1.0, now_ms);
            }
            if fact.counted == Counted::RolledUp {
                self.count(&ROLLUPS, &pairs, 1.0, now_ms);
            }
        }
        if is_call && fact.kind == Kind::Tool {
            self.add_tool(entry, &pairs, now_ms);
        }
        let model = with(&pairs, &[("provider", &fact.provider), ("model", &fact.model)]);
        let is_model_call = is_call && fact.kind.calls_model();
        if counts || old.is_some() {
            self.add_tokens(fact, old, &model, now_ms);
        }
        let now_usd = if counts { fact.cost_usd } else { 0.0 };
        let change = now_usd - old.map_or(0.0, |old| old.cost_usd);
        if change != 0.0 || is_model_call {
            let mut more = Counts::of(&COST);
            more.counters[0] = change;
            if is_model_call {
                self.observe(&mut more.histograms[0], entry, fact.duration_ns, now_ms);
                if let Some(first_ns) = fact.first_token_ns {
                    self.observe(&mut more.histograms[1], entry, first_ns, now_ms);
                }
            }
            self.add(&COST, &model, &more, now_ms);
        }
        if is_model_call {
            let calls = with(&model, &[("kind", fact.kind.name()), outcome(&fact.error)]);
            self.count(&CALLS, &calls, 1.0, now_ms);
        }
        self.compat.add_step(entry, before, change, is_call, now_ms);
    }

    fn add_tokens(
        &mut self,
        fact: &StepFact,
        old: Option<&StepFact>,
        model: &Pairs<'_>,
        now_ms: i64,
    ) {
        let none = watchkeep_genai::Usage::default();
        let new = if fact.counted == Counted::Yes { &fact.tokens.0 } else { &none };
        let old_tokens = old.map_or(&none, |old| &old.tokens.0);
        for bucket in watchkeep_genai::Bucket::ALL {
            let change = new.get(bucket) as f64 - old_tokens.get(bucket) as f64;
            if change != 0.0 {
                let labels = with(model, &[("bucket", bucket.name())]);
                self.count(&TOKENS, &labels, change, now_ms);
            }
        }
        let unpriced = |fact: &StepFact| {
            if fact.cost_source == CostSource::Unpriced {
                fact.tokens.0.total() as f64
            } else {
                0.0
            }
        };
        let now = if fact.counted == Counted::Yes { unpriced(fact) } else { 0.0 };
        let change = now - old.map_or(0.0, unpriced);
        if change != 0.0 {
            let labels: Pairs<'_> = vec![("provider", &fact.provider), ("model", &fact.model)];
            self.count(&UNPRICED, &labels, change, now_ms);
        }
    }

    fn add_tool(&mut self, entry: &Entry<StepFact>, pairs: &Pairs<'_>, now_ms: i64) {
        let fact = &entry.fact;
        let tool = with(pairs, &[("tool", fact.tool.as_str())]);
        self.count(&TOOL_CALLS, &with(&tool, &[outcome(&fact.error)]), 1.0, now_ms);
        let mut more = Counts::of(&TOOL_TIMES);
        self.observe(&mut more.histograms[0], entry, fact.duration_ns, now_ms);
        self.add(&TOOL_TIMES, &tool, &more, now_ms);
    }

    /// Counts a run that is told of first.
    pub(super) fn add_run(&mut self, entry: &Entry<RunFact>, now_ms: i64) {
        let fact = &entry.fact;
        let extra = self.extra_of_run(fact);
        let mut pairs: Pairs<'_> = vec![("service", &fact.service), ("agent", &fact.agent)];
        pairs.extend(extra.iter().map(|(name, value)| (*name, value.as_str())));
        self.count(&RUNS, &with(&pairs, &[outcome(&fact.error)]), 1.0, now_ms);
        let mut more = Counts::of(&RUN_TIMES);
        self.observe(&mut more.histograms[0], entry, fact.duration_ns, now_ms);
        self.add(&RUN_TIMES, &pairs, &more, now_ms);
        self.compat.add_run(entry, now_ms);
    }

    /// Counts a loop.
    pub(super) fn add_event(&mut self, entry: &Entry<EventFact>, now_ms: i64) {
        let fact = &entry.fact;
        if let Some(kind) = fact.details.get("loop").and_then(|kind| kind.as_str()) {
            let pairs =
                vec![("service", fact.service.as_str()), ("agent", &fact.agent), ("kind", kind)];
            self.count(&LOOPS, &pairs, 1.0, now_ms);
        }
    }

    /// Counts a piece of feedback.
    pub(super) fn add_feedback(&mut self, fact: &FeedbackFact, now_ms: i64) {
        let rating = fact.rating.map(|rating| format!("{}", rating.round().clamp(1.0, 5.0)));
        let pairs: Pairs<'_> =
            vec![("service", &fact.service), ("agent", &fact.agent), ("name", &fact.name)];
        let rated = with(&pairs, &[("rating", rating.as_deref().unwrap_or_default())]);
        self.count(&FEEDBACK, &rated, 1.0, now_ms);
        if let Some(score) = fact.score.filter(|score| score.is_finite()) {
            self.count(&SCORES, &pairs, score, now_ms);
        }
    }

    /// Samples of what changed, all at one instant, once it is time.
    /// `active` is how many traces are going on.
    pub(super) fn write(&mut self, now_ms: i64, times: Times, active: usize) -> MetricColumns {
        let mut out = MetricColumns::default();
        if now_ms.saturating_sub(self.written_ms) < times.interval_ms {
            return out;
        }
        self.written_ms = now_ms;
        // What changed is written now, whenever it was written last.
        let times = Times { interval_ms: 0, ..times };
        for totals in self.totals.iter_mut().filter(|totals| totals.len() > 0) {
            totals.write(now_ms, times, &mut out);
        }
        self.compat.write(now_ms, times, active, &mut out);
        out
    }

    /// Sets of labels.
    pub(super) fn label_sets(&self) -> usize {
        self.totals.iter().map(Totals::len).sum()
    }

    fn observe<F>(&self, to: &mut Histogram, entry: &Entry<F>, nanos: i64, now_ms: i64) {
        let value = nanos.max(0) as f64 / 1e9;
        to.observe(&self.buckets, value);
        to.exemplar = Some(Exemplar {
            trace_id: entry.trace_id,
            span_id: entry.span_id,
            value,
            time_ms: now_ms,
        });
    }

    fn count(&mut self, family: &'static Family, pairs: &Pairs<'_>, by: f64, now_ms: i64) {
        let mut more = Counts::of(family);
        more.counters[0] = by;
        self.add(family, pairs, &more, now_ms);
    }

    fn add(&mut self, family: &'static Family, pairs: &Pairs<'_>, more: &Counts, now_ms: i64) {
        let labels = labels(pairs);
        let at = FAMILIES.iter().position(|one| std::ptr::eq(*one, family));
        if let Some(totals) = at.and_then(|at| self.totals.get_mut(at)) {
            self.overflows += u64::from(!totals.add(&labels, more, now_ms));
        }
    }

    fn extra_of_step(&mut self, fact: &StepFact) -> Vec<(&'static str, String)> {
        self.extra_of(|name| match name {
            "user" => &fact.user,
            "session" => &fact.session,
            "interaction" => &fact.interaction,
            "workflow" => &fact.workflow,
            "release" => &fact.release,
            "environment" => &fact.environment,
            "agent_version" => &fact.agent_version,
            _ => &fact.prompt,
        })
    }

    fn extra_of_run(&mut self, fact: &RunFact) -> Vec<(&'static str, String)> {
        self.extra_of(|name| match name {
            "user" => &fact.user,
            "session" => &fact.session,
            "interaction" => &fact.interaction,
            "release" => &fact.release,
            "environment" => &fact.environment,
            "agent_version" => &fact.agent_version,
            _ => "",
        })
    }

    fn extra_of<'a>(&mut self, of: impl Fn(&str) -> &'a str) -> Vec<(&'static str, String)> {
        let each =
            self.extra.iter_mut().map(|extra| (extra.name, extra.value(of(extra.name)).to_owned()));
        each.collect()
    }
}

/// Labels without those that are empty.
pub(super) fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()).copied())
}

fn with<'a>(pairs: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Pairs<'a> {
    pairs.iter().chain(more).copied().collect()
}

/// The label that tells success from failure.
pub(super) fn outcome(error: &str) -> (&'static str, &'static str) {
    ("outcome", if error.is_empty() { "success" } else { "error" })
}

/// Derived metrics by tenant.
pub(super) type ByTenant = HashMap<watchkeep_model::TenantId, Derived>;
