//! The shapes of `/health` and `/status`.

use std::collections::BTreeMap;

use serde::Serialize;
use watchkeep_engine::LimitsConfig;
use watchkeep_storage::seam::{StoreStats, TableStats, WalStats};

#[derive(Serialize)]
pub(super) struct Health {
    pub(super) status: &'static str,
    /// Seconds since the epoch.
    pub(super) timestamp: f64,
}

/// Health with what is checked.
#[derive(Serialize)]
pub(super) struct ServicesHealth<'a> {
    /// `unhealthy` where a service is, else `healthy`.
    pub(super) status: &'static str,
    /// `healthy`, `unhealthy` or `unknown`, by name.
    pub(super) services: BTreeMap<&'a str, &'static str>,
    /// RFC 3339.
    pub(super) timestamp: String,
}

#[derive(Serialize)]
pub(super) struct Status<'a> {
    pub(super) version: &'a str,
    pub(super) commit: &'a str,
    pub(super) uptime_seconds: f64,
    pub(super) started_at: String,
    pub(super) data_dir: String,
    pub(super) state: &'static str,
    /// What the state is about: how far recovery is, why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state_detail: Option<String>,
    pub(super) listeners: Vec<Listener>,
    pub(super) stores: Stores,
    pub(super) wal: Option<Wal>,
    pub(super) disk: Option<Disk>,
    pub(super) limits: BTreeMap<&'static str, u64>,
    pub(super) ingest: Ingest,
}

#[derive(Serialize)]
pub(super) struct Listener {
    pub(super) name: &'static str,
    pub(super) address: String,
}

#[derive(Serialize)]
pub(super) struct Stores {
    spans: Table,
    logs: Table,
    metrics: Table,
}

#[derive(Serialize)]
struct Table {
    rows_in_memory: u64,
    bytes_in_memory: u64,
    parts: u64,
    rows_on_disk: u64,
    bytes_on_disk: u64,
    oldest_unix_nano: Option<String>,
    newest_unix_nano: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    series_in_memory: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct Wal {
    segments: u64,
    bytes: u64,
    last_sequence: u64,
    queue_bytes: u64,
    queue_bytes_max: u64,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "units belong into names of the API")]
pub(super) struct Disk {
    pub(super) used_bytes: u64,
    pub(super) free_bytes: u64,
    pub(super) total_bytes: u64,
}

#[derive(Serialize)]
pub(super) struct Ingest {
    pub(super) spans_accepted: u64,
    pub(super) spans_rejected: u64,
    pub(super) log_records_accepted: u64,
    pub(super) log_records_rejected: u64,
    pub(super) samples_accepted: u64,
    pub(super) samples_rejected: u64,
}

impl From<&StoreStats> for Stores {
    fn from(stats: &StoreStats) -> Self {
        let metrics =
            Table { series_in_memory: Some(stats.series_in_memory), ..Table::from(&stats.metrics) };
        Self { spans: Table::from(&stats.spans), logs: Table::from(&stats.logs), metrics }
    }
}

impl From<&TableStats> for Table {
    fn from(stats: &TableStats) -> Self {
        let instant = |ns: Option<i64>| ns.map(|ns| ns.to_string());
        Self {
            rows_in_memory: stats.rows_in_memory,
            bytes_in_memory: stats.bytes_in_memory,
            parts: stats.parts,
            rows_on_disk: stats.rows_on_disk,
            bytes_on_disk: stats.bytes_on_disk,
            oldest_unix_nano: instant(stats.oldest_ns),
            newest_unix_nano: instant(stats.newest_ns),
            series_in_memory: None,
        }
    }
}

impl From<&WalStats> for Wal {
    fn from(stats: &WalStats) -> Self {
        Self {
            segments: stats.segments,
            bytes: stats.bytes,
            last_sequence: stats.last_sequence,
            queue_bytes: stats.queue_bytes,
            queue_bytes_max: stats.queue_bytes_max,
        }
    }
}

/// The limits as plain numbers: bytes, counts, and milliseconds for durations.
pub(super) fn limits(config: &LimitsConfig) -> BTreeMap<&'static str, u64> {
    BTreeMap::from([
        ("body_bytes_max", config.body_bytes_max.0),
        ("decompressed_bytes_max", config.decompressed_bytes_max.0),
        ("ingest_bytes_in_flight_max", config.ingest_bytes_in_flight_max.0),
        ("ingest_wait_max_ms", config.ingest_wait_max.0.as_millis() as u64),
        ("attributes_per_item_max", config.attributes_per_item_max as u64),
        ("attribute_value_bytes_max", config.attribute_value_bytes_max.0),
        ("nesting_depth_max", config.nesting_depth_max as u64),
        ("events_per_span_max", config.events_per_span_max as u64),
        ("labels_per_series_max", config.labels_per_series_max as u64),
        ("log_body_bytes_max", config.log_body_bytes_max.0),
        ("delta_series_max", config.delta_series_max as u64),
        ("query_timeout_ms", config.query_timeout.0.as_millis() as u64),
        ("queries_max", config.queries_max as u64),
        ("query_rows_max", config.query_rows_max as u64),
        ("query_bytes_max", config.query_bytes_max.0),
        ("query_series_max", config.query_series_max as u64),
        ("series_max", config.series_max),
        ("query_samples_max", config.query_samples_max as u64),
    ])
}
