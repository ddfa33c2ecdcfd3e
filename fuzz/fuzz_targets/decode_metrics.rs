//! No bytes make the decoder of OTLP metrics panic, or make labels or histograms that can not be read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchkeep_model::column::Table;
use watchkeep_model::{DecodeLimits, Labels, NativeHistogram};
use watchkeep_wire::otlp::{MetricsOptions, decode_metrics};

fuzz_target!(|body: &[u8]| {
    let options = MetricsOptions {
        promote_resource_attributes: vec!["a".to_owned()],
        promote_scope_metadata: true,
        ..MetricsOptions::default()
    };
    let Ok(decoded) = decode_metrics(body, &DecodeLimits::default(), &options, 1) else { return };
    let columns = decoded.columns;
    columns.series.check().expect("columns have one length");
    columns.exemplars.check().expect("columns have one length");
    for labels in columns.series.labels.iter().chain(columns.exemplars.labels.iter()) {
        Labels::from_canonical(labels).expect("labels are canonical");
    }
    for histogram in columns.histograms.histogram.iter() {
        NativeHistogram::decode(histogram).expect("histograms can be read");
    }
});
