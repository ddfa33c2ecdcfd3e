//! Targets from a URL that answers with a list of groups in JSON.

use std::time::Duration;

use watchkeep_model::{Error, Result};

use super::group::{TargetGroup, parse_json};
use super::provider::Updates;
use crate::scrape::config::discovery::HttpConfig;
use crate::scrape::environment::Environment;
use crate::scrape::http_client::{HttpClient, read_body};

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// The label that names the URL.
const URL: &str = "__meta_url";

/// Asks one URL.
#[derive(Debug)]
pub(super) struct HttpDiscovery {
    url: String,
    interval: Duration,
    client: HttpClient,
}

impl HttpDiscovery {
    pub(super) fn new(config: &HttpConfig, environment: &Environment) -> Result<Self> {
        let client = HttpClient::new(&config.http, environment)?;
        Ok(Self { url: config.url.clone(), interval: config.refresh_interval, client })
    }

    pub(super) async fn run(self, updates: Updates) {
        updates.refresh_every(self.interval, || self.refresh()).await;
    }

    async fn refresh(&self) -> Result<Vec<TargetGroup>> {
        let request = self
            .client
            .get(&self.url)
            .timeout(self.interval)
            .header("accept", "application/json")
            .header(
                "x-prometheus-refresh-interval-seconds",
                self.interval.as_secs_f64().to_string(),
            );
        let response = self.client.send(request).await?;
        if response.status() != 200 {
            let status = response.status();
            return Err(Error::invalid(format!("server returned HTTP status {status}")));
        }
        let kind = response.headers().get("content-type");
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default().trim().to_owned();
        if !is_json(&kind) {
            return Err(Error::invalid(format!("unsupported content type {kind:?}")));
        }
        let body = read_body(response, ANSWER_BYTES_MAX).await?;
        let mut groups = parse_json(&body, &self.url)?;
        for group in &mut groups {
            group.labels.insert(URL.to_owned(), self.url.clone());
        }
        Ok(groups)
    }
}

/// Whether a media type is JSON, in UTF-8 if it says so.
fn is_json(kind: &str) -> bool {
    let lower = kind.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("application/json") else { return false };
    let rest = rest.strip_prefix(';').map_or(rest, str::trim_start);
    matches!(rest, "" | "charset=utf-8" | "charset=\"utf-8\"")
}
