//! Traces: all spans of one, and lists of summaries.

use std::collections::{BTreeMap, HashSet};

use arrow_array::{FixedSizeBinaryArray, RecordBatch};
use hashbrown::HashMap;
use watchkeep_model::{Result, TimeRange, TraceId};

use super::piece::{Piece, Snapshot};
use super::scan::Reading;
use super::summary::{id, merge};
use crate::schema::column;
use crate::seam::{
    Frame, Literal, Predicate, Projection, ScanStats, TableName, TraceCursor, TraceSummary,
    TracesRequest,
};

/// How long after the start of its trace a span may start and still be found by a condition on
/// spans. Without a bound, asking about last week would read everything since.
const SPAN_AFTER_TRACE_START_NS_MAX: i64 = 24 * 3600 * 1_000_000_000;

/// Finds all spans of a trace, giving frames to `emit`.
pub(crate) fn trace(
    snapshot: &Snapshot,
    trace_id: TraceId,
    emit: &mut dyn FnMut(Frame) -> bool,
) -> Result<()> {
    let is_this = Predicate::column_is("trace_id", Literal::Bytes(trace_id.0.to_vec()));
    let reading = Reading::of(TableName::Spans, TimeRange::ALL, &is_this, Projection::All);
    let mut stats = ScanStats::default();
    let mut give = |rows: RecordBatch, stats: &mut ScanStats| {
        stats.rows += rows.num_rows() as u64;
        rows.num_rows() == 0 || emit(Frame::Rows(rows))
    };
    for part in &snapshot.parts {
        let groups = part.groups_with_trace(trace_id)?;
        if groups.is_empty() {
            stats.parts_skipped += 1;
            continue;
        }
        stats.parts_opened += 1;
        for group in groups {
            let piece =
                Piece::RowGroup { part: part.clone(), group, min_ns: i64::MIN, max_ns: i64::MAX };
            if !give(reading.read(&piece)?, &mut stats) {
                return Ok(());
            }
        }
    }
    for batch in &snapshot.memory {
        if !give(reading.read(&Piece::Memory(batch.clone()))?, &mut stats) {
            return Ok(());
        }
    }
    emit(Frame::Done(stats));
    Ok(())
}

/// Lists traces.
///
/// Pieces are taken newest first. A trace that starts at or after the latest instant of every
/// piece still to come has been met, because the span that makes it match starts no earlier than
/// the trace; so as soon as enough such traces match, the list is complete.
pub(crate) fn traces(snapshot: &Snapshot, request: &TracesRequest) -> Result<Vec<TraceSummary>> {
    let mut list = TraceList {
        snapshot,
        request,
        known: Summaries::default(),
        seen: HashSet::new(),
        found: BTreeMap::new(),
    };
    if request.limit == 0 || request.range.is_empty() {
        return Ok(Vec::new());
    }
    let by_summary = request.filter.any_span == Predicate::ALL;
    let range = if by_summary {
        request.range
    } else {
        let end_ns = request.range.end_ns.saturating_add(SPAN_AFTER_TRACE_START_NS_MAX);
        TimeRange { end_ns, ..request.range }
    };
    let mut sources = if by_summary {
        list.summary_sources(range)
    } else {
        let pieces = snapshot.pieces(range)?.0.into_iter();
        pieces.map(|(_, piece)| (piece.bounds().1, Source::Spans(piece))).collect()
    };
    sources.sort_by_key(|(max_ns, _)| *max_ns);
    let reading = Reading::of(
        TableName::Spans,
        range,
        &request.filter.any_span,
        Projection::Columns(vec!["trace_id"]),
    );
    while let Some((_, source)) = sources.pop() {
        list.add(&source, &reading)?;
        let boundary = sources.last().map_or(i64::MIN, |(max_ns, _)| *max_ns);
        let complete = list.found.keys().rev().take_while(|at| at.start_ns > boundary).count();
        if complete >= request.limit {
            break;
        }
    }
    Ok(list.found.into_values().rev().take(request.limit).collect())
}

/// What candidates are taken from: places that hold summaries, or spans to check.
enum Source {
    PartSummaries(usize),
    MemorySummaries(usize),
    Spans(Piece),
}

struct TraceList<'a> {
    snapshot: &'a Snapshot,
    request: &'a TracesRequest,
    known: Summaries,
    seen: HashSet<TraceId>,
    /// Traces that match, by their place in the order of the answer.
    found: BTreeMap<TraceCursor, TraceSummary>,
}

impl TraceList<'_> {
    fn summary_sources(&self, range: TimeRange) -> Vec<(i64, Source)> {
        let overlaps = |min_ns, max_ns| range.overlaps_closed(min_ns, max_ns);
        let parts = self.snapshot.parts.iter().enumerate();
        let memory = self.snapshot.memory.iter().enumerate();
        parts
            .filter(|(_, part)| overlaps(part.figures.min_ns, part.figures.max_ns))
            .map(|(at, part)| (part.figures.max_ns, Source::PartSummaries(at)))
            .chain(
                memory
                    .filter(|(_, batch)| overlaps(batch.min_ns, batch.max_ns))
                    .map(|(at, batch)| (batch.max_ns, Source::MemorySummaries(at))),
            )
            .collect()
    }

    fn add(&mut self, source: &Source, reading: &Reading) -> Result<()> {
        let ids: Vec<TraceId> = match source {
            Source::PartSummaries(at) => {
                self.known.of_part(self.snapshot, *at)?.keys().copied().collect()
            }
            Source::MemorySummaries(at) => {
                self.known.of_memory(self.snapshot, *at)?.keys().copied().collect()
            }
            Source::Spans(piece) => {
                let rows = reading.read(piece)?;
                let ids: &FixedSizeBinaryArray = column(&rows, "trace_id")?;
                ids.iter()
                    .flatten()
                    .map(|bytes| Ok(TraceId(id(bytes)?)))
                    .collect::<Result<HashSet<_>>>()?
                    .into_iter()
                    .collect()
            }
        };
        for trace_id in ids {
            if !self.seen.insert(trace_id) {
                continue;
            }
            let Some(summary) = self.known.whole(self.snapshot, trace_id)? else { continue };
            if self.matches(&summary) {
                self.found.insert(summary.cursor(), summary);
            }
        }
        Ok(())
    }

    fn matches(&self, summary: &TraceSummary) -> bool {
        let filter = &self.request.filter;
        let duration_ns = summary.duration_ns();
        self.request.range.contains(summary.start_ns)
            && filter.duration_ns_min.is_none_or(|min| duration_ns >= min)
            && filter.duration_ns_max.is_none_or(|max| duration_ns <= max)
            && self.request.after.is_none_or(|after| summary.cursor() < after)
    }
}

type ById = HashMap<TraceId, TraceSummary>;

/// Summaries read so far, by where they are from.
#[derive(Default)]
struct Summaries {
    parts: HashMap<usize, ById>,
    memory: HashMap<usize, ById>,
}

impl Summaries {
    fn of_part(&mut self, snapshot: &Snapshot, at: usize) -> Result<&ById> {
        if !self.parts.contains_key(&at) {
            let read = snapshot.parts[at].summaries()?;
            self.parts.insert(at, read.into_iter().map(|s| (s.trace_id, s)).collect());
        }
        Ok(&self.parts[&at])
    }

    fn of_memory(&mut self, snapshot: &Snapshot, at: usize) -> Result<&ById> {
        if !self.memory.contains_key(&at) {
            let made = snapshot.memory[at].summaries()?;
            self.memory.insert(at, made.iter().map(|s| (s.trace_id, s.clone())).collect());
        }
        Ok(&self.memory[&at])
    }

    /// The summary of a trace over everything that holds a piece of it.
    fn whole(&mut self, snapshot: &Snapshot, trace_id: TraceId) -> Result<Option<TraceSummary>> {
        let mut pieces = Vec::new();
        for (at, part) in snapshot.parts.iter().enumerate() {
            if !part.groups_with_trace(trace_id)?.is_empty() {
                pieces.extend(self.of_part(snapshot, at)?.get(&trace_id).cloned());
            }
        }
        for at in 0..snapshot.memory.len() {
            pieces.extend(self.of_memory(snapshot, at)?.get(&trace_id).cloned());
        }
        Ok(pieces.into_iter().reduce(merge))
    }
}
