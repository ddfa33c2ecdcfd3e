//! Budgets: what may be spent, by whom and in which time; what was spent, and whether more may be.
//!
//! In reading order: [`config`], [`definition`] (what a budget is), [`window`] (in which time),
//! [`attributes`] (by whom), [`account`] (what one spent, in numbers), [`accounts`] (of all values of a
//! scope), [`live`] (budgets at work, told of steps), [`check`] (may this call be made), [`reservation`],
//! [`status`], [`recover`] (what was spent before the start), `run` (the background).
//!
//! Everything is in memory. Definitions are a document; what was spent can be counted again from the
//! ledger of steps, thresholds that were announced are events of the ledger, and reservations are
//! written there a moment after they were made.

mod account;
mod accounts;
pub mod attributes;
pub mod check;
pub mod config;
pub mod definition;
mod live;
mod recover;
pub mod reservation;
mod run;
pub mod status;
pub mod window;

#[cfg(test)]
mod tests;

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use serde::{Deserialize, Serialize};
use watchkeep_genai::step::{Dialect, Kind};
use watchkeep_genai::{Bucket, Step};
use watchkeep_model::{Clock, Error, ErrorKind, Result, TenantId, TimeRange};

use self::accounts::{Accounts, Amounts};
use self::check::{Question, Verdict};
use self::config::BudgetsConfig;
use self::definition::{Budget, Wrong};
pub use self::live::{Kept, Source};
use self::live::{Live, Spending, Tenant};
use self::reservation::Actual;
pub use self::run::run;
use self::status::{Standing, Status};
use crate::agents::facts::{Entry, EventFact, StepFact};
use crate::agents::ledger::LedgerQuery;
use crate::agents::observers::{Arrived, Before, DecidedStep};
use crate::documents::Documents;
use crate::engine::Engine;

/// The document of budgets that were set by API.
const DOCUMENT: &str = "budgets";

/// Budgets of all tenants.
#[derive(Debug)]
pub struct Budgets {
    config: BudgetsConfig,
    clock: Arc<dyn Clock>,
    started_ns: i64,
    tenants: RwLock<HashMap<TenantId, Arc<Tenant>>>,
    /// Held while definitions change.
    changing: Arc<Mutex<()>>,
    hasher: std::hash::RandomState,
    reservations_made: AtomicU64,
    counters: Counters,
}

#[derive(Debug)]
struct Counters {
    checks: IntCounterVec,
    open: IntGauge,
    expired: IntCounter,
    events: IntCounter,
    not_followed: IntCounter,
    written: IntCounter,
    failed_writes: IntCounter,
}

impl Counters {
    fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            prometheus::Result::Ok(counter)
        };
        let checks = IntCounterVec::new(
            Opts::new("wk_engine_budget_checks_total", "Checks of budgets, by what was decided"),
            &["decision"],
        )?;
        registry.register(Box::new(checks.clone()))?;
        let open = IntGauge::new("wk_engine_budget_reservations", "Reservations that are open")?;
        registry.register(Box::new(open.clone()))?;
        Ok(Self {
            checks,
            open,
            expired: counter(
                "wk_engine_budget_reservations_expired_total",
                "Reservations that nobody ended in their time",
            )?,
            events: counter(
                "wk_engine_budget_events_total",
                "Thresholds of budgets that were announced",
            )?,
            not_followed: counter(
                "wk_engine_budget_undecided_dropped_total",
                "Steps that did not count before they were decided, as budgets.undecided_max waited",
            )?,
            written: counter(
                "wk_engine_budget_reservation_changes_written_total",
                "Changes of reservations that are in the ledger",
            )?,
            failed_writes: counter(
                "wk_engine_budget_failed_writes_total",
                "Times that reservations, events or samples of budgets could not be stored",
            )?,
        })
    }
}

/// A budget of the document.
#[derive(Serialize, Deserialize)]
struct Written {
    tenant: String,
    created_ns: i64,
    updated_ns: i64,
    budget: Budget,
}

/// An event of a budget.
pub type BudgetEvent = Entry<EventFact>;

impl Budgets {
    /// None yet, under the default configuration.
    pub fn new(clock: Arc<dyn Clock>, registry: &Registry) -> Result<Self> {
        let counters = Counters::register(registry).map_err(|error| {
            Error::internal("cannot register metrics of budgets").with_source(error)
        })?;
        Ok(Self {
            config: BudgetsConfig::default(),
            started_ns: clock.now_ns(),
            clock,
            tenants: RwLock::default(),
            changing: Arc::default(),
            hasher: std::hash::RandomState::new(),
            reservations_made: AtomicU64::new(0),
            counters,
        })
    }

    /// The budgets of the configuration and of the document, which is read here.
    pub fn with_config(mut self, config: BudgetsConfig, documents: &Documents) -> Result<Self> {
        config.check()?;
        self.config = config;
        let written: Vec<Written> = documents.read(DOCUMENT)?.unwrap_or_default();
        for Written { tenant, created_ns, updated_ns, budget } in written {
            let tenant = self.tenant_or_new(&TenantId::new(&tenant)?);
            let kept = Kept { budget, source: Source::Api, created_ns, updated_ns };
            self.put(&tenant, kept).map_err(|wrong| {
                Error::corrupt(format!("state/{DOCUMENT}.json: {} {}", wrong.field, wrong.message))
            })?;
        }
        let tenant = self.tenant_or_new(&TenantId::new(&self.config.tenant)?);
        for budget in &self.config.definitions {
            let budget = budget.clone().named();
            let kept = Kept { budget, source: Source::Config, created_ns: 0, updated_ns: 0 };
            self.put(&tenant, kept).map_err(|wrong| Error::invalid(wrong.message))?;
        }
        Ok(self)
    }

    fn put(&self, tenant: &Tenant, kept: Kept) -> Result<Arc<Live>, Wrong> {
        let compiled = kept.budget.compile()?;
        let accounts = Accounts::new(&kept.budget, compiled, self.config.values_max);
        Ok(tenant.put(kept, Arc::new(accounts), None))
    }

    fn tenant(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.tenants.read().get(id).cloned()
    }

    fn tenant_or_new(&self, id: &TenantId) -> Arc<Tenant> {
        if let Some(tenant) = self.tenant(id) {
            return tenant;
        }
        Arc::clone(self.tenants.write().entry(id.clone()).or_default())
    }

    fn tenants(&self) -> Vec<(TenantId, Arc<Tenant>)> {
        let tenants = self.tenants.read();
        tenants.iter().map(|(id, tenant)| (id.clone(), Arc::clone(tenant))).collect()
    }

    /// Steps were stored: what they spend counts from now on.
    pub(crate) fn arrived(&self, tenant: &TenantId, steps: &[Arrived<'_>]) {
        let Some(tenant) = self.tenant(tenant) else { return };
        let now_ns = self.clock.now_ns();
        // Where there is no budget nobody asks who spends.
        let has_budgets = !tenant.live().is_empty();
        for Arrived { step, .. } in steps.iter().filter(|arrived| arrived.counts_now) {
            let key = (step.trace_id, step.span_id);
            let fits = !has_budgets || {
                let spending = spending(step.time_ns, &step.fact);
                tenant.count_arrived(key, &spending, now_ns, self.config.undecided_max)
            };
            self.counters.not_followed.inc_by(u64::from(!fits));
            // After the spending counts, so that there is no moment in which neither does.
            if fits && !step.fact.reservation.is_empty() {
                tenant.reservations.end(&step.fact.reservation, now_ns);
            }
        }
    }

    /// Steps were decided: takes back what was counted of them before, and counts what holds.
    pub(crate) fn decided(&self, tenant: &TenantId, steps: &[DecidedStep<'_>]) {
        let Some(tenant) = self.tenant(tenant) else { return };
        let now_ns = self.clock.now_ns();
        // One that comes now reads the ledger, where the steps are.
        let has_budgets = !tenant.live().is_empty();
        for DecidedStep { step, before } in steps {
            let spending = |fact: &StepFact| {
                has_budgets.then(|| recover::spending_of(step.time_ns, fact)).flatten()
            };
            // What was counted at arrival is known here.
            let earlier = match before {
                Before::Decided(fact) => spending(fact),
                Before::Arrived(_) | Before::Nothing => None,
            };
            let now = spending(&step.fact);
            let key = (step.trace_id, step.span_id);
            tenant.count_decided(key, earlier.as_ref(), now.as_ref(), now_ns);
            if !step.fact.reservation.is_empty() {
                tenant.reservations.end(&step.fact.reservation, now_ns);
            }
        }
    }

    /// An id that nobody can guess and that was not there before the last start either.
    fn reservation_id(&self) -> u128 {
        let number = self.reservations_made.fetch_add(1, Ordering::Relaxed);
        let half = |salt: u64| u128::from(self.hasher.hash_one((salt, number, self.started_ns)));
        half(0) << 64 | half(1)
    }
}

fn spending(time_ns: i64, fact: &StepFact) -> Spending {
    Spending {
        time_ns,
        attributes: attributes::Attributes::of_fact(fact),
        amounts: Amounts::of(fact),
    }
}

fn not_found(id: &str) -> Error {
    let id = crate::humane::short(id);
    Error::new(ErrorKind::NotFound, format!("there is no budget {id:?}"))
}

impl Engine {
    /// All budgets of a tenant by id, with how they stand: of those with an amount for each value, the
    /// highest standing.
    pub fn budgets(&self, tenant: &TenantId) -> Vec<(Kept, Option<Standing>)> {
        let Some(tenant) = self.budgets.tenant(tenant) else { return Vec::new() };
        let now_ns = self.clock.now_ns();
        let with_standing = |live: &Arc<Live>| {
            let mut status = status::status(live, None, 1, now_ns);
            (status.kept, status.standings.pop())
        };
        tenant.live().iter().map(with_standing).collect()
    }

    /// One budget.
    pub fn budget(&self, tenant: &TenantId, id: &str) -> Result<Kept> {
        let found = self.budgets.tenant(tenant).and_then(|tenant| tenant.find(id));
        found.map(|live| live.kept.clone()).ok_or_else(|| not_found(id))
    }

    /// How a budget stands: one value of its scope, or the highest.
    pub fn budget_status(
        &self,
        tenant: &TenantId,
        id: &str,
        scope_value: Option<&str>,
        limit: usize,
    ) -> Result<Status> {
        let live = self.budgets.tenant(tenant).and_then(|tenant| tenant.find(id));
        let live = live.ok_or_else(|| not_found(id))?;
        Ok(status::status(&live, scope_value, limit, self.clock.now_ns()))
    }

    /// Makes a budget. Once this returns, it survives a crash; what was spent before is counted in the
    /// background.
    pub async fn create_budget(
        self: &Arc<Self>,
        tenant: &TenantId,
        budget: Budget,
    ) -> Result<Kept, Wrong> {
        self.change_budget(tenant, budget.named(), false).await
    }

    /// Puts another in its place. What was spent stays where the new one counts the same.
    pub async fn replace_budget(
        self: &Arc<Self>,
        tenant: &TenantId,
        budget: Budget,
    ) -> Result<Kept, Wrong> {
        self.change_budget(tenant, budget, true).await
    }

    async fn change_budget(
        self: &Arc<Self>,
        id: &TenantId,
        budget: Budget,
        replaces: bool,
    ) -> Result<Kept, Wrong> {
        budget.check()?;
        self.store()?;
        let (engine, of) = (Arc::clone(self), id.clone());
        let changing = tokio::task::spawn_blocking(move || {
            engine.change_budget_blocking(&of, budget, replaces)
        });
        let live = changing
            .await
            .map_err(|error| Error::internal("changing a budget panicked").with_source(error))??;
        let kept = live.kept.clone();
        if !live.accounts.is_known() {
            let (engine, id) = (Arc::clone(self), id.clone());
            tokio::spawn(async move {
                let tenant = engine.budgets.tenant_or_new(&id);
                engine.catch_up_one(&id, &tenant, live).await;
            });
        }
        Ok(kept)
    }

    fn change_budget_blocking(
        &self,
        id: &TenantId,
        budget: Budget,
        replaces: bool,
    ) -> Result<Arc<Live>, Wrong> {
        let _alone = self.budgets.changing.lock();
        let tenant = self.budgets.tenant_or_new(id);
        let now_ns = self.clock.now_ns();
        let before = tenant.find(&budget.id);
        match (&before, replaces) {
            (None, true) => return Err(not_found(&budget.id).into()),
            (Some(_), false) => return Err(Wrong::new("id", "is taken by another budget")),
            (None, false) if tenant.live().len() >= self.budgets.config.budgets_max => {
                let key = "budgets.budgets_max";
                let message = format!("the tenant has as many budgets as {key} allows");
                return Err(Error::new(ErrorKind::LimitExceeded { key }, message).into());
            }
            _ => {}
        }
        if let Some(before) = &before {
            may_change(before)?;
        }
        let created_ns = before.as_ref().map_or(now_ns, |before| before.kept.created_ns);
        let kept = Kept { budget, source: Source::Api, created_ns, updated_ns: now_ns };
        self.write_budgets(id, &kept.budget.id, Some(&kept))?;
        let live = match before {
            Some(before) if before.kept.budget.counts_the_same(&kept.budget) => {
                let live = tenant.put(kept, Arc::clone(&before.accounts), Some(before.born));
                if live.accounts.is_known() {
                    tenant.announce_all(&live, now_ns);
                }
                live
            }
            _ => self.budgets.put(&tenant, kept)?,
        };
        Ok(live)
    }

    /// Takes a budget away.
    pub async fn delete_budget(self: &Arc<Self>, tenant: &TenantId, id: &str) -> Result<(), Wrong> {
        let (engine, of, id) = (Arc::clone(self), tenant.clone(), id.to_owned());
        let deleting = tokio::task::spawn_blocking(move || {
            let _alone = engine.budgets.changing.lock();
            let tenant = engine.budgets.tenant_or_new(&of);
            let live = tenant.find(&id).ok_or_else(|| Wrong::from(not_found(&id)))?;
            may_change(&live)?;
            engine.write_budgets(&of, &id, None)?;
            tenant.remove(&id);
            Ok(())
        });
        deleting
            .await
            .map_err(|error| Error::internal("deleting a budget panicked").with_source(error))?
    }

    /// Writes the document with one budget changed or left out.
    fn write_budgets(&self, of: &TenantId, id: &str, changed: Option<&Kept>) -> Result<()> {
        let mut all = Vec::new();
        for (tenant_id, tenant) in self.budgets.tenants() {
            for live in tenant.live().iter() {
                let is_changed = tenant_id == *of && live.kept.budget.id == id;
                if live.kept.source == Source::Api && !is_changed {
                    all.push(written(&tenant_id, &live.kept));
                }
            }
        }
        all.extend(changed.map(|kept| written(of, kept)));
        all.sort_by(|a, b| (&a.tenant, &a.budget.id).cmp(&(&b.tenant, &b.budget.id)));
        self.documents.write(DOCUMENT, &all)
    }

    /// Decides whether a call may be made, and holds what it will need where that is wanted.
    pub fn check_budgets(&self, tenant: &TenantId, question: &Question) -> Result<Verdict> {
        let now_ns = self.clock.now_ns();
        let (estimate, estimate_usd) = self.estimate(tenant, question, now_ns);
        let mut verdict = Verdict {
            decision: check::Decision::Allow,
            estimate_usd,
            reservation: None,
            retry_after_ns: None,
            budgets: Vec::new(),
        };
        if let Some(tenant) = self.budgets.tenant(tenant) {
            let config = &self.budgets.config;
            let open = tenant.reservations.len();
            if question.reserve && open >= config.reservations_max {
                return Err(Error::new(
                    ErrorKind::Overloaded { retry_after: std::time::Duration::from_secs(1) },
                    "as many reservations are open as budgets.reservations_max allows",
                ));
            }
            let mut attributes = question.attributes.clone();
            attributes.complete_model();
            let (decision, opinions, holds) =
                check::decide(&tenant, &attributes, estimate, question.reserve, now_ns);
            if question.reserve && decision != check::Decision::Deny {
                let longest = config.reservation_ttl_max.0.as_nanos() as i64;
                let ttl_ns = question.ttl_ns.unwrap_or(config.reservation_ttl.0.as_nanos() as i64);
                let expires_ns = now_ns.saturating_add(ttl_ns.clamp(1, longest));
                let id = self.budgets.reservation_id();
                let id = tenant.reservations.add(id, holds, expires_ns, now_ns);
                verdict.reservation = Some((id, expires_ns));
                self.budgets.counters.open.set(open as i64 + 1);
            }
            let mut waits = opinions.iter().filter(|one| one.decision == check::Decision::Deny);
            verdict.retry_after_ns = waits
                .try_fold(0, |most, one| Some(one.retry_after_ns?.max(most)))
                .filter(|wait| *wait > 0);
            (verdict.decision, verdict.budgets) = (decision, opinions);
        }
        self.budgets.counters.checks.with_label_values(&[verdict.decision.name()]).inc();
        Ok(verdict)
    }

    /// What a call will need, and what it will cost where that is known.
    fn estimate(&self, id: &TenantId, question: &Question, now_ns: i64) -> (Amounts, Option<f64>) {
        let given = |tokens: Option<f64>| tokens.unwrap_or(0.0).clamp(0.0, 9e15);
        let (mut input, mut output) = (given(question.input_tokens), given(question.output_tokens));
        // Tokens of which nobody says what they are may all be written, which costs most.
        output += (given(question.tokens) - input - output).max(0.0);
        if question.usd.is_none() && input + output > 0.0 {
            let mut step = Step::new(Kind::Llm, Dialect::OpenTelemetry);
            let of = &question.attributes;
            of.get("provider").clone_into(&mut step.provider);
            of.get("service_tier").clone_into(&mut step.service_tier);
            of.get("model").clone_into(&mut step.request_model);
            if step.request_model.is_empty() {
                of.get("request_model").clone_into(&mut step.request_model);
            }
            step.usage.set(Bucket::Input, input as u64);
            step.usage.set(Bucket::Output, output as u64);
            let cost = self.prices.book(id).cost(&step, now_ns);
            let usd = cost.row.is_some().then_some(cost.usd);
            return (Amounts { usd: usd.unwrap_or(0.0), input, output }, usd);
        }
        let usd = question.usd.map(|usd| usd.clamp(0.0, 9e15));
        if !(input.is_finite() && output.is_finite()) {
            (input, output) = (0.0, 0.0);
        }
        (Amounts { usd: usd.unwrap_or(0.0), input, output }, usd)
    }

    /// Says what a call used: so much is held until its span counts. Gives when that ends at the latest.
    pub fn settle_reservation(&self, tenant: &TenantId, id: &str, actual: Actual) -> Result<i64> {
        let now_ns = self.clock.now_ns();
        let longest_ns = self.budgets.config.reservation_ttl.0.as_nanos() as i64;
        let expires_ns = now_ns.saturating_add(longest_ns);
        self.budgets
            .tenant(tenant)
            .and_then(|tenant| tenant.reservations.settle(id, actual, expires_ns, now_ns))
            .ok_or_else(no_reservation)
    }

    /// The call was not made: nothing is held any more.
    pub fn release_reservation(&self, tenant: &TenantId, id: &str) -> Result<()> {
        let tenant = self.budgets.tenant(tenant);
        let found = tenant.is_some_and(|it| it.reservations.end(id, self.clock.now_ns()));
        if found { Ok(()) } else { Err(no_reservation()) }
    }

    /// Events of budgets in a range, newest first.
    pub async fn budget_events(
        &self,
        tenant: &TenantId,
        range: TimeRange,
        budget: Option<&str>,
        limit: usize,
    ) -> Result<Vec<BudgetEvent>> {
        let query =
            LedgerQuery::all(range).mentioning([recover::EVENT_KIND].into_iter().chain(budget));
        let wanted = budget.map(str::to_owned);
        let mut found = self
            .read_facts::<EventFact, _>(tenant, query, Vec::new(), move |all, entry| {
                let of = entry.fact.details.get("budget").and_then(|of| of.as_str());
                let is_wanted = wanted.is_none() || of == wanted.as_deref();
                if entry.fact.kind == recover::EVENT_KIND && is_wanted {
                    all.push(entry);
                }
                if all.len() >= limit.saturating_mul(2).max(1_024) {
                    newest(all, limit);
                }
                Ok(true)
            })
            .await?;
        newest(&mut found, limit);
        Ok(found)
    }
}

fn newest(events: &mut Vec<BudgetEvent>, limit: usize) {
    events.sort_by(|a, b| b.time_ns.cmp(&a.time_ns).then_with(|| b.fact.id.cmp(&a.fact.id)));
    events.truncate(limit);
}

fn may_change(live: &Live) -> Result<(), Wrong> {
    match live.kept.source {
        Source::Api => Ok(()),
        Source::Config => {
            Err(Wrong::new("id", "is of a budget of the configuration; change it there"))
        }
    }
}

fn written(tenant: &TenantId, kept: &Kept) -> Written {
    let Kept { budget, created_ns, updated_ns, .. } = kept.clone();
    Written { tenant: tenant.as_str().to_owned(), created_ns, updated_ns, budget }
}

fn no_reservation() -> Error {
    let message = "there is no such reservation; it may be over";
    Error::new(ErrorKind::NotFound, message)
}
