//! Samples to an exposition, for federation: Prometheus text, OpenMetrics text or protobuf, as the
//! client asks.
//!
//! A series is written as it is stored. So that nothing is claimed that is not known, samples that
//! are numbers are untyped unless the caller says otherwise, and the parts of a classic histogram
//! stay series of their own.

mod accept;
mod protobuf;
mod text;

use watchkeep_model::NativeHistogram;
use watchkeep_model::metrics::MetricKind;

use super::content_type::Format;
use super::escape::EscapingScheme;

pub use accept::negotiate_accept;

/// The format of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseFormat {
    /// Which format.
    pub format: Format,
    /// Its version where it is OpenMetrics: whether 1.0.0 (and not 0.0.1).
    pub openmetrics_1_0: bool,
    /// How names are escaped.
    pub escaping: EscapingScheme,
}

impl ResponseFormat {
    /// The `Content-Type`.
    pub fn content_type(&self) -> String {
        let base = match (self.format, self.openmetrics_1_0) {
            (Format::Text, _) => "text/plain; version=0.0.4; charset=utf-8",
            (Format::OpenMetrics, true) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
            (Format::OpenMetrics, false) => {
                "application/openmetrics-text; version=0.0.1; charset=utf-8"
            }
            (Format::Protobuf, _) => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                 encoding=delimited"
            }
        };
        format!("{base}; escaping={}", self.escaping.name())
    }
}

/// What is said about a metric family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FamilyMetadata<'a> {
    /// The type; only counters and gauges are written as what they are.
    pub kind: Option<MetricKind>,
    /// The description; empty for none.
    pub help: &'a str,
    /// The unit; empty for none.
    pub unit: &'a str,
}

/// A sample to write.
#[derive(Debug, Clone, Copy)]
pub struct WrittenSample<'a> {
    /// The metric's name. Samples of one name come one after another.
    pub name: &'a str,
    /// The other labels. An empty value is written: it keeps the reader from setting the label.
    pub labels: &'a [(&'a str, &'a str)],
    /// When, milliseconds since the epoch.
    pub time_ms: Option<i64>,
    /// The value.
    pub value: WrittenValue<'a>,
    /// What is known of its family; of the samples of one name the first counts.
    pub metadata: FamilyMetadata<'a>,
}

/// The value of a sample to write.
#[derive(Debug, Clone, Copy)]
pub enum WrittenValue<'a> {
    /// A number. A stale marker has no form in an exposition: leave it out.
    Float(f64),
    /// A native histogram. One with custom buckets is written as a classic one; one with
    /// exponential buckets only protobuf can carry, in the text formats it is left out.
    Histogram(&'a NativeHistogram),
}

/// Writes an exposition piece by piece.
#[derive(Debug)]
pub struct ExpositionWriter {
    encoder: Encoder,
    escaping: EscapingScheme,
    family: Option<OpenFamily>,
}

#[derive(Debug)]
enum Encoder {
    Text(text::TextEncoder),
    Protobuf(protobuf::ProtobufEncoder),
}

/// The family that is being written.
#[derive(Debug, PartialEq, Eq)]
struct OpenFamily {
    name: String,
    kind: FamilyKind,
}

/// The type that a family is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FamilyKind {
    Counter,
    Gauge,
    Untyped,
    Histogram,
    GaugeHistogram,
}

impl ExpositionWriter {
    /// A writer at the start of an answer.
    pub fn new(format: &ResponseFormat) -> Self {
        let encoder = match format.format {
            Format::Text => Encoder::Text(text::TextEncoder::new(false)),
            Format::OpenMetrics => Encoder::Text(text::TextEncoder::new(true)),
            Format::Protobuf => Encoder::Protobuf(protobuf::ProtobufEncoder::default()),
        };
        Self { encoder, escaping: format.escaping, family: None }
    }

    /// Adds a sample; says whether the format can carry it.
    pub fn push(&mut self, sample: &WrittenSample<'_>) -> bool {
        if let (WrittenValue::Histogram(histogram), Encoder::Text(_)) =
            (sample.value, &self.encoder)
            && !histogram.uses_custom_buckets()
        {
            return false;
        }
        let family = OpenFamily {
            name: self.escaping.escape(sample.name).into_owned(),
            kind: family_kind(sample),
        };
        if self.family.as_ref() != Some(&family) {
            match &mut self.encoder {
                Encoder::Text(text) => text.begin(&family, &sample.metadata),
                Encoder::Protobuf(protobuf) => protobuf.begin(&family, &sample.metadata),
            }
            self.family = Some(family);
        }
        let Some(family) = &self.family else { return false };
        let labels: Vec<_> = sample
            .labels
            .iter()
            .map(|(name, value)| (self.escaping.escape(name), *value))
            .collect();
        match &mut self.encoder {
            Encoder::Text(text) => text.sample(family, &labels, sample),
            Encoder::Protobuf(protobuf) => protobuf.sample(family, &labels, sample),
        }
        true
    }

    /// Takes what is complete, to send it before the rest is written.
    pub fn take(&mut self) -> Vec<u8> {
        match &mut self.encoder {
            Encoder::Text(text) => text.take(),
            Encoder::Protobuf(protobuf) => protobuf.take(),
        }
    }

    /// Ends the exposition and returns what has not been taken.
    pub fn finish(self) -> Vec<u8> {
        match self.encoder {
            Encoder::Text(text) => text.finish(),
            Encoder::Protobuf(protobuf) => protobuf.finish(),
        }
    }
}

fn family_kind(sample: &WrittenSample<'_>) -> FamilyKind {
    match sample.value {
        WrittenValue::Histogram(histogram) => {
            if histogram.reset_hint == watchkeep_model::histogram::ResetHint::Gauge {
                FamilyKind::GaugeHistogram
            } else {
                FamilyKind::Histogram
            }
        }
        WrittenValue::Float(_) => match sample.metadata.kind {
            Some(MetricKind::Counter) => FamilyKind::Counter,
            Some(MetricKind::Gauge) => FamilyKind::Gauge,
            _ => FamilyKind::Untyped,
        },
    }
}

/// Bounds and cumulative counts of custom buckets, without the infinite one.
fn classic_buckets(histogram: &NativeHistogram) -> Vec<(f64, f64)> {
    let mut counts = histogram.positive().peekable();
    let mut cumulative = 0.0;
    let bounds = histogram.custom_values.iter().enumerate();
    bounds
        .map(|(at, bound)| {
            while let Some((_, count)) = counts.next_if(|(index, _)| *index <= at as i64) {
                cumulative += count;
            }
            (*bound, cumulative)
        })
        .collect()
}
