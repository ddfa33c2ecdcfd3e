//! Streams that are told of by a record at their end (see [`Part::Stream`]): where the client that was
//! read from tells of the call too, with the response's id, the two have no id in common. They agree in
//! service, model and every number of tokens, and the reading began while the client's call was going
//! on, or not long after, as far as the record's time tells. Each record is joined to one call, so of
//! calls that agree in all of that at one time as many count as there are, whichever is joined to which.

use std::collections::VecDeque;
use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashMap, HashSet};
use watchkeep_genai::Kind;
use watchkeep_genai::step::Part;
use watchkeep_model::{SpanId, TraceId};

use super::held::Held;

/// Sorts of calls that are remembered of a tenant; the oldest go first.
const SORTS_MAX: usize = 20_000;
/// Calls of one sort that are remembered; the oldest go first.
const CALLS_MAX: usize = 32;
/// Longest time between a stream's end and its record, whose time is that of when it was made: what it
/// says is put together before, and a first one waits for what that needs to be loaded.
const MADE_NS: i64 = 10_000_000_000;
/// Services of a tenant that tell of streams.
const SERVICES_MAX: usize = 10_000;

/// Who told of a call.
type Who = (TraceId, SpanId);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joined {
    /// Nobody else told of it so far.
    No,
    /// Another told of it later.
    First,
    /// Another told of it before.
    Second,
}

#[derive(Debug)]
struct Call {
    who: Who,
    parent: SpanId,
    is_stream: bool,
    from_ns: i64,
    to_ns: i64,
    joined: Joined,
}

impl Call {
    /// Whether one is a stream, and the other the call that it belongs to. One above the stream is of a
    /// framework, and counts by what is below.
    fn fits(&self, other: &Self) -> bool {
        let (stream, call) = if self.is_stream { (self, other) } else { (other, self) };
        let began = call.from_ns..=call.to_ns.saturating_add(MADE_NS);
        stream.is_stream
            && !call.is_stream
            && began.contains(&stream.from_ns)
            && stream.parent != call.who.1
    }
}

/// Who told of calls that may be streams.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// Services that tell of streams by records; others need not be remembered.
    services: HashSet<u64>,
    /// By what they agree in.
    calls: HashMap<u64, VecDeque<Call>>,
    /// In the order they came.
    sorts: VecDeque<u64>,
    hasher: DefaultHashBuilder,
}

impl Streams {
    /// Notes who tells of a call; gives whether another did so before.
    pub(super) fn note(&mut self, who: Who, step: &Held) -> bool {
        let fact = step.fact();
        if fact.kind != Kind::Llm {
            return false;
        }
        let service = self.hasher.hash_one(&fact.service);
        if step.part != Part::Whole && self.services.len() < SERVICES_MAX {
            self.services.insert(service);
        }
        let is_stream = step.is_stream();
        let is_client = step.part == Part::Whole && !fact.response_id.is_empty();
        let is_told = !fact.tokens.0.is_empty() && (is_stream || is_client);
        if !is_told || !self.services.contains(&service) {
            return false;
        }
        let tokens: Vec<_> = fact.tokens.0.buckets().collect();
        let sort = self.hasher.hash_one((service, &fact.request_model, tokens));
        let calls = self.calls.entry(sort).or_insert_with(|| {
            self.sorts.push_back(sort);
            VecDeque::new()
        });
        if let Some(known) = calls.iter().find(|call| call.who == who) {
            return known.joined == Joined::Second;
        }
        let to_ns = step.time_ns().saturating_add(fact.duration_ns);
        let mut call = Call {
            who,
            parent: fact.parent,
            is_stream,
            from_ns: step.time_ns(),
            to_ns,
            joined: Joined::No,
        };
        let other = calls.iter_mut().find(|other| other.joined == Joined::No && other.fits(&call));
        if let Some(other) = other {
            other.joined = Joined::First;
            call.joined = Joined::Second;
        }
        let is_second = call.joined == Joined::Second;
        calls.push_back(call);
        if calls.len() > CALLS_MAX {
            calls.pop_front();
        }
        if self.sorts.len() > SORTS_MAX
            && let Some(oldest) = self.sorts.pop_front()
        {
            self.calls.remove(&oldest);
        }
        is_second
    }
}
