//! The verbs of a format, by the kind of the value.

use super::{Flags, quoted};
use crate::Value;
use crate::number::{format_float_as, push_escaped};
use crate::print::write_default;

/// Appends a value in the way of a verb.
pub(super) fn write(out: &mut String, flags: &Flags, verb: char, value: &Value) {
    if verb == 'T' {
        let name = if matches!(value, Value::Nil) { "<nil>" } else { value.type_name() };
        return flags.pad(out, truncated(name, flags), true);
    }
    match value {
        Value::Nil | Value::Root if verb == 'v' => flags.pad(out, "<nil>", true),
        Value::Nil | Value::Root => wrong_verb(out, verb, value),
        Value::Bool(truth) => match verb {
            't' | 'v' => flags.pad(out, if *truth { "true" } else { "false" }, true),
            _ => wrong_verb(out, verb, value),
        },
        Value::Int(number) | Value::Int64(number) => int(out, flags, verb, *number, value),
        Value::Float(number) => float(out, flags, verb, *number, value),
        Value::String(text) => string(out, flags, verb, text, value),
        Value::Object(object) => match verb {
            'v' | 's' | 'x' | 'X' | 'q' => string(out, flags, verb, &object.text(), value),
            _ => wrong_verb(out, verb, value),
        },
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                write(out, flags, verb, item);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push_str("map[");
            for (index, (key, item)) in map.entries.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                write(out, flags, verb, &Value::String(key.clone()));
                out.push(':');
                write(out, flags, verb, item);
            }
            out.push(']');
        }
    }
}

/// `%!verb(type=value)`.
fn wrong_verb(out: &mut String, verb: char, value: &Value) {
    out.push_str("%!");
    out.push(verb);
    out.push('(');
    if !matches!(value, Value::Nil) {
        out.push_str(value.type_name());
        out.push('=');
    }
    write_default(out, value);
    out.push(')');
}

fn truncated<'t>(text: &'t str, flags: &Flags) -> &'t str {
    let Some(precision) = flags.precision else { return text };
    match text.char_indices().nth(precision) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

fn string(out: &mut String, flags: &Flags, verb: char, text: &str, value: &Value) {
    match verb {
        'v' if flags.sharp => flags.pad(out, &quoted(text, &Flags::default()), true),
        'v' | 's' => flags.pad(out, truncated(text, flags), true),
        'q' => flags.pad(out, &quoted(truncated(text, flags), flags), true),
        'x' | 'X' => {
            let bytes = text.as_bytes();
            let shown = flags.precision.unwrap_or(bytes.len()).min(bytes.len());
            let mut hex = String::with_capacity(shown * 2);
            for (index, byte) in bytes[..shown].iter().enumerate() {
                if index > 0 && flags.space {
                    hex.push(' ');
                }
                if flags.sharp && (index == 0 || flags.space) {
                    hex.push('0');
                    hex.push(verb);
                }
                let digits =
                    if verb == 'x' { format!("{byte:02x}") } else { format!("{byte:02X}") };
                hex.push_str(&digits);
            }
            flags.pad(out, &hex, true);
        }
        _ => wrong_verb(out, verb, value),
    }
}

fn int(out: &mut String, flags: &Flags, verb: char, number: i64, value: &Value) {
    let character = || u32::try_from(number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
    let magnitude = number.unsigned_abs();
    let (digits, prefix) = match verb {
        'd' | 'v' => (magnitude.to_string(), ""),
        'b' => (format!("{magnitude:b}"), if flags.sharp { "0b" } else { "" }),
        'o' => {
            let digits = format!("{magnitude:o}");
            let prefix = if flags.sharp && !digits.starts_with('0') { "0" } else { "" };
            (digits, prefix)
        }
        'O' => (format!("{magnitude:o}"), "0o"),
        'x' => (format!("{magnitude:x}"), if flags.sharp { "0x" } else { "" }),
        'X' => (format!("{magnitude:X}"), if flags.sharp { "0X" } else { "" }),
        'c' => return flags.pad(out, &character().to_string(), true),
        'q' => {
            let mut text = String::from('\'');
            push_escaped(&mut text, character(), '\'', flags.plus);
            text.push('\'');
            return flags.pad(out, &text, true);
        }
        'U' => {
            let mut text = format!("U+{magnitude:04X}");
            if flags.sharp {
                text.extend([' ', '\'', character(), '\'']);
            }
            return flags.pad(out, &text, false);
        }
        _ => return wrong_verb(out, verb, value),
    };
    if flags.precision == Some(0) && number == 0 {
        return flags.pad(out, "", false);
    }
    let sign = match number < 0 {
        true => "-",
        false if flags.plus => "+",
        false if flags.space => " ",
        false => "",
    };
    let least = match (flags.precision, flags.width) {
        (Some(precision), _) => precision,
        (None, Some(width)) if flags.zero && !flags.minus => width.saturating_sub(sign.len()),
        _ => 0,
    };
    let zeros = "0".repeat(least.saturating_sub(digits.len()));
    flags.pad(out, &format!("{sign}{prefix}{zeros}{digits}"), false);
}

fn float(out: &mut String, flags: &Flags, verb: char, number: f64, value: &Value) {
    let precision = flags.precision;
    let text = match verb {
        'v' => format_float_as(number, 'g', precision),
        'g' | 'G' => format_float_as(number, verb, precision),
        'e' | 'E' | 'f' | 'F' => format_float_as(number, verb, precision.or(Some(6))),
        _ => return wrong_verb(out, verb, value),
    };
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) if text.starts_with('-') => ("-", digits),
        Some(digits) => (if flags.plus { "+" } else { "" }, digits),
        None => ("", text.as_str()),
    };
    let sign = match sign {
        "" if flags.plus => "+",
        "" if flags.space => " ",
        sign => sign,
    };
    // Go shows the sign of an infinity always.
    let sign = if number == f64::INFINITY && !flags.space { "+" } else { sign };
    if flags.zero && !flags.minus && number.is_finite() {
        let width = flags.width.unwrap_or(0).saturating_sub(sign.len());
        let zeros = "0".repeat(width.saturating_sub(digits.len()));
        out.push_str(sign);
        out.push_str(&zeros);
        out.push_str(digits);
        return;
    }
    flags.pad(out, &format!("{sign}{digits}"), false);
}
