//! Tokens that only metrics tell (`gen_ai.client.token.usage`, `claude_code.token.usage`, …). Rule R4:
//! they are the tokens of spans and log records once more, so they count only for services that tell
//! none in these.

use std::sync::Arc;

use std::hash::Hasher as _;

use hashbrown::HashMap;
use twox_hash::XxHash64;
use watchkeep_genai::dialect::{Measure, Point, PointReading, may_count, read_point};
use watchkeep_genai::price::PriceBook;
use watchkeep_genai::step::Dialect;
use watchkeep_genai::{Bucket, Kind, Step};
use watchkeep_model::column::Table as _;
use watchkeep_model::labels::RawLabels;
use watchkeep_model::{Labels, METRIC_NAME, MetricColumns, SpanId, TraceId};

use super::book::{Decision, Earlier};
use super::facts::{Counted, Entry};
use super::seen;

/// Series that are followed, of a tenant; the tokens of more are not counted.
const SERIES_MAX: usize = 20_000;
/// A service that told tokens in spans or log records does so for as long.
const TOLD_NS: i64 = 3_600 * 1_000_000_000;
/// A total that began longer ago than this before it was seen first is no news: only what it grows by
/// counts.
const OLD_MS: i64 = 3_600_000;

/// The operation of steps that only metrics tell of.
pub(super) const MEASURED_OPERATION: &str = "metric";

/// Whose tokens they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    service: String,
    dialect: Dialect,
    provider: String,
    model: String,
    agent: String,
    session: String,
    user: String,
}

/// A running total.
#[derive(Debug)]
struct Series {
    key: Key,
    last: f64,
}

/// What was added and does not count yet.
#[derive(Debug)]
struct Growth {
    since_ns: i64,
    tokens: [f64; Bucket::ALL.len()],
    usd: Option<f64>,
}

/// Metrics that count tokens, of one tenant.
#[derive(Debug, Default)]
pub(super) struct Measured {
    series: HashMap<u64, Series>,
    growing: HashMap<Key, Growth>,
    /// When each service told tokens in spans or log records last.
    told: HashMap<String, i64>,
}

/// Samples of series that count tokens.
#[derive(Debug)]
pub(crate) struct Sample {
    id: u64,
    key: Key,
    measure: Measure,
    value: f64,
    start_ms: i64,
}

/// Samples of a batch that count tokens; no series has delta temporality any more.
pub(super) fn samples(columns: &MetricColumns) -> Vec<Sample> {
    let counting: HashMap<u32, (u64, Key, Measure)> = (0..columns.series.len())
        .filter_map(|row| Some((row as u32, read(columns.series.labels.get(row))?)))
        .collect();
    if counting.is_empty() {
        return Vec::new();
    }
    let floats = &columns.floats;
    let mut found = Vec::new();
    for (at, row) in floats.series.iter().enumerate() {
        let value = floats.value[at];
        if let Some((id, key, measure)) = counting.get(row)
            && value.is_finite()
        {
            let start_ms = floats.start_ms[at];
            found.push(Sample { id: *id, key: key.clone(), measure: *measure, value, start_ms });
        }
    }
    found
}

/// What canonical labels say of a series that counts tokens. Nearly all count something else, and every
/// series of every batch comes by here: that is told by the name's bytes alone.
fn read(bytes: &[u8]) -> Option<(u64, Key, Measure)> {
    let name = RawLabels::over(bytes).find(|label| label.name == METRIC_NAME.as_bytes())?.value;
    if !may_count(name) {
        return None;
    }
    let labels = Labels::from_canonical(bytes).ok()?;
    let (key, measure) = key_of(&labels)?;
    Some((XxHash64::oneshot(0, bytes), key, measure))
}

/// Whether the labels are of a series that counts tokens, and whose.
fn key_of(labels: &Labels) -> Option<(Key, Measure)> {
    let pairs: Vec<(&str, &str)> = labels.iter().collect();
    let reading = read_point(&Point { name: labels.metric_name(), labels: &pairs })?;
    let PointReading { measure, dialect, provider, model, agent, session, user } = reading;
    let named = ["service_name", "service.name"].map(|name| labels.get(name));
    let job = labels.get("job");
    // A job is the namespace and the name of the service.
    let of_job = job.rsplit_once('/').map_or(job, |(_, name)| name);
    let service = named.into_iter().find(|name| !name.is_empty()).unwrap_or(of_job);
    let service = service.to_owned();
    Some((Key { service, dialect, provider, model, agent, session, user }, measure))
}

impl Measured {
    /// A service told tokens in a span or log record.
    pub(super) fn told_otherwise(&mut self, service: &str, now_ns: i64) {
        match self.told.get_mut(service) {
            Some(at) => *at = now_ns,
            None => {
                self.told.insert(service.to_owned(), now_ns);
            }
        }
    }

    /// Where a series stood before the start.
    pub(super) fn stood(&mut self, labels: &Labels, value: f64) {
        if let Some((key, _)) = key_of(labels)
            && self.series.len() < SERIES_MAX
        {
            let id = XxHash64::oneshot(0, labels.as_bytes());
            self.series.insert(id, Series { key, last: value });
        }
    }

    /// Takes samples that were stored.
    pub(super) fn take(&mut self, samples: Vec<Sample>, now_ns: i64) {
        for Sample { id, key, measure, value, start_ms } in samples {
            let has_room = self.series.len() < SERIES_MAX;
            let is_old =
                start_ms > 0 && now_ns.div_euclid(1_000_000).saturating_sub(start_ms) > OLD_MS;
            let (growth, key) = match self.series.entry(id) {
                hashbrown::hash_map::Entry::Occupied(mut entry) => {
                    let series = entry.get_mut();
                    let last = std::mem::replace(&mut series.last, value);
                    // A total that fell began again.
                    let growth = if value >= last { value - last } else { value };
                    (growth, series.key.clone())
                }
                hashbrown::hash_map::Entry::Vacant(entry) if has_room => {
                    entry.insert(Series { key: key.clone(), last: value });
                    (if is_old { 0.0 } else { value }, key)
                }
                hashbrown::hash_map::Entry::Vacant(_) => continue,
            };
            if growth > 0.0 {
                self.grow(key, measure, growth, now_ns);
            }
        }
    }

    fn grow(&mut self, key: Key, measure: Measure, by: f64, now_ns: i64) {
        let growth = self.growing.entry(key).or_insert_with(|| Growth {
            since_ns: now_ns,
            tokens: [0.0; Bucket::ALL.len()],
            usd: None,
        });
        match measure {
            Measure::Cost => *growth.usd.get_or_insert(0.0) += by,
            Measure::Tokens { bucket, within } => {
                growth.tokens[bucket as usize] += by;
                if let Some(within) = within {
                    growth.tokens[within as usize] -= by;
                }
            }
        }
    }

    /// What counts now: what grew and waited for so long without being told otherwise.
    pub(super) fn due(&mut self, settle_ns: i64, now_ns: i64, prices: &PriceBook) -> Vec<Decision> {
        self.told.retain(|_, at| now_ns.saturating_sub(*at) < TOLD_NS);
        let told = &self.told;
        let due = self.growing.extract_if(|key, growth| {
            told.contains_key(&key.service) || now_ns.saturating_sub(growth.since_ns) >= settle_ns
        });
        let due: Vec<(Key, Growth)> =
            due.filter(|(key, _)| !told.contains_key(&key.service)).collect();
        due.into_iter().map(|(key, growth)| decision(key, &growth, now_ns, prices)).collect()
    }
}

fn decision(key: Key, growth: &Growth, now_ns: i64, prices: &PriceBook) -> Decision {
    let mut step = Step::new(Kind::Llm, key.dialect);
    for bucket in Bucket::ALL {
        step.usage.set(bucket, growth.tokens[bucket as usize].max(0.0) as u64);
    }
    step.reported_cost = growth.usd;
    let [trace, other, span] = [1, 2, 3].map(|seed| {
        let mut hasher = XxHash64::with_seed(seed);
        for text in ["metric", &key.service, &key.session, &key.model, &key.agent, &key.user] {
            hasher.write(text.as_bytes());
            hasher.write_u8(0);
        }
        if seed == 3 {
            hasher.write_i64(now_ns);
        }
        hasher.finish().max(1)
    });
    step.provider = key.provider;
    step.request_model = key.model;
    step.agent = key.agent;
    step.session = key.session;
    step.user = key.user;
    MEASURED_OPERATION.clone_into(&mut step.operation);
    let mut fact = seen::told(step, now_ns, prices, &mut seen::Shared::default()).fact;
    fact.service = key.service.into();
    fact.counted = Counted::Yes;
    let trace_id = TraceId((u128::from(trace) << 64 | u128::from(other)).to_be_bytes());
    let span_id = SpanId(span.to_be_bytes());
    let entry = Arc::new(Entry { time_ns: now_ns, written_ns: now_ns, trace_id, span_id, fact });
    // How many calls it were is not known.
    Decision { entry, before: Earlier::Nothing, is_call: false, is_known: false }
}
