//! Calls of functions and methods.

use super::{At, Result, State};
use crate::ast::Word;
use crate::functions::{Callee, Function};
use crate::{Object, Type, Value};

impl<'t> State<'t, '_, '_> {
    /// Calls a function; `node` is what messages about its failure name.
    pub(super) fn call(
        &mut self,
        dot: &Value,
        function: &'t Function,
        name: &str,
        node: At<'t>,
        args: &'t [Word],
        last: Option<Value>,
    ) -> Result<Value> {
        let fixed = function.params.len();
        let given = args.len() + usize::from(last.is_some());
        if function.variadic.is_some() {
            if given < fixed {
                return Err(self.error(format_args!(
                    "wrong number of args for {name}: want at least {fixed} got {}",
                    args.len()
                )));
            }
        } else if given != fixed {
            return Err(self
                .error(format_args!("wrong number of args for {name}: want {fixed} got {given}")));
        }
        match function.callee {
            Callee::And => return self.short_circuit(dot, false, args, last),
            Callee::Or => return self.short_circuit(dot, true, args, last),
            _ => {}
        }
        let parameter = |index: usize| {
            function.params.get(index).copied().or(function.variadic).unwrap_or(Type::Any)
        };
        let mut values = Vec::with_capacity(given);
        for (index, word) in args.iter().enumerate() {
            let value = self.arg(dot, Some(parameter(index)), word)?;
            values.push(self.settled(value));
        }
        if let Some(last) = last {
            let value = self.fitting(last, Some(parameter(args.len())))?;
            values.push(self.settled(value));
        }
        let result = match &function.callee {
            Callee::Body(body) => body(&values),
            _ => self.data.call(name, &values),
        };
        self.result(name, node, result)
    }

    fn result(
        &mut self,
        name: &str,
        node: At<'t>,
        result: std::result::Result<Value, String>,
    ) -> Result<Value> {
        match result {
            Ok(value) => {
                if let Value::String(text) = &value {
                    self.computed(text.len())?;
                }
                Ok(value)
            }
            Err(message) => {
                self.at = node;
                Err(self.error(format_args!("error calling {name}: {message}")))
            }
        }
    }

    /// Functions get the data of the execution as the value that it is.
    fn settled(&self, value: Value) -> Value {
        match value {
            Value::Root => self.data.to_value(),
            value => value,
        }
    }

    /// `and` and `or`: the first argument whose truth is `until`, or else the last one.
    fn short_circuit(
        &mut self,
        dot: &Value,
        until: bool,
        args: &'t [Word],
        last: Option<Value>,
    ) -> Result<Value> {
        let mut value = Value::Nil;
        for word in args {
            value = self.arg(dot, Some(Type::Any), word)?;
            let value = match &value {
                Value::Root => self.data.to_value(),
                value => value.clone(),
            };
            if value.is_true() == until {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    /// Calls a method of an object; `None` when it has none of that name.
    pub(super) fn method(
        &mut self,
        dot: &Value,
        object: &dyn Object,
        name: &'t str,
        args: &'t [Word],
        last: Option<Value>,
    ) -> Result<Option<Value>> {
        let node = self.at;
        let mut values = Vec::with_capacity(args.len());
        for word in args {
            let value = self.arg(dot, Some(Type::Any), word)?;
            values.push(self.settled(value));
        }
        values.extend(last.map(|value| self.settled(value)));
        self.at = node;
        match object.call(name, &values) {
            Some(result) => self.result(name, node, result).map(Some),
            None => Ok(None),
        }
    }
}
