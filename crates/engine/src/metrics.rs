//! The engine's own metrics, registered once. Labels come from small closed sets, never from what
//! a client sent.

use prometheus::core::Collector;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use watchkeep_model::{Error, Result, Signal};

/// Counts of one signal.
#[derive(Debug, Clone)]
pub struct SignalCounters {
    /// Rows that the store acknowledged.
    pub accepted: IntCounter,
    /// Rows of accepted requests that a decoder or a limit refused.
    pub rejected: IntCounter,
}

/// All of the engine's metrics.
#[derive(Debug)]
pub struct EngineMetrics {
    traces: SignalCounters,
    logs: SignalCounters,
    metrics: SignalCounters,
    /// Requests that were refused whole, by kind of error.
    pub requests_refused: IntCounterVec,
    /// What accepted rows lost on the way in, by kind.
    pub losses: IntCounterVec,
    /// Bytes of requests that are being worked on.
    pub in_flight_bytes: IntGauge,
    /// Series whose running total was forgotten to make room.
    pub delta_evictions: IntCounter,
    /// Increments that were older than one already counted.
    pub delta_out_of_order: IntCounter,
    /// Series whose running total is remembered.
    pub delta_series: IntGauge,
    /// How long queries took.
    pub query_seconds: Histogram,
    /// Queries that failed, by kind of error.
    pub queries_failed: IntCounterVec,
    /// Feedback that waits no longer for what it is about, to make room.
    pub feedback_given_up: IntCounter,
    /// Judgements of telemetry that were not written down, since too many came.
    pub feedback_left_out: IntCounter,
}

impl EngineMetrics {
    /// Creates and registers all metrics.
    pub fn register(registry: &Registry) -> Result<Self> {
        Self::build(registry)
            .map_err(|error| Error::internal("cannot register engine metrics").with_source(error))
    }

    #[expect(clippy::too_many_lines, reason = "a list of metrics with what each means")]
    fn build(registry: &Registry) -> prometheus::Result<Self> {
        let rows = IntCounterVec::new(
            Opts::new(
                "wk_engine_ingest_rows_total",
                "Spans, log records and samples received, by what became of them",
            ),
            &["signal", "outcome"],
        )?;
        let requests_refused = IntCounterVec::new(
            Opts::new("wk_engine_ingest_refused_requests_total", "Ingest requests refused whole"),
            &["kind"],
        )?;
        let losses = IntCounterVec::new(
            Opts::new(
                "wk_engine_ingest_losses_total",
                "What accepted rows lost to limits, by kind",
            ),
            &["kind"],
        )?;
        let in_flight_bytes =
            IntGauge::new("wk_engine_ingest_in_flight_bytes", "Bytes of requests in progress")?;
        let delta_evictions = IntCounter::new(
            "wk_engine_delta_evicted_series_total",
            "Delta series whose running total was forgotten to make room",
        )?;
        let delta_out_of_order = IntCounter::new(
            "wk_engine_delta_out_of_order_samples_total",
            "Delta samples dropped because a later one was counted already",
        )?;
        let delta_series =
            IntGauge::new("wk_engine_delta_series", "Delta series with a running total")?;
        let query_seconds = Histogram::with_opts(
            HistogramOpts::new("wk_engine_query_duration_seconds", "How long queries took")
                .buckets(vec![0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 30.0]),
        )?;
        let queries_failed = IntCounterVec::new(
            Opts::new("wk_engine_failed_queries_total", "Queries that failed"),
            &["kind"],
        )?;
        let feedback_given_up = IntCounter::new(
            "wk_engine_feedback_given_up_total",
            "Feedback that waits no longer for its run, to make room (feedback.waiting_max)",
        )?;
        let feedback_left_out = IntCounter::new(
            "wk_engine_feedback_left_out_total",
            "Judgements of telemetry that were not written down, since too many came at once",
        )?;
        let all: [Box<dyn Collector>; 11] = [
            Box::new(feedback_given_up.clone()),
            Box::new(feedback_left_out.clone()),
            Box::new(rows.clone()),
            Box::new(requests_refused.clone()),
            Box::new(losses.clone()),
            Box::new(in_flight_bytes.clone()),
            Box::new(delta_evictions.clone()),
            Box::new(delta_out_of_order.clone()),
            Box::new(delta_series.clone()),
            Box::new(query_seconds.clone()),
            Box::new(queries_failed.clone()),
        ];
        all.into_iter().try_for_each(|metric| registry.register(metric))?;
        let counters = |signal: Signal| SignalCounters {
            accepted: rows.with_label_values(&[signal.name(), "accepted"]),
            rejected: rows.with_label_values(&[signal.name(), "rejected"]),
        };
        Ok(Self {
            traces: counters(Signal::Traces),
            logs: counters(Signal::Logs),
            metrics: counters(Signal::Metrics),
            requests_refused,
            losses,
            in_flight_bytes,
            delta_evictions,
            delta_out_of_order,
            delta_series,
            query_seconds,
            queries_failed,
            feedback_given_up,
            feedback_left_out,
        })
    }

    /// The counters of a signal.
    pub fn of(&self, signal: Signal) -> &SignalCounters {
        match signal {
            Signal::Traces => &self.traces,
            Signal::Logs => &self.logs,
            Signal::Metrics => &self.metrics,
        }
    }
}
