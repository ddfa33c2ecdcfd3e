//! Tests of the OTLP decoders: against another implementation's encoder (`opentelemetry-proto`),
//! against written cases (`testdata/otlp`), and against bytes that mean harm.

mod cases;
mod generate;
mod hostile;
mod limits;
mod oracle;

use watchkeep_model::column::{Table, Utf8Column};
use watchkeep_model::{DecodeLimits, LogColumns, MetricColumns, Result, SpanColumns};

use super::{Decoded, MetricsOptions};

const ARRIVAL_NS: i64 = 1_790_000_000_000_000_000;

fn traces(body: &[u8]) -> Result<Decoded<SpanColumns>> {
    let decoded = super::decode_traces(body, &DecodeLimits::default())?;
    decoded.columns.check().unwrap();
    Ok(decoded)
}

fn logs(body: &[u8]) -> Result<Decoded<LogColumns>> {
    let decoded = super::decode_logs(body, &DecodeLimits::default(), ARRIVAL_NS)?;
    decoded.columns.check().unwrap();
    Ok(decoded)
}

fn metrics(body: &[u8]) -> Result<Decoded<MetricColumns>> {
    let options = MetricsOptions::default();
    let limits = DecodeLimits::default();
    let decoded = super::decode_metrics(body, &limits, &options, ARRIVAL_NS)?;
    check_metrics(&decoded.columns);
    Ok(decoded)
}

fn check_metrics(columns: &MetricColumns) {
    columns.series.check().unwrap();
    columns.floats.check().unwrap();
    columns.histograms.check().unwrap();
    columns.exemplars.check().unwrap();
    columns.metadata.check().unwrap();
    for labels in columns.series.labels.iter().chain(columns.exemplars.labels.iter()) {
        watchkeep_model::Labels::from_canonical(labels).unwrap();
    }
    for histogram in columns.histograms.histogram.iter() {
        watchkeep_model::NativeHistogram::decode(histogram).unwrap();
    }
    let rows = columns.series.len() as u32;
    let used = [&columns.floats.series, &columns.histograms.series, &columns.exemplars.series];
    assert!(used.into_iter().flatten().all(|row| *row < rows));
}

fn strings(column: &Utf8Column) -> Vec<&str> {
    column.iter().collect()
}
