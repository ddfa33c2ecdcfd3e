//! What one value of a budget's scope (one user, or the whole tenant) spent in the window, by buckets
//! of time so that old spending rolls out, and what is reserved for it. Numbers in, numbers out.

use std::collections::VecDeque;

use super::window::{Frame, Period};

/// Less than this is the dust that floats leave when they are added and taken away.
const DUST: f64 = 1e-9;

/// Amounts by the time at which they were spent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tally {
    /// What was spent before the first bucket, in the period.
    base: f64,
    /// Starts of buckets, and what was spent in them; in order of time.
    buckets: VecDeque<(i64, f64)>,
}

impl Tally {
    fn add(&mut self, bucket_ns: i64, time_ns: i64, amount: f64) {
        let start = time_ns.div_euclid(bucket_ns) * bucket_ns;
        let at = self.buckets.partition_point(|(other, _)| *other < start);
        match self.buckets.get_mut(at) {
            Some((other, held)) if *other == start => *held += amount,
            _ => self.buckets.insert(at, (start, amount)),
        }
    }

    pub(super) fn total(&self) -> f64 {
        let total = self.base + self.buckets.iter().map(|(_, amount)| amount).sum::<f64>();
        if total.abs() < DUST { 0.0 } else { total }
    }

    fn clear(&mut self) {
        self.base = 0.0;
        self.buckets.clear();
    }

    /// Leaves out buckets that ended before an instant.
    fn leave(&mut self, bucket_ns: i64, before_ns: i64) {
        while self.buckets.front().is_some_and(|(start, _)| start + bucket_ns <= before_ns) {
            self.buckets.pop_front();
        }
    }

    /// Makes one number of the buckets before an instant.
    fn close(&mut self, before_ns: i64) {
        while let Some((_, amount)) = self.buckets.pop_front_if(|(start, _)| *start < before_ns) {
            self.base += amount;
        }
    }

    /// The part before an instant: what lies before all buckets, and buckets.
    fn before(&self, before_ns: i64) -> (f64, Vec<(i64, f64)>) {
        let closed = self
            .buckets
            .iter()
            .filter(|(start, amount)| *start < before_ns && amount.abs() >= DUST);
        (self.base, closed.copied().collect())
    }
}

/// A threshold that was announced.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Announced {
    percent: f64,
    /// When, or in which period, as it was told.
    period: Period,
}

/// What one value of a scope spent, and what is reserved for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    /// Start of the period that the numbers are of; for calendars only.
    start_ns: i64,
    decided: Tally,
    /// Of steps that arrived and are not decided.
    undecided: Tally,
    pub(super) reserved: f64,
    announced: Vec<Announced>,
}

/// What an account is looked at with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) frame: &'a Frame,
    pub(super) bucket_ns: i64,
    pub(super) period: Period,
}

impl Account {
    /// Lets go of what is not in the period any more.
    pub(super) fn roll(&mut self, moment: &Moment<'_>) {
        match moment.frame {
            Frame::Calendar { .. } => {
                if self.start_ns != moment.period.start_ns {
                    self.start_ns = moment.period.start_ns;
                    self.decided.clear();
                    self.undecided.clear();
                    self.announced.clear();
                }
            }
            Frame::Rolling { .. } => {
                self.decided.leave(moment.bucket_ns, moment.period.start_ns);
                self.undecided.leave(moment.bucket_ns, moment.period.start_ns);
                self.announced.retain(|told| told.period.end_ns > moment.period.start_ns);
            }
        }
    }

    /// Adds what was spent at an instant; nothing where that is in another period. Roll it first.
    pub(super) fn add(&mut self, moment: &Moment<'_>, undecided: bool, time_ns: i64, amount: f64) {
        if time_ns >= moment.period.start_ns {
            // A clock that runs ahead must not put spending where no window has got to.
            let time_ns = time_ns.min(moment.period.end_ns - 1);
            let tally = if undecided { &mut self.undecided } else { &mut self.decided };
            tally.add(moment.bucket_ns, time_ns, amount);
        }
    }

    /// What counts as spent.
    pub(super) fn spent(&self) -> f64 {
        (self.decided.total() + self.undecided.total()).max(0.0)
    }

    /// What is spent for sure: alarms wait for it.
    pub(super) fn decided(&self) -> f64 {
        self.decided.total().max(0.0)
    }

    /// Adds to what is reserved, or takes from it.
    pub(super) fn reserve(&mut self, amount: f64) {
        self.reserved += amount;
        if self.reserved < DUST {
            self.reserved = 0.0;
        }
    }

    /// When so much will have rolled out of the window that `needed` or less is spent; `None` where
    /// that is now or never.
    pub(super) fn free_at(&self, moment: &Moment<'_>, needed: f64) -> Option<i64> {
        let length_ns = moment.frame.rolling_ns()?;
        let mut left = self.spent();
        if left <= needed || needed < 0.0 {
            return None;
        }
        let mut all: Vec<(i64, f64)> =
            self.decided.buckets.iter().chain(&self.undecided.buckets).copied().collect();
        all.sort_by_key(|(start, _)| *start);
        for (start, amount) in all {
            left -= amount;
            if left <= needed + DUST {
                return Some(start.saturating_add(moment.bucket_ns).saturating_add(length_ns));
            }
        }
        None
    }

    /// Notes that a threshold is announced; false where it was in this period.
    pub(super) fn announce(&mut self, percent: f64, period: Period) -> bool {
        if self.announced.iter().any(|told| told.percent == percent) {
            return false;
        }
        self.announced.push(Announced { percent, period });
        true
    }

    /// Forgets that a threshold was announced, where that could not be written down.
    pub(super) fn unannounce(&mut self, percent: f64) {
        self.announced.retain(|told| told.percent != percent);
    }

    /// Whether nothing is known that a new account would not say too.
    pub(super) fn is_empty(&self) -> bool {
        self.reserved == 0.0
            && self.announced.is_empty()
            && self.decided.total() == 0.0
            && self.undecided.total() == 0.0
    }

    /// What was decided before an instant, to be kept: the sum, or of a rolling window the buckets.
    pub(super) fn closed(&mut self, moment: &Moment<'_>, before_ns: i64) -> (f64, Vec<(i64, f64)>) {
        if moment.frame.rolling_ns().is_none() {
            self.decided.close(before_ns);
        }
        self.decided.before(before_ns)
    }

    /// Takes what was kept.
    pub(super) fn restore(&mut self, moment: &Moment<'_>, base: f64, buckets: &[(i64, f64)]) {
        self.roll(moment);
        self.decided.base += base;
        for (start, amount) in buckets {
            self.decided.add(moment.bucket_ns, *start, *amount);
        }
        self.roll(moment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn rolling(now_s: i64) -> (Frame, Period) {
        let frame = Frame::Rolling { length_ns: 120 * SECOND };
        let period = frame.period(now_s * SECOND);
        (frame, period)
    }

    fn at<R>(now_s: i64, see: impl FnOnce(&Moment<'_>) -> R) -> R {
        let (frame, period) = rolling(now_s);
        see(&Moment { frame: &frame, bucket_ns: frame.bucket_ns(), period })
    }

    #[test]
    fn what_was_spent_rolls_out_bucket_by_bucket_and_tells_when_enough_has() {
        let mut account = Account::default();
        for (time_s, amount) in [(1_000, 4.0), (1_060, 3.0), (1_100, 2.0)] {
            at(1_110, |moment| {
                account.roll(moment);
                account.add(moment, false, time_s * SECOND, amount);
            });
        }
        assert_eq!(account.spent(), 9.0);
        let free = |account: &Account, needed| at(1_110, |moment| account.free_at(moment, needed));
        assert_eq!(free(&account, 9.0), None, "now");
        assert_eq!(free(&account, 5.0), Some(1_121 * SECOND));
        assert_eq!(free(&account, 4.9), Some(1_181 * SECOND));
        assert_eq!(free(&account, 0.0), Some(1_221 * SECOND));
        assert_eq!(free(&account, -1.0), None, "never");
        for (now_s, spent) in [(1_120, 9.0), (1_121, 5.0), (1_180, 5.0), (1_181, 2.0), (1_221, 0.0)]
        {
            at(now_s, |moment| account.roll(moment));
            assert_eq!(account.spent(), spent, "at {now_s}");
        }
        assert!(account.is_empty());
    }

    #[test]
    fn undecided_spending_counts_but_raises_no_alarm() {
        let mut account = Account::default();
        at(100, |moment| account.add(moment, true, 99 * SECOND, 7.0));
        assert_eq!((account.spent(), account.decided()), (7.0, 0.0));
        at(100, |moment| {
            account.add(moment, true, 99 * SECOND, -7.0);
            account.add(moment, false, 99 * SECOND, 5.0);
        });
        assert_eq!((account.spent(), account.decided()), (5.0, 5.0));
    }

    #[test]
    fn a_new_period_of_the_calendar_starts_at_nothing_and_announces_again() {
        let zone = jiff::tz::TimeZone::UTC;
        let frame = Frame::Calendar { stretch: super::super::window::Calendar::Hour, zone };
        let hour = 3_600 * SECOND;
        let moment = |now: i64| Moment {
            frame: &frame,
            bucket_ns: frame.bucket_ns(),
            period: frame.period(now),
        };
        let mut account = Account::default();
        let first = moment(hour + 1);
        account.roll(&first);
        account.add(&first, false, hour, 3.0);
        account.add(&first, false, hour - 1, 100.0);
        account.add(&first, false, 9 * hour, 1.0);
        assert_eq!(account.spent(), 4.0, "the hour before is over, the next one has not begun");
        assert!(account.announce(80.0, first.period));
        assert!(!account.announce(80.0, first.period));
        assert_eq!(account.closed(&first, hour + 1), (3.0, vec![]));
        account.roll(&moment(2 * hour));
        assert_eq!(account.spent(), 0.0);
        assert!(account.announce(80.0, moment(2 * hour).period));
    }

    #[test]
    fn a_rolling_window_announces_again_when_its_length_has_passed() {
        let mut account = Account::default();
        at(1_000, |moment| assert!(account.announce(80.0, moment.period)));
        at(1_119, |moment| {
            account.roll(moment);
            assert!(!account.announce(80.0, moment.period));
        });
        at(1_120, |moment| {
            account.roll(moment);
            assert!(account.announce(80.0, moment.period));
        });
    }
}
