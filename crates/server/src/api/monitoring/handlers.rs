//! What both paths do.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Uri, header};
use watchkeep_engine::health::monitoring::judge::Judgement;
use watchkeep_engine::health::monitoring::requests::Requests;
use watchkeep_model::{Result, TenantId};

use super::params::{Asked, Whose};
use super::{dto, error, own};
use crate::app::App;
use crate::tenant::tenant_of;

/// Whether the server or a service is well. Always 200, so that who asks can read why not.
pub(super) async fn health(State(app): State<Arc<App>>, headers: HeaderMap, uri: Uri) -> Response {
    let outcome = async {
        let (tenant, asked) = read(&headers, &uri)?;
        let now_ns = app.engine.clock().now_ns();
        let (requests, issues) = if asked.whose == Whose::Own {
            let requests = own::requests(&app, now_ns);
            let mut issues = own::machine_issues(&app);
            issues.extend(own::issues(&app, &requests));
            (requests, issues)
        } else {
            let (requests, window) = observed(&app, &tenant, &asked).await?;
            let issues = app.engine.health().config().monitoring.judge(&requests, &window);
            (requests, issues)
        };
        Ok(Json(dto::health(&requests, Judgement::of(issues), now_ns)).into_response())
    };
    respond(&app, outcome.await)
}

/// Figures of the server or of a service.
pub(super) async fn stats(State(app): State<Arc<App>>, headers: HeaderMap, uri: Uri) -> Response {
    let outcome = async {
        let (tenant, asked) = read(&headers, &uri)?;
        let now_ns = app.engine.clock().now_ns();
        let requests = match asked.whose {
            Whose::Own => own::requests(&app, now_ns),
            _ => observed(&app, &tenant, &asked).await?.0,
        };
        Ok(Json(dto::stats(requests, own::current_system(&app), now_ns)).into_response())
    };
    respond(&app, outcome.await)
}

fn read(headers: &HeaderMap, uri: &Uri) -> Result<(TenantId, Asked)> {
    Ok((tenant_of(headers)?, Asked::read(uri.query().unwrap_or_default())?))
}

/// The requests to one service or to all, and when they were, for people.
async fn observed(app: &App, tenant: &TenantId, asked: &Asked) -> Result<(Requests, String)> {
    let service = match &asked.whose {
        Whose::Service(name) => Some(name.as_str()),
        Whose::Own | Whose::AllServices => None,
    };
    let window = asked.window.unwrap_or(app.engine.health().config().monitoring.window);
    let window_ns = i64::try_from(window.0.as_nanos()).unwrap_or(i64::MAX);
    let requests = app.engine.observed_requests(tenant, service, window_ns).await?;
    Ok((requests, format!("in the last {window}")))
}

fn respond(app: &App, outcome: Result<Response>) -> Response {
    let mut response = outcome.unwrap_or_else(|failed| error::respond(app, &failed));
    let fresh = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, fresh);
    response
}
