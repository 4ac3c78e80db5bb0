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
