//! What the reader of configuration files accepts, refuses and warns of.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::names::{NameEscaping, NameValidation};
use super::values::{ScrapeProtocol, format_duration, format_size, parse_duration, parse_size};
use super::{Loaded, load, load_file};
use crate::scrape::environment::Environment;

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/prometheus").join(name)
}

fn environment() -> Environment {
    Environment::new([("HOST".to_owned(), "h1".to_owned())])
}

fn read(text: &str) -> Loaded {
    load(text, Path::new("/etc/prometheus"), &environment()).unwrap()
}

fn refusal(text: &str) -> String {
    load(text, Path::new("/etc/prometheus"), &environment()).unwrap_err().message().to_owned()
}

#[test]
fn files_of_small_installations_work_as_written() {
    let loaded = load_file(&testdata("services.yml"), &environment()).unwrap();
    assert_eq!(loaded.warnings, Vec::<String>::new());
    let jobs: Vec<_> = loaded.config.jobs().collect();
    let names: Vec<&str> = jobs.iter().map(|job| job.job_name.as_str()).collect();
    assert_eq!(names, ["agent_gateway", "agent_postgres", "agent_redis", "docker"]);
    assert_eq!(jobs[0].scrape_interval, Duration::from_secs(15));
    assert_eq!(jobs[0].scrape_timeout, Duration::from_secs(10));
    assert_eq!(jobs[3].discovery.fixed[0].targets, ["cadvisor:8080"]);

    let loaded = load_file(&testdata("one_job.yml"), &environment()).unwrap();
    let job = &loaded.config.scrape_configs[0];
    assert_eq!(job.scrape_interval, Duration::from_secs(30));
    assert_eq!((job.scheme.as_str(), job.metrics_path.as_str()), ("http", "/metrics"));
    assert_eq!(job.scrape_protocols, ScrapeProtocol::DEFAULT);
    assert!(job.honor_timestamps && !job.honor_labels && job.enable_compression);
}

#[test]
fn an_empty_file_is_the_defaults() {
    for text in ["", "# only this\n", "global:\n", "---\n"] {
        let config = read(text).config;
        assert_eq!(config.global.scrape_interval, Duration::from_mins(1), "{text:?}");
        assert_eq!(config.global.scrape_timeout, Duration::from_secs(10), "{text:?}");
    }
}

#[test]
fn jobs_inherit_what_they_do_not_set() {
    let loaded = load_file(&testdata("everything.yml"), &environment()).unwrap();
    let [web, found] = &loaded.config.scrape_configs[..] else { panic!("two jobs") };
    assert_eq!(web.scrape_interval, Duration::from_secs(90));
    assert_eq!(web.scrape_timeout, Duration::from_secs(7));
    assert_eq!((web.sample_limit, found.sample_limit), (5, 1500));
    assert_eq!(web.body_size_limit, 15 << 20);
    assert_eq!(web.scrape_protocols, ScrapeProtocol::PROTOBUF_FIRST);
    assert_eq!(found.scrape_protocols, ScrapeProtocol::DEFAULT);
    assert_eq!(loaded.config.global.external_labels.get("host"), "h1");
    let folder = testdata("").canonicalize().unwrap();
    let ca = web.http.tls_config.ca_file.parent().unwrap().canonicalize().unwrap();
    assert_eq!(ca, folder);
    assert_eq!(web.http.tls_config.key_file, Path::new("/keys/own.key"));
    let token = found.discovery.kubernetes[0].http.authorization.as_ref().unwrap();
    assert_eq!((token.scheme.as_str(), token.credentials.expose()), ("Bearer", "hush"));
}

#[test]
fn secrets_are_never_shown() {
    let loaded = load_file(&testdata("everything.yml"), &environment()).unwrap();
    let shown = loaded.config.to_yaml().unwrap();
    assert!(!shown.contains("hush"), "{shown}");
    assert_eq!(shown.matches("<secret>").count(), 7, "{shown}");
    assert!(shown.contains("proxy_url: http://user:xxxxx@proxy.example:3128/"), "{shown}");
    let debug = format!("{loaded:?}");
    assert!(!debug.contains("hush"), "{debug}");
}

#[test]
fn the_printed_configuration_means_the_same() {
    for name in ["services.yml", "one_job.yml", "everything.yml"] {
        let loaded = load_file(&testdata(name), &environment()).unwrap();
        let shown = loaded.config.to_yaml().unwrap();
        let again = load(&shown, Path::new("/elsewhere"), &environment());
        let again = again.unwrap_or_else(|error| panic!("{name}: {error}\n{shown}"));
        assert_eq!(again.config.to_yaml().unwrap(), shown, "{name}");
    }
}

#[test]
fn sections_that_do_nothing_are_warned_of() {
    let loaded = load_file(&testdata("everything.yml"), &environment()).unwrap();
    for key in ["rule_files", "remote_write", "alerting", "tracing", "storage", "otlp"] {
        let found = loaded.warnings.iter().filter(|text| text.contains(key)).count();
        assert_eq!(found, 1, "{key}: {:?}", loaded.warnings);
    }
    let loaded = read(
        "scrape_configs:\n- job_name: a\n  ec2_sd_configs:\n  - region: x\n    anything: goes\n",
    );
    assert_eq!(
        loaded.warnings,
        ["line 3: ec2_sd_configs is not offered, its targets are not scraped"]
    );
    assert_eq!(
        read("global: {external_labels: {a: $NOWHERE}}").warnings,
        ["line 1: environment variable \"NOWHERE\" is empty"]
    );
}

/// A text that is wrong, and what is said of it.
const REFUSALS: &[(&str, &str)] = &[
    (
        "global:\n  scrape_intervall: 5s\n",
        "line 2: unknown key \"scrape_intervall\" in global; did you mean \"scrape_interval\"?",
    ),
    (
        "scrape_configs:\n- job_name: a\n  metric_path: /x\n",
        "line 3: unknown key \"metric_path\" in a scrape configuration; did you mean \"metrics_path\"?",
    ),
    ("colour: red", "line 1: unknown key \"colour\" in the configuration"),
    (
        "global: {scrape_interval: 5s, scrape_interval: 6s}",
        "key \"scrape_interval\" already set in map",
    ),
    ("global: 5", "line 1: global must be a section, not a single value"),
    ("scrape_configs: {}", "line 1: scrape_configs must be a list, not a section"),
    (
        "global: {scrape_interval: soon}",
        "line 1: scrape_interval: not a valid duration string: \"soon\"",
    ),
    ("global: {sample_limit: -1}", "line 1: sample_limit: must be a whole number, got \"-1\""),
    (
        "global: {scrape_interval: 5s, scrape_timeout: 10s}",
        "global scrape timeout greater than scrape interval",
    ),
    (
        "scrape_configs: [{job_name: a, scrape_interval: 5s, scrape_timeout: 10s}]",
        "scrape timeout greater than scrape interval for scrape config with job name \"a\"",
    ),
    (
        "scrape_configs: [{job_name: a}, {job_name: a}]",
        "found multiple scrape configs with job name \"a\"",
    ),
    ("scrape_configs: [{scheme: https}]", "job_name is empty"),
    ("scrape_configs: [~]", "empty or null scrape config section"),
    (
        "scrape_configs: [{job_name: a, static_configs: [{targets: ['http://x/']}]}]",
        "\"http://x/\" is not a valid hostname",
    ),
    (
        "scrape_configs: [{job_name: a, static_configs: [~]}]",
        "empty or null section in static_configs",
    ),
    (
        "scrape_configs: [{job_name: a, honor_labels: maybe}]",
        "honor_labels: must be true or false, got \"maybe\"",
    ),
    (
        "scrape_configs: [{job_name: a, scrape_protocols: []}]",
        "scrape_protocols cannot be empty for scrape config with job name \"a\"",
    ),
    (
        "global: {scrape_protocols: [Smoke]}",
        "unknown scrape protocol Smoke, supported: [OpenMetricsText0.0.1 OpenMetricsText1.0.0 PrometheusProto PrometheusText0.0.4 PrometheusText1.0.0] for global config",
    ),
    (
        "global: {scrape_protocols: [PrometheusProto, PrometheusProto]}",
        "duplicated protocol in scrape_protocols, got [PrometheusProto PrometheusProto] for global config",
    ),
    (
        "global: {metric_name_validation_scheme: legacy, external_labels: {a.b: c}}",
        "\"a.b\" is not a valid label name",
    ),
    (
        "scrape_configs: [{job_name: a, metric_name_validation_scheme: legacy, metric_name_escaping_scheme: allow-utf-8}]",
        "utf8 metric names requested but validation scheme is not set to UTF8",
    ),
    (
        "scrape_configs: [{job_name: a, relabel_configs: [~]}]",
        "empty or null target relabeling rule in scrape config",
    ),
    (
        "scrape_configs: [{job_name: a, metric_relabel_configs: [~]}]",
        "empty or null metric relabeling rule in scrape config",
    ),
    (
        "scrape_configs: [{job_name: a, relabel_configs: [{action: smash}]}]",
        "unknown relabel action \"smash\"",
    ),
    (
        "scrape_configs: [{job_name: a, relabel_configs: [{action: keep, regex: '('}]}]",
        "error parsing regexp",
    ),
    (
        "scrape_configs: [{job_name: a, bearer_token: x, bearer_token_file: y}]",
        "at most one of bearer_token & bearer_token_file must be configured",
    ),
    (
        "scrape_configs: [{job_name: a, bearer_token: x, basic_auth: {}}]",
        "line 1: at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured",
    ),
    (
        "scrape_configs: [{job_name: a, authorization: {type: Basic}}]",
        "authorization type cannot be set to \"basic\", use \"basic_auth\" instead",
    ),
    (
        "scrape_configs: [{job_name: a, authorization: {}, basic_auth: {username: x}}]",
        "at most one of basic_auth, oauth2 & authorization must be configured",
    ),
    (
        "scrape_configs: [{job_name: a, oauth2: {client_id: x}}]",
        "oauth2 token_url must be configured",
    ),
    (
        "scrape_configs: [{job_name: a, tls_config: {cert_file: x}}]",
        "exactly one of key or key_file must be configured when a client certificate is configured",
    ),
    (
        "scrape_configs: [{job_name: a, tls_config: {min_version: TLS9}}]",
        "unknown TLS version: TLS9",
    ),
    (
        "scrape_configs: [{job_name: a, no_proxy: x}]",
        "if no_proxy is configured, proxy_url must also be configured",
    ),
    (
        "scrape_configs: [{job_name: a, http_headers: {Authorization: {values: [x]}}}]",
        "setting header \"Authorization\" is not allowed",
    ),
    (
        "scrape_configs: [{job_name: a, file_sd_configs: [{files: [a.txt]}]}]",
        "path name \"a.txt\" is not valid for file discovery",
    ),
    (
        "scrape_configs: [{job_name: a, file_sd_configs: [{files: ['a*/b.json']}]}]",
        "is not valid for file discovery",
    ),
    (
        "scrape_configs: [{job_name: a, http_sd_configs: [{url: 'ftp://x'}]}]",
        "URL scheme must be 'http' or 'https'",
    ),
    (
        "scrape_configs: [{job_name: a, dns_sd_configs: [{names: [x], type: A}]}]",
        "a port is required in DNS-SD configs for all record types except SRV",
    ),
    (
        "scrape_configs: [{job_name: a, dns_sd_configs: [{names: [x], type: TXT}]}]",
        "invalid DNS-SD records type TXT",
    ),
    ("scrape_configs: [{job_name: a, docker_sd_configs: [{}]}]", "host missing"),
    (
        "scrape_configs: [{job_name: a, kubernetes_sd_configs: [{role: vm}]}]",
        "unknown Kubernetes SD role \"vm\"",
    ),
    (
        "scrape_configs: [{job_name: a, kubernetes_sd_configs: [{role: node, bearer_token: x}]}]",
        "to use custom HTTP client configuration please provide the 'api_server' URL explicitly",
    ),
    (
        "scrape_configs: [{job_name: a, kubernetes_sd_configs: [{role: pod, selectors: [{role: ingress}]}]}]",
        "pod role supports only pod, node selectors",
    ),
    (
        "scrape_configs: [{job_name: a, consul_sd_configs: [{server: ''}]}]",
        "consul SD configuration requires a server address",
    ),
    ("scrape_config_files: ['a*/b.yml']", "invalid scrape config file path \"a*/b.yml\""),
    ("remote_write: [{name: x}]", "url for remote_write is empty"),
    (
        "remote_write: [{url: 'http://x', headers: {Host: y}}]",
        "Host is a reserved header. It must not be changed",
    ),
    (
        "remote_write: [{url: 'http://x', queue_config: {max_shards: 0}}]",
        "remote write queue max_shards must be positive",
    ),
    (
        "alerting: {alertmanagers: [{api_version: v1}]}",
        "expected Alertmanager api version to be one of [v2] but got v1",
    ),
    ("tracing: {client_type: http}", "tracing endpoint must be set"),
    (
        "storage: {tsdb: {retention: {percentage: 200}}}",
        "'storage.tsdb.retention.percentage' must be in the range [0, 100], got 200",
    ),
    ("otlp: {translation_strategy: Babel}", "unsupported OTLP translation strategy \"Babel\""),
    (
        "otlp: {promote_resource_attributes: [a, a]}",
        "duplicated promoted OTel resource attribute \"a\"",
    ),
    ("a: [", "this is not YAML"),
    ("a: &x [*x]", "line 1:"),
];

#[test]
fn wrong_files_are_refused_with_place_and_reason() {
    for (text, expected) in REFUSALS {
        let message = refusal(text);
        assert!(message.contains(expected), "{text}\n got: {message}\nwant: {expected}");
        assert!(message.starts_with("line "), "{text}: {message}");
    }
}

#[test]
fn values_that_go_wild_are_refused() {
    let deep = format!("global: {}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(!refusal(&deep).is_empty());
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = level - 1;
        let items = vec![format!("*a{before}"); 10].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    assert!(refusal(&laughs).contains("more than 1000000 values"), "{}", refusal(&laughs));
}

#[test]
fn anchors_and_merge_keys_work() {
    let text =
        "scrape_configs:\n- &base\n  job_name: a\n  scheme: https\n- <<: *base\n  job_name: b\n";
    let jobs = read(text).config.scrape_configs;
    assert_eq!((jobs[1].job_name.as_str(), jobs[1].scheme.as_str()), ("b", "https"));
}

#[test]
fn numbers_stay_as_written_where_a_text_is_wanted() {
    let text = "scrape_configs: [{job_name: 1.10, static_configs: [{targets: [a:1], labels: {v: 010, w: yes}}]}]";
    let job = &read(text).config.scrape_configs[0];
    assert_eq!(job.job_name, "1.10");
    assert_eq!(job.discovery.fixed[0].labels["v"], "010");
    assert_eq!(job.discovery.fixed[0].labels["w"], "yes");
}

#[test]
fn escaping_follows_validation() {
    let schemes = |text: &str| {
        let job = &read(text).config.scrape_configs[0];
        (job.metric_name_validation_scheme, job.metric_name_escaping_scheme)
    };
    let legacy = (NameValidation::Legacy, NameEscaping::Underscores);
    assert_eq!(
        schemes("scrape_configs: [{job_name: a}]"),
        (NameValidation::Utf8, NameEscaping::AllowUtf8)
    );
    assert_eq!(
        schemes("scrape_configs: [{job_name: a, metric_name_validation_scheme: legacy}]"),
        legacy
    );
    assert_eq!(
        schemes(
            "{global: {metric_name_validation_scheme: legacy}, scrape_configs: [{job_name: a}]}"
        ),
        legacy
    );
}

#[test]
fn further_files_bring_further_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("main.yml", "scrape_config_files: [jobs*.yml]\nscrape_configs: [{job_name: a}]\n");
    write("jobs1.yml", "scrape_configs: [{job_name: b, tls_config: {ca_file: x}}]\n");
    let load = || load_file(&folder.path().join("main.yml"), &environment());
    let config = load().unwrap().config;
    let jobs: Vec<_> = config.jobs().map(|job| job.job_name.clone()).collect();
    assert_eq!(jobs, ["a", "b"]);
    let ca = &config.jobs().nth(1).unwrap().http.tls_config.ca_file;
    assert_eq!(*ca, folder.path().join("x"));

    write("jobs2.yml", "scrape_configs: [{job_name: a}]\n");
    let message = load().unwrap_err().message().to_owned();
    assert!(
        message.contains(
            "found multiple scrape configs with job name \"a\", first found in main config file"
        ),
        "{message}"
    );
    assert!(message.contains("jobs2.yml"), "{message}");
}

#[test]
fn durations_and_sizes_read_and_print_as_prometheus_does() {
    for (text, ms, printed) in [
        ("0", 0, "0s"),
        ("1ms", 1, "1ms"),
        ("90s", 90_000, "1m30s"),
        ("1h30m", 5_400_000, "1h30m"),
        ("1d", 86_400_000, "1d"),
        ("25h", 90_000_000, "25h"),
        ("2w", 1_209_600_000, "2w"),
        ("10d", 864_000_000, "10d"),
        ("1y", 31_536_000_000, "1y"),
    ] {
        let duration = parse_duration(text).unwrap();
        assert_eq!(duration.as_millis(), ms, "{text}");
        assert_eq!(format_duration(duration), printed, "{text}");
    }
    for bad in ["", "1", "1.5s", "1m1h", "1s1s", "s", "-1s", "1 s", "99999999999y", "1µs"] {
        assert!(parse_duration(bad).is_err(), "{bad:?}");
    }
    for (text, bytes, printed) in [
        ("0", 0, "0B"),
        ("15MB", 15 << 20, "15MiB"),
        ("1MiB512KiB", 1536 << 10, "1MiB512KiB"),
        ("100B", 100, "100B"),
    ] {
        assert_eq!(parse_size(text).unwrap(), bytes, "{text}");
        assert_eq!(format_size(bytes), printed, "{text}");
    }
    for bad in ["", "15", "MB", "1XB", "-1B", "99999999EB"] {
        assert!(parse_size(bad).is_err(), "{bad:?}");
    }
}
