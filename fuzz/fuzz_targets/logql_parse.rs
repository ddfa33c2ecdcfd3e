//! No text makes the reader of LogQL panic, and what it prints it reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchkeep_logql::{parse, parse_log, parse_selector, pretty};

fuzz_target!(|query: &str| {
    let _may_fail = parse_selector(query);
    let _may_fail = parse_log(query);
    match parse(query) {
        Ok(expr) => {
            let printed = expr.to_string();
            // Numbers that are none come from arithmetic alone.
            if !printed.contains("NaN") && !printed.contains("Inf") {
                parse(&printed).expect("what was printed can be read");
                parse(&pretty(&expr)).expect("what was printed can be read");
            }
        }
        Err(failure) => assert!(!failure.to_string().is_empty()),
    }
});
