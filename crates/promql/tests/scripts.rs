//! The evaluator against test scripts: our own, and, where they are at hand, those of Prometheus.
//! `WATCHKEEP_CONFORMANCE_DIR` names the directory of the latter.
#![expect(clippy::panic, reason = "a test fails by it")]

mod script;

use std::fs;
use std::path::{Path, PathBuf};

use script::memory::Memory;
use script::{Command, check};

/// How many queries there were, and what was wrong with some.
struct Outcome {
    total: usize,
    failures: Vec<String>,
}

fn run(path: &Path) -> Outcome {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let commands = script::parse(&text).unwrap_or_else(|error| panic!("{name}: {}", error.0));
    let mut memory = Memory::default();
    let mut outcome = Outcome { total: 0, failures: Vec::new() };
    for command in &commands {
        match command {
            Command::Clear => memory = Memory::default(),
            Command::Load(load) => memory.load(load),
            Command::Eval(eval) => {
                outcome.total += 1;
                if let Err(error) = check::check(&memory, eval, eval.at_ms) {
                    outcome
                        .failures
                        .push(format!("{name}:{}: {}\n    {error}", eval.line, eval.query));
                }
            }
        }
    }
    outcome
}

fn run_all(directory: &Path) -> usize {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "test"))
        .collect();
    files.sort();
    let (mut total, mut failures) = (0, Vec::new());
    for file in files {
        let outcome = run(&file);
        total += outcome.total;
        failures.extend(outcome.failures);
    }
    assert!(failures.is_empty(), "{} of {total} failed:\n{}", failures.len(), failures.join("\n"));
    total
}

#[test]
fn our_scripts_pass() {
    let total = run_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/promql"));
    assert!(total > 0, "no query was run");
}

#[test]
fn the_scripts_of_prometheus_pass() {
    let directory = std::env::var_os("WATCHKEEP_CONFORMANCE_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance"),
        PathBuf::from,
    );
    let directory = directory.join("promql/testdata");
    if !directory.is_dir() {
        return;
    }
    run_all(&directory);
}
