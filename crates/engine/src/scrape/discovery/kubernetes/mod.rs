//! Targets from Kubernetes: the objects of a role and those that lend labels are copied by watching
//! them, and the groups are made from the copies.

mod endpoints;
mod objects;
mod roles;
mod watch;
mod world;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Error, Result};

use super::group::TargetGroup;
use super::provider::Updates;
use crate::scrape::config::discovery::{KubernetesConfig, KubernetesMetadata, KubernetesRole};
use crate::scrape::config::http::{Authorization, HttpClientConfig, TlsConfig};
use crate::scrape::environment::Environment;
use crate::scrape::http_client::HttpClient;
use objects::Object;
use watch::{Query, Store, Watch};
use world::World;

/// Where a pod finds the credentials of its service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The least time between two rounds of making groups; changes in between are taken together.
const BUILD_INTERVAL: Duration = Duration::from_secs(1);

/// Watches one cluster in one role.
#[derive(Debug)]
pub(super) struct Discovery {
    config: KubernetesConfig,
    client: HttpClient,
    base: String,
    /// Empty for all.
    namespaces: Vec<String>,
    build_interval: Duration,
}

impl Discovery {
    pub(super) fn new(config: &KubernetesConfig, environment: &Environment) -> Result<Self> {
        let mut namespaces = config.namespaces.names.clone();
        let (client, base) = if config.api_server.is_empty() {
            if config.namespaces.own_namespace {
                namespaces.push(own_namespace()?);
            }
            in_cluster(environment)?
        } else {
            let client = HttpClient::new(&config.http, environment)?;
            (client, config.api_server.trim_end_matches('/').to_owned())
        };
        let config = config.clone();
        Ok(Self { config, client, base, namespaces, build_interval: BUILD_INTERVAL })
    }

    pub(super) async fn run(self, updates: Updates) {
        let changed = Arc::new(Notify::new());
        // Stops all watches when it is dropped.
        let mut watches = JoinSet::new();
        let world = self.watch(&changed, &updates, &mut watches);
        loop {
            changed.notified().await;
            if world.is_synced() {
                updates.replace(self.groups(&world));
                tokio::time::sleep(self.build_interval).await;
            }
        }
    }

    /// Starts to watch whatever the role needs.
    fn watch(&self, changed: &Arc<Notify>, updates: &Updates, watches: &mut JoinSet<()>) -> World {
        use KubernetesRole::{EndpointSlice, Endpoints, Ingress, Node, Pod, Service};
        let role = self.config.role;
        let mut start = Starter { discovery: self, changed, updates, watches };
        let (core, is) = ("/api/v1", |roles: &[KubernetesRole]| roles.contains(&role));
        let behind_services = is(&[Endpoints, EndpointSlice]);
        let with_pods = behind_services || role == Pod;
        let attach = self.config.attach_metadata;
        // Metadata is attached where upstream does.
        let attach = KubernetesMetadata {
            node: attach.node && with_pods,
            namespace: attach.namespace && role != Node,
            deployment: attach.deployment && with_pods,
            job: attach.job && with_pods,
            cronjob: attach.cronjob && with_pods,
        };
        World {
            nodes: start.global(is(&[Node]) || attach.node, core, "nodes", Some(Node)),
            namespaces: start.global(attach.namespace, core, "namespaces", None),
            pods: start.spaced(with_pods, core, "pods", Some(Pod)),
            services: start.spaced(
                behind_services || role == Service,
                core,
                "services",
                Some(Service),
            ),
            endpoints: start.spaced(is(&[Endpoints]), core, "endpoints", Some(Endpoints)),
            slices: start.spaced(
                is(&[EndpointSlice]),
                "/apis/discovery.k8s.io/v1",
                "endpointslices",
                Some(EndpointSlice),
            ),
            ingresses: start.spaced(
                is(&[Ingress]),
                "/apis/networking.k8s.io/v1",
                "ingresses",
                Some(Ingress),
            ),
            replica_sets: start.spaced(attach.deployment, "/apis/apps/v1", "replicasets", None),
            jobs: start.spaced(attach.cronjob, "/apis/batch/v1", "jobs", None),
            attach,
        }
    }

    fn groups(&self, world: &World) -> Vec<TargetGroup> {
        let nodes = world.nodes.all();
        match self.config.role {
            KubernetesRole::Node => nodes.iter().filter_map(|it| roles::node(it)).collect(),
            KubernetesRole::Pod => {
                world.pods.all().iter().filter_map(|it| roles::pod(world, it)).collect()
            }
            KubernetesRole::Service => {
                world.services.all().iter().map(|it| roles::service(world, it)).collect()
            }
            KubernetesRole::Ingress => {
                world.ingresses.all().iter().map(|it| roles::ingress(world, it)).collect()
            }
            KubernetesRole::Endpoints => {
                world.endpoints.all().iter().map(|it| endpoints::endpoints(world, it)).collect()
            }
            KubernetesRole::EndpointSlice => {
                world.slices.all().iter().map(|it| endpoints::slice(world, it)).collect()
            }
        }
    }
}

/// Starts watches.
struct Starter<'a> {
    discovery: &'a Discovery,
    changed: &'a Arc<Notify>,
    updates: &'a Updates,
    watches: &'a mut JoinSet<()>,
}

impl Starter<'_> {
    /// Watches objects outside of namespaces.
    fn global<T: Object>(
        &mut self,
        wanted: bool,
        api: &str,
        kind: &str,
        role: Option<KubernetesRole>,
    ) -> Arc<Store<T>> {
        let paths = if wanted { vec![format!("{api}/{kind}")] } else { Vec::new() };
        self.start(&paths, role)
    }

    /// Watches objects in all wanted namespaces.
    fn spaced<T: Object>(
        &mut self,
        wanted: bool,
        api: &str,
        kind: &str,
        role: Option<KubernetesRole>,
    ) -> Arc<Store<T>> {
        let namespaces = &self.discovery.namespaces;
        let paths = match (wanted, &namespaces[..]) {
            (false, _) => Vec::new(),
            (true, []) => vec![format!("{api}/{kind}")],
            (true, some) => {
                some.iter().map(|name| format!("{api}/namespaces/{name}/{kind}")).collect()
            }
        };
        self.start(&paths, role)
    }

    fn start<T: Object>(
        &mut self,
        paths: &[String],
        role: Option<KubernetesRole>,
    ) -> Arc<Store<T>> {
        let discovery = self.discovery;
        let store = Arc::new(Store::new(paths.len()));
        let selectors = &discovery.config.selectors;
        let selector = selectors.iter().find(|selector| Some(selector.role) == role);
        for (part, path) in paths.iter().enumerate() {
            let watch = Watch {
                client: discovery.client.clone(),
                query: Query {
                    url: format!("{}{path}", discovery.base),
                    label: selector.map(|it| it.label.clone()).unwrap_or_default(),
                    field: selector.map(|it| it.field.clone()).unwrap_or_default(),
                },
                store: Arc::clone(&store),
                part,
                changed: Arc::clone(self.changed),
                updates: self.updates.clone(),
            };
            self.watches.spawn(watch.run());
        }
        store
    }
}

fn own_namespace() -> Result<String> {
    let path = Path::new(SERVICE_ACCOUNT).join("namespace");
    let name = std::fs::read_to_string(path)
        .context(|| "could not determine the pod's namespace".into())?;
    if name.is_empty() {
        return Err(Error::invalid("could not read own namespace name (empty file)"));
    }
    Ok(name)
}

/// The client of a program that runs in the cluster.
fn in_cluster(environment: &Environment) -> Result<(HttpClient, String)> {
    let host = environment.get("KUBERNETES_SERVICE_HOST");
    let port = environment.get("KUBERNETES_SERVICE_PORT");
    if host.is_empty() || port.is_empty() {
        return Err(Error::invalid(
            "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and \
             KUBERNETES_SERVICE_PORT must be defined",
        ));
    }
    let folder = Path::new(SERVICE_ACCOUNT);
    let config = HttpClientConfig {
        authorization: Some(Authorization {
            scheme: "Bearer".into(),
            credentials_file: folder.join("token"),
            ..Authorization::default()
        }),
        tls_config: TlsConfig { ca_file: folder.join("ca.crt"), ..TlsConfig::default() },
        ..HttpClientConfig::default()
    };
    let base = format!("https://{}", super::group::host_port(host, port));
    Ok((HttpClient::new(&config, environment)?, base))
}

#[cfg(test)]
mod tests;
