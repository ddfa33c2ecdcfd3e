//! What Google's Agent Development Kit and Genkit add to OpenTelemetry's names.

use super::keys::{Field, Keys};
use crate::step::Kind;

/// The keys of the Agent Development Kit. Its object of usage has what its attributes leave out.
pub(super) const ADK_KEYS: Keys = &[
    ("gcp.vertex.agent.llm_response", Field::ResponseObject),
    ("gcp.vertex.agent.llm_request", Field::Content),
    ("gcp.vertex.agent.session_id", Field::Session),
    ("gcp.vertex.agent.user_id", Field::User),
    ("gcp.vertex.agent.tool_call_args", Field::ToolArguments),
    ("gcp.vertex.agent.tool_response", Field::ToolResult),
    ("gcp.vertex.agent.data", Field::Content),
    ("gcp.vertex.agent.", Field::Context),
    ("gen_ai.usage.experimental.reasoning_tokens", Field::ReasoningTokens),
    ("gen_ai.usage.experimental.reasoning_tokens_limit", Field::Context),
];

/// The keys of Genkit.
pub(super) const GENKIT_KEYS: Keys = &[
    ("genkit:metadata:subtype", Field::GenkitType),
    ("genkit:type", Field::GenkitType),
    ("genkit:name", Field::EntityName),
    ("genkit:input", Field::Input),
    ("genkit:output", Field::Output),
    ("genkit:sessionId", Field::Session),
    ("genkit:state", Field::Context),
    ("genkit:path", Field::Context),
    ("genkit:isRoot", Field::Context),
    ("genkit:failedSpan", Field::Context),
    ("genkit:failedPath", Field::Context),
    ("genkit:feature", Field::Workflow),
    ("genkit:metadata:flow:name", Field::Workflow),
    ("genkit:metadata:flow:id", Field::Context),
    ("genkit:metadata:context", Field::Context),
];

/// The kind by Genkit's type of action.
pub(super) fn genkit_kind(text: &str) -> Option<Kind> {
    Some(match text {
        "model" => Kind::Llm,
        "embedder" => Kind::Embedding,
        "tool" | "tool.v2" => Kind::Tool,
        "retriever" | "indexer" => Kind::Retriever,
        "reranker" => Kind::Reranker,
        "flow" | "flowStep" | "util" | "userEngagement" => Kind::Workflow,
        "agent" | "executable-prompt" => Kind::Agent,
        "prompt" => Kind::Prompt,
        "evaluator" => Kind::Evaluator,
        _ => return None,
    })
}
