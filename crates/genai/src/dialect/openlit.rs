//! OpenLIT: what its Python, TypeScript and Go packages add to OpenTelemetry's names.

use super::keys::{Field, Keys};

/// The keys.
pub(super) const KEYS: Keys = &[
    ("gen_ai.usage.cache.read_input_tokens", Field::CacheReadTokens),
    ("gen_ai.usage.prompt_tokens_details.cache_read", Field::CacheReadTokens),
    ("gen_ai.usage.prompt_tokens_details.cached", Field::CacheReadTokens),
    ("gen_ai.usage.prompt_tokens_details.cache_write", Field::CacheWriteTokens),
    ("gen_ai.usage.cache.creation_input_tokens", Field::CacheWriteTokens),
    ("gen_ai.usage.completion_tokens_details.reasoning", Field::ReasoningTokens),
    ("gen_ai.usage.prompt_tokens_details.audio", Field::AudioInputTokens),
    ("gen_ai.usage.completion_tokens_details.audio", Field::AudioOutputTokens),
    ("gen_ai.usage.completion_tokens_details.", Field::Context),
    ("gen_ai.usage.prompt_tokens_details.", Field::Context),
    ("gen_ai.server.ttft", Field::FirstTokenSeconds),
    ("gen_ai.openai.thread.id", Field::Session),
    ("gen_ai.request.user", Field::User),
    ("gen_ai.server.tbt", Field::Context),
    ("gen_ai.server.time_per_output_token", Field::Context),
    ("gen_ai.client.", Field::Context),
    ("gen_ai.environment", Field::Environment),
    ("gen_ai.application_name", Field::Context),
    ("gen_ai.sdk.version", Field::Context),
    ("gen_ai.endpoint", Field::Context),
    ("gen_ai.hub.", Field::Context),
    ("gen_ai.content.prompt", Field::Content),
    ("gen_ai.content.completion", Field::Content),
    ("gen_ai.content.", Field::Content),
    ("gen_ai.tool.args", Field::ToolArguments),
    ("gen_ai.tool.result", Field::ToolResult),
    ("gen_ai.tool.input", Field::ToolArguments),
    ("gen_ai.tool.output", Field::ToolResult),
    ("openlit.environment", Field::Environment),
    ("openlit.", Field::Context),
];
