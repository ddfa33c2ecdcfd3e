//! One trace with all its spans.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use watchkeep_engine::traces::{TraceSearch, TraceSpans};
use watchkeep_model::{ErrorKind, SpanId, TenantId, TimeRange, TraceId};
use watchkeep_traceql::Query;
use watchkeep_traceql::ast::{
    Attribute, BinaryOp, FieldExpr, Intrinsic, Name, Pipeline, Place, Root, SpansetExpr, Stage,
    Static,
};
use watchkeep_wire::otlp::{JsonForm, encode_traces, encode_traces_json};
use watchkeep_wire::protobuf::Writer;

use super::super::error::ApiError;
use super::super::message::PARTIAL;
use super::super::params::{Call, Format, parse_bool, trace_id};
use super::{Answer, answer, no_llm_format};
use crate::app::App;
use crate::json;

/// `GET /api/traces/{id}`
pub(in super::super) async fn by_id(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    answer_by_id(&app, &id, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_by_id(app: &App, id: &str, request: Request) -> Answer {
    let call = Call::read(app, &request)?;
    let id = trace_id(id)?;
    check_range(&call)?;
    let Some(TraceSpans { columns, rows, partial }) = find(app, &call.tenant, id).await? else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    if partial {
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, too_large()));
    }
    match call.accepts {
        Format::Protobuf => Ok(answer("application/protobuf", encode_traces(&columns, &rows)?)),
        Format::Json | Format::Llm => {
            let text = encode_traces_json(&columns, &rows, JsonForm::Protobuf)?;
            // Which it was called before OTLP gave it a name.
            Ok(answer("application/json", text.replacen("\"resourceSpans\"", "\"batches\"", 1)))
        }
    }
}

/// `GET /api/v2/traces/{id}`
pub(in super::super) async fn by_id_v2(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    answer_by_id_v2(&app, &id, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_by_id_v2(app: &App, id: &str, request: Request) -> Answer {
    let call = Call::read(app, &request)?;
    let id = trace_id(id)?;
    check_range(&call)?;
    let filter = Filter::read(app, &call)?;
    if call.accepts == Format::Llm {
        return Err(no_llm_format());
    }
    let found = find(app, &call.tenant, id).await?;
    let mut why = Vec::new();
    let Some(mut spans) = found else { return whole(call.accepts, None, "") };
    if spans.partial {
        why.push(format!("{}, a partial trace is returned", too_large()));
    }
    if let Some(filter) = filter {
        let before = spans.rows.len();
        let matched = filter.matched(app, &call.tenant, id).await?;
        filter.keep(&mut spans, &matched);
        if spans.rows.len() < before {
            why.push(
                "Trace filtered, only a subset of spans matching the filter is returned".to_owned(),
            );
        }
    }
    whole(call.accepts, Some(&spans), &why.join("; "))
}

/// `tempopb.TraceByIDResponse`. No spans are an answer too: then the trace is not known.
fn whole(format: Format, spans: Option<&TraceSpans>, message: &str) -> Answer {
    let empty = |spans: &&TraceSpans| !spans.rows.is_empty();
    let spans = spans.filter(empty);
    if format == Format::Protobuf {
        let mut writer = Writer::default();
        let trace = match spans {
            Some(spans) => encode_traces(&spans.columns, &spans.rows)?,
            None => Vec::new(),
        };
        writer.bytes(1, &trace);
        writer.bytes(2, &[]);
        if !message.is_empty() {
            writer.varint(3, u64::from(PARTIAL.unsigned_abs()));
            writer.bytes(4, message.as_bytes());
        }
        return Ok(answer("application/protobuf", writer.into_bytes()));
    }
    let mut out = b"{\"trace\":".to_vec();
    match spans {
        Some(spans) => {
            let text = encode_traces_json(&spans.columns, &spans.rows, JsonForm::Protobuf)?;
            out.extend_from_slice(text.as_bytes());
        }
        None => out.extend_from_slice(b"{}"),
    }
    out.extend_from_slice(b",\"metrics\":{}");
    if !message.is_empty() {
        out.extend_from_slice(b",\"status\":\"PARTIAL\",\"message\":");
        json::string(&mut out, message);
    }
    out.push(b'}');
    Ok(answer("application/json", out))
}

/// Comparing traces and what else is asked for with `POST` is not offered.
pub(in super::super) async fn not_offered(Path(what): Path<String>) -> Response {
    if what == "diff" {
        let why = "comparing traces is not offered here; see /api/watchkeep/v1/traces/compare\n";
        return (StatusCode::NOT_FOUND, why).into_response();
    }
    StatusCode::METHOD_NOT_ALLOWED.into_response()
}

fn too_large() -> &'static str {
    "Trace exceeds maximum size (limits.query_rows_max, limits.query_bytes_max)"
}

/// The spans; none where the trace is not known.
async fn find(app: &App, tenant: &TenantId, id: TraceId) -> Result<Option<TraceSpans>, ApiError> {
    match app.engine.trace_spans(tenant, id).await {
        Ok(spans) => Ok(Some(spans)),
        Err(error) if *error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A trace is found whenever it was; a range that makes no sense is refused all the same.
fn check_range(call: &Call) -> Result<(), ApiError> {
    let seconds = |name: &str| -> Result<Option<i64>, ApiError> {
        let Some(text) = call.get(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            let why = format!("invalid {name}: strconv.ParseInt: parsing {text:?}: invalid syntax");
            ApiError::bad_request(why)
        })
    };
    match (seconds("start")?, seconds("end")?) {
        (Some(start), Some(end)) if end <= start => Err(ApiError::bad_request(format!(
            "http parameter start must be before end. received start={start} end={end}"
        ))),
        _ => Ok(()),
    }
}

/// Which spans of a trace are told.
struct Filter {
    condition: FieldExpr,
    /// Levels above those that match; -1 for all, 0 for none.
    ancestors: i64,
    /// Levels below those that match; -1 for all.
    descendants: i64,
}

impl Filter {
    fn read(app: &App, call: &Call) -> Result<Option<Self>, ApiError> {
        let Some(text) = call.get("q").map(str::trim).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let invalid = |name: &str, why: &str| {
            ApiError::bad_request(format!("invalid value for {name}: {why}"))
        };
        let keeps_hierarchy = match call.get("keep_hierarchy") {
            None => false,
            Some(text) => parse_bool(text).ok_or_else(|| {
                let why = format!("strconv.ParseBool: parsing {text:?}: invalid syntax");
                invalid("keep_hierarchy", &why)
            })?,
        };
        let depth = |name: &str, default: i64| match call.get(name) {
            None => Ok(default),
            Some(text) => match text.parse::<i64>() {
                Ok(depth) if depth >= -1 => Ok(depth),
                Ok(_) => Err(invalid(name, "must be >= -1")),
                Err(_) => {
                    let why = format!("strconv.Atoi: parsing {text:?}: invalid syntax");
                    Err(invalid(name, &why))
                }
            },
        };
        let descendants = depth("match_depth", 0)?;
        let ancestors = if keeps_hierarchy { depth("ancestor_depth", -1)? } else { 0 };
        let query = app
            .engine
            .parse_traceql(text)
            .map_err(|error| ApiError::from(error).prefixed("invalid TraceQL filter: "))?;
        let condition = match query.root {
            Root::Search(Pipeline { stages }) => match stages.into_iter().as_slice() {
                [Stage::Spans(SpansetExpr::Filter(condition))] if is_local(condition) => {
                    Some(condition.clone())
                }
                _ => None,
            },
            Root::Metric(_) => None,
        };
        let condition = condition.ok_or_else(|| {
            ApiError::bad_request(
                "invalid TraceQL filter: only a single spanset filter is supported, without \
                 pipelines, structural operators and what is of the whole trace",
            )
        })?;
        Ok(Some(Self { condition, ancestors, descendants }))
    }

    /// Ids of the spans that fulfil the condition.
    async fn matched(
        &self,
        app: &App,
        tenant: &TenantId,
        id: TraceId,
    ) -> Result<Vec<SpanId>, ApiError> {
        let place = Place::default();
        let of_trace = FieldExpr::Binary {
            op: BinaryOp::Eq,
            left: Box::new(FieldExpr::Attribute(Attribute {
                name: Name::Intrinsic(Intrinsic::TraceId),
                of_parent: false,
                place,
            })),
            right: Box::new(FieldExpr::Static(Static::Text(id.to_string()))),
            place,
        };
        let condition = FieldExpr::Binary {
            op: BinaryOp::And,
            left: Box::new(of_trace),
            right: Box::new(self.condition.clone()),
            place,
        };
        let stages = vec![Stage::Spans(SpansetExpr::Filter(condition))];
        let search = TraceSearch {
            query: Query { root: Root::Search(Pipeline { stages }), hints: Vec::new() },
            range: TimeRange::ALL,
            limit: 1,
            spans_per_set: 0,
        };
        let (traces, _) = app.engine.collect_traces(tenant, search).await?;
        let sets = traces.into_iter().flat_map(|trace| trace.sets);
        Ok(sets.flat_map(|set| set.spans).map(|span| span.id).collect())
    }

    /// Leaves the spans that match, and those above and below them that are wanted.
    #[expect(clippy::indexing_slicing, reason = "rows are those of the table")]
    fn keep(&self, spans: &mut TraceSpans, matched: &[SpanId]) {
        let columns = &spans.columns;
        let mut by_id: HashMap<[u8; 8], Vec<u32>> = HashMap::new();
        let mut children: HashMap<[u8; 8], Vec<u32>> = HashMap::new();
        for row in &spans.rows {
            by_id.entry(columns.span_id[*row as usize]).or_default().push(*row);
            children.entry(columns.parent_span_id[*row as usize]).or_default().push(*row);
        }
        let above = |row: u32| by_id.get(&columns.parent_span_id[row as usize]);
        let below = |row: u32| children.get(&columns.span_id[row as usize]);
        let start: Vec<u32> =
            matched.iter().filter_map(|id| by_id.get(&id.0)).flatten().copied().collect();
        let mut kept: std::collections::HashSet<u32> = start.iter().copied().collect();
        kept.extend(reached(&start, self.ancestors, above));
        kept.extend(reached(&start, self.descendants, below));
        spans.rows.retain(|row| kept.contains(row));
    }
}

/// Rows that are so many steps away at most; -1 for any number.
fn reached<'r>(
    start: &[u32],
    depth: i64,
    next: impl Fn(u32) -> Option<&'r Vec<u32>>,
) -> std::collections::HashSet<u32> {
    let mut found: std::collections::HashSet<u32> = start.iter().copied().collect();
    let mut edge = start.to_vec();
    let mut level = 0;
    while !edge.is_empty() && (depth < 0 || level < depth) {
        let further = edge.iter().filter_map(|row| next(*row)).flatten().copied();
        edge = further.filter(|row| found.insert(*row)).collect();
        level += 1;
    }
    found
}

/// Whether an expression is about a span alone.
fn is_local(expression: &FieldExpr) -> bool {
    match expression {
        FieldExpr::Static(_) => true,
        FieldExpr::Attribute(attribute) => {
            !attribute.of_parent
                && !matches!(
                    attribute.name,
                    Name::Intrinsic(
                        Intrinsic::RootName
                            | Intrinsic::RootService
                            | Intrinsic::TraceDuration
                            | Intrinsic::TraceId
                    )
                )
        }
        FieldExpr::Unary { of, .. } | FieldExpr::Exists { of, .. } => is_local(of),
        FieldExpr::Binary { left, right, .. } => is_local(left) && is_local(right),
    }
}
