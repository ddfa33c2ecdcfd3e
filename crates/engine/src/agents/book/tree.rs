//! How the spans of a trace hang together: an order in which parents come before their children,
//! whatever clients sent (circles, missing parents).

use std::ops::Range;

use hashbrown::HashMap;
use watchkeep_model::SpanId;

use super::Node;

/// The spans of a trace by position, parents first.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) ids: Vec<SpanId>,
    /// Position of the parent, where it is there.
    pub(super) parents: Vec<Option<usize>>,
    /// Whether all spans up to a root are there.
    pub(super) is_complete: Vec<bool>,
}

impl Tree {
    pub(super) fn of(nodes: &HashMap<SpanId, Node>) -> Self {
        let mut children: HashMap<SpanId, Vec<SpanId>> = HashMap::new();
        let mut tops = Vec::new();
        for (id, node) in nodes {
            if node.parent.is_some() && node.parent != *id && nodes.contains_key(&node.parent) {
                children.entry(node.parent).or_default().push(*id);
            } else {
                tops.push(*id);
            }
        }
        let mut tree = Self { ids: Vec::new(), parents: Vec::new(), is_complete: Vec::new() };
        let mut placed: HashMap<SpanId, usize> = HashMap::with_capacity(nodes.len());
        for top in tops {
            let is_complete = !nodes[&top].parent.is_some();
            tree.place(top, None, is_complete, &mut placed);
        }
        tree.descend(0, &mut children, &mut placed);
        // What is left hangs in circles: each is cut somewhere.
        let mut left: Vec<SpanId> = children.keys().copied().collect();
        left.sort_unstable();
        for id in left {
            if !placed.contains_key(&id) {
                let from = tree.ids.len();
                tree.place(id, None, false, &mut placed);
                tree.descend(from, &mut children, &mut placed);
            }
        }
        tree
    }

    /// Where each span is.
    pub(super) fn positions(&self) -> HashMap<SpanId, usize> {
        self.ids.iter().enumerate().map(|(at, id)| (*id, at)).collect()
    }

    /// By position the part of a walk in depth that a span and all below it take: a span is above
    /// another where its part contains the other's start.
    pub(super) fn extents(&self) -> Vec<Range<usize>> {
        let mut sizes = vec![1; self.ids.len()];
        for at in (0..self.ids.len()).rev() {
            if let Some(parent) = self.parents[at] {
                sizes[parent] += sizes[at];
            }
        }
        // Where the next child of each begins, and the next tree.
        let (mut next, mut top) = (Vec::with_capacity(sizes.len()), 0);
        let mut extents = Vec::with_capacity(sizes.len());
        for (size, parent) in sizes.iter().zip(&self.parents) {
            let free = parent.map_or(&mut top, |parent| &mut next[parent]);
            let start = *free;
            *free += size;
            next.push(start + 1);
            extents.push(start..start + size);
        }
        extents
    }

    fn place(
        &mut self,
        id: SpanId,
        parent: Option<usize>,
        is_complete: bool,
        placed: &mut HashMap<SpanId, usize>,
    ) {
        placed.insert(id, self.ids.len());
        self.ids.push(id);
        self.parents.push(parent);
        self.is_complete.push(is_complete);
    }

    /// Places everything below what was placed from a position on.
    fn descend(
        &mut self,
        from: usize,
        children: &mut HashMap<SpanId, Vec<SpanId>>,
        placed: &mut HashMap<SpanId, usize>,
    ) {
        let mut at = from;
        while at < self.ids.len() {
            for child in children.remove(&self.ids[at]).unwrap_or_default() {
                if !placed.contains_key(&child) {
                    self.place(child, Some(at), self.is_complete[at], placed);
                }
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_span_is_above_another_where_its_extent_contains_it(
            parents in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
        ) {
            // Every span hangs below one before it, or is a top.
            let above = parents.iter().enumerate().map(|(at, parent)| parent.index(at + 1).checked_sub(1));
            let parents: Vec<Option<usize>> = above.collect();
            let ids = (1..=parents.len() as u64).map(|id| SpanId(id.to_be_bytes())).collect();
            let tree = Tree { ids, is_complete: vec![true; parents.len()], parents };
            let extents = tree.extents();
            for lower in 0..extents.len() {
                let mut line = std::iter::successors(Some(lower), |at| tree.parents[*at]);
                let line: Vec<usize> = line.by_ref().collect();
                for upper in 0..extents.len() {
                    let is_above = extents[upper].contains(&extents[lower].start);
                    prop_assert_eq!(is_above, line.contains(&upper), "{} over {}", upper, lower);
                }
            }
        }
    }
}
