//! LogQL: parser with source positions, pipelines over lines, and an evaluator over any source of
//! log records. Follows Loki 3.8 (documentation chapter "Query").
//!
//! In reading order: [`ast`] is what a query is, with the [`names`] of operators; [`lexer`] and
//! [`parser`] read one, [`print`](mod@print) and [`pretty`](mod@pretty) write one; [`pipeline`] does
//! to a line what its stages say, with [`template`] for what `line_format` and `label_format` write;
//! [`eval`] answers a query; [`source`] is what that asks of a store.

pub mod ast;
pub mod drain;
pub mod eval;
pub mod fields;
mod lexer;
pub mod names;
pub mod parser;
pub mod pipeline;
pub mod pretty;
mod print;
pub mod source;
pub mod template;
mod token;
mod units;

pub use ast::{Expr, LogExpr, MetricExpr};
pub use parser::{
    ParseError, parse, parse_any_selector, parse_duration, parse_log, parse_selector,
};
pub use pretty::pretty;
