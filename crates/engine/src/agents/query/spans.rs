//! Spans and log records of one trace, as the readers of dialects see them.

use futures::StreamExt as _;
use hashbrown::HashMap;
use serde_json::Value;
use watchkeep_genai::{Attribute, Record};
use watchkeep_model::column::Table as _;
use watchkeep_model::{
    Error, ErrorKind, LogColumns, Result, SpanColumns, SpanId, TimeRange, TraceId, ValueKind,
};
use watchkeep_storage::schema;
use watchkeep_storage::seam::{Frame, LogParts, LogTest, LogsRequest};

use super::Asked;
use crate::agents::ledger::stopped;

/// The most spans of a trace that are read.
const SPANS_MAX: usize = 100_000;
/// The most log records of a trace that are read.
const LOGS_MAX: usize = 20_000;
/// OTLP's number of a status that is an error.
const STATUS_ERROR: u8 = 2;
/// The least severity that is an error.
const SEVERITY_ERROR: u8 = 17;

/// Attributes of resources, which many spans share.
#[derive(Default)]
pub(super) struct Resources(HashMap<String, Vec<(String, ValueKind, String)>>);

impl Resources {
    fn learn(&mut self, json: &str) {
        if !self.0.contains_key(json) {
            self.0.insert(json.to_owned(), flat(json));
        }
    }

    fn of<'a>(&'a self, json: &str) -> Vec<Attribute<'a>> {
        let known = self.0.get(json).map_or(&[][..], Vec::as_slice);
        known.iter().map(|(key, kind, text)| Attribute { key, kind: *kind, text }).collect()
    }
}

/// The members of a JSON object with their values in text form.
fn flat(json: &str) -> Vec<(String, ValueKind, String)> {
    let Ok(Value::Object(members)) = serde_json::from_str(json) else { return Vec::new() };
    let text = |(key, value): (String, Value)| match value {
        Value::String(text) => (key, ValueKind::String, text),
        Value::Bool(is) => (key, ValueKind::Bool, is.to_string()),
        Value::Number(number) if number.is_f64() => (key, ValueKind::Double, number.to_string()),
        Value::Number(number) => (key, ValueKind::Int, number.to_string()),
        Value::Null => (key, ValueKind::Empty, String::new()),
        other => (key, ValueKind::Json, other.to_string()),
    };
    members.into_iter().map(text).collect()
}

/// Shows each span as a record, with its row.
pub(super) fn each_span(
    columns: &SpanColumns,
    resources: &mut Resources,
    mut see: impl FnMut(usize, &Record<'_>),
) {
    (0..columns.len()).for_each(|row| resources.learn(columns.resource.get(row)));
    let mut attributes = Vec::new();
    for row in 0..columns.len() {
        attributes.clear();
        attributes.extend(columns.attributes.row(row).map(|(key, kind, text)| Attribute {
            key,
            kind,
            text,
        }));
        see(
            row,
            &Record {
                name: columns.name.get(row),
                scope: columns.scope_name.get(row),
                service: columns.service.get(row),
                attributes: &attributes,
                resource: &resources.of(columns.resource.get(row)),
                events: columns.events.get(row),
                body: "",
                time_ns: columns.start_ns[row],
                duration_ns: columns.duration_ns[row],
                is_error: columns.status_code[row] == STATUS_ERROR,
                status_message: columns.status_message.get(row),
            },
        );
    }
}

/// Shows each log record, with its row.
pub(super) fn each_log(
    columns: &LogColumns,
    resources: &mut Resources,
    mut see: impl FnMut(usize, &Record<'_>),
) {
    (0..columns.len()).for_each(|row| resources.learn(columns.resource.get(row)));
    let mut attributes = Vec::new();
    for row in 0..columns.len() {
        attributes.clear();
        attributes.extend(columns.attributes.row(row).map(|(key, kind, text)| Attribute {
            key,
            kind,
            text,
        }));
        see(
            row,
            &Record {
                name: columns.event_name.get(row),
                scope: columns.scope_name.get(row),
                service: columns.service.get(row),
                attributes: &attributes,
                resource: &resources.of(columns.resource.get(row)),
                events: "",
                body: columns.body.get(row),
                time_ns: columns.time_ns[row],
                duration_ns: 0,
                is_error: columns.severity_number[row] >= SEVERITY_ERROR,
                status_message: "",
            },
        );
    }
}

impl Asked<'_> {
    /// All spans of a trace, batch by batch.
    pub(super) fn spans(&self, id: TraceId) -> Result<Vec<SpanColumns>> {
        self.reader.runtime.block_on(async {
            let mut stream = self.reader.store.trace(self.reader.tenant, id).await?;
            let (mut batches, mut rows) = (Vec::new(), 0);
            while let Some(frame) = stream.next().await {
                if let Some(stop) = self.reader.watch.stop() {
                    return Err(stopped(stop));
                }
                let Frame::Rows(batch) = frame? else { return Ok(batches) };
                rows += batch.num_rows();
                if rows > SPANS_MAX {
                    return Err(Error::new(
                        ErrorKind::LimitExceeded { key: "agents.query" },
                        format!("trace {id} has more than {SPANS_MAX} spans"),
                    ));
                }
                batches.push(schema::from_record_batch::<SpanColumns>(&batch)?);
            }
            Err(Error::internal("the store's answer broke off before its end"))
        })
    }

    /// Log records that were written in a trace, with their spans, as `see` reads them.
    pub(super) fn logs_of<T>(
        &self,
        id: TraceId,
        range: TimeRange,
        mut see: impl FnMut(&Record<'_>) -> Option<T>,
    ) -> Result<HashMap<SpanId, Vec<T>>> {
        let request = LogsRequest {
            matchers: Vec::new(),
            range,
            test: LogTest::Words(vec![id.to_string()]),
            parts: LogParts::All,
            order: Some(watchkeep_storage::seam::Order::OldestFirst),
            wanted: None,
        };
        let cursor =
            self.reader.runtime.block_on(self.reader.store.logs(self.reader.tenant, request))?;
        let (mut found, mut rows) = (HashMap::new(), 0_usize);
        let mut resources = Resources::default();
        for batch in cursor {
            if let Some(stop) = self.reader.watch.stop() {
                return Err(stopped(stop));
            }
            let columns = batch?.rows;
            each_log(&columns, &mut resources, |row, record| {
                if columns.trace_id[row] != id.0 || rows >= LOGS_MAX {
                    return;
                }
                if let Some(read) = see(record) {
                    rows += 1;
                    found.entry(SpanId(columns.span_id[row])).or_insert_with(Vec::new).push(read);
                }
            });
        }
        Ok(found)
    }
}
