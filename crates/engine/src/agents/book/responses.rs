//! Responses that were told of, by their ids: two instrumentations at work side by side tell of one
//! call twice, as siblings or even in traces of their own, and have only the id of the response in
//! common.

use std::collections::VecDeque;
use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashMap};
use watchkeep_model::{SpanId, TraceId};

use crate::agents::facts::StepFact;

/// Responses that are remembered of a tenant; the oldest go first.
const RESPONSES_MAX: usize = 100_000;

/// Who else told of a step's call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Twin {
    /// A step of the same trace.
    Here(SpanId),
    /// A step of another one.
    Elsewhere,
    /// The record of its stream, or the call that it is the record of.
    Stream,
}

/// Who first told of each response.
#[derive(Debug, Default)]
pub(super) struct Responses {
    first: HashMap<u64, (TraceId, SpanId)>,
    order: VecDeque<u64>,
    hasher: DefaultHashBuilder,
}

impl Responses {
    /// Notes who tells of a response; gives who did so before, if that was another.
    pub(super) fn note(&mut self, trace: TraceId, span: SpanId, fact: &StepFact) -> Option<Twin> {
        if fact.response_id.is_empty() || !fact.kind.calls_model() {
            return None;
        }
        let hash = self.hasher.hash_one((&fact.service, &fact.response_id, fact.kind));
        if let Some((first_trace, first_span)) = self.first.get(&hash) {
            return match (*first_trace == trace, *first_span == span) {
                (true, true) => None,
                (true, false) => Some(Twin::Here(*first_span)),
                (false, _) => Some(Twin::Elsewhere),
            };
        }
        self.first.insert(hash, (trace, span));
        self.order.push_back(hash);
        if self.order.len() > RESPONSES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.first.remove(&oldest);
        }
        None
    }
}
