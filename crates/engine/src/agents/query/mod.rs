//! What people ask about agents: how they are, what they did, what was said, what it costs and why,
//! what was wasted. Everything is read out of the ledger and the spans; nothing is estimated that
//! can be added up.
//!
//! In reading order: [`rollup`] (facts of an hour, added up and kept), [`agents`], [`runs`],
//! [`sessions`], [`costs`], [`steps`] (one trace), [`report`], [`events`], [`dialects`].

pub mod agents;
pub mod costs;
pub mod dialects;
pub mod durations;
pub mod events;
pub mod graph;
pub mod grid;
mod health;
mod ratings;
pub mod recommend;
pub mod report;
mod rollup;
pub mod runs;
pub mod sessions;
mod spans;
pub mod steps;
#[cfg(test)]
mod tests;
mod unit_prices;
pub mod waste;

use std::sync::Arc;

use watchkeep_genai::price::PriceBook;
use watchkeep_model::{ErrorKind, Result, TenantId, TimeRange};

pub use health::{AgentHealth, AgentHealthConfig, HealthIssue, HealthStatus};
pub use ratings::Rating;
pub(crate) use rollup::cache::Rollups;
pub use rollup::{By, Calls, Details, Sums};

use self::rollup::read::Reader;
use self::rollup::{Cell, ErrorCell, RunCell, RunChunk, StepChunk};
use crate::blocking::{NotDone, Stop};
use crate::engine::Engine;

/// The most steps that a series has.
const STEPS_MAX: usize = 2_000;
/// The most chunks of time that a question may be about: two years of hours.
const CHUNKS_MAX: usize = 17_600;
/// A call that reads no more than so many tokens is short,
pub(crate) const SHORT_INPUT_TOKENS: u64 = 1_500;
/// where it writes no more than so many.
pub(crate) const SHORT_OUTPUT_TOKENS: u64 = 200;
/// A call that reads more tokens has a long context.
pub const LONG_CONTEXT_TOKENS: u64 = 32_000;

/// Which steps or runs are meant; each member that is given must be equal. An agent's steps are its own
/// and those of other agents in its runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "members are named as in StepFact")]
pub struct Filter {
    pub agent: Option<String>,
    pub service: Option<String>,
    pub user: Option<String>,
    pub session: Option<String>,
    pub release: Option<String>,
    pub environment: Option<String>,
    pub model: Option<String>,
    pub provider: Option<String>,
}

impl Filter {
    /// Only an agent's, or all without one.
    pub fn of_agent(agent: Option<&str>, service: Option<&str>) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self { agent: owned(agent), service: owned(service), ..Self::default() }
    }

    /// What steps of a chunk are compared with; `None` where none can be meant.
    fn of_steps(&self, chunk: &StepChunk) -> Option<StepTest> {
        let wanted = [
            (By::Service, &self.service),
            (By::User, &self.user),
            (By::Session, &self.session),
            (By::Release, &self.release),
            (By::Environment, &self.environment),
            (By::Model, &self.model),
            (By::Provider, &self.provider),
        ];
        let given = wanted.into_iter().filter_map(|(by, text)| Some((by, text.as_ref()?)));
        let equal: Option<Vec<_>> =
            given.map(|(by, text)| Some((by, chunk.texts.find(text)?))).collect();
        let agent = match &self.agent {
            Some(agent) => Some(chunk.texts.find(agent)?),
            None => None,
        };
        Some(StepTest { equal: equal?, agent })
    }

    /// Whether it names something that a run has many of.
    fn is_of_calls(&self) -> bool {
        self.model.is_some() || self.provider.is_some()
    }

    /// Whether it names a user or a session.
    fn is_of_people(&self) -> bool {
        self.user.is_some() || self.session.is_some()
    }

    fn has_run(&self, chunk: &RunChunk, run: &RunCell) -> bool {
        let of_run = [
            (&self.agent, run.agent),
            (&self.service, run.service),
            (&self.user, run.user),
            (&self.session, run.session),
            (&self.release, run.release),
            (&self.environment, run.environment),
        ];
        of_run.into_iter().all(|(wanted, number)| {
            wanted.as_deref().is_none_or(|wanted| **chunk.texts.get(number) == *wanted)
        })
    }
}

/// A [`Filter`] in the numbers of a chunk's texts.
struct StepTest {
    equal: Vec<(By, u32)>,
    /// What an agent did itself, and what others did in its runs.
    agent: Option<u32>,
}

impl StepTest {
    fn has(&self, cell: &Cell) -> bool {
        let key = |by: By| cell.keys[by as usize];
        self.equal.iter().all(|(by, number)| key(*by) == *number)
            && self.agent.is_none_or(|agent| key(By::Agent) == agent || key(By::MainAgent) == agent)
    }

    fn has_error(&self, error: &ErrorCell) -> bool {
        let is_of_service =
            self.equal.iter().all(|(by, number)| *by != By::Service || error.service == *number);
        is_of_service
            && self.agent.is_none_or(|agent| error.agent == agent || error.main_agent == agent)
    }
}

/// What a question is answered from.
struct Asked<'a> {
    reader: Reader<'a>,
    prices: &'a PriceBook,
    health: &'a AgentHealthConfig,
    now_ns: i64,
}

impl Engine {
    /// Answers a question about the ledger where blocking is allowed, under the limits of queries.
    async fn ask<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        work: impl FnOnce(&Asked<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (runtime, tenant) = (tokio::runtime::Handle::current(), tenant.clone());
        let (rollups, prices) = (Arc::clone(&self.rollups), self.prices.book(&tenant));
        let health = self.agents_config.health.clone();
        let now_ns = self.clock.now_ns();
        let done = self.blocking(self.limits.query_timeout.0, move |store, watch| {
            let reader = Reader {
                runtime: &runtime,
                store: &*store,
                tenant: &tenant,
                watch: &watch,
                rollups: &rollups,
                now_ns,
                read: std::cell::Cell::new(0),
            };
            work(&Asked { reader, prices: &prices, health: &health, now_ns })
        });
        let outcome = match done.await {
            Ok(outcome) => outcome,
            Err(NotDone::NoRoom) => Err(super::ledger::stopped(Stop::Timeout)),
            Err(NotDone::Failed(error)) => Err(error),
        };
        if let Err(error) = &outcome {
            self.metrics.queries_failed.with_label_values(&[error.kind().name()]).inc();
        }
        outcome
    }
}

/// Pieces of a range, each within a step.
fn pieces(grid: &grid::Grid, range: TimeRange) -> Result<Vec<TimeRange>> {
    let hours = range.end_ns.saturating_sub(range.start_ns) / grid::HOUR_NS;
    if usize::try_from(hours).unwrap_or(usize::MAX) > CHUNKS_MAX {
        return Err(watchkeep_model::Error::new(
            ErrorKind::Invalid,
            format!("the range is {hours} hours long, more than {CHUNKS_MAX}; ask for less"),
        ));
    }
    Ok(grid.chunks(range))
}
