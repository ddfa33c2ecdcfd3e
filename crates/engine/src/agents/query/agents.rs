//! The table of agents, and one agent: how often it succeeds, how fast it is, what it costs.
//!
//! What a run did and cost is its main agent's. Where an agent worked for others its own steps in their
//! runs are added: each time that it was called is one more run of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use watchkeep_genai::{Bucket, Usage};
use watchkeep_model::{Error, ErrorKind, Result, TenantId, TimeRange, TraceId};

use super::costs::Projection;
use super::durations::Durations;
use super::grid::Grid;
use super::ratings::Ratings;
use super::rollup::build::ERROR_TRACES;
use super::rollup::{Detail, RunCell, RunChunk, StepChunk};
use super::runs::{Run, RunsQuery};
use super::{AgentHealth, Asked, By, Filter, Rating, Sums, pieces};
use crate::engine::Engine;

/// The most agents that are told apart.
const AGENTS_MAX: usize = 10_000;
/// The most users, tools and errors that an agent's page lists.
const LISTED_MAX: usize = 100;
/// Runs on an agent's page.
const RECENT_RUNS: usize = 20;

/// What runs add up to.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "members are named as in RunFact")]
pub struct Figures {
    /// Runs.
    pub runs: u64,
    /// Those that failed.
    pub failed: u64,
    pub latency: Durations,
    pub first_token: Durations,
    pub steps: u64,
    pub llm_calls: u64,
    pub llm_errors: u64,
    pub tool_calls: u64,
    pub tool_errors: u64,
    pub retries: u64,
    /// Runs with a loop.
    pub loops: u64,
    pub usage: Usage,
    pub cost_usd: f64,
    pub unpriced_tokens: u64,
    pub rating: Rating,
    /// Start of the first and of the last, nanoseconds since the epoch.
    pub first_ns: i64,
    /// See `first_ns`.
    pub last_ns: i64,
}

impl Figures {
    /// The share of runs that succeeded; none without runs.
    pub fn success_rate(&self) -> Option<f64> {
        (self.runs > 0).then(|| (self.runs - self.failed) as f64 / self.runs as f64)
    }

    /// Cost of a run; none without runs.
    pub fn cost_per_run_usd(&self) -> Option<f64> {
        (self.runs > 0).then(|| self.cost_usd / self.runs as f64)
    }

    fn seen(&mut self, first_ns: i64, last_ns: i64) {
        let is_new = self.last_ns == 0;
        self.first_ns = if is_new { first_ns } else { self.first_ns.min(first_ns) };
        self.last_ns = self.last_ns.max(last_ns);
    }

    pub(super) fn add_run(&mut self, run: &RunCell, rating: Rating) {
        self.seen(run.start_ns, run.start_ns);
        self.runs += 1;
        self.failed += u64::from(run.error != 0);
        self.latency.add(run.duration_ns);
        if let Some(ns) = run.first_token_ns {
            self.first_token.add(ns);
        }
        self.steps += run.steps;
        self.llm_calls += run.llm_calls;
        self.llm_errors += run.llm_errors;
        self.tool_calls += run.tool_calls;
        self.tool_errors += run.tool_errors;
        self.retries += run.retries;
        self.loops += u64::from(!run.loops.is_empty());
        self.usage.add_all(&run.usage);
        self.cost_usd += run.cost_usd;
        self.unpriced_tokens = self.unpriced_tokens.saturating_add(run.unpriced_tokens);
        self.rating.add_all(rating);
    }

    /// Adds steps of an agent that works for others.
    fn add_steps(&mut self, sums: &Sums) {
        self.seen(sums.first_ns, sums.last_ns);
        self.runs += sums.agent_steps;
        self.failed += sums.agent_errors;
        self.latency.add_all(&sums.details().agent_durations);
        self.first_token.add_all(&sums.details().first_token);
        self.steps += sums.steps;
        self.llm_calls += sums.calls;
        self.llm_errors += sums.call_errors;
        self.tool_calls += sums.tool_calls;
        self.tool_errors += sums.tool_errors;
        self.retries += sums.retries;
        self.usage.add_all(&sums.usage);
        self.cost_usd += sums.cost_usd;
        self.unpriced_tokens = self.unpriced_tokens.saturating_add(sums.unpriced_tokens);
    }
}

/// Figures by step of time.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "one number a step, named as in Figures")]
pub struct Series {
    pub grid: Grid,
    pub runs: Vec<u64>,
    pub errors: Vec<u64>,
    pub cost_usd: Vec<f64>,
    pub tokens: Vec<u64>,
    /// Calls of models.
    pub calls: Vec<u64>,
}

impl Series {
    pub(super) fn new(grid: Grid) -> Self {
        let none = vec![0; grid.steps];
        Self {
            grid,
            runs: none.clone(),
            errors: none.clone(),
            cost_usd: vec![0.0; grid.steps],
            tokens: none.clone(),
            calls: none,
        }
    }

    fn add_run(&mut self, run: &RunCell) {
        let step = self.grid.step_of(run.start_ns);
        self.runs[step] += 1;
        self.errors[step] += u64::from(run.error != 0);
        self.cost_usd[step] += run.cost_usd;
        self.tokens[step] = self.tokens[step].saturating_add(run.usage.total());
        self.calls[step] += run.llm_calls;
    }

    fn add_steps(&mut self, step: usize, sums: &Sums) {
        self.runs[step] += sums.agent_steps;
        self.errors[step] += sums.agent_errors;
        self.cost_usd[step] += sums.cost_usd;
        self.tokens[step] = self.tokens[step].saturating_add(sums.usage.total());
        self.calls[step] += sums.calls;
    }
}

/// An agent.
#[derive(Debug, Clone)]
pub struct AgentRow {
    /// Its name; empty for all together.
    pub agent: Arc<str>,
    /// Services that it ran in.
    pub services: BTreeSet<Arc<str>>,
    /// Its versions.
    pub versions: BTreeSet<Arc<str>>,
    /// Whether it only worked for others.
    pub is_subagent: bool,
    /// How it is.
    pub health: AgentHealth,
    /// What it did.
    pub figures: Figures,
    /// And when.
    pub series: Series,
}

impl AgentRow {
    fn new(agent: Arc<str>, grid: Grid) -> Self {
        Self {
            agent,
            services: BTreeSet::new(),
            versions: BTreeSet::new(),
            is_subagent: false,
            health: AgentHealth::default(),
            figures: Figures::default(),
            series: Series::new(grid),
        }
    }

    fn add_run(&mut self, chunk: &RunChunk, run: &RunCell, rating: Rating) {
        let text = |number: u32| Arc::clone(chunk.texts.get(number));
        self.services.insert(text(run.service));
        if run.version != 0 {
            self.versions.insert(text(run.version));
        }
        self.figures.add_run(run, rating);
        self.series.add_run(run);
    }
}

/// All agents.
#[derive(Debug)]
pub struct AgentTable {
    /// Which time it is about.
    pub range: TimeRange,
    /// The dearest first.
    pub agents: Vec<AgentRow>,
    /// All runs together.
    pub overall: AgentRow,
    /// Whether agents were left out.
    pub truncated: bool,
}

/// A version of an agent.
#[derive(Debug)]
pub struct VersionRow {
    /// Its name, or empty.
    pub version: Arc<str>,
    /// What it did.
    pub figures: Figures,
}

/// A model or a tool, as an agent uses it.
#[derive(Debug)]
pub struct UseRow {
    /// The model or tool.
    pub name: Arc<str>,
    /// Who runs the model.
    pub provider: Arc<str>,
    /// How it was used.
    pub sums: Sums,
}

/// An error that steps ended with.
#[derive(Debug)]
pub struct ErrorRow {
    /// Its type.
    pub error: Arc<str>,
    /// Kind of the steps.
    pub kind: &'static str,
    /// Their name.
    pub name: Arc<str>,
    /// How many.
    pub count: u64,
    /// Start of the last, nanoseconds since the epoch.
    pub last_ns: i64,
    /// A few traces.
    pub traces: Vec<TraceId>,
}

/// A user of an agent.
#[derive(Debug)]
pub struct UserRow {
    /// Who.
    pub user: Arc<str>,
    /// What was done for them.
    pub figures: Figures,
}

/// An agent and all about it.
#[derive(Debug)]
pub struct AgentPage {
    /// Which time it is about.
    pub range: TimeRange,
    /// The agent as in the table.
    pub row: AgentRow,
    /// Its versions, the newest first.
    pub versions: Vec<VersionRow>,
    /// Models that were called in its runs, the dearest first.
    pub models: Vec<UseRow>,
    /// Tools, the most used first.
    pub tools: Vec<UseRow>,
    /// Errors, the most frequent first.
    pub errors: Vec<ErrorRow>,
    /// Users, the dearest first.
    pub users: Vec<UserRow>,
    /// Agents that worked for it.
    pub subagents: Vec<String>,
    /// Its newest runs.
    pub recent: Vec<Run>,
    /// All these steps.
    pub own: Sums,
    /// Runs by kind of loop, and traces of some.
    pub loops: (BTreeMap<Arc<str>, u64>, Vec<TraceId>),
    /// What it will cost.
    pub projection: Projection,
}

/// The share of what was read that came from the cache; none where nothing was read.
pub fn cached_share(usage: &Usage) -> Option<f64> {
    let read = usage.input();
    (read > 0).then(|| usage.get(Bucket::InputCached) as f64 / read as f64)
}

impl Engine {
    /// All agents that were at work in a range.
    pub async fn agent_table(
        &self,
        tenant: &TenantId,
        range: TimeRange,
        service: Option<String>,
        limit: usize,
    ) -> Result<AgentTable> {
        self.ask(tenant, move |asked| asked.table(range, service.as_deref(), limit)).await
    }

    /// One agent, or all together without a name.
    ///
    /// Errors: `NotFound` where it did nothing in the range.
    pub async fn agent_page(
        &self,
        tenant: &TenantId,
        range: TimeRange,
        agent: Option<String>,
        service: Option<String>,
    ) -> Result<AgentPage> {
        self.ask(tenant, move |asked| asked.page(range, agent.as_deref(), service.as_deref())).await
    }
}

impl Asked<'_> {
    fn table(&self, range: TimeRange, service: Option<&str>, limit: usize) -> Result<AgentTable> {
        let grid = Grid::new(range, None)?;
        let chunks = pieces(&grid, range)?;
        let ratings = self.ratings(range)?;
        let filter = Filter::of_agent(None, service);
        let mut overall = AgentRow::new("".into(), grid);
        let mut rows: HashMap<Arc<str>, AgentRow> = HashMap::new();
        let mut helpers: HashSet<Arc<str>> = HashSet::new();
        let mut truncated = false;
        self.reader.runs(&chunks, |_, chunk| {
            for run in chunk.runs.iter().filter(|run| filter.has_run(chunk, run)) {
                let rating = ratings.of_trace(run.trace_id);
                overall.add_run(chunk, run, rating);
                let agent = chunk.texts.get(run.agent);
                if rows.len() >= AGENTS_MAX && !rows.contains_key(agent) {
                    truncated = true;
                    continue;
                }
                let new = || AgentRow::new(Arc::clone(agent), grid);
                rows.entry(Arc::clone(agent)).or_insert_with(new).add_run(chunk, run, rating);
                let others = run.agents.iter().filter(|other| **other != run.agent);
                helpers.extend(others.map(|other| Arc::clone(chunk.texts.get(*other))));
            }
            Ok(())
        })?;
        if !helpers.is_empty() {
            let mut room = AGENTS_MAX.saturating_sub(rows.len());
            let wanted = helpers.len();
            helpers.retain(|helper| {
                let is_new = !rows.contains_key(helper);
                let fits = !is_new || room > 0;
                room -= usize::from(is_new && fits);
                fits
            });
            truncated |= helpers.len() < wanted;
            self.add_helpers(grid, &chunks, &filter, &helpers, &mut rows)?;
        }
        let mut agents: Vec<AgentRow> = rows.into_values().collect();
        for row in agents.iter_mut().chain([&mut overall]) {
            self.judge(row);
        }
        agents.sort_by(|a, b| {
            let by_cost = b.figures.cost_usd.total_cmp(&a.figures.cost_usd);
            by_cost.then_with(|| a.agent.cmp(&b.agent))
        });
        truncated |= agents.len() > limit;
        agents.truncate(limit);
        Ok(AgentTable { range, agents, overall, truncated })
    }

    fn judge(&self, row: &mut AgentRow) {
        let figures = &row.figures;
        row.health = self.health.judge(figures.success_rate(), figures.latency.average_ns());
    }

    /// Adds what agents did in runs of others.
    fn add_helpers(
        &self,
        grid: Grid,
        chunks: &[TimeRange],
        filter: &Filter,
        names: &HashSet<Arc<str>>,
        rows: &mut HashMap<Arc<str>, AgentRow>,
    ) -> Result<()> {
        self.reader.steps(Detail::Plain, chunks, |range, chunk| {
            let Some(test) = filter.of_steps(chunk) else { return Ok(()) };
            for cell in &chunk.cells {
                let agent = chunk.text(cell, By::Agent);
                let is_for_others = chunk.text(cell, By::MainAgent) != agent;
                if !test.has(cell) || !is_for_others || !names.contains(agent) {
                    continue;
                }
                let new =
                    || AgentRow { is_subagent: true, ..AgentRow::new(Arc::clone(agent), grid) };
                let row = rows.entry(Arc::clone(agent)).or_insert_with(new);
                row.services.insert(Arc::clone(chunk.text(cell, By::Service)));
                row.figures.add_steps(&cell.sums);
                row.series.add_steps(grid.step_of(range.start_ns), &cell.sums);
            }
            Ok(())
        })
    }

    pub(super) fn page(
        &self,
        range: TimeRange,
        agent: Option<&str>,
        service: Option<&str>,
    ) -> Result<AgentPage> {
        let grid = Grid::new(range, None)?;
        let chunks = pieces(&grid, range)?;
        let filter = Filter::of_agent(agent, service);
        let ratings = self.ratings(range)?;
        let mut of_runs = OfRuns::new(AgentRow::new(agent.unwrap_or("").into(), grid));
        self.reader.runs(&chunks, |_, chunk| {
            of_runs.add(chunk, &filter, &ratings);
            Ok(())
        })?;
        let mut of_steps = OfSteps::new(of_runs.row.series.clone());
        self.reader.steps(Detail::Plain, &chunks, |range, chunk| {
            of_steps.add(range, chunk, &filter, agent);
            Ok(())
        })?;
        let mut row = of_runs.row;
        row.series = of_steps.series;
        if of_steps.for_others.steps > 0 {
            row.is_subagent = row.figures.runs == 0;
            row.services.extend(of_steps.services);
            row.figures.add_steps(&of_steps.for_others);
        }
        if let (0, Some(agent)) = (row.figures.steps, agent) {
            let message = format!("the agent {agent:?} did nothing in this range");
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        self.judge(&mut row);
        let recent = self.recent_runs(range, &filter)?;
        let projection = self.projection(&filter)?;
        Ok(AgentPage {
            range,
            row,
            versions: sorted(
                of_runs.versions,
                |version, figures| VersionRow { version, figures },
                |a, b| b.figures.last_ns.cmp(&a.figures.last_ns),
            ),
            users: sorted(
                of_runs.users,
                |user, figures| UserRow { user, figures },
                |a, b| b.figures.cost_usd.total_cmp(&a.figures.cost_usd),
            ),
            models: sorted(
                of_steps.models,
                |(name, provider), sums| UseRow { name, provider, sums },
                |a, b| b.sums.cost_usd.total_cmp(&a.sums.cost_usd),
            ),
            tools: sorted(
                of_steps.tools,
                |name, sums| UseRow { name, provider: "".into(), sums },
                |a, b| b.sums.tool_calls.cmp(&a.sums.tool_calls),
            ),
            errors: sorted(of_steps.errors, |_, row| row, |a, b| b.count.cmp(&a.count)),
            subagents: of_runs.helpers.iter().map(ToString::to_string).collect(),
            recent,
            own: of_steps.own,
            loops: (of_runs.loops, of_runs.loop_traces),
            projection,
        })
    }

    fn recent_runs(&self, range: TimeRange, filter: &Filter) -> Result<Vec<Run>> {
        let query =
            RunsQuery { filter: filter.clone(), limit: RECENT_RUNS, ..RunsQuery::all(range) };
        Ok(self.list_runs(&query)?.runs)
    }
}

/// Rows of a table by its key, in an order, no more than are listed; equal ones by key.
fn sorted<K: Ord, V, R>(
    table: BTreeMap<K, V>,
    row: impl Fn(K, V) -> R,
    order: impl Fn(&R, &R) -> std::cmp::Ordering,
) -> Vec<R> {
    let mut rows: Vec<R> = table.into_iter().map(|(key, value)| row(key, value)).collect();
    rows.sort_by(order);
    rows.truncate(LISTED_MAX);
    rows
}

/// What an agent's runs say.
struct OfRuns {
    row: AgentRow,
    versions: BTreeMap<Arc<str>, Figures>,
    users: BTreeMap<Arc<str>, Figures>,
    helpers: BTreeSet<Arc<str>>,
    loops: BTreeMap<Arc<str>, u64>,
    loop_traces: Vec<TraceId>,
}

impl OfRuns {
    fn new(row: AgentRow) -> Self {
        Self {
            row,
            versions: BTreeMap::new(),
            users: BTreeMap::new(),
            helpers: BTreeSet::new(),
            loops: BTreeMap::new(),
            loop_traces: Vec::new(),
        }
    }

    fn add(&mut self, chunk: &RunChunk, filter: &Filter, ratings: &Ratings) {
        let text = |number: u32| Arc::clone(chunk.texts.get(number));
        for run in chunk.runs.iter().filter(|run| filter.has_run(chunk, run)) {
            let rating = ratings.of_trace(run.trace_id);
            self.row.add_run(chunk, run, rating);
            self.versions.entry(text(run.version)).or_default().add_run(run, rating);
            // Users are as many as people; what does not fit is not listed anyway.
            let user = text(run.user);
            if run.user != 0 && (self.users.len() < AGENTS_MAX || self.users.contains_key(&user)) {
                self.users.entry(user).or_default().add_run(run, rating);
            }
            let others = run.agents.iter().filter(|other| **other != run.agent);
            self.helpers.extend(others.map(|other| text(*other)));
            for kind in &run.loops {
                *self.loops.entry(text(*kind)).or_default() += 1;
            }
            if !run.loops.is_empty() && self.loop_traces.len() < LISTED_MAX {
                self.loop_traces.push(run.trace_id);
            }
        }
    }
}

/// What steps of an agent say, and those of others in its runs.
struct OfSteps {
    own: Sums,
    /// Those of the agent itself in runs of others.
    for_others: Sums,
    /// Of its runs, and of what it did in runs of others.
    series: Series,
    /// Where it worked for others.
    services: BTreeSet<Arc<str>>,
    models: BTreeMap<(Arc<str>, Arc<str>), Sums>,
    tools: BTreeMap<Arc<str>, Sums>,
    errors: BTreeMap<(Arc<str>, &'static str, Arc<str>), ErrorRow>,
}

impl OfSteps {
    fn new(of_runs: Series) -> Self {
        Self {
            own: Sums::default(),
            for_others: Sums::default(),
            series: of_runs,
            services: BTreeSet::new(),
            models: BTreeMap::new(),
            tools: BTreeMap::new(),
            errors: BTreeMap::new(),
        }
    }

    fn add(&mut self, range: TimeRange, chunk: &StepChunk, filter: &Filter, agent: Option<&str>) {
        let Some(test) = filter.of_steps(chunk) else { return };
        for cell in &chunk.cells {
            if !test.has(cell) {
                continue;
            }
            let text = |by: By| Arc::clone(chunk.text(cell, by));
            self.own.add(&cell.sums);
            if agent
                .is_some_and(|agent| *text(By::Agent) == *agent && *text(By::MainAgent) != *agent)
            {
                self.for_others.add(&cell.sums);
                self.series.add_steps(self.series.grid.step_of(range.start_ns), &cell.sums);
                self.services.insert(text(By::Service));
            }
            if cell.sums.calls > 0 {
                self.models
                    .entry((text(By::Model), text(By::Provider)))
                    .or_default()
                    .add(&cell.sums);
            }
            if cell.sums.tool_calls > 0 {
                self.tools.entry(text(By::Tool)).or_default().add(&cell.sums);
            }
        }
        for error in &chunk.errors {
            if !test.has_error(error) {
                continue;
            }
            let text = |number: u32| Arc::clone(chunk.texts.get(number));
            let key = (text(error.error), error.kind, text(error.name));
            let row = self.errors.entry(key).or_insert_with(|| ErrorRow {
                error: text(error.error),
                kind: error.kind,
                name: text(error.name),
                count: 0,
                last_ns: error.last_ns,
                traces: Vec::new(),
            });
            row.count += error.count;
            row.last_ns = row.last_ns.max(error.last_ns);
            // The chunks come by time, so that the newest stay.
            row.traces.extend(&error.traces);
            let surplus = row.traces.len().saturating_sub(ERROR_TRACES);
            row.traces.drain(..surplus);
        }
    }
}
