//! An HTTP server: its status, and a text that its answer must have.

use memchr::memmem;
use reqwest::{Method, Url};
use watchkeep_model::{Error, Result};

use super::super::config::{CheckConfig, Hidden, Ranges};
use super::stream::Trust;
use super::{decoded, url, without_number};
use crate::scrape::config::http::{BasicAuth, HeaderValues, HttpClientConfig};
use crate::scrape::config::values::Secret;
use crate::scrape::environment::Environment;
use crate::scrape::http_client::HttpClient;

/// Bytes of an answer in which a text is looked for.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What is asked of an HTTP server.
#[derive(Debug)]
pub(in crate::health) struct Http {
    url: Hidden,
    pub(super) target: String,
    method: Method,
    client: HttpClientConfig,
    statuses: Ranges,
    text: Option<String>,
}

impl Http {
    pub(super) fn new(config: &CheckConfig) -> Result<Self> {
        let mut url = url(config, &["http", "https"])?;
        let method = config.method.as_deref().unwrap_or("GET").to_uppercase();
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| Error::invalid("method is no method of HTTP"))?;
        let statuses = match &config.expect_status {
            Some(statuses) => statuses.ranges()?,
            None => vec![(200, 399)],
        };
        let mut client = HttpClientConfig {
            tls_config: Trust::of(config).config(),
            ..HttpClientConfig::default()
        };
        if !url.username().is_empty() || url.password().is_some() {
            client.basic_auth = Some(BasicAuth {
                username: decoded(url.username()),
                password: Secret::new(decoded(url.password().unwrap_or_default())),
                ..BasicAuth::default()
            });
        }
        // These can not fail on a URL with a host.
        let _done = url.set_username("");
        let _done = url.set_password(None);
        for (name, value) in config.headers.iter().flatten() {
            let legal = reqwest::header::HeaderName::from_bytes(name.as_bytes()).is_ok();
            if !legal || reqwest::header::HeaderValue::from_str(value.expose()).is_err() {
                let name = crate::humane::short(name);
                return Err(Error::invalid(format!("headers.{name} can not be sent")));
            }
            let secrets = vec![Secret::new(value.expose())];
            let values = HeaderValues { secrets, ..HeaderValues::default() };
            client.http_headers.insert(name.clone(), values);
        }
        let target = shown(&url);
        let text = config.expect_body.clone();
        Ok(Self { url: Hidden::new(url), target, method, client, statuses, text })
    }

    pub(super) fn secrets(&self) -> Vec<String> {
        let mut secrets: Vec<String> = Vec::new();
        if let Some(auth) = &self.client.basic_auth {
            secrets.push(auth.password.expose().to_owned());
        }
        let headers = self.client.http_headers.values();
        secrets.extend(headers.flat_map(|it| &it.secrets).map(|it| it.expose().to_owned()));
        if let Ok(url) = Url::parse(self.url.expose()) {
            secrets.extend(url.query().map(str::to_owned));
            secrets.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
        }
        secrets
    }

    pub(super) async fn run(&self) -> Result<(), String> {
        let config = self.client.clone();
        // A client, and so a connection, for each run: that connecting works is part of the question.
        let made =
            tokio::task::spawn_blocking(move || HttpClient::new(&config, &Environment::default()));
        let made = made.await.map_err(|error| error.to_string())?;
        let client = made.map_err(|error| error.report())?;
        let request = client.request(self.method.clone(), self.url.expose());
        let mut response = client.send(request).await.map_err(|error| words(error.message()))?;
        let status = response.status().as_u16();
        if !self.statuses.iter().any(|(low, high)| (*low..=*high).contains(&status)) {
            return Err(format!("answered with status {}", response.status()));
        }
        let Some(text) = &self.text else { return Ok(()) };
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(_) => return Err("the answer broke off".to_owned()),
            }
            if memmem::find(&body, text.as_bytes()).is_some() {
                return Ok(());
            }
            if body.len() > BODY_BYTES_MAX {
                break;
            }
        }
        if memmem::find(&body, text.as_bytes()).is_some() {
            return Ok(());
        }
        Err("the answer does not have the text that is expected".to_owned())
    }
}

/// A URL as it may be shown: without user, password and parameters.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// The error of a request without what says nothing to people.
fn words(message: &str) -> String {
    let mut text = message;
    for prefix in ["client error (Connect): ", "tcp connect error: ", "dns error: "] {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    let text = without_number(text);
    if text == "Connection refused" { "connection refused".to_owned() } else { text }
}
