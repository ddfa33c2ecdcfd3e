//! Stages at work on an entry.

use std::collections::BTreeMap;

use serde_json::Value;
use watchkeep_logql::pipeline::logfmt_fields;

use super::{Drop, Named, Pipeline, Stage};
use crate::sources::record::Draft;

/// What stages have found, by name.
type Extracted = BTreeMap<String, String>;

impl Pipeline {
    /// Runs all stages; `None` where one drops the entry. `now_ns` is the time of arrival.
    pub(crate) fn run(&self, mut draft: Draft, now_ns: i64) -> Option<Draft> {
        if self.stages.is_empty() {
            return Some(draft);
        }
        let mut extracted: Extracted = draft.labels.clone();
        for stage in &self.stages {
            if !stage.run(&mut draft, &mut extracted, now_ns) {
                return None;
            }
        }
        Some(draft)
    }
}

fn text_of<'t>(
    source: Option<&String>,
    draft: &'t Draft,
    extracted: &'t Extracted,
) -> Option<&'t str> {
    match source {
        Some(name) => extracted.get(name).map(String::as_str),
        None => Some(&draft.line),
    }
}

impl Stage {
    /// `false` where the entry is dropped.
    fn run(&self, draft: &mut Draft, extracted: &mut Extracted, now_ns: i64) -> bool {
        match self {
            Self::Json { fields, source } => {
                let text = text_of(source.as_ref(), draft, extracted);
                let found = text.map(|text| json(text, fields)).unwrap_or_default();
                extracted.extend(found);
            }
            Self::Regex { expression, source } => {
                let text = text_of(source.as_ref(), draft, extracted).unwrap_or_default();
                let Some(captures) = expression.captures(text) else { return true };
                let names = expression.capture_names().flatten();
                let found: Vec<Named> = names
                    .map(|name| {
                        let text = captures.name(name).map_or("", |capture| capture.as_str());
                        (name.to_owned(), text.to_owned())
                    })
                    .collect();
                extracted.extend(found);
            }
            Self::Logfmt { fields, source } => {
                let text = text_of(source.as_ref(), draft, extracted).unwrap_or_default();
                let mut found: Vec<Named> = Vec::new();
                // What stands before a break in the line counts.
                let _whole_or_not = logfmt_fields(text, |key, value| {
                    let wanted = fields.iter().filter(|(_, field)| field == key);
                    found.extend(wanted.map(|(name, _)| (name.clone(), value.to_owned())));
                });
                extracted.extend(found);
            }
            Self::Timestamp { source, formats } => {
                let text = extracted.get(source).map(String::as_str).unwrap_or_default();
                if let Some(time_ns) = formats.iter().find_map(|format| format.parse(text)) {
                    draft.time_ns = time_ns;
                }
            }
            Self::Labels(names) => copy(names, extracted, &mut draft.labels),
            Self::Metadata(names) => copy(names, extracted, &mut draft.metadata),
            Self::StaticLabels(labels) => draft.labels.extend(labels.iter().cloned()),
            Self::LabelDrop(names) => draft.labels.retain(|name, _| !names.contains(name)),
            Self::LabelAllow(names) => draft.labels.retain(|name, _| names.contains(name)),
            Self::Output(source) => {
                if let Some(text) = extracted.get(source) {
                    draft.line.clone_from(text);
                }
            }
            Self::Drop(options) => return !options.applies(draft, extracted, now_ns),
        }
        true
    }
}

fn copy(names: &[Named], from: &Extracted, into: &mut BTreeMap<String, String>) {
    for (name, source) in names {
        if let Some(value) = from.get(source) {
            into.insert(name.clone(), value.clone());
        }
    }
}

/// The values that the keys lead to, as texts.
fn json(text: &str, fields: &[(String, Vec<String>)]) -> Vec<Named> {
    let Ok(all) = serde_json::from_str::<Value>(text) else { return Vec::new() };
    let value_of = |keys: &[String]| keys.iter().try_fold(&all, |value, key| value.get(key));
    let named = |(name, keys): &(String, Vec<String>)| {
        let text = match value_of(keys)? {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Some((name.clone(), text))
    };
    fields.iter().filter_map(named).collect()
}

impl Drop {
    fn applies(&self, draft: &Draft, extracted: &Extracted, now_ns: i64) -> bool {
        if self.longer_than.is_some_and(|bytes_max| draft.line.len() <= bytes_max) {
            return false;
        }
        if self.older_than_ns.is_some_and(|age| now_ns.saturating_sub(draft.time_ns) <= age) {
            return false;
        }
        let text = if self.sources.is_empty() {
            draft.line.clone()
        } else {
            let values: Option<Vec<&str>> =
                self.sources.iter().map(|name| extracted.get(name).map(String::as_str)).collect();
            match values {
                Some(values) => values.join(&self.separator),
                None => return false,
            }
        };
        self.value.as_ref().is_none_or(|value| *value == text)
            && self.expression.as_ref().is_none_or(|expression| expression.is_match(&text))
    }
}
