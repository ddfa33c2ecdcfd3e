//! The copies of all objects that a role needs, and the labels that objects lend to targets.

use std::sync::Arc;

use super::objects::{EndpointSlice, Endpoints, Ingress, Node, ObjectMeta, Plain, Pod, Service};
use super::watch::Store;
use crate::scrape::config::discovery::KubernetesMetadata;
use crate::scrape::discovery::group::{LabelMap, sanitize};

/// What every label starts with.
const PREFIX: &str = "__meta_kubernetes_";

/// Everything that is known of a cluster. What a role does not need is not watched.
#[derive(Debug)]
pub(super) struct World {
    pub(super) attach: KubernetesMetadata,
    pub(super) nodes: Arc<Store<Node>>,
    pub(super) pods: Arc<Store<Pod>>,
    pub(super) services: Arc<Store<Service>>,
    pub(super) endpoints: Arc<Store<Endpoints>>,
    pub(super) slices: Arc<Store<EndpointSlice>>,
    pub(super) ingresses: Arc<Store<Ingress>>,
    pub(super) namespaces: Arc<Store<Plain>>,
    pub(super) replica_sets: Arc<Store<Plain>>,
    pub(super) jobs: Arc<Store<Plain>>,
}

impl World {
    /// Whether everything that is watched has been listed.
    pub(super) fn is_synced(&self) -> bool {
        self.nodes.is_synced()
            && self.pods.is_synced()
            && self.services.is_synced()
            && self.endpoints.is_synced()
            && self.slices.is_synced()
            && self.ingresses.is_synced()
            && self.namespaces.is_synced()
            && self.replica_sets.is_synced()
            && self.jobs.is_synced()
    }

    /// Adds the labels of a node, if they are wanted and there is such a node.
    pub(super) fn add_node(&self, labels: &mut LabelMap, name: &str) {
        if !self.attach.node {
            return;
        }
        if let Some(node) = self.nodes.get("", name) {
            add_metadata(labels, &node.metadata, "node");
        }
    }

    /// Adds the labels of a namespace, if they are wanted.
    pub(super) fn add_namespace(&self, labels: &mut LabelMap, name: &str) {
        if !self.attach.namespace {
            return;
        }
        if let Some(namespace) = self.namespaces.get("", name) {
            add_labels_and_annotations(labels, &namespace.metadata, "namespace");
        }
    }

    /// Adds the labels of a pod.
    pub(super) fn add_pod(&self, labels: &mut LabelMap, pod: &Pod) {
        let ready = pod.status.conditions.iter().find(|condition| condition.kind == "Ready");
        let ready = ready.map_or("unknown".to_owned(), |it| it.status.to_lowercase());
        put(labels, "pod_ip", &pod.status.pod_ip);
        put(labels, "pod_ready", ready);
        put(labels, "pod_phase", &pod.status.phase);
        put(labels, "pod_node_name", &pod.spec.node_name);
        put(labels, "pod_host_ip", &pod.status.host_ip);
        put(labels, "pod_uid", &pod.metadata.uid);
        add_metadata(labels, &pod.metadata, "pod");
        let Some(owner) = pod.metadata.controller() else { return };
        put(labels, "pod_controller_kind", &owner.kind);
        put(labels, "pod_controller_name", &owner.name);
        let manager_of = |store: &Store<Plain>, kind: &str| {
            let object = store.get(&pod.metadata.namespace, &owner.name)?;
            let manager = object.metadata.controller()?;
            (manager.kind == kind).then(|| manager.name.clone())
        };
        match owner.kind.as_str() {
            "ReplicaSet" if self.attach.deployment => {
                if let Some(name) = manager_of(&self.replica_sets, "Deployment") {
                    put(labels, "pod_deployment_name", name);
                }
            }
            "Job" => {
                if self.attach.job {
                    put(labels, "pod_job_name", &owner.name);
                }
                if let Some(name) =
                    manager_of(&self.jobs, "CronJob").filter(|_| self.attach.cronjob)
                {
                    put(labels, "pod_cronjob_name", name);
                }
            }
            _ => {}
        }
    }
}

/// Sets `__meta_kubernetes_…`.
pub(super) fn put(labels: &mut LabelMap, name: &str, value: impl Into<String>) {
    labels.insert(format!("{PREFIX}{name}"), value.into());
}

/// Adds name, labels and annotations of an object.
pub(super) fn add_metadata(labels: &mut LabelMap, metadata: &ObjectMeta, kind: &str) {
    put(labels, &format!("{kind}_name"), &metadata.name);
    add_labels_and_annotations(labels, metadata, kind);
}

fn add_labels_and_annotations(labels: &mut LabelMap, metadata: &ObjectMeta, kind: &str) {
    let maps = [("label", &metadata.labels), ("annotation", &metadata.annotations)];
    for (what, map) in maps {
        for (key, value) in map {
            let key = sanitize(key);
            put(labels, &format!("{kind}_{what}_{key}"), value);
            put(labels, &format!("{kind}_{what}present_{key}"), "true");
        }
    }
}

/// Adds namespace, name, labels and annotations of a service.
pub(super) fn add_service(labels: &mut LabelMap, service: &Service) {
    put(labels, "namespace", &service.metadata.namespace);
    add_metadata(labels, &service.metadata, "service");
}
