//! Names of attributes, and values that they have.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use watchkeep_engine::traces::{TagValue, TagValuesQuery, TagsQuery};
use watchkeep_model::{SpanScope, TenantId};
use watchkeep_traceql::ast::{Intrinsic, Name};
use watchkeep_traceql::{lenient, parse_attribute};

use super::super::convert;
use super::super::error::ApiError;
use super::super::message::{
    SearchTagValuesRequest, SearchTagValuesResponse, SearchTagValuesV2Response, SearchTagsRequest,
    SearchTagsResponse, SearchTagsV2Response, SearchTagsV2Scope,
};
use super::super::params::{Call, range_of};
use super::{Answer, message};
use crate::app::App;

/// What a query may name beside attributes; those about the place in a tree are left out, since they
/// help nobody who types.
const INTRINSICS: [&str; 25] = [
    "duration",
    "event:name",
    "event:timeSinceStart",
    "instrumentation:name",
    "instrumentation:version",
    "kind",
    "link:spanID",
    "link:traceID",
    "name",
    "rootName",
    "rootServiceName",
    "span:childCount",
    "span:duration",
    "span:id",
    "span:kind",
    "span:name",
    "span:parentID",
    "span:status",
    "span:statusMessage",
    "status",
    "statusMessage",
    "trace:duration",
    "trace:id",
    "trace:rootName",
    "trace:rootService",
];

/// The older name of an intrinsic, which is told beside the newer one.
const TRACE_DURATION: &str = "traceDuration";

/// Scopes in the order in which they are told.
const SCOPES: [(&str, SpanScope); 5] = [
    ("resource", SpanScope::Resource),
    ("span", SpanScope::Span),
    ("event", SpanScope::Event),
    ("link", SpanScope::Link),
    ("instrumentation", SpanScope::Instrumentation),
];

/// `GET /api/search/tags`
pub(in super::super) async fn names(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_names(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_names(app: &App, request: Request) -> Answer {
    let call = Call::read(app, &request)?;
    let found = find_names(app, &call.tenant, tags_request(&call)?).await?;
    message(call.accepts, &found)
}

/// `GET /api/v2/search/tags`
pub(in super::super) async fn names_v2(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_names_v2(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_names_v2(app: &App, request: Request) -> Answer {
    let call = Call::read(app, &request)?;
    let found = find_names_v2(app, &call.tenant, tags_request(&call)?).await?;
    message(call.accepts, &found)
}

fn tags_request(call: &Call) -> Result<SearchTagsRequest, ApiError> {
    let (start, end) = call.seconds()?;
    let text = |name| call.get(name).unwrap_or_default().to_owned();
    // Tempo takes what is no number for none.
    let max_tags_per_scope = call.number("limit").ok().flatten().unwrap_or(0);
    Ok(SearchTagsRequest { scope: text("scope"), query: text("q"), start, end, max_tags_per_scope })
}

/// What a scope that is asked for means.
enum Asked {
    All,
    One(SpanScope),
    Intrinsics,
    /// A scope that has no attributes.
    Nothing,
}

impl Asked {
    fn read(scope: &str) -> Result<Self, ApiError> {
        match scope {
            "" | "none" => Ok(Self::All),
            "intrinsic" => Ok(Self::Intrinsics),
            "trace" => Ok(Self::Nothing),
            other => match SCOPES.iter().find(|(name, _)| *name == other) {
                Some((_, scope)) => Ok(Self::One(*scope)),
                None => Err(ApiError::bad_request(format!("invalid scope: {other}"))),
            },
        }
    }
}

/// Names by scope, without the intrinsics.
async fn by_scope(
    app: &App,
    tenant: &TenantId,
    request: &SearchTagsRequest,
    scope: Option<SpanScope>,
) -> Result<Vec<SearchTagsV2Scope>, ApiError> {
    app.engine.check_traceql_length(&request.query)?;
    let query = TagsQuery {
        scope,
        filter: lenient(&request.query),
        range: range_of(request.start, request.end),
    };
    let keys = app.engine.span_tags(tenant, query).await?;
    let limit = match request.max_tags_per_scope {
        0 => usize::MAX,
        limit => limit as usize,
    };
    let of_scope = |(name, scope): &(&str, SpanScope)| {
        let of_it = keys.iter().filter(|key| key.scope == *scope).map(|key| key.key.clone());
        SearchTagsV2Scope { name: (*name).to_owned(), tags: of_it.take(limit).collect() }
    };
    Ok(SCOPES.iter().map(of_scope).filter(|scope| !scope.tags.is_empty()).collect())
}

fn intrinsics() -> Vec<String> {
    INTRINSICS.iter().chain([&TRACE_DURATION]).map(|name| (*name).to_owned()).collect()
}

/// Names of all scopes together; the intrinsics only where they are asked for.
pub(super) async fn find_names(
    app: &App,
    tenant: &TenantId,
    mut request: SearchTagsRequest,
) -> Result<SearchTagsResponse, ApiError> {
    // A filter is for the newer path.
    request.query.clear();
    let scopes = match Asked::read(&request.scope)? {
        Asked::All => by_scope(app, tenant, &request, None).await?,
        Asked::One(scope) => by_scope(app, tenant, &request, Some(scope)).await?,
        Asked::Intrinsics => {
            vec![SearchTagsV2Scope { name: String::new(), tags: intrinsics() }]
        }
        Asked::Nothing => Vec::new(),
    };
    let mut tag_names: Vec<String> = scopes.into_iter().flat_map(|scope| scope.tags).collect();
    tag_names.sort_unstable();
    tag_names.dedup();
    Ok(SearchTagsResponse { tag_names, metrics: Some(convert::metadata_metrics()) })
}

/// Names by scope.
pub(super) async fn find_names_v2(
    app: &App,
    tenant: &TenantId,
    request: SearchTagsRequest,
) -> Result<SearchTagsV2Response, ApiError> {
    let of_intrinsics = || SearchTagsV2Scope { name: "intrinsic".to_owned(), tags: intrinsics() };
    let scopes = match Asked::read(&request.scope)? {
        Asked::All => {
            let mut scopes = vec![of_intrinsics()];
            scopes.extend(by_scope(app, tenant, &request, None).await?);
            scopes
        }
        Asked::One(scope) => by_scope(app, tenant, &request, Some(scope)).await?,
        Asked::Intrinsics => vec![of_intrinsics()],
        Asked::Nothing => Vec::new(),
    };
    Ok(SearchTagsV2Response { scopes, metrics: Some(convert::metadata_metrics()) })
}

/// `GET /api/search/tag/{name}/values`
pub(in super::super) async fn values(
    State(app): State<Arc<App>>,
    Path(path): Path<String>,
    request: Request,
) -> Response {
    answer_values(&app, &path, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_values(app: &App, path: &str, request: Request) -> Answer {
    let call = Call::read(app, &request)?;
    let found = find_values(app, &call.tenant, values_request(&call, path)?).await?;
    message(call.accepts, &found)
}

/// `GET /api/v2/search/tag/{name}/values`
pub(in super::super) async fn values_v2(
    State(app): State<Arc<App>>,
    Path(path): Path<String>,
    request: Request,
) -> Response {
    answer_values_v2(&app, &path, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_values_v2(app: &App, path: &str, request: Request) -> Answer {
    let call = Call::read(app, &request)?;
    let found = find_values_v2(app, &call.tenant, values_request(&call, path)?).await?;
    message(call.accepts, &found)
}

/// The name may hold slashes, so the path is taken whole.
fn values_request(call: &Call, path: &str) -> Result<SearchTagValuesRequest, ApiError> {
    let Some(name) = path.strip_suffix("/values") else {
        return Err(ApiError::new(StatusCode::NOT_FOUND, "404 page not found"));
    };
    let (start, end) = call.seconds()?;
    Ok(SearchTagValuesRequest {
        tag_name: name.to_owned(),
        query: call.get("q").unwrap_or_default().to_owned(),
        start,
        end,
        max_tag_values: call.number("limit")?.unwrap_or(0),
    })
}

/// Values of a name without a scope, as texts.
pub(super) async fn find_values(
    app: &App,
    tenant: &TenantId,
    mut request: SearchTagValuesRequest,
) -> Result<SearchTagValuesResponse, ApiError> {
    // A filter is for the newer path.
    request.query.clear();
    let name = match &*request.tag_name {
        "name" => Name::Intrinsic(Intrinsic::Name),
        "root.name" => Name::Intrinsic(Intrinsic::RootName),
        "root.service.name" => Name::Intrinsic(Intrinsic::RootService),
        "status.code" => Name::Intrinsic(Intrinsic::Status),
        other => Name::Key(SpanScope::Any, other.to_owned()),
    };
    let found = find(app, tenant, name, &request).await?;
    let mut tag_values: Vec<String> = found.into_iter().map(|value| value.text).collect();
    tag_values.sort_unstable();
    tag_values.dedup();
    Ok(SearchTagValuesResponse { tag_values, metrics: Some(convert::metadata_metrics()) })
}

/// Values of a name as TraceQL writes it, and their types.
pub(super) async fn find_values_v2(
    app: &App,
    tenant: &TenantId,
    request: SearchTagValuesRequest,
) -> Result<SearchTagValuesV2Response, ApiError> {
    let attribute = parse_attribute(&request.tag_name).map_err(|error| {
        ApiError::bad_request(format!("please provide a valid tagName: {error}"))
    })?;
    let found = find(app, tenant, attribute.name, &request).await?;
    Ok(SearchTagValuesV2Response {
        tag_values: found.into_iter().map(convert::tag_value).collect(),
        metrics: Some(convert::metadata_metrics()),
    })
}

async fn find(
    app: &App,
    tenant: &TenantId,
    name: Name,
    request: &SearchTagValuesRequest,
) -> Result<Vec<TagValue>, ApiError> {
    app.engine.check_traceql_length(&request.query)?;
    let limit = match request.max_tag_values {
        0 => usize::MAX,
        limit => limit as usize,
    };
    let query = TagValuesQuery {
        name,
        filter: lenient(&request.query),
        range: range_of(request.start, request.end),
        limit,
    };
    Ok(app.engine.span_tag_values(tenant, query).await?.values)
}
