//! The normal form: one thing that an agent did, whatever dialect told of it.

use serde::{Deserialize, Serialize};

use crate::usage::{Basis, Usage};

/// What kind of thing a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A call of a model that writes.
    Llm,
    /// A call of a model that embeds.
    Embedding,
    /// An agent at work: a run, or a part of one.
    Agent,
    /// A tool that was used.
    Tool,
    /// Documents that were looked up.
    Retriever,
    /// Documents that were put in order.
    Reranker,
    /// Steps that belong together: a chain, a workflow, a task.
    Workflow,
    /// A check of what goes in or out.
    Guardrail,
    /// A judgement of what came out.
    Evaluator,
    /// A prompt that was put together.
    Prompt,
    /// Something remembered, or recalled.
    Memory,
    /// A request of the Model Context Protocol that is no tool call.
    Mcp,
    /// Something else that speaks a dialect.
    Other,
}

impl Kind {
    /// All.
    pub const ALL: [Self; 13] = [
        Self::Llm,
        Self::Embedding,
        Self::Agent,
        Self::Tool,
        Self::Retriever,
        Self::Reranker,
        Self::Workflow,
        Self::Guardrail,
        Self::Evaluator,
        Self::Prompt,
        Self::Memory,
        Self::Mcp,
        Self::Other,
    ];

    /// The name in labels, records and the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Llm => "llm",
            Self::Embedding => "embedding",
            Self::Agent => "agent",
            Self::Tool => "tool",
            Self::Retriever => "retriever",
            Self::Reranker => "reranker",
            Self::Workflow => "workflow",
            Self::Guardrail => "guardrail",
            Self::Evaluator => "evaluator",
            Self::Prompt => "prompt",
            Self::Memory => "memory",
            Self::Mcp => "mcp",
            Self::Other => "other",
        }
    }

    /// Whether tokens that such a step reports are its own: those of the other kinds may be the sum
    /// over steps below (rule R3).
    pub fn calls_model(self) -> bool {
        matches!(self, Self::Llm | Self::Embedding | Self::Reranker)
    }
}

/// The dialect that a step was told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// OpenTelemetry's GenAI conventions, any of their three generations.
    #[serde(rename = "opentelemetry")]
    OpenTelemetry,
    /// OpenInference (Arize).
    #[serde(rename = "openinference")]
    OpenInference,
    /// OpenLLMetry (Traceloop).
    #[serde(rename = "openllmetry")]
    OpenLlmetry,
    /// Langfuse's SDKs.
    Langfuse,
    /// Vercel's AI SDK.
    Vercel,
    /// Pydantic AI and Logfire.
    PydanticAi,
    /// OpenLIT.
    #[serde(rename = "openlit")]
    OpenLit,
    /// Claude Code's log events and metrics.
    ClaudeCode,
    /// The Model Context Protocol's conventions.
    Mcp,
    /// Google's Agent Development Kit.
    GoogleAdk,
    /// Genkit.
    Genkit,
}

impl Dialect {
    /// All.
    pub const ALL: [Self; 11] = [
        Self::OpenTelemetry,
        Self::OpenInference,
        Self::OpenLlmetry,
        Self::Langfuse,
        Self::Vercel,
        Self::PydanticAi,
        Self::OpenLit,
        Self::ClaudeCode,
        Self::Mcp,
        Self::GoogleAdk,
        Self::Genkit,
    ];

    /// The name in records and the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenTelemetry => "opentelemetry",
            Self::OpenInference => "openinference",
            Self::OpenLlmetry => "openllmetry",
            Self::Langfuse => "langfuse",
            Self::Vercel => "vercel",
            Self::PydanticAi => "pydantic_ai",
            Self::OpenLit => "openlit",
            Self::ClaudeCode => "claude_code",
            Self::Mcp => "mcp",
            Self::GoogleAdk => "google_adk",
            Self::Genkit => "genkit",
        }
    }
}

/// Which part of a call a step tells of, where no id joins it to what else is told of the call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    #[default]
    Whole,
    /// The request, and what was answered if it was no stream, of which is told once it was read.
    Request,
    /// What a stream brought, told of when it was read. It is no call of its own.
    Stream {
        /// How long it was read, nanoseconds.
        read_ns: i64,
    },
}

/// One thing that an agent did, without what was said (see [`crate::content`]). Texts that were not
/// told are empty.
#[derive(Clone, PartialEq)]
pub struct Step {
    /// What it is.
    pub kind: Kind,
    /// Who told of it. The first that said what it is; others may have added to it.
    pub dialect: Dialect,
    /// How much of a call it tells of.
    pub part: Part,
    /// The operation as the dialect names it (`chat`, `invoke_agent`, `ai.generateText.doGenerate`).
    pub operation: String,
    /// Who runs the model, by OpenTelemetry's names (`openai`, `anthropic`, `aws.bedrock`).
    pub provider: String,
    /// The model that was asked for.
    pub request_model: String,
    /// The model that answered.
    pub response_model: String,
    /// Id of the response.
    pub response_id: String,
    /// The agent's name.
    pub agent: String,
    /// The agent's id.
    pub agent_id: String,
    /// The agent's version.
    pub agent_version: String,
    /// Conversation or session.
    pub session: String,
    /// The user that it was done for.
    pub user: String,
    /// The application's own id of the interaction (`interaction.id`, `watchkeep.interaction.id`).
    pub interaction: String,
    /// Id of the reservation of a budget that it was made under (`watchkeep.reservation.id`).
    pub reservation: String,
    /// Workflow or chain by name.
    pub workflow: String,
    /// Name of the prompt's template.
    pub prompt: String,
    /// Version of the prompt's template.
    pub prompt_version: String,
    /// The tool's name.
    pub tool: String,
    /// Id of the tool call.
    pub tool_call_id: String,
    /// A hash of the tool's arguments, keys of objects sorted; 0 where there are none.
    pub tool_arguments_hash: u64,
    /// A hash of the tool's result; 0 where there is none.
    pub tool_result_hash: u64,
    /// Tokens, disjoint.
    pub usage: Usage,
    /// How the emitter counted what is cached.
    pub basis: Basis,
    /// Whether the tokens are the sum over steps below by their very name, and never count.
    pub is_aggregate: bool,
    /// Whether this is never charged, such as a response that is fetched again (rule R7).
    pub is_free: bool,
    /// The numbers as they were sent, by their keys, for pricing again (rule R8).
    pub raw_usage: Vec<(String, u64)>,
    /// What the emitter says it cost, USD.
    pub reported_cost: Option<f64>,
    /// The price class that was asked for or used (`default`, `flex`, `priority`, `batch`).
    pub service_tier: String,
    /// Time to the first token or chunk, nanoseconds.
    pub first_token_ns: Option<i64>,
    /// Why the model ended.
    pub finish_reasons: Vec<String>,
    /// `error.type` or the name of the exception; `error` where the span only says that it failed;
    /// empty for success.
    pub error: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Release or version of the application.
    pub release: String,
    /// Environment.
    pub environment: String,
    /// Judgements that came with it.
    pub evaluations: Vec<Evaluation>,
}

impl Step {
    /// A step about which only kind and dialect are known.
    pub fn new(kind: Kind, dialect: Dialect) -> Self {
        Self {
            kind,
            dialect,
            part: Part::Whole,
            operation: String::new(),
            provider: String::new(),
            request_model: String::new(),
            response_model: String::new(),
            response_id: String::new(),
            agent: String::new(),
            agent_id: String::new(),
            agent_version: String::new(),
            session: String::new(),
            user: String::new(),
            interaction: String::new(),
            reservation: String::new(),
            workflow: String::new(),
            prompt: String::new(),
            prompt_version: String::new(),
            tool: String::new(),
            tool_call_id: String::new(),
            tool_arguments_hash: 0,
            tool_result_hash: 0,
            usage: Usage::default(),
            basis: Basis::default(),
            is_aggregate: false,
            is_free: false,
            raw_usage: Vec::new(),
            reported_cost: None,
            service_tier: String::new(),
            first_token_ns: None,
            finish_reasons: Vec::new(),
            error: String::new(),
            tags: Vec::new(),
            release: String::new(),
            environment: String::new(),
            evaluations: Vec::new(),
        }
    }

    /// The model that answered, or else the one that was asked for.
    pub fn model(&self) -> &str {
        if self.response_model.is_empty() { &self.request_model } else { &self.response_model }
    }
}

impl std::fmt::Debug for Step {
    /// Names may be of people, so only what is the same for all is printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Step")
            .field("kind", &self.kind)
            .field("dialect", &self.dialect)
            .field("operation", &self.operation)
            .field("usage", &self.usage)
            .finish_non_exhaustive()
    }
}

/// A judgement of an answer, by a person, a model or code.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// What was judged (`relevance`, `thumbs`).
    pub name: String,
    /// The score.
    pub score: Option<f64>,
    /// The judgement in a word.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub explanation: String,
    /// Who judged: `human`, `llm`, `code`, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Bucket;

    #[test]
    fn names_in_json_are_the_names() {
        let json = |value: serde_json::Result<String>| value.unwrap().trim_matches('"').to_owned();
        for kind in Kind::ALL {
            assert_eq!(json(serde_json::to_string(&kind)), kind.name());
        }
        for dialect in Dialect::ALL {
            assert_eq!(json(serde_json::to_string(&dialect)), dialect.name());
        }
        for bucket in Bucket::ALL {
            assert_eq!(json(serde_json::to_string(&bucket)), bucket.name());
        }
    }
}
