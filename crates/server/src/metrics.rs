//! The server's own metrics, and the middleware that counts requests.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};
use watchkeep_model::{Error, Result};

use crate::app::App;
use crate::requests::UnderWay;

/// Least status of HTTP that is an error.
const ERROR_STATUS_MIN: u16 = 400;

/// All of the server's metrics.
#[derive(Debug)]
pub(crate) struct ServerMetrics {
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    /// Open connections by listener.
    pub(crate) connections: IntGaugeVec,
    /// Datagrams by listener, and what became of them.
    pub(crate) packets: IntCounterVec,
}

impl ServerMetrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self> {
        Self::build(registry)
            .map_err(|error| Error::internal("cannot register server metrics").with_source(error))
    }

    fn build(registry: &Registry) -> prometheus::Result<Self> {
        let requests = IntCounterVec::new(
            Opts::new("wk_server_requests_total", "Requests answered, by surface and HTTP status"),
            &["surface", "status"],
        )?;
        let request_seconds = HistogramVec::new(
            HistogramOpts::new("wk_server_request_duration_seconds", "How long requests took")
                .buckets(vec![0.0005, 0.002, 0.01, 0.05, 0.25, 1.0, 5.0, 30.0]),
            &["surface"],
        )?;
        let connections = IntGaugeVec::new(
            Opts::new("wk_server_open_connections", "Open connections, by listener"),
            &["listener"],
        )?;
        let packets = IntCounterVec::new(
            Opts::new(
                "wk_server_packets_total",
                "Datagrams received, by listener and what became of them",
            ),
            &["listener", "outcome"],
        )?;
        registry.register(Box::new(packets.clone()))?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(request_seconds.clone()))?;
        registry.register(Box::new(connections.clone()))?;
        Ok(Self { requests, request_seconds, connections, packets })
    }
}

/// A surface that requests are counted under.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    pub(crate) app: Arc<App>,
    pub(crate) surface: &'static str,
}

/// Middleware that counts and times a request under its surface, and under its endpoint.
pub(crate) async fn count(
    State(Counted { app, surface }): State<Counted>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let now_ns = app.engine.clock().now_ns();
    let under_way = UnderWay::begin(&app.requests, request.method(), route, now_ns);
    let response = next.run(request).await;
    let status = response.status();
    let took = under_way.answered(status.as_u16() >= ERROR_STATUS_MIN || is_failed_call(&response));
    app.metrics.request_seconds.with_label_values(&[surface]).observe(took.as_secs_f64());
    app.metrics.requests.with_label_values(&[surface, status.as_str()]).inc();
    response
}

/// Whether a gRPC call failed at once: its status is in the head then. Its HTTP status is 200.
fn is_failed_call(response: &Response) -> bool {
    response.headers().get("grpc-status").is_some_and(|code| code != "0")
}
