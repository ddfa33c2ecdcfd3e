//! Steps whose metrics have the same labels, summed up: labels are made once for all of them.

use hashbrown::HashMap;
use watchkeep_genai::price::CostSource;
use watchkeep_genai::{Bucket, Kind, Usage};

use super::facts::{Counted, Entry, StepFact};
use crate::totals::{Exemplar, Histogram};

/// A step that is decided, or decided anew.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) entry: &'a Entry<StepFact>,
    /// What was decided before.
    pub(super) before: Option<&'a StepFact>,
    /// Whether it is the first time that this call of a model, tool and so on is counted as a call.
    pub(super) is_call: bool,
}

impl Change<'_> {
    /// What it adds to what calls cost, USD.
    pub(super) fn usd(&self) -> f64 {
        let usd = |fact: &StepFact| if counts(fact) { fact.cost_usd } else { 0.0 };
        usd(&self.entry.fact) - self.before.map_or(0.0, usd)
    }
}

fn counts(fact: &StepFact) -> bool {
    fact.counted == Counted::Yes
}

/// What the labels of a step's metrics are made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Alike<'a> {
    pub(super) service: &'a str,
    pub(super) agent: &'a str,
    pub(super) kind: Kind,
    pub(super) provider: &'a str,
    pub(super) model: &'a str,
    pub(super) tool: &'a str,
    pub(super) is_error: bool,
    /// Values of the extra labels that were asked for.
    pub(super) extra: Vec<&'a str>,
}

impl<'a> Alike<'a> {
    fn of(fact: &'a StepFact, extra: &[&str]) -> Self {
        Self {
            service: &fact.service,
            agent: &fact.agent,
            kind: fact.kind,
            provider: &fact.provider,
            model: &fact.model,
            tool: &fact.tool,
            is_error: !fact.error.is_empty(),
            extra: extra.iter().map(|name| value(fact, name)).collect(),
        }
    }
}

/// The value of one of [`super::config::EXTRA_LABELS`].
fn value<'a>(fact: &'a StepFact, name: &str) -> &'a str {
    match name {
        "user" => &fact.user,
        "session" => &fact.session,
        "interaction" => &fact.interaction,
        "workflow" => &fact.workflow,
        "release" => &fact.release,
        "environment" => &fact.environment,
        "agent_version" => &fact.agent_version,
        _ => &fact.prompt,
    }
}

/// What alike steps add.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) retries: u64,
    pub(super) rollups: u64,
    /// Calls of models or tools.
    pub(super) calls: u64,
    /// Of those calls.
    pub(super) durations: Histogram,
    pub(super) first_tokens: Histogram,
    /// By [`Bucket`]; less than zero for what is taken back.
    pub(super) tokens: [f64; Bucket::ALL.len()],
    pub(super) unpriced_tokens: f64,
    pub(super) usd: f64,
}

impl Sums {
    fn add(&mut self, change: &Change<'_>, buckets: &[f64], now_ms: i64) {
        let Change { entry, before, is_call } = change;
        let fact = &entry.fact;
        if before.is_none() {
            self.retries += u64::from(fact.retry);
            self.rollups += u64::from(fact.counted == Counted::RolledUp);
        }
        self.add_tokens(fact, 1.0);
        if let Some(before) = before {
            self.add_tokens(before, -1.0);
        }
        self.usd += change.usd();
        if !is_call || !(fact.kind.calls_model() || fact.kind == Kind::Tool) {
            return;
        }
        self.calls += 1;
        observe(&mut self.durations, buckets, entry, fact.duration_ns, now_ms);
        if let Some(first_ns) = fact.first_token_ns {
            observe(&mut self.first_tokens, buckets, entry, first_ns, now_ms);
        }
    }

    fn add_tokens(&mut self, fact: &StepFact, times: f64) {
        let usage: &Usage = &fact.tokens.0;
        if !counts(fact) {
            return;
        }
        for (sum, bucket) in self.tokens.iter_mut().zip(Bucket::ALL) {
            *sum += times * usage.get(bucket) as f64;
        }
        if fact.cost_source == CostSource::Unpriced {
            self.unpriced_tokens += times * usage.total() as f64;
        }
    }
}

/// Adds a duration to a histogram, with the entry as its exemplar.
pub(super) fn observe<F>(
    to: &mut Histogram,
    buckets: &[f64],
    entry: &Entry<F>,
    nanos: i64,
    now_ms: i64,
) {
    let value = nanos.max(0) as f64 / 1e9;
    to.observe(buckets, value);
    let (trace_id, span_id) = (entry.trace_id, entry.span_id);
    to.exemplar = Some(Exemplar { trace_id, span_id, value, time_ms: now_ms });
}

/// Sums over steps by what is alike, in the order in which it came first.
pub(super) fn sums<'a>(
    changes: &[Change<'a>],
    extra: &[&str],
    buckets: &[f64],
    now_ms: i64,
) -> Vec<(Alike<'a>, Sums)> {
    let mut places: HashMap<Alike<'a>, usize> = HashMap::new();
    let mut sums: Vec<(Alike<'a>, Sums)> = Vec::new();
    for change in changes {
        let alike = Alike::of(&change.entry.fact, extra);
        let at = *places.entry_ref(&alike).or_insert_with(|| {
            sums.push((alike.clone(), Sums::default()));
            sums.len() - 1
        });
        sums[at].1.add(change, buckets, now_ms);
    }
    sums
}
