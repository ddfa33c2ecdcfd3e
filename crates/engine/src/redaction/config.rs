//! Section `redaction` of the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use watchkeep_genai::redact::{Action, Detector, KeyRule, Pattern, Redactor, Rules};
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Error, Result};

/// Section `redaction`. By default nothing is looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedactionConfig {
    /// Detectors that are on (`email`, `phone`, `card`, `iban`, `secret`), each with what becomes of
    /// what it finds.
    pub detectors: BTreeMap<String, Action>,
    /// Patterns of one's own.
    pub patterns: Vec<Pattern>,
    /// Rules for attributes and labels by their keys; the first that matches decides.
    pub attributes: Vec<KeyRule>,
    /// The file that holds the key of hashes; needed where something is hashed.
    pub hash_key_file: Option<PathBuf>,
}

impl RedactionConfig {
    /// The rules, compiled; fails where one is wrong or the key can not be read.
    pub fn redactor(&self) -> Result<Redactor> {
        let wrong = |why: String| Error::invalid(format!("redaction: {why}"));
        let detector = |(name, action): (&String, &Action)| {
            let known = Detector::ALL.into_iter().find(|detector| detector.name() == name);
            known.map(|detector| (detector, *action)).ok_or_else(|| {
                let names = Detector::ALL.map(Detector::name).join(", ");
                wrong(format!("there is no detector {name:?}; known are {names}"))
            })
        };
        let hash_key = match &self.hash_key_file {
            Some(path) => std::fs::read_to_string(path)
                .context(|| format!("redaction.hash_key_file: cannot read {}", path.display()))?
                .trim()
                .to_owned(),
            None => String::new(),
        };
        let rules = Rules {
            detectors: self.detectors.iter().map(detector).collect::<Result<_>>()?,
            patterns: self.patterns.clone(),
            keys: self.attributes.clone(),
            hash_key,
        };
        Redactor::new(&rules).map_err(wrong)
    }
}
