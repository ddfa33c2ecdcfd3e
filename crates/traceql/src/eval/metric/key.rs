//! Bytes that tell any two values apart, for maps whose keys are values.

use watchkeep_model::Value;

/// Appends a text, so that what follows can not be taken for a part of it.
pub(crate) fn encode_text(text: &str, key: &mut Vec<u8>) {
    key.extend_from_slice(&(text.len() as u64).to_le_bytes());
    key.extend_from_slice(text.as_bytes());
}

/// Appends a value with its type. Floats are told apart by their bits.
pub(crate) fn encode_value(value: &Value, key: &mut Vec<u8>) {
    key.push(value.kind() as u8);
    match value {
        Value::Empty => {}
        Value::String(text) => encode_text(text, key),
        Value::Bool(value) => key.push(u8::from(*value)),
        Value::Int(value) => key.extend_from_slice(&value.to_le_bytes()),
        Value::Double(value) => key.extend_from_slice(&value.to_bits().to_le_bytes()),
        Value::Bytes(bytes) => {
            key.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            key.extend_from_slice(bytes);
        }
        Value::Array(values) => {
            key.push(b'[');
            key.extend_from_slice(&(values.len() as u64).to_le_bytes());
            for value in values {
                encode_value(value, key);
            }
        }
        Value::Map(values) => {
            key.push(b'{');
            key.extend_from_slice(&(values.len() as u64).to_le_bytes());
            for (name, value) in values {
                encode_text(name, key);
                encode_value(value, key);
            }
        }
    }
}
