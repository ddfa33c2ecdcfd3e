//! Scraping: which targets there are, and asking each of them for its samples.
//!
//! In reading order: [`config`] (a Prometheus configuration file), [`relabel`] (rules that rewrite
//! labels), [`target`], [`job`] (what runs the loops), [`http_client`].

pub mod config;
pub mod discovery;
pub mod environment;
pub mod http_client;
pub mod job;
pub mod relabel;
pub mod target;

pub use environment::Environment;
pub use job::{Job, Scraper, StopReason};
pub use target::{Target, TargetHealth, TargetStatus};
