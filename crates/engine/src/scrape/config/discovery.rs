//! Where the targets of a job come from: a list for each kind of discovery. Kinds that Prometheus
//! has and this does not are a warning when the configuration is read, and are not kept.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::http::HttpClientConfig;
use super::values::{Secret, duration_text, is_default};

/// Kinds of discovery that Prometheus knows and that are not offered here.
pub(super) const UNSUPPORTED: [&str; 30] = [
    "aws_sd_configs",
    "azure_sd_configs",
    "digitalocean_sd_configs",
    "dockerswarm_sd_configs",
    "ec2_sd_configs",
    "ecs_sd_configs",
    "elasticache_sd_configs",
    "eureka_sd_configs",
    "gce_sd_configs",
    "hetzner_sd_configs",
    "ionos_sd_configs",
    "kuma_sd_configs",
    "lightsail_sd_configs",
    "linode_sd_configs",
    "marathon_sd_configs",
    "msk_sd_configs",
    "nerve_sd_configs",
    "nomad_sd_configs",
    "oci_sd_configs",
    "openstack_sd_configs",
    "outscale_sd_configs",
    "ovhcloud_sd_configs",
    "puppetdb_sd_configs",
    "rds_sd_configs",
    "scaleway_sd_configs",
    "serverset_sd_configs",
    "stackit_sd_configs",
    "triton_sd_configs",
    "uyuni_sd_configs",
    "vultr_sd_configs",
];

/// All discovery of a job.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct DiscoveryConfigs {
    /// Consul.
    #[serde(rename = "consul_sd_configs", skip_serializing_if = "is_default")]
    pub consul: Vec<ConsulConfig>,
    /// Records of the domain name system.
    #[serde(rename = "dns_sd_configs", skip_serializing_if = "is_default")]
    pub dns: Vec<DnsConfig>,
    /// Containers of a Docker engine.
    #[serde(rename = "docker_sd_configs", skip_serializing_if = "is_default")]
    pub docker: Vec<DockerConfig>,
    /// Files that list targets.
    #[serde(rename = "file_sd_configs", skip_serializing_if = "is_default")]
    pub file: Vec<FileConfig>,
    /// URLs that answer with targets.
    #[serde(rename = "http_sd_configs", skip_serializing_if = "is_default")]
    pub http: Vec<HttpConfig>,
    /// Kubernetes.
    #[serde(rename = "kubernetes_sd_configs", skip_serializing_if = "is_default")]
    pub kubernetes: Vec<KubernetesConfig>,
    /// Targets in the configuration itself.
    #[serde(rename = "static_configs", skip_serializing_if = "is_default")]
    pub fixed: Vec<StaticConfig>,
}

/// Targets with labels that all of them have.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct StaticConfig {
    /// Addresses.
    pub targets: Vec<String>,
    /// Labels.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
}

/// An entry of `file_sd_configs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileConfig {
    /// Paths whose last part may contain `*`.
    pub files: Vec<PathBuf>,
    /// Time after which files are read again even if they do not seem to have changed.
    #[serde(serialize_with = "duration_text")]
    pub refresh_interval: Duration,
}

/// An entry of `http_sd_configs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpConfig {
    /// The client.
    #[serde(flatten)]
    pub http: HttpClientConfig,
    /// Time between two requests.
    #[serde(serialize_with = "duration_text")]
    pub refresh_interval: Duration,
    /// What is asked.
    pub url: String,
}

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum DnsRecord {
    /// Services: name and port.
    #[serde(rename = "SRV")]
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    #[serde(rename = "AAAA")]
    Aaaa,
    /// Mail exchangers.
    #[serde(rename = "MX")]
    Mx,
    /// Name servers.
    #[serde(rename = "NS")]
    Ns,
}

/// An entry of `dns_sd_configs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DnsConfig {
    /// Names that are looked up.
    pub names: Vec<String>,
    /// Time between two rounds.
    #[serde(serialize_with = "duration_text")]
    pub refresh_interval: Duration,
    /// Which records.
    #[serde(rename = "type")]
    pub record: DnsRecord,
    /// Port of targets; services name their own.
    pub port: u16,
}

/// A filter of the Docker API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DockerFilter {
    /// What is filtered by.
    pub name: String,
    /// Any of these.
    pub values: Vec<String>,
}

/// An entry of `docker_sd_configs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DockerConfig {
    /// The client.
    #[serde(flatten)]
    pub http: HttpClientConfig,
    /// Address of the engine: `unix:///var/run/docker.sock`, `tcp://…`, `http://…`, `https://…`.
    pub host: String,
    /// Port of containers that expose none.
    pub port: u16,
    /// Which containers.
    #[serde(skip_serializing_if = "is_default")]
    pub filters: Vec<DockerFilter>,
    /// Host of containers that use the network of the host.
    pub host_networking_host: String,
    /// Time between two requests.
    #[serde(serialize_with = "duration_text")]
    pub refresh_interval: Duration,
    /// Whether only the first network of a container counts.
    pub match_first_network: bool,
}

/// What is discovered in Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KubernetesRole {
    /// A target for each node.
    Node,
    /// A target for each port of each pod.
    Pod,
    /// A target for each port of each service.
    Service,
    /// A target for each address of each service.
    Endpoints,
    /// The same, from endpoint slices.
    EndpointSlice,
    /// A target for each path of each ingress.
    Ingress,
}

impl KubernetesRole {
    /// All roles by name.
    pub(super) const NAMES: [(&'static str, Self); 6] = [
        ("pod", Self::Pod),
        ("service", Self::Service),
        ("endpoints", Self::Endpoints),
        ("endpointslice", Self::EndpointSlice),
        ("node", Self::Node),
        ("ingress", Self::Ingress),
    ];

    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, role)| *role == self).map_or("", |(name, _)| name)
    }
}

/// Namespaces that are looked at; all of them where nothing is named.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct KubernetesNamespaces {
    /// Whether the namespace of this pod is one.
    pub own_namespace: bool,
    /// Names.
    pub names: Vec<String>,
}

/// A selector for the objects of one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KubernetesSelector {
    /// Which objects.
    pub role: KubernetesRole,
    /// A label selector.
    #[serde(skip_serializing_if = "is_default")]
    pub label: String,
    /// A field selector.
    #[serde(skip_serializing_if = "is_default")]
    pub field: String,
}

/// Labels of which related objects are attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct KubernetesMetadata {
    /// The node's.
    pub node: bool,
    /// The namespace's.
    pub namespace: bool,
    /// The name of the deployment that a pod belongs to.
    pub deployment: bool,
    /// The name of the job.
    pub job: bool,
    /// The name of the cron job.
    pub cronjob: bool,
}

/// An entry of `kubernetes_sd_configs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KubernetesConfig {
    /// The API server; empty where this runs in a pod.
    #[serde(skip_serializing_if = "is_default")]
    pub api_server: String,
    /// What is discovered.
    pub role: KubernetesRole,
    /// A file as `kubectl` uses it, instead of `api_server`.
    pub kubeconfig_file: PathBuf,
    /// The client.
    #[serde(flatten)]
    pub http: HttpClientConfig,
    /// Where.
    #[serde(skip_serializing_if = "is_default")]
    pub namespaces: KubernetesNamespaces,
    /// Which objects.
    #[serde(skip_serializing_if = "is_default")]
    pub selectors: Vec<KubernetesSelector>,
    /// Further labels.
    #[serde(skip_serializing_if = "is_default")]
    pub attach_metadata: KubernetesMetadata,
}

/// An entry of `consul_sd_configs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsulConfig {
    /// Host and port.
    pub server: String,
    /// Start of every path.
    #[serde(skip_serializing_if = "is_default")]
    pub path_prefix: String,
    /// Consul's token.
    #[serde(skip_serializing_if = "is_default")]
    pub token: Secret,
    /// The data centre; that of the agent where empty.
    #[serde(skip_serializing_if = "is_default")]
    pub datacenter: String,
    /// The namespace.
    #[serde(skip_serializing_if = "is_default")]
    pub namespace: String,
    /// The partition.
    #[serde(skip_serializing_if = "is_default")]
    pub partition: String,
    /// What stands between tags.
    pub tag_separator: String,
    /// `http` or `https`.
    pub scheme: String,
    /// User name; becomes `basic_auth`.
    #[serde(skip_serializing_if = "is_default")]
    pub username: String,
    /// Password; becomes `basic_auth`.
    #[serde(skip_serializing_if = "is_default")]
    pub password: Secret,
    /// Whether any server may answer, not only the leader.
    pub allow_stale: bool,
    /// The least time between two answers to the same question.
    #[serde(serialize_with = "duration_text")]
    pub refresh_interval: Duration,
    /// Services; all where empty.
    #[serde(skip_serializing_if = "is_default")]
    pub services: Vec<String>,
    /// Tags that a service must have.
    #[serde(skip_serializing_if = "is_default")]
    pub tags: Vec<String>,
    /// Metadata that a node must have.
    #[serde(skip_serializing_if = "is_default")]
    pub node_meta: BTreeMap<String, String>,
    /// A filter expression for the catalogue.
    #[serde(skip_serializing_if = "is_default")]
    pub filter: String,
    /// A filter expression for health.
    #[serde(skip_serializing_if = "is_default")]
    pub health_filter: String,
    /// The client.
    #[serde(flatten)]
    pub http: HttpClientConfig,
}
