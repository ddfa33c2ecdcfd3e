//! Places that hold log records and are read as a whole: a table in memory, or a block of a part.

use std::ops::Range;
use std::sync::Arc;

use watchkeep_model::{LogColumns, Result, TimeRange};

use super::block::{Block, FieldKeys};
use super::memory::LogBatch;
use super::part::{BlockEntry, BlockStream, LogPart};
use super::select::{Erasure, Selector, StreamName};
use super::truth::{Truth, truths};
use crate::block::{Decision, Need, RowSet};
use crate::gather::gather;
use crate::seam::{LogField, LogParts, LogTest, Order};

/// The log records of one tenant at one moment: parts and tables in memory, each in the order in
/// which their rows were appended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    /// Each with what was deleted of it.
    pub(crate) parts: Vec<(Arc<LogPart>, Arc<[Erasure]>)>,
    pub(crate) memory: Vec<Arc<LogBatch>>,
}

/// A place that is read as a whole.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    /// A table in memory.
    Memory(Arc<LogBatch>),
    /// A block, by its number in its part.
    Block { part: Arc<LogPart>, block: usize, erased: Arc<[Erasure]>, min_ns: i64, max_ns: i64 },
}

impl Snapshot {
    /// The pieces that may hold rows of a range, in the order in which their rows were appended,
    /// each with its place in that order; and how many parts were ruled out.
    pub(crate) fn pieces(&self, range: TimeRange) -> Result<(Vec<(u64, Piece)>, u64)> {
        let overlaps = |min_ns, max_ns| !range.is_empty() && range.overlaps_closed(min_ns, max_ns);
        let (mut pieces, mut place, mut skipped) = (Vec::new(), 0, 0);
        for (part, erased) in &self.parts {
            if !overlaps(part.figures.min_ns, part.figures.max_ns) {
                skipped += 1;
                continue;
            }
            for (block, entry) in part.blocks()?.iter().enumerate() {
                let (part, erased) = (Arc::clone(part), Arc::clone(erased));
                let (min_ns, max_ns) = (entry.min_ns, entry.max_ns);
                if overlaps(min_ns, max_ns) {
                    pieces.push((place, Piece::Block { part, block, erased, min_ns, max_ns }));
                }
                place += 1;
            }
        }
        for batch in self.memory.iter().filter(|batch| overlaps(batch.min_ns, batch.max_ns)) {
            pieces.push((place, Piece::Memory(Arc::clone(batch))));
            place += 1;
        }
        Ok((pieces, skipped))
    }

    /// As [`Snapshot::pieces`], without those that have no stream that is wanted.
    pub(crate) fn selected(
        &self,
        range: TimeRange,
        selector: &mut Selector,
    ) -> Result<Vec<(u64, Piece)>> {
        let mut pieces = self.pieces(range)?.0;
        let mut failed = Ok(());
        pieces.retain(|(_, piece)| match piece.has_selected(selector) {
            Ok(has) => has,
            Err(error) => {
                failed = Err(error);
                false
            }
        });
        failed.map(|()| pieces)
    }
}

impl Piece {
    /// Earliest and latest instant in the piece.
    pub(crate) fn bounds(&self) -> (i64, i64) {
        match self {
            Self::Memory(batch) => (batch.min_ns, batch.max_ns),
            Self::Block { min_ns, max_ns, .. } => (*min_ns, *max_ns),
        }
    }

    /// How soon the piece is due in an order: the greater, the sooner.
    pub(crate) fn nearness(&self, order: Order) -> i64 {
        let (min_ns, max_ns) = self.bounds();
        nearness(order, min_ns, max_ns)
    }

    fn has_selected(&self, selector: &mut Selector) -> Result<bool> {
        match self {
            Self::Memory(batch) => {
                Ok(batch.rows.stream.parts().0.iter().any(|text| selector.stream(text).is_some()))
            }
            Self::Block { part, block, .. } => {
                let names = part.streams()?;
                let entry = &part.blocks()?[*block];
                Ok(entry
                    .streams
                    .iter()
                    .any(|stream| selector.accepts(&names[stream.stream as usize])))
            }
        }
    }

    /// What the index says of a block from which nothing was deleted.
    pub(crate) fn indexed(&self) -> Result<Option<(&BlockEntry, &[StreamName])>> {
        match self {
            Self::Block { part, block, erased, .. } if erased.is_empty() => {
                Ok(Some((&part.blocks()?[*block], part.streams()?)))
            }
            _ => Ok(None),
        }
    }

    /// Whether some record may be what is needed.
    pub(crate) fn may_hold(&self, need: &Need) -> Result<bool> {
        match self {
            Self::Block { part, block, .. } if !need.is_nothing() => {
                let words = part.words(&part.blocks()?[*block])?;
                Ok(need.may_hold(&words))
            }
            _ => Ok(true),
        }
    }

    /// Begins to read it.
    pub(crate) fn load(&self) -> Result<Loaded> {
        let (rows, erasures): (_, &[Erasure]) = match self {
            Self::Memory(batch) => (Rows::Memory(Arc::clone(batch)), &[]),
            Self::Block { part, block, erased, .. } => {
                let block = part.block(&part.blocks()?[*block])?;
                (Rows::Block(Box::new(block)), erased)
            }
        };
        let mut loaded = Loaded { rows, bounds: self.bounds(), erased: None };
        if !erasures.is_empty() {
            let mut marked = RowSet::none(loaded.len());
            for erasure in erasures {
                loaded.mark(erasure, &mut marked)?;
            }
            loaded.erased = (!marked.is_empty()).then_some(marked);
        }
        Ok(loaded)
    }
}

/// How soon an instant, or the nearer of two bounds, is due in an order.
pub(crate) fn nearness(order: Order, min_ns: i64, max_ns: i64) -> i64 {
    match order {
        Order::NewestFirst => max_ns,
        Order::OldestFirst => min_ns.checked_neg().unwrap_or(i64::MAX),
    }
}

/// A piece that is being read.
#[derive(Debug)]
pub(crate) struct Loaded {
    rows: Rows,
    /// Earliest and latest instant.
    bounds: (i64, i64),
    erased: Option<RowSet>,
}

#[derive(Debug)]
enum Rows {
    Memory(Arc<LogBatch>),
    Block(Box<Block>),
}

/// Which stream each row is of.
#[derive(Debug)]
pub(crate) struct RowStreams {
    /// Streams that are wanted, by their numbers; the others are `None`.
    pub(crate) names: Vec<Option<StreamName>>,
    of_rows: OfRows,
}

#[derive(Debug)]
enum OfRows {
    /// Numbers, by row.
    Keys(Vec<u32>),
    /// Runs of rows, with their numbers.
    Runs(Vec<(Range<usize>, u32)>),
}

impl RowStreams {
    /// Runs of rows of one stream, ordered by time, with the numbers of their streams; nothing
    /// where rows are in no order.
    pub(crate) fn runs(&self) -> Option<&[(Range<usize>, u32)]> {
        match &self.of_rows {
            OfRows::Keys(_) => None,
            OfRows::Runs(runs) => Some(runs),
        }
    }

    /// The number of the stream of each of some rows, which rise.
    pub(crate) fn of<'a>(
        &'a self,
        rows: impl Iterator<Item = usize> + 'a,
    ) -> impl Iterator<Item = (usize, u32)> + 'a {
        let mut run = 0;
        rows.map(move |row| match &self.of_rows {
            OfRows::Keys(keys) => (row, keys[row]),
            OfRows::Runs(runs) => {
                while runs[run].0.end <= row {
                    run += 1;
                }
                (row, runs[run].1)
            }
        })
    }
}

impl Loaded {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        match &self.rows {
            Rows::Memory(batch) => batch.rows.time_ns.len(),
            Rows::Block(block) => block.len(),
        }
    }

    /// Column `time_ns`.
    pub(crate) fn times(&self) -> Result<&[i64]> {
        match &self.rows {
            Rows::Memory(batch) => Ok(&batch.rows.time_ns),
            Rows::Block(block) => block.times(),
        }
    }

    /// Which stream each row is of, and whether it is wanted.
    pub(crate) fn streams(&self, selector: &mut Selector) -> Result<RowStreams> {
        Ok(match &self.rows {
            Rows::Memory(batch) => {
                let (values, keys) = batch.rows.stream.parts();
                let names = values.iter().map(|text| selector.stream(text)).collect();
                RowStreams { names, of_rows: OfRows::Keys(keys.to_vec()) }
            }
            Rows::Block(block) => {
                let (mut names, mut runs) = (Vec::new(), Vec::new());
                for run in block.streams()? {
                    runs.push((run.rows, names.len() as u32));
                    names.push(selector.stream(run.labels));
                }
                RowStreams { names, of_rows: OfRows::Runs(runs) }
            }
        })
    }

    /// Rows of a range and of streams that are wanted, which were not deleted.
    pub(crate) fn candidates(&self, range: TimeRange, streams: &RowStreams) -> Result<RowSet> {
        let rows = self.len();
        let mut candidates = match &streams.of_rows {
            OfRows::Keys(keys) => {
                let times = self.times()?;
                RowSet::of(rows, |row| {
                    streams.names[keys[row] as usize].is_some() && range.contains(times[row])
                })
            }
            OfRows::Runs(runs) => {
                let mut candidates = RowSet::none(rows);
                for (run, stream) in runs {
                    if streams.names[*stream as usize].is_some() {
                        candidates.add_range(self.inside(run.clone(), range)?);
                    }
                }
                candidates
            }
        };
        if let Some(erased) = &self.erased {
            candidates.remove(erased);
        }
        Ok(candidates)
    }

    /// The rows of a run, which are ordered by time, that lie in a range.
    fn inside(&self, run: Range<usize>, range: TimeRange) -> Result<Range<usize>> {
        let (min_ns, max_ns) = self.bounds;
        if range.contains(min_ns) && range.contains(max_ns) {
            return Ok(run);
        }
        let times = &self.times()?[run.clone()];
        let from = times.partition_point(|time_ns| *time_ns < range.start_ns);
        let to = times.partition_point(|time_ns| *time_ns < range.end_ns);
        Ok(run.start + from..run.start + to.max(from))
    }

    fn mark(&self, erasure: &Erasure, marked: &mut RowSet) -> Result<()> {
        let streams = self.streams(&mut Selector::new(erasure.matchers.clone()))?;
        let meant = self.candidates(erasure.range, &streams)?;
        if !meant.is_empty() {
            marked.add(&self.test(&erasure.test, &meant)?.yes);
        }
        Ok(())
    }

    /// What is known of a test on some rows.
    pub(crate) fn test(&self, test: &LogTest, rows: &RowSet) -> Result<Decision> {
        match &self.rows {
            Rows::Block(block) => block.test(test, rows),
            Rows::Memory(batch) => {
                let asked: Vec<u32> = rows.iter().map(|row| row as u32).collect();
                let (mut yes, mut unknown) = (RowSet::none(rows.rows()), RowSet::none(rows.rows()));
                for (row, truth) in asked.iter().zip(truths(test, &batch.rows, &asked)) {
                    match truth {
                        Truth::False => {}
                        Truth::Unknown => unknown.insert(*row as usize),
                        Truth::True => yes.insert(*row as usize),
                    }
                }
                Ok(Decision { yes, unknown })
            }
        }
    }

    /// The texts of a field; they are not known of rows in memory.
    pub(crate) fn field_keys(&self, field: &LogField, rows: &RowSet) -> Result<FieldKeys> {
        match &self.rows {
            Rows::Block(block) => block.field_keys(field, rows),
            Rows::Memory(_) => {
                Ok(FieldKeys { texts: Vec::new(), keys: vec![FieldKeys::UNKNOWN; self.len()] })
            }
        }
    }

    /// Bytes of the bodies of some rows, in their order.
    pub(crate) fn body_bytes(&self, rows: &RowSet) -> Result<Vec<u32>> {
        match &self.rows {
            Rows::Block(block) => block.body_bytes(rows),
            Rows::Memory(batch) => {
                Ok(rows.iter().map(|row| batch.rows.body.get(row).len() as u32).collect())
            }
        }
    }

    /// Some rows as a table.
    pub(crate) fn take(&self, rows: &[u32], parts: LogParts) -> Result<LogColumns> {
        match &self.rows {
            Rows::Block(block) => block.rows(rows, parts),
            Rows::Memory(_) => {
                let lines = |name: &str| matches!(name, "stream" | "time_ns" | "body");
                self.columns(rows, &|name| parts == LogParts::All || lines(name))
            }
        }
    }

    /// Some columns of some rows; the others are empty.
    pub(crate) fn columns(
        &self,
        rows: &[u32],
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<LogColumns> {
        match &self.rows {
            Rows::Block(block) => block.columns(rows, wanted),
            Rows::Memory(batch) => {
                let places: Vec<_> = rows.iter().map(|row| (0, *row)).collect();
                gather(&[&batch.rows], &places, wanted)
            }
        }
    }

    /// Rows, bodies and all bytes by stream (its number) of some rows.
    pub(crate) fn figures(
        &self,
        rows: &RowSet,
        streams: &RowStreams,
    ) -> Result<Vec<(u32, BlockStream)>> {
        let mut figures: Vec<(u32, BlockStream)> = Vec::new();
        let which: Vec<u32> = rows.iter().map(|row| row as u32).collect();
        let table = self.columns(&which, &|name| matches!(name, "body" | "attributes"))?;
        let (offsets, keys, values, _) = table.attributes.parts();
        for (at, (_, stream)) in streams.of(rows.iter()).enumerate() {
            let entries = offsets[at] as usize..offsets[at + 1] as usize;
            let attributes: usize =
                entries.map(|entry| keys.get(entry).len() + values.get(entry).len()).sum();
            let body = table.body.get(at).len();
            if figures.last().is_none_or(|(last, _)| *last != stream) {
                figures.push((stream, BlockStream::default()));
            }
            if let Some((_, of_stream)) = figures.last_mut() {
                of_stream.rows += 1;
                of_stream.body_bytes += body as u64;
                of_stream.bytes += (body + attributes) as u64;
            }
        }
        Ok(figures)
    }
}
