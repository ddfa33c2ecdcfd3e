//! Starting a server, and asking it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use prometheus::Registry;
use serde_json::Value;
use watchkeep_engine::humane::ByteSize;
use watchkeep_engine::scrape::{Environment, Scraping};
use watchkeep_engine::{Engine, HealthConfig, LimitsConfig};
use watchkeep_model::SystemClock;
use watchkeep_server::{About, App, LegacyPortsConfig, OtlpConfig, Server, ServerConfig};
use watchkeep_storage::memory::MemoryStore;

/// A body may hold so much in tests.
pub(crate) const BODY_BYTES_MAX: usize = 256 << 10;
pub(crate) const DECOMPRESSED_BYTES_MAX: usize = 1 << 20;

/// A running server; it ends with the test's runtime.
pub(crate) struct TestServer {
    pub(crate) engine: Arc<Engine>,
    pub(crate) main: String,
    pub(crate) grpc: String,
    /// Every listener and where it is, as `127.0.0.1:PORT`.
    listeners: Vec<(&'static str, String)>,
    client: Client<HttpConnector, Full<Bytes>>,
    h2: Client<HttpConnector, Full<Bytes>>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What came after the body.
    pub(crate) trailers: HeaderMap,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error}: {} {}", self.status, String::from_utf8_lossy(&self.body))
        })
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl TestServer {
    /// A server whose store is still recovering.
    pub(crate) async fn recovering() -> Self {
        Self::with_health(HealthConfig::default()).await
    }

    /// The same with another section `health`.
    pub(crate) async fn with_health(health: HealthConfig) -> Self {
        let registry = Registry::new();
        let limits = LimitsConfig {
            body_bytes_max: ByteSize(BODY_BYTES_MAX as u64),
            decompressed_bytes_max: ByteSize(DECOMPRESSED_BYTES_MAX as u64),
            ingest_bytes_in_flight_max: ByteSize(2 << 20),
            ..LimitsConfig::default()
        };
        let engine = Engine::new(limits, Arc::new(SystemClock), &registry).unwrap();
        let data_dir = std::path::Path::new("/tmp");
        let engine = engine.with_health(health, data_dir, &Environment::new([])).unwrap();
        let engine = Arc::new(engine);
        let config = ServerConfig {
            listen: "127.0.0.1:0".into(),
            otlp_grpc_listen: "127.0.0.1:0".into(),
            otlp_http_listen: "off".into(),
            ..ServerConfig::default()
        };
        let about = About {
            version: "1.2.3",
            commit: "abc",
            data_dir: "/tmp".into(),
            retention: "kept for ever".into(),
        };
        let tenant = watchkeep_model::TenantId::default();
        let environment = Environment::new([]);
        let scraping = Scraping::new(&engine, tenant, None, environment, &registry).unwrap();
        let otlp = OtlpConfig::default();
        let app = App::new(Arc::clone(&engine), Arc::new(scraping), registry, config, otlp, about)
            .unwrap()
            .with_legacy_ports(legacy_ports());
        let server = Server::bind(app).await.unwrap();
        let listeners: Vec<_> = server
            .listeners()
            .iter()
            .map(|listener| (listener.name, listener.address.to_string()))
            .collect();
        let address = |name: &str| {
            let found = listeners.iter().find(|(listener, _)| *listener == name);
            format!("http://{}", found.unwrap().1)
        };
        let (main, grpc) = (address("main"), address("otlp-grpc"));
        tokio::spawn(server.serve(std::future::pending()));
        Self {
            engine,
            main,
            grpc,
            listeners,
            client: Client::builder(TokioExecutor::new()).build_http(),
            h2: Client::builder(TokioExecutor::new()).http2_only(true).build_http(),
        }
    }

    /// A server that is ready.
    pub(crate) async fn start() -> Self {
        let server = Self::recovering().await;
        server.engine.attach(Arc::new(MemoryStore::default()));
        server
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        Self::ask(&self.client, &self.main, method, path, headers, body.into()).await
    }

    /// The same over HTTP/2 with prior knowledge.
    pub(crate) async fn send_h2(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        Self::ask(&self.h2, &self.main, method, path, headers, body.into()).await
    }

    async fn ask(
        client: &Client<HttpConnector, Full<Bytes>>,
        base: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{base}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = client.request(request.body(Full::new(body)).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned().unwrap_or_default();
        Answer { status: head.status, headers: head.headers, body: body.to_bytes(), trailers }
    }

    /// Where a listener is, as `127.0.0.1:PORT`.
    pub(crate) fn address(&self, listener: &str) -> &str {
        &self.listeners.iter().find(|(name, _)| *name == listener).unwrap().1
    }

    /// As [`TestServer::send`], to another listener than the main one.
    pub(crate) async fn send_to(
        &self,
        listener: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let base = format!("http://{}", self.address(listener));
        Self::ask(&self.client, &base, method, path, headers, body.into()).await
    }

    /// As [`TestServer::send_h2`], to another listener than the main one.
    pub(crate) async fn call(
        &self,
        listener: &str,
        path: &str,
        headers: &[(&str, &str)],
        message: &[u8],
    ) -> Answer {
        let base = format!("http://{}", self.address(listener));
        let framed = [&[0][..], &(message.len() as u32).to_be_bytes(), message].concat();
        let headers = [headers, &[("content-type", "application/grpc")]].concat();
        Self::ask(&self.h2, &base, Method::POST, path, &headers, framed.into()).await
    }

    /// Sends OTLP as JSON; it must be accepted.
    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        let answer = self.send(Method::POST, path, &headers, body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));
        answer
    }

    /// Asks the native API; the answer must be a success.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.api(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.json());
        answer.json()
    }

    /// Asks the native API.
    pub(crate) async fn api(&self, path: &str) -> Answer {
        self.send(Method::GET, &format!("/api/watchkeep/v1{path}"), &[], Bytes::new()).await
    }
}

/// Every legacy port on one that is free.
fn legacy_ports() -> LegacyPortsConfig {
    let free = || ":0".to_owned();
    LegacyPortsConfig {
        enabled: true,
        prometheus: free(),
        loki: free(),
        tempo: free(),
        jaeger_query: free(),
        jaeger_query_grpc: free(),
        zipkin: free(),
        jaeger_grpc: free(),
        jaeger_http: free(),
        jaeger_agent_http: free(),
        jaeger_agent_compact: free(),
        jaeger_agent_binary: free(),
        jaeger_agent_zipkin: free(),
    }
}
