//! A client of HTTP with the credentials, TLS and proxy of a configuration. Secrets that stand in
//! files are read for every request, and TLS material that changed on disk makes a new connection
//! pool, so that rotation needs no reload.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Error, ErrorKind, Result};

use super::config::http::{HttpClientConfig, ProxyConfig, TlsConfig};
use super::environment::Environment;

mod oauth;
mod tls;

use oauth::TokenSource;
use tls::TlsMaterial;

/// How long an idle connection is kept: longer than any sane scrape interval.
const IDLE: Duration = Duration::from_mins(5);

/// How many redirects are followed.
const REDIRECTS_MAX: usize = 10;

/// What requests call their sender.
const USER_AGENT: &str = concat!("Watchkeep/", env!("CARGO_PKG_VERSION"));

/// The client. Clones share connections.
#[derive(Debug, Clone)]
pub struct HttpClient(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: HttpClientConfig,
    environment: Environment,
    unix_socket: Option<PathBuf>,
    /// The connections, and the TLS material that they were made with.
    current: Mutex<(TlsMaterial, reqwest::Client)>,
    tokens: Option<TokenSource>,
}

impl HttpClient {
    /// A client. Fails where certificates can not be read or used.
    pub fn new(config: &HttpClientConfig, environment: &Environment) -> Result<Self> {
        Self::build(config, environment, None)
    }

    /// A client that connects to a Unix socket whatever host it is asked for.
    pub fn over_unix_socket(
        config: &HttpClientConfig,
        environment: &Environment,
        path: &Path,
    ) -> Result<Self> {
        Self::build(config, environment, Some(path.to_owned()))
    }

    /// The same client through a Unix socket.
    pub fn at_unix_socket(&self, path: &Path) -> Result<Self> {
        Self::over_unix_socket(&self.0.config, &self.0.environment, path)
    }

    fn build(
        config: &HttpClientConfig,
        environment: &Environment,
        unix_socket: Option<PathBuf>,
    ) -> Result<Self> {
        let material = TlsMaterial::read(&config.tls_config)?;
        let client = connect(config, &material, environment, unix_socket.as_deref())?;
        let oauth = config.oauth2.as_deref();
        let tokens = oauth.map(|oauth| TokenSource::new(oauth, environment)).transpose()?;
        Ok(Self(Arc::new(Inner {
            config: config.clone(),
            environment: environment.clone(),
            unix_socket,
            current: Mutex::new((material, client)),
            tokens,
        })))
    }

    /// Begins a `GET`; hand it to [`HttpClient::send`], which adds credentials and headers.
    pub fn get(&self, url: &str) -> reqwest::RequestBuilder {
        self.connections().get(url)
    }

    /// Begins a `POST`, as [`HttpClient::get`] does.
    pub fn post(&self, url: &str) -> reqwest::RequestBuilder {
        self.connections().post(url)
    }

    /// Begins a request of any method, as [`HttpClient::get`] does.
    pub fn request(&self, method: reqwest::Method, url: &str) -> reqwest::RequestBuilder {
        self.connections().request(method, url)
    }

    fn connections(&self) -> reqwest::Client {
        self.0.current.lock().1.clone()
    }

    /// Sends a request with the configured credentials and headers. The answer's body is not read
    /// yet and its status not judged. An error names no secret.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response> {
        self.renew().await?;
        let (_, request) = request.build_split();
        let mut request = request.context(|| "cannot make the request".into())?;
        self.add_headers(request.headers_mut()).await?;
        self.connections().execute(request).await.map_err(|error| failure(&error))
    }

    /// Makes new connections where TLS files have changed.
    async fn renew(&self) -> Result<()> {
        let inner = &self.0;
        if !inner.config.tls_config.has_files() {
            return Ok(());
        }
        let tls = inner.config.tls_config.clone();
        let read = tokio::task::spawn_blocking(move || TlsMaterial::read(&tls));
        let material = read.await.context(|| "cannot read TLS files".into())??;
        let mut current = inner.current.lock();
        if current.0 != material {
            let path = inner.unix_socket.as_deref();
            let client = connect(&inner.config, &material, &inner.environment, path)?;
            *current = (material, client);
        }
        Ok(())
    }

    async fn add_headers(&self, headers: &mut HeaderMap) -> Result<()> {
        let config = &self.0.config;
        if let Some(auth) = &config.basic_auth {
            let name = text_or_file(&auth.username, &auth.username_file).await?;
            let password = text_or_file(auth.password.expose(), &auth.password_file).await?;
            let both = base64::Engine::encode(
                &base64::engine::general_purpose::STANDARD,
                format!("{name}:{password}"),
            );
            headers.insert(AUTHORIZATION, secret_header(&format!("Basic {both}"))?);
        }
        if let Some(auth) = &config.authorization {
            let text = text_or_file(auth.credentials.expose(), &auth.credentials_file).await?;
            headers.insert(AUTHORIZATION, secret_header(&format!("{} {text}", auth.scheme))?);
        }
        if let Some(tokens) = &self.0.tokens {
            headers.insert(AUTHORIZATION, secret_header(&tokens.authorization().await?)?);
        }
        for (name, values) in &config.http_headers {
            let shown = name;
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| Error::invalid(format!("{shown:?} is no name of a header")))?;
            let mut texts = values.values.clone();
            texts.extend(values.secrets.iter().map(|secret| secret.expose().to_owned()));
            for file in &values.files {
                texts.push(text_or_file("", file).await?);
            }
            headers.remove(&name);
            for text in texts {
                headers.append(name.clone(), secret_header(&text)?);
            }
        }
        Ok(())
    }
}

/// An error of a request as ours. The URL is left out: it may contain a password, and whoever asked
/// knows it.
fn failure(error: &reqwest::Error) -> Error {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&next.to_string());
        cause = next.source();
    }
    if text.is_empty() {
        text = "the request failed".into();
    }
    let kind = if error.is_timeout() {
        ErrorKind::Timeout
    } else {
        ErrorKind::Unavailable { retry_after: Duration::from_secs(1) }
    };
    Error::new(kind, text)
}

/// Settings of the TLS library for connections of another protocol. Blocks.
pub(crate) fn tls_client(config: &TlsConfig) -> Result<rustls::ClientConfig> {
    TlsMaterial::read(config)?.client_config(config)
}

/// Reads an answer's body, at most so many bytes.
pub async fn read_body(mut response: reqwest::Response, bytes_max: usize) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        if body.len() + chunk.len() > bytes_max {
            return Err(Error::invalid(format!("the answer is larger than {bytes_max} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A text, or what a file holds without blanks around it.
async fn text_or_file(text: &str, file: &Path) -> Result<String> {
    if file.as_os_str().is_empty() {
        return Ok(text.to_owned());
    }
    let content = tokio::fs::read_to_string(file).await;
    let content = content.context(|| format!("cannot read the secret in {}", file.display()))?;
    Ok(content.trim().to_owned())
}

fn secret_header(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Error::invalid("a configured header or credential has a control character"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn connect(
    config: &HttpClientConfig,
    material: &TlsMaterial,
    environment: &Environment,
    unix_socket: Option<&Path>,
) -> Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .pool_idle_timeout(IDLE)
        .tls_backend_preconfigured(material.client_config(&config.tls_config)?)
        .redirect(if config.follow_redirects {
            Policy::limited(REDIRECTS_MAX)
        } else {
            Policy::none()
        })
        .no_proxy();
    if !config.enable_http2 {
        builder = builder.http1_only();
    }
    for proxy in proxies(&config.proxy, environment)? {
        builder = builder.proxy(proxy);
    }
    if let Some(path) = unix_socket {
        builder = builder.unix_socket(path);
    }
    builder.build().context(|| "cannot make a client of HTTP".into())
}

fn proxies(config: &ProxyConfig, environment: &Environment) -> Result<Vec<reqwest::Proxy>> {
    let either = |upper: &str, lower: &str| {
        let upper = environment.get(upper);
        (if upper.is_empty() { environment.get(lower) } else { upper }).to_owned()
    };
    let mut proxies = Vec::new();
    let mut add = |url: &str, made: fn(&str) -> reqwest::Result<reqwest::Proxy>| {
        if url.is_empty() {
            return Ok(());
        }
        // The error is left out: it repeats the URL, which may hold a password.
        let proxy = made(url).map_err(|_| Error::invalid("the URL of the proxy is not valid"))?;
        proxies.push(proxy);
        Ok::<(), Error>(())
    };
    add(config.proxy_url.expose(), |url| reqwest::Proxy::all(url))?;
    let mut no_proxy = config.no_proxy.clone();
    if config.proxy_from_environment {
        add(&either("HTTP_PROXY", "http_proxy"), |url| reqwest::Proxy::http(url))?;
        add(&either("HTTPS_PROXY", "https_proxy"), |url| reqwest::Proxy::https(url))?;
        no_proxy = either("NO_PROXY", "no_proxy");
    }
    let mut headers = HeaderMap::new();
    for (name, values) in &config.proxy_connect_header {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Error::invalid(format!("{name:?} is no name of a header")))?;
        for value in values {
            headers.append(name.clone(), secret_header(value.expose())?);
        }
    }
    let finish = |proxy: reqwest::Proxy| {
        proxy.no_proxy(reqwest::NoProxy::from_string(&no_proxy)).headers(headers.clone())
    };
    Ok(proxies.into_iter().map(finish).collect())
}

impl TlsConfig {
    fn has_files(&self) -> bool {
        [&self.ca_file, &self.cert_file, &self.key_file]
            .iter()
            .any(|path| !path.as_os_str().is_empty())
    }
}

#[cfg(test)]
mod tests;
