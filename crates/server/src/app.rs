//! What every handler is given: the engine, the limits of the server, and what the status page
//! says about the process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use prometheus::Registry;
use tokio::sync::Semaphore;
use watchkeep_engine::Engine;
use watchkeep_engine::scrape::Scraping;
use watchkeep_model::Result;
use watchkeep_wire::otlp::MetricsOptions;

use crate::api::jaeger::config::{JaegerConfig, Strategies};
use crate::config::{OtlpConfig, ServerConfig};
use crate::error_log::ErrorLog;
use crate::legacy::LegacyPortsConfig;
use crate::metrics::ServerMetrics;
use crate::requests::RequestStats;

/// What is known about the process before it starts.
#[derive(Debug, Clone)]
pub struct About {
    /// The program's version.
    pub version: &'static str,
    /// The commit that it was built from; empty when not known.
    pub commit: &'static str,
    /// Where the data lives.
    pub data_dir: PathBuf,
    /// How long data is kept, for people.
    pub retention: String,
}

/// One open listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerInfo {
    /// `main`, `otlp-grpc`, `otlp-http`, or the name of a legacy port.
    pub name: &'static str,
    /// Where it listens, with the real port.
    pub address: SocketAddr,
}

/// The state behind all handlers.
#[derive(Debug)]
pub struct App {
    pub(crate) engine: Arc<Engine>,
    pub(crate) scraping: Arc<Scraping>,
    pub(crate) registry: Registry,
    pub(crate) config: ServerConfig,
    pub(crate) otlp: OtlpConfig,
    pub(crate) jaeger: JaegerConfig,
    pub(crate) sampling: Strategies,
    pub(crate) legacy_ports: LegacyPortsConfig,
    pub(crate) metrics_options: Arc<MetricsOptions>,
    pub(crate) about: About,
    pub(crate) started_ns: i64,
    pub(crate) listeners: OnceLock<Vec<ListenerInfo>>,
    pub(crate) metrics: ServerMetrics,
    pub(crate) requests: Arc<RequestStats>,
    pub(crate) error_log: ErrorLog,
    /// One permit for each large body that may be decoded at one time: decoding is pure CPU work,
    /// and each may hold a decompressed body that is not accounted for yet.
    pub(crate) decoders: Arc<Semaphore>,
}

impl App {
    /// Puts the state together and registers the server's own metrics.
    pub fn new(
        engine: Arc<Engine>,
        scraping: Arc<Scraping>,
        registry: Registry,
        config: ServerConfig,
        otlp: OtlpConfig,
        about: About,
    ) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self {
            metrics: ServerMetrics::register(&registry)?,
            started_ns: engine.clock().now_ns(),
            engine,
            scraping,
            registry,
            config,
            metrics_options: Arc::new(otlp.metrics.options()?),
            otlp,
            sampling: JaegerConfig::default().sampling.strategies()?,
            jaeger: JaegerConfig::default(),
            legacy_ports: LegacyPortsConfig::default(),
            about,
            listeners: OnceLock::new(),
            requests: Arc::default(),
            error_log: ErrorLog::default(),
            decoders: Arc::new(Semaphore::new(cores)),
        })
    }

    /// The state with another section `jaeger`; fails where that says something that can not be.
    pub fn with_jaeger(mut self, jaeger: JaegerConfig) -> Result<Self> {
        jaeger.check()?;
        self.sampling = jaeger.sampling.strategies()?;
        self.jaeger = jaeger;
        Ok(self)
    }

    /// The state with another section `legacy_ports`.
    #[must_use]
    pub fn with_legacy_ports(mut self, legacy_ports: LegacyPortsConfig) -> Self {
        self.legacy_ports = legacy_ports;
        self
    }
}
