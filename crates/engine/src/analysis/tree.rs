//! The tree that the spans of a trace make up.

use hashbrown::HashMap;
use watchkeep_model::SpanId;

use crate::query::SpanRow;

const KIND_SERVER: u8 = 2;
const KIND_CLIENT: u8 = 3;

/// Who called whom, by positions of spans. Spans whose parent is not there are roots.
#[derive(Debug)]
pub struct TraceTree {
    /// For each span its parent.
    pub parents: Vec<Option<usize>>,
    /// For each span its children, by start.
    pub children: Vec<Vec<usize>>,
    /// Spans without parent, by start.
    pub roots: Vec<usize>,
}

impl TraceTree {
    /// The tree of the spans of one trace. Two spans may share an id where they are the client's and
    /// the server's side of one call (Zipkin): then the server's is the child of the client's, and
    /// both their children are the server's. A circle of parents is cut before its first span.
    pub fn of(spans: &[SpanRow]) -> Self {
        let mut by_id: HashMap<SpanId, usize> = HashMap::new();
        let mut clients: HashMap<SpanId, usize> = HashMap::new();
        for (at, span) in spans.iter().enumerate() {
            let is_shared = span.kind == KIND_CLIENT && by_id.contains_key(&span.span_id);
            if !is_shared {
                by_id.insert(span.span_id, at);
            }
            if span.kind == KIND_CLIENT {
                clients.insert(span.span_id, at);
            }
        }
        let parent = |at: usize| {
            let span = &spans[at];
            let shared = clients.get(&span.span_id).filter(|_| span.kind == KIND_SERVER);
            shared.or_else(|| by_id.get(&span.parent_span_id)).copied().filter(|of| *of != at)
        };
        let mut parents: Vec<Option<usize>> = (0..spans.len()).map(parent).collect();
        cut_circles(spans, &mut parents);
        let mut tree = Self { children: vec![Vec::new(); spans.len()], roots: Vec::new(), parents };
        let mut order: Vec<usize> = (0..spans.len()).collect();
        order.sort_by_key(|at| (spans[*at].start_ns, *at));
        for at in order {
            match tree.parents[at] {
                Some(parent) => tree.children[parent].push(at),
                None => tree.roots.push(at),
            }
        }
        tree
    }

    /// The root that stands for the trace: the first that has no parent, or else the first span of
    /// which the parent is missing.
    pub fn main_root(&self, spans: &[SpanRow]) -> Option<usize> {
        let is_real = |at: &&usize| !spans[**at].parent_span_id.is_some();
        self.roots.iter().find(is_real).or_else(|| self.roots.first()).copied()
    }

    /// From the root down to a span.
    pub fn path_to(&self, span: usize) -> Vec<usize> {
        let mut path = vec![span];
        let mut at = span;
        while let Some(parent) = self.parents[at] {
            path.push(parent);
            at = parent;
        }
        path.reverse();
        path
    }
}

/// Makes a root of the first span of each circle.
fn cut_circles(spans: &[SpanRow], parents: &mut [Option<usize>]) {
    const UNSEEN: usize = usize::MAX;
    let mut seen_by = vec![UNSEEN; parents.len()];
    for from in 0..parents.len() {
        let mut at = from;
        while seen_by[at] == UNSEEN {
            seen_by[at] = from;
            match parents[at] {
                Some(parent) => at = parent,
                None => break,
            }
        }
        if seen_by[at] != from || parents[at].is_none() {
            continue;
        }
        let (mut first, mut on) = (at, parents[at]);
        while let Some(next) = on.filter(|next| *next != at) {
            if spans[next].start_ns < spans[first].start_ns {
                first = next;
            }
            on = parents[next];
        }
        parents[first] = None;
    }
}
