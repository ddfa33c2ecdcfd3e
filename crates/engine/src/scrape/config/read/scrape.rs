//! Reads jobs and fills in what `global` says for them.

use watchkeep_model::{Error, Result};

use super::{discovery, http, relabel};
use crate::scrape::config::file::GlobalConfig;
use crate::scrape::config::http::HttpClientConfig;
use crate::scrape::config::names::{NameEscaping, NameValidation};
use crate::scrape::config::scrape::ScrapeConfig;
use crate::scrape::config::section::{Reading, Section, scalar};
use crate::scrape::config::values::ScrapeProtocol;
use crate::scrape::config::yaml::{Node, error_at};

/// Takes a list of formats; `None` where the key is absent.
pub(in crate::scrape) fn protocols(
    section: &mut Section<'_>,
    whose: &str,
) -> Result<Option<Vec<ScrapeProtocol>>> {
    const KEY: &str = "scrape_protocols";
    let line = section.line();
    let Some(items) = section.list(KEY)? else { return Ok(None) };
    let mut protocols = Vec::new();
    for item in items {
        let text = scalar(item, KEY)?;
        let protocol = ScrapeProtocol::parse(text).map_err(|error| {
            error_at(item.line, format!("{KEY}: {} for {whose}", error.message()))
        })?;
        if protocols.contains(&protocol) {
            let texts: Result<Vec<&str>> = items.iter().map(|item| scalar(item, KEY)).collect();
            let all = texts?.join(" ");
            let message = format!("duplicated protocol in {KEY}, got [{all}] for {whose}");
            return Err(error_at(item.line, message));
        }
        protocols.push(protocol);
    }
    if protocols.is_empty() {
        return Err(error_at(line, format!("{KEY} cannot be empty for {whose}")));
    }
    Ok(Some(protocols))
}

/// Reads a job.
pub(in crate::scrape) fn job(
    node: &Node,
    global: &GlobalConfig,
    reading: &mut Reading,
) -> Result<ScrapeConfig> {
    if node.is_null() {
        return Err(error_at(node.line, "empty or null scrape config section"));
    }
    let mut own = Section::new(node, "a scrape configuration")?;
    let job_name = own.text_or_empty("job_name")?;
    if job_name.is_empty() {
        return Err(own.fail("job_name is empty"));
    }
    let whose = format!("scrape config with job name {job_name:?}");
    let (interval, timeout) = times(&mut own, global, &whose)?;
    let (names, escaping) = schemes(&mut own, global)?;
    let native = own.boolean("scrape_native_histograms")?;
    let native = native.unwrap_or(global.scrape_native_histograms);
    let protocols = match protocols(&mut own, &whose)? {
        Some(protocols) => protocols,
        None if !global.scrape_protocols.is_empty() => global.scrape_protocols.clone(),
        None if native => ScrapeProtocol::PROTOBUF_FIRST.to_vec(),
        None => ScrapeProtocol::DEFAULT.to_vec(),
    };
    let fallback = own.parsed("fallback_scrape_protocol", |text| {
        ScrapeProtocol::parse(text).map_err(|error| {
            let why = error.message();
            Error::invalid(format!("invalid fallback_scrape_protocol for {whose}: {why}"))
        })
    })?;
    let rule_error = "empty or null target relabeling rule in scrape config";
    let relabel_configs = relabel::rules(&mut own, "relabel_configs", names, rule_error)?;
    let rule_error = "empty or null metric relabeling rule in scrape config";
    let metric_rules = relabel::rules(&mut own, "metric_relabel_configs", names, rule_error)?;
    let discovery = discovery::all(&mut own, reading, relabel_configs.is_empty())?;
    let failure_log = own.path("scrape_failure_log_file", reading)?;
    let config = ScrapeConfig {
        honor_labels: own.boolean_or("honor_labels", false)?,
        honor_timestamps: own.boolean_or("honor_timestamps", true)?,
        track_timestamps_staleness: own.boolean_or("track_timestamps_staleness", false)?,
        params: own.texts_map("params")?,
        scrape_interval: interval,
        scrape_timeout: timeout,
        scrape_protocols: protocols,
        scrape_fallback_protocol: fallback,
        scrape_native_histograms: native,
        always_scrape_classic_histograms: own.boolean_or(
            "always_scrape_classic_histograms",
            global.always_scrape_classic_histograms,
        )?,
        convert_classic_histograms_to_nhcb: own.boolean_or(
            "convert_classic_histograms_to_nhcb",
            global.convert_classic_histograms_to_nhcb,
        )?,
        scrape_failure_log_file: if failure_log.as_os_str().is_empty() {
            global.scrape_failure_log_file.clone()
        } else {
            failure_log
        },
        metrics_path: own.text("metrics_path")?.unwrap_or_else(|| "/metrics".into()),
        scheme: own.text("scheme")?.unwrap_or_else(|| "http".into()),
        enable_compression: own.boolean_or("enable_compression", true)?,
        body_size_limit: or(own.size("body_size_limit")?, global.body_size_limit),
        sample_limit: limit(&mut own, "sample_limit", global.sample_limit)?,
        target_limit: limit(&mut own, "target_limit", global.target_limit)?,
        label_limit: limit(&mut own, "label_limit", global.label_limit)?,
        label_name_length_limit: limit(
            &mut own,
            "label_name_length_limit",
            global.label_name_length_limit,
        )?,
        label_value_length_limit: limit(
            &mut own,
            "label_value_length_limit",
            global.label_value_length_limit,
        )?,
        native_histogram_bucket_limit: limit(&mut own, "native_histogram_bucket_limit", 0)?,
        native_histogram_min_bucket_factor: own
            .float("native_histogram_min_bucket_factor")?
            .unwrap_or(0.0),
        keep_dropped_targets: limit(&mut own, "keep_dropped_targets", global.keep_dropped_targets)?,
        metric_name_validation_scheme: names,
        metric_name_escaping_scheme: escaping,
        extra_scrape_metrics: own
            .boolean_or("extra_scrape_metrics", global.extra_scrape_metrics)?,
        http: http::client(&mut own, reading, HttpClientConfig::default())?,
        relabel_configs,
        metric_relabel_configs: metric_rules,
        discovery,
        job_name,
    };
    if !config.scrape_failure_log_file.as_os_str().is_empty() {
        let line = own.line_of("scrape_failure_log_file").unwrap_or(own.line());
        reading.warn(line, "scrape_failure_log_file is not offered; failed scrapes are in the log");
    }
    own.finish()?;
    Ok(config)
}

fn or(value: u64, otherwise: u64) -> u64 {
    if value == 0 { otherwise } else { value }
}

fn limit(own: &mut Section<'_>, key: &'static str, global: u64) -> Result<u64> {
    Ok(or(own.unsigned(key)?.unwrap_or(0), global))
}

fn times(
    own: &mut Section<'_>,
    global: &GlobalConfig,
    whose: &str,
) -> Result<(std::time::Duration, std::time::Duration)> {
    let given = own.duration("scrape_interval")?.filter(|interval| !interval.is_zero());
    let interval = given.unwrap_or(global.scrape_interval);
    let timeout = own.duration("scrape_timeout")?.filter(|timeout| !timeout.is_zero());
    match timeout {
        Some(timeout) if timeout > interval => {
            Err(own.fail(format!("scrape timeout greater than scrape interval for {whose}")))
        }
        Some(timeout) => Ok((interval, timeout)),
        None => Ok((interval, global.scrape_timeout.min(interval))),
    }
}

fn schemes(own: &mut Section<'_>, global: &GlobalConfig) -> Result<(NameValidation, NameEscaping)> {
    let given = own.parsed("metric_name_validation_scheme", NameValidation::parse)?.flatten();
    let names = given.unwrap_or(global.metric_name_validation_scheme);
    let natural = |names| match names {
        NameValidation::Legacy => NameEscaping::Underscores,
        NameValidation::Utf8 => NameEscaping::AllowUtf8,
    };
    let escaping = own
        .parsed("metric_name_escaping_scheme", |text| NameEscaping::parse(text, "scrape config"))?
        .flatten();
    let escaping = escaping.unwrap_or_else(|| match given {
        Some(own) => natural(own),
        None => global.metric_name_escaping_scheme.unwrap_or_else(|| natural(names)),
    });
    if escaping == NameEscaping::AllowUtf8 && names != NameValidation::Utf8 {
        return Err(
            own.fail("utf8 metric names requested but validation scheme is not set to UTF8")
        );
    }
    Ok((names, escaping))
}
