//! Which label and metric names are allowed, and how names are escaped for those who can not take
//! them.

use serde::Serialize;
use watchkeep_model::{Error, Result};

/// Which names are allowed (`metric_name_validation_scheme`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NameValidation {
    /// Any text that is not empty.
    #[default]
    Utf8,
    /// ASCII letters, digits and the underscore (and the colon, for metrics), no digit first.
    Legacy,
}

impl NameValidation {
    /// Reads the name of a scheme; `None` for the empty text.
    pub(super) fn parse(text: &str) -> Result<Option<Self>> {
        match text {
            "" => Ok(None),
            "utf8" => Ok(Some(Self::Utf8)),
            "legacy" => Ok(Some(Self::Legacy)),
            _ => Err(Error::invalid(format!(
                "unknown metric name validation scheme, must be either '', 'legacy' or 'utf8', got {text:?}"
            ))),
        }
    }

    /// Whether a label may have this name.
    pub fn is_label_name(self, name: &str) -> bool {
        match self {
            Self::Utf8 => !name.is_empty(),
            Self::Legacy => is_legacy(name, |c| c == '_' || c.is_ascii_alphabetic()),
        }
    }

    /// Whether a metric may have this name.
    pub fn is_metric_name(self, name: &str) -> bool {
        match self {
            Self::Utf8 => !name.is_empty(),
            Self::Legacy => is_legacy(name, |c| c == '_' || c == ':' || c.is_ascii_alphabetic()),
        }
    }

    /// Whether a text with references to groups (`$1`, `${name}`) can become a label name.
    pub(in crate::scrape) fn is_label_template(self, template: &str) -> bool {
        match self {
            Self::Utf8 => !template.is_empty(),
            Self::Legacy => is_legacy_template(template),
        }
    }
}

fn is_legacy(name: &str, starts: impl Fn(char) -> bool) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(&starts) && chars.all(|c| starts(c) || c.is_ascii_digit())
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}

fn is_legacy_template(template: &str) -> bool {
    let mut rest = template;
    let mut first = true;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == '$' {
            let braced = rest.strip_prefix('{');
            let name = braced.unwrap_or(rest);
            let end = name.find(|c| !is_word(c)).unwrap_or(name.len());
            if end == 0 {
                return false;
            }
            rest = &name[end..];
            if braced.is_some() {
                let Some(after) = rest.strip_prefix('}') else { return false };
                rest = after;
            }
        } else if !is_word(c) || (first && c.is_ascii_digit()) {
            return false;
        }
        first = false;
    }
    !first
}

/// How a target is asked to write names that are not legacy names
/// (`metric_name_escaping_scheme`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameEscaping {
    /// As they are.
    #[default]
    AllowUtf8,
    /// Each other character as an underscore.
    Underscores,
    /// Dots as `_dot_`, underscores doubled.
    Dots,
    /// Prefix `U__` and code points in hexadecimal.
    Values,
}

impl NameEscaping {
    const NAMES: [(&'static str, Self); 4] = [
        ("allow-utf-8", Self::AllowUtf8),
        ("underscores", Self::Underscores),
        ("dots", Self::Dots),
        ("values", Self::Values),
    ];

    /// Reads a name; `None` for the empty text. `whose` stands in the error.
    pub(super) fn parse(text: &str, whose: &str) -> Result<Option<Self>> {
        if text.is_empty() {
            return Ok(None);
        }
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, scheme)| Some(*scheme)).ok_or_else(|| {
            Error::invalid(format!(
                "unknown {whose} name escaping method specified, must be one of 'allow-utf-8', \
                 'underscores', 'dots', or 'values', got {text:?}"
            ))
        })
    }

    /// The name in the configuration and in the `escaping` parameter of media types.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, scheme)| *scheme == self).map_or("", |(name, _)| name)
    }
}
