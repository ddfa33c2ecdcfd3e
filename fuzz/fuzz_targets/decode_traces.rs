//! No bytes make the decoder of OTLP traces panic or leave columns uneven.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchkeep_model::DecodeLimits;
use watchkeep_model::column::Table;
use watchkeep_wire::otlp::decode_traces;

fuzz_target!(|body: &[u8]| {
    if let Ok(decoded) = decode_traces(body, &DecodeLimits::default()) {
        decoded.columns.check().expect("columns have one length");
    }
});
