//! All that is worked out about one trace.

use std::collections::BTreeMap;

use super::critical_path::{Segment, critical_path, end_ns};
use super::tree::TraceTree;
use crate::query::SpanRow;

const STATUS_ERROR: u8 = 2;

/// Paths of errors that are told; a trace of which every span failed has as many as leaves.
const ERROR_PATHS_MAX: usize = 100;

/// What a trace says beyond its spans. Spans are named by their position.
#[derive(Debug)]
pub struct TraceAnalysis {
    /// Start of the first span, nanoseconds since the epoch.
    pub start_ns: i64,
    /// End of the last span.
    pub end_ns: i64,
    /// Where the time of the root went, by time.
    pub critical_path: Vec<Segment>,
    /// For each span the nanoseconds of its duration in which no child ran.
    pub self_time_ns: Vec<i64>,
    /// How errors came up, by start of their origin; at most 100.
    pub error_paths: Vec<ErrorPath>,
    /// By falling self time, then name.
    pub services: Vec<ServiceFigures>,
}

/// From the root to a span that failed without a child that failed.
#[derive(Debug, PartialEq, Eq)]
pub struct ErrorPath {
    /// Positions of the spans, the root first, the origin last.
    pub spans: Vec<usize>,
    /// What the origin says: its status message, or else that of its exception.
    pub message: String,
}

/// What a service did in a trace.
#[derive(Debug, PartialEq, Eq)]
pub struct ServiceFigures {
    /// Its name.
    pub name: String,
    /// Its spans.
    pub spans: u64,
    /// Those of them with status error.
    pub errors: u64,
    /// Self time of its spans, nanoseconds.
    pub self_time_ns: i64,
    /// Nanoseconds of the critical path that are its spans'.
    pub critical_ns: i64,
}

/// Works it out; the spans are those of one trace.
pub fn analyse(spans: &[SpanRow]) -> TraceAnalysis {
    let tree = TraceTree::of(spans);
    let path =
        tree.main_root(spans).map(|root| critical_path(spans, &tree, root)).unwrap_or_default();
    let self_time_ns = self_times(spans, &tree);
    let services = services(spans, &path, &self_time_ns);
    TraceAnalysis {
        start_ns: spans.iter().map(|span| span.start_ns).min().unwrap_or(0),
        end_ns: spans.iter().map(end_ns).max().unwrap_or(0),
        error_paths: error_paths(spans, &tree),
        critical_path: path,
        self_time_ns,
        services,
    }
}

/// For each span its duration without the stretches in which a child ran.
pub(super) fn self_times(spans: &[SpanRow], tree: &TraceTree) -> Vec<i64> {
    let self_time = |(at, span): (usize, &SpanRow)| {
        let (mut from_ns, until_ns) = (span.start_ns, end_ns(span));
        let mut own = 0;
        // Children come by start.
        for child in &tree.children[at] {
            let start_ns = spans[*child].start_ns.min(until_ns);
            own += (start_ns - from_ns).max(0);
            from_ns = from_ns.max(end_ns(&spans[*child])).min(until_ns);
        }
        own + (until_ns - from_ns).max(0)
    };
    spans.iter().enumerate().map(self_time).collect()
}

fn error_paths(spans: &[SpanRow], tree: &TraceTree) -> Vec<ErrorPath> {
    let failed = |at: &usize| spans[*at].status_code == STATUS_ERROR;
    let mut origins: Vec<usize> = (0..spans.len())
        .filter(|at| failed(at) && !tree.children[*at].iter().any(failed))
        .collect();
    origins.sort_by_key(|at| (spans[*at].start_ns, *at));
    origins.truncate(ERROR_PATHS_MAX);
    let path = |at: usize| ErrorPath { spans: tree.path_to(at), message: message(&spans[at]) };
    origins.into_iter().map(path).collect()
}

/// What a span says about its failure (OpenTelemetry semantic conventions, "Exceptions").
fn message(span: &SpanRow) -> String {
    if !span.status_message.is_empty() || span.events.is_empty() {
        return span.status_message.clone();
    }
    let events: serde_json::Value = serde_json::from_str(&span.events).unwrap_or_default();
    let told = events.as_array().into_iter().flatten().rev().find_map(|event| {
        let attributes = &event["attributes"];
        let text = |key: &str| attributes[key].as_str().filter(|text| !text.is_empty());
        text("exception.message").or_else(|| text("exception.type")).map(ToOwned::to_owned)
    });
    told.unwrap_or_default()
}

fn services(spans: &[SpanRow], path: &[Segment], self_time_ns: &[i64]) -> Vec<ServiceFigures> {
    let mut by_name: BTreeMap<&str, ServiceFigures> = BTreeMap::new();
    for (span, self_time_ns) in spans.iter().zip(self_time_ns) {
        let figures = by_name.entry(&span.service).or_insert_with(|| ServiceFigures {
            name: span.service.clone(),
            spans: 0,
            errors: 0,
            self_time_ns: 0,
            critical_ns: 0,
        });
        figures.spans += 1;
        figures.errors += u64::from(span.status_code == STATUS_ERROR);
        figures.self_time_ns += self_time_ns;
    }
    for segment in path {
        if let Some(figures) = by_name.get_mut(spans[segment.span].service.as_str()) {
            figures.critical_ns += segment.end_ns - segment.start_ns;
        }
    }
    let mut services: Vec<ServiceFigures> = by_name.into_values().collect();
    services.sort_by_key(|figures| std::cmp::Reverse(figures.self_time_ns));
    services
}
