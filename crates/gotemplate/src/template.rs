//! A parsed template and how it is executed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ast::{List, Node, Pipe, Word, WordKind};
use crate::exec;
use crate::parser::parse;
use crate::{Data, Functions, TEMPLATE_BYTES_MAX, Value};

/// What a field is that a map does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingKey {
    /// `<no value>`.
    #[default]
    Default,
    /// The zero of what the map holds: the empty string where it holds strings.
    Zero,
    /// An error.
    Error,
}

/// How a template is read and executed.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The name in messages.
    pub name: String,
    /// What a field is that a map does not have.
    pub missing_key: MissingKey,
    /// Delimiters other than `{{` and `}}`.
    pub delimiters: Option<(String, String)>,
}

impl Options {
    /// The usual options, for a template of this name.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    pub(crate) fn left_delimiter(&self) -> &str {
        match &self.delimiters {
            Some((left, _)) if !left.is_empty() => left,
            _ => "{{",
        }
    }

    pub(crate) fn right_delimiter(&self) -> &str {
        match &self.delimiters {
            Some((_, right)) if !right.is_empty() => right,
            _ => "}}",
        }
    }
}

/// Why a text is no template, in Go's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(pub String);

/// Why a template could not be executed, in Go's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ExecError(pub String);

/// A template, or the text of one with its name, for messages.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    /// The name in `executing "name"`.
    pub(crate) name: Arc<str>,
    /// The name and text in which it was parsed.
    pub(crate) source: Arc<Source>,
    pub(crate) list: List,
}

#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A parsed template with those that it defines.
#[derive(Debug, Clone)]
pub struct Template {
    root: Body,
    defined: BTreeMap<Arc<str>, Body>,
    missing_key: MissingKey,
}

impl Template {
    /// Parses a template.
    pub fn parse(text: &str, functions: &Functions, options: &Options) -> Result<Self, ParseError> {
        let mut template = Self {
            root: Body {
                name: options.name.as_str().into(),
                source: Arc::new(Source { name: options.name.clone(), text: String::new() }),
                list: List::new(),
            },
            defined: BTreeMap::new(),
            missing_key: options.missing_key,
        };
        template.root = template.add(text, functions, options)?;
        Ok(template)
    }

    /// Parses another text whose definitions this template may use, and which replace its own of
    /// the same names. What the text has besides definitions is the template of the options' name.
    pub fn include(
        &mut self,
        text: &str,
        functions: &Functions,
        options: &Options,
    ) -> Result<(), ParseError> {
        let body = self.add(text, functions, options)?;
        if !body.list.is_empty() {
            self.defined.insert(body.name.clone(), body);
        }
        Ok(())
    }

    fn add(
        &mut self,
        text: &str,
        functions: &Functions,
        options: &Options,
    ) -> Result<Body, ParseError> {
        let name = &options.name;
        if text.len() > TEMPLATE_BYTES_MAX {
            return Err(ParseError(format!(
                "template: {name}:1: text of {} bytes is longer than {TEMPLATE_BYTES_MAX}",
                text.len()
            )));
        }
        let parsed = parse(text, functions, options)
            .map_err(|message| ParseError(format!("template: {name}:{message}")))?;
        let source = Arc::new(Source { name: name.clone(), text: text.to_owned() });
        for (name, list) in parsed.defined {
            let body = Body { name: name.clone(), source: Arc::clone(&source), list };
            self.defined.insert(name, body);
        }
        Ok(Body { name: name.as_str().into(), source, list: parsed.root })
    }

    pub(crate) fn root(&self) -> &Body {
        &self.root
    }

    pub(crate) fn lookup(&self, name: &str) -> Option<&Body> {
        self.defined.get(name).or_else(|| (&*self.root.name == name).then_some(&self.root))
    }

    pub(crate) fn missing_key(&self) -> MissingKey {
        self.missing_key
    }

    /// Executes the template on a value and appends what it writes to `out`. On an error `out` is
    /// as it was.
    pub fn execute(&self, data: &Value, out: &mut String) -> Result<(), ExecError> {
        exec::execute(self, data, data, out)
    }

    /// Executes the template on what answers for its fields. On an error `out` is as it was.
    pub fn execute_data(&self, data: &dyn Data, out: &mut String) -> Result<(), ExecError> {
        exec::execute(self, data, &Value::Root, out)
    }

    /// The field that the template consists of, where it is just `{{ .field }}`.
    pub fn single_field(&self) -> Option<&str> {
        match self.root.list.as_slice() {
            [Node::Action(pipe)] => plain_field(pipe),
            _ => None,
        }
    }

    /// The fields of its data that the template may read, sorted, each once; `None` when it may
    /// read any of them.
    pub fn fields_used(&self) -> Option<Vec<String>> {
        let mut fields = Vec::new();
        let complete = fields_of_list(&self.root.list, true, &mut fields);
        fields.sort_unstable();
        fields.dedup();
        complete.then_some(fields)
    }
}

/// The field that a pipeline consists of.
pub(crate) fn plain_field(pipe: &Pipe) -> Option<&str> {
    match (pipe.variables.as_slice(), pipe.commands.as_slice()) {
        ([], [command]) => match command.words.as_slice() {
            [Word { kind: WordKind::Field(fields), .. }] => match fields.as_slice() {
                [field] => Some(field),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Collects fields of the root; false as soon as the root itself is used as a value. `is_root`:
/// whether dot is the root.
fn fields_of_list(list: &[Node], is_root: bool, fields: &mut Vec<String>) -> bool {
    list.iter().all(|node| match node {
        Node::Text(_) | Node::Break | Node::Continue => true,
        Node::Action(pipe) => fields_of_pipe(pipe, is_root, fields),
        Node::Branch(branch) | Node::Range(branch) => {
            fields_of_pipe(&branch.pipe, is_root, fields)
                && fields_of_list(&branch.body, is_root && !branch.sets_dot, fields)
                && branch.otherwise.iter().all(|list| fields_of_list(list, is_root, fields))
        }
        // The invoked template sees the root only if its pipeline names it.
        Node::Template { pipe, .. } => {
            pipe.iter().all(|pipe| fields_of_pipe(pipe, is_root, fields))
        }
    })
}

fn fields_of_pipe(pipe: &Pipe, is_root: bool, fields: &mut Vec<String>) -> bool {
    let mut words = pipe.commands.iter().flat_map(|command| &command.words);
    words.all(|word| fields_of_word(word, is_root, fields))
}

fn fields_of_word(word: &Word, is_root: bool, fields: &mut Vec<String>) -> bool {
    match &word.kind {
        WordKind::Dot => !is_root,
        WordKind::Field(path) => {
            if is_root {
                fields.extend(path.first().map(ToString::to_string));
            }
            true
        }
        WordKind::Variable { name, fields: path } if &**name == "$" => match path.first() {
            Some(field) => {
                fields.push(field.to_string());
                true
            }
            None => false,
        },
        WordKind::Pipe(pipe) => fields_of_pipe(pipe, is_root, fields),
        WordKind::Chain { of, .. } => fields_of_word(of, is_root, fields),
        WordKind::Variable { .. }
        | WordKind::Nil
        | WordKind::Bool(_)
        | WordKind::Number(_)
        | WordKind::Text { .. }
        | WordKind::Function { .. } => true,
    }
}
