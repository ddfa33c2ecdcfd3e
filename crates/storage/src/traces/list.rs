//! Lists of traces in a few figures each, and all spans of one trace.

use hashbrown::{HashMap, HashSet};
use watchkeep_model::span_query::ABSENT;
use watchkeep_model::{
    FieldColumn, Result, SpanBatch, SpanField, SpanRows, SpansRequest, TraceId, TraceRows,
    TraceTest, Utf8Column, Value,
};

use super::column::value_at;
use super::lookup::Pieces;
use super::piece::Snapshot;
use super::whole;
use crate::schema::to_record_batch;
use crate::seam::{Frame, ScanStats, ServiceCount, TraceSummary, TracesRequest};

/// OTLP's status code for errors.
const STATUS_ERROR: i64 = 2;
/// What a summary is made of, in the order of a batch's columns.
const FIELDS: [SpanField; 5] = [
    SpanField::Service,
    SpanField::StatusCode,
    SpanField::Name,
    SpanField::RootName,
    SpanField::RootService,
];

/// Summaries of traces, newest start first.
pub(crate) fn list(snapshot: Snapshot, request: &TracesRequest) -> Result<Vec<TraceSummary>> {
    let mut range = request.range;
    if let Some(after) = request.after {
        // Those that follow start no later.
        range.end_ns = range.end_ns.min(after.start_ns.saturating_add(1));
    }
    if request.limit == 0 || range.is_empty() {
        return Ok(Vec::new());
    }
    let test = TraceTest::AnySpan(request.filter.any_span.clone());
    let of_spans = SpansRequest {
        range,
        rows: SpanRows::Traces(test.clone()),
        fields: FIELDS.to_vec(),
        wanted: Some(request.limit),
    };
    let mut found = Vec::new();
    for batch in whole::read_certain(snapshot, of_spans, &test)? {
        let batch = batch?;
        let mut from = 0;
        for trace in &batch.traces {
            let rows = from..trace.rows_end as usize;
            from = rows.end;
            if trace.start_ns < range.start_ns {
                // Of those that follow none starts in the range.
                return Ok(found);
            }
            if matches(request, trace) {
                found.push(summary(&batch, trace, rows));
                if found.len() == request.limit {
                    return Ok(found);
                }
            }
        }
    }
    Ok(found)
}

fn matches(request: &TracesRequest, trace: &TraceRows) -> bool {
    let filter = &request.filter;
    let duration_ns = trace.end_ns.saturating_sub(trace.start_ns);
    request.range.contains(trace.start_ns)
        && filter.duration_ns_min.is_none_or(|min| duration_ns >= min)
        && filter.duration_ns_max.is_none_or(|max| duration_ns <= max)
        && request
            .after
            .is_none_or(|after| (trace.start_ns, trace.id) < (after.start_ns, after.trace_id))
}

fn summary(batch: &SpanBatch, trace: &TraceRows, rows: std::ops::Range<usize>) -> TraceSummary {
    let of = |column: usize| match value_at(&batch.columns[column], rows.start) {
        Value::String(text) => Some(text),
        _ => None,
    };
    let root = of(3).zip(of(4));
    let has_root = root.is_some();
    let (root_name, root_service) =
        root.unwrap_or_else(|| (of(2).unwrap_or_default(), of(0).unwrap_or_default()));
    let services = services(&batch.columns[0], &batch.columns[1], rows);
    TraceSummary {
        trace_id: trace.id,
        start_ns: trace.start_ns,
        end_ns: trace.end_ns,
        has_root,
        root_service,
        root_name,
        spans: services.iter().map(|service| service.spans).sum(),
        errors: services.iter().map(|service| service.errors).sum(),
        services,
    }
}

/// Services by falling number of spans, then by name.
fn services(
    services: &FieldColumn,
    statuses: &FieldColumn,
    rows: std::ops::Range<usize>,
) -> Vec<ServiceCount> {
    let FieldColumn::Text { keys, values } = services else { return Vec::new() };
    let is_error = |row: usize| match statuses {
        FieldColumn::Int { values, .. } => values[row] == STATUS_ERROR,
        _ => false,
    };
    let mut counts: HashMap<&str, (u32, u32)> = HashMap::new();
    for row in rows {
        let counts = counts.entry(name_of(keys[row], values)).or_default();
        counts.0 += 1;
        counts.1 += u32::from(is_error(row));
    }
    let count = |(name, (spans, errors)): (&str, (u32, u32))| ServiceCount {
        name: name.to_owned(),
        spans,
        errors,
    };
    let mut counts: Vec<ServiceCount> = counts.into_iter().map(count).collect();
    counts.sort_by(|a, b| b.spans.cmp(&a.spans).then_with(|| a.name.cmp(&b.name)));
    counts
}

fn name_of(key: u32, values: &Utf8Column) -> &str {
    if key == ABSENT { "" } else { values.get(key as usize) }
}

/// Finds all spans of a trace, each once, giving frames to `emit`.
pub(crate) fn trace(
    snapshot: Snapshot,
    id: TraceId,
    emit: &mut dyn FnMut(Frame) -> bool,
) -> Result<()> {
    let mut pieces = Pieces::new(snapshot)?;
    let fragments = pieces.fragments(id, None)?;
    let mut stats = ScanStats::default();
    let mut seen = HashSet::new();
    for fragment in fragments {
        let loaded = pieces.load(fragment.piece)?;
        let mut rows: Vec<u32> = loaded.rows_at(loaded.traces()?.rows(fragment.trace)).collect();
        rows.sort_unstable();
        let ids = loaded.ids(&rows)?;
        let mut spans = ids.span.iter().zip(&ids.kind);
        rows.retain(|_| spans.next().is_some_and(|(span, kind)| seen.insert((*span, *kind))));
        if rows.is_empty() {
            continue;
        }
        stats.rows += rows.len() as u64;
        if !emit(Frame::Rows(to_record_batch(loaded.columns(&rows, &|_| true)?)?)) {
            return Ok(());
        }
    }
    emit(Frame::Done(stats));
    Ok(())
}
