//! Where a search stops.

use std::cell::Cell;
use std::fmt::Write as _;

use watchkeep_model::TimeRange;

use crate::eval::search::{FoundTrace, SearchRequest, SearchStats, search};
use crate::eval::{Budget, EvalError};
use crate::testing::{EPOCH_NS, Memory, traces};

/// Ten traces of three spans, a second apart; the span `b` of every second one has `x`.
fn store() -> Memory {
    let mut script = String::new();
    for trace in 0..10 {
        let x = trace % 2;
        let _infallible = write!(
            script,
            "trace t{trace}\na: start={trace}s duration=100ms\n  b: start={trace}s span.x={x}\n  \
             c: start={trace}s span.x=2\n"
        );
    }
    Memory::new(traces(&script))
}

fn ask(
    store: &Memory,
    query: &str,
    change: impl FnOnce(&mut SearchRequest<'_>),
    budget: &Budget<'_>,
) -> (Vec<FoundTrace>, Result<SearchStats, EvalError>) {
    let query = crate::parse(query).unwrap();
    let mut request =
        SearchRequest { query: &query, range: TimeRange::ALL, limit: 0, spans_per_set: 0 };
    change(&mut request);
    let mut found = Vec::new();
    let stats = search(&request, store, budget, &mut |trace| {
        found.push(trace);
        Ok(true)
    });
    (found, stats)
}

fn starts(found: &[FoundTrace]) -> Vec<i64> {
    found.iter().map(|trace| (trace.start_ns - EPOCH_NS) / 1_000_000_000).collect()
}

#[test]
fn traces_come_newest_first_and_stop_at_the_limit() {
    let store = store();
    let (found, stats) = ask(&store, "{ span.x = 1 }", |ask| ask.limit = 2, &Budget::default());
    assert_eq!(starts(&found), [9, 7]);
    // Batches have two traces; the source leaves out those that do not match.
    assert_eq!(stats.unwrap(), SearchStats { traces: 2, spans: 6 });
    let (found, _) = ask(&store, "{ span.x = 1 }", |ask| ask.limit = 0, &Budget::default());
    assert_eq!(starts(&found), [9, 7, 5, 3, 1]);
}

#[test]
fn who_takes_the_traces_may_stop() {
    let query = crate::parse("{ }").unwrap();
    let request =
        SearchRequest { query: &query, range: TimeRange::ALL, limit: 0, spans_per_set: 0 };
    let mut count = 0;
    let stats = search(&request, &store(), &Budget::default(), &mut |_| {
        count += 1;
        Ok(count < 3)
    });
    assert_eq!(count, 3);
    assert_eq!(stats.unwrap().traces, 4);
}

#[test]
fn a_set_counts_all_and_tells_the_first() {
    let (found, _) = ask(&store(), "{ }", |ask| ask.spans_per_set = 2, &Budget::default());
    let set = &found[0].sets[0];
    assert_eq!((set.matched, set.spans.len()), (3, 2));
}

#[test]
fn a_trace_tells_its_root_its_length_and_its_services() {
    let script = "trace t\nr: service=b name=\"R\" status=error duration=5ms\n  s: service=a\n  \
                  u: service=a status=error start=4ms duration=3ms\n";
    let (found, _) =
        ask(&Memory::new(traces(script)), "{ name = \"s\" }", |_| {}, &Budget::default());
    let trace = &found[0];
    assert_eq!((trace.start_ns, trace.duration_ns), (EPOCH_NS, 7_000_000));
    assert_eq!((trace.root_name.as_str(), trace.root_service.as_str()), ("R", "b"));
    let services: Vec<_> = trace
        .services
        .iter()
        .map(|service| (service.service.as_str(), service.spans, service.errors))
        .collect();
    assert_eq!(services, [("a", 2, 1), ("b", 1, 1)]);
}

#[test]
fn a_range_takes_whole_traces_that_overlap_with_it() {
    let at = |seconds: i64| EPOCH_NS + seconds * 1_000_000_000;
    let range = TimeRange { start_ns: at(3) + 50_000_000, end_ns: at(5) };
    let (found, _) = ask(&store(), "{ }", |ask| ask.range = range, &Budget::default());
    assert_eq!(starts(&found), [4, 3]);
    assert!(found.iter().all(|trace| trace.sets[0].matched == 3));
}

#[test]
fn more_spans_than_the_budget_are_refused() {
    let budget = Budget { spans_max: 12, ..Budget::default() };
    let (found, stats) = ask(&store(), "{ }", |_| {}, &budget);
    assert_eq!(found.len(), 4);
    let error = stats.unwrap_err();
    assert!(matches!(error, EvalError::TooManySpans(12)), "{error}");
}

#[test]
fn an_interrupt_ends_the_search() {
    let batches = Cell::new(0);
    let interrupt = || {
        batches.set(batches.get() + 1);
        (batches.get() > 2).then_some(EvalError::Cancelled)
    };
    let (found, stats) =
        ask(&store(), "{ }", |_| {}, &Budget { interrupt: &interrupt, ..Budget::default() });
    assert_eq!(found.len(), 4);
    assert!(matches!(stats, Err(EvalError::Cancelled)));
}

#[test]
fn a_metrics_query_can_not_be_searched_for() {
    let (_, stats) = ask(&store(), "{ } | rate()", |_| {}, &Budget::default());
    assert!(matches!(stats, Err(EvalError::Invalid(_))));
}
