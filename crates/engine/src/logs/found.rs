//! What is found in records beside answers to queries: their fields, patterns, and how much there is.

use std::collections::BTreeMap;

use watchkeep_logql::LogExpr;
use watchkeep_logql::ast::Span;
use watchkeep_logql::drain::{Limits, Pattern, Patterns};
use watchkeep_logql::eval::{self, Stream, Value};
use watchkeep_logql::fields::{self, DetectedField, FieldRow};
use watchkeep_logql::source::{LogSource as _, Order, Select};
use watchkeep_model::{Error, Labels, Matcher, Result, TenantId, TimeRange};
use watchkeep_storage::seam::{
    Bucket, LogCountFrame, LogCountRequest, LogParts, LogTest, StreamFigures, StreamsRequest,
};

use super::{Direction, LogQuery, QueryError, Steps, Work};
use crate::engine::Engine;
use crate::ingest::level::DETECTED;

/// Records between two looks at whether anyone still waits.
const CHECKED_EVERY: usize = 4096;

/// Lines in which patterns are looked for; of more every n-th is taken.
const PATTERN_LINES_MAX: u64 = 2_000_000;

/// Levels that patterns are told apart by; records of further ones count as of an unknown level.
const LEVELS_MAX: usize = 16;

/// How much a stream holds in each step of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamVolume {
    /// Its labels.
    pub labels: std::sync::Arc<Labels>,
    /// Bytes by the number of the step.
    pub bytes: BTreeMap<i64, u64>,
}

impl Engine {
    /// The streams that match and have a record in the range, in no order.
    pub async fn log_streams(
        &self,
        tenant: &TenantId,
        matchers: Vec<Matcher>,
        range: TimeRange,
    ) -> Result<Vec<StreamFigures>> {
        self.store()?.log_streams(tenant, StreamsRequest { matchers, range }).await
    }

    /// How much the streams that match hold in each step of a range.
    pub async fn log_volume(
        &self,
        tenant: &TenantId,
        matchers: Vec<Matcher>,
        range: TimeRange,
        bucket: Bucket,
    ) -> Result<Vec<StreamVolume>, QueryError> {
        let groups_max = self.limits.query_samples_max;
        self.log_work(tenant, move |work| {
            let request = LogCountRequest {
                matchers,
                range,
                test: LogTest::And(Vec::new()),
                bucket,
                by_labels: None,
                by_fields: Vec::new(),
                parts: LogParts::Lines,
                groups_max,
                bytes: true,
            };
            volume(work, request)
        })
        .await
    }

    /// The fields of the newest lines of a query.
    pub async fn log_fields(
        &self,
        tenant: &TenantId,
        query: LogQuery,
        limit: usize,
    ) -> Result<Vec<DetectedField>, QueryError> {
        let streams = self.lines_of(tenant, query).await?;
        with_rows(&streams, |rows| fields::detect_fields(rows, limit)).map_err(failed)
    }

    /// The values of one field in the newest lines of a query.
    pub async fn log_field_values(
        &self,
        tenant: &TenantId,
        query: LogQuery,
        name: &str,
        limit: usize,
    ) -> Result<Vec<String>, QueryError> {
        let streams = self.lines_of(tenant, query).await?;
        with_rows(&streams, |rows| fields::detect_values(rows, name, limit)).map_err(failed)
    }

    async fn lines_of(
        &self,
        tenant: &TenantId,
        query: LogQuery,
    ) -> Result<Vec<Stream>, QueryError> {
        match self.logql(tenant, query).await?.value {
            Value::Streams(streams) => Ok(streams),
            _ => Err(QueryError::Invalid("only log selector is supported".to_owned())),
        }
    }

    /// The patterns of the lines of streams, by level, with how many lines have each at each step.
    pub async fn log_patterns(
        &self,
        tenant: &TenantId,
        matchers: Vec<Matcher>,
        range: TimeRange,
        step_ns: i64,
    ) -> Result<Vec<(String, Pattern)>, QueryError> {
        let streams = self.log_streams(tenant, matchers.clone(), range).await?;
        let log = LogExpr { matchers, stages: Vec::new(), span: Span::default() };
        let lines: u64 = streams.iter().map(|stream| stream.rows).sum();
        let every = lines.div_ceil(PATTERN_LINES_MAX).max(1);
        self.log_work(tenant, move |work| {
            let select = Select {
                log: &log,
                start_ns: range.start_ns,
                end_ns: range.end_ns,
                order: Order::Any,
                wanted: None,
            };
            let limits = Limits { resolution_ns: step_ns, ..Limits::default() };
            let mut by_level: BTreeMap<String, Patterns> = BTreeMap::new();
            let mut seen = 0_u64;
            for batch in work.source.select(&select)? {
                if let Some(stop) = work.interrupted() {
                    return Err(stop.into());
                }
                let batch = batch?;
                for (row, line) in batch.lines.iter().enumerate() {
                    seen += 1;
                    if !seen.is_multiple_of(every) {
                        continue;
                    }
                    let level = batch.metadata(row).find(|(name, _)| *name == DETECTED);
                    let mut level = level.map_or("unknown", |(_, level)| level);
                    if by_level.len() >= LEVELS_MAX && !by_level.contains_key(level) {
                        level = "unknown";
                    }
                    if !by_level.contains_key(level) {
                        by_level.insert(level.to_owned(), Patterns::new(limits));
                    }
                    if let Some(patterns) = by_level.get_mut(level) {
                        patterns.add(batch.time_ns[row], line);
                    }
                }
            }
            let mut found = Vec::new();
            for (level, patterns) in by_level {
                found.extend(patterns.finish(step_ns).into_iter().map(|mut pattern| {
                    pattern.samples.iter_mut().for_each(|(_, lines)| *lines *= every);
                    (level.clone(), pattern)
                }));
            }
            Ok(found)
        })
        .await
    }
}

fn failed(error: watchkeep_logql::pipeline::PipelineError) -> QueryError {
    QueryError::Store(Error::internal("cannot look for fields").with_source(error))
}

/// Adds up what the store counts.
fn volume(work: &Work, request: LogCountRequest) -> Result<Vec<StreamVolume>, QueryError> {
    let source = &work.source;
    let counting = source.store.count_logs(&source.tenant, request);
    let mut found: BTreeMap<std::sync::Arc<Labels>, BTreeMap<i64, u64>> = BTreeMap::new();
    for (number, frame) in source.runtime.block_on(counting)?.enumerate() {
        if number.is_multiple_of(CHECKED_EVERY)
            && let Some(stop) = work.interrupted()
        {
            return Err(stop.into());
        }
        match frame? {
            LogCountFrame::Counts(counts) => {
                for count in counts {
                    *found.entry(count.labels).or_default().entry(count.step).or_default() +=
                        count.bytes;
                }
            }
            // Every record passes a test that asks for nothing.
            LogCountFrame::Undecided(_) => {}
        }
    }
    Ok(found.into_iter().map(|(labels, bytes)| StreamVolume { labels, bytes }).collect())
}

/// Shows the lines of streams as rows, newest first.
fn with_rows<T>(streams: &[Stream], run: impl FnOnce(std::vec::IntoIter<FieldRow<'_>>) -> T) -> T {
    struct Parts<'s> {
        stream: usize,
        time_ns: i64,
        metadata: Vec<(&'s str, &'s str)>,
        parsed: Vec<(&'s str, &'s str)>,
        line: &'s str,
    }
    let labels: Vec<Labels> = streams
        .iter()
        .map(|stream| {
            let of_entries = stream.entries.first();
            let made = |name: &str| {
                of_entries.is_some_and(|entry| {
                    [&entry.metadata, &entry.parsed]
                        .iter()
                        .any(|labels| labels.iter().any(|(other, _)| other == name))
                })
            };
            Labels::from_pairs(stream.labels.iter().filter(|(name, _)| !made(name)))
        })
        .collect();
    let mut parts: Vec<Parts<'_>> = streams
        .iter()
        .enumerate()
        .flat_map(|(at, stream)| stream.entries.iter().map(move |entry| (at, entry)))
        .map(|(stream, entry)| Parts {
            stream,
            time_ns: entry.time_ns,
            metadata: entry.metadata.iter().collect(),
            parsed: entry.parsed.iter().collect(),
            line: &entry.line,
        })
        .collect();
    parts.sort_by_key(|row| std::cmp::Reverse(row.time_ns));
    let rows: Vec<FieldRow<'_>> = parts
        .iter()
        .map(|row| FieldRow {
            stream: &labels[row.stream],
            metadata: &row.metadata,
            parsed: &row.parsed,
            line: row.line,
        })
        .collect();
    run(rows.into_iter())
}

/// A query for the newest lines, as fields are looked for in.
pub fn newest(text: &str, range: eval::Range, limit: usize) -> LogQuery {
    LogQuery {
        text: text.to_owned(),
        steps: Steps::Range(range),
        limit,
        direction: Direction::Backward,
    }
}
