//! The objects of Kubernetes, as far as discovery needs them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// Takes `null` as the default.
fn nullable<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// An object that has a name.
pub(super) trait Object: for<'de> Deserialize<'de> + Send + Sync + 'static {
    fn metadata(&self) -> &ObjectMeta;
}

macro_rules! objects {
    ($($kind:ident),*) => {
        $(impl Object for $kind {
            fn metadata(&self) -> &ObjectMeta {
                &self.metadata
            }
        })*
    };
}

objects!(Node, Pod, Service, Endpoints, EndpointSlice, Ingress, Plain);

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ObjectMeta {
    #[serde(deserialize_with = "nullable")]
    pub(super) name: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) namespace: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) uid: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) resource_version: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) annotations: BTreeMap<String, String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) owner_references: Vec<OwnerReference>,
}

impl ObjectMeta {
    /// The owner that manages this object.
    pub(super) fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller == Some(true))
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct OwnerReference {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) controller: Option<bool>,
}

/// An object of which only the metadata matters: namespaces, replica sets, jobs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Plain {
    pub(super) metadata: ObjectMeta,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Node {
    pub(super) metadata: ObjectMeta,
    pub(super) spec: NodeSpec,
    pub(super) status: NodeStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct NodeSpec {
    #[serde(rename = "providerID", deserialize_with = "nullable")]
    pub(super) provider_id: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct NodeStatus {
    #[serde(deserialize_with = "nullable")]
    pub(super) conditions: Vec<Condition>,
    #[serde(deserialize_with = "nullable")]
    pub(super) addresses: Vec<NodeAddress>,
    #[serde(deserialize_with = "nullable")]
    pub(super) daemon_endpoints: DaemonEndpoints,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Condition {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) status: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct NodeAddress {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) address: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct DaemonEndpoints {
    pub(super) kubelet_endpoint: DaemonEndpoint,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct DaemonEndpoint {
    #[serde(rename = "Port")]
    pub(super) port: u32,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pod {
    pub(super) metadata: ObjectMeta,
    pub(super) spec: PodSpec,
    pub(super) status: PodStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodSpec {
    #[serde(deserialize_with = "nullable")]
    pub(super) node_name: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) containers: Vec<Container>,
    #[serde(deserialize_with = "nullable")]
    pub(super) init_containers: Vec<Container>,
}

impl PodSpec {
    /// All containers, and whether each is one of those that run first.
    pub(super) fn all_containers(&self) -> impl Iterator<Item = (&Container, bool)> {
        let usual = self.containers.iter().map(|container| (container, false));
        usual.chain(self.init_containers.iter().map(|container| (container, true)))
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Container {
    pub(super) name: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) image: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) ports: Vec<ContainerPort>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContainerPort {
    #[serde(deserialize_with = "nullable")]
    pub(super) name: String,
    pub(super) container_port: u32,
    #[serde(deserialize_with = "nullable")]
    pub(super) protocol: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodStatus {
    #[serde(rename = "podIP", deserialize_with = "nullable")]
    pub(super) pod_ip: String,
    #[serde(rename = "hostIP", deserialize_with = "nullable")]
    pub(super) host_ip: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) phase: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) conditions: Vec<Condition>,
    #[serde(deserialize_with = "nullable")]
    pub(super) container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "nullable")]
    pub(super) init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ContainerStatus {
    pub(super) name: String,
    #[serde(rename = "containerID", deserialize_with = "nullable")]
    pub(super) container_id: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Service {
    pub(super) metadata: ObjectMeta,
    pub(super) spec: ServiceSpec,
    pub(super) status: ServiceStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ServiceSpec {
    #[serde(rename = "type", deserialize_with = "nullable")]
    pub(super) kind: String,
    #[serde(rename = "clusterIP", deserialize_with = "nullable")]
    pub(super) cluster_ip: String,
    #[serde(rename = "loadBalancerIP", deserialize_with = "nullable")]
    pub(super) load_balancer_ip: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) external_name: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) ports: Vec<ServicePort>,
    #[serde(deserialize_with = "nullable")]
    pub(super) ip_family_policy: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) ip_families: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ServicePort {
    #[serde(deserialize_with = "nullable")]
    pub(super) name: String,
    pub(super) port: u32,
    #[serde(deserialize_with = "nullable")]
    pub(super) protocol: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ServiceStatus {
    #[serde(deserialize_with = "nullable")]
    pub(super) load_balancer: LoadBalancerStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct LoadBalancerStatus {
    #[serde(deserialize_with = "nullable")]
    pub(super) ingress: Vec<LoadBalancerIngress>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct LoadBalancerIngress {
    #[serde(deserialize_with = "nullable")]
    pub(super) ip: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Endpoints {
    pub(super) metadata: ObjectMeta,
    #[serde(deserialize_with = "nullable")]
    pub(super) subsets: Vec<Subset>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Subset {
    #[serde(deserialize_with = "nullable")]
    pub(super) addresses: Vec<EndpointAddress>,
    #[serde(deserialize_with = "nullable")]
    pub(super) not_ready_addresses: Vec<EndpointAddress>,
    #[serde(deserialize_with = "nullable")]
    pub(super) ports: Vec<EndpointPort>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct EndpointAddress {
    pub(super) ip: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) hostname: String,
    pub(super) node_name: Option<String>,
    pub(super) target_ref: Option<ObjectReference>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ObjectReference {
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
}

/// A port of endpoints and of slices; in the latter everything may be absent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct EndpointPort {
    pub(super) name: Option<String>,
    pub(super) port: Option<u32>,
    pub(super) protocol: Option<String>,
    pub(super) app_protocol: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct EndpointSlice {
    pub(super) metadata: ObjectMeta,
    pub(super) address_type: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) endpoints: Vec<Endpoint>,
    #[serde(deserialize_with = "nullable")]
    pub(super) ports: Vec<EndpointPort>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Endpoint {
    #[serde(deserialize_with = "nullable")]
    pub(super) addresses: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) conditions: EndpointConditions,
    pub(super) hostname: Option<String>,
    pub(super) target_ref: Option<ObjectReference>,
    pub(super) node_name: Option<String>,
    pub(super) zone: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) deprecated_topology: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct EndpointConditions {
    pub(super) ready: Option<bool>,
    pub(super) serving: Option<bool>,
    pub(super) terminating: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ingress {
    pub(super) metadata: ObjectMeta,
    pub(super) spec: IngressSpec,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct IngressSpec {
    pub(super) ingress_class_name: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) tls: Vec<IngressTls>,
    #[serde(deserialize_with = "nullable")]
    pub(super) rules: Vec<IngressRule>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct IngressTls {
    #[serde(deserialize_with = "nullable")]
    pub(super) hosts: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct IngressRule {
    #[serde(deserialize_with = "nullable")]
    pub(super) host: String,
    pub(super) http: Option<IngressHttp>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct IngressHttp {
    #[serde(deserialize_with = "nullable")]
    pub(super) paths: Vec<IngressPath>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct IngressPath {
    #[serde(deserialize_with = "nullable")]
    pub(super) path: String,
}
