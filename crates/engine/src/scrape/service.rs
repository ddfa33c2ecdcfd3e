//! Scraping as the server runs it: one manager, the file that it reads, and how the last reading of
//! the file went.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use prometheus::Registry;
use watchkeep_model::{Error, Labels, Result, TenantId};

use super::config::{PrometheusConfig, load};
use super::discovery::DiscoveryMetrics;
use super::environment::Environment;
use super::fetch::HttpFetch;
use super::loops::{EngineAppender, LoopOptions, ScrapeLoops};
use super::manager::ScrapeManager;
use super::metrics::ScrapeMetrics;
use crate::engine::Engine;

/// How the last reading of the configuration file went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reload {
    /// Whether the file is in force.
    pub succeeded: bool,
    /// When the configuration in force was read, nanoseconds since the epoch; `None` where none
    /// ever was.
    pub applied_ns: Option<i64>,
}

/// Scrapes what a configuration file says.
#[derive(Debug)]
pub struct Scraping {
    engine: Arc<Engine>,
    manager: ScrapeManager<ScrapeLoops>,
    file: Option<PathBuf>,
    /// What is in force before a file was read.
    defaults: Arc<PrometheusConfig>,
    last: RwLock<Reload>,
}

impl Scraping {
    /// Scrapes nothing until [`Scraping::reload`]. Samples are the tenant's.
    pub fn new(
        engine: &Arc<Engine>,
        tenant: TenantId,
        file: Option<PathBuf>,
        environment: Environment,
        registry: &Registry,
    ) -> Result<Self> {
        let fetch = HttpFetch { body_bytes_max: engine.limits().decompressed_bytes_max.bytes() };
        let loops = ScrapeLoops::new(
            Arc::new(EngineAppender { engine: Arc::clone(engine), tenant }),
            Arc::new(fetch),
            Arc::clone(&engine.clock),
            ScrapeMetrics::register(registry)?,
            LoopOptions::default(),
        );
        let discovery = DiscoveryMetrics::register(registry)?;
        let defaults = Arc::new(load("", Path::new("."), &environment)?.config);
        Ok(Self {
            engine: Arc::clone(engine),
            manager: ScrapeManager::new(loops, environment, discovery),
            file,
            defaults,
            last: RwLock::new(Reload { succeeded: true, applied_ns: None }),
        })
    }

    /// Reads the file and scrapes what it says from now on. A bad file changes nothing.
    pub async fn reload(&self) -> Result<()> {
        let Some(file) = &self.file else {
            return Err(Error::invalid(
                "there is no scrape configuration to read: name one with --config.file",
            ));
        };
        let outcome = self.manager.apply_file(file).await;
        let mut last = self.last.write();
        last.succeeded = outcome.is_ok();
        if outcome.is_ok() {
            last.applied_ns = Some(self.engine.clock().now_ns());
        }
        drop(last);
        outcome.map(drop)
    }

    /// The file that says what to scrape.
    pub fn file(&self) -> Option<&PathBuf> {
        self.file.as_ref()
    }

    /// How the last reading of the file went.
    pub fn last_reload(&self) -> Reload {
        *self.last.read()
    }

    /// Jobs and targets.
    pub fn manager(&self) -> &ScrapeManager<ScrapeLoops> {
        &self.manager
    }

    /// The configuration in force, or what is in force without a file.
    pub fn config(&self) -> Arc<PrometheusConfig> {
        self.manager.config().unwrap_or_else(|| Arc::clone(&self.defaults))
    }

    /// Labels that tell this server's samples from those of others.
    pub fn external_labels(&self) -> Labels {
        self.config().global.external_labels.clone()
    }

    /// Stops all scraping.
    pub async fn shut_down(&self) {
        self.manager.shut_down().await;
    }
}
