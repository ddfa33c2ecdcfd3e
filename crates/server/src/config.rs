//! The sections `server` and `otlp` of the configuration.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use watchkeep_engine::humane::HumaneDuration;
use watchkeep_wire::otlp::MetricsOptions;

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

/// Section `otlp.metrics`: how resources and scopes show in series.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpMetricsConfig {
    /// Attributes of the resource that every series of it gets as labels, by their OTLP names.
    pub promote_resource_attributes: Vec<String>,
    /// Whether series get the labels `otel_scope_name` and `otel_scope_version`.
    pub add_scope_labels: bool,
}

impl OtlpMetricsConfig {
    pub(crate) fn options(&self) -> MetricsOptions {
        MetricsOptions {
            promote_resource_attributes: self.promote_resource_attributes.clone(),
            add_scope_labels: self.add_scope_labels,
        }
    }
}
