//! The seam, as the embedded engine answers it.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use watchkeep_model::error::IoContext;
use watchkeep_model::{Labels, Matcher, Result, TenantId, TimeRange, TraceId};

use super::EmbeddedStore;
use super::catalog::TableKind;
use crate::answers;
use crate::logs;
use crate::metrics::View;
use crate::records::{self, TableSnapshot};
use crate::seam::{
    AggregateRequest, Append, AppendAck, CardinalityRequest, CardinalityStats, ExemplarRow,
    FrameStream, LabelValuesRequest, LogCountCursor, LogCountRequest, LogCursor, LogDeletion,
    LogsRequest, MetadataRow, MetricPart, Operation, Predicate, Pushdown, SampleCursor,
    SamplesRequest, ScanRequest, SeriesRequest, ServiceCalls, SpanCursor, SpanKey, SpansRequest,
    Store, StoreStats, StreamFigures, StreamsRequest, TableName, TraceSummary, TracesRequest,
};
use crate::traces;

impl EmbeddedStore {
    fn table_of(&self, tenant: &TenantId, table: TableName) -> TableSnapshot {
        match table {
            TableName::Spans => TableSnapshot::Spans(self.spans_of(tenant)),
            TableName::Logs => TableSnapshot::Logs(self.logs_of(tenant)),
        }
    }

    fn spans_of(&self, tenant: &TenantId) -> traces::Snapshot {
        let tables = self.inner.tables.tenant(tenant);
        tables.map(|tables| tables.spans.lock().snapshot()).unwrap_or_default()
    }

    fn logs_of(&self, tenant: &TenantId) -> logs::Snapshot {
        let tables = self.inner.tables.tenant(tenant);
        tables.map(|tables| tables.logs.lock().snapshot()).unwrap_or_default()
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
        let snapshot = self.table_of(tenant, request.table);
        Ok(answers::stream(move |emit| records::scan(&snapshot, &request, emit)))
    }

    async fn aggregate(&self, tenant: &TenantId, request: AggregateRequest) -> Result<FrameStream> {
        let snapshot = self.table_of(tenant, request.table);
        Ok(answers::stream(move |emit| records::aggregate(&snapshot, &request, emit)))
    }

    async fn trace(&self, tenant: &TenantId, id: TraceId) -> Result<FrameStream> {
        let snapshot = self.spans_of(tenant);
        Ok(answers::stream(move |emit| traces::trace(snapshot, id, emit)))
    }

    async fn traces(&self, tenant: &TenantId, request: TracesRequest) -> Result<Vec<TraceSummary>> {
        let snapshot = self.spans_of(tenant);
        answers::once(move || traces::list(snapshot, &request)).await
    }

    async fn spans(&self, tenant: &TenantId, request: SpansRequest) -> Result<SpanCursor> {
        traces::read(self.spans_of(tenant), request)
    }

    async fn span_keys(&self, tenant: &TenantId, range: TimeRange) -> Result<Vec<SpanKey>> {
        let snapshot = self.spans_of(tenant);
        answers::once(move || traces::span_keys(&snapshot, range)).await
    }

    async fn operations(&self, tenant: &TenantId) -> Result<Vec<Operation>> {
        let snapshot = self.spans_of(tenant);
        answers::once(move || traces::operations(&snapshot)).await
    }

    async fn service_calls(
        &self,
        tenant: &TenantId,
        range: TimeRange,
    ) -> Result<Vec<ServiceCalls>> {
        let snapshot = self.spans_of(tenant);
        answers::once(move || traces::service_calls(snapshot, range)).await
    }

    async fn log_streams(
        &self,
        tenant: &TenantId,
        request: StreamsRequest,
    ) -> Result<Vec<StreamFigures>> {
        let snapshot = self.logs_of(tenant);
        answers::once(move || logs::streams(&snapshot, &request)).await
    }

    async fn logs(&self, tenant: &TenantId, request: LogsRequest) -> Result<LogCursor> {
        logs::read(&self.logs_of(tenant), request)
    }

    async fn count_logs(
        &self,
        tenant: &TenantId,
        request: LogCountRequest,
    ) -> Result<LogCountCursor> {
        logs::count(&self.logs_of(tenant), request)
    }

    async fn delete_logs(&self, tenant: &TenantId, deletion: LogDeletion) -> Result<()> {
        self.inner.delete_logs(tenant, deletion).await
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

    async fn metric_parts(&self, tenant: &TenantId) -> Result<Vec<MetricPart>> {
        self.ask_metrics(tenant, move |view| Ok(view.parts())).await
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

    async fn close(&self) -> Result<()> {
        let flushed = self.flush().await;
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || inner.wal().close())
            .await
            .context(|| "closing the log broke off".to_owned())?;
        flushed
    }

    fn tenants(&self) -> Vec<TenantId> {
        self.inner.tables.all().into_iter().map(|(tenant, _)| tenant).collect()
    }

    fn stats(&self) -> StoreStats {
        self.figures()
    }
}
