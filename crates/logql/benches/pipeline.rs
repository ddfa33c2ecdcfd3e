//! Megabytes of lines put through a pipeline a second, for lines like those of AI agents (JSON of
//! about 300 bytes) and of a gateway (logfmt): `cargo bench -p watchkeep-logql --bench pipeline`.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use watchkeep_logql::parse_log;
use watchkeep_logql::pipeline::{Pipeline, PipelineOptions};
use watchkeep_model::Labels;

const LINES: usize = 2000;

fn main() {
    divan::main();
}

fn json_line(at: usize) -> String {
    format!(
        r#"{{"timestamp":"2025-06-02T10:00:{:02}.{at:06}Z","level":"{}","msg":"tool call finished","trace_id":"{:016x}","model":"claude-3","tokens_in":{},"tokens_out":{},"cost_usd":0.0{},"latency_ms":{},"tool":{{"name":"search","status":"ok"}},"user":{{"id":"u{}","addr":"10.0.{}.7"}},"stream":true}}"#,
        at % 60,
        ["info", "info", "warn", "error"][at % 4],
        at * 7919,
        at % 8000,
        at % 1500,
        at % 97,
        at % 9000,
        at % 50,
        at % 250,
    )
}

fn logfmt_line(at: usize) -> String {
    format!(
        r#"level=info method=POST path=/v1/chat status={} duration={}ms size={}KB ip=10.0.{}.7 user=erin err="no healthy upstream""#,
        [200, 404, 500][at % 3],
        at % 900,
        at % 700,
        at % 250,
    )
}

fn run(bencher: Bencher<'_, '_>, stages: &str, needed: Option<&str>, line: fn(usize) -> String) {
    let query = parse_log(&format!("{{app=\"a\"}} {stages}")).unwrap_or_else(|e| panic!("{e}"));
    let needed = needed.map(|name| vec![name.to_owned()]);
    let options = PipelineOptions { needed, ..PipelineOptions::default() };
    let pipeline = Pipeline::new(&query.stages, options).unwrap_or_else(|e| panic!("{e}"));
    let lines: Vec<String> = (0..LINES).map(line).collect();
    let bytes: usize = lines.iter().map(String::len).sum();
    let stream = Labels::from_pairs([("app", "a"), ("env", "prod"), ("instance", "agent-0")]);
    let metadata = [("request_id", "r1"), ("tier", "pro")];
    let mut runner = pipeline.runner();
    bencher.counter(BytesCount::new(bytes)).counter(ItemsCount::new(LINES)).bench_local(|| {
        let kept =
            |line: &&String| runner.process(&stream, metadata.into_iter(), 0, line).is_some();
        lines.iter().filter(kept).count()
    });
}

#[divan::bench]
fn line_filter(bencher: Bencher<'_, '_>) {
    run(bencher, r#"|= "rror""#, None, json_line);
}

#[divan::bench]
fn json_one_field(bencher: Bencher<'_, '_>) {
    run(bencher, r#"| json level="level""#, None, json_line);
}

#[divan::bench]
fn json_nested_field(bencher: Bencher<'_, '_>) {
    run(bencher, r#"| json id="user.id""#, None, json_line);
}

#[divan::bench]
fn json_whole(bencher: Bencher<'_, '_>) {
    run(bencher, "| json", None, json_line);
}

#[divan::bench]
fn json_whole_filtered(bencher: Bencher<'_, '_>) {
    run(bencher, "| json | latency_ms > 5000", None, json_line);
}

#[divan::bench]
fn json_needed_only(bencher: Bencher<'_, '_>) {
    run(bencher, "| json", Some("level"), json_line);
}

#[divan::bench]
fn logfmt_whole(bencher: Bencher<'_, '_>) {
    run(bencher, "| logfmt", None, logfmt_line);
}

#[divan::bench]
fn pattern(bencher: Bencher<'_, '_>) {
    run(bencher, "| pattern `level=<level> method=<method> path=<path> <_>`", None, logfmt_line);
}

#[divan::bench]
fn regexp(bencher: Bencher<'_, '_>) {
    run(bencher, r"| regexp `status=(?P<status>\d+)`", None, logfmt_line);
}
