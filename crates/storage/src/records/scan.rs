//! Rows in order of time over pieces that may overlap.
//!
//! Pieces are taken by their nearer bound (the latest instant for newest first). Before a piece
//! is read, every row read so far that lies beyond that bound is final and is handed out. So
//! memory holds only pieces that overlap, and a limit stops the reading.

use arrow_array::types::TimestampNanosecondType;
use arrow_array::{BooleanArray, PrimitiveArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use arrow_select::interleave::interleave_record_batch;
use watchkeep_model::error::IoContext;
use watchkeep_model::{Result, TimeRange};

use super::filter::evaluate;
use super::part::project;
use super::piece::{Piece, Snapshot};
use crate::schema::column;
use crate::seam::{
    CompareOp, Field, Frame, Literal, Order, Predicate, Projection, ScanRequest, ScanStats,
    TableName,
};

/// Rows handed out at once.
const BATCH_ROWS: usize = 8192;

/// Runs a scan, giving each frame to `emit` until that answers false.
pub(crate) fn scan(
    snapshot: &Snapshot,
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
    };
    let reading = Reading::new(request);
    let mut stats = ScanStats { parts_skipped, ..ScanStats::default() };
    let mut opened: Option<*const super::part::RecordPart> = None;
    while let Some((place, piece)) = pieces.pop() {
        if let Piece::RowGroup { part, .. } = &piece {
            let this = std::sync::Arc::as_ptr(part);
            stats.parts_opened += u64::from(opened.replace(this) != Some(this));
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
pub(crate) struct Reading {
    predicate: Predicate,
    projection: Projection,
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
        mut projection: Projection,
    ) -> Self {
        if let Projection::Columns(names) = &mut projection
            && !names.contains(&table.time_column())
        {
            names.push(table.time_column());
        }
        let mut all = Vec::new();
        let time = |op, value| Predicate::Compare {
            field: Field::Column(table.time_column()),
            op,
            value: Literal::Int(value),
        };
        if range.start_ns > i64::MIN {
            all.push(time(CompareOp::Ge, range.start_ns));
        }
        if range.end_ns < i64::MAX {
            all.push(time(CompareOp::Lt, range.end_ns));
        }
        match predicate {
            Predicate::And(inner) => all.extend(inner.iter().cloned()),
            other => all.push(other.clone()),
        }
        Self { predicate: Predicate::And(all), projection }
    }

    /// The rows of a piece, in the order in which they are stored.
    pub(crate) fn read(&self, piece: &Piece) -> Result<RecordBatch> {
        match piece {
            Piece::RowGroup { part, group, .. } => {
                part.read(*group, &self.projection, &self.predicate)
            }
            Piece::Memory(batch) => {
                let projected = project(&batch.rows, &self.projection)?;
                if self.predicate == Predicate::ALL {
                    return Ok(projected);
                }
                let hits: BooleanArray = evaluate(&self.predicate, &batch.rows)?;
                filter_record_batch(&projected, &hits)
                    .context(|| "cannot filter a batch".to_owned())
            }
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
    /// For each pending row: time, place of its piece, place in its batch, and the batch.
    place_rows: Vec<PendingRow>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct PendingRow {
    time_ns: i64,
    place: u64,
    row: usize,
    batch: usize,
}

impl Scan {
    fn add(&mut self, place: u64, rows: RecordBatch) -> Result<()> {
        let times: &PrimitiveArray<TimestampNanosecondType> = column(&rows, self.time_column)?;
        let batch = self.pending.len();
        self.place_rows.extend(
            times.values().iter().enumerate().map(|(row, time_ns)| PendingRow {
                time_ns: *time_ns,
                place,
                row,
                batch,
            }),
        );
        self.pending_rows += rows.num_rows();
        self.pending.push(rows);
        Ok(())
    }

    /// Hands out the rows that no unread piece can precede: all when there is no `boundary`, else
    /// those strictly nearer than it. Answers false when the receiver wants no more.
    fn hand_out(
        &mut self,
        boundary: Option<i64>,
        stats: &mut ScanStats,
        emit: &mut dyn FnMut(Frame) -> bool,
    ) -> Result<bool> {
        match self.order {
            Order::NewestFirst => self.place_rows.sort_unstable_by(|a, b| b.cmp(a)),
            Order::OldestFirst => self.place_rows.sort_unstable(),
        }
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
