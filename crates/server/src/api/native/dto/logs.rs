//! Log records and their histogram.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use watchkeep_engine::query::{self, LogRow};
use watchkeep_model::Result;

use super::Json;
use super::traces::Scope;

/// A page of log records.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct LogList {
    /// In the order asked for.
    logs: Vec<LogRecord>,
    /// Where the next page starts.
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct LogRecord {
    /// Unique within the answer.
    id: String,
    time_unix_nano: String,
    /// `"0"` where the client sent none.
    observed_time_unix_nano: String,
    /// `trace`, `debug`, `info`, `warn`, `error`, `fatal` or `unknown`.
    level: &'static str,
    severity_text: String,
    severity_number: u8,
    service: String,
    /// Any JSON.
    #[schema(value_type = serde_json::Value)]
    body: Json,
    event_name: String,
    #[schema(value_type = Object)]
    attributes: Json,
    /// Attributes of the resource.
    #[schema(value_type = Object)]
    resource: Json,
    scope: Scope,
    trace_id: Option<String>,
    span_id: Option<String>,
    flags: u32,
    dropped_attributes_count: u32,
}

impl LogList {
    pub(in crate::api::native) fn from_page(page: query::LogPage) -> Result<Self> {
        let next_cursor = page.next.map(|cursor| format!("{}.{}", cursor.time_ns, cursor.skip));
        let records = page.logs.into_iter().enumerate();
        let logs = records
            .map(|(position, row)| LogRecord::from_row(row, position))
            .collect::<Result<_>>()?;
        Ok(Self { logs, next_cursor })
    }
}

impl LogRecord {
    fn from_row(row: LogRow, position: usize) -> Result<Self> {
        Ok(Self {
            id: format!("{}-{position}", row.time_ns),
            time_unix_nano: row.time_ns.to_string(),
            observed_time_unix_nano: row.observed_ns.to_string(),
            level: row.level.name(),
            severity_text: row.severity_text,
            severity_number: row.severity_number,
            service: row.service,
            body: Json::stored(row.body)?,
            event_name: row.event_name,
            attributes: Json::stored(row.attributes)?,
            resource: Json::stored(row.resource)?,
            scope: Scope::from_row(row.scope)?,
            trace_id: row.trace_id.is_some().then(|| row.trace_id.to_string()),
            span_id: row.span_id.is_some().then(|| row.span_id.to_string()),
            flags: row.flags,
            dropped_attributes_count: row.dropped_attributes,
        })
    }
}

/// Numbers of log records over time.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct LogHistogram {
    start_unix_nano: String,
    step_ns: i64,
    /// Every step, oldest first.
    buckets: Vec<LogBucket>,
}

#[derive(Serialize, ToSchema)]
struct LogBucket {
    /// Start of the step.
    time_unix_nano: String,
    /// Records by level; levels without records are absent.
    counts: BTreeMap<&'static str, u64>,
}

impl From<query::LogHistogram> for LogHistogram {
    fn from(histogram: query::LogHistogram) -> Self {
        let bucket = |bucket: query::LogHistogramBucket| LogBucket {
            time_unix_nano: bucket.time_ns.to_string(),
            counts: bucket.counts.iter().map(|(level, count)| (level.name(), *count)).collect(),
        };
        Self {
            start_unix_nano: histogram.start_ns.to_string(),
            step_ns: histogram.step_ns,
            buckets: histogram.buckets.into_iter().map(bucket).collect(),
        }
    }
}
