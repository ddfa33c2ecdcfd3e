//! Vercel's AI SDK: the `ai.*` attributes. Version 7 speaks OpenTelemetry's names with a few of its own.

use super::keys::{Field, Keys};
use crate::step::Kind;

/// The keys.
pub(super) const KEYS: Keys = &[
    ("ai.operationId", Field::VercelOperation),
    ("ai.model.provider", Field::Provider),
    ("ai.model.id", Field::RequestModel),
    ("ai.response.model", Field::ResponseModel),
    ("ai.response.id", Field::ResponseId),
    ("ai.telemetry.functionId", Field::Agent),
    ("ai.telemetry.metadata.sessionId", Field::Session),
    ("ai.telemetry.metadata.session_id", Field::Session),
    ("ai.telemetry.metadata.conversationId", Field::Session),
    ("ai.telemetry.metadata.threadId", Field::Session),
    ("ai.telemetry.metadata.userId", Field::User),
    ("ai.telemetry.metadata.user_id", Field::User),
    ("ai.telemetry.metadata.interactionId", Field::Interaction),
    ("ai.telemetry.metadata.tags", Field::Tags),
    ("ai.telemetry.metadata.release", Field::Release),
    ("ai.telemetry.metadata.environment", Field::Environment),
    ("ai.telemetry.metadata.langfusePrompt", Field::PromptObject),
    ("ai.telemetry.metadata.", Field::Content),
    ("ai.usage.inputTokens", Field::InputTokens),
    ("ai.usage.promptTokens", Field::InputTokens),
    ("ai.usage.tokens", Field::TotalTokens),
    ("ai.usage.outputTokens", Field::OutputTokens),
    ("ai.usage.completionTokens", Field::OutputTokens),
    ("ai.usage.totalTokens", Field::TotalTokens),
    ("ai.usage.inputTokenDetails.noCacheTokens", Field::FreshTokens),
    ("ai.usage.inputTokenDetails.cacheReadTokens", Field::CacheReadTokens),
    ("ai.usage.cachedInputTokens", Field::CacheReadTokens),
    ("ai.usage.inputTokenDetails.cacheWriteTokens", Field::CacheWriteTokens),
    ("ai.usage.outputTokenDetails.reasoningTokens", Field::ReasoningTokens),
    ("ai.usage.reasoningTokens", Field::ReasoningTokens),
    ("ai.usage.outputTokenDetails.textTokens", Field::TextOutputTokens),
    ("ai.usage.raw", Field::Context),
    ("ai.response.providerMetadata", Field::ProviderMetadata),
    ("ai.response.msToFirstChunk", Field::FirstTokenMillis),
    ("ai.stream.msToFirstChunk", Field::FirstTokenMillis),
    ("ai.response.msToFirstToken", Field::FirstTokenMillis),
    ("ai.response.finishReason", Field::FinishReasons),
    ("ai.finishReason", Field::FinishReasons),
    ("ai.toolCall.name", Field::Tool),
    ("ai.toolCall.id", Field::ToolCallId),
    ("ai.toolCall.args", Field::ToolArguments),
    ("ai.toolCall.result", Field::ToolResult),
    ("ai.response.msToFinish", Field::Context),
    ("ai.response.avgOutputTokensPerSecond", Field::Context),
    ("ai.response.avgCompletionTokensPerSecond", Field::Context),
    ("ai.response.timestamp", Field::Context),
    ("ai.response.text", Field::Content),
    ("ai.response.object", Field::Content),
    ("ai.response.toolCalls", Field::Content),
    ("ai.response.reasoning", Field::Content),
    ("ai.response.files", Field::Content),
    ("ai.response.", Field::Context),
    ("ai.result.", Field::Content),
    ("ai.prompt", Field::Content),
    ("ai.prompt.", Field::Content),
    ("ai.settings.", Field::Content),
    ("ai.schema", Field::Content),
    ("ai.schema.", Field::Content),
    ("ai.value", Field::Content),
    ("ai.values", Field::Content),
    ("ai.embedding", Field::Context),
    ("ai.embeddings", Field::Context),
    ("ai.documents", Field::Content),
    ("ai.ranking", Field::Content),
    ("ai.ranking.", Field::Content),
    ("ai.request.headers.", Field::Context),
    ("ai.stream.", Field::Context),
    ("ai.usage.", Field::Context),
];

/// The kind by `ai.operationId`: the outer span of a call sums up those of the calls of the model.
pub(super) fn kind(operation: &str) -> Option<Kind> {
    let name = operation.strip_prefix("ai.")?;
    Some(match name {
        "generateText.doGenerate"
        | "streamText.doStream"
        | "generateObject.doGenerate"
        | "streamObject.doStream"
        | "generateImage.doGenerate"
        | "generateSpeech.doGenerate"
        | "transcribe.doGenerate" => Kind::Llm,
        "embed.doEmbed" | "embedMany.doEmbed" => Kind::Embedding,
        "rerank.doRerank" => Kind::Reranker,
        "toolCall" => Kind::Tool,
        "generateText" | "streamText" => Kind::Agent,
        _ => Kind::Workflow,
    })
}
