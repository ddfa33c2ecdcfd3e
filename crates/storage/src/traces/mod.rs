//! The store of spans: tables of columns in memory, and the reading of spans and of whole traces.
//!
//! In reading order: [`memory`], then [`piece`] (whatever is read as a whole), what is asked of
//! pieces: spans one by one ([`mod@read`]), whole traces ([`mod@whole`]) and names ([`names`]). What
//! is here knows neither the write-ahead log nor tenants.

mod arrow;
mod assemble;
pub mod bench;
pub(crate) mod block;
mod calls;
mod column;
mod fields;
mod list;
mod lookup;
mod memory;
mod merge;
mod names;
mod need;
mod part;
mod piece;
mod read;
mod resent;
#[cfg(test)]
mod specimen;
mod table;
mod test;
mod value;
mod whole;
mod write;

pub(crate) use arrow::SpanReading;
#[cfg(test)]
pub(crate) use column::value_at;
pub(crate) use list::{list, trace};
pub(crate) use memory::SpanMemory;
pub(crate) use merge::merge;
pub(crate) use names::{operations, service_calls, span_keys};
pub(crate) use part::{SpanCache, SpanPart};
pub(crate) use piece::{Piece, Snapshot};
pub(crate) use read::read;
pub(crate) use resent::ResentSpans;
#[cfg(test)]
pub(crate) use specimen::specimen;
pub(crate) use write::{order_by_day, write_part};
