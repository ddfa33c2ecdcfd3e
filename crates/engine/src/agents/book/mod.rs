//! The book: traces with steps, each step decided once. Pure: spans and instants go in, decisions
//! come out; the store, the ledger and the clock are at the edge.
//!
//! In reading order: this file (traces that are held), `held` (a step), `responses` and `streams`
//! (calls that are told of twice side by side), `tree` (how spans of a trace hang together), `decide`
//! (whose tokens count), `runs` (what steps of an agent make up).

mod decide;
mod held;
mod responses;
mod runs;
mod streams;
mod tree;

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::hash::BuildHasher as _;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashMap, HashSet};
use watchkeep_genai::loops::LoopKind;
use watchkeep_genai::step::Part;
use watchkeep_model::{SpanId, TraceId};

use self::held::{Held, Nature, State};
use self::responses::{Responses, Twin};
use self::streams::Streams;
use super::config::AgentsConfig;
use super::facts::{Counted, Entry, EventFact, RunFact, StepFact};
use super::seen::{Is, Seen, Told};

/// How long things are held, nanoseconds, and how much.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) settle_ns: i64,
    pub(super) hold_ns: i64,
    pub(super) remember_ns: i64,
    pub(super) trace_spans_max: usize,
    pub(super) traces_known_max: usize,
    pub(super) loop_repeats: usize,
}

impl Rules {
    pub(super) fn of(config: &AgentsConfig) -> Self {
        let nanos =
            |time: std::time::Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX / 4);
        Self {
            settle_ns: nanos(config.settle.0),
            hold_ns: nanos(config.hold_max.0),
            remember_ns: nanos(config.remember.0),
            trace_spans_max: config.trace_steps_max,
            traces_known_max: config.traces_known_max,
            loop_repeats: config.loop_repeats,
        }
    }
}

/// What was told of a step before.
#[derive(Debug, Clone)]
pub(super) enum Earlier {
    Nothing,
    Arrived(Arc<Entry<StepFact>>),
    Decided(Arc<Entry<StepFact>>),
}

/// A step that is decided, or decided anew.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) entry: Arc<Entry<StepFact>>,
    pub(super) before: Earlier,
    /// Whether it is the first time that this call of a model, tool and so on is counted as a call.
    pub(super) is_call: bool,
    /// Whether it is in the ledger already, and only who was told of its arrival must know.
    pub(super) is_known: bool,
}

/// A run that settled, or grew after it had.
#[derive(Debug)]
pub(super) struct RunDecision {
    pub(super) entry: Entry<RunFact>,
    /// Whether it is new, and not one that is told of again.
    pub(super) is_first: bool,
}

/// What has been decided and is to be written down.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    pub(super) steps: Vec<Decision>,
    pub(super) runs: Vec<RunDecision>,
    pub(super) events: Vec<Entry<EventFact>>,
    /// Traces that must be read from the store before they can be decided, and whether something of
    /// them may be in the ledger.
    pub(super) lookups: Vec<(TraceId, bool)>,
    /// Steps that were decided before all was known, as there was no room.
    pub(super) early: u64,
}

impl Decisions {
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.runs.is_empty() && self.events.is_empty()
    }
}

/// An append whose request broke off goes on by itself; it is over after so long.
const BROKEN_OFF_NS: i64 = 2_000_000_000;

/// A span of a trace with steps.
#[derive(Debug)]
struct Node {
    /// How many were in the trace before it.
    number: usize,
    parent: SpanId,
    step: Option<Box<Held>>,
}

/// How a trace and the store stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lookup {
    /// Not read; it will be if parents are missing.
    NotYet,
    /// It was in the book before, or its request broke off: it must be read before anything is decided.
    Must,
    /// It is being read.
    Pending,
    /// It was read, or there is no need.
    Done,
}

/// A trace with steps.
#[derive(Debug)]
struct Trace {
    nodes: HashMap<SpanId, Node>,
    /// When the last of its spans arrived.
    last_ns: i64,
    /// Whether something came since it was last looked at.
    is_touched: bool,
    /// When the oldest step arrived that was not decided when it was last looked at.
    oldest_ns: Option<i64>,
    /// Whether its runs were told of since something came last.
    is_settled: bool,
    /// Whether all steps are decided, and deciding again would change nothing.
    is_worked_out: bool,
    lookup: Lookup,
    /// When it may be read from the store: what is being stored is not there yet.
    look_after_ns: i64,
    /// The step that stands for those that are below no agent.
    loose_run: Option<SpanId>,
    /// What was last written of its runs, as hashes.
    runs: HashMap<SpanId, u64>,
    /// Runs that the ledger had already when the trace was read again.
    told_before: HashSet<SpanId>,
    /// Loops that were told of, by run, and by the step that they were found with: a step is in another
    /// run once an agent above it is known.
    loops: HashSet<(SpanId, &'static str)>,
}

impl Trace {
    fn new(now_ns: i64) -> Self {
        Self {
            nodes: HashMap::new(),
            last_ns: now_ns,
            is_touched: true,
            oldest_ns: None,
            is_settled: false,
            is_worked_out: false,
            lookup: Lookup::NotYet,
            look_after_ns: i64::MIN,
            loose_run: None,
            runs: HashMap::new(),
            told_before: HashSet::new(),
            loops: HashSet::new(),
        }
    }

    fn has_undecided(&self) -> bool {
        self.is_touched || self.oldest_ns.is_some() || !self.is_settled
    }
}

/// What became of a span that was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is a step that is new to the book.
    NewStep,
    /// It is a plain span that is new to the book.
    NewSpan,
    /// It was there, and tells other things now.
    Updated,
    /// It was there, or is of no interest.
    Known,
}

/// How observers are told of a step's arrival.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    /// Whether what it told counts at once.
    pub(super) counts_now: bool,
}

/// What a step told when it arrived, where observers are told of that.
pub(super) type Shown = Option<Arc<Entry<StepFact>>>;

/// Steps of a tenant.
#[derive(Debug, Default)]
pub(super) struct Book {
    traces: HashMap<TraceId, Trace>,
    spans: usize,
    /// Hashes of traces that were let go of, oldest first.
    known: VecDeque<u64>,
    known_set: HashSet<u64>,
    responses: Responses,
    streams: Streams,
    hasher: DefaultHashBuilder,
}

impl Book {
    /// Spans that are held.
    pub(super) fn spans(&self) -> usize {
        self.spans
    }

    /// Traces that are going on.
    pub(super) fn active(&self) -> usize {
        self.traces.values().filter(|trace| !trace.is_settled).count()
    }

    /// Whether a trace has or had steps: plain spans of others are of no interest.
    pub(super) fn knows(&self, trace: TraceId) -> bool {
        self.traces.contains_key(&trace) || self.known_set.contains(&self.hash_of(trace))
    }

    /// Whether a trace must be read from the store before it can be decided, because it was here
    /// before. Its spans are not told of as new.
    pub(super) fn must_look(&self, trace: TraceId) -> bool {
        match self.traces.get(&trace) {
            Some(held) => held.lookup == Lookup::Must,
            None => self.known_set.contains(&self.hash_of(trace)),
        }
    }

    fn hash_of(&self, trace: TraceId) -> u64 {
        self.hasher.hash_one(trace)
    }

    /// Takes a span.
    pub(super) fn take(
        &mut self,
        seen: Seen,
        now_ns: i64,
        arrival: Option<Arrival>,
    ) -> (Taken, Shown) {
        let was_here = self.known_set.contains(&self.hash_of(seen.trace_id));
        let Self { traces, spans, responses, streams, .. } = self;
        let (trace_id, span_id) = (seen.trace_id, seen.span_id);
        let trace = match traces.entry(trace_id) {
            hashbrown::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hashbrown::hash_map::Entry::Vacant(_) if seen.told.is_none() && !was_here => {
                return (Taken::Known, None);
            }
            hashbrown::hash_map::Entry::Vacant(entry) => {
                let trace = entry.insert(Trace::new(now_ns));
                if was_here {
                    trace.lookup = Lookup::Must;
                }
                trace
            }
        };
        let held = trace.nodes.len();
        let (taken, shown) = trace.take(seen, now_ns, arrival);
        trace.note_call(trace_id, span_id, responses, streams);
        *spans += trace.nodes.len() - held;
        if taken != Taken::Known {
            trace.touch(now_ns);
        }
        (taken, shown)
    }

    /// Makes sure that a trace is read from the store: its request broke off, so nobody knows whether
    /// its spans were stored.
    pub(super) fn look_again(&mut self, trace: TraceId, now_ns: i64) {
        let trace = self.traces.entry(trace).or_insert_with(|| Trace::new(now_ns));
        trace.lookup = Lookup::Must;
        trace.look_after_ns = now_ns.saturating_add(BROKEN_OFF_NS);
        trace.touch(now_ns);
    }

    /// Takes what the store and the ledger hold of a trace that was looked up.
    pub(super) fn learn(
        &mut self,
        id: TraceId,
        spans: Vec<Seen>,
        facts: Vec<Entry<StepFact>>,
        runs: Vec<SpanId>,
        now_ns: i64,
    ) {
        let trace = self.traces.entry(id).or_insert_with(|| Trace::new(now_ns));
        let held = trace.nodes.len();
        trace.lookup = Lookup::Done;
        trace.is_touched = true;
        trace.is_worked_out = false;
        for seen in spans {
            let known = trace.nodes.get(&seen.span_id).is_some_and(|node| node.step.is_some());
            // What came after is newer than what the store has of it.
            if !known {
                trace.take(seen, now_ns, None);
            }
        }
        for entry in facts {
            trace.was_decided(entry);
        }
        let steps = trace.nodes.iter().filter_map(|(id, node)| Some((node.step.as_ref()?, id)));
        let mut steps: Vec<_> = steps.map(|(step, id)| (step.time_ns(), *id)).collect();
        steps.sort_unstable();
        for (_, span_id) in steps {
            trace.note_call(id, span_id, &mut self.responses, &mut self.streams);
        }
        trace.told_before.extend(runs);
        self.spans += trace.nodes.len() - held;
    }

    /// Traces that may have something to decide, or may be let go of.
    pub(super) fn ready(&self, rules: &Rules, now_ns: i64) -> Vec<TraceId> {
        let is_ready = |trace: &Trace| {
            trace.is_touched
                || trace.wants_a_look(rules, now_ns)
                || now_ns.saturating_sub(trace.last_ns) >= rules.remember_ns
        };
        let ready = self.traces.iter().filter(|(_, trace)| {
            trace.lookup == Lookup::Must || (trace.lookup != Lookup::Pending && is_ready(trace))
        });
        ready.map(|(id, _)| *id).collect()
    }

    /// Looks at all traces: gives what can be decided.
    #[cfg(test)]
    fn due(&mut self, rules: &Rules, now_ns: i64) -> Decisions {
        let mut out = Decisions::default();
        let ready = self.ready(rules, now_ns);
        self.decide(&ready, rules, now_ns, &mut out);
        out
    }

    /// Looks at some traces and decides what can be decided.
    pub(super) fn decide(
        &mut self,
        some: &[TraceId],
        rules: &Rules,
        now_ns: i64,
        out: &mut Decisions,
    ) {
        let mut gone = Vec::new();
        for id in some {
            let Some(trace) = self.traces.get_mut(id) else { continue };
            if trace.lookup == Lookup::Pending {
                continue;
            }
            if trace.lookup == Lookup::Must && now_ns < trace.look_after_ns {
                continue;
            }
            if trace.lookup == Lookup::Must {
                trace.lookup = Lookup::Pending;
                out.lookups.push((*id, true));
                continue;
            }
            let quiet_ns = now_ns.saturating_sub(trace.last_ns);
            let is_quiet = quiet_ns >= rules.settle_ns;
            if trace.nodes.len() > rules.trace_spans_max {
                trace.decide(*id, rules, now_ns, decide::When::Now, out);
                gone.push(*id);
            } else if trace.is_touched || trace.wants_a_look(rules, now_ns) {
                let when = if is_quiet { decide::When::Quiet } else { decide::When::GoingOn };
                trace.decide(*id, rules, now_ns, when, out);
            } else if quiet_ns >= rules.remember_ns && !trace.has_undecided() {
                gone.push(*id);
            }
        }
        for id in gone {
            self.let_go(id, rules);
        }
    }

    /// Decides the traces at once that nothing came of for longest, until no more than so many spans
    /// are held.
    pub(super) fn make_room(
        &mut self,
        spans_max: usize,
        rules: &Rules,
        now_ns: i64,
        out: &mut Decisions,
    ) {
        if self.spans <= spans_max {
            return;
        }
        // A heap: few of many go at a time, and the rest need no order.
        let mut by_age: BinaryHeap<Reverse<(i64, TraceId)>> =
            self.traces.iter().map(|(id, trace)| Reverse((trace.last_ns, *id))).collect();
        while self.spans > spans_max
            && let Some(Reverse((_, id))) = by_age.pop()
        {
            let Some(trace) = self.traces.get_mut(&id) else { continue };
            if trace.lookup == Lookup::Pending {
                continue;
            }
            if trace.has_undecided() {
                trace.decide(id, rules, now_ns, decide::When::Now, out);
            }
            self.let_go(id, rules);
        }
    }

    /// Forgets a trace, but that it was here.
    fn let_go(&mut self, id: TraceId, rules: &Rules) {
        let Some(trace) = self.traces.remove(&id) else { return };
        self.spans -= trace.nodes.len();
        // One that is too great to be held is too great to be read again.
        if trace.nodes.len() <= rules.trace_spans_max && !trace.nodes.is_empty() {
            self.was_here(id, rules);
        }
    }

    /// Notes that a trace was here, and must be read again should more of it come.
    pub(super) fn was_here(&mut self, id: TraceId, rules: &Rules) {
        let hash = self.hash_of(id);
        if self.known_set.insert(hash) {
            self.known.push_back(hash);
        }
        while self.known.len() > rules.traces_known_max {
            if let Some(oldest) = self.known.pop_front() {
                self.known_set.remove(&oldest);
            }
        }
    }
}

impl Trace {
    /// Something came.
    fn touch(&mut self, now_ns: i64) {
        self.is_touched = true;
        self.is_settled = false;
        self.last_ns = self.last_ns.max(now_ns);
    }

    fn take(&mut self, seen: Seen, now_ns: i64, arrival: Option<Arrival>) -> (Taken, Shown) {
        // Also of a step that was there: another may tell of its call.
        self.is_worked_out = false;
        let Seen { trace_id, span_id, parent, told } = seen;
        let entry = |time_ns, fact| {
            Arc::new(Entry { time_ns, written_ns: now_ns, trace_id, span_id, fact })
        };
        let shown = |entry: &Arc<_>| arrival.map(|_| Arc::clone(entry));
        let held = |told: Told| {
            let nature = Nature::of(&told);
            let entry = entry(told.time_ns, told.fact);
            let counts_now = arrival.is_some_and(|arrival| arrival.counts_now);
            let before =
                if counts_now { Earlier::Arrived(Arc::clone(&entry)) } else { Earlier::Nothing };
            (shown(&entry), Box::new(Held::new(entry, nature, now_ns, before)))
        };
        let number = self.nodes.len();
        let node = match self.nodes.entry(span_id) {
            hashbrown::hash_map::Entry::Vacant(vacant) => {
                let Some(told) = told else {
                    vacant.insert(Node { number, parent, step: None });
                    return (Taken::NewSpan, None);
                };
                let (shown, step) = held(*told);
                vacant.insert(Node { number, parent, step: Some(step) });
                return (Taken::NewStep, shown);
            }
            hashbrown::hash_map::Entry::Occupied(occupied) => occupied.into_mut(),
        };
        let adds = told.as_ref().is_some_and(|told| told.is == Is::Details) && node.step.is_some();
        // Two sides of a request may share an id (Zipkin): that whose parent is another leads up.
        let is_moved = !adds && node.parent != parent && parent != span_id && parent.is_some();
        if is_moved {
            node.parent = parent;
        }
        match (told, &mut node.step) {
            (Some(told), Some(step)) if adds => {
                let is_new = step.add_details(&told);
                let taken = if is_new { Taken::Updated } else { Taken::Known };
                (taken, shown(&entry(told.time_ns, told.fact)))
            }
            (Some(told), step @ None) => {
                let (shown, new) = held(*told);
                *step = Some(new);
                (Taken::NewStep, shown)
            }
            (Some(told), Some(step)) if !step.is_told_again(&told) => {
                let shown = arrival.map(|_| entry(told.time_ns, told.fact.clone()));
                step.update(*told);
                (Taken::Updated, shown)
            }
            (told, _) if is_moved => {
                let told = told.map(|told| entry(told.time_ns, told.fact));
                (Taken::Updated, told.and_then(|told| shown(&told)))
            }
            _ => (Taken::Known, None),
        }
    }

    /// Notes the call that a step tells of, and whether another told of it before.
    fn note_call(
        &mut self,
        id: TraceId,
        span: SpanId,
        responses: &mut Responses,
        streams: &mut Streams,
    ) {
        let step = self.nodes.get_mut(&span).and_then(|node| node.step.as_mut());
        if let Some(step) = step {
            let is_told = streams.note((id, span), step);
            let twin = responses.note(id, span, step.fact());
            step.twin = twin.or(is_told.then_some(Twin::Stream));
        }
    }

    /// A step is in the ledger.
    fn was_decided(&mut self, entry: Entry<StepFact>) {
        let Entry { written_ns, span_id, fact, .. } = &entry;
        let (written_ns, span_id) = (*written_ns, *span_id);
        if let Some(kind) = LoopKind::from_name(&fact.loop_kind)
            && fact.run.is_some()
        {
            self.loops.extend([(fact.run, kind.name()), (span_id, kind.name())]);
        }
        let (number, parent) = (self.nodes.len(), fact.parent);
        let node = self.nodes.entry(span_id).or_insert_with(|| Node { number, parent, step: None });
        match &mut node.step {
            None => {
                let nature = Nature {
                    is_detailed: false,
                    is_aggregate: fact.counted == Counted::RolledUp,
                    is_free: fact.counted == Counted::Free,
                    part: Part::Whole,
                };
                let mut step = Held::new(Arc::new(entry), nature, written_ns, Earlier::Nothing);
                step.inherits = 0;
                step.state = State::Decided;
                step.is_called = true;
                node.step = Some(Box::new(step));
            }
            Some(step) if step.is_undecided() => step.was_decided(Arc::new(entry)),
            Some(_) => {}
        }
    }

    /// Whether time alone may have made something ready.
    fn wants_a_look(&self, rules: &Rules, now_ns: i64) -> bool {
        if now_ns.saturating_sub(self.last_ns) >= rules.settle_ns {
            return !self.is_settled || self.oldest_ns.is_some();
        }
        self.oldest_ns.is_some_and(|since_ns| now_ns.saturating_sub(since_ns) >= rules.hold_ns)
    }
}
