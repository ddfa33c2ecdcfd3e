//! The steps of a trace: what was said, what they cost and why, and who used what.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use watchkeep_engine::agents::query::graph;
use watchkeep_engine::agents::query::steps::{TraceStep, TraceSteps};
use watchkeep_genai::price::{self, CostSource, Matched};
use watchkeep_genai::step::{self, Kind};
use watchkeep_genai::usage::{Basis, Usage};

use super::agents::Tokens;
use super::content::Content;
use super::runs::Feedback;

/// What a bucket costs.
#[derive(Serialize, ToSchema)]
struct CostLine {
    bucket: &'static str,
    tokens: u64,
    /// None where the row has no price for it.
    usd_per_token: Option<f64>,
    /// The field of the row that the price stands in.
    field: String,
    usd: f64,
}

/// The row that a step is priced by.
#[derive(Serialize, ToSchema)]
struct PriceRow {
    key: String,
    /// `built-in`, the name of a file, or `override:ID`.
    table: String,
    /// Line of the table where the row begins.
    line: Option<u32>,
    /// `exact`, `provider`, `date`, `pattern`.
    matched: &'static str,
    /// Tier by length of context, or empty.
    tier: String,
    service_tier: String,
    effective_from: String,
}

/// What a step costs, and why.
#[derive(Serialize, ToSchema)]
struct CostExplained {
    usd: f64,
    /// `computed`, `reported`, `unpriced`, `nothing`.
    source: &'static str,
    computed_usd: Option<f64>,
    reported_usd: Option<f64>,
    /// By the prices of now.
    lines: Vec<CostLine>,
    price: Option<PriceRow>,
    /// It was counted at other prices than those of now: `usd` is what counts.
    repriced: bool,
}

impl CostExplained {
    fn of(cost: price::Cost, repriced: bool) -> Self {
        let line = |line: price::CostLine| CostLine {
            bucket: line.bucket.name(),
            tokens: line.tokens,
            usd_per_token: line.usd_per_token,
            field: line.field,
            usd: line.usd,
        };
        let row = |row: price::PriceRef| PriceRow {
            key: row.key,
            table: row.table,
            line: row.line,
            matched: match row.matched {
                Matched::Exact => "exact",
                Matched::Provider => "provider",
                Matched::Date => "date",
                Matched::Pattern => "pattern",
            },
            tier: row.tier,
            service_tier: row.service_tier,
            effective_from: row.effective_from,
        };
        Self {
            usd: cost.usd,
            source: match cost.source {
                CostSource::Nothing => "nothing",
                CostSource::Computed => "computed",
                CostSource::Reported => "reported",
                CostSource::Unpriced => "unpriced",
            },
            computed_usd: cost.computed,
            reported_usd: cost.reported,
            lines: cost.lines.into_iter().map(line).collect(),
            price: cost.row.map(row),
            repriced,
        }
    }
}

/// A judgement of an answer.
#[derive(Serialize, ToSchema)]
struct Evaluation {
    name: String,
    score: Option<f64>,
    label: String,
    explanation: String,
    /// `human`, `llm`, `code`, or empty.
    source: String,
}

/// A step.
#[derive(Serialize, ToSchema)]
struct Step {
    span_id: String,
    /// The nearest step above.
    parent_span_id: Option<String>,
    depth: usize,
    kind: &'static str,
    dialect: &'static str,
    name: String,
    operation: String,
    service: String,
    /// Its own, or that of the nearest agent above.
    agent: String,
    agent_version: String,
    session: String,
    user: String,
    interaction: String,
    workflow: String,
    provider: String,
    request_model: String,
    /// The model that answered, or else the one that was asked for.
    model: String,
    response_id: String,
    prompt: String,
    prompt_version: String,
    tool: String,
    tool_call_id: String,
    start_unix_nano: String,
    duration_ns: i64,
    first_token_ns: Option<i64>,
    finish_reasons: Vec<String>,
    /// Empty for success.
    error: String,
    retry: bool,
    /// The kind of loop that was found with it, or empty.
    loop_kind: String,
    tags: Vec<String>,
    release: String,
    environment: String,
    /// `yes`, `rolled_up`, `covered`, `free`, `nothing`, `undecided`.
    counted: &'static str,
    counted_reason: &'static str,
    /// How the emitter counts what is cached: `same`, `inclusive`, `exclusive`, `disjoint`,
    /// `assumed`.
    basis: &'static str,
    tokens: Tokens,
    /// The numbers as they were sent.
    raw_usage: BTreeMap<String, u64>,
    cost: CostExplained,
    content: Content,
    evaluations: Vec<Evaluation>,
    /// Keys of attributes of a dialect that nobody reads.
    unread: Vec<String>,
}

impl Step {
    fn of(step: TraceStep, parent_span_id: Option<String>) -> Self {
        let (counted, reason) = (step.decision.name(), step.decision.reason());
        let own = step.step;
        let model = own.model().to_owned();
        let evaluation = |one: step::Evaluation| Evaluation {
            name: one.name,
            score: one.score,
            label: one.label,
            explanation: one.explanation,
            source: one.source,
        };
        Self {
            span_id: step.span_id.to_string(),
            parent_span_id,
            depth: step.depth,
            kind: own.kind.name(),
            dialect: own.dialect.name(),
            name: step.name,
            operation: own.operation,
            service: step.service,
            agent: step.agent,
            agent_version: own.agent_version,
            session: own.session,
            user: own.user,
            interaction: own.interaction,
            workflow: own.workflow,
            provider: own.provider,
            request_model: own.request_model,
            model,
            response_id: own.response_id,
            prompt: own.prompt,
            prompt_version: own.prompt_version,
            tool: own.tool,
            tool_call_id: own.tool_call_id,
            start_unix_nano: step.start_ns.to_string(),
            duration_ns: step.duration_ns,
            first_token_ns: own.first_token_ns,
            finish_reasons: own.finish_reasons,
            error: own.error,
            retry: step.retry,
            loop_kind: step.loop_kind,
            tags: own.tags,
            release: own.release,
            environment: own.environment,
            counted,
            counted_reason: reason,
            basis: basis_name(own.basis),
            tokens: Tokens::from(&own.usage),
            raw_usage: own.raw_usage.into_iter().collect(),
            cost: CostExplained::of(step.cost, step.repriced),
            content: step.content.into(),
            evaluations: own.evaluations.into_iter().map(evaluation).collect(),
            unread: step.unread,
        }
    }
}

fn basis_name(basis: Basis) -> &'static str {
    match basis {
        Basis::Same => "same",
        Basis::Inclusive => "inclusive",
        Basis::Exclusive => "exclusive",
        Basis::Disjoint => "disjoint",
        Basis::Assumed => "assumed",
    }
}

/// What the steps of a trace add up to.
#[derive(Serialize, ToSchema)]
struct StepTotals {
    cost_usd: f64,
    tokens: Tokens,
    steps: usize,
    llm_calls: usize,
    tool_calls: usize,
    errors: usize,
    unpriced_tokens: u64,
}

impl From<&TraceSteps> for StepTotals {
    fn from(trace: &TraceSteps) -> Self {
        let of_kind = |kind: Kind| trace.steps.iter().filter(|step| step.step.kind == kind).count();
        let mut usage = Usage::default();
        let mut unpriced_tokens = 0_u64;
        for step in &trace.steps {
            let counted = step.counted_usage();
            usage.add_all(&counted);
            if step.cost.source == CostSource::Unpriced {
                unpriced_tokens = unpriced_tokens.saturating_add(counted.total());
            }
        }
        Self {
            cost_usd: trace.steps.iter().map(TraceStep::counted_usd).sum(),
            tokens: Tokens::from(&usage),
            steps: trace.steps.len(),
            llm_calls: of_kind(Kind::Llm),
            tool_calls: of_kind(Kind::Tool),
            errors: trace.steps.iter().filter(|step| !step.step.error.is_empty()).count(),
            unpriced_tokens,
        }
    }
}

/// The steps of a trace.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the API calls it so")]
pub(in crate::api::native) struct Steps {
    trace_id: String,
    /// As in a tree that is read from the top; siblings by start.
    steps: Vec<Step>,
    totals: StepTotals,
    /// What was thought of the trace, newest first.
    feedback: Vec<Feedback>,
    spans_without_dialect: usize,
    /// Whether steps were left out.
    truncated: bool,
}

impl From<TraceSteps> for Steps {
    fn from(trace: TraceSteps) -> Self {
        let totals = StepTotals::from(&trace);
        let ids: Vec<String> = trace.steps.iter().map(|step| step.span_id.to_string()).collect();
        let steps = trace.steps.into_iter().map(|step| {
            let parent = step.parent.map(|parent| ids[parent].clone());
            Step::of(step, parent)
        });
        Self {
            trace_id: trace.trace_id.to_string(),
            steps: steps.collect(),
            totals,
            feedback: trace.feedback.iter().map(Into::into).collect(),
            spans_without_dialect: trace.plain_spans,
            truncated: trace.truncated,
        }
    }
}

/// What a step costs, and all below it.
#[derive(Serialize, ToSchema)]
struct CostStep {
    span_id: String,
    parent_span_id: Option<String>,
    depth: usize,
    kind: &'static str,
    name: String,
    service: String,
    agent: String,
    provider: String,
    model: String,
    start_unix_nano: String,
    duration_ns: i64,
    /// As in steps.
    counted: &'static str,
    counted_reason: &'static str,
    tokens: Tokens,
    cost: CostExplained,
    /// What counts in it and below.
    subtree_usd: f64,
    /// Tokens likewise.
    subtree_tokens: u64,
}

/// What a model costs in a trace.
#[derive(Serialize, ToSchema)]
struct ModelCost {
    model: String,
    provider: String,
    calls: u64,
    cost_usd: f64,
    tokens: Tokens,
}

/// What a trace costs, and why.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct TraceCost {
    trace_id: String,
    cost_usd: f64,
    tokens: Tokens,
    unpriced_tokens: u64,
    /// What steps claim that do not count, since others do.
    ignored_usd: f64,
    ignored_tokens: u64,
    /// As in a tree that is read from the top.
    steps: Vec<CostStep>,
    /// The dearest first.
    by_model: Vec<ModelCost>,
    truncated: bool,
}

impl From<TraceSteps> for TraceCost {
    fn from(trace: TraceSteps) -> Self {
        let totals = StepTotals::from(&trace);
        let subtrees = trace.subtrees();
        let ids: Vec<String> = trace.steps.iter().map(|step| step.span_id.to_string()).collect();
        let ignored = || trace.steps.iter().filter(|step| !step.counts());
        let ignored_usd = ignored().map(|step| step.cost.usd).sum();
        let ignored_tokens = ignored().map(|step| step.step.usage.total()).sum();
        let by_model = by_model(&trace.steps);
        let steps = trace.steps.into_iter().zip(subtrees).map(|(step, (usd, usage))| CostStep {
            span_id: step.span_id.to_string(),
            parent_span_id: step.parent.map(|parent| ids[parent].clone()),
            depth: step.depth,
            kind: step.step.kind.name(),
            name: step.name,
            service: step.service,
            agent: step.agent,
            provider: step.step.provider.clone(),
            model: step.step.model().to_owned(),
            start_unix_nano: step.start_ns.to_string(),
            duration_ns: step.duration_ns,
            counted: step.decision.name(),
            counted_reason: step.decision.reason(),
            tokens: Tokens::from(&step.step.usage),
            cost: CostExplained::of(step.cost, step.repriced),
            subtree_usd: usd,
            subtree_tokens: usage.total(),
        });
        Self {
            trace_id: trace.trace_id.to_string(),
            cost_usd: totals.cost_usd,
            tokens: totals.tokens,
            unpriced_tokens: totals.unpriced_tokens,
            ignored_usd,
            ignored_tokens,
            steps: steps.collect(),
            by_model,
            truncated: trace.truncated,
        }
    }
}

fn by_model(steps: &[TraceStep]) -> Vec<ModelCost> {
    let mut sums: BTreeMap<(&str, &str), (u64, f64, Usage)> = BTreeMap::new();
    for step in steps.iter().filter(|step| step.counts()) {
        let usage = step.counted_usage();
        if usage.is_empty() && step.cost.usd == 0.0 && !step.step.kind.calls_model() {
            continue;
        }
        let sum = sums.entry((step.step.model(), &step.step.provider)).or_default();
        sum.0 += 1;
        sum.1 += step.counted_usd();
        sum.2.add_all(&usage);
    }
    let mut all: Vec<ModelCost> = sums
        .into_iter()
        .map(|((model, provider), (calls, cost_usd, usage))| ModelCost {
            model: model.to_owned(),
            provider: provider.to_owned(),
            calls,
            cost_usd,
            tokens: Tokens::from(&usage),
        })
        .collect();
    all.sort_by(|a, b| b.cost_usd.total_cmp(&a.cost_usd));
    all
}

/// An agent, model or tool of a trace.
#[derive(Serialize, ToSchema)]
struct GraphNode {
    /// `agent:planner`.
    id: String,
    kind: &'static str,
    name: String,
    /// Steps.
    count: u64,
    errors: u64,
    /// What its own steps count.
    cost_usd: f64,
    tokens: u64,
    duration_ns: i64,
    /// The longest step.
    max_ns: i64,
    /// A few of the steps.
    span_ids: Vec<String>,
}

/// How one leads to another; figures are of the steps that it leads to.
#[derive(Serialize, ToSchema)]
struct GraphEdge {
    from: String,
    to: String,
    count: u64,
    errors: u64,
    cost_usd: f64,
    tokens: u64,
    duration_ns: i64,
}

/// Who used what in a trace.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Graph {
    trace_id: String,
    nodes: Vec<GraphNode>,
    edges: Vec<GraphEdge>,
}

impl From<&TraceSteps> for Graph {
    fn from(trace: &TraceSteps) -> Self {
        let graph = graph::Graph::of(trace);
        let node = |(id, node): (String, graph::Node)| GraphNode {
            id,
            kind: node.kind,
            name: node.name,
            count: node.count,
            errors: node.errors,
            cost_usd: node.cost_usd,
            tokens: node.tokens,
            duration_ns: node.duration_ns,
            max_ns: node.max_ns,
            span_ids: node.spans.iter().map(ToString::to_string).collect(),
        };
        let edge = |((from, to), edge): ((String, String), graph::Edge)| GraphEdge {
            from,
            to,
            count: edge.count,
            errors: edge.errors,
            cost_usd: edge.cost_usd,
            tokens: edge.tokens,
            duration_ns: edge.duration_ns,
        };
        Self {
            trace_id: trace.trace_id.to_string(),
            nodes: graph.nodes.into_iter().map(node).collect(),
            edges: graph.edges.into_iter().map(edge).collect(),
        }
    }
}
