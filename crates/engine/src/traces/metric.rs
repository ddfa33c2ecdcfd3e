//! Metric queries: numbers over time, reckoned from spans.

use watchkeep_model::TenantId;
use watchkeep_traceql::Query;
use watchkeep_traceql::eval::metric::{
    MetricAnswer, MetricRequest, Steps, exemplars_wanted, metric,
};

use super::QueryError;
use crate::engine::Engine;

/// Asks for numbers over time.
#[derive(Debug, Clone)]
pub struct MetricSearch {
    /// A metric query.
    pub query: Query,
    /// For which instants.
    pub steps: Steps,
    /// How many exemplars a client asks for; 0 for as many as there may be.
    pub exemplars: usize,
    /// How many series a client wants; 0 for as many as there may be.
    pub series_max: usize,
}

impl Engine {
    /// Answers a metric query. Dropping the future stops the work.
    pub async fn span_metric(
        &self,
        tenant: &TenantId,
        asked: MetricSearch,
    ) -> Result<MetricAnswer, QueryError> {
        let series_max = match asked.series_max {
            0 => self.traces.query_series_max,
            wanted => wanted.min(self.traces.query_series_max),
        };
        let exemplars_max = self.traces.query_exemplars_max;
        self.span_work(tenant, move |work| {
            work.budgeted(|source, budget| {
                let exemplars = exemplars_wanted(&asked.query, asked.exemplars, exemplars_max);
                let request = MetricRequest {
                    query: &asked.query,
                    steps: asked.steps,
                    exemplars,
                    series_max,
                };
                metric(&request, source, budget)
            })
        })
        .await
    }
}
