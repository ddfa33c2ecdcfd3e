//! Structural operators and nested sets against definitions that look at every pair of spans.

use proptest::prelude::*;

use crate::ast::{Form, Relation};
use crate::eval::structure::{NONE, ROOT, TraceTree, Tree};

/// The parent of a span.
#[derive(Debug, Clone, Copy)]
enum Parent {
    /// It names none.
    Root,
    /// It names one that is not there.
    Missing,
    /// A row of the trace; also one that leads in a circle.
    Row(usize),
}

/// Traces of one batch.
fn forest() -> impl Strategy<Value = Vec<Vec<Parent>>> {
    let trace = (1_usize..12).prop_flat_map(|rows| {
        let parent = prop_oneof![
            1 => Just(Parent::Root),
            1 => Just(Parent::Missing),
            6 => (0..rows).prop_map(Parent::Row),
        ];
        prop::collection::vec(parent, rows)
    });
    prop::collection::vec(trace, 1..4).prop_map(|mut traces| {
        for trace in &mut traces {
            for (row, parent) in trace.iter_mut().enumerate() {
                if matches!(parent, Parent::Row(same) if *same == row) {
                    *parent = Parent::Root;
                }
            }
        }
        traces
    })
}

/// Rows of parents, and whether each names one, as a batch has them.
fn columns(traces: &[Vec<Parent>]) -> (Vec<u32>, Vec<bool>, Vec<usize>) {
    let (mut parents, mut has_parent, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for trace in traces {
        let first = parents.len();
        for parent in trace {
            parents.push(match parent {
                Parent::Row(row) => (first + row) as u32,
                Parent::Root | Parent::Missing => NONE,
            });
            has_parent.push(!matches!(parent, Parent::Root));
        }
        ends.push(parents.len());
    }
    (parents, has_parent, ends)
}

/// The ancestors of a span up to its root; `None` where no root leads to it.
fn ancestors(trace: &[Parent], row: usize) -> Option<Vec<usize>> {
    let mut above = Vec::new();
    let mut at = row;
    loop {
        match trace[at] {
            Parent::Root => return Some(above),
            Parent::Missing => return None,
            Parent::Row(_) if above.len() > trace.len() => return None,
            Parent::Row(parent) => {
                above.push(parent);
                at = parent;
            }
        }
    }
}

/// Whether `right` is that to `left`.
fn stands(trace: &[Parent], relation: Relation, left: usize, right: usize) -> bool {
    let (Some(of_left), Some(of_right)) = (ancestors(trace, left), ancestors(trace, right)) else {
        return false;
    };
    match relation {
        Relation::Child => of_right.first() == Some(&left),
        Relation::Descendant => of_right.contains(&left),
        Relation::Parent => of_left.first() == Some(&right),
        Relation::Ancestor => of_left.contains(&right),
        Relation::Sibling => left != right && of_left.first() == of_right.first(),
    }
}

fn joined(
    trace: &[Parent],
    relation: Relation,
    form: Form,
    left: &[usize],
    right: &[usize],
) -> Vec<usize> {
    let to_left = |row: usize| left.iter().any(|other| stands(trace, relation, *other, row));
    let to_right = |row: usize| right.iter().any(|other| stands(trace, relation, row, *other));
    let kept = |row: &usize| match form {
        Form::Plain => right.contains(row) && to_left(*row),
        Form::Negated => right.contains(row) && !to_left(*row),
        Form::Union => {
            (right.contains(row) && to_left(*row)) || (left.contains(row) && to_right(*row))
        }
    };
    (0..trace.len()).filter(kept).collect()
}

fn tree_of(traces: &[Vec<Parent>]) -> (Tree, Vec<u32>, Vec<usize>) {
    let (parents, has_parent, ends) = columns(traces);
    (Tree::new(&parents, &has_parent, ends.iter().copied()), parents, ends)
}

const RELATIONS: [Relation; 5] = [
    Relation::Child,
    Relation::Descendant,
    Relation::Parent,
    Relation::Ancestor,
    Relation::Sibling,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn operators_equal_their_definition_on_every_pair(
        traces in forest(),
        picks in prop::collection::vec((any::<bool>(), any::<bool>()), 48),
    ) {
        let (tree, parents, ends) = tree_of(&traces);
        let mut first = 0;
        for (place, trace) in traces.iter().enumerate() {
            let picked = |side: fn(&(bool, bool)) -> bool| -> Vec<usize> {
                (0..trace.len()).filter(|row| side(&picks[(first + row) % picks.len()])).collect()
            };
            let (left, right) = (picked(|pick| pick.0), picked(|pick| pick.1));
            let rows = |side: &[usize]| -> Vec<u32> {
                side.iter().map(|row| (first + row) as u32).collect()
            };
            let of_trace =
                TraceTree::new(&tree, &parents, place, first as u32..ends[place] as u32);
            for relation in RELATIONS {
                for form in [Form::Plain, Form::Negated, Form::Union] {
                    let found = of_trace.join(relation, form, &rows(&left), &rows(&right));
                    let expected = joined(trace, relation, form, &left, &right);
                    prop_assert_eq!(found, rows(&expected), "{:?} {:?}", relation, form);
                }
            }
            first = ends[place];
        }
    }

    #[test]
    fn nested_sets_contain_exactly_their_descendants(traces in forest()) {
        let (tree, _, ends) = tree_of(&traces);
        let mut first = 0;
        for (trace, end) in traces.iter().zip(&ends) {
            let mut numbers = Vec::new();
            for row in 0..trace.len() {
                let at = first + row;
                let Some(above) = ancestors(trace, row) else {
                    prop_assert_eq!((tree.left[at], tree.right[at], tree.parent[at]), (0, 0, 0));
                    continue;
                };
                let parent = above.first().map_or(ROOT, |parent| tree.left[first + parent]);
                prop_assert_eq!(tree.parent[at], parent);
                numbers.extend([tree.left[at], tree.right[at]]);
                for other in 0..trace.len() {
                    let inside = tree.left[at] < tree.left[first + other]
                        && tree.right[first + other] < tree.right[at];
                    prop_assert_eq!(inside, stands(trace, Relation::Descendant, row, other));
                }
            }
            // Every number from 1 on is used once.
            numbers.sort_unstable();
            let all: Vec<i32> = (1..=numbers.len() as i32).collect();
            prop_assert_eq!(numbers, all);
            first = *end;
        }
    }
}
