//! What an exposition consists of, as views into its bytes: nothing is copied for a sample whose
//! series is known by its key already.

use std::borrow::Cow;

use watchkeep_model::NativeHistogram;
use watchkeep_model::metrics::MetricKind;

use super::cursor::{ParseError, Result};
use super::nhcb::NhcbSeries;
use super::number::write_openmetrics_float;
use super::protobuf::ProtobufSeries;
use super::text_series::TextSeries;

/// One statement of an exposition.
#[derive(Debug)]
pub enum Entry<'p> {
    /// What a metric family is about.
    Help {
        /// The family's name.
        family: Cow<'p, str>,
        /// The description.
        help: Cow<'p, str>,
    },
    /// Of which type a metric family is.
    Type {
        /// The family's name.
        family: Cow<'p, str>,
        /// The type.
        kind: MetricKind,
    },
    /// In which unit a metric family is measured.
    Unit {
        /// The family's name.
        family: Cow<'p, str>,
        /// The unit.
        unit: Cow<'p, str>,
    },
    /// A sample.
    Sample(Sample<'p>),
}

/// A sample of an exposition.
#[derive(Debug)]
pub struct Sample<'p> {
    /// When, milliseconds since the epoch, where the exposition says so.
    pub time_ms: Option<i64>,
    /// When the counting began, milliseconds since the epoch; 0 where that is not known.
    pub start_ms: i64,
    /// The value.
    pub value: SampleValue<'p>,
    pub(super) series: Series<'p>,
}

/// The value of a sample.
#[derive(Debug, Clone, Copy)]
pub enum SampleValue<'p> {
    /// A number. Every NaN is the same one, so none is a stale marker.
    Float(f64),
    /// A native histogram.
    Histogram(&'p NativeHistogram),
}

/// The labels of a series, in the order of the exposition and not yet checked for duplicates; the
/// metric's name is among them as `__name__`.
pub type LabelPairs<'p> = Vec<(Cow<'p, str>, Cow<'p, str>)>;

/// An exemplar.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar<'p> {
    /// Its labels.
    pub labels: LabelPairs<'p>,
    /// The measured value.
    pub value: f64,
    /// When, milliseconds since the epoch, where the exposition says so.
    pub time_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Series<'p> {
    Text(&'p TextSeries<'p>),
    Protobuf(&'p ProtobufSeries<'p>),
    Nhcb(&'p NhcbSeries),
}

impl<'p> Sample<'p> {
    /// Bytes that stand for the series: equal bytes from one target in one format are one series.
    /// The opposite does not hold.
    pub fn key(&self) -> &'p [u8] {
        match self.series {
            Series::Text(series) => series.key(),
            Series::Protobuf(series) => series.key(),
            Series::Nhcb(series) => series.key(),
        }
    }

    /// The labels; fails where one is not UTF-8.
    pub fn labels(&self) -> Result<LabelPairs<'p>> {
        match self.series {
            Series::Text(series) => series.labels(),
            Series::Protobuf(series) => series.labels(),
            Series::Nhcb(series) => Ok(series.labels()),
        }
    }

    /// Whether the sample has exemplars; cheaper than asking for them.
    pub fn has_exemplars(&self) -> bool {
        match self.series {
            Series::Text(series) => series.has_exemplar(),
            Series::Protobuf(series) => series.has_exemplars(),
            Series::Nhcb(series) => series.has_exemplars(),
        }
    }

    /// The exemplars.
    pub fn exemplars(&self) -> Result<Vec<Exemplar<'p>>> {
        match self.series {
            Series::Text(series) => series.exemplars(),
            Series::Protobuf(series) => series.exemplars(),
            Series::Nhcb(series) => Ok(series.exemplars()),
        }
    }
}

/// What is said of a family and goes for the samples after it.
#[derive(Debug, Clone, Default)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) kind: Option<MetricKind>,
    pub(super) unit: String,
}

impl Family {
    /// Turns to a family; what was said of another is forgotten.
    pub(super) fn turn_to(&mut self, name: &str) {
        if self.name != name {
            name.clone_into(&mut self.name);
            self.kind = None;
            self.unit.clear();
        }
    }

    /// Whether samples of the type count from a start.
    pub(super) fn has_start(&self) -> bool {
        matches!(self.kind, Some(MetricKind::Counter | MetricKind::Histogram | MetricKind::Summary))
    }

    /// Whether a label is the bound or quantile that the type gives a meaning to.
    pub(super) fn is_bound(&self, label: &[u8]) -> bool {
        match self.kind {
            Some(MetricKind::Histogram) => label == b"le",
            Some(MetricKind::Summary) => label == b"quantile",
            _ => false,
        }
    }

    /// Adds type and unit as the labels `__type__` and `__unit__`, in place of such labels of the
    /// exposition.
    pub(super) fn add_type_and_unit(&self, labels: &mut LabelPairs<'_>) {
        let kind = self.kind.filter(|kind| *kind != MetricKind::Unknown);
        let known = [("__type__", kind.map_or("", MetricKind::name)), ("__unit__", &self.unit)];
        for (name, value) in known {
            if !value.is_empty() {
                labels.retain(|(other, _)| other != name);
                labels.push((Cow::Borrowed(name), Cow::Owned(value.to_owned())));
            }
        }
    }
}

/// A bound as OpenMetrics writes it, whatever form it came in; a text that is no number stays.
pub(super) fn normal_bound(text: Cow<'_, str>) -> Cow<'_, str> {
    let Some(value) = super::number::parse_float(text.as_bytes()) else { return text };
    let mut normal = String::new();
    write_openmetrics_float(value, &mut normal);
    if normal == *text { text } else { Cow::Owned(normal) }
}

/// Bytes as text, or an error made by `error`.
pub(super) fn text(bytes: &[u8], error: impl FnOnce(&str) -> ParseError) -> Result<&str> {
    std::str::from_utf8(bytes)
        .map_err(|_| error(&format!("{:?} is not UTF-8", String::from_utf8_lossy(bytes))))
}
