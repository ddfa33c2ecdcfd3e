//! Regular expressions with the syntax and meaning of RE2, as Go writes them, which is what the
//! query languages promise: no look-around, ASCII classes, `.` matches a line break too.

use regex::Regex;

/// A compiled regular expression.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    /// Where the whole is an alternation of plain texts, those.
    literals: Option<Vec<String>>,
}

/// Why a text is no regular expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(String);

impl Pattern {
    /// A pattern that must match the whole text.
    pub fn anchored(text: &str) -> Result<Self, PatternError> {
        let regex = Regex::new(&format!("^(?s:{text})$"))
            .map_err(|error| PatternError(error.to_string()))?;
        let is_plain = |text: &str| {
            !text.is_empty()
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-:/ ".contains(c))
        };
        let literals: Vec<&str> = text.split('|').collect();
        let literals = literals
            .iter()
            .all(|literal| is_plain(literal))
            .then(|| literals.into_iter().map(str::to_owned).collect());
        Ok(Self { regex, literals })
    }

    /// Whether the text matches.
    pub fn is_match(&self, text: &str) -> bool {
        match &self.literals {
            Some(literals) => literals.iter().any(|literal| literal == text),
            None => self.regex.is_match(text),
        }
    }

    /// The texts of an alternation of plain texts, where the pattern is one.
    pub fn literals(&self) -> Option<Vec<&str>> {
        Some(self.literals.as_ref()?.iter().map(String::as_str).collect())
    }
}
