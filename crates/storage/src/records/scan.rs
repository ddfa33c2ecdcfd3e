//! Rows in order of time over pieces that may overlap. Rows of one instant are ordered by arrival,
//! for logs by the text of their stream before that: what was appended together is not kept
//! together.
//!
//! Pieces are taken by their nearer bound (the latest instant for newest first). Before a piece
//! is read, every row read so far that lies beyond that bound is final and is handed out. So
//! memory holds only pieces that overlap, and a limit stops the reading.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::types::{TimestampNanosecondType, UInt32Type};
use arrow_array::{Array, DictionaryArray, PrimitiveArray, RecordBatch};
use arrow_select::interleave::interleave_record_batch;
use hashbrown::HashMap;
use watchkeep_model::error::IoContext;
use watchkeep_model::{Error, Result, TimeRange};

use super::piece::{Piece, TableSnapshot};
use crate::logs::LogReading;
use crate::schema::{column, dictionary_strings};
use crate::seam::{Frame, Order, Predicate, Projection, ScanRequest, ScanStats, TableName};
use crate::traces::SpanReading;

/// Rows handed out at once.
const BATCH_ROWS: usize = 8192;

/// Runs a scan, giving each frame to `emit` until that answers false.
pub(crate) fn scan(
    snapshot: &TableSnapshot,
    request: &ScanRequest,
    emit: &mut dyn FnMut(Frame) -> bool,
) -> Result<()> {
    let (mut pieces, parts_skipped) = snapshot.pieces(request.range)?;
    // The nearest piece goes last, to be popped first.
    pieces.sort_by_key(|(_, piece)| nearness(piece, request.order));
    let mut scan = Scan {
        order: request.order,
        time_column: request.table.time_column(),
        wanted: request.limit.unwrap_or(usize::MAX),
        pending: Vec::new(),
        pending_rows: 0,
        place_rows: Vec::new(),
        streams: Vec::new(),
        stream_numbers: HashMap::new(),
        shown: request.projection.clone(),
    };
    let reading = Reading::new(request);
    let mut stats = ScanStats { parts_skipped, ..ScanStats::default() };
    let mut opened: Option<*const ()> = None;
    while let Some((place, piece)) = pieces.pop() {
        if let Some(part) = piece.part() {
            stats.parts_opened += u64::from(opened.replace(part) != Some(part));
        }
        scan.add(place, reading.read(&piece)?)?;
        let boundary = pieces.last().map(|(_, next)| nearness(next, request.order));
        let enough = scan.pending_rows >= BATCH_ROWS.min(scan.wanted) || boundary.is_none();
        if enough && !scan.hand_out(boundary, &mut stats, emit)? {
            return Ok(());
        }
        if scan.wanted == 0 {
            break;
        }
    }
    emit(Frame::Done(stats));
    Ok(())
}

/// The greater, the sooner the piece is due.
fn nearness(piece: &Piece, order: Order) -> i64 {
    let (min_ns, max_ns) = piece.bounds();
    match order {
        Order::NewestFirst => max_ns,
        Order::OldestFirst => min_ns.checked_neg().unwrap_or(i64::MAX),
    }
}

/// How rows are taken out of a piece: which match, and which columns of them.
#[derive(Debug)]
pub(crate) enum Reading {
    Spans(SpanReading),
    Logs(LogReading),
}

impl Reading {
    fn new(request: &ScanRequest) -> Self {
        Self::of(request.table, request.range, &request.predicate, request.projection.clone())
    }

    /// Reads rows of the range that match; the time column always comes along.
    pub(crate) fn of(
        table: TableName,
        range: TimeRange,
        predicate: &Predicate,
        projection: Projection,
    ) -> Self {
        let predicate = predicate.clone();
        match table {
            TableName::Spans => Self::Spans(SpanReading::new(range, predicate, projection)),
            TableName::Logs => Self::Logs(LogReading::new(range, predicate, projection)),
        }
    }

    /// The rows of a piece, in the order in which they are stored.
    pub(crate) fn read(&self, piece: &Piece) -> Result<RecordBatch> {
        match (self, piece) {
            (Self::Spans(reading), Piece::Spans(piece)) => reading.read(piece),
            (Self::Logs(reading), Piece::Logs(piece)) => reading.read(piece),
            _ => Err(Error::internal("rows are read as those of another table")),
        }
    }
}

/// Rows that were read and not handed out yet.
#[derive(Debug)]
struct Scan {
    order: Order,
    time_column: &'static str,
    wanted: usize,
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    place_rows: Vec<PendingRow>,
    /// Texts of streams that were met, and their numbers.
    streams: Vec<Arc<str>>,
    stream_numbers: HashMap<Arc<str>, u32>,
    /// The columns that were asked for.
    shown: Projection,
}

#[derive(Debug, Clone, Copy)]
struct PendingRow {
    time_ns: i64,
    /// Number of its stream; 0 for spans.
    stream: u32,
    place: u64,
    row: usize,
    batch: usize,
}

impl Scan {
    fn add(&mut self, place: u64, rows: RecordBatch) -> Result<()> {
        let times: &PrimitiveArray<TimestampNanosecondType> = column(&rows, self.time_column)?;
        let batch = self.pending.len();
        let streams = if self.time_column == TableName::Logs.time_column() {
            let streams: &DictionaryArray<UInt32Type> = column(&rows, "stream")?;
            let texts = dictionary_strings(streams)?;
            let numbers: Vec<u32> =
                (0..texts.len()).map(|key| self.stream_number(texts.value(key))).collect();
            streams.keys().values().iter().map(|key| numbers[*key as usize]).collect()
        } else {
            vec![0; rows.num_rows()]
        };
        self.place_rows.extend(times.values().iter().zip(streams).enumerate().map(
            |(row, (time_ns, stream))| PendingRow { time_ns: *time_ns, stream, place, row, batch },
        ));
        self.pending_rows += rows.num_rows();
        self.pending.push(rows);
        Ok(())
    }

    fn stream_number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.stream_numbers.get(text) {
            return *number;
        }
        let (number, text) = (self.streams.len() as u32, Arc::<str>::from(text));
        self.streams.push(Arc::clone(&text));
        self.stream_numbers.insert(text, number);
        number
    }

    fn sort(&mut self) {
        let streams = &self.streams;
        let text = |row: &PendingRow| streams.get(row.stream as usize);
        let later = |a: &PendingRow, b: &PendingRow| {
            let by_stream =
                || if a.stream == b.stream { Ordering::Equal } else { text(a).cmp(&text(b)) };
            let by_time = a.time_ns.cmp(&b.time_ns).then_with(by_stream);
            by_time.then((a.place, a.row).cmp(&(b.place, b.row)))
        };
        match self.order {
            Order::NewestFirst => self.place_rows.sort_unstable_by(|a, b| later(b, a)),
            Order::OldestFirst => self.place_rows.sort_unstable_by(later),
        }
    }

    /// Hands out the rows that no unread piece can precede: all when there is no `boundary`, else
    /// those strictly nearer than it. Answers false when the receiver wants no more.
    fn hand_out(
        &mut self,
        boundary: Option<i64>,
        stats: &mut ScanStats,
        emit: &mut dyn FnMut(Frame) -> bool,
    ) -> Result<bool> {
        self.sort();
        let is_final = |row: &PendingRow| match (boundary, self.order) {
            (None, _) => true,
            (Some(boundary), Order::NewestFirst) => row.time_ns > boundary,
            (Some(boundary), Order::OldestFirst) => {
                row.time_ns.checked_neg().unwrap_or(i64::MAX) > boundary
            }
        };
        let ready = self.place_rows.partition_point(is_final).min(self.wanted);
        let batches: Vec<&RecordBatch> = self.pending.iter().collect();
        for rows in self.place_rows[..ready].chunks(BATCH_ROWS) {
            let places: Vec<_> = rows.iter().map(|row| (row.batch, row.row)).collect();
            let out = interleave_record_batch(&batches, &places)
                .context(|| "cannot order rows".to_owned())?;
            let out = self.show(out)?;
            stats.rows += out.num_rows() as u64;
            if !emit(Frame::Rows(out)) {
                return Ok(false);
            }
        }
        self.wanted -= ready;
        self.place_rows.drain(..ready);
        self.place_rows.truncate(self.wanted);
        self.pending_rows = self.place_rows.len();
        self.forget_spent_batches();
        Ok(true)
    }

    /// Leaves out what was only read to order rows.
    fn show(&self, rows: RecordBatch) -> Result<RecordBatch> {
        match &self.shown {
            Projection::Columns(names) if !names.contains(&"stream") => {
                let mut names = names.clone();
                names.push(self.time_column);
                project(&rows, &Projection::Columns(names))
            }
            _ => Ok(rows),
        }
    }

    /// Drops batches of which no row is pending, so that memory follows what overlaps.
    fn forget_spent_batches(&mut self) {
        let mut used = vec![false; self.pending.len()];
        self.place_rows.iter().for_each(|row| used[row.batch] = true);
        let mut kept = 0;
        let renumbered: Vec<usize> = used
            .iter()
            .map(|used| {
                kept += usize::from(*used);
                kept.saturating_sub(1)
            })
            .collect();
        let mut position = 0;
        self.pending.retain(|_| {
            position += 1;
            used[position - 1]
        });
        self.place_rows.iter_mut().for_each(|row| row.batch = renumbered[row.batch]);
    }
}

/// The columns of a batch in memory that a projection keeps, in the schema's order.
fn project(batch: &RecordBatch, projection: &Projection) -> Result<RecordBatch> {
    match projection {
        Projection::All => Ok(batch.clone()),
        Projection::Columns(names) => {
            let schema = batch.schema();
            let mut indexes = Vec::with_capacity(names.len());
            for name in names {
                indexes.push(
                    schema
                        .index_of(name)
                        .map_err(|_| Error::invalid(format!("there is no column {name:?}")))?,
                );
            }
            indexes.sort_unstable();
            indexes.dedup();
            batch.project(&indexes).context(|| "cannot project a batch".to_owned())
        }
    }
}
