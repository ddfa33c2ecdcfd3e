//! Which dialects services speak, and what of them is not understood: the newest spans of each and the
//! newest records of Claude Code, read as they are read at ingest.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use hashbrown::HashMap;
use watchkeep_genai::dialect::{read_log, read_span, unread};
use watchkeep_genai::step::Dialect;
use watchkeep_genai::{Kind, Record};
use watchkeep_model::{Error, Result, SpanColumns, SpanId, TenantId, TimeRange, TraceId};
use watchkeep_storage::schema;
use watchkeep_storage::seam::{
    Aggregate, AggregateRequest, CompareOp, Field, Frame, Literal, LogParts, LogTest, LogsRequest,
    Order, Predicate, Projection, ScanRequest, TableName,
};

use super::Asked;
use crate::agents::ledger::stopped;
use crate::agents::records::{each_log, each_span};
use crate::agents::seen::{CLAUDE_CODE, Shared, logged};
use crate::engine::Engine;

/// Spans that are looked at of a service.
const SAMPLED_SPANS: usize = 2_000;
/// Log records that are looked at, of all services.
const SAMPLED_RECORDS: usize = 10_000;
/// Services that are looked at.
const SERVICES_MAX: usize = 50;
/// Attributes that are listed of a service.
const UNREAD_MAX: usize = 100;

/// What a service speaks.
#[derive(Debug, Clone, Default)]
pub struct ServiceDialects {
    /// Its name.
    pub service: String,
    /// Spans that were looked at, and log records that are steps of their own.
    pub sampled: u64,
    /// Of those, steps of agents.
    pub understood: u64,
    /// Steps by dialect.
    pub dialects: BTreeMap<&'static str, u64>,
    /// Steps by kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Attributes of a dialect that nobody reads: key, how many have it, a trace; the most
    /// frequent first.
    pub unread: Vec<(String, u64, TraceId)>,
    /// Start of the newest of them, nanoseconds since the epoch.
    pub last_ns: i64,
}

/// A service while it is looked at.
#[derive(Default)]
struct Sample {
    told: ServiceDialects,
    /// By key: how many have it, and a trace.
    keys: HashMap<String, (u64, TraceId)>,
}

impl Sample {
    fn of(service: &str) -> Self {
        let told = ServiceDialects { service: service.to_owned(), ..ServiceDialects::default() };
        Self { told, ..Self::default() }
    }

    /// Notes a span or log record, with what it was read as.
    fn see(&mut self, record: &Record<'_>, trace: TraceId, step: Option<(Dialect, Kind)>) {
        let told = &mut self.told;
        told.sampled += 1;
        told.last_ns = told.last_ns.max(record.time_ns);
        if let Some((dialect, kind)) = step {
            told.understood += 1;
            *told.dialects.entry(dialect.name()).or_default() += 1;
            *told.kinds.entry(kind.name()).or_default() += 1;
        }
        for key in unread(record) {
            self.keys.entry_ref(key).or_insert((0, trace)).0 += 1;
        }
    }

    fn done(mut self) -> ServiceDialects {
        let keys = self.keys.into_iter();
        self.told.unread = keys.map(|(key, (count, trace))| (key, count, trace)).collect();
        self.told.unread.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        self.told.unread.truncate(UNREAD_MAX);
        self.told
    }
}

impl Engine {
    /// Which dialects services speak, by their newest spans of a range, and by the records of those
    /// that tell of agents in logs.
    pub async fn dialects(
        &self,
        tenant: &TenantId,
        range: TimeRange,
        service: Option<String>,
    ) -> Result<Vec<ServiceDialects>> {
        self.ask(tenant, move |asked| {
            let services = match &service {
                Some(service) => vec![service.clone()],
                None => asked.services(range)?,
            };
            let mut found = BTreeMap::new();
            for service in services {
                let mut sample = Sample::of(&service);
                asked.sample_spans(&mut sample, range)?;
                found.insert(service, sample);
            }
            asked.sample_records(&mut found, range, service.as_deref())?;
            let found = found.into_values().map(Sample::done);
            Ok(found.filter(|told| told.sampled > 0).collect())
        })
        .await
    }
}

impl Asked<'_> {
    fn services(&self, range: TimeRange) -> Result<Vec<String>> {
        let request = AggregateRequest {
            table: TableName::Spans,
            range,
            predicate: Predicate::ALL,
            bucket: None,
            group_by: vec![Field::Column("service")],
            aggregates: vec![Aggregate::Count],
            groups_max: 10_000,
        };
        self.reader.runtime.block_on(async {
            let mut services = Vec::new();
            let mut stream = self.reader.store.aggregate(self.reader.tenant, request).await?;
            while let Some(frame) = stream.next().await {
                let Frame::Rows(batch) = frame? else { break };
                let names: &arrow_array::StringArray = schema::column(&batch, "group_0")?;
                services.extend(names.iter().flatten().map(str::to_owned));
            }
            services.sort_unstable();
            services.truncate(SERVICES_MAX);
            Ok(services)
        })
    }

    fn sample_spans(&self, sample: &mut Sample, range: TimeRange) -> Result<()> {
        let request = ScanRequest {
            table: TableName::Spans,
            range,
            predicate: Predicate::Compare {
                field: Field::Column("service"),
                op: CompareOp::Eq,
                value: Literal::Text(sample.told.service.clone()),
            },
            projection: Projection::All,
            order: Order::NewestFirst,
            limit: Some(SAMPLED_SPANS),
        };
        self.reader.runtime.block_on(async {
            let mut stream = self.reader.store.scan(self.reader.tenant, request).await?;
            while let Some(frame) = stream.next().await {
                if let Some(stop) = self.reader.watch.stop() {
                    return Err(stopped(stop));
                }
                let Frame::Rows(batch) = frame? else { return Ok(()) };
                let columns = schema::from_record_batch::<SpanColumns>(&batch)?;
                each_span(&columns, |row, record| {
                    let step = read_span(record).map(|step| (step.dialect, step.kind));
                    sample.see(record, TraceId(columns.trace_id[row]), step);
                });
            }
            Err(Error::internal("the store's answer broke off before its end"))
        })
    }

    /// Adds Claude Code's records: their steps are no spans.
    fn sample_records(
        &self,
        found: &mut BTreeMap<String, Sample>,
        range: TimeRange,
        service: Option<&str>,
    ) -> Result<()> {
        let request = LogsRequest {
            matchers: Vec::new(),
            range,
            test: LogTest::Words(vec![CLAUDE_CODE.to_owned()]),
            parts: LogParts::All,
            order: Some(Order::NewestFirst),
            wanted: Some(SAMPLED_SPANS),
        };
        let cursor =
            self.reader.runtime.block_on(self.reader.store.logs(self.reader.tenant, request))?;
        let mut left = SAMPLED_RECORDS;
        for batch in cursor {
            if let Some(stop) = self.reader.watch.stop() {
                return Err(stopped(stop));
            }
            let columns = batch?.rows;
            each_log(&columns, |row, record| {
                let is_asked = service.is_none_or(|service| service == record.service);
                if left == 0 || !is_asked || !record.scope.contains(CLAUDE_CODE) {
                    return;
                }
                left -= 1;
                let sample = found
                    .entry(record.service.to_owned())
                    .or_insert_with(|| Sample::of(record.service));
                let within = (TraceId(columns.trace_id[row]), SpanId(columns.span_id[row]));
                let seen = read_log(record);
                let shared = &mut Shared::default();
                let seen = seen.map(|told| logged(told, record, within, self.prices, shared));
                let trace = seen.as_ref().map_or(within.0, |seen| seen.trace_id);
                let told = seen.and_then(|seen| seen.told);
                sample.see(record, trace, told.map(|told| (told.fact.dialect, told.fact.kind)));
            });
            if left == 0 {
                break;
            }
        }
        Ok(())
    }
}
