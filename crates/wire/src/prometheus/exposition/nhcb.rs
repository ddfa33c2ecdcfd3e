//! Classic histograms of the text formats to native ones with custom buckets: the series of one
//! histogram come line by line and are gathered until the next line belongs to another.

use std::borrow::Cow;

use watchkeep_model::histogram::ClassicHistogram;
use watchkeep_model::labels::METRIC_NAME;
use watchkeep_model::metrics::MetricKind;
use watchkeep_model::{Labels, NativeHistogram};

use super::cursor::Result;
use super::entry::{Entry, Exemplar, LabelPairs, Sample, SampleValue, Series};
use super::number::parse_float;
use super::parser::{Source, Step, is_sound};
use super::text_series::TextSeries;

/// The series of a converted histogram.
#[derive(Debug, Default)]
pub(super) struct NhcbSeries {
    key: Vec<u8>,
    labels: Vec<(String, String)>,
    exemplars: Vec<Exemplar<'static>>,
}

impl NhcbSeries {
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(super) fn labels(&self) -> LabelPairs<'_> {
        let pairs = self.labels.iter();
        pairs.map(|(name, value)| (Cow::from(name), Cow::from(value))).collect()
    }

    pub(super) fn has_exemplars(&self) -> bool {
        !self.exemplars.is_empty()
    }

    pub(super) fn exemplars(&self) -> Vec<Exemplar<'_>> {
        self.exemplars.clone()
    }
}

/// Gathers classic series. Series are taken for parts of a histogram only below a `TYPE` line that
/// says so, as Prometheus does.
#[derive(Debug)]
pub(super) struct Converter {
    keep_classic: bool,
    /// Name and labels of the histogram that is being gathered, without bound.
    identity: Option<Vec<u8>>,
    gathered: ClassicHistogram,
    series: NhcbSeries,
    time_ms: Option<i64>,
    start_ms: i64,
    /// The last histogram that was whole.
    whole: Option<NativeHistogram>,
}

/// What a classic series says about its histogram.
#[derive(Debug, Clone, Copy)]
enum Part {
    Bucket(f64),
    Sum,
    Count,
}

impl Converter {
    pub(super) fn new(keep_classic: bool) -> Self {
        Self {
            keep_classic,
            identity: None,
            gathered: ClassicHistogram::default(),
            series: NhcbSeries::default(),
            time_ms: None,
            start_ms: 0,
            whole: None,
        }
    }

    /// Whether a histogram ends before the statement that the source stands at (`None` for the
    /// end) and could be converted.
    pub(super) fn ends_before(&mut self, source: &Source<'_>, step: Option<Step>) -> bool {
        let Some(identity) = &self.identity else { return false };
        if step == Some(Step::Sample)
            && let Some((series, kind, family)) = text_series(source)
            && kind == Some(MetricKind::Histogram)
            && identity_of(series, base(series.name).1, family) == *identity
        {
            return false;
        }
        self.identity = None;
        let converted = self.gathered.convert();
        self.gathered.clear();
        self.whole = converted.ok().filter(is_sound);
        self.whole.is_some()
    }

    /// Gathers the sample that the source stands at; whether the reader is not to see it.
    pub(super) fn takes(&mut self, source: &Source<'_>, step: Step) -> Result<bool> {
        let (Step::Sample, Some((series, Some(MetricKind::Histogram), family))) =
            (step, text_series(source))
        else {
            return Ok(false);
        };
        let (part, name) = base(series.name);
        if name != family.as_bytes() {
            return Ok(false);
        }
        let part = match part {
            None => return Ok(false),
            Some("_sum") => Part::Sum,
            Some("_count") => Part::Count,
            Some(_) => {
                let bound = series.pairs.iter().find(|(label, _)| *label == b"le");
                let bound = bound.and_then(|(_, bound)| parse_float(bound));
                match bound.filter(|bound| !bound.is_nan()) {
                    Some(bound) => Part::Bucket(bound),
                    None => return Ok(false),
                }
            }
        };
        let Entry::Sample(sample) = source.entry(step) else { return Ok(false) };
        if self.identity.is_none() {
            self.begin(&sample, series, family)?;
        }
        self.gather(&sample, part)?;
        Ok(!self.keep_classic)
    }

    fn begin(&mut self, sample: &Sample<'_>, series: &TextSeries<'_>, family: &str) -> Result<()> {
        self.identity = Some(identity_of(series, family.as_bytes(), family));
        self.start_ms = sample.start_ms;
        self.series = NhcbSeries::default();
        self.series.labels = sample
            .labels()?
            .into_iter()
            .filter(|(label, _)| label != "le")
            .map(|(label, value)| match &*label {
                METRIC_NAME => (METRIC_NAME.to_owned(), family.to_owned()),
                _ => (label.into_owned(), value.into_owned()),
            })
            .collect();
        // No key of a text begins with this byte.
        self.series.key.push(0xff);
        let mut labels = self.series.labels.clone();
        Labels::write_canonical(&mut labels, &mut self.series.key);
        Ok(())
    }

    fn gather(&mut self, sample: &Sample<'_>, part: Part) -> Result<()> {
        let SampleValue::Float(value) = sample.value else { return Ok(()) };
        self.time_ms = sample.time_ms;
        self.series.exemplars.extend(sample.exemplars()?.into_iter().map(owned));
        // What contradicts itself is found again by the conversion.
        let _remembered = match part {
            Part::Bucket(bound) => self.gathered.set_bucket(bound, value),
            Part::Sum => self.gathered.set_sum(value),
            Part::Count => self.gathered.set_count(value),
        };
        Ok(())
    }

    /// The last histogram that was whole, as a sample.
    pub(super) fn converted(&self) -> Option<Entry<'_>> {
        let histogram = self.whole.as_ref()?;
        Some(Entry::Sample(Sample {
            time_ms: self.time_ms,
            start_ms: self.start_ms,
            value: SampleValue::Histogram(histogram),
            series: Series::Nhcb(&self.series),
        }))
    }
}

/// The series that a source of text stands at, and what is known of its family.
fn text_series<'s, 'a>(
    source: &'s Source<'a>,
) -> Option<(&'s TextSeries<'a>, Option<MetricKind>, &'s str)> {
    let (series, family) = match source {
        Source::Text(parser) => (parser.series(), parser.family()),
        Source::OpenMetrics(parser) => (parser.series(), parser.family()),
        Source::Protobuf(_) => return None,
    };
    Some((series, family.kind, &family.name))
}

/// The suffix that makes a series part of a histogram, and the histogram's name.
fn base(name: &[u8]) -> (Option<&'static str>, &[u8]) {
    for suffix in ["_bucket", "_sum", "_count"] {
        if let Some(base) = name.strip_suffix(suffix.as_bytes()) {
            return (Some(suffix), base);
        }
    }
    (None, name)
}

/// Name and sorted labels without bound, as they stand in the text.
fn identity_of(series: &TextSeries<'_>, name: &[u8], family: &str) -> Vec<u8> {
    let mut pairs: Vec<_> = series.pairs.iter().filter(|(label, _)| *label != b"le").collect();
    pairs.sort_unstable();
    let mut out = Vec::with_capacity(series.key.len());
    let texts = pairs.iter().flat_map(|(label, value)| [*label, *value]);
    for text in [name, family.as_bytes()].into_iter().chain(texts) {
        out.extend_from_slice(&text.len().to_le_bytes());
        out.extend_from_slice(text);
    }
    out
}

fn owned(exemplar: Exemplar<'_>) -> Exemplar<'static> {
    let labels = exemplar.labels.into_iter();
    Exemplar {
        labels: labels
            .map(|(name, value)| (Cow::Owned(name.into_owned()), Cow::Owned(value.into_owned())))
            .collect(),
        value: exemplar.value,
        time_ms: exemplar.time_ms,
    }
}
