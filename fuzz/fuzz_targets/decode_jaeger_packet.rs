//! No bytes make the decoder of datagrams to Jaeger's agent panic, leave columns uneven, or write JSON
//! that can not be read.
#![no_main]

mod spans;

use libfuzzer_sys::fuzz_target;
use watchkeep_model::DecodeLimits;
use watchkeep_wire::jaeger::decode_packet;

fuzz_target!(|body: &[u8]| {
    let limits = DecodeLimits::default();
    if let Ok(decoded) = decode_packet(body, &limits, 1) {
        spans::check(&decoded.columns);
    }
});
