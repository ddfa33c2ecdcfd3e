//! Printing without a format, as Go's `fmt.Print` does.

use std::fmt::Write;

use crate::Value;
use crate::number::format_float;

/// Appends what an action writes: `<no value>` for what is not there.
pub fn print_value(out: &mut String, value: &Value) {
    match value {
        Value::Nil => out.push_str("<no value>"),
        value => write_default(out, value),
    }
}

/// Appends a value as `%v` writes it.
pub fn write_default(out: &mut String, value: &Value) {
    match value {
        Value::Nil | Value::Root => out.push_str("<nil>"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Int(number) | Value::Int64(number) => {
            // Writing to a String cannot fail.
            let _ = write!(out, "{number}");
        }
        Value::Float(number) => out.push_str(&format_float(*number)),
        Value::String(text) => out.push_str(text),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                write_default(out, item);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push_str("map[");
            for (index, (key, item)) in map.entries.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                out.push_str(key);
                out.push(':');
                write_default(out, item);
            }
            out.push(']');
        }
        Value::Object(object) => out.push_str(&object.text()),
    }
}

/// Go's `fmt.Sprint`: a space between operands that are both no strings.
pub fn sprint(values: &[Value]) -> String {
    let mut out = String::new();
    let mut after_string = true;
    for (index, value) in values.iter().enumerate() {
        let is_string = matches!(value, Value::String(_));
        if index > 0 && !is_string && !after_string {
            out.push(' ');
        }
        write_default(&mut out, value);
        after_string = is_string;
    }
    out
}

/// Go's `fmt.Sprintln`: a space between all operands, and a line break.
pub fn sprintln(values: &[Value]) -> String {
    let mut out = String::new();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        write_default(&mut out, value);
    }
    out.push('\n');
    out
}
