//! Rules for attributes by their keys.

use regex::{RegexSet, RegexSetBuilder};
use serde::{Deserialize, Serialize};

use super::Action;

/// What becomes of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyAction {
    /// `[REDACTED]` stands in its place.
    Mask,
    /// That and a keyed hash.
    Hash,
    /// It goes.
    Drop,
    /// It stays as it is, whatever detectors would find in it.
    Keep,
}

impl KeyAction {
    /// The change, where it is one.
    pub fn change(self) -> Option<Action> {
        match self {
            Self::Mask => Some(Action::Mask),
            Self::Hash => Some(Action::Hash),
            Self::Drop => Some(Action::Drop),
            Self::Keep => None,
        }
    }
}

/// A rule for attributes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRule {
    /// Their key, in any case; `*` stands for any text, `?` for any character.
    pub key: String,
    /// What becomes of them.
    pub action: KeyAction,
}

/// Rules, compiled.
#[derive(Debug, Clone)]
pub(super) struct KeyRules {
    globs: RegexSet,
    actions: Vec<KeyAction>,
}

impl KeyRules {
    pub(super) fn new(rules: &[KeyRule]) -> Result<Self, String> {
        if let Some(empty) = rules.iter().position(|rule| rule.key.is_empty()) {
            return Err(format!("rule {empty} for attributes has no key"));
        }
        let globs = RegexSetBuilder::new(rules.iter().map(|rule| glob(&rule.key)))
            .case_insensitive(true)
            .build()
            .map_err(|error| format!("rules for attributes: {error}"))?;
        Ok(Self { globs, actions: rules.iter().map(|rule| rule.action).collect() })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    pub(super) fn find(&self, key: &str) -> Option<KeyAction> {
        if self.is_empty() {
            return None;
        }
        let first = self.globs.matches(key).into_iter().next()?;
        self.actions.get(first).copied()
    }
}

fn glob(key: &str) -> String {
    let mut out = String::from("(?s)^");
    for letter in key.chars() {
        match letter {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            other => out.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    out.push('$');
    out
}
