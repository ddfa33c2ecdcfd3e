//! How clients shall sample: over HTTP, as the agent and the collector tell it, and over gRPC.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use watchkeep_model::Result;
use watchkeep_wire::compression::decompress;
use watchkeep_wire::jaeger::{requested_service, strategy_json, strategy_proto};

use super::error::text;
use crate::app::App;
use crate::grpc::{RawCall, is_grpc, receive, refuse, success};

/// `?service=`
pub(super) async fn strategy(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    match service(query.as_deref()) {
        Some(service) => json(strategy_json(app.sampling.of(&service))),
        None => no_service(),
    }
}

/// `/baggageRestrictions?service=`: nothing is restricted.
pub(super) async fn baggage(RawQuery(query): RawQuery) -> Response {
    match service(query.as_deref()) {
        Some(_) => json("[]".to_owned()),
        None => no_service(),
    }
}

fn no_service() -> Response {
    text(StatusCode::BAD_REQUEST, "'service' parameter must be provided once")
}

fn json(body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    let media_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

/// The one service that a query names.
fn service(query: Option<&str>) -> Option<String> {
    let pairs: Vec<(String, String)> = serde_html_form::from_str(query?).ok()?;
    let mut named = pairs.into_iter().filter(|(key, _)| key == "service");
    let (_, service) = named.next()?;
    named.next().is_none().then_some(service)
}

/// `SamplingManager.GetSamplingStrategy`
pub(super) async fn strategy_grpc(State(app): State<Arc<App>>, request: Request) -> Response {
    if !is_grpc(request.headers()) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    match asked(&app, request).await {
        Ok(service) => success(&strategy_proto(app.sampling.of(&service)), None),
        Err(error) => refuse(&app, "jaeger", &error),
    }
}

async fn asked(app: &App, request: Request) -> Result<String> {
    let RawCall { compression, body, .. } = receive(app, request).await?;
    let bytes_max = app.engine.limits().decompressed_bytes_max.bytes();
    requested_service(&decompress(compression, &body, bytes_max)?)
}
