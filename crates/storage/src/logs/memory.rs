//! Log records in memory: an open table that batches are appended to, and the tables that it was
//! sealed into.

use std::sync::Arc;

use watchkeep_model::column::Table;
use watchkeep_model::{LogColumns, Result};

use crate::gather::{every, gather};

/// An open table of this many bytes is sealed without waiting for a query.
const SEAL_BYTES: usize = 4 << 20;

/// Rows that do not change any more.
#[derive(Debug)]
pub(crate) struct LogBatch {
    pub(crate) rows: LogColumns,
    pub(crate) min_ns: i64,
    pub(crate) max_ns: i64,
    bytes: usize,
}

impl LogBatch {
    /// Wraps a table that has at least one row.
    fn new(rows: LogColumns) -> Self {
        let min_ns = rows.time_ns.iter().copied().min().unwrap_or_default();
        let max_ns = rows.time_ns.iter().copied().max().unwrap_or_default();
        let bytes = rows.byte_len();
        Self { rows, min_ns, max_ns, bytes }
    }
}

/// Rows that are not in a part yet.
#[derive(Debug, Default)]
pub(crate) struct MemoryLogs {
    open: LogColumns,
    sealed: Vec<Arc<LogBatch>>,
    sealed_bytes: usize,
    sealed_rows: usize,
}

impl MemoryLogs {
    /// Appends rows.
    pub(crate) fn append(&mut self, rows: &LogColumns) {
        self.open.extend_from(rows);
        if self.open.byte_len() >= SEAL_BYTES {
            self.seal();
            // Rows come fast: what comes next is of the same make.
            if let Some(last) = self.sealed.last() {
                self.open.reserve_for(&last.rows);
            }
        }
    }

    /// Rows held.
    pub(crate) fn rows(&self) -> usize {
        self.sealed_rows + self.open.len()
    }

    /// Bytes held, about.
    pub(crate) fn byte_len(&self) -> usize {
        self.sealed_bytes + if self.open.is_empty() { 0 } else { self.open.byte_len() }
    }

    /// Everything, in the order in which it was appended.
    pub(crate) fn batches(&mut self) -> Vec<Arc<LogBatch>> {
        self.seal();
        self.sealed.clone()
    }

    /// Takes everything out.
    pub(crate) fn take(&mut self) -> Vec<Arc<LogBatch>> {
        self.seal();
        self.open = LogColumns::default();
        (self.sealed_bytes, self.sealed_rows) = (0, 0);
        std::mem::take(&mut self.sealed)
    }

    /// Takes the rows out that `erased` marks in a table of them.
    pub(crate) fn erase(&mut self, erased: impl Fn(&LogColumns) -> Vec<bool>) -> Result<()> {
        for batch in self.take() {
            let erased = erased(&batch.rows).into_iter().enumerate();
            let kept = erased.filter(|(_, erased)| !erased).map(|(row, _)| (0, row as u32));
            self.append(&gather(&[&batch.rows], &kept.collect::<Vec<_>>(), &every)?);
        }
        Ok(())
    }

    /// Seals the open table. Each query does, so under a trickle of rows there would be many small
    /// tables: one is joined to that before it while that is not much larger, so n rows are copied
    /// at most log(n) times.
    fn seal(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let mut open = std::mem::take(&mut self.open);
        open.shrink_to_fit();
        let mut bytes = open.byte_len();
        self.sealed_bytes += bytes;
        self.sealed_rows += open.len();
        let mut joined = Vec::new();
        while let Some(last) =
            self.sealed.pop_if(|last| last.bytes <= 2 * bytes && bytes < SEAL_BYTES)
        {
            bytes += last.bytes;
            joined.push(last);
        }
        let rows = match joined.pop() {
            None => open,
            Some(first) => {
                let mut rows = first.rows.clone();
                joined.iter().rev().for_each(|batch| rows.extend_from(&batch.rows));
                rows.extend_from(&open);
                rows
            }
        };
        self.sealed.push(Arc::new(LogBatch::new(rows)));
    }
}
