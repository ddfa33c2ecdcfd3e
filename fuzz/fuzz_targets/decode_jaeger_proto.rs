//! No bytes make the decoder of Jaeger's batches (protobuf) panic, leave columns uneven, or write JSON
//! that can not be read.
#![no_main]

mod spans;

use libfuzzer_sys::fuzz_target;
use watchkeep_model::DecodeLimits;
use watchkeep_wire::jaeger::decode_proto;

fuzz_target!(|body: &[u8]| {
    let limits = DecodeLimits::default();
    if let Ok(decoded) = decode_proto(body, &limits) {
        spans::check(&decoded.columns);
    }
});
