//! The evaluator: traces with the spans that match, and numbers over time, of any source of spans.
//!
//! In reading order: [`expr`] is the value of an expression on the spans of a batch; [`structure`]
//! how spans stand to each other; [`spanset`] are pipelines on the spans of a trace, [`scalar`] the
//! numbers in them; [`search`] looks through a source and tells what was found, of which [`shown`]
//! says what of each span; [`metric`] reckons numbers over time.
//!
//! Answers are those of Tempo 3.0 but for what follows from how Tempo reads its blocks:
//! - `{ !(span.a = 1) }` finds spans where `a` is not 1. Tempo reads only those where it is, and finds
//!   none.
//! - `&>>` and `&<<` give every span that stands so to one of the other side. Tempo loses some where
//!   the left side has a span that matches nothing.
//! - `span.a > 1.5` finds whole numbers too, and `span.a != "x"` no array that has `"x"` in it, as its
//!   documentation says.
//! - What Tempo fails on (a division of integers by zero, `!` of what is no truth value) is nil, which
//!   nothing equals. `2 ^ 3` is 8 also for integers.

pub mod expr;
pub mod label;
pub mod metric;
pub mod search;
pub mod spanset;
pub mod structure;

mod error;
mod scalar;
mod shown;
#[cfg(test)]
mod tests;

pub use error::EvalError;

/// How far to go.
#[derive(Clone, Copy)]
pub struct Budget<'a> {
    /// How many spans may be looked at.
    pub spans_max: u64,
    /// Asked with each batch: an error ends the evaluation with it.
    pub interrupt: &'a dyn Fn() -> Option<EvalError>,
}

impl std::fmt::Debug for Budget<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Budget").field("spans_max", &self.spans_max).finish_non_exhaustive()
    }
}

impl Default for Budget<'_> {
    fn default() -> Self {
        Self { spans_max: u64::MAX, interrupt: &|| None }
    }
}
