//! Counters and histograms that live in memory, by their labels, and their samples: what metrics of
//! spans and of agents are made of.

use std::fmt::Write as _;

use hashbrown::HashMap;
use watchkeep_model::metrics::{MetricKind, STALE_NAN_BITS};
use watchkeep_model::{Labels, METRIC_NAME, MetricColumns, SpanId, TraceId};

/// The label of what is counted once there are too many sets of labels.
const OVERFLOW: (&str, &str) = ("metric_overflow", "true");

/// Metrics that share their labels.
#[derive(Debug)]
pub(crate) struct Family {
    /// Names and descriptions of its counters.
    pub(crate) counters: &'static [(&'static str, &'static str)],
    /// Names and descriptions of its histograms.
    pub(crate) histograms: &'static [(&'static str, &'static str)],
}

/// The span that a histogram saw last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Exemplar {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) value: f64,
    pub(crate) time_ms: i64,
}

/// A classic histogram.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Histogram {
    /// By bucket; one more than there are bounds.
    pub(crate) counts: Vec<u64>,
    pub(crate) sum: f64,
    pub(crate) exemplar: Option<Exemplar>,
}

impl Histogram {
    pub(crate) fn observe(&mut self, bounds: &[f64], value: f64) {
        self.counts.resize(bounds.len() + 1, 0);
        self.counts[bounds.partition_point(|bound| *bound < value)] += 1;
        self.sum += value;
    }

    fn add(&mut self, other: &Self) {
        self.counts.resize(self.counts.len().max(other.counts.len()), 0);
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum += other.sum;
        self.exemplar = other.exemplar.or(self.exemplar);
    }
}

/// What one set of labels has counted, in the order of the family.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) counters: Vec<f64>,
    pub(crate) histograms: Vec<Histogram>,
}

impl Counts {
    pub(crate) fn of(family: &Family) -> Self {
        Self {
            counters: vec![0.0; family.counters.len()],
            histograms: vec![Histogram::default(); family.histograms.len()],
        }
    }

    fn add_histograms(&mut self, other: &Self) {
        for (histogram, more) in self.histograms.iter_mut().zip(&other.histograms) {
            histogram.add(more);
        }
    }
}

/// When samples are written, milliseconds.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "names end in their unit")]
pub(crate) struct Times {
    /// The least between two samples of a series that changes.
    pub(crate) interval_ms: i64,
    /// Between two samples of a series that does not.
    pub(crate) unchanged_ms: i64,
    /// Series that nothing was added to for so long end.
    pub(crate) idle_ms: i64,
}

/// A set of labels and what it has counted since it was first seen.
#[derive(Debug)]
struct Entry {
    counts: Counts,
    /// By counter, what was taken back and not made up for by additions yet, as counters never
    /// fall; empty for nothing.
    owed: Vec<f64>,
    /// Whether there is something that the last sample lacks.
    is_new: bool,
    first_ms: i64,
    changed_ms: i64,
    written_ms: Option<i64>,
}

impl Entry {
    /// Adds; what is less than zero is owed until later additions have made up for it.
    fn add(&mut self, more: &Counts, now_ms: i64) {
        self.is_new = true;
        self.changed_ms = now_ms;
        self.counts.add_histograms(more);
        if self.owed.is_empty() && more.counters.iter().all(|more| *more >= 0.0) {
            for (counter, more) in self.counts.counters.iter_mut().zip(&more.counters) {
                *counter += more;
            }
            return;
        }
        self.owed.resize(self.counts.counters.len(), 0.0);
        let counters = self.counts.counters.iter_mut().zip(&mut self.owed);
        for ((counter, owed), more) in counters.zip(&more.counters) {
            let change = more - *owed;
            *counter += change.max(0.0);
            *owed = (-change).max(0.0);
        }
    }
}

/// All that a family has counted for a tenant.
#[derive(Debug)]
pub(crate) struct Totals {
    family: &'static Family,
    bounds: Vec<f64>,
    /// Texts of the bounds, as `le` has them.
    bound_texts: Vec<String>,
    entries: HashMap<Labels, Entry>,
    entries_max: usize,
    described: bool,
}

impl Totals {
    pub(crate) fn new(family: &'static Family, bounds: &[f64], entries_max: usize) -> Self {
        let text = |bound: &f64| {
            let mut text = String::new();
            // As Prometheus writes it: the shortest text, without a point where there is no need.
            let _infallible = write!(text, "{bound}");
            text
        };
        Self {
            family,
            bounds: bounds.to_vec(),
            bound_texts: bounds.iter().map(text).chain(["+Inf".to_owned()]).collect(),
            entries: HashMap::new(),
            entries_max,
            described: false,
        }
    }

    /// Adds what a set of labels (without a metric's name) has counted. False where there was no
    /// room for the set and it was counted as overflow.
    pub(crate) fn add(&mut self, labels: &Labels, counts: &Counts, now_ms: i64) -> bool {
        if let Some(entry) = self.entries.get_mut(labels) {
            entry.add(counts, now_ms);
            return true;
        }
        let fits = self.entries.len() < self.entries_max;
        let labels = if fits { labels.clone() } else { Labels::from_pairs([OVERFLOW]) };
        let family = self.family;
        let entry = self.entries.entry(labels).or_insert_with(|| Entry {
            counts: Counts::of(family),
            owed: Vec::new(),
            is_new: true,
            first_ms: now_ms,
            changed_ms: now_ms,
            written_ms: None,
        });
        entry.add(counts, now_ms);
        fits
    }

    /// Appends samples of all series that are due: of those that are new, of those that changed and
    /// of those that did not. Series that nothing was added to for long end.
    pub(crate) fn write(&mut self, now_ms: i64, times: Times, out: &mut MetricColumns) {
        let Self { family, bounds, bound_texts, entries, described, .. } = self;
        let mut writer = Writer { family, bounds, bound_texts, out };
        entries.retain(|labels, entry| {
            let is_idle = now_ms.saturating_sub(entry.changed_ms) > times.idle_ms;
            let wait_ms = if entry.is_new { times.interval_ms } else { times.unchanged_ms };
            let is_due = entry.written_ms.is_none_or(|at| now_ms.saturating_sub(at) >= wait_ms);
            if is_idle && entry.written_ms.is_some() {
                writer.end(labels, entry, now_ms);
            } else if is_due {
                writer.write(labels, entry, now_ms);
                entry.written_ms = Some(now_ms);
                entry.is_new = false;
            }
            !is_idle
        });
        if !std::mem::replace(described, true) {
            describe(family, out);
        }
    }

    /// Sets of labels.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

fn describe(family: &Family, out: &mut MetricColumns) {
    let counters = family.counters.iter().map(|metric| (metric, MetricKind::Counter));
    let histograms = family.histograms.iter().map(|metric| (metric, MetricKind::Histogram));
    for ((name, help), kind) in counters.chain(histograms) {
        out.metadata.family.push(name);
        out.metadata.kind.push(kind as u8);
        out.metadata.unit.push("");
        out.metadata.help.push(help);
    }
}

struct Writer<'a> {
    family: &'static Family,
    bounds: &'a [f64],
    bound_texts: &'a [String],
    out: &'a mut MetricColumns,
}

impl Writer<'_> {
    fn write(&mut self, labels: &Labels, entry: &mut Entry, now_ms: i64) {
        let is_first = entry.written_ms.is_none();
        let first_ms = entry.first_ms;
        let mut samples = Vec::new();
        self.each_series(labels, &entry.counts, |out, row, value| {
            samples.push((row, value));
            // A total that starts begins at zero, so that its first increase is seen.
            if is_first {
                push(out, row, first_ms.saturating_sub(1).min(now_ms - 1), first_ms, 0.0);
            }
        });
        for (row, value) in samples {
            push(self.out, row, now_ms, first_ms, value);
        }
        self.exemplars(labels, entry);
    }

    /// Marks the series of a set of labels as ended.
    fn end(&mut self, labels: &Labels, entry: &Entry, now_ms: i64) {
        self.each_series(labels, &entry.counts, |out, row, _| {
            push(out, row, now_ms, 0, f64::from_bits(STALE_NAN_BITS));
        });
    }

    fn each_series(
        &mut self,
        labels: &Labels,
        counts: &Counts,
        mut see: impl FnMut(&mut MetricColumns, u32, f64),
    ) {
        for ((name, _), value) in self.family.counters.iter().zip(&counts.counters) {
            let row = self.series(labels, name, None);
            see(self.out, row, *value);
        }
        for ((name, _), histogram) in self.family.histograms.iter().zip(&counts.histograms) {
            let mut below = 0;
            for at in 0..=self.bounds.len() {
                below += histogram.counts.get(at).copied().unwrap_or(0);
                let row = self.series(labels, &format!("{name}_bucket"), Some(at));
                see(self.out, row, below as f64);
            }
            let sum = self.series(labels, &format!("{name}_sum"), None);
            see(self.out, sum, histogram.sum);
            let count = self.series(labels, &format!("{name}_count"), None);
            see(self.out, count, below as f64);
        }
    }

    fn series(&mut self, labels: &Labels, name: &str, bucket: Option<usize>) -> u32 {
        let le = bucket.map(|at| ("le", self.bound_texts[at].as_str()));
        let mut pairs: Vec<(&str, &str)> =
            labels.iter().chain([(METRIC_NAME, name)]).chain(le).collect();
        let row = self.out.series.delta.len() as u32;
        self.out.series.labels.push_with(|out| Labels::write_canonical(&mut pairs, out));
        self.out.series.delta.push(0);
        row
    }

    fn exemplars(&mut self, labels: &Labels, entry: &mut Entry) {
        for ((name, _), histogram) in
            self.family.histograms.iter().zip(&mut entry.counts.histograms)
        {
            let Some(exemplar) = histogram.exemplar.take() else { continue };
            let at = self.bounds.partition_point(|bound| *bound < exemplar.value);
            let row = self.series(labels, &format!("{name}_bucket"), Some(at));
            let exemplars = &mut self.out.exemplars;
            exemplars.series.push(row);
            exemplars.time_ms.push(exemplar.time_ms);
            exemplars.value.push(exemplar.value);
            let mut pairs = [
                ("trace_id", exemplar.trace_id.to_string()),
                ("span_id", exemplar.span_id.to_string()),
            ];
            exemplars.labels.push_with(|out| Labels::write_canonical(&mut pairs, out));
        }
    }
}

fn push(out: &mut MetricColumns, row: u32, time_ms: i64, start_ms: i64, value: f64) {
    out.floats.series.push(row);
    out.floats.time_ms.push(time_ms);
    out.floats.start_ms.push(start_ms);
    out.floats.value.push(value);
}
