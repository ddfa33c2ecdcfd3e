//! Checks from their configuration to their history, over the store in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use prometheus::Registry;
use watchkeep_model::{Clock, SystemClock, TenantId, TimeRange};
use watchkeep_storage::Store;
use watchkeep_storage::memory::MemoryStore;

use super::config::{CheckConfig, Statuses};
use super::state::{CheckState, CheckStatus, Outcome};
use crate::LimitsConfig;
use crate::agents::query::events::EventsQuery;
use crate::engine::Engine;
use crate::health::config::HealthConfig;
use crate::scrape::environment::Environment;
use crate::scrape::fake_http::{Answer, FakeServer};

const SECOND: i64 = 1_000_000_000;
/// When tests begin.
const START: i64 = 1_700_000_000 * SECOND;

/// A clock that tests set.
#[derive(Debug)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now_ns(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn config(yaml: &str) -> HealthConfig {
    serde_saphyr::from_str(yaml).unwrap()
}

struct Bench {
    engine: Arc<Engine>,
    clock: Arc<Hand>,
}

impl Bench {
    fn new(store: &Arc<dyn Store>, config: &HealthConfig) -> Self {
        let clock = Arc::new(Hand(AtomicI64::new(START)));
        let hand = Arc::clone(&clock) as Arc<dyn Clock>;
        let engine = Engine::new(LimitsConfig::default(), hand, &Registry::new()).unwrap();
        let folder = std::path::Path::new("/");
        let engine = engine.with_health(config.clone(), folder, &Environment::default()).unwrap();
        engine.attach(Arc::clone(store));
        Self { engine: Arc::new(engine), clock }
    }

    /// Runs the check `web` so long after the start.
    async fn run(&self, seconds: i64) -> CheckState {
        self.clock.0.store(START + seconds * SECOND, Ordering::Relaxed);
        self.engine.run_check("web").await.unwrap().state()
    }

    async fn events(&self) -> Vec<(String, String, String)> {
        let query = EventsQuery {
            range: TimeRange::ALL,
            kind: Some("dependency".into()),
            severity: None,
            agent: None,
            service: None,
            limit: 100,
            after: None,
        };
        let events = self.engine.events(&TenantId::default(), query).await.unwrap().events;
        let told = events.into_iter().map(|it| (it.fact.severity, it.fact.title, it.fact.text));
        told.collect()
    }
}

#[test]
fn what_is_wrong_with_a_check_is_named_with_its_place() {
    for (yaml, parts) in [
        ("{type: http}", ["health.checks.x.url is missing", "http"]),
        ("{type: http, url: 'ftp://a/b'}", ["health.checks.x.url", "http:// or https://"]),
        ("{type: http, url: 'http://a', address: 'b:1'}", ["health.checks.x.address", "type http"]),
        ("{type: http, url: 'http://a', method: 'A B'}", ["health.checks.x.method", "HTTP"]),
        ("{type: http, url: 'http://a', expect_status: 99}", ["x.expect_status", "\"99\""]),
        ("{type: http, url: 'http://a', expect_status: [200, 9-1]}", ["x.expect_status", "9-1"]),
        ("{type: http, url: 'http://a', headers: {'a b': c}}", ["x.headers.a b", "sent"]),
        ("{type: tcp, address: localhost}", ["health.checks.x.address", "host:port"]),
        ("{type: tcp, address: 'localhost:0'}", ["health.checks.x.address", "host:port"]),
        ("{type: postgres, url: 'postgres://host/db'}", ["health.checks.x.url", "user"]),
        ("{type: postgres, url: 'postgres://u@h/db?sslmode=yes'}", ["x.url: sslmode", "require"]),
        ("{type: postgres, url: 'postgres://u@h/db?colour=red'}", ["x.url", "colour"]),
        ("{type: redis, url: 'http://host'}", ["health.checks.x.url", "redis://"]),
        ("{type: redis, url: 'redis://host/users'}", ["health.checks.x.url", "number"]),
        ("{type: dns, name: a.example, record: X}", ["health.checks.x.record", "AAAA"]),
        ("{type: dns, name: a.example, server: ns1}", ["health.checks.x.server", "10.0.0.53"]),
        ("{type: command, command: []}", ["health.checks.x.command", "program"]),
        ("{type: tcp, address: 'a:1', interval: 10ms}", ["health.checks.x.interval", "1s"]),
        ("{type: tcp, address: 'a:1', timeout: 1h}", ["health.checks.x.timeout", "10m"]),
        ("{type: tcp, address: 'a:1', failures: 0}", ["health.checks.x.failures", "1"]),
    ] {
        let error = config(&format!("checks: {{x: {yaml}}}")).check().unwrap_err();
        assert!(parts.iter().all(|part| error.message().contains(part)), "{yaml} gave {error}");
    }
    for (yaml, part) in [
        ("checks: {'a b': {type: tcp, address: 'a:1'}}", "health.checks.a b"),
        ("checks_at_once: 0", "health.checks_at_once"),
        ("checks_tenant: ''", "health.checks_tenant"),
        ("host: {interval: 10ms}", "health.host.interval"),
        ("host: {tenant: 'a/b'}", "health.host.tenant"),
        ("host: {warning_above: 95}", "health.host.warning_above"),
        (
            "host: {disk: {warning_above: 95, critical_above: 101}}",
            "health.host.disk.warning_above",
        ),
        ("host: {processes: ['']}", "health.host.processes[0]"),
        ("agents: {interval: 0}", "health.agents.interval"),
        ("agents: {window: 48h}", "health.agents.window"),
    ] {
        let error = config(yaml).check().unwrap_err();
        assert!(error.message().contains(part), "{yaml} gave {error}");
    }
    for (yaml, part) in [
        ("checks: {x: {type: tcp, adress: 'a:1'}}", "adress"),
        ("checks: {x: {type: smtp}}", "smtp"),
        ("checks: {x: {url: 'http://a'}}", "type"),
        ("hosts: {}", "hosts"),
    ] {
        let error = serde_saphyr::from_str::<HealthConfig>(yaml).unwrap_err().to_string();
        assert!(error.contains(part), "{yaml} gave {error}");
    }
}

#[test]
fn a_configuration_is_taken_and_its_secrets_are_not_printed() {
    let yaml = "checks:\n  db: {type: postgres, url: 'postgres://u:p4ss@h/db', interval: 10s}\n  \
                web: {type: http, url: 'https://a/?key=t0ken', headers: {X-Key: h3ader}, \
                expect_status: [200, '300-399']}\n";
    let config = config(yaml);
    config.check().unwrap();
    let shown = format!("{config:?}");
    for secret in ["p4ss", "t0ken", "h3ader"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    // Layers of configuration are put together by way of JSON.
    let json = serde_json::to_value(&config).unwrap();
    assert_eq!(serde_json::from_value::<HealthConfig>(json).unwrap(), config);
    let statuses = |text: &str| serde_saphyr::from_str::<Statuses>(text).unwrap().ranges().unwrap();
    assert_eq!(statuses("200"), [(200, 200)]);
    assert_eq!(statuses("200-399"), [(200, 399)]);
    assert_eq!(statuses("[200, '204,300-303']"), [(200, 200), (204, 204), (300, 303)]);
}

#[test]
fn a_check_is_unhealthy_after_so_many_failures_and_healthy_after_one_success() {
    use CheckStatus::{Healthy, Unhealthy, Unknown};
    let mut state = CheckState::default();
    let results = [
        (false, Unknown, None),
        (true, Healthy, Some(2)),
        (true, Healthy, Some(2)),
        (false, Healthy, Some(2)),
        (true, Healthy, Some(2)),
        (false, Healthy, Some(2)),
        (false, Unhealthy, Some(7)),
        (false, Unhealthy, Some(7)),
        (true, Healthy, Some(9)),
    ];
    for (at, (ok, status, since_ns)) in results.into_iter().enumerate() {
        let time_ns = at as i64 + 1;
        let error = (!ok).then(|| "down".to_owned());
        state.take(Outcome { time_ns, duration_ns: 5, error: error.clone() }, 2);
        assert_eq!((state.status, state.since_ns), (status, since_ns), "{at}");
        assert_eq!(state.last.as_ref().unwrap().error, error);
    }
    let mut state = CheckState::default();
    state.take(Outcome { time_ns: 1, duration_ns: 5, error: Some("down".into()) }, 1);
    assert_eq!(state.status, Unhealthy);
}

/// A server that is up while the number says so.
async fn web(status: &Arc<AtomicI64>) -> FakeServer {
    let status = Arc::clone(status);
    FakeServer::start(move |_| Answer::status(status.load(Ordering::Relaxed) as u16)).await
}

#[tokio::test]
async fn results_become_samples_and_changes_become_events_that_survive_a_restart() {
    let status = Arc::new(AtomicI64::new(200));
    let server = web(&status).await;
    let url = format!("{}/?token=t0ken", server.url());
    let config = config(&format!("checks: {{web: {{type: http, url: '{url}', failures: 2}}}}"));
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let bench = Bench::new(&store, &config);
    assert_eq!(bench.engine.health().checks().status(), CheckStatus::Unknown);
    assert_eq!(bench.run(0).await.status, CheckStatus::Healthy);
    assert_eq!(bench.events().await, [], "all was well from the start");
    status.store(503, Ordering::Relaxed);
    assert_eq!(bench.run(30).await.status, CheckStatus::Healthy);
    let state = bench.run(60).await;
    assert_eq!((state.status, state.since_ns), (CheckStatus::Unhealthy, Some(START + 60 * SECOND)));
    assert_eq!(bench.run(90).await.status, CheckStatus::Unhealthy);
    let target = format!("{}/", server.url());
    let critical = (
        "critical".to_owned(),
        "web is unhealthy".to_owned(),
        format!("{target}: answered with status 503 Service Unavailable"),
    );
    assert_eq!(bench.events().await, std::slice::from_ref(&critical));

    // After a restart it fails on: that is not told again, and since when is known.
    let bench = Bench::new(&store, &config);
    bench.run(120).await;
    assert_eq!(bench.run(150).await.status, CheckStatus::Unhealthy);
    let since_ns = bench.engine.health().checks().find("web").unwrap().state().since_ns;
    assert_eq!(since_ns, Some(START + 60 * SECOND));
    assert_eq!(bench.events().await.len(), 1);

    // After another it is well again, which is told.
    status.store(200, Ordering::Relaxed);
    let bench = Bench::new(&store, &config);
    assert_eq!(bench.run(180).await.status, CheckStatus::Healthy);
    let well = ("info".to_owned(), "web is healthy".to_owned(), format!("{target} answers again"));
    assert_eq!(bench.events().await, [well, critical]);

    let range = TimeRange { start_ns: START, end_ns: START + 240 * SECOND };
    let history = bench.engine.check_history(range).await.unwrap().remove("web").unwrap();
    assert_eq!((history.all.runs, history.all.failures), (7, 5));
    assert_eq!(history.all.share(), Some(2.0 / 7.0));
    assert!(history.all.avg_duration_ns.unwrap() > 0.0);
    let told: Vec<_> = history.steps.iter().filter(|step| step.runs > 0).collect();
    assert_eq!(told.len(), 7, "{told:?}");
    assert_eq!((told[0].share(), told[1].share()), (Some(1.0), Some(0.0)));
    assert_eq!(
        history.steps.iter().filter(|step| step.share().is_none()).count() + 7,
        history.steps.len()
    );
    let nobody = bench.engine.run_check("nobody").await.unwrap_err();
    assert!(nobody.message().contains("nobody"), "{nobody}");
}

#[tokio::test]
async fn many_who_ask_at_one_time_share_a_run() {
    let status = Arc::new(AtomicI64::new(200));
    let server = web(&status).await;
    let config = config(&format!("checks: {{web: {{type: http, url: '{}'}}}}", server.url()));
    let engine = Engine::new(LimitsConfig::default(), Arc::new(SystemClock), &Registry::new());
    let folder = std::path::Path::new("/");
    let engine = engine.unwrap().with_health(config, folder, &Environment::default()).unwrap();
    let asking = (0..20).map(|_| engine.run_check("web"));
    for answer in futures::future::join_all(asking).await {
        assert_eq!(answer.unwrap().state().status, CheckStatus::Healthy);
    }
    let runs = server.requests().len();
    assert!((1..=2).contains(&runs), "{runs}");
    engine.run_check("web").await.unwrap();
    assert_eq!(server.requests().len(), runs + 1);
}

#[tokio::test]
async fn an_error_says_nothing_secret_and_is_short() {
    let text = "echo \"cannot sign in with p4ssw0rd\"; exit 1";
    let long = format!("echo {}; exit 1", "x".repeat(1000));
    let yaml = "checks: {a: {type: redis, url: 'redis://:p4ssw0rd@localhost'}}";
    let mut config = config(yaml);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let bench = Bench::new(&store, &config);
    let check = bench.engine.health().checks().find("a").unwrap();
    let shown = check.presentable("AUTH: p4ssw0rd is\nwrong");
    assert_eq!(shown, "AUTH: *** is wrong");
    assert!(!format!("{check:?}").contains("p4ssw0rd"));
    for script in [text, &long] {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        let mut check = CheckConfig::new(super::config::CheckType::Command);
        check.command = Some(command);
        config.checks.insert("web".to_owned(), check);
        let environment = Environment::new([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        let engine = Engine::new(
            LimitsConfig::default(),
            Arc::new(Hand(AtomicI64::new(1))),
            &Registry::new(),
        );
        let engine = engine.unwrap();
        let folder = std::path::Path::new("/");
        let engine = engine.with_health(config.clone(), folder, &environment).unwrap();
        let check = engine.run_check("web").await.unwrap();
        let error = check.state().last.unwrap().error.unwrap();
        assert!(error.starts_with("exit status 1: ") && error.chars().count() <= 301, "{error}");
    }
}

#[tokio::test]
async fn what_takes_too_long_fails_and_says_so() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let yaml = format!("checks: {{web: {{type: redis, url: 'redis://{address}', timeout: 50ms}}}}");
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let state = Bench::new(&store, &config(&yaml)).run(0).await;
    assert_eq!(state.status, CheckStatus::Unhealthy);
    let last = state.last.unwrap();
    assert_eq!(last.error.as_deref(), Some("no answer within 50ms"));
    assert!(last.duration_ns >= 50_000_000);
}
