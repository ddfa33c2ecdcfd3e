//! Columns to requests of remote write, for whoever sends: tests, the demo, a forwarder. Bodies are
//! not compressed yet.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use watchkeep_model::metrics::MetricKind;
use watchkeep_model::{Labels, MetricColumns, NativeHistogram, Result};

use super::{KINDS, suffixes_of};
use crate::prometheus::histogram::write_histogram;
use crate::protobuf::Writer;

/// Rows of a table by the series that they belong to.
struct BySeries {
    rows: Vec<u32>,
    /// Where each series' rows begin, and after the last where they end.
    starts: Vec<usize>,
}

impl BySeries {
    fn new(series_of: &[u32], series: usize) -> Self {
        let mut starts = vec![0; series + 1];
        for row in series_of {
            if let Some(count) = starts.get_mut(*row as usize + 1) {
                *count += 1;
            }
        }
        let mut total = 0;
        for start in &mut starts {
            total += *start;
            *start = total;
        }
        let mut rows: Vec<u32> = (0..series_of.len() as u32).collect();
        rows.sort_by_key(|row| series_of.get(*row as usize));
        Self { rows, starts }
    }

    fn of(&self, series: usize) -> impl Iterator<Item = usize> {
        let range = self.starts.get(series).zip(self.starts.get(series + 1));
        let rows = range.and_then(|(start, end)| self.rows.get(*start..*end));
        rows.unwrap_or_default().iter().map(|row| *row as usize)
    }
}

/// The tables of a batch by series.
struct Grouped<'a> {
    columns: &'a MetricColumns,
    floats: BySeries,
    histograms: BySeries,
    exemplars: BySeries,
}

impl<'a> Grouped<'a> {
    fn new(columns: &'a MetricColumns) -> Self {
        let series = columns.series.labels.len();
        Self {
            columns,
            floats: BySeries::new(&columns.floats.series, series),
            histograms: BySeries::new(&columns.histograms.series, series),
            exemplars: BySeries::new(&columns.exemplars.series, series),
        }
    }

    fn write_samples(&self, writer: &mut Writer, series: usize, with_start: bool) {
        let floats = &self.columns.floats;
        for row in self.floats.of(series) {
            let (Some(value), Some(time_ms), Some(start_ms)) =
                (floats.value.get(row), floats.time_ms.get(row), floats.start_ms.get(row))
            else {
                continue;
            };
            let message = writer.begin_message(2);
            writer.fixed64(1, value.to_bits());
            writer.varint(2, *time_ms as u64);
            if with_start && *start_ms != 0 {
                writer.varint(3, *start_ms as u64);
            }
            writer.end_message(message);
        }
    }

    fn write_histograms(
        &self,
        writer: &mut Writer,
        number: u32,
        series: usize,
        with_start: bool,
    ) -> Result<()> {
        let histograms = &self.columns.histograms;
        for row in self.histograms.of(series) {
            let time_ms = histograms.time_ms.get(row).copied().unwrap_or_default();
            let start_ms = histograms.start_ms.get(row).filter(|_| with_start);
            let histogram = NativeHistogram::decode(histograms.histogram.get(row))?;
            let times = (time_ms, start_ms.copied().unwrap_or_default());
            write_histogram(writer, number, times, &histogram);
        }
        Ok(())
    }

    /// Exemplars of a series: labels, value, time.
    fn exemplars(&self, series: usize) -> impl Iterator<Item = Result<(Labels, f64, i64)>> {
        let exemplars = &self.columns.exemplars;
        self.exemplars.of(series).filter_map(|row| {
            let (value, time_ms) = (exemplars.value.get(row)?, exemplars.time_ms.get(row)?);
            let labels = Labels::from_canonical(exemplars.labels.get(row));
            Some(labels.map(|labels| (labels, *value, *time_ms)))
        })
    }
}

/// A batch as a `prometheus.WriteRequest`, which knows no start timestamps. Fails only where the
/// columns are damaged.
pub fn encode_v1(columns: &MetricColumns) -> Result<Vec<u8>> {
    let grouped = Grouped::new(columns);
    let mut writer = Writer::default();
    for (series, labels) in columns.series.labels.iter().enumerate() {
        let message = writer.begin_message(1);
        write_labels(&mut writer, &Labels::from_canonical(labels)?);
        grouped.write_samples(&mut writer, series, false);
        for exemplar in grouped.exemplars(series) {
            let (labels, value, time_ms) = exemplar?;
            let message = writer.begin_message(3);
            write_labels(&mut writer, &labels);
            writer.fixed64(2, value.to_bits());
            writer.varint(3, time_ms as u64);
            writer.end_message(message);
        }
        grouped.write_histograms(&mut writer, 4, series, false)?;
        writer.end_message(message);
    }
    let metadata = &columns.metadata;
    for (row, family) in metadata.family.iter().enumerate() {
        let message = writer.begin_message(3);
        writer.varint(1, kind_number(metadata.kind.get(row).copied()));
        for (number, text) in
            [(2, family), (4, metadata.help.get(row)), (5, metadata.unit.get(row))]
        {
            if !text.is_empty() {
                writer.bytes(number, text.as_bytes());
            }
        }
        writer.end_message(message);
    }
    Ok(writer.into_bytes())
}

/// Appends labels, each as field 1.
fn write_labels(writer: &mut Writer, labels: &Labels) {
    for (name, value) in labels.iter() {
        let message = writer.begin_message(1);
        writer.bytes(1, name.as_bytes());
        writer.bytes(2, value.as_bytes());
        writer.end_message(message);
    }
}

/// The number of a stored kind; exponential histograms are histograms to others.
fn kind_number(code: Option<u8>) -> u64 {
    let kind = match MetricKind::from_code(code.unwrap_or_default()) {
        MetricKind::ExponentialHistogram => MetricKind::Histogram,
        kind => kind,
    };
    KINDS.iter().position(|other| *other == kind).unwrap_or(0) as u64
}

/// A batch as an `io.prometheus.write.v2.Request`. What is known about a family goes with each of
/// its series. Fails only where the columns are damaged.
pub fn encode_v2(columns: &MetricColumns) -> Result<Vec<u8>> {
    let grouped = Grouped::new(columns);
    let mut symbols = Symbols::default();
    symbols.intern("");
    let families: HashMap<&str, usize> =
        columns.metadata.family.iter().enumerate().map(|(row, family)| (family, row)).collect();
    let mut writer = Writer::default();
    for (series, labels) in columns.series.labels.iter().enumerate() {
        let labels = Labels::from_canonical(labels)?;
        let message = writer.begin_message(5);
        writer.bytes(1, &symbols.refs(&labels));
        grouped.write_samples(&mut writer, series, true);
        grouped.write_histograms(&mut writer, 3, series, true)?;
        for exemplar in grouped.exemplars(series) {
            let (labels, value, time_ms) = exemplar?;
            let message = writer.begin_message(4);
            writer.bytes(1, &symbols.refs(&labels));
            writer.fixed64(2, value.to_bits());
            writer.varint(3, time_ms as u64);
            writer.end_message(message);
        }
        if let Some(row) = family_row(columns, &families, labels.metric_name()) {
            let message = writer.begin_message(5);
            writer.varint(1, kind_number(columns.metadata.kind.get(row).copied()));
            writer.varint(3, u64::from(symbols.intern(columns.metadata.help.get(row))));
            writer.varint(4, u64::from(symbols.intern(columns.metadata.unit.get(row))));
            writer.end_message(message);
        }
        writer.end_message(message);
    }
    for text in &symbols.texts {
        writer.bytes(4, text.as_bytes());
    }
    Ok(writer.into_bytes())
}

/// The row of metadata that tells about the series of a name.
fn family_row(
    columns: &MetricColumns,
    families: &HashMap<&str, usize>,
    name: &str,
) -> Option<usize> {
    families.get(name).copied().or_else(|| {
        suffixes_of(MetricKind::GaugeHistogram).iter().find_map(|suffix| {
            let row = *families.get(name.strip_suffix(suffix)?)?;
            let kind = MetricKind::from_code(columns.metadata.kind.get(row).copied()?);
            suffixes_of(kind).contains(suffix).then_some(row)
        })
    })
}

/// Texts of a request, each once.
#[derive(Default)]
struct Symbols {
    texts: Vec<Box<str>>,
    lookup: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Symbols {
    fn intern(&mut self, text: &str) -> u32 {
        let (texts, hasher) = (&self.texts, &self.hasher);
        let text_of = |at: &u32| texts.get(*at as usize).map_or("", |text| &**text);
        let hash = hasher.hash_one(text);
        if let Some(at) = self.lookup.find(hash, |at| text_of(at) == text) {
            return *at;
        }
        let at = texts.len() as u32;
        self.lookup.insert_unique(hash, at, |at| hasher.hash_one(text_of(at)));
        self.texts.push(text.into());
        at
    }

    /// References to the names and values of labels, packed.
    fn refs(&mut self, labels: &Labels) -> Vec<u8> {
        let mut packed = Vec::new();
        for (name, value) in labels.iter() {
            for text in [name, value] {
                watchkeep_model::labels::write_varint(&mut packed, u64::from(self.intern(text)));
            }
        }
        packed
    }
}
