#![no_main]
//! Redaction of any text: no panic, JSON stays JSON, and what was redacted has nothing left to redact.

use libfuzzer_sys::fuzz_target;
use watchkeep_genai::redact::{Action, Detector, KeyAction, KeyRule, Redacted, Redactor, Rules};

fuzz_target!(|text: &str| {
    let rules = Rules {
        detectors: Detector::ALL.iter().map(|detector| (*detector, Action::Mask)).collect(),
        keys: vec![KeyRule { key: "*password*".into(), action: KeyAction::Mask }],
        ..Rules::default()
    };
    let redactor = Redactor::new(&rules).expect("the rules are right");
    let mut counts = redactor.counts();
    if let Redacted::Changed(left) = redactor.value(text, &mut counts) {
        let is_json = |text: &str| serde_json::from_str::<serde_json::Value>(text).is_ok();
        assert!(!is_json(text) || is_json(&left));
        assert!(redactor.value(&left, &mut counts) == Redacted::Kept);
    }
});
