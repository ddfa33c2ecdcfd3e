//! `| drop` and `| keep`.

use watchkeep_model::Matcher;

use super::Symbols;
use super::labels::{ERROR_DETAILS_LABEL, ERROR_LABEL, LabelsBuilder, PRESERVE_ERROR_LABEL};
use super::names::Symbol;
use crate::ast::NameOrMatcher;

/// A label, or a label with some of its values.
#[derive(Debug)]
pub(super) struct Selected {
    label: Symbol,
    name: String,
    /// `None` for every value.
    matcher: Option<Matcher>,
}

impl Selected {
    pub(super) fn new(operand: &NameOrMatcher, symbols: &mut Symbols) -> Self {
        let (name, matcher) = match operand {
            NameOrMatcher::Name(name) => (name.clone(), None),
            NameOrMatcher::Matcher(matcher) => (matcher.label().to_owned(), Some(matcher.clone())),
        };
        Self { label: symbols.of(&name), name, matcher }
    }

    fn accepts(&self, value: &str) -> bool {
        self.matcher.as_ref().is_none_or(|matcher| matcher.accepts(value))
    }
}

/// Removes labels.
pub(super) fn drop_labels(dropped: &[Selected], labels: &mut LabelsBuilder) {
    for selected in dropped {
        match selected.name.as_str() {
            ERROR_LABEL if selected.accepts(labels.error()) => labels.clear_error(),
            ERROR_DETAILS_LABEL if selected.accepts(labels.error_details()) => {
                labels.clear_error_details();
            }
            ERROR_LABEL | ERROR_DETAILS_LABEL => {}
            _ => {
                let value = labels.get_symbol(selected.label);
                let there = value.is_some() || selected.matcher.is_some();
                if there && selected.accepts(value.unwrap_or_default()) {
                    labels.delete_symbol(selected.label);
                }
            }
        }
    }
}

/// Removes all labels but these and those of errors.
pub(super) fn keep_labels(
    kept: &[Selected],
    labels: &mut LabelsBuilder,
    removed: &mut Vec<Symbol>,
) {
    removed.clear();
    labels.for_each_symbol(|_, label, value| {
        let special = labels.names.get(label) == PRESERVE_ERROR_LABEL;
        let keep = |selected: &Selected| selected.label == label && selected.accepts(value);
        if !special && !kept.iter().any(keep) {
            removed.push(label);
        }
    });
    for label in removed.drain(..) {
        labels.delete_symbol(label);
    }
}
