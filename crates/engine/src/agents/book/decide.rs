//! Whose tokens count, and what a step has from those above it.
//!
//! Tokens and cost count at the deepest step that tells them (rule R3): a step that calls no model is a
//! sum over what is told below; one that calls a model is told twice where one of its kind below it
//! tells too. Once the upper of two has counted, the lower one that comes later does not, so that
//! nothing must be taken back; where both have counted, the upper one is taken back. Of two steps beside
//! each other that tell of one response, the one that told first counts.

use std::sync::Arc;

use ecow::EcoString;
use hashbrown::HashMap;
use watchkeep_genai::Kind;
use watchkeep_model::{SpanId, TraceId};

use super::held::{AGENT, Held, INTERACTION, RELEASE, SESSION, State, TAGS, USER, WORKFLOW};
use super::responses::Twin;
use super::tree::Tree;
use super::{Decision, Decisions, Earlier, Lookup, Rules, Trace};
use crate::agents::facts::{Counted, Entry, StepFact};

/// How the trace stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// More is coming.
    GoingOn,
    /// Nothing came for long enough.
    Quiet,
    /// It can not be held any longer.
    Now,
}

/// A trace that is being decided, by position in its tree.
pub(super) struct View<'a> {
    pub(super) tree: &'a Tree,
    pub(super) steps: Vec<Option<&'a Held>>,
    /// Positions of steps by start.
    pub(super) by_time: Vec<usize>,
    /// The step that stands for the run that each belongs to.
    pub(super) runs: Vec<Option<usize>>,
    /// For calls that are told of twice: the position of the outer one.
    pub(super) outer: Vec<Option<usize>>,
    /// Whether a call is told of once more below.
    pub(super) is_outer: Vec<bool>,
    pub(super) counted: Vec<Counted>,
}

impl<'a> View<'a> {
    fn of(trace: &'a Trace, tree: &'a Tree) -> Self {
        let mut steps: Vec<Option<&Held>> = vec![None; tree.ids.len()];
        for node in trace.nodes.values() {
            steps[tree.place_of(node)] = node.step.as_deref();
        }
        let starts = steps.iter().enumerate().filter_map(|(at, step)| {
            let step = step.as_ref()?;
            Some((step.time_ns(), tree.ids[at], at))
        });
        let mut starts: Vec<(i64, SpanId, usize)> = starts.collect();
        starts.sort_unstable();
        let by_time: Vec<usize> = starts.into_iter().map(|(_, _, at)| at).collect();
        let twins = twins(tree, &steps);
        let counted = counted(tree, &steps, &twins);
        let outer = outer_calls(tree, &steps);
        // The call of a twin was counted where it was told of first, and that of a stream is its
        // request.
        let mut is_outer = twins;
        for (is_outer, step) in is_outer.iter_mut().zip(&steps) {
            let Some(step) = step else { continue };
            *is_outer = step.is_stream() || (*is_outer && step.twin != Some(Twin::Stream));
        }
        for at in outer.iter().flatten() {
            is_outer[*at] = true;
        }
        let runs = runs(trace, tree, &steps, &by_time);
        Self { tree, steps, by_time, runs, outer, is_outer, counted }
    }

    /// Steps that repeat one before them that failed: same parent, kind, and model or tool.
    fn retries(&self, parents: impl Fn(usize) -> SpanId) -> Vec<bool> {
        let mut retries = vec![false; self.steps.len()];
        if self.steps.iter().flatten().all(|step| step.fact().error.is_empty()) {
            return retries;
        }
        let mut failed: HashMap<(SpanId, Kind, &str), bool> = HashMap::new();
        for at in &self.by_time {
            let Some(step) = self.steps[*at] else { continue };
            let fact = step.fact();
            let name = if fact.tool.is_empty() { &fact.model } else { &fact.tool };
            if name.is_empty() {
                continue;
            }
            let key = (parents(*at), fact.kind, name.as_str());
            let before = failed.insert(key, !fact.error.is_empty());
            retries[*at] = before == Some(true);
        }
        retries
    }
}

/// Kinds of steps as bits: those that call models apart.
fn bit(kind: Kind) -> u8 {
    match kind {
        Kind::Llm => 1,
        Kind::Embedding => 2,
        Kind::Reranker => 4,
        _ => 8,
    }
}

/// Kinds below a step that tell what it tells again.
fn covers(kind: Kind) -> u8 {
    if kind.calls_model() { bit(kind) } else { u8::MAX }
}

/// Steps whose response another step told of before that stands beside them, not above or below.
fn twins(tree: &Tree, steps: &[Option<&Held>]) -> Vec<bool> {
    let twin = |at: usize| steps[at].and_then(|step| step.twin);
    // Worked out once, so that a trace full of twins costs no more than one without.
    let extents = (0..steps.len())
        .any(|at| matches!(twin(at), Some(Twin::Here(_))))
        .then(|| (tree.positions(), tree.extents()));
    let is_beside = |at: usize, first: SpanId| {
        let Some((positions, extents)) = &extents else { return false };
        positions.get(&first).is_some_and(|first| {
            let (one, other) = (&extents[at], &extents[*first]);
            !one.contains(&other.start) && !other.contains(&one.start)
        })
    };
    let is_twin = |at: usize| match twin(at) {
        Some(Twin::Elsewhere | Twin::Stream) => true,
        Some(Twin::Here(first)) => is_beside(at, first),
        None => false,
    };
    (0..steps.len()).map(is_twin).collect()
}

fn counted(tree: &Tree, steps: &[Option<&Held>], twins: &[bool]) -> Vec<Counted> {
    let bears = |at: usize| steps[at].filter(|step| step.bears());
    let has_counted = |at: usize| bears(at).filter(|step| step.has_counted());
    // What has counted below.
    let mut below = vec![0_u8; steps.len()];
    for at in (0..steps.len()).rev() {
        if let Some(parent) = tree.parents[at] {
            below[parent] |= below[at] | has_counted(at).map_or(0, |step| bit(step.fact().kind));
        }
    }
    let stays =
        |at: usize| has_counted(at).is_some_and(|step| below[at] & covers(step.fact().kind) == 0);
    // What has counted above and stays.
    let mut above = vec![0_u8; steps.len()];
    let mut is_covered = vec![false; steps.len()];
    for at in 0..steps.len() {
        if let Some(parent) = tree.parents[at] {
            let by_parent = steps[parent].filter(|_| stays(parent));
            above[at] = above[parent] | by_parent.map_or(0, |step| covers(step.fact().kind));
        }
        is_covered[at] = bears(at).is_some_and(|step| {
            twins[at] || (!step.has_counted() && above[at] & bit(step.fact().kind) != 0)
        });
    }
    // What will count below.
    let mut telling = vec![0_u8; steps.len()];
    for at in (0..steps.len()).rev() {
        if let Some(parent) = tree.parents[at] {
            let own = bears(at).filter(|_| !is_covered[at]);
            telling[parent] |= telling[at] | own.map_or(0, |step| bit(step.fact().kind));
        }
    }
    let verdict = |at: usize| {
        let Some(step) = steps[at] else { return Counted::Nothing };
        let has_any = !step.fact().tokens.0.is_empty() || step.fact().cost_usd > 0.0;
        match () {
            () if !has_any => Counted::Nothing,
            () if step.is_free => Counted::Free,
            () if step.is_aggregate => Counted::RolledUp,
            () if is_covered[at] => Counted::Covered,
            () if telling[at] & covers(step.fact().kind) != 0 => Counted::RolledUp,
            () => Counted::Yes,
        }
    };
    (0..steps.len()).map(verdict).collect()
}

/// Calls that are told of twice (a framework over a client library, a tool over its protocol): for
/// the inner one the outer one.
fn outer_calls(tree: &Tree, steps: &[Option<&Held>]) -> Vec<Option<usize>> {
    // By position the calls under way there: of models by kind, and of a tool.
    let mut under_way: Vec<[Option<usize>; 4]> = Vec::with_capacity(steps.len());
    let mut outer = vec![None; steps.len()];
    for at in 0..steps.len() {
        let mut calls = tree.parents[at].map_or([None; 4], |parent| under_way[parent]);
        if let Some(step) = steps[at].filter(|step| !step.is_stream()) {
            match step.fact().kind {
                Kind::Agent => calls = [None; 4],
                Kind::Tool => {
                    let same = |above: &usize| {
                        steps[*above].is_some_and(|above| above.fact().tool == step.fact().tool)
                    };
                    outer[at] = calls[3].filter(same);
                    calls = [None, None, None, Some(at)];
                }
                kind if kind.calls_model() => {
                    let slot = bit(kind).trailing_zeros() as usize;
                    outer[at] = calls[slot];
                    calls[slot] = Some(at);
                }
                _ => {}
            }
        }
        under_way.push(calls);
    }
    outer
}

/// For each span the step that stands for its run: the topmost agent above it, or, below none, the
/// first of the topmost steps.
fn runs(
    trace: &Trace,
    tree: &Tree,
    steps: &[Option<&Held>],
    by_time: &[usize],
) -> Vec<Option<usize>> {
    let mut runs: Vec<Option<usize>> = Vec::with_capacity(steps.len());
    let mut has_step_above = vec![false; steps.len()];
    for at in 0..steps.len() {
        let above = tree.parents[at].and_then(|parent| runs[parent]);
        let is_agent = steps[at].is_some_and(|step| step.fact().kind == Kind::Agent);
        runs.push(above.or(is_agent.then_some(at)));
        if let Some(parent) = tree.parents[at] {
            has_step_above[at] = has_step_above[parent] || steps[parent].is_some();
        }
    }
    let is_loose = |at: &usize| runs[*at].is_none() && steps[*at].is_some();
    let has_agent = runs.iter().any(Option::is_some);
    let works = |at: &usize| {
        steps[*at]
            .is_some_and(|step| step.fact().kind.calls_model() || step.fact().kind == Kind::Tool)
    };
    if has_agent && !by_time.iter().filter(|at| is_loose(at)).any(works) {
        return runs;
    }
    let tops = || by_time.iter().copied().filter(|at| is_loose(at) && !has_step_above[*at]);
    let kept = trace.loose_run.and_then(|id| tops().find(|at| tree.ids[*at] == id));
    let top = kept.or_else(|| tops().next());
    let loose: Vec<usize> = (0..steps.len()).filter(is_loose).collect();
    for at in loose {
        runs[at] = top;
    }
    runs
}

/// A step that changes, by position.
struct Change {
    at: usize,
    entry: Arc<Entry<StepFact>>,
    is_call: bool,
}

impl Trace {
    /// Decides what can be decided.
    pub(super) fn decide(
        &mut self,
        id: TraceId,
        rules: &Rules,
        now_ns: i64,
        when: When,
        out: &mut Decisions,
    ) {
        debug_assert!(!self.is_worked_out || !self.would_change(rules, now_ns));
        if self.is_worked_out && when == When::Now {
            return self.settle(id, now_ns, out);
        }
        let tree = Tree::of(&self.nodes);
        let mut when = when;
        if when == When::Quiet && self.lookup == Lookup::NotYet && self.lacks_parents(&tree) {
            self.lookup = Lookup::Pending;
            out.lookups.push((id, false));
            when = When::GoingOn;
        }
        self.is_touched = false;
        if !self.is_worked_out {
            self.work_out(id, &tree, rules, now_ns, when, out);
        }
        if when != When::GoingOn {
            self.settle(id, now_ns, out);
        }
    }

    /// Tells of runs.
    fn settle(&mut self, id: TraceId, now_ns: i64, out: &mut Decisions) {
        self.is_settled = true;
        self.tell_runs(id, now_ns, out);
    }

    /// Works out what the steps are in their trace, and decides those that can be.
    fn work_out(
        &mut self,
        id: TraceId,
        tree: &Tree,
        rules: &Rules,
        now_ns: i64,
        when: When,
        out: &mut Decisions,
    ) {
        let view = View::of(self, tree);
        let owners = Owners::of(&view);
        let loops = super::runs::loops(&view, &owners, rules.loop_repeats);
        let changes = self.changes(&view, &owners, &loops, rules, now_ns, when);
        // What counts depends on what has counted: where nothing had, it stays as it is now.
        let is_first = !view.steps.iter().flatten().any(|step| step.has_counted());
        let is_fixed = is_first || changes.is_empty();
        let run_of = |at: usize| view.runs[at].map(|run| tree.ids[run]);
        // The first of a kind is told of, whenever it is looked for.
        let found = view.by_time.iter().filter_map(|at| Some((*at, *loops.get(at)?)));
        let found = found.filter_map(|(at, kind)| Some((run_of(at)?, tree.ids[at], kind)));
        let found: Vec<(SpanId, SpanId, &'static str)> = found.collect();
        let is_loose =
            |run: &usize| view.steps[*run].is_some_and(|step| step.fact().kind != Kind::Agent);
        let loose = view.by_time.iter().find_map(|at| view.runs[*at].filter(is_loose));
        let loose = loose.map(|run| tree.ids[run]);
        let is_outer = view.is_outer;
        self.loose_run = loose;
        if when == When::Now {
            let early = changes.iter().filter(|change| !tree.is_complete[change.at]);
            out.early += early.count() as u64;
        }
        for change in changes {
            let is_outer = is_outer[change.at];
            self.apply(change, is_outer, out);
        }
        self.tell_loops(id, found, now_ns, out);
        let held = self.nodes.values().filter_map(|node| node.step.as_deref());
        let undecided = held.filter(|step| step.state != State::Decided);
        self.oldest_ns = undecided.map(|step| step.since_ns).min();
        self.is_worked_out = is_fixed && self.oldest_ns.is_none();
    }

    /// Whether deciding all at once would change a step.
    fn would_change(&self, rules: &Rules, now_ns: i64) -> bool {
        let tree = Tree::of(&self.nodes);
        let view = View::of(self, &tree);
        let owners = Owners::of(&view);
        let loops = super::runs::loops(&view, &owners, rules.loop_repeats);
        !self.changes(&view, &owners, &loops, rules, now_ns, When::Now).is_empty()
    }

    /// Whether a step hangs below a span that is not there.
    fn lacks_parents(&self, tree: &Tree) -> bool {
        let is_step = |id: &SpanId| self.nodes[id].step.is_some();
        tree.ids.iter().zip(&tree.is_complete).any(|(id, complete)| !complete && is_step(id))
    }

    fn changes(
        &self,
        view: &View<'_>,
        owners: &Owners,
        loops: &HashMap<usize, &'static str>,
        rules: &Rules,
        now_ns: i64,
        when: When,
    ) -> Vec<Change> {
        let tree = view.tree;
        let parent = |at: usize| self.nodes[&tree.ids[at]].parent;
        let retries = view.retries(parent);
        let mut changes = Vec::new();
        for at in &view.by_time {
            let Some(step) = view.steps[*at] else { continue };
            let counted = view.counted[*at];
            let is_sure = tree.is_complete[*at]
                && (step.fact().kind.calls_model() || counted != Counted::Yes);
            let has_waited = now_ns.saturating_sub(step.since_ns) >= rules.hold_ns;
            if step.is_undecided() && when == When::GoingOn && !is_sure && !has_waited {
                continue;
            }
            let new = Filled {
                counted,
                retry: retries[*at],
                loop_kind: loops.get(at).copied().unwrap_or_default(),
                run: view.runs[*at].map(|run| tree.ids[run]).unwrap_or_default(),
            };
            if step.state == State::Decided && owners.agree(view, *at) && new.agrees(step.fact()) {
                continue;
            }
            let mut fact = step.fact().clone();
            owners.fill(view, *at, &mut fact);
            new.fill(&mut fact);
            let entry = Arc::new(Entry { written_ns: now_ns, fact, ..*step.entry });
            let outer_called = view.outer[*at]
                .and_then(|outer| view.steps[outer])
                .is_some_and(|outer| outer.is_called);
            let is_call = !step.is_called && !view.is_outer[*at] && !outer_called;
            changes.push(Change { at: *at, entry, is_call });
        }
        changes
    }

    fn apply(&mut self, change: Change, is_outer: bool, out: &mut Decisions) {
        let Change { entry: decided, is_call, .. } = change;
        let node = self.nodes.get_mut(&decided.span_id);
        let Some(step) = node.and_then(|node| node.step.as_mut()) else { return };
        let old = std::mem::replace(&mut step.entry, Arc::clone(&decided));
        let before = match step.state {
            State::Decided => Earlier::Decided(old),
            _ => std::mem::replace(&mut step.before, Earlier::Nothing),
        };
        step.state = State::Decided;
        step.is_called |= is_call;
        step.is_outer = is_outer;
        if let Some(told) = step.in_vain.take() {
            let fact = StepFact { counted: Counted::Covered, ..told.fact.clone() };
            out.steps.push(Decision {
                entry: Arc::new(Entry { fact, ..*decided }),
                before: Earlier::Arrived(told),
                is_call: false,
                is_known: true,
            });
        }
        // What the ledger has already is not written again.
        if matches!(&before, Earlier::Decided(old) if old.fact == decided.fact) {
            return;
        }
        out.steps.push(Decision { entry: decided, before, is_call, is_known: false });
    }
}

/// What is worked out for a step.
struct Filled {
    counted: Counted,
    retry: bool,
    loop_kind: &'static str,
    run: SpanId,
}

impl Filled {
    fn agrees(&self, fact: &StepFact) -> bool {
        fact.counted == self.counted
            && fact.retry == self.retry
            && fact.loop_kind == self.loop_kind
            && fact.run == self.run
    }

    fn fill(self, fact: &mut StepFact) {
        fact.counted = self.counted;
        fact.retry = self.retry;
        fact.loop_kind = self.loop_kind.into();
        fact.run = self.run;
    }
}

/// By position, for each field that is inherited, the nearest step above (or the step itself) that
/// tells it.
pub(super) struct Owners(Vec<[Option<u32>; FIELDS]>);

/// Fields that are inherited: their bits are those below this one.
const FIELDS: usize = u8::BITS as usize;

/// Fields of some bits.
fn fields(bits: u8) -> impl Iterator<Item = usize> {
    (0..FIELDS).filter(move |field| bits & 1 << field != 0)
}

fn text(fact: &StepFact, bit: u8) -> &EcoString {
    match bit {
        SESSION => &fact.session,
        USER => &fact.user,
        INTERACTION => &fact.interaction,
        WORKFLOW => &fact.workflow,
        RELEASE => &fact.release,
        _ => &fact.environment,
    }
}

fn text_mut(fact: &mut StepFact, bit: u8) -> &mut EcoString {
    match bit {
        SESSION => &mut fact.session,
        USER => &mut fact.user,
        INTERACTION => &mut fact.interaction,
        WORKFLOW => &mut fact.workflow,
        RELEASE => &mut fact.release,
        _ => &mut fact.environment,
    }
}

impl Owners {
    fn of(view: &View<'_>) -> Self {
        let mut all: Vec<[Option<u32>; FIELDS]> = Vec::with_capacity(view.steps.len());
        for (at, step) in view.steps.iter().enumerate() {
            let mut owners = view.tree.parents[at].map_or([None; FIELDS], |parent| all[parent]);
            for field in step.map(|step| fields(!step.inherits)).into_iter().flatten() {
                owners[field] = Some(at as u32);
            }
            all.push(owners);
        }
        Self(all)
    }

    fn owner<'a>(&self, view: &View<'a>, at: usize, field: usize) -> Option<&'a Held> {
        view.steps[self.0[at][field]? as usize]
    }

    /// What a step does not tell itself and one above does: bits, and the facts that tell it.
    fn inherited<'a>(
        &self,
        view: &View<'a>,
        at: usize,
    ) -> impl Iterator<Item = (u8, &'a StepFact)> {
        let bits = view.steps[at].map_or(0, |step| step.inherits);
        let owner = move |field| Some((1_u8 << field, self.owner(view, at, field)?.fact()));
        fields(bits).filter_map(owner)
    }

    /// The agent of a step: its own, or that of the nearest one above that tells one.
    pub(super) fn agent_of<'a>(&self, view: &View<'a>, at: usize) -> &'a str {
        let owner = self.owner(view, at, AGENT.trailing_zeros() as usize);
        owner.map_or("", |owner| &owner.fact().agent)
    }

    /// Whether a fact has what those above it tell.
    fn agree(&self, view: &View<'_>, at: usize) -> bool {
        let Some(step) = view.steps[at] else { return true };
        let fact = step.fact();
        self.inherited(view, at).all(|(bit, from)| match bit {
            AGENT => from.agent == fact.agent && from.agent_version == fact.agent_version,
            TAGS => from.tags == fact.tags,
            _ => text(from, bit) == text(fact, bit),
        })
    }

    fn fill(&self, view: &View<'_>, at: usize, fact: &mut StepFact) {
        for (bit, from) in self.inherited(view, at) {
            match bit {
                AGENT => {
                    fact.agent.clone_from(&from.agent);
                    fact.agent_version.clone_from(&from.agent_version);
                }
                TAGS => fact.tags.clone_from(&from.tags),
                _ => text_mut(fact, bit).clone_from(text(from, bit)),
            }
        }
    }
}
