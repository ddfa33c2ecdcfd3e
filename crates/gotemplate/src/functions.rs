//! Functions of the caller: a name, the types of the parameters, and what to call.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::Value;
use crate::builtins;

/// The type of a parameter, which Go checks before it calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `interface {}`: takes anything.
    Any,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `int64`.
    Int64,
    /// `float64`.
    Float,
    /// `string`.
    String,
    /// An object whose type has this name.
    Object(&'static str),
}

impl Type {
    /// Go's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Float => "float64",
            Self::String => "string",
            Self::Object(name) => name,
        }
    }
}

type Body = dyn Fn(&[Value]) -> Result<Value, String> + Send + Sync;

/// What a function does.
#[derive(Clone)]
pub(crate) enum Callee {
    /// Short-circuiting `and`.
    And,
    /// Short-circuiting `or`.
    Or,
    /// Answered by the data of the execution.
    Data,
    Body(Arc<Body>),
}

/// A function that templates may call.
#[derive(Clone)]
pub struct Function {
    pub(crate) params: Vec<Type>,
    /// The type of any number of further arguments.
    pub(crate) variadic: Option<Type>,
    pub(crate) callee: Callee,
}

impl Function {
    /// A function that gets exactly arguments of these types.
    pub fn new(
        params: impl Into<Vec<Type>>,
        body: impl Fn(&[Value]) -> Result<Value, String> + Send + Sync + 'static,
    ) -> Self {
        Self { params: params.into(), variadic: None, callee: Callee::Body(Arc::new(body)) }
    }

    /// A function that the data of the execution answers, such as "the current line".
    pub fn of_data(params: impl Into<Vec<Type>>) -> Self {
        Self { params: params.into(), variadic: None, callee: Callee::Data }
    }

    /// The function with any number of further arguments of this type.
    #[must_use]
    pub fn with_rest(mut self, rest: Type) -> Self {
        self.variadic = Some(rest);
        self
    }

    pub(crate) fn short_circuit(callee: Callee) -> Self {
        Self { params: vec![Type::Any], variadic: Some(Type::Any), callee }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("params", &self.params)
            .field("variadic", &self.variadic)
            .finish_non_exhaustive()
    }
}

/// The functions that a template may call, those of the language included.
#[derive(Debug, Clone)]
pub struct Functions {
    by_name: HashMap<&'static str, Arc<Function>>,
}

impl Functions {
    /// The functions of the language alone.
    pub fn new() -> Self {
        let mut functions = Self { by_name: HashMap::new() };
        builtins::add_to(&mut functions);
        functions
    }

    /// Adds a function, in place of one of the same name.
    pub fn add(&mut self, name: &'static str, function: Function) {
        self.by_name.insert(name, Arc::new(function));
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Function>> {
        self.by_name.get(name).cloned()
    }

    /// The names of all functions, in no order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.by_name.keys().copied()
    }
}

impl Default for Functions {
    fn default() -> Self {
        Self::new()
    }
}
