//! Requests to a server that says what it was asked.

use std::io::Write as _;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::config::ScrapeConfig;
use super::super::config::values::ScrapeProtocol;
use super::super::{Fetch as _, FetchError, Fetched, HttpFetch};
use super::{config, job, target};

/// Answers one request with these bytes; returns what was asked and what came of it.
async fn ask(config: ScrapeConfig, answer: Vec<u8>) -> (String, Result<Fetched, FetchError>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        // The client may have seen enough before all is written.
        let _any_outcome = stream.write_all(&answer).await;
        String::from_utf8(request).unwrap()
    });
    let job = job(config);
    let target = target(&job, &address.to_string());
    let fetched = HttpFetch { body_bytes_max: 1 << 20 }.fetch(&job, &target).await;
    (server.await.unwrap().to_lowercase(), fetched)
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut out =
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n").into_bytes();
    out.extend_from_slice(body);
    out
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_request_says_what_is_wanted() {
    let (request, fetched) =
        ask(config(), answer("200 OK", "content-type: text/plain\r\n", b"a 1\n")).await;
    let expect = Fetched { body: b"a 1\n".to_vec(), content_type: Some("text/plain".into()) };
    assert_eq!(fetched, Ok(expect));
    assert!(request.starts_with("get /metrics http/1.1\r\n"), "{request}");
    for line in [
        "accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
         application/openmetrics-text;version=0.0.1;q=0.5,\
         text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
         text/plain;version=0.0.4;q=0.3,*/*;q=0.2\r\n",
        "accept-encoding: gzip\r\n",
        "x-prometheus-scrape-timeout-seconds: 5\r\n",
        "user-agent: watchkeep/",
    ] {
        assert!(request.contains(line), "{line}\n{request}");
    }
}

#[tokio::test]
async fn formats_and_compression_are_the_jobs() {
    let config = ScrapeConfig {
        scrape_protocols: vec![ScrapeProtocol::PrometheusProto],
        enable_compression: false,
        ..config()
    };
    let (request, _) = ask(config, answer("200 OK", "", b"")).await;
    assert!(request.contains("encoding=delimited;q=0.6,*/*;q=0.5\r\n"), "{request}");
    assert!(request.contains("accept-encoding: identity\r\n"), "{request}");
}

#[tokio::test]
async fn a_packed_body_is_unpacked() {
    let packed = answer("200 OK", "content-encoding: gzip\r\n", &gzip(b"a 1\n"));
    assert_eq!(ask(config(), packed).await.1.unwrap().body, b"a 1\n");
    let damaged = answer("200 OK", "content-encoding: gzip\r\n", b"not packed");
    assert!(matches!(ask(config(), damaged).await.1, Err(FetchError::Failed(_))));
}

#[tokio::test]
async fn a_body_of_the_limit_is_too_large() {
    for (limit, fits) in [(10, true), (9, false), (0, true)] {
        for packed in [false, true] {
            let config = ScrapeConfig { body_size_limit: limit, ..config() };
            let answer = if packed {
                answer("200 OK", "content-encoding: gzip\r\n", &gzip(b"123456789"))
            } else {
                answer("200 OK", "", b"123456789")
            };
            let (_, fetched) = ask(config, answer).await;
            assert_eq!(fetched.is_ok(), fits, "{limit} {packed} {fetched:?}");
        }
    }
    let bomb = answer("200 OK", "content-encoding: gzip\r\n", &gzip(&vec![b'#'; 2 << 20]));
    assert_eq!(ask(config(), bomb).await.1, Err(FetchError::BodyTooLarge));
}

#[tokio::test]
async fn other_answers_are_failures() {
    let (_, fetched) = ask(config(), answer("404 Not Found", "", b"a 1\n")).await;
    let expect = FetchError::Failed("server returned HTTP status 404 Not Found".into());
    assert_eq!(fetched, Err(expect));
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\na 1\n".to_vec();
    let Err(FetchError::Failed(why)) = ask(config(), cut).await.1 else { panic!("not a failure") };
    assert!(why.starts_with("the answer's body broke off"), "{why}");
    let job = job(config());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let refused = HttpFetch { body_bytes_max: 9 }.fetch(&job, &target(&job, &address)).await;
    assert!(matches!(refused, Err(FetchError::Failed(_))), "{refused:?}");
}
