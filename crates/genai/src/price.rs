//! What tokens cost: price tables, which row is for a model, and what each bucket of a step costs.
//!
//! Tables are asked in their order (overrides, the user's file, the built-in one). Within a table the
//! name as it is goes first, then with the provider put before it or left out, then without date or
//! version; patterns of all tables come last. What is under none of these keys has no price: nothing is
//! guessed from names that are alike.

mod book;
mod charge;
mod names;
mod row;
mod table;

use serde::{Deserialize, Serialize};

pub use book::{Found, OVERRIDES, PriceBook};
pub use row::{Rate, Row};
pub use table::{PATTERNS_MAX, PriceTable, Problem, ROWS_MAX};

use crate::step::{Kind, Step};
use crate::usage::{Bucket, Usage};

/// Where the cost of a step that counts comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostSource {
    /// Nothing to pay for: no tokens, or a free step.
    #[default]
    Nothing,
    /// Tokens times prices of a row.
    Computed,
    /// What the emitter says.
    Reported,
    /// There are tokens and no price for them: the cost is not known and counts as 0.
    Unpriced,
}

/// Tokens of one bucket and what they cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostLine {
    /// Which.
    pub bucket: Bucket,
    /// How many.
    pub tokens: u64,
    /// The price that was used, USD a token; none where the row has none for the bucket.
    pub usd_per_token: Option<f64>,
    /// The field of the row that it stands in (`cache_read_input_token_cost`), or empty.
    pub field: String,
    /// Tokens times price; or what the request itself costs, on a line without tokens.
    pub usd: f64,
}

/// How the row of a model was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matched {
    /// The name is the row's key.
    Exact,
    /// After the provider or region before it was left out or put before it.
    Provider,
    /// After the date or version behind it was left out.
    Date,
    /// By a pattern of the user.
    Pattern,
}

/// The row that a step was priced by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriceRef {
    /// Its key.
    pub key: String,
    /// The table: `built-in`, the name of the user's file, or `override:KEY`.
    pub table: String,
    /// Line of the table where the row begins, where it was read from a file.
    pub line: Option<u32>,
    /// How it was found.
    pub matched: Matched,
    /// The tier that was used (`above_200k_tokens`), or empty.
    pub tier: String,
    /// The price class that was used (`default`, `flex`, `priority`, `batch`).
    pub service_tier: String,
    /// Since when it is valid, as it was written (`2026-03-01`), or empty.
    pub effective_from: String,
}

/// What a step costs, and why.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// What counts, USD.
    pub usd: f64,
    /// Where that comes from.
    pub source: CostSource,
    /// Tokens times prices, where there is a row.
    pub computed: Option<f64>,
    /// What the emitter says.
    pub reported: Option<f64>,
    /// Bucket by bucket.
    pub lines: Vec<CostLine>,
    /// The row.
    pub row: Option<PriceRef>,
}

/// Which of two costs counts, where a step has a reported one and one by price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostChoice {
    /// Tokens times prices where all have a price, else what is reported, else what is priced of it.
    #[default]
    Computed,
    /// What is reported and nothing else.
    Reported,
    /// What is reported, else tokens times prices.
    PreferReported,
}

/// What must be known of a step to price it (see [`Step`], which documents what has the same name).
#[derive(Debug, Clone, Copy)]
pub struct Priced<'a> {
    /// What it is.
    pub kind: Kind,
    /// Who runs the model.
    pub provider: &'a str,
    /// The model that answered, or else the one that was asked for.
    pub model: &'a str,
    /// The model that was asked for, which is looked up where the other has no price.
    pub request_model: &'a str,
    /// Tokens, disjoint.
    pub usage: &'a Usage,
    /// The price class.
    pub service_tier: &'a str,
    /// What the emitter says it cost, USD.
    pub reported_cost: Option<f64>,
    /// Whether it is never charged.
    pub is_free: bool,
    /// Whether it failed, so that what is charged for a request is not.
    pub is_failed: bool,
}

impl<'a> From<&'a Step> for Priced<'a> {
    fn from(step: &'a Step) -> Self {
        Self {
            kind: step.kind,
            provider: &step.provider,
            model: step.model(),
            request_model: &step.request_model,
            usage: &step.usage,
            service_tier: &step.service_tier,
            reported_cost: step.reported_cost,
            is_free: step.is_free,
            is_failed: !step.error.is_empty(),
        }
    }
}

impl Cost {
    /// Tokens that a row was found for but no price, or that no row was found for where that is why
    /// nothing counts.
    pub fn unpriced_tokens(&self, usage: &Usage) -> u64 {
        match self.source {
            CostSource::Unpriced => usage.total(),
            CostSource::Computed => {
                let without = self.lines.iter().filter(|line| line.usd_per_token.is_none());
                without.fold(0, |sum, line| sum.saturating_add(line.tokens))
            }
            CostSource::Nothing | CostSource::Reported => 0,
        }
    }
}

#[cfg(test)]
mod tests;
