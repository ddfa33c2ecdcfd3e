//! What was thought of runs, sessions and agents.

use hashbrown::HashMap;
use watchkeep_model::{Result, TimeRange, TraceId};

use super::Asked;
use super::grid::DAY_NS;
use crate::agents::facts::{Entry, FeedbackFact};
use crate::agents::ledger::LedgerQuery;

/// Pieces of feedback that a question looks at.
const FEEDBACK_MAX: usize = 200_000;
/// How long after a run feedback on it is looked for.
const LATER_NS: i64 = 30 * DAY_NS;

/// Ratings from 1 to 5.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rating {
    sum: f64,
    /// How many.
    pub count: u64,
}

impl Rating {
    /// Adds one.
    pub fn add(&mut self, rating: f64) {
        self.sum += rating;
        self.count += 1;
    }

    /// Adds all of others.
    pub fn add_all(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
    }

    /// Their average; none without any.
    pub fn average(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// Whether people were unhappy: 2 or less on average.
    pub fn is_low(self) -> bool {
        self.average().is_some_and(|average| average <= 2.0)
    }
}

/// Ratings by what they are about.
#[derive(Debug, Default)]
pub(super) struct Ratings {
    pub(super) by_trace: HashMap<TraceId, Rating>,
    /// Of sessions as a whole.
    pub(super) by_session: HashMap<String, Rating>,
}

impl Ratings {
    pub(super) fn of_trace(&self, id: TraceId) -> Rating {
        self.by_trace.get(&id).copied().unwrap_or_default()
    }
}

impl Asked<'_> {
    /// Feedback that came in a range, what was taken back left out; in no order.
    pub(super) fn feedback(&self, query: &LedgerQuery) -> Result<Vec<Entry<FeedbackFact>>> {
        let by_id = |entry: &Entry<FeedbackFact>| entry.fact.id.clone();
        let mut all = self.reader.facts::<FeedbackFact, _>(query, FEEDBACK_MAX, by_id)?;
        all.retain(|entry| !entry.fact.deleted);
        Ok(all)
    }

    /// Ratings of what began in a range.
    pub(super) fn ratings(&self, range: TimeRange) -> Result<Ratings> {
        let end_ns = range.end_ns.saturating_add(LATER_NS);
        let query = LedgerQuery::all(TimeRange { start_ns: range.start_ns, end_ns });
        let mut ratings = Ratings::default();
        for entry in self.feedback(&query)? {
            let Some(rating) = entry.fact.rating else { continue };
            if entry.trace_id != TraceId::NONE {
                ratings.by_trace.entry(entry.trace_id).or_default().add(rating);
            } else if !entry.fact.session.is_empty() {
                ratings.by_session.entry(entry.fact.session).or_default().add(rating);
            }
        }
        Ok(ratings)
    }
}
