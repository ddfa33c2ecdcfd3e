//! Log records by time, service, level and text, and their histogram over time.

use std::collections::BTreeMap;

use arrow_array::{Int64Array, StringArray};
use watchkeep_model::{Error, ErrorKind, Level, Result, SpanId, TenantId, TimeRange, TraceId};
use watchkeep_storage::schema;
use watchkeep_storage::seam::{
    Aggregate, AggregateRequest, Bucket, Field, Literal, Order, Predicate, Projection, Pushdown,
    ScanRequest, TableName,
};

use super::rows::{self, LogRow};
use super::traces::attribute_is;
use super::{AnswerBytes, counts, for_each_batch};
use crate::engine::Engine;

/// Which log records are meant; every condition holds.
#[derive(Debug, Clone)]
pub struct LogFilter {
    /// When.
    pub range: TimeRange,
    /// From which service.
    pub service: Option<String>,
    /// Of one of these levels; none given means all.
    pub levels: Vec<Level>,
    /// The body contains this, in any case.
    pub text: Option<String>,
    /// Written in this trace.
    pub trace_id: Option<TraceId>,
    /// Written in this span.
    pub span_id: Option<SpanId>,
    /// Attributes on the record or else its resource, compared with their text form.
    pub attributes: Vec<(String, String)>,
}

/// Which way a list of records goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Newest first.
    Backward,
    /// Oldest first.
    Forward,
}

/// Where a list goes on: at this instant, after so many records of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogCursor {
    /// The instant of the last record returned, nanoseconds since the epoch.
    pub time_ns: i64,
    /// Records of that instant that were returned already.
    pub skip: usize,
}

/// A page of a list of records.
#[derive(Debug)]
pub struct LogPage {
    /// In the order asked for.
    pub logs: Vec<LogRow>,
    /// Where the next page starts, if there is one.
    pub next: Option<LogCursor>,
}

/// Records of one step of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHistogramBucket {
    /// Start of the step, nanoseconds since the epoch.
    pub time_ns: i64,
    /// Records by level; levels without records are absent.
    pub counts: BTreeMap<Level, u64>,
}

/// Numbers of records over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHistogram {
    /// Start of the first step.
    pub start_ns: i64,
    /// Length of a step, nanoseconds.
    pub step_ns: i64,
    /// Every step, oldest first.
    pub buckets: Vec<LogHistogramBucket>,
}

impl LogFilter {
    fn predicate(&self) -> Predicate {
        let mut all = Vec::new();
        if let Some(service) = &self.service {
            all.push(Predicate::column_is("service", Literal::Text(service.clone())));
        }
        if !self.levels.is_empty() {
            let is = |level: &Level| {
                Predicate::column_is("level", Literal::Int(i64::from(*level as u8)))
            };
            all.push(Predicate::Or(self.levels.iter().map(is).collect()));
        }
        if let Some(id) = self.trace_id {
            all.push(Predicate::column_is("trace_id", Literal::Bytes(id.0.to_vec())));
        }
        if let Some(id) = self.span_id {
            all.push(Predicate::column_is("span_id", Literal::Bytes(id.0.to_vec())));
        }
        all.extend(self.attributes.iter().map(attribute_is));
        if let Some(needle) = &self.text {
            all.push(Predicate::Contains {
                field: Field::Column("body"),
                needle: needle.clone(),
                ignore_case: true,
            });
        }
        Predicate::And(all)
    }
}

impl Engine {
    /// Records that match, a page at a time.
    pub async fn logs(
        &self,
        tenant: &TenantId,
        filter: &LogFilter,
        direction: Direction,
        limit: usize,
        after: Option<LogCursor>,
    ) -> Result<LogPage> {
        let predicate = self.exact(filter)?;
        let skip = after.map_or(0, |cursor| cursor.skip);
        if skip > self.limits.query_rows_max {
            return Err(Error::new(
                ErrorKind::LimitExceeded { key: "limits.query_rows_max" },
                format!("the cursor skips {skip} records of one instant"),
            ));
        }
        let request = ScanRequest {
            table: TableName::Logs,
            range: resume(filter.range, direction, after),
            predicate,
            projection: Projection::All,
            order: match direction {
                Direction::Backward => Order::NewestFirst,
                Direction::Forward => Order::OldestFirst,
            },
            // One more tells whether there is a next page.
            limit: Some(skip + limit + 1),
        };
        self.query(async {
            let stream = self.store()?.scan(tenant, request).await?;
            let mut logs = Vec::new();
            let mut size = AnswerBytes::new(&self.limits);
            for_each_batch(stream, |batch| {
                rows::logs(&batch, &mut logs)?;
                size.add(&logs, LogRow::byte_len)
            })
            .await?;
            Ok(page(logs, skip, limit, after))
        })
        .await
    }

    /// Numbers of matching records over time, by level.
    pub async fn log_histogram(
        &self,
        tenant: &TenantId,
        filter: &LogFilter,
        buckets: usize,
    ) -> Result<LogHistogram> {
        let predicate = self.exact(filter)?;
        let TimeRange { start_ns, end_ns } = filter.range;
        let length_ns = i128::from(end_ns) - i128::from(start_ns);
        let count = buckets.max(1) as i128;
        let step_ns = i64::try_from((length_ns + count - 1) / count).unwrap_or(i64::MAX).max(1);
        let mut steps = Vec::new();
        let mut time_ns = start_ns;
        while time_ns < end_ns && steps.len() < buckets {
            steps.push(LogHistogramBucket { time_ns, counts: BTreeMap::new() });
            time_ns = time_ns.saturating_add(step_ns);
        }
        let request = AggregateRequest {
            table: TableName::Logs,
            range: filter.range,
            predicate,
            bucket: Some(Bucket { origin_ns: start_ns, step_ns }),
            group_by: vec![Field::Column("level")],
            aggregates: vec![Aggregate::Count],
            groups_max: (buckets + 1) * Level::ALL.len(),
        };
        self.query(async {
            let stream = self.store()?.aggregate(tenant, request).await?;
            for_each_batch(stream, |batch| {
                let starts: &Int64Array = schema::column(&batch, "bucket")?;
                let levels: &StringArray = schema::column(&batch, "group_0")?;
                let counts = counts(&batch)?;
                for row in 0..batch.num_rows() {
                    let position = starts.value(row).saturating_sub(start_ns) / step_ns;
                    let step = usize::try_from(position).ok().and_then(|at| steps.get_mut(at));
                    let level = levels.value(row).parse().map_or(Level::Unknown, Level::from_code);
                    if let Some(step) = step {
                        *step.counts.entry(level).or_default() += counts.value(row);
                    }
                }
                Ok(())
            })
            .await?;
            Ok(LogHistogram { start_ns, step_ns, buckets: steps })
        })
        .await
    }

    /// The filter as a predicate; refused where the engine behind the seam would answer it
    /// inexactly, since rows are not checked again here.
    fn exact(&self, filter: &LogFilter) -> Result<Predicate> {
        let predicate = filter.predicate();
        match self.store()?.pushdown(TableName::Logs, &predicate) {
            Pushdown::Exact => Ok(predicate),
            Pushdown::Superset => Err(Error::new(
                ErrorKind::Unsupported,
                "the store can not answer this filter exactly",
            )),
        }
    }
}

/// The rest of the range after a cursor, the cursor's own instant included.
fn resume(range: TimeRange, direction: Direction, after: Option<LogCursor>) -> TimeRange {
    match (direction, after) {
        (_, None) => range,
        (Direction::Backward, Some(cursor)) => {
            TimeRange { end_ns: range.end_ns.min(cursor.time_ns.saturating_add(1)), ..range }
        }
        (Direction::Forward, Some(cursor)) => {
            TimeRange { start_ns: range.start_ns.max(cursor.time_ns), ..range }
        }
    }
}

fn page(mut logs: Vec<LogRow>, skip: usize, limit: usize, after: Option<LogCursor>) -> LogPage {
    logs.drain(..skip.min(logs.len()));
    let more = logs.len() > limit;
    logs.truncate(limit);
    let next = logs.last().filter(|_| more).map(|last| {
        let same = logs.iter().rev().take_while(|row| row.time_ns == last.time_ns).count();
        let before = after.filter(|cursor| cursor.time_ns == last.time_ns && same == logs.len());
        LogCursor { time_ns: last.time_ns, skip: same + before.map_or(0, |cursor| cursor.skip) }
    });
    LogPage { logs, next }
}
