//! One loop: when a target is scraped, and what becomes of the outcome.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use watchkeep_model::Labels;
use watchkeep_wire::prometheus::exposition::Options;

use super::{Ended, Shared};
use crate::scrape::cache::ScrapeCache;
use crate::scrape::fetch::{FetchError, Fetched};
use crate::scrape::intake::{Counts, Intake, Rules, all_stale, take};
use crate::scrape::job::{Job, StopReason};
use crate::scrape::report::{Report, ReportSeries};
use crate::scrape::target::Target;

/// How far the clock may be from the instant that a scrape was planned for and the sample still
/// get that instant as its time: regular times take less room on disk.
const TOLERANCE: Duration = Duration::from_millis(2);

/// A body larger than this is read off the threads that serve others.
const INLINE_BYTES_MAX: usize = 256 << 10;

/// What a loop leaves to the next one for the same target.
#[derive(Debug, Default)]
pub(in crate::scrape) struct Memory {
    pub(in crate::scrape) cache: ScrapeCache,
    /// The scrape up to which the store knows all metadata.
    pub(in crate::scrape) metadata_stored: u64,
    /// When the target was scraped last.
    last: Option<Instant>,
}

/// A loop before and while it runs.
#[derive(Debug)]
pub(super) struct ScrapeLoop {
    shared: Arc<Shared>,
    job: Arc<Job>,
    target: Arc<Target>,
    labels: Labels,
    memory: Memory,
    stop: watch::Receiver<Option<StopReason>>,
    reports: ReportSeries,
}

impl ScrapeLoop {
    pub(super) fn new(
        shared: Arc<Shared>,
        job: Arc<Job>,
        target: Arc<Target>,
        memory: Memory,
        stop: watch::Receiver<Option<StopReason>>,
    ) -> Self {
        let labels = target.public_labels();
        let reports = ReportSeries::new(&labels, job.config.extra_scrape_metrics);
        target.set_metadata(Arc::clone(&memory.cache.metadata) as _);
        Self { shared, job, target, labels, memory, stop, reports }
    }

    pub(super) async fn run(mut self) -> Ended {
        let seed = self.shared.options.offset_seed;
        let first = Instant::now() + self.target.offset(self.shared.now(), seed);
        let period = self.target.interval().max(Duration::from_millis(1));
        let mut ticker = interval_at(first, period);
        // A scrape that takes longer than the interval makes the next ones wait for their instant.
        ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut stop = self.stop.clone();
        let mut planned: Option<i64> = None;
        loop {
            let tick = tokio::select! {
                biased;
                _ = stop.wait_for(Option::is_some) => break,
                tick = ticker.tick() => tick,
            };
            let now_ns = self.shared.clock.now_ns();
            let time_ns = aligned(&mut planned, now_ns, period);
            self.memory.last = Some(tick);
            if !self.scrape(time_ns.div_euclid(1_000_000)).await {
                break;
            }
        }
        let next = self.memory.last.map(|last| last + period);
        Ended { memory: self.memory, job: self.job, target: self.target, next }
    }

    /// Scrapes once and stores the outcome; says whether the loop goes on.
    async fn scrape(&mut self, time_ms: i64) -> bool {
        let began_at = self.shared.now();
        let began = Instant::now();
        let fetched = if let Some(error) = self.target.forced_error() {
            Err(FetchError::Failed(error))
        } else {
            let fetch = self.shared.fetch.fetch(&self.job, &self.target);
            let allowed = self.target.timeout();
            tokio::select! {
                // The process ends: what would be written now would be a failure that was none.
                () = is_shutdown(self.stop.clone()) => return false,
                fetched = timeout(allowed, fetch) => fetched.unwrap_or_else(|_| {
                    Err(FetchError::Failed("context deadline exceeded".into()))
                }),
            }
        };
        let body_bytes = match &fetched {
            Ok(fetched) => fetched.body.len() as i64,
            Err(FetchError::BodyTooLarge) => -1,
            Err(FetchError::Failed(_)) => 0,
        };
        let reason = match &fetched {
            Ok(_) => "exposition",
            Err(FetchError::BodyTooLarge) => "body_size_limit",
            Err(FetchError::Failed(_)) => "request",
        };
        let intake = match fetched {
            Ok(fetched) => self.take(fetched, time_ms).await,
            Err(error) => {
                self.memory.cache.begin();
                let columns = all_stale(&mut self.memory.cache, time_ms);
                let error = Some(error.to_string());
                Intake { columns, counts: Counts::default(), error }
            }
        };
        let took = began.elapsed();
        self.count(&intake, reason);
        self.target.report(began_at, took, intake.error.clone());
        let report = Report {
            up: intake.error.is_none(),
            duration: took,
            scraped: intake.counts.scraped,
            kept: intake.counts.kept,
            series_added: intake.counts.series_added,
            timeout: self.target.timeout(),
            sample_limit: self.job.config.sample_limit,
            body_bytes,
        };
        self.store(intake, time_ms, &report).await;
        true
    }

    /// Reads a body, a large one on a thread for such work.
    async fn take(&mut self, fetched: Fetched, time_ms: i64) -> Intake {
        let parser = Options {
            convert_classic_histograms: self.target.convert_classic_histograms(),
            keep_classic_histograms: self.target.always_scrape_classic_histograms(),
            ignore_native_histograms: !self.target.scrape_native_histograms(),
            skip_created_series: self.shared.options.skip_created_series,
            type_and_unit_labels: self.shared.options.type_and_unit_labels,
        };
        let (job, labels) = (Arc::clone(&self.job), self.labels.clone());
        let mut cache = std::mem::take(&mut self.memory.cache);
        let is_small = fetched.body.len() <= INLINE_BYTES_MAX;
        let work = move || {
            let rules = Rules { config: &job.config, parser, target_labels: &labels };
            let content_type = fetched.content_type.as_deref();
            let intake = take(&rules, &mut cache, &fetched.body, content_type, time_ms);
            (cache, intake)
        };
        if is_small {
            let (cache, intake) = work();
            self.memory.cache = cache;
            return intake;
        }
        match tokio::task::spawn_blocking(work).await {
            Ok((cache, intake)) => {
                self.memory.cache = cache;
                intake
            }
            Err(error) => Intake {
                error: Some(format!("reading the exposition was given up: {error}")),
                ..Intake::default()
            },
        }
    }

    fn count(&self, intake: &Intake, reason: &'static str) {
        let metrics = &self.shared.metrics;
        let counts = intake.counts;
        let Some(error) = &intake.error else {
            metrics.succeeded.inc();
            for (why, count) in
                [("duplicate", counts.duplicates), ("out_of_bounds", counts.out_of_bounds)]
            {
                if count > 0 {
                    metrics.samples_left_out.with_label_values(&[why]).inc_by(count);
                    tracing::warn!(url = self.target.url(), why, count, "samples left out");
                }
            }
            return;
        };
        let reason = match counts {
            Counts { sample_limit_exceeded: true, .. } => "sample_limit",
            Counts { bucket_limit_exceeded: true, .. } => "bucket_limit",
            Counts { label_limit_exceeded: true, .. } => "label_limit",
            _ => reason,
        };
        metrics.failed.with_label_values(&[reason]).inc();
        tracing::debug!(url = self.target.url(), error, "scrape failed");
    }

    async fn store(&mut self, intake: Intake, time_ms: i64, report: &Report) {
        let mut columns = intake.columns;
        let cache = &self.memory.cache;
        let scrape = cache.scrape();
        cache.metadata.write_changed_after(self.memory.metadata_stored, &mut columns);
        self.reports.write(&mut columns, time_ms, report);
        match self.shared.appender.append(columns).await {
            Ok(()) => {
                self.memory.metadata_stored = scrape;
                self.reports.stored();
            }
            Err(error) => {
                self.shared.metrics.not_stored.inc();
                let error = error.report();
                tracing::error!(url = self.target.url(), error, "scrape not stored");
            }
        }
    }
}

async fn is_shutdown(mut stop: watch::Receiver<Option<StopReason>>) {
    if stop.wait_for(|reason| *reason == Some(StopReason::Shutdown)).await.is_err() {
        // Whoever could stop the loop is gone, and with it the loop's purpose.
        std::future::pending::<()>().await;
    }
}

/// The time of a scrape: the instant that it was planned for where the clock is close to it.
fn aligned(planned: &mut Option<i64>, now_ns: i64, period: Duration) -> i64 {
    let period_ns = i64::try_from(period.as_nanos()).unwrap_or(i64::MAX);
    let tolerance = i64::try_from((period / 100).min(TOLERANCE).as_nanos()).unwrap_or(0);
    let plan = planned.get_or_insert(now_ns);
    if now_ns - *plan >= period_ns {
        *plan += (now_ns - *plan) / period_ns * period_ns;
    } else if now_ns < *plan - tolerance {
        // The clock was set back.
        *plan = now_ns;
    }
    if now_ns - *plan <= tolerance { *plan } else { now_ns }
}
