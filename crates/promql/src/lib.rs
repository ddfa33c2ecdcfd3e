//! PromQL: lexer, parser with source positions, printer, and an evaluator over any source of
//! series. Follows Prometheus 3.14 (documentation chapters "Querying" and "Feature flags"), with the
//! constructs switched on that are experimental there.
//!
//! In reading order: [`ast`] is what a query is, [`lexer`] and [`parser`] read one,
//! [`print`](mod@print) and [`pretty`](mod@pretty) write one; [`eval`] evaluates it. [`source`] is
//! what the evaluator asks of a store, [`value`] what it answers, [`annotations`] what it remarks on
//! the way; [`histogram`] and [`quantile`] are what it does with distributions. [`algebra`] is the
//! part that other languages share, [`go`] how Go writes texts and durations.
//!
//! # Invariants
//! - Nothing here does IO, reads a clock, or knows threads, Arrow or HTTP.
//! - No text from outside panics or recurses without bound.
//! - The evaluator holds at most as many samples as its options allow.

pub mod algebra;
pub mod annotations;
pub mod ast;
pub mod eval;
pub mod functions;
pub mod go;
pub mod histogram;
mod lexer;
pub mod number;
pub mod parser;
pub mod pretty;
mod print;
pub mod quantile;
pub mod quote;
pub mod source;
mod token;
pub mod value;

pub use annotations::Annotations;
pub use ast::{Expr, ExprKind, Span};
pub use eval::{EvalError, Options, instant, range, reset_hint_after};
pub use parser::{ParseError, parse, parse_duration, parse_selector, position};
pub use pretty::pretty;
pub use source::{Select, SeriesIter, SeriesSource};
pub use value::{Matrix, Output, Value, Vector};
