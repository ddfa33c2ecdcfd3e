//! Metrics that decided steps and runs add to. They live in memory and are written as samples of the
//! tenant at one instant for all series that changed, so that a start knows by the newest sample
//! which facts of the ledger are in them.

use hashbrown::{HashMap, HashSet};
use watchkeep_genai::{Bucket, Kind};
use watchkeep_model::{Labels, MetricColumns};

use super::config::{AgentsConfig, EXTRA_LABELS};
use super::facts::{Entry, EventFact, FeedbackFact, RunFact};
use super::step_sums::{self, Alike, Change, Sums, observe};
use crate::totals::{Counts, Family, Times, Totals};

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

    /// Counts steps: what they add to what was decided before.
    pub(super) fn add_steps(&mut self, changes: &[Change<'_>], now_ms: i64) {
        let extra: Vec<&str> = self.extra.iter().map(|extra| extra.name).collect();
        for (alike, sums) in step_sums::sums(changes, &extra, &self.buckets, now_ms) {
            self.add_alike(&alike, sums, now_ms);
        }
        self.compat.add_steps(changes, now_ms);
    }

    fn add_alike(&mut self, alike: &Alike<'_>, sums: Sums, now_ms: i64) {
        let pairs = self.pairs(alike.service, alike.agent, &alike.extra);
        let kind = ("kind", alike.kind.name());
        if sums.retries > 0 {
            self.count(&RETRIES, &with(&pairs, &[kind]), sums.retries as f64, now_ms);
        }
        if sums.rollups > 0 {
            self.count(&ROLLUPS, &pairs, sums.rollups as f64, now_ms);
        }
        let model = with(&pairs, &[("provider", alike.provider), ("model", alike.model)]);
        for (bucket, tokens) in Bucket::ALL.into_iter().zip(sums.tokens) {
            if tokens != 0.0 {
                self.count(&TOKENS, &with(&model, &[("bucket", bucket.name())]), tokens, now_ms);
            }
        }
        if sums.unpriced_tokens != 0.0 {
            let labels: Pairs<'_> = vec![("provider", alike.provider), ("model", alike.model)];
            self.count(&UNPRICED, &labels, sums.unpriced_tokens, now_ms);
        }
        let (calls, outcome) = (sums.calls as f64, outcome(alike.is_error));
        let is_tool = alike.kind == Kind::Tool;
        if is_tool && sums.calls > 0 {
            let tool = with(&pairs, &[("tool", alike.tool)]);
            self.count(&TOOL_CALLS, &with(&tool, &[outcome]), calls, now_ms);
            let more = Counts { histograms: vec![sums.durations], ..Counts::of(&TOOL_TIMES) };
            self.add(&TOOL_TIMES, &tool, &more, now_ms);
            if sums.usd != 0.0 {
                self.count(&COST, &model, sums.usd, now_ms);
            }
        } else if sums.calls > 0 || sums.usd != 0.0 {
            if sums.calls > 0 {
                self.count(&CALLS, &with(&model, &[kind, outcome]), calls, now_ms);
            }
            let histograms = vec![sums.durations, sums.first_tokens];
            self.add(&COST, &model, &Counts { counters: vec![sums.usd], histograms }, now_ms);
        }
    }

    /// Counts a run that is told of first.
    pub(super) fn add_run(&mut self, entry: &Entry<RunFact>, now_ms: i64) {
        let fact = &entry.fact;
        let extra = self.extra.iter().map(|extra| value_of_run(fact, extra.name));
        let extra: Vec<&str> = extra.collect();
        let pairs = self.pairs(&fact.service, &fact.agent, &extra);
        self.count(&RUNS, &with(&pairs, &[outcome(!fact.error.is_empty())]), 1.0, now_ms);
        let mut more = Counts::of(&RUN_TIMES);
        observe(&mut more.histograms[0], &self.buckets, entry, fact.duration_ns, now_ms);
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

    /// What all metrics of a service's agent are told by; `extra` are the values of the extra labels.
    fn pairs<'a>(&mut self, service: &'a str, agent: &'a str, extra: &[&'a str]) -> Pairs<'a> {
        let extra = self.extra.iter_mut().zip(extra);
        let extra = extra.map(|(extra, value)| (extra.name, extra.value(value)));
        [("service", service), ("agent", agent)].into_iter().chain(extra).collect()
    }
}

/// The value of one of the extra labels; empty where runs do not tell it.
fn value_of_run<'a>(fact: &'a RunFact, name: &str) -> &'a str {
    match name {
        "user" => &fact.user,
        "session" => &fact.session,
        "interaction" => &fact.interaction,
        "release" => &fact.release,
        "environment" => &fact.environment,
        "agent_version" => &fact.agent_version,
        _ => "",
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
fn outcome(is_error: bool) -> (&'static str, &'static str) {
    ("outcome", if is_error { "error" } else { "success" })
}

/// Derived metrics by tenant.
pub(super) type ByTenant = HashMap<watchkeep_model::TenantId, Derived>;
