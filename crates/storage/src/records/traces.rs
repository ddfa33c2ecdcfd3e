//! Traces: all spans of one, and lists of summaries.

use std::collections::{BTreeMap, BinaryHeap, HashSet};

use arrow_array::{FixedSizeBinaryArray, RecordBatch, TimestampNanosecondArray};
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
/// Sources (places that hold summaries, or spans to check) are taken newest first and give
/// candidates: traces, each with a start that it can not lie after. Candidates are resolved newest
/// first too. What was found is complete down to the frontier: the latest instant that a source
/// or candidate still to come may have. So work ends soon after enough traces lie beyond it.
pub(crate) fn traces(snapshot: &Snapshot, request: &TracesRequest) -> Result<Vec<TraceSummary>> {
    if request.limit == 0 || request.range.is_empty() {
        return Ok(Vec::new());
    }
    let mut list = TraceList::new(snapshot, request)?;
    loop {
        let candidate_ns = list.candidates.peek().map(|(start_ns, _)| *start_ns);
        let source_ns = list.sources.last().map(|(max_ns, _)| *max_ns);
        let Some(frontier_ns) = candidate_ns.max(source_ns) else { break };
        let beyond = list.found.keys().rev().take_while(|at| at.start_ns > frontier_ns);
        if beyond.take(request.limit).count() == request.limit {
            break;
        }
        if source_ns >= candidate_ns {
            list.take_source()?;
        } else {
            list.resolve_candidate()?;
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
    reading: Reading,
    /// By the latest instant in them; the newest is last.
    sources: Vec<(i64, Source)>,
    candidates: BinaryHeap<(i64, TraceId)>,
    known: Summaries,
    seen: HashSet<TraceId>,
    /// Traces that match, by their place in the order of the answer.
    found: BTreeMap<TraceCursor, TraceSummary>,
}

impl<'a> TraceList<'a> {
    fn new(snapshot: &'a Snapshot, request: &'a TracesRequest) -> Result<Self> {
        let any_span = &request.filter.any_span;
        let (range, mut sources) = if *any_span == Predicate::ALL {
            (request.range, summary_sources(snapshot, request.range))
        } else {
            let end_ns = request.range.end_ns.saturating_add(SPAN_AFTER_TRACE_START_NS_MAX);
            let range = TimeRange { end_ns, ..request.range };
            let pieces = snapshot.pieces(range)?.0.into_iter();
            (range, pieces.map(|(_, piece)| (piece.bounds().1, Source::Spans(piece))).collect())
        };
        sources.sort_by_key(|(max_ns, _)| *max_ns);
        let columns = Projection::Columns(vec!["trace_id"]);
        Ok(Self {
            snapshot,
            request,
            reading: Reading::of(TableName::Spans, range, any_span, columns),
            sources,
            candidates: BinaryHeap::new(),
            known: Summaries::default(),
            seen: HashSet::new(),
            found: BTreeMap::new(),
        })
    }

    /// Makes candidates of what the newest source holds.
    fn take_source(&mut self) -> Result<()> {
        let of_summaries = |known: &ById| -> Vec<(i64, TraceId)> {
            known.values().map(|summary| (summary.start_ns, summary.trace_id)).collect()
        };
        let candidates = match self.sources.pop() {
            None => return Ok(()),
            Some((_, Source::PartSummaries(at))) => {
                of_summaries(self.known.of_part(self.snapshot, at)?)
            }
            Some((_, Source::MemorySummaries(at))) => {
                of_summaries(self.known.of_memory(self.snapshot, at)?)
            }
            Some((_, Source::Spans(piece))) => matching_traces(&self.reading.read(&piece)?)?,
        };
        let start_ns = self.request.range.start_ns;
        self.candidates.extend(candidates.into_iter().filter(|(at_ns, _)| *at_ns >= start_ns));
        Ok(())
    }

    /// Looks at the newest candidate as a whole.
    fn resolve_candidate(&mut self) -> Result<()> {
        let Some((_, trace_id)) = self.candidates.pop() else { return Ok(()) };
        if self.seen.insert(trace_id)
            && let Some(summary) = self.known.whole(self.snapshot, trace_id)?
            && self.matches(&summary)
        {
            self.found.insert(summary.cursor(), summary);
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

fn summary_sources(snapshot: &Snapshot, range: TimeRange) -> Vec<(i64, Source)> {
    let overlaps = |min_ns, max_ns| range.overlaps_closed(min_ns, max_ns);
    let parts = snapshot
        .parts
        .iter()
        .enumerate()
        .filter(|(_, part)| overlaps(part.figures.min_ns, part.figures.max_ns))
        .map(|(at, part)| (part.figures.max_ns, Source::PartSummaries(at)));
    let memory = snapshot
        .memory
        .iter()
        .enumerate()
        .filter(|(_, batch)| overlaps(batch.min_ns, batch.max_ns))
        .map(|(at, batch)| (batch.max_ns, Source::MemorySummaries(at)));
    parts.chain(memory).collect()
}

/// The traces of some spans, each with the start of the latest of them.
fn matching_traces(spans: &RecordBatch) -> Result<Vec<(i64, TraceId)>> {
    let ids: &FixedSizeBinaryArray = column(spans, "trace_id")?;
    let starts: &TimestampNanosecondArray = column(spans, "start_ns")?;
    let mut latest: HashMap<TraceId, i64> = HashMap::new();
    for row in 0..spans.num_rows() {
        let start_ns = starts.value(row);
        let known = latest.entry(TraceId(id(ids.value(row))?)).or_insert(start_ns);
        *known = (*known).max(start_ns);
    }
    Ok(latest.into_iter().map(|(trace_id, start_ns)| (start_ns, trace_id)).collect())
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
