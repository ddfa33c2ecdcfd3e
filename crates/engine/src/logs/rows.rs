//! Rows of the store as LogQL sees them: the labels of their streams, their lines, and the structured
//! metadata that Loki would have made of everything else that a record says.

use std::borrow::Cow;
use std::sync::Arc;

use hashbrown::HashMap;
use watchkeep_logql::source::LogBatch;
use watchkeep_model::column::DictColumn;
use watchkeep_model::stream::from_text;
use watchkeep_model::{Labels, Level, LogColumns};

use super::attributes::{each_of_entry, each_of_object};
use super::config::LokiConfig;
use crate::ingest::level;
use crate::ingest::streams::level_label;

/// Names of metadata that hold a trace's id: where one is there, none is derived.
const TRACE_NAMES: [&str; 3] = ["trace_id", "traceid", "traceID"];

/// A stream that rows belong to.
#[derive(Debug, Clone)]
struct Stream {
    labels: Arc<Labels>,
    /// The level that its labels tell.
    level: Option<String>,
}

/// Turns columns into batches; what belongs to a stream is worked out once.
#[derive(Debug)]
pub(super) struct RowReader {
    config: Arc<LokiConfig>,
    streams: HashMap<String, Stream>,
}

/// Metadata of one row, names and values.
type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// The metadata that resources or scopes of a batch make, by their keys in the column.
struct Shared(Vec<Option<Vec<(String, String)>>>);

impl Shared {
    fn new(column: &DictColumn) -> Self {
        Self(vec![None; column.parts().0.len()])
    }

    fn get(
        &mut self,
        column: &DictColumn,
        row: usize,
        keeps: impl Fn(&str) -> bool,
    ) -> &[(String, String)] {
        let (values, keys) = column.parts();
        let key = keys[row] as usize;
        self.0[key].get_or_insert_with(|| {
            let mut pairs = Vec::new();
            each_of_object(values.get(key), |key, name, text| {
                if keeps(key) {
                    pairs.push((name, text));
                }
            });
            pairs
        })
    }
}

impl RowReader {
    pub(super) fn new(config: Arc<LokiConfig>) -> Self {
        Self { config, streams: HashMap::new() }
    }

    /// The rows as a batch. Columns that were not asked for are empty, and say nothing.
    pub(super) fn batch(&mut self, mut rows: LogColumns) -> LogBatch {
        let (texts, keys) = rows.stream.parts();
        let streams: Vec<Stream> = texts.iter().map(|text| self.stream(text)).collect();
        let stream = keys.to_vec();
        let mut batch = LogBatch {
            time_ns: std::mem::take(&mut rows.time_ns),
            lines: std::mem::take(&mut rows.body),
            metadata_ends: Vec::with_capacity(stream.len() + 1),
            ..LogBatch::default()
        };
        batch.metadata_ends.push(0);
        if rows.attributes.len() == stream.len() {
            self.metadata(&rows, &streams, &stream, &mut batch);
        } else {
            batch.metadata_ends.resize(stream.len() + 1, 0);
        }
        batch.streams = streams.into_iter().map(|stream| stream.labels).collect();
        batch.stream = stream;
        batch
    }

    fn stream(&mut self, text: &str) -> Stream {
        if let Some(known) = self.streams.get(text) {
            return known.clone();
        }
        let labels = Arc::new(from_text(text).unwrap_or_default());
        let level = level_label(&labels).map(|value| level::shown(value).to_owned());
        let stream = Stream { labels, level };
        self.streams.insert(text.to_owned(), stream.clone());
        stream
    }

    fn metadata(
        &self,
        rows: &LogColumns,
        streams: &[Stream],
        stream: &[u32],
        batch: &mut LogBatch,
    ) {
        let mut resources = Shared::new(&rows.resource);
        let mut scopes = Shared::new(&rows.scope_attributes);
        let is_label = |key: &str| self.config.otlp_resource_attributes.iter().any(|a| a == key);
        let mut pairs: Pairs<'_> = Vec::new();
        for (row, stream) in stream.iter().enumerate() {
            pairs.clear();
            let level = record_level(rows, row, streams[*stream as usize].level.as_deref());
            attributes(rows, row, &mut pairs);
            let own = pairs.len();
            derived(rows, row, batch.time_ns[row], &mut pairs);
            push_shared(&mut pairs, scopes.get(&rows.scope_attributes, row, |_| true));
            push_shared(&mut pairs, resources.get(&rows.resource, row, |key| !is_label(key)));
            if self.config.discover_log_levels {
                pairs.push((level::DETECTED.into(), level.into()));
            }
            write(&mut pairs, own, batch);
        }
    }
}

fn push_shared(pairs: &mut Pairs<'_>, shared: &[(String, String)]) {
    // Each row owns its copy: records of OTLP have few such, others none.
    pairs.extend(shared.iter().map(|(name, text)| (name.clone().into(), text.clone().into())));
}

/// The attributes of a record itself.
fn attributes<'a>(rows: &'a LogColumns, row: usize, pairs: &mut Pairs<'a>) {
    for (key, kind, text) in rows.attributes.row(row) {
        if kind == watchkeep_model::ValueKind::String
            && let Cow::Borrowed(name) = watchkeep_model::stream::label_name(key)
        {
            pairs.push((name.into(), text.into()));
            continue;
        }
        each_of_entry(key, kind, text, |name, text| {
            pairs.push((name.to_owned().into(), text.to_owned().into()));
        });
    }
}

/// What else a record says.
fn derived<'a>(rows: &'a LogColumns, row: usize, time_ns: i64, pairs: &mut Pairs<'a>) {
    let mut text = |name: &'static str, value: Cow<'a, str>| {
        if !value.is_empty() {
            pairs.push((name.into(), value));
        }
    };
    let observed_ns = rows.observed_ns[row];
    if observed_ns != 0 && observed_ns != time_ns {
        text("observed_timestamp", observed_ns.to_string().into());
    }
    if rows.severity_number[row] != 0 {
        text("severity_number", rows.severity_number[row].to_string().into());
    }
    text("severity_text", rows.severity_text.get(row).into());
    if rows.dropped_attributes[row] != 0 {
        text("dropped_attributes_count", rows.dropped_attributes[row].to_string().into());
    }
    if rows.flags[row] != 0 {
        text("flags", rows.flags[row].to_string().into());
    }
    text("event_name", rows.event_name.get(row).into());
    text("scope_name", rows.scope_name.get(row).into());
    text("scope_version", rows.scope_version.get(row).into());
    let names_trace = || rows.attributes.row(row).any(|(key, ..)| TRACE_NAMES.contains(&key));
    if rows.trace_id[row] != [0; 16] && !names_trace() {
        text("trace_id", hex(&rows.trace_id[row]).into());
    }
    if rows.span_id[row] != [0; 8] {
        text("span_id", hex(&rows.span_id[row]).into());
    }
}

/// The level that is shown of a record: what it says itself first, then its stream, then its other
/// metadata, then what was found in it when it came.
fn record_level(rows: &LogColumns, row: usize, of_stream: Option<&str>) -> String {
    let mut best: Option<(usize, &str)> = None;
    for (key, _, value) in rows.attributes.row(row) {
        if key == level::DETECTED {
            return level::shown(value).to_owned();
        }
        if let Some(rank) = level::rank(key)
            && best.is_none_or(|(strongest, _)| rank < strongest)
        {
            best = Some((rank, value));
        }
    }
    if let Some(level) = of_stream {
        return level.to_owned();
    }
    let severity = rows.severity_text.get(row);
    match best {
        Some((_, value)) => level::shown(value).to_owned(),
        None if !severity.is_empty() => level::shown(severity).to_owned(),
        None => Level::from_code(rows.level[row]).name().to_owned(),
    }
}

/// Writes the metadata of a row: by name, each once. Of two with one name the record's own stay, and
/// of those the last.
fn write(pairs: &mut Pairs<'_>, own: usize, batch: &mut LogBatch) {
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    let strength = |at: usize| if at < own { (0, own - at) } else { (1, at) };
    order.sort_by(|a, b| {
        pairs[*a].0.cmp(&pairs[*b].0).then_with(|| strength(*a).cmp(&strength(*b)))
    });
    let mut last: Option<&str> = None;
    for at in order {
        let (name, value) = &pairs[at];
        if last == Some(name) || name.is_empty() {
            continue;
        }
        last = Some(name);
        if value.is_empty() {
            continue;
        }
        batch.metadata_names.push(name);
        batch.metadata_values.push(value);
    }
    batch.metadata_ends.push(batch.metadata_names.len() as u32);
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::streams::complete;
    use watchkeep_model::limits::DecodeLimits;
    use watchkeep_wire::loki::{PushOptions, decode_json};
    use watchkeep_wire::otlp::decode_logs_json;

    fn shown(mut columns: LogColumns, config: LokiConfig) -> Vec<String> {
        complete(&mut columns, &config);
        let batch = RowReader::new(Arc::new(config)).batch(columns);
        (0..batch.len())
            .map(|row| {
                let metadata: Vec<String> =
                    batch.metadata(row).map(|(name, value)| format!("{name}={value}")).collect();
                let stream = &batch.streams[batch.stream[row] as usize];
                format!("{stream:?} {} {}", batch.lines.get(row), metadata.join(" "))
            })
            .collect()
    }

    fn push(text: &str) -> LogColumns {
        let limits = DecodeLimits::default();
        let options = PushOptions { limits: &limits, labels_required: false };
        decode_json(text.as_bytes(), options).unwrap().columns
    }

    #[test]
    fn pushed_metadata_is_shown_as_it_was_sent() {
        let text = r#"{"streams":[{"stream":{"service_name":"a"},"values":[
            ["1","x",{"traceID":"000102030405060708090a0b0c0d0e0f","b":"1"}],
            ["2","level=warn"],["3","x",{"severity":"NOTICE"}]]}]}"#;
        let stream = r#"{"service_name": "a"}"#;
        let id = "000102030405060708090a0b0c0d0e0f";
        let config = LokiConfig { discover_log_levels: false, ..LokiConfig::default() };
        let expect = [
            format!("{stream} x b=1 traceID={id}"),
            format!("{stream} level=warn "),
            format!("{stream} x severity=NOTICE"),
        ];
        assert_eq!(shown(push(text), config), expect);
        let levels = shown(push(text), LokiConfig::default());
        assert_eq!(levels[1], format!("{stream} level=warn detected_level=warn"));
        assert_eq!(levels[2], format!("{stream} x detected_level=NOTICE severity=NOTICE"));
    }

    #[test]
    fn records_of_otlp_show_everything_they_say() {
        let text = r#"{"resourceLogs":[{"resource":{"attributes":[
            {"key":"service.name","value":{"stringValue":"gateway"}},
            {"key":"host.name","value":{"stringValue":"h"}}]},
            "scopeLogs":[{"scope":{"name":"lib","version":"1","attributes":[
                {"key":"s","value":{"intValue":"5"}}]},
            "logRecords":[{"timeUnixNano":"7","observedTimeUnixNano":"9","severityNumber":17,
                "severityText":"ERROR","flags":1,"eventName":"e",
                "traceId":"000102030405060708090a0b0c0d0e0f","spanId":"0001020304050607",
                "body":{"stringValue":"x"},"attributes":[
                    {"key":"http.method","value":{"stringValue":"GET"}},
                    {"key":"m","value":{"kvlistValue":{"values":[
                        {"key":"a.b","value":{"doubleValue":1}}]}}},
                    {"key":"host_name","value":{"stringValue":"own"}}]}]}]}]}"#;
        let columns = decode_logs_json(text.as_bytes(), &DecodeLimits::default(), 1).unwrap();
        let expect = "{\"service_name\": \"gateway\"} x detected_level=error event_name=e flags=1 \
                      host_name=own http_method=GET m_a_b=1 observed_timestamp=9 s=5 \
                      scope_name=lib scope_version=1 severity_number=17 severity_text=ERROR \
                      span_id=0001020304050607 trace_id=000102030405060708090a0b0c0d0e0f";
        assert_eq!(shown(columns.columns, LokiConfig::default()), [expect]);
    }
}
