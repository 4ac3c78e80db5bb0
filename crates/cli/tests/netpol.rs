//! Policies held against flows that are sealed, and policies made of them.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs;
use std::path::Path;

use node::{Done, Node, finish, program};

/// A node with the sample's flows, archived.
fn archived(sample: &str, format: &str) -> Node {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/flows");
    let node = Node::with(&fs::read(folder.join(sample)).unwrap());
    let format = format!("audit={format}");
    finish(node.writer("backfill").args(["--source-format", &format])).ok();
    node
}

fn netpol(node: &Node, args: &[&str]) -> Done {
    let mut command = program();
    command.arg("netpol").args(args).args(["--store", &node.store()]);
    finish(command.args(["--origin", "prod/cp-1/audit", "--vkey", &node.vkey]))
}

fn words(row: &str) -> String {
    row.split_whitespace().collect::<Vec<_>>().join(" ")
}

const DB: &str = "\
# from and ports of one rule
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: worker}}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - ports: [{port: 8080}, {port: metrics}]
";

#[test]
fn policies_are_held_against_what_was_seen() {
    let node = archived("hubble.log", "hubble");
    fs::write(node.path("p.yaml"), DB).unwrap();
    let file = node.shown("p.yaml");
    let done = netpol(&node, &["replay", &file, "-n", "shop"]).ok();
    let rows: Vec<String> = done.text().lines().map(words).collect();
    assert_eq!(
        rows,
        [
            "WOULD BE LINES WAY PODS PEER PORT BY, OR WHY FIRST SEALED",
            "blocked 2 ingress shop app=db shop app=web,tier=front 5432/TCP no rule of shop/db prod/cp-1/audit 1:2",
            "unknown 1 ingress shop app=web,tier=front monitoring app.kubernetes.io/name=prometheus 9090/TCP a rule's port has a name, whose number the pod says prod/cp-1/audit 1:6",
            "allowed 1 ingress shop app=web,tier=front 203.0.113.9 8080/TCP shop/web prod/cp-1/audit 1:1",
            "blocked (stopped then) 1 ingress shop app=db lab run=probe 5432/TCP no rule of shop/db prod/cp-1/audit 1:7",
        ]
    );
    let last = done.err.lines().next_back().unwrap();
    assert_eq!(last, "of 9 lines 2 would be blocked, 1 allowed, and of 1 it can't be told");
    assert!(done.err.contains("lines answers, of which no policy is asked: 1"), "{}", done.err);
    assert_eq!(netpol(&node, &["replay", &file, "-n", "shop", "--fail-if-blocked"]).code, 4);
    let json = netpol(&node, &["replay", &file, "-n", "shop", "-o", "json"]).ok();
    let json: serde_json::Value = serde_json::from_slice(&json.out).unwrap();
    assert_eq!(json["totals"]["blocked"], 2);
    assert_eq!(json["rows"][0]["cited"][1]["line"], 3);
    assert_eq!(json["policies"][0]["name"], "shop/db");
}

#[test]
fn what_is_suggested_stops_nothing_that_was_seen() {
    let node = archived("hubble.log", "hubble");
    let made = netpol(&node, &["suggest", "-n", "shop"]).ok();
    assert!(made.text().contains("    # 1 line: prod/cp-1/audit 1:3\n"), "{}", made.text());
    assert!(made.err.ends_with("suggested: 2 policies with 6 rules, of 9 lines\n"), "{}", made.err);
    fs::write(node.path("s.yaml"), &made.out).unwrap();
    let args = ["replay", &node.shown("s.yaml"), "--fail-if-blocked"];
    let replayed = netpol(&node, &args);
    assert!(replayed.err.contains("of 9 lines 0 would be blocked, 6 allowed"), "{}", replayed.err);
    // The sample says that flows were lost: of these nobody knows.
    assert_eq!(replayed.code, 2, "{replayed:?}");
    let why = "can't be told: there are lines that are no flows\n";
    assert!(replayed.err.ends_with(why), "{}", replayed.err);
    let missing = "lines that are no flows: 1 (`query flows --unknown` lists them)";
    assert!(made.text().contains(&format!("# MISSING: {missing}\n---\n")), "{}", made.text());
    assert!(made.err.contains(&format!("\nMISSING: {missing}\n")), "{}", made.err);
    assert_eq!(netpol(&node, &["suggest", "-n", "shop"]).out, made.out, "the same again");
    let none = netpol(&archived("ovn.log", "ovn"), &["suggest", "-n", "shop"]);
    assert!(none.code == 4 && none.out.is_empty(), "{none:?}");
    assert!(
        none.err.contains("MISSING: lines of pods whose labels the log doesn't tell: 2"),
        "{}",
        none.err
    );
    netpol(&node, &["suggest", "-n", "Shop"]).refused("no namespace is called 'Shop'");
}

const META: &str = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: web\nspec: {podSelector: {}}\n";

/// Flows of the sample without the exporter's own notes.
fn told_whole() -> Node {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/flows");
    let text = fs::read_to_string(folder.join("hubble.log")).unwrap();
    let flows: Vec<&str> = text.lines().filter(|line| line.contains("\"flow\"")).collect();
    let node = Node::with(format!("{}\n", flows.join("\n")).as_bytes());
    finish(node.writer("backfill").args(["--source-format", "audit=hubble"])).ok();
    node
}

/// Nothing that was checked is no word that nothing would be blocked.
#[test]
fn where_nothing_was_checked_it_cannot_be_told() {
    let node = told_whole();
    let held = |name: &str, pods: &str, args: &[&str]| {
        let text = DB
            .replace("name: db", "name: a")
            .replace("{app: db}", pods)
            .replace("app: worker", "app: web");
        fs::write(node.path(name), text.split("---\n").nth(1).unwrap()).unwrap();
        let file = node.shown(name);
        netpol(&node, &[&["replay", &file, "-n", "shop", "--fail-if-blocked"], args].concat())
    };
    held("a.yaml", "{app: db}", &[]).ok();
    let nobody = held("b.yaml", "{app: none}", &[]);
    let why = "whether these policies would block anything can't be told: no flow was seen of pods that these policies are for\n";
    assert!(nobody.code == 2 && nobody.err.ends_with(why), "{nobody:?}");
    let never = held("a.yaml", "{app: db}", &["--until", "2001-01-01"]);
    assert!(
        never.code == 2 && never.err.ends_with("there is no flow in what was read\n"),
        "{never:?}"
    );
}

/// What `kubectl kustomize` writes has more than policies.
#[test]
fn objects_of_other_kinds_are_left_out_and_named() {
    let node = told_whole();
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\n";
    fs::write(node.path("all.yaml"), format!("{service}{DB}{service}")).unwrap();
    let done = netpol(&node, &["replay", &node.shown("all.yaml"), "-n", "shop"]).ok();
    let said = "objects that are no NetworkPolicies, and were left out: 2, Service shop/db, Service shop/db\npolicy shop/db: ";
    assert!(done.err.contains(said), "{}", done.err);
}

#[test]
fn a_file_that_holds_no_policies_is_refused() {
    let node = archived("hubble.log", "hubble");
    let mut long = "# ".repeat(9 << 20);
    long.push('\n');
    for (text, why) in [
        ("a: [", "read policies"),
        ("", "there is none in these files"),
        ("kind: Pod\napiVersion: v1\nmetadata: {name: x}\n", "were left out: 1, Pod x\n"),
        ("kind: Pod\nmetadata: {name: x}\n", "default/x: it is no NetworkPolicy"),
        ("- a\n", "it is no NetworkPolicy"),
        (META, "default/(without a name): metadata: it is"),
        (long.as_str(), "it is larger than 16777216 bytes"),
    ] {
        fs::write(node.path("p.yaml"), text).unwrap();
        let done = netpol(&node, &["replay", &node.shown("p.yaml")]);
        assert!(done.code == 2 && done.err.contains(why), "{why}: {}", done.err);
    }
    netpol(&node, &["replay", "/none.yaml"]).refused("read policies /none.yaml");
}
