//! Prices of a token of a model, for what would have been.

use std::cell::RefCell;
use std::sync::Arc;

use hashbrown::HashMap;
use watchkeep_genai::price::PriceBook;
use watchkeep_genai::step::{Dialect, Kind, Step};
use watchkeep_genai::{Bucket, Usage};

/// Tokens that a price is asked for: few, so that it is the one of the lowest tier.
const PROBE_TOKENS: u64 = 100;

/// USD a token by bucket, where the model has a price.
pub(super) type Units = [Option<f64>; Bucket::ALL.len()];

type Known = HashMap<(Arc<str>, Arc<str>), Option<Units>>;

/// Prices that were looked up at one instant.
pub(super) struct UnitPrices<'a> {
    book: &'a PriceBook,
    at_ns: i64,
    known: RefCell<Known>,
}

impl<'a> UnitPrices<'a> {
    pub(super) fn new(book: &'a PriceBook, at_ns: i64) -> Self {
        Self { book, at_ns, known: RefCell::default() }
    }

    /// Prices of a model; none where it has none.
    pub(super) fn of(&self, provider: &Arc<str>, model: &Arc<str>) -> Option<Units> {
        let key = (Arc::clone(provider), Arc::clone(model));
        if let Some(known) = self.known.borrow().get(&key) {
            return *known;
        }
        let mut usage = Usage::default();
        for bucket in Bucket::ALL {
            usage.set(bucket, PROBE_TOKENS);
        }
        let cost = self.book.cost(&step(provider, model, usage, ""), self.at_ns);
        let mut units: Units = [None; Bucket::ALL.len()];
        for line in &cost.lines {
            units[line.bucket as usize] = line.usd_per_token;
        }
        let units = cost.row.is_some().then_some(units);
        self.known.borrow_mut().insert(key, units);
        units
    }

    /// What tokens would cost with a model and a price class; none where it is not known.
    pub(super) fn usd(
        &self,
        (provider, model): (&str, &str),
        usage: Usage,
        service_tier: &str,
    ) -> Option<f64> {
        self.book.cost(&step(provider, model, usage, service_tier), self.at_ns).computed
    }

    /// What reading from the cache saved: what it would have cost afresh, less what it cost, less
    /// what writing the cache cost more.
    pub(super) fn savings_usd(&self, provider: &Arc<str>, model: &Arc<str>, usage: &Usage) -> f64 {
        let of_cache = [Bucket::InputCached, Bucket::CacheWrite5m, Bucket::CacheWrite1h];
        if of_cache.into_iter().all(|bucket| usage.get(bucket) == 0) {
            return 0.0;
        }
        let Some(units) = self.of(provider, model) else { return 0.0 };
        let Some(afresh) = units[Bucket::Input as usize] else { return 0.0 };
        let one = |bucket: Bucket| {
            units[bucket as usize].map_or(0.0, |unit| usage.get(bucket) as f64 * (afresh - unit))
        };
        of_cache.into_iter().map(one).sum()
    }

    /// What is saved by each token that is read from the cache instead of afresh.
    pub(super) fn cache_discount(&self, provider: &Arc<str>, model: &Arc<str>) -> f64 {
        let units = self.of(provider, model);
        let of = |bucket: Bucket| units.and_then(|units| units[bucket as usize]);
        match (of(Bucket::Input), of(Bucket::InputCached)) {
            (Some(afresh), Some(cached)) => (afresh - cached).max(0.0),
            _ => 0.0,
        }
    }
}

fn step(provider: &str, model: &str, usage: Usage, service_tier: &str) -> Step {
    let mut step = Step::new(Kind::Llm, Dialect::OpenTelemetry);
    provider.clone_into(&mut step.provider);
    model.clone_into(&mut step.request_model);
    model.clone_into(&mut step.response_model);
    service_tier.clone_into(&mut step.service_tier);
    step.usage = usage;
    step
}
