//! Which dialects services speak, and what of them is not understood: the newest spans of each, read
//! as they are read at ingest.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use hashbrown::HashMap;
use watchkeep_genai::dialect::{read_span, unread};
use watchkeep_model::{Error, Result, SpanColumns, TenantId, TimeRange, TraceId};
use watchkeep_storage::schema;
use watchkeep_storage::seam::{
    Aggregate, AggregateRequest, CompareOp, Field, Frame, Literal, Order, Predicate, Projection,
    ScanRequest, TableName,
};

use super::Asked;
use crate::agents::ledger::stopped;
use crate::agents::records::each_span;
use crate::engine::Engine;

/// Spans that are looked at of a service.
const SAMPLED_SPANS: usize = 2_000;
/// Services that are looked at.
const SERVICES_MAX: usize = 50;
/// Attributes that are listed of a service.
const UNREAD_MAX: usize = 100;

/// What a service speaks.
#[derive(Debug, Clone, Default)]
pub struct ServiceDialects {
    /// Its name.
    pub service: String,
    /// Spans that were looked at.
    pub sampled: u64,
    /// Of those, steps of agents.
    pub understood: u64,
    /// Steps by dialect.
    pub dialects: BTreeMap<&'static str, u64>,
    /// Steps by kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Attributes of a dialect that nobody reads: key, spans that have it, a trace; the most
    /// frequent first.
    pub unread: Vec<(String, u64, TraceId)>,
    /// Start of the newest span, nanoseconds since the epoch.
    pub last_ns: i64,
}

impl Engine {
    /// Which dialects services speak, by their newest spans of a range.
    pub async fn dialects(
        &self,
        tenant: &TenantId,
        range: TimeRange,
        service: Option<String>,
    ) -> Result<Vec<ServiceDialects>> {
        self.ask(tenant, move |asked| {
            let services = match service {
                Some(service) => vec![service],
                None => asked.services(range)?,
            };
            let mut found = Vec::new();
            for service in services {
                let told = asked.dialects_of(service, range)?;
                if told.sampled > 0 {
                    found.push(told);
                }
            }
            Ok(found)
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

    fn dialects_of(&self, service: String, range: TimeRange) -> Result<ServiceDialects> {
        let request = ScanRequest {
            table: TableName::Spans,
            range,
            predicate: Predicate::Compare {
                field: Field::Column("service"),
                op: CompareOp::Eq,
                value: Literal::Text(service.clone()),
            },
            projection: Projection::All,
            order: Order::NewestFirst,
            limit: Some(SAMPLED_SPANS),
        };
        let mut told = ServiceDialects { service, ..ServiceDialects::default() };
        let mut keys: HashMap<String, (u64, TraceId)> = HashMap::new();
        self.reader.runtime.block_on(async {
            let mut stream = self.reader.store.scan(self.reader.tenant, request).await?;
            while let Some(frame) = stream.next().await {
                if let Some(stop) = self.reader.watch.stop() {
                    return Err(stopped(stop));
                }
                let Frame::Rows(batch) = frame? else { return Ok(()) };
                let columns = schema::from_record_batch::<SpanColumns>(&batch)?;
                each_span(&columns, |row, record| {
                    told.sampled += 1;
                    told.last_ns = told.last_ns.max(record.time_ns);
                    if let Some(step) = read_span(record) {
                        told.understood += 1;
                        *told.dialects.entry(step.dialect.name()).or_default() += 1;
                        *told.kinds.entry(step.kind.name()).or_default() += 1;
                    }
                    for key in unread(record) {
                        let trace = TraceId(columns.trace_id[row]);
                        keys.entry_ref(key).or_insert((0, trace)).0 += 1;
                    }
                });
            }
            Err(Error::internal("the store's answer broke off before its end"))
        })?;
        told.unread = keys.into_iter().map(|(key, (count, trace))| (key, count, trace)).collect();
        told.unread.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        told.unread.truncate(UNREAD_MAX);
        Ok(told)
    }
}
