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
    /// Positions by [`Node::number`].
    places: Vec<usize>,
}

/// How a span hangs together with others, by their numbers.
#[derive(Debug, Clone, Copy, Default)]
struct Link {
    id: SpanId,
    parent: Option<usize>,
    is_root: bool,
    /// The last of its children, and the child of its parent before it.
    last_child: Option<usize>,
    before: Option<usize>,
    is_placed: bool,
}

/// Links by number.
fn links(nodes: &HashMap<SpanId, Node>) -> Vec<Link> {
    let mut links = vec![Link::default(); nodes.len()];
    for (id, node) in nodes {
        let has_parent = node.parent.is_some() && node.parent != *id;
        let parent = has_parent.then(|| nodes.get(&node.parent)).flatten();
        let before = parent.and_then(|above| links[above.number].last_child.replace(node.number));
        let link = &mut links[node.number];
        link.id = *id;
        link.parent = parent.map(|above| above.number);
        link.is_root = !node.parent.is_some();
        link.before = before;
    }
    links
}

impl Tree {
    pub(super) fn of(nodes: &HashMap<SpanId, Node>) -> Self {
        let spans = nodes.len();
        let mut links = links(nodes);
        let mut tree = Self {
            ids: Vec::with_capacity(spans),
            parents: Vec::with_capacity(spans),
            is_complete: Vec::with_capacity(spans),
            places: vec![0; spans],
        };
        // Numbers by position.
        let mut order = Vec::with_capacity(spans);
        for number in 0..spans {
            if links[number].parent.is_none() {
                let is_root = links[number].is_root;
                tree.place(number, None, is_root, &mut links, &mut order);
            }
        }
        tree.descend(0, &mut links, &mut order);
        if order.len() < spans {
            tree.cut_circles(&mut links, &mut order);
        }
        tree
    }

    /// Places what hangs in circles: each is cut somewhere.
    fn cut_circles(&mut self, links: &mut [Link], order: &mut Vec<usize>) {
        let is_left = |link: &Link| !link.is_placed && link.last_child.is_some();
        let left = links.iter().enumerate().filter(|(_, link)| is_left(link));
        let mut left: Vec<(SpanId, usize)> = left.map(|(number, link)| (link.id, number)).collect();
        left.sort_unstable();
        for (_, number) in left {
            if !links[number].is_placed {
                let from = order.len();
                self.place(number, None, false, links, order);
                self.descend(from, links, order);
            }
        }
    }

    /// Position of a span.
    pub(super) fn place_of(&self, node: &Node) -> usize {
        self.places[node.number]
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
        number: usize,
        parent: Option<usize>,
        is_complete: bool,
        links: &mut [Link],
        order: &mut Vec<usize>,
    ) {
        links[number].is_placed = true;
        self.places[number] = order.len();
        order.push(number);
        self.ids.push(links[number].id);
        self.parents.push(parent);
        self.is_complete.push(is_complete);
    }

    /// Places everything below what was placed from a position on.
    fn descend(&mut self, from: usize, links: &mut [Link], order: &mut Vec<usize>) {
        let mut at = from;
        while at < order.len() {
            let mut next = links[order[at]].last_child;
            while let Some(child) = next {
                next = links[child].before;
                if !links[child].is_placed {
                    self.place(child, Some(at), self.is_complete[at], links, order);
                }
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    /// The same in a way that is plain to see: by span its parent in the tree, and whether all up to
    /// a root are there.
    fn plainly(nodes: &HashMap<SpanId, Node>) -> BTreeMap<SpanId, (Option<SpanId>, bool)> {
        let is_there = |id: SpanId, parent: SpanId| parent != id && nodes.contains_key(&parent);
        let mut placed: BTreeMap<SpanId, (Option<SpanId>, bool)> = BTreeMap::new();
        let tops = nodes.iter().filter(|(id, node)| !is_there(**id, node.parent));
        placed.extend(tops.map(|(id, node)| (*id, (None, !node.parent.is_some()))));
        let parents: BTreeSet<SpanId> =
            nodes.iter().map(|(_, node)| node.parent).filter(|id| nodes.contains_key(id)).collect();
        // First what hangs below tops, then each that is left and has children as one more top.
        for cut in [None].into_iter().chain(parents.into_iter().map(Some)) {
            if let Some(cut) = cut {
                placed.entry(cut).or_insert((None, false));
            }
            let mut is_growing = true;
            while is_growing {
                let before = placed.len();
                for (id, node) in nodes {
                    if let Some((_, is_complete)) = placed.get(&node.parent).copied() {
                        placed.entry(*id).or_insert((Some(node.parent), is_complete));
                    }
                }
                is_growing = placed.len() > before;
            }
        }
        placed
    }

    proptest! {
        #[test]
        fn spans_hang_where_they_say_and_circles_are_cut_once(
            // Some are their own parents, some turn in circles, some parents are missing.
            said in prop::collection::vec((0_u64..14, 0_u64..16), 1..14),
        ) {
            let mut nodes: HashMap<SpanId, Node> = HashMap::new();
            for (id, parent) in said {
                let number = nodes.len();
                let parent = SpanId(parent.to_be_bytes());
                nodes.entry(SpanId((id + 1).to_be_bytes())).or_insert(Node { number, parent, step: None });
            }
            let tree = Tree::of(&nodes);
            prop_assert_eq!(tree.ids.len(), nodes.len());
            let mut found = BTreeMap::new();
            for (at, id) in tree.ids.iter().enumerate() {
                prop_assert_eq!(tree.place_of(&nodes[id]), at);
                let parent = tree.parents[at];
                prop_assert!(parent.is_none_or(|parent| parent < at));
                found.insert(*id, (parent.map(|parent| tree.ids[parent]), tree.is_complete[at]));
            }
            prop_assert_eq!(found, plainly(&nodes));
        }

        #[test]
        fn a_span_is_above_another_where_its_extent_contains_it(
            parents in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
        ) {
            // Every span hangs below one before it, or is a top.
            let above = parents.iter().enumerate().map(|(at, parent)| parent.index(at + 1).checked_sub(1));
            let parents: Vec<Option<usize>> = above.collect();
            let ids = (1..=parents.len() as u64).map(|id| SpanId(id.to_be_bytes())).collect();
            let tree = Tree { ids, is_complete: vec![true; parents.len()], parents, places: Vec::new() };
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
