//! The query services over gRPC: `jaeger.api_v2.QueryService`, whose spans are Jaeger's, and
//! `jaeger.api_v3.QueryService`, whose spans are OTLP's. One trace after the other is read and told.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use watchkeep_engine::traces::TraceSpans;
use watchkeep_model::{Error, ErrorKind, Result, TenantId, TimeRange, TraceId};
use watchkeep_wire::jaeger::encode_spans_proto;
use watchkeep_wire::otlp::encode_traces;

use super::message::{
    Empty, Encoded, FindTraces, GetDependencies, GetOperations, GetTraceV2, GetTraceV3, Link,
    Links, Operation, OperationsV2, OperationsV3, Query, Services, SpansChunk, Summaries, Time,
    instant,
};
use super::{NO_ARCHIVE, NOT_FOUND, SEARCH_DEPTH, Search, find, params, trace, v3};
use crate::app::App;
use crate::grpc::{self, Call, Frames};

/// Spans of one message, as Jaeger sends them.
const SPANS_PER_MESSAGE: usize = 10;

/// Both services.
pub(in super::super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/jaeger.api_v2.QueryService/GetTrace", post(get_trace_v2))
        .route("/jaeger.api_v2.QueryService/ArchiveTrace", post(archive))
        .route("/jaeger.api_v2.QueryService/FindTraces", post(find_traces_v2))
        .route("/jaeger.api_v2.QueryService/GetServices", post(services))
        .route("/jaeger.api_v2.QueryService/GetOperations", post(operations_v2))
        .route("/jaeger.api_v2.QueryService/GetDependencies", post(dependencies))
        .route("/jaeger.api_v3.QueryService/GetTrace", post(get_trace_v3))
        .route("/jaeger.api_v3.QueryService/FindTraces", post(find_traces_v3))
        .route("/jaeger.api_v3.QueryService/FindTraceSummaries", post(find_summaries))
        .route("/jaeger.api_v3.QueryService/GetServices", post(services))
        .route("/jaeger.api_v3.QueryService/GetOperations", post(operations_v3))
        .route("/jaeger.api_v3.QueryService/GetDependencies", post(dependencies))
}

fn not_found() -> Error {
    Error::new(ErrorKind::NotFound, NOT_FOUND)
}

/// What a request asks for. `newer` is of the service that must be told the times, and searches for so
/// many traces where it is not told how many.
fn search(asked: FindTraces, newer: bool) -> Result<Search> {
    let Query {
        service_name,
        operation_name,
        tags,
        start_time_min,
        start_time_max,
        duration_min,
        duration_max,
        search_depth,
        raw_traces,
        filter,
    } = asked.query.ok_or_else(|| Error::invalid("missing query"))?;
    if newer && filter.is_some() {
        return Err(Error::new(ErrorKind::Unsupported, "structured filters are not offered here"));
    }
    let times = (instant(start_time_min), instant(start_time_max));
    let (start_ns, end_ns) = match times {
        (Some(start_ns), Some(end_ns)) => (start_ns, end_ns),
        _ if newer => {
            return Err(Error::invalid("start time min and max are required parameters"));
        }
        (start_ns, end_ns) => (start_ns.unwrap_or(0), end_ns.unwrap_or(i64::MAX - 1)),
    };
    let depth = if search_depth > 0 { i64::from(search_depth) } else { SEARCH_DEPTH };
    Ok(Search {
        service: service_name,
        operation: operation_name,
        tags: tags.into_iter().collect(),
        start_ns,
        end_ns,
        duration_ns_min: duration_min.map_or(0, Time::ns),
        duration_ns_max: duration_max.map_or(0, Time::ns),
        depth,
        raw: raw_traces,
    })
}

/// Sends the spans of a trace; false when nobody reads any more.
async fn send_spans(frames: &Frames<SpansChunk>, spans: &TraceSpans) -> Result<bool> {
    for rows in spans.rows.chunks(SPANS_PER_MESSAGE) {
        let chunk = SpansChunk { spans: encode_spans_proto(&spans.columns, rows)? };
        if !frames.send(&chunk).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The same, as OTLP.
async fn send_otlp(frames: &Frames<Encoded>, spans: &TraceSpans) -> Result<bool> {
    frames.send(&Encoded(encode_traces(&spans.columns, &spans.rows)?)).await
}

fn id_of(bytes: &[u8]) -> Result<TraceId> {
    let id = match (<[u8; 16]>::try_from(bytes), <[u8; 8]>::try_from(bytes)) {
        (Ok(id), _) => TraceId(id),
        (_, Ok(low)) => TraceId(u128::from(u64::from_be_bytes(low)).to_be_bytes()),
        _ => return Err(Error::invalid("invalid length for TraceID")),
    };
    if id.is_some() { Ok(id) } else { Err(Error::invalid("uninitialized TraceID is not allowed")) }
}

async fn get_trace_v2(State(app): State<Arc<App>>, request: Request) -> Response {
    let state = Arc::clone(&app);
    grpc::streaming(&app, "jaeger", request, |call: Call<GetTraceV2>, frames| async move {
        let GetTraceV2 { trace_id, raw_traces } = call.message;
        let found = trace(&state, &call.tenant, id_of(&trace_id)?, raw_traces).await?;
        send_spans(&frames, &found.ok_or_else(not_found)?).await.map(drop)
    })
    .await
}

async fn archive(State(app): State<Arc<App>>, request: Request) -> Response {
    grpc::unary(&app, "jaeger", request, |_: Call<GetTraceV2>| async {
        Err::<Empty, _>(Error::new(ErrorKind::Unsupported, NO_ARCHIVE))
    })
    .await
}

async fn find_traces_v2(State(app): State<Arc<App>>, request: Request) -> Response {
    let state = Arc::clone(&app);
    grpc::streaming(&app, "jaeger", request, |call: Call<FindTraces>, frames| async move {
        let search = search(call.message, false)?;
        let raw = search.raw;
        for id in find(&state, &call.tenant, search).await? {
            if let Some(spans) = trace(&state, &call.tenant, id, raw).await?
                && !send_spans(&frames, &spans).await?
            {
                break;
            }
        }
        Ok(())
    })
    .await
}

async fn get_trace_v3(State(app): State<Arc<App>>, request: Request) -> Response {
    let state = Arc::clone(&app);
    grpc::streaming(&app, "jaeger", request, |call: Call<GetTraceV3>, frames| async move {
        let GetTraceV3 { trace_id, raw_traces } = call.message;
        let id = params::trace_id(&trace_id)?;
        let found = trace(&state, &call.tenant, id, raw_traces).await?;
        send_otlp(&frames, &found.ok_or_else(not_found)?).await.map(drop)
    })
    .await
}

async fn find_traces_v3(State(app): State<Arc<App>>, request: Request) -> Response {
    let state = Arc::clone(&app);
    grpc::streaming(&app, "jaeger", request, |call: Call<FindTraces>, frames| async move {
        let search = search(call.message, true)?;
        let raw = search.raw;
        for id in find(&state, &call.tenant, search).await? {
            if let Some(spans) = trace(&state, &call.tenant, id, raw).await?
                && !send_otlp(&frames, &spans).await?
            {
                break;
            }
        }
        Ok(())
    })
    .await
}

async fn find_summaries(State(app): State<Arc<App>>, request: Request) -> Response {
    let state = Arc::clone(&app);
    grpc::streaming(&app, "jaeger", request, |call: Call<FindTraces>, frames| async move {
        for id in find(&state, &call.tenant, search(call.message, true)?).await? {
            let Some(spans) = trace(&state, &call.tenant, id, false).await? else { continue };
            let summaries = vec![v3::summary(id, &spans)];
            if !frames.send(&Summaries { summaries }).await? {
                break;
            }
        }
        Ok(())
    })
    .await
}

async fn services(State(app): State<Arc<App>>, request: Request) -> Response {
    let state = Arc::clone(&app);
    grpc::unary(&app, "jaeger", request, |call: Call<Empty>| async move {
        Ok(Services { services: super::services(&state, &call.tenant).await? })
    })
    .await
}

async fn operations(app: &App, tenant: &TenantId, asked: &GetOperations) -> Result<Vec<Operation>> {
    let found = super::operations(app, tenant, &asked.service, &asked.span_kind).await?;
    let message = |(name, kind): (String, &str)| Operation { name, span_kind: kind.to_owned() };
    Ok(found.into_iter().map(message).collect())
}

async fn operations_v2(State(app): State<Arc<App>>, request: Request) -> Response {
    let state = Arc::clone(&app);
    grpc::unary(&app, "jaeger", request, |call: Call<GetOperations>| async move {
        let operations = operations(&state, &call.tenant, &call.message).await?;
        let mut operation_names: Vec<_> = operations.iter().map(|one| one.name.clone()).collect();
        operation_names.dedup();
        Ok(OperationsV2 { operation_names, operations })
    })
    .await
}

async fn operations_v3(State(app): State<Arc<App>>, request: Request) -> Response {
    let state = Arc::clone(&app);
    grpc::unary(&app, "jaeger", request, |call: Call<GetOperations>| async move {
        Ok(OperationsV3 { operations: operations(&state, &call.tenant, &call.message).await? })
    })
    .await
}

async fn dependencies(State(app): State<Arc<App>>, request: Request) -> Response {
    let state = Arc::clone(&app);
    grpc::unary(&app, "jaeger", request, |call: Call<GetDependencies>| async move {
        let GetDependencies { start_time, end_time } = call.message;
        let (Some(start_ns), Some(end_ns)) = (instant(start_time), instant(end_time)) else {
            return Err(Error::invalid("StartTime and EndTime must be initialized."));
        };
        if end_ns <= start_ns {
            return Err(Error::invalid("end_time must be after start_time"));
        }
        let range = TimeRange { start_ns, end_ns };
        let calls = state.engine.service_calls(&call.tenant, range).await?;
        let link = |link: watchkeep_model::ServiceCalls| Link {
            parent: link.parent,
            child: link.child,
            call_count: link.calls,
        };
        Ok(Links { dependencies: calls.into_iter().map(link).collect() })
    })
    .await
}
