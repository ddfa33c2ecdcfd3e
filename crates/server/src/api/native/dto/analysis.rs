//! What is worked out about traces, operations and services.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use watchkeep_engine::analysis::{self, Segment, TraceAnalysis};
use watchkeep_engine::query::{OperationFigures, ServiceMap as Map, SpanRow};
use watchkeep_engine::traces;
use watchkeep_model::{Error, Result, ServiceCalls, TraceId};

use super::Json;
use super::traces::kind_name;

/// What a trace says beyond its spans.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Analysis {
    trace_id: String,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    /// At each moment of the root's duration the span that was waited for, by time, without gaps.
    critical_path: Vec<PathSegment>,
    /// By span the nanoseconds of its duration in which no child of it ran.
    self_time_ns: BTreeMap<String, i64>,
    /// How errors came up, by start of their origin.
    error_paths: Vec<ErrorPath>,
    /// By falling self time.
    services: Vec<ServiceFigures>,
}

/// A stretch of the critical path.
#[derive(Serialize, ToSchema)]
struct PathSegment {
    span_id: String,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
}

/// From the root to a span that failed without a child that failed.
#[derive(Serialize, ToSchema)]
struct ErrorPath {
    /// Ids of the spans, the root's first, the origin's last.
    spans: Vec<String>,
    /// Service of the origin.
    service: String,
    /// Name of the origin.
    name: String,
    /// What the origin says about its failure.
    message: String,
}

/// What a service did in a trace.
#[derive(Serialize, ToSchema)]
struct ServiceFigures {
    name: String,
    spans: u64,
    errors: u64,
    /// Self time of its spans.
    self_time_ns: i64,
    /// How much of the critical path is its spans'.
    critical_ns: i64,
}

impl Analysis {
    /// Puts together what was worked out about spans.
    pub(in crate::api::native) fn new(id: TraceId, spans: &[SpanRow], of: TraceAnalysis) -> Self {
        let span_id = |at: usize| spans[at].span_id.to_string();
        let segment = |segment: Segment| PathSegment {
            span_id: span_id(segment.span),
            start_time_unix_nano: segment.start_ns.to_string(),
            end_time_unix_nano: segment.end_ns.to_string(),
        };
        let error_path = |path: analysis::ErrorPath| {
            let origin = path.spans.last().map(|at| &spans[*at]);
            ErrorPath {
                service: origin.map(|span| span.service.clone()).unwrap_or_default(),
                name: origin.map(|span| span.name.clone()).unwrap_or_default(),
                spans: path.spans.into_iter().map(span_id).collect(),
                message: path.message,
            }
        };
        let mut self_time_ns = BTreeMap::new();
        for (at, own_ns) in of.self_time_ns.into_iter().enumerate() {
            *self_time_ns.entry(span_id(at)).or_default() += own_ns;
        }
        let service = |service: analysis::ServiceFigures| ServiceFigures {
            name: service.name,
            spans: service.spans,
            errors: service.errors,
            self_time_ns: service.self_time_ns,
            critical_ns: service.critical_ns,
        };
        Self {
            trace_id: id.to_string(),
            start_time_unix_nano: of.start_ns.to_string(),
            end_time_unix_nano: of.end_ns.to_string(),
            critical_path: of.critical_path.into_iter().map(segment).collect(),
            self_time_ns,
            error_paths: of.error_paths.into_iter().map(error_path).collect(),
            services: of.services.into_iter().map(service).collect(),
        }
    }
}

/// Two traces laid over each other.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Comparison {
    left: ComparedTrace,
    right: ComparedTrace,
    /// Places of both trees, as in a tree that is read from the top.
    nodes: Vec<ComparedNode>,
}

/// One of two traces that are compared.
#[derive(Serialize, ToSchema)]
struct ComparedTrace {
    trace_id: String,
    root_service: String,
    root_name: String,
    start_time_unix_nano: String,
    duration_ns: i64,
    span_count: usize,
    error_count: usize,
}

/// What is called from one place under one service and name.
#[derive(Serialize, ToSchema)]
struct ComparedNode {
    service: String,
    name: String,
    /// 0 is a root.
    depth: usize,
    /// Spans of the left trace.
    left: Option<NodeFigures>,
    /// Spans of the right trace.
    right: Option<NodeFigures>,
}

/// Spans of a trace that stand at one place.
#[derive(Serialize, ToSchema)]
struct NodeFigures {
    spans: u64,
    errors: u64,
    /// Their durations together.
    duration_ns: i64,
    /// Their self times together.
    self_time_ns: i64,
}

impl From<analysis::NodeFigures> for NodeFigures {
    fn from(figures: analysis::NodeFigures) -> Self {
        let analysis::NodeFigures { spans, errors, duration_ns, self_time_ns } = figures;
        Self { spans, errors, duration_ns, self_time_ns }
    }
}

impl ComparedTrace {
    fn of(id: TraceId, spans: &[SpanRow]) -> Self {
        let root = analysis::TraceTree::of(spans).main_root(spans).map(|at| &spans[at]);
        let start_ns = spans.iter().map(|span| span.start_ns).min().unwrap_or(0);
        let end_ns = spans.iter().map(|span| span.start_ns.saturating_add(span.duration_ns)).max();
        Self {
            trace_id: id.to_string(),
            root_service: root.map(|span| span.service.clone()).unwrap_or_default(),
            root_name: root.map(|span| span.name.clone()).unwrap_or_default(),
            start_time_unix_nano: start_ns.to_string(),
            duration_ns: end_ns.unwrap_or(0).saturating_sub(start_ns),
            span_count: spans.len(),
            error_count: spans.iter().filter(|span| span.status_code == 2).count(),
        }
    }
}

impl Comparison {
    /// Compares the spans of two traces.
    pub(in crate::api::native) fn of(
        left: (TraceId, &[SpanRow]),
        right: (TraceId, &[SpanRow]),
    ) -> Self {
        let node = |node: analysis::DifferenceNode| ComparedNode {
            service: node.service,
            name: node.name,
            depth: node.depth,
            left: node.left.map(NodeFigures::from),
            right: node.right.map(NodeFigures::from),
        };
        Self {
            nodes: analysis::difference(left.1, right.1).into_iter().map(node).collect(),
            left: ComparedTrace::of(left.0, left.1),
            right: ComparedTrace::of(right.0, right.1),
        }
    }
}

/// What is different about some spans.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Lift {
    /// Spans that were selected.
    selection_spans: u64,
    /// Spans that they are compared with.
    baseline_spans: u64,
    /// The most over-represented first.
    values: Vec<LiftedValue>,
}

/// A value that spans of the selection have more often than others.
#[derive(Serialize, ToSchema)]
struct LiftedValue {
    /// `span`, `resource`, `event`, `link` or `instrumentation` for attributes, `intrinsic` for what
    /// every span has.
    scope: String,
    key: String,
    #[schema(value_type = Object)]
    value: Json,
    /// Spans of the selection that have it.
    selection: u64,
    /// Spans of the baseline that have it.
    baseline: u64,
    /// How many times greater its share is among the selection; null where no span of the baseline
    /// has it.
    lift: Option<f64>,
}

impl TryFrom<traces::Lift> for Lift {
    type Error = Error;

    fn try_from(found: traces::Lift) -> Result<Self> {
        let told = |value: traces::LiftedValue| {
            let (scope, key) = match value.attribute.split_once('.') {
                Some((scope, key)) => (scope, key),
                None => ("intrinsic", value.attribute.as_str()),
            };
            let mut json = String::new();
            value.value.write_json(&mut json);
            Ok(LiftedValue {
                scope: scope.to_owned(),
                key: key.to_owned(),
                value: Json::stored(json)?,
                selection: value.selection,
                baseline: value.baseline,
                lift: value.lift,
            })
        };
        Ok(Self {
            selection_spans: found.selection_spans,
            baseline_spans: found.baseline_spans,
            values: found.values.into_iter().map(told).collect::<Result<_>>()?,
        })
    }
}

/// Operations of services.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Operations {
    /// By falling number of spans.
    operations: Vec<Operation>,
}

/// What is told of an operation.
#[derive(Serialize, ToSchema)]
struct Operation {
    service: String,
    name: String,
    /// `unspecified`, `internal`, `server`, `client`, `producer` or `consumer`.
    kind: &'static str,
    spans: u64,
    errors: u64,
    rate_per_second: f64,
    duration_ns: Quantiles,
}

/// Quantiles of durations, each within about 1 % of the true one; the greatest is exact.
#[derive(Serialize, ToSchema)]
struct Quantiles {
    p50: i64,
    p95: i64,
    p99: i64,
    max: i64,
}

impl Operations {
    /// Figures of a range of so many seconds.
    pub(in crate::api::native) fn new(found: Vec<OperationFigures>, seconds: f64) -> Self {
        let told = |figures: OperationFigures| Operation {
            service: figures.operation.service,
            name: figures.operation.name,
            kind: kind_name(figures.operation.kind),
            spans: figures.spans,
            errors: figures.errors,
            rate_per_second: figures.spans as f64 / seconds.max(1e-9),
            duration_ns: Quantiles {
                p50: figures.durations.p50,
                p95: figures.durations.p95,
                p99: figures.durations.p99,
                max: figures.durations.max,
            },
        };
        Self { operations: found.into_iter().map(told).collect() }
    }
}

/// Services and who calls whom.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct ServiceMap {
    /// By name.
    services: Vec<MapService>,
    /// By the names.
    calls: Vec<MapCalls>,
}

/// A service of the map.
#[derive(Serialize, ToSchema)]
struct MapService {
    name: String,
    spans: u64,
    errors: u64,
}

/// Calls from one service to another.
#[derive(Serialize, ToSchema)]
struct MapCalls {
    parent: String,
    child: String,
    calls: u64,
    errors: u64,
}

impl From<Map> for ServiceMap {
    fn from(map: Map) -> Self {
        let services = map.services.into_iter();
        let calls = map.calls.into_iter();
        Self {
            services: services
                .map(|service| MapService {
                    name: service.name,
                    spans: service.spans,
                    errors: service.errors,
                })
                .collect(),
            calls: calls
                .map(|ServiceCalls { parent, child, calls, errors }| MapCalls {
                    parent,
                    child,
                    calls,
                    errors,
                })
                .collect(),
        }
    }
}
