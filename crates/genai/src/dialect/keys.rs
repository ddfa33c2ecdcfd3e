//! What keys mean: one table for all dialects, which the readers of steps and of content share, so
//! that what nobody reads can be told.

use std::sync::LazyLock;

use hashbrown::HashMap;

use super::{
    google, langfuse, mcp, openinference, openlit, openllmetry, opentelemetry, pydantic, vercel,
};
use crate::step::Dialect;

/// What the value of a key says. Of several keys that say the same the first in the table counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// `langfuse.observation.type`.
    LangfuseType,
    /// `openinference.span.kind`.
    OpenInferenceKind,
    /// `gen_ai.operation.name`.
    Operation,
    /// `traceloop.span.kind`.
    TraceloopKind,
    /// `llm.request.type`.
    RequestType,
    /// Genkit's type of action.
    GenkitType,
    /// `ai.operationId`.
    VercelOperation,
    /// `mcp.method.name`.
    McpMethod,
    /// `logfire.span_type`.
    LogfireType,
    /// Who runs the model.
    Provider,
    RequestModel,
    ResponseModel,
    /// A model that only embedding calls have.
    EmbeddingModel,
    /// A model that only calls that put documents in order have.
    RerankerModel,
    ResponseId,
    Agent,
    AgentId,
    AgentVersion,
    Session,
    User,
    Interaction,
    Reservation,
    Workflow,
    /// A name whose meaning depends on the kind (`traceloop.entity.name`).
    EntityName,
    Prompt,
    PromptVersion,
    /// JSON with name and version of a prompt.
    PromptObject,
    Tool,
    ToolCallId,
    ToolArguments,
    ToolResult,
    /// What went in, whatever the kind.
    Input,
    /// What came out, whatever the kind.
    Output,
    /// Tokens read, as the emitter counts them.
    InputTokens,
    /// Tokens written, as the emitter counts them.
    OutputTokens,
    TotalTokens,
    /// Tokens read that are not cached.
    FreshTokens,
    CacheReadTokens,
    CacheWriteTokens,
    CacheWrite5mTokens,
    CacheWrite1hTokens,
    ReasoningTokens,
    TextInputTokens,
    AudioInputTokens,
    ImageInputTokens,
    AudioCachedTokens,
    ImageCachedTokens,
    TextOutputTokens,
    AudioOutputTokens,
    ImageOutputTokens,
    /// JSON of numbers of tokens.
    UsageObject,
    /// JSON of a response that has an object of usage in it.
    ResponseObject,
    /// JSON of what a provider adds.
    ProviderMetadata,
    /// USD.
    Cost,
    /// USD of a part: added up where there is no whole.
    CostPart,
    /// JSON of USD by bucket.
    CostObject,
    ServiceTier,
    FirstTokenSeconds,
    FirstTokenMillis,
    /// The instant of the first token.
    FirstTokenInstant,
    FinishReasons,
    Error,
    /// `failed`, `cancelled`, …
    Status,
    /// How severe it is by Langfuse.
    Level,
    Tags,
    Release,
    Environment,
    EvaluationName,
    EvaluationScore,
    EvaluationLabel,
    EvaluationExplanation,
    /// A member of a judgement in a list.
    EvaluationItem,
    /// JSON of parameters of the request.
    Parameters,
    /// What was said, offered or found: `content` reads it.
    Content,
    /// Known, and of no use to a step.
    Context,
}

impl Field {
    /// How many there are.
    pub(super) const COUNT: usize = Self::Context as usize + 1;

    /// Those whose value is a number of tokens.
    pub(super) const COUNTS: [Self; 17] = [
        Self::InputTokens,
        Self::OutputTokens,
        Self::TotalTokens,
        Self::FreshTokens,
        Self::CacheReadTokens,
        Self::CacheWriteTokens,
        Self::CacheWrite5mTokens,
        Self::CacheWrite1hTokens,
        Self::ReasoningTokens,
        Self::TextInputTokens,
        Self::AudioInputTokens,
        Self::ImageInputTokens,
        Self::AudioCachedTokens,
        Self::ImageCachedTokens,
        Self::TextOutputTokens,
        Self::AudioOutputTokens,
        Self::ImageOutputTokens,
    ];

    /// Whether the value is a number of tokens.
    pub(super) fn is_count(self) -> bool {
        (Self::InputTokens as usize..=Self::ImageOutputTokens as usize).contains(&(self as usize))
    }
}

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// What it says.
    pub(super) field: Field,
    /// Its line in the table: the lowest counts.
    pub(super) rank: u16,
    /// Whose it is.
    pub(super) dialect: Dialect,
}

/// A dialect's keys in the order in which they count. A key that ends in a point is the beginning of
/// keys.
pub(super) type Keys = &'static [(&'static str, Field)];

/// The tables in the order in which they count.
const TABLES: [(Dialect, Keys); 10] = [
    (Dialect::Langfuse, langfuse::KEYS),
    (Dialect::OpenTelemetry, opentelemetry::KEYS),
    (Dialect::OpenInference, openinference::KEYS),
    (Dialect::OpenLlmetry, openllmetry::KEYS),
    (Dialect::Vercel, vercel::KEYS),
    (Dialect::PydanticAi, pydantic::KEYS),
    (Dialect::OpenLit, openlit::KEYS),
    (Dialect::Mcp, mcp::KEYS),
    (Dialect::GoogleAdk, google::ADK_KEYS),
    (Dialect::Genkit, google::GENKIT_KEYS),
];

struct Table {
    keys: HashMap<&'static str, Known>,
    /// Beginnings, longest first.
    beginnings: Vec<(&'static str, Known)>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table { keys: HashMap::new(), beginnings: Vec::new() };
    let lines = TABLES
        .into_iter()
        .flat_map(|(dialect, keys)| keys.iter().map(move |(key, field)| (dialect, *key, *field)));
    for (rank, (dialect, key, field)) in lines.enumerate() {
        let known = Known { field, rank: rank as u16, dialect };
        if key.ends_with('.') {
            table.beginnings.push((key, known));
        } else {
            table.keys.entry(key).or_insert(known);
        }
    }
    table.beginnings.sort_by_key(|(key, _)| std::cmp::Reverse(key.len()));
    table
});

/// What is known of a key, which can be looked up once for all attributes that have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    pub(super) known: Option<Known>,
    /// As [`namespace`] says.
    pub(super) namespace: Option<Dialect>,
}

impl Meaning {
    /// That of a key.
    pub fn of(key: &str) -> Self {
        Self { known: known(key), namespace: namespace(key) }
    }

    /// Whether the key alone shows that a dialect is spoken: records without such a key are none of
    /// ours.
    pub fn speaks(self) -> bool {
        self.namespace.is_some()
    }
}

/// What is known of a key.
pub(super) fn known(key: &str) -> Option<Known> {
    let table = &*TABLE;
    table.keys.get(key).copied().or_else(|| {
        let found = table.beginnings.iter().find(|(beginning, _)| key.starts_with(beginning));
        found.map(|(_, known)| *known)
    })
}

/// The dialect whose namespace a key is in, where the key alone shows that the dialect is spoken.
#[inline]
pub(super) fn namespace(key: &str) -> Option<Dialect> {
    let in_namespace = |beginning: &str, dialect| key.starts_with(beginning).then_some(dialect);
    match key.as_bytes().first()? {
        b'g' => in_namespace("gen_ai.", Dialect::OpenTelemetry)
            .or_else(|| in_namespace("genkit:", Dialect::Genkit))
            .or_else(|| in_namespace("gcp.vertex.agent.", Dialect::GoogleAdk)),
        b'o' => in_namespace("openinference.", Dialect::OpenInference)
            .or_else(|| in_namespace("openlit.", Dialect::OpenLit)),
        b'l' => in_namespace("llm.", Dialect::OpenLlmetry)
            .or_else(|| in_namespace("langfuse.", Dialect::Langfuse)),
        b't' => in_namespace("traceloop.", Dialect::OpenLlmetry),
        b'a' => in_namespace("ai.", Dialect::Vercel),
        b'p' => in_namespace("pydantic_ai.", Dialect::PydanticAi),
        b'm' => in_namespace("mcp.", Dialect::Mcp),
        _ => None,
    }
}

/// Namespaces that belong to a dialect only in a record that speaks one.
pub(super) const SHARED_NAMESPACES: [&str; 9] = [
    "embedding.",
    "reranker.",
    "retrieval.",
    "tool.",
    "tool_call.",
    "prompt.",
    "annotations.",
    "evaluations.",
    "graph.node.",
];
