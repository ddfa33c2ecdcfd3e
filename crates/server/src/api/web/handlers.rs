//! Serving the UI's files.

use axum::extract::Request;
use axum::response::{Html, IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::assets::{Asset, find};
use crate::grpc;

/// Shown where the program was built without the UI.
const NOT_BUILT: &str = include_str!("not_built.html");
/// Scripts and styles carry a hash of their content in their names.
const HASHED: &str = "public, max-age=31536000, immutable";
/// The page itself is asked for again each time, so that a new version shows at once.
const FRESH: &str = "no-cache";
/// The UI loads nothing from elsewhere, and is framed by nobody.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data: blob:; font-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

/// Answers a path that no other surface serves.
pub(super) async fn page(request: Request) -> Response {
    if grpc::is_grpc(request.headers()) {
        return grpc::unknown_method(request).await;
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return (StatusCode::NOT_FOUND, "nothing here\n").into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    if let Some(asset) = find(path) {
        return file(asset, request.headers());
    }
    let names_a_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    if names_a_file || path.starts_with("api/") {
        return (StatusCode::NOT_FOUND, "nothing here\n").into_response();
    }
    match find("index.html") {
        Some(index) => file(index, request.headers()),
        None => ([(header::CACHE_CONTROL, FRESH)], Html(NOT_BUILT)).into_response(),
    }
}

fn file(asset: &'static Asset, request: &HeaderMap) -> Response {
    let wants_gzip = request
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accepted| accepted.contains("gzip"));
    let (bytes, coding) = match asset.gzip.filter(|_| wants_gzip) {
        Some(gzip) => (gzip, Some("gzip")),
        None => (asset.bytes, None),
    };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    let cache = if asset.path.starts_with("assets/") { HASHED } else { FRESH };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(asset.path)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
