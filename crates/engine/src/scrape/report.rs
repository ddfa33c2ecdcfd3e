//! The series about the scrape itself: `up` and its companions.

use std::time::Duration;

use watchkeep_model::metrics::{MetricKind, STALE_NAN_BITS};
use watchkeep_model::{Labels, MetricColumns};

use super::intake::{push_float, push_series};
use super::sample_labels::of_report;

/// Name, unit and description. The last three are written only where asked.
const METRICS: [(&str, &str, &str); 8] = [
    (
        "up",
        "targets",
        "Health of the scrape target. 1 means the target is healthy, 0 if the scrape failed.",
    ),
    ("scrape_duration_seconds", "seconds", "Duration of the last scrape in seconds."),
    ("scrape_samples_scraped", "samples", "Number of samples last scraped."),
    (
        "scrape_samples_post_metric_relabeling",
        "samples",
        "Number of samples remaining after metric relabeling was applied.",
    ),
    ("scrape_series_added", "series", "Number of series in the last scrape."),
    ("scrape_timeout_seconds", "seconds", "The configured scrape timeout for a target."),
    (
        "scrape_sample_limit",
        "samples",
        "The configured sample limit for a target. Returns zero if there is no limit configured.",
    ),
    (
        "scrape_body_size_bytes",
        "bytes",
        "The uncompressed size of the last scrape response, if successful. Scrapes failing because \
         body_size_limit is exceeded report -1, other scrape failures report 0.",
    ),
];

/// How many of them are always written.
const ALWAYS: usize = 5;

/// The values of one report, in the order of their series.
#[derive(Debug, Clone, Copy)]
pub(super) struct Report {
    pub(super) up: bool,
    pub(super) duration: Duration,
    pub(super) scraped: u64,
    pub(super) kept: u64,
    pub(super) series_added: u64,
    pub(super) timeout: Duration,
    pub(super) sample_limit: u64,
    /// Unpacked; -1 where the body was larger than allowed.
    pub(super) body_bytes: i64,
}

/// The series of a target's reports.
#[derive(Debug)]
pub(super) struct ReportSeries {
    labels: Vec<Labels>,
    /// Whether the store has been told what they are.
    described: bool,
}

impl ReportSeries {
    pub(super) fn new(target: &Labels, with_extra: bool) -> Self {
        let count = if with_extra { METRICS.len() } else { ALWAYS };
        let labels = METRICS.iter().take(count).map(|(name, ..)| of_report(name, target));
        Self { labels: labels.collect(), described: false }
    }

    /// Appends a report.
    pub(super) fn write(&self, columns: &mut MetricColumns, time_ms: i64, report: &Report) {
        let values = [
            f64::from(u8::from(report.up)),
            report.duration.as_secs_f64(),
            report.scraped as f64,
            report.kept as f64,
            report.series_added as f64,
            report.timeout.as_secs_f64(),
            report.sample_limit as f64,
            report.body_bytes as f64,
        ];
        self.write_values(columns, time_ms, values);
        if !self.described {
            for (name, unit, help) in METRICS.iter().take(self.labels.len()) {
                columns.metadata.family.push(name);
                columns.metadata.kind.push(MetricKind::Gauge as u8);
                columns.metadata.unit.push(unit);
                columns.metadata.help.push(help);
            }
        }
    }

    /// The last report was stored.
    pub(super) fn stored(&mut self) {
        self.described = true;
    }

    /// Appends the end of all series.
    pub(super) fn write_stale(&self, columns: &mut MetricColumns, time_ms: i64) {
        self.write_values(columns, time_ms, [f64::from_bits(STALE_NAN_BITS); METRICS.len()]);
    }

    fn write_values(
        &self,
        columns: &mut MetricColumns,
        time_ms: i64,
        values: [f64; METRICS.len()],
    ) {
        for (labels, value) in self.labels.iter().zip(values) {
            let row = push_series(columns, labels);
            push_float(columns, row, time_ms, 0, value);
        }
    }
}
