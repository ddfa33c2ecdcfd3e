//! The way of what sources read into the store: again and again until it is stored or will never be.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use watchkeep_model::column::Table as _;
use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::{ErrorKind, LogColumns, TenantId};
use watchkeep_storage::seam::IngestToken;

use super::metrics::SourceMetrics;
use crate::engine::Engine;

const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LAST: Duration = Duration::from_secs(5);

/// Tells tasks that they are to end.
#[derive(Debug, Clone)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A switch and what listens to it.
    pub(super) fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Whether it is time to end; also where nobody is left to say so.
    pub(super) fn is_set(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits for the switch.
    pub(super) async fn set(&mut self) {
        // A sender that is gone means the same.
        let _either_way = self.0.wait_for(|stopped| *stopped).await;
    }

    /// Waits for a time; `false` where it is time to end before that.
    pub(super) async fn wait(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.set()).await.is_err()
    }
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// It is stored.
    Stored,
    /// It will never be stored, and was counted.
    Refused,
    /// It is time to end; the batch may be stored or not.
    Stopped,
}

/// Where sources send what they read.
#[derive(Debug, Clone)]
pub(super) struct Sink {
    pub(super) engine: Arc<Engine>,
    pub(super) tenant: TenantId,
    pub(super) metrics: SourceMetrics,
}

impl Sink {
    pub(super) fn now_ns(&self) -> i64 {
        self.engine.clock().now_ns()
    }

    pub(super) fn limits(&self) -> DecodeLimits {
        self.engine.limits().decode()
    }

    /// Stores a batch, waiting as long as the store asks to come back later.
    pub(super) async fn send(
        &self,
        kind: &str,
        columns: LogColumns,
        rejected: u64,
        token: Option<IngestToken>,
        stop: &mut Stop,
    ) -> Sent {
        let rows = columns.len() as u64;
        self.metrics.refused.with_label_values(&[kind]).inc_by(rejected);
        let mut pause = RETRY_FIRST;
        loop {
            let batch = columns.clone();
            let outcome = self.engine.ingest_logs_once(&self.tenant, batch, rejected, token).await;
            let Err(error) = outcome else {
                self.metrics.lines.with_label_values(&[kind]).inc_by(rows);
                return Sent::Stored;
            };
            let is_for_good = matches!(
                error.kind(),
                ErrorKind::Invalid
                    | ErrorKind::Unsupported
                    | ErrorKind::TooLarge { .. }
                    | ErrorKind::LimitExceeded { .. }
            );
            if is_for_good {
                self.metrics.refused.with_label_values(&[kind]).inc_by(rows);
                tracing::error!(error = %error.report(), rows, "the store refuses what was read");
                return Sent::Refused;
            }
            self.metrics.retries.with_label_values(&[kind]).inc();
            tracing::debug!(error = %error.report(), "the store takes nothing now; will try again");
            if !stop.wait(pause).await {
                return Sent::Stopped;
            }
            pause = (pause * 2).min(RETRY_LAST);
        }
    }
}
