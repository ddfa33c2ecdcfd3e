//! Lines as text.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::cli::LogsOutput;

/// A line of an answer.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    time_ns: i64,
    line: &'a str,
    labels: &'a Map<String, Value>,
}

/// All lines of an answer, oldest first.
pub(super) fn entries<'a>(answer: &'a Value, streams: &str) -> Vec<Entry<'a>> {
    let mut entries: Vec<Entry<'a>> = Vec::new();
    for stream in answer[streams].as_array().into_iter().flatten() {
        let Some(labels) = stream["stream"].as_object() else { continue };
        for value in stream["values"].as_array().into_iter().flatten() {
            let time_ns = value[0].as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
            entries.push(Entry { time_ns, line: value[1].as_str().unwrap_or_default(), labels });
        }
    }
    entries.sort_by_key(|entry| entry.time_ns);
    entries
}

/// Lines in the form that was asked for.
pub(super) fn lines(entries: &[Entry<'_>], output: LogsOutput) -> String {
    let mut text = String::new();
    for entry in entries {
        let Entry { time_ns, line, labels } = entry;
        // Writing to a string can not fail.
        let _infallible = match output {
            LogsOutput::Raw => writeln!(text, "{line}"),
            LogsOutput::Jsonl => writeln!(
                text,
                "{}",
                json!({ "timestamp": time_ns.to_string(), "labels": labels, "line": line })
            ),
            LogsOutput::Text => {
                writeln!(text, "{} {} {line}", instant(*time_ns), selector(labels))
            }
        };
    }
    text
}

/// An instant with milliseconds.
fn instant(time_ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(time_ns))
        .map_or_else(|_| time_ns.to_string(), |at| format!("{at:.3}"))
}

fn selector(labels: &Map<String, Value>) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={:?}", value.as_str().unwrap_or_default()))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_printed_oldest_first_in_every_form() {
        let answer = json!({ "result": [
            { "stream": { "app": "a" }, "values": [["2000000000", "second"], ["1001000000", "first"]] },
            { "stream": { "app": "b" }, "values": [["3000000000", "third"]] },
        ]});
        let found = entries(&answer, "result");
        assert_eq!(lines(&found, LogsOutput::Raw), "first\nsecond\nthird\n");
        let text = lines(&found, LogsOutput::Text);
        assert!(text.starts_with("1970-01-01T00:00:01.001Z {app=\"a\"} first\n"), "{text}");
        let jsonl = lines(&found, LogsOutput::Jsonl);
        let last = r#"{"labels":{"app":"b"},"line":"third","timestamp":"3000000000"}"#;
        assert_eq!(jsonl.lines().last(), Some(last));
    }
}
