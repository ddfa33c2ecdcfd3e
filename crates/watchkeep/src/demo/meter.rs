//! What an SDK's meter does: gathers measurements into cumulative points of each series.

use std::collections::BTreeMap;

use watchkeep_model::attributes::Value;

use super::otlp::{Attributes, Context, Exemplar, Metric, Numbers, Point};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Instrument {
    TokenUsage,
    OperationDuration,
    AgentRuns,
    ToolCalls,
    RequestDuration,
    QueueDepth,
    QueryDuration,
    MemoryUsage,
}

const DURATION_BOUNDS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKEN_BOUNDS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
/// Scale of the exponential histogram: its buckets are 9 % wide.
const SCALE: i32 = 3;
const QUANTILES: [f64; 4] = [0.5, 0.9, 0.99, 1.0];
/// Measurements of which the summary takes its quantiles.
const WINDOW: usize = 200;
const EXEMPLARS_MAX: usize = 4;

/// Name, unit, description.
type Description = (&'static str, &'static str, &'static str);

impl Instrument {
    fn description(self) -> Description {
        match self {
            Self::TokenUsage => {
                ("gen_ai.client.token.usage", "{token}", "Tokens of input and output used")
            }
            Self::OperationDuration => {
                ("gen_ai.client.operation.duration", "s", "Duration of calls to models and tools")
            }
            Self::AgentRuns => ("agent.runs", "{run}", "Runs of agents by outcome"),
            Self::ToolCalls => ("agent.tool.calls", "{call}", "Calls of tools by outcome"),
            Self::RequestDuration => {
                ("http.server.request.duration", "s", "Duration of HTTP server requests")
            }
            Self::QueueDepth => ("tool.queue.depth", "{call}", "Tool calls that wait for a worker"),
            Self::QueryDuration => {
                ("vector_store.query.duration", "s", "Duration of queries of the vector store")
            }
            Self::MemoryUsage => ("process.memory.usage", "By", "Physical memory in use"),
        }
    }

    fn empty(self) -> State {
        match self {
            Self::TokenUsage => State::histogram(&TOKEN_BOUNDS),
            Self::OperationDuration => State::histogram(&DURATION_BOUNDS),
            Self::AgentRuns | Self::ToolCalls => State::Sum(0.0),
            Self::RequestDuration => State::Exponential { sum: 0.0, counts: BTreeMap::new() },
            Self::QueueDepth | Self::MemoryUsage => State::Gauge(0.0),
            Self::QueryDuration => State::Summary { count: 0, sum: 0.0, window: Vec::new() },
        }
    }
}

/// One measured value.
#[derive(Debug, Clone)]
pub(super) struct Measurement {
    pub(super) instrument: Instrument,
    pub(super) value: f64,
    pub(super) attributes: Attributes,
    pub(super) context: Option<Context>,
}

#[derive(Debug)]
enum State {
    Gauge(f64),
    Sum(f64),
    Histogram { sum: f64, bounds: &'static [f64], counts: Vec<u64> },
    Exponential { sum: f64, counts: BTreeMap<i32, u64> },
    Summary { count: u64, sum: f64, window: Vec<f64> },
}

impl State {
    fn histogram(bounds: &'static [f64]) -> Self {
        Self::Histogram { sum: 0.0, bounds, counts: vec![0; bounds.len() + 1] }
    }

    fn add(&mut self, value: f64) {
        match self {
            Self::Gauge(last) => *last = value,
            Self::Sum(sum) => *sum += value,
            Self::Histogram { sum, bounds, counts } => {
                *sum += value;
                counts[bounds.partition_point(|bound| *bound < value)] += 1;
            }
            Self::Exponential { sum, counts } => {
                *sum += value;
                // Bucket i holds what is above base^i, up to base^(i+1) (base is 2^(2^-SCALE)).
                let index = (value.max(1e-9).log2() * f64::from(1 << SCALE)).ceil() as i32 - 1;
                *counts.entry(index).or_default() += 1;
            }
            Self::Summary { count, sum, window } => {
                *count += 1;
                *sum += value;
                if window.len() == WINDOW {
                    window.remove(0);
                }
                window.push(value);
            }
        }
    }

    fn numbers(&self) -> Numbers {
        match self {
            Self::Gauge(value) => Numbers::Gauge(*value),
            Self::Sum(value) => Numbers::Sum { value: *value },
            Self::Histogram { sum, bounds, counts } => Numbers::Histogram {
                count: counts.iter().sum(),
                sum: *sum,
                bounds,
                counts: counts.clone(),
            },
            Self::Exponential { sum, counts } => {
                let offset = counts.keys().next().copied().unwrap_or_default();
                let end = counts.keys().next_back().map_or(offset, |last| last + 1);
                let dense = (offset..end).map(|at| counts.get(&at).copied().unwrap_or_default());
                Numbers::Exponential {
                    count: counts.values().sum(),
                    sum: *sum,
                    scale: SCALE,
                    zero_count: 0,
                    offset,
                    counts: dense.collect(),
                }
            }
            Self::Summary { count, sum, window } => {
                let mut sorted = window.clone();
                sorted.sort_by(f64::total_cmp);
                let last = sorted.len().saturating_sub(1);
                let quantile = |part: f64| {
                    let at = (part * last as f64).round() as usize;
                    (part, sorted.get(at).copied().unwrap_or(f64::NAN))
                };
                let quantiles = QUANTILES.map(quantile).to_vec();
                Numbers::Summary { count: *count, sum: *sum, quantiles }
            }
        }
    }
}

#[derive(Debug)]
struct Series {
    attributes: Attributes,
    state: State,
    exemplars: Vec<Exemplar>,
}

/// The meter of one process.
#[derive(Debug)]
pub(super) struct Meter {
    start_ns: i64,
    /// By instrument, then by the attributes as text.
    series: BTreeMap<(Instrument, String), Series>,
}

impl Meter {
    pub(super) fn new(start_ns: i64) -> Self {
        Self { start_ns, series: BTreeMap::new() }
    }

    pub(super) fn record(&mut self, time_ns: i64, measurement: Measurement) {
        let Measurement { instrument, value, attributes, context } = measurement;
        let series = self.series.entry((instrument, key(&attributes))).or_insert_with(|| Series {
            attributes,
            state: instrument.empty(),
            exemplars: Vec::new(),
        });
        series.state.add(value);
        if let Some(context) = context {
            if series.exemplars.len() == EXEMPLARS_MAX {
                series.exemplars.remove(0);
            }
            series.exemplars.push(Exemplar { time_ns, value, context });
        }
    }

    /// The points of all series. Exemplars are given once.
    pub(super) fn collect(&mut self, time_ns: i64) -> Vec<Metric> {
        let mut metrics: Vec<Metric> = Vec::new();
        for ((instrument, _), series) in &mut self.series {
            let (name, unit, description) = instrument.description();
            let point = Point {
                attributes: series.attributes.clone(),
                start_ns: self.start_ns,
                time_ns,
                numbers: series.state.numbers(),
                exemplars: std::mem::take(&mut series.exemplars),
            };
            match metrics.last_mut().filter(|metric| metric.name == name) {
                Some(metric) => metric.points.push(point),
                None => metrics.push(Metric { name, description, unit, points: vec![point] }),
            }
        }
        metrics
    }
}

fn key(attributes: &[(&'static str, Value)]) -> String {
    let mut key = String::new();
    for (name, value) in attributes {
        key.push_str(name);
        key.push('=');
        value.write_json(&mut key);
        key.push(';');
    }
    key
}
