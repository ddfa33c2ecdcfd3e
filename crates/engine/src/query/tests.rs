//! The limits that every query runs under.

use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use watchkeep_model::{AttributesColumn, SpanColumns, SystemClock, TraceId, Utf8Column};
use watchkeep_storage::memory::MemoryStore;

use super::*;
use crate::humane::{ByteSize, HumaneDuration};

fn engine(limits: LimitsConfig) -> Engine {
    let engine = Engine::new(limits, Arc::new(SystemClock), &Registry::new()).unwrap();
    engine.attach(Arc::new(MemoryStore::default()));
    engine
}

fn span(id: u8) -> SpanColumns {
    let mut attributes = AttributesColumn::default();
    attributes.end_row();
    let mut columns = SpanColumns {
        trace_id: vec![[1; 16]],
        span_id: vec![[id; 8]],
        parent_span_id: vec![[0; 8]],
        start_ns: vec![i64::from(id)],
        duration_ns: vec![7],
        kind: vec![0],
        status_code: vec![0],
        flags: vec![0],
        dropped_attributes: vec![0],
        dropped_events: vec![0],
        dropped_links: vec![0],
        attributes,
        ..SpanColumns::default()
    };
    let empty = |column: &mut Utf8Column| column.push("");
    empty(&mut columns.name);
    empty(&mut columns.status_message);
    empty(&mut columns.trace_state);
    empty(&mut columns.events);
    empty(&mut columns.links);
    for column in [
        &mut columns.service,
        &mut columns.resource,
        &mut columns.scope_name,
        &mut columns.scope_version,
        &mut columns.scope_attributes,
        &mut columns.schema_url,
    ] {
        column.push("");
    }
    columns
}

#[tokio::test]
async fn an_answer_that_is_too_large_names_its_limit() {
    let by_rows = LimitsConfig { query_rows_max: 1, ..LimitsConfig::default() };
    let by_bytes = LimitsConfig { query_bytes_max: ByteSize(300), ..LimitsConfig::default() };
    for (limits, key) in [(by_rows, "limits.query_rows_max"), (by_bytes, "limits.query_bytes_max")]
    {
        let engine = engine(limits);
        let tenant = TenantId::default();
        for id in 1..=2 {
            engine.ingest_spans(&tenant, span(id), 0).await.unwrap();
        }
        let error = engine.trace(&tenant, TraceId([1; 16])).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::LimitExceeded { key });
        let missing = engine.trace(&tenant, TraceId([2; 16])).await.unwrap_err();
        assert_eq!(missing.kind(), &ErrorKind::NotFound);
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_that_waits_too_long_times_out() {
    let limits = LimitsConfig {
        queries_max: 1,
        query_timeout: HumaneDuration(Duration::from_secs(5)),
        ..LimitsConfig::default()
    };
    let engine = engine(limits);
    let running = engine.queries.acquire().await.unwrap();
    let error = engine.services(&TenantId::default(), TimeRange::ALL).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Timeout);
    assert_eq!(engine.metrics.queries_failed.with_label_values(&["timeout"]).get(), 1);
    drop(running);
    assert!(engine.services(&TenantId::default(), TimeRange::ALL).await.unwrap().is_empty());
}

#[tokio::test]
async fn without_a_store_everything_is_unavailable() {
    let limits = LimitsConfig::default();
    let engine = Engine::new(limits, Arc::new(SystemClock), &Registry::new()).unwrap();
    engine.recovering("half done");
    let error = engine.services(&TenantId::default(), TimeRange::ALL).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable { .. }));
    assert!(error.message().contains("half done"));
    let refused = engine.ingest_spans(&TenantId::default(), span(1), 0).await.unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::Unavailable { .. }));
}
