//! Facts of an hour or less, added up by all that they can be grouped by: what tables, costs and
//! reports are made of. Of several facts about one step or run the last one written counts.

pub(super) mod build;
pub(super) mod cache;
pub(super) mod read;
#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock};

use hashbrown::HashMap;
use watchkeep_genai::Usage;
use watchkeep_model::{SpanId, TraceId};

use super::durations::Durations;

/// What steps are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum By {
    /// Nearest agent above.
    Agent,
    /// `service.name`.
    Service,
    /// The model that answered.
    Model,
    /// Who runs it.
    Provider,
    /// For whom.
    User,
    /// Conversation.
    Session,
    /// Template of the prompt.
    Prompt,
    /// Release of the application.
    Release,
    /// Environment.
    Environment,
    /// The tool that was used.
    Tool,
    /// Each tag; a step with two is in two groups.
    Tag,
    /// The topmost agent of the run.
    MainAgent,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Agent,
        Self::Service,
        Self::Model,
        Self::Provider,
        Self::User,
        Self::Session,
        Self::Prompt,
        Self::Release,
        Self::Environment,
        Self::Tool,
        Self::Tag,
        Self::MainAgent,
    ];

    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Service => "service",
            Self::Model => "model",
            Self::Provider => "provider",
            Self::User => "user",
            Self::Session => "session",
            Self::Prompt => "prompt",
            Self::Release => "release",
            Self::Environment => "environment",
            Self::Tool => "tool",
            Self::Tag => "tag",
            Self::MainAgent => "main_agent",
        }
    }
}

/// Between the tags of a step where they stand in one text.
pub(super) const TAG_SEPARATOR: char = '\u{1f}';

/// Texts by number; number 0 is the empty one.
#[derive(Debug)]
pub(super) struct Texts {
    all: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Default for Texts {
    fn default() -> Self {
        let empty: Arc<str> = "".into();
        Self { all: vec![Arc::clone(&empty)], numbers: [(empty, 0)].into_iter().collect() }
    }
}

impl Texts {
    /// The number of a text, a new one where it is new.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.all.len() as u32;
        let text: Arc<str> = text.into();
        self.all.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }

    /// The number of a text that is there.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    /// The text of a number.
    pub(super) fn get(&self, number: u32) -> &Arc<str> {
        &self.all[number as usize]
    }

    fn byte_len(&self) -> usize {
        let one = size_of::<(Arc<str>, u32)>() + size_of::<Arc<str>>() + 16;
        self.all.iter().map(|text| text.len() + one).sum()
    }
}

/// How steps of a chunk are told apart: sessions and users are many, so that they are kept apart from
/// tools and durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Detail {
    /// By all but sessions and users.
    Plain,
    /// By all but tools; without [`Details`].
    People,
    /// By all; not kept.
    All,
}

impl Detail {
    /// What a question needs.
    pub(super) fn needed(by: By, of_people: bool) -> Self {
        let of_people = of_people || matches!(by, By::User | By::Session);
        match (of_people, by) {
            (false, _) => Self::Plain,
            (true, By::Tool) => Self::All,
            (true, _) => Self::People,
        }
    }

    fn has_people(self) -> bool {
        self != Self::Plain
    }

    fn has_tools(self) -> bool {
        self != Self::People
    }
}

/// Calls that could be done otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Calls {
    /// How many.
    pub calls: u64,
    /// Their tokens.
    pub usage: Usage,
    /// What they cost, USD.
    pub usd: f64,
}

impl Calls {
    fn add(&mut self, usage: &Usage, usd: f64) {
        self.calls += 1;
        self.usage.add_all(usage);
        self.usd += usd;
    }

    fn add_all(&mut self, other: &Self) {
        self.calls += other.calls;
        self.usage.add_all(&other.usage);
        self.usd += other.usd;
    }
}

/// What of a group of steps takes more room.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Details {
    /// Calls that read and write little, which a smaller model could do.
    pub short: Calls,
    /// Calls for no session and no user: perhaps nobody waits for them.
    pub background: Calls,
    /// Calls with a long context.
    pub long_calls: u64,
    /// Tokens that they read beyond [`super::LONG_CONTEXT_TOKENS`].
    pub long_tokens: u64,
    /// How long calls of models and tools took.
    pub durations: Durations,
    /// How long agents were at work.
    pub agent_durations: Durations,
    /// Time to the first token, where it was told.
    pub first_token: Durations,
}

impl Details {
    fn add(&mut self, other: &Self) {
        self.short.add_all(&other.short);
        self.background.add_all(&other.background);
        self.long_calls += other.long_calls;
        self.long_tokens = self.long_tokens.saturating_add(other.long_tokens);
        self.durations.add_all(&other.durations);
        self.agent_durations.add_all(&other.agent_durations);
        self.first_token.add_all(&other.first_token);
    }

    fn byte_len(&self) -> usize {
        let sketches = [&self.durations, &self.agent_durations, &self.first_token];
        size_of::<Self>() + sketches.map(Durations::byte_len).iter().sum::<usize>()
    }
}

/// What a group of steps adds up to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sums {
    /// Steps of all kinds.
    pub steps: u64,
    /// Calls of models.
    pub calls: u64,
    /// Those that failed.
    pub call_errors: u64,
    /// Uses of tools.
    pub tool_calls: u64,
    /// Those that failed.
    pub tool_errors: u64,
    /// Agents at work, this step being one.
    pub agent_steps: u64,
    /// Those that failed.
    pub agent_errors: u64,
    /// Steps that were tried again.
    pub retries: u64,
    /// Tokens that count.
    pub usage: Usage,
    /// Cost that counts, USD.
    pub cost_usd: f64,
    /// Of that, what was computed.
    pub computed_usd: f64,
    /// Of that, what the emitters said.
    pub reported_usd: f64,
    /// Of that, what calls cost that were tried again.
    pub retry_usd: f64,
    /// Tokens of models without a price.
    pub unpriced_tokens: u64,
    /// Calls of models without a price.
    pub unpriced_calls: u64,
    /// Calls that sent again, uncached, what the call before them in the run had sent.
    pub resent_calls: u64,
    /// The tokens of that.
    pub resent_tokens: u64,
    /// Start of the first of them, nanoseconds since the epoch.
    pub first_ns: i64,
    /// Start of the last of them.
    pub last_ns: i64,
    /// What takes more room, where it is kept: see [`Sums::details`].
    pub(super) details: Option<Box<Details>>,
}

impl Sums {
    /// Durations, and calls that could be done otherwise.
    pub fn details(&self) -> &Details {
        static NONE: LazyLock<Details> = LazyLock::new(Details::default);
        self.details.as_deref().unwrap_or(&NONE)
    }

    fn see(&mut self, first_ns: i64, last_ns: i64) {
        let first = self.steps == 0;
        self.first_ns = if first { first_ns } else { self.first_ns.min(first_ns) };
        self.last_ns = if first { last_ns } else { self.last_ns.max(last_ns) };
    }

    /// Adds all of another group.
    pub fn add(&mut self, other: &Self) {
        if other.steps == 0 {
            return;
        }
        self.see(other.first_ns, other.last_ns);
        self.steps += other.steps;
        self.calls += other.calls;
        self.call_errors += other.call_errors;
        self.tool_calls += other.tool_calls;
        self.tool_errors += other.tool_errors;
        self.agent_steps += other.agent_steps;
        self.agent_errors += other.agent_errors;
        self.retries += other.retries;
        self.usage.add_all(&other.usage);
        self.cost_usd += other.cost_usd;
        self.computed_usd += other.computed_usd;
        self.reported_usd += other.reported_usd;
        self.retry_usd += other.retry_usd;
        self.unpriced_tokens = self.unpriced_tokens.saturating_add(other.unpriced_tokens);
        self.unpriced_calls += other.unpriced_calls;
        self.resent_calls += other.resent_calls;
        self.resent_tokens = self.resent_tokens.saturating_add(other.resent_tokens);
        if let Some(details) = &other.details {
            self.details.get_or_insert_default().add(details);
        }
    }
}

/// Steps with the same dimensions.
#[derive(Debug)]
pub(super) struct Cell {
    /// A number of a text for each of [`By::ALL`].
    pub(super) keys: [u32; By::ALL.len()],
    pub(super) sums: Sums,
    /// A trace with one of its short calls, and one with one of its long ones; all zero for none.
    pub(super) short_trace: TraceId,
    pub(super) long_trace: TraceId,
}

/// What was wasted in a run by steps of one cell.
#[derive(Debug, Clone)]
pub(super) struct Waste {
    pub(super) trace_id: TraceId,
    /// Number of the cell.
    pub(super) cell: u32,
    pub(super) retries: u32,
    pub(super) retry_usd: f64,
    pub(super) resent_calls: u32,
    pub(super) resent_tokens: u64,
    pub(super) loop_steps: u32,
    pub(super) loop_usd: f64,
}

/// An error that steps ended with.
#[derive(Debug, Clone)]
pub(super) struct ErrorCell {
    pub(super) agent: u32,
    pub(super) main_agent: u32,
    pub(super) service: u32,
    pub(super) error: u32,
    pub(super) kind: &'static str,
    pub(super) name: u32,
    pub(super) count: u64,
    pub(super) last_ns: i64,
    /// The newest few.
    pub(super) traces: Vec<TraceId>,
}

/// Steps of a piece of time.
#[derive(Debug, Default)]
pub(super) struct StepChunk {
    pub(super) texts: Texts,
    pub(super) cells: Vec<Cell>,
    pub(super) waste: Vec<Waste>,
    pub(super) errors: Vec<ErrorCell>,
}

impl StepChunk {
    /// The text of a cell for a dimension.
    pub(super) fn text(&self, cell: &Cell, by: By) -> &Arc<str> {
        self.texts.get(cell.keys[by as usize])
    }

    pub(super) fn byte_len(&self) -> usize {
        let details = |cell: &Cell| cell.sums.details.as_deref().map_or(0, Details::byte_len);
        let cells: usize = self.cells.iter().map(|cell| size_of::<Cell>() + details(cell)).sum();
        let errors = self.errors.len() * (size_of::<ErrorCell>() + 16 * 5);
        self.texts.byte_len() + cells + self.waste.len() * size_of::<Waste>() + errors
    }
}

/// A run without what only its own page shows.
#[derive(Debug, Clone)]
pub(super) struct RunCell {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) agent: u32,
    pub(super) version: u32,
    pub(super) service: u32,
    pub(super) user: u32,
    pub(super) session: u32,
    pub(super) release: u32,
    pub(super) environment: u32,
    pub(super) error: u32,
    pub(super) start_ns: i64,
    pub(super) duration_ns: i64,
    pub(super) first_token_ns: Option<i64>,
    pub(super) steps: u64,
    pub(super) llm_calls: u64,
    pub(super) llm_errors: u64,
    pub(super) tool_calls: u64,
    pub(super) tool_errors: u64,
    pub(super) retries: u64,
    pub(super) usage: Usage,
    pub(super) cost_usd: f64,
    pub(super) unpriced_tokens: u64,
    /// Kinds of loops.
    pub(super) loops: Box<[u32]>,
    /// Other agents that took part.
    pub(super) agents: Box<[u32]>,
}

/// Runs that began in a piece of time, by start.
#[derive(Debug, Default)]
pub(super) struct RunChunk {
    pub(super) texts: Texts,
    pub(super) runs: Vec<RunCell>,
}

impl RunChunk {
    pub(super) fn byte_len(&self) -> usize {
        let lists: usize =
            self.runs.iter().map(|run| (run.loops.len() + run.agents.len()) * 4).sum();
        self.texts.byte_len() + lists + self.runs.len() * size_of::<RunCell>()
    }
}
