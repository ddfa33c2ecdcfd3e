//! What a budget is: whose spending it counts, how much may be spent in which time, and what follows.
//! Checked once, with errors that name the member.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use watchkeep_model::{Error, ErrorKind};

use super::attributes::Attribute;
use super::window::{Frame, Window};
use crate::humane::short;

/// Longest id, in characters.
const ID_MAX: usize = 64;
/// Longest name, description or value, in bytes.
const TEXT_BYTES_MAX: usize = 1_024;
/// Most conditions and thresholds.
const CONDITIONS_MAX: usize = 32;
/// Most amounts of their own for single values.
const OVERRIDES_MAX: usize = 10_000;
/// Greatest amount: beyond it single tokens are lost in a float.
const AMOUNT_MAX: f64 = 9e15;

/// Which member of a budget is wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Its path (`thresholds[1].percent`); empty where nothing in the budget is to blame.
    pub field: String,
    /// What it must be; goes on after the path.
    pub message: String,
    /// How the caller should take it.
    pub kind: ErrorKind,
}

impl Wrong {
    pub(super) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), kind: ErrorKind::Invalid }
    }
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Self {
        Self { field: String::new(), message: error.report(), kind: error.kind().clone() }
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// What steps cost.
    #[default]
    Usd,
    /// All tokens.
    Tokens,
    /// Tokens that models read, cached ones too.
    InputTokens,
    /// Tokens that models wrote, reasoning too.
    OutputTokens,
}

impl Unit {
    /// The name in JSON and in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Usd => "usd",
            Self::Tokens => "tokens",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
        }
    }
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Soon it will be too much.
    Warning,
    /// It is too much.
    Critical,
}

impl Severity {
    /// The name in JSON and in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// A share of the amount that people want to hear of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// Per cent of the amount.
    pub percent: f64,
    /// How much it matters.
    pub severity: Severity,
}

/// What happens when the amount is spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Checks warn.
    #[default]
    Soft,
    /// Checks deny.
    Hard,
}

/// What checks of a hard budget answer while it is not known what was spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// Open: better too much is spent than that work stops.
    #[default]
    Allow,
    /// Closed.
    Deny,
}

/// Whose spending is counted.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    /// Attributes that must all have these values, in which `*` stands for anything.
    #[serde(rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub conditions: BTreeMap<String, String>,
    /// The attribute of which each value has an amount of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<String>,
    /// Other amounts for some values of `each`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: BTreeMap<String, f64>,
}

impl std::fmt::Debug for Scope {
    /// Values may be names of people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scope").field("each", &self.each).finish_non_exhaustive()
    }
}

/// A budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Names it; made from the name where it is empty.
    #[serde(default)]
    pub id: String,
    /// For people.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether it is looked at.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Whose spending it counts.
    #[serde(default)]
    pub scope: Scope,
    /// How much may be spent, in its unit.
    pub amount: f64,
    /// What is counted.
    #[serde(default)]
    pub unit: Unit,
    /// In which time.
    pub window: Window,
    /// What people want to hear of.
    #[serde(default = "thresholds")]
    pub thresholds: Vec<Threshold>,
    /// What happens when the amount is spent.
    #[serde(default)]
    pub mode: Mode,
    /// What checks answer while it is not known what was spent.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

fn yes() -> bool {
    true
}

/// The thresholds of a budget that names none.
pub fn thresholds() -> Vec<Threshold> {
    vec![
        Threshold { percent: 80.0, severity: Severity::Warning },
        Threshold { percent: 100.0, severity: Severity::Critical },
    ]
}

/// A budget in the form in which spending is compared with it.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    pub(super) conditions: Vec<(Attribute, Pattern)>,
    pub(super) each: Option<Attribute>,
    pub(super) frame: Frame,
}

impl Budget {
    /// The budget with an id, made from its name where it has none.
    #[must_use]
    pub fn named(mut self) -> Self {
        if self.id.is_empty() {
            let mut id = String::new();
            for c in self.name.chars().flat_map(char::to_lowercase) {
                if c.is_ascii_alphanumeric() {
                    id.push(c);
                } else if !id.is_empty() && !id.ends_with('-') {
                    id.push('-');
                }
                if id.len() == ID_MAX {
                    break;
                }
            }
            id.trim_end_matches('-').clone_into(&mut self.id);
        }
        self
    }

    /// Says what is wrong with it, if anything is.
    pub fn check(&self) -> Result<(), Wrong> {
        self.compile().map(|_| ())
    }

    pub(super) fn compile(&self) -> Result<Compiled, Wrong> {
        self.check_texts()?;
        check_amount("amount", self.amount)?;
        self.check_thresholds()?;
        let mut conditions = Vec::new();
        if self.scope.conditions.len() > CONDITIONS_MAX {
            return Err(Wrong::new("scope.where", format!("must have at most {CONDITIONS_MAX}")));
        }
        for (name, value) in &self.scope.conditions {
            let field = format!("scope.where.{name}");
            let attribute = Attribute::parse(name).map_err(|why| Wrong::new(&field, why))?;
            if value.is_empty() || value.len() > TEXT_BYTES_MAX {
                let message = format!("must have 1 to {TEXT_BYTES_MAX} bytes");
                return Err(Wrong::new(field, message));
            }
            conditions.push((attribute, Pattern::new(value)));
        }
        let each = self.scope.each.as_deref().map(Attribute::parse).transpose();
        let each = each.map_err(|why| Wrong::new("scope.each", why))?;
        if each.is_none() && !self.scope.overrides.is_empty() {
            return Err(Wrong::new("scope.overrides", "needs scope.each"));
        }
        if self.scope.overrides.len() > OVERRIDES_MAX {
            return Err(Wrong::new(
                "scope.overrides",
                format!("must have at most {OVERRIDES_MAX}"),
            ));
        }
        for (value, amount) in &self.scope.overrides {
            check_amount(&format!("scope.overrides.{}", short(value)), *amount)?;
        }
        Ok(Compiled { conditions, each, frame: self.window.frame()? })
    }

    fn check_texts(&self) -> Result<(), Wrong> {
        if self.name.trim().is_empty() || self.name.len() > TEXT_BYTES_MAX {
            return Err(Wrong::new("name", format!("must have 1 to {TEXT_BYTES_MAX} bytes")));
        }
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        if self.id.is_empty() || self.id.len() > ID_MAX || !self.id.chars().all(legal) {
            let message = format!("must have 1 to {ID_MAX} characters of a-z, 0-9, `.`, `_`, `-`");
            return Err(Wrong::new("id", message));
        }
        if ["check", "events", "reservations"].contains(&&*self.id) {
            return Err(Wrong::new("id", "is a path of the API; take another"));
        }
        if self.description.len() > TEXT_BYTES_MAX {
            return Err(Wrong::new(
                "description",
                format!("must have up to {TEXT_BYTES_MAX} bytes"),
            ));
        }
        Ok(())
    }

    fn check_thresholds(&self) -> Result<(), Wrong> {
        if self.thresholds.len() > CONDITIONS_MAX {
            return Err(Wrong::new("thresholds", format!("must be at most {CONDITIONS_MAX}")));
        }
        for (at, threshold) in self.thresholds.iter().enumerate() {
            let field = format!("thresholds[{at}].percent");
            if !(threshold.percent > 0.0 && threshold.percent <= 10_000.0) {
                return Err(Wrong::new(field, "must be more than 0 and at most 10000"));
            }
            let twice =
                self.thresholds[..at].iter().any(|other| other.percent == threshold.percent);
            if twice {
                return Err(Wrong::new(field, "is there twice"));
            }
        }
        Ok(())
    }

    /// The amount for a value of `each`.
    pub fn amount_of(&self, scope_value: &str) -> f64 {
        self.scope.overrides.get(scope_value).copied().unwrap_or(self.amount)
    }

    /// Whether what was counted for this budget holds for another definition of it.
    pub(super) fn counts_the_same(&self, other: &Self) -> bool {
        self.scope.conditions == other.scope.conditions
            && self.scope.each == other.scope.each
            && self.unit == other.unit
            && self.window == other.window
    }
}

fn check_amount(field: &str, amount: f64) -> Result<(), Wrong> {
    if amount > 0.0 && amount <= AMOUNT_MAX {
        Ok(())
    } else {
        Err(Wrong::new(field, format!("must be a number above 0 and at most {AMOUNT_MAX:e}")))
    }
}

/// A value with `*` for anything.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    parts: Vec<Box<str>>,
}

impl std::fmt::Debug for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pattern of {} parts", self.parts.len())
    }
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        Self { parts: text.split('*').map(Into::into).collect() }
    }

    pub(super) fn matches(&self, value: &str) -> bool {
        let [first, middle @ .., last] = &self.parts[..] else {
            return self.parts.first().is_some_and(|only| **only == *value);
        };
        let Some(mut rest) = value.strip_prefix(&**first) else { return false };
        for part in middle {
            // The leftmost place leaves the most for those that follow.
            match rest.find(&**part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(&**last)
    }
}
