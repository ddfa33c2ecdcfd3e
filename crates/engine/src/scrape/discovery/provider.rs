//! A discovery that runs in the background, and what it has found so far.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus::{IntCounterVec, Opts, Registry};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use watchkeep_model::{Error, Result};

use super::group::TargetGroup;
use super::{consul, dns, docker, file, http, kubernetes};
use crate::scrape::config::discovery::{
    ConsulConfig, DiscoveryConfigs, DnsConfig, DockerConfig, FileConfig, HttpConfig,
    KubernetesConfig, StaticConfig,
};
use crate::scrape::environment::Environment;

/// Counters of all discovery.
#[derive(Debug, Clone)]
pub struct DiscoveryMetrics {
    /// Attempts that failed, by kind of discovery.
    pub failures: IntCounterVec,
    /// Updates of groups, by kind of discovery.
    pub updates: IntCounterVec,
}

impl DiscoveryMetrics {
    /// Creates and registers all metrics.
    pub fn register(registry: &Registry) -> Result<Self> {
        Self::build(registry).map_err(|error| {
            Error::internal("cannot register metrics of discovery").with_source(error)
        })
    }

    fn build(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name, help| IntCounterVec::new(Opts::new(name, help), &["mechanism"]);
        let metrics = Self {
            failures: counter(
                "wk_engine_discovery_failures_total",
                "Attempts to find targets that failed",
            )?,
            updates: counter(
                "wk_engine_discovery_updates_total",
                "Times that groups of targets were found",
            )?,
        };
        registry.register(Box::new(metrics.failures.clone()))?;
        registry.register(Box::new(metrics.updates.clone()))?;
        Ok(metrics)
    }
}

/// What a discovery is told. Equal ones are one discovery, whichever jobs use it.
#[derive(Debug, Clone, PartialEq)]
pub enum ProviderConfig {
    /// Targets in the configuration.
    Static(Vec<StaticConfig>),
    /// Files.
    File(FileConfig),
    /// HTTP.
    Http(HttpConfig),
    /// The domain name system.
    Dns(DnsConfig),
    /// Docker.
    Docker(DockerConfig),
    /// Kubernetes.
    Kubernetes(KubernetesConfig),
    /// Consul.
    Consul(ConsulConfig),
}

impl ProviderConfig {
    /// All discovery of a job. Without any, the job has none of its targets.
    pub fn of_job(configs: &DiscoveryConfigs) -> Vec<Self> {
        let mut all = Vec::new();
        all.extend(configs.consul.iter().cloned().map(Self::Consul));
        all.extend(configs.dns.iter().cloned().map(Self::Dns));
        all.extend(configs.docker.iter().cloned().map(Self::Docker));
        all.extend(configs.file.iter().cloned().map(Self::File));
        all.extend(configs.http.iter().cloned().map(Self::Http));
        all.extend(configs.kubernetes.iter().cloned().map(Self::Kubernetes));
        if !configs.fixed.is_empty() {
            all.push(Self::Static(configs.fixed.clone()));
        }
        all
    }

    /// The kind, as metrics and messages name it.
    pub fn mechanism(&self) -> &'static str {
        match self {
            Self::Static(_) => "static",
            Self::File(_) => "file",
            Self::Http(_) => "http",
            Self::Dns(_) => "dns",
            Self::Docker(_) => "docker",
            Self::Kubernetes(_) => "kubernetes",
            Self::Consul(_) => "consul",
        }
    }
}

/// Where a discovery puts what it finds.
#[derive(Debug, Clone)]
pub(super) struct Updates {
    mechanism: &'static str,
    groups: Arc<Mutex<BTreeMap<String, Arc<TargetGroup>>>>,
    changed: Arc<Notify>,
    metrics: DiscoveryMetrics,
}

impl Updates {
    pub(super) fn new(
        mechanism: &'static str,
        changed: Arc<Notify>,
        metrics: DiscoveryMetrics,
    ) -> Self {
        Self { mechanism, groups: Arc::default(), changed, metrics }
    }

    /// Replaces the groups of the same sources; those without targets are forgotten.
    pub(super) fn merge(&self, groups: impl IntoIterator<Item = TargetGroup>) {
        let mut changed = false;
        let mut all = self.groups.lock();
        for group in groups {
            if group.targets.is_empty() {
                changed |= all.remove(&group.source).is_some();
            } else if all.get(&group.source).is_none_or(|old| **old != group) {
                all.insert(group.source.clone(), Arc::new(group));
                changed = true;
            }
        }
        drop(all);
        self.note(changed);
    }

    /// Replaces all groups.
    pub(super) fn replace(&self, groups: impl IntoIterator<Item = TargetGroup>) {
        let groups: BTreeMap<String, Arc<TargetGroup>> = groups
            .into_iter()
            .filter(|group| !group.targets.is_empty())
            .map(|group| (group.source.clone(), Arc::new(group)))
            .collect();
        let mut all = self.groups.lock();
        let changed = *all != groups;
        *all = groups;
        drop(all);
        self.note(changed);
    }

    fn note(&self, changed: bool) {
        self.metrics.updates.with_label_values(&[self.mechanism]).inc();
        if changed {
            self.changed.notify_one();
        }
    }

    /// Logs and counts a failure. What was found before stays.
    pub(super) fn failed(&self, error: &Error) {
        self.metrics.failures.with_label_values(&[self.mechanism]).inc();
        let mechanism = self.mechanism;
        tracing::warn!(mechanism, error = error.report(), "unable to refresh target groups");
    }

    /// Refreshes at once and then in intervals, for ever.
    pub(super) async fn refresh_every<F>(&self, interval: Duration, mut refresh: impl FnMut() -> F)
    where
        F: Future<Output = Result<Vec<TargetGroup>>>,
    {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match refresh().await {
                Ok(groups) => self.replace(groups),
                Err(error) => self.failed(&error),
            }
        }
    }

    pub(super) fn groups(&self) -> Vec<Arc<TargetGroup>> {
        self.groups.lock().values().cloned().collect()
    }
}

/// A discovery that runs until this is dropped.
#[derive(Debug)]
pub struct Provider {
    config: ProviderConfig,
    updates: Updates,
    task: Option<JoinHandle<()>>,
}

impl Provider {
    /// Starts a discovery; `changed` is woken when its groups change. Fails where the
    /// configuration's credentials can not be used. Needs a Tokio runtime.
    pub fn start(
        config: &ProviderConfig,
        environment: &Environment,
        changed: Arc<Notify>,
        metrics: &DiscoveryMetrics,
    ) -> Result<Self> {
        let updates = Updates::new(config.mechanism(), changed, metrics.clone());
        let own = updates.clone();
        let task = match config {
            ProviderConfig::Static(configs) => {
                updates.replace(static_groups(configs));
                None
            }
            ProviderConfig::File(config) => Some(tokio::spawn(file::run(config.clone(), own))),
            ProviderConfig::Http(config) => {
                Some(tokio::spawn(http::HttpDiscovery::new(config, environment)?.run(own)))
            }
            ProviderConfig::Dns(config) => {
                Some(tokio::spawn(dns::DnsDiscovery::new(config)?.run(own)))
            }
            ProviderConfig::Docker(config) => {
                Some(tokio::spawn(docker::DockerDiscovery::new(config, environment)?.run(own)))
            }
            ProviderConfig::Kubernetes(config) => {
                Some(tokio::spawn(kubernetes::Discovery::new(config, environment)?.run(own)))
            }
            ProviderConfig::Consul(config) => {
                Some(tokio::spawn(consul::ConsulDiscovery::new(config, environment)?.run(own)))
            }
        };
        Ok(Self { config: config.clone(), updates, task })
    }

    /// What the discovery was told.
    pub fn config(&self) -> &ProviderConfig {
        &self.config
    }

    /// What it has found, by source.
    pub fn groups(&self) -> Vec<Arc<TargetGroup>> {
        self.updates.groups()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

fn static_groups(configs: &[StaticConfig]) -> Vec<TargetGroup> {
    let group = |(position, config): (usize, &StaticConfig)| {
        TargetGroup::from_addresses(
            position.to_string(),
            config.targets.iter().cloned(),
            config.labels.clone(),
        )
    };
    configs.iter().enumerate().map(group).collect()
}
