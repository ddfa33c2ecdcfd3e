//! Tests of the protocols of Prometheus: against messages that another implementation (`prost`)
//! encoded, and against bytes that mean harm.

mod chunk_reader;
mod hostile;
mod messages;
mod remote_read;
mod remote_write;

use watchkeep_model::column::Table;
use watchkeep_model::{DecodeLimits, Labels, MetricColumns, NativeHistogram, Result};

use super::remote_write::Version;
use crate::decoded::Decoded;

fn write(version: Version, body: &[u8]) -> Result<Decoded<MetricColumns>> {
    let decoded = version.decode(body, &DecodeLimits::default())?;
    check_metrics(&decoded.columns);
    assert_eq!(decoded.rejected == 0, decoded.message.is_empty());
    Ok(decoded)
}

fn check_metrics(columns: &MetricColumns) {
    columns.series.check().unwrap();
    columns.floats.check().unwrap();
    columns.histograms.check().unwrap();
    columns.exemplars.check().unwrap();
    columns.metadata.check().unwrap();
    for labels in columns.series.labels.iter().chain(columns.exemplars.labels.iter()) {
        Labels::from_canonical(labels).unwrap();
    }
    for histogram in columns.histograms.histogram.iter() {
        NativeHistogram::decode(histogram).unwrap();
    }
    let rows = columns.series.len() as u32;
    let used = [&columns.floats.series, &columns.histograms.series, &columns.exemplars.series];
    assert!(used.into_iter().flatten().all(|row| *row < rows));
}
