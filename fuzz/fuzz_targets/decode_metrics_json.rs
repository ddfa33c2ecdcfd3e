//! No bytes make the decoder of OTLP/JSON metrics panic or leave columns uneven.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchkeep_model::DecodeLimits;
use watchkeep_model::column::Table;
use watchkeep_wire::otlp::{MetricsOptions, decode_metrics_json};

fuzz_target!(|body: &[u8]| {
    let options = MetricsOptions::default();
    if let Ok(decoded) = decode_metrics_json(body, &DecodeLimits::default(), &options, 1) {
        decoded.columns.series.check().expect("columns have one length");
    }
});
