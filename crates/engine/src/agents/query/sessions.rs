//! Sessions: conversations as their users saw them.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::HashMap;
use watchkeep_genai::Usage;
use watchkeep_genai::content::{Message, Part};
use watchkeep_genai::step::Kind;
use watchkeep_model::{Error, ErrorKind, Result, SpanId, TenantId, TimeRange};

use super::grid::Grid;
use super::runs::{Run, RunsQuery};
use super::steps::{Feedback, TraceStep, TraceSteps};
use super::{Asked, Filter, Rating, pieces};
use crate::engine::Engine;

/// Turns of a session that are shown, the newest.
const TURNS_MAX: usize = 200;
/// Sessions that are put in order.
const SESSIONS_MAX: usize = 200_000;

/// A session.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its id.
    pub session: Arc<str>,
    /// Services that it ran in.
    pub services: BTreeSet<Arc<str>>,
    /// Agents that answered.
    pub agents: BTreeSet<Arc<str>>,
    /// For whom.
    pub users: BTreeSet<Arc<str>>,
    /// Runs.
    pub turns: u64,
    /// Runs that failed.
    pub errors: u64,
    /// Runs with a loop.
    pub loops: u64,
    /// Calls of models.
    pub llm_calls: u64,
    /// Uses of tools.
    pub tool_calls: u64,
    /// Tokens.
    pub usage: Usage,
    /// USD.
    pub cost_usd: f64,
    /// Tokens without a price.
    pub unpriced_tokens: u64,
    /// Start of the first turn, nanoseconds since the epoch.
    pub start_ns: i64,
    /// End of the last turn.
    pub end_ns: i64,
    /// Sum of the turns.
    pub active_ns: i64,
    /// What was thought of it.
    pub rating: Rating,
}

impl Session {
    fn new(session: Arc<str>, start_ns: i64) -> Self {
        Self {
            session,
            services: BTreeSet::new(),
            agents: BTreeSet::new(),
            users: BTreeSet::new(),
            turns: 0,
            errors: 0,
            loops: 0,
            llm_calls: 0,
            tool_calls: 0,
            usage: Usage::default(),
            cost_usd: 0.0,
            unpriced_tokens: 0,
            start_ns,
            end_ns: start_ns,
            active_ns: 0,
            rating: Rating::default(),
        }
    }

    fn add_time(&mut self, start_ns: i64, duration_ns: i64) {
        self.start_ns = self.start_ns.min(start_ns);
        self.end_ns = self.end_ns.max(start_ns.saturating_add(duration_ns.max(0)));
        self.active_ns = self.active_ns.saturating_add(duration_ns.max(0));
    }
}

/// Which sessions.
#[derive(Debug, Clone)]
pub struct SessionsQuery {
    /// When their turns began.
    pub range: TimeRange,
    /// Whose turns count.
    pub filter: Filter,
    /// How many.
    pub limit: usize,
    /// The last of the page before: its last activity and id.
    pub after: Option<(i64, String)>,
}

/// A page of sessions.
#[derive(Debug)]
pub struct SessionPage {
    /// The one with the newest activity first.
    pub sessions: Vec<Session>,
    /// Where the next page begins, if there is one.
    pub next: Option<(i64, String)>,
}

/// A tool that was used in a turn.
#[derive(Debug)]
pub struct ToolUse {
    /// The step; all zero where only the model's messages tell of it.
    pub span_id: SpanId,
    /// Id of the call.
    pub id: String,
    /// The tool.
    pub name: String,
    /// What it was called with.
    pub arguments: Option<serde_json::Value>,
    /// What it gave.
    pub result: Option<serde_json::Value>,
    /// Why it failed, or empty.
    pub error: String,
    /// When, nanoseconds since the epoch.
    pub start_ns: i64,
    /// How long it took.
    pub duration_ns: i64,
}

/// A turn: what was asked, what was done, what was answered.
#[derive(Debug)]
pub struct Turn {
    /// The run.
    pub run: Run,
    /// What the user said.
    pub input: Vec<Message>,
    /// What was answered.
    pub output: Vec<Message>,
    /// Tools that were used, by time.
    pub tools: Vec<ToolUse>,
    /// What was thought of it.
    pub feedback: Vec<Feedback>,
    /// Why there is nothing to read, or empty.
    pub content_missing: &'static str,
}

/// A conversation.
#[derive(Debug)]
pub struct Conversation {
    /// What it adds up to.
    pub session: Session,
    /// Oldest first.
    pub turns: Vec<Turn>,
    /// Whether older turns are left out.
    pub truncated: bool,
}

impl Engine {
    /// Sessions, the one with the newest activity first.
    pub async fn sessions(&self, tenant: &TenantId, query: SessionsQuery) -> Result<SessionPage> {
        self.ask(tenant, move |asked| asked.sessions(&query)).await
    }

    /// A conversation.
    ///
    /// Errors: `NotFound` where the session has no turn in the range.
    pub async fn conversation(
        &self,
        tenant: &TenantId,
        session: String,
        range: TimeRange,
    ) -> Result<Conversation> {
        self.ask(tenant, move |asked| asked.conversation(&session, range)).await
    }
}

impl Asked<'_> {
    fn sessions(&self, query: &SessionsQuery) -> Result<SessionPage> {
        let grid = Grid::new(query.range, None)?;
        let chunks = pieces(&grid, query.range)?;
        let ratings = self.ratings(query.range)?;
        let mut sessions: HashMap<Arc<str>, Session> = HashMap::new();
        self.reader.runs(&chunks, |_, chunk| {
            for run in chunk.runs.iter().filter(|run| query.filter.has_run(chunk, run)) {
                let id = chunk.texts.get(run.session);
                if id.is_empty() {
                    continue;
                }
                if sessions.len() >= SESSIONS_MAX && !sessions.contains_key(id) {
                    return Err(Error::new(
                        ErrorKind::LimitExceeded { key: "agents.query" },
                        format!("more than {SESSIONS_MAX} sessions; ask for a shorter range"),
                    ));
                }
                let new = || Session::new(Arc::clone(id), run.start_ns);
                let session = sessions.entry(Arc::clone(id)).or_insert_with(new);
                let text = |number: u32| Arc::clone(chunk.texts.get(number));
                session.services.insert(text(run.service));
                session.agents.insert(text(run.agent));
                if run.user != 0 {
                    session.users.insert(text(run.user));
                }
                session.turns += 1;
                session.errors += u64::from(run.error != 0);
                session.loops += u64::from(!run.loops.is_empty());
                session.llm_calls += run.llm_calls;
                session.tool_calls += run.tool_calls;
                session.usage.add_all(&run.usage);
                session.cost_usd += run.cost_usd;
                session.unpriced_tokens += run.unpriced_tokens;
                session.add_time(run.start_ns, run.duration_ns);
                session.rating.add_all(ratings.of_trace(run.trace_id));
            }
            Ok(())
        })?;
        let mut sessions: Vec<Session> = sessions.into_values().collect();
        sessions.sort_by(|a, b| b.end_ns.cmp(&a.end_ns).then_with(|| a.session.cmp(&b.session)));
        if let Some((end_ns, id)) = &query.after {
            sessions.retain(|one| (-one.end_ns, &*one.session) > (-*end_ns, &**id));
        }
        let more = sessions.len() > query.limit;
        sessions.truncate(query.limit);
        for session in &mut sessions {
            if let Some(of_whole) = ratings.by_session.get(&*session.session) {
                session.rating.add_all(*of_whole);
            }
        }
        let last = sessions.last().filter(|_| more);
        let next = last.map(|last| (last.end_ns, last.session.to_string()));
        Ok(SessionPage { sessions, next })
    }

    fn conversation(&self, session: &str, range: TimeRange) -> Result<Conversation> {
        let filter = Filter { session: Some(session.to_owned()), ..Filter::default() };
        let query = RunsQuery { filter, limit: TURNS_MAX, ..RunsQuery::all(range) };
        let page = self.list_runs(&query)?;
        let Some(oldest) = page.runs.last() else {
            let message = format!("no session {session:?} in this range");
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        let mut sum = Session::new(session.into(), oldest.entry.time_ns);
        let mut turns = Vec::new();
        for run in page.runs.into_iter().rev() {
            sum_up(&mut sum, &run);
            let steps = self.steps_of_trace(run.entry.trace_id, Some(run.entry.time_ns))?;
            turns.push(turn(run, steps));
        }
        if let Some(of_whole) = self.ratings(range)?.by_session.get(session) {
            sum.rating.add_all(*of_whole);
        }
        Ok(Conversation { session: sum, turns, truncated: page.next.is_some() })
    }
}

fn sum_up(sum: &mut Session, run: &Run) {
    let fact = &run.entry.fact;
    sum.services.insert((&*fact.service).into());
    sum.agents.insert((&*fact.agent).into());
    if !fact.user.is_empty() {
        sum.users.insert((&*fact.user).into());
    }
    sum.turns += 1;
    sum.errors += u64::from(!fact.error.is_empty());
    sum.loops += u64::from(!fact.loops.is_empty());
    sum.llm_calls += fact.llm_calls;
    sum.tool_calls += fact.tool_calls;
    sum.usage.add_all(&fact.tokens.0);
    sum.cost_usd += fact.cost_usd;
    sum.unpriced_tokens += fact.unpriced_tokens;
    sum.add_time(run.entry.time_ns, fact.duration_ns);
    sum.rating.add_all(run.rating);
}

/// A turn out of the steps of its trace: the topmost step that says something tells what the user
/// said and what was answered, or else the first and the last call of a model.
fn turn(run: Run, trace: TraceSteps) -> Turn {
    let inside = trace.below(run.entry.span_id);
    let says =
        |step: &&TraceStep| !step.content.input.is_empty() || !step.content.output.is_empty();
    let outer = inside
        .iter()
        .copied()
        .filter(|step| matches!(step.step.kind, Kind::Agent | Kind::Workflow))
        .find(says);
    let calls: Vec<&TraceStep> =
        inside.iter().copied().filter(|step| step.step.kind == Kind::Llm).filter(says).collect();
    let asked = outer
        .map(|step| newest_of_user(&step.content.input))
        .filter(|asked| !asked.is_empty())
        .or_else(|| calls.first().map(|step| newest_of_user(&step.content.input)))
        .unwrap_or_default();
    let answered = outer
        .map(|step| texts_of_assistant(&step.content.output))
        .filter(|answer| !answer.is_empty())
        .or_else(|| {
            let answers = calls.iter().rev().map(|step| texts_of_assistant(&step.content.output));
            answers.into_iter().find(|answer| !answer.is_empty())
        })
        .unwrap_or_default();
    let content_missing = if !asked.is_empty() || !answered.is_empty() {
        ""
    } else if trace.spans == 0 {
        "the spans of the trace are not kept any more"
    } else {
        "no content was recorded"
    };
    let tools = tools_of(&inside);
    Turn { run, input: asked, output: answered, tools, feedback: trace.feedback, content_missing }
}

/// The messages of the user after the last answer: all before was said in turns before.
fn newest_of_user(messages: &[Message]) -> Vec<Message> {
    let after = messages.iter().rposition(|message| message.role == "assistant");
    let newest = |from: usize| -> Vec<Message> {
        let all = messages[from..].iter();
        all.filter(|message| message.role == "user" || message.role == "human").cloned().collect()
    };
    let found = newest(after.map_or(0, |at| at + 1));
    if !found.is_empty() {
        return found;
    }
    // An agent in the middle of its work: its last question is before what it did.
    let last = messages.iter().rev().find(|message| message.role == "user");
    last.cloned().into_iter().collect()
}

/// What is said to the user: no calls of tools.
fn texts_of_assistant(messages: &[Message]) -> Vec<Message> {
    let is_shown = |part: &Part| {
        !matches!(part, Part::ToolCall { .. } | Part::ToolResult { .. } | Part::Reasoning { .. })
    };
    let shown = messages.iter().filter(|message| message.role != "tool").map(|message| {
        let parts = message.parts.iter().filter(|part| is_shown(part)).cloned().collect();
        Message { parts, ..message.clone() }
    });
    shown.filter(|message| !message.parts.is_empty()).collect()
}

/// Tools by their steps; where a framework makes none, by what the models asked for.
fn tools_of(steps: &[&TraceStep]) -> Vec<ToolUse> {
    let own: Vec<ToolUse> = steps
        .iter()
        .filter(|step| step.step.kind == Kind::Tool)
        .map(|step| ToolUse {
            span_id: step.span_id,
            id: step.step.tool_call_id.clone(),
            name: if step.step.tool.is_empty() {
                step.name.clone()
            } else {
                step.step.tool.clone()
            },
            arguments: step.content.arguments.clone(),
            result: step.content.result.clone(),
            error: step.step.error.clone(),
            start_ns: step.start_ns,
            duration_ns: step.duration_ns,
        })
        .collect();
    if !own.is_empty() {
        return own;
    }
    let mut results: HashMap<&str, &serde_json::Value> = HashMap::new();
    for message in steps.iter().flat_map(|step| &step.content.input) {
        for part in &message.parts {
            if let Part::ToolResult { id, result } = part {
                results.insert(id, result);
            }
        }
    }
    let mut uses = Vec::new();
    for step in steps.iter().filter(|step| step.step.kind == Kind::Llm) {
        for part in step.content.output.iter().flat_map(|message| &message.parts) {
            if let Part::ToolCall { id, name, arguments } = part {
                uses.push(ToolUse {
                    span_id: SpanId::NONE,
                    id: id.clone(),
                    name: name.clone(),
                    arguments: Some(arguments.clone()),
                    result: results.get(&**id).map(|result| (*result).clone()),
                    error: String::new(),
                    start_ns: step.start_ns.saturating_add(step.duration_ns),
                    duration_ns: 0,
                });
            }
        }
    }
    uses
}
