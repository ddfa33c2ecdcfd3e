//! What templates compute with.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::Type;

/// A value. Cloning is cheap: what is large is shared.
#[derive(Debug, Clone, Default)]
pub enum Value {
    /// Go's nil: what is not there, and JSON's null.
    #[default]
    Nil,
    /// `bool`.
    Bool(bool),
    /// `int`, which literals are.
    Int(i64),
    /// `int64`, which Go tells from `int` when it passes arguments.
    Int64(i64),
    /// `float64`.
    Float(f64),
    /// `string`.
    String(Arc<str>),
    /// `[]interface {}`.
    List(Arc<Vec<Value>>),
    /// A map with strings for keys.
    Map(Arc<Map>),
    /// Anything else, with fields and methods.
    Object(Arc<dyn Object>),
    /// The data of the execution itself, where that is no value. Functions never see it: they get
    /// [`Data::to_value`].
    Root,
}

/// A map with strings for keys.
#[derive(Debug, Clone, Default)]
pub struct Map {
    /// The entries; Go's templates go through maps in the order of their keys.
    pub entries: BTreeMap<Arc<str>, Value>,
    /// Whether the map is a `map[string]string`, in which what is missing is the empty string.
    pub of_strings: bool,
}

/// A value of the caller's with fields or methods.
pub trait Object: Send + Sync + fmt::Debug {
    /// The name of the type in messages, such as `time.Time`.
    fn type_name(&self) -> &'static str;
    /// The field of this name.
    fn field(&self, name: &str) -> Option<Value>;
    /// Calls the method of this name; `None` when there is none.
    fn call(&self, name: &str, args: &[Value]) -> Option<Result<Value, String>>;
    /// What printing it writes.
    fn text(&self) -> String;
    /// What `range`, `len`, `index` and conditions see of it; `Nil` for what is just a struct.
    fn underlying(&self) -> Value {
        Value::Nil
    }
    /// To get the caller's own type back.
    fn as_any(&self) -> &dyn Any;
}

/// What a template is executed on.
pub trait Data {
    /// The field of this name; `None` when there is none.
    fn get(&self, name: &str) -> Option<Value>;
    /// The field of this name where it is a string: saves a copy where a field is just written.
    fn text(&self, _name: &str) -> Option<&str> {
        None
    }
    /// What a field is that there is not, under [`MissingKey::Zero`](crate::MissingKey::Zero).
    fn missing(&self) -> Value {
        Value::Nil
    }
    /// All of it, for a template that looks at more than fields.
    fn to_value(&self) -> Value;
    /// Answers a function that was declared with [`Function::of_data`](crate::Function::of_data).
    fn call(&self, name: &str, _args: &[Value]) -> Result<Value, String> {
        Err(format!("{name} is not known to the data"))
    }
}

impl Value {
    /// A list.
    pub fn list(items: impl IntoIterator<Item = Value>) -> Self {
        Self::List(Arc::new(items.into_iter().collect()))
    }

    /// A `map[string]interface {}`.
    pub fn map<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        let entries = entries.into_iter().map(|(key, value)| (key.into(), value)).collect();
        Self::Map(Arc::new(Map { entries, of_strings: false }))
    }

    /// A `map[string]string`.
    pub fn string_map<K: Into<Arc<str>>, V: Into<Arc<str>>>(
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let entries =
            entries.into_iter().map(|(key, value)| (key.into(), Self::String(value.into())));
        Self::Map(Arc::new(Map { entries: entries.collect(), of_strings: true }))
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// An integer of either type.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) | Self::Int64(number) => Some(*number),
            _ => None,
        }
    }

    /// Go's name of the type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "interface {}",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) => "int64",
            Self::Float(_) => "float64",
            Self::String(_) => "string",
            Self::List(_) => "[]interface {}",
            Self::Map(map) if map.of_strings => "map[string]string",
            Self::Map(_) => "map[string]interface {}",
            Self::Object(object) => object.type_name(),
            Self::Root => "map[string]string",
        }
    }

    /// What Go's conditions make of it: whether it is not the zero of its type, or not empty.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(truth) => *truth,
            Self::Int(number) | Self::Int64(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::String(text) => !text.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Map(map) => !map.entries.is_empty(),
            Self::Object(object) => match object.underlying() {
                Self::Nil => true,
                Self::Object(_) => true,
                value => value.is_true(),
            },
            Self::Root => true,
        }
    }

    /// The list or map that an object is, the value itself otherwise.
    pub(crate) fn underlying(&self) -> Self {
        match self {
            Self::Object(object) => match object.underlying() {
                Self::Nil => self.clone(),
                value => value,
            },
            value => value.clone(),
        }
    }

    /// Whether a parameter of the type takes the value.
    pub(crate) fn fits(&self, parameter: Type) -> bool {
        match parameter {
            Type::Any => true,
            Type::Bool => matches!(self, Self::Bool(_)),
            Type::Int => matches!(self, Self::Int(_)),
            Type::Int64 => matches!(self, Self::Int64(_)),
            Type::Float => matches!(self, Self::Float(_)),
            Type::String => matches!(self, Self::String(_)),
            Type::Object(name) => matches!(self, Self::Object(o) if o.type_name() == name),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl Data for Value {
    fn get(&self, name: &str) -> Option<Value> {
        match self {
            Self::Map(map) => map.entries.get(name).cloned(),
            Self::Object(object) => object.field(name),
            _ => None,
        }
    }

    fn to_value(&self) -> Value {
        self.clone()
    }
}
