//! Objects of a cluster as targets, against an API server that is none.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use super::Discovery;
use crate::scrape::config::discovery::KubernetesConfig;
use crate::scrape::config::load;
use crate::scrape::discovery::TargetGroup;
use crate::scrape::discovery::provider::Updates;
use crate::scrape::discovery::tests::{metrics, shown};
use crate::scrape::environment::Environment;
use crate::scrape::fake_http::{Answer, FakeServer, Request};

const POD: &str = r#"{"metadata": {"name": "p1", "namespace": "prod", "uid": "u1", "resourceVersion": "1",
  "labels": {"app.io/name": "web"}, "annotations": {"scrape": "yes"},
  "ownerReferences": [{"kind": "ReplicaSet", "name": "rs1", "controller": true}]},
 "spec": {"nodeName": "n1", "containers": [
    {"name": "main", "image": "web:1", "ports": [{"name": "http", "containerPort": 80, "protocol": "TCP"},
                                                   {"name": "admin", "containerPort": 81, "protocol": "TCP"}]},
    {"name": "side", "image": "side:1"}],
   "initContainers": [{"name": "setup", "image": "setup:1"}]},
 "status": {"phase": "Running", "podIP": "10.0.0.5", "hostIP": "192.168.0.1",
   "conditions": [{"type": "Ready", "status": "True"}],
   "containerStatuses": [{"name": "main", "containerID": "docker://1"}]}}"#;

const NODE: &str = r#"{"metadata": {"name": "n1", "labels": {"zone": "z1"}, "annotations": {"a/b": "c"}},
 "spec": {"providerID": "aws:///i-1"},
 "status": {"addresses": [{"type": "ExternalIP", "address": "1.1.1.1"}, {"type": "InternalIP", "address": "192.168.0.1"},
                          {"type": "InternalIP", "address": "fd00::1"}],
   "conditions": [{"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "False"}],
   "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}}}"#;

const SERVICE: &str = r#"{"metadata": {"name": "web", "namespace": "prod", "labels": {"tier": "front"}},
 "spec": {"type": "LoadBalancer", "clusterIP": "10.96.0.1", "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
   "ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv4", "IPv6"]},
 "status": {"loadBalancer": {"ingress": [{"ip": "5.5.5.5"}, {"ip": "6.6.6.6"}]}}}"#;

const ENDPOINTS: &str = r#"{"metadata": {"name": "web", "namespace": "prod"},
 "subsets": [{"ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
   "addresses": [{"ip": "10.0.0.5", "nodeName": "n1", "targetRef": {"kind": "Pod", "namespace": "prod", "name": "p1"}}],
   "notReadyAddresses": [{"ip": "10.0.0.9", "hostname": "h"}]}]}"#;

const SLICES: &str = r#"{"metadata": {"name": "web-a", "namespace": "prod", "labels": {"kubernetes.io/service-name": "web"}},
 "addressType": "IPv4", "ports": [{"name": "http", "port": 80, "protocol": "TCP", "appProtocol": "http"}],
 "endpoints": [{"addresses": ["10.0.0.5"], "conditions": {"ready": true, "serving": true, "terminating": false},
   "nodeName": "n1", "zone": "z1", "targetRef": {"kind": "Pod", "namespace": "prod", "name": "p1"}}]},
 {"metadata": {"name": "web-b", "namespace": "prod", "labels": {"kubernetes.io/service-name": "web"}},
 "addressType": "IPv6", "ports": [{"port": 80}], "endpoints": [{"addresses": ["fd00::5"]}]}"#;

const INGRESS: &str = r#"{"metadata": {"name": "front", "namespace": "prod"},
 "spec": {"ingressClassName": "nginx", "tls": [{"hosts": ["*.example.org"]}],
  "rules": [{"host": "a.example.org", "http": {"paths": [{"path": "/x"}, {}]}}, {"host": "b.c.example.org"}]}}"#;

const NAMESPACE: &str = r#"{"metadata": {"name": "prod", "labels": {"team": "core"}}}"#;
const REPLICA_SET: &str = r#"{"metadata": {"name": "rs1", "namespace": "prod",
 "ownerReferences": [{"kind": "Deployment", "name": "web-deployment", "controller": true}]}}"#;

/// A cluster: what each list says, and the watches that wait for events.
#[derive(Default)]
struct Cluster {
    lists: Mutex<BTreeMap<String, String>>,
    watches: Mutex<BTreeMap<String, mpsc::UnboundedSender<String>>>,
}

impl Cluster {
    fn new() -> Arc<Self> {
        let cluster = Self::default();
        for (kind, items) in [
            ("pods", POD),
            ("nodes", NODE),
            ("services", SERVICE),
            ("endpoints", ENDPOINTS),
            ("endpointslices", SLICES),
            ("ingresses", INGRESS),
            ("namespaces", NAMESPACE),
            ("replicasets", REPLICA_SET),
        ] {
            cluster.lists.lock().insert(kind.to_owned(), items.to_owned());
        }
        Arc::new(cluster)
    }

    fn answer(&self, request: &Request) -> Answer {
        let kind = request.path().rsplit('/').next().unwrap_or_default().to_owned();
        if request.target().contains("watch=1") {
            let (sender, receiver) = mpsc::unbounded_channel();
            self.watches.lock().insert(kind, sender);
            return Answer::Pieces(receiver);
        }
        match self.lists.lock().get(&kind) {
            Some(items) => Answer::json(format!(
                r#"{{"metadata": {{"resourceVersion": "7"}}, "items": [{items}]}}"#
            )),
            None => Answer::status(404),
        }
    }

    /// Sends an event to whoever watches, once someone does.
    async fn send(&self, kind: &str, event: &str, object: &str) {
        let object = object.replace('\n', " ");
        let line = format!("{{\"type\": \"{event}\", \"object\": {object}}}\n");
        loop {
            if let Some(sender) = self.watches.lock().get(kind) {
                sender.send(line).unwrap();
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn config(server: &FakeServer, yaml: &str) -> KubernetesConfig {
    let url = server.url();
    let text = format!(
        "scrape_configs: [{{job_name: a, kubernetes_sd_configs: [{{api_server: '{url}', {yaml}}}]}}]"
    );
    let mut loaded = load(&text, Path::new("."), &Environment::default()).unwrap();
    loaded.config.scrape_configs[0].discovery.kubernetes.remove(0)
}

struct Running {
    cluster: Arc<Cluster>,
    server: FakeServer,
    updates: Updates,
    changed: Arc<Notify>,
    _tasks: tokio::task::JoinSet<()>,
}

impl Running {
    async fn start(yaml: &str) -> Self {
        let cluster = Cluster::new();
        let own = Arc::clone(&cluster);
        let server = FakeServer::start(move |request| own.answer(request)).await;
        let config = config(&server, yaml);
        let mut discovery = Discovery::new(&config, &Environment::default()).unwrap();
        discovery.build_interval = Duration::from_millis(1);
        let changed = Arc::new(Notify::new());
        let updates = Updates::new("kubernetes", Arc::clone(&changed), metrics());
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(discovery.run(updates.clone()));
        Self { cluster, server, updates, changed, _tasks: tasks }
    }

    async fn when(&self, wanted: impl Fn(&[Arc<TargetGroup>]) -> bool) -> Vec<Arc<TargetGroup>> {
        let waiting = async {
            loop {
                let groups = self.updates.groups();
                if wanted(&groups) {
                    return groups;
                }
                self.changed.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap()
    }

    async fn first(yaml: &str) -> Vec<Arc<TargetGroup>> {
        Self::start(yaml).await.when(|groups| !groups.is_empty()).await
    }
}

/// The labels of groups and targets without the part that all have.
fn text(groups: &[Arc<TargetGroup>]) -> String {
    let mut text = String::new();
    for group in groups {
        text.push_str(&format!("[{}]\n{}", group.source, shown(&group.labels)));
        for target in &group.targets {
            text.push_str(&format!("--\n{}", shown(target)));
        }
    }
    text.replace("__meta_kubernetes_", "")
}

#[tokio::test]
async fn nodes_are_targets_at_their_kubelets() {
    assert_eq!(
        text(&Running::first("role: node").await),
        "[node/n1]\nnode_annotation_a_b=c\nnode_annotationpresent_a_b=true\n\
         node_condition_diskpressure=false\nnode_condition_ready=true\nnode_label_zone=z1\n\
         node_labelpresent_zone=true\nnode_name=n1\nnode_provider_id=aws:///i-1\n\
         --\n__address__=192.168.0.1:10250\nnode_address_ExternalIP=1.1.1.1\n\
         node_address_InternalIP=192.168.0.1\ninstance=n1\n"
    );
}

#[tokio::test]
async fn pods_are_targets_at_their_ports() {
    let yaml = "role: pod, attach_metadata: {node: true, namespace: true, deployment: true}";
    assert_eq!(
        text(&Running::first(yaml).await),
        "[pod/prod/p1]\nnamespace=prod\nnamespace_label_team=core\n\
         namespace_labelpresent_team=true\nnode_annotation_a_b=c\n\
         node_annotationpresent_a_b=true\nnode_label_zone=z1\nnode_labelpresent_zone=true\n\
         node_name=n1\npod_annotation_scrape=yes\npod_annotationpresent_scrape=true\n\
         pod_controller_kind=ReplicaSet\npod_controller_name=rs1\n\
         pod_deployment_name=web-deployment\npod_host_ip=192.168.0.1\npod_ip=10.0.0.5\n\
         pod_label_app_io_name=web\npod_labelpresent_app_io_name=true\npod_name=p1\n\
         pod_node_name=n1\npod_phase=Running\npod_ready=true\npod_uid=u1\n\
         --\n__address__=10.0.0.5:80\npod_container_id=docker://1\npod_container_image=web:1\n\
         pod_container_init=false\npod_container_name=main\npod_container_port_name=http\n\
         pod_container_port_number=80\npod_container_port_protocol=TCP\n\
         --\n__address__=10.0.0.5:81\npod_container_id=docker://1\npod_container_image=web:1\n\
         pod_container_init=false\npod_container_name=main\npod_container_port_name=admin\n\
         pod_container_port_number=81\npod_container_port_protocol=TCP\n\
         --\n__address__=10.0.0.5\npod_container_id=\npod_container_image=side:1\n\
         pod_container_init=false\npod_container_name=side\n\
         --\n__address__=10.0.0.5\npod_container_id=\npod_container_image=setup:1\n\
         pod_container_init=true\npod_container_name=setup\n"
    );
}

#[tokio::test]
async fn services_are_targets_at_their_names() {
    assert_eq!(
        text(&Running::first("role: service").await),
        "[svc/prod/web]\nnamespace=prod\nservice_label_tier=front\n\
         service_labelpresent_tier=true\nservice_name=web\n\
         --\n__address__=web.prod.svc:8080\nservice_cluster_ip=10.96.0.1\n\
         service_loadbalancer_ip=5.5.5.5,6.6.6.6\nservice_port_name=http\n\
         service_port_number=8080\nservice_port_protocol=TCP\nservice_type=LoadBalancer\n"
    );
}

#[tokio::test]
async fn ingresses_are_targets_at_their_paths() {
    assert_eq!(
        text(&Running::first("role: ingress").await),
        "[ingress/prod/front]\ningress_class_name=nginx\ningress_name=front\nnamespace=prod\n\
         --\n__address__=a.example.org\ningress_host=a.example.org\ningress_path=/x\n\
         ingress_scheme=https\n\
         --\n__address__=a.example.org\ningress_host=a.example.org\ningress_path=/\n\
         ingress_scheme=https\n\
         --\n__address__=b.c.example.org\ningress_host=b.c.example.org\ningress_path=/\n\
         ingress_scheme=http\n"
    );
}

#[tokio::test]
async fn endpoints_have_the_labels_of_service_and_pod() {
    let groups = Running::first("role: endpoints, namespaces: {names: [prod]}").await;
    let shown = text(&groups);
    assert!(
        shown.starts_with(
            "[endpoints/prod/web]\nendpoints_name=web\nnamespace=prod\nservice_label_tier=front\n"
        ),
        "{shown}"
    );
    let targets = &groups[0].targets;
    let addresses: Vec<&str> = targets.iter().map(|own| &*own["__address__"]).collect();
    // The last is the pod's port that the service does not cover.
    assert_eq!(addresses, ["10.0.0.5:80", "10.0.0.9:80", "10.0.0.5:81"]);
    let label = |at: usize, name: &str| targets[at][&format!("__meta_kubernetes_{name}")].as_str();
    assert_eq!(label(0, "endpoint_ready"), "true");
    assert_eq!(label(0, "endpoint_address_target_name"), "p1");
    assert_eq!(label(0, "pod_container_port_name"), "http");
    assert_eq!(label(0, "pod_label_app_io_name"), "web");
    assert_eq!(label(1, "endpoint_ready"), "false");
    assert_eq!(label(1, "endpoint_hostname"), "h");
    assert_eq!(label(2, "pod_container_port_name"), "admin");
}

#[tokio::test]
async fn slices_count_once_where_there_are_two_families() {
    let groups = Running::first("role: endpointslice, attach_metadata: {node: true}").await;
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].source, "endpointslice/prod/web-a");
    let targets = &groups[0].targets;
    let addresses: Vec<&str> = targets.iter().map(|own| &*own["__address__"]).collect();
    assert_eq!(addresses, ["10.0.0.5:80", "10.0.0.5:81"]);
    for (name, value) in [
        ("endpointslice_port", "80"),
        ("endpointslice_port_app_protocol", "http"),
        ("endpointslice_endpoint_conditions_ready", "true"),
        ("endpointslice_endpoint_conditions_terminating", "false"),
        ("endpointslice_endpoint_zone", "z1"),
        ("endpointslice_endpoint_node_name", "n1"),
        ("node_label_zone", "z1"),
        ("pod_ready", "true"),
        ("pod_container_name", "main"),
    ] {
        assert_eq!(targets[0][&format!("__meta_kubernetes_{name}")], value, "{name}");
    }
    assert_eq!(groups[0].labels["__meta_kubernetes_service_name"], "web");
}

#[tokio::test]
async fn events_change_targets_and_expiry_lists_again() {
    let running = Running::start(
        "role: pod, namespaces: {names: [prod]}, selectors: [{role: pod, label: 'app=web', field: 'status.phase=Running'}]",
    )
    .await;
    running.when(|groups| groups.len() == 1).await;
    let second = POD.replace("\"p1\"", "\"p2\"").replace("10.0.0.5", "10.0.0.6");
    running.cluster.send("pods", "ADDED", &second).await;
    running.when(|groups| groups.len() == 2).await;
    let moved = second.replace("10.0.0.6", "10.0.0.7");
    running.cluster.send("pods", "MODIFIED", &moved).await;
    running.when(|groups| text(groups).contains("10.0.0.7")).await;
    let bookmark = r#"{"metadata": {"resourceVersion": "99"}}"#;
    running.cluster.send("pods", "BOOKMARK", bookmark).await;
    running.cluster.send("pods", "DELETED", POD).await;
    running.when(|groups| groups.len() == 1).await;

    // The list is now the first pod again, and what the watch said is forgotten.
    running.cluster.send("pods", "ERROR", r#"{"code": 410, "message": "too old"}"#).await;
    running.when(|groups| groups.len() == 1 && text(groups).contains("p1")).await;
    let asked = running.server.requests();
    assert_eq!(
        asked[0].target(),
        "/api/v1/namespaces/prod/pods?limit=500&labelSelector=app%3Dweb&fieldSelector=status.phase%3DRunning"
    );
    assert!(asked[1].target().contains("watch=1&allowWatchBookmarks=true"), "{:?}", asked[1]);
    assert!(asked[1].target().contains("resourceVersion=7"), "{:?}", asked[1]);
}

#[tokio::test]
async fn a_watch_that_ends_goes_on_where_it_was() {
    let running = Running::start("role: node").await;
    running.when(|groups| groups.len() == 1).await;
    let other = NODE.replace("\"n1\"", "\"n2\", \"resourceVersion\": \"55\"");
    running.cluster.send("nodes", "ADDED", &other).await;
    running.when(|groups| groups.len() == 2).await;
    // The server closes the connection.
    running.cluster.watches.lock().clear();
    running.cluster.send("nodes", "DELETED", NODE).await;
    running.when(|groups| groups.len() == 1 && text(groups).contains("n2")).await;
    let watches = running.server.requests();
    let last = watches.last().unwrap().target().to_owned();
    assert!(last.contains("resourceVersion=55"), "{last}");
}

#[test]
fn outside_of_a_cluster_there_is_a_clear_error() {
    let text = "scrape_configs: [{job_name: a, kubernetes_sd_configs: [{role: node}]}]";
    let loaded = load(text, Path::new("."), &Environment::default()).unwrap();
    let config = &loaded.config.scrape_configs[0].discovery.kubernetes[0];
    let error = Discovery::new(config, &Environment::default()).unwrap_err();
    assert!(error.message().contains("KUBERNETES_SERVICE_HOST"), "{error}");
}
