//! The table of functions: names, signatures, and nothing of how they work.

use crate::ast::ValueType;

/// A function of the language.
#[derive(Debug, PartialEq)]
pub struct Function {
    /// As it is written.
    pub name: &'static str,
    /// Types of the arguments, the last one for all that follow where more may.
    pub args: &'static [ValueType],
    /// How many arguments beyond `args.len()` (less the optional ones) there may be: 0 none, -1 any
    /// number, otherwise that many of the last arguments may be left out.
    pub variadic: i8,
    /// What it returns.
    pub returns: ValueType,
    /// Whether Prometheus calls it experimental.
    pub experimental: bool,
}
