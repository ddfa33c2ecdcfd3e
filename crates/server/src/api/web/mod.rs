//! The web UI, embedded in the program. Any path without a file extension that nothing else serves
//! is one of the UI's own pages; what is under `/api/` or asks for a file is 404 where it is not
//! there. Without a built UI every page says how to build it.

mod assets;
mod handlers;

use axum::Router;

/// Everything that no other surface serves.
pub(crate) fn routes() -> Router {
    Router::new().fallback(handlers::page)
}
