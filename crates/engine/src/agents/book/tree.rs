//! How the spans of a trace hang together: an order in which parents come before their children,
//! whatever clients sent (circles, missing parents).

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
