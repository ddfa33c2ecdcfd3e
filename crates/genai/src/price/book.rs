//! Which row is for a step, and what the step costs by it.

use std::sync::Arc;

use hashbrown::{Equivalent, HashMap};
use parking_lot::RwLock;

use super::charge::charge;
use super::names::{Candidate, NAME_BYTES_MAX, candidates};
use super::row::Row;
use super::table::PriceTable;
use super::{Cost, CostChoice, CostSource, Matched, PriceRef, Priced};
use crate::step::Step;

/// Models whose rows are remembered; beyond it the memory starts anew.
const REMEMBERED_MAX: usize = 8_192;

/// Name of the table of rows that people set one by one; a [`PriceRef`] adds which.
pub const OVERRIDES: &str = "override";

/// A row that is for a model.
#[derive(Debug, Clone)]
pub struct Found {
    /// The row.
    pub row: Arc<Row>,
    /// The table that it stands in.
    pub table: Arc<str>,
    /// How it was found.
    pub matched: Matched,
    /// Whether the model was asked for as the variant that costs nothing.
    pub is_free: bool,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    provider: String,
    model: String,
}

/// A [`Key`] that is borrowed; its hash must be that of the other.
#[derive(Hash)]
struct Asked<'a> {
    provider: &'a str,
    model: &'a str,
}

impl Equivalent<Key> for Asked<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.provider == key.provider && self.model == key.model
    }
}

/// Price tables in the order in which they are asked, and which of two costs counts.
#[derive(Debug)]
pub struct PriceBook {
    tables: Vec<Arc<PriceTable>>,
    choice: CostChoice,
    remembered: RwLock<HashMap<Key, Arc<[Found]>>>,
}

impl Default for PriceBook {
    fn default() -> Self {
        Self::new(vec![PriceTable::built_in()], CostChoice::default())
    }
}

impl PriceBook {
    /// Prices of some tables; what an earlier one has a row for, a later one is not asked.
    pub fn new(tables: Vec<Arc<PriceTable>>, choice: CostChoice) -> Self {
        Self { tables, choice, remembered: RwLock::default() }
    }

    /// The tables, the first that is asked first.
    pub fn tables(&self) -> &[Arc<PriceTable>] {
        &self.tables
    }

    /// What a step costs that happened at an instant (nanoseconds since the epoch).
    pub fn cost(&self, step: &Step, at_ns: i64) -> Cost {
        self.cost_of(&Priced::from(step), at_ns)
    }

    /// The same of what is known of a step without the step itself.
    pub fn cost_of(&self, priced: &Priced<'_>, at_ns: i64) -> Cost {
        let reported = priced.reported_cost.filter(|usd| usd.is_finite() && *usd >= 0.0);
        let mut cost = Cost { reported, ..Cost::default() };
        let may_cost = !priced.usage.is_empty() || priced.kind.calls_model();
        if priced.is_free || !may_cost && reported.is_none() {
            return cost;
        }
        let mut is_whole = priced.usage.is_empty();
        let found = may_cost.then(|| self.row_of(priced, at_ns)).flatten();
        if let Some(found) = found {
            let charged = charge(&found.row, priced, found.is_free);
            if !charged.lines.is_empty() {
                is_whole = charged.is_whole;
                cost.computed = charged.has_price.then_some(charged.usd);
                cost.row = Some(reference(&found, charged.tier, charged.service_tier));
                cost.lines = charged.lines;
            }
        }
        self.choose(&mut cost, is_whole, priced.usage.is_empty());
        cost
    }

    /// Which of the two counts.
    fn choose(&self, cost: &mut Cost, is_whole: bool, is_empty: bool) {
        let reported = cost.reported.map(|usd| (usd, CostSource::Reported));
        let computed = cost.computed.map(|usd| (usd, CostSource::Computed));
        let whole = computed.filter(|_| is_whole);
        let chosen = match self.choice {
            CostChoice::Computed => whole.or(reported).or(computed),
            CostChoice::PreferReported => reported.or(computed),
            CostChoice::Reported => reported,
        };
        let none = if is_empty { CostSource::Nothing } else { CostSource::Unpriced };
        (cost.usd, cost.source) = chosen.unwrap_or((0.0, none));
    }

    /// The row of the model that answered, or else of the one that was asked for.
    fn row_of(&self, priced: &Priced<'_>, at_ns: i64) -> Option<Found> {
        let other = Some(priced.request_model).filter(|model| *model != priced.model);
        self.find(priced.provider, priced.model, at_ns)
            .or_else(|| self.find(priced.provider, other?, at_ns))
    }

    /// The row of a model of a provider (by OpenTelemetry's names, or empty) at an instant.
    pub fn find(&self, provider: &str, model: &str, at_ns: i64) -> Option<Found> {
        if model.is_empty() || model.len() > NAME_BYTES_MAX || provider.len() > NAME_BYTES_MAX {
            return None;
        }
        let first = |all: &[Found]| all.iter().find(|found| found.row.holds_at(at_ns)).cloned();
        if let Some(all) = self.remembered.read().get(&Asked { provider, model }) {
            return first(all);
        }
        let all: Arc<[Found]> = self.all(provider, model).into();
        let found = first(&all);
        let mut remembered = self.remembered.write();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        let key = Key { provider: provider.to_owned(), model: model.to_owned() };
        remembered.insert(key, all);
        found
    }

    /// All rows that could be a model's at some instant, the best first. After one that holds always
    /// nothing is looked for.
    fn all(&self, provider: &str, model: &str) -> Vec<Found> {
        let candidates = candidates(provider, model);
        let mut out = Vec::new();
        for table in &self.tables {
            for Candidate { key, matched, is_free, of } in &candidates {
                for row in table.of_key(key).iter().filter(|row| of.allows(&row.provider)) {
                    let (row, table) = (Arc::clone(row), Arc::clone(&table.name));
                    let is_last = row.holds_always();
                    out.push(Found { row, table, matched: *matched, is_free: *is_free });
                    if is_last {
                        return out;
                    }
                }
            }
        }
        for table in &self.tables {
            for row in table.patterns() {
                if row.pattern.as_ref().is_some_and(|pattern| pattern.is_match(model)) {
                    let (row, table) = (Arc::clone(row), Arc::clone(&table.name));
                    out.push(Found { row, table, matched: Matched::Pattern, is_free: false });
                }
            }
        }
        out
    }

    /// The keys under which the row of a model is looked for, the best first.
    pub fn keys_tried(&self, provider: &str, model: &str) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        for candidate in candidates(provider, model) {
            if !keys.contains(&candidate.key) {
                keys.push(candidate.key);
            }
        }
        keys
    }

    /// Keys that are most like a model's name, for people who wonder why it has no price.
    pub fn nearest(&self, model: &str, count: usize) -> Vec<String> {
        let wanted = bigrams(model);
        let mut scored: Vec<(usize, &str)> = Vec::new();
        for row in self.tables.iter().flat_map(|table| table.rows()) {
            let held = bigrams(&row.key);
            let shared = held.iter().filter(|pair| wanted.binary_search(pair).is_ok()).count();
            // Dice's measure in thousandths; less than half alike is no help.
            let score = 2_000 * shared / (held.len() + wanted.len()).max(1);
            if score >= 500 {
                scored.push((score, &row.key));
            }
        }
        scored.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        scored.dedup_by(|a, b| a.1 == b.1);
        scored.into_iter().take(count).map(|(_, key)| key.to_owned()).collect()
    }
}

/// Pairs of letters that follow each other, each once, sorted.
fn bigrams(text: &str) -> Vec<[u8; 2]> {
    let lower = text.bytes().take(NAME_BYTES_MAX).map(|byte| byte.to_ascii_lowercase());
    let bytes: Vec<u8> = lower.collect();
    let mut pairs: Vec<[u8; 2]> = bytes.windows(2).map(|pair| [pair[0], pair[1]]).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

fn reference(found: &Found, tier: String, service_tier: String) -> PriceRef {
    let key = &found.row.key;
    let is_override = &*found.table == OVERRIDES;
    PriceRef {
        key: key.clone(),
        table: if is_override { format!("{OVERRIDES}:{key}") } else { found.table.to_string() },
        line: found.row.line,
        matched: found.matched,
        tier,
        service_tier,
        effective_from: found.row.effective_from.clone(),
    }
}
