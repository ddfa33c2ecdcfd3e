//! A step that is held: what it tells itself, what it inherits, and what was decided.

use std::sync::Arc;

use watchkeep_genai::step::Part;
use watchkeep_model::SpanId;

use super::Earlier;
use super::responses::Twin;
use crate::agents::facts::{Counted, Entry, StepFact};
use crate::agents::seen::{Is, Told};

/// Where a step is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not decided.
    Held,
    /// Decided, and what was decided is in `fact`.
    Decided,
    /// Decided, but an update came.
    Updated,
}

/// Fields that a step has from those above it where it does not tell them itself; bits of
/// [`Held::inherits`].
pub(super) const AGENT: u8 = 1;
pub(super) const SESSION: u8 = 2;
pub(super) const USER: u8 = 4;
pub(super) const INTERACTION: u8 = 8;
pub(super) const WORKFLOW: u8 = 16;
pub(super) const RELEASE: u8 = 32;
pub(super) const ENVIRONMENT: u8 = 64;
pub(super) const TAGS: u8 = 128;

/// A step.
#[derive(Debug)]
pub(super) struct Held {
    /// What it told itself, or what was decided: then with what it inherits. Shared with those who
    /// were told of it.
    pub(super) entry: Arc<Entry<StepFact>>,
    pub(super) inherits: u8,
    /// Whether its tokens are from a log record about it, as it tells none itself.
    pub(super) is_detailed: bool,
    pub(super) is_aggregate: bool,
    pub(super) is_free: bool,
    pub(super) part: Part,
    pub(super) state: State,
    /// When it arrived.
    pub(super) since_ns: i64,
    pub(super) before: Earlier,
    /// Whether it was counted as a call.
    pub(super) is_called: bool,
    /// Whether a step below tells of the same call once more.
    pub(super) is_outer: bool,
    /// Who told of the same response before.
    pub(super) twin: Option<Twin>,
    /// What was told of its arrival, though it is in the ledger since long.
    pub(super) in_vain: Option<Arc<Entry<StepFact>>>,
}

/// What a step tells beside its entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nature {
    pub(super) is_detailed: bool,
    pub(super) is_aggregate: bool,
    pub(super) is_free: bool,
    pub(super) part: Part,
}

impl Nature {
    pub(super) fn of(told: &Told) -> Self {
        Self {
            is_detailed: told.is == Is::Details,
            is_aggregate: told.is_aggregate,
            is_free: told.is_free,
            part: told.part,
        }
    }
}

impl Held {
    pub(super) fn new(
        entry: Arc<Entry<StepFact>>,
        nature: Nature,
        now_ns: i64,
        before: Earlier,
    ) -> Self {
        Self {
            inherits: lacking(&entry.fact),
            entry,
            is_detailed: nature.is_detailed,
            is_aggregate: nature.is_aggregate,
            is_free: nature.is_free,
            part: nature.part,
            state: State::Held,
            since_ns: now_ns,
            before,
            is_called: false,
            is_outer: false,
            twin: None,
            in_vain: None,
        }
    }

    pub(super) fn fact(&self) -> &StepFact {
        &self.entry.fact
    }

    /// When it started, nanoseconds since the epoch.
    pub(super) fn time_ns(&self) -> i64 {
        self.entry.time_ns
    }

    /// Whether a span tells what it told before. Its cost does not matter: prices may have changed.
    pub(super) fn is_told_again(&self, told: &Told) -> bool {
        let mut own = self.without_inherited();
        if self.is_detailed && told.fact.tokens.0.is_empty() {
            own.tokens = told.fact.tokens;
        }
        take_cost(&mut own, &told.fact);
        own == told.fact && self.time_ns() == told.time_ns
    }

    /// Replaces what it tells (rule R6).
    pub(super) fn update(&mut self, mut told: Told) {
        self.is_detailed &= told.fact.tokens.0.is_empty();
        if self.is_detailed {
            told.fact.tokens = self.fact().tokens;
            take_cost(&mut told.fact, self.fact());
        }
        let entry = Arc::new(Entry { time_ns: told.time_ns, fact: told.fact, ..*self.entry });
        let old = std::mem::replace(&mut self.entry, entry);
        if self.state == State::Decided {
            self.before = Earlier::Decided(old);
            self.state = State::Updated;
        }
        self.inherits = lacking(self.fact());
        self.is_aggregate = told.is_aggregate;
        self.is_free = told.is_free;
        self.part = told.part;
    }

    /// Takes tokens and money from elsewhere where it tells none itself. False where it does.
    pub(super) fn add_details(&mut self, told: &Told) -> bool {
        let own = self.without_inherited();
        let is_new =
            own.tokens.0.is_empty() && own.cost_usd <= 0.0 && !told.fact.tokens.0.is_empty();
        if is_new {
            let mut fact = StepFact { tokens: told.fact.tokens, ..own };
            take_cost(&mut fact, &told.fact);
            self.update(Told {
                time_ns: self.time_ns(),
                fact,
                is_aggregate: self.is_aggregate,
                is_free: self.is_free,
                part: self.part,
                evaluations: Vec::new(),
                is: Is::Whole,
            });
            self.is_detailed = true;
        }
        is_new
    }

    /// It is in the ledger already.
    pub(super) fn was_decided(&mut self, decided: Arc<Entry<StepFact>>) {
        let is_same =
            self.fact().tokens == decided.fact.tokens && self.fact().model == decided.fact.model;
        if is_same {
            take_cost(&mut Arc::make_mut(&mut self.entry).fact, &decided.fact);
        }
        if let Earlier::Arrived(told) =
            std::mem::replace(&mut self.before, Earlier::Decided(decided))
        {
            self.in_vain = Some(told);
        }
        self.is_called = true;
        self.state = State::Updated;
    }

    /// Whether there are tokens or money that may count.
    pub(super) fn bears(&self) -> bool {
        !self.is_aggregate
            && !self.is_free
            && (!self.fact().tokens.0.is_empty() || self.fact().cost_usd > 0.0)
    }

    /// Whether it tells what the stream of a call brought, and is no call of its own.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self.part, Part::Stream { .. })
    }

    pub(super) fn is_undecided(&self) -> bool {
        self.state == State::Held
    }

    /// Whether what was decided last was that it counts.
    pub(super) fn has_counted(&self) -> bool {
        match (&self.before, self.state) {
            (_, State::Decided) => self.fact().counted == Counted::Yes,
            (Earlier::Decided(entry), _) => entry.fact.counted == Counted::Yes,
            _ => false,
        }
    }

    /// The same with what steps above gave it taken away.
    pub(super) fn without_inherited(&self) -> StepFact {
        let mut fact = self.fact().clone();
        let has = |bit: u8| self.inherits & bit != 0;
        if has(AGENT) {
            fact.agent.clear();
            fact.agent_version.clear();
        }
        for (bit, text) in [
            (SESSION, &mut fact.session),
            (USER, &mut fact.user),
            (INTERACTION, &mut fact.interaction),
            (WORKFLOW, &mut fact.workflow),
            (RELEASE, &mut fact.release),
            (ENVIRONMENT, &mut fact.environment),
        ] {
            if has(bit) {
                text.clear();
            }
        }
        if has(TAGS) {
            fact.tags.clear();
        }
        fact.run = SpanId::NONE;
        fact.counted = Counted::Nothing;
        fact.retry = false;
        fact.loop_kind.clear();
        fact
    }
}

/// Takes over what a step costs.
fn take_cost(fact: &mut StepFact, from: &StepFact) {
    fact.cost_usd = from.cost_usd;
    fact.cost_source = from.cost_source;
    fact.price.clone_from(&from.price);
    fact.tier.clone_from(&from.tier);
}

/// What a fact does not tell itself.
fn lacking(fact: &StepFact) -> u8 {
    let bit = |is_empty: bool, bit: u8| if is_empty { bit } else { 0 };
    bit(fact.agent.is_empty(), AGENT)
        | bit(fact.session.is_empty(), SESSION)
        | bit(fact.user.is_empty(), USER)
        | bit(fact.interaction.is_empty(), INTERACTION)
        | bit(fact.workflow.is_empty(), WORKFLOW)
        | bit(fact.release.is_empty(), RELEASE)
        | bit(fact.environment.is_empty(), ENVIRONMENT)
        | bit(fact.tags.is_empty(), TAGS)
}
