//! What was spent before the start, or before a budget was made: a checkpoint of what is long past, and
//! from there on the steps of the ledger, an hour at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use watchkeep_model::{Result, TenantId, TimeRange};

use super::accounts::{Amounts, StepKey};
use super::attributes::Attributes;
use super::definition::Budget;
use super::live::{Live, Spending, Tenant, count};
use super::reservation::{Hold, ReservationFact, State};
use super::window::Period;
use crate::agents::facts::{Counted, EventFact, StepFact};
use crate::agents::ledger::LedgerQuery;
use crate::engine::Engine;

/// The document of the checkpoint.
const DOCUMENT: &str = "budgets-spent";
/// Kind of the events.
pub(super) const EVENT_KIND: &str = "budget_threshold";
/// What was spent longer ago is in the checkpoint. Spans come later than that rarely, and then the
/// checkpoint is written anew at once.
const CLOSED_NS: i64 = 2 * HOUR_NS;
const HOUR_NS: i64 = 3_600 * 1_000_000_000;
/// How often a stretch of the ledger is tried before it is passed over.
const ATTEMPTS: u32 = 6;

/// What was spent long ago, as it is kept.
#[derive(Default, Serialize, Deserialize)]
struct Checkpoint {
    budgets: Vec<ClosedBudget>,
}

#[derive(Serialize, Deserialize)]
struct ClosedBudget {
    tenant: String,
    budget: Budget,
    /// Everything before this instant is here.
    closed_to_ns: i64,
    /// Of calendar windows: the period.
    start_ns: i64,
    values: Vec<ClosedValue>,
}

#[derive(Serialize, Deserialize)]
struct ClosedValue {
    value: String,
    #[serde(default)]
    sum: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    buckets: Vec<(i64, f64)>,
}

/// A budget that is being caught up, and from when on the ledger has to be read for it.
struct Behind {
    live: Arc<Live>,
    from_ns: i64,
}

/// A step as the ledger tells it last.
struct Told {
    written_ns: i64,
    spending: Option<Spending>,
}

impl Engine {
    /// Finds out what was spent before the start. Until it is done, checks of hard budgets answer as
    /// their `on_unknown` says. Steps that are decided meanwhile are counted as they are told of.
    pub async fn recover_budgets(&self) {
        let checkpoint: Checkpoint = match self.documents.read(DOCUMENT) {
            Ok(found) => found.unwrap_or_default(),
            Err(error) => {
                tracing::warn!("budgets: counting without a checkpoint: {}", error.report());
                Checkpoint::default()
            }
        };
        let mut closed: HashMap<(String, String), ClosedBudget> = HashMap::new();
        for one in checkpoint.budgets {
            closed.insert((one.tenant.clone(), one.budget.id.clone()), one);
        }
        let boundary_ns = self.budgets.started_ns;
        for (id, tenant) in self.budgets.tenants() {
            let mut behind = Vec::new();
            for live in tenant.live().iter().filter(|live| !live.accounts.is_known()) {
                let key = (id.as_str().to_owned(), live.kept.budget.id.clone());
                let from_ns = self.restore(live, closed.remove(&key));
                behind.push(Behind { live: Arc::clone(live), from_ns });
            }
            self.restore_reservations(&id, &tenant).await;
            self.catch_up(&id, &tenant, behind, boundary_ns).await;
        }
    }

    /// Takes what the checkpoint has of a budget; gives from when on the ledger is needed.
    fn restore(&self, live: &Live, closed: Option<ClosedBudget>) -> i64 {
        let now_ns = self.clock.now_ns();
        let accounts = &live.accounts;
        let period = accounts.moment(now_ns).period;
        let Some(closed) = closed.filter(|it| it.budget.counts_the_same(&live.kept.budget)) else {
            return period.start_ns;
        };
        let is_rolling = accounts.compiled.frame.rolling_ns().is_some();
        if closed.closed_to_ns <= period.start_ns
            || closed.closed_to_ns > now_ns
            || (!is_rolling && closed.start_ns != period.start_ns)
        {
            return period.start_ns;
        }
        for one in &closed.values {
            accounts.with(&one.value, now_ns, |account, moment| {
                account.restore(moment, one.sum, &one.buckets);
            });
        }
        accounts.closed_to_ns.store(closed.closed_to_ns, Ordering::Relaxed);
        closed.closed_to_ns
    }

    /// Counts for a budget that was made just now what was spent before.
    pub(super) async fn catch_up_one(&self, id: &TenantId, tenant: &Tenant, live: Arc<Live>) {
        let now_ns = self.clock.now_ns();
        let from_ns = live.accounts.moment(now_ns).period.start_ns;
        self.catch_up(id, tenant, vec![Behind { live, from_ns }], now_ns).await;
    }

    async fn catch_up(
        &self,
        id: &TenantId,
        tenant: &Tenant,
        behind: Vec<Behind>,
        boundary_ns: i64,
    ) {
        let Some(first_ns) = behind.iter().map(|one| one.from_ns).min() else { return };
        let end_ns = boundary_ns.saturating_add(HOUR_NS);
        let mut start_ns = first_ns;
        while start_ns < end_ns {
            let next_ns = start_ns.saturating_add(HOUR_NS).min(end_ns);
            let range = TimeRange { start_ns, end_ns: next_ns };
            let read = || self.steps_told(id, range, boundary_ns);
            if let Some(told) = patiently(id, "steps", read).await {
                let now_ns = self.clock.now_ns();
                for one in &behind {
                    add(one, &told, now_ns);
                }
            }
            start_ns = next_ns;
        }
        self.remember_events(id, &behind).await;
        for Behind { live, .. } in behind {
            live.accounts.set_known();
            tenant.announce_all(&live, self.clock.now_ns());
        }
    }

    /// The steps of a stretch that were written before an instant.
    async fn steps_told(
        &self,
        id: &TenantId,
        range: TimeRange,
        boundary_ns: i64,
    ) -> Result<HashMap<StepKey, Told>> {
        let query = LedgerQuery::all(range);
        let gathered: HashMap<StepKey, Told> = HashMap::new();
        self.read_facts::<StepFact, _>(id, query, gathered, move |gathered, entry| {
            let key = (entry.trace_id, entry.span_id);
            let is_newest =
                gathered.get(&key).is_none_or(|told| told.written_ns <= entry.written_ns);
            if entry.written_ns < boundary_ns && is_newest {
                let spending = spending_of(entry.time_ns, &entry.fact);
                gathered.insert(key, Told { written_ns: entry.written_ns, spending });
            }
            Ok(true)
        })
        .await
    }

    /// Notes which thresholds were announced before.
    async fn remember_events(&self, id: &TenantId, behind: &[Behind]) {
        let now_ns = self.clock.now_ns();
        let starts = behind.iter().map(|one| one.live.accounts.moment(now_ns).period.start_ns);
        let Some(start_ns) = starts.min() else { return };
        let range = TimeRange { start_ns, end_ns: i64::MAX };
        let read = || async {
            let query = LedgerQuery::all(range).mentioning([EVENT_KIND]);
            self.read_facts::<EventFact, _>(id, query, Vec::new(), |all, entry| {
                if entry.fact.kind == EVENT_KIND {
                    all.push(entry);
                }
                Ok(true)
            })
            .await
        };
        for entry in patiently(id, "events", read).await.unwrap_or_default() {
            let text = |name: &str| entry.fact.details.get(name).and_then(|value| value.as_str());
            let number = |name: &str| entry.fact.details.get(name)?.as_f64();
            let (Some(budget), Some(percent)) = (text("budget"), number("threshold")) else {
                continue;
            };
            let value = text("scope_value").unwrap_or_default();
            let found = behind.iter().find(|one| one.live.kept.budget.id == budget);
            let Some(Behind { live, .. }) = found else { continue };
            let period = live.accounts.moment(now_ns).period;
            if entry.time_ns >= period.start_ns {
                live.accounts.with(value, now_ns, |account, _| {
                    let told = Period { start_ns: period.start_ns, end_ns: entry.time_ns };
                    account.announce(percent, told);
                });
            }
        }
    }

    async fn restore_reservations(&self, id: &TenantId, tenant: &Tenant) {
        let now_ns = self.clock.now_ns();
        let longest_ns = self.budgets.config.reservation_ttl_max.0.as_nanos() as i64;
        let start_ns = self.budgets.started_ns.saturating_sub(longest_ns);
        let boundary_ns = self.budgets.started_ns;
        let read = || async {
            let query = LedgerQuery::all(TimeRange { start_ns, end_ns: boundary_ns });
            let none: HashMap<String, (i64, ReservationFact)> = HashMap::new();
            self.read_facts::<ReservationFact, _>(id, query, none, |all, entry| {
                let id = entry.fact.id.clone();
                let is_newest = all.get(&id).is_none_or(|(written_ns, held)| {
                    (*written_ns, held.state as u8) <= (entry.written_ns, entry.fact.state as u8)
                });
                if is_newest {
                    all.insert(id, (entry.written_ns, entry.fact));
                }
                Ok(true)
            })
            .await
        };
        for (_, fact) in patiently(id, "reservations", read).await.unwrap_or_default().into_values()
        {
            if fact.state == State::Over || fact.expires_ns <= now_ns {
                continue;
            }
            let hold = |hold: &super::reservation::HoldFact| {
                let live = tenant.find(&hold.budget)?;
                Some(Hold {
                    budget: hold.budget.clone(),
                    accounts: Arc::clone(&live.accounts),
                    value: (*hold.value).into(),
                    amount: hold.amount,
                })
            };
            let holds = fact.holds.iter().filter_map(hold).collect();
            tenant.reservations.restore(&fact, holds, now_ns);
        }
    }

    /// Writes the checkpoint. What was spent since is in the ledger.
    pub(super) fn write_checkpoint(&self) -> Result<()> {
        let now_ns = self.clock.now_ns();
        let mut checkpoint = Checkpoint::default();
        for (id, tenant) in self.budgets.tenants() {
            for live in tenant.live().iter().filter(|live| live.accounts.is_known()) {
                let accounts = &live.accounts;
                let bucket_ns = accounts.compiled.frame.bucket_ns();
                let before_ns = now_ns.saturating_sub(CLOSED_NS).div_euclid(bucket_ns) * bucket_ns;
                accounts.came_late.store(false, Ordering::Relaxed);
                accounts.closed_to_ns.store(before_ns, Ordering::Relaxed);
                let mut values = Vec::new();
                accounts.each(now_ns, |value, account, moment| {
                    let (sum, buckets) = account.closed(moment, before_ns);
                    if sum != 0.0 || !buckets.is_empty() {
                        values.push(ClosedValue { value: value.to_owned(), sum, buckets });
                    }
                });
                checkpoint.budgets.push(ClosedBudget {
                    tenant: id.as_str().to_owned(),
                    budget: live.kept.budget.clone(),
                    closed_to_ns: before_ns,
                    start_ns: accounts.moment(now_ns).period.start_ns,
                    values,
                });
            }
        }
        self.documents.write(DOCUMENT, &checkpoint)
    }
}

/// What a step spends, if it counts.
pub(super) fn spending_of(time_ns: i64, fact: &StepFact) -> Option<Spending> {
    (fact.counted == Counted::Yes).then(|| Spending {
        time_ns,
        attributes: Attributes::of_fact(fact),
        amounts: Amounts::of(fact),
    })
}

fn add(one: &Behind, told: &HashMap<StepKey, Told>, now_ns: i64) {
    for (key, Told { spending, .. }) in told {
        if let Some(spending) = spending
            && spending.time_ns >= one.from_ns
            && !one.live.accounts.was_told(*key)
        {
            count(&one.live, spending, spending.amounts, false, now_ns);
        }
    }
}

/// Reads, and tries again where that fails; `None` after too many failures.
async fn patiently<T, F: Future<Output = Result<T>>>(
    id: &TenantId,
    what: &str,
    mut read: impl FnMut() -> F,
) -> Option<T> {
    for attempt in 1..=ATTEMPTS {
        match read().await {
            Ok(found) => return Some(found),
            Err(error) => {
                tracing::warn!("budgets of {id}: reading {what}: {}", error.report());
                tokio::time::sleep(Duration::from_millis(100) * 4_u32.pow(attempt)).await;
            }
        }
    }
    tracing::error!(
        "budgets of {id}: some {what} of the ledger can not be read and are not counted"
    );
    None
}
