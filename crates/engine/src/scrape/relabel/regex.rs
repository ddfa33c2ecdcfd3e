//! The regular expression of a rule: matches the whole text, and expands templates such as
//! `${1}-$name` with its groups.

use serde::{Serialize, Serializer};
use watchkeep_model::{Error, Pattern, Result};

/// What a rule matches where the configuration says nothing.
const DEFAULT: &str = "(.*)";

/// A regular expression with the text that it was made from.
#[derive(Debug, Clone)]
pub struct RelabelRegex {
    text: String,
    pattern: Pattern,
    groups: regex::Regex,
    /// Whether the configuration named none.
    is_default: bool,
}

impl PartialEq for RelabelRegex {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.is_default == other.is_default
    }
}

impl Eq for RelabelRegex {}

impl Serialize for RelabelRegex {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl RelabelRegex {
    /// Compiles a text; `None` stands for the default, which matches everything.
    pub fn new(text: Option<&str>) -> Result<Self> {
        let is_default = text.is_none();
        let text = text.unwrap_or(DEFAULT);
        let bad = |error: &dyn std::fmt::Display| {
            Error::invalid(format!("error parsing regexp {text:?}: {error}"))
        };
        let pattern = Pattern::anchored(text).map_err(|error| bad(&error))?;
        let groups = regex::Regex::new(&format!("^(?s:{text})$")).map_err(|error| bad(&error))?;
        Ok(Self { text: text.to_owned(), pattern, groups, is_default })
    }

    /// Whether this is what rules have that name no regular expression.
    pub fn is_default(&self) -> bool {
        self.is_default
    }

    /// Whether the whole text matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.is_default || self.pattern.is_match(text)
    }

    /// The template with the groups of the match put in; `None` without a match.
    pub fn expand(&self, text: &str, template: &str) -> Option<String> {
        let captures = self.groups.captures(text)?;
        let mut out = String::new();
        captures.expand(template, &mut out);
        Some(out)
    }
}
