//! Things that were lately asked for, for caches: the eldest goes first that was not asked for since
//! its turn came last.

use std::collections::VecDeque;
use std::hash::Hash;

use hashbrown::HashMap;

/// Values by key. How much there may be is for its owner to say.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    slots: HashMap<K, Slot<V>>,
    /// In the order in which they came or were last looked at.
    order: VecDeque<K>,
}

#[derive(Debug)]
struct Slot<V> {
    value: V,
    asked_for: bool,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { slots: HashMap::new(), order: VecDeque::new() }
    }
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    /// A value that is asked for.
    pub(crate) fn get(&mut self, key: K) -> Option<&V> {
        let slot = self.slots.get_mut(&key)?;
        slot.asked_for = true;
        Some(&slot.value)
    }

    /// Adds a value, which nobody asked for yet, where the key has none; gives the one that is there.
    pub(crate) fn get_or_insert(&mut self, key: K, value: V) -> &V {
        let Self { slots, order } = self;
        let slot = slots.entry(key).or_insert_with(|| {
            order.push_back(key);
            Slot { value, asked_for: false }
        });
        &slot.value
    }

    /// Takes out the eldest that was not asked for since its turn came last, of those that may go.
    pub(crate) fn pop(&mut self, may_go: impl Fn(&V) -> bool) -> Option<V> {
        // The first time round may only take marks away.
        for _ in 0..2 * self.order.len() {
            let key = self.order.pop_front()?;
            let Some(slot) = self.slots.get_mut(&key) else { continue };
            if !std::mem::take(&mut slot.asked_for) && may_go(&slot.value) {
                return self.slots.remove(&key).map(|slot| slot.value);
            }
            self.order.push_back(key);
        }
        None
    }

    /// Takes out all whose keys are not kept.
    pub(crate) fn retain(&mut self, kept: impl Fn(&K) -> bool) -> Vec<V> {
        self.order.retain(&kept);
        self.slots.extract_if(|key, _| !kept(key)).map(|(_, slot)| slot.value).collect()
    }
}
