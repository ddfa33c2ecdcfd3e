//! One check as it is configured. Which keys it has depends on its type; what is secret is not printed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use watchkeep_model::{Error, Result};

use super::probe::Probe;
use crate::humane::HumaneDuration;
use crate::scrape::environment::Environment;

/// The longest that a check may take.
const TIMEOUT_MAX: Duration = Duration::from_mins(10);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckType {
    /// An HTTP server, for a page.
    Http,
    /// Whether a port takes connections.
    Tcp,
    /// A PostgreSQL server, for `SELECT 1`.
    Postgres,
    /// A server of Redis' protocol, for `PING`.
    Redis,
    /// A name server, for a record.
    Dns,
    /// A program, which ends with 0 where all is well.
    Command,
}

impl CheckType {
    /// The name in the configuration and in labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::Dns => "dns",
            Self::Command => "command",
        }
    }

    /// The keys of its own, those first that it must have.
    fn keys(self) -> (&'static [&'static str], &'static [&'static str]) {
        const TLS: [&str; 2] = ["insecure_skip_verify", "ca_file"];
        match self {
            Self::Http => {
                (&["url"], &["method", "headers", "expect_status", "expect_body", TLS[0], TLS[1]])
            }
            Self::Tcp => (&["address"], &[]),
            Self::Postgres | Self::Redis => (&["url"], &TLS),
            Self::Dns => (&["name"], &["record", "server", "expect"]),
            Self::Command => (&["command"], &[]),
        }
    }
}

/// A text that is not printed, since it may have a password.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

/// Statuses as people write them: `200`, `200-399`, or a list of such.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Statuses {
    /// One.
    Number(u16),
    /// A range, or several with commas.
    Text(String),
    /// Several.
    List(Vec<StatusItem>),
}

/// One of a list of statuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the names say it")]
pub enum StatusItem {
    Number(u16),
    Text(String),
}

/// Ranges of statuses, both ends included.
pub(super) type Ranges = Vec<(u16, u16)>;

impl Statuses {
    pub(super) fn ranges(&self) -> Result<Ranges> {
        let text = |text: &str| -> Result<Ranges> {
            text.split(',').map(|part| range(part.trim())).collect()
        };
        match self {
            Self::Number(status) => Ok(vec![range(&status.to_string())?]),
            Self::Text(all) => text(all),
            Self::List(all) => {
                let mut ranges = Ranges::new();
                for one in all {
                    match one {
                        StatusItem::Number(status) => ranges.push(range(&status.to_string())?),
                        StatusItem::Text(all) => ranges.extend(text(all)?),
                    }
                }
                if ranges.is_empty() {
                    return Err(Error::invalid("expect_status names none"));
                }
                Ok(ranges)
            }
        }
    }
}

fn range(text: &str) -> Result<(u16, u16)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let status = |text: &str| text.trim().parse().ok().filter(|it| (100..=599).contains(it));
    match (status(low), status(high)) {
        (Some(low), Some(high)) if low <= high => Ok((low, high)),
        _ => {
            let text = crate::humane::short(text);
            Err(Error::invalid(format!(
                "expect_status must be a status such as 200, or a range such as 200-399, got {text:?}"
            )))
        }
    }
}

fn interval() -> HumaneDuration {
    HumaneDuration(Duration::from_secs(30))
}

fn timeout() -> HumaneDuration {
    HumaneDuration(Duration::from_secs(5))
}

fn one() -> u32 {
    1
}

/// An entry of `health.checks`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/reference/config.md has them")]
pub struct CheckConfig {
    #[serde(rename = "type")]
    pub kind: CheckType,
    #[serde(default = "interval")]
    pub interval: HumaneDuration,
    #[serde(default = "timeout")]
    pub timeout: HumaneDuration,
    #[serde(default = "one")]
    pub failures: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Hidden>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, Hidden>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_status: Option<Statuses>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insecure_skip_verify: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
}

impl CheckConfig {
    /// A check of a type without anything else.
    pub fn new(kind: CheckType) -> Self {
        Self {
            kind,
            interval: interval(),
            timeout: timeout(),
            failures: one(),
            url: None,
            method: None,
            headers: None,
            expect_status: None,
            expect_body: None,
            insecure_skip_verify: None,
            ca_file: None,
            address: None,
            name: None,
            record: None,
            server: None,
            expect: None,
            command: None,
        }
    }

    /// The keys that are given, of those that not every type has.
    fn given(&self) -> Vec<&'static str> {
        let all = [
            ("url", self.url.is_some()),
            ("method", self.method.is_some()),
            ("headers", self.headers.is_some()),
            ("expect_status", self.expect_status.is_some()),
            ("expect_body", self.expect_body.is_some()),
            ("insecure_skip_verify", self.insecure_skip_verify.is_some()),
            ("ca_file", self.ca_file.is_some()),
            ("address", self.address.is_some()),
            ("name", self.name.is_some()),
            ("record", self.record.is_some()),
            ("server", self.server.is_some()),
            ("expect", self.expect.is_some()),
            ("command", self.command.is_some()),
        ];
        all.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect()
    }

    /// What is asked. Errors begin with the key that is wrong.
    pub(in crate::health) fn probe(&self, environment: &Environment) -> Result<Probe> {
        let kind = self.kind.name();
        let (needed, more) = self.kind.keys();
        let given = self.given();
        if let Some(key) = given.iter().find(|key| !needed.contains(key) && !more.contains(key)) {
            let mut known: Vec<&str> = needed.iter().chain(more).copied().collect();
            known.sort_unstable();
            return Err(Error::invalid(format!(
                "{key} is not a key of a check of type {kind}, which has {}",
                known.join(", ")
            )));
        }
        if let Some(key) = needed.iter().find(|key| !given.contains(key)) {
            return Err(Error::invalid(format!("{key} is missing; type {kind} needs it")));
        }
        if self.interval.0 < Duration::from_secs(1) {
            return Err(Error::invalid("interval must be at least 1s"));
        }
        if self.timeout.0.is_zero() || self.timeout.0 > TIMEOUT_MAX {
            return Err(Error::invalid("timeout must be more than 0 and at most 10m"));
        }
        if self.failures == 0 {
            return Err(Error::invalid("failures must be at least 1"));
        }
        Probe::new(self, environment)
    }
}
