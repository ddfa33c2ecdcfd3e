//! Runs, sessions and events.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use watchkeep_engine::agents::facts::{Entry, EventFact};
use watchkeep_engine::agents::query::events::EventPage;
use watchkeep_engine::agents::query::runs::{self as engine, RunPage};
use watchkeep_engine::agents::query::sessions::{self, Conversation, SessionPage};
use watchkeep_engine::agents::query::steps;

use super::agents::{Rating, Tokens, owned};
use super::content::{Message, messages};

/// A page of runs.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Runs {
    /// Newest first.
    runs: Vec<Run>,
    next_cursor: Option<String>,
}

impl From<RunPage> for Runs {
    fn from(page: RunPage) -> Self {
        Self {
            runs: page.runs.iter().map(Into::into).collect(),
            next_cursor: page
                .next
                .map(|at| format!("{}.{}{}", at.time_ns, at.trace_id, at.span_id)),
        }
    }
}

/// A run: an agent at work from being asked to its answer.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Run {
    trace_id: String,
    /// Its topmost step.
    span_id: String,
    agent: String,
    agent_version: String,
    service: String,
    name: String,
    session: String,
    user: String,
    interaction: String,
    release: String,
    environment: String,
    start_unix_nano: String,
    duration_ns: i64,
    first_token_ns: Option<i64>,
    /// `ok` or `error`.
    status: &'static str,
    /// Why it failed, or empty.
    error: String,
    steps: u64,
    llm_calls: u64,
    llm_errors: u64,
    tool_calls: u64,
    tool_errors: u64,
    retries: u64,
    tokens: Tokens,
    cost_usd: f64,
    unpriced_tokens: u64,
    /// Kinds of loops.
    loops: Vec<String>,
    models: Vec<String>,
    tools: Vec<String>,
    agents: Vec<String>,
    tags: Vec<String>,
    rating: Option<Rating>,
}

impl From<&engine::Run> for Run {
    fn from(run: &engine::Run) -> Self {
        let Entry { time_ns, trace_id, span_id, fact, .. } = run.entry.clone();
        Self {
            trace_id: trace_id.to_string(),
            span_id: span_id.to_string(),
            agent: fact.agent,
            agent_version: fact.agent_version,
            service: fact.service,
            name: fact.name,
            session: fact.session,
            user: fact.user,
            interaction: fact.interaction,
            release: fact.release,
            environment: fact.environment,
            start_unix_nano: time_ns.to_string(),
            duration_ns: fact.duration_ns,
            first_token_ns: fact.first_token_ns,
            status: if fact.error.is_empty() { "ok" } else { "error" },
            error: fact.error,
            steps: fact.steps,
            llm_calls: fact.llm_calls,
            llm_errors: fact.llm_errors,
            tool_calls: fact.tool_calls,
            tool_errors: fact.tool_errors,
            retries: fact.retries,
            tokens: Tokens::from(&fact.tokens.0),
            cost_usd: fact.cost_usd,
            unpriced_tokens: fact.unpriced_tokens,
            loops: fact.loops,
            models: fact.models,
            tools: fact.tools,
            agents: fact.agents,
            tags: fact.tags,
            rating: Rating::of(run.rating),
        }
    }
}

/// A session.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the API calls it so")]
pub(in crate::api::native) struct Session {
    session: String,
    services: Vec<String>,
    agents: Vec<String>,
    users: Vec<String>,
    /// Runs.
    turns: u64,
    errors: u64,
    /// Runs with a loop.
    loops: u64,
    llm_calls: u64,
    tool_calls: u64,
    tokens: Tokens,
    cost_usd: f64,
    unpriced_tokens: u64,
    started_unix_nano: String,
    last_activity_unix_nano: String,
    /// From the start of the first turn to the end of the last.
    duration_ns: i64,
    /// Sum of the turns.
    active_ns: i64,
    rating: Option<Rating>,
}

impl From<sessions::Session> for Session {
    fn from(session: sessions::Session) -> Self {
        Self {
            session: session.session.to_string(),
            services: owned(&session.services),
            agents: owned(&session.agents),
            users: owned(&session.users),
            turns: session.turns,
            errors: session.errors,
            loops: session.loops,
            llm_calls: session.llm_calls,
            tool_calls: session.tool_calls,
            tokens: Tokens::from(&session.usage),
            cost_usd: session.cost_usd,
            unpriced_tokens: session.unpriced_tokens,
            started_unix_nano: session.start_ns.to_string(),
            last_activity_unix_nano: session.end_ns.to_string(),
            duration_ns: session.end_ns.saturating_sub(session.start_ns),
            active_ns: session.active_ns,
            rating: Rating::of(session.rating),
        }
    }
}

/// A page of sessions.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Sessions {
    /// The one with the newest activity first.
    sessions: Vec<Session>,
    next_cursor: Option<String>,
}

impl From<SessionPage> for Sessions {
    fn from(page: SessionPage) -> Self {
        Self {
            sessions: page.sessions.into_iter().map(Into::into).collect(),
            next_cursor: page.next.map(|(end_ns, session)| format!("{end_ns}.{session}")),
        }
    }
}

/// A tool that was used in a turn.
#[derive(Serialize, ToSchema)]
struct ToolCall {
    /// The step, or empty where only the model's messages tell of it.
    span_id: String,
    id: String,
    name: String,
    /// Any JSON.
    arguments: Option<Value>,
    /// Any JSON.
    result: Option<Value>,
    /// Why it failed, or empty.
    error: String,
    start_unix_nano: String,
    duration_ns: i64,
}

/// A piece of feedback.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Feedback {
    id: String,
    name: String,
    kind: String,
    score: Option<f64>,
    /// From 1 to 5.
    rating: Option<f64>,
    label: String,
    comment: String,
    correction: String,
    user: String,
    source: String,
    time_unix_nano: String,
}

impl From<&steps::Feedback> for Feedback {
    fn from(entry: &steps::Feedback) -> Self {
        let fact = entry.fact.clone();
        Self {
            id: fact.id,
            name: fact.name,
            kind: fact.kind,
            score: fact.score,
            rating: fact.rating,
            label: fact.label,
            comment: fact.comment,
            correction: fact.correction,
            user: fact.user,
            source: fact.source,
            time_unix_nano: entry.time_ns.to_string(),
        }
    }
}

/// A turn of a conversation.
#[derive(Serialize, ToSchema)]
struct Turn {
    run: Run,
    /// What the user said.
    input: Vec<Message>,
    /// What was answered.
    output: Vec<Message>,
    tool_calls: Vec<ToolCall>,
    feedback: Vec<Feedback>,
    /// Why there is nothing to read, or empty.
    content_missing: &'static str,
}

impl From<sessions::Turn> for Turn {
    fn from(turn: sessions::Turn) -> Self {
        let tool = |tool: sessions::ToolUse| ToolCall {
            span_id: if tool.span_id.is_some() { tool.span_id.to_string() } else { String::new() },
            id: tool.id,
            name: tool.name,
            arguments: tool.arguments,
            result: tool.result,
            error: tool.error,
            start_unix_nano: tool.start_ns.to_string(),
            duration_ns: tool.duration_ns,
        };
        Self {
            run: (&turn.run).into(),
            input: messages(turn.input),
            output: messages(turn.output),
            tool_calls: turn.tools.into_iter().map(tool).collect(),
            feedback: turn.feedback.iter().map(Into::into).collect(),
            content_missing: turn.content_missing,
        }
    }
}

/// A conversation.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct SessionPageBody {
    session: Session,
    /// Oldest first.
    turns: Vec<Turn>,
    /// Whether older turns are left out.
    truncated: bool,
}

impl From<Conversation> for SessionPageBody {
    fn from(conversation: Conversation) -> Self {
        Self {
            session: conversation.session.into(),
            turns: conversation.turns.into_iter().map(Into::into).collect(),
            truncated: conversation.truncated,
        }
    }
}

/// Something that people should know of.
#[derive(Serialize, ToSchema)]
struct Event {
    id: String,
    time_unix_nano: String,
    /// `budget_threshold`, `loop`, `low_rating`, `agent_health`, `host`, `dependency`.
    kind: String,
    /// `info`, `warning` or `critical`.
    severity: String,
    service: String,
    agent: String,
    session: String,
    user: String,
    title: String,
    text: String,
    trace_id: Option<String>,
    span_id: Option<String>,
    details: BTreeMap<String, Value>,
}

impl From<Entry<EventFact>> for Event {
    fn from(entry: Entry<EventFact>) -> Self {
        let fact = entry.fact;
        Self {
            id: fact.id,
            time_unix_nano: entry.time_ns.to_string(),
            kind: fact.kind,
            severity: fact.severity,
            service: fact.service,
            agent: fact.agent,
            session: fact.session,
            user: fact.user,
            title: fact.title,
            text: fact.text,
            trace_id: entry.trace_id.is_some().then(|| entry.trace_id.to_string()),
            span_id: entry.span_id.is_some().then(|| entry.span_id.to_string()),
            details: fact.details,
        }
    }
}

/// A page of events.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Events {
    /// Newest first.
    events: Vec<Event>,
    next_cursor: Option<String>,
}

impl From<EventPage> for Events {
    fn from(page: EventPage) -> Self {
        Self {
            events: page.events.into_iter().map(Into::into).collect(),
            next_cursor: page.next.map(|(time_ns, skip)| format!("{time_ns}.{skip}")),
        }
    }
}
