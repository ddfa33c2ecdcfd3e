//! Patterns that need no automaton: most of those that are written. Comparing texts is many times
//! faster, and a list of values can be looked up instead of tried.

use super::class::{Class, Item};
use super::syntax::{Look, Node};

/// The most texts that a pattern is multiplied out to. An alternation may have more.
const PRODUCT_MAX: usize = 256;

/// The most bytes that the texts of a sequence may have together.
const LITERAL_BYTES_MAX: usize = 1 << 20;

/// How a pattern is matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// One of these texts, sorted.
    Literals(Vec<String>),
    /// `.*`
    Anything,
    /// `.+`
    NotEmpty,
    /// `a.*`, or `a.+` with at least so many bytes behind.
    Prefix(String, usize),
    /// `.*a`, or `.+a` with at least so many bytes before.
    Suffix(String, usize),
    /// `.*a.*`
    Contains(String),
    /// Anything else.
    Automaton,
}

impl Shape {
    /// Whether a text matches. (Never for an automaton, which is not here.)
    pub(super) fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Literals(literals) => match literals.as_slice() {
                [only] => only == text,
                many => many.binary_search_by(|literal| literal.as_str().cmp(text)).is_ok(),
            },
            Self::Anything => true,
            Self::NotEmpty => !text.is_empty(),
            Self::Prefix(prefix, more) => {
                text.len() >= prefix.len() + more && text.starts_with(prefix.as_str())
            }
            Self::Suffix(suffix, more) => {
                text.len() >= suffix.len() + more && text.ends_with(suffix.as_str())
            }
            Self::Contains(part) => text.contains(part.as_str()),
            Self::Automaton => false,
        }
    }
}

/// The shape of a pattern that must match the whole text.
pub(super) fn of_anchored(root: &Node) -> Shape {
    if let Some(mut literals) = literals(root, true) {
        literals.sort_unstable();
        literals.dedup();
        return Shape::Literals(literals);
    }
    let alone = [root];
    let all: Vec<&Node> = match root {
        Node::Concat(nodes) => nodes.iter().collect(),
        _ => alone.to_vec(),
    };
    let mut nodes = all.as_slice();
    while let [Node::Look(Look::TextStart), rest @ ..] = nodes {
        nodes = rest;
    }
    while let [rest @ .., Node::Look(Look::TextEnd)] = nodes {
        nodes = rest;
    }
    let before = nodes.first().and_then(|node| wildcard(node));
    let after = nodes.last().and_then(|node| wildcard(node));
    let text = |nodes: &[&Node]| nodes.iter().map(|node| plain(node)).collect::<Option<String>>();
    let shape = match (before, after, nodes) {
        (Some(0), _, [_]) => Some(Shape::Anything),
        (Some(_), _, [_]) => Some(Shape::NotEmpty),
        (Some(0), Some(0), [_, inner @ .., _]) => text(inner).map(Shape::Contains),
        (None, Some(more), [inner @ .., _]) => text(inner).map(|text| Shape::Prefix(text, more)),
        (Some(more), None, [_, inner @ ..]) => text(inner).map(|text| Shape::Suffix(text, more)),
        _ => None,
    };
    shape.unwrap_or(Shape::Automaton)
}

/// The shape of a pattern that may match any part of the text.
pub(super) fn of_unanchored(root: &Node) -> Shape {
    let part = match root {
        Node::Concat(nodes) => nodes.iter().map(plain).collect::<Option<String>>(),
        node => plain(node).map(String::from),
    };
    part.map_or(Shape::Automaton, Shape::Contains)
}

fn plain(node: &Node) -> Option<char> {
    match node {
        Node::Literal { c, fold: false } => Some(*c),
        _ => None,
    }
}

/// Of `.*` and `.+`, how many characters they need.
fn wildcard(node: &Node) -> Option<usize> {
    match node {
        Node::Repeat { node, min: min @ (0 | 1), max: None, .. } => {
            matches!(**node, Node::Any).then_some(*min as usize)
        }
        Node::Capture(inner) => wildcard(inner),
        _ => None,
    }
}

/// All texts that a pattern matches, where they are few. At the outside the ends of the text may be
/// asked for, since they are there anyway.
fn literals(node: &Node, outside: bool) -> Option<Vec<String>> {
    match node {
        Node::Empty => Some(vec![String::new()]),
        Node::Literal { c, fold: false } => Some(vec![c.to_string()]),
        Node::Class(class) => class_literals(class),
        Node::Capture(inner) => literals(inner, outside),
        Node::Repeat { node, min: 0, max: Some(1), .. } => {
            let mut all = literals(node, false)?;
            all.push(String::new());
            Some(all)
        }
        Node::Concat(nodes) => {
            let mut nodes = nodes.as_slice();
            if outside {
                while let [Node::Look(Look::TextStart), rest @ ..] = nodes {
                    nodes = rest;
                }
                while let [rest @ .., Node::Look(Look::TextEnd)] = nodes {
                    nodes = rest;
                }
            }
            product(nodes)
        }
        Node::Alternate(nodes) => {
            let mut all = Vec::with_capacity(nodes.len());
            for node in nodes {
                all.extend(literals(node, outside)?);
            }
            Some(all)
        }
        _ => None,
    }
}

fn product(nodes: &[Node]) -> Option<Vec<String>> {
    let mut all = vec![String::new()];
    let mut bytes = 0;
    for node in nodes {
        if let Some(c) = plain(node) {
            bytes += all.len() * c.len_utf8();
            if bytes > LITERAL_BYTES_MAX {
                return None;
            }
            for text in &mut all {
                text.push(c);
            }
            continue;
        }
        let next = literals(node, false)?;
        let next_bytes: usize = next.iter().map(String::len).sum();
        let count = all.len() * next.len();
        bytes = bytes * next.len() + next_bytes * all.len();
        if bytes > LITERAL_BYTES_MAX || (all.len() > 1 && next.len() > 1 && count > PRODUCT_MAX) {
            return None;
        }
        let join = |start: &String| {
            let start = start.clone();
            next.iter().map(move |end| [start.as_str(), end].concat())
        };
        all = all.iter().flat_map(join).collect();
    }
    Some(all)
}

fn class_literals(class: &Class) -> Option<Vec<String>> {
    if class.negated || class.fold {
        return None;
    }
    let mut all = Vec::new();
    for item in &class.items {
        let Item::Range(low, high) = item else { return None };
        if u32::from(*high) - u32::from(*low) > PRODUCT_MAX as u32 || all.len() > PRODUCT_MAX {
            return None;
        }
        all.extend((*low..=*high).map(String::from));
    }
    Some(all)
}
