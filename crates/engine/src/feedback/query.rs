//! What feedback there is: lists, and figures about it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use watchkeep_genai::feedback::scale::Kind;
use watchkeep_genai::feedback::tally::{Point, Spread, Tally};
use watchkeep_model::{Result, TenantId, TimeRange, TraceId};
use watchkeep_storage::seam::Order;

use super::keep::keep_last;
use crate::agents::facts::{Entry, FeedbackFact};
use crate::agents::ledger::LedgerQuery;
use crate::engine::Engine;

/// Groups of a summary.
const GROUPS_MAX: usize = 1_000;
/// Steps of a summary's trend.
pub const STEPS_MAX: i64 = 10_000;

/// Which feedback is wanted. Texts that are not given match all.
#[derive(Debug, Clone)]
pub struct FeedbackFilter {
    /// When it was given.
    pub range: TimeRange,
    /// The agent.
    pub agent: Option<String>,
    /// The user.
    pub user: Option<String>,
    /// The session.
    pub session: Option<String>,
    /// The trace.
    pub trace_id: Option<TraceId>,
    /// The application's own id.
    pub interaction: Option<String>,
    /// The service.
    pub service: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// What was judged.
    pub name: Option<String>,
    /// What it is.
    pub kind: Option<Kind>,
    /// Who judged: `human`, `llm` or `code`.
    pub source: Option<String>,
    /// Ratings of at least this.
    pub rating_min: Option<f64>,
    /// Ratings of at most this.
    pub rating_max: Option<f64>,
    /// With a comment, or without.
    pub has_comment: Option<bool>,
    /// A text that comment or correction contains, in any case.
    pub text: Option<String>,
}

impl FeedbackFilter {
    /// All of a range.
    pub fn all(range: TimeRange) -> Self {
        Self {
            range,
            agent: None,
            user: None,
            session: None,
            trace_id: None,
            interaction: None,
            service: None,
            model: None,
            name: None,
            kind: None,
            source: None,
            rating_min: None,
            rating_max: None,
            has_comment: None,
            text: None,
        }
    }

    fn keeps(&self, entry: &Entry<FeedbackFact>) -> bool {
        let fact = &entry.fact;
        let texts = [
            (&self.agent, &fact.agent),
            (&self.user, &fact.user),
            (&self.session, &fact.session),
            (&self.interaction, &fact.interaction),
            (&self.service, &fact.service),
            (&self.model, &fact.model),
            (&self.name, &fact.name),
            (&self.source, &fact.source),
        ];
        let is_equal = texts
            .into_iter()
            .all(|(wanted, text)| wanted.as_ref().is_none_or(|wanted| wanted == text));
        let rated = |is_within: &dyn Fn(f64) -> bool| fact.rating.is_some_and(is_within);
        is_equal
            && !fact.deleted
            && self.trace_id.is_none_or(|id| id == entry.trace_id)
            && self.kind.is_none_or(|kind| kind.name() == fact.kind)
            && self.rating_min.is_none_or(|min| rated(&|rating| rating >= min))
            && self.rating_max.is_none_or(|max| rated(&|rating| rating <= max))
            && self.has_comment.is_none_or(|has| has != fact.comment.is_empty())
            && self.text.as_ref().is_none_or(|text| contains(fact, text))
    }
}

fn contains(fact: &FeedbackFact, text: &str) -> bool {
    let text = text.to_lowercase();
    [&fact.comment, &fact.correction].iter().any(|place| place.to_lowercase().contains(&text))
}

/// Where a page ended: time and id of its last entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackCursor {
    /// When it was given.
    pub time_ns: i64,
    /// Its id.
    pub id: String,
}

/// By what a summary is grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// The user.
    User,
    /// The agent.
    Agent,
    /// The model.
    Model,
    /// Agent and version.
    Version,
    /// The service.
    Service,
    /// What was judged.
    Name,
}

impl GroupBy {
    fn key(self, fact: &FeedbackFact) -> String {
        match self {
            Self::User => fact.user.clone(),
            Self::Agent => fact.agent.clone(),
            Self::Model => fact.model.clone(),
            Self::Version if fact.agent_version.is_empty() => fact.agent.clone(),
            Self::Version => format!("{} {}", fact.agent, fact.agent_version),
            Self::Service => fact.service.clone(),
            Self::Name => fact.name.clone(),
        }
    }
}

/// Figures about feedback.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// All of it.
    pub all: Tally,
    /// By group, that of the most feedback first; at most 1000.
    pub groups: Vec<(String, Tally)>,
    /// By the start of a step of time, nanoseconds since the epoch; steps without any are left out.
    pub trend: Vec<(i64, Tally)>,
    /// Scores by name, of those on no known scale too.
    pub scores: Vec<(String, Spread)>,
    /// How often each category was given, by name and category.
    pub categories: Vec<((String, String), u64)>,
}

#[derive(Default)]
struct Gathered {
    all: Tally,
    groups: BTreeMap<String, Tally>,
    trend: BTreeMap<i64, Tally>,
    scores: BTreeMap<String, Spread>,
    categories: BTreeMap<(String, String), u64>,
}

impl Gathered {
    fn add(
        &mut self,
        entry: &Entry<FeedbackFact>,
        low_max: f64,
        by: Option<GroupBy>,
        step_ns: i64,
    ) {
        let fact = &entry.fact;
        let point = Point {
            kind: Kind::of_name(&fact.kind),
            score: fact.score,
            rating: fact.rating,
            has_comment: !fact.comment.is_empty(),
            has_correction: !fact.correction.is_empty(),
        };
        self.all.add(point, low_max);
        if let Some(by) = by {
            self.groups.entry(by.key(fact)).or_default().add(point, low_max);
        }
        let start = entry.time_ns.div_euclid(step_ns).saturating_mul(step_ns);
        self.trend.entry(start).or_default().add(point, low_max);
        if let Some(score) = fact.score.filter(|_| fact.kind == Kind::Score.name()) {
            self.scores.entry(fact.name.clone()).or_default().add(score);
        }
        if !fact.label.is_empty() {
            *self.categories.entry((fact.name.clone(), fact.label.clone())).or_default() += 1;
        }
    }
}

/// What is done with each entry; it may have enough.
type See<T> = dyn Fn(&mut T, Entry<FeedbackFact>) -> ControlFlow<()> + Send + Sync;

/// Entries newest first, each once and as it was written last: all with one id have one time.
struct Reading<T> {
    gathered: T,
    time_ns: i64,
    same_time: BTreeMap<String, Entry<FeedbackFact>>,
    is_enough: bool,
}

impl<T> Reading<T> {
    fn take(&mut self, entry: Entry<FeedbackFact>, filter: &FeedbackFilter, see: &See<T>) {
        if entry.time_ns != self.time_ns {
            self.finish(filter, see);
            self.time_ns = entry.time_ns;
        }
        keep_last(&mut self.same_time, entry);
    }

    fn finish(&mut self, filter: &FeedbackFilter, see: &See<T>) {
        for entry in std::mem::take(&mut self.same_time).into_values().rev() {
            if !self.is_enough && filter.keeps(&entry) {
                self.is_enough = see(&mut self.gathered, entry).is_break();
            }
        }
    }
}

impl Engine {
    /// Shows feedback to `see`, newest first, until it has enough.
    pub(super) async fn each_feedback<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        filter: &FeedbackFilter,
        gathered: T,
        see: impl Fn(&mut T, Entry<FeedbackFact>) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> Result<T> {
        let query =
            LedgerQuery { order: Some(Order::NewestFirst), ..LedgerQuery::all(filter.range) };
        let see: Arc<See<T>> = Arc::new(see);
        let start =
            Reading { gathered, time_ns: i64::MAX, same_time: BTreeMap::new(), is_enough: false };
        let (there_filter, there_see) = (filter.clone(), Arc::clone(&see));
        let mut reading = self
            .read_facts(tenant, query, start, move |reading, entry| {
                reading.take(entry, &there_filter, &*there_see);
                Ok(!reading.is_enough)
            })
            .await?;
        reading.finish(filter, &*see);
        Ok(reading.gathered)
    }

    /// A page of feedback, newest first, after a cursor; with the cursor of the next page, if there
    /// is one.
    pub async fn list_feedback(
        &self,
        tenant: &TenantId,
        filter: &FeedbackFilter,
        limit: usize,
        after: Option<FeedbackCursor>,
    ) -> Result<(Vec<Entry<FeedbackFact>>, Option<FeedbackCursor>)> {
        let mut filter = filter.clone();
        if let Some(after) = &after {
            filter.range.end_ns = filter.range.end_ns.min(after.time_ns.saturating_add(1));
        }
        let page = Vec::with_capacity(limit.min(1_000) + 1);
        let mut page: Vec<Entry<FeedbackFact>> = self
            .each_feedback(tenant, &filter, page, move |page, entry| {
                let is_before = after.as_ref().is_some_and(|after| {
                    entry.time_ns == after.time_ns && entry.fact.id >= after.id
                });
                if !is_before {
                    page.push(entry);
                }
                // One more than wanted, which tells that there is another page.
                if page.len() > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .await?;
        if page.len() <= limit {
            return Ok((page, None));
        }
        page.truncate(limit);
        let cursor = page
            .last()
            .map(|entry| FeedbackCursor { time_ns: entry.time_ns, id: entry.fact.id.clone() });
        Ok((page, cursor))
    }

    /// Figures about feedback, by steps of `step_ns` (at least 1).
    pub async fn summarize_feedback(
        &self,
        tenant: &TenantId,
        filter: &FeedbackFilter,
        by: Option<GroupBy>,
        step_ns: i64,
    ) -> Result<Summary> {
        let low_max = self.feedback.config.low_rating_max;
        let step_ns = step_ns.max(1);
        let gathered = self
            .each_feedback(tenant, filter, Gathered::default(), move |gathered, entry| {
                gathered.add(&entry, low_max, by, step_ns);
                ControlFlow::Continue(())
            })
            .await?;
        let mut groups: Vec<(String, Tally)> = gathered.groups.into_iter().collect();
        groups.sort_by(|a, b| b.1.total.cmp(&a.1.total).then_with(|| a.0.cmp(&b.0)));
        groups.truncate(GROUPS_MAX);
        Ok(Summary {
            all: gathered.all,
            groups,
            trend: gathered.trend.into_iter().collect(),
            scores: gathered.scores.into_iter().collect(),
            categories: gathered.categories.into_iter().collect(),
        })
    }
}
