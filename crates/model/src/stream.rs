//! Streams of log records: the text form of their labels, and names that may be labels.

use std::borrow::Cow;

use crate::labels::Labels;

/// Labels in the form of a LogQL selector, names sorted: `{app="agent", env="prod"}`; nothing for no
/// labels. In values `\`, `"` and line feed are written `\\`, `\"` and `\n`.
pub fn to_text(labels: &Labels) -> String {
    let mut text = String::new();
    for (name, value) in labels.iter() {
        text.push_str(if text.is_empty() { "{" } else { ", " });
        text.push_str(name);
        text.push_str("=\"");
        for character in value.chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
        text.push('"');
    }
    if !text.is_empty() {
        text.push('}');
    }
    text
}

/// Reads what [`to_text`] wrote; `None` for any other text.
pub fn from_text(text: &str) -> Option<Labels> {
    if text.is_empty() {
        return Some(Labels::default());
    }
    let mut rest = text.strip_prefix('{')?;
    let mut pairs: Vec<(&str, String)> = Vec::new();
    loop {
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = unquote(after)?;
        pairs.push((name, value));
        match after {
            "}" => return Some(Labels::from_pairs(pairs)),
            _ => rest = after.strip_prefix(", ")?,
        }
    }
}

/// A value up to its closing quote, and what follows that.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                _ => return None,
            }),
            other => value.push(other),
        }
    }
    None
}

/// How the key of an attribute becomes the name of a label: every run of characters other than ASCII
/// letters and digits becomes one `_`, and a name that begins with a digit gets `key_` before it; of
/// names such as `__a__` the underscores at both ends stay. (OpenTelemetry's rules for Prometheus, as
/// Loki applies them.) Borrowed where nothing changes; empty where nothing but `_` would be left.
pub fn label_name(key: &str) -> Cow<'_, str> {
    let reserved = (key.len() >= 4).then(|| key.strip_prefix("__")?.strip_suffix("__")).flatten();
    let inner = reserved.unwrap_or(key);
    let stays = |at: usize, byte: u8| match byte {
        b'_' => at == 0 || inner.as_bytes()[at - 1] != b'_',
        _ => byte.is_ascii_alphanumeric(),
    };
    let has_letters = inner.bytes().any(|byte| byte.is_ascii_alphanumeric());
    if !has_letters {
        return Cow::Borrowed("");
    }
    if inner.bytes().enumerate().all(|(at, byte)| stays(at, byte))
        && !key.starts_with(|first: char| first.is_ascii_digit())
    {
        return Cow::Borrowed(key);
    }
    let mut name = String::with_capacity(key.len() + 4);
    for character in inner.chars() {
        if character.is_ascii_alphanumeric() {
            name.push(character);
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    if reserved.is_some() {
        name = format!("__{name}__");
    } else if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert_str(0, "key_");
    }
    Cow::Owned(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn labels_are_written_as_a_selector() {
        let labels = Labels::from_pairs([("b", "x\"\\\ny"), ("a", "1")]);
        assert_eq!(to_text(&labels), r#"{a="1", b="x\"\\\ny"}"#);
        assert_eq!(to_text(&Labels::default()), "");
        for broken in ["{", "{}", "a", r#"{a="1"#, r#"{a="1",b="2"}"#, r#"{a="\x"}"#, "{a=\"1\"} "]
        {
            assert_eq!(from_text(broken), None, "{broken}");
        }
    }

    #[test]
    fn keys_become_names_of_labels() {
        let cases = [
            ("service.name", "service_name"),
            ("service_name", "service_name"),
            ("4th.k8s-pod", "key_4th_k8s_pod"),
            ("a..b__c", "a_b_c"),
            ("_private", "_private"),
            ("__error__", "__error__"),
            ("__a..b__", "__a_b__"),
            ("größe", "gr_e"),
            ("...", ""),
            ("", ""),
        ];
        for (key, name) in cases {
            assert_eq!(label_name(key), name, "{key}");
        }
    }

    proptest! {
        #[test]
        fn names_of_labels_stay_as_they_are(key in ".{0,8}") {
            let name = label_name(&key).into_owned();
            prop_assert_eq!(label_name(&name), &*name);
        }

        #[test]
        fn what_is_written_is_read_back(pairs in prop::collection::btree_map("[a-z_]{1,4}", ".{1,6}", 0..4)) {
            let labels = Labels::from_pairs(pairs);
            prop_assert_eq!(from_text(&to_text(&labels)), Some(labels));
        }
    }
}
