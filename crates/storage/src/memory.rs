//! An engine that keeps everything in memory and nothing on disk: for tests of what lies above
//! the seam, and as the plain statement of what the seam means. Its metrics are a map of maps on
//! purpose: it is what the embedded engine is compared with.

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use watchkeep_model::column::Table;
use watchkeep_model::labels::METRIC_NAME;
use watchkeep_model::metrics::MetricKind;
use watchkeep_model::{
    Error, ErrorKind, FloatSamples, HistogramSample, Labels, Matcher, MetricColumns,
    NativeHistogram, Result, SeriesSamples, TenantId, TimeRange, TraceId,
};

use crate::answers;
use crate::live::Live;
use crate::logs::{self, Erasure, LogBatch};
use crate::records::{self, TableSnapshot};
use crate::seam::{
    AggregateRequest, Append, AppendAck, Batch, CardinalityRequest, CardinalityStats, Count,
    ExemplarRow, FrameStream, IngestToken, LabelValuesRequest, LogCountCursor, LogCountRequest,
    LogCursor, LogDeletion, LogsRequest, MetadataRow, MetricPart, Operation, Predicate, Pushdown,
    RejectReason, Rejected, SampleCursor, SamplesRequest, ScanRequest, SeriesRequest, ServiceCalls,
    SpanCursor, SpanKey, SpansRequest, Store, StoreStats, StreamFigures, StreamsRequest, TableName,
    TraceSummary, TracesRequest,
};
use crate::traces::{self, SpanMemory};

/// See the module's head. Not durable: `append` acknowledges what is in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tenants: Mutex<BTreeMap<TenantId, Tenant>>,
    tokens: Mutex<HashSet<(TenantId, IngestToken)>>,
    series_max: Option<u64>,
}

#[derive(Debug, Default)]
struct Tenant {
    spans: Live<SpanMemory>,
    logs: Live<LogBatch>,
    metrics: Metrics,
}

/// A sample and its start timestamp, 0 where not known.
#[derive(Debug, Clone)]
struct Sample {
    start_ms: i64,
    value: Value,
}

#[derive(Debug, Clone)]
enum Value {
    Float(f64),
    Histogram(Arc<NativeHistogram>),
}

#[derive(Debug, Default, Clone)]
struct Metrics {
    series: BTreeMap<Labels, BTreeMap<i64, Sample>>,
    exemplars: Vec<ExemplarRow>,
    metadata: BTreeMap<String, MetadataRow>,
}

impl Metrics {
    fn append(&mut self, batch: &MetricColumns) -> Result<()> {
        let labels: Vec<Labels> =
            batch.series.labels.iter().map(Labels::from_canonical).collect::<Result<_>>()?;
        let floats = &batch.floats;
        for row in 0..floats.len() {
            let series = self.series.entry(labels[floats.series[row] as usize].clone());
            let value = Value::Float(floats.value[row]);
            let sample = Sample { start_ms: floats.start_ms[row], value };
            series.or_default().insert(floats.time_ms[row], sample);
        }
        let histograms = &batch.histograms;
        for row in 0..histograms.len() {
            let value = NativeHistogram::decode(histograms.histogram.get(row))?;
            let value = Value::Histogram(Arc::new(value));
            let sample = Sample { start_ms: histograms.start_ms[row], value };
            let series = self.series.entry(labels[histograms.series[row] as usize].clone());
            series.or_default().insert(histograms.time_ms[row], sample);
        }
        let exemplars = &batch.exemplars;
        for row in 0..exemplars.len() {
            self.exemplars.push(ExemplarRow {
                series: labels[exemplars.series[row] as usize].clone(),
                time_ms: exemplars.time_ms[row],
                value: exemplars.value[row],
                labels: Labels::from_canonical(exemplars.labels.get(row))?,
            });
        }
        let metadata = &batch.metadata;
        for row in 0..metadata.len() {
            let family = metadata.family.get(row).to_owned();
            let known = MetadataRow {
                family: family.clone(),
                kind: MetricKind::from_code(metadata.kind[row]),
                unit: metadata.unit.get(row).to_owned(),
                help: metadata.help.get(row).to_owned(),
            };
            self.metadata.insert(family, known);
        }
        Ok(())
    }

    /// Takes new series beyond the limit out of a batch.
    fn refuse(
        &self,
        batch: &mut MetricColumns,
        series_max: Option<u64>,
    ) -> Result<Option<Rejected>> {
        let Some(series_max) = series_max else { return Ok(None) };
        let labels: Vec<Labels> =
            batch.series.labels.iter().map(Labels::from_canonical).collect::<Result<_>>()?;
        let (mut added, mut series) = (HashSet::new(), 0);
        let count = |batch: &MetricColumns| {
            [batch.floats.len(), batch.histograms.len(), batch.exemplars.len()]
        };
        let before = count(batch);
        batch.retain_series(|row| {
            let room = ((self.series.len() + added.len()) as u64) < series_max;
            let kept = self.series.contains_key(&labels[row])
                || added.contains(&labels[row])
                || room && added.insert(labels[row].clone());
            series += u64::from(!kept);
            kept
        });
        let after = count(batch);
        let [floats, histograms, exemplars] =
            std::array::from_fn(|kind| (before[kind] - after[kind]) as u64);
        let reason = RejectReason::SeriesMax { series_max };
        Ok((series > 0).then_some(Rejected { series, floats, histograms, exemplars, reason }))
    }

    fn delete(&mut self, matchers: &[Matcher], range: RangeInclusive<i64>) {
        let all_match = |labels: &Labels| matchers.iter().all(|matcher| matcher.matches(labels));
        for (_, samples) in self.series.iter_mut().filter(|(labels, _)| all_match(labels)) {
            samples.retain(|time_ms, _| !range.contains(time_ms));
        }
        self.exemplars
            .retain(|exemplar| !(all_match(&exemplar.series) && range.contains(&exemplar.time_ms)));
    }

    fn matching<'a>(
        &'a self,
        request: &'a SeriesRequest,
    ) -> impl Iterator<Item = (&'a Labels, &'a BTreeMap<i64, Sample>)> {
        let limit = request.limit.unwrap_or(usize::MAX);
        self.series
            .iter()
            .filter(|(labels, samples)| {
                request.matchers.iter().all(|matcher| matcher.matches(labels))
                    && samples.range(request.start_ms..=request.end_ms).next().is_some()
            })
            .take(limit)
    }

    fn cardinality(&self, request: &CardinalityRequest) -> CardinalityStats {
        let CardinalityRequest { matchers, start_ms, end_ms, limit } = request.clone();
        let series = SeriesRequest { matchers, start_ms, end_ms, limit: None };
        let mut stats = CardinalityStats::default();
        let (mut metrics, mut pairs) = (BTreeMap::new(), BTreeMap::new());
        let (mut values, mut bytes) = (BTreeMap::new(), BTreeMap::new());
        for (labels, _) in self.matching(&series) {
            stats.series += 1;
            for (name, value) in labels.iter() {
                let alone = Labels::from_pairs([(name, value)]);
                *bytes.entry(name.to_owned()).or_default() += alone.as_bytes().len() as u64;
                if name == METRIC_NAME {
                    *metrics.entry(value.to_owned()).or_default() += 1;
                }
                let of_pair: &mut u64 =
                    pairs.entry((name.to_owned(), value.to_owned())).or_default();
                *of_pair += 1;
                if *of_pair == 1 {
                    *values.entry(name.to_owned()).or_default() += 1;
                }
            }
        }
        stats.label_pairs = pairs.len() as u64;
        stats.label_names = values.len() as u64;
        stats.series_by_metric = greatest(limit, metrics);
        stats.values_by_label = greatest(limit, values);
        stats.bytes_by_label = greatest(limit, bytes);
        let pairs =
            pairs.into_iter().map(|((name, value), count)| (format!("{name}={value}"), count));
        stats.series_by_pair = greatest(limit, pairs);
        stats
    }

    fn samples(&self, request: &SamplesRequest) -> Result<Vec<SeriesSamples>> {
        let mut total = 0;
        let mut answer = Vec::new();
        let series = &request.series;
        for (labels, samples) in self.matching(series) {
            let (mut times, mut starts, mut values) = (Vec::new(), Vec::new(), Vec::new());
            let mut histograms = Vec::new();
            for (time_ms, sample) in samples.range(series.start_ms..=series.end_ms) {
                match &sample.value {
                    Value::Float(value) => {
                        times.push(*time_ms);
                        starts.push(sample.start_ms);
                        values.push(*value);
                    }
                    Value::Histogram(histogram) => histograms.push(HistogramSample {
                        time_ms: *time_ms,
                        start_ms: sample.start_ms,
                        histogram: Arc::clone(histogram),
                    }),
                }
                total += 1;
            }
            let known = starts.iter().any(|start_ms| *start_ms != 0);
            let floats = FloatSamples {
                times_ms: times.into(),
                values,
                starts_ms: known.then(|| starts.into()),
            };
            answer.push(SeriesSamples { labels: labels.clone(), floats, histograms });
        }
        if total > request.samples_max {
            return Err(Error::new(
                ErrorKind::LimitExceeded { key: "limits.query_samples_max" },
                format!("the query needs more than {} samples", request.samples_max),
            ));
        }
        Ok(answer)
    }
}

/// The greatest counts; those that are equal stay in their order.
fn greatest(limit: usize, counts: impl IntoIterator<Item = (String, u64)>) -> Vec<Count> {
    let counts = counts.into_iter().map(|(name, count)| Count { name, count });
    let mut counts: Vec<Count> = counts.collect();
    counts.sort_by_key(|count| std::cmp::Reverse(count.count));
    counts.truncate(limit);
    counts
}

impl MemoryStore {
    /// A store that refuses new series of metrics beyond so many of a tenant.
    pub fn with_series_max(series_max: u64) -> Self {
        Self { series_max: Some(series_max), ..Self::default() }
    }

    fn table_of(&self, tenant: &TenantId, table: TableName) -> TableSnapshot {
        match table {
            TableName::Spans => TableSnapshot::Spans(self.spans_of(tenant)),
            TableName::Logs => TableSnapshot::Logs(self.logs_of(tenant)),
        }
    }

    fn spans_of(&self, tenant: &TenantId) -> traces::Snapshot {
        let mut tenants = self.tenants.lock();
        let memory = tenants.get_mut(tenant).map(|tenant| tenant.spans.batches());
        traces::Snapshot { parts: Vec::new(), memory: memory.unwrap_or_default() }
    }

    fn logs_of(&self, tenant: &TenantId) -> logs::Snapshot {
        let mut tenants = self.tenants.lock();
        let memory = tenants.get_mut(tenant).map(|tenant| tenant.logs.batches());
        logs::Snapshot { parts: Vec::new(), memory: memory.unwrap_or_default() }
    }

    fn metrics(&self, tenant: &TenantId) -> Metrics {
        self.tenants.lock().get(tenant).map(|tenant| tenant.metrics.clone()).unwrap_or_default()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn append(&self, tenant: &TenantId, append: Append) -> Result<AppendAck> {
        if let Some(token) = append.token
            && !self.tokens.lock().insert((tenant.clone(), token))
        {
            return Ok(AppendAck { duplicate: true, ..AppendAck::default() });
        }
        let mut ack = AppendAck { rows: append.batch.rows() as u64, ..AppendAck::default() };
        let mut tenants = self.tenants.lock();
        let tenant = tenants.entry(tenant.clone()).or_default();
        match append.batch {
            Batch::Spans(columns) => tenant.spans.append(columns),
            Batch::Logs(columns) => tenant.logs.append(columns),
            Batch::Metrics(mut columns) => {
                ack.rejected = tenant.metrics.refuse(&mut columns, self.series_max)?;
                ack.rows -= ack.rejected.map_or(0, |rejected| rejected.samples());
                tenant.metrics.append(&columns)?;
            }
        }
        Ok(ack)
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
        let erasure = Erasure::new(deletion)?;
        match self.tenants.lock().get_mut(tenant) {
            None => Ok(()),
            Some(tenant) => tenant.logs.erase(|rows| erasure.erased(rows)),
        }
    }

    async fn series(&self, tenant: &TenantId, request: SeriesRequest) -> Result<Vec<Labels>> {
        let metrics = self.metrics(tenant);
        Ok(metrics.matching(&request).map(|(labels, _)| labels.clone()).collect())
    }

    async fn samples(&self, tenant: &TenantId, request: SamplesRequest) -> Result<SampleCursor> {
        let answer = self.metrics(tenant).samples(&request)?;
        Ok(Box::new(answer.into_iter().map(Ok)))
    }

    async fn label_names(&self, tenant: &TenantId, request: SeriesRequest) -> Result<Vec<String>> {
        let metrics = self.metrics(tenant);
        let unlimited = SeriesRequest { limit: None, ..request.clone() };
        let names: std::collections::BTreeSet<String> = metrics
            .matching(&unlimited)
            .flat_map(|(labels, _)| {
                labels.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
            })
            .collect();
        Ok(names.into_iter().take(request.limit.unwrap_or(usize::MAX)).collect())
    }

    async fn label_values(
        &self,
        tenant: &TenantId,
        request: LabelValuesRequest,
    ) -> Result<Vec<String>> {
        let metrics = self.metrics(tenant);
        let unlimited = SeriesRequest { limit: None, ..request.series.clone() };
        let values: std::collections::BTreeSet<String> = metrics
            .matching(&unlimited)
            .map(|(labels, _)| labels.get(&request.label).to_owned())
            .filter(|value| !value.is_empty())
            .collect();
        Ok(values.into_iter().take(request.series.limit.unwrap_or(usize::MAX)).collect())
    }

    async fn exemplars(
        &self,
        tenant: &TenantId,
        request: SeriesRequest,
    ) -> Result<Vec<ExemplarRow>> {
        let mut exemplars = self.metrics(tenant).exemplars;
        exemplars.retain(|exemplar| {
            (request.start_ms..=request.end_ms).contains(&exemplar.time_ms)
                && request.matchers.iter().all(|matcher| matcher.matches(&exemplar.series))
        });
        exemplars.sort_by_key(|exemplar| exemplar.time_ms);
        exemplars.truncate(request.limit.unwrap_or(usize::MAX));
        Ok(exemplars)
    }

    async fn metadata(&self, tenant: &TenantId) -> Result<Vec<MetadataRow>> {
        Ok(self.metrics(tenant).metadata.into_values().collect())
    }

    async fn metric_parts(&self, _tenant: &TenantId) -> Result<Vec<MetricPart>> {
        Ok(Vec::new())
    }

    async fn cardinality(
        &self,
        tenant: &TenantId,
        request: CardinalityRequest,
    ) -> Result<CardinalityStats> {
        Ok(self.metrics(tenant).cardinality(&request))
    }

    async fn delete_series(
        &self,
        tenant: &TenantId,
        matchers: Vec<Matcher>,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<()> {
        if matchers.is_empty() {
            return Err(Error::invalid("a deletion needs a matcher"));
        }
        if let Some(tenant) = self.tenants.lock().get_mut(tenant) {
            tenant.metrics.delete(&matchers, start_ms..=end_ms);
        }
        Ok(())
    }

    async fn clean_tombstones(&self) -> Result<()> {
        Ok(())
    }

    async fn snapshot(&self) -> Result<PathBuf> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "a store in memory has nothing on disk to make a snapshot of",
        ))
    }

    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }

    fn tenants(&self) -> Vec<TenantId> {
        self.tenants.lock().keys().cloned().collect()
    }

    fn stats(&self) -> StoreStats {
        let mut stats = StoreStats::default();
        for tenant in self.tenants.lock().values() {
            stats.spans.rows_in_memory += tenant.spans.rows() as u64;
            stats.spans.bytes_in_memory += tenant.spans.byte_len() as u64;
            stats.logs.rows_in_memory += tenant.logs.rows() as u64;
            stats.logs.bytes_in_memory += tenant.logs.byte_len() as u64;
            let series = &tenant.metrics.series;
            stats.metrics.rows_in_memory += series.values().map(|s| s.len() as u64).sum::<u64>();
            stats.series_in_memory += series.len() as u64;
        }
        stats
    }
}
