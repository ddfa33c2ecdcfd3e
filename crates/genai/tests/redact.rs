//! What is redacted and what is left alone, by the tables in `testdata/redact`.

#![expect(clippy::panic, reason = "a broken case shall stop the test")]

use std::path::Path;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use watchkeep_genai::redact::{
    Action, Detector, KeyAction, KeyRule, Pattern, Redacted, Redactor, Rules,
};

fn rules(action: Action) -> Rules {
    Rules {
        detectors: Detector::ALL.iter().map(|detector| (*detector, action)).collect(),
        hash_key: "a key".into(),
        ..Rules::default()
    }
}

fn redactor(rules: &Rules) -> Redactor {
    Redactor::new(rules).unwrap_or_else(|error| panic!("{error}"))
}

fn key(key: &str, action: KeyAction) -> KeyRule {
    KeyRule { key: key.into(), action }
}

/// What becomes of an attribute's value, and how often something was found.
fn attribute(redactor: &Redactor, key: &str, text: &str) -> (Option<String>, u64) {
    let mut counts = redactor.counts();
    let left = match redactor.attribute(key, text, &mut counts) {
        Redacted::Kept => Some(text.to_owned()),
        Redacted::Changed(changed) => Some(changed),
        Redacted::Dropped => None,
    };
    (left, counts.total())
}

fn masked(text: &str) -> String {
    attribute(&redactor(&rules(Action::Mask)), "key", text).0.unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// Text, and what is left of it.
    found: Vec<(String, String)>,
    /// Texts in which nothing is found.
    left: Vec<String>,
}

#[test]
fn the_tables_hold_for_all_detectors_together() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/redact");
    let mut wrong = Vec::new();
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let table: Table =
            serde_json::from_slice(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap();
        files += 1;
        let left = table.left.into_iter().map(|text| (text.clone(), text));
        // Written in two halves, so that no scanner takes this file for a leak.
        for (text, expected) in table.found.into_iter().chain(left) {
            let text = text.replace('\u{b7}', "");
            let found = masked(&text);
            if found != expected.replace('\u{b7}', "") {
                wrong.push(format!("{text}\n  gives {found}\n  not   {expected}"));
            }
        }
    }
    assert_eq!(files, Detector::ALL.len() + 1);
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_detector_that_is_off_finds_nothing() {
    let text = "ada@example.com 4111 1111 1111 1111";
    let only = |detector| Rules { detectors: vec![(detector, Action::Mask)], ..Rules::default() };
    assert_eq!(
        attribute(&redactor(&only(Detector::Email)), "k", text).0.unwrap(),
        "[EMAIL] 4111 1111 1111 1111"
    );
    assert_eq!(
        attribute(&redactor(&only(Detector::Card)), "k", text).0.unwrap(),
        "ada@example.com [CARD]"
    );
    let none = redactor(&Rules::default());
    assert!(none.is_idle());
    assert_eq!(attribute(&none, "k", text), (Some(text.to_owned()), 0));
}

#[test]
fn hashes_are_the_same_for_the_same_value_and_key_only() {
    let hash = |key: &str, text: &str| {
        let rules = Rules { hash_key: key.into(), ..rules(Action::Hash) };
        attribute(&redactor(&rules), "k", text).0.unwrap()
    };
    let one = hash("a", "to ada@example.com");
    assert_eq!(one, hash("a", "to ada@example.com"));
    assert_ne!(one, hash("b", "to ada@example.com"));
    assert_ne!(one, hash("a", "to bob@example.com"));
    let digits = one.strip_prefix("to [EMAIL:").and_then(|rest| rest.strip_suffix(']')).unwrap();
    assert!(digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    assert!(Redactor::new(&Rules { hash_key: String::new(), ..rules(Action::Hash) }).is_err());
}

#[test]
fn a_hash_is_the_first_half_of_a_known_hmac() {
    // RFC 4231, test case 2.
    let rules = Rules {
        keys: vec![key("k", KeyAction::Hash)],
        hash_key: "Jefe".into(),
        ..Rules::default()
    };
    let (left, _) = attribute(&redactor(&rules), "k", "what do ya want for nothing?");
    assert_eq!(left.unwrap(), "[REDACTED:5bdcc146bf60754e]");
}

#[test]
fn what_is_to_be_dropped_takes_its_attribute_or_member_with_it() {
    let drop = redactor(&rules(Action::Drop));
    assert_eq!(attribute(&drop, "k", "to ada@example.com"), (None, 1));
    let json = r#"{"a": 1, "to": "ada@example.com", "b": ["x", "ada@example.com"]}"#;
    assert_eq!(attribute(&drop, "k", json).0.unwrap(), r#"{"a": 1, "b": ["x"]}"#);
    let mut counts = drop.counts();
    assert_eq!(drop.text("to ada@example.com, now", &mut counts), "to , now");
}

#[test]
fn the_first_rule_for_a_key_decides() {
    let rules = Rules {
        keys: vec![
            key("user.email", KeyAction::Keep),
            key("user.*", KeyAction::Drop),
            key("*PASSWORD*", KeyAction::Mask),
            key("id?", KeyAction::Hash),
        ],
        ..rules(Action::Mask)
    };
    let redactor = redactor(&rules);
    let left = |key: &str| attribute(&redactor, key, "ada@example.com").0;
    assert_eq!(left("user.email").unwrap(), "ada@example.com");
    assert_eq!(left("user.name"), None);
    assert_eq!(left("db.password.old").unwrap(), "[REDACTED]");
    assert!(left("ID7").unwrap().starts_with("[REDACTED:"));
    assert_eq!(left("other").unwrap(), "[EMAIL]");
    let json = r#"{"user.email":"a@b.example","user.name":{"x":1},"Password":["a"],"in":{"password":7,"t":"{\"password\":\"x\"}"}}"#;
    assert_eq!(
        attribute(&redactor, "k", json).0.unwrap(),
        r#"{"user.email":"a@b.example","Password":"[REDACTED]","in":{"password":"[REDACTED]","t":"{\"password\":\"[REDACTED]\"}"}}"#
    );
}

#[test]
fn of_an_envelope_only_attributes_and_names_are_looked_at() {
    let rules = Rules { keys: vec![key("name", KeyAction::Mask)], ..rules(Action::Mask) };
    let redactor = redactor(&rules);
    let events = r#"[{"time_unix_nano":4111111111111111,"name":"n","attributes":{"name":"x","a":"ada@example.com","n":4111111111111111},"dropped_attributes_count":0}]"#;
    let left = redactor.json(events, 1, &mut redactor.counts());
    let expected = r#"[{"time_unix_nano":4111111111111111,"name":"n","attributes":{"name":"[REDACTED]","a":"[EMAIL]","n":"[CARD]"},"dropped_attributes_count":0}]"#;
    assert_eq!(left, Some(Redacted::Changed(expected.into())));
    let annotation = r#"[{"time_unix_nano":1,"name":"to ada@example.com","attributes":{}}]"#;
    for (action, name) in [(Action::Mask, "to [EMAIL]"), (Action::Drop, "")] {
        let redactor = Redactor::new(&self::rules(action)).unwrap();
        let left = redactor.json(annotation, 1, &mut redactor.counts());
        let expected = annotation.replace("to ada@example.com", name);
        assert_eq!(left, Some(Redacted::Changed(expected)));
    }
}

#[test]
fn ids_of_traces_are_no_cards() {
    let redactor = redactor(&rules(Action::Mask));
    let left = |key: &str, text: &str| attribute(&redactor, key, text).0.unwrap();
    assert_eq!(left("span_id", "4111111111111111"), "4111111111111111");
    assert_eq!(left("other_id", "4111111111111111"), "[CARD]");
    assert_eq!(left("span_id", "ada@example.com"), "[EMAIL]");
}

#[test]
fn own_patterns_are_found_and_wrong_ones_refused() {
    let with = |name: &str, regex: &str| {
        let (name, regex) = (name.to_owned(), regex.to_owned());
        Rules { patterns: vec![Pattern { name, regex, action: Action::Mask }], ..Rules::default() }
    };
    let orders = redactor(&with("order", r"\bORD-\d+\b"));
    assert_eq!(attribute(&orders, "k", "of ORD-17.").0.unwrap(), "of [ORDER].");
    // Inside of JSON a pattern sees what the string says, and cannot break it.
    let words = redactor(&with("word", r"[a-z]+"));
    let left = attribute(&words, "k", r#"{"A":"\nab\"C"}"#).0.unwrap();
    assert_eq!(left, r#"{"A":"\n[WORD]\"C"}"#);
    for (name, regex) in
        [("order", "("), ("order", "a*"), ("Order", "a"), ("email", "a"), ("", "a")]
    {
        assert!(Redactor::new(&with(name, regex)).is_err(), "{name} {regex}");
    }
}

#[test]
fn nothing_of_the_rules_secrets_is_printed() {
    assert!(!format!("{:?}", rules(Action::Hash)).contains("a key"));
    assert!(!format!("{:?}", Redacted::Changed("text".into())).contains("text"));
}

fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ -~\\n]{0,12}",
        "\\PC{0,6}",
        "[0-9 +()./-]{0,20}",
        Just("ada@example.com".to_owned()),
        Just("4111 1111 1111 1111".to_owned()),
        Just("DE89370400440532013000".to_owned()),
        Just("AKIAIOSFODNN7EXAMPLE".to_owned()),
        Just("-----BEGIN PRIVATE KEY-----".to_owned()),
        Just("\\n\\u0041".to_owned()),
        Just("://a:b@c".to_owned()),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any_text().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null)
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec(("[a-c]|password", inner.clone()), 0..4)
                .prop_map(|list| list.into_iter().collect()),
            inner.prop_map(|value| Value::from(value.to_string())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_comes_is_redacted_once_and_for_all(text in any_text()) {
        let once = masked(&text);
        prop_assert_eq!(masked(&once), once);
    }

    #[test]
    fn json_stays_json_with_what_was_not_found(json in any_json(), drop in any::<bool>()) {
        let action = if drop { Action::Drop } else { Action::Mask };
        let rules = Rules { keys: vec![key("password", KeyAction::Mask)], ..rules(action) };
        for text in [json.to_string(), serde_json::to_string_pretty(&json).unwrap()] {
            if let (Some(left), _) = attribute(&redactor(&rules), "k", &text)
                && (json.is_object() || json.is_array())
            {
                let left: Value = serde_json::from_str(&left).unwrap();
                prop_assert!(!left.to_string().contains("ada@example.com") || !json.to_string().contains(" ada@example.com "));
                prop_assert_eq!(left.is_object(), json.is_object());
            }
        }
    }

    #[test]
    fn numbers_of_cards_are_found_and_those_one_digit_off_are_not(body in 0..1_000_000_000_000_u64, off in 1..10_u32) {
        let first: Vec<u32> = format!("411{body:012}").bytes().map(|digit| u32::from(digit - b'0')).collect();
        let sum: u32 = first.iter().rev().enumerate().map(|(at, digit)| match (at % 2, digit * 2) {
            (0, double) if double > 9 => double - 9,
            (0, double) => double,
            _ => *digit,
        }).sum();
        let check = (10 - sum % 10) % 10;
        let digits: String = first.iter().map(u32::to_string).collect();
        prop_assert_eq!(masked(&format!("pay {digits}{check}.")), "pay [CARD].");
        let wrong = format!("pay {digits}{}.", (check + off) % 10);
        prop_assert_eq!(masked(&wrong), wrong);
    }
}
