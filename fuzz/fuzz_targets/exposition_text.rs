//! No bytes make the parser of Prometheus text panic.
#![no_main]

#[path = "exposition/walk.rs"]
mod walk;

use libfuzzer_sys::fuzz_target;
use watchkeep_wire::prometheus::exposition::Format;

fuzz_target!(|input: &[u8]| walk::walk(input, Format::Text));
