//! From the body of a scrape to columns: pure but for the memory of the target that it reads and
//! updates.

use std::hash::BuildHasher as _;

use watchkeep_model::metrics::STALE_NAN_BITS;
use watchkeep_model::{Labels, MetricColumns, NativeHistogram};
use watchkeep_wire::prometheus::exposition::{
    Entry, Exemplar, Format, LabelPairs, Options, Parser, Sample, SampleValue, negotiate,
};

use super::cache::{Known, ScrapeCache, Series, SeriesId};
use super::config::ScrapeConfig;
use super::config::values::ScrapeProtocol;
use super::limits::{coarser, schema_max};
use super::metadata::Statement;
use super::sample_labels::resolve;

/// How far a sample's own time may lie ahead of the clock.
const AHEAD_MAX_MS: i64 = 10 * 60 * 1000;

/// Characters of the labels of an exemplar (OpenMetrics 1.0, section "Exemplars").
const EXEMPLAR_CHARS_MAX: usize = 128;

/// What does not change between the scrapes of a loop.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    pub(super) config: &'a ScrapeConfig,
    pub(super) parser: Options,
    /// The target's labels without the reserved ones.
    pub(super) target_labels: &'a Labels,
}

/// What came of a body.
#[derive(Debug, Default)]
pub(super) struct Intake {
    /// What is to be stored: the samples, or, after an error, stale markers alone.
    pub(super) columns: MetricColumns,
    pub(super) counts: Counts,
    pub(super) error: Option<String>,
}

/// Counts of one scrape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Samples of the exposition.
    pub(super) scraped: u64,
    /// Those that relabelling left.
    pub(super) kept: u64,
    /// Series that the scrape before did not have.
    pub(super) series_added: u64,
    /// Samples left out because the series had one already.
    pub(super) duplicates: u64,
    /// Samples left out because their time lies too far ahead.
    pub(super) out_of_bounds: u64,
    pub(super) label_limit_exceeded: bool,
    pub(super) sample_limit_exceeded: bool,
    pub(super) bucket_limit_exceeded: bool,
}

/// Takes a body in. All of it counts or nothing: after an error every series of the scrape before
/// becomes stale.
pub(super) fn take(
    rules: &Rules<'_>,
    cache: &mut ScrapeCache,
    body: &[u8],
    content_type: Option<&str>,
    time_ms: i64,
) -> Intake {
    cache.begin();
    let mut run = Run {
        rules,
        cache,
        columns: MetricColumns::default(),
        counts: Counts::default(),
        time_ms,
        schema_max: schema_max(rules.config.native_histogram_min_bucket_factor),
        limit_error: None,
    };
    // An empty answer is one of a target without series, whatever type it says it has.
    let outcome = if body.is_empty() { Ok(()) } else { run.read(body, content_type) };
    let (mut columns, counts) = (run.columns, run.counts);
    let error = outcome.err();
    if error.is_none() && !body.is_empty() {
        for series in cache.vanished() {
            write_stale(&mut columns, series, time_ms);
        }
        cache.end_good();
    } else {
        columns = all_stale(cache, time_ms);
    }
    Intake { columns, counts, error }
}

/// Marks every series of the last scrape stale, because there is none now.
pub(super) fn all_stale(cache: &mut ScrapeCache, time_ms: i64) -> MetricColumns {
    let mut columns = MetricColumns::default();
    for series in cache.last_tracked() {
        write_stale(&mut columns, series, time_ms);
    }
    cache.end_failed();
    columns
}

fn write_stale(columns: &mut MetricColumns, series: &Series, time_ms: i64) {
    let row = push_series(columns, &series.labels);
    if series.is_histogram {
        let mark = NativeHistogram {
            schema: 0,
            zero_threshold: 0.0,
            zero_count: 0.0,
            count: 0.0,
            sum: f64::from_bits(STALE_NAN_BITS),
            is_float: false,
            reset_hint: watchkeep_model::histogram::ResetHint::Unknown,
            positive_spans: Vec::new(),
            positive_counts: Vec::new(),
            negative_spans: Vec::new(),
            negative_counts: Vec::new(),
            custom_values: Vec::new(),
        };
        push_histogram(columns, row, time_ms, 0, &mark);
    } else {
        push_float(columns, row, time_ms, 0, f64::from_bits(STALE_NAN_BITS));
    }
}

pub(super) fn push_series(columns: &mut MetricColumns, labels: &Labels) -> u32 {
    let row = columns.series.labels.len() as u32;
    columns.series.labels.push(labels.as_bytes());
    columns.series.delta.push(0);
    row
}

pub(super) fn push_float(
    columns: &mut MetricColumns,
    row: u32,
    time_ms: i64,
    start_ms: i64,
    value: f64,
) {
    columns.floats.series.push(row);
    columns.floats.time_ms.push(time_ms);
    columns.floats.start_ms.push(start_ms);
    columns.floats.value.push(value);
}

fn push_histogram(
    columns: &mut MetricColumns,
    row: u32,
    time_ms: i64,
    start_ms: i64,
    histogram: &NativeHistogram,
) {
    columns.histograms.series.push(row);
    columns.histograms.time_ms.push(time_ms);
    columns.histograms.start_ms.push(start_ms);
    columns.histograms.histogram.push_with(|out| histogram.encode(out));
}

fn format(protocol: ScrapeProtocol) -> Format {
    match protocol {
        ScrapeProtocol::PrometheusProto => Format::Protobuf,
        ScrapeProtocol::PrometheusText0_0_4 | ScrapeProtocol::PrometheusText1_0_0 => Format::Text,
        ScrapeProtocol::OpenMetricsText0_0_1 | ScrapeProtocol::OpenMetricsText1_0_0 => {
            Format::OpenMetrics
        }
    }
}

struct Run<'a> {
    rules: &'a Rules<'a>,
    cache: &'a mut ScrapeCache,
    columns: MetricColumns,
    counts: Counts,
    time_ms: i64,
    schema_max: i32,
    /// A limit on samples or buckets. The rest is still read, to report how much there is.
    limit_error: Option<String>,
}

/// Why a sample is not stored although the scrape goes on.
enum LeftOut {
    Duplicate,
    OutOfBounds,
    Limit,
}

impl Run<'_> {
    fn read(&mut self, body: &[u8], content_type: Option<&str>) -> Result<(), String> {
        let fallback = self.rules.config.scrape_fallback_protocol.map(format);
        let negotiated = negotiate(content_type, fallback)?;
        if let Some(warning) = negotiated.warning {
            tracing::debug!(warning, "content type of a scrape");
        }
        let mut parser = Parser::new(body, negotiated.format, self.rules.parser);
        while let Some(entry) = parser.next().map_err(|error| error.to_string())? {
            let scrape = self.cache.scrape();
            let metadata = &self.cache.metadata;
            match entry {
                Entry::Help { family, help } => {
                    metadata.say(scrape, &family, Statement::Help(&help));
                }
                Entry::Type { family, kind } => {
                    metadata.say(scrape, &family, Statement::Kind(kind));
                }
                Entry::Unit { family, unit } => {
                    metadata.say(scrape, &family, Statement::Unit(&unit));
                }
                Entry::Sample(sample) => self.sample(&sample)?,
            }
        }
        self.limit_error.take().map_or(Ok(()), Err)
    }

    fn sample(&mut self, sample: &Sample<'_>) -> Result<(), String> {
        self.counts.scraped += 1;
        let own_time = sample.time_ms.filter(|_| self.rules.config.honor_timestamps);
        let time_ms = own_time.unwrap_or(self.time_ms);
        let mut fresh = None;
        let known = match self.cache.find(sample.key()) {
            Known::Dropped => return Ok(()),
            Known::Series(id) => Some(id),
            Known::No => {
                let pairs = sample.labels().map_err(|error| error.to_string())?;
                let Some(labels) = self.resolve(pairs)? else {
                    self.cache.add_dropped(sample.key());
                    return Ok(());
                };
                let known = self.cache.with_labels(&labels);
                fresh = Some(labels);
                known
            }
        };
        self.counts.kept += 1;
        if known.is_some_and(|id| self.is_duplicate(id, own_time)) {
            self.leave_out(&LeftOut::Duplicate);
            return Ok(());
        }
        let coarse = match self.admit(sample, time_ms) {
            Ok(coarse) => coarse,
            Err(why) => {
                self.leave_out(&why);
                return Ok(());
            }
        };
        let id = match (fresh, known) {
            (Some(labels), _) => {
                if self.limit_error.is_none() {
                    self.counts.series_added += 1;
                }
                self.cache.add(sample.key(), labels).0
            }
            (None, Some(id)) => id,
            (None, None) => return Ok(()),
        };
        self.store(id, sample, coarse.as_ref(), time_ms);
        if own_time.is_none() || self.rules.config.track_timestamps_staleness {
            self.cache.track(id);
        }
        if sample.has_exemplars() {
            self.exemplars(id, sample, time_ms)?;
        }
        Ok(())
    }

    fn resolve(&mut self, pairs: LabelPairs<'_>) -> Result<Option<Labels>, String> {
        let resolved = resolve(self.rules.config, self.rules.target_labels, pairs);
        let limit = |error: &String| error.starts_with("label_");
        self.counts.label_limit_exceeded |= resolved.as_ref().err().is_some_and(limit);
        resolved
    }

    fn is_duplicate(&self, id: SeriesId, own_time: Option<i64>) -> bool {
        self.cache.is_scraped(id)
            && own_time.is_none_or(|time_ms| self.cache.get(id).time_ms == time_ms)
    }

    /// Whether a sample may be stored, and the coarser form of its histogram where it must be.
    fn admit(
        &mut self,
        sample: &Sample<'_>,
        time_ms: i64,
    ) -> Result<Option<NativeHistogram>, LeftOut> {
        let config = self.rules.config;
        let mut coarse = None;
        if let SampleValue::Histogram(histogram) = sample.value {
            match coarser(histogram, config.native_histogram_bucket_limit, self.schema_max) {
                Ok(histogram) => coarse = histogram,
                Err(error) => {
                    self.counts.bucket_limit_exceeded = true;
                    self.limit_error.get_or_insert(error);
                    return Err(LeftOut::Limit);
                }
            }
        }
        let stored = self.columns.samples() as u64 + self.counts.out_of_bounds;
        if config.sample_limit > 0 && stored >= config.sample_limit {
            if !self.counts.sample_limit_exceeded {
                self.counts.sample_limit_exceeded = true;
                self.limit_error = Some("sample limit exceeded".into());
            }
            return Err(LeftOut::Limit);
        }
        if time_ms > self.time_ms.saturating_add(AHEAD_MAX_MS) {
            return Err(LeftOut::OutOfBounds);
        }
        Ok(coarse)
    }

    fn leave_out(&mut self, why: &LeftOut) {
        match why {
            LeftOut::Duplicate => self.counts.duplicates += 1,
            LeftOut::OutOfBounds => self.counts.out_of_bounds += 1,
            LeftOut::Limit => {}
        }
    }

    fn store(
        &mut self,
        id: SeriesId,
        sample: &Sample<'_>,
        coarse: Option<&NativeHistogram>,
        time_ms: i64,
    ) {
        let first = !self.cache.is_scraped(id);
        self.cache.set_scraped(id);
        let series = self.cache.get_mut(id);
        if first {
            series.row = push_series(&mut self.columns, &series.labels);
        }
        series.time_ms = time_ms;
        series.is_histogram = matches!(sample.value, SampleValue::Histogram(_));
        let row = series.row;
        match sample.value {
            SampleValue::Float(value) => {
                push_float(&mut self.columns, row, time_ms, sample.start_ms, value);
            }
            SampleValue::Histogram(histogram) => {
                let histogram = coarse.unwrap_or(histogram);
                push_histogram(&mut self.columns, row, time_ms, sample.start_ms, histogram);
            }
        }
    }

    /// Stores the exemplars that the series did not have last time: a target shows each until
    /// there is a newer one.
    fn exemplars(&mut self, id: SeriesId, sample: &Sample<'_>, time_ms: i64) -> Result<(), String> {
        let is_histogram = matches!(sample.value, SampleValue::Histogram(_));
        let mut exemplars = sample.exemplars().map_err(|error| error.to_string())?;
        // Without a time of its own nobody can tell one of a native histogram from an older one.
        exemplars.retain(|exemplar| exemplar.time_ms.is_some() || !is_histogram);
        exemplars.sort_by_key(|exemplar| exemplar.time_ms);
        let mut hashes = Vec::with_capacity(exemplars.len());
        for exemplar in exemplars {
            let Some(labels) = exemplar_labels(&exemplar) else { continue };
            let identity = (&labels, exemplar.value.to_bits(), exemplar.time_ms);
            let hash = self.cache.hasher.hash_one(identity);
            hashes.push(hash);
            let series = self.cache.get(id);
            if series.exemplars.contains(&hash) {
                continue;
            }
            let columns = &mut self.columns.exemplars;
            columns.series.push(series.row);
            columns.time_ms.push(exemplar.time_ms.unwrap_or(time_ms));
            columns.value.push(exemplar.value);
            columns.labels.push(labels.as_bytes());
        }
        self.cache.get_mut(id).exemplars = hashes;
        Ok(())
    }
}

/// The labels of an exemplar; `None` where they are longer than allowed.
fn exemplar_labels(exemplar: &Exemplar<'_>) -> Option<Labels> {
    let pairs = exemplar.labels.iter();
    let chars: usize = pairs.map(|(n, v)| n.chars().count() + v.chars().count()).sum();
    let pairs = exemplar.labels.iter().map(|(name, value)| (name, value));
    (chars <= EXEMPLAR_CHARS_MAX).then(|| Labels::from_pairs(pairs))
}
