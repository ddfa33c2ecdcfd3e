//! Lists of runs, newest first.

use watchkeep_model::{Result, SpanId, TenantId, TimeRange, TraceId};
use watchkeep_storage::seam::Order;

use super::ratings::Ratings;
use super::{Asked, Filter, Rating};
use crate::agents::facts::{Entry, Fact as _, RunFact};
use crate::agents::ledger::{LedgerQuery, parse};
use crate::engine::Engine;

/// A run.
#[derive(Debug, Clone)]
pub struct Run {
    /// What the ledger says.
    pub entry: Entry<RunFact>,
    /// What was thought of it.
    pub rating: Rating,
}

/// Where a list goes on: behind this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunCursor {
    /// Its start, nanoseconds since the epoch.
    pub time_ns: i64,
    /// Its trace.
    pub trace_id: TraceId,
    /// Its topmost step.
    pub span_id: SpanId,
}

/// Which runs are listed; every condition holds.
#[derive(Debug, Clone)]
pub struct RunsQuery {
    /// When they began.
    pub range: TimeRange,
    /// Whose; `model` is any that answered in it, `provider` is not known of runs.
    pub filter: Filter,
    /// Whether they failed.
    pub failed: Option<bool>,
    /// Whether they went in circles.
    pub has_loop: Option<bool>,
    /// The least cost, USD.
    pub cost_usd_min: Option<f64>,
    /// The least duration.
    pub duration_ns_min: Option<i64>,
    /// The greatest average rating; runs without one are left out.
    pub rating_max: Option<f64>,
    /// A tool that was used.
    pub tool: Option<String>,
    /// How many.
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<RunCursor>,
}

impl RunsQuery {
    /// All runs of a range.
    pub fn all(range: TimeRange) -> Self {
        Self {
            range,
            filter: Filter::default(),
            failed: None,
            has_loop: None,
            cost_usd_min: None,
            duration_ns_min: None,
            rating_max: None,
            tool: None,
            limit: 50,
            after: None,
        }
    }

    fn ledger(&self) -> LedgerQuery {
        let mut range = self.range;
        if let Some(after) = self.after {
            range.end_ns = range.end_ns.min(after.time_ns.saturating_add(1));
        }
        let of = &self.filter;
        // Texts that the newest line of a run has too; whether it still holds is looked at later.
        let texts = [&of.agent, &of.user, &of.session, &of.release, &of.model, &self.tool];
        let query = LedgerQuery::all(range)
            .mentioning(texts.into_iter().filter_map(|text| text.as_deref()));
        LedgerQuery { order: Some(Order::NewestFirst), service: of.service.clone(), ..query }
    }

    fn has(&self, fact: &RunFact, rating: Rating) -> bool {
        let of = &self.filter;
        let is = |wanted: &Option<String>, told: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == told)
        };
        let among = |wanted: &Option<String>, told: &[String]| {
            wanted.as_ref().is_none_or(|wanted| told.contains(wanted))
        };
        is(&of.agent, &fact.agent)
            && is(&of.service, &fact.service)
            && is(&of.user, &fact.user)
            && is(&of.session, &fact.session)
            && is(&of.release, &fact.release)
            && is(&of.environment, &fact.environment)
            && among(&of.model, &fact.models)
            && among(&self.tool, &fact.tools)
            && self.failed.is_none_or(|failed| failed != fact.error.is_empty())
            && self.has_loop.is_none_or(|has_loop| has_loop != fact.loops.is_empty())
            && self.cost_usd_min.is_none_or(|least| fact.cost_usd >= least)
            && self.duration_ns_min.is_none_or(|least| fact.duration_ns >= least)
            && self
                .rating_max
                .is_none_or(|most| rating.average().is_some_and(|average| average <= most))
    }
}

/// A page of runs.
#[derive(Debug)]
pub struct RunPage {
    /// Newest first.
    pub runs: Vec<Run>,
    /// Where the next page begins, if there is one.
    pub next: Option<RunCursor>,
}

impl Engine {
    /// Runs, newest first.
    pub async fn runs(&self, tenant: &TenantId, query: RunsQuery) -> Result<RunPage> {
        self.ask(tenant, move |asked| asked.list_runs(&query)).await
    }
}

impl Asked<'_> {
    pub(super) fn list_runs(&self, query: &RunsQuery) -> Result<RunPage> {
        let ratings = self.ratings(query.range)?;
        let mut runs: Vec<Run> = Vec::new();
        // Lines of one instant, since all lines about a run have its start.
        let mut instant: Vec<Entry<RunFact>> = Vec::new();
        self.reader.rows(RunFact::RECORD, &query.ledger(), |row| {
            if instant.first().is_some_and(|first| first.time_ns != row.time_ns) {
                take(query, &ratings, &mut instant, &mut runs);
            }
            instant.push(Entry {
                time_ns: row.time_ns,
                written_ns: row.written_ns,
                trace_id: row.trace_id,
                span_id: row.span_id,
                fact: parse(RunFact::RECORD, row.body)?,
            });
            Ok(runs.len() <= query.limit)
        })?;
        take(query, &ratings, &mut instant, &mut runs);
        let more = runs.len() > query.limit;
        runs.truncate(query.limit);
        let next = runs.last().filter(|_| more).map(|run| cursor(&run.entry));
        Ok(RunPage { runs, next })
    }
}

fn cursor(entry: &Entry<RunFact>) -> RunCursor {
    RunCursor { time_ns: entry.time_ns, trace_id: entry.trace_id, span_id: entry.span_id }
}

/// Takes the runs of one instant over, each by the last line about it.
fn take(
    query: &RunsQuery,
    ratings: &Ratings,
    instant: &mut Vec<Entry<RunFact>>,
    runs: &mut Vec<Run>,
) {
    instant.sort_by_key(|entry| std::cmp::Reverse((cursor(entry), entry.written_ns)));
    instant.dedup_by_key(|entry| cursor(entry));
    for entry in instant.drain(..) {
        let rating = ratings.of_trace(entry.trace_id);
        let is_behind = query.after.is_none_or(|after| cursor(&entry) < after);
        if is_behind && entry.fact.steps > 0 && query.has(&entry.fact, rating) {
            runs.push(Run { entry, rating });
        }
    }
}
