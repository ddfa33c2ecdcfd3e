//! The house rules that a program can check: which crate may know which, and how files begin.

#![expect(clippy::unwrap_used, reason = "all of this is a test, helpers too")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap()
}

/// What a package needs to be built; what its tests need beside that may be anything.
fn dependencies(package: &Value) -> impl Iterator<Item = &str> {
    let all = package["dependencies"].as_array().unwrap().iter();
    all.filter(|dependency| dependency["kind"].as_str() != Some("dev")).map(name)
}

#[test]
fn a_crate_depends_only_on_lower_layers() {
    let packages = packages();
    let layers: BTreeMap<&str, i64> = packages
        .iter()
        .map(|package| {
            let layer = package["metadata"]["watchkeep"]["layer"].as_i64();
            (name(package), layer.unwrap_or_else(|| panic!("{} names no layer", name(package))))
        })
        .collect();
    for package in &packages {
        let own = layers[name(package)];
        for dependency in dependencies(package) {
            if let Some(layer) = layers.get(dependency) {
                assert!(
                    *layer < own,
                    "{} (layer {own}) depends on {dependency} (layer {layer})",
                    name(package)
                );
            }
        }
    }
}

#[test]
fn heavy_libraries_stay_behind_their_fences() {
    // Library (or the start of its name), and the crates that may name it.
    const FENCES: [(&str, &[&str]); 6] = [
        ("axum", &["watchkeep-server"]),
        ("tonic", &["watchkeep-server"]),
        ("hyper", &["watchkeep-server", "watchkeep"]),
        ("arrow-", &["watchkeep-storage", "watchkeep-engine"]),
        ("tokio", &["watchkeep-storage", "watchkeep-engine", "watchkeep-server", "watchkeep"]),
        ("openssl", &[]),
    ];
    for package in packages() {
        for dependency in dependencies(&package) {
            for (library, allowed) in FENCES {
                assert!(
                    !dependency.starts_with(library) || allowed.contains(&name(&package)),
                    "{} names {dependency}",
                    name(&package)
                );
            }
        }
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for package in packages() {
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{} does not", name(&package));
    }
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn files_say_what_they_are_and_tests_are_honest() {
    const LINES_MAX: usize = 700;
    let mut files = Vec::new();
    rust_files(&root().join("crates"), &mut files);
    assert!(files.len() > 50, "the files were not found");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let shown = file.display();
        assert!(text.starts_with("//!"), "{shown} does not begin with what it is");
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{shown} has {lines} lines, more than {LINES_MAX}");
        // Written so that this file does not find itself.
        for forbidden in [concat!("#[", "ignore"), concat!("#[", "should_panic")] {
            assert!(!text.contains(forbidden), "{shown} contains {forbidden}");
        }
    }
}
