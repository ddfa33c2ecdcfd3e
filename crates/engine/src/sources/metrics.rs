//! Metrics of sources. The label `source` is `file` or `syslog`.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use watchkeep_model::{Error, Result};

/// Counters of all sources.
#[derive(Debug, Clone)]
pub(crate) struct SourceMetrics {
    pub(crate) lines: IntCounterVec,
    pub(crate) bytes: IntCounterVec,
    /// Records that a stage dropped.
    pub(crate) dropped: IntCounterVec,
    /// Records that the store refuses for good.
    pub(crate) refused: IntCounterVec,
    /// Lines that were longer than a line may be.
    pub(crate) cut: IntCounterVec,
    /// By what could not be done.
    pub(crate) errors: IntCounterVec,
    /// Appends that the store asked to try again.
    pub(crate) retries: IntCounterVec,
    pub(crate) files: IntGauge,
    pub(crate) lag_bytes: IntGauge,
    /// Files that are not followed because others are.
    pub(crate) files_refused: IntGauge,
    pub(crate) connections: IntGauge,
    pub(crate) connections_refused: IntCounter,
    pub(crate) datagrams_dropped: IntCounter,
}

impl SourceMetrics {
    /// Creates and registers all metrics.
    pub(crate) fn register(registry: &Registry) -> Result<Self> {
        Self::build(registry)
            .map_err(|error| Error::internal("cannot register source metrics").with_source(error))
    }

    fn build(registry: &Registry) -> prometheus::Result<Self> {
        let counters = |name: &str, help: &str, label: &str| {
            let counters = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        Ok(Self {
            lines: counters(
                "wk_engine_source_lines_total",
                "Records of files and syslog that were stored",
                "source",
            )?,
            bytes: counters(
                "wk_engine_source_bytes_total",
                "Bytes of files and syslog that were read and stored",
                "source",
            )?,
            dropped: counters(
                "wk_engine_source_dropped_lines_total",
                "Records that a stage of a pipeline dropped",
                "source",
            )?,
            refused: counters(
                "wk_engine_source_refused_lines_total",
                "Records that the store or a limit refused for good",
                "source",
            )?,
            cut: counters(
                "wk_engine_source_cut_lines_total",
                "Records that were cut to limits.log_body_bytes_max",
                "source",
            )?,
            errors: counters(
                "wk_engine_source_errors_total",
                "What could not be done: find, open, read, save, receive, parse, resume",
                "kind",
            )?,
            retries: counters(
                "wk_engine_source_retries_total",
                "Batches that the store asked to send again later",
                "source",
            )?,
            files: gauge("wk_engine_source_files", "Files that are followed")?,
            lag_bytes: gauge("wk_engine_source_lag_bytes", "Bytes of files not yet stored")?,
            files_refused: gauge(
                "wk_engine_source_refused_files",
                "Files that are not followed because of sources.files_max",
            )?,
            connections: gauge("wk_engine_source_connections", "Open connections of syslog")?,
            connections_refused: counter(
                "wk_engine_source_refused_connections_total",
                "Connections closed at once because of sources.syslog_connections_max",
            )?,
            datagrams_dropped: counter(
                "wk_engine_source_dropped_datagrams_total",
                "Datagrams of syslog dropped because of sources.syslog_queue_max",
            )?,
        })
    }
}
