//! What every source file keeps to.

use std::fs;

use crate::tree::{crates, is_test, manifest, root, rust_files, without_tests};

/// Longest source file, lines without inline tests: one file, one subject.
const MAX_LINES: usize = 600;

/// The top level, and nothing else: what else there is belongs into a crate.
const TOP: [&str; 13] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.md",
    "benches",
    "crates",
    "deploy",
    "docs",
    "testdata",
    "target",
];
/// Settings of tools that must stand there.
const TOP_TOOLS: [&str; 3] = ["clippy.toml", "deny.toml", "rustfmt.toml"];

#[test]
fn files_are_short() {
    for (path, text) in rust_files(&root().join("crates")) {
        let lines = without_tests(&text).lines().count();
        assert!(is_test(&path) || lines <= MAX_LINES, "{}: {lines} lines", path.display());
    }
}

#[test]
fn nothing_is_left_for_later() {
    // Written apart, so that this file doesn't hold them itself.
    let words = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["todo", "!("], ["unimplemented", "!("]];
    for (path, text) in rust_files(&root().join("crates")) {
        for word in words.map(|parts| parts.concat()) {
            assert!(!text.contains(&word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn every_crate_takes_the_workspace_lints() {
    for name in crates() {
        let lints = manifest(&name).get("lints").and_then(|lints| lints.get("workspace").cloned());
        assert_eq!(lints.and_then(|value| value.as_bool()), Some(true), "crate {name}");
    }
    let workspace: toml::Table =
        fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let unsafe_code = &workspace["workspace"]["lints"]["rust"]["unsafe_code"];
    assert_eq!(unsafe_code.as_str(), Some("forbid"));
    assert!(
        !root().join("rust-toolchain.toml").exists() && !root().join("rust-toolchain").exists()
    );
}

#[test]
fn the_top_level_stays_short() {
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = TOP.contains(&name.as_str()) || TOP_TOOLS.contains(&name.as_str());
        assert!(known || name.starts_with('.'), "{name} doesn't belong at the top level");
    }
}
