//! The parse tree: from the number of tokens and the first tokens of a line to the few templates
//! that it may belong to.

use hashbrown::HashMap;

use super::PLACEHOLDER;
use super::tokens::Format;

/// How many tokens lead the way.
const DEPTH_MAX: usize = 28;

/// How many ways lead on from a node; one of them is that of every other token.
const CHILDREN_MAX: usize = 15;

#[derive(Debug, Default)]
struct Node {
    children: Vec<(Box<str>, usize)>,
    /// Templates, of a node where ways end; ones that are gone are left out when one is added.
    templates: Vec<u64>,
}

impl Node {
    fn child(&self, token: &str) -> Option<usize> {
        self.children.iter().find(|(key, _)| **key == *token).map(|(_, child)| *child)
    }
}

#[derive(Debug, Default)]
pub(super) struct Tree {
    roots: HashMap<(Format, usize), usize>,
    nodes: Vec<Node>,
}

impl Tree {
    /// The number of nodes, so that the owner can begin anew when there are too many.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The templates that a line may belong to.
    pub(super) fn find(&self, format: Format, tokens: &[&str]) -> &[u64] {
        let mut node = self.roots.get(&(format, tokens.len())).copied();
        for token in path(tokens) {
            let Some(at) = node else { break };
            node = self.nodes[at].child(token).or_else(|| self.nodes[at].child(PLACEHOLDER));
        }
        node.map_or(&[], |at| &self.nodes[at].templates)
    }

    /// Adds a template where lines like it look for one.
    pub(super) fn add(
        &mut self,
        format: Format,
        tokens: &[&str],
        template: u64,
        exists: impl Fn(u64) -> bool,
    ) {
        let key = (format, tokens.len());
        let mut at = self.roots.get(&key).copied().unwrap_or_else(|| {
            self.nodes.push(Node::default());
            self.nodes.len() - 1
        });
        self.roots.insert(key, at);
        for token in path(tokens) {
            at = self.step(at, token);
        }
        let templates = &mut self.nodes[at].templates;
        templates.retain(|template| exists(*template));
        templates.push(template);
    }

    fn new_node(&mut self) -> usize {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }

    /// The node that a token leads to. What has digits varies, so it goes the way of every token.
    fn step(&mut self, at: usize, token: &str) -> usize {
        let node = &self.nodes[at];
        if let Some(child) = node.child(token) {
            return child;
        }
        let any = node.child(PLACEHOLDER);
        // A place is kept for the way of every token.
        let is_full = node.children.len() + usize::from(any.is_none()) >= CHILDREN_MAX;
        let varies = is_full || token.contains(char::is_numeric);
        if varies && let Some(any) = any {
            return any;
        }
        let key = if varies { PLACEHOLDER } else { token };
        let child = self.new_node();
        self.nodes[at].children.push((key.into(), child));
        child
    }
}

/// The tokens that lead the way: the first ones, but never the last.
fn path<'t>(tokens: &'t [&'t str]) -> impl Iterator<Item = &'t str> {
    let length = tokens.len().saturating_sub(1).min(DEPTH_MAX);
    tokens.iter().copied().take(length)
}
