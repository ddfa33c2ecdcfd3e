//! An exposition that a client pushes, to columns.

use hashbrown::HashMap;
use watchkeep_model::column::Table;
use watchkeep_model::{DecodeLimits, Error, ErrorKind, MetricColumns, Result};

use super::content_type::{Format, negotiate};
use super::entry::{Entry, Sample, SampleValue};
use super::parser::{Options, Parser};
use crate::compression::DECOMPRESSED_BYTES_MAX_KEY;
use crate::decoded::{COLUMN_BYTES_HARD_MAX, Decoded, Rejections, Warnings};
use crate::otlp::BODY_BYTES_HARD_MAX;
use crate::prometheus::labels::LabelList;

/// Characters of the labels of an exemplar (OpenMetrics 1.0, section "Exemplars").
const EXEMPLAR_CHARS_MAX: usize = 128;

/// Decodes an exposition that is not compressed any more, in the format that `content_type` names,
/// or as Prometheus text where it names none. Samples without a time get `default_time_ms`. The
/// extra labels are added to every series in place of labels of the same names. An exposition that
/// can not be read is refused whole, by line; a series whose labels can not be kept is left out.
pub fn decode_exposition(
    body: &[u8],
    content_type: Option<&str>,
    default_time_ms: i64,
    extra_labels: &[(&str, &str)],
    limits: &DecodeLimits,
) -> Result<Decoded<MetricColumns>> {
    if body.len() > BODY_BYTES_HARD_MAX {
        return Err(too_large(format!("an exposition holds at most {BODY_BYTES_HARD_MAX} bytes")));
    }
    // Clients that post a file say that it is a form, or anything else.
    let format = negotiate(content_type, Some(Format::Text)).map_err(Error::invalid)?.format;
    let mut import = Import {
        default_time_ms,
        extra_labels,
        limits,
        columns: MetricColumns::default(),
        rows: HashMap::new(),
        families: HashMap::new(),
        rejections: Rejections::default(),
        warnings: Warnings::default(),
    };
    let mut parser = Parser::new(body, format, Options::default());
    loop {
        let entry = parser.next().map_err(|error| malformed(&error))?;
        let Some(entry) = entry else { break };
        import.take(&entry).map_err(|error| malformed(&error))?;
        if import.columns.series.labels.parts().1.len() > COLUMN_BYTES_HARD_MAX {
            return Err(too_large("the exposition grows beyond bounds when decoded".into()));
        }
    }
    Ok(import.finish())
}

fn malformed(error: &super::ParseError) -> Error {
    Error::invalid(format!("malformed exposition: {error}"))
}

fn too_large(message: String) -> Error {
    Error::new(ErrorKind::TooLarge { key: DECOMPRESSED_BYTES_MAX_KEY }, message)
}

struct Import<'a> {
    default_time_ms: i64,
    extra_labels: &'a [(&'a str, &'a str)],
    limits: &'a DecodeLimits,
    columns: MetricColumns,
    /// Rows of series by their keys; `None` for those that are left out.
    rows: HashMap<Vec<u8>, Option<u32>>,
    /// Rows of families.
    families: HashMap<String, Metadata>,
    rejections: Rejections,
    warnings: Warnings,
}

#[derive(Default)]
struct Metadata {
    kind: u8,
    unit: String,
    help: String,
}

impl Import<'_> {
    fn take(&mut self, entry: &Entry<'_>) -> std::result::Result<(), super::ParseError> {
        match entry {
            Entry::Help { family, help } => {
                help.as_ref().clone_into(&mut self.family(family).help);
            }
            Entry::Type { family, kind } => self.family(family).kind = *kind as u8,
            Entry::Unit { family, unit } => {
                unit.as_ref().clone_into(&mut self.family(family).unit);
            }
            Entry::Sample(sample) => self.sample(sample)?,
        }
        Ok(())
    }

    fn family(&mut self, name: &str) -> &mut Metadata {
        self.families.entry_ref(name).or_default()
    }

    fn sample(&mut self, sample: &Sample<'_>) -> std::result::Result<(), super::ParseError> {
        let known = self.rows.get(sample.key()).copied();
        let row = if let Some(row) = known {
            row
        } else {
            let row = self.series(sample)?;
            self.rows.insert(sample.key().to_vec(), row);
            row
        };
        let Some(row) = row else {
            if known.is_some() {
                self.rejections.add("its series was left out", 1, "");
            }
            return Ok(());
        };
        let time_ms = sample.time_ms.unwrap_or(self.default_time_ms);
        match sample.value {
            SampleValue::Float(value) => {
                let floats = &mut self.columns.floats;
                floats.series.push(row);
                floats.time_ms.push(time_ms);
                floats.start_ms.push(sample.start_ms);
                floats.value.push(value);
            }
            SampleValue::Histogram(histogram) => {
                let histograms = &mut self.columns.histograms;
                histograms.series.push(row);
                histograms.time_ms.push(time_ms);
                histograms.start_ms.push(sample.start_ms);
                histograms.histogram.push_with(|out| histogram.encode(out));
            }
        }
        if sample.has_exemplars() {
            self.exemplars(row, sample, time_ms)?;
        }
        Ok(())
    }

    /// Adds a series; `None` where its labels can not be kept.
    fn series(
        &mut self,
        sample: &Sample<'_>,
    ) -> std::result::Result<Option<u32>, super::ParseError> {
        let pairs = sample.labels()?;
        let mut labels = LabelList::new(self.limits.labels_per_series_max);
        for (name, value) in &pairs {
            if !self.extra_labels.iter().any(|(extra, _)| extra == name) {
                labels.push(name.as_bytes(), value.as_bytes());
            }
        }
        for (name, value) in self.extra_labels {
            labels.push(name.as_bytes(), value.as_bytes());
        }
        let mut bytes = Vec::new();
        match labels.write_series(self.limits, &mut bytes) {
            Ok(()) => {
                let row = self.columns.series.labels.len() as u32;
                self.columns.series.labels.push(&bytes);
                self.columns.series.delta.push(0);
                Ok(Some(row))
            }
            Err(reason) => {
                self.rejections.add(reason, 1, &labels.shown());
                Ok(None)
            }
        }
    }

    fn exemplars(
        &mut self,
        row: u32,
        sample: &Sample<'_>,
        time_ms: i64,
    ) -> std::result::Result<(), super::ParseError> {
        for exemplar in sample.exemplars()? {
            let mut labels = LabelList::new(self.limits.labels_per_series_max);
            for (name, value) in &exemplar.labels {
                labels.push(name.as_bytes(), value.as_bytes());
            }
            let mut bytes = Vec::new();
            if labels.write_exemplar(EXEMPLAR_CHARS_MAX, &mut bytes).is_err() {
                self.warnings.dropped_exemplars += 1;
                continue;
            }
            let exemplars = &mut self.columns.exemplars;
            exemplars.series.push(row);
            exemplars.time_ms.push(exemplar.time_ms.unwrap_or(time_ms));
            exemplars.value.push(exemplar.value);
            exemplars.labels.push(&bytes);
        }
        Ok(())
    }

    fn finish(mut self) -> Decoded<MetricColumns> {
        let mut families: Vec<(String, Metadata)> = self.families.into_iter().collect();
        families.sort_by(|a, b| a.0.cmp(&b.0));
        let metadata = &mut self.columns.metadata;
        for (name, said) in &families {
            metadata.family.push(name);
            metadata.kind.push(said.kind);
            metadata.unit.push(&said.unit);
            metadata.help.push(&said.help);
        }
        debug_assert!(self.columns.floats.check().is_ok());
        Decoded {
            columns: self.columns,
            rejected: self.rejections.total,
            message: self.rejections.message("samples"),
            warnings: self.warnings,
        }
    }
}
