//! Events about health: one for each change, kept in the ledger with all others. What was told last is
//! read there again after a start, so that nothing is told twice and nothing that is over stays open.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use serde_json::Value;
use watchkeep_model::{Result, SpanId, TenantId, TimeRange, TraceId};

use crate::agents::facts::{Entry, EventFact};
use crate::agents::query::HealthStatus;
use crate::agents::query::events::EventsQuery;
use crate::engine::Engine;

/// How far back is looked for what was told last.
const BACK_NS: i64 = 30 * 24 * 3_600 * 1_000_000_000;
/// The most events that are looked at.
const EVENTS_MAX: usize = 10_000;

/// What was told last about something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) status: HealthStatus,
    /// Nanoseconds since the epoch.
    pub(super) time_ns: i64,
}

/// A change to tell of.
#[derive(Debug)]
pub(super) struct Change {
    /// `host`, `dependency` or `agent_health`.
    pub(super) kind: &'static str,
    /// What changed: of its kind, none other has this name.
    pub(super) subject: String,
    pub(super) status: HealthStatus,
    pub(super) time_ns: i64,
    /// The agent that it is about, if it is.
    pub(super) agent: String,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) details: Vec<(&'static str, Value)>,
}

fn severity(status: HealthStatus) -> &'static str {
    match status {
        HealthStatus::Unhealthy => "critical",
        HealthStatus::Degraded => "warning",
        HealthStatus::Healthy | HealthStatus::Unknown => "info",
    }
}

/// What an event was about, and how that was.
fn told(kind: &str, event: &Entry<EventFact>) -> Option<(String, Told)> {
    let rest = event.fact.id.strip_prefix(kind)?.strip_prefix('/')?;
    let (subject, _) = rest.rsplit_once('/')?;
    let status = match &*event.fact.severity {
        "critical" => HealthStatus::Unhealthy,
        "warning" => HealthStatus::Degraded,
        _ => HealthStatus::Healthy,
    };
    Some((subject.to_owned(), Told { status, time_ns: event.time_ns }))
}

impl Engine {
    /// What the newest event of a kind said of each subject.
    pub(super) async fn told_last(
        &self,
        tenant: &TenantId,
        kind: &'static str,
    ) -> Result<HashMap<String, Told>> {
        let now_ns = self.clock.now_ns();
        let range = TimeRange { start_ns: now_ns.saturating_sub(BACK_NS), end_ns: i64::MAX };
        let query = EventsQuery {
            range,
            kind: Some(kind.to_owned()),
            severity: None,
            agent: None,
            service: None,
            limit: EVENTS_MAX,
            after: None,
        };
        let mut last = HashMap::new();
        for event in self.events(tenant, query).await?.events {
            if let Some((subject, told)) = told(kind, &event) {
                last.entry(subject).or_insert(told);
            }
        }
        Ok(last)
    }

    /// Writes an event; false where that failed, so that it is tried again.
    pub(super) async fn announce(&self, tenant: &TenantId, change: Change) -> bool {
        let details: BTreeMap<String, Value> =
            change.details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let fact = EventFact {
            id: format!("{}/{}/{}", change.kind, change.subject, change.time_ns),
            kind: change.kind.to_owned(),
            severity: severity(change.status).to_owned(),
            service: String::new(),
            agent: change.agent,
            session: String::new(),
            user: String::new(),
            title: change.title,
            text: change.text,
            details,
        };
        let entry = Entry {
            time_ns: change.time_ns,
            written_ns: change.time_ns,
            trace_id: TraceId([0; 16]),
            span_id: SpanId([0; 8]),
            fact,
        };
        match self.write_facts(tenant, &[entry], None).await {
            Ok(()) => true,
            Err(error) => {
                self.health.counters.failed_writes.inc();
                tracing::warn!("health events of {tenant}: {}", error.report());
                false
            }
        }
    }
}
