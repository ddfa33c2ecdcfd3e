//! Remote write 2.0: `io.prometheus.write.v2.Request`, in which texts are references to a table
//! of symbols.

use hashbrown::HashSet;
use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::metrics::MetricKind;
use watchkeep_model::{MetricColumns, Result};

use super::{Builder, EXEMPLAR_CHARS_MAX, Fault, check_body, kind_of, suffixes_of};
use crate::decoded::{COLUMN_BYTES_HARD_MAX, Decoded};
use crate::protobuf::{Field, Malformed, Reader};

/// Most symbols of a request; clients send a few thousand.
pub(super) const SYMBOLS_MAX: usize = 1 << 20;

const BAD_REFERENCE: &str = "a reference is outside of the symbols table";
const ODD_REFERENCES: &str = "the number of label references is odd";
const NO_SAMPLES: &str = "a series must contain at least one sample or histogram";

/// Decodes a request that is no longer compressed. What is in the columns is to be kept and
/// counted ([`super::Written`]) even where something was rejected, which is answered with 400.
pub fn decode(body: &[u8], limits: &DecodeLimits) -> Result<Decoded<MetricColumns>> {
    check_body(body)?;
    let mut decoder = Decoder {
        builder: Builder::new(limits),
        symbols: Vec::new(),
        refs: Vec::new(),
        described: HashSet::new(),
        last_described: None,
        referenced_bytes: 0,
    };
    let outcome = decoder.request(Reader::new(body));
    decoder.builder.finish(outcome)
}

/// Tags of the delimited fields that most of a request is made of.
const SYMBOL_TAG: u8 = 0x22;
const LABELS_TAG: u8 = 0x0a;
const SAMPLE_TAG: u8 = 0x12;

/// What a series says about its family, by symbols: name, type, unit, help.
type Description = (u32, i32, u32, u32);

struct Decoder<'a> {
    builder: Builder<'a>,
    symbols: Vec<&'a [u8]>,
    /// Label references of the series or exemplar at hand.
    refs: Vec<u32>,
    /// Descriptions that were noted: the series of a family repeat theirs.
    described: HashSet<Description>,
    last_described: Option<Description>,
    /// Bytes of the symbols that were referred to, each as often as it was: a few bytes can refer
    /// to very many.
    referenced_bytes: usize,
}

impl<'a> Decoder<'a> {
    fn request(&mut self, reader: Reader<'a>) -> Result<(), Fault> {
        let mut rest = reader;
        loop {
            while self.symbols.len() < SYMBOLS_MAX
                && let Some(symbol) = rest.short_delimited(SYMBOL_TAG)
            {
                self.symbols.push(symbol.bytes());
            }
            let Some(field) = rest.field()? else { break };
            if field.number == 4 {
                if self.symbols.len() >= SYMBOLS_MAX {
                    return Err(Fault::TooManySymbols);
                }
                self.symbols.push(field.bytes()?);
            }
        }
        let mut rest = reader;
        while let Some(field) = rest.field()? {
            if field.number == 5 {
                self.time_series(field.message()?)?;
            }
        }
        Ok(())
    }

    fn time_series(&mut self, mut reader: Reader<'a>) -> Result<(), Fault> {
        let marks = self.builder.begin_series();
        self.refs.clear();
        let mut metadata = None;
        let mut exemplars = None;
        if let Some(refs) = reader.short_delimited(LABELS_TAG) {
            self.read_refs(refs)?;
        }
        while let Some(message) = reader.short_delimited(SAMPLE_TAG) {
            let sample = sample(message)?;
            self.builder.push_float(marks.series, sample);
        }
        let whole = reader;
        while let Some(field) = reader.field()? {
            match field.number {
                1 => self.read_refs_field(&field)?,
                2 => {
                    let sample = sample(field.message()?)?;
                    self.builder.push_float(marks.series, sample);
                }
                3 => self.builder.push_histogram(marks.series, field.message()?)?,
                4 if exemplars.is_none() => exemplars = Some(whole.advanced_to(field.at)),
                5 => metadata = Some(field.message()?),
                _ => {}
            }
        }
        let labels = self.series_labels()?;
        let description = self.description(metadata)?;
        let name = match labels.and_then(|name| description.map(|(known, _)| (name, known))) {
            Ok((name, _)) => name,
            Err(reason) => {
                self.builder.reject_series(marks, reason);
                return Ok(());
            }
        };
        let has_samples = self.builder.columns.samples() > marks.floats + marks.histograms;
        let lost_samples = self.builder.rejections.total > marks.rejected;
        if !self.builder.end_series(marks) {
            return Ok(());
        }
        if !has_samples {
            if !lost_samples {
                self.builder.reject_series(marks, NO_SAMPLES);
                return Ok(());
            }
            if exemplars.is_none() {
                self.builder.take_back(marks);
            }
        }
        self.exemplars(marks.series, exemplars)?;
        if let (Ok(((kind, unit, help), true)), Some(name)) = (description, name) {
            let is_float = self.builder.columns.floats.value.len() > marks.floats;
            self.describe((name, kind, unit, help), is_float);
        }
        self.check_size()
    }

    /// Fails when references grow out of proportion to the body.
    fn check_size(&self) -> Result<(), Fault> {
        if self.referenced_bytes > COLUMN_BYTES_HARD_MAX {
            return Err(Fault::ColumnsTooLarge);
        }
        Ok(())
    }

    /// Most references of a list: one more pair than is allowed, to know that they are too many.
    fn refs_max(&self) -> usize {
        let pairs_max = self.builder.limits.labels_per_series_max.max(EXEMPLAR_CHARS_MAX);
        pairs_max.saturating_add(1).saturating_mul(2)
    }

    fn read_refs(&mut self, mut packed: Reader<'_>) -> Result<(), Malformed> {
        let refs_max = self.refs_max();
        while !packed.is_empty() {
            let reference = packed.varint()? as u32;
            if self.refs.len() < refs_max {
                self.refs.push(reference);
            }
        }
        Ok(())
    }

    /// As [`Decoder::read_refs`], of references that may not be packed.
    fn read_refs_field(&mut self, field: &Field<'_>) -> Result<(), Malformed> {
        let refs_max = self.refs_max();
        field.each_varint(|reference| {
            if self.refs.len() < refs_max {
                self.refs.push(reference as u32);
            }
        })
    }

    /// Collects the labels of a series. Gives the symbol of the metric's name.
    fn series_labels(&mut self) -> Result<Result<Option<u32>, &'static str>, Fault> {
        if !self.refs.len().is_multiple_of(2) {
            return Ok(Err(ODD_REFERENCES));
        }
        let mut metric_name = None;
        for pair in self.refs.chunks_exact(2) {
            let [name_ref, value_ref] = *pair else { continue };
            let (Some(name), Some(value)) =
                (self.symbols.get(name_ref as usize), self.symbols.get(value_ref as usize))
            else {
                return Ok(Err(BAD_REFERENCE));
            };
            self.referenced_bytes += name.len() + value.len();
            if *name == b"__name__" {
                metric_name = Some(value_ref);
            }
            self.builder.labels.push(name, value);
        }
        self.check_size()?;
        Ok(Ok(metric_name))
    }

    /// Type, unit and help of a series, and whether any was sent.
    #[expect(clippy::type_complexity, reason = "malformed bytes outside, a reason inside")]
    fn description(
        &self,
        metadata: Option<Reader<'_>>,
    ) -> Result<Result<((i32, u32, u32), bool), &'static str>, Malformed> {
        let (mut kind, mut unit, mut help) = (0, 0, 0);
        let mut rest = metadata.unwrap_or(Reader::new(&[]));
        while let Some(field) = rest.field()? {
            match field.number {
                1 => kind = field.int32()?,
                3 => help = field.uint32()?,
                4 => unit = field.uint32()?,
                _ => {}
            }
        }
        let symbol = |reference: u32| self.symbols.get(reference as usize);
        let (Some(unit_text), Some(help_text)) = (symbol(unit), symbol(help)) else {
            return Ok(Err(BAD_REFERENCE));
        };
        let said = kind != 0 || !unit_text.is_empty() || !help_text.is_empty();
        Ok(Ok(((kind, unit, help), said)))
    }

    /// Notes what a series said about its family.
    fn describe(&mut self, description: Description, is_float: bool) {
        if self.last_described == Some(description) || !self.described.insert(description) {
            return;
        }
        self.last_described = Some(description);
        let (name, kind, unit, help) = description;
        let kind = kind_of(kind);
        let symbol = |reference| self.symbols.get(reference as usize).copied().unwrap_or_default();
        let name = symbol(name);
        let family = if is_float { family_of(kind, name) } else { name };
        self.referenced_bytes += name.len() + symbol(unit).len() + symbol(help).len();
        self.builder.push_metadata(kind, family, symbol(unit), symbol(help));
    }

    fn exemplars(&mut self, row: usize, from: Option<Reader<'a>>) -> Result<(), Fault> {
        let mut rest = from.unwrap_or(Reader::new(&[]));
        while let Some(field) = rest.field()? {
            if field.number == 4 {
                self.exemplar(row, field.message()?)?;
                self.check_size()?;
            }
        }
        Ok(())
    }

    fn exemplar(&mut self, row: usize, mut reader: Reader<'a>) -> Result<(), Malformed> {
        let (mut time_ms, mut value) = (0, 0.0);
        self.refs.clear();
        while let Some(field) = reader.field()? {
            match field.number {
                1 => self.read_refs_field(&field)?,
                2 => value = field.double()?,
                3 => time_ms = field.varint()? as i64,
                _ => {}
            }
        }
        let labels = &mut self.builder.exemplar_labels;
        labels.clear();
        if !self.refs.len().is_multiple_of(2) {
            self.builder.reject(ODD_REFERENCES, 1);
            return Ok(());
        }
        for pair in self.refs.chunks_exact(2) {
            let [name, value] = *pair else { continue };
            let (Some(name), Some(value)) =
                (self.symbols.get(name as usize), self.symbols.get(value as usize))
            else {
                self.builder.reject(BAD_REFERENCE, 1);
                return Ok(());
            };
            labels.push(name, value);
            self.referenced_bytes += name.len() + value.len();
        }
        self.builder.push_exemplar(row, time_ms, value);
        Ok(())
    }
}

/// The family of a series of samples: a classic histogram or summary has several series.
fn family_of(kind: MetricKind, name: &[u8]) -> &[u8] {
    let stripped = suffixes_of(kind).iter().find_map(|suffix| name.strip_suffix(suffix.as_bytes()));
    stripped.filter(|rest| !rest.is_empty()).unwrap_or(name)
}

#[inline]
fn sample(mut reader: Reader<'_>) -> Result<(i64, i64, f64), Malformed> {
    let (mut time_ms, mut start_ms, mut value) = (0, 0, 0.0);
    while let Some(field) = reader.field()? {
        match field.number {
            1 => value = field.double()?,
            2 => time_ms = field.varint()? as i64,
            3 => start_ms = field.varint()? as i64,
            _ => {}
        }
    }
    Ok((time_ms, start_ms, value))
}
