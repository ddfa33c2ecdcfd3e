//! Tables of records, spans and logs, read as Arrow batches. What is here knows neither the
//! write-ahead log nor tenants.

mod aggregate;
pub(crate) mod filter;
pub(crate) mod piece;
mod scan;

pub(crate) use aggregate::aggregate;
pub(crate) use piece::TableSnapshot;
pub(crate) use scan::scan;
