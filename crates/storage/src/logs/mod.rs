//! The store of logs: records by stream, in memory as columns and on disk in parts made of blocks.
//!
//! In reading order: [`memory`], [`block`], [`part`], then [`piece`] (either of them, as it is read)
//! and what is asked of pieces: records in order ([`mod@read`]), counted ([`mod@count`]), and streams
//! ([`mod@streams`]). What is here knows neither the write-ahead log nor tenants.

pub mod bench;
pub(crate) mod block;
mod columns;
mod count;
mod groups;
mod memory;
mod merge;
mod need;
mod part;
mod piece;
mod read;
mod select;
mod streams;
mod truth;
mod write;

pub(crate) use columns::LogReading;
pub(crate) use count::count;
pub(crate) use memory::LogBatch;
pub(crate) use merge::{LogHorizon, MergeInput, merge};
pub(crate) use part::LogPart;
pub(crate) use piece::{Piece, Snapshot};
pub(crate) use read::read;
pub(crate) use select::Erasure;
pub(crate) use streams::streams;
pub(crate) use write::{order_by_day, write_part};
