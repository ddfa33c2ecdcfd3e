//! A block of log records.
//!
//! Drawn in `docs/formats/logs.md`. In reading order: [`encode()`], [`Block`], then a module for each
//! thing that only blocks of logs have; the others are in [`crate::block`].

mod align;
mod alike;
mod body;
mod encode;
mod field;
mod json;
mod lengths;
mod read;
mod streams;
mod test;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    encode::{EncodedBlock, encode},
    field::FieldKeys,
    read::Block,
};
use crate::block::sections::Magic;

const MAGIC: Magic = *b"WKLOGS01";
/// The most rows of a block.
pub(crate) const ROWS_MAX: usize = 8192;
