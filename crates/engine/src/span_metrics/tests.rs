//! What spans add to metrics, as the samples that are stored.

use std::collections::BTreeMap;

use prometheus::Registry;
use watchkeep_model::metrics::STALE_NAN_BITS;
use watchkeep_model::{Labels, MetricColumns, SpanColumns, TenantId, Value};

use super::SpanMetrics;
use super::config::SpanMetricsConfig;

/// A span: ids as one byte each (parent 0: none), service, kind, whether it failed, milliseconds,
/// attributes.
type Row<'a> = (u8, u8, u8, &'a str, u8, bool, i64, &'a [(&'a str, &'a str)]);

fn spans(rows: &[Row<'_>]) -> SpanColumns {
    let mut columns = SpanColumns::default();
    for (trace, span, parent, service, kind, failed, millis, attributes) in rows {
        columns.trace_id.push([*trace; 16]);
        columns.span_id.push([*span; 8]);
        columns.parent_span_id.push([*parent; 8]);
        columns.start_ns.push(1_000_000_000);
        columns.duration_ns.push(millis * 1_000_000);
        columns.name.push("op");
        columns.kind.push(*kind);
        columns.status_code.push(if *failed { 2 } else { 0 });
        columns.status_message.push("");
        columns.service.push(service);
        columns.resource.push(r#"{"deployment.environment":"prod"}"#);
        columns.scope_name.push("");
        columns.scope_version.push("");
        columns.scope_attributes.push("");
        columns.schema_url.push("");
        columns.trace_state.push("");
        columns.flags.push(0);
        let values: Vec<(&str, Value)> =
            attributes.iter().map(|(key, text)| (*key, Value::String((*text).into()))).collect();
        columns.attributes.push_row(values.iter().map(|(key, value)| (*key, value)));
        columns.dropped_attributes.push(0);
        columns.events.push("");
        columns.dropped_events.push(0);
        columns.links.push("");
        columns.dropped_links.push(0);
    }
    columns
}

fn metrics(config: SpanMetricsConfig) -> SpanMetrics {
    SpanMetrics::new(&Registry::new()).unwrap().with_config(config).unwrap()
}

fn add(metrics: &SpanMetrics, rows: &[Row<'_>], now_ms: i64) {
    metrics.count(&TenantId::default(), metrics.observe(&spans(rows), now_ms), now_ms);
}

fn due(metrics: &SpanMetrics, now_ms: i64) -> MetricColumns {
    metrics.due(now_ms).pop().map(|(_, columns)| columns).unwrap_or_default()
}

/// The latest sample of each series whose name begins so, as `name{labels}`.
fn samples(columns: &MetricColumns, prefix: &str) -> BTreeMap<String, f64> {
    columns.check_rows().unwrap();
    let mut samples = BTreeMap::new();
    for (at, row) in columns.floats.series.iter().enumerate() {
        let labels = columns.series.labels.get(*row as usize);
        let labels = Labels::from_canonical(labels).unwrap();
        if !labels.metric_name().starts_with(prefix) {
            continue;
        }
        let pairs = labels.iter().filter(|(name, _)| *name != "__name__");
        let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
        let key = format!("{}{{{}}}", labels.metric_name(), pairs.join(","));
        samples.insert(key, columns.floats.value[at]);
    }
    samples
}

const TRACE: [Row<'_>; 3] = [
    (1, 1, 0, "web", 3, false, 40, &[]),
    (1, 2, 1, "shop", 2, true, 30, &[]),
    (1, 3, 2, "shop", 3, false, 5, &[("db.system", "redis"), ("server.address", "cache")]),
];

#[test]
fn spans_are_counted_by_service_name_kind_and_status() {
    let metrics = metrics(SpanMetricsConfig::default());
    add(&metrics, &TRACE, 10_000);
    let calls = samples(&due(&metrics, 10_500), "traces_spanmetrics_calls_total");
    let row = |kind: &str, service: &str, status: &str| {
        format!(
            "traces_spanmetrics_calls_total{{service={service},span_kind=SPAN_KIND_{kind},\
             span_name=op,status_code=STATUS_CODE_{status}}}"
        )
    };
    let expected = [
        (row("CLIENT", "shop", "UNSET"), 1.0),
        (row("CLIENT", "web", "UNSET"), 1.0),
        (row("SERVER", "shop", "ERROR"), 1.0),
    ];
    assert_eq!(calls, BTreeMap::from(expected));
}

#[test]
fn a_histogram_has_cumulative_buckets_a_sum_and_a_count() {
    let config = SpanMetricsConfig { buckets: vec![0.01, 0.03], ..SpanMetricsConfig::default() };
    let metrics = metrics(config);
    let row = |id: u8, millis: i64| -> Row<'_> { (1, id, 0, "a", 1, false, millis, &[]) };
    add(&metrics, &[row(1, 30), row(2, 31), row(3, 1)], 0);
    let columns = due(&metrics, 1);
    let found: Vec<f64> = samples(&columns, "traces_spanmetrics_latency").into_values().collect();
    // By name: `_bucket` with le 0.01, 0.03, +Inf, then `_count`, then `_sum`.
    assert_eq!(found[..4], [3.0, 1.0, 2.0, 3.0]);
    assert!((found[4] - 0.062).abs() < 1e-12);
    assert_eq!(columns.exemplars.value.len(), 1, "the last span is an exemplar");
}

#[test]
fn two_sides_of_a_request_make_an_edge_and_databases_need_but_one() {
    let metrics = metrics(SpanMetricsConfig::default());
    // The server's side comes first, and in another batch.
    add(&metrics, &TRACE[1..], 0);
    add(&metrics, &TRACE[..1], 100);
    let columns = due(&metrics, 1_000);
    let name = "traces_service_graph_request";
    let web = "{client=web,server=shop}";
    let cache = "{client=shop,connection_type=database,server=cache}";
    let all = samples(&columns, name);
    let get = |metric: &str, labels: &str| all[&format!("{name}_{metric}{labels}")];
    assert_eq!((get("total", web), get("total", cache)), (1.0, 1.0));
    assert_eq!((get("failed_total", web), get("failed_total", cache)), (1.0, 0.0));
    assert_eq!((get("server_seconds_sum", web), get("client_seconds_sum", web)), (0.03, 0.04));
    assert_eq!(get("server_seconds_sum", cache), 0.005);
}

#[test]
fn a_side_that_waited_long_enough_is_a_request_if_the_other_is_known() {
    let metrics = metrics(SpanMetricsConfig::default());
    let rows: [Row<'_>; 4] = [
        (1, 1, 0, "web", 2, false, 1, &[]),
        (2, 1, 9, "lost", 2, false, 1, &[]),
        (3, 1, 0, "web", 3, false, 1, &[("peer.service", "pay")]),
        (4, 1, 0, "web", 3, false, 1, &[]),
    ];
    add(&metrics, &rows, 0);
    let name = "traces_service_graph_request_total";
    assert!(samples(&due(&metrics, 9_000), name).is_empty(), "they still wait");
    let found = samples(&due(&metrics, 10_000), name);
    let expected = [
        format!("{name}{{client=user,connection_type=virtual_node,server=web}}"),
        format!("{name}{{client=web,connection_type=virtual_node,server=pay}}"),
    ];
    assert_eq!(found.into_keys().collect::<Vec<_>>(), expected);
}

#[test]
fn series_begin_at_zero_go_on_by_interval_and_end_when_idle() {
    let metrics = metrics(SpanMetricsConfig::default());
    add(&metrics, &TRACE[..1], 1_000);
    let calls = |columns: &MetricColumns| -> Vec<(i64, f64)> {
        let is_calls = |row: &u32| {
            let labels = columns.series.labels.get(*row as usize);
            Labels::from_canonical(labels).unwrap().metric_name()
                == "traces_spanmetrics_calls_total"
        };
        let floats = &columns.floats;
        let rows = floats.series.iter().zip(&floats.time_ms).zip(&floats.value);
        rows.filter(|((row, _), _)| is_calls(row)).map(|((_, at), value)| (*at, *value)).collect()
    };
    assert_eq!(calls(&due(&metrics, 1_500)), [(999, 0.0), (1_500, 1.0)]);
    assert_eq!(calls(&due(&metrics, 5_000)), [], "not due yet");
    assert_eq!(calls(&due(&metrics, 16_500)), [(16_500, 1.0)]);
    let end_ms = 1_000 + 15 * 60_000 + 1;
    let ended = calls(&due(&metrics, end_ms));
    assert_eq!((ended.len(), ended[0].1.to_bits()), (1, STALE_NAN_BITS));
    assert_eq!(calls(&due(&metrics, end_ms + 60_000)), []);
}

#[test]
fn beyond_the_limit_spans_are_counted_as_overflow() {
    let config = SpanMetricsConfig { label_sets_max: 1, ..SpanMetricsConfig::default() };
    let metrics = metrics(config);
    add(&metrics, &TRACE, 0);
    let calls = samples(&due(&metrics, 1), "traces_spanmetrics_calls_total");
    assert_eq!(calls.len(), 2);
    assert_eq!(calls["traces_spanmetrics_calls_total{metric_overflow=true}"], 2.0);
    assert_eq!(metrics.counters.overflows.get(), 3, "two of spans, one of requests");
}

#[test]
fn dimensions_come_from_the_span_or_else_its_resource() {
    let dimensions = vec!["user.id".to_owned(), "deployment.environment".to_owned()];
    let metrics = metrics(SpanMetricsConfig { dimensions, ..SpanMetricsConfig::default() });
    add(&metrics, &[(1, 1, 0, "a", 1, false, 1, &[("user.id", "u1")])], 0);
    let calls = samples(&due(&metrics, 1), "traces_spanmetrics_calls_total");
    let expected = "traces_spanmetrics_calls_total{deployment_environment=prod,service=a,\
                    span_kind=SPAN_KIND_INTERNAL,span_name=op,status_code=STATUS_CODE_UNSET,\
                    user_id=u1}";
    assert_eq!(calls.into_keys().collect::<Vec<_>>(), [expected]);
}

#[test]
fn only_sides_that_still_wait_take_room() {
    let config = SpanMetricsConfig { graph_waiting_max: 2, ..SpanMetricsConfig::default() };
    let metrics = metrics(config);
    for trace in 1..=20 {
        let rows: [Row<'_>; 2] =
            [(trace, 1, 0, "web", 3, false, 1, &[]), (trace, 2, 1, "shop", 2, false, 1, &[])];
        add(&metrics, &rows, 0);
    }
    let lonely = |trace: u8| -> Row<'_> { (trace, 1, 0, "web", 3, false, 1, &[]) };
    add(&metrics, &[lonely(30), lonely(31), lonely(32)], 0);
    let name = "traces_service_graph_request_total";
    let found = samples(&due(&metrics, 1), name);
    assert_eq!(found[&format!("{name}{{client=web,server=shop}}")], 20.0);
    assert_eq!(metrics.counters.dropped.get(), 1, "the third that waits");
}
