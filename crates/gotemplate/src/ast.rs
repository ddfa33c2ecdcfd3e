//! The tree of a parsed template. Its `Display` is how Go writes nodes in messages.

use std::fmt;
use std::sync::Arc;

use crate::functions::Function;
use crate::number::quote;

/// A sequence of nodes.
pub type List = Vec<Node>;

/// A node outside of pipelines.
#[derive(Debug, Clone)]
pub enum Node {
    /// Text to be copied.
    Text(Arc<str>),
    /// A pipeline whose value is written.
    Action(Pipe),
    /// `if` and `with`.
    Branch(Branch),
    /// `range`.
    Range(Branch),
    /// `template`.
    Template {
        /// Where it begins, bytes from the start of the text.
        pos: usize,
        /// The template to execute.
        name: Arc<str>,
        /// What its dot will be.
        pipe: Option<Pipe>,
    },
    /// `break`.
    Break,
    /// `continue`.
    Continue,
}

/// What `if`, `with` and `range` have in common.
#[derive(Debug, Clone)]
pub struct Branch {
    /// Where it begins, bytes from the start of the text.
    pub pos: usize,
    /// Whether the body's dot is the value of the pipeline, as with `with` and `range`.
    pub sets_dot: bool,
    /// The condition or what to go through.
    pub pipe: Pipe,
    /// What is executed if there is something.
    pub body: List,
    /// What is executed otherwise.
    pub otherwise: Option<List>,
}

/// A pipeline.
#[derive(Debug, Clone)]
pub struct Pipe {
    /// Where it begins, bytes from the start of the text.
    pub pos: usize,
    /// Variables that get its value.
    pub variables: Vec<Arc<str>>,
    /// Whether the variables exist already.
    pub assigns: bool,
    /// The commands, each of which gets the value of the one before as its last argument.
    pub commands: Vec<Command>,
}

/// A command of a pipeline: a value, or a function with its arguments.
#[derive(Debug, Clone)]
pub struct Command {
    /// Where it begins, bytes from the start of the text.
    pub pos: usize,
    /// The words, never empty.
    pub words: Vec<Word>,
}

/// A word of a command.
#[derive(Debug, Clone)]
pub struct Word {
    /// Where it begins, bytes from the start of the text.
    pub pos: usize,
    /// What it is.
    pub kind: WordKind,
}

/// What a word of a command is.
#[derive(Debug, Clone)]
pub enum WordKind {
    /// `.`.
    Dot,
    /// `nil`.
    Nil,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    Text {
        /// As it is written, with its quotes.
        quoted: Arc<str>,
        /// What it means.
        text: Arc<str>,
    },
    /// `.a.b`.
    Field(Vec<Arc<str>>),
    /// `$x.a.b`, the name with its dollar.
    Variable {
        /// The name with its dollar.
        name: Arc<str>,
        /// The fields that follow.
        fields: Vec<Arc<str>>,
    },
    /// A function's name.
    Function {
        /// The name.
        name: Arc<str>,
        /// What it stands for.
        function: Arc<Function>,
    },
    /// A pipeline in parentheses.
    Pipe(Box<Pipe>),
    /// Fields of something that is not a field or variable: `(pipeline).a.b`.
    Chain {
        /// What they are fields of.
        of: Box<Word>,
        /// The fields.
        fields: Vec<Arc<str>>,
    },
}

/// A number as Go's untyped constants are: the same text may be read as several types.
#[derive(Debug, Clone)]
pub struct Number {
    /// As it is written.
    pub text: Arc<str>,
    /// Its value as an integer, where it is one and fits.
    pub int: Option<i64>,
    /// Its value as a float, where it is one.
    pub float: Option<f64>,
    /// Whether a value of any type makes it a float.
    pub is_float: bool,
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, variable) in self.variables.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(variable)?;
        }
        if !self.variables.is_empty() {
            f.write_str(if self.assigns { " = " } else { " := " })?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                f.write_str(" | ")?;
            }
            write!(f, "{command}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{word}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            WordKind::Dot => f.write_str("."),
            WordKind::Nil => f.write_str("nil"),
            WordKind::Bool(truth) => write!(f, "{truth}"),
            WordKind::Number(number) => f.write_str(&number.text),
            WordKind::Text { quoted, .. } => f.write_str(quoted),
            WordKind::Field(fields) => write_fields(f, fields),
            WordKind::Variable { name, fields } => {
                f.write_str(name)?;
                write_fields(f, fields)
            }
            WordKind::Function { name, .. } => f.write_str(name),
            WordKind::Pipe(pipe) => write!(f, "({pipe})"),
            WordKind::Chain { of, fields } => {
                write!(f, "{of}")?;
                write_fields(f, fields)
            }
        }
    }
}

fn write_fields(f: &mut fmt::Formatter<'_>, fields: &[Arc<str>]) -> fmt::Result {
    for field in fields {
        write!(f, ".{field}")?;
    }
    Ok(())
}

/// How Go writes a `template` action.
pub(crate) fn template_text(name: &str, pipe: Option<&Pipe>) -> String {
    match pipe {
        Some(pipe) => format!("{{{{template {} {pipe}}}}}", quote(name)),
        None => format!("{{{{template {}}}}}", quote(name)),
    }
}
