//! No bytes make the decoder of remote read panic, compressed as they are or compressed by us.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchkeep_wire::compression::compress_snappy_block;
use watchkeep_wire::prometheus::remote_read::decode_request;

fuzz_target!(|body: &[u8]| {
    let _any_outcome = decode_request(body);
    let block = compress_snappy_block(body).expect("the body is small");
    let _any_outcome = decode_request(&block);
});
