//! What isn't proved isn't answered: exit codes of `history` and `query` where something can't be told, and what is said of it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs;

use node::{Done, Node, finish};
use serde_json::{Value, json};

/// An event about the ConfigMap `n/c`, of this second.
fn event(second: u64, verb: &str, level: &str, change: impl Fn(&mut Value)) -> String {
    let time = format!("2026-11-30T06:00:{second:02}.000000Z");
    let mut event = json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": level, "auditID": format!("a{second}"),
        "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/n/configmaps/c", "verb": verb,
        "user": {"username": "u"}, "sourceIPs": ["10.0.0.1"], "userAgent": "kubectl/v1",
        "objectRef": {"resource": "configmaps", "namespace": "n", "name": "c", "apiVersion": "v1"},
        "responseStatus": {"code": if verb == "create" { 201 } else { 200 }},
        "requestReceivedTimestamp": time, "stageTimestamp": time});
    if level != "Metadata" {
        event["requestObject"] = map(second);
    }
    if level == "RequestResponse" {
        event["responseObject"] = map(second);
    }
    change(&mut event);
    format!("{event}\n")
}

fn map(version: u64) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n", "uid": "u",
        "resourceVersion": version.to_string()}, "data": {"v": version.to_string()}})
}

fn archived(log: &str) -> Node {
    let node = Node::with(log.as_bytes());
    finish(&mut node.writer("backfill")).ok();
    node
}

fn ask(node: &Node, command: &str, words: &[&str]) -> Done {
    let trust = ["--origin", "prod/cp-1/audit", "--vkey", &node.vkey];
    node.read(command, &[words, &trust].concat())
}

/// Where requests without an answer may have made it what it is, nobody says that all is well.
#[test]
fn a_comparison_that_proves_nothing_is_no_success() {
    let made = event(1, "create", "RequestResponse", |_| {});
    let dark = event(2, "update", "Metadata", |_| {});
    let file = |node: &Node, object: &Value| {
        fs::write(node.path("live.json"), object.to_string()).unwrap();
        let live = node.shown("live.json");
        ask(node, "history", &["cm/c", "-n", "n", "--compare", &live])
    };
    let node = archived(&made);
    assert_eq!(file(&node, &map(1)).code, 0);
    assert_eq!(file(&node, &map(7)).code, 4, "a version that no request of the trail wrote");
    let node = archived(&(made + &dark));
    let done = file(&node, &map(7));
    assert!(
        done.code == 2 && done.text().contains("unknown: requests that the trail holds"),
        "{done:?}"
    );
    // One that is older than the archive isn't compared with anything.
    let mut old = map(1);
    old["metadata"]["name"] = "d".into();
    old["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z".into();
    fs::write(node.path("live.json"), old.to_string()).unwrap();
    let done = ask(&node, "history", &["cm/d", "-n", "n", "--compare", &node.shown("live.json")]);
    assert!(done.code == 2 && done.text().contains("older than what was searched"), "{done:?}");
}

#[test]
fn what_an_object_was_and_nobody_knows_is_no_answer() {
    let at =
        |log: &str, time: &str| ask(&archived(log), "history", &["cm/c", "-n", "n", "--at", time]);
    let made = event(1, "create", "RequestResponse", |_| {});
    let done = at(&made, "2026-11-30T06:00:09Z");
    assert!(done.code == 0 && done.text().contains("# inferred: nothing proves"), "{done:?}");
    let done = at(&event(1, "create", "Metadata", |_| {}), "2026-11-30T06:00:09Z");
    assert!(done.code == 2 && done.text().contains("what it was isn't known"), "{done:?}");
    // That it wasn't there is inferred, too: another one may have made and deleted it.
    let gone = event(2, "delete", "RequestResponse", |event| {
        event["requestObject"] = Value::Null;
        event["responseObject"] =
            json!({"kind": "Status", "status": "Success", "details": {"uid": "u"}});
        event["responseStatus"] = json!({"status": "Success", "code": 200});
    });
    let done = at(&(made + &gone), "2026-11-30T06:00:09Z");
    let text = done.text();
    assert!(
        done.code == 0 && text.contains("it wasn't there\n# inferred: nothing proves"),
        "{text}"
    );
}

/// A line with a key twice is named, and what it costs.
#[test]
fn a_line_that_contradicts_itself_is_named() {
    let made = event(1, "create", "RequestResponse", |_| {});
    let twice = event(2, "update", "RequestResponse", |_| {}).replacen(
        "\"verb\":",
        "\"verb\":\"get\",\"verb\":",
        1,
    );
    // Two of a kind within what the apiserver's own parts hold.
    let inner = event(3, "update", "RequestResponse", |event| {
        event["responseStatus"]["details"] = json!({"uid": "u"});
    });
    let inner = inner.replacen("\"uid\":\"u\"}", "\"uid\":\"u\",\"uid\":\"v\"}", 1);
    let node = archived(&(made + &twice + &inner));
    let done = ask(&node, "history", &["cm/c", "-n", "n", "--diff"]);
    for said in [
        "can't be read: prod/cp-1/audit 1:2: a member of the event stands twice, and nobody knows which one counts",
        "what can't be read isn't told, and may be a request about this object",
    ] {
        assert!(done.err.contains(said), "{}", done.err);
    }
    assert!(done.text().contains("data: set to {\"v\":\"1\"} (exact)"), "{}", done.text());
    let done = ask(&node, "query", &["cm/c", "-n", "n"]);
    assert!(done.err.contains("can't be read: prod/cp-1/audit 1:2: "), "{}", done.err);
}

/// kubectl doesn't look at a namespace of what is in none.
#[test]
fn of_types_of_the_cluster_no_namespace_is_asked() {
    let of = |second: u64, resource: &str, namespace: Option<&str>| {
        event(second, "update", "Metadata", |event| {
            event["objectRef"] = json!({"resource": resource, "name": "x", "apiVersion": "v1"});
            if let Some(namespace) = namespace {
                event["objectRef"]["namespace"] = namespace.into();
            }
        })
    };
    let custom = of(6, "widgets", None).replacen(
        "\"objectRef\":{",
        "\"objectRef\":{\"apiGroup\":\"example.com\",",
        1,
    );
    let log = [
        of(1, "nodes", None),
        of(2, "pods", Some("prod")),
        of(3, "pods", Some("test")),
        of(4, "namespaces", Some("prod")),
        of(5, "namespaces", Some("test")),
        custom,
    ];
    let node = archived(&log.concat());
    let count = |words: &[&str]| {
        let done = ask(&node, "query", &[words, &["-o", "count"]].concat());
        (done.text().trim().to_owned(), done.err)
    };
    let note = "note: nodes are in no namespace: -n isn't asked of them, as by kubectl";
    let (found, err) = count(&["nodes", "-n", "prod"]);
    assert!(found == "1" && err.contains(note), "{found} {err}");
    let (found, err) = count(&["nodes,pods", "-n", "prod"]);
    assert!(found == "2" && err.contains(note), "{found} {err}");
    let (found, err) = count(&["nodes"]);
    assert!(found == "1" && !err.contains("note: nodes"), "{found} {err}");
    // Events of a Namespace name it.
    let (found, err) = count(&["ns", "-n", "prod"]);
    assert!(found == "1" && !err.contains("note: namespaces"), "{found} {err}");
    let (found, err) = count(&["widgets.example.com", "-n", "prod"]);
    assert!(
        found == "0"
            && err.contains("hint: objects of a type that isn't built in may be in no namespace"),
        "{found} {err}"
    );
    let done = ask(&node, "history", &["nodes/x", "-n", "prod"]);
    assert!(done.err.contains(note) && done.text().contains("changed"), "{done:?}");
    let done = ask(&node, "history", &["widgets.example.com/x", "-n", "prod"]);
    assert!(
        done.err.contains("left out: 1 requests are of an object of that name in no namespace"),
        "{done:?}"
    );
}
