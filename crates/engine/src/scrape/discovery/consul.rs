//! Targets from Consul: the catalogue says which services there are, and each service's instances
//! are watched with blocking queries.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::task::{AbortHandle, JoinSet};
use watchkeep_model::{Error, Result};

use super::group::{LabelMap, TargetGroup, host_port, sanitize};
use super::provider::Updates;
use crate::scrape::config::discovery::ConsulConfig;
use crate::scrape::environment::Environment;
use crate::scrape::http_client::{HttpClient, read_body};
use crate::scrape::target::{ADDRESS, escape_query};

/// How long Consul may hold an answer back while nothing changes.
const WATCH_TIMEOUT: Duration = Duration::from_mins(2);

/// What an answer may take beyond that.
const WATCH_GRACE: Duration = Duration::from_secs(15);

/// Time between two attempts after a failure.
const RETRY_INTERVAL: Duration = Duration::from_secs(15);

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Something that is registered; fields that are not needed are left out.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    node: Node,
    service: Service,
    #[serde(default)]
    checks: Option<Vec<Check>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Node {
    #[serde(default)]
    node: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    meta: Option<BTreeMap<String, String>>,
    #[serde(default)]
    tagged_addresses: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    #[serde(default, rename = "ID")]
    id: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    port: u32,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    meta: Option<BTreeMap<String, String>>,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    partition: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Check {
    #[serde(default, rename = "CheckID")]
    id: String,
    #[serde(default)]
    status: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AgentSelf {
    config: AgentConfig,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AgentConfig {
    datacenter: String,
}

/// Watches one Consul.
#[derive(Debug, Clone)]
pub(super) struct ConsulDiscovery {
    config: Arc<ConsulConfig>,
    client: HttpClient,
    base: String,
    retry_interval: Duration,
}

impl ConsulDiscovery {
    pub(super) fn new(config: &ConsulConfig, environment: &Environment) -> Result<Self> {
        let client = HttpClient::new(&config.http, environment)?;
        let prefix = config.path_prefix.trim_matches('/');
        let slash = if prefix.is_empty() { "" } else { "/" };
        let server = config.server.trim_end_matches('/');
        let base = if server.contains("://") {
            format!("{server}{slash}{prefix}")
        } else {
            format!("{}://{server}{slash}{prefix}", config.scheme)
        };
        Ok(Self { config: Arc::new(config.clone()), client, base, retry_interval: RETRY_INTERVAL })
    }

    pub(super) async fn run(self, updates: Updates) {
        let datacenter = self.datacenter(&updates).await;
        let config = &self.config;
        // Stops all watches when it is dropped.
        let mut watches = JoinSet::new();
        if config.services.is_empty() || !config.tags.is_empty() || !config.filter.is_empty() {
            self.watch_catalog(&updates, &datacenter, &mut watches).await;
        } else {
            for name in config.services.clone() {
                let watch = self.clone().watch_service(name, datacenter.clone(), updates.clone());
                watches.spawn(watch);
            }
            while watches.join_next().await.is_some() {}
        }
    }

    /// The data centre: as configured, or that of the agent.
    async fn datacenter(&self, updates: &Updates) -> String {
        if !self.config.datacenter.is_empty() {
            return self.config.datacenter.clone();
        }
        loop {
            match self.ask::<AgentSelf>("/v1/agent/self", &[]).await {
                Ok((agent, _)) => return agent.config.datacenter,
                Err(error) => updates.failed(&error),
            }
            tokio::time::sleep(self.retry_interval).await;
        }
    }

    /// Watches which services there are, and starts and stops a watch for each. Never ends.
    async fn watch_catalog(&self, updates: &Updates, datacenter: &str, watches: &mut JoinSet<()>) {
        let mut running: BTreeMap<String, AbortHandle> = BTreeMap::new();
        let mut index = 0;
        loop {
            let began = Instant::now();
            let filter = [("filter", self.config.filter.as_str())];
            let path = "/v1/catalog/services";
            match self.blocking::<BTreeMap<String, Vec<String>>>(path, &filter, index).await {
                Ok((services, next)) if next != index => {
                    index = next;
                    let wanted = |(name, tags): &(&String, &Vec<String>)| self.wants(name, tags);
                    for (name, _) in services.iter().filter(wanted) {
                        if !running.contains_key(name) {
                            let watch = self.clone().watch_service(
                                name.clone(),
                                datacenter.to_owned(),
                                updates.clone(),
                            );
                            running.insert(name.clone(), watches.spawn(watch));
                        }
                    }
                    running.retain(|name, watch| {
                        let stays = services.contains_key(name);
                        if !stays {
                            watch.abort();
                            updates.merge([TargetGroup {
                                source: name.clone(),
                                ..TargetGroup::default()
                            }]);
                        }
                        stays
                    });
                }
                Ok(_) => {}
                Err(error) => {
                    updates.failed(&error);
                    tokio::time::sleep(self.retry_interval).await;
                }
            }
            tokio::time::sleep(self.config.refresh_interval.saturating_sub(began.elapsed())).await;
        }
    }

    fn wants(&self, name: &str, tags: &[String]) -> bool {
        let services = &self.config.services;
        let named = services.is_empty() || services.iter().any(|service| service == name);
        named && self.config.tags.iter().all(|tag| tags.contains(tag))
    }

    /// Watches the instances of a service. Never ends.
    async fn watch_service(self, name: String, datacenter: String, updates: Updates) {
        let mut index = 0;
        let path = format!("/v1/health/service/{}", escape_query(&name).replace('+', "%20"));
        let mut query: Vec<(&str, &str)> =
            self.config.tags.iter().map(|tag| ("tag", tag.as_str())).collect();
        query.push(("filter", &self.config.health_filter));
        loop {
            let began = Instant::now();
            match self.blocking::<Vec<Entry>>(&path, &query, index).await {
                Ok((entries, next)) if next != index => {
                    index = next;
                    updates.merge([self.group(&name, &datacenter, &entries)]);
                }
                Ok(_) => {}
                Err(error) => {
                    updates.failed(&error);
                    tokio::time::sleep(self.retry_interval).await;
                }
            }
            tokio::time::sleep(self.config.refresh_interval.saturating_sub(began.elapsed())).await;
        }
    }

    fn group(&self, name: &str, datacenter: &str, entries: &[Entry]) -> TargetGroup {
        let labels = LabelMap::from([
            ("__meta_consul_service".to_owned(), name.to_owned()),
            ("__meta_consul_dc".to_owned(), datacenter.to_owned()),
        ]);
        let targets = entries.iter().map(|entry| labels_of(entry, &self.config.tag_separator));
        TargetGroup { source: name.to_owned(), labels, targets: targets.collect() }
    }

    /// Asks and waits until the answer differs from that of `index`.
    async fn blocking<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        index: u64,
    ) -> Result<(T, u64)> {
        let index_text = index.to_string();
        let mut all = vec![("wait", "120000ms")];
        if index > 0 {
            all.push(("index", index_text.as_str()));
        }
        if self.config.allow_stale {
            all.push(("stale", ""));
        }
        let pair = |(key, value): (&String, &String)| format!("{key}:{value}");
        let metadata: Vec<String> = self.config.node_meta.iter().map(pair).collect();
        all.extend(metadata.iter().map(|text| ("node-meta", text.as_str())));
        all.extend(query);
        let (value, next) = self.ask(path, &all).await?;
        // An index that went backwards means that Consul's state was restored: begin anew.
        Ok((value, if next < index { 0 } else { next }))
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<(T, u64)> {
        let config = &self.config;
        let place = [
            ("dc", config.datacenter.as_str()),
            ("ns", config.namespace.as_str()),
            ("partition", config.partition.as_str()),
        ];
        let mut url = format!("{}{path}", self.base);
        let mut separator = '?';
        for (name, value) in query.iter().chain(&place) {
            if !value.is_empty() || *name == "stale" {
                url.push_str(&format!("{separator}{name}={}", escape_query(value)));
                separator = '&';
            }
        }
        let mut request = self.client.get(&url).timeout(WATCH_TIMEOUT + WATCH_GRACE);
        if !config.token.is_empty() {
            request = request.header("x-consul-token", config.token.expose());
        }
        let fail = |what: &str| Error::invalid(format!("consul {path}: {what}"));
        let response = self.client.send(request).await.map_err(|error| fail(&error.report()))?;
        let status = response.status();
        let index = response.headers().get("x-consul-index");
        let index = index.and_then(|text| text.to_str().ok()?.parse().ok()).unwrap_or(0);
        let body = read_body(response, ANSWER_BYTES_MAX).await?;
        if !status.is_success() {
            return Err(fail(&format!("status {status}")));
        }
        let value = serde_json::from_slice(&body)
            .map_err(|error| fail(&format!("the answer makes no sense: {error}")))?;
        Ok((value, index))
    }
}

fn labels_of(entry: &Entry, separator: &str) -> LabelMap {
    let (node, service) = (&entry.node, &entry.service);
    // Separators on both sides too, so that a rule need not care where a tag stands.
    let tags = service.tags.as_deref().unwrap_or_default().join(separator);
    let tags = format!("{separator}{tags}{separator}");
    let host = if service.address.is_empty() { &node.address } else { &service.address };
    let mut labels = LabelMap::from([(ADDRESS.to_owned(), host_port(host, service.port))]);
    let mut put = |name: &str, value: &str| {
        labels.insert(format!("__meta_consul_{name}"), value.to_owned());
    };
    put("address", &node.address);
    put("node", &node.node);
    put("namespace", &service.namespace);
    put("partition", &service.partition);
    put("tags", &tags);
    put("service_address", &service.address);
    put("service_port", &service.port.to_string());
    put("service_id", &service.id);
    put("health", health(entry.checks.as_deref().unwrap_or_default()));
    let maps = [
        ("metadata", &node.meta),
        ("service_metadata", &service.meta),
        ("tagged_address", &node.tagged_addresses),
    ];
    for (prefix, map) in maps {
        for (key, value) in map.iter().flatten() {
            put(&format!("{prefix}_{}", sanitize(key)), value);
        }
    }
    labels
}

/// The worst state of all checks.
fn health(checks: &[Check]) -> &'static str {
    let in_maintenance = |check: &Check| {
        check.id == "_node_maintenance" || check.id.starts_with("_service_maintenance:")
    };
    let has = |status: &str| checks.iter().any(|check| check.status == status);
    let is_known = |check: &Check| {
        in_maintenance(check) || matches!(check.status.as_str(), "passing" | "warning" | "critical")
    };
    if !checks.iter().all(is_known) {
        ""
    } else if checks.iter().any(in_maintenance) {
        "maintenance"
    } else if has("critical") {
        "critical"
    } else if has("warning") {
        "warning"
    } else {
        "passing"
    }
}

#[cfg(test)]
mod tests;
