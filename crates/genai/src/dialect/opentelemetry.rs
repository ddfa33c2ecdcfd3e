//! OpenTelemetry's GenAI conventions: those until 1.36 (`gen_ai.system`), until 1.41 and those after
//! (`cache_write`, `gen_ai.usage.audio.*`), with what they deprecate and what is common besides.

use super::keys::{Field, Keys};
use crate::step::Kind;

/// The keys.
pub(super) const KEYS: Keys = &[
    ("gen_ai.operation.name", Field::Operation),
    ("gen_ai.provider.name", Field::Provider),
    ("gen_ai.system", Field::Provider),
    ("gen_ai.request.model", Field::RequestModel),
    ("gen_ai.response.model", Field::ResponseModel),
    ("gen_ai.response.id", Field::ResponseId),
    ("gen_ai.agent.name", Field::Agent),
    ("gen_ai.agent.id", Field::AgentId),
    ("gen_ai.agent.version", Field::AgentVersion),
    ("gen_ai.main_agent.", Field::Context),
    ("gen_ai.agent.description", Field::Context),
    ("gen_ai.conversation.id", Field::Session),
    ("gen_ai.session.id", Field::Session),
    ("session.id", Field::Session),
    ("thread.id", Field::Context),
    ("user.id", Field::User),
    ("enduser.id", Field::User),
    ("gen_ai.user.id", Field::User),
    ("watchkeep.interaction.id", Field::Interaction),
    ("interaction.id", Field::Interaction),
    ("watchkeep.reservation.id", Field::Reservation),
    ("gen_ai.workflow.name", Field::Workflow),
    ("gen_ai.prompt.name", Field::Prompt),
    ("gen_ai.prompt.version", Field::PromptVersion),
    ("gen_ai.prompt.variable.", Field::Content),
    ("gen_ai.tool.name", Field::Tool),
    ("gen_ai.tool.call.id", Field::ToolCallId),
    ("gen_ai.tool.call.arguments", Field::ToolArguments),
    ("gen_ai.tool.call.result", Field::ToolResult),
    ("gen_ai.tool.type", Field::Content),
    ("gen_ai.tool.description", Field::Content),
    ("gen_ai.tool.definitions", Field::Content),
    ("gen_ai.skill.", Field::Content),
    ("gen_ai.usage.input_tokens", Field::InputTokens),
    ("gen_ai.usage.prompt_tokens", Field::InputTokens),
    ("gen_ai.usage.output_tokens", Field::OutputTokens),
    ("gen_ai.usage.completion_tokens", Field::OutputTokens),
    ("gen_ai.usage.total_tokens", Field::TotalTokens),
    ("gen_ai.usage.cache_read.input_tokens", Field::CacheReadTokens),
    ("gen_ai.usage.cache_write.input_tokens", Field::CacheWriteTokens),
    ("gen_ai.usage.cache_creation.input_tokens", Field::CacheWriteTokens),
    ("gen_ai.usage.reasoning.output_tokens", Field::ReasoningTokens),
    ("gen_ai.usage.text.input_tokens", Field::TextInputTokens),
    ("gen_ai.usage.audio.input_tokens", Field::AudioInputTokens),
    ("gen_ai.usage.image.input_tokens", Field::ImageInputTokens),
    ("gen_ai.usage.text.output_tokens", Field::TextOutputTokens),
    ("gen_ai.usage.audio.output_tokens", Field::AudioOutputTokens),
    ("gen_ai.usage.image.output_tokens", Field::ImageOutputTokens),
    ("gen_ai.usage.audio.cache_read.input_tokens", Field::AudioCachedTokens),
    ("gen_ai.usage.image.cache_read.input_tokens", Field::ImageCachedTokens),
    ("gen_ai.usage.text.cache_read.input_tokens", Field::Context),
    ("gen_ai.usage.raw", Field::UsageObject),
    ("anthropic.usage.cache_creation.ephemeral_5m_input_tokens", Field::CacheWrite5mTokens),
    ("anthropic.usage.cache_creation.ephemeral_1h_input_tokens", Field::CacheWrite1hTokens),
    ("gen_ai.usage.cost", Field::Cost),
    ("gen_ai.usage.total_cost", Field::Cost),
    ("gen_ai.cost.total", Field::Cost),
    ("gen_ai.usage.input_cost", Field::CostPart),
    ("gen_ai.usage.output_cost", Field::CostPart),
    ("openai.response.service_tier", Field::ServiceTier),
    ("gen_ai.openai.response.service_tier", Field::ServiceTier),
    ("gen_ai.response.service_tier", Field::ServiceTier),
    ("anthropic.response.service_tier", Field::ServiceTier),
    ("openai.request.service_tier", Field::ServiceTier),
    ("gen_ai.openai.request.service_tier", Field::ServiceTier),
    ("gen_ai.request.service_tier", Field::ServiceTier),
    ("gen_ai.response.time_to_first_chunk", Field::FirstTokenSeconds),
    ("gen_ai.response.time_to_first_token", Field::FirstTokenSeconds),
    ("gen_ai.client.operation.time_to_first_chunk", Field::FirstTokenSeconds),
    ("gen_ai.client.inference.time_to_first_chunk", Field::FirstTokenSeconds),
    ("gen_ai.server.time_to_first_token", Field::FirstTokenSeconds),
    ("gen_ai.response.finish_reasons", Field::FinishReasons),
    ("gen_ai.response.finish_reason", Field::FinishReasons),
    ("anthropic.message.stop_reason", Field::FinishReasons),
    ("gen_ai.response.status", Field::Status),
    ("error.type", Field::Error),
    ("exception.type", Field::Error),
    ("gen_ai.evaluation.name", Field::EvaluationName),
    ("gen_ai.evaluation.score.value", Field::EvaluationScore),
    ("gen_ai.evaluation.score.label", Field::EvaluationLabel),
    ("gen_ai.evaluation.explanation", Field::EvaluationExplanation),
    ("deployment.environment.name", Field::Environment),
    ("deployment.environment", Field::Environment),
    ("service.version", Field::Release),
    ("gen_ai.system_instructions", Field::Content),
    ("gen_ai.input.messages", Field::Content),
    ("gen_ai.output.messages", Field::Content),
    ("gen_ai.output.type", Field::Content),
    ("gen_ai.prompt", Field::Content),
    ("gen_ai.completion", Field::Content),
    ("gen_ai.event.content", Field::Content),
    ("gen_ai.request.", Field::Content),
    ("gen_ai.retrieval.", Field::Content),
    ("gen_ai.memory.", Field::Content),
    ("gen_ai.embeddings.", Field::Content),
    ("gen_ai.openai.request.", Field::Content),
    ("gen_ai.workflow.", Field::Content),
    ("gen_ai.is_streaming", Field::Content),
    ("gen_ai.handoff.", Field::Context),
    ("gen_ai.data_source.id", Field::Context),
    ("gen_ai.conversation.compacted", Field::Context),
    ("gen_ai.openai.response.system_fingerprint", Field::Context),
    ("gen_ai.token.type", Field::Context),
    ("gen_ai.token.modality", Field::Context),
];

/// Whether the tokens of this operation were charged when the response was made (rule R7).
pub(super) fn is_free(operation: &str) -> bool {
    operation == "fetch_response"
}

/// The kind of an operation by `gen_ai.operation.name`, with the names that emitters made up.
pub(super) fn kind(operation: &str) -> Option<Kind> {
    Some(match operation {
        "chat" | "text_completion" | "generate_content" | "completion" | "completions"
        | "message" | "messages" | "response" | "responses" | "fetch_response" | "generate"
        | "llm_request" | "image" | "image_generation" | "audio" | "speech" | "transcription" => {
            Kind::Llm
        }
        "embeddings" | "embedding" | "embed" => Kind::Embedding,
        "retrieval" | "retrieve" | "vectordb" | "vector_db_retrieve" | "search" => Kind::Retriever,
        "rerank" | "reranking" => Kind::Reranker,
        "execute_tool"
        | "tool"
        | "tool_call"
        | "load_skill"
        | "read_skill_resource"
        | "command" => Kind::Tool,
        "invoke_agent" | "plan" | "agent" | "run_agent" => Kind::Agent,
        "invoke_workflow" | "workflow" | "task" | "chain" | "execute_task" | "agent_step"
        | "framework" | "graph" => Kind::Workflow,
        "create_memory_store"
        | "delete_memory_store"
        | "create_memory"
        | "update_memory"
        | "upsert_memory"
        | "search_memory"
        | "delete_memory" => Kind::Memory,
        "evaluate" | "evaluation" => Kind::Evaluator,
        "guardrail" => Kind::Guardrail,
        _ => return None,
    })
}
