//! Reads what was said in steps of every dialect, from the files in `testdata/content`.

#![expect(clippy::unwrap_used, reason = "a broken case shall stop the test")]

mod support;

use std::path::Path;

use serde_json::Value;
use support::Case;
use watchkeep_genai::content::{Content, content_of_log, read_content};

/// What a case expects lists only what is not empty.
fn plain(content: &Content) -> Value {
    let mut value = serde_json::to_value(content).unwrap();
    value.as_object_mut().unwrap().retain(|_, value| match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        _ => true,
    });
    if !content.read.is_empty() {
        value["read"] = content.read.clone().into();
    }
    value
}

fn read(case: &Case) -> Content {
    let mut content = case.span.as_ref().map(|one| one.with(read_content)).unwrap_or_default();
    content.merge(case.logs.iter().map(|one| one.with(content_of_log)));
    content
}

fn run(file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/content").join(file);
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(!cases.is_empty());
    let mut wrong = Vec::new();
    for case in &cases {
        let found = plain(&read(case));
        if found != case.content {
            wrong.push(format!("{}:\n{found:#}", case.name));
        }
    }
    assert!(
        wrong.is_empty(),
        "{file}: {} cases read differently:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_file_of_cases_is_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/content");
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, FILES);
}

macro_rules! files {
    ($($test:ident: $file:literal),* $(,)?) => {
        const FILES: &[&str] = &[$($file),*];
        $(#[test] fn $test() { run($file); })*
    };
}
files! {
    langfuse_observations_are_read: "langfuse.json",
    log_records_are_read_and_joined: "logs.json",
    openinference_is_read: "openinference.json",
    openllmetry_is_read: "openllmetry.json",
    opentelemetry_is_read: "opentelemetry.json",
    pydantic_ai_is_read: "pydantic_ai.json",
    messages_of_providers_are_read: "shapes.json",
    tools_and_documents_are_read: "tools.json",
    vercel_is_read: "vercel.json",
}
