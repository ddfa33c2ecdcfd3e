//! May this call be made? The decision of all budgets that a call falls under, taken together: while
//! it is taken their accounts are locked, always in the order of ids and shards, so what is reserved
//! by one caller is seen by all others.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::MutexGuard;

use super::account::{Account, Moment};
use super::accounts::{Amounts, Shard};
use super::attributes::Attributes;
use super::definition::{Mode, OnUnknown, Severity};
use super::live::{Live, Tenant};
use super::reservation::{Hold, reserved_amount};

/// When to ask again where only reservations of others are in the way, or nothing is known yet.
const SOON_NS: i64 = 1_000_000_000;
/// Sums of floats may be off by so much of the amount.
const TOLERANCE: f64 = 1e-9;

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// Who wants to spend, on what.
    pub attributes: Attributes,
    /// What it will cost, USD; worked out by the model's price where there is none.
    pub usd: Option<f64>,
    /// How many tokens it will take, where only the sum is known.
    pub tokens: Option<f64>,
    /// How many tokens will be read.
    pub input_tokens: Option<f64>,
    /// How many tokens will be written.
    pub output_tokens: Option<f64>,
    /// Whether it is held until the call is made.
    pub reserve: bool,
    /// For how long, nanoseconds.
    pub ttl_ns: Option<i64>,
}

/// May it be?
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// Yes.
    Allow,
    /// Yes, and somebody should look at it.
    Warn,
    /// No.
    Deny,
}

impl Decision {
    /// The name in JSON and of counters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }
}

/// What one budget says.
#[derive(Debug, Clone)]
pub struct Opinion {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// For which value of its scope; empty without `each`.
    pub scope_value: String,
    /// Whether it denies.
    pub mode: Mode,
    /// What it says.
    pub decision: Decision,
    /// Whether it is known what was spent: not so after a start until that was counted, and never of a
    /// value that there was no room for.
    pub known: bool,
    /// What was spent, in its unit.
    pub spent: f64,
    /// What others reserved.
    pub reserved: f64,
    /// The amount.
    pub amount: f64,
    /// What this call is taken to need.
    pub estimate: f64,
    /// When it may say yes, nanoseconds from now; none where that is now or never.
    pub retry_after_ns: Option<i64>,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The strictest of all.
    pub decision: Decision,
    /// What the call is taken to cost, USD, where that is known.
    pub estimate_usd: Option<f64>,
    /// Id of the reservation, and when it ends.
    pub reservation: Option<(String, i64)>,
    /// When to ask again, nanoseconds from now; none where it is allowed, or never will be.
    pub retry_after_ns: Option<i64>,
    /// What each budget says.
    pub budgets: Vec<Opinion>,
}

/// One account that a call falls under.
struct Target<'a> {
    live: &'a Arc<Live>,
    place: (usize, usize),
    value: String,
    moment: Moment<'a>,
}

/// Decides, and holds the estimate where that is wanted and nobody denies.
pub(super) fn decide(
    tenant: &Tenant,
    attributes: &Attributes,
    estimate: Amounts,
    reserve: bool,
    now_ns: i64,
) -> (Decision, Vec<Opinion>, Vec<Hold>) {
    let all = tenant.live();
    let targets = targets(&all, attributes, now_ns);
    let mut shards: BTreeMap<(usize, usize), MutexGuard<'_, Shard>> = BTreeMap::new();
    let places: std::collections::BTreeSet<_> = targets.iter().map(|target| target.place).collect();
    for place in places {
        shards.insert(place, all[place.0].accounts.lock(place.1));
    }
    let mut opinions = Vec::with_capacity(targets.len());
    let nobody = Account::default();
    for target in &targets {
        let account = shards.get_mut(&target.place).and_then(|shard| shard.get_mut(&*target.value));
        let is_followed = account.is_some() || !target.live.accounts.is_full();
        let account = match account {
            Some(account) => {
                account.roll(&target.moment);
                &*account
            }
            None => &nobody,
        };
        let known = is_followed && target.live.accounts.is_known();
        opinions.push(opinion(target, account, (estimate, known), now_ns));
    }
    let decision = opinions.iter().map(|opinion| opinion.decision).max();
    let decision = decision.unwrap_or(Decision::Allow);
    let mut holds = Vec::new();
    if reserve && decision != Decision::Deny {
        for target in targets {
            let accounts = &target.live.accounts;
            let amount = reserved_amount(accounts, estimate);
            let Some(shard) = shards.get_mut(&target.place) else { continue };
            if let Some(account) = accounts.open(shard, &target.value, &target.moment) {
                account.reserve(amount);
                holds.push(Hold {
                    budget: target.live.kept.budget.id.clone(),
                    accounts: Arc::clone(accounts),
                    value: target.value.into(),
                    amount,
                });
            }
        }
    }
    (decision, opinions, holds)
}

fn targets<'a>(all: &'a [Arc<Live>], attributes: &Attributes, now_ns: i64) -> Vec<Target<'a>> {
    let mut targets = Vec::new();
    for (at, live) in all.iter().enumerate().filter(|(_, live)| live.kept.budget.enabled) {
        for value in live.values(attributes) {
            let shard = live.accounts.shard_of(&value);
            let moment = live.accounts.moment(now_ns);
            targets.push(Target { live, place: (at, shard), value, moment });
        }
    }
    targets
}

fn opinion(
    target: &Target<'_>,
    account: &Account,
    (estimate, known): (Amounts, bool),
    now_ns: i64,
) -> Opinion {
    let Target { live, value, moment, .. } = target;
    let budget = &live.kept.budget;
    let amount = budget.amount_of(value);
    let estimate = reserved_amount(&live.accounts, estimate);
    let (spent, reserved) = (account.spent(), account.reserved);
    let all = spent + reserved + estimate;
    let most = amount * (1.0 + TOLERANCE);
    // Somebody who says nothing about the call is stopped once nothing is left.
    let is_over = if estimate > 0.0 { all > most } else { all >= amount };
    let warns = budget.thresholds.iter().any(|threshold| {
        threshold.severity >= Severity::Warning && all * 100.0 >= amount * threshold.percent
    });
    let (mut decision, mut retry_after_ns) = (Decision::Allow, None);
    if budget.mode == Mode::Hard && is_over {
        decision = Decision::Deny;
        retry_after_ns = wait(account, moment, (amount, estimate), now_ns);
    } else if budget.mode == Mode::Hard && !known && budget.on_unknown == OnUnknown::Deny {
        (decision, retry_after_ns) = (Decision::Deny, Some(SOON_NS));
    } else if is_over || warns {
        decision = Decision::Warn;
    }
    Opinion {
        id: budget.id.clone(),
        name: budget.name.clone(),
        scope_value: value.clone(),
        mode: budget.mode,
        decision,
        known,
        spent,
        reserved,
        amount,
        estimate,
        retry_after_ns,
    }
}

/// How long until a call has a chance; `None` where it never has.
fn wait(
    account: &Account,
    moment: &Moment<'_>,
    (amount, estimate): (f64, f64),
    now_ns: i64,
) -> Option<i64> {
    let most = amount * (1.0 + TOLERANCE);
    if estimate > most {
        return None;
    }
    let left = most - estimate;
    let would_fit = account.spent() <= left && (estimate > 0.0 || account.spent() < amount);
    if would_fit {
        return Some(SOON_NS);
    }
    let at = match moment.frame.rolling_ns() {
        None => moment.period.end_ns,
        // Where all that is spent has to go for nothing to be over, a bucket less does it.
        Some(_) if estimate > 0.0 => account.free_at(moment, left)?,
        Some(_) => account.free_at(moment, amount * (1.0 - TOLERANCE))?,
    };
    Some(at.saturating_sub(now_ns).max(1))
}
