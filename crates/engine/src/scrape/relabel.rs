//! Relabelling: rules that rewrite, keep or drop label sets, as Prometheus applies them to targets
//! and to scraped samples. The rules come from the configuration; [`RelabelRule::new`] refuses what
//! Prometheus refuses and prepares the rest, so that applying a rule can not fail.

use std::borrow::Cow;

use md5::{Digest as _, Md5};
use serde::{Serialize, Serializer};
use watchkeep_model::{Error, Result};

use super::config::names::NameValidation;

mod builder;
mod case;
mod regex;

pub use builder::LabelsBuilder;
pub use regex::RelabelRegex;

/// What a rule writes where the configuration says nothing.
const DEFAULT_REPLACEMENT: &str = "$1";
const DEFAULT_SEPARATOR: &str = ";";

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum RelabelAction {
    /// Writes the expanded replacement to the target label, where the regular expression matches.
    #[default]
    Replace,
    /// Drops what does not match.
    Keep,
    /// Drops what matches.
    Drop,
    /// Drops where the sources differ from the target label.
    KeepEqual,
    /// Drops where the sources equal the target label.
    DropEqual,
    /// Writes the hash of the sources modulo the modulus to the target label.
    HashMod,
    /// Copies labels whose names match to the expanded name.
    LabelMap,
    /// Removes labels whose names match.
    LabelDrop,
    /// Removes labels whose names do not match.
    LabelKeep,
    /// Writes the sources in lower case to the target label.
    Lowercase,
    /// Writes the sources in upper case to the target label.
    Uppercase,
}

impl RelabelAction {
    /// All actions, by the names that the configuration uses.
    const NAMES: [(&'static str, Self); 11] = [
        ("replace", Self::Replace),
        ("keep", Self::Keep),
        ("drop", Self::Drop),
        ("keepequal", Self::KeepEqual),
        ("dropequal", Self::DropEqual),
        ("hashmod", Self::HashMod),
        ("labelmap", Self::LabelMap),
        ("labeldrop", Self::LabelDrop),
        ("labelkeep", Self::LabelKeep),
        ("lowercase", Self::Lowercase),
        ("uppercase", Self::Uppercase),
    ];

    /// Reads a name in any case.
    pub fn parse(text: &str) -> Result<Self> {
        let lower = text.to_lowercase();
        let found = Self::NAMES.iter().find(|(name, _)| *name == lower);
        found
            .map(|(_, action)| *action)
            .ok_or_else(|| Error::invalid(format!("unknown relabel action {text:?}")))
    }

    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, action)| *action == self).map_or("", |(name, _)| name)
    }

    /// Whether the action writes to (or compares with) the label named by `target_label`.
    fn needs_target(self) -> bool {
        !matches!(
            self,
            Self::Keep | Self::Drop | Self::LabelMap | Self::LabelDrop | Self::LabelKeep
        )
    }
}

/// A rule as the configuration spells it, with the defaults of Prometheus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelabelSpec {
    /// Labels whose values are joined; `None` where the key is absent.
    pub source_labels: Option<Vec<String>>,
    /// What stands between the joined values.
    pub separator: String,
    /// What the joined value must match; `None` where the key is absent.
    pub regex: Option<String>,
    /// Modulus of `hashmod`.
    pub modulus: u64,
    /// Label that is written; a template for `replace`.
    pub target_label: String,
    /// Template of the value.
    pub replacement: String,
    /// What the rule does.
    pub action: RelabelAction,
}

impl Default for RelabelSpec {
    fn default() -> Self {
        Self {
            source_labels: None,
            separator: DEFAULT_SEPARATOR.into(),
            regex: None,
            modulus: 0,
            target_label: String::new(),
            replacement: DEFAULT_REPLACEMENT.into(),
            action: RelabelAction::Replace,
        }
    }
}

/// A checked rule, ready to be applied. Prints as the configuration and the API show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RelabelRule {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    source_labels: Vec<String>,
    separator: String,
    #[serde(skip_serializing_if = "RelabelRegex::is_default")]
    regex: RelabelRegex,
    #[serde(skip_serializing_if = "is_zero")]
    modulus: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    target_label: String,
    replacement: String,
    #[serde(serialize_with = "action_name")]
    action: RelabelAction,
    #[serde(skip)]
    names: NameValidation,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn action_name<S: Serializer>(action: &RelabelAction, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(action.name())
}

/// Whether a text refers to a group of the regular expression.
fn is_template(text: &str) -> bool {
    text.contains('$')
}

impl RelabelRule {
    /// Checks a rule. `names` says which label names the surrounding configuration allows.
    pub fn new(spec: RelabelSpec, names: NameValidation) -> Result<Self> {
        spec.check(names)?;
        let regex = RelabelRegex::new(spec.regex.as_deref())?;
        Ok(Self {
            source_labels: spec.source_labels.unwrap_or_default(),
            separator: spec.separator,
            regex,
            modulus: spec.modulus,
            target_label: spec.target_label,
            replacement: spec.replacement,
            action: spec.action,
            names,
        })
    }

    /// What the rule does.
    pub fn action(&self) -> RelabelAction {
        self.action
    }

    /// Applies the rule; false says that it drops the labels.
    pub fn apply(&self, labels: &mut LabelsBuilder<'_>) -> bool {
        match self.action {
            RelabelAction::Drop => !self.regex.is_match(&self.source(labels)),
            RelabelAction::Keep => self.regex.is_match(&self.source(labels)),
            RelabelAction::DropEqual => labels.get(&self.target_label) != self.source(labels),
            RelabelAction::KeepEqual => labels.get(&self.target_label) == self.source(labels),
            RelabelAction::Replace => {
                self.replace(labels);
                true
            }
            RelabelAction::Lowercase => {
                let value = case::lower(&self.source(labels));
                labels.set(self.target_label.clone(), value);
                true
            }
            RelabelAction::Uppercase => {
                let value = case::upper(&self.source(labels));
                labels.set(self.target_label.clone(), value);
                true
            }
            RelabelAction::HashMod => {
                let value = self.hash(&self.source(labels)).to_string();
                labels.set(self.target_label.clone(), value);
                true
            }
            RelabelAction::LabelMap => {
                for (name, value) in self.mapped(labels) {
                    labels.set(name, value);
                }
                true
            }
            RelabelAction::LabelDrop => {
                labels.retain(|name| !self.regex.is_match(name));
                true
            }
            RelabelAction::LabelKeep => {
                labels.retain(|name| self.regex.is_match(name));
                true
            }
        }
    }

    /// The joined values of the source labels; borrowed where there is one at most.
    fn source<'a>(&self, labels: &'a LabelsBuilder<'_>) -> Cow<'a, str> {
        match &self.source_labels[..] {
            [] => Cow::Borrowed(""),
            [only] => Cow::Borrowed(labels.get(only)),
            [first, others @ ..] => {
                let mut joined = labels.get(first).to_owned();
                for name in others {
                    joined.push_str(&self.separator);
                    joined.push_str(labels.get(name));
                }
                Cow::Owned(joined)
            }
        }
    }

    fn replace(&self, labels: &mut LabelsBuilder<'_>) {
        let source = self.source(labels);
        // Which of the two are templates could be noted beforehand; a search for one byte in a
        // short text costs less than the rest of this.
        let target = if is_template(&self.target_label) {
            match self.regex.expand(&source, &self.target_label) {
                Some(target) if self.names.is_label_name(&target) => target,
                _ => return,
            }
        } else if self.regex.is_match(&source) {
            self.target_label.clone()
        } else {
            return;
        };
        let value = if !is_template(&self.replacement) {
            self.replacement.clone()
        } else if self.regex.is_default() && self.replacement == DEFAULT_REPLACEMENT {
            source.into_owned()
        } else {
            self.regex.expand(&source, &self.replacement).unwrap_or_default()
        };
        labels.set(target, value);
    }

    /// The low half of the MD5 sum as a big-endian number, modulo the modulus.
    fn hash(&self, text: &str) -> u64 {
        let sum: [u8; 16] = Md5::digest(text.as_bytes()).into();
        let [.., a, b, c, d, e, f, g, h] = sum;
        u64::from_be_bytes([a, b, c, d, e, f, g, h]) % self.modulus.max(1)
    }

    fn mapped(&self, labels: &LabelsBuilder<'_>) -> Vec<(String, String)> {
        let expanded = |(name, value): (&str, &str)| {
            Some((self.regex.expand(name, &self.replacement)?, value.to_owned()))
        };
        labels.iter().filter_map(expanded).collect()
    }
}

impl RelabelSpec {
    fn check(&self, names: NameValidation) -> Result<()> {
        let action = self.action;
        let shown = action.name();
        let target = &self.target_label;
        if self.modulus == 0 && action == RelabelAction::HashMod {
            return Err(Error::invalid(
                "relabel configuration for hashmod requires non-zero modulus",
            ));
        }
        if action.needs_target() && target.is_empty() {
            return Err(Error::invalid(format!(
                "relabel configuration for {shown} action requires 'target_label' value"
            )));
        }
        let target_is_valid = if action == RelabelAction::Replace && is_template(target) {
            names.is_label_template(target)
        } else {
            names.is_label_name(target)
        };
        if action.needs_target() && !target_is_valid {
            return Err(Error::invalid(format!(
                "{target:?} is invalid 'target_label' for {shown} action"
            )));
        }
        let plain_value = self.replacement == DEFAULT_REPLACEMENT;
        match action {
            RelabelAction::Lowercase
            | RelabelAction::Uppercase
            | RelabelAction::KeepEqual
            | RelabelAction::DropEqual
                if !plain_value =>
            {
                Err(Error::invalid(format!("'replacement' can not be set for {shown} action")))
            }
            RelabelAction::LabelMap if !names.is_label_template(&self.replacement) => {
                Err(Error::invalid(format!(
                    "{:?} is invalid 'replacement' for {shown} action",
                    self.replacement
                )))
            }
            RelabelAction::DropEqual | RelabelAction::KeepEqual
                if self.regex.is_some() || !self.has_default_numbers() =>
            {
                Err(Error::invalid(format!(
                    "{shown} action requires only 'source_labels' and `target_label`, and no other fields"
                )))
            }
            RelabelAction::LabelDrop | RelabelAction::LabelKeep
                if self.source_labels.is_some()
                    || !target.is_empty()
                    || !plain_value
                    || !self.has_default_numbers() =>
            {
                Err(Error::invalid(format!(
                    "{shown} action requires only 'regex', and no other fields"
                )))
            }
            _ => Ok(()),
        }
    }

    fn has_default_numbers(&self) -> bool {
        self.modulus == 0 && self.separator == DEFAULT_SEPARATOR
    }
}

/// Applies rules in order; false says that one of them drops the labels.
pub fn apply_all(rules: &[RelabelRule], labels: &mut LabelsBuilder<'_>) -> bool {
    rules.iter().all(|rule| rule.apply(labels))
}

#[cfg(test)]
mod tests;
