//! From the tree of a pattern to the words of the `regex` crate. Every node says all that it means,
//! so that no flag of the crate reaches further than it.

use std::fmt::Write;

use super::class::{Class, Item};
use super::syntax::{Look, Node};

/// The pattern in the words of the crate.
pub(super) fn translate(node: &Node) -> String {
    let mut out = String::new();
    push(&mut out, node);
    out
}

fn push(out: &mut String, node: &Node) {
    match node {
        Node::Empty => out.push_str("(?:)"),
        Node::Literal { c, fold: false } => push_char(out, *c),
        Node::Literal { c, fold: true } => {
            out.push_str("(?i:");
            push_char(out, *c);
            out.push(')');
        }
        Node::Any => out.push_str("(?s:.)"),
        Node::AnyButNewline => out.push_str(r"[^\n]"),
        Node::Class(class) => push_class(out, class),
        Node::Look(look) => out.push_str(match look {
            Look::TextStart => r"\A",
            Look::TextEnd => r"\z",
            Look::LineStart => "(?m:^)",
            Look::LineEnd => "(?m:$)",
            Look::WordBoundary => r"(?-u:\b)",
            Look::NotWordBoundary => r"(?-u:\B)",
        }),
        Node::Capture(inner) => {
            out.push('(');
            push(out, inner);
            out.push(')');
        }
        Node::Repeat { node, min, max, greedy } => {
            out.push_str("(?:");
            push(out, node);
            out.push(')');
            let _infallible = match (min, max) {
                (0, None) => out.write_char('*'),
                (1, None) => out.write_char('+'),
                (0, Some(1)) => out.write_char('?'),
                (min, None) => write!(out, "{{{min},}}"),
                (min, Some(max)) => write!(out, "{{{min},{max}}}"),
            };
            if !greedy {
                out.push('?');
            }
        }
        Node::Concat(nodes) => nodes.iter().for_each(|node| match node {
            Node::Alternate(_) => {
                out.push_str("(?:");
                push(out, node);
                out.push(')');
            }
            _ => push(out, node),
        }),
        Node::Alternate(nodes) => {
            for (index, node) in nodes.iter().enumerate() {
                if index > 0 {
                    out.push('|');
                }
                push(out, node);
            }
        }
    }
}

fn push_char(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || matches!(c, '_' | ' ') {
        out.push(c);
    } else {
        let _infallible = write!(out, "\\x{{{:X}}}", u32::from(c));
    }
}

fn push_class(out: &mut String, class: &Class) {
    out.push_str(if class.fold { "(?i:[" } else { "[" });
    if class.negated {
        out.push('^');
    }
    for item in &class.items {
        match item {
            Item::Range(low, high) => {
                push_char(out, *low);
                if high > low {
                    out.push('-');
                    push_char(out, *high);
                }
            }
            Item::Set(set) => out.push_str(set),
        }
    }
    out.push_str(if class.fold { "])" } else { "]" });
}
