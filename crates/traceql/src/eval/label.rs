//! The form that values have in answers.

use watchkeep_model::attributes::Value;
use watchkeep_promql::go;

use super::expr::scalar::Scalar;

/// A value as an answer tells it: durations, statuses and kinds are texts, and so is nil.
pub fn value(of: Scalar<'_>) -> Value {
    match of {
        Scalar::Nil => Value::String("nil".to_owned()),
        Scalar::Int(value) => Value::Int(value),
        Scalar::Float(value) => Value::Double(value),
        Scalar::Text(text) => Value::String(text.to_owned()),
        Scalar::Bool(value) => Value::Bool(value),
        Scalar::Duration(ns) => Value::String(go::format_duration(ns)),
        Scalar::Status(code) => Value::String(status(code)),
        Scalar::Kind(code) => Value::String(kind(code)),
        Scalar::List(items) => Value::Array(items.to_vec()),
    }
}

/// The name of a status by OTLP's number.
pub fn status(code: i64) -> String {
    name_of(&["unset", "ok", "error"], "status", code)
}

/// The name of a kind by OTLP's number.
pub fn kind(code: i64) -> String {
    name_of(&["unspecified", "internal", "server", "client", "producer", "consumer"], "kind", code)
}

fn name_of(names: &[&str], what: &str, code: i64) -> String {
    let name = usize::try_from(code).ok().and_then(|code| names.get(code));
    name.map_or_else(|| format!("{what}({code})"), |name| (*name).to_owned())
}
