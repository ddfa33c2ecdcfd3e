//! Samples of gauges and counters on their way to the store.

use watchkeep_model::metrics::MetricKind;
use watchkeep_model::{Labels, METRIC_NAME, MetricColumns};

/// Samples of one instant.
#[derive(Debug)]
pub(super) struct Samples {
    columns: MetricColumns,
    now_ms: i64,
}

impl Samples {
    pub(super) fn new(now_ns: i64) -> Self {
        Self { columns: MetricColumns::default(), now_ms: now_ns.div_euclid(1_000_000) }
    }

    /// Says what a family is. Its samples may come before or after.
    pub(super) fn family(&mut self, name: &str, kind: MetricKind, help: &str) {
        let metadata = &mut self.columns.metadata;
        metadata.family.push(name);
        metadata.kind.push(kind as u8);
        metadata.unit.push("");
        metadata.help.push(help);
    }

    /// One sample; labels that are empty are left out.
    pub(super) fn push(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let mut pairs = vec![(METRIC_NAME, name)];
        pairs.extend(labels.iter().filter(|(_, value)| !value.is_empty()));
        let row = self.columns.series.delta.len() as u32;
        self.columns.series.labels.push_with(|out| Labels::write_canonical(&mut pairs, out));
        self.columns.series.delta.push(0);
        self.columns.floats.series.push(row);
        self.columns.floats.time_ms.push(self.now_ms);
        self.columns.floats.start_ms.push(0);
        self.columns.floats.value.push(value);
    }

    pub(super) fn finish(self) -> MetricColumns {
        self.columns
    }
}
