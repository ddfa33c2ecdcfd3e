//! Pydantic AI and Logfire: what they add to OpenTelemetry's names.

use super::keys::{Field, Keys};
use crate::record::Record;
use crate::step::{Kind, Part, Step};

/// What the scopes of Logfire's instrumentations of clients begin with.
pub(super) const CLIENTS: &str = "logfire.";
/// How its record about a stream that was read is named.
const STREAM: &str = "streaming response from ";
/// Longest reading of a stream that is believed, seconds: a day.
const READ_SECONDS_MAX: f64 = 86_400.0;

/// Where numbers begin that are sums over steps below.
pub(super) const AGGREGATED: &str = "gen_ai.aggregated_usage.";

/// The keys. The twins `gen_ai.usage.details.*` stand behind those of OpenTelemetry (rule R5).
pub(super) const KEYS: Keys = &[
    ("logfire.span_type", Field::LogfireType),
    ("model_name", Field::RequestModel),
    ("agent_name", Field::Agent),
    ("gen_ai.agent.call.id", Field::Context),
    ("gen_ai.usage.details.cache_read_tokens", Field::CacheReadTokens),
    ("gen_ai.usage.details.cache_read_input_tokens", Field::CacheReadTokens),
    ("gen_ai.usage.details.cached_tokens", Field::CacheReadTokens),
    ("gen_ai.usage.details.cached_content_tokens", Field::CacheReadTokens),
    ("gen_ai.usage.details.cache_write_tokens", Field::CacheWriteTokens),
    ("gen_ai.usage.details.cache_creation_input_tokens", Field::CacheWriteTokens),
    ("gen_ai.usage.details.ephemeral_5m_input_tokens", Field::CacheWrite5mTokens),
    ("gen_ai.usage.details.ephemeral_1h_input_tokens", Field::CacheWrite1hTokens),
    ("gen_ai.usage.details.reasoning_tokens", Field::ReasoningTokens),
    ("gen_ai.usage.details.thoughts_tokens", Field::ReasoningTokens),
    ("gen_ai.usage.details.input_audio_tokens", Field::AudioInputTokens),
    ("gen_ai.usage.details.audio_prompt_tokens", Field::AudioInputTokens),
    ("gen_ai.usage.details.cache_audio_read_tokens", Field::AudioCachedTokens),
    ("gen_ai.usage.details.output_audio_tokens", Field::AudioOutputTokens),
    ("gen_ai.usage.details.audio_tokens", Field::AudioOutputTokens),
    ("gen_ai.usage.details.image_prompt_tokens", Field::ImageInputTokens),
    ("gen_ai.usage.details.", Field::Context),
    ("gen_ai.aggregated_usage.input_tokens", Field::InputTokens),
    ("gen_ai.aggregated_usage.output_tokens", Field::OutputTokens),
    ("gen_ai.aggregated_usage.cache_read.input_tokens", Field::CacheReadTokens),
    ("gen_ai.aggregated_usage.cache_write.input_tokens", Field::CacheWriteTokens),
    ("gen_ai.aggregated_usage.cache_creation.input_tokens", Field::CacheWriteTokens),
    ("gen_ai.aggregated_usage.reasoning.output_tokens", Field::ReasoningTokens),
    ("gen_ai.aggregated_usage.details.cache_read_tokens", Field::CacheReadTokens),
    ("gen_ai.aggregated_usage.details.cache_write_tokens", Field::CacheWriteTokens),
    ("gen_ai.aggregated_usage.details.reasoning_tokens", Field::ReasoningTokens),
    (AGGREGATED, Field::Context),
    ("operation.cost", Field::Cost),
    ("tool_arguments", Field::ToolArguments),
    ("tool_response", Field::ToolResult),
    ("logfire.tags", Field::Tags),
    ("logfire.", Field::Context),
    ("model_request_parameters", Field::Content),
    ("pydantic_ai.all_messages", Field::Content),
    ("pydantic_ai.", Field::Content),
    ("all_messages_events", Field::Content),
    ("events", Field::Content),
    ("final_result", Field::Content),
    ("prompt", Field::Content),
];

/// Logfire tells of a stream in two parts that share no id and, outside of other spans, not even a
/// trace: a span of the request, which ends when the stream begins, and a record at its end.
pub(super) fn part(step: &Step, record: &Record<'_>, span_type: &str) -> Part {
    if step.kind != Kind::Llm || !record.scope.starts_with(CLIENTS) {
        return Part::Whole;
    }
    match span_type {
        "log" if record.name.starts_with(STREAM) => {
            let seconds = record.number("duration").unwrap_or(0.0);
            Part::Stream { read_ns: (seconds.clamp(0.0, READ_SECONDS_MAX) * 1e9) as i64 }
        }
        "span" => Part::Request,
        _ => Part::Whole,
    }
}
