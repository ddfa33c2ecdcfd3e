//! History at the prices in force: what it would cost, and correcting what the ledger says.
//!
//! Counters that were written (`watchkeep_llm_cost_usd_total`) stay as they are, since a counter must
//! not go back; the ledger, and with it runs, costs and reports, is corrected.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use watchkeep_genai::price::{Cost, CostSource, PriceBook, Priced};
use watchkeep_genai::{Kind, Usage};
use watchkeep_model::{Error, Result, SpanId, TenantId, TimeRange, TraceId};

use crate::agents::facts::{Counted, Entry, RunFact, StepFact};
use crate::agents::ledger::LedgerQuery;
use crate::engine::Engine;

/// Steps that are looked at in one go.
pub const STEPS_MAX: usize = 500_000;
/// Steps that are corrected in one go: they are held in memory meanwhile.
pub const CORRECTED_MAX: usize = 100_000;
/// Models that are told apart in the answer.
pub const MODELS_MAX: usize = 1_000;
/// A run may have begun so long before its steps.
const RUN_NS_MAX: i64 = 7 * 86_400 * 1_000_000_000;
/// Facts that are written in one go.
const WRITTEN_MAX: usize = 2_000;
/// Costs that differ by less are the same.
const SAME_USD: f64 = 1e-12;

/// Which steps are priced again, and as what.
#[derive(Debug, Clone)]
pub struct Reprice {
    /// When the steps happened.
    pub range: TimeRange,
    /// Steps of this model only.
    pub model: Option<String>,
    /// Steps of this service only.
    pub service: Option<String>,
    /// As if this model had been called instead; a question only.
    pub as_model: Option<String>,
    /// Who would run that model; anybody where this is empty.
    pub as_provider: String,
    /// Whether nothing is written.
    pub dry_run: bool,
}

/// What pricing again came to, of steps that count.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Repriced {
    /// Steps that were looked at, whether they count or not.
    pub steps: u64,
    /// Steps whose cost is another now.
    pub changed: u64,
    /// Runs that were corrected.
    pub runs_changed: u64,
    /// Sums by provider and model, the dearest before first.
    pub models: Vec<RepricedModel>,
    /// Of all models, those that are not listed too.
    pub total: Sums,
}

/// Sums of one model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RepricedModel {
    /// Who runs it.
    pub provider: String,
    /// The model.
    pub model: String,
    /// Its sums.
    pub sums: Sums,
}

/// Sums over steps that count.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sums {
    /// Steps.
    pub steps: u64,
    /// Their tokens.
    pub tokens: u64,
    /// What they cost by the ledger, USD.
    pub usd_before: f64,
    /// What they cost at the prices in force, USD.
    pub usd_after: f64,
    /// Tokens without a price by the ledger.
    pub unpriced_before: u64,
    /// Tokens without a price now.
    pub unpriced_after: u64,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.usd_before += other.usd_before;
        self.usd_after += other.usd_after;
        self.unpriced_before = self.unpriced_before.saturating_add(other.unpriced_before);
        self.unpriced_after = self.unpriced_after.saturating_add(other.unpriced_after);
    }
}

type Place = (TraceId, SpanId);

/// The latest word on a step.
struct Seen {
    written_ns: i64,
    /// `None` where the latest word is not of what was asked for.
    step: Option<SeenStep>,
}

struct SeenStep {
    model: (String, String),
    /// Zero where the step does not count.
    sums: Sums,
    is_changed: bool,
    correction: Option<Box<Entry<StepFact>>>,
}

#[derive(Default)]
struct Gathered {
    seen: HashMap<Place, Seen>,
    corrected: usize,
}

/// What is done with each fact.
struct Pricer {
    book: Arc<PriceBook>,
    asked: Reprice,
    now_ns: i64,
}

impl Pricer {
    fn see(&self, gathered: &mut Gathered, entry: Entry<StepFact>) -> Result<bool> {
        let place = (entry.trace_id, entry.span_id);
        let held = gathered.seen.get(&place);
        if held.is_some_and(|held| held.written_ns > entry.written_ns) {
            return Ok(true);
        }
        let is_held = held
            .is_some_and(|held| held.step.as_ref().is_some_and(|step| step.correction.is_some()));
        gathered.corrected -= usize::from(is_held);
        let written_ns = entry.written_ns;
        let step = self.is_asked_for(&entry.fact).then(|| self.price(entry));
        let is_held = step.as_ref().is_some_and(|step| step.correction.is_some());
        gathered.corrected += usize::from(is_held);
        gathered.seen.insert(place, Seen { written_ns, step });
        if gathered.seen.len() > STEPS_MAX {
            return Err(too_many("looked at", STEPS_MAX));
        }
        if gathered.corrected > CORRECTED_MAX {
            return Err(too_many("corrected", CORRECTED_MAX));
        }
        Ok(true)
    }

    fn is_asked_for(&self, fact: &StepFact) -> bool {
        let is_model = self.asked.model.as_ref().is_none_or(|model| *model == fact.model);
        // Only what writes can be done by another model.
        let is_kind = self.asked.as_model.is_none() || fact.kind == Kind::Llm;
        is_model && is_kind && (fact.kind.calls_model() || !fact.tokens.0.is_empty())
    }

    fn price(&self, mut entry: Entry<StepFact>) -> SeenStep {
        let fact = &entry.fact;
        let cost = self.cost(fact, entry.time_ns);
        let sums = match fact.counted {
            Counted::Yes => Sums {
                steps: 1,
                tokens: fact.tokens.0.total(),
                usd_before: fact.cost_usd,
                usd_after: cost.usd,
                unpriced_before: unpriced(fact.cost_source, &fact.tokens.0),
                unpriced_after: unpriced(cost.source, &fact.tokens.0),
            },
            _ => Sums::default(),
        };
        let is_changed =
            (cost.usd - fact.cost_usd).abs() > SAME_USD || cost.source != fact.cost_source;
        let model = (fact.provider.to_string(), fact.model.to_string());
        let correction = (is_changed && !self.asked.dry_run).then(|| {
            let row = cost.row.unwrap_or_else(no_row);
            entry.fact.cost_usd = cost.usd;
            entry.fact.cost_source = cost.source;
            entry.fact.price = row.key.into();
            entry.fact.tier = row.tier.into();
            // Later than what it replaces, whatever the clock says.
            entry.written_ns = self.now_ns.max(entry.written_ns.saturating_add(1));
            Box::new(entry)
        });
        SeenStep { model, sums, is_changed, correction }
    }

    fn cost(&self, fact: &StepFact, at_ns: i64) -> Cost {
        let reported = fact.cost_source == CostSource::Reported;
        let priced = Priced {
            kind: fact.kind,
            provider: &fact.provider,
            model: &fact.model,
            request_model: &fact.request_model,
            usage: &fact.tokens.0,
            service_tier: &fact.service_tier,
            reported_cost: reported.then_some(fact.cost_usd),
            is_free: fact.counted == Counted::Free,
            is_failed: !fact.error.is_empty(),
        };
        let Some(as_model) = &self.asked.as_model else { return self.book.cost_of(&priced, at_ns) };
        // What was reported is of the model that was called. Nor is its price class that of the other.
        let mut cost = self.book.cost_of(
            &Priced {
                provider: &self.asked.as_provider,
                model: as_model,
                request_model: as_model,
                service_tier: "",
                reported_cost: None,
                ..priced
            },
            at_ns,
        );
        if let Some(computed) = cost.computed {
            (cost.usd, cost.source) = (computed, CostSource::Computed);
        }
        cost
    }
}

fn no_row() -> watchkeep_genai::price::PriceRef {
    watchkeep_genai::price::PriceRef {
        key: String::new(),
        table: String::new(),
        line: None,
        matched: watchkeep_genai::price::Matched::Exact,
        tier: String::new(),
        service_tier: String::new(),
        effective_from: String::new(),
    }
}

fn unpriced(source: CostSource, tokens: &Usage) -> u64 {
    if source == CostSource::Unpriced { tokens.total() } else { 0 }
}

fn too_many(what: &str, max: usize) -> Error {
    Error::invalid(format!("more than {max} steps would be {what}: ask for a shorter range"))
}

/// What changes in a run.
#[derive(Debug, Clone, Copy, Default)]
struct Change {
    usd: f64,
    /// Tokens without a price: more where positive.
    unpriced: i128,
}

impl Engine {
    /// Prices steps of the past again, each at its instant.
    pub async fn reprice(&self, tenant: &TenantId, asked: Reprice) -> Result<Repriced> {
        if asked.as_model.is_some() && !asked.dry_run {
            let message = "what another model would have cost is a question: it needs dry_run";
            return Err(Error::invalid(message));
        }
        let query = LedgerQuery { service: asked.service.clone(), ..LedgerQuery::all(asked.range) };
        let (range, dry_run, now_ns) = (asked.range, asked.dry_run, self.clock.now_ns());
        let pricer = Pricer { book: self.prices.book(tenant), asked, now_ns };
        let see = move |gathered: &mut Gathered, entry| pricer.see(gathered, entry);
        let gathered = self.read_facts(tenant, query, Gathered::default(), see).await?;
        let (mut answer, corrections) = summed(gathered);
        if !dry_run {
            answer.runs_changed = self.correct(tenant, corrections, range).await?;
        }
        Ok(answer)
    }

    /// Writes corrected steps, and the runs that they belong to; how many runs these are.
    async fn correct(
        &self,
        tenant: &TenantId,
        corrections: Vec<(Entry<StepFact>, Change)>,
        range: TimeRange,
    ) -> Result<u64> {
        let mut runs: HashMap<Place, Change> = HashMap::new();
        let mut steps = Vec::with_capacity(corrections.len());
        for (entry, change) in corrections {
            if entry.fact.run.is_some() && entry.fact.counted == Counted::Yes {
                let held = runs.entry((entry.trace_id, entry.fact.run)).or_default();
                held.usd += change.usd;
                held.unpriced += change.unpriced;
            }
            steps.push(entry);
        }
        // Steps first: a crash in between leaves sums of runs that the next settling mends, while the
        // other way round asking again would correct the runs twice.
        for chunk in steps.chunks(WRITTEN_MAX) {
            self.write_facts(tenant, chunk, None).await?;
        }
        let start_ns = range.start_ns.saturating_sub(RUN_NS_MAX);
        let query = LedgerQuery::all(TimeRange { start_ns, ..range });
        let wanted: HashMap<Place, Change> = runs;
        let see = move |(wanted, latest): &mut (HashMap<Place, Change>, HashMap<Place, _>),
                        entry: Entry<RunFact>| {
            let place = (entry.trace_id, entry.span_id);
            let is_newer = |held: &Entry<RunFact>| held.written_ns <= entry.written_ns;
            if wanted.contains_key(&place) && latest.get(&place).is_none_or(is_newer) {
                latest.insert(place, entry);
            }
            Ok(true)
        };
        let gathered = (wanted, HashMap::new());
        let (wanted, latest) = self.read_facts(tenant, query, gathered, see).await?;
        let now_ns = self.clock.now_ns();
        let mut corrected = Vec::with_capacity(latest.len());
        for (place, mut entry) in latest {
            let change = wanted.get(&place).copied().unwrap_or_default();
            let fact = &mut entry.fact;
            fact.cost_usd = (fact.cost_usd + change.usd).max(0.0);
            let unpriced = i128::from(fact.unpriced_tokens) + change.unpriced;
            fact.unpriced_tokens = u64::try_from(unpriced.max(0)).unwrap_or(u64::MAX);
            entry.written_ns = now_ns.max(entry.written_ns.saturating_add(1));
            corrected.push(entry);
        }
        for chunk in corrected.chunks(WRITTEN_MAX) {
            self.write_facts(tenant, chunk, None).await?;
        }
        Ok(corrected.len() as u64)
    }
}

/// The answer, and the corrections with what each changes.
fn summed(gathered: Gathered) -> (Repriced, Vec<(Entry<StepFact>, Change)>) {
    let mut answer = Repriced::default();
    let mut models: BTreeMap<(String, String), Sums> = BTreeMap::new();
    let mut corrections = Vec::with_capacity(gathered.corrected);
    for step in gathered.seen.into_values().filter_map(|seen| seen.step) {
        answer.steps += 1;
        answer.changed += u64::from(step.is_changed);
        answer.total.add(&step.sums);
        if step.sums.steps > 0 {
            models.entry(step.model).or_default().add(&step.sums);
        }
        if let Some(entry) = step.correction {
            let unpriced =
                i128::from(step.sums.unpriced_after) - i128::from(step.sums.unpriced_before);
            let usd = step.sums.usd_after - step.sums.usd_before;
            corrections.push((*entry, Change { usd, unpriced }));
        }
    }
    let model = |((provider, model), sums)| RepricedModel { provider, model, sums };
    answer.models = models.into_iter().map(model).collect();
    answer.models.sort_by(|a, b| b.sums.usd_before.total_cmp(&a.sums.usd_before));
    answer.models.truncate(MODELS_MAX);
    (answer, corrections)
}
