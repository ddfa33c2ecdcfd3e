//! Spans as Arrow batches, for questions on the table as a whole.

use std::collections::BTreeSet;

use arrow_array::RecordBatch;
use watchkeep_model::{Result, TimeRange};

use super::piece::{Loaded, Piece};
use crate::records::filter::{columns_read, evaluate};
use crate::schema::{ATTRIBUTE_KINDS, to_record_batch_of};
use crate::seam::{Predicate, Projection};

/// How rows are taken out of a piece: which, and which columns of them.
#[derive(Debug)]
pub(crate) struct SpanReading {
    range: TimeRange,
    predicate: Predicate,
    /// Columns that the predicate looks at.
    looked_at: BTreeSet<&'static str>,
    projection: Projection,
}

impl SpanReading {
    /// Rows that start in a range and match. Column `start_ns` always comes along.
    pub(crate) fn new(range: TimeRange, predicate: Predicate, mut projection: Projection) -> Self {
        if let Projection::Columns(names) = &mut projection {
            names.push("start_ns");
        }
        let mut looked_at = BTreeSet::new();
        columns_read(&predicate, &mut looked_at);
        Self { range, predicate, looked_at, projection }
    }

    /// The rows of a piece that match, in the order in which they are stored. Columns that only the
    /// predicate looks at are read first, the others only of rows that match.
    pub(crate) fn read(&self, piece: &Piece) -> Result<RecordBatch> {
        let kept = |name: &str| match &self.projection {
            Projection::All => true,
            Projection::Columns(names) => names.contains(&name),
        };
        let loaded = piece.load()?;
        let rows: Vec<u32> =
            loaded.starting_in(self.range, piece.bounds())?.iter().map(|row| row as u32).collect();
        let rows = self.matching(&loaded, rows)?;
        let wanted = |name: &str| kept(name) || name == "attributes" && kept(ATTRIBUTE_KINDS);
        to_record_batch_of(loaded.columns(&rows, &wanted)?, &kept)
    }

    fn matching(&self, loaded: &Loaded, rows: Vec<u32>) -> Result<Vec<u32>> {
        if self.predicate == Predicate::ALL || rows.is_empty() {
            return Ok(rows);
        }
        // A batch without columns would not know its number of rows.
        let wanted = |name: &str| name == "start_ns" || self.looked_at.contains(name);
        let batch = to_record_batch_of(loaded.columns(&rows, &wanted)?, &|name: &str| {
            wanted(name) || name == ATTRIBUTE_KINDS && wanted("attributes")
        })?;
        let hits = evaluate(&self.predicate, &batch)?;
        let hits = rows.into_iter().zip(hits.values()).filter(|(_, hit)| *hit);
        Ok(hits.map(|(row, _)| row).collect())
    }
}
