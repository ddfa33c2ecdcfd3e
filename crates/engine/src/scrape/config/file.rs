//! The configuration file as a whole.

use std::path::PathBuf;
use std::time::Duration;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use watchkeep_model::{Error, Labels, Result};

use super::names::{NameEscaping, NameValidation};
use super::remote::{AlertingConfig, RemoteReadConfig, RemoteWriteConfig, TracingConfig};
use super::scrape::{ScrapeConfig, escaping_name};
use super::values::{ScrapeProtocol, duration_text, is_default, size_text};

/// A configuration file of Prometheus, checked, with all defaults filled in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PrometheusConfig {
    /// Defaults for all jobs.
    pub global: GlobalConfig,
    /// The runtime of Prometheus.
    pub runtime: RuntimeConfig,
    /// Who is told about alerts.
    #[serde(skip_serializing_if = "is_default")]
    pub alerting: AlertingConfig,
    /// Files of rules.
    #[serde(skip_serializing_if = "is_default")]
    pub rule_files: Vec<PathBuf>,
    /// Files of further jobs.
    #[serde(skip_serializing_if = "is_default")]
    pub scrape_config_files: Vec<PathBuf>,
    /// The jobs of this file. [`PrometheusConfig::jobs`] has all.
    #[serde(skip_serializing_if = "is_default")]
    pub scrape_configs: Vec<ScrapeConfig>,
    /// The store.
    #[serde(skip_serializing_if = "is_default")]
    pub storage: StorageConfig,
    /// Where own traces go.
    #[serde(skip_serializing_if = "is_default")]
    pub tracing: TracingConfig,
    /// Who gets samples.
    #[serde(skip_serializing_if = "is_default")]
    pub remote_write: Vec<RemoteWriteConfig>,
    /// Who is asked for samples.
    #[serde(skip_serializing_if = "is_default")]
    pub remote_read: Vec<RemoteReadConfig>,
    /// How metrics of OTLP become series.
    pub otlp: OtlpConfig,
    /// The jobs of `scrape_config_files`.
    #[serde(skip)]
    pub(super) further_jobs: Vec<ScrapeConfig>,
}

impl PrometheusConfig {
    /// All jobs, those of further files included.
    pub fn jobs(&self) -> impl Iterator<Item = &ScrapeConfig> {
        self.scrape_configs.iter().chain(&self.further_jobs)
    }

    /// The configuration as YAML, defaults filled in and secrets masked.
    pub fn to_yaml(&self) -> Result<String> {
        let mut text = String::new();
        let options = serde_saphyr::ser_options! {
            compact_list_indent: true,
            prefer_block_scalars: false,
        };
        serde_saphyr::to_fmt_writer_with_options(&mut text, self, options).map_err(|error| {
            Error::internal("cannot print the configuration").with_source(error)
        })?;
        Ok(text)
    }
}

/// Section `global`. For every limit, 0 means that there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GlobalConfig {
    /// Time between two scrapes.
    #[serde(serialize_with = "duration_text")]
    pub scrape_interval: Duration,
    /// How long a scrape may take.
    #[serde(serialize_with = "duration_text")]
    pub scrape_timeout: Duration,
    /// The formats that targets are asked for; empty where jobs choose.
    #[serde(skip_serializing_if = "is_default")]
    pub scrape_protocols: Vec<ScrapeProtocol>,
    /// Time between two evaluations of a rule.
    #[serde(serialize_with = "duration_text")]
    pub evaluation_interval: Duration,
    /// How long before now rules are evaluated.
    #[serde(skip_serializing_if = "is_default", serialize_with = "duration_text")]
    pub rule_query_offset: Duration,
    /// File that queries are logged to.
    #[serde(skip_serializing_if = "is_default")]
    pub query_log_file: PathBuf,
    /// File that failed scrapes are logged to.
    #[serde(skip_serializing_if = "is_default")]
    pub scrape_failure_log_file: PathBuf,
    /// Labels of this server, for those who get its samples.
    #[serde(skip_serializing_if = "is_default", serialize_with = "labels_map")]
    pub external_labels: Labels,
    /// Bytes of an answer, unpacked.
    #[serde(skip_serializing_if = "is_default", serialize_with = "size_text")]
    pub body_size_limit: u64,
    /// Samples of a scrape after relabelling.
    #[serde(skip_serializing_if = "is_default")]
    pub sample_limit: u64,
    /// Targets of a job after relabelling.
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
    /// How many dropped targets of a job are remembered.
    #[serde(skip_serializing_if = "is_default")]
    pub keep_dropped_targets: u64,
    /// Which names are allowed.
    pub metric_name_validation_scheme: NameValidation,
    /// How targets are asked to escape names; `None` where the validation decides.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_escaping")]
    pub metric_name_escaping_scheme: Option<NameEscaping>,
    /// Whether native histograms are taken.
    pub scrape_native_histograms: bool,
    /// Whether classic histograms become native ones with custom buckets.
    #[serde(skip_serializing_if = "is_default")]
    pub convert_classic_histograms_to_nhcb: bool,
    /// Whether classic histograms are taken beside native ones.
    #[serde(skip_serializing_if = "is_default")]
    pub always_scrape_classic_histograms: bool,
    /// Whether further series about each scrape are written.
    pub extra_scrape_metrics: bool,
}

impl Default for GlobalConfig {
    fn default() -> Self {
        Self {
            scrape_interval: Duration::from_mins(1),
            scrape_timeout: Duration::from_secs(10),
            scrape_protocols: Vec::new(),
            evaluation_interval: Duration::from_mins(1),
            rule_query_offset: Duration::ZERO,
            query_log_file: PathBuf::new(),
            scrape_failure_log_file: PathBuf::new(),
            external_labels: Labels::default(),
            body_size_limit: 0,
            sample_limit: 0,
            target_limit: 0,
            label_limit: 0,
            label_name_length_limit: 0,
            label_value_length_limit: 0,
            keep_dropped_targets: 0,
            metric_name_validation_scheme: NameValidation::Utf8,
            metric_name_escaping_scheme: None,
            scrape_native_histograms: false,
            convert_classic_histograms_to_nhcb: false,
            always_scrape_classic_histograms: false,
            extra_scrape_metrics: false,
        }
    }
}

#[expect(clippy::ref_option, reason = "serde hands a reference")]
fn optional_escaping<S: Serializer>(it: &Option<NameEscaping>, to: S) -> Result<S::Ok, S::Error> {
    escaping_name(&it.unwrap_or_default(), to)
}

fn labels_map<S: Serializer>(labels: &Labels, to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(None)?;
    for (name, value) in labels.iter() {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

/// Section `runtime`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuntimeConfig {
    /// The target of Go's garbage collection; without meaning here.
    pub gogc: i64,
}

/// Section `storage`: what Prometheus' own store is told. Without meaning here, the store has its
/// own settings.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct StorageConfig {
    /// The time series.
    #[serde(skip_serializing_if = "is_default")]
    pub tsdb: TsdbConfig,
    /// The exemplars.
    #[serde(skip_serializing_if = "is_default")]
    pub exemplars: ExemplarsConfig,
}

/// Section `storage.tsdb`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct TsdbConfig {
    /// How late samples may come.
    #[serde(skip_serializing_if = "is_default", serialize_with = "duration_text")]
    pub out_of_order_time_window: Duration,
    /// Share of stale series after which they are compacted.
    #[serde(skip_serializing_if = "is_default")]
    pub stale_series_compaction_threshold: f64,
    /// How floats are encoded.
    #[serde(skip_serializing_if = "is_default")]
    pub chunk_encoding: ChunkEncoding,
    /// How long samples are kept.
    #[serde(skip_serializing_if = "is_default")]
    pub retention: RetentionConfig,
}

/// Section `storage.tsdb.chunk_encoding`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ChunkEncoding {
    /// `xor`, `xor2` or empty.
    pub floats: String,
}

/// Section `storage.tsdb.retention`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct RetentionConfig {
    /// By age.
    #[serde(skip_serializing_if = "is_default", serialize_with = "duration_text")]
    pub time: Duration,
    /// By size in bytes.
    #[serde(skip_serializing_if = "is_default", serialize_with = "size_text")]
    pub size: u64,
    /// By the share of the disk.
    #[serde(skip_serializing_if = "is_default")]
    pub percentage: f64,
}

/// Section `storage.exemplars`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExemplarsConfig {
    /// How many are kept.
    pub max_exemplars: i64,
}

impl Default for ExemplarsConfig {
    fn default() -> Self {
        Self { max_exemplars: 100_000 }
    }
}

/// Section `otlp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OtlpConfig {
    /// Whether all attributes of a resource become labels.
    #[serde(skip_serializing_if = "is_default")]
    pub promote_all_resource_attributes: bool,
    /// Attributes of a resource that become labels.
    #[serde(skip_serializing_if = "is_default")]
    pub promote_resource_attributes: Vec<String>,
    /// Attributes of a resource that do not, where all others do.
    #[serde(skip_serializing_if = "is_default")]
    pub ignore_resource_attributes: Vec<String>,
    /// How names are translated.
    pub translation_strategy: String,
    /// Whether `target_info` keeps the attributes that identify the resource.
    #[serde(skip_serializing_if = "is_default")]
    pub keep_identifying_resource_attributes: bool,
    /// Whether explicit histograms become native ones with custom buckets.
    #[serde(skip_serializing_if = "is_default")]
    pub convert_histograms_to_nhcb: bool,
    /// Whether name, version and attributes of a scope become labels.
    #[serde(skip_serializing_if = "is_default")]
    pub promote_scope_metadata: bool,
    /// Whether labels that begin with an underscore get a prefix.
    pub label_name_underscore_sanitization: bool,
    /// Whether several underscores in a row stay.
    pub label_name_preserve_multiple_underscores: bool,
}

impl Default for OtlpConfig {
    fn default() -> Self {
        Self {
            promote_all_resource_attributes: false,
            promote_resource_attributes: Vec::new(),
            ignore_resource_attributes: Vec::new(),
            translation_strategy: "UnderscoreEscapingWithSuffixes".into(),
            keep_identifying_resource_attributes: false,
            convert_histograms_to_nhcb: false,
            promote_scope_metadata: false,
            label_name_underscore_sanitization: true,
            label_name_preserve_multiple_underscores: true,
        }
    }
}
