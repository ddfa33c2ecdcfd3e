//! No text makes the reader of TraceQL panic, and what it prints it reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchkeep_traceql::{from_tags, lenient, parse, parse_attribute};

fuzz_target!(|query: &str| {
    let _may_fail = parse_attribute(query);
    let _may_fail = from_tags(query, None, None);
    if let Some(known) = lenient(query) {
        assert!(!known.to_string().is_empty());
    }
    match parse(query) {
        Ok(read) => {
            let printed = read.to_string();
            match parse(&printed) {
                // What is no number is not equal to itself.
                Ok(again) => assert!(again == read || printed.contains("(0.0 / 0.0)")),
                // Parentheses may become more.
                Err(error) => assert!(error.message.contains("deeper than"), "{error}"),
            }
        }
        Err(failure) => {
            assert!(!failure.to_string().is_empty());
            assert!(query.get(failure.place.start..failure.place.end).is_some());
        }
    }
});
