//! Which loops run under which configuration.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus::Registry;
use watchkeep_model::Labels;

use super::ScrapeManager;
use crate::scrape::config::{Loaded, load};
use crate::scrape::discovery::DiscoveryMetrics;
use crate::scrape::environment::Environment;
use crate::scrape::job::{Job, Scraper, StopReason};
use crate::scrape::target::Target;

/// A loop: its number, and what it scrapes.
struct FakeLoop {
    number: usize,
    url: String,
}

/// Notes what is started and stopped instead of scraping.
#[derive(Clone, Default)]
struct FakeScraper {
    events: Arc<Mutex<Vec<String>>>,
    count: Arc<Mutex<usize>>,
}

impl FakeScraper {
    fn note(&self, event: String) {
        self.events.lock().push(event);
    }

    /// What has happened since the last call, sorted.
    fn events(&self) -> Vec<String> {
        let mut events = std::mem::take(&mut *self.events.lock());
        events.sort();
        events
    }

    async fn events_when(&self, wanted: &[&str]) {
        let mut seen = Vec::new();
        let waiting = async {
            while seen != wanted {
                seen.extend(self.events());
                seen.sort();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(20), waiting).await.is_err() {
            panic!("wanted {wanted:?}, got {seen:?}");
        }
    }
}

impl Scraper for FakeScraper {
    type Loop = FakeLoop;

    fn start(&self, _: Arc<Job>, target: Arc<Target>) -> FakeLoop {
        let mut count = self.count.lock();
        *count += 1;
        self.note(format!("start {}", target.url()));
        FakeLoop { number: *count, url: target.url().to_owned() }
    }

    fn restart(&self, running: FakeLoop, job: Arc<Job>, target: Arc<Target>) -> FakeLoop {
        let limit = job.config.sample_limit;
        self.note(format!("restart {} as {} limit {limit}", running.url, target.url()));
        FakeLoop { number: running.number, url: target.url().to_owned() }
    }

    fn stop(
        &self,
        running: FakeLoop,
        reason: StopReason,
    ) -> impl Future<Output = ()> + Send + 'static {
        self.note(format!("stop {} {reason:?}", running.url));
        async {}
    }
}

fn read(text: &str) -> Loaded {
    load(text, Path::new("."), &Environment::default()).unwrap()
}

fn manager() -> (ScrapeManager<FakeScraper>, FakeScraper) {
    let scraper = FakeScraper::default();
    let metrics = DiscoveryMetrics::register(&Registry::new()).unwrap();
    (ScrapeManager::new(scraper.clone(), Environment::default(), metrics), scraper)
}

fn jobs(yaml: &str) -> Loaded {
    read(&format!("scrape_configs: [{yaml}]"))
}

#[tokio::test]
async fn targets_that_stay_keep_their_loops() {
    let (manager, scraper) = manager();
    manager.apply(jobs("{job_name: a, static_configs: [{targets: [x:1, y:1]}]}")).await.unwrap();
    assert_eq!(scraper.events(), ["start http://x:1/metrics", "start http://y:1/metrics"]);
    assert_eq!(manager.pools()[0].active.len(), 2);

    manager.apply(jobs("{job_name: a, static_configs: [{targets: [x:1, y:1]}]}")).await.unwrap();
    assert_eq!(scraper.events(), Vec::<String>::new(), "nothing has changed");

    let other = "{job_name: a, static_configs: [{targets: [x:1, z:1]}]}, {job_name: b}";
    manager.apply(jobs(other)).await.unwrap();
    // The list of targets is part of the job's settings, so its loops go on under new ones.
    scraper
        .events_when(&[
            "restart http://x:1/metrics as http://x:1/metrics limit 0",
            "start http://z:1/metrics",
            "stop http://y:1/metrics Gone",
        ])
        .await;
    let names: Vec<String> =
        manager.pools().iter().map(|pool| pool.job.config.job_name.clone()).collect();
    assert_eq!(names, ["a", "b"]);

    manager.apply(jobs("{job_name: b}")).await.unwrap();
    scraper.events_when(&["stop http://x:1/metrics Gone", "stop http://z:1/metrics Gone"]).await;
    assert_eq!(manager.pools().len(), 1);
}

#[tokio::test]
async fn other_settings_hand_loops_over() {
    let (manager, scraper) = manager();
    let job =
        |more: &str| jobs(&format!("{{job_name: a, {more} static_configs: [{{targets: [x:1]}}]}}"));
    manager.apply(job("")).await.unwrap();
    scraper.events();
    manager.apply(job("sample_limit: 5,")).await.unwrap();
    assert_eq!(scraper.events(), ["restart http://x:1/metrics as http://x:1/metrics limit 5"]);
    // The interval and the path are labels, so the target is another; its samples are the same.
    manager.apply(job("scrape_interval: 5s, metrics_path: /other,")).await.unwrap();
    assert_eq!(scraper.events(), ["restart http://x:1/metrics as http://x:1/other limit 0"]);
    let target = Arc::clone(&manager.pools()[0].active[0]);
    assert_eq!(target.interval(), Duration::from_secs(5));
}

#[tokio::test]
async fn a_configuration_that_can_not_be_used_changes_nothing() {
    let (manager, scraper) = manager();
    manager.apply(jobs("{job_name: a, static_configs: [{targets: [x:1]}]}")).await.unwrap();
    scraper.events();
    let bad = "{job_name: b}, {job_name: a, tls_config: {ca_file: /no/such/file}}";
    let error = manager.apply(jobs(bad)).await.unwrap_err();
    assert!(error.message().contains("error creating scrape pool \"a\""), "{error}");
    assert_eq!(scraper.events(), Vec::<String>::new());
    assert_eq!(manager.pools().len(), 1);
    assert_eq!(manager.config().unwrap().scrape_configs[0].job_name, "a");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prometheus.yml");
    std::fs::write(&path, "scrape_config: []").unwrap();
    let error = manager.apply_file(&path).await.unwrap_err();
    assert!(error.message().contains("did you mean \"scrape_configs\""), "{error}");
    assert_eq!(manager.pools().len(), 1);
}

#[tokio::test]
async fn a_discovery_that_can_not_start_is_a_warning() {
    let (manager, scraper) = manager();
    let both =
        "{job_name: a, kubernetes_sd_configs: [{role: pod}], static_configs: [{targets: [x:1]}]}";
    let warnings = manager.apply(jobs(both)).await.unwrap();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("cannot create kubernetes service discovery"), "{warnings:?}");
    assert_eq!(scraper.events(), ["start http://x:1/metrics"]);
}

#[tokio::test]
async fn discovered_targets_start_and_stop_loops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("targets.yml");
    let write = |text: &str| {
        std::fs::write(folder.path().join("new"), text).unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
    };
    write("- targets: [x:1]\n");
    let shown = path.display();
    let (manager, scraper) = manager();
    let job = format!(
        "{{job_name: a, file_sd_configs: [{{files: ['{shown}'], refresh_interval: 20ms}}]}}"
    );
    manager.apply(jobs(&job)).await.unwrap();
    scraper.events_when(&["start http://x:1/metrics"]).await;
    write("- targets: [x:1, y:1]\n  labels: {__meta_a: b}\n");
    scraper.events_when(&["start http://y:1/metrics"]).await;
    let targets = manager.pools()[0].active.clone();
    let seen: BTreeMap<String, Labels> = targets
        .iter()
        .map(|target| (target.url().to_owned(), target.discovered_labels()))
        .collect();
    assert_eq!(seen["http://x:1/metrics"].get("__meta_a"), "b", "what is shown is up to date");
    write("[]");
    scraper.events_when(&["stop http://x:1/metrics Gone", "stop http://y:1/metrics Gone"]).await;
}

#[tokio::test]
async fn too_many_targets_make_all_scrapes_fail() {
    let (manager, _) = manager();
    let job = |limit: u32| {
        jobs(&format!(
            "{{job_name: a, target_limit: {limit}, static_configs: [{{targets: [x:1, y:1]}}]}}"
        ))
    };
    manager.apply(job(1)).await.unwrap();
    for target in &manager.pools()[0].active {
        assert_eq!(
            target.forced_error().unwrap(),
            "target_limit exceeded (number of targets: 2, limit: 1)"
        );
    }
    manager.apply(job(2)).await.unwrap();
    assert!(manager.pools()[0].active.iter().all(|target| target.forced_error().is_none()));
}

#[tokio::test]
async fn dropped_targets_are_counted_and_some_remembered() {
    let (manager, _) = manager();
    manager
        .apply(jobs(
            "{job_name: a, keep_dropped_targets: 1, static_configs: [{targets: [x:1, y:1, z:1, z:1]}], \
             relabel_configs: [{source_labels: [__address__], regex: 'z.*', action: keep}]}",
        ))
        .await
        .unwrap();
    let pool = &manager.pools()[0];
    assert_eq!((pool.active.len(), pool.dropped.len(), pool.dropped_count), (1, 1, 2));
}

#[tokio::test]
async fn shutdown_stops_all_loops_and_takes_no_more() {
    let (manager, scraper) = manager();
    let config = jobs("{job_name: a, static_configs: [{targets: [x:1]}]}");
    manager.apply(config.clone()).await.unwrap();
    scraper.events();
    manager.shut_down().await;
    assert_eq!(scraper.events(), ["stop http://x:1/metrics Shutdown"]);
    assert!(manager.apply(config).await.is_err());
}

#[tokio::test]
async fn relabel_steps_show_each_rule() {
    let (manager, _) = manager();
    manager
        .apply(jobs(
            "{job_name: a, relabel_configs: [{source_labels: [x], target_label: y}, \
             {source_labels: [y], regex: '1', action: drop}, {target_label: z, replacement: n}]}",
        ))
        .await
        .unwrap();
    let labels = BTreeMap::from([("x".to_owned(), "1".to_owned())]);
    let steps = manager.relabel_steps("a", &labels).unwrap();
    let shown: Vec<(bool, String)> =
        steps.iter().map(|step| (step.keep, format!("{:?}", step.output))).collect();
    assert_eq!(
        shown,
        [
            (true, "{\"x\": \"1\", \"y\": \"1\"}".to_owned()),
            (false, "{}".to_owned()),
            (false, "{}".to_owned())
        ]
    );
    let rule = serde_json::to_value(&steps[1].rule).unwrap();
    assert_eq!(
        rule,
        serde_json::json!({
            "source_labels": ["y"], "separator": ";", "regex": "1",
            "replacement": "$1", "action": "drop"
        })
    );
    assert!(manager.relabel_steps("none", &labels).is_err());
}
