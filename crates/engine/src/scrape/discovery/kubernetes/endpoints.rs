//! Targets from endpoints and endpoint slices: a target for each address and port, with the labels
//! of the pod behind it, and one for each further port of those pods.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::objects::{
    Endpoint, EndpointAddress, EndpointPort, EndpointSlice, Endpoints, ObjectReference, Pod,
    Service,
};
use super::world::{World, add_metadata, add_service, put};
use crate::scrape::discovery::group::{LabelMap, TargetGroup, host_port};
use crate::scrape::target::ADDRESS;

/// The label of a slice that names its service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Pods that were seen behind addresses, with the ports that were seen.
type SeenPods = BTreeMap<(String, String), (Arc<Pod>, Vec<Option<u32>>)>;

/// The targets of endpoints.
pub(super) fn endpoints(world: &World, object: &Endpoints) -> TargetGroup {
    let metadata = &object.metadata;
    let (namespace, name) = (&metadata.namespace, &metadata.name);
    let mut labels = LabelMap::new();
    put(&mut labels, "namespace", namespace);
    if let Some(service) = world.services.get(namespace, name) {
        add_service(&mut labels, &service);
    }
    add_metadata(&mut labels, metadata, "endpoints");
    world.add_namespace(&mut labels, namespace);
    if metadata.labels.get("endpoints.kubernetes.io/over-capacity").is_some() {
        tracing::warn!(
            endpoints = name,
            "endpoints of more than 1000 addresses are cut, please use role endpointslice"
        );
    }
    let mut seen = SeenPods::new();
    let mut targets = Vec::new();
    for subset in &object.subsets {
        for port in &subset.ports {
            let ready = subset.addresses.iter().map(|address| (address, "true"));
            let not_ready = subset.not_ready_addresses.iter().map(|address| (address, "false"));
            for (address, ready) in ready.chain(not_ready) {
                targets.push(of_address(world, address, port, ready, &mut seen));
            }
        }
    }
    targets.extend(of_further_ports(world, &seen));
    TargetGroup { source: format!("endpoints/{namespace}/{name}"), labels, targets }
}

fn of_address(
    world: &World,
    address: &EndpointAddress,
    port: &EndpointPort,
    ready: &str,
    seen: &mut SeenPods,
) -> LabelMap {
    let number = port.port.unwrap_or(0);
    let mut own = LabelMap::from([(ADDRESS.to_owned(), host_port(&address.ip, number))]);
    put(&mut own, "endpoint_port_name", port.name.clone().unwrap_or_default());
    put(&mut own, "endpoint_port_protocol", port.protocol.clone().unwrap_or_default());
    put(&mut own, "endpoint_ready", ready);
    if let Some(reference) = &address.target_ref {
        put(&mut own, "endpoint_address_target_kind", &reference.kind);
        put(&mut own, "endpoint_address_target_name", &reference.name);
    }
    if let Some(node) = &address.node_name {
        put(&mut own, "endpoint_node_name", node);
    }
    if !address.hostname.is_empty() {
        put(&mut own, "endpoint_hostname", &address.hostname);
    }
    match (&address.node_name, &address.target_ref) {
        (Some(node), _) => world.add_node(&mut own, node),
        (None, Some(reference)) if reference.kind == "Node" => {
            world.add_node(&mut own, &reference.name);
        }
        _ => {}
    }
    let protocol = port.protocol.clone();
    let number = Some(number);
    add_pod_behind(world, &mut own, address.target_ref.as_ref(), number, protocol, seen);
    own
}

/// The targets of a slice.
pub(super) fn slice(world: &World, object: &EndpointSlice) -> TargetGroup {
    let metadata = &object.metadata;
    let (namespace, name) = (&metadata.namespace, &metadata.name);
    let mut labels = LabelMap::new();
    put(&mut labels, "namespace", namespace);
    put(&mut labels, "endpointslice_address_type", &object.address_type);
    add_metadata(&mut labels, metadata, "endpointslice");
    let service_name = metadata.labels.get(SERVICE_NAME);
    let service = service_name.and_then(|name| world.services.get(namespace, name));
    if let Some(service) = &service {
        add_service(&mut labels, service);
    }
    world.add_namespace(&mut labels, namespace);
    let source = format!("endpointslice/{namespace}/{name}");
    if service.is_some_and(|service| is_second_family(&service, object)) {
        return TargetGroup { source, labels, targets: Vec::new() };
    }
    let mut seen = SeenPods::new();
    let mut targets = Vec::new();
    for endpoint in &object.endpoints {
        for port in &object.ports {
            for address in &endpoint.addresses {
                targets.push(of_endpoint(world, address, endpoint, port, &mut seen));
            }
        }
    }
    targets.extend(of_further_ports(world, &seen));
    TargetGroup { source, labels, targets }
}

/// Whether a slice holds the second addresses of a service that has two for each endpoint: they
/// would be the same targets again.
fn is_second_family(service: &Service, slice: &EndpointSlice) -> bool {
    let dual = ["PreferDualStack", "RequireDualStack"];
    let first = service.spec.ip_families.first();
    dual.contains(&service.spec.ip_family_policy.as_str())
        && first.is_some_and(|first| *first != slice.address_type)
}

fn of_endpoint(
    world: &World,
    address: &str,
    endpoint: &Endpoint,
    port: &EndpointPort,
    seen: &mut SeenPods,
) -> LabelMap {
    let full = port.port.map_or_else(|| address.to_owned(), |port| host_port(address, port));
    let mut own = LabelMap::from([(ADDRESS.to_owned(), full)]);
    let texts = [
        ("port_name", &port.name),
        ("port_protocol", &port.protocol),
        ("port_app_protocol", &port.app_protocol),
        ("endpoint_hostname", &endpoint.hostname),
        ("endpoint_node_name", &endpoint.node_name),
        ("endpoint_zone", &endpoint.zone),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            put(&mut own, &format!("endpointslice_{name}"), value);
        }
    }
    if let Some(port) = port.port {
        put(&mut own, "endpointslice_port", port.to_string());
    }
    let conditions = [
        ("ready", endpoint.conditions.ready),
        ("serving", endpoint.conditions.serving),
        ("terminating", endpoint.conditions.terminating),
    ];
    for (name, value) in conditions {
        if let Some(value) = value {
            let name = format!("endpointslice_endpoint_conditions_{name}");
            put(&mut own, &name, value.to_string());
        }
    }
    if let Some(reference) = &endpoint.target_ref {
        put(&mut own, "endpointslice_address_target_kind", &reference.kind);
        put(&mut own, "endpointslice_address_target_name", &reference.name);
    }
    for (key, value) in &endpoint.deprecated_topology {
        let key = crate::scrape::discovery::group::sanitize(key);
        put(&mut own, &format!("endpointslice_endpoint_topology_{key}"), value);
        put(&mut own, &format!("endpointslice_endpoint_topology_present_{key}"), "true");
    }
    match (&endpoint.target_ref, &endpoint.node_name) {
        (Some(reference), _) if reference.kind == "Node" => {
            world.add_node(&mut own, &reference.name);
        }
        (_, Some(node)) => world.add_node(&mut own, node),
        _ => {}
    }
    add_pod_behind(world, &mut own, endpoint.target_ref.as_ref(), port.port, None, seen);
    own
}

/// Adds the labels of the pod that an address belongs to, and of the container at its port.
/// `protocol` is that of the endpoint, where it counts more than the container's.
fn add_pod_behind(
    world: &World,
    own: &mut LabelMap,
    reference: Option<&ObjectReference>,
    port: Option<u32>,
    protocol: Option<String>,
    seen: &mut SeenPods,
) {
    let Some(reference) = reference.filter(|reference| reference.kind == "Pod") else { return };
    let Some(pod) = world.pods.get(&reference.namespace, &reference.name) else { return };
    let key = (reference.namespace.clone(), reference.name.clone());
    let entry = seen.entry(key).or_insert_with(|| (Arc::clone(&pod), Vec::new()));
    entry.1.push(port);
    world.add_pod(own, &pod);
    for (container, is_init) in pod.spec.all_containers() {
        let found = container.ports.iter().find(|own| Some(own.container_port) == port);
        let Some(found) = found else { continue };
        put(own, "pod_container_name", &container.name);
        put(own, "pod_container_image", &container.image);
        put(own, "pod_container_port_name", &found.name);
        put(own, "pod_container_port_number", found.container_port.to_string());
        let protocol = protocol.as_ref().unwrap_or(&found.protocol);
        put(own, "pod_container_port_protocol", protocol);
        put(own, "pod_container_init", is_init.to_string());
    }
}

/// Targets at ports of the seen pods that the service does not cover.
fn of_further_ports(world: &World, seen: &SeenPods) -> Vec<LabelMap> {
    let mut targets = Vec::new();
    for (pod, ports) in seen.values().filter(|(pod, _)| !pod.status.pod_ip.is_empty()) {
        for (container, is_init) in pod.spec.all_containers() {
            for port in &container.ports {
                if ports.contains(&Some(port.container_port)) {
                    continue;
                }
                let address = host_port(&pod.status.pod_ip, port.container_port);
                let mut own = LabelMap::from([(ADDRESS.to_owned(), address)]);
                put(&mut own, "pod_container_name", &container.name);
                put(&mut own, "pod_container_image", &container.image);
                put(&mut own, "pod_container_port_name", &port.name);
                put(&mut own, "pod_container_port_number", port.container_port.to_string());
                put(&mut own, "pod_container_port_protocol", &port.protocol);
                put(&mut own, "pod_container_init", is_init.to_string());
                world.add_pod(&mut own, pod);
                targets.push(own);
            }
        }
    }
    targets
}
