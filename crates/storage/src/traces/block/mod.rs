//! A block of spans: columns in, bytes out, and back, decoding only what is asked for.
//!
//! Drawn in `docs/formats/spans.md`. In reading order: [`encode()`], [`SpanBlock`], then a module for
//! each thing that only blocks of spans have; the others are in [`crate::block`].

mod attribute;
mod children;
mod column;
mod encode;
mod figures;
mod json;
mod parents;
mod read;
mod test;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    encode::{EncodedBlock, encode},
    figures::BlockFigures,
    parents::NO_ROW,
    read::SpanBlock,
};
use crate::block::sections::Magic;

const MAGIC: Magic = *b"WKSPAN01";
/// The most rows of a block.
pub(crate) const ROWS_MAX: usize = 8192;
