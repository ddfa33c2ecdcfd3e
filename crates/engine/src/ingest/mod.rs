//! The way in: from decoded columns to a durable append. Knows no wire format and no transport.

mod delta;
mod gate;
pub(crate) mod level;
pub mod line;
pub(crate) mod streams;

pub use delta::DeltaAccumulator;
pub use gate::{Gate, Reservation};
pub use watchkeep_storage::seam::Rejected;

use std::sync::Arc;

use watchkeep_model::column::Table;
use watchkeep_model::{Error, LogColumns, MetricColumns, Result, Signal, SpanColumns, TenantId};
use watchkeep_storage::seam::IngestToken;
use watchkeep_storage::{Append, AppendAck, Batch};

use crate::engine::Engine;

/// Log records that take more are completed where blocking is allowed.
const COMPLETED_INLINE_BYTES_MAX: usize = 128 << 10;

impl Engine {
    /// Stores spans and counts them in the metrics that are made of spans; `rejected` is how many the decoder had to leave out.
    pub async fn ingest_spans(
        &self,
        tenant: &TenantId,
        columns: SpanColumns,
        rejected: u64,
    ) -> Result<()> {
        let columns = self.redaction.spans(columns).await?;
        let now_ms = self.clock.now_ns().div_euclid(1_000_000);
        let observed = self.span_metrics.observe(&columns, now_ms);
        let steps = self.read_steps(tenant, &columns);
        let outcome = self.append(tenant, columns.is_empty(), Batch::Spans(columns).into()).await;
        if outcome.is_ok() {
            self.span_metrics.count(tenant, observed, now_ms);
            steps.stored();
        } else {
            steps.refused();
        }
        self.count(Signal::Traces, rejected, outcome)
    }

    /// Stores log records, with the streams and levels that they do not name filled in (see section
    /// `loki` of the configuration); `rejected` is how many the decoder had to leave out.
    pub async fn ingest_logs(
        &self,
        tenant: &TenantId,
        columns: LogColumns,
        rejected: u64,
    ) -> Result<()> {
        self.ingest_logs_once(tenant, columns, rejected, None).await
    }

    /// Stores log records as [`Engine::ingest_logs`] does; the same token again stores nothing.
    pub(crate) async fn ingest_logs_once(
        &self,
        tenant: &TenantId,
        columns: LogColumns,
        rejected: u64,
        token: Option<IngestToken>,
    ) -> Result<()> {
        let mut columns = self.redaction.logs(columns).await?;
        if columns.byte_len() <= COMPLETED_INLINE_BYTES_MAX {
            streams::complete(&mut columns, &self.loki);
        } else {
            let config = Arc::clone(&self.loki);
            let completing = tokio::task::spawn_blocking(move || {
                streams::complete(&mut columns, &config);
                columns
            });
            columns = completing.await.map_err(|error| {
                Error::internal("completing log records panicked").with_source(error)
            })?;
        }
        let followed = self.tail_hub.follows(tenant).then(|| columns.clone());
        let is_empty = columns.is_empty();
        let steps = self.read_logged_steps(tenant, &columns);
        let append = Append { batch: Batch::Logs(columns), token };
        let outcome = self.append(tenant, is_empty, append).await;
        match &outcome {
            Ok(ack) if !ack.duplicate => steps.stored(),
            _ => steps.refused(),
        }
        if let (Some(columns), Ok(ack)) = (followed, &outcome)
            && !ack.duplicate
        {
            self.tail_hub.publish(tenant, columns);
        }
        self.count(Signal::Logs, rejected, outcome)
    }

    /// Stores samples, exemplars and metadata, turning increments into running totals first;
    /// `rejected` is how many points the decoder had to leave out. Gives what the store kept out
    /// while it took the rest.
    pub async fn ingest_metrics(
        &self,
        tenant: &TenantId,
        columns: MetricColumns,
        rejected: u64,
    ) -> Result<Option<Rejected>> {
        let mut columns = self.redaction.metrics(columns).await?;
        let change = self.delta.convert(tenant, &mut columns);
        self.metrics.delta_out_of_order.inc_by(change.out_of_order());
        self.metrics.delta_evictions.inc_by(change.evicted());
        let measured = self.read_measured(&columns);
        let outcome = self.append(tenant, columns.is_empty(), Batch::Metrics(columns).into()).await;
        if outcome.is_err() {
            self.delta.undo(change);
        } else {
            self.take_measured(tenant, measured);
        }
        self.metrics.delta_series.set(self.delta.len() as i64);
        let kept_out = outcome.as_ref().map_or(None, |ack| ack.rejected);
        let rejected = rejected + kept_out.map_or(0, |kept_out| kept_out.samples());
        self.count(Signal::Metrics, rejected, outcome).map(|()| kept_out)
    }

    async fn append(&self, tenant: &TenantId, is_empty: bool, append: Append) -> Result<AppendAck> {
        let store = self.store()?;
        if is_empty {
            return Ok(AppendAck::default());
        }
        store.append(tenant, append).await
    }

    fn count(&self, signal: Signal, rejected: u64, outcome: Result<AppendAck>) -> Result<()> {
        match outcome {
            Ok(ack) => {
                let counters = self.metrics.of(signal);
                counters.accepted.inc_by(ack.rows);
                counters.rejected.inc_by(rejected);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Counts what decoders had to change in or leave out of rows that were accepted, by a fixed
    /// name for each kind of loss.
    pub fn count_losses(&self, losses: &[(&'static str, u64)]) {
        for (kind, count) in losses.iter().filter(|(_, count)| *count > 0) {
            self.metrics.losses.with_label_values(&[*kind]).inc_by(*count);
        }
    }

    /// Counts an ingest request that was refused whole, for whatever reason.
    pub fn count_refused(&self, error: &Error) {
        self.metrics.requests_refused.with_label_values(&[error.kind().name()]).inc();
    }
}
