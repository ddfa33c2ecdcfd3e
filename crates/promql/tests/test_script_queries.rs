//! Queries of Prometheus' own test scripts, where they are at hand (below `promql/testdata` in the
//! directory that `WATCHKEEP_CONFORMANCE_DIR` names): all but those that are meant to fail can be
//! read, and printed so that they read back the same.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "all of this is a test")]

use std::path::PathBuf;

use watchkeep_promql::{parse, pretty};

/// Read in any case, in the form of the scripts.
const OWN: &str = r#"
eval instant at 50m sum by (job) (rate(requests_total{code=~"5.."}[5m])) / on (job) group_left up
eval range from 0 to 10m step 5m histogram_quantile(0.9, sum by (le) (latency_bucket))
eval instant at 1m {"http.requests", "host.name"="a"} offset -5m
eval_fail instant at 0 sum(
eval instant at 0 rate(requests_total)
  expect fail msg:1:6: parse error: expected type range vector in call to function "rate", got instant vector
"#;

fn scripts() -> Vec<(String, String)> {
    let mut scripts = vec![("own cases".to_owned(), OWN.to_owned())];
    let Some(folder) = std::env::var_os("WATCHKEEP_CONFORMANCE_DIR") else {
        eprintln!("WATCHKEEP_CONFORMANCE_DIR is not set: only own cases are read");
        return scripts;
    };
    let entries = PathBuf::from(folder).join("promql/testdata").read_dir().unwrap();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "test") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            scripts.push((name, std::fs::read_to_string(path).unwrap()));
        }
    }
    scripts
}

struct Case<'s> {
    query: &'s str,
    fails: bool,
    message: Option<&'s str>,
}

/// The query behind `eval instant at 5m` or `eval range from 0 to 1m step 1m`.
fn query_of(line: &str) -> Option<&str> {
    let words = if line.split_whitespace().nth(1)? == "range" {
        8
    } else if line.split_whitespace().nth(2)? == "at" {
        4
    } else {
        2
    };
    let mut rest = line;
    for _ in 0..words {
        rest = rest.trim_start().split_once(char::is_whitespace)?.1;
    }
    Some(rest.trim())
}

fn cases(script: &str) -> Vec<Case<'_>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for line in script.lines() {
        let is_indented = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.starts_with("eval") {
            let query = query_of(line).unwrap();
            cases.push(Case { query, fails: line.starts_with("eval_fail"), message: None });
        } else if is_indented
            && let Some(case) = cases.last_mut()
            && let Some(how) = line.strip_prefix("expect fail")
        {
            case.fails = true;
            case.message = how.trim().strip_prefix("msg:").map(str::trim);
        }
    }
    cases
}

#[test]
fn every_query_of_the_test_scripts_is_read() {
    let mut count = 0;
    for (name, script) in scripts() {
        for Case { query, fails, message } in cases(&script) {
            count += 1;
            match parse(query) {
                Ok(expr) => {
                    let printed = expr.to_string();
                    let again = parse(&printed).unwrap_or_else(|failure| {
                        panic!("{name}: {query} printed as {printed}: {failure}")
                    });
                    assert_eq!(again.to_string(), printed, "{name}: {query}");
                    let lines = pretty(&expr);
                    assert_eq!(parse(&lines).unwrap().to_string(), printed, "{name}: {query}");
                }
                Err(failure) => {
                    let shown = failure.display(query);
                    assert!(fails, "{name}: {query}: {shown}");
                    assert_eq!(message.unwrap_or(&shown), shown, "{name}: {query}");
                }
            }
        }
    }
    assert!(count >= cases(OWN).len(), "the scripts were not read");
    eprintln!("{count} queries were read");
}
