//! No body, under any encoding, panics or grows past the cap.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchkeep_wire::compression::{decompress, decompress_snappy_block};

fuzz_target!(|input: (u8, &[u8])| {
    const CAP: usize = 1 << 16;
    let encodings = ["gzip", "deflate", "zstd", "identity"];
    let encoding = encodings[usize::from(input.0) % encodings.len()];
    if let Ok(bytes) = decompress(Some(encoding), input.1, CAP) {
        assert!(bytes.len() <= CAP);
    }
    if let Ok(bytes) = decompress_snappy_block(input.1, CAP) {
        assert!(bytes.len() <= CAP);
    }
});
