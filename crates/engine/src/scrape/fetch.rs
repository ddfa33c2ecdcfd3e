//! Asking a target for its exposition.

use std::fmt::Write as _;

use async_trait::async_trait;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use watchkeep_model::ErrorKind;
use watchkeep_wire::compression::decompress;

use super::config::ScrapeConfig;
use super::config::values::ScrapeProtocol;
use super::job::Job;
use super::target::Target;

/// The header that tells a target how long it has.
const TIMEOUT_HEADER: &str = "X-Prometheus-Scrape-Timeout-Seconds";

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fetched {
    /// The body, unpacked.
    pub body: Vec<u8>,
    /// `Content-Type`.
    pub content_type: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// The body is larger than `body_size_limit`, or than any may be.
    BodyTooLarge,
    /// Anything else, in words.
    Failed(String),
}

impl std::fmt::Display for FetchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BodyTooLarge => f.write_str("body size limit exceeded"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

/// Whoever asks targets. The loop sees to the time that an answer may take.
#[async_trait]
pub trait Fetch: Send + Sync + std::fmt::Debug + 'static {
    /// Asks a target once.
    async fn fetch(&self, job: &Job, target: &Target) -> Result<Fetched, FetchError>;
}

/// Asks over HTTP, with the client of the job.
#[derive(Debug, Clone, Copy)]
pub struct HttpFetch {
    /// Bytes of an unpacked body that are taken whatever the job allows.
    pub body_bytes_max: usize,
}

#[async_trait]
impl Fetch for HttpFetch {
    async fn fetch(&self, job: &Job, target: &Target) -> Result<Fetched, FetchError> {
        let limit = self.limit(&job.config);
        let client = match target.unix_socket() {
            Some(path) => job.client.at_unix_socket(path.as_ref()).map_err(|e| failed(&e))?,
            None => job.client.clone(),
        };
        let encoding = if job.config.enable_compression { "gzip" } else { "identity" };
        let request = client
            .get(target.url())
            .header(ACCEPT, accept(&job.config))
            .header(ACCEPT_ENCODING, encoding)
            .header(TIMEOUT_HEADER, target.timeout().as_secs_f64().to_string());
        let mut response = client.send(request).await.map_err(|error| failed(&error))?;
        let status = response.status();
        if status != reqwest::StatusCode::OK {
            return Err(FetchError::Failed(format!("server returned HTTP status {status}")));
        }
        let header = |name| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let content_type = header(CONTENT_TYPE);
        let packed = header(CONTENT_ENCODING).is_some_and(|name| name == "gzip");
        // The job's limit is on what comes out.
        let sent_max = if packed { self.body_bytes_max } else { limit };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| lost(&e))? {
            if body.len() + chunk.len() > sent_max {
                return Err(FetchError::BodyTooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        if packed {
            body = unpack(body, limit).await?;
        }
        Ok(Fetched { body, content_type })
    }
}

impl HttpFetch {
    /// Bytes that a body may have; one as large as `body_size_limit` is too large already.
    fn limit(self, config: &ScrapeConfig) -> usize {
        let limit = config.body_size_limit;
        let job = if limit == 0 { u64::MAX } else { limit - 1 };
        usize::try_from(job).unwrap_or(usize::MAX).min(self.body_bytes_max)
    }
}

async fn unpack(body: Vec<u8>, limit: usize) -> Result<Vec<u8>, FetchError> {
    let unpacked = tokio::task::spawn_blocking(move || {
        decompress(Some("gzip"), &body, limit).map(std::borrow::Cow::into_owned)
    });
    match unpacked.await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if matches!(error.kind(), ErrorKind::TooLarge { .. }) => {
            Err(FetchError::BodyTooLarge)
        }
        Ok(Err(error)) => Err(failed(&error)),
        Err(error) => Err(FetchError::Failed(format!("unpacking was given up: {error}"))),
    }
}

fn failed(error: &watchkeep_model::Error) -> FetchError {
    FetchError::Failed(error.report())
}

fn lost(error: &reqwest::Error) -> FetchError {
    // The text of the error itself repeats the URL, which may hold a password.
    let cause = std::error::Error::source(error).map_or_else(String::new, |e| format!(": {e}"));
    FetchError::Failed(format!("the answer's body broke off{cause}"))
}

/// The formats that are asked for, the first liked most.
fn accept(config: &ScrapeConfig) -> String {
    // As in Prometheus, counted from the formats that there are and not from those asked for.
    let mut weight = ScrapeProtocol::PROTOBUF_FIRST.len() + 1;
    let mut out = String::new();
    for protocol in &config.scrape_protocols {
        out.push_str(protocol.media_type());
        // Older versions know no escaping.
        let newer = [ScrapeProtocol::PrometheusText1_0_0, ScrapeProtocol::OpenMetricsText1_0_0];
        if newer.contains(protocol) {
            out.push_str(";escaping=");
            out.push_str(config.metric_name_escaping_scheme.name());
        }
        write!(out, ";q=0.{weight},").expect("writing to a string does not fail");
        weight = weight.saturating_sub(1);
    }
    write!(out, "*/*;q=0.{weight}").expect("writing to a string does not fail");
    out
}
