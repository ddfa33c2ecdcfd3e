//! No bytes make the decoder of OTLP/JSON logs panic or leave columns uneven.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchkeep_model::DecodeLimits;
use watchkeep_model::column::Table;
use watchkeep_wire::otlp::decode_logs_json;

fuzz_target!(|body: &[u8]| {
    if let Ok(decoded) = decode_logs_json(body, &DecodeLimits::default(), 1) {
        decoded.columns.check().expect("columns have one length");
    }
});
