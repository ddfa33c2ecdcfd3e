//! OpenLLMetry (Traceloop), before and after it took up OpenTelemetry's names.

use super::keys::{Field, Keys};
use crate::step::Kind;

/// The keys.
pub(super) const KEYS: Keys = &[
    ("traceloop.span.kind", Field::TraceloopKind),
    ("llm.request.type", Field::RequestType),
    ("llm.vendor", Field::Provider),
    ("llm.request.model", Field::RequestModel),
    ("llm.response.model", Field::ResponseModel),
    ("gen_ai.usage.cache_read_input_tokens", Field::CacheReadTokens),
    ("gen_ai.usage.cache_creation_input_tokens", Field::CacheWriteTokens),
    ("gen_ai.usage.cache_write_input_tokens", Field::CacheWriteTokens),
    ("gen_ai.usage.reasoning_tokens", Field::ReasoningTokens),
    ("llm.usage.reasoning_tokens", Field::ReasoningTokens),
    ("llm.usage.prompt_tokens", Field::InputTokens),
    ("llm.usage.completion_tokens", Field::OutputTokens),
    ("llm.usage.total_tokens", Field::TotalTokens),
    ("llm.usage.cache_read_input_tokens", Field::CacheReadTokens),
    ("llm.usage.cache_creation_input_tokens", Field::CacheWriteTokens),
    ("llm.usage.token_type", Field::Context),
    ("gen_ai.user", Field::User),
    ("llm.user", Field::User),
    ("traceloop.association.properties.user_id", Field::User),
    ("traceloop.association.properties.userId", Field::User),
    ("traceloop.association.properties.session_id", Field::Session),
    ("traceloop.association.properties.sessionId", Field::Session),
    ("traceloop.association.properties.conversation_id", Field::Session),
    ("traceloop.association.properties.thread_id", Field::Session),
    ("traceloop.association.properties.interaction_id", Field::Interaction),
    ("traceloop.association.properties.", Field::Content),
    ("traceloop.workflow.name", Field::Workflow),
    ("traceloop.entity.name", Field::EntityName),
    ("traceloop.entity.version", Field::AgentVersion),
    ("traceloop.entity.input", Field::Input),
    ("traceloop.entity.output", Field::Output),
    ("traceloop.entity.path", Field::Context),
    ("traceloop.entity.", Field::Context),
    ("traceloop.prompt.key", Field::Prompt),
    ("traceloop.prompt.version_name", Field::PromptVersion),
    ("traceloop.prompt.version", Field::PromptVersion),
    ("traceloop.prompt.", Field::Content),
    ("traceloop.correlation.id", Field::Interaction),
    ("gen_ai.response.stop_reason", Field::FinishReasons),
    ("llm.response.finish_reason", Field::FinishReasons),
    ("llm.response.stop_reason", Field::FinishReasons),
    ("llm.headers", Field::Context),
    ("llm.is_streaming", Field::Content),
    ("llm.top_k", Field::Content),
    ("llm.temperature", Field::Content),
    ("llm.top_p", Field::Content),
    ("llm.frequency_penalty", Field::Content),
    ("llm.presence_penalty", Field::Content),
    ("llm.chat.stop_sequences", Field::Content),
    ("llm.chat_completions.", Field::Context),
    ("llm.prompts", Field::Content),
    ("llm.completions", Field::Content),
    ("llm.request.", Field::Content),
    ("llm.response.", Field::Context),
    ("llm.watsonx.", Field::Context),
    ("gen_ai.prompt.", Field::Content),
    ("gen_ai.completion.", Field::Content),
    ("gen_ai.tool.definitions.", Field::Content),
    ("gen_ai.openai.api_base", Field::Context),
    ("gen_ai.openai.api_version", Field::Context),
    ("gen_ai.openai.api_type", Field::Context),
    ("gen_ai.openai.system_fingerprint", Field::Context),
    ("gen_ai.task.", Field::Content),
];

/// The kind by `traceloop.span.kind`.
pub(super) fn kind(text: &str) -> Option<Kind> {
    Some(match text {
        "workflow" | "task" => Kind::Workflow,
        "agent" => Kind::Agent,
        "tool" => Kind::Tool,
        _ => return None,
    })
}

/// The kind by `llm.request.type`.
pub(super) fn request_kind(text: &str) -> Option<Kind> {
    Some(match text {
        "chat" | "completion" => Kind::Llm,
        "embedding" => Kind::Embedding,
        "rerank" => Kind::Reranker,
        _ => return None,
    })
}
