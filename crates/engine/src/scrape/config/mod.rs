//! The configuration file of Prometheus, read completely: what it means here, what is refused, and
//! what is known but not offered, which is a warning.

pub mod discovery;
pub mod http;
pub mod names;
pub mod scrape;
pub mod values;

pub use http::HttpClientConfig;
pub use scrape::ScrapeConfig;
