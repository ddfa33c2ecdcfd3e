//! The API of Prometheus, from remote write to the answers of queries.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use watchkeep_model::metrics::MetricKind;
use watchkeep_model::{Labels, MetricColumns};
use watchkeep_wire::compression::compress_snappy_block;
use watchkeep_wire::prometheus::remote_write::{Version, encode_v1, encode_v2};

use super::harness::{Answer, TestServer};

const HEADER: &str = "x-prometheus-remote-write-samples-written";
const START_MS: i64 = 1_700_000_000_000;

/// Two series of a counter, 15 seconds apart, one of them with dots in the name of a label.
fn batch() -> MetricColumns {
    let mut columns = MetricColumns::default();
    let sets = [
        Labels::from_pairs([("__name__", "jobs_total"), ("queue", "a"), ("http.status", "200")]),
        Labels::from_pairs([("__name__", "jobs_total"), ("queue", "b")]),
    ];
    for (row, labels) in sets.iter().enumerate() {
        columns.series.labels.push(labels.as_bytes());
        columns.series.delta.push(0);
        for step in 0..21_i64 {
            columns.floats.series.push(row as u32);
            columns.floats.time_ms.push(START_MS + step * 15_000);
            columns.floats.start_ms.push(0);
            columns.floats.value.push((step * 30 * (row as i64 + 1)) as f64);
        }
    }
    columns.metadata.family.push("jobs_total");
    columns.metadata.kind.push(MetricKind::Counter as u8);
    columns.metadata.unit.push("");
    columns.metadata.help.push("Jobs done.");
    columns
}

async fn write(server: &TestServer, version: Version, body: Vec<u8>) -> Answer {
    let headers = [("content-type", version.content_type()), ("content-encoding", "snappy")];
    let body = compress_snappy_block(&body).unwrap();
    server.send(Method::POST, "/api/v1/write", &headers, body).await
}

async fn filled() -> TestServer {
    let server = TestServer::start().await;
    let answer = write(&server, Version::V1, encode_v1(&batch()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{:?}", answer.body);
    server
}

async fn ask(server: &TestServer, path: &str) -> Value {
    let answer = server.send(Method::GET, path, &[], "").await;
    let document = answer.json();
    assert_eq!(answer.status, StatusCode::OK, "{path}: {document}");
    assert_eq!(document["status"], "success");
    document
}

#[tokio::test]
async fn only_answers_to_version_2_count_what_was_written() {
    let server = TestServer::start().await;
    let first = write(&server, Version::V1, encode_v1(&batch()).unwrap()).await;
    assert_eq!((first.status, first.header(HEADER)), (StatusCode::NO_CONTENT, ""));
    let second = write(&server, Version::V2, encode_v2(&batch()).unwrap()).await;
    assert_eq!((second.status, second.header(HEADER)), (StatusCode::NO_CONTENT, "42"));
    let broken = write(&server, Version::V2, b"\xff\xff".to_vec()).await;
    assert_eq!((broken.status, broken.header(HEADER)), (StatusCode::BAD_REQUEST, "0"));
}

#[tokio::test]
async fn what_is_not_remote_write_is_refused_by_kind() {
    let server = TestServer::start().await;
    let cases = [
        ("content-type", "application/json", &b"{}"[..], StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("content-encoding", "gzip", b"x", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("content-encoding", "snappy", b"no snappy", StatusCode::BAD_REQUEST),
        // Announces more than 32 MiB.
        ("content-encoding", "snappy", b"\xff\xff\xff\x7f", StatusCode::PAYLOAD_TOO_LARGE),
    ];
    for (name, value, body, expect) in cases {
        let headers = [(name, value)];
        let answer = server.send(Method::POST, "/api/v1/write", &headers, body.to_vec()).await;
        assert_eq!(answer.status, expect, "{headers:?}: {:?}", answer.body);
    }
}

#[tokio::test]
async fn queries_answer_at_the_root_and_below_the_prefix() {
    let server = filled().await;
    let at = START_MS / 1000 + 300;
    for base in ["", "/prometheus"] {
        let path = format!("{base}/api/v1/query?query=sum(jobs_total)&time={at}");
        assert_eq!(ask(&server, &path).await["data"]["result"][0]["value"], json!([at, "1800"]));
    }
    let path = format!(
        "/api/v1/query_range?query=jobs_total&start={}&end={at}&step=150&limit=1",
        START_MS / 1000
    );
    let ranged = ask(&server, &path).await;
    assert_eq!(ranged["data"]["resultType"], "matrix");
    assert_eq!(ranged["data"]["result"].as_array().unwrap().len(), 1);
    assert_eq!(ranged["warnings"], json!(["results truncated due to limit"]));
}

#[tokio::test]
async fn names_values_series_and_metadata_are_listed() {
    let server = filled().await;
    let names = ask(&server, "/api/v1/labels").await;
    assert_eq!(names["data"], json!(["__name__", "http.status", "queue"]));
    let escaped = ask(&server, "/api/v1/label/U__http_2e_status/values").await;
    assert_eq!(escaped["data"], json!(["200"]));
    let series = ask(&server, "/api/v1/series?match[]=jobs_total%7Bqueue=%22b%22%7D").await;
    assert_eq!(series["data"], json!([{ "__name__": "jobs_total", "queue": "b" }]));
    let metadata = ask(&server, "/api/v1/metadata").await;
    let about = json!([{ "type": "counter", "help": "Jobs done.", "unit": "" }]);
    assert_eq!(metadata["data"]["jobs_total"], about);
    let cardinality = ask(&server, "/api/v1/status/tsdb").await;
    assert_eq!(cardinality["data"]["headStats"]["numSeries"], 2);
}

#[tokio::test]
async fn a_query_is_formatted_and_taken_apart() {
    let server = TestServer::start().await;
    let pretty = ask(&server, "/api/v1/format_query?query=sum(rate(x%5B5m%5D))by(job)").await;
    assert_eq!(pretty["data"], "sum by (job) (rate(x[5m]))");
    let tree = ask(&server, "/api/v1/parse_query?query=-x%20offset%205m").await;
    assert_eq!(tree["data"]["type"], "unaryExpr");
    assert_eq!(tree["data"]["expr"]["offset"], 300_000);
}

#[tokio::test]
async fn errors_name_their_type() {
    let server = filled().await;
    let cases = [
        ("query?query=sum(", StatusCode::BAD_REQUEST, "bad_data"),
        ("query?query=x&time=noon", StatusCode::BAD_REQUEST, "bad_data"),
        ("query_range?query=x&start=0&end=100000&step=1", StatusCode::BAD_REQUEST, "bad_data"),
        ("query_range?query=x%5B5m%5D&start=0&end=1&step=1", StatusCode::BAD_REQUEST, "bad_data"),
        ("series", StatusCode::BAD_REQUEST, "bad_data"),
        ("admin/tsdb/delete_series", StatusCode::METHOD_NOT_ALLOWED, ""),
    ];
    for (path, status, kind) in cases {
        let answer = server.send(Method::GET, &format!("/api/v1/{path}"), &[], "").await;
        assert_eq!(answer.status, status, "{path}");
        if !kind.is_empty() {
            assert_eq!(answer.json()["errorType"], kind, "{path}");
        }
    }
    for path in ["/api/v1/nope", "/prometheus/api/v1/nope", "/prometheus/nope"] {
        let answer = server.send(Method::GET, path, &[], "").await;
        assert_eq!(
            (answer.status, answer.json()["errorType"].as_str()),
            (StatusCode::NOT_FOUND, Some("not_found"))
        );
    }
    let quit = server.send(Method::POST, "/-/quit", &[], "").await;
    assert_eq!(quit.status, StatusCode::FORBIDDEN);
    let graph =
        server.send(Method::GET, "/graph?g0.expr=up%7Ba=%22b%22%7D&g0.tab=1", &[], "").await;
    assert_eq!(graph.header("location"), "/explore/metrics?expr=up%7Ba%3D%22b%22%7D");
    let disabled =
        server.send(Method::POST, "/api/v1/admin/tsdb/delete_series?match[]=x", &[], "").await;
    assert_eq!(disabled.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(disabled.json()["error"], "admin APIs disabled");
}

#[tokio::test]
async fn text_is_imported_and_federated() {
    let server = TestServer::start().await;
    let text = "# TYPE up gauge\nup{job=\"a\"} 1\n";
    let path = "/api/v1/import/prometheus?extra_label=env=test";
    let answer = server.send(Method::POST, path, &[], text).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{:?}", answer.body);
    let federated = server.send(Method::GET, "/federate?match[]=up", &[], "").await;
    let body = String::from_utf8(federated.body.to_vec()).unwrap();
    assert!(body.contains("up{env=\"test\",job=\"a\",instance=\"\"} 1 "), "{body}");
    let broken = server.send(Method::POST, path, &[], "up{ 1\n").await;
    assert_eq!(broken.status, StatusCode::BAD_REQUEST);
    assert!(String::from_utf8_lossy(&broken.body).contains("line 1"), "{:?}", broken.body);
}
