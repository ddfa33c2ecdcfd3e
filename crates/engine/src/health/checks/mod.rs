//! Checks of what others depend on: databases, caches, services, names. Each runs on a schedule of its
//! own; what comes of it is kept as samples, and a change as an event.
//!
//! In reading order: [`config`], `probe` (asking), [`state`] (what results make of a check), [`history`].

pub mod config;
pub mod history;
mod probe;
pub mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use watchkeep_model::metrics::MetricKind;
use watchkeep_model::{Error, ErrorKind, Result, TenantId};
use watchkeep_storage::Batch;

use self::config::CheckConfig;
pub use self::history::{CheckHistory, Uptime};
use self::probe::Probe;
pub use self::state::{CheckState, CheckStatus, Outcome};
use super::announce::{Change, Told};
use super::config::HealthConfig;
use super::samples::Samples;
use crate::agents::query::HealthStatus;
use crate::engine::Engine;
use crate::scrape::environment::Environment;

/// 1 where a check succeeded, 0 where it failed.
const UP: &str = "watchkeep_check_up";
/// How long it took.
const DURATION: &str = "watchkeep_check_duration_seconds";
/// Kind of the events.
const EVENT_KIND: &str = "dependency";
/// The first runs of all checks are spread over so long at most.
const SPREAD_MAX: Duration = Duration::from_secs(5);
/// Characters that the text of an error has at most.
const ERROR_CHARS_MAX: usize = 300;

/// All checks.
#[derive(Debug)]
pub struct Checks {
    all: Vec<Arc<Check>>,
    permits: Semaphore,
    /// What was told last of each check; none before that was read.
    told: tokio::sync::Mutex<Option<HashMap<String, Told>>>,
}

/// A check and how it stands.
#[derive(Debug)]
pub struct Check {
    name: String,
    config: CheckConfig,
    probe: Probe,
    state: Mutex<CheckState>,
    running: tokio::sync::Mutex<()>,
}

impl Check {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its settings.
    pub fn config(&self) -> &CheckConfig {
        &self.config
    }

    /// What is asked, without secrets.
    pub fn target(&self) -> String {
        self.probe.target()
    }

    /// How it stands.
    pub fn state(&self) -> CheckState {
        self.state.lock().clone()
    }

    /// Asks once.
    async fn ask(&self) -> Option<String> {
        let timeout = self.config.timeout.0;
        match tokio::time::timeout(timeout, self.probe.run()).await {
            Ok(Ok(())) => None,
            Ok(Err(why)) => Some(self.presentable(&why)),
            Err(_) => Some(format!("no answer within {}", self.config.timeout)),
        }
    }

    /// An error as it may be shown: in a line, short, and without what is secret.
    fn presentable(&self, why: &str) -> String {
        let mut text = why.to_owned();
        for secret in self.probe.secrets() {
            text = text.replace(&secret, "***");
        }
        let mut short: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(ERROR_CHARS_MAX)
            .collect();
        if text.chars().count() > ERROR_CHARS_MAX {
            short.push('…');
        }
        let short = short.trim();
        if short.is_empty() { "failed".to_owned() } else { short.to_owned() }
    }
}

impl Checks {
    /// Those of a configuration, none run yet. Fails where one is wrong.
    pub(super) fn new(config: &HealthConfig, environment: &Environment) -> Result<Self> {
        let mut all = Vec::with_capacity(config.checks.len());
        for (name, check) in &config.checks {
            all.push(Arc::new(Check {
                name: name.clone(),
                probe: check.probe(environment)?,
                config: check.clone(),
                state: Mutex::default(),
                running: tokio::sync::Mutex::default(),
            }));
        }
        let permits = Semaphore::new(config.checks_at_once);
        Ok(Self { all, permits, told: tokio::sync::Mutex::default() })
    }

    /// By name.
    pub fn all(&self) -> &[Arc<Check>] {
        &self.all
    }

    /// One.
    pub fn find(&self, name: &str) -> Result<&Arc<Check>> {
        self.all.iter().find(|check| check.name == name).ok_or_else(|| {
            let name = crate::humane::short(name);
            Error::new(ErrorKind::NotFound, format!("there is no check {name:?}"))
        })
    }

    /// The worst of all.
    pub fn status(&self) -> CheckStatus {
        self.all.iter().map(|check| check.state.lock().status).max().unwrap_or_default()
    }
}

impl Engine {
    /// Runs a check now and keeps what comes of it. Many who ask at one time share a run.
    pub async fn run_check(&self, name: &str) -> Result<Arc<Check>> {
        let check = Arc::clone(self.health.checks.find(name)?);
        self.run_one(&check, Some(self.clock.now_ns())).await?;
        Ok(check)
    }

    /// A run that began after `asked_ns` will do.
    async fn run_one(&self, check: &Check, asked_ns: Option<i64>) -> Result<()> {
        let _alone = check.running.lock().await;
        let began_ns = check.state().last.map(|last| last.time_ns.saturating_sub(last.duration_ns));
        if began_ns.zip(asked_ns).is_some_and(|(began_ns, asked_ns)| began_ns > asked_ns) {
            return Ok(());
        }
        let checks = &self.health.checks;
        let permit = checks.permits.acquire().await;
        let _permit =
            permit.map_err(|error| Error::internal("cannot start a check").with_source(error))?;
        let began = Instant::now();
        let error = check.ask().await;
        let duration_ns = i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let outcome = Outcome { time_ns: self.clock.now_ns(), duration_ns, error };
        self.take_outcome(check, outcome).await;
        Ok(())
    }

    async fn take_outcome(&self, check: &Check, outcome: Outcome) {
        let tenant = TenantId::new(&self.health.config.checks_tenant).unwrap_or_default();
        check.state.lock().take(outcome.clone(), check.config.failures);
        let mut samples = Samples::new(outcome.time_ns);
        let labels = [("check", &*check.name), ("type", check.config.kind.name())];
        samples.family(UP, MetricKind::Gauge, "Whether a check succeeded");
        samples.family(DURATION, MetricKind::Gauge, "How long a check took");
        samples.push(UP, &labels, f64::from(u8::from(outcome.error.is_none())));
        samples.push(DURATION, &labels, outcome.duration_ns as f64 / 1e9);
        let batch = Batch::Metrics(samples.finish());
        let stored = match self.store() {
            Ok(store) => store.append(&tenant, batch.into()).await.map(|_ack| ()),
            Err(error) => Err(error),
        };
        if let Err(error) = stored {
            self.health.counters.failed_writes.inc();
            tracing::warn!("metrics of check {}: {}", check.name, error.report());
        }
        self.announce_check(&tenant, check).await;
    }

    /// Tells of a change, unless it was told before.
    async fn announce_check(&self, tenant: &TenantId, check: &Check) {
        let mut told = self.health.checks.told.lock().await;
        if told.is_none() {
            match self.told_last(tenant, EVENT_KIND).await {
                Ok(last) => *told = Some(last),
                // Without knowing what was told, nothing is; the next run looks again.
                Err(error) => tracing::warn!("events of checks: {}", error.report()),
            }
        }
        let Some(told) = &mut *told else { return };
        let state = check.state();
        let status = match state.status {
            CheckStatus::Unknown => return,
            CheckStatus::Healthy => HealthStatus::Healthy,
            CheckStatus::Unhealthy => HealthStatus::Unhealthy,
        };
        let last = told.get(&check.name).copied();
        if last.map_or(HealthStatus::Healthy, |last| last.status) == status {
            // It stands so since before this process started.
            if let Some(last) = last {
                let mut state = check.state.lock();
                state.since_ns = state.since_ns.map(|since_ns| since_ns.min(last.time_ns));
            }
            return;
        }
        let Some(change) = change(check, &state, status, last) else { return };
        let time_ns = change.time_ns;
        if self.announce(tenant, change).await {
            told.insert(check.name.clone(), Told { status, time_ns });
        }
    }
}

fn change(
    check: &Check,
    state: &CheckState,
    status: HealthStatus,
    before: Option<Told>,
) -> Option<Change> {
    let last = state.last.as_ref()?;
    let (name, target) = (&check.name, check.target());
    let text = match &last.error {
        Some(error) => format!("{target}: {error}"),
        None => format!("{target} answers again"),
    };
    Some(Change {
        kind: EVENT_KIND,
        subject: name.clone(),
        status,
        time_ns: last.time_ns,
        agent: String::new(),
        title: format!("{name} is {}", status.name()),
        text,
        details: vec![
            ("check", json!(name)),
            ("type", json!(check.config.kind.name())),
            ("target", json!(target)),
            ("status", json!(status.name())),
            ("error", json!(last.error)),
            ("duration_ns", json!(last.duration_ns)),
            ("failed_in_a_row", json!(state.failed_in_a_row)),
            ("since_before_ns", json!(before.map(|before| before.time_ns.to_string()))),
        ],
    })
}

/// Runs all checks until it is dropped.
pub(super) async fn run(engine: &Arc<Engine>) {
    let all = engine.health.checks.all();
    let mut tasks = JoinSet::new();
    for (at, check) in all.iter().enumerate() {
        let (engine, check) = (Arc::clone(engine), Arc::clone(check));
        let interval = check.config.interval.0;
        let wait = interval.min(SPREAD_MAX).mul_f64(at as f64 / all.len() as f64);
        tasks.spawn(async move {
            let start = tokio::time::Instant::now() + wait;
            let mut ticks = tokio::time::interval_at(start, interval);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if let Err(error) = engine.run_one(&check, None).await {
                    tracing::warn!("check {}: {}", check.name, error.report());
                }
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        // None ends by itself.
        let Err(error) = ended;
        tracing::error!("a check ended badly: {error}");
    }
}
