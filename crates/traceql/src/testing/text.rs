//! Reads the text form of traces. A mistake in a test's data panics.

use watchkeep_model::attributes::Value;

use super::{EPOCH_NS, TestEvent, TestLink, TestSpan, span_id, trace_id};

/// Reads traces; see the head of [`testing`](super).
pub(crate) fn traces(script: &str) -> Vec<TestSpan> {
    let mut spans: Vec<TestSpan> = Vec::new();
    let mut trace = String::new();
    // The open span of each level.
    let mut levels: Vec<String> = Vec::new();
    for line in script.lines() {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if let Some(label) = content.strip_prefix("trace ") {
            trace = label.to_owned();
            levels.clear();
            continue;
        }
        if let Some(event) = content.strip_prefix("! ") {
            spans.last_mut().expect("a span").events.push(read_event(event));
            continue;
        }
        if let Some(link) = content.strip_prefix("@ ") {
            spans.last_mut().expect("a span").links.push(read_link(link));
            continue;
        }
        let level = (line.len() - line.trim_start().len()) / 2;
        levels.truncate(level);
        let (label, rest) = content.split_once(':').expect("label: …");
        let span = read_span(&trace, label, levels.last(), rest);
        levels.push(label.to_owned());
        spans.push(span);
    }
    spans
}

fn read_span(trace: &str, label: &str, parent: Option<&String>, rest: &str) -> TestSpan {
    let mut span = TestSpan {
        trace: trace_id(trace),
        trace_label: trace.to_owned(),
        label: label.to_owned(),
        id: span_id(trace, label),
        parent: parent.map(|parent| span_id(trace, parent)),
        start_ns: EPOCH_NS,
        duration_ns: 1_000_000,
        name: label.to_owned(),
        kind: 0,
        status: 0,
        message: String::new(),
        scope_name: String::new(),
        scope_version: String::new(),
        span: Vec::new(),
        resource: vec![("service.name".to_owned(), Value::String("s".to_owned()))],
        scope: Vec::new(),
        events: Vec::new(),
        links: Vec::new(),
    };
    for (key, value) in pairs(rest) {
        match key {
            "service" => span.resource[0].1 = parse_value(value),
            "noservice" => {
                span.resource.remove(0);
            }
            "name" => span.name = plain(value),
            "message" => span.message = plain(value),
            "scope" => span.scope_name = plain(value),
            "version" => span.scope_version = plain(value),
            "parent" => span.parent = Some(span_id(trace, value)),
            "start" => span.start_ns = EPOCH_NS + duration(value),
            "duration" => span.duration_ns = duration(value),
            "kind" => {
                let kinds = ["unspecified", "internal", "server", "client", "producer", "consumer"];
                span.kind = place(&kinds, value);
            }
            "status" => span.status = place(&["unset", "ok", "error"], value),
            other => {
                let (scope, key) = other.split_once('.').expect("scope.key=…");
                let pair = (key.to_owned(), parse_value(value));
                match scope {
                    "span" => span.span.push(pair),
                    "resource" => span.resource.push(pair),
                    "instrumentation" => span.scope.push(pair),
                    _ => panic!("no scope {scope:?}"),
                }
            }
        }
    }
    span
}

fn place(names: &[&str], name: &str) -> i64 {
    let place = names.iter().position(|known| *known == name);
    place.map_or_else(|| name.parse().expect("a name or a number"), |place| place as i64)
}

fn read_event(line: &str) -> TestEvent {
    let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
    let mut event = TestEvent { name: name.to_owned(), at_ns: 0, attributes: Vec::new() };
    for (key, value) in pairs(rest) {
        match key {
            "at" => event.at_ns = duration(value),
            key => event.attributes.push((key.to_owned(), parse_value(value))),
        }
    }
    event
}

fn read_link(line: &str) -> TestLink {
    let (target, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (trace, span) = target.split_once('/').expect("@ trace/span");
    let attributes = pairs(rest).map(|(key, value)| (key.to_owned(), parse_value(value)));
    TestLink {
        trace: trace_id(trace),
        span: span_id(trace, span),
        attributes: attributes.collect(),
    }
}

/// `key=value key="a text"`: values end at a space outside of quotes and brackets.
fn pairs(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = line.trim();
    std::iter::from_fn(move || {
        let (mut in_text, mut depth) = (false, 0);
        let end = rest.char_indices().find(|(_, letter)| {
            match letter {
                '"' => in_text = !in_text,
                '[' | '{' if !in_text => depth += 1,
                ']' | '}' if !in_text => depth -= 1,
                _ => {}
            }
            *letter == ' ' && !in_text && depth == 0
        });
        let (pair, left) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
        rest = left.trim_start();
        (!pair.is_empty()).then(|| pair.split_once('=').unwrap_or((pair, "")))
    })
}

/// `"text"`, `12`, `1.5`, `true`, `["a","b"]`, `{}`; anything else is a text without quotes.
fn parse_value(text: &str) -> Value {
    if let Some(items) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        let items = items.split(',').filter(|item| !item.is_empty());
        return Value::Array(items.map(parse_value).collect());
    }
    if let Some(text) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        return Value::String(text.to_owned());
    }
    if let Ok(value) = text.parse() {
        return Value::Int(value);
    }
    if let Ok(value) = text.parse() {
        return Value::Double(value);
    }
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "{}" => Value::Map(Vec::new()),
        "nil" => Value::Empty,
        other => Value::String(other.to_owned()),
    }
}

fn plain(value: &str) -> String {
    value.trim_matches('"').to_owned()
}

fn duration(text: &str) -> i64 {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text.trim_start_matches(digits) {
        "ns" | "" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        other => panic!("no unit {other:?}"),
    };
    digits.parse::<i64>().expect("a number") * unit
}
