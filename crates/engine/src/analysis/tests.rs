//! Traces drawn as text, and what is worked out about them.

use proptest::prelude::*;
use watchkeep_model::{SpanId, TraceId};

use super::*;
use crate::query::{Scope, SpanRow};

/// Spans as lines `id parent start..end service [error [message]]`; parent `-` is none.
fn trace(text: &str) -> Vec<SpanRow> {
    let rows = text.lines().map(str::trim).filter(|line| !line.is_empty());
    rows.map(|line| {
        let mut words = line.split_whitespace();
        let id = words.next().unwrap().parse().unwrap();
        let parent = words.next().unwrap().parse().unwrap_or(0);
        let (start, end) = words.next().unwrap().split_once("..").unwrap();
        let service = words.next().unwrap();
        let failed = words.next() == Some("error");
        let mut row = span(id, parent, start.parse().unwrap(), end.parse().unwrap());
        row.service = service.to_owned();
        row.name = format!("{service}.op");
        row.status_code = if failed { 2 } else { 0 };
        row.status_message = words.collect::<Vec<_>>().join(" ");
        row
    })
    .collect()
}

fn span(id: u8, parent: u8, start_ns: i64, end_ns: i64) -> SpanRow {
    let empty = String::new;
    SpanRow {
        trace_id: TraceId([1; 16]),
        span_id: SpanId([id; 8]),
        parent_span_id: SpanId([parent; 8]),
        start_ns,
        duration_ns: end_ns - start_ns,
        name: empty(),
        kind: 1,
        status_code: 0,
        status_message: empty(),
        service: empty(),
        resource: empty(),
        scope: Scope { name: empty(), version: empty(), attributes: empty() },
        schema_url: empty(),
        trace_state: empty(),
        flags: 0,
        attributes: empty(),
        dropped_attributes: 0,
        events: empty(),
        dropped_events: 0,
        links: empty(),
        dropped_links: 0,
    }
}

/// The critical path as `id:start..end`.
fn path(spans: &[SpanRow]) -> String {
    let analysis = analyse(spans);
    let show = |s: &Segment| format!("{}:{}..{}", spans[s.span].span_id.0[0], s.start_ns, s.end_ns);
    analysis.critical_path.iter().map(show).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_critical_path_follows_the_child_that_was_waited_for() {
    let cases = [
        ("alone", "1 - 0..10 a", "1:0..10"),
        (
            "one after the other",
            "1 - 0..10 a\n2 1 1..4 b\n3 1 5..9 b",
            "1:0..1 2:1..4 1:4..5 3:5..9 1:9..10",
        ),
        ("at one time", "1 - 0..10 a\n2 1 1..8 b\n3 1 2..9 b", "1:0..2 3:2..9 1:9..10"),
        ("a child that goes on", "1 - 0..10 a\n2 1 5..30 b", "1:0..5 2:5..10"),
        ("a child outside", "1 - 0..10 a\n2 1 20..30 b\n3 1 -9..-1 b", "1:0..10"),
        ("a child that begins before", "1 - 5..10 a\n2 1 0..7 b", "2:5..7 1:7..10"),
        ("deep", "1 - 0..10 a\n2 1 1..9 b\n3 2 2..8 c", "1:0..1 2:1..2 3:2..8 2:8..9 1:9..10"),
        ("without a root", "2 7 1..9 b\n3 2 2..8 c", "2:1..2 3:2..8 2:8..9"),
        ("a circle", "1 2 0..10 a\n2 1 1..9 b", "1:0..1 2:1..9 1:9..10"),
        ("its own parent", "1 1 0..10 a", "1:0..10"),
        ("without duration", "1 - 5..5 a\n2 1 5..5 b", ""),
    ];
    for (name, text, expected) in cases {
        assert_eq!(path(&trace(text)), expected, "{name}");
    }
}

#[test]
fn self_time_is_what_no_child_covers() {
    let spans = trace("1 - 0..10 a\n2 1 1..4 b\n3 1 3..6 b\n4 1 9..20 b\n5 4 -5..15 c");
    assert_eq!(analyse(&spans).self_time_ns, [4, 3, 3, 5, 20]);
}

#[test]
fn an_error_is_followed_from_its_origin_to_the_root() {
    let text = "1 - 0..10 web error\n2 1 1..9 shop error\n3 2 2..3 db error no route\n\
                4 2 4..5 cache error\n5 1 6..7 log";
    let mut spans = trace(text);
    spans[3].events = r#"[{"time_unix_nano":1,"name":"exception","attributes":
        {"exception.type":"Timeout","exception.message":"too slow"},
        "dropped_attributes_count":0}]"#
        .to_owned();
    let analysis = analyse(&spans);
    let told: Vec<(&[usize], &str)> =
        analysis.error_paths.iter().map(|p| (p.spans.as_slice(), p.message.as_str())).collect();
    assert_eq!(told, [(&[0, 1, 2][..], "no route"), (&[0, 1, 3][..], "too slow")]);
    let web = &analysis.services[0];
    assert_eq!((web.name.as_str(), web.spans, web.errors), ("shop", 1, 1));
    assert_eq!((web.self_time_ns, web.critical_ns), (6, 6));
}

#[test]
fn the_server_side_of_a_shared_span_is_a_child_of_the_client_side() {
    let mut spans = trace("1 - 0..10 web\n1 - 2..8 shop\n2 1 3..4 db");
    spans[0].kind = 3;
    spans[1].kind = 2;
    for turn in 0..2 {
        let tree = TraceTree::of(&spans);
        let (client, server) = if turn == 0 { (0, 1) } else { (1, 0) };
        assert_eq!(tree.parents[server], Some(client));
        assert_eq!(tree.parents[2], Some(server));
        assert_eq!(tree.roots, [client]);
        spans.swap(0, 1);
    }
}

#[test]
fn traces_are_laid_over_each_other_by_service_and_name() {
    let left = trace("1 - 0..10 web\n2 1 1..3 shop\n3 1 4..6 shop\n4 2 1..2 db");
    let right = trace("9 - 0..20 web error\n8 9 1..9 shop\n7 9 9..10 pay");
    let nodes = difference(&left, &right);
    let show = |figures: Option<NodeFigures>| {
        figures.map(|f| (f.spans, f.errors, f.duration_ns, f.self_time_ns))
    };
    let told: Vec<_> = nodes
        .iter()
        .map(|node| (node.depth, node.service.as_str(), show(node.left), show(node.right)))
        .collect();
    assert_eq!(
        told,
        [
            (0, "web", Some((1, 0, 10, 6)), Some((1, 1, 20, 11))),
            (1, "shop", Some((2, 0, 4, 3)), Some((1, 0, 8, 8))),
            (2, "db", Some((1, 0, 1, 1)), None),
            (1, "pay", None, Some((1, 0, 1, 1))),
        ]
    );
}

#[test]
fn roots_of_different_names_are_laid_over_each_other() {
    let left = trace("1 - 0..10 planner\n2 1 1..3 tool");
    let right = trace("9 - 0..20 coder\n8 9 1..9 tool\n7 - 0..1 coder");
    let told: Vec<_> = difference(&left, &right)
        .into_iter()
        .map(|node| (node.depth, node.service, node.left.is_some(), node.right.is_some()))
        .collect();
    let expected = [(0, "planner", true, true), (1, "tool", true, true)];
    assert_eq!(
        told,
        expected.map(|(depth, name, left, right)| (depth, name.to_owned(), left, right))
    );
}

proptest! {
    #[test]
    fn the_critical_path_covers_the_root_without_gaps(
        rows in prop::collection::vec((0_u8..12, 0_u8..12, -20_i64..40, 0_i64..40), 1..14),
    ) {
        let spans: Vec<SpanRow> = rows
            .iter()
            .map(|(id, parent, start, length)| span(*id, *parent, *start, start + length))
            .collect();
        let tree = TraceTree::of(&spans);
        let reached: usize = {
            let mut open = tree.roots.clone();
            let mut count = 0;
            while let Some(at) = open.pop() {
                count += 1;
                open.extend(&tree.children[at]);
            }
            count
        };
        prop_assert_eq!(reached, spans.len(), "every span hangs below a root, once");
        let root = tree.main_root(&spans).unwrap();
        let mut at_ns = spans[root].start_ns;
        for segment in critical_path(&spans, &tree, root) {
            prop_assert_eq!(segment.start_ns, at_ns);
            prop_assert!(segment.end_ns > segment.start_ns);
            at_ns = segment.end_ns;
        }
        prop_assert_eq!(at_ns, spans[root].start_ns + spans[root].duration_ns);
        for (self_time_ns, span) in analyse(&spans).self_time_ns.iter().zip(&spans) {
            prop_assert!((0..=span.duration_ns).contains(self_time_ns));
        }
    }
}
