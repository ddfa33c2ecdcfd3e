//! Section `budgets` of the configuration.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use watchkeep_model::{Error, Result, TenantId};

use super::definition::Budget;
use crate::humane::HumaneDuration;

/// Section `budgets`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetsConfig {
    /// Budgets that can not be changed by API.
    pub definitions: Vec<Budget>,
    /// The tenant that they are for.
    pub tenant: String,
    /// Budgets that a tenant may have.
    pub budgets_max: usize,
    /// Values (users, sessions) of which one budget keeps what they spent; others are not followed.
    pub values_max: usize,
    /// How long a reservation holds what it does not say.
    pub reservation_ttl: HumaneDuration,
    /// The longest that a reservation may ask for.
    pub reservation_ttl_max: HumaneDuration,
    /// Reservations that a tenant may have open at one time.
    pub reservations_max: usize,
    /// Steps of which the usage counts before it is decided, for each tenant.
    pub undecided_max: usize,
    /// Time between two samples of `watchkeep_budget_*`.
    pub metrics_interval: HumaneDuration,
    /// Values of one budget that have series of `watchkeep_budget_*`: those with the highest share.
    pub metrics_values_max: usize,
}

impl Default for BudgetsConfig {
    fn default() -> Self {
        Self {
            definitions: Vec::new(),
            tenant: TenantId::default().to_string(),
            budgets_max: 1_000,
            values_max: 100_000,
            reservation_ttl: HumaneDuration(Duration::from_mins(1)),
            reservation_ttl_max: HumaneDuration(Duration::from_hours(1)),
            reservations_max: 100_000,
            undecided_max: 100_000,
            metrics_interval: HumaneDuration(Duration::from_secs(15)),
            metrics_values_max: 100,
        }
    }
}

impl BudgetsConfig {
    /// Fails where a budget is wrong, two have one id, or something leaves nothing allowed.
    pub fn check(&self) -> Result<()> {
        TenantId::new(&self.tenant)?;
        let at_least_one = [
            ("budgets_max", self.budgets_max),
            ("values_max", self.values_max),
            ("reservations_max", self.reservations_max),
            ("undecided_max", self.undecided_max),
        ];
        if let Some((key, _)) = at_least_one.iter().find(|(_, value)| *value == 0) {
            return Err(Error::invalid(format!("budgets.{key} must be at least 1")));
        }
        if self.metrics_interval.0 < Duration::from_secs(1) {
            return Err(Error::invalid("budgets.metrics_interval must be at least 1s"));
        }
        let (ttl, ttl_max) = (self.reservation_ttl.0, self.reservation_ttl_max.0);
        if ttl.is_zero() || ttl > ttl_max || ttl_max > Duration::from_hours(24) {
            return Err(Error::invalid(
                "budgets.reservation_ttl must be more than 0 and at most \
                 budgets.reservation_ttl_max, which must be at most 24h",
            ));
        }
        if self.definitions.len() > self.budgets_max {
            return Err(Error::invalid("budgets.definitions are more than budgets.budgets_max"));
        }
        let mut ids = std::collections::HashSet::new();
        for (at, budget) in self.definitions.iter().enumerate() {
            let budget = budget.clone().named();
            budget.check().map_err(|wrong| {
                let place = format!("budgets.definitions[{at}].{}", wrong.field);
                Error::invalid(format!("{place} {}", wrong.message))
            })?;
            if !ids.insert(budget.id.clone()) {
                let message = format!("budgets.definitions[{at}].id {} is there twice", budget.id);
                return Err(Error::invalid(message));
            }
        }
        Ok(())
    }
}
