//! Searches on small traces (`testdata/search`), and properties of the evaluator.

mod data;
mod limits;
mod naive;
mod plans;
mod random;
mod structure;
