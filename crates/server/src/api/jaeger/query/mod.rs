//! Jaeger's query service: its HTTP API (`v1`), the newer one that speaks OTLP (`v3`), and both over
//! gRPC. All ask the same questions, which are here.

pub(super) mod grpc;
mod message;
mod params;
pub(super) mod v1;
pub(super) mod v3;

use watchkeep_engine::traces::{Begins, FieldIs, SpanSearch, TraceSpans};
use watchkeep_model::{
    Error, ErrorKind, Operation, Result, SpanField, SpanScope, TenantId, TimeRange, TraceId,
};
use watchkeep_wire::jaeger::{KIND_NAMES, separate_shared_ids};

use crate::app::App;

/// What Jaeger says of a trace that it does not have.
const NOT_FOUND: &str = "trace not found";

/// What is said in Jaeger's words of parts of it that are not offered.
const NO_ARCHIVE: &str = "archive span storage was not configured";

/// What is said where a trace is larger than may be answered.
const PARTIAL: &str =
    "spans are missing: the trace is too large (limits.query_rows_max, limits.query_bytes_max)";

/// Traces that a search tells where it names no number.
const SEARCH_DEPTH: i64 = 100;

/// A search for traces with a span that fulfils everything.
#[derive(Debug, Clone)]
struct Search {
    /// Of any service where it is empty.
    service: String,
    /// Any where it is empty.
    operation: String,
    tags: Vec<(String, String)>,
    /// The span starts at this or later, nanoseconds since the epoch.
    start_ns: i64,
    /// The span starts at this or earlier.
    end_ns: i64,
    /// 0 for any.
    duration_ns_min: i64,
    /// 0 for any.
    duration_ns_max: i64,
    /// Traces that are wanted.
    depth: i64,
    /// Whether spans are told as they came, shared ids and all.
    raw: bool,
}

impl Search {
    /// What the engine is asked.
    fn request(self, app: &App) -> Result<SpanSearch> {
        let depth_max = app.engine.traces_config().search_traces_max;
        let limit =
            usize::try_from(self.depth).ok().filter(|depth| (1..=depth_max).contains(depth));
        let limit = limit.ok_or_else(|| {
            Error::invalid(format!(
                "search depth must be greater than 0 and at most {depth_max} \
                 (traces.search_traces_max)"
            ))
        })?;
        let (min, max) = (self.duration_ns_min, self.duration_ns_max);
        if min != 0 && max != 0 && max < min {
            return Err(Error::invalid("'maxDuration' should be greater than 'minDuration'"));
        }
        let mut conditions: Vec<Vec<(SpanField, FieldIs)>> = Vec::new();
        for (field, text) in [(SpanField::Service, self.service), (SpanField::Name, self.operation)]
        {
            if !text.is_empty() {
                conditions.push(vec![(field, FieldIs::Text(text))]);
            }
        }
        conditions.extend(self.tags.into_iter().map(|(key, value)| tag_is(&key, &value)));
        Ok(SpanSearch {
            range: TimeRange { start_ns: self.start_ns, end_ns: self.end_ns.saturating_add(1) },
            begins: Begins::Span,
            conditions,
            duration_ns_min: (min != 0).then_some(min),
            duration_ns_max: (max != 0).then_some(max),
            limit,
        })
    }
}

/// A tag is an attribute of the span, of what sent it, or of one of its events or links, or one that
/// stands for a field.
fn tag_is(key: &str, value: &str) -> Vec<(SpanField, FieldIs)> {
    let text = || FieldIs::Text(value.to_owned());
    let mut any = Vec::new();
    let status = |code: i64| (SpanField::StatusCode, FieldIs::Int(code));
    match key {
        "error" => match value {
            "true" => any.push(status(2)),
            "false" => any.extend([status(0), status(1)]),
            _ => {}
        },
        "otel.status_code" => {
            let codes = ["UNSET", "OK", "ERROR"];
            let code = codes.iter().position(|code| code.eq_ignore_ascii_case(value));
            any.extend(code.map(|code| status(code as i64)));
        }
        "span.kind" => {
            let kind = KIND_NAMES.iter().position(|kind| !kind.is_empty() && *kind == value);
            any.extend(kind.map(|kind| (SpanField::Kind, FieldIs::Int(kind as i64))));
        }
        "otel.status_description" => any.push((SpanField::StatusMessage, text())),
        "otel.scope.name" | "otel.library.name" | "scope.name" => {
            any.push((SpanField::ScopeName, text()));
        }
        "otel.scope.version" | "otel.library.version" | "scope.version" => {
            any.push((SpanField::ScopeVersion, text()));
        }
        "event" => any.push((SpanField::EventName, text())),
        _ => {}
    }
    if let Some(of_resource) = key.strip_prefix("resource.") {
        let field = SpanField::Attribute(SpanScope::Resource, of_resource.to_owned());
        any.push((field, text()));
    }
    let scopes = [
        SpanScope::Span,
        SpanScope::Resource,
        SpanScope::Instrumentation,
        SpanScope::Event,
        SpanScope::Link,
    ];
    any.extend(scopes.map(|scope| (SpanField::Attribute(scope, key.to_owned()), text())));
    any
}

/// Ids of the traces that a search finds, newest first.
async fn find(app: &App, tenant: &TenantId, search: Search) -> Result<Vec<TraceId>> {
    let request = search.request(app)?;
    Ok(app.engine.find_traces(tenant, request).await?)
}

/// A trace; none where it is not known. Unless it is wanted raw, ids that two sides of a call share
/// are told apart.
async fn trace(app: &App, tenant: &TenantId, id: TraceId, raw: bool) -> Result<Option<TraceSpans>> {
    match app.engine.trace_spans(tenant, id).await {
        Ok(mut spans) => {
            if !raw {
                separate_shared_ids(&mut spans.columns, &spans.rows);
            }
            Ok(Some(spans))
        }
        Err(error) if *error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Fails where an answer of several traces grows beyond what one may be.
fn check_size(app: &App, bytes: usize) -> Result<()> {
    let bytes_max = app.engine.limits().query_bytes_max;
    if bytes <= bytes_max.bytes() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::LimitExceeded { key: "limits.query_bytes_max" },
        format!(
            "the answer is larger than {bytes_max} (limits.query_bytes_max); ask for fewer traces"
        ),
    ))
}

/// All services, sorted.
async fn services(app: &App, tenant: &TenantId) -> Result<Vec<String>> {
    let operations = app.engine.operations(tenant).await?;
    let mut services: Vec<String> = operations.into_iter().map(|one| one.service).collect();
    services.sort_unstable();
    services.dedup();
    Ok(services)
}

/// Operations of a service, of one kind of span or of all where none is named, sorted.
async fn operations(
    app: &App,
    tenant: &TenantId,
    service: &str,
    kind: &str,
) -> Result<Vec<(String, &'static str)>> {
    let name_of = |kind: u8| KIND_NAMES.get(usize::from(kind)).copied().unwrap_or_default();
    let all = app.engine.operations(tenant).await?;
    let of_service = all.into_iter().filter(|one| one.service == service);
    let named = of_service.map(|Operation { name, kind, .. }| (name, name_of(kind)));
    let mut found: Vec<_> = named.filter(|(_, of)| kind.is_empty() || *of == kind).collect();
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
