//! What redaction takes out is nowhere on disk: neither in the write-ahead log nor in parts.

use std::path::Path;

use super::{Running, Signal};

const ADDRESS: &str = "ann.smith.the.7th@example.org";
const MASKED: &str = "WATCHKEEP__REDACTION__DETECTORS__EMAIL";

/// A request for each way in, all with the address in each place that may hold text.
fn requests() -> Vec<(&'static str, String)> {
    let now_ns = watchkeep_model::Clock::now_ns(&watchkeep_model::SystemClock);
    let attribute = format!(r#"{{"key":"to","value":{{"stringValue":"<{ADDRESS}>"}}}}"#);
    let prompt = format!(
        r#"{{"key":"gen_ai.input.messages","value":{{"stringValue":"[{{\"role\":\"user\",\"content\":\"I am\\n{ADDRESS}\"}}]"}}}}"#
    );
    let resource = format!(r#""resource":{{"attributes":[{attribute}]}}"#);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let span = "b7ad6b7169203331";
    let spans = format!(
        r#"{{"resourceSpans":[{{{resource},"scopeSpans":[{{"scope":{{"name":"s","attributes":[{attribute}]}},"spans":[{{"traceId":"{trace}","spanId":"{span}","name":"chat","startTimeUnixNano":"{now_ns}","endTimeUnixNano":"{now_ns}","attributes":[{attribute},{prompt}],"events":[{{"timeUnixNano":"{now_ns}","name":"e","attributes":[{attribute}]}}],"links":[{{"traceId":"{trace}","spanId":"{span}","attributes":[{attribute}]}}],"status":{{"code":2,"message":"no {ADDRESS}"}}}}]}}]}}]}}"#
    );
    let logs = format!(
        r#"{{"resourceLogs":[{{{resource},"scopeLogs":[{{"logRecords":[{{"timeUnixNano":"{now_ns}","body":{{"stringValue":"mail to {ADDRESS}"}},"attributes":[{attribute}]}},{{"timeUnixNano":"{now_ns}","body":{{"kvlistValue":{{"values":[{attribute}]}}}}}}]}}]}}]}}"#
    );
    let metrics = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"jobs","sum":{{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{{"timeUnixNano":"{now_ns}","asInt":"1","attributes":[{attribute}],"exemplars":[{{"timeUnixNano":"{now_ns}","asInt":"1","filteredAttributes":[{attribute}]}}]}}]}}}}]}}]}}]}}"#
    );
    let pushed = format!(
        r#"{{"streams":[{{"stream":{{"app":"a","to":"{ADDRESS}"}},"values":[["{now_ns}","{{\"to\":\"{ADDRESS}\"}}",{{"to":"{ADDRESS}"}}]]}}]}}"#
    );
    let zipkin = format!(
        r#"[{{"traceId":"{trace}","id":"b7ad6b7169203332","name":"z","timestamp":{},"duration":1,"tags":{{"to":"{ADDRESS}"}},"annotations":[{{"timestamp":{},"value":"to {ADDRESS}"}}]}}]"#,
        now_ns / 1000,
        now_ns / 1000
    );
    let feedback = format!(
        r#"{{"trace_id":"{trace}","rating":1,"comment":"write to {ADDRESS}","correction":"{ADDRESS}"}}"#
    );
    vec![
        ("/v1/traces", spans),
        ("/v1/logs", logs),
        ("/v1/metrics", metrics),
        ("/loki/api/v1/push", pushed),
        ("/api/v2/spans", zipkin),
        ("/api/watchkeep/v1/feedback", feedback),
    ]
}

/// How often files below a folder hold the address.
fn occurrences(folder: &Path) -> usize {
    let mut found = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found += occurrences(&path);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            let needle = ADDRESS.as_bytes();
            found += bytes.windows(needle.len()).filter(|window| *window == needle).count();
        }
    }
    found
}

fn send_all(server: &Running) {
    for (path, body) in requests() {
        let answer = server.ask("POST", path, &body);
        assert!(answer.starts_with("HTTP/1.1 2"), "{path}: {answer}");
    }
}

#[test]
fn what_is_redacted_is_neither_in_the_log_nor_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Running::start_with(folder.path(), &[(MASKED, "mask")]);
    send_all(&server);
    let counted = server.ask("GET", "/metrics", "");
    for signal in ["traces", "logs", "metrics"] {
        let label = format!("signal=\"{signal}\"");
        let is_counted =
            |line: &str| line.starts_with("wk_engine_redacted_total") && line.contains(&label);
        assert!(counted.lines().any(is_counted), "{signal}");
    }
    server.stop(Signal::KILL);
    assert_eq!(occurrences(folder.path()), 0, "after a crash");
    let mut server = Running::start_with(folder.path(), &[(MASKED, "mask")]);
    server.stop(Signal::TERM);
    assert_eq!(occurrences(folder.path()), 0, "after a flush");
}

#[test]
fn without_redaction_the_log_holds_what_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Running::start(folder.path());
    for (path, body) in requests() {
        let before = occurrences(folder.path());
        let answer = server.ask("POST", path, &body);
        assert!(answer.starts_with("HTTP/1.1 2"), "{path}: {answer}");
        assert!(occurrences(folder.path()) > before, "{path}");
    }
    server.stop(Signal::KILL);
}
