//! `| unwrap`: the number that a label holds.

use watchkeep_promql::go::parse_duration;

use super::Symbols;
use super::label_filter::LabelTest;
use super::labels::LabelsBuilder;
use super::names::Symbol;
use super::number::{duration_seconds, parse_bytes, parse_float};
use crate::ast::{Conversion, Unwrap};

/// The error of a label that is no number.
const SAMPLE_EXTRACTION_ERROR: &str = "SampleExtractionErr";

/// `| unwrap` and the filters behind it.
#[derive(Debug)]
pub(super) struct Unwrapper {
    label: Symbol,
    conversion: Conversion,
    filters: Vec<LabelTest>,
}

impl Unwrapper {
    pub(super) fn new(unwrap: &Unwrap, symbols: &mut Symbols) -> Result<Self, String> {
        let filters = unwrap.filters.iter().map(|filter| LabelTest::new(filter, symbols));
        let filters = filters.collect::<Result<_, _>>()?;
        Ok(Self { label: symbols.needed(&unwrap.label), conversion: unwrap.conversion, filters })
    }

    /// The number; 0 with an error noted where the label is none. `None` where the label is not
    /// there or a filter drops the line.
    pub(super) fn value(&self, labels: &mut LabelsBuilder) -> Option<f64> {
        let text = labels.get_symbol(self.label).filter(|text| !text.is_empty())?;
        let number = match self.conversion {
            Conversion::Float => parse_float(text),
            Conversion::Bytes => parse_bytes(text).map(|bytes| bytes as f64),
            Conversion::Duration { .. } => parse_duration(text).map(duration_seconds),
        };
        let number = number.unwrap_or_else(|reason| {
            labels.set_error(SAMPLE_EXTRACTION_ERROR, Some(&reason));
            0.0
        });
        // Each filter is looked at, since each may note an error.
        let kept = self.filters.iter().fold(true, |kept, filter| filter.keeps(labels) & kept);
        kept.then_some(number)
    }
}
