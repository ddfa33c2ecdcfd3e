//! Scraping against expositions that the tests make up.

mod fetch;
mod intake;
mod limits;
mod loops;

use std::sync::Arc;
use std::time::Duration;

use watchkeep_model::metrics::STALE_NAN_BITS;
use watchkeep_model::{Labels, MetricColumns, NativeHistogram};

use super::config::ScrapeConfig;
use super::config::discovery::DiscoveryConfigs;
use super::config::http::HttpClientConfig;
use super::config::names::{NameEscaping, NameValidation};
use super::config::values::ScrapeProtocol;
use super::http_client::HttpClient;
use super::target::{ADDRESS, METRICS_PATH, SCHEME};
use super::{Environment, Job, Target};

pub(super) fn config() -> ScrapeConfig {
    ScrapeConfig {
        job_name: "j".into(),
        honor_labels: false,
        honor_timestamps: true,
        track_timestamps_staleness: false,
        params: std::collections::BTreeMap::new(),
        scrape_interval: Duration::from_secs(10),
        scrape_timeout: Duration::from_secs(5),
        scrape_protocols: ScrapeProtocol::DEFAULT.to_vec(),
        scrape_fallback_protocol: None,
        scrape_native_histograms: true,
        always_scrape_classic_histograms: false,
        convert_classic_histograms_to_nhcb: false,
        scrape_failure_log_file: std::path::PathBuf::new(),
        metrics_path: "/metrics".into(),
        scheme: "http".into(),
        enable_compression: true,
        body_size_limit: 0,
        sample_limit: 0,
        target_limit: 0,
        label_limit: 0,
        label_name_length_limit: 0,
        label_value_length_limit: 0,
        native_histogram_bucket_limit: 0,
        native_histogram_min_bucket_factor: 0.0,
        keep_dropped_targets: 0,
        metric_name_validation_scheme: NameValidation::Utf8,
        metric_name_escaping_scheme: NameEscaping::AllowUtf8,
        extra_scrape_metrics: false,
        http: HttpClientConfig::default(),
        relabel_configs: Vec::new(),
        metric_relabel_configs: Vec::new(),
        discovery: DiscoveryConfigs::default(),
    }
}

pub(super) fn job(config: ScrapeConfig) -> Arc<Job> {
    let client = HttpClient::new(&config.http, &Environment::default()).unwrap();
    Arc::new(Job { config, client, external_labels: Labels::default() })
}

pub(super) fn target(job: &Job, address: &str) -> Arc<Target> {
    let labels = Labels::from_pairs([
        (ADDRESS, address),
        (SCHEME, "http"),
        (METRICS_PATH, "/metrics"),
        ("job", "j"),
        ("instance", "i"),
    ]);
    let discovered = labels.clone();
    let (interval, timeout) = (job.config.scrape_interval, job.config.scrape_timeout);
    Arc::new(Target::new(&job.config, labels, discovered, interval, timeout))
}

/// Every sample as a line, sorted.
pub(super) fn lines(columns: &MetricColumns) -> Vec<String> {
    let series = |row: u32| {
        let labels = Labels::from_canonical(columns.series.labels.get(row as usize)).unwrap();
        let others = labels.iter().filter(|(name, _)| *name != "__name__");
        let others: Vec<String> = others.map(|(name, value)| format!("{name}={value:?}")).collect();
        format!("{}{{{}}}", labels.metric_name(), others.join(","))
    };
    let shown = |value: f64| match value.to_bits() {
        STALE_NAN_BITS => "STALE".to_owned(),
        _ => value.to_string(),
    };
    let mut out = Vec::new();
    let floats = &columns.floats;
    for (at, row) in floats.series.iter().enumerate() {
        let start = match floats.start_ms[at] {
            0 => String::new(),
            start => format!(" start={start}"),
        };
        let value = shown(floats.value[at]);
        out.push(format!("{} {value} @{}{start}", series(*row), floats.time_ms[at]));
    }
    let histograms = &columns.histograms;
    for (at, row) in histograms.series.iter().enumerate() {
        let histogram = NativeHistogram::decode(histograms.histogram.get(at)).unwrap();
        let value = match histogram.sum.to_bits() {
            STALE_NAN_BITS => "histogram STALE".to_owned(),
            _ => format!("schema={} count={}", histogram.schema, histogram.count),
        };
        out.push(format!("{} {value} @{}", series(*row), histograms.time_ms[at]));
    }
    let exemplars = &columns.exemplars;
    for (at, row) in exemplars.series.iter().enumerate() {
        let labels = Labels::from_canonical(exemplars.labels.get(at)).unwrap();
        let (value, time) = (exemplars.value[at], exemplars.time_ms[at]);
        out.push(format!("{} # {labels:?} {value} @{time}", series(*row)));
    }
    let mut rows: Vec<&[u8]> = columns.series.labels.iter().collect();
    rows.sort_unstable();
    assert!(rows.windows(2).all(|pair| pair[0] != pair[1]), "a series has two rows");
    out.sort();
    out
}
