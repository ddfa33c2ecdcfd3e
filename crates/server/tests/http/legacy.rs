//! The ports of the programs that are replaced: each serves its own surface and no other.

use http::Method;
use prometheus::Registry;
use std::sync::Arc;
use watchkeep_engine::scrape::{Environment, Scraping};
use watchkeep_engine::{Engine, LimitsConfig};
use watchkeep_model::{SystemClock, TenantId};
use watchkeep_server::{About, App, LegacyPortsConfig, OtlpConfig, Server, ServerConfig};

use crate::harness::TestServer;

#[tokio::test]
async fn each_port_serves_only_its_surface() {
    let server = TestServer::start().await;
    let paths = [
        "/api/v1/query?query=1",
        "/loki/api/v1/labels",
        "/api/echo",
        "/sampling?service=a",
        "/api/sampling?service=a",
    ];
    for (listener, served) in [
        ("main", &paths[..]),
        ("prometheus", &["/api/v1/query?query=1"]),
        ("loki", &["/loki/api/v1/labels"]),
        ("jaeger-agent-http", &["/sampling?service=a"]),
        ("jaeger-http", &["/api/sampling?service=a"]),
        ("zipkin", &[]),
        ("tempo", &["/api/echo"]),
        ("jaeger-query", &[]),
        ("jaeger-query-grpc", &[]),
    ] {
        for path in paths {
            let answer = server.send_to(listener, Method::GET, path, &[], "").await;
            let expect = if served.contains(&path) { 200 } else { 404 };
            assert_eq!(answer.status.as_u16(), expect, "{listener} {path}");
        }
    }
}

async fn bind(listen: &str, legacy_ports: LegacyPortsConfig) -> watchkeep_model::Result<Server> {
    let registry = Registry::new();
    let engine = Engine::new(LimitsConfig::default(), Arc::new(SystemClock), &registry)?;
    let engine = Arc::new(engine);
    let config = ServerConfig {
        listen: listen.to_owned(),
        otlp_grpc_listen: "off".into(),
        otlp_http_listen: "off".into(),
        ..ServerConfig::default()
    };
    let about =
        About { version: "", commit: "", data_dir: "/tmp".into(), retention: String::new() };
    let environment = Environment::new([]);
    let scraping = Scraping::new(&engine, TenantId::default(), None, environment, &registry)?;
    let otlp = OtlpConfig::default();
    let app = App::new(engine, Arc::new(scraping), registry, config, otlp, about)?;
    Server::bind(app.with_legacy_ports(legacy_ports)).await
}

fn all_off() -> LegacyPortsConfig {
    let off = || "off".to_owned();
    LegacyPortsConfig {
        enabled: true,
        prometheus: off(),
        loki: off(),
        tempo: off(),
        jaeger_query: off(),
        jaeger_query_grpc: off(),
        zipkin: off(),
        jaeger_grpc: off(),
        jaeger_http: off(),
        jaeger_agent_http: off(),
        jaeger_agent_compact: off(),
        jaeger_agent_binary: off(),
        jaeger_agent_zipkin: off(),
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_names_it_and_its_key() {
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let (taken, udp_address) = (tcp.local_addr().unwrap(), udp.local_addr().unwrap());
    let of_tcp = LegacyPortsConfig { jaeger_http: taken.to_string(), ..all_off() };
    let error = bind("127.0.0.1:0", of_tcp).await.unwrap_err();
    assert!(error.message().contains(&taken.to_string()), "{}", error.message());
    assert!(error.message().contains("legacy_ports.jaeger_http"), "{}", error.message());
    let of_udp = LegacyPortsConfig { jaeger_agent_binary: udp_address.to_string(), ..all_off() };
    let error = bind("127.0.0.1:0", of_udp).await.unwrap_err();
    assert!(error.message().contains(&format!("{udp_address}/udp")), "{}", error.message());
    assert!(error.message().contains("legacy_ports.jaeger_agent_binary"), "{}", error.message());
}

#[tokio::test]
async fn ports_stay_closed_unless_they_are_wanted() {
    let names = |server: &Server| {
        server.listeners().iter().map(|listener| listener.name).collect::<Vec<_>>()
    };
    let closed = LegacyPortsConfig { enabled: false, ..LegacyPortsConfig::default() };
    assert_eq!(names(&bind("127.0.0.1:0", closed).await.unwrap()), ["main"]);
    let one = LegacyPortsConfig { zipkin: ":0".into(), ..all_off() };
    assert_eq!(names(&bind("127.0.0.1:0", one).await.unwrap()), ["main", "zipkin"]);
}
