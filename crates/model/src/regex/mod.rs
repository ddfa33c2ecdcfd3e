//! Regular expressions with the syntax and meaning of RE2, as Go reads them, which is what the query
//! languages promise: no look-around, no references back, `\d` and its like of ASCII only.
//!
//! The `regex` crate does the matching, but never sees the text of a pattern: [`syntax`] reads it
//! into a tree, so that what Go refuses is refused (with Go's words) and what only the crate knows
//! does not slip through; [`translate`] writes the tree in the crate's terms, [`shape`] finds
//! patterns that need no automaton, and [`template`] fills in what was captured.

mod class;
mod groups;
mod loose;
mod shape;
mod syntax;
mod template;
mod translate;

#[cfg(test)]
mod tests;

pub use groups::GroupPlaces;
pub use loose::LoosePattern;

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

use shape::Shape;
use syntax::Tree;

/// The most bytes that a compiled pattern may take; a larger one is refused.
pub const PATTERN_BYTES_MAX: usize = 10 << 20;

/// How deep the groups of a pattern may nest. A group becomes up to four levels of the `regex`
/// crate, which recurses over at most 250.
pub const GROUP_DEPTH_MAX: usize = 50;

/// A compiled regular expression.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// As it was given.
    text: String,
    is_anchored: bool,
    shape: Shape,
    /// In terms of the crate.
    translated: String,
    /// Compiled at once where the shape asks for it, otherwise when something is to be captured.
    regex: OnceLock<Option<Regex>>,
    /// Names of the groups from the first on, empty for those without.
    group_names: Vec<String>,
}

/// Why a text is no regular expression, in the words of Go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {reason}: `{excerpt}`")]
pub struct PatternError {
    reason: &'static str,
    excerpt: String,
}

impl PatternError {
    fn new(reason: &'static str, excerpt: impl Into<String>) -> Self {
        Self { reason, excerpt: excerpt.into() }
    }
}

impl Pattern {
    /// A pattern that must match the whole text, in which `.` matches a line break too.
    pub fn anchored(text: &str) -> Result<Self, PatternError> {
        let tree = syntax::parse(text, true)?;
        let shape = shape::of_anchored(&tree.root);
        let translated = format!(r"\A(?:{})\z", translate::translate(&tree.root));
        Self::new(text, true, tree, shape, translated)
    }

    /// A pattern that may match any part of the text, in which `.` matches a line break only after
    /// `(?s)`.
    pub fn unanchored(text: &str) -> Result<Self, PatternError> {
        let tree = syntax::parse(text, false)?;
        let shape = shape::of_unanchored(&tree.root);
        let translated = translate::translate(&tree.root);
        Self::new(text, false, tree, shape, translated)
    }

    fn new(
        text: &str,
        is_anchored: bool,
        tree: Tree,
        shape: Shape,
        translated: String,
    ) -> Result<Self, PatternError> {
        let regex = OnceLock::new();
        if matches!(shape, Shape::Automaton) {
            let compiled = compile(&translated)
                .ok_or_else(|| PatternError::new("expression too large", text))?;
            regex.get_or_init(|| Some(compiled));
        }
        let (text, group_names) = (text.to_owned(), tree.group_names);
        Ok(Self { text, is_anchored, shape, translated, regex, group_names })
    }

    /// The text that it was made of.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it must match the whole text.
    pub fn is_anchored(&self) -> bool {
        self.is_anchored
    }

    fn regex(&self) -> Option<&Regex> {
        self.regex.get_or_init(|| compile(&self.translated)).as_ref()
    }

    /// Whether the text matches.
    pub fn is_match(&self, text: &str) -> bool {
        match &self.shape {
            Shape::Automaton => self.regex().is_some_and(|regex| regex.is_match(text)),
            shape => shape.is_match(text),
        }
    }

    /// The texts that match, each once, where they are few and none is empty.
    pub fn literals(&self) -> Option<Vec<&str>> {
        match &self.shape {
            Shape::Literals(literals) if literals.iter().all(|literal| !literal.is_empty()) => {
                Some(literals.iter().map(String::as_str).collect())
            }
            _ => None,
        }
    }

    /// A text that every text that matches contains, where one is known; not empty.
    pub fn part(&self) -> Option<&str> {
        let part = match &self.shape {
            Shape::Literals(literals) => match literals.as_slice() {
                [only] => only,
                _ => return None,
            },
            Shape::Prefix(part, _) | Shape::Suffix(part, _) | Shape::Contains(part) => part,
            Shape::Anything | Shape::NotEmpty | Shape::Automaton => return None,
        };
        (!part.is_empty()).then_some(part.as_str())
    }

    /// Names of the groups from the first on, empty for those without.
    pub fn group_names(&self) -> &[String] {
        &self.group_names
    }

    /// What the groups of the leftmost match captured, the match itself first; `None` where the
    /// text does not match.
    pub fn captures<'t>(&self, text: &'t str) -> Option<Vec<Option<&'t str>>> {
        let captures = self.regex()?.captures(text)?;
        Some(captures.iter().map(|group| group.map(|group| group.as_str())).collect())
    }

    /// The template with `$1`, `$name`, `${1}` and `${name}` replaced by what the groups captured,
    /// and `$$` by a dollar; `None` where the text does not match.
    pub fn replace_template(&self, text: &str, template: &str) -> Option<String> {
        let captures = self.captures(text)?;
        Some(template::expand(template, &captures, &self.group_names))
    }

    /// How many matches the text has that do not overlap.
    pub fn count(&self, text: &str) -> usize {
        self.regex().map_or(0, |regex| regex.find_iter(text).count())
    }

    /// The text with every match replaced by what the template makes of it, see
    /// [`Self::replace_template`].
    pub fn replace_all(&self, text: &str, template: &str) -> String {
        let Some(regex) = self.regex() else { return text.to_owned() };
        let replacement = |captures: &regex::Captures<'_>| {
            let groups: Vec<_> =
                captures.iter().map(|group| group.map(|group| group.as_str())).collect();
            template::expand(template, &groups, &self.group_names)
        };
        regex.replace_all(text, replacement).into_owned()
    }

    /// The text with every match replaced by the replacement as it is.
    pub fn replace_all_literal(&self, text: &str, replacement: &str) -> String {
        let Some(regex) = self.regex() else { return text.to_owned() };
        regex.replace_all(text, regex::NoExpand(replacement)).into_owned()
    }
}

/// Fails only where the result would be too large: the tree has been checked before.
fn compile(translated: &str) -> Option<Regex> {
    RegexBuilder::new(translated).size_limit(PATTERN_BYTES_MAX).build().ok()
}
