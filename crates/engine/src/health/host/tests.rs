//! Readings of the host that the tests run on, and what is made of readings.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use prometheus::Registry;
use watchkeep_model::{Clock, SystemClock, TenantId, TimeRange};
use watchkeep_storage::Store;
use watchkeep_storage::memory::MemoryStore;

use super::reading::{About, Disk, Gpu, HostReading, Interface};
use super::thresholds::Judge;
use crate::agents::query::HealthStatus::{Degraded, Healthy, Unhealthy};
use crate::agents::query::events::EventsQuery;
use crate::config::LimitsConfig;
use crate::engine::Engine;
use crate::health::config::{HealthConfig, HostConfig, Thresholds};
use crate::promql::{QueryOptions, Steps};
use crate::scrape::environment::Environment;

#[tokio::test]
async fn the_second_look_tells_of_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let engine =
        Engine::new(LimitsConfig::default(), Arc::new(SystemClock), &Registry::new()).unwrap();
    let own = std::fs::read_to_string("/proc/self/comm").unwrap().trim().to_owned();
    let host =
        HostConfig { processes: vec![own, "no such process".into()], ..HostConfig::default() };
    let config = HealthConfig { host, ..HealthConfig::default() };
    let engine = engine.with_health(config, folder.path(), &Environment::default()).unwrap();
    assert!(engine.read_host().await.is_none());
    assert!(engine.health().host().latest().is_none());
    let reading = engine.read_host().await.unwrap();
    assert_eq!(engine.health().host().latest(), Some(Arc::clone(&reading)));
    assert!(!reading.about.host.is_empty() && reading.about.cpus > 0, "{reading:?}");
    assert!((0.0..=100.0).contains(&reading.cpu_percent));
    let total = reading.memory_total_bytes;
    assert!(total > 0 && reading.memory_used_bytes < total && reading.memory_percent < 100.0);
    assert!(reading.processes > 0 && reading.process.resident_bytes > 1 << 20, "{reading:?}");
    assert!(reading.watched[0].count >= 1 && reading.watched[0].process.resident_bytes > 0);
    assert_eq!(reading.watched[1].count, 0);
    let data: Vec<_> = reading.disks.iter().filter(|disk| disk.data).collect();
    assert_eq!(data.len(), 1, "{:?}", reading.disks);
    assert_eq!(data[0].percent(), reading.disk_usage_percent);
    assert!(reading.disk_usage_percent > 0.0);
}

/// A reading with some use of CPU, memory and the data disk.
fn reading(time_ns: i64, cpu: f64, memory: f64, disk: f64) -> HostReading {
    let disk = Disk {
        device: "/dev/sda1".into(),
        mountpoint: "/data".into(),
        total_bytes: 1000,
        used_bytes: (disk * 10.0) as u64,
        available_bytes: 1000 - (disk * 10.0) as u64,
        data: true,
    };
    HostReading {
        about: Arc::new(About { host: "h1".into(), os: "Linux".into(), cpus: 4 }),
        time_ns,
        cpu_percent: cpu,
        load: [1.0, 2.0, 3.0],
        memory_percent: memory,
        memory_used_bytes: (memory * 10.0) as u64,
        memory_available_bytes: 1000 - (memory * 10.0) as u64,
        memory_total_bytes: 1000,
        disk_usage_percent: disk.percent(),
        disks: vec![disk],
        processes: 7,
        ..HostReading::default()
    }
}

#[test]
fn a_threshold_holds_until_it_is_well_behind() {
    let config = HostConfig::default();
    let mut judge = Judge::default();
    let mut at = |memory: f64| {
        let issues = judge.judge(&reading(0, 0.0, memory, 0.0), &config);
        issues.into_iter().find(|issue| issue.name == "memory").unwrap()
    };
    for (memory, status) in [
        (80.0, Healthy),
        (80.1, Degraded),
        (79.0, Degraded),
        (75.1, Degraded),
        (75.0, Healthy),
        (79.0, Healthy),
        (90.1, Unhealthy),
        (86.0, Unhealthy),
        (85.0, Degraded),
        (89.0, Degraded),
        (95.0, Unhealthy),
        (10.0, Healthy),
    ] {
        assert_eq!(at(memory).status, status, "{memory}");
    }
    let issue = at(93.25);
    assert_eq!(issue.message, "memory usage 93.2 % is above 90 %");
    assert_eq!((issue.value, issue.threshold), (0.9325, 0.9));
    assert_eq!(at(88.0).message, "memory usage 88.0 % was above 90 % and is still near");
}

#[test]
fn one_busy_reading_is_no_news_and_kinds_have_thresholds_of_their_own() {
    let disk = Some(Thresholds { warning_above: 50.0, critical_above: 60.0 });
    let config = HostConfig { disk, ..HostConfig::default() };
    let mut judge = Judge::default();
    let mut statuses = |cpu: f64| {
        let issues = judge.judge(&reading(0, cpu, 0.0, 55.0), &config);
        let status = |name: &str| issues.iter().find(|it| it.name == name).map(|it| it.status);
        (status("cpu"), status("disk /data"))
    };
    assert_eq!(statuses(100.0), (None, Some(Degraded)));
    assert_eq!(statuses(20.0).0, Some(Healthy));
    assert_eq!(statuses(100.0).0, Some(Healthy), "60 % over two readings");
    assert_eq!(statuses(100.0).0, Some(Unhealthy));
    assert_eq!(statuses(20.0).0, Some(Healthy));
}

/// A clock that tests set.
#[derive(Debug)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now_ns(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_700_000_000 * SECOND;

fn engine(store: &Arc<dyn Store>) -> Engine {
    let clock = Arc::new(Hand(AtomicI64::new(START)));
    let engine = Engine::new(LimitsConfig::default(), clock, &Registry::new()).unwrap();
    let (config, folder) = (HealthConfig::default(), std::path::Path::new("/"));
    let engine = engine.with_health(config, folder, &Environment::default()).unwrap();
    engine.attach(Arc::clone(store));
    engine
}

async fn keep(engine: &Engine, reading: HostReading) {
    engine.recall_host().await;
    let reading = Arc::new(reading);
    engine.take_reading(Arc::clone(&reading));
    engine.keep_reading(&reading).await;
}

async fn titles(engine: &Engine) -> Vec<String> {
    let query = EventsQuery {
        range: TimeRange::ALL,
        kind: Some("host".into()),
        severity: None,
        agent: None,
        service: None,
        limit: 100,
        after: None,
    };
    let events = engine.events(&TenantId::default(), query).await.unwrap().events;
    events.into_iter().map(|it| format!("{}: {}", it.fact.severity, it.fact.title)).collect()
}

#[tokio::test]
async fn crossing_a_threshold_is_one_event_also_over_a_restart() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let first = engine(&store);
    keep(&first, reading(START, 0.0, 50.0, 50.0)).await;
    assert_eq!(titles(&first).await, Vec::<String>::new());
    keep(&first, reading(START + 30 * SECOND, 0.0, 95.0, 50.0)).await;
    keep(&first, reading(START + 60 * SECOND, 0.0, 96.0, 50.0)).await;
    let critical = "critical: h1: memory usage 95.0 % is above 90 %";
    assert_eq!(titles(&first).await, [critical]);
    assert_eq!(first.health().host().status(), Unhealthy);
    assert_eq!(first.health().host().issues().len(), 1);
    assert_eq!(first.health().host().measures().len(), 3);
    let again = engine(&store);
    keep(&again, reading(START + 90 * SECOND, 0.0, 88.0, 50.0)).await;
    assert_eq!(titles(&again).await, [critical], "still near what was told before the restart");
    keep(&again, reading(START + 120 * SECOND, 0.0, 20.0, 50.0)).await;
    let over = "info: h1: memory usage is 20.0 %, back within its threshold";
    assert_eq!(titles(&again).await, [over, critical]);
}

#[tokio::test]
async fn readings_are_series_that_survive_a_restart() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let before = engine(&store);
    for at in 0..4 {
        let mut reading = reading(START + at * 30 * SECOND, 10.0 * at as f64, 40.0, 25.0);
        reading.network = vec![Interface {
            name: "eth0".into(),
            // The counter begins again once.
            receive_bytes: [3_000, 6_000, 300, 600][at as usize],
            transmit_bytes: 0,
            ..Interface::default()
        }];
        reading.gpus =
            vec![Gpu { name: "A100".into(), power_watts: Some(250.0), ..Gpu::default() }];
        keep(&before, reading).await;
    }
    let after = engine(&store);
    let mut seen = reading(START + 120 * SECOND, 0.0, 40.0, 25.0);
    seen.network.clear();
    after.take_reading(Arc::new(seen));
    let range = TimeRange { start_ns: START, end_ns: START + 120 * SECOND };
    let (steps, points) = after.host_history(range, Some(30 * SECOND)).await.unwrap();
    let told: Vec<_> = points.iter().filter(|point| point.load1.is_some()).collect();
    assert_eq!((steps.step_ns, told.len()), (30 * SECOND, 4));
    let close = |a: Option<f64>, b: f64| assert!((a.unwrap() - b).abs() < 1e-9, "{a:?} {b}");
    for (at, point) in told.iter().enumerate() {
        close(point.cpu_percent, 10.0 * at as f64);
        close(point.memory_percent, 40.0);
        close(point.disk_percent, 25.0);
        close(point.load1, 1.0);
    }
    let rates: Vec<_> = told.iter().map(|point| point.receive_bytes_per_second).collect();
    assert_eq!(rates, [None, Some(100.0), Some(10.0), Some(10.0)]);
    let time_ms = (START + 90 * SECOND) / 1_000_000;
    for (query, wanted) in [
        (
            "watchkeep_host_disk_used_bytes{device=\"/dev/sda1\",mountpoint=\"/data\",host=\"h1\"}",
            250.0,
        ),
        ("watchkeep_host_gpu_power_watts{gpu=\"0\",name=\"A100\"}", 250.0),
        ("watchkeep_host_load15", 3.0),
        ("watchkeep_host_processes", 7.0),
    ] {
        let (steps, options) = (Steps::Instant { time_ms }, QueryOptions::default());
        let output = after.promql(&TenantId::default(), query, steps, options).await.unwrap();
        let shown = format!("{output:?}");
        assert!(shown.contains(&format!("{wanted:?}")), "{query} gave {shown}");
    }
}
