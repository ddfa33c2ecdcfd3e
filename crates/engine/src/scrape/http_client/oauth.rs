//! Tokens of OAuth 2.0 by the client credentials grant (RFC 6749, section 4.4), kept until shortly
//! before they expire.

use std::time::{Duration, Instant};

use base64::Engine as _;
use serde::Deserialize;
use tokio::sync::Mutex;
use watchkeep_model::{Error, ErrorKind, Result};

use super::{HttpClient, read_body, text_or_file};
use crate::scrape::config::http::{HttpClientConfig, OAuth2};
use crate::scrape::config::values::Secret;
use crate::scrape::environment::Environment;

/// A token is replaced so long before it expires.
const EARLY: Duration = Duration::from_secs(10);

/// Bytes of an answer of the token server.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// How long the token server may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Gets tokens and keeps the last.
#[derive(Debug)]
pub(super) struct TokenSource {
    config: OAuth2,
    client: Box<HttpClient>,
    current: Mutex<Option<Token>>,
}

#[derive(Debug)]
struct Token {
    header: Secret,
    /// The secret that it was asked for with; a changed one asks again.
    client_secret: Secret,
    until: Option<Instant>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default)]
    token_type: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl TokenSource {
    pub(super) fn new(config: &OAuth2, environment: &Environment) -> Result<Self> {
        let http = HttpClientConfig {
            tls_config: config.tls_config.clone(),
            proxy: config.proxy.clone(),
            ..HttpClientConfig::default()
        };
        let client = Box::new(HttpClient::new(&http, environment)?);
        Ok(Self { config: config.clone(), client, current: Mutex::default() })
    }

    /// The value of the `Authorization` header.
    pub(super) async fn authorization(&self) -> Result<String> {
        let text =
            text_or_file(self.config.client_secret.expose(), &self.config.client_secret_file);
        let client_secret = Secret::new(text.await?);
        let mut current = self.current.lock().await;
        if let Some(token) = &*current {
            let fresh = token.until.is_none_or(|until| Instant::now() < until);
            if fresh && token.client_secret == client_secret {
                return Ok(token.header.expose().to_owned());
            }
        }
        let answer = self.ask(&client_secret).await?;
        let scheme = match answer.token_type.to_ascii_lowercase().as_str() {
            "" | "bearer" => "Bearer".to_owned(),
            "mac" => "MAC".to_owned(),
            "basic" => "Basic".to_owned(),
            _ => answer.token_type.clone(),
        };
        let lifetime = answer.expires_in.filter(|seconds| *seconds > 0).map(Duration::from_secs);
        let until = lifetime.and_then(|it| Instant::now().checked_add(it.saturating_sub(EARLY)));
        let header = format!("{scheme} {}", answer.access_token);
        *current = Some(Token { header: Secret::new(&*header), client_secret, until });
        Ok(header)
    }

    /// Asks with the credentials in a header, as the standard prefers, then in the body, which is
    /// what some servers insist on.
    async fn ask(&self, client_secret: &Secret) -> Result<Answer> {
        match self.ask_once(client_secret, true).await {
            Ok(answer) => Ok(answer),
            Err(error) if matches!(error.kind(), ErrorKind::Invalid) => {
                self.ask_once(client_secret, false).await.map_err(|_| error)
            }
            Err(error) => Err(error),
        }
    }

    async fn ask_once(&self, client_secret: &Secret, in_header: bool) -> Result<Answer> {
        let config = &self.config;
        let mut form = vec![("grant_type", "client_credentials")];
        let scopes = config.scopes.join(" ");
        if !scopes.is_empty() {
            form.push(("scope", &scopes));
        }
        if !in_header {
            form.push(("client_id", &config.client_id));
            form.push(("client_secret", client_secret.expose()));
        }
        form.extend(config.endpoint_params.iter().map(|(name, value)| (&**name, &**value)));
        let mut request = self
            .client
            .connections()
            .post(&config.token_url)
            .timeout(TIMEOUT)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form_text(&form));
        if in_header {
            let both =
                format!("{}:{}", form_value(&config.client_id), form_value(client_secret.expose()));
            let both = base64::engine::general_purpose::STANDARD.encode(both);
            request = request.header("authorization", format!("Basic {both}"));
        }
        let response = Box::pin(self.client.send(request)).await?;
        let status = response.status();
        let body = read_body(response, ANSWER_BYTES_MAX).await?;
        if !status.is_success() {
            return Err(Error::invalid(format!("oauth2: cannot fetch token: {status}")));
        }
        serde_json::from_slice(&body)
            .map_err(|_| Error::invalid("oauth2: the token server's answer is no token"))
    }
}

fn form_text(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", form_value(name), form_value(value)))
        .collect();
    pairs.join("&")
}

fn form_value(text: &str) -> String {
    crate::scrape::target::escape_query(text)
}
