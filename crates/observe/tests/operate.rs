//! docs/operate.md, the alerts and the dashboard name the metrics that there are, and no others.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use auditseal_observe::{METRICS, Metric};

const BEGIN: &str = "<!-- metrics: made from crates/observe, AUDITSEAL_OVERWRITE=1 cargo test -p auditseal-observe writes it -->\n";
const END: &str = "<!-- end of metrics -->\n";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

fn table() -> String {
    let row = |metric: &Metric| {
        let labels = metric.labels().join(", ");
        format!("| `{}` | {} | {labels} | {} |\n", metric.name(), metric.type_name(), metric.help)
    };
    let rows: String = METRICS.iter().map(row).collect();
    format!("\n| metric | type | labels | what |\n|---|---|---|---|\n{rows}\n")
}

#[test]
fn the_page_has_the_table_of_metrics() {
    let page = text("docs/operate.md");
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    if std::env::var_os("AUDITSEAL_OVERWRITE").is_some() {
        let made = format!("{before}{BEGIN}{}{END}{after}", table());
        fs::write(path("docs/operate.md"), made).unwrap();
    } else {
        assert_eq!(found, table(), "AUDITSEAL_OVERWRITE=1 writes it again");
    }
}

/// The words of a text that look like our metrics.
fn named(text: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c| !word(c)).filter(|name| name.starts_with("auditseal_"));
    // Targets of log lines.
    words.filter(|name| *name != "auditseal_agent").map(str::to_owned).collect()
}

#[test]
fn alerts_dashboard_and_page_name_metrics_that_are_there() {
    let known: BTreeSet<_> = METRICS.iter().map(Metric::name).collect();
    let mut all = BTreeSet::new();
    for name in [
        "docs/operate.md",
        "deploy/prometheus/alerts.yaml",
        "deploy/prometheus/alerts_test.yaml",
        "deploy/grafana/auditseal.json",
    ] {
        let found = named(&text(name));
        assert!(found.len() > 8, "{name}: {found:?}");
        let wrong: Vec<_> = found.difference(&known).collect();
        assert!(wrong.is_empty(), "{name} names {wrong:?}");
        all.extend(found);
    }
    let known = known.into_iter().filter(|name| name.starts_with("auditseal_")).collect();
    assert_eq!(all, known);
}

#[test]
fn every_alert_has_a_page_and_a_test() {
    let (alerts, page) = (text("deploy/prometheus/alerts.yaml"), text("docs/operate.md"));
    let tests = text("deploy/prometheus/alerts_test.yaml");
    let names: Vec<_> =
        alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in &names {
        assert!(page.contains(&format!("\n### {name}\n")), "no page for {name}");
        assert!(tests.contains(&format!("      - alertname: {name}\n")), "no test for {name}");
        let anchor = format!("runbook_url: docs/operate.md#{}\n", name.to_lowercase());
        assert_eq!(alerts.matches(&anchor).count(), 1, "{name} has no link to its page");
    }
    let pages = page.lines().filter(|line| line.starts_with("### Auditseal")).count();
    assert_eq!(pages, names.len(), "a page for an alert that isn't there");
}
