//! Keeps the running scrape loops in step with the configuration and with what is discovered.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use watchkeep_model::{Error, ErrorKind, Labels, Result};

use super::config::{Loaded, PrometheusConfig, load_file};
use super::discovery::{DiscoveryMetrics, LabelMap, Provider, ProviderConfig};
use super::environment::Environment;
use super::http_client::HttpClient;
use super::job::{Job, Scraper, StopReason};
use super::pool::Pool;
pub use super::pool::PoolView;
use super::relabel::{LabelsBuilder, RelabelRule};

/// The first wait before an update of discovery is applied; each further one in a row is longer.
const UPDATE_DELAY_MIN: Duration = Duration::from_millis(100);

/// The longest wait before an update of discovery is applied.
const UPDATE_DELAY_MAX: Duration = Duration::from_secs(5);

/// What is to be said about a configuration that was applied.
pub type Warnings = Vec<String>;

/// What a rule made of labels.
#[derive(Debug, Clone)]
pub struct RelabelStep {
    /// The rule.
    pub rule: RelabelRule,
    /// The labels after it; none if they were dropped.
    pub output: Labels,
    /// Whether the labels were kept.
    pub keep: bool,
}

/// Scrapes what the configuration says. Clones are the same manager.
pub struct ScrapeManager<S: Scraper> {
    inner: Arc<Inner<S>>,
}

impl<S: Scraper> Clone for ScrapeManager<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<S: Scraper> std::fmt::Debug for ScrapeManager<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScrapeManager").field("pools", &self.inner.views.read().len()).finish()
    }
}

struct Inner<S: Scraper> {
    scraper: S,
    environment: Environment,
    metrics: DiscoveryMetrics,
    /// Woken when something was discovered.
    changed: Arc<Notify>,
    state: Mutex<State<S>>,
    views: RwLock<Vec<PoolView>>,
    config: RwLock<Option<Arc<PrometheusConfig>>>,
}

struct State<S: Scraper> {
    pools: Vec<Pool<S>>,
    /// Applies updates of discovery; `None` before the first configuration and after shutdown.
    updating: Option<JoinHandle<()>>,
    is_shut_down: bool,
}

/// A job and its discovery, ready to become a pool.
struct Prepared {
    job: Arc<Job>,
    providers: Vec<Arc<Provider>>,
}

impl<S: Scraper> ScrapeManager<S> {
    /// A manager that scrapes nothing yet.
    pub fn new(scraper: S, environment: Environment, metrics: DiscoveryMetrics) -> Self {
        let state = State { pools: Vec::new(), updating: None, is_shut_down: false };
        Self {
            inner: Arc::new(Inner {
                scraper,
                environment,
                metrics,
                changed: Arc::default(),
                state: Mutex::new(state),
                views: RwLock::default(),
                config: RwLock::default(),
            }),
        }
    }

    /// Reads a configuration file and applies it. Changes nothing where the file is bad.
    pub async fn apply_file(&self, path: &Path) -> Result<Warnings> {
        let (path, environment) = (path.to_owned(), self.inner.environment.clone());
        let loading = tokio::task::spawn_blocking(move || load_file(&path, &environment));
        let loaded = loading
            .await
            .map_err(|error| Error::internal("reading was cut off").with_source(error))??;
        self.apply(loaded).await
    }

    /// Applies a configuration: starts, changes and stops whatever differs from the one before.
    /// Changes nothing where certificates and the like can not be used. The warnings are logged.
    pub async fn apply(&self, loaded: Loaded) -> Result<Warnings> {
        let Loaded { config, mut warnings } = loaded;
        let inner = &self.inner;
        let mut state = inner.state.lock().await;
        if state.is_shut_down {
            let retry_after = Duration::from_secs(1);
            return Err(Error::new(
                ErrorKind::Unavailable { retry_after },
                "scraping has been shut down",
            ));
        }
        let prepared = inner.prepare(&state.pools, &config, &mut warnings)?;
        for warning in &warnings {
            tracing::warn!("configuration: {warning}");
        }
        inner.replace_pools(&mut state, prepared);
        *inner.config.write() = Some(Arc::new(config));
        if state.updating.is_none() {
            let weak = Arc::downgrade(&self.inner);
            let changed = Arc::clone(&inner.changed);
            state.updating = Some(tokio::spawn(async move {
                let mut pace = Pace::default();
                loop {
                    changed.notified().await;
                    tokio::time::sleep(pace.delay()).await;
                    let Some(inner) = weak.upgrade() else { return };
                    inner.sync().await;
                    pace.applied();
                }
            }));
        }
        Ok(warnings)
    }

    /// Stops all scraping and discovery. Ready when no loop runs any more.
    pub async fn shut_down(&self) {
        let inner = &self.inner;
        let mut state = inner.state.lock().await;
        state.is_shut_down = true;
        if let Some(task) = state.updating.take() {
            task.abort();
        }
        let mut pools = std::mem::take(&mut state.pools);
        let stops = pools.iter_mut().map(|pool| pool.stop(&inner.scraper, StopReason::Shutdown));
        futures::future::join_all(stops.collect::<Vec<_>>()).await;
        inner.views.write().clear();
    }

    /// The configuration that runs.
    pub fn config(&self) -> Option<Arc<PrometheusConfig>> {
        self.inner.config.read().clone()
    }

    /// All jobs with their targets, in the order of the configuration.
    pub fn pools(&self) -> Vec<PoolView> {
        self.inner.views.read().clone()
    }

    /// What the rules of a job make of labels, one after the other.
    pub fn relabel_steps(&self, job: &str, labels: &LabelMap) -> Result<Vec<RelabelStep>> {
        let views = self.inner.views.read();
        let pool = views.iter().find(|pool| pool.job.config.job_name == job);
        let pool = pool.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("there is no scrape pool {job:?}"))
        })?;
        let mut builder = LabelsBuilder::from_pairs(labels);
        let mut keep = true;
        let step = |rule: &RelabelRule| {
            keep = keep && rule.apply(&mut builder);
            let output = if keep { builder.labels() } else { Labels::default() };
            RelabelStep { rule: rule.clone(), output, keep }
        };
        Ok(pool.job.config.relabel_configs.iter().map(step).collect())
    }
}

impl<S: Scraper> Inner<S> {
    /// Makes clients and starts discovery, using again what has not changed. What is not used in
    /// the end stops when it is dropped.
    fn prepare(
        &self,
        pools: &[Pool<S>],
        config: &PrometheusConfig,
        warnings: &mut Warnings,
    ) -> Result<Vec<Prepared>> {
        let mut running: Vec<Arc<Provider>> =
            pools.iter().flat_map(|pool| pool.providers.iter().cloned()).collect();
        let mut prepared = Vec::new();
        for job_config in config.jobs() {
            let name = &job_config.job_name;
            let external_labels = &config.global.external_labels;
            let same = pools
                .iter()
                .map(Pool::job)
                .find(|job| job.config == *job_config && job.external_labels == *external_labels);
            let job = match same {
                Some(job) => Arc::clone(job),
                None => Arc::new(Job {
                    client: HttpClient::new(&job_config.http, &self.environment).map_err(
                        |error| {
                            let why = error.report();
                            Error::invalid(format!("error creating scrape pool {name:?}: {why}"))
                        },
                    )?,
                    config: job_config.clone(),
                    external_labels: external_labels.clone(),
                }),
            };
            let mut providers = Vec::new();
            for provider_config in ProviderConfig::of_job(&job_config.discovery) {
                let found = running.iter().find(|it| *it.config() == provider_config);
                if let Some(provider) = found {
                    providers.push(Arc::clone(provider));
                    continue;
                }
                let changed = Arc::clone(&self.changed);
                let environment = &self.environment;
                match Provider::start(&provider_config, environment, changed, &self.metrics) {
                    Ok(provider) => {
                        let provider = Arc::new(provider);
                        running.push(Arc::clone(&provider));
                        providers.push(provider);
                    }
                    // As upstream: the rest of the configuration is good nevertheless.
                    Err(error) => {
                        let mechanism = provider_config.mechanism();
                        self.metrics.failures.with_label_values(&[mechanism]).inc();
                        warnings.push(format!(
                            "job {name:?}: cannot create {mechanism} service discovery: {}",
                            error.report()
                        ));
                    }
                }
            }
            prepared.push(Prepared { job, providers });
        }
        Ok(prepared)
    }

    fn replace_pools(&self, state: &mut State<S>, prepared: Vec<Prepared>) {
        let mut before = std::mem::take(&mut state.pools);
        for Prepared { job, providers } in prepared {
            let same = |pool: &Pool<S>| pool.job().config.job_name == job.config.job_name;
            let mut pool = match before.iter().position(same) {
                Some(at) => before.swap_remove(at),
                None => Pool::new(Arc::clone(&job), Vec::new()),
            };
            let is_same_job = Arc::ptr_eq(pool.job(), &job);
            pool.providers = providers;
            if is_same_job {
                pool.sync(&self.scraper);
            } else {
                pool.set_job(job, &self.scraper);
            }
            state.pools.push(pool);
        }
        for mut pool in before {
            tokio::spawn(pool.stop(&self.scraper, StopReason::Gone));
        }
        self.publish(&state.pools);
    }

    /// Brings all pools up to date with discovery.
    async fn sync(&self) {
        let mut state = self.state.lock().await;
        for pool in &mut state.pools {
            pool.sync(&self.scraper);
        }
        self.publish(&state.pools);
    }

    fn publish(&self, pools: &[Pool<S>]) {
        *self.views.write() = pools.iter().map(Pool::view).collect();
    }
}

/// How long to wait before the next update is applied.
struct Pace {
    delay: Duration,
    last: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { delay: UPDATE_DELAY_MIN, last: None }
    }
}

impl Pace {
    fn delay(&mut self) -> Duration {
        let quiet = self.last.is_none_or(|last| last.elapsed() > UPDATE_DELAY_MAX);
        self.delay = if quiet { UPDATE_DELAY_MIN } else { (self.delay * 2).min(UPDATE_DELAY_MAX) };
        self.delay
    }

    fn applied(&mut self) {
        self.last = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests;
