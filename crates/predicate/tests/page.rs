//! docs/query-language.md says what the program does: each field, question, answer, refusal and count on it.
//!
//! `AUDITSEAL_PAGE=write cargo test -p auditseal-predicate --test page` writes the counts again.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod recorded;

use auditseal_predicate::{Event, FieldPath, Predicate, Truth};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/query-language.md");

fn page() -> String {
    std::fs::read_to_string(PAGE).unwrap()
}

/// The cells of a row, of which `\|` is no border.
fn cells(row: &str) -> Vec<String> {
    let row = row.trim_matches('|').replace("\\|", "\u{0}");
    row.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect()
}

/// The rows of each table with this first line.
fn rows(page: &str, head: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if inside && line.starts_with('|') {
            rows.push(cells(line));
        } else {
            inside = line == head;
        }
    }
    rows.retain(|row| row[0] != "---");
    assert!(!rows.is_empty(), "no table begins with {head}");
    rows
}

fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn each_field_is_one() {
    let page = page();
    for row in [rows(&page, "| field | type |"), rows(&page, "| field | is |")].concat() {
        for path in code(&row[0]) {
            path.parse::<FieldPath>().unwrap_or_else(|refused| panic!("{path}: {refused}"));
        }
    }
}

#[test]
fn each_question_is_taken() {
    let page = page();
    let blocks = page.split("```cel\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let all: Vec<_> = blocks.flat_map(str::lines).collect();
    assert!(all.len() > 15, "{all:?}");
    for text in all {
        Predicate::from_cel(text).unwrap_or_else(|refused| panic!("{text}: {refused}"));
    }
}

#[test]
fn each_answer_is_the_programs() {
    for row in rows(&page(), "| question | of the event | answer |") {
        let members = code(&row[1])[0].strip_prefix('{').unwrap();
        let line = format!(r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1",{members}"#);
        let predicate = Predicate::from_cel(code(&row[0])[0]).unwrap();
        let answer = match predicate.eval(&Event::parse(line.as_bytes()).unwrap()) {
            Truth::True => "yes",
            Truth::Unknown => "unknown",
            Truth::False => "no",
        };
        assert_eq!(answer, row[2], "{row:?}");
    }
}

#[test]
fn each_refusal_is_the_programs() {
    for row in rows(&page(), "| refused | why |") {
        let text = row[0].trim_matches('`');
        let refused = Predicate::from_cel(text).err().unwrap_or_else(|| panic!("{text} is taken"));
        assert!(refused.why.contains(&row[1]), "{text}: {refused}");
    }
}

#[test]
fn each_count_is_the_recorded_logs() {
    let lines = recorded::lines();
    let events: Vec<_> = lines.iter().map(|line| Event::parse(line).unwrap()).collect();
    let (mut found, page) = (page(), page());
    for row in rows(&page, "| question | yes | unknown |") {
        let predicate = Predicate::from_cel(row[0].trim_matches('`')).unwrap();
        let count = |truth| events.iter().filter(|event| predicate.eval(event) == truth).count();
        let old = format!("| {} | {} | {} |", row[0], row[1], row[2]);
        let new = format!("| {} | {} | {} |", row[0], count(Truth::True), count(Truth::Unknown));
        assert!(page.contains(&old), "{old}");
        found = found.replace(&old, &new);
    }
    if std::env::var_os("AUDITSEAL_PAGE").is_some_and(|told| told == "write") {
        std::fs::write(PAGE, &found).unwrap();
    }
    assert!(
        found == page,
        "docs/query-language.md has other counts than the log: write them again"
    );
}
