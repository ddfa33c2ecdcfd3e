//! Rows in memory: an open table that batches are appended to, and the Arrow batches that it was
//! sealed into.

use std::sync::Arc;

use arrow_select::concat::concat_batches;
use watchkeep_model::Result;
use watchkeep_model::column::Table;
use watchkeep_model::error::IoContext;

use super::piece::MemoryBatch;
use crate::schema::{schema_of, to_record_batch};
use crate::seam::TableName;

/// An open table of this many bytes is sealed without waiting for a query.
const SEAL_BYTES: usize = 4 << 20;

/// Rows that are not in a part yet.
#[derive(Debug)]
pub(crate) struct MemTable<T: Table> {
    name: TableName,
    open: T,
    sealed: Vec<Arc<MemoryBatch>>,
    sealed_bytes: usize,
    sealed_rows: usize,
}

impl<T: Table> MemTable<T> {
    /// An empty table.
    pub(crate) fn new(name: TableName) -> Self {
        Self { name, open: T::default(), sealed: Vec::new(), sealed_bytes: 0, sealed_rows: 0 }
    }

    /// Appends rows.
    pub(crate) fn append(&mut self, rows: &T) -> Result<()> {
        self.open.extend_from(rows);
        if self.open.byte_len() >= SEAL_BYTES { self.seal() } else { Ok(()) }
    }

    /// Rows held.
    pub(crate) fn rows(&self) -> usize {
        self.sealed_rows + self.open.len()
    }

    /// Bytes held, about.
    pub(crate) fn byte_len(&self) -> usize {
        self.sealed_bytes + if self.open.is_empty() { 0 } else { self.open.byte_len() }
    }

    /// Everything as Arrow batches, in the order in which it was appended.
    pub(crate) fn batches(&mut self) -> Result<Vec<Arc<MemoryBatch>>> {
        self.seal()?;
        Ok(self.sealed.clone())
    }

    /// Takes everything out.
    pub(crate) fn take(&mut self) -> Result<Vec<Arc<MemoryBatch>>> {
        self.seal()?;
        (self.sealed_bytes, self.sealed_rows) = (0, 0);
        Ok(std::mem::take(&mut self.sealed))
    }

    /// Turns the open table into an Arrow batch. Each query seals, so under a trickle of rows
    /// there would be many small batches: a batch is joined to the one before while that is not
    /// much larger, so n rows are copied at most log(n) times.
    fn seal(&mut self) -> Result<()> {
        if self.open.is_empty() {
            return Ok(());
        }
        let open = std::mem::take(&mut self.open);
        let mut bytes = open.byte_len();
        self.sealed_bytes += bytes;
        self.sealed_rows += open.len();
        let mut joined = vec![to_record_batch(open)?];
        while let Some(last) =
            self.sealed.pop_if(|last| last.byte_len <= 2 * bytes && bytes < SEAL_BYTES)
        {
            bytes += last.byte_len;
            joined.insert(0, last.rows.clone());
        }
        let rows = match joined.as_slice() {
            [one] => one.clone(),
            several => concat_batches(&schema_of::<T>(), several)
                .context(|| "cannot join batches in memory".to_owned())?,
        };
        self.sealed.push(Arc::new(MemoryBatch::new(self.name, rows, bytes)?));
        Ok(())
    }
}
