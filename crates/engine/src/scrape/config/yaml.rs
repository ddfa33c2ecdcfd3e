//! YAML as a tree whose every node knows its line, so that an error can say where the wrong value
//! stands. Bounded: deep nesting and aliases that multiply are refused.

use std::collections::HashMap;
use std::rc::Rc;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span};
use watchkeep_model::{Error, Result};

/// How deep collections may nest.
const DEPTH_MAX: usize = 64;

/// Nodes of a document, those that aliases repeat counted each time.
const NODES_MAX: usize = 1_000_000;

/// A value and the line, from 1, where it begins.
#[derive(Debug, Clone)]
pub(in crate::scrape) struct Node {
    pub(in crate::scrape) line: usize,
    pub(in crate::scrape) value: Value,
    /// This node and all below.
    pub(super) size: usize,
}

#[derive(Debug, Clone)]
pub(in crate::scrape) enum Value {
    /// A text, and whether it was written without quotes, so that it may be a number.
    Scalar(String, bool),
    Sequence(Vec<Rc<Node>>),
    Mapping(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(in crate::scrape) struct Entry {
    pub(in crate::scrape) key: String,
    pub(in crate::scrape) line: usize,
    pub(in crate::scrape) node: Rc<Node>,
}

/// An error at a line.
pub(in crate::scrape) fn error_at(line: usize, message: impl std::fmt::Display) -> Error {
    Error::invalid(format!("line {line}: {message}"))
}

impl Node {
    /// Whether this stands for no value.
    pub(in crate::scrape) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(text, true)
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What kind of value this is, for messages.
    pub(in crate::scrape) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar(..) => "a single value",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a section",
        }
    }
}

/// Reads the first document of a text; `None` where there is none.
pub(in crate::scrape) fn parse(text: &str) -> Result<Option<Rc<Node>>> {
    let mut builder =
        Builder { parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0 };
    loop {
        let Some((event, span)) = builder.next()? else { return Ok(None) };
        match event {
            Event::StreamStart | Event::DocumentStart(..) => {}
            Event::StreamEnd | Event::DocumentEnd => return Ok(None),
            event => return builder.node(&event, &span, 0).map(Some),
        }
    }
}

struct Builder<'a, T: serde_saphyr::granit_parser::BorrowedInput<'a>> {
    parser: Parser<'a, T>,
    anchors: HashMap<usize, Rc<Node>>,
    nodes: usize,
}

impl<'a, T: serde_saphyr::granit_parser::BorrowedInput<'a>> Builder<'a, T> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>> {
        self.parser.next().transpose().map_err(|error| {
            let line = error.marker().line();
            error_at(line, format!("this is not YAML: {}", error.info()))
        })
    }

    fn child(&mut self) -> Result<(Event<'a>, Span)> {
        self.next()?.ok_or_else(|| Error::invalid("this is not YAML: it ends too early"))
    }

    fn node(&mut self, event: &Event<'a>, span: &Span, depth: usize) -> Result<Rc<Node>> {
        let line = span.start.line();
        if depth > DEPTH_MAX {
            return Err(error_at(line, format!("more than {DEPTH_MAX} levels of nesting")));
        }
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                (Value::Scalar(text.to_string(), *style == ScalarStyle::Plain), *anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.sequence(depth)?, *anchor),
            Event::MappingStart(_, anchor, _) => (self.mapping(depth)?, *anchor),
            Event::Alias(id) => {
                let target = self.anchors.get(id).cloned();
                let target = target.ok_or_else(|| error_at(line, "an alias refers to itself"))?;
                self.count(target.size, line)?;
                return Ok(target);
            }
            _ => return Err(error_at(line, "a value was expected")),
        };
        self.count(1, line)?;
        let below = match &value {
            Value::Scalar(..) => 0,
            Value::Sequence(items) => items.iter().map(|item| item.size).sum(),
            Value::Mapping(entries) => entries.iter().map(|entry| entry.node.size).sum(),
        };
        let node = Rc::new(Node { line, value, size: 1 + below });
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        Ok(node)
    }

    fn count(&mut self, nodes: usize, line: usize) -> Result<()> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > NODES_MAX {
            return Err(error_at(line, format!("more than {NODES_MAX} values, aliases included")));
        }
        Ok(())
    }

    fn sequence(&mut self, depth: usize) -> Result<Value> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.child()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Value::Sequence(items));
            }
            items.push(self.node(&event, &span, depth + 1)?);
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.child()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key = self.node(&event, &span, depth + 1)?;
            let (event, span) = self.child()?;
            let node = self.node(&event, &span, depth + 1)?;
            let Value::Scalar(text, plain) = &key.value else {
                return Err(error_at(
                    key.line,
                    format!("a key must be a text, not {}", key.kind()),
                ));
            };
            if *plain && text == "<<" {
                merge(&node, &mut merged)?;
            } else if entries.iter().any(|entry| entry.key == *text) {
                return Err(error_at(key.line, format!("key {text:?} already set in map")));
            } else {
                entries.push(Entry { key: text.clone(), line: key.line, node });
            }
        }
        for entry in merged {
            if entries.iter().all(|own| own.key != entry.key) {
                entries.push(entry);
            }
        }
        Ok(Value::Mapping(entries))
    }
}

/// Collects what a merge key (`<<`) brings: one section, or a list of them.
fn merge(node: &Node, into: &mut Vec<Entry>) -> Result<()> {
    match &node.value {
        Value::Mapping(entries) => into.extend(entries.iter().cloned()),
        Value::Sequence(items) => {
            for item in items {
                let Value::Mapping(entries) = &item.value else {
                    return Err(error_at(item.line, "map merge requires map or sequence of maps"));
                };
                into.extend(entries.iter().cloned());
            }
        }
        Value::Scalar(..) => {
            return Err(error_at(node.line, "map merge requires map or sequence of maps"));
        }
    }
    Ok(())
}
