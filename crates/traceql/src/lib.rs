//! TraceQL: parser with source positions, and an evaluator over any source of spans. Follows Tempo 3.0
//! (documentation chapter "TraceQL").
//!
//! In reading order: [`ast`] is what a query is, [`lexer`] and [`parser`] read one, [`types`] and
//! [`validate`] say what is refused all the same, [`fold`] reckons with constants,
//! [`print`](mod@print) writes a query, [`lenient`](mod@lenient) reads unfinished ones and [`tags`] the
//! older way to ask; [`source`] is what its evaluation asks of a store, and [`plan`] in which words;
//! [`eval`] is the evaluation.

pub mod ast;
pub mod eval;
mod fold;
mod lenient;
mod lexer;
mod parser;
pub mod plan;
mod print;
pub mod source;
mod tags;
#[cfg(test)]
mod testing;
mod token;
mod types;
mod validate;

pub use ast::Query;
pub use lenient::lenient;
pub use parser::{DEPTH_MAX, NESTING_MAX, ParseError, QUERY_BYTES_MAX, parse, parse_attribute};
pub use tags::{TAGS_MAX, TagsError, from_tags};
pub use validate::{COMPARE_TOP_MAX, GROUP_BY_MAX};
