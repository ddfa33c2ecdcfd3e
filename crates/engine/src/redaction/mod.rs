//! Redaction: personal data and secrets go before anything is stored, whichever way they came. The
//! detectors are `watchkeep_genai`'s; here they are led over the columns of each signal.
//!
//! In reading order: [`config`], [`columns`] (which columns hold what clients wrote).

mod columns;
pub mod config;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use prometheus::{IntCounterVec, Opts, Registry};
use watchkeep_genai::redact::{Counts, Redactor, Rules};
use watchkeep_model::column::Table as _;
use watchkeep_model::{Error, LogColumns, MetricColumns, Result, Signal, SpanColumns};

use self::config::RedactionConfig;

/// Columns that hold more are redacted where blocking is allowed.
const INLINE_BYTES_MAX: usize = 128 << 10;

/// The rules in force, and what they found.
#[derive(Debug)]
pub struct Redaction {
    redactor: Arc<Redactor>,
    found: IntCounterVec,
}

impl Redaction {
    /// Nothing is looked for.
    pub fn new(registry: &Registry) -> Result<Self> {
        let failed = |why: String| Error::internal(format!("cannot set redaction up: {why}"));
        let found = IntCounterVec::new(
            Opts::new(
                "wk_engine_redacted_total",
                "What was redacted before it was stored, by rule, action and signal",
            ),
            &["detector", "action", "signal"],
        )
        .map_err(|error| failed(error.to_string()))?;
        registry.register(Box::new(found.clone())).map_err(|error| failed(error.to_string()))?;
        let redactor = Redactor::new(&Rules::default()).map_err(failed)?;
        Ok(Self { redactor: Arc::new(redactor), found })
    }

    /// The same under a configuration.
    pub fn with_config(mut self, config: &RedactionConfig) -> Result<Self> {
        self.redactor = Arc::new(config.redactor()?);
        Ok(self)
    }

    /// Spans without what must not be stored.
    pub(crate) async fn spans(&self, spans: SpanColumns) -> Result<SpanColumns> {
        let bytes = if self.redactor.is_idle() { 0 } else { spans.byte_len() };
        self.redacted(spans, bytes, Signal::Traces.name(), columns::spans).await
    }

    /// Log records without what must not be stored.
    pub(crate) async fn logs(&self, logs: LogColumns) -> Result<LogColumns> {
        let bytes = if self.redactor.is_idle() { 0 } else { logs.byte_len() };
        self.redacted(logs, bytes, Signal::Logs.name(), columns::logs).await
    }

    /// Samples whose labels do not hold what must not be stored.
    pub(crate) async fn metrics(&self, metrics: MetricColumns) -> Result<MetricColumns> {
        let bytes = if self.redactor.is_idle() { 0 } else { metrics.byte_len() };
        self.redacted(metrics, bytes, Signal::Metrics.name(), columns::metrics).await
    }

    /// A text of people, such as a comment.
    pub(crate) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.redactor.is_idle() {
            return Cow::Borrowed(text);
        }
        let mut counts = self.redactor.counts();
        let redacted = self.redactor.text(text, &mut counts);
        self.count(&counts, "feedback");
        redacted
    }

    async fn redacted<T: Send + 'static>(
        &self,
        mut columns: T,
        bytes: usize,
        signal: &'static str,
        redact: impl FnOnce(&Redactor, &mut T, &mut Counts) + Send + 'static,
    ) -> Result<T> {
        if self.redactor.is_idle() {
            return Ok(columns);
        }
        let mut counts = self.redactor.counts();
        if bytes <= INLINE_BYTES_MAX {
            redact(&self.redactor, &mut columns, &mut counts);
        } else {
            let redactor = Arc::clone(&self.redactor);
            let working = tokio::task::spawn_blocking(move || {
                redact(&redactor, &mut columns, &mut counts);
                (columns, counts)
            });
            (columns, counts) = working
                .await
                .map_err(|error| Error::internal("redaction panicked").with_source(error))?;
        }
        self.count(&counts, signal);
        Ok(columns)
    }

    fn count(&self, counts: &Counts, signal: &str) {
        for ((rule, action), count) in self.redactor.rules().zip(counts.all()) {
            if *count > 0 {
                self.found.with_label_values(&[rule, action, signal]).inc_by(*count);
            }
        }
    }
}
