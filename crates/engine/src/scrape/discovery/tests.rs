//! What all kinds of discovery have in common, files, and HTTP.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus::Registry;
use tokio::sync::Notify;

use super::group::{LabelMap, TargetGroup, parse_json, parse_yaml};
use super::provider::{DiscoveryMetrics, Provider, ProviderConfig, Updates};
use crate::scrape::config::discovery::{FileConfig, HttpConfig};
use crate::scrape::config::http::HttpClientConfig;
use crate::scrape::environment::Environment;
use crate::scrape::fake_http::{Answer, FakeServer};
use crate::scrape::target::ADDRESS;

pub(super) fn metrics() -> DiscoveryMetrics {
    DiscoveryMetrics::register(&Registry::new()).unwrap()
}

/// Waits until the groups of a discovery are as wanted.
pub(super) async fn groups_when(
    changed: &Notify,
    provider: &Provider,
    wanted: impl Fn(&[Arc<TargetGroup>]) -> bool,
) -> Vec<Arc<TargetGroup>> {
    let waiting = async {
        loop {
            let groups = provider.groups();
            if wanted(&groups) {
                return groups;
            }
            changed.notified().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap()
}

/// Starts a discovery.
pub(super) fn start(config: &ProviderConfig) -> (Provider, Arc<Notify>, DiscoveryMetrics) {
    let (changed, metrics) = (Arc::new(Notify::new()), metrics());
    let provider =
        Provider::start(config, &Environment::default(), Arc::clone(&changed), &metrics).unwrap();
    (provider, changed, metrics)
}

/// Waits until a kind of discovery has failed so often.
pub(super) async fn failures(metrics: &DiscoveryMetrics, mechanism: &str, wanted: u64) {
    let waiting = async {
        while metrics.failures.with_label_values(&[mechanism]).get() < wanted {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
}

pub(super) fn addresses(groups: &[Arc<TargetGroup>]) -> Vec<&str> {
    groups.iter().flat_map(|group| &group.targets).map(|target| &*target[ADDRESS]).collect()
}

/// Labels as one text, for comparison.
pub(super) fn shown(labels: &LabelMap) -> String {
    labels.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
}

#[test]
fn groups_read_the_same_from_json_and_yaml() {
    let json = r#"[{"targets": ["a:1", "b:2"], "labels": {"x": "y"}}, {"targets": []}]"#;
    let yaml = "- targets: ['a:1', 'b:2']\n  labels: {x: y}\n- targets: []\n";
    let groups = parse_json(json.as_bytes(), "f").unwrap();
    assert_eq!(groups, parse_yaml(yaml, "f").unwrap());
    assert_eq!(groups[0].source, "f:0");
    assert_eq!(groups[0].targets.len(), 2);
    assert_eq!(groups[1].source, "f:1");
    assert_eq!(parse_json(b"null", "f").unwrap(), []);
    assert_eq!(parse_yaml("# none\n", "f").unwrap(), []);
}

#[test]
fn groups_that_make_no_sense_are_refused() {
    for bad in ["{}", "[1]", "[null]", "[{\"target\": []}]", "[{\"targets\": [1]}]", "[{"] {
        assert!(parse_json(bad.as_bytes(), "f").is_err(), "{bad}");
    }
    for bad in ["targets: [a]", "- ~", "- target: [a]", "- targets: {a: b}", "- [a]", "{"] {
        assert!(parse_yaml(bad, "f").is_err(), "{bad}");
    }
}

#[test]
fn updates_replace_groups_of_the_same_source_and_wake_on_change_only() {
    let changed = Arc::new(Notify::new());
    let updates = Updates::new("static", Arc::clone(&changed), metrics());
    let group = |source: &str, address: &str| {
        TargetGroup::from_addresses(source, [address.to_owned()], LabelMap::new())
    };
    let woken = || {
        use futures::FutureExt as _;
        changed.notified().now_or_never().is_some()
    };
    updates.merge([group("a", "1"), group("b", "2")]);
    assert!(woken());
    updates.merge([group("a", "1")]);
    assert!(!woken(), "nothing has changed");
    updates.merge([TargetGroup { source: "a".into(), ..TargetGroup::default() }]);
    assert!(woken());
    updates.replace([group("b", "2")]);
    assert!(!woken(), "nothing has changed");
}

fn file_config(pattern: PathBuf) -> ProviderConfig {
    let refresh_interval = Duration::from_millis(20);
    ProviderConfig::File(FileConfig { files: vec![pattern], refresh_interval })
}

#[tokio::test]
async fn files_are_followed_and_bad_ones_keep_their_targets() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // As those who write such files should: in one step.
    let write = |name: &str, text: &str| {
        std::fs::write(path("new"), text).unwrap();
        std::fs::rename(path("new"), path(name)).unwrap();
    };
    write("one.json", r#"[{"targets": ["a:1"]}]"#);
    write("other.txt", "not for discovery");
    let (provider, changed, metrics) = start(&file_config(path("*.json")));
    let groups = groups_when(&changed, &provider, |groups| addresses(groups) == ["a:1"]).await;
    let file = path("one.json").display().to_string();
    assert_eq!(groups[0].labels["__meta_filepath"], file);
    assert_eq!(groups[0].source, format!("{file}:0"));

    write("two.json", r#"[{"targets": ["b:1"]}, {"targets": ["b:2"]}]"#);
    groups_when(&changed, &provider, |groups| addresses(groups) == ["a:1", "b:1", "b:2"]).await;

    write("two.json", r#"[{"targets": ["c:1"]}]"#);
    groups_when(&changed, &provider, |groups| addresses(groups) == ["a:1", "c:1"]).await;

    let before = metrics.failures.with_label_values(&["file"]).get();
    write("one.json", "[{");
    failures(&metrics, "file", before + 2).await;
    assert_eq!(addresses(&provider.groups()), ["a:1", "c:1"]);

    std::fs::remove_file(path("one.json")).unwrap();
    groups_when(&changed, &provider, |groups| addresses(groups) == ["c:1"]).await;
}

#[tokio::test]
async fn a_file_may_be_missing_at_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("late.yml");
    let (provider, changed, _) = start(&file_config(path.clone()));
    std::fs::write(&path, "- targets: [a:1]\n").unwrap();
    groups_when(&changed, &provider, |groups| addresses(groups) == ["a:1"]).await;
}

fn http_config(url: String) -> ProviderConfig {
    ProviderConfig::Http(HttpConfig {
        http: HttpClientConfig::default(),
        refresh_interval: Duration::from_millis(20),
        url,
    })
}

#[tokio::test]
async fn urls_are_asked_again_and_failures_keep_their_targets() {
    let answer = Arc::new(Mutex::new((200, "application/json; charset=utf-8", "")));
    let own = Arc::clone(&answer);
    answer.lock().2 = r#"[{"targets": ["a:1"], "labels": {"x": "y"}}, {"targets": ["b:1"]}]"#;
    let server = FakeServer::start(move |_| {
        let (status, kind, body) = *own.lock();
        Answer::Whole(status, format!("content-type: {kind}\r\n"), body.into())
    })
    .await;
    let url = format!("{}/sd?x=y", server.url());
    let (provider, changed, metrics) = start(&http_config(url.clone()));
    let groups =
        groups_when(&changed, &provider, |groups| addresses(groups) == ["a:1", "b:1"]).await;
    assert_eq!(groups[0].labels["__meta_url"], url);
    assert_eq!(groups[0].labels["x"], "y");
    assert_eq!(server.requests()[0].header("x-prometheus-refresh-interval-seconds"), "0.02");

    for (status, kind, body) in [
        (500, "application/json", "[]"),
        (200, "text/html", "[]"),
        (200, "application/json", "[{"),
        (200, "application/json; charset=latin1", "[]"),
    ] {
        *answer.lock() = (status, kind, body);
        let before = metrics.failures.with_label_values(&["http"]).get();
        failures(&metrics, "http", before + 2).await;
        assert_eq!(addresses(&provider.groups()), ["a:1", "b:1"], "{status} {kind}");
    }
    *answer.lock() = (200, "application/json", r#"[{"targets": ["c:1"]}]"#);
    groups_when(&changed, &provider, |groups| addresses(groups) == ["c:1"]).await;
}
