//! Attributes as LogQL sees them: names of labels and texts. A map becomes a label for each of its
//! values, under the key and theirs joined with `_`. (Loki documentation, "Ingesting logs to Loki
//! using OpenTelemetry Collector".)

use serde_json::Value;
use watchkeep_model::ValueKind;
use watchkeep_model::stream::label_name;

/// Maps inside each other that are looked into; what is deeper is left out. Attributes are held to
/// less when they come in.
const DEPTH_MAX: usize = 64;

/// Goes through what a JSON object of attributes (see [`watchkeep_model::attributes`]) says: the key
/// as it was sent, and the label. Text that is no such object says nothing.
pub(crate) fn each_of_object(json: &str, mut see: impl FnMut(&str, String, String)) {
    if matches!(json, "" | "{}") {
        return;
    }
    let Ok(Value::Object(members)) = serde_json::from_str(json) else { return };
    let members = match members.get("$map") {
        Some(Value::Object(inner)) if members.len() == 1 => inner,
        _ => &members,
    };
    for (key, value) in members {
        flatten(label_name(key).into_owned(), value, 0, &mut |name, text| see(key, name, text));
    }
}

/// Goes through the labels that one attribute makes.
pub(crate) fn each_of_entry(
    key: &str,
    kind: ValueKind,
    text: &str,
    mut see: impl FnMut(&str, &str),
) {
    let name = label_name(key);
    match kind {
        ValueKind::Json if text.starts_with('{') => {
            let value = serde_json::from_str(text).unwrap_or(Value::Null);
            flatten(name.into_owned(), &value, 0, &mut |name, text| see(&name, &text));
        }
        ValueKind::Double => see(&name, &double(text)),
        _ => see(&name, text),
    }
}

fn flatten(name: String, value: &Value, depth: usize, see: &mut dyn FnMut(String, String)) {
    let text = match value {
        Value::Null => String::new(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) if number.is_f64() => double(&number.to_string()),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(_) => value.to_string(),
        Value::Object(members) => {
            let inner = match one(members) {
                Some(("$bytes", Value::String(text))) => return see(name, text.clone()),
                Some(("$double", Value::String(text))) => return see(name, double(text)),
                Some(("$map", Value::Object(inner))) => inner,
                _ => members,
            };
            if depth < DEPTH_MAX {
                for (key, value) in inner {
                    let joined = format!("{name}_{key}");
                    flatten(label_name(&joined).into_owned(), value, depth + 1, see);
                }
            }
            return;
        }
    };
    see(name, text);
}

fn one(members: &serde_json::Map<String, Value>) -> Option<(&str, &Value)> {
    let mut each = members.iter();
    each.next().filter(|_| members.len() == 1).map(|(key, value)| (&**key, value))
}

/// A double as Go's JSON has it: without a fraction where it has none, and with an exponent only
/// where it is very large or small.
fn double(text: &str) -> String {
    let Ok(value) = text.parse::<f64>() else { return text.to_owned() };
    let size = value.abs();
    if !value.is_finite() {
        return if value.is_nan() {
            "NaN".to_owned()
        } else {
            format!("{}Inf", if value > 0.0 { '+' } else { '-' })
        };
    }
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        return if text.contains("e-") { text } else { text.replace('e', "e+") };
    }
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_become_labels() {
        let json = r#"{"a.b":"x","n":1.0,"big":1e21,"i":5,"t":true,"none":null,"list":[1,"b"],
            "m":{"$map":{"$k":{"z.y":1}}},"raw":{"$bytes":"AP8="},"nan":{"$double":"NaN"}}"#;
        let mut found = Vec::new();
        each_of_object(json, |_, name, text| found.push(format!("{name}={text}")));
        found.sort();
        let expect = [
            "a_b=x",
            "big=1e+21",
            "i=5",
            "list=[1,\"b\"]",
            "m_k_z_y=1",
            "n=1",
            "nan=NaN",
            "none=",
            "raw=AP8=",
            "t=true",
        ];
        assert_eq!(found, expect);
        let mut found = Vec::new();
        each_of_entry("a.b", ValueKind::Json, r#"{"c":{"d":2}}"#, |name, text| {
            found.push(format!("{name}={text}"));
        });
        each_of_entry("x", ValueKind::Double, "0.10", |name, text| {
            found.push(format!("{name}={text}"));
        });
        assert_eq!(found, ["a_b_c_d=2", "x=0.1"]);
    }
}
