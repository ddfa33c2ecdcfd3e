//! The task that keeps the book: about every second it decides what can be decided, writes it to the
//! ledger, and then counts it and tells observers. What could not be written is tried again, under
//! the same token.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use watchkeep_model::{Result, TenantId, TraceId};
use watchkeep_storage::Batch;
use watchkeep_storage::seam::IngestToken;

use super::Agents;
use super::book::{Book, Decision, Decisions, Earlier, Rules};
use super::config::AgentsConfig;
use super::derived::Derived;
use super::facts::{Counted, Entry, Fact, StepFact};
use super::observers::{Before, DecidedStep};
use super::step_sums::Change;
use crate::engine::Engine;
use crate::totals::Times;

/// How often decisions are made.
const TICK: Duration = Duration::from_secs(1);

/// Facts of one write at most.
const FACTS_MAX: usize = 5_000;

/// Traces that are decided while the book is locked, and spans that make room then.
const TRACES_AT_ONCE: usize = 200;
const SPANS_AT_ONCE: usize = 5_000;

/// Traces that are read from the store at one time, and how long new ones are begun before it is
/// decided again.
const LOOKUPS_AT_ONCE: usize = 8;
const LOOKUPS_MAX: Duration = Duration::from_secs(2);

/// Series that do not change get a sample this often, so that they are found by queries.
const UNCHANGED_MS: i64 = 60_000;

/// What is still to be done.
#[derive(Debug, Default)]
pub(super) struct Undone {
    /// Decisions that could not be written down yet, oldest first.
    unwritten: VecDeque<Written>,
    /// Traces that must be read from the store, and whether something of them may be in the ledger.
    lookups: VecDeque<(TenantId, TraceId, bool)>,
    /// Decisions that were taken so far, for their tokens.
    numbered: usize,
    /// Whether writing failed this time.
    is_stuck: bool,
}

/// Decisions of a tenant, and under which tokens they are written down.
#[derive(Debug)]
pub(super) struct Written {
    tenant: TenantId,
    decisions: Decisions,
    token: u128,
}

impl Agents {
    /// Does something with the metrics of a tenant.
    pub(super) fn derived_of<T>(
        &self,
        tenant: &TenantId,
        config: &AgentsConfig,
        act: impl FnOnce(&mut Derived) -> T,
    ) -> T {
        let mut all = self.derived.lock();
        let derived = all.entry(tenant.clone()).or_insert_with(|| Derived::new(config));
        let done = act(derived);
        self.counters.overflows.inc_by(derived.take_overflows());
        done
    }

    /// Traces that may have something to decide, in pieces for which the book is locked at once.
    fn ready(&self, rules: &Rules, now_ns: i64) -> Vec<(TenantId, Vec<TraceId>)> {
        let books = self.books.lock();
        let ready = books.iter().flat_map(|(tenant, book)| {
            let traces = book.ready(rules, now_ns);
            let pieces: Vec<_> = traces.chunks(TRACES_AT_ONCE).map(<[TraceId]>::to_vec).collect();
            pieces.into_iter().map(|some| (tenant.clone(), some))
        });
        ready.collect()
    }

    fn decide(&self, tenant: &TenantId, some: &[TraceId], rules: &Rules, now_ns: i64) -> Decisions {
        let mut decisions = Decisions::default();
        if let Some(book) = self.books.lock().get_mut(tenant) {
            book.decide(some, rules, now_ns, &mut decisions);
        }
        decisions
    }

    /// Decides a piece of what is held, and lets go of it, while there is more than so many spans;
    /// `None` where there is not, or nothing can go.
    fn make_room(
        &self,
        spans_max: usize,
        rules: &Rules,
        now_ns: i64,
    ) -> Option<(TenantId, Decisions)> {
        let mut books = self.books.lock();
        let spans: usize = books.values().map(Book::spans).sum();
        self.counters.held.set(spans as i64);
        let goes = spans.saturating_sub(spans_max).min(SPANS_AT_ONCE);
        // Those who hold most make room first.
        let (tenant, book) = books.iter_mut().max_by_key(|(_, book)| book.spans())?;
        let held = book.spans();
        let mut decisions = Decisions::default();
        book.make_room(held.saturating_sub(goes), rules, now_ns, &mut decisions);
        (book.spans() < held).then(|| (tenant.clone(), decisions))
    }

    /// Spans that are held.
    fn spans(&self) -> usize {
        self.books.lock().values().map(Book::spans).sum()
    }
}

impl Engine {
    /// Decides what can be decided, writes it down and counts it: in pieces, so that requests get
    /// their turn and little waits to be written.
    pub async fn keep_book(&self) {
        let mut undone = self.agents.undone.lock().await;
        undone.is_stuck = false;
        let now_ns = self.clock.now_ns();
        let rules = Rules::of(&self.agents_config);
        for (tenant, some) in self.agents.ready(&rules, now_ns) {
            let decisions = self.agents.decide(&tenant, &some, &rules, now_ns);
            self.settle(&mut undone, tenant, decisions, now_ns).await;
        }
        let most = self.agents_config.steps_held_max;
        let held = self.agents.spans();
        self.agents.counters.held.set(held as i64);
        if held > most {
            // Some more than need be, so that not every tick has to.
            let least = most - most / 10;
            while let Some((tenant, decisions)) = self.agents.make_room(least, &rules, now_ns) {
                self.settle(&mut undone, tenant, decisions, now_ns).await;
            }
        }
        for (tenant, steps) in self.measured(now_ns) {
            let decisions = Decisions { steps, ..Decisions::default() };
            self.settle(&mut undone, tenant, decisions, now_ns).await;
        }
        self.write_out(&mut undone, now_ns).await;
        // Samples say by their time which facts are in them: none may be older and missing.
        if undone.unwritten.is_empty() {
            self.write_agent_metrics(now_ns).await;
        }
        self.look_up_some(&mut undone.lookups).await;
    }

    /// Takes decisions of a tenant to be written down, and writes what there is.
    async fn settle(
        &self,
        undone: &mut Undone,
        tenant: TenantId,
        mut decisions: Decisions,
        now_ns: i64,
    ) {
        let traces = std::mem::take(&mut decisions.lookups);
        let lookups = traces.into_iter().map(|(trace, was_here)| (tenant.clone(), trace, was_here));
        undone.lookups.extend(lookups);
        self.agents.counters.early.inc_by(decisions.early);
        if decisions.is_empty() {
            return;
        }
        let token = token(&tenant, now_ns, undone.numbered);
        undone.numbered = undone.numbered.wrapping_add(1);
        undone.unwritten.push_back(Written { tenant, decisions, token });
        self.write_out(undone, now_ns).await;
    }

    /// Writes down what was decided, counts it and tells observers. Where that fails nothing more is
    /// tried until the next time.
    async fn write_out(&self, undone: &mut Undone, now_ns: i64) {
        while let Some(written) = undone.unwritten.front().filter(|_| !undone.is_stuck) {
            if let Err(error) = self.write_down(written).await {
                self.agents.counters.failed_writes.inc();
                tracing::warn!("ledger of {}: {}", written.tenant, error.report());
                undone.is_stuck = true;
            } else if let Some(written) = undone.unwritten.pop_front() {
                self.tell(&written, now_ns);
            }
        }
    }

    /// Reads traces from the store, for a while.
    async fn look_up_some(&self, lookups: &mut VecDeque<(TenantId, TraceId, bool)>) {
        let until = Instant::now() + LOOKUPS_MAX;
        while !lookups.is_empty() && Instant::now() < until {
            let some = lookups.drain(..lookups.len().min(LOOKUPS_AT_ONCE));
            let reading = some.map(|(tenant, trace, was_here)| async move {
                self.look_up(&tenant, trace, was_here).await;
            });
            futures::future::join_all(reading).await;
        }
    }

    /// What only metrics told and counts now.
    fn measured(&self, now_ns: i64) -> Vec<(TenantId, Vec<Decision>)> {
        let settle_ns = Rules::of(&self.agents_config).settle_ns;
        let mut all = self.agents.measured.lock();
        let due = all.iter_mut().map(|(tenant, measured)| {
            let prices = self.prices.book(tenant);
            (tenant.clone(), measured.due(settle_ns, now_ns, &prices))
        });
        due.filter(|(_, steps)| !steps.is_empty()).collect()
    }

    async fn write_down(&self, written: &Written) -> Result<()> {
        let Written { tenant, decisions, token } = written;
        let steps = decisions.steps.iter().filter(|decision| !decision.is_known);
        let steps: Vec<&Entry<StepFact>> = steps.map(|decision| &*decision.entry).collect();
        self.write_all(tenant, &steps, *token ^ 1 << 120).await?;
        let runs: Vec<_> = decisions.runs.iter().map(|run| &run.entry).collect();
        self.write_all(tenant, &runs, *token ^ 2 << 120).await?;
        let events: Vec<_> = decisions.events.iter().collect();
        self.write_all(tenant, &events, *token ^ 3 << 120).await
    }

    async fn write_all<F: Fact>(
        &self,
        tenant: &TenantId,
        entries: &[&Entry<F>],
        token: u128,
    ) -> Result<()> {
        for (number, some) in entries.chunks(FACTS_MAX).enumerate() {
            let token = IngestToken(token.wrapping_add(number as u128));
            self.write_these_facts(tenant, some, Some(token)).await?;
        }
        Ok(())
    }

    /// Counts what is in the ledger, and tells observers.
    fn tell(&self, written: &Written, now_ns: i64) {
        let Written { tenant, decisions, .. } = written;
        let now_ms = now_ns.div_euclid(1_000_000);
        self.agents.counters.steps.inc_by(decisions.steps.len() as u64);
        self.agents.derived_of(tenant, &self.agents_config, |derived| {
            let changed = decisions.steps.iter().filter(|decision| !decision.is_known);
            derived.add_steps(&changed.map(change).collect::<Vec<_>>(), now_ms);
            for run in decisions.runs.iter().filter(|run| run.is_first) {
                derived.add_run(&run.entry, now_ms);
            }
            for event in &decisions.events {
                derived.add_event(event, now_ms);
            }
        });
        let steps: Vec<DecidedStep<'_>> = decisions.steps.iter().map(decided_step).collect();
        if !steps.is_empty() {
            self.steps_decided(tenant, &steps);
        }
        let runs: Vec<_> = decisions.runs.iter().map(|run| run.entry.clone()).collect();
        if !runs.is_empty() {
            self.runs_decided(tenant, &runs);
        }
    }

    /// Stores samples of metrics of agents that are due.
    async fn write_agent_metrics(&self, now_ns: i64) {
        let now_ms = now_ns.div_euclid(1_000_000);
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let times = Times {
            interval_ms: millis(self.agents_config.metrics_interval.0),
            unchanged_ms: UNCHANGED_MS,
            idle_ms: millis(self.agents_config.idle_max.0),
        };
        let active: HashMap<TenantId, usize> = {
            let books = self.agents.books.lock();
            books.iter().map(|(tenant, book)| (tenant.clone(), book.active())).collect()
        };
        let mut due = Vec::new();
        let mut label_sets = 0;
        for (tenant, derived) in self.agents.derived.lock().iter_mut() {
            let active = active.get(tenant).copied().unwrap_or_default();
            let columns = derived.write(now_ms, times, active);
            label_sets += derived.label_sets();
            if !columns.is_empty() {
                due.push((tenant.clone(), columns));
            }
        }
        self.agents.counters.label_sets.set(label_sets as i64);
        for (tenant, columns) in due {
            let stored = match self.store() {
                Ok(store) => store.append(&tenant, Batch::Metrics(columns).into()).await,
                Err(error) => Err(error),
            };
            if let Err(error) = stored {
                self.agents.counters.failed_writes.inc();
                tracing::warn!("metrics of agents of {tenant}: {}", error.report());
            }
        }
    }
}

fn change(decision: &Decision) -> Change<'_> {
    let before = match &decision.before {
        Earlier::Decided(entry) => Some(&entry.fact),
        _ => None,
    };
    Change { entry: &decision.entry, before, is_call: decision.is_call }
}

fn decided_step(decision: &Decision) -> DecidedStep<'_> {
    let before = match &decision.before {
        Earlier::Nothing => Before::Nothing,
        Earlier::Arrived(entry) => Before::Arrived(&entry.fact),
        Earlier::Decided(entry) => Before::Decided(&entry.fact),
    };
    debug_assert!(!decision.is_known || decision.entry.fact.counted != Counted::Yes);
    DecidedStep { step: &decision.entry, before }
}

/// A name for what is written at an instant: two starts never write at the same one.
fn token(tenant: &TenantId, now_ns: i64, number: usize) -> u128 {
    let tenant = twox_hash::XxHash64::oneshot(0, tenant.as_str().as_bytes());
    let low = u128::from(tenant.wrapping_add((number as u64).wrapping_mul(1 << 20)));
    // The upper 8 bits and what chunks add stay free.
    ((now_ns as u128) << 56 & !(0xff << 120)) ^ low
}

/// Keeps the book; ends when it is dropped.
pub async fn run(engine: Arc<Engine>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = engine.agents.full.notified() => {}
        }
        engine.keep_book().await;
    }
}
