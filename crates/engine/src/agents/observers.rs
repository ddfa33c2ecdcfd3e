//! Who is told of steps and runs inside the engine: budgets, feedback and prices. All calls are here.
//!
//! A step is told of up to three times: when it arrives (durable as a span, nothing is decided), when
//! it is decided (and durable in the ledger), and whenever what was decided changes.

use watchkeep_genai::step::Evaluation;
use watchkeep_model::TenantId;

use super::facts::{Counted, Entry, RunFact, StepFact};
use crate::engine::Engine;

/// A step that was stored and is not decided: what it tells itself, without what it inherits from
/// steps above (agent, session, user), with its tokens and what they will cost if they count.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    /// The step. `written_ns` is the time of arrival.
    pub step: &'a Entry<StepFact>,
    /// Whether its tokens count at once, and are corrected when it is decided: those of a step that
    /// calls a model, and is neither free nor a sum. Others may turn out to be sums.
    pub counts_now: bool,
    /// Judgements that came with it.
    pub evaluations: &'a [Evaluation],
}

/// What was known of a step before.
#[derive(Debug, Clone, Copy)]
pub enum Before<'a> {
    /// Nothing counted: it was not told of, or with [`Arrived::counts_now`] false.
    Nothing,
    /// What [`Arrived`] told with [`Arrived::counts_now`]; its cost and tokens were taken to count.
    Arrived(&'a StepFact),
    /// What was decided last. Its cost and tokens count only where [`StepFact::counted`] is
    /// [`Counted::Yes`].
    Decided(&'a StepFact),
}

impl<'a> Before<'a> {
    /// The fact whose cost and tokens were counted, if any were: take them off again, from where its
    /// agent, user and so on put them, before the new ones are added.
    pub fn counted(self) -> Option<&'a StepFact> {
        match self {
            Self::Nothing => None,
            Self::Arrived(fact) => Some(fact),
            Self::Decided(fact) => counts(fact).then_some(fact),
        }
    }
}

fn counts(fact: &StepFact) -> bool {
    fact.counted == Counted::Yes
}

/// A step that is decided now, or anew. It is in the ledger.
#[derive(Debug, Clone, Copy)]
pub struct DecidedStep<'a> {
    /// What holds from now on. Cost and tokens count where `fact.counted` is [`Counted::Yes`].
    pub step: &'a Entry<StepFact>,
    /// What was known before.
    pub before: Before<'a>,
}

impl Engine {
    /// Steps were stored. Called while a request waits: takes microseconds, blocks never.
    pub(crate) fn steps_arrived(&self, tenant: &TenantId, steps: &[Arrived<'_>]) {
        self.budgets.arrived(tenant, steps);
        self.feedback.arrived(tenant, steps);
    }

    /// Steps were decided; they are in the ledger.
    pub(crate) fn steps_decided(&self, tenant: &TenantId, steps: &[DecidedStep<'_>]) {
        self.budgets.decided(tenant, steps);
        self.feedback.decided(tenant, steps);
        for step in steps {
            // What counted already and is decided anew is the same use.
            let is_known = matches!(step.before, Before::Decided(fact) if counts(fact));
            if !is_known {
                self.prices.note_step(tenant, step.step);
            }
        }
    }

    /// Runs settled, or grew after they had; they are in the ledger.
    pub(crate) fn runs_decided(&self, tenant: &TenantId, runs: &[Entry<RunFact>]) {
        self.feedback.saw_runs(tenant, runs);
        self.agents_were_at_work(tenant);
    }
}
