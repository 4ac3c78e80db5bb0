//! docs/operate.md, the alerts and the dashboard name the metrics that there are, and no others.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use auditseal_observe::{METRICS, Metric};
use auditseal_pack::{CHAIN_METRICS, LAST_RUN};

const BEGIN: &str = "<!-- metrics: made from crates/observe, AUDITSEAL_OVERWRITE=1 cargo test -p auditseal-observe writes it -->\n";
const END: &str = "<!-- end of metrics -->\n";
const BEGIN_PACKS: &str = "<!-- metrics of packing: made from crates/pack, likewise -->\n";
const END_PACKS: &str = "<!-- end of metrics of packing -->\n";

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
    headed(METRICS.iter().map(row).collect())
}

fn table_of_packing() -> String {
    let row = |(name, help, labels): (&str, &str, &str)| {
        format!("| `{name}` | gauge | {labels} | {help} |\n")
    };
    let chains = CHAIN_METRICS.iter().map(|metric| (metric.name, metric.help, "origin"));
    headed(chains.chain([(LAST_RUN.name, LAST_RUN.help, "")]).map(row).collect())
}

fn headed(rows: String) -> String {
    format!("\n| metric | type | labels | what |\n|---|---|---|---|\n{rows}\n")
}

#[test]
fn the_page_has_the_tables_of_metrics() {
    let mut page = text("docs/operate.md");
    for (begin, table, end) in [(BEGIN, table(), END), (BEGIN_PACKS, table_of_packing(), END_PACKS)]
    {
        let (before, rest) = page.split_once(begin).unwrap();
        let (found, after) = rest.split_once(end).unwrap();
        if std::env::var_os("AUDITSEAL_OVERWRITE").is_none() {
            assert_eq!(found, table, "AUDITSEAL_OVERWRITE=1 writes it again");
        }
        page = format!("{before}{begin}{table}{end}{after}");
    }
    if std::env::var_os("AUDITSEAL_OVERWRITE").is_some() {
        fs::write(path("docs/operate.md"), page).unwrap();
    }
}

/// The words of a text that look like our metrics.
fn named(text: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c| !word(c)).filter(|name| name.starts_with("auditseal_"));
    // Targets of log lines; and crates/forward looks at its own.
    let others = |name: &&str| *name != "auditseal_agent" && !name.starts_with("auditseal_forward");
    words.filter(others).map(str::to_owned).collect()
}

#[test]
fn alerts_dashboard_and_page_name_metrics_that_are_there() {
    let packing = CHAIN_METRICS.iter().chain([&LAST_RUN]).map(|metric| metric.name.to_owned());
    let known: BTreeSet<_> = METRICS.iter().map(Metric::name).chain(packing).collect();
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
