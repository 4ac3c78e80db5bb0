//! The workspace as files.

use std::fs;
use std::path::{Path, PathBuf};

/// Root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Names of all crates.
pub(crate) fn crates() -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("Cargo.toml").exists())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A crate's manifest.
pub(crate) fn manifest(name: &str) -> toml::Table {
    let path = root().join("crates").join(name).join("Cargo.toml");
    fs::read_to_string(path).unwrap().parse().unwrap()
}

/// Names in a section of a crate's manifest.
pub(crate) fn section(name: &str, section: &str) -> Vec<String> {
    let manifest = manifest(name);
    let table = manifest.get(section).and_then(toml::Value::as_table);
    table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

/// All Rust files below a folder, with their texts.
pub(crate) fn rust_files(below: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![below.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                if !path.ends_with("target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

/// A file's text without its inline tests, which may do as they like.
pub(crate) fn without_tests(text: &str) -> &str {
    let begins = |behind: &str| {
        let mut lines = behind.lines().skip_while(|line| line.starts_with("#["));
        lines.next().is_some_and(|line| line.starts_with("mod tests {"))
    };
    let found = text.match_indices("#[cfg(test)]\n").find(|(at, _)| begins(&text[*at..]));
    found.map_or(text, |(at, _)| &text[..at])
}

/// Whether a path is a file of tests.
pub(crate) fn is_test(path: &Path) -> bool {
    let inside = |name: &str| path.components().any(|part| part.as_os_str() == name);
    inside("tests") || path.file_name().is_some_and(|name| name == "tests.rs")
}
