//! Budgets at work: definitions with their accounts, and what was told of steps that are not decided.

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};

use super::accounts::{Accounts, Amounts, StepKey};
use super::attributes::Attributes;
use super::definition::{Budget, Threshold};
use super::reservation::Reservations;
use super::window::Period;

/// Who set a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The API.
    Api,
    /// The configuration: it can not be changed.
    Config,
}

/// A budget and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// What it is.
    pub budget: Budget,
    /// Who set it.
    pub source: Source,
    /// When it was made, nanoseconds since the epoch; 0 for the configuration.
    pub created_ns: i64,
    /// When it was changed last.
    pub updated_ns: i64,
}

/// A budget at work.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) kept: Kept,
    pub(super) accounts: Arc<Accounts>,
    /// Steps that arrived before it was there have lower numbers.
    pub(super) born: u64,
}

impl Live {
    /// The values of the scope that somebody falls under: one without a name where the budget is for
    /// all together, none where it is not theirs.
    pub(super) fn values(&self, attributes: &Attributes) -> Vec<String> {
        let compiled = &self.accounts.compiled;
        let mut conditions = compiled.conditions.iter();
        if !conditions.all(|(of, pattern)| attributes.any(of, |value| pattern.matches(value))) {
            return Vec::new();
        }
        let Some(each) = &compiled.each else { return vec![String::new()] };
        let mut values: Vec<String> = attributes.values(each).map(str::to_owned).collect();
        values.sort_unstable();
        values.dedup();
        values
    }
}

/// A threshold that somebody reached.
#[derive(Debug, Clone)]
pub(super) struct Crossing {
    pub(super) live: Arc<Live>,
    pub(super) value: String,
    pub(super) threshold: Threshold,
    pub(super) spent: f64,
    pub(super) period: Period,
    pub(super) time_ns: i64,
}

/// What was spent, by whom and when.
#[derive(Debug, Clone)]
pub(super) struct Spending {
    pub(super) time_ns: i64,
    pub(super) attributes: Attributes,
    pub(super) amounts: Amounts,
}

/// What an undecided step was counted as.
#[derive(Debug)]
struct Counted {
    number: u64,
    arrived_ns: i64,
    spending: Spending,
}

#[derive(Debug, Default)]
struct Undecided {
    next: u64,
    steps: HashMap<StepKey, Counted>,
}

/// The budgets of a tenant.
#[derive(Debug, Default)]
pub(super) struct Tenant {
    /// By id.
    live: RwLock<Arc<Vec<Arc<Live>>>>,
    undecided: Mutex<Undecided>,
    pub(super) reservations: Reservations,
    crossings: Mutex<Vec<Crossing>>,
}

impl Tenant {
    pub(super) fn live(&self) -> Arc<Vec<Arc<Live>>> {
        Arc::clone(&self.live.read())
    }

    pub(super) fn find(&self, id: &str) -> Option<Arc<Live>> {
        let live = self.live();
        let at = live.binary_search_by(|live| (*live.kept.budget.id).cmp(id)).ok()?;
        Some(Arc::clone(&live[at]))
    }

    /// Puts a budget in, in the place of the one with its id. Without accounts of the old one it
    /// starts with new ones.
    pub(super) fn put(&self, kept: Kept, accounts: Arc<Accounts>, born: Option<u64>) -> Arc<Live> {
        // With what arrives held off, it is certain which steps the new accounts were told of.
        let undecided = self.undecided.lock();
        let live = Arc::new(Live { kept, accounts, born: born.unwrap_or(undecided.next) });
        let mut place = self.live.write();
        let mut all: Vec<Arc<Live>> = place.to_vec();
        match all.binary_search_by(|other| other.kept.budget.id.cmp(&live.kept.budget.id)) {
            Ok(at) => all[at] = Arc::clone(&live),
            Err(at) => all.insert(at, Arc::clone(&live)),
        }
        *place = Arc::new(all);
        live
    }

    pub(super) fn remove(&self, id: &str) {
        let mut place = self.live.write();
        *place = Arc::new(place.iter().filter(|live| live.kept.budget.id != id).cloned().collect());
    }

    /// Counts a step that is not decided. False where there is no room to remember that.
    pub(super) fn count_arrived(
        &self,
        key: StepKey,
        spending: &Spending,
        now_ns: i64,
        undecided_max: usize,
    ) -> bool {
        let mut undecided = self.undecided.lock();
        let all = self.live();
        if all.is_empty() {
            return true;
        }
        let fits = undecided.steps.len() < undecided_max || undecided.steps.contains_key(&key);
        if !fits {
            return false;
        }
        undecided.next += 1;
        let counted =
            Counted { number: undecided.next, arrived_ns: now_ns, spending: spending.clone() };
        let before = undecided.steps.insert(key, counted);
        drop(undecided);
        if let Some(before) = before {
            take_back(&all, &before, now_ns);
        }
        for live in all.iter() {
            count(live, spending, spending.amounts, true, now_ns);
        }
        true
    }

    /// Takes back what was counted of a step before it was decided, and counts what was decided:
    /// `before` is what was decided of it earlier.
    pub(super) fn count_decided(
        &self,
        key: StepKey,
        before: Option<&Spending>,
        now: Option<&Spending>,
        now_ns: i64,
    ) {
        let arrived = self.undecided.lock().steps.remove(&key);
        let all = self.live();
        if let Some(arrived) = arrived {
            take_back(&all, &arrived, now_ns);
        }
        for live in all.iter() {
            if let Some(before) = before {
                count(live, before, before.amounts.negative(), false, now_ns);
            }
            let Some(now) = now else { continue };
            let values = count(live, now, now.amounts, false, now_ns);
            if values.is_empty() {
                continue;
            }
            if before.is_none() {
                live.accounts.told(key);
            }
            if live.accounts.is_known() {
                for value in values {
                    self.announce(live, &value, now_ns);
                }
            }
        }
    }

    /// Takes back what was counted of steps that nobody decided in a long time.
    pub(super) fn forget_undecided(&self, before_ns: i64, now_ns: i64) {
        let mut undecided = self.undecided.lock();
        let old = undecided.steps.extract_if(|_, step| step.arrived_ns < before_ns);
        let old: Vec<Counted> = old.map(|(_, step)| step).collect();
        drop(undecided);
        let all = self.live();
        for step in old {
            take_back(&all, &step, now_ns);
        }
    }

    /// Notes thresholds that a value has reached and that were not announced.
    pub(super) fn announce(&self, live: &Arc<Live>, value: &str, now_ns: i64) {
        if !live.kept.budget.enabled {
            return;
        }
        let reached = live.accounts.look(value, now_ns, |account, moment| {
            reached(live, value, account, moment.period, now_ns)
        });
        self.crossings.lock().extend(reached.into_iter().flatten());
    }

    /// The same for all values of a budget.
    pub(super) fn announce_all(&self, live: &Arc<Live>, now_ns: i64) {
        if !live.kept.budget.enabled {
            return;
        }
        let mut all = Vec::new();
        live.accounts.each(now_ns, |value, account, moment| {
            all.extend(reached(live, value, account, moment.period, now_ns));
        });
        self.crossings.lock().extend(all);
    }

    /// What is to be announced.
    pub(super) fn take_crossings(&self) -> Vec<Crossing> {
        std::mem::take(&mut self.crossings.lock())
    }

    /// What could not be announced is tried again.
    pub(super) fn put_back(&self, crossings: Vec<Crossing>, now_ns: i64) {
        for crossing in crossings {
            let Crossing { live, value, threshold, .. } = &crossing;
            live.accounts.look(value, now_ns, |account, _| account.unannounce(threshold.percent));
            self.announce(live, value, now_ns);
        }
    }
}

fn reached(
    live: &Arc<Live>,
    value: &str,
    account: &mut super::account::Account,
    period: Period,
    now_ns: i64,
) -> Vec<Crossing> {
    let budget = &live.kept.budget;
    let (spent, amount) = (account.decided(), budget.amount_of(value));
    let is_reached = |threshold: &&Threshold| spent * 100.0 >= amount * threshold.percent;
    let mut found = Vec::new();
    for threshold in budget.thresholds.iter().filter(is_reached) {
        if account.announce(threshold.percent, period) {
            let (live, value) = (Arc::clone(live), value.to_owned());
            let threshold = *threshold;
            found.push(Crossing { live, value, threshold, spent, period, time_ns: now_ns });
        }
    }
    found
}

fn take_back(all: &[Arc<Live>], step: &Counted, now_ns: i64) {
    for live in all.iter().filter(|live| live.born < step.number) {
        count(live, &step.spending, step.spending.amounts.negative(), true, now_ns);
    }
}

/// Adds to the accounts of a budget that a spending falls under; gives their values.
pub(super) fn count(
    live: &Live,
    spending: &Spending,
    amounts: Amounts,
    undecided: bool,
    now_ns: i64,
) -> Vec<String> {
    let accounts = &live.accounts;
    let amount = amounts.get(accounts.unit);
    if amount == 0.0 {
        return Vec::new();
    }
    let values = live.values(&spending.attributes);
    for value in &values {
        accounts.with(value, now_ns, |account, moment| {
            account.add(moment, undecided, spending.time_ns, amount);
        });
    }
    let closed_to_ns = accounts.closed_to_ns.load(std::sync::atomic::Ordering::Relaxed);
    if !undecided && !values.is_empty() && spending.time_ns < closed_to_ns {
        accounts.came_late.store(true, std::sync::atomic::Ordering::Relaxed);
    }
    values
}
