//! Log records in memory.

use watchkeep_model::column::Table;
use watchkeep_model::{LogColumns, Result};

use crate::gather::{every, gather};
use crate::live::{Live, Sealed};

/// Rows that do not change any more.
#[derive(Debug)]
pub(crate) struct LogBatch {
    pub(crate) rows: LogColumns,
    pub(crate) min_ns: i64,
    pub(crate) max_ns: i64,
    bytes: usize,
}

impl Sealed for LogBatch {
    type Rows = LogColumns;

    fn new(rows: LogColumns) -> Self {
        let min_ns = rows.time_ns.iter().copied().min().unwrap_or_default();
        let max_ns = rows.time_ns.iter().copied().max().unwrap_or_default();
        let bytes = rows.byte_len();
        Self { rows, min_ns, max_ns, bytes }
    }

    fn rows(&self) -> &LogColumns {
        &self.rows
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Live<LogBatch> {
    /// Takes the rows out that `erased` marks in a table of them.
    pub(crate) fn erase(&mut self, erased: impl Fn(&LogColumns) -> Vec<bool>) -> Result<()> {
        for batch in self.take() {
            let erased = erased(&batch.rows).into_iter().enumerate();
            let kept = erased.filter(|(_, erased)| !erased).map(|(row, _)| (0, row as u32));
            self.append(gather(&[&batch.rows], &kept.collect::<Vec<_>>(), &every)?);
        }
        Ok(())
    }
}
