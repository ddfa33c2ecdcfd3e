//! Feedback: what people, models and code thought of answers, bound to the runs that gave them.
//!
//! In reading order: [`config`], [`given`] (what may be given, by any way), `keep` (writing it down,
//! replacing and deleting it), `waiting` and `bind` (finding what it is about, also when that comes
//! later), `evaluations` (judgements that came with telemetry), [`query`] (lists and figures),
//! [`themes`] and `llm` (what comments are about).
//!
//! # Invariants
//! - The ledger is the truth. Entries with one id have one time; the last one written holds.
//! - What the sender said is never replaced by what its run says.

mod bind;
pub mod config;
mod evaluations;
pub mod given;
mod keep;
mod llm;
pub mod query;
pub mod themes;
mod waiting;

#[cfg(test)]
mod llm_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use watchkeep_model::{Result, TenantId};

use crate::agents::facts::{Entry, FeedbackFact};
use crate::engine::Engine;
use crate::scrape::Environment;
use config::FeedbackConfig;
use waiting::Waiting;

/// Entries that were made of telemetry and are not written down yet; more are left out and counted.
const ARRIVED_MAX: usize = 50_000;
/// How often what waits too long is looked for.
const TICK: Duration = Duration::from_secs(1);

/// Feedback of all tenants, as far as it waits for something.
#[derive(Debug, Default)]
pub struct Feedback {
    config: FeedbackConfig,
    llm: Option<llm::Llm>,
    state: Mutex<State>,
    /// Wakes the task that does what telemetry asks for.
    wake: Notify,
    /// Held while entries are looked up and written, so that the last one written is the last one.
    writing: tokio::sync::Mutex<()>,
    last_written_ns: AtomicI64,
    answers: themes::Answers,
}

#[derive(Debug, Default)]
struct State {
    waiting: Waiting,
    /// Tenants whose feedback of before the start waits again.
    known: BTreeSet<TenantId>,
    jobs: Jobs,
    /// Judgements of telemetry that were left out and are not counted yet.
    left_out: u64,
}

/// What telemetry asks for.
#[derive(Debug, Default)]
struct Jobs {
    /// Judgements that came with it.
    arrived: Vec<(TenantId, Entry<FeedbackFact>)>,
    /// What feedback is about came: ids of the feedback.
    bind: BTreeSet<(TenantId, String)>,
    /// Tenants that were not seen since the start.
    know: BTreeSet<TenantId>,
}

impl Feedback {
    /// With a configuration, which is checked; the environment may hold the key of a model.
    pub(crate) fn new(config: FeedbackConfig, environment: &Environment) -> Result<Self> {
        config.check()?;
        let llm = llm::Llm::new(&config.llm, environment)?;
        Ok(Self { config, llm, ..Self::default() })
    }

    /// Now, but later than anything that was written before.
    fn written_ns(&self, now_ns: i64) -> i64 {
        let next = |last: i64| Some(now_ns.max(last.saturating_add(1)));
        let last = self.last_written_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        now_ns.max(last.unwrap_or_default().saturating_add(1))
    }
}

impl Engine {
    /// The engine with another section `feedback`; fails where that is wrong.
    pub fn with_feedback(
        mut self,
        config: FeedbackConfig,
        environment: &Environment,
    ) -> Result<Self> {
        self.feedback = Feedback::new(config, environment)?;
        Ok(self)
    }

    /// Section `feedback`.
    pub fn feedback_config(&self) -> &FeedbackConfig {
        &self.feedback.config
    }

    /// Does what telemetry asked of feedback: writes judgements down and binds what waits. A failure
    /// leaves it asked for.
    pub(crate) async fn work_on_feedback(&self) -> Result<()> {
        let jobs = {
            let mut state = self.feedback.state.lock();
            self.metrics.feedback_left_out.inc_by(std::mem::take(&mut state.left_out));
            std::mem::take(&mut state.jobs)
        };
        let outcome = self.do_jobs(&jobs).await;
        if outcome.is_err() {
            let mut state = self.feedback.state.lock();
            state.jobs.arrived.splice(0..0, jobs.arrived);
            state.jobs.bind.extend(jobs.bind);
            state.jobs.know.extend(jobs.know);
        }
        self.count_overdue_feedback();
        outcome
    }

    async fn do_jobs(&self, jobs: &Jobs) -> Result<()> {
        for tenant in &jobs.know {
            self.know_feedback(tenant).await?;
        }
        let mut by_tenant: std::collections::BTreeMap<&TenantId, Vec<Entry<FeedbackFact>>> =
            std::collections::BTreeMap::new();
        for (tenant, entry) in &jobs.arrived {
            by_tenant.entry(tenant).or_default().push(entry.clone());
        }
        for (tenant, entries) in by_tenant {
            self.keep_feedback(tenant, entries).await?;
        }
        let mut ids: std::collections::BTreeMap<&TenantId, BTreeSet<String>> =
            std::collections::BTreeMap::new();
        for (tenant, id) in &jobs.bind {
            ids.entry(tenant).or_default().insert(id.clone());
        }
        for (tenant, ids) in ids {
            self.bind_waiting(tenant, &ids).await?;
        }
        Ok(())
    }
}

/// Works on feedback as telemetry asks for it, for as long as the process runs.
pub async fn run(engine: Arc<Engine>) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = engine.feedback.wake.notified() => {}
        }
        if let Err(error) = engine.work_on_feedback().await {
            tracing::warn!("cannot write feedback down: {}", error.report());
            // The store may be full or closed: not at once again.
            tick.tick().await;
        }
    }
}
