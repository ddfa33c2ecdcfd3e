//! Section `sources` of the configuration: files to follow, syslog to listen for, and a configuration
//! of Promtail to take over.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use watchkeep_model::TenantId;

use crate::humane::{ByteSize, HumaneDuration};

/// Section `sources`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourcesConfig {
    /// Files to follow.
    pub files: Vec<FileSource>,
    /// Addresses on which syslog messages are taken.
    pub syslog: Vec<SyslogSource>,
    /// A configuration file of Promtail whose files and syslog listeners are added to these.
    pub promtail_config: Option<PathBuf>,
    /// Tenant that gets what is read.
    pub tenant: String,
    /// Time between two looks at the files.
    pub poll_interval: HumaneDuration,
    /// How long a file that was rotated away is read on after it last grew.
    pub rotated_wait: HumaneDuration,
    /// Files that are followed at one time; each is kept open.
    pub files_max: usize,
    /// Bytes of all files that are sent to the store at one time.
    pub batch_bytes_max: ByteSize,
    /// Connections of syslog open at one time, on each listener.
    pub syslog_connections_max: usize,
    /// Messages of syslog that wait to be stored; a datagram beyond them is dropped.
    pub syslog_queue_max: usize,
}

impl Default for SourcesConfig {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            syslog: Vec::new(),
            promtail_config: None,
            tenant: TenantId::default().to_string(),
            poll_interval: HumaneDuration(Duration::from_millis(500)),
            rotated_wait: HumaneDuration(Duration::from_secs(10)),
            files_max: 512,
            batch_bytes_max: ByteSize(4 << 20),
            syslog_connections_max: 256,
            syslog_queue_max: 8192,
        }
    }
}

/// Files to follow.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FileSource {
    /// Patterns of paths: `*`, `?`, `[…]`, `**` for any depth, `{a,b}`.
    pub paths: Vec<String>,
    /// Patterns of paths that are left out.
    pub exclude: Vec<String>,
    /// Labels of the stream; `filename` is added.
    pub labels: BTreeMap<String, String>,
    /// What the lines are.
    pub format: LineFormat,
    /// How lines are put together to messages.
    pub multiline: Option<Multiline>,
    /// Where reading of files begins that are there when the source looks for the first time.
    pub start_at: StartAt,
    /// Stages of Promtail.
    pub pipeline_stages: Vec<Value>,
}

/// What lines are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineFormat {
    /// Time from JSON or logfmt fields or from a date at the start of the line.
    #[default]
    Auto,
    /// Time from a field of a JSON object.
    Json,
    /// The time of arrival.
    Text,
    /// Files of Docker's `json-file` driver.
    Docker,
    /// Files of Kubernetes' container runtimes.
    Cri,
}

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartAt {
    /// With the first line.
    #[default]
    Beginning,
    /// With what is written from then on.
    End,
}

/// How lines are put together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Multiline {
    /// Matches the first line of a message.
    pub first_line: String,
    /// How long the last message waits for more of it.
    #[serde(default = "Multiline::default_wait")]
    pub max_wait: HumaneDuration,
    /// Lines of one message.
    #[serde(default = "Multiline::default_lines")]
    pub max_lines: usize,
}

impl Multiline {
    /// As in Promtail.
    pub(crate) const LINES_MAX: usize = 128;
    /// As in Promtail.
    pub(crate) const WAIT_MAX: Duration = Duration::from_secs(3);

    fn default_wait() -> HumaneDuration {
        HumaneDuration(Self::WAIT_MAX)
    }

    fn default_lines() -> usize {
        Self::LINES_MAX
    }
}

/// An address on which syslog messages are taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogSource {
    /// Address and port.
    pub listen: String,
    /// The transport.
    #[serde(default)]
    pub protocol: SyslogProtocol,
    /// TLS on TCP.
    #[serde(default)]
    pub tls: Option<SyslogTls>,
    /// Labels of the stream, beside those of the message.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Whether the time of the message counts, or that of its arrival.
    #[serde(default = "yes")]
    pub use_message_time: bool,
    /// Stages of Promtail.
    #[serde(default)]
    pub pipeline_stages: Vec<Value>,
}

fn yes() -> bool {
    true
}

/// The transport of syslog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyslogProtocol {
    /// RFC 6587, or RFC 5425 with TLS.
    #[default]
    Tcp,
    /// RFC 5426.
    Udp,
}

/// TLS of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogTls {
    /// Certificate chain, PEM.
    pub cert_file: PathBuf,
    /// Private key, PEM.
    pub key_file: PathBuf,
    /// Authorities, PEM: clients must have a certificate of one of them.
    #[serde(default)]
    pub client_ca_file: Option<PathBuf>,
}
