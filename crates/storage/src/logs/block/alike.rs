//! Whether a shape has values at paths that make the same label as another path does, once keys are
//! joined and what no label may have is replaced.

use super::json::{Hole, Shape, string_after, unescape};

/// Letters and digits of keys, with one `_` for all that is between.
fn told(keys: &[String]) -> String {
    let mut name = String::new();
    for character in keys.join("_").chars() {
        if character.is_ascii_alphanumeric() {
            name.push(character);
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    name.trim_matches('_').to_owned()
}

/// Whether a value at another path may be taken for the one at this path; also where that is not
/// known.
pub(super) fn has_alike(shape: &Shape, path: &[String]) -> bool {
    let wanted = told(path);
    let mut text = String::new();
    for (position, literal) in shape.literals.iter().enumerate() {
        text.push_str(literal);
        if let Some(hole) = shape.holes.get(position) {
            text.push(char::from(*hole as u8));
        }
    }
    let mut keys: Vec<String> = Vec::new();
    let mut key: Option<String> = None;
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at).copied() {
        at += 1;
        match byte {
            b'{' => keys.extend(key.take()),
            b'}' => {
                keys.pop();
            }
            b'"' if key.is_none() => {
                let Some(end) = string_after(text.as_bytes(), at) else { return true };
                let Some(read) = unescape(&text.as_bytes()[at..end]) else { return true };
                key = Some(read);
                at = end + 1;
            }
            mark => {
                // Punctuation, blanks, or the quote before a text.
                let Some(hole) = Hole::from_mark(mark) else { continue };
                let Some(last) = key.take() else { return true };
                if hole == Hole::Text {
                    // Past the closing quote.
                    at += 1;
                }
                keys.push(last);
                let other = told(&keys);
                let is_beginning = wanted.starts_with(&other)
                    && (other.is_empty() || wanted[other.len()..].starts_with('_'));
                if (other == wanted && keys != path) || (hole == Hole::Object && is_beginning) {
                    return true;
                }
                keys.pop();
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::block::json::take_apart;

    #[test]
    fn paths_that_make_one_label_are_alike() {
        let path: Vec<String> = vec!["duration_ms".to_owned()];
        let cases = [
            (r#"{"duration_ms":1,"b":{"c":"x"},"d":2}"#, false),
            (r#"{"a":{"duration_ms":1}}"#, false),
            (r#"{"duration":{"ms":1}}"#, true),
            (r#"{"x":"y","duration.ms":"1"}"#, true),
            (r#"{"_duration__ms_":"1"}"#, true),
            (r#"{"\u0064uration-ms":"1"}"#, true),
            (r#"{"duration":[1]}"#, false),
            (r#"{"duration":"x","e":{},"f":{"g":{"h":1}}}"#, false),
            (r#"{"f":{"g":{"h":1}},"duration":{"x":1,"ms":2}}"#, true),
            ("{}", false),
        ];
        for (line, expect) in cases {
            let shape = Shape::parse(&take_apart(line).unwrap().shape);
            assert_eq!(has_alike(&shape, &path), expect, "{line}");
        }
    }
}
