//! Remembers the tokens of recent appends, so that a retry stores nothing twice.
//!
//! The newest [`REMEMBERED_MAX`] tokens are known. After a restart those are known whose records
//! the write-ahead log still holds, and in any case the newest [`KEPT_MAX`]: the manifest has them.
//! So a sender that makes sure of one append before it begins the next is never heard twice.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};

use parking_lot::Mutex;
use tokio::sync::MutexGuard;
use watchkeep_model::{Error, Result, TenantId};

use super::manifest::TokenEntry;
use crate::seam::IngestToken;

/// Tokens remembered.
const REMEMBERED_MAX: usize = 1 << 16;
/// Tokens in the manifest.
const KEPT_MAX: usize = 256;
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

    /// The newest tokens, the oldest first, for the manifest; `older` are those of the manifest that
    /// it replaces, which a replay has not recalled yet.
    pub(super) fn newest(&self, older: &[TokenEntry]) -> Vec<TokenEntry> {
        let known = self.known.lock();
        let newest = known.by_age.iter().rev().take(KEPT_MAX).rev();
        let entry = |(tenant, token): &(TenantId, IngestToken)| TokenEntry {
            tenant: tenant.as_str().to_owned(),
            token: format!("{:032x}", token.0),
        };
        let newest: Vec<TokenEntry> = newest.map(entry).collect();
        let older = older.iter().filter(|entry| !newest.contains(entry)).cloned();
        let mut all: Vec<TokenEntry> = older.collect();
        all.extend(newest.iter().cloned());
        all.split_off(all.len().saturating_sub(KEPT_MAX))
    }

    /// Remembers what [`Tokens::newest`] gave before the restart, as older than all that is known.
    pub(super) fn recall(&self, entries: &[TokenEntry]) -> Result<()> {
        let mut known = self.known.lock();
        for entry in entries.iter().rev() {
            let token = u128::from_str_radix(&entry.token, 16).map_err(|error| {
                Error::corrupt("the manifest holds a token that is none").with_source(error)
            })?;
            let named = (TenantId::new(&entry.tenant)?, IngestToken(token));
            if known.set.insert(named.clone()) {
                known.by_age.push_front(named);
            }
        }
        Ok(())
    }
}
