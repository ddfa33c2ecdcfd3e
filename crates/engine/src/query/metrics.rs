//! Names of metrics, labels and their values, and series thinned to one value a step.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use watchkeep_model::histogram::BucketSpan;
use watchkeep_model::labels::METRIC_NAME;
use watchkeep_model::metrics::{MetricKind, STALE_NAN_BITS};
use watchkeep_model::{
    Error, Labels, Matcher, NativeHistogram, Result, SeriesSamples, TenantId, TimeRange,
};
use watchkeep_storage::seam::{
    ExemplarRow, LabelValuesRequest, MetadataRow, SampleCursor, SamplesRequest, SeriesRequest,
};

use crate::engine::Engine;

/// Exemplars that one answer holds at most.
const EXEMPLARS_MAX: usize = 10_000;

/// One metric name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricInfo {
    /// The name as queries use it.
    pub name: String,
    /// The family that it belongs to, and what is known about that.
    pub about: MetadataRow,
    /// Series of that name.
    pub series: u64,
}

/// Names of metrics.
#[derive(Debug)]
pub struct MetricsPage {
    /// Sorted by name.
    pub metrics: Vec<MetricInfo>,
    /// Whether there are more.
    pub truncated: bool,
}

/// A label and its values.
#[derive(Debug)]
pub struct LabelWithValues {
    /// The label's name.
    pub name: String,
    /// Its values, sorted.
    pub values: Vec<String>,
    /// Whether there are more.
    pub truncated: bool,
}

/// Labels with values.
pub type LabelsPage = Vec<LabelWithValues>;

/// Which series are meant, and when.
#[derive(Debug, Clone)]
pub struct SeriesFilter {
    /// The metric's name.
    pub name: String,
    /// Labels that must be equal.
    pub labels: Vec<(String, String)>,
    /// When.
    pub range: TimeRange,
}

/// A native histogram as bounds and counts.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramPoint {
    /// Number of observations.
    pub count: f64,
    /// Sum of observations.
    pub sum: f64,
    /// Lower bound, upper bound and count of each bucket that is not empty, by rising bounds.
    pub buckets: Vec<(f64, f64, f64)>,
}

/// One series, thinned.
#[derive(Debug)]
pub struct SeriesPoints {
    /// Which series.
    pub labels: Labels,
    /// Start of the step in milliseconds, and the last value in it.
    pub points: Vec<(i64, f64)>,
    /// The same for native histograms.
    pub histograms: Vec<(i64, HistogramPoint)>,
    /// Exemplars in the range.
    pub exemplars: Vec<ExemplarRow>,
}

/// Series, thinned.
#[derive(Debug)]
pub struct SeriesPage {
    /// Length of a step, milliseconds.
    pub step_ms: i64,
    /// In the order of their labels.
    pub series: Vec<SeriesPoints>,
    /// Whether there are more series.
    pub truncated: bool,
}

impl SeriesFilter {
    /// As the seam asks for it. Its range is closed and in milliseconds.
    fn request(&self, limit: Option<usize>) -> SeriesRequest {
        let mut matchers = vec![Matcher::equal(METRIC_NAME, self.name.clone())];
        matchers.extend(self.labels.iter().map(|(name, value)| Matcher::equal(name, value)));
        let ceil_ms = |ns: i64| ns.div_euclid(1_000_000) + i64::from(ns.rem_euclid(1_000_000) > 0);
        SeriesRequest {
            matchers,
            start_ms: ceil_ms(self.range.start_ns),
            end_ms: ceil_ms(self.range.end_ns) - 1,
            limit,
        }
    }
}

impl Engine {
    /// Names of metrics that contain the text (in any case), with what is known about them.
    pub async fn metric_names(
        &self,
        tenant: &TenantId,
        search: &str,
        limit: usize,
    ) -> Result<MetricsPage> {
        self.query(async {
            let store = self.store()?;
            let known: HashMap<String, MetadataRow> = store
                .metadata(tenant)
                .await?
                .into_iter()
                .map(|row| (row.family.clone(), row))
                .collect();
            let series_max = self.limits.query_series_max;
            let everything = SeriesRequest {
                matchers: vec![],
                start_ms: i64::MIN,
                end_ms: i64::MAX,
                limit: Some(series_max + 1),
            };
            let series = store.series(tenant, everything).await?;
            let needle = search.to_lowercase();
            let mut names: BTreeMap<String, u64> = BTreeMap::new();
            for labels in series.iter().take(series_max) {
                let name = labels.metric_name();
                if needle.is_empty() || name.to_lowercase().contains(&needle) {
                    *names.entry(name.to_owned()).or_default() += 1;
                }
            }
            let truncated = names.len() > limit || series.len() > series_max;
            let metrics = names
                .into_iter()
                .take(limit)
                .map(|(name, series)| MetricInfo { about: about(&name, &known), name, series })
                .collect();
            Ok(MetricsPage { metrics, truncated })
        })
        .await
    }

    /// Labels of the series of a metric, with at most so many values each.
    pub async fn metric_labels(
        &self,
        tenant: &TenantId,
        filter: &SeriesFilter,
        values_max: usize,
    ) -> Result<LabelsPage> {
        self.query(async {
            let store = self.store()?;
            let names = store.label_names(tenant, filter.request(None)).await?;
            let mut page = Vec::new();
            for name in names.into_iter().filter(|name| name != METRIC_NAME) {
                let series = filter.request(Some(values_max + 1));
                let request = LabelValuesRequest { label: name.clone(), series };
                let mut values = store.label_values(tenant, request).await?;
                let truncated = values.len() > values_max;
                values.truncate(values_max);
                page.push(LabelWithValues { name, values, truncated });
            }
            Ok(page)
        })
        .await
    }

    /// Series of a metric, thinned to the last value of each step.
    pub async fn metric_series(
        &self,
        tenant: &TenantId,
        filter: &SeriesFilter,
        step_ms: i64,
        limit: usize,
    ) -> Result<SeriesPage> {
        self.query(async {
            let store = self.store()?;
            let request = SamplesRequest {
                series: filter.request(Some(limit + 1)),
                samples_max: self.limits.query_samples_max,
            };
            let cursor = store.samples(tenant, request).await?;
            let mut series = tokio::task::spawn_blocking(move || thin_all(cursor, step_ms))
                .await
                .map_err(|error| Error::internal("a query broke off").with_source(error))??;
            let truncated = series.len() > limit;
            series.truncate(limit);
            let exemplars = store.exemplars(tenant, filter.request(Some(EXEMPLARS_MAX))).await?;
            assign(&mut series, exemplars);
            Ok(SeriesPage { step_ms, series, truncated })
        })
        .await
    }
}

/// What is known about the family of a name.
fn about(name: &str, known: &HashMap<String, MetadataRow>) -> MetadataRow {
    const SUFFIXES: [&str; 5] = ["_bucket", "_sum", "_count", "_total", "_created"];
    let stripped = SUFFIXES.iter().filter_map(|suffix| name.strip_suffix(suffix));
    std::iter::once(name).chain(stripped).find_map(|family| known.get(family)).cloned().unwrap_or(
        MetadataRow {
            family: name.to_owned(),
            kind: MetricKind::Unknown,
            unit: String::new(),
            help: String::new(),
        },
    )
}

/// Series in the order of their labels.
fn thin_all(cursor: SampleCursor, step_ms: i64) -> Result<Vec<SeriesPoints>> {
    let mut series = cursor
        .map(|samples| samples.map(|samples| thin(samples, step_ms)))
        .collect::<Result<Vec<_>>>()?;
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    Ok(series)
}

fn thin(samples: SeriesSamples, step_ms: i64) -> SeriesPoints {
    let step_of = |time_ms: i64| time_ms.div_euclid(step_ms) * step_ms;
    let mut points: Vec<(i64, f64)> = Vec::new();
    let floats = samples.floats;
    for (time_ms, value) in floats.times_ms.iter().copied().zip(floats.values) {
        if value.to_bits() == STALE_NAN_BITS {
            continue;
        }
        let step = step_of(time_ms);
        match points.last_mut() {
            Some(last) if last.0 == step => last.1 = value,
            _ => points.push((step, value)),
        }
    }
    let mut last_of_step: Vec<(i64, Arc<NativeHistogram>)> = Vec::new();
    for sample in samples.histograms {
        let step = step_of(sample.time_ms);
        match last_of_step.last_mut() {
            Some(last) if last.0 == step => last.1 = sample.histogram,
            _ => last_of_step.push((step, sample.histogram)),
        }
    }
    let histograms = last_of_step.iter().map(|(step, one)| (*step, point(one))).collect();
    SeriesPoints { labels: samples.labels, points, histograms, exemplars: Vec::new() }
}

fn assign(series: &mut [SeriesPoints], exemplars: Vec<ExemplarRow>) {
    let places: HashMap<Labels, usize> =
        series.iter().enumerate().map(|(at, one)| (one.labels.clone(), at)).collect();
    for exemplar in exemplars {
        if let Some(at) = places.get(&exemplar.series) {
            series[*at].exemplars.push(exemplar);
        }
    }
}

fn point(histogram: &NativeHistogram) -> HistogramPoint {
    let mut negative = Vec::new();
    for (index, count) in buckets(&histogram.negative_spans, &histogram.negative_counts) {
        let (lower, upper) = bounds(histogram, index);
        negative.push((-upper, -lower, count));
    }
    negative.reverse();
    let mut all = negative;
    if histogram.zero_count > 0.0 {
        let edge = histogram.zero_threshold;
        all.push((-edge, edge, histogram.zero_count));
    }
    for (index, count) in buckets(&histogram.positive_spans, &histogram.positive_counts) {
        let (lower, upper) = bounds(histogram, index);
        all.push((lower, upper, count));
    }
    HistogramPoint { count: histogram.count, sum: histogram.sum, buckets: all }
}

/// Index and count of each bucket that is not empty.
fn buckets(spans: &[BucketSpan], counts: &[f64]) -> Vec<(i64, f64)> {
    let mut found = Vec::new();
    let mut index = 0_i64;
    let mut counts = counts.iter();
    for span in spans {
        index += i64::from(span.offset);
        for _ in 0..span.length {
            let Some(count) = counts.next() else { return found };
            if *count > 0.0 {
                found.push((index, *count));
            }
            index += 1;
        }
    }
    found
}

/// Bounds of a bucket on the positive side.
fn bounds(histogram: &NativeHistogram, index: i64) -> (f64, f64) {
    if histogram.schema == NativeHistogram::CUSTOM_BUCKETS {
        let bound = |index: i64, beyond: f64| {
            usize::try_from(index)
                .ok()
                .and_then(|at| histogram.custom_values.get(at))
                .copied()
                .unwrap_or(beyond)
        };
        return (bound(index - 1, f64::NEG_INFINITY), bound(index, f64::INFINITY));
    }
    let upper = |index: i64| (index as f64 * (-f64::from(histogram.schema)).exp2()).exp2();
    (upper(index - 1), upper(index))
}

#[cfg(test)]
mod tests {
    use watchkeep_model::FloatSamples;
    use watchkeep_model::histogram::ResetHint;

    use super::*;

    #[test]
    fn the_last_value_of_each_step_is_kept_and_stale_markers_are_not() {
        let samples = SeriesSamples {
            labels: Labels::default(),
            floats: FloatSamples {
                times_ms: [1_000, 9_999, 10_000, 30_000].into(),
                values: vec![1.0, 2.0, 3.0, f64::from_bits(STALE_NAN_BITS)],
                starts_ms: None,
            },
            histograms: vec![],
        };
        assert_eq!(thin(samples, 10_000).points, [(0, 2.0), (10_000, 3.0)]);
    }

    #[test]
    fn buckets_of_native_histograms_get_their_bounds() {
        let histogram = NativeHistogram {
            schema: 0,
            zero_threshold: 0.001,
            zero_count: 1.0,
            count: 6.0,
            sum: 7.0,
            is_float: false,
            reset_hint: ResetHint::Unknown,
            positive_spans: vec![BucketSpan { offset: 1, length: 2 }],
            positive_counts: vec![2.0, 0.0],
            negative_spans: vec![BucketSpan { offset: 0, length: 1 }],
            negative_counts: vec![3.0],
            custom_values: vec![],
        };
        let expect = [(-1.0, -0.5, 3.0), (-0.001, 0.001, 1.0), (1.0, 2.0, 2.0)];
        assert_eq!(point(&histogram).buckets, expect);
    }

    #[test]
    fn a_part_of_a_family_is_described_by_the_family() {
        let row = MetadataRow {
            family: "latency_seconds".into(),
            kind: MetricKind::Histogram,
            unit: "s".into(),
            help: "how long".into(),
        };
        let known = HashMap::from([(row.family.clone(), row.clone())]);
        assert_eq!(about("latency_seconds_bucket", &known), row);
        assert_eq!(about("other", &known).kind, MetricKind::Unknown);
    }
}
