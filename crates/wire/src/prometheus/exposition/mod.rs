//! The formats in which programs expose their metrics: Prometheus text, OpenMetrics text, and
//! protobuf.
//!
//! In reading order: [`Parser`] walks an exposition and yields each statement as an [`Entry`] that
//! borrows from it; `content_type` chooses the format; [`decode_exposition`] makes columns of a pushed
//! exposition; [`escape`] has the schemes that carry UTF-8 names to clients that know none;
//! [`write`] is the way back.
//!
//! # Invariants
//! - A sample allocates nothing until its labels are asked for. A reader that knows the series
//!   already, by [`Sample::key`], never asks.
//! - The first error ends an exposition: the samples before it have been seen, and it is the
//!   reader's part to take them back.

mod content_type;
mod cursor;
mod entry;
pub mod escape;
mod import;
mod nhcb;
mod number;
mod openmetrics;
mod parser;
mod protobuf;
mod protobuf_message;
#[cfg(test)]
mod tests;
mod text;
mod text_series;
pub mod write;

pub use content_type::{Format, Negotiated, negotiate};
pub use cursor::ParseError;
pub use entry::{Entry, Exemplar, LabelPairs, Sample, SampleValue};
pub use import::decode_exposition;
pub use parser::{Options, Parser};

use parser::Step;
