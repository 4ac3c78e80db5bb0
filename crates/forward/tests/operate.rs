//! docs/operate.md, the alerts and the dashboard name the metrics that there are, and no others.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use auditseal_forward::ForwardTally;

const BEGIN: &str = "<!-- metrics of forward: made from crates/forward, AUDITSEAL_OVERWRITE=1 cargo test -p auditseal-forward writes it -->\n";
const END: &str = "<!-- end of metrics of forward -->\n";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// What is served, by name: its type and what it says. Those of chains are told from those of sinks by their values, of
/// which there are none yet.
fn served() -> Vec<(String, String, String)> {
    let text = ForwardTally::default().metrics();
    let helps = text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' '));
    let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let both = helps.zip(kinds).map(|((name, help), (again, kind))| {
        assert_eq!(name, again);
        (name.to_owned(), kind.to_owned(), help.trim_end_matches('.').to_owned())
    });
    both.collect()
}

#[test]
fn the_page_has_the_table_of_metrics() {
    let rows =
        served().into_iter().map(|(name, kind, help)| format!("| `{name}` | {kind} | {help} |\n"));
    let table =
        format!("\n| metric | type | what |\n|---|---|---|\n{}\n", rows.collect::<String>());
    let page = fs::read_to_string(path("docs/operate.md")).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    if std::env::var_os("AUDITSEAL_OVERWRITE").is_some() {
        let page = format!("{before}{BEGIN}{table}{END}{after}");
        return fs::write(path("docs/operate.md"), page).unwrap();
    }
    assert_eq!(found, table, "AUDITSEAL_OVERWRITE=1 writes it again");
}

/// The words of a text that look like our metrics.
fn named(text: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c| !word(c)).filter(|name| name.starts_with("auditseal_forward_"));
    words.map(str::to_owned).collect()
}

#[test]
fn alerts_dashboard_and_pages_name_metrics_that_are_there() {
    let known: BTreeSet<String> = served().into_iter().map(|(name, ..)| name).collect();
    for (name, all) in [
        ("deploy/grafana/forward.json", true),
        ("docs/operate.md", true),
        ("docs/forward.md", false),
        ("deploy/prometheus/alerts.yaml", false),
        ("deploy/prometheus/alerts_test.yaml", false),
    ] {
        let found = named(&fs::read_to_string(path(name)).unwrap());
        assert!(found.len() > 3, "{name}: {found:?}");
        let wrong: Vec<_> = found.difference(&known).collect();
        assert!(wrong.is_empty(), "{name} names {wrong:?}");
        assert!(!all || found == known, "{name} leaves out {:?}", known.difference(&found));
    }
}
