//! Queries of the recorded answers of Loki, where they are at hand (below `logql` in the directory
//! that `WATCHKEEP_CONFORMANCE_DIR` names): all can be read and printed so that they read back the
//! same, but those that Loki refused.

use std::path::PathBuf;

use serde_json::Value;
use watchkeep_logql::parse;

#[test]
fn what_loki_reads_is_read_and_the_rest_refused_in_its_words() {
    let Some(folder) = std::env::var_os("WATCHKEEP_CONFORMANCE_DIR") else {
        eprintln!("WATCHKEEP_CONFORMANCE_DIR is not set: nothing is compared");
        return;
    };
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(PathBuf::from(&folder).join("logql").join(name));
        serde_json::from_str(&text.unwrap()).unwrap()
    };
    let (cases, answers) = (read("cases.json"), read("answers.json"));
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in cases.as_array().unwrap() {
        let Some(query) = case["params"]["query"].as_str() else { continue };
        let id = case["id"].as_str().unwrap();
        let text = answers[id]["text"].as_str().unwrap_or_default();
        // One error is wrapped in an answer.
        let refused = text.find("parse error").map(|at| text[at..].trim_end_matches("\"}"));
        count += 1;
        match (parse(query), refused) {
            (Ok(expr), None) => {
                let printed = expr.to_string();
                let again = parse(&printed).map(|expr| expr.to_string());
                if again.as_deref() != Ok(&printed) {
                    wrong.push(format!("{id}: {query}\n  printed {printed}\n  then {again:?}"));
                }
            }
            (Err(error), Some(refused)) if error.to_string() == refused => {}
            (got, refused) => {
                wrong.push(format!("{id}: {query}\n  got {got:?}\n  expected {refused:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 0, "no queries were found");
}
