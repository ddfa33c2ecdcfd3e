//! The targets of one job, and the loops that scrape them. A new round of discovery changes only
//! what is different: the loops of targets that stay are not touched.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchkeep_model::Labels;

use super::discovery::{Provider, TargetGroup};
use super::job::{Job, Scraper, StopReason};
use super::population::{Outcome, populate};
use super::target::Target;

/// Labels and URL of a target.
type TargetKey = (Labels, String);

/// The targets of a job, as the API shows them.
#[derive(Debug, Clone)]
pub struct PoolView {
    /// The job.
    pub job: Arc<Job>,
    /// Targets that are scraped, ordered by labels.
    pub active: Vec<Arc<Target>>,
    /// Labels of targets that relabelling dropped, as many as are remembered.
    pub dropped: Vec<Labels>,
    /// How many targets relabelling dropped.
    pub dropped_count: usize,
    /// How many targets were not valid in the last round.
    pub failed_count: usize,
}

/// Targets of a round of discovery.
#[derive(Debug, Default)]
struct Round {
    active: BTreeMap<TargetKey, Target>,
    dropped: Vec<Labels>,
    dropped_count: usize,
    failed_count: usize,
}

/// A job with its targets and loops.
pub(super) struct Pool<S: Scraper> {
    job: Arc<Job>,
    pub(super) providers: Vec<Arc<Provider>>,
    loops: BTreeMap<TargetKey, (Arc<Target>, S::Loop)>,
    dropped: Vec<Labels>,
    dropped_count: usize,
    failed_count: usize,
}

impl<S: Scraper> Pool<S> {
    pub(super) fn new(job: Arc<Job>, providers: Vec<Arc<Provider>>) -> Self {
        Self {
            job,
            providers,
            loops: BTreeMap::new(),
            dropped: Vec::new(),
            dropped_count: 0,
            failed_count: 0,
        }
    }

    pub(super) fn job(&self) -> &Arc<Job> {
        &self.job
    }

    /// What the API shows.
    pub(super) fn view(&self) -> PoolView {
        PoolView {
            job: Arc::clone(&self.job),
            active: self.loops.values().map(|(target, _)| Arc::clone(target)).collect(),
            dropped: self.dropped.clone(),
            dropped_count: self.dropped_count,
            failed_count: self.failed_count,
        }
    }

    /// Takes other settings: loops go on with them at once, for targets that stay.
    pub(super) fn set_job(&mut self, job: Arc<Job>, scraper: &S) {
        self.job = job;
        let round = self.discover();
        self.change(round, scraper, true);
    }

    /// Starts and stops loops according to what is discovered now.
    pub(super) fn sync(&mut self, scraper: &S) {
        let round = self.discover();
        self.change(round, scraper, false);
    }

    fn discover(&self) -> Round {
        let mut round = Round::default();
        let config = &self.job.config;
        let keep = config.keep_dropped_targets as usize;
        let groups: Vec<Arc<TargetGroup>> =
            self.providers.iter().flat_map(|provider| provider.groups()).collect();
        for outcome in groups.iter().flat_map(|group| populate(config, group)) {
            match outcome {
                Outcome::Active(target) => {
                    round.active.entry(target.key()).or_insert(target);
                }
                Outcome::Dropped(labels) => {
                    round.dropped_count += 1;
                    if keep == 0 || round.dropped.len() < keep {
                        round.dropped.push(labels);
                    }
                }
                Outcome::Failed(error) => {
                    round.failed_count += 1;
                    let job = config.job_name.as_str();
                    tracing::error!(job, error = error.message(), "creating target failed");
                }
            }
        }
        round
    }

    fn change(&mut self, round: Round, scraper: &S, settings_changed: bool) {
        let Round { active, dropped, dropped_count, failed_count } = round;
        (self.dropped, self.dropped_count, self.failed_count) =
            (dropped, dropped_count, failed_count);
        let mut before = std::mem::take(&mut self.loops);
        let mut new = Vec::new();
        for (key, target) in active {
            match before.remove(&key) {
                Some((old, running)) if settings_changed => {
                    let target = Arc::new(target);
                    // What is known of the target stays visible until the next scrape.
                    target.continue_from(&old);
                    let (job, own) = (Arc::clone(&self.job), Arc::clone(&target));
                    let running = scraper.restart(running, job, own);
                    self.loops.insert(key, (target, running));
                }
                Some((old, running)) => {
                    old.set_discovered_labels(target.discovered_labels());
                    self.loops.insert(key, (old, running));
                }
                None => new.push((key, Arc::new(target))),
            }
        }
        // A target whose samples keep their labels, but that is asked otherwise now, goes on.
        let mut gone: BTreeMap<Labels, S::Loop> = BTreeMap::new();
        let mut stopped = Vec::new();
        for (target, running) in before.into_values() {
            if let Some(other) = gone.insert(target.public_labels(), running) {
                stopped.push(other);
            }
        }
        for (key, target) in new {
            let (job, own) = (Arc::clone(&self.job), Arc::clone(&target));
            let running = match gone.remove(&target.public_labels()) {
                Some(running) => scraper.restart(running, job, own),
                None => scraper.start(job, own),
            };
            self.loops.insert(key, (target, running));
        }
        for running in stopped.into_iter().chain(gone.into_values()) {
            tokio::spawn(scraper.stop(running, StopReason::Gone));
        }
        self.limit_targets();
    }

    /// Makes all scrapes fail where there are more targets than allowed.
    fn limit_targets(&self) {
        let limit = self.job.config.target_limit;
        let count = self.loops.len() as u64;
        let error = (limit > 0 && count > limit)
            .then(|| format!("target_limit exceeded (number of targets: {count}, limit: {limit})"));
        for (target, _) in self.loops.values() {
            target.set_forced_error(error.clone());
        }
    }

    /// Stops all loops. Ready when all have stopped.
    pub(super) fn stop(
        &mut self,
        scraper: &S,
        reason: StopReason,
    ) -> impl Future<Output = ()> + Send + 'static {
        let loops = std::mem::take(&mut self.loops);
        let stops: Vec<_> =
            loops.into_values().map(|(_, running)| scraper.stop(running, reason)).collect();
        async move {
            futures::future::join_all(stops).await;
        }
    }
}
