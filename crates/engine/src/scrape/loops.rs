//! The loops: a task for each target, that scrapes it at its instants and hands what it says, and
//! a report about the scrape, to the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use watchkeep_model::{Clock, Labels, MetricColumns, Result, TenantId};

use super::fetch::Fetch;
use super::intake::all_stale;
use super::job::{Job, Scraper, StopReason};
use super::metrics::ScrapeMetrics;
use super::report::ReportSeries;
use super::target::Target;
use crate::engine::Engine;

mod scrape;

use scrape::{Memory, ScrapeLoop};

/// Where the samples go.
#[async_trait]
pub trait Appender: Send + Sync + std::fmt::Debug + 'static {
    /// Stores all of a scrape or nothing.
    async fn append(&self, columns: MetricColumns) -> Result<()>;
}

/// Hands samples to the engine, all for one tenant.
#[derive(Debug, Clone)]
pub struct EngineAppender {
    /// The engine.
    pub engine: Arc<Engine>,
    /// Whose samples they are.
    pub tenant: TenantId,
}

#[async_trait]
impl Appender for EngineAppender {
    async fn append(&self, columns: MetricColumns) -> Result<()> {
        // Series beyond the limit are counted by the store; the scrape goes on with the others.
        self.engine.ingest_metrics(&self.tenant, columns, 0).await.map(drop)
    }
}

/// Settings of all loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoopOptions {
    /// Shifts the instants at which targets are scraped, so that two servers do not ask all of
    /// them at the same time. The same after a restart.
    pub offset_seed: u64,
    /// Leave out the `_created` series of OpenMetrics (they give start times in any case).
    pub skip_created_series: bool,
    /// Add type and unit of a family as the labels `__type__` and `__unit__`.
    pub type_and_unit_labels: bool,
}

/// Starts and stops loops.
#[derive(Debug, Clone)]
pub struct ScrapeLoops {
    shared: Arc<Shared>,
}

/// What all loops have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) appender: Arc<dyn Appender>,
    pub(super) fetch: Arc<dyn Fetch>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: ScrapeMetrics,
    pub(super) options: LoopOptions,
    /// What ended loops remember until their series are marked stale, by the target's labels. A
    /// loop for the same target goes on with it.
    ended: Mutex<HashMap<Labels, Arc<Mutex<Option<Memory>>>>>,
    shutting_down: AtomicBool,
}

impl Shared {
    pub(super) fn now(&self) -> SystemTime {
        let since = Duration::from_nanos(u64::try_from(self.clock.now_ns()).unwrap_or(0));
        SystemTime::UNIX_EPOCH + since
    }
}

/// A loop that runs.
#[derive(Debug)]
pub struct RunningLoop {
    stop: watch::Sender<Option<StopReason>>,
    task: JoinHandle<Ended>,
}

/// A loop that has stopped.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) memory: Memory,
    pub(super) job: Arc<Job>,
    pub(super) target: Arc<Target>,
    /// When the next scrape would have been; `None` where there never was one.
    pub(super) next: Option<Instant>,
}

impl ScrapeLoops {
    /// Loops that get their expositions from `fetch` and bring samples to `appender`.
    pub fn new(
        appender: Arc<dyn Appender>,
        fetch: Arc<dyn Fetch>,
        clock: Arc<dyn Clock>,
        metrics: ScrapeMetrics,
        options: LoopOptions,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                appender,
                fetch,
                clock,
                metrics,
                options,
                ended: Mutex::default(),
                shutting_down: AtomicBool::new(false),
            }),
        }
    }

    fn spawn(
        &self,
        job: Arc<Job>,
        target: Arc<Target>,
        before: impl Future<Output = Option<Memory>> + Send + 'static,
    ) -> RunningLoop {
        let (stop, stopped) = watch::channel(None);
        let shared = Arc::clone(&self.shared);
        let task = tokio::spawn(async move {
            let memory = before.await.unwrap_or_default();
            ScrapeLoop::new(shared, job, target, memory, stopped).run().await
        });
        RunningLoop { stop, task }
    }
}

impl Scraper for ScrapeLoops {
    type Loop = RunningLoop;

    fn start(&self, job: Arc<Job>, target: Arc<Target>) -> RunningLoop {
        let labels = target.public_labels();
        let ended = self.shared.ended.lock().remove(&labels);
        let memory = ended.and_then(|slot| slot.lock().take());
        self.spawn(job, target, std::future::ready(memory))
    }

    fn restart(&self, running: RunningLoop, job: Arc<Job>, target: Arc<Target>) -> RunningLoop {
        self.spawn(job, target, async move {
            running.stop.send_replace(Some(StopReason::Gone));
            let mut memory = running.task.await.ok()?.memory;
            // The rules may lead to other labels now.
            memory.cache.forget_keys();
            Some(memory)
        })
    }

    fn stop(
        &self,
        running: RunningLoop,
        reason: StopReason,
    ) -> impl Future<Output = ()> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        async move {
            if reason == StopReason::Shutdown {
                shared.shutting_down.store(true, Ordering::Relaxed);
            }
            running.stop.send_replace(Some(reason));
            let Ok(ended) = running.task.await else { return };
            if let (StopReason::Gone, Some(next)) = (reason, ended.next) {
                mark_end(shared, ended, next);
            }
        }
    }
}

/// Has the series of a target that is gone marked stale, unless it is back before: just over two
/// intervals after its last scrape, with the time of the scrape that did not come.
fn mark_end(shared: Arc<Shared>, ended: Ended, next: Instant) {
    let labels = ended.target.public_labels();
    let slot = Arc::new(Mutex::new(Some(ended.memory)));
    shared.ended.lock().insert(labels.clone(), Arc::clone(&slot));
    let interval = ended.target.interval();
    tokio::spawn(async move {
        tokio::time::sleep_until(next).await;
        let stale_ms = shared.clock.now_ns() / 1_000_000;
        tokio::time::sleep_until(next + interval + interval / 10).await;
        {
            let mut all = shared.ended.lock();
            if all.get(&labels).is_some_and(|other| Arc::ptr_eq(other, &slot)) {
                all.remove(&labels);
            }
        }
        let Some(mut memory) = slot.lock().take() else { return };
        if shared.shutting_down.load(Ordering::Relaxed) {
            return;
        }
        let mut columns = all_stale(&mut memory.cache, stale_ms);
        let extra = ended.job.config.extra_scrape_metrics;
        ReportSeries::new(&labels, extra).write_stale(&mut columns, stale_ms);
        if let Err(error) = shared.appender.append(columns).await {
            tracing::warn!(url = ended.target.url(), error = error.report(), "stale markers lost");
        }
    });
}
