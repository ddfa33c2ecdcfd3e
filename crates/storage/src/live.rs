//! Rows that are not in a part yet: an open table that small batches are appended to, and tables
//! that do not change any more, into which the open one is sealed.

use std::sync::Arc;

use watchkeep_model::column::Table;

/// An open table of this many bytes is sealed without waiting for a query.
const SEAL_BYTES: usize = 4 << 20;
/// A batch of this many bytes becomes a table of its own: copying it would cost more than having
/// one more table.
const KEEP_BYTES: usize = 128 << 10;

/// A table that does not change any more.
pub(crate) trait Sealed {
    /// Its rows.
    type Rows: Table + Clone;
    /// Wraps a table that has at least one row.
    fn new(rows: Self::Rows) -> Self;
    /// Its rows.
    fn rows(&self) -> &Self::Rows;
    /// Bytes of its rows, about.
    fn bytes(&self) -> usize;
}

/// Rows that are not in a part yet.
#[derive(Debug)]
pub(crate) struct Live<S: Sealed> {
    open: S::Rows,
    sealed: Vec<Arc<S>>,
    sealed_bytes: usize,
    sealed_rows: usize,
}

impl<S: Sealed> Default for Live<S> {
    fn default() -> Self {
        let open = S::Rows::default();
        Self { open, sealed: Vec::new(), sealed_bytes: 0, sealed_rows: 0 }
    }
}

impl<S: Sealed> Live<S> {
    /// Appends rows.
    pub(crate) fn append(&mut self, rows: S::Rows) {
        if rows.byte_len() >= KEEP_BYTES {
            self.seal();
            self.keep(rows);
            return;
        }
        self.open.extend_from(&rows);
        if self.open.byte_len() >= SEAL_BYTES {
            self.seal();
            // Rows come fast: what comes next is of the same make.
            if let Some(last) = self.sealed.last() {
                self.open.reserve_for(last.rows());
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
    pub(crate) fn batches(&mut self) -> Vec<Arc<S>> {
        self.seal();
        self.sealed.clone()
    }

    /// Takes everything out.
    pub(crate) fn take(&mut self) -> Vec<Arc<S>> {
        self.seal();
        self.open = S::Rows::default();
        (self.sealed_bytes, self.sealed_rows) = (0, 0);
        std::mem::take(&mut self.sealed)
    }

    /// Seals the open table. Each query does, so under a trickle of rows there would be many small
    /// tables: one is joined to that before it while that is not much larger, so n rows are copied
    /// at most log(n) times.
    fn seal(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let open = std::mem::take(&mut self.open);
        let mut bytes = open.byte_len();
        let mut joined = Vec::new();
        while let Some(last) =
            self.sealed.pop_if(|last| last.bytes() <= 2 * bytes && bytes < SEAL_BYTES)
        {
            bytes += last.bytes();
            self.sealed_bytes -= last.bytes();
            self.sealed_rows -= last.rows().len();
            joined.push(last);
        }
        let rows = match joined.pop() {
            None => open,
            Some(first) => {
                let mut rows = first.rows().clone();
                joined.iter().rev().for_each(|batch| rows.extend_from(batch.rows()));
                rows.extend_from(&open);
                rows
            }
        };
        self.keep(rows);
    }

    /// Takes a table that does not change any more.
    fn keep(&mut self, mut rows: S::Rows) {
        rows.shrink_to_fit();
        self.sealed_rows += rows.len();
        let sealed = S::new(rows);
        self.sealed_bytes += sealed.bytes();
        self.sealed.push(Arc::new(sealed));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use watchkeep_model::{Level, LogColumns};

    use super::*;
    use crate::conformance::logs;
    use crate::logs::LogBatch;

    /// So many rows, numbered from a number on.
    fn numbered(from: i64, rows: i64) -> LogColumns {
        let row = |at| (at, Level::Info, "a", "a line of the log that takes some room in memory");
        logs(&(from..from + rows).map(row).collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn rows_stay_in_the_order_in_which_they_came(
            batches in prop::collection::vec((1_i64..3000, any::<bool>()), 1..12),
        ) {
            let mut live = Live::<LogBatch>::default();
            let mut rows = 0;
            for (count, is_asked) in batches {
                live.append(numbered(rows, count));
                rows += count;
                prop_assert_eq!(live.rows() as i64, rows);
                if is_asked {
                    let held: usize = live.batches().iter().map(|batch| batch.bytes()).sum();
                    prop_assert_eq!(live.byte_len(), held);
                }
            }
            let taken = live.take();
            let times = taken.iter().flat_map(|batch| batch.rows().time_ns.clone());
            prop_assert!(times.eq(0..rows));
            prop_assert_eq!((live.rows(), live.byte_len()), (0, 0));
        }
    }

    #[test]
    fn a_large_batch_is_kept_as_it_is_and_small_ones_are_joined() {
        let mut live = Live::<LogBatch>::default();
        live.append(numbered(0, 10_000));
        for row in 0..100 {
            live.append(numbered(10_000 + row, 1));
            assert!(live.batches().len() < 10);
        }
        assert_eq!(live.batches()[0].rows().len(), 10_000);
    }
}
