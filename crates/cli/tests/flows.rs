//! Logs of network policies: sealed byte for byte, dated as their format says.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs;
use std::path::{Path, PathBuf};

use node::{Done, Node, events, finish};

/// Each sample, how it is named and dated.
const SAMPLES: [(&str, &str, &str); 7] = [
    ("hubble.log", "hubble", "json:time"),
    ("antrea.log", "antrea", "none"),
    ("calico.log", "calico", "none"),
    ("ovn.log", "ovn", "none"),
    ("gke.jsonl", "jsonl:timestamp", "json:timestamp"),
    ("vpc-cni.jsonl", "jsonl:ts", "json:ts"),
    ("netfilter.log", "text", "none"),
];

fn sample(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/flows");
    fs::read(folder.join(name)).unwrap()
}

/// Archives with these flags more.
fn backfill(node: &Node, args: &[&str]) -> Done {
    finish(node.writer("backfill").args(args))
}

/// The bytes of all objects, one behind the other, as text.
fn objects(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let of = |path: PathBuf| match path.is_dir() {
        true => objects(&path),
        false => String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned(),
    };
    entries.map(of).collect()
}

#[test]
fn each_format_comes_back_and_is_dated_as_it_says() {
    for (name, format, times) in SAMPLES {
        let log = sample(name);
        // Half of it in a backup, as lumberjack names them: most of these logs are rotated by it.
        let half =
            log.len() / 2 + log[log.len() / 2..].iter().position(|b| *b == b'\n').unwrap() + 1;
        let node = Node::with(&log[half..]);
        node.write("audit-2026-11-29T10-00-05.000.log", &log[..half]);
        backfill(&node, &["--source-format", &format!("audit={format}")]).ok();
        node.assert_same();
        let args = ["--origin", "prod/cp-1/audit", "--vkey", &node.vkey, "--format", "json"];
        let report: serde_json::Value =
            serde_json::from_slice(&node.read("verify", &args).ok().out).unwrap();
        assert_eq!(report["origins"][0]["malformed"], 0, "{name}: they aren't audit events");
        let objects = objects(&node.path("store"));
        let said = format!(r"\ntimes {times}\n");
        // Seals without lines say the same, or each would end a pack.
        assert!(objects.contains(&said) && !objects.contains(r"\ntimes audit\n"), "{name}");
    }
}

#[test]
fn a_format_names_a_source_once() {
    let node = Node::with(&events(0, 1));
    let run = |args: &[&str]| backfill(&node, args);
    run(&["--source-format", "flows=ovn"]).refused("there is no such source");
    let twice = ["--source-format", "audit=ovn", "--source-format", "audit=text"];
    run(&twice).refused("this source has a format already");
    let wrong = run(&["--source-format", "audit=syslog"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("expected hubble, antrea, calico, ovn, jsonl:FIELD, text or audit"));
}

/// What one row of a table says, without what stands between its columns.
fn words(row: &str) -> String {
    row.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn flows_are_asked_for_and_each_is_cited_and_proved() {
    let node = Node::with(&sample("hubble.log"));
    backfill(&node, &["--source-format", "audit=hubble"]).ok();
    let args = ["--origin", "prod/cp-1/audit", "--vkey", &node.vkey];
    let ask = |more: &[&str]| {
        let store = node.store();
        let mut asked = node::program();
        finish(asked.args(["query", "flows", "--store", &store]).args(args).args(more))
    };
    let denied = ask(&["--verdict", "denied", "--proof", &node.shown("proofs")]).ok();
    let text = denied.text();
    let rows: Vec<String> = text.lines().map(words).collect();
    assert_eq!(
        rows,
        [
            "TIME VERDICT FROM TO PORT POLICIES SEALED",
            "2026-11-29T10:00:03.000Z denied ingress lab/probe shop/db-0 5432/TCP - prod/cp-1/audit 1:7",
        ]
    );
    assert!(denied.err.contains("1 no flows"), "hubble's note of what it lost: {}", denied.err);
    let proof = node.shown("proofs/prod+cp-1+audit-1-7.proof");
    let checked = finish(node::program().args(["check", &proof]).args(args));
    assert!(checked.code == 0, "{checked:?}\n{}", checked.text());
    assert!(checked.text().contains("These exact 1329 bytes are line 7 of seal 1"), "{checked:?}");
    let count = |more: &[&str]| ask(&[more, &["-o", "count"]].concat()).ok().text();
    assert_eq!(count(&[]), "9\n");
    assert_eq!(count(&["-n", "monitoring"]), "1\n");
    assert_eq!(count(&["--from", "203.0.113.0/24", "--port", "8000-8080"]), "1\n");
    assert_eq!(count(&["--since", "2026-11-29T10:00:04Z"]), "2\n");
    let first = ask(&["--policy", "shop/db", "-o", "jsonl"]).ok().out;
    let third = sample("hubble.log");
    let third = third.split_inclusive(|byte| *byte == b'\n').nth(2).unwrap();
    assert!(first == third, "the line, byte for byte");
    let none = ask(&["--policy", "shop/none", "--fail-if-none"]);
    assert_eq!(none.code, 2, "most lines name no policy: {}", none.err);
    ask(&["--since", "2026-11-30", "--until", "2026-11-29"]).refused("--since is after --until");
    let wrong = ask(&["--port", "70000"]);
    assert!(wrong.code == 2 && wrong.err.contains("'70000' is no port"), "{}", wrong.err);
}
