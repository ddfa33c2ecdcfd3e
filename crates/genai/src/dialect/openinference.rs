//! OpenInference (Arize), by its semantic conventions.

use serde::Deserialize;

use super::keys::{Field, Keys};
use crate::step::Kind;

/// The keys.
pub(super) const KEYS: Keys = &[
    ("openinference.span.kind", Field::OpenInferenceKind),
    ("llm.provider", Field::Provider),
    ("llm.system", Field::Provider),
    ("llm.request.model_name", Field::RequestModel),
    ("llm.model_name", Field::RequestModel),
    ("llm.response.model_name", Field::ResponseModel),
    ("embedding.model_name", Field::EmbeddingModel),
    ("reranker.model_name", Field::RerankerModel),
    ("llm.response.id", Field::ResponseId),
    ("agent.name", Field::Agent),
    ("agent.id", Field::AgentId),
    ("graph.node.name", Field::EntityName),
    ("graph.node.id", Field::EntityName),
    ("graph.node.", Field::Context),
    ("llm.token_count.prompt", Field::InputTokens),
    ("llm.token_count.completion", Field::OutputTokens),
    ("llm.token_count.total", Field::TotalTokens),
    ("llm.token_count.prompt_details.cache_read", Field::CacheReadTokens),
    ("llm.token_count.prompt_details.cache_input", Field::CacheReadTokens),
    ("llm.token_count.prompt_details.cache_write", Field::CacheWriteTokens),
    ("llm.token_count.prompt_details.audio", Field::AudioInputTokens),
    ("llm.token_count.prompt_details.image", Field::ImageInputTokens),
    ("llm.token_count.completion_details.reasoning", Field::ReasoningTokens),
    ("llm.token_count.completion_details.audio", Field::AudioOutputTokens),
    ("llm.token_count.completion_details.image", Field::ImageOutputTokens),
    ("llm.cost.total", Field::Cost),
    ("llm.cost.prompt", Field::CostPart),
    ("llm.cost.completion", Field::CostPart),
    ("llm.cost.", Field::Context),
    ("llm.finish_reason", Field::FinishReasons),
    ("llm.invocation_parameters", Field::Parameters),
    ("embedding.invocation_parameters", Field::Parameters),
    ("llm.prompt_template.version", Field::PromptVersion),
    ("llm.prompt_template.", Field::Content),
    ("prompt.id", Field::Prompt),
    ("prompt.", Field::Context),
    ("tool.name", Field::Tool),
    ("tool_call.function.name", Field::Tool),
    ("tool.id", Field::ToolCallId),
    ("tool_call.id", Field::ToolCallId),
    ("tool_call.function.arguments", Field::ToolArguments),
    ("input.value", Field::Input),
    ("output.value", Field::Output),
    ("tool.parameters", Field::Content),
    ("tool.", Field::Content),
    ("tag.tags", Field::Tags),
    ("metadata", Field::Content),
    ("annotations.", Field::EvaluationItem),
    ("evaluations.", Field::EvaluationItem),
    ("trace.annotations.", Field::EvaluationItem),
    ("trace.evaluations.", Field::EvaluationItem),
    ("session.annotations.", Field::EvaluationItem),
    ("session.evaluations.", Field::EvaluationItem),
    ("input.mime_type", Field::Content),
    ("output.mime_type", Field::Content),
    ("llm.input_messages.", Field::Content),
    ("llm.output_messages.", Field::Content),
    ("llm.prompts.", Field::Content),
    ("llm.choices.", Field::Content),
    ("llm.tools.", Field::Content),
    ("llm.function_call", Field::Content),
    ("embedding.embeddings.", Field::Content),
    ("embedding.text", Field::Content),
    ("embedding.vector", Field::Context),
    ("retrieval.documents.", Field::Content),
    ("reranker.", Field::Content),
];

/// The kind by `openinference.span.kind`; none where it says nothing.
pub(super) fn kind(text: &str) -> Option<Kind> {
    const KINDS: [(&str, Kind); 10] = [
        ("LLM", Kind::Llm),
        ("EMBEDDING", Kind::Embedding),
        ("CHAIN", Kind::Workflow),
        ("RETRIEVER", Kind::Retriever),
        ("RERANKER", Kind::Reranker),
        ("TOOL", Kind::Tool),
        ("AGENT", Kind::Agent),
        ("GUARDRAIL", Kind::Guardrail),
        ("EVALUATOR", Kind::Evaluator),
        ("PROMPT", Kind::Prompt),
    ];
    KINDS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, kind)| kind)
}

/// Longest id of a response that is believed.
const RESPONSE_ID_BYTES_MAX: usize = 256;

/// What is read of an answer that was kept as a text; everything else in it is passed over.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    llm_output: Option<Metadata>,
    #[serde(default)]
    generations: Vec<Vec<Generation>>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    id: Option<String>,
}

#[derive(Deserialize)]
struct Generation {
    #[serde(default)]
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    kwargs: Option<Arguments>,
}

#[derive(Deserialize)]
struct Arguments {
    #[serde(default)]
    response_metadata: Option<Metadata>,
}

/// The id of the response, which no attribute has: it stands in the answer of the provider's client, and
/// in what LangChain made of it. By it a call that both tell of is known to be one.
pub(super) fn response_id(output: &str) -> String {
    let is_answer = output.starts_with('{') && output.contains("\"id\"");
    let answer = is_answer.then(|| serde_json::from_str::<Answer>(output).ok()).flatten();
    let Some(answer) = answer else { return String::new() };
    let of_message = || {
        let message = answer.generations.into_iter().flatten().find_map(|one| one.message)?;
        message.kwargs?.response_metadata?.id
    };
    let found = answer.id.or_else(|| answer.llm_output?.id).or_else(of_message);
    found.filter(|id| id.len() <= RESPONSE_ID_BYTES_MAX).unwrap_or_default()
}
