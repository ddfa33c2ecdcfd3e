//! Work of queries off the async threads: within the limits on number and time, and stopped when
//! nobody waits for it any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use watchkeep_model::Error;
use watchkeep_storage::Store;

use crate::engine::Engine;

/// Why work should stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Nobody waits for it any more.
    Cancelled,
    /// It has taken as long as it may.
    Timeout,
}

/// What work asks now and then whether it should stop.
#[derive(Debug)]
pub(crate) struct Watch {
    cancelled: Arc<AtomicBool>,
    deadline: Instant,
}

impl Watch {
    /// Why the work should stop, if it should.
    pub(crate) fn stop(&self) -> Option<Stop> {
        if self.cancelled.load(Ordering::Relaxed) {
            Some(Stop::Cancelled)
        } else if Instant::now() >= self.deadline {
            Some(Stop::Timeout)
        } else {
            None
        }
    }
}

/// Why work was not done.
#[derive(Debug)]
pub(crate) enum NotDone {
    /// Its time was over before others made room for it.
    NoRoom,
    /// It could not be begun, or panicked.
    Failed(Error),
}

/// Set when the caller went away.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Engine {
    /// Runs work on the store where blocking is allowed, once there is room for one more query.
    /// Dropping the future tells the work to stop.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        time_max: Duration,
        work: impl FnOnce(Arc<dyn Store>, Watch) -> T + Send + 'static,
    ) -> Result<T, NotDone> {
        let _timer = self.metrics.query_seconds.start_timer();
        let deadline = Instant::now() + time_max;
        let store = self.store().map_err(NotDone::Failed)?;
        let waiting = tokio::time::timeout_at(deadline.into(), self.queries.acquire()).await;
        let _permit = waiting.map_err(|_| NotDone::NoRoom)?.map_err(|closed| {
            NotDone::Failed(Error::internal("cannot start a query").with_source(closed))
        })?;
        let cancelled = Arc::new(AtomicBool::new(false));
        let _cancels = CancelOnDrop(Arc::clone(&cancelled));
        let watch = Watch { cancelled, deadline };
        tokio::task::spawn_blocking(move || work(store, watch)).await.map_err(|panicked| {
            NotDone::Failed(Error::internal("a query panicked").with_source(panicked))
        })
    }
}
