//! What every handler is given: the engine, the limits of the server, and what the status page
//! says about the process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use prometheus::Registry;
use tokio::sync::Semaphore;
use watchkeep_engine::Engine;
use watchkeep_model::Result;
use watchkeep_wire::otlp::MetricsOptions;

use crate::config::{OtlpConfig, ServerConfig};
use crate::error_log::ErrorLog;
use crate::metrics::ServerMetrics;

/// What is known about the process before it starts.
#[derive(Debug, Clone)]
pub struct About {
    /// The program's version.
    pub version: &'static str,
    /// The commit that it was built from; empty when not known.
    pub commit: &'static str,
    /// Where the data lives.
    pub data_dir: PathBuf,
}

/// One open listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerInfo {
    /// `main`, `otlp-grpc` or `otlp-http`.
    pub name: &'static str,
    /// Where it listens, with the real port.
    pub address: SocketAddr,
}

/// The state behind all handlers.
#[derive(Debug)]
pub struct App {
    pub(crate) engine: Arc<Engine>,
    pub(crate) registry: Registry,
    pub(crate) config: ServerConfig,
    pub(crate) otlp: OtlpConfig,
    pub(crate) metrics_options: Arc<MetricsOptions>,
    pub(crate) about: About,
    pub(crate) started_ns: i64,
    pub(crate) listeners: OnceLock<Vec<ListenerInfo>>,
    pub(crate) metrics: ServerMetrics,
    pub(crate) error_log: ErrorLog,
    /// One permit for each large body that may be decoded at one time: decoding is pure CPU work,
    /// and each may hold a decompressed body that is not accounted for yet.
    pub(crate) decoders: Arc<Semaphore>,
}

impl App {
    /// Puts the state together and registers the server's own metrics.
    pub fn new(
        engine: Arc<Engine>,
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
            registry,
            config,
            metrics_options: Arc::new(otlp.metrics.options()?),
            otlp,
            about,
            listeners: OnceLock::new(),
            error_log: ErrorLog::default(),
            decoders: Arc::new(Semaphore::new(cores)),
        })
    }
}
