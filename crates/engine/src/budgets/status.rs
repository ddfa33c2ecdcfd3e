//! How much of a budget is spent, by whom, and what it will be at the end of the period.

use super::account::{Account, Moment};
use super::definition::Severity;
use super::live::{Kept, Live};
use super::window::Period;

/// A projection is made once so much of the period is over.
const PROJECTION_SHARE_MIN: f64 = 0.01;

/// How one value of a budget's scope stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Which; empty without `each`.
    pub scope_value: String,
    /// What was spent, in the budget's unit.
    pub spent: f64,
    /// What is reserved.
    pub reserved: f64,
    /// The amount.
    pub amount: f64,
    /// What was spent in per cent of the amount.
    pub percentage: f64,
    /// The period that it was spent in.
    pub period: Period,
    /// What will be spent at its end, if it goes on as since its start; none of rolling windows, and
    /// early in the period.
    pub projection: Option<f64>,
    /// Severity of the highest threshold that is reached.
    pub level: Option<Severity>,
}

impl Standing {
    /// What is left; below 0 where too much is spent.
    pub fn remaining(&self) -> f64 {
        self.amount - self.spent - self.reserved
    }
}

/// How a budget stands.
#[derive(Debug, Clone)]
pub struct Status {
    /// The budget.
    pub kept: Kept,
    /// Whether what was spent before the start is counted.
    pub known: bool,
    /// Values that are followed.
    pub values: usize,
    /// How often something was spent by a value that there was no room for.
    pub overflow: u64,
    /// By percentage, the highest first.
    pub standings: Vec<Standing>,
}

pub(super) fn standing(
    live: &Live,
    value: &str,
    account: &Account,
    moment: &Moment<'_>,
    now_ns: i64,
) -> Standing {
    let budget = &live.kept.budget;
    let (amount, spent, period) = (budget.amount_of(value), account.spent(), moment.period);
    let percentage = spent / amount * 100.0;
    let reached = budget.thresholds.iter().filter(|threshold| percentage >= threshold.percent);
    let level = reached.max_by(|a, b| a.percent.total_cmp(&b.percent));
    let (length, passed) = (
        period.end_ns.saturating_sub(period.start_ns) as f64,
        now_ns.saturating_sub(period.start_ns) as f64,
    );
    let tells = moment.frame.rolling_ns().is_none() && passed >= length * PROJECTION_SHARE_MIN;
    Standing {
        scope_value: value.to_owned(),
        spent,
        reserved: account.reserved,
        amount,
        percentage,
        period,
        projection: tells.then(|| spent * length / passed),
        level: level.map(|threshold| threshold.severity),
    }
}

/// The standings with the highest percentage, or of one value.
pub(super) fn status(live: &Live, value: Option<&str>, limit: usize, now_ns: i64) -> Status {
    let mut standings = Vec::new();
    let is_for_all = live.kept.budget.scope.each.is_none();
    if let Some(value) = value.or(is_for_all.then_some("")) {
        let moment = live.accounts.moment(now_ns);
        let mut shard = live.accounts.lock(live.accounts.shard_of(value));
        let nobody = Account::default();
        let account = match shard.get_mut(value) {
            Some(account) => {
                account.roll(&moment);
                &*account
            }
            None => &nobody,
        };
        standings.push(standing(live, value, account, &moment, now_ns));
    } else {
        live.accounts.each(now_ns, |value, account, moment| {
            standings.push(standing(live, value, account, moment, now_ns));
            // So that many values need no room for all.
            if standings.len() >= limit.saturating_mul(2).max(1_024) {
                highest(&mut standings, limit);
            }
        });
        highest(&mut standings, limit);
    }
    Status {
        kept: live.kept.clone(),
        known: live.accounts.is_known(),
        values: live.accounts.values(),
        overflow: live.accounts.overflow(),
        standings,
    }
}

fn highest(standings: &mut Vec<Standing>, limit: usize) {
    standings.sort_by(|a, b| {
        b.percentage.total_cmp(&a.percentage).then_with(|| a.scope_value.cmp(&b.scope_value))
    });
    standings.truncate(limit);
}
