//! Events about the health of agents: once a minute the last hour is judged, of tenants whose agents were
//! at work in it.

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;
use serde_json::json;
use watchkeep_model::{Result, TenantId, TimeRange};

use super::announce::Change;
use crate::agents::query::HealthStatus;
use crate::agents::query::agents::AgentRow;
use crate::engine::Engine;

/// Kind of the events.
const EVENT_KIND: &str = "agent_health";
/// The most agents of a tenant that are judged: the dearest.
const AGENTS_MAX: usize = 1_000;
/// What the names of tenants of ledgers end with.
const LEDGER_SUFFIX: &str = "!agents";

/// Tenants whose agents may be judged, and how these were last.
#[derive(Debug, Default)]
pub(super) struct AgentsWatch {
    /// When agents of a tenant were last at work.
    active: Mutex<HashMap<TenantId, i64>>,
    known: tokio::sync::Mutex<HashMap<TenantId, HashMap<String, HealthStatus>>>,
}

impl AgentsWatch {
    /// Runs were decided.
    pub(super) fn saw(&self, tenant: &TenantId, now_ns: i64) {
        let mut active = self.active.lock();
        match active.get_mut(tenant) {
            Some(last_ns) => *last_ns = now_ns,
            None => {
                active.insert(tenant.clone(), now_ns);
            }
        }
    }

    fn since(&self, start_ns: i64) -> Vec<TenantId> {
        let mut active = self.active.lock();
        active.retain(|_, last_ns| *last_ns >= start_ns);
        active.keys().cloned().collect()
    }
}

/// Whether a change is an event: nothing is said at first sight but that an agent is unhealthy, and
/// nothing of one that does nothing.
fn is_event(known: Option<HealthStatus>, now: HealthStatus) -> bool {
    match (known, now) {
        (_, HealthStatus::Unknown) => false,
        (None, now) => now == HealthStatus::Unhealthy,
        (Some(known), now) => known != now,
    }
}

fn change(row: &AgentRow, known: Option<HealthStatus>, time_ns: i64) -> Change {
    let agent = row.agent.to_string();
    let status = row.health.status;
    let issues: Vec<&str> = row.health.issues.iter().map(|issue| &*issue.message).collect();
    let text = if issues.is_empty() {
        "success rate and response time are within their thresholds".to_owned()
    } else {
        issues.join("; ")
    };
    Change {
        kind: EVENT_KIND,
        subject: agent.clone(),
        status,
        time_ns,
        title: format!("agent {agent} is {}", status.name()),
        agent,
        text,
        details: vec![
            ("status", json!(status.name())),
            ("before", json!(known.unwrap_or_default().name())),
            ("runs", json!(row.figures.runs)),
            ("success_rate", json!(row.figures.success_rate())),
            ("avg_duration_ns", json!(row.figures.latency.average_ns().map(|ns| ns as i64))),
        ],
    }
}

impl Engine {
    /// Judges agents once.
    pub async fn judge_agents(&self) {
        let window = &self.health.config.agents.window;
        let end_ns = self.clock.now_ns();
        let window_ns = i64::try_from(window.0.as_nanos()).unwrap_or(i64::MAX);
        let range = TimeRange { start_ns: end_ns.saturating_sub(window_ns), end_ns };
        for tenant in self.health.agents.since(range.start_ns) {
            if let Err(error) = self.judge_agents_of(&tenant, range).await {
                tracing::warn!("health of agents of {tenant}: {}", error.report());
            }
        }
    }

    async fn judge_agents_of(&self, tenant: &TenantId, range: TimeRange) -> Result<()> {
        let table = self.agent_table(tenant, range, None, AGENTS_MAX).await?;
        let mut all = self.health.agents.known.lock().await;
        if !all.contains_key(tenant) {
            let last = self.told_last(tenant, EVENT_KIND).await?;
            let last = last.into_iter().map(|(agent, told)| (agent, told.status)).collect();
            all.insert(tenant.clone(), last);
        }
        let Some(known) = all.get_mut(tenant) else { return Ok(()) };
        for row in table.agents.iter().filter(|row| !row.agent.is_empty()) {
            let now = row.health.status;
            let before = known.get(&*row.agent).copied();
            let tells = is_event(before, now);
            if tells && !self.announce(tenant, change(row, before, range.end_ns)).await {
                continue;
            }
            if now != HealthStatus::Unknown {
                known.insert(row.agent.to_string(), now);
            }
        }
        // Of agents that nobody sees any more, the newest event will tell.
        if known.len() > 10 * AGENTS_MAX {
            all.remove(tenant);
        }
        Ok(())
    }

    /// All tenants with agents may have been at work before the start.
    fn expect_agents(&self) {
        let Ok(store) = self.store() else { return };
        let now_ns = self.clock.now_ns();
        for ledger in store.tenants() {
            let name = ledger.as_str().strip_suffix(LEDGER_SUFFIX);
            if let Some(tenant) = name.and_then(|name| TenantId::new(name).ok()) {
                self.health.agents.saw(&tenant, now_ns);
            }
        }
    }
}

/// Judges until it is dropped.
pub(super) async fn run(engine: &Arc<Engine>) {
    let config = &engine.health.config.agents;
    if !config.events {
        return;
    }
    engine.expect_agents();
    let start = tokio::time::Instant::now() + config.interval.0;
    let mut ticks = tokio::time::interval_at(start, config.interval.0);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        engine.judge_agents().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use prometheus::Registry;
    use watchkeep_model::{Clock, SpanId, TraceId};
    use watchkeep_storage::Store;
    use watchkeep_storage::memory::MemoryStore;

    use super::*;
    use crate::LimitsConfig;
    use crate::agents::facts::{Entry, RunFact};
    use crate::agents::query::events::EventsQuery;

    const MINUTE: i64 = 60_000_000_000;
    const START: i64 = 1_700_000_000_000_000_000;

    /// A clock that tests set.
    #[derive(Debug)]
    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now_ns(&self) -> i64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    struct Bench {
        engine: Engine,
        clock: Arc<Hand>,
    }

    impl Bench {
        fn over(store: &Arc<dyn Store>) -> Self {
            let clock = Arc::new(Hand(AtomicI64::new(START)));
            let hand = Arc::clone(&clock) as Arc<dyn Clock>;
            let engine = Engine::new(LimitsConfig::default(), hand, &Registry::new()).unwrap();
            engine.attach(Arc::clone(store));
            engine.expect_agents();
            Self { engine, clock }
        }

        /// So many minutes after the start an agent has runs behind it; then it is judged.
        async fn judge(&self, minute: i64, good: usize, bad: usize) -> Vec<String> {
            let tenant = TenantId::default();
            let now_ns = START + minute * MINUTE;
            self.clock.0.store(now_ns, Ordering::Relaxed);
            let run = |at: usize| {
                let error = if at < bad { "timeout" } else { "" };
                let fact = json!({"service": "s", "name": "run", "agent": "weather", "error": error,
                                  "agents": ["weather"], "duration_ns": 1_000_000_000, "steps": 1});
                let number = (minute * 100) as u128 + at as u128 + 1;
                Entry {
                    time_ns: now_ns - MINUTE / 2,
                    written_ns: now_ns,
                    trace_id: TraceId(number.to_be_bytes()),
                    span_id: SpanId([1; 8]),
                    fact: serde_json::from_value::<RunFact>(fact).unwrap(),
                }
            };
            let runs: Vec<_> = (0..good + bad).map(run).collect();
            if !runs.is_empty() {
                self.engine.write_facts(&tenant, &runs, None).await.unwrap();
                self.engine.runs_decided(&tenant, &runs);
            }
            self.engine.judge_agents().await;
            let query = EventsQuery {
                range: TimeRange::ALL,
                kind: Some(EVENT_KIND.into()),
                severity: None,
                agent: Some("weather".into()),
                service: None,
                limit: 100,
                after: None,
            };
            let events = self.engine.events(&tenant, query).await.unwrap().events;
            let told = events.into_iter().map(|it| format!("{}: {}", it.fact.title, it.fact.text));
            told.collect()
        }
    }

    #[tokio::test]
    async fn an_agent_that_changes_is_an_event_once_also_over_a_restart() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let bench = Bench::over(&store);
        assert_eq!(bench.judge(1, 10, 0).await, Vec::<String>::new());
        let ill = "agent weather is unhealthy: success rate 66.7 % is below 90 %";
        assert_eq!(bench.judge(2, 0, 5).await, [ill]);
        assert_eq!(bench.judge(3, 0, 0).await, [ill]);
        let bench = Bench::over(&store);
        assert_eq!(bench.judge(4, 0, 0).await, [ill], "told before the restart");
        // An hour later nothing is known of it, which says nothing.
        assert_eq!(bench.judge(70, 0, 0).await, [ill]);
        let well = "agent weather is healthy: \
                    success rate and response time are within their thresholds";
        assert_eq!(bench.judge(71, 5, 0).await, [well, ill]);
    }

    #[test]
    fn a_change_is_told_once_and_nothing_at_first_sight_but_that_it_is_bad() {
        use HealthStatus::{Degraded, Healthy, Unhealthy, Unknown};
        for (known, now, tells) in [
            (None, Healthy, false),
            (None, Degraded, false),
            (None, Unhealthy, true),
            (None, Unknown, false),
            (Some(Healthy), Healthy, false),
            (Some(Healthy), Degraded, true),
            (Some(Degraded), Unhealthy, true),
            (Some(Unhealthy), Healthy, true),
            (Some(Unhealthy), Unknown, false),
        ] {
            assert_eq!(is_event(known, now), tells, "{known:?} {now:?}");
        }
    }
}
