//! The accounts of one budget: what each value of its scope spent. Cut into shards, so that checks of
//! different users do not wait for each other.

use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

use hashbrown::{DefaultHashBuilder, HashMap, HashSet};
use parking_lot::{Mutex, MutexGuard, RwLock};
use watchkeep_model::{SpanId, TraceId};

use super::account::{Account, Moment};
use super::definition::{Budget, Compiled, Unit};
use super::window::Period;
use crate::agents::facts::StepFact;

const SHARDS: usize = 16;

/// Which step.
pub(super) type StepKey = (TraceId, SpanId);

/// What is spent or reserved, in all units.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Amounts {
    pub(super) usd: f64,
    pub(super) input: f64,
    pub(super) output: f64,
}

impl Amounts {
    pub(super) fn of(fact: &StepFact) -> Self {
        Self {
            usd: if fact.cost_usd.is_finite() { fact.cost_usd } else { 0.0 },
            input: fact.tokens.0.input() as f64,
            output: fact.tokens.0.output() as f64,
        }
    }

    pub(super) fn negative(self) -> Self {
        Self { usd: -self.usd, input: -self.input, output: -self.output }
    }

    pub(super) fn get(self, unit: Unit) -> f64 {
        match unit {
            Unit::Usd => self.usd,
            Unit::Tokens => self.input + self.output,
            Unit::InputTokens => self.input,
            Unit::OutputTokens => self.output,
        }
    }
}

pub(super) type Shard = HashMap<Box<str>, Account>;

/// The accounts of one budget.
#[derive(Debug)]
pub(super) struct Accounts {
    pub(super) compiled: Compiled,
    pub(super) unit: Unit,
    bucket_ns: i64,
    values_max: usize,
    hasher: DefaultHashBuilder,
    shards: [Mutex<Shard>; SHARDS],
    values: AtomicUsize,
    overflow: AtomicU64,
    known: AtomicBool,
    /// Steps that were told of while the ledger is read, and counted whole.
    told: Mutex<Option<HashSet<StepKey>>>,
    period: RwLock<Period>,
    /// What was spent before it is in the checkpoint that was written last.
    pub(super) closed_to_ns: AtomicI64,
    /// Whether something was spent before `closed_to_ns` since then.
    pub(super) came_late: AtomicBool,
}

impl Accounts {
    pub(super) fn new(budget: &Budget, compiled: Compiled, values_max: usize) -> Self {
        Self {
            bucket_ns: compiled.frame.bucket_ns(),
            compiled,
            unit: budget.unit,
            values_max,
            hasher: DefaultHashBuilder::default(),
            shards: std::array::from_fn(|_| Mutex::default()),
            values: AtomicUsize::new(0),
            overflow: AtomicU64::new(0),
            known: AtomicBool::new(false),
            told: Mutex::new(Some(HashSet::new())),
            period: RwLock::default(),
            closed_to_ns: AtomicI64::new(i64::MIN),
            came_late: AtomicBool::new(false),
        }
    }

    /// Whether what was spent before the start is counted.
    pub(super) fn is_known(&self) -> bool {
        self.known.load(Ordering::Acquire)
    }

    /// From now on everything is counted.
    pub(super) fn set_known(&self) {
        self.known.store(true, Ordering::Release);
        *self.told.lock() = None;
    }

    /// Notes that a step was counted as it was told of.
    pub(super) fn told(&self, key: StepKey) {
        if !self.is_known()
            && let Some(told) = &mut *self.told.lock()
        {
            told.insert(key);
        }
    }

    /// Whether a step was counted as it was told of.
    pub(super) fn was_told(&self, key: StepKey) -> bool {
        self.told.lock().as_ref().is_some_and(|told| told.contains(&key))
    }

    /// Values that are followed.
    pub(super) fn values(&self) -> usize {
        self.values.load(Ordering::Relaxed)
    }

    /// Whether there is no room for more of them.
    pub(super) fn is_full(&self) -> bool {
        self.values() >= self.values_max
    }

    /// How often something was spent by a value that there was no room for.
    pub(super) fn overflow(&self) -> u64 {
        self.overflow.load(Ordering::Relaxed)
    }

    pub(super) fn moment(&self, now_ns: i64) -> Moment<'_> {
        let frame = &self.compiled.frame;
        if frame.rolling_ns().is_some() {
            return Moment { frame, bucket_ns: self.bucket_ns, period: frame.period(now_ns) };
        }
        let known = *self.period.read();
        let period = if known.start_ns <= now_ns && now_ns < known.end_ns {
            known
        } else {
            let period = frame.period(now_ns);
            *self.period.write() = period;
            period
        };
        Moment { frame, bucket_ns: self.bucket_ns, period }
    }

    /// Which shard has a value.
    pub(super) fn shard_of(&self, value: &str) -> usize {
        self.hasher.hash_one(value) as usize % SHARDS
    }

    pub(super) fn lock(&self, shard: usize) -> MutexGuard<'_, Shard> {
        self.shards[shard].lock()
    }

    /// The account of a value in its shard, made where there is none; `None` where there is no room.
    pub(super) fn open<'a>(
        &self,
        shard: &'a mut Shard,
        value: &str,
        moment: &Moment<'_>,
    ) -> Option<&'a mut Account> {
        if !shard.contains_key(value) {
            if self.is_full() {
                self.overflow.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            self.values.fetch_add(1, Ordering::Relaxed);
            shard.insert(value.into(), Account::default());
        }
        let account = shard.get_mut(value)?;
        account.roll(moment);
        Some(account)
    }

    /// Works on the account of a value.
    pub(super) fn with<R>(
        &self,
        value: &str,
        now_ns: i64,
        work: impl FnOnce(&mut Account, &Moment<'_>) -> R,
    ) -> Option<R> {
        let moment = self.moment(now_ns);
        let mut shard = self.lock(self.shard_of(value));
        let account = self.open(&mut shard, value, &moment)?;
        Some(work(account, &moment))
    }

    /// Works on the account of a value where there is one.
    pub(super) fn look<R>(
        &self,
        value: &str,
        now_ns: i64,
        work: impl FnOnce(&mut Account, &Moment<'_>) -> R,
    ) -> Option<R> {
        let moment = self.moment(now_ns);
        let mut shard = self.lock(self.shard_of(value));
        let account = shard.get_mut(value)?;
        account.roll(&moment);
        Some(work(account, &moment))
    }

    /// Looks at every account, a shard at a time.
    pub(super) fn each(&self, now_ns: i64, mut see: impl FnMut(&str, &mut Account, &Moment<'_>)) {
        let moment = self.moment(now_ns);
        for shard in &self.shards {
            for (value, account) in shard.lock().iter_mut() {
                account.roll(&moment);
                see(value, account, &moment);
            }
        }
    }

    /// Forgets accounts of which there is nothing to say.
    pub(super) fn sweep(&self, now_ns: i64) {
        let moment = self.moment(now_ns);
        for shard in &self.shards {
            let mut shard = shard.lock();
            let before = shard.len();
            shard.retain(|_, account| {
                account.roll(&moment);
                !account.is_empty()
            });
            self.values.fetch_sub(before - shard.len(), Ordering::Relaxed);
        }
    }
}
