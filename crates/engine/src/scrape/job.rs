//! A job as the loops see it, and what the manager asks of whoever runs the loops.

use std::future::Future;
use std::sync::Arc;

use watchkeep_model::Labels;

use super::config::ScrapeConfig;
use super::http_client::HttpClient;
use super::target::Target;

/// A job: its settings, and the client that asks its targets. Shared by all loops of the job; a
/// reload makes a new one.
#[derive(Debug)]
pub struct Job {
    /// The settings, defaults filled in.
    pub config: ScrapeConfig,
    /// The client; has the credentials.
    pub client: HttpClient,
    /// Labels of this server (`external_labels`).
    pub external_labels: Labels,
}

/// Why a loop stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The target is gone: its series become stale.
    Gone,
    /// The process ends: series stay as they are, the next process goes on with them.
    Shutdown,
}

/// Whoever scrapes. A loop runs in the background from start to stop.
pub trait Scraper: Send + Sync + 'static {
    /// What is needed to stop a loop.
    type Loop: Send + 'static;

    /// Starts to scrape a target at its offset and interval.
    fn start(&self, job: Arc<Job>, target: Arc<Target>) -> Self::Loop;

    /// Goes on with other settings, because the job's configuration changed. What the loop knows of
    /// the target's series is kept, so that none of them becomes stale for that.
    fn restart(&self, running: Self::Loop, job: Arc<Job>, target: Arc<Target>) -> Self::Loop;

    /// Stops a loop. Ready when no more of the loop is to come, but for the stale markers of a
    /// target that is gone, which may follow later.
    fn stop(
        &self,
        running: Self::Loop,
        reason: StopReason,
    ) -> impl Future<Output = ()> + Send + 'static;
}
