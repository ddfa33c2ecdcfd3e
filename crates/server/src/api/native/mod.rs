//! The native API.
use crate::app::App;
use axum::Router;
use std::sync::Arc;
/// Where it is mounted.
pub const BASE: &str = "/api/watchkeep/v1";
pub(crate) fn routes(_app: &Arc<App>) -> Router {
    Router::new()
}
/// Document.
pub fn openapi_json() -> String {
    String::new()
}
