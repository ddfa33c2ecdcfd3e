//! Health: of the host that the server runs on, of what it depends on, and of agents over time.
//!
//! In reading order: [`config`], [`host`] (readings, samples, thresholds), [`checks`] (what others depend
//! on), `agents` (events about agents), `samples` and [`stored`] (measures on their way to the store and
//! back), `announce` (events), [`monitoring`] (requests to this server and to services).

mod agents;
mod announce;
pub mod checks;
pub mod config;
pub mod host;
pub mod monitoring;
mod samples;
pub mod stored;

use std::path::Path;
use std::sync::Arc;

use prometheus::{IntCounter, Registry};
use watchkeep_model::{Error, Result, TenantId};

use self::agents::AgentsWatch;
use self::checks::Checks;
use self::config::HealthConfig;
use self::host::Host;
use crate::engine::Engine;
use crate::scrape::environment::Environment;

/// What is known of the health of everything around.
#[derive(Debug)]
pub struct Health {
    pub(crate) config: HealthConfig,
    host: Host,
    checks: Checks,
    agents: AgentsWatch,
    counters: Counters,
}

#[derive(Debug)]
struct Counters {
    failed_writes: IntCounter,
}

impl Counters {
    fn register(registry: &Registry) -> prometheus::Result<Self> {
        let failed_writes = IntCounter::new(
            "wk_engine_health_failed_writes_total",
            "Times that samples or events of the host, of checks or of agents could not be stored",
        )?;
        registry.register(Box::new(failed_writes.clone()))?;
        Ok(Self { failed_writes })
    }
}

impl Health {
    /// Nothing is known yet, under the default configuration.
    pub fn new(registry: &Registry) -> Result<Self> {
        let counters = Counters::register(registry).map_err(|error| {
            Error::internal("cannot register metrics of health").with_source(error)
        })?;
        let config = HealthConfig::default();
        Ok(Self {
            checks: Checks::new(&config, &Environment::default())?,
            config,
            host: Host::default(),
            agents: AgentsWatch::default(),
            counters,
        })
    }

    /// Section `health`.
    pub fn config(&self) -> &HealthConfig {
        &self.config
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Checks of what others depend on.
    pub fn checks(&self) -> &Checks {
        &self.checks
    }
}

impl Engine {
    /// The engine with another section `health`; the data directory is where the disk that matters most
    /// is, and the environment is what programs that are checks get some of. Fails where something is
    /// wrong.
    pub fn with_health(
        mut self,
        config: HealthConfig,
        data_dir: &Path,
        environment: &Environment,
    ) -> Result<Self> {
        config.check()?;
        self.health.host = Host::new(data_dir);
        self.health.checks = Checks::new(&config, environment)?;
        self.health.config = config;
        Ok(self)
    }

    /// What is known of the health of everything around.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Agents finished runs.
    pub(crate) fn agents_were_at_work(&self, tenant: &TenantId) {
        self.health.agents.saw(tenant, self.clock.now_ns());
    }
}

/// Watches until it is dropped.
pub async fn run(engine: Arc<Engine>) {
    tokio::join!(host::run(&engine), checks::run(&engine), agents::run(&engine));
}
