//! What the application adds to log records before they are stored: the stream of those that came
//! without one (OTLP), the service of streams that do not name it, and the level of records. Streams
//! are worked out once for each that a request names, not for each record.

use watchkeep_model::column::{DictColumn, Table as _};
use watchkeep_model::spans::UNKNOWN_SERVICE;
use watchkeep_model::stream::{from_text, to_text};
use watchkeep_model::{Labels, Level, LogColumns};

use super::level;
use crate::logs::attributes::each_of_object;
use crate::logs::config::LokiConfig;

/// The label that names a stream's service.
const SERVICE_NAME: &str = "service_name";

/// Fills in the streams and levels of records.
pub(crate) fn complete(columns: &mut LogColumns, config: &LokiConfig) {
    if columns.is_empty() {
        return;
    }
    complete_streams(columns, config);
    if config.discover_log_levels {
        discover_levels(columns);
    }
}

/// What becomes of the stream of some records.
struct Completed {
    /// Its key in the new column.
    stream: u32,
    /// The service that was discovered, as its key in the column of services.
    service: Option<u32>,
}

fn complete_streams(columns: &mut LogColumns, config: &LokiConfig) {
    let (texts, keys) = columns.stream.parts();
    let whole = |text: &str| !text.is_empty() && discovered(text, config).is_none();
    if texts.iter().all(whole) {
        return;
    }
    let mut streams = DictColumn::default();
    let services = &mut columns.service;
    let given: Vec<Option<Completed>> = texts
        .iter()
        .map(|text| {
            if text.is_empty() {
                return None;
            }
            let Some((labels, service)) = discovered(text, config) else {
                return Some(Completed { stream: streams.intern(text), service: None });
            };
            let service = Some(services.intern(&service));
            Some(Completed { stream: streams.intern(&to_text(&labels)), service })
        })
        .collect();
    let (resources, resource_keys) = columns.resource.parts();
    let mut of_resources: Vec<Option<u32>> = vec![None; resources.len()];
    let mut changed_services = Vec::with_capacity(keys.len());
    for (row, key) in keys.iter().enumerate() {
        if let Some(completed) = &given[*key as usize] {
            streams.push_key(completed.stream);
            changed_services.push(completed.service);
            continue;
        }
        let resource = resource_keys[row] as usize;
        let stream = *of_resources[resource].get_or_insert_with(|| {
            streams.intern(&to_text(&labels_of_resource(resources.get(resource), config)))
        });
        streams.push_key(stream);
        changed_services.push(None);
    }
    columns.stream = streams;
    if changed_services.iter().any(Option::is_some) {
        let mut services = std::mem::take(&mut columns.service);
        let unchanged = services.parts().1.to_vec();
        services.clear_rows();
        for (changed, unchanged) in changed_services.into_iter().zip(unchanged) {
            services.push_key(changed.unwrap_or(unchanged));
        }
        columns.service = services;
    }
}

/// The labels of a stream that does not name its service with one that does, and that service; `None`
/// where it does, or nothing is to be discovered.
fn discovered(text: &str, config: &LokiConfig) -> Option<(Labels, String)> {
    if !config.discover_service_name {
        return None;
    }
    let labels = from_text(text)?;
    if !labels.get(SERVICE_NAME).is_empty() {
        return None;
    }
    let service = service_of(&labels, config).to_owned();
    Some((labels.with(SERVICE_NAME, &service), service))
}

fn service_of<'l>(labels: &'l Labels, config: &LokiConfig) -> &'l str {
    let named = config.service_name_labels.iter().map(|name| labels.get(name));
    named.into_iter().find(|value| !value.is_empty()).unwrap_or(UNKNOWN_SERVICE)
}

/// The labels that the attributes of a resource make.
pub(crate) fn labels_of_resource(json: &str, config: &LokiConfig) -> Labels {
    let mut pairs = Vec::new();
    each_of_object(json, |key, name, text| {
        if !name.is_empty() && config.otlp_resource_attributes.iter().any(|other| other == key) {
            pairs.push((name, text));
        }
    });
    let labels = Labels::from_pairs(pairs);
    if config.discover_service_name && labels.get(SERVICE_NAME).is_empty() {
        let service = service_of(&labels, config).to_owned();
        return labels.with(SERVICE_NAME, &service);
    }
    labels
}

/// The value of the strongest label that holds a level.
pub(crate) fn level_label(labels: &Labels) -> Option<&str> {
    level::NAMES.iter().map(|name| labels.get(name)).find(|value| !value.is_empty())
}

fn discover_levels(columns: &mut LogColumns) {
    let (texts, keys) = columns.stream.parts();
    let of_streams: Vec<Option<Level>> =
        texts.iter().map(|text| Some(Level::of_text(level_label(&from_text(text)?)?))).collect();
    for (row, key) in keys.iter().enumerate() {
        let place = &mut columns.level[row];
        let found = metadata_level(columns.attributes.row(row), of_streams[*key as usize]);
        if let Some(level) = found {
            *place = level as u8;
        } else if *place == Level::Unknown as u8 {
            *place = level::of_line(columns.body.get(row)) as u8;
        }
    }
}

/// The level that metadata or a label tells: metadata that is the level itself is strongest, then
/// the label, then other metadata.
fn metadata_level<'a>(
    metadata: impl Iterator<Item = (&'a str, watchkeep_model::ValueKind, &'a str)>,
    of_stream: Option<Level>,
) -> Option<Level> {
    let mut best: Option<(usize, &str)> = None;
    for (name, _, value) in metadata {
        if name == level::DETECTED {
            return Some(Level::of_text(value));
        }
        if let Some(rank) = level::rank(name)
            && best.is_none_or(|(strongest, _)| rank < strongest)
        {
            best = Some((rank, value));
        }
    }
    of_stream.or_else(|| best.map(|(_, value)| Level::of_text(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeep_model::limits::DecodeLimits;
    use watchkeep_wire::loki::{PushOptions, decode_json};
    use watchkeep_wire::otlp::decode_logs_json;

    fn push(text: &str, config: &LokiConfig) -> LogColumns {
        let limits = DecodeLimits::default();
        let options =
            PushOptions { limits: &limits, labels_required: !config.discover_service_name };
        let mut columns = decode_json(text.as_bytes(), options).unwrap().columns;
        complete(&mut columns, config);
        columns.check().unwrap();
        columns
    }

    fn levels(columns: &LogColumns) -> Vec<&str> {
        columns.level.iter().map(|level| Level::from_code(*level).name()).collect()
    }

    const PUSH: &str = r#"{"streams":[
        {"stream":{"job":"a","app":"b"},"values":[["1","error: x"],["2","x",{"lvl":"warn"}]]},
        {"stream":{"service_name":"c","level":"INFO"},"values":[
            ["3","error"],["4","x",{"detected_level":"debug"}]]},
        {"stream":{"x":"y"},"values":[["5","plain"]]}]}"#;

    #[test]
    fn services_and_levels_are_discovered() {
        let columns = push(PUSH, &LokiConfig::default());
        let streams: Vec<&str> = columns.stream.iter().collect();
        let first = r#"{app="b", job="a", service_name="b"}"#;
        let second = r#"{level="INFO", service_name="c"}"#;
        let third = r#"{service_name="unknown_service", x="y"}"#;
        assert_eq!(streams, [first, first, second, second, third]);
        let services: Vec<&str> = columns.service.iter().collect();
        assert_eq!(services, ["b", "b", "c", "c", "unknown_service"]);
        assert_eq!(levels(&columns), ["error", "warn", "info", "debug", "unknown"]);
    }

    #[test]
    fn nothing_is_discovered_where_that_is_switched_off() {
        let config = LokiConfig {
            discover_service_name: false,
            discover_log_levels: false,
            ..LokiConfig::default()
        };
        let columns = push(PUSH, &config);
        assert_eq!(columns.stream.get(0), r#"{app="b", job="a"}"#);
        assert!(levels(&columns).iter().all(|level| *level == "unknown"));
        let otlp = otlp(r#"[{"key":"host.name","value":{"stringValue":"h"}}]"#, &config);
        assert_eq!(otlp.stream.get(0), "");
    }

    fn otlp(attributes: &str, config: &LokiConfig) -> LogColumns {
        let text = format!(
            r#"{{"resourceLogs":[{{"resource":{{"attributes":{attributes}}},"scopeLogs":[{{
                "logRecords":[{{"body":{{"stringValue":"WARN x"}}}},
                    {{"severityNumber":17,"body":{{"stringValue":"info"}}}}]}}]}}]}}"#
        );
        let limits = DecodeLimits::default();
        let mut columns = decode_logs_json(text.as_bytes(), &limits, 1).unwrap().columns;
        complete(&mut columns, config);
        columns.check().unwrap();
        columns
    }

    #[test]
    fn resources_of_otlp_become_streams() {
        let config = LokiConfig::default();
        let attributes = r#"[{"key":"service.name","value":{"stringValue":"gateway"}},
            {"key":"k8s.pod.name","value":{"stringValue":"p-1"}},
            {"key":"host.name","value":{"stringValue":"h"}}]"#;
        let columns = otlp(attributes, &config);
        let stream = r#"{k8s_pod_name="p-1", service_name="gateway"}"#;
        assert_eq!(columns.stream.get(1), stream);
        assert_eq!(levels(&columns), ["warn", "error"]);
        let container = r#"[{"key":"k8s.container.name","value":{"stringValue":"c"}}]"#;
        let stream = r#"{k8s_container_name="c", service_name="c"}"#;
        assert_eq!(otlp(container, &config).stream.get(0), stream);
        assert_eq!(otlp("[]", &config).stream.get(0), r#"{service_name="unknown_service"}"#);
    }
}
