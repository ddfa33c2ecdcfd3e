//! Scraping: which targets there are, and asking each of them for its samples.
//!
//! In reading order: [`config`] (a Prometheus configuration file), [`relabel`] (rules that rewrite
//! labels), [`target`], [`job`] (what runs the loops), [`http_client`], [`loops`] (a task for each
//! target), [`fetch`] (one request), `failure_log`, `intake` (from the answer to columns), `report` (`up` and its
//! companions), [`discovery`] (where targets come from), `population` (from what was discovered to
//! targets), [`manager`] (what runs).

mod cache;
pub mod config;
pub mod discovery;
pub mod environment;
mod failure_log;
#[cfg(test)]
pub(crate) mod fake_http;
pub mod fetch;
pub mod http_client;
mod intake;
pub mod job;
mod limits;
pub mod loops;
pub mod manager;
mod metadata;
pub mod metrics;
mod pool;
mod population;
pub mod relabel;
mod report;
mod sample_labels;
mod service;
pub mod target;
#[cfg(test)]
mod tests;

pub use discovery::DiscoveryMetrics;
pub use environment::Environment;
pub use fetch::{Fetch, FetchError, Fetched, HttpFetch};
pub use job::{Job, Scraper, StopReason};
pub use loops::{Appender, EngineAppender, LoopOptions, ScrapeLoops};
pub use manager::{PoolView, RelabelStep, ScrapeManager};
pub use metrics::ScrapeMetrics;
pub use service::{Reload, Scraping};
pub use target::{Target, TargetHealth, TargetStatus};
