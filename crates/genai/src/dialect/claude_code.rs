//! Claude Code: its log events, its spans and its metrics. Their attributes have plain names
//! (`model`, `input_tokens`), so they mean something only in a record that is one of its own.

use super::counts::Counts;
use super::hash::canonical_hash;
use super::keys::Field;
use super::sheet::{number, tokens, usd};
use crate::record::Record;
use crate::step::{Dialect, Kind, Step};
use crate::usage::Basis;

/// What the names of its events, spans and metrics begin with.
pub(super) const NAMES: &str = "claude_code.";
/// The agent that its steps are of, where none below it is named.
const AGENT: &str = "claude-code";

/// Numbers of tokens, by Anthropic's count: what is cached comes on top.
const COUNTS: [(&str, Field); 6] = [
    ("input_tokens", Field::InputTokens),
    ("output_tokens", Field::OutputTokens),
    ("cache_read_tokens", Field::CacheReadTokens),
    ("cache_creation_tokens", Field::CacheWriteTokens),
    ("cache_creation_5m_tokens", Field::CacheWrite5mTokens),
    ("cache_creation_1h_tokens", Field::CacheWrite1hTokens),
];

/// Attributes that are read here or by the readers of content.
const KEYS: [&str; 45] = [
    "model",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_creation_tokens",
    "cache_creation_5m_tokens",
    "cache_creation_1h_tokens",
    "cost_usd",
    "duration_ms",
    "ttft_ms",
    "request_id",
    "speed",
    "stop_reason",
    "success",
    "error",
    "error_type",
    "status_code",
    "attempt",
    "query_source",
    "tool_name",
    "tool_use_id",
    "tool_input",
    "tool_parameters",
    "tool_result_size_bytes",
    "tool_input_size_bytes",
    "decision",
    "decision_type",
    "decision_source",
    "source",
    "prompt",
    "prompt_length",
    "prompt.id",
    "event.name",
    "event.timestamp",
    "event.sequence",
    "session.id",
    "user.id",
    "user.email",
    "user.account_uuid",
    "user.account_id",
    "organization.id",
    "app.version",
    "terminal.type",
    "agent.name",
    "span.type",
];

/// Whether a key means something in a record of Claude Code.
pub(super) fn is_known(key: &str) -> bool {
    KEYS.contains(&key)
}

/// The name of an event without what all begin with; none where it is not one of Claude Code's.
pub(super) fn event_name<'a>(record: &Record<'a>) -> Option<&'a str> {
    let named = [record.name, record.body].into_iter().find_map(|name| name.strip_prefix(NAMES));
    named.or_else(|| {
        let is_scope = record.scope.starts_with("com.anthropic.claude_code");
        record.text("event.name").filter(|_| is_scope).map(|it| it.trim_start_matches(NAMES))
    })
}

/// The step of a log event and how long it took, nanoseconds; none for events that are no step.
pub(super) fn read_event(event: &str, record: &Record<'_>) -> Option<(Step, i64)> {
    let kind = match event {
        "api_request" | "api_error" => Kind::Llm,
        "tool_result" => Kind::Tool,
        "user_prompt" => Kind::Prompt,
        "compaction" | "mcp_server_connection" => Kind::Other,
        _ => return None,
    };
    let mut step = read(kind, event, record);
    if event == "api_error" && step.error.is_empty() {
        "error".clone_into(&mut step.error);
    }
    let millis = record.text("duration_ms").and_then(number).unwrap_or(0.0);
    Some((step, (millis.clamp(0.0, 9e11) * 1e6) as i64))
}

/// The step of a span.
pub(super) fn read_span(record: &Record<'_>) -> Step {
    let name = record.name.trim_start_matches(NAMES);
    let kind = match name {
        "interaction" => Kind::Agent,
        "llm_request" => Kind::Llm,
        // What is below it (`tool.execution`, `tool.blocked_on_user`) are parts of the same use.
        "tool" => Kind::Tool,
        _ => Kind::Other,
    };
    read(kind, name, record)
}

fn read(kind: Kind, operation: &str, record: &Record<'_>) -> Step {
    let mut step = Step::new(kind, Dialect::ClaudeCode);
    let text = |keys: &[&str]| record.first(keys).unwrap_or_default().to_owned();
    operation.clone_into(&mut step.operation);
    step.agent = text(&["agent.name"]);
    if step.agent.is_empty() {
        AGENT.clone_into(&mut step.agent);
    }
    step.session = text(&["session.id"]);
    step.interaction = text(&["interaction.id", "prompt.id"]);
    step.user = text(&["user.email", "user.account_uuid", "user.id"]);
    let version = record.text("app.version").or_else(|| record.text_anywhere("service.version"));
    version.unwrap_or_default().clone_into(&mut step.agent_version);
    step.release.clone_from(&step.agent_version);
    let environments = ["deployment.environment.name", "deployment.environment"];
    let environment = environments.iter().find_map(|key| record.text_anywhere(key));
    environment.unwrap_or_default().clone_into(&mut step.environment);
    match kind {
        Kind::Llm => read_call(&mut step, record),
        Kind::Tool => {
            step.tool = text(&["tool_name", "gen_ai.tool.name"]);
            step.tool_call_id = text(&["tool_use_id", "gen_ai.tool.call.id"]);
            let arguments = record.first(&["tool_input", "tool_parameters"]);
            step.tool_arguments_hash = arguments.map_or(0, canonical_hash);
        }
        _ => {}
    }
    step.error = error(record);
    step
}

fn read_call(step: &mut Step, record: &Record<'_>) {
    let text = |keys: &[&str]| record.first(keys).unwrap_or_default().to_owned();
    // Bedrock, Vertex and gateways are not told apart by what is sent.
    "anthropic".clone_into(&mut step.provider);
    step.request_model = text(&["gen_ai.request.model", "model"]);
    step.response_model = text(&["gen_ai.response.model", "model"]);
    step.response_id = text(&["request_id", "gen_ai.response.id"]);
    step.finish_reasons = record.text("stop_reason").map(str::to_owned).into_iter().collect();
    step.service_tier = match record.text("speed") {
        Some("normal") | None => String::new(),
        Some(speed) => speed.to_owned(),
    };
    step.reported_cost = record.text("cost_usd").and_then(usd);
    let first = record.text("ttft_ms").and_then(number);
    step.first_token_ns = first.filter(|ms| (0.0..=1e9).contains(ms)).map(|ms| (ms * 1e6) as i64);
    let mut counts = Counts { declared: Some(Basis::Exclusive), ..Counts::default() };
    for (key, field) in COUNTS {
        if let Some(tokens) = record.text(key).and_then(tokens) {
            counts.put(field, tokens);
            step.raw_usage.push((key.to_owned(), tokens));
        }
    }
    if !counts.is_empty() {
        (step.usage, step.basis) = counts.settle(None);
    }
}

fn error(record: &Record<'_>) -> String {
    let failed = record.text("success") == Some("false");
    if let Some(kind) = record.first(&["error_type", "error.type"]) {
        return kind.to_owned();
    }
    match (record.text("error"), record.text("status_code")) {
        // The message is prose; the status is what tells errors apart.
        (Some(_), Some(status)) => status.to_owned(),
        (Some(error), None) if !error.contains(char::is_whitespace) => error.to_owned(),
        (Some(_), None) => "error".to_owned(),
        (None, _) if failed => "error".to_owned(),
        (None, _) => String::new(),
    }
}
