//! Scraping: which targets there are, and asking each of them for its samples.
//!
//! In reading order: [`config`] (a Prometheus configuration file), [`relabel`] (rules that rewrite
//! labels), [`target`].

pub mod config;
pub mod relabel;
pub mod target;
