//! The ledger: facts as log records of a tenant of its own, [`TenantId::ledger`], so that they share
//! the durability, the retention and the query language of logs. Streams are
//! `{record="step", service="…"}`; the body is the fact as JSON.

use hashbrown::HashMap;
use watchkeep_model::column::Table as _;
use watchkeep_model::stream::to_text;
use watchkeep_model::{
    Error, Labels, Level, LogColumns, MatchOp, Matcher, Result, SpanId, TenantId, TimeRange,
    TraceId, ValueKind,
};
use watchkeep_storage::Batch;
use watchkeep_storage::seam::{IngestToken, LogParts, LogTest, LogsRequest, Order};
use watchkeep_storage::{Append, Store};

use super::facts::{Entry, Fact};
use crate::blocking::{NotDone, Stop, Watch};
use crate::engine::Engine;

/// Room for a line, in bytes. A longer one is good too, and room that is not used takes no memory.
const LINE_BYTES: usize = 640;

/// Which facts are read.
#[derive(Debug, Clone)]
pub struct LedgerQuery {
    /// When they happened.
    pub range: TimeRange,
    /// Of this service only.
    pub service: Option<String>,
    /// Facts of which this is false may be left out: it serves to pass over what is not wanted.
    pub test: LogTest,
    /// In order of time, where wanted.
    pub order: Option<Order>,
}

impl LedgerQuery {
    /// All facts of a range, in any order.
    pub fn all(range: TimeRange) -> Self {
        Self { range, service: None, test: LogTest::And(Vec::new()), order: None }
    }

    /// The same for facts that mention some texts (ids, names) only.
    #[must_use]
    pub fn mentioning<'a>(mut self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let tests = texts.into_iter().map(|text| LogTest::Contains(quoted(text)));
        self.test = LogTest::And(tests.collect());
        self
    }

    fn request(&self, record: &str) -> Result<LogsRequest> {
        let mut matchers = vec![Matcher::new("record", MatchOp::Equal, record)?];
        if let Some(service) = &self.service {
            matchers.push(Matcher::new("service", MatchOp::Equal, service)?);
        }
        Ok(LogsRequest {
            matchers,
            range: self.range,
            test: self.test.clone(),
            parts: LogParts::All,
            order: self.order,
            wanted: None,
        })
    }
}

/// A text as it stands in JSON, with its quotes.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Facts as log records.
pub(crate) fn columns<F: Fact>(entries: &[&Entry<F>]) -> Result<LogColumns> {
    let mut out = LogColumns::default();
    let mut streams: HashMap<&str, (u32, u32)> = HashMap::new();
    let mut body = Vec::new();
    out.body.reserve(entries.len(), entries.len() * LINE_BYTES);
    for entry in entries {
        body.clear();
        let written = entry.fact.write(&mut body);
        written.map_err(|error| Error::internal("a fact is no JSON").with_source(error))?;
        let body = std::str::from_utf8(&body)
            .map_err(|error| Error::internal("a fact is no text").with_source(error))?;
        let service = entry.fact.service();
        let (stream_key, service_key) = *streams.entry(service).or_insert_with(|| {
            let labels = [("record", F::RECORD), ("service", service)];
            let labels = labels.into_iter().filter(|(_, value)| !value.is_empty());
            let stream = out.stream.intern(&to_text(&Labels::from_pairs(labels)));
            (stream, out.service.intern(service))
        });
        out.stream.push_key(stream_key);
        out.service.push_key(service_key);
        out.time_ns.push(entry.time_ns);
        out.observed_ns.push(entry.written_ns);
        out.body.push(body);
        out.attributes.end_row();
        out.trace_id.push(entry.trace_id.0);
        out.span_id.push(entry.span_id.0);
    }
    let rows = entries.len();
    out.severity_number.resize(rows, 0);
    out.level.resize(rows, Level::Info as u8);
    out.body_kind.resize(rows, ValueKind::String as u8);
    out.dropped_attributes.resize(rows, 0);
    out.flags.resize(rows, 0);
    let same = [
        (&mut out.severity_text, ""),
        (&mut out.resource, "{}"),
        (&mut out.scope_name, ""),
        (&mut out.scope_version, ""),
        (&mut out.scope_attributes, ""),
        (&mut out.schema_url, ""),
        (&mut out.event_name, ""),
    ];
    for (column, value) in same {
        let key = column.intern(value);
        column.push_key_times(key, rows);
    }
    Ok(out)
}

/// A line of the ledger, unread.
pub(crate) struct Row<'a> {
    pub(crate) time_ns: i64,
    pub(crate) written_ns: i64,
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) body: &'a str,
}

/// Reads lines of a kind on this thread until `see` says that it is enough (`false`) or nothing is
/// left.
pub(crate) fn rows(
    runtime: &tokio::runtime::Handle,
    store: &dyn Store,
    tenant: &TenantId,
    record: &str,
    query: &LedgerQuery,
    mut see: impl FnMut(Row<'_>) -> Result<bool>,
) -> Result<()> {
    let request = query.request(record)?;
    let cursor = runtime.block_on(store.logs(&tenant.ledger(), request))?;
    for rows in cursor {
        let rows = rows?.rows;
        for row in 0..rows.len() {
            let line = Row {
                time_ns: rows.time_ns[row],
                written_ns: rows.observed_ns[row],
                trace_id: TraceId(rows.trace_id[row]),
                span_id: SpanId(rows.span_id[row]),
                body: rows.body.get(row),
            };
            if !see(line)? {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Reads the body of a line; what may be borrowed from it is.
pub(crate) fn parse<'a, T: serde::Deserialize<'a>>(record: &str, body: &'a str) -> Result<T> {
    serde_json::from_str(body)
        .map_err(|error| Error::corrupt(format!("a {record} of the ledger")).with_source(error))
}

/// Reads facts on this thread until `see` says that it is enough (`false`) or nothing is left.
pub(crate) fn each<F: Fact>(
    runtime: &tokio::runtime::Handle,
    store: &dyn Store,
    tenant: &TenantId,
    query: &LedgerQuery,
    mut see: impl FnMut(Entry<F>) -> Result<bool>,
) -> Result<()> {
    rows(runtime, store, tenant, F::RECORD, query, |row| {
        see(Entry {
            time_ns: row.time_ns,
            written_ns: row.written_ns,
            trace_id: row.trace_id,
            span_id: row.span_id,
            fact: parse(F::RECORD, row.body)?,
        })
    })
}

impl Engine {
    /// Writes facts down; once this returns they are durable. The same token again writes nothing.
    pub(crate) async fn write_facts<F: Fact>(
        &self,
        tenant: &TenantId,
        entries: &[Entry<F>],
        token: Option<IngestToken>,
    ) -> Result<()> {
        let entries: Vec<&Entry<F>> = entries.iter().collect();
        self.write_these_facts(tenant, &entries, token).await
    }

    /// The same for facts that lie apart.
    pub(crate) async fn write_these_facts<F: Fact>(
        &self,
        tenant: &TenantId,
        entries: &[&Entry<F>],
        token: Option<IngestToken>,
    ) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let append = Append { batch: Batch::Logs(columns(entries)?), token };
        self.store()?.append(&tenant.ledger(), append).await?;
        self.rollups.forget(tenant, F::RECORD, entries.iter().map(|entry| entry.time_ns));
        Ok(())
    }

    /// Shows facts to `see` where blocking is allowed, under the limits of queries, until it has
    /// enough (`false`); then `done` makes the answer of what was gathered.
    pub(crate) async fn read_facts<F: Fact, T: Send + 'static>(
        &self,
        tenant: &TenantId,
        query: LedgerQuery,
        gathered: T,
        mut see: impl FnMut(&mut T, Entry<F>) -> Result<bool> + Send + 'static,
    ) -> Result<T> {
        let (runtime, tenant) = (tokio::runtime::Handle::current(), tenant.clone());
        let time_max = self.limits.query_timeout.0;
        let done = self.blocking(time_max, move |store, watch: Watch| {
            let mut gathered = gathered;
            let mut seen = 0_u32;
            each::<F>(&runtime, &*store, &tenant, &query, |entry| {
                seen = seen.wrapping_add(1);
                if seen.is_multiple_of(1024)
                    && let Some(stop) = watch.stop()
                {
                    return Err(stopped(stop));
                }
                see(&mut gathered, entry)
            })?;
            Ok(gathered)
        });
        match done.await {
            Ok(outcome) => outcome,
            Err(NotDone::NoRoom) => Err(stopped(Stop::Timeout)),
            Err(NotDone::Failed(error)) => Err(error),
        }
    }
}

pub(crate) fn stopped(stop: Stop) -> Error {
    match stop {
        Stop::Cancelled => Error::internal("nobody waits for the answer any more"),
        Stop::Timeout => Error::new(
            watchkeep_model::ErrorKind::Timeout,
            "the query took longer than limits.query_timeout",
        ),
    }
}
