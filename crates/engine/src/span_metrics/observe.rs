//! What a batch of spans adds to metrics, worked out before the batch is stored, and counted once it
//! is.

use hashbrown::HashMap;
use watchkeep_model::column::Table;
use watchkeep_model::stream::label_name;
use watchkeep_model::{Labels, SpanColumns, SpanId, TraceId, ValueKind};

use super::config::SpanMetricsConfig;
use super::edges::{Connection, Half, Side};
use crate::totals::{Counts, Exemplar, Family};

/// Requests, errors and durations of spans. Names, labels and their values are those of Tempo's
/// metrics-generator (its documentation, "Use the span metrics processor").
pub(super) static SPANS: Family = Family {
    counters: &[
        ("traces_spanmetrics_calls_total", "Spans."),
        ("traces_spanmetrics_size_total", "Bytes of spans, about."),
    ],
    histograms: &[("traces_spanmetrics_latency", "Durations of spans in seconds.")],
};

const STATUS_ERROR: u8 = 2;

/// Bytes of a span beside its texts: ids, times, numbers and the lengths of fields, about.
const FIXED_BYTES: usize = 80;

/// Attributes that name the other side of a request that sends no spans itself.
const PEER_KEYS: [&str; 4] = ["peer.service", "db.name", "db.system", "db.system.name"];
/// Attributes that name a database.
const DATABASE_KEYS: [&str; 4] = ["db.namespace", "db.name", "db.system", "db.system.name"];

/// What a batch adds.
#[derive(Debug, Default)]
pub struct Observed {
    /// By labels, without the metric's name.
    pub(super) spans: Vec<(Labels, Counts)>,
    /// Sides of requests between services.
    pub(super) halves: Vec<Half>,
}

/// What tells the spans of a batch apart.
#[derive(PartialEq, Eq, Hash)]
struct Group<'a> {
    service: u32,
    kind: u8,
    status: u8,
    name: &'a str,
    /// Texts of the dimensions.
    dimensions: Vec<String>,
}

impl Observed {
    /// What spans add. `now_ms` is the time of exemplars, as that of arrival is the time of samples.
    pub(super) fn of(spans: &SpanColumns, config: &SpanMetricsConfig, now_ms: i64) -> Self {
        let mut groups: HashMap<Group<'_>, Counts> = HashMap::new();
        let mut halves = Vec::new();
        let resources = Resources::new(spans);
        let mut dimensions = Vec::new();
        for row in 0..spans.len() {
            let seconds = spans.duration_ns[row].max(0) as f64 / 1e9;
            let attributes = Attributes { spans, row, resources: &resources };
            dimensions.clear();
            dimensions.extend(
                config.dimensions.iter().map(|key| attributes.any(key).unwrap_or_default()),
            );
            let group = Group {
                service: spans.service.parts().1[row],
                kind: spans.kind[row],
                status: spans.status_code[row],
                name: spans.name.get(row),
                dimensions: dimensions.clone(),
            };
            let counts = groups.entry(group).or_insert_with(|| Counts::of(&SPANS));
            counts.counters[0] += 1.0;
            counts.counters[1] += size(spans, row) as f64;
            let histogram = &mut counts.histograms[0];
            histogram.observe(&config.buckets, seconds);
            histogram.exemplar = Some(Exemplar {
                trace_id: TraceId(spans.trace_id[row]),
                span_id: SpanId(spans.span_id[row]),
                value: seconds,
                time_ms: now_ms,
            });
            halves.extend(half(spans, row, seconds, &attributes));
        }
        let labelled = |(group, counts): (Group<'_>, Counts)| {
            (labels(&group, spans, &config.dimensions), counts)
        };
        Self { spans: groups.into_iter().map(labelled).collect(), halves }
    }
}

fn labels(group: &Group<'_>, spans: &SpanColumns, keys: &[String]) -> Labels {
    let service = spans.service.parts().0.get(group.service as usize);
    let mut pairs: Vec<(String, &str)> = keys
        .iter()
        .zip(&group.dimensions)
        .map(|(key, value)| (dimension_label(key), value.as_str()))
        .collect();
    pairs.extend([
        ("service".to_owned(), service),
        ("span_name".to_owned(), group.name),
        ("span_kind".to_owned(), kind_text(group.kind)),
        ("status_code".to_owned(), status_text(group.status)),
    ]);
    Labels::from_pairs(pairs)
}

/// The label of a dimension. One that would hide a label that every series has gets a mark, as Tempo
/// gives it.
fn dimension_label(key: &str) -> String {
    let name = label_name(key);
    match &*name {
        "service" | "span_name" | "span_kind" | "status_code" | "status_message" | "job"
        | "instance" => format!("__{name}"),
        _ => name.into_owned(),
    }
}

/// `SpanKind` as the names of OTLP's enumeration.
fn kind_text(kind: u8) -> &'static str {
    match kind {
        1 => "SPAN_KIND_INTERNAL",
        2 => "SPAN_KIND_SERVER",
        3 => "SPAN_KIND_CLIENT",
        4 => "SPAN_KIND_PRODUCER",
        5 => "SPAN_KIND_CONSUMER",
        _ => "SPAN_KIND_UNSPECIFIED",
    }
}

/// `StatusCode` as the names of OTLP's enumeration.
fn status_text(code: u8) -> &'static str {
    match code {
        1 => "STATUS_CODE_OK",
        STATUS_ERROR => "STATUS_CODE_ERROR",
        _ => "STATUS_CODE_UNSET",
    }
}

fn size(spans: &SpanColumns, row: usize) -> usize {
    let (offsets, keys, values, _) = spans.attributes.parts();
    let entries = offsets[row] as usize..offsets[row + 1] as usize;
    let between = |column: &[i32], from: usize, to: usize| (column[to] - column[from]) as usize;
    FIXED_BYTES
        + spans.name.get(row).len()
        + spans.events.get(row).len()
        + spans.links.get(row).len()
        + between(values.parts().0, entries.start, entries.end)
        + entries.map(|entry| keys.get(entry).len()).sum::<usize>()
}

/// What a span tells of a request between services.
fn half(
    spans: &SpanColumns,
    row: usize,
    seconds: f64,
    attributes: &Attributes<'_>,
) -> Option<Half> {
    let (trace_id, span_id) = (TraceId(spans.trace_id[row]), SpanId(spans.span_id[row]));
    let parent = SpanId(spans.parent_span_id[row]);
    let (side, key, connection) = match spans.kind[row] {
        2 => (Side::Server, parent, Connection::Unknown),
        3 => (Side::Client, span_id, Connection::Unknown),
        4 => (Side::Client, span_id, Connection::Messaging),
        5 => (Side::Server, parent, Connection::Messaging),
        _ => return None,
    };
    let is_root = side == Side::Server && !parent.is_some();
    let mut half = Half {
        trace_id,
        // A root waits for nobody, but needs a place of its own.
        key: if is_root { span_id } else { key },
        side,
        service: spans.service.get(row).to_owned(),
        seconds,
        failed: spans.status_code[row] == STATUS_ERROR,
        connection,
        peer: PEER_KEYS.iter().find_map(|key| attributes.own(key)),
        database: None,
        is_root,
    };
    if side == Side::Client
        && let Some(name) = DATABASE_KEYS.iter().find_map(|key| attributes.any(key))
    {
        half.connection = Connection::Database;
        half.database = Some(database(attributes).unwrap_or(name));
    }
    Some(half)
}

/// The best name of a database that a request went to.
fn database(attributes: &Attributes<'_>) -> Option<String> {
    let named = attributes.any("peer.service").or_else(|| attributes.any("server.address"));
    named.or_else(|| {
        let host = attributes.any("network.peer.address")?;
        Some(match attributes.any("network.peer.port") {
            Some(port) => format!("{host}:{port}"),
            None => host,
        })
    })
}

/// Attributes of the resources of a batch, read when first asked for.
struct Resources {
    read: Vec<std::cell::OnceCell<HashMap<String, String>>>,
}

impl Resources {
    fn new(spans: &SpanColumns) -> Self {
        let mut read = Vec::new();
        read.resize_with(spans.resource.parts().0.len(), std::cell::OnceCell::new);
        Self { read }
    }
}

/// The attributes of a span.
struct Attributes<'a> {
    spans: &'a SpanColumns,
    row: usize,
    resources: &'a Resources,
}

impl Attributes<'_> {
    /// The text of one of the span's own, where it is not empty.
    fn own(&self, key: &str) -> Option<String> {
        let (offsets, keys, values, kinds) = self.spans.attributes.parts();
        let mut entries = offsets[self.row] as usize..offsets[self.row + 1] as usize;
        let entry = entries.find(|entry| keys.get(*entry) == key)?;
        let is_text = kinds[entry] != ValueKind::Empty as u8 && !values.get(entry).is_empty();
        is_text.then(|| values.get(entry).to_owned())
    }

    /// The text of one of the span's, or else of its resource's.
    fn any(&self, key: &str) -> Option<String> {
        self.own(key).or_else(|| {
            let (values, keys) = self.spans.resource.parts();
            let at = keys[self.row] as usize;
            let resource = self.resources.read[at].get_or_init(|| read_object(values.get(at)));
            resource.get(key).cloned()
        })
    }
}

/// The members of a JSON object of attributes that have a plain value, as text.
fn read_object(json: &str) -> HashMap<String, String> {
    use serde_json::Value;
    let Ok(Value::Object(members)) = serde_json::from_str(json) else { return HashMap::new() };
    let text = |value: Value| match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    };
    let plain = members.into_iter().filter_map(|(key, value)| Some((key, text(value)?)));
    plain.filter(|(_, text)| !text.is_empty()).collect()
}
