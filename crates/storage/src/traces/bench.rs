//! A way in for the benches, which see only what is public. Nothing else may use it.

use std::path::Path;
use std::sync::Arc;

use watchkeep_model::{
    FieldColumn, Result, SpanColumns, SpanCursor, SpanField, SpanTest, SpansRequest, TimeRange,
    TraceId,
};

use super::block::SpanBlock;
use super::list::{list, trace};
use super::memory::SpanMemory;
use super::part::{BlockEntry, SpanCache, SpanPart};
use super::piece::Snapshot;
use super::read::read;
use super::write::{order_by_day, write_part};
use crate::block::{Need, RowSet};
use crate::live::Sealed as _;
use crate::seam::{Frame, TraceFilter, TraceSummary, TracesRequest};

/// Spans in memory that are to be written.
#[derive(Debug)]
pub struct Batches(Vec<Arc<SpanMemory>>);

impl Batches {
    /// Takes them; each table has at least one row.
    pub fn new(tables: Vec<SpanColumns>) -> Self {
        Self(tables.into_iter().map(|rows| Arc::new(SpanMemory::new(rows))).collect())
    }

    /// Writes them as one part into an existing, empty directory.
    pub fn write(&self, directory: &Path) -> Result<Part> {
        let mut days = order_by_day(&self.0, i64::MAX);
        let rows = days.pop().unwrap_or_default();
        let figures = write_part(1, directory, &self.0, &rows)?;
        Ok(Part(Arc::new(SpanPart::new(
            1,
            directory.to_owned(),
            figures,
            &SpanCache::new("spans", 0),
        ))))
    }
}

/// A part at rest.
#[derive(Debug)]
pub struct Part(Arc<SpanPart>);

impl Part {
    /// Spans and bytes of all files.
    pub fn sizes(&self) -> (u64, u64) {
        (self.0.figures.rows, self.0.figures.bytes)
    }

    fn for_each(
        &self,
        test: &SpanTest,
        mut see: impl FnMut(&SpanBlock, &RowSet) -> Result<()>,
    ) -> Result<()> {
        let need = Need::of_span(test);
        for entry in self.0.blocks()? {
            if self.0.may_hold(entry, &need)? {
                let block = self.0.block(entry)?;
                let decision = block.test(test, &RowSet::all(block.len()))?;
                let mut rows = decision.yes;
                rows.add(&decision.unknown);
                see(&block, &rows)?;
            }
        }
        Ok(())
    }

    /// How many blocks may have a span of which the test is not false, and how many such spans.
    pub fn count(&self, test: &SpanTest) -> Result<(usize, usize)> {
        let (mut blocks, mut spans) = (0, 0);
        self.for_each(test, |_, rows| {
            blocks += 1;
            spans += rows.count();
            Ok(())
        })?;
        Ok((blocks, spans))
    }

    /// A field of the spans of which the test is not false, block by block.
    pub fn columns(&self, test: &SpanTest, field: &SpanField) -> Result<Vec<FieldColumn>> {
        let mut columns = Vec::new();
        self.for_each(test, |block, rows| {
            let which: Vec<u32> = rows.iter().map(|row| row as u32).collect();
            let all = which.len() == block.len();
            columns.push(block.column(field, if all { None } else { Some(&which) })?);
            Ok(())
        })?;
        Ok(columns)
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot { parts: vec![Arc::clone(&self.0)], memory: Vec::new() }
    }

    /// What the store answers of spans.
    pub fn spans(&self, request: SpansRequest) -> Result<SpanCursor> {
        read(self.snapshot(), request)
    }

    /// How many spans a trace has.
    pub fn trace(&self, id: TraceId) -> Result<usize> {
        let mut rows = 0;
        trace(self.snapshot(), id, &mut |frame| {
            if let Frame::Rows(batch) = frame {
                rows += batch.num_rows();
            }
            true
        })?;
        Ok(rows)
    }

    /// The newest traces.
    pub fn list(&self, limit: usize) -> Result<Vec<TraceSummary>> {
        let filter =
            TraceFilter { any_span: SpanTest::ALL, duration_ns_min: None, duration_ns_max: None };
        let range = TimeRange::ALL;
        list(self.snapshot(), &TracesRequest { range, filter, limit, after: None })
    }

    /// The rows of the last block.
    pub fn last_block(&self) -> Result<SpanColumns> {
        let Some(entry) = self.0.blocks()?.last() else { return Ok(SpanColumns::default()) };
        self.rows(entry)
    }

    fn rows(&self, entry: &BlockEntry) -> Result<SpanColumns> {
        let block = self.0.block(entry)?;
        block.take(&(0..block.len() as u32).collect::<Vec<_>>())
    }
}
