//! Which listener serves which surface, and what every request passes through.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tower_http::catch_panic::CatchPanicLayer;

use crate::api::{
    jaeger, langfuse, loki, monitoring, native, ops, otlp, prometheus, tempo, web, zipkin,
};
use crate::app::App;
use crate::grpc;
use crate::metrics::{Counted, count};

/// Everything, for the main listener.
pub(crate) fn main(app: &Arc<App>) -> Router {
    let otlp_http = otlp::http_routes(app);
    Router::new()
        .merge(surface(app, "otlp", otlp_http.clone().merge(otlp::grpc_routes(app))))
        .nest("/otlp", surface(app, "otlp", otlp_http.clone()))
        .nest("/loki/otlp", surface(app, "otlp", otlp_http.clone()))
        // Where the OTLP receiver of Prometheus is.
        .nest("/api/v1/otlp", surface(app, "otlp", otlp_http.clone()))
        .nest("/prometheus/api/v1/otlp", surface(app, "otlp", otlp_http.clone()))
        .nest(langfuse::OTLP_PREFIX, surface(app, "otlp", otlp_http))
        .merge(surface(app, "langfuse", langfuse::routes(app)))
        .merge(surface(app, "prometheus", prometheus::routes(app)))
        .nest(prometheus::PREFIX, surface(app, "prometheus", prometheus::prefixed_routes(app)))
        .merge(surface(app, "loki", loki::routes(app)))
        .nest(loki::PREFIX, surface(app, "loki", loki::prefixed_routes(app)))
        .merge(surface(app, "tempo", tempo::routes(app)))
        .nest(tempo::PREFIX, surface(app, "tempo", tempo::prefixed_routes(app)))
        .merge(surface(app, "jaeger", jaeger_at_root(app)))
        .merge(surface(app, "jaeger", jaeger::grpc_routes(app)))
        .nest(jaeger::PREFIX, surface(app, "jaeger", jaeger_prefixed(app)))
        .merge(surface(app, "zipkin", zipkin::routes(app)))
        .nest(zipkin::PREFIX, surface(app, "zipkin", zipkin::routes(app)))
        .nest(native::BASE, surface(app, "native", native::routes(app)))
        .merge(surface(app, "ops", ops::routes(app)))
        .merge(surface(app, "monitoring", monitoring::routes(app)))
        .fallback_service(surface(app, "web", web::routes()))
        .layer(CatchPanicLayer::new())
}

/// At the root `/api/traces/{id}` is Tempo's.
fn jaeger_at_root(app: &Arc<App>) -> Router {
    jaeger::collector_routes(app).merge(jaeger::agent_routes(app)).merge(jaeger::query_routes(app))
}

fn jaeger_prefixed(app: &Arc<App>) -> Router {
    jaeger::collector_routes(app)
        .merge(jaeger::agent_routes(app))
        .merge(jaeger::query_port_routes(app))
}

/// Spans over gRPC alone, as OTLP and as Jaeger's: the port of the one is often given for the other.
pub(crate) fn spans_grpc(app: &Arc<App>) -> Router {
    let routes = otlp::grpc_routes(app).fallback(grpc::unknown_method);
    surface(app, "otlp", routes)
        .merge(surface(app, "jaeger", jaeger::grpc_routes(app)))
        .layer(CatchPanicLayer::new())
}

/// OTLP over HTTP alone, and the health check that its clients may ask for.
pub(crate) fn otlp_http(app: &Arc<App>) -> Router {
    surface(app, "otlp", otlp::http_routes(app))
        .merge(surface(app, "ops", ops::health_routes(app)))
        .layer(CatchPanicLayer::new())
}

/// Prometheus alone.
pub(crate) fn legacy_prometheus(app: &Arc<App>) -> Router {
    surface(app, "prometheus", prometheus::prefixed_routes(app))
        .nest("/api/v1/otlp", surface(app, "otlp", otlp::http_routes(app)))
        .merge(surface(app, "ops", ops::metrics_routes(app)))
        .layer(CatchPanicLayer::new())
}

/// Loki alone.
pub(crate) fn legacy_loki(app: &Arc<App>) -> Router {
    surface(app, "loki", loki::prefixed_routes(app))
        .nest("/otlp", surface(app, "otlp", otlp::http_routes(app)))
        .layer(CatchPanicLayer::new())
}

/// Tempo alone.
pub(crate) fn legacy_tempo(app: &Arc<App>) -> Router {
    surface(app, "tempo", tempo::prefixed_routes(app)).layer(CatchPanicLayer::new())
}

/// Jaeger's query service alone.
pub(crate) fn legacy_jaeger_query(app: &Arc<App>) -> Router {
    let query = jaeger::query_port_routes(app);
    surface(app, "jaeger", query.clone())
        .nest(jaeger::PREFIX, surface(app, "jaeger", query))
        .merge(surface(app, "ops", ops::health_routes(app)))
        .layer(CatchPanicLayer::new())
}

/// Jaeger's query service over gRPC, alone.
pub(crate) fn legacy_jaeger_query_grpc(app: &Arc<App>) -> Router {
    let routes = jaeger::query_grpc_routes(app).fallback(grpc::unknown_method);
    surface(app, "jaeger", routes).layer(CatchPanicLayer::new())
}

/// Zipkin alone.
pub(crate) fn legacy_zipkin(app: &Arc<App>) -> Router {
    surface(app, "zipkin", zipkin::routes(app))
        .nest(zipkin::PREFIX, surface(app, "zipkin", zipkin::routes(app)))
        .merge(surface(app, "ops", ops::health_routes(app)))
        .layer(CatchPanicLayer::new())
}

/// What Jaeger's collector takes over HTTP, alone.
pub(crate) fn legacy_jaeger_http(app: &Arc<App>) -> Router {
    surface(app, "jaeger", jaeger::collector_routes(app)).layer(CatchPanicLayer::new())
}

/// What Jaeger's agent tells over HTTP, alone.
pub(crate) fn legacy_jaeger_agent_http(app: &Arc<App>) -> Router {
    surface(app, "jaeger", jaeger::agent_port_routes(app)).layer(CatchPanicLayer::new())
}

fn surface(app: &Arc<App>, name: &'static str, routes: Router) -> Router {
    let counted = Counted { app: Arc::clone(app), surface: name };
    routes.layer(from_fn_with_state(counted, count))
}
