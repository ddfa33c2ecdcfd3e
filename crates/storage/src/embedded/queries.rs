//! The seam, as the embedded engine answers it.

use std::path::PathBuf;

use async_trait::async_trait;
use watchkeep_model::error::IoContext;
use watchkeep_model::{Labels, Matcher, Result, TenantId, TraceId};

use super::EmbeddedStore;
use super::catalog::TableKind;
use crate::answers;
use crate::metrics::View;
use crate::records::{self, Snapshot};
use crate::seam::{
    AggregateRequest, Append, AppendAck, CardinalityRequest, CardinalityStats, ExemplarRow,
    FrameStream, LabelValuesRequest, MetadataRow, Predicate, Pushdown, SampleCursor,
    SamplesRequest, ScanRequest, SeriesRequest, Store, StoreStats, TableName, TraceSummary,
    TracesRequest,
};

impl EmbeddedStore {
    fn rows_of(&self, tenant: &TenantId, table: TableName) -> Result<Snapshot> {
        let Some(tables) = self.inner.tables.tenant(tenant) else {
            return Ok(Snapshot::default());
        };
        match table {
            TableName::Spans => tables.spans.lock().snapshot(),
            TableName::Logs => tables.logs.lock().snapshot(),
        }
    }

    /// Runs a question about metrics where blocking is allowed; a tenant that has sent nothing
    /// gets the empty answer.
    async fn ask_metrics<T: Default + Send + 'static>(
        &self,
        tenant: &TenantId,
        ask: impl FnOnce(View) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Some(tables) = self.inner.tables.tenant(tenant) else { return Ok(T::default()) };
        let view = tables.metrics.read().view(&self.inner.horizon());
        answers::once(move || ask(view)).await
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn append(&self, tenant: &TenantId, append: Append) -> Result<AppendAck> {
        // On its own task: a caller that goes away between the log and memory would leave rows
        // that are durable and not seen.
        let (store, tenant) = (self.clone(), tenant.clone());
        tokio::spawn(async move { store.append_batch(&tenant, append).await })
            .await
            .context(|| "an append broke off".to_owned())?
    }

    fn pushdown(&self, _: TableName, _: &Predicate) -> Pushdown {
        Pushdown::Exact
    }

    async fn scan(&self, tenant: &TenantId, request: ScanRequest) -> Result<FrameStream> {
        let snapshot = self.rows_of(tenant, request.table)?;
        Ok(answers::stream(move |emit| records::scan(&snapshot, &request, emit)))
    }

    async fn aggregate(&self, tenant: &TenantId, request: AggregateRequest) -> Result<FrameStream> {
        let snapshot = self.rows_of(tenant, request.table)?;
        Ok(answers::stream(move |emit| records::aggregate(&snapshot, &request, emit)))
    }

    async fn trace(&self, tenant: &TenantId, id: TraceId) -> Result<FrameStream> {
        let snapshot = self.rows_of(tenant, TableName::Spans)?;
        Ok(answers::stream(move |emit| records::trace(&snapshot, id, emit)))
    }

    async fn traces(&self, tenant: &TenantId, request: TracesRequest) -> Result<Vec<TraceSummary>> {
        let snapshot = self.rows_of(tenant, TableName::Spans)?;
        answers::once(move || records::traces(&snapshot, &request)).await
    }

    async fn series(&self, tenant: &TenantId, request: SeriesRequest) -> Result<Vec<Labels>> {
        self.ask_metrics(tenant, move |view| view.series(&request)).await
    }

    async fn samples(&self, tenant: &TenantId, request: SamplesRequest) -> Result<SampleCursor> {
        let Some(tables) = self.inner.tables.tenant(tenant) else {
            return Ok(Box::new(std::iter::empty()));
        };
        let view = tables.metrics.read().view(&self.inner.horizon());
        Ok(Box::new(view.samples(request)))
    }

    async fn label_names(&self, tenant: &TenantId, request: SeriesRequest) -> Result<Vec<String>> {
        self.ask_metrics(tenant, move |view| view.label_names(&request)).await
    }

    async fn label_values(
        &self,
        tenant: &TenantId,
        request: LabelValuesRequest,
    ) -> Result<Vec<String>> {
        self.ask_metrics(tenant, move |view| view.label_values(&request)).await
    }

    async fn exemplars(
        &self,
        tenant: &TenantId,
        request: SeriesRequest,
    ) -> Result<Vec<ExemplarRow>> {
        self.ask_metrics(tenant, move |view| view.exemplars(&request)).await
    }

    async fn metadata(&self, tenant: &TenantId) -> Result<Vec<MetadataRow>> {
        self.ask_metrics(tenant, move |view| view.metadata()).await
    }

    async fn cardinality(
        &self,
        tenant: &TenantId,
        request: CardinalityRequest,
    ) -> Result<CardinalityStats> {
        self.ask_metrics(tenant, move |view| view.cardinality(&request)).await
    }

    async fn delete_series(
        &self,
        tenant: &TenantId,
        matchers: Vec<Matcher>,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<()> {
        self.inner.delete_series(tenant, matchers, (start_ms, end_ms)).await
    }

    async fn clean_tombstones(&self) -> Result<()> {
        self.inner.clean_tombstones().await
    }

    async fn snapshot(&self) -> Result<PathBuf> {
        self.inner.snapshot().await
    }

    async fn flush(&self) -> Result<()> {
        self.inner.flush(&TableKind::ALL).await
    }

    fn stats(&self) -> StoreStats {
        self.figures()
    }
}
