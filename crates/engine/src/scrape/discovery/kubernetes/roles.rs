//! Targets from nodes, services, ingresses and pods.

use super::objects::{Ingress, Node, Pod, Service};
use super::world::{World, add_metadata, add_service, put};
use crate::scrape::discovery::group::{LabelMap, TargetGroup, host_port, sanitize};
use crate::scrape::target::ADDRESS;

/// Addresses of a node, the one liked most first.
const ADDRESS_KINDS: [&str; 6] =
    ["InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname"];

fn target(address: String) -> LabelMap {
    LabelMap::from([(ADDRESS.to_owned(), address)])
}

/// A target at the kubelet of a node; `None` for a node without address.
pub(super) fn node(node: &Node) -> Option<TargetGroup> {
    let name = &node.metadata.name;
    let mut labels = LabelMap::new();
    put(&mut labels, "node_provider_id", &node.spec.provider_id);
    for condition in &node.status.conditions {
        let kind = sanitize(&condition.kind.to_lowercase());
        put(&mut labels, &format!("node_condition_{kind}"), condition.status.to_lowercase());
    }
    add_metadata(&mut labels, &node.metadata, "node");
    let addresses = &node.status.addresses;
    let of_kind = |kind: &&str| addresses.iter().find(|address| address.kind == **kind);
    let Some(best) = ADDRESS_KINDS.iter().find_map(of_kind) else {
        tracing::warn!(node = name, "no node address found");
        return None;
    };
    let port = node.status.daemon_endpoints.kubelet_endpoint.port;
    let mut own = target(host_port(&best.address, port));
    own.insert("instance".to_owned(), name.clone());
    // The first of a kind stays.
    for address in addresses.iter().rev() {
        put(&mut own, &format!("node_address_{}", sanitize(&address.kind)), &address.address);
    }
    Some(TargetGroup { source: format!("node/{name}"), labels, targets: vec![own] })
}

/// A target for each port of a service, at its name within the cluster.
pub(super) fn service(world: &World, service: &Service) -> TargetGroup {
    let (metadata, spec) = (&service.metadata, &service.spec);
    let (namespace, name) = (&metadata.namespace, &metadata.name);
    let mut labels = LabelMap::new();
    add_service(&mut labels, service);
    world.add_namespace(&mut labels, namespace);
    let mut targets = Vec::new();
    for port in &spec.ports {
        let mut own = target(host_port(&format!("{name}.{namespace}.svc"), port.port));
        put(&mut own, "service_port_name", &port.name);
        put(&mut own, "service_port_number", port.port.to_string());
        put(&mut own, "service_port_protocol", &port.protocol);
        put(&mut own, "service_type", &spec.kind);
        if spec.kind == "ExternalName" {
            put(&mut own, "service_external_name", &spec.external_name);
        } else {
            put(&mut own, "service_cluster_ip", &spec.cluster_ip);
        }
        if spec.kind == "LoadBalancer" {
            let ips = service.status.load_balancer.ingress.iter().map(|it| it.ip.as_str());
            let ips: Vec<&str> = ips.filter(|ip| !ip.is_empty()).collect();
            let shown = if ips.is_empty() { spec.load_balancer_ip.clone() } else { ips.join(",") };
            put(&mut own, "service_loadbalancer_ip", shown);
        }
        targets.push(own);
    }
    TargetGroup { source: format!("svc/{namespace}/{name}"), labels, targets }
}

/// A target for each path of an ingress.
pub(super) fn ingress(world: &World, ingress: &Ingress) -> TargetGroup {
    let (metadata, spec) = (&ingress.metadata, &ingress.spec);
    let mut labels = LabelMap::new();
    put(&mut labels, "namespace", &metadata.namespace);
    if let Some(class) = &spec.ingress_class_name {
        put(&mut labels, "ingress_class_name", class);
    }
    add_metadata(&mut labels, metadata, "ingress");
    world.add_namespace(&mut labels, &metadata.namespace);
    let mut targets = Vec::new();
    for rule in &spec.rules {
        let mut hosts = spec.tls.iter().flat_map(|tls| &tls.hosts);
        let secure = hosts.any(|pattern| matches_host(pattern, &rule.host));
        let scheme = if secure { "https" } else { "http" };
        let paths: Vec<&str> = match &rule.http {
            Some(http) => http.paths.iter().map(|path| path.path.as_str()).collect(),
            None => vec!["/"],
        };
        for path in paths {
            let mut own = target(rule.host.clone());
            put(&mut own, "ingress_scheme", scheme);
            put(&mut own, "ingress_host", &rule.host);
            put(&mut own, "ingress_path", if path.is_empty() { "/" } else { path });
            targets.push(own);
        }
    }
    let source = format!("ingress/{}/{}", metadata.namespace, metadata.name);
    TargetGroup { source, labels, targets }
}

/// Whether a host fits a pattern, whose first part may be a star.
fn matches_host(pattern: &str, host: &str) -> bool {
    if pattern == host {
        return true;
    }
    match (pattern.strip_prefix("*."), host.split_once('.')) {
        (Some(domain), Some((_, rest))) => domain == rest,
        _ => false,
    }
}

/// A target for each port of each container of a pod.
pub(super) fn pod(world: &World, pod: &Pod) -> Option<TargetGroup> {
    let (metadata, status) = (&pod.metadata, &pod.status);
    // A pod that begins or was evicted has no address.
    if status.pod_ip.is_empty() {
        return None;
    }
    // A node that is not there was left out by a selector.
    if world.attach.node && world.nodes.get("", &pod.spec.node_name).is_none() {
        return None;
    }
    let mut labels = LabelMap::new();
    world.add_pod(&mut labels, pod);
    put(&mut labels, "namespace", &metadata.namespace);
    world.add_node(&mut labels, &pod.spec.node_name);
    world.add_namespace(&mut labels, &metadata.namespace);
    let mut targets = Vec::new();
    for (container, is_init) in pod.spec.all_containers() {
        let statuses =
            if is_init { &status.init_container_statuses } else { &status.container_statuses };
        let found = statuses.iter().find(|status| status.name == container.name);
        let id = found.map_or("", |status| status.container_id.as_str());
        let describe = |own: &mut LabelMap| {
            put(own, "pod_container_name", &container.name);
            put(own, "pod_container_id", id);
            put(own, "pod_container_image", &container.image);
            put(own, "pod_container_init", is_init.to_string());
        };
        if container.ports.is_empty() {
            let mut own = target(status.pod_ip.clone());
            describe(&mut own);
            targets.push(own);
        }
        for port in &container.ports {
            let mut own = target(host_port(&status.pod_ip, port.container_port));
            describe(&mut own);
            put(&mut own, "pod_container_port_number", port.container_port.to_string());
            put(&mut own, "pod_container_port_name", &port.name);
            put(&mut own, "pod_container_port_protocol", &port.protocol);
            targets.push(own);
        }
    }
    let source = format!("pod/{}/{}", metadata.namespace, metadata.name);
    Some(TargetGroup { source, labels, targets })
}
