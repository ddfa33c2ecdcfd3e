//! Blocks of columns: what those of logs and those of spans are made of. Columns in, bytes out, and
//! back, decoding only what is asked for. Nothing here reads or writes files.
//!
//! In reading order: [`sections`] (the frame), [`numbers`], [`texts`] and [`words`] (whose
//! [`codes`] are packed apart), [`shred`] and
//! [`attributes`] (rows of unlike make), [`table`] (whole columns), [`bloom`] and [`need`] (what need
//! not be read), [`RowSet`] and [`Decision`] (what is known of rows), [`BlockCache`].

pub(crate) mod attributes;
pub(crate) mod bloom;
mod cache;
mod codes;
pub(crate) mod decimals;
mod decision;
pub(crate) mod fragments;
pub(crate) mod instants;
mod need;
pub(crate) mod numbers;
mod phrases;
mod row_set;
pub(crate) mod sections;
pub(crate) mod shred;
pub(crate) mod table;
mod template;
pub(crate) mod texts;
pub(crate) mod texts_column;
pub(crate) mod texts_read;
mod words;
mod words_dictionary;
mod words_find;
mod words_read;

pub(crate) use self::{
    cache::{BlockCache, CachedBlock, Meter},
    decision::Decision,
    need::{BlockWords, Need},
    row_set::RowSet,
    sections::BlockSource,
};
