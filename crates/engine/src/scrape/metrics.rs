//! Metrics about scraping.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};
use watchkeep_model::{Error, Result};

/// Counters of all scrape loops.
#[derive(Debug, Clone)]
pub struct ScrapeMetrics {
    /// Scrapes that succeeded.
    pub succeeded: IntCounter,
    /// Scrapes that failed, by why.
    pub failed: IntCounterVec,
    /// Samples left out of scrapes that succeeded, by why.
    pub samples_left_out: IntCounterVec,
    /// Scrapes whose samples the store did not take.
    pub not_stored: IntCounter,
}

impl ScrapeMetrics {
    /// Creates and registers all metrics.
    pub fn register(registry: &Registry) -> Result<Self> {
        Self::build(registry)
            .map_err(|error| Error::internal("cannot register scrape metrics").with_source(error))
    }

    fn build(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self {
            succeeded: IntCounter::new("wk_engine_scrapes_total", "Scrapes that succeeded")?,
            failed: IntCounterVec::new(
                Opts::new("wk_engine_scrape_failures_total", "Scrapes that failed, by why"),
                &["why"],
            )?,
            samples_left_out: IntCounterVec::new(
                Opts::new("wk_engine_scrape_left_out_samples_total", "Samples left out, by why"),
                &["why"],
            )?,
            not_stored: IntCounter::new(
                "wk_engine_scrapes_not_stored_total",
                "Scrapes whose samples the store did not take",
            )?,
        };
        registry.register(Box::new(metrics.succeeded.clone()))?;
        registry.register(Box::new(metrics.failed.clone()))?;
        registry.register(Box::new(metrics.samples_left_out.clone()))?;
        registry.register(Box::new(metrics.not_stored.clone()))?;
        Ok(metrics)
    }
}
