//! Search: traces with the spans that match, newest first, as they are found.

use std::collections::BTreeMap;

use watchkeep_model::attributes::Value;
use watchkeep_model::span_query::FieldColumn;
use watchkeep_model::{SpanBatch, SpanField, SpanId, SpanRows, SpansRequest, TimeRange, TraceId};

use super::Budget;
use super::error::{EvalError, Result};
use super::expr::rows::{Rows, text};
use super::expr::scalar::status_code;
use super::shown::Shown;
use super::spanset::{Program, Set};
use crate::ast::{Query, Root, Status};
use crate::plan::Fields;
use crate::plan::tests::trace_test;
use crate::source::SpanSource;

/// What to search for.
#[derive(Debug, Clone, Copy)]
pub struct SearchRequest<'q> {
    /// A query for traces.
    pub query: &'q Query,
    /// Traces that overlap with it are looked at, with all their spans.
    pub range: TimeRange,
    /// How many traces to find; 0 for all.
    pub limit: usize,
    /// How many spans of each set to tell; 0 for all.
    pub spans_per_set: usize,
}

/// A trace in which a search found something.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundTrace {
    /// Which.
    pub id: TraceId,
    /// Start of its first span, nanoseconds since the epoch.
    pub start_ns: i64,
    /// From there to the end of its last span.
    pub duration_ns: i64,
    /// Name of its root; empty without one.
    pub root_name: String,
    /// Service of its root; empty without one.
    pub root_service: String,
    /// What was found; at least one set.
    pub sets: Vec<FoundSet>,
    /// Spans of each service, sorted by its name.
    pub services: Vec<ServiceSpans>,
}

/// Spans that were found together.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundSet {
    /// The first of them, by start.
    pub spans: Vec<FoundSpan>,
    /// How many were found.
    pub matched: u32,
    /// What `by` and aggregates tell, as `avg(duration)`; durations, statuses and kinds are texts.
    pub attributes: Vec<(String, Value)>,
}

/// A span that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundSpan {
    /// Which.
    pub id: SpanId,
    /// Start, nanoseconds since the epoch.
    pub start_ns: i64,
    /// End minus start.
    pub duration_ns: i64,
    /// Its name, where the query looks at it.
    pub name: Option<String>,
    /// What the query looks at or selects; names are without scope.
    pub attributes: Vec<(String, Value)>,
}

/// Spans of a service in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSpans {
    /// The service.
    pub service: String,
    /// How many spans.
    pub spans: u32,
    /// How many of them have the status error.
    pub errors: u32,
}

/// What a search looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SearchStats {
    /// Traces that the source handed out.
    pub traces: u64,
    /// Their spans.
    pub spans: u64,
}

/// Searches, and hands out traces as they are found, newest start first; `found` tells whether to go
/// on. Stops reading as soon as the limit is reached.
///
/// # Errors
/// See [`EvalError`]; also what `found` fails with.
pub fn search(
    request: &SearchRequest<'_>,
    source: &dyn SpanSource,
    budget: &Budget<'_>,
    found: &mut dyn FnMut(FoundTrace) -> Result<bool>,
) -> Result<SearchStats> {
    let Root::Search(pipeline) = &request.query.root else {
        let text = "a metrics query can not be searched for, ask /api/metrics/query_range";
        return Err(EvalError::Invalid(text.to_owned()));
    };
    let mut fields = Fields::new();
    let program = Program::new(pipeline, &mut fields)?;
    let shown = Shown::new(pipeline, program.elements(), &mut fields);
    let meta = Meta::new(&mut fields);
    let wanted = (request.limit > 0).then_some(request.limit);
    let batches = source.spans(SpansRequest {
        range: request.range,
        rows: SpanRows::Traces(trace_test(pipeline)),
        fields: fields.as_slice().to_vec(),
        wanted,
    })?;
    let mut stats = SearchStats::default();
    let mut left = wanted.unwrap_or(usize::MAX);
    for batch in batches {
        if let Some(error) = (budget.interrupt)() {
            return Err(error);
        }
        let batch = batch?;
        stats.traces += batch.traces.len() as u64;
        stats.spans += batch.rows as u64;
        if stats.spans > budget.spans_max {
            return Err(EvalError::TooManySpans(budget.spans_max));
        }
        let rows = Rows::new(&batch, &fields);
        let running = program.on(&rows);
        for place in 0..batch.traces.len() {
            let sets = running.sets(place)?;
            if sets.is_empty() {
                continue;
            }
            let sets = sets.iter().map(|set| meta.set(&rows, set, &shown, request.spans_per_set));
            let trace = meta.trace(&batch, place, sets.collect());
            left -= 1;
            if !found(trace)? || left == 0 {
                return Ok(stats);
            }
        }
    }
    Ok(stats)
}

/// Places of the columns that every answer is made of.
#[derive(Debug)]
struct Meta {
    span_id: usize,
    start: usize,
    duration: usize,
    root_name: usize,
    root_service: usize,
    service: usize,
    status: usize,
}

impl Meta {
    fn new(fields: &mut Fields) -> Self {
        Self {
            span_id: fields.place(&SpanField::SpanId),
            start: fields.place(&SpanField::Start),
            duration: fields.place(&SpanField::Duration),
            root_name: fields.place(&SpanField::RootName),
            root_service: fields.place(&SpanField::RootService),
            service: fields.place(&SpanField::Service),
            status: fields.place(&SpanField::StatusCode),
        }
    }

    fn set(&self, rows: &Rows<'_>, set: &Set, shown: &Shown, spans_max: usize) -> FoundSet {
        let told = if spans_max == 0 { set.spans.len() } else { set.spans.len().min(spans_max) };
        let spans = set.spans[..told].iter().map(|row| self.span(rows, *row as usize, shown));
        FoundSet {
            spans: spans.collect(),
            matched: set.spans.len() as u32,
            attributes: set.attributes.clone(),
        }
    }

    fn span(&self, rows: &Rows<'_>, row: usize, shown: &Shown) -> FoundSpan {
        let columns = &rows.batch.columns;
        let told = shown.of(rows, row);
        let id = text(&columns[self.span_id], row).and_then(|id| SpanId::parse_hex(id).ok());
        FoundSpan {
            id: id.unwrap_or_default(),
            start_ns: int(&columns[self.start], row),
            duration_ns: int(&columns[self.duration], row),
            name: told.name,
            attributes: told.attributes,
        }
    }

    fn trace(&self, batch: &SpanBatch, place: usize, sets: Vec<FoundSet>) -> FoundTrace {
        let trace = &batch.traces[place];
        let first = if place == 0 { 0 } else { batch.traces[place - 1].rows_end as usize };
        let rows = first..trace.rows_end as usize;
        let of_root =
            |column: usize| text(&batch.columns[column], first).unwrap_or_default().to_owned();
        FoundTrace {
            id: trace.id,
            start_ns: trace.start_ns,
            duration_ns: trace.end_ns.saturating_sub(trace.start_ns),
            root_name: of_root(self.root_name),
            root_service: of_root(self.root_service),
            sets,
            services: self.services(batch, rows),
        }
    }

    fn services(&self, batch: &SpanBatch, rows: std::ops::Range<usize>) -> Vec<ServiceSpans> {
        let mut services: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
        for row in rows {
            let service = text(&batch.columns[self.service], row).unwrap_or_default();
            let (spans, errors) = services.entry(service).or_default();
            *spans += 1;
            let status = int(&batch.columns[self.status], row);
            *errors += u32::from(status == status_code(Status::Error));
        }
        let named = |(service, (spans, errors)): (&str, _)| ServiceSpans {
            service: service.to_owned(),
            spans,
            errors,
        };
        services.into_iter().map(named).collect()
    }
}

fn int(column: &FieldColumn, row: usize) -> i64 {
    match column {
        FieldColumn::Int { values, .. } => values[row],
        FieldColumn::Values(values) => match values[row] {
            Value::Int(value) => value,
            _ => 0,
        },
        _ => 0,
    }
}
