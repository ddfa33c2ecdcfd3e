//! Events, newest first.

use hashbrown::HashSet;
use watchkeep_model::{Result, TenantId, TimeRange};
use watchkeep_storage::seam::Order;

use super::Asked;
use crate::agents::facts::{Entry, EventFact, Fact as _};
use crate::agents::ledger::{LedgerQuery, parse};
use crate::engine::Engine;

/// Which events; every condition holds.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "members are named as in EventFact")]
pub struct EventsQuery {
    /// When they happened.
    pub range: TimeRange,
    pub kind: Option<String>,
    pub severity: Option<String>,
    pub agent: Option<String>,
    pub service: Option<String>,
    /// How many.
    pub limit: usize,
    /// Where the page before ended: an instant, and how many of it were seen.
    pub after: Option<(i64, usize)>,
}

/// A page of events.
#[derive(Debug)]
pub struct EventPage {
    /// Newest first.
    pub events: Vec<Entry<EventFact>>,
    /// Where the next page begins, if there is one.
    pub next: Option<(i64, usize)>,
}

impl Engine {
    /// Events, newest first.
    pub async fn events(&self, tenant: &TenantId, query: EventsQuery) -> Result<EventPage> {
        self.ask(tenant, move |asked| asked.events(&query)).await
    }
}

impl EventsQuery {
    fn has(&self, fact: &EventFact) -> bool {
        let is = |wanted: &Option<String>, told: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == told)
        };
        is(&self.kind, &fact.kind)
            && is(&self.severity, &fact.severity)
            && is(&self.agent, &fact.agent)
            && is(&self.service, &fact.service)
    }
}

impl Asked<'_> {
    pub(super) fn events(&self, query: &EventsQuery) -> Result<EventPage> {
        let mut range = query.range;
        if let Some((time_ns, _)) = query.after {
            range.end_ns = range.end_ns.min(time_ns.saturating_add(1));
        }
        let texts = [&query.kind, &query.severity, &query.agent];
        let ledger = LedgerQuery::all(range)
            .mentioning(texts.into_iter().filter_map(|text| text.as_deref()));
        let ledger = LedgerQuery {
            order: Some(Order::NewestFirst),
            service: query.service.clone(),
            ..ledger
        };
        let mut events: Vec<Entry<EventFact>> = Vec::new();
        let mut instant: Vec<Entry<EventFact>> = Vec::new();
        self.reader.rows(EventFact::RECORD, &ledger, |row| {
            if instant.first().is_some_and(|first| first.time_ns != row.time_ns) {
                take(query, &mut instant, &mut events);
            }
            instant.push(Entry {
                time_ns: row.time_ns,
                written_ns: row.written_ns,
                trace_id: row.trace_id,
                span_id: row.span_id,
                fact: parse(EventFact::RECORD, row.body)?,
            });
            Ok(events.len() <= query.limit)
        })?;
        take(query, &mut instant, &mut events);
        let more = events.len() > query.limit;
        events.truncate(query.limit);
        let next = events.last().filter(|_| more).map(|last| {
            let shown = events.iter().filter(|event| event.time_ns == last.time_ns).count();
            let before = query.after.filter(|(time_ns, _)| *time_ns == last.time_ns);
            (last.time_ns, shown + before.map_or(0, |(_, shown)| shown))
        });
        Ok(EventPage { events, next })
    }
}

/// Takes the events of one instant over, each by the last line about it.
fn take(
    query: &EventsQuery,
    instant: &mut Vec<Entry<EventFact>>,
    events: &mut Vec<Entry<EventFact>>,
) {
    instant.sort_by(|a, b| {
        let by_id = a.fact.id.cmp(&b.fact.id);
        by_id.then(b.written_ns.cmp(&a.written_ns))
    });
    let mut seen = HashSet::new();
    instant.retain(|entry| seen.insert(entry.fact.id.clone()) && query.has(&entry.fact));
    let time_ns = instant.first().map(|entry| entry.time_ns);
    let shown = query.after.filter(|(after, _)| Some(*after) == time_ns);
    events.extend(instant.drain(..).skip(shown.map_or(0, |(_, shown)| shown)));
}
