//! Reads lists of relabelling rules.

use watchkeep_model::Result;

use crate::scrape::config::names::NameValidation;
use crate::scrape::config::section::Section;
use crate::scrape::config::yaml::{Node, error_at};
use crate::scrape::relabel::{RelabelAction, RelabelRule, RelabelSpec};

/// Takes a list of rules. `empty` is the error for an entry without content.
pub(in crate::scrape) fn rules(
    section: &mut Section<'_>,
    key: &'static str,
    names: NameValidation,
    empty: &str,
) -> Result<Vec<RelabelRule>> {
    section.each(key, |node| {
        if node.is_null() {
            return Err(error_at(node.line, empty));
        }
        rule(node, names)
    })
}

fn rule(node: &Node, names: NameValidation) -> Result<RelabelRule> {
    let mut own = Section::new(node, "a relabelling rule")?;
    let defaults = RelabelSpec::default();
    let source_labels = match own.list("source_labels")? {
        Some(_) => Some(own.texts("source_labels")?),
        None => None,
    };
    let regex = match own.node("regex") {
        // No value is the expression that matches the empty text.
        Some(node) if node.is_null() => Some(String::new()),
        _ => own.text("regex")?,
    };
    let spec = RelabelSpec {
        source_labels,
        separator: own.text("separator")?.unwrap_or(defaults.separator),
        regex,
        modulus: own.unsigned("modulus")?.unwrap_or(0),
        target_label: own.text_or_empty("target_label")?,
        replacement: own.text("replacement")?.unwrap_or(defaults.replacement),
        action: match own.parsed("action", RelabelAction::parse)? {
            Some(action) => action,
            None if own.node("action").is_some() => {
                return Err(own.fail("relabel action cannot be empty"));
            }
            None => RelabelAction::default(),
        },
    };
    let line = own.line();
    own.finish()?;
    if spec.source_labels.iter().flatten().any(String::is_empty) {
        return Err(error_at(line, "\"\" is not a valid label name"));
    }
    RelabelRule::new(spec, names).map_err(|error| error_at(line, error.message()))
}
