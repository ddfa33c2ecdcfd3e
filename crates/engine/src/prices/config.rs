//! Section `prices` of the configuration.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use watchkeep_genai::price::{CostChoice, PriceTable};
use watchkeep_model::{Error, Result};

use crate::humane::HumaneDuration;

/// Section `prices`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PricesConfig {
    /// Which cost counts where a step has a reported one and one by price.
    pub cost: CostChoice,
    /// A price table in `LiteLLM`'s format, which goes before the built-in one.
    pub file: Option<PathBuf>,
    /// How often it is looked whether the file has changed; 0 for never.
    pub check_interval: HumaneDuration,
    /// Rows that go before the file: `model` is the key, all else is as in `LiteLLM`'s format.
    pub overrides: Vec<Value>,
}

impl Default for PricesConfig {
    fn default() -> Self {
        Self {
            cost: CostChoice::default(),
            file: None,
            check_interval: HumaneDuration(Duration::from_secs(30)),
            overrides: Vec::new(),
        }
    }
}

impl PricesConfig {
    /// Fails where an override is not understood.
    pub fn check(&self) -> Result<()> {
        self.table().map(|_table| ())
    }

    /// The overrides as a table; none where there are none.
    pub(super) fn table(&self) -> Result<Option<Arc<PriceTable>>> {
        if self.overrides.is_empty() {
            return Ok(None);
        }
        let mut rows = Vec::with_capacity(self.overrides.len());
        for (at, row) in self.overrides.iter().enumerate() {
            let model = row.get("model").and_then(Value::as_str).unwrap_or_default();
            if model.is_empty() {
                let message = format!("prices.overrides[{at}] has no model");
                return Err(Error::invalid(message));
            }
            rows.push((model, row));
        }
        let table = PriceTable::of_rows("config", rows)
            .map_err(|error| Error::invalid(format!("prices.overrides: {}", error.message())))?;
        Ok(Some(Arc::new(table)))
    }
}
