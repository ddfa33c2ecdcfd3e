//! The evaluator: on scripts, and with a source that counts against one that shows.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod counting;
mod limits;
mod memory;
mod script;

#[test]
fn scripts_are_answered_as_they_say() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata/eval");
    let mut failed = Vec::new();
    let mut scripts = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let differences = script::run(&std::fs::read_to_string(&path).unwrap());
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        failed.extend(differences.into_iter().map(|difference| format!("{name}, {difference}")));
        scripts += 1;
    }
    assert!(scripts > 0);
    assert!(failed.is_empty(), "{} queries:\n{}", failed.len(), failed.join("\n"));
}
