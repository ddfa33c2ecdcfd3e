//! No bytes make the decoder of OTLP/JSON traces panic or leave columns uneven.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchkeep_model::DecodeLimits;
use watchkeep_model::column::Table;
use watchkeep_wire::otlp::decode_traces_json;

fuzz_target!(|body: &[u8]| {
    if let Ok(decoded) = decode_traces_json(body, &DecodeLimits::default()) {
        decoded.columns.check().expect("columns have one length");
    }
});
