//! Picks spans that stand for samples: some of each stretch of time and group, at most one a trace,
//! the same ones however the spans come in batches.

use hashbrown::HashSet;
use watchkeep_model::{SpanField, Value};

use super::columns::Columns;
use super::groups::{label_value, nil};
use super::series::Exemplar;
use crate::ast::{Attribute, Intrinsic, Name, Place};
use crate::eval::expr::rows::Rows;
use crate::plan::{FieldRef, Fields};

/// Spans that are held for each that may be answered.
const HELD: usize = 4;

/// A span that may become an exemplar.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// Its group.
    pub(crate) group: u32,
    trace: Value,
    /// The value is NaN where the function reckons with none.
    pub(crate) exemplar: Exemplar,
}

/// A place for the candidate of a group and a stretch of time.
#[derive(Debug, Default)]
struct Slot {
    /// Row of the candidate among those that are looked at, until it is read.
    fresh: Option<u32>,
    candidate: Option<Candidate>,
}

/// Picks exemplars.
#[derive(Debug)]
pub(crate) struct Picker {
    most: usize,
    /// The stretch of time of each step.
    stretch_of_step: Vec<u32>,
    stretches: usize,
    /// How the candidate of each slot is weighed; the least stays. By group, then stretch.
    weights: Vec<u64>,
    slots: Vec<Slot>,
    trace: FieldRef,
    labels: Vec<(String, FieldRef)>,
}

impl Picker {
    /// Picks at most so many; `None` for none. Of a span is told what the query already asks for, and
    /// its trace.
    pub(crate) fn new(most: usize, steps: usize, fields: &mut Fields) -> Option<Self> {
        if most == 0 || steps == 0 {
            return None;
        }
        let told: Vec<_> = fields.as_slice().iter().filter_map(told_as).collect();
        let trace = fields.resolve(&attribute(Name::Intrinsic(Intrinsic::TraceId)))?;
        let labels = told
            .into_iter()
            .filter_map(|name| Some((name.to_string(), fields.resolve(&name)?)))
            .collect();
        let stretches = (most / 2).clamp(1, steps);
        let groups = (most * HELD / stretches).max(1);
        let mut slots = Vec::new();
        slots.resize_with(groups * stretches, Slot::default);
        Some(Self {
            most,
            stretch_of_step: (0..steps).map(|step| (step * stretches / steps) as u32).collect(),
            stretches,
            weights: vec![u64::MAX; slots.len()],
            slots,
            trace,
            labels,
        })
    }

    /// Looks at the spans of a batch that were counted.
    pub(crate) fn look(&mut self, rows: &Rows<'_>, looked: &Columns) {
        let mut fresh = Vec::new();
        for (at, (group, step)) in looked.groups.iter().zip(&looked.steps).enumerate() {
            let stretch = self.stretch_of_step[*step as usize] as usize;
            let slot = *group as usize * self.stretches + stretch;
            let Some(least) = self.weights.get_mut(slot) else { continue };
            // Which span it is does not depend on where in its batch it stands.
            let weight = (looked.starts[at] as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1;
            if weight < *least {
                *least = weight;
                if self.slots[slot].fresh.replace(at as u32).is_none() {
                    fresh.push(slot);
                }
            }
        }
        for slot in fresh {
            let at = self.slots[slot].fresh.take().unwrap_or_default() as usize;
            self.slots[slot].candidate = Some(self.candidate(rows, looked, at));
        }
    }

    fn candidate(&self, rows: &Rows<'_>, looked: &Columns, at: usize) -> Candidate {
        let row = looked.rows[at] as usize;
        let trace = label_value(rows.value(self.trace, row));
        let mut labels = vec![("trace:id".to_owned(), trace.clone())];
        for (name, field) in &self.labels {
            let value = label_value(rows.value(*field, row));
            if value != Value::Empty && value != nil() {
                labels.push((name.clone(), value));
            }
        }
        Candidate {
            group: looked.groups[at],
            trace,
            exemplar: Exemplar {
                labels,
                value: looked.values.get(at).copied().unwrap_or(f64::NAN),
                timestamp_ms: looked.starts[at].div_euclid(1_000_000),
            },
        }
    }

    /// Those that were picked, of every group in turn.
    pub(crate) fn finish(self) -> Vec<Candidate> {
        let candidates = self.slots.into_iter().zip(self.weights);
        let mut candidates: Vec<_> =
            candidates.filter_map(|(slot, weight)| Some((weight, slot.candidate?))).collect();
        candidates.sort_by_key(|(weight, candidate)| (candidate.group, *weight));
        let mut in_turn: Vec<(usize, Candidate)> = Vec::with_capacity(candidates.len());
        for (_, candidate) in candidates {
            let turn = match in_turn.last() {
                Some((before, last)) if last.group == candidate.group => before + 1,
                _ => 0,
            };
            in_turn.push((turn, candidate));
        }
        in_turn.sort_by_key(|(turn, candidate)| (*turn, candidate.group));
        let mut traces = HashSet::new();
        let of_new_traces = in_turn.into_iter().filter(|(_, candidate)| {
            matches!(&candidate.trace, Value::String(trace) if traces.insert(trace.clone()))
        });
        of_new_traces.map(|(_, candidate)| candidate).take(self.most).collect()
    }
}

fn attribute(name: Name) -> Attribute {
    Attribute { name, of_parent: false, place: Place::default() }
}

/// The name under which a field is told.
fn told_as(field: &SpanField) -> Option<Attribute> {
    let intrinsic = match field {
        SpanField::Attribute(scope, key) => {
            return Some(attribute(Name::Key(*scope, key.clone())));
        }
        SpanField::SpanId => Intrinsic::SpanId,
        SpanField::Duration => Intrinsic::Duration,
        SpanField::Name => Intrinsic::Name,
        SpanField::Kind => Intrinsic::Kind,
        SpanField::StatusCode => Intrinsic::Status,
        SpanField::StatusMessage => Intrinsic::StatusMessage,
        SpanField::ScopeName => Intrinsic::InstrumentationName,
        SpanField::ScopeVersion => Intrinsic::InstrumentationVersion,
        SpanField::EventName => Intrinsic::EventName,
        SpanField::EventTimeSinceStart => Intrinsic::EventTimeSinceStart,
        SpanField::LinkTraceId => Intrinsic::LinkTraceId,
        SpanField::LinkSpanId => Intrinsic::LinkSpanId,
        SpanField::RootName => Intrinsic::RootName,
        SpanField::RootService => Intrinsic::RootService,
        SpanField::TraceId
        | SpanField::Start
        | SpanField::Service
        | SpanField::ParentSpanId
        | SpanField::ParentRow => return None,
    };
    Some(attribute(Name::Intrinsic(intrinsic)))
}
