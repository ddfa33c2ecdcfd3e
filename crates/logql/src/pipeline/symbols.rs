//! The labels that the stages of a query speak of, numbered before the first line comes.

use super::labels::{ERROR_LABEL, Hints};
use super::names::{DUPLICATE_SUFFIX, Symbol};
use crate::template::LineTemplate;

/// Names of labels in the order of their numbers, and which of them a stage reads.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    pub(super) names: Vec<String>,
    needed: Vec<String>,
    /// A stage may read any label.
    all_needed: bool,
}

impl Symbols {
    /// The number of a name.
    pub(super) fn of(&mut self, name: &str) -> Symbol {
        let known = self.names.iter().position(|other| other == name);
        let place = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        Symbol(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// The number of a name whose label a stage reads.
    pub(super) fn needed(&mut self, name: &str) -> Symbol {
        self.need(name);
        self.of(name)
    }

    fn need(&mut self, name: &str) {
        if !name.is_empty() && !self.needed.iter().any(|other| other == name) {
            self.needed.push(name.to_owned());
        }
    }

    /// Notes the labels that a template reads.
    pub(super) fn needed_by(&mut self, template: &LineTemplate) {
        match template.labels_used() {
            Some(labels) => labels.iter().for_each(|label| self.need(label)),
            None => self.all_needed = true,
        }
    }

    /// What parsers may leave out, when only these labels are needed besides what stages read.
    ///
    /// A parser knows only later that a label is to have a suffix, so for a name with a suffix the
    /// name without is needed too, as with Loki.
    pub(super) fn hints(&mut self, needed: Option<&[String]>) -> Hints {
        let Some(groups) = needed.filter(|_| !self.all_needed) else { return Hints::default() };
        for group in groups {
            self.need(group);
        }
        for name in self.needed.clone() {
            if let Some(bare) = name.strip_suffix(DUPLICATE_SUFFIX) {
                self.need(bare);
            }
        }
        let needed = self.needed.clone();
        for name in &needed {
            self.of(name);
        }
        Hints {
            needed: if needed.is_empty() {
                Vec::new()
            } else {
                self.names.iter().map(|name| needed.contains(name)).collect()
            },
            needed_count: needed.len(),
            nothing_needed: needed.is_empty(),
            preserve_error: needed.iter().any(|name| name == ERROR_LABEL),
        }
    }
}
