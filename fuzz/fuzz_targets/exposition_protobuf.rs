//! No bytes make the parser of the protobuf exposition format panic.
#![no_main]

#[path = "exposition/walk.rs"]
mod walk;

use libfuzzer_sys::fuzz_target;
use watchkeep_wire::prometheus::exposition::Format;

fuzz_target!(|input: &[u8]| walk::walk(input, Format::Protobuf));
