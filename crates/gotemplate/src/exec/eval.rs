//! Pipelines, commands, fields and variables.

use std::sync::Arc;

use super::{At, Result, State};
use crate::ast::{Command, Number, Pipe, Word, WordKind};
use crate::number::quote;
use crate::{EXECUTION_DEPTH_MAX, MissingKey, Type, Value};

impl<'t> State<'t, '_, '_> {
    pub(super) fn pipe(&mut self, dot: &Value, pipe: &'t Pipe) -> Result<Value> {
        self.at = At::Pipe(pipe);
        if self.depth >= EXECUTION_DEPTH_MAX {
            return Err(
                self.error(format_args!("exceeded maximum template depth ({EXECUTION_DEPTH_MAX})"))
            );
        }
        self.depth += 1;
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(dot, command, value)?);
        }
        self.depth -= 1;
        let value = value.unwrap_or_default();
        // A range sets its variables itself, turn by turn; what is pushed here is dropped at its
        // end like what it pushes.
        for name in &pipe.variables {
            if pipe.assigns {
                self.assign(name, value.clone())?;
            } else {
                self.variables.push((name, value.clone()));
            }
        }
        Ok(value)
    }

    fn command(&mut self, dot: &Value, command: &'t Command, last: Option<Value>) -> Result<Value> {
        self.step()?;
        let Some((word, args)) = command.words.split_first() else { return Ok(Value::Nil) };
        match &word.kind {
            WordKind::Field(fields) => {
                self.at = At::Word(word);
                return self.fields(dot, dot, fields, args, last);
            }
            WordKind::Chain { of, fields } => {
                self.at = At::Word(word);
                let receiver = self.arg(dot, None, of)?;
                return self.fields(dot, &receiver, fields, args, last);
            }
            WordKind::Variable { name, fields } => {
                self.at = At::Word(word);
                let value = self.variable(name)?;
                if fields.is_empty() {
                    self.not_a_function(word, args, last.as_ref())?;
                    return Ok(value);
                }
                return self.fields(dot, &value, fields, args, last);
            }
            WordKind::Function { name, function } => {
                self.at = At::Word(word);
                return self.call(dot, function, name, At::Command(command), args, last);
            }
            WordKind::Pipe(pipe) => {
                self.not_a_function(word, args, last.as_ref())?;
                return self.pipe(dot, pipe);
            }
            _ => {}
        }
        self.at = At::Word(word);
        self.not_a_function(word, args, last.as_ref())?;
        match &word.kind {
            WordKind::Bool(truth) => Ok(Value::Bool(*truth)),
            WordKind::Dot => Ok(dot.clone()),
            WordKind::Number(number) => self.constant(number),
            WordKind::Text { text, .. } => Ok(Value::String(Arc::clone(text))),
            _ => Err(self.error("nil is not a command")),
        }
    }

    fn not_a_function(&self, word: &Word, args: &[Word], last: Option<&Value>) -> Result<()> {
        if args.is_empty() && last.is_none() {
            return Ok(());
        }
        Err(self.error(format_args!("can't give argument to non-function {word}")))
    }

    fn variable(&self, name: &str) -> Result<Value> {
        match self.variables.iter().rev().find(|(own, _)| *own == name) {
            Some((_, value)) => Ok(value.clone()),
            None => Err(self.error(format_args!("undefined variable: {name}"))),
        }
    }

    /// A constant where any type will do.
    fn constant(&self, number: &Number) -> Result<Value> {
        match number {
            Number { is_float: true, float: Some(float), .. } => Ok(Value::Float(*float)),
            Number { int: Some(int), .. } => Ok(Value::Int(*int)),
            Number { text, .. } => Err(self.error(format_args!("{text} overflows int"))),
        }
    }

    /// Follows fields from a receiver; arguments go to the last of them.
    fn fields(
        &mut self,
        dot: &Value,
        receiver: &Value,
        fields: &'t [Arc<str>],
        args: &'t [Word],
        last: Option<Value>,
    ) -> Result<Value> {
        let Some((final_field, path)) = fields.split_last() else { return Ok(receiver.clone()) };
        // Whether the receiver came out of something that holds values of any type: Go takes no
        // fields of a nil there.
        let mut is_held = false;
        let mut owned;
        let mut receiver = receiver;
        for field in path {
            (owned, is_held) = self.field(dot, receiver, is_held, field, &[], None)?;
            receiver = &owned;
        }
        Ok(self.field(dot, receiver, is_held, final_field, args, last)?.0)
    }

    fn field(
        &mut self,
        dot: &Value,
        receiver: &Value,
        is_held: bool,
        name: &'t str,
        args: &'t [Word],
        last: Option<Value>,
    ) -> Result<(Value, bool)> {
        let has_args = !args.is_empty() || last.is_some();
        let found = match receiver {
            Value::Nil if is_held => {
                let message = format_args!("nil pointer evaluating interface {{}}.{name}");
                return Err(self.error(message));
            }
            Value::Nil if self.template.missing_key() == MissingKey::Error => {
                let message = format!("nil data; no entry for key {}", quote(name));
                return Err(self.error(message));
            }
            Value::Nil => return Ok((Value::Nil, false)),
            Value::Root => self.data.get(name),
            Value::Map(map) => map.entries.get(name).cloned(),
            Value::Object(object) => {
                if let Some(found) = self.method(dot, &**object, name, args, last)? {
                    return Ok((found, true));
                }
                let field = object.field(name);
                if field.is_some() && has_args {
                    return Err(self.error(format_args!(
                        "{name} has arguments but cannot be invoked as function"
                    )));
                }
                match (field, object.underlying()) {
                    (None, Value::Map(map)) => map.entries.get(name).cloned(),
                    (None, _) => return Err(self.no_field(receiver, name)),
                    (field, _) => field,
                }
            }
            _ => return Err(self.no_field(receiver, name)),
        };
        if has_args {
            return Err(self.error(format_args!("{name} is not a method but has arguments")));
        }
        if let Some(value) = found {
            return Ok((value, true));
        }
        match self.template.missing_key() {
            MissingKey::Default => Ok((Value::Nil, false)),
            MissingKey::Zero => Ok((self.zero(receiver), true)),
            MissingKey::Error => {
                Err(self.error(format_args!("map has no entry for key {}", quote(name))))
            }
        }
    }

    fn no_field(&self, receiver: &Value, name: &str) -> super::ExecError {
        let of = receiver.type_name();
        self.error(format_args!("can't evaluate field {name} in type {of}"))
    }

    /// What a map gives for what it does not have.
    fn zero(&self, receiver: &Value) -> Value {
        match receiver {
            Value::Root => self.data.missing(),
            Value::Map(map) if map.of_strings => Value::from(""),
            Value::Object(object) => match object.underlying() {
                Value::Map(map) if map.of_strings => Value::from(""),
                _ => Value::Nil,
            },
            _ => Value::Nil,
        }
    }

    /// The value of an argument for a parameter of a type; without a type it may be anything.
    pub(super) fn arg(
        &mut self,
        dot: &Value,
        parameter: Option<Type>,
        word: &'t Word,
    ) -> Result<Value> {
        self.step()?;
        self.at = At::Word(word);
        let value = match &word.kind {
            WordKind::Dot => dot.clone(),
            WordKind::Nil => {
                return match parameter {
                    None | Some(Type::Any) => Ok(Value::Nil),
                    Some(other) => {
                        Err(self.error(format_args!("cannot assign nil to {}", other.name())))
                    }
                };
            }
            WordKind::Field(fields) => self.fields(dot, dot, fields, &[], None)?,
            WordKind::Variable { name, fields } => {
                let value = self.variable(name)?;
                self.fields(dot, &value, fields, &[], None)?
            }
            WordKind::Pipe(pipe) => self.pipe(dot, pipe)?,
            WordKind::Function { name, function } => {
                self.call(dot, function, name, At::Word(word), &[], None)?
            }
            WordKind::Chain { of, fields } => {
                let receiver = self.arg(dot, None, of)?;
                self.fields(dot, &receiver, fields, &[], None)?
            }
            WordKind::Bool(_) | WordKind::Number(_) | WordKind::Text { .. } => {
                return self.literal(parameter, word);
            }
        };
        self.fitting(value, parameter)
    }

    /// A literal as a parameter of the type reads it.
    fn literal(&self, parameter: Option<Type>, word: &Word) -> Result<Value> {
        let expected = match (parameter, &word.kind) {
            (None | Some(Type::Any), WordKind::Number(number)) => return self.constant(number),
            (None | Some(Type::Any | Type::Bool), WordKind::Bool(truth)) => {
                return Ok(Value::Bool(*truth));
            }
            (None | Some(Type::Any | Type::String), WordKind::Text { text, .. }) => {
                return Ok(Value::String(Arc::clone(text)));
            }
            (Some(Type::Int), WordKind::Number(Number { int: Some(int), .. })) => {
                return Ok(Value::Int(*int));
            }
            (Some(Type::Int64), WordKind::Number(Number { int: Some(int), .. })) => {
                return Ok(Value::Int64(*int));
            }
            (Some(Type::Float), WordKind::Number(Number { float: Some(float), .. })) => {
                return Ok(Value::Float(*float));
            }
            (Some(Type::Bool), _) => "bool",
            (Some(Type::Int | Type::Int64), _) => "integer",
            (Some(Type::Float), _) => "float",
            (Some(Type::String), _) => "string",
            (Some(Type::Object(name)), _) => {
                return Err(self.error(format_args!("can't handle {word} for arg of type {name}")));
            }
            (None | Some(Type::Any), _) => "value",
        };
        Err(self.error(format_args!("expected {expected}; found {word}")))
    }

    /// The value, if a parameter of the type takes it. The data of the execution becomes a map.
    pub(super) fn fitting(&self, value: Value, parameter: Option<Type>) -> Result<Value> {
        let Some(parameter) = parameter else { return Ok(value) };
        if value.fits(parameter) {
            return Ok(value);
        }
        let expected = parameter.name();
        if matches!(value, Value::Nil) {
            return Err(self.error(format_args!("invalid value; expected {expected}")));
        }
        let got = value.type_name();
        Err(self.error(format_args!("wrong type for value; expected {expected}; got {got}")))
    }
}
