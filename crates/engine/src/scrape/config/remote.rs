//! Other systems that a configuration names: Alertmanagers, receivers and sources of samples, and a
//! receiver of traces. They are read and shown; nothing is sent to them yet.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::discovery::DiscoveryConfigs;
use super::http::{HttpClientConfig, TlsConfig};
use super::values::{Secret, duration_text, is_default};
use crate::scrape::relabel::RelabelRule;

/// Section `alerting`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct AlertingConfig {
    /// Rules for the labels of alerts.
    #[serde(skip_serializing_if = "is_default")]
    pub alert_relabel_configs: Vec<RelabelRule>,
    /// Who is told.
    #[serde(skip_serializing_if = "is_default")]
    pub alertmanagers: Vec<AlertmanagerConfig>,
}

/// An entry of `alerting.alertmanagers`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlertmanagerConfig {
    /// The client.
    #[serde(flatten)]
    pub http: HttpClientConfig,
    /// `http` or `https`.
    pub scheme: String,
    /// Start of every path.
    #[serde(skip_serializing_if = "is_default")]
    pub path_prefix: String,
    /// How long a request may take.
    #[serde(serialize_with = "duration_text")]
    pub timeout: Duration,
    /// The version of the API.
    pub api_version: String,
    /// Rules for the labels of Alertmanagers.
    #[serde(skip_serializing_if = "is_default")]
    pub relabel_configs: Vec<RelabelRule>,
    /// Rules for the labels of alerts.
    #[serde(skip_serializing_if = "is_default")]
    pub alert_relabel_configs: Vec<RelabelRule>,
    /// Where Alertmanagers are found.
    #[serde(flatten)]
    pub discovery: DiscoveryConfigs,
}

/// An entry of `remote_write`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RemoteWriteConfig {
    /// The receiver; shown without its password.
    #[serde(serialize_with = "super::http::redacted_url")]
    pub url: Secret,
    /// How long a request may take.
    #[serde(serialize_with = "duration_text")]
    pub remote_timeout: Duration,
    /// Headers of every request.
    #[serde(skip_serializing_if = "is_default")]
    pub headers: BTreeMap<String, String>,
    /// Rules for the labels of samples.
    #[serde(skip_serializing_if = "is_default")]
    pub write_relabel_configs: Vec<RelabelRule>,
    /// The name in metrics.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// Whether exemplars are sent.
    #[serde(skip_serializing_if = "is_default")]
    pub send_exemplars: bool,
    /// Whether native histograms are sent.
    #[serde(skip_serializing_if = "is_default")]
    pub send_native_histograms: bool,
    /// Whether requests go to all addresses of the host in turn.
    #[serde(skip_serializing_if = "is_default")]
    pub round_robin_dns: bool,
    /// The message of the protocol, which is its version.
    pub protobuf_message: String,
    /// Whether failed requests are logged.
    #[serde(skip_serializing_if = "is_default")]
    pub failed_request_logging: bool,
    /// The client.
    #[serde(flatten)]
    pub http: HttpClientConfig,
    /// The queue.
    pub queue_config: QueueConfig,
    /// How metadata is sent.
    pub metadata_config: MetadataConfig,
}

/// The queue of samples that wait to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueConfig {
    /// Samples that wait, for each shard.
    pub capacity: u64,
    /// Most shards.
    pub max_shards: u64,
    /// Least shards.
    pub min_shards: u64,
    /// Most samples of a request.
    pub max_samples_per_send: u64,
    /// How long a sample waits for company.
    #[serde(serialize_with = "duration_text")]
    pub batch_send_deadline: Duration,
    /// First wait after a failure.
    #[serde(serialize_with = "duration_text")]
    pub min_backoff: Duration,
    /// Longest wait after a failure.
    #[serde(serialize_with = "duration_text")]
    pub max_backoff: Duration,
    /// Whether 429 is a failure that is tried again.
    #[serde(skip_serializing_if = "is_default")]
    pub retry_on_http_429: bool,
    /// Age from which samples are not sent.
    #[serde(skip_serializing_if = "is_default", serialize_with = "duration_text")]
    pub sample_age_limit: Duration,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            capacity: 10_000,
            max_shards: 50,
            min_shards: 1,
            max_samples_per_send: 2_000,
            batch_send_deadline: Duration::from_secs(5),
            min_backoff: Duration::from_millis(30),
            max_backoff: Duration::from_secs(5),
            retry_on_http_429: false,
            sample_age_limit: Duration::ZERO,
        }
    }
}

/// How metadata is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MetadataConfig {
    /// Whether it is.
    pub send: bool,
    /// How often.
    #[serde(serialize_with = "duration_text")]
    pub send_interval: Duration,
    /// Most entries of a request.
    pub max_samples_per_send: u64,
}

impl Default for MetadataConfig {
    fn default() -> Self {
        Self { send: true, send_interval: Duration::from_mins(1), max_samples_per_send: 2_000 }
    }
}

/// An entry of `remote_read`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RemoteReadConfig {
    /// The source; shown without its password.
    #[serde(serialize_with = "super::http::redacted_url")]
    pub url: Secret,
    /// How long a request may take.
    #[serde(serialize_with = "duration_text")]
    pub remote_timeout: Duration,
    /// Bytes of a frame.
    pub chunked_read_limit: u64,
    /// Headers of every request.
    #[serde(skip_serializing_if = "is_default")]
    pub headers: BTreeMap<String, String>,
    /// Whether it is asked for times that the own store covers.
    #[serde(skip_serializing_if = "is_default")]
    pub read_recent: bool,
    /// The name in metrics.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// The client.
    #[serde(flatten)]
    pub http: HttpClientConfig,
    /// Matchers that a selector must have.
    #[serde(skip_serializing_if = "is_default")]
    pub required_matchers: BTreeMap<String, String>,
    /// Whether the external labels are added to selectors.
    pub filter_external_labels: bool,
}

/// Section `tracing`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct TracingConfig {
    /// `grpc` or `http`.
    pub client_type: String,
    /// The receiver.
    pub endpoint: String,
    /// Share of traces that are sent.
    #[serde(skip_serializing_if = "is_default")]
    pub sampling_fraction: f64,
    /// Whether TLS is not used.
    #[serde(skip_serializing_if = "is_default")]
    pub insecure: bool,
    /// TLS.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_config: TlsConfig,
    /// Headers of every request.
    #[serde(skip_serializing_if = "is_default")]
    pub headers: BTreeMap<String, Secret>,
    /// `gzip` or empty.
    #[serde(skip_serializing_if = "is_default")]
    pub compression: String,
    /// How long a request may take.
    #[serde(skip_serializing_if = "is_default", serialize_with = "duration_text")]
    pub timeout: Duration,
}
