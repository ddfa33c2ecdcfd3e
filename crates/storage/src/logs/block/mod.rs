//! A block of log records: columns in, bytes out, and back, decoding only what is asked for.
//!
//! Drawn in `docs/formats/logs.md`. In reading order: [`encode()`], [`Block`], [`RowSet`], then a
//! module for each thing that a block is made of. Nothing here reads or writes files.

mod align;
mod alike;
mod attributes;
mod bloom;
mod body;
mod decimals;
mod encode;
mod field;
mod fragments;
mod instants;
mod json;
mod lengths;
mod numbers;
mod phrases;
mod read;
mod row_set;
mod sections;
mod shred;
mod table;
mod template;
mod test;
#[cfg(test)]
mod tests;
mod texts;
mod texts_read;
mod words;
mod words_read;

pub(crate) use self::{
    bloom::{may_have, may_have_fragment},
    encode::{EncodedBlock, encode},
    field::FieldKeys,
    fragments::{Fragment, for_each_fragment},
    read::Block,
    row_set::RowSet,
    sections::BlockSource,
    test::Decision,
};

/// The most rows of a block.
pub(crate) const ROWS_MAX: usize = 8192;
