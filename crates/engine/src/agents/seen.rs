//! What the book is shown of a batch: every span that speaks a dialect as a step with its cost, and
//! of the others in the same traces how they hang together. Reads columns without copying what is
//! not kept.

use std::hash::Hasher as _;

use ecow::EcoString;
use hashbrown::HashSet;
use twox_hash::XxHash64;
use watchkeep_genai::dialect::{LogReading, speaks};
use watchkeep_genai::price::PriceBook;
use watchkeep_genai::step::{Dialect, Evaluation, Kind, Part};
use watchkeep_genai::{Record, Step};
use watchkeep_model::column::Table as _;
use watchkeep_model::{LogColumns, SpanColumns, SpanId, TraceId};

use super::facts::{StepFact, Tokens};
use super::records::{self, Own, Resources};

/// Turns a span into a step; `None` where it speaks no dialect.
pub(super) type SpanReader = fn(&Record<'_>) -> Option<Step>;

/// Says what a log record tells; `None` where it speaks no dialect.
pub(super) type LogReader = fn(&Record<'_>) -> Option<LogReading>;

/// A span, or a log record that is a step.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    /// None for a root.
    pub(super) parent: SpanId,
    /// What it tells, where it is a step.
    pub(super) told: Option<Box<Told>>,
}

/// What a step tells itself.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// Start, nanoseconds since the epoch.
    pub(super) time_ns: i64,
    /// Without what it inherits; `counted` is not decided.
    pub(super) fact: StepFact,
    /// See [`Step::is_aggregate`].
    pub(super) is_aggregate: bool,
    /// See [`Step::is_free`].
    pub(super) is_free: bool,
    /// See [`Step::part`].
    pub(super) part: Part,
    /// Judgements that came with it.
    pub(super) evaluations: Vec<Evaluation>,
    /// How much of a step it is.
    pub(super) is: Is,
}

/// How much of a step something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    /// All of it.
    Whole,
    /// What a log record tells of the step of its span: it adds what the span does not tell.
    Details,
    /// A judgement of the span, and no step.
    Judgement,
}

/// How spans and log records become steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Readers {
    pub(super) span: SpanReader,
    pub(super) log: LogReader,
}

/// In the scope of Claude Code's events, whose attributes have no names of their own.
pub(super) const CLAUDE_CODE: &str = "claude_code";

/// Spans of a batch: those that are steps, and all others of traces for which `wanted` holds or that
/// have a step in the batch.
pub(super) fn of_spans(
    columns: &SpanColumns,
    read: SpanReader,
    prices: &PriceBook,
    mut wanted: impl FnMut(TraceId) -> bool,
) -> Vec<Seen> {
    let (resources, own) = (Resources::new(&columns.resource), Own::new(&columns.attributes));
    let (mut attributes, mut seen, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    let mut shared = Shared::default();
    let speaking = if own.any_speaks() { columns.len() } else { 0 };
    plain.extend(speaking..columns.len());
    for row in 0..speaking {
        own.read(row, &mut attributes);
        let step = attributes
            .iter()
            .any(|attribute| attribute.meaning.speaks())
            .then(|| read(&records::of_span(columns, row, &attributes, &resources.of(row))));
        let Some(step) = step.flatten() else {
            plain.push(row);
            continue;
        };
        let (mut time_ns, mut duration_ns) = (columns.start_ns[row], columns.duration_ns[row]);
        if let Part::Stream { read_ns } = step.part {
            // It is told of at its end.
            (time_ns, duration_ns) = (time_ns.saturating_sub(read_ns), read_ns);
        }
        let mut told = told(step, time_ns, prices, &mut shared);
        told.fact.service = shared.of(columns.service.get(row));
        told.fact.name = shared.of(columns.name.get(row));
        told.fact.duration_ns = duration_ns.max(0);
        seen.push(linked(columns, row, Some(Box::new(told))));
    }
    let steps: HashSet<TraceId> = seen.iter().map(|seen| seen.trace_id).collect();
    let mut last = None;
    for row in plain {
        let id = TraceId(columns.trace_id[row]);
        let is_wanted = match last {
            Some((of, is_wanted)) if of == id => is_wanted,
            _ => steps.contains(&id) || wanted(id),
        };
        last = Some((id, is_wanted));
        if is_wanted {
            seen.push(linked(columns, row, None));
        }
    }
    seen
}

fn linked(columns: &SpanColumns, row: usize, mut told: Option<Box<Told>>) -> Seen {
    let parent = SpanId(columns.parent_span_id[row]);
    if let Some(told) = &mut told
        && parent.is_some()
    {
        told.fact.parent = parent;
    }
    Seen {
        trace_id: TraceId(columns.trace_id[row]),
        span_id: SpanId(columns.span_id[row]),
        parent,
        told,
    }
}

/// Log records of a batch that are steps or judgements.
pub(super) fn of_logs(columns: &LogColumns, read: LogReader, prices: &PriceBook) -> Vec<Seen> {
    let (resources, own) = (Resources::new(&columns.resource), Own::new(&columns.attributes));
    let (mut attributes, mut seen) = (Vec::new(), Vec::new());
    let mut shared = Shared::default();
    for row in 0..columns.len() {
        own.read(row, &mut attributes);
        let (name, body) = (columns.event_name.get(row), columns.body.get(row));
        let scope = columns.scope_name.get(row);
        let by_key = || attributes.iter().any(|attribute| attribute.meaning.speaks());
        if !(speaks(name) || speaks(body) || scope.contains(CLAUDE_CODE) || by_key()) {
            continue;
        }
        let resource = resources.of(row);
        let record = records::of_log(columns, row, &attributes, &resource);
        let within = (TraceId(columns.trace_id[row]), SpanId(columns.span_id[row]));
        let reading = read(&record);
        seen.extend(reading.map(|it| logged(it, &record, within, prices, &mut shared)));
    }
    seen
}

/// What a log record tells. A step in a span is one below it; a step without a trace gets one that
/// is its service's session or interaction, and its own id is a hash of what it tells, so that one
/// sent twice is known again.
pub(super) fn logged(
    reading: LogReading,
    record: &Record<'_>,
    (trace, span): (TraceId, SpanId),
    prices: &PriceBook,
    shared: &mut Shared,
) -> Seen {
    let (mut told, is, duration_ns) = match reading {
        LogReading::Step { step, duration_ns } => {
            // Records are made when the step is over.
            let time_ns = record.time_ns.saturating_sub(duration_ns);
            (told(*step, time_ns, prices, shared), Is::Whole, duration_ns)
        }
        LogReading::Details(step) => {
            let is = if span.is_some() { Is::Details } else { Is::Whole };
            (told(*step, record.time_ns, prices, shared), is, 0)
        }
        LogReading::Evaluation(judged) => {
            let mut step = Step::new(Kind::Evaluator, Dialect::OpenTelemetry);
            step.response_id = judged.response_id;
            step.session = judged.session;
            step.interaction = judged.interaction;
            step.user = judged.user;
            step.evaluations = vec![judged.evaluation];
            (told(step, record.time_ns, prices, shared), Is::Judgement, 0)
        }
    };
    told.is = is;
    told.fact.duration_ns = duration_ns.max(0);
    told.fact.service = shared.of(record.service);
    told.fact.name = shared.of(record.name);
    if is != Is::Whole {
        // It is told of by its own span.
        let told = Some(Box::new(told));
        return Seen { trace_id: trace, span_id: span, parent: SpanId::NONE, told };
    }
    if trace.is_some() && span.is_some() {
        told.fact.parent = span;
    }
    let parent = if trace.is_some() { span } else { SpanId::NONE };
    let trace_id = if trace.is_some() { trace } else { trace_of_session(&told.fact) };
    let span_id = logged_id(record);
    Seen { trace_id, span_id, parent, told: Some(Box::new(told)) }
}

/// The id of a step that a log record tells of.
fn logged_id(record: &Record<'_>) -> SpanId {
    let mut hasher = XxHash64::with_seed(0);
    for text in [record.name, record.service, record.body] {
        hasher.write(text.as_bytes());
        hasher.write_u8(0);
    }
    hasher.write_i64(record.time_ns);
    for attribute in record.attributes {
        hasher.write(attribute.key.as_bytes());
        hasher.write_u8(0);
        hasher.write(attribute.text.as_bytes());
        hasher.write_u8(0);
    }
    // Zero means none.
    SpanId(hasher.finish().max(1).to_be_bytes())
}

/// The trace of log records without one: those of an interaction, or else of a session, share it.
fn trace_of_session(fact: &StepFact) -> TraceId {
    let halves = [1, 2].map(|seed| {
        let mut hasher = XxHash64::with_seed(seed);
        for text in ["session", &fact.service, &fact.session, &fact.interaction] {
            hasher.write(text.as_bytes());
            hasher.write_u8(0);
        }
        hasher.finish().max(1)
    });
    let joined = u128::from(halves[0]) << 64 | u128::from(halves[1]);
    TraceId(joined.to_be_bytes())
}

/// Texts of the steps of a batch: equal ones are one in memory, so that names that thousands of steps
/// have are near when these are counted, and take no room of their own.
#[derive(Debug, Default)]
pub(super) struct Shared(HashSet<EcoString>);

impl Shared {
    fn of(&mut self, text: &str) -> EcoString {
        if text.len() <= EcoString::INLINE_LIMIT {
            return text.into();
        }
        self.0.get_or_insert_with(text, |text| EcoString::from(text)).clone()
    }
}

/// A step as the ledger tells it, with its price.
pub(super) fn told(step: Step, time_ns: i64, prices: &PriceBook, shared: &mut Shared) -> Told {
    let cost = prices.cost(&step, time_ns);
    let row = cost.row.unwrap_or_else(no_row);
    let model = shared.of(step.model());
    let fact = StepFact {
        kind: step.kind,
        dialect: step.dialect,
        service: EcoString::new(),
        name: EcoString::new(),
        parent: SpanId::NONE,
        run: SpanId::NONE,
        operation: shared.of(&step.operation),
        agent: shared.of(&step.agent),
        agent_version: shared.of(&step.agent_version),
        session: shared.of(&step.session),
        user: shared.of(&step.user),
        interaction: shared.of(&step.interaction),
        reservation: shared.of(&step.reservation),
        workflow: shared.of(&step.workflow),
        provider: shared.of(&step.provider),
        request_model: shared.of(&step.request_model),
        model,
        response_id: step.response_id.into(),
        prompt: shared.of(&step.prompt),
        prompt_version: shared.of(&step.prompt_version),
        tool: shared.of(&step.tool),
        tool_arguments_hash: step.tool_arguments_hash,
        tool_result_hash: step.tool_result_hash,
        tokens: Tokens(step.usage),
        counted: super::facts::Counted::Nothing,
        cost_usd: if cost.usd.is_finite() { cost.usd } else { 0.0 },
        cost_source: cost.source,
        price: shared.of(&row.key),
        tier: shared.of(&row.tier),
        service_tier: shared.of(&step.service_tier),
        duration_ns: 0,
        first_token_ns: step.first_token_ns,
        finish: step.finish_reasons.iter().map(|reason| shared.of(reason)).collect(),
        error: shared.of(&step.error),
        retry: false,
        loop_kind: EcoString::new(),
        tags: step.tags.iter().map(|tag| shared.of(tag)).collect(),
        release: shared.of(&step.release),
        environment: shared.of(&step.environment),
    };
    Told {
        time_ns,
        fact,
        is_aggregate: step.is_aggregate,
        is_free: step.is_free,
        part: step.part,
        evaluations: step.evaluations,
        is: Is::Whole,
    }
}

fn no_row() -> watchkeep_genai::price::PriceRef {
    watchkeep_genai::price::PriceRef {
        key: String::new(),
        table: String::new(),
        line: None,
        matched: watchkeep_genai::price::Matched::Exact,
        tier: String::new(),
        service_tier: String::new(),
        effective_from: String::new(),
    }
}
