//! A job: what is scraped, how often, how, and what becomes of it. All defaults are filled in when
//! the configuration has been read.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::discovery::DiscoveryConfigs;
use super::http::HttpClientConfig;
use super::names::{NameEscaping, NameValidation};
use super::values::{ScrapeProtocol, duration_text, is_default, size_text};
use crate::scrape::relabel::RelabelRule;

/// An entry of `scrape_configs`. For every limit, 0 means that there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScrapeConfig {
    /// The value of the label `job`, unless relabelling sets another.
    pub job_name: String,
    /// Whether labels of a sample win over the target's labels of the same name.
    #[serde(skip_serializing_if = "is_default")]
    pub honor_labels: bool,
    /// Whether timestamps of samples are taken.
    pub honor_timestamps: bool,
    /// Whether series with timestamps of their own become stale when they vanish.
    pub track_timestamps_staleness: bool,
    /// Query parameters of the request.
    #[serde(skip_serializing_if = "is_default")]
    pub params: BTreeMap<String, Vec<String>>,
    /// Time between two scrapes.
    #[serde(serialize_with = "duration_text")]
    pub scrape_interval: Duration,
    /// How long a scrape may take.
    #[serde(serialize_with = "duration_text")]
    pub scrape_timeout: Duration,
    /// The formats that are asked for, the one liked most first.
    pub scrape_protocols: Vec<ScrapeProtocol>,
    /// The format that is assumed where an answer does not name a known one.
    #[serde(rename = "fallback_scrape_protocol", skip_serializing_if = "Option::is_none")]
    pub scrape_fallback_protocol: Option<ScrapeProtocol>,
    /// Whether native histograms are taken.
    pub scrape_native_histograms: bool,
    /// Whether classic histograms are taken beside native ones.
    pub always_scrape_classic_histograms: bool,
    /// Whether classic histograms become native ones with custom buckets.
    pub convert_classic_histograms_to_nhcb: bool,
    /// File that failed scrapes are logged to.
    #[serde(skip_serializing_if = "is_default")]
    pub scrape_failure_log_file: PathBuf,
    /// Path of the request.
    pub metrics_path: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Whether compressed answers are asked for.
    pub enable_compression: bool,
    /// Bytes of an answer, unpacked.
    #[serde(skip_serializing_if = "is_default", serialize_with = "size_text")]
    pub body_size_limit: u64,
    /// Samples of a scrape after relabelling.
    #[serde(skip_serializing_if = "is_default")]
    pub sample_limit: u64,
    /// Targets of the job after relabelling.
    #[serde(skip_serializing_if = "is_default")]
    pub target_limit: u64,
    /// Labels of a sample.
    #[serde(skip_serializing_if = "is_default")]
    pub label_limit: u64,
    /// Bytes of the name of a label.
    #[serde(skip_serializing_if = "is_default")]
    pub label_name_length_limit: u64,
    /// Bytes of the value of a label.
    #[serde(skip_serializing_if = "is_default")]
    pub label_value_length_limit: u64,
    /// Buckets of a native histogram; beyond it the resolution is reduced.
    #[serde(skip_serializing_if = "is_default")]
    pub native_histogram_bucket_limit: u64,
    /// The least factor from one bucket of a native histogram to the next.
    #[serde(skip_serializing_if = "is_default")]
    pub native_histogram_min_bucket_factor: f64,
    /// How many dropped targets are remembered to be shown.
    #[serde(skip_serializing_if = "is_default")]
    pub keep_dropped_targets: u64,
    /// Which names are allowed.
    pub metric_name_validation_scheme: NameValidation,
    /// How the target is asked to escape names.
    #[serde(serialize_with = "escaping_name")]
    pub metric_name_escaping_scheme: NameEscaping,
    /// Whether `scrape_timeout_seconds`, `scrape_sample_limit` and `scrape_body_size_bytes` are
    /// written.
    pub extra_scrape_metrics: bool,
    /// The client that asks the targets.
    #[serde(flatten)]
    pub http: HttpClientConfig,
    /// Rules for the labels of targets.
    #[serde(skip_serializing_if = "is_default")]
    pub relabel_configs: Vec<RelabelRule>,
    /// Rules for the labels of samples.
    #[serde(skip_serializing_if = "is_default")]
    pub metric_relabel_configs: Vec<RelabelRule>,
    /// Where targets come from.
    #[serde(flatten)]
    pub discovery: DiscoveryConfigs,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
pub(super) fn escaping_name<S: serde::Serializer>(
    it: &NameEscaping,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.serialize_str(it.name())
}
