//! The functions of the language.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::Value;
use crate::compare::{equals, equals_any, order};
use crate::escape;
use crate::functions::{Callee, Function, Functions, Type};
use crate::number::lossy;
use crate::print::{sprint, sprintln};
use crate::printf::sprintf;

/// Adds the functions of the language.
pub(crate) fn add_to(functions: &mut Functions) {
    let any = || vec![Type::Any];
    let two = || vec![Type::Any, Type::Any];
    functions.add("and", Function::short_circuit(Callee::And));
    functions.add("or", Function::short_circuit(Callee::Or));
    functions.add("not", Function::new(any(), |args| Ok(Value::Bool(!args[0].is_true()))));
    functions.add(
        "eq",
        Function::new(any(), |args| equals_any(args).map(Value::Bool)).with_rest(Type::Any),
    );
    functions.add("ne", Function::new(two(), |args| Ok(Value::Bool(!equals(&args[0], &args[1])?))));
    let compare = |truth: fn(Option<Ordering>) -> bool| {
        Function::new(two(), move |args| Ok(Value::Bool(truth(order(&args[0], &args[1])?))))
    };
    functions.add("lt", compare(|order| order == Some(Ordering::Less)));
    functions.add("le", compare(|order| order.is_some_and(Ordering::is_le)));
    // Go says "not less or equal", which a NaN makes true.
    functions.add("gt", compare(|order| !order.is_some_and(Ordering::is_le)));
    functions.add("ge", compare(|order| order != Some(Ordering::Less)));
    functions.add("len", Function::new(any(), |args| length(&args[0])));
    functions.add("index", Function::new(any(), index).with_rest(Type::Any));
    functions.add("slice", Function::new(any(), slice).with_rest(Type::Any));
    functions.add("call", Function::new(any(), call).with_rest(Type::Any));
    let texts = |write: fn(&[Value]) -> String| {
        Function::new(vec![], move |args| Ok(Value::from(write(args)))).with_rest(Type::Any)
    };
    functions.add("print", texts(sprint));
    functions.add("println", texts(sprintln));
    functions.add("html", texts(|args| escape::html(&argument_text(args))));
    functions.add("js", texts(|args| escape::js(&argument_text(args))));
    functions.add("urlquery", texts(|args| escape::url_query(&argument_text(args))));
    functions.add(
        "printf",
        Function::new(vec![Type::String], |args| {
            sprintf(args[0].as_str().unwrap_or_default(), &args[1..]).map(Value::from)
        })
        .with_rest(Type::Any),
    );
}

/// What the quoting functions make of their arguments before they quote.
fn argument_text(args: &[Value]) -> String {
    sprint(args)
}

fn length(value: &Value) -> Result<Value, String> {
    let length = match value.underlying() {
        Value::String(text) => text.len(),
        Value::List(items) => items.len(),
        Value::Map(map) => map.entries.len(),
        Value::Nil => return Err("len of nil pointer".to_owned()),
        other => return Err(format!("len of type {}", other.type_name())),
    };
    Ok(Value::Int(length as i64))
}

fn index(args: &[Value]) -> Result<Value, String> {
    let Some((item, indexes)) = args.split_first() else { return Ok(Value::Nil) };
    if matches!(item, Value::Nil) {
        return Err("index of untyped nil".to_owned());
    }
    let mut item = item.clone();
    for index in indexes {
        item = match item.underlying() {
            Value::List(items) => {
                let at = position(index, items.len(), false)?;
                items.get(at).cloned().unwrap_or_default()
            }
            Value::String(text) => {
                let at = position(index, text.len(), false)?;
                text.as_bytes().get(at).map_or(Value::Nil, |byte| Value::Int(i64::from(*byte)))
            }
            Value::Map(map) => match index {
                Value::String(key) => match map.entries.get(key) {
                    Some(value) => value.clone(),
                    None if map.of_strings => Value::from(""),
                    None => Value::Nil,
                },
                Value::Nil => return Err("value is nil; should be of type string".to_owned()),
                other => {
                    let got = other.type_name();
                    return Err(format!("value has type {got}; should be string"));
                }
            },
            Value::Nil => return Err("index of nil pointer".to_owned()),
            other => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(item)
}

/// A position in something of this length; `end`: whether the length itself is one.
fn position(index: &Value, length: usize, end: bool) -> Result<usize, String> {
    let number = match index {
        Value::Int(number) | Value::Int64(number) => *number,
        Value::Nil => return Err("cannot index slice/array with nil".to_owned()),
        other => {
            return Err(format!("cannot index slice/array with type {}", other.type_name()));
        }
    };
    match usize::try_from(number) {
        Ok(at) if at < length || (end && at == length) => Ok(at),
        _ => Err(format!("index out of range: {number}")),
    }
}

fn slice(args: &[Value]) -> Result<Value, String> {
    let Some((item, indexes)) = args.split_first() else { return Ok(Value::Nil) };
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()));
    }
    let item = item.underlying();
    let length = match &item {
        Value::String(_) if indexes.len() == 3 => {
            return Err("cannot 3-index slice a string".to_owned());
        }
        Value::String(text) => text.len(),
        Value::List(items) => items.len(),
        Value::Nil => return Err("slice of untyped nil".to_owned()),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let bounds =
        indexes.iter().map(|index| position(index, length, true)).collect::<Result<Vec<_>, _>>()?;
    let from = bounds.first().copied().unwrap_or(0);
    let to = bounds.get(1).copied().unwrap_or(length);
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    // The third index is a capacity, which nothing here can see.
    if let Some(&capacity) = bounds.get(2)
        && to > capacity
    {
        return Err(format!("invalid slice index: {to} > {capacity}"));
    }
    Ok(match item {
        Value::String(text) => Value::from(lossy(&text.as_bytes()[from..to])),
        Value::List(items) => Value::List(Arc::new(items[from..to].to_vec())),
        _ => Value::Nil,
    })
}

fn call(args: &[Value]) -> Result<Value, String> {
    match args.first() {
        None | Some(Value::Nil) => Err("call of nil".to_owned()),
        Some(other) => Err(format!("non-function of type {}", other.type_name())),
    }
}
