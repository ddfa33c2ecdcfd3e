//! No bytes make the readers of syslog panic, and a stream is always taken up in full or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchkeep_wire::syslog::{next_frame, parse};

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Ok(Some(frame)) = next_frame(rest, true) {
        assert!(frame.taken > 0 && frame.message.len() <= frame.taken);
        parse(&String::from_utf8_lossy(frame.message), 0);
        rest = &rest[frame.taken..];
    }
    parse(&String::from_utf8_lossy(bytes), i64::MAX);
});
