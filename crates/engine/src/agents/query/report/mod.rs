//! The report on an agent, or on all: health, speed, tools, money, feedback, errors, circles, waste,
//! and how to spend less. For people as text, Markdown or a page of HTML.

mod figures;
mod html;
mod text;

use std::collections::BTreeMap;

use watchkeep_model::{Result, TenantId, TimeRange};

pub use html::html;
pub use text::{markdown, text};

use super::agents::AgentPage;
use super::costs::{CostQuery, Costs};
use super::events::EventsQuery;
use super::recommend::Recommendation;
use super::steps::Feedback;
use super::{Asked, By, Filter, Rating};
use crate::agents::facts::{Entry, EventFact};
use crate::agents::ledger::LedgerQuery;
use crate::engine::Engine;

/// Models that are listed.
const MODELS_MAX: usize = 20;
/// Pieces of feedback that are shown.
const FEEDBACK_SHOWN: usize = 5;
/// Alerts that are shown.
const ALERTS_MAX: usize = 20;

/// What people thought.
#[derive(Debug, Default)]
pub struct FeedbackSummary {
    /// Of those with a rating.
    pub rating: Rating,
    /// How many gave 1, 2, 3, 4 and 5 stars.
    pub stars: [u64; 5],
    /// The newest, the newest first.
    pub recent: Vec<Feedback>,
}

/// A report.
#[derive(Debug)]
pub struct Report {
    /// The agent; empty for all.
    pub agent: String,
    /// When it was made, nanoseconds since the epoch.
    pub made_ns: i64,
    /// Which time it is about.
    pub range: TimeRange,
    /// The agent and all about it.
    pub page: AgentPage,
    /// What its steps cost, by model.
    pub costs: Costs,
    /// What people thought.
    pub feedback: FeedbackSummary,
    /// Budgets that were exceeded in the time, newest first.
    pub alerts: Vec<Entry<EventFact>>,
    /// How to spend less, the best first.
    pub recommendations: Vec<Recommendation>,
}

impl Engine {
    /// The report on an agent, or on all without one.
    ///
    /// Errors: `NotFound` where the agent did nothing in the range.
    pub async fn agent_report(
        &self,
        tenant: &TenantId,
        range: TimeRange,
        agent: Option<String>,
        service: Option<String>,
    ) -> Result<Report> {
        self.ask(tenant, move |asked| asked.report(range, agent.as_deref(), service.as_deref()))
            .await
    }
}

impl Asked<'_> {
    fn report(
        &self,
        range: TimeRange,
        agent: Option<&str>,
        service: Option<&str>,
    ) -> Result<Report> {
        let filter = Filter::of_agent(agent, service);
        let page = self.page(range, agent, service)?;
        let query = CostQuery {
            by: By::Model,
            range,
            step_ns: None,
            filter: filter.clone(),
            limit: MODELS_MAX,
        };
        let costs = self.costs(&query)?;
        let recommendations = self.recommendations(range, &filter, &costs.waste)?;
        let events = EventsQuery {
            range,
            kind: Some("budget_threshold".to_owned()),
            severity: None,
            agent: None,
            service: None,
            limit: ALERTS_MAX,
            after: None,
        };
        let mut alerts = self.events(&events)?.events;
        // A budget of another agent is no matter of this one; one of all is.
        alerts.retain(|alert| {
            alert.fact.agent.is_empty() || agent.is_none_or(|own| own == alert.fact.agent)
        });
        let feedback = self.feedback_summary(range, &filter)?;
        Ok(Report {
            agent: agent.unwrap_or_default().to_owned(),
            made_ns: self.now_ns,
            range,
            page,
            costs,
            feedback,
            alerts,
            recommendations,
        })
    }

    fn feedback_summary(&self, range: TimeRange, filter: &Filter) -> Result<FeedbackSummary> {
        let mut all = self.feedback(&LedgerQuery::all(range))?;
        let is = |wanted: &Option<String>, told: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == told)
        };
        all.retain(|entry| {
            is(&filter.agent, &entry.fact.agent) && is(&filter.service, &entry.fact.service)
        });
        all.sort_by_key(|entry| std::cmp::Reverse(entry.time_ns));
        let mut summary = FeedbackSummary::default();
        for rating in all.iter().filter_map(|entry| entry.fact.rating) {
            summary.rating.add(rating);
            let star = (rating.round() as usize).clamp(1, 5);
            summary.stars[star - 1] += 1;
        }
        all.truncate(FEEDBACK_SHOWN);
        summary.recent = all;
        Ok(summary)
    }
}

impl FeedbackSummary {
    /// How many gave so many stars, by `5_star` … `1_star`.
    pub fn distribution(&self) -> BTreeMap<String, u64> {
        (1..=5).map(|star| (format!("{star}_star"), self.stars[star - 1])).collect()
    }
}
