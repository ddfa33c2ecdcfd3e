//! The same figures under the names that two older monitors of agents gave them, for boards and rules
//! that use those. The mapping is told in `docs/guide/agent-metrics.md`.

use std::collections::VecDeque;

use hashbrown::HashSet;
use twox_hash::XxHash64;
use watchkeep_genai::Kind;
use watchkeep_model::{Labels, METRIC_NAME, MetricColumns};

use super::config::{AgentsConfig, CompatMetrics};
use super::derived::labels;
use super::facts::{Counted, Entry, RunFact, StepFact};
use super::step_sums::Change;
use crate::totals::{Counts, Family, Times, Totals};

/// Runs by service, agent and status.
static OSMEN_RUNS: Family = Family {
    counters: &[
        ("osmen_requests_total", "Runs of agents (watchkeep_agent_runs_total)."),
        ("osmen_agent_executions_total", "Runs of agents (watchkeep_agent_runs_total)."),
    ],
    histograms: &[],
};
static OSMEN_ERRORS: Family = Family {
    counters: &[("osmen_errors_total", "Runs of agents that failed (watchkeep_agent_runs_total).")],
    histograms: &[],
};
static OSMEN_TIMES: Family = Family {
    counters: &[],
    histograms: &[
        (
            "osmen_request_duration_seconds",
            "Durations of runs (watchkeep_agent_run_duration_seconds).",
        ),
        (
            "osmen_agent_duration_seconds",
            "Durations of runs (watchkeep_agent_run_duration_seconds).",
        ),
    ],
};
static OSMEN_TOKENS: Family = Family {
    counters: &[("osmen_tokens_used_total", "Tokens (watchkeep_llm_tokens_total).")],
    histograms: &[],
};
static OSMEN_COST: Family = Family {
    counters: &[(
        "osmen_llm_cost_dollars",
        "What calls of models cost (watchkeep_llm_cost_usd_total).",
    )],
    histograms: &[],
};
static AET_TASKS: Family = Family {
    counters: &[("aet_tasks_total", "Runs of agents (watchkeep_agent_runs_total).")],
    histograms: &[],
};
static AET_TASK_TIMES: Family = Family {
    counters: &[],
    histograms: &[(
        "aet_task_duration_seconds",
        "Durations of runs (watchkeep_agent_run_duration_seconds).",
    )],
};
static AET_REQUESTS: Family = Family {
    counters: &[("aet_agent_requests_total", "Calls of models and tools by agents.")],
    histograms: &[],
};
static AET_TIMES: Family = Family {
    counters: &[],
    histograms: &[("aet_agent_response_seconds", "Durations of calls of models and tools.")],
};
static AET_EVENTS: Family =
    Family { counters: &[("aet_events_total", "Steps of agents.")], histograms: &[] };

/// Gauges are over so long.
const RECENT_MS: i64 = 300_000;
/// In stretches of so long.
const STRETCH_MS: i64 = 30_000;
/// Users of a stretch that are told apart.
const USERS_MAX: usize = 100_000;

/// What a stretch of time saw.
#[derive(Debug)]
struct Stretch {
    start_ms: i64,
    runs: u64,
    failed: u64,
    /// Hashes.
    users: HashSet<u64>,
}

/// Metrics under other names that were switched on.
#[derive(Debug)]
pub(super) struct Compat {
    osmen: bool,
    aet: bool,
    recent: VecDeque<Stretch>,
    buckets: Vec<f64>,
    totals: Vec<(&'static Family, Totals)>,
    overflows: u64,
}

impl Compat {
    pub(super) fn new(config: &AgentsConfig) -> Self {
        let has = |names| config.compat_metrics.contains(&names);
        let (osmen, aet) = (has(CompatMetrics::Osmen), has(CompatMetrics::Aet));
        let osmen_families = [&OSMEN_RUNS, &OSMEN_ERRORS, &OSMEN_TIMES, &OSMEN_TOKENS, &OSMEN_COST];
        let aet_families = [&AET_TASKS, &AET_TASK_TIMES, &AET_REQUESTS, &AET_TIMES, &AET_EVENTS];
        let families = osmen_families.into_iter().filter(|_| osmen);
        let families = families.chain(aet_families.into_iter().filter(|_| aet));
        let totals = |family: &'static Family| {
            (family, Totals::new(family, &config.buckets, config.label_sets_max))
        };
        Self {
            osmen,
            aet,
            recent: VecDeque::new(),
            buckets: config.buckets.clone(),
            totals: families.map(totals).collect(),
            overflows: 0,
        }
    }

    pub(super) fn take_overflows(&mut self) -> u64 {
        std::mem::take(&mut self.overflows)
    }

    /// Counts steps.
    pub(super) fn add_steps(&mut self, changes: &[Change<'_>], now_ms: i64) {
        if self.osmen || self.aet {
            for change in changes {
                self.add_step(change, now_ms);
            }
        }
    }

    fn add_step(&mut self, change: &Change<'_>, now_ms: i64) {
        let Change { entry, before, is_call } = change;
        let fact = &entry.fact;
        let (agent, model) = (fact.agent.as_str(), fact.model.as_str());
        let of_model = [("agent", agent), ("provider", &fact.provider), ("model", model)];
        if self.osmen {
            self.see_user(&fact.user, now_ms);
            let total = |fact: &StepFact| {
                if fact.counted == Counted::Yes { fact.tokens.0.total() as f64 } else { 0.0 }
            };
            let tokens = total(fact) - before.map_or(0.0, total);
            if tokens != 0.0 {
                self.count(&OSMEN_TOKENS, &of_model, tokens, now_ms);
            }
            if change.usd() != 0.0 {
                self.count(&OSMEN_COST, &of_model, change.usd(), now_ms);
            }
        }
        if !self.aet || !is_call {
            return;
        }
        self.count(&AET_EVENTS, &[("event_type", fact.kind.name())], 1.0, now_ms);
        if fact.kind.calls_model() || fact.kind == Kind::Tool {
            let of_agent = [("agent", agent), ("operation", fact.kind.name())];
            let status = [of_agent[0], of_agent[1], status(&fact.error)];
            self.count(&AET_REQUESTS, &status, 1.0, now_ms);
            self.observe(&AET_TIMES, &of_agent, fact.duration_ns, now_ms);
        }
    }

    /// Counts a run.
    pub(super) fn add_run(&mut self, entry: &Entry<RunFact>, now_ms: i64) {
        let fact = &entry.fact;
        let of_agent = [("service", fact.service.as_str()), ("agent", fact.agent.as_str())];
        let with_status = [of_agent[0], of_agent[1], status(&fact.error)];
        if self.osmen {
            self.see_user(&fact.user, now_ms);
            let stretch = self.stretch(now_ms);
            stretch.runs += 1;
            stretch.failed += u64::from(!fact.error.is_empty());
            let mut more = Counts::of(&OSMEN_RUNS);
            more.counters.fill(1.0);
            self.add(&OSMEN_RUNS, &with_status, &more, now_ms);
            let failed = f64::from(u8::from(!fact.error.is_empty()));
            self.count(&OSMEN_ERRORS, &of_agent, failed, now_ms);
            self.observe(&OSMEN_TIMES, &of_agent, fact.duration_ns, now_ms);
        }
        if self.aet {
            self.count(&AET_TASKS, &with_status, 1.0, now_ms);
            self.observe(&AET_TASK_TIMES, &of_agent, fact.duration_ns, now_ms);
        }
    }

    /// The stretch of time that is going on.
    fn stretch(&mut self, now_ms: i64) -> &mut Stretch {
        let start_ms = now_ms - now_ms.rem_euclid(STRETCH_MS);
        while self.recent.front().is_some_and(|first| first.start_ms <= now_ms - RECENT_MS) {
            self.recent.pop_front();
        }
        match self.recent.back() {
            Some(last) if last.start_ms >= start_ms => {}
            _ => {
                let users = HashSet::new();
                self.recent.push_back(Stretch { start_ms, runs: 0, failed: 0, users });
            }
        }
        let last = self.recent.len() - 1;
        &mut self.recent[last]
    }

    fn see_user(&mut self, user: &str, now_ms: i64) {
        let users = &mut self.stretch(now_ms).users;
        if !user.is_empty() && users.len() < USERS_MAX {
            users.insert(XxHash64::oneshot(0, user.as_bytes()));
        }
    }

    /// Gauges of now; `active` is how many traces are going on.
    fn gauges(&mut self, active: usize, now_ms: i64) -> Vec<(&'static str, f64)> {
        let mut gauges = Vec::new();
        if self.osmen {
            self.stretch(now_ms);
            let sum = |of: fn(&Stretch) -> u64| self.recent.iter().map(of).sum::<u64>() as f64;
            let (runs, failed) = (sum(|it| it.runs), sum(|it| it.failed));
            let users: HashSet<u64> =
                self.recent.iter().flat_map(|it| it.users.iter().copied()).collect();
            gauges.push(("osmen_requests_per_second", runs * 1e3 / RECENT_MS as f64));
            gauges.push(("osmen_error_rate", if runs > 0.0 { failed / runs } else { 0.0 }));
            gauges.push(("osmen_active_users", users.len() as f64));
        }
        if self.aet {
            gauges.push(("aet_active_tasks", active as f64));
        }
        gauges
    }

    pub(super) fn write(
        &mut self,
        now_ms: i64,
        times: Times,
        active: usize,
        out: &mut MetricColumns,
    ) {
        for (name, value) in self.gauges(active, now_ms) {
            let row = out.series.delta.len() as u32;
            let mut pairs = [(METRIC_NAME, name)];
            out.series.labels.push_with(|out| Labels::write_canonical(&mut pairs, out));
            out.series.delta.push(0);
            out.floats.series.push(row);
            out.floats.time_ms.push(now_ms);
            out.floats.start_ms.push(0);
            out.floats.value.push(value);
        }
        for (_, totals) in self.totals.iter_mut().filter(|(_, totals)| totals.len() > 0) {
            totals.write(now_ms, times, out);
        }
    }

    fn count(&mut self, family: &'static Family, pairs: &[(&str, &str)], by: f64, now_ms: i64) {
        let mut more = Counts::of(family);
        more.counters.fill(by);
        self.add(family, pairs, &more, now_ms);
    }

    fn observe(
        &mut self,
        family: &'static Family,
        pairs: &[(&str, &str)],
        nanos: i64,
        now_ms: i64,
    ) {
        let mut more = Counts::of(family);
        for histogram in &mut more.histograms {
            histogram.observe(&self.buckets, nanos.max(0) as f64 / 1e9);
        }
        self.add(family, pairs, &more, now_ms);
    }

    fn add(&mut self, family: &'static Family, pairs: &[(&str, &str)], more: &Counts, now_ms: i64) {
        let found = self.totals.iter_mut().find(|(one, _)| std::ptr::eq(*one, family));
        if let Some((_, totals)) = found {
            self.overflows += u64::from(!totals.add(&labels(pairs), more, now_ms));
        }
    }
}

fn status(error: &str) -> (&'static str, &'static str) {
    ("status", if error.is_empty() { "success" } else { "error" })
}
