//! Cases about traces.

use arrow_array::RecordBatch;
use watchkeep_model::{CompareOp, SpanField, SpanLiteral, SpanTest, TimeRange, TraceId};

use super::rows::{SECOND_NS, Span, spans, trace_id};
use super::{Fixture, collect};
use crate::seam::{Batch, ServiceCount, TraceFilter, TraceSummary, TracesRequest};

fn is(field: SpanField, value: SpanLiteral) -> SpanTest {
    SpanTest::Compare { field, op: CompareOp::Eq, value }
}

fn all() -> TracesRequest {
    TracesRequest {
        range: TimeRange::ALL,
        filter: TraceFilter {
            any_span: SpanTest::ALL,
            duration_ns_min: None,
            duration_ns_max: None,
        },
        limit: 100,
        after: None,
    }
}

fn of_span(any_span: SpanTest) -> TracesRequest {
    TracesRequest { filter: TraceFilter { any_span, ..all().filter }, ..all() }
}

/// The first byte of each trace's id.
fn numbers(summaries: &[TraceSummary]) -> Vec<u8> {
    summaries.iter().map(|summary| summary.trace_id.0[0]).collect()
}

/// Lists are newest first and obey their filters; a summary's figures are right.
pub(super) async fn traces_are_listed(mut fixture: Fixture) {
    for trace in [3_u8, 1, 2] {
        let start_ns = i64::from(trace) * 100 * SECOND_NS;
        let root = Span { trace, start_ns, name: "root", ..Span::default() };
        let child = Span {
            trace,
            id: 2,
            parent: 1,
            start_ns: start_ns + SECOND_NS,
            duration_ns: i64::from(trace) * SECOND_NS,
            service: "worker",
            name: "child",
            status: if trace == 2 { 2 } else { 0 },
            ..Span::default()
        };
        let sibling = Span { id: 3, ..child.clone() };
        fixture.append(Batch::Spans(spans(&[child, root, sibling]))).await;
    }
    let list = async |request| fixture.store.traces(&fixture.tenant, request).await.unwrap();
    let found = list(all()).await;
    assert_eq!(numbers(&found), [3, 2, 1]);
    let expected = TraceSummary {
        trace_id: TraceId(trace_id(2)),
        start_ns: 200 * SECOND_NS,
        end_ns: 203 * SECOND_NS,
        has_root: true,
        root_service: "gateway".into(),
        root_name: "root".into(),
        spans: 3,
        errors: 2,
        services: vec![
            ServiceCount { name: "worker".into(), spans: 2, errors: 2 },
            ServiceCount { name: "gateway".into(), spans: 1, errors: 0 },
        ],
    };
    assert_eq!(found[1], expected);
    let status = |code| is(SpanField::StatusCode, SpanLiteral::Int(code));
    let name = |text: &str| is(SpanField::Name, SpanLiteral::Text(text.into()));
    let both = |left, right| SpanTest::And(vec![left, right]);
    assert_eq!(numbers(&list(of_span(status(2))).await), [2]);
    assert_eq!(numbers(&list(of_span(both(name("root"), status(2)))).await), [0_u8; 0]);
    assert_eq!(numbers(&list(of_span(name("child"))).await), [3, 2, 1]);
    let filter = TraceFilter { duration_ns_min: Some(3 * SECOND_NS), ..all().filter };
    assert_eq!(numbers(&list(TracesRequest { filter, ..all() }).await), [3, 2]);
    let filter = TraceFilter { duration_ns_max: Some(3 * SECOND_NS), ..all().filter };
    assert_eq!(numbers(&list(TracesRequest { filter, ..all() }).await), [2, 1]);
    let range = TimeRange { start_ns: 100 * SECOND_NS, end_ns: 201 * SECOND_NS };
    assert_eq!(numbers(&list(TracesRequest { range, ..all() }).await), [2, 1]);
    let within = TracesRequest { range, ..of_span(name("child")) };
    assert_eq!(numbers(&list(within).await), [2, 1]);
}

/// Pages follow on each other without gap or repetition, also where starts are equal.
pub(super) async fn traces_are_paged(mut fixture: Fixture) {
    for chunk in [0_u8, 20, 40] {
        let rows: Vec<Span> = (chunk..chunk + 20)
            .map(|trace| Span {
                trace: trace + 1,
                start_ns: i64::from(trace % 7) * SECOND_NS,
                ..Span::default()
            })
            .collect();
        fixture.append(Batch::Spans(spans(&rows))).await;
    }
    let whole = fixture.store.traces(&fixture.tenant, all()).await.unwrap();
    assert_eq!(whole.len(), 60);
    assert!(whole.is_sorted_by(|a, b| a.cursor() > b.cursor()));
    for any_span in [SpanTest::ALL, is(SpanField::Kind, SpanLiteral::Int(2))] {
        let mut paged = Vec::new();
        loop {
            let after = paged.last().map(TraceSummary::cursor);
            let request = TracesRequest { limit: 7, after, ..of_span(any_span.clone()) };
            let page = fixture.store.traces(&fixture.tenant, request).await.unwrap();
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged, whole);
    }
}

/// A trace that arrives in pieces is one trace, whichever piece comes first.
pub(super) async fn late_spans_join_their_trace(mut fixture: Fixture) {
    let child = Span {
        id: 2,
        parent: 1,
        start_ns: 12 * SECOND_NS,
        service: "worker",
        name: "child",
        ..Span::default()
    };
    let root =
        Span { start_ns: 10 * SECOND_NS, duration_ns: SECOND_NS, name: "root", ..child.clone() };
    let root = Span { id: 1, parent: 0, service: "gateway", ..root };
    let other = Span { trace: 2, start_ns: 11 * SECOND_NS, ..Span::default() };
    fixture.append(Batch::Spans(spans(&[child]))).await;
    let found = fixture.store.traces(&fixture.tenant, all()).await.unwrap();
    assert_eq!((found[0].has_root, found[0].root_name.as_str()), (false, "child"));
    fixture.append(Batch::Spans(spans(&[other]))).await;
    fixture.append(Batch::Spans(spans(&[root]))).await;
    let found = fixture.store.traces(&fixture.tenant, all()).await.unwrap();
    assert_eq!(numbers(&found), [2, 1]);
    let whole = &found[1];
    assert_eq!((whole.has_root, whole.root_name.as_str(), whole.spans), (true, "root", 2));
    assert_eq!((whole.start_ns, whole.end_ns), (10 * SECOND_NS, 13 * SECOND_NS));
    let named = is(SpanField::Name, SpanLiteral::Text("child".into()));
    let found = fixture.store.traces(&fixture.tenant, of_span(named)).await.unwrap();
    assert_eq!(found.iter().map(|summary| summary.spans).collect::<Vec<_>>(), [2]);
    let rows =
        |batches: Vec<RecordBatch>| -> usize { batches.iter().map(RecordBatch::num_rows).sum() };
    for (number, expected) in [(1, 2), (2, 1), (9, 0)] {
        let trace = fixture.store.trace(&fixture.tenant, TraceId(trace_id(number))).await;
        assert_eq!(rows(collect(trace).await), expected);
    }
}
