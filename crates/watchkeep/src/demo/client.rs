//! Sends OTLP over HTTP as an SDK does: retries what the server asks to be retried, and says in
//! one line how to start a server that is not there. Makes budgets, too.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, StatusCode, Uri, header};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use watchkeep_model::{Error, Result};

use super::simulation::{Request, Signal};

const TIMEOUT: Duration = Duration::from_secs(30);
const ATTEMPTS_MAX: u32 = 8;
const WAIT_MAX: Duration = Duration::from_secs(10);
/// Longer answers are not read.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// A client of one server.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: HyperClient<HttpConnector, Full<Bytes>>,
    endpoint: String,
}

/// Why one attempt failed.
enum Failed {
    /// Nothing answers.
    Connection(String),
    /// The server asks for a retry, perhaps after a while.
    Busy(StatusCode, Option<Duration>),
    /// The server will never take this.
    Refused(Error),
}

impl Client {
    pub(super) fn new(endpoint: &str) -> Result<Self> {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let uri: Option<Uri> = endpoint.parse().ok();
        if !uri.is_some_and(|uri| uri.scheme_str() == Some("http") && uri.host().is_some()) {
            return Err(Error::invalid(format!(
                "--endpoint must be a URL such as http://127.0.0.1:4318, got {endpoint:?}"
            )));
        }
        let http = HyperClient::builder(TokioExecutor::new()).build_http();
        Ok(Self { http, endpoint })
    }

    /// The web UI of the server: beside the standard OTLP port it has its own, else they share one.
    pub(super) fn web_address(&self) -> String {
        match self.endpoint.strip_suffix(":4318") {
            Some(host) => format!("{host}:7070"),
            None => self.endpoint.clone(),
        }
    }

    /// Fails where nothing answers at the endpoint.
    pub(super) async fn check(&self) -> Result<()> {
        match self.attempt("/v1/traces", Bytes::new()).await {
            Err(Failed::Connection(cause)) => Err(self.unreachable(&cause)),
            Err(Failed::Refused(error)) => Err(error),
            // Starting or busy: `send` waits for it.
            Err(Failed::Busy(..)) | Ok(()) => Ok(()),
        }
    }

    /// Makes a budget where there is none of that id.
    pub(super) async fn make_budget(&self, id: &str, budget: &serde_json::Value) -> Result<()> {
        let at = format!("{}/api/watchkeep/v1/budgets", self.web_address());
        let one = format!("{at}/{id}");
        let mut is_there = self.ask(Method::GET, &one, Bytes::new()).await?;
        for attempt in 1..ATTEMPTS_MAX {
            if is_there != StatusCode::SERVICE_UNAVAILABLE {
                break;
            }
            tokio::time::sleep(Duration::from_millis(250 << attempt.min(5))).await;
            is_there = self.ask(Method::GET, &one, Bytes::new()).await?;
        }
        if is_there == StatusCode::OK {
            return Ok(());
        }
        match self.ask(Method::POST, &at, Bytes::from(budget.to_string())).await? {
            StatusCode::CREATED => Ok(()),
            status => Err(Error::invalid(format!("the server answered {status} to POST {at}"))),
        }
    }

    /// The status of the answer to a request as JSON.
    async fn ask(&self, method: Method, address: &str, body: Bytes) -> Result<StatusCode> {
        let failed = |why: String| Error::invalid(format!("{address}: {why}"));
        let request = hyper::Request::builder()
            .method(method)
            .uri(address)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| failed(error.to_string()))?;
        let answer = tokio::time::timeout(TIMEOUT, self.http.request(request)).await;
        let answer = answer.map_err(|_elapsed| failed(format!("no answer in {TIMEOUT:?}")))?;
        Ok(answer.map_err(|error| failed(why(&error)))?.status())
    }

    fn unreachable(&self, cause: &str) -> Error {
        Error::invalid(format!(
            "no server answers at {} ({cause}): start one with `watchkeep serve`, or name it \
             with --endpoint",
            self.endpoint
        ))
    }

    /// Sends a request, again while the server asks for that or can not be reached for a moment.
    pub(super) async fn send(&self, request: Request) -> Result<()> {
        let path = match request.signal {
            Signal::Traces => "/v1/traces",
            Signal::Logs => "/v1/logs",
            Signal::Metrics => "/v1/metrics",
        };
        let body = Bytes::from(request.body);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let backoff = Duration::from_millis(250 << attempt.min(5));
            let (wait, error) = match self.attempt(path, body.clone()).await {
                Ok(()) => return Ok(()),
                Err(Failed::Refused(error)) => return Err(error),
                Err(Failed::Connection(cause)) => (backoff, self.unreachable(&cause)),
                Err(Failed::Busy(status, after)) => {
                    let error = format!("the server keeps answering {status} to {path}");
                    (after.unwrap_or(backoff), Error::invalid(error))
                }
            };
            if attempt == ATTEMPTS_MAX {
                return Err(error);
            }
            tokio::time::sleep(wait.min(WAIT_MAX)).await;
        }
    }

    async fn attempt(&self, path: &str, body: Bytes) -> Result<(), Failed> {
        let refused = |what: String| Failed::Refused(Error::invalid(what));
        let request = hyper::Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", self.endpoint))
            .header(header::CONTENT_TYPE, "application/x-protobuf")
            .header(header::USER_AGENT, concat!("watchkeep-demo/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body))
            .map_err(|error| refused(error.to_string()))?;
        let answer = async {
            let response = self
                .http
                .request(request)
                .await
                .map_err(|error| Failed::Connection(why(&error)))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            Ok((head, body.map(http_body_util::Collected::to_bytes).unwrap_or_default()))
        };
        let (head, body) = tokio::time::timeout(TIMEOUT, answer)
            .await
            .map_err(|_elapsed| Failed::Connection(format!("no answer in {TIMEOUT:?}")))??;
        match head.status {
            // Anything but the empty message is a partial success.
            StatusCode::OK if body.is_empty() => Ok(()),
            StatusCode::OK => Err(refused(format!("the server left records out of {path}"))),
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => {
                let after = head.headers.get(header::RETRY_AFTER);
                let after = after.and_then(|text| text.to_str().ok()?.parse().ok());
                Err(Failed::Busy(head.status, after.map(Duration::from_secs)))
            }
            status => Err(refused(format!("the server answered {status} to {path}"))),
        }
    }
}

/// The innermost cause: "connection refused" rather than "client error".
fn why(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
