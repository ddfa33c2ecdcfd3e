//! What is read of the ledger, on its way into chunks.

use std::borrow::Cow;

use hashbrown::HashMap;
use serde::Deserialize;
use watchkeep_genai::price::CostSource;
use watchkeep_genai::step::Kind;
use watchkeep_genai::{Bucket, Usage};
use watchkeep_model::{Result, SpanId, TraceId};

use super::{
    By, Cell, Detail, ErrorCell, RunCell, RunChunk, StepChunk, Sums, TAG_SEPARATOR, Texts, Waste,
};
use crate::agents::facts::{Counted, Fact as _, RunFact, Tokens};
use crate::agents::ledger::{Row, parse};
use crate::agents::query::{LONG_CONTEXT_TOKENS, SHORT_INPUT_TOKENS, SHORT_OUTPUT_TOKENS};

/// Errors of a chunk that are told apart.
const ERRORS_MAX: usize = 1_000;
/// Traces that are named with an error.
pub(in crate::agents::query) const ERROR_TRACES: usize = 5;
/// Tokens from which a provider takes a prefix into its cache.
const CACHEABLE_TOKENS: u64 = 1_024;

/// When a run was last written, and its agent; none of a run that was taken back.
pub(super) type MainAgents = HashMap<(TraceId, SpanId), (i64, Option<Box<str>>)>;

/// What of a run its steps need.
#[derive(Deserialize)]
pub(super) struct RunLine<'a> {
    #[serde(borrow, default)]
    pub(super) agent: Cow<'a, str>,
    #[serde(default)]
    pub(super) steps: u64,
}

/// What of a step is added up; borrowed, since most of it is thrown away.
#[derive(Deserialize)]
struct StepLine<'a> {
    kind: Kind,
    #[serde(borrow, default)]
    service: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    run: Cow<'a, str>,
    #[serde(borrow, default)]
    agent: Cow<'a, str>,
    #[serde(borrow, default)]
    session: Cow<'a, str>,
    #[serde(borrow, default)]
    user: Cow<'a, str>,
    #[serde(borrow, default)]
    provider: Cow<'a, str>,
    #[serde(borrow, default)]
    model: Cow<'a, str>,
    #[serde(borrow, default)]
    prompt: Cow<'a, str>,
    #[serde(borrow, default)]
    tool: Cow<'a, str>,
    #[serde(default)]
    tokens: Tokens,
    #[serde(default)]
    counted: Counted,
    #[serde(default)]
    cost_usd: f64,
    #[serde(default)]
    cost_source: CostSource,
    #[serde(default)]
    duration_ns: i64,
    #[serde(default)]
    first_token_ns: Option<i64>,
    #[serde(borrow, default)]
    error: Cow<'a, str>,
    #[serde(default)]
    retry: bool,
    #[serde(borrow, default)]
    loop_kind: Cow<'a, str>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(borrow, default)]
    release: Cow<'a, str>,
    #[serde(borrow, default)]
    environment: Cow<'a, str>,
}

struct StepRow {
    written_ns: i64,
    time_ns: i64,
    trace_id: TraceId,
    /// The topmost step of its run.
    run: SpanId,
    keys: [u32; By::ALL.len()],
    kind: Kind,
    name: u32,
    error: u32,
    usage: Usage,
    counted: Counted,
    cost_usd: f64,
    cost_source: CostSource,
    duration_ns: i64,
    first_token_ns: Option<i64>,
    is_retry: bool,
    is_loop: bool,
    /// Made for no session and no user.
    is_background: bool,
}

/// Steps of a chunk while they are read.
pub(super) struct StepBuilder {
    detail: Detail,
    texts: Texts,
    rows: Vec<StepRow>,
    by_id: HashMap<(TraceId, SpanId), u32>,
}

impl StepBuilder {
    pub(super) fn new(detail: Detail) -> Self {
        Self { detail, texts: Texts::default(), rows: Vec::new(), by_id: HashMap::new() }
    }

    pub(super) fn add(&mut self, row: &Row<'_>) -> Result<()> {
        let held = self.by_id.get(&(row.trace_id, row.span_id)).copied();
        if held.is_some_and(|at| self.rows[at as usize].written_ns > row.written_ns) {
            return Ok(());
        }
        let line: StepLine<'_> = parse("step", row.body)?;
        let (texts, detail) = (&mut self.texts, self.detail);
        let tags = line.tags.join(TAG_SEPARATOR.encode_utf8(&mut [0; 4]));
        // In the order of By::ALL.
        let keys = [
            texts.number(&line.agent),
            texts.number(&line.service),
            texts.number(&line.model),
            texts.number(&line.provider),
            if detail.has_people() { texts.number(&line.user) } else { 0 },
            if detail.has_people() { texts.number(&line.session) } else { 0 },
            texts.number(&line.prompt),
            texts.number(&line.release),
            texts.number(&line.environment),
            if detail.has_tools() { texts.number(&line.tool) } else { 0 },
            texts.number(&tags),
            0,
        ];
        let failed = !line.error.is_empty();
        let step = StepRow {
            written_ns: row.written_ns,
            time_ns: row.time_ns,
            trace_id: row.trace_id,
            run: SpanId::parse_hex(&line.run).unwrap_or(SpanId::NONE),
            keys,
            kind: line.kind,
            name: if failed { texts.number(&line.name) } else { 0 },
            error: texts.number(&line.error),
            usage: line.tokens.0,
            counted: line.counted,
            cost_usd: line.cost_usd,
            cost_source: line.cost_source,
            duration_ns: line.duration_ns,
            first_token_ns: line.first_token_ns,
            is_retry: line.retry,
            is_loop: !line.loop_kind.is_empty(),
            is_background: line.session.is_empty() && line.user.is_empty(),
        };
        if let Some(at) = held {
            self.rows[at as usize] = step;
        } else {
            self.by_id.insert((row.trace_id, row.span_id), self.rows.len() as u32);
            self.rows.push(step);
        }
        Ok(())
    }

    pub(super) fn finish(mut self, mains: &MainAgents) -> StepChunk {
        self.name_mains(mains);
        let Self { detail, texts, mut rows, by_id } = self;
        drop(by_id);
        rows.sort_unstable_by_key(|row| (row.trace_id, row.time_ns));
        let mut chunk = StepChunk { texts, ..StepChunk::default() };
        let mut numbers: HashMap<[u32; By::ALL.len()], u32> = HashMap::new();
        let mut errors = HashMap::new();
        for of_trace in rows.chunk_by(|a, b| a.trace_id == b.trace_id) {
            add_trace(&mut chunk, &mut numbers, of_trace, detail);
            add_errors(&mut errors, of_trace);
        }
        chunk.errors = errors.into_values().collect();
        chunk.cells.shrink_to_fit();
        chunk
    }
}

impl StepBuilder {
    /// Says of each step whose run it belongs to. Until the run is written down, that is the agent of
    /// its topmost step, or else its own.
    fn name_mains(&mut self, mains: &MainAgents) {
        for at in 0..self.rows.len() {
            let id = (self.rows[at].trace_id, self.rows[at].run);
            let main = if let Some((_, Some(agent))) = mains.get(&id) {
                self.texts.number(agent)
            } else {
                let top = self.by_id.get(&id).map_or(at, |top| *top as usize);
                self.rows[top].keys[By::Agent as usize]
            };
            self.rows[at].keys[By::MainAgent as usize] = main;
        }
    }
}

/// Adds the steps of one trace, by time.
fn add_trace(
    chunk: &mut StepChunk,
    numbers: &mut HashMap<[u32; By::ALL.len()], u32>,
    rows: &[StepRow],
    detail: Detail,
) {
    // What the calls of an agent to a model had read when they were last seen.
    let mut read_before: HashMap<(u32, u32), u64> = HashMap::new();
    let first_waste = chunk.waste.len();
    for row in rows {
        let cell = *numbers.entry(row.keys).or_insert_with(|| {
            chunk.cells.push(Cell {
                keys: row.keys,
                sums: Sums::default(),
                short_trace: TraceId::NONE,
                long_trace: TraceId::NONE,
            });
            chunk.cells.len() as u32 - 1
        });
        let mut resent_tokens = 0;
        if row.kind == Kind::Llm && row.counted == Counted::Yes {
            let of = (row.keys[By::Agent as usize], row.keys[By::Model as usize]);
            let before = read_before.insert(of, row.usage.input());
            resent_tokens = before.map_or(0, |before| resent(before, &row.usage));
        }
        let counted_usd = if row.counted == Counted::Yes { row.cost_usd } else { 0.0 };
        let of = |is: bool| if is { (1, counted_usd) } else { (0, 0.0) };
        let ((retries, retry_usd), (loop_steps, loop_usd)) = (of(row.is_retry), of(row.is_loop));
        let resent_calls = u32::from(resent_tokens > 0);
        if retries + resent_calls + loop_steps > 0 {
            let trace_id = row.trace_id;
            let wasted = Waste {
                trace_id,
                cell,
                retries,
                retry_usd,
                resent_calls,
                resent_tokens,
                loop_steps,
                loop_usd,
            };
            add_waste(&mut chunk.waste, first_waste, wasted);
        }
        let cell = &mut chunk.cells[cell as usize];
        row.add_to(&mut cell.sums);
        cell.sums.resent_calls += u64::from(resent_calls);
        cell.sums.resent_tokens = cell.sums.resent_tokens.saturating_add(resent_tokens);
        if detail.has_tools() {
            row.add_details(cell);
        }
    }
}

fn add_waste(all: &mut Vec<Waste>, from: usize, one: Waste) {
    let Some(held) = all[from..].iter_mut().find(|held| held.cell == one.cell) else {
        return all.push(one);
    };
    held.retries += one.retries;
    held.retry_usd += one.retry_usd;
    held.resent_calls += one.resent_calls;
    held.resent_tokens = held.resent_tokens.saturating_add(one.resent_tokens);
    held.loop_steps += one.loop_steps;
    held.loop_usd += one.loop_usd;
}

/// Tokens that a call sent again without the cache: a conversation that grows begins with what the
/// call before sent.
fn resent(before: u64, usage: &Usage) -> u64 {
    if usage.input() < before {
        return 0;
    }
    let cached = [Bucket::InputCached, Bucket::CacheWrite5m, Bucket::CacheWrite1h];
    let cached: u64 = cached.into_iter().map(|bucket| usage.get(bucket)).sum();
    let again = before.saturating_sub(cached).min(usage.get(Bucket::Input));
    if again >= CACHEABLE_TOKENS { again } else { 0 }
}

impl StepRow {
    /// Calls of models, uses of tools and agents at work that it is: one or none.
    fn counts(&self) -> (u64, u64, u64) {
        let twice = matches!(self.counted, Counted::RolledUp | Counted::Covered);
        let calls = u64::from(self.kind.calls_model() && !twice);
        (calls, u64::from(self.kind == Kind::Tool), u64::from(self.kind == Kind::Agent))
    }

    fn add_to(&self, sums: &mut Sums) {
        let failed = u64::from(self.error != 0);
        let (calls, tools, agents) = self.counts();
        sums.see(self.time_ns, self.time_ns);
        sums.steps += 1;
        sums.calls += calls;
        sums.call_errors += calls * failed;
        sums.tool_calls += tools;
        sums.tool_errors += tools * failed;
        sums.agent_steps += agents;
        sums.agent_errors += agents * failed;
        sums.retries += u64::from(self.is_retry);
        if self.counted != Counted::Yes {
            return;
        }
        sums.usage.add_all(&self.usage);
        sums.cost_usd += self.cost_usd;
        match self.cost_source {
            CostSource::Computed => sums.computed_usd += self.cost_usd,
            CostSource::Reported => sums.reported_usd += self.cost_usd,
            CostSource::Unpriced => {
                let tokens = self.usage.total();
                sums.unpriced_tokens = sums.unpriced_tokens.saturating_add(tokens);
                sums.unpriced_calls += 1;
            }
            CostSource::Nothing => {}
        }
        if self.is_retry {
            sums.retry_usd += self.cost_usd;
        }
    }

    fn add_details(&self, cell: &mut Cell) {
        let (calls, tools, agents) = self.counts();
        let is_call = self.kind == Kind::Llm && self.counted == Counted::Yes;
        let (read, written) = (self.usage.input(), self.usage.output());
        let is_short = (1..=SHORT_INPUT_TOKENS).contains(&read) && written <= SHORT_OUTPUT_TOKENS;
        if calls + tools + agents == 0 {
            return;
        }
        let details = cell.sums.details.get_or_insert_default();
        if calls + tools > 0 {
            details.durations.add(self.duration_ns);
        } else {
            details.agent_durations.add(self.duration_ns);
        }
        if let Some(ns) = self.first_token_ns.filter(|_| calls > 0) {
            details.first_token.add(ns);
        }
        if is_call && is_short {
            details.short.add(&self.usage, self.cost_usd);
            cell.short_trace = self.trace_id;
        }
        if is_call && self.is_background {
            details.background.add(&self.usage, self.cost_usd);
        }
        if is_call && read > LONG_CONTEXT_TOKENS {
            details.long_calls += 1;
            details.long_tokens = details.long_tokens.saturating_add(read - LONG_CONTEXT_TOKENS);
            cell.long_trace = self.trace_id;
        }
    }
}

type ErrorKey = (u32, u32, u32, u32, Kind, u32);

/// Adds the errors of a trace. What stands around a step that failed fails with it, and is told only
/// where nothing in it did.
fn add_errors(errors: &mut HashMap<ErrorKey, ErrorCell>, rows: &[StepRow]) {
    let around = |row: &StepRow| matches!(row.kind, Kind::Agent | Kind::Workflow);
    let has_inner = rows.iter().any(|row| row.error != 0 && !around(row));
    for row in rows.iter().filter(|row| row.error != 0 && !(has_inner && around(row))) {
        let (agent, service) = (row.keys[By::Agent as usize], row.keys[By::Service as usize]);
        let main_agent = row.keys[By::MainAgent as usize];
        let key = (agent, main_agent, service, row.error, row.kind, row.name);
        if errors.len() >= ERRORS_MAX && !errors.contains_key(&key) {
            continue;
        }
        let cell = errors.entry(key).or_insert_with(|| ErrorCell {
            agent,
            main_agent,
            service,
            error: row.error,
            kind: row.kind.name(),
            name: row.name,
            count: 0,
            last_ns: row.time_ns,
            traces: Vec::new(),
        });
        cell.count += 1;
        cell.last_ns = cell.last_ns.max(row.time_ns);
        if cell.traces.len() < ERROR_TRACES && cell.traces.last() != Some(&row.trace_id) {
            cell.traces.push(row.trace_id);
        }
    }
}

/// Runs of a chunk while they are read.
#[derive(Default)]
pub(super) struct RunBuilder {
    texts: Texts,
    runs: Vec<(i64, RunCell)>,
    by_id: HashMap<(TraceId, SpanId), u32>,
}

impl RunBuilder {
    pub(super) fn add(&mut self, row: &Row<'_>) -> Result<()> {
        let held = self.by_id.get(&(row.trace_id, row.span_id)).copied();
        if held.is_some_and(|at| self.runs[at as usize].0 > row.written_ns) {
            return Ok(());
        }
        let fact: RunFact = parse(RunFact::RECORD, row.body)?;
        let texts = &mut self.texts;
        let cell = RunCell {
            trace_id: row.trace_id,
            span_id: row.span_id,
            agent: texts.number(&fact.agent),
            version: texts.number(&fact.agent_version),
            service: texts.number(&fact.service),
            user: texts.number(&fact.user),
            session: texts.number(&fact.session),
            release: texts.number(&fact.release),
            environment: texts.number(&fact.environment),
            error: texts.number(&fact.error),
            start_ns: row.time_ns,
            duration_ns: fact.duration_ns,
            first_token_ns: fact.first_token_ns,
            steps: fact.steps,
            llm_calls: fact.llm_calls,
            llm_errors: fact.llm_errors,
            tool_calls: fact.tool_calls,
            tool_errors: fact.tool_errors,
            retries: fact.retries,
            usage: fact.tokens.0,
            cost_usd: fact.cost_usd,
            unpriced_tokens: fact.unpriced_tokens,
            loops: fact.loops.iter().map(|kind| texts.number(kind)).collect(),
            agents: fact.agents.iter().map(|agent| texts.number(agent)).collect(),
        };
        if let Some(at) = held {
            self.runs[at as usize] = (row.written_ns, cell);
        } else {
            self.by_id.insert((row.trace_id, row.span_id), self.runs.len() as u32);
            self.runs.push((row.written_ns, cell));
        }
        Ok(())
    }

    pub(super) fn finish(self) -> RunChunk {
        // A run without steps was taken back: its topmost step turned out to be another.
        let mut runs: Vec<RunCell> =
            self.runs.into_iter().map(|(_, run)| run).filter(|run| run.steps > 0).collect();
        runs.sort_unstable_by_key(|run| (run.start_ns, run.trace_id, run.span_id));
        RunChunk { texts: self.texts, runs }
    }
}
