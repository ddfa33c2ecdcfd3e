//! Reservations: what callers were allowed to spend and have not been seen to spend yet. They live in
//! memory; every change goes to the ledger a moment later, so that a crash loses the last of them only.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use watchkeep_model::{SpanId, TraceId};

use super::accounts::{Accounts, Amounts};
use crate::agents::facts::{Entry, Fact};

/// What became of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// The call is under way.
    Held,
    /// The call is over, its span has not counted yet.
    Settled,
    /// Nothing is held any more.
    Over,
}

/// A reservation as the ledger has it (`record="reservation"`); the last entry written of an id holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ReservationFact {
    pub(super) id: String,
    pub(super) state: State,
    pub(super) expires_ns: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) holds: Vec<HoldFact>,
}

/// What it holds of one budget.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct HoldFact {
    pub(super) budget: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) value: String,
    /// In the budget's unit.
    pub(super) amount: f64,
}

impl std::fmt::Debug for HoldFact {
    /// The value may be the name of a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HoldFact").field("budget", &self.budget).finish_non_exhaustive()
    }
}

impl Fact for ReservationFact {
    const RECORD: &'static str = "reservation";

    fn service(&self) -> &'static str {
        ""
    }
}

/// What a reservation holds of one budget.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) budget: String,
    pub(super) accounts: Arc<Accounts>,
    pub(super) value: Box<str>,
    pub(super) amount: f64,
}

#[derive(Debug)]
struct Held {
    holds: Vec<Hold>,
    state: State,
    expires_ns: i64,
}

/// What a call used; in units of which nothing is said it is what was reserved.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Actual {
    /// USD.
    pub usd: Option<f64>,
    /// Tokens.
    pub tokens: Option<f64>,
}

#[derive(Debug, Default)]
struct Open {
    held: HashMap<u128, Held>,
    due: BTreeSet<(i64, u128)>,
    /// Changes that are not in the ledger yet.
    changes: Vec<Entry<ReservationFact>>,
}

/// The reservations of a tenant.
#[derive(Debug, Default)]
pub(super) struct Reservations {
    open: Mutex<Open>,
}

impl Open {
    fn note(&mut self, id: u128, now_ns: i64) {
        let (state, expires_ns, holds) = match self.held.get(&id) {
            None => (State::Over, now_ns, Vec::new()),
            Some(held) => {
                let fact = |hold: &Hold| HoldFact {
                    budget: hold.budget.clone(),
                    value: hold.value.to_string(),
                    amount: hold.amount,
                };
                (held.state, held.expires_ns, held.holds.iter().map(fact).collect())
            }
        };
        let fact = ReservationFact { id: text(id), state, expires_ns, holds };
        self.changes.push(entry(fact, now_ns));
    }

    fn remove(&mut self, id: u128) -> Option<Held> {
        let held = self.held.remove(&id)?;
        self.due.remove(&(held.expires_ns, id));
        Some(held)
    }
}

fn entry(fact: ReservationFact, now_ns: i64) -> Entry<ReservationFact> {
    Entry {
        time_ns: now_ns,
        written_ns: now_ns,
        trace_id: TraceId([0; 16]),
        span_id: SpanId([0; 8]),
        fact,
    }
}

fn text(id: u128) -> String {
    format!("{id:032x}")
}

fn parse(id: &str) -> Option<u128> {
    if id.len() == 32 { u128::from_str_radix(id, 16).ok() } else { None }
}

impl Reservations {
    pub(super) fn len(&self) -> usize {
        self.open.lock().held.len()
    }

    /// Takes over what is reserved in the accounts already. Gives the id as text.
    pub(super) fn add(&self, id: u128, holds: Vec<Hold>, expires_ns: i64, now_ns: i64) -> String {
        let mut open = self.open.lock();
        open.held.insert(id, Held { holds, state: State::Held, expires_ns });
        open.due.insert((expires_ns, id));
        open.note(id, now_ns);
        text(id)
    }

    /// Takes what the ledger knows; reserves it in the accounts.
    pub(super) fn restore(&self, fact: &ReservationFact, holds: Vec<Hold>, now_ns: i64) {
        let Some(id) = parse(&fact.id) else { return };
        let mut open = self.open.lock();
        if open.held.contains_key(&id) {
            return;
        }
        for hold in &holds {
            hold.accounts.with(&hold.value, now_ns, |account, _| account.reserve(hold.amount));
        }
        open.held.insert(id, Held { holds, state: fact.state, expires_ns: fact.expires_ns });
        open.due.insert((fact.expires_ns, id));
    }

    /// Holds what was really used, until `expires_ns` at least. Gives when it ends; `None` where there
    /// is no such reservation.
    pub(super) fn settle(
        &self,
        id: &str,
        actual: Actual,
        expires_ns: i64,
        now_ns: i64,
    ) -> Option<i64> {
        let id = parse(id)?;
        let mut open = self.open.lock();
        let mut held = open.remove(id)?;
        for hold in &mut held.holds {
            let used = match hold.accounts.unit {
                super::definition::Unit::Usd => actual.usd,
                _ => actual.tokens,
            };
            if let Some(used) = used {
                let change = used - hold.amount;
                hold.accounts.look(&hold.value, now_ns, |account, _| account.reserve(change));
                hold.amount = used;
            }
        }
        held.state = State::Settled;
        held.expires_ns = held.expires_ns.max(expires_ns);
        let expires_ns = held.expires_ns;
        open.due.insert((expires_ns, id));
        open.held.insert(id, held);
        open.note(id, now_ns);
        Some(expires_ns)
    }

    /// Holds nothing any more. False where there is no such reservation.
    pub(super) fn end(&self, id: &str, now_ns: i64) -> bool {
        let Some(id) = parse(id) else { return false };
        let mut open = self.open.lock();
        let Some(held) = open.remove(id) else { return false };
        release(&held, now_ns);
        open.note(id, now_ns);
        true
    }

    /// Ends those whose time is over. Nothing is noted: the ledger knows when they end.
    pub(super) fn expire(&self, now_ns: i64) -> usize {
        let mut open = self.open.lock();
        let mut ended = 0;
        while let Some((_, id)) = open.due.first().copied().filter(|(at, _)| *at <= now_ns) {
            match open.remove(id) {
                Some(held) => release(&held, now_ns),
                None => {
                    open.due.pop_first();
                }
            }
            ended += 1;
        }
        ended
    }

    /// Changes that are to be written down.
    pub(super) fn take_changes(&self) -> Vec<Entry<ReservationFact>> {
        std::mem::take(&mut self.open.lock().changes)
    }

    /// Changes that could not be written down. The oldest go where there are too many.
    pub(super) fn put_back(&self, mut changes: Vec<Entry<ReservationFact>>, most: usize) {
        let mut open = self.open.lock();
        changes.append(&mut open.changes);
        let surplus = changes.len().saturating_sub(most);
        changes.drain(..surplus);
        open.changes = changes;
    }
}

fn release(held: &Held, now_ns: i64) {
    for hold in &held.holds {
        hold.accounts.look(&hold.value, now_ns, |account, _| account.reserve(-hold.amount));
    }
}

/// What is reserved for an estimate, in a budget's unit.
pub(super) fn reserved_amount(accounts: &Accounts, estimate: Amounts) -> f64 {
    estimate.get(accounts.unit).max(0.0)
}
