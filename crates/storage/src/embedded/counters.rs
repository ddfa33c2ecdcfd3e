//! The engine's own metrics. Names start with `wk_storage_`.

use prometheus::{Histogram, HistogramOpts, IntCounter, Registry};
use watchkeep_model::Result;
use watchkeep_model::error::IoContext;

#[derive(Debug)]
pub(super) struct Counters {
    pub(super) appends: IntCounter,
    pub(super) appended_bytes: IntCounter,
    pub(super) refused: IntCounter,
    pub(super) spans_resent: IntCounter,
    pub(super) series_refused: IntCounter,
    pub(super) samples_refused: IntCounter,
    pub(super) flushes: IntCounter,
    pub(super) flush_failures: IntCounter,
    pub(super) flush_seconds: Histogram,
    pub(super) parts_removed: IntCounter,
    pub(super) compactions: IntCounter,
    pub(super) compaction_failures: IntCounter,
    pub(super) parts_compacted: IntCounter,
    pub(super) compaction_seconds: Histogram,
    pub(super) deletions: IntCounter,
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
        let seconds = |name: &str, help: &str| histogram(registry, name, help);
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
            spans_resent: counter(
                "wk_storage_spans_resent_total",
                "Spans left out because they were sent before (storage.resent_spans_max).",
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
            flush_seconds: seconds(
                "wk_storage_flush_duration_seconds",
                "Time from freezing a table to its parts being in the manifest.",
            )?,
            compactions: counter(
                "wk_storage_compactions_total",
                "Parts of metrics that were written in the place of others.",
            )?,
            compaction_failures: counter(
                "wk_storage_compaction_failures_total",
                "Merges of parts that failed and will be tried again.",
            )?,
            parts_compacted: counter(
                "wk_storage_parts_compacted_total",
                "Parts of metrics that were replaced by merged or cleaned ones.",
            )?,
            compaction_seconds: seconds(
                "wk_storage_compaction_duration_seconds",
                "Time to merge parts of metrics into one that is in the manifest.",
            )?,
            deletions: counter("wk_storage_deletions_total", "Deletions of series of metrics.")?,
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

/// Registers a histogram of seconds.
fn histogram(registry: &Registry, name: &str, help: &str) -> Result<Histogram> {
    let failed = || format!("cannot register the metric {name}");
    let options =
        HistogramOpts::new(name, help).buckets(vec![0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 20.0, 100.0]);
    let histogram = Histogram::with_opts(options).context(failed)?;
    registry.register(Box::new(histogram.clone())).context(failed)?;
    Ok(histogram)
}
