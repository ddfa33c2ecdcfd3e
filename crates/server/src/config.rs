//! The sections `server` and `otlp` of the configuration.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use watchkeep_engine::humane::HumaneDuration;
use watchkeep_model::{Error, Result};
use watchkeep_wire::otlp::{MetricsOptions, TranslationStrategy};

/// Section `server`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Address of the main listener: API, web UI, OTLP over HTTP and gRPC.
    pub listen: String,
    /// Address that takes OTLP over gRPC alone, or `off`.
    pub otlp_grpc_listen: String,
    /// Address that takes OTLP over HTTP alone, or `off`.
    pub otlp_http_listen: String,
    /// Connections open at one time, on each listener.
    pub connections_max: usize,
    /// How long a client may take to send a request's head.
    pub head_timeout: HumaneDuration,
    /// How long a client may take to send a request's body.
    pub body_timeout: HumaneDuration,
    /// How long requests in progress may go on after the server was told to stop.
    pub shutdown_grace: HumaneDuration,
    /// Whether series may be deleted and snapshots taken over HTTP (`/api/v1/admin/tsdb/*`).
    pub admin_api: bool,
    /// Whether the scrape configuration may be read again over HTTP (`/-/reload`).
    pub lifecycle_api: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7070".into(),
            otlp_grpc_listen: "127.0.0.1:4317".into(),
            otlp_http_listen: "127.0.0.1:4318".into(),
            connections_max: 4096,
            head_timeout: HumaneDuration(Duration::from_secs(30)),
            body_timeout: HumaneDuration(Duration::from_mins(1)),
            shutdown_grace: HumaneDuration(Duration::from_secs(10)),
            admin_api: false,
            lifecycle_api: false,
        }
    }
}

/// Section `otlp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpConfig {
    /// Origins of web pages that may send OTLP over HTTP; `*` means all, none switches CORS off.
    pub cors_origins: Vec<String>,
    /// Section `otlp.metrics`.
    pub metrics: OtlpMetricsConfig,
}

impl Default for OtlpConfig {
    fn default() -> Self {
        Self { cors_origins: vec!["*".into()], metrics: OtlpMetricsConfig::default() }
    }
}

/// Section `otlp.metrics`: how metrics, their resources and scopes show in series. The keys are those
/// of Prometheus' section `otlp`; what they mean is told at [`MetricsOptions`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpMetricsConfig {
    /// What becomes of names: the name of a [`TranslationStrategy`].
    pub translation_strategy: String,
    /// Attributes of the resource that every series of it gets as labels, by their OTLP names.
    pub promote_resource_attributes: Vec<String>,
    /// Whether series get all attributes of the resource, but for the ignored ones.
    pub promote_all_resource_attributes: bool,
    /// Attributes that are not promoted with all, by their OTLP names.
    pub ignore_resource_attributes: Vec<String>,
    /// Whether `target_info` also has the attributes of which `job` and `instance` are made.
    pub keep_identifying_resource_attributes: bool,
    /// Whether histograms with explicit bounds become native ones with custom buckets.
    pub convert_histograms_to_nhcb: bool,
    /// Whether series get labels that tell about the scope.
    pub promote_scope_metadata: bool,
    /// Whether escaped names of labels that begin with one underscore get `key` before it.
    pub label_name_underscore_sanitization: bool,
    /// Whether underscores in a row stay so in escaped names of labels.
    pub label_name_preserve_multiple_underscores: bool,
}

impl Default for OtlpMetricsConfig {
    fn default() -> Self {
        let options = MetricsOptions::default();
        Self {
            translation_strategy: options.translation_strategy.name().into(),
            promote_resource_attributes: options.promote_resource_attributes,
            promote_all_resource_attributes: options.promote_all_resource_attributes,
            ignore_resource_attributes: options.ignore_resource_attributes,
            keep_identifying_resource_attributes: options.keep_identifying_resource_attributes,
            convert_histograms_to_nhcb: options.convert_histograms_to_nhcb,
            promote_scope_metadata: options.promote_scope_metadata,
            label_name_underscore_sanitization: options.label_name_underscore_sanitization,
            label_name_preserve_multiple_underscores: options
                .label_name_preserve_multiple_underscores,
        }
    }
}

impl OtlpMetricsConfig {
    /// The options, or what is wrong with the section, by the rules of Prometheus.
    pub fn options(&self) -> Result<MetricsOptions> {
        let translation_strategy = TranslationStrategy::from_name(&self.translation_strategy)
            .ok_or_else(|| {
                Error::invalid(format!(
                    "otlp.metrics.translation_strategy is {:?}; it must be \
                     UnderscoreEscapingWithSuffixes, UnderscoreEscapingWithoutSuffixes, \
                     NoUTF8EscapingWithSuffixes or NoTranslation",
                    self.translation_strategy
                ))
            })?;
        let all = self.promote_all_resource_attributes;
        if all && !self.promote_resource_attributes.is_empty() {
            return Err(Error::invalid(
                "otlp.metrics.promote_all_resource_attributes and \
                 otlp.metrics.promote_resource_attributes can not be used together",
            ));
        }
        if !all && !self.ignore_resource_attributes.is_empty() {
            return Err(Error::invalid(
                "otlp.metrics.ignore_resource_attributes needs \
                 otlp.metrics.promote_all_resource_attributes",
            ));
        }
        let trimmed = |names: &[String]| names.iter().map(|name| name.trim().to_owned()).collect();
        Ok(MetricsOptions {
            translation_strategy,
            promote_resource_attributes: trimmed(&self.promote_resource_attributes),
            promote_all_resource_attributes: all,
            ignore_resource_attributes: trimmed(&self.ignore_resource_attributes),
            keep_identifying_resource_attributes: self.keep_identifying_resource_attributes,
            convert_histograms_to_nhcb: self.convert_histograms_to_nhcb,
            promote_scope_metadata: self.promote_scope_metadata,
            label_name_underscore_sanitization: self.label_name_underscore_sanitization,
            label_name_preserve_multiple_underscores: self.label_name_preserve_multiple_underscores,
        })
    }
}
