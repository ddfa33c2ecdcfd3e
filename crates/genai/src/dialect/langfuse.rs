//! The attributes of Langfuse's SDKs.

use super::keys::{Field, Keys};
use crate::step::Kind;

/// The keys.
pub(super) const KEYS: Keys = &[
    ("langfuse.observation.type", Field::LangfuseType),
    ("langfuse.observation.model.name", Field::RequestModel),
    ("langfuse.observation.model.parameters", Field::Parameters),
    ("langfuse.observation.usage_details", Field::UsageObject),
    ("langfuse.observation.cost_details", Field::CostObject),
    ("langfuse.observation.completion_start_time", Field::FirstTokenInstant),
    ("langfuse.observation.prompt.name", Field::Prompt),
    ("langfuse.observation.prompt.version", Field::PromptVersion),
    ("langfuse.observation.level", Field::Level),
    ("langfuse.observation.status_message", Field::Context),
    ("langfuse.observation.input", Field::Input),
    ("langfuse.observation.output", Field::Output),
    ("langfuse.observation.metadata", Field::Content),
    ("langfuse.observation.metadata.finish_reason", Field::FinishReasons),
    ("langfuse.observation.metadata.", Field::Content),
    ("langfuse.session.id", Field::Session),
    ("langfuse.user.id", Field::User),
    ("langfuse.trace.session_id", Field::Session),
    ("langfuse.trace.user_id", Field::User),
    ("langfuse.trace.tags", Field::Tags),
    ("langfuse.tags", Field::Tags),
    ("langfuse.trace.input", Field::Content),
    ("langfuse.trace.output", Field::Content),
    ("langfuse.trace.metadata", Field::Content),
    ("langfuse.trace.metadata.", Field::Content),
    ("langfuse.trace.name", Field::Context),
    ("langfuse.trace.public", Field::Context),
    ("langfuse.release", Field::Release),
    ("langfuse.version", Field::Release),
    ("langfuse.environment", Field::Environment),
    ("langfuse.internal.", Field::Context),
    ("langfuse.experiment.", Field::Context),
];

/// The kind by `langfuse.observation.type`; none for `span` and `event`, which say nothing.
pub(super) fn kind(text: &str) -> Option<Kind> {
    Some(match text {
        "generation" => Kind::Llm,
        "embedding" => Kind::Embedding,
        "agent" => Kind::Agent,
        "tool" => Kind::Tool,
        "chain" => Kind::Workflow,
        "retriever" => Kind::Retriever,
        "guardrail" => Kind::Guardrail,
        "evaluator" => Kind::Evaluator,
        _ => return None,
    })
}
