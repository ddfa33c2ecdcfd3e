//! Services as targets, against a Consul that is none.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::health;
use crate::scrape::config::discovery::ConsulConfig;
use crate::scrape::config::load;
use crate::scrape::discovery::provider::ProviderConfig;
use crate::scrape::discovery::tests::{addresses, groups_when, shown, start};
use crate::scrape::environment::Environment;
use crate::scrape::fake_http::{Answer, FakeServer, Request};

const WEB: &str = r#"[{
  "Node": {"ID": "x", "Node": "n1", "Address": "10.0.0.1", "Datacenter": "dc1",
           "Meta": {"rack.no": "7"}, "TaggedAddresses": {"wan": "1.2.3.4"}},
  "Service": {"ID": "web-1", "Service": "web", "Tags": ["prod", "v1"], "Address": "10.0.1.1",
              "Port": 80, "Meta": {"ver": "2"}, "Namespace": "ns", "Partition": "part"},
  "Checks": [{"CheckID": "serfHealth", "Status": "passing"}, {"CheckID": "web", "Status": "warning"}]
 },
 {"Node": {"Node": "n2", "Address": "10.0.0.2", "Meta": null},
  "Service": {"ID": "web-2", "Tags": null, "Address": "", "Port": 81}, "Checks": []}]"#;

fn config(yaml: &str) -> ConsulConfig {
    let text = format!(
        "scrape_configs: [{{job_name: a, consul_sd_configs: [{{refresh_interval: 20ms, {yaml}}}]}}]"
    );
    let mut loaded = load(&text, Path::new("."), &Environment::default()).unwrap();
    loaded.config.scrape_configs[0].discovery.consul.remove(0)
}

fn indexed(index: u64, body: &str) -> Answer {
    let headers = format!("content-type: application/json\r\nx-consul-index: {index}\r\n");
    Answer::Whole(200, headers, body.to_owned())
}

/// A Consul whose catalogue is an index and the services with their tags.
async fn server(catalog: Arc<Mutex<(u64, &'static str)>>) -> FakeServer {
    // What blocks never comes: the senders stay here.
    let held: Mutex<Vec<mpsc::UnboundedSender<String>>> = Mutex::default();
    FakeServer::start(move |request: &Request| {
        let asked_index = |index: u64| request.target().contains(&format!("index={index}"));
        match request.path() {
            "/v1/agent/self" => Answer::json(r#"{"Config": {"Datacenter": "dc1"}}"#),
            "/v1/catalog/services" => {
                let (index, services) = *catalog.lock();
                indexed(index, services)
            }
            "/v1/health/service/web" if !asked_index(5) => indexed(5, WEB),
            "/v1/health/service/db" if !asked_index(5) => indexed(
                5,
                r#"[{"Node": {"Node": "n1", "Address": "10.0.0.3"}, "Service": {"ID": "db", "Port": 5}}]"#,
            ),
            _ => {
                let (sender, receiver) = mpsc::unbounded_channel();
                held.lock().push(sender);
                Answer::Pieces(receiver)
            }
        }
    })
    .await
}

#[tokio::test]
async fn services_of_the_catalogue_come_and_go() {
    let catalog = Arc::new(Mutex::new((1, r#"{"web": ["prod", "v1"], "db": ["test"]}"#)));
    let server = server(Arc::clone(&catalog)).await;
    let yaml = format!("server: '{}', token: hush, node_meta: {{k: v}}", server.address());
    let (provider, changed, _) = start(&ProviderConfig::Consul(config(&yaml)));
    let groups = groups_when(&changed, &provider, |groups| groups.len() == 2).await;
    assert_eq!(addresses(&groups), ["10.0.0.3:5", "10.0.1.1:80", "10.0.0.2:81"]);
    assert_eq!(
        shown(&groups[1].targets[0]),
        "__address__=10.0.1.1:80\n\
         __meta_consul_address=10.0.0.1\n\
         __meta_consul_health=warning\n\
         __meta_consul_metadata_rack_no=7\n\
         __meta_consul_namespace=ns\n\
         __meta_consul_node=n1\n\
         __meta_consul_partition=part\n\
         __meta_consul_service_address=10.0.1.1\n\
         __meta_consul_service_id=web-1\n\
         __meta_consul_service_metadata_ver=2\n\
         __meta_consul_service_port=80\n\
         __meta_consul_tagged_address_wan=1.2.3.4\n\
         __meta_consul_tags=,prod,v1,\n"
    );
    assert_eq!(shown(&groups[1].labels), "__meta_consul_dc=dc1\n__meta_consul_service=web\n");
    let asked = server.requests();
    assert!(asked.iter().all(|request| request.header("x-consul-token") == "hush"));
    let first = asked.iter().find(|request| request.path() == "/v1/catalog/services").unwrap();
    assert_eq!(first.target(), "/v1/catalog/services?wait=120000ms&stale=&node-meta=k%3Av");

    *catalog.lock() = (2, r#"{"web": ["prod", "v1"]}"#);
    groups_when(&changed, &provider, |groups| groups.len() == 1).await;
}

#[tokio::test]
async fn tags_and_names_choose_services() {
    let catalog = Arc::new(Mutex::new((1, r#"{"web": ["prod", "v1"], "db": ["test"]}"#)));
    let server = server(catalog).await;
    let address = server.address();
    for (yaml, expected) in [
        (format!("server: '{address}', services: [db], datacenter: dc1"), "db"),
        (format!("server: '{address}', tags: [v1, prod]"), "web"),
    ] {
        let (provider, changed, _) = start(&ProviderConfig::Consul(config(&yaml)));
        let groups = groups_when(&changed, &provider, |groups| !groups.is_empty()).await;
        assert_eq!(groups.len(), 1, "{yaml}");
        assert_eq!(groups[0].source, expected, "{yaml}");
    }
    let asked = server.requests();
    let tagged = asked.iter().find(|request| request.path() == "/v1/health/service/web").unwrap();
    assert!(tagged.target().contains("tag=v1&tag=prod"), "{}", tagged.target());
    let db = asked.iter().find(|request| request.path() == "/v1/health/service/db").unwrap();
    assert!(db.target().contains("dc=dc1"), "{}", db.target());
}

#[test]
fn health_is_the_worst_of_all_checks() {
    let of = |text: &str| {
        let text = format!("[{text}]");
        let checks: Vec<super::Check> = serde_json::from_str(&text).unwrap();
        health(&checks)
    };
    let passing = r#"{"CheckID": "a", "Status": "passing"}"#;
    let critical = r#"{"CheckID": "b", "Status": "critical"}"#;
    let maintenance = r#"{"CheckID": "_node_maintenance", "Status": "critical"}"#;
    let strange = r#"{"CheckID": "c", "Status": "odd"}"#;
    assert_eq!(of(""), "passing");
    assert_eq!(of(passing), "passing");
    assert_eq!(of(&format!("{passing},{critical}")), "critical");
    assert_eq!(of(&format!("{maintenance},{critical}")), "maintenance");
    assert_eq!(of(strange), "");
}
