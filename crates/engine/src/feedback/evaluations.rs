//! Judgements that came with telemetry: evaluations on spans, and the log events
//! `gen_ai.evaluation.result`. They are written down by the task of [`super::run`], after the spans
//! or records that they came with.

use std::hash::Hasher as _;

use twox_hash::XxHash64;
use watchkeep_genai::step::{Dialect, Evaluation, Kind};
use watchkeep_model::TenantId;

use super::given::Given;
use super::{ARRIVED_MAX, Feedback};
use crate::agents::facts::{Entry, FeedbackFact, StepFact};
use crate::agents::observers::Arrived;

impl Feedback {
    /// Steps were stored: judgements that came with them are written down soon.
    pub(crate) fn arrived(&self, tenant: &TenantId, steps: &[Arrived<'_>]) {
        let given = steps.iter().flat_map(|arrived| {
            let evaluations = arrived.evaluations.iter().enumerate();
            evaluations.filter_map(|(place, evaluation)| {
                let given = given(arrived.step, place, evaluation);
                given.settle(&self.config, arrived.step.written_ns).ok()
            })
        });
        let entries: Vec<Entry<FeedbackFact>> = given.collect();
        if entries.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        let room = ARRIVED_MAX.saturating_sub(state.jobs.arrived.len());
        state.left_out += entries.len().saturating_sub(room) as u64;
        let taken = entries.into_iter().take(room);
        state.jobs.arrived.extend(taken.map(|entry| (tenant.clone(), entry)));
        self.wake.notify_one();
    }
}

/// An evaluation as feedback. What comes again gets the same id.
fn given(step: &Entry<StepFact>, place: usize, evaluation: &Evaluation) -> Given {
    let fact = &step.fact;
    let mut hash = XxHash64::with_seed(0);
    for part in [&step.trace_id.0[..], &step.span_id.0, fact.response_id.as_bytes()] {
        hash.write(part);
    }
    hash.write(&step.time_ns.to_le_bytes());
    hash.write(&(place as u64).to_le_bytes());
    hash.write(evaluation.name.as_bytes());
    // A step that judges tells of another one, which its response id or parent names.
    let is_judge = fact.kind == Kind::Evaluator;
    Given {
        id: format!("ev-{:016x}-{:x}", hash.finish(), step.time_ns),
        time_ns: Some(step.time_ns),
        trace_id: step.trace_id,
        span_id: step.span_id,
        session: fact.session.to_string(),
        response_id: fact.response_id.to_string(),
        interaction: fact.interaction.to_string(),
        user: fact.user.to_string(),
        agent: if is_judge { String::new() } else { fact.agent.to_string() },
        service: fact.service.to_string(),
        model: if is_judge { String::new() } else { fact.model.to_string() },
        environment: fact.environment.to_string(),
        name: evaluation.name.clone(),
        score: evaluation.score,
        category: evaluation.label.clone(),
        comment: evaluation.explanation.clone(),
        source: match &*evaluation.source {
            "human" | "llm" => evaluation.source.clone(),
            _ => "code".to_owned(),
        },
        origin: match fact.dialect {
            Dialect::OpenInference => "openinference",
            _ => "otlp",
        },
        ..Given::default()
    }
}
