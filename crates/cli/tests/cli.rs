//! `--help`, held against transcripts. What pages say of it is held against it in `src/pages.rs`.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use node::{finish, program};

const COMMANDS: [&str; 23] = [
    "keygen",
    "pubkey",
    "run",
    "backfill",
    "retire",
    "status",
    "verify",
    "cat",
    "query",
    "history",
    "ls",
    "inspect",
    "prove",
    "check",
    "trust",
    "trust init",
    "trust show",
    "trust accept",
    "trust diff",
    "trust merge",
    "doctor",
    "worm-test",
    "completions",
];

/// Transcripts in `cmd`; `TRYCMD=overwrite cargo test -p auditseal-cli --test cli` writes them. A
/// backslash is a slash there: paths are compared so that they look alike everywhere.
#[test]
fn transcripts() {
    let cases = trycmd::TestCases::new();
    cases.env("COLUMNS", "80").case("tests/cmd/*.trycmd");
}

fn help(command: Option<&str>) -> String {
    let words = command.into_iter().flat_map(|command| command.split(' '));
    finish(program().args(words).arg("--help").env("COLUMNS", "80")).ok().text()
}

#[test]
fn every_page_fits_a_terminal_and_has_an_example() {
    for command in [None].into_iter().chain(COMMANDS.map(Some)) {
        let text = help(command);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{command:?}: {line}");
        }
        assert!(text.contains("Example"), "{command:?}");
        let name = command.map(|name| format!("auditseal {name} ")).unwrap_or_default();
        assert!(text.contains(&name), "{command:?}");
    }
}

#[test]
fn every_flag_has_a_variable() {
    for command in COMMANDS {
        let text = help(Some(command));
        let flags = text.lines().filter_map(|line| {
            let line = line.trim_start();
            line.starts_with("--").then(|| line[2..].split([' ', ',']).next().unwrap().to_owned())
        });
        let mut count = 0;
        for flag in flags.filter(|flag| !flag.is_empty()) {
            let variable = flag.replace('-', "_").to_ascii_uppercase();
            let together = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let shown = format!("[env: AUDITSEAL_{variable}]");
            assert!(together.contains(&shown), "{command}: no {shown} for --{flag}");
            count += 1;
        }
        assert!(count >= 2, "{command}: {count} flags");
    }
}

#[test]
fn variables_work_for_switches_too() {
    let line = ["cat", "--store", "file:///nowhere", "--origin", "a/b/c"];
    let strict = |value| finish(program().args(line).env("AUDITSEAL_STRICT", value));
    for value in ["1", "no", "true", ""] {
        strict(value).refused("the directory doesn't exist");
    }
    strict("x").refused("'--strict'");
}

#[test]
fn an_empty_variable_says_nothing() {
    let line = ["cat", "--store", "file:///nowhere", "--origin", "a/b/c"];
    let mut command = program();
    for name in ["ENDPOINT", "SINCE", "VKEY", "TIMEOUT", "LOG_LEVEL", "LOG_FORMAT"] {
        command.env(format!("AUDITSEAL_{name}"), "");
    }
    finish(command.args(line)).refused("the directory doesn't exist");
    let origin = finish(program().args(&line[..3]).env("AUDITSEAL_ORIGIN", ""));
    origin.refused("required arguments were not provided: --origin");
}
