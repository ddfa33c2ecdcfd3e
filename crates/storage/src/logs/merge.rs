//! Merging parts: streams together, large blocks of one stream as they are, the rest encoded anew.
//! What was deleted or is past its retention is left out.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use watchkeep_model::{LogColumns, Matcher, Result, TimeRange};

use super::block::ROWS_MAX;
use super::part::{BlockEntry, LogPart, PartWriter, ROWS_OWN};
use super::piece::{Loaded, Piece};
use super::select::{Erasure, Selector, StreamName};
use super::write::write_blocks;
use crate::block::RowSet;
use crate::gather::Place;
use crate::part_file::PartFigures;
use crate::seam::LogParts;

/// A block of one stream with so many rows is taken over as it is.
const ROWS_KEPT: u32 = ROWS_MAX as u32 / 4;
/// Likewise one with bodies of so many bytes.
const BYTES_KEPT: u64 = 2 << 20;
/// Bytes of bodies that wait to be encoded, at most.
const PENDING_BYTES_MAX: u64 = 32 << 20;

/// A part to be merged, and what was deleted of it.
pub(crate) type MergeInput = (Arc<LogPart>, Arc<[Erasure]>);

/// How long records are kept: the first rule whose matchers hold for a stream says from when on, or
/// else `otherwise`.
#[derive(Debug, Clone)]
pub(crate) struct LogHorizon {
    /// Matchers, and the first instant that is kept.
    pub(crate) rules: Vec<(Vec<Matcher>, i64)>,
    /// The first instant that is kept of other streams.
    pub(crate) otherwise: i64,
}

impl LogHorizon {
    /// The first instant that is kept of a stream.
    pub(crate) fn of(&self, stream: &StreamName) -> i64 {
        let matches =
            |matchers: &[Matcher]| matchers.iter().all(|matcher| matcher.matches(&stream.labels));
        let rule = self.rules.iter().find(|(matchers, _)| matches(matchers));
        rule.map_or(self.otherwise, |(_, first_ns)| *first_ns)
    }

    /// Whether a part has records that a merge would leave out.
    pub(crate) fn has_expired(&self, part: &LogPart) -> Result<bool> {
        let names = part.streams()?;
        let first_ns: Vec<i64> = names.iter().map(|name| self.of(name)).collect();
        let is_past = |entry: &BlockEntry| {
            entry.streams.iter().any(|stream| stream.max_ns < first_ns[stream.stream as usize])
        };
        Ok(part.blocks()?.iter().any(is_past))
    }
}

/// Merges parts, which are in the order in which their rows were appended, into an existing, empty
/// directory; `None` where it was told to stop.
pub(crate) fn merge(
    inputs: &[MergeInput],
    horizon: &LogHorizon,
    (id, directory): (u64, &Path),
    must_stop: &dyn Fn() -> bool,
) -> Result<Option<PartFigures>> {
    // Blocks by stream; those of one stream in the order of their parts.
    let mut streams: BTreeMap<Arc<str>, Vec<(usize, usize)>> = BTreeMap::new();
    for (input, (part, _)) in inputs.iter().enumerate() {
        let names = part.streams()?;
        for (block, entry) in part.blocks()?.iter().enumerate() {
            for stream in &entry.streams {
                let text = &names[stream.stream as usize].text;
                streams.entry(Arc::clone(text)).or_default().push((input, block));
            }
        }
    }
    let mut merging = Merging {
        inputs,
        horizon,
        writer: PartWriter::create(id, directory)?,
        open: BTreeMap::new(),
        pending: Pending::default(),
    };
    for (text, blocks) in streams {
        if must_stop() {
            return Ok(None);
        }
        merging.add_stream(&text, &blocks)?;
    }
    merging.write_pending()?;
    merging.writer.finish().map(Some)
}

struct Merging<'a> {
    inputs: &'a [MergeInput],
    horizon: &'a LogHorizon,
    writer: PartWriter,
    /// Blocks of several streams that are being read, by part and number.
    open: BTreeMap<(usize, usize), Loaded>,
    pending: Pending,
}

/// Rows that wait to be encoded, ordered by stream.
#[derive(Debug, Default)]
struct Pending {
    tables: Vec<LogColumns>,
    places: Vec<Place>,
    /// Rows of each stream; the last may still grow.
    streams: Vec<usize>,
    bytes: u64,
}

impl Merging<'_> {
    fn add_stream(&mut self, text: &Arc<str>, blocks: &[(usize, usize)]) -> Result<()> {
        self.pending.streams.push(0);
        for (input, block) in blocks {
            let (part, erased) = &self.inputs[*input];
            let entry = &part.blocks()?[*block];
            let names = part.streams()?;
            let Some((name, of_stream)) = entry
                .streams
                .iter()
                .map(|stream| (&names[stream.stream as usize], stream))
                .find(|(name, _)| name.text == *text)
            else {
                continue;
            };
            if of_stream.max_ns < self.horizon.of(name) {
                continue;
            }
            let is_touched = erased.iter().any(|erasure| erasure.touches(name, of_stream));
            let is_large = entry.rows >= ROWS_KEPT || of_stream.body_bytes >= BYTES_KEPT;
            if entry.streams.len() == 1 && is_large && !is_touched {
                // What came before stays before it: ties in time are told apart by place.
                self.end_stream();
                self.write_pending()?;
                self.writer.copy(part, entry)?;
                self.pending.streams.push(0);
            } else {
                self.add_rows((*input, *block), name, entry)?;
            }
        }
        self.end_stream();
        let waiting = self.pending.places.len();
        if waiting > ROWS_OWN { self.write_pending() } else { Ok(()) }
    }

    fn add_rows(
        &mut self,
        (input, block): (usize, usize),
        name: &StreamName,
        entry: &BlockEntry,
    ) -> Result<()> {
        let (part, erased) = &self.inputs[input];
        let loaded = if let Some(loaded) = self.open.remove(&(input, block)) {
            loaded
        } else {
            let (min_ns, max_ns) = (entry.min_ns, entry.max_ns);
            let (part, erased) = (Arc::clone(part), Arc::clone(erased));
            Piece::Block { part, block, erased, min_ns, max_ns }.load()?
        };
        let streams = loaded.streams(&mut Selector::only(name))?;
        let range = TimeRange { start_ns: self.horizon.of(name), ..TimeRange::ALL };
        let rows: RowSet = loaded.candidates(range, &streams)?;
        let rows: Vec<u32> = rows.iter().map(|row| row as u32).collect();
        if !rows.is_empty() {
            self.pending.add(loaded.take(&rows, LogParts::All)?);
        }
        let names = part.streams()?;
        let is_last =
            entry.streams.last().is_none_or(|last| names[last.stream as usize].text == name.text);
        if !is_last {
            self.open.insert((input, block), loaded);
        }
        if self.pending.bytes > PENDING_BYTES_MAX {
            self.end_stream();
            self.write_pending()?;
            self.pending.streams.push(0);
        }
        Ok(())
    }

    /// Orders the rows of the last stream by time, those of one instant by arrival.
    fn end_stream(&mut self) {
        let Pending { tables, places, streams, .. } = &mut self.pending;
        let Some(rows) = streams.pop() else { return };
        if rows > 0 {
            streams.push(rows);
            let from = places.len() - rows;
            places[from..]
                .sort_by_key(|(table, row)| tables[*table as usize].time_ns[*row as usize]);
        }
    }

    fn write_pending(&mut self) -> Result<()> {
        let Pending { tables, places, streams, .. } = std::mem::take(&mut self.pending);
        write_blocks(&mut self.writer, &tables.iter().collect::<Vec<_>>(), &places, &streams)
    }
}

impl Pending {
    fn add(&mut self, rows: LogColumns) {
        let (table, len) = (self.tables.len() as u32, rows.time_ns.len());
        self.places.extend((0..len as u32).map(|row| (table, row)));
        self.bytes += rows.body.parts().1.len() as u64;
        if let Some(last) = self.streams.last_mut() {
            *last += len;
        }
        self.tables.push(rows);
    }
}
