//! Limits of queries on spans, over the store in memory.

use std::sync::Arc;

use prometheus::Registry;
use watchkeep_model::{DecodeLimits, ErrorKind, SystemClock, TenantId, TimeRange, TraceId};
use watchkeep_storage::memory::MemoryStore;
use watchkeep_traceql::ast::{FieldExpr, Intrinsic, Name, Root, SpansetExpr, Stage};
use watchkeep_traceql::eval::metric::Steps;

use super::*;
use crate::humane::ByteSize;
use crate::{LimitsConfig, TracesConfig};

const SECOND: i64 = 1_000_000_000;

/// An engine that holds so many traces of two spans, a second apart, newest last. The second trace's
/// spans were sent twice.
async fn engine(traces: u8, limits: LimitsConfig, config: TracesConfig) -> Engine {
    let registry = Registry::new();
    let engine = Engine::new(limits, Arc::new(SystemClock), &registry).unwrap();
    let engine = engine.with_traces(config).unwrap();
    engine.attach(Arc::new(MemoryStore::default()));
    for trace in (1..=traces).chain((traces > 1).then_some(2)) {
        let start = i64::from(trace) * SECOND;
        let span = |id: u8, parent: &str, kind: u8| {
            format!(
                r#"{{"traceId":"{trace:032x}","spanId":"{id:016x}","parentSpanId":"{parent}",
                "name":"op {trace}.{id}","kind":{kind},"startTimeUnixNano":"{start}",
                "endTimeUnixNano":"{}"}}"#,
                start + SECOND
            )
        };
        let body = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{},{}]}}]}}]}}"#,
            span(2, "0000000000000001", 3),
            span(1, "", 2)
        );
        let decoded =
            watchkeep_wire::otlp::decode_traces_json(body.as_bytes(), &DecodeLimits::default());
        let columns = decoded.unwrap().columns;
        engine.ingest_spans(&TenantId::default(), columns, 0).await.unwrap();
    }
    engine
}

fn search(engine: &Engine, limit: usize) -> TraceSearch {
    let query = engine.parse_traceql("{ kind = client }").unwrap();
    TraceSearch { query, range: TimeRange::ALL, limit, spans_per_set: 0 }
}

async fn found(engine: &Engine, limit: usize) -> Result<Vec<TraceId>, QueryError> {
    let (traces, _) = engine.collect_traces(&TenantId::default(), search(engine, limit)).await?;
    Ok(traces.into_iter().map(|trace| trace.id).collect())
}

/// What an outcome that should have failed says.
fn why<T>(outcome: Result<T, QueryError>) -> String {
    match outcome {
        Err(QueryError::Invalid(message)) => message,
        Err(other) => format!("{other:?}"),
        Ok(_) => "no error".to_owned(),
    }
}

#[tokio::test]
async fn a_search_finds_the_newest_traces_and_no_more_than_are_wanted() {
    let engine = engine(5, LimitsConfig::default(), TracesConfig::default()).await;
    let ids = |all: &[u8]| -> Vec<TraceId> {
        all.iter().map(|id| TraceId(u128::from(*id).to_be_bytes())).collect()
    };
    assert_eq!(found(&engine, 100).await.unwrap(), ids(&[5, 4, 3, 2, 1]));
    assert_eq!(found(&engine, 2).await.unwrap(), ids(&[5, 4]));
    let mut seen = 0;
    let (tenant, asked) = (TenantId::default(), search(&engine, 100));
    let looking = engine.search_traces(&tenant, asked, move |_| {
        seen += 1;
        assert!(seen < 3, "nobody wants more");
        seen < 2
    });
    looking.await.unwrap();
}

#[tokio::test]
async fn what_asks_for_too_much_is_refused_by_the_key_of_the_limit() {
    let config = TracesConfig {
        query_spans_max: 4,
        search_traces_max: 10,
        query_text_bytes_max: ByteSize(40),
        ..TracesConfig::default()
    };
    let engine = engine(5, LimitsConfig::default(), config).await;
    let tenant = TenantId::default();
    assert!(why(found(&engine, 11).await).contains("traces.search_traces_max"));
    assert!(why(found(&engine, 10).await).contains("traces.query_spans_max"));
    let long = format!("{{ name = \"{}\" }}", "x".repeat(40));
    assert!(why(engine.parse_traceql(&long)).contains("traces.query_text_bytes_max"));
    let query = engine.parse_traceql("{ } | rate()").unwrap();
    let steps = Steps::range(SECOND, 10 * SECOND, SECOND, i64::MAX).unwrap();
    let asked = MetricSearch { query, steps, exemplars: 0, series_max: 0 };
    assert!(why(engine.span_metric(&tenant, asked).await).contains("traces.query_spans_max"));
    let none = TracesConfig { query_series_max: 0, ..TracesConfig::default() };
    assert!(none.check().unwrap_err().message().contains("traces.query_series_max"));
}

#[tokio::test]
async fn values_are_cut_at_their_limits() {
    let tenant = TenantId::default();
    let names = |filter: Option<FieldExpr>, limit| TagValuesQuery {
        name: Name::Intrinsic(Intrinsic::Name),
        filter,
        range: TimeRange::ALL,
        limit,
    };
    let small = TracesConfig { tag_values_bytes_max: ByteSize(30), ..TracesConfig::default() };
    let engine = engine(5, LimitsConfig::default(), small).await;
    let cut = engine.span_tag_values(&tenant, names(None, 100)).await.unwrap();
    assert!(cut.cut && cut.values.len() == 2, "{:?}", cut.values);
    let cut = engine.span_tag_values(&tenant, names(None, 1)).await.unwrap();
    assert!(cut.cut && cut.values.len() == 1);
    let query = engine.parse_traceql("{ name = \"op 3.1\" }").unwrap();
    let Root::Search(pipeline) = query.root else { panic!("a search") };
    let [Stage::Spans(SpansetExpr::Filter(filter))] = &*pipeline.stages else { panic!("a filter") };
    let whole = engine.span_tag_values(&tenant, names(Some(filter.clone()), 100)).await.unwrap();
    assert_eq!(whole.values, [TagValue { kind: "string", text: "op 3.1".to_owned() }]);
    assert!(!whole.cut);
}

#[tokio::test]
async fn a_trace_is_told_by_start_with_each_span_once() {
    let tenant = TenantId::default();
    let engine = engine(2, LimitsConfig::default(), TracesConfig::default()).await;
    for id in [1, 2_u8] {
        let spans = engine.trace_spans(&tenant, TraceId(u128::from(id).to_be_bytes())).await;
        let spans = spans.unwrap();
        let ids: Vec<u8> =
            spans.rows.iter().map(|row| spans.columns.span_id[*row as usize][7]).collect();
        assert_eq!((ids, spans.partial), (vec![1, 2], false), "the root first");
    }
    let missing = engine.trace_spans(&tenant, TraceId([9; 16])).await.unwrap_err();
    assert_eq!(*missing.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_search_that_is_dropped_gives_its_place_back() {
    let engine = Arc::new(engine(5, LimitsConfig::default(), TracesConfig::default()).await);
    let (told, heard) = std::sync::mpsc::sync_channel(1);
    let (release, hold) = std::sync::mpsc::sync_channel::<()>(1);
    let asked = search(&engine, 100);
    let searching = Arc::clone(&engine);
    let task = tokio::spawn(async move {
        let tenant = TenantId::default();
        // Waits inside until the caller is gone.
        let found = move |_| told.send(()).is_ok() && hold.recv().is_ok();
        searching.search_traces(&tenant, asked, found).await.map(drop)
    });
    tokio::task::spawn_blocking(move || heard.recv().unwrap()).await.unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    // Nobody holds the other end any more: the search gave up what it was handed.
    drop(release);
    assert_eq!(engine.queries.available_permits(), LimitsConfig::default().queries_max);
}
