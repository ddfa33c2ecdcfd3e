//! Execution: walks the tree of a template.

use crate::ast::{Branch, Command, List, Node, Pipe, Word, template_text};
use crate::number::quote;
use crate::print::print_value;
use crate::template::{Body, ExecError, Template, plain_field};
use crate::{Data, EXECUTION_DEPTH_MAX, OUTPUT_BYTES_MAX, STEP_BYTES, STEPS_MAX, Value};

mod call;
mod eval;

type Result<T> = std::result::Result<T, ExecError>;

/// Executes a template; `dot` is the data as a value.
pub(crate) fn execute(
    template: &Template,
    data: &dyn Data,
    dot: &Value,
    out: &mut String,
) -> Result<()> {
    let start = out.len();
    let mut state = State {
        template,
        data,
        start,
        body: template.root(),
        variables: vec![("$", dot.clone())],
        at: At::Nothing,
        depth: 0,
        steps: 0,
        out,
    };
    let result = state.walk(dot, &template.root().list);
    if let Err(error) = result {
        out.truncate(start);
        return Err(error);
    }
    Ok(())
}

/// What is being executed, for messages.
#[derive(Clone, Copy)]
enum At<'t> {
    Nothing,
    Word(&'t Word),
    Command(&'t Command),
    Pipe(&'t Pipe),
    Template { pos: usize, name: &'t str, pipe: Option<&'t Pipe> },
}

/// How to go on after a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

struct State<'t, 'd, 'o> {
    template: &'t Template,
    data: &'d dyn Data,
    out: &'o mut String,
    /// The length of `out` before.
    start: usize,
    body: &'t Body,
    /// Innermost last.
    variables: Vec<(&'t str, Value)>,
    at: At<'t>,
    depth: usize,
    steps: u64,
}

impl<'t> State<'t, '_, '_> {
    /// An error at what is being executed.
    #[cold]
    fn error(&self, message: impl std::fmt::Display) -> ExecError {
        let (pos, context) = match self.at {
            At::Nothing => return ExecError(format!("template: {}: {message}", self.body.name)),
            At::Word(word) => (word.pos, word.to_string()),
            At::Command(command) => (command.pos, command.to_string()),
            At::Pipe(pipe) => (pipe.pos, pipe.to_string()),
            At::Template { pos, name, pipe } => (pos, template_text(name, pipe)),
        };
        let source = &self.body.source;
        let before = source.text.get(..pos).unwrap_or_default();
        let line = 1 + before.matches('\n').count();
        let column = before.rfind('\n').map_or(pos, |newline| pos - newline - 1);
        ExecError(format!(
            "template: {}:{line}:{column}: executing {} at <{context}>: {message}",
            source.name,
            quote(&self.body.name)
        ))
    }

    fn step(&mut self) -> Result<()> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return Err(self.error(format_args!("more than {STEPS_MAX} steps")));
        }
        Ok(())
    }

    /// Counts a computed text.
    fn computed(&mut self, bytes: usize) -> Result<()> {
        if bytes > OUTPUT_BYTES_MAX {
            return Err(self
                .error(format_args!("a text of {bytes} bytes is longer than {OUTPUT_BYTES_MAX}")));
        }
        self.steps += bytes as u64 / STEP_BYTES;
        Ok(())
    }

    fn written(&self) -> Result<()> {
        let bytes = self.out.len() - self.start;
        if bytes > OUTPUT_BYTES_MAX {
            return Err(self.error(format_args!("output is longer than {OUTPUT_BYTES_MAX} bytes")));
        }
        Ok(())
    }

    fn walk(&mut self, dot: &Value, list: &'t List) -> Result<Flow> {
        if self.depth >= EXECUTION_DEPTH_MAX {
            return Err(
                self.error(format_args!("exceeded maximum template depth ({EXECUTION_DEPTH_MAX})"))
            );
        }
        self.depth += 1;
        for node in list {
            self.step()?;
            let flow = self.node(dot, node)?;
            if flow != Flow::Next {
                self.depth -= 1;
                return Ok(flow);
            }
        }
        self.depth -= 1;
        Ok(Flow::Next)
    }

    fn node(&mut self, dot: &Value, node: &'t Node) -> Result<Flow> {
        match node {
            Node::Text(text) => {
                self.out.push_str(text);
                self.written()?;
            }
            Node::Action(pipe) => self.action(dot, pipe)?,
            Node::Branch(branch) => {
                let mark = self.variables.len();
                let value = self.pipe(dot, &branch.pipe)?;
                let is_true = match value {
                    Value::Root => self.data.to_value().is_true(),
                    ref value => value.is_true(),
                };
                let flow = if is_true {
                    let inner = if branch.sets_dot { &value } else { dot };
                    self.walk(inner, &branch.body)?
                } else if let Some(otherwise) = &branch.otherwise {
                    self.walk(dot, otherwise)?
                } else {
                    Flow::Next
                };
                self.variables.truncate(mark);
                return Ok(flow);
            }
            Node::Range(branch) => return self.range(dot, branch),
            Node::Template { pos, name, pipe } => {
                self.invoke(dot, *pos, name, pipe.as_ref())?;
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn action(&mut self, dot: &Value, pipe: &'t Pipe) -> Result<()> {
        // The most frequent action by far: a field that is written as it is.
        if let (Value::Root, Some(field)) = (dot, plain_field(pipe))
            && let Some(text) = self.data.text(field)
        {
            self.out.push_str(text);
            return self.written();
        }
        let value = self.pipe(dot, pipe)?;
        if pipe.variables.is_empty() {
            match value {
                Value::Root => print_value(self.out, &self.data.to_value()),
                value => print_value(self.out, &value),
            }
            self.written()?;
        }
        Ok(())
    }

    fn range(&mut self, dot: &Value, branch: &'t Branch) -> Result<Flow> {
        let mark = self.variables.len();
        let value = self.pipe(dot, &branch.pipe)?;
        let value = match value {
            Value::Root => self.data.to_value(),
            value => value.underlying(),
        };
        let mut turns = 0_usize;
        let mut turn = |state: &mut Self, key: Option<Value>, item: Value| {
            turns += 1;
            state.turn(branch, key, &item)
        };
        match value {
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    if turn(self, Some(Value::Int(index as i64)), item.clone())? == Flow::Break {
                        break;
                    }
                }
            }
            Value::Map(map) => {
                for (key, item) in &map.entries {
                    if turn(self, Some(Value::String(key.clone())), item.clone())? == Flow::Break {
                        break;
                    }
                }
            }
            Value::Int(count) | Value::Int64(count) => {
                if branch.pipe.variables.len() > 1 {
                    return Err(self.error(format_args!(
                        "can't use {count} to iterate over more than one variable"
                    )));
                }
                let is_int = matches!(value, Value::Int(_));
                for number in 0..count {
                    let item = if is_int { Value::Int(number) } else { Value::Int64(number) };
                    if turn(self, None, item)? == Flow::Break {
                        break;
                    }
                }
            }
            Value::Nil => {}
            value => {
                let mut text = String::new();
                print_value(&mut text, &value);
                return Err(self.error(format_args!("range can't iterate over {text}")));
            }
        }
        let mut flow = Flow::Next;
        if turns == 0
            && let Some(otherwise) = &branch.otherwise
        {
            flow = self.walk(dot, otherwise)?;
        }
        self.variables.truncate(mark);
        Ok(flow)
    }

    /// One turn of a `range`.
    fn turn(&mut self, branch: &'t Branch, key: Option<Value>, item: &Value) -> Result<Flow> {
        self.step()?;
        let mark = self.variables.len();
        let pipe = &branch.pipe;
        let (key_name, item_name) = match pipe.variables.as_slice() {
            [] => (None, None),
            [item] => (None, Some(item)),
            [key, item, ..] => (Some(key), Some(item)),
        };
        for (name, value) in [(key_name, key), (item_name, Some(item.clone()))] {
            if let (Some(name), Some(value)) = (name, value) {
                if pipe.assigns {
                    self.assign(name, value)?;
                } else {
                    self.variables.push((name, value));
                }
            }
        }
        let flow = self.walk(item, &branch.body)?;
        self.variables.truncate(mark);
        Ok(flow)
    }

    fn invoke(
        &mut self,
        dot: &Value,
        pos: usize,
        name: &'t str,
        pipe: Option<&'t Pipe>,
    ) -> Result<()> {
        self.at = At::Template { pos, name, pipe };
        let Some(body) = self.template.lookup(name) else {
            return Err(self.error(format_args!("template {} not defined", quote(name))));
        };
        let dot = match pipe {
            Some(pipe) => self.pipe(dot, pipe)?,
            None => Value::Nil,
        };
        let outer_body = std::mem::replace(&mut self.body, body);
        let outer_variables = std::mem::replace(&mut self.variables, vec![("$", dot.clone())]);
        self.walk(&dot, &body.list)?;
        self.body = outer_body;
        self.variables = outer_variables;
        Ok(())
    }

    fn assign(&mut self, name: &str, value: Value) -> Result<()> {
        match self.variables.iter_mut().rev().find(|(own, _)| *own == name) {
            Some((_, old)) => *old = value,
            None => return Err(self.error(format_args!("undefined variable: {name}"))),
        }
        Ok(())
    }
}
