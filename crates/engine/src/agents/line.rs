//! A fact as a line of the ledger. It is the JSON that `serde_json` makes of it: that looks at every
//! member twice and at every byte of a text by itself, and most texts need no look at all. What has no
//! form of its own here is left to it.

use std::collections::BTreeMap;

use ecow::{EcoString, EcoVec};
use serde_json::{Result, to_writer};
use watchkeep_genai::price::CostSource;
use watchkeep_genai::step::{Dialect, Kind};
use watchkeep_model::SpanId;

use super::facts::{Counted, Tokens};

/// A value that a fact has.
pub(super) trait Member {
    /// Appends it as JSON.
    fn write(&self, out: &mut Vec<u8>) -> Result<()>;
}

/// Appends a member with its key, written as `,"key":`.
pub(super) fn write_member(key: &str, value: &impl Member, out: &mut Vec<u8>) -> Result<()> {
    // The first member has no comma before it.
    let key = if out.ends_with(b"{") { &key.as_bytes()[1..] } else { key.as_bytes() };
    out.extend_from_slice(key);
    value.write(out)
}

macro_rules! left_to_serde {
    ($($type:ty),*) => {
        $(impl Member for $type {
            fn write(&self, out: &mut Vec<u8>) -> Result<()> {
                to_writer(out, self)
            }
        })*
    };
}

left_to_serde!(u64, i64, f64, bool, Option<i64>, Option<f64>, CostSource, Counted);
left_to_serde!(BTreeMap<String, serde_json::Value>);

macro_rules! texts {
    ($($type:ty: $text:expr,)*) => {
        $(impl Member for $type {
            fn write(&self, out: &mut Vec<u8>) -> Result<()> {
                let text: fn(&$type) -> &str = $text;
                write_text(text(self), out)
            }
        })*
    };
}

texts! {
    EcoString: |text| text,
    String: |text| text,
    Kind: |kind| kind.name(),
    Dialect: |dialect| dialect.name(),
}

fn write_text(text: &str, out: &mut Vec<u8>) -> Result<()> {
    if !is_plain(text.as_bytes()) {
        return to_writer(out, text);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
    Ok(())
}

/// Whether a text stands in JSON as it is.
fn is_plain(text: &[u8]) -> bool {
    // Without a way out in the middle a whole piece is looked at at once.
    let is_plain = |piece: &[u8]| {
        let special = |byte: u8| u8::from(byte < b' ') | u8::from(byte == b'"' || byte == b'\\');
        piece.iter().fold(0, |found, byte| found | special(*byte)) == 0
    };
    let (pieces, rest) = text.as_chunks::<16>();
    pieces.iter().all(|piece| is_plain(piece)) && is_plain(rest)
}

impl<T: Member> Member for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) -> Result<()> {
        write_list(self, out)
    }
}

impl<T: Member> Member for EcoVec<T> {
    fn write(&self, out: &mut Vec<u8>) -> Result<()> {
        write_list(self, out)
    }
}

fn write_list(list: &[impl Member], out: &mut Vec<u8>) -> Result<()> {
    out.push(b'[');
    for (at, one) in list.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        one.write(out)?;
    }
    out.push(b']');
    Ok(())
}

impl Member for SpanId {
    fn write(&self, out: &mut Vec<u8>) -> Result<()> {
        let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
        out.push(b'"');
        out.extend(self.0.into_iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
        out.push(b'"');
        Ok(())
    }
}

impl Member for Tokens {
    fn write(&self, out: &mut Vec<u8>) -> Result<()> {
        out.push(b'{');
        for (at, (bucket, tokens)) in self.0.buckets().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_text(bucket.name(), out)?;
            out.push(b':');
            tokens.write(out)?;
        }
        out.push(b'}');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::DeserializeOwned;
    use serde_json::{Map, Value};
    use watchkeep_genai::Bucket;

    use super::super::facts::{EventFact, Fact, FeedbackFact, RunFact, StepFact};
    use super::*;

    fn line(fact: &impl Fact) -> String {
        let mut out = Vec::new();
        fact.write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    const TEXTS: [&str; 28] = [
        "service",
        "name",
        "operation",
        "agent",
        "agent_version",
        "session",
        "user",
        "interaction",
        "reservation",
        "workflow",
        "provider",
        "request_model",
        "model",
        "response_id",
        "prompt",
        "prompt_version",
        "tool",
        "price",
        "tier",
        "service_tier",
        "error",
        "loop_kind",
        "release",
        "environment",
        "label",
        "comment",
        "title",
        "text",
    ];
    const NUMBERS: [&str; 11] = [
        "tool_arguments_hash",
        "tool_result_hash",
        "duration_ns",
        "first_token_ns",
        "steps",
        "llm_calls",
        "llm_errors",
        "tool_calls",
        "tool_errors",
        "retries",
        "unpriced_tokens",
    ];
    const LISTS: [&str; 6] = ["finish", "tags", "loops", "models", "tools", "agents"];

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![".{0,40}", "[ -~\n]{0,40}", "[a-z]{0,40}"]
    }

    /// Some of these members.
    fn some(
        names: &[&'static str],
        value: impl Strategy<Value = Value> + 'static,
    ) -> impl Strategy<Value = Vec<(String, Value)>> {
        let (names, value) = (names.to_vec(), value.boxed());
        let most = names.len();
        prop::sample::subsequence(names, 0..=most).prop_flat_map(move |names| {
            let named = |name: &str| (Just(name.to_owned()), value.clone());
            names.into_iter().map(named).collect::<Vec<_>>()
        })
    }

    /// Members of all kinds of facts: each passes over those that it does not know.
    fn members() -> impl Strategy<Value = Map<String, Value>> {
        let list = prop::collection::vec(text(), 1..4);
        let id = any::<u64>().prop_map(|id| Value::from(format!("{id:016x}")));
        let buckets = prop::sample::select(&Bucket::ALL[..]);
        let some = (
            some(&TEXTS, text().prop_map(Value::from)),
            some(&NUMBERS, (0..i64::MAX).prop_map(Value::from)),
            some(&LISTS, list.prop_map(Value::from)),
            some(&["cost_usd", "score", "rating"], prop::num::f64::NORMAL.prop_map(Value::from)),
            some(&["parent", "run"], id),
        );
        let needs = (
            text(),
            prop::sample::select(&Kind::ALL[..]),
            prop::sample::select(&Dialect::ALL[..]),
            prop::collection::btree_map(buckets, 1..u64::MAX, 0..5),
        );
        (some, needs).prop_map(|(some, (id, kind, dialect, tokens))| {
            let needs = serde_json::json!({
                "id": id, "kind": kind, "dialect": dialect, "severity": "info", "tokens": tokens,
                "counted": "rolled_up", "cost_source": "reported", "retry": true,
                "details": { "a": [1, "\"", null] }, "metadata": { "b": {} },
            });
            let mut members = needs.as_object().cloned().unwrap_or_default();
            let (texts, numbers, lists, floats, ids) = some;
            members.extend([texts, numbers, lists, floats, ids].into_iter().flatten());
            members
        })
    }

    /// Asserts that a line is what `serde_json` writes.
    fn is_the_same<F: Fact + DeserializeOwned>(members: &Map<String, Value>) {
        let fact: F = serde_json::from_value(Value::Object(members.clone())).unwrap();
        assert_eq!(line(&fact), serde_json::to_string(&fact).unwrap());
    }

    proptest! {
        #[test]
        fn a_line_is_what_serde_json_writes(members in members()) {
            is_the_same::<StepFact>(&members);
            is_the_same::<RunFact>(&members);
            is_the_same::<FeedbackFact>(&members);
            is_the_same::<EventFact>(&members);
        }
    }
}
