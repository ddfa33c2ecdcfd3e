//! Log records in order of time over pieces that may overlap.
//!
//! Pieces are taken by their nearer bound (the latest instant for newest first). A row is handed out
//! once no piece that is still to be read can precede it, so memory holds only pieces that overlap,
//! and who stops advancing stops the reading. Rows of a piece are tested when they are due, a few at
//! first. Records of one instant are ordered by the text of their stream, those of one stream by
//! arrival, whatever pieces they lie in.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;

use watchkeep_model::{LogColumns, Result};

use super::piece::{Loaded, Piece, RowStreams, Snapshot, nearness};
use super::select::Selector;
use crate::block::Need;
use crate::block::RowSet;
use crate::gather::{every, gather};
use crate::seam::{LogCursor, LogRows, LogsRequest, Order};

/// Rows handed out at once, at most.
const BATCH_ROWS: usize = 4096;
/// Rows of a piece that are tested first where few are wanted; then always four times as many.
const TESTED_FIRST: usize = 128;

/// Reads records as the cursor is advanced.
pub(crate) fn read(snapshot: &Snapshot, request: LogsRequest) -> Result<LogCursor> {
    let mut selector = Selector::new(request.matchers.clone());
    let mut pieces = snapshot.selected(request.range, &mut selector)?;
    let order = request.order.unwrap_or(Order::OldestFirst);
    // The nearest piece goes last, to be popped first.
    pieces.sort_by_key(|(_, piece)| piece.nearness(order));
    let batch_rows = request.wanted.map_or(BATCH_ROWS, |wanted| wanted.clamp(1, BATCH_ROWS));
    Ok(Box::new(Reader {
        need: Need::of(&request.test),
        selector,
        order,
        request,
        pieces,
        sources: Vec::new(),
        heads: BinaryHeap::new(),
        batch_rows,
        failed: false,
    }))
}

struct Reader {
    request: LogsRequest,
    need: Need,
    selector: Selector,
    order: Order,
    pieces: Vec<(u64, Piece)>,
    sources: Vec<Source>,
    /// The next row of each source that has one.
    heads: BinaryHeap<Head>,
    batch_rows: usize,
    failed: bool,
}

/// A piece of which rows are still to be handed out.
struct Source {
    loaded: Loaded,
    place: u64,
    streams: RowStreams,
    /// Rows in the order in which they are due.
    rows: Vec<Due>,
    at: usize,
    /// How many of the rows were tested, and how many are to be tested next.
    tested: usize,
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Due {
    time_ns: i64,
    stream: u32,
    row: u32,
}

impl Source {
    /// The next row; it may not have been tested yet.
    fn head(&self, source: usize, order: Order) -> Option<Head> {
        let Due { time_ns, stream, row } = *self.rows.get(self.at)?;
        let stream = self.streams.names[stream as usize].as_ref()?;
        let arrival = (self.place, row);
        Some(Head { order, time_ns, stream: Arc::clone(&stream.text), arrival, source })
    }

    /// Tests the rows that are due next, and leaves those out of which the test is false.
    fn test(&mut self, request: &LogsRequest) -> Result<()> {
        let end = self.rows.len().min(self.at + self.next);
        self.next *= 4;
        let mut asked = RowSet::none(self.loaded.len());
        self.rows[self.at..end].iter().for_each(|due| asked.insert(due.row as usize));
        let decision = self.loaded.test(&request.test, &asked)?;
        let open = |due: &Due| {
            let row = due.row as usize;
            decision.yes.contains(row) || decision.unknown.contains(row)
        };
        let passed: Vec<Due> = self.rows[self.at..end].iter().copied().filter(open).collect();
        self.at = end - passed.len();
        self.rows[self.at..end].copy_from_slice(&passed);
        self.tested = end;
        Ok(())
    }
}

/// A row that waits for its turn. The greatest is due first.
#[derive(Debug)]
struct Head {
    order: Order,
    time_ns: i64,
    stream: Arc<str>,
    arrival: (u64, u32),
    source: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        let later = self
            .time_ns
            .cmp(&other.time_ns)
            .then_with(|| self.stream.cmp(&other.stream))
            .then_with(|| self.arrival.cmp(&other.arrival));
        match self.order {
            Order::NewestFirst => later,
            Order::OldestFirst => later.reverse(),
        }
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

impl Iterator for Reader {
    type Item = Result<LogRows>;

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
    fn advance(&mut self) -> Result<Option<LogRows>> {
        let mut places: Vec<(u32, u32)> = Vec::new();
        while places.len() < self.batch_rows {
            let boundary = self.pieces.last().map(|(_, piece)| piece.nearness(self.order));
            let is_final = |head: &Head| {
                let due = nearness(self.order, head.time_ns, head.time_ns);
                boundary.is_none_or(|boundary| self.request.order.is_none() || due > boundary)
            };
            if self.heads.peek().is_some_and(is_final) {
                self.take_row(&mut places)?;
            } else if let Some((place, piece)) = self.pieces.pop() {
                self.add(place, &piece)?;
            } else {
                break;
            }
        }
        if places.is_empty() {
            return Ok(None);
        }
        // Who asks again wants more than was said.
        self.batch_rows = (self.batch_rows * 2).min(BATCH_ROWS);
        let rows = self.rows_at(&places)?;
        self.forget_spent_sources();
        Ok(Some(LogRows { rows }))
    }

    fn take_row(&mut self, places: &mut Vec<(u32, u32)>) -> Result<()> {
        let Some(mut head) = self.heads.peek_mut() else { return Ok(()) };
        let source = &mut self.sources[head.source];
        if source.at < source.tested {
            places.push((head.source as u32, head.arrival.1));
            source.at += 1;
        } else {
            source.test(&self.request)?;
        }
        match source.head(head.source, self.order) {
            Some(next) => *head = next,
            None => drop(PeekMut::pop(head)),
        }
        Ok(())
    }

    fn add(&mut self, place: u64, piece: &Piece) -> Result<()> {
        if !piece.may_hold(&self.need)? {
            return Ok(());
        }
        let loaded = piece.load()?;
        let streams = loaded.streams(&mut self.selector)?;
        let candidates = loaded.candidates(self.request.range, &streams)?;
        if candidates.is_empty() {
            return Ok(());
        }
        let times = loaded.times()?;
        let due =
            |(row, stream): (usize, u32)| Due { time_ns: times[row], stream, row: row as u32 };
        let mut rows: Vec<Due> = streams.of(candidates.iter()).map(due).collect();
        let text = |due: &Due| streams.names[due.stream as usize].as_ref().map(|name| &name.text);
        rows.sort_by(|a, b| {
            a.time_ns.cmp(&b.time_ns).then_with(|| {
                if a.stream == b.stream { Ordering::Equal } else { text(a).cmp(&text(b)) }
            })
        });
        if self.order == Order::NewestFirst {
            rows.reverse();
        }
        let next = self.request.wanted.map_or(usize::MAX / 4, |wanted| wanted.max(TESTED_FIRST));
        let source = Source { loaded, place, streams, rows, at: 0, tested: 0, next };
        self.heads.extend(source.head(self.sources.len(), self.order));
        self.sources.push(source);
        Ok(())
    }

    /// The rows at places (source, row), in their order.
    fn rows_at(&self, places: &[(u32, u32)]) -> Result<LogColumns> {
        let mut of_source: Vec<Vec<u32>> = vec![Vec::new(); self.sources.len()];
        let mut gathered = Vec::with_capacity(places.len());
        for (source, row) in places {
            let rows = &mut of_source[*source as usize];
            gathered.push((*source, rows.len() as u32));
            rows.push(*row);
        }
        let take = |(source, rows): (&Source, &Vec<u32>)| match rows.as_slice() {
            [] => Ok(LogColumns::default()),
            rows => source.loaded.take(rows, self.request.parts),
        };
        let mut tables: Vec<LogColumns> =
            self.sources.iter().zip(&of_source).map(take).collect::<Result<_>>()?;
        if tables.len() == 1 {
            return Ok(tables.swap_remove(0));
        }
        gather(&tables.iter().collect::<Vec<_>>(), &gathered, &every)
    }

    /// Lets go of sources that have no rows left, so that memory follows what overlaps.
    fn forget_spent_sources(&mut self) {
        if self.sources.iter().all(|source| source.at < source.rows.len()) {
            return;
        }
        self.sources.retain(|source| source.at < source.rows.len());
        let heads = self.sources.iter().enumerate();
        self.heads = heads.filter_map(|(at, source)| source.head(at, self.order)).collect();
    }
}
