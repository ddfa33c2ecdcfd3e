//! No bytes make the decoder of Loki's push requests (proto) panic, leave columns uneven, or make
//! streams that can not be read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchkeep_model::DecodeLimits;
use watchkeep_model::column::Table;
use watchkeep_model::stream::from_text;
use watchkeep_wire::loki::{PushOptions, decode_proto};

fuzz_target!(|body: &[u8]| {
    let limits = DecodeLimits::default();
    let options = PushOptions { limits: &limits, labels_required: true };
    if let Ok(decoded) = decode_proto(body, options) {
        decoded.columns.check().expect("columns have one length");
        for stream in decoded.columns.stream.iter() {
            from_text(stream).expect("streams can be read");
        }
    }
});
