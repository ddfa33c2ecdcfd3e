//! Asking, once: one file a kind. A probe says in words why something is not well; who calls it sees to
//! the time, and to what may be shown.

mod command;
mod dns;
mod http;
mod pg_auth;
mod postgres;
mod redis;
mod stream;
#[cfg(test)]
mod tests;

use std::io;

use percent_encoding::percent_decode_str;
use reqwest::Url;
use watchkeep_model::{Error, Result};

use super::config::{CheckConfig, CheckType, Hidden};
use crate::scrape::environment::Environment;

/// What is asked.
#[derive(Debug)]
pub(in crate::health) enum Probe {
    Http(Box<http::Http>),
    Tcp(String),
    Postgres(postgres::Postgres),
    Redis(redis::Redis),
    Dns(dns::Dns),
    Command(command::Program),
}

impl Probe {
    /// Errors begin with the key that is wrong.
    pub(super) fn new(config: &CheckConfig, environment: &Environment) -> Result<Self> {
        Ok(match config.kind {
            CheckType::Http => Self::Http(Box::new(http::Http::new(config)?)),
            CheckType::Tcp => Self::Tcp(address(config)?),
            CheckType::Postgres => Self::Postgres(postgres::Postgres::new(config)?),
            CheckType::Redis => Self::Redis(redis::Redis::new(config)?),
            CheckType::Dns => Self::Dns(dns::Dns::new(config)?),
            CheckType::Command => Self::Command(command::Program::new(config, environment)?),
        })
    }

    /// Asks. The error is for people.
    pub(super) async fn run(&self) -> Result<(), String> {
        match self {
            Self::Http(http) => http.run().await,
            Self::Tcp(address) => stream::connect(address).await.map(|_connection| ()),
            Self::Postgres(postgres) => postgres.run().await,
            Self::Redis(redis) => redis.run().await,
            Self::Dns(dns) => dns.run().await,
            Self::Command(command) => command::run(command).await,
        }
    }

    /// What is asked, without secrets.
    pub(super) fn target(&self) -> String {
        match self {
            Self::Http(http) => http.target.clone(),
            Self::Tcp(address) => address.clone(),
            Self::Postgres(postgres) => postgres.target(),
            Self::Redis(redis) => redis.target(),
            Self::Dns(dns) => dns.target(),
            Self::Command(program) => program.target(),
        }
    }

    /// What must not be shown.
    pub(super) fn secrets(&self) -> Vec<String> {
        let mut secrets = match self {
            Self::Http(http) => http.secrets(),
            Self::Postgres(postgres) => vec![postgres.password.expose().to_owned()],
            Self::Redis(redis) => vec![redis.password.expose().to_owned()],
            Self::Tcp(_) | Self::Dns(_) | Self::Command(_) => Vec::new(),
        };
        secrets.retain(|secret| !secret.is_empty());
        // What contains another goes first.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets
    }
}

fn address(config: &CheckConfig) -> Result<String> {
    let address = config.address.as_deref().unwrap_or_default().trim();
    let port = address.rsplit_once(':').and_then(|(host, port)| {
        let host = host.trim_matches(['[', ']']);
        (!host.is_empty()).then(|| port.parse::<u16>().ok())?
    });
    match port {
        Some(port) if port > 0 => Ok(address.to_owned()),
        _ => Err(Error::invalid("address must be host:port, such as db.example:5432")),
    }
}

/// A server that a URL names.
#[derive(Debug, Clone)]
struct Place {
    host: String,
    port: u16,
}

impl Place {
    fn of(url: &Url, port: u16) -> Result<Self> {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        if host.is_empty() {
            return Err(Error::invalid("url names no host"));
        }
        Ok(Self { host: decoded(host), port: url.port().unwrap_or(port) })
    }

    fn address(&self) -> String {
        let Self { host, port } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// Reads a URL of some schemes. An error does not repeat it.
fn url(config: &CheckConfig, schemes: &[&str]) -> Result<Url> {
    let text = config.url.as_ref().map(Hidden::expose).unwrap_or_default();
    let wrong = || {
        let schemes: Vec<String> = schemes.iter().map(|scheme| format!("{scheme}://")).collect();
        Error::invalid(format!("url must be a URL that begins with {}", schemes.join(" or ")))
    };
    let url = Url::parse(text).map_err(|_| wrong())?;
    if schemes.contains(&url.scheme()) { Ok(url) } else { Err(wrong()) }
}

/// A part of a URL as it was meant.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// An error of the operating system in the words that people know.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "the connection was reset".to_owned(),
        io::ErrorKind::UnexpectedEof => "the connection was closed".to_owned(),
        io::ErrorKind::HostUnreachable => "the host is unreachable".to_owned(),
        io::ErrorKind::NetworkUnreachable => "the network is unreachable".to_owned(),
        io::ErrorKind::TimedOut => "the connection timed out".to_owned(),
        _ => without_number(&error.to_string()),
    }
}

/// A text without the number of an error at its end.
fn without_number(text: &str) -> String {
    match text.rsplit_once(" (os error ") {
        Some((text, _)) => text.to_owned(),
        None => text.to_owned(),
    }
}
