//! Remembers the tokens of recent appends, so that a retry stores nothing twice.
//!
//! The newest [`REMEMBERED_MAX`] tokens are known. After a restart those are known whose records
//! the write-ahead log still holds.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};

use parking_lot::Mutex;
use tokio::sync::MutexGuard;
use watchkeep_model::TenantId;

use crate::seam::IngestToken;

/// Tokens remembered.
const REMEMBERED_MAX: usize = 1 << 16;
const TURNS: usize = 64;

#[derive(Debug)]
pub(super) struct Tokens {
    known: Mutex<Known>,
    turns: [tokio::sync::Mutex<()>; TURNS],
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Known {
    set: HashSet<(TenantId, IngestToken)>,
    by_age: VecDeque<(TenantId, IngestToken)>,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            turns: std::array::from_fn(|_| tokio::sync::Mutex::new(())),
            hasher: RandomState::new(),
        }
    }
}

impl Tokens {
    /// Waits until no other append with this token is under way, so that a retry that overtakes
    /// its original is not acknowledged before the original is durable.
    pub(super) async fn turn(&self, tenant: &TenantId, token: IngestToken) -> MutexGuard<'_, ()> {
        let place = self.hasher.hash_one((tenant, token)) as usize % TURNS;
        self.turns[place].lock().await
    }

    pub(super) fn contains(&self, tenant: &TenantId, token: IngestToken) -> bool {
        self.known.lock().set.contains(&(tenant.clone(), token))
    }

    pub(super) fn remember(&self, tenant: &TenantId, token: IngestToken) {
        let mut known = self.known.lock();
        if !known.set.insert((tenant.clone(), token)) {
            return;
        }
        known.by_age.push_back((tenant.clone(), token));
        if known.by_age.len() > REMEMBERED_MAX
            && let Some(oldest) = known.by_age.pop_front()
        {
            known.set.remove(&oldest);
        }
    }
}
