//! Go's `text/template`: parser and evaluator over values, methods and functions of the caller.
//!
//! A template is parsed once ([`Template::parse`]), with its functions looked up then, and executed
//! many times ([`Template::execute`]) on a [`Value`] or on anything that answers for its fields
//! ([`Data`]). Syntax, meaning and error texts are those of Go 1.24's `text/template` and `fmt`.
//!
//! [`value`] is what templates compute with, [`functions`] how a caller adds functions, [`builtins`]
//! the functions of the language; [`lexer`] and [`parser`] make the tree of [`ast`], [`exec`] walks
//! it; [`print`](mod@print), [`printf`] and [`number`] write values as `fmt` does, [`escape`] is
//! quoting.
//!
//! It differs from Go in what Rust's strings cannot hold: text is UTF-8, and where a function would
//! cut a character, what is left of it becomes U+FFFD. Complex numbers, channels and functions as
//! values do not exist.

pub mod ast;
mod builtins;
mod compare;
pub mod escape;
mod exec;
mod functions;
mod lexer;
pub mod number;
mod parser;
pub mod print;
pub mod printf;
mod template;
mod value;

pub use functions::{Function, Functions, Type};
pub use template::{ExecError, MissingKey, Options, ParseError, Template};
pub use value::{Data, Map, Object, Value};

/// How deep actions, parentheses and blocks of a template may nest.
pub const NESTING_DEPTH_MAX: usize = 64;
/// How deep templates may invoke each other, counting the blocks between the invocations.
pub const EXECUTION_DEPTH_MAX: usize = 192;
/// The largest text of a template, bytes.
pub const TEMPLATE_BYTES_MAX: usize = 1 << 20;
/// The most bytes that one execution may write, and the longest text that it may compute.
pub const OUTPUT_BYTES_MAX: usize = 4 << 20;
/// The most steps of one execution: nodes visited, words evaluated, and one more for every
/// [`STEP_BYTES`] of text computed.
pub const STEPS_MAX: u64 = 1_000_000;
/// See [`STEPS_MAX`].
pub const STEP_BYTES: u64 = 256;
