//! The configuration file of Prometheus, read completely: what it means here, what is refused, and
//! what is known but not offered, which is a warning.
//!
//! In reading order: [`mod@file`] and [`scrape`] (what a configuration says), [`mod@load`] (how it is
//! read), then the parts.

pub mod discovery;
pub mod file;
pub mod http;
pub mod load;
pub mod names;
mod read;
pub mod remote;
pub mod scrape;
pub(super) mod section;
pub mod values;
pub(super) mod yaml;

pub(super) use read::discovery::check_address;

pub use file::{GlobalConfig, PrometheusConfig};
pub use http::HttpClientConfig;
pub use load::{Loaded, load, load_file};
pub use scrape::ScrapeConfig;

#[cfg(test)]
mod tests;
