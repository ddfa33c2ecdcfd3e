//! Spans as columns, as a cursor is advanced.

use watchkeep_model::{Result, SpanBatch, SpanCursor, SpanRows, SpanTest, SpansRequest};

use super::piece::{Piece, Snapshot};
use super::whole;
use crate::block::Need;

/// Reads spans as the cursor is advanced.
pub(crate) fn read(snapshot: Snapshot, request: SpansRequest) -> Result<SpanCursor> {
    if request.range.is_empty() {
        return Ok(Box::new(std::iter::empty()));
    }
    match request.rows.clone() {
        SpanRows::Spans(test) => Ok(Box::new(Reader::new(&snapshot, request, test)?)),
        SpanRows::Traces(test) => whole::read(snapshot, request, &test),
    }
}

/// Reads spans one by one, piece by piece, the newest piece first.
struct Reader {
    request: SpansRequest,
    test: SpanTest,
    need: Need,
    /// The newest is last.
    pieces: Vec<Piece>,
}

impl Reader {
    fn new(snapshot: &Snapshot, request: SpansRequest, test: SpanTest) -> Result<Self> {
        let (pieces, _) = snapshot.starting_in(request.range)?;
        let mut pieces: Vec<Piece> = pieces.into_iter().map(|(_, piece)| piece).collect();
        pieces.sort_by_key(|piece| piece.bounds().max);
        Ok(Self { request, need: Need::of_span(&test), test, pieces })
    }

    fn read(&self, piece: &Piece) -> Result<SpanBatch> {
        if !piece.may_hold(&self.need)? {
            return Ok(SpanBatch::default());
        }
        let loaded = piece.load()?;
        let mut found = loaded.starting_in(self.request.range, piece.bounds())?;
        if !self.test.is_all() && !found.is_empty() {
            let decision = loaded.test(&self.test, &found)?;
            found = decision.yes;
            found.add(&decision.unknown);
        }
        let rows: Vec<u32> = found.iter().map(|row| row as u32).collect();
        if rows.is_empty() {
            return Ok(SpanBatch::default());
        }
        let columns = self.request.fields.iter().map(|field| loaded.column(field, &rows));
        let columns = columns.collect::<Result<_>>()?;
        Ok(SpanBatch { rows: rows.len(), traces: Vec::new(), columns })
    }
}

impl Iterator for Reader {
    type Item = Result<SpanBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(piece) = self.pieces.pop() {
            let read = self.read(&piece);
            if read.is_err() {
                self.pieces.clear();
            }
            if read.as_ref().map_or(true, |batch| batch.rows > 0) {
                return Some(read);
            }
        }
        None
    }
}
