//! What a query asks of a store: [`Fields`] are the columns that it needs, [`tests`] are conditions
//! on spans and traces that it implies.

mod fields;
pub mod tests;

pub use fields::Fields;
pub(crate) use fields::{FieldRef, Reading, Source, repeated_scope};
