//! From a batch that is about to be stored to the book. Steps are read out of the columns before they
//! go to the store, and handed over once they are durable.

use std::sync::Arc;

use watchkeep_model::{LogColumns, MetricColumns, SpanColumns, TenantId, TraceId};

use super::book::{Arrival, Taken};
use super::facts::{Entry, StepFact};
use super::measured;
use super::observers::Arrived;
use super::seen::{self, Seen, Told};
use crate::engine::Engine;

/// What was read out of a batch. Dropped without [`Steps::stored`] nobody knows whether the batch was
/// stored (its request broke off), and its traces are read from the store.
#[derive(Debug)]
pub(crate) struct Steps<'a> {
    engine: &'a Engine,
    tenant: TenantId,
    seen: Vec<Seen>,
}

impl Engine {
    /// What the spans of a batch tell of agents.
    pub(crate) fn read_steps(&self, tenant: &TenantId, columns: &SpanColumns) -> Steps<'_> {
        let mut steps = Steps { engine: self, tenant: tenant.clone(), seen: Vec::new() };
        if !self.agents_config.enabled {
            return steps;
        }
        let prices = self.prices.book(tenant);
        // Locked once, when the first plain span asks.
        let mut books = None;
        let wanted = |trace: TraceId| {
            let books = books.get_or_insert_with(|| self.agents.books.lock());
            books.get(tenant).is_some_and(|book| book.knows(trace))
        };
        steps.seen = seen::of_spans(columns, self.agents.readers.span, &prices, wanted);
        steps
    }

    /// What the log records of a batch tell of agents.
    pub(crate) fn read_logged_steps(&self, tenant: &TenantId, columns: &LogColumns) -> Steps<'_> {
        let mut steps = Steps { engine: self, tenant: tenant.clone(), seen: Vec::new() };
        if self.agents_config.enabled {
            let prices = self.prices.book(tenant);
            steps.seen = seen::of_logs(columns, self.agents.readers.log, &prices);
        }
        steps
    }

    /// What the samples of a batch tell of tokens.
    pub(crate) fn read_measured(&self, columns: &MetricColumns) -> Vec<measured::Sample> {
        if self.agents_config.enabled { measured::samples(columns) } else { Vec::new() }
    }

    /// Samples that tell of tokens were stored.
    pub(crate) fn take_measured(&self, tenant: &TenantId, samples: Vec<measured::Sample>) {
        if !samples.is_empty() {
            let now_ns = self.clock.now_ns();
            let mut all = self.agents.measured.lock();
            all.entry(tenant.clone()).or_default().take(samples, now_ns);
        }
    }

    /// Hands spans to the book, and tells observers of steps that are new.
    pub(super) fn take_steps(&self, tenant: &TenantId, seen: Vec<Seen>) {
        let now_ns = self.clock.now_ns();
        self.note_tellers(tenant, &seen, now_ns);
        let mut books = self.agents.books.lock();
        let book = books.entry(tenant.clone()).or_default();
        let mut arrived = Vec::new();
        for seen in seen {
            let told = seen.told.as_deref().filter(|_| !book.must_look(seen.trace_id));
            let arrival = told.map(|told| Arrival { counts_now: counts_now(told) });
            let evaluations = told.map(|told| told.evaluations.clone()).unwrap_or_default();
            let is_judgement = |told: &Told| told.is == seen::Is::Judgement;
            if seen.told.as_deref().is_some_and(is_judgement) {
                let step = arrival.and_then(|_| entry(seen, now_ns));
                arrived.extend(step.map(|step| (step, false, evaluations)));
                continue;
            }
            let (taken, step) = book.take(seen, now_ns, arrival);
            if let (Some(step), Taken::NewStep | Taken::Updated) = (step, taken) {
                let counts_now = arrival.is_some_and(|arrival| arrival.counts_now);
                arrived.push((step, counts_now && taken == Taken::NewStep, evaluations));
            }
        }
        let told: Vec<Arrived<'_>> = arrived
            .iter()
            .map(|(step, counts_now, evaluations)| Arrived {
                step,
                counts_now: *counts_now,
                evaluations,
            })
            .collect();
        // The book stays locked, so that no step is decided before it was told of.
        if !told.is_empty() {
            self.steps_arrived(tenant, &told);
        }
        let spans: usize = books.values().map(super::Book::spans).sum();
        drop(books);
        self.agents.counters.held.set(spans as i64);
        if spans > self.agents_config.steps_held_max {
            self.agents.full.notify_one();
        }
    }
}

impl Engine {
    /// Notes which services tell tokens in spans and log records.
    fn note_tellers(&self, tenant: &TenantId, seen: &[Seen], now_ns: i64) {
        let telling = seen.iter().filter_map(|seen| seen.told.as_deref());
        let mut telling = telling.filter(|told| !told.fact.tokens.0.is_empty()).peekable();
        if telling.peek().is_some() {
            let mut all = self.agents.measured.lock();
            let measured = all.entry(tenant.clone()).or_default();
            for told in telling {
                measured.told_otherwise(&told.fact.service, now_ns);
            }
        }
    }
}

fn entry(seen: Seen, now_ns: i64) -> Option<Arc<Entry<StepFact>>> {
    let Seen { trace_id, span_id, told, .. } = seen;
    let Told { time_ns, fact, .. } = *told?;
    Some(Arc::new(Entry { time_ns, written_ns: now_ns, trace_id, span_id, fact }))
}

/// Whether a step's tokens are taken to count until it is decided.
fn counts_now(told: &Told) -> bool {
    told.is == seen::Is::Whole
        && told.fact.kind.calls_model()
        && !told.is_aggregate
        && !told.is_free
}

impl Steps<'_> {
    /// The batch is durable.
    pub(crate) fn stored(mut self) {
        let seen = std::mem::take(&mut self.seen);
        if !seen.is_empty() {
            self.engine.take_steps(&self.tenant, seen);
        }
    }

    /// The batch was refused.
    pub(crate) fn refused(mut self) {
        self.seen.clear();
    }
}

impl Drop for Steps<'_> {
    fn drop(&mut self) {
        if self.seen.is_empty() {
            return;
        }
        let now_ns = self.engine.clock.now_ns();
        let mut books = self.engine.agents.books.lock();
        let book = books.entry(self.tenant.clone()).or_default();
        for seen in self.seen.iter().filter(|seen| seen.told.is_some()) {
            book.look_again(seen.trace_id, now_ns);
        }
    }
}
