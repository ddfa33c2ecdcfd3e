//! The store of metrics: a head in memory, immutable parts on disk, and queries over both. The
//! engine owns one [`Head`] per tenant, freezes it, has it written as a [`Part`], merges parts, and
//! takes a [`View`] to answer questions. Nothing here knows the write-ahead log, where directories
//! are or which parts belong together.
//!
//! # Invariants
//! - A value comes back with the bits that it had.
//! - Of two samples of one kind at one millisecond of a series, the later appended is the one seen.
//! - Sources and samples are walked series by series: no query and no merge holds a whole part.

#[doc(hidden)]
pub mod bench;
mod cardinality;
mod chunk;
pub(crate) mod column;
mod data;
mod gather;
mod head;
mod index;
mod mask;
mod memory;
mod merge;
mod part;
mod select;
#[cfg(test)]
mod tests;
mod values;
mod view;

pub(crate) use self::{
    head::{Frozen, Head, Placed, Refused},
    mask::{Erasure, Horizon, Mask},
    merge::{MaskedPart, merge_parts},
    part::{FrameCache, Part, PartFigures},
    view::View,
};
