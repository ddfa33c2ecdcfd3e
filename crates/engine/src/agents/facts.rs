//! What the ledger holds: a line of JSON for each step, run, piece of feedback and event. Members that
//! are empty are left out. Told in `docs/formats/ledger.md`.

use ecow::{EcoString, EcoVec};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use watchkeep_genai::price::CostSource;
use watchkeep_genai::step::{Dialect, Kind};
use watchkeep_genai::{Bucket, Usage};
use watchkeep_model::{SpanId, TraceId};

use super::line::write_member;

/// A kind of line.
pub trait Fact: Serialize + DeserializeOwned + Send + 'static {
    /// The value of the label `record` of its stream.
    const RECORD: &'static str;

    /// The service that it is about, for the stream's label `service`; empty for none.
    fn service(&self) -> &str;

    /// Appends it as JSON, as `serde_json` writes it.
    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(out, self)
    }
}

/// A line of the ledger with what stands in columns of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<F> {
    /// When it happened, nanoseconds since the epoch: a step's start.
    pub time_ns: i64,
    /// When it was decided and written, nanoseconds since the epoch. Of several entries with the same
    /// trace and span (of one kind) the last one written holds.
    pub written_ns: i64,
    /// Its trace; all zero for none.
    pub trace_id: TraceId,
    /// Its span; all zero for none.
    pub span_id: SpanId,
    /// What is told.
    pub fact: F,
}

/// What became of the tokens and the cost of a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// There are none.
    #[default]
    Nothing,
    /// They count.
    Yes,
    /// They are the sum over steps below, which count themselves (rule R3).
    RolledUp,
    /// A step above told them first and counts.
    Covered,
    /// The step is never charged (rule R7).
    Free,
}

/// Tokens by bucket; those of which there are none are left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens(pub Usage);

impl Serialize for Tokens {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.buckets().map(|(bucket, tokens)| (bucket.name(), tokens)))
    }
}

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let read = std::collections::BTreeMap::<Bucket, u64>::deserialize(from)?;
        let mut usage = Usage::default();
        for (bucket, tokens) in read {
            usage.set(bucket, tokens);
        }
        Ok(Self(usage))
    }
}

/// Ids of spans as 16 hexadecimal digits.
mod hex {
    use super::{Deserialize, SpanId};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(super) fn serialize<S: serde::Serializer>(id: &SpanId, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<SpanId, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        SpanId::parse_hex(&text).map_err(serde::de::Error::custom)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

macro_rules! fact {
    (
        $(#[$meta:meta])* $name:ident = $record:literal {
            [$($(#[$need_meta:meta])* $need:ident: $need_type:ty,)*]
            $($(#[$field_meta:meta])* $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            $($(#[$need_meta])* pub $need: $need_type,)*
            $($(#[$field_meta])* #[serde(default, skip_serializing_if = "is_default")] pub $field: $type,)*
        }

        impl std::fmt::Debug for $name {
            /// Names may be of people and comments are theirs, so nothing is printed.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }

        impl Fact for $name {
            const RECORD: &'static str = $record;

            fn service(&self) -> &str {
                &self.service
            }

            fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
                out.push(b'{');
                $(write_member(concat!(",\"", stringify!($need), "\":"), &self.$need, out)?;)*
                $(if !is_default(&self.$field) {
                    write_member(concat!(",\"", stringify!($field), "\":"), &self.$field, out)?;
                })*
                out.push(b'}');
                Ok(())
            }
        }
    };
}

fact! {
    /// One step (see [`watchkeep_genai::Step`], which documents what has the same name).
    StepFact = "step" {
        [
            /// What it is.
            kind: Kind,
            /// Who told of it.
            dialect: Dialect,
        ]
        /// `service.name`.
        service: EcoString,
        /// The span's name.
        name: EcoString,
        /// The span above it; none for a root.
        #[serde(with = "hex")]
        parent: SpanId,
        /// The step of the run that it belongs to: the topmost agent above it, or itself.
        #[serde(with = "hex")]
        run: SpanId,
        #[expect(missing_docs, reason = "as in Step")]
        operation: EcoString,
        /// The agent that did it: its own name, or that of the nearest agent above it.
        agent: EcoString,
        #[expect(missing_docs, reason = "as in Step")]
        agent_version: EcoString,
        #[expect(missing_docs, reason = "as in Step")]
        session: EcoString,
        #[expect(missing_docs, reason = "as in Step")]
        user: EcoString,
        #[expect(missing_docs, reason = "as in Step")]
        interaction: EcoString,
        /// Id of the reservation of a budget that it was made under (attribute
        /// `watchkeep.reservation.id`).
        reservation: EcoString,
        #[expect(missing_docs, reason = "as in Step")]
        workflow: EcoString,
        #[expect(missing_docs, reason = "as in Step")]
        provider: EcoString,
        #[expect(missing_docs, reason = "as in Step")]
        request_model: EcoString,
        /// The model that answered, or else the one that was asked for.
        model: EcoString,
        #[expect(missing_docs, reason = "as in Step")]
        response_id: EcoString,
        #[expect(missing_docs, reason = "as in Step")]
        prompt: EcoString,
        #[expect(missing_docs, reason = "as in Step")]
        prompt_version: EcoString,
        #[expect(missing_docs, reason = "as in Step")]
        tool: EcoString,
        #[expect(missing_docs, reason = "as in Step")]
        tool_arguments_hash: u64,
        #[expect(missing_docs, reason = "as in Step")]
        tool_result_hash: u64,
        /// Tokens, disjoint, whether they count or not.
        tokens: Tokens,
        /// Whether they count.
        counted: Counted,
        /// What it costs, USD; of steps that do not count too.
        cost_usd: f64,
        /// Where the cost comes from.
        cost_source: CostSource,
        /// Key of the row that it was priced by.
        price: EcoString,
        /// Tier of that row.
        tier: EcoString,
        #[expect(missing_docs, reason = "as in Step")]
        service_tier: EcoString,
        /// How long it took, nanoseconds.
        duration_ns: i64,
        #[expect(missing_docs, reason = "as in Step")]
        first_token_ns: Option<i64>,
        /// Why the model ended.
        finish: EcoVec<EcoString>,
        /// As in Step; empty for success.
        error: EcoString,
        /// Whether it repeats a step before it that failed: same kind, same model or tool.
        retry: bool,
        /// What kind of loop was found with it, if any.
        loop_kind: EcoString,
        #[expect(missing_docs, reason = "as in Step")]
        tags: EcoVec<EcoString>,
        #[expect(missing_docs, reason = "as in Step")]
        release: EcoString,
        #[expect(missing_docs, reason = "as in Step")]
        environment: EcoString,
    }
}

fact! {
    /// A run: an agent at work from being asked to its answer, with all that it did. Trace and span of
    /// the entry are those of the topmost agent step, or of the trace's topmost step without one. It
    /// is written when the trace settles, and again when more came.
    RunFact = "run" {
        []
        /// `service.name`.
        service: String,
        /// Name of the topmost step.
        name: String,
        /// The agent; the workflow or the service where nobody names one.
        agent: String,
        /// Its version.
        agent_version: String,
        /// Conversation or session.
        session: String,
        /// For whom.
        user: String,
        /// The application's own id.
        interaction: String,
        /// Release of the application.
        release: String,
        /// Environment.
        environment: String,
        /// How long it took, nanoseconds.
        duration_ns: i64,
        /// To the first token of the first call of a model that told, nanoseconds from the start.
        first_token_ns: Option<i64>,
        /// Why it failed; empty for success.
        error: String,
        /// Steps, itself included.
        steps: u64,
        /// Calls of models that write.
        llm_calls: u64,
        /// Calls of models that failed.
        llm_errors: u64,
        /// Tools that were used.
        tool_calls: u64,
        /// Tools that failed.
        tool_errors: u64,
        /// Steps that were tried again.
        retries: u64,
        /// Tokens that count.
        tokens: Tokens,
        /// Cost that counts, USD.
        cost_usd: f64,
        /// Tokens of models without a price.
        unpriced_tokens: u64,
        /// Kinds of loops that were found.
        loops: Vec<String>,
        /// Models that answered, sorted.
        models: Vec<String>,
        /// Tools that were used, sorted.
        tools: Vec<String>,
        /// Agents that took part, sorted.
        agents: Vec<String>,
        /// Tags.
        tags: Vec<String>,
    }
}

fact! {
    /// What somebody thought of an answer. Trace and span of the entry are those that it is about, as
    /// far as they are known; of several entries with one `id` the last one written holds.
    FeedbackFact = "feedback" {
        [
            /// Names it.
            id: String,
        ]
        /// The service of the run, once known.
        service: String,
        /// The session that it is about, or that of its run.
        session: String,
        /// The application's own id of the interaction.
        interaction: String,
        /// Id of the model's response that it is about.
        response_id: String,
        /// Who gave it, or for whom the run was.
        user: String,
        /// The agent of the run, once known.
        agent: String,
        /// Its version.
        agent_version: String,
        /// The model that gave the answer, once known: of a run, that of its last call of a model.
        model: String,
        /// Environment.
        environment: String,
        /// Whether what it is about was found, and the members above are filled in.
        bound: bool,
        /// What was judged (`rating`, `thumbs`, `relevance`).
        name: String,
        /// `rating` (1 to 5), `thumbs` (0 or 1), `score`, `category`, `comment`, `correction`.
        kind: String,
        /// The number, for all that have one.
        score: Option<f64>,
        /// The score of the worst answer, where it was told.
        min: Option<f64>,
        /// The score of the best answer, where it was told.
        max: Option<f64>,
        /// On the scale from 1 to 5, where it can be put there.
        rating: Option<f64>,
        /// The category or label.
        label: String,
        /// The comment.
        comment: String,
        /// What the answer should have been.
        correction: String,
        /// `human`, `llm` or `code`.
        source: String,
        /// The way in: `api`, `otlp`, `openinference`, `langfuse`.
        origin: String,
        /// What the way in calls its type (`BOOLEAN`), where it has types.
        data_type: String,
        /// What the sender added.
        metadata: std::collections::BTreeMap<String, serde_json::Value>,
        /// Whether it was taken back.
        deleted: bool,
    }
}

fact! {
    /// Something that people should know of: a budget that is used up, a loop, a low rating.
    EventFact = "event" {
        [
            /// Names it.
            id: String,
            /// `budget_threshold`, `loop`, `low_rating`, `agent_health`, `host`, `dependency`.
            kind: String,
            /// `info`, `warning` or `critical`.
            severity: String,
        ]
        /// The service that it is about.
        service: String,
        /// The agent that it is about.
        agent: String,
        /// The session.
        session: String,
        /// The user.
        user: String,
        /// What happened, in a line.
        title: String,
        /// More.
        text: String,
        /// What else is known, by name: the budget's id, the threshold, the tool.
        details: std::collections::BTreeMap<String, serde_json::Value>,
    }
}
