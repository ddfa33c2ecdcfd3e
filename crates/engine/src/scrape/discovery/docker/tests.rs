//! Containers as targets, against an engine that is none.

use std::path::Path;

use super::{Container, Network, targets};
use crate::scrape::config::discovery::{DiscoveryConfigs, DockerConfig};
use crate::scrape::config::load;
use crate::scrape::discovery::provider::ProviderConfig;
use crate::scrape::discovery::tests::{addresses, groups_when, shown, start};
use crate::scrape::environment::Environment;
use crate::scrape::fake_http::{Answer, FakeServer};

const CONTAINERS: &str = r#"[
  {"Id": "c1", "Names": ["/web"], "Image": "nginx:1", "ImageID": "sha256:1", "State": "running",
   "Labels": {"com.example/team": "front"},
   "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
             {"PrivatePort": 443, "Type": "tcp"}, {"PrivatePort": 53, "Type": "udp"}],
   "HostConfig": {"NetworkMode": "front"},
   "NetworkSettings": {"Networks": {
      "front": {"NetworkID": "n1", "IPAddress": "172.20.0.2"},
      "zone": {"NetworkID": "n2", "IPAddress": "172.21.0.2"}}}},
  {"Id": "c2", "Names": ["/sidecar"], "Labels": {}, "Ports": [],
   "HostConfig": {"NetworkMode": "container:c1"}, "NetworkSettings": {"Networks": {}}},
  {"Id": "c3", "Names": ["/agent"], "Ports": null,
   "HostConfig": {"NetworkMode": "host"},
   "NetworkSettings": {"Networks": {"host": {"NetworkID": "n3", "IPAddress": ""}}}},
  {"Id": "c4", "Names": ["/six"], "Ports": [{"PrivatePort": 9, "Type": "tcp"}],
   "HostConfig": {"NetworkMode": "six"},
   "NetworkSettings": {"Networks": {"six": {"GlobalIPv6Address": "fd00::2"}}}},
  {"Id": "c5", "Names": []},
  {"Id": "c6", "Names": ["/loop"], "HostConfig": {"NetworkMode": "container:c6"}}
]"#;

const NETWORKS: &str = r#"[
  {"Id": "n1", "Name": "front", "Scope": "local", "Internal": false, "Ingress": false,
   "Labels": {"a.b": "c"}},
  {"Id": "n2", "Name": "zone", "Scope": "local", "Labels": null},
  {"Id": "n3", "Name": "host", "Scope": "local"}
]"#;

fn discovery(yaml: &str) -> DiscoveryConfigs {
    let text = format!("scrape_configs: [{{job_name: a, docker_sd_configs: [{{{yaml}}}]}}]");
    let loaded = load(&text, Path::new("."), &Environment::default()).unwrap();
    loaded.config.scrape_configs[0].discovery.clone()
}

fn config(yaml: &str) -> DockerConfig {
    discovery(yaml).docker.remove(0)
}

fn found(yaml: &str) -> Vec<String> {
    let containers: Vec<Container> = serde_json::from_str(CONTAINERS).unwrap();
    let networks: Vec<Network> = serde_json::from_str(NETWORKS).unwrap();
    targets(&containers, &networks, &config(yaml)).iter().map(shown).collect()
}

#[test]
fn a_target_has_the_labels_of_container_and_network() {
    let all = found("host: 'unix:///x', port: 1234, host_networking_host: box");
    assert_eq!(
        all[0],
        "__address__=172.20.0.2:80\n\
         __meta_docker_container_id=c1\n\
         __meta_docker_container_image=nginx:1\n\
         __meta_docker_container_image_id=sha256:1\n\
         __meta_docker_container_label_com_example_team=front\n\
         __meta_docker_container_name=/web\n\
         __meta_docker_container_network_mode=front\n\
         __meta_docker_network_id=n1\n\
         __meta_docker_network_ingress=false\n\
         __meta_docker_network_internal=false\n\
         __meta_docker_network_ip=172.20.0.2\n\
         __meta_docker_network_label_a_b=c\n\
         __meta_docker_network_name=front\n\
         __meta_docker_network_scope=local\n\
         __meta_docker_port_private=80\n\
         __meta_docker_port_public=8080\n\
         __meta_docker_port_public_ip=0.0.0.0\n"
    );
    let addresses: Vec<&str> = all.iter().filter_map(|labels| labels.lines().next()).collect();
    assert_eq!(
        addresses,
        [
            "__address__=172.20.0.2:80",
            "__address__=172.20.0.2:443",
            // Shares the network of the first, and exposes nothing itself.
            "__address__=172.20.0.2:1234",
            "__address__=box",
            "__address__=[fd00::2]:9",
        ]
    );
}

#[test]
fn all_networks_count_where_wanted() {
    let all = found("host: 'unix:///x', match_first_network: false");
    let of_web = all.iter().filter(|labels| labels.contains("container_name=/web"));
    assert_eq!(of_web.count(), 4);
}

fn answer(request: &crate::scrape::fake_http::Request) -> Answer {
    match request.path() {
        "/containers/json" => Answer::json(CONTAINERS),
        "/networks" => Answer::json(NETWORKS),
        _ => Answer::status(404),
    }
}

#[tokio::test]
async fn an_engine_is_asked_over_its_socket_or_port() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let unix = FakeServer::start_unix(&socket, answer);
    let tcp = FakeServer::start(answer).await;
    for host in [format!("unix://{}", unix.address()), format!("tcp://{}", tcp.address())] {
        let yaml = format!(
            "host: '{host}', filters: [{{name: label, values: [a=b, c]}}, {{name: status, values: [running]}}]"
        );
        let config = ProviderConfig::Docker(config(&yaml));
        let (provider, changed, _) = start(&config);
        let groups = groups_when(&changed, &provider, |groups| !groups.is_empty()).await;
        assert_eq!(groups[0].source, "Docker", "{host}");
        assert_eq!(addresses(&groups).len(), 5, "{host}");
    }
    let asked = unix.requests()[0].target().to_owned();
    assert_eq!(
        asked,
        "/containers/json?filters=%7B%22label%22%3A%5B%22a%3Db%22%2C%22c%22%5D%2C%22status%22%3A%5B%22running%22%5D%7D"
    );
}
