//! The protobuf format: messages `io.prometheus.client.MetricFamily`, each after its length. It is
//! the one format that carries native histograms.

use std::borrow::Cow;

use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::ClassicHistogram;
use watchkeep_model::histogram::ResetHint;
use watchkeep_model::labels::{METRIC_NAME, read_varint};
use watchkeep_model::metrics::MetricKind;

use super::cursor::{ParseError, Result};
use super::entry::{Entry, Exemplar, Family, LabelPairs, Sample, SampleValue, Series};
use super::number::write_openmetrics_float;
use super::parser::{Options, Step, is_sound};
use super::protobuf_message::{Metric, timestamp_ms};
use crate::protobuf::{Malformed, Reader};

/// Reads a body message by message.
#[derive(Debug)]
pub(super) struct ProtobufParser<'a> {
    options: Options,
    rest: &'a [u8],
    /// The metrics of the family that are still to be read.
    metrics: Reader<'a>,
    help: &'a str,
    /// What comes next.
    next: Next,
    metric: Metric<'a>,
    value: f64,
    native: Option<NativeHistogram>,
    series: ProtobufSeries<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Family,
    Unit,
    Type,
    Metric,
    Part(Part),
}

/// One sample of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Number,
    Count,
    Sum,
    Quantile(usize),
    Bucket(usize),
    Native,
    Converted,
}

/// The series of a sample.
#[derive(Debug)]
pub(super) struct ProtobufSeries<'a> {
    family: Family,
    suffix: &'static str,
    /// Name and value of the label that the message implies.
    bound: Option<(&'static str, f64)>,
    labels: Vec<Reader<'a>>,
    key: Vec<u8>,
    exemplars: Vec<Reader<'a>>,
    /// Whether exemplars without a time are left out.
    exemplars_timed: bool,
    type_and_unit_labels: bool,
}

impl<'a> ProtobufParser<'a> {
    pub(super) fn new(body: &'a [u8], options: Options) -> Self {
        Self {
            options,
            rest: body,
            metrics: Reader::new(&[]),
            help: "",
            next: Next::Family,
            metric: Metric::default(),
            value: 0.0,
            native: None,
            series: ProtobufSeries {
                family: Family::default(),
                suffix: "",
                bound: None,
                labels: Vec::new(),
                key: Vec::new(),
                exemplars: Vec::new(),
                exemplars_timed: false,
                type_and_unit_labels: options.type_and_unit_labels,
            },
        }
    }

    /// Moves to the next statement.
    pub(super) fn advance(&mut self) -> Result<Option<Step>> {
        loop {
            match self.next {
                Next::Family => match self.next_family()? {
                    None => return Ok(None),
                    Some(false) => {}
                    Some(true) => {
                        let has_unit = !self.series.family.unit.is_empty();
                        self.next = if has_unit { Next::Unit } else { Next::Type };
                        return Ok(Some(Step::Help));
                    }
                },
                Next::Unit => {
                    self.next = Next::Type;
                    return Ok(Some(Step::Unit));
                }
                Next::Type => {
                    self.next = Next::Metric;
                    return Ok(Some(Step::Type));
                }
                Next::Metric => self.next_metric()?,
                Next::Part(part) => {
                    self.take(part)?;
                    self.next = self.after(part).map_or(Next::Metric, Next::Part);
                    return Ok(Some(Step::Sample));
                }
            }
        }
    }

    /// What [`ProtobufParser::advance`] stopped at.
    pub(super) fn entry(&self, step: Step) -> Entry<'_> {
        let family = Cow::from(&self.series.family.name);
        match step {
            Step::Help => Entry::Help { family, help: self.help.into() },
            Step::Unit => Entry::Unit { family, unit: (&self.series.family.unit).into() },
            Step::Type => {
                let kind = self.series.family.kind.unwrap_or(MetricKind::Unknown);
                Entry::Type { family, kind }
            }
            Step::Sample => Entry::Sample(Sample {
                // Without a time and at the epoch are the same.
                time_ms: Some(self.metric.time_ms).filter(|time| *time != 0),
                start_ms: self.metric.start_ms,
                value: self
                    .native
                    .as_ref()
                    .map_or(SampleValue::Float(self.value), SampleValue::Histogram),
                series: Series::Protobuf(&self.series),
            }),
        }
    }

    /// Reads the head of the next family; `Some(false)` for one without metrics.
    fn next_family(&mut self) -> Result<Option<bool>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let message = read_varint(&mut self.rest)
            .and_then(|len| usize::try_from(len).ok())
            .and_then(|len| self.rest.split_at_checked(len))
            .ok_or_else(|| {
                let left = self.rest.len();
                error(format!("a metric family is longer than the {left} bytes that are left"))
            })?;
        self.rest = message.1;
        self.metrics = Reader::new(message.0);
        let mut reader = self.metrics;
        let (mut name, mut help, mut unit): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
        let (mut kind, mut has_metrics) = (0, false);
        while let Some(field) = reader.field().map_err(malformed)? {
            match field.number {
                1 => name = field.bytes().map_err(malformed)?,
                2 => help = field.bytes().map_err(malformed)?,
                3 => kind = field.int32().map_err(malformed)?,
                4 => has_metrics = true,
                5 => unit = field.bytes().map_err(malformed)?,
                _ => {}
            }
        }
        if !has_metrics {
            return Ok(Some(false));
        }
        let name = text(name, "metric name")?;
        if name.is_empty() {
            return Err(error("a metric family has no name"));
        }
        self.help = text(help, "help text")?;
        let family = &mut self.series.family;
        family.turn_to(name);
        text(unit, "unit")?.clone_into(&mut family.unit);
        family.kind = Some(match kind {
            0 => MetricKind::Counter,
            1 => MetricKind::Gauge,
            2 => MetricKind::Summary,
            3 => MetricKind::Unknown,
            4 => MetricKind::Histogram,
            5 => MetricKind::GaugeHistogram,
            other => return Err(error(format!("metric {name:?} has the unknown type {other}"))),
        });
        Ok(Some(true))
    }

    /// Reads the next metric of the family and decides on its first sample.
    fn next_metric(&mut self) -> Result<()> {
        let message = loop {
            match self.metrics.field().map_err(malformed)? {
                None => {
                    self.next = Next::Family;
                    return Ok(());
                }
                Some(field) if field.number == 4 => break field.message().map_err(malformed)?,
                Some(_) => {}
            }
        };
        self.metric.read(message).map_err(malformed)?;
        self.next = Next::Part(match self.series.family.kind {
            Some(MetricKind::Summary) => Part::Count,
            Some(MetricKind::Histogram | MetricKind::GaugeHistogram) => {
                let convert = self.options.convert_classic_histograms;
                if self.is_native() {
                    Part::Native
                } else if convert && !self.options.keep_classic_histograms {
                    Part::Converted
                } else {
                    Part::Count
                }
            }
            _ => Part::Number,
        });
        Ok(())
    }

    fn is_native(&self) -> bool {
        !self.options.ignore_native_histograms && self.metric.histogram.is_native()
    }

    /// The sample after one of the same metric.
    fn after(&self, part: Part) -> Option<Part> {
        let buckets = &self.metric.histogram.buckets;
        let is_summary = self.series.family.kind == Some(MetricKind::Summary);
        let quantile = |at| (at < self.metric.quantiles.len()).then_some(Part::Quantile(at));
        match part {
            Part::Number | Part::Converted => None,
            Part::Count => Some(Part::Sum),
            Part::Sum if is_summary => quantile(0),
            Part::Sum => Some(Part::Bucket(0)),
            Part::Quantile(at) => quantile(at + 1),
            Part::Bucket(at) => {
                let infinite =
                    buckets.get(at).is_none_or(|bucket| bucket.upper_bound == f64::INFINITY);
                if !infinite {
                    return Some(Part::Bucket(at + 1));
                }
                let convert = self.options.convert_classic_histograms && !self.is_native();
                convert.then_some(Part::Converted)
            }
            Part::Native => {
                let again = self.options.keep_classic_histograms && !buckets.is_empty();
                again.then_some(Part::Count)
            }
        }
    }

    /// Makes a sample the current one.
    fn take(&mut self, part: Part) -> Result<()> {
        let metric = &self.metric;
        let buckets = &metric.histogram.buckets;
        let series = &mut self.series;
        self.native = None;
        series.exemplars.clear();
        series.exemplars_timed = false;
        (series.suffix, series.bound) = ("", None);
        match part {
            Part::Number => {
                self.value = metric.value;
                if series.family.kind == Some(MetricKind::Counter) {
                    series.exemplars.extend(metric.exemplar);
                }
            }
            Part::Count => (series.suffix, self.value) = ("_count", metric.count),
            Part::Sum => (series.suffix, self.value) = ("_sum", metric.sum),
            Part::Quantile(at) => {
                if let Some((quantile, value)) = metric.quantiles.get(at) {
                    series.bound = Some(("quantile", *quantile));
                    self.value = *value;
                }
            }
            Part::Bucket(at) => {
                let bucket = buckets.get(at);
                series.suffix = "_bucket";
                series.bound = Some(("le", bucket.map_or(f64::INFINITY, |b| b.upper_bound)));
                self.value = bucket.map_or(metric.count, |b| b.cumulative_count);
                series.exemplars.extend(bucket.and_then(|b| b.exemplar));
            }
            Part::Native | Part::Converted => {
                series.exemplars_timed = true;
                series.exemplars.extend(&metric.histogram.exemplars);
                if series.exemplars.is_empty() {
                    series.exemplars.extend(buckets.iter().filter_map(|b| b.exemplar));
                }
                self.native = Some(self.native(part)?);
            }
        }
        self.series.identify(&self.metric.labels);
        Ok(())
    }

    fn native(&self, part: Part) -> Result<NativeHistogram> {
        let named = |what| error(format!("histogram {:?}: {what}", self.series.family.name));
        let is_gauge = self.series.family.kind == Some(MetricKind::GaugeHistogram);
        let metric = &self.metric;
        if part == Part::Native {
            return metric.histogram.native(metric.sum, is_gauge).map_err(named);
        }
        let mut classic = ClassicHistogram::default();
        classic.set_count(metric.count).map_err(named)?;
        classic.set_sum(metric.sum).map_err(named)?;
        for bucket in &metric.histogram.buckets {
            classic.set_bucket(bucket.upper_bound, bucket.cumulative_count).map_err(named)?;
        }
        let mut histogram = classic.convert().map_err(named)?;
        if is_gauge {
            histogram.reset_hint = ResetHint::Gauge;
        }
        if !is_sound(&histogram) {
            return Err(named("the classic buckets make no valid native histogram".into()));
        }
        Ok(histogram)
    }
}

impl<'a> ProtobufSeries<'a> {
    fn identify(&mut self, labels: &[Reader<'a>]) {
        self.labels.clear();
        self.labels.extend_from_slice(labels);
        self.key.clear();
        self.key.extend_from_slice(self.family.name.as_bytes());
        self.key.extend_from_slice(self.suffix.as_bytes());
        // No byte of UTF-8.
        self.key.push(0xff);
        if let Some((_, bound)) = self.bound {
            self.key.extend_from_slice(&bound.to_bits().to_le_bytes());
        }
        for label in labels {
            self.key.push(0xff);
            self.key.extend_from_slice(&(label.bytes().len() as u32).to_le_bytes());
            self.key.extend_from_slice(label.bytes());
        }
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(super) fn labels(&self) -> Result<LabelPairs<'_>> {
        let mut out = LabelPairs::with_capacity(self.labels.len() + 2);
        let name = &self.family.name;
        out.push((
            Cow::Borrowed(METRIC_NAME),
            if self.suffix.is_empty() {
                Cow::Borrowed(name)
            } else {
                Cow::Owned(format!("{name}{}", self.suffix))
            },
        ));
        for label in &self.labels {
            out.push(label_pair(*label)?);
        }
        if let Some((label, bound)) = self.bound {
            let mut text = String::new();
            write_openmetrics_float(bound, &mut text);
            out.push((Cow::Borrowed(label), Cow::Owned(text)));
        }
        if self.type_and_unit_labels {
            self.family.add_type_and_unit(&mut out);
        }
        Ok(out)
    }

    pub(super) fn has_exemplars(&self) -> bool {
        !self.exemplars.is_empty()
    }

    pub(super) fn exemplars(&self) -> Result<Vec<Exemplar<'a>>> {
        let mut out = Vec::with_capacity(self.exemplars.len());
        for reader in &self.exemplars {
            let exemplar = exemplar(*reader)?;
            if exemplar.time_ms.is_some() || !self.exemplars_timed {
                out.push(exemplar);
            }
        }
        Ok(out)
    }
}

fn exemplar(mut reader: Reader<'_>) -> Result<Exemplar<'_>> {
    let mut exemplar = Exemplar { labels: Vec::new(), value: 0.0, time_ms: None };
    while let Some(field) = reader.field().map_err(malformed)? {
        match field.number {
            1 => exemplar.labels.push(label_pair(field.message().map_err(malformed)?)?),
            2 => exemplar.value = field.double().map_err(malformed)?,
            3 => exemplar.time_ms = Some(timestamp_ms(&field).map_err(malformed)?),
            _ => {}
        }
    }
    Ok(exemplar)
}

fn label_pair(mut reader: Reader<'_>) -> Result<(Cow<'_, str>, Cow<'_, str>)> {
    let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
    while let Some(field) = reader.field().map_err(malformed)? {
        match field.number {
            1 => name = field.bytes().map_err(malformed)?,
            2 => value = field.bytes().map_err(malformed)?,
            _ => {}
        }
    }
    Ok((text(name, "label name")?.into(), text(value, "label value")?.into()))
}

fn text<'a>(bytes: &'a [u8], what: &str) -> Result<&'a str> {
    std::str::from_utf8(bytes)
        .map_err(|_| error(format!("{what} {:?} is not UTF-8", String::from_utf8_lossy(bytes))))
}

fn malformed(malformed: Malformed) -> ParseError {
    error(format!("malformed protobuf in a metric family: {malformed}"))
}

fn error(message: impl Into<String>) -> ParseError {
    ParseError { line: 0, message: message.into() }
}
