//! Zipkin's query API: lists of spans in the second form. Names of services and spans are compared and
//! told in small letters, whatever case they were sent in.

mod params;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::{HeaderValue, header};
use watchkeep_engine::traces::{SpanSearch, TagValuesQuery, TagsQuery};
use watchkeep_model::{
    Error, ErrorKind, Result, SpanField, SpanScope, TenantId, TimeRange, TraceId,
};
use watchkeep_traceql::ast::{Attribute, BinaryOp, FieldExpr, Name, Place, Static};
use watchkeep_wire::zipkin::{encode_json, trace_id_text};

use self::params::{Call, DAY_MS, trace_id};
use super::error;
use crate::app::App;

/// Values of a tag that are told.
const VALUES_MAX: usize = 1000;

fn respond<T: serde::Serialize>(app: &App, answer: Result<T>) -> Response {
    let text = answer.and_then(|answer| {
        serde_json::to_string(&answer)
            .map_err(|error| Error::internal("could not write an answer").with_source(error))
    });
    respond_text(app, text)
}

fn respond_text(app: &App, answer: Result<String>) -> Response {
    match answer {
        Ok(text) => {
            let mut response = Response::new(Body::from(text));
            let media_type = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, media_type);
            response
        }
        Err(error) => error::respond(app, &error),
    }
}

/// `GET /api/v2/services`
pub(super) async fn services(State(app): State<Arc<App>>, request: Request) -> Response {
    let call = Call::read(&app, &request);
    let answer = async {
        let call = call?;
        let operations = app.engine.operations(&call.tenant).await?;
        let names = operations.into_iter().map(|one| one.service.to_lowercase());
        Ok(names.collect::<BTreeSet<String>>())
    };
    respond(&app, answer.await)
}

/// `GET /api/v2/spans?serviceName=`: names of spans.
pub(super) async fn span_names(State(app): State<Arc<App>>, request: Request) -> Response {
    let call = Call::read(&app, &request);
    let answer = async {
        let call = call?;
        let service = call.required("serviceName")?.to_lowercase();
        let operations = app.engine.operations(&call.tenant).await?;
        let of_service = operations.into_iter().filter(|one| one.service.to_lowercase() == service);
        let names = of_service.map(|one| one.name.to_lowercase());
        Ok(names.filter(|name| !name.is_empty()).collect::<BTreeSet<String>>())
    };
    respond(&app, answer.await)
}

/// `GET /api/v2/remoteServices?serviceName=`: whom a service's spans of the last day name as the other
/// side.
pub(super) async fn remote_services(State(app): State<Arc<App>>, request: Request) -> Response {
    let call = Call::read(&app, &request);
    let answer = async {
        let call = call?;
        let service = call.required("serviceName")?.to_lowercase();
        let services: BTreeSet<String> = app
            .engine
            .operations(&call.tenant)
            .await?
            .into_iter()
            .map(|one| one.service)
            .filter(|name| name.to_lowercase() == service)
            .collect();
        let filter = services.into_iter().map(|name| is_service(&name)).reduce(|a, b| {
            let (left, right) = (Box::new(a), Box::new(b));
            FieldExpr::Binary { op: BinaryOp::Or, left, right, place: Place::default() }
        });
        if filter.is_none() {
            return Ok(BTreeSet::new());
        }
        let name = Name::Key(SpanScope::Span, "peer.service".to_owned());
        let (tenant, range) = (&call.tenant, call.last_day());
        values(&app, tenant, TagValuesQuery { name, filter, range, limit: usize::MAX }).await
    };
    let lower = |names: BTreeSet<String>| -> BTreeSet<String> {
        names.into_iter().map(|name| name.to_lowercase()).collect()
    };
    respond(&app, answer.await.map(lower))
}

fn is_service(name: &str) -> FieldExpr {
    let place = Place::default();
    let key = Name::Key(SpanScope::Resource, "service.name".to_owned());
    FieldExpr::Binary {
        op: BinaryOp::Eq,
        left: Box::new(FieldExpr::Attribute(Attribute { name: key, of_parent: false, place })),
        right: Box::new(FieldExpr::Static(Static::Text(name.to_owned()))),
        place,
    }
}

async fn values(app: &App, tenant: &TenantId, query: TagValuesQuery) -> Result<BTreeSet<String>> {
    let found = app.engine.span_tag_values(tenant, query).await?;
    Ok(found.values.into_iter().map(|value| value.text).collect())
}

/// `GET /api/v2/autocompleteKeys`: tags of spans of the last day.
pub(super) async fn keys(State(app): State<Arc<App>>, request: Request) -> Response {
    let call = Call::read(&app, &request);
    let answer = async {
        let call = call?;
        let query = TagsQuery { scope: None, filter: None, range: call.last_day() };
        let keys = app.engine.span_tags(&call.tenant, query).await?;
        let are_tags = keys.into_iter().filter(|key| {
            matches!(key.scope, SpanScope::Span | SpanScope::Resource) && key.key != "service.name"
        });
        Ok(are_tags.map(|key| key.key).collect::<BTreeSet<String>>())
    };
    respond(&app, answer.await)
}

/// `GET /api/v2/autocompleteValues?key=`
pub(super) async fn key_values(State(app): State<Arc<App>>, request: Request) -> Response {
    let call = Call::read(&app, &request);
    let answer = async {
        let call = call?;
        let name = Name::Key(SpanScope::Any, call.required("key")?.to_owned());
        let range = call.last_day();
        let query = TagValuesQuery { name, filter: None, range, limit: VALUES_MAX };
        values(&app, &call.tenant, query).await
    };
    respond(&app, answer.await)
}

/// `GET /api/v2/traces`: a search.
pub(super) async fn search(State(app): State<Arc<App>>, request: Request) -> Response {
    let call = Call::read(&app, &request);
    let answer = async {
        let call = call?;
        let search: SpanSearch = call.search()?;
        let ids = app.engine.find_traces(&call.tenant, search).await?;
        traces(&app, &call.tenant, ids).await
    };
    respond_text(&app, answer.await)
}

/// `GET /api/v2/traceMany?traceIds=`
pub(super) async fn many(State(app): State<Arc<App>>, request: Request) -> Response {
    let call = Call::read(&app, &request);
    let answer = async {
        let call = call?;
        let ids = call.trace_ids(app.engine.traces_config().search_traces_max)?;
        traces(&app, &call.tenant, ids).await
    };
    respond_text(&app, answer.await)
}

/// Traces that are there, as a list of lists.
async fn traces(app: &App, tenant: &TenantId, ids: Vec<TraceId>) -> Result<String> {
    let bytes_max = app.engine.limits().query_bytes_max;
    let mut out = String::from("[");
    for id in ids {
        let spans = match app.engine.trace_spans(tenant, id).await {
            Ok(spans) => spans,
            Err(error) if *error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if out.len() > 1 {
            out.push(',');
        }
        encode_json(&spans.columns, &spans.rows, &mut out)?;
        if out.len() > bytes_max.bytes() {
            return Err(Error::new(
                ErrorKind::LimitExceeded { key: "limits.query_bytes_max" },
                format!("the answer is larger than {bytes_max} (limits.query_bytes_max)"),
            ));
        }
    }
    out.push(']');
    Ok(out)
}

/// `GET /api/v2/trace/{id}`
pub(super) async fn by_id(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let call = Call::read(&app, &request);
    let answer = async {
        let call = call?;
        let id = trace_id(&id)?;
        let spans = app.engine.trace_spans(&call.tenant, id).await.map_err(|error| {
            if *error.kind() != ErrorKind::NotFound {
                return error;
            }
            Error::new(ErrorKind::NotFound, format!("{} not found", trace_id_text(id)))
        })?;
        let mut out = String::new();
        encode_json(&spans.columns, &spans.rows, &mut out)?;
        Ok(out)
    };
    respond_text(&app, answer.await)
}

/// `GET /api/v2/dependencies?endTs=&lookback=`
pub(super) async fn dependencies(State(app): State<Arc<App>>, request: Request) -> Response {
    let call = Call::read(&app, &request);
    let answer = async {
        let call = call?;
        let end_ms = call.positive("endTs")?.ok_or_else(|| params::missing("endTs"))?;
        let lookback_ms = call.positive("lookback")?.unwrap_or(DAY_MS);
        let range: TimeRange = params::range(end_ms, lookback_ms);
        // Names that differ by their case alone are of one service.
        let mut links: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
        for link in app.engine.service_calls(&call.tenant, range).await? {
            let names = (link.parent.to_lowercase(), link.child.to_lowercase());
            let (calls, errors) = links.entry(names).or_default();
            *calls += link.calls;
            *errors += link.errors;
        }
        let link = |((parent, child), (calls, errors)): ((String, String), (u64, u64))| {
            let mut link =
                serde_json::json!({ "parent": parent, "child": child, "callCount": calls });
            if errors > 0
                && let Some(link) = link.as_object_mut()
            {
                link.insert("errorCount".to_owned(), errors.into());
            }
            link
        };
        Ok(links.into_iter().map(link).collect::<Vec<_>>())
    };
    respond(&app, answer.await)
}

/// Fields that hold an annotation of a span or the key of a tag.
fn word_fields(word: &str) -> [SpanField; 2] {
    [SpanScope::Span, SpanScope::Resource].map(|scope| SpanField::Attribute(scope, word.to_owned()))
}
