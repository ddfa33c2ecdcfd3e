//! Questions that the API asks, answered over any store. Every one runs under the limits on time
//! and number; Arrow batches become row structs here and nowhere above.

mod logs;
mod metrics;
mod newest;
pub(crate) mod operations;
mod rows;
mod series;
mod traces;

pub use logs::{Direction, LogCursor, LogFilter, LogHistogram, LogHistogramBucket, LogPage};
pub use metrics::{
    HistogramPoint, LabelWithValues, LabelsPage, MetricInfo, MetricsPage, SeriesFilter, SeriesPage,
    SeriesPoints,
};
pub use newest::{NewestSample, NewestValue};
pub use operations::{DurationFigures, OperationFigures, ServiceMap, ServiceSpans};
pub use rows::{LogRow, Scope, SpanRow};
pub use traces::{TraceListFilter, TracePage};

use std::collections::BTreeSet;
use std::future::Future;

use arrow_array::{Array, RecordBatch, StringArray, UInt64Array};
use futures::StreamExt as _;
use watchkeep_model::{Error, ErrorKind, Result, TenantId, TimeRange};
use watchkeep_storage::schema;
use watchkeep_storage::seam::{
    Aggregate, AggregateRequest, CompareOp, Field, Frame, FrameStream, Predicate, TableName,
};

use crate::config::LimitsConfig;
use crate::engine::Engine;

/// The most distinct services that are listed.
const SERVICES_MAX: usize = 10_000;

impl Engine {
    /// Runs one query under the limits on number and time, and counts how it went.
    pub(crate) async fn query<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let _timer = self.metrics.query_seconds.start_timer();
        let limited = async {
            let _permit =
                self.queries.acquire().await.map_err(|closed| {
                    Error::internal("cannot start a query").with_source(closed)
                })?;
            work.await
        };
        let outcome = match tokio::time::timeout(self.limits.query_timeout.0, limited).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::new(
                ErrorKind::Timeout,
                format!("the query took longer than {}", self.limits.query_timeout),
            )),
        };
        if let Err(error) = &outcome {
            self.metrics.queries_failed.with_label_values(&[error.kind().name()]).inc();
        }
        outcome
    }

    /// Services seen in spans or log records of the range, sorted.
    pub async fn services(&self, tenant: &TenantId, range: TimeRange) -> Result<Vec<String>> {
        self.query(async {
            let store = self.store()?;
            let mut services = BTreeSet::new();
            for table in [TableName::Spans, TableName::Logs] {
                let request = AggregateRequest {
                    table,
                    range,
                    predicate: Predicate::ALL,
                    bucket: None,
                    group_by: vec![Field::Column("service")],
                    aggregates: vec![Aggregate::Count],
                    groups_max: SERVICES_MAX,
                };
                let stream = store.aggregate(tenant, request).await?;
                for_each_batch(stream, |batch| {
                    let names: &StringArray = schema::column(&batch, "group_0")?;
                    services.extend((0..names.len()).map(|row| names.value(row).to_owned()));
                    Ok(())
                })
                .await?;
            }
            Ok(services.into_iter().collect())
        })
        .await
    }
}

/// Hands every batch on; fails where the stream broke off before its end.
async fn for_each_batch(
    mut stream: FrameStream,
    mut see: impl FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    while let Some(frame) = stream.next().await {
        match frame? {
            Frame::Rows(batch) => see(batch)?,
            Frame::Done(_) => return Ok(()),
        }
    }
    Err(Error::internal("the store's answer broke off before its end"))
}

/// Adds up the bytes of an answer as it grows.
struct AnswerBytes<'a> {
    limits: &'a LimitsConfig,
    rows: usize,
    bytes: u64,
}

impl<'a> AnswerBytes<'a> {
    fn new(limits: &'a LimitsConfig) -> Self {
        Self { limits, rows: 0, bytes: 0 }
    }

    /// Counts the rows that were added since the last call.
    fn add<T>(&mut self, rows: &[T], byte_len: impl Fn(&T) -> usize) -> Result<()> {
        let added = rows.iter().skip(self.rows);
        self.bytes += added.map(|row| byte_len(row) as u64).sum::<u64>();
        self.rows = rows.len();
        let max = self.limits.query_bytes_max;
        if self.bytes <= max.0 {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::LimitExceeded { key: "limits.query_bytes_max" },
            format!("the answer is larger than {max} (limits.query_bytes_max); ask for fewer rows"),
        ))
    }
}

/// The counts of an aggregate's answer.
fn counts(batch: &RecordBatch) -> Result<&UInt64Array> {
    schema::column(batch, "count")
}

#[cfg(test)]
mod tests;
