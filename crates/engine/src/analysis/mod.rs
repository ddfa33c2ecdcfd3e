//! What a trace says beyond its spans: where its time went, where its errors came from, and how two
//! traces differ. Pure: from spans to figures.
//!
//! In reading order: [`tree`] (who called whom), [`mod@critical_path`], [`trace`] (all about one trace),
//! [`mod@difference`] (two traces).

pub mod critical_path;
pub mod difference;
pub mod trace;
pub mod tree;

#[cfg(test)]
mod tests;

pub use critical_path::{Segment, critical_path};
pub use difference::{DifferenceNode, NodeFigures, difference};
pub use trace::{ErrorPath, ServiceFigures, TraceAnalysis, analyse};
pub use tree::TraceTree;
