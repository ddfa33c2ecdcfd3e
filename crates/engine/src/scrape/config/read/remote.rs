//! Reads the sections that name other systems: `alerting`, `remote_write`, `remote_read` and
//! `tracing`.

use std::time::Duration;

use watchkeep_model::{Error, Result};

use super::{discovery, http, relabel};
use crate::scrape::config::http::HttpClientConfig;
use crate::scrape::config::names::NameValidation;
use crate::scrape::config::remote::{
    AlertingConfig, AlertmanagerConfig, MetadataConfig, QueueConfig, RemoteReadConfig,
    RemoteWriteConfig, TracingConfig,
};
use crate::scrape::config::section::{Reading, Section};
use crate::scrape::config::values::Secret;
use crate::scrape::config::yaml::{Node, error_at};

/// Headers of a request to a remote that can not be set.
const RESERVED_HEADERS: [&str; 16] = [
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "accept-encoding",
    "x-prometheus-remote-write-version",
    "x-prometheus-remote-read-version",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

fn check_headers<'a>(
    names: impl IntoIterator<Item = &'a String>,
    authorization: &str,
) -> Result<()> {
    for name in names {
        let lower = name.to_lowercase();
        if lower == "authorization" {
            return Err(Error::invalid(authorization));
        }
        if RESERVED_HEADERS.contains(&lower.as_str()) {
            let message = format!("{name} is a reserved header. It must not be changed");
            return Err(Error::invalid(message));
        }
    }
    Ok(())
}

const REMOTE_AUTHORIZATION: &str = "authorization header must be changed via the basic_auth, \
     authorization, oauth2, sigv4, azuread or google_iam parameter";

/// Signing by a cloud provider: known, and not offered.
fn clouds(own: &mut Section<'_>, keys: &[&'static str], reading: &mut Reading) {
    for key in keys {
        if let Some(line) = own.line_of(key) {
            reading.warn(line, format!("{key} is not offered"));
        }
    }
}

/// Reads `alerting`.
pub(in crate::scrape) fn alerting(
    root: &mut Section<'_>,
    names: NameValidation,
    reading: &mut Reading,
) -> Result<AlertingConfig> {
    let Some(mut own) = root.section("alerting", "alerting")? else {
        return Ok(AlertingConfig::default());
    };
    let empty = "empty or null alert relabeling rule";
    let config = AlertingConfig {
        alert_relabel_configs: relabel::rules(&mut own, "alert_relabel_configs", names, empty)?,
        alertmanagers: own.each("alertmanagers", |node| alertmanager(node, names, reading))?,
    };
    own.finish()?;
    Ok(config)
}

fn alertmanager(
    node: &Node,
    names: NameValidation,
    reading: &mut Reading,
) -> Result<AlertmanagerConfig> {
    let mut own = Section::new(node, "an Alertmanager")?;
    clouds(&mut own, &["sigv4"], reading);
    let empty = "empty or null Alertmanager target relabeling rule";
    let relabel_configs = relabel::rules(&mut own, "relabel_configs", names, empty)?;
    let empty = "empty or null Alertmanager alert relabeling rule";
    let config = AlertmanagerConfig {
        http: http::client(&mut own, reading, HttpClientConfig::default())?,
        scheme: own.text("scheme")?.unwrap_or_else(|| "http".into()),
        path_prefix: own.text_or_empty("path_prefix")?,
        timeout: own.duration("timeout")?.unwrap_or(Duration::from_secs(10)),
        api_version: own.text("api_version")?.unwrap_or_else(|| "v2".into()),
        alert_relabel_configs: relabel::rules(&mut own, "alert_relabel_configs", names, empty)?,
        discovery: discovery::all(&mut own, reading, relabel_configs.is_empty())?,
        relabel_configs,
    };
    if config.api_version != "v2" {
        let version = &config.api_version;
        return Err(own.fail(format!(
            "expected Alertmanager api version to be one of [v2] but got {version}"
        )));
    }
    own.finish()?;
    Ok(config)
}

fn url(own: &mut Section<'_>, whose: &str) -> Result<Secret> {
    let url = own.text_or_empty("url")?;
    if url.is_empty() {
        return Err(own.fail(format!("url for {whose} is empty")));
    }
    Ok(Secret::new(url))
}

/// Reads an entry of `remote_write`.
pub(in crate::scrape) fn write(
    node: &Node,
    names: NameValidation,
    reading: &mut Reading,
) -> Result<RemoteWriteConfig> {
    if node.is_null() {
        return Err(error_at(node.line, "empty or null remote write config section"));
    }
    let mut own = Section::new(node, "remote_write")?;
    clouds(&mut own, &["sigv4", "azuread", "google_iam"], reading);
    let empty = "empty or null relabeling rule in remote write config";
    let defaults = HttpClientConfig { enable_http2: false, ..HttpClientConfig::default() };
    let config = RemoteWriteConfig {
        url: url(&mut own, "remote_write")?,
        remote_timeout: own.duration("remote_timeout")?.unwrap_or(Duration::from_secs(30)),
        headers: own.text_map("headers")?,
        write_relabel_configs: relabel::rules(&mut own, "write_relabel_configs", names, empty)?,
        name: own.text_or_empty("name")?,
        send_exemplars: own.boolean_or("send_exemplars", false)?,
        send_native_histograms: own.boolean_or("send_native_histograms", false)?,
        round_robin_dns: own.boolean_or("round_robin_dns", false)?,
        protobuf_message: own
            .text("protobuf_message")?
            .unwrap_or_else(|| "prometheus.WriteRequest".into()),
        failed_request_logging: own.boolean_or("failed_request_logging", false)?,
        http: http::client(&mut own, reading, defaults)?,
        queue_config: queue(&mut own)?,
        metadata_config: metadata(&mut own)?,
    };
    check_headers(config.headers.keys(), REMOTE_AUTHORIZATION)
        .map_err(|error| own.fail(error.message()))?;
    let message = &config.protobuf_message;
    if !matches!(message.as_str(), "prometheus.WriteRequest" | "io.prometheus.write.v2.Request") {
        return Err(own.fail(format!(
            "invalid protobuf_message value: unknown type for remote write protobuf message \
             {message}, supported: prometheus.WriteRequest, io.prometheus.write.v2.Request"
        )));
    }
    own.finish()?;
    Ok(config)
}

fn queue(root: &mut Section<'_>) -> Result<QueueConfig> {
    let mut config = QueueConfig::default();
    let Some(mut own) = root.section("queue_config", "queue_config")? else { return Ok(config) };
    let number = |own: &mut Section<'_>, key, into: &mut u64| {
        *into = own.unsigned(key)?.unwrap_or(*into);
        Ok::<(), Error>(())
    };
    number(&mut own, "capacity", &mut config.capacity)?;
    number(&mut own, "max_shards", &mut config.max_shards)?;
    number(&mut own, "min_shards", &mut config.min_shards)?;
    number(&mut own, "max_samples_per_send", &mut config.max_samples_per_send)?;
    let time = |own: &mut Section<'_>, key, into: &mut Duration| {
        *into = own.duration(key)?.unwrap_or(*into);
        Ok::<(), Error>(())
    };
    time(&mut own, "batch_send_deadline", &mut config.batch_send_deadline)?;
    time(&mut own, "min_backoff", &mut config.min_backoff)?;
    time(&mut own, "max_backoff", &mut config.max_backoff)?;
    time(&mut own, "sample_age_limit", &mut config.sample_age_limit)?;
    config.retry_on_http_429 = own.boolean_or("retry_on_http_429", false)?;
    let problem = if config.max_shards == 0 {
        "max_shards must be positive"
    } else if config.min_shards == 0 {
        "min_shards must be positive"
    } else if config.min_shards > config.max_shards {
        "min_shards must not be greater than max_shards"
    } else if config.max_samples_per_send == 0 {
        "max_samples_per_send must be positive"
    } else if config.capacity == 0 {
        "capacity must be positive"
    } else if config.max_backoff < config.min_backoff {
        "max_backoff must not be less than min_backoff"
    } else {
        own.finish()?;
        return Ok(config);
    };
    Err(own.fail(format!("remote write queue {problem}")))
}

fn metadata(root: &mut Section<'_>) -> Result<MetadataConfig> {
    let defaults = MetadataConfig::default();
    let Some(mut own) = root.section("metadata_config", "metadata_config")? else {
        return Ok(defaults);
    };
    let config = MetadataConfig {
        send: own.boolean_or("send", defaults.send)?,
        send_interval: own.duration("send_interval")?.unwrap_or(defaults.send_interval),
        max_samples_per_send: own
            .unsigned("max_samples_per_send")?
            .unwrap_or(defaults.max_samples_per_send),
    };
    own.finish()?;
    Ok(config)
}

/// Reads an entry of `remote_read`.
pub(in crate::scrape) fn read(node: &Node, reading: &mut Reading) -> Result<RemoteReadConfig> {
    if node.is_null() {
        return Err(error_at(node.line, "empty or null remote read config section"));
    }
    let mut own = Section::new(node, "remote_read")?;
    let config = RemoteReadConfig {
        url: url(&mut own, "remote_read")?,
        remote_timeout: own.duration("remote_timeout")?.unwrap_or(Duration::from_mins(1)),
        chunked_read_limit: own.unsigned("chunked_read_limit")?.unwrap_or(50_000_000),
        headers: own.text_map("headers")?,
        read_recent: own.boolean_or("read_recent", false)?,
        name: own.text_or_empty("name")?,
        http: http::client(&mut own, reading, HttpClientConfig::default())?,
        required_matchers: own.text_map("required_matchers")?,
        filter_external_labels: own.boolean_or("filter_external_labels", true)?,
    };
    check_headers(config.headers.keys(), REMOTE_AUTHORIZATION)
        .map_err(|error| own.fail(error.message()))?;
    own.finish()?;
    Ok(config)
}

/// Reads `tracing`.
pub(in crate::scrape) fn tracing(
    root: &mut Section<'_>,
    reading: &mut Reading,
) -> Result<TracingConfig> {
    let Some(mut own) = root.section("tracing", "tracing")? else {
        return Ok(TracingConfig::default());
    };
    let headers = own.text_map("headers")?;
    check_headers(headers.keys(), "custom authorization header configuration is not yet supported")
        .map_err(|error| own.fail(error.message()))?;
    let config = TracingConfig {
        client_type: own.text("client_type")?.unwrap_or_else(|| "grpc".into()),
        endpoint: own.text_or_empty("endpoint")?,
        sampling_fraction: own.float("sampling_fraction")?.unwrap_or(0.0),
        insecure: own.boolean_or("insecure", false)?,
        tls_config: http::tls(&mut own, reading)?,
        headers: headers.into_iter().map(|(name, text)| (name, Secret::new(text))).collect(),
        compression: own.text_or_empty("compression")?,
        timeout: own.duration("timeout")?.unwrap_or_default(),
    };
    if !matches!(config.client_type.as_str(), "grpc" | "http") {
        let kind = &config.client_type;
        return Err(own.fail(format!(
            "expected tracing client type to be to be http or grpc, but got {kind}"
        )));
    }
    if config.endpoint.is_empty() {
        return Err(own.fail("tracing endpoint must be set"));
    }
    if !matches!(config.compression.as_str(), "" | "gzip") {
        let kind = &config.compression;
        return Err(
            own.fail(format!("invalid compression type {kind} provided, valid options: gzip"))
        );
    }
    own.finish()?;
    Ok(config)
}
