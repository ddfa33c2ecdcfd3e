//! The program as a user starts it: what it prints, how it fails, and how it stops.

#![expect(clippy::unwrap_used, reason = "all of this is a test, helpers too")]

mod redaction;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use watchkeep_model::{Clock as _, SystemClock};

fn watchkeep(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watchkeep"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    watchkeep(arguments).output().unwrap()
}

/// A running server; killed when the test ends, however it ends.
struct Running {
    child: Child,
    address: String,
    /// What was printed before the first empty line after the addresses.
    greeting: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, as it should.
        let _best_effort = self.child.kill();
        let _best_effort = self.child.wait();
    }
}

impl Running {
    /// Starts on ports that the system picks, and waits until it is ready.
    fn start(data_dir: &Path) -> Self {
        Self::start_with(data_dir, &[])
    }

    /// The same with settings from the environment.
    fn start_with(data_dir: &Path, settings: &[(&str, &str)]) -> Self {
        let off = ["--otlp-grpc-listen", "off", "--otlp-http-listen", "off"];
        let mut child = watchkeep(&["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .args(off)
            .env("WATCHKEEP__HEALTH__HOST__ENABLED", "false")
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut greeting = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while !greeting.contains("Data ") {
            greeting.push_str(&lines.next().unwrap().unwrap());
            greeting.push('\n');
        }
        let address = greeting.split("Web UI").nth(1).unwrap().lines().next().unwrap();
        let address = address.trim().trim_start_matches("http://").to_owned();
        let running = Self { child, address, greeting };
        while !running.ask("GET", "/ready", "").starts_with("HTTP/1.1 200") {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        running
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn stop(&mut self, signal: Signal) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self.child.wait().unwrap().code()
    }
}

const LOG: &str = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[
    {"timeUnixNano":"1000","body":{"stringValue":"kept"}}]}]}]}"#;

#[test]
fn what_was_acknowledged_is_there_after_each_way_to_stop() {
    let data = tempfile::tempdir().unwrap();
    for (round, signal) in [Signal::TERM, Signal::KILL, Signal::INT].into_iter().enumerate() {
        let mut server = Running::start(data.path());
        assert!(server.greeting.contains("OTLP/gRPC"), "{}", server.greeting);
        let logs = server.ask("GET", "/api/watchkeep/v1/logs?start=0&end=9999", "");
        assert_eq!(logs.matches("kept").count(), round, "{logs}");
        let answer = server.ask("POST", "/v1/logs", LOG);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let code = server.stop(signal);
        assert_eq!(code, (signal != Signal::KILL).then_some(0), "{signal:?}");
    }
}

#[test]
fn a_connection_that_says_nothing_does_not_delay_the_end() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Running::start(data.path());
    let _silent = TcpStream::connect(&server.address).unwrap();
    let mut idle = TcpStream::connect(&server.address).unwrap();
    write!(idle, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(idle.read(&mut [0; 16]).unwrap() > 0);
    let asked = std::time::Instant::now();
    assert_eq!(server.stop(Signal::TERM), Some(0));
    assert!(asked.elapsed().as_secs() < 5, "the grace time is 10 s");
}

#[test]
fn healthcheck_tells_whether_a_server_is_ready() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path());
    let found = run(&["healthcheck", "--address", &server.address]);
    assert!(found.status.success());
    let address = server.address.clone();
    drop(server);
    let gone = run(&["healthcheck", "--address", &address]);
    assert_eq!(gone.status.code(), Some(1));
}

#[test]
fn health_is_printed_and_ends_with_1_where_something_is_unhealthy() {
    let data = tempfile::tempdir().unwrap();
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let check = |address: &str| format!("{{type: tcp, address: '{address}'}}");
    let (well, ill) = (check(&open.local_addr().unwrap().to_string()), check(&gone.to_string()));
    for (settings, code, parts) in [
        (vec![("WATCHKEEP__HEALTH__CHECKS__WEB", &*well)], 0, ["overall  healthy", "1 healthy"]),
        (
            vec![
                ("WATCHKEEP__HEALTH__CHECKS__WEB", &*well),
                ("WATCHKEEP__HEALTH__CHECKS__DB", &*ill),
            ],
            1,
            ["overall  unhealthy", "connection refused"],
        ),
    ] {
        let server = Running::start_with(data.path(), &settings);
        let address = format!("http://{}", server.address);
        for (name, _) in &settings {
            let name = name.rsplit('_').next().unwrap().to_lowercase();
            let path = format!("/api/watchkeep/v1/health/checks/{name}/run");
            assert!(server.ask("POST", &path, "").starts_with("HTTP/1.1 200"), "{name}");
        }
        let output = run(&["health", "--server", &address]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        let output = run(&["health", "--server", &address, "--format", "json"]);
        assert_eq!(output.status.code(), Some(code));
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["checks"].as_array().unwrap().len(), settings.len());
        assert_eq!(answer["host"]["latest"], serde_json::Value::Null);
    }
}

#[test]
fn a_busy_port_is_one_line_that_names_the_flag() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap().to_string();
    let data = tempfile::tempdir().unwrap();
    for flag in ["--listen", "--otlp-grpc-listen", "--otlp-http-listen"] {
        let free = "127.0.0.1:0";
        let mut arguments = vec!["serve", "--data-dir", data.path().to_str().unwrap()];
        for other in ["--listen", "--otlp-grpc-listen", "--otlp-http-listen"] {
            arguments.extend([other, if other == flag { &address } else { free }]);
        }
        let output = run(&arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains(&address) && stderr.trim_end().ends_with(flag), "{stderr}");
    }
}

#[test]
fn a_data_directory_in_use_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let _first = Running::start(data.path());
    let output = watchkeep(&["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data.path())
        .args(["--otlp-grpc-listen", "off", "--otlp-http-listen", "off"])
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("in use by another process"), "{stderr}");
}

#[test]
fn a_wrong_configuration_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.yaml");
    std::fs::write(&path, "server:\n  listn: x\n").unwrap();
    let output = run(&["serve", "--config", path.to_str().unwrap()]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("line 2") && stderr.contains("listn"), "{stderr}");
    let output = watchkeep(&["serve"]).env("WATCHKEEP__LIMITS__TYPO", "1").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("WATCHKEEP__LIMITS__TYPO"), "{stderr}");
}

#[test]
fn version_and_openapi_are_printed() {
    for arguments in [["version"], ["--version"]] {
        let output = run(&arguments);
        let expect = concat!("watchkeep ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expect);
    }
    let document = run(&["openapi"]).stdout;
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json");
    assert_eq!(document, std::fs::read(golden).unwrap());
}

#[test]
fn traces_are_asked_for_and_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let server = Running::start(dir.path());
    let id = "0af7651916cd43dd8448eb211c80319c";
    let start = SystemClock.now_ns() - 60_000_000_000;
    let span = |id: &str, parent: &str, name: &str, from: i64, length: i64| {
        format!(
            r#"{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"{id}","parentSpanId":"{parent}",
            "name":"{name}","startTimeUnixNano":"{}","endTimeUnixNano":"{}"}}"#,
            start + from,
            start + from + length
        )
    };
    let spans = [
        span("00000000000000a1", "", "GET /cart", 0, 2_000_000),
        span("00000000000000a2", "00000000000000a1", "SELECT", 500_000, 1_000_000),
    ];
    let body = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name",
        "value":{{"stringValue":"shop"}}}}]}},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
        spans.join(",")
    );
    let sent = server.ask("POST", "/v1/traces", &body);
    assert!(sent.starts_with("HTTP/1.1 200"), "{sent}");
    let address = format!("http://{}", server.address);
    let ask = |arguments: &[&str]| {
        let output = run(&[arguments, &["--server", &address]].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.success(), text, String::from_utf8(output.stderr).unwrap())
    };
    let (ok, tree, _) = ask(&["trace", id]);
    assert!(ok && tree.contains("└─ SELECT") && tree.contains("2 spans  0 errors"), "{tree}");
    assert!(!tree.contains('\u{1b}'), "a pipe gets no colours: {tree:?}");
    let (ok, json, _) = ask(&["trace", id, "--json"]);
    assert!(ok && json.contains("\"span_count\": 2"), "{json}");
    let (ok, list, _) = ask(&["traces", "{ name = \"SELECT\" }"]);
    assert!(ok && list.contains(id) && list.contains("1 of 2    spans  shop: GET /cart"), "{list}");
    let (ok, none, _) = ask(&["traces", "{ status = error }"]);
    assert!(ok && none == "no traces\n", "{none}");
    let (ok, table, _) = ask(&["traces", "{ } | count_over_time() by (resource.service.name)"]);
    assert!(ok && table.contains("resource.service.name=\"shop\""), "{table}");
    let (ok, _, why) = ask(&["traces", "{"]);
    assert!(!ok && why.contains("not a TraceQL query: parse error at line 1, col 2"), "{why}");
    let (ok, _, why) = ask(&["trace", "abc"]);
    assert!(!ok && why.contains("no trace 00000000000000000000000000000abc"), "{why}");
}
