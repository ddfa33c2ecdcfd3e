//! No bytes make the decoder of Zipkin's spans (JSON) panic, leave columns uneven, or write JSON
//! that can not be read.
#![no_main]

mod spans;

use libfuzzer_sys::fuzz_target;
use watchkeep_model::DecodeLimits;
use watchkeep_wire::zipkin::decode_json;

fuzz_target!(|body: &[u8]| {
    let limits = DecodeLimits::default();
    if let Ok(decoded) = decode_json(body, &limits, 1) {
        spans::check(&decoded.columns);
    }
});
