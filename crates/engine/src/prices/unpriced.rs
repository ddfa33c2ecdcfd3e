//! Models that were used and have no price: what was not counted as money must be seen.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use parking_lot::Mutex;
use watchkeep_model::TenantId;

/// Models that are remembered over all tenants.
pub const MODELS_MAX: usize = 2_000;
/// Services that are remembered of each.
pub const SERVICES_MAX: usize = 20;

/// A use of a model without a price.
#[derive(Debug, Clone, Copy)]
pub struct UnpricedUse<'a> {
    /// Who runs the model.
    pub provider: &'a str,
    /// The model.
    pub model: &'a str,
    /// `service.name`.
    pub service: &'a str,
    /// Tokens that were not priced.
    pub tokens: u64,
    /// When, nanoseconds since the epoch.
    pub at_ns: i64,
}

/// A model without a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpricedModel {
    /// Who runs it.
    pub provider: String,
    /// The model.
    pub model: String,
    /// Services that used it, sorted; the first twenty that came.
    pub services: BTreeSet<String>,
    /// Steps.
    pub calls: u64,
    /// Tokens that were not priced.
    pub tokens: u64,
    /// The first use that is known, nanoseconds since the epoch.
    pub first_ns: i64,
    /// The last.
    pub last_ns: i64,
}

/// Models without a price, of all tenants, since the start.
#[derive(Debug, Default)]
pub(super) struct Unpriced(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    tenants: HashMap<TenantId, Vec<UnpricedModel>>,
    models: usize,
    is_full: bool,
}

impl Unpriced {
    pub(super) fn note(&self, tenant: &TenantId, used: &UnpricedUse<'_>) {
        let mut held = self.0.lock();
        let is_full = held.models >= MODELS_MAX;
        let known = held.tenants.get_mut(tenant).and_then(|models| {
            let same = |held: &&mut UnpricedModel| {
                held.model == used.model && held.provider == used.provider
            };
            models.iter_mut().find(same)
        });
        if let Some(model) = known {
            return model.add(used);
        }
        if is_full {
            held.is_full = true;
            return;
        }
        let mut model = UnpricedModel {
            provider: used.provider.to_owned(),
            model: used.model.to_owned(),
            services: BTreeSet::new(),
            calls: 0,
            tokens: 0,
            first_ns: used.at_ns,
            last_ns: used.at_ns,
        };
        model.add(used);
        held.models += 1;
        held.tenants.entry(tenant.clone()).or_default().push(model);
    }

    /// A tenant's models, most tokens first, and whether some were not remembered.
    pub(super) fn of(&self, tenant: &TenantId) -> (Vec<UnpricedModel>, bool) {
        let held = self.0.lock();
        let mut models = held.tenants.get(tenant).cloned().unwrap_or_default();
        models.sort_by(|a, b| b.tokens.cmp(&a.tokens).then_with(|| a.model.cmp(&b.model)));
        (models, held.is_full)
    }
}

impl UnpricedModel {
    fn add(&mut self, used: &UnpricedUse<'_>) {
        self.calls += 1;
        self.tokens = self.tokens.saturating_add(used.tokens);
        self.first_ns = self.first_ns.min(used.at_ns);
        self.last_ns = self.last_ns.max(used.at_ns);
        if self.services.len() < SERVICES_MAX && !self.services.contains(used.service) {
            self.services.insert(used.service.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_add_up_by_model_and_the_number_of_models_is_bounded() {
        let (unpriced, tenant) = (Unpriced::default(), TenantId::default());
        let note = |model: &str, service: &str, tokens, at_ns| {
            let used = UnpricedUse { provider: "acme", model, service, tokens, at_ns };
            unpriced.note(&tenant, &used);
        };
        note("a", "s", 5, 20);
        note("b", "s", 9, 20);
        note("a", "r", 7, 10);
        let (models, is_full) = unpriced.of(&tenant);
        assert!(!is_full);
        let shown: Vec<_> = models.iter().map(|m| (&*m.model, m.calls, m.tokens)).collect();
        assert_eq!(shown, [("a", 2, 12), ("b", 1, 9)]);
        assert_eq!((models[0].first_ns, models[0].last_ns), (10, 20));
        assert!(models[0].services.iter().eq(["r", "s"]));
        for at in 0..MODELS_MAX {
            note(&format!("m{at}"), "s", 1, 0);
        }
        note("a", "s", 1, 0);
        let (models, is_full) = unpriced.of(&tenant);
        assert!(is_full);
        assert_eq!((models.len(), models[0].calls), (MODELS_MAX, 3));
    }
}
