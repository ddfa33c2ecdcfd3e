//! Tables of records: spans as parts in Parquet and batches in memory, and the reading of both and
//! of log records as tables. What is here knows neither the write-ahead log nor tenants.

mod aggregate;
pub(crate) mod filter;
pub(crate) mod memtable;
pub(crate) mod part;
pub(crate) mod piece;
mod scan;
pub(crate) mod summary;
mod traces;

pub(crate) use aggregate::aggregate;
pub(crate) use memtable::MemTable;
pub(crate) use piece::{Snapshot, TableSnapshot};
pub(crate) use scan::scan;
pub(crate) use traces::{trace, traces};
