//! Metrics, labels and series.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use watchkeep_engine::query::{self, LabelsPage, MetricsPage, SeriesPage, SeriesPoints};
use watchkeep_model::Labels;
use watchkeep_storage::seam::ExemplarRow;

use super::Number;

/// Names of metrics.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct MetricList {
    /// Sorted by name.
    metrics: Vec<Metric>,
    /// There are more.
    truncated: bool,
}

#[derive(Serialize, ToSchema)]
struct Metric {
    name: String,
    /// The family that it belongs to: for a part of a classic histogram the name without suffix.
    family: String,
    /// `counter`, `gauge`, `histogram`, `summary`, `exponential_histogram`, `unknown`, …
    kind: &'static str,
    unit: String,
    help: String,
    series_count: u64,
}

impl From<MetricsPage> for MetricList {
    fn from(page: MetricsPage) -> Self {
        let metric = |info: query::MetricInfo| Metric {
            name: info.name,
            family: info.about.family,
            kind: info.about.kind.name(),
            unit: info.about.unit,
            help: info.about.help,
            series_count: info.series,
        };
        Self { metrics: page.metrics.into_iter().map(metric).collect(), truncated: page.truncated }
    }
}

/// Labels of a metric.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct LabelList {
    labels: Vec<Label>,
}

#[derive(Serialize, ToSchema)]
struct Label {
    name: String,
    values: Vec<String>,
    /// There are more values.
    truncated: bool,
}

impl From<LabelsPage> for LabelList {
    fn from(page: LabelsPage) -> Self {
        let label = |label: query::LabelWithValues| Label {
            name: label.name,
            values: label.values,
            truncated: label.truncated,
        };
        Self { labels: page.into_iter().map(label).collect() }
    }
}

/// Series of a metric.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct SeriesList {
    /// Length of a step.
    step_ms: i64,
    series: Vec<Series>,
    /// There are more series.
    truncated: bool,
}

#[derive(Serialize, ToSchema)]
struct Series {
    labels: BTreeMap<String, String>,
    /// Milliseconds at which the step starts, and the last value in it; `"NaN"`, `"+Inf"` and
    /// `"-Inf"` are strings.
    #[schema(value_type = Vec<Vec<serde_json::Value>>)]
    points: Vec<(i64, Number)>,
    /// Milliseconds at which the step starts, and the last native histogram in it.
    #[schema(value_type = Vec<Vec<serde_json::Value>>)]
    histograms: Vec<(i64, Histogram)>,
    exemplars: Vec<Exemplar>,
}

#[derive(Serialize)]
struct Histogram {
    count: Number,
    sum: Number,
    /// Lower bound, upper bound, count.
    buckets: Vec<(Number, Number, Number)>,
}

#[derive(Serialize, ToSchema)]
struct Exemplar {
    time_ms: i64,
    #[schema(value_type = f64)]
    value: Number,
    trace_id: Option<String>,
    span_id: Option<String>,
    /// Its other labels.
    labels: BTreeMap<String, String>,
}

impl From<SeriesPage> for SeriesList {
    fn from(page: SeriesPage) -> Self {
        Self {
            step_ms: page.step_ms,
            series: page.series.into_iter().map(Series::from).collect(),
            truncated: page.truncated,
        }
    }
}

impl From<SeriesPoints> for Series {
    fn from(series: SeriesPoints) -> Self {
        Self {
            labels: map(&series.labels),
            points: series.points.into_iter().map(|(ms, value)| (ms, Number(value))).collect(),
            histograms: series
                .histograms
                .into_iter()
                .map(|(ms, histogram)| (ms, Histogram::from(histogram)))
                .collect(),
            exemplars: series.exemplars.iter().map(Exemplar::from).collect(),
        }
    }
}

impl From<query::HistogramPoint> for Histogram {
    fn from(point: query::HistogramPoint) -> Self {
        let bucket = |(lower, upper, count)| (Number(lower), Number(upper), Number(count));
        Self {
            count: Number(point.count),
            sum: Number(point.sum),
            buckets: point.buckets.into_iter().map(bucket).collect(),
        }
    }
}

impl From<&ExemplarRow> for Exemplar {
    fn from(row: &ExemplarRow) -> Self {
        let mut labels = map(&row.labels);
        Self {
            time_ms: row.time_ms,
            value: Number(row.value),
            trace_id: labels.remove("trace_id"),
            span_id: labels.remove("span_id"),
            labels,
        }
    }
}

fn map(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
