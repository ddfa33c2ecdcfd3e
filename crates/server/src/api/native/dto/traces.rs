//! Traces and spans.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use watchkeep_engine::query::{self, SpanRow, TracePage};
use watchkeep_model::{Error, Result, TraceId};
use watchkeep_storage::seam;

use super::Json;

/// A page of traces.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct TraceList {
    /// Newest first.
    traces: Vec<TraceSummary>,
    /// Where the next page starts.
    next_cursor: Option<String>,
}

/// A trace in a few figures.
#[derive(Serialize, ToSchema)]
struct TraceSummary {
    /// 32 hexadecimal digits.
    trace_id: String,
    /// Service of the root, or of the first span where the root is missing.
    root_service: String,
    /// Name of the root, or of the first span where the root is missing.
    root_name: String,
    start_time_unix_nano: String,
    duration_ns: i64,
    span_count: u32,
    error_count: u32,
    services: Vec<ServiceCount>,
    /// No span without a parent has arrived.
    root_missing: bool,
}

/// What one service did in a trace.
#[derive(Serialize, ToSchema)]
struct ServiceCount {
    name: String,
    span_count: u32,
    error_count: u32,
}

impl From<TracePage> for TraceList {
    fn from(page: TracePage) -> Self {
        let next_cursor =
            page.next.map(|cursor| format!("{}.{}", cursor.start_ns, cursor.trace_id));
        Self { traces: page.traces.into_iter().map(TraceSummary::from).collect(), next_cursor }
    }
}

impl From<seam::TraceSummary> for TraceSummary {
    fn from(summary: seam::TraceSummary) -> Self {
        Self {
            trace_id: summary.trace_id.to_string(),
            start_time_unix_nano: summary.start_ns.to_string(),
            duration_ns: summary.duration_ns(),
            span_count: summary.spans,
            error_count: summary.errors,
            root_missing: !summary.has_root,
            root_service: summary.root_service,
            root_name: summary.root_name,
            services: summary
                .services
                .into_iter()
                .map(|service| ServiceCount {
                    name: service.name,
                    span_count: service.spans,
                    error_count: service.errors,
                })
                .collect(),
        }
    }
}

/// A trace with all its spans.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the name is the API's")]
pub(in crate::api::native) struct Trace {
    trace_id: String,
    start_time_unix_nano: String,
    duration_ns: i64,
    span_count: usize,
    error_count: usize,
    /// Resources, which spans name by index.
    resources: Vec<Resource>,
    /// Instrumentation scopes, which spans name by index.
    scopes: Vec<Scope>,
    /// By start.
    spans: Vec<Span>,
}

#[derive(Serialize, ToSchema)]
struct Resource {
    service: String,
    #[schema(value_type = Object)]
    attributes: Json,
    schema_url: String,
}

/// An instrumentation scope.
#[derive(Serialize, ToSchema)]
pub(super) struct Scope {
    name: String,
    version: String,
    #[schema(value_type = Object)]
    attributes: Json,
}

impl Scope {
    pub(super) fn from_row(scope: query::Scope) -> Result<Self> {
        let attributes = Json::stored(scope.attributes)?;
        Ok(Self { name: scope.name, version: scope.version, attributes })
    }
}

#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the name is the API's")]
struct Span {
    /// 16 hexadecimal digits.
    span_id: String,
    parent_span_id: Option<String>,
    name: String,
    /// `unspecified`, `internal`, `server`, `client`, `producer` or `consumer`.
    kind: &'static str,
    start_time_unix_nano: String,
    duration_ns: i64,
    status: Status,
    /// Index into `resources`.
    resource: usize,
    /// Index into `scopes`.
    scope: usize,
    /// Bytes are `{"$bytes":"base64"}`, non-finite numbers `{"$double":"NaN"}`.
    #[schema(value_type = Object)]
    attributes: Json,
    events: Vec<Event>,
    links: Vec<Link>,
    trace_state: String,
    flags: u32,
    dropped_attributes_count: u32,
    dropped_events_count: u32,
    dropped_links_count: u32,
}

#[derive(Serialize, ToSchema)]
struct Status {
    /// `unset`, `ok` or `error`.
    code: &'static str,
    message: String,
}

#[derive(Serialize, ToSchema)]
struct Event {
    time_unix_nano: String,
    name: String,
    #[schema(value_type = Object)]
    attributes: Box<RawValue>,
    dropped_attributes_count: u32,
}

#[derive(Serialize, Deserialize, ToSchema)]
struct Link {
    trace_id: String,
    span_id: String,
    #[serde(default)]
    trace_state: String,
    #[schema(value_type = Object)]
    attributes: Box<RawValue>,
    #[serde(default)]
    dropped_attributes_count: u32,
}

/// An event as `watchkeep_model::spans::EventRow` documents it.
#[derive(Deserialize)]
struct StoredEvent {
    time_unix_nano: i64,
    name: String,
    attributes: Box<RawValue>,
    #[serde(default)]
    dropped_attributes_count: u32,
}

impl From<StoredEvent> for Event {
    fn from(stored: StoredEvent) -> Self {
        Self {
            time_unix_nano: stored.time_unix_nano.to_string(),
            name: stored.name,
            attributes: stored.attributes,
            dropped_attributes_count: stored.dropped_attributes_count,
        }
    }
}

/// Rows told apart by a key, each once.
struct Interned<K, V> {
    places: HashMap<K, usize>,
    values: Vec<V>,
}

impl<K: Eq + std::hash::Hash, V> Interned<K, V> {
    fn new() -> Self {
        Self { places: HashMap::new(), values: Vec::new() }
    }

    fn place(&mut self, key: K, make: impl FnOnce(&K) -> Result<V>) -> Result<usize> {
        if let Some(place) = self.places.get(&key) {
            return Ok(*place);
        }
        self.values.push(make(&key)?);
        self.places.insert(key, self.values.len() - 1);
        Ok(self.values.len() - 1)
    }
}

impl Trace {
    /// Puts a trace together from its spans, of which there is at least one.
    pub(in crate::api::native) fn from_rows(id: TraceId, rows: Vec<SpanRow>) -> Result<Self> {
        let start_ns = rows.iter().map(|row| row.start_ns).min().unwrap_or(0);
        let end_ns = rows.iter().map(|row| row.start_ns.saturating_add(row.duration_ns)).max();
        let mut trace = Self {
            trace_id: id.to_string(),
            start_time_unix_nano: start_ns.to_string(),
            duration_ns: end_ns.unwrap_or(0).saturating_sub(start_ns),
            span_count: rows.len(),
            error_count: rows.iter().filter(|row| row.status_code == 2).count(),
            resources: Vec::new(),
            scopes: Vec::new(),
            spans: Vec::with_capacity(rows.len()),
        };
        let mut resources = Interned::new();
        let mut scopes = Interned::new();
        for mut row in rows {
            let key = (
                std::mem::take(&mut row.service),
                std::mem::take(&mut row.resource),
                std::mem::take(&mut row.schema_url),
            );
            let resource = resources.place(key, |(service, attributes, schema_url)| {
                Ok(Resource {
                    service: service.clone(),
                    attributes: Json::stored(attributes.clone())?,
                    schema_url: schema_url.clone(),
                })
            })?;
            let scope = scopes.place(row.scope.clone(), |scope| Scope::from_row(scope.clone()))?;
            trace.spans.push(Span::from_row(row, resource, scope)?);
        }
        trace.resources = resources.values;
        trace.scopes = scopes.values;
        Ok(trace)
    }
}

impl Span {
    fn from_row(row: SpanRow, resource: usize, scope: usize) -> Result<Self> {
        let events: Vec<StoredEvent> = list(&row.events, "events")?;
        Ok(Self {
            span_id: row.span_id.to_string(),
            parent_span_id: row.parent_span_id.is_some().then(|| row.parent_span_id.to_string()),
            name: row.name,
            kind: kind_name(row.kind),
            start_time_unix_nano: row.start_ns.to_string(),
            duration_ns: row.duration_ns,
            status: Status {
                code: match row.status_code {
                    1 => "ok",
                    2 => "error",
                    _ => "unset",
                },
                message: row.status_message,
            },
            resource,
            scope,
            attributes: Json::stored(row.attributes)?,
            events: events.into_iter().map(Event::from).collect(),
            links: list(&row.links, "links")?,
            trace_state: row.trace_state,
            flags: row.flags,
            dropped_attributes_count: row.dropped_attributes,
            dropped_events_count: row.dropped_events,
            dropped_links_count: row.dropped_links,
        })
    }
}

/// OTLP's kind of a span by its name.
pub(super) fn kind_name(kind: u8) -> &'static str {
    match kind {
        1 => "internal",
        2 => "server",
        3 => "client",
        4 => "producer",
        5 => "consumer",
        _ => "unspecified",
    }
}

/// A stored JSON array; the empty text means none.
fn list<T: serde::de::DeserializeOwned>(text: &str, what: &str) -> Result<Vec<T>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(text)
        .map_err(|error| Error::corrupt(format!("stored {what} are broken")).with_source(error))
}

/// Services.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Services {
    /// Sorted.
    pub(in crate::api::native) services: Vec<String>,
}
