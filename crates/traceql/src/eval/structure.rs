//! How the spans of traces stand to each other: numbers of nested sets, as Tempo gives them.
//!
//! Every trace is walked from its roots (spans that name no parent) depth first: a span takes a
//! number on the way down and another on the way up. Spans that no root leads to, because a parent is
//! missing, have no numbers (0), and stand in no relation to any other.

use crate::ast::{Form, Relation};

/// Row of a parent that is not there.
pub(crate) const NONE: u32 = u32::MAX;

/// The parent of a root.
pub(crate) const ROOT: i32 = -1;

/// Numbers of nested sets, one a row.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// On the way down; from 1, rising within each trace.
    pub(crate) left: Vec<i32>,
    /// On the way up.
    pub(crate) right: Vec<i32>,
    /// The parent's number on the way down, or [`ROOT`].
    pub(crate) parent: Vec<i32>,
    /// Rows that a root leads to, parents before children.
    order: Vec<u32>,
    /// Where each trace's rows end in `order`.
    order_ends: Vec<usize>,
}

impl Tree {
    /// `parents` has for each row the row of its parent in the same trace, or [`NONE`];
    /// `has_parent` whether it names one; `trace_ends` where each trace's rows end.
    pub(crate) fn new(
        parents: &[u32],
        has_parent: &[bool],
        trace_ends: impl Iterator<Item = usize>,
    ) -> Self {
        let rows = parents.len();
        let (first_child, next_sibling) = children(parents);
        let mut tree = Self {
            left: vec![0; rows],
            right: vec![0; rows],
            parent: vec![0; rows],
            order: Vec::with_capacity(rows),
            order_ends: Vec::new(),
        };
        let mut from = 0;
        for end in trace_ends {
            let mut number = 1;
            for root in from..end.min(rows) {
                if has_parent[root] || parents[root] != NONE {
                    continue;
                }
                tree.parent[root] = ROOT;
                tree.number_from(root as u32, &first_child, &next_sibling, parents, &mut number);
            }
            from = end;
            tree.order_ends.push(tree.order.len());
        }
        tree
    }

    /// Walks the tree below a root without recursion.
    fn number_from(
        &mut self,
        root: u32,
        first_child: &[u32],
        next_sibling: &[u32],
        parents: &[u32],
        number: &mut i32,
    ) {
        let mut at = root;
        loop {
            let row = at as usize;
            self.left[row] = *number;
            self.order.push(at);
            *number += 1;
            if first_child[row] != NONE {
                at = first_child[row];
                self.parent[at as usize] = self.left[row];
                continue;
            }
            // Up, until there is a sibling to go on with.
            loop {
                let row = at as usize;
                self.right[row] = *number;
                *number += 1;
                if at == root {
                    return;
                }
                let above = parents[row];
                if next_sibling[row] != NONE {
                    at = next_sibling[row];
                    self.parent[at as usize] = self.left[above as usize];
                    break;
                }
                at = above;
            }
        }
    }
}

/// The spans of one trace and how they stand to each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TraceTree<'t> {
    parents: &'t [u32],
    tree: &'t Tree,
    /// Its first row.
    first: u32,
    /// Rows that a root leads to, parents before children.
    order: &'t [u32],
    /// How many rows.
    rows: usize,
}

impl<'t> TraceTree<'t> {
    /// The trace at a place of the batch, and its rows.
    pub(crate) fn new(
        tree: &'t Tree,
        parents: &'t [u32],
        trace: usize,
        rows: std::ops::Range<u32>,
    ) -> Self {
        let from = if trace == 0 { 0 } else { tree.order_ends[trace - 1] };
        let order = &tree.order[from..tree.order_ends[trace]];
        Self { parents, tree, first: rows.start, order, rows: rows.len() }
    }

    /// The spans that a structural operator gives, of the spans on its left and on its right. Both
    /// are rows in rising order, and so is the answer.
    pub(crate) fn join(
        &self,
        relation: Relation,
        form: Form,
        left: &[u32],
        right: &[u32],
    ) -> Vec<u32> {
        let related = self.related(relation, left);
        let pick = |rows: &[u32], related: &[bool], wanted: bool| -> Vec<u32> {
            rows.iter().copied().filter(|row| related[self.place(*row)] == wanted).collect()
        };
        match form {
            Form::Plain => pick(right, &related, true),
            Form::Negated => pick(right, &related, false),
            Form::Union => {
                let back = self.related(inverse(relation), right);
                merge(&pick(left, &back, true), &pick(right, &related, true))
            }
        }
    }

    fn place(&self, row: u32) -> usize {
        (row - self.first) as usize
    }

    /// For each span of the trace whether it is that to one of the others, and not only to itself.
    fn related(&self, relation: Relation, others: &[u32]) -> Vec<bool> {
        let mut among = vec![false; self.rows];
        for row in others {
            among[self.place(*row)] = true;
        }
        let mut related = vec![false; self.rows];
        match relation {
            Relation::Child | Relation::Descendant => {
                let deep = relation == Relation::Descendant;
                for row in self.order {
                    if let Some(parent) = self.parent(*row) {
                        related[self.place(*row)] = among[parent] || (deep && related[parent]);
                    }
                }
            }
            Relation::Parent | Relation::Ancestor => {
                let deep = relation == Relation::Ancestor;
                for row in self.order.iter().rev() {
                    let place = self.place(*row);
                    if let Some(parent) = self.parent(*row) {
                        related[parent] |= among[place] || (deep && related[place]);
                    }
                }
            }
            Relation::Sibling => self.siblings(&among, &mut related),
        }
        related
    }

    /// Spans of one parent are siblings, and so are all roots.
    fn siblings(&self, among: &[bool], related: &mut [bool]) {
        // The place after the last is that of the roots' parent.
        let mut counts = vec![0_u32; self.rows + 1];
        let family = |row: u32| self.parent(row).unwrap_or(self.rows);
        for row in self.order {
            counts[family(*row)] += u32::from(among[self.place(*row)]);
        }
        for row in self.order {
            let place = self.place(*row);
            related[place] = counts[family(*row)] > u32::from(among[place]);
        }
    }

    fn parent(&self, row: u32) -> Option<usize> {
        debug_assert!(self.tree.left[row as usize] != 0, "a root leads to every row in order");
        match self.parents[row as usize] {
            NONE => None,
            parent => Some(self.place(parent)),
        }
    }
}

/// What the left side is to the right side.
fn inverse(relation: Relation) -> Relation {
    match relation {
        Relation::Child => Relation::Parent,
        Relation::Parent => Relation::Child,
        Relation::Descendant => Relation::Ancestor,
        Relation::Ancestor => Relation::Descendant,
        Relation::Sibling => Relation::Sibling,
    }
}

/// The rows of both, each once, in order; both are in rising order.
pub(crate) fn merge(left: &[u32], right: &[u32]) -> Vec<u32> {
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    loop {
        match (left.peek(), right.peek()) {
            (Some(one), Some(other)) => {
                let next = (**one).min(**other);
                left.next_if(|row| **row == next);
                right.next_if(|row| **row == next);
                merged.push(next);
            }
            (Some(_), None) => {
                merged.extend(left.copied());
                return merged;
            }
            _ => {
                merged.extend(right.copied());
                return merged;
            }
        }
    }
}

/// The first child of each row, and the next row with the same parent; in the order of rows.
fn children(parents: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut first_child = vec![NONE; parents.len()];
    let mut next_sibling = vec![NONE; parents.len()];
    for (row, parent) in parents.iter().enumerate().rev() {
        if *parent != NONE {
            let first = &mut first_child[*parent as usize];
            next_sibling[row] = *first;
            *first = row as u32;
        }
    }
    (first_child, next_sibling)
}
