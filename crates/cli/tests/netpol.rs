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

/// What `kubectl get pods,namespaces -A -o json` prints of the sample's cluster, at eleven o'clock.
fn listed() -> serde_json::Value {
    let pod = |namespace: &str, name: &str, ip: &str, app: &str, made: &str| {
        let made = format!("2026-11-{made}Z");
        serde_json::json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": namespace, "name": name, "uid": name, "labels": {"app": app}, "creationTimestamp": made},
            "status": {"phase": "Running", "podIP": ip, "hostIP": "192.0.2.7", "startTime": made,
                "containerStatuses": [{"name": "c", "state": {"running": {"startedAt": made}}}]}})
    };
    serde_json::json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "uid": "s", "creationTimestamp": "2026-11-01T00:00:00Z"}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db", "namespace": "shop"}},
        pod("shop", "web-6c9d8b7f5-x2x7k", "10.10.1.11", "web", "28T08:00:00"),
        pod("shop", "db-0", "10.10.2.21", "db", "28T08:00:00"),
        // It got the address of the probe that was stopped.
        pod("lab", "other", "10.10.4.40", "other", "29T10:30:00"),
    ]})
}

/// Antrea's log tells names and addresses alone.
#[test]
fn objects_tell_what_a_log_does_not() {
    let node = archived("antrea.log", "antrea");
    fs::write(node.path("p.yaml"), DB.replace("app: worker", "app: web")).unwrap();
    fs::write(node.path("o.json"), listed().to_string()).unwrap();
    let (policies, objects) = (node.shown("p.yaml"), node.shown("o.json"));
    let replay =
        |args: &[&str]| netpol(&node, &[&["replay", &policies, "-n", "shop"], args].concat());
    let bare = replay(&[]).ok();
    assert!(
        bare.err.ends_with("of 5 lines 0 would be blocked, 0 allowed, and of 2 it can't be told\n"),
        "{}",
        bare.err
    );
    let done = replay(&["--objects", &objects]).ok();
    let rows: Vec<String> =
        done.text().lines().map(|row| words(row).replace(&objects, "o.json")).collect();
    assert_eq!(
        rows[1..],
        [
            "allowed 1 ingress shop app=db (by o.json) shop app=web (by o.json) 5432/TCP shop/db prod/cp-1/audit 1:2",
            "allowed 1 ingress shop app=web (by o.json) 203.0.113.9 8080/TCP shop/web prod/cp-1/audit 1:1",
            "unknown (stopped then) 1 ingress 198.51.100.7 shop app=web (by o.json) 25/TCP the log has an address alone, and a pod may have it prod/cp-1/audit 1:4",
            "unknown (stopped then) 1 ingress shop app=db (by o.json) 10.10.4.40 (younger among the objects) 5432/TCP the log has an address alone, and a pod may have it prod/cp-1/audit 1:3",
            "unknown (stopped then) 1 ingress shop app=db (by o.json) 10.10.4.40 (younger among the objects) ICMP NetworkPolicies say nothing of this protocol prod/cp-1/audit 1:5",
        ]
    );
    let said = format!(
        "objects {objects}: pods 3, namespaces 1, of other kinds 1, which say nothing here; as they were at 2026-11-29T10:30:00.000000Z, the newest time in it\n\
         lines of which objects tell a side: 5; nothing proves that, nor that labels were the same before\n"
    );
    assert!(done.err.contains(&said), "{}", done.err);
    let zone = "lines of these whose time has no zone, and was read as UTC: 5; ";
    assert!(done.err.contains(zone), "{}", done.err);
    assert!(
        done.err.contains("\nlines with a side that is younger among the objects: 2\n"),
        "{}",
        done.err
    );
    let json = replay(&["--objects", &objects, "-o", "json"]).ok();
    let json: serde_json::Value = serde_json::from_slice(&json.out).unwrap();
    assert_eq!((&json["totals"]["allowed"], &json["totals"]["by_objects"]), (&2.into(), &5.into()));
    assert_eq!(json["totals"]["by_objects_no_zone"], 5);
    assert_eq!(json["totals"]["lacking_in_objects"]["younger"], 2);
    assert_eq!(
        (&json["rows"][0]["pods_by"][0], &json["rows"][3]["peer_lack"]),
        (&objects.clone().into(), &"younger".into())
    );
    // Of what came after they were seen they tell nothing.
    let early = replay(&["--objects", &objects, "--objects-at", "2026-11-29T10:29:59Z"]).ok();
    assert!(
        early.err.contains("as they were at 2026-11-29T10:29:59.000000Z, as --objects-at says\n"),
        "{}",
        early.err
    );
    let before = replay(&["--objects", &objects, "--objects-at", "2026-11-28T00:00:00Z"]);
    before.refused(
        "it has a time of 2026-11-29T10:30:00.000000Z, and is said to be written before that",
    );
    let suggested = netpol(&node, &["suggest", "-n", "shop", "--objects", &objects]).ok();
    let rule = "    - from:\n        - namespaceSelector: {\"matchLabels\": {\"kubernetes.io/metadata.name\": \"shop\"}}\n          podSelector: {\"matchLabels\": {\"app\": \"web\"}}\n";
    let rule = format!("    # 1 line of these by what objects tell of a side\n{rule}");
    assert!(suggested.text().contains(&rule), "{}", suggested.text());
    let head = format!(
        "# What the log doesn't tell of a pod, {objects} of 2026-11-29T10:30:00.000000Z does: nothing proves it, nor that labels were the same before.\n"
    );
    assert!(suggested.text().contains(&head), "{}", suggested.text());
    let zone = "# 5 lines of these have a time without a zone, which was read as UTC.\n";
    assert!(suggested.text().contains(zone), "{}", suggested.text());
}

/// Somebody who archives the answer keeps what it says of its times.
#[test]
fn flows_in_json_say_that_a_time_has_no_zone() {
    let node = archived("antrea.log", "antrea");
    let mut asked = program();
    asked.args(["query", "flows", "-o", "json", "--store", &node.store()]);
    let done = finish(asked.args(["--origin", "prod/cp-1/audit", "--vkey", &node.vkey])).ok();
    assert!(done.text().lines().next().unwrap().contains(r#""no_zone":true"#), "{done:?}");
}

#[test]
fn a_file_that_holds_no_objects_is_refused() {
    let node = archived("antrea.log", "antrea");
    fs::write(node.path("p.yaml"), DB).unwrap();
    let mut other = listed();
    other["items"][2]["metadata"].as_object_mut().unwrap().remove("uid");
    let other = other.to_string();
    for (text, why) in [
        ("", "there is neither a pod nor a namespace in it"),
        ("apiVersion: v1\nkind: List\nitems: []\n", "there is neither a pod nor a namespace in it"),
        ("NAME READY\nweb 1/1\n", "there is something that has no kind"),
        ("a: [", "read objects"),
        (
            other.as_str(),
            "pod shop/web-6c9d8b7f5-x2x7k has no uid or no creationTimestamp: no apiserver listed it",
        ),
    ] {
        fs::write(node.path("o"), text).unwrap();
        netpol(&node, &["replay", &node.shown("p.yaml"), "--objects", &node.shown("o")])
            .refused(why);
    }
    netpol(&node, &["suggest", "-n", "shop", "--objects-at", "1h"]).refused("--objects");
}

/// A pod of the older file may be gone by when the newer one was written.
#[test]
fn one_time_is_not_taken_for_several_files() {
    let node = archived("antrea.log", "antrea");
    fs::write(node.path("p.yaml"), DB).unwrap();
    let objects = node.shown("o.json");
    fs::write(&objects, listed().to_string()).unwrap();
    let policies = node.shown("p.yaml");
    let twice = ["--objects", &objects, "--objects", &objects];
    let at = "2026-11-29T10:30:00Z";
    for how in [&["replay", &*policies][..], &["suggest", "-n", "shop"]] {
        netpol(&node, &[how, &twice].concat()).ok();
        netpol(&node, &[how, &twice, &["--objects-at", at]].concat())
            .refused("2 files have one --objects-at, and each was written at its own time");
    }
}

/// A pod of one document may be gone by when the next one was written. All of a file is one line below the answer.
#[test]
fn one_time_is_not_taken_for_several_documents() {
    let node = archived("antrea.log", "antrea");
    fs::write(node.path("p.yaml"), DB).unwrap();
    let objects = node.shown("o.json");
    let document = format!("---\n{}\n", listed());
    fs::write(&objects, document.repeat(100)).unwrap();
    let policies = node.shown("p.yaml");
    let args = ["replay", &policies, "--objects", &objects];
    let done = netpol(&node, &args).ok();
    let said = format!(
        "objects {objects}: pods 300, namespaces 100, of other kinds 100, which say nothing here; as they were at \
         2026-11-29T10:30:00.000000Z, the newest time in each of its 100 documents\n"
    );
    assert!(done.err.contains(&said), "{}", done.err);
    assert_eq!(done.err.matches(&format!("objects {objects}: ")).count(), 1, "{}", done.err);
    let suggested = netpol(&node, &["suggest", "-n", "shop", "--objects", &objects]).ok();
    assert_eq!(suggested.text().matches("# What the log doesn't tell").count(), 1);
    netpol(&node, &[&args[..], &["--objects-at", "2026-11-29T10:30:00Z"]].concat())
        .refused("100 documents in it have one --objects-at, and each was written at its own time");
}

#[test]
fn standard_input_is_read_once() {
    let node = archived("antrea.log", "antrea");
    fs::write(node.path("p.yaml"), DB).unwrap();
    let policies = node.shown("p.yaml");
    let why = "read standard input: 2 of the files are `-`, and it is read once";
    netpol(&node, &["replay", "-", "--objects", "-"]).refused(why);
    netpol(&node, &["replay", &policies, "--objects", "-", "--objects", "-"]).refused(why);
    netpol(&node, &["suggest", "-n", "shop", "--objects", "-", "--objects", "-"]).refused(why);
}

#[test]
fn a_files_name_does_not_act_on_the_terminal() {
    let node = archived("antrea.log", "antrea");
    fs::write(node.path("p.yaml"), DB).unwrap();
    let (policies, objects) = (node.shown("p.yaml"), node.shown("z\nb\u{1b}[31m.json"));
    fs::write(&objects, "a: [").unwrap();
    for args in [&["replay", &*policies, "--objects", &*objects][..], &["replay", &*objects]] {
        let done = netpol(&node, args);
        done.refused("z\\u{a}b\\u{1b}[31m.json: ");
    }
    let done = netpol(&node, &["replay", &policies, "--objects", &objects]);
    assert!(done.err.contains("of more, print some namespaces into one file"), "{}", done.err);
}

/// A mistyped year would have each flow told by labels of long before.
#[test]
fn no_file_was_written_in_the_future() {
    let node = archived("antrea.log", "antrea");
    fs::write(node.path("p.yaml"), DB).unwrap();
    fs::write(node.path("o.json"), listed().to_string()).unwrap();
    let (policies, objects) = (node.shown("p.yaml"), node.shown("o.json"));
    let args = ["replay", &policies, "--objects", &objects, "--objects-at", "2199-01-01T00:00:00Z"];
    let done = netpol(&node, &args);
    assert!(done.code == 2 && done.out.is_empty(), "{}", done.err);
    assert!(done.err.contains("no file was written by then: now it is 2"), "{}", done.err);
}

/// Addresses of one cluster's pods are another cluster's, too.
#[test]
fn objects_are_of_one_cluster() {
    let node = archived("antrea.log", "antrea");
    fs::write(node.path("p.yaml"), DB).unwrap();
    fs::write(node.path("o"), listed().to_string()).unwrap();
    let (policies, objects) = (node.shown("p.yaml"), node.shown("o"));
    let args = ["replay", &policies, "--objects", &objects, "--origin", "test/cp-1/audit"];
    netpol(&node, &args).refused("choose chains: they are of the clusters prod, test");
}
