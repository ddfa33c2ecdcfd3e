//! Searches: traces with the spans that match.

use watchkeep_model::{TenantId, TimeRange};
use watchkeep_traceql::Query;
use watchkeep_traceql::eval::search::{FoundTrace, SearchRequest, SearchStats, search};

use super::QueryError;
use crate::engine::Engine;

/// Asks for traces.
#[derive(Debug, Clone)]
pub struct TraceSearch {
    /// A query for traces.
    pub query: Query,
    /// Traces that overlap with it.
    pub range: TimeRange,
    /// How many at most; at most `traces.search_traces_max`.
    pub limit: usize,
    /// How many spans of each set to tell; 0 for all.
    pub spans_per_set: usize,
}

impl Engine {
    /// Hands out traces newest start first, as they are found, on a thread that may block; `found`
    /// tells whether to go on. Dropping the future stops the work.
    pub async fn search_traces(
        &self,
        tenant: &TenantId,
        asked: TraceSearch,
        mut found: impl FnMut(FoundTrace) -> bool + Send + 'static,
    ) -> Result<SearchStats, QueryError> {
        let (limit, limit_max) = (asked.limit, self.traces.search_traces_max);
        if limit > limit_max {
            return Err(QueryError::Invalid(format!(
                "limit {limit} exceeds max limit {limit_max} (traces.search_traces_max)"
            )));
        }
        self.span_work(tenant, move |work| {
            work.budgeted(|source, budget| {
                let request = SearchRequest {
                    query: &asked.query,
                    range: asked.range,
                    limit: asked.limit,
                    spans_per_set: asked.spans_per_set,
                };
                search(&request, source, budget, &mut |trace| Ok(found(trace)))
            })
        })
        .await
    }

    /// As [`Engine::search_traces`], all at once.
    pub async fn collect_traces(
        &self,
        tenant: &TenantId,
        asked: TraceSearch,
    ) -> Result<(Vec<FoundTrace>, SearchStats), QueryError> {
        // The channel holds as much as the search may find: it never waits.
        let (sender, mut receiver) = tokio::sync::mpsc::channel(asked.limit.max(1));
        let sending =
            self.search_traces(tenant, asked, move |trace| sender.try_send(trace).is_ok());
        let stats = sending.await?;
        let mut traces = Vec::new();
        while let Ok(trace) = receiver.try_recv() {
            traces.push(trace);
        }
        Ok((traces, stats))
    }
}
