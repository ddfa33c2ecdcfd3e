//! Two traces side by side: their trees laid over each other by service and name.

use hashbrown::HashMap;

use super::trace::self_times;
use super::tree::TraceTree;
use crate::query::SpanRow;

const STATUS_ERROR: u8 = 2;

/// Spans of a trace that stand at one place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeFigures {
    /// How many.
    pub spans: u64,
    /// Those of them with status error.
    pub errors: u64,
    /// Their durations together, nanoseconds.
    pub duration_ns: i64,
    /// Their self times together, nanoseconds.
    pub self_time_ns: i64,
}

/// A place in both trees: what is called from one place under one service and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DifferenceNode {
    /// The service.
    pub service: String,
    /// The spans' name.
    pub name: String,
    /// How far below the root; 0 is a root.
    pub depth: usize,
    /// Spans of the left trace there, if any.
    pub left: Option<NodeFigures>,
    /// Spans of the right trace there, if any.
    pub right: Option<NodeFigures>,
}

#[derive(Default)]
struct Place {
    left: Option<NodeFigures>,
    right: Option<NodeFigures>,
    /// In the order in which they were first met.
    children: Vec<usize>,
}

struct Overlay<'a> {
    places: Vec<Place>,
    /// By the place above (none for roots), service and name.
    known: HashMap<(Option<usize>, &'a str, &'a str), usize>,
    names: Vec<(&'a str, &'a str)>,
    roots: Vec<usize>,
}

/// Lays two traces over each other, their roots first, whatever they are called; places come as in a tree that is read from the top, those of the
/// left trace in its order, before what only the right one has.
pub fn difference(left: &[SpanRow], right: &[SpanRow]) -> Vec<DifferenceNode> {
    let mut overlay =
        Overlay { places: Vec::new(), known: HashMap::new(), names: Vec::new(), roots: Vec::new() };
    overlay.add(left, |place| &mut place.left);
    overlay.join_roots(left, right);
    overlay.add(right, |place| &mut place.right);
    let mut nodes = Vec::with_capacity(overlay.places.len());
    let mut open: Vec<(usize, usize)> = overlay.roots.iter().rev().map(|at| (*at, 0)).collect();
    while let Some((at, depth)) = open.pop() {
        let Place { left, right, children } = &overlay.places[at];
        let (service, name) = overlay.names[at];
        nodes.push(DifferenceNode {
            service: service.to_owned(),
            name: name.to_owned(),
            depth,
            left: *left,
            right: *right,
        });
        open.extend(children.iter().rev().map(|child| (*child, depth + 1)));
    }
    nodes
}

impl<'a> Overlay<'a> {
    fn add(&mut self, spans: &'a [SpanRow], side: impl Fn(&mut Place) -> &mut Option<NodeFigures>) {
        let tree = TraceTree::of(spans);
        let self_time_ns = self_times(spans, &tree);
        let mut open: Vec<(usize, Option<usize>)> =
            tree.roots.iter().rev().map(|root| (*root, None)).collect();
        while let Some((at, above)) = open.pop() {
            let span = &spans[at];
            let place = self.place(above, &span.service, &span.name);
            let figures = side(&mut self.places[place]).get_or_insert_default();
            figures.spans += 1;
            figures.errors += u64::from(span.status_code == STATUS_ERROR);
            figures.duration_ns += span.duration_ns.max(0);
            figures.self_time_ns += self_time_ns[at];
            open.extend(tree.children[at].iter().rev().map(|child| (*child, Some(place))));
        }
    }

    /// Takes the roots that stand for the traces for one place, under the left one's name: two runs of
    /// different agents are worth comparing too.
    fn join_roots(&mut self, left: &'a [SpanRow], right: &'a [SpanRow]) {
        let root = |spans: &'a [SpanRow]| {
            TraceTree::of(spans)
                .main_root(spans)
                .map(|at| (None, &*spans[at].service, &*spans[at].name))
        };
        if let (Some(left), Some(right)) = (root(left), root(right))
            && let Some(place) = self.known.get(&left).copied()
        {
            self.known.entry(right).or_insert(place);
        }
    }

    fn place(&mut self, above: Option<usize>, service: &'a str, name: &'a str) -> usize {
        let next = self.places.len();
        let place = *self.known.entry((above, service, name)).or_insert(next);
        if place == next {
            self.places.push(Place::default());
            self.names.push((service, name));
            match above {
                Some(above) => self.places[above].children.push(place),
                None => self.roots.push(place),
            }
        }
        place
    }
}
