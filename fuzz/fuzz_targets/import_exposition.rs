//! No pushed exposition makes its decoder panic or leave columns uneven.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchkeep_model::DecodeLimits;
use watchkeep_model::column::Table;
use watchkeep_wire::prometheus::exposition::decode_exposition;

fuzz_target!(|input: &[u8]| {
    let Some((flags, body)) = input.split_first() else { return };
    let content_type = (flags & 1 != 0).then_some("application/openmetrics-text");
    let extra = [("job", "fuzz")];
    let limits = DecodeLimits::default();
    if let Ok(decoded) = decode_exposition(body, content_type, 1, &extra, &limits) {
        decoded.columns.floats.check().expect("columns have one length");
        decoded.columns.histograms.check().expect("columns have one length");
        decoded.columns.exemplars.check().expect("columns have one length");
        decoded.columns.metadata.check().expect("columns have one length");
    }
});
