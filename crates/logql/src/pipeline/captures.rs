//! `| regexp` and `| pattern`: parts of the line become labels.

use watchkeep_model::{GroupPlaces, Pattern};

use super::Symbols;
use super::keys::push_sanitized;
use super::labels::{LabelsBuilder, Piece};
use super::names::Symbol;
use super::pattern::PatternExpression;

/// `| regexp`.
#[derive(Debug)]
pub(super) struct Regexp {
    pattern: Pattern,
    /// Groups by number, and the labels that they become.
    labels: Vec<(usize, Symbol)>,
}

impl Regexp {
    /// Fails where the text is no expression or has no usable named group.
    pub(super) fn new(text: &str, symbols: &mut Symbols) -> Result<Self, String> {
        let pattern = Pattern::unanchored(text).map_err(|error| error.to_string())?;
        let names = pattern.group_names();
        let named = || names.iter().enumerate().filter(|(_, name)| !name.is_empty());
        if named().next().is_none() {
            return Err("at least one named capture must be supplied".to_owned());
        }
        if let Some((_, name)) = named().find(|(place, name)| names[..*place].contains(name)) {
            return Err(format!("duplicate extracted label name '{name}'"));
        }
        let labels = named().map(|(place, name)| {
            let mut sanitized = String::new();
            push_sanitized(&mut sanitized, name);
            (place + 1, symbols.of(&sanitized))
        });
        let labels = labels.collect();
        Ok(Self { pattern, labels })
    }

    /// Room for what the groups capture.
    pub(super) fn places(&self) -> GroupPlaces {
        self.pattern.group_places()
    }

    /// Sets the labels of a line that matches; a group that took no part gives the empty text.
    pub(super) fn parse(&self, line: &Piece, labels: &mut LabelsBuilder, places: &mut GroupPlaces) {
        if !self.pattern.find_groups(&labels.text[line.clone()], places) {
            return;
        }
        for (group, label) in &self.labels {
            let found = places.get(*group).unwrap_or(0..0);
            labels.offer(*label, line.start + found.start..line.start + found.end);
        }
    }
}

/// `| pattern`.
#[derive(Debug)]
pub(super) struct PatternParser {
    expression: PatternExpression,
    labels: Vec<Symbol>,
}

impl PatternParser {
    /// Fails where the text is no expression.
    pub(super) fn new(text: &str, symbols: &mut Symbols) -> Result<Self, String> {
        let expression = PatternExpression::parse(text).map_err(|error| error.to_string())?;
        let labels = expression.names().map(|name| symbols.of(name)).collect();
        Ok(Self { expression, labels })
    }

    /// Sets the labels of a line that begins as the expression does.
    pub(super) fn parse(&self, line: &Piece, labels: &mut LabelsBuilder) {
        if labels.wants_nothing() {
            return;
        }
        let text = std::mem::take(&mut labels.text);
        self.expression.captures(&text[line.clone()], |place, start, end| {
            labels.offer(self.labels[place], line.start + start..line.start + end);
        });
        labels.text = text;
    }
}
