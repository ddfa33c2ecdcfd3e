//! Configuration: defaults, then the YAML file, then the environment, then flags; each later one
//! wins. The crates own their sections; this puts them together, and makes errors say where the
//! wrong value stands. Read once, at start.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use watchkeep_engine::humane::{ByteSize, HumaneDuration};
use watchkeep_engine::{
    AgentsConfig, BudgetsConfig, FeedbackConfig, HealthConfig, LimitsConfig, LokiConfig,
    PricesConfig, RedactionConfig, SourcesConfig, SpanMetricsConfig, TracesConfig,
};
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Error, Matcher, Result, TenantId};
use watchkeep_server::{JaegerConfig, LegacyPortsConfig, OtlpConfig, ServerConfig};
use watchkeep_storage::embedded::{LogRetention, MetricRetention, Retention, StorageConfig};

use crate::cli::ServeArguments;

/// Variables of the environment that are settings start with this.
const PREFIX: &str = "WATCHKEEP__";

/// All settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) server: ServerConfig,
    pub(crate) otlp: OtlpConfig,
    pub(crate) jaeger: JaegerConfig,
    pub(crate) legacy_ports: LegacyPortsConfig,
    pub(crate) storage: StorageSection,
    pub(crate) scrape: ScrapeSection,
    pub(crate) sources: SourcesConfig,
    pub(crate) retention: RetentionSection,
    pub(crate) limits: LimitsConfig,
    pub(crate) loki: LokiConfig,
    pub(crate) span_metrics: SpanMetricsConfig,
    pub(crate) traces: TracesConfig,
    pub(crate) agents: AgentsConfig,
    pub(crate) feedback: FeedbackConfig,
    pub(crate) prices: PricesConfig,
    pub(crate) budgets: BudgetsConfig,
    pub(crate) redaction: RedactionConfig,
    pub(crate) health: HealthConfig,
    pub(crate) log: LogSection,
}

/// Section `storage`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StorageSection {
    /// Folder that holds the data.
    pub(crate) data_dir: PathBuf,
    /// Size of one segment of the write-ahead log.
    pub(crate) wal_segment_bytes: ByteSize,
    /// Bytes that may wait to be written to the log; beyond it requests are refused.
    pub(crate) wal_queue_bytes_max: ByteSize,
    /// Bytes of log after which everything is flushed, which bounds the time of a restart.
    pub(crate) wal_bytes_max: ByteSize,
    /// Bytes of spans, and likewise of logs, in memory after which they are flushed.
    pub(crate) table_bytes_max: ByteSize,
    /// Bytes of metrics in memory after which they are flushed.
    pub(crate) metrics_bytes_max: ByteSize,
    /// Bytes of all tables in memory; beyond it requests are refused.
    pub(crate) memory_bytes_max: ByteSize,
    /// Bytes of what was lately read of parts of metrics that are kept in memory.
    pub(crate) metrics_cache_bytes_max: ByteSize,
    /// Bytes of blocks of spans, with what was unpacked of them, that were lately read and are kept
    /// in memory.
    pub(crate) spans_cache_bytes_max: ByteSize,
    /// Spans that are remembered, to leave out those that are sent again; 0 remembers none.
    pub(crate) resent_spans_max: usize,
    /// How long a request waits for room in memory before it is refused.
    pub(crate) room_wait_max: HumaneDuration,
    /// Age of the oldest row in memory after which a table is flushed.
    pub(crate) flush_interval: HumaneDuration,
}

impl Default for StorageSection {
    fn default() -> Self {
        let defaults = StorageConfig::new("watchkeep-data");
        Self {
            data_dir: defaults.data_dir,
            wal_segment_bytes: ByteSize(defaults.wal_segment_bytes),
            wal_queue_bytes_max: ByteSize(defaults.wal_queue_bytes_max as u64),
            wal_bytes_max: ByteSize(defaults.wal_bytes_max),
            table_bytes_max: ByteSize(defaults.table_bytes_max),
            metrics_bytes_max: ByteSize(defaults.metrics_bytes_max),
            memory_bytes_max: ByteSize(defaults.memory_bytes_max),
            metrics_cache_bytes_max: ByteSize(defaults.metrics_cache_bytes_max as u64),
            spans_cache_bytes_max: ByteSize(defaults.spans_cache_bytes_max as u64),
            resent_spans_max: defaults.resent_spans_max,
            room_wait_max: HumaneDuration(defaults.room_wait_max),
            flush_interval: HumaneDuration(defaults.flush_interval),
        }
    }
}

/// Section `scrape`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ScrapeSection {
    /// A configuration file of Prometheus that says what to scrape.
    pub(crate) config_file: Option<PathBuf>,
    /// Tenant that gets what is scraped.
    pub(crate) tenant: String,
}

impl Default for ScrapeSection {
    fn default() -> Self {
        Self { config_file: None, tenant: TenantId::default().to_string() }
    }
}

/// Section `retention`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RetentionSection {
    /// How long data is kept; 0 means for ever, and takes samples of any age.
    pub(crate) age: HumaneDuration,
    /// Bytes of parts on disk beyond which the oldest go; 0 means no bound.
    pub(crate) size_max: ByteSize,
    /// Series of metrics that are kept for another time; the first that matches decides.
    pub(crate) metrics: Vec<MetricsRule>,
    /// Streams of logs that are kept for another time; the first that matches decides.
    pub(crate) logs: Vec<LogsRule>,
}

/// How long some streams of logs are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogsRule {
    /// As in LogQL.
    pub(crate) selector: Selector,
    /// 0 means for ever.
    #[serde(alias = "age_max")]
    pub(crate) age: HumaneDuration,
}

impl LogsRule {
    fn rule(&self) -> LogRetention {
        let age_max = Some(self.age.0).filter(|age| !age.is_zero());
        LogRetention { matchers: self.selector.matchers.clone(), age_max }
    }
}

/// How long some series of metrics are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricsRule {
    /// As in PromQL.
    pub(crate) selector: Selector,
    /// 0 means for ever.
    pub(crate) age: HumaneDuration,
}

impl MetricsRule {
    fn rule(&self) -> MetricRetention {
        let age_max = Some(self.age.0).filter(|age| !age.is_zero());
        MetricRetention { matchers: self.selector.matchers.clone(), age_max }
    }
}

/// A selector of series as in PromQL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Selector {
    text: String,
    matchers: Vec<Matcher>,
}

impl TryFrom<String> for Selector {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let matchers = watchkeep_promql::parse_selector(&text)
            .map_err(|error| format!("{text:?} selects no series: {}", error.display(&text)))?;
        Ok(Self { text, matchers })
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> Self {
        selector.text
    }
}

impl Default for RetentionSection {
    fn default() -> Self {
        Self {
            age: HumaneDuration(Duration::from_hours(30 * 24)),
            size_max: ByteSize(0),
            metrics: Vec::new(),
            logs: Vec::new(),
        }
    }
}

/// Section `log`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogSection {
    /// What the server's own log shows: `error`, `warn`, `info`, `debug`, `trace`, or directives
    /// such as `info,watchkeep_storage=debug`.
    pub(crate) level: String,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { level: "info".into() }
    }
}

impl Config {
    /// Puts the layers together.
    pub(crate) fn load(
        arguments: &ServeArguments,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        let mut config = match &arguments.config {
            Some(path) => Self::from_file(path)?,
            None => Self::default(),
        };
        let mut variables: Vec<(String, String)> =
            environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        variables.sort();
        for (name, text) in &variables {
            config = config.with_variable(name, text)?;
        }
        config.apply(arguments);
        config.limits.check()?;
        config.loki.check()?;
        config.jaeger.check()?;
        config.span_metrics.check()?;
        config.traces.check()?;
        config.agents.check()?;
        config.feedback.check()?;
        config.prices.check()?;
        config.budgets.check()?;
        config.redaction.redactor()?;
        config.health.check()?;
        config.otlp.metrics.options()?;
        config.storage.data_dir = std::path::absolute(&config.storage.data_dir)
            .context(|| "cannot tell where storage.data_dir is".into())?;
        Ok(config)
    }

    /// What the embedded engine is handed.
    pub(crate) fn storage(&self) -> StorageConfig {
        let unless_zero = |bytes: u64| (bytes > 0).then_some(bytes);
        StorageConfig {
            data_dir: self.storage.data_dir.clone(),
            wal_segment_bytes: self.storage.wal_segment_bytes.0,
            wal_queue_bytes_max: self.storage.wal_queue_bytes_max.bytes(),
            wal_bytes_max: self.storage.wal_bytes_max.0,
            table_bytes_max: self.storage.table_bytes_max.0,
            metrics_bytes_max: self.storage.metrics_bytes_max.0,
            memory_bytes_max: self.storage.memory_bytes_max.0,
            metrics_cache_bytes_max: self.storage.metrics_cache_bytes_max.bytes(),
            spans_cache_bytes_max: self.storage.spans_cache_bytes_max.bytes(),
            series_max: self.limits.series_max,
            resent_spans_max: self.storage.resent_spans_max,
            room_wait_max: self.storage.room_wait_max.0,
            flush_interval: self.storage.flush_interval.0,
            retention: Retention {
                age_max: Some(self.retention.age.0).filter(|age| !age.is_zero()),
                bytes_max: unless_zero(self.retention.size_max.0),
            },
            metric_retention: self.retention.metrics.iter().map(MetricsRule::rule).collect(),
            log_retention: self.retention.logs.iter().map(LogsRule::rule).collect(),
        }
    }

    fn from_file(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .context(|| format!("cannot read the configuration file {shown}"))?;
        Self::from_yaml(&text)
            .map_err(|message| Error::invalid(format!("configuration file {shown}, {message}")))
    }

    fn from_yaml(text: &str) -> Result<Self, String> {
        if text.lines().all(|line| line.trim().is_empty() || line.trim().starts_with('#')) {
            return Ok(Self::default());
        }
        serde_saphyr::from_str(text).map_err(|error| {
            let message = error.without_snippet().to_string();
            match error.location() {
                Some(at) => format!("line {}: {message}", at.line()),
                None => message,
            }
        })
    }

    /// The configuration with one variable of the environment applied.
    fn with_variable(&self, name: &str, text: &str) -> Result<Self> {
        let path = name.trim_start_matches(PREFIX).to_lowercase();
        let keys: Vec<&str> = path.split("__").collect();
        let place = |value: Value| {
            let mut all = serde_json::to_value(self).map_err(|error| error.to_string())?;
            put(&mut all, &keys, value)?;
            serde_json::from_value::<Self>(all).map_err(|error| error.to_string())
        };
        // As text first: sizes, durations, addresses. Then as what YAML makes of it: numbers,
        // truth values, lists.
        place(Value::String(text.to_owned()))
            .or_else(|as_text| match serde_saphyr::from_str::<Value>(text) {
                Ok(value) if !value.is_string() => place(value),
                _ => Err(as_text),
            })
            .map_err(|message| Error::invalid(format!("environment variable {name}: {message}")))
    }

    fn apply(&mut self, arguments: &ServeArguments) {
        fn set<T: Clone>(target: &mut T, flag: Option<&T>) {
            if let Some(value) = flag {
                *target = value.clone();
            }
        }
        set(&mut self.storage.data_dir, arguments.data_dir.as_ref());
        set(&mut self.server.listen, arguments.listen.as_ref());
        set(&mut self.server.otlp_grpc_listen, arguments.otlp_grpc_listen.as_ref());
        set(&mut self.server.otlp_http_listen, arguments.otlp_http_listen.as_ref());
        set(&mut self.retention.age, arguments.retention.as_ref());
        if arguments.scrape_config.is_some() {
            self.scrape.config_file.clone_from(&arguments.scrape_config);
        }
        self.legacy_ports.enabled |= arguments.legacy_ports;
        self.server.admin_api |= arguments.admin_api;
        self.server.lifecycle_api |= arguments.lifecycle_api;
    }
}

/// Sets a member of nested objects.
fn put(all: &mut Value, keys: &[&str], value: Value) -> Result<(), String> {
    let mut place = all;
    for key in keys {
        let members = place
            .as_object_mut()
            .ok_or_else(|| format!("there is no section that has a key {key}"))?;
        // A key that is not known is found by `deny_unknown_fields`, which names the known ones.
        place = members.entry((*key).to_owned()).or_insert_with(|| Value::Object(Map::new()));
    }
    *place = value;
    Ok(())
}

#[cfg(test)]
mod tests;
