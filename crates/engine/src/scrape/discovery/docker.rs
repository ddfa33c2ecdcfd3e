//! Targets from the containers of a Docker engine, through its HTTP API.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use watchkeep_model::{Error, Result};

use super::group::{LabelMap, TargetGroup, host_port, sanitize};
use super::provider::Updates;
use crate::scrape::config::discovery::DockerConfig;
use crate::scrape::environment::Environment;
use crate::scrape::http_client::{HttpClient, read_body};
use crate::scrape::target::{ADDRESS, escape_query};

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// How many containers may share the network of another in a chain.
const SHARING_MAX: usize = 32;

/// What the API says of a container; fields that are not needed are left out.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    image: String,
    #[serde(default, rename = "ImageID")]
    image_id: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    ports: Option<Vec<Port>>,
    #[serde(default)]
    host_config: HostConfig,
    #[serde(default)]
    network_settings: Option<NetworkSettings>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Port {
    #[serde(default, rename = "IP")]
    ip: String,
    #[serde(default)]
    private_port: u16,
    #[serde(default)]
    public_port: u16,
    #[serde(default, rename = "Type")]
    kind: String,
}

#[derive(Debug, Clone, Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    network_mode: String,
}

type Endpoints = BTreeMap<String, Option<Endpoint>>;

#[derive(Debug, Clone, Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    #[serde(default)]
    networks: Option<Endpoints>,
}

#[derive(Debug, Clone, Deserialize, Default)]
struct Endpoint {
    #[serde(default, rename = "NetworkID")]
    network_id: String,
    #[serde(default, rename = "IPAddress")]
    ip: String,
    #[serde(default, rename = "GlobalIPv6Address")]
    ipv6: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    internal: bool,
    #[serde(default)]
    ingress: bool,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

/// Asks one engine.
#[derive(Debug)]
pub(super) struct DockerDiscovery {
    config: DockerConfig,
    client: HttpClient,
    base: String,
}

impl DockerDiscovery {
    pub(super) fn new(config: &DockerConfig, environment: &Environment) -> Result<Self> {
        let (client, base) = match config.host.strip_prefix("unix://") {
            Some(path) => {
                let path = Path::new(path);
                let client = HttpClient::over_unix_socket(&config.http, environment, path)?;
                (client, "http://docker".to_owned())
            }
            None => {
                let base = match config.host.strip_prefix("tcp://") {
                    Some(address) => format!("http://{address}"),
                    None => config.host.clone(),
                };
                let client = HttpClient::new(&config.http, environment)?;
                (client, base.trim_end_matches('/').to_owned())
            }
        };
        Ok(Self { config: config.clone(), client, base })
    }

    pub(super) async fn run(self, updates: Updates) {
        updates.refresh_every(self.config.refresh_interval, || self.refresh()).await;
    }

    async fn refresh(&self) -> Result<Vec<TargetGroup>> {
        let mut path = "/containers/json".to_owned();
        if !self.config.filters.is_empty() {
            let mut filters: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for filter in &self.config.filters {
                let values = filter.values.iter().map(String::as_str);
                filters.entry(&filter.name).or_default().extend(values);
            }
            let text = serde_json::to_string(&filters).unwrap_or_default();
            path.push_str(&format!("?filters={}", escape_query(&text)));
        }
        let containers: Vec<Container> = self.ask(&path, "listing containers").await?;
        let networks: Vec<Network> = self.ask("/networks", "computing network labels").await?;
        let targets = targets(&containers, &networks, &self.config);
        Ok(vec![TargetGroup { source: "Docker".into(), labels: LabelMap::new(), targets }])
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str, what: &str) -> Result<Vec<T>> {
        let attempt = async {
            let url = format!("{}{path}", self.base);
            let request = self.client.get(&url).timeout(self.config.refresh_interval);
            let response = self.client.send(request).await?;
            let status = response.status();
            let body = read_body(response, ANSWER_BYTES_MAX).await?;
            if !status.is_success() {
                return Err(Error::invalid(format!("the engine answered with status {status}")));
            }
            let list: Option<Vec<T>> = serde_json::from_slice(&body)
                .map_err(|error| Error::invalid(format!("the answer makes no sense: {error}")))?;
            Ok(list.unwrap_or_default())
        };
        attempt.await.map_err(|error: Error| {
            Error::new(error.kind().clone(), format!("error while {what}")).with_source(error)
        })
    }
}

fn prefixed(name: &str) -> String {
    format!("__meta_docker_{name}")
}

fn targets(containers: &[Container], networks: &[Network], config: &DockerConfig) -> Vec<LabelMap> {
    let by_id: BTreeMap<&str, &Container> = containers.iter().map(|it| (&*it.id, it)).collect();
    let network_labels: BTreeMap<&str, LabelMap> =
        networks.iter().map(|network| (&*network.id, labels_of_network(network))).collect();
    let mut targets = Vec::new();
    for container in containers {
        let Some(common) = labels_of_container(container) else { continue };
        let Some(endpoints) = endpoints(container, &by_id) else { continue };
        let mut endpoints: Vec<&Endpoint> = endpoints.values().flatten().collect();
        if config.match_first_network {
            // The networks are sorted by name.
            endpoints.truncate(1);
        }
        for endpoint in endpoints {
            let mut base = common.clone();
            if let Some(labels) = network_labels.get(&*endpoint.network_id) {
                base.extend(labels.clone());
            }
            let ip = if endpoint.ip.is_empty() { &endpoint.ipv6 } else { &endpoint.ip };
            base.insert(prefixed("network_ip"), ip.clone());
            targets.extend(targets_of_endpoint(container, ip, &base, config));
        }
    }
    targets
}

/// A target for each TCP port, or one with the port of the configuration.
fn targets_of_endpoint(
    container: &Container,
    ip: &str,
    base: &LabelMap,
    config: &DockerConfig,
) -> Vec<LabelMap> {
    let mut targets = Vec::new();
    let ports = container.ports.iter().flatten();
    for port in ports.filter(|port| port.kind == "tcp") {
        let mut labels = base.clone();
        labels.insert(prefixed("port_private"), port.private_port.to_string());
        if port.public_port > 0 {
            labels.insert(prefixed("port_public"), port.public_port.to_string());
            labels.insert(prefixed("port_public_ip"), port.ip.clone());
        }
        labels.insert(ADDRESS.to_owned(), host_port(ip, port.private_port));
        targets.push(labels);
    }
    if targets.is_empty() {
        let mut labels = base.clone();
        let address = if container.host_config.network_mode == "host" {
            config.host_networking_host.clone()
        } else {
            host_port(ip, config.port)
        };
        labels.insert(ADDRESS.to_owned(), address);
        targets.push(labels);
    }
    targets
}

fn labels_of_container(container: &Container) -> Option<LabelMap> {
    let name = container.names.as_ref()?.first()?;
    let mut labels = LabelMap::new();
    let mut put = |label: &str, value: &str| {
        labels.insert(prefixed(label), value.to_owned());
    };
    put("container_id", &container.id);
    put("container_name", name);
    put("container_network_mode", &container.host_config.network_mode);
    if !container.image.is_empty() {
        put("container_image", &container.image);
    }
    if !container.image_id.is_empty() {
        put("container_image_id", &container.image_id);
    }
    for (key, value) in container.labels.iter().flatten() {
        put(&format!("container_label_{}", sanitize(key)), value);
    }
    Some(labels)
}

fn labels_of_network(network: &Network) -> LabelMap {
    let mut labels = LabelMap::new();
    let mut put = |label: &str, value: String| {
        labels.insert(prefixed(label), value);
    };
    put("network_id", network.id.clone());
    put("network_name", network.name.clone());
    put("network_scope", network.scope.clone());
    put("network_internal", network.internal.to_string());
    put("network_ingress", network.ingress.to_string());
    for (key, value) in network.labels.iter().flatten() {
        put(&format!("network_label_{}", sanitize(key)), value.clone());
    }
    labels
}

/// The networks of a container, or of the one whose network it shares.
fn endpoints<'a>(
    container: &'a Container,
    by_id: &BTreeMap<&str, &'a Container>,
) -> Option<&'a Endpoints> {
    let mut container = container;
    for _ in 0..SHARING_MAX {
        let own = container.network_settings.as_ref().and_then(|it| it.networks.as_ref());
        if let Some(endpoints) = own.filter(|endpoints| !endpoints.is_empty()) {
            return Some(endpoints);
        }
        let other = container.host_config.network_mode.strip_prefix("container:")?;
        container = by_id.get(other)?;
    }
    None
}

#[cfg(test)]
mod tests;
