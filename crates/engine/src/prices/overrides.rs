//! Prices that were set by API, kept as a document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use watchkeep_genai::price::{OVERRIDES, PriceTable};
use watchkeep_model::{Error, ErrorKind, Result, TenantId};

use crate::engine::Engine;

/// The kind of the document.
pub(super) const DOCUMENT: &str = "prices";
/// Keys that are overridden at most, over all tenants.
pub const OVERRIDES_MAX: usize = 5_000;
/// Rows of one key at most.
pub const ROWS_MAX: usize = 100;
/// Bytes of a key at most.
pub const KEY_BYTES_MAX: usize = 512;

/// Rows by key by tenant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Overrides(BTreeMap<String, BTreeMap<String, Value>>);

/// Rows that a tenant set for a key.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceOverride {
    /// The key, as in price tables.
    pub key: String,
    /// The rows, in `LiteLLM`'s format.
    pub rows: Vec<Value>,
}

impl PriceOverride {
    fn of(key: &str, value: &Value) -> Self {
        let rows = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        Self { key: key.to_owned(), rows }
    }
}

impl Overrides {
    /// A table a tenant.
    pub(super) fn tables(&self) -> Result<Vec<(TenantId, PriceTable)>> {
        let table = |(tenant, rows): (&String, &BTreeMap<String, Value>)| {
            let rows = rows.iter().map(|(key, value)| (&**key, value));
            Ok((TenantId::new(tenant)?, PriceTable::of_rows(OVERRIDES, rows)?))
        };
        self.0.iter().map(table).collect()
    }

    fn of(&self, tenant: &TenantId) -> Vec<PriceOverride> {
        let rows = self.0.get(tenant.as_str()).into_iter().flatten();
        rows.map(|(key, value)| PriceOverride::of(key, value)).collect()
    }

    fn set(&mut self, tenant: &TenantId, key: &str, rows: Value) {
        self.0.entry(tenant.as_str().to_owned()).or_default().insert(key.to_owned(), rows);
    }

    fn remove(&mut self, tenant: &TenantId, key: &str) -> bool {
        let Some(rows) = self.0.get_mut(tenant.as_str()) else { return false };
        let was_there = rows.remove(key).is_some();
        if rows.is_empty() {
            self.0.remove(tenant.as_str());
        }
        was_there
    }

    fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }
}

impl Engine {
    /// What a tenant overrides, by key.
    pub fn price_overrides(&self, tenant: &TenantId) -> Vec<PriceOverride> {
        self.prices.in_force.read().overrides.of(tenant)
    }

    /// Sets the row, or the rows (an array), of a key; once this returns they are durable and in force.
    /// Blocks.
    pub fn set_price_override(
        &self,
        tenant: &TenantId,
        key: &str,
        rows: Value,
    ) -> Result<PriceOverride> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(Error::invalid(format!("a key has 1 to {KEY_BYTES_MAX} bytes")));
        }
        let count = rows.as_array().map_or(1, Vec::len);
        if count == 0 || count > ROWS_MAX {
            return Err(Error::invalid(format!("a key has 1 to {ROWS_MAX} rows, got {count}")));
        }
        PriceTable::of_rows(OVERRIDES, [(key, &rows)])?;
        let set = PriceOverride::of(key, &rows);
        self.change_overrides(|overrides| {
            overrides.set(tenant, key, rows);
            if overrides.len() > OVERRIDES_MAX {
                let message = format!("at most {OVERRIDES_MAX} prices are overridden");
                return Err(Error::invalid(message));
            }
            Ok(())
        })?;
        Ok(set)
    }

    /// Takes the override of a key back; `NotFound` where there is none. Blocks.
    pub fn remove_price_override(&self, tenant: &TenantId, key: &str) -> Result<()> {
        self.change_overrides(|overrides| {
            if overrides.remove(tenant, key) {
                return Ok(());
            }
            Err(Error::new(ErrorKind::NotFound, format!("no price is overridden for {key:?}")))
        })
    }

    fn change_overrides(&self, change: impl FnOnce(&mut Overrides) -> Result<()>) -> Result<()> {
        let _alone = self.prices.changing.lock();
        let mut changed = self.prices.in_force.read().overrides.clone();
        change(&mut changed)?;
        self.documents.write(DOCUMENT, &changed)?;
        let mut in_force = self.prices.in_force.write();
        in_force.overrides = changed;
        in_force.rebuild(self.prices.config.cost)
    }
}
