//! The simulation against our own decoders, which the server uses.

use std::collections::{HashMap, HashSet};

use watchkeep_model::DecodeLimits;
use watchkeep_model::column::Table as _;
use watchkeep_wire::otlp::{MetricsOptions, decode_logs, decode_metrics, decode_traces};

use super::simulation::{Request, Signal, Simulation};

const START_NS: i64 = 1_763_840_000_000_000_000;
const MINUTE_NS: i64 = 60_000_000_000;

/// Of a span, and of its parent.
type Ids = ([u8; 8], [u8; 8]);

/// Everything that is sent in so many minutes.
fn requests(seed: u64, minutes: i64) -> Vec<Request> {
    let mut simulation = Simulation::new(seed, START_NS, 30.0);
    (1..=minutes * 4).flat_map(|step| simulation.advance(START_NS + step * MINUTE_NS / 4)).collect()
}

#[test]
fn one_seed_gives_the_same_bytes_and_another_does_not() {
    let first = requests(7, 5);
    assert!(first == requests(7, 5));
    assert!(first != requests(8, 5));
}

#[test]
fn decoders_reject_nothing_and_lose_nothing() {
    let limits = DecodeLimits::default();
    let (mut exemplars, mut histograms) = (0, 0);
    let mut counts = [0; 3];
    for request in requests(1, 30) {
        let (rejected, warnings, items, signal) = match request.signal {
            Signal::Traces => {
                let decoded = decode_traces(&request.body, &limits).unwrap();
                (decoded.rejected, decoded.warnings, decoded.columns.len(), 0)
            }
            Signal::Logs => {
                let decoded = decode_logs(&request.body, &limits, START_NS).unwrap();
                (decoded.rejected, decoded.warnings, decoded.columns.len(), 1)
            }
            Signal::Metrics => {
                let options = MetricsOptions::default();
                let decoded = decode_metrics(&request.body, &limits, &options, START_NS).unwrap();
                exemplars += decoded.columns.exemplars.len();
                histograms += decoded.columns.histograms.len();
                (decoded.rejected, decoded.warnings, request.items, 2)
            }
        };
        assert_eq!((rejected, items), (0, request.items));
        assert_eq!(warnings, watchkeep_wire::otlp::Warnings::default());
        counts[signal] += items;
    }
    assert!(counts.iter().all(|count| *count > 1000), "{counts:?}");
    assert!(exemplars > 100 && histograms > 10, "{exemplars} {histograms}");
}

#[test]
fn every_finished_trace_is_one_connected_tree() {
    let mut parents: HashMap<[u8; 16], Vec<Ids>> = HashMap::new();
    let mut names = HashSet::new();
    // No conversation begins in the last minutes, so all that began has ended.
    let mut simulation = Simulation::new(3, START_NS, 30.0);
    let mut sent = simulation.advance(START_NS + 30 * MINUTE_NS);
    simulation.stop_arrivals();
    sent.extend(simulation.advance(START_NS + 60 * MINUTE_NS));
    for request in sent.iter().filter(|request| request.signal == Signal::Traces) {
        let spans = decode_traces(&request.body, &DecodeLimits::default()).unwrap();
        let spans = spans.columns;
        for row in 0..spans.len() {
            assert!(spans.duration_ns[row] >= 0);
            names.insert(spans.name.get(row).to_owned());
            let ids = (spans.span_id[row], spans.parent_span_id[row]);
            parents.entry(spans.trace_id[row]).or_default().push(ids);
        }
    }
    assert!(parents.len() > 500, "{}", parents.len());
    for spans in parents.values() {
        let ids: HashSet<_> = spans.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids.len(), spans.len(), "ids are unique");
        assert_eq!(spans.iter().filter(|(_, parent)| *parent == [0; 8]).count(), 1, "one root");
        assert!(spans.iter().all(|(_, parent)| *parent == [0; 8] || ids.contains(parent)));
    }
    for name in ["invoke_agent planner", "chat gpt-5-mini", "execute_tool run_tests"] {
        assert!(names.contains(name), "{name}");
    }
}

#[test]
fn some_agent_calls_one_tool_many_times() {
    let mut calls: HashMap<([u8; 16], String), usize> = HashMap::new();
    for request in requests(5, 60).iter().filter(|request| request.signal == Signal::Traces) {
        let spans = decode_traces(&request.body, &DecodeLimits::default()).unwrap();
        for row in 0..spans.columns.len() {
            let name = spans.columns.name.get(row);
            if name.starts_with("execute_tool") {
                *calls.entry((spans.columns.trace_id[row], name.to_owned())).or_default() += 1;
            }
        }
    }
    assert!(calls.values().any(|count| *count >= 8));
}
