//! Remote write, versions 1 and 2: requests to columns, and back for whoever sends.
//!
//! Labels are taken in any order and written in canonical form; the series of a request are not
//! made distinct, so that several rows may name one series. A series, sample, histogram or
//! exemplar that can not be kept is left out alone and counted, what is beside it is kept.
//! Specifications: "Prometheus Remote-Write 1.0" and "2.0".

mod encode;
mod v1;
mod v2;

use std::borrow::Cow;

use watchkeep_model::column::Table;
use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::metrics::MetricKind;
use watchkeep_model::{Error, ErrorKind, MetricColumns, Result};

use super::histogram::HistogramMessage;
use super::labels::LabelList;
use crate::compression::DECOMPRESSED_BYTES_MAX_KEY;
use crate::decoded::{Decoded, Rejections, Warnings};
use crate::protobuf::{Malformed, Reader};

pub use encode::{encode_v1, encode_v2};
pub use v1::decode as decode_v1;
pub use v2::decode as decode_v2;

/// Most bytes of a request before snappy, as in Prometheus; a larger one is refused.
pub const BODY_BYTES_MAX: usize = 32 << 20;

/// Names and values of an exemplar's labels together have at most so many characters
/// (OpenMetrics 1.0, "Exemplars"); an exemplar with more is dropped and counted, as in Prometheus.
const EXEMPLAR_CHARS_MAX: usize = 128;

/// The message that a request holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `prometheus.WriteRequest`.
    V1,
    /// `io.prometheus.write.v2.Request`.
    V2,
}

impl Version {
    const MEDIA_TYPE: &'static str = "application/x-protobuf";

    /// Reads the `Content-Type` of a request: none, and none that names a message, means version
    /// 1. Anything that is not a message of remote write is [`ErrorKind::Unsupported`].
    pub fn from_content_type(content_type: Option<&str>) -> Result<Self> {
        let text = content_type.unwrap_or_default().trim();
        let mut parts = text.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        if !media_type.is_empty() && !media_type.eq_ignore_ascii_case(Self::MEDIA_TYPE) {
            return Err(unsupported("a content type of", text, Self::MEDIA_TYPE));
        }
        for part in parts {
            let Some((key, value)) = part.split_once('=') else { continue };
            if key.trim().eq_ignore_ascii_case("proto") {
                return match value.trim().trim_matches('"') {
                    "prometheus.WriteRequest" => Ok(Self::V1),
                    "io.prometheus.write.v2.Request" => Ok(Self::V2),
                    other => Err(unsupported(
                        "a message",
                        other,
                        "prometheus.WriteRequest, io.prometheus.write.v2.Request",
                    )),
                };
            }
        }
        Ok(Self::V1)
    }

    /// The `Content-Type` of requests of this version.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::V1 => "application/x-protobuf",
            Self::V2 => "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        }
    }

    /// Decodes a request that is no longer compressed.
    pub fn decode(self, body: &[u8], limits: &DecodeLimits) -> Result<Decoded<MetricColumns>> {
        match self {
            Self::V1 => decode_v1(body, limits),
            Self::V2 => decode_v2(body, limits),
        }
    }
}

fn unsupported(what: &str, got: &str, accepted: &str) -> Error {
    let shown: String = got.chars().take(64).collect();
    Error::new(
        ErrorKind::Unsupported,
        format!("{what} {shown:?} is not supported; accepted: {accepted}"),
    )
}

/// How much of a request was kept, for the `X-Prometheus-Remote-Write-…-Written` headers, which
/// only answers to version 2 have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Plain samples.
    pub samples: usize,
    /// Native histograms.
    pub histograms: usize,
    /// Exemplars.
    pub exemplars: usize,
}

impl Written {
    /// What a decoded request holds; whoever keeps less of it takes that off.
    pub fn of(columns: &MetricColumns) -> Self {
        Self {
            samples: columns.floats.len(),
            histograms: columns.histograms.len(),
            exemplars: columns.exemplars.len(),
        }
    }

    /// Names and values of the headers.
    pub fn headers(self) -> [(&'static str, usize); 3] {
        [
            ("x-prometheus-remote-write-samples-written", self.samples),
            ("x-prometheus-remote-write-histograms-written", self.histograms),
            ("x-prometheus-remote-write-exemplars-written", self.exemplars),
        ]
    }
}

/// Why a whole request is refused.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Malformed(Malformed),
    ColumnsTooLarge,
    TooManySymbols,
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl Fault {
    fn into_error(self) -> Error {
        let too_large = |message: String| {
            Error::new(ErrorKind::TooLarge { key: DECOMPRESSED_BYTES_MAX_KEY }, message)
        };
        match self {
            Self::Malformed(malformed) => {
                Error::invalid(format!("malformed remote write request: {malformed}"))
            }
            Self::ColumnsTooLarge => {
                too_large("the remote write request grows beyond bounds when decoded".to_owned())
            }
            Self::TooManySymbols => too_large(format!(
                "a remote write request holds at most {} symbols",
                v2::SYMBOLS_MAX
            )),
        }
    }
}

fn check_body(body: &[u8]) -> Result<()> {
    if body.len() <= BODY_BYTES_MAX {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::TooLarge { key: DECOMPRESSED_BYTES_MAX_KEY },
        format!("a remote write request holds at most {BODY_BYTES_MAX} bytes"),
    ))
}

/// What both versions fill.
#[derive(Debug)]
struct Builder<'a> {
    limits: &'a DecodeLimits,
    columns: MetricColumns,
    warnings: Warnings,
    rejections: Rejections,
    labels: LabelList<'a>,
    exemplar_labels: LabelList<'a>,
    histogram: HistogramMessage,
}

/// Rows of the tables when a series began.
#[derive(Debug, Clone, Copy)]
struct Marks {
    series: usize,
    floats: usize,
    histograms: usize,
    exemplars: usize,
    /// Histograms rejected so far.
    rejected: u64,
}

impl<'a> Builder<'a> {
    fn new(limits: &'a DecodeLimits) -> Self {
        Self {
            limits,
            columns: MetricColumns::default(),
            warnings: Warnings::default(),
            rejections: Rejections::default(),
            labels: LabelList::new(limits.labels_per_series_max),
            exemplar_labels: LabelList::new(EXEMPLAR_CHARS_MAX),
            histogram: HistogramMessage::default(),
        }
    }

    /// Makes room for series of one sample each, whose labels take so many bytes together.
    fn reserve(&mut self, series: usize, labels_bytes: usize) {
        self.columns.series.labels.reserve(series, labels_bytes);
        self.columns.series.delta.reserve(series);
        let floats = &mut self.columns.floats;
        floats.series.reserve(series);
        floats.time_ms.reserve(series);
        floats.start_ms.reserve(series);
        floats.value.reserve(series);
    }

    fn finish(self, outcome: Result<(), Fault>) -> Result<Decoded<MetricColumns>> {
        outcome.map_err(Fault::into_error)?;
        Ok(Decoded {
            rejected: self.rejections.total,
            message: self.rejections.message("samples"),
            columns: self.columns,
            warnings: self.warnings,
        })
    }

    /// Begins a series, whose row will be [`Marks::series`].
    #[inline]
    fn begin_series(&mut self) -> Marks {
        self.labels.clear();
        Marks {
            series: self.columns.series.delta.len(),
            floats: self.columns.floats.value.len(),
            histograms: self.columns.histograms.time_ms.len(),
            exemplars: self.columns.exemplars.value.len(),
            rejected: self.rejections.total,
        }
    }

    #[inline]
    fn push_float(&mut self, row: usize, (time_ms, start_ms, value): (i64, i64, f64)) {
        let floats = &mut self.columns.floats;
        floats.series.push(row as u32);
        floats.time_ms.push(time_ms);
        floats.start_ms.push(start_ms);
        floats.value.push(value);
    }

    fn push_histogram(&mut self, row: usize, reader: Reader<'_>) -> Result<(), Malformed> {
        self.histogram.read(reader)?;
        match self.histogram.take_native() {
            Ok(native) => {
                let histograms = &mut self.columns.histograms;
                histograms.series.push(row as u32);
                histograms.time_ms.push(self.histogram.time_ms);
                histograms.start_ms.push(self.histogram.start_ms);
                histograms.histogram.push_with(|out| native.encode(out));
            }
            Err(reason) => self.reject(reason, 1),
        }
        Ok(())
    }

    /// Adds an exemplar whose labels are in `exemplar_labels`.
    fn push_exemplar(&mut self, row: usize, time_ms: i64, value: f64) {
        let exemplars = &mut self.columns.exemplars;
        let labels = &mut self.exemplar_labels;
        let mut outcome = Ok(());
        exemplars.labels.push_with(|out| outcome = labels.write_exemplar(EXEMPLAR_CHARS_MAX, out));
        if outcome.is_err() {
            exemplars.labels.truncate(exemplars.value.len());
            self.warnings.dropped_exemplars += 1;
            return;
        }
        exemplars.series.push(row as u32);
        exemplars.time_ms.push(time_ms);
        exemplars.value.push(value);
    }

    fn reject(&mut self, reason: impl Into<Cow<'static, str>>, count: u64) {
        let labels = &self.labels;
        self.rejections.add_with(reason, count, || labels.shown());
    }

    /// Ends a series: its labels are checked and written, or all that it brought is taken back.
    /// Tells whether it was kept.
    #[inline]
    fn end_series(&mut self, marks: Marks) -> bool {
        let (labels, limits) = (&mut self.labels, self.limits);
        let mut outcome = Ok(());
        self.columns.series.labels.push_with(|out| outcome = labels.write_series(limits, out));
        if let Err(reason) = outcome {
            self.reject_series(marks, reason);
            return false;
        }
        self.columns.series.delta.push(0);
        true
    }

    /// Takes back what a series brought, and its row if it has one; counts its samples.
    #[cold]
    fn reject_series(&mut self, marks: Marks, reason: &'static str) {
        let already = self.rejections.total - marks.rejected;
        let samples = self.columns.samples() - marks.floats - marks.histograms;
        self.take_back(marks);
        // One that has no samples left counts too: its client should hear of it.
        self.reject(reason, (samples as u64).max(u64::from(already == 0)));
    }

    fn take_back(&mut self, marks: Marks) {
        let columns = &mut self.columns;
        columns.series.labels.truncate(marks.series);
        columns.series.delta.truncate(marks.series);
        columns.floats.series.truncate(marks.floats);
        columns.floats.time_ms.truncate(marks.floats);
        columns.floats.start_ms.truncate(marks.floats);
        columns.floats.value.truncate(marks.floats);
        columns.histograms.series.truncate(marks.histograms);
        columns.histograms.time_ms.truncate(marks.histograms);
        columns.histograms.start_ms.truncate(marks.histograms);
        columns.histograms.histogram.truncate(marks.histograms);
        columns.exemplars.series.truncate(marks.exemplars);
        columns.exemplars.time_ms.truncate(marks.exemplars);
        columns.exemplars.value.truncate(marks.exemplars);
        columns.exemplars.labels.truncate(marks.exemplars);
    }

    /// Whether a series brought neither sample nor exemplar.
    fn brought_nothing(&self, marks: Marks) -> bool {
        self.columns.samples() == marks.floats + marks.histograms
            && self.columns.exemplars.value.len() == marks.exemplars
    }

    /// Adds what is known about a family; text that is not UTF-8 is left out and counted.
    fn push_metadata(&mut self, kind: MetricKind, family: &[u8], unit: &[u8], help: &[u8]) {
        let texts = [family, unit, help].map(std::str::from_utf8);
        let [Ok(family), Ok(unit), Ok(help)] = texts else {
            self.warnings.invalid_utf8 += 1;
            return;
        };
        if family.is_empty() {
            return;
        }
        let metadata = &mut self.columns.metadata;
        metadata.family.push(family);
        metadata.kind.push(kind as u8);
        metadata.unit.push(unit);
        metadata.help.push(help);
    }
}

/// The types of families as both versions number them.
const KINDS: [MetricKind; 8] = [
    MetricKind::Unknown,
    MetricKind::Counter,
    MetricKind::Gauge,
    MetricKind::Histogram,
    MetricKind::GaugeHistogram,
    MetricKind::Summary,
    MetricKind::Info,
    MetricKind::StateSet,
];

/// Endings of the series that a family of a kind has beside, or in place of, its own name.
fn suffixes_of(kind: MetricKind) -> &'static [&'static str] {
    match kind {
        MetricKind::Histogram => &["_bucket", "_sum", "_count"],
        MetricKind::GaugeHistogram => &["_bucket", "_gsum", "_gcount", "_sum", "_count"],
        MetricKind::Summary => &["_sum", "_count"],
        _ => &[],
    }
}

fn kind_of(number: i32) -> MetricKind {
    let known = usize::try_from(number).ok().and_then(|number| KINDS.get(number));
    known.copied().unwrap_or(MetricKind::Unknown)
}
