//! The critical path: at each moment the span that the trace waited for. (Zhang et al., "CRISP: Critical
//! Path Analysis of Large-Scale Microservice Architectures", USENIX ATC 2022, section 3.)

use super::tree::TraceTree;
use crate::query::SpanRow;

/// A stretch of the critical path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Position of the span that was waited for.
    pub span: usize,
    /// From when, nanoseconds since the epoch.
    pub start_ns: i64,
    /// Until when.
    pub end_ns: i64,
}

/// A span that is walked from its end to its start.
struct Walk {
    span: usize,
    /// The path below is known from here on.
    known_from_ns: i64,
    start_ns: i64,
    /// Children that may still lie on the path, the one that ends last at the end, with their ends.
    children: Vec<(i64, usize)>,
}

impl Walk {
    /// Walks a span within bounds: a child that outlives its parent counts as long as that lives.
    fn new(spans: &[SpanRow], tree: &TraceTree, span: usize, bounds: (i64, i64)) -> Self {
        let (from_ns, until_ns) = bounds;
        let start_ns = spans[span].start_ns.clamp(from_ns, until_ns);
        let mut children: Vec<(i64, usize)> = tree.children[span]
            .iter()
            .map(|child| (end_ns(&spans[*child]).min(until_ns), *child))
            .filter(|(end_ns, child)| *end_ns > start_ns && spans[*child].start_ns < until_ns)
            .collect();
        children.sort_unstable();
        Self { span, known_from_ns: until_ns, start_ns, children }
    }
}

/// The critical path of the trace below a root, by time and without gaps from the root's start to its
/// end. From the end backwards: a span waits for the child that ended last, which began after the one
/// that ended last before it, and so on; where no child ended, the span itself worked.
pub fn critical_path(spans: &[SpanRow], tree: &TraceTree, root: usize) -> Vec<Segment> {
    let bounds = (spans[root].start_ns, end_ns(&spans[root]));
    let mut path: Vec<Segment> = Vec::new();
    let mut walks = vec![Walk::new(spans, tree, root, bounds)];
    while let Some(walk) = walks.last_mut() {
        let next = loop {
            match walk.children.pop() {
                // One that still ran when the next one began was not waited for.
                Some((end_ns, _)) if end_ns > walk.known_from_ns => {}
                other => break other,
            }
        };
        let own_from_ns = next.map_or(walk.start_ns, |(end_ns, _)| end_ns);
        if own_from_ns < walk.known_from_ns {
            let end_ns = walk.known_from_ns;
            path.push(Segment { span: walk.span, start_ns: own_from_ns, end_ns });
        }
        match next {
            Some((end_ns, child)) => {
                let child = Walk::new(spans, tree, child, (walk.start_ns, end_ns));
                walk.known_from_ns = child.start_ns;
                walks.push(child);
            }
            None => drop(walks.pop()),
        }
    }
    path.reverse();
    path
}

pub(super) fn end_ns(span: &SpanRow) -> i64 {
    span.start_ns.saturating_add(span.duration_ns.max(0))
}
