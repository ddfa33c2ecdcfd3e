//! The algebra of native histograms: what PromQL's operators, aggregations and functions do with
//! them, and what they remark about it. Knows neither series nor annotations: remarks are returned
//! as flags, and the evaluator words them.
//!
//! Follows Prometheus 3.14 ("Native histograms" specification; chapters "Operators" and
//! "Functions").

mod add;
mod custom;
pub mod kahan;
mod mean;
mod quantile;
mod reset;
mod statistics;
mod trim;
mod zero;

#[cfg(test)]
mod tests;

pub use add::{Combined, HistogramSum, MixedSchemas, add, subtract};
pub use mean::HistogramMean;
pub use quantile::{Fraction, NanRemark, Quantile, fraction, quantile};
pub use reset::detect_reset;
pub use statistics::{average, divide, multiply, standard_deviation, variance};
pub use trim::{Keep, trim};
