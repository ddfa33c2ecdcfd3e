//! Whole traces, newest start first, each once, over pieces that may each hold some of a trace.
//!
//! Pieces are taken by the latest start of a trace in them. What a piece has of a trace makes it a
//! candidate, which can not start later than it does there. Candidates are resolved newest first:
//! everything of the trace is looked up wherever it lies. Those that match are handed out once no
//! piece or candidate to come can start later, so that who stops advancing stops the reading.

use std::collections::BinaryHeap;

use hashbrown::HashSet;
use watchkeep_model::{
    Result, SpanBatch, SpanCursor, SpanTest, SpansRequest, TimeRange, TraceId, TraceTest,
};

use super::assemble::{Found, assemble};
use super::lookup::{Fragment, Pieces};
use super::piece::{Loaded, Piece, Snapshot};
use crate::block::{Need, RowSet};

/// Traces and spans handed out at once, at most (a trace is not divided).
const BATCH_TRACES: usize = 4096;
const BATCH_ROWS: usize = 16 << 10;
/// How far beside the range a span may lie that a test is about. Without a bound, asking about an
/// hour would ask everything.
const REACH_NS: i64 = 600 * 1_000_000_000;
/// Tests of spans in a test of traces that are looked at; others are taken to be unknown.
const ATOMS_MAX: usize = 64;

/// Where a trace stands in the order of the answer: the greatest comes first.
type Place = (i64, TraceId);

/// Reads whole traces as the cursor is advanced.
pub(super) fn read(
    snapshot: Snapshot,
    request: SpansRequest,
    test: &TraceTest,
) -> Result<SpanCursor> {
    Ok(Box::new(Reader::new(snapshot, request, test, false)?))
}

/// As [`read`], of traces of which the test is true for certain.
pub(super) fn read_certain(
    snapshot: Snapshot,
    request: SpansRequest,
    test: &TraceTest,
) -> Result<SpanCursor> {
    Ok(Box::new(Reader::new(snapshot, request, test, true)?))
}

/// A test of traces over numbered tests of spans.
#[derive(Debug)]
enum Formula {
    And(Vec<Formula>),
    Or(Vec<Formula>),
    /// One of the trace's spans passes a test.
    Atom(usize),
}

impl Formula {
    fn of(test: &TraceTest, atoms: &mut Vec<SpanTest>) -> Self {
        match test {
            TraceTest::And(all) => {
                Self::And(all.iter().map(|test| Self::of(test, atoms)).collect())
            }
            TraceTest::Or(any) => Self::Or(any.iter().map(|test| Self::of(test, atoms)).collect()),
            // Every trace has a span.
            TraceTest::AnySpan(test) if test.is_all() || atoms.len() == ATOMS_MAX => {
                Self::And(Vec::new())
            }
            TraceTest::AnySpan(test) => {
                atoms.push(test.clone());
                Self::Atom(atoms.len() - 1)
            }
        }
    }

    /// Whether it holds of a trace that has spans which pass the tests whose bits are set.
    fn holds(&self, passed: u64) -> bool {
        match self {
            Self::And(all) => all.iter().all(|test| test.holds(passed)),
            Self::Or(any) => any.iter().any(|test| test.holds(passed)),
            Self::Atom(atom) => passed >> atom & 1 == 1,
        }
    }

    /// Tests of which a trace that it holds of has a span that passes one; nothing where it may
    /// hold of others too.
    fn needed(&self) -> Option<Vec<usize>> {
        match self {
            Self::And(all) => all.iter().filter_map(Self::needed).min_by_key(Vec::len),
            Self::Or(any) => {
                let needed: Option<Vec<Vec<usize>>> = any.iter().map(Self::needed).collect();
                needed.map(|needed| needed.concat())
            }
            Self::Atom(atom) => Some(vec![*atom]),
        }
    }
}

/// What a piece has of a trace that may be part of the answer. Greater ones come first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    place: Place,
    fragment: Fragment,
    /// Tests that some span here passes.
    passed: u64,
}

/// A trace of the answer that waits for its turn.
#[derive(Debug)]
struct Waiting {
    place: Place,
    found: Found,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place.cmp(&other.place)
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Waiting {}

struct Reader {
    request: SpansRequest,
    formula: Formula,
    atoms: Vec<SpanTest>,
    pieces: Pieces,
    /// Pieces to come, with an instant after which no trace of theirs starts; the newest is last.
    sources: Vec<(i64, usize)>,
    /// Tests of which a trace of the answer has a span that passes one, if there are such, and what
    /// words a block has then.
    needed: Option<(Vec<usize>, Need)>,
    /// Whether what is not known of a span is not enough.
    certain: bool,
    candidates: BinaryHeap<Candidate>,
    /// Traces in several pieces that were looked at.
    resolved: HashSet<TraceId>,
    found: BinaryHeap<Waiting>,
    /// Traces to hand out at once.
    batch_traces: usize,
    failed: bool,
}

impl Iterator for Reader {
    type Item = Result<SpanBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.advance().transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

impl Reader {
    fn new(
        snapshot: Snapshot,
        request: SpansRequest,
        test: &TraceTest,
        certain: bool,
    ) -> Result<Self> {
        let mut atoms = Vec::new();
        let formula = Formula::of(test, &mut atoms);
        let needed = formula.needed().map(|needed| {
            let need = Need::any(needed.iter().map(|atom| Need::of_span(&atoms[*atom])));
            (needed, need)
        });
        let pieces = Pieces::new(snapshot)?;
        let range = request.range;
        let reach = match needed {
            None => range,
            Some(_) => TimeRange {
                start_ns: range.start_ns.saturating_sub(REACH_NS),
                end_ns: range.end_ns.saturating_add(REACH_NS),
            },
        };
        let bounds = pieces.all.iter().map(Piece::bounds).enumerate();
        let mut sources: Vec<(i64, usize)> = bounds
            .filter(|(_, bounds)| bounds.overlap(reach))
            .map(|(piece, bounds)| (bounds.last_trace, piece))
            .collect();
        sources.sort_unstable();
        let batch_traces =
            request.wanted.map_or(BATCH_TRACES, |wanted| wanted.clamp(1, BATCH_TRACES));
        Ok(Self {
            request,
            formula,
            atoms,
            pieces,
            sources,
            needed,
            certain,
            candidates: BinaryHeap::new(),
            resolved: HashSet::new(),
            found: BinaryHeap::new(),
            batch_traces,
            failed: false,
        })
    }

    fn advance(&mut self) -> Result<Option<SpanBatch>> {
        let (mut traces, mut rows) = (Vec::new(), 0);
        while traces.len() < self.batch_traces && rows < BATCH_ROWS {
            let source = self.sources.last().map(|(max_ns, _)| (*max_ns, TraceId([0xff; 16])));
            let candidate = self.candidates.peek().map(|candidate| candidate.place);
            let frontier = source.max(candidate);
            if let Some(next) = self.found.peek()
                && frontier.is_none_or(|frontier| next.place > frontier)
            {
                if let Some(next) = self.found.pop() {
                    rows += next.found.rows;
                    traces.push(next.found);
                }
            } else if candidate > source {
                self.resolve()?;
            } else if !self.take_source()? {
                break;
            }
        }
        if traces.is_empty() {
            return Ok(None);
        }
        // Who asks again wants more than was said.
        self.batch_traces = (self.batch_traces * 2).min(BATCH_TRACES);
        assemble(&traces, &self.request.fields, &mut self.pieces).map(Some)
    }

    /// Makes candidates of what the newest piece holds; false when there is none.
    fn take_source(&mut self) -> Result<bool> {
        let Some((_, piece)) = self.sources.pop() else { return Ok(false) };
        if let Some((_, need)) = &self.needed
            && !self.pieces.all[piece].may_hold(need)?
        {
            return Ok(true);
        }
        let loaded = self.pieces.load(piece)?;
        let (mut hits, mut tested) = (Vec::new(), 0_u64);
        if let Some((needed, _)) = &self.needed {
            for atom in needed {
                hits.push((*atom, self.passing(&loaded, *atom, &RowSet::all(loaded.len()))?));
                tested |= 1 << atom;
            }
            // Most pieces have none: then nothing else of them is read.
            if hits.iter().all(|(_, rows)| rows.is_empty()) {
                return Ok(true);
            }
        }
        let table = loaded.traces()?;
        let mut passed = vec![0; table.len()];
        for (atom, rows) in &hits {
            mark(&loaded, *atom, rows, &mut passed)?;
        }
        let is_candidate: Vec<bool> = match self.needed {
            Some(_) => passed.iter().map(|passed| *passed != 0).collect(),
            None => (0..table.len()).map(|at| table.overlaps(at, self.request.range)).collect(),
        };
        for atom in (0..self.atoms.len()).filter(|atom| tested >> atom & 1 == 0) {
            let mut rows = RowSet::none(loaded.len());
            for trace in (0..table.len()).filter(|trace| is_candidate[*trace]) {
                loaded.rows_at(table.rows(trace)).for_each(|row| rows.insert(row as usize));
            }
            let rows = self.passing(&loaded, atom, &rows)?;
            mark(&loaded, atom, &rows, &mut passed)?;
        }
        for trace in (0..table.len()).filter(|trace| is_candidate[*trace]) {
            let place = (table.start_ns[trace], table.ids[trace]);
            let fragment = Fragment { piece, trace };
            self.candidates.push(Candidate { place, fragment, passed: passed[trace] });
        }
        Ok(true)
    }

    /// The rows that may pass a test.
    fn passing(&self, loaded: &Loaded, atom: usize, rows: &RowSet) -> Result<RowSet> {
        if rows.is_empty() {
            return Ok(RowSet::none(rows.rows()));
        }
        let mut decision = loaded.test(&self.atoms[atom], rows)?;
        if !self.certain {
            decision.yes.add(&decision.unknown);
        }
        Ok(decision.yes)
    }

    /// Looks at the newest candidate as a whole.
    fn resolve(&mut self) -> Result<()> {
        let Some(Candidate { place: (_, id), fragment, passed }) = self.candidates.pop() else {
            return Ok(());
        };
        if self.resolved.contains(&id) {
            return Ok(());
        }
        let fragments = self.pieces.fragments(id, Some(fragment))?;
        if fragments.len() > 1 {
            self.resolved.insert(id);
        }
        let mut found = Found { id, start_ns: i64::MAX, end_ns: i64::MIN, rows: 0, fragments };
        let mut all_passed = passed;
        for other in &found.fragments {
            let loaded = self.pieces.load(other.piece)?;
            let table = loaded.traces()?;
            found.start_ns = found.start_ns.min(table.start_ns[other.trace]);
            found.end_ns = found.end_ns.max(table.end_ns[other.trace]);
            found.rows += table.rows(other.trace).len();
            if *other != fragment {
                all_passed |= self.passed_by(&loaded, other.trace, all_passed)?;
            }
        }
        if self.request.range.overlaps_closed(found.start_ns, found.end_ns)
            && self.formula.holds(all_passed)
        {
            self.found.push(Waiting { place: (found.start_ns, id), found });
        }
        Ok(())
    }

    /// Tests, beside those already passed, that some span of a fragment may pass.
    fn passed_by(&self, loaded: &Loaded, trace: usize, already: u64) -> Result<u64> {
        let mut rows = RowSet::none(loaded.len());
        loaded.rows_at(loaded.traces()?.rows(trace)).for_each(|row| rows.insert(row as usize));
        let mut passed = 0;
        for atom in (0..self.atoms.len()).filter(|atom| already >> atom & 1 == 0) {
            passed |= u64::from(!self.passing(loaded, atom, &rows)?.is_empty()) << atom;
        }
        Ok(passed)
    }
}

/// Sets the bit of a test for the traces of some rows.
fn mark(loaded: &Loaded, atom: usize, rows: &RowSet, passed: &mut [u64]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let table = loaded.traces()?;
    for (trace, passed) in passed.iter_mut().enumerate() {
        if loaded.rows_at(table.rows(trace)).any(|row| rows.contains(row as usize)) {
            *passed |= 1 << atom;
        }
    }
    Ok(())
}
