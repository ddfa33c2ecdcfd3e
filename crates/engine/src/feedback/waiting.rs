//! Feedback that waits for what it is about: found again by any of the ids that it names, the oldest
//! given up first.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use watchkeep_model::{SpanId, TenantId, TraceId};

use crate::agents::facts::{Entry, FeedbackFact, RunFact, StepFact};

/// An id that feedback and what it is about have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    Trace(TraceId),
    Span(SpanId),
    Session(String),
    Response(String),
    Interaction(String),
}

/// All ids by which what feedback is about can be found.
pub(super) fn keys_of(entry: &Entry<FeedbackFact>) -> Vec<Key> {
    let mut keys = Vec::new();
    if entry.trace_id != TraceId::default() {
        keys.push(Key::Trace(entry.trace_id));
    }
    if entry.span_id != SpanId::default() {
        keys.push(Key::Span(entry.span_id));
    }
    let fact = &entry.fact;
    if !fact.response_id.is_empty() {
        keys.push(Key::Response(fact.response_id.clone()));
    }
    if !fact.interaction.is_empty() {
        keys.push(Key::Interaction(fact.interaction.clone()));
    }
    if !fact.session.is_empty() {
        keys.push(Key::Session(fact.session.clone()));
    }
    keys
}

/// Ids of a run that feedback may name.
pub(super) fn keys_of_run(run: &Entry<RunFact>) -> impl Iterator<Item = Key> + '_ {
    let fact = &run.fact;
    let interaction =
        (!fact.interaction.is_empty()).then(|| Key::Interaction(fact.interaction.clone()));
    let session = (!fact.session.is_empty()).then(|| Key::Session(fact.session.clone()));
    std::iter::once(Key::Trace(run.trace_id)).chain(interaction).chain(session)
}

/// Ids of a step that feedback may name, but those that its run tells too.
pub(super) fn keys_of_step(step: &Entry<StepFact>) -> impl Iterator<Item = Key> + '_ {
    let fact = &step.fact;
    let response =
        (!fact.response_id.is_empty()).then(|| Key::Response(fact.response_id.to_string()));
    let interaction =
        (!fact.interaction.is_empty()).then(|| Key::Interaction(fact.interaction.to_string()));
    std::iter::once(Key::Span(step.span_id)).chain(response).chain(interaction)
}

#[derive(Debug)]
struct Waits {
    entry: Entry<FeedbackFact>,
    is_counted: bool,
}

type Name = (TenantId, String);

/// What waits, of all tenants.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    entries: HashMap<Name, Waits>,
    names: HashMap<(TenantId, Key), BTreeSet<String>>,
    by_time: BTreeSet<(i64, Name)>,
}

impl Waiting {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Lets an entry wait; of the same id only the last waits. Gives what waits no longer because
    /// more than `max` would.
    pub(super) fn insert(
        &mut self,
        tenant: &TenantId,
        entry: Entry<FeedbackFact>,
        is_counted: bool,
        max: usize,
    ) -> Vec<(TenantId, Entry<FeedbackFact>, bool)> {
        self.remove(tenant, &entry.fact.id);
        let name = (tenant.clone(), entry.fact.id.clone());
        for key in keys_of(&entry) {
            self.names.entry((tenant.clone(), key)).or_default().insert(name.1.clone());
        }
        self.by_time.insert((entry.time_ns, name.clone()));
        self.entries.insert(name, Waits { entry, is_counted });
        let mut gone = Vec::new();
        while self.entries.len() > max {
            gone.extend(self.pop_oldest());
        }
        gone
    }

    fn pop_oldest(&mut self) -> Option<(TenantId, Entry<FeedbackFact>, bool)> {
        let (_, (tenant, id)) = self.by_time.first()?.clone();
        let (entry, is_counted) = self.remove(&tenant, &id)?;
        Some((tenant, entry, is_counted))
    }

    /// An entry waits no longer; gives it, and whether it is counted in metrics.
    pub(super) fn remove(
        &mut self,
        tenant: &TenantId,
        id: &str,
    ) -> Option<(Entry<FeedbackFact>, bool)> {
        let name = (tenant.clone(), id.to_owned());
        let Waits { entry, is_counted } = self.entries.remove(&name)?;
        for key in keys_of(&entry) {
            let place = (tenant.clone(), key);
            if let Some(names) = self.names.get_mut(&place) {
                names.remove(id);
                if names.is_empty() {
                    self.names.remove(&place);
                }
            }
        }
        self.by_time.remove(&(entry.time_ns, name));
        Some((entry, is_counted))
    }

    /// The ids of what waits for something.
    pub(super) fn named(
        &self,
        tenant: &TenantId,
        keys: impl Iterator<Item = Key>,
        into: &mut BTreeSet<String>,
    ) {
        for key in keys {
            if let Some(names) = self.names.get(&(tenant.clone(), key)) {
                into.extend(names.iter().cloned());
            }
        }
    }

    /// What waits under some ids.
    pub(super) fn entries<'a>(
        &'a self,
        tenant: &'a TenantId,
        ids: &'a BTreeSet<String>,
    ) -> impl Iterator<Item = &'a Entry<FeedbackFact>> {
        ids.iter().filter_map(|id| Some(&self.entries.get(&(tenant.clone(), id.clone()))?.entry))
    }

    /// What was given before `given_up_ns` waits no longer. Gives it, and marks what was given before
    /// `counted_ns` as counted and gives that too; each only where it was not counted yet.
    pub(super) fn overdue(
        &mut self,
        given_up_ns: i64,
        counted_ns: i64,
    ) -> Vec<(TenantId, Entry<FeedbackFact>)> {
        let mut out = Vec::new();
        while self.by_time.first().is_some_and(|(time_ns, _)| *time_ns < given_up_ns) {
            let Some((tenant, entry, is_counted)) = self.pop_oldest() else { break };
            if !is_counted {
                out.push((tenant, entry));
            }
        }
        let due = self.by_time.iter().take_while(|(time_ns, _)| *time_ns < counted_ns);
        for (_, name) in due {
            if let Some(waits) = self.entries.get_mut(name)
                && !waits.is_counted
            {
                waits.is_counted = true;
                out.push((name.0.clone(), waits.entry.clone()));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feedback::config::FeedbackConfig;
    use crate::feedback::given::Given;

    fn entry(id: &str, time_ns: i64) -> Entry<FeedbackFact> {
        let given = Given {
            id: id.into(),
            time_ns: Some(time_ns),
            trace_id: TraceId([1; 16]),
            session: "s".into(),
            rating: Some(1.0),
            ..Given::default()
        };
        given.settle(&FeedbackConfig::default(), time_ns).unwrap()
    }

    fn found(waiting: &Waiting, tenant: &TenantId, key: Key) -> Vec<String> {
        let mut ids = BTreeSet::new();
        waiting.named(tenant, std::iter::once(key), &mut ids);
        ids.into_iter().collect()
    }

    #[test]
    fn entries_are_found_by_each_id_of_their_tenant_until_they_are_removed() {
        let (tenant, other) = (TenantId::default(), TenantId::new("other").unwrap());
        let mut waiting = Waiting::default();
        waiting.insert(&tenant, entry("a", 1), false, 10);
        waiting.insert(&tenant, entry("b", 2), false, 10);
        for key in [Key::Trace(TraceId([1; 16])), Key::Session("s".into())] {
            assert_eq!(found(&waiting, &tenant, key.clone()), ["a", "b"]);
            assert!(found(&waiting, &other, key).is_empty());
        }
        waiting.remove(&tenant, "a").unwrap();
        assert_eq!(found(&waiting, &tenant, Key::Session("s".into())), ["b"]);
        waiting.remove(&tenant, "b").unwrap();
        assert!(waiting.is_empty() && waiting.names.is_empty() && waiting.by_time.is_empty());
    }

    #[test]
    fn beyond_the_limit_the_oldest_wait_no_longer() {
        let tenant = TenantId::default();
        let mut waiting = Waiting::default();
        assert!(waiting.insert(&tenant, entry("old", 1), false, 2).is_empty());
        assert!(waiting.insert(&tenant, entry("new", 3), false, 2).is_empty());
        let gone = waiting.insert(&tenant, entry("mid", 2), false, 2);
        assert_eq!(gone[0].1.fact.id, "old");
        assert_eq!(found(&waiting, &tenant, Key::Session("s".into())), ["mid", "new"]);
    }

    #[test]
    fn what_waits_is_counted_once() {
        let tenant = TenantId::default();
        let mut waiting = Waiting::default();
        waiting.insert(&tenant, entry("a", 10), false, 9);
        let ids = |due: Vec<(TenantId, Entry<FeedbackFact>)>| {
            due.into_iter().map(|(_, entry)| entry.fact.id).collect::<Vec<_>>()
        };
        assert!(ids(waiting.overdue(0, 10)).is_empty());
        assert_eq!(ids(waiting.overdue(0, 11)), ["a"]);
        assert!(ids(waiting.overdue(0, 11)).is_empty());
        assert!(ids(waiting.overdue(11, 12)).is_empty());
        assert!(waiting.is_empty());
    }
}
