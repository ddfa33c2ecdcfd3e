//! The engine's own metrics. Names start with `wk_storage_`.

use prometheus::{Histogram, HistogramOpts, IntCounter, Registry};
use watchkeep_model::Result;
use watchkeep_model::error::IoContext;

#[derive(Debug)]
pub(super) struct Counters {
    pub(super) appends: IntCounter,
    pub(super) appended_bytes: IntCounter,
    pub(super) refused: IntCounter,
    pub(super) series_refused: IntCounter,
    pub(super) samples_refused: IntCounter,
    pub(super) flushes: IntCounter,
    pub(super) flush_failures: IntCounter,
    pub(super) flush_seconds: Histogram,
    pub(super) parts_removed: IntCounter,
    pub(super) replayed_records: IntCounter,
}

impl Counters {
    pub(super) fn register(registry: &Registry) -> Result<Self> {
        let counter = |name: &str, help: &str| -> Result<IntCounter> {
            let failed = || format!("cannot register the metric {name}");
            let counter = IntCounter::new(name, help).context(failed)?;
            registry.register(Box::new(counter.clone())).context(failed)?;
            Ok(counter)
        };
        let options = HistogramOpts::new(
            "wk_storage_flush_duration_seconds",
            "Time from freezing a table to its parts being in the manifest.",
        )
        .buckets(vec![0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 20.0]);
        let failed = || "cannot register the metric wk_storage_flush_duration_seconds".to_owned();
        let flush_seconds = Histogram::with_opts(options).context(failed)?;
        registry.register(Box::new(flush_seconds.clone())).context(failed)?;
        Ok(Self {
            appends: counter("wk_storage_appends_total", "Batches made durable.")?,
            appended_bytes: counter(
                "wk_storage_appended_bytes_total",
                "Bytes of batches handed to the write-ahead log.",
            )?,
            refused: counter(
                "wk_storage_appends_refused_total",
                "Batches refused because too much waits in memory (storage.memory_bytes_max).",
            )?,
            series_refused: counter(
                "wk_storage_series_refused_total",
                "Times that a new series was refused (limits.series_max).",
            )?,
            samples_refused: counter(
                "wk_storage_samples_refused_total",
                "Samples refused because their series was (limits.series_max).",
            )?,
            flushes: counter("wk_storage_flushes_total", "Tables moved from memory to parts.")?,
            flush_failures: counter(
                "wk_storage_flush_failures_total",
                "Flushes that failed and will be tried again.",
            )?,
            flush_seconds,
            parts_removed: counter(
                "wk_storage_parts_removed_total",
                "Parts removed by retention.",
            )?,
            replayed_records: counter(
                "wk_storage_replayed_records_total",
                "Records read from the write-ahead log at the last start.",
            )?,
        })
    }
}
