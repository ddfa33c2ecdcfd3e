//! Hashes of what went into a tool and came out, equal for equal JSON: keys of objects sorted,
//! white space left out, `1` and `1.0` the same. They are kept in the ledger, so they never change.

use std::hash::Hasher as _;

use serde_json::Value;
use twox_hash::XxHash64;

/// Larger texts are hashed as they are.
const CANONICAL_BYTES_MAX: usize = 256 << 10;

/// The hash of JSON or text; 0 only for nothing.
pub fn canonical_hash(text: &str) -> u64 {
    let text = text.trim();
    if text.is_empty() {
        return 0;
    }
    let mut hasher = XxHash64::with_seed(0);
    match parse(text) {
        Some(value) => put(&mut hasher, &value),
        None => put_text(&mut hasher, text),
    }
    hasher.finish().max(1)
}

/// A text as JSON; a string that holds JSON of an object or array is that.
fn parse(text: &str) -> Option<Value> {
    if text.len() > CANONICAL_BYTES_MAX || !text.starts_with(['{', '[', '"']) {
        return None;
    }
    match serde_json::from_str(text).ok()? {
        Value::String(inner) if inner.trim_start().starts_with(['{', '[']) => {
            Some(serde_json::from_str(&inner).unwrap_or(Value::String(inner)))
        }
        value => Some(value),
    }
}

fn put_text(hasher: &mut XxHash64, text: &str) {
    hasher.write_u8(b's');
    hasher.write(text.as_bytes());
    hasher.write_u8(0xff);
}

/// Nesting is bounded by the parser.
fn put(hasher: &mut XxHash64, value: &Value) {
    match value {
        Value::Null => hasher.write_u8(b'n'),
        Value::Bool(value) => hasher.write(&[b'b', u8::from(*value)]),
        Value::Number(number) => {
            hasher.write_u8(b'd');
            match (number.as_i64(), number.as_f64()) {
                (None, Some(float)) if float.fract() == 0.0 && float.abs() < 9e15 => {
                    hasher.write(&(float as i64).to_le_bytes());
                }
                (Some(whole), _) => hasher.write(&whole.to_le_bytes()),
                (None, float) => hasher.write(&float.unwrap_or(0.0).to_bits().to_le_bytes()),
            }
        }
        Value::String(text) => put_text(hasher, text),
        Value::Array(values) => {
            hasher.write_u8(b'[');
            for value in values {
                put(hasher, value);
            }
            hasher.write_u8(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            hasher.write_u8(b'{');
            for (name, value) in members {
                put_text(hasher, name);
                put(hasher, value);
            }
            hasher.write_u8(b'}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_arguments_have_equal_hashes_however_they_are_written() {
        let hash = canonical_hash(r#"{"b":[1,2.5,{"x":null}],"a":"é"}"#);
        for same in [
            r#" { "a" : "\u00e9", "b" : [ 1.0 , 2.5 , { "x" : null } ] } "#,
            r#""{\"a\":\"é\",\"b\":[1,2.5,{\"x\":null}]}""#,
        ] {
            assert_eq!(canonical_hash(same), hash, "{same}");
        }
        for other in [r#"{"b":[2.5,1,{"x":null}],"a":"é"}"#, r#"{"b":[1,2.5],"a":"é"}"#, "a"] {
            assert_ne!(canonical_hash(other), hash, "{other}");
        }
    }

    #[test]
    fn a_hash_that_is_kept_never_changes() {
        assert_eq!(canonical_hash(""), 0);
        assert_eq!(canonical_hash(r#"{"query":"weather in Kyiv"}"#), 10_916_885_338_456_195_669);
    }

    #[test]
    fn deep_nesting_is_hashed_as_text() {
        let deep = "[".repeat(100_000);
        assert_ne!(canonical_hash(&deep), 0);
    }
}
