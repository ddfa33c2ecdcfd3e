//! Which listener serves which surface, and what every request passes through.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tower_http::catch_panic::CatchPanicLayer;

use crate::api::{loki, native, ops, otlp, prometheus, web};
use crate::app::App;
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
        .nest("/prometheus/api/v1/otlp", surface(app, "otlp", otlp_http))
        .merge(surface(app, "prometheus", prometheus::routes(app)))
        .nest(prometheus::PREFIX, surface(app, "prometheus", prometheus::prefixed_routes(app)))
        .merge(surface(app, "loki", loki::routes(app)))
        .nest(loki::PREFIX, surface(app, "loki", loki::prefixed_routes(app)))
        .nest(native::BASE, surface(app, "native", native::routes(app)))
        .merge(surface(app, "ops", ops::routes(app)))
        .fallback_service(surface(app, "web", web::routes()))
        .layer(CatchPanicLayer::new())
}

/// OTLP over gRPC alone.
pub(crate) fn otlp_grpc(app: &Arc<App>) -> Router {
    let routes = otlp::grpc_routes(app).fallback(otlp::unknown_method);
    surface(app, "otlp", routes).layer(CatchPanicLayer::new())
}

/// OTLP over HTTP alone, and the health check that its clients may ask for.
pub(crate) fn otlp_http(app: &Arc<App>) -> Router {
    surface(app, "otlp", otlp::http_routes(app))
        .merge(surface(app, "ops", ops::health_routes(app)))
        .layer(CatchPanicLayer::new())
}

fn surface(app: &Arc<App>, name: &'static str, routes: Router) -> Router {
    let counted = Counted { app: Arc::clone(app), surface: name };
    routes.layer(from_fn_with_state(counted, count))
}
