//! Loops under a clock that stands still until everybody waits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use prometheus::Registry;
use tokio::time::Instant;
use watchkeep_model::{Clock, Error, MetricColumns, Result};

use super::super::config::ScrapeConfig;
use super::super::loops::{Appender, LoopOptions, RunningLoop, ScrapeLoops};
use super::super::{
    Fetch, FetchError, Fetched, Job, ScrapeMetrics, Scraper as _, StopReason, Target, TargetHealth,
};
use super::{config, job, lines, target};

const START_MS: i64 = 1_700_000_000_000;

/// Goes with the time of the runtime.
#[derive(Debug)]
struct RuntimeClock(Instant);

impl Clock for RuntimeClock {
    fn now_ns(&self) -> i64 {
        START_MS * 1_000_000 + self.0.elapsed().as_nanos() as i64
    }
}

/// What a target does when it is asked.
#[derive(Debug, Clone)]
enum Answer {
    Body(&'static str),
    Refuse,
    Hang,
}

#[derive(Debug, Default)]
struct Script(Mutex<VecDeque<Answer>>);

#[async_trait]
impl Fetch for Script {
    async fn fetch(&self, _: &Job, _: &Target) -> std::result::Result<Fetched, FetchError> {
        let answer = self.0.lock().pop_front().unwrap_or(Answer::Body("a 1\n"));
        match answer {
            Answer::Body(body) => {
                Ok(Fetched { body: body.into(), content_type: Some("text/plain".into()) })
            }
            Answer::Refuse => Err(FetchError::Failed("connection refused".into())),
            Answer::Hang => std::future::pending().await,
        }
    }
}

/// Keeps what it is given, or refuses it.
#[derive(Debug, Default)]
struct Store {
    appends: Mutex<Vec<MetricColumns>>,
    refuses: Mutex<bool>,
}

#[async_trait]
impl Appender for Store {
    async fn append(&self, columns: MetricColumns) -> Result<()> {
        if *self.refuses.lock() {
            return Err(Error::internal("the disk is full"));
        }
        self.appends.lock().push(columns);
        Ok(())
    }
}

struct World {
    loops: ScrapeLoops,
    store: Arc<Store>,
    job: Arc<Job>,
    target: Arc<Target>,
}

impl World {
    fn new(config: ScrapeConfig, answers: &[Answer]) -> Self {
        let store = Arc::new(Store::default());
        let script = Script(Mutex::new(answers.iter().cloned().collect()));
        let loops = ScrapeLoops::new(
            Arc::clone(&store) as _,
            Arc::new(script),
            Arc::new(RuntimeClock(Instant::now())),
            ScrapeMetrics::register(&Registry::new()).unwrap(),
            LoopOptions::default(),
        );
        let job = job(config);
        let target = target(&job, "127.0.0.1:1");
        Self { loops, store, job, target }
    }

    fn start(&self) -> RunningLoop {
        self.loops.start(Arc::clone(&self.job), Arc::clone(&self.target))
    }

    /// Waits for so many appends in all and returns them as lines, with the durations left out.
    async fn appends(&self, count: usize) -> Vec<Vec<String>> {
        while self.store.appends.lock().len() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let without_durations = |columns: &MetricColumns| {
            let mut lines = lines(columns);
            lines.retain(|line| !line.starts_with("scrape_duration") || line.contains("STALE"));
            lines
        };
        self.store.appends.lock().iter().map(without_durations).collect()
    }
}

/// The lines of samples and of `up`, with the times left out.
fn short(lines: &[String]) -> Vec<String> {
    let kept = lines.iter().filter(|line| !line.starts_with("scrape_"));
    kept.map(|line| {
        line.replace("{instance=\"i\",job=\"j\"}", "").split(" @").next().unwrap().into()
    })
    .collect()
}

fn time(line: &str) -> i64 {
    line.split(" @").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_target_is_scraped_at_its_interval_and_reported() {
    let world = World::new(config(), &[]);
    let running = world.start();
    let appends = world.appends(3).await;
    let first = time(&appends[0][0]);
    assert!((START_MS..=START_MS + 10_000).contains(&first), "{first}");
    let labels = "{instance=\"i\",job=\"j\"}";
    for (position, lines) in appends.iter().enumerate() {
        let at = first + 10_000 * position as i64;
        let added = i32::from(position == 0);
        let expect = [
            format!("a{labels} 1 @{at}"),
            format!("scrape_samples_post_metric_relabeling{labels} 1 @{at}"),
            format!("scrape_samples_scraped{labels} 1 @{at}"),
            format!("scrape_series_added{labels} {added} @{at}"),
            format!("up{labels} 1 @{at}"),
        ];
        assert_eq!(lines[..], expect);
    }
    let status = world.target.status();
    assert_eq!((status.health, &*status.last_error), (TargetHealth::Up, ""));
    world.loops.stop(running, StopReason::Shutdown).await;
}

#[tokio::test(start_paused = true)]
async fn failures_are_reported_and_end_the_series() {
    let answers = [Answer::Body("a 1\n"), Answer::Refuse, Answer::Hang, Answer::Body("a oops\n")];
    let world = World::new(config(), &answers);
    let running = world.start();
    let appends = world.appends(3).await;
    assert_eq!(short(&appends[0]), ["a 1", "up 1"]);
    assert_eq!(short(&appends[1]), ["a STALE", "up 0"]);
    assert_eq!(short(&appends[2]), ["up 0"]);
    assert_eq!(world.target.status().last_error, "context deadline exceeded");
    assert_eq!(world.target.status().last_scrape_duration, Duration::from_secs(5));
    world.appends(4).await;
    assert_eq!(world.target.status().health, TargetHealth::Down);
    assert_eq!(world.target.status().last_error, "line 1: value \"oops\" is not a number");
    world.loops.stop(running, StopReason::Shutdown).await;
}

#[tokio::test(start_paused = true)]
async fn extra_series_are_written_where_asked() {
    let config = ScrapeConfig { extra_scrape_metrics: true, sample_limit: 7, ..config() };
    let world = World::new(config, &[]);
    let running = world.start();
    let lines = world.appends(1).await.remove(0);
    for expect in ["scrape_body_size_bytes", "scrape_sample_limit", "scrape_timeout_seconds"] {
        assert!(lines.iter().any(|line| line.starts_with(expect)), "{expect}");
    }
    world.loops.stop(running, StopReason::Shutdown).await;
}

#[tokio::test(start_paused = true)]
async fn the_series_of_a_target_that_is_gone_end_when_it_would_have_been_scraped() {
    let world = World::new(config(), &[]);
    let running = world.start();
    let first = time(&world.appends(1).await[0][0]);
    world.loops.stop(running, StopReason::Gone).await;
    let appends = world.appends(2).await;
    assert_eq!(appends[1].len(), 6);
    for line in &appends[1] {
        assert!(line.contains(" STALE @"), "{line}");
        assert_eq!(time(line), first + 10_000);
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_comes_back_goes_on() {
    let answers = [Answer::Body("a 1\nb 2\n"), Answer::Body("a 3\n")];
    let world = World::new(config(), &answers);
    let running = world.start();
    world.appends(1).await;
    world.loops.stop(running, StopReason::Gone).await;
    let running = world.start();
    let appends = world.appends(2).await;
    assert_eq!(short(&appends[1]), ["a 3", "b STALE", "up 1"]);
    // Nothing comes later of the loop that ended.
    tokio::time::sleep(Duration::from_mins(1)).await;
    let appends = world.appends(2).await;
    let stale = appends[2..].iter().flatten().filter(|line| line.contains("STALE"));
    assert_eq!(stale.collect::<Vec<_>>(), ["a{instance=\"i\",job=\"j\"} STALE"; 0]);
    world.loops.stop(running, StopReason::Shutdown).await;
}

#[tokio::test(start_paused = true)]
async fn other_settings_keep_what_is_known_of_the_series() {
    let answers = [Answer::Body("a 1\nb 2\n"), Answer::Body("a 3\nb 4\n")];
    let world = World::new(config(), &answers);
    let running = world.start();
    world.appends(1).await;
    let other = job(ScrapeConfig { sample_limit: 100, ..config() });
    let running = world.loops.restart(running, other, Arc::clone(&world.target));
    assert_eq!(short(&world.appends(2).await[1]), ["a 3", "b 4", "up 1"]);
    let third = world.appends(3).await;
    assert_eq!(short(&third[2]), ["a 1", "b STALE", "up 1"]);
    world.loops.stop(running, StopReason::Shutdown).await;
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_never_scraped_leaves_no_markers() {
    let world = World::new(config(), &[]);
    let running = world.start();
    world.loops.stop(running, StopReason::Gone).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(world.store.appends.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_a_scrape_under_way_and_no_series() {
    let answers = [Answer::Body("a 1\n"), Answer::Hang];
    let world = World::new(config(), &answers);
    let running = world.start();
    world.appends(1).await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    let before = Instant::now();
    world.loops.stop(running, StopReason::Shutdown).await;
    assert!(before.elapsed() < Duration::from_secs(1));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(world.store.appends.lock().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn metadata_is_sent_until_it_is_stored_and_when_it_changes() {
    let first = "# TYPE a gauge\na 1\n";
    let answers = [first, first, first, "# TYPE a counter\na 1\n"].map(Answer::Body);
    let world = World::new(config(), &answers);
    *world.store.refuses.lock() = true;
    let running = world.start();
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    *world.store.refuses.lock() = false;
    world.appends(3).await;
    let families = |at: usize| -> Vec<String> {
        let appends = world.store.appends.lock();
        let metadata = &appends[at].metadata;
        let kinds = metadata.kind.iter().map(u8::to_string);
        let mut shown: Vec<String> = metadata
            .family
            .iter()
            .zip(kinds)
            .map(|(name, kind)| format!("{name} {kind}"))
            .collect();
        shown.retain(|line| line.starts_with('a'));
        shown
    };
    assert_eq!((families(0), families(1)), (vec!["a 2".to_owned()], vec![]));
    assert_eq!(families(2), ["a 1"]);
    let known = world.target.metadata().unwrap().families();
    assert_eq!((&*known[0].family, &*known[0].kind), ("a", "counter"));
    world.loops.stop(running, StopReason::Shutdown).await;
}
