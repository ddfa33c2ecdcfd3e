//! Lists that are spread over attributes by number, as `llm.input_messages.0.message.role`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::Value;
use watchkeep_model::ValueKind;

use crate::record::{Attribute, Record};

/// Attributes that are read into one list.
const ATTRIBUTES_MAX: usize = 20_000;
/// Names between the points of a key.
const PATH_MAX: usize = 12;

/// The list under a prefix (which ends with a point), and the keys that it was read from.
pub(super) fn read_list(record: &Record<'_>, prefix: &str) -> Option<(Value, Vec<String>)> {
    let mut root = BTreeMap::new();
    let mut keys = Vec::new();
    for attribute in record.attributes.iter().rev() {
        let Some(path) = attribute.key.strip_prefix(prefix) else { continue };
        if !path.starts_with(|first: char| first.is_ascii_digit()) {
            continue;
        }
        if keys.len() >= ATTRIBUTES_MAX {
            break;
        }
        if insert(&mut root, path, value(attribute)) {
            keys.push(attribute.key.to_owned());
        }
    }
    (!keys.is_empty()).then(|| (listed(Node::Names(root)), keys))
}

/// An attribute's value as JSON.
pub(super) fn value(attribute: &Attribute<'_>) -> Value {
    let text = || Value::String(attribute.text.to_owned());
    match attribute.kind {
        ValueKind::Empty => Value::Null,
        ValueKind::String | ValueKind::Bytes => text(),
        ValueKind::Bool | ValueKind::Int | ValueKind::Double => {
            serde_json::from_str(attribute.text).unwrap_or_else(|_| text())
        }
        ValueKind::Json => match serde_json::from_str(attribute.text) {
            Ok(Value::Object(mut fields)) if fields.len() == 1 && fields.contains_key("$map") => {
                fields.remove("$map").unwrap_or_default()
            }
            Ok(value) => value,
            Err(_) => text(),
        },
    }
}

/// A list in the making: objects by the names in the keys, values at their ends.
enum Node {
    Value(Value),
    Names(BTreeMap<String, Node>),
}

/// Puts a value at its path; not where something is already.
fn insert(root: &mut BTreeMap<String, Node>, path: &str, value: Value) -> bool {
    if path.split('.').count() > PATH_MAX {
        return false;
    }
    let (way, last) = path.rsplit_once('.').unwrap_or(("", path));
    let mut at = root;
    for name in way.split('.').filter(|name| !name.is_empty()) {
        let below = at.entry(name.to_owned()).or_insert_with(|| Node::Names(BTreeMap::new()));
        let Node::Names(below) = below else { return false };
        at = below;
    }
    match at.entry(last.to_owned()) {
        Entry::Vacant(free) => {
            free.insert(Node::Value(value));
            true
        }
        Entry::Occupied(_) => false,
    }
}

/// Objects all of whose names are numbers become lists in their order. Recurses as deep as paths
/// are long; values stay as they came.
fn listed(node: Node) -> Value {
    let names = match node {
        Node::Value(value) => return value,
        Node::Names(names) => names,
    };
    let indexes: Option<Vec<u32>> = names.keys().map(|name| name.parse().ok()).collect();
    match indexes {
        Some(indexes) => {
            let mut list: Vec<_> = indexes.into_iter().zip(names.into_values()).collect();
            list.sort_by_key(|(index, _)| *index);
            Value::Array(list.into_iter().map(|(_, node)| listed(node)).collect())
        }
        None => names.into_iter().map(|(name, node)| (name, listed(node))).collect(),
    }
}
