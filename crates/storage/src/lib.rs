//! Durable bytes: the seam that query engines and the ingest pipeline know, and the engines
//! behind it.
//!
//! In reading order: [`seam`] (what every engine offers), [`schema`] (tables as Arrow), then the
//! embedded engine's parts.
//!
//! # Invariants
//! - No query language, HTTP type or SQL text crosses the seam.
//! - Every call carries a tenant.
//! - `append` returns only after the batch is durable.
//! - Every byte on disk is versioned, checksummed and drawn in `docs/formats/`.

mod answers;
mod block;
mod cache_figures;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod directory;
pub mod embedded;
mod gather;
mod live;
pub mod logs;
pub mod memory;
pub mod metrics;
mod part_file;
mod recent;
mod records;
pub mod schema;
pub mod seam;
pub mod traces;
mod unpack;
mod wal;

pub use seam::{Append, AppendAck, Batch, Store};
