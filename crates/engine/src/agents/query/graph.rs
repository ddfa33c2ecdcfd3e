//! Who used what in a trace: agents, models and tools, each once, and how often one led to another.

use std::collections::BTreeMap;

use watchkeep_genai::Kind;
use watchkeep_model::SpanId;

use super::steps::{TraceStep, TraceSteps, is_actor};

/// Spans that are named with a node.
const SPANS: usize = 20;

/// An agent, model or tool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    /// `agent`, `llm`, `tool`, …
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Steps.
    pub count: u64,
    /// Those that failed.
    pub errors: u64,
    /// What its own steps count, USD.
    pub cost_usd: f64,
    /// And in tokens.
    pub tokens: u64,
    /// Sum of the durations.
    pub duration_ns: i64,
    /// The longest.
    pub max_ns: i64,
    /// A few of them.
    pub spans: Vec<SpanId>,
}

/// How one leads to another; figures are of the steps that it leads to.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "members are named as in Node")]
pub struct Edge {
    pub count: u64,
    pub errors: u64,
    pub cost_usd: f64,
    pub tokens: u64,
    pub duration_ns: i64,
}

/// A graph.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Graph {
    /// By id, `agent:planner`.
    pub nodes: BTreeMap<String, Node>,
    /// By the ids of both ends.
    pub edges: BTreeMap<(String, String), Edge>,
}

impl Graph {
    /// The graph of a trace.
    pub fn of(trace: &TraceSteps) -> Self {
        let mut graph = Self::default();
        // Of each step the node that it is, or that of the nearest step above which is one.
        let mut nodes: Vec<Option<String>> = Vec::with_capacity(trace.steps.len());
        for (at, step) in trace.steps.iter().enumerate() {
            let above = step.parent.and_then(|parent| nodes[parent].clone());
            // What has nothing above and leads to something stands for itself, even a workflow.
            let leads = trace.steps.get(at + 1).is_some_and(|next| next.parent == Some(at));
            if !is_actor(step.step.kind) && (above.is_some() || !leads) {
                nodes.push(above);
                continue;
            }
            let id = graph.add_node(step);
            // A model that is called within its own call, and an agent within itself, is one node.
            if let Some(above) = above.filter(|above| *above != id) {
                graph.add_edge((above, id.clone()), step);
            }
            nodes.push(Some(id));
        }
        graph
    }

    fn add_node(&mut self, step: &TraceStep) -> String {
        let kind = step.step.kind;
        let name = name_of(step);
        let id = format!("{}:{name}", kind.name());
        let node = self.nodes.entry(id.clone()).or_insert_with(|| Node {
            kind: kind.name(),
            name: name.to_owned(),
            ..Node::default()
        });
        node.count += 1;
        node.errors += u64::from(!step.step.error.is_empty());
        node.cost_usd += step.counted_usd();
        node.tokens = node.tokens.saturating_add(step.counted_usage().total());
        node.duration_ns = node.duration_ns.saturating_add(step.duration_ns);
        node.max_ns = node.max_ns.max(step.duration_ns);
        if node.spans.len() < SPANS {
            node.spans.push(step.span_id);
        }
        id
    }

    fn add_edge(&mut self, ends: (String, String), step: &TraceStep) {
        let edge = self.edges.entry(ends).or_default();
        edge.count += 1;
        edge.errors += u64::from(!step.step.error.is_empty());
        edge.cost_usd += step.counted_usd();
        edge.tokens = edge.tokens.saturating_add(step.counted_usage().total());
        edge.duration_ns = edge.duration_ns.saturating_add(step.duration_ns);
    }
}

fn name_of(step: &TraceStep) -> &str {
    let own = &step.step;
    let told = match own.kind {
        Kind::Agent => &*step.agent,
        Kind::Llm | Kind::Embedding | Kind::Reranker => own.model(),
        Kind::Tool => &*own.tool,
        Kind::Workflow => &*own.workflow,
        _ => "",
    };
    if told.is_empty() { &step.name } else { told }
}
